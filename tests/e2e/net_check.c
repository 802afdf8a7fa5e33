/* SPDX-License-Identifier: MIT
 *
 * A real guest behind a real backend, tap and bridge, in a network namespace
 * of its own: frames of all sizes come back unchanged, ping works at all
 * sizes, and the standard tools list the vif.
 */
#include "backends/common/stats_abi.h"
#include "backends/net/host/filter.h"
#include "backends/net/host/hostif.h"
#include "tests/e2e/launch.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define TAP    "vif5.0"
#define BRIDGE "xbr0"
#define MTU    65521u

static const uint8_t guest_mac[6] = {0, 0x16, 0x3e, 0, 0, 5};

struct lab {
    struct launch l;
    struct launch_dom *back, *guest;
    struct weir_resource res;
    int tap, raw;
    uint8_t mac[6];
};

static int setup(struct lab *lab)
{
    struct weir_hostif_err e;
    bool created;
    struct weir_tap_config tap = {
        .name = TAP, .queues = 1, .mtu = MTU, .bridge = BRIDGE};
    int ret = weir_bridge_ensure(BRIDGE, &created, &e);
    if (!ret)
        ret = weir_hostif_set_mtu(BRIDGE, MTU, &e);
    if (!ret)
        ret = weir_hostif_add_address(BRIDGE, "10.77.0.1/24", &e);
    if (!ret)
        ret = weir_hostif_add_address(BRIDGE, "10.77.0.1/24", &e); /* again */
    if (!ret)
        ret = weir_tap_create(&tap, &lab->tap, &e);
    if (!ret)
        ret = weir_hostif_set_mtu(BRIDGE, MTU, &e);
    if (ret)
        fprintf(stderr, "%s\n", e.text);
    return ret;
}

static void start_guest(struct lab *lab, bool pool)
{
    static const char *const back[] = {"weir-netback", NULL};
    static const char *const guest[] = {"net_guest", "echo", "10.77.0.2", NULL};
    lab->res = (struct weir_resource){
        .cls = WEIR_RES_VIF,
        .nfds = 1,
        .vif = {.flags = WEIR_VIF_VNET_HDR, .queues = 1, .mtu = MTU}};
    memcpy(lab->res.vif.mac, guest_mac, 6);
    strcpy(lab->res.label, TAP);
    lab->back = launch_create(&lab->l, "net", true, 8192);
    lab->guest = launch_create(&lab->l, "guest", false, 8192);
    assert_non_null(lab->back);
    assert_non_null(lab->guest);
    assert_int_equal(launch_exec(&lab->l, lab->back, back), 0);
    assert_int_equal(launch_ready(lab->back, 5000), 0);
    assert_int_equal(
        launch_device(&lab->l, lab->guest, lab->back, &lab->res, &lab->tap), 0);
    launch_front_node(&lab->l, lab->guest, &lab->res, "mac",
                      "00:16:3e:00:00:05");
    if (pool)
        unsetenv("NET_GUEST_NO_POOL");
    else
        setenv("NET_GUEST_NO_POOL", "1", 1);
    assert_int_equal(launch_exec(&lab->l, lab->guest, guest), 0);
    unsetenv("NET_GUEST_NO_POOL");
}

static void open_raw(struct lab *lab)
{
    struct ifreq ifr = {0};
    lab->raw = socket(AF_PACKET, SOCK_RAW, htons(0x88b5));
    assert_true(lab->raw >= 0);
    strcpy(ifr.ifr_name, BRIDGE);
    assert_int_equal(ioctl(lab->raw, SIOCGIFHWADDR, &ifr), 0);
    memcpy(lab->mac, ifr.ifr_hwaddr.sa_data, 6);
    struct sockaddr_ll sa = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(0x88b5),
                             .sll_ifindex = (int)if_nametoindex(BRIDGE)};
    assert_int_equal(bind(lab->raw, (struct sockaddr *)&sa, sizeof(sa)), 0);
}

static void build(struct lab *lab, uint8_t *p, uint32_t len, uint16_t type)
{
    memcpy(p, guest_mac, 6);
    memcpy(p + 6, lab->mac, 6);
    p[12] = (uint8_t)(type >> 8);
    p[13] = (uint8_t)type;
    for (uint32_t i = 14; i < len; i++)
        p[i] = (uint8_t)(i * 2654435761u >> 24 ^ len);
}

/* Sends until it comes back: the first ones may meet a guest that is still
 * connecting. */
static int round_trip(struct lab *lab, uint32_t len, int tries)
{
    static uint8_t out[65536], in[65536];
    build(lab, out, len, 0x88b5);
    for (int t = 0; t < tries; t++) {
        assert_int_equal(send(lab->raw, out, len, 0), len);
        struct pollfd p = {.fd = lab->raw, .events = POLLIN};
        while (poll(&p, 1, 200) == 1) {
            ssize_t n = recv(lab->raw, in, sizeof(in), 0);
            if (n == (ssize_t)len && !memcmp(in, lab->mac, 6) &&
                !memcmp(in + 6, guest_mac, 6) &&
                !memcmp(in + 14, out + 14, len - 14))
                return 0;
            if (n == (ssize_t)len && !memcmp(in, lab->mac, 6))
                return -EBADMSG;
        }
    }
    return -ETIMEDOUT;
}

static void sizes(struct lab *lab)
{
    assert_int_equal(round_trip(lab, 60, 50), 0);
    for (uint32_t len = 60; len <= 65535; len += len < 300 ? 1 : len / 9)
        if (round_trip(lab, len, 3))
            fail_msg("a frame of %u bytes did not come back unchanged", len);
    if (round_trip(lab, 65535, 3))
        fail_msg("a frame of 65535 bytes did not come back unchanged");
}

static void pings(void)
{
    static const unsigned bytes[] = {0,    1,    56,   1400,  1472,
                                     1473, 4000, 9000, 30000, 65507};
    for (unsigned i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        char cmd[96];
        snprintf(cmd, sizeof(cmd),
                 "ping -q -c 3 -i 0.002 -W 2 -s %u 10.77.0.2 >/dev/null",
                 bytes[i]);
        if (system(cmd))
            fail_msg("ping of %u bytes failed", bytes[i]);
    }
}

static void listed(const char *cmd, const char *what)
{
    char text[4096];
    FILE *f = popen(cmd, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    pclose(f);
    if (!strstr(text, what))
        fail_msg("`%s` does not show %s:\n%s", cmd, what, text);
}

/* Wake-ups that find nothing stay below one in a thousand (design, section
 * 9); one at the connection is the protocol's own. */
static void few_spurious(struct lab *lab)
{
    static union {
        struct weir_stats_page page;
        uint8_t bytes[WEIR_PAGE_SIZE];
    } u;
    assert_int_equal(weir_hvctl_stats(lab->l.ctl, lab->back->domid, u.bytes),
                     0);
    uint64_t kicks = u.page.dev[0].word[WEIR_STAT_VIF_KICKS_IN];
    uint64_t spurious = u.page.dev[0].word[WEIR_STAT_VIF_SPURIOUS];
    print_message("%llu notifications, %llu for nothing\n",
                  (unsigned long long)kicks, (unsigned long long)spurious);
    assert_true(spurious <= 2 + kicks / 1000);
}

static void stop_guest(struct lab *lab)
{
    uint8_t end[60];
    build(lab, end, sizeof(end), 0x88b6);
    assert_int_equal(send(lab->raw, end, sizeof(end), 0), sizeof(end));
    assert_int_equal(launch_wait(lab->guest, 10000), 0);
}

static void check(bool pool)
{
    struct lab lab = {.tap = -1, .raw = -1};
    struct weir_hostif_err e;
    int ret = setup(&lab);
    if (!ret)
        ret = launch_start(&lab.l, "256M");
    if (ret == -ENOSYS) {
        launch_stop(&lab.l);
        skip();
    }
    assert_int_equal(ret, 0);
    start_guest(&lab, pool);
    open_raw(&lab);
    sizes(&lab);
    pings();
    listed("brctl show", TAP);
    listed("ip -d link show " TAP, "tun type tap");
    listed("ip -d link show " TAP, "master " BRIDGE);
    few_spurious(&lab);
    stop_guest(&lab);
    launch_stop(&lab.l);
    close(lab.raw);
    close(lab.tap);
    assert_false(weir_hostif_exists(TAP));
    assert_int_equal(weir_hostif_delete(BRIDGE, &e), 0);
    assert_false(weir_hostif_exists(BRIDGE));
}

static void test_pool(void **state)
{
    (void)state;
    check(true);
}

static void test_grant_copy(void **state)
{
    (void)state;
    check(false);
}

static void test_errors(void **state)
{
    struct weir_hostif_err e;
    bool created;
    int fd[4];
    struct weir_tap_config tap = {
        .name = "t0", .queues = 1, .bridge = "nobridge"};
    (void)state;
    assert_int_equal(weir_tap_create(&tap, fd, &e), -ENODEV);
    assert_non_null(strstr(e.text, "nobridge"));
    assert_false(weir_hostif_exists("t0")); /* nothing half-created */
    tap.bridge = NULL;
    tap.queues = 3;
    assert_int_equal(weir_tap_create(&tap, fd, &e), 0);
    assert_int_equal(weir_bridge_check("t0", &e), -EINVAL);
    assert_int_equal(weir_tap_create(&tap, fd + 3, &e), -EEXIST);
    assert_non_null(strstr(e.text, "t0"));
    assert_int_equal(weir_hostif_delete("t0", &e), 0);
    assert_int_equal(weir_hostif_delete("t0", &e), 0);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    assert_int_equal(weir_bridge_ensure("a name", &created, &e), -EINVAL);
    assert_int_equal(weir_hostif_add_address("lo", "10.0.0.1", &e), -EINVAL);
    assert_int_equal(weir_hostif_up("nolink", &e), -ENODEV);
}

/* A frame as the guest's tap would bring it; does the bridge see it? */
static bool passes(int tap, int raw, uint8_t *p, uint32_t len)
{
    static uint8_t out[10 + 2000], in[2000];
    static uint8_t number;
    p[len - 1] = ++number;
    if (p[12] == 8 && p[13] == 0) { /* the kernel drops a bad header */
        uint32_t sum = 0;
        p[24] = p[25] = 0;
        for (int i = 14; i < 34; i += 2)
            sum += (uint32_t)(p[i] << 8 | p[i + 1]);
        sum = ~((sum & 0xffff) + (sum >> 16));
        p[24] = (uint8_t)(sum >> 8);
        p[25] = (uint8_t)sum;
    }
    memcpy(out + 10, p, len);
    assert_int_equal(write(tap, out, 10 + len), 10 + len);
    struct pollfd pfd = {.fd = raw, .events = POLLIN};
    while (poll(&pfd, 1, 60) == 1) {
        ssize_t n = recv(raw, in, sizeof(in), 0);
        /* a tag is taken off on the way */
        if (n == (ssize_t)len && in[len - 1] == number)
            return true;
        if (n == (ssize_t)len - 4 && in[len - 5] == number)
            return true;
    }
    return false;
}

/* The same packet in VLAN 5. */
static void tagged(int fd, int raw, const uint8_t *p, bool expect)
{
    uint8_t t[64] = {0};
    memcpy(t, p, 12);
    memcpy(t + 12, "\x81\0\0\5", 4);
    memcpy(t + 16, p + 12, 44);
    assert_int_equal(passes(fd, raw, t, 64), expect);
}

static void frame6(uint8_t p[90], const char *from, uint8_t type,
                   const char *target)
{
    static const uint8_t head[22] = {0x33, 0x33, 0, 0,  0,    1,    0,    0x16,
                                     0x3e, 0,    0, 5,  0x86, 0xdd, 0x60, 0,
                                     0,    0,    0, 36, 58,   255};
    memset(p, 0, 90);
    memcpy(p, head, sizeof(head));
    assert_int_equal(inet_pton(AF_INET6, from, p + 22), 1);
    assert_int_equal(inet_pton(AF_INET6, "ff02::1", p + 38), 1);
    p[54] = type;
    if (target)
        assert_int_equal(inet_pton(AF_INET6, target, p + 62), 1);
}

static void test_filter6(int fd, int raw, struct weir_filter *f)
{
    static const struct {
        const char *from;
        uint8_t type;
        const char *target;
        bool passes;
    } cases[] = {
        {"fd00::2", 128, NULL, true},
        {"fd00::3", 128, NULL, false},
        {"fe80::216:3eff:fe00:5", 128, NULL, true},
        {"fe80::216:3eff:fe00:6", 128, NULL, false},
        {"fd00::2", 136, "fd00::2", true},
        {"fd00::2", 136, "fd00::1", false}, /* somebody else's address */
        {"fe80::216:3eff:fe00:5", 135, "fd00::1", true},
        {"::", 135, "fd00::2", true},
        {"::", 135, "fd00::1", false},
        {"::", 133, NULL, true},
        {"::", 143, NULL, true},
        {"::", 128, NULL, false},
    };
    struct weir_hostif_err e;
    uint8_t p[90];
    f->nip6s = 1;
    assert_int_equal(inet_pton(AF_INET6, "fd00::2", f->ip6[0]), 1);
    assert_int_equal(weir_filter_set(f, &e), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        frame6(p, cases[i].from, cases[i].type, cases[i].target);
        if (passes(fd, raw, p, 90) != cases[i].passes)
            fail_msg("from %s type %u", cases[i].from, cases[i].type);
    }
    frame6(p, "fd00::2", 128, NULL);
    f->nip6s = 0;
    assert_int_equal(weir_filter_set(f, &e), 0);
    assert_false(passes(fd, raw, p, 90)); /* a family that is not listed */
    f->nips = 0;
    assert_int_equal(weir_filter_set(f, &e), 0);
    assert_true(passes(fd, raw, p, 90));
}

static void test_filter(void **state)
{
    struct weir_hostif_err e;
    struct weir_tap_config tap = {.name = TAP, .queues = 1, .bridge = BRIDGE};
    struct weir_filter f = {.table = "weir-test", .vif = TAP};
    bool created;
    int fd;
    (void)state;
    assert_int_equal(weir_bridge_ensure(BRIDGE, &created, &e), 0);
    assert_int_equal(weir_tap_create(&tap, &fd, &e), 0);
    int raw = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    struct sockaddr_ll sa = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex(BRIDGE)};
    assert_int_equal(bind(raw, (struct sockaddr *)&sa, sizeof(sa)), 0);
    memcpy(f.mac, guest_mac, 6);
    uint8_t p[64] = {255, 255, 255,  255, 255, 255, 0, 0x16, 0x3e, 0, 0,  5,
                     8,   0,   0x45, 0,   0,   46,  0, 0,    0,    0, 64, 17};
    memcpy(p + 26, "\x0a\x4d\0\x02\x0a\x4d\0\x01", 8);
    bool up = false; /* the bridge's carrier takes a moment */
    for (int i = 0; i < 50 && !up; i++)
        up = passes(fd, raw, p, 60);
    assert_true(up);
    p[11] = 6;
    assert_true(passes(fd, raw, p, 60)); /* no filter yet */
    assert_int_equal(weir_filter_set(&f, &e), 0);
    listed("nft list table netdev weir-test", "00:16:3e:00:00:05");
    assert_false(passes(fd, raw, p, 60)); /* a foreign MAC */
    tagged(fd, raw, p, false);
    p[11] = 5;
    assert_true(passes(fd, raw, p, 60));
    tagged(fd, raw, p, true);
    f.nips = 2;
    memcpy(f.ip[0], "\x0a\x4d\0\x02", 4);
    memcpy(f.ip[1], "\x0a\x4d\0\x03", 4);
    assert_int_equal(weir_filter_set(&f, &e), 0);
    assert_true(passes(fd, raw, p, 60));
    tagged(fd, raw, p, false); /* not even with the right address */
    p[29] = 3;
    assert_true(passes(fd, raw, p, 60));
    p[29] = 4;
    assert_false(passes(fd, raw, p, 60)); /* a foreign address */
    tagged(fd, raw, p, false);
    memcpy(p + 12, "\x08\x06\0\1\x08\0\6\4\0\1\0\x16\x3e\0\0\5", 16);
    memcpy(p + 28, "\x0a\x4d\0\x02", 4);
    assert_true(passes(fd, raw, p, 60));
    p[31] = 9;
    assert_false(passes(fd, raw, p, 60)); /* ARP for a foreign address */
    p[31] = 2;
    p[27] = 7;
    assert_false(passes(fd, raw, p, 60)); /* and from a foreign station */
    test_filter6(fd, raw, &f);
    assert_int_equal(weir_filter_remove("weir-test", TAP, &e), 0);
    assert_int_equal(weir_filter_remove("weir-test", TAP, &e), 0);
    assert_true(passes(fd, raw, p, 60));
    assert_int_equal(weir_filter_remove_table("weir-test", &e), 0);
    assert_int_equal(weir_filter_remove_table("weir-test", &e), 0);
    f.vif = "nolink";
    assert_int_equal(weir_filter_set(&f, &e), -ENODEV);
    assert_non_null(strstr(e.text, "nolink"));
    weir_filter_remove_table("weir-test", &e);
    close(raw);
    close(fd);
    assert_int_equal(weir_hostif_delete(BRIDGE, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_grant_copy),
    };
    if (unshare(CLONE_NEWNET | CLONE_NEWNS)) {
        puts("needs root for a network namespace of its own");
        return 77;
    }
    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL); /* brctl reads the namespace's */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

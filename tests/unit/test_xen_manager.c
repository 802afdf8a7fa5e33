/* SPDX-License-Identifier: MIT
 *
 * The manager of a domain on Xen's ABI: what a toolstack and its scripts write
 * becomes resources.  The registry is the real one, the backend is the test,
 * taps are made up (--wrap=weir_tap_create).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/common/resource.h"
#include "backends/net/host/hostif.h"
#include "backends/xen/xen_manager.h"
#include "tests/unit/fake_store.h"

#define BACK    "/local/domain/0/backend/"
#define DEVICES 4u

static struct {
    struct weir_fake_store *store;
    struct weir_xs xs;
    struct weir_xen_manager *m;
    int channel; /* the backend's end */
    unsigned logged;
    char image[64];
    struct weir_resource res; /* the last packet, and its descriptors */
    int fds[WEIR_RES_MAX_FDS];
    unsigned nfds;
    struct weir_tap_config tap; /* the last one made */
    char tap_name[16], tap_bridge[16];
    int tap_result;
} t;

int __wrap_weir_tap_create(const struct weir_tap_config *how, int *fds,
                           struct weir_hostif_err *err);

int __wrap_weir_tap_create(const struct weir_tap_config *how, int *fds,
                           struct weir_hostif_err *err)
{
    t.tap = *how;
    snprintf(t.tap_name, sizeof(t.tap_name), "%s", how->name);
    snprintf(t.tap_bridge, sizeof(t.tap_bridge), "%s",
             how->bridge != NULL ? how->bridge : "");
    snprintf(err->text, sizeof(err->text), "%s: made-up reason", how->name);
    for (unsigned i = 0; t.tap_result == 0 && i < how->queues; i++)
        fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
    return t.tap_result;
}

static void count_log(void *context, enum weir_log_level level,
                      const char *line)
{
    (void)context;
    (void)level;
    (void)line;
    t.logged++;
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    assert_int_equal(weir_fake_store_new(&t.store), 0);
    strcpy(t.image, "/tmp/weir-xen-XXXXXX");
    t.fds[0] = mkstemp(t.image);
    assert_true(t.fds[0] >= 0);
    assert_int_equal(ftruncate(t.fds[0], 1 << 20), 0);
    close(t.fds[0]);
    return 0;
}

static void start(const struct weir_xen_kind *kind,
                  enum weir_xen_hotplug hotplug, domid_t domid)
{
    struct weir_xen_manager_config cfg = {
        .xs = &t.xs,
        .kind = kind,
        .hotplug = hotplug,
        .domid = domid,
        .queues = 2,
        .max_devs = DEVICES,
        .log = count_log,
    };
    int sv[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
    cfg.channel = sv[0];
    t.channel = sv[1];
    assert_int_equal(weir_fake_store_connect(t.store, &t.xs, 0), 0);
    assert_int_equal(weir_xen_manager_new(&cfg, &t.m), 0);
}

static void drop_fds(void)
{
    while (t.nfds > 0)
        close(t.fds[--t.nfds]);
}

static int teardown(void **state)
{
    (void)state;
    weir_xen_manager_free(t.m);
    weir_fake_store_disconnect(t.store, &t.xs);
    weir_fake_store_free(t.store);
    drop_fds();
    close(t.channel);
    unlink(t.image);
    return 0;
}

static void step(void)
{
    assert_int_equal(weir_xen_manager_step(t.m, -1, 0), 0);
    assert_int_equal(weir_xen_manager_step(t.m, -1, 0), 0);
}

static void set(const char *dir, const char *key, const char *value)
{
    char path[128];

    snprintf(path, sizeof(path), BACK "%s/%s", dir, key);
    assert_int_equal(weir_fake_store_set(t.store, path, value), 0);
}

static void expect(const char *dir, const char *key, const char *want)
{
    char path[128], got[256] = "";

    snprintf(path, sizeof(path), BACK "%s/%s", dir, key);
    weir_fake_store_get(t.store, path, got, sizeof(got));
    if (strstr(got, want) == NULL || (want[0] == '\0' && got[0] != '\0'))
        fail_msg("%s is \"%s\", not \"%s\"", path, got, want);
}

static bool is_there(const char *dir)
{
    char path[128], got[16];

    snprintf(path, sizeof(path), BACK "%s", dir);
    return weir_fake_store_get(t.store, path, got, sizeof(got)) >= 0;
}

/* As libxl: all of it in one transaction; here state is the last. */
static void offer(const char *dir, const char *frontend_id)
{
    set(dir, "frontend-id", frontend_id);
    set(dir, "online", "1");
    set(dir, "mode", "w");
    set(dir, "state", "1");
    step();
}

/* The manager's next packet: its operation, 0 for none. */
static unsigned packet(void)
{
    drop_fds();
    if (weir_resource_recv(t.channel, &t.res, t.fds, &t.nfds) != 1)
        return 0;
    assert_int_equal(t.res.nfds, t.nfds);
    return t.res.op;
}

static void answer(enum weir_res_event_type type, const char *text)
{
    assert_int_equal(weir_resource_answer(t.channel, type, &t.res, text), 0);
    step();
}

static void take_away(const char *dir)
{
    char path[128];

    snprintf(path, sizeof(path), BACK "%s", dir);
    assert_int_equal(weir_fake_store_rm(t.store, path), 0);
    step();
}

static void disk_waits_for_its_script(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vbd/5/51712", "script", "/etc/xen/scripts/block");
    set("vbd/5/51712", "params", t.image); /* the script's, not ours */
    offer("vbd/5/51712", "5");
    assert_int_equal(packet(), WEIR_RES_ANNOUNCE);
    assert_int_equal(t.res.frontend, 5);
    assert_int_equal(t.res.devid, 51712);
    assert_int_equal(t.res.vbd.queues, 2);
    assert_int_equal(packet(), 0);
    set("vbd/5/51712", "physical-device-path", t.image);
    step();
    assert_int_equal(packet(), 0); /* not done yet */
    set("vbd/5/51712", "hotplug-status", "connected");
    step();
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    assert_int_equal(t.res.vbd.size, 1 << 20);
    assert_in_range(t.nfds, 1, 2);
    answer(WEIR_RES_EV_ATTACHED, NULL);
    set("vbd/5/51712", "feature-persistent", "1"); /* the backend's nodes */
    step();
    assert_int_equal(packet(), 0);
    /* xl block-detach, and the same device again. */
    set("vbd/5/51712", "online", "0");
    set("vbd/5/51712", "state", "5");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
    assert_int_equal(packet(), 0);
    answer(WEIR_RES_EV_DETACHED, NULL);
    expect("vbd/5/51712", "online", "0");
    take_away("vbd/5/51712");
    assert_int_equal(packet(), 0);
    set("vbd/5/51712", "script", "/etc/xen/scripts/block");
    offer("vbd/5/51712", "5");
    assert_int_equal(packet(), WEIR_RES_ANNOUNCE);
}

static void disk_that_leaves_before_its_script_ends(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vbd/5/51712", "script", "block");
    offer("vbd/5/51712", "5");
    assert_int_equal(packet(), WEIR_RES_ANNOUNCE);
    set("vbd/5/51712", "online", "0");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
}

static void what_a_script_wrote_is_checked(void **state)
{
    static const char *const wrong[] = {"7:",   "7",         "x:y",
                                        "7:0 ", "ffff:ffff", "7,0"};
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        set("vbd/5/1", "script", "block");
        set("vbd/5/1", "physical-device", wrong[i]);
        offer("vbd/5/1", "6"); /* another domain's: not ours to serve */
        assert_int_equal(packet(), 0);
        set("vbd/5/1", "frontend-id", "5");
        step();
        assert_int_equal(packet(), WEIR_RES_ANNOUNCE);
        assert_int_equal(packet(), WEIR_RES_DETACH);
        expect("vbd/5/1", "error", "physical-device");
        expect("vbd/5/1", "hotplug-error", ""); /* the script's */
        take_away("vbd/5/1");
    }
}

static void own_disk_is_opened_and_told(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 3);
    set("vbd/5/1", "params", t.image);
    offer("vbd/5/1", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    assert_int_equal(t.res.vbd.flags, 0);
    assert_int_equal(t.res.vbd.sector_size, 512);
    assert_int_equal(fcntl(t.fds[0], F_GETFL) & O_ACCMODE, O_RDWR);
    expect("vbd/5/1", "hotplug-status", "");
    answer(WEIR_RES_EV_ATTACHED, NULL);
    expect("vbd/5/1", "hotplug-status", "connected");
    /* The same file a second time would destroy it. */
    set("vbd/6/1", "params", t.image);
    offer("vbd/6/1", "6");
    expect("vbd/6/1", "hotplug-error", "in use by another disk");
    expect("vbd/6/1", "state", "5");
    set("vbd/6/1", "online", "0");
    step();
    expect("vbd/6/1", "state", "6");
}

static void read_only_means_that(void **state)
{
    static const struct {
        const char *mode, *type;
        uint32_t flags;
    } cases[] = {
        {"r", "disk", WEIR_VBD_READONLY},
        {"", "disk", WEIR_VBD_READONLY},
        {"w", "cdrom", WEIR_VBD_READONLY | WEIR_VBD_CDROM},
        {"w!", "disk", 0},
    };

    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_SELF, 0);
    for (unsigned i = 0; i < 4; i++) {
        set("vbd/5/1", "script", "block"); /* nobody runs it */
        set("vbd/5/1", "params", t.image);
        set("vbd/5/1", "mode", cases[i].mode);
        set("vbd/5/1", "device-type", cases[i].type);
        set("vbd/5/1", "discard-enable", "1");
        set("vbd/5/1", "online", "1");
        set("vbd/5/1", "frontend-id", "5");
        set("vbd/5/1", "state", "1");
        step();
        assert_int_equal(packet(), WEIR_RES_ATTACH);
        assert_int_equal(t.res.vbd.flags & ~WEIR_VBD_DISCARD, cases[i].flags);
        assert_int_equal((t.res.vbd.flags & WEIR_VBD_DISCARD) != 0,
                         cases[i].flags == 0);
        for (unsigned k = 0; k < t.nfds; k++)
            assert_int_equal(fcntl(t.fds[k], F_GETFL) & O_ACCMODE,
                             cases[i].flags != 0 ? O_RDONLY : O_RDWR);
        drop_fds();
        take_away("vbd/5/1");
        assert_int_equal(packet(), WEIR_RES_DETACH);
        answer(WEIR_RES_EV_DETACHED, NULL);
    }
}

static void disks_that_cannot_be_opened_have_a_reason(void **state)
{
    char long_path[300];

    (void)state;
    memset(long_path, 'a', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vbd/5/1", "params", "/nothing/there");
    offer("vbd/5/1", "5");
    expect("vbd/5/1", "error", "/nothing/there: No such file");
    expect("vbd/5/1", "hotplug-status", "error");
    set("vbd/5/2", "params", "null"); /* below /dev */
    offer("vbd/5/2", "5");
    expect("vbd/5/2", "error", "/dev/null: neither a regular file");
    offer("vbd/5/3", "5");
    expect("vbd/5/3", "error", "params is empty");
    set("vbd/5/4", "params", long_path);
    offer("vbd/5/4", "5");
    expect("vbd/5/4", "error", "params");
    assert_int_equal(packet(), 0);
    assert_int_equal(t.logged, 4);
    /* The table is full; the next is told once, and waits for room. */
    set("vbd/5/5", "params", t.image);
    offer("vbd/5/5", "5");
    set("vbd/5/5", "mode", "r");
    step();
    assert_int_equal(t.logged, 5);
    take_away("vbd/5/1");
    set("vbd/5/5", "mode", "w");
    step();
    assert_int_equal(packet(), WEIR_RES_ATTACH);
}

static void backend_that_fails_says_why(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vbd/5/1", "params", t.image);
    offer("vbd/5/1", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    answer(WEIR_RES_EV_ERROR, "size is odd");
    expect("vbd/5/1", "hotplug-error", "size is odd");
    set("vbd/5/1", "online", "0");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
}

/* xl of dom0 waits for the directory of a driver domain's device to go. */
static void driver_domain_removes_the_directory_for_xl(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_SELF, 3);
    set("vbd/5/1", "script", "block");
    set("vbd/5/1", "params", t.image);
    offer("vbd/5/1", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    set("vbd/5/1", "online", "0");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
    expect("vbd/5/1", "online", "0");
    answer(WEIR_RES_EV_DETACHED, NULL);
    expect("vbd/5/1", "online", "");
    expect("vbd/5/1", "frontend-id", "");
    assert_false(is_there("vbd/5")); /* or one stays of each guest */
}

/* Also of one that no backend has seen; its neighbour's stays. */
static void a_failed_device_goes_as_well(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_SELF, 3);
    for (unsigned i = 0; i < 2; i++) {
        const char *dir = i == 0 ? "vbd/5/1" : "vbd/5/2";

        set(dir, "script", "block");
        set(dir, "params", "/nothing/there");
        offer(dir, "5");
        expect(dir, "state", "5");
    }
    set("vbd/5/1", "online", "0");
    step();
    assert_false(is_there("vbd/5/1"));
    assert_true(is_there("vbd/5/2"));
    set("vbd/5/2", "online", "0");
    step();
    assert_false(is_there("vbd/5"));
    assert_true(is_there("vbd"));
}

/* Its own business with the frontend is between these two. */
static void a_failure_in_service_is_no_hotplug_error(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vbd/5/1", "params", t.image);
    offer("vbd/5/1", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    answer(WEIR_RES_EV_ATTACHED, NULL);
    answer(WEIR_RES_EV_ERROR, "frontend's ring pages cannot be mapped");
    expect("vbd/5/1", "hotplug-status", "connected");
    expect("vbd/5/1", "hotplug-error", "");
    expect("vbd/5/1", "error", ""); /* the backend's to write, and to remove */
    set("vbd/5/1", "online", "0");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
}

/* One that goes without a word, and comes back before the backend has let go of
 * its tap.  Late answers are about the one before. */
static void the_next_waits_until_the_backend_has_let_go(void **state)
{
    struct weir_resource before;

    (void)state;
    start(&weir_xen_vif, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vif/5/0", "mac", "00:16:3e:0a:0b:0c");
    offer("vif/5/0", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    set("vif/5/0", "online", "0");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
    take_away("vif/5/0");
    assert_int_equal(packet(), WEIR_RES_DETACH); /* now */
    before = t.res;
    set("vif/5/0", "mac", "00:16:3e:0a:0b:0c");
    offer("vif/5/0", "5");
    assert_int_equal(packet(), 0);
    t.res = before;
    answer(WEIR_RES_EV_DETACHED, NULL);
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    t.res = before;
    answer(WEIR_RES_EV_ERROR, "No such file or directory");
    answer(WEIR_RES_EV_DETACHED, NULL);
    assert_int_equal(packet(), 0); /* not offered again */
    expect("vif/5/0", "error", "");
    set("vif/5/0", "online", "0");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
}

/* Between two looks the directory was removed and made anew. */
static void another_device_in_the_same_place_is_seen(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 3);
    set("vbd/5/1", "params", t.image);
    offer("vbd/5/1", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    answer(WEIR_RES_EV_ATTACHED, NULL);
    set("vbd/5/1", "state", "4"); /* the backend's */
    step();
    assert_int_equal(packet(), 0);
    set("vbd/5/1", "mode", "r");
    set("vbd/5/1", "state", "1");
    set("vbd/5/1", "hotplug-status", "");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
    set("vbd/5/1", "state", "6"); /* the backend's, about the one before */
    step();
    assert_int_equal(packet(), 0);
    answer(WEIR_RES_EV_DETACHED, NULL);
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    assert_int_equal(t.res.vbd.flags, WEIR_VBD_READONLY);
    answer(WEIR_RES_EV_ATTACHED, NULL);
    expect("vbd/5/1", "hotplug-status", "connected");
}

static void an_endless_backend_does_not_keep_the_manager(void **state)
{
    struct weir_resource res = {.frontend = 5, .devid = 1};
    unsigned sent = 0, left = 0;

    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    while (weir_resource_answer(t.channel, WEIR_RES_EV_ERROR, &res, "x") == 0)
        sent++;
    assert_in_range(sent, 100, 100000);
    assert_int_equal(weir_xen_manager_step(t.m, -1, 0), 0);
    while (weir_resource_answer(t.channel, WEIR_RES_EV_ERROR, &res, "x") == 0)
        left++;
    assert_in_range(left, 1, sent - 1);
}

static void interface_is_there_before_its_script(void **state)
{
    (void)state;
    start(&weir_xen_vif, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vif/5/0", "script", "vif-bridge");
    set("vif/5/0", "mac", "00:16:3e:0a:0b:0C");
    set("vif/5/0", "bridge", "xenbr0");
    set("vif/5/0", "vifname", "second");
    set("vif/5/0", "mtu", "9000");
    set("vif/5/0", "rate", "62500,50000");
    offer("vif/5/0", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    assert_string_equal(t.tap_name, "vif5.0"); /* the script renames it */
    assert_string_equal(t.tap_bridge, "");
    assert_true(t.tap.down);
    assert_int_equal(t.tap.mtu, 9000);
    assert_int_equal(t.nfds, 2);
    assert_int_equal(t.res.vif.queues, 2);
    assert_int_equal(t.res.vif.sink, WEIR_VIF_TAP);
    assert_int_equal(t.res.vif.rate_bps, 1250000);
    assert_int_equal(t.res.vif.rate_window_us, 50000);
    assert_memory_equal(t.res.vif.mac, "\x00\x16\x3e\x0a\x0b\x0c", 6);
    answer(WEIR_RES_EV_ATTACHED, NULL);
    expect("vif/5/0", "hotplug-status", "");
}

static void own_interface_joins_its_bridge(void **state)
{
    (void)state;
    start(&weir_xen_vif, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vif/5/0", "mac", "00:16:3e:0a:0b:0c");
    set("vif/5/0", "bridge", "xenbr0");
    set("vif/5/0", "vifname", "second");
    set("vif/5/0", "rate", "4294967295,0");
    offer("vif/5/0", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    assert_string_equal(t.tap_name, "second");
    assert_string_equal(t.tap_bridge, "xenbr0");
    assert_false(t.tap.down);
    assert_int_equal(t.res.vif.rate_bps, 0);
    answer(WEIR_RES_EV_ATTACHED, NULL);
    expect("vif/5/0", "hotplug-status", "connected");
}

static void wrong_interfaces_have_a_reason(void **state)
{
    static const char *const nodes[][3] = {
        {"mac", "00:16:3e:0a:0b", "node mac"},
        {"mac", "00:16:3e:0a:0b:0c:0d", "node mac"},
        {"mac", "", "node mac"},
        {"mtu", "67", "node mtu"},
        {"mtu", "many", "node mtu"},
        {"rate", "1", "node rate"},
        {"rate", "1,2x", "node rate"},
        {"vifname", "a-very-long-interface", "too long"},
        {"bridge", "a-very-long-interface", "node bridge"},
    };

    (void)state;
    start(&weir_xen_vif, WEIR_XEN_HOTPLUG_AUTO, 0);
    for (unsigned i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        set("vif/5/0", "mac", "00:16:3e:0a:0b:0c");
        set("vif/5/0", nodes[i][0], nodes[i][1]);
        offer("vif/5/0", "5");
        assert_int_equal(packet(), 0);
        expect("vif/5/0", "error", nodes[i][2]);
        take_away("vif/5/0");
    }
    assert_null(t.tap.name);
    t.tap_result = -EEXIST;
    set("vif/5/0", "mac", "00:16:3e:0a:0b:0c");
    offer("vif/5/0", "5");
    expect("vif/5/0", "hotplug-error", "vif5.0: made-up reason");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(disk_waits_for_its_script),
        TEST(disk_that_leaves_before_its_script_ends),
        TEST(what_a_script_wrote_is_checked),
        TEST(own_disk_is_opened_and_told),
        TEST(read_only_means_that),
        TEST(disks_that_cannot_be_opened_have_a_reason),
        TEST(backend_that_fails_says_why),
        TEST(driver_domain_removes_the_directory_for_xl),
        TEST(a_failed_device_goes_as_well),
        TEST(a_failure_in_service_is_no_hotplug_error),
        TEST(the_next_waits_until_the_backend_has_let_go),
        TEST(another_device_in_the_same_place_is_seen),
        TEST(an_endless_backend_does_not_keep_the_manager),
        TEST(interface_is_there_before_its_script),
        TEST(own_interface_joins_its_bridge),
        TEST(wrong_interfaces_have_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

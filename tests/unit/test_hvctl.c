/* SPDX-License-Identifier: MIT
 *
 * The control client against a weir-hv that says more than it should: what
 * comes with a packet and was not asked for stays with nobody.
 */
#include "hypervisor/client/control.h"
#include "hypervisor/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct weir_hvctl *client;
static int server;
static uint32_t seq; /* of the client's last call */

static int begin(void **state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/weir-hvctl.XXXXXX";
    int rc, l = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    (void)state;
    if (l < 0 || !mkdtemp(dir))
        return -1;
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", dir);
    rc = bind(l, (struct sockaddr *)&a, sizeof(a)) || listen(l, 1) ||
         weir_hvctl_open(a.sun_path, &client);
    server = rc ? -1 : accept4(l, NULL, NULL, SOCK_CLOEXEC);
    unlink(a.sun_path);
    rmdir(dir);
    close(l);
    seq = 0;
    return server < 0 ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    weir_hvctl_close(client);
    close(server);
    return 0;
}

/* Before the client asks: it finds the answer in its queue. */
static void say(const void *packet, size_t len, unsigned nfds)
{
    const int some[2] = {server, server};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(some))];
    } ctl = {.room = {0}};
    uint8_t buf[WEIR_HV_HEADER + WEIR_HVCTL_DOMINFO];
    struct iovec iov = {buf, len};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

    memcpy(buf, packet, len);
    if (nfds) {
        mh.msg_control = &ctl;
        mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        ctl.align.cmsg_level = SOL_SOCKET;
        ctl.align.cmsg_type = SCM_RIGHTS;
        ctl.align.cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(&ctl.align), some, nfds * sizeof(int));
    }
    assert_int_equal(sendmsg(server, &mh, MSG_DONTWAIT), len);
}

static void reply(uint16_t op, int status, unsigned nfds)
{
    const struct weir_hv_header h = {.op = (uint16_t)(op | WEIR_HV_REPLY),
                                     .seq = ++seq,
                                     .status = status,
                                     .size = WEIR_HV_HEADER};
    uint8_t buf[WEIR_HV_HEADER];

    weir_hv_put_header(buf, &h);
    say(buf, sizeof(buf), nfds);
}

static int descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 64; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void one_descriptor_is_taken(void **state)
{
    int before = descriptors();

    (void)state;
    for (unsigned n = 1; n <= 2; n++) {
        int fd = -1;

        /* Of two the kernel hands over the first. */
        reply(WEIR_HVCTL_CONSOLE, 0, n);
        assert_int_equal(weir_hvctl_console(client, 5, &fd), 0);
        assert_int_equal(close(fd), 0);
        assert_int_equal(descriptors(), before);
    }
}

static void none_comes_with_a_refusal(void **state)
{
    int before = descriptors(), fd = -1;

    (void)state;
    reply(WEIR_HVCTL_CONSOLE, -ENOENT, 1);
    assert_int_equal(weir_hvctl_console(client, 5, &fd), -ENOENT);
    assert_int_equal(fd, -1);
    assert_int_equal(descriptors(), before);
}

static void none_comes_with_an_event(void **state)
{
    const struct weir_hv_dominfo d = {.domid = 9, .name = "web"};
    uint8_t buf[WEIR_HV_HEADER + WEIR_HVCTL_DOMINFO];
    const struct weir_hv_header h = {.op = WEIR_HVCTL_EVENT,
                                     .size = sizeof(buf)};
    struct weir_hv_dominfo got;
    int before = descriptors();

    (void)state;
    weir_hv_put_header(buf, &h);
    weir_hvctl_put_dominfo(buf + WEIR_HV_HEADER, &d);
    say(buf, sizeof(buf), 1);
    reply(WEIR_HVCTL_PAUSE, 0, 0);
    assert_int_equal(weir_hvctl_pause(client, 5), 0);
    assert_int_equal(weir_hvctl_next_event(client, &got), 0);
    assert_int_equal(got.domid, 9);
    assert_int_equal(descriptors(), before);
}

static void none_comes_with_nonsense(void **state)
{
    uint8_t nonsense[WEIR_HV_HEADER];
    int before = descriptors();

    (void)state;
    memset(nonsense, 0xff, sizeof(nonsense));
    say(nonsense, sizeof(nonsense), 1);
    assert_int_equal(weir_hvctl_pause(client, 5), -EPROTO);
    assert_int_equal(descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_descriptor_is_taken, begin, end),
        cmocka_unit_test_setup_teardown(none_comes_with_a_refusal, begin, end),
        cmocka_unit_test_setup_teardown(none_comes_with_an_event, begin, end),
        cmocka_unit_test_setup_teardown(none_comes_with_nonsense, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

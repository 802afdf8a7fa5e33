/* SPDX-License-Identifier: MIT
 *
 * weir-hv without domains: event channels, console ring, message codec.
 */
#include "hypervisor/client/codec_client.h"
#include "hypervisor/console.h"
#include "hypervisor/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool take(int fd)
{
    uint64_t n;

    return read(fd, &n, sizeof(n)) == sizeof(n);
}

static void give(int fd)
{
    const uint64_t one = 1;

    assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void two_ends_signal_each_other_crosswise(void **state)
{
    struct hv_events a, b;
    evtchn_port_t pa, pb;
    struct hv_port *x, *y;

    (void)state;
    hv_events_init(&a, 1, 100);
    hv_events_init(&b, 2, 100);
    assert_int_equal(hv_event_alloc(&a, 2, HV_PORT_UNBOUND, &pa), 0);
    assert_int_equal(pa, 1);
    assert_int_equal(hv_event_bind(&b, &a, pa + 1, &pb), -EINVAL);
    assert_int_equal(hv_event_bind(&b, &a, pa, &pb), 0);
    x = hv_event_get(&a, pa);
    y = hv_event_get(&b, pb);
    assert_int_equal(x->remote_port, pb);
    assert_true(take(hv_port_wait_fd(y)));
    assert_false(take(hv_port_wait_fd(x)));
    give(hv_port_notify_fd(x));
    assert_true(take(hv_port_wait_fd(y)));
    give(hv_port_notify_fd(y));
    assert_true(take(hv_port_wait_fd(x)));
    /* The allocator goes first; its peer keeps the pair for a successor. */
    hv_event_close(&a, pa, &b);
    assert_int_equal(y->state, HV_PORT_UNBOUND);
    assert_int_equal(y->remote, 1);
    assert_int_equal(hv_event_bind(&a, &b, pb, &pa), 0);
    x = hv_event_get(&a, pa);
    give(hv_port_notify_fd(hv_event_get(&b, pb)));
    assert_true(take(hv_port_wait_fd(x)));
    hv_event_close(&b, pb, &a);
    hv_event_close(&a, pa, NULL);
    assert_int_equal(a.used + b.used, 0);
    hv_events_fini(&a);
    hv_events_fini(&b);
}

static void a_domain_binds_to_itself_while_its_table_grows(void **state)
{
    struct hv_events a;
    evtchn_port_t p, q;

    (void)state;
    hv_events_init(&a, 1, 40);
    for (int i = 0; i < 15; i++) /* fills the first table of 16 */
        assert_int_equal(hv_event_alloc(&a, 1, HV_PORT_UNBOUND, &p), 0);
    assert_int_equal(hv_event_bind(&a, &a, p, &q), 0);
    assert_int_equal(hv_event_get(&a, p)->remote_port, q);
    assert_int_equal(hv_event_get(&a, q)->remote_port, p);
    while (hv_event_alloc(&a, 1, HV_PORT_UNBOUND, &p) == 0)
        continue;
    assert_int_equal(a.used, 40);
    assert_null(hv_event_get(&a, 0));
    assert_null(hv_event_get(&a, 41));
    for (evtchn_port_t i = 1; i <= 40; i++)
        hv_event_close(&a, i, &a);
    assert_int_equal(a.used, 0);
    hv_events_fini(&a);
}

static struct weir_console_interface ring;

static void say(const char *s)
{
    for (; *s; s++)
        ring.out[ring.out_prod++ % WEIR_CONSOLE_OUT_SIZE] = *s;
}

static void output_wraps_and_nonsense_is_skipped(void **state)
{
    struct hv_console c;

    (void)state;
    assert_int_equal(hv_console_init(&c), 0);
    memset(&ring, 0, sizeof(ring));
    ring.out_prod = ring.out_cons = UINT32_MAX - 2;
    c.ring = &ring;
    assert_false(hv_console_output(&c));
    say("abcdef");
    assert_true(hv_console_output(&c));
    assert_int_equal(ring.out_cons, ring.out_prod);
    assert_memory_equal(c.backlog, "abcdef", 6);
    ring.out_prod = ring.out_cons + WEIR_CONSOLE_OUT_SIZE + 1;
    assert_false(hv_console_output(&c));
    assert_int_equal(c.broken, 1);
    assert_int_equal(c.total, 6);
    say("g");
    assert_true(hv_console_output(&c));
    assert_memory_equal(c.backlog, "abcdefg", 7);
    ring.in_prod = 0;
    ring.in_cons = 5; /* more taken than was put */
    assert_int_equal(hv_console_input_room(&c), 0);
    assert_int_equal(hv_console_input(&c, (const uint8_t *)"x", 1), 0);
    hv_console_fini(&c);
}

static void a_slow_viewer_misses_the_oldest_only(void **state)
{
    struct pollfd p[HV_VIEWERS];
    struct hv_console c;
    char buf[HV_BACKLOG + 1];
    size_t got = 0;
    ssize_t n;
    int sv[2];

    (void)state;
    assert_int_equal(hv_console_init(&c), 0);
    memset(&ring, 0, sizeof(ring));
    c.ring = &ring;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
    assert_int_equal(hv_console_add(&c, sv[0]), 0);
    for (int i = 0; i < 70; i++) {
        char line[1025];

        memset(line, 'a' + i % 26, 1024);
        line[1024] = 0;
        say(line);
        hv_console_output(&c);
    }
    assert_int_equal(c.total, 70 * 1024);
    hv_console_poll(&c, p);
    assert_true(p[0].events & POLLOUT);
    while (c.viewer[0].pos != c.total) {
        hv_console_serve(&c, p);
        n = recv(sv[1], buf + got, sizeof(buf) - got, MSG_DONTWAIT);
        assert_true(n > 0);
        got += (size_t)n;
    }
    while (got < HV_BACKLOG) {
        n = recv(sv[1], buf + got, sizeof(buf) - got, MSG_DONTWAIT);
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_int_equal(got, HV_BACKLOG);
    assert_int_equal(buf[0], 'a' + 6); /* 70 - 64 lines are gone */
    assert_int_equal(buf[got - 1], 'a' + 69 % 26);
    assert_int_equal(send(sv[1], "in", 2, 0), 2);
    p[0].revents = POLLIN;
    assert_true(hv_console_serve(&c, p));
    assert_int_equal(ring.in_prod, 2);
    close(sv[1]);
    p[0].revents = POLLHUP;
    hv_console_serve(&c, p);
    assert_int_equal(c.viewer[0].fd, -1);
    hv_console_fini(&c);
}

static void headers_that_lie_are_refused(void **state)
{
    struct weir_hv_header h = {.op = 7, .seq = 9, .size = 24, .count = 1}, g;
    uint8_t b[24] = {0};

    (void)state;
    weir_hv_put_header(b, &h);
    assert_int_equal(weir_hv_get_header(b, 24, &g), 0);
    assert_int_equal(g.op, 7);
    assert_int_equal(g.seq, 9);
    assert_int_equal(weir_hv_get_header(b, 23, &g), -EINVAL);
    assert_int_equal(weir_hv_get_header(b, 15, &g), -EINVAL);
    b[0] = 2;
    assert_int_equal(weir_hv_get_header(b, 24, &g), -EINVAL);
    b[0] = WEIR_HV_VERSION;
    b[1] = 1;
    assert_int_equal(weir_hv_get_header(b, 24, &g), -EINVAL);
    b[1] = 0;
    weir_put16(b + 12, WEIR_HV_BATCH + 1);
    assert_int_equal(weir_hv_get_header(b, 24, &g), -EINVAL);
}

static void messages_come_back_as_they_were(void **state)
{
    struct weir_hv_dominfo d = {.domid = 3,
                                .name = "blk",
                                .state = WEIR_DOM_CRASHED,
                                .reason = "why",
                                .pid = 77,
                                .frames = 1,
                                .max_frames = 2,
                                .store_frame = UINT64_C(1) << 33,
                                .faults = 5,
                                .uptime_ns = 6,
                                .vcpus = 7,
                                .shutdown = WEIR_SHUTDOWN_REBOOT,
                                .xen_hvm = true},
                           e;
    struct weir_hv_create c = {.name = "net",
                               .domid = 4,
                               .max_frames = 100,
                               .has_store = true,
                               .store_domid = 1,
                               .vcpus = 3,
                               .ram = UINT64_C(1) << 33},
                          k;
    uint8_t b[WEIR_HVCTL_DOMINFO], n[WEIR_HVCTL_CREATE_REQ];
    char name[WEIR_HV_NAME];

    (void)state;
    memset(&e, 0, sizeof(e));
    weir_hvctl_put_dominfo(b, &d);
    assert_int_equal(weir_hvctl_get_dominfo(b, sizeof(b), &e), 0);
    assert_memory_equal(&d, &e, sizeof(d));
    assert_int_equal(weir_hvctl_get_dominfo(b, sizeof(b) - 1, &e), -EINVAL);
    b[8] = 9; /* no such state */
    assert_int_equal(weir_hvctl_get_dominfo(b, sizeof(b), &e), -EINVAL);
    weir_hvctl_put_create(n, &c);
    assert_int_equal(weir_hvctl_get_create(n, sizeof(n), name, &k), 0);
    assert_string_equal(k.name, "net");
    assert_int_equal(k.store_domid, 1);
    assert_int_equal(k.vcpus, 3);
    assert_int_equal(k.ram, UINT64_C(1) << 33);
    memset(n, 'x', WEIR_HV_NAME); /* a name without an end */
    assert_int_equal(weir_hvctl_get_create(n, sizeof(n), name, &k), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_ends_signal_each_other_crosswise),
        cmocka_unit_test(a_domain_binds_to_itself_while_its_table_grows),
        cmocka_unit_test(output_wraps_and_nonsense_is_skipped),
        cmocka_unit_test(a_slow_viewer_misses_the_oldest_only),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(messages_come_back_as_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

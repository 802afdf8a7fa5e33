/* SPDX-License-Identifier: MIT
 *
 * Domains, console, statistics and control, with real, sealed domains; and what
 * hostile ones get.
 */
#include "hypervisor/hv_abi.h"
#include "ring/error.h"
#include "tests/e2e/hv_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOON 2000000000u /* ns */

static void the_store_page_is_ready(void **state)
{
    struct puppet s = start("store"), a;
    struct puppet_answer at, map, port;
    struct weir_hv_dominfo info;

    (void)state;
    a = puppet_start(&world, (struct weir_hv_create){.name = "a",
                                                     .has_store = true,
                                                     .store_domid = s.domid});
    at = puppet_do(&a, PUPPET_START, 0, 0, 0, 0);
    assert_int_equal(at.rc, a.domid);
    info = puppet_info(&a);
    assert_int_equal(info.store_evtchn, at.v[1]);
    puppet_do(&a, PUPPET_POKE, at.v[0], 77, 0, 0);
    map = puppet_do(&s, PUPPET_MAP, a.domid, 1, 0, 0);
    assert_int_equal(map.rc, 0);
    assert_int_equal(puppet_do(&s, PUPPET_PEEK, map.v[0], 0, 0, 0).v[0], 77);
    port = puppet_do(&s, PUPPET_EVT_BIND, a.domid, at.v[1], 0, 0);
    assert_int_equal(port.rc, 0);
    assert_int_equal(puppet_do(&s, PUPPET_EVT_NOTIFY, port.v[0], 0, 0, 0).rc,
                     0);
    assert_int_equal(pending(&a, at.v[1], SOON), 1);
    assert_int_equal(puppet_destroy(&a), 0);
    assert_int_equal(puppet_destroy(&s), 0);
}

static void read_all(int fd, char *buf, size_t size, size_t want)
{
    size_t got = 0;

    while (got < want) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n;

        assert_int_equal(poll(&p, 1, 5000), 1);
        n = read(fd, buf + got, size - 1 - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
    buf[got] = 0;
}

static void print(struct puppet *p, const char *text)
{
    struct puppet_order o = {.op = PUPPET_PRINT};

    strcpy(o.data, text);
    for (int i = 0; i < 100; i++) {
        if (puppet_order(p, &o).rc != -WEIR_EAGAIN)
            return;
        usleep(1000);
    }
    fail_msg("console ring stays full");
}

static void the_console_keeps_what_was_said(void **state)
{
    struct puppet a = start("a");
    struct puppet_answer r = {0};
    char buf[4096];
    int one, two;

    (void)state;
    print(&a, "hello ");
    print(&a, "world\n");
    assert_int_equal(weir_hvctl_console(world.ctl, a.domid, &one), 0);
    read_all(one, buf, sizeof(buf), 12);
    assert_string_equal(buf, "hello world\n");
    for (int i = 0; i < 60; i++)
        print(&a, "0123456789012345678901234567890123456789\n");
    assert_int_equal(write(one, "input", 5), 5);
    for (int i = 0; i < 200 && r.rc == 0; i++) {
        r = puppet_do(&a, PUPPET_READ, 0, 0, 0, 0);
        usleep(1000);
    }
    assert_int_equal(r.rc, 5);
    assert_string_equal(r.data, "input");
    kill(a.pid, SIGKILL);
    puppet_expect_crash(&a, "its process ended");
    assert_int_equal(weir_hvctl_console(world.ctl, a.domid, &two), 0);
    read_all(two, buf, sizeof(buf), 12 + 60 * 41);
    assert_memory_equal(buf, "hello world\n0123", 16);
    close(one);
    close(two);
    assert_int_equal(puppet_destroy(&a), 0);
}

static void a_statistics_page_is_read_as_a_copy(void **state)
{
    struct puppet a = start("a");
    struct puppet_answer page = puppet_do(&a, PUPPET_ALLOC, 1, 0, 0, 0);
    uint8_t copy[WEIR_PAGE_SIZE];

    (void)state;
    assert_int_equal(weir_hvctl_stats(world.ctl, a.domid, copy), -ENODATA);
    puppet_do(&a, PUPPET_POKE, page.v[0] + 8, 0x42, 0, 0);
    assert_int_equal(puppet_do(&a, PUPPET_STATS, page.v[0], 0, 0, 0).rc, 0);
    assert_int_equal(weir_hvctl_stats(world.ctl, a.domid, copy), 0);
    assert_int_equal(copy[8], 0x42);
    /* not its own: refused */
    assert_int_equal(
        puppet_do(&a, PUPPET_STATS, page.v[0] + (100 << 12), 0, 0, 0).rc,
        -WEIR_EPERM);
    puppet_do(&a, PUPPET_FREE, page.v[0], 1, 0, 0);
    assert_int_equal(weir_hvctl_stats(world.ctl, a.domid, copy), -ENODATA);
    assert_int_equal(puppet_destroy(&a), 0);
}

static void names_and_ids_are_unique(void **state)
{
    struct weir_hv_create how = {.name = "a", .max_frames = 16};
    struct puppet a = start("a");
    struct weir_hv_dominfo list[8];
    unsigned n;
    domid_t id;
    int fd;

    (void)state;
    assert_int_equal(weir_hvctl_create(world.ctl, &how, &id, &fd), -EEXIST);
    how.name = "b";
    how.domid = a.domid;
    assert_int_equal(weir_hvctl_create(world.ctl, &how, &id, &fd), -EEXIST);
    how.domid = 0;
    how.max_frames = 0;
    assert_int_equal(weir_hvctl_create(world.ctl, &how, &id, &fd), -EINVAL);
    how.max_frames = 16;
    how.name = "a/b";
    assert_int_equal(weir_hvctl_create(world.ctl, &how, &id, &fd), -EINVAL);
    how.name = "vm"; /* without vCPUs and RAM */
    how.kind = WEIR_DOM_VM;
    assert_int_equal(weir_hvctl_create(world.ctl, &how, &id, &fd), -EINVAL);
    assert_int_equal(weir_hvctl_list(world.ctl, 0, list, 8, &n), 0);
    assert_int_equal(n, 1);
    assert_string_equal(list[0].name, "a");
    assert_int_equal(list[0].state, WEIR_DOM_RUNNING);
    assert_int_equal(list[0].pid, a.pid);
    assert_int_equal(puppet_destroy(&a), 0);
    assert_int_equal(weir_hvctl_destroy(world.ctl, a.domid), -ENOENT);
}

static void a_paused_domain_stands_still(void **state)
{
    struct puppet a = start("a");
    struct puppet_order o = {.op = PUPPET_PING};
    struct puppet_answer r;
    struct pollfd p = {.fd = a.fd, .events = POLLIN};

    (void)state;
    assert_int_equal(weir_hvctl_pause(world.ctl, a.domid), 0);
    assert_int_equal(puppet_info(&a).state, WEIR_DOM_PAUSED);
    assert_int_equal(send(a.fd, &o, sizeof(o), 0), sizeof(o));
    assert_int_equal(poll(&p, 1, 200), 0);
    assert_int_equal(weir_hvctl_unpause(world.ctl, a.domid), 0);
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(recv(a.fd, &r, sizeof(r), 0), sizeof(r));
    assert_int_equal(weir_hvctl_pause(world.ctl, a.domid), 0);
    assert_int_equal(puppet_destroy(&a), 0);
}

static void a_domain_that_never_starts_is_destroyed(void **state)
{
    struct weir_hv_create how = {.name = "a", .max_frames = 16};
    struct puppet a = {.world = &world};
    int fd;

    (void)state;
    assert_int_equal(weir_hvctl_create(world.ctl, &how, &a.domid, &fd), 0);
    assert_int_equal(puppet_info(&a).state, WEIR_DOM_BUILDING);
    assert_int_equal(weir_hvctl_destroy(world.ctl, a.domid), 0);
    close(fd);
    assert_int_equal(weir_hvctl_create(world.ctl, &how, &a.domid, &fd), 0);
    close(fd);
    puppet_expect_crash(&a, "closed its socket");
    assert_int_equal(weir_hvctl_destroy(world.ctl, a.domid), 0);
}

static void io_is_refused_and_counted_unless_permitted(void **state)
{
    struct puppet a = start("a");
    struct weir_io_range r = {WEIR_IO_PORT, 0x3f8, 0x3ff}, list[4];
    unsigned n;

    (void)state;
    assert_int_equal(puppet_do(&a, PUPPET_IO, WEIR_IO_PORT, 0x3f8, 0x3f8, 0).rc,
                     -WEIR_EPERM);
    assert_int_equal(puppet_info(&a).io_refused, 1);
    assert_int_equal(weir_hvctl_io_permit(world.ctl, a.domid, &r), 0);
    assert_int_equal(puppet_do(&a, PUPPET_IO, WEIR_IO_PORT, 0x3f8, 0x3f8, 0).rc,
                     0);
    assert_int_equal(weir_hvctl_io_list(world.ctl, a.domid, list, 4, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(list[0].first, 0x3f8);
    assert_int_equal(puppet_do(&a, PUPPET_IO, WEIR_IO_PORT, 0x3ff, 0x400, 0).rc,
                     -WEIR_EPERM); /* in part */
    r.last = r.first;
    assert_int_equal(weir_hvctl_io_deny(world.ctl, a.domid, &r), 0);
    assert_int_equal(puppet_do(&a, PUPPET_IO, WEIR_IO_PORT, 0x3f8, 0x3f8, 0).rc,
                     -WEIR_EPERM);
    assert_int_equal(puppet_info(&a).io_refused, 3);
    assert_int_equal(puppet_destroy(&a), 0);
}

static void grant_table_version_2_is_refused(void **state)
{
    struct puppet a = start("a");
    struct puppet_order o = {
        .op = PUPPET_RAW, .a = WEIR_HV_GRANT_VERSION, .b = 4};

    (void)state;
    o.data[0] = 1;
    assert_int_equal(puppet_order(&a, &o).rc, 0);
    o.data[0] = 2;
    assert_int_equal(puppet_order(&a, &o).rc, -WEIR_ENOSYS);
    assert_int_equal(puppet_destroy(&a), 0);
}

static void nonsense_hypercalls_get_errors(void **state)
{
    struct puppet a = start("a"), b = start("b");
    struct puppet_answer page = puppet_do(&b, PUPPET_ALLOC, 1, 0, 0, 0);
    struct puppet_order o = {.op = PUPPET_RAW, .a = WEIR_HV_FREE, .b = 16};

    (void)state;
    /* another's frame, and more frames than there are */
    memcpy(o.data, &page.v[1], 8);
    o.data[8] = 1;
    assert_int_equal(puppet_order(&a, &o).rc, -WEIR_EPERM);
    memset(o.data + 8, 0x7f, 4);
    assert_int_equal(puppet_order(&a, &o).rc, -WEIR_EINVAL);
    assert_int_equal(puppet_do(&a, PUPPET_RAW, 0, 0, 0, 0).rc, -WEIR_ENOSYS);
    assert_int_equal(puppet_do(&a, PUPPET_RAW, 99, 16, 0, 0).rc, -WEIR_ENOSYS);
    assert_int_equal(puppet_do(&a, PUPPET_RAW, WEIR_HV_TRANSFER, 16, 1, 0).rc,
                     -WEIR_ENOSYS);
    assert_int_equal(puppet_do(&a, PUPPET_RAW, WEIR_HV_ALLOC, 7, 0, 0).rc,
                     -WEIR_EINVAL);
    assert_int_equal(puppet_do(&a, PUPPET_RAW, WEIR_HV_MAP, 16, 1, 0).rc,
                     -WEIR_EINVAL);
    assert_int_equal(puppet_do(&a, PUPPET_RAW, WEIR_HV_MAP, 8, 300, 0).rc,
                     -WEIR_EINVAL);
    assert_int_equal(puppet_do(&a, PUPPET_RAW, WEIR_HV_ALLOC, 8, 1, 0).rc,
                     -WEIR_EINVAL);
    /* a second life */
    assert_int_equal(puppet_do(&a, PUPPET_RAW, WEIR_HV_HELLO, 8, 0, 0).rc,
                     -WEIR_EPERM);
    assert_int_equal(puppet_do(&a, PUPPET_RAW, WEIR_HV_SEALED, 16, 0, 0).rc,
                     -WEIR_EPERM);
    assert_int_equal(puppet_do(&a, PUPPET_RAW, WEIR_HV_FREE, 16, 0, 0).rc,
                     -WEIR_EINVAL);
    assert_int_equal(
        puppet_do(&a, PUPPET_RAW, WEIR_HV_EVTCHN_CLOSE, 4, 0, 0).rc,
        -WEIR_EINVAL);
    assert_int_equal(puppet_do(&a, PUPPET_PING, 0, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_info(&a).state, WEIR_DOM_RUNNING);
    assert_int_equal(puppet_destroy(&b), 0);
    assert_int_equal(puppet_destroy(&a), 0);
}

static void a_domain_that_floods_stops_only_itself(void **state)
{
    struct puppet a = start("a"), b = start("b");

    (void)state;
    puppet_do(&a, PUPPET_FLOOD, 100000, 0, 0, 0);
    puppet_expect_crash(&a, "does not read its hypercall replies");
    assert_int_equal(puppet_do(&b, PUPPET_ALLOC, 1, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_destroy(&a), 0);
    assert_int_equal(puppet_destroy(&b), 0);
}

static void a_broken_control_client_is_cut_off_alone(void **state)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct weir_hv_machine m;
    uint8_t junk[64];
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    (void)state;
    strcpy(sa.sun_path, world.socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    memset(junk, 0xa5, sizeof(junk));
    assert_int_equal(send(fd, junk, sizeof(junk), 0), sizeof(junk));
    assert_int_equal(recv(fd, junk, sizeof(junk), 0), 0);
    close(fd);
    assert_int_equal(weir_hvctl_machine(world.ctl, &m), 0);
    assert_int_equal(m.frames_total, 65536);
    assert_int_equal(m.domains, 0);
    assert_int_equal(m.frames_used, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(m.rss_bytes < 16u << 20);
#endif
}

static void subscribers_see_a_crash(void **state)
{
    struct weir_hvctl *c;
    struct weir_hv_dominfo ev;
    struct puppet a = start("a");

    (void)state;
    assert_int_equal(weir_hvctl_open(world.socket, &c), 0);
    assert_int_equal(weir_hvctl_subscribe(c), 0);
    kill(a.pid, SIGKILL);
    do {
        struct pollfd p = {.fd = weir_hvctl_fd(c), .events = POLLIN};

        assert_int_equal(poll(&p, 1, 5000), 1);
        assert_int_equal(weir_hvctl_next_event(c, &ev), 0);
    } while (ev.state != WEIR_DOM_CRASHED);
    assert_int_equal(ev.domid, a.domid);
    assert_string_equal(ev.reason, "its process ended");
    weir_hvctl_close(c);
    assert_int_equal(puppet_destroy(&a), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_store_page_is_ready, clear),
        cmocka_unit_test_teardown(the_console_keeps_what_was_said, clear),
        cmocka_unit_test_teardown(a_statistics_page_is_read_as_a_copy, clear),
        cmocka_unit_test_teardown(names_and_ids_are_unique, clear),
        cmocka_unit_test_teardown(a_paused_domain_stands_still, clear),
        cmocka_unit_test_teardown(a_domain_that_never_starts_is_destroyed,
                                  clear),
        cmocka_unit_test_teardown(io_is_refused_and_counted_unless_permitted,
                                  clear),
        cmocka_unit_test_teardown(grant_table_version_2_is_refused, clear),
        cmocka_unit_test_teardown(nonsense_hypercalls_get_errors, clear),
        cmocka_unit_test_teardown(a_domain_that_floods_stops_only_itself,
                                  clear),
        cmocka_unit_test_teardown(a_broken_control_client_is_cut_off_alone,
                                  clear),
        cmocka_unit_test_teardown(subscribers_see_a_crash, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

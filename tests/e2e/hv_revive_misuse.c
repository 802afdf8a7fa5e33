/* SPDX-License-Identifier: MIT
 *
 * New programs for domains and kept frames, asked for wrongly, at the wrong
 * time, or too often.
 */
#include "hypervisor/codec.h"
#include "ring/error.h"
#include "tests/e2e/hv_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define KEEPS_MAX 1024

static struct puppet_answer keep(struct puppet *p, uint64_t key, uint64_t count)
{
    return puppet_do(p, PUPPET_KEEP, key, count, 0, 0);
}

/* -1: there is none. */
static int generation_of(domid_t domid)
{
    struct weir_hv_dominfo info;

    if (weir_hvctl_info(world.ctl, domid, &info) < 0)
        return -1;
    return (int)info.generation;
}

static int revive_fails(domid_t domid)
{
    int fd = -1, rc = weir_hvctl_revive(world.ctl, domid, &fd);

    assert_int_equal(fd, -1);
    return rc;
}

static void keeping_is_bounded_by_quota_and_number(void **state)
{
    struct puppet d = puppet_start(
        &world, (struct weir_hv_create){.name = "driver", .max_frames = 2000});

    (void)state;
    assert_int_equal(keep(&d, 1, 0).rc, -WEIR_EINVAL);
    assert_int_equal(keep(&d, 1, 2001).rc, -WEIR_ENOMEM);
    assert_int_equal(keep(&d, 1, UINT32_MAX).rc, -WEIR_ENOMEM);
    assert_int_equal(puppet_info(&d).frames, 0);
    for (unsigned i = 0; i < KEEPS_MAX; i++)
        assert_int_equal(keep(&d, i * 0x100000001ull, 1).rc, 0);
    assert_int_equal(keep(&d, UINT64_MAX, 1).rc, -WEIR_ENOSPC);
    assert_int_equal(puppet_info(&d).frames, KEEPS_MAX);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    /* What the dead kept counts until it is forgotten. */
    assert_int_equal(keep(&d, UINT64_MAX, 1).rc, -WEIR_ENOSPC);
    assert_int_equal(puppet_do(&d, PUPPET_ALLOC, 977, 0, 0, 0).rc,
                     -WEIR_ENOMEM);
    assert_int_equal(keep(&d, 0x100000001ull, 1).v[2], 1);
    assert_int_equal(puppet_do(&d, PUPPET_FORGET, 0, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_info(&d).frames, 1);
    assert_int_equal(keep(&d, UINT64_MAX, 1999).rc, 0);
    assert_int_equal(puppet_destroy(&d), 0);
}

static void a_key_names_one_run(void **state)
{
    struct puppet d = start("driver");
    struct puppet_answer run = keep(&d, 7, 3);

    (void)state;
    assert_int_equal(run.rc, 0);
    assert_int_equal(keep(&d, 7, 3).rc, -WEIR_EBUSY);
    assert_int_equal(keep(&d, 7, 4).rc, -WEIR_EEXIST);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    assert_int_equal(keep(&d, 7, 2).rc, -WEIR_EEXIST);
    run = keep(&d, 7, 3);
    assert_int_equal(run.v[2], 1);
    assert_int_equal(keep(&d, 7, 3).rc, -WEIR_EBUSY);
    /* A part freed: the rest is memory like any other. */
    puppet_do(&d, PUPPET_FREE, run.v[0] + 4096, 1, 0, 0);
    assert_int_equal(puppet_info(&d).frames, 2);
    assert_int_equal(puppet_do(&d, PUPPET_POKE, run.v[0], 1, 0, 0).rc, 0);
    run = keep(&d, 7, 3);
    assert_int_equal(run.rc, 0);
    assert_int_equal(run.v[2], 0);
    assert_int_equal(puppet_info(&d).frames, 5);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    assert_int_equal(puppet_info(&d).frames, 3);
    assert_int_equal(puppet_destroy(&d), 0);
}

/* Refused, and nothing has changed. */
static void who_is_mapped_is_not_revived(void **state)
{
    struct puppet d = start("driver"), other = start("other");
    struct puppet_answer page = puppet_give(&d, &other, false), run, m, again;

    (void)state;
    run = keep(&d, 1, 2);
    puppet_do(&d, PUPPET_POKE, run.v[0], 42, 0, 0);
    m = puppet_map(&other, &d, 9, false);
    assert_int_equal(m.rc, 0);
    puppet_kill(&d);
    assert_int_equal(revive_fails(d.domid), -EBUSY);
    assert_int_equal(puppet_info(&d).state, WEIR_DOM_CRASHED);
    assert_int_equal(puppet_info(&d).frames, 3);
    assert_string_equal(puppet_info(&d).reason, "its process ended");
    assert_int_equal(generation_of(d.domid), 0);
    assert_int_equal(puppet_peek(&other, m.v[0]), 0xfeed);
    again = puppet_map(&other, &d, 9, true);
    assert_int_equal(again.rc, 0);
    assert_int_equal(puppet_unmap(&other, &again), 0);
    assert_int_equal(revive_fails(d.domid), -EBUSY);
    assert_int_equal(puppet_unmap(&other, &m), 0);
    assert_int_equal(puppet_revive(&d), 0);
    assert_int_equal(puppet_peek(&d, keep(&d, 1, 2).v[0]), 42);
    assert_int_equal(puppet_info(&d).frames, 2);
    (void)page;
    assert_int_equal(puppet_destroy(&d), 0);
    assert_int_equal(puppet_destroy(&other), 0);
}

static void a_page_freed_but_still_mapped_counts(void **state)
{
    struct puppet d = start("driver"), other = start("other");
    struct puppet_answer page = puppet_give(&d, &other, false), m;

    (void)state;
    m = puppet_map(&other, &d, 9, false);
    puppet_do(&d, PUPPET_FREE, page.v[0], 1, 0, 0);
    puppet_kill(&d);
    assert_int_equal(revive_fails(d.domid), -EBUSY);
    assert_int_equal(puppet_unmap(&other, &m), 0);
    assert_int_equal(puppet_revive(&d), 0);
    assert_int_equal(puppet_info(&d).frames, 0);
    assert_int_equal(puppet_destroy(&d), 0);
    assert_int_equal(puppet_destroy(&other), 0);
}

static void only_the_dead_are_revived(void **state)
{
    struct weir_hv_create how = {.name = "new", .max_frames = 16};
    struct weir_hv_create vm = {.name = "vm",
                                .kind = WEIR_DOM_VM,
                                .max_frames = 1024,
                                .vcpus = 1,
                                .ram = 512};
    struct puppet d = start("driver"), namesake;
    domid_t domid;
    int fd, rc;

    (void)state;
    assert_int_equal(revive_fails(d.domid), -EINVAL);
    assert_int_equal(revive_fails(0), -ENOENT);
    assert_int_equal(revive_fails(d.domid + 1), -ENOENT);
    assert_int_equal(weir_hvctl_pause(world.ctl, d.domid), 0);
    assert_int_equal(revive_fails(d.domid), -EINVAL);
    puppet_kill(&d);
    /* Its name is free, and taken. */
    namesake = start("driver");
    assert_int_equal(revive_fails(d.domid), -EEXIST);
    assert_int_equal(puppet_destroy(&namesake), 0);
    assert_int_equal(puppet_revive(&d), 0);
    how.name = "driver";
    assert_int_equal(weir_hvctl_create(world.ctl, &how, &domid, &fd), -EEXIST);
    how.name = "new";
    assert_int_equal(weir_hvctl_create(world.ctl, &how, &domid, &fd), 0);
    assert_int_equal(revive_fails(domid), -EINVAL);
    close(fd);
    rc = weir_hvctl_create(world.ctl, &vm, &domid, &fd);
    if (rc == 0)
        assert_int_equal(revive_fails(domid), -EINVAL);
    else
        assert_int_equal(rc, -ENODEV);
    assert_int_equal(puppet_destroy(&d), 0);
}

static void a_dying_domain_is_not_revived(void **state)
{
    struct puppet d = start("driver"), other = start("other");
    struct puppet_answer m;

    (void)state;
    puppet_give(&d, &other, false);
    m = puppet_map(&other, &d, 9, false);
    assert_int_equal(puppet_destroy(&d), 0);
    assert_int_equal(puppet_info(&d).state, WEIR_DOM_DYING);
    assert_int_equal(revive_fails(d.domid), -EINVAL);
    assert_int_equal(puppet_unmap(&other, &m), 0);
    assert_int_equal(puppet_destroy(&other), 0);
}

/* ---- requests at once ---------------------------------------------------- */

static int open_raw(void)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    memcpy(sa.sun_path, world.socket, sizeof(world.socket));
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

static void send_raw(int fd, uint16_t op, size_t len, uint32_t seq, domid_t d)
{
    uint8_t msg[WEIR_HV_HEADER + 8] = {0};
    struct weir_hv_header h = {
        .op = op, .seq = seq, .size = (uint16_t)(WEIR_HV_HEADER + len)};

    weir_hv_put_header(msg, &h);
    weir_put32(msg + WEIR_HV_HEADER, d);
    assert_int_equal(send(fd, msg, h.size, 0), h.size);
}

/* A packet and the descriptor with it, or -1. */
static ssize_t receive(int fd, uint8_t *msg, size_t size, int *got)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } ctl;
    struct iovec iov = {msg, size};
    struct msghdr mh = {.msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = &ctl,
                        .msg_controllen = sizeof(ctl)};
    ssize_t n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&mh);

    *got = -1;
    if (c)
        memcpy(got, CMSG_DATA(c), sizeof(*got));
    return n;
}

/* Statuses of n replies, by sequence number.  Sockets that come are held to the
 * end: a domain without one is dead again. */
static void read_raw(int fd, int *status, unsigned n)
{
    uint8_t msg[WEIR_HV_MSG_MAX];
    struct weir_hv_header h;
    int got[3];

    for (unsigned i = 0; i < n; i++) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t len;

        assert_int_equal(poll(&p, 1, 10000), 1);
        len = receive(fd, msg, sizeof(msg), &got[i]);
        assert_int_equal(weir_hv_get_header(msg, (size_t)len, &h), 0);
        assert_true(h.seq < n);
        status[h.seq] = h.status;
    }
    for (unsigned i = 0; i < n; i++)
        if (got[i] >= 0)
            close(got[i]);
}

static void await_gone(domid_t domid)
{
    for (int i = 0; i < 500 && generation_of(domid) >= 0; i++)
        usleep(10000);
    assert_int_equal(generation_of(domid), -1);
}

/* All three are answered, whichever comes first. */
static void two_revivals_and_an_end_at_once(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        struct puppet d = start("driver");
        int fd = open_raw(), status[3] = {1, 1, 1};

        assert_int_equal(keep(&d, 1, round * 4 + 1).rc, 0);
        puppet_kill(&d);
        send_raw(fd, WEIR_HVCTL_REVIVE, 8, 0, d.domid);
        send_raw(fd, WEIR_HVCTL_REVIVE, 8, 1, d.domid);
        if (round % 3 == 1)
            usleep(round * 10);
        send_raw(fd, WEIR_HVCTL_DESTROY, 4, 2, d.domid);
        read_raw(fd, status, 3);
        if (status[0] != 0 && status[0] != -ENOENT)
            fail_msg("revival: %d", status[0]);
        if (status[1] != -EALREADY && status[1] != -EINVAL)
            fail_msg("second revival: %d, first %d", status[1], status[0]);
        assert_int_equal(status[2], 0);
        await_gone(d.domid);
        close(fd);
    }
}

static void the_other_way_round(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        struct puppet d = start("driver");
        int fd = open_raw(), status[2] = {1, 1};

        assert_int_equal(keep(&d, 1, 100).rc, 0);
        puppet_kill(&d);
        send_raw(fd, WEIR_HVCTL_DESTROY, 4, 0, d.domid);
        send_raw(fd, WEIR_HVCTL_REVIVE, 8, 1, d.domid);
        read_raw(fd, status, 2);
        assert_int_equal(status[0], 0);
        assert_true(status[1] == -EINVAL || status[1] == -ENOENT);
        await_gone(d.domid);
        close(fd);
    }
}

/* Nobody takes the socket: that program has ended before it began. */
static void a_revival_nobody_waits_for(void **state)
{
    struct puppet d = start("driver");

    (void)state;
    assert_int_equal(keep(&d, 1, 10).rc, 0);
    puppet_kill(&d);
    for (unsigned round = 0; round < 20; round++) {
        int fd = open_raw();

        send_raw(fd, WEIR_HVCTL_REVIVE, 8, 0, d.domid);
        close(fd);
        for (int i = 0; i < 500; i++) {
            struct weir_hv_dominfo info = puppet_info(&d);

            if (info.generation == round + 1 && info.state == WEIR_DOM_CRASHED)
                break;
            usleep(10000);
        }
        assert_int_equal(puppet_info(&d).generation, round + 1);
        puppet_expect_crash(&d, "closed its socket");
    }
    assert_int_equal(puppet_revive(&d), 0);
    assert_int_equal(keep(&d, 1, 10).v[2], 1);
    assert_int_equal(puppet_destroy(&d), 0);
}

static void destroyed_before_its_program_says_hello(void **state)
{
    struct puppet d = start("driver");
    struct weir_hv_machine m;
    int fd = -1;

    (void)state;
    assert_int_equal(keep(&d, 1, 10).rc, 0);
    puppet_kill(&d);
    assert_int_equal(weir_hvctl_revive(world.ctl, d.domid, &fd), 0);
    assert_int_equal(puppet_info(&d).state, WEIR_DOM_BUILDING);
    assert_int_equal(puppet_info(&d).pid, 0);
    assert_int_equal(weir_hvctl_destroy(world.ctl, d.domid), 0);
    await_gone(d.domid);
    close(fd);
    assert_int_equal(weir_hvctl_machine(world.ctl, &m), 0);
    assert_int_equal(m.frames_used, 0);
}

/* Whether the mapper has a page just then or not: either it is busy, or it is
 * revived and the mapper finds no grant any more. */
static void revived_while_others_map_and_unmap(void **state)
{
    struct puppet d = start("driver"), m = start("mapper");
    unsigned busy = 0;

    (void)state;
    for (unsigned round = 0; round < 30; round++) {
        struct puppet_answer run = keep(&d, round, 4), r;
        struct puppet_order o = {
            .op = PUPPET_TIME, .a = d.domid, .b = 16, .c = 4, .d = UINT32_MAX};
        int rc;

        for (unsigned i = 0; i < 4; i++)
            puppet_do(&d, PUPPET_GRANT, 16 + i, m.domid, run.v[1] + i, 0);
        assert_int_equal(send(m.fd, &o, sizeof(o), 0), sizeof(o));
        puppet_kill(&d);
        while ((rc = puppet_revive(&d)) == -EBUSY)
            busy++;
        assert_int_equal(rc, 0);
        assert_int_equal(recv(m.fd, &r, sizeof(r), 0), sizeof(r));
        assert_int_equal(r.rc, -WEIR_EIO);
        assert_int_equal(puppet_info(&m).grants_mapped, 0);
        assert_int_equal(puppet_info(&d).grants_active, 0);
        assert_int_equal(puppet_info(&d).frames, 4 * (round + 1));
    }
    print_message("busy %u times\n", busy);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&d), 0);
}

/* ---- events, and what stays --------------------------------------------- */

static void expect_event(struct weir_hvctl *c, domid_t domid,
                         enum weir_dom_state state, uint32_t generation)
{
    struct pollfd p = {.fd = weir_hvctl_fd(c), .events = POLLIN};
    struct weir_hv_dominfo info;

    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(weir_hvctl_next_event(c, &info), 0);
    assert_int_equal(info.domid, domid);
    assert_int_equal(info.state, state);
    assert_int_equal(info.generation, generation);
}

static void an_event_says_whose_it_is(void **state)
{
    struct puppet d = start("driver");
    struct weir_hvctl *c;

    (void)state;
    assert_int_equal(weir_hvctl_open(world.socket, &c), 0);
    assert_int_equal(weir_hvctl_subscribe(c), 0);
    for (uint32_t i = 0; i < 3; i++) {
        puppet_kill(&d);
        assert_int_equal(puppet_revive(&d), 0);
        expect_event(c, d.domid, WEIR_DOM_CRASHED, i);
        expect_event(c, d.domid, WEIR_DOM_BUILDING, i + 1);
        expect_event(c, d.domid, WEIR_DOM_RUNNING, i + 1);
    }
    weir_hvctl_close(c);
    assert_int_equal(puppet_destroy(&d), 0);
}

static unsigned descriptors(void)
{
    unsigned n = 0;
    char path[64];
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)world.pid);
    dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* One life: it maps, is mapped, binds, grows its table, keeps. */
static void live_and_die(struct puppet *d, struct puppet *f, uint64_t port)
{
    struct puppet_answer run = keep(d, 1, 20), m;

    assert_int_equal(run.rc, 0);
    assert_int_equal(puppet_do(d, PUPPET_ALLOC, 50, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_do(d, PUPPET_EVT_BIND, f->domid, port, 0, 0).rc, 0);
    m = puppet_do(d, PUPPET_MAPS, f->domid, 100, 64, 0);
    assert_int_equal(m.v[0], 0);
    puppet_do(d, PUPPET_GRANT, 9, f->domid, run.v[1], 0);
    m = puppet_map(f, d, 9, false);
    assert_int_equal(m.rc, 0);
    assert_int_equal(puppet_unmap(f, &m), 0);
    puppet_kill(d);
}

struct counts {
    struct weir_hv_machine m;
    struct weir_hv_dominfo front;
    unsigned fds;
};

static struct counts count(struct puppet *d, struct puppet *f)
{
    struct counts c = {.fds = descriptors()};

    assert_int_equal(puppet_info(d).state, WEIR_DOM_CRASHED);
    assert_int_equal(puppet_info(d).ports, 0);
    assert_int_equal(weir_hvctl_machine(world.ctl, &c.m), 0);
    assert_int_equal(weir_hvctl_info(world.ctl, f->domid, &c.front), 0);
    return c;
}

static void two_hundred_revivals_leave_nothing(void **state)
{
    struct puppet d = start("driver"), f = start("frontend");
    struct puppet_answer pages = puppet_do(&f, PUPPET_ALLOC, 64, 0, 0, 0);
    struct counts before = {0}, after;
    uint64_t port = puppet_do(&f, PUPPET_EVT_ALLOC, d.domid, 0, 0, 0).v[0];

    (void)state;
    for (unsigned i = 0; i < 64; i++)
        puppet_do(&f, PUPPET_GRANT, 100 + i, d.domid, pages.v[1] + i, 0);
    for (unsigned i = 0; i < 205; i++) {
        live_and_die(&d, &f, port);
        if (i == 4)
            before = count(&d, &f);
        if (i < 204)
            assert_int_equal(puppet_revive(&d), 0);
    }
    after = count(&d, &f);
    assert_int_equal(generation_of(d.domid), 204);
    assert_int_equal(after.m.frames_used, before.m.frames_used);
    assert_int_equal(after.fds, before.fds);
    assert_int_equal(after.front.ports, before.front.ports);
    assert_int_equal(after.front.frames, 64);
    assert_int_equal(after.front.grants_active, 0);
    print_message("memory of weir-hv: %llu, then %llu KiB\n",
                  (unsigned long long)before.m.rss_bytes / 1024,
                  (unsigned long long)after.m.rss_bytes / 1024);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(after.m.rss_bytes <= before.m.rss_bytes + 65536);
#endif
    assert_int_equal(puppet_destroy(&f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(keeping_is_bounded_by_quota_and_number,
                                  clear),
        cmocka_unit_test_teardown(a_key_names_one_run, clear),
        cmocka_unit_test_teardown(who_is_mapped_is_not_revived, clear),
        cmocka_unit_test_teardown(a_page_freed_but_still_mapped_counts, clear),
        cmocka_unit_test_teardown(only_the_dead_are_revived, clear),
        cmocka_unit_test_teardown(a_dying_domain_is_not_revived, clear),
        cmocka_unit_test_teardown(two_revivals_and_an_end_at_once, clear),
        cmocka_unit_test_teardown(the_other_way_round, clear),
        cmocka_unit_test_teardown(a_revival_nobody_waits_for, clear),
        cmocka_unit_test_teardown(destroyed_before_its_program_says_hello,
                                  clear),
        cmocka_unit_test_teardown(revived_while_others_map_and_unmap, clear),
        cmocka_unit_test_teardown(an_event_says_whose_it_is, clear),
        cmocka_unit_test_teardown(two_hundred_revivals_leave_nothing, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: MIT
 *
 * Revivals that meet with other things at the same moment: each other, the
 * domain's end, those who map its pages, the death of the new program.
 */
#include "hypervisor/codec.h"
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
#include <sys/wait.h>
#include <unistd.h>

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
    for (int i = 0; i < 500 && hv_world_generation(&world, domid) >= 0; i++)
        usleep(10000);
    assert_int_equal(hv_world_generation(&world, domid), -1);
}

/* All three are answered, whichever comes first. */
static void two_revivals_and_an_end_at_once(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        struct puppet d = start("driver");
        int fd = open_raw(), status[3] = {1, 1, 1};

        assert_int_equal(puppet_keep(&d, 1, round * 4 + 1).rc, 0);
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

        assert_int_equal(puppet_keep(&d, 1, 100).rc, 0);
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
    assert_int_equal(puppet_keep(&d, 1, 10).rc, 0);
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
    assert_int_equal(puppet_keep(&d, 1, 10).v[2], 1);
    assert_int_equal(puppet_destroy(&d), 0);
}

static void destroyed_before_its_program_says_hello(void **state)
{
    struct puppet d = start("driver");
    struct weir_hv_machine m;
    int fd = -1;

    (void)state;
    assert_int_equal(puppet_keep(&d, 1, 10).rc, 0);
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
        struct puppet_answer run = puppet_keep(&d, round, 4), r;
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

/* At any moment from its fork to its seal and a little after. */
static void killed_while_it_starts(void **state)
{
    struct puppet d = start("driver");
    struct puppet_answer run = puppet_keep(&d, 1, 30);
    unsigned before = 0;

    (void)state;
    for (unsigned i = 0; i < 30; i++)
        puppet_do(&d, PUPPET_POKE, run.v[0] + i * 4096, i + 1000, 0, 0);
    puppet_kill(&d);
    for (unsigned round = 0; round < 100; round++) {
        assert_int_equal(puppet_revive_unseen(&d), 0);
        usleep(round * 100);
        before += puppet_info(&d).state == WEIR_DOM_BUILDING;
        puppet_kill(&d);
        assert_int_equal(hv_world_generation(&world, d.domid), round + 1);
        assert_int_equal(puppet_info(&d).frames, 30);
    }
    print_message("%u of 100 killed before they were sealed\n", before);
    assert_int_equal(puppet_revive(&d), 0);
    run = puppet_keep(&d, 1, 30);
    assert_int_equal(run.v[2], 1);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(puppet_peek(&d, run.v[0] + i * 4096), i + 1000);
    assert_int_equal(puppet_destroy(&d), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(two_revivals_and_an_end_at_once, clear),
        cmocka_unit_test_teardown(the_other_way_round, clear),
        cmocka_unit_test_teardown(a_revival_nobody_waits_for, clear),
        cmocka_unit_test_teardown(destroyed_before_its_program_says_hello,
                                  clear),
        cmocka_unit_test_teardown(revived_while_others_map_and_unmap, clear),
        cmocka_unit_test_teardown(killed_while_it_starts, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: MIT
 *
 * Limits, statistics slots, the resource channel, queue threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backends/common/limit.h"
#include "backends/common/qthread.h"
#include "backends/common/resource.h"
#include "backends/common/stats.h"

#define SECOND 1000000000ull

static void test_limit_lets_through_its_rate(void **state)
{
    uint64_t now = 5 * SECOND, taken = 0, end;
    struct weir_limit l;

    (void)state;
    weir_limit_init(&l, 1000, 100000000, now);
    for (end = now + 10 * SECOND; now < end;) {
        uint64_t wait = weir_limit_take(&l, 1, now);

        taken += wait == 0;
        now += wait;
    }
    assert_in_range(taken, 10000, 10101); /* and the burst of 100 */
}

static void test_limit_lets_a_large_one_pass_and_collects_the_debt(void **state)
{
    struct weir_limit l;
    uint64_t wait;

    (void)state;
    weir_limit_init(&l, 1000, 100000000, 0);
    assert_int_equal(weir_limit_take(&l, 100000, 0), 0);
    wait = weir_limit_take(&l, 1, 0);
    assert_in_range(wait, 99 * SECOND, 101 * SECOND);
    assert_int_equal(weir_limit_take(&l, 1, wait + 2), 0);
}

static void test_limit_survives_extreme_numbers(void **state)
{
    struct weir_limit l;

    (void)state;
    weir_limit_init(&l, UINT64_MAX, 0, 0);
    for (uint64_t t = 0; t < 1000; t++)
        (void)weir_limit_take(&l, UINT64_MAX, t << 50);
    assert_int_equal(weir_limit_take(&l, 1, 1), weir_limit_wait(&l, 1));
    weir_limit_init(&l, 0, 0, 0);
    assert_int_equal(weir_limit_take(&l, UINT64_MAX, 0), 0);
    weir_limit_init(&l, 1, 0, 100);
    assert_int_equal(weir_limit_take(&l, 1, 50), 0); /* the clock went back */
}

static void test_stats_slots_run_out_and_come_back(void **state)
{
    static struct weir_stats_page page;
    struct weir_dev_stats *s = NULL;

    (void)state;
    weir_stats_init(&page, 7);
    for (unsigned i = 0; i < WEIR_STATS_DEVS; i++)
        assert_non_null(s = weir_stats_claim(&page, WEIR_RES_VBD, 5, i));
    assert_null(weir_stats_claim(&page, WEIR_RES_VBD, 5, 99));
    weir_stats_add(s, WEIR_STAT_FLUSH, 3);
    weir_stats_release(s);
    s = weir_stats_claim(&page, WEIR_RES_VIF, 6, 1);
    assert_non_null(s);
    assert_int_equal(s->word[WEIR_STAT_FLUSH], 0);
}

static unsigned open_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

static struct weir_resource good(unsigned nfds)
{
    return (struct weir_resource){.magic = WEIR_RES_MAGIC,
                                  .version = WEIR_RES_VERSION,
                                  .op = WEIR_RES_ATTACH,
                                  .cls = WEIR_RES_VBD,
                                  .frontend = 5,
                                  .nfds = nfds};
}

/* As a manager that has gone wrong: any bytes, any descriptors. */
static void send_raw(int fd, const void *buf, size_t len, unsigned nfds)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * 16)];
    } u;
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    int fds[16];

    memset(&u, 0, sizeof(u));
    for (unsigned i = 0; i < nfds; i++)
        fds[i] = 0;
    if (nfds > 0) {
        struct cmsghdr *c = &u.align;

        m.msg_control = u.room;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
    }
    assert_int_equal(sendmsg(fd, &m, 0), (ssize_t)len);
}

static void test_malformed_resource_packets_leak_no_descriptor(void **state)
{
    struct weir_resource bad[6], got;
    int sv[2], fds[WEIR_RES_MAX_FDS];
    unsigned before, n;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
    before = open_fds();
    for (unsigned i = 0; i < 6; i++)
        bad[i] = good(2);
    bad[0].magic++;
    bad[1].version = 9;
    bad[2].op = 17;
    bad[3].cls = 0;
    bad[4].nfds = 3;
    memset(bad[5].label, 'x', sizeof(bad[5].label));
    for (unsigned i = 0; i < 6; i++) {
        send_raw(sv[0], &bad[i], sizeof(bad[i]), 2);
        assert_int_equal(weir_resource_recv(sv[1], &got, fds, &n), -EPROTO);
    }
    bad[0] = good(1);
    send_raw(sv[0], &bad[0], sizeof(bad[0]) - 1, 1); /* short */
    assert_int_equal(weir_resource_recv(sv[1], &got, fds, &n), -EPROTO);
    bad[0] = good(12);
    send_raw(sv[0], &bad[0], sizeof(bad[0]), 12); /* too many */
    assert_int_equal(weir_resource_recv(sv[1], &got, fds, &n), -EPROTO);
    assert_int_equal(open_fds(), before);
    assert_int_equal(weir_resource_recv(sv[1], &got, fds, &n), 0);
    bad[0] = good(2);
    send_raw(sv[0], &bad[0], sizeof(bad[0]), 2);
    assert_int_equal(weir_resource_recv(sv[1], &got, fds, &n), 1);
    assert_int_equal(n, 2);
    close(fds[0]);
    close(fds[1]);
    close(sv[0]);
    assert_int_equal(weir_resource_recv(sv[1], &got, fds, &n), -EPIPE);
    close(sv[1]);
}

/* The device is named, so that the manager hears at once that it is refused. */
static void test_a_packet_without_room_for_its_descriptors_is_told(void **state)
{
    struct weir_resource two = good(2), got;
    int sv[2], fds[WEIR_RES_MAX_FDS], top;
    struct rlimit was, tight;
    unsigned before, n;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
    before = open_fds();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    top = dup(0); /* the lowest that is free */
    assert_true(top > 0);
    close(top);
    for (unsigned room = 0; room < 3; room++) {
        tight = was;
        tight.rlim_cur = (rlim_t)top + room;
        send_raw(sv[0], &two, sizeof(two), 2);
        memset(&got, 0, sizeof(got));
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
        assert_int_equal(weir_resource_recv(sv[1], &got, fds, &n),
                         room < 2 ? -EMFILE : 1);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
        assert_int_equal(got.frontend, 5);
        assert_int_equal(n, room < 2 ? 0 : 2);
    }
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(open_fds(), before);
    close(sv[0]);
    close(sv[1]);
}

/* Work handed to a queue thread by a counter; it may be told to break. */
struct job {
    unsigned todo, done, woken;
    bool broken, drained;
    unsigned slow_ms; /* the device still needs so long */
    unsigned hang_s;  /* the thread itself stands still so long */
    unsigned alive;
};

static int work(void *ctx)
{
    struct job *j = ctx;

    if (__atomic_load_n(&j->broken, __ATOMIC_ACQUIRE))
        return -EPROTO;
    if (__atomic_load_n(&j->todo, __ATOMIC_ACQUIRE) == 0)
        return 0;
    __atomic_fetch_sub(&j->todo, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&j->done, 1, __ATOMIC_SEQ_CST);
    return 1;
}

static bool arm(void *ctx)
{
    struct job *j = ctx;

    return __atomic_load_n(&j->todo, __ATOMIC_ACQUIRE) != 0;
}

static void woke(void *ctx, uint32_t tags)
{
    struct job *j = ctx;

    (void)tags;
    __atomic_fetch_add(&j->woken, 1, __ATOMIC_SEQ_CST);
}

static bool drain(void *ctx)
{
    struct job *j = ctx;

    sleep(j->hang_s);
    if (j->slow_ms > 0) { /* called once a millisecond */
        j->slow_ms--;
        return false;
    }
    j->drained = true;
    return true;
}

static const struct weir_qthread_ops ops = {
    .work = work, .arm = arm, .woke = woke, .drain = drain};

static void wait_done(struct job *j, unsigned n)
{
    for (unsigned i = 0; i < 5000; i++) {
        struct timespec ts = {0, 1000000};

        if (__atomic_load_n(&j->done, __ATOMIC_ACQUIRE) == n)
            return;
        nanosleep(&ts, NULL);
    }
    fail_msg("%u of %u done", j->done, n);
}

static void test_queue_thread_wakes_works_and_stops(void **state)
{
    struct weir_qpool *pool;
    struct weir_qthread *t[2];

    (void)state;
    assert_int_equal(weir_qpool_new(2, NULL, NULL, &pool), 0);
    for (unsigned round = 0; round < 200; round++) {
        struct job j = {.todo = 3};

        t[0] = weir_qpool_take(pool);
        t[1] = weir_qpool_take(pool);
        assert_non_null(t[1]);
        assert_null(weir_qpool_take(pool));
        weir_qthread_start(t[0], &ops, &j, round % 2 * 20000);
        wait_done(&j, 3);
        __atomic_store_n(&j.todo, 1, __ATOMIC_SEQ_CST);
        weir_qthread_kick(t[0]);
        wait_done(&j, 4);
        weir_qpool_put(pool, t[0]);
        weir_qpool_put(pool, t[1]); /* never started */
        assert_true(j.drained);
    }
    assert_int_equal(weir_qpool_unused(pool), 2);
    weir_qpool_free(pool);
}

static void count_alive(void *job)
{
    ((struct job *)job)->alive++;
}

/* For the heartbeat: who waits for a device does not hang, who waits for a
 * thread that stands still does. */
static void test_waiting_for_a_slow_device_is_no_hang(void **state)
{
    struct job slow = {.slow_ms = 1500}, hang = {.hang_s = 2};
    struct weir_qthread *t;
    struct weir_qpool *pool;

    (void)state;
    assert_int_equal(weir_qpool_new(1, NULL, NULL, &pool), 0);
    t = weir_qpool_take(pool);
    weir_qpool_on_wait(pool, count_alive, &slow);
    weir_qthread_start(t, &ops, &slow, 0);
    weir_qthread_stop(t);
    assert_true(slow.drained);
    assert_in_range(slow.alive, 1, 1000);
    weir_qpool_on_wait(pool, count_alive, &hang);
    weir_qthread_start(t, &ops, &hang, 0);
    weir_qthread_stop(t);
    assert_true(hang.drained);
    assert_int_equal(hang.alive, 0);
    weir_qpool_put(pool, t);
    weir_qpool_free(pool);
}

static void test_broken_queue_thread_waits_to_be_stopped(void **state)
{
    struct job j = {.broken = true};
    struct weir_qthread *t;
    struct weir_qpool *pool;

    (void)state;
    assert_int_equal(weir_qpool_new(1, NULL, NULL, &pool), 0);
    t = weir_qpool_take(pool);
    weir_qthread_start(t, &ops, &j, 0);
    weir_qthread_stop(t);
    assert_true(j.drained);
    j.broken = false;
    j.todo = 1;
    weir_qthread_start(t, &ops, &j, 0); /* good for another device */
    wait_done(&j, 1);
    weir_qpool_put(pool, t);
    weir_qpool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_lets_through_its_rate),
        cmocka_unit_test(
            test_limit_lets_a_large_one_pass_and_collects_the_debt),
        cmocka_unit_test(test_limit_survives_extreme_numbers),
        cmocka_unit_test(test_stats_slots_run_out_and_come_back),
        cmocka_unit_test(test_malformed_resource_packets_leak_no_descriptor),
        cmocka_unit_test(
            test_a_packet_without_room_for_its_descriptors_is_told),
        cmocka_unit_test(test_queue_thread_wakes_works_and_stops),
        cmocka_unit_test(test_waiting_for_a_slow_device_is_no_hang),
        cmocka_unit_test(test_broken_queue_thread_waits_to_be_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

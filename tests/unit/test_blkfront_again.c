/* SPDX-License-Identifier: MIT
 *
 * Block frontend, connected again: threads that sleep for their I/O, queues
 * that the new backend does not offer, a disk that has become another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/blk_world.h"

#define MIB (1u << 20)

struct fixture {
    struct blk_world w;
    struct weir_blkfront *bf;
    struct weir_resource res;
};

static struct fixture fx;
static volatile uint32_t ended, stop;
static volatile uint32_t failed;

static void done(struct weir_blkfront_io *io, int status)
{
    *(int *)io->tag = status;
    if (status != 0)
        weir_fetch_add32(&failed, 1);
    weir_fetch_add32(&ended, 1);
}

static void begin(unsigned queues)
{
    const struct weir_blkfront_config cfg = {.queues = queues};

    ended = stop = failed = 0;
    fx.res = blk_resource(WEIR_VBD_SYNC, MIB);
    blk_world_start(&fx.w, &fx.res, NULL);
    assert_int_equal(weir_blkfront_open(&fx.w.bus, 0, &cfg, &fx.bf), 0);
}

static int end(void **state)
{
    (void)state;
    weir_blkfront_close(fx.bf);
    blk_world_stop(&fx.w);
    return 0;
}

static void serve_until(volatile uint32_t *what, uint32_t n)
{
    for (unsigned i = 0; i < 5000 && weir_load_acquire32(what) < n; i++) {
        weir_front_bus_poll(&fx.w.bus);
        usleep(1000);
    }
    if (weir_load_acquire32(what) >= n)
        return;
    print_error("I/O does not end\n"); /* nor would its thread */
    _exit(1);
}

static void *write_one_by_one(void *arg)
{
    static uint8_t data[4096] __attribute__((aligned(4096)));
    struct weir_blkfront_vec v = {data, sizeof(data)};
    struct weir_blkfront_io io = {
        .op = WEIR_BLKFRONT_WRITE, .vec = &v, .nvec = 1, .done = done};
    int status = 0, err = 0;

    (void)arg;
    io.tag = &status;
    while (err == 0 && weir_load_acquire32(&stop) == 0) {
        uint32_t before = weir_load_acquire32(&ended);

        err = weir_blkfront_submit(fx.bf, 0, &io);
        while (err == 0 && weir_load_acquire32(&ended) == before) {
            err = weir_blkfront_wait(fx.bf, 0, UINT64_MAX);
            err = err < 0 ? err : 0;
        }
    }
    return (void *)(intptr_t)err;
}

static void test_thread_asleep_for_io_sees_the_next_backend(void **state)
{
    pthread_t thread;
    void *result;

    (void)state;
    begin(1);
    assert_int_equal(pthread_create(&thread, NULL, write_one_by_one, NULL), 0);
    for (unsigned i = 0; i < 5; i++) {
        serve_until(&ended, weir_load_acquire32(&ended) + 10);
        blk_world_stop_backend(&fx.w);
        usleep(20000); /* for the thread to fall asleep */
        blk_world_restart_backend(&fx.w, &fx.res);
    }
    serve_until(&ended, weir_load_acquire32(&ended) + 10);
    weir_store_release32(&stop, 1);
    pthread_join(thread, &result);
    assert_null(result);
    assert_int_equal(failed, 0);
}

static void test_queues_that_are_no_more_end_their_io(void **state)
{
    uint8_t data[512];
    struct weir_blkfront_vec v = {data, sizeof(data)};
    struct weir_blkfront_io io = {
        .op = WEIR_BLKFRONT_READ, .vec = &v, .nvec = 1, .done = done};
    struct weir_blkfront_info info;
    int status = 1;

    (void)state;
    begin(2);
    io.tag = &status;
    weir_blkfront_get_info(fx.bf, &info);
    assert_int_equal(info.queues, 2);
    blk_world_stop_backend(&fx.w);
    assert_int_equal(weir_blkfront_submit(fx.bf, 1, &io), 0);
    fx.res.vbd.queues = 1;
    blk_world_restart_backend(&fx.w, &fx.res);
    serve_until(&ended, 1);
    assert_int_equal(status, -WEIR_EIO);
    weir_blkfront_get_info(fx.bf, &info);
    assert_int_equal(info.queues, 1);
    assert_int_equal(weir_blkfront_submit(fx.bf, 1, &io), -WEIR_EINVAL);
}

static void test_other_sectors_are_another_disk(void **state)
{
    uint8_t data[512];
    struct weir_blkfront_vec v = {data, sizeof(data)};
    struct weir_blkfront_io io = {
        .op = WEIR_BLKFRONT_READ, .vec = &v, .nvec = 1, .done = done};
    int status = 1;

    (void)state;
    begin(1);
    io.tag = &status;
    blk_world_stop_backend(&fx.w);
    assert_int_equal(weir_blkfront_submit(fx.bf, 0, &io), 0);
    fx.res.vbd.sector_size = 4096;
    blk_world_restart_backend(&fx.w, &fx.res);
    serve_until(&ended, 1);
    assert_int_equal(status, -WEIR_ENOTCONN);
}

int main(void)
{
#define T(fn) cmocka_unit_test_teardown(fn, end)
    const struct CMUnitTest tests[] = {
        T(test_queues_that_are_no_more_end_their_io),
        T(test_other_sectors_are_another_disk),
        T(test_thread_asleep_for_io_sees_the_next_backend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

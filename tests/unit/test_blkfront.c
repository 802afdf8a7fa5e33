/* SPDX-License-Identifier: MIT
 *
 * Block frontend against the real backend on the fake machine: data, splits,
 * bounces, queues that are full, faults of the device, backends that restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/unit/blk_world.h"

#define MIB (1u << 20)

struct fixture {
    struct blk_world w;
    struct weir_blkfront *bf;
    struct weir_resource res;
};

static struct fixture fx;
static unsigned done_count;
static int last_status;

static void done(struct weir_blkfront_io *io, int status)
{
    (void)io;
    done_count++;
    last_status = status;
}

static void open_front(const struct weir_blkfront_config *cfg)
{
    assert_int_equal(weir_blkfront_open(&fx.w.bus, 0, cfg, &fx.bf), 0);
}

static void begin(enum weir_vbd_engine engine, uint64_t size,
                  const struct weir_blk_faults *faults,
                  const struct weir_blkfront_config *cfg)
{
    fx.res = blk_resource(engine, size);
    fx.res.vbd.flags = WEIR_VBD_DISCARD;
    blk_world_start(&fx.w, &fx.res, faults);
    open_front(cfg);
}

static int end(void **state)
{
    (void)state;
    if (fx.bf != NULL)
        weir_blkfront_close(fx.bf);
    fx.bf = NULL;
    blk_world_stop(&fx.w);
    return 0;
}

static int wait_for(unsigned queue, unsigned n)
{
    while (done_count < n) {
        int got = weir_blkfront_wait(fx.bf, queue, 5000000000u);

        weir_front_bus_poll(&fx.w.bus);
        if (got < 0)
            return got;
        if (got == 0)
            return -ETIMEDOUT;
    }
    return 0;
}

/* One I/O from submission to its end. */
static int run(enum weir_blkfront_op op, uint64_t sector, void *data,
               size_t len)
{
    struct weir_blkfront_vec v = {data, len};
    struct weir_blkfront_io io = {
        .op = op, .sector = sector, .vec = &v, .nvec = 1, .done = done};
    int err;

    if (op == WEIR_BLKFRONT_FLUSH || op == WEIR_BLKFRONT_DISCARD)
        io.nvec = 0;
    io.nsectors = len / 512;
    done_count = 0;
    err = weir_blkfront_submit(fx.bf, 0, &io);
    if (err == 0)
        err = wait_for(0, 1);
    return err != 0 ? err : last_status;
}

static void fill(uint8_t *p, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)((i * 2654435761u + seed * 40503u) >> 13);
}

static void check_round_trip(uint8_t *buf, size_t max)
{
    static const size_t sizes[] = {512,  1024,  4096,   4608,
                                   8192, 45056, 131072, MIB};
    uint8_t *want = malloc(max);

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t len = sizes[i];

        fill(want, len, i);
        memcpy(buf, want, len);
        assert_int_equal(run(WEIR_BLKFRONT_WRITE, 16 + i, buf, len), 0);
        memset(buf, 0, len);
        assert_int_equal(run(WEIR_BLKFRONT_READ, 16 + i, buf, len), 0);
        assert_memory_equal(buf, want, len);
    }
    free(want);
}

static void test_granted_buffers_of_all_sizes(void **state)
{
    static const enum weir_vbd_engine engines[] = {
        WEIR_VBD_MEMORY, WEIR_VBD_SYNC, WEIR_VBD_LIBAIO};
    void *buf;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        begin(engines[i], 4 * MIB, NULL, NULL);
        assert_int_equal(weir_blkfront_alloc(fx.bf, 256, &buf), 0);
        check_round_trip(buf, MIB);
        assert_int_equal(run(WEIR_BLKFRONT_FLUSH, 0, NULL, 0), 0);
        if (i < 2)
            end(NULL);
    }
}

static void test_other_buffers_are_bounced(void **state)
{
    uint8_t *buf = malloc(MIB + 1);

    (void)state;
    begin(WEIR_VBD_MEMORY, 4 * MIB, NULL, NULL);
    check_round_trip(buf + 1, MIB); /* not even aligned */
    free(buf);
}

static void test_without_persistent_grants(void **state)
{
    const struct weir_blkfront_config cfg = {.no_persistent = true};
    void *buf;

    (void)state;
    begin(WEIR_VBD_LIBAIO, 4 * MIB, NULL, &cfg);
    assert_int_equal(weir_blkfront_alloc(fx.bf, 256, &buf), 0);
    check_round_trip(buf, MIB);
    /* The ring's page alone is left mapped. */
    assert_int_equal(weir_fake_mapped(fx.w.bport), 1);
}

static void test_scattered_vector(void **state)
{
    struct weir_blkfront_vec v[12];
    struct weir_blkfront_io io = {
        .op = WEIR_BLKFRONT_WRITE, .vec = v, .nvec = 12, .done = done};
    uint8_t *a, back[12 * 1536];
    void *pages;

    (void)state;
    begin(WEIR_VBD_MEMORY, MIB, NULL, NULL);
    assert_int_equal(weir_blkfront_alloc(fx.bf, 12, &pages), 0);
    a = pages;
    for (unsigned i = 0; i < 12; i++) {
        v[i].data = a + i * 4096 + 512 * (i % 4);
        v[i].len = i == 5 ? 0 : 1536;
        fill(v[i].data, v[i].len, i);
    }
    done_count = 0;
    assert_int_equal(weir_blkfront_submit(fx.bf, 0, &io), 0);
    assert_int_equal(wait_for(0, 1), 0);
    assert_int_equal(last_status, 0);
    assert_int_equal(run(WEIR_BLKFRONT_READ, 0, back, 11 * 1536), 0);
    for (unsigned i = 0, at = 0; i < 12; at += (unsigned)v[i++].len)
        assert_memory_equal(back + at, v[i].data, v[i].len);
}

static void test_more_than_the_ring_holds_waits_in_order(void **state)
{
    enum { N = 1000 };
    static struct weir_blkfront_io io[N];
    static struct weir_blkfront_vec v[N];
    const struct weir_blkfront_config cfg = {.queues = 3, .ring_order = 2};
    void *buf;

    (void)state;
    begin(WEIR_VBD_LIBAIO, 8 * MIB, NULL, &cfg);
    assert_int_equal(weir_blkfront_alloc(fx.bf, N, &buf), 0);
    for (unsigned q = 0; q < 3; q++) {
        done_count = 0;
        for (unsigned i = 0; i < N; i++) {
            v[i] = (struct weir_blkfront_vec){(uint8_t *)buf + i * 4096, 4096};
            fill(v[i].data, 4096, i);
            io[i] = (struct weir_blkfront_io){.op = WEIR_BLKFRONT_WRITE,
                                              .sector = i * 8,
                                              .vec = &v[i],
                                              .nvec = 1,
                                              .done = done};
            assert_int_equal(weir_blkfront_submit(fx.bf, q, &io[i]), 0);
        }
        assert_int_equal(wait_for(q, N), 0);
        assert_int_equal(weir_blkfront_outstanding(fx.bf, q), 0);
    }
    for (unsigned i = 0; i < N; i += 37) {
        uint8_t got[4096], want[4096];

        fill(want, 4096, i);
        assert_int_equal(run(WEIR_BLKFRONT_READ, i * 8, got, 4096), 0);
        assert_memory_equal(got, want, 4096);
    }
}

static void test_refusals_before_the_ring(void **state)
{
    uint8_t buf[4096];

    (void)state;
    begin(WEIR_VBD_MEMORY, MIB, NULL, NULL);
    assert_int_equal(run(WEIR_BLKFRONT_READ, 2048, buf, 512), -EINVAL);
    assert_int_equal(run(WEIR_BLKFRONT_READ, 2047, buf, 1024), -EINVAL);
    assert_int_equal(run(WEIR_BLKFRONT_READ, UINT64_MAX, buf, 512), -EINVAL);
    assert_int_equal(run(WEIR_BLKFRONT_READ, 0, buf, 100), -EINVAL);
    assert_int_equal(run(WEIR_BLKFRONT_READ, 0, buf, 0), -EINVAL);
    assert_int_equal(run(WEIR_BLKFRONT_DISCARD, 0, NULL, 0), -EINVAL);
    assert_int_equal(run(WEIR_BLKFRONT_READ, 2047, buf, 512), 0);
}

static void test_4096_byte_sectors(void **state)
{
    uint8_t buf[8192];
    struct weir_blkfront_info in;

    (void)state;
    fx.res = blk_resource(WEIR_VBD_SYNC, MIB);
    fx.res.vbd.sector_size = 4096;
    blk_world_start(&fx.w, &fx.res, NULL);
    open_front(NULL);
    weir_blkfront_get_info(fx.bf, &in);
    assert_int_equal(in.sector_size, 4096);
    assert_int_equal(in.sectors, 2048);
    assert_int_equal(run(WEIR_BLKFRONT_WRITE, 1, buf, 4096), -EINVAL);
    assert_int_equal(run(WEIR_BLKFRONT_WRITE, 8, buf, 512), -EINVAL);
    assert_int_equal(run(WEIR_BLKFRONT_WRITE, 8, buf, 8192), 0);
}

static void test_discard_reads_back_as_zeros(void **state)
{
    uint8_t buf[4096];

    (void)state;
    begin(WEIR_VBD_SYNC, MIB, NULL, NULL);
    memset(buf, 1, sizeof(buf));
    assert_int_equal(run(WEIR_BLKFRONT_WRITE, 0, buf, 4096), 0);
    assert_int_equal(run(WEIR_BLKFRONT_DISCARD, 0, NULL, 4096), 0);
    assert_int_equal(run(WEIR_BLKFRONT_READ, 0, buf, 4096), 0);
    assert_int_equal(buf[0] | buf[4095], 0);
}

static void
test_device_errors_reach_the_guest_and_only_its_request(void **state)
{
    static const struct weir_blk_faults faults = {.error_every = 3};
    uint8_t buf[4096];
    int got[6];

    (void)state;
    begin(WEIR_VBD_SYNC, MIB, &faults, NULL);
    for (unsigned i = 0; i < 6; i++)
        got[i] = run(WEIR_BLKFRONT_READ, 0, buf, 4096);
    assert_int_equal(got[0] | got[1] | got[3] | got[4], 0);
    assert_int_equal(got[2], -EIO);
    assert_int_equal(got[5], -EIO);
}

static void
test_short_and_late_and_refused_transfers_are_completed(void **state)
{
    static const struct weir_blk_faults faults = {
        .short_every = 2, .delay_every = 3, .delay = 5, .refuse_every = 4};
    void *buf;

    (void)state;
    begin(WEIR_VBD_SYNC, 4 * MIB, &faults, NULL);
    assert_int_equal(weir_blkfront_alloc(fx.bf, 256, &buf), 0);
    check_round_trip(buf, MIB);
}

static void test_file_that_shrinks_gives_io_errors(void **state)
{
    uint8_t buf[4096];

    (void)state;
    begin(WEIR_VBD_LIBAIO, MIB, NULL, NULL);
    assert_int_equal(ftruncate(fx.w.fd, 4096), 0);
    assert_int_equal(run(WEIR_BLKFRONT_READ, 1024, buf, 4096), -EIO);
    assert_int_equal(run(WEIR_BLKFRONT_READ, 0, buf, 4096), 0);
}

static void test_full_host_disk_is_an_error_and_not_the_end(void **state)
{
    static char dir[] = "/tmp/weir-full.XXXXXX";
    uint8_t *buf = calloc(1, MIB);
    bool mounted;

    (void)state;
    /* A mount namespace of the test's own: nothing is left behind. */
    assert_non_null(mkdtemp(dir));
    mounted = unshare(CLONE_NEWNS) == 0 &&
              mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
              mount("none", dir, "tmpfs", 0, "size=128k") == 0;
    if (mounted)
        blk_world_dir = dir;
    begin(WEIR_VBD_SYNC, MIB, NULL, NULL);
    if (mounted) {
        assert_int_equal(run(WEIR_BLKFRONT_WRITE, 0, buf, 65536), 0);
        assert_int_equal(run(WEIR_BLKFRONT_WRITE, 128, buf, MIB - 65536), -EIO);
        assert_int_equal(run(WEIR_BLKFRONT_DISCARD, 0, NULL, MIB), 0);
        assert_int_equal(run(WEIR_BLKFRONT_WRITE, 8, buf, 65536), 0);
    }
    assert_int_equal(run(WEIR_BLKFRONT_READ, 0, buf, MIB), 0);
    blk_world_dir = "/tmp";
    close(fx.w.fd);
    fx.w.fd = -1;
    weir_blkfront_close(fx.bf);
    fx.bf = NULL;
    blk_world_stop_backend(&fx.w);
    if (mounted)
        assert_int_equal(umount(dir), 0);
    assert_int_equal(rmdir(dir), 0);
    free(buf);
}

static void test_iops_limit_is_kept(void **state)
{
    uint8_t buf[512];
    uint64_t t0, t1;

    (void)state;
    fx.res = blk_resource(WEIR_VBD_MEMORY, MIB);
    fx.res.vbd.iops = 500;
    blk_world_start(&fx.w, &fx.res, NULL);
    open_front(NULL);
    t0 = fx.w.fport->ops->now_ns(fx.w.fport);
    for (unsigned i = 0; i < 250; i++)
        assert_int_equal(run(WEIR_BLKFRONT_READ, 0, buf, 512), 0);
    t1 = fx.w.fport->ops->now_ns(fx.w.fport);
    /* 50 at once, 200 at 500 a second. */
    assert_in_range((t1 - t0) / 1000000, 380, 1500);
}

static uint64_t resized_to;

static void on_resize(void *context, uint64_t sectors)
{
    (void)context;
    resized_to = sectors;
}

static void test_growing_is_seen_while_connected(void **state)
{
    const struct weir_blkfront_config cfg = {.resized = on_resize};
    uint8_t buf[512];

    (void)state;
    begin(WEIR_VBD_SYNC, MIB, NULL, &cfg);
    assert_int_equal(run(WEIR_BLKFRONT_READ, 2048, buf, 512), -EINVAL);
    assert_int_equal(ftruncate(fx.w.fd, 2 * MIB), 0);
    /* The control thread is stopped meanwhile: give is its. */
    weir_backend_stop(fx.w.be);
    pthread_join(fx.w.thread, NULL);
    fx.w.joined = true;
    fx.res.op = WEIR_RES_RESIZE;
    assert_int_equal(weir_backend_give(fx.w.be, &fx.res, NULL, 0), 0);
    for (unsigned i = 0; i < 100 && resized_to == 0; i++)
        weir_front_bus_poll(&fx.w.bus);
    assert_int_equal(resized_to, 4096);
    assert_int_equal(run(WEIR_BLKFRONT_READ, 4095, buf, 512), 0);
    weir_blkfront_close(fx.bf);
    fx.bf = NULL;
    blk_world_stop_backend(&fx.w);
}

static void test_backend_that_starts_anew_gets_what_was_in_flight(void **state)
{
    enum { N = 100 };
    static struct weir_blkfront_io io[N];
    static struct weir_blkfront_vec v[N];
    uint8_t got[4096], want[4096];
    void *buf;

    (void)state;
    begin(WEIR_VBD_LIBAIO, 4 * MIB, NULL, NULL);
    assert_int_equal(weir_blkfront_alloc(fx.bf, N, &buf), 0);
    for (unsigned round = 0; round < 5; round++) {
        done_count = 0;
        last_status = 0;
        for (unsigned i = 0; i < N; i++) {
            v[i] = (struct weir_blkfront_vec){(uint8_t *)buf + i * 4096, 4096};
            fill(v[i].data, 4096, i + round);
            io[i] = (struct weir_blkfront_io){.op = WEIR_BLKFRONT_WRITE,
                                              .sector = i * 8,
                                              .vec = &v[i],
                                              .nvec = 1,
                                              .done = done};
            assert_int_equal(weir_blkfront_submit(fx.bf, 0, &io[i]), 0);
        }
        blk_world_restart_backend(&fx.w, &fx.res);
        for (unsigned i = 0; i < 5000 && done_count < N; i++) {
            weir_front_bus_poll(&fx.w.bus);
            assert_true(weir_blkfront_wait(fx.bf, 0, 1000000) >= 0);
        }
        assert_int_equal(done_count, N);
        assert_int_equal(last_status, 0);
        for (unsigned i = 0; i < N; i += 9) {
            fill(want, 4096, i + round);
            assert_int_equal(run(WEIR_BLKFRONT_READ, i * 8, got, 4096), 0);
            assert_memory_equal(got, want, 4096);
        }
    }
}

int main(void)
{
#define T(fn) cmocka_unit_test_teardown(fn, end)
    const struct CMUnitTest tests[] = {
        T(test_granted_buffers_of_all_sizes),
        T(test_other_buffers_are_bounced),
        T(test_without_persistent_grants),
        T(test_scattered_vector),
        T(test_more_than_the_ring_holds_waits_in_order),
        T(test_refusals_before_the_ring),
        T(test_4096_byte_sectors),
        T(test_discard_reads_back_as_zeros),
        T(test_device_errors_reach_the_guest_and_only_its_request),
        T(test_short_and_late_and_refused_transfers_are_completed),
        T(test_file_that_shrinks_gives_io_errors),
        T(test_full_host_disk_is_an_error_and_not_the_end),
        T(test_iops_limit_is_kept),
        T(test_growing_is_seen_while_connected),
        T(test_backend_that_starts_anew_gets_what_was_in_flight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

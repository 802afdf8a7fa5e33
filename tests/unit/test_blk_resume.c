/* SPDX-License-Identifier: MIT
 *
 * What a block backend keeps while a frontend is connected, where it can't, and
 * what it says when it has nothing to go on with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tests/unit/blk_world.h"

#define SIZE  (1u << 20)
#define ERROR BLK_BPATH "/error"
#define STATE BLK_BPATH "/state"

static struct {
    struct blk_world w;
    struct raw_front f;
} t;

static void begin(enum weir_vbd_engine engine)
{
    struct weir_resource r = blk_resource(engine, SIZE);

    blk_world_start(&t.w, &r, NULL);
}

static void end(void)
{
    raw_close(&t.f);
    blk_world_expect(&t.w, STATE, "6");
    blk_world_stop(&t.w);
}

/* The frontend is served: a write and a read. */
static void serves(void)
{
    union weir_blkif_request r = raw_rw(&t.f, WEIR_BLKIF_OP_WRITE, 8, 8);

    memset(t.f.data, 0x77, WEIR_PAGE_SIZE);
    assert_int_equal(raw_do(&t.f, &r), WEIR_BLKIF_RSP_OKAY);
    memset(t.f.data, 0, WEIR_PAGE_SIZE);
    r = raw_rw(&t.f, WEIR_BLKIF_OP_READ, 8, 8);
    assert_int_equal(raw_do(&t.f, &r), WEIR_BLKIF_RSP_OKAY);
    assert_int_equal(t.f.data[WEIR_PAGE_SIZE - 1], 0x77);
}

/* The statistics page is there in any case. */
static void test_log_has_the_rings_size_and_ends_with_the_connection(void **s)
{
    (void)s;
    begin(WEIR_VBD_SYNC);
    assert_int_equal(weir_fake_pages(t.w.bport), 1);
    raw_open(&t.w, &t.f, 2, false);
    blk_world_expect(&t.w, STATE, "4");
    assert_int_equal(weir_fake_pages(t.w.bport), 1 + 1 + 4);
    serves();
    raw_close(&t.f);
    blk_world_expect(&t.w, STATE, "6");
    assert_int_equal(weir_fake_pages(t.w.bport), 1);
    blk_world_stop(&t.w);
}

static void test_platform_that_keeps_nothing_serves_as_well(void **state)
{
    struct weir_port_ops ops;

    (void)state;
    begin(WEIR_VBD_SYNC);
    ops = *t.w.bport->ops;
    ops.keep = NULL;
    ops.forget_kept = NULL;
    t.w.bport->ops = &ops;
    raw_open(&t.w, &t.f, 0, true);
    blk_world_expect(&t.w, STATE, "4");
    assert_int_equal(weir_fake_pages(t.w.bport), 1);
    serves();
    end();
}

static void test_no_memory_for_the_log_is_said(void **state)
{
    (void)state;
    for (unsigned after = 0; after < 2; after++) {
        begin(WEIR_VBD_SYNC);
        weir_fake_fail(t.w.bport, WEIR_FAKE_KEEP, after, 1, ENOMEM);
        raw_open(&t.w, &t.f, 0, false);
        blk_world_expect(&t.w, STATE, "5");
        blk_world_expect(&t.w, ERROR,
                         "log of requests in flight, 1 pages: Cannot allocate "
                         "memory: raise memory= of the driver domain");
        assert_int_equal(weir_fake_pages(t.w.bport), 1);
        end();
    }
}

/* A successor of the backend, both ends Connected. */
static void succeed(enum weir_vbd_engine engine)
{
    struct weir_resource r = blk_resource(engine, SIZE);

    blk_world_stop_backend(&t.w); /* in order: nothing is left */
    assert_int_equal(weir_fake_store_set(t.w.store, BLK_FPATH "/state", "4"),
                     0);
    assert_int_equal(weir_fake_store_set(t.w.store, STATE, "4"), 0);
    r.op = WEIR_RES_RESUME;
    blk_world_start_backend(&t.w, &r);
}

static void test_connection_without_a_log_closes_with_a_reason(void **state)
{
    (void)state;
    begin(WEIR_VBD_SYNC);
    raw_open(&t.w, &t.f, 0, false);
    blk_world_expect(&t.w, STATE, "4");
    succeed(WEIR_VBD_SYNC);
    blk_world_expect(&t.w, STATE, "5");
    blk_world_expect(&t.w, ERROR,
                     "the log of requests in flight is missing: connect the "
                     "frontend again");
    assert_int_equal(weir_fake_pages(t.w.bport), 1);
    end();
}

static void test_device_in_memory_does_not_come_back_empty(void **state)
{
    (void)state;
    begin(WEIR_VBD_MEMORY);
    raw_open(&t.w, &t.f, 0, false);
    blk_world_expect(&t.w, STATE, "4");
    succeed(WEIR_VBD_MEMORY);
    blk_world_expect(&t.w, STATE, "5");
    blk_world_expect(&t.w, ERROR,
                     "a device in memory ends with its driver domain's "
                     "program");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_log_has_the_rings_size_and_ends_with_the_connection),
        cmocka_unit_test(test_platform_that_keeps_nothing_serves_as_well),
        cmocka_unit_test(test_no_memory_for_the_log_is_said),
        cmocka_unit_test(test_connection_without_a_log_closes_with_a_reason),
        cmocka_unit_test(test_device_in_memory_does_not_come_back_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

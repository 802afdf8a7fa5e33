/* SPDX-License-Identifier: MIT
 *
 * Frontends that break the rules of design section 8: each gets its error and
 * nothing else happens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/unit/blk_world.h"

#define SIZE    (1u << 20)
#define SECTORS (SIZE / 512)

static int start(void **state)
{
    static struct blk_world w;
    struct weir_resource r = blk_resource(WEIR_VBD_MEMORY, SIZE);

    blk_world_start(&w, &r, NULL);
    *state = &w;
    return 0;
}

static int stop(void **state)
{
    blk_world_stop(*state);
    return 0;
}

static void still_works(struct raw_front *f)
{
    union weir_blkif_request r = raw_rw(f, WEIR_BLKIF_OP_WRITE, 8, 8);

    memset(f->data, 0x5a, 4096);
    assert_int_equal(raw_do(f, &r), WEIR_BLKIF_RSP_OKAY);
    memset(f->data, 0, 4096);
    r = raw_rw(f, WEIR_BLKIF_OP_READ, 8, 8);
    assert_int_equal(raw_do(f, &r), WEIR_BLKIF_RSP_OKAY);
    assert_int_equal(f->data[4095], 0x5a);
}

#define EXPECT(f, r, status) assert_int_equal(raw_do(f, &(r)), status)

static void test_bad_requests_get_errors(void **state)
{
    struct raw_front f;
    union weir_blkif_request r;

    raw_open(*state, &f, 0, false);
    still_works(&f);
    r = raw_rw(&f, WEIR_BLKIF_OP_READ, SECTORS, 1);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r = raw_rw(&f, WEIR_BLKIF_OP_WRITE, SECTORS - 1, 2);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r = raw_rw(&f, WEIR_BLKIF_OP_WRITE, UINT64_MAX, 8);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r = raw_rw(&f, WEIR_BLKIF_OP_READ, UINT64_MAX / 512 + 1, 8);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r = raw_rw(&f, WEIR_BLKIF_OP_READ, 0, 1);
    r.rw.seg[0].first_sect = 5;
    r.rw.seg[0].last_sect = 4;
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r.rw.seg[0].last_sect = 8;
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r.rw.seg[0].last_sect = 255;
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r = raw_rw(&f, WEIR_BLKIF_OP_READ, 0, 1);
    r.rw.nr_segments = 0;
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r.rw.nr_segments = 12;
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r = raw_rw(&f, WEIR_BLKIF_OP_RESERVED_1, 0, 1);
    EXPECT(&f, r, WEIR_BLKIF_RSP_EOPNOTSUPP);
    r = raw_rw(&f, 0xee, 0, 1);
    EXPECT(&f, r, WEIR_BLKIF_RSP_EOPNOTSUPP);
    still_works(&f);
    /* Refused by validation, none by what comes after it. */
    assert_int_equal(
        ((struct blk_world *)*state)->stats->dev[0].word[WEIR_STAT_VBD_REFUSED],
        11);
    raw_close(&f);
}

static void test_bad_references_get_errors(void **state)
{
    struct raw_front f;
    union weir_blkif_request r;

    raw_open(*state, &f, 0, true);
    r = raw_rw(&f, WEIR_BLKIF_OP_READ, 0, 8);
    r.rw.seg[0].gref = 0xffffffff;
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r.rw.seg[0].gref = f.data_ref + 7777;
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    /* The device would write into it. */
    r.rw.seg[0].gref = f.ro_ref;
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    /* One good page does not save the request. */
    r = raw_rw(&f, WEIR_BLKIF_OP_READ, 0, 8);
    r.rw.nr_segments = 2;
    r.rw.seg[1] = r.rw.seg[0];
    r.rw.seg[1].gref = 31337;
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    still_works(&f);
    raw_close(&f);
}

static union weir_blkif_request indirect(struct raw_front *f, uint8_t op,
                                         unsigned n, grant_ref_t table)
{
    union weir_blkif_request r;

    (void)f;
    memset(&r, 0, sizeof(r));
    r.indirect.operation = WEIR_BLKIF_OP_INDIRECT;
    r.indirect.indirect_op = op;
    r.indirect.nr_segments = (uint16_t)n;
    r.indirect.indirect_grefs[0] = table;
    return r;
}

static void test_bad_indirect_requests_get_errors(void **state)
{
    struct raw_front f;
    union weir_blkif_request r;
    struct weir_blkif_segment *seg;

    raw_open(*state, &f, 0, false);
    seg = (struct weir_blkif_segment *)(void *)f.data;
    r = indirect(&f, WEIR_BLKIF_OP_READ, 0, f.ro_ref);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r = indirect(&f, WEIR_BLKIF_OP_READ, 257, f.ro_ref);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r = indirect(&f, WEIR_BLKIF_OP_READ, 65535, f.ro_ref);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r = indirect(&f, WEIR_BLKIF_OP_INDIRECT, 1, f.ro_ref);
    EXPECT(&f, r, WEIR_BLKIF_RSP_EOPNOTSUPP);
    r = indirect(&f, WEIR_BLKIF_OP_READ, 1, 12345);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    memset(f.data, 0xff, 4096); /* segments of nonsense */
    r = indirect(&f, WEIR_BLKIF_OP_READ, 200, f.ro_ref);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    memset(f.data, 0, 4096);
    for (unsigned i = 0; i < 256; i++) {
        seg[i].gref = f.data_ref;
        seg[i].last_sect = 7;
    }
    r = indirect(&f, WEIR_BLKIF_OP_WRITE, 200, f.ro_ref);
    EXPECT(&f, r, WEIR_BLKIF_RSP_OKAY);
    r.indirect.sector_number = SECTORS - 200 * 8 + 1;
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    still_works(&f);
    raw_close(&f);
}

static void test_impossible_ring_index_closes_the_device(void **state)
{
    struct blk_world *w = *state;
    volatile struct weir_sring_header *hdr;
    struct raw_front f;

    raw_open(w, &f, 0, false);
    still_works(&f);
    hdr = f.pages[0];
    hdr->req_prod += 1000;
    w->fport->ops->evtchn_notify(w->fport, f.evtchn);
    blk_world_expect(w, BLK_BPATH "/state", "5");
    blk_world_expect(w, BLK_BPATH "/error",
                     "the frontend's ring index is impossible");
    raw_close(&f);
    blk_world_expect(w, BLK_BPATH "/state", "6");
    /* A frontend that starts over is served again. */
    weir_fake_store_set(w->store, BLK_FPATH "/state", "1");
    raw_open(w, &f, 0, false);
    still_works(&f);
    raw_close(&f);
}

static void refused_with(struct blk_world *w, const char *key,
                         const char *value, const char *error)
{
    struct raw_front f;

    /* What raw_open publishes, but for one node. */
    weir_fake_store_set(w->store, BLK_FPATH "/state", "1");
    blk_world_expect(w, BLK_BPATH "/state", "2");
    weir_fake_store_set(w->store, key, value);
    weir_fake_store_own(w->store, key, BLK_FRONT, BLK_BACK);
    raw_open(w, &f, 0, false);
    blk_world_expect(w, BLK_BPATH "/state", "5");
    blk_world_expect(w, BLK_BPATH "/error", error);
    weir_fake_store_rm(w->store, key);
    raw_close(&f);
    blk_world_expect(w, BLK_BPATH "/state", "6");
}

static void test_garbage_nodes_close_the_device(void **state)
{
    struct blk_world *w = *state;

    refused_with(w, BLK_FPATH "/ring-page-order", "5",
                 "frontend's node ring-page-order is not a number up to 4");
    refused_with(w, BLK_FPATH "/ring-page-order", "-1",
                 "frontend's node ring-page-order is not a number up to 4");
    refused_with(w, BLK_FPATH "/ring-page-order", "2",
                 "frontend has no node ring-ref0");
    refused_with(w, BLK_FPATH "/multi-queue-num-queues", "4000000000",
                 "frontend's node multi-queue-num-queues is not a number up "
                 "to 4");
    refused_with(w, BLK_FPATH "/ring-ref0", "99999",
                 "frontend's ring pages cannot be mapped: Invalid argument");
}

static void test_persistent_pages_stay_bounded(void **state)
{
    struct blk_world *w = *state;
    enum { N = 1400 };
    static grant_ref_t ref[N];
    union weir_blkif_request r;
    struct raw_front f;
    void *pages;

    raw_open(w, &f, 0, true);
    weir_fake_set_max_grant_frames(w->fport, 16);
    assert_int_equal(w->fport->ops->alloc_pages(w->fport, N, &pages), 0);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(weir_gnttab_grant(&w->gnttab, BLK_BACK,
                                           (uint8_t *)pages + i * 4096u, false,
                                           &ref[i]),
                         0);
        r = raw_rw(&f, WEIR_BLKIF_OP_WRITE, 0, 8);
        r.rw.seg[0].gref = ref[i];
        EXPECT(&f, r, WEIR_BLKIF_RSP_OKAY);
    }
    /* Ring page and 1056 others. */
    assert_true(weir_fake_mapped(w->bport) <= 1 + 1056);
    assert_true(weir_fake_mapped(w->bport) > 1000);
    still_works(&f);
    raw_close(&f);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(weir_gnttab_end(&w->gnttab, ref[i]), 0);
    w->fport->ops->free_pages(w->fport, pages, N);
}

static void test_map_shortage_delays_and_never_fails(void **state)
{
    struct blk_world *w = *state;
    struct weir_blkif_response rsp;
    union weir_blkif_request r;
    struct raw_front f;

    raw_open(w, &f, 0, false);
    still_works(&f);
    weir_fake_fail(w->bport, WEIR_FAKE_MAP, 0, 8, WEIR_ENOSPC);
    for (unsigned i = 0; i < 8; i++) {
        r = raw_rw(&f, WEIR_BLKIF_OP_READ, i, 8);
        r.rw.id = i;
        raw_send(&f, &r);
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(raw_get(&f, &rsp, 5000), 1);
        assert_int_equal(rsp.status, WEIR_BLKIF_RSP_OKAY);
    }
    raw_close(&f);
}

static void test_requests_that_change_after_sending_do_no_harm(void **state)
{
    struct blk_world *w = *state;
    struct weir_blkif_response rsp;
    struct raw_front f;

    raw_open(w, &f, 0, false);
    for (unsigned round = 0; round < 3000; round++) {
        union weir_blkif_request r = raw_rw(&f, WEIR_BLKIF_OP_READ, 0, 8);
        volatile uint8_t *slot =
            (uint8_t *)f.pages[0] + 64 + (round & 31) * 112u;

        r.rw.id = round;
        raw_send(&f, &r);
        slot[1] = 200;       /* segments */
        slot[24 + 5] = 200;  /* last_sect */
        slot[16 + 7] = 0xff; /* sector_number */
        assert_int_equal(raw_get(&f, &rsp, 5000), 1);
        /* Whatever was copied: an answer to one request of ours. */
        assert_in_range(-rsp.status, 0, 2);
    }
    still_works(&f);
    raw_close(&f);
}

static int start_readonly(void **state)
{
    static struct blk_world w;
    struct weir_resource r = blk_resource(WEIR_VBD_MEMORY, SIZE);

    r.vbd.flags = WEIR_VBD_READONLY | WEIR_VBD_CDROM | WEIR_VBD_DISCARD;
    blk_world_start(&w, &r, NULL);
    *state = &w;
    return 0;
}

static void test_readonly_device_refuses_every_write(void **state)
{
    struct blk_world *w = *state;
    union weir_blkif_request r;
    struct raw_front f;

    raw_open(w, &f, 0, false);
    r = raw_rw(&f, WEIR_BLKIF_OP_WRITE, 0, 8);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r = raw_rw(&f, WEIR_BLKIF_OP_WRITE_BARRIER, 0, 8);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r = raw_rw(&f, WEIR_BLKIF_OP_FLUSH_DISKCACHE, 0, 8);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    r = indirect(&f, WEIR_BLKIF_OP_WRITE, 1, f.ro_ref);
    EXPECT(&f, r, WEIR_BLKIF_RSP_ERROR);
    memset(&r, 0, sizeof(r));
    r.discard.operation = WEIR_BLKIF_OP_DISCARD;
    r.discard.nr_sectors = 8;
    EXPECT(&f, r, WEIR_BLKIF_RSP_EOPNOTSUPP);
    r = raw_rw(&f, WEIR_BLKIF_OP_READ, 0, 8);
    EXPECT(&f, r, WEIR_BLKIF_RSP_OKAY);
    blk_world_expect(w, BLK_BPATH "/info", "7");
    raw_close(&f);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, start, stop)
    const struct CMUnitTest tests[] = {
        T(test_bad_requests_get_errors),
        T(test_bad_references_get_errors),
        T(test_bad_indirect_requests_get_errors),
        T(test_impossible_ring_index_closes_the_device),
        T(test_garbage_nodes_close_the_device),
        T(test_persistent_pages_stay_bounded),
        T(test_map_shortage_delays_and_never_fails),
        T(test_requests_that_change_after_sending_do_no_harm),
        cmocka_unit_test_setup_teardown(
            test_readonly_device_refuses_every_write, start_readonly, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

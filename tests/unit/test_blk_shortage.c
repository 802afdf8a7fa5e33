/* SPDX-License-Identifier: MIT
 *
 * A block backend that can map fewer pages than its frontend wants, or whose
 * device takes nothing; and what a flush with data means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "tests/unit/blk_world.h"

#define SIZE  (1u << 20)
#define PAGES 16

struct rig {
    struct blk_world w;
    struct raw_front f;
    uint8_t *pages;
    grant_ref_t ref[PAGES];
};

static struct rig rig;

static void begin(enum weir_vbd_engine engine,
                  const struct weir_blk_faults *faults, bool persistent)
{
    struct weir_resource r = blk_resource(engine, SIZE);
    struct weir_port *p;

    blk_world_start(&rig.w, &r, faults);
    rig.w.options.room_wait_ns = 300000000;
    p = rig.w.fport;
    raw_open(&rig.w, &rig.f, 0, persistent);
    assert_int_equal(p->ops->alloc_pages(p, PAGES, (void **)&rig.pages), 0);
    for (unsigned i = 0; i < PAGES; i++)
        assert_int_equal(weir_gnttab_grant(&rig.w.gnttab, BLK_BACK,
                                           rig.pages + i * 4096u, false,
                                           &rig.ref[i]),
                         0);
    blk_world_expect(&rig.w, BLK_BPATH "/state", "4");
}

static int end(void **state)
{
    (void)state;
    raw_close(&rig.f);
    for (unsigned i = 0; i < PAGES; i++)
        assert_int_equal(weir_gnttab_end(&rig.w.gnttab, rig.ref[i]), 0);
    rig.w.fport->ops->free_pages(rig.w.fport, rig.pages, PAGES);
    blk_world_stop(&rig.w);
    return 0;
}

/* A read or write of n whole pages, from the first-th on. */
static union weir_blkif_request pages(uint8_t op, unsigned first, unsigned n)
{
    union weir_blkif_request r = raw_rw(&rig.f, op, 0, 8);

    r.rw.nr_segments = (uint8_t)n;
    for (unsigned i = 0; i < n; i++) {
        r.rw.seg[i] = r.rw.seg[0];
        r.rw.seg[i].gref = rig.ref[first + i];
    }
    return r;
}

static void test_idle_pages_make_room_for_a_table(void **state)
{
    struct weir_blkif_segment *seg;
    union weir_blkif_request r;

    (void)state;
    begin(WEIR_VBD_MEMORY, NULL, true);
    weir_fake_set_max_maps(rig.w.bport, 1 + 10);
    r = pages(WEIR_BLKIF_OP_READ, 0, 10);
    assert_int_equal(raw_do(&rig.f, &r), WEIR_BLKIF_RSP_OKAY);
    assert_int_equal(weir_fake_mapped(rig.w.bport), 1 + 10);
    seg = (struct weir_blkif_segment *)(void *)(rig.pages + 15 * 4096u);
    seg[0].gref = rig.ref[14];
    seg[0].last_sect = 7;
    memset(&r, 0, sizeof(r));
    r.indirect.operation = WEIR_BLKIF_OP_INDIRECT;
    r.indirect.indirect_op = WEIR_BLKIF_OP_READ;
    r.indirect.nr_segments = 1;
    r.indirect.indirect_grefs[0] = rig.ref[15];
    assert_int_equal(raw_do(&rig.f, &r), WEIR_BLKIF_RSP_OKAY);
}

static void test_what_never_finds_room_ends_with_an_error(void **state)
{
    static const uint8_t op[] = {WEIR_BLKIF_OP_READ,
                                 WEIR_BLKIF_OP_WRITE_BARRIER};

    (void)state;
    begin(WEIR_VBD_MEMORY, NULL, false);
    weir_fake_set_max_maps(rig.w.bport, 1 + 4);
    for (unsigned i = 0; i < 2; i++) {
        union weir_blkif_request r = pages(op[i], 0, 5);
        uint64_t maps;

        assert_int_equal(raw_do(&rig.f, &r), WEIR_BLKIF_RSP_ERROR);
        maps = weir_fake_calls(rig.w.bport, WEIR_FAKE_MAP);
        assert_in_range(maps, 5, (i + 1) * 5 * 310);
        r = pages(op[i], 0, 4);
        assert_int_equal(raw_do(&rig.f, &r), WEIR_BLKIF_RSP_OKAY);
    }
}

static void test_pages_of_what_the_device_never_took_are_let_go(void **state)
{
    static const struct weir_blk_faults faults = {.refuse_every = 1};
    union weir_blkif_request r;

    (void)state;
    begin(WEIR_VBD_MEMORY, &faults, false);
    r = pages(WEIR_BLKIF_OP_READ, 0, 5);
    raw_send(&rig.f, &r);
    for (unsigned i = 0; weir_fake_mapped(rig.w.bport) < 1 + 5 && i < 5000; i++)
        usleep(1000);
    assert_int_equal(weir_fake_mapped(rig.w.bport), 1 + 5);
    /* end() sees whether they are mapped still. */
}

/* The backend's calls come here. */
static volatile uint32_t syncs;
static uint8_t at_sync[4];

int fdatasync(int fd)
{
    uint32_t i = weir_load_relaxed32(&syncs);

    if (i < sizeof(at_sync) && pread(fd, &at_sync[i], 1, 0) != 1)
        return -1;
    weir_fetch_add32(&syncs, 1);
    return 0;
}

/* What ended before is on stable storage before the data is written, as a
 * journal wants it for its commit record; then the data is too. */
static void test_flush_with_data_flushes_before_and_after(void **state)
{
    union weir_blkif_request r;

    (void)state;
    begin(WEIR_VBD_SYNC, NULL, false);
    memset(rig.pages, 0x11, 4096);
    r = pages(WEIR_BLKIF_OP_WRITE, 0, 1);
    assert_int_equal(raw_do(&rig.f, &r), WEIR_BLKIF_RSP_OKAY);
    memset(rig.pages, 0x22, 4096);
    weir_store_release32(&syncs, 0);
    r = pages(WEIR_BLKIF_OP_FLUSH_DISKCACHE, 0, 1);
    assert_int_equal(raw_do(&rig.f, &r), WEIR_BLKIF_RSP_OKAY);
    assert_int_equal(weir_load_acquire32(&syncs), 2);
    assert_int_equal(at_sync[0], 0x11);
    assert_int_equal(at_sync[1], 0x22);
}

int main(void)
{
#define T(fn) cmocka_unit_test_teardown(fn, end)
    const struct CMUnitTest tests[] = {
        T(test_idle_pages_make_room_for_a_table),
        T(test_what_never_finds_room_ends_with_an_error),
        T(test_pages_of_what_the_device_never_took_are_let_go),
        T(test_flush_with_data_flushes_before_and_after),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

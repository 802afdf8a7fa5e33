/* SPDX-License-Identifier: MIT
 *
 * weir-hv's tables without a kernel: frames, map tracking, grants, IO-space.
 */
#include "hypervisor/frames.h"
#include "hypervisor/grant.h"
#include "hypervisor/iospace.h"
#include "hypervisor/track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int take(struct hv_frames *f, domid_t owner, uint64_t count,
                mfn_t *first)
{
    *first = 0;
    return hv_frames_alloc(f, owner, count, first);
}

static void a_search_among_holes_is_done_in_pieces(void **state)
{
    struct hv_frames f;
    mfn_t all, at = 0;
    int rc, pieces = 0;

    (void)state;
    assert_int_equal(hv_frames_init(&f, 100001), 0);
    assert_int_equal(take(&f, 1, 99996, &all), 0);
    for (mfn_t m = all; m < all + 99996; m += 2)
        hv_frames_release(&f, m, 1);
    while ((rc = hv_frames_alloc(&f, 1, 2, &at)) == -EAGAIN)
        assert_true(++pieces < 1000);
    assert_int_equal(rc, 0);
    assert_int_equal(at, all + 99996);
    assert_true(pieces >= 10); /* of 49998 holes */
    at = 0;
    while ((rc = hv_frames_alloc(&f, 1, 8, &at)) == -EAGAIN)
        continue;
    assert_int_equal(rc, -ENOMEM);
    assert_int_equal(take(&f, 1, 1, &at), 0);
    assert_int_equal(at, all);
    hv_frames_fini(&f);
}

static void frame_zero_is_nobodys_and_runs_are_contiguous(void **state)
{
    struct hv_frames f;
    mfn_t a, b, c;

    (void)state;
    assert_int_equal(hv_frames_init(&f, 200), 0);
    assert_int_equal(take(&f, 1, 100, &a), 0);
    assert_int_equal(a, 1);
    assert_int_equal(take(&f, 2, 99, &b), 0);
    assert_int_equal(take(&f, 2, 1, &c), -ENOMEM);
    hv_frames_set(&f, a, 100, HV_FRAME_RAM);
    for (mfn_t m = a + 10; m < a + 30; m++)
        assert_true(hv_frames_give_back(&f, m));
    hv_frames_release(&f, a + 10, 20);
    assert_int_equal(take(&f, 3, 21, &c), -ENOMEM);
    assert_int_equal(take(&f, 3, 20, &c), 0);
    assert_int_equal(c, a + 10);
    assert_int_equal(f.in_use, 199);
    assert_int_equal(take(&f, 3, 0, &c), -ENOMEM);
    assert_int_equal(take(&f, 3, UINT64_MAX, &c), -ENOMEM);
    hv_frames_fini(&f);
}

static void an_orphan_is_scrubbed_with_its_last_mapping(void **state)
{
    struct hv_frames f;
    mfn_t m;

    (void)state;
    assert_int_equal(hv_frames_init(&f, 64), 0);
    assert_int_equal(take(&f, 1, 1, &m), 0);
    hv_frames_set(&f, m, 1, HV_FRAME_RAM);
    assert_true(hv_frames_grantable(&f, m, 1));
    assert_false(hv_frames_grantable(&f, m, 2));
    hv_frames_map(&f, m);
    hv_frames_map(&f, m);
    assert_false(hv_frames_give_back(&f, m));
    assert_false(hv_frames_grantable(&f, m, 1));
    assert_int_equal(hv_frames_next_owned(&f, 1, 1, 64), 64);
    assert_false(hv_frames_unmap(&f, m));
    assert_true(hv_frames_unmap(&f, m));
    assert_int_equal(f.frame[m].type, HV_FRAME_SCRUB);
    hv_frames_release(&f, m, 1);
    assert_int_equal(f.in_use, 0);
    assert_null(hv_frames_get(&f, 64));
    hv_frames_fini(&f);
}

static void counts_of_a_frame_survive_a_thousand_others(void **state)
{
    struct hv_track t;
    uint32_t h[1000];
    uint32_t model[64][2] = {{0}}, x = 12345;

    (void)state;
    assert_int_equal(hv_track_init(&t, 4096, 1u << 20), 0);
    for (int i = 0; i < 1000; i++) {
        struct hv_handle e = {.readonly = i & 1};

        x = x * 1664525 + 1013904223;
        e.frame = x >> 26;
        assert_int_equal(hv_track_add(&t, &e, &h[i]), 0);
        model[e.frame][e.readonly]++;
    }
    for (int i = 0; i < 1000; i += 3) {
        struct hv_handle e = *hv_track_get(&t, h[i]);

        hv_track_drop(&t, e.frame, e.readonly);
        hv_track_undrop(&t, e.frame, e.readonly);
        hv_track_drop(&t, e.frame, e.readonly);
        hv_track_del(&t, h[i]);
        assert_null(hv_track_get(&t, h[i]));
        model[e.frame][e.readonly]--;
    }
    for (mfn_t m = 0; m < 64; m++) {
        assert_int_equal(hv_track_count(&t, m).rw, model[m][0]);
        assert_int_equal(hv_track_count(&t, m).ro, model[m][1]);
    }
    assert_int_equal(t.used, 1000 - 334);
    assert_null(hv_track_get(&t, UINT32_MAX));
    hv_track_fini(&t);
}

static void page_tables_count_in_the_quota(void **state)
{
    struct hv_track t;
    struct hv_handle e = {.readonly = false};
    uint32_t h;
    int n = 0;

    (void)state;
    assert_int_equal(hv_track_init(&t, 100, 1u << 20), 0);
    /* One mapping in each 2 MiB costs a page-table page too. */
    for (e.frame = 0; hv_track_add(&t, &e, &h) == 0; e.frame += 512)
        n++;
    assert_int_equal(n, 50);
    assert_int_equal(t.tables, 50);
    hv_track_fini(&t);
    assert_int_equal(hv_track_init(&t, 100, 1u << 20), 0);
    hv_track_charge(&t, 510, 3); /* frame 511 starts a table */
    assert_int_equal(t.tables, 2);
    hv_track_charge(&t, 0, 2048);
    assert_int_equal(t.tables, 5);
    hv_track_fini(&t);
}

struct table {
    struct hv_frames f;
    struct hv_grants g;
    uint32_t *shared;
    mfn_t page;
};

static void table_init(struct table *t)
{
    assert_int_equal(hv_frames_init(&t->f, 64), 0);
    assert_int_equal(take(&t->f, 5, 8, &t->page), 0);
    hv_frames_set(&t->f, t->page, 8, HV_FRAME_RAM);
    assert_int_equal(hv_grants_init(&t->g, 5, 2), 0);
    t->shared = calloc(1024, 8);
    t->g.shared = t->shared;
    assert_int_equal(hv_grants_extend(&t->g), 0);
}

static void table_fini(struct table *t)
{
    hv_grants_fini(&t->g);
    hv_frames_fini(&t->f);
    free(t->shared);
}

static void put(struct table *t, grant_ref_t ref, domid_t dom, uint32_t flags,
                uint32_t frame)
{
    t->shared[ref * 2] = (uint32_t)dom << 16 | flags;
    t->shared[ref * 2 + 1] = frame;
}

static uint32_t flags(const struct table *t, grant_ref_t ref)
{
    return t->shared[ref * 2] & 0xffff;
}

static void uses_show_in_the_entry_until_the_last_ends(void **state)
{
    struct table t;
    mfn_t m = 0;

    (void)state;
    table_init(&t);
    put(&t, 8, 7, WEIR_GTF_PERMIT_ACCESS, (uint32_t)t.page);
    assert_int_equal(hv_grant_acquire(&t.g, &t.f, 8, 7, true, &m), 0);
    assert_int_equal(m, t.page);
    assert_int_equal(flags(&t, 8), WEIR_GTF_PERMIT_ACCESS | WEIR_GTF_READING);
    assert_int_equal(hv_grant_acquire(&t.g, &t.f, 8, 7, false, &m), 0);
    assert_int_equal(flags(&t, 8), WEIR_GTF_PERMIT_ACCESS | WEIR_GTF_READING |
                                       WEIR_GTF_WRITING);
    assert_int_equal(t.g.in_use, 1);
    hv_grant_release(&t.g, 8, false);
    assert_int_equal(flags(&t, 8), WEIR_GTF_PERMIT_ACCESS | WEIR_GTF_READING);
    hv_grant_release(&t.g, 8, true);
    assert_int_equal(flags(&t, 8), WEIR_GTF_PERMIT_ACCESS);
    assert_int_equal(t.g.in_use, 0);
    table_fini(&t);
}

static void entries_that_permit_nothing_are_refused(void **state)
{
    static const uint32_t bad[] = {WEIR_GTF_INVALID, WEIR_GTF_ACCEPT_TRANSFER,
                                   WEIR_GTF_TRANSITIVE};
    struct table t;
    mfn_t m;

    (void)state;
    table_init(&t);
    for (unsigned i = 0; i < 3; i++) {
        put(&t, 8, 7, bad[i], (uint32_t)t.page);
        assert_int_equal(hv_grant_acquire(&t.g, &t.f, 8, 7, true, &m),
                         WEIR_GNTST_GENERAL_ERROR);
        assert_int_equal(flags(&t, 8), bad[i]);
    }
    put(&t, 8, 7, WEIR_GTF_PERMIT_ACCESS | WEIR_GTF_READONLY, (uint32_t)t.page);
    assert_int_equal(hv_grant_acquire(&t.g, &t.f, 8, 7, false, &m),
                     WEIR_GNTST_GENERAL_ERROR);
    assert_int_equal(hv_grant_acquire(&t.g, &t.f, 8, 6, true, &m),
                     WEIR_GNTST_GENERAL_ERROR);
    assert_int_equal(hv_grant_acquire(&t.g, &t.f, 512, 7, true, &m),
                     WEIR_GNTST_BAD_GNTREF);
    for (uint32_t frame = 0; frame < 200; frame += 60) {
        put(&t, 8, 7, WEIR_GTF_PERMIT_ACCESS, frame); /* not domain 5's */
        assert_int_equal(hv_grant_acquire(&t.g, &t.f, 8, 7, false, &m),
                         WEIR_GNTST_BAD_PAGE);
        assert_int_equal(flags(&t, 8), WEIR_GTF_PERMIT_ACCESS);
    }
    assert_int_equal(t.g.in_use, 0);
    table_fini(&t);
}

static void an_active_entry_is_not_what_the_shared_one_became(void **state)
{
    struct table t;
    mfn_t m;

    (void)state;
    table_init(&t);
    put(&t, 8, 7, WEIR_GTF_PERMIT_ACCESS, (uint32_t)t.page);
    assert_int_equal(hv_grant_acquire(&t.g, &t.f, 8, 7, true, &m), 0);
    put(&t, 8, 6, WEIR_GTF_PERMIT_ACCESS, (uint32_t)t.page + 1);
    assert_int_equal(hv_grant_acquire(&t.g, &t.f, 8, 6, true, &m),
                     WEIR_GNTST_GENERAL_ERROR);
    assert_int_equal(hv_grant_acquire(&t.g, &t.f, 8, 7, true, &m), 0);
    assert_int_equal(m, t.page);
    /* writing was not announced, and now is not 7's to have */
    assert_int_equal(hv_grant_acquire(&t.g, &t.f, 8, 7, false, &m),
                     WEIR_GNTST_GENERAL_ERROR);
    hv_frames_give_back(&t.f, t.page);
    assert_int_equal(hv_grant_acquire(&t.g, &t.f, 8, 7, true, &m),
                     WEIR_GNTST_BAD_PAGE);
    hv_grant_release(&t.g, 8, true);
    t.g.shared = NULL; /* destroyed: no use may touch the table any more */
    hv_grant_release(&t.g, 8, true);
    assert_int_equal(hv_grant_acquire(&t.g, &t.f, 8, 7, true, &m),
                     WEIR_GNTST_BAD_DOMAIN);
    table_fini(&t);
}

static void io_ranges_merge_split_and_end(void **state)
{
    struct hv_iospace io = {0};
    struct weir_io_range r = {WEIR_IO_MEM, 10, 19};

    (void)state;
    assert_false(hv_iospace_has(&io, &r));
    assert_int_equal(hv_iospace_permit(&io, &r), 0);
    r = (struct weir_io_range){WEIR_IO_MEM, 20, 29};
    assert_int_equal(hv_iospace_permit(&io, &r), 0);
    assert_int_equal(io.n, 1);
    r = (struct weir_io_range){WEIR_IO_MEM, 15, 25};
    assert_true(hv_iospace_has(&io, &r));
    r.kind = WEIR_IO_PORT;
    assert_false(hv_iospace_has(&io, &r));
    r.kind = WEIR_IO_MEM;
    assert_int_equal(hv_iospace_deny(&io, &r), 0);
    assert_int_equal(io.n, 2);
    assert_false(hv_iospace_has(&io, &r));
    r = (struct weir_io_range){WEIR_IO_MEM, 0, UINT64_MAX};
    assert_int_equal(hv_iospace_permit(&io, &r), 0);
    assert_int_equal(io.n, 1);
    assert_int_equal(hv_iospace_deny(&io, &r), 0);
    assert_int_equal(io.n, 0);
    for (uint64_t i = 0; i < HV_IO_RANGES; i++) {
        r = (struct weir_io_range){WEIR_IO_IRQ, 2 * i, 2 * i};
        assert_int_equal(hv_iospace_permit(&io, &r), 0);
    }
    r = (struct weir_io_range){WEIR_IO_IRQ, 5000, 5000};
    assert_int_equal(hv_iospace_permit(&io, &r), -ENOSPC);
    assert_int_equal(io.n, HV_IO_RANGES);
    hv_iospace_fini(&io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_among_holes_is_done_in_pieces),
        cmocka_unit_test(frame_zero_is_nobodys_and_runs_are_contiguous),
        cmocka_unit_test(an_orphan_is_scrubbed_with_its_last_mapping),
        cmocka_unit_test(counts_of_a_frame_survive_a_thousand_others),
        cmocka_unit_test(page_tables_count_in_the_quota),
        cmocka_unit_test(uses_show_in_the_entry_until_the_last_ends),
        cmocka_unit_test(entries_that_permit_nothing_are_refused),
        cmocka_unit_test(an_active_entry_is_not_what_the_shared_one_became),
        cmocka_unit_test(io_ranges_merge_split_and_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The granting side when references run short: growth, waiters, reservations.
 */
#include "tests/unit/gnttab_fixture.h"

/* Take all references, in a table of two frames. */
static uint32_t exhaust(struct fixture *f, grant_ref_t *ref)
{
    uint32_t n = 0;

    weir_fake_set_max_grant_frames(f->us, 2);
    while (weir_gnttab_grant(&f->gt, PEER, f->page, false, &ref[n]) == 0)
        n++;
    return n;
}

static void the_table_grows_then_runs_out_and_recovers(void **state)
{
    struct fixture *f = *state;
    static grant_ref_t ref[2048];
    static bool seen[2048];
    uint32_t n = exhaust(f, ref);

    assert_int_equal(n, 2 * WEIR_GRANTS_PER_FRAME - WEIR_GNTTAB_NR_RESERVED);
    for (uint32_t i = 0; i < n; i++) {
        assert_false(seen[ref[i]]);
        seen[ref[i]] = true;
    }
    assert_int_equal(weir_gnttab_grant(&f->gt, PEER, f->page, false, &ref[n]),
                     -WEIR_ENOSPC);
    assert_int_equal(weir_gnttab_end(&f->gt, ref[7]), 0);
    assert_int_equal(weir_gnttab_grant(&f->gt, PEER, f->page, false, &ref[7]),
                     0);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(weir_gnttab_end(&f->gt, ref[i]), 0);
    assert_int_equal(weir_gnttab_free_refs(&f->gt), n);
}

static void growing_fails_without_private_pages_and_works_later(void **state)
{
    struct fixture *f = *state;
    static grant_ref_t ref[2048];
    uint32_t n = 0;

    weir_fake_fail(f->us, WEIR_FAKE_ALLOC, 0, 1000, WEIR_ENOMEM);
    while (weir_gnttab_grant(&f->gt, PEER, f->page, false, &ref[n]) == 0)
        n++;
    assert_int_equal(n, WEIR_GRANTS_PER_FRAME - WEIR_GNTTAB_NR_RESERVED);
    weir_fake_fail(f->us, WEIR_FAKE_ALLOC, 0, 0, 0);
    assert_int_equal(weir_gnttab_grant(&f->gt, PEER, f->page, false, &ref[n]),
                     0);
    for (uint32_t i = 0; i <= n; i++)
        assert_int_equal(weir_gnttab_end(&f->gt, ref[i]), 0);
}

static void ready(struct weir_gnttab_waiter *w)
{
    (*(int *)w->context)++;
}

static void waiters_are_called_in_order_when_refs_are_free(void **state)
{
    struct fixture *f = *state;
    static grant_ref_t ref[2048];
    int called[3] = {0};
    struct weir_gnttab_waiter w[3] = {
        {.want = 2, .ready = ready, .context = &called[0]},
        {.want = 1, .ready = ready, .context = &called[1]},
        {.want = 1, .ready = ready, .context = &called[2]},
    };
    uint32_t n = exhaust(f, ref);

    for (int i = 0; i < 3; i++)
        assert_true(weir_gnttab_wait(&f->gt, &w[i]));
    assert_true(weir_gnttab_wait(&f->gt, &w[0])); /* not twice */
    assert_int_equal(weir_gnttab_end(&f->gt, ref[0]), 0);
    assert_int_equal(called[0] + called[1] + called[2], 0);
    assert_int_equal(weir_gnttab_end(&f->gt, ref[1]), 0);
    assert_int_equal(called[0], 1);
    assert_int_equal(called[1], 0);
    /* Nobody took the two; the next end makes three. */
    assert_int_equal(weir_gnttab_end(&f->gt, ref[2]), 0);
    assert_int_equal(called[1] + called[2], 2);
    assert_false(weir_gnttab_wait(&f->gt, &w[0]));
    for (uint32_t i = 3; i < n; i++)
        assert_int_equal(weir_gnttab_end(&f->gt, ref[i]), 0);
    assert_int_equal(called[0], 1);
}

static void a_cancelled_waiter_is_not_called_and_blocks_nobody(void **state)
{
    struct fixture *f = *state;
    static grant_ref_t ref[2048];
    int called[2] = {0};
    struct weir_gnttab_waiter big = {
        .want = 1000, .ready = ready, .context = &called[0]};
    struct weir_gnttab_waiter small = {
        .want = 1, .ready = ready, .context = &called[1]};
    uint32_t n = exhaust(f, ref);

    assert_true(weir_gnttab_wait(&f->gt, &big));
    assert_true(weir_gnttab_wait(&f->gt, &small));
    assert_int_equal(weir_gnttab_end(&f->gt, ref[0]), 0);
    assert_int_equal(called[1], 0);
    assert_true(weir_gnttab_cancel_wait(&f->gt, &big));
    assert_int_equal(called[1], 1);
    assert_false(weir_gnttab_cancel_wait(&f->gt, &big));
    assert_false(weir_gnttab_cancel_wait(&f->gt, &small));
    for (uint32_t i = 1; i < n; i++)
        assert_int_equal(weir_gnttab_end(&f->gt, ref[i]), 0);
    assert_int_equal(called[0], 0);
}

static void a_reservation_cannot_be_taken_by_others(void **state)
{
    struct fixture *f = *state;
    static grant_ref_t ref[2048];
    struct weir_gnttab_pool pool = {0};
    grant_ref_t mine[10];
    uint32_t n;

    assert_int_equal(weir_gnttab_reserve(&f->gt, &pool, 10), 0);
    n = exhaust(f, ref);
    assert_int_equal(n,
                     2 * WEIR_GRANTS_PER_FRAME - WEIR_GNTTAB_NR_RESERVED - 10);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 10; i++)
            assert_int_equal(weir_gnttab_pool_grant(&f->gt, &pool, PEER,
                                                    f->page, true, &mine[i]),
                             0);
        assert_int_equal(
            weir_gnttab_pool_grant(&f->gt, &pool, PEER, f->page, true, &ref[n]),
            -WEIR_ENOSPC);
        for (int i = 0; i < 10; i++)
            assert_int_equal(weir_gnttab_pool_end(&f->gt, &pool, mine[i]), 0);
    }
    assert_int_equal(weir_gnttab_pool_end(&f->gt, &pool, mine[0]),
                     -WEIR_EINVAL);
    assert_int_equal(weir_gnttab_fini(&f->gt), -WEIR_EBUSY);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(weir_gnttab_end(&f->gt, ref[i]), 0);
    weir_gnttab_unreserve(&f->gt, &pool);
    assert_int_equal(weir_gnttab_free_refs(&f->gt), n + 10);
}

static void a_reservation_is_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    struct weir_gnttab_pool pool = {0};
    uint32_t all;

    weir_fake_set_max_grant_frames(f->us, 2);
    assert_int_equal(weir_gnttab_reserve(&f->gt, &pool, 5000), -WEIR_ENOSPC);
    assert_int_equal(pool.total, 0);
    all = weir_gnttab_free_refs(&f->gt);
    assert_int_equal(all, 2 * WEIR_GRANTS_PER_FRAME - WEIR_GNTTAB_NR_RESERVED);
    assert_int_equal(weir_gnttab_reserve(&f->gt, &pool, all), 0);
    weir_gnttab_unreserve(&f->gt, &pool);
}

int gnttab_shortage_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_table_grows_then_runs_out_and_recovers),
        TEST(growing_fails_without_private_pages_and_works_later),
        TEST(waiters_are_called_in_order_when_refs_are_free),
        TEST(a_cancelled_waiter_is_not_called_and_blocks_nobody),
        TEST(a_reservation_cannot_be_taken_by_others),
        TEST(a_reservation_is_all_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

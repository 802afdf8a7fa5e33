/* SPDX-License-Identifier: MIT
 *
 * The granting side of the grant table, on the fake machine: granting and
 * ending.
 */
#include "tests/unit/gnttab_fixture.h"

#include <pthread.h>

static void a_granted_page_is_shared(void **state)
{
    struct fixture *f = *state;
    grant_ref_t ref = grant(f, false);
    struct weir_unmap_op u;

    assert_int_equal(map(f, ref, false, &u), 0);
    strcpy(u.addr, "from the peer");
    assert_string_equal(f->page, "from the peer");
    unmap(f, &u);
    assert_int_equal(weir_gnttab_end(&f->gt, ref), 0);
    assert_int_not_equal(map(f, ref, false, &u), 0);
}

static void a_read_only_grant_cannot_be_mapped_writable(void **state)
{
    struct fixture *f = *state;
    grant_ref_t ref = grant(f, true);
    struct weir_unmap_op u;

    assert_int_not_equal(map(f, ref, false, &u), 0);
    assert_int_equal(map(f, ref, true, &u), 0);
    unmap(f, &u);
    assert_int_equal(weir_gnttab_end(&f->gt, ref), 0);
}

static void a_mapped_grant_cannot_be_ended(void **state)
{
    struct fixture *f = *state;
    grant_ref_t ref = grant(f, false);
    struct weir_unmap_op first, second;

    assert_int_equal(map(f, ref, false, &first), 0);
    assert_int_equal(map(f, ref, true, &second), 0);
    assert_true(weir_gnttab_in_use(&f->gt, ref));
    assert_int_equal(weir_gnttab_end(&f->gt, ref), -WEIR_EBUSY);
    unmap(f, &first);
    assert_int_equal(weir_gnttab_end(&f->gt, ref), -WEIR_EBUSY);
    unmap(f, &second);
    assert_false(weir_gnttab_in_use(&f->gt, ref));
    assert_int_equal(weir_gnttab_end(&f->gt, ref), 0);
}

static void ending_what_is_not_granted_is_refused(void **state)
{
    struct fixture *f = *state;
    grant_ref_t ref = grant(f, false);

    assert_int_equal(weir_gnttab_end(&f->gt, ref), 0);
    assert_int_equal(weir_gnttab_end(&f->gt, ref), -WEIR_EINVAL);
    assert_int_equal(weir_gnttab_end(&f->gt, 0), -WEIR_EINVAL);
    assert_int_equal(weir_gnttab_end(&f->gt, 1000000), -WEIR_EINVAL);
    assert_int_equal(weir_gnttab_end(&f->gt, WEIR_GRANT_REF_NONE),
                     -WEIR_EINVAL);
    assert_int_equal(weir_gnttab_end_deferred(&f->gt, ref, f->page, NULL, NULL),
                     -WEIR_EINVAL);
}

static void page_done(void *context, void *page)
{
    *(void **)context = page;
}

static void a_deferred_end_keeps_the_page_until_the_peer_lets_go(void **state)
{
    struct fixture *f = *state;
    uint32_t free_before = weir_gnttab_free_refs(&f->gt);
    grant_ref_t ref = grant(f, false);
    struct weir_unmap_op u;
    void *done = NULL;

    assert_int_equal(map(f, ref, false, &u), 0);
    assert_int_equal(
        weir_gnttab_end_deferred(&f->gt, ref, f->page, page_done, &done), 0);
    assert_int_equal(weir_gnttab_reap(&f->gt), 1);
    assert_null(done);
    /* It is out of the caller's hands. */
    assert_int_equal(weir_gnttab_end(&f->gt, ref), -WEIR_EINVAL);
    assert_int_equal(weir_gnttab_fini(&f->gt), -WEIR_EBUSY);
    unmap(f, &u);
    assert_int_equal(weir_gnttab_reap(&f->gt), 0);
    assert_ptr_equal(done, f->page);
    assert_int_equal(weir_gnttab_free_refs(&f->gt), free_before);
}

static void a_deferred_end_of_an_idle_grant_is_done_at_once(void **state)
{
    struct fixture *f = *state;
    grant_ref_t ref = grant(f, false);
    void *done = NULL;

    assert_int_equal(
        weir_gnttab_end_deferred(&f->gt, ref, f->page, page_done, &done), 0);
    assert_ptr_equal(done, f->page);
    assert_int_equal(weir_gnttab_reap(&f->gt), 0);
}

static void reap_ends_some_and_keeps_others(void **state)
{
    struct fixture *f = *state;
    struct weir_unmap_op u[8];
    grant_ref_t ref[8];
    void *done[8] = {NULL};

    for (int i = 0; i < 8; i++) {
        ref[i] = grant(f, false);
        assert_int_equal(map(f, ref[i], false, &u[i]), 0);
        assert_int_equal(weir_gnttab_end_deferred(&f->gt, ref[i], f->page,
                                                  page_done, &done[i]),
                         0);
    }
    for (int i = 0; i < 8; i += 2)
        unmap(f, &u[i]);
    assert_int_equal(weir_gnttab_reap(&f->gt), 4);
    for (int i = 0; i < 8; i++)
        assert_ptr_equal(done[i], i % 2 == 0 ? f->page : NULL);
    for (int i = 1; i < 8; i += 2)
        unmap(f, &u[i]);
    assert_int_equal(weir_gnttab_reap(&f->gt), 0);
}

static void what_the_builder_granted_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct weir_gnttab gt;
    volatile struct weir_grant_entry_v1 *entries;
    struct weir_port *third = weir_fake_domain_add(f->m, 9, 0);
    uint32_t count;

    assert_int_equal(third->ops->grant_table(third, false, &entries, &count),
                     0);
    entries[20].flags = WEIR_GTF_PERMIT_ACCESS;
    assert_int_equal(weir_gnttab_init(&gt, third), 0);
    assert_int_equal(weir_gnttab_free_refs(&gt),
                     count - WEIR_GNTTAB_NR_RESERVED - 1);
    entries[20].flags = 0;
    assert_int_equal(weir_gnttab_fini(&gt), 0);
}

struct worker {
    struct fixture *f;
    uint32_t seed, done;
};

/* Grants, and ends in another order; the peer maps some of them meanwhile. */
static void *churn(void *arg)
{
    struct worker *w = arg;
    grant_ref_t held[16];
    unsigned n = 0;

    for (unsigned i = 0; i < 200000; i++) {
        w->seed = w->seed * 1664525u + 1013904223u;
        if (n < 16 && (w->seed >> 16) % 2 == 0) {
            if (weir_gnttab_grant(&w->f->gt, PEER, w->f->page, false,
                                  &held[n]) == 0)
                n++;
        } else if (n > 0) {
            unsigned k = (w->seed >> 20) % n;

            if (weir_gnttab_end(&w->f->gt, held[k]) == 0) {
                held[k] = held[--n];
                w->done++;
            }
        }
    }
    while (n > 0 && weir_gnttab_end(&w->f->gt, held[n - 1]) == 0)
        n--;
    return NULL;
}

static void threads_share_the_table(void **state)
{
    struct fixture *f = *state;
    struct worker w[3] = {{f, 1, 0}, {f, 2, 0}, {f, 3, 0}};
    uint32_t free_before = weir_gnttab_free_refs(&f->gt);
    pthread_t thread[3];

    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, churn, &w[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
        assert_true(w[i].done > 20000);
    }
    assert_int_equal(weir_gnttab_free_refs(&f->gt), free_before);
    assert_int_equal(weir_fake_granted(f->us), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_granted_page_is_shared),
        TEST(a_read_only_grant_cannot_be_mapped_writable),
        TEST(a_mapped_grant_cannot_be_ended),
        TEST(ending_what_is_not_granted_is_refused),
        TEST(a_deferred_end_keeps_the_page_until_the_peer_lets_go),
        TEST(a_deferred_end_of_an_idle_grant_is_done_at_once),
        TEST(reap_ends_some_and_keeps_others),
        TEST(what_the_builder_granted_is_left_alone),
        TEST(threads_share_the_table),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed + gnttab_shortage_tests();
}

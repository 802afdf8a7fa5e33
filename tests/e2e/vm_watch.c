/* SPDX-License-Identifier: MIT
 *
 * No stale translation: one vCPU looks at an address at full speed while
 * another makes the page there go away.  From then on it sees nothing that is
 * written to that page.
 */
#define VM_SUITE_MEMORY "96M" /* so little that all of it can be filled */
#include "tests/e2e/vm_suite.h"

#include <stdio.h>

#define AT     VM_BEYOND
#define SECRET UINT64_C(0x5ec4e7a9)
#define ROUNDS 150

static struct vm watcher(uint64_t at)
{
    struct weir_hv_create how = vm_how("watcher");
    struct vm_order o = {.op = VM_WATCH, .cpu = 1, .a = at, .b = SECRET};
    struct vm v;

    how.vcpus = 2;
    v = vm_start(&world, how);
    /* The place is there, so that the first look is one at memory. */
    if (at >= VM_BEYOND) {
        assert_int_equal(vm_populate(&v, at >> 12), 1);
        assert_int_equal(vm_give_back(&v, at >> 12), 1);
    }
    vm_start_cpu(&v, 1);
    assert_int_equal(vm_order(&v, &o, NULL, NULL).rc, 0);
    return v;
}

static struct vm_watch seen(struct vm *v)
{
    struct vm_watch w;

    vm_read(v, VM_WATCH_AT, &w, sizeof(w));
    return w;
}

/* It looked again, and saw nothing. */
static void expect_blind(struct vm *v, unsigned round)
{
    struct vm_watch before = seen(v), w = before;

    for (int i = 0; i < 1000 && w.looks < before.looks + 1000; i++) {
        usleep(200);
        w = seen(v);
    }
    assert_true(w.looks >= before.looks + 1000);
    if (w.found)
        fail_msg("round %u: saw 0x%llx, %llu times", round,
                 (unsigned long long)w.last, (unsigned long long)w.found);
}

static void an_unmapped_page_is_gone_for_all_vcpus(void **state)
{
    struct vm v = watcher(AT);
    struct puppet g = process("granter");
    struct puppet_answer page = puppet_do(&g, PUPPET_ALLOC, 1, 0, 0, 0);

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct vm_mapping m;

        puppet_do(&g, PUPPET_POKE, page.v[0], i, 0, 0);
        puppet_do(&g, PUPPET_GRANT, 9, v.domid, page.v[1], i & 1);
        m = vm_map(&v, g.domid, 9, AT, i & 1);
        assert_int_equal(m.status, 0);
        if (i % 10 == 0)
            expect_blind(&v, i); /* it has it in its translations */
        assert_int_equal(vm_unmap(&v, &m), 0);
        assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
        puppet_do(&g, PUPPET_POKE, page.v[0], SECRET << 32 | i, 0, 0);
        if (i % 10 == 0)
            expect_blind(&v, i);
    }
    expect_blind(&v, ROUNDS);
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

/* All memory that nobody has is somebody's, and full of secrets. */
static struct puppet fill_memory(void)
{
    struct puppet p = puppet_start(
        &world, (struct weir_hv_create){.name = "next", .max_frames = 30000});
    struct puppet_answer r;
    uint64_t frames = 0;

    for (unsigned some = 256; some; some /= 4)
        while ((r = puppet_do(&p, PUPPET_ALLOC, some, 0, 0, 0)).rc == 0)
            for (unsigned i = 0; i < some; i++, frames++)
                puppet_do(&p, PUPPET_POKE, r.v[0] + i * 4096,
                          SECRET << 32 | frames, 0, 0);
    assert_true(frames > 10000);
    return p;
}

/* The granter dies, its page stays until the unmap; what comes to lie in that
 * frame is not seen. */
static void a_dead_granters_page_is_not_followed(void **state)
{
    struct vm v = watcher(AT);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct puppet g = process("granter"), next;
        struct puppet_answer page = puppet_do(&g, PUPPET_ALLOC, 1, 0, 0, 0);
        struct vm_mapping m;

        puppet_do(&g, PUPPET_GRANT, 9, v.domid, page.v[1], 0);
        m = vm_map(&v, g.domid, 9, AT, false);
        assert_int_equal(m.status, 0);
        expect_blind(&v, i);
        assert_int_equal(puppet_destroy(&g), 0);
        /* While it is mapped, and after. */
        for (int unmapped = 0; unmapped < 2; unmapped++) {
            if (unmapped)
                assert_int_equal(vm_unmap(&v, &m), 0);
            next = fill_memory();
            expect_blind(&v, i);
            assert_int_equal(puppet_destroy(&next), 0);
        }
    }
    assert_int_equal(vm_destroy(&v), 0);
}

/* Its own page, given back: others get the frame. */
static void a_page_given_back_is_gone_for_all_vcpus(void **state)
{
    struct vm v = watcher(VM_PAGES);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct puppet next;

        assert_int_equal(vm_give_back(&v, VM_PAGES >> 12), 1);
        next = fill_memory();
        expect_blind(&v, i);
        assert_int_equal(puppet_destroy(&next), 0);
        /* And what was written there does not come with a fresh page. */
        assert_int_equal(vm_populate(&v, VM_PAGES >> 12), 1);
        expect_blind(&v, i);
    }
    assert_int_equal(vm_destroy(&v), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_unmapped_page_is_gone_for_all_vcpus,
                                  clear),
        cmocka_unit_test_teardown(a_dead_granters_page_is_not_followed, clear),
        cmocka_unit_test_teardown(a_page_given_back_is_gone_for_all_vcpus,
                                  clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

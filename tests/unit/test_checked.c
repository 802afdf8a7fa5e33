/* SPDX-License-Identifier: MIT
 *
 * Checked arithmetic and the small helpers of ring/compiler.h, barrier.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ring/barrier.h"
#include "ring/checked.h"

static void overflow_is_refused_and_stores_nothing(void **state)
{
    uint32_t a = 7;
    uint64_t b = 7;

    (void)state;
    assert_false(weir_add_u32(UINT32_MAX, 1, &a));
    assert_false(weir_mul_u32(65536, 65536, &a));
    assert_false(weir_sub_u32(1, 2, &a));
    assert_false(weir_to_u32(UINT64_C(1) << 32, &a));
    assert_int_equal(a, 7);
    assert_false(weir_add_u64(UINT64_MAX, 1, &b));
    assert_false(weir_mul_u64(UINT64_C(1) << 33, UINT64_C(1) << 31, &b));
    assert_false(weir_sub_u64(0, 1, &b));
    assert_true(b == 7);
}

static void what_fits_is_computed(void **state)
{
    uint16_t s;
    uint32_t a;
    uint64_t b;

    (void)state;
    assert_true(weir_add_u32(UINT32_MAX - 1, 1, &a) && a == UINT32_MAX);
    assert_true(weir_mul_u32(65535, 65537, &a) && a == UINT32_MAX);
    assert_true(weir_sub_u32(2, 2, &a) && a == 0);
    assert_true(weir_add_u64(UINT64_MAX, 0, &b) && b == UINT64_MAX);
    assert_true(weir_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 31, &b) &&
                b == UINT64_C(1) << 63);
    assert_true(weir_to_u16(65535, &s) && s == 65535);
    assert_false(weir_to_u16(65536, &s));
}

static void ranges_end_at_the_limit(void **state)
{
    (void)state;
    assert_true(weir_in_range(0, 0, 0));
    assert_true(weir_in_range(0, 8, 8));
    assert_true(weir_in_range(8, 0, 8));
    assert_true(weir_in_range(7, 1, 8));
    assert_false(weir_in_range(7, 2, 8));
    assert_false(weir_in_range(9, 0, 8));
    assert_false(weir_in_range(UINT64_MAX, 2, UINT64_MAX));
    assert_false(weir_in_range(1, UINT64_MAX, UINT64_MAX));
    assert_true(weir_in_range(0, UINT64_MAX, UINT64_MAX));
}

static void powers_of_two(void **state)
{
    (void)state;
    assert_int_equal(weir_pow2_floor(0), 0);
    assert_int_equal(weir_pow2_floor(1), 1);
    assert_int_equal(weir_pow2_floor(3), 2);
    assert_int_equal(weir_pow2_floor(UINT32_MAX), UINT32_C(1) << 31);
    assert_true(weir_is_pow2(1) && weir_is_pow2(4096));
    assert_false(weir_is_pow2(0) || weir_is_pow2(24));
}

static void cmpxchg_returns_what_was_there(void **state)
{
    volatile uint16_t v = 5;
    volatile uint64_t w = 1;

    (void)state;
    assert_int_equal(weir_cmpxchg16(&v, 4, 9), 5);
    assert_int_equal(v, 5);
    assert_int_equal(weir_cmpxchg16(&v, 5, 9), 5);
    assert_int_equal(v, 9);
    assert_int_equal(weir_fetch_or64(&w, 6), 1);
    assert_int_equal(weir_fetch_and64(&w, ~UINT64_C(2)), 7);
    assert_int_equal(weir_xchg64(&w, 3), 5);
    weir_count64(&w, 4);
    assert_int_equal(w, 7);
}

struct outer {
    int before;
    uint32_t member;
};

static void container_of_finds_the_struct(void **state)
{
    struct outer o[3];

    (void)state;
    assert_int_equal(WEIR_ARRAY_SIZE(o), 3);
    assert_ptr_equal(weir_container_of(&o[1].member, struct outer, member),
                     &o[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overflow_is_refused_and_stores_nothing),
        cmocka_unit_test(what_fits_is_computed),
        cmocka_unit_test(ranges_end_at_the_limit),
        cmocka_unit_test(powers_of_two),
        cmocka_unit_test(cmpxchg_returns_what_was_there),
        cmocka_unit_test(container_of_finds_the_struct),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

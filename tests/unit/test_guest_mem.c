/* SPDX-License-Identifier: MIT
 *
 * The guest's memcpy and sisters, under other names: the test has a C library.
 * Here a kernel has its own memcpy (guest_memcpy.c), for mem.c's are weak.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define memcpy  guest_memcpy
#define memmove guest_memmove
#define memset  guest_memset
#define memcmp  guest_memcmp
#include "frontends/guest/mem.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp

#define SIZE 64u

static void moves_are_right_however_they_overlap(void **state)
{
    uint8_t got[SIZE], want[SIZE];

    (void)state;
    for (unsigned to = 0; to < SIZE; to++)
        for (unsigned from = 0; from < SIZE; from++)
            for (size_t n = 0; n <= SIZE - (to > from ? to : from); n++) {
                for (unsigned i = 0; i < SIZE; i++)
                    got[i] = want[i] = (uint8_t)(i + 1);
                memmove(want + to, want + from, n);
                assert_ptr_equal(guest_memmove(got + to, got + from, n),
                                 got + to);
                assert_memory_equal(got, want, SIZE);
            }
}

static void setting_and_comparing(void **state)
{
    uint8_t a[SIZE] = {0};

    (void)state;
    assert_ptr_equal(guest_memset(a + 1, 0x1ff, 5), a + 1);
    assert_memory_equal(a, "\0\xff\xff\xff\xff\xff\0", 7);
    assert_true(guest_memcmp("ab\x80", "ab\x7f", 3) > 0);
    assert_true(guest_memcmp("ab\x7f", "ab\x80", 3) < 0);
    assert_int_equal(guest_memcmp("abc", "abd", 2), 0);
    assert_int_equal(guest_memcmp("abc", "abd", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_are_right_however_they_overlap),
        cmocka_unit_test(setting_and_comparing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * What a guest takes for free memory, at the addresses it has there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "frontends/guest/port_guest.h"
#include "frontends/guest/ram.h"

#define MIB   (UINT64_C(1) << 20)
#define START MIB
#define END   (9 * MIB)
#define KERNEL                                                                 \
    {                                                                          \
        2 * MIB, 5 * MIB + 123                                                 \
    }
#define WINDOW ((uint64_t)WEIR_GUEST_WINDOW_MAX * WEIR_PAGE_SIZE)

static uint8_t *ram;

/* START to END are ours as the guest has them. */
static int map_ram(void **state)
{
    (void)state;
    ram = mmap((void *)(uintptr_t)START, END - START, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return ram == (void *)(uintptr_t)START ? 0 : -1;
}

static int unmap_ram(void **state)
{
    (void)state;
    return munmap(ram, END - START);
}

static struct weir_start_memmap entry(uint64_t from, uint64_t to, uint32_t type)
{
    return (struct weir_start_memmap){
        .addr = from, .size = to - from, .type = type};
}

static bool is_within(uint64_t page, struct weir_ram_range r)
{
    return page < r.end && page + WEIR_PAGE_SIZE > r.start;
}

/* All pages of a guest of END bytes are given out but these and the kernel. */
static void free_but(struct weir_ram_range module)
{
    const struct weir_start_memmap map[] = {
        entry(0, 0xa0000, 1),
        entry(0xa0000, MIB, 2),
        entry(MIB, END, 1),
    };
    struct weir_ram r = {.kernel = KERNEL, .module = module};
    size_t want = 0, got = 0;
    struct weir_pages p = {0};
    void *page;

    assert_true(weir_ram_look(&r, map, 3));
    assert_int_equal(r.bytes, 0xa0000 + END - MIB);
    weir_ram_add(&r, &p);
    for (uint64_t at = START; at < END; at += WEIR_PAGE_SIZE)
        want += !is_within(at, r.kernel) && !is_within(at, module);
    assert_int_equal(p.total, want);
    while ((page = weir_pages_take(&p, 1)) != NULL) {
        assert_true((uintptr_t)page >= START && (uintptr_t)page < END);
        assert_false(is_within((uintptr_t)page, r.kernel));
        assert_false(is_within((uintptr_t)page, module));
        got++;
    }
    assert_int_equal(got, want);
}

static void a_ramdisk_stays_wherever_it_lies(void **state)
{
    static const struct weir_ram_range places[] = {
        {0, 0},
        {6 * MIB + 1, 7 * MIB + 1},       /* above the kernel */
        {END - 5000, END},                /* at the very end */
        {5 * MIB + 4096, 6 * MIB},        /* right behind */
        {MIB, MIB + 77},                  /* below */
        {MIB + 0x80010, 2 * MIB},         /* right below */
        {3 * MIB, 4 * MIB},               /* between its segments */
        {5 * MIB + 8192, 5 * MIB + 8192}, /* empty */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        free_but(places[i]);
}

static void memory_that_is_too_high_is_left(void **state)
{
    const struct weir_start_memmap map[] = {
        entry(5 * 1024 * MIB, 6 * 1024 * MIB, 1),
        entry(1024 * MIB, 4096 * MIB - 1, 1),
        entry(UINT64_MAX - 5, 4, 1), /* wraps */
        entry(8 * MIB, END, 1),
    };
    struct weir_ram r = {.kernel = KERNEL};

    (void)state;
    assert_true(weir_ram_look(&r, map, 4));
    assert_int_equal(r.n, 2);
    assert_int_equal(r.range[0].end, 3072 * MIB);
    assert_int_equal(r.bytes, (3072 - 1024 + 1) * MIB);
    assert_false(weir_ram_look(&r, NULL, 4));
    assert_false(weir_ram_look(&r, map, 0));
    assert_false(weir_ram_look(&r, map, 1));
}

static void the_window_lies_in_a_gap(void **state)
{
    struct weir_start_memmap map[] = {
        entry(0xfc000000, 4096 * MIB, 2),
        entry(64 * MIB + WINDOW, 3072 * MIB, 1),
        entry(0, 64 * MIB, 1),
    };
    const uint64_t last = (0xf0000000 - WINDOW) & ~(2 * MIB - 1);
    struct weir_ram r = {.kernel = KERNEL};

    (void)state;
    assert_true(weir_ram_look(&r, map, 3));
    assert_int_equal(r.window, 64 * MIB); /* just fits */
    map[1].addr--;
    map[1].size++;
    assert_true(weir_ram_look(&r, map, 3));
    assert_int_equal(r.window, 3072 * MIB);
    map[1].size = last - map[1].addr;
    assert_true(weir_ram_look(&r, map, 3));
    assert_int_equal(r.window, last);
    map[1].size++;
    assert_false(weir_ram_look(&r, map, 3));
    map[1].size = UINT64_MAX - map[1].addr; /* to the end of all */
    assert_false(weir_ram_look(&r, map, 3));
    map[1].size++;
    assert_false(weir_ram_look(&r, map, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ramdisk_stays_wherever_it_lies),
        cmocka_unit_test(memory_that_is_too_high_is_left),
        cmocka_unit_test(the_window_lies_in_a_gap),
    };

    return cmocka_run_group_tests(tests, map_ram, unmap_ram);
}

/* SPDX-License-Identifier: MIT
 *
 * A VM's guest-physical address space on paper: memory map, places for pages,
 * what each page is, mappings that this takes.
 */
#include "hypervisor/vm.h"
#include "hypervisor/vm_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#define GIB (UINT64_C(1) << 18) /* pages */

/* RAM that the map shows and the table part, in pages. */
static uint64_t ram_shown(uint64_t pages)
{
    struct weir_vm_range r[WEIR_VM_MAP_MAX];
    unsigned n = weir_vm_map(pages, r);
    uint64_t sum = 0, end = 0;

    assert_in_range(n, 1, WEIR_VM_MAP_MAX);
    for (unsigned i = 0; i < n; i++) {
        assert_true(r[i].addr >= end);
        assert_true(r[i].size > 0 && r[i].size % WEIR_PAGE_SIZE == 0);
        end = r[i].addr + r[i].size;
        if (r[i].type == 1 || r[i].addr == WEIR_VM_TABLES)
            sum += r[i].size;
        if (r[i].type == 1)
            assert_true(end <= WEIR_VM_LOW_END || r[i].addr >= WEIR_VM_HIGH);
    }
    return sum >> WEIR_PAGE_SHIFT;
}

static void the_map_shows_all_ram_once(void **state)
{
    static const uint64_t pages[] = {
        1,   0x9f,        0xa0,    0xa1,        0x100,   0x101,    4096,
        GIB, 3 * GIB - 1, 3 * GIB, 3 * GIB + 1, 4 * GIB, 64 * GIB,
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        assert_int_equal(ram_shown(pages[i]), pages[i]);
}

/* Each page of the space has one place or none, and places do not overlap. */
static void places_do_not_overlap(void **state)
{
    static const uint64_t pages[] = {16,      4096,    0x8000,
                                     2 * GIB, 3 * GIB, 5 * GIB + 17};

    (void)state;
    for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        uint64_t gfns = 12 * GIB, next = 0, f, n;

        while (next < gfns) {
            if (hv_p2m_slot(pages[i], gfns, next, &f, &n) < 0) {
                assert_in_range(next, 0xfec00, 0xfffff);
                next++;
                continue;
            }
            assert_int_equal(f, next);
            assert_true(n > 0 && f + n <= gfns);
            for (uint64_t g = f; g < f + n; g += n / 3 + 1) {
                uint64_t f2, n2;

                assert_int_equal(hv_p2m_slot(pages[i], gfns, g, &f2, &n2), 0);
                assert_int_equal(f2, f);
                assert_int_equal(n2, n);
            }
            next = f + n;
        }
        assert_int_equal(hv_p2m_slot(pages[i], gfns, gfns, &f, &n), -EINVAL);
        assert_int_equal(hv_p2m_slot(pages[i], gfns, UINT64_MAX, &f, &n),
                         -EINVAL);
    }
}

static void apics_have_no_place(void **state)
{
    static const uint64_t gfn[] = {0xfec00, 0xfee00, 0xfffbc, 0xfffff};
    uint64_t f, n;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(hv_p2m_slot(4096, 6 * GIB, gfn[i], &f, &n), -EINVAL);
    assert_int_equal(hv_p2m_slot(4096, 6 * GIB, WEIR_VM_PFN_CONSOLE, &f, &n),
                     0);
    assert_int_equal(hv_p2m_slot(4096, 6 * GIB, WEIR_VM_PFN_STORE, &f, &n), 0);
}

static struct hv_p2m_entry page(enum hv_p2m_type type, uint32_t frame,
                                bool readonly)
{
    return (struct hv_p2m_entry){
        .frame = frame, .type = type, .readonly = readonly};
}

static void outside_the_space_all_is_hole(void **state)
{
    struct hv_vm vm = {.fd = -1};

    (void)state;
    assert_int_equal(hv_p2m_init(&vm, 1000), 0);
    assert_int_equal(hv_p2m_get(&vm, 999).type, HV_P2M_HOLE);
    assert_int_equal(hv_p2m_set(&vm, 999, page(HV_P2M_RAM, 7, false)), 0);
    assert_int_equal(hv_p2m_get(&vm, 999).frame, 7);
    assert_int_equal(hv_p2m_set(&vm, 1000, page(HV_P2M_RAM, 7, false)),
                     -EINVAL);
    assert_int_equal(hv_p2m_get(&vm, 1000).type, HV_P2M_HOLE);
    assert_int_equal(hv_p2m_get(&vm, UINT64_MAX).type, HV_P2M_HOLE);
    assert_int_equal(hv_vm_own_frame(&vm, UINT64_MAX), 0);
    hv_p2m_fini(&vm);
}

/* A grant entry of a VM may name its own pages only, never what it maps. */
static void a_foreign_page_is_not_its_own(void **state)
{
    struct hv_vm vm = {.fd = -1};

    (void)state;
    assert_int_equal(hv_p2m_init(&vm, 100), 0);
    hv_p2m_set(&vm, 1, page(HV_P2M_RAM, 11, false));
    hv_p2m_set(&vm, 2, page(HV_P2M_SPECIAL, 12, false));
    hv_p2m_set(&vm, 3, page(HV_P2M_FOREIGN, 13, false));
    assert_int_equal(hv_vm_own_frame(&vm, 1), 11);
    assert_int_equal(hv_vm_own_frame(&vm, 2), 12);
    assert_int_equal(hv_vm_own_frame(&vm, 3), 0);
    assert_int_equal(hv_vm_own_frame(&vm, 4), 0);
    hv_p2m_fini(&vm);
}

/* As the kernel would count them: neighbours that go on are one mapping. */
static int mappings(const struct hv_vm *vm)
{
    int n = 1;

    for (uint64_t g = 1; g < vm->gfns; g++) {
        struct hv_p2m_entry a = hv_p2m_get(vm, g - 1), b = hv_p2m_get(vm, g);
        bool one = a.type == HV_P2M_HOLE || b.type == HV_P2M_HOLE
                       ? a.type == b.type
                       : b.frame == a.frame + 1 && a.readonly == b.readonly;

        n += !one;
    }
    return n;
}

static void seams_say_how_mappings_change(void **state)
{
    struct hv_vm vm = {.fd = -1};
    unsigned seed = 1;

    (void)state;
    assert_int_equal(hv_p2m_init(&vm, 40), 0);
    for (int i = 0; i < 20000; i++) {
        struct hv_p2m_entry e;
        uint64_t g;
        int before = mappings(&vm), change;

        seed = seed * 1103515245 + 12345;
        g = 1 + (seed >> 16) % 38;
        e = page((seed >> 24) % 4, 100 + (uint32_t)g + (seed >> 22) % 2,
                 (seed >> 21) & 1);
        if (e.type == HV_P2M_HOLE)
            e = page(HV_P2M_HOLE, 0, false);
        change = hv_p2m_seams(&vm, g, e);
        assert_int_equal(hv_p2m_set(&vm, g, e), 0);
        assert_int_equal(mappings(&vm), before + change);
    }
    hv_p2m_fini(&vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_map_shows_all_ram_once),
        cmocka_unit_test(places_do_not_overlap),
        cmocka_unit_test(apics_have_no_place),
        cmocka_unit_test(outside_the_space_all_is_hole),
        cmocka_unit_test(a_foreign_page_is_not_its_own),
        cmocka_unit_test(seams_say_how_mappings_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The guest port's grant table and foreign pages, over a made-up hypervisor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ring/error.h"
#include "tests/unit/fake_guest.h"

#define FIRST (FAKE_WINDOW_GFN + WEIR_GUEST_WINDOW_MIN)

struct box {
    struct fake_guest f;
    struct weir_port_guest pg;
    struct weir_port *port;
    struct weir_map_op map[FAKE_MAPS + 1];
    struct weir_unmap_op unmap[FAKE_MAPS + 1];
};

static int setup(void **state)
{
    struct box *b = calloc(1, sizeof(*b));

    fake_guest_init(&b->f);
    *state = b;
    b->port = &b->pg.port;
    return weir_port_guest_open(&b->pg, &b->f.platform);
}

static int teardown(void **state)
{
    struct box *b = *state;

    fake_guest_fini(&b->f);
    free(b);
    return 0;
}

static void map(struct box *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        b->map[i] = (struct weir_map_op){.dom = 2, .ref = 20 + i};
    assert_int_equal(b->port->ops->map(b->port, b->map, n), 0);
}

static void unmap(struct box *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        b->unmap[i] = (struct weir_unmap_op){.addr = b->map[i].addr,
                                             .handle = b->map[i].handle};
    assert_int_equal(b->port->ops->unmap(b->port, b->unmap, n), 0);
}

static void table_grows_to_its_quota(void **state)
{
    struct box *b = *state;
    volatile struct weir_grant_entry_v1 *entries;
    uint32_t count;

    assert_int_equal(
        b->port->ops->grant_table(b->port, false, &entries, &count), 0);
    assert_int_equal(count, 512);
    assert_ptr_equal((void *)(uintptr_t)entries, b->f.window + WEIR_PAGE_SIZE);
    for (unsigned i = 1; i < 4; i++) {
        assert_int_equal(
            b->port->ops->grant_table(b->port, true, &entries, &count), 0);
        assert_int_equal(count, 512 * (i + 1));
        assert_int_equal(b->f.placed[1 + i],
                         ((uint64_t)WEIR_XENMAPSPACE_GRANT_TABLE << 32 | i) +
                             1);
    }
    assert_int_equal(b->port->ops->grant_table(b->port, true, &entries, &count),
                     -WEIR_ENOSPC);
    assert_int_equal(count, 2048);
    assert_int_equal(b->f.placed[5], 0);
}

static void table_that_cannot_grow_stays(void **state)
{
    struct box *b = *state;
    volatile struct weir_grant_entry_v1 *entries;
    uint32_t count;

    b->f.fail = -WEIR_ENOMEM;
    b->f.fail_nr = WEIR_HYPERCALL_MEMORY_OP;
    assert_int_equal(b->port->ops->grant_table(b->port, true, &entries, &count),
                     -WEIR_ENOMEM);
    assert_int_equal(count, 512);
    b->f.fail = 0;
    assert_int_equal(b->port->ops->grant_table(b->port, true, &entries, &count),
                     0);
    assert_int_equal(count, 1024);
}

static void every_mapping_has_a_page_of_its_own(void **state)
{
    struct box *b = *state;

    map(b, FAKE_MAPS);
    for (unsigned i = 0; i < FAKE_MAPS; i++) {
        assert_int_equal(b->map[i].status, 0);
        assert_int_equal(b->map[i].handle, 1020 + i);
        for (unsigned j = 0; j < i; j++)
            assert_ptr_not_equal(b->map[i].addr, b->map[j].addr);
    }
    assert_int_equal(b->f.mapped, FAKE_MAPS);
    assert_int_equal(b->f.calls[WEIR_HYPERCALL_GRANT_TABLE_OP],
                     1 + FAKE_MAPS / 16);
    assert_int_equal(b->f.map.host_addr, (uint64_t)(FIRST + FAKE_MAPS - 1)
                                             << WEIR_PAGE_SHIFT);
    assert_int_equal(b->f.map.flags, WEIR_GNTMAP_HOST_MAP);
    assert_int_equal(b->f.map.dom, 2);
    unmap(b, FAKE_MAPS);
    assert_int_equal(b->f.mapped, 0);
    assert_int_equal(b->f.unmap.host_addr, (uint64_t)(FIRST + FAKE_MAPS - 1)
                                               << WEIR_PAGE_SHIFT);
    map(b, FAKE_MAPS); /* all places are free again */
    assert_int_equal(b->map[FAKE_MAPS - 1].status, 0);
}

static void full_window_fails_the_element_only(void **state)
{
    struct box *b = *state;

    map(b, FAKE_MAPS + 1);
    assert_int_equal(b->map[FAKE_MAPS - 1].status, 0);
    assert_int_equal(b->map[FAKE_MAPS].status, -WEIR_ENOSPC);
}

static void refused_mapping_leaves_its_place(void **state)
{
    static const struct {
        int16_t status;
        int error;
    } table[] = {
        {WEIR_GNTST_BAD_DOMAIN, WEIR_ENODEV},
        {WEIR_GNTST_BAD_GNTREF, WEIR_EINVAL},
        {WEIR_GNTST_GENERAL_ERROR, WEIR_EPERM},
        {WEIR_GNTST_NO_DEVICE_SPACE, WEIR_ENOSPC},
        {WEIR_GNTST_EAGAIN, WEIR_EAGAIN},
    };
    struct box *b = *state;

    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        b->f.map_status[21] = table[i].status;
        map(b, FAKE_MAPS);
        assert_int_equal(b->map[1].status, -table[i].error);
        assert_int_equal(b->map[0].status, 0);
        assert_int_equal(b->map[2].status, 0);
        assert_int_equal(b->map[2].handle, 1022);
        b->map[1] = b->map[FAKE_MAPS - 1];
        unmap(b, FAKE_MAPS - 1);
        assert_int_equal(b->unmap[1].status, 0);
        assert_int_equal(b->f.mapped, 0);
    }
}

static void failed_hypercall_maps_nothing(void **state)
{
    struct box *b = *state;

    b->f.fail = -WEIR_EFAULT;
    b->f.fail_nr = WEIR_HYPERCALL_GRANT_TABLE_OP;
    b->map[0] = (struct weir_map_op){.dom = 2, .ref = 20};
    assert_int_equal(b->port->ops->map(b->port, b->map, 1), -WEIR_EFAULT);
    assert_int_not_equal(b->map[0].status, 0);
    b->f.fail = 0;
    map(b, FAKE_MAPS);
    assert_int_equal(b->map[FAKE_MAPS - 1].status, 0);
}

static void unmap_takes_nothing_but_mappings(void **state)
{
    struct box *b = *state;
    uint8_t *page = b->f.window;

    map(b, 1);
    b->unmap[0] = (struct weir_unmap_op){.addr = page};
    b->unmap[1] = (struct weir_unmap_op){.addr = (uint8_t *)b->map[0].addr +
                                                 WEIR_PAGE_SIZE};
    b->unmap[2] =
        (struct weir_unmap_op){.addr = page + FAKE_WINDOW * WEIR_PAGE_SIZE};
    b->unmap[3] = (struct weir_unmap_op){.addr = b->map[0].addr, .handle = 5};
    assert_int_equal(b->port->ops->unmap(b->port, b->unmap, 4), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(b->unmap[i].status, -WEIR_EBADF);
    assert_int_equal(b->unmap[3].status, 0);
    assert_int_equal(b->f.unmap.handle, 5);
}

static void what_cannot_be_unmapped_keeps_its_place(void **state)
{
    struct box *b = *state;
    void *addr;

    map(b, 1);
    addr = b->map[0].addr;
    b->f.unmap_status = WEIR_GNTST_BAD_HANDLE;
    unmap(b, 1);
    assert_int_equal(b->unmap[0].status, -WEIR_EBADF);
    map(b, 1);
    assert_ptr_not_equal(b->map[0].addr, addr);
}

static void copy_names_its_ends(void **state)
{
    struct box *b = *state;
    uint8_t *page = b->f.window;
    struct weir_copy_op op = {
        .src = {.is_grant = true, .dom = 3, .ref = 30, .offset = 8},
        .dst = {.page = page, .offset = 16},
        .len = 100,
    };

    assert_int_equal(b->port->ops->copy(b->port, &op, 1), 0);
    assert_int_equal(op.status, 0);
    assert_int_equal(b->f.copy.flags, WEIR_GNTCOPY_SOURCE_GREF);
    assert_int_equal(b->f.copy.source.u.ref, 30);
    assert_int_equal(b->f.copy.source.domid, 3);
    assert_int_equal(b->f.copy.source.offset, 8);
    assert_int_equal(b->f.copy.dest.u.gmfn, (uintptr_t)page >> 12);
    assert_int_equal(b->f.copy.dest.domid, WEIR_DOMID_SELF);
    assert_int_equal(b->f.copy.dest.offset, 16);
    assert_int_equal(b->f.copy.len, 100);
    b->f.map_status[30] = WEIR_GNTST_BAD_COPY_ARG;
    assert_int_equal(b->port->ops->copy(b->port, &op, 1), 0);
    assert_int_equal(op.status, -WEIR_ERANGE);
    op.dst = op.src;
    op.src = (struct weir_copy_end){.page = page};
    assert_int_equal(b->port->ops->copy(b->port, &op, 1), 0);
    assert_int_equal(b->f.copy.flags, WEIR_GNTCOPY_DEST_GREF);
}

static void readonly_is_asked_for(void **state)
{
    struct box *b = *state;

    b->map[0] = (struct weir_map_op){.dom = 2, .ref = 20, .readonly = true};
    assert_int_equal(b->port->ops->map(b->port, b->map, 1), 0);
    assert_int_equal(b->f.map.flags,
                     WEIR_GNTMAP_HOST_MAP | WEIR_GNTMAP_READONLY);
}

int main(void)
{
#define BOXED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        BOXED(table_grows_to_its_quota),
        BOXED(table_that_cannot_grow_stays),
        BOXED(every_mapping_has_a_page_of_its_own),
        BOXED(full_window_fails_the_element_only),
        BOXED(refused_mapping_leaves_its_place),
        BOXED(failed_hypercall_maps_nothing),
        BOXED(unmap_takes_nothing_but_mappings),
        BOXED(what_cannot_be_unmapped_keeps_its_place),
        BOXED(copy_names_its_ends),
        BOXED(readonly_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

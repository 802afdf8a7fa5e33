/* SPDX-License-Identifier: MIT
 *
 * What a domain keeps, when memory, ports or places run out.  The kernel is
 * made up (hv_fake.h).
 */
#include "hypervisor/hypercall.h"
#include "tests/fuzz/hv_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

static void runs_are_found_by_key_and_ended_by_frame(void **state)
{
    struct hv_keeps k = {.n = 0};

    (void)state;
    assert_null(hv_keep_find(&k, 0));
    hv_keep_end(&k, 0, UINT32_MAX);
    for (uint32_t i = 0; i < HV_KEEPS_MAX; i++) {
        assert_int_equal(hv_keep_room(&k), 0);
        hv_keep_add(&k, i, 100 + i * 10, 10);
    }
    assert_int_equal(hv_keep_room(&k), -ENOSPC);
    assert_null(hv_keep_find(&k, HV_KEEPS_MAX));
    assert_int_equal(hv_keep_find(&k, 5)->first, 150);
    /* The last frame of one and the first of the next but one. */
    hv_keep_end(&k, 159, 12);
    assert_int_equal(k.n, HV_KEEPS_MAX - 3);
    assert_null(hv_keep_find(&k, 5));
    assert_null(hv_keep_find(&k, 6));
    assert_null(hv_keep_find(&k, 7));
    assert_non_null(hv_keep_find(&k, 4));
    assert_non_null(hv_keep_find(&k, 8));
    hv_keep_end(&k, 0, 100);
    assert_int_equal(k.n, HV_KEEPS_MAX - 3);
    assert_int_equal(hv_keep_room(&k), 0);
    hv_keep_end(&k, 1, UINT32_MAX);
    assert_int_equal(k.n, 0);
    hv_keeps_fini(&k);
}

static int keep(struct hv_domain *d, uint64_t key, uint32_t count, mfn_t *first,
                bool *found)
{
    uint8_t args[WEIR_HV_KEEP_REQ] = {0}, out[WEIR_HV_KEEP_REP];
    struct hv_request q = {.op = WEIR_HV_KEEP, .p = args, .len = sizeof(args)};
    struct hv_reply r = {.p = out};
    int rc;

    weir_put64(args, key);
    weir_put32(args + 8, count);
    rc = hv_op_keep(d, &q, &r);
    *first = weir_le64(out);
    *found = weir_le32(out + 8);
    return rc;
}

/* The host has no page for a page table: nothing is lost, ask again. */
static void a_shortage_of_page_tables_costs_nothing(void **state)
{
    struct hv_machine *m = fake_machine();
    mfn_t first, again;
    bool found;
    int fd;
    struct hv_domain *d = fake_domain(1, &fd);

    (void)state;
    fake_kernel = FAKE_NO_MEMORY;
    assert_int_equal(keep(d, 1, 3, &first, &found), -ENOMEM);
    assert_int_equal(d->frames, 0);
    fake_kernel = 0;
    assert_int_equal(keep(d, 1, 3, &first, &found), 0);
    assert_false(found);
    assert_true(fake_revive(d, &fd));
    fake_kernel = FAKE_NO_MEMORY;
    assert_int_equal(keep(d, 1, 3, &again, &found), -ENOMEM);
    fake_kernel = 0;
    assert_false(d->fail);
    assert_int_equal(m->frames.frame[first].type, HV_FRAME_KEPT);
    fake_check_access(d);
    assert_int_equal(keep(d, 1, 3, &again, &found), 0);
    assert_true(found);
    assert_int_equal(again, first);
    fake_end(d, fd);
    fake_check_empty();
}

static void die(struct hv_domain *d, int fd)
{
    close(fd);
    close(d->sock);
    d->sock = -1;
    hv_domain_drop(d);
    d->dead = d->fail = true;
    d->state = WEIR_DOM_CRASHED;
}

/* With no port left for its console, and with one but not two. */
static void a_shortage_of_ports_changes_nothing(void **state)
{
    struct hv_machine *m = fake_machine();
    uint32_t max = m->max_ports;
    mfn_t first, again, page;
    bool found;
    int fd;
    struct hv_domain *d = fake_domain(1, &fd);

    (void)state;
    assert_int_equal(keep(d, 1, 3, &first, &found), 0);
    *(volatile uint64_t *)hv_memory_at(&m->mem, first) = 0xfeed;
    assert_int_equal(hv_alloc_run(d, 2, &page), 0);
    hv_grant_preset(&d->grants, 40, 2, page);
    die(d, fd);
    for (uint32_t ports = 0; ports < 2; ports++) {
        m->max_ports = m->ports + ports;
        d->revive = true;
        assert_false(hv_domain_revive(d));
        assert_int_equal(d->new_fd, -ENOSPC);
        assert_false(d->revive);
        assert_int_equal(d->sock, -1);
        assert_int_equal(d->state, WEIR_DOM_CRASHED);
        assert_int_equal(d->generation, 0);
        assert_int_equal(d->frames, 5);
        assert_int_equal(d->events.used, 0);
        assert_int_equal(m->ports, 0);
        assert_int_equal(m->frames.frame[first].type, HV_FRAME_RAM);
        /* Its pages can be looked at as before. */
        assert_int_equal(
            hv_grant_acquire(&d->grants, &m->frames, 40, 2, false, &again), 0);
        assert_int_equal(again, page);
        hv_grant_release(&d->grants, 40, false);
    }
    m->max_ports = max;
    assert_true(hv_domain_revive(d));
    assert_int_equal(d->generation, 1);
    assert_int_equal(d->frames, 3);
    assert_int_equal(*(volatile uint64_t *)hv_memory_at(&m->mem, first),
                     0xfeed);
    fake_end(d, d->new_fd);
    fake_check_empty();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_are_found_by_key_and_ended_by_frame),
        cmocka_unit_test(a_shortage_of_page_tables_costs_nothing),
        cmocka_unit_test(a_shortage_of_ports_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

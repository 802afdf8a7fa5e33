/* SPDX-License-Identifier: MIT
 *
 * Grant map and unmap between two sealed domains: ns a page, in batches of 64
 * (as backends do) and one at a time.  The unmap includes what weir-hv reads
 * in the mapper's page table.  Medians of 7 runs.
 */
#include "tests/e2e/hv_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#define RUNS 7

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static double measure(struct puppet *m, domid_t granter, unsigned batch,
                      unsigned rounds)
{
    double ns[RUNS];

    puppet_do(m, PUPPET_TIME, granter, 8, batch, rounds / 4 + 1);
    for (int i = 0; i < RUNS; i++) {
        struct puppet_answer r =
            puppet_do(m, PUPPET_TIME, granter, 8, batch, rounds);

        assert_int_equal(r.rc, 0);
        ns[i] = (double)r.v[0] / ((double)rounds * batch);
    }
    qsort(ns, RUNS, sizeof(*ns), by_value);
    return ns[RUNS / 2];
}

static void print(const char *name, double ns)
{
    printf("{\"name\":\"%s\",\"unit\":\"ns\",\"higher_is_better\":false,"
           "\"weir\":%.0f,\"peer_name\":null,\"peer\":null}\n",
           name, ns);
}

static void grant_map(void **state)
{
    struct hv_world w;
    struct puppet g, m;
    struct puppet_answer pages;

    (void)state;
    hv_world_start(&w, "256M");
    g = puppet_start(&w, (struct weir_hv_create){.name = "granter"});
    m = puppet_start(&w, (struct weir_hv_create){.name = "mapper"});
    pages = puppet_do(&g, PUPPET_ALLOC, 64, 0, 0, 0);
    assert_int_equal(pages.rc, 0);
    for (unsigned i = 0; i < 64; i++)
        puppet_do(&g, PUPPET_GRANT, 8 + i, m.domid, pages.v[1] + i, 0);
    print("grant_map", measure(&m, g.domid, 64, 500));
    print("grant_map_single", measure(&m, g.domid, 1, 2000));
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
    hv_world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(grant_map)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * What weir-hv itself keeps in memory with ten running domains, each with
 * 1024 frames of which it grants 256 and maps 256: MiB beside the frames.
 */
#include "tests/e2e/hv_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#define DOMAINS 10
#define SHARED  256

static void hv_rss(void **state)
{
    struct puppet p[DOMAINS];
    struct hv_world w;
    struct weir_hv_machine m;
    char name[16];

    (void)state;
    hv_world_start(&w, "4G");
    for (int i = 0; i < DOMAINS; i++) {
        struct weir_hv_create how = {.name = name};
        struct puppet_answer pages;
        domid_t to;

        snprintf(name, sizeof(name), "domain%d", i);
        p[i] = puppet_start(&w, how);
        pages = puppet_do(&p[i], PUPPET_ALLOC, 1024, 0, 0, 0);
        assert_int_equal(pages.rc, 0);
        to = (domid_t)(p[i].domid % DOMAINS + 1); /* domids are 1 to 10 */
        for (unsigned k = 0; k < SHARED; k++)
            puppet_do(&p[i], PUPPET_GRANT, 8 + k, to, pages.v[1] + k, 0);
    }
    for (int i = 0; i < DOMAINS; i++) {
        domid_t from = p[(i + DOMAINS - 1) % DOMAINS].domid;

        assert_int_equal(puppet_do(&p[i], PUPPET_MAPS, from, 8, SHARED, 0).v[0],
                         0);
    }
    assert_int_equal(weir_hvctl_machine(w.ctl, &m), 0);
    printf("{\"name\":\"hv_rss\",\"unit\":\"MiB\",\"higher_is_better\":false,"
           "\"weir\":%.2f,\"peer_name\":null,\"peer\":null}\n",
           (double)m.rss_bytes / (1 << 20));
    hv_world_clear(&w);
    for (int i = 0; i < DOMAINS; i++)
        assert_int_not_equal(puppet_destroy(&p[i]), 0); /* gone already */
    hv_world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hv_rss)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Guests that want all of the registry, beside one that works with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/hostile_lab.h"

static struct lab lab;

static void attack(void **state)
{
    struct launch_dom *good = lab_guest(&lab, "victim", 512);
    struct launch_dom *bad[2] = {lab_guest(&lab, "hostile", 512),
                                 lab_guest(&lab, "odd", 512)};
    char path[64];
    int status;

    snprintf(path, sizeof(path), "/local/domain/%u/device", good->domid);
    assert_int_equal(good->domid, 2);
    assert_int_equal(weir_xs_write_key(&lab.l.xs, 0, path, "secret", "1"), 0);
    for (unsigned i = 0; i < 2; i++)
        lab_exec(&lab, bad[i], "hostile_store", *state);
    lab_exec(&lab, good, "xs_guest", "work");
    status = launch_wait(good, 20000);
    LAB_CHECK(&lab, status == 0, "the innocent: status %d", status);
    for (unsigned i = 0; i < 2; i++) {
        status = launch_wait(bad[i], 30000);
        LAB_CHECK(&lab, status == 0, "%s: status %d", (const char *)*state,
                  status);
        launch_destroy(&lab.l, bad[i]);
    }
    launch_destroy(&lab.l, good);
    lab_check(&lab);
}

static int setup(void **state)
{
    (void)state;
    return lab_start(&lab, "hostile-store") != 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    lab_stop(&lab);
    return 0;
}

int main(void)
{
    static char names[][16] = {"watches", "transactions", "nodes", "deep",
                               "trespass"};
    struct CMUnitTest tests[5];
    const char *b = getenv("B");
    char cmd[300];

    snprintf(cmd, sizeof(cmd), "%s/bin/weir-hv --check",
             b != NULL && *b != '\0' ? b : "build");
    if (system(cmd) != 0) {
        puts("this machine can't run process domains (weir-hv --check)");
        return 77;
    }
    for (unsigned i = 0; i < 5; i++)
        tests[i] = (struct CMUnitTest){.name = names[i],
                                       .test_func = attack,
                                       .setup_func = setup,
                                       .teardown_func = teardown,
                                       .initial_state = names[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

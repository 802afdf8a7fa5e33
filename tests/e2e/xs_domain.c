/* SPDX-License-Identifier: MIT
 *
 * weir-xenstored as a sealed process domain: guests that work, guests that
 * break every rule of the ring page, and the others must not notice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "ring/error.h"
#include "tests/e2e/launch.h"
#include "xenbus/client_call.h"

#define FRAMES 256

static struct launch machine;

static struct launch_dom *guest(const char *name, const char *mode,
                                const char *arg)
{
    const char *argv[] = {"xs_guest", mode, arg, NULL};
    struct launch_dom *d = launch_create(&machine, name, false, FRAMES);

    assert_non_null(d);
    assert_int_equal(launch_exec(&machine, d, argv), 0);
    return d;
}

static void healthy(void)
{
    struct weir_hv_dominfo info;
    const char *reply;

    assert_int_equal(weir_hvctl_info(machine.ctl, machine.store->domid, &info),
                     0);
    assert_int_equal(info.state, WEIR_DOM_RUNNING);
    weir_xs_begin(&machine.xs);
    weir_xs_put_str(&machine.xs, "check");
    assert_true(weir_xs_call(&machine.xs, WEIR_XS_CONTROL, 0, &reply) > 0);
    assert_string_equal(reply, "OK");
}

static void a_guest_works_over_its_ring_page(void **state)
{
    struct launch_dom *d = guest("worker", "work", "500");

    (void)state;
    assert_int_equal(launch_wait(d, 30000), 0);
    launch_destroy(&machine, d);
    d = guest("measured", "rate", NULL);
    assert_int_equal(launch_wait(d, 30000), 0);
    launch_destroy(&machine, d);
    healthy();
}

static void vandals_disturb_nobody(void **state)
{
    struct launch_dom *bad[3], *good;

    (void)state;
    bad[0] = guest("vandal0", "vandal", NULL);
    bad[1] = guest("vandal1", "vandal", NULL);
    bad[2] = guest("flooder", "flood", NULL);
    good = guest("worker", "work", "200");
    assert_int_equal(launch_wait(good, 30000), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(launch_wait(bad[i], 30000), 0);
        launch_destroy(&machine, bad[i]);
    }
    launch_destroy(&machine, good);
    healthy();
}

static void the_dead_are_released(void **state)
{
    struct weir_xs_event ev;
    char path[64], buf[32];

    (void)state;
    assert_int_equal(weir_xs_watch(&machine.xs, "@releaseDomain", "gone"), 0);
    assert_int_equal(weir_xs_next_event(&machine.xs, &ev), 1);
    for (int i = 0; i < 6; i++) { /* a machine of launch.h has 16 domids */
        struct launch_dom *d = guest("shortlived", "half", NULL);

        snprintf(path, sizeof(path), "/local/domain/%u/device", d->domid);
        assert_int_equal(weir_xs_read(&machine.xs, 0, path, buf, 32), 0);
        launch_destroy(&machine, d);
        assert_int_equal(weir_xs_read(&machine.xs, 0, path, buf, 32),
                         -WEIR_ENOENT);
        assert_int_equal(weir_xs_next_event(&machine.xs, &ev), 1);
        assert_string_equal(ev.path, "@releaseDomain");
    }
    assert_int_equal(weir_xs_unwatch(&machine.xs, "@releaseDomain", "gone"), 0);
    healthy();
}

/* A driver domain that crashed: same domain, same page, a new program and an
 * introduction again.  Its nodes are still there, its old watches are not. */
static void an_introduction_again_resets_and_keeps_nodes(void **state)
{
    struct launch_dom *d = launch_create(&machine, "again", false, FRAMES);
    const char *argv[] = {"xs_guest", "work", "20", NULL};
    struct weir_hv_dominfo info;
    char path[64], buf[32];

    (void)state;
    assert_non_null(d);
    snprintf(path, sizeof(path), "/local/domain/%u/device/n", d->domid);
    assert_int_equal(weir_hvctl_info(machine.ctl, d->domid, &info), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_xs_introduce(&machine.xs, d->domid,
                                           (mfn_t)info.store_frame,
                                           info.store_evtchn),
                         0);
    assert_int_equal(launch_exec(&machine, d, argv), 0);
    assert_int_equal(launch_wait(d, 30000), 0);
    assert_int_equal(weir_xs_read(&machine.xs, 0, path, buf, 32), 2);
    assert_string_equal(buf, "19");
    launch_destroy(&machine, d);
    healthy();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_works_over_its_ring_page),
        cmocka_unit_test(vandals_disturb_nobody),
        cmocka_unit_test(the_dead_are_released),
        cmocka_unit_test(an_introduction_again_resets_and_keeps_nodes),
    };
    int r = launch_start(&machine, "64M");

    if (r == -ENOSYS) {
        puts("process domains cannot run here (weir-hv --check)");
        return 77;
    }
    if (r) {
        fprintf(stderr, "machine does not start: %s\n", strerror(-r));
        return 1;
    }
    r = cmocka_run_group_tests(tests, NULL, NULL);
    launch_stop(&machine);
    return r;
}

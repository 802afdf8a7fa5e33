/* SPDX-License-Identifier: MIT
 *
 * When a domain is built again, and when it is given up.  The rest of the
 * manager is played here, with a clock of its own.
 */
#include "driverdomains/devd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000000ull

static uint64_t now;
static int refused; /* what a creation says */
static unsigned creations, logged;
static struct weir_dom built; /* by the last creation */
static int answered;
static char answer[64];

uint64_t weir_devd_now(void)
{
    return now;
}

void weir_devd_log(const char *fmt, ...)
{
    (void)fmt;
    logged++;
}

int weir_record_restart(struct weir_devd *d, struct weir_restart *r)
{
    (void)d;
    (void)r;
    return 0;
}

void weir_record_drop(struct weir_devd *d, struct weir_recorded *rec)
{
    (void)d;
    (void)rec;
}

void weir_devd_answer(struct weir_devd *d, struct weir_waiter *w, int error,
                      uint32_t domid, const char *where, const char *text)
{
    (void)d;
    (void)domid;
    (void)where;
    if (w->client) {
        answered = error;
        snprintf(answer, sizeof(answer), "%s", text ? text : "");
    }
    w->client = 0;
}

int weir_dom_create(struct weir_devd *d, const struct weir_domain_config *c,
                    struct weir_waiter w, const struct weir_restart *again,
                    struct weir_refusal *why)
{
    (void)w;
    creations++;
    if (refused) {
        snprintf(why->where, sizeof(why->where), "disk");
        snprintf(why->text, sizeof(why->text), "no such driver domain");
        return refused;
    }
    memset(&built, 0, sizeof(built));
    built.devd = d;
    built.cfg = *c;
    built.created_ns = now;
    built.restarts = again->count;
    built.streak = again->streak;
    built.tries = again->failed;
    return 0;
}

static struct weir_devd devd;

static int begin(void **state)
{
    (void)state;
    memset(&devd, 0, sizeof(devd));
    memset(&built, 0, sizeof(built));
    built.devd = &devd;
    snprintf(built.cfg.name, sizeof(built.cfg.name), "web");
    now = built.created_ns = 1000 * SECOND;
    refused = answered = 0;
    creations = logged = 0;
    answer[0] = '\0';
    return 0;
}

static int end(void **state)
{
    (void)state;
    weir_restart_forget(&devd);
    return 0;
}

/* It ends after so long; milliseconds until it is built again. */
static unsigned pause_after(uint64_t lived_ns)
{
    unsigned before = creations, ms = 0;

    now += lived_ns;
    weir_restart_plan(&built);
    for (; creations == before; ms++, now += SECOND / 1000)
        weir_restart_timer(&devd, now);
    assert_null(devd.restarts);
    return ms - 1;
}

static void a_loop_slows_down(void **state)
{
    static const unsigned want[] = {100,  200,  400,   800,  1600,
                                    3200, 6400, 10000, 10000};

    (void)state;
    for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_int_equal(pause_after(SECOND), want[i]);
    assert_int_equal(built.restarts, sizeof(want) / sizeof(want[0]));
}

static void a_calm_time_ends_a_loop(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++)
        pause_after(SECOND);
    assert_int_equal(pause_after(61 * SECOND), 100);
    assert_int_equal(pause_after(SECOND), 200);
    assert_int_equal(built.restarts, 10);
}

static void who_asked_for_a_reboot_waits(void **state)
{
    (void)state;
    built.rebooting = true;
    built.stopper.client = 7;
    weir_restart_plan(&built);
    assert_int_equal(built.stopper.client, 0);
    assert_int_equal(devd.restarts->waiter.client, 7);
    assert_true(weir_restart_cancel(&devd, "web"));
    assert_int_equal(answered, ECANCELED);
    assert_false(weir_restart_cancel(&devd, "web"));
}

static void a_refused_restart_is_tried_and_given_up(void **state)
{
    (void)state;
    built.rebooting = true;
    built.stopper.client = 7;
    weir_restart_plan(&built);
    refused = -ENOENT;
    for (unsigned ms = 0; ms < 200000 && devd.restarts; ms++) {
        now += SECOND / 1000;
        weir_restart_timer(&devd, now);
    }
    assert_null(devd.restarts);
    assert_int_equal(creations, 20);
    assert_string_equal(answer, "no such driver domain");
}

/* Built, but not started: the tries before count. */
static void tries_go_on_after_a_failed_start(void **state)
{
    (void)state;
    weir_restart_plan(&built);
    now += SECOND;
    refused = -ENOENT;
    weir_restart_timer(&devd, now);
    now += SECOND;
    refused = 0;
    weir_restart_timer(&devd, now);
    assert_int_equal(built.tries, 1);
    weir_restart_retry(&built);
    assert_int_equal(devd.restarts->failed, 2);
    assert_int_equal(devd.restarts->count, 1);
    assert_int_equal(devd.restarts->streak, 1);
}

/* The one that is due, wherever it is in the list. */
static void others_do_not_wait_for_a_refused_one(void **state)
{
    (void)state;
    weir_restart_plan(&built);
    snprintf(built.cfg.name, sizeof(built.cfg.name), "other");
    built.streak = 5;
    weir_restart_plan(&built);
    now += SECOND;
    weir_restart_timer(&devd, now);
    assert_int_equal(creations, 1);
    assert_string_equal(built.cfg.name, "web");
    assert_string_equal(devd.restarts->cfg.name, "other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_loop_slows_down, begin, end),
        cmocka_unit_test_setup_teardown(a_calm_time_ends_a_loop, begin, end),
        cmocka_unit_test_setup_teardown(who_asked_for_a_reboot_waits, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_refused_restart_is_tried_and_given_up,
                                        begin, end),
        cmocka_unit_test_setup_teardown(tries_go_on_after_a_failed_start, begin,
                                        end),
        cmocka_unit_test_setup_teardown(others_do_not_wait_for_a_refused_one,
                                        begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

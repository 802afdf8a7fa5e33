/* SPDX-License-Identifier: MIT
 *
 * The adaptive poller, on a clock that the test moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ring/poll.h"

struct clock {
    struct weir_port port;
    uint64_t now, step;
};

static uint64_t now_ns(struct weir_port *p)
{
    struct clock *c = (struct clock *)p;

    return c->now += c->step;
}

static const struct weir_port_ops clock_ops = {.now_ns = now_ns};

static void start(struct clock *c, uint64_t step)
{
    *c = (struct clock){.port.ops = &clock_ops, .now = 1000000, .step = step};
}

/* How long it spins from its first look without work on. */
static uint64_t spins_ns(struct weir_poller *p, struct clock *c)
{
    uint64_t before = c->now;
    unsigned looks = 0;

    while (weir_poller_idle(p))
        assert_true(++looks < 1000000);
    return c->now - before;
}

static void it_spins_for_its_budget(void **state)
{
    struct weir_poller p;
    struct clock c;
    uint64_t ns;

    (void)state;
    start(&c, 1000);
    weir_poller_init(&p, &c.port, WEIR_POLL_BUDGET_NS);
    ns = spins_ns(&p, &c);
    assert_true(ns >= 50000 && ns <= 53000);
}

static void work_starts_the_budget_anew(void **state)
{
    struct weir_poller p;
    struct clock c;

    (void)state;
    start(&c, 1000);
    weir_poller_init(&p, &c.port, WEIR_POLL_BUDGET_NS);
    for (int i = 0; i < 300; i++)
        assert_true(weir_poller_idle(&p));
    weir_poller_worked(&p);
    assert_true(spins_ns(&p, &c) >= 50000);
}

static void without_a_budget_it_never_spins(void **state)
{
    struct weir_poller p;
    struct clock c;

    (void)state;
    start(&c, 1);
    weir_poller_init(&p, &c.port, 0);
    assert_false(weir_poller_idle(&p));
    weir_poller_sleeping(&p);
    weir_poller_woken(&p);
    assert_false(weir_poller_idle(&p));
}

static bool is_crowded(void *context)
{
    return *(bool *)context;
}

static void it_gives_a_wanted_cpu_away(void **state)
{
    struct weir_poller p;
    struct clock c;
    bool crowd = false;
    unsigned looks = 0;

    (void)state;
    start(&c, 0); /* time stands still: only the crowd ends it */
    weir_poller_init(&p, &c.port, WEIR_POLL_BUDGET_NS);
    p.crowded = is_crowded;
    p.context = &crowd;
    for (int i = 0; i < 100; i++)
        assert_true(weir_poller_idle(&p));
    crowd = true;
    while (weir_poller_idle(&p))
        assert_true(++looks < 10);
}

static void sleep_for(struct weir_poller *p, struct clock *c, uint64_t ns)
{
    weir_poller_sleeping(p);
    c->now += ns;
    weir_poller_woken(p);
}

static void long_sleeps_shorten_and_short_ones_lengthen_it(void **state)
{
    struct weir_poller p;
    struct clock c;

    (void)state;
    start(&c, 100);
    weir_poller_init(&p, &c.port, WEIR_POLL_BUDGET_NS);
    for (int i = 0; i < 10; i++)
        sleep_for(&p, &c, 5000000);
    assert_true(spins_ns(&p, &c) <= 7000);
    assert_true(p.window_ns == WEIR_POLL_BUDGET_NS / 8);
    for (int i = 0; i < 10; i++)
        sleep_for(&p, &c, 20000);
    assert_true(spins_ns(&p, &c) >= 50000);
    assert_int_equal(p.sleeps, 20);
    assert_int_equal(p.short_sleeps, 10);
    sleep_for(&p, &c, 200000); /* neither: stays */
    assert_true(p.window_ns == WEIR_POLL_BUDGET_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_spins_for_its_budget),
        cmocka_unit_test(work_starts_the_budget_anew),
        cmocka_unit_test(without_a_budget_it_never_spins),
        cmocka_unit_test(it_gives_a_wanted_cpu_away),
        cmocka_unit_test(long_sleeps_shorten_and_short_ones_lengthen_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The state tables of both ends, played against each other from every pair of
 * states.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "xenbus/state.h"

#define INI WEIR_XENBUS_INITIALISING
#define IWT WEIR_XENBUS_INIT_WAIT
#define ISD WEIR_XENBUS_INITIALISED
#define CON WEIR_XENBUS_CONNECTED
#define CLG WEIR_XENBUS_CLOSING
#define CLD WEIR_XENBUS_CLOSED

struct pair {
    enum weir_xenbus_state front, back;
};

/* The state an action leads to; the same when it leads to none. */
static enum weir_xenbus_state after(enum weir_xenbus_state own,
                                    enum weir_xenbus_action a)
{
    switch (a) {
    case WEIR_XB_INIT:
    case WEIR_XB_REINIT:
        return IWT;
    case WEIR_XB_PUBLISH:
        return ISD;
    case WEIR_XB_CONNECT:
        return CON;
    case WEIR_XB_CLOSE:
        return CLG;
    case WEIR_XB_CLOSED:
        return CLD;
    default:
        return own;
    }
}

/* Both ends act in turn (first says who begins) until nothing changes. */
static struct pair settle(struct pair p, bool front_first)
{
    for (unsigned i = 0; i < 40; i++) {
        struct pair was = p;

        if (front_first || i)
            p.front = after(p.front, weir_xenbus_front_next(p.front, p.back));
        p.back = after(p.back, weir_xenbus_back_next(p.back, p.front));
        if (was.front == p.front && was.back == p.back && i)
            return p;
    }
    fail_msg("%d %d does not settle", p.front, p.back);
    return p;
}

static void expect(struct pair p, enum weir_xenbus_state f,
                   enum weir_xenbus_state b)
{
    for (int first = 0; first < 2; first++) {
        struct pair q = settle(p, first);

        if (q.front != f || q.back != b)
            fail_msg("%d,%d ends at %d,%d", p.front, p.back, q.front, q.back);
    }
}

static void every_pair_settles(void **state)
{
    (void)state;
    for (int f = 0; f <= 9; f++)
        for (int b = 0; b <= 9; b++)
            for (int first = 0; first < 2; first++)
                settle((struct pair){f, b}, first);
}

static void a_new_device_connects(void **state)
{
    (void)state;
    expect((struct pair){INI, INI}, CON, CON);
    expect((struct pair){ISD, IWT}, CON, CON);
    expect((struct pair){CON, IWT}, CON, CON); /* published, went ahead */
}

static void a_restarted_frontend_connects_again(void **state)
{
    (void)state;
    expect((struct pair){INI, CON}, CON, CON);
    expect((struct pair){INI, CLD}, CON, CON);
    expect((struct pair){INI, ISD}, CON, CON);
}

static void the_frontend_can_leave(void **state)
{
    (void)state;
    for (int b = INI; b <= CLD; b++)
        expect((struct pair){CLG, b}, CLD, CLD);
}

static void the_backend_can_leave(void **state)
{
    (void)state;
    for (int f = INI; f <= CLD; f++)
        expect((struct pair){f, CLG}, CLD, CLD);
}

/* What no sequence may do, over all pairs. */
static void what_the_tables_never_say(void **state)
{
    (void)state;
    for (int own = 0; own <= 9; own++)
        for (int peer = 0; peer <= 9; peer++) {
            enum weir_xenbus_action f = weir_xenbus_front_next(own, peer);
            enum weir_xenbus_action b = weir_xenbus_back_next(own, peer);
            bool real = own >= 1 && own <= 8;
            bool gone = peer == 0 || peer == 9;

            assert_true(f != WEIR_XB_INIT && f != WEIR_XB_REINIT);
            assert_true(b != WEIR_XB_PUBLISH && b != WEIR_XB_RESIZE);
            assert_int_equal(f == WEIR_XB_REMOVE, real && gone);
            assert_int_equal(b == WEIR_XB_REMOVE, real && gone);
            if (own == CLD)
                assert_true(f == WEIR_XB_NONE || f == WEIR_XB_REMOVE);
            if (b == WEIR_XB_CONNECT)
                assert_true(peer == ISD || peer == CON);
            if (f == WEIR_XB_CONNECT)
                assert_true(own == ISD && peer == CON);
            if (own == CON && b == WEIR_XB_REINIT)
                assert_int_equal(peer, INI);
            assert_int_equal(f == WEIR_XB_RESIZE, own == CON && peer == CON);
        }
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(weir_xenbus_state_name(CON), "Connected");
    assert_string_equal(weir_xenbus_state_name(99), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_settles),
        cmocka_unit_test(a_new_device_connects),
        cmocka_unit_test(a_restarted_frontend_connects_again),
        cmocka_unit_test(the_frontend_can_leave),
        cmocka_unit_test(the_backend_can_leave),
        cmocka_unit_test(what_the_tables_never_say),
        cmocka_unit_test(states_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

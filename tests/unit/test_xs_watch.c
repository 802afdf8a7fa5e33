/* SPDX-License-Identifier: MIT
 *
 * Watches: who hears of what, under which name, how often.
 */
#include "tests/unit/xs_rig.h"

static void a_watch_fires_at_once_and_on_all_below(void **state)
{
    struct rig *r = *state;

    watch(&r->dom0, "/a", "t");
    assert_int_equal(weir_xs_watch(&r->dom0, "/a", "t"), -WEIR_EEXIST);
    watch(&r->dom0, "/a", "t2");
    SET(&r->dom0, 0, "/a/b/c", "1");
    assert_event(&r->dom0, "/a/b/c", "t");
    assert_event(&r->dom0, "/a/b/c", "t2");
    SET(&r->dom0, 0, "/ab", "1");
    weir_xs_mkdir(&r->dom0, 0, "/a/b"); /* is there: nothing changes */
    assert_no_event(&r->dom0);
    assert_int_equal(weir_xs_unwatch(&r->dom0, "/a", "t"), 0);
    assert_int_equal(weir_xs_unwatch(&r->dom0, "/a", "t"), -WEIR_ENOENT);
    SET(&r->dom0, 0, "/a", "1");
    assert_event(&r->dom0, "/a", "t2");
    assert_no_event(&r->dom0);
}

static void a_relative_watch_hears_relative_paths(void **state)
{
    struct rig *r = *state;

    watch(&r->d3, "device", "t");
    SET(&r->dom0, 0, "/local/domain/3/device/vbd/0", "1");
    assert_event(&r->d3, "device/vbd/0", "t");
    assert_int_equal(weir_xs_unwatch(&r->d3, "/local/domain/3/device", "t"), 0);
}

static void removal_tells_watches_below(void **state)
{
    struct rig *r = *state;

    SET(&r->dom0, 0, "/a/b/c", "1");
    watch(&r->dom0, "/a", "up");
    watch(&r->dom0, "/a/b/c", "down");
    watch(&r->dom0, "/a/b/none", "none");
    weir_xs_rm(&r->dom0, 0, "/a/b");
    assert_event(&r->dom0, "/a/b", "up");
    assert_event(&r->dom0, "/a/b/c", "down");
    assert_no_event(&r->dom0);
}

static void depth_limits_what_is_heard(void **state)
{
    struct rig *r = *state;

    assert_int_equal(ASK(&r->dom0, WEIR_XS_WATCH,
                         "/a\0t0\0"
                         "0"),
                     3);
    assert_event(&r->dom0, "/a", "t0");
    assert_int_equal(ASK(&r->dom0, WEIR_XS_WATCH,
                         "/a\0t1\0"
                         "1"),
                     3);
    assert_event(&r->dom0, "/a", "t1");
    SET(&r->dom0, 0, "/a/b/c", "1");
    assert_no_event(&r->dom0);
    SET(&r->dom0, 0, "/a/b", "1");
    assert_event(&r->dom0, "/a/b", "t1");
    SET(&r->dom0, 0, "/a", "1");
    assert_event(&r->dom0, "/a", "t0");
    assert_event(&r->dom0, "/a", "t1");
}

static void special_watches(void **state)
{
    struct rig *r = *state;

    assert_int_equal(ASK(&r->dom0, WEIR_XS_WATCH,
                         "@releaseDomain\0d\0"
                         "1"),
                     3);
    assert_event(&r->dom0, "@releaseDomain", "d");
    watch(&r->dom0, "@releaseDomain/3", "three");
    watch(&r->d4, "@releaseDomain", "guest"); /* told once, then never */
    weir_fake_store_release(r->f, 3);
    assert_event(&r->dom0, "@releaseDomain/3", "d");
    assert_event(&r->dom0, "@releaseDomain/3", "three");
    assert_no_event(&r->dom0);
    assert_no_event(&r->d4);
    perms(r, "@releaseDomain", "n0\0r4", 6);
    weir_fake_store_introduce(r->f, 3);
    weir_fake_store_release(r->f, 3);
    assert_event(&r->d4, "@releaseDomain", "guest");
}

static void no_events_for_what_one_may_not_read(void **state)
{
    struct rig *r = *state;

    watch(&r->d3, "/secret", "t");
    SET(&r->dom0, 0, "/secret/x", "1");
    assert_no_event(&r->d3);
    perms(r, "/secret/x", "n0\0r3", 6);
    assert_event(&r->d3, "/secret/x", "t");
    SET(&r->dom0, 0, "/secret/x", "2");
    assert_event(&r->d3, "/secret/x", "t");
    perms(r, "/secret/x", "n0", 3); /* hears of losing it, then no more */
    assert_event(&r->d3, "/secret/x", "t");
    SET(&r->dom0, 0, "/secret/x", "3");
    assert_no_event(&r->d3);
}

static void one_event_waits_per_watch_and_node(void **state)
{
    struct rig *r = *state;

    watch(&r->d3, "x", "t");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(SET(&r->dom0, 0, "/local/domain/3/x", "v"), 0);
    assert_event(&r->d3, "x", "t");
    assert_no_event(&r->d3);
}

static void reset_watches_ends_transactions_too(void **state)
{
    struct rig *r = *state;
    weir_xs_tx tx;

    watch(&r->d3, "x", "t");
    assert_int_equal(weir_xs_transaction_start(&r->d3, &tx), 0);
    assert_int_equal(ask(&r->d3, WEIR_XS_RESET_WATCHES, 0, "", 1, NULL), 3);
    SET(&r->d3, 0, "x", "1");
    assert_no_event(&r->d3);
    assert_int_equal(weir_xs_transaction_end(&r->d3, tx, true), -WEIR_ENOENT);
}

/* Events nobody reads end the connection after 20 s; one that reads stays. */
static void unread_events_end_the_connection(void **state)
{
    struct rig *r = *state;
    char buf[8];

    watch(&r->d3, "x", "t");
    watch(&r->d4, "x", "t");
    SET(&r->dom0, 0, "/local/domain/3/x", "v");
    weir_fake_store_advance(r->f, 19000000000ull);
    assert_int_equal(SET(&r->d4, 0, "x", "1"), 0);
    assert_event(&r->d4, "x", "t");
    weir_fake_store_advance(r->f, 2000000000ull);
    assert_true(weir_xs_read(&r->d3, 0, "x", buf, sizeof(buf)) < 0);
    assert_true(r->d3.broken != 0);
    assert_int_equal(weir_xs_read(&r->d4, 0, "x", buf, sizeof(buf)), 1);
}

static void the_client_tells_when_it_lost_events(void **state)
{
    struct rig *r = *state;
    struct weir_xs_event ev;
    char path[64];

    watch(&r->dom0, "/many", "t");
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "/many/%d", i);
        SET(&r->dom0, 0, path, "1");
    }
    assert_int_equal(weir_xs_next_event(&r->dom0, &ev), WEIR_XS_OVERFLOW);
    for (int i = 0; i < WEIR_XS_EVENTS; i++)
        assert_int_equal(weir_xs_next_event(&r->dom0, &ev), 1);
    assert_no_event(&r->dom0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_watch_fires_at_once_and_on_all_below),
        TEST(a_relative_watch_hears_relative_paths),
        TEST(removal_tells_watches_below),
        TEST(depth_limits_what_is_heard),
        TEST(special_watches),
        TEST(no_events_for_what_one_may_not_read),
        TEST(one_event_waits_per_watch_and_node),
        TEST(reset_watches_ends_transactions_too),
        TEST(unread_events_end_the_connection),
        TEST(the_client_tells_when_it_lost_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

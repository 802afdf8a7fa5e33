/* SPDX-License-Identifier: MIT
 *
 * A domain whose program dies gets another one: what it finds of the first.
 */
#include "ring/error.h"
#include "ring/grant_abi.h"
#include "tests/e2e/hv_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define KEY 0x1234567800000001ull

static struct puppet_answer keep_new(struct puppet *p, uint64_t key,
                                     uint64_t count)
{
    struct puppet_answer r = puppet_keep(p, key, count);

    assert_int_equal(r.rc, 0);
    assert_int_equal(r.v[2], 0);
    return r;
}

static struct puppet_answer keep_again(struct puppet *p, uint64_t key,
                                       uint64_t count)
{
    struct puppet_answer r = puppet_keep(p, key, count);

    assert_int_equal(r.rc, 0);
    assert_int_equal(r.v[2], 1);
    return r;
}

static void poke(struct puppet *p, uint64_t at, uint64_t value)
{
    assert_int_equal(puppet_do(p, PUPPET_POKE, at, value, 0, 0).rc, 0);
}

/* Of page i of a run; every page is different. */
static uint64_t mark(unsigned i)
{
    return 0xabcd00000000ull + i;
}

static void kept_pages_come_back_as_they_were(void **state)
{
    struct puppet d = start("driver");
    struct puppet_answer run = keep_new(&d, KEY, 300), again;
    struct weir_hv_dominfo before = puppet_info(&d), now;

    (void)state;
    assert_int_equal(before.generation, 0);
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(puppet_peek(&d, run.v[0] + i * 4096), 0);
        poke(&d, run.v[0] + i * 4096, mark(i));
    }
    assert_int_equal(puppet_do(&d, PUPPET_ALLOC, 100, 0, 0, 0).rc, 0);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    now = puppet_info(&d);
    assert_int_equal(now.generation, 1);
    assert_int_equal(now.state, WEIR_DOM_RUNNING);
    assert_int_equal(now.domid, before.domid);
    assert_string_equal(now.name, "driver");
    assert_string_equal(now.reason, "");
    assert_int_equal(now.pid, d.pid);
    assert_int_equal(now.frames, 300);
    assert_int_equal(now.max_frames, before.max_frames);
    again = keep_again(&d, KEY, 300);
    assert_int_equal(again.v[1], run.v[1]);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(puppet_peek(&d, again.v[0] + i * 4096), mark(i));
    /* It is a page like others: written, granted, kept again. */
    poke(&d, again.v[0], 5);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    again = keep_again(&d, KEY, 300);
    assert_int_equal(puppet_peek(&d, again.v[0]), 5);
    assert_int_equal(puppet_peek(&d, again.v[0] + 4096), mark(1));
    assert_int_equal(puppet_info(&d).generation, 2);
    assert_int_equal(puppet_destroy(&d), 0);
}

/* Frames do not move: the same address, though in another process's window. */
static void a_kept_page_is_out_of_reach_until_asked_for(void **state)
{
    struct puppet d = start("driver");
    struct puppet_answer run = keep_new(&d, KEY, 4), own;
    struct puppet_answer start;
    struct puppet_order o = {.op = PUPPET_RAW, .a = 5, .b = 16};
    uint64_t delta;

    (void)state;
    poke(&d, run.v[0], 0xfeed);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    start = puppet_do(&d, PUPPET_START, 0, 0, 0, 0);
    own = puppet_do(&d, PUPPET_ALLOC, 1, 0, 0, 0);
    assert_int_equal(start.rc, d.domid);
    delta = run.v[1] * 4096 - own.v[1] * 4096;
    /* Nor can it be freed, granted or copied from. */
    memcpy(o.data, &run.v[1], 8);
    o.data[8] = 4;
    assert_int_equal(puppet_order(&d, &o).rc, -EPERM);
    assert_int_equal(puppet_do(&d, PUPPET_GRANT, 9, d.domid, run.v[1], 0).rc,
                     0);
    assert_int_equal(puppet_do(&d, PUPPET_MAP, d.domid, 9, 0, 0).rc,
                     -WEIR_EFAULT);
    assert_int_equal(puppet_do(&d, PUPPET_PEEK, own.v[0] + delta, 0, 0, 0).rc,
                     -EPIPE);
    puppet_expect_crash(&d, "not granted");
    assert_int_equal(puppet_info(&d).generation, 1);
    close(d.fd);
    assert_int_equal(puppet_revive(&d), 0);
    assert_int_equal(puppet_peek(&d, keep_again(&d, KEY, 4).v[0]), 0xfeed);
    assert_int_equal(puppet_destroy(&d), 0);
}

static void nothing_else_of_the_dead_is_left(void **state)
{
    struct puppet d = start("driver"), other = start("other");
    struct puppet_answer page = puppet_give(&d, &other, false), fresh, s;
    struct puppet_answer port;

    (void)state;
    assert_int_equal(puppet_do(&d, PUPPET_GROW, 0, 0, 0, 0).rc, 0);
    assert_int_equal(
        puppet_do(&d, PUPPET_GRANT, 600, other.domid, page.v[1], 0).rc, 0);
    port = puppet_do(&d, PUPPET_EVT_ALLOC, other.domid, 0, 0, 0);
    s = puppet_do(&d, PUPPET_START, 0, 0, 0, 0);
    poke(&d, s.v[2] + 4000, 77);
    assert_int_equal(puppet_do(&d, PUPPET_STATS, page.v[0], 0, 0, 0).rc, 0);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    assert_int_equal(puppet_info(&d).frames, 0);
    assert_int_equal(puppet_info(&d).ports, 1);
    assert_int_equal(puppet_do(&d, PUPPET_FLAGS, 9, 0, 0, 0).v[0], 0);
    assert_int_equal(puppet_do(&d, PUPPET_GROW, 0, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_do(&d, PUPPET_FLAGS, 600, 0, 0, 0).v[0], 0);
    assert_int_equal(puppet_map(&other, &d, 9, false).rc, -WEIR_EPERM);
    assert_int_equal(
        puppet_do(&other, PUPPET_EVT_BIND, d.domid, port.v[0], 0, 0).rc,
        -WEIR_EINVAL);
    s = puppet_do(&d, PUPPET_START, 0, 0, 0, 0);
    assert_int_equal(puppet_peek(&d, s.v[2] + 4000), 0);
    fresh = puppet_do(&d, PUPPET_ALLOC, 600, 0, 0, 0);
    assert_true(fresh.v[1] <= page.v[1] && page.v[1] < fresh.v[1] + 600);
    assert_int_equal(
        puppet_peek(&d, fresh.v[0] + (page.v[1] - fresh.v[1]) * 4096), 0);
    assert_int_equal(puppet_destroy(&d), 0);
    assert_int_equal(puppet_destroy(&other), 0);
}

/* The frontend keeps its port and its grants; the successor binds and maps
 * them by the numbers the dead used. */
static void ports_and_grants_of_others_are_taken_up_again(void **state)
{
    struct puppet d = start("driver"), f = start("frontend");
    struct puppet_answer front, back, page, m;

    (void)state;
    page = puppet_give(&f, &d, false);
    front = puppet_do(&f, PUPPET_EVT_ALLOC, d.domid, 0, 0, 0);
    back = puppet_do(&d, PUPPET_EVT_BIND, f.domid, front.v[0], 0, 0);
    assert_int_equal(back.rc, 0);
    m = puppet_map(&d, &f, 9, false);
    assert_int_equal(m.rc, 0);
    poke(&d, m.v[0], 1);
    puppet_kill(&d);
    assert_int_equal(puppet_info(&f).grants_active, 0);
    /* Said while nobody is there: it is not lost. */
    assert_int_equal(puppet_do(&f, PUPPET_EVT_NOTIFY, front.v[0], 0, 0, 0).rc,
                     0);
    assert_int_equal(puppet_revive(&d), 0);
    back = puppet_do(&d, PUPPET_EVT_BIND, f.domid, front.v[0], 0, 0);
    assert_int_equal(back.rc, 0);
    assert_int_equal(pending(&d, back.v[0], 0), 1);
    assert_int_equal(pending(&d, back.v[0], 0), 0);
    puppet_do(&f, PUPPET_EVT_NOTIFY, front.v[0], 0, 0, 0);
    assert_int_equal(pending(&d, back.v[0], 1000000000), 1);
    puppet_do(&d, PUPPET_EVT_NOTIFY, back.v[0], 0, 0, 0);
    assert_int_equal(pending(&f, front.v[0], 1000000000), 1);
    m = puppet_map(&d, &f, 9, false);
    assert_int_equal(m.rc, 0);
    assert_int_equal(puppet_peek(&d, m.v[0]), 1);
    assert_int_equal(puppet_peek(&f, page.v[0]), 1);
    assert_int_equal(puppet_destroy(&d), 0);
    assert_int_equal(puppet_destroy(&f), 0);
}

/* The registry's daemon keeps the page mapped all the time, and binds the same
 * port again. */
static void the_store_is_introduced_again(void **state)
{
    struct puppet s = start("store"), d;
    struct puppet_answer page, port, at;
    struct weir_hv_dominfo first, now;

    (void)state;
    d = puppet_start(&world, (struct weir_hv_create){.name = "driver",
                                                     .has_store = true,
                                                     .store_domid = s.domid});
    first = puppet_info(&d);
    page = puppet_map(&s, &d, WEIR_GNTTAB_RESERVED_XENSTORE, false);
    assert_int_equal(page.rc, 0);
    port = puppet_do(&s, PUPPET_EVT_BIND, d.domid, first.store_evtchn, 0, 0);
    assert_int_equal(port.rc, 0);
    poke(&s, page.v[0], 33);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    now = puppet_info(&d);
    assert_int_equal(now.store_evtchn, first.store_evtchn);
    assert_int_equal(now.console_evtchn, first.console_evtchn);
    assert_int_equal(now.store_frame, first.store_frame);
    assert_int_equal(puppet_peek(&s, page.v[0]), 0);
    /* In use, and seen to be. */
    assert_int_equal(
        puppet_do(&d, PUPPET_FLAGS, WEIR_GNTTAB_RESERVED_XENSTORE, 0, 0, 0)
            .v[0],
        WEIR_GTF_PERMIT_ACCESS | WEIR_GTF_READING | WEIR_GTF_WRITING);
    assert_int_equal(puppet_do(&s, PUPPET_EVT_CLOSE, port.v[0], 0, 0, 0).rc, 0);
    port = puppet_do(&s, PUPPET_EVT_BIND, d.domid, now.store_evtchn, 0, 0);
    assert_int_equal(port.rc, 0);
    at = puppet_do(&d, PUPPET_START, 0, 0, 0, 0);
    poke(&s, page.v[0], 44);
    puppet_do(&s, PUPPET_EVT_NOTIFY, port.v[0], 0, 0, 0);
    assert_int_equal(pending(&d, at.v[1], 1000000000), 1);
    assert_int_equal(puppet_peek(&d, at.v[0]), 44);
    assert_int_equal(puppet_unmap(&s, &page), 0);
    assert_int_equal(
        puppet_do(&d, PUPPET_FLAGS, WEIR_GNTTAB_RESERVED_XENSTORE, 0, 0, 0)
            .v[0],
        WEIR_GTF_PERMIT_ACCESS);
    assert_int_equal(puppet_destroy(&d), 0);
    assert_int_equal(puppet_destroy(&s), 0);
}

static void the_console_goes_on(void **state)
{
    struct puppet d = start("driver");
    struct puppet_order o = {.op = PUPPET_PRINT, .data = "first\n"};
    char text[64] = "";
    int fd;

    (void)state;
    assert_int_equal(puppet_order(&d, &o).rc, 0);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    strcpy(o.data, "second\n");
    assert_int_equal(puppet_order(&d, &o).rc, 0);
    assert_int_equal(weir_hvctl_console(world.ctl, d.domid, &fd), 0);
    for (size_t n = 0; n < strlen("first\nsecond\n");) {
        ssize_t got = read(fd, text + n, sizeof(text) - 1 - n);

        assert_true(got > 0);
        n += (size_t)got;
    }
    assert_string_equal(text, "first\nsecond\n");
    close(fd);
    assert_int_equal(puppet_destroy(&d), 0);
}

static void what_is_not_asked_for_is_forgotten(void **state)
{
    struct puppet d = start("driver");

    (void)state;
    keep_new(&d, 1, 3);
    keep_new(&d, 2, 5);
    assert_int_equal(puppet_do(&d, PUPPET_FORGET, 0, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_info(&d).frames, 8);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    keep_again(&d, 2, 5);
    assert_int_equal(puppet_do(&d, PUPPET_FORGET, 0, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_info(&d).frames, 5);
    keep_new(&d, 1, 4);
    assert_int_equal(puppet_destroy(&d), 0);
}

/* Nobody else finds it by the key, or by the frame's number, or by the domid
 * when the domain is gone. */
static void what_is_kept_is_for_the_same_domain_alone(void **state)
{
    struct puppet d = start("driver"), thief = start("thief"), next;
    struct puppet_answer run = keep_new(&d, KEY, 4), own, theirs;
    domid_t domid = d.domid;

    (void)state;
    poke(&d, run.v[0], 0x5ec4e7);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    keep_new(&d, KEY + 1, 1);
    theirs = keep_new(&thief, KEY, 4);
    assert_int_not_equal(theirs.v[1], run.v[1]);
    assert_int_equal(puppet_peek(&thief, theirs.v[0]), 0);
    own = puppet_do(&thief, PUPPET_ALLOC, 1, 0, 0, 0);
    assert_int_equal(puppet_do(&thief, PUPPET_PEEK,
                               own.v[0] + (run.v[1] - own.v[1]) * 4096, 0, 0, 0)
                         .rc,
                     -EPIPE);
    puppet_expect_crash(&thief, "not granted");
    assert_int_equal(puppet_destroy(&thief), 0);
    assert_int_equal(puppet_destroy(&d), 0);
    for (int i = 0; i < 500; i++) {
        struct weir_hv_dominfo info;

        if (weir_hvctl_info(world.ctl, domid, &info) == -ENOENT)
            break;
        usleep(10000);
    }
    next = puppet_start(
        &world, (struct weir_hv_create){.name = "driver", .domid = domid});
    run = keep_new(&next, KEY, 4);
    assert_int_equal(puppet_peek(&next, run.v[0]), 0);
    assert_int_equal(puppet_destroy(&next), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(kept_pages_come_back_as_they_were, clear),
        cmocka_unit_test_teardown(a_kept_page_is_out_of_reach_until_asked_for,
                                  clear),
        cmocka_unit_test_teardown(what_is_kept_is_for_the_same_domain_alone,
                                  clear),
        cmocka_unit_test_teardown(nothing_else_of_the_dead_is_left, clear),
        cmocka_unit_test_teardown(ports_and_grants_of_others_are_taken_up_again,
                                  clear),
        cmocka_unit_test_teardown(the_store_is_introduced_again, clear),
        cmocka_unit_test_teardown(the_console_goes_on, clear),
        cmocka_unit_test_teardown(what_is_not_asked_for_is_forgotten, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

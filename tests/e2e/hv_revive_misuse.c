/* SPDX-License-Identifier: MIT
 *
 * New programs for domains and kept frames, asked for wrongly or very often.
 */
#include "ring/error.h"
#include "tests/e2e/hv_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEEPS_MAX 1024

static int revive_fails(domid_t domid)
{
    int fd = -1, rc = weir_hvctl_revive(world.ctl, domid, &fd);

    assert_int_equal(fd, -1);
    return rc;
}

static void keeping_is_bounded_by_quota_and_number(void **state)
{
    struct puppet d = puppet_start(
        &world, (struct weir_hv_create){.name = "driver", .max_frames = 2000});

    (void)state;
    assert_int_equal(puppet_keep(&d, 1, 0).rc, -WEIR_EINVAL);
    assert_int_equal(puppet_keep(&d, 1, 2001).rc, -WEIR_ENOMEM);
    assert_int_equal(puppet_keep(&d, 1, UINT32_MAX).rc, -WEIR_ENOMEM);
    assert_int_equal(puppet_info(&d).frames, 0);
    for (unsigned i = 0; i < KEEPS_MAX; i++)
        assert_int_equal(puppet_keep(&d, i * 0x100000001ull, 1).rc, 0);
    assert_int_equal(puppet_keep(&d, UINT64_MAX, 1).rc, -WEIR_ENOSPC);
    assert_int_equal(puppet_info(&d).frames, KEEPS_MAX);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    /* What the dead kept counts until it is forgotten. */
    assert_int_equal(puppet_keep(&d, UINT64_MAX, 1).rc, -WEIR_ENOSPC);
    assert_int_equal(puppet_do(&d, PUPPET_ALLOC, 977, 0, 0, 0).rc,
                     -WEIR_ENOMEM);
    assert_int_equal(puppet_keep(&d, 0x100000001ull, 1).v[2], 1);
    assert_int_equal(puppet_do(&d, PUPPET_FORGET, 0, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_info(&d).frames, 1);
    assert_int_equal(puppet_keep(&d, UINT64_MAX, 1999).rc, 0);
    assert_int_equal(puppet_destroy(&d), 0);
}

static void a_key_names_one_run(void **state)
{
    struct puppet d = start("driver");
    struct puppet_answer run = puppet_keep(&d, 7, 3);

    (void)state;
    assert_int_equal(run.rc, 0);
    assert_int_equal(puppet_keep(&d, 7, 3).rc, -WEIR_EBUSY);
    assert_int_equal(puppet_keep(&d, 7, 4).rc, -WEIR_EEXIST);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    assert_int_equal(puppet_keep(&d, 7, 2).rc, -WEIR_EEXIST);
    run = puppet_keep(&d, 7, 3);
    assert_int_equal(run.v[2], 1);
    assert_int_equal(puppet_keep(&d, 7, 3).rc, -WEIR_EBUSY);
    /* A part freed: the rest is memory like any other. */
    puppet_do(&d, PUPPET_FREE, run.v[0] + 4096, 1, 0, 0);
    assert_int_equal(puppet_info(&d).frames, 2);
    assert_int_equal(puppet_do(&d, PUPPET_POKE, run.v[0], 1, 0, 0).rc, 0);
    run = puppet_keep(&d, 7, 3);
    assert_int_equal(run.rc, 0);
    assert_int_equal(run.v[2], 0);
    assert_int_equal(puppet_info(&d).frames, 5);
    puppet_kill(&d);
    assert_int_equal(puppet_revive(&d), 0);
    assert_int_equal(puppet_info(&d).frames, 3);
    assert_int_equal(puppet_destroy(&d), 0);
}

/* Refused, and nothing has changed. */
static void who_is_mapped_is_not_revived(void **state)
{
    struct puppet d = start("driver"), other = start("other");
    struct puppet_answer page = puppet_give(&d, &other, false), run, m, again;

    (void)state;
    run = puppet_keep(&d, 1, 2);
    puppet_do(&d, PUPPET_POKE, run.v[0], 42, 0, 0);
    m = puppet_map(&other, &d, 9, false);
    assert_int_equal(m.rc, 0);
    puppet_kill(&d);
    assert_int_equal(revive_fails(d.domid), -EBUSY);
    assert_int_equal(puppet_info(&d).state, WEIR_DOM_CRASHED);
    assert_int_equal(puppet_info(&d).frames, 3);
    assert_string_equal(puppet_info(&d).reason, "its process ended");
    assert_int_equal(hv_world_generation(&world, d.domid), 0);
    assert_int_equal(puppet_peek(&other, m.v[0]), 0xfeed);
    again = puppet_map(&other, &d, 9, true);
    assert_int_equal(again.rc, 0);
    assert_int_equal(puppet_unmap(&other, &again), 0);
    assert_int_equal(revive_fails(d.domid), -EBUSY);
    assert_int_equal(puppet_unmap(&other, &m), 0);
    assert_int_equal(puppet_revive(&d), 0);
    assert_int_equal(puppet_peek(&d, puppet_keep(&d, 1, 2).v[0]), 42);
    assert_int_equal(puppet_info(&d).frames, 2);
    (void)page;
    assert_int_equal(puppet_destroy(&d), 0);
    assert_int_equal(puppet_destroy(&other), 0);
}

static void a_page_freed_but_still_mapped_counts(void **state)
{
    struct puppet d = start("driver"), other = start("other");
    struct puppet_answer page = puppet_give(&d, &other, false), m;

    (void)state;
    m = puppet_map(&other, &d, 9, false);
    puppet_do(&d, PUPPET_FREE, page.v[0], 1, 0, 0);
    puppet_kill(&d);
    assert_int_equal(revive_fails(d.domid), -EBUSY);
    assert_int_equal(puppet_unmap(&other, &m), 0);
    assert_int_equal(puppet_revive(&d), 0);
    assert_int_equal(puppet_info(&d).frames, 0);
    assert_int_equal(puppet_destroy(&d), 0);
    assert_int_equal(puppet_destroy(&other), 0);
}

static void only_the_dead_are_revived(void **state)
{
    struct weir_hv_create how = {.name = "new", .max_frames = 16};
    struct weir_hv_create vm = {.name = "vm",
                                .kind = WEIR_DOM_VM,
                                .max_frames = 1024,
                                .vcpus = 1,
                                .ram = 512};
    struct puppet d = start("driver"), namesake;
    domid_t domid;
    int fd, rc;

    (void)state;
    assert_int_equal(revive_fails(d.domid), -EINVAL);
    assert_int_equal(revive_fails(0), -ENOENT);
    assert_int_equal(revive_fails(d.domid + 1), -ENOENT);
    assert_int_equal(weir_hvctl_pause(world.ctl, d.domid), 0);
    assert_int_equal(revive_fails(d.domid), -EINVAL);
    puppet_kill(&d);
    /* Its name is free, and taken. */
    namesake = start("driver");
    assert_int_equal(revive_fails(d.domid), -EEXIST);
    assert_int_equal(puppet_destroy(&namesake), 0);
    assert_int_equal(puppet_revive(&d), 0);
    how.name = "driver";
    assert_int_equal(weir_hvctl_create(world.ctl, &how, &domid, &fd), -EEXIST);
    how.name = "new";
    assert_int_equal(weir_hvctl_create(world.ctl, &how, &domid, &fd), 0);
    assert_int_equal(revive_fails(domid), -EINVAL);
    close(fd);
    rc = weir_hvctl_create(world.ctl, &vm, &domid, &fd);
    if (rc == 0)
        assert_int_equal(revive_fails(domid), -EINVAL);
    else
        assert_int_equal(rc, -ENODEV);
    assert_int_equal(puppet_destroy(&d), 0);
}

static void a_dying_domain_is_not_revived(void **state)
{
    struct puppet d = start("driver"), other = start("other");
    struct puppet_answer m;

    (void)state;
    puppet_give(&d, &other, false);
    m = puppet_map(&other, &d, 9, false);
    assert_int_equal(puppet_destroy(&d), 0);
    assert_int_equal(puppet_info(&d).state, WEIR_DOM_DYING);
    assert_int_equal(revive_fails(d.domid), -EINVAL);
    assert_int_equal(puppet_unmap(&other, &m), 0);
    assert_int_equal(puppet_destroy(&other), 0);
}

/* ---- events, and what stays --------------------------------------------- */

static void expect_event(struct weir_hvctl *c, domid_t domid,
                         enum weir_dom_state state, uint32_t generation)
{
    struct pollfd p = {.fd = weir_hvctl_fd(c), .events = POLLIN};
    struct weir_hv_dominfo info;

    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(weir_hvctl_next_event(c, &info), 0);
    assert_int_equal(info.domid, domid);
    assert_int_equal(info.state, state);
    assert_int_equal(info.generation, generation);
}

static void an_event_says_whose_it_is(void **state)
{
    struct puppet d = start("driver");
    struct weir_hvctl *c;

    (void)state;
    assert_int_equal(weir_hvctl_open(world.socket, &c), 0);
    assert_int_equal(weir_hvctl_subscribe(c), 0);
    for (uint32_t i = 0; i < 3; i++) {
        puppet_kill(&d);
        assert_int_equal(puppet_revive(&d), 0);
        expect_event(c, d.domid, WEIR_DOM_CRASHED, i);
        expect_event(c, d.domid, WEIR_DOM_BUILDING, i + 1);
        expect_event(c, d.domid, WEIR_DOM_RUNNING, i + 1);
    }
    weir_hvctl_close(c);
    assert_int_equal(puppet_destroy(&d), 0);
}

static unsigned descriptors(void)
{
    unsigned n = 0;
    char path[64];
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)world.pid);
    dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* One life: it maps, is mapped, binds, grows its table, keeps. */
static void live_and_die(struct puppet *d, struct puppet *f, uint64_t port)
{
    struct puppet_answer run = puppet_keep(d, 1, 20), m;

    assert_int_equal(run.rc, 0);
    assert_int_equal(puppet_do(d, PUPPET_ALLOC, 50, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_do(d, PUPPET_EVT_BIND, f->domid, port, 0, 0).rc, 0);
    m = puppet_do(d, PUPPET_MAPS, f->domid, 100, 64, 0);
    assert_int_equal(m.v[0], 0);
    puppet_do(d, PUPPET_GRANT, 9, f->domid, run.v[1], 0);
    m = puppet_map(f, d, 9, false);
    assert_int_equal(m.rc, 0);
    assert_int_equal(puppet_unmap(f, &m), 0);
    puppet_kill(d);
}

struct counts {
    struct weir_hv_machine m;
    struct weir_hv_dominfo front;
    unsigned fds;
};

static struct counts count(struct puppet *d, struct puppet *f)
{
    struct counts c = {.fds = descriptors()};

    assert_int_equal(puppet_info(d).state, WEIR_DOM_CRASHED);
    assert_int_equal(puppet_info(d).ports, 0);
    assert_int_equal(weir_hvctl_machine(world.ctl, &c.m), 0);
    assert_int_equal(weir_hvctl_info(world.ctl, f->domid, &c.front), 0);
    return c;
}

static void two_hundred_revivals_leave_nothing(void **state)
{
    struct puppet d = start("driver"), f = start("frontend");
    struct puppet_answer pages = puppet_do(&f, PUPPET_ALLOC, 64, 0, 0, 0);
    struct counts before = {0}, after;
    uint64_t port = puppet_do(&f, PUPPET_EVT_ALLOC, d.domid, 0, 0, 0).v[0];

    (void)state;
    for (unsigned i = 0; i < 64; i++)
        puppet_do(&f, PUPPET_GRANT, 100 + i, d.domid, pages.v[1] + i, 0);
    for (unsigned i = 0; i < 205; i++) {
        live_and_die(&d, &f, port);
        if (i == 4)
            before = count(&d, &f);
        if (i < 204)
            assert_int_equal(puppet_revive(&d), 0);
    }
    after = count(&d, &f);
    assert_int_equal(hv_world_generation(&world, d.domid), 204);
    assert_int_equal(after.m.frames_used, before.m.frames_used);
    assert_int_equal(after.fds, before.fds);
    assert_int_equal(after.front.ports, before.front.ports);
    assert_int_equal(after.front.frames, 64);
    assert_int_equal(after.front.grants_active, 0);
    print_message("memory of weir-hv: %llu, then %llu KiB\n",
                  (unsigned long long)before.m.rss_bytes / 1024,
                  (unsigned long long)after.m.rss_bytes / 1024);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(after.m.rss_bytes <= before.m.rss_bytes + 65536);
#endif
    assert_int_equal(puppet_destroy(&f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(keeping_is_bounded_by_quota_and_number,
                                  clear),
        cmocka_unit_test_teardown(a_key_names_one_run, clear),
        cmocka_unit_test_teardown(who_is_mapped_is_not_revived, clear),
        cmocka_unit_test_teardown(a_page_freed_but_still_mapped_counts, clear),
        cmocka_unit_test_teardown(only_the_dead_are_revived, clear),
        cmocka_unit_test_teardown(a_dying_domain_is_not_revived, clear),
        cmocka_unit_test_teardown(an_event_says_whose_it_is, clear),
        cmocka_unit_test_teardown(two_hundred_revivals_leave_nothing, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

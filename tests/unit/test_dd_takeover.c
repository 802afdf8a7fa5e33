/* SPDX-License-Identifier: MIT
 *
 * What a manager records, and what the next one makes of it.
 */
#include "tests/unit/dd_takeover_rig.h"
#include "tests/unit/told.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* Domain and device as they were, and the same files behind the descriptors. */
static void test_all_there(void **state)
{
    struct weir_dom *disk, *web;
    struct weir_dev *dev;
    int pidfd = rig_fd(), channel = rig_fd(), image = rig_fd();
    int listener;

    (void)state;
    rig_store();
    listener = dup(rig.d.xs_listen);
    disk = rig_dom(2, "disk", WEIR_PHASE_RUNNING);
    disk->cfg.driver_domain = true;
    disk->exit_src.fd = dup(pidfd);
    disk->res_src.fd = dup(channel);
    disk->restarts = 5;
    disk->revival.max_us = 1234;
    disk->revival.history.n = 3;
    disk->revival.history.at_ns[2] = 99;
    snprintf(disk->revival.why, sizeof(disk->revival.why), "signal 9");
    web = rig_dom(3, "web", WEIR_PHASE_STOPPING);
    web->exit_src.fd = rig_fd();
    web->stopper.client = 7;
    web->deadline_ns = weir_devd_now() + 5000000000u;
    dev = rig_dev(web, disk, 51712, WEIR_DEV_CLOSING);
    dev->order_seq = 40;
    dev->in_registry = dev->at_boot = true;
    dev->image.size = 1 << 20;
    dev->fds[dev->nfds++] = dup(image);
    snprintf(dev->disk.vdev, sizeof(dev->disk.vdev), "xvda");
    weir_record_sync(&rig.d);
    assert_int_equal(rig.nkept, 4);
    rig_die();

    assert_int_equal(rig_next(), 0);
    told_expect("adopt drain:2 dev:51712:2 sweep");
    assert_true(rig_same_file(rig.d.xs_listen, listener));
    disk = weir_dom_by_id(&rig.d, 2);
    web = weir_dom_by_id(&rig.d, 3);
    dev = rig.d.devs;
    assert_true(disk && web && dev && !dev->next);
    assert_true(rig_same_file(disk->exit_src.fd, pidfd));
    assert_true(rig_same_file(disk->res_src.fd, channel));
    assert_ptr_equal(disk->res_src.ready, weir_backend_event);
    assert_true(disk->watched && !web->watched);
    assert_int_equal(disk->restarts, 5);
    assert_int_equal(disk->revival.max_us, 1234);
    assert_int_equal(disk->revival.history.n, 3);
    assert_int_equal(disk->revival.history.at_ns[2], 99);
    assert_string_equal(disk->revival.why, "signal 9");
    assert_int_equal(web->phase, WEIR_PHASE_STOPPING);
    assert_true(web->deadline_ns == weir_devd_now() + 5000000000u);
    assert_true(web->stopper.client); /* its time's end is not its own */
    assert_ptr_equal(dev->frontend, web);
    assert_ptr_equal(dev->backend, disk);
    assert_true(rig_same_file(dev->fds[0], image));
    assert_int_equal(dev->image.fd, dev->fds[0]);
    assert_int_equal(dev->order_seq, 40);
    assert_true(rig.d.next_seq >= 40); /* no order bears its number again */
    assert_string_equal(dev->disk.vdev, "xvda");
    close(pidfd);
    close(channel);
    close(image);
    close(listener);
}

/* Nothing is written twice, by whoever. */
static void test_changes_alone(void **state)
{
    struct weir_dom *web;

    (void)state;
    rig_store();
    web = rig_dom(3, "web", WEIR_PHASE_RUNNING);
    web->exit_src.fd = rig_fd();
    rig_dev(web, web, 1, WEIR_DEV_ATTACHED);
    weir_record_sync(&rig.d);
    assert_int_equal(rig.stashes, 3);
    weir_record_sync(&rig.d);
    assert_int_equal(rig.stashes, 3);
    web->paused = true;
    weir_record_sync(&rig.d);
    assert_int_equal(rig.stashes, 4);
    rig_die();
    assert_int_equal(rig_next(), 0);
    weir_record_sync(&rig.d);
    assert_int_equal(rig.stashes, 4);
    assert_true(weir_dom_by_id(&rig.d, 3)->paused);
}

/* What becomes of each phase. */
static void test_phases(void **state)
{
    struct weir_dom *m;

    (void)state;
    rig_store();
    m = rig_dom(2, "starting", WEIR_PHASE_STARTING);
    m->exit_src.fd = rig_fd();
    m = rig_dom(3, "running", WEIR_PHASE_RUNNING);
    m->exit_src.fd = rig_fd();
    rig_dom(4, "unseen-end", WEIR_PHASE_RUNNING); /* its pidfd was closed */
    m = rig_dom(5, "killed", WEIR_PHASE_KILLED);
    m->exit_src.fd = rig_fd();
    rig_dom(6, "dying", WEIR_PHASE_DYING);
    rig.hv[6].known = false;
    rig_dom(7, "crashed", WEIR_PHASE_CRASHED);
    rig.hv[7].state = WEIR_DOM_CRASHED;
    m = rig_dom(8, "reviving", WEIR_PHASE_RESTARTING);
    m->revival.step = WEIR_REVIVE_WAITING;
    rig.hv[8].generation = 3;
    m = rig_dom(9, "lost", WEIR_PHASE_RUNNING);
    m->exit_src.fd = rig_fd();
    rig.hv[9].known = false;
    weir_record_sync(&rig.d);
    rig_die();
    assert_int_equal(rig_next(), 0);
    told_expect("adopt fail:2 gone:4 sigkill bury:6 revive:8:1 kill:9 "
                "crashed:7 sweep");
    /* Of the program that weir-hv knows, recorded or not. */
    assert_int_equal(weir_dom_by_id(&rig.d, 8)->revival.generation, 3);
}

/* Both records of a domain that is to be built again: one counts. */
static void test_restarts(void **state)
{
    struct weir_restart *r;

    (void)state;
    rig_store();
    rig_dom(2, "here", WEIR_PHASE_CRASHED);
    for (int i = 0; i < 2; i++) {
        r = calloc(1, sizeof(*r));
        weir_domain_config_init(&r->cfg);
        snprintf(r->cfg.name, sizeof(r->cfg.name), "%s", i ? "here" : "away");
        r->count = 4;
        r->next = rig.d.restarts;
        rig.d.restarts = r;
    }
    weir_record_sync(&rig.d);
    assert_int_equal(rig.nkept, 4);
    rig_die();
    assert_int_equal(rig_next(), 0);
    r = rig.d.restarts;
    assert_true(r && !r->next);
    assert_string_equal(r->cfg.name, "away");
    assert_int_equal(r->count, 4);
    assert_int_equal(rig.nkept, 3);
}

/* One more attempt was recorded, and the one that it follows not yet dropped:
 * one of them is made. */
static void test_restart_twice(void **state)
{
    struct weir_restart *r;

    (void)state;
    rig_store();
    for (uint32_t i = 0; i < 2; i++) {
        r = calloc(1, sizeof(*r));
        weir_domain_config_init(&r->cfg);
        snprintf(r->cfg.name, sizeof(r->cfg.name), "away");
        r->failed = i;
        r->next = rig.d.restarts;
        weir_record_restart(&rig.d, r);
        rig.d.restarts = r;
    }
    weir_record_sync(&rig.d);
    assert_int_equal(rig.nkept, 3);
    rig_die();
    assert_int_equal(rig_next(), 0);
    r = rig.d.restarts;
    assert_true(r && !r->next);
    assert_int_equal(rig.nkept, 2);
}

/* A device's driver domain died, and that was known. */
static void test_no_backend(void **state)
{
    struct weir_dom *web, *disk;
    struct weir_dev *dev;

    (void)state;
    rig_store();
    web = rig_dom(3, "web", WEIR_PHASE_CRASHED);
    disk = rig_dom(2, "disk", WEIR_PHASE_CRASHED);
    weir_record_sync(&rig.d);
    dev = rig_dev(web, disk, 1, WEIR_DEV_RELEASING);
    dev->backend = NULL;
    weir_record_sync(&rig.d);
    rig_die();
    assert_int_equal(rig_next(), 0);
    dev = rig.d.devs;
    assert_true(dev && !dev->backend && dev->backend_domid == 2);
}

/* ---- what cannot be read ----------------------------------------------------
 */

#define SEALS_ALL (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static struct rig_record *kept(enum weir_record_class cls, unsigned nth)
{
    for (unsigned i = 0; i < rig.nkept; i++)
        if (weir_record_class_of(rig.kept[i].key) == cls && nth-- == 0)
            return &rig.kept[i];
    fail();
    return NULL;
}

static int data(const void *bytes, size_t n, int seals)
{
    int fd = memfd_create("data", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(write(fd, bytes, n) == (ssize_t)n);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void replace(struct rig_record *r, int fd)
{
    close(r->fds[0]);
    r->fds[0] = fd;
}

static void two_domains(void)
{
    struct weir_dom *disk, *web;

    rig_store();
    disk = rig_dom(2, "disk", WEIR_PHASE_RUNNING);
    disk->exit_src.fd = rig_fd();
    web = rig_dom(3, "web", WEIR_PHASE_RUNNING);
    web->exit_src.fd = rig_fd();
    weir_record_sync(&rig.d);
    rig_dev(web, disk, 1, WEIR_DEV_ATTACHED);
    weir_record_sync(&rig.d);
    rig_die();
}

static void ghost_of_web(void)
{
    struct weir_dom *web;

    assert_int_equal(rig_next(), 0);
    web = weir_dom_by_id(&rig.d, 3);
    assert_non_null(web);
    assert_int_equal(web->phase, WEIR_PHASE_KILLED);
    assert_non_null(rig.d.devs);
    assert_ptr_equal(rig.d.devs->frontend, web);
    told_expect("adopt bury:3 sweep");
    /* The unreadable one is gone; what replaced it is one of a domain that
     * is to end. */
    assert_int_equal(rig.nkept, 4);
}

static void test_garbage(void **state)
{
    (void)state;
    two_domains();
    replace(kept(WEIR_RECORD_DOM, 1), data("garbage", 7, SEALS_ALL));
    ghost_of_web();
}

static void test_unsealed(void **state)
{
    struct rig_record *r;
    uint8_t buf[4096];
    ssize_t n;

    (void)state;
    two_domains();
    r = kept(WEIR_RECORD_DOM, 1);
    n = pread(r->fds[0], buf, sizeof(buf), 0);
    assert_true(n > 0);
    replace(r, data(buf, (size_t)n, F_SEAL_SHRINK));
    ghost_of_web();
}

static void test_missing_descriptor(void **state)
{
    struct rig_record *r;

    (void)state;
    two_domains();
    r = kept(WEIR_RECORD_DOM, 1);
    assert_int_equal(r->n, 2);
    close(r->fds[--r->n]);
    ghost_of_web();
}

static void test_garbled_device(void **state)
{
    (void)state;
    two_domains();
    replace(kept(WEIR_RECORD_DEV, 0), data("", 0, SEALS_ALL));
    assert_int_equal(rig_next(), 0);
    told_expect("adopt sweep"); /* which finds its nodes */
    assert_null(rig.d.devs);
    assert_int_equal(rig.nkept, 3);
}

/* Without its registry nothing of an instance can go on. */
static void test_no_store(void **state)
{
    (void)state;
    two_domains();
    replace(kept(WEIR_RECORD_STORE, 0), data("x", 1, SEALS_ALL));
    assert_int_equal(rig_next(), -ENOENT);
    assert_int_equal(rig.nkept, 0);
    told_expect("");
}

/* What is there and was not given is no domain without a record: the next
 * manager may see it. */
static void test_unread(void **state)
{
    (void)state;
    two_domains();
    for (unsigned n = 0; n < 6; n++) {
        rig.reads = n;
        rig.read_says = -EMFILE;
        assert_int_equal(rig_next(), -EMFILE);
        assert_int_equal(rig.nkept, 4);
        told_expect("");
        rig_die();
    }
    rig.read_says = 0;
    assert_int_equal(rig_next(), 0);
    told_expect("adopt sweep");
}

static void test_nothing(void **state)
{
    (void)state;
    assert_int_equal(rig_next(), -ENOENT);
    assert_int_equal(rig.logs, 0);
}

/* Told once; and it is tried again. */
static void test_full(void **state)
{
    struct weir_dom *web;

    (void)state;
    rig_store();
    weir_record_sync(&rig.d);
    rig.stash_says = -ENOSPC;
    web = rig_dom(3, "web", WEIR_PHASE_CRASHED);
    assert_int_equal(weir_record_dom(web), -ENOSPC);
    assert_int_equal(weir_record_dom(web), -ENOSPC);
    assert_int_equal(rig.logs, 1);
    rig.stash_says = 0;
    assert_int_equal(weir_record_dom(web), 0);
    assert_int_equal(rig.nkept, 2);
    weir_record_drop(&rig.d, &web->rec);
    assert_int_equal(rig.nkept, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_all_there),      T(test_changes_alone),
        T(test_phases),         T(test_restarts),
        T(test_no_backend),     T(test_garbage),
        T(test_unsealed),       T(test_missing_descriptor),
        T(test_garbled_device), T(test_no_store),
        T(test_unread),         T(test_nothing),
        T(test_full),           T(test_restart_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

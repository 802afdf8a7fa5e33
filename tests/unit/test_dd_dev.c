/* SPDX-License-Identifier: MIT
 *
 * A device's life in the manager's hands, and in those of the next one.  The
 * rest of the manager is played here, with a clock of its own.
 */
#include "backends/net/host/hostif.h"
#include "driverdomains/devd.h"
#include "driverdomains/devd_filter.h"
#include "tests/unit/told.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000000000ull

static int tap_says;
static struct weir_devd d;
static struct weir_dom disk, web;
static char recorded_tap[WEIR_CFG_IF]; /* when the tap was made */

uint64_t weir_devd_now(void)
{
    return NOW;
}

void weir_devd_log(const char *fmt, ...)
{
    (void)fmt;
}

int weir_record_dev(struct weir_dev *dev)
{
    tell("record:%d:%u ", dev->phase, dev->nfds);
    snprintf(recorded_tap, sizeof(recorded_tap), "%s", dev->tap);
    return 0;
}

void weir_record_drop(struct weir_devd *m, struct weir_recorded *rec)
{
    (void)m;
    (void)rec;
    tell("drop ");
}

int weir_tap_create(const struct weir_tap_config *how, int *fds,
                    struct weir_hostif_err *err)
{
    (void)fds;
    (void)err;
    assert_string_equal(recorded_tap, how->name);
    tell("tap:%s ", how->name);
    return tap_says;
}

int weir_hostif_delete(const char *name, struct weir_hostif_err *err)
{
    (void)err;
    tell("delete:%s ", name);
    return 0;
}

int weir_filter_dev(struct weir_dev *dev, const char *where,
                    struct weir_refusal *why)
{
    (void)where;
    (void)why;
    dev->filtered = true;
    return 0;
}

void weir_filter_forget(struct weir_dev *dev)
{
    if (dev->filtered)
        tell("unfilter:%s ", dev->tap);
}

int weir_reg_device(struct weir_dev *dev)
{
    (void)dev;
    tell("nodes ");
    return 0;
}

void weir_reg_remove_device(struct weir_dev *dev, bool last_of_pair)
{
    (void)dev;
    (void)last_of_pair;
}

void weir_reg_device_offline(struct weir_dev *dev)
{
    (void)dev;
}

int weir_backend_send(struct weir_dev *dev, uint32_t op)
{
    if (!dev->backend)
        return -ENOTCONN;
    tell("%s ", op == WEIR_RES_ATTACH ? "ATTACH" : "DETACH");
    return 0;
}

bool weir_dom_comes_back(const struct weir_dom *dom)
{
    (void)dom;
    return false;
}

bool weir_dev_back_changed(struct weir_dev *dev)
{
    (void)dev;
    return false;
}

void weir_vmback_release(struct weir_dev *dev)
{
    (void)dev;
    tell("vm-release ");
}

void weir_dom_fail(struct weir_dom *dom, const char *where, const char *fmt,
                   ...)
{
    (void)where;
    (void)fmt;
    tell("fail:%s ", dom->cfg.name);
}

void weir_dom_check_gone(struct weir_dom *dom)
{
    (void)dom;
}

void weir_resume_check(struct weir_dom *dom)
{
    (void)dom;
}

void weir_devd_answer(struct weir_devd *m, struct weir_waiter *w, int error,
                      uint32_t domid, const char *where, const char *text)
{
    (void)m;
    (void)domid;
    (void)where;
    (void)text;
    if (w->client)
        tell("answer:%d ", error);
    w->client = 0;
}

void weir_dev_free(struct weir_dev *dev)
{
    tell("free");
    free(dev);
}

/* ---- devices ---------------------------------------------------------------
 */

static int begin(void **state)
{
    (void)state;
    memset(&d, 0, sizeof(d));
    memset(&disk, 0, sizeof(disk));
    memset(&web, 0, sizeof(web));
    strcpy(d.in.tag, "weir");
    disk.devd = web.devd = &d;
    disk.domid = 2;
    web.domid = 3;
    strcpy(disk.cfg.name, "disk");
    strcpy(web.cfg.name, "web");
    disk.phase = web.phase = WEIR_PHASE_RUNNING;
    tap_says = 0;
    told_forget();
    return 0;
}

static struct weir_dev *make(uint32_t cls)
{
    struct weir_dev *dev = calloc(1, sizeof(*dev));

    assert_non_null(dev);
    dev->cls = cls;
    dev->backend = &disk;
    dev->backend_domid = disk.domid;
    dev->frontend = &web;
    return dev;
}

/* As a new manager finds it. */
static struct weir_dev *found(uint32_t cls, enum weir_dev_phase phase)
{
    struct weir_dev *dev = make(cls);

    dev->phase = phase;
    dev->next = d.devs;
    d.devs = dev;
    return dev;
}

static void end_device(struct weir_dev *dev)
{
    weir_dev_finish(dev, NULL);
    told_forget();
}

/* ---- attach
 * ------------------------------------------------------------------
 */

static void test_attach(void **state)
{
    struct weir_refusal why;
    struct weir_dev *dev = make(WEIR_RES_VIF);

    (void)state;
    assert_int_equal(weir_dev_attach(&web, dev, "vif", &why), 0);
    told_expect("record:0:0 tap:vif3.0 record:0:1 nodes ATTACH ");
    assert_true(dev->deadline_ns == NOW + WEIR_START_MS * 1000000ull);
    weir_dev_timer(dev, dev->deadline_ns);
    told_expect("record:3:1 DETACH DETACH ");
    weir_dev_finish(dev, NULL);
    told_expect("delete:vif3.0 unfilter:vif3.0 drop free");
    assert_null(d.devs);
}

/* Somebody else's interface has the name. */
static void test_attach_taken(void **state)
{
    struct weir_refusal why;

    (void)state;
    tap_says = -EEXIST;
    assert_int_equal(weir_dev_attach(&web, make(WEIR_RES_VIF), "vif", &why),
                     -EEXIST);
    told_expect("record:0:0 tap:vif3.0 drop free");
    assert_null(d.devs);
}

/* ---- the next manager
 * --------------------------------------------------------
 */

/* The last one died between the record and the tap, or had found that somebody
 * else's interface bears the name: that one is none of its business.  A tap
 * without recorded queues ended with it. */
static void test_tap_not_made(void **state)
{
    struct weir_dev *dev = found(WEIR_RES_VIF, WEIR_DEV_ATTACHING);

    (void)state;
    strcpy(dev->tap, "vif3.0");
    dev->backend = NULL;
    weir_dev_go_on(dev);
    told_expect("drop free");

    dev = found(WEIR_RES_VIF, WEIR_DEV_ATTACHING);
    strcpy(dev->tap, "vif3.0");
    dev->nfds = 1;
    dev->filtered = true;
    dev->backend = NULL;
    weir_dev_go_on(dev);
    told_expect("delete:vif3.0 unfilter:vif3.0 drop free");
    assert_null(d.devs);
}

/* Nobody waits for it any more. */
static void test_attaching_of_a_guest_that_runs(void **state)
{
    struct weir_dev *dev = found(WEIR_RES_VBD, WEIR_DEV_ATTACHING);

    (void)state;
    weir_dev_go_on(dev);
    assert_int_equal(dev->phase, WEIR_DEV_RELEASING);
    told_expect("record:3:0 DETACH DETACH ");
    end_device(dev);
}

/* A guest that is to power off, or is kept after its end, may be there for
 * long: what it was being given does not stay on its way. */
static void test_attaching_of_others(void **state)
{
    static const enum weir_dom_phase phases[] = {
        WEIR_PHASE_STOPPING, WEIR_PHASE_KILLED, WEIR_PHASE_CRASHED,
        WEIR_PHASE_SHUTDOWN};

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof(phases) / sizeof(phases[0]); i++) {
        struct weir_dev *dev = found(WEIR_RES_VBD, WEIR_DEV_ATTACHING);
        bool vm = i % 2;

        web.phase = phases[i / 2];
        dev->vm_backend = vm;
        dev->at_boot = i / 2 == 2; /* not its start any more */
        weir_dev_go_on(dev);
        told_expect("");
        assert_true(dev->deadline_ns ==
                    NOW +
                        (vm ? WEIR_VM_ATTACH_MS : WEIR_START_MS) * 1000000ull);
        weir_dev_timer(dev, dev->deadline_ns);
        assert_int_equal(dev->phase, WEIR_DEV_RELEASING);
        told_expect(vm ? "record:3:0 vm-release "
                       : "record:3:0 DETACH DETACH ");
        end_device(dev);
    }
    assert_null(d.devs);
}

/* An order that may have been sent is one order. */
static void test_closing(void **state)
{
    struct weir_dev *dev = found(WEIR_RES_VBD, WEIR_DEV_CLOSING);

    (void)state;
    dev->order_seq = 7;
    weir_dev_go_on(dev);
    told_expect("DETACH ");
    assert_int_equal(dev->order_seq, 7);
    assert_true(dev->deadline_ns == NOW + WEIR_DETACH_MS * 1000000ull);
    end_device(dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_attach, begin),
        cmocka_unit_test_setup(test_attach_taken, begin),
        cmocka_unit_test_setup(test_tap_not_made, begin),
        cmocka_unit_test_setup(test_attaching_of_a_guest_that_runs, begin),
        cmocka_unit_test_setup(test_attaching_of_others, begin),
        cmocka_unit_test_setup(test_closing, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

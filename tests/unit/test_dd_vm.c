/* SPDX-License-Identifier: MIT
 *
 * A VM's end, and what is done about it.  The rest of the manager, the loader
 * and weir-hv are played here.
 */
#include "driverdomains/devd.h"
#include "hypervisor/loader/load.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NO_MEMORY "this computer has no memory for its 64 MiB"

static struct weir_devd devd;
static struct weir_dom dom;
static struct weir_hv_dominfo hv; /* what weir-hv knows of it */
static int start_rc;
static unsigned fails, ends, runs;
static uint32_t action;
static bool as_crash;

void weir_devd_log(const char *fmt, ...)
{
    (void)fmt;
}

uint64_t weir_devd_now(void)
{
    return 1;
}

int weir_source_add(struct weir_devd *d, struct weir_source *s, int fd,
                    void (*ready)(struct weir_source *, uint32_t))
{
    (void)d;
    (void)ready;
    s->fd = fd;
    return 0;
}

void weir_source_close(struct weir_devd *d, struct weir_source *s)
{
    (void)d;
    s->fd = -1;
}

void weir_dom_fail(struct weir_dom *m, const char *where, const char *fmt, ...)
{
    va_list ap;

    fails++;
    snprintf(m->where, sizeof(m->where), "%s", where);
    va_start(ap, fmt);
    vsnprintf(m->reason, sizeof(m->reason), fmt, ap);
    va_end(ap);
}

void weir_dom_ended(struct weir_dom *m, uint32_t what, bool crashed)
{
    assert_ptr_equal(m, &dom);
    ends++;
    action = what;
    as_crash = crashed;
}

void weir_dom_running(struct weir_dom *m)
{
    m->phase = WEIR_PHASE_RUNNING;
    runs++;
}

void weir_dom_check_started(struct weir_dom *m)
{
    (void)m;
}

int weir_dom_open_log(struct weir_dom *m, int *write_end)
{
    (void)m;
    (void)write_end;
    return -EIO;
}

int weir_hvctl_info(struct weir_hvctl *c, domid_t domid,
                    struct weir_hv_dominfo *out)
{
    (void)c;
    (void)domid;
    *out = hv;
    return 0;
}

int weir_hvctl_vm_start(struct weir_hvctl *c, domid_t domid, uint32_t entry,
                        uint32_t start_info)
{
    (void)c;
    (void)domid;
    (void)entry;
    (void)start_info;
    return start_rc;
}

int weir_vmload_start(const struct weir_vmload_config *config,
                      struct weir_vmload **out, const char **what)
{
    (void)config;
    (void)out;
    (void)what;
    return -EIO;
}

int weir_vmload_fd(const struct weir_vmload *l)
{
    (void)l;
    return -1;
}

uint32_t weir_vmload_left_ms(const struct weir_vmload *l)
{
    (void)l;
    return 0;
}

/* The kernel is there at once. */
int weir_vmload_finish(struct weir_vmload *l, struct weir_vm_image *out,
                       char why[WEIR_VMLOAD_WHY])
{
    (void)l;
    (void)why;
    memset(out, 0, sizeof(*out));
    out->memfd = -1;
    return 0;
}

void weir_vmload_free(struct weir_vmload *l)
{
    (void)l;
}

int weir_vm_image_push(const struct weir_vm_image *image,
                       struct weir_hvctl *hvctl, uint16_t domid)
{
    (void)image;
    (void)hvctl;
    (void)domid;
    return start_rc;
}

void weir_vm_image_close(struct weir_vm_image *image)
{
    (void)image;
}

static int begin(void **state)
{
    (void)state;
    memset(&dom, 0, sizeof(dom));
    dom.devd = &devd;
    dom.phase = WEIR_PHASE_RUNNING;
    dom.cfg.type = WEIR_TYPE_PVH;
    dom.cfg.on_poweroff = WEIR_ACTION_DESTROY;
    dom.cfg.on_reboot = WEIR_ACTION_RESTART;
    dom.cfg.on_crash = WEIR_ACTION_PRESERVE;
    snprintf(dom.cfg.kernel, sizeof(dom.cfg.kernel), "/k");
    memset(&hv, 0, sizeof(hv));
    start_rc = 0;
    fails = ends = runs = 0;
    return 0;
}

static void the_code_tells_what_is_done(void **state)
{
    static const struct {
        uint32_t code, want;
        bool crash;
        const char *words;
    } all[] = {
        {WEIR_SHUTDOWN_POWEROFF, WEIR_ACTION_DESTROY, false, "it powered off"},
        {WEIR_SHUTDOWN_REBOOT, WEIR_ACTION_RESTART, false, "it reboots"},
        {WEIR_SHUTDOWN_CRASH, WEIR_ACTION_PRESERVE, true, "it crashed"},
        {WEIR_SHUTDOWN_WATCHDOG, WEIR_ACTION_PRESERVE, true,
         "its watchdog fired"},
        {77, WEIR_ACTION_PRESERVE, true, "it crashed"},
    };

    (void)state;
    hv.state = WEIR_DOM_SHUTDOWN;
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        hv.shutdown = all[i].code;
        weir_vm_ended(&dom, &hv);
        assert_int_equal(ends, i + 1);
        assert_int_equal(action, all[i].want);
        assert_int_equal(as_crash, all[i].crash);
        assert_string_equal(dom.reason, all[i].words);
    }
}

static void an_end_is_looked_at_once(void **state)
{
    static const enum weir_dom_phase over[] = {
        WEIR_PHASE_KILLED, WEIR_PHASE_DYING, WEIR_PHASE_CRASHED,
        WEIR_PHASE_SHUTDOWN};

    (void)state;
    hv.state = WEIR_DOM_CRASHED;
    for (unsigned i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
        dom.phase = over[i];
        weir_vm_ended(&dom, &hv);
    }
    assert_int_equal(ends + fails, 0);
}

/* weir-hv fills its memory while the kernel is unpacked. */
static void an_end_before_the_start_is_a_failure(void **state)
{
    (void)state;
    dom.phase = WEIR_PHASE_STARTING;
    hv.state = WEIR_DOM_CRASHED;
    snprintf(hv.reason, sizeof(hv.reason), "%s", NO_MEMORY);
    weir_vm_ended(&dom, &hv);
    assert_int_equal(fails, 1);
    assert_int_equal(ends, 0);
    assert_string_equal(dom.where, "memory");
    assert_string_equal(dom.reason, NO_MEMORY);
}

static void a_refusal_of_weir_hv_has_its_reason(void **state)
{
    (void)state;
    dom.phase = WEIR_PHASE_STARTING;
    start_rc = -EBUSY;
    hv.state = WEIR_DOM_CRASHED;
    snprintf(hv.reason, sizeof(hv.reason), "%s", NO_MEMORY);
    weir_vm_start(&dom);
    assert_int_equal(runs, 0);
    assert_string_equal(dom.reason, "weir-hv did not start the VM: " NO_MEMORY);
    dom.load = (struct weir_vmload *)(void *)&dom;
    weir_vm_load_timer(&dom);
    assert_null(dom.load);
    assert_string_equal(dom.reason, "/k: weir-hv did not take it: " NO_MEMORY);
    hv.state = WEIR_DOM_BUILDING;
    weir_vm_start(&dom);
    assert_string_equal(dom.reason, "weir-hv did not start the VM: "
                                    "Device or resource busy");
    start_rc = 0;
    weir_vm_start(&dom);
    assert_int_equal(runs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_code_tells_what_is_done, begin),
        cmocka_unit_test_setup(an_end_is_looked_at_once, begin),
        cmocka_unit_test_setup(an_end_before_the_start_is_a_failure, begin),
        cmocka_unit_test_setup(a_refusal_of_weir_hv_has_its_reason, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

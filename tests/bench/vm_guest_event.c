/* SPDX-License-Identifier: MIT
 *
 * Events between this VM and a process, one way and there and back.  Each way
 * has a time stamp of the sender just before it sends and one of the receiver;
 * their clocks' difference is found by asking the process for its clock while
 * both are awake.
 */
#include "frontends/guest/level0.h"
#include "ring/barrier.h"
#include "ring/error.h"
#include "tests/bench/vm_guest.h"
#include "tests/bench/vm_oneway.h"

#define SAMPLES     101u
#define CLOCKS      500u
#define TRIPS       500u
#define WAIT_NS     UINT64_C(10000000000)
#define VECTOR      31u /* the runtime's table ends there */
#define APIC_SVR    0xfee000f0u
#define APIC_ON     0x1ffu
#define GATE_LEVEL0 UINT64_C(0x8e00)
#define CODE0       UINT64_C(8)

enum how { POLLING, AWAKE, INTERRUPT };

struct events {
    struct weir_guest *g;
    struct oneway_page *page;
    evtchn_port_t port;
    uint64_t asked;
    uint64_t ahead;     /* how much the process's TSC is ahead */
    uint64_t tsc0, ns0; /* at the same time */
    uint64_t sample[SAMPLES];
};

static uint64_t tsc(void)
{
    return __builtin_ia32_rdtsc();
}

static uint64_t now(struct events *e)
{
    return e->g->port->ops->now_ns(e->g->port);
}

static uint64_t to_ns(struct events *e, uint64_t ticks)
{
    return ticks * ((now(e) - e->ns0) / 1000) / ((tsc() - e->tsc0) / 1000);
}

static void ask(struct events *e, enum oneway what)
{
    e->page->what = what;
    weir_store_release64(&e->page->ask, ++e->asked);
}

static uint64_t answer(struct events *e)
{
    while (weir_load_acquire64(&e->page->answer) != e->asked)
        weir_pause();
    return e->page->stamp;
}

static uint64_t *sorted(struct events *e)
{
    for (unsigned i = 1; i < SAMPLES; i++)
        for (unsigned k = i; k > 0 && e->sample[k] < e->sample[k - 1]; k--) {
            uint64_t v = e->sample[k];

            e->sample[k] = e->sample[k - 1];
            e->sample[k - 1] = v;
        }
    return e->sample;
}

static void say_median(struct events *e, const char *name)
{
    vm_guest_say(e->g, name, to_ns(e, sorted(e)[SAMPLES / 2]));
}

/* The process's answer lies between two looks at the own clock: the closest
 * pair of them says it best. */
static void clocks(struct events *e)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < CLOCKS; i++) {
        uint64_t t0 = tsc(), there, t1;

        ask(e, ONEWAY_CLOCK);
        there = answer(e);
        t1 = tsc();
        if (t1 - t0 < best) {
            best = t1 - t0;
            e->ahead = there - (t0 + best / 2);
        }
    }
    vm_guest_say(e->g, "clock", to_ns(e, best / 2));
}

static void to_process(struct events *e)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t t;

        ask(e, ONEWAY_HEAR);
        while (weir_load_acquire64(&e->page->ready) != e->asked)
            weir_pause();
        t = now(e) + ONEWAY_ASLEEP_NS;
        while (now(e) < t)
            weir_pause();
        t = tsc();
        e->g->port->ops->evtchn_notify(e->g->port, e->port);
        e->sample[i] = answer(e) - e->ahead - t;
    }
    say_median(e, "to_process");
}

/* ---- process to guest ---- */

static int hear(struct events *e, enum how how, uint64_t *when)
{
    const struct weir_port_ops *ops = e->g->port->ops;
    uint64_t pending = 0, end;
    int err = 0;

    if (how == INTERRUPT) {
        *when = (uint64_t)weir_guest_level0((uintptr_t)weir_bench_sleep, 0, 0,
                                            0, 0, 0);
        return 0;
    }
    end = now(e) + WAIT_NS;
    do
        err = ops->wait(e->g->port, &e->port, 1, how == AWAKE ? 0 : WAIT_NS,
                        &pending);
    while (err == 0 && pending == 0 && now(e) < end);
    *when = tsc();
    return err != 0 ? err : pending == 0 ? -WEIR_ETIMEDOUT : 0;
}

/* As an interrupt's handler does that has seen to its ports. */
static void heard(struct events *e)
{
    volatile struct weir_vcpu_info *info = &e->g->pg.shared->vcpu_info[0];

    weir_store_relaxed8(&info->evtchn_upcall_pending, 0);
    weir_xchg64(&info->evtchn_pending_sel, 0);
    e->g->port->ops->evtchn_clear(e->g->port, e->port);
}

static int to_guest(struct events *e, enum how how, const char *name)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t when;
        int err;

        heard(e);
        ask(e, ONEWAY_SEND);
        err = hear(e, how, &when);
        if (err != 0)
            return err;
        e->sample[i] = when - (answer(e) - e->ahead);
    }
    say_median(e, name);
    return 0;
}

/* The runtime knows no interrupts: its table gets one handler more. */
static int interrupts(struct events *e)
{
    struct {
        uint16_t pad[3], limit;
        uint64_t base;
    } table;
    struct weir_xen_hvm_param p = {
        .domid = WEIR_DOMID_SELF,
        .index = WEIR_HVM_PARAM_CALLBACK_IRQ,
        .value = (uint64_t)WEIR_HVM_CALLBACK_TYPE_VECTOR << 56 | VECTOR};
    uint64_t handler = (uintptr_t)weir_bench_interrupt;
    volatile uint64_t *mask = &e->g->pg.shared->evtchn_mask[e->port / 64];
    volatile uint64_t *gate;

    weir_guest_level0((uintptr_t)weir_bench_sidt, (uintptr_t)&table.limit, 0, 0,
                      0, 0);
    if (table.limit < VECTOR * 16 + 15)
        return -WEIR_ENOSPC;
    gate = (volatile uint64_t *)(uintptr_t)(table.base + VECTOR * 16);
    gate[0] = (handler & 0xffff) | CODE0 << 16 | GATE_LEVEL0 << 32 |
              (handler >> 16 & 0xffff) << 48;
    gate[1] = handler >> 32;
    *(volatile uint32_t *)(uintptr_t)APIC_SVR = APIC_ON;
    heard(e);
    weir_bench_upcall = &e->g->pg.shared->vcpu_info[0].evtchn_upcall_pending;
    weir_fetch_and64(mask, ~(UINT64_C(1) << e->port % 64));
    return (int)weir_guest_hypercall(
        WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_SET_PARAM, (uintptr_t)&p, 0, 0, 0);
}

static int by_interrupt(struct events *e)
{
    volatile uint64_t *mask = &e->g->pg.shared->evtchn_mask[e->port / 64];
    int err = interrupts(e);

    if (err == 0)
        err = to_guest(e, INTERRUPT, "to_guest");
    weir_fetch_or64(mask, UINT64_C(1) << e->port % 64);
    heard(e);
    return err;
}

/* ---- many, and there and back ---- */

static void bursts(struct events *e)
{
    uint64_t t;

    ask(e, ONEWAY_BURST_OF);
    vm_guest_say(e->g, "send_to_guest", to_ns(e, answer(e)) / ONEWAY_BURST);
    ask(e, ONEWAY_ECHO);
    t = now(e);
    for (unsigned i = 0; i < ONEWAY_BURST; i++)
        e->g->port->ops->evtchn_notify(e->g->port, e->port);
    vm_guest_say(e->g, "send", (now(e) - t) / ONEWAY_BURST);
}

/* Echoes of what was sent before may still come: the first trips are short. */
static int trips(struct events *e)
{
    uint64_t when, t = now(e) + 20 * ONEWAY_ASLEEP_NS;
    int err = 0;

    while (now(e) < t)
        weir_pause();
    heard(e);
    t = now(e);
    for (unsigned i = 0; i < TRIPS && err == 0; i++) {
        e->g->port->ops->evtchn_notify(e->g->port, e->port);
        err = hear(e, POLLING, &when);
    }
    vm_guest_say(e->g, "trip", (now(e) - t) / TRIPS);
    return err;
}

static int connect_to(struct events *e, struct weir_gnttab *gnttab, domid_t dom)
{
    const struct weir_port_ops *ops = e->g->port->ops;
    grant_ref_t ref;
    uint64_t when;
    int err;

    e->page = weir_guest_pages(e->g, 1);
    if (e->page == NULL)
        return -WEIR_ENOMEM;
    err = weir_gnttab_grant(gnttab, dom, e->page, false, &ref);
    if (err == 0)
        err = ops->evtchn_alloc(e->g->port, dom, &e->port);
    if (err != 0)
        return err;
    vm_guest_say(e->g, "grant", ref);
    vm_guest_say(e->g, "port", e->port);
    return hear(e, POLLING, &when); /* the other end is there */
}

int vm_guest_events(struct weir_guest *g, struct weir_gnttab *gnttab,
                    domid_t dom)
{
    static struct events e;
    int err;

    e.g = g;
    err = connect_to(&e, gnttab, dom);
    if (err != 0)
        return err;
    e.ns0 = now(&e);
    e.tsc0 = tsc();
    while (now(&e) - e.ns0 < 20 * ONEWAY_ASLEEP_NS)
        weir_pause();
    clocks(&e);
    to_process(&e);
    err = to_guest(&e, POLLING, "to_guest_poll");
    if (err == 0)
        err = to_guest(&e, AWAKE, "to_guest_awake");
    if (err == 0)
        err = by_interrupt(&e);
    if (err != 0)
        return err;
    bursts(&e);
    return trips(&e);
}

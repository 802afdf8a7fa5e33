/* SPDX-License-Identifier: MIT
 *
 * A domain's thread: hypercalls, faults, console, death.
 */
#include "hypervisor/hypercall.h"
#include "hypervisor/vm.h"

#include "ring/barrier.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* After a hypercall another often follows at once, and a sleeping thread costs
 * tens of µs to wake: look this long before sleeping. */
#define SPIN_NS 30000
/* Then faults, console and orders of main have their turn, however busy the
 * domain keeps its socket. */
#define TURN 256

enum { P_SOCK, P_WAKE, P_PID, P_FAULT, P_CONSOLE, P_VM, P_VIEWER };
#define P_COUNT (P_VIEWER + HV_VIEWERS)

void hv_domain_fail(struct hv_domain *d, const char *fmt, ...)
{
    char reason[WEIR_HV_REASON];
    va_list ap;

    if (d->fail)
        return;
    va_start(ap, fmt);
    vsnprintf(reason, sizeof(reason), fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&d->m->lock);
    memcpy(d->reason, reason, sizeof(d->reason));
    pthread_mutex_unlock(&d->m->lock);
    d->fail = true;
    hv_log("domain %u (%s) ended: %s", d->domid, d->name, reason);
}

void hv_window_failed(struct hv_domain *d, mfn_t first, uint64_t n, int rc)
{
    if (rc == -ESRCH)
        hv_domain_fail(d, "its process ended");
    else
        hv_domain_fail(d, "its window takes no frames %llu+%llu (error %d)",
                       (unsigned long long)first, (unsigned long long)n, -rc);
}

static void clear(int eventfd)
{
    uint64_t n;

    if (read(eventfd, &n, sizeof(n)) < 0)
        return;
}

/* A thread of the domain sleeps in a fault.  Memory it holds comes back
 * (reclaim took the page-table entry, or it dropped a page it still maps);
 * anything else ends it. */
static void fault(struct hv_domain *d, const struct weir_pagefault *f)
{
    unsigned long long frame = f->frame;
    struct hv_count held;
    bool own;
    int rc;

    weir_count64(&d->faults, 1);
    if (f->outside) {
        hv_domain_fail(d, "domain %u touched address 0x%llx outside its window",
                       d->domid, (unsigned long long)f->addr);
        return;
    }
    pthread_mutex_lock(&d->m->lock);
    own = hv_own_frame(d, f->frame);
    pthread_mutex_unlock(&d->m->lock);
    held = hv_track_count(&d->track, f->frame);
    if (!weir_pagewin_one_window(d->win)) {
        /* Each window shows its own kind of mapping. */
        if (f->addr >= d->win_base && f->addr < d->win_base + d->m->mem.bytes) {
            held.ro = 0;
        } else {
            own = false;
            held.rw = 0;
        }
    }
    if (!own && held.ro == 0 && held.rw == 0) {
        hv_domain_fail(d,
                       "domain %u touched frame %llu, which is not granted "
                       "to it",
                       d->domid, frame);
    } else if (!own && held.rw == 0 && f->readonly) {
        hv_domain_fail(d,
                       "domain %u wrote to frame %llu, which it maps "
                       "read-only",
                       d->domid, frame);
    } else {
        rc = weir_pagewin_present(d->win, f->frame, 1, !own && held.rw == 0,
                                  NULL);
        if (rc < 0)
            hv_window_failed(d, f->frame, 1, rc);
    }
}

static void faults(struct hv_domain *d)
{
    struct weir_pagefault f;

    /* Bounded: a domain that faults in a loop does not keep the thread. */
    for (int i = 0; i < 64 && !d->fail; i++) {
        int rc = weir_pagewin_read_fault(d->win, &f);

        if (rc <= 0)
            return;
        fault(d, &f);
    }
}

/* A process that dies closes its socket a moment before its pidfd tells. */
static void socket_closed(struct hv_domain *d)
{
    struct pollfd p = {.fd = d->pidfd, .events = POLLIN};

    if (d->pidfd >= 0 && poll(&p, 1, 200) > 0)
        hv_domain_fail(d, "its process ended");
    else
        hv_domain_fail(d, "its program closed its socket");
}

static void hypercalls(struct hv_domain *d)
{
    uint64_t until = hv_now_ns() + SPIN_NS;
    int answered = 0;

    do {
        int rc = hv_hypercall(d);

        if (rc < 0)
            socket_closed(d);
        else if (rc > 0)
            until = ++answered < TURN ? hv_now_ns() + SPIN_NS : 0;
        else
            sched_yield();
    } while (!d->fail && hv_now_ns() < until);
}

static void watch(struct hv_domain *d, struct pollfd *p)
{
    const struct hv_port *con;

    p[P_SOCK] = (struct pollfd){.fd = d->sock, .events = POLLIN};
    p[P_WAKE] = (struct pollfd){.fd = d->wake, .events = POLLIN};
    p[P_PID] = (struct pollfd){.fd = d->dead ? -1 : d->pidfd, .events = POLLIN};
    p[P_FAULT] =
        (struct pollfd){.fd = d->win && !d->dead ? weir_pagewin_fd(d->win) : -1,
                        .events = POLLIN};
    pthread_mutex_lock(&d->m->lock);
    con = hv_event_get(&d->events, d->console_port);
    p[P_CONSOLE] = (struct pollfd){.fd = con ? con->pair->fd[!con->side] : -1,
                                   .events = POLLIN};
    pthread_mutex_unlock(&d->m->lock);
    p[P_VM] = (struct pollfd){.fd = d->vm ? d->vm->xen_state.epoll : -1,
                              .events = POLLIN};
    hv_console_poll(&d->console, p + P_VIEWER);
}

static void console(struct hv_domain *d, const struct pollfd *p)
{
    static const uint64_t one = 1;
    const struct hv_port *con;
    bool notify;

    if (p[P_CONSOLE].revents)
        clear(p[P_CONSOLE].fd);
    notify = hv_console_output(&d->console);
    notify |= hv_console_serve(&d->console, p + P_VIEWER);
    if (!notify)
        return;
    pthread_mutex_lock(&d->m->lock);
    con = hv_event_get(&d->events, d->console_port);
    if (con && write(hv_port_wait_fd(con), &one, sizeof(one)) < 0)
        con = NULL; /* full: pending anyway */
    pthread_mutex_unlock(&d->m->lock);
}

/* what: an order of main's. */
static bool told(struct hv_domain *d, const bool *what)
{
    bool yes;

    pthread_mutex_lock(&d->m->lock);
    yes = *what;
    pthread_mutex_unlock(&d->m->lock);
    return yes;
}

static void live(struct hv_domain *d)
{
    while (!d->fail && !told(d, &d->destroy)) {
        bool more = d->vm && hv_vm_turn(d->vm);
        struct pollfd p[P_COUNT];

        watch(d, p);
        if (d->fail || poll(p, P_COUNT, more ? 0 : -1) < 0)
            continue;
        if (p[P_WAKE].revents)
            clear(d->wake);
        if (p[P_VM].revents)
            hv_vm_events(d->vm);
        if (p[P_FAULT].revents)
            faults(d);
        console(d, p);
        /* What it said last comes before its death. */
        if (p[P_SOCK].revents)
            hypercalls(d);
        if (p[P_PID].revents)
            hv_domain_fail(d, "its process ended");
    }
}

/* Crashed: nothing runs, memory and console stay to be looked at until the
 * device manager destroys it, or has a new program for it: true. */
static bool lie_in_state(struct hv_domain *d)
{
    while (!told(d, &d->destroy)) {
        struct pollfd p[P_COUNT];

        if (told(d, &d->revive) && hv_domain_revive(d))
            return true;
        watch(d, p);
        if (poll(p, P_COUNT, -1) < 0)
            continue;
        if (p[P_WAKE].revents)
            clear(d->wake);
        console(d, p);
    }
    return false;
}

static void die(struct hv_domain *d)
{
    hv_domain_kill(d);
    console(d, (struct pollfd[P_COUNT]){{.fd = -1}});
    hv_domain_drop(d);
    pthread_mutex_lock(&d->m->lock);
    d->dead = true;
    d->pid = 0;
    d->state = d->destroy              ? WEIR_DOM_DYING
               : d->vm && d->vm->ended ? d->vm->end
                                       : WEIR_DOM_CRASHED;
    hv_domain_changed(d);
    pthread_mutex_unlock(&d->m->lock);
}

void *hv_domain_run(void *domain)
{
    struct hv_domain *d = domain;

    do {
        live(d);
        die(d);
    } while (lie_in_state(d));
    pthread_mutex_lock(&d->m->lock);
    d->state = WEIR_DOM_DYING;
    hv_domain_changed(d);
    pthread_mutex_unlock(&d->m->lock);
    hv_domain_give_back(d, true);
    pthread_mutex_lock(&d->m->lock);
    /* Those that still map its frames may keep it listed for long. */
    hv_console_close(&d->console);
    d->done = true;
    hv_domain_changed(d);
    pthread_mutex_unlock(&d->m->lock);
    return NULL;
}

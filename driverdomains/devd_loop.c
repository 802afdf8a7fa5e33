/* SPDX-License-Identifier: MIT
 *
 * The loop: one event, then registry events, then deadlines.
 */
#include "driverdomains/devd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS     1000
#define LOG_BURST   1000u
#define LOG_STEP_NS 200000000ull /* a line more each */
/* A line of a domain changes nothing; what else did may wait so long. */
#define SYNC_NS 1000000u

uint64_t weir_devd_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Lines come from what domains do, so their number is bounded. */
static bool may_log(uint64_t *dropped)
{
    static uint64_t since, left = LOG_BURST, lost; /* the log is one, too */
    uint64_t now = weir_devd_now(), gained = (now - since) / LOG_STEP_NS;

    if (gained) {
        left = gained > LOG_BURST - left ? LOG_BURST : left + gained;
        since = now;
    }
    if (left == 0) {
        lost++;
        return false;
    }
    left--;
    *dropped = lost;
    lost = 0;
    return true;
}

void weir_devd_log(const char *fmt, ...)
{
    char line[600];
    uint64_t dropped;
    va_list ap;

    if (!may_log(&dropped))
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (dropped)
        fprintf(stderr, "weir-devd: (%" PRIu64 " lines dropped)\n", dropped);
    fprintf(stderr, "weir-devd: %s\n", line);
}

int weir_source_add(struct weir_devd *d, struct weir_source *s, int fd,
                    void (*ready)(struct weir_source *, uint32_t))
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};

    s->fd = fd;
    s->ready = ready;
    if (epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
        s->fd = -1;
        return -errno;
    }
    return 0;
}

void weir_source_close(struct weir_devd *d, struct weir_source *s)
{
    if (s->fd < 0)
        return;
    /* Explicitly: a copy of the descriptor may live on elsewhere. */
    epoll_ctl(d->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    close(s->fd);
    s->fd = -1;
}

static void earlier(uint64_t *next, uint64_t deadline)
{
    if (deadline && deadline < *next)
        *next = deadline;
}

static int wait_ms(struct weir_devd *d)
{
    uint64_t now = weir_devd_now(), next = now + TICK_MS * 1000000ull;

    for (struct weir_dom *dom = d->doms; dom; dom = dom->next)
        earlier(&next, dom->deadline_ns);
    for (struct weir_dev *dev = d->devs; dev; dev = dev->next)
        earlier(&next, dev->deadline_ns);
    for (struct weir_restart *r = d->restarts; r; r = r->next)
        earlier(&next, r->at_ns);
    earlier(&next, d->heart_ns);
    return next <= now ? 0 : (int)((next - now) / 1000000) + 1;
}

/* Each timer may free its object and others: start over after one fired. */
static void timers(struct weir_devd *d)
{
    uint64_t now = weir_devd_now();
    bool fired = true;

    while (fired) {
        fired = false;
        for (struct weir_dev *v = d->devs; v && !fired; v = v->next)
            if (v->deadline_ns && v->deadline_ns <= now) {
                v->deadline_ns = 0;
                weir_dev_timer(v, now);
                fired = true;
            }
        for (struct weir_dom *m = d->doms; m && !fired; m = m->next)
            if (m->deadline_ns && m->deadline_ns <= now) {
                m->deadline_ns = 0;
                weir_dom_timer(m, now);
                fired = true;
            }
    }
    weir_restart_timer(d, now);
    weir_store_beat(d, now);
    weir_heart_timer(d, now);
}

static bool any(const struct weir_devd *d, bool driver_domains)
{
    for (struct weir_dom *m = d->doms; m; m = m->next)
        if (m != d->store && m->cfg.driver_domain == driver_domains)
            return true;
    return false;
}

static uint32_t stop_ms(const struct weir_dom *dom)
{
    return weir_dom_is_vm(dom) ? WEIR_VM_STOP_MS : WEIR_STOP_MS;
}

/* Guests first, then driver domains; the store is weir_store_stop's. */
static void stop_step(struct weir_devd *d)
{
    bool guests = any(d, false);

    if (!guests && !any(d, true)) {
        d->done = true;
        return;
    }
    for (struct weir_dom *m = d->doms; m; m = m->next) {
        if (m == d->store || m->cfg.driver_domain == guests ||
            m->phase == WEIR_PHASE_STOPPING || m->phase == WEIR_PHASE_KILLED ||
            m->phase == WEIR_PHASE_DYING)
            continue;
        /* A process keeps nothing that is not written; a VM has file systems.
         */
        if (m->phase == WEIR_PHASE_RUNNING &&
            (!m->cfg.driver_domain || weir_dom_is_vm(m)))
            weir_dom_shutdown(m, stop_ms(m));
        else
            weir_dom_kill(m, "the device manager stops");
        return; /* the list may have changed */
    }
}

void weir_devd_stop(struct weir_devd *d)
{
    if (!d->stopping)
        weir_devd_log("stopping");
    d->stopping = true;
    /* Who was given all day to power off has less now. */
    for (struct weir_dom *m = d->doms; m; m = m->next)
        if (m->phase == WEIR_PHASE_STOPPING)
            earlier(&m->deadline_ns, weir_devd_now() + stop_ms(m) * 1000000ull);
    weir_restart_forget(d);
}

void weir_devd_loop(struct weir_devd *d)
{
    bool more = false;

    while (!d->done) {
        struct epoll_event ev;
        int ms = more ? 0 : d->stopping ? 20 : wait_ms(d);
        int n = epoll_wait(d->epoll_fd, &ev, 1, ms);
        bool logged = false;

        if (n < 0 && errno != EINTR) {
            weir_devd_log("epoll_wait: %s", strerror(errno));
            d->exit_code = 1;
            return;
        }
        if (n == 1) {
            struct weir_source *s = ev.data.ptr;

            logged = s->ready == weir_dom_log_ready;
            s->ready(s, ev.events);
        }
        more = weir_reg_events(d);
        timers(d);
        if (d->stopping)
            stop_step(d);
        if (!logged || weir_devd_now() > d->synced_ns + SYNC_NS)
            weir_record_sync(d);
    }
}

/* SPDX-License-Identifier: MIT
 *
 * The end of a domain: when it is dead, and what is freed in which order.
 */
#include "hypervisor/client/breakable.h"
#include "hypervisor/vm.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SCAN        16384 /* frames looked at with the lock */
#define COMPLAIN_NS 5000000000ull

static void nap(long ns)
{
    struct timespec t = {.tv_nsec = ns};

    nanosleep(&t, NULL);
}

/* Dead means: the process is gone and its memory too.  Only then can no page
 * of its window be reached, by a thread or by I/O in flight.  A device that
 * hangs delays this; nothing else of weir-hv waits for it. */
void hv_domain_kill(struct hv_domain *d)
{
    uint64_t complain = hv_now_ns() + COMPLAIN_NS;
    struct pollfd p = {.fd = d->pidfd, .events = POLLIN};

    if (d->vm)
        hv_vm_end(d->vm);
    if (d->sock >= 0)
        close(d->sock);
    d->sock = -1;
    if (d->pidfd < 0)
        return;
    syscall(SYS_pidfd_send_signal, d->pidfd, SIGKILL, NULL, 0);
    while (!weir_broken("wait") &&
           (poll(&p, 1, 1000) <= 0 || (d->win && !weir_pagewin_dead(d->win)))) {
        if (p.revents)
            nap(200000);
        if (hv_now_ns() < complain)
            continue;
        hv_log("domain %u (%s): killed, but process %d still holds its "
               "memory (device I/O that does not end?)",
               d->domid, d->name, (int)d->pid);
        complain = hv_now_ns() + COMPLAIN_NS;
    }
}

void hv_scrub(struct hv_machine *m, struct hv_scrub *s)
{
    for (unsigned i = 0, n; i < s->n; i += n) {
        mfn_t first = s->frame[i];
        int rc;

        for (n = 1; i + n < s->n && s->frame[i + n] == first + n;)
            n++;
        rc = hv_memory_discard(&m->mem, first, n);
        if (rc < 0) {
            /* Never reuse what could not be punched: leak it, say so. */
            hv_log("frames %llu+%u: hole punch failed (error %d): lost",
                   (unsigned long long)first, n, -rc);
            continue;
        }
        pthread_mutex_lock(&m->lock);
        for (unsigned j = 0; j < n; j++) {
            struct hv_frame *fr = &m->frames.frame[first + j];
            struct hv_domain *owner = hv_domain_get(m, fr->owner);

            if (!owner)
                continue;
            owner->frames -= fr->charged;
            if (--owner->held == 0)
                hv_domain_changed(owner);
        }
        hv_frames_release(&m->frames, first, n);
        pthread_mutex_unlock(&m->lock);
    }
    s->n = 0;
}

/* With the lock. */
static void drop_map(struct hv_domain *d, uint32_t handle, struct hv_scrub *s)
{
    struct hv_handle *e = hv_track_get(&d->track, handle);
    struct hv_domain *granter;

    if (!e)
        return;
    granter = hv_domain_get(d->m, e->granter);
    if (granter)
        hv_grant_release(&granter->grants, e->ref, e->readonly);
    if (hv_frames_unmap(&d->m->frames, e->frame))
        s->frame[s->n++] = e->frame;
    hv_track_drop(&d->track, e->frame, e->readonly);
    hv_track_del(&d->track, handle);
}

static void drop_maps(struct hv_domain *d)
{
    struct hv_scrub s = {.n = 0};

    for (uint32_t h = 0, end; h < d->track.size; h = end) {
        end = d->track.size - h > WEIR_HV_BATCH ? h + WEIR_HV_BATCH
                                                : d->track.size;
        pthread_mutex_lock(&d->m->lock);
        for (uint32_t i = h; i < end; i++)
            drop_map(d, i, &s);
        pthread_mutex_unlock(&d->m->lock);
        hv_scrub(d->m, &s);
    }
}

void hv_domain_close_port(struct hv_domain *d, evtchn_port_t port)
{
    const struct hv_port *p = hv_event_get(&d->events, port);
    struct hv_domain *peer = p ? hv_domain_get(d->m, p->remote) : NULL;

    if (!p)
        return;
    hv_event_close(&d->events, port, peer ? &peer->events : NULL);
    d->m->ports--;
}

static void close_ports(struct hv_domain *d)
{
    for (evtchn_port_t i = 1; i < d->events.size; i++) {
        pthread_mutex_lock(&d->m->lock);
        hv_domain_close_port(d, i);
        pthread_mutex_unlock(&d->m->lock);
    }
}

void hv_domain_drop(struct hv_domain *d)
{
    drop_maps(d);
    close_ports(d);
}

/* With the lock.  RESERVED are numbers for a bigger grant table. */
static bool outlives_program(const struct hv_domain *d, mfn_t m)
{
    uint8_t type = d->m->frames.frame[m].type;

    return type != HV_FRAME_RAM &&
           (type != HV_FRAME_RESERVED || m - d->grants.first < d->grants.max);
}

void hv_domain_give_back(struct hv_domain *d, bool all)
{
    struct hv_machine *m = d->m;
    struct hv_scrub s = {.n = 0};
    mfn_t next = all || !weir_broken("rest") ? 1 : m->frames.count;

    pthread_mutex_lock(&m->lock);
    d->grants.shared = NULL;
    d->console.ring = NULL;
    d->stats = 0;
    pthread_mutex_unlock(&m->lock);
    while (next < m->frames.count) {
        mfn_t end =
            m->frames.count - next > SCAN ? next + SCAN : m->frames.count;

        pthread_mutex_lock(&m->lock);
        while (s.n < WEIR_HV_BATCH) {
            next = hv_frames_next_owned(&m->frames, d->domid, next, end);
            if (next == end)
                break;
            if ((all || !outlives_program(d, next)) &&
                hv_frames_give_back(&m->frames, next))
                s.frame[s.n++] = next;
            next++;
        }
        pthread_mutex_unlock(&m->lock);
        hv_scrub(m, &s);
    }
}

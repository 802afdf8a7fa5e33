/* SPDX-License-Identifier: MIT
 *
 * A new program for a process domain whose last one is dead.  What it kept
 * stays as it is, out of reach until asked for; nothing else of the dead is
 * left.  Own thread: main waits for no one's memory.
 */
#include "hypervisor/client/breakable.h"
#include "hypervisor/machine.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* From here on nobody can begin to use its grants, and nobody does, but the
 * store domain its ring. */
static int close_grants(struct hv_domain *d)
{
    int rc = -EBUSY;

    pthread_mutex_lock(&d->m->lock);
    if (hv_grants_idle(&d->grants, WEIR_GNTTAB_RESERVED_XENSTORE,
                       d->store_domid, d->store)) {
        d->grants.shared = NULL;
        rc = 0;
    }
    pthread_mutex_unlock(&d->m->lock);
    return rc;
}

/* All that can fail, before anything is lost. */
static int fit_out(struct hv_domain *d, int *fd)
{
    int rc = hv_domain_add_port(d, 0, HV_PORT_CONSOLE, &d->console_port);

    if (rc == 0 && d->store)
        rc = hv_domain_add_port(d, d->store_domid, HV_PORT_UNBOUND,
                                &d->store_port);
    if (rc == 0)
        rc = hv_domain_open_socket(d, fd);
    return rc;
}

static void zero(struct hv_domain *d, mfn_t first, uint32_t count)
{
    if (!weir_broken("zero"))
        memset(hv_memory_at(&d->m->mem, first), 0,
               (size_t)count << WEIR_PAGE_SHIFT);
}

/* The dead program's frames and what weir-hv knew of it. */
static void clear_out(struct hv_domain *d)
{
    for (uint32_t i = 0; i < d->keeps.n; i++) {
        struct hv_keep *run = &d->keeps.run[i];

        run->asked = false;
        pthread_mutex_lock(&d->m->lock);
        hv_frames_set(&d->m->frames, run->first, run->count, HV_FRAME_KEPT);
        pthread_mutex_unlock(&d->m->lock);
    }
    hv_domain_give_back_rest(d);
    zero(d, d->grants.first, d->grants.frames);
    zero(d, d->console_frame, 1);
    if (d->store)
        zero(d, d->store, 1);
    hv_track_reset(&d->track);
    weir_pagewin_close(d->win);
    d->win = NULL;
    if (d->pidfd >= 0)
        close(d->pidfd);
    d->pidfd = -1;
    d->sealed = false;
}

static void open_grants(struct hv_domain *d, bool fresh)
{
    struct hv_grants *g = &d->grants;

    g->shared = hv_memory_at(&d->m->mem, g->first);
    if (fresh && d->store)
        hv_grant_preset(g, WEIR_GNTTAB_RESERVED_XENSTORE, d->store_domid,
                        d->store);
}

/* With the lock: the device manager's answer, for main to give. */
static void reply(struct hv_domain *d, int rc, int fd)
{
    d->revive = HV_REVIVE_ANSWERED;
    d->revive_status = rc;
    d->revive_fd = fd;
    hv_main_wake(d->m);
}

/* As after its creation, unless it is to be destroyed. */
static int begin(struct hv_domain *d, int fd)
{
    int rc = 0;

    pthread_mutex_lock(&d->m->lock);
    open_grants(d, true);
    d->console.ring = hv_memory_at(&d->m->mem, d->console_frame);
    if (d->destroy) {
        rc = -ENOENT;
    } else {
        d->fail = d->dead = false;
        memset(d->reason, 0, sizeof(d->reason));
        d->generation++;
        d->state = WEIR_DOM_BUILDING;
        hv_domain_changed(d);
        reply(d, 0, fd);
    }
    pthread_mutex_unlock(&d->m->lock);
    return rc;
}

bool hv_domain_revive(struct hv_domain *d)
{
    int fd = -1, rc = close_grants(d);

    if (rc == 0) {
        rc = fit_out(d, &fd);
        if (rc == 0) {
            clear_out(d);
            rc = begin(d, fd);
        } else {
            pthread_mutex_lock(&d->m->lock);
            open_grants(d, false);
            pthread_mutex_unlock(&d->m->lock);
        }
    }
    if (rc == 0)
        return true;
    if (fd >= 0)
        close(fd);
    if (d->sock >= 0)
        close(d->sock);
    d->sock = -1;
    hv_domain_drop(d);
    hv_domain_no_revival(d, rc);
    return false;
}

void hv_domain_no_revival(struct hv_domain *d, int rc)
{
    pthread_mutex_lock(&d->m->lock);
    if (d->revive == HV_REVIVE_ASKED)
        reply(d, rc, -1);
    pthread_mutex_unlock(&d->m->lock);
}

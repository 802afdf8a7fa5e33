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

/* All that can fail, before anything is lost.  Nobody uses a grant of it, but
 * the store domain its ring, and from here on nobody begins to. */
static int prepare(struct hv_domain *d, int *fd)
{
    int rc = -EBUSY;

    pthread_mutex_lock(&d->m->lock);
    if (hv_grants_idle(&d->grants, WEIR_GNTTAB_RESERVED_XENSTORE,
                       d->store_domid, d->store)) {
        d->grants.shared = NULL;
        rc = 0;
    }
    pthread_mutex_unlock(&d->m->lock);
    if (rc == 0)
        rc = hv_domain_add_port(d, 0, HV_PORT_CONSOLE, &d->console_port);
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
    hv_domain_give_back(d, false);
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
}

/* With the lock: as after its creation. */
static void start_over(struct hv_domain *d)
{
    if (d->store)
        hv_grant_preset(&d->grants, WEIR_GNTTAB_RESERVED_XENSTORE,
                        d->store_domid, d->store);
    d->fail = d->dead = d->sealed = false;
    memset(d->reason, 0, sizeof(d->reason));
    d->generation++;
    d->state = WEIR_DOM_BUILDING;
}

bool hv_domain_revive(struct hv_domain *d)
{
    int fd = -1, rc = prepare(d, &fd);

    if (rc == 0)
        clear_out(d);
    pthread_mutex_lock(&d->m->lock);
    d->grants.shared = hv_memory_at(&d->m->mem, d->grants.first);
    d->console.ring = hv_memory_at(&d->m->mem, d->console_frame);
    if (rc == 0 && d->destroy)
        rc = -ENOENT;
    if (rc == 0)
        start_over(d);
    d->revive = false;
    d->revived = true;
    d->new_fd = rc < 0 ? rc : fd;
    d->changed |= rc == 0;
    hv_main_wake(d->m);
    pthread_mutex_unlock(&d->m->lock);
    if (rc == 0)
        return true;
    if (fd >= 0)
        close(fd);
    if (d->sock >= 0)
        close(d->sock);
    d->sock = -1;
    hv_domain_drop(d);
    return false;
}

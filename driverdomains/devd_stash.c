/* SPDX-License-Identifier: MIT
 *
 * From the manager's state to records that weir-hv keeps.
 */
#include "driverdomains/devd.h"
#include "ring/crash_point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

_Static_assert(WEIR_RES_MAX_FDS < WEIR_STASH_FDS,
               "a device fits into a record");

/* A writer that stops in the middle leaves nothing: only what is whole and
 * sealed is handed over. */
static int data_fd(const uint8_t *buf, size_t len)
{
    int fd = memfd_create("weir-record", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ssize_t n = fd < 0 ? -1 : write(fd, buf, len);
    int rc = 0;

    if (n < 0 || fcntl(fd, F_ADD_SEALS, SEALS))
        rc = -errno;
    else if ((size_t)n != len)
        rc = -EIO;
    if (rc == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return rc;
}

static bool same(const struct weir_recorded *rec, const int *fds, unsigned n)
{
    return rec->there && rec->nfds == n &&
           memcmp(rec->fds, fds, n * sizeof(*fds)) == 0;
}

static void name(struct weir_devd *d, struct weir_recorded *rec,
                 enum weir_record_class cls, domid_t domid)
{
    if (!rec->key)
        rec->key = weir_record_key(cls, domid, ++d->last_serial);
}

static int keep(struct weir_devd *d, struct weir_recorded *rec,
                const uint8_t *buf, int len, const int *fds, unsigned n)
{
    int all[WEIR_STASH_FDS], rc = len;

    if (len > 0)
        rc = all[0] = data_fd(buf, (size_t)len);
    if (rc >= 0) {
        memcpy(all + 1, fds, n * sizeof(*fds));
        WEIR_CRASH_POINT();
        rc = weir_hvctl_stash(d->hv, rec->key, all, n + 1);
        WEIR_CRASH_POINT();
        close(all[0]);
    }
    if (rc) {
        if (!d->unrecorded)
            weir_devd_log("weir-hv keeps no record (%s): what has changed "
                          "since does not survive this manager",
                          strerror(-rc));
        d->unrecorded = true;
        return rc;
    }
    d->unrecorded = false;
    rec->there = true;
    rec->nfds = n;
    memcpy(rec->fds, fds, n * sizeof(*fds));
    return 0;
}

void weir_record_drop(struct weir_devd *d, struct weir_recorded *rec)
{
    int rc;

    if (!rec->there)
        return;
    WEIR_CRASH_POINT();
    rc = weir_hvctl_unstash(d->hv, rec->key);
    WEIR_CRASH_POINT();
    if (rc && rc != -ENOENT && !d->unrecorded)
        weir_devd_log("weir-hv keeps an old record (%s)", strerror(-rc));
    rec->there = false;
}

static unsigned dom_fds(const struct weir_dom *dom, uint32_t *which,
                        int fds[WEIR_RES_MAX_FDS])
{
    const int have[WEIR_RECORD_DOM_FDS] = {
        dom->exit_src.fd,
        dom->res_src.fd,
        dom->log_src.fd,
        dom == dom->devd->store ? dom->devd->xs_listen : -1,
    };
    unsigned n = 0;

    *which = 0;
    for (unsigned i = 0; i < WEIR_RECORD_DOM_FDS; i++)
        if (have[i] >= 0) {
            *which |= 1u << i;
            fds[n++] = have[i];
        }
    return n;
}

static void describe_revival(const struct weir_revival *v,
                             struct weir_record_dom *r)
{
    r->asked = v->asked;
    r->uncounted = v->uncounted;
    r->step = v->step;
    r->generation = v->generation;
    r->disks = v->disks;
    r->vifs = v->vifs;
    r->unresumed = v->failed;
    r->died_ns = v->died_ns;
    r->at_ns = v->at_ns;
    r->down_ns = v->down_ns;
    r->served_ns = v->served_ns;
    r->last_us = v->last_us;
    r->max_us = v->max_us;
    r->time_s = v->time_s;
    snprintf(r->why, sizeof(r->why), "%s", v->why);
    r->history = v->history;
}

static unsigned describe_dom(const struct weir_dom *dom,
                             struct weir_record_dom *r,
                             int fds[WEIR_RES_MAX_FDS])
{
    memset(r, 0, sizeof(*r));
    r->domid = dom->domid;
    r->phase = dom->phase;
    r->sealed = dom->sealed;
    r->ready = dom->ready;
    r->failed = dom->failed;
    r->restart = dom->restart;
    r->rebooting = dom->rebooting;
    r->paused = dom->paused;
    r->asked_stop = dom->stopper.client != 0;
    r->pid = (uint32_t)dom->pid;
    r->restarts = dom->restarts;
    r->streak = dom->streak;
    r->tries = dom->tries;
    r->target_kib = dom->target_kib;
    r->created_ns = dom->created_ns;
    r->stop_ns = dom->phase == WEIR_PHASE_STOPPING ? dom->deadline_ns : 0;
    r->start_us = dom->start_us;
    snprintf(r->where, sizeof(r->where), "%s", dom->where);
    snprintf(r->reason, sizeof(r->reason), "%s", dom->reason);
    describe_revival(&dom->revival, r);
    return dom_fds(dom, &r->fds, fds);
}

int weir_record_dom(struct weir_dom *dom)
{
    static uint8_t buf[WEIR_RECORD_BYTES]; /* one thread: a scratch area */
    struct weir_devd *d = dom->devd;
    struct weir_record_dom now;
    int fds[WEIR_RES_MAX_FDS], rc;
    unsigned n = describe_dom(dom, &now, fds);

    if (same(&dom->rec, fds, n) && !memcmp(&now, &dom->saved, sizeof(now)))
        return 0;
    name(d, &dom->rec, dom == d->store ? WEIR_RECORD_STORE : WEIR_RECORD_DOM,
         dom->domid);
    rc = keep(d, &dom->rec, buf,
              weir_record_put_dom(&now, &dom->cfg, buf, sizeof(buf)), fds, n);
    if (rc == 0)
        dom->saved = now;
    return rc;
}

static uint64_t serial(struct weir_dom *dom)
{
    name(dom->devd, &dom->rec, WEIR_RECORD_DOM, dom->domid);
    return weir_record_serial_of(dom->rec.key);
}

static void describe_dev(const struct weir_dev *dev, struct weir_record_dev *r)
{
    memset(r, 0, sizeof(*r));
    r->frontend = serial(dev->frontend);
    if (dev->backend)
        r->backend = serial(dev->backend);
    r->backend_domid = dev->backend_domid;
    r->cls = dev->cls;
    r->devid = dev->devid;
    r->phase = dev->phase;
    r->order_seq = dev->order_seq;
    r->nfds = dev->nfds;
    r->at_boot = dev->at_boot;
    r->vm_backend = dev->vm_backend;
    r->in_registry = dev->in_registry;
    r->filtered = dev->filtered;
    r->resuming = dev->resuming;
    r->unresumed = dev->unresumed;
    r->block = dev->image.block;
    r->direct = dev->image.direct;
    r->size = dev->image.size;
    r->sector_size = dev->image.sector_size;
    snprintf(r->tap, sizeof(r->tap), "%s", dev->tap);
    snprintf(r->error, sizeof(r->error), "%s", dev->error);
}

int weir_record_dev(struct weir_dev *dev)
{
    static uint8_t buf[WEIR_RECORD_BYTES]; /* one thread: a scratch area */
    struct weir_devd *d = dev->frontend->devd;
    struct weir_record_dev now;
    int rc;

    describe_dev(dev, &now);
    if (same(&dev->rec, dev->fds, dev->nfds) &&
        !memcmp(&now, &dev->saved, sizeof(now)))
        return 0;
    name(d, &dev->rec, WEIR_RECORD_DEV, dev->frontend->domid);
    rc =
        keep(d, &dev->rec, buf,
             weir_record_put_dev(&now, &dev->disk, &dev->vif, buf, sizeof(buf)),
             dev->fds, dev->nfds);
    if (rc == 0)
        dev->saved = now;
    return rc;
}

int weir_record_restart(struct weir_devd *d, struct weir_restart *r)
{
    static uint8_t buf[WEIR_RECORD_BYTES]; /* one thread: a scratch area */
    struct weir_record_restart now;
    int rc;

    memset(&now, 0, sizeof(now));
    now.at_ns = r->at_ns;
    now.count = r->count;
    now.streak = r->streak;
    now.failed = r->failed;
    if (r->rec.there && !memcmp(&now, &r->saved, sizeof(now)))
        return 0;
    name(d, &r->rec, WEIR_RECORD_RESTART, 0);
    rc = keep(d, &r->rec, buf,
              weir_record_put_restart(&now, &r->cfg, buf, sizeof(buf)),
              r->rec.fds, 0);
    if (rc == 0)
        r->saved = now;
    return rc;
}

void weir_record_sync(struct weir_devd *d)
{
    /* A guest that runs has its devices: they come first. */
    for (struct weir_dev *v = d->devs; v; v = v->next)
        weir_record_dev(v);
    for (struct weir_dom *m = d->doms; m; m = m->next)
        weir_record_dom(m);
    for (struct weir_restart *r = d->restarts; r; r = r->next)
        weir_record_restart(d, r);
    d->synced_ns = weir_devd_now();
}

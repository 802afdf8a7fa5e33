/* SPDX-License-Identifier: MIT
 *
 * Records become domains, devices and planned restarts again.
 */
#include "driverdomains/devd_takeover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- domains ---------------------------------------------------------- */

static void restore_revival(const struct weir_record_dom *r,
                            struct weir_revival *v)
{
    v->asked = r->asked;
    v->uncounted = r->uncounted;
    v->step = (enum weir_revive_step)r->step;
    v->generation = r->generation;
    v->disks = r->disks;
    v->vifs = r->vifs;
    v->failed = r->unresumed;
    v->died_ns = r->died_ns;
    v->at_ns = r->at_ns;
    v->down_ns = r->down_ns;
    v->served_ns = r->served_ns;
    v->last_us = r->last_us;
    v->max_us = r->max_us;
    v->time_s = r->time_s;
    snprintf(v->why, sizeof(v->why), "%s", r->why);
    v->history = r->history;
}

static void fill_dom(const struct weir_record_dom *r, struct weir_dom *dom)
{
    dom->phase = (enum weir_dom_phase)r->phase;
    dom->sealed = r->sealed;
    dom->ready = r->ready;
    dom->failed = r->failed;
    dom->restart = r->restart;
    dom->rebooting = r->rebooting;
    dom->paused = r->paused;
    /* Nobody hears the answer, but the end of the time is no end of it. */
    dom->stopper.client = r->asked_stop ? UINT64_MAX : 0;
    dom->pid = (pid_t)r->pid;
    dom->restarts = r->restarts;
    dom->streak = r->streak;
    dom->tries = r->tries;
    dom->target_kib = r->target_kib;
    dom->created_ns = r->created_ns;
    dom->deadline_ns = r->stop_ns;
    dom->start_us = r->start_us;
    snprintf(dom->where, sizeof(dom->where), "%s", r->where);
    snprintf(dom->reason, sizeof(dom->reason), "%s", r->reason);
    restore_revival(r, &dom->revival);
}

static int restore_log(struct weir_dom *dom, int pipe_fd)
{
    struct weir_devd *d = dom->devd;
    char path[sizeof(dom->log.path)], file[WEIR_CFG_NAME + 16];
    int rc;

    snprintf(file, sizeof(file), "log/%s.log", dom->cfg.name);
    weir_instance_path(&d->in, file, path, sizeof(path));
    rc = weir_logsink_adopt(&dom->log, path, pipe_fd);
    if (rc) /* the program writes on; nobody keeps it */
        weir_devd_log("%s: %s", path, strerror(-rc));
    return pipe_fd < 0
               ? 0
               : weir_source_add(d, &dom->log_src, pipe_fd, weir_dom_log_ready);
}

/* Takes the descriptors over. */
static int restore_fds(struct weir_dom *dom, uint32_t which, const int *fds)
{
    struct weir_devd *d = dom->devd;
    int pidfd = which & WEIR_RECORD_PIDFD ? *fds++ : -1;
    int channel = which & WEIR_RECORD_CHANNEL ? *fds++ : -1;
    int log = which & WEIR_RECORD_LOG ? *fds++ : -1;
    int rc = restore_log(dom, log);

    if (which & WEIR_RECORD_LISTENER)
        d->xs_listen = *fds;
    if (rc == 0 && pidfd >= 0)
        rc = weir_source_add(d, &dom->exit_src, pidfd, weir_dom_exited);
    if (rc == 0 && channel >= 0)
        rc = weir_source_add(d, &dom->res_src, channel, weir_backend_event);
    return rc;
}

static void note_recorded(struct weir_recorded *rec, const struct weir_found *f)
{
    rec->key = f->key;
    rec->there = true;
    rec->nfds = f->n - 1;
    memcpy(rec->fds, f->fds + 1, rec->nfds * sizeof(rec->fds[0]));
}

int weir_restore_dom(struct weir_takeover *t, const struct weir_found *f)
{
    static struct weir_domain_config cfg; /* one thread; 20 KiB */
    bool store = weir_record_class_of(f->key) == WEIR_RECORD_STORE;
    struct weir_record_dom r;
    struct weir_dom *dom;
    int rc = weir_record_get_dom(f->buf, f->len, &r, &cfg);

    if (rc == 0 && ((unsigned)__builtin_popcount(r.fds) != f->n - 1 ||
                    store != (r.domid == WEIR_STORE_DOMID) ||
                    r.domid != weir_record_domid_of(f->key) ||
                    weir_dom_by_id(t->d, (domid_t)r.domid)))
        rc = -EPROTO;
    if (rc)
        return rc;
    dom = store ? weir_store_dom(t->d)
                : weir_dom_new(t->d, &cfg, (domid_t)r.domid);
    if (!dom)
        return -ENOMEM;
    fill_dom(&r, dom);
    dom->saved = r;
    note_recorded(&dom->rec, f);
    dom->watched = cfg.driver_domain;
    t->doms += !store;
    rc = restore_fds(dom, r.fds, f->fds + 1);
    if (rc) /* nobody would hear of it */
        dom->phase = WEIR_PHASE_KILLED;
    return 0;
}

/* ---- devices ------------------------------------------------------------ */

static struct weir_dom *by_serial(struct weir_devd *d, uint64_t serial)
{
    struct weir_dom *m = d->doms;

    while (m && weir_record_serial_of(m->rec.key) != serial)
        m = m->next;
    return m;
}

static void fill_dev(const struct weir_record_dev *r, struct weir_dev *dev)
{
    dev->backend_domid = (domid_t)r->backend_domid;
    dev->cls = r->cls;
    dev->devid = r->devid;
    dev->phase = (enum weir_dev_phase)r->phase;
    dev->order_seq = r->order_seq;
    dev->at_boot = r->at_boot;
    dev->vm_backend = r->vm_backend;
    /* It may have come there after this was recorded. */
    dev->in_registry = r->in_registry || r->phase == WEIR_DEV_ATTACHING;
    dev->filtered = r->filtered;
    dev->resuming = r->resuming;
    dev->unresumed = r->unresumed;
    dev->image.fd = -1;
    dev->image.block = r->block;
    dev->image.direct = r->direct;
    dev->image.size = r->size;
    dev->image.sector_size = r->sector_size;
    dev->back_state = WEIR_XENBUS_INITIALISING;
    snprintf(dev->tap, sizeof(dev->tap), "%s", r->tap);
    snprintf(dev->error, sizeof(dev->error), "%s", r->error);
}

int weir_restore_dev(struct weir_takeover *t, const struct weir_found *f)
{
    struct weir_dev *dev = calloc(1, sizeof(*dev));
    struct weir_devd *d = t->d;
    struct weir_record_dev r;
    int rc;

    if (!dev)
        return -ENOMEM;
    rc = weir_record_get_dev(f->buf, f->len, &r, &dev->disk, &dev->vif);
    if (rc == 0 && r.nfds != f->n - 1)
        rc = -EPROTO;
    if (rc == 0) {
        dev->frontend = by_serial(d, r.frontend);
        if (!dev->frontend)
            dev->frontend =
                weir_takeover_ghost(t, weir_record_domid_of(f->key));
        if (!dev->frontend)
            rc = -ENOMEM;
    }
    if (rc) {
        free(dev);
        return rc;
    }
    dev->backend = r.backend ? by_serial(d, r.backend) : NULL;
    fill_dev(&r, dev);
    dev->saved = r;
    note_recorded(&dev->rec, f);
    dev->nfds = r.nfds;
    memcpy(dev->fds, f->fds + 1, r.nfds * sizeof(dev->fds[0]));
    if (dev->cls == WEIR_RES_VBD && dev->nfds)
        dev->image.fd = dev->fds[0];
    dev->next = d->devs;
    d->devs = dev;
    if (d->next_seq < r.order_seq)
        d->next_seq = r.order_seq;
    t->devs++;
    return 0;
}

/* ---- domains that are to be built again ---------------------------------- */

static bool named(struct weir_devd *d, const char *name)
{
    for (struct weir_dom *m = d->doms; m; m = m->next)
        if (!strcmp(m->cfg.name, name))
            return true;
    for (struct weir_restart *r = d->restarts; r; r = r->next)
        if (!strcmp(r->cfg.name, name))
            return true;
    return false;
}

int weir_restore_restart(struct weir_takeover *t, const struct weir_found *f)
{
    struct weir_restart *r = calloc(1, sizeof(*r));
    struct weir_devd *d = t->d;
    int rc;

    if (!r)
        return -ENOMEM;
    rc = f->n == 1 ? weir_record_get_restart(f->buf, f->len, &r->saved, &r->cfg)
                   : -EPROTO;
    if (rc) {
        free(r);
        return rc;
    }
    note_recorded(&r->rec, f);
    if (named(d, r->cfg.name)) {
        /* On its way from one record to the other, and the domain's says
         * all; or of an attempt after one that is made again. */
        weir_record_drop(d, &r->rec);
        free(r);
        return 0;
    }
    r->at_ns = r->saved.at_ns;
    r->count = r->saved.count;
    r->streak = r->saved.streak;
    r->failed = r->saved.failed;
    r->next = d->restarts;
    d->restarts = r;
    return 0;
}

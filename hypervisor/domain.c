/* SPDX-License-Identifier: MIT */
#include "hypervisor/vm.h"

#include "ring/barrier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* With priority inheritance the kernel hands the lock to the thread that has
 * waited longest.  A plain mutex is there for who comes first, and that is a
 * domain which makes one call after the other: the others would starve. */
static int init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attr;
    int rc;

    if (pthread_mutexattr_init(&attr))
        return -ENOMEM;
    rc = pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
    if (rc == 0)
        rc = pthread_mutex_init(lock, &attr);
    pthread_mutexattr_destroy(&attr);
    return -rc;
}

int hv_machine_init(struct hv_machine *m, uint64_t bytes)
{
    struct rlimit rl;
    struct stat st;
    int rc;

    memset(m, 0, sizeof(*m));
    m->wake = m->kvm = -1;
    rc = hv_memory_init(&m->mem, bytes);
    if (rc < 0)
        return rc;
    rc = hv_frames_init(&m->frames, bytes >> WEIR_PAGE_SHIFT);
    if (rc < 0)
        return rc;
    m->dom = calloc(WEIR_HV_DOMID_LAST + 1, sizeof(*m->dom));
    m->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!m->dom || m->wake < 0)
        return -ENOMEM;
    if (fstat(m->mem.fd, &st) < 0)
        return -errno;
    m->mem_dev = st.st_dev;
    m->mem_ino = st.st_ino;
    m->unprivileged = geteuid() != 0;
    rc = weir_pagewin_marker(&m->marker);
    if (rc < 0)
        return rc;
    /* Descriptors are weir-hv's scarcest resource: keep some back for
     * control connections and the domains themselves. */
    if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
        rl.rlim_cur = rl.rlim_max;
        setrlimit(RLIMIT_NOFILE, &rl);
    }
    m->max_ports = m->max_stash = 128;
    if (rl.rlim_cur > 1u << 20)
        rl.rlim_cur = 1u << 20;
    if (rl.rlim_cur > 1024) {
        m->max_stash = (uint32_t)(rl.rlim_cur / 8);
        m->max_ports = (uint32_t)(rl.rlim_cur * 7 / 16) - 256;
    }
    return init_lock(&m->lock);
}

void hv_machine_fini(struct hv_machine *m)
{
    pthread_mutex_destroy(&m->lock);
    if (m->wake >= 0)
        close(m->wake);
    if (m->kvm >= 0)
        close(m->kvm);
    free(m->dom);
    hv_frames_fini(&m->frames);
    hv_memory_fini(&m->mem);
}

struct hv_domain *hv_domain_get(struct hv_machine *m, uint32_t domid)
{
    return domid <= WEIR_HV_DOMID_LAST ? m->dom[domid] : NULL;
}

int hv_domain_reserve(struct hv_domain *d, uint32_t count, bool charge,
                      mfn_t *first)
{
    struct hv_machine *m = d->m;
    int rc;

    *first = 0;
    do {
        rc = -ENOMEM;
        pthread_mutex_lock(&m->lock);
        if (!charge || count <= d->max_frames - d->frames)
            rc = hv_frames_alloc(&m->frames, d->domid, count, first);
        if (rc == 0)
            d->held += count;
        for (uint32_t i = 0; rc == 0 && charge && i < count; i++) {
            m->frames.frame[*first + i].charged = true;
            d->frames++;
        }
        pthread_mutex_unlock(&m->lock);
    } while (rc == -EAGAIN);
    return rc;
}

void hv_domain_wake(struct hv_domain *d)
{
    static const uint64_t one = 1;

    if (write(d->wake, &one, sizeof(one)) < 0)
        return; /* full: pending anyway */
}

void hv_main_wake(struct hv_machine *m)
{
    static const uint64_t one = 1;

    if (write(m->wake, &one, sizeof(one)) < 0)
        return;
}

void hv_domain_changed(struct hv_domain *d)
{
    d->changed = true;
    hv_main_wake(d->m);
}

void hv_domain_info(struct hv_domain *d, struct weir_hv_dominfo *out)
{
    memset(out, 0, sizeof(*out));
    out->domid = d->domid;
    memcpy(out->name, d->name, sizeof(out->name));
    out->kind = d->kind;
    out->state = d->state;
    memcpy(out->reason, d->reason, sizeof(out->reason));
    out->pid = d->pid;
    out->frames = d->frames;
    out->max_frames = d->max_frames;
    out->grants_active = d->grants.in_use;
    out->grants_mapped = d->track.used;
    out->ports = d->events.used;
    out->max_ports = d->events.max;
    out->max_maps = d->track.max;
    out->store_frame = d->store;
    out->store_evtchn = d->store_port;
    out->console_evtchn = d->console_port;
    out->faults = weir_load_relaxed64(&d->faults);
    out->hypercalls = weir_load_relaxed64(&d->hypercalls);
    out->io_refused = weir_load_relaxed64(&d->io_refused);
    if (d->vm)
        hv_vm_info(d->vm, out);
    out->uptime_ns = hv_now_ns() - d->born_ns;
    out->generation = d->generation;
}

void hv_domain_free(struct hv_domain *d)
{
    if (d->vm)
        hv_vm_free(d->vm);
    hv_console_fini(&d->console);
    hv_iospace_fini(&d->io);
    hv_keeps_fini(&d->keeps);
    hv_track_fini(&d->track);
    hv_events_fini(&d->events);
    hv_grants_fini(&d->grants);
    if (d->win)
        weir_pagewin_close(d->win);
    if (d->sock >= 0)
        close(d->sock);
    if (d->pidfd >= 0)
        close(d->pidfd);
    if (d->wake >= 0)
        close(d->wake);
    free(d);
}

/* SPDX-License-Identifier: MIT
 *
 * The hypercalls with which a program becomes a domain.
 */
#include "hypervisor/hypercall.h"
#include "hypervisor/verify.h"

#include "hypervisor/client/seal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int hv_op_hello(struct hv_domain *d, struct hv_request *q, struct hv_reply *r)
{
    struct hv_machine *m = d->m;
    struct weir_hv_hello h = {
        .memory_bytes = m->mem.bytes,
        .store_frame = d->store,
        .console_frame = d->console_frame,
        .grant_frame = d->grants.first,
        .grant_frames = d->grants.frames,
        .max_grants = d->grants.max,
        .store_evtchn = d->store_port,
        .console_evtchn = d->console_port,
        .max_ports = d->events.max,
        .domid = d->domid,
    };

    if (weir_le32(q->p) != WEIR_HV_MAGIC)
        return -EPROTO;
    if (weir_le32(q->p + 4) != WEIR_HV_VERSION)
        return -EOPNOTSUPP;
    if (d->pidfd >= 0)
        return -EBUSY;
    if (q->pid <= 0)
        return -EPERM;
    d->pidfd = (int)syscall(SYS_pidfd_open, q->pid, 0);
    if (d->pidfd < 0)
        return -errno;
    pthread_mutex_lock(&m->lock);
    d->pid = q->pid;
    pthread_mutex_unlock(&m->lock);
    memcpy(h.name, d->name, sizeof(h.name));
    weir_hv_put_hello(r->p, &h);
    r->len = WEIR_HV_HELLO_REP;
    r->fd[0] = m->mem.fd;
    r->nfds = 1;
    return 0;
}

int hv_op_window(struct hv_domain *d, struct hv_request *q, struct hv_reply *r)
{
    struct weir_pagewin_ends ends = {
        .uffd = q->fd[0],
        .pagemap = q->fd[1],
        .base = weir_le64(q->p),
        .ro_base = weir_le64(q->p + 8),
        .size = d->m->mem.bytes,
        .pid = d->pid,
    };

    (void)r;
    if (d->pidfd < 0 || d->win)
        return -EPERM;
    if (ends.uffd < 0 || ends.pagemap < 0 ||
        weir_le64(q->p + 16) != d->m->mem.bytes)
        return -EINVAL;
    q->fd[0] = q->fd[1] = -1;
    d->win_base = ends.base;
    d->win_ro_base = ends.ro_base;
    return weir_pagewin_open(&ends, d->m->marker, &d->win);
}

/* The frames it has from the start appear. */
static int present_start(struct hv_domain *d)
{
    const mfn_t single[2] = {d->console_frame, d->store};
    int rc = weir_pagewin_present(d->win, d->grants.first, d->grants.frames,
                                  false, NULL);

    hv_track_charge(&d->track, d->grants.first, d->grants.frames);
    for (int i = 0; i < 2 && rc == 0; i++) {
        if (!single[i])
            continue;
        rc = weir_pagewin_present(d->win, single[i], 1, false, NULL);
        hv_track_charge(&d->track, single[i], 1);
    }
    return rc;
}

static void hand_over(struct hv_domain *d, struct hv_reply *r,
                      evtchn_port_t port)
{
    const struct hv_port *p = hv_event_get(&d->events, port);

    if (!p)
        return;
    r->fd[r->nfds++] = hv_port_wait_fd(p);
    r->fd[r->nfds++] = hv_port_notify_fd(p);
    r->count++;
}

int hv_op_sealed(struct hv_domain *d, struct hv_request *q, struct hv_reply *r)
{
    struct weir_seal_expect e = {
        .pid = d->pid,
        .threads = weir_le32(q->p),
        .uid = weir_le32(q->p + 4),
        .gid = weir_le32(q->p + 8),
        .may_be_root = d->m->unprivileged,
        .mem_dev = d->m->mem_dev,
        .mem_ino = d->m->mem_ino,
        .base = d->win_base,
        .ro_base = d->win_ro_base,
        .size = d->m->mem.bytes,
        .uffd_number = WEIR_SEAL_UFFD,
    };
    char why[WEIR_SEAL_REASON] = "";
    int rc, off = 0;

    if (!d->win)
        return -EPERM;
    rc = weir_verify_seal(&e, why);
    if (rc < 0) {
        hv_domain_fail(d, "seal refused: %.120s", why);
        return rc;
    }
    setsockopt(d->sock, SOL_SOCKET, SO_PASSCRED, &off, sizeof(off));
    rc = present_start(d);
    if (rc < 0) {
        hv_window_failed(d, d->grants.first, 1, rc);
        return rc;
    }
    d->sealed = true;
    pthread_mutex_lock(&d->m->lock);
    d->state = WEIR_DOM_RUNNING;
    hv_domain_changed(d);
    hand_over(d, r, d->console_port);
    if (d->store_port)
        hand_over(d, r, d->store_port);
    pthread_mutex_unlock(&d->m->lock);
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * The control socket's operations.
 */
#include "hypervisor/ctl.h"

#include "hypervisor/vm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct call {
    struct hv_ctl *c;
    struct hv_machine *m;
    struct hv_conn *conn;
    uint32_t seq;
    const uint8_t *p; /* request payload */
    size_t len;
    struct hv_ctl_reply *r;
};

static int op_create(struct call *k)
{
    struct weir_hv_create how;
    char name[WEIR_HV_NAME];
    domid_t domid;
    int rc = weir_hvctl_get_create(k->p, k->len, name, &how);

    if (rc < 0)
        return rc;
    for (const char *s = name; *s; s++)
        if (*s < 0x21 || *s > 0x7e || *s == '/')
            return -EINVAL;
    rc = hv_domain_create(k->m, &how, &domid, &k->r->fd);
    if (rc < 0)
        return rc;
    weir_put32(k->r->p, domid);
    k->r->len = 4;
    return 0;
}

/* With the lock; there is room.  Answered by hv_ctl_reap. */
static void wait_for(struct call *k, uint16_t op, domid_t domid)
{
    k->conn->wait[k->conn->nwait++] = (struct hv_wait){op, k->seq, domid};
}

static int op_destroy(struct call *k)
{
    struct hv_domain *d;
    bool done = false;
    int rc = 0;

    pthread_mutex_lock(&k->m->lock);
    d = hv_domain_get(k->m, weir_le32(k->p));
    if (!d) {
        rc = -ENOENT;
    } else if (d->done) {
        done = true;
    } else if (k->conn->nwait == HV_CTL_WAITS) {
        rc = -EBUSY;
    } else {
        wait_for(k, WEIR_HVCTL_DESTROY, d->domid);
        if (!d->destroy) {
            d->destroy = true;
            if (!d->reason[0])
                strcpy(d->reason, "destroyed");
            d->state = WEIR_DOM_DYING;
            hv_domain_changed(d);
        }
        hv_domain_wake(d);
    }
    pthread_mutex_unlock(&k->m->lock);
    k->r->later = rc == 0 && !done;
    return rc;
}

static int may_revive(struct call *k, const struct hv_domain *d)
{
    if (!d)
        return -ENOENT;
    if (d->kind != WEIR_DOM_PROCESS || d->state != WEIR_DOM_CRASHED)
        return -EINVAL;
    if (d->revive || d->revived)
        return -EALREADY;
    if (hv_domain_named(k->m, d->name))
        return -EEXIST;
    return k->conn->nwait == HV_CTL_WAITS ? -EAGAIN : 0;
}

static int op_revive(struct call *k)
{
    struct hv_domain *d;
    int rc;

    pthread_mutex_lock(&k->m->lock);
    d = hv_domain_get(k->m, weir_le32(k->p));
    rc = may_revive(k, d);
    if (rc == 0) {
        wait_for(k, WEIR_HVCTL_REVIVE, d->domid);
        d->revive = true;
        hv_domain_wake(d);
    }
    pthread_mutex_unlock(&k->m->lock);
    k->r->later = rc == 0;
    return rc;
}

/* BUILDING domains only: nobody runs, so no entry of its p2m changes. */
static struct hv_domain *building_vm(struct call *k, int *rc)
{
    struct hv_domain *d;

    pthread_mutex_lock(&k->m->lock);
    d = hv_domain_get(k->m, weir_le32(k->p));
    *rc = !d ? -ENOENT : !d->vm ? -EINVAL : 0;
    if (*rc == 0 && (d->state != WEIR_DOM_BUILDING || d->vm->go))
        *rc = -EBUSY;
    pthread_mutex_unlock(&k->m->lock);
    return d;
}

/* Only main frees a domain, so that it stays. */
static int op_vm_load(struct call *k)
{
    int rc;
    struct hv_domain *d = building_vm(k, &rc);

    if (rc < 0)
        return rc;
    if (k->r->ngot != 1)
        return -EBADF;
    return hv_vm_load(d->vm, k->r->got[0], weir_le64(k->p + 24),
                      weir_le64(k->p + 16), weir_le64(k->p + 8));
}

static int op_vm_start(struct call *k)
{
    int rc;
    struct hv_domain *d = building_vm(k, &rc);

    if (rc == 0)
        hv_vm_start(d->vm, weir_le32(k->p + 4), weir_le32(k->p + 8));
    return rc;
}

static int stop_or_go(struct call *k, enum weir_dom_state from,
                      enum weir_dom_state to, int sig)
{
    struct hv_domain *d;
    int rc = 0;

    pthread_mutex_lock(&k->m->lock);
    d = hv_domain_get(k->m, weir_le32(k->p));
    if (!d)
        rc = -ENOENT;
    else if (d->state == to)
        rc = 0;
    else if (d->state != from)
        rc = -EINVAL;
    else if (d->vm)
        hv_vm_pause(d->vm, to == WEIR_DOM_PAUSED);
    else if (syscall(SYS_pidfd_send_signal, d->pidfd, sig, NULL, 0) < 0)
        rc = -errno;
    if (rc == 0 && d && d->state != to) {
        d->state = to;
        hv_domain_changed(d);
    }
    pthread_mutex_unlock(&k->m->lock);
    return rc;
}

static int op_pause(struct call *k)
{
    return stop_or_go(k, WEIR_DOM_RUNNING, WEIR_DOM_PAUSED, SIGSTOP);
}

static int op_unpause(struct call *k)
{
    return stop_or_go(k, WEIR_DOM_PAUSED, WEIR_DOM_RUNNING, SIGCONT);
}

static int op_info(struct call *k)
{
    struct weir_hv_dominfo info;
    struct hv_domain *d;

    pthread_mutex_lock(&k->m->lock);
    d = hv_domain_get(k->m, weir_le32(k->p));
    if (d)
        hv_domain_info(d, &info);
    pthread_mutex_unlock(&k->m->lock);
    if (!d)
        return -ENOENT;
    weir_hvctl_put_dominfo(k->r->p, &info);
    k->r->len = WEIR_HVCTL_DOMINFO;
    return 0;
}

static int op_list(struct call *k)
{
    uint32_t id = weir_le32(k->p), max = weir_le32(k->p + 4);

    if (max > WEIR_HVCTL_LIST_MAX)
        max = WEIR_HVCTL_LIST_MAX;
    pthread_mutex_lock(&k->m->lock);
    for (; id <= WEIR_HV_DOMID_LAST && k->r->count < max; id++) {
        struct weir_hv_dominfo info;

        if (!k->m->dom[id])
            continue;
        hv_domain_info(k->m->dom[id], &info);
        weir_hvctl_put_dominfo(k->r->p + k->r->len, &info);
        k->r->len += WEIR_HVCTL_DOMINFO;
        k->r->count++;
    }
    pthread_mutex_unlock(&k->m->lock);
    return 0;
}

static int op_stats(struct call *k)
{
    struct hv_domain *d;
    int rc = 0;

    pthread_mutex_lock(&k->m->lock);
    d = hv_domain_get(k->m, weir_le32(k->p));
    if (!d)
        rc = -ENOENT;
    else if (!d->stats ||
             !hv_frames_grantable(&k->m->frames, d->stats, d->domid))
        rc = -ENODATA;
    else
        memcpy(k->r->p, hv_memory_at(&k->m->mem, d->stats), WEIR_PAGE_SIZE);
    pthread_mutex_unlock(&k->m->lock);
    k->r->len = WEIR_PAGE_SIZE;
    return rc;
}

static int op_console(struct call *k)
{
    struct hv_domain *d;
    int sv[2], rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
        return -errno;
    pthread_mutex_lock(&k->m->lock);
    d = hv_domain_get(k->m, weir_le32(k->p));
    rc = d && !d->done ? hv_console_add(&d->console, sv[0]) : -ENOENT;
    if (rc == 0)
        hv_domain_wake(d);
    pthread_mutex_unlock(&k->m->lock);
    if (rc < 0) {
        close(sv[0]);
        close(sv[1]);
        return rc;
    }
    k->r->fd = sv[1];
    return 0;
}

static int op_subscribe(struct call *k)
{
    k->conn->subscribed = true;
    return 0;
}

static int io_change(struct call *k,
                     int (*change)(struct hv_iospace *,
                                   const struct weir_io_range *))
{
    struct weir_io_range range;
    struct hv_domain *d;
    int rc = weir_hvctl_get_range(k->p + 8, k->len - 8, &range);

    if (rc < 0)
        return rc;
    pthread_mutex_lock(&k->m->lock);
    d = hv_domain_get(k->m, weir_le32(k->p));
    rc = d ? change(&d->io, &range) : -ENOENT;
    pthread_mutex_unlock(&k->m->lock);
    return rc;
}

static int op_io_permit(struct call *k)
{
    return io_change(k, hv_iospace_permit);
}

static int op_io_deny(struct call *k)
{
    return io_change(k, hv_iospace_deny);
}

static int op_io_list(struct call *k)
{
    struct hv_domain *d;

    pthread_mutex_lock(&k->m->lock);
    d = hv_domain_get(k->m, weir_le32(k->p));
    for (unsigned i = 0; d && i < d->io.n; i++) {
        weir_hvctl_put_range(k->r->p + k->r->len, &d->io.range[i]);
        k->r->len += WEIR_HVCTL_IO_RANGE;
        k->r->count++;
    }
    pthread_mutex_unlock(&k->m->lock);
    return d ? 0 : -ENOENT;
}

/* What weir-hv itself keeps in memory; machine frames count as shared memory
 * and are left out. */
static uint64_t own_rss(void)
{
    unsigned long long kb, sum = 0;
    char line[128];
    FILE *f = fopen("/proc/self/status", "re");

    if (!f)
        return 0;
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "RssAnon: %llu", &kb) == 1 ||
            sscanf(line, "RssFile: %llu", &kb) == 1)
            sum += kb;
    fclose(f);
    return sum * 1024;
}

static int op_machine(struct call *k)
{
    struct weir_hv_machine out = {.rss_bytes = own_rss()};

    pthread_mutex_lock(&k->m->lock);
    out.frames_total = k->m->frames.count;
    out.frames_used = k->m->frames.in_use;
    out.domains = k->m->ndomains;
    pthread_mutex_unlock(&k->m->lock);
    snprintf(out.version, sizeof(out.version), "%s", WEIR_VERSION);
    weir_hvctl_put_machine(k->r->p, &out);
    k->r->len = WEIR_HVCTL_MACHINE_REP;
    return 0;
}

static int op_stash(struct call *k)
{
    uint32_t n = weir_le32(k->p + 8);
    int rc;

    if (n < 1 || n > WEIR_STASH_FDS || weir_le32(k->p + 12))
        return -EINVAL;
    if (k->r->ngot != n || k->r->spilt)
        return k->r->ngot < n && k->r->spilt ? -EMFILE : -EBADF;
    rc = hv_stash_put(&k->c->stash, weir_le64(k->p), k->r->got, n);
    if (rc == 0)
        k->r->ngot = 0;
    return rc;
}

static int op_unstash(struct call *k)
{
    return hv_stash_drop(&k->c->stash, weir_le64(k->p));
}

static int op_stashed(struct call *k)
{
    const struct hv_stashed *s = hv_stash_next(&k->c->stash, weir_le64(k->p));

    if (!s)
        return -ENOENT;
    weir_put64(k->r->p, s->key);
    weir_put32(k->r->p + 8, s->n);
    weir_put32(k->r->p + 12, 0);
    k->r->len = WEIR_HVCTL_STASHED_REP;
    k->r->pass = s;
    return 0;
}

static const struct {
    int (*call)(struct call *k);
    size_t len; /* of the payload, exactly */
} ops[] = {
    [WEIR_HVCTL_CREATE] = {op_create, WEIR_HVCTL_CREATE_REQ},
    [WEIR_HVCTL_DESTROY] = {op_destroy, 4},
    [WEIR_HVCTL_REVIVE] = {op_revive, WEIR_HVCTL_REVIVE_REQ},
    [WEIR_HVCTL_PAUSE] = {op_pause, 4},
    [WEIR_HVCTL_UNPAUSE] = {op_unpause, 4},
    [WEIR_HVCTL_INFO] = {op_info, 4},
    [WEIR_HVCTL_LIST] = {op_list, 8},
    [WEIR_HVCTL_STATS] = {op_stats, 4},
    [WEIR_HVCTL_CONSOLE] = {op_console, 4},
    [WEIR_HVCTL_SUBSCRIBE] = {op_subscribe, 0},
    [WEIR_HVCTL_IO_PERMIT] = {op_io_permit, 8 + WEIR_HVCTL_IO_RANGE},
    [WEIR_HVCTL_IO_DENY] = {op_io_deny, 8 + WEIR_HVCTL_IO_RANGE},
    [WEIR_HVCTL_IO_LIST] = {op_io_list, 4},
    [WEIR_HVCTL_MACHINE] = {op_machine, 0},
    [WEIR_HVCTL_VM_LOAD] = {op_vm_load, WEIR_HVCTL_LOAD_REQ},
    [WEIR_HVCTL_VM_START] = {op_vm_start, WEIR_HVCTL_START_REQ},
    [WEIR_HVCTL_STASH] = {op_stash, WEIR_HVCTL_STASH_REQ},
    [WEIR_HVCTL_UNSTASH] = {op_unstash, 8},
    [WEIR_HVCTL_STASHED] = {op_stashed, 8},
};

int hv_ctl_op(struct hv_ctl *c, struct hv_conn *conn,
              const struct weir_hv_header *h, const uint8_t *p, size_t len,
              struct hv_ctl_reply *r)
{
    struct call k = {c, c->m, conn, h->seq, p, len, r};

    if (h->op >= sizeof(ops) / sizeof(ops[0]) || !ops[h->op].call)
        return -ENOSYS;
    if (len != ops[h->op].len || h->count)
        return -EINVAL;
    return ops[h->op].call(&k);
}

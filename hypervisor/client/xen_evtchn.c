/* SPDX-License-Identifier: MIT
 *
 * The xen port: event channels, each with a handle of its own.
 *
 * Handles are used again, so whoever put a port's descriptor into an epoll set
 * takes it out before the port is closed.  The table is written under the lock
 * and read without: the caller closes a port only when no other thread uses
 * it.
 */
#include "hypervisor/client/xen_priv.h"

#include "ring/barrier.h"
#include "ring/error.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#define WAIT_MAX 64

/* A port's entry is most often the one its number says: ports that are bound
 * one after the other have numbers one after the other. */
static struct weir_xen_evtchn *find(struct weir_xen *x, evtchn_port_t port)
{
    unsigned first = port % x->nevtchns;

    if (port == 0)
        return NULL;
    for (unsigned i = 0; i < x->nevtchns; i++) {
        struct weir_xen_evtchn *e =
            &x->evtchn[first + i < x->nevtchns ? first + i
                                               : first + i - x->nevtchns];

        if (weir_load_acquire32(&e->port) == port)
            return e;
    }
    return NULL;
}

/* What the last port of this handle left unread. */
static void drain(struct weir_xen_evtchn *e)
{
    while (xenevtchn_pending(e->handle) >= 0)
        ;
}

static struct weir_xen_evtchn *any_free(struct weir_xen *x)
{
    for (unsigned i = 0; i < x->nevtchns; i++)
        if (x->evtchn[i].port == 0)
            return &x->evtchn[i];
    return NULL;
}

/* Which port it will be is known afterwards: its entry becomes the first free
 * one from where find looks, by an exchange of handles. */
static void settle(struct weir_xen *x, struct weir_xen_evtchn *e,
                   evtchn_port_t port)
{
    for (unsigned i = 0; i < x->nevtchns; i++) {
        struct weir_xen_evtchn *at = &x->evtchn[(port + i) % x->nevtchns];

        if (at->port != 0)
            continue;
        if (at != e) {
            struct weir_xen_evtchn was = *at;

            at->handle = e->handle;
            at->fd = e->fd;
            e->handle = was.handle;
            e->fd = was.fd;
        }
        weir_store_release32(&at->port, port);
        return;
    }
}

static int make(struct weir_xen *x, domid_t remote, bool bind,
                evtchn_port_t remote_port, evtchn_port_t *local)
{
    struct weir_xen_evtchn *e;
    int got, err = -WEIR_ENOSPC;

    pthread_mutex_lock(&x->lock);
    e = any_free(x);
    if (e != NULL) {
        got = bind ? xenevtchn_bind_interdomain(e->handle, remote, remote_port)
                   : xenevtchn_bind_unbound_port(e->handle, remote);
        err = got > 0 ? 0 : errno != 0 ? -errno : -WEIR_EINVAL;
        if (err == 0) {
            *local = (evtchn_port_t)got;
            settle(x, e, *local);
        }
    }
    pthread_mutex_unlock(&x->lock);
    return err;
}

int weir_xen_evtchn_alloc(struct weir_port *p, domid_t remote,
                          evtchn_port_t *local)
{
    return make(weir_xen_of(p), remote, false, 0, local);
}

int weir_xen_evtchn_bind(struct weir_port *p, domid_t remote,
                         evtchn_port_t remote_port, evtchn_port_t *local)
{
    return make(weir_xen_of(p), remote, true, remote_port, local);
}

int weir_xen_evtchn_close(struct weir_port *p, evtchn_port_t local)
{
    struct weir_xen *x = weir_xen_of(p);
    struct weir_xen_evtchn *e;
    int err = -WEIR_EINVAL;

    pthread_mutex_lock(&x->lock);
    e = find(x, local);
    if (e != NULL) {
        err = xenevtchn_unbind(e->handle, local) == 0 ? 0 : -errno;
        drain(e);
        weir_store_release32(&e->port, 0);
    }
    pthread_mutex_unlock(&x->lock);
    return err;
}

int weir_xen_evtchn_notify(struct weir_port *p, evtchn_port_t local)
{
    struct weir_xen_evtchn *e = find(weir_xen_of(p), local);

    if (e == NULL)
        return -WEIR_EINVAL;
    return xenevtchn_notify(e->handle, local) == 0 ? 0 : -errno;
}

int weir_xen_evtchn_fd(struct weir_port *p, evtchn_port_t local)
{
    struct weir_xen_evtchn *e = find(weir_xen_of(p), local);

    return e != NULL ? e->fd : -WEIR_EINVAL;
}

/* Was it pending? */
static bool take(struct weir_xen_evtchn *e)
{
    bool was = false;
    int port;

    while ((port = xenevtchn_pending(e->handle)) >= 0) {
        xenevtchn_unmask(e->handle, (evtchn_port_t)port);
        was = was || (uint32_t)port == e->port;
    }
    return was;
}

void weir_xen_evtchn_clear(struct weir_port *p, evtchn_port_t local)
{
    struct weir_xen_evtchn *e = find(weir_xen_of(p), local);

    if (e != NULL)
        take(e);
}

static uint64_t collect(struct weir_xen_evtchn *const *e, unsigned n)
{
    uint64_t got = 0;

    for (unsigned i = 0; i < n; i++)
        if (take(e[i]))
            got |= UINT64_C(1) << i;
    return got;
}

int weir_xen_wait(struct weir_port *p, const evtchn_port_t *ports, unsigned n,
                  uint64_t timeout_ns, uint64_t *pending)
{
    struct weir_xen_evtchn *e[WAIT_MAX];
    struct pollfd fds[WAIT_MAX];
    uint64_t began = weir_xen_now(p);

    *pending = 0;
    if (n > WAIT_MAX)
        return -WEIR_EINVAL;
    for (unsigned i = 0; i < n; i++) {
        e[i] = find(weir_xen_of(p), ports[i]);
        if (e[i] == NULL)
            return -WEIR_EINVAL;
        fds[i] = (struct pollfd){.fd = e[i]->fd, .events = POLLIN};
    }
    for (;;) {
        uint64_t passed = weir_xen_now(p) - began, left;
        struct timespec ts;

        *pending = collect(e, n);
        if (*pending != 0 || passed >= timeout_ns)
            return 0;
        left = timeout_ns - passed;
        ts.tv_sec = (time_t)(left / 1000000000u);
        ts.tv_nsec = (long)(left % 1000000000u);
        if (ppoll(fds, n, timeout_ns == UINT64_MAX ? NULL : &ts, NULL) < 0 &&
            errno != EINTR)
            return -WEIR_EIO;
    }
}

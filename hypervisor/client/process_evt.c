/* SPDX-License-Identifier: MIT
 *
 * Process port: event channels.  A port is two eventfds; notifying and waiting
 * touch these alone, without weir-hv.
 *
 * The table is written under the lock and read without: the caller closes a
 * port only when no other thread uses it.
 */
#include "hypervisor/client/process_call.h"

#include "ring/error.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MAX 64

static struct weir_process_port *port_of(struct weir_port *p,
                                         evtchn_port_t port)
{
    struct weir_process *d = weir_process_of(p);

    if (port > d->hello.max_ports || d->ports[port].wait < 0)
        return NULL;
    return &d->ports[port];
}

int weir_process_port_add(struct weir_process *d, evtchn_port_t port,
                          const int fds[2])
{
    if (port == 0 || port > d->hello.max_ports || d->ports[port].wait >= 0)
        return -WEIR_EPROTO;
    d->ports[port].notify = fds[1];
    d->ports[port].wait = fds[0];
    return 0;
}

static int close_port(struct weir_process *d, evtchn_port_t port)
{
    struct weir_process_msg m = {.op = WEIR_HV_EVTCHN_CLOSE, .len = 4};

    weir_put32(weir_process_args(d), port);
    return weir_process_call(d, &m);
}

/* A call that makes a port. */
static int make_port(struct weir_process *d, struct weir_process_msg *m,
                     evtchn_port_t *local)
{
    evtchn_port_t port;
    int rc = d->sealed ? weir_process_call(d, m) : -WEIR_EPERM;

    if (rc < 0)
        return rc;
    port = weir_le32(weir_process_result(d));
    rc = m->nfds == 2 ? weir_process_port_add(d, port, m->fds) : -WEIR_EMFILE;
    if (rc == 0) {
        *local = port;
        return 0;
    }
    /* No descriptor left for it: weir-hv forgets the port again. */
    for (unsigned i = 0; i < m->nfds; i++)
        close(m->fds[i]);
    close_port(d, port);
    return rc;
}

int weir_process_evtchn_alloc(struct weir_port *p, domid_t remote,
                              evtchn_port_t *local)
{
    struct weir_process *d = weir_process_of(p);
    struct weir_process_msg m = {
        .op = WEIR_HV_EVTCHN_ALLOC, .len = 4, .want = 4};
    int rc;

    pthread_mutex_lock(&d->lock);
    weir_put32(weir_process_args(d), remote);
    rc = make_port(d, &m, local);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

int weir_process_evtchn_bind(struct weir_port *p, domid_t remote,
                             evtchn_port_t remote_port, evtchn_port_t *local)
{
    struct weir_process *d = weir_process_of(p);
    struct weir_process_msg m = {
        .op = WEIR_HV_EVTCHN_BIND, .len = 8, .want = 4};
    int rc;

    pthread_mutex_lock(&d->lock);
    weir_put32(weir_process_args(d), remote);
    weir_put32(weir_process_args(d) + 4, remote_port);
    rc = make_port(d, &m, local);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

int weir_process_evtchn_close(struct weir_port *p, evtchn_port_t local)
{
    struct weir_process *d = weir_process_of(p);
    struct weir_process_port *port;
    int rc = -WEIR_EINVAL;

    pthread_mutex_lock(&d->lock);
    port = port_of(p, local);
    if (port)
        rc = close_port(d, local);
    if (rc == 0) {
        close(port->wait);
        close(port->notify);
        port->wait = port->notify = -1;
    }
    pthread_mutex_unlock(&d->lock);
    return rc;
}

int weir_process_evtchn_notify(struct weir_port *p, evtchn_port_t local)
{
    static const uint64_t one = 1;
    const struct weir_process_port *port = port_of(p, local);

    if (!port)
        return -WEIR_EINVAL;
    /* EAGAIN: the peer has not looked for 2^64 notifications; it is pending */
    if (write(port->notify, &one, sizeof(one)) < 0 && errno != EAGAIN)
        return -WEIR_EIO;
    return 0;
}

void weir_process_evtchn_clear(struct weir_port *p, evtchn_port_t local)
{
    const struct weir_process_port *port = port_of(p, local);
    uint64_t n;

    if (port && read(port->wait, &n, sizeof(n)) < 0)
        return; /* was not pending */
}

int weir_process_evtchn_fd(struct weir_port *p, evtchn_port_t local)
{
    const struct weir_process_port *port = port_of(p, local);

    return port ? port->wait : -WEIR_EINVAL;
}

/* Takes the pending state of each port away; which were pending. */
static uint64_t collect(const struct pollfd *fds, unsigned n)
{
    uint64_t got = 0, count;

    for (unsigned i = 0; i < n; i++)
        if (read(fds[i].fd, &count, sizeof(count)) == sizeof(count))
            got |= UINT64_C(1) << i;
    return got;
}

int weir_process_wait(struct weir_port *p, const evtchn_port_t *ports,
                      unsigned n, uint64_t timeout_ns, uint64_t *pending)
{
    struct pollfd fds[WAIT_MAX];
    uint64_t end = 0;

    *pending = 0;
    if (n > WAIT_MAX)
        return -WEIR_EINVAL;
    for (unsigned i = 0; i < n; i++) {
        const struct weir_process_port *port = port_of(p, ports[i]);

        if (!port)
            return -WEIR_EINVAL;
        fds[i] = (struct pollfd){.fd = port->wait, .events = POLLIN};
    }
    if (timeout_ns != UINT64_MAX)
        end = weir_process_now(p) + timeout_ns;
    for (;;) {
        uint64_t left = 0, now;
        struct timespec ts;

        *pending = collect(fds, n);
        if (*pending || timeout_ns == 0)
            return 0;
        if (timeout_ns != UINT64_MAX) {
            now = weir_process_now(p);
            if (now >= end)
                return 0;
            left = end - now;
        }
        ts.tv_sec = (time_t)(left / 1000000000u);
        ts.tv_nsec = (long)(left % 1000000000u);
        if (ppoll(fds, n, timeout_ns == UINT64_MAX ? NULL : &ts, NULL) < 0 &&
            errno != EINTR)
            return -WEIR_EIO;
    }
}

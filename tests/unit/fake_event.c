/* SPDX-License-Identifier: MIT
 *
 * The fake machine: event channels, fault injection, counters.
 */
#include "tests/unit/fake_private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static int new_port(struct fake_domain *d, evtchn_port_t *local)
{
    for (evtchn_port_t i = 1; i < FAKE_PORTS; i++) {
        struct fake_evtchn *e = &d->evtchn[i];

        if (e->state != PORT_CLOSED)
            continue;
        e->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (e->fd < 0)
            return -WEIR_ENOMEM;
        *local = i;
        return 0;
    }
    return -WEIR_ENOSPC;
}

static void raise_port(struct fake_evtchn *e)
{
    uint64_t one = 1;

    /* Full means pending already. */
    if (write(e->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        abort();
}

static void clear_fd(int fd)
{
    uint64_t count;

    if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        abort();
}

static struct fake_evtchn *open_port(struct fake_domain *d, evtchn_port_t port)
{
    if (port == 0 || port >= FAKE_PORTS || d->evtchn[port].state == PORT_CLOSED)
        return NULL;
    return &d->evtchn[port];
}

int fake_evtchn_alloc(struct weir_port *p, domid_t remote, evtchn_port_t *local)
{
    struct fake_domain *d = fake_of(p);
    int rc;

    pthread_mutex_lock(&d->m->lock);
    rc = fake_enter(d, WEIR_FAKE_EVTCHN_ALLOC);
    if (rc == 0)
        rc = new_port(d, local);
    if (rc == 0) {
        d->evtchn[*local].state = PORT_UNBOUND;
        d->evtchn[*local].remote = remote;
    }
    pthread_mutex_unlock(&d->m->lock);
    return rc;
}

int fake_evtchn_bind(struct weir_port *p, domid_t remote,
                     evtchn_port_t remote_port, evtchn_port_t *local)
{
    struct fake_domain *d = fake_of(p), *peer;
    struct fake_evtchn *there, *here;
    int rc;

    pthread_mutex_lock(&d->m->lock);
    rc = fake_enter(d, WEIR_FAKE_EVTCHN_BIND);
    peer = fake_find(d->m, remote);
    there = peer != NULL ? open_port(peer, remote_port) : NULL;
    if (rc == 0 && (there == NULL || there->state != PORT_UNBOUND ||
                    there->remote != d->domid))
        rc = -WEIR_EINVAL;
    if (rc == 0)
        rc = new_port(d, local);
    if (rc == 0) {
        here = &d->evtchn[*local];
        here->state = there->state = PORT_BOUND;
        here->remote = remote;
        here->peer = peer;
        here->peer_port = remote_port;
        there->peer = d;
        there->peer_port = *local;
        raise_port(here);
    }
    pthread_mutex_unlock(&d->m->lock);
    return rc;
}

static void close_port(struct fake_domain *d, evtchn_port_t local)
{
    struct fake_evtchn *e = &d->evtchn[local];

    if (e->state == PORT_BOUND) {
        struct fake_evtchn *there = &e->peer->evtchn[e->peer_port];

        there->state = PORT_UNBOUND;
        there->remote = d->domid;
        there->peer = NULL;
    }
    close(e->fd);
    *e = (struct fake_evtchn){.state = PORT_CLOSED};
}

void fake_close_all(struct fake_domain *d)
{
    for (evtchn_port_t i = 1; i < FAKE_PORTS; i++) {
        if (open_port(d, i) != NULL)
            close_port(d, i);
    }
}

int fake_evtchn_close(struct weir_port *p, evtchn_port_t local)
{
    struct fake_domain *d = fake_of(p);
    int rc;

    pthread_mutex_lock(&d->m->lock);
    rc = fake_enter(d, WEIR_FAKE_EVTCHN_CLOSE);
    if (rc == 0 && open_port(d, local) == NULL)
        rc = -WEIR_EINVAL;
    if (rc == 0)
        close_port(d, local);
    pthread_mutex_unlock(&d->m->lock);
    return rc;
}

int fake_evtchn_notify(struct weir_port *p, evtchn_port_t local)
{
    struct fake_domain *d = fake_of(p);
    struct fake_evtchn *e;
    int rc;

    pthread_mutex_lock(&d->m->lock);
    rc = fake_enter(d, WEIR_FAKE_NOTIFY);
    e = open_port(d, local);
    if (rc == 0 && e == NULL)
        rc = -WEIR_EINVAL;
    if (rc == 0 && e->state == PORT_BOUND)
        raise_port(&e->peer->evtchn[e->peer_port]);
    pthread_mutex_unlock(&d->m->lock);
    return rc;
}

int fake_evtchn_fd(struct weir_port *p, evtchn_port_t local)
{
    struct fake_domain *d = fake_of(p);
    struct fake_evtchn *e;
    int fd;

    pthread_mutex_lock(&d->m->lock);
    e = open_port(d, local);
    fd = e != NULL ? e->fd : -WEIR_EINVAL;
    pthread_mutex_unlock(&d->m->lock);
    return fd;
}

void fake_evtchn_clear(struct weir_port *p, evtchn_port_t local)
{
    int fd = fake_evtchn_fd(p, local);

    if (fd >= 0)
        clear_fd(fd);
}

int fake_wait(struct weir_port *p, const evtchn_port_t *ports, unsigned n,
              uint64_t timeout_ns, uint64_t *pending)
{
    struct fake_domain *d = fake_of(p);
    struct timespec ts = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                          .tv_nsec = (long)(timeout_ns % 1000000000u)};
    struct pollfd fds[64];
    int rc;

    *pending = 0;
    if (n > 64)
        return -WEIR_EINVAL;
    pthread_mutex_lock(&d->m->lock);
    rc = fake_enter(d, WEIR_FAKE_WAIT);
    pthread_mutex_unlock(&d->m->lock);
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        fds[i].fd = fake_evtchn_fd(p, ports[i]);
        fds[i].events = POLLIN;
        if (fds[i].fd < 0)
            rc = -WEIR_EINVAL;
    }
    if (rc != 0)
        return rc;
    rc = ppoll(fds, n, timeout_ns == UINT64_MAX ? NULL : &ts, NULL);
    if (rc < 0)
        return errno == EINTR ? 0 : -errno;
    for (unsigned i = 0; i < n; i++) {
        if ((fds[i].revents & POLLIN) != 0) {
            clear_fd(fds[i].fd);
            *pending |= UINT64_C(1) << i;
        }
    }
    return 0;
}

void weir_fake_fail(struct weir_port *port, enum weir_fake_call call,
                    unsigned after, unsigned count, int error)
{
    struct fake_domain *d = fake_of(port);

    pthread_mutex_lock(&d->m->lock);
    d->fault[call] = (struct fake_fault){after, count, error};
    pthread_mutex_unlock(&d->m->lock);
}

uint64_t weir_fake_calls(struct weir_port *port, enum weir_fake_call call)
{
    struct fake_domain *d = fake_of(port);
    uint64_t n;

    pthread_mutex_lock(&d->m->lock);
    n = d->calls[call];
    pthread_mutex_unlock(&d->m->lock);
    return n;
}

void weir_fake_set_max_grant_frames(struct weir_port *port, unsigned frames)
{
    struct fake_domain *d = fake_of(port);

    pthread_mutex_lock(&d->m->lock);
    d->max_table_frames =
        frames > FAKE_GRANT_FRAMES ? FAKE_GRANT_FRAMES : frames;
    pthread_mutex_unlock(&d->m->lock);
}

void weir_fake_set_max_maps(struct weir_port *port, unsigned maps)
{
    struct fake_domain *d = fake_of(port);

    pthread_mutex_lock(&d->m->lock);
    d->max_maps = maps;
    pthread_mutex_unlock(&d->m->lock);
}

unsigned weir_fake_pages(struct weir_port *port)
{
    struct fake_domain *d = fake_of(port);
    unsigned n;

    pthread_mutex_lock(&d->m->lock);
    n = d->frames;
    pthread_mutex_unlock(&d->m->lock);
    return n;
}

unsigned weir_fake_mapped(struct weir_port *port)
{
    struct fake_domain *d = fake_of(port);
    unsigned n;

    pthread_mutex_lock(&d->m->lock);
    n = d->nmaps;
    pthread_mutex_unlock(&d->m->lock);
    return n;
}

unsigned weir_fake_ports(struct weir_port *port)
{
    struct fake_domain *d = fake_of(port);
    unsigned n = 0;

    pthread_mutex_lock(&d->m->lock);
    for (evtchn_port_t i = 1; i < FAKE_PORTS; i++)
        n += open_port(d, i) != NULL;
    pthread_mutex_unlock(&d->m->lock);
    return n;
}

/* SPDX-License-Identifier: MIT */
#include "hypervisor/console.h"

#include "ring/barrier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int hv_console_init(struct hv_console *c)
{
    memset(c, 0, sizeof(*c));
    if (pthread_mutex_init(&c->lock, NULL))
        return -ENOMEM;
    for (int i = 0; i < HV_VIEWERS; i++)
        c->viewer[i].fd = -1;
    c->backlog = malloc(HV_BACKLOG);
    return c->backlog ? 0 : -ENOMEM;
}

static void drop_viewer(struct hv_viewer *v)
{
    close(v->fd);
    v->fd = -1;
}

void hv_console_close(struct hv_console *c)
{
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < HV_VIEWERS; i++)
        if (c->viewer[i].fd >= 0)
            drop_viewer(&c->viewer[i]);
    pthread_mutex_unlock(&c->lock);
}

void hv_console_fini(struct hv_console *c)
{
    if (!c->backlog)
        return;
    hv_console_close(c);
    pthread_mutex_destroy(&c->lock);
    free(c->backlog);
    c->backlog = NULL;
}

static void keep(struct hv_console *c, uint8_t byte)
{
    c->backlog[c->total++ % HV_BACKLOG] = byte;
}

void hv_console_write(struct hv_console *c, const uint8_t *buf, size_t len)
{
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < len; i++)
        keep(c, buf[i]);
    pthread_mutex_unlock(&c->lock);
}

bool hv_console_output(struct hv_console *c)
{
    volatile struct weir_console_interface *r = c->ring;
    uint32_t prod, cons;

    if (!r)
        return false;
    /* The domain writes out_prod, weir-hv out_cons. */
    cons = weir_load_relaxed32(&r->out_cons);
    prod = weir_load_acquire32(&r->out_prod);
    if (prod == cons)
        return false;
    if (prod - cons > WEIR_CONSOLE_OUT_SIZE) {
        /* Nonsense: take nothing, start over where it says it is. */
        c->broken++;
        weir_store_release32(&r->out_cons, prod);
        return false;
    }
    pthread_mutex_lock(&c->lock);
    for (; cons != prod; cons++)
        keep(c, (uint8_t)r->out[cons % WEIR_CONSOLE_OUT_SIZE]);
    pthread_mutex_unlock(&c->lock);
    weir_store_release32(&r->out_cons, cons);
    return true;
}

size_t hv_console_input_room(const struct hv_console *c)
{
    uint32_t used;

    if (!c->ring)
        return 0;
    used = weir_load_relaxed32(&c->ring->in_prod) -
           weir_load_acquire32(&c->ring->in_cons);
    return used > WEIR_CONSOLE_IN_SIZE ? 0 : WEIR_CONSOLE_IN_SIZE - used;
}

size_t hv_console_input(struct hv_console *c, const uint8_t *buf, size_t len)
{
    size_t room = hv_console_input_room(c);
    uint32_t prod;

    if (len > room)
        len = room;
    if (len == 0)
        return 0;
    prod = weir_load_relaxed32(&c->ring->in_prod);
    for (size_t i = 0; i < len; i++)
        c->ring->in[prod++ % WEIR_CONSOLE_IN_SIZE] = (char)buf[i];
    weir_store_release32(&c->ring->in_prod, prod);
    return len;
}

int hv_console_add(struct hv_console *c, int fd)
{
    int rc = -EBUSY;

    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < HV_VIEWERS && rc < 0; i++) {
        if (c->viewer[i].fd < 0) {
            uint64_t kept = c->total < HV_BACKLOG ? c->total : HV_BACKLOG;

            c->viewer[i] = (struct hv_viewer){fd, c->total - kept, false};
            rc = 0;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return rc;
}

void hv_console_poll(struct hv_console *c, struct pollfd *pfd)
{
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < HV_VIEWERS; i++) {
        const struct hv_viewer *v = &c->viewer[i];

        pfd[i] = (struct pollfd){.fd = v->fd};
        if (v->pos != c->total)
            pfd[i].events |= POLLOUT;
        if (!v->eof && hv_console_input_room(c) > 0)
            pfd[i].events |= POLLIN;
    }
    pthread_mutex_unlock(&c->lock);
}

/* False when the viewer is gone. */
static bool feed(struct hv_console *c, struct hv_viewer *v)
{
    while (v->pos != c->total) {
        uint64_t behind = c->total - v->pos;
        size_t at, len;
        ssize_t n;

        if (behind > HV_BACKLOG) {
            v->pos = c->total - HV_BACKLOG;
            behind = HV_BACKLOG;
        }
        at = v->pos % HV_BACKLOG;
        len = HV_BACKLOG - at < behind ? HV_BACKLOG - at : (size_t)behind;
        n = send(v->fd, c->backlog + at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        v->pos += (uint64_t)n;
    }
    return true;
}

bool hv_console_serve(struct hv_console *c, const struct pollfd *pfd)
{
    bool notify = false;

    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < HV_VIEWERS; i++) {
        struct hv_viewer *v = &c->viewer[i];
        uint8_t buf[256];
        size_t room = hv_console_input_room(c);
        ssize_t n;

        if (v->fd < 0 || pfd[i].fd != v->fd)
            continue;
        if (!feed(c, v) || (pfd[i].revents & (POLLERR | POLLHUP))) {
            drop_viewer(v);
            continue;
        }
        if (!(pfd[i].revents & POLLIN) || room == 0)
            continue;
        n = recv(v->fd, buf, room < sizeof(buf) ? room : sizeof(buf),
                 MSG_DONTWAIT);
        if (n > 0)
            notify |= hv_console_input(c, buf, (size_t)n) > 0;
        else if (n == 0)
            v->eof = true;
        else if (errno != EAGAIN && errno != EINTR)
            drop_viewer(v);
    }
    pthread_mutex_unlock(&c->lock);
    return notify;
}

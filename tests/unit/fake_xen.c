/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_xen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#define PAGE  4096u
#define PORTS 4096u

struct xengntdev_handle {
    int unused;
};

struct xenevtchn_handle {
    int fds[2]; /* the caller's end, where its driver puts ports */
};

static struct {
    int memfd;
    uint8_t *pages;
    unsigned mapped, handles, copies, next;
    struct {
        xenevtchn_handle *handle;
        bool masked, waiting;
        unsigned notified;
    } port[PORTS];
} x = {.memfd = -1};

void fake_xen_reset(void)
{
    if (x.pages != NULL)
        munmap(x.pages, FAKE_XEN_REFS * PAGE);
    if (x.memfd >= 0)
        close(x.memfd);
    memset(&x, 0, sizeof(x));
    x.next = 1;
    x.memfd = memfd_create("foreign", MFD_CLOEXEC);
    if (x.memfd < 0 || ftruncate(x.memfd, FAKE_XEN_REFS * PAGE) != 0)
        abort();
    x.pages = mmap(NULL, FAKE_XEN_REFS * PAGE, PROT_READ | PROT_WRITE,
                   MAP_SHARED, x.memfd, 0);
    if (x.pages == MAP_FAILED)
        abort();
}

uint8_t *fake_xen_page(unsigned ref)
{
    return x.pages + ref * PAGE;
}

unsigned fake_xen_mapped(void)
{
    return x.mapped;
}

unsigned fake_xen_handles(void)
{
    return x.handles;
}

unsigned fake_xen_copies(void)
{
    return x.copies;
}

unsigned fake_xen_notified(unsigned port)
{
    return x.port[port].notified;
}

void fake_xen_next_port(unsigned port)
{
    x.next = port;
}

/* ---- grants ---- */

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger,
                                 unsigned open_flags)
{
    (void)logger;
    (void)open_flags;
    x.handles++;
    return calloc(1, sizeof(xengnttab_handle));
}

int xengnttab_close(xengnttab_handle *xgt)
{
    x.handles--;
    free(xgt);
    return 0;
}

static int grant_error(uint32_t domid, uint32_t ref, bool write)
{
    if (domid != FAKE_XEN_DOM)
        return GNTST_bad_domain;
    if (ref >= FAKE_XEN_REFS)
        return GNTST_bad_gntref;
    return write && ref % 2 != 0 ? GNTST_general_error : GNTST_okay;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid,
                              uint32_t ref, int prot)
{
    void *a;

    (void)xgt;
    if (grant_error(domid, ref, (prot & PROT_WRITE) != 0) != GNTST_okay) {
        errno = EINVAL;
        return NULL;
    }
    a = mmap(NULL, PAGE, prot, MAP_SHARED, x.memfd, (off_t)ref * PAGE);
    if (a == MAP_FAILED)
        return NULL;
    x.mapped++;
    return a;
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
    (void)xgt;
    if (start_address == NULL || count != 1) {
        errno = EINVAL;
        return -1;
    }
    x.mapped--;
    return munmap(start_address, PAGE);
}

static uint8_t *end_of(const xengnttab_grant_copy_segment_t *s, bool dest,
                       int16_t *status)
{
    const union xengnttab_copy_ptr *p = dest ? &s->dest : &s->source;
    int flag = dest ? GNTCOPY_dest_gref : GNTCOPY_source_gref;

    if (!(s->flags & flag))
        return p->virt;
    *status = (int16_t)grant_error(p->foreign.domid, p->foreign.ref, dest);
    return *status == GNTST_okay
               ? fake_xen_page(p->foreign.ref) + p->foreign.offset
               : NULL;
}

int xengnttab_grant_copy(xengnttab_handle *xgt, uint32_t count,
                         xengnttab_grant_copy_segment_t *segs)
{
    (void)xgt;
    for (uint32_t i = 0; i < count; i++) {
        const xengnttab_grant_copy_segment_t *s = &segs[i];

        if (((s->flags & GNTCOPY_source_gref) &&
             s->source.foreign.offset + s->len > (int)PAGE) ||
            ((s->flags & GNTCOPY_dest_gref) &&
             s->dest.foreign.offset + s->len > (int)PAGE)) {
            errno = EINVAL;
            return -1;
        }
    }
    x.copies++;
    for (uint32_t i = 0; i < count; i++) {
        xengnttab_grant_copy_segment_t *s = &segs[i];
        int16_t status = GNTST_okay;
        uint8_t *from = end_of(s, false, &status);
        uint8_t *to = from != NULL ? end_of(s, true, &status) : NULL;

        if (to != NULL)
            memcpy(to, from, s->len);
        s->status = status;
    }
    return 0;
}

/* ---- events ---- */

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger,
                                 unsigned int flags)
{
    xenevtchn_handle *h = calloc(1, sizeof(*h));

    (void)logger;
    (void)flags;
    if (h == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, h->fds) != 0)
        abort();
    x.handles++;
    return h;
}

int xenevtchn_close(xenevtchn_handle *xce)
{
    close(xce->fds[0]);
    close(xce->fds[1]);
    free(xce);
    x.handles--;
    return 0;
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
    return xce->fds[0];
}

void fake_xen_raise(unsigned port)
{
    uint32_t number = port;

    x.port[port].waiting = true;
    if (x.port[port].handle == NULL || x.port[port].masked)
        return;
    x.port[port].waiting = false;
    x.port[port].masked = true;
    if (write(x.port[port].handle->fds[1], &number, sizeof(number)) < 0)
        abort();
}

static int bind_port(xenevtchn_handle *xce)
{
    unsigned port = x.next++;

    memset(&x.port[port], 0, sizeof(x.port[port]));
    x.port[port].handle = xce;
    return (int)port;
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *xce,
                                                      uint32_t domid)
{
    (void)domid;
    return bind_port(xce);
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce,
                                                     uint32_t domid,
                                                     evtchn_port_t remote_port)
{
    int port;

    if (domid != FAKE_XEN_DOM || remote_port == 0) {
        errno = EINVAL;
        return -1;
    }
    port = bind_port(xce);
    fake_xen_raise((unsigned)port); /* starts pending */
    return port;
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
    if (port >= PORTS || x.port[port].handle != xce) {
        errno = EINVAL;
        return -1;
    }
    x.port[port].handle = NULL;
    return 0;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
    if (port >= PORTS || x.port[port].handle != xce) {
        errno = EINVAL;
        return -1;
    }
    x.port[port].notified++;
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
    uint32_t port;

    if (read(xce->fds[0], &port, sizeof(port)) != (ssize_t)sizeof(port))
        return -1;
    return (int)port;
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
    if (port >= PORTS || x.port[port].handle != xce) {
        errno = EINVAL;
        return -1;
    }
    x.port[port].masked = false;
    if (x.port[port].waiting)
        fake_xen_raise(port);
    return 0;
}

/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/hv_fake.h"

#include "hypervisor/hypercall.h"
#include "hypervisor/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

unsigned fake_kernel;

#define FRAMES 1024

/* The page tables of the window, or of both: none, read-only, writable. */
enum { NONE, RO, RW };
struct weir_pagewin {
    uint8_t rw[FRAMES], ro[FRAMES];
};

int weir_pagewin_marker(uint64_t *marker)
{
    *marker = 0;
    return 0;
}

int weir_pagewin_open(const struct weir_pagewin_ends *ends, uint64_t marker,
                      struct weir_pagewin **out)
{
    (void)marker;
    close(ends->uffd);
    close(ends->pagemap);
    *out = calloc(1, sizeof(**out));
    return *out ? 0 : -ENOMEM;
}

void weir_pagewin_close(struct weir_pagewin *w)
{
    free(w);
}

int weir_pagewin_fd(const struct weir_pagewin *w)
{
    (void)w;
    return -1;
}

bool weir_pagewin_one_window(const struct weir_pagewin *w)
{
    (void)w;
    return !(fake_kernel & FAKE_TWO_WINDOWS);
}

int weir_pagewin_present(struct weir_pagewin *w, mfn_t first, uint64_t n,
                         bool readonly, uint64_t *done)
{
    (void)done;
    fake_unlocked();
    if (fake_kernel & FAKE_NO_MEMORY)
        return -ENOMEM;
    for (uint64_t m = first; m < first + n; m++) {
        /* What is presented must be populated: touch it. */
        if (!*(volatile uint8_t *)hv_memory_at(&fake_machine()->mem, m))
            continue;
    }
    if (readonly && !weir_pagewin_one_window(w))
        memset(w->ro + first, RO, n);
    else
        memset(w->rw + first, readonly ? RO : RW, n);
    return 0;
}

int weir_pagewin_protect(struct weir_pagewin *w, mfn_t first, uint64_t n)
{
    fake_unlocked();
    for (uint64_t m = first; m < first + n; m++)
        if (w->rw[m] == RW)
            w->rw[m] = RO;
    return 0;
}

/* An honest domain has dropped the pages before it says so. */
int weir_pagewin_check_unmapped(struct weir_pagewin *w, const mfn_t *frames,
                                unsigned n, int *status)
{
    fake_unlocked();
    for (unsigned i = 0; i < n; i++) {
        mfn_t m = frames[i];

        if (!(fake_kernel & FAKE_STILL_MAPPED))
            w->rw[m] = w->ro[m] = NONE;
        status[i] = w->rw[m] || w->ro[m] ? -EBUSY : 0;
    }
    return 0;
}

void fake_check_access(struct hv_domain *d)
{
    for (mfn_t m = 0; d->win && !d->fail && m < FRAMES; m++) {
        struct hv_count held = hv_track_count(&d->track, m);
        bool own = hv_own_frame(d, m);

        if (d->win->rw[m] == RW && !own && !held.rw)
            abort();
        if (d->win->rw[m] == RO && !own && !held.rw && !held.ro)
            abort();
        if (d->win->ro[m] && !held.ro)
            abort();
    }
}

int weir_pagewin_read_fault(struct weir_pagewin *w, struct weir_pagefault *f)
{
    (void)w;
    (void)f;
    return 0;
}

bool weir_pagewin_dead(struct weir_pagewin *w)
{
    (void)w;
    return true;
}

int weir_verify_seal(const struct weir_seal_expect *e,
                     char reason[WEIR_SEAL_REASON])
{
    (void)e;
    reason[0] = 0;
    return 0;
}

struct hv_machine *fake_machine(void)
{
    static struct hv_machine m;

    if (!m.dom && hv_machine_init(&m, FRAMES * WEIR_PAGE_SIZE) < 0)
        abort();
    return &m;
}

void fake_unlocked(void)
{
    struct hv_machine *m = fake_machine();

    if (pthread_mutex_trylock(&m->lock))
        abort();
    pthread_mutex_unlock(&m->lock);
}

struct hv_domain *fake_domain(domid_t domid, int *fd)
{
    static const struct weir_hv_create how = {
        .name = "fuzz",
        .max_frames = 32,
        .max_grants = 2,
        .max_ports = 8,
        .max_maps = 32,
        .has_store = true,
        .store_domid = 1,
    };

    return fake_domain_like(&how, domid, fd);
}

struct hv_domain *fake_domain_like(const struct weir_hv_create *how,
                                   domid_t domid, int *fd)
{
    struct hv_machine *m = fake_machine();
    struct hv_domain *d;
    int sv[2];

    if (hv_domain_build(m, how, domid, &d) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv) < 0)
        abort();
    d->sock = sv[0];
    *fd = sv[1];
    d->win = calloc(1, sizeof(*d->win));
    d->sealed = true;
    m->dom[domid] = d;
    m->ndomains++;
    return d;
}

bool fake_revive(struct hv_domain *d, int *fd)
{
    close(*fd);
    *fd = -1;
    if (d->sock >= 0)
        close(d->sock);
    d->sock = -1;
    hv_domain_drop(d);
    d->dead = d->fail = true;
    d->state = WEIR_DOM_CRASHED;
    if (hv_domain_revive(d)) {
        *fd = d->new_fd;
        d->win = calloc(1, sizeof(*d->win));
        d->sealed = true;
    } else if (d->new_fd != -EBUSY) {
        abort();
    }
    d->revived = false;
    return *fd >= 0;
}

void fake_end(struct hv_domain *d, int fd)
{
    if (fd >= 0)
        close(fd);
    d->destroy = true;
    hv_domain_drop(d);
    hv_domain_give_back(d, true);
}

void fake_check_empty(void)
{
    struct hv_machine *m = fake_machine();

    for (uint32_t i = 1; i <= 8; i++) {
        struct hv_domain *d = m->dom[i];

        if (!d)
            continue;
        if (d->held || d->frames || d->grants.in_use || d->events.used ||
            d->track.used)
            abort();
        m->dom[i] = NULL;
        m->ndomains--;
        hv_domain_free(d);
    }
    if (m->frames.in_use || m->ports || m->ndomains)
        abort();
}

/* SPDX-License-Identifier: MIT
 *
 * The granting side of the grant table (grant_abi.h): which pages of this
 * domain others may use.
 *
 * A domain has one struct weir_gnttab.  All functions may be called from any
 * thread; they hold a small lock, and a call of grant or reserve that grows
 * the table makes a hypercall meanwhile.  The free list and what is known of
 * each reference live in private pages (port->alloc_pages): 16 KiB for each
 * 512 references.
 *
 * Ending may fail: while the peer maps the page the hypervisor keeps the entry
 * in use, and the page must then be kept too, never freed and never put to
 * other use.  weir_gnttab_end_deferred does the keeping.
 *
 * Pages granted to an untrusted peer are whole pages: zero them before.
 */
#ifndef WEIR_RING_GRANT_H
#define WEIR_RING_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "ring/barrier.h"
#include "ring/error.h"
#include "ring/grant_abi.h"
#include "ring/port.h"

/* 65,536 references at most. */
#define WEIR_GNTTAB_MAX_FRAMES 128u

struct weir_gnttab_ref; /* private */
struct weir_gnttab_waiter;

/* Called when a deferred page is not used by the peer any more: it may be
 * freed or used again.  No lock is held. */
typedef void (*weir_gnttab_page_fn)(void *context, void *page);
/* Called once when at least waiter->want references are free; not on the
 * waiter's thread, no lock held.  They are not reserved: grant may find none
 * again, and may be followed by another wait. */
typedef void (*weir_gnttab_ready_fn)(struct weir_gnttab_waiter *waiter);

/* Zero it before the first use.  It must live until ready was called or
 * weir_gnttab_cancel_wait returned true. */
struct weir_gnttab_waiter {
    uint32_t want;
    weir_gnttab_ready_fn ready;
    void *context;                   /* the caller's */
    struct weir_gnttab_waiter *next; /* private */
    uint8_t state;                   /* private */
};

/* References set aside for one owner, who then cannot run out. {0} is empty. */
struct weir_gnttab_pool {
    uint32_t head;  /* private */
    uint32_t count; /* free in the pool */
    uint32_t total; /* reserved, free or granted */
};

struct weir_gnttab {
    struct weir_port *port;
    /* private below */
    struct weir_spinlock lock;
    volatile struct weir_grant_entry_v1 *entries;
    uint32_t nrefs;  /* entries the table has */
    uint32_t nknown; /* of these, entered into the free list */
    uint32_t head;   /* first free reference */
    uint32_t nfree;
    uint32_t ndeferred;
    uint32_t deferred; /* list of references whose end is pending */
    struct weir_gnttab_waiter *waiters, **waiters_tail;
    struct weir_gnttab_ref *chunk[WEIR_GNTTAB_MAX_FRAMES];
};

int weir_gnttab_init(struct weir_gnttab *gt, struct weir_port *port);
/* Give back the private pages.  -WEIR_EBUSY, and nothing is done, while a
 * reference is granted or reserved or an end is pending. */
int weir_gnttab_fini(struct weir_gnttab *gt);

/* Let domid use page (an own one, from alloc_pages), read-only or writable.
 * -WEIR_ENOSPC: no reference is free and the table can't grow (wait and try
 * again, see weir_gnttab_wait); -WEIR_ERANGE: the frame number does not fit a
 * version 1 entry. */
int weir_gnttab_grant(struct weir_gnttab *gt, domid_t domid, const void *page,
                      bool readonly, grant_ref_t *ref);
/* 0: the peer can't use the page any more and ref is free again.  -WEIR_EBUSY:
 * the peer still uses it; the grant stays.  -WEIR_EINVAL: ref isn't granted. */
int weir_gnttab_end(struct weir_gnttab *gt, grant_ref_t ref);
/* Is the page in use by the peer at this moment?  A hint. */
bool weir_gnttab_in_use(struct weir_gnttab *gt, grant_ref_t ref);

/* End now, or as soon as the peer lets go: done(context, page) is called then,
 * at once or from weir_gnttab_reap.  The caller gives ref and page out of its
 * hands.  0, or -WEIR_EINVAL: ref isn't granted. */
int weir_gnttab_end_deferred(struct weir_gnttab *gt, grant_ref_t ref,
                             void *page, weir_gnttab_page_fn done,
                             void *context);
/* Try the pending ends again; returns how many are left.  Call it when time
 * permits, about once a second while it returns above 0. */
uint32_t weir_gnttab_reap(struct weir_gnttab *gt);

/* Be called back when waiter->want references are free.  Waiters are served
 * in order.  Returns true when queued (or queued already), false when they are
 * free right now (no call comes). */
bool weir_gnttab_wait(struct weir_gnttab *gt,
                      struct weir_gnttab_waiter *waiter);
/* true: no call will come.  false: it wasn't queued; ready has been called, or
 * another thread is just calling it. */
bool weir_gnttab_cancel_wait(struct weir_gnttab *gt,
                             struct weir_gnttab_waiter *waiter);

/* Set count more references aside into pool; all or none: -WEIR_ENOSPC. */
int weir_gnttab_reserve(struct weir_gnttab *gt, struct weir_gnttab_pool *pool,
                        uint32_t count);
/* As weir_gnttab_grant, but from the pool: -WEIR_ENOSPC only when more than
 * was reserved is granted. */
int weir_gnttab_pool_grant(struct weir_gnttab *gt,
                           struct weir_gnttab_pool *pool, domid_t domid,
                           const void *page, bool readonly, grant_ref_t *ref);
/* As weir_gnttab_end; the reference goes back to the pool. */
int weir_gnttab_pool_end(struct weir_gnttab *gt, struct weir_gnttab_pool *pool,
                         grant_ref_t ref);
/* Give the pool's free references back to all.  References of the pool still
 * granted are ordinary ones from then on. */
void weir_gnttab_unreserve(struct weir_gnttab *gt,
                           struct weir_gnttab_pool *pool);

/* References that could be granted without growing the table. */
uint32_t weir_gnttab_free_refs(struct weir_gnttab *gt);

#endif

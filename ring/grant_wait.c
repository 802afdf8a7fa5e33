/* SPDX-License-Identifier: MIT
 *
 * Grant table: ends that wait for the peer, and callers that wait for
 * references.
 */
#include "ring/grant.h"

#include "ring/grant_private.h"

int weir_gnttab_end_deferred(struct weir_gnttab *gt, grant_ref_t ref,
                             void *page, weir_gnttab_page_fn done,
                             void *context)
{
    struct weir_gnttab_waiter *ready = NULL;
    int rc = -WEIR_EINVAL;

    weir_spin_lock(&gt->lock);
    if (ref < gt->nknown &&
        weir_gnttab_ref_(gt, ref)->state == WEIR_REF_GRANTED) {
        rc = weir_gnttab_revoke_(gt, ref);
        if (rc == 0) {
            weir_gnttab_release_(gt, ref);
            ready = weir_gnttab_take_ready_(gt);
        } else {
            struct weir_gnttab_ref *r = weir_gnttab_ref_(gt, ref);

            *r = (struct weir_gnttab_ref){.next = gt->deferred,
                                          .state = WEIR_REF_ENDING,
                                          .page = page,
                                          .done = done,
                                          .context = context};
            gt->deferred = ref;
            gt->ndeferred++;
        }
    }
    weir_spin_unlock(&gt->lock);
    if (rc == 0 && done != NULL)
        done(context, page);
    weir_gnttab_call_ready_(gt, ready);
    return rc == -WEIR_EBUSY ? 0 : rc;
}

/* Take all entries that can be ended out of the deferred list, chained; the
 * first, or WEIR_GRANT_REF_NONE.  Lock held. */
static grant_ref_t take_ended(struct weir_gnttab *gt)
{
    grant_ref_t first = WEIR_GRANT_REF_NONE;
    uint32_t *at = &gt->deferred;

    while (*at != WEIR_GRANT_REF_NONE) {
        grant_ref_t ref = *at;
        struct weir_gnttab_ref *r = weir_gnttab_ref_(gt, ref);

        if (weir_gnttab_revoke_(gt, ref) == 0) {
            *at = r->next;
            r->next = first;
            first = ref;
        } else {
            at = &r->next;
        }
    }
    return first;
}

uint32_t weir_gnttab_reap(struct weir_gnttab *gt)
{
    struct weir_gnttab_waiter *ready;
    grant_ref_t ref;
    uint32_t left;

    weir_spin_lock(&gt->lock);
    ref = take_ended(gt);
    weir_spin_unlock(&gt->lock);
    /* What was taken belongs to this thread alone until it is released. */
    while (ref != WEIR_GRANT_REF_NONE) {
        struct weir_gnttab_ref ended = *weir_gnttab_ref_(gt, ref);

        weir_spin_lock(&gt->lock);
        gt->ndeferred--;
        weir_gnttab_release_(gt, ref);
        ready = weir_gnttab_take_ready_(gt);
        weir_spin_unlock(&gt->lock);
        if (ended.done != NULL)
            ended.done(ended.context, ended.page);
        weir_gnttab_call_ready_(gt, ready);
        ref = ended.next;
    }
    weir_spin_lock(&gt->lock);
    left = gt->ndeferred;
    weir_spin_unlock(&gt->lock);
    return left;
}

/* CALLING: out of the queue, its ready not called yet. */
enum waiter_state { IDLE = 0, QUEUED, CALLING };

struct weir_gnttab_waiter *weir_gnttab_take_ready_(struct weir_gnttab *gt)
{
    struct weir_gnttab_waiter *first = gt->waiters, **end = &first;
    uint32_t left = gt->nfree;

    /* In order, and no reference is promised twice. */
    while (*end != NULL && (*end)->want <= left) {
        left -= (*end)->want;
        (*end)->state = CALLING;
        end = &(*end)->next;
    }
    gt->waiters = *end;
    if (gt->waiters == NULL)
        gt->waiters_tail = &gt->waiters;
    *end = NULL;
    return first;
}

void weir_gnttab_call_ready_(struct weir_gnttab *gt,
                             struct weir_gnttab_waiter *ready)
{
    while (ready != NULL) {
        struct weir_gnttab_waiter *next = ready->next;

        weir_spin_lock(&gt->lock);
        ready->state = IDLE; /* ready may queue it again */
        weir_spin_unlock(&gt->lock);
        ready->ready(ready);
        ready = next;
    }
}

bool weir_gnttab_wait(struct weir_gnttab *gt, struct weir_gnttab_waiter *waiter)
{
    bool queue;

    weir_spin_lock(&gt->lock);
    queue = waiter->state != IDLE || gt->waiters != NULL ||
            gt->nfree < waiter->want;
    if (queue && waiter->state == IDLE) {
        waiter->next = NULL;
        waiter->state = QUEUED;
        *gt->waiters_tail = waiter;
        gt->waiters_tail = &waiter->next;
    }
    weir_spin_unlock(&gt->lock);
    return queue;
}

bool weir_gnttab_cancel_wait(struct weir_gnttab *gt,
                             struct weir_gnttab_waiter *waiter)
{
    struct weir_gnttab_waiter *ready = NULL;
    bool was_queued;

    weir_spin_lock(&gt->lock);
    was_queued = waiter->state == QUEUED;
    if (was_queued) {
        struct weir_gnttab_waiter **at = &gt->waiters;

        while (*at != waiter)
            at = &(*at)->next;
        *at = waiter->next;
        if (gt->waiters_tail == &waiter->next)
            gt->waiters_tail = at;
        waiter->state = IDLE;
        /* Those behind it may want less. */
        ready = weir_gnttab_take_ready_(gt);
    }
    weir_spin_unlock(&gt->lock);
    weir_gnttab_call_ready_(gt, ready);
    return was_queued;
}

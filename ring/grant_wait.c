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
    weir_gnttab_call_ready_(ready);
    return rc == -WEIR_EBUSY ? 0 : rc;
}

/* Take the first entry of the deferred list, from *at on, that can be ended.
 * *at is a link: the list's head or an entry's next. */
static bool end_one(struct weir_gnttab *gt, uint32_t **at,
                    struct weir_gnttab_ref *ended)
{
    while (**at != WEIR_GRANT_REF_NONE) {
        grant_ref_t ref = **at;
        struct weir_gnttab_ref *r = weir_gnttab_ref_(gt, ref);

        if (weir_gnttab_revoke_(gt, ref) == 0) {
            *ended = *r;
            **at = r->next;
            gt->ndeferred--;
            weir_gnttab_release_(gt, ref);
            return true;
        }
        *at = &r->next;
    }
    return false;
}

uint32_t weir_gnttab_reap(struct weir_gnttab *gt)
{
    struct weir_gnttab_ref ended;
    uint32_t left;
    bool more;

    /* The callbacks run without the lock, so the walk starts again after each:
     * entries still busy are passed over anew.  A second counter keeps that
     * from going on when ends are deferred faster than reaped. */
    for (uint32_t budget = WEIR_GRANTS_PER_FRAME; budget > 0; budget--) {
        struct weir_gnttab_waiter *ready = NULL;
        uint32_t *at = &gt->deferred;

        weir_spin_lock(&gt->lock);
        more = end_one(gt, &at, &ended);
        if (more)
            ready = weir_gnttab_take_ready_(gt);
        weir_spin_unlock(&gt->lock);
        if (!more)
            break;
        if (ended.done != NULL)
            ended.done(ended.context, ended.page);
        weir_gnttab_call_ready_(ready);
    }
    weir_spin_lock(&gt->lock);
    left = gt->ndeferred;
    weir_spin_unlock(&gt->lock);
    return left;
}

struct weir_gnttab_waiter *weir_gnttab_take_ready_(struct weir_gnttab *gt)
{
    struct weir_gnttab_waiter *first = gt->waiters, **end = &first;
    uint32_t left = gt->nfree;

    /* In order, and no reference is promised twice. */
    while (*end != NULL && (*end)->want <= left) {
        left -= (*end)->want;
        (*end)->queued = false;
        end = &(*end)->next;
    }
    gt->waiters = *end;
    if (gt->waiters == NULL)
        gt->waiters_tail = &gt->waiters;
    *end = NULL;
    return first;
}

void weir_gnttab_call_ready_(struct weir_gnttab_waiter *ready)
{
    while (ready != NULL) {
        struct weir_gnttab_waiter *next = ready->next;

        ready->next = NULL;
        ready->ready(ready);
        ready = next;
    }
}

bool weir_gnttab_wait(struct weir_gnttab *gt, struct weir_gnttab_waiter *waiter)
{
    bool queue;

    weir_spin_lock(&gt->lock);
    queue = gt->waiters != NULL || gt->nfree < waiter->want;
    if (queue && !waiter->queued) {
        waiter->next = NULL;
        waiter->queued = true;
        *gt->waiters_tail = waiter;
        gt->waiters_tail = &waiter->next;
    }
    weir_spin_unlock(&gt->lock);
    return queue;
}

void weir_gnttab_cancel_wait(struct weir_gnttab *gt,
                             struct weir_gnttab_waiter *waiter)
{
    weir_spin_lock(&gt->lock);
    if (waiter->queued) {
        struct weir_gnttab_waiter **at = &gt->waiters;

        while (*at != waiter)
            at = &(*at)->next;
        *at = waiter->next;
        if (gt->waiters_tail == &waiter->next)
            gt->waiters_tail = at;
        waiter->queued = false;
    }
    weir_spin_unlock(&gt->lock);
}

/* SPDX-License-Identifier: MIT
 *
 * Journal: its runs of kept frames, the commit word, the switch.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring/barrier.h"
#include "ring/crash_point.h"
#include "xenbus/journal.h"

#define TRY_EVERY_NS 1000000000ull

size_t xs_j_size(uint32_t pages)
{
    return (size_t)pages * WEIR_PAGE_SIZE - sizeof(struct xs_j_run);
}

static int keep(struct xs_journal *j, uint64_t key, uint32_t pages, void **out,
                bool *found)
{
    return j->port->ops->keep(j->port, key, pages, out, found);
}

static void drop(struct xs_journal *j, void *run, uint32_t pages)
{
    if (run)
        j->port->ops->free_pages(j->port, run, pages);
}

static int keep_pair(struct xs_journal *j, uint32_t number, uint32_t pages,
                     struct xs_j_run *pair[2])
{
    void *run[2] = {NULL, NULL};
    bool found;
    int r = keep(j, XS_J_KEY_RUN | number, pages, &run[0], &found);

    if (!r) {
        r = keep(j, XS_J_KEY_RUN | (number + 1), pages, &run[1], &found);
        if (r)
            drop(j, run[0], pages);
    }
    if (!r) {
        pair[0] = run[0];
        pair[1] = run[1];
    }
    return r;
}

/* active names one of a pair; its sibling may have any content. */
static int open_active(struct xs_journal *j, uint64_t active)
{
    uint32_t number = (uint32_t)(active >> 32), pages = (uint32_t)active;
    void *run[2];
    bool found[2];
    int r;

    if (pages < XS_J_PAGES || pages > XS_J_PAGES_MAX)
        return -EBADMSG;
    j->number = number & ~1u;
    j->at = number & 1u;
    j->pages = pages;
    for (unsigned i = 0; i < 2; i++) {
        r = keep(j, XS_J_KEY_RUN | (j->number + i), pages, &run[i], &found[i]);
        if (r)
            return r == -EEXIST ? -EBADMSG : r;
        j->run[i] = run[i];
    }
    return found[j->at] ? 0 : -EBADMSG;
}

static int open_head(struct xs_journal *j, bool *found)
{
    void *page;
    int r = keep(j, XS_J_KEY_HEAD, 1, &page, found);
    uint64_t active;

    if (r)
        return r;
    j->head = page;
    active = weir_load_acquire64(&j->head->active);
    if (*found && active) {
        if (j->head->magic != XS_J_MAGIC || j->head->version != XS_J_VERSION)
            return -EBADMSG;
        r = open_active(j, active);
        if (!r)
            j->head->restarts++;
        return r;
    }
    *found = false; /* it died before it served anybody */
    j->head->magic = XS_J_MAGIC;
    j->head->version = XS_J_VERSION;
    j->port->ops->forget_kept(j->port);
    j->pages = XS_J_PAGES;
    r = keep_pair(j, 0, j->pages, j->run);
    if (r)
        weir_store_release64(&j->head->active, XS_J_LOST);
    return r;
}

int xs_j_open(struct weir_port *port, struct xs_journal **out, bool *found)
{
    struct xs_journal *j;
    int r;

    *out = NULL;
    *found = false;
    if (!port || !port->ops->keep)
        return 0;
    j = calloc(1, sizeof(*j));
    if (!j)
        return -ENOMEM;
    j->port = port;
    r = open_head(j, found);
    if (r) {
        free(j);
        return r;
    }
    if (*found)
        port->ops->forget_kept(port);
    *out = j;
    return 0;
}

void xs_j_close(struct xs_journal *j)
{
    free(j);
}

void *xs_j_put(struct xs_journal *j, unsigned type, domid_t domid, size_t len)
{
    size_t need = sizeof(struct xs_rec) + ((len + 7) & ~(size_t)7);
    struct xs_rec *r;

    if (j->overflow || need > xs_j_size(j->pages) - j->tail) {
        j->overflow = true;
        return NULL;
    }
    r = (struct xs_rec *)(void *)(j->run[j->at]->rec + j->tail);
    *r = (struct xs_rec){(uint16_t)type, domid, (uint32_t)len};
    j->tail += need;
    return r + 1;
}

static void set_done(struct xs_journal *j)
{
    j->done = j->tail;
    weir_store_release64(&j->run[j->at]->done, j->done);
}

/* It ends: a successor had better find nothing than something old. */
static void give_up(struct weir_store *s)
{
    struct xs_journal *j = s->journal;

    xs_log(s, WEIR_LOG_ERROR,
           "journal: %llu bytes are not enough for the registry; it does not "
           "outlive this program any more",
           (unsigned long long)xs_j_size(j->pages));
    weir_store_release64(&j->head->active, XS_J_LOST);
    s->journal = NULL;
    xs_j_close(j);
}

static uint64_t bound(const struct weir_store *s)
{
    return XS_J_FIXED + s->tree_bytes + s->extra_bytes;
}

/* A larger pair, to be switched to at the next commit. */
static bool grow(struct weir_store *s, uint64_t need)
{
    struct xs_journal *j = s->journal;
    uint32_t pages = j->pages * 2;
    uint64_t now = xs_now(s);

    if (j->next[0] || (j->tried_ns && now - j->tried_ns < TRY_EVERY_NS))
        return false;
    while (pages <= XS_J_PAGES_MAX && xs_j_size(pages) < need)
        pages *= 2;
    if (pages <= XS_J_PAGES_MAX &&
        !keep_pair(j, j->number + 2, pages, j->next)) {
        j->next_pages = pages;
        return true;
    }
    j->tried_ns = now ? now : 1;
    return false;
}

bool xs_j_full(struct weir_store_conn *c, size_t more)
{
    struct weir_store *s = c->s;
    struct xs_journal *j = s->journal;
    uint64_t need, size;

    if (!j)
        return false;
    size = xs_j_size(j->next[0] ? j->next_pages : j->pages);
    need = bound(s) + more + XS_J_SLACK;
    if (!c->privileged)
        need += size / XS_J_RESERVE;
    if (need <= size || grow(s, need))
        return false;
    if (xs_may_log(s, &j->refused_ns))
        xs_log(s, WEIR_LOG_ERROR,
               "journal full (%u pages) and weir-hv has no more frames: what "
               "makes the registry larger is refused; free machine memory, or "
               "remove nodes",
               2 * j->pages);
    return true;
}

void xs_j_switch(struct weir_store *s)
{
    struct xs_journal *j = s->journal;
    struct xs_j_run *old[2] = {j->run[0], j->run[1]};
    uint32_t pages = j->pages;
    bool grown;

    if (!j->next[0] && bound(s) + XS_J_SLACK > xs_j_size(pages) / 2)
        grow(s, 2 * bound(s));
    grown = j->next[0];
    if (grown) {
        j->run[0] = j->next[0];
        j->run[1] = j->next[1];
        j->next[0] = j->next[1] = NULL;
        j->pages = j->next_pages;
        j->number += 2;
    }
    j->at ^= 1;
    j->tail = 0;
    j->overflow = false;
    WEIR_CRASH_POINT();
    xs_j_snapshot(s);
    if (j->overflow) { /* bound() is wrong */
        give_up(s);
        return;
    }
    WEIR_CRASH_POINT();
    set_done(j);
    WEIR_CRASH_POINT();
    weir_store_release64(&j->head->active,
                         (uint64_t)(j->number + j->at) << 32 | j->pages);
    WEIR_CRASH_POINT();
    for (unsigned i = 0; grown && i < 2; i++)
        drop(j, old[i], pages);
}

void xs_j_commit(struct weir_store *s)
{
    struct xs_journal *j = s->journal;

    if (!j || (j->tail == j->done && !j->overflow && !j->next[0]))
        return;
    WEIR_CRASH_POINT();
    if (j->overflow || j->next[0])
        xs_j_switch(s);
    else
#ifdef WEIR_NO_LOG
        j->done = j->tail; /* a test's: to be seen to fail */
#else
        set_done(j);
#endif
    WEIR_CRASH_POINT();
}

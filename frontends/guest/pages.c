/* SPDX-License-Identifier: MIT */
#include "frontends/guest/pages.h"

#include "ring/port.h"

struct weir_pages_run {
    struct weir_pages_run *next;
    size_t count;
};

static struct weir_pages_run *end_of(struct weir_pages_run *r)
{
    return (struct weir_pages_run *)((uintptr_t)r + r->count * WEIR_PAGE_SIZE);
}

/* Lock held. */
static void put(struct weir_pages *p, struct weir_pages_run *r, size_t count)
{
    struct weir_pages_run **at = &p->first, *before = NULL;

    while (*at != NULL && *at < r) {
        before = *at;
        at = &before->next;
    }
    r->count = count;
    r->next = *at;
    *at = r;
    if (r->next != NULL && end_of(r) == r->next) {
        r->count += r->next->count;
        r->next = r->next->next;
    }
    if (before != NULL && end_of(before) == r) {
        before->count += r->count;
        before->next = r->next;
    }
    p->free += count;
}

void weir_pages_add(struct weir_pages *p, uintptr_t start, uintptr_t end)
{
    start = (start + WEIR_PAGE_SIZE - 1) & ~(uintptr_t)(WEIR_PAGE_SIZE - 1);
    end &= ~(uintptr_t)(WEIR_PAGE_SIZE - 1);
    if (start >= end)
        return;
    weir_spin_lock(&p->lock);
    put(p, (struct weir_pages_run *)start, (end - start) / WEIR_PAGE_SIZE);
    p->total += (end - start) / WEIR_PAGE_SIZE;
    weir_spin_unlock(&p->lock);
}

void *weir_pages_take(struct weir_pages *p, size_t count)
{
    struct weir_pages_run **at = &p->first, *r;

    if (count == 0)
        return NULL;
    weir_spin_lock(&p->lock);
    while ((r = *at) != NULL && r->count < count)
        at = &r->next;
    if (r != NULL && r->count > count) {
        struct weir_pages_run *rest =
            (struct weir_pages_run *)((uintptr_t)r + count * WEIR_PAGE_SIZE);

        *rest = (struct weir_pages_run){r->next, r->count - count};
        *at = rest;
    } else if (r != NULL) {
        *at = r->next;
    }
    if (r != NULL)
        p->free -= count;
    weir_spin_unlock(&p->lock);
    if (r != NULL)
        weir_memset((void *)r, 0, count * WEIR_PAGE_SIZE);
    return r;
}

void weir_pages_give(struct weir_pages *p, void *first, size_t count)
{
    if (count == 0)
        return;
    weir_spin_lock(&p->lock);
    put(p, first, count);
    weir_spin_unlock(&p->lock);
}

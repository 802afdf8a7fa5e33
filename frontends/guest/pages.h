/* SPDX-License-Identifier: MIT
 *
 * Pages of RAM: runs of free pages in a list by address, each described in its
 * own first page, so that nothing else is needed.  First fit.  Any thread.
 */
#ifndef WEIR_FRONTENDS_GUEST_PAGES_H
#define WEIR_FRONTENDS_GUEST_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring/barrier.h"

struct weir_pages_run;

struct weir_pages {
    struct weir_spinlock lock;
    struct weir_pages_run *first;
    size_t free, total; /* pages */
};

/* {0} is empty.  RAM from start on (rounded to whole pages inwards). */
void weir_pages_add(struct weir_pages *p, uintptr_t start, uintptr_t end);
/* count neighbours, zeroed; NULL: there are none. */
void *weir_pages_take(struct weir_pages *p, size_t count);
/* Any part of what was taken. */
void weir_pages_give(struct weir_pages *p, void *first, size_t count);

#endif

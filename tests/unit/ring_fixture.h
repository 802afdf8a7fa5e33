/* SPDX-License-Identifier: MIT
 *
 * Ring tests: pages that are neighbours or scattered, and a blkif ring pair
 * on them.
 */
#ifndef WEIR_TESTS_UNIT_RING_FIXTURE_H
#define WEIR_TESTS_UNIT_RING_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ring/blkif_ring.h"

struct ring_fixture {
    void *mem;
    void *page[WEIR_RING_MAX_PAGES];
    unsigned npages;
    volatile struct weir_sring_header *hdr;
    struct weir_blkif_front_ring front;
    struct weir_blkif_back_ring back;
};

/* Scattered: page i is at place npages - i of every second page. */
static inline void ring_fixture_open(struct ring_fixture *f, unsigned npages,
                                     int scattered)
{
    size_t bytes = (size_t)npages * 2 * WEIR_RING_PAGE_SIZE;

    memset(f, 0, sizeof(*f));
    f->mem = aligned_alloc(WEIR_RING_PAGE_SIZE, bytes);
    assert_non_null(f->mem);
    memset(f->mem, 0xa5, bytes);
    f->npages = npages;
    for (unsigned i = 0; i < npages; i++)
        f->page[i] =
            (char *)f->mem + (size_t)(scattered ? (npages - 1 - i) * 2 : i) *
                                 WEIR_RING_PAGE_SIZE;
    f->hdr = f->page[0];
    assert_int_equal(weir_blkif_front_init(&f->front, f->page, npages), 0);
    assert_int_equal(weir_blkif_back_init(&f->back, f->page, npages), 0);
}

static inline void ring_fixture_close(struct ring_fixture *f)
{
    free(f->mem);
}

static inline union weir_blkif_request ring_request(uint64_t id)
{
    union weir_blkif_request req;

    memset(&req, (int)(id & 0xff), sizeof(req));
    req.rw.id = id;
    return req;
}

static inline struct weir_blkif_response ring_response(uint64_t id)
{
    struct weir_blkif_response rsp = {.id = id, .status = -1};

    return rsp;
}

int ring_hostile_tests(void);

#endif

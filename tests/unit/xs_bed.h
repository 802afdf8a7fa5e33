/* SPDX-License-Identifier: MIT
 *
 * A registry with a journal, whose program dies and has successors.
 */
#ifndef WEIR_TESTS_UNIT_XS_BED_H
#define WEIR_TESTS_UNIT_XS_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_port.h"
#include "xenbus/journal.h"

/* Allocations of this size fail; links with --wrap=malloc. */
static size_t no_memory_for;

void *__real_malloc(size_t size), *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
    return size == no_memory_for ? NULL : __real_malloc(size);
}

static const struct weir_store_ops xs_bed_ops;

struct bed {
    struct weir_fake_machine *m;
    struct weir_port *port;
    struct weir_store *s;
    struct weir_store_conn *dom0;
    bool found;
    bool resumes; /* the test settles what a program took over */
};

static inline void begin(struct bed *b, unsigned quota)
{
    b->resumes = false;
    b->m = weir_fake_machine_new(8192);
    b->port = weir_fake_domain_add(b->m, 1, quota);
}

static inline int program(struct bed *b)
{
    int r;

    assert_int_equal(weir_store_new(&xs_bed_ops, NULL, &b->s), 0);
    r = weir_store_journal(b->s, b->port, &b->found);
    if (!r && !b->resumes)
        weir_store_settle(b->s);
    b->dom0 = weir_store_connect(b->s, 0, b);
    return r;
}

/* The program ends as one that is killed: its pages stay. */
static inline int next_program(struct bed *b)
{
    weir_store_free(b->s);
    weir_fake_domain_revive(b->port);
    return program(b);
}

static inline void end(struct bed *b)
{
    char line[200] = "";

    assert_int_equal(weir_store_check(b->s, line, sizeof(line)), 0);
    weir_store_free(b->s);
    weir_fake_domain_destroy(b->port);
    assert_int_equal(weir_fake_machine_free(b->m), 0);
}

/* 0 or the error; what is read goes to buf. */
static inline int ask(struct weir_store_conn *c, uint32_t type, const void *p,
                      size_t len, char *buf, size_t size)
{
    static uint8_t out[1u << 16];
    struct weir_xs_header h = {.type = type, .len = (uint32_t)len};
    void *at = NULL;
    size_t n;

    assert_true(weir_store_space(c, &at) >= WEIR_XS_HDR_SIZE + len);
    weir_xs_hdr_put(at, &h);
    memcpy((uint8_t *)at + WEIR_XS_HDR_SIZE, p, len);
    weir_store_fed(c, WEIR_XS_HDR_SIZE + len);
    assert_int_equal(weir_store_run(c, 1), 1);
    n = weir_store_peek(c, out, sizeof(out));
    weir_store_sent(c, n);
    weir_xs_hdr_get(&h, out);
    if (h.type == WEIR_XS_ERROR)
        return weir_xs_error_code((char *)out + WEIR_XS_HDR_SIZE, h.len);
    if (buf)
        snprintf(buf, size, "%.*s", (int)h.len, (char *)out + WEIR_XS_HDR_SIZE);
    return 0;
}

static inline int put(struct bed *b, unsigned i, char fill, size_t len)
{
    char p[3000];
    size_t n = (size_t)snprintf(p, sizeof(p), "/n/%u", i) + 1;

    memset(p + n, fill, len);
    return ask(b->dom0, WEIR_XS_WRITE, p, n + len, NULL, 0);
}

#endif

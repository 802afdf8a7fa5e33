/* SPDX-License-Identifier: MIT
 *
 * For the registry's tests: a store, connections, and requests with any
 * payload.
 */
#ifndef WEIR_TESTS_UNIT_XS_RIG_H
#define WEIR_TESTS_UNIT_XS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ring/error.h"
#include "tests/unit/fake_store.h"
#include "xenbus/client_call.h"

/* dom0, and domains 3 and 4 with a directory of their own each. */
struct rig {
    struct weir_fake_store *f;
    struct weir_xs dom0, d3, d4;
};

static inline int rig_setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));

    assert_int_equal(weir_fake_store_new(&r->f), 0);
    weir_fake_store_connect(r->f, &r->dom0, 0);
    weir_fake_store_connect(r->f, &r->d3, 3);
    weir_fake_store_connect(r->f, &r->d4, 4);
    for (domid_t d = 3; d <= 4; d++) {
        char path[40];

        weir_fake_store_introduce(r->f, d);
        snprintf(path, sizeof(path), "/local/domain/%u", d);
        weir_fake_store_set(r->f, path, "");
        weir_fake_store_own(r->f, path, d, -1);
    }
    *state = r;
    return 0;
}

static inline void rig_check(struct rig *r)
{
    char line[200] = "";

    if (weir_store_check(weir_fake_store_core(r->f), line, sizeof(line)))
        fail_msg("%s", line);
}

static inline int rig_teardown(void **state)
{
    struct rig *r = *state;

    rig_check(r);
    weir_fake_store_disconnect(r->f, &r->dom0);
    weir_fake_store_disconnect(r->f, &r->d3);
    weir_fake_store_disconnect(r->f, &r->d4);
    rig_check(r);
    weir_fake_store_free(r->f);
    free(r);
    return 0;
}

/* Any request: payload of len bytes; the reply's bytes or -error. */
static inline int ask(struct weir_xs *xs, unsigned type, weir_xs_tx tx,
                      const void *payload, size_t len, const char **reply)
{
    static const char *ignored;

    weir_xs_begin(xs);
    weir_xs_put_bytes(xs, payload, len);
    return weir_xs_call(xs, (enum weir_xs_type)type, tx,
                        reply ? reply : &ignored);
}
/* A string literal's bytes with the NUL at its end. */
#define ASK(xs, type, lit)   ask(xs, type, 0, lit, sizeof(lit), NULL)
#define SET(xs, tx, path, v) weir_xs_write(xs, tx, path, v, strlen(v))

static inline void assert_value(struct weir_xs *xs, weir_xs_tx tx,
                                const char *path, const char *want)
{
    char buf[4097];

    assert_true(weir_xs_read(xs, tx, path, buf, sizeof(buf)) >= 0);
    assert_string_equal(buf, want);
}

static inline void assert_event(struct weir_xs *xs, const char *path,
                                const char *token)
{
    struct weir_xs_event ev;

    assert_int_equal(weir_xs_next_event(xs, &ev), 1);
    assert_string_equal(ev.path, path);
    assert_string_equal(ev.token, token);
}

static inline void assert_no_event(struct weir_xs *xs)
{
    struct weir_xs_event ev;

    if (weir_xs_next_event(xs, &ev))
        fail_msg("unexpected event %s %s", ev.path, ev.token);
}

static inline void watch(struct weir_xs *xs, const char *path, const char *tok)
{
    assert_int_equal(weir_xs_watch(xs, path, tok), 0);
    assert_event(xs, path, tok);
}

static inline int perms(struct rig *r, const char *path, const char *p,
                        size_t len)
{
    return weir_xs_set_perms(&r->dom0, 0, path, p, len);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

#endif

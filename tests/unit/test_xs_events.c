/* SPDX-License-Identifier: MIT
 *
 * Watches over a death of the registry's program.
 */
#include "tests/unit/xs_bed.h"

#include <errno.h>

static uint32_t shown_to; /* how far output has come, in domain 5's words */

/* Domain 5's connection, as the next program has it. */
static struct weir_store_conn *next_conn(struct bed *b)
{
    struct weir_store_conn *c;
    struct weir_store_kept k;

    assert_int_equal(next_program(b), 0);
    c = weir_store_next_kept(b->s, NULL, &k);
    assert_non_null(c);
    weir_store_resume(c, b, shown_to);
    weir_store_settle(b->s);
    return c;
}

/* What goes out next, len bytes of it at most; or was about to. */
static size_t out(struct weir_store_conn *c, size_t len, bool shown)
{
    uint8_t buf[4096];

    len = weir_store_peek(c, buf, len < sizeof(buf) ? len : sizeof(buf));
    if (len)
        weir_store_sending(c, len);
    if (shown)
        weir_store_sent(c, len);
    shown_to = c->out_pos;
    return len;
}

static void fires(struct weir_store_conn *c, bool first)
{
    static const char event[] = "/n\0t";
    uint8_t buf[4096];
    size_t n = weir_store_peek(c, buf, sizeof(buf));
    struct weir_xs_header h;

    assert_true(n >= WEIR_XS_HDR_SIZE + sizeof(event));
    if (!first) /* behind the rest of what was begun */
        memmove(buf, buf + n - (WEIR_XS_HDR_SIZE + sizeof(event)),
                WEIR_XS_HDR_SIZE + sizeof(event));
    assert_int_equal(weir_xs_hdr_get(&h, buf), 0);
    assert_int_equal(h.type, WEIR_XS_WATCH_EVENT);
    assert_memory_equal(buf + WEIR_XS_HDR_SIZE, event, sizeof(event));
    out(c, SIZE_MAX, true);
    assert_int_equal(out(c, SIZE_MAX, true), 0);
}

/* With a watch on /n, and told all. */
static struct weir_store_conn *watcher(struct bed *b)
{
    static const char watch[] = "/n\0t";
    struct weir_store_conn *c;

    begin(b, 0);
    assert_int_equal(program(b), 0);
    assert_int_equal(put(b, 0, 'x', 4), 0);
    assert_int_equal(ask(b->dom0, WEIR_XS_SET_PERMS, "/n\0n0\0r5", 9, NULL, 0),
                     0);
    c = weir_store_connect(b->s, 5, NULL);
    weir_store_keep(c, 1, 0, 0, false);
    ask(c, WEIR_XS_WATCH, watch, sizeof(watch), NULL, 0);
    shown_to = 0;
    b->resumes = true;
    c = next_conn(b); /* ask() shows what the journal is not told of */
    fires(c, false);  /* behind the reply */
    return c;
}

/* Who has been told all does not hear of the death; others hear it all. */
static void watches_fire_for_events_that_may_be_lost(void **state)
{
    struct bed b;
    struct weir_store_conn *c = watcher(&b);

    (void)state;
    c = next_conn(&b);
    assert_int_equal(out(c, SIZE_MAX, true), 0);

    put(&b, 1, 'x', 4); /* nothing of it went out */
    c = next_conn(&b);
    fires(c, true);

    put(&b, 1, 'x', 4); /* all of it was about to, and did not */
    assert_true(out(c, SIZE_MAX, false) > 0);
    c = next_conn(&b);
    fires(c, true);

    for (unsigned i = 1; i < 4; i++) /* one and a part of the next did */
        put(&b, i, 'x', 4);
    assert_int_equal(out(c, 30, true), 30);
    c = next_conn(&b);
    fires(c, false);

    put(&b, 1, 'x', 4); /* part of the only one */
    assert_int_equal(out(c, 5, true), 5);
    c = next_conn(&b);
    assert_int_not_equal(out(c, SIZE_MAX, true), 0);
    c = next_conn(&b);
    assert_int_equal(out(c, SIZE_MAX, true), 0);

    put(&b, 1, 'x', 4); /* a snapshot knows of it, too */
    xs_j_switch(b.s);
    c = next_conn(&b);
    fires(c, true);
    end(&b);
}

/* Without memory for an event the connection ends; a successor has to know,
 * whatever else was done before the domain was told. */
static void who_misses_an_event_is_broken_for_successors(void **state)
{
    struct bed b;
    struct weir_store_conn *c = watcher(&b);

    (void)state;
    no_memory_for =
        sizeof(struct xs_msg) + WEIR_XS_HDR_SIZE + sizeof("/n/1\0t");
    put(&b, 1, 'x', 4);
    no_memory_for = 0;
    assert_int_equal(weir_store_dead(c), -ENOMEM);
    c = next_conn(&b);
    assert_true(c->broken);
    assert_null(c->watches);
    end(&b);
}

/* Two deaths: the first one's event was of a watch that is gone. */
static void a_new_watch_fires_after_all(void **state)
{
    static const char old[] = "/n\0t", new[] = "/n\0u";
    struct bed b;
    struct weir_store_conn *c = watcher(&b);
    uint8_t buf[256];

    (void)state;
    put(&b, 1, 'x', 4);
    ask(c, WEIR_XS_UNWATCH, old, sizeof(old), NULL, 0);
    c = next_conn(&b);
    ask(c, WEIR_XS_WATCH, new, sizeof(new), NULL, 0);
    c = next_conn(&b);
    assert_true(weir_store_peek(c, buf, sizeof(buf)) >
                2 * (WEIR_XS_HDR_SIZE + sizeof("OK")));
    assert_int_equal(c->unread, 1);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watches_fire_for_events_that_may_be_lost),
        cmocka_unit_test(who_misses_an_event_is_broken_for_successors),
        cmocka_unit_test(a_new_watch_fires_after_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

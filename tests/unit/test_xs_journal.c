/* SPDX-License-Identifier: MIT
 *
 * The registry's journal: frames that run out, growth, bytes that are spoilt,
 * and pages that domains spoil while nobody serves them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/xs_bed.h"
#include "xenbus/server.h"

static char get(struct bed *b, unsigned i)
{
    char p[32], buf[3000] = "";
    int n = snprintf(p, sizeof(p), "/n/%u", i);

    return ask(b->dom0, WEIR_XS_READ, p, (size_t)n + 1, buf, sizeof(buf))
               ? '\0'
               : buf[0];
}

/* More than the first runs hold: they grow, and only the last pair stays. */
static void it_grows_and_outlives(void **state)
{
    struct bed b;

    (void)state;
    begin(&b, 0);
    assert_int_equal(program(&b), 0);
    assert_false(b.found);
    assert_int_equal(weir_fake_pages(b.port), 1 + 2 * XS_J_PAGES);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(put(&b, i, (char)('a' + i % 26), 1500), 0);
    assert_true(b.s->journal->pages > XS_J_PAGES);
    assert_int_equal(weir_fake_pages(b.port), 1 + 2 * b.s->journal->pages);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(next_program(&b), 0);
        assert_true(b.found);
        for (unsigned k = 0; k < 1000; k++)
            assert_int_equal(get(&b, k), 'a' + (k + i) % 26);
        for (unsigned k = 0; k < 1000; k++)
            put(&b, k, (char)('a' + (k + i + 1) % 26), 1500);
        assert_int_equal(weir_fake_pages(b.port), 1 + 2 * b.s->journal->pages);
    }
    end(&b);
}

/* No frames for growth: what makes it larger is refused, all else served. */
static void without_frames_growth_is_refused(void **state)
{
    unsigned n = 0;
    struct bed b;
    int r;

    (void)state;
    begin(&b, 1 + 2 * XS_J_PAGES + 100);
    assert_int_equal(program(&b), 0);
    while ((r = put(&b, n, 'x', 1500)) == 0 && n < 1000)
        n++;
    assert_int_equal(r, ENOSPC);
    assert_true(n > 100);
    for (unsigned i = 0; i < 2000; i++) /* many times what the run has left */
        assert_int_equal(put(&b, i % n, 'y', 1500), 0);
    assert_int_equal(get(&b, n - 1), 'y');
    assert_int_equal(ask(b.dom0, WEIR_XS_WATCH, "/n\0t", 5, NULL, 0), 0);
    assert_int_equal(next_program(&b), 0);
    assert_int_equal(get(&b, n - 1), 'y');
    assert_int_equal(put(&b, n, 'x', 1500), ENOSPC);
    for (unsigned i = 0; i < 10; i++) {
        char p[16];
        int len = snprintf(p, sizeof(p), "/n/%u", i);

        assert_int_equal(ask(b.dom0, WEIR_XS_RM, p, (size_t)len + 1, NULL, 0),
                         0);
    }
    assert_int_equal(put(&b, n, 'x', 1500), 0);
    end(&b);
}

/* What is left when no more frames are is not for guests alone: domain 0 must
 * be able to go on, whatever they keep in the registry. */
static void guests_do_not_take_the_last_of_it(void **state)
{
    struct weir_store_conn *guest;
    unsigned n = 0;
    struct bed b;
    int r;

    (void)state;
    begin(&b, 1 + 2 * XS_J_PAGES + 100);
    assert_int_equal(program(&b), 0);
    assert_int_equal(ask(b.dom0, WEIR_XS_MKDIR, "/g", 3, NULL, 0), 0);
    assert_int_equal(ask(b.dom0, WEIR_XS_SET_PERMS, "/g\0b5", 6, NULL, 0), 0);
    guest = weir_store_connect(b.s, 5, NULL);
    do {
        char p[1600];
        int at = snprintf(p, sizeof(p), "/g/%u", n);

        memset(p + at + 1, 'x', 1500);
        r = ask(guest, WEIR_XS_WRITE, p, (size_t)at + 1 + 1500, NULL, 0);
    } while (r == 0 && ++n < 1000);
    assert_int_equal(r, ENOSPC);
    assert_int_equal(ask(b.dom0, WEIR_XS_INTRODUCE, "6\0001\0001", 6, NULL, 0),
                     0);
    assert_int_equal(next_program(&b), 0);
    assert_int_equal(put(&b, 1, 'x', 1500), 0);
    end(&b);
}

/* No memory for what a watch has to tell: that connection ends, no other. */
static void without_memory_a_connection_ends(void **state)
{
    static const char watch[] = "/\0a-token-of-a-length-that-nothing-else-has";
    struct weir_store_conn *c;
    struct bed b;

    (void)state;
    begin(&b, 0);
    assert_int_equal(program(&b), 0);
    c = weir_store_connect(b.s, 5, NULL);
    weir_store_keep(c, 1, 0, 0, false);
    assert_int_equal(ask(c, WEIR_XS_WATCH, watch, sizeof(watch), NULL, 0), 0);
    assert_int_equal(ask(c, WEIR_XS_WATCH, "/\0z", 4, NULL, 0), 0);
    assert_int_equal(next_program(&b), 0);
    c = b.dom0->next;
    no_memory_for = sizeof(struct xs_msg) + WEIR_XS_HDR_SIZE + sizeof(watch);
    weir_store_resume(c, &b, 0);
    no_memory_for = 0;
    assert_int_equal(weir_store_dead(c), -ENOMEM);
    end(&b);
}

/* It serves without a journal; but who comes after it is not to begin as if
 * nothing had been. */
static void without_any_frames_it_serves_once(void **state)
{
    struct bed b;

    (void)state;
    begin(&b, 100);
    assert_int_equal(program(&b), -ENOMEM);
    assert_int_equal(put(&b, 1, 'x', 100), 0);
    assert_int_equal(get(&b, 1), 'x');
    assert_int_equal(next_program(&b), -EBADMSG);
    end(&b);
}

/* Any byte of what was left. */
static void spoilt_bytes_are_no_more_than_an_error(void **state)
{
    struct bed b;
    unsigned taken = 0, refused = 0;
    uint64_t seed = 7;

    (void)state;
    begin(&b, 0);
    assert_int_equal(program(&b), 0);
    for (unsigned round = 0; round < 300; round++) {
        struct xs_j_run *run = b.s->journal->run[b.s->journal->at];
        uint64_t used, at;
        char line[200];
        int r;

        for (unsigned i = 0; i < 4; i++) /* in spoilt trees it may fail */
            put(&b, i, (char)('a' + round % 26), 20);
        used = run->done;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        at = (seed >> 20) % (sizeof(*run) + used);
        ((uint8_t *)run)[at] ^= (uint8_t)(1u << (seed >> 60 & 7));
        r = next_program(&b);
        taken += r == 0;
        refused += r != 0;
        assert_int_equal(weir_store_check(b.s, line, sizeof(line)), 0);
        if (r) {
            assert_int_equal(r, -EBADMSG);
            end(&b);
            begin(&b, 0);
            assert_int_equal(program(&b), 0);
        }
    }
    assert_true(taken > 10 && refused > 10);
    end(&b);
}

/* ---- with rings ---- */

struct rings {
    struct bed b;
    struct weir_port *guest[2];
    mfn_t frame[2];
    evtchn_port_t evtchn[2];
    struct weir_xsd *x;
};

static void serve(struct rings *r)
{
    r->x = calloc(1, sizeof(*r->x));
    r->x->port = r->b.port;
    assert_int_equal(weir_xsd_init(r->x, eventfd(0, 0)), 0);
    assert_int_equal(weir_xsd_journal(r->x), 0);
}

/* A program that has served, and is dead. */
static void die(struct rings *r)
{
    int listener = r->x->listener;

    weir_xsd_fini(r->x);
    close(listener);
    free(r->x);
    weir_fake_domain_revive(r->b.port);
}

static void turns(struct rings *r)
{
    for (int i = 0; i < 6; i++)
        assert_int_equal(weir_xsd_turn(r->x, 0), 0);
}

static bool alive(struct rings *r, int g)
{
    struct weir_xs_ring_page *page = r->guest[g]->start.store_page;
    const struct weir_xs_header h = {
        .type = WEIR_XS_GET_DOMAIN_PATH, .req_id = 9, .len = 2};
    uint8_t msg[WEIR_XS_HDR_SIZE + 2] = {0};
    uint32_t before = page->rsp_prod;

    weir_xs_hdr_put(msg, &h);
    msg[WEIR_XS_HDR_SIZE] = '5';
    page->rsp_cons = before;
    for (unsigned i = 0; i < sizeof(msg); i++)
        page->req[page->req_prod++ % WEIR_XS_RING_SIZE] = (char)msg[i];
    r->guest[g]->ops->evtchn_notify(r->guest[g], r->evtchn[g]);
    turns(r);
    return page->rsp_prod - before == WEIR_XS_HDR_SIZE + 16;
}

/* Whatever one writes into its page meanwhile, it is its own harm, and it may
 * begin anew; one that gives its page or port to nobody is left out. */
static void a_spoilt_page_harms_its_owner(void **state)
{
    struct rings r = {0};
    uint64_t seed = 3;

    (void)state;
    begin(&r.b, 0);
    serve(&r);
    for (int g = 0; g < 2; g++) {
        r.guest[g] = weir_fake_domain_add(r.b.m, (domid_t)(5 + g), 0);
        weir_fake_store_pair(r.guest[g], r.b.port, &r.frame[g], &r.evtchn[g]);
        assert_int_equal(weir_xsd_introduce(r.x, (domid_t)(5 + g), r.evtchn[g]),
                         0);
    }
    weir_store_settle(r.x->store);
    turns(&r);
    for (unsigned round = 0; round < 60; round++) {
        struct weir_xs_ring_page *page = r.guest[0]->start.store_page;
        uint8_t *bytes = r.guest[0]->start.store_page;

        assert_true(alive(&r, 1));
        die(&r);
        for (unsigned i = 0; i < WEIR_PAGE_SIZE; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            if (i >= 2048 || round % 2)
                bytes[i] = (uint8_t)(seed >> 56) & (round % 3 ? 0xff : 0x03);
        }
        page->connection = round % 4 == 0;
        serve(&r);
        turns(&r);
        assert_true(alive(&r, 1));
        page->connection = WEIR_XS_RECONNECT;
        r.guest[0]->ops->evtchn_notify(r.guest[0], r.evtchn[0]);
        turns(&r);
        assert_int_equal(page->connection, WEIR_XS_CONNECTED);
        assert_true(alive(&r, 0));
    }
    die(&r);
    weir_fake_store_unpair(r.guest[0]);
    weir_fake_domain_destroy(r.guest[0]);
    serve(&r); /* one is gone */
    assert_true(alive(&r, 1));
    die(&r);
    serve(&r);
    assert_true(alive(&r, 1));
    die(&r);
    weir_fake_store_unpair(r.guest[1]);
    weir_fake_domain_destroy(r.b.port);
    assert_int_equal(weir_fake_machine_free(r.b.m), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_and_outlives),
        cmocka_unit_test(without_frames_growth_is_refused),
        cmocka_unit_test(guests_do_not_take_the_last_of_it),
        cmocka_unit_test(without_memory_a_connection_ends),
        cmocka_unit_test(without_any_frames_it_serves_once),
        cmocka_unit_test(spoilt_bytes_are_no_more_than_an_error),
        cmocka_unit_test(a_spoilt_page_harms_its_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

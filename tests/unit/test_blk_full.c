/* SPDX-License-Identifier: MIT
 *
 * A queue whose slots are all in use, step by step: a frontend that counts
 * answers which it cannot have seen sends more than fits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "backends/blk/queue_priv.h"
#include "ring/grant.h"
#include "tests/unit/fake_port.h"

#define SLOTS 32u

static struct {
    struct weir_fake_machine *machine;
    struct weir_port *fport, *bport;
    struct weir_gnttab gnttab;
    struct weir_vbd vbd;
    struct weir_dev_stats stats;
    struct weir_blk_log_queue words;
    struct weir_blk_log_entry entry[SLOTS];
    struct weir_blk_queue *q;
    struct weir_blkif_front_ring front;
    void *ring, *data;
    grant_ref_t ring_ref, data_ref;
    evtchn_port_t port;
    uint32_t prod; /* as the frontend publishes it, true or not */
} t;

/* A device that takes everything and ends nothing. */
static int stuck_submit(struct weir_blk_engine *e, struct weir_blk_io **io,
                        unsigned n)
{
    (void)io;
    e->inflight += n;
    return (int)n;
}

static unsigned stuck_reap(struct weir_blk_engine *e, struct weir_blk_io **done,
                           unsigned max)
{
    (void)e;
    (void)done;
    (void)max;
    return 0;
}

static const struct weir_blk_engine_ops stuck = {
    .name = "stuck", .submit = stuck_submit, .reap = stuck_reap};

static void make_queue(void)
{
    static volatile uint32_t shortages;
    struct weir_blk_queue_config cfg = {.vbd = &t.vbd,
                                        .words = &t.words,
                                        .log = t.entry,
                                        .shortages = &shortages};
    struct weir_map_op map = {.dom = 5, .ref = t.ring_ref};

    t.vbd.back.port = t.bport;
    t.vbd.back.frontend = 5;
    t.vbd.back.stats = &t.stats;
    t.vbd.lim.sectors = 1024;
    t.vbd.lim.sector_size = 512;
    t.vbd.sectors = 1024;
    t.vbd.mem = (uint8_t *)t.entry; /* nothing reaches it */
    t.vbd.align_io = t.vbd.align_mem = 512;
    assert_int_equal(t.bport->ops->map(t.bport, &map, 1), 0);
    assert_int_equal(map.status, 0);
    cfg.ring.port = t.bport;
    cfg.ring.n = 1;
    cfg.ring.addr[0] = map.addr;
    cfg.ring.handle[0] = map.handle;
    assert_int_equal(t.bport->ops->evtchn_bind(t.bport, 5, t.port, &cfg.port),
                     0);
    assert_int_equal(weir_blk_queue_new(&cfg, &t.q), 0);
    t.q->engine.ops = &stuck;
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    t.machine = weir_fake_machine_new(512);
    t.fport = weir_fake_domain_add(t.machine, 5, 0);
    t.bport = weir_fake_domain_add(t.machine, 2, 0);
    assert_int_equal(weir_gnttab_init(&t.gnttab, t.fport), 0);
    assert_int_equal(t.fport->ops->alloc_pages(t.fport, 1, &t.ring), 0);
    assert_int_equal(t.fport->ops->alloc_pages(t.fport, 1, &t.data), 0);
    assert_int_equal(
        weir_gnttab_grant(&t.gnttab, 2, t.ring, false, &t.ring_ref), 0);
    assert_int_equal(
        weir_gnttab_grant(&t.gnttab, 2, t.data, false, &t.data_ref), 0);
    assert_int_equal(weir_blkif_front_init(&t.front, &t.ring, 1), 0);
    assert_int_equal(t.fport->ops->evtchn_alloc(t.fport, 2, &t.port), 0);
    make_queue();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    t.q->engine.inflight = 0;
    weir_blk_queue_stop(t.q);
    weir_blk_queue_free(t.q);
    weir_fake_domain_destroy(t.bport);
    assert_int_equal(weir_gnttab_end(&t.gnttab, t.ring_ref), 0);
    assert_int_equal(weir_gnttab_end(&t.gnttab, t.data_ref), 0);
    assert_int_equal(weir_gnttab_fini(&t.gnttab), 0);
    weir_fake_domain_destroy(t.fport);
    assert_int_equal(weir_fake_machine_free(t.machine), 0);
    return 0;
}

/* n requests into the next slots, whatever is there. */
static void send(unsigned n, uint8_t operation)
{
    struct weir_ring_mem *m = &t.front.r.mem;

    for (unsigned i = 0; i < n; i++) {
        union weir_blkif_request r;

        memset(&r, 0, sizeof(r));
        r.rw.operation = operation;
        r.rw.nr_segments = 1;
        r.rw.id = t.prod;
        r.rw.seg[0].gref = t.data_ref;
        weir_ring_copy_in_(m, t.prod++, WEIR_RING_SLOT_blkif, &r, sizeof(r));
    }
    weir_store_release32(&m->hdr->req_prod, t.prod);
}

static uint32_t published(void)
{
    return weir_ring_read_indexes(&t.front.r.mem).rsp_prod;
}

static int work(void)
{
    return weir_blk_queue_ops.work(t.q);
}

static void test_no_slot_is_used_before_its_answer_is_published(void **state)
{
    (void)state;
    send(SLOTS - 3, WEIR_BLKIF_OP_READ);
    assert_true(work() > 0);
    assert_true(work() > 0);
    assert_int_equal(t.q->engine.inflight, SLOTS - 3);
    send(3, 99); /* answered at once, with a refusal */
    assert_int_equal(work(), 3);
    assert_int_equal(published(), 0);
    assert_null(t.q->free);
    /* The ring's private index would let these in. */
    send(3, WEIR_BLKIF_OP_READ);
    assert_true(work() >= 0);
    assert_int_equal(t.q->log.taken, SLOTS);
    for (unsigned i = 0; i < 4; i++)
        assert_true(work() >= 0);
    assert_int_equal(published(), 3);
    assert_int_equal(t.words.answered, 3);
    assert_int_equal(t.q->log.taken, SLOTS + 3);
    assert_int_equal(t.q->engine.inflight, SLOTS);
    assert_null(t.q->free);
    send(1, WEIR_BLKIF_OP_READ); /* more than the ring has */
    for (unsigned i = 0; i < 4; i++)
        work();
    assert_int_equal(t.q->log.taken, SLOTS + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_no_slot_is_used_before_its_answer_is_published, setup,
            teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

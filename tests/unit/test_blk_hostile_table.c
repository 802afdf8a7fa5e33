/* SPDX-License-Identifier: MIT
 *
 * A backend that writes into the frontend's table of segments, which it may,
 * while the frontend fills it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/lone_front.h"

#define PAGES  50
#define ROUNDS 20000

static struct lone_front w;
static struct weir_blkif_back_ring back_ring;
static unsigned done_count;
static int last_status;
static volatile uint32_t scribbling;

static void done(struct weir_blkfront_io *io, int status)
{
    (void)io;
    last_status = status;
    done_count++;
}

static int start(void **state)
{
    (void)state;
    lone_front_start(&w);
    lone_front_set_back(&w, "feature-max-indirect-segments", "256");
    lone_front_set_back(&w, "sectors", "2048");
    lone_front_set_back(&w, "state", "2");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    lone_front_stop(&w);
    return 0;
}

static void *open_front(void *arg)
{
    return (void *)(intptr_t)weir_blkfront_open(&w.bus, 0, arg, &w.bf);
}

static void *map(grant_ref_t ref, struct weir_unmap_op *un)
{
    struct weir_map_op op = {.dom = BLK_FRONT, .ref = ref};

    assert_int_equal(w.bport->ops->map(w.bport, &op, 1), 0);
    assert_int_equal(op.status, 0);
    *un = (struct weir_unmap_op){.addr = op.addr, .handle = op.handle};
    return op.addr;
}

static void connect_both(struct weir_unmap_op *un)
{
    pthread_t opener;
    void *result, *ring;

    assert_int_equal(pthread_create(&opener, NULL, open_front, NULL), 0);
    while (lone_front_get(&w, "state") != 3)
        sched_yield();
    ring = map((grant_ref_t)lone_front_get(&w, "ring-ref"), un);
    assert_int_equal(weir_blkif_back_init(&back_ring, &ring, 1), 0);
    lone_front_set_back(&w, "state", "4");
    pthread_join(opener, &result);
    assert_null(result);
}

static void *scribble(void *arg)
{
    volatile struct weir_blkif_segment *seg = arg;

    weir_store_release32(&scribbling, 1);
    while (weir_load_acquire32(&scribbling) == 1)
        for (unsigned i = 0; i < PAGES; i++)
            seg[i].last_sect = 0xff;
    return NULL;
}

/* One transfer of a page table's worth; what it went onto the ring as. */
static struct weir_blkif_request_indirect transfer(struct weir_blkfront_io *io)
{
    struct weir_blkif_response rsp;
    union weir_blkif_request req;

    assert_int_equal(weir_blkfront_submit(w.bf, 0, io), 0);
    assert_int_equal(weir_blkif_back_available(&back_ring), 1);
    assert_int_equal(weir_blkif_back_get(&back_ring, &req), 1);
    assert_int_equal(req.indirect.operation, WEIR_BLKIF_OP_INDIRECT);
    assert_int_equal(req.indirect.nr_segments, PAGES);
    memset(&rsp, 0, sizeof(rsp));
    rsp.id = req.rw.id;
    rsp.operation = weir_blkif_answered(&req);
    assert_int_equal(weir_blkif_back_put(&back_ring, &rsp), 0);
    weir_blkif_back_push(&back_ring);
    assert_int_equal(weir_blkfront_poll(w.bf, 0), 1);
    return req.indirect;
}

static void test_segments_that_change_meanwhile_do_no_harm(void **state)
{
    struct weir_blkfront_vec v = {.len = PAGES * 4096};
    struct weir_blkfront_io io = {
        .op = WEIR_BLKFRONT_READ, .vec = &v, .nvec = 1, .done = done};
    struct weir_unmap_op un[2];
    pthread_t thread;
    void *table;

    (void)state;
    connect_both(&un[0]);
    assert_int_equal(weir_blkfront_alloc(w.bf, PAGES, &v.data), 0);
    table = map(transfer(&io).indirect_grefs[0], &un[1]);
    assert_int_equal(pthread_create(&thread, NULL, scribble, table), 0);
    while (weir_load_acquire32(&scribbling) == 0)
        sched_yield();
    for (unsigned i = 1; i < ROUNDS; i++)
        transfer(&io);
    weir_store_release32(&scribbling, 2);
    pthread_join(thread, NULL);
    assert_int_equal(w.bport->ops->unmap(w.bport, un, 2), 0);
    assert_int_equal(done_count, ROUNDS);
    assert_int_equal(last_status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_segments_that_change_meanwhile_do_no_harm, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

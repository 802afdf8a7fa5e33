/* SPDX-License-Identifier: MIT
 *
 * Backends that break the rules of design section 8: the frontend closes the
 * device, ends its I/O with an error, keeps its memory to itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/lone_front.h"

/* A backend that is this test: it answers what it likes. */
struct hostile {
    struct lone_front w;
    pthread_t opener;
    int open_result;
    struct weir_blkif_back_ring ring;
    struct weir_map_op map;
    evtchn_port_t port;
    bool mapped;
};

static struct hostile h;
static int last_status;
static unsigned done_count;

static void done(struct weir_blkfront_io *io, int status)
{
    (void)io;
    last_status = status;
    done_count++;
}

static void expect_front_state(unsigned state)
{
    for (unsigned i = 0; i < 5000 && lone_front_get(&h.w, "state") != state;
         i++) {
        struct timespec ts = {0, 1000000};

        nanosleep(&ts, NULL);
    }
    assert_int_equal(lone_front_get(&h.w, "state"), state);
}

static int start(void **state)
{
    (void)state;
    memset(&h, 0, sizeof(h));
    done_count = 0;
    lone_front_start(&h.w);
    return 0;
}

static void let_go(void)
{
    struct weir_unmap_op un = {.addr = h.map.addr, .handle = h.map.handle};

    if (h.mapped)
        h.w.bport->ops->unmap(h.w.bport, &un, 1);
    if (h.port != 0)
        h.w.bport->ops->evtchn_close(h.w.bport, h.port);
    h.mapped = false;
    h.port = 0;
}

static int stop(void **state)
{
    (void)state;
    let_go();
    lone_front_stop(&h.w);
    return 0;
}

static void *open_front(void *arg)
{
    (void)arg;
    h.open_result = weir_blkfront_open(&h.w.bus, 0, NULL, &h.w.bf);
    return NULL;
}

static void begin_open(void)
{
    assert_int_equal(pthread_create(&h.opener, NULL, open_front, NULL), 0);
    lone_front_set_back(&h.w, "feature-flush-cache", "1");
    lone_front_set_back(&h.w, "state", "2");
    expect_front_state(3);
}

static void attach_ring(void)
{
    h.map.dom = BLK_FRONT;
    h.map.ref = (grant_ref_t)lone_front_get(&h.w, "ring-ref");
    assert_int_equal(h.w.bport->ops->map(h.w.bport, &h.map, 1), 0);
    assert_int_equal(h.map.status, 0);
    h.mapped = true;
    assert_int_equal(weir_blkif_back_init(&h.ring, &h.map.addr, 1), 0);
    assert_int_equal(h.w.bport->ops->evtchn_bind(
                         h.w.bport, BLK_FRONT,
                         (evtchn_port_t)lone_front_get(&h.w, "event-channel"),
                         &h.port),
                     0);
}

static void finish_open(const char *sectors, const char *sector_size)
{
    lone_front_set_back(&h.w, "sectors", sectors);
    lone_front_set_back(&h.w, "sector-size", sector_size);
    lone_front_set_back(&h.w, "state", "4");
    pthread_join(h.opener, NULL);
}

static void connect_both(void)
{
    begin_open();
    attach_ring();
    finish_open("2048", "512");
    assert_int_equal(h.open_result, 0);
}

static uint8_t page[4096];
static struct weir_blkfront_vec vec = {page, 4096};
static struct weir_blkfront_io io;

static struct weir_blkfront_io *read_io(void)
{
    io = (struct weir_blkfront_io){
        .op = WEIR_BLKFRONT_READ, .vec = &vec, .nvec = 1, .done = done};
    return &io;
}

static struct weir_blkif_response take(void)
{
    union weir_blkif_request req;
    struct weir_blkif_response rsp;

    memset(&rsp, 0, sizeof(rsp));
    assert_int_equal(weir_blkif_back_get(&h.ring, &req), 1);
    rsp.id = req.rw.id;
    rsp.operation = req.rw.operation;
    return rsp;
}

static void answer(const struct weir_blkif_response *rsp)
{
    assert_int_equal(weir_blkif_back_put(&h.ring, rsp), 0);
    weir_blkif_back_push(&h.ring);
}

/* The device is closed for this reason and the I/O ended. */
static void expect_closed(const char *reason)
{
    char buf[128];

    assert_true(weir_blkfront_poll(h.w.bf, 0) < 0);
    weir_front_bus_poll(&h.w.bus);
    assert_int_equal(lone_front_get(&h.w, "state"), 5);
    assert_true(weir_fake_store_get(h.w.store, BLK_FPATH "/error", buf,
                                    sizeof(buf)) >= 0);
    assert_string_equal(buf, reason);
    assert_int_equal(done_count, 1);
    assert_int_equal(last_status, -WEIR_ENOTCONN);
    assert_int_equal(weir_blkfront_submit(h.w.bf, 0, read_io()),
                     -WEIR_ENOTCONN);
}

#define NOT_ASKED "the backend answered what was not asked"

static void test_answer_with_an_id_out_of_range(void **state)
{
    struct weir_blkif_response rsp;

    (void)state;
    connect_both();
    assert_int_equal(weir_blkfront_submit(h.w.bf, 0, read_io()), 0);
    rsp = take();
    rsp.id = (rsp.id & ~0xffffull) | 4000;
    answer(&rsp);
    expect_closed(NOT_ASKED);
}

static void test_answer_to_what_is_not_outstanding(void **state)
{
    struct weir_blkif_response rsp;

    (void)state;
    connect_both();
    assert_int_equal(weir_blkfront_submit(h.w.bf, 0, read_io()), 0);
    rsp = take();
    rsp.id ^= 1;
    answer(&rsp);
    expect_closed(NOT_ASKED);
}

static void test_answer_of_another_operation(void **state)
{
    struct weir_blkif_response rsp;

    (void)state;
    connect_both();
    assert_int_equal(weir_blkfront_submit(h.w.bf, 0, read_io()), 0);
    rsp = take();
    rsp.operation = WEIR_BLKIF_OP_WRITE;
    answer(&rsp);
    expect_closed(NOT_ASKED);
}

static void test_second_answer_to_one_request(void **state)
{
    struct weir_blkif_response rsp, other;

    (void)state;
    connect_both();
    assert_int_equal(weir_blkfront_submit(h.w.bf, 0, read_io()), 0);
    rsp = take();
    answer(&rsp);
    assert_int_equal(weir_blkfront_poll(h.w.bf, 0), 1);
    assert_int_equal(last_status, 0);
    done_count = 0;
    assert_int_equal(weir_blkfront_submit(h.w.bf, 0, read_io()), 0);
    other = take();
    assert_true(other.id != rsp.id); /* the same slot, another generation */
    answer(&rsp);
    expect_closed(NOT_ASKED);
}

static void test_more_answers_than_requests(void **state)
{
    volatile struct weir_sring_header *hdr;

    (void)state;
    connect_both();
    assert_int_equal(weir_blkfront_submit(h.w.bf, 0, read_io()), 0);
    hdr = h.map.addr;
    hdr->rsp_prod += 2;
    expect_closed("the backend's ring index is impossible");
}

static void test_status_never_heard_of_is_an_error(void **state)
{
    struct weir_blkif_response rsp;

    (void)state;
    connect_both();
    for (int status = -5; status < 5; status += 3) {
        assert_int_equal(weir_blkfront_submit(h.w.bf, 0, read_io()), 0);
        rsp = take();
        rsp.status = (int16_t)(status * 1000 + 7);
        answer(&rsp);
        assert_int_equal(weir_blkfront_poll(h.w.bf, 0), 1);
        assert_int_equal(last_status, -WEIR_EIO);
    }
}

static void test_backend_that_disappears_ends_io(void **state)
{
    (void)state;
    connect_both();
    assert_int_equal(weir_blkfront_submit(h.w.bf, 0, read_io()), 0);
    assert_int_equal(weir_fake_store_rm(h.w.store, BLK_BPATH), 0);
    weir_front_bus_poll(&h.w.bus);
    assert_int_equal(done_count, 1);
    assert_int_equal(last_status, -WEIR_ENOTCONN);
    assert_int_equal(lone_front_get(&h.w, "state"), 6);
}

static void test_garbage_sizes_are_refused(void **state)
{
    static const char *const bad[][2] = {
        {"2048", "0"},      {"2048", "513"}, {"2048", "1048576"},
        {"0", "512"},       {"-5", "512"},   {"18446744073709551615", "512"},
        {"lots of", "512"}, {"", "512"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        lone_front_set_back(&h.w, "state", "1");
        lone_front_set_front(&h.w, "state", "1");
        h.w.bf = NULL;
        begin_open();
        lone_front_set_back(&h.w, "sectors", bad[i][0]);
        lone_front_set_back(&h.w, "sector-size", bad[i][1]);
        lone_front_set_back(&h.w, "state", "4");
        expect_front_state(5);
        lone_front_set_back(&h.w, "state",
                            "6"); /* as a backend answers Closing */
        pthread_join(h.opener, NULL);
        assert_int_equal(h.open_result, -WEIR_ENOTCONN);
        assert_null(h.w.bf);
    }
}

static void test_pages_still_mapped_are_not_given_to_others(void **state)
{
    unsigned before;
    void *fresh;

    (void)state;
    connect_both();
    lone_front_set_back(&h.w, "state", "6");
    weir_blkfront_close(h.w.bf);
    h.w.bf = NULL;
    before = weir_fake_pages(h.w.fport);
    /* The ring's page is not free: the backend still has it. */
    assert_int_equal(h.w.fport->ops->alloc_pages(h.w.fport, 64, &fresh), 0);
    memset(fresh, 0x77, 64 * 4096);
    assert_int_not_equal(*(volatile uint8_t *)h.map.addr, 0x77);
    h.w.fport->ops->free_pages(h.w.fport, fresh, 64);
    let_go();
    weir_gnttab_reap(&h.w.gnttab);
    assert_int_equal(weir_fake_pages(h.w.fport), before - 1);
}

/* It keeps each ring it was ever given, and asks for the next. */
static void test_backend_that_starts_anew_for_ever_takes_no_memory(void **state)
{
    struct weir_map_op kept[50];
    unsigned pages;

    (void)state;
    connect_both();
    pages = weir_fake_pages(h.w.fport);
    memset(kept, 0, sizeof(kept));
    for (unsigned i = 0; i < 50; i++) {
        lone_front_set_back(&h.w, "state", "2");
        weir_front_bus_poll(&h.w.bus);
        assert_int_equal(lone_front_get(&h.w, "state"), 3);
        kept[i].dom = BLK_FRONT;
        kept[i].ref = (grant_ref_t)lone_front_get(&h.w, "ring-ref");
        assert_int_equal(h.w.bport->ops->map(h.w.bport, &kept[i], 1), 0);
        lone_front_set_back(&h.w, "state", "4");
        weir_front_bus_poll(&h.w.bus);
        assert_int_equal(lone_front_get(&h.w, "state"), 4);
    }
    assert_int_equal(weir_fake_pages(h.w.fport), pages);
    for (unsigned i = 0; i < 50; i++) {
        struct weir_unmap_op un = {.addr = kept[i].addr,
                                   .handle = kept[i].handle};

        h.w.bport->ops->unmap(h.w.bport, &un, 1);
    }
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, start, stop)
    const struct CMUnitTest tests[] = {
        T(test_answer_with_an_id_out_of_range),
        T(test_answer_to_what_is_not_outstanding),
        T(test_answer_of_another_operation),
        T(test_second_answer_to_one_request),
        T(test_more_answers_than_requests),
        T(test_status_never_heard_of_is_an_error),
        T(test_backend_that_disappears_ends_io),
        T(test_garbage_sizes_are_refused),
        T(test_pages_still_mapped_are_not_given_to_others),
        T(test_backend_that_starts_anew_for_ever_takes_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

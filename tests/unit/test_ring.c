/* SPDX-License-Identifier: MIT
 *
 * The ring between two ends that keep the protocol.
 */
#include "tests/unit/ring_fixture.h"

static void push_front(struct ring_fixture *f, uint64_t id)
{
    union weir_blkif_request req = ring_request(id);

    assert_int_equal(weir_blkif_front_put(&f->front, &req), 0);
}

static void expect_request(struct ring_fixture *f, uint64_t id)
{
    union weir_blkif_request got, want = ring_request(id);

    assert_int_equal(weir_blkif_back_get(&f->back, &got), 1);
    assert_memory_equal(&got, &want, sizeof(got));
}

static void answer(struct ring_fixture *f, uint64_t id)
{
    struct weir_blkif_response rsp = ring_response(id);

    assert_int_equal(weir_blkif_back_put(&f->back, &rsp), 0);
}

static void expect_response(struct ring_fixture *f, uint64_t id)
{
    struct weir_blkif_response got, want = ring_response(id);

    assert_int_equal(weir_blkif_front_get(&f->front, &got), 1);
    assert_memory_equal(&got, &want, sizeof(got));
}

/* Many rounds of uneven bursts over every kind of ring: each slot is used many
 * times, straddling ones too, and every byte arrives. */
static void traffic(unsigned npages, int scattered)
{
    struct ring_fixture f;
    uint64_t sent = 0, taken = 0, answered = 0, got = 0;
    uint32_t slots;

    ring_fixture_open(&f, npages, scattered);
    slots = weir_blkif_ring_slots(npages);
    assert_int_equal(weir_blkif_front_free(&f.front), slots);
    for (unsigned round = 0; round < 400; round++) {
        unsigned burst = round * 7 % (slots + 1);

        for (unsigned i = 0; i < burst; i++) {
            if (weir_blkif_front_free(&f.front) > 0)
                push_front(&f, sent++);
        }
        weir_blkif_front_push(&f.front);
        for (unsigned i = 0; i < burst && taken < sent; i++)
            expect_request(&f, taken++);
        while (answered < taken)
            answer(&f, answered++);
        weir_blkif_back_push(&f.back);
        for (unsigned i = 0; i < burst / 2 + 1 && got < answered; i++)
            expect_response(&f, got++);
        assert_int_equal(weir_blkif_front_free(&f.front), slots - (sent - got));
    }
    assert_true(sent > 10 * slots);
    ring_fixture_close(&f);
}

static void bytes_arrive_in_every_slot(void **state)
{
    (void)state;
    for (unsigned npages = 1; npages <= WEIR_RING_MAX_PAGES; npages++) {
        traffic(npages, 0);
        traffic(npages, 1);
    }
}

static void slots_straddle_pages_where_xen_has_them(void **state)
{
    struct ring_fixture f;
    union weir_blkif_request req = ring_request(0x77);
    const uint8_t *want = (const void *)&req;

    (void)state;
    ring_fixture_open(&f, 2, 1);
    for (unsigned i = 0; i < 36; i++)
        push_front(&f, 0);
    assert_int_equal(weir_blkif_front_put(&f.front, &req), 0);
    /* Slot 36 begins at 64 + 36 * 112 = 4096: first byte of page 1; slot 35
     * ends there. */
    assert_memory_equal(f.page[1], want, sizeof(req));
    ring_fixture_close(&f);

    /* Eight pages: slot 72 begins at 8128, 64 bytes before page 2. */
    ring_fixture_open(&f, 8, 1);
    for (unsigned i = 0; i < 72; i++)
        push_front(&f, 0);
    assert_int_equal(weir_blkif_front_put(&f.front, &req), 0);
    assert_memory_equal((uint8_t *)f.page[1] + 4032, want, 64);
    assert_memory_equal(f.page[2], want + 64, sizeof(req) - 64);
    ring_fixture_close(&f);
}

static void a_full_ring_refuses_and_recovers(void **state)
{
    struct ring_fixture f;
    union weir_blkif_request req = ring_request(1);

    (void)state;
    ring_fixture_open(&f, 1, 0);
    for (unsigned i = 0; i < 32; i++)
        push_front(&f, i);
    assert_int_equal(weir_blkif_front_free(&f.front), 0);
    assert_int_equal(weir_blkif_front_put(&f.front, &req), -WEIR_ENOSPC);
    weir_blkif_front_push(&f.front);
    assert_int_equal(weir_blkif_front_inflight(&f.front), 32);
    expect_request(&f, 0);
    answer(&f, 0);
    weir_blkif_back_push(&f.back);
    /* The slot is free only when the response is taken. */
    assert_int_equal(weir_blkif_front_put(&f.front, &req), -WEIR_ENOSPC);
    expect_response(&f, 0);
    assert_int_equal(weir_blkif_front_put(&f.front, &req), 0);
    ring_fixture_close(&f);
}

static void what_is_not_pushed_is_not_seen(void **state)
{
    struct ring_fixture f;
    union weir_blkif_request req;

    (void)state;
    ring_fixture_open(&f, 1, 0);
    push_front(&f, 1);
    push_front(&f, 2);
    assert_int_equal(weir_blkif_back_get(&f.back, &req), 0);
    weir_blkif_front_push(&f.front);
    assert_int_equal(weir_blkif_back_available(&f.back), 2);
    assert_int_equal(weir_blkif_back_peek(&f.back, 1, &req), 1);
    assert_int_equal(req.rw.id, 2);
    assert_int_equal(weir_blkif_back_peek(&f.back, 2, &req), 0);
    expect_request(&f, 1);
    assert_int_equal(weir_blkif_back_unanswered(&f.back), 1);
    ring_fixture_close(&f);
}

static void a_response_needs_a_taken_request(void **state)
{
    struct ring_fixture f;
    struct weir_blkif_response rsp = ring_response(0);

    (void)state;
    ring_fixture_open(&f, 1, 0);
    push_front(&f, 0);
    weir_blkif_front_push(&f.front);
    assert_int_equal(weir_blkif_back_put(&f.back, &rsp), -WEIR_EINVAL);
    ring_fixture_close(&f);
}

static void indexes_wrap_at_32_bits(void **state)
{
    const uint32_t start = UINT32_MAX - 20;
    struct ring_fixture f;

    (void)state;
    ring_fixture_open(&f, 2, 1);
    f.hdr->req_prod = f.hdr->rsp_prod = start;
    f.hdr->req_event = f.hdr->rsp_event = start + 1;
    assert_int_equal(weir_blkif_front_attach(&f.front, f.page, 2, start, start),
                     0);
    assert_int_equal(weir_blkif_back_init(&f.back, f.page, 2), 0);
    for (uint64_t id = 0; id < 100; id++) {
        push_front(&f, id);
        assert_true(weir_blkif_front_push(&f.front));
        expect_request(&f, id);
        assert_int_equal(weir_blkif_back_arm(&f.back), 0);
        answer(&f, id);
        assert_true(weir_blkif_back_push(&f.back));
        expect_response(&f, id);
        assert_int_equal(weir_blkif_front_arm(&f.front), 0);
    }
    ring_fixture_close(&f);
}

static void notify_is_due_once_for_each_arm(void **state)
{
    struct ring_fixture f;

    (void)state;
    ring_fixture_open(&f, 1, 0);
    push_front(&f, 0);
    assert_true(weir_blkif_front_push(&f.front)); /* a fresh ring is armed */
    push_front(&f, 1);
    assert_false(weir_blkif_front_push(&f.front)); /* the peer is awake */
    assert_false(weir_blkif_front_push(&f.front)); /* nothing new */
    expect_request(&f, 0);
    assert_int_equal(weir_blkif_back_arm(&f.back), 1); /* one more is there */
    expect_request(&f, 1);
    assert_int_equal(weir_blkif_back_arm(&f.back), 0);
    push_front(&f, 2);
    push_front(&f, 3);
    assert_true(weir_blkif_front_push(&f.front));
    ring_fixture_close(&f);
}

static void quiet_after_arm_prevents_the_notification(void **state)
{
    struct ring_fixture f;

    (void)state;
    ring_fixture_open(&f, 1, 0);
    assert_int_equal(weir_blkif_back_arm(&f.back), 0);
    weir_blkif_back_quiet(&f.back);
    push_front(&f, 0);
    assert_false(weir_blkif_front_push(&f.front));
    expect_request(&f, 0);
    assert_int_equal(weir_blkif_front_arm(&f.front), 0);
    weir_blkif_front_quiet(&f.front);
    answer(&f, 0);
    assert_false(weir_blkif_back_push(&f.back));
    assert_int_equal(weir_blkif_front_arm(&f.front), 1);
    ring_fixture_close(&f);
}

/* The race of arming: what is published between the last get and the arm has
 * been notified to nobody, so arm itself must see it. */
static void arm_sees_what_came_before_it(void **state)
{
    struct ring_fixture f;
    union weir_blkif_request req;

    (void)state;
    ring_fixture_open(&f, 1, 0);
    weir_blkif_back_quiet(&f.back);
    assert_int_equal(weir_blkif_back_get(&f.back, &req), 0);
    push_front(&f, 0);
    assert_false(weir_blkif_front_push(&f.front));
    assert_int_equal(weir_blkif_back_arm(&f.back), 1);
    ring_fixture_close(&f);
}

static void arm_after_waits_for_a_batch(void **state)
{
    struct ring_fixture f;

    (void)state;
    ring_fixture_open(&f, 1, 0);
    for (uint64_t i = 0; i < 6; i++)
        push_front(&f, i);
    weir_blkif_front_push(&f.front);
    assert_int_equal(weir_blkif_front_arm_after(&f.front, 4), 0);
    for (uint64_t i = 0; i < 6; i++)
        expect_request(&f, i);
    for (uint64_t i = 0; i < 3; i++) {
        answer(&f, i);
        assert_false(weir_blkif_back_push(&f.back));
    }
    answer(&f, 3);
    assert_true(weir_blkif_back_push(&f.back));
    for (uint64_t i = 0; i < 4; i++)
        expect_response(&f, i);
    /* Two are in flight: asking for four must not wait for ever. */
    assert_int_equal(weir_blkif_front_arm_after(&f.front, 4), 0);
    answer(&f, 4);
    answer(&f, 5);
    assert_true(weir_blkif_back_push(&f.back));
    ring_fixture_close(&f);
}

/* A backend that needs several requests, some of which are there already. */
static void back_arm_after_counts_what_is_there(void **state)
{
    struct ring_fixture f;

    (void)state;
    ring_fixture_open(&f, 1, 0);
    push_front(&f, 0);
    push_front(&f, 1);
    weir_blkif_front_push(&f.front);
    assert_int_equal(weir_blkif_back_arm_after(&f.back, 4), 0);
    push_front(&f, 2);
    assert_false(weir_blkif_front_push(&f.front));
    push_front(&f, 3);
    assert_true(weir_blkif_front_push(&f.front));
    assert_int_equal(weir_blkif_back_arm_after(&f.back, 4), 1);
    ring_fixture_close(&f);
}

static void a_successor_continues_at_the_indexes(void **state)
{
    struct ring_fixture f;
    struct weir_blkif_back_ring next;

    (void)state;
    ring_fixture_open(&f, 4, 1);
    for (uint64_t i = 0; i < 10; i++)
        push_front(&f, i);
    weir_blkif_front_push(&f.front);
    for (uint64_t i = 0; i < 7; i++)
        expect_request(&f, i);
    answer(&f, 0);
    answer(&f, 1);
    weir_blkif_back_push(&f.back);
    /* The first backend is gone; 2-6 were taken and not answered. */
    assert_int_equal(weir_blkif_back_attach(&next, f.page, 4, 7, 2), 0);
    f.back = next;
    assert_int_equal(weir_blkif_back_unanswered(&f.back), 5);
    expect_request(&f, 7);
    for (uint64_t i = 2; i < 8; i++)
        answer(&f, i);
    weir_blkif_back_push(&f.back);
    for (uint64_t i = 0; i < 8; i++)
        expect_response(&f, i);
    ring_fixture_close(&f);
}

static void bad_set_up_is_refused(void **state)
{
    struct ring_fixture f;
    void *crooked[1];

    (void)state;
    ring_fixture_open(&f, 1, 0);
    crooked[0] = (char *)f.page[0] + 8;
    assert_int_equal(weir_blkif_front_init(&f.front, crooked, 1), -WEIR_EINVAL);
    crooked[0] = NULL;
    assert_int_equal(weir_blkif_back_init(&f.back, crooked, 1), -WEIR_EINVAL);
    assert_int_equal(weir_blkif_back_init(&f.back, f.page, 0), -WEIR_EINVAL);
    assert_int_equal(weir_blkif_back_init(&f.back, f.page, 17), -WEIR_EINVAL);
    assert_int_equal(weir_blkif_front_attach(&f.front, f.page, 1, 33, 0),
                     -WEIR_EINVAL);
    assert_int_equal(weir_blkif_back_attach(&f.back, f.page, 1, 0, 1),
                     -WEIR_EINVAL);
    ring_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_in_every_slot),
        cmocka_unit_test(slots_straddle_pages_where_xen_has_them),
        cmocka_unit_test(a_full_ring_refuses_and_recovers),
        cmocka_unit_test(what_is_not_pushed_is_not_seen),
        cmocka_unit_test(a_response_needs_a_taken_request),
        cmocka_unit_test(indexes_wrap_at_32_bits),
        cmocka_unit_test(notify_is_due_once_for_each_arm),
        cmocka_unit_test(quiet_after_arm_prevents_the_notification),
        cmocka_unit_test(arm_sees_what_came_before_it),
        cmocka_unit_test(arm_after_waits_for_a_batch),
        cmocka_unit_test(back_arm_after_counts_what_is_there),
        cmocka_unit_test(a_successor_continues_at_the_indexes),
        cmocka_unit_test(bad_set_up_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed + ring_hostile_tests();
}

/* SPDX-License-Identifier: MIT
 *
 * The log of requests in flight: what it tells after each of its steps, and
 * what it refuses to believe.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "backends/blk/inflight.h"

#define SLOTS 8

static struct {
    struct weir_blk_log_entry entry[SLOTS];
    struct weir_blk_log_queue words;
    struct weir_blk_log log;
    uint16_t order[WEIR_BLK_LOG_SLOTS];
    unsigned live;
} t;

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    t.log.entry = t.entry;
    t.log.words = &t.words;
    t.log.n = SLOTS;
    return 0;
}

static int resume(void)
{
    struct weir_blk_log next = {
        .entry = t.entry, .words = &t.words, .n = SLOTS};
    int err = weir_blk_log_resume(&next, t.order, &t.live);

    if (err == 0)
        t.log = next;
    return err;
}

static void take(unsigned i)
{
    weir_blk_log_take(&t.log, &t.entry[i]);
}

static void finish(unsigned i)
{
    weir_blk_log_finish(&t.log, &t.entry[i]);
}

static void test_fresh_log_has_nothing_in_flight(void **state)
{
    (void)state;
    assert_int_equal(resume(), 0);
    assert_int_equal(t.live, 0);
    assert_int_equal(t.log.taken + t.log.replied, 0);
}

static void test_live_are_those_without_a_published_answer(void **state)
{
    (void)state;
    take(5);
    take(2);
    take(7);
    take(0);
    finish(2);
    weir_blk_log_publish(&t.log);
    finish(7); /* answered, not published */
    assert_int_equal(resume(), 0);
    assert_int_equal(t.live, 3);
    assert_int_equal(t.order[0], 5);
    assert_int_equal(t.order[1], 7);
    assert_int_equal(t.order[2], 0);
    assert_int_equal(t.log.replied, 1);
    assert_int_equal(t.log.taken, 4);
}

/* Its number was 2; by the time another one has that, it must not look
 * answered. */
static void test_answer_that_was_not_published_is_taken_back(void **state)
{
    (void)state;
    take(1);
    take(2);
    take(3);
    finish(3);
    weir_blk_log_publish(&t.log);
    finish(2);
    assert_int_equal(resume(), 0);
    finish(1);
    weir_blk_log_publish(&t.log);
    assert_int_equal(resume(), 0);
    assert_int_equal(t.live, 1);
    assert_int_equal(t.order[0], 2);
}

static void test_entry_is_used_again_after_publication(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        take(i % SLOTS);
        if (i >= 3) {
            finish((i - 3) % SLOTS);
            weir_blk_log_publish(&t.log);
        }
        if (i % 7 == 0)
            assert_int_equal(resume(), 0);
        assert_int_equal(t.log.taken, i + 1);
    }
    assert_int_equal(resume(), 0);
    assert_int_equal(t.live, 3);
    assert_int_equal(t.order[0], 997 % SLOTS);
}

/* Dead between the two stores of a take: the ring still has the request. */
static void test_half_taken_request_is_not_live(void **state)
{
    (void)state;
    take(4);
    finish(4);
    weir_blk_log_publish(&t.log);
    t.entry[4].seq = 2;
    assert_int_equal(resume(), 0);
    assert_int_equal(t.live, 0);
    assert_int_equal(t.log.taken, 1);
}

static void test_contradictions_are_refused(void **state)
{
    (void)state;
    take(1);
    take(2);
    t.entry[2].seq = 1; /* twice the same */
    assert_int_equal(resume(), -EPROTO);
    t.entry[2].seq = 3; /* more than were taken */
    assert_int_equal(resume(), -EPROTO);
    t.entry[2].seq = UINT64_MAX;
    assert_int_equal(resume(), -EPROTO);
    t.entry[2].seq = 2;
    assert_int_equal(resume(), 0);
    t.entry[1].answer = 3; /* more answers than requests */
    assert_int_equal(resume(), -EPROTO);
    t.entry[1].answer = 0;
    t.words.answered = UINT64_MAX;
    assert_int_equal(resume(), -EPROTO);
    t.words.answered = UINT64_MAX - 1;
    assert_int_equal(resume(), -EPROTO);
}

static void test_page_of_another_layout_is_refused(void **state)
{
    struct weir_blk_log_page page = {.queues = 8, .order = 4};

    (void)state;
    assert_int_equal(weir_blk_log_check(&page, 8), -EPROTO);
    weir_kept_head_set(&page.head, WEIR_BLK_LOG_MAGIC, WEIR_BLK_LOG_VERSION,
                       sizeof(page));
    assert_int_equal(weir_blk_log_check(&page, 8), -EPROTO);
    weir_kept_ready(&page.head);
    assert_int_equal(weir_blk_log_check(&page, 8), 0);
    assert_int_equal(weir_blk_log_check(&page, 7), -EPROTO); /* too many */
    page.queues = 9;
    assert_int_equal(weir_blk_log_check(&page, 8), -EPROTO);
    page.queues = 0;
    assert_int_equal(weir_blk_log_check(&page, 8), -EPROTO);
    page.queues = 1;
    page.order = 5;
    assert_int_equal(weir_blk_log_check(&page, 8), -EPROTO);
    page.order = 0;
    page.persistent = 2;
    assert_int_equal(weir_blk_log_check(&page, 8), -EPROTO);
}

static void test_keys_of_runs_differ_with_their_size(void **state)
{
    (void)state;
    assert_int_not_equal(weir_blk_log_key_queue(5, 1, 0, 0),
                         weir_blk_log_key_queue(5, 1, 0, 1));
    assert_int_not_equal(weir_blk_log_key_queue(5, 1, 7, 4),
                         weir_blk_log_key_page(5, 1));
    assert_int_not_equal(weir_blk_log_key_page(5, 1),
                         weir_blk_log_key_page(6, 1));
    assert_int_not_equal(weir_blk_log_key_page(5, 0xffffffff),
                         weir_blk_log_key_page(6, 0xffffffff));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup(fn, setup)
    const struct CMUnitTest tests[] = {
        T(test_fresh_log_has_nothing_in_flight),
        T(test_live_are_those_without_a_published_answer),
        T(test_answer_that_was_not_published_is_taken_back),
        T(test_entry_is_used_again_after_publication),
        T(test_half_taken_request_is_not_live),
        T(test_contradictions_are_refused),
        T(test_page_of_another_layout_is_refused),
        T(test_keys_of_runs_differ_with_their_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

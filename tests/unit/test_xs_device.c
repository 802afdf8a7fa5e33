/* SPDX-License-Identifier: MIT
 *
 * The client over a Linux domain's device, which is made up here: read and
 * write of its descriptor (--wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "xenbus/socket.h"

#define QUEUE 16u

ssize_t __wrap_write(int fd, const void *buf, size_t len);
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);
ssize_t __real_read(int fd, void *buf, size_t len);

static struct {
    struct weir_xs xs;
    bool numbered;   /* answers to WATCH have their request's number */
    int watch_error; /* WATCH is refused */
    unsigned requests;
    unsigned first, count;
    struct {
        char data[64];
        size_t len, done;
    } queue[QUEUE];
} t = {.xs.fd = -1};

/* Header and payload are parts of their own in the kernel's list. */
static void put(const void *data, size_t len)
{
    unsigned at = (t.first + t.count++) % QUEUE;

    assert_in_range(t.count, 1, QUEUE);
    assert_in_range(len, 1, sizeof(t.queue[at].data));
    memcpy(t.queue[at].data, data, len);
    t.queue[at].len = len;
    t.queue[at].done = 0;
}

static void message(uint32_t type, uint32_t number, const char *data,
                    size_t len)
{
    struct weir_xs_header h = {
        .type = type, .req_id = number, .len = (uint32_t)len};
    uint8_t bytes[WEIR_XS_HDR_SIZE];

    weir_xs_hdr_put(bytes, &h);
    put(bytes, sizeof(bytes));
    put(data, len);
}

static void event(void)
{
    message(WEIR_XS_WATCH_EVENT, 0, "backend/vbd\0vbd", 16);
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
    struct weir_xs_header h;
    bool watch;

    if (fd != t.xs.fd || fd < 0)
        return __real_write(fd, buf, len);
    assert_in_range(len, WEIR_XS_HDR_SIZE, 4096); /* what Linux takes */
    assert_int_equal(weir_xs_hdr_get(&h, buf), 0);
    assert_int_equal(len, WEIR_XS_HDR_SIZE + h.len);
    watch = h.type == WEIR_XS_WATCH || h.type == WEIR_XS_UNWATCH;
    t.requests++;
    if (h.type == WEIR_XS_WATCH && t.watch_error != 0) {
        errno = t.watch_error;
        return -1;
    }
    message(h.type, watch && !t.numbered ? 0 : h.req_id, "OK", 3);
    return (ssize_t)len;
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
    size_t n;

    if (fd != t.xs.fd || fd < 0)
        return __real_read(fd, buf, len);
    if (t.count == 0) {
        errno = EAGAIN;
        return -1;
    }
    n = t.queue[t.first].len - t.queue[t.first].done;
    n = n < len ? n : len;
    memcpy(buf, t.queue[t.first].data + t.queue[t.first].done, n);
    t.queue[t.first].done += n;
    if (t.queue[t.first].done == t.queue[t.first].len) {
        t.first = (t.first + 1) % QUEUE;
        t.count--;
    }
    return (ssize_t)n;
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    t.xs.fd = -1;
    assert_int_equal(weir_xs_open_device(&t.xs, "/dev/null", NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_xs_close_socket(&t.xs);
    return 0;
}

static void events_are(unsigned n)
{
    struct weir_xs_event ev;

    while (n-- > 0) {
        assert_int_equal(weir_xs_next_event(&t.xs, &ev), 1);
        assert_string_equal(ev.path, "backend/vbd");
        assert_string_equal(ev.token, "vbd");
    }
    assert_int_equal(weir_xs_next_event(&t.xs, &ev), 0);
}

static void watches_are_answered_by_any_kernel(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        t.numbered = i == 1;
        assert_int_equal(weir_xs_watch(&t.xs, "backend/vbd", "vbd"), 0);
        event();
        assert_int_equal(weir_xs_unwatch(&t.xs, "backend/vbd", "vbd"), 0);
        assert_int_equal(weir_xs_mkdir(&t.xs, 0, "x"), 0);
        events_are(1);
    }
    assert_int_equal(t.requests, 6);
}

/* The domain's quota: the write fails, the connection goes on. */
static void a_refused_watch_breaks_nothing(void **state)
{
    (void)state;
    t.watch_error = E2BIG;
    assert_int_equal(weir_xs_watch(&t.xs, "a", "a"), -E2BIG);
    event(); /* there already when the next is refused */
    assert_int_equal(weir_xs_watch(&t.xs, "b", "b"), -E2BIG);
    t.watch_error = ENOSPC;
    assert_int_equal(weir_xs_watch(&t.xs, "b", "b"), -ENOSPC);
    assert_int_equal(weir_xs_mkdir(&t.xs, 0, "x"), 0);
    t.watch_error = 0;
    assert_int_equal(weir_xs_watch(&t.xs, "b", "b"), 0);
    events_are(1);
}

static void other_answers_keep_their_numbers(void **state)
{
    (void)state;
    assert_int_equal(weir_xs_mkdir(&t.xs, 0, "x"), 0);
    message(WEIR_XS_MKDIR, 1, "OK", 3); /* that one again */
    assert_int_equal(weir_xs_mkdir(&t.xs, 0, "y"), -EPROTO);
}

/* A minute without an answer ends no driver domain. */
static void it_has_patience(void **state)
{
    (void)state;
    assert_true(t.xs.deadline_ns > 60 * 1000000000ull);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(watches_are_answered_by_any_kernel),
        TEST(a_refused_watch_breaks_nothing),
        TEST(other_answers_keep_their_numbers),
        TEST(it_has_patience),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * weir-xenstored's loop: how long one client may keep the others waiting, and
 * what a client can write into the log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/xs_rig.h"
#include "xenbus/server.h"

#define NODES    20000 /* what "check" walks: about a millisecond */
#define REQUESTS 300
#define REPLY    (WEIR_XS_HDR_SIZE + 3) /* "OK" */

static void put(struct weir_store_conn *c, uint32_t type, const void *payload,
                size_t len)
{
    struct weir_xs_header h = {.type = type, .len = (uint32_t)len};
    uint8_t waste[8192];
    void *at;

    assert_true(weir_store_space(c, &at) >= WEIR_XS_HDR_SIZE + len);
    weir_xs_hdr_put(at, &h);
    memcpy((uint8_t *)at + WEIR_XS_HDR_SIZE, payload, len);
    weir_store_fed(c, WEIR_XS_HDR_SIZE + len);
    assert_int_equal(weir_store_run(c, 1), 1);
    weir_store_sent(c, weir_store_peek(c, waste, sizeof(waste)));
}

static void fill(struct weir_store *s)
{
    struct weir_store_conn *c = weir_store_connect(s, 0, NULL);

    for (unsigned i = 0; i < NODES; i++) {
        char path[32];
        int n = snprintf(path, sizeof(path), "/a/%u/%u", i / 100, i);

        put(c, WEIR_XS_MKDIR, path, (size_t)n + 1);
    }
    weir_store_disconnect(c);
}

static int listen_at(struct sockaddr_un *a, char dir[])
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_non_null(mkdtemp(dir));
    a->sun_family = AF_UNIX;
    snprintf(a->sun_path, sizeof(a->sun_path), "%s/s", dir);
    assert_int_equal(bind(fd, (struct sockaddr *)a, sizeof(*a)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void send_checks(int fd)
{
    struct weir_xs_header h = {.type = WEIR_XS_CONTROL, .len = 6};
    uint8_t msg[REQUESTS][WEIR_XS_HDR_SIZE + 6];

    for (unsigned i = 0; i < REQUESTS; i++) {
        weir_xs_hdr_put(msg[i], &h);
        memcpy(msg[i] + WEIR_XS_HDR_SIZE, "check", 6);
    }
    assert_int_equal(send(fd, msg, sizeof(msg), 0), sizeof(msg));
}

static size_t replies(int fd)
{
    uint8_t buf[REPLY * REQUESTS];
    ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

    return n < 0 ? 0 : (size_t)n / REPLY;
}

static void costly_requests_end_a_turn(void **state)
{
    struct weir_xsd *x = calloc(1, sizeof(*x));
    char dir[] = "/tmp/weir-turn-XXXXXX";
    struct sockaddr_un a = {0};
    int listener = listen_at(&a, dir), fd = socket(AF_UNIX, SOCK_STREAM, 0);
    size_t got, all;

    (void)state;
    assert_int_equal(weir_xsd_init(x, listener), 0);
    fill(x->store);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(weir_xsd_turn(x, 100), 0); /* takes the connection */
    send_checks(fd);
    assert_int_equal(weir_xsd_turn(x, 100), 0);
    got = replies(fd);
    assert_in_range(got, 1, REQUESTS / 3);
    for (all = got; got; all += got) { /* nothing is forgotten over it */
        assert_int_equal(weir_xsd_turn(x, 100), 0);
        got = replies(fd);
    }
    assert_int_equal(all, REQUESTS);
    close(fd);
    weir_xsd_fini(x);
    close(listener);
    unlink(a.sun_path);
    rmdir(dir);
    free(x);
}

static char logged[512];
static unsigned lines;

static void keep(void *context, enum weir_log_level level, const char *line)
{
    (void)context;
    (void)level;
    snprintf(logged, sizeof(logged), "%s", line);
    lines++;
}

static void requests_cannot_forge_log_lines(void **state)
{
    static const struct weir_store_ops ops = {.log = keep};
    struct weir_store_conn *c;
    struct weir_store *s;

    (void)state;
    assert_int_equal(weir_store_new(&ops, NULL, &s), 0);
    c = weir_store_connect(s, 0, NULL);
    put(c, WEIR_XS_CONTROL, "log\0on", 7);
    put(c, WEIR_XS_READ, "x\nweir-xenstored: error: \x1b[2J", 30);
    assert_non_null(strstr(logged, "READ"));
    for (const char *p = logged; *p; p++)
        assert_in_range((unsigned char)*p, 0x20, 0x7e);
    weir_store_disconnect(c);
    weir_store_free(s);
}

static uint64_t still(void *context)
{
    (void)context;
    return 1000000000;
}

/* Each keeps 4 KB of the past alive, until that is too much. */
static void transactions_left_open_fill_no_log(void **state)
{
    static const struct weir_store_ops ops = {.now_ns = still, .log = keep};
    static char write[4000] = "/a";
    struct weir_store_conn *c;
    struct weir_store *s;

    (void)state;
    assert_int_equal(weir_store_new(&ops, NULL, &s), 0);
    c = weir_store_connect(s, 0, NULL);
    lines = 0;
    for (unsigned i = 0; i < 10000; i++) {
        put(c, WEIR_XS_TRANSACTION_START, "", 1);
        put(c, WEIR_XS_WRITE, write, sizeof(write));
    }
    assert_int_equal(lines, 1); /* in one second */
    weir_store_disconnect(c);
    weir_store_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costly_requests_end_a_turn),
        cmocka_unit_test(requests_cannot_forge_log_lines),
        cmocka_unit_test(transactions_left_open_fill_no_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

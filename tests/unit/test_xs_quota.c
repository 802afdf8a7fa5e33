/* SPDX-License-Identifier: MIT
 *
 * Quotas: each stops a guest at its limit, names itself, and does not stop
 * domain 0.
 */
#include "tests/unit/xs_rig.h"
#include "xenbus/store_int.h"

static void quota(struct rig *r, const char *what, const char *value)
{
    char p[64];
    size_t n;

    n = (size_t)snprintf(p, sizeof(p), "3%c%s%c%s", 0, what, 0, value) + 1;
    assert_int_equal(ask(&r->dom0, WEIR_XS_SET_QUOTA, 0, p, n, NULL), 3);
}

/* The last error reply names the quota behind the error's NUL. */
static void assert_named(struct weir_xs *xs, const char *what)
{
    const char *p = (const char *)xs->in + WEIR_XS_HDR_SIZE;

    assert_string_equal(p + strlen(p) + 1, what);
}

static int make(struct weir_xs *xs, weir_xs_tx tx, int i)
{
    char path[32];

    snprintf(path, sizeof(path), "n%d", i);
    return SET(xs, tx, path, "1");
}

static void nodes(void **state)
{
    struct rig *r = *state;
    char path[64];

    for (int i = 0; i < 999; i++) /* one has been made for it */
        assert_int_equal(make(&r->d3, 0, i), 0);
    assert_int_equal(make(&r->d3, 0, 999), -WEIR_ENOSPC);
    assert_named(&r->d3, "nodes");
    assert_int_equal(SET(&r->d3, 0, "n1", "still writable"), 0);
    snprintf(path, sizeof(path), "/local/domain/3/n%d", 2000);
    assert_int_equal(SET(&r->dom0, 0, path, "1"), 0);
    weir_xs_rm(&r->dom0, 0, path);
    weir_xs_rm(&r->d3, 0, "n5");
    assert_int_equal(make(&r->d3, 0, 999), 0);
    quota(r, "nodes", "0");
    assert_int_equal(make(&r->d3, 0, 1001), 0);
}

static void nodes_in_transactions(void **state)
{
    struct rig *r = *state;
    weir_xs_tx a, b;

    quota(r, "nodes", "4"); /* has one */
    weir_xs_transaction_start(&r->d3, &a);
    assert_int_equal(make(&r->d3, a, 0), 0);
    weir_xs_rm(&r->d3, a, "n0");
    for (int i = 0; i < 3; i++)
        assert_int_equal(make(&r->d3, a, i), 0);
    assert_int_equal(make(&r->d3, a, 3), -WEIR_ENOSPC);
    weir_xs_transaction_start(&r->d3, &b);
    assert_int_equal(SET(&r->d3, b, "m/x", "1"), 0);
    assert_int_equal(weir_xs_transaction_end(&r->d3, b, true), 0);
    assert_int_equal(weir_xs_transaction_end(&r->d3, a, true), -WEIR_ENOSPC);
    assert_named(&r->d3, "nodes");
    assert_int_equal(make(&r->d3, 0, 0), 0);
    assert_int_equal(make(&r->d3, 0, 1), -WEIR_ENOSPC);
}

static void watches(void **state)
{
    struct rig *r = *state;
    struct weir_xs_event ev;
    char token[16];

    for (int i = 0; i < 128; i++) {
        snprintf(token, sizeof(token), "%d", i);
        assert_int_equal(weir_xs_watch(&r->d3, "x", token), 0);
        assert_int_equal(weir_xs_next_event(&r->d3, &ev), 1);
    }
    assert_int_equal(weir_xs_watch(&r->d3, "x", "more"), -WEIR_E2BIG);
    assert_named(&r->d3, "watches");
    assert_int_equal(weir_xs_unwatch(&r->d3, "x", "7"), 0);
    assert_int_equal(weir_xs_watch(&r->d3, "x", "more"), 0);
}

static void transactions(void **state)
{
    struct rig *r = *state;
    weir_xs_tx tx[11];

    for (int i = 0; i < 10; i++)
        assert_int_equal(weir_xs_transaction_start(&r->d3, &tx[i]), 0);
    assert_int_equal(weir_xs_transaction_start(&r->d3, &tx[10]), -WEIR_ENOSPC);
    assert_named(&r->d3, "transactions");
    weir_xs_transaction_end(&r->d3, tx[4], false);
    assert_int_equal(weir_xs_transaction_start(&r->d3, &tx[4]), 0);
}

static void node_size_and_permissions(void **state)
{
    static char big[4000];
    struct rig *r = *state;

    assert_int_equal(weir_xs_write(&r->d3, 0, "big", big, 2000), 0);
    assert_int_equal(weir_xs_write(&r->d3, 0, "big", big, 2046), -WEIR_ENOSPC);
    assert_named(&r->d3, "node-size");
    assert_int_equal(weir_xs_write(&r->d3, 0, "b2", big, 2049), -WEIR_ENOSPC);
    assert_int_equal(weir_xs_write(&r->dom0, 0, "/b", big, 4000), 0);
    assert_int_equal(
        weir_xs_set_perms(&r->d3, 0, "big", "n3\0r1\0r2\0r4\0r5", 15), 0);
    assert_int_equal(
        weir_xs_set_perms(&r->d3, 0, "big", "n3\0r1\0r2\0r4\0r5\0r6", 18),
        -WEIR_ENOSPC);
    assert_named(&r->d3, "permissions");
}

static void memory(void **state)
{
    static char big[2000];
    struct rig *r = *state;
    char path[16];
    int i, rc = 0;

    quota(r, "memory", "100000");
    for (i = 0; i < 100 && !rc; i++) {
        snprintf(path, sizeof(path), "m%d", i);
        rc = weir_xs_write(&r->d3, 0, path, big, sizeof(big));
    }
    assert_int_equal(rc, -WEIR_ENOMEM);
    assert_named(&r->d3, "memory");
    assert_in_range(i, 40, 50);
    for (; rc == -WEIR_ENOMEM && i > 1; i--) {
        snprintf(path, sizeof(path), "m%d", i - 2);
        assert_int_equal(weir_xs_rm(&r->d3, 0, path), 0);
        rc = weir_xs_write(&r->d3, 0, "again", big, sizeof(big));
    }
    assert_int_equal(rc, 0);
}

static void a_transaction_cannot_touch_everything(void **state)
{
    struct rig *r = *state;
    char buf[8], path[16];
    weir_xs_tx tx;
    int i, rc = -WEIR_ENOENT;

    weir_xs_transaction_start(&r->d3, &tx);
    for (i = 0; i < 2000 && rc == -WEIR_ENOENT; i++) {
        snprintf(path, sizeof(path), "%d", i);
        rc = weir_xs_read(&r->d3, tx, path, buf, sizeof(buf));
    }
    assert_int_equal(rc, -WEIR_ENOSPC);
    assert_named(&r->d3, "transaction-nodes");
    assert_in_range(i, 1000, 1025);
}

/* Pipelined requests whose replies are not read: input stops being taken. */
static void outstanding_requests_hold_input_back(void **state)
{
    struct rig *r = *state;
    struct weir_store *s = weir_fake_store_core(r->f);
    struct weir_store_conn *c = weir_store_connect(s, 3, NULL);
    struct weir_xs_header h = {.type = WEIR_XS_GET_DOMAIN_PATH, .len = 2};
    unsigned sent = 0, handled = 0;
    uint8_t out[65536];
    void *at = NULL;
    int n;

    while (weir_store_space(c, &at) >= 18 && sent < 100000) {
        weir_xs_hdr_put(at, &h);
        memcpy((char *)at + 16, "3", 2);
        weir_store_fed(c, 18);
        sent++;
        n = weir_store_run(c, 100);
        assert_true(n >= 0);
        handled += (unsigned)n;
    }
    assert_int_equal(handled, 20);
    assert_in_range(sent, 21, 1000);
    assert_int_equal(weir_store_space(c, &at) / 18, 0);
    while (weir_store_peek(c, out, sizeof(out))) {
        weir_store_sent(c, weir_store_peek(c, out, sizeof(out)));
        n = weir_store_run(c, 100);
        handled += (unsigned)n;
    }
    assert_int_equal(handled, sent); /* none was lost */
    weir_store_disconnect(c);
}

/* Different nodes, two watches, never read: one event a watch stands for what
 * has no room, and nobody loses the connection by it. */
static void a_flood_of_events_is_bounded(void **state)
{
    struct rig *r = *state;
    struct weir_store *s = weir_fake_store_core(r->f);
    struct weir_xs_event ev;
    unsigned own = 0, lost = 0;
    char path[64];
    int got;

    quota(r, "memory", "50000");
    SET(&r->dom0, 0, "/ev", "");
    perms(r, "/ev", "r0", 3);
    watch(&r->d3, "/ev", "a");
    watch(&r->d3, "/ev", "b");
    watch(&r->dom0, "/ev", "priv");
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(path, sizeof(path), "/ev/%u", i);
        SET(&r->dom0, 0, path, "1");
    }
    assert_in_range(xs_domain_find(s, 3)->memory, 49000, 50500);
    while ((got = weir_xs_next_event(&r->d3, &ev)) > 0) {
        lost += got == WEIR_XS_OVERFLOW;
        own += got == 1 && !strcmp(ev.path, "/ev");
    }
    assert_int_equal(got, 0);
    assert_true(own == 2 || lost);
    assert_int_equal(weir_xs_read(&r->d3, 0, "/ev", path, sizeof(path)), 0);
    SET(&r->dom0, 0, "/ev/7", "2"); /* as before */
    assert_event(&r->d3, "/ev/7", "a");
    assert_event(&r->d3, "/ev/7", "b");
}

static void quotas_can_be_asked_and_set(void **state)
{
    struct rig *r = *state;
    const char *reply;

    ask(&r->dom0, WEIR_XS_GET_QUOTA, 0, "", 0, &reply);
    assert_string_equal(reply, "nodes watches transactions outstanding "
                               "node-size permissions transaction-nodes "
                               "memory");
    ask(&r->dom0, WEIR_XS_GET_QUOTA, 0, "watches", 8, &reply);
    assert_string_equal(reply, "128");
    quota(r, "watches", "5");
    ask(&r->dom0, WEIR_XS_GET_QUOTA, 0, "3\0watches", 10, &reply);
    assert_string_equal(reply, "5");
    ask(&r->dom0, WEIR_XS_SET_QUOTA, 0,
        "nodes\0"
        "7",
        8, &reply);
    ask(&r->dom0, WEIR_XS_GET_QUOTA, 0, "3\0nodes", 8, &reply);
    assert_string_equal(reply, "1000"); /* for domains to come */
    weir_fake_store_introduce(r->f, 8);
    ask(&r->dom0, WEIR_XS_GET_QUOTA, 0, "8\0nodes", 8, &reply);
    assert_string_equal(reply, "7");
    weir_fake_store_release(r->f, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nodes),
        TEST(nodes_in_transactions),
        TEST(watches),
        TEST(transactions),
        TEST(node_size_and_permissions),
        TEST(memory),
        TEST(a_transaction_cannot_touch_everything),
        TEST(outstanding_requests_hold_input_back),
        TEST(a_flood_of_events_is_bounded),
        TEST(quotas_can_be_asked_and_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

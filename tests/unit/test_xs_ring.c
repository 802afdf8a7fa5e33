/* SPDX-License-Identifier: MIT
 *
 * Ring pages: both ends against a hostile other end, over a fake machine.
 */
#include "tests/unit/xs_rig.h"
#include "ring/barrier.h"
#include "tests/unit/fake_port.h"
#include "xenbus/ring_page.h"
#include "xenbus/server.h"

/* The server's turns are made by hand here: what happens, happens at once. */
struct bed {
    struct weir_fake_machine *m;
    struct weir_port *store, *guest[2];
    mfn_t frame[2];
    evtchn_port_t evtchn[2];
    struct weir_xsd x;
    struct weir_store_conn *admin;
    struct weir_xs xs;
};

static struct weir_xs_ring_page *page(struct bed *b, int g)
{
    return b->guest[g]->start.store_page;
}

static void turns(struct bed *b)
{
    for (int i = 0; i < 5; i++)
        assert_int_equal(weir_xsd_turn(&b->x, 0), 0);
}

static int setup(void **state)
{
    struct bed *b = calloc(1, sizeof(*b));
    int quiet = 3; /* stands for the listening socket */

    b->m = weir_fake_machine_new(1024);
    b->store = weir_fake_domain_add(b->m, 1, 0);
    quiet = b->store->ops->evtchn_alloc(b->store, 9, &b->evtchn[0]);
    assert_int_equal(quiet, 0);
    b->x.port = b->store;
    assert_int_equal(
        weir_xsd_init(&b->x, b->store->ops->evtchn_fd(b->store, b->evtchn[0])),
        0);
    b->store->ops->evtchn_close(b->store, b->evtchn[0]);
    for (int g = 0; g < 2; g++) {
        b->guest[g] = weir_fake_domain_add(b->m, (domid_t)(5 + g), 0);
        weir_fake_store_pair(b->guest[g], b->store, &b->frame[g],
                             &b->evtchn[g]);
        assert_int_equal(
            weir_xsd_introduce(&b->x, (domid_t)(5 + g), b->evtchn[g]), 0);
    }
    turns(b);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bed *b = *state;

    weir_xsd_fini(&b->x);
    weir_fake_store_unpair(b->guest[0]);
    weir_fake_store_unpair(b->guest[1]);
    assert_int_equal(weir_fake_machine_free(b->m), 0);
    free(b);
    return 0;
}

static void kick(struct bed *b, int g)
{
    b->guest[g]->ops->evtchn_notify(b->guest[g], b->evtchn[g]);
    turns(b);
}

static size_t request(uint8_t *out, uint32_t type, const char *p, size_t len)
{
    struct weir_xs_header h = {.type = type, .req_id = 7, .len = (uint32_t)len};

    weir_xs_hdr_put(out, &h);
    memcpy(out + WEIR_XS_HDR_SIZE, p, len);
    return WEIR_XS_HDR_SIZE + len;
}

/* Puts bytes on the request ring as a client would. */
static void put(struct bed *b, int g, const void *p, size_t len)
{
    struct weir_xs_ring_page *pg = page(b, g);

    for (size_t i = 0; i < len; i++)
        pg->req[(pg->req_prod + i) % WEIR_XS_RING_SIZE] = ((const char *)p)[i];
    weir_store_release32(&pg->req_prod, pg->req_prod + (uint32_t)len);
}

static uint32_t answered(struct bed *b, int g)
{
    return page(b, g)->rsp_prod - page(b, g)->rsp_cons;
}

static void alive(struct bed *b, int g)
{
    uint8_t msg[64];
    uint32_t before = answered(b, g);

    put(b, g, msg, request(msg, WEIR_XS_GET_DOMAIN_PATH, "5", 2));
    kick(b, g);
    assert_int_equal(answered(b, g) - before, 16 + 16);
}

static void features_are_announced(void **state)
{
    struct bed *b = *state;

    assert_int_equal(page(b, 0)->server_features, 7);
    alive(b, 0);
}

static void an_impossible_producer_ends_that_connection_only(void **state)
{
    struct bed *b = *state;

    page(b, 0)->req_prod = page(b, 0)->req_cons + 1025;
    kick(b, 0);
    assert_int_equal(page(b, 0)->error, WEIR_XS_RING_ERROR_RINGIDX);
    alive(b, 1);
    page(b, 0)->req_prod = page(b, 0)->req_cons;
    kick(b, 0); /* too late */
    assert_int_equal(page(b, 0)->error, WEIR_XS_RING_ERROR_RINGIDX);
}

static void an_impossible_consumer_ends_it_too(void **state)
{
    struct bed *b = *state;
    uint8_t msg[64];

    page(b, 0)->rsp_cons = page(b, 0)->rsp_prod + 1;
    put(b, 0, msg, request(msg, WEIR_XS_GET_DOMAIN_PATH, "5", 2));
    kick(b, 0);
    assert_int_equal(page(b, 0)->error, WEIR_XS_RING_ERROR_RINGIDX);
    alive(b, 1);
}

static void a_long_message_is_a_protocol_error(void **state)
{
    struct weir_xs_header h = {.type = WEIR_XS_WRITE, .len = 5000};
    struct bed *b = *state;
    uint8_t raw[WEIR_XS_HDR_SIZE];

    weir_xs_hdr_put(raw, &h);
    put(b, 0, raw, sizeof(raw));
    kick(b, 0);
    assert_int_equal(page(b, 0)->error, WEIR_XS_RING_ERROR_PROTO);
    alive(b, 1);
}

static void a_broken_connection_can_begin_anew(void **state)
{
    struct bed *b = *state;

    page(b, 0)->req_prod += 5000;
    kick(b, 0);
    assert_true(page(b, 0)->error);
    weir_store_release32(&page(b, 0)->connection, WEIR_XS_RECONNECT);
    kick(b, 0);
    assert_int_equal(page(b, 0)->connection, WEIR_XS_CONNECTED);
    assert_int_equal(page(b, 0)->error, 0);
    alive(b, 0);
}

/* The server's own words in the page are not believed. */
static void overwriting_the_servers_indexes_changes_nothing(void **state)
{
    struct bed *b = *state;
    uint32_t cons, prod;

    alive(b, 0);
    cons = page(b, 0)->req_cons;
    prod = page(b, 0)->rsp_prod;
    page(b, 0)->req_cons = 0xdeadbeef;
    page(b, 0)->rsp_prod = 0xdeadbeef;
    page(b, 0)->server_features = 0;
    put(b, 0,
        "\x0a\0\0\0\7\0\0\0\0\0\0\0\2\0\0\0"
        "5",
        18);
    kick(b, 0);
    assert_int_equal(page(b, 0)->error, 0);
    assert_int_equal(page(b, 0)->req_cons, cons + 18);
    assert_int_equal(page(b, 0)->rsp_prod, prod + 32);
}

/* Requests in, replies never taken out: the store stops, others go on. */
static void a_client_that_never_reads_only_stops_itself(void **state)
{
    struct bed *b = *state;
    uint8_t msg[64];
    size_t n = request(msg, WEIR_XS_GET_DOMAIN_PATH, "5", 2);

    for (int i = 0; i < 3000; i++) {
        uint32_t used = page(b, 0)->req_prod - page(b, 0)->req_cons;

        if (used + n <= WEIR_XS_RING_SIZE)
            put(b, 0, msg, n);
        if (i % 16 == 0)
            kick(b, 0);
    }
    assert_true(page(b, 0)->req_prod - page(b, 0)->req_cons > 1000);
    assert_int_equal(answered(b, 0), WEIR_XS_RING_SIZE);
    alive(b, 1);
    for (int i = 0; i < 2000; i++) { /* now it reads: all is answered */
        page(b, 0)->rsp_cons = page(b, 0)->rsp_prod;
        kick(b, 0);
    }
    assert_int_equal(page(b, 0)->req_prod, page(b, 0)->req_cons);
}

static void released_pages_are_given_back(void **state)
{
    struct bed *b = *state;

    assert_int_equal(weir_fake_mapped(b->store), 2);
    weir_xsd_release(&b->x, 5);
    turns(b);
    assert_int_equal(weir_fake_mapped(b->store), 1);
    alive(b, 1);
    weir_fake_fail(b->store, WEIR_FAKE_EVTCHN_BIND, 0, 1, WEIR_EINVAL);
    assert_true(weir_xsd_introduce(&b->x, 5, b->evtchn[0]) < 0);
    turns(b);
    assert_int_equal(weir_fake_mapped(b->store), 1);
    assert_int_equal(weir_xsd_introduce(&b->x, 5, b->evtchn[0]), 0);
    turns(b);
    alive(b, 0);
}

/* ---- the client's end; the test is the server ---- */

static void answer(struct bed *b, const void *p, size_t len)
{
    struct weir_xs_ring_page *pg = page(b, 0);

    for (size_t i = 0; i < len; i++)
        pg->rsp[(pg->rsp_prod + i) % WEIR_XS_RING_SIZE] = ((const char *)p)[i];
    weir_store_release32(&pg->rsp_prod, pg->rsp_prod + (uint32_t)len);
}

static int client_read(struct bed *b)
{
    char buf[64];

    b->xs.deadline_ns = 20000000;
    return weir_xs_read(&b->xs, 0, "x", buf, sizeof(buf));
}

static struct weir_xs *hostile_server(struct bed *b)
{
    weir_xsd_release(&b->x, 5);
    turns(b);
    memset(b->guest[0]->start.store_page, 0, 4096);
    assert_int_equal(weir_xs_open_ring(&b->xs, b->guest[0]), 0);
    return &b->xs;
}

static void the_client_times_out(void **state)
{
    struct bed *b = *state;

    hostile_server(b);
    assert_int_equal(client_read(b), -WEIR_ETIMEDOUT);
    assert_int_equal(client_read(b), -WEIR_ETIMEDOUT); /* and stays so */
}

static void the_client_survives_bad_indexes(void **state)
{
    struct bed *b = *state;

    hostile_server(b);
    page(b, 0)->rsp_prod = 2000;
    assert_int_equal(client_read(b), -WEIR_EPROTO);
    hostile_server(b);
    page(b, 0)->req_cons = 17;
    assert_int_equal(client_read(b), -WEIR_EPROTO);
}

static void the_client_refuses_wrong_replies(void **state)
{
    static const struct weir_xs_header wrong[] = {
        {WEIR_XS_READ, 2, 0, 1},        /* other request */
        {WEIR_XS_WRITE, 1, 0, 3},       /* other type */
        {WEIR_XS_READ, 1, 0, 4097},     /* too long */
        {WEIR_XS_WATCH_EVENT, 0, 0, 3}, /* one string */
        {WEIR_XS_READ, 1, 0, 0xffffffff},
    };
    struct bed *b = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint8_t raw[WEIR_XS_HDR_SIZE];

        hostile_server(b);
        weir_xs_hdr_put(raw, &wrong[i]);
        answer(b, raw, sizeof(raw));
        answer(b, "abc", 3);
        assert_int_equal(client_read(b), -WEIR_EPROTO);
    }
}

static void the_client_reads_what_is_right(void **state)
{
    struct weir_xs_header h = {WEIR_XS_READ, 1, 0, 5};
    struct bed *b = *state;
    uint8_t raw[WEIR_XS_HDR_SIZE];
    char buf[8];

    hostile_server(b);
    weir_xs_hdr_put(raw, &h);
    answer(b, raw, sizeof(raw));
    answer(b, "hello", 5);
    page(b, 0)->req_prod = 77; /* its own words are not believed */
    page(b, 0)->rsp_cons = 99;
    assert_int_equal(weir_xs_read(&b->xs, 0, "x", buf, sizeof(buf)), 5);
    assert_string_equal(buf, "hello");
}

#define RING(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING(features_are_announced),
        RING(an_impossible_producer_ends_that_connection_only),
        RING(an_impossible_consumer_ends_it_too),
        RING(a_long_message_is_a_protocol_error),
        RING(a_broken_connection_can_begin_anew),
        RING(overwriting_the_servers_indexes_changes_nothing),
        RING(a_client_that_never_reads_only_stops_itself),
        RING(released_pages_are_given_back),
        RING(the_client_times_out),
        RING(the_client_survives_bad_indexes),
        RING(the_client_refuses_wrong_replies),
        RING(the_client_reads_what_is_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

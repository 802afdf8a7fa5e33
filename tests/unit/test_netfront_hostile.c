/* SPDX-License-Identifier: MIT
 *
 * Backends that break the rules, against the real frontend: it may stop
 * working, with a reason; it may not follow them.
 */
#include "tests/unit/net_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buf[65536];

/* The backend's side, by hand: no ring code of ours, only its pages. */
struct evil {
    struct weir_fake_machine *m;
    struct weir_fake_store *store;
    struct weir_port *front, *back;
    struct weir_gnttab gnttab;
    struct weir_front_bus bus;
    struct weir_netfront *nf;
    struct weir_netif_tx_back_ring tx;
    struct weir_netif_rx_back_ring rx;
    struct weir_sring_header *tx_hdr, *rx_hdr;
};

static void set(struct evil *e, bool back, const char *key, const char *value)
{
    char path[96];
    snprintf(path, sizeof(path), "%s%s%s",
             back ? "/local/domain/2/backend/vif/5/0"
                  : "/local/domain/5/device/vif/0",
             key[0] ? "/" : "", key);
    assert_int_equal(weir_fake_store_set(e->store, path, value), 0);
    assert_int_equal(
        weir_fake_store_own(e->store, path, back ? 2 : 5, back ? 5 : 2), 0);
}

static uint64_t front_number(struct evil *e, const char *key)
{
    char path[96], v[32];
    snprintf(path, sizeof(path), "/local/domain/5/device/vif/0/%s", key);
    assert_true(weir_fake_store_get(e->store, path, v, sizeof(v)) > 0);
    return strtoull(v, NULL, 10);
}

static void *map(struct evil *e, grant_ref_t ref)
{
    struct weir_map_op op = {.dom = 5, .ref = ref};
    assert_int_equal(e->back->ops->map(e->back, &op, 1), 0);
    assert_int_equal(op.status, 0);
    return op.addr;
}

static void open_evil(struct evil *e, const struct weir_netfront_config *cfg,
                      const char *ctrl)
{
    memset(e, 0, sizeof(*e));
    e->m = weir_fake_machine_new(4096);
    assert_int_equal(weir_fake_store_new(&e->store), 0);
    e->front = weir_fake_domain_add(e->m, 5, 0);
    e->back = weir_fake_domain_add(e->m, 2, 0);
    weir_fake_store_introduce(e->store, 5);
    weir_fake_store_introduce(e->store, 2);
    weir_fake_store_set(e->store, "/local/domain/5/device/vif", "");
    weir_fake_store_own(e->store, "/local/domain/5", 5, 2);
    weir_fake_store_own(e->store, "/local/domain/5/device", 5, 2);
    weir_fake_store_own(e->store, "/local/domain/5/device/vif", 5, 2);
    set(e, false, "", "");
    set(e, false, "backend", "/local/domain/2/backend/vif/5/0");
    set(e, false, "backend-id", "2");
    set(e, false, "mac", "00:16:3e:00:00:05");
    set(e, false, "state", "1");
    set(e, true, "feature-sg", "1");
    set(e, true, "feature-gso-tcpv4", "1");
    set(e, true, "feature-ctrl-ring", ctrl);
    set(e, true, "multi-queue-max-queues", "4000000000");
    set(e, true, "state", "2");
    assert_int_equal(weir_gnttab_init(&e->gnttab, e->front), 0);
    e->bus.port = e->front;
    e->bus.gnttab = &e->gnttab;
    assert_int_equal(weir_fake_store_connect(e->store, &e->bus.xs, 5), 0);
    e->nf = calloc(1, sizeof(*e->nf));
    assert_int_equal(weir_netfront_open(e->nf, &e->bus, 0, cfg), 0);
    for (int i = 0; i < 10; i++)
        weir_front_bus_poll(&e->bus);
    assert_int_equal(e->nf->dev.state, WEIR_XENBUS_INITIALISED);
    void *tx = map(e, (grant_ref_t)front_number(e, "tx-ring-ref"));
    void *rx = map(e, (grant_ref_t)front_number(e, "rx-ring-ref"));
    e->tx_hdr = tx;
    e->rx_hdr = rx;
    assert_int_equal(weir_netif_tx_back_init(&e->tx, &tx, 1), 0);
    assert_int_equal(weir_netif_rx_back_init(&e->rx, &rx, 1), 0);
    set(e, true, "state", "4");
    for (int i = 0; i < 10; i++)
        weir_front_bus_poll(&e->bus);
}

static void connected(struct evil *e)
{
    open_evil(e, NULL, "0");
    assert_true(e->nf->connected);
    assert_int_equal(e->nf->nqueues, 1);
}

/* The page of the frontend's that a reference names stays the frontend's. */
static void close_evil(struct evil *e)
{
    weir_fake_store_rm(e->store, e->nf->dev.backend_path);
    weir_front_bus_poll(&e->bus);
    weir_netfront_close(e->nf);
    weir_gnttab_reap(&e->gnttab);
    free(e->nf);
    weir_fake_domain_destroy(e->back);
    weir_gnttab_reap(&e->gnttab);
    assert_int_equal(weir_gnttab_fini(&e->gnttab), 0);
    weir_fake_store_disconnect(e->store, &e->bus.xs);
    weir_fake_store_free(e->store);
    assert_int_equal(weir_fake_machine_free(e->m), 0);
}

static void send_some(struct evil *e, unsigned n)
{
    struct weir_netfront_vec v = {buf, 100};
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(weir_netfront_send(e->nf, 0, &v, 1, NULL), 0);
    weir_netfront_flush(e->nf, 0);
}

static uint16_t take_tx(struct evil *e)
{
    union weir_netif_tx_slot s;
    assert_int_equal(weir_netif_tx_back_get(&e->tx, &s), 1);
    return s.req.id;
}

static void answer_tx(struct evil *e, uint16_t id, int16_t status)
{
    struct weir_netif_tx_response r = {.id = id, .status = status};
    assert_int_equal(weir_netif_tx_back_put(&e->tx, &r), 0);
    weir_netif_tx_back_push(&e->tx);
}

static void is_broken(struct evil *e)
{
    struct weir_netfront_vec v = {buf, 100};
    weir_netfront_room(e->nf, 0);
    weir_netfront_recv(e->nf, 0, buf, sizeof(buf), NULL);
    assert_non_null(e->nf->reason);
    assert_int_equal(weir_netfront_send(e->nf, 0, &v, 1, NULL), -WEIR_EPROTO);
    assert_int_equal(weir_netfront_recv(e->nf, 0, buf, 100, NULL),
                     -WEIR_EPROTO);
    assert_int_equal(weir_netfront_wait(e->nf, 0, 1000000000), -WEIR_EPROTO);
    close_evil(e);
}

static void test_tx_id_out_of_range(void **state)
{
    struct evil e;
    (void)state;
    connected(&e);
    send_some(&e, 2);
    take_tx(&e);
    answer_tx(&e, 60000, 0);
    is_broken(&e);
}

static void test_tx_id_answered_twice(void **state)
{
    struct evil e;
    (void)state;
    connected(&e);
    send_some(&e, 2);
    uint16_t id = take_tx(&e);
    take_tx(&e);
    answer_tx(&e, id, 0);
    answer_tx(&e, id, 0);
    is_broken(&e);
}

static void test_tx_status_unknown(void **state)
{
    struct evil e;
    (void)state;
    connected(&e);
    send_some(&e, 1);
    answer_tx(&e, take_tx(&e), -77);
    is_broken(&e);
}

static void test_tx_null_never_asked(void **state)
{
    struct evil e;
    (void)state;
    connected(&e);
    send_some(&e, 1);
    answer_tx(&e, take_tx(&e), WEIR_NETIF_RSP_NULL);
    is_broken(&e);
}

static void test_indexes_beyond_ring(void **state)
{
    struct evil e;
    (void)state;
    connected(&e);
    e.tx_hdr->rsp_prod = 5;
    is_broken(&e);
    connected(&e);
    e.rx_hdr->rsp_prod = 257;
    is_broken(&e);
}

/* Refused is a state that ends: errors are counted, no buffer is lost. */
static void test_tx_errors_go_on(void **state)
{
    struct evil e;
    (void)state;
    connected(&e);
    for (unsigned round = 0; round < 20; round++) {
        send_some(&e, 100);
        for (unsigned i = 0; i < 100; i++)
            answer_tx(&e, take_tx(&e),
                      i & 1 ? WEIR_NETIF_RSP_ERROR : WEIR_NETIF_RSP_DROPPED);
    }
    assert_true(weir_netfront_room(e.nf, 0) > 0);
    assert_int_equal(e.nf->queue[0].stats.tx_errors, 2000);
    assert_null(e.nf->reason);
    close_evil(&e);
}

static void rx(struct evil *e, int id, unsigned offset, unsigned flags,
               int status)
{
    struct weir_netif_rx_request req;
    union weir_netif_rx_slot s;
    assert_int_equal(weir_netif_rx_back_get(&e->rx, &req), 1);
    s.rsp.id = (uint16_t)(id < 0 ? req.id : id);
    s.rsp.offset = (uint16_t)offset;
    s.rsp.flags = (uint16_t)flags;
    s.rsp.status = (int16_t)status;
    assert_int_equal(weir_netif_rx_back_put(&e->rx, &s), 0);
    weir_netif_rx_back_push(&e->rx);
}

static void rx_extra(struct evil *e, unsigned type, unsigned size)
{
    struct weir_netif_rx_request req;
    union weir_netif_rx_slot s;
    memset(&s, 0, sizeof(s));
    assert_int_equal(weir_netif_rx_back_get(&e->rx, &req), 1);
    s.extra.type = (uint8_t)type;
    s.extra.u.gso.type = 1;
    s.extra.u.gso.size = (uint16_t)size;
    assert_int_equal(weir_netif_rx_back_put(&e->rx, &s), 0);
    weir_netif_rx_back_push(&e->rx);
}

static void test_rx_breaks_protocol(void **state)
{
    struct evil e;
    (void)state;
    connected(&e);
    rx(&e, 200, 0, 0, 100); /* another slot's id */
    is_broken(&e);
    connected(&e);
    rx(&e, -1, 4000, 0, 97); /* beyond the page */
    is_broken(&e);
    connected(&e);
    rx(&e, -1, 65535, 0, 32767);
    is_broken(&e);
    connected(&e);
    rx(&e, -1, 0, WEIR_NETRXF_EXTRA_INFO, 100);
    rx_extra(&e, 9, 0); /* unknown extra */
    is_broken(&e);
    connected(&e);
    rx(&e, -1, 0, WEIR_NETRXF_MORE_DATA, 100);
    rx(&e, -1, 0, WEIR_NETRXF_EXTRA_INFO, 100);
    is_broken(&e);
}

/* Frames that are no good are dropped; a good one comes after them, and no
 * receive page is lost. */
static void test_rx_bad_frames_dropped(void **state)
{
    struct evil e;
    (void)state;
    connected(&e);
    for (unsigned round = 0; round < 50; round++) {
        rx(&e, -1, 0, 0, -1);                       /* an error */
        rx(&e, -1, 0, 0, 13);                       /* too short */
        rx(&e, -1, 0, 0, 0);                        /* empty */
        rx(&e, -1, 0, WEIR_NETRXF_CSUM_BLANK, 100); /* never agreed */
        rx(&e, -1, 0, WEIR_NETRXF_EXTRA_INFO, 100);
        rx_extra(&e, WEIR_NETIF_EXTRA_GSO, 1000);
        for (int i = 0; i < 30; i++) /* 30 pages */
            rx(&e, -1, 0, i < 29 ? WEIR_NETRXF_MORE_DATA : 0, 4096);
        rx(&e, -1, 0, WEIR_NETRXF_MORE_DATA, 4096);
        rx(&e, -1, 100, 0, 1904);
        assert_int_equal(weir_netfront_recv(e.nf, 0, buf, sizeof(buf), NULL),
                         6000);
        rx(&e, -1, 0, 0, 4096);
        assert_int_equal(weir_netfront_recv(e.nf, 0, buf, 1000, NULL),
                         -WEIR_E2BIG);
        assert_int_equal(weir_netfront_recv(e.nf, 0, buf, sizeof(buf), NULL),
                         0);
    }
    assert_null(e.nf->reason);
    assert_int_equal(e.nf->queue[0].stats.rx_errors, 50 * 7);
    assert_int_equal(weir_netif_rx_front_inflight(&e.nf->queue[0].rx), 256);
    close_evil(&e);
}

/* Half a frame is no frame, however long the other half takes. */
static void test_rx_partial_frame_waits(void **state)
{
    struct evil e;
    (void)state;
    connected(&e);
    rx(&e, -1, 0, WEIR_NETRXF_MORE_DATA, 4096);
    assert_int_equal(weir_netfront_recv(e.nf, 0, buf, sizeof(buf), NULL), 0);
    assert_int_equal(weir_netfront_wait(e.nf, 0, 2000000), 0);
    assert_int_equal(weir_netfront_recv(e.nf, 0, buf, sizeof(buf), NULL), 0);
    rx(&e, -1, 0, 0, 1);
    assert_int_equal(weir_netfront_recv(e.nf, 0, buf, sizeof(buf), NULL), 4097);
    close_evil(&e);
}

/* A control ring that nobody serves costs the pool and nothing else. */
static void test_control_ring_silent(void **state)
{
    struct evil e;
    (void)state;
    open_evil(&e, NULL, "1");
    assert_true(e.nf->connected);
    assert_false(e.nf->pooled);
    send_some(&e, 3);
    answer_tx(&e, take_tx(&e), 0);
    rx(&e, -1, 0, 0, 60);
    assert_int_equal(weir_netfront_recv(e.nf, 0, buf, sizeof(buf), NULL), 60);
    close_evil(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tx_id_out_of_range),
        cmocka_unit_test(test_tx_id_answered_twice),
        cmocka_unit_test(test_tx_status_unknown),
        cmocka_unit_test(test_tx_null_never_asked),
        cmocka_unit_test(test_indexes_beyond_ring),
        cmocka_unit_test(test_tx_errors_go_on),
        cmocka_unit_test(test_rx_breaks_protocol),
        cmocka_unit_test(test_rx_bad_frames_dropped),
        cmocka_unit_test(test_rx_partial_frame_waits),
        cmocka_unit_test(test_control_ring_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The network log: whatever a predecessor left and whatever the rings hold, a
 * successor takes over something consistent, answers no slot twice, and the
 * pool's words are as many as its entries.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net/log.h"
#include "ring/compiler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t ring_page[WEIR_PAGE_SIZE]
    __attribute__((aligned(WEIR_PAGE_SIZE)));
static struct weir_net_log_queue log_queue;
static struct weir_net_log_page log_page;
static struct weir_pool pool;
static uint8_t mapped[WEIR_PAGE_SIZE];
static uint32_t nmapped, refuse;

static void check(int ok)
{
    if (!ok)
        abort();
}

static size_t take(const uint8_t **data, size_t *size, void *to, size_t n)
{
    if (n > *size)
        n = *size;
    memcpy(to, *data, n);
    *data += n;
    *size -= n;
    return n;
}

/* A port that maps what it likes. */
static int map(struct weir_port *p, struct weir_map_op *op, unsigned n)
{
    (void)p;
    if (refuse % 7 == 1)
        return -12;
    for (unsigned i = 0; i < n; i++) {
        op[i].status = (op[i].ref + refuse) % 5 == 4 ? -22 : 0;
        op[i].addr = op[i].status ? NULL : mapped;
        nmapped += op[i].status == 0;
    }
    return 0;
}

static int unmap(struct weir_port *p, struct weir_unmap_op *op, unsigned n)
{
    (void)p;
    for (unsigned i = 0; i < n; i++)
        check(op[i].addr == mapped);
    nmapped -= n;
    return 0;
}

static void check_pool(bool done)
{
    static const struct weir_port_ops ops = {.map = map, .unmap = unmap};
    struct weir_port port = {.ops = &ops};
    struct weir_pool_entry out, e = {.addr = mapped, .ref = 77};
    uint32_t words = 0;

    nmapped = 0;
    pool.kept = log_queue.pool;
    weir_pool_settle(pool.kept, done);
    weir_pool_restore(&pool, &port, 5);
    for (uint32_t i = 0; i < WEIR_POOL_MAX; i++)
        words += log_queue.pool[i] != 0;
    check(words == pool.count && pool.count == nmapped);
    for (uint32_t i = 0; i < WEIR_POOL_SLOTS; i++)
        if (pool.slot[i].addr)
            check(weir_pool_find(&pool, pool.slot[i].ref) == &pool.slot[i]);
    if (!weir_pool_find(&pool, 77) && pool.count < WEIR_POOL_MAX)
        check(weir_pool_add(&pool, &e) == 0 && ++nmapped);
    if (weir_pool_find(&pool, 77)) {
        check(weir_pool_remove(&pool, 77, &out) == 0);
        weir_pool_unmap(&out, 1, &port);
    }
    weir_pool_clear(&pool, &port);
    check(nmapped == 0 && pool.count == 0);
}

static void check_tx(void)
{
    struct weir_netif_tx_back_ring ring;
    uint32_t taken = log_queue.tx.taken;

    if (weir_net_log_tx(&log_queue, ring_page, true, &ring) != 0)
        return;
    check(ring.r.rsp_prod == taken && ring.r.req_cons == taken);
    check(log_queue.tx.answered == taken);
    check(weir_ring_read_indexes(&ring.r.mem).rsp_prod == taken);
}

static void check_rx(void)
{
    struct weir_netif_rx_back_ring ring;
    struct weir_netif_rx_request r;
    uint32_t answered = log_queue.rx.answered, taken = log_queue.rx.taken;

    if (weir_net_log_rx(&log_queue, ring_page, true, &ring) != 0)
        return;
    check(ring.r.rsp_prod == answered && ring.r.req_cons == answered);
    for (; answered != taken; answered++) {
        check(weir_netif_rx_back_get(&ring, &r) == 1);
        check(!memcmp(&r, &log_queue.rx_req[answered % WEIR_NET_LOG_RX],
                      sizeof(r)));
    }
    while (weir_netif_rx_back_get(&ring, &r) == 1)
        check(ring.r.req_cons - log_queue.rx.answered <= WEIR_NET_LOG_RX);
}

static void check_ctrl(void)
{
    struct weir_netif_ctrl_back_ring ring;
    struct weir_netif_ctrl_request r;

    if (weir_net_log_ctrl(&log_page.ctrl, ring_page, true, &ring) != 0)
        return;
    check(ring.r.rsp_prod == log_page.ctrl.done &&
          log_page.ctrl.answered == log_page.ctrl.done);
    while (weir_netif_ctrl_back_get(&ring, &r) == 1)
        check(weir_netif_ctrl_back_put(
                  &ring, &(struct weir_netif_ctrl_response){.id = r.id}) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&log_page, 0, sizeof(log_page));
    memset(&log_queue, 0, sizeof(log_queue));
    memset(ring_page, 0, sizeof(ring_page));
    take(&data, &size, &refuse, sizeof(refuse));
    take(&data, &size, &log_page, 64); /* up to the list */
    take(&data, &size, ring_page, 16); /* the indexes */
    take(&data, &size, &log_queue.tx, 8);
    take(&data, &size, &log_queue.rx, 8);
    for (uint32_t i = 0; size > 0; i += 37) {
        uint64_t w = 0;

        take(&data, &size, &w, sizeof(w));
        log_queue.pool[i % WEIR_POOL_MAX] = w;
        log_queue.rx_req[i % WEIR_NET_LOG_RX].gref = (uint32_t)w;
        if (i > 37 * WEIR_POOL_MAX)
            break;
    }
    if (weir_net_log_check(&log_page, WEIR_NET_LOG_QUEUES) == 0) {
        check(log_page.queues >= 1 && log_page.queues <= WEIR_NET_LOG_QUEUES);
        check_ctrl();
    }
    check_pool(refuse % 2);
    check_tx();
    check_rx();
    return 0;
}

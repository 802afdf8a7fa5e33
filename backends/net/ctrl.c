/* SPDX-License-Identifier: MIT
 *
 * The control ring: the pre-granted buffer pool.  Hashing is answered
 * NOT_SUPPORTED, as the protocol allows: packets are steered by their sender's
 * queue.
 *
 * Runs on queue 0's thread, a few requests a pass; lists are copied once, by
 * grant copy, into a page of our own.
 */
#include "backends/net/vif.h"
#include "backends/common/stats.h"

#include <string.h>

#define CTRL_BUDGET 4
#define MAP_BATCH   64u

static int copy_list(struct weir_vif *vif, uint32_t ref, uint32_t entries,
                     bool back)
{
    struct weir_port *port = vif->dev.port;
    struct weir_copy_end theirs = {
        .is_grant = true, .dom = vif->dev.frontend, .ref = ref};
    struct weir_copy_end ours = {.page = vif->ctrl_list};
    struct weir_copy_op op = {
        .src = back ? ours : theirs,
        .dst = back ? theirs : ours,
        .len = (uint16_t)(entries * sizeof(struct weir_netif_gref)),
        .status = -WEIR_EIO,
    };
    int ret = port->ops->copy(port, &op, 1);
    return ret ? ret : op.status;
}

static void unmap_one(struct weir_vif *vif, const struct weir_pool_entry *e)
{
    struct weir_unmap_op op = {.addr = e->addr, .handle = e->handle};
    vif->dev.port->ops->unmap(vif->dev.port, &op, 1);
}

/* Maps n <= MAP_BATCH references; returns how many are in the pool now. */
static unsigned add_some(struct weir_vif_queue *q,
                         const struct weir_netif_gref *list, unsigned n)
{
    struct weir_vif *vif = q->vif;
    struct weir_map_op op[MAP_BATCH];
    unsigned added = 0;
    bool ok = true;
    memset(op, 0, sizeof(op));
    for (unsigned i = 0; i < n; i++) {
        op[i].dom = vif->dev.frontend;
        op[i].ref = list[i].ref;
        op[i].readonly = list[i].flags & WEIR_NETIF_GREF_READONLY;
        op[i].status = -WEIR_EIO;
    }
    if (vif->dev.port->ops->map(vif->dev.port, op, n))
        return 0;
    for (unsigned i = 0; i < n; i++) {
        struct weir_pool_entry e = {.addr = op[i].addr,
                                    .ref = op[i].ref,
                                    .handle = op[i].handle,
                                    .readonly = op[i].readonly};
        if (op[i].status)
            ok = false;
        else if (!ok || weir_pool_add(&q->pool, &e)) {
            unmap_one(vif, &e);
            ok = false;
        } else {
            added++;
        }
    }
    weir_stats_add(vif->dev.stats, WEIR_STAT_VIF_MAPS, added);
    return added;
}

static uint32_t add(struct weir_vif_queue *q,
                    const struct weir_netif_gref *list, uint32_t n)
{
    uint32_t done = 0;
    if (q->pool.count + n > WEIR_POOL_MAX)
        return WEIR_NETIF_CTRL_INVALID_PARAMETER;
    while (done < n) {
        unsigned want = n - done < MAP_BATCH ? n - done : MAP_BATCH;
        unsigned got = add_some(q, list + done, want);
        done += got;
        if (got < want)
            break;
    }
    if (done == n)
        return WEIR_NETIF_CTRL_SUCCESS;
    struct weir_pool_entry e;
    while (done--) /* all or nothing */
        if (!weir_pool_remove(&q->pool, list[done].ref, &e))
            unmap_one(q->vif, &e);
    return WEIR_NETIF_CTRL_INVALID_PARAMETER;
}

static uint32_t del(struct weir_vif_queue *q, struct weir_netif_gref *list,
                    uint32_t n)
{
    struct weir_unmap_op op[MAP_BATCH];
    uint32_t removed = 0, pending = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct weir_pool_entry e;
        list[i].status = WEIR_NETIF_CTRL_INVALID_PARAMETER;
        if (weir_pool_remove(&q->pool, list[i].ref, &e))
            continue;
        list[i].status = WEIR_NETIF_CTRL_SUCCESS;
        removed++;
        op[pending++] =
            (struct weir_unmap_op){.addr = e.addr, .handle = e.handle};
        if (pending == MAP_BATCH) {
            q->vif->dev.port->ops->unmap(q->vif->dev.port, op, pending);
            pending = 0;
        }
    }
    if (pending)
        q->vif->dev.port->ops->unmap(q->vif->dev.port, op, pending);
    return removed;
}

static void change_pool(struct weir_vif *vif,
                        const struct weir_netif_ctrl_request *r,
                        struct weir_netif_ctrl_response *rsp)
{
    static const size_t size = sizeof(struct weir_netif_gref);
    struct weir_netif_gref list[WEIR_NETIF_GREFS_PER_PAGE];
    rsp->status = WEIR_NETIF_CTRL_INVALID_PARAMETER;
    if (r->data[0] >= vif->nqueues || !r->data[2] ||
        r->data[2] > WEIR_NETIF_GREFS_PER_PAGE ||
        copy_list(vif, r->data[1], r->data[2], false))
        return;
    memcpy(list, vif->ctrl_list, r->data[2] * size);
    struct weir_vif_queue *q = vif->queue[r->data[0]];
    pthread_mutex_lock(&q->tx_lock);
    pthread_mutex_lock(&q->rx_lock);
    if (r->type == WEIR_NETIF_CTRL_ADD_GREF_MAPPING) {
        rsp->status = add(q, list, r->data[2]);
    } else {
        rsp->data = del(q, list, r->data[2]);
        rsp->status = WEIR_NETIF_CTRL_SUCCESS;
    }
    pthread_mutex_unlock(&q->rx_lock);
    pthread_mutex_unlock(&q->tx_lock);
    if (r->type == WEIR_NETIF_CTRL_DEL_GREF_MAPPING) {
        memcpy(vif->ctrl_list, list, r->data[2] * size);
        copy_list(vif, r->data[1], r->data[2], true);
    }
}

static void answer(struct weir_vif *vif,
                   const struct weir_netif_ctrl_request *r,
                   struct weir_netif_ctrl_response *rsp)
{
    *rsp = (struct weir_netif_ctrl_response){
        .id = r->id,
        .type = r->type,
        .status = WEIR_NETIF_CTRL_NOT_SUPPORTED,
    };
    switch (r->type) {
    case WEIR_NETIF_CTRL_GET_GREF_MAPPING_SIZE:
        rsp->status = WEIR_NETIF_CTRL_INVALID_PARAMETER;
        if (r->data[0] < vif->nqueues) {
            rsp->status = WEIR_NETIF_CTRL_SUCCESS;
            rsp->data = WEIR_POOL_MAX;
        }
        break;
    case WEIR_NETIF_CTRL_ADD_GREF_MAPPING:
    case WEIR_NETIF_CTRL_DEL_GREF_MAPPING:
        change_pool(vif, r, rsp);
        break;
    }
}

int weir_vif_ctrl(struct weir_vif *vif)
{
    struct weir_netif_ctrl_request r;
    struct weir_netif_ctrl_response rsp;
    int done = 0;
    while (done < CTRL_BUDGET) {
        int ret = weir_netif_ctrl_back_get(&vif->ctrl, &r);
        if (ret < 0) {
            weir_vif_broken(vif,
                            "control ring: producer index beyond the ring");
            return ret;
        }
        if (!ret)
            break;
        answer(vif, &r, &rsp);
        weir_netif_ctrl_back_put(&vif->ctrl, &rsp);
        done++;
    }
    if (done && weir_netif_ctrl_back_push(&vif->ctrl))
        weir_vif_notify(vif, vif->ctrl_evtchn);
    return done;
}

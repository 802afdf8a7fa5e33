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

/* Mapping and unmapping a list takes a while: nobody's lock is held
 * meanwhile, for other guests' threads wait for it to bring their frames. */
static void lock(struct weir_vif_queue *q)
{
    pthread_mutex_lock(&q->tx_lock);
    pthread_mutex_lock(&q->rx_lock);
}

static void unlock(struct weir_vif_queue *q)
{
    pthread_mutex_unlock(&q->rx_lock);
    pthread_mutex_unlock(&q->tx_lock);
}

/* Maps n <= MAP_BATCH references; e gets those that are mapped now: returns
 * how many, fewer than n when one cannot be. */
static uint32_t map_some(struct weir_vif *vif,
                         const struct weir_netif_gref *list, uint32_t n,
                         struct weir_pool_entry *e)
{
    struct weir_map_op op[MAP_BATCH];
    uint32_t mapped = 0;
    memset(op, 0, sizeof(op));
    for (uint32_t i = 0; i < n; i++) {
        op[i].dom = vif->dev.frontend;
        op[i].ref = list[i].ref;
        op[i].readonly = list[i].flags & WEIR_NETIF_GREF_READONLY;
        op[i].status = -WEIR_EIO;
    }
    if (vif->dev.port->ops->map(vif->dev.port, op, n))
        return 0;
    for (uint32_t i = 0; i < n; i++)
        if (!op[i].status)
            e[mapped++] = (struct weir_pool_entry){.addr = op[i].addr,
                                                   .ref = op[i].ref,
                                                   .handle = op[i].handle,
                                                   .readonly = op[i].readonly};
    return mapped;
}

/* All n or none. */
static bool insert(struct weir_vif_queue *q, const struct weir_pool_entry *e,
                   uint32_t n)
{
    struct weir_pool_entry unused;
    uint32_t done = 0;
    lock(q);
    while (done < n && !weir_pool_add(&q->pool, &e[done]))
        done++;
    bool ok = done == n;
    WEIR_CRASH_POINT();
    while (!ok && done--)
        weir_pool_remove(&q->pool, e[done].ref, &unused);
    unlock(q);
    return ok;
}

static uint32_t add(struct weir_vif_queue *q,
                    const struct weir_netif_gref *list, uint32_t n)
{
    struct weir_pool_entry e[WEIR_NETIF_GREFS_PER_PAGE];
    uint32_t have = 0, asked = 0;
    if (q->pool.count + n > WEIR_POOL_MAX) /* only this thread changes it */
        return WEIR_NETIF_CTRL_INVALID_PARAMETER;
    while (have == asked && asked < n) {
        uint32_t want = n - asked < MAP_BATCH ? n - asked : MAP_BATCH;
        have += map_some(q->vif, list + asked, want, e + have);
        asked += want;
    }
    if (have == n && insert(q, e, n)) {
        weir_stats_add(q->vif->dev.stats, WEIR_STAT_VIF_MAPS, n);
        return WEIR_NETIF_CTRL_SUCCESS;
    }
    weir_pool_unmap(e, have, q->vif->dev.port);
    return WEIR_NETIF_CTRL_INVALID_PARAMETER;
}

static uint32_t del(struct weir_vif_queue *q, struct weir_netif_gref *list,
                    uint32_t n)
{
    struct weir_pool_entry e[WEIR_NETIF_GREFS_PER_PAGE];
    uint32_t removed = 0;
    lock(q);
    for (uint32_t i = 0; i < n; i++) {
        list[i].status = WEIR_NETIF_CTRL_INVALID_PARAMETER;
        if (weir_pool_remove(&q->pool, list[i].ref, &e[removed]))
            continue;
        list[i].status = WEIR_NETIF_CTRL_SUCCESS;
        removed++;
    }
    unlock(q);
    weir_pool_unmap(e, removed, q->vif->dev.port);
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
    if (r->type == WEIR_NETIF_CTRL_ADD_GREF_MAPPING) {
        rsp->status = add(q, list, r->data[2]);
    } else {
        rsp->data = del(q, list, r->data[2]);
        rsp->status = WEIR_NETIF_CTRL_SUCCESS;
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

/* Done once: before `done` a successor takes back what the request did to a
 * pool and finds it in the ring still; from then on it knows the answer. */
static bool respond(struct weir_vif *vif,
                    const struct weir_netif_ctrl_request *r,
                    const struct weir_netif_ctrl_response *rsp)
{
    struct weir_net_log_ctrl *log = &vif->log->ctrl;
    log->rsp = *rsp;
    weir_net_log_commit(&log->done, vif->ctrl.r.req_cons);
    if (r->data[0] < vif->nqueues)
        weir_pool_settle(vif->queue[r->data[0]]->pool.kept, true);
    weir_netif_ctrl_back_put(&vif->ctrl, rsp);
    weir_net_log_commit(&log->answered, log->done);
    return weir_netif_ctrl_back_push(&vif->ctrl);
}

int weir_vif_ctrl(struct weir_vif *vif)
{
    struct weir_netif_ctrl_request r;
    struct weir_netif_ctrl_response rsp;
    bool notify = false;
    int done = 0;
    while (done < CTRL_BUDGET) {
        int ret = weir_netif_ctrl_back_get(&vif->ctrl, &r);
        if (ret < 0) {
            weir_backend_fail(&vif->dev,
                              "control ring: producer index beyond the ring");
            return ret;
        }
        if (!ret)
            break;
        answer(vif, &r, &rsp);
        notify |= respond(vif, &r, &rsp);
        done++;
    }
    WEIR_CRASH_POINT();
    if (notify)
        weir_vif_notify(vif, vif->ctrl_evtchn);
    return done;
}

/* SPDX-License-Identifier: MIT
 *
 * The control ring: offers the buffers to the backend's pre-granted pool.  One
 * request at a time, with a deadline; a backend that does not answer, or says
 * no, costs the shortcut and nothing else.
 */
#include "frontends/net/nf_private.h"

#define ANSWER_NS UINT64_C(1000000000)

/* The status, or -weir_error. */
static int request(struct weir_netfront *nf, uint16_t type, uint32_t d0,
                   uint32_t d1, uint32_t d2, uint32_t *data)
{
    struct weir_port *port = nf->dev.bus->port;
    struct weir_netif_ctrl_response rsp;
    struct weir_netif_ctrl_request req = {
        .id = ++nf->ctrl_id, .type = type, .data = {d0, d1, d2}};
    uint64_t until = port->ops->now_ns(port) + ANSWER_NS, now, pending;
    weir_netif_ctrl_front_put(&nf->ctrl, &req);
    if (weir_netif_ctrl_front_push(&nf->ctrl))
        port->ops->evtchn_notify(port, nf->ctrl_evtchn);
    for (;;) {
        int ret = weir_netif_ctrl_front_get(&nf->ctrl, &rsp);
        if (ret < 0)
            return weir_nf_broken(nf,
                                  "control ring: more answers than requests");
        if (ret > 0)
            break;
        now = port->ops->now_ns(port);
        if (now >= until)
            return -WEIR_ETIMEDOUT;
        if (!weir_netif_ctrl_front_arm(&nf->ctrl))
            port->ops->wait(port, &nf->ctrl_evtchn, 1, until - now, &pending);
    }
    if (rsp.id != req.id || rsp.type != type)
        return weir_nf_broken(nf, "control answer to another request");
    if (data)
        *data = rsp.data;
    return rsp.status <= WEIR_NETIF_CTRL_BUFFER_OVERFLOW ? (int)rsp.status
                                                         : -WEIR_EPROTO;
}

static bool offer_queue(struct weir_netfront *nf, unsigned index)
{
    const struct weir_nf_queue *q = &nf->queue[index];
    struct weir_netif_gref *list = (void *)nf->list.addr;
    const uint32_t want = WEIR_NF_TX_PAGES + WEIR_NF_RX_PAGES;
    uint32_t max = 0;
    _Static_assert(WEIR_NF_TX_PAGES + WEIR_NF_RX_PAGES <=
                       WEIR_NETIF_GREFS_PER_PAGE,
                   "the list is one page");
    if (request(nf, WEIR_NETIF_CTRL_GET_GREF_MAPPING_SIZE, index, 0, 0, &max) ||
        max < want)
        return false;
    for (uint32_t i = 0; i < WEIR_NF_TX_PAGES; i++)
        list[i] = (struct weir_netif_gref){.ref = q->tx_buf[i].ref,
                                           .flags = WEIR_NETIF_GREF_READONLY};
    for (uint32_t i = 0; i < WEIR_NF_RX_PAGES; i++)
        list[WEIR_NF_TX_PAGES + i] =
            (struct weir_netif_gref){.ref = q->rx_buf[i].ref};
    return request(nf, WEIR_NETIF_CTRL_ADD_GREF_MAPPING, index, nf->list.ref,
                   want, NULL) == 0;
}

void weir_nf_pool_offer(struct weir_netfront *nf)
{
    nf->pooled = nf->has_ctrl && !nf->cfg.no_pool;
    for (unsigned i = 0; i < nf->nqueues && nf->pooled; i++)
        nf->pooled = offer_queue(nf, i);
}

/* SPDX-License-Identifier: MIT
 *
 * The network crash rig's frontend: it knows of each slot what must come back.
 */
#include "tests/unit/net_rig.h"

#include <stdio.h>
#include <string.h>

#define GROUP 0x5000u

static uint8_t *data(struct rig_queue *q, unsigned page)
{
    return q->data + (size_t)page * WEIR_PAGE_SIZE;
}

static int take_page(struct rig_queue *q)
{
    unsigned from = rig_random(q->front->rig, RIG_PAGES);

    for (unsigned i = 0; i < RIG_PAGES; i++) {
        unsigned k = (from + i) % RIG_PAGES;

        if (!q->page[k].busy) {
            q->page[k].busy = true;
            return (int)k;
        }
    }
    return -1;
}

static unsigned free_pages(const struct rig_queue *q)
{
    unsigned n = 0;

    for (unsigned i = 0; i < RIG_PAGES; i++)
        n += !q->page[i].busy;
    return n;
}

/* ---- what is sent ---- */

static void put(struct rig_queue *q, union weir_netif_tx_slot *s, int id)
{
    q->tx_id[q->tx.r.req_prod % 256] = id;
    if (id >= 0)
        s->req.id = (uint16_t)id;
    RIG_CHECK(weir_netif_tx_front_put(&q->tx, s) == 0, "the tx ring is full");
}

static void put_extra(struct rig_queue *q, uint8_t type, const uint8_t *addr)
{
    union weir_netif_tx_slot s;

    memset(&s, 0, sizeof(s));
    s.extra.type = type;
    if (addr != NULL) {
        memcpy(s.extra.u.mcast.addr, addr, 6);
    } else {
        s.extra.u.gso.size = 1400;
        s.extra.u.gso.type = WEIR_NETIF_GSO_TCPV4;
    }
    put(q, &s, -1);
}

/* A request of its own: it joins or leaves a group. */
static void send_group(struct rig_queue *q)
{
    struct rig_front *f = q->front;
    unsigned g = rig_random(f->rig, RIG_GROUPS);
    uint8_t addr[6] = {1, 0, 0, 0, 0, (uint8_t)g};
    union weir_netif_tx_slot s;
    int page = take_page(q);

    memset(&s, 0, sizeof(s));
    s.req.gref = q->page[page].ref;
    s.req.flags = WEIR_NETTXF_EXTRA_INFO;
    put(q, &s, page);
    f->group[g] = !f->group[g];
    put_extra(q,
              f->group[g] ? WEIR_NETIF_EXTRA_MCAST_ADD
                          : WEIR_NETIF_EXTRA_MCAST_DEL,
              addr);
}

/* Pieces of random sizes, each in a page of its own. */
static void send_frame(struct rig_queue *q)
{
    static uint8_t p[RIG_FRAME];
    struct rig_front *f = q->front;
    bool gso, first = true;
    uint32_t len = rig_frame_make(f->rig, p, f->sent++, &gso), at = 0;

    if (f->rig->c->fronts > 1)
        p[5] = (uint8_t)(2 - f->index), p[11] = (uint8_t)(1 + f->index);
    while (at < len) {
        uint32_t n = 1 + rig_random(f->rig, 4000), offset;
        union weir_netif_tx_slot s;
        int page = take_page(q);

        if (n > len - at || len - at - n > 3 * WEIR_PAGE_SIZE)
            n = len - at < WEIR_PAGE_SIZE ? len - at : WEIR_PAGE_SIZE;
        offset = rig_random(f->rig, WEIR_PAGE_SIZE - n + 1);
        memcpy(data(q, (unsigned)page) + offset, p + at, n);
        memset(&s, 0, sizeof(s));
        s.req.gref = q->page[page].ref;
        s.req.offset = (uint16_t)offset;
        s.req.size = (uint16_t)(first ? len : n);
        at += n;
        s.req.flags = (uint16_t)((at < len ? WEIR_NETTXF_MORE_DATA : 0) |
                                 (first && gso ? WEIR_NETTXF_EXTRA_INFO |
                                                     WEIR_NETTXF_CSUM_BLANK
                                               : 0));
        put(q, &s, page);
        if (first && gso)
            put_extra(q, WEIR_NETIF_EXTRA_GSO, NULL);
        first = false;
    }
}

static bool send_some(struct rig_queue *q)
{
    struct rig *r = q->front->rig;
    unsigned burst = rig_random(r, 10), n = 0;

    for (; n < burst && weir_netif_tx_front_free(&q->tx) > 24 &&
           free_pages(q) > 24 && q->front->sent < r->c->frames;
         n++) {
        if (rig_random(r, 8) == 0 && q->index == 0)
            send_group(q);
        send_frame(q);
    }
    if (weir_netif_tx_front_push(&q->tx))
        q->front->port->ops->evtchn_notify(q->front->port, q->tx_port);
    return n > 0;
}

static bool notified(struct rig_queue *q, evtchn_port_t port, bool *asleep)
{
    struct weir_port *p = q->front->port;
    uint64_t pending;

    if (!*asleep)
        return true;
    p->ops->wait(p, &port, 1, 0, &pending);
    if (pending == 0)
        return false;
    q->tx_asleep = q->tx_asleep && q->tx_port != port;
    q->rx_asleep = q->rx_asleep && q->rx_port != port;
    return true;
}

static unsigned take_answers(struct rig_queue *q)
{
    struct weir_netif_tx_response rsp;
    unsigned n = 0;
    int got;

    if (!notified(q, q->tx_port, &q->tx_asleep))
        return 0;
    for (;; n++) {
        int id = q->tx_id[q->tx.r.rsp_cons % 256];

        got = weir_netif_tx_front_get(&q->tx, &rsp);
        if (got != 1)
            break;
        if (id < 0) {
            RIG_CHECK(rsp.status == WEIR_NETIF_RSP_NULL,
                      "status %d of an extra", rsp.status);
            continue;
        }
        RIG_CHECK(rsp.id == id && rsp.status == WEIR_NETIF_RSP_OKAY,
                  "answer to slot %d, status %d, in place of slot %d", rsp.id,
                  rsp.status, id);
        q->page[id].busy = false;
    }
    RIG_CHECK(got == 0, "the tx ring is broken");
    if (n == 0 && rig_random(q->front->rig, 3) == 0)
        q->tx_asleep = weir_netif_tx_front_arm(&q->tx) == 0;
    return n;
}

/* ---- what is received ---- */

static bool post_some(struct rig_queue *q)
{
    unsigned burst = rig_random(q->front->rig, 40), n = 0;

    for (; n < burst && q->posted < RIG_POSTED &&
           weir_netif_rx_front_free(&q->rx) > 0 && free_pages(q) > 30;
         n++, q->posted++) {
        int page = take_page(q);
        struct weir_netif_rx_request req = {.id = (uint16_t)page,
                                            .gref = q->page[page].ref};

        memset(data(q, (unsigned)page), 0xee, WEIR_PAGE_SIZE);
        q->rx_id[q->rx.r.req_prod % 256] = page;
        weir_netif_rx_front_put(&q->rx, &req);
    }
    if (weir_netif_rx_front_push(&q->rx))
        q->front->port->ops->evtchn_notify(q->front->port, q->rx_port);
    return n > 0;
}

static void whole(struct rig_queue *q)
{
    struct rig_front *f = q->front;
    unsigned number = rig_frame_check(q->frame, q->have);

    if (number >= GROUP) {
        RIG_CHECK(number - GROUP < RIG_GROUPS && f->group[number - GROUP],
                  "a frame to group %u, which was left", number - GROUP);
        f->groups_seen++;
        return;
    }
    RIG_CHECK(number < RIG_FRAMES && !f->got[number], "frame %u came twice",
              number);
    f->got[number] = 1;
    f->ngot++;
}

static void piece(struct rig_queue *q, const struct weir_netif_rx_response *rsp,
                  int id)
{
    RIG_CHECK(rsp->id == id && rsp->offset == 0,
              "buffer %u came back in the slot of %d", rsp->id, id);
    RIG_CHECK(rsp->status > 0 && rsp->status <= (int)WEIR_PAGE_SIZE &&
                  q->have + (unsigned)rsp->status <= RIG_FRAME,
              "buffer %d, status %d", id, rsp->status);
    memcpy(q->frame + q->have, data(q, (unsigned)id), (size_t)rsp->status);
    q->have += (uint32_t)rsp->status;
    q->extra_next = rsp->flags & WEIR_NETRXF_EXTRA_INFO;
    q->more = rsp->flags & WEIR_NETRXF_MORE_DATA;
}

static unsigned take_frames(struct rig_queue *q)
{
    union weir_netif_rx_slot s;
    unsigned n = 0;
    int got;

    if (!notified(q, q->rx_port, &q->rx_asleep))
        return 0;
    for (;; n++) {
        int id = q->rx_id[q->rx.r.rsp_cons % 256];

        got = weir_netif_rx_front_get(&q->rx, &s);
        if (got != 1)
            break;
        if (q->extra_next) {
            RIG_CHECK(s.extra.type == WEIR_NETIF_EXTRA_GSO &&
                          s.extra.u.gso.size == 1400,
                      "extra of type %u", s.extra.type);
            q->extra_next = false;
        } else {
            piece(q, &s.rsp, id);
        }
        q->page[id].busy = false;
        q->posted--;
        if (q->more || q->extra_next)
            continue;
        whole(q);
        q->have = 0;
    }
    RIG_CHECK(got == 0, "the rx ring is broken");
    RIG_CHECK(!q->more && !q->extra_next, "half a packet was published");
    if (n == 0 && rig_random(q->front->rig, 3) == 0)
        q->rx_asleep = weir_netif_rx_front_arm(&q->rx) == 0;
    return n;
}

/* ---- the control ring ---- */

static bool ask(struct rig_front *f)
{
    struct rig_ctrl *c = &f->ctrl;
    struct rig_queue *q =
        &f->queue[c->queue = rig_random(f->rig, f->rig->c->queues)];
    bool add = rig_random(f->rig, 2) == 0;
    unsigned most = 1 + rig_random(f->rig, 60);
    struct weir_netif_ctrl_request req = {.id = ++c->id};

    for (unsigned i = c->n = 0; i < RIG_PAGES && c->n < most; i++) {
        struct rig_page *p = &q->page[i];

        if (p->busy || p->added == add)
            continue;
        p->busy = true;
        c->list[c->n] = (struct weir_netif_gref){.ref = p->ref, .status = 99};
        c->page[c->n++] = (uint8_t)i;
    }
    if (c->n == 0)
        return false;
    c->type = add ? WEIR_NETIF_CTRL_ADD_GREF_MAPPING
                  : WEIR_NETIF_CTRL_DEL_GREF_MAPPING;
    req.type = c->type;
    req.data[0] = c->queue;
    req.data[1] = c->list_ref;
    req.data[2] = c->n;
    weir_netif_ctrl_front_put(&c->ring, &req);
    if (weir_netif_ctrl_front_push(&c->ring))
        f->port->ops->evtchn_notify(f->port, c->port);
    c->pending = true;
    return true;
}

/* Nobody maps what was taken from the pool: the grant ends at once. */
static void renew(struct rig_queue *q, unsigned page)
{
    struct rig_front *f = q->front;

    RIG_CHECK(weir_gnttab_end(&f->gnttab, q->page[page].ref) == 0,
              "page %u is mapped still", page);
    RIG_CHECK(weir_gnttab_grant(&f->gnttab, RIG_BACK, data(q, page), false,
                                &q->page[page].ref) == 0,
              "no grant");
}

static void settled(struct rig_front *f,
                    const struct weir_netif_ctrl_response *rsp)
{
    struct rig_ctrl *c = &f->ctrl;
    struct rig_queue *q = &f->queue[c->queue];
    bool add = c->type == WEIR_NETIF_CTRL_ADD_GREF_MAPPING;
    bool strict = f->rig->c->no_maps == 0;

    RIG_CHECK(rsp->id == c->id && rsp->type == c->type, "another's answer");
    RIG_CHECK(rsp->status == WEIR_NETIF_CTRL_SUCCESS &&
                  (add || !strict || rsp->data == c->n),
              "control request of type %u for %u pages: status %u, data %u",
              c->type, c->n, rsp->status, rsp->data);
    for (unsigned i = 0; i < c->n; i++) {
        RIG_CHECK(add || !strict ||
                      c->list[i].status == WEIR_NETIF_CTRL_SUCCESS,
                  "page %u of %u was not in the pool", i, c->n);
        q->page[c->page[i]].added = add;
        if (!add)
            renew(q, c->page[i]);
        q->page[c->page[i]].busy = false;
    }
    c->pending = false;
}

static bool ctrl_step(struct rig_front *f)
{
    struct weir_netif_ctrl_response rsp;
    int got;

    if (!f->rig->c->pool)
        return false;
    if (!f->ctrl.pending)
        return f->sent < f->rig->c->frames && rig_random(f->rig, 3) == 0 &&
               ask(f);
    got = weir_netif_ctrl_front_get(&f->ctrl.ring, &rsp);
    RIG_CHECK(got >= 0, "the control ring is broken");
    if (got == 1)
        settled(f, &rsp);
    else
        weir_netif_ctrl_front_arm(&f->ctrl.ring);
    return got == 1;
}

bool rig_front_step(struct rig_front *f)
{
    bool moved = ctrl_step(f);

    for (unsigned i = 0; i < f->rig->c->queues; i++) {
        struct rig_queue *q = &f->queue[i];

        moved |= send_some(q);
        moved |= take_answers(q) > 0;
        moved |= post_some(q);
        moved |= take_frames(q) > 0;
    }
    return moved;
}

unsigned rig_front_added(const struct rig_front *f)
{
    unsigned n = 0;

    for (unsigned i = 0; i < f->rig->c->queues; i++)
        for (unsigned k = 0; k < RIG_PAGES; k++)
            n += f->queue[i].page[k].added;
    return n;
}

void rig_front_verify(struct rig_front *f)
{
    RIG_CHECK(!f->ctrl.pending, "a control request was lost");
    for (unsigned i = 0; i < f->rig->c->queues; i++) {
        struct rig_queue *q = &f->queue[i];

        RIG_CHECK(weir_netif_tx_front_inflight(&q->tx) == 0,
                  "%u tx slots were never answered",
                  weir_netif_tx_front_inflight(&q->tx));
        RIG_CHECK(free_pages(q) + q->posted == RIG_PAGES, "%u pages are lost",
                  RIG_PAGES - free_pages(q) - q->posted);
    }
}

/* ---- coming up ---- */

static void number(struct rig_front *f, const char *dir, const char *key,
                   uint32_t value)
{
    char path[80], text[16];

    snprintf(path, sizeof(path), "/local/domain/%u/device/vif/0%s",
             RIG_FRONT + f->index, dir);
    snprintf(text, sizeof(text), "%u", value);
    rig_set(f->rig, path, key, text, (domid_t)(RIG_FRONT + f->index), RIG_BACK);
}

static void *page_of(struct rig_front *f, unsigned n, grant_ref_t *ref)
{
    void *first;

    RIG_CHECK(f->port->ops->alloc_pages(f->port, n, &first) == 0, "no pages");
    for (unsigned i = 0; i < n; i++)
        RIG_CHECK(weir_gnttab_grant(&f->gnttab, RIG_BACK,
                                    (uint8_t *)first + i * WEIR_PAGE_SIZE,
                                    false, &ref[i]) == 0,
                  "no grants");
    return first;
}

static void open_queue(struct rig_front *f, unsigned index)
{
    struct rig_queue *q = &f->queue[index];
    grant_ref_t ref[RIG_PAGES];
    void *tx = page_of(f, 1, &q->tx_ref), *rx = page_of(f, 1, &q->rx_ref);
    char dir[16] = "";

    q->front = f;
    q->index = index;
    weir_netif_tx_front_init(&q->tx, &tx, 1);
    weir_netif_rx_front_init(&q->rx, &rx, 1);
    q->data = page_of(f, RIG_PAGES, ref);
    for (unsigned i = 0; i < RIG_PAGES; i++)
        q->page[i].ref = ref[i];
    f->port->ops->evtchn_alloc(f->port, RIG_BACK, &q->tx_port);
    q->rx_port = q->tx_port;
    if (f->rig->c->split)
        f->port->ops->evtchn_alloc(f->port, RIG_BACK, &q->rx_port);
    if (f->rig->c->queues > 1)
        snprintf(dir, sizeof(dir), "/queue-%u", index);
    number(f, dir, "tx-ring-ref", q->tx_ref);
    number(f, dir, "rx-ring-ref", q->rx_ref);
    number(f, dir, f->rig->c->split ? "event-channel-tx" : "event-channel",
           q->tx_port);
    if (f->rig->c->split)
        number(f, dir, "event-channel-rx", q->rx_port);
}

void rig_front_open(struct rig *r, unsigned index)
{
    struct rig_front *f = &r->front[index];
    static const char *const on[] = {
        "request-rx-copy",   "feature-rx-notify",         "feature-sg",
        "feature-gso-tcpv4", "request-multicast-control",
    };
    void *ring;

    f->rig = r;
    f->index = index;
    f->port = weir_fake_domain_add(r->machine, (domid_t)(RIG_FRONT + index), 0);
    RIG_CHECK(weir_gnttab_init(&f->gnttab, f->port) == 0, "no grant table");
    for (unsigned i = 0; i < sizeof(on) / sizeof(on[0]); i++)
        number(f, "", on[i], 1);
    for (unsigned i = 0; i < r->c->queues; i++)
        open_queue(f, i);
    number(f, "", "multi-queue-num-queues", r->c->queues);
    if (!r->c->pool)
        return;
    ring = page_of(f, 1, &f->ctrl.ref);
    weir_netif_ctrl_front_init(&f->ctrl.ring, &ring, 1);
    f->ctrl.list = page_of(f, 1, &f->ctrl.list_ref);
    f->port->ops->evtchn_alloc(f->port, RIG_BACK, &f->ctrl.port);
    number(f, "", "ctrl-ring-ref", f->ctrl.ref);
    number(f, "", "event-channel-ctrl", f->ctrl.port);
}

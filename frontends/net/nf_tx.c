/* SPDX-License-Identifier: MIT */
#include "frontends/net/nf_private.h"

enum { SMALL = 0, HALF = 1, FULL = 2 };

static uint16_t *free_list(struct weir_nf_queue *q, unsigned size)
{
    return size == SMALL  ? q->free_small
           : size == HALF ? q->free_half
                          : q->free_full;
}

static unsigned size_of(unsigned buf)
{
    return buf < WEIR_NF_SMALL                  ? SMALL
           : buf < WEIR_NF_SMALL + WEIR_NF_HALF ? HALF
                                                : FULL;
}

/* Where buffer buf lies: its page and the offset there. */
static const struct weir_nf_page *place(const struct weir_nf_queue *q,
                                        unsigned buf, uint32_t *offset)
{
    if (buf < WEIR_NF_SMALL) {
        *offset = buf % 16 * 256;
        return &q->tx_buf[buf / 16];
    }
    buf -= WEIR_NF_SMALL;
    if (buf < WEIR_NF_HALF) {
        *offset = buf % 2 * 2048;
        return &q->tx_buf[WEIR_NF_SMALL_PAGES + buf / 2];
    }
    *offset = 0;
    return &q->tx_buf[WEIR_NF_SMALL_PAGES + WEIR_NF_HALF_PAGES + buf -
                      WEIR_NF_HALF];
}

void weir_nf_tx_reset(struct weir_nf_queue *q)
{
    q->nfree[SMALL] = q->nfree[HALF] = q->nfree[FULL] = 0;
    for (unsigned i = WEIR_NF_BUFS; i-- > 0;) {
        unsigned size = size_of(i);
        q->busy[i] = false;
        free_list(q, size)[q->nfree[size]++] = (uint16_t)i;
    }
    q->extras = 0;
    q->want_slots = 0;
}

/* An id is believed only while its buffer is with the backend. */
static int take_answer(struct weir_netfront *nf, struct weir_nf_queue *q,
                       const struct weir_netif_tx_response *rsp)
{
    if (rsp->status == WEIR_NETIF_RSP_NULL) {
        if (!q->extras)
            return weir_nf_broken(nf, "tx answer to an extra never sent");
        q->extras--;
        return 0;
    }
    if (rsp->id >= WEIR_NF_BUFS || !q->busy[rsp->id])
        return weir_nf_broken(nf, "tx answer with an id never sent");
    if (rsp->status > 0 || rsp->status < WEIR_NETIF_RSP_DROPPED)
        return weir_nf_broken(nf, "tx answer with an unknown status");
    unsigned size = size_of(rsp->id);
    q->busy[rsp->id] = false;
    free_list(q, size)[q->nfree[size]++] = rsp->id;
    q->stats.tx_errors += rsp->status != 0;
    return 0;
}

int weir_nf_tx_reap(struct weir_netfront *nf, struct weir_nf_queue *q)
{
    struct weir_netif_tx_response rsp;
    int ret;
    while ((ret = weir_netif_tx_front_get(&q->tx, &rsp)) > 0) {
        ret = take_answer(nf, q, &rsp);
        if (ret)
            return ret;
    }
    return ret < 0 ? weir_nf_broken(nf, "tx ring: more answers than requests")
                   : 0;
}

/* The smallest size that holds len bytes and has a free buffer; 3: none. */
static unsigned choose(const struct weir_nf_queue *q, uint32_t len)
{
    unsigned size = len <= 256 ? SMALL : len <= 2048 ? HALF : FULL;
    while (size <= FULL && !q->nfree[size])
        size++;
    return size;
}

/* Reads the caller's pieces one after the other. */
struct source {
    const struct weir_netfront_vec *vec;
    uint32_t off;
};

static void take_bytes(struct source *s, uint8_t *dst, uint32_t len)
{
    while (len) {
        uint32_t left = s->vec->len - s->off;
        uint32_t n = left < len ? left : len;
        weir_memcpy(dst, (const uint8_t *)s->vec->base + s->off, n);
        dst += n;
        len -= n;
        s->off += n;
        if (s->off == s->vec->len) {
            s->vec++;
            s->off = 0;
        }
    }
}

static void put_slot(struct weir_nf_queue *q, struct source *s, unsigned size,
                     uint32_t len, uint16_t shown, uint16_t flags)
{
    uint32_t offset;
    unsigned buf = free_list(q, size)[--q->nfree[size]];
    const struct weir_nf_page *page = place(q, buf, &offset);
    take_bytes(s, page->addr + offset, len);
    q->busy[buf] = true;
    union weir_netif_tx_slot slot = {.req = {.gref = page->ref,
                                             .offset = (uint16_t)offset,
                                             .flags = flags,
                                             .id = (uint16_t)buf,
                                             .size = shown}};
    weir_netif_tx_front_put(&q->tx, &slot);
}

static void put_extra(struct weir_nf_queue *q,
                      const struct weir_netif_extra_info *extra)
{
    union weir_netif_tx_slot slot;
    weir_memset(&slot, 0, sizeof(slot));
    slot.extra = *extra;
    weir_netif_tx_front_put(&q->tx, &slot);
    q->extras++;
}

static int check(const struct weir_netfront *nf, uint64_t len,
                 const struct weir_netfront_offload *off)
{
    if (len < 14 || len > WEIR_NETFRONT_MAX)
        return -WEIR_EINVAL;
    if (len > WEIR_PAGE_SIZE && !(nf->caps & WEIR_NETFRONT_CAP_SG))
        return -WEIR_EINVAL;
    if (!off)
        return 0;
    if (off->gso > 2 || (off->gso && !off->gso_size))
        return -WEIR_EINVAL;
    if (off->gso && !(nf->caps & (off->gso == 1 ? WEIR_NETFRONT_CAP_GSO4
                                                : WEIR_NETFRONT_CAP_GSO6)))
        return -WEIR_EOPNOTSUPP;
    if (off->flags & WEIR_NETFRONT_CSUM_BLANK &&
        !(nf->caps & (WEIR_NETFRONT_CAP_CSUM4 | WEIR_NETFRONT_CAP_CSUM6)))
        return -WEIR_EOPNOTSUPP;
    return 0;
}

bool weir_nf_has_room(const struct weir_nf_queue *q, uint32_t len,
                      unsigned slots)
{
    if (weir_netif_tx_front_free(&q->tx) < slots)
        return false;
    if (len <= WEIR_PAGE_SIZE)
        return choose(q, len) <= FULL;
    return q->nfree[FULL] >= (len + WEIR_PAGE_SIZE - 1) / WEIR_PAGE_SIZE;
}

/* As above, after taking answers in: 0; -WEIR_EAGAIN, remembered for wait. */
static int make_room(struct weir_netfront *nf, struct weir_nf_queue *q,
                     uint32_t len, unsigned slots)
{
    q->want_slots = 0;
    if (weir_nf_has_room(q, len, slots))
        return 0;
    int ret = weir_nf_tx_reap(nf, q);
    if (ret || weir_nf_has_room(q, len, slots))
        return ret;
    q->want_len = len;
    q->want_slots = slots;
    return -WEIR_EAGAIN;
}

static void put_frame(struct weir_nf_queue *q, struct source *s, uint32_t len,
                      const struct weir_netfront_offload *off)
{
    uint16_t flags = 0;
    uint32_t left = len;
    bool first = true;
    if (off && (off->flags & WEIR_NETFRONT_CSUM_BLANK || off->gso))
        flags = WEIR_NETTXF_CSUM_BLANK | WEIR_NETTXF_DATA_VALIDATED;
    if (off && off->gso)
        flags |= WEIR_NETTXF_EXTRA_INFO;
    while (left) {
        uint32_t n = left < WEIR_PAGE_SIZE ? left : WEIR_PAGE_SIZE;
        left -= n;
        put_slot(q, s, choose(q, len > WEIR_PAGE_SIZE ? WEIR_PAGE_SIZE : n), n,
                 (uint16_t)(first ? len : n),
                 (uint16_t)(flags | (left ? WEIR_NETTXF_MORE_DATA : 0)));
        if (flags & WEIR_NETTXF_EXTRA_INFO) {
            struct weir_netif_extra_info gso = {
                .type = WEIR_NETIF_EXTRA_GSO,
                .u.gso = {.size = off->gso_size, .type = off->gso}};
            put_extra(q, &gso);
        }
        flags = 0;
        first = false;
    }
    q->stats.tx_packets++;
    q->stats.tx_bytes += len;
}

int weir_netfront_send(struct weir_netfront *nf, unsigned queue,
                       const struct weir_netfront_vec *vec, unsigned n,
                       const struct weir_netfront_offload *off)
{
    struct weir_nf_queue *q = &nf->queue[queue];
    uint64_t len = 0;
    if (weir_unlikely(!nf->connected || queue >= nf->nqueues))
        return nf->reason ? -WEIR_EPROTO : -WEIR_ENOTCONN;
    for (unsigned i = 0; i < n; i++)
        len += vec[i].len;
    int ret = check(nf, len, off);
    if (ret)
        return ret;
    unsigned slots = (unsigned)((len + WEIR_PAGE_SIZE - 1) / WEIR_PAGE_SIZE) +
                     (off && off->gso);
    ret = make_room(nf, q, (uint32_t)len, slots);
    if (ret)
        return ret;
    struct source s = {vec, 0};
    while (!s.vec->len)
        s.vec++; /* len is not 0: there is one */
    put_frame(q, &s, (uint32_t)len, off);
    return 0;
}

int weir_netfront_multicast(struct weir_netfront *nf, const uint8_t mac[6],
                            bool wanted)
{
    struct weir_nf_queue *q = &nf->queue[0];
    if (!nf->connected)
        return nf->reason ? -WEIR_EPROTO : -WEIR_ENOTCONN;
    int ret = make_room(nf, q, 1, 2);
    if (ret)
        return ret;
    struct source none = {NULL, 0};
    struct weir_netif_extra_info extra = {
        .type =
            wanted ? WEIR_NETIF_EXTRA_MCAST_ADD : WEIR_NETIF_EXTRA_MCAST_DEL};
    weir_memcpy(extra.u.mcast.addr, mac, 6);
    put_slot(q, &none, choose(q, 1), 0, 0, WEIR_NETTXF_EXTRA_INFO);
    put_extra(q, &extra);
    return 0;
}

unsigned weir_netfront_room(struct weir_netfront *nf, unsigned queue)
{
    struct weir_nf_queue *q = &nf->queue[queue];
    if (!nf->connected || weir_nf_tx_reap(nf, q))
        return 0;
    uint32_t slots = weir_netif_tx_front_free(&q->tx);
    if (q->nfree[FULL] < slots)
        slots = q->nfree[FULL];
    if (!slots) {
        q->want_len = WEIR_PAGE_SIZE;
        q->want_slots = 1;
    }
    return slots;
}

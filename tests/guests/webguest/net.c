/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/net.h"

#include <stdlib.h>
#include <string.h>

#include <lwip/etharp.h>
#include <lwip/inet_chksum.h>
#include <lwip/init.h>
#include <lwip/ip4.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/tcp.h>
#include <lwip/prot/udp.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>

#include "ring/error.h"

#define FRAME_MAX 65535u

static void drain(struct web_net *n)
{
    while (n->count) {
        struct pbuf *p = n->queue[n->head];

        if (n->nic->ops->send(n->nic, p->payload, p->len) == -WEIR_EAGAIN)
            break;
        n->unflushed = true;
        n->head = (n->head + 1) % WEB_TX_QUEUE;
        n->count--;
        pbuf_free(p);
    }
}

/* lwIP retries a segment that could not be sent only by a timer, so frames
 * that find the nic full wait here. */
static err_t link_output(struct netif *netif, struct pbuf *p)
{
    struct web_net *n = netif->state;
    int err = -WEIR_EAGAIN;

    n->stats.tx++;
    n->stats.tx_bytes += p->tot_len;
    if (p->next) {
        p = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
        if (!p)
            return ERR_MEM;
    } else {
        pbuf_ref(p);
    }
    if (n->count == 0)
        err = n->nic->ops->send(n->nic, p->payload, p->len);
    if (err == -WEIR_EAGAIN && n->count < WEB_TX_QUEUE) {
        n->queue[(n->head + n->count++) % WEB_TX_QUEUE] = p;
        return ERR_OK;
    }
    if (err)
        n->stats.tx_dropped++;
    n->unflushed = true;
    pbuf_free(p);
    return ERR_OK;
}

static err_t netif_start(struct netif *netif)
{
    struct web_net *n = netif->state;

    netif->name[0] = 'w';
    netif->name[1] = 'g';
    netif->output = etharp_output;
    netif->linkoutput = link_output;
    netif->mtu = n->nic->mtu;
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, n->nic->mac, 6);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP |
                   NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

/* The IPv4 header of a frame and its payload: NULL when there is none that is
 * whole and unfragmented. */
static struct ip_hdr *ip4_of(struct pbuf *p, uint16_t *payload_len)
{
    struct ip_hdr *ip = (struct ip_hdr *)((char *)p->payload + 14);
    uint16_t type, total, header;

    if (p->len < 14 + IP_HLEN)
        return NULL;
    memcpy(&type, (char *)p->payload + 12, 2);
    total = lwip_ntohs(IPH_LEN(ip));
    header = IPH_HL_BYTES(ip);
    if (type != PP_HTONS(ETHTYPE_IP) || IPH_V(ip) != 4 || header < IP_HLEN ||
        total < header || total > p->len - 14 ||
        (IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF)))
        return NULL;
    *payload_len = (uint16_t)(total - header);
    return ip;
}

/* Fill in what the sender left to hardware. */
static void complete_checksum(struct pbuf *p)
{
    uint16_t len, at, sum;
    struct ip_hdr *ip = ip4_of(p, &len);
    ip4_addr_t src, dst;
    struct pbuf *view;
    char *l4;

    if (!ip)
        return;
    if (IPH_PROTO(ip) == IP_PROTO_TCP && len >= TCP_HLEN)
        at = offsetof(struct tcp_hdr, chksum);
    else if (IPH_PROTO(ip) == IP_PROTO_UDP && len >= UDP_HLEN)
        at = offsetof(struct udp_hdr, chksum);
    else
        return;
    l4 = (char *)ip + IPH_HL_BYTES(ip);
    view = pbuf_alloc(PBUF_RAW, len, PBUF_REF);
    if (!view)
        return;
    view->payload = l4;
    memset(l4 + at, 0, 2);
    ip4_addr_copy(src, ip->src);
    ip4_addr_copy(dst, ip->dest);
    sum = inet_chksum_pseudo(view, IPH_PROTO(ip), len, &src, &dst);
    memcpy(l4 + at, &sum, 2);
    pbuf_free(view);
}

/* Is it a request for a connection, while there are too many?  The library
 * takes pcbs from malloc, without a limit of its own. */
static bool one_too_many(const struct tcp_hdr *tcp)
{
    struct tcp_pcb *last = NULL;
    unsigned count = 0;

    if ((TCPH_FLAGS(tcp) & (TCP_SYN | TCP_ACK)) != TCP_SYN)
        return false;
    for (struct tcp_pcb *t = tcp_tw_pcbs; t; t = t->next) {
        count++;
        last = t;
    }
    if (count > WEB_TIMEWAIT)
        tcp_abort(last); /* the oldest one */
    count = 0;
    for (struct tcp_pcb *t = tcp_active_pcbs; t; t = t->next)
        count++;
    return count >= WEB_PCBS;
}

static bool refused(struct pbuf *p)
{
    uint16_t len;
    struct ip_hdr *ip = ip4_of(p, &len);

    return ip && IPH_PROTO(ip) == IP_PROTO_TCP && len >= TCP_HLEN &&
           one_too_many((const void *)((const char *)ip + IPH_HL_BYTES(ip)));
}

/* A datagram in two pieces of half its length: one piece has to hold its
 * padding too in 16 bits, and pool buffers are not what their size says in
 * Debian's build of the library.  There is room in front, because ICMP answers
 * in place. */
static struct pbuf *datagram_pbuf(const struct web_datagram *d)
{
    uint32_t total = d->header_len + d->end;
    struct pbuf *p =
        pbuf_alloc(PBUF_LINK, (u16_t)(total - total / 2), PBUF_RAM);
    struct pbuf *rest = pbuf_alloc(PBUF_RAW, (u16_t)(total / 2), PBUF_RAM);

    if (p && rest) {
        pbuf_cat(p, rest);
        pbuf_take(p, d->header, d->header_len);
        pbuf_take_at(p, d->payload, (u16_t)d->end, d->header_len);
        return p;
    }
    if (p)
        pbuf_free(p);
    if (rest)
        pbuf_free(rest);
    return NULL;
}

/* Takes a fragment; the datagram it completes goes to lwIP's IP at once. */
static bool take_fragment(struct web_net *n, const struct pbuf *p)
{
    const uint8_t *ip = (const uint8_t *)p->payload + 14;
    const struct web_datagram *d;
    struct pbuf *whole;
    uint16_t type;

    memcpy(&type, (const char *)p->payload + 12, 2);
    if (type != PP_HTONS(ETHTYPE_IP) || !web_is_fragment(ip, p->len - 14u))
        return false;
    d = web_reass_add(&n->reass, ip, p->len - 14u, sys_now());
    if (!d || (d->protocol == IP_PROTO_TCP && d->end >= TCP_HLEN &&
               one_too_many((const void *)d->payload)))
        return true;
    whole = datagram_pbuf(d);
    if (whole)
        ip4_input(whole, &n->netif);
    return true;
}

static void input(void *arg, const struct web_frag *frags, unsigned nfrags,
                  bool blank_checksum)
{
    struct web_net *n = arg;
    struct pbuf *p = NULL;
    size_t len = 0, at = 0;

    for (unsigned i = 0; i < nfrags; i++)
        len += frags[i].len;
    n->stats.rx++;
    n->stats.rx_bytes += len;
    if (len >= 14 && len <= FRAME_MAX)
        p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
    if (!p) {
        n->stats.rx_dropped++;
        return;
    }
    for (unsigned i = 0; i < nfrags; i++) {
        memcpy((char *)p->payload + at, frags[i].p, frags[i].len);
        at += frags[i].len;
    }
    if (blank_checksum)
        complete_checksum(p);
    if (take_fragment(n, p)) {
        pbuf_free(p);
    } else if (refused(p)) {
        n->stats.rx_dropped++;
        pbuf_free(p);
    } else if (n->netif.input(p, &n->netif) != ERR_OK) {
        n->stats.rx_dropped++;
        pbuf_free(p);
    }
}

int web_net_open(struct web_net *n, const struct web_net_config *c)
{
    ip4_addr_t ip = {c->ip}, mask = {c->mask}, gateway = {c->gateway};

    memset(n, 0, sizeof(*n));
    n->nic = c->nic;
    srand(c->seed); /* lwIP draws from rand */
    lwip_init();
    if (!netif_add(&n->netif, &ip, &mask, &gateway, n, netif_start,
                   ethernet_input))
        return -WEIR_ENOMEM;
    netif_set_default(&n->netif);
    netif_set_up(&n->netif);
    web_net_flush(n);
    return 0;
}

void web_net_flush(struct web_net *n)
{
    drain(n);
    if (n->unflushed)
        n->nic->ops->flush(n->nic);
    n->unflushed = false;
}

bool web_net_step(struct web_net *n)
{
    bool moved = n->nic->ops->poll(n->nic, input, n) > 0;

    sys_check_timeouts();
    web_net_flush(n);
    return moved;
}

uint32_t web_net_sleep_ms(void)
{
    return sys_timeouts_sleeptime();
}

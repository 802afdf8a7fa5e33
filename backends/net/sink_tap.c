/* SPDX-License-Identifier: MIT
 *
 * The tap sink: one packet a system call, straight from the guest's mapped
 * pages into the kernel; the other way through a private buffer.  A packet
 * for which the guest has posted no buffers waits, and the tap's own bounded
 * queue behind it; after WEIR_VIF_STALL_NS the guest counts as stalled and its
 * packets are dropped until it posts buffers again.
 */
#include "backends/net/vif.h"
#include "backends/net/offload.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

enum { TAG_TAP = 3 };
#define PACKET_AT 16u /* in held_flat; the header stands before it */

/* Tell the kernel which packets the frontend takes as they are.  A test's
 * socket in place of a tap knows no offloads: nothing to tell. */
static int set_offload(struct weir_vif *vif)
{
    unsigned long f = 0;
    if (vif->csum4)
        f |= TUN_F_CSUM;
    if (f && vif->gso4)
        f |= TUN_F_TSO4 | TUN_F_TSO_ECN;
    if (f && vif->gso6 && vif->csum6)
        f |= TUN_F_TSO6;
    if (ioctl(vif->dev.fds[0], TUNSETOFFLOAD, f) == 0 || errno == ENOTTY)
        return 0;
    snprintf(vif->dev.error, sizeof(vif->dev.error),
             "tap %.64s refuses offloads 0x%lx: %s", vif->dev.res.label, f,
             strerror(errno));
    return -errno;
}

static unsigned tap_count(const struct weir_vif *vif)
{
    bool capture = vif->dev.res.vif.flags & WEIR_VIF_CAPTURE;
    return vif->dev.nfds - (capture && vif->dev.nfds);
}

/* More tap queues than the frontend has: its queues share them, for the
 * kernel spreads packets over all.  Fewer: some queues only send. */
static int start(struct weir_vif *vif)
{
    unsigned taps = tap_count(vif);
    if (!taps) {
        snprintf(vif->dev.error, sizeof(vif->dev.error),
                 "no tap descriptor came with the vif");
        return -EINVAL;
    }
    vif->vnet_hdr = vif->dev.res.vif.flags & WEIR_VIF_VNET_HDR;
    for (unsigned i = 0; i < taps; i++) {
        struct weir_vif_queue *q = vif->queue[i % vif->nqueues];
        q->fd[q->nfds++] = vif->dev.fds[i];
    }
    return vif->vnet_hdr ? set_offload(vif) : 0;
}

static void stop(struct weir_vif *vif)
{
    for (unsigned i = 0; i < vif->nqueues; i++)
        vif->queue[i]->nfds = 0;
}

static bool send_one(const struct weir_vif *vif, int fd,
                     const struct weir_net_packet *p)
{
    struct iovec iov[WEIR_NET_PIECES + 1];
    uint8_t hdr[WEIR_VNET_HDR];
    int n = 0;
    if (!weir_vnet_from_packet(p, hdr))
        return false;
    if (vif->vnet_hdr)
        iov[n++] = (struct iovec){hdr, sizeof(hdr)};
    for (unsigned i = 0; i < p->npieces; i++)
        iov[n++] =
            (struct iovec){(void *)(uintptr_t)p->piece[i].p, p->piece[i].len};
    return writev(fd, iov, n) >= 0;
}

static unsigned tap_send(struct weir_vif_queue *q,
                         const struct weir_net_packet *p, unsigned n)
{
    const struct weir_vif *vif = q->vif;
    unsigned dropped = 0;
    int fd = q->nfds ? q->fd[0] : vif->dev.fds[q->index % tap_count(vif)];
    for (unsigned i = 0; i < n; i++)
        if (!send_one(vif, fd, &p[i]))
            dropped++;
    return dropped;
}

/* A tap that is gone is always readable and has nothing: it is not listened to
 * any more.  Until the vif connects again the guest only sends, to nobody. */
static void lose_tap(struct weir_vif_queue *q, unsigned i)
{
    struct weir_port *port = q->vif->dev.port;
    if (q->fd_polled)
        weir_qthread_del_fd(q->thread, q->fd[i]);
    q->fd[i] = q->fd[--q->nfds];
    q->next_fd = 0;
    port->ops->log(port, WEIR_LOG_WARN, "a vif's tap is gone");
}

/* One packet into q->held: 1, 0 none there. */
static int fetch(struct weir_vif_queue *q)
{
    const uint32_t hdr = q->vif->vnet_hdr ? WEIR_VNET_HDR : 0;
    uint8_t *at = q->held_flat + PACKET_AT - hdr;
    struct weir_net_packet *p = &q->held;
    for (unsigned tries = 0; tries < q->nfds; tries++) {
        ssize_t n = read(q->fd[q->next_fd], at, WEIR_NET_MAX + hdr);
        if (n == 0 || (n < 0 && (errno == EBADFD || errno == EIO))) {
            lose_tap(q, q->next_fd);
            return 0;
        }
        if (n < 0) {
            q->next_fd = (q->next_fd + 1) % q->nfds;
            continue;
        }
        p->len = n < (ssize_t)(WEIR_NET_MIN + hdr) ? 0 : (uint32_t)n - hdr;
        p->npieces = 1;
        p->piece[0] = (struct weir_net_piece){q->held_flat + PACKET_AT, p->len};
        p->gso = 0;
        p->csum_blank = p->validated = false;
        if (hdr && p->len && !weir_vnet_to_packet(at, p))
            p->len = 0; /* nothing for a guest: dropped */
        return 1;
    }
    return 0;
}

static void poll_taps(struct weir_vif_queue *q, bool on)
{
    if (q->fd_polled == on || !q->thread)
        return;
    for (unsigned i = 0; i < q->nfds; i++) {
        if (on)
            weir_qthread_add_fd(q->thread, q->fd[i], TAG_TAP + i);
        else
            weir_qthread_del_fd(q->thread, q->fd[i]);
    }
    q->fd_polled = on;
}

static uint64_t now_ns(struct weir_vif_queue *q)
{
    return q->vif->dev.port->ops->now_ns(q->vif->dev.port);
}

/* The packet that waited: gone now, or still waiting (false). */
static bool retry_held(struct weir_vif_queue *q)
{
    unsigned need = weir_vif_rx_put(q, &q->held);
    if (need && now_ns(q) - q->since_ns < WEIR_VIF_STALL_NS) {
        q->need = need;
        return false;
    }
    q->stalled = need != 0;
    if (need)
        weir_vif_rx_dropped(q, 1);
    q->need = 0;
    return true;
}

static int take_packets(struct weir_vif_queue *q)
{
    int did = 0;
    while (did < (int)WEIR_VIF_BATCH && fetch(q)) {
        did++;
        if (!q->held.len) { /* nothing a guest understands */
            weir_vif_rx_dropped(q, 1);
            continue;
        }
        unsigned need = weir_vif_rx_put(q, &q->held);
        if (!need) {
            q->stalled = false;
        } else if (q->stalled || !q->vif->rx_notify) {
            weir_vif_rx_dropped(q, 1);
        } else {
            q->need = need;
            q->since_ns = now_ns(q);
            break;
        }
    }
    return did;
}

static int tap_receive(struct weir_vif_queue *q)
{
    int did = 0;
    if (!q->nfds)
        return 0;
    weir_vif_rx_begin(q);
    if (q->need)
        did = retry_held(q);
    if (!q->need)
        did += take_packets(q);
    weir_vif_rx_end(q);
    poll_taps(q, q->need == 0);
    return q->rx_broken ? -WEIR_EPROTO : did;
}

const struct weir_sink_ops weir_sink_tap = {
    .start = start,
    .stop = stop,
    .send = tap_send,
    .receive = tap_receive,
};

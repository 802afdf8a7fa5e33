/* SPDX-License-Identifier: MIT */
#include "backends/net/switch.h"
#include "ring/barrier.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE 8u   /* slots an address may be found in */
#define GONE  255u /* in place of a port: delivered */

_Static_assert(WEIR_SWITCH_PORTS < GONE, "ports fit a byte");

struct fdb_entry {
    uint8_t mac[6];
    uint8_t used;
    uint8_t port;
    uint16_t net;
    volatile uint32_t seen_s; /* refreshed under the read lock */
};

struct switch_port {
    void *receiver; /* NULL: free */
    char name[WEIR_SWITCH_NET];
    uint16_t net; /* ports of one network have the same */
    unsigned macs;
};

struct weir_switch {
    pthread_rwlock_t lock;
    weir_switch_deliver_fn deliver;
    struct switch_port port[WEIR_SWITCH_PORTS];
    struct fdb_entry fdb[WEIR_SWITCH_MACS];
};

int weir_switch_new(weir_switch_deliver_fn deliver, struct weir_switch **out)
{
    struct weir_switch *sw = calloc(1, sizeof(*sw));
    if (!sw)
        return -ENOMEM;
    sw->deliver = deliver;
    /* Senders overlap without end; who joins, leaves or learns goes first. */
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr,
                                  PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&sw->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    *out = sw;
    return 0;
}

void weir_switch_free(struct weir_switch *sw)
{
    if (!sw)
        return;
    pthread_rwlock_destroy(&sw->lock);
    free(sw);
}

/* The network's number is the lowest port that bears its name. */
static uint16_t find_net(struct weir_switch *sw, unsigned self)
{
    for (unsigned i = 0; i < WEIR_SWITCH_PORTS; i++)
        if (i != self && sw->port[i].receiver &&
            !strcmp(sw->port[i].name, sw->port[self].name))
            return sw->port[i].net;
    for (uint16_t net = 1;; net++) {
        bool taken = false;
        for (unsigned i = 0; i < WEIR_SWITCH_PORTS; i++)
            taken |=
                i != self && sw->port[i].receiver && sw->port[i].net == net;
        if (!taken)
            return net;
    }
}

int weir_switch_join(struct weir_switch *sw, void *receiver, const char *net,
                     unsigned *port)
{
    int ret = -ENOSPC;
    pthread_rwlock_wrlock(&sw->lock);
    for (unsigned i = 0; i < WEIR_SWITCH_PORTS && ret; i++) {
        struct switch_port *p = &sw->port[i];
        if (p->receiver)
            continue;
        memset(p, 0, sizeof(*p));
        snprintf(p->name, sizeof(p->name), "%s", net);
        p->receiver = receiver;
        p->net = find_net(sw, i);
        *port = i;
        ret = 0;
    }
    pthread_rwlock_unlock(&sw->lock);
    return ret;
}

void weir_switch_leave(struct weir_switch *sw, unsigned port)
{
    pthread_rwlock_wrlock(&sw->lock);
    for (unsigned i = 0; i < WEIR_SWITCH_MACS; i++)
        if (sw->fdb[i].used && sw->fdb[i].port == port)
            sw->fdb[i].used = 0;
    sw->port[port].receiver = NULL;
    pthread_rwlock_unlock(&sw->lock);
}

static uint32_t mac_hash(const uint8_t *mac, uint16_t net)
{
    uint64_t v = net;
    for (int i = 0; i < 6; i++)
        v = v << 8 | mac[i];
    return (uint32_t)((v * UINT64_C(0x9e3779b97f4a7c15)) >> 40) &
           (WEIR_SWITCH_MACS - 1);
}

static bool fresh(const struct fdb_entry *e, uint32_t now_s)
{
    return now_s - weir_load_relaxed32(&e->seen_s) < WEIR_SWITCH_AGE_S;
}

static struct fdb_entry *find(struct weir_switch *sw, const uint8_t *mac,
                              uint16_t net)
{
    uint32_t h = mac_hash(mac, net);
    for (uint32_t i = 0; i < PROBE; i++) {
        struct fdb_entry *e = &sw->fdb[(h + i) & (WEIR_SWITCH_MACS - 1)];
        if (e->used && e->net == net && !memcmp(e->mac, mac, 6))
            return e;
    }
    return NULL;
}

static void drop_entry(struct weir_switch *sw, struct fdb_entry *e)
{
    if (e->used)
        sw->port[e->port].macs--;
    e->used = 0;
}

/* A free or the stalest slot of those the address may live in.  A port that
 * has its share takes only slots that are its own already. */
static struct fdb_entry *make_room(struct weir_switch *sw, unsigned port,
                                   const uint8_t *mac)
{
    bool full = sw->port[port].macs >= WEIR_SWITCH_PER_PORT;
    uint32_t h = mac_hash(mac, sw->port[port].net);
    struct fdb_entry *best = NULL;
    for (uint32_t i = 0; i < PROBE; i++) {
        struct fdb_entry *e = &sw->fdb[(h + i) & (WEIR_SWITCH_MACS - 1)];
        if (!e->used && !full)
            return e;
        if (!e->used || (full && e->port != port))
            continue;
        if (!best || (int32_t)(e->seen_s - best->seen_s) < 0)
            best = e;
    }
    return best;
}

static void learn(struct weir_switch *sw, unsigned port, const uint8_t *mac,
                  uint32_t now_s)
{
    uint16_t net = sw->port[port].net;
    struct fdb_entry *e = find(sw, mac, net);
    if (e && e->port != port) {
        drop_entry(sw, e);
        e = NULL;
    }
    if (!e) {
        e = make_room(sw, port, mac);
        if (!e)
            return; /* such frames are flooded */
        drop_entry(sw, e);
        memcpy(e->mac, mac, 6);
        e->net = net;
        e->port = (uint8_t)port;
        e->used = 1;
        sw->port[port].macs++;
    }
    weir_store_relaxed32(&e->seen_s, now_s);
}

/* Is what the batch teaches known already?  Then no write lock is needed. */
static bool known(struct weir_switch *sw, unsigned port,
                  const struct weir_net_packet *p, unsigned n, uint32_t now_s)
{
    const uint8_t *last = NULL;
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *src = p[i].piece[0].p + 6;
        if ((last && !memcmp(src, last, 6)) || weir_mac_multicast(src))
            continue;
        struct fdb_entry *e = find(sw, src, sw->port[port].net);
        if (!e || e->port != port)
            return false;
        if (e->seen_s != now_s)
            weir_store_relaxed32(&e->seen_s, now_s);
        last = src;
    }
    return true;
}

static void learn_all(struct weir_switch *sw, unsigned port,
                      const struct weir_net_packet *p, unsigned n,
                      uint32_t now_s)
{
    pthread_rwlock_unlock(&sw->lock);
    pthread_rwlock_wrlock(&sw->lock);
    for (unsigned i = 0; i < n; i++)
        if (!weir_mac_multicast(p[i].piece[0].p + 6))
            learn(sw, port, p[i].piece[0].p + 6, now_s);
    pthread_rwlock_unlock(&sw->lock);
    pthread_rwlock_rdlock(&sw->lock);
}

static void flood(struct weir_switch *sw, unsigned port, unsigned hint,
                  const struct weir_net_packet *const *p, unsigned n)
{
    for (unsigned i = 0; i < WEIR_SWITCH_PORTS; i++)
        if (i != port && sw->port[i].receiver &&
            sw->port[i].net == sw->port[port].net)
            sw->deliver(sw->port[i].receiver, hint, p, n);
}

/* The receiver of a frame: a port, or none of them for everybody. */
static unsigned route(struct weir_switch *sw, unsigned port, const uint8_t *dst,
                      uint32_t now_s)
{
    if (weir_mac_multicast(dst))
        return WEIR_SWITCH_PORTS;
    struct fdb_entry *e = find(sw, dst, sw->port[port].net);
    return e && fresh(e, now_s) ? e->port : WEIR_SWITCH_PORTS;
}

/* Those of p[i] and after that go where p[i] goes and may go with it: a frame
 * to everybody stays between what came before and after it.  Takes them out of
 * to[]. */
static unsigned gather(const struct weir_net_packet *p, uint8_t *to, unsigned i,
                       unsigned n, const struct weir_net_packet **run)
{
    const uint8_t where = to[i];
    unsigned len = 0;
    for (; i < n; i++) {
        if (to[i] == where) {
            to[i] = GONE;
            run[len++] = &p[i];
        } else if (where == WEIR_SWITCH_PORTS || to[i] == WEIR_SWITCH_PORTS) {
            break;
        }
    }
    return len;
}

unsigned weir_switch_send(struct weir_switch *sw, unsigned port, unsigned hint,
                          const struct weir_net_packet *p, unsigned n,
                          uint32_t now_s)
{
    const struct weir_net_packet *run[WEIR_SWITCH_BATCH];
    uint8_t to[WEIR_SWITCH_BATCH];
    unsigned dropped = 0;
    pthread_rwlock_rdlock(&sw->lock);
    if (!known(sw, port, p, n, now_s))
        learn_all(sw, port, p, n, now_s);
    for (unsigned i = 0; i < n; i++)
        to[i] = i && !memcmp(p[i].piece[0].p, p[i - 1].piece[0].p, 6)
                    ? to[i - 1]
                    : (uint8_t)route(sw, port, p[i].piece[0].p, now_s);
    for (unsigned i = 0; i < n; i++) {
        const uint8_t where = to[i];
        if (where == GONE)
            continue;
        unsigned len = gather(p, to, i, n, run);
        if (where == port)
            dropped += len;
        else if (where == WEIR_SWITCH_PORTS)
            flood(sw, port, hint, run, len);
        else
            sw->deliver(sw->port[where].receiver, hint, run, len);
    }
    pthread_rwlock_unlock(&sw->lock);
    return dropped;
}

int weir_switch_lookup(struct weir_switch *sw, unsigned port,
                       const uint8_t mac[6], uint32_t now_s)
{
    pthread_rwlock_rdlock(&sw->lock);
    unsigned to = route(sw, port, mac, now_s);
    pthread_rwlock_unlock(&sw->lock);
    return to == WEIR_SWITCH_PORTS ? -ENOENT : (int)to;
}

/* SPDX-License-Identifier: MIT
 *
 * Waiting for completions: poll for a while, then sleep (ARCHITECTURE.md:
 * waking a sleeper on another core costs more than most I/O here).
 */
#include "frontends/blk/blkfront_priv.h"

#define YIELD_NS 3000     /* between two offers of the CPU */
#define SLICE_NS 10000000 /* sleep while no ring is there to wait for */
/* Sleep of a thread that does not serve the bus: so late may it notice that
 * its event channel is to be closed. */
#define LEAVE_NS 50000000

static uint64_t now_ns(const struct weir_blkfront *bf)
{
    return bf->port->ops->now_ns(bf->port);
}

/* Number of completions, an error, or 0: time to sleep. */
static int spin(struct weir_blkfront *bf, unsigned queue, uint64_t start)
{
    uint64_t last_yield = start, now = start;

    while (now - start < bf->cfg.spin_ns) {
        int n = weir_blkfront_poll(bf, queue);

        if (n != 0)
            return n;
        for (int i = 0; i < 8; i++)
            weir_pause();
        now = now_ns(bf);
        if (bf->cfg.yield != NULL && now - last_yield >= YIELD_NS) {
            if (bf->cfg.yield(bf->cfg.context))
                return 0;
            last_yield = now;
        }
    }
    return 0;
}

static int sleep_ns(struct weir_blkfront *bf, unsigned queue, uint64_t ns)
{
    struct weir_bf_queue *q = &bf->queue[queue];
    evtchn_port_t ports[2];
    uint64_t pending;
    unsigned n = 0;
    bool on_evtchn;
    int err;

    weir_spin_lock(&q->lock);
    on_evtchn = q->has_evtchn;
    if (on_evtchn) {
        ports[n++] = q->evtchn;
        weir_store_relaxed32(&q->sleepers, q->sleepers + 1);
    }
    weir_spin_unlock(&q->lock);
    if (!on_evtchn && ns > SLICE_NS)
        ns = SLICE_NS;
    if (bf->cfg.poll_bus)
        ports[n++] = bf->port->start.store_evtchn;
    else if (ns > LEAVE_NS)
        ns = LEAVE_NS;
    err = bf->port->ops->wait(bf->port, ports, n, ns, &pending);
    weir_spin_lock(&q->lock);
    if (on_evtchn)
        weir_store_release32(&q->sleepers, q->sleepers - 1);
    if (err == 0 && q->ring_up)
        weir_blkif_front_quiet(&q->ring);
    weir_spin_unlock(&q->lock);
    return err;
}

static int serve_bus(struct weir_blkfront *bf)
{
    int n = bf->cfg.poll_bus ? weir_front_bus_poll(bf->dev.bus) : 0;

    return n < 0 ? n : 0;
}

int weir_blkfront_wait(struct weir_blkfront *bf, unsigned queue,
                       uint64_t timeout_ns)
{
    uint64_t start = now_ns(bf), now;
    int n = weir_blkfront_poll(bf, queue);

    if (n == 0 && bf->cfg.spin_ns != 0)
        n = spin(bf, queue, start);
    while (n == 0) {
        now = now_ns(bf);
        if (now - start >= timeout_ns)
            return 0;
        if (!weir_blkfront_arm(bf, queue)) {
            n = sleep_ns(bf, queue, timeout_ns - (now - start));
            if (n != 0)
                return n;
        }
        n = serve_bus(bf);
        if (n == 0)
            n = weir_blkfront_poll(bf, queue);
    }
    /* A broken backend is closed by the bus, which ends all I/O. */
    if (n == -WEIR_EPROTO)
        serve_bus(bf);
    return n;
}

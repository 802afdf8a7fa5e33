/* SPDX-License-Identifier: MIT
 *
 * blk_hostile: a sealed domain that is a frontend without manners.  It sends
 * bad requests and checks that each gets its error, then, with "break",
 * publishes an impossible index and checks that its device is closed with a
 * reason.  Exit 0 when the backend behaved.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontends/common/xenbus_front.h"
#include "hypervisor/client/process.h"
#include "ring/blkif_ring.h"

struct raw {
    struct weir_front_dev dev; /* first */
    struct weir_port *port;
    struct weir_gnttab *gnttab;
    struct weir_blkif_front_ring ring;
    void *page;
    uint8_t *data;
    grant_ref_t ring_ref, data_ref, ro_ref;
    evtchn_port_t evtchn;
    unsigned wrong;
};

static int publish(struct weir_front_dev *dev, weir_xs_tx tx)
{
    struct raw *r = (struct raw *)(void *)dev;
    struct weir_xs *xs = &dev->bus->xs;
    int err = weir_xs_write_u64(xs, tx, dev->path, "ring-ref", r->ring_ref);

    if (err == 0)
        err = weir_xs_write_u64(xs, tx, dev->path, "event-channel", r->evtchn);
    if (err == 0)
        err = weir_xs_write_key(xs, tx, dev->path, "protocol",
                                WEIR_BLKIF_PROTOCOL);
    return err;
}

static int connected(struct weir_front_dev *dev)
{
    (void)dev;
    return 0;
}

static void disconnect(struct weir_front_dev *dev)
{
    (void)dev;
}

static const struct weir_front_ops ops = {
    .publish = publish, .connect = connected, .disconnect = disconnect};

static int set_up(struct raw *r)
{
    struct weir_port *p = r->port;
    domid_t back = r->dev.backend_domid;
    int err = p->ops->alloc_pages(p, 1, &r->page);

    if (err == 0)
        err = p->ops->alloc_pages(p, 1, (void **)&r->data);
    if (err == 0)
        err = weir_blkif_front_init(&r->ring, &r->page, 1);
    if (err == 0)
        err = weir_gnttab_grant(r->gnttab, back, r->page, false, &r->ring_ref);
    if (err == 0)
        err = weir_gnttab_grant(r->gnttab, back, r->data, false, &r->data_ref);
    if (err == 0)
        err = weir_gnttab_grant(r->gnttab, back, r->data, true, &r->ro_ref);
    if (err == 0)
        err = p->ops->evtchn_alloc(p, back, &r->evtchn);
    return err;
}

static int send(struct raw *r, union weir_blkif_request *q)
{
    struct weir_blkif_response rsp;
    uint64_t pending, until = r->port->ops->now_ns(r->port) + 5000000000u;
    static uint64_t id = 77;
    int got;

    q->rw.id = ++id;
    weir_blkif_front_put(&r->ring, q);
    if (weir_blkif_front_push(&r->ring))
        r->port->ops->evtchn_notify(r->port, r->evtchn);
    while ((got = weir_blkif_front_get(&r->ring, &rsp)) == 0 &&
           r->port->ops->now_ns(r->port) < until)
        if (!weir_blkif_front_arm(&r->ring))
            r->port->ops->wait(r->port, &r->evtchn, 1, 100000000u, &pending);
    if (got != 1 || rsp.id != q->rw.id ||
        rsp.operation != weir_blkif_answered(q))
        return -100;
    return rsp.status;
}

static void expect(struct raw *r, const char *what, union weir_blkif_request q,
                   int status)
{
    int got = send(r, &q);

    if (got == status)
        return;
    r->wrong++;
    fprintf(stderr, "blk_hostile: %s: got %d, not %d\n", what, got, status);
}

static union weir_blkif_request rw(struct raw *r, uint8_t op, uint64_t sector,
                                   uint32_t gref, uint8_t first, uint8_t last)
{
    union weir_blkif_request q;

    (void)r;
    memset(&q, 0, sizeof(q));
    q.rw.operation = op;
    q.rw.nr_segments = 1;
    q.rw.sector_number = sector;
    q.rw.seg[0].gref = gref;
    q.rw.seg[0].first_sect = first;
    q.rw.seg[0].last_sect = last;
    return q;
}

static union weir_blkif_request indirect(uint16_t n, uint32_t gref)
{
    union weir_blkif_request q;

    memset(&q, 0, sizeof(q));
    q.indirect.operation = WEIR_BLKIF_OP_INDIRECT;
    q.indirect.nr_segments = n;
    q.indirect.indirect_grefs[0] = gref;
    return q;
}

static void misbehave(struct raw *r)
{
    const int ok = WEIR_BLKIF_RSP_OKAY, bad = WEIR_BLKIF_RSP_ERROR;
    union weir_blkif_request q;

    expect(r, "good read", rw(r, 0, 0, r->data_ref, 0, 7), ok);
    expect(r, "beyond the end", rw(r, 0, 1ull << 40, r->data_ref, 0, 7), bad);
    expect(r, "overflow", rw(r, 1, UINT64_MAX - 3, r->data_ref, 0, 7), bad);
    expect(r, "first > last", rw(r, 0, 0, r->data_ref, 3, 2), bad);
    expect(r, "last > 7", rw(r, 0, 0, r->data_ref, 0, 8), bad);
    expect(r, "no such reference", rw(r, 0, 0, 30000, 0, 7), bad);
    expect(r, "reference out of range", rw(r, 0, 0, ~0u, 0, 7), bad);
    expect(r, "read into a read-only page", rw(r, 0, 0, r->ro_ref, 0, 7), bad);
    expect(r, "write from a read-only page", rw(r, 1, 0, r->ro_ref, 0, 7), ok);
    expect(r, "unknown operation", rw(r, 99, 0, r->data_ref, 0, 7),
           WEIR_BLKIF_RSP_EOPNOTSUPP);
    q = rw(r, 0, 0, r->data_ref, 0, 7);
    q.rw.nr_segments = 0;
    expect(r, "no segments", q, bad);
    q.rw.nr_segments = 255;
    expect(r, "255 segments", q, bad);
    expect(r, "indirect of none", indirect(0, r->ro_ref), bad);
    expect(r, "indirect of 60000", indirect(60000, r->ro_ref), bad);
    expect(r, "indirect page not granted", indirect(20, 31000), bad);
    memset(r->data, 0xff, 4096);
    expect(r, "indirect of nonsense", indirect(256, r->ro_ref), bad);
    expect(r, "good read at last", rw(r, 0, 8, r->data_ref, 0, 7), ok);
}

static int break_ring(struct raw *r)
{
    volatile struct weir_sring_header *hdr = r->page;

    hdr->req_prod += 100000;
    r->port->ops->evtchn_notify(r->port, r->evtchn);
    /* The backend goes to Closing, we to Closed. */
    return weir_front_wait_state(&r->dev, WEIR_XENBUS_CLOSED, 5000000000u);
}

int main(int argc, char **argv)
{
    static struct weir_front_bus bus;
    static struct weir_gnttab gnttab;
    static struct raw r;
    struct weir_process *d;
    int err;

    mallopt(M_ARENA_MAX, 1);
    err = weir_process_open(WEIR_FD_HV, &d);
    if (err == 0)
        err = weir_process_seal(
            d, 0, (unsigned)strtoul(getenv("WEIR_UID") ?: "0", NULL, 10),
            (unsigned)strtoul(getenv("WEIR_GID") ?: "0", NULL, 10));
    if (err != 0)
        return 2;
    r.port = weir_process_port(d);
    r.gnttab = &gnttab;
    err = weir_gnttab_init(&gnttab, r.port);
    if (err == 0)
        err = weir_front_bus_open(&bus, r.port, &gnttab);
    if (err == 0)
        err = weir_front_attach(&bus, &r.dev, &ops, "vbd", 0);
    if (err == 0)
        err = set_up(&r);
    if (err == 0)
        err = weir_front_wait_state(&r.dev, WEIR_XENBUS_CONNECTED, 5000000000u);
    if (err == 0)
        misbehave(&r);
    if (err == 0 && argc > 1 && strcmp(argv[1], "break") == 0)
        err = break_ring(&r);
    if (err != 0)
        fprintf(stderr, "blk_hostile: error %d\n", err);
    return err != 0 || r.wrong != 0;
}

/* SPDX-License-Identifier: MIT
 *
 * A queue's connection: its event channel, new each time, its ring pages, and
 * what becomes of requests when it ends.
 *
 * Ring pages stay granted until the device ends, and serve the next connection
 * too: a backend that keeps them mapped and asks for new ones, again and again,
 * would else have all our memory.
 */
#include "frontends/blk/blkfront_priv.h"

static void push_again(struct weir_bf_queue *q, struct weir_bf_req *r)
{
    uint16_t i = (uint16_t)(r - q->req);

    r->state = WEIR_BF_AGAIN;
    r->next = WEIR_BF_NONE;
    if (q->again_head == WEIR_BF_NONE)
        q->again_head = i;
    else
        q->req[q->again_tail].next = i;
    q->again_tail = i;
}

void weir_bf_queue_abort(struct weir_bf_queue *q, int status)
{
    struct weir_bf_done done = {NULL, &done.head};

    weir_spin_lock(&q->lock);
    for (unsigned i = 0; i < q->nreq; i++) {
        struct weir_bf_req *r = &q->req[i];
        struct weir_blkfront_io *io = r->io;

        /* What is not wholly sent is on the list below. */
        if (r->state != WEIR_BF_FREE && weir_bf_end_req(q, r, status)) {
            io->next = NULL;
            *done.tail = io;
            done.tail = &io->next;
        }
    }
    q->again_head = WEIR_BF_NONE;
    for (struct weir_blkfront_io *io = q->head; io != NULL; io = io->next)
        io->status = status;
    *done.tail = q->head;
    q->head = q->tail = NULL;
    weir_spin_unlock(&q->lock);
    weir_bf_call_done(q, &done);
}

static void ring_page_done(void *context, void *page)
{
    struct weir_port *port = context;

    port->ops->free_pages(port, page, 1);
}

/* A port that a thread waits for is not closed: the thread leaves soon. */
static void close_evtchn(struct weir_bf_queue *q)
{
    struct weir_port *port = q->bf->port;
    uint64_t pending;

    while (weir_load_acquire32(&q->sleepers) > 0)
        port->ops->wait(port, NULL, 0, 1000000, &pending);
    port->ops->evtchn_close(port, q->evtchn);
}

void weir_bf_queue_down(struct weir_bf_queue *q)
{
    bool had_evtchn;

    weir_spin_lock(&q->lock);
    q->ring_up = false;
    for (unsigned i = 0; i < q->nreq; i++)
        if (q->req[i].state == WEIR_BF_SENT)
            push_again(q, &q->req[i]);
    had_evtchn = q->has_evtchn;
    q->has_evtchn = false;
    weir_spin_unlock(&q->lock);
    if (had_evtchn)
        close_evtchn(q);
    q->ring_pages = 0;
}

void weir_bf_queue_end(struct weir_bf_queue *q)
{
    while (q->granted > 0) {
        unsigned i = --q->granted;

        weir_gnttab_end_deferred(q->bf->gnttab, q->ring_ref[i], q->ring_page[i],
                                 ring_page_done, q->bf->port);
    }
}

static int add_ring_page(struct weir_bf_queue *q)
{
    struct weir_blkfront *bf = q->bf;
    unsigned i = q->granted;
    int err = bf->port->ops->alloc_pages(bf->port, 1, &q->ring_page[i]);

    if (err != 0)
        return err;
    err = weir_gnttab_grant(bf->gnttab, bf->dev.backend_domid, q->ring_page[i],
                            false, &q->ring_ref[i]);
    if (err != 0)
        bf->port->ops->free_pages(bf->port, q->ring_page[i], 1);
    else
        q->granted++;
    return err;
}

int weir_bf_queue_up(struct weir_bf_queue *q, unsigned pages)
{
    struct weir_blkfront *bf = q->bf;
    evtchn_port_t evtchn;
    int err = 0;

    while (q->granted < pages && err == 0)
        err = add_ring_page(q);
    if (err == 0)
        err = weir_blkif_front_init(&q->ring, q->ring_page, pages);
    if (err == 0)
        err = bf->port->ops->evtchn_alloc(bf->port, bf->dev.backend_domid,
                                          &evtchn);
    if (err != 0)
        return err;
    q->ring_pages = pages;
    weir_spin_lock(&q->lock);
    q->evtchn = evtchn;
    q->has_evtchn = true;
    weir_spin_unlock(&q->lock);
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Pages shared with the backend.  They are granted once, when the backend is
 * first met, and kept with their references until the device is closed: a
 * restarted backend maps the same references again.
 */
#include "frontends/net/nf_private.h"

static int make_page(struct weir_netfront *nf, struct weir_nf_page *p,
                     bool readonly)
{
    struct weir_front_bus *bus = nf->dev.bus;
    void *page;
    if (p->addr)
        return 0;
    int ret = bus->port->ops->alloc_pages(bus->port, 1, &page);
    if (ret)
        return ret;
    ret = weir_gnttab_grant(bus->gnttab, nf->dev.backend_domid, page, readonly,
                            &p->ref);
    if (ret) {
        bus->port->ops->free_pages(bus->port, page, 1);
        return ret;
    }
    p->addr = page;
    return 0;
}

static void page_free(void *context, void *page)
{
    struct weir_port *port = context;
    port->ops->free_pages(port, page, 1);
}

static void drop_page(struct weir_netfront *nf, struct weir_nf_page *p)
{
    struct weir_front_bus *bus = nf->dev.bus;
    if (p->addr)
        weir_gnttab_end_deferred(bus->gnttab, p->ref, p->addr, page_free,
                                 bus->port);
    p->addr = NULL;
}

static int make_queue(struct weir_netfront *nf, struct weir_nf_queue *q)
{
    int ret = make_page(nf, &q->tx_ring, false);
    if (!ret)
        ret = make_page(nf, &q->rx_ring, false);
    for (unsigned i = 0; i < WEIR_NF_TX_PAGES && !ret; i++)
        ret = make_page(nf, &q->tx_buf[i], true);
    for (unsigned i = 0; i < WEIR_NF_RX_PAGES && !ret; i++)
        ret = make_page(nf, &q->rx_buf[i], false);
    return ret;
}

int weir_nf_pages_make(struct weir_netfront *nf, unsigned queues, bool ctrl)
{
    int ret = 0;
    for (unsigned i = 0; i < queues && !ret; i++) {
        nf->nopened = nf->nopened > i + 1 ? nf->nopened : i + 1;
        ret = make_queue(nf, &nf->queue[i]);
    }
    if (!ret && ctrl)
        ret = make_page(nf, &nf->ctrl_ring, false);
    if (!ret && ctrl)
        ret = make_page(nf, &nf->list, false);
    return ret;
}

void weir_nf_pages_drop(struct weir_netfront *nf)
{
    for (unsigned i = 0; i < nf->nopened; i++) {
        struct weir_nf_queue *q = &nf->queue[i];
        drop_page(nf, &q->tx_ring);
        drop_page(nf, &q->rx_ring);
        for (unsigned k = 0; k < WEIR_NF_TX_PAGES; k++)
            drop_page(nf, &q->tx_buf[k]);
        for (unsigned k = 0; k < WEIR_NF_RX_PAGES; k++)
            drop_page(nf, &q->rx_buf[k]);
    }
    drop_page(nf, &nf->ctrl_ring);
    drop_page(nf, &nf->list);
    nf->nopened = 0;
}

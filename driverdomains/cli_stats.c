/* SPDX-License-Identifier: MIT */
#include "driverdomains/cli_stats.h"

#include <stdlib.h>
#include <string.h>

static const char *const vbd_names[WEIR_STATS_WORDS] = {
    [WEIR_STAT_RD_REQ] = "rd_req",
    [WEIR_STAT_RD_BYTES] = "rd_bytes",
    [WEIR_STAT_WR_REQ] = "wr_req",
    [WEIR_STAT_WR_BYTES] = "wr_bytes",
    [WEIR_STAT_FLUSH] = "flush",
    [WEIR_STAT_DISCARD] = "discard",
    [WEIR_STAT_VBD_ERRORS] = "errors",
    [WEIR_STAT_VBD_REFUSED] = "refused",
    [WEIR_STAT_VBD_KICKS_IN] = "kicks_in",
    [WEIR_STAT_VBD_KICKS_OUT] = "kicks_out",
    [WEIR_STAT_VBD_SPURIOUS] = "spurious",
    [WEIR_STAT_PERSISTENT] = "persistent",
    [WEIR_STAT_MAPS] = "maps",
    [WEIR_STAT_VBD_POLLS] = "polls",
    [WEIR_STAT_VBD_INFLIGHT] = "inflight",
};

static const char *const vif_names[WEIR_STATS_WORDS] = {
    [WEIR_STAT_TX_PACKETS] = "tx_packets",
    [WEIR_STAT_TX_BYTES] = "tx_bytes",
    [WEIR_STAT_TX_DROPPED] = "tx_dropped",
    [WEIR_STAT_RX_PACKETS] = "rx_packets",
    [WEIR_STAT_RX_BYTES] = "rx_bytes",
    [WEIR_STAT_RX_DROPPED] = "rx_dropped",
    [WEIR_STAT_VIF_ERRORS] = "errors",
    [WEIR_STAT_VIF_KICKS_IN] = "kicks_in",
    [WEIR_STAT_VIF_KICKS_OUT] = "kicks_out",
    [WEIR_STAT_VIF_SPURIOUS] = "spurious",
    [WEIR_STAT_GRANT_COPIES] = "grant_copies",
    [WEIR_STAT_POOL_COPIES] = "pool_copies",
    [WEIR_STAT_VIF_POLLS] = "polls",
    [WEIR_STAT_SPOOFED] = "spoofed",
    [WEIR_STAT_VIF_MAPS] = "maps",
};

const char *cli_stat_name(uint32_t cls, unsigned word)
{
    if (word >= WEIR_STATS_WORDS)
        return NULL;
    return cls == WEIR_RES_VBD ? vbd_names[word] : vif_names[word];
}

static int take_page(struct cli_devstat **list, unsigned *n, domid_t backend,
                     const struct weir_stats_page *p)
{
    unsigned slots =
        p->ndevs < WEIR_STATS_DEVS ? p->ndevs : (unsigned)WEIR_STATS_DEVS;
    struct cli_devstat *more;

    if (p->magic != WEIR_STATS_MAGIC || p->version != WEIR_STATS_VERSION)
        return 0;
    more = realloc(*list, (*n + WEIR_STATS_DEVS) * sizeof(**list));
    if (!more)
        return 1;
    *list = more;
    for (unsigned i = 0; i < slots; i++) {
        if (p->dev[i].cls != WEIR_RES_VBD && p->dev[i].cls != WEIR_RES_VIF)
            continue;
        (*list)[*n].backend = backend;
        (*list)[*n].s = p->dev[i];
        (*n)++;
    }
    return 0;
}

int cli_stats(struct weir_cli *c, struct cli_devstat **list, unsigned *n)
{
    struct weir_hv_dominfo *doms;
    union {
        uint8_t bytes[WEIR_PAGE_SIZE];
        struct weir_stats_page page;
    } u;
    unsigned ndoms;
    int rc = cli_domains(c, &doms, &ndoms);

    *n = 0;
    *list = NULL;
    for (unsigned i = 0; rc == 0 && i < ndoms; i++)
        if (weir_hvctl_stats(c->hv, doms[i].domid, u.bytes) == 0)
            rc = take_page(list, n, doms[i].domid, &u.page);
    free(doms);
    return rc;
}

const struct weir_dev_stats *cli_stat_of(const struct cli_devstat *list,
                                         unsigned n, uint32_t backend,
                                         uint32_t cls, uint32_t frontend,
                                         uint32_t devid)
{
    for (unsigned i = 0; i < n; i++)
        if (list[i].backend == backend && list[i].s.cls == cls &&
            list[i].s.frontend == frontend && list[i].s.devid == devid)
            return &list[i].s;
    return NULL;
}

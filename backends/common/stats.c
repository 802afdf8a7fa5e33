/* SPDX-License-Identifier: MIT */
#include "backends/common/stats.h"

#include <stdio.h>
#include <string.h>

#include "backends/common/kept.h"
#include "backends/common/resource_abi.h"

_Static_assert(sizeof(struct weir_stats_page) <= 4096, "one page");

struct weir_stats_page *weir_stats_open(struct weir_port *port, bool *shown)
{
    static struct weir_stats_page hidden;
    char line[120];
    void *page;
    bool found; /* weir_stats_take_over looks at the page itself */
    int err = port->ops->keep != NULL
                  ? port->ops->keep(port, WEIR_KEPT_STATS, 1, &page, &found)
                  : port->ops->alloc_pages(port, 1, &page);

    *shown = err == 0;
    if (err == 0)
        return page;
    snprintf(line, sizeof(line),
             "statistics page: %s: none are shown until this domain is "
             "started again",
             strerror(-err));
    port->ops->log(port, WEIR_LOG_WARN, line);
    return &hidden;
}

void weir_stats_init(struct weir_stats_page *page, uint64_t now_ns)
{
    memset(page, 0, sizeof(*page));
    page->version = WEIR_STATS_VERSION;
    page->ndevs = WEIR_STATS_DEVS;
    page->started_ns = now_ns;
    page->magic = WEIR_STATS_MAGIC;
}

void weir_stats_take_over(struct weir_stats_page *page, uint64_t now_ns)
{
    if (page->magic != WEIR_STATS_MAGIC ||
        page->version != WEIR_STATS_VERSION || page->ndevs != WEIR_STATS_DEVS)
        weir_stats_init(page, now_ns);
}

static struct weir_dev_stats *find(struct weir_stats_page *page, uint32_t cls,
                                   uint32_t frontend, uint32_t devid)
{
    for (unsigned i = 0; i < WEIR_STATS_DEVS; i++) {
        struct weir_dev_stats *s = &page->dev[i];

        if (s->cls == cls && s->frontend == frontend && s->devid == devid)
            return s;
    }
    return NULL;
}

/* A predecessor's words go on, but those that tell what is there right now. */
static void drop_levels(struct weir_dev_stats *s)
{
    if (s->cls != WEIR_RES_VBD)
        return;
    s->word[WEIR_STAT_PERSISTENT] = 0;
    s->word[WEIR_STAT_VBD_INFLIGHT] = 0;
}

struct weir_dev_stats *weir_stats_claim(struct weir_stats_page *page,
                                        uint32_t cls, uint32_t frontend,
                                        uint32_t devid)
{
    struct weir_dev_stats *s = find(page, cls, frontend, devid);

    if (s != NULL) {
        drop_levels(s);
        return s;
    }
    for (unsigned i = 0; i < WEIR_STATS_DEVS; i++) {
        s = &page->dev[i];
        if (s->cls != 0)
            continue;
        memset(s, 0, sizeof(*s));
        s->frontend = frontend;
        s->devid = devid;
        s->cls = cls;
        return s;
    }
    return NULL;
}

void weir_stats_release(struct weir_dev_stats *s)
{
    memset(s, 0, sizeof(*s));
}

/* SPDX-License-Identifier: MIT */
#include "backends/common/stats.h"

#include <string.h>

#include "backends/common/resource_abi.h"

_Static_assert(sizeof(struct weir_stats_page) <= 4096, "one page");

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

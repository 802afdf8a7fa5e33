/* SPDX-License-Identifier: MIT */
#include "backends/common/stats.h"

#include <string.h>

_Static_assert(sizeof(struct weir_stats_page) <= 4096, "one page");

void weir_stats_init(struct weir_stats_page *page, uint64_t now_ns)
{
    memset(page, 0, sizeof(*page));
    page->version = WEIR_STATS_VERSION;
    page->ndevs = WEIR_STATS_DEVS;
    page->started_ns = now_ns;
    page->magic = WEIR_STATS_MAGIC;
}

struct weir_dev_stats *weir_stats_claim(struct weir_stats_page *page,
                                        uint32_t cls, uint32_t frontend,
                                        uint32_t devid)
{
    for (unsigned i = 0; i < WEIR_STATS_DEVS; i++) {
        struct weir_dev_stats *s = &page->dev[i];

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

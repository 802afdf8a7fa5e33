/* SPDX-License-Identifier: MIT */
#include "backends/common/stats.h"
#include "backends/net/vif.h"
#include "ring/barrier.h"

#include <stdio.h>
#include <string.h>

#define STAGE_BYTES (WEIR_VIF_STAGE * WEIR_PAGE_SIZE)
#define STAGE_OPS   (WEIR_VIF_STAGE * 2)

bool weir_stage_full(const struct weir_stage *s, unsigned ops, uint32_t len)
{
    /* each copy may be split in two, and the start is rounded up */
    return s->nops + ops * 2 > STAGE_OPS || s->used + 64 + len > STAGE_BYTES;
}

static void tell(struct weir_vif *vif, int err)
{
    struct weir_port *port = vif->dev.port;
    char line[200];
    if (weir_load_acquire32(&vif->no_stage))
        return;
    weir_store_release32(&vif->no_stage, 1);
    snprintf(line, sizeof(line),
             "vif of domain %u, device %u: no %u pages for grant copies: %s: "
             "frames are lost; raise memory= of the driver domain, or detach "
             "another device",
             vif->dev.frontend, vif->dev.devid, WEIR_VIF_STAGE, strerror(-err));
    port->ops->log(port, WEIR_LOG_WARN, line);
}

uint8_t *weir_stage_room(struct weir_stage *s, struct weir_vif *vif,
                         uint32_t len)
{
    struct weir_port *port = vif->dev.port;
    uint32_t at = (s->used + 63) & ~63u;
    void *page;
    if (!s->page) {
        int err = port->ops->alloc_pages(port, WEIR_VIF_STAGE, &page);
        if (err) {
            tell(vif, err);
            return NULL;
        }
        s->page = page;
    }
    if (at > STAGE_BYTES || len > STAGE_BYTES - at)
        return NULL;
    s->used = at + len;
    return s->page + at;
}

void weir_stage_copy(struct weir_stage *s, domid_t dom, uint32_t ref,
                     uint32_t offset, uint8_t *p, uint32_t len, bool to_grant)
{
    while (len && s->nops < STAGE_OPS) {
        uint32_t own = (uint32_t)(p - s->page) % WEIR_PAGE_SIZE;
        uint32_t n = WEIR_PAGE_SIZE - own < len ? WEIR_PAGE_SIZE - own : len;
        struct weir_copy_end grant = {.is_grant = true,
                                      .dom = dom,
                                      .ref = ref,
                                      .offset = (uint16_t)offset};
        struct weir_copy_end mine = {.page = p - own, .offset = (uint16_t)own};
        s->op[s->nops++] = (struct weir_copy_op){
            .src = to_grant ? mine : grant,
            .dst = to_grant ? grant : mine,
            .len = (uint16_t)n,
            .status = -WEIR_EIO,
        };
        p += n;
        offset += n;
        len -= n;
    }
}

void weir_stage_run(struct weir_stage *s, struct weir_vif *vif)
{
    struct weir_port *port = vif->dev.port;
    if (!s->nops)
        return;
    int ret = port->ops->copy(port, s->op, s->nops);
    for (unsigned i = 0; ret && i < s->nops; i++)
        s->op[i].status = ret;
    weir_stats_add(vif->dev.stats, WEIR_STAT_GRANT_COPIES, s->nops);
}

void weir_stage_free(struct weir_stage *s, struct weir_port *port)
{
    if (s->page)
        port->ops->free_pages(port, s->page, WEIR_VIF_STAGE);
    s->page = NULL;
}

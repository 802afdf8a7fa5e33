/* SPDX-License-Identifier: MIT */
#include "backends/blk/inflight.h"

#include <errno.h>

#include "backends/common/resource_abi.h"

#define COUNT_MAX (UINT64_MAX / 2) /* of requests; no connection gets there */

_Static_assert(sizeof(struct weir_blk_log_page) <= WEIR_PAGE_SIZE, "one page");

uint64_t weir_blk_log_key_page(domid_t frontend, uint32_t devid)
{
    return weir_kept_key(WEIR_RES_VBD, frontend, devid, WEIR_KEPT_PAGE);
}

uint64_t weir_blk_log_key_queue(domid_t frontend, uint32_t devid,
                                unsigned queue, unsigned order)
{
    return weir_kept_key(WEIR_RES_VBD, frontend, devid,
                         (uint8_t)(order << 4 | queue));
}

int weir_blk_log_check(const struct weir_blk_log_page *page,
                       unsigned max_queues)
{
    if (!weir_kept_head_ok(&page->head, WEIR_BLK_LOG_MAGIC,
                           WEIR_BLK_LOG_VERSION, sizeof(*page)) ||
        page->queues < 1 || page->queues > max_queues || page->order > 4 ||
        page->persistent > 1)
        return -EPROTO;
    return 0;
}

static bool is_live(const struct weir_blk_log *log, uint32_t i)
{
    uint64_t answer = log->entry[i].answer;

#ifdef WEIR_NO_LOG /* test builds: as if the ring told everything */
    return false;
#endif
    return log->entry[i].seq != 0 &&
           (answer == 0 || answer > log->words->answered);
}

/* Numbers lie among those given out, and none was given out twice. */
static int check(const struct weir_blk_log *log, const uint16_t *order,
                 unsigned live)
{
    uint64_t taken = log->words->answered + live, last = 0;

    for (unsigned i = 0; i < live; i++) {
        const struct weir_blk_log_entry *e = &log->entry[order[i]];

        if (e->seq == last || e->seq > taken || e->answer > taken)
            return -EPROTO;
        last = e->seq;
    }
    return 0;
}

static unsigned sort_live(const struct weir_blk_log *log, uint16_t *order)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < log->n; i++) {
        unsigned at;

        if (!is_live(log, i))
            continue;
        for (at = n++;
             at > 0 && log->entry[order[at - 1]].seq > log->entry[i].seq; at--)
            order[at] = order[at - 1];
        order[at] = (uint16_t)i;
    }
    return n;
}

int weir_blk_log_resume(struct weir_blk_log *log,
                        uint16_t order[WEIR_BLK_LOG_SLOTS], unsigned *live)
{
    if (log->n > WEIR_BLK_LOG_SLOTS || log->words->answered > COUNT_MAX)
        return -EPROTO;
    *live = sort_live(log, order);
    if (check(log, order, *live) != 0)
        return -EPROTO;
    log->replied = log->words->answered;
    log->taken = log->replied + *live;
    /* What had an answer that was not published gets another, later number. */
    for (unsigned i = 0; i < *live; i++) {
        weir_store_release64(&log->entry[order[i]].answer, 0);
        WEIR_CRASH_POINT();
    }
    return 0;
}

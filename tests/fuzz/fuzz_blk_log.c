/* SPDX-License-Identifier: MIT
 *
 * The block log: whatever a predecessor left, what a successor takes over is
 * consistent, its requests are parsed safely, and the log goes on behind it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/blk/inflight.h"
#include "backends/blk/request.h"

#define SLOTS 32u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
    if (!ok)
        abort();
}

static void check_page(const uint8_t *data, size_t size)
{
    struct weir_blk_log_page page;

    memset(&page, 0, sizeof(page));
    memcpy(&page, data, size < sizeof(page) ? size : sizeof(page));
    if (weir_blk_log_check(&page, WEIR_BLK_LOG_QUEUES) != 0)
        return;
    check(page.queues >= 1 && page.queues <= WEIR_BLK_LOG_QUEUES);
    check(page.order <= 4 && page.persistent <= 1);
}

static void parse(const struct weir_blk_log_entry *e)
{
    const struct weir_blk_limits lim = {.sectors = 1 << 20,
                                        .sector_size = 512,
                                        .flush = true,
                                        .barrier = true,
                                        .discard = true};
    struct weir_blk_seg seg[WEIR_BLK_MAX_INDIRECT];
    struct weir_blk_request req;

    if (weir_blk_parse(&e->wire, &lim, &req, seg) == 0)
        check(req.nsegs <= WEIR_BLK_MAX_INDIRECT);
}

/* Answer all that is live, in the order taken, and look again. */
static void go_on(struct weir_blk_log *log, const uint16_t *order,
                  unsigned live)
{
    uint16_t again[WEIR_BLK_LOG_SLOTS];
    unsigned n;

    for (unsigned i = 0; i < live; i++) {
        struct weir_blk_log_entry *e = &log->entry[order[i]];

        weir_blk_log_finish(log, e);
        if (i % 3 == 2)
            weir_blk_log_publish(log);
    }
    weir_blk_log_publish(log);
    check(log->replied == log->taken);
    check(weir_blk_log_resume(log, again, &n) == 0 && n == 0);
    weir_blk_log_take(log, &log->entry[0]);
    check(weir_blk_log_resume(log, again, &n) == 0 && n == 1 && again[0] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_blk_log_entry entry[SLOTS];
    struct weir_blk_log_queue words;
    struct weir_blk_log log = {.entry = entry, .words = &words, .n = SLOTS};
    uint16_t order[WEIR_BLK_LOG_SLOTS];
    bool listed[SLOTS] = {false};
    size_t head = 16;
    unsigned live;

    check_page(data, size);
    memset(&words, 0, sizeof(words));
    memset(entry, 0, sizeof(entry));
    memcpy(&words, data, size < head ? size : head);
    if (size > head) {
        size -= head;
        memcpy(entry, data + head, size < sizeof(entry) ? size : sizeof(entry));
    }
    if (weir_blk_log_resume(&log, order, &live) != 0)
        return 0;
    check(live <= SLOTS && log.replied == words.answered &&
          log.taken == log.replied + live);
    for (unsigned i = 0; i < live; i++) {
        check(order[i] < SLOTS && !listed[order[i]]);
        listed[order[i]] = true;
        check(entry[order[i]].seq <= log.taken && entry[order[i]].answer == 0);
        check(i == 0 || entry[order[i - 1]].seq < entry[order[i]].seq);
        parse(&entry[order[i]]);
    }
    go_on(&log, order, live);
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * A guest that uses its resources up when told, and works with its disk all
 * the time: it writes, reads back and compares.  Node device/order holds
 * "NUMBER WORD [ARGUMENT]"; the answer is in device/done, "NUMBER RESULT",
 * padded, so that its bytes are the same and no quota forbids it:
 *
 *   take WHAT [N]  grants, ports, frames, nodes, watches, transactions, memory
 *                  until it is refused, or N: "COUNT ERROR"
 *   give           everything back: "0 Success"
 *   wait N         asks to be told when N grant references are free; "waits"
 *                  says whether it still waits: "1 Success"
 *   open I, close [I]   another disk, the I-th of the guest; it, or all of
 *                  them: "0 ERROR"
 *   write I U N, read I U N   N units of 32 KiB from unit U on, of the I-th:
 *                  "DONE ERROR"; reading compares with what write writes
 *   say N          N lines into its log
 *   eat            private memory until it dies of it
 *   rest N         reads into N pages, which the backend may keep mapped, then
 *                  no I/O until "work", which gives the pages back
 *
 * device/ios counts; device/stop ends it.  Exit 1: its disk failed or lied.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/hostile_work.h"
#include "xenbus/client_call.h"

#define PAGES  8
#define LOOK   16 /* I/Os between two looks at the orders */
#define HELD   70000
#define ANSWER 40
#define MORE   16

static struct hostile h = {.attack = "exhaust"};
static struct weir_front_bus bus;
static struct work load = {.h = &h, .pages = PAGES, .limit_ms = 40000};
static struct weir_blkfront *more[MORE];
static void *rested; /* pages of "rest"; NULL: at work */

static enum { NOTHING, GRANTS, PORTS, FRAMES, NODES, WATCHES, TXS } what;
static uint32_t held[HELD];
static void *page[HELD];
static unsigned nheld;
static struct weir_gnttab_waiter waiter;
static volatile bool waiting;

/* ---- what is used up ---- */

static int take_grant(void)
{
    grant_ref_t ref;
    int err = weir_gnttab_grant(&h.gnttab, 0, page[0], true, &ref);

    held[nheld] = ref;
    return err;
}

static int take_node(const char *prefix, size_t len)
{
    static const char value[1024] = {"x"};
    char path[64];

    snprintf(path, sizeof(path), "device/%s%u", prefix, nheld);
    return weir_xs_write(&bus.xs, 0, path, value, len);
}

static int take_watch(void)
{
    char token[16];

    snprintf(token, sizeof(token), "w%u", nheld);
    return weir_xs_watch(&bus.xs, "device/order", token);
}

static int take_one(const char *word)
{
    if (strcmp(word, "grants") == 0) {
        what = GRANTS;
        return take_grant();
    }
    if (strcmp(word, "ports") == 0) {
        what = PORTS;
        return h.port->ops->evtchn_alloc(h.port, 0, &held[nheld]);
    }
    if (strcmp(word, "frames") == 0) {
        what = FRAMES;
        return h.port->ops->alloc_pages(h.port, 1, &page[nheld]);
    }
    if (strcmp(word, "watches") == 0) {
        what = WATCHES;
        return take_watch();
    }
    if (strcmp(word, "transactions") == 0) {
        what = TXS;
        return weir_xs_transaction_start(&bus.xs, &held[nheld]);
    }
    what = NODES;
    return take_node(word, strcmp(word, "memory") == 0 ? 1024 : 1);
}

static void give_one(const char *word)
{
    char path[64];

    switch (what) {
    case GRANTS:
        HOSTILE_CHECK(&h, weir_gnttab_end(&h.gnttab, held[nheld]) == 0,
                      "a grant nobody uses");
        break;
    case PORTS:
        h.port->ops->evtchn_close(h.port, held[nheld]);
        break;
    case FRAMES:
        h.port->ops->free_pages(h.port, page[nheld], 1);
        break;
    case NODES:
        snprintf(path, sizeof(path), "device/%s%u", word, nheld);
        weir_xs_rm(&bus.xs, 0, path);
        break;
    case WATCHES:
        snprintf(path, sizeof(path), "w%u", nheld);
        weir_xs_unwatch(&bus.xs, "device/order", path);
        break;
    case TXS:
        weir_xs_transaction_end(&bus.xs, held[nheld], false);
        break;
    case NOTHING:
        break;
    }
}

static void ready(struct weir_gnttab_waiter *w)
{
    (void)w;
    waiting = false;
}

static char taken[16];

static int take(const char *word, unsigned most)
{
    int err = 0;

    snprintf(taken, sizeof(taken), "%s", word);
    if (strcmp(word, "grants") == 0 && page[0] == NULL)
        page[0] = hostile_pages(&h, 1);
    while (nheld < HELD && nheld < most && (err = take_one(word)) == 0) {
        nheld++;
        if (nheld % LOOK == 0 && what != FRAMES)
            work_round(&load, nheld); /* the load goes on meanwhile */
    }
    return err;
}

static void give(void)
{
    bool grants = what == GRANTS;

    while (nheld > 0) {
        nheld--;
        give_one(taken);
        if (nheld % LOOK == 0)
            work_round(&load, nheld);
    }
    if (grants) {
        h.port->ops->free_pages(h.port, page[0], 1);
        page[0] = NULL;
    }
    what = NOTHING;
}

static void close_one(unsigned i)
{
    if (i < MORE && more[i] != NULL) {
        weir_blkfront_close(more[i]);
        more[i] = NULL;
    }
}

static void close_more(void)
{
    for (unsigned i = 0; i < MORE; i++)
        close_one(i);
}

/* Small: each page of it counts here. */
static const struct weir_blkfront_config small = {
    .poll_bus = true, .bounce_pages = 8, .big_requests = 2};

static int open_more(unsigned index)
{
    if (index == 0 || index >= MORE || more[index] != NULL)
        return -WEIR_EINVAL;
    return weir_blkfront_open(&bus, index, &small, &more[index]);
}

/* Units of PAGES pages of another disk, each with a content of its own: how
 * many until the first error, or one that is not what was written. */
static int move(enum weir_blkfront_op op, const char *text, unsigned *count)
{
    static uint8_t want[PAGES * WEIR_PAGE_SIZE];
    unsigned index, first, n;
    int err = 0;

    if (sscanf(text, "%u %u %u", &index, &first, &n) != 3 || index >= MORE ||
        more[index] == NULL)
        return -WEIR_EINVAL;
    for (*count = 0; *count < n && err == 0; *count += err == 0) {
        uint64_t at = (uint64_t)(first + *count) * sizeof(want);

        work_fill(want, sizeof(want), at);
        if (op == WEIR_BLKFRONT_WRITE)
            memcpy(load.data, want, sizeof(want));
        err =
            work_io(&load, more[index], op, at / 512, load.data, sizeof(want));
        if (err == 0 && memcmp(load.data, want, sizeof(want)) != 0)
            err = -WEIR_EPROTO;
    }
    return err;
}

static int rest(unsigned pages)
{
    int err = rested != NULL ? -WEIR_EBUSY
                             : weir_blkfront_alloc(load.bf, pages, &rested);

    for (unsigned i = 0; err == 0 && i < pages; i++)
        work_must(&load, WEIR_BLKFRONT_READ, 0,
                  (uint8_t *)rested + i * WEIR_PAGE_SIZE, WEIR_PAGE_SIZE);
    return err;
}

static void obey(const char *word, unsigned arg, const char *text,
                 const char *order, char *answer)
{
    unsigned count = 0;
    int err = 0;

    if (strcmp(word, "take") == 0) {
        err = take(text, arg);
        count = nheld;
    } else if (strcmp(word, "give") == 0) {
        give();
    } else if (strcmp(word, "wait") == 0) {
        waiter.want = (uint32_t)strtoul(text, NULL, 10);
        waiter.ready = ready;
        waiting = true;
        if (!weir_gnttab_wait(&h.gnttab, &waiter))
            waiting = false;
        count = waiting;
    } else if (strcmp(word, "waits") == 0) {
        count = waiting;
    } else if (strcmp(word, "open") == 0) {
        err = open_more((unsigned)strtoul(text, NULL, 10));
    } else if (strcmp(word, "close") == 0 && text[0] != '\0') {
        close_one((unsigned)strtoul(text, NULL, 10));
    } else if (strcmp(word, "close") == 0) {
        close_more();
    } else if (strcmp(word, "write") == 0 || strcmp(word, "read") == 0) {
        err = move(word[0] == 'w' ? WEIR_BLKFRONT_WRITE : WEIR_BLKFRONT_READ,
                   strstr(order, word) + strlen(word), &count);
    } else if (strcmp(word, "eat") == 0) {
        for (char *p; (p = malloc(1 << 20)) != NULL;)
            memset(p, 1, 1 << 20);
        err = -WEIR_ENOMEM;
    } else if (strcmp(word, "say") == 0) {
        for (; count < strtoul(text, NULL, 10); count++)
            fprintf(stderr,
                    "line %u of many, each of which is as long as this "
                    "one and says no more than that\n",
                    count);
    } else if (strcmp(word, "rest") == 0) {
        err = rest((unsigned)strtoul(text, NULL, 10));
    } else if (strcmp(word, "work") == 0) {
        if (rested != NULL)
            weir_blkfront_free(load.bf, rested);
        rested = NULL;
    } else {
        err = -WEIR_EINVAL;
    }
    snprintf(answer, ANSWER, "%u %s", count, strerror(-err));
}

/* False: it is to end. */
static bool look(uint64_t ios)
{
    static char last[16] = "0";
    char order[80], seq[16] = "", word[16] = "", text[16] = "";
    char answer[ANSWER], reply[ANSWER + 24];
    unsigned arg = HELD;
    uint64_t v;

    snprintf(reply, sizeof(reply), "%012llu", (unsigned long long)ios);
    weir_xs_write_key(&bus.xs, 0, "device", "ios", reply);
    if (weir_xs_read_u64(&bus.xs, 0, "device", "stop", &v) == 0)
        return false;
    if (weir_xs_read(&bus.xs, 0, "device/order", order, sizeof(order)) <= 0)
        return true;
    if (sscanf(order, "%15s %15s %15s %u", seq, word, text, &arg) < 2 ||
        strcmp(seq, last) == 0)
        return true;
    memcpy(last, seq, sizeof(last));
    obey(word, arg, text, order, answer);
    snprintf(reply, sizeof(reply), "%s %s", seq, answer);
    memset(reply + strlen(reply), ' ', sizeof(reply) - strlen(reply) - 1);
    reply[sizeof(reply) - 1] = '\0';
    HOSTILE_CHECK(&h,
                  weir_xs_write_key(&bus.xs, 0, "device", "done", reply) == 0,
                  "no room for an answer of the same length");
    return true;
}

int main(void)
{
    char blank[ANSWER + 24];

    hostile_join(&h);
    work_bus(&h, &bus);
    memset(blank, ' ', sizeof(blank));
    blank[sizeof(blank) - 1] = '\0';
    weir_xs_write_key(&bus.xs, 0, "device", "done", blank);
    work_open(&load, &bus, &small);
    for (uint64_t ios = 1;; ios++) {
        if (rested == NULL)
            work_round(&load, ios);
        else
            hostile_sleep_us(1000);
        weir_gnttab_reap(&h.gnttab);
        weir_front_bus_poll(&bus);
        if (ios % LOOK == 0 && !look(ios))
            break;
    }
    close_more();
    weir_blkfront_close(load.bf);
    fputs("exhaust_guest: ended in order\n", stderr);
    _exit(0); /* sealed: no leak search */
}

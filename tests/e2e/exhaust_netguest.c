/* SPDX-License-Identifier: MIT
 *
 * exhaust_netguest: a guest that uses its resources up when told,
 * and transfers data to and from its peer (tests/crash/stream.h) by its first
 * vif all the time, at a pace that leaves the machine room.  Peers' addresses
 * differ in the last bit.  Orders and answers as exhaust_guest's:
 *
 *   take WHAT, give   grants, ports, frames until it is refused: "COUNT ERROR"
 *   open I [nopool]   another vif, the I-th of the guest: "POOLED ERROR"
 *   close [I]         it, or all of them
 *   send I N          N segments each way between it and the first vif, by way
 *                     of the bridge: "SEGMENTS ERROR"
 *   rest, work        no transfer; again
 *
 * device/ios counts segments that its peer has; device/stop ends it.  Exit 1: a
 * frame came twice, late or spoilt, or the first vif broke.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontends/net/netfront.h"
#include "tests/crash/stream.h"
#include "tests/e2e/hostile_dom.h"

#define MORE    9  /* vifs */
#define BURST   16 /* new segments a turn */
#define TURN_NS 2000000u
#define LOOK_MS 50
#define OPEN_MS 5000
#define SEND_MS 4000
#define HELD    70000
#define ANSWER  40
#define MAX     1500
#define FREE_MS 5000

static struct hostile h = {.attack = "exhaust"};
static struct weir_front_bus bus;
static struct weir_netfront first, more[MORE];
static bool opened[MORE], resting;
static struct stream with_peer, inner[2]; /* of "send": its vif, the first */

static enum { NOTHING, GRANTS, PORTS, FRAMES } what;
static uint32_t held[HELD];
static void *page[HELD];
static unsigned nheld;

static uint64_t now_ns(void)
{
    return h.port->ops->now_ns(h.port);
}

/* ---- the transfer ---- */

/* What an earlier "send" left under way is not of this one. */
static bool of_earlier(const struct stream *s, const uint8_t *buf, uint32_t len)
{
    struct stream_head head;

    if (len < STREAM_HEAD || memcmp(buf + 6, s->peer, 6) != 0)
        return false;
    memcpy(&head, buf + 14, sizeof(head));
    return head.from < (s->self & ~1u);
}

static bool came(struct stream *s, const uint8_t *buf, uint32_t len)
{
    uint64_t highest = s->highest;

    if (memcmp(buf, s->mac, 6) != 0) /* a bridge that learns sends to all */
        return false;
    if (of_earlier(s, buf, len))
        return true;

    switch (stream_came(s, buf, len)) {
    case STREAM_FOREIGN:
        return false;
    case STREAM_OK: /* one queue: the numbers only rise */
        HOSTILE_CHECK(&h, s->highest > highest, "a frame came late");
        return true;
    case STREAM_DOUBLED:
        HOSTILE_CHECK(&h, false, "a frame came twice");
        return false;
    case STREAM_CORRUPTED:
        break;
    }
    HOSTILE_CHECK(&h, false, "a frame of %u bytes is spoilt", len);
    return false;
}

/* A frame for either transfer. */
static int receive(struct weir_netfront *nf, struct stream *s,
                   struct stream *other)
{
    static uint8_t buf[65536];
    int len = 0;

    for (unsigned i = 0;
         i < 64 &&
         (len = weir_netfront_recv(nf, 0, buf, sizeof(buf), NULL)) > 0;
         i++)
        if (!came(s, buf, (uint32_t)len) && other != NULL)
            came(other, buf, (uint32_t)len);
    return len < 0 ? len : 0;
}

static int send_one(struct weir_netfront *nf, struct stream *s,
                    uint64_t segment)
{
    static uint8_t buf[65536];
    struct weir_netfront_vec v = {buf, stream_frame(s, segment, buf)};
    int err = weir_netfront_send(nf, 0, &v, 1, NULL);

    if (err == 0)
        stream_sent(s, segment, now_ns());
    return err;
}

static int transmit(struct weir_netfront *nf, struct stream *s, uint64_t end)
{
    uint64_t segment;
    int err = 0;

    for (unsigned i = 0; i < BURST && err == 0; i++) {
        segment = stream_due(s, 0, now_ns());
        if (segment == STREAM_NONE || segment >= end)
            break;
        err = send_one(nf, s, segment);
    }
    if (err == 0 && s->owed > 0)
        err = send_one(nf, s, STREAM_NONE);
    weir_netfront_flush(nf, 0);
    return err == -WEIR_EAGAIN ? 0 : err;
}

/* One turn of the first vif, and of another one's transfer. */
static void work(struct weir_netfront *other, uint64_t segments)
{
    uint64_t pending, next = now_ns() + TURN_NS, now;
    int err = receive(&first, &with_peer, &inner[1]);

    if (err == 0)
        err = transmit(&first, &with_peer, resting ? 0 : STREAM_NONE);
    HOSTILE_CHECK(&h, err == 0, "its vif: %s: %s", strerror(-err),
                  first.reason ?: "no reason");
    if (other != NULL) {
        receive(other, &inner[0], NULL);
        transmit(other, &inner[0], segments);
        transmit(&first, &inner[1], segments);
    }
    if ((now = now_ns()) < next)
        h.port->ops->wait(h.port, NULL, 0, next - now, &pending);
    weir_front_bus_poll(&bus);
}

/* Two ends numbered anew; the first vifs' have 0 and 1. */
static int send_inner(unsigned i, uint64_t segments, unsigned *done)
{
    static uint32_t runs;
    uint64_t end = hostile_ms(&h) + SEND_MS;
    struct stream *s = inner;

    if (i >= MORE || !opened[i])
        return -WEIR_EINVAL;
    runs++;
    for (unsigned k = 0; k < 2; k++) {
        memset(&s[k], 0, sizeof(s[k]));
        s[k].self = 2 + runs * 2 + k;
        s[k].queues = 1;
        s[k].max_len = MAX - STREAM_HEAD;
        memcpy(s[k].mac, k == 0 ? more[i].mac : first.mac, 6);
        memcpy(s[k].peer, k == 0 ? first.mac : more[i].mac, 6);
    }
    while ((s[0].first < segments || s[1].first < segments) &&
           hostile_ms(&h) < end)
        work(&more[i], segments);
    for (end = hostile_ms(&h) + 20; hostile_ms(&h) < end;)
        work(&more[i], segments); /* acknowledgements under way */
    *done = (unsigned)(s[0].first < s[1].first ? s[0].first : s[1].first);
    return *done < segments ? -WEIR_ETIMEDOUT : 0;
}

/* ---- other vifs ---- */

static void close_one(unsigned i)
{
    if (i < MORE && opened[i])
        weir_netfront_close(&more[i]);
    if (i < MORE)
        opened[i] = false;
}

static void close_more(void)
{
    uint64_t end = hostile_ms(&h) + FREE_MS;

    for (unsigned i = 0; i < MORE; i++)
        close_one(i);
    while (weir_gnttab_reap(&h.gnttab) > 0 && hostile_ms(&h) < end)
        work(NULL, 0);
}

/* The transfer goes on meanwhile. */
static int open_one(unsigned i, bool no_pool)
{
    const struct weir_netfront_config cfg = {.no_pool = no_pool,
                                             .spin_ns = UINT64_MAX};
    uint64_t end = hostile_ms(&h) + OPEN_MS;
    int err;

    if (i == 0 || i >= MORE || opened[i])
        return -WEIR_EINVAL;
    memset(&more[i], 0, sizeof(more[i]));
    err = weir_netfront_open(&more[i], &bus, i, &cfg);
    if (err != 0)
        return err;
    opened[i] = true;
    while ((err = weir_front_wait_state(&more[i].dev, WEIR_XENBUS_CONNECTED,
                                        1)) == -WEIR_ETIMEDOUT &&
           hostile_ms(&h) < end)
        work(NULL, 0);
    if (err != 0)
        close_one(i);
    return err;
}

static void open_first(void)
{
    const struct weir_netfront_config cfg = {.spin_ns = UINT64_MAX};
    int err = weir_netfront_open(&first, &bus, 0, &cfg);

    if (err == 0)
        err = weir_front_wait_state(&first.dev, WEIR_XENBUS_CONNECTED,
                                    OPEN_MS * UINT64_C(1000000));
    HOSTILE_CHECK(&h, err == 0, "vif: %s", strerror(-err));
    memcpy(with_peer.mac, first.mac, 6);
    memcpy(with_peer.peer, first.mac, 6);
    with_peer.self = first.mac[5] % 2;
    with_peer.peer[5] ^= 1;
    with_peer.queues = 1;
    with_peer.max_len = MAX - STREAM_HEAD;
}

/* ---- what is used up ---- */

static int take_one(void)
{
    switch (what) {
    case GRANTS:
        return weir_gnttab_grant(&h.gnttab, 0, page[0], true, &held[nheld]);
    case PORTS:
        return h.port->ops->evtchn_alloc(h.port, 0, &held[nheld]);
    case FRAMES:
        return h.port->ops->alloc_pages(h.port, 1, &page[nheld]);
    case NOTHING:
        break;
    }
    return -WEIR_EINVAL;
}

static int take(const char *word)
{
    int err = 0;

    what = strcmp(word, "grants") == 0  ? GRANTS
           : strcmp(word, "ports") == 0 ? PORTS
                                        : FRAMES;
    if (what == GRANTS)
        page[0] = hostile_pages(&h, 1);
    while (nheld < HELD && (err = take_one()) == 0)
        if (++nheld % 64 == 0)
            work(NULL, 0);
    return err;
}

static void give_one(void)
{
    if (what == GRANTS)
        HOSTILE_CHECK(&h, weir_gnttab_end(&h.gnttab, held[nheld]) == 0,
                      "a grant nobody uses");
    else if (what == PORTS)
        h.port->ops->evtchn_close(h.port, held[nheld]);
    else
        h.port->ops->free_pages(h.port, page[nheld], 1);
}

static void give(void)
{
    while (nheld > 0) {
        nheld--;
        give_one();
        if (nheld % 64 == 0)
            work(NULL, 0);
    }
    if (what == GRANTS)
        h.port->ops->free_pages(h.port, page[0], 1);
    what = NOTHING;
}

/* ---- orders ---- */

static void obey(const char *word, const char *a, const char *b, char *answer)
{
    unsigned count = 0, i = (unsigned)strtoul(a, NULL, 10);
    int err = 0;

    if (strcmp(word, "take") == 0) {
        err = take(a);
        count = nheld;
    } else if (strcmp(word, "give") == 0) {
        give();
    } else if (strcmp(word, "open") == 0) {
        err = open_one(i, strcmp(b, "nopool") == 0);
        count = err == 0 && more[i].pooled;
    } else if (strcmp(word, "close") == 0 && a[0] != '\0') {
        close_one(i);
    } else if (strcmp(word, "close") == 0) {
        close_more();
    } else if (strcmp(word, "send") == 0) {
        err = send_inner(i, strtoul(b, NULL, 10), &count);
    } else if (strcmp(word, "rest") == 0 || strcmp(word, "work") == 0) {
        resting = word[0] == 'r';
    } else {
        err = -WEIR_EINVAL;
    }
    snprintf(answer, ANSWER, "%u %s", count, strerror(-err));
}

/* False: it is to end. */
static bool look(void)
{
    static char last[16] = "0";
    char order[80], seq[16] = "", word[16] = "", a[16] = "", b[16] = "";
    char answer[ANSWER], reply[ANSWER + 24];
    uint64_t v;

    snprintf(reply, sizeof(reply), "%012llu",
             (unsigned long long)with_peer.first);
    weir_xs_write_key(&bus.xs, 0, "device", "ios", reply);
    if (weir_xs_read_u64(&bus.xs, 0, "device", "stop", &v) == 0)
        return false;
    if (weir_xs_read(&bus.xs, 0, "device/order", order, sizeof(order)) <= 0)
        return true;
    if (sscanf(order, "%15s %15s %15s %15s", seq, word, a, b) < 2 ||
        strcmp(seq, last) == 0)
        return true;
    memcpy(last, seq, sizeof(last));
    obey(word, a, b, answer);
    snprintf(reply, sizeof(reply), "%s %s", seq, answer);
    HOSTILE_CHECK(&h,
                  weir_xs_write_key(&bus.xs, 0, "device", "done", reply) == 0,
                  "no answer");
    return true;
}

int main(void)
{
    uint64_t looked = 0;
    int err;

    /* The bus has the registry ring: hostile_open would open it twice. */
    hostile_join(&h);
    err = weir_gnttab_init(&h.gnttab, h.port);
    if (err == 0)
        err = weir_front_bus_open(&bus, h.port, &h.gnttab);
    HOSTILE_CHECK(&h, err == 0, "start: %s", strerror(-err));
    open_first();
    for (;;) {
        work(NULL, 0);
        if (hostile_ms(&h) - looked < LOOK_MS)
            continue;
        looked = hostile_ms(&h);
        if (!look())
            break;
    }
    close_more();
    weir_netfront_close(&first);
    fprintf(stderr,
            "exhaust_netguest: %llu frames came, %llu were missed, "
            "ended in order\n",
            (unsigned long long)with_peer.frames,
            (unsigned long long)with_peer.missed);
    _exit(0); /* sealed: no leak search */
}

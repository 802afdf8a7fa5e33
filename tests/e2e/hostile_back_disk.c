/* SPDX-License-Identifier: MIT
 *
 * A block backend that answers what it likes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring/blkif_ring.h"
#include "tests/e2e/hostile_back.h"

#define HONEST 40 /* answers before the attack */

struct server {
    struct back *b;
    struct weir_blkif_back_ring ring;
    void *page;
    evtchn_port_t port;
};

static void kick(struct server *s)
{
    s->b->h->port->ops->evtchn_notify(s->b->h->port, s->port);
}

static struct weir_blkif_response take(struct server *s)
{
    uint64_t end = hostile_ms(s->b->h) + 5000;
    struct weir_blkif_response rsp;
    union weir_blkif_request r;
    int got;

    while ((got = weir_blkif_back_get(&s->ring, &r)) == 0) {
        HOSTILE_CHECK(s->b->h, hostile_ms(s->b->h) < end, "no request comes");
        hostile_sleep_us(50);
    }
    HOSTILE_CHECK(s->b->h, got == 1, "the victim's ring is broken");
    memset(&rsp, 0, sizeof(rsp));
    rsp.id = r.rw.id;
    rsp.operation = r.rw.operation;
    return rsp;
}

static void answer(struct server *s, const struct weir_blkif_response *rsp)
{
    weir_blkif_back_put(&s->ring, rsp);
    weir_blkif_back_push(&s->ring);
    kick(s);
}

static void honest(struct server *s, unsigned n)
{
    while (n-- > 0) {
        struct weir_blkif_response rsp = take(s);

        answer(s, &rsp);
    }
}

static volatile struct weir_sring_header *header(struct server *s)
{
    return (volatile struct weir_sring_header *)s->page;
}

static void bad_answer(struct server *s, const char *attack)
{
    struct weir_blkif_response rsp = take(s), other = take(s);

    if (strcmp(attack, "id-range") == 0)
        rsp.id |= 0xfff;
    else if (strcmp(attack, "id-huge") == 0)
        rsp.id = UINT64_MAX;
    else if (strcmp(attack, "operation") == 0)
        rsp.operation ^= 1;
    else if (strcmp(attack, "twice") == 0)
        answer(s, &other);
    if (strcmp(attack, "twice") == 0)
        rsp = other;
    answer(s, &rsp);
}

static void bad_statuses(struct server *s)
{
    static const int16_t status[] = {-1, -2, -3, 1, 5, 255, 32767, -32768};

    for (unsigned i = 0; i < 8; i++) {
        struct weir_blkif_response rsp = take(s);

        rsp.status = status[i];
        rsp.pad = 0xff;
        rsp.pad2 = 0xffffffff;
        answer(s, &rsp);
    }
    for (unsigned i = 0; i < 200; i++)
        honest(s, 1);
}

static void scribble(struct server *s)
{
    volatile uint8_t *p = s->page;
    uint64_t end = hostile_ms(s->b->h) + 1000;

    while (hostile_ms(s->b->h) < end) {
        for (unsigned i = 0; i < 200; i++)
            p[64 + back_random() % 4032] = (uint8_t)back_random();
        header(s)->rsp_prod = header(s)->req_prod;
        header(s)->req_event = back_random();
        kick(s);
    }
}

static void connect_disk(struct server *s, const char *sectors,
                         const char *sector_size)
{
    struct back *b = s->b;

    hostile_set(&b->dev, "state", "2");
    hostile_expect(&b->dev, 3);
    s->page = back_map(b, (grant_ref_t)back_number(b, "ring-ref"), false);
    HOSTILE_CHECK(b->h, s->page != NULL, "ring");
    HOSTILE_CHECK(b->h, weir_blkif_back_init(&s->ring, &s->page, 1) == 0,
                  "ring");
    s->port = back_bind(b, "event-channel");
    hostile_set(&b->dev, "sectors", sectors);
    hostile_set(&b->dev, "sector-size", sector_size);
    hostile_set(&b->dev, "state", "4");
}

static void storm(struct server *s)
{
    uint64_t end = hostile_ms(s->b->h) + 600;

    while (hostile_ms(s->b->h) < end)
        for (unsigned i = 0; i < 1000; i++)
            kick(s);
    honest(s, 100);
}

static void garbage_features(struct back *b)
{
    static const char *const key[] = {"feature-max-indirect-segments",
                                      "max-ring-page-order",
                                      "multi-queue-max-queues",
                                      "feature-persistent",
                                      "feature-flush-cache",
                                      "feature-discard",
                                      "discard-granularity"};
    static const char *const value[] = {"18446744073709551615", "-1", "",
                                        "4294967297",           "x",  "0"};

    for (unsigned i = 0; i < 7; i++)
        hostile_set(&b->dev, key[i], value[(i + 2) % 6]);
}

void back_disk(struct back *b)
{
    static struct server s;
    const char *a = b->attack;

    s.b = b;
    back_find(b, "vbd", 51712);
    hostile_set(&b->dev, "feature-flush-cache", "1");
    if (strcmp(a, "features") == 0)
        garbage_features(b);
    if (strncmp(a, "sectors=", 8) == 0) {
        connect_disk(&s, a + 8, "512");
        return;
    }
    if (strncmp(a, "size=", 5) == 0) {
        connect_disk(&s, "2048", a + 5);
        return;
    }
    connect_disk(&s, "2048", "512");
    hostile_expect(&b->dev, 4);
    honest(&s, HONEST);
    hostile_sleep_us(100000); /* all of it is taken */
    if (strcmp(a, "jump") == 0 || strcmp(a, "back") == 0) {
        header(&s)->rsp_prod += a[0] == 'j' ? 1000u : 0u - 20u;
        kick(&s);
    } else if (strcmp(a, "statuses") == 0) {
        bad_statuses(&s);
    } else if (strcmp(a, "scribble") == 0) {
        scribble(&s);
    } else if (strcmp(a, "seize") == 0) {
        HOSTILE_CHECK(b->h, back_seize(b) > 10, "no pages");
        honest(&s, 100);
    } else if (strcmp(a, "storm") == 0) {
        storm(&s);
    } else if (strcmp(a, "flap") == 0) {
        back_flap(b);
    } else if (strcmp(a, "die") == 0) {
        take(&s);
        _exit(0);
    } else if (strcmp(a, "features") == 0) {
        honest(&s, 200);
    } else if (strcmp(a, "silent") != 0) {
        bad_answer(&s, a);
    }
}

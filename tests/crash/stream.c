/* SPDX-License-Identifier: MIT */
#include "tests/crash/stream.h"

#include <string.h>

#include "tests/crash/mix.h"

#define MAGIC 0x4d525453u
#define ETHER 14u

_Static_assert(ETHER + sizeof(struct stream_head) <= STREAM_HEAD, "it fits");

static uint64_t sum(const uint8_t *p, size_t n)
{
    uint64_t s = n, w;

    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&w, p, 8);
        s = (s ^ w) * 0x100000001b3u + (s >> 29);
    }
    for (; n > 0; n--)
        s = (s ^ *p++) * 0x100000001b3u + (s >> 29);
    return s;
}

/* Both ends know what a segment holds. */
static uint32_t segment_len(const struct stream *s, uint32_t from,
                            uint64_t segment)
{
    uint64_t r = crash_mix(segment << 1 ^ from);

    return r % 4 == 0 ? (uint32_t)(r >> 8) % 200
                      : (uint32_t)(r >> 8) % s->max_len;
}

static void payload(uint8_t *p, uint32_t len, uint32_t from, uint64_t segment)
{
    uint64_t w = crash_mix(segment << 1 ^ from) | 1;

    for (uint32_t i = 0; i < len; i += 8) {
        w = w * 6364136223846793005u + 1442695040888963407u;
        memcpy(p + i, &w, len - i < 8 ? len - i : 8);
    }
}

uint64_t stream_due(struct stream *s, unsigned queue, uint64_t now_ns)
{
    for (uint64_t i = s->first; i < s->next; i++)
        if (i % s->queues == queue && !s->acked[i % STREAM_WINDOW] &&
            now_ns - s->sent_ns[i % STREAM_WINDOW] > STREAM_LATE_NS)
            return i;
    if (s->next - s->first < STREAM_WINDOW && s->next % s->queues == queue)
        return s->next;
    return STREAM_NONE;
}

uint32_t stream_frame(const struct stream *s, uint64_t segment, uint8_t *buf)
{
    struct stream_head h = {.magic = MAGIC,
                            .from = s->self,
                            .number = s->numbers + 1,
                            .segment = segment,
                            .next = s->want,
                            .mask = s->early};
    uint8_t *p = buf + STREAM_HEAD;

    if (segment != STREAM_NONE)
        h.len = segment_len(s, s->self, segment);
    memset(buf, 0, STREAM_HEAD);
    memcpy(buf, s->peer, 6);
    memcpy(buf + 6, s->mac, 6);
    buf[12] = STREAM_TYPE >> 8;
    buf[13] = STREAM_TYPE & 0xff;
    memcpy(buf + ETHER, &h, sizeof(h));
    payload(p, h.len, s->self, segment);
    h.sum = sum(buf, STREAM_HEAD + h.len);
    memcpy(buf + ETHER, &h, sizeof(h));
    return STREAM_HEAD + h.len;
}

void stream_sent(struct stream *s, uint64_t segment, uint64_t now_ns)
{
    s->numbers++;
    s->owed = 0;
    if (segment == STREAM_NONE)
        return;
    if (segment == s->next)
        s->next++;
    else
        s->again++;
    s->acked[segment % STREAM_WINDOW] = false;
    s->sent_ns[segment % STREAM_WINDOW] = now_ns;
}

/* False: it was seen before. */
static bool first_time(struct stream *s, uint64_t number)
{
    uint64_t at = number % STREAM_NUMBERS;

    if (number + STREAM_NUMBERS <= s->highest)
        return false; /* older than anything can be */
    for (; s->highest < number; s->missed++) {
        s->highest++;
        s->seen[s->highest % STREAM_NUMBERS / 64] &= ~(1ull << s->highest % 64);
    }
    if (s->seen[at / 64] >> at % 64 & 1)
        return false;
    s->seen[at / 64] |= 1ull << at % 64;
    s->missed--;
    return true;
}

static void acknowledged(struct stream *s, const struct stream_head *h)
{
    for (uint64_t i = s->first; i < s->next; i++)
        if (i < h->next || (i > h->next && i - h->next - 1 < 64 &&
                            h->mask >> (i - h->next - 1) & 1))
            s->acked[i % STREAM_WINDOW] = true;
    while (s->first < s->next && s->acked[s->first % STREAM_WINDOW])
        s->first++;
}

static void take(struct stream *s, const struct stream_head *h)
{
    s->owed++;
    if (h->segment < s->want)
        return; /* sent again in vain */
    if (h->segment > s->want) {
        if (h->segment - s->want - 1 < 64)
            s->early |= 1ull << (h->segment - s->want - 1);
        return;
    }
    do {
        bool more = s->early & 1;

        s->want++;
        s->early >>= 1;
        if (!more)
            break;
    } while (true);
    s->bytes += h->len;
}

static bool valid(const struct stream *s, const uint8_t *frame, uint32_t len,
                  struct stream_head *h)
{
    static uint8_t copy[65536], want[65536];
    struct stream_head zero;

    memcpy(h, frame + ETHER, sizeof(*h));
    if (h->magic != MAGIC || h->from == s->self || h->len > s->max_len ||
        STREAM_HEAD + h->len > len || h->next > s->next || h->number == 0)
        return false;
    zero = *h;
    zero.sum = 0;
    memcpy(copy, frame, STREAM_HEAD + h->len);
    memcpy(copy + ETHER, &zero, sizeof(zero));
    if (sum(copy, STREAM_HEAD + h->len) != h->sum)
        return false;
    if (h->segment == STREAM_NONE)
        return h->len == 0;
    payload(want, h->len, h->from, h->segment);
    return h->len == segment_len(s, h->from, h->segment) &&
           memcmp(want, frame + STREAM_HEAD, h->len) == 0;
}

enum stream_got stream_came(struct stream *s, const uint8_t *frame,
                            uint32_t len)
{
    struct stream_head h;

    if (len < ETHER + 2 || frame[12] != STREAM_TYPE >> 8 ||
        frame[13] != (STREAM_TYPE & 0xff) || memcmp(frame + 6, s->peer, 6) != 0)
        return STREAM_FOREIGN;
    if (len < STREAM_HEAD || !valid(s, frame, len, &h))
        return STREAM_CORRUPTED;
    s->frames++;
    if (!first_time(s, h.number))
        return STREAM_DOUBLED;
    acknowledged(s, &h);
    if (h.segment != STREAM_NONE)
        take(s, &h);
    return STREAM_OK;
}

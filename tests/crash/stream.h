/* SPDX-License-Identifier: MIT
 *
 * A reliable transfer over frames that may be lost, for one end of it.  Every
 * frame that is sent has a number of its own, a segment that is sent again too:
 * a number that comes twice was doubled on the way.  Pure.
 */
#ifndef WEIR_TESTS_CRASH_STREAM_H
#define WEIR_TESTS_CRASH_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_TYPE    0x88b7
#define STREAM_WINDOW  64u /* segments sent and not acknowledged */
#define STREAM_HEAD    80u /* bytes of a frame before the payload */
#define STREAM_NUMBERS (1u << 22)
#define STREAM_LATE_NS 10000000u /* then a segment is sent again */
#define STREAM_NONE    UINT64_MAX

enum stream_got {
    STREAM_FOREIGN,
    STREAM_OK,
    STREAM_DOUBLED,
    STREAM_CORRUPTED,
};

/* What a frame says, after the Ethernet header. */
struct stream_head {
    uint32_t magic, from; /* which end sent it */
    uint64_t number;      /* of this frame */
    uint64_t segment;     /* or STREAM_NONE: it only acknowledges */
    uint64_t next;        /* all segments below came */
    uint64_t mask;        /* bit i: next + 1 + i came too */
    uint32_t len, pad;    /* payload bytes */
    uint64_t sum;         /* over all of it, this word taken as 0 */
};

struct stream {
    uint32_t self;
    unsigned queues; /* segment s goes by queue s % queues */
    uint32_t max_len;
    uint8_t mac[6], peer[6];
    /* sending */
    uint64_t numbers;     /* given out */
    uint64_t first, next; /* unacknowledged from, sent up to */
    bool acked[STREAM_WINDOW];
    uint64_t sent_ns[STREAM_WINDOW];
    uint64_t again;
    /* receiving */
    uint64_t want, early; /* in order up to; bit i: want + 1 + i came */
    unsigned owed;        /* frames since the last acknowledgement */
    uint64_t highest;     /* number seen */
    uint64_t frames, bytes, missed;
    uint64_t seen[STREAM_NUMBERS / 64];
};

/* A segment that is due for this queue, or STREAM_NONE. */
uint64_t stream_due(struct stream *s, unsigned queue, uint64_t now_ns);
/* Writes the frame for it (or with STREAM_NONE a mere acknowledgement) into
 * buf; its length.  Nothing is noted before stream_sent. */
uint32_t stream_frame(const struct stream *s, uint64_t segment, uint8_t *buf);
void stream_sent(struct stream *s, uint64_t segment, uint64_t now_ns);
/* A frame came. */
enum stream_got stream_came(struct stream *s, const uint8_t *frame,
                            uint32_t len);

#endif

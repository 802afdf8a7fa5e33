/* SPDX-License-Identifier: MIT
 *
 * What a read may bring: the last write that was answered before the read was
 * sent, or one sent since; zeros where a discard came later.
 */
#include "tests/crash/load.h"

#include <stdarg.h>
#include <stdio.h>

#define TELL 10

void load_fault(struct load *l, uint64_t *count, const char *fmt, ...)
{
    va_list ap;

    if ((*count)++ >= TELL)
        return;
    (void)l;
    va_start(ap, fmt);
    fputs("crash_load: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

static void check_sector(struct load *l, const struct load_slot *s, uint64_t i)
{
    uint64_t number = l->at.data + s->first + i;
    struct load_sector *t = &l->sector[s->first + i];
    const uint8_t *p = s->buf + i * CRASH_SECTOR;
    int64_t seq = crash_seq(p, number);
    bool zero = s->zero[i] || s->lo[i] == 0;

    if (seq > 0 && seq >= s->lo[i] && seq <= t->hi) {
        if (seq > t->lo)
            t->lo = (uint32_t)seq;
        return;
    }
    if (seq == 0 && zero)
        return;
    if (seq >= 0 && seq < s->lo[i])
        load_fault(l, &l->lost,
                   "LOST: sector %llu has write %lld, but %u was answered",
                   (unsigned long long)number, (long long)seq, s->lo[i]);
    else if (seq >= 0 || !(s->lo[i] < t->hi || s->zero[i]) ||
             !crash_mixed(p, number, s->lo[i], t->hi, zero))
        load_fault(l, &l->corrupted,
                   "CORRUPTED: sector %llu, writes %u to %u possible, has %lld",
                   (unsigned long long)number, s->lo[i], t->hi, (long long)seq);
}

void load_check(struct load *l, const struct load_slot *s)
{
    for (uint64_t i = 0; i < s->n; i++)
        check_sector(l, s, i);
}

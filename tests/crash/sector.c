/* SPDX-License-Identifier: MIT */
#include "tests/crash/sector.h"

#include <string.h>

#include "tests/crash/mix.h"

#define ROW_MAGIC 0x574f522d48534c46u

static uint64_t sum(const uint64_t *w, unsigned n)
{
    uint64_t s = n;

    for (unsigned i = 0; i < n; i++)
        s = (s ^ w[i]) * 0x100000001b3u + (s >> 29);
    return s;
}

/* The low bit keeps words of data from being zero. */
static uint64_t body(uint64_t sector, uint32_t seq, unsigned i)
{
    return crash_mix(sector << 32 ^ seq ^ (uint64_t)i << 56) | 1;
}

static void make_words(uint64_t w[CRASH_WORDS], uint64_t sector, uint32_t seq)
{
    if (seq == 0) {
        memset(w, 0, CRASH_SECTOR);
        return;
    }
    w[0] = sector;
    w[1] = seq;
    for (unsigned i = 2; i < CRASH_WORDS - 1; i++)
        w[i] = body(sector, seq, i);
    w[CRASH_WORDS - 1] = sum(w, CRASH_WORDS - 1);
}

int crash_layout(struct crash_layout *l, uint64_t sectors)
{
    uint64_t n;

    if (sectors < 256)
        return -1;
    n = (sectors - 2 * CRASH_TABLE) * CRASH_ROW / (CRASH_ROW + 1);
    l->table = CRASH_TABLE;
    l->rows = (n + CRASH_ROW - 1) / CRASH_ROW;
    l->rows = (l->rows + CRASH_UNIT - 1) / CRASH_UNIT * CRASH_UNIT;
    l->data = l->table + l->rows;
    l->n = (sectors - l->data) / CRASH_UNIT * CRASH_UNIT;
    if (l->n > n)
        l->n = n / CRASH_UNIT * CRASH_UNIT;
    l->discardable = l->n / 4 * 3 / CRASH_UNIT * CRASH_UNIT;
    return 0;
}

void crash_make(uint8_t *p, uint64_t sector, uint32_t seq)
{
    uint64_t w[CRASH_WORDS];

    make_words(w, sector, seq);
    memcpy(p, w, CRASH_SECTOR);
}

int64_t crash_seq(const uint8_t *p, uint64_t sector)
{
    uint64_t got[CRASH_WORDS], want[CRASH_WORDS];

    memcpy(got, p, CRASH_SECTOR);
    if (got[1] > UINT32_MAX || (got[1] != 0 && got[0] != sector))
        return -1;
    make_words(want, sector, (uint32_t)got[1]);
    return memcmp(got, want, CRASH_SECTOR) == 0 ? (int64_t)got[1] : -1;
}

bool crash_mixed(const uint8_t *p, uint64_t sector, uint32_t lo, uint32_t hi,
                 bool zero)
{
    uint64_t got[CRASH_WORDS], v[CRASH_WORDS];
    bool ok[CRASH_WORDS] = {false};

    memcpy(got, p, CRASH_SECTOR);
    for (uint64_t seq = lo; seq <= hi; seq++) {
        make_words(v, sector, (uint32_t)seq);
        for (unsigned i = 0; i < CRASH_WORDS; i++)
            ok[i] = ok[i] || got[i] == v[i];
    }
    for (unsigned i = 0; i < CRASH_WORDS; i++)
        if (!ok[i] && !(zero && got[i] == 0))
            return false;
    return true;
}

static uint64_t row_sum(const struct crash_row *r)
{
    uint64_t w[CRASH_WORDS];

    memcpy(w, r, CRASH_SECTOR);
    return sum(w, CRASH_WORDS - 1);
}

void crash_row_seal(struct crash_row *r, uint64_t row, uint64_t version)
{
    r->magic = ROW_MAGIC;
    r->row = row;
    r->version = version;
    r->sum = row_sum(r);
}

bool crash_row_ok(const struct crash_row *r, uint64_t row)
{
    return r->magic == ROW_MAGIC && r->row == row && r->sum == row_sum(r);
}

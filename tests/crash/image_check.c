/* SPDX-License-Identifier: MIT */
#include "tests/crash/image_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define UNIT_BYTES (CRASH_UNIT * CRASH_SECTOR)
#define UNIT_DATA  (CRASH_UNIT * CRASH_ROW) /* sectors a table unit tells of */
/* A write under way may leave anything until it is sent again and done. */
#define PATIENCE_MS 12000

int image_check_open(struct image_check *c, const char *path)
{
    struct stat st;

    memset(c, 0, sizeof(*c));
    c->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (c->fd < 0 && errno == EINVAL)
        c->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (c->fd < 0 || fstat(c->fd, &st) != 0)
        return -errno;
    if (crash_layout(&c->at, (uint64_t)st.st_size / CRASH_SECTOR) != 0)
        return -EINVAL;
    c->version = calloc(c->at.rows, sizeof(c->version[0]));
    c->table = aligned_alloc(4096, UNIT_BYTES);
    c->data = aligned_alloc(4096, UNIT_DATA * CRASH_SECTOR);
    return c->version != NULL && c->table != NULL && c->data != NULL ? 0
                                                                     : -ENOMEM;
}

static bool read_sectors(const struct image_check *c, uint8_t *to,
                         uint64_t sector, uint64_t n)
{
    ssize_t want = (ssize_t)(n * CRASH_SECTOR);

    return pread(c->fd, to, (size_t)want, (off_t)(sector * CRASH_SECTOR)) ==
           want;
}

static void fault(uint64_t *count, const char *what, uint64_t sector,
                  uint64_t want, int64_t got)
{
    if ((*count)++ < 10)
        fprintf(stderr,
                "crash_kill: image: %s sector %llu: %llu was flushed, has "
                "%lld\n",
                what, (unsigned long long)sector, (unsigned long long)want,
                (long long)got);
}

static void pause_ms(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&ts, NULL);
}

/* Once it is known that something is wrong, the next ones are not waited for.
 */
static unsigned patience_ms(const struct image_check *c)
{
    return c->corrupted == 0 ? PATIENCE_MS : 0;
}

/* The sector's number, -1 when it stays invalid. */
static int64_t settled(struct image_check *c, uint64_t sector, uint8_t *p)
{
    uint64_t unit = sector / CRASH_UNIT * CRASH_UNIT;
    int64_t seq = crash_seq(p, sector);

    for (unsigned ms = 0; seq < 0 && ms < patience_ms(c); ms += 5) {
        pause_ms(5);
        if (!read_sectors(c, c->table, unit, CRASH_UNIT))
            return -1;
        seq = crash_seq(c->table + (sector - unit) * CRASH_SECTOR, sector);
    }
    return seq;
}

static void check_sector(struct image_check *c, uint64_t i, uint32_t want,
                         uint8_t *p)
{
    uint64_t sector = c->at.data + i;
    int64_t seq = settled(c, sector, p);

    c->sectors++;
    if (seq < 0)
        fault(&c->corrupted, "CORRUPTED", sector, want, seq);
    else if (seq < want && (seq > 0 || i < c->at.discardable))
        fault(&c->lost, "LOST", sector, want, seq);
}

static bool read_row(struct image_check *c, uint64_t row, struct crash_row *r)
{
    static const struct crash_row none;

    for (unsigned ms = 0; ms <= patience_ms(c); ms += 5) {
        uint64_t unit = row / CRASH_UNIT * CRASH_UNIT;

        if (!read_sectors(c, c->table, c->at.table + unit, CRASH_UNIT))
            break;
        memcpy(r, c->table + (row - unit) * CRASH_SECTOR, sizeof(*r));
        if (crash_row_ok(r, row)) {
            if (r->version < c->version[row])
                fault(&c->lost, "LOST, table", c->at.table + row,
                      c->version[row], (int64_t)r->version);
            c->version[row] = r->version;
            return true;
        }
        if (memcmp(r, &none, sizeof(none)) == 0) {
            if (c->version[row] != 0)
                fault(&c->lost, "LOST, table", c->at.table + row,
                      c->version[row], 0);
            return false;
        }
        pause_ms(5);
    }
    fault(&c->corrupted, "CORRUPTED, table", c->at.table + row, c->version[row],
          -1);
    return false;
}

/* The table first: what it says was so before the data is read. */
void image_check(struct image_check *c, uint64_t pick)
{
    uint64_t row = pick % (c->at.rows / CRASH_UNIT) * CRASH_UNIT;
    uint64_t first = row * CRASH_ROW, n;
    struct crash_row r[CRASH_UNIT];
    bool have[CRASH_UNIT];

    if (first >= c->at.n)
        return;
    n = c->at.n - first < UNIT_DATA ? c->at.n - first : UNIT_DATA;
    for (unsigned k = 0; k < CRASH_UNIT; k++)
        have[k] = read_row(c, row + k, &r[k]);
    if (!read_sectors(c, c->data, c->at.data + first, n)) {
        fault(&c->corrupted, "UNREADABLE", c->at.data + first, 0, -1);
        return;
    }
    for (uint64_t i = 0; i < n; i++)
        if (have[i / CRASH_ROW] && r[i / CRASH_ROW].seq[i % CRASH_ROW] != 0)
            check_sector(c, first + i, r[i / CRASH_ROW].seq[i % CRASH_ROW],
                         c->data + i * CRASH_SECTOR);
}

void image_check_all(struct image_check *c)
{
    for (uint64_t k = 0; k < c->at.rows / CRASH_UNIT; k++)
        image_check(c, k);
}

int image_check_stop(const char *path)
{
    uint64_t word = CRASH_STOP;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int err =
        fd < 0 || pwrite(fd, &word, sizeof(word), 0) != sizeof(word) ? -EIO : 0;

    if (fd >= 0)
        close(fd);
    return err;
}

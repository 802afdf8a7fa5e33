/* SPDX-License-Identifier: MIT
 *
 * Requests that are wrong: each gets its error, and the ring goes on.
 */
#include <string.h>

#include "tests/e2e/hostile_blk.h"

#define EXPECT(d, r, want)                                                     \
    do {                                                                       \
        int status_ = disk_do(d, &(r));                                        \
                                                                               \
        HOSTILE_CHECK((d)->h, status_ == (want), "status %d instead of %d",    \
                      status_, want);                                          \
    } while (0)

static void bad_sectors(struct disk *d)
{
    const uint64_t at[] = {d->sectors,
                           d->sectors - 1,
                           UINT64_MAX,
                           UINT64_MAX - 7,
                           UINT64_MAX / 512,
                           UINT64_MAX / 512 + 1,
                           INT64_MAX,
                           (uint64_t)INT64_MAX + 1,
                           UINT64_C(1) << 55,
                           (UINT64_C(1) << 55) - 4,
                           UINT64_C(1) << 32 | 8};

    for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        union weir_blkif_request r;

        r = disk_rw(d, WEIR_BLKIF_OP_READ, at[i], 8);
        EXPECT(d, r, WEIR_BLKIF_RSP_ERROR);
        r = disk_rw(d, WEIR_BLKIF_OP_WRITE, at[i], 2);
        EXPECT(d, r, WEIR_BLKIF_RSP_ERROR);
        r = disk_rw(d, WEIR_BLKIF_OP_WRITE_BARRIER, at[i], 2);
        EXPECT(d, r, WEIR_BLKIF_RSP_ERROR);
    }
}

static void bad_segments(struct disk *d)
{
    static const uint8_t nr[] = {0, 12, 13, 127, 128, 255};
    static const uint8_t sect[][2] = {{5, 4},   {0, 8},     {8, 8},  {7, 255},
                                      {255, 0}, {255, 255}, {0, 128}};
    union weir_blkif_request r;

    for (unsigned i = 0; i < sizeof(nr); i++) {
        r = disk_rw(d, WEIR_BLKIF_OP_READ, 0, 8);
        r.rw.nr_segments = nr[i];
        EXPECT(d, r, WEIR_BLKIF_RSP_ERROR);
        r.rw.operation = WEIR_BLKIF_OP_WRITE;
        EXPECT(d, r, WEIR_BLKIF_RSP_ERROR);
    }
    for (unsigned i = 0; i < sizeof(sect) / sizeof(sect[0]); i++) {
        r = disk_rw(d, WEIR_BLKIF_OP_READ, 0, 8);
        r.rw.nr_segments = 2; /* a good one does not save it */
        r.rw.seg[1] = r.rw.seg[0];
        r.rw.seg[1].first_sect = sect[i][0];
        r.rw.seg[1].last_sect = sect[i][1];
        EXPECT(d, r, WEIR_BLKIF_RSP_ERROR);
    }
}

static void bad_operations(struct disk *d)
{
    union weir_blkif_request r;

    for (unsigned op = 0; op < 256; op++) {
        if (op <= WEIR_BLKIF_OP_FLUSH_DISKCACHE ||
            op == WEIR_BLKIF_OP_DISCARD || op == WEIR_BLKIF_OP_INDIRECT)
            continue;
        r = disk_rw(d, (uint8_t)op, 0, 8);
        EXPECT(d, r, WEIR_BLKIF_RSP_EOPNOTSUPP);
    }
}

static void bad_discards(struct disk *d)
{
    const uint64_t bad[][2] = {{d->sectors, 1},
                               {0, d->sectors + 1},
                               {UINT64_MAX, 1},
                               {1, UINT64_MAX},
                               {8, 0},
                               {UINT64_MAX, UINT64_MAX},
                               {UINT64_C(1) << 55, 1},
                               {0, UINT64_C(1) << 55},
                               {d->sectors - 1, 2},
                               {UINT64_MAX - 7, 8}};
    union weir_blkif_request r;

    memset(&r, 0, sizeof(r));
    r.discard.operation = WEIR_BLKIF_OP_DISCARD;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        r.discard.sector_number = bad[i][0];
        r.discard.nr_sectors = bad[i][1];
        EXPECT(d, r, WEIR_BLKIF_RSP_ERROR);
    }
    r.discard.sector_number = 0;
    r.discard.nr_sectors = 8;
    r.discard.flag = WEIR_BLKIF_DISCARD_SECURE; /* a file cannot */
    EXPECT(d, r, WEIR_BLKIF_RSP_EOPNOTSUPP);
}

/* Each is answered, and all under the one id. */
static void same_ids(struct disk *d)
{
    struct weir_blkif_response rsp;

    for (unsigned i = 0; i < 16; i++) {
        union weir_blkif_request r = disk_rw(d, WEIR_BLKIF_OP_READ, i, 8);

        r.rw.id = UINT64_MAX;
        disk_send(d, &r);
    }
    for (unsigned i = 0; i < 16; i++) {
        HOSTILE_CHECK(d->h, disk_get(d, &rsp, 5000) == 1, "answer %u of 16", i);
        HOSTILE_CHECK(d->h, rsp.id == UINT64_MAX && rsp.status == 0,
                      "id %#llx, status %d", (unsigned long long)rsp.id,
                      rsp.status);
    }
}

void attack_requests(struct hostile *h)
{
    static struct disk d;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    disk_works(&d);
    bad_sectors(&d);
    bad_segments(&d);
    bad_operations(&d);
    bad_discards(&d);
    same_ids(&d);
    disk_works(&d);
    disk_close(&d);
}

static union weir_blkif_request indirect(uint8_t op, unsigned n,
                                         grant_ref_t table)
{
    union weir_blkif_request r;

    memset(&r, 0, sizeof(r));
    r.indirect.operation = WEIR_BLKIF_OP_INDIRECT;
    r.indirect.indirect_op = op;
    r.indirect.nr_segments = (uint16_t)n;
    for (unsigned i = 0; i < WEIR_BLKIF_MAX_INDIRECT_PAGES; i++)
        r.indirect.indirect_grefs[i] = table;
    return r;
}

static void fill_table(struct disk *d, grant_ref_t ref)
{
    struct weir_blkif_segment *seg =
        (struct weir_blkif_segment *)(void *)(d->data + 4096);

    memset(seg, 0, 4096);
    for (unsigned i = 0; i < 512; i++) {
        seg[i].gref = ref;
        seg[i].last_sect = 7;
    }
}

void attack_indirect(struct hostile *h)
{
    static const uint16_t counts[] = {0, 257, 511, 512, 513, 4096, 65535};
    static const uint8_t nested[] = {2, 3, 4, 5, 6, 7, 255};
    static struct disk d;
    union weir_blkif_request r;
    grant_ref_t table;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    table = d.ref[1];
    fill_table(&d, d.ref[2]);
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        r = indirect(WEIR_BLKIF_OP_READ, counts[i], table);
        EXPECT(&d, r, WEIR_BLKIF_RSP_ERROR);
    }
    for (unsigned i = 0; i < sizeof(nested); i++) {
        r = indirect(nested[i], 8, table);
        EXPECT(&d, r, WEIR_BLKIF_RSP_EOPNOTSUPP);
    }
    r = indirect(WEIR_BLKIF_OP_READ, 8, 0xfffffff0);
    EXPECT(&d, r, WEIR_BLKIF_RSP_ERROR);
    r = indirect(WEIR_BLKIF_OP_READ, 8, d.other_ref);
    EXPECT(&d, r, WEIR_BLKIF_RSP_ERROR);
    r = indirect(WEIR_BLKIF_OP_WRITE, 200, table);
    EXPECT(&d, r, WEIR_BLKIF_RSP_OKAY);
    r.indirect.sector_number = d.sectors - 200 * 8 + 1;
    EXPECT(&d, r, WEIR_BLKIF_RSP_ERROR);
    r.indirect.sector_number = UINT64_MAX - 100;
    EXPECT(&d, r, WEIR_BLKIF_RSP_ERROR);
    memset(d.data + 4096, 0xff, 4096);
    r = indirect(WEIR_BLKIF_OP_READ, 256, table);
    EXPECT(&d, r, WEIR_BLKIF_RSP_ERROR);
    /* Read into the very table that names the pages. */
    fill_table(&d, table);
    r = indirect(WEIR_BLKIF_OP_READ, 256, table);
    EXPECT(&d, r, WEIR_BLKIF_RSP_OKAY);
    disk_works(&d);
    disk_close(&d);
}

void attack_references(struct hostile *h)
{
    static struct disk d;
    union weir_blkif_request r;
    grant_ref_t bad[8];

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    bad[0] = 0xffffffff;
    bad[1] = 0x80000000;
    bad[2] = 0; /* the console's, in Xen: not ours to give */
    bad[3] = 1; /* the registry ring: granted to another domain */
    bad[4] = d.other_ref;
    bad[5] = d.ref[DISK_PAGES - 1] + 300; /* never granted */
    bad[6] = 65536;
    bad[7] = 1u << 20;
    for (unsigned i = 0; i < 8; i++) {
        r = disk_rw(&d, WEIR_BLKIF_OP_READ, 0, 8);
        r.rw.seg[0].gref = bad[i];
        EXPECT(&d, r, WEIR_BLKIF_RSP_ERROR);
        r.rw.operation = WEIR_BLKIF_OP_WRITE;
        EXPECT(&d, r, WEIR_BLKIF_RSP_ERROR);
        r = disk_rw(&d, WEIR_BLKIF_OP_READ, 0, 8);
        r.rw.nr_segments = 11;
        for (unsigned k = 1; k < 11; k++)
            r.rw.seg[k] = r.rw.seg[0];
        r.rw.seg[10].gref = bad[i];
        EXPECT(&d, r, WEIR_BLKIF_RSP_ERROR);
    }
    /* The device would write into it. */
    r = disk_rw(&d, WEIR_BLKIF_OP_READ, 0, 8);
    r.rw.seg[0].gref = d.ro_ref;
    memset(d.data, 0x6c, 4096);
    EXPECT(&d, r, WEIR_BLKIF_RSP_ERROR);
    for (unsigned i = 0; i < 4096; i++)
        HOSTILE_CHECK(h, d.data[i] == 0x6c, "a read-only page was written");
    r.rw.operation = WEIR_BLKIF_OP_WRITE; /* from it is allowed */
    EXPECT(&d, r, WEIR_BLKIF_RSP_OKAY);
    disk_works(&d);
    disk_close(&d);
}

/* When ending a grant was believed, nothing more may come into the page. */
void attack_revoke(struct hostile *h)
{
    static struct disk d;
    struct weir_blkif_response rsp;
    uint8_t *page;
    unsigned early = 0;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    disk_works(&d); /* sectors 8.. hold a known byte that is not 0x77 */
    page = hostile_pages(h, 1);
    for (unsigned round = 0; round < 400; round++) {
        union weir_blkif_request r = disk_rw(&d, WEIR_BLKIF_OP_READ, 8, 8);
        grant_ref_t ref = hostile_grant(h, d.dev.peer_domid, page, false);
        int got = 0;

        r.rw.seg[0].gref = ref;
        disk_send(&d, &r);
        if (round % 4 != 0)
            hostile_sleep_us(round % 50);
        while (weir_gnttab_end(&h->gnttab, ref) != 0)
            if (got == 0)
                got = disk_get(&d, &rsp, 0);
        memset(page, 0x77, 4096);
        early += got == 0;
        if (got == 0)
            got = disk_get(&d, &rsp, 5000);
        HOSTILE_CHECK(h, got == 1, "round %u: no answer", round);
        for (unsigned i = 0; i < 4096; i++)
            HOSTILE_CHECK(h, page[i] == 0x77,
                          "round %u: byte %u was written after the grant "
                          "ended",
                          round, i);
    }
    HOSTILE_CHECK(h, early > 0, "no grant ended before its answer");
    disk_works(&d);
    disk_close(&d);
}

void attack_readonly(struct hostile *h)
{
    static struct disk d;
    union weir_blkif_request r;

    disk_open(h, &d, DISK_RO);
    disk_connect(&d, 0);
    for (unsigned i = 0; i < 3; i++) {
        static const uint8_t op[] = {WEIR_BLKIF_OP_WRITE,
                                     WEIR_BLKIF_OP_WRITE_BARRIER,
                                     WEIR_BLKIF_OP_FLUSH_DISKCACHE};

        r = disk_rw(&d, op[i], 0, 8);
        memset(d.data, 0x99, 4096);
        EXPECT(&d, r, WEIR_BLKIF_RSP_ERROR);
    }
    fill_table(&d, d.ref[2]);
    r = indirect(WEIR_BLKIF_OP_WRITE, 16, d.ref[1]);
    EXPECT(&d, r, WEIR_BLKIF_RSP_ERROR);
    memset(&r, 0, sizeof(r));
    r.discard.operation = WEIR_BLKIF_OP_DISCARD;
    r.discard.nr_sectors = 8;
    EXPECT(&d, r, WEIR_BLKIF_RSP_EOPNOTSUPP);
    r = disk_rw(&d, WEIR_BLKIF_OP_READ, 0, 8);
    EXPECT(&d, r, WEIR_BLKIF_RSP_OKAY);
    for (unsigned i = 0; i < 4096; i++)
        HOSTILE_CHECK(h, d.data[i] == 0, "a read-only disk was written");
    disk_close(&d);
}

static uint32_t rnd(void)
{
    static uint32_t x = 2463534242u;

    x ^= x << 13;
    x ^= x >> 17;
    return x ^= x << 5;
}

/* Everything in the ring but the indexes changes while it is read. */
static void scribble(struct disk *d, unsigned times)
{
    volatile uint8_t *slots = (volatile uint8_t *)d->ring_page[0] + 64;
    volatile uint8_t *table = d->data + 4096;

    for (unsigned i = 0; i < times; i++) {
        slots[rnd() % (32 * 112)] = (uint8_t)rnd();
        table[rnd() % 4096] = (uint8_t)(rnd() % 9);
    }
}

void attack_rewrite(struct hostile *h)
{
    static struct disk d;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    for (unsigned round = 0; round < 300; round++) {
        uint64_t end = hostile_ms(h) + 20000;
        uint32_t want = disk_header(&d)->rsp_prod + 32;
        union weir_blkif_request r;

        fill_table(&d, d.ref[2 + round % 8]);
        for (unsigned i = 0; i < 32; i++) {
            r = i % 2 != 0 ? indirect(WEIR_BLKIF_OP_READ, 16, d.ref[1])
                           : disk_rw(&d, WEIR_BLKIF_OP_READ, i, 8);
            HOSTILE_CHECK(h, weir_blkif_front_put(&d.ring, &r) == 0, "full");
        }
        weir_blkif_front_push(&d.ring);
        h->port->ops->evtchn_notify(h->port, d.evtchn);
        while (disk_header(&d)->rsp_prod != want) {
            scribble(&d, 64);
            HOSTILE_CHECK(h, hostile_ms(h) < end,
                          "round %u: %u of 32 answers are missing", round,
                          want - disk_header(&d)->rsp_prod);
        }
        for (unsigned i = 0; i < 32; i++) {
            struct weir_blkif_response rsp;

            HOSTILE_CHECK(h, disk_get(&d, &rsp, 0) == 1, "no answer");
        }
    }
    HOSTILE_CHECK(h, hostile_peer_state(&d.dev) == 4, "closed");
    disk_works(&d);
    disk_close(&d);
}

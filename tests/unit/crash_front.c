/* SPDX-License-Identifier: MIT
 *
 * The crash rig's frontend: random requests whose answers and data it knows.
 */
#include "tests/unit/crash_rig.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECTORS 8u /* of a page */

static uint64_t first_sector(const struct rig_front *f, unsigned region)
{
    return (uint64_t)(f->index * RIG_REGIONS + region) * RIG_SPAN * SECTORS;
}

static void fill(uint8_t *page, uint64_t stamp, unsigned k)
{
    uint64_t w[WEIR_PAGE_SIZE / 8] = {0};

    for (unsigned i = 0; stamp != 0 && i < WEIR_PAGE_SIZE / 8; i++)
        w[i] = stamp << 24 | k << 16 | i;
    memcpy(page, w, sizeof(w));
}

static bool holds(const uint8_t *page, uint64_t stamp, unsigned k)
{
    uint8_t want[WEIR_PAGE_SIZE];

    fill(want, stamp, k);
    return memcmp(page, want, sizeof(want)) == 0;
}

static uint8_t *data(struct rig_front *f, unsigned page)
{
    return f->data + (size_t)page * WEIR_PAGE_SIZE;
}

static int take_page(struct rig_front *f)
{
    for (int i = 0; i < RIG_PAGES; i++)
        if (!f->busy[i]) {
            f->busy[i] = true;
            return i;
        }
    return -1;
}

static unsigned free_pages(const struct rig_front *f)
{
    unsigned n = 0;

    for (unsigned i = 0; i < RIG_PAGES; i++)
        n += !f->busy[i];
    return n;
}

/* What the next request is to be; false: not now. */
static bool choose(struct rig_front *f, struct rig_req *q)
{
    uint32_t what = rig_random(f->rig, 100);

    memset(q, 0, sizeof(*q));
    q->table = -1;
    q->region = rig_random(f->rig, RIG_REGIONS);
    q->npages = 1 + rig_random(f->rig, 3);
    q->operation = WEIR_BLKIF_OP_WRITE;
    if (what < 38) {
        q->writes = true;
    } else if (what < 66) {
        q->operation = WEIR_BLKIF_OP_READ;
        q->reads = true;
    } else if (what < 80) {
        q->operation = what < 74 ? WEIR_BLKIF_OP_FLUSH_DISKCACHE
                                 : WEIR_BLKIF_OP_WRITE_BARRIER;
        q->barrier = q->operation == WEIR_BLKIF_OP_WRITE_BARRIER;
        q->writes = what % 2 == 0;
    } else if (what < 88) {
        q->operation = WEIR_BLKIF_OP_DISCARD;
        q->discards = true;
    } else {
        q->npages = RIG_SPAN;
        q->reads = what >= 94;
        q->writes = !q->reads;
        q->table = 0;
        if (q->reads)
            q->operation = WEIR_BLKIF_OP_READ;
    }
    if (f->region[q->region].busy || free_pages(f) < q->npages + 1)
        return false;
    return true;
}

static void segment(struct rig_front *f, struct weir_blkif_segment *s, int page)
{
    memset(s, 0, sizeof(*s));
    s->gref = f->data_ref[page];
    s->last_sect = SECTORS - 1;
}

static void build_indirect(struct rig_front *f, struct rig_req *q,
                           union weir_blkif_request *w)
{
    struct weir_blkif_segment *s;

    q->table = take_page(f);
    s = (struct weir_blkif_segment *)(void *)data(f, (unsigned)q->table);
    for (unsigned i = 0; i < q->npages; i++)
        segment(f, &s[i], q->page[i]);
    w->indirect.operation = WEIR_BLKIF_OP_INDIRECT;
    w->indirect.indirect_op = q->operation;
    w->indirect.nr_segments = (uint16_t)q->npages;
    w->indirect.id = q->id;
    w->indirect.sector_number = first_sector(f, q->region);
    w->indirect.indirect_grefs[0] = f->data_ref[q->table];
}

static void build(struct rig_front *f, struct rig_req *q,
                  union weir_blkif_request *w)
{
    memset(w, 0, sizeof(*w));
    for (unsigned i = 0; (q->reads || q->writes) && i < q->npages; i++) {
        q->page[i] = (uint8_t)take_page(f);
        if (q->writes)
            fill(data(f, q->page[i]), q->id, i);
        else
            memset(data(f, q->page[i]), 0xee, WEIR_PAGE_SIZE);
    }
    if (q->table >= 0) {
        build_indirect(f, q, w);
        return;
    }
    w->rw.operation = q->operation;
    w->rw.id = q->id;
    w->rw.sector_number = first_sector(f, q->region);
    if (q->discards) {
        w->discard.nr_sectors = (uint64_t)q->npages * SECTORS;
        return;
    }
    if (!q->reads && !q->writes)
        return;
    w->rw.nr_segments = (uint8_t)q->npages;
    for (unsigned i = 0; i < q->npages; i++)
        segment(f, &w->rw.seg[i], q->page[i]);
}

static bool send_one(struct rig_front *f)
{
    union weir_blkif_request w;
    struct rig_req *q = NULL;

    for (unsigned i = 0; i < RIG_IDS && q == NULL; i++)
        if (!f->req[i].used)
            q = &f->req[i];
    if (q == NULL || weir_blkif_front_free(&f->ring) == 0 || !choose(f, q))
        return false;
    q->used = true;
    q->order = ++f->sent;
    q->id = q->order << 8 | (uint64_t)(q - f->req);
    build(f, q, &w);
    f->region[q->region].busy = true;
    f->inflight++;
    RIG_CHECK(weir_blkif_front_put(&f->ring, &w) == 0, "ring is full");
    return true;
}

/* Nothing passes a barrier, and it passes nothing. */
static void check_order(const struct rig_front *f, const struct rig_req *q)
{
    for (unsigned i = 0; i < RIG_IDS; i++) {
        const struct rig_req *o = &f->req[i];

        if (!o->used || o == q || !(o->barrier || q->barrier))
            continue;
        RIG_CHECK(o->order > q->order,
                  "request %llu is answered before %llu, past a barrier",
                  (unsigned long long)q->order, (unsigned long long)o->order);
    }
}

static void check_data(struct rig_front *f, const struct rig_req *q)
{
    struct rig_region *g = &f->region[q->region];

    for (unsigned i = 0; i < q->npages; i++) {
        if (q->reads)
            RIG_CHECK(holds(data(f, q->page[i]), g->stamp[i], i),
                      "request %llu reads wrong data",
                      (unsigned long long)q->order);
        if (q->writes || q->discards)
            g->stamp[i] = q->writes ? q->id : 0;
    }
}

static void answer(struct rig_front *f, const struct weir_blkif_response *rsp)
{
    struct rig_req *q = &f->req[rsp->id % 256 % RIG_IDS];

    RIG_CHECK(q->used && q->id == rsp->id,
              "answer to %llx, which is not in flight",
              (unsigned long long)rsp->id);
    RIG_CHECK(rsp->status == WEIR_BLKIF_RSP_OKAY &&
                  rsp->operation == q->operation,
              "request %llu, operation %u: status %d of operation %u",
              (unsigned long long)q->order, q->operation, rsp->status,
              rsp->operation);
    check_order(f, q);
    check_data(f, q);
    for (unsigned i = 0; (q->reads || q->writes) && i < q->npages; i++)
        f->busy[q->page[i]] = false;
    if (q->table >= 0)
        f->busy[q->table] = false;
    f->region[q->region].busy = false;
    q->used = false;
    f->inflight--;
    f->answered++;
}

static unsigned collect(struct rig_front *f)
{
    struct weir_blkif_response rsp;
    struct weir_port *p = f->rig->fport;
    unsigned n = 0;
    int got;

    if (f->asleep) {
        uint64_t pending;

        p->ops->wait(p, &f->evtchn, 1, 0, &pending);
        if (pending == 0)
            return 0;
        f->asleep = false;
    }
    while ((got = weir_blkif_front_get(&f->ring, &rsp)) == 1) {
        answer(f, &rsp);
        n++;
    }
    RIG_CHECK(got == 0, "the ring is broken");
    if (n == 0 && rig_random(f->rig, 3) == 0) {
        got = weir_blkif_front_arm(&f->ring);
        RIG_CHECK(got >= 0, "the ring is broken");
        f->asleep = got == 0;
    }
    return n;
}

bool rig_front_step(struct rig_front *f)
{
    unsigned burst = rig_random(f->rig, 8), n = 0;

    while (burst-- > 0 && f->sent < f->rig->c->requests)
        n += send_one(f);
    if (weir_blkif_front_push(&f->ring))
        f->rig->fport->ops->evtchn_notify(f->rig->fport, f->evtchn);
    return n + collect(f) > 0;
}

void rig_front_verify(struct rig_front *f)
{
    uint8_t page[WEIR_PAGE_SIZE];

    for (unsigned r = 0; r < RIG_REGIONS; r++)
        for (unsigned i = 0; i < RIG_SPAN; i++) {
            off_t at = (off_t)(first_sector(f, r) + i * SECTORS) * 512;

            RIG_CHECK(pread(f->rig->fd, page, sizeof(page), at) ==
                          (ssize_t)sizeof(page),
                      "the image cannot be read");
            RIG_CHECK(holds(page, f->region[r].stamp[i], i),
                      "region %u page %u has wrong data", r, i);
        }
}

static void publish(struct rig_front *f)
{
    const struct rig_case *c = f->rig->c;
    char dir[80] = "/local/domain/5/device/vbd/51712", key[24], value[24];

    if (c->queues > 1)
        snprintf(dir + strlen(dir), 16, "/queue-%u", f->index);
    rig_set(f->rig, dir, "", "", 5, 2);
    for (unsigned i = 0; i < f->npages; i++) {
        snprintf(key, sizeof(key), f->npages > 1 ? "ring-ref%u" : "ring-ref",
                 i);
        snprintf(value, sizeof(value), "%u", f->ref[i]);
        rig_set(f->rig, dir, key, value, 5, 2);
    }
    snprintf(value, sizeof(value), "%u", f->evtchn);
    rig_set(f->rig, dir, "event-channel", value, 5, 2);
}

void rig_front_open(struct rig *r, unsigned index)
{
    struct rig_front *f = &r->front[index];
    struct weir_port *p = r->fport;

    f->rig = r;
    f->index = index;
    for (; f->npages < 1u << r->c->order; f->npages++) {
        unsigned i = f->npages;

        RIG_CHECK(p->ops->alloc_pages(p, 1, &f->pages[i]) == 0 &&
                      weir_gnttab_grant(&r->gnttab, 2, f->pages[i], false,
                                        &f->ref[i]) == 0,
                  "no ring");
    }
    RIG_CHECK(weir_blkif_front_init(&f->ring, f->pages, f->npages) == 0 &&
                  p->ops->alloc_pages(p, RIG_PAGES, (void **)&f->data) == 0 &&
                  p->ops->evtchn_alloc(p, 2, &f->evtchn) == 0,
              "no frontend");
    for (unsigned i = 0; i < RIG_PAGES; i++)
        RIG_CHECK(weir_gnttab_grant(&r->gnttab, 2, data(f, i), false,
                                    &f->data_ref[i]) == 0,
                  "no grants");
    publish(f);
}

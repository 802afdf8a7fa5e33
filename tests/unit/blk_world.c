/* SPDX-License-Identifier: MIT */
#include "tests/unit/blk_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backends/common/stats.h"

#define FRAMES 16384

const char *blk_world_dir = "/tmp";

static const struct weir_back_class *const classes[] = {&weir_vbd_class};

struct weir_resource blk_resource(enum weir_vbd_engine engine, uint64_t size)
{
    struct weir_resource r = {.magic = WEIR_RES_MAGIC,
                              .version = WEIR_RES_VERSION,
                              .op = WEIR_RES_ATTACH,
                              .cls = WEIR_RES_VBD,
                              .frontend = BLK_FRONT,
                              .devid = BLK_DEVID};

    r.vbd.engine = engine;
    r.vbd.sector_size = 512;
    r.vbd.queues = 4;
    r.vbd.size = size;
    strcpy(r.label, "test.img");
    return r;
}

static void sleep_ms(void)
{
    struct timespec ts = {0, 1000000};

    nanosleep(&ts, NULL);
}

static void *run_backend(void *arg)
{
    struct blk_world *w = arg;

    weir_backend_run(w->be);
    return NULL;
}

static void set(struct blk_world *w, const char *dir, const char *key,
                const char *value, domid_t owner, int reader)
{
    char path[160];

    snprintf(path, sizeof(path), "%s%s%s", dir, key[0] != '\0' ? "/" : "", key);
    assert_int_equal(weir_fake_store_set(w->store, path, value), 0);
    assert_int_equal(weir_fake_store_own(w->store, path, owner, reader), 0);
}

static void write_registry(struct blk_world *w)
{
    set(w, "/local/domain/5/device", "", "", BLK_FRONT, -1);
    set(w, "/local/domain/2/backend", "", "", BLK_BACK, -1);
    set(w, "/local/domain/2/backend/vbd", "", "", BLK_BACK, -1);
    set(w, "/local/domain/2/backend/vbd/5", "", "", BLK_BACK, BLK_FRONT);
    set(w, BLK_FPATH, "", "", BLK_FRONT, BLK_BACK);
    set(w, BLK_FPATH, "backend", BLK_BPATH, BLK_FRONT, BLK_BACK);
    set(w, BLK_FPATH, "backend-id", "2", BLK_FRONT, BLK_BACK);
    set(w, BLK_FPATH, "state", "1", BLK_FRONT, BLK_BACK);
    set(w, BLK_BPATH, "", "", BLK_BACK, BLK_FRONT);
    set(w, BLK_BPATH, "frontend", BLK_FPATH, BLK_BACK, BLK_FRONT);
    set(w, BLK_BPATH, "frontend-id", "5", BLK_BACK, BLK_FRONT);
    set(w, BLK_BPATH, "state", "1", BLK_BACK, BLK_FRONT);
}

void blk_world_start_backend(struct blk_world *w,
                             const struct weir_resource *res)
{
    struct weir_backend_config cfg = {.port = w->bport,
                                      .xs = &w->bxs,
                                      .resource_fd = -1,
                                      .classes = classes,
                                      .nclasses = 1,
                                      .context = &w->options};
    struct weir_resource r = *res;
    int fd = -1;

    assert_int_equal(weir_fake_store_connect(w->store, &w->bxs, BLK_BACK), 0);
    assert_int_equal(
        w->bport->ops->alloc_pages(w->bport, 1, (void **)&w->stats), 0);
    weir_stats_init(w->stats, 1);
    assert_int_equal(weir_qpool_new(4, weir_blk_aio_prepare,
                                    weir_blk_aio_unprepare, &w->pool),
                     0);
    cfg.stats = w->stats;
    cfg.pool = w->pool;
    assert_int_equal(weir_backend_new(&cfg, &w->be), 0);
    if (w->fd >= 0)
        fd = dup(w->fd);
    r.nfds = fd >= 0;
    assert_int_equal(weir_backend_give(w->be, &r, &fd, r.nfds), 0);
    assert_int_equal(pthread_create(&w->thread, NULL, run_backend, w), 0);
    w->running = true;
}

void blk_world_stop_backend(struct blk_world *w)
{
    if (!w->running)
        return;
    weir_backend_stop(w->be);
    if (!w->joined)
        pthread_join(w->thread, NULL);
    w->joined = false;
    weir_backend_free(w->be);
    weir_qpool_free(w->pool);
    w->bport->ops->free_pages(w->bport, w->stats, 1);
    weir_fake_store_disconnect(w->store, &w->bxs);
    w->running = false;
}

void blk_world_restart_backend(struct blk_world *w,
                               const struct weir_resource *res)
{
    blk_world_stop_backend(w);
    set(w, BLK_BPATH, "state", "1", BLK_BACK, BLK_FRONT);
    blk_world_start_backend(w, res);
}

void blk_world_start(struct blk_world *w, const struct weir_resource *res,
                     const struct weir_blk_faults *faults)
{
    memset(w, 0, sizeof(*w));
    w->options.spin_ns = 20000;
    w->options.faults = faults;
    w->fd = -1;
    if (res->vbd.engine != WEIR_VBD_MEMORY) {
        snprintf(w->path, sizeof(w->path), "%s/weir-blk-test.XXXXXX",
                 blk_world_dir);
        w->fd = mkstemp(w->path);
        assert_true(w->fd >= 0);
        unlink(w->path);
        assert_int_equal(ftruncate(w->fd, (off_t)res->vbd.size), 0);
    }
    w->machine = weir_fake_machine_new(FRAMES);
    assert_non_null(w->machine);
    w->fport = weir_fake_domain_add(w->machine, BLK_FRONT, 0);
    w->bport = weir_fake_domain_add(w->machine, BLK_BACK, 0);
    assert_int_equal(weir_fake_store_new(&w->store), 0);
    write_registry(w);
    blk_world_start_backend(w, res);
    assert_int_equal(weir_gnttab_init(&w->gnttab, w->fport), 0);
    w->bus.port = w->fport;
    w->bus.gnttab = &w->gnttab;
    assert_int_equal(weir_fake_store_connect(w->store, &w->bus.xs, BLK_FRONT),
                     0);
}

void blk_world_stop(struct blk_world *w)
{
    blk_world_stop_backend(w);
    weir_gnttab_reap(&w->gnttab);
    weir_fake_store_disconnect(w->store, &w->bus.xs);
    weir_fake_store_free(w->store);
    assert_int_equal(weir_gnttab_fini(&w->gnttab), 0);
    assert_int_equal(weir_fake_machine_free(w->machine), 0);
    if (w->fd >= 0)
        close(w->fd);
}

void blk_world_expect(struct blk_world *w, const char *path, const char *value)
{
    char buf[200] = "";

    for (unsigned i = 0; i < 5000; i++) {
        if (weir_fake_store_get(w->store, path, buf, sizeof(buf)) >= 0 &&
            strcmp(buf, value) == 0)
            return;
        sleep_ms();
    }
    fail_msg("%s is \"%s\", not \"%s\"", path, buf, value);
}

static void publish(struct raw_front *f, unsigned order, bool persistent)
{
    struct blk_world *w = f->w;
    char key[24], value[24];

    for (unsigned i = 0; i < f->npages; i++) {
        if (f->npages == 1)
            strcpy(key, "ring-ref");
        else
            snprintf(key, sizeof(key), "ring-ref%u", i);
        snprintf(value, sizeof(value), "%u", f->ref[i]);
        set(w, BLK_FPATH, key, value, BLK_FRONT, BLK_BACK);
    }
    snprintf(value, sizeof(value), "%u", f->evtchn);
    set(w, BLK_FPATH, "event-channel", value, BLK_FRONT, BLK_BACK);
    if (order > 0) {
        snprintf(value, sizeof(value), "%u", order);
        set(w, BLK_FPATH, "ring-page-order", value, BLK_FRONT, BLK_BACK);
    }
    set(w, BLK_FPATH, "feature-persistent", persistent ? "1" : "0", BLK_FRONT,
        BLK_BACK);
    set(w, BLK_FPATH, "protocol", "x86_64-abi", BLK_FRONT, BLK_BACK);
    set(w, BLK_FPATH, "state", "3", BLK_FRONT, BLK_BACK);
}

void raw_open(struct blk_world *w, struct raw_front *f, unsigned order,
              bool persistent)
{
    struct weir_port *p = w->fport;

    memset(f, 0, sizeof(*f));
    f->w = w;
    blk_world_expect(w, BLK_BPATH "/state", "2");
    for (f->npages = 0; f->npages < 1u << order; f->npages++) {
        unsigned i = f->npages;

        assert_int_equal(p->ops->alloc_pages(p, 1, &f->pages[i]), 0);
        assert_int_equal(weir_gnttab_grant(&w->gnttab, BLK_BACK, f->pages[i],
                                           false, &f->ref[i]),
                         0);
    }
    assert_int_equal(weir_blkif_front_init(&f->ring, f->pages, f->npages), 0);
    assert_int_equal(p->ops->alloc_pages(p, 1, (void **)&f->data), 0);
    assert_int_equal(
        weir_gnttab_grant(&w->gnttab, BLK_BACK, f->data, false, &f->data_ref),
        0);
    assert_int_equal(
        weir_gnttab_grant(&w->gnttab, BLK_BACK, f->data, true, &f->ro_ref), 0);
    assert_int_equal(p->ops->evtchn_alloc(p, BLK_BACK, &f->evtchn), 0);
    publish(f, order, persistent);
}

static void end_grant(struct raw_front *f, grant_ref_t ref)
{
    for (unsigned i = 0; i < 5000; i++) {
        if (weir_gnttab_end(&f->w->gnttab, ref) == 0)
            return;
        sleep_ms();
    }
    fail_msg("the backend does not let go of reference %u", ref);
}

void raw_close(struct raw_front *f)
{
    struct weir_port *p = f->w->fport;

    set(f->w, BLK_FPATH, "state", "6", BLK_FRONT, BLK_BACK);
    for (unsigned i = 0; i < f->npages; i++) {
        end_grant(f, f->ref[i]);
        p->ops->free_pages(p, f->pages[i], 1);
    }
    end_grant(f, f->data_ref);
    end_grant(f, f->ro_ref);
    p->ops->free_pages(p, f->data, 1);
    p->ops->evtchn_close(p, f->evtchn);
}

void raw_send(struct raw_front *f, const union weir_blkif_request *req)
{
    assert_int_equal(weir_blkif_front_put(&f->ring, req), 0);
    weir_blkif_front_push(&f->ring);
    f->w->fport->ops->evtchn_notify(f->w->fport, f->evtchn);
}

int raw_get(struct raw_front *f, struct weir_blkif_response *rsp, unsigned ms)
{
    for (unsigned i = 0; i <= ms; i++) {
        int got = weir_blkif_front_get(&f->ring, rsp);

        if (got != 0)
            return got;
        sleep_ms();
    }
    return 0;
}

int raw_do(struct raw_front *f, union weir_blkif_request *req)
{
    struct weir_blkif_response rsp;
    static uint64_t next_id = 0x1122334455660000;

    req->rw.id = next_id++;
    raw_send(f, req);
    assert_int_equal(raw_get(f, &rsp, 5000), 1);
    assert_int_equal(rsp.id, req->rw.id);
    assert_int_equal(rsp.operation, weir_blkif_answered(req));
    assert_int_equal(rsp.pad, 0);
    assert_int_equal(rsp.pad2, 0);
    return rsp.status;
}

union weir_blkif_request raw_rw(struct raw_front *f, uint8_t op,
                                uint64_t sector, unsigned n)
{
    union weir_blkif_request r;

    memset(&r, 0, sizeof(r));
    r.rw.operation = op;
    r.rw.nr_segments = 1;
    r.rw.sector_number = sector;
    r.rw.seg[0].gref = f->data_ref;
    r.rw.seg[0].last_sect = (uint8_t)(n - 1);
    return r;
}

/* SPDX-License-Identifier: MIT
 *
 * The crash rig: a machine, a backend program and its successors, the process
 * of a case.
 */
#include "tests/unit/crash_rig.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/common/crash_point.h"
#include "backends/common/stats.h"
#include "tests/unit/fake_private.h"
#include "tests/unit/fake_qthread.h"

#define FPATH "/local/domain/5/device/vbd/51712"
#define BPATH "/local/domain/2/backend/vbd/5/51712"
#define IDLE  10000 /* pauses in which nothing moves: something was lost */

static struct weir_back_class vbd_class;
static const struct weir_back_class *const classes[] = {&vbd_class};

/* ---- of the case's process ---- */

static jmp_buf death;
static uint64_t left; /* passages of points; 0: none kills */

void weir_crash_point(void)
{
    if (left != 0 && --left == 0)
        longjmp(death, 1);
}

static void make_registry(struct rig *r)
{
    char n[16];

    snprintf(n, sizeof(n), "%u", r->c->queues);
    rig_set(r, "/local/domain/2/backend", "", "", 2, 5);
    rig_set(r, "/local/domain/2/backend/vbd", "", "", 2, 5);
    rig_set(r, "/local/domain/2/backend/vbd/5", "", "", 2, 5);
    rig_set(r, FPATH, "", "", 5, 2);
    rig_set(r, FPATH, "state", "1", 5, 2);
    rig_set(r, BPATH, "", "", 2, 5);
    rig_set(r, BPATH, "frontend", FPATH, 2, 5);
    rig_set(r, BPATH, "frontend-id", "5", 2, 5);
    rig_set(r, BPATH, "state", "1", 2, 5);
    for (unsigned i = 0; i < r->c->queues; i++)
        rig_front_open(r, i);
    if (r->c->queues > 1)
        rig_set(r, FPATH, "multi-queue-num-queues", n, 5, 2);
    snprintf(n, sizeof(n), "%u", r->c->order);
    if (r->c->order > 0)
        rig_set(r, FPATH, "ring-page-order", n, 5, 2);
    rig_set(r, FPATH, "feature-persistent", r->c->persistent ? "1" : "0", 5, 2);
}

static void make_machine(struct rig *r)
{
    r->random = r->c->seed;
    r->fd = memfd_create("weir-crash", MFD_CLOEXEC);
    RIG_CHECK(r->fd >= 0 && ftruncate(r->fd, RIG_DISK) == 0, "no image");
    r->machine = weir_fake_machine_new(768);
    r->fport = weir_fake_domain_add(r->machine, 5, 0);
    r->bport = weir_fake_domain_add(r->machine, 2, 0);
    if (r->c->max_maps != 0)
        weir_fake_set_max_maps(r->bport, r->c->max_maps);
    RIG_CHECK(weir_fake_store_new(&r->store) == 0 &&
                  weir_gnttab_init(&r->gnttab, r->fport) == 0,
              "no machine");
    make_registry(r);
}

/* ---- a program: until it dies, or all is answered ---- */

/* Queue threads that run before Connected is written have their chance. */
static int slow_connected(struct weir_back_dev *dev, weir_xs_tx tx)
{
    for (unsigned i = 0; i < 4; i++)
        fake_qthreads_run(weir_backend_cfg(dev->be)->pool);
    return weir_vbd_class.connected(dev, tx);
}

struct program {
    struct weir_xs xs;
    struct weir_stats_page stats;
    struct weir_blk_options options;
    struct weir_qpool *pool;
    struct weir_backend *be;
};

static void start(struct rig *r, struct program *p, bool resume)
{
    struct weir_backend_config cfg = {.port = r->bport,
                                      .xs = &p->xs,
                                      .resource_fd = -1,
                                      .classes = classes,
                                      .nclasses = 1,
                                      .stats = &p->stats,
                                      .context = &p->options};
    struct weir_resource res = {.magic = WEIR_RES_MAGIC,
                                .version = WEIR_RES_VERSION,
                                .op =
                                    resume ? WEIR_RES_RESUME : WEIR_RES_ATTACH,
                                .cls = WEIR_RES_VBD,
                                .frontend = 5,
                                .devid = 51712,
                                .nfds = 1};
    int fd = dup(r->fd);

    memset(p, 0, sizeof(*p));
    vbd_class = weir_vbd_class;
    if (r->c->early)
        vbd_class.connected = slow_connected;
    weir_stats_take_over(&p->stats, 1);
    p->options.faults = &r->c->faults;
    res.vbd.engine = r->c->engine;
    res.vbd.sector_size = 512;
    res.vbd.queues = RIG_QUEUES;
    res.vbd.iops = r->c->iops;
    res.vbd.flags = WEIR_VBD_DISCARD;
    /* A process that ends with contexts of the kernel's waits long. */
    RIG_CHECK(weir_fake_store_connect(r->store, &p->xs, 2) == 0 &&
                  weir_qpool_new(RIG_QUEUES,
                                 r->c->engine == WEIR_VBD_LIBAIO
                                     ? weir_blk_aio_prepare
                                     : NULL,
                                 weir_blk_aio_unprepare, &p->pool) == 0,
              "no program");
    cfg.pool = p->pool;
    RIG_CHECK(weir_backend_new(&cfg, &p->be) == 0 &&
                  weir_backend_give(p->be, &res, &fd, 1) == 0,
              "no backend");
    if (!resume)
        return;
    res.op = WEIR_RES_RESUMED;
    res.nfds = 0;
    weir_backend_give(p->be, &res, NULL, 0);
}

/* The manager says so to each program. */
static void detach(struct program *p)
{
    const struct weir_resource res = {.magic = WEIR_RES_MAGIC,
                                      .version = WEIR_RES_VERSION,
                                      .op = WEIR_RES_DETACH,
                                      .cls = WEIR_RES_VBD,
                                      .frontend = 5,
                                      .devid = 51712};

    RIG_CHECK(weir_backend_give(p->be, &res, NULL, 0) == 0, "no detach");
}

/* The frontend's part of coming up. */
static void connect_front(struct rig *r, struct program *p)
{
    rig_control(p->be);
    if (rig_state(r->store, FPATH) == WEIR_XENBUS_CONNECTED)
        return;
    if (rig_state(r->store, FPATH) < WEIR_XENBUS_INITIALISED) {
        RIG_CHECK(rig_state(r->store, BPATH) == WEIR_XENBUS_INIT_WAIT,
                  "the backend is not in InitWait");
        rig_set(r, FPATH, "state", "3", 5, 2);
        for (unsigned i = 0; r->c->early && i < r->c->queues; i++)
            rig_front_step(&r->front[i]);
        rig_control(p->be);
    }
    RIG_CHECK(rig_state(r->store, BPATH) == WEIR_XENBUS_CONNECTED,
              "the backend is not Connected");
    rig_set(r, FPATH, "state", "4", 5, 2);
    rig_control(p->be);
}

static bool finished(const struct rig *r)
{
    for (unsigned i = 0; i < r->c->queues; i++)
        if (r->front[i].answered < r->c->requests)
            return false;
    return true;
}

static void live(struct rig *r, struct program *p)
{
    const unsigned last =
        r->c->detach ? WEIR_XENBUS_CLOSING : WEIR_XENBUS_CONNECTED;
    unsigned idle = 0;

    connect_front(r, p);
    if (r->detached)
        detach(p);
    while (!finished(r)) {
        bool moved = false;

        if (r->c->detach && !r->detached &&
            r->front[0].answered > r->c->requests / 3) {
            r->detached = true;
            detach(p);
        }

        for (unsigned i = 0; i < r->c->queues; i++)
            moved |= rig_front_step(&r->front[i]);
        fake_qthreads_run(p->pool);
        idle = moved ? 0 : idle + 1;
        if (idle > 100) /* the kernel's work, and limits, take time */
            usleep(200);
        RIG_CHECK(idle < IDLE, "nothing moves: %u and %u in flight",
                  r->front[0].inflight, r->front[1].inflight);
    }
    rig_control(p->be);
    RIG_CHECK(rig_state(r->store, BPATH) == last,
              "the backend is not as it was any more");
}

/* Frontend and backend part in order, and nothing is left of either. */
static void end(struct rig *r, struct program *p)
{
    for (unsigned i = 0; i < r->c->queues; i++)
        rig_front_verify(&r->front[i]);
    rig_set(r, FPATH, "state", "6", 5, 2);
    rig_control(p->be);
    RIG_CHECK(rig_state(r->store, BPATH) == WEIR_XENBUS_CLOSED, "not Closed");
    rig_nothing_left(r->bport);
}

/* The frontend lives on, and polls: it sees what was published. */
static void outage(struct rig *r)
{
    for (unsigned n = rig_random(r, 4); n > 0; n--)
        for (unsigned i = 0; i < r->c->queues; i++)
            if (rig_state(r->store, FPATH) == WEIR_XENBUS_CONNECTED) {
                r->front[i].asleep = false;
                rig_front_step(&r->front[i]);
            }
}

/* Bytes that the log has, more often those that mean much. */
static void spoil(struct rig *r)
{
    struct fake_domain *d = fake_of(r->bport);

    for (unsigned n = 0; n < r->c->spoil; n++) {
        const struct fake_kept *k = &d->kept[rig_random(r, FAKE_KEPT)];
        uint32_t at = rig_random(r, k->count * WEIR_PAGE_SIZE);
        uint8_t *p = d->m->mem + (size_t)k->first * WEIR_PAGE_SIZE;

        if (k->count == 0) {
            n--;
            continue;
        }
        if (rig_random(r, 2) == 0) /* the page's head, and seq and answer */
            at = at % 128 < 32 ? at % 512 : at / 128 * 128 + 112 + at % 16;
        p[at] = (uint8_t)rig_random(r, rig_random(r, 2) == 0 ? 8 : 256);
    }
}

static int live_spoilt(struct rig *r, struct program *p)
{
    char reason[160] = "";
    unsigned state;

    for (unsigned i = 0; i < 300; i++) {
        fake_qthreads_run(p->pool);
        if (i % 50 == 0)
            rig_control(p->be);
    }
    rig_control(p->be);
    state = rig_state(r->store, BPATH);
    weir_fake_store_get(r->store, BPATH "/error", reason, sizeof(reason));
    RIG_CHECK(state == WEIR_XENBUS_CONNECTED ||
                  (state == WEIR_XENBUS_CLOSING && reason[0] != '\0'),
              "the backend is in state %u: %s", state, reason);
    weir_backend_free(p->be);
    RIG_CHECK(weir_fake_pages(r->bport) == 0, "the backend keeps pages");
    return RIG_GOOD;
}

static int run(const void *a_case, uint64_t at)
{
    const struct rig_case *c = a_case;
    static struct rig r; /* not in registers when the program dies */
    static struct program p;
    static volatile bool died;

    r.c = c;
    make_machine(&r);
    left = at;
    if (setjmp(death) != 0) {
        died = true;
        outage(&r);
        weir_fake_store_disconnect(r.store, &p.xs);
        weir_fake_domain_revive(r.bport);
        outage(&r);
        spoil(&r);
        left = c->again ? 1 + rig_random(&r, 300) : 0;
    }
    start(&r, &p, died);
    if (died && c->spoil > 0)
        return live_spoilt(&r, &p);
    live(&r, &p);
    left = 0;
    end(&r, &p);
    return died ? RIG_GOOD : RIG_OVER;
}

enum rig_result rig_run(const void *c, uint64_t at, bool quiet)
{
    return rig_fork(run, c, at, quiet);
}

/* SPDX-License-Identifier: MIT */
#include "backends/xen/xen_manager.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/common/resource.h"
#include "xenbus/state.h"

#define EVENTS_A_STEP 64

enum stage {
    UNUSED,
    NEW,       /* nothing of it is the backend's */
    ANNOUNCED, /* in InitWait, its script runs */
    GIVEN,     /* ATTACH is sent */
    SERVED,    /* ATTACHED came: what fails now is the frontend's affair */
    FAILED,    /* reason in its error node */
    LEAVING,   /* DETACH is sent */
    GONE,      /* the directory is all that is left */
};

struct entry {
    enum stage stage;
    struct weir_xen_dev dev;
    struct weir_resource res;
    uint32_t first; /* packet; answers to earlier ones are about another */
    bool begun;     /* seen in a later state than Initialising */
};

struct weir_xen_manager {
    struct weir_xen_manager_config cfg;
    uint32_t seq;
    bool full; /* told once */
    struct entry entries[];
};

static void say(struct weir_xen_manager *m, const struct entry *e,
                enum weir_log_level level, const char *text)
{
    char line[WEIR_XEN_WHY + 64];

    snprintf(line, sizeof(line), "%s of domain %u, device %" PRIu32 ": %s",
             m->cfg.kind->name, e->dev.frontend, e->dev.devid, text);
    m->cfg.log(m->cfg.context, level, line);
}

static int tell(struct weir_xen_manager *m, struct entry *e, uint32_t op,
                const int *fds)
{
    e->res.op = op;
    e->res.cls = m->cfg.kind->resource_class;
    e->res.frontend = e->dev.frontend;
    e->res.devid = e->dev.devid;
    e->res.seq = ++m->seq;
    if (e->stage == NEW)
        e->first = e->res.seq;
    if (op != WEIR_RES_ATTACH)
        e->res.nfds = 0;
    return weir_resource_send(m->cfg.channel, &e->res, fds);
}

/* Closing, unless state is NULL: the backend says it. */
static void put_error(struct entry *e, const char *why, const char *state)
{
    struct weir_xen_pair nodes[4] = {{"error", why}};
    unsigned n = 1;

    if (!e->dev.script) {
        nodes[n++] = (struct weir_xen_pair){"hotplug-error", why};
        nodes[n++] = (struct weir_xen_pair){"hotplug-status", "error"};
    }
    if (state != NULL)
        nodes[n++] = (struct weir_xen_pair){"state", state};
    weir_xen_put(&e->dev, nodes, n);
}

static void fail(struct weir_xen_manager *m, struct entry *e)
{
    bool announced = e->stage == ANNOUNCED;

    say(m, e, WEIR_LOG_ERROR, e->dev.why);
    put_error(e, e->dev.why, announced ? NULL : "5");
    if (announced)
        tell(m, e, WEIR_RES_DETACH, NULL); /* which goes to Closed */
    e->stage = FAILED;
}

/* What the toolstack, or its script, has told so far. */
static void offer(struct weir_xen_manager *m, struct entry *e)
{
    int fds[WEIR_RES_MAX_FDS], err;
    char script[8];
    int n = weir_xen_node(&e->dev, "script", script, sizeof(script));

    e->dev.script = m->cfg.hotplug == WEIR_XEN_HOTPLUG_SCRIPT ||
                    (m->cfg.hotplug == WEIR_XEN_HOTPLUG_AUTO && n != 0);
    e->dev.xs = m->cfg.xs;
    e->dev.queues = m->cfg.queues;
    memset(&e->res, 0, sizeof(e->res));
    if (e->stage == NEW && m->cfg.kind->announce && e->dev.script) {
        e->res.vbd.queues = m->cfg.queues;
        if (tell(m, e, WEIR_RES_ANNOUNCE, NULL) == 0)
            e->stage = ANNOUNCED;
    }
    err = m->cfg.kind->open(&e->dev, &e->res, fds);
    if (err == -EAGAIN)
        return;
    if (err == 0) {
        err = tell(m, e, WEIR_RES_ATTACH, fds);
        for (unsigned i = 0; i < e->res.nfds; i++)
            close(fds[i]);
        if (err != 0)
            weir_xen_fail(&e->dev, err, "not handed to the backend: %s",
                          strerror(-err));
    }
    if (err == 0)
        e->stage = GIVEN;
    else
        fail(m, e);
}

static bool is_given(const struct entry *e)
{
    return e->stage == ANNOUNCED || e->stage == GIVEN || e->stage == SERVED;
}

/* xl in dom0 waits for the directory of a driver domain's device to go; where
 * `xl devd` runs scripts there, that removes it. */
static void remove_directory(struct weir_xen_manager *m, struct entry *e)
{
    if (!e->dev.script && m->cfg.domid != 0)
        weir_xen_remove(&e->dev);
}

/* The toolstack takes the device away and waits for Closed. */
static void leave(struct weir_xen_manager *m, struct entry *e)
{
    if (is_given(e)) {
        tell(m, e, WEIR_RES_DETACH, NULL);
        e->stage = LEAVING;
    } else if (e->stage == NEW || e->stage == FAILED) {
        const struct weir_xen_pair closed = {"state", "6"};

        weir_xen_put(&e->dev, &closed, 1);
        remove_directory(m, e);
        e->stage = GONE;
    }
}

/* The backend may wait for the frontend still: a second DETACH means now. Until
 * it answers it has the tap, or the image's lock. */
static void let_go(struct weir_xen_manager *m, struct entry *e)
{
    bool given = is_given(e) || e->stage == LEAVING;

    if (given)
        tell(m, e, WEIR_RES_DETACH, NULL);
    e->stage = given ? LEAVING : UNUSED;
}

/* A directory made in the place of one that went, before anybody looked: no
 * backend goes back to Initialising, and online comes back for nobody. */
static bool is_another(struct entry *e, uint64_t state)
{
    char error[8];

    if (e->stage == GONE || state != WEIR_XENBUS_INITIALISING)
        return e->stage == GONE;
    if (e->stage == FAILED)
        return weir_xen_node(&e->dev, "error", error, sizeof(error)) == 0;
    return is_given(e) && e->begun;
}

static void look(struct weir_xen_manager *m, struct entry *e)
{
    uint64_t id, online = 1, state = 0;
    int err = weir_xs_read_u64(m->cfg.xs, 0, e->dev.dir, "frontend-id", &id);

    if (err == -ENOENT) {
        let_go(m, e);
        return;
    }
    if (err != 0 || id != e->dev.frontend ||
        weir_xs_read_u64(m->cfg.xs, 0, e->dev.dir, "state", &state) != 0)
        return; /* not all of it is there yet */
    weir_xs_read_u64(m->cfg.xs, 0, e->dev.dir, "online", &online);
    if (online == 0 || (is_given(e) && is_another(e, state))) {
        leave(m, e);
        return;
    }
    if (is_another(e, state))
        e->stage = NEW;
    e->begun = state > WEIR_XENBUS_INITIALISING;
    if (e->stage == NEW || e->stage == ANNOUNCED)
        offer(m, e);
}

static struct entry *find(struct weir_xen_manager *m, domid_t frontend,
                          uint32_t devid)
{
    for (unsigned i = 0; i < m->cfg.max_devs; i++) {
        struct entry *e = &m->entries[i];

        if (e->stage != UNUSED && e->dev.frontend == frontend &&
            e->dev.devid == devid)
            return e;
    }
    return NULL;
}

static struct entry *add(struct weir_xen_manager *m, domid_t frontend,
                         uint32_t devid)
{
    for (unsigned i = 0; i < m->cfg.max_devs; i++) {
        struct entry *e = &m->entries[i];

        if (e->stage != UNUSED)
            continue;
        memset(e, 0, sizeof(*e));
        e->stage = NEW;
        e->dev.xs = m->cfg.xs;
        e->dev.frontend = frontend;
        e->dev.devid = devid;
        snprintf(e->dev.dir, sizeof(e->dev.dir), "backend/%s/%u/%" PRIu32,
                 m->cfg.kind->name, frontend, devid);
        m->full = false;
        return e;
    }
    if (!m->full)
        m->cfg.log(m->cfg.context, WEIR_LOG_WARN,
                   "no room for another device: detach one");
    m->full = true;
    return NULL;
}

static void look_at(void *manager, domid_t frontend, uint32_t devid)
{
    struct weir_xen_manager *m = manager;
    struct entry *e = find(m, frontend, devid);

    if (e == NULL)
        e = add(m, frontend, devid);
    if (e != NULL)
        look(m, e);
}

/* Every device: at the start, and after events were lost. */
static void rescan(struct weir_xen_manager *m)
{
    for (unsigned i = 0; i < m->cfg.max_devs; i++)
        if (m->entries[i].stage != UNUSED)
            look(m, &m->entries[i]);
    weir_xen_each(m->cfg.xs, m->cfg.kind->name, look_at, m);
}

static void event(struct weir_xen_manager *m, const char *path)
{
    domid_t frontend;
    uint32_t devid;

    if (weir_xen_device_of(path, m->cfg.kind->name, &frontend, &devid))
        look_at(m, frontend, devid);
    else
        rescan(m);
}

/* 1: there may be more. */
static int registry_events(struct weir_xen_manager *m)
{
    struct weir_xs_event ev;

    for (unsigned n = 0; n < EVENTS_A_STEP; n++) {
        int got = weir_xs_next_event(m->cfg.xs, &ev);

        if (got <= 0)
            return got;
        if (got == WEIR_XS_OVERFLOW)
            rescan(m);
        else
            event(m, ev.path);
    }
    return 1;
}

static void detached(struct weir_xen_manager *m, struct entry *e)
{
    if (e->stage == LEAVING)
        remove_directory(m, e);
    if (e->stage == LEAVING || is_given(e))
        e->stage = GONE;
    look(m, e);
}

/* The resources are taken. */
static void served(struct weir_xen_manager *m, struct entry *e)
{
    int err = 0;

    e->stage = SERVED;
    if (!e->dev.script)
        err = m->cfg.kind->told(&e->dev, &e->res);
    if (err == 0 || err == -ENOENT)
        return;
    weir_xen_fail(&e->dev, err, "the toolstack cannot be told: %s",
                  strerror(-err));
    say(m, e, WEIR_LOG_ERROR, e->dev.why);
}

static void answer(struct weir_xen_manager *m,
                   const struct weir_resource_event *ev)
{
    struct entry *e;

    if (ev->type == WEIR_RES_EV_READY) {
        m->cfg.log(m->cfg.context, WEIR_LOG_INFO, "ready");
        return;
    }
    if (ev->frontend > WEIR_XEN_DOMID_MAX)
        return;
    e = find(m, (domid_t)ev->frontend, ev->devid);
    if (e == NULL || (int32_t)(ev->seq - e->first) < 0)
        return;
    if (ev->type == WEIR_RES_EV_ATTACHED && e->stage == GIVEN) {
        served(m, e);
    } else if (ev->type == WEIR_RES_EV_ERROR && e->stage == GIVEN) {
        put_error(e, ev->text, NULL);
    } else if (ev->type == WEIR_RES_EV_DETACHED ||
               (ev->type == WEIR_RES_EV_ERROR && e->stage == LEAVING)) {
        detached(m, e);
    }
}

/* So many that a backend that never ends keeps us from nothing else. */
static int answers(struct weir_xen_manager *m)
{
    struct weir_resource_event ev;
    int err = 0;

    for (unsigned n = 0; err == 0 && n < EVENTS_A_STEP; n++) {
        err = weir_resource_wait(m->cfg.channel, &ev, 0);
        if (err == 0)
            answer(m, &ev);
    }
    return err == -ETIMEDOUT || err == -EPROTO || err == -EINTR ? 0 : err;
}

int weir_xen_manager_step(struct weir_xen_manager *m, int also_fd,
                          int timeout_ms)
{
    struct pollfd fds[3] = {{.fd = m->cfg.xs->fd, .events = POLLIN},
                            {.fd = m->cfg.channel, .events = POLLIN},
                            {.fd = also_fd, .events = POLLIN}};
    int more = registry_events(m), err;

    if (more < 0)
        return more;
    if (more == 0 && poll(fds, 3, timeout_ms) < 0 && errno != EINTR)
        return -errno;
    err = answers(m);
    if (err != 0)
        return err;
    more = registry_events(m);
    return more < 0 ? more : 0;
}

int weir_xen_manager_new(const struct weir_xen_manager_config *cfg,
                         struct weir_xen_manager **out)
{
    struct weir_xen_manager *m =
        calloc(1, sizeof(*m) + cfg->max_devs * sizeof(m->entries[0]));
    char path[WEIR_XEN_DIR];
    int err;

    if (m == NULL)
        return -ENOMEM;
    m->cfg = *cfg;
    snprintf(path, sizeof(path), "backend/%s", cfg->kind->name);
    err = weir_xs_watch(cfg->xs, path, cfg->kind->name);
    if (err != 0) {
        free(m);
        return err;
    }
    *out = m;
    return 0;
}

void weir_xen_manager_free(struct weir_xen_manager *m)
{
    char path[WEIR_XEN_DIR];

    snprintf(path, sizeof(path), "backend/%s", m->cfg.kind->name);
    weir_xs_unwatch(m->cfg.xs, path, m->cfg.kind->name);
    free(m);
}

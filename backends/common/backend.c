/* SPDX-License-Identifier: MIT
 *
 * The control loop of a backend: registry events, the resource channel, and
 * failures that queue threads report.
 */
#include "backends/common/backend_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends/common/resource.h"
#include "ring/barrier.h"

#define MAX_DEVS      64
#define DIR_BYTES     16384
#define EVENTS_A_STEP 64
#define POLL_MS       1000
#define NO_FD_POLL_MS 2 /* ports without descriptors: tests */

static const struct weir_back_class *class_of(struct weir_backend *be,
                                              const char *name, size_t len)
{
    for (unsigned i = 0; i < be->cfg.nclasses; i++)
        if (strlen(be->cfg.classes[i]->name) == len &&
            memcmp(be->cfg.classes[i]->name, name, len) == 0)
            return be->cfg.classes[i];
    return NULL;
}

void weir_back_answer(struct weir_backend *be, int type,
                      const struct weir_resource *about, const char *text)
{
    if (be->cfg.resource_fd >= 0 && !be->channel_gone)
        weir_resource_answer(be->cfg.resource_fd, type, about, text);
}

static bool number(const char **s, char end, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;
    const char *p = *s;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        v = v * 10 + (uint64_t)(*p - '0');
        if (v > max)
            return false;
    }
    if (*p == end && end != '\0')
        p++;
    else if (*p != '\0' && *p != '/')
        return false;
    *out = (uint32_t)v;
    *s = p;
    return true;
}

static void probe(struct weir_backend *be, const struct weir_back_class *cls,
                  domid_t frontend, uint32_t devid)
{
    struct weir_back_slot *s = weir_back_find(be, cls, frontend, devid);

    if (s == NULL)
        s = weir_back_add(be, cls, frontend, devid);
    if (s != NULL)
        weir_back_probe(s);
    else
        be->cfg.port->ops->log(be->cfg.port, WEIR_LOG_WARN,
                               "no room for another device: use another driver "
                               "domain for it");
}

static int list(struct weir_backend *be, const char *path, char *buf)
{
    int n = weir_xs_ls(be->cfg.xs, 0, path, buf, DIR_BYTES - 1);

    if (n >= 0)
        buf[n] = '\0';
    return n;
}

/* All devices of a class: at the start, and after events were lost. */
static void rescan(struct weir_backend *be, const struct weir_back_class *cls)
{
    char doms[DIR_BYTES], devs[DIR_BYTES], path[WEIR_BACK_PATH];
    int ndoms, ndevs;

    for (unsigned i = 0; i < be->nslots; i++)
        if (be->slots[i].dev != NULL && be->slots[i].dev->cls == cls)
            weir_back_probe(&be->slots[i]);
    snprintf(path, sizeof(path), "backend/%s", cls->name);
    ndoms = list(be, path, doms);
    for (int i = 0; i < ndoms; i += (int)strlen(doms + i) + 1) {
        const char *p = doms + i;
        uint32_t dom, dev;

        if (!number(&p, '\0', 32751, &dom) || *p != '\0')
            continue;
        snprintf(path, sizeof(path), "backend/%s/%u", cls->name, dom);
        ndevs = list(be, path, devs);
        for (int j = 0; j < ndevs; j += (int)strlen(devs + j) + 1) {
            p = devs + j;
            if (number(&p, '\0', UINT32_MAX, &dev) && *p == '\0')
                probe(be, cls, (domid_t)dom, dev);
        }
    }
}

/* A path below backend/CLASS: "…/vbd/5/51712/state" concerns one device. */
static void own_event(struct weir_backend *be,
                      const struct weir_back_class *cls, const char *path)
{
    char prefix[32];
    uint32_t dom, dev;
    const char *p;

    snprintf(prefix, sizeof(prefix), "backend/%s", cls->name);
    p = strstr(path, prefix);
    p = p != NULL ? p + strlen(prefix) : "";
    if (*p++ == '/' && number(&p, '/', 32751, &dom) && p[-1] == '/' &&
        number(&p, '\0', UINT32_MAX, &dev)) {
        struct weir_back_slot *s = weir_back_find(be, cls, (domid_t)dom, dev);

        /* Echoes of our own writes end here. */
        if (s != NULL && s->in_registry && *p == '/' &&
            strcmp(p, "/frontend") != 0 && strcmp(p, "/frontend-id") != 0)
            return;
        probe(be, cls, (domid_t)dom, dev);
    } else {
        rescan(be, cls);
    }
}

static void frontend_event(struct weir_backend *be, const char *token)
{
    for (unsigned i = 0; i < be->nslots; i++)
        if (be->slots[i].dev != NULL &&
            strcmp(be->slots[i].dev->path, token) == 0)
            weir_back_follow(&be->slots[i]);
}

static void everything(struct weir_backend *be)
{
    for (unsigned i = 0; i < be->cfg.nclasses; i++)
        rescan(be, be->cfg.classes[i]);
    for (unsigned i = 0; i < be->nslots; i++)
        if (be->slots[i].dev != NULL)
            weir_back_follow(&be->slots[i]);
}

/* 1 when there may be more, 0 when not, negative when the registry broke. */
static int registry_events(struct weir_backend *be)
{
    struct weir_xs_event ev;

    for (unsigned n = 0; n < EVENTS_A_STEP; n++) {
        const struct weir_back_class *cls;
        int got = weir_xs_next_event(be->cfg.xs, &ev);

        if (got <= 0)
            return got;
        if (got == WEIR_XS_OVERFLOW) {
            everything(be);
            continue;
        }
        cls = class_of(be, ev.token, strlen(ev.token));
        if (cls != NULL)
            own_event(be, cls, ev.path);
        else
            frontend_event(be, ev.token);
    }
    return 1;
}

void weir_backend_fail(struct weir_back_dev *dev, const char *reason)
{
    struct weir_backend *be = dev->be;
    struct weir_back_slot *s = &be->slots[dev->slot];
    uint64_t one = 1;

    pthread_mutex_lock(&be->lock);
    if (s->dev == dev && s->failure[0] == '\0')
        snprintf(s->failure, sizeof(s->failure), "%s",
                 reason[0] != '\0' ? reason : "failed");
    pthread_mutex_unlock(&be->lock);
    if (write(be->wake_fd, &one, sizeof(one)) < 0)
        return; /* the counter is at its limit: it is awake */
}

static void failures(struct weir_backend *be)
{
    char reason[WEIR_BACK_FAILURE];
    uint64_t count;

    if (read(be->wake_fd, &count, sizeof(count)) < 0)
        return;
    for (unsigned i = 0; i < be->nslots; i++) {
        struct weir_back_slot *s = &be->slots[i];

        pthread_mutex_lock(&be->lock);
        memcpy(reason, s->failure, sizeof(reason));
        s->failure[0] = '\0';
        pthread_mutex_unlock(&be->lock);
        if (reason[0] != '\0' && s->dev != NULL)
            weir_back_fail_now(s, reason);
    }
}

static void sleep_until_event(struct weir_backend *be, int timeout_ms)
{
    struct weir_port *p = be->cfg.port;
    struct pollfd fds[3] = {{.fd = be->wake_fd, .events = POLLIN},
                            {.fd = -1, .events = POLLIN},
                            {.fd = be->cfg.xs->fd, .events = POLLIN}};
    bool ring = p->start.store_page != NULL;

    if (!be->channel_gone)
        fds[1].fd = be->cfg.resource_fd;
    if (ring)
        fds[2].fd = p->ops->evtchn_fd != NULL
                        ? p->ops->evtchn_fd(p, p->start.store_evtchn)
                        : -1;
    if (fds[2].fd < 0 && timeout_ms > NO_FD_POLL_MS)
        timeout_ms = NO_FD_POLL_MS;
    if (poll(fds, 3, timeout_ms) > 0 && ring && (fds[2].revents & POLLIN))
        p->ops->evtchn_clear(p, p->start.store_evtchn);
}

int weir_backend_step(struct weir_backend *be, int timeout_ms)
{
    int more = registry_events(be);

    if (more < 0)
        return more;
    if (more == 0)
        sleep_until_event(be, timeout_ms);
    failures(be);
    weir_back_resources(be);
    more = registry_events(be);
    return more < 0 ? more : 0;
}

int weir_backend_run(struct weir_backend *be)
{
    while (weir_load_acquire32(&be->stop) == 0) {
        int err = weir_backend_step(be, POLL_MS);

        if (err < 0)
            return err;
    }
    return 0;
}

void weir_backend_stop(struct weir_backend *be)
{
    uint64_t one = 1;

    weir_store_release32(&be->stop, 1);
    if (write(be->wake_fd, &one, sizeof(one)) < 0)
        return;
}

const struct weir_backend_config *weir_backend_cfg(struct weir_backend *be)
{
    return &be->cfg;
}

static int watch_classes(struct weir_backend *be)
{
    char path[WEIR_BACK_PATH];
    int err = 0;

    for (unsigned i = 0; i < be->cfg.nclasses && err == 0; i++) {
        snprintf(path, sizeof(path), "backend/%s", be->cfg.classes[i]->name);
        err = weir_xs_watch(be->cfg.xs, path, be->cfg.classes[i]->name);
    }
    return err;
}

int weir_backend_new(const struct weir_backend_config *cfg,
                     struct weir_backend **out)
{
    unsigned n = cfg->max_devs != 0 ? cfg->max_devs : MAX_DEVS;
    struct weir_backend *be = calloc(1, sizeof(*be) + n * sizeof(be->slots[0]));
    int err;

    if (be == NULL)
        return -ENOMEM;
    be->cfg = *cfg;
    be->nslots = n;
    be->wake_fd = cfg->wake_fd > 0 ? cfg->wake_fd
                                   : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (be->wake_fd < 0) {
        free(be);
        return -errno;
    }
    pthread_mutex_init(&be->lock, NULL);
    err = watch_classes(be);
    if (err != 0) {
        weir_backend_free(be);
        return err;
    }
    weir_back_answer(be, WEIR_RES_EV_READY, NULL, NULL);
    *out = be;
    return 0;
}

void weir_backend_free(struct weir_backend *be)
{
    for (unsigned i = 0; i < be->nslots; i++)
        if (be->slots[i].dev != NULL)
            weir_back_release(&be->slots[i]);
    for (unsigned i = 0; i < be->cfg.nclasses; i++) {
        char path[WEIR_BACK_PATH];

        snprintf(path, sizeof(path), "backend/%s", be->cfg.classes[i]->name);
        weir_xs_unwatch(be->cfg.xs, path, be->cfg.classes[i]->name);
    }
    pthread_mutex_destroy(&be->lock);
    close(be->wake_fd);
    free(be);
}

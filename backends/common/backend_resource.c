/* SPDX-License-Identifier: MIT
 *
 * What the device manager asks: attach, resume, detach, resize, ping.
 */
#include "backends/common/backend_priv.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backends/common/resource.h"

#define PACKETS_A_STEP 64

static void close_all(const int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        close(fds[i]);
}

static const struct weir_back_class *class_by_resource(struct weir_backend *be,
                                                       uint32_t cls)
{
    for (unsigned i = 0; i < be->cfg.nclasses; i++)
        if (be->cfg.classes[i]->resource_class == cls)
            return be->cfg.classes[i];
    return NULL;
}

static int attach(struct weir_backend *be, const struct weir_back_class *cls,
                  const struct weir_resource *res, const int *fds,
                  unsigned nfds)
{
    domid_t frontend = (domid_t)res->frontend;
    struct weir_back_slot *s = weir_back_find(be, cls, frontend, res->devid);

    if (s == NULL)
        s = weir_back_add(be, cls, frontend, res->devid);
    if (s == NULL || s->has_resource) {
        close_all(fds, nfds);
        return s == NULL ? -ENOSPC : -EEXIST;
    }
    s->dev->res = *res;
    s->dev->nfds = nfds;
    for (unsigned i = 0; i < nfds; i++)
        s->dev->fds[i] = fds[i];
    s->resume = res->op == WEIR_RES_RESUME;
    weir_back_resource(s);
    if (s->dev != NULL && s->resume)
        weir_back_answer(be, WEIR_RES_EV_RESUMED, &s->dev->res, NULL);
    s->resume = false;
    return 0;
}

static int announce(struct weir_backend *be, const struct weir_back_class *cls,
                    const struct weir_resource *res)
{
    domid_t frontend = (domid_t)res->frontend;
    struct weir_back_slot *s = weir_back_find(be, cls, frontend, res->devid);

    if (s == NULL)
        s = weir_back_add(be, cls, frontend, res->devid);
    if (s == NULL || s->has_resource || s->announced)
        return s == NULL ? -ENOSPC : -EEXIST;
    s->dev->res = *res;
    weir_back_announce(s);
    return 0;
}

/* A directory alone has nothing to release, nor an answer of its own: its
 * device was released, and who was told of that died. */
static void detach(struct weir_backend *be, struct weir_back_slot *s,
                   const struct weir_resource *res)
{
    bool given = s->has_resource || s->announced;

    weir_back_detach(s);
    if (!given)
        weir_back_answer(be, WEIR_RES_EV_DETACHED, res, NULL);
}

int weir_backend_give(struct weir_backend *be, const struct weir_resource *res,
                      const int *fds, unsigned nfds)
{
    const struct weir_back_class *cls = class_by_resource(be, res->cls);
    struct weir_back_slot *s;

    if (nfds > WEIR_RES_MAX_FDS || !weir_resource_valid(res, nfds) ||
        (cls == NULL && res->op != WEIR_RES_RESUMED)) {
        close_all(fds, nfds);
        return -EINVAL;
    }
    if (res->op == WEIR_RES_RESUMED) {
        weir_back_resumed(be);
        return 0;
    }
    if (res->op == WEIR_RES_ATTACH || res->op == WEIR_RES_RESUME)
        return attach(be, cls, res, fds, nfds);
    if (res->op == WEIR_RES_ANNOUNCE)
        return announce(be, cls, res);
    close_all(fds, nfds);
    s = weir_back_find(be, cls, (domid_t)res->frontend, res->devid);
    if (s == NULL && res->op == WEIR_RES_DETACH) {
        /* Refused, or released before: the manager need not wait for it. */
        weir_back_answer(be, WEIR_RES_EV_DETACHED, res, NULL);
        return 0;
    }
    if (s == NULL)
        return -ENOENT;
    /* A manager that took over from one that died says it again. */
    if (res->op == WEIR_RES_DETACH && s->detaching && res->seq != 0 &&
        s->dev->res.seq == res->seq)
        return 0;
    s->dev->res.seq = res->seq;
    if (res->op == WEIR_RES_RESIZE) {
        if (res->cls == WEIR_RES_VBD)
            s->dev->res.vbd.size = res->vbd.size;
        weir_back_resized(s);
    } else if (res->op == WEIR_RES_DETACH) {
        detach(be, s, res);
    }
    return 0;
}

void weir_backend_alive(void *backend)
{
    weir_back_answer(backend, WEIR_RES_EV_PONG, NULL, NULL);
}

static const char *refusal(int err)
{
    if (err == -ENOSPC)
        return "the driver domain has as many devices as it can: detach one, "
               "or use another driver domain";
    if (err == -EMFILE)
        return "the driver domain has no file descriptor left: detach a "
               "device, or use another driver domain";
    return strerror(-err);
}

void weir_back_resources(struct weir_backend *be)
{
    struct weir_resource res;
    int fds[WEIR_RES_MAX_FDS], got;
    unsigned nfds;

    if (be->cfg.resource_fd < 0 || be->channel_gone)
        return;
    for (unsigned n = 0; n < PACKETS_A_STEP; n++) {
        got = weir_resource_recv(be->cfg.resource_fd, &res, fds, &nfds);
        if (got == 0)
            return;
        if (got == -EPROTO) {
            weir_back_answer(be, WEIR_RES_EV_ERROR, NULL, "malformed packet");
            continue;
        }
        if (got < 0 && got != -EMFILE) {
            /* The manager is gone; the devices it gave stay in service. */
            be->channel_gone = true;
            return;
        }
        if (res.op == WEIR_RES_PING) {
            close_all(fds, nfds);
            weir_back_answer(be, WEIR_RES_EV_PONG, &res, NULL);
            continue;
        }
        if (got != -EMFILE)
            got = weir_backend_give(be, &res, fds, nfds);
        if (got != 0)
            weir_back_answer(be, WEIR_RES_EV_ERROR, &res, refusal(got));
    }
}

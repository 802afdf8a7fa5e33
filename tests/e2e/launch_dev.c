/* SPDX-License-Identifier: MIT
 *
 * Devices of the test machine, as the device manager makes them.
 */
#include "tests/e2e/launch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/common/resource.h"

#define ATTACH_MS 10000
#define PATH_LEN  128

static const char *class_name(const struct weir_resource *res)
{
    return res->cls == WEIR_RES_VBD ? "vbd" : "vif";
}

static void front_path(const struct launch_dom *front,
                       const struct weir_resource *res, char p[PATH_LEN])
{
    snprintf(p, PATH_LEN, "/local/domain/%u/device/%s/%u", front->domid,
             class_name(res), res->devid);
}

static void back_path(const struct launch_dom *front,
                      const struct launch_dom *back,
                      const struct weir_resource *res, char p[PATH_LEN])
{
    snprintf(p, PATH_LEN, "/local/domain/%u/backend/%s/%u/%u", back->domid,
             class_name(res), front->domid, res->devid);
}

static int make(struct launch *l, weir_xs_tx tx, const char *path,
                domid_t owner, domid_t reader)
{
    char perms[32];
    int n = snprintf(perms, sizeof(perms), "n%u", owner) + 1;
    int err;

    n += snprintf(perms + n, sizeof(perms) - (size_t)n, "r%u", reader) + 1;
    err = weir_xs_mkdir(&l->xs, tx, path);
    if (err == 0)
        err = weir_xs_set_perms(&l->xs, tx, path, perms, (size_t)n);
    return err;
}

static int write_dirs(struct launch *l, weir_xs_tx tx,
                      const struct launch_dom *front,
                      const struct launch_dom *back,
                      const struct weir_resource *res)
{
    char f[PATH_LEN], b[PATH_LEN], dir[PATH_LEN];
    struct weir_xs *xs = &l->xs;
    int err;

    front_path(front, res, f);
    back_path(front, back, res, b);
    snprintf(dir, sizeof(dir), "/local/domain/%u/backend/%s", back->domid,
             class_name(res));
    err = make(l, tx, dir, back->domid, back->domid);
    snprintf(dir, sizeof(dir), "/local/domain/%u/backend/%s/%u", back->domid,
             class_name(res), front->domid);
    if (err == 0)
        err = make(l, tx, dir, back->domid, front->domid);
    if (err == 0)
        err = make(l, tx, f, front->domid, back->domid);
    if (err == 0)
        err = make(l, tx, b, back->domid, front->domid);
    if (err == 0)
        err = weir_xs_write_key(xs, tx, f, "backend", b);
    if (err == 0)
        err = weir_xs_write_u64(xs, tx, f, "backend-id", back->domid);
    if (err == 0)
        err = weir_xs_write_key(xs, tx, b, "frontend", f);
    if (err == 0)
        err = weir_xs_write_u64(xs, tx, b, "frontend-id", front->domid);
    if (err == 0)
        err = weir_xs_write_u64(xs, tx, f, "state", 1);
    if (err == 0)
        err = weir_xs_write_u64(xs, tx, b, "state", 1);
    return err;
}

static int make_dirs(struct launch *l, const struct launch_dom *front,
                     const struct launch_dom *back,
                     const struct weir_resource *res)
{
    for (unsigned i = 0; i < 50; i++) {
        weir_xs_tx tx;
        int end, err = weir_xs_transaction_start(&l->xs, &tx);

        if (err != 0)
            return err;
        err = write_dirs(l, tx, front, back, res);
        end = weir_xs_transaction_end(&l->xs, tx, err == 0);
        if (err != 0 || end != -EAGAIN)
            return err != 0 ? err : end;
    }
    return -EAGAIN;
}

/* The answer to the order with this seq; what else comes is shown. */
static int answer(struct launch_dom *back, uint32_t seq, uint32_t want,
                  int timeout_ms)
{
    struct weir_resource_event ev;

    for (;;) {
        int err = weir_resource_wait(back->res_fd, &ev, timeout_ms);

        if (err != 0)
            return err;
        if (ev.type == WEIR_RES_EV_ERROR)
            fprintf(stderr, "launch: %s says: %s\n", back->name, ev.text);
        if (ev.seq == seq && ev.type == want)
            return 0;
        if (ev.seq == seq && ev.type == WEIR_RES_EV_ERROR)
            return -EIO;
    }
}

static int order(struct launch *l, struct launch_dom *front,
                 struct launch_dom *back, struct weir_resource *res,
                 enum weir_res_op op, const int *fds)
{
    res->op = op;
    res->frontend = front->domid;
    res->seq = ++l->seq;
    return weir_resource_send(back->res_fd, res, fds);
}

int launch_device(struct launch *l, struct launch_dom *front,
                  struct launch_dom *back, struct weir_resource *res,
                  const int *fds)
{
    int err = make_dirs(l, front, back, res);

    if (err == 0)
        err = order(l, front, back, res, WEIR_RES_ATTACH, fds);
    if (err == 0)
        err = answer(back, res->seq, WEIR_RES_EV_ATTACHED, ATTACH_MS);
    if (err != 0)
        fprintf(stderr, "launch: device %u of %s: %s\n", res->devid,
                front->name, strerror(-err));
    return err;
}

int launch_order(struct launch *l, struct launch_dom *front,
                 struct launch_dom *back, struct weir_resource *res,
                 enum weir_res_op op, int timeout_ms)
{
    struct weir_resource r = *res;
    int err;

    r.nfds = 0;
    err = order(l, front, back, &r, op, NULL);
    if (err != 0 || op == WEIR_RES_RESIZE)
        return err;
    return answer(back, r.seq,
                  op == WEIR_RES_PING ? WEIR_RES_EV_PONG : WEIR_RES_EV_DETACHED,
                  timeout_ms);
}

int launch_front_node(struct launch *l, struct launch_dom *front,
                      const struct weir_resource *res, const char *key,
                      const char *value)
{
    char f[PATH_LEN];

    front_path(front, res, f);
    return weir_xs_write_key(&l->xs, 0, f, key, value);
}

int launch_read(struct launch *l, struct launch_dom *front,
                struct launch_dom *back, const struct weir_resource *res,
                bool of_back, const char *key, char *buf, size_t size)
{
    char p[PATH_LEN];

    if (of_back)
        back_path(front, back, res, p);
    else
        front_path(front, res, p);
    return weir_xs_read_key(&l->xs, 0, p, key, buf, size);
}

/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_qthread.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define TAGS 32

struct weir_qthread {
    bool taken, running, broken, asleep, timer;
    const struct weir_qthread_ops *ops;
    void *ctx, *engine;
    int fd[TAGS]; /* plus one; 0: none */
};

struct weir_qpool {
    void (*unprepare)(void *engine);
    unsigned n;
    struct weir_qthread threads[];
};

int weir_qpool_new(unsigned n, int (*prepare)(void **engine),
                   void (*unprepare)(void *engine), struct weir_qpool **out)
{
    struct weir_qpool *p = calloc(1, sizeof(*p) + n * sizeof(p->threads[0]));

    if (p == NULL)
        return -ENOMEM;
    p->unprepare = unprepare;
    for (p->n = 0; p->n < n; p->n++) {
        int err = prepare != NULL ? prepare(&p->threads[p->n].engine) : 0;

        if (err != 0) {
            weir_qpool_free(p);
            return err;
        }
    }
    *out = p;
    return 0;
}

void weir_qpool_free(struct weir_qpool *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->unprepare != NULL && p->threads[i].engine != NULL)
            p->unprepare(p->threads[i].engine);
    free(p);
}

struct weir_qthread *weir_qpool_take(struct weir_qpool *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (!p->threads[i].taken) {
            p->threads[i].taken = true;
            return &p->threads[i];
        }
    return NULL;
}

void weir_qpool_put(struct weir_qpool *p, struct weir_qthread *q)
{
    (void)p;
    weir_qthread_stop(q);
    q->taken = false;
}

unsigned weir_qpool_unused(struct weir_qpool *p)
{
    unsigned n = 0;

    for (unsigned i = 0; i < p->n; i++)
        n += !p->threads[i].taken;
    return n;
}

int weir_qthread_add_fd(struct weir_qthread *q, int fd, unsigned tag)
{
    q->fd[tag] = fd + 1;
    return 0;
}

void weir_qthread_del_fd(struct weir_qthread *q, int fd)
{
    for (unsigned i = 0; i < TAGS; i++)
        if (q->fd[i] == fd + 1)
            q->fd[i] = 0;
}

void *weir_qthread_engine(struct weir_qthread *q)
{
    return q->engine;
}

void weir_qthread_start(struct weir_qthread *q,
                        const struct weir_qthread_ops *ops, void *ctx,
                        uint64_t spin_ns)
{
    (void)spin_ns;
    q->ops = ops;
    q->ctx = ctx;
    q->running = true;
    q->broken = q->asleep = q->timer = false;
}

void weir_qthread_stop(struct weir_qthread *q)
{
    if (!q->running)
        return;
    q->running = false;
    while (q->ops->drain != NULL && !q->ops->drain(q->ctx))
        ;
}

void weir_qthread_kick(struct weir_qthread *q)
{
    q->asleep = false;
}

/* One thread at a time: the others look when it is their turn. */
void weir_qthread_kick_others(struct weir_qthread *q)
{
    (void)q;
}

void weir_qthread_timer(struct weir_qthread *q, uint64_t ns)
{
    (void)ns;
    q->timer = true;
}

static void wake(struct weir_qthread *q)
{
    uint32_t tags = 0;

    for (unsigned i = 0; i < TAGS; i++) {
        struct pollfd p = {.fd = q->fd[i] - 1, .events = POLLIN};

        if (q->fd[i] != 0 && poll(&p, 1, 0) == 1)
            tags |= 1u << i;
    }
    if (tags == 0 && !q->timer)
        return;
    q->asleep = q->timer = false;
    q->ops->woke(q->ctx, tags);
}

unsigned fake_qthreads_run(struct weir_qpool *p)
{
    unsigned awake = 0;

    for (unsigned i = 0; i < p->n; i++) {
        struct weir_qthread *q = &p->threads[i];
        int did;

        if (!q->running || q->broken)
            continue;
        if (q->asleep)
            wake(q);
        if (q->asleep)
            continue;
        awake++;
        did = q->ops->work(q->ctx);
        q->broken = did < 0;
        if (did == 0)
            q->asleep = !q->ops->arm(q->ctx);
    }
    return awake;
}

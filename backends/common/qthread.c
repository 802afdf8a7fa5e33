/* SPDX-License-Identifier: MIT */
#include "backends/common/qthread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "ring/barrier.h"

#define YIELD_NS  3000    /* while spinning, the CPU is offered this often */
#define LATE_NS   30000   /* a yield that takes longer ran somebody else */
#define CALM_NS   2000000 /* no spinning after that */
#define EVENTS    8
#define TAG_KICK  32u
#define TAG_TIMER 33u

enum qstate { Q_IDLE, Q_RUN, Q_STOP, Q_EXIT };

struct weir_qthread {
    bool taken;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    volatile uint32_t state; /* enum qstate; written under the lock */
    uint32_t turns;          /* of draining; the thread's, under the lock */
    struct weir_qpool *pool;
    int epoll_fd, kick_fd, timer_fd;
    void *engine;
    const struct weir_qthread_ops *ops;
    void *ctx;
    uint64_t spin_ns, last_work, last_yield, calm_until;
};

struct weir_qpool {
    void (*unprepare)(void *engine);
    void (*alive)(void *arg);
    void *alive_arg;
    unsigned n;
    struct weir_qthread threads[];
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void pause_cpu(void)
{
    for (int i = 0; i < 8; i++)
        weir_pause();
}

/* May the thread look once more instead of sleeping? */
static bool spin(struct weir_qthread *q)
{
    uint64_t now = now_ns(), after;

    if (now - q->last_work >= q->spin_ns || now < q->calm_until)
        return false;
    if (now - q->last_yield < YIELD_NS) {
        pause_cpu();
        return true;
    }
    sched_yield();
    after = now_ns();
    q->last_yield = after;
    if (after - now < LATE_NS)
        return true;
    q->calm_until = after + CALM_NS;
    return true; /* time has passed: look before sleeping */
}

static void drop_count(int fd)
{
    uint64_t count;

    if (read(fd, &count, sizeof(count)) < 0)
        return; /* nobody wrote: a spurious wake-up */
}

static void sleep_now(struct weir_qthread *q)
{
    struct epoll_event ev[EVENTS];
    uint32_t tags = 0;
    int n = epoll_wait(q->epoll_fd, ev, EVENTS, -1);

    for (int i = 0; i < n; i++) {
        if (ev[i].data.u32 == TAG_KICK)
            drop_count(q->kick_fd);
        else if (ev[i].data.u32 == TAG_TIMER)
            drop_count(q->timer_fd);
        else
            tags |= 1u << ev[i].data.u32;
    }
    q->ops->woke(q->ctx, tags);
    q->last_work = now_ns();
}

static bool running(struct weir_qthread *q)
{
    return weir_load_acquire32(&q->state) == Q_RUN;
}

static void run(struct weir_qthread *q)
{
    q->last_work = now_ns();
    q->last_yield = q->last_work;
    while (running(q)) {
        int did = q->ops->work(q->ctx);

        if (did < 0)
            break;
        if (did > 0) {
            q->last_work = now_ns();
            continue;
        }
        if (!spin(q) && !q->ops->arm(q->ctx) && running(q))
            sleep_now(q);
    }
}

/* Device I/O in flight writes into pages that are unmapped next. */
static void drain(struct weir_qthread *q)
{
    while (q->ops->drain != NULL && !q->ops->drain(q->ctx)) {
        weir_qthread_timer(q, 1000000);
        sleep_now(q);
        pthread_mutex_lock(&q->lock);
        q->turns++;
        pthread_mutex_unlock(&q->lock);
    }
}

static void set_state(struct weir_qthread *q, enum qstate state)
{
    pthread_mutex_lock(&q->lock);
    weir_store_release32(&q->state, state);
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

static enum qstate wait_not(struct weir_qthread *q, enum qstate state)
{
    enum qstate now;

    pthread_mutex_lock(&q->lock);
    while (q->state == state)
        pthread_cond_wait(&q->changed, &q->lock);
    now = (enum qstate)q->state;
    pthread_mutex_unlock(&q->lock);
    return now;
}

/* A slow device may keep the thread for long, and so the caller.  As long as
 * the thread does look at it, that is not a hang. */
static void wait_stopped(struct weir_qthread *q)
{
    uint32_t turns;

    pthread_mutex_lock(&q->lock);
    turns = q->turns;
    while (q->state == Q_STOP) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        pthread_cond_clockwait(&q->changed, &q->lock, CLOCK_MONOTONIC, &until);
        if (q->turns != turns && q->state == Q_STOP && q->pool->alive != NULL)
            q->pool->alive(q->pool->alive_arg);
        turns = q->turns;
    }
    pthread_mutex_unlock(&q->lock);
}

static void *thread_main(void *arg)
{
    struct weir_qthread *q = arg;

    while (wait_not(q, Q_IDLE) != Q_EXIT) {
        run(q);
        drain(q);
        wait_not(q, Q_RUN); /* broken: until somebody stops it */
        set_state(q, Q_IDLE);
    }
    return NULL;
}

void weir_qthread_start(struct weir_qthread *q,
                        const struct weir_qthread_ops *ops, void *ctx,
                        uint64_t spin_ns)
{
    q->ops = ops;
    q->ctx = ctx;
    q->spin_ns = spin_ns;
    q->calm_until = 0;
    set_state(q, Q_RUN);
}

void weir_qthread_stop(struct weir_qthread *q)
{
    struct itimerspec off;

    pthread_mutex_lock(&q->lock);
    if (q->state == Q_IDLE) {
        pthread_mutex_unlock(&q->lock);
        return;
    }
    weir_store_release32(&q->state, Q_STOP);
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    weir_qthread_kick(q);
    wait_stopped(q);
    memset(&off, 0, sizeof(off));
    timerfd_settime(q->timer_fd, 0, &off, NULL);
}

void weir_qthread_kick(struct weir_qthread *q)
{
    uint64_t one = 1;

    if (write(q->kick_fd, &one, sizeof(one)) < 0)
        return; /* at its limit: it is awake */
}

void weir_qthread_kick_others(struct weir_qthread *q)
{
    for (unsigned i = 0; i < q->pool->n; i++) {
        struct weir_qthread *other = &q->pool->threads[i];

        if (other != q && running(other))
            weir_qthread_kick(other);
    }
}

void weir_qthread_timer(struct weir_qthread *q, uint64_t ns)
{
    struct itimerspec t;

    memset(&t, 0, sizeof(t));
    if (ns == 0)
        ns = 1;
    t.it_value.tv_sec = (time_t)(ns / 1000000000u);
    t.it_value.tv_nsec = (long)(ns % 1000000000u);
    timerfd_settime(q->timer_fd, 0, &t, NULL);
}

int weir_qthread_add_fd(struct weir_qthread *q, int fd, unsigned tag)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = tag};

    return epoll_ctl(q->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

void weir_qthread_del_fd(struct weir_qthread *q, int fd)
{
    epoll_ctl(q->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void *weir_qthread_engine(struct weir_qthread *q)
{
    return q->engine;
}

static int init_thread(struct weir_qthread *q, int (*prepare)(void **engine))
{
    int err;

    q->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    q->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    q->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (q->epoll_fd < 0 || q->kick_fd < 0 || q->timer_fd < 0)
        return -errno;
    err = weir_qthread_add_fd(q, q->kick_fd, TAG_KICK);
    if (err == 0)
        err = weir_qthread_add_fd(q, q->timer_fd, TAG_TIMER);
    if (err == 0 && prepare != NULL)
        err = prepare(&q->engine);
    return err;
}

static void close_fds(struct weir_qthread *q)
{
    if (q->epoll_fd >= 0)
        close(q->epoll_fd);
    if (q->kick_fd >= 0)
        close(q->kick_fd);
    if (q->timer_fd >= 0)
        close(q->timer_fd);
}

int weir_qpool_new(unsigned n, int (*prepare)(void **engine),
                   void (*unprepare)(void *engine), struct weir_qpool **out)
{
    struct weir_qpool *p = calloc(1, sizeof(*p) + n * sizeof(p->threads[0]));

    if (p == NULL)
        return -ENOMEM;
    p->unprepare = unprepare;
    for (unsigned i = 0; i < n; i++) {
        struct weir_qthread *q = &p->threads[i];
        int err;

        q->pool = p;
        pthread_mutex_init(&q->lock, NULL);
        pthread_cond_init(&q->changed, NULL);
        err = init_thread(q, prepare);
        if (err == 0)
            err = -pthread_create(&q->thread, NULL, thread_main, q);
        if (err != 0) {
            if (unprepare != NULL && q->engine != NULL)
                unprepare(q->engine);
            close_fds(q);
            weir_qpool_free(p);
            return err;
        }
        p->n++;
    }
    *out = p;
    return 0;
}

void weir_qpool_on_wait(struct weir_qpool *p, void (*alive)(void *arg),
                        void *arg)
{
    p->alive = alive;
    p->alive_arg = arg;
}

void weir_qpool_free(struct weir_qpool *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        struct weir_qthread *q = &p->threads[i];

        set_state(q, Q_EXIT);
        pthread_join(q->thread, NULL);
        if (p->unprepare != NULL && q->engine != NULL)
            p->unprepare(q->engine);
        close_fds(q);
        pthread_cond_destroy(&q->changed);
        pthread_mutex_destroy(&q->lock);
    }
    free(p);
}

struct weir_qthread *weir_qpool_take(struct weir_qpool *pool)
{
    for (unsigned i = 0; i < pool->n; i++)
        if (!pool->threads[i].taken) {
            pool->threads[i].taken = true;
            return &pool->threads[i];
        }
    return NULL;
}

void weir_qpool_put(struct weir_qpool *pool, struct weir_qthread *q)
{
    (void)pool;
    weir_qthread_stop(q);
    q->taken = false;
}

unsigned weir_qpool_unused(struct weir_qpool *pool)
{
    unsigned n = 0;

    for (unsigned i = 0; i < pool->n; i++)
        n += !pool->threads[i].taken;
    return n;
}

/* SPDX-License-Identifier: MIT
 *
 * Queue threads.  A sealed domain makes its threads, epoll sets, timers and
 * engine contexts before the seal; devices that connect later take a thread
 * from the pool and give it back.
 *
 * A running thread calls work() as long as it does something, then spins for a
 * bounded time after the last work (sleep and wake-up between two cores cost
 * 70 us, ARCHITECTURE.md), then arms its wake-ups and sleeps.  It spins only
 * while the CPU has nothing else to run: it offers the CPU every few us, and
 * when it comes back late somebody else wanted it, so it sleeps at once for a
 * while.
 */
#ifndef WEIR_BACKENDS_COMMON_QTHREAD_H
#define WEIR_BACKENDS_COMMON_QTHREAD_H

#include <stdbool.h>
#include <stdint.h>

struct weir_qpool;
struct weir_qthread;

#define WEIR_QTHREAD_SPIN_NS 50000 /* the default */

/* All called on the queue thread with the ctx of weir_qthread_start. */
struct weir_qthread_ops {
    /* Take in and hand out what is there: > 0 did something, 0 nothing to do,
     * < 0 broken (and reported): only drain is called from then on. */
    int (*work)(void *ctx);
    /* About to sleep: ask peer and engine for notifications, then look once
     * more.  True: something is there, do not sleep. */
    bool (*arm)(void *ctx);
    /* Slept; bit t of tags: descriptor with tag t was ready. */
    void (*woke)(void *ctx, uint32_t tags);
    /* The thread is to stop: finish what the device holds, take nothing new.
     * True when nothing is left.  NULL: nothing ever is. */
    bool (*drain)(void *ctx);
};

/* prepare (NULL ok) runs on the caller's thread for each new queue thread and
 * may set *engine; unprepare frees it.  0 or -errno. */
int weir_qpool_new(unsigned n, int (*prepare)(void **engine),
                   void (*unprepare)(void *engine), struct weir_qpool **out);
/* alive is called each second in which weir_qthread_stop waits for a device
 * whose thread looks after it. */
void weir_qpool_on_wait(struct weir_qpool *pool, void (*alive)(void *arg),
                        void *arg);
/* All threads must have been put back. */
void weir_qpool_free(struct weir_qpool *pool);

/* Control thread.  NULL: all are in use. */
struct weir_qthread *weir_qpool_take(struct weir_qpool *pool);
void weir_qpool_put(struct weir_qpool *pool, struct weir_qthread *q);
unsigned weir_qpool_unused(struct weir_qpool *pool);

/* Before start or on the thread: tag 0..31 names fd in woke. */
int weir_qthread_add_fd(struct weir_qthread *q, int fd, unsigned tag);
void weir_qthread_del_fd(struct weir_qthread *q, int fd);
void *weir_qthread_engine(struct weir_qthread *q);

void weir_qthread_start(struct weir_qthread *q,
                        const struct weir_qthread_ops *ops, void *ctx,
                        uint64_t spin_ns);
/* Control thread: drains, then returns; the thread is back in the pool's
 * hands, unused.  Idempotent. */
void weir_qthread_stop(struct weir_qthread *q);

/* Any thread: make it look again. */
void weir_qthread_kick(struct weir_qthread *q);
/* The same for all others of its pool that run. */
void weir_qthread_kick_others(struct weir_qthread *q);
/* On the thread: wake up at the latest in ns. */
void weir_qthread_timer(struct weir_qthread *q, uint64_t ns);

#endif

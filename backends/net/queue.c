/* SPDX-License-Identifier: MIT */
#include "backends/net/vif.h"
#include "backends/common/stats.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { TAG_TX, TAG_RX, TAG_CTRL, TAGS };

/* Wake-ups in a row that brought nothing before the thread stops listening
 * for a while; a storm then costs one look per pause. */
#define STORM_RUN      8u
#define STORM_PAUSE_NS 100000u
#define STORM_MAX      6u /* doublings of the pause */

void weir_vif_notify(struct weir_vif *vif, evtchn_port_t port)
{
    vif->dev.port->ops->evtchn_notify(vif->dev.port, port);
    weir_stats_add(vif->dev.stats, WEIR_STAT_VIF_KICKS_OUT, 1);
}

/* What the queue's thread listens to under a tag; 0: nothing. */
static evtchn_port_t port_of(const struct weir_vif_queue *q, unsigned tag)
{
    if (tag == TAG_TX)
        return q->tx_evtchn;
    if (tag == TAG_RX)
        return q->rx_evtchn != q->tx_evtchn ? q->rx_evtchn : 0;
    return q->index ? 0 : q->vif->ctrl_evtchn;
}

int weir_vif_queue_work(void *ctx)
{
    struct weir_vif_queue *q = ctx;
    struct weir_vif *vif = q->vif;
    int did = weir_vif_tx(q);
    if (did >= 0 && vif->sink->receive) {
        int more = vif->sink->receive(q);
        did = more < 0 ? more : did | more;
    }
    if (did >= 0 && !q->index && vif->ctrl_evtchn) {
        int more = weir_vif_ctrl(vif);
        did = more < 0 ? more : did | more;
    }
    if (q->woken) {
        q->woken = false;
        if (did) {
            q->spurious_run = 0;
        } else {
            q->spurious_run++;
            weir_stats_add(vif->dev.stats, WEIR_STAT_VIF_SPURIOUS, 1);
        }
    }
    return did;
}

/* A peer that notifies for nothing is listened to less and less often; it
 * delays nobody but itself. */
static void weather_storm(struct weir_vif_queue *q)
{
    if (q->spurious_run < STORM_RUN)
        return;
    unsigned shift = q->spurious_run - STORM_RUN;
    struct timespec ts = {
        .tv_nsec = STORM_PAUSE_NS << (shift < STORM_MAX ? shift : STORM_MAX)};
    nanosleep(&ts, NULL);
}

/* Events that came while the thread was awake and looking are old news: left
 * pending they would wake it for nothing.  What comes from here on is seen by
 * the looks of arm or stays pending. */
static void forget_events(struct weir_vif_queue *q)
{
    struct weir_port *p = q->vif->dev.port;
    for (unsigned tag = 0; tag < TAGS; tag++)
        if (port_of(q, tag))
            p->ops->evtchn_clear(p, port_of(q, tag));
}

static bool arm(void *ctx)
{
    struct weir_vif_queue *q = ctx;
    struct weir_vif *vif = q->vif;
    weather_storm(q);
    forget_events(q);
    if (q->rate_wait_ns)
        weir_qthread_timer(q->thread, q->rate_wait_ns);
    else if (weir_netif_tx_back_arm(&q->tx))
        return true;
    if (q->need) {
        pthread_mutex_lock(&q->rx_lock);
        int more = weir_netif_rx_back_arm_after(&q->rx, q->need);
        int room = weir_netif_rx_back_available(&q->rx);
        pthread_mutex_unlock(&q->rx_lock);
        if (more < 0 || room < 0 || (unsigned)room >= q->need)
            return true;
        if (!q->rate_wait_ns)
            weir_qthread_timer(q->thread, WEIR_VIF_STALL_NS / 4);
    }
    return !q->index && vif->ctrl_evtchn &&
           weir_netif_ctrl_back_arm(&vif->ctrl) != 0;
}

static void woke(void *ctx, uint32_t tags)
{
    struct weir_vif_queue *q = ctx;
    struct weir_port *p = q->vif->dev.port;
    for (unsigned tag = 0; tag < TAGS; tag++) {
        if (!(tags & 1u << tag))
            continue;
        p->ops->evtchn_clear(p, port_of(q, tag));
        weir_stats_add(q->vif->dev.stats, WEIR_STAT_VIF_KICKS_IN, 1);
        q->woken = true;
    }
    weir_netif_tx_back_quiet(&q->tx); /* awake: no need to be told */
}

static const struct weir_qthread_ops thread_ops = {
    .work = weir_vif_queue_work,
    .arm = arm,
    .woke = woke,
};

static int listen_to(struct weir_vif_queue *q, unsigned tag)
{
    struct weir_port *p = q->vif->dev.port;
    if (!port_of(q, tag))
        return 0;
    int fd = p->ops->evtchn_fd(p, port_of(q, tag));
    return fd < 0 ? fd : weir_qthread_add_fd(q->thread, fd, tag);
}

/* A predecessor may have died before it notified of a response. */
static void tell_again(struct weir_vif_queue *q)
{
    for (unsigned tag = 0; tag < TAGS; tag++)
        if (port_of(q, tag))
            weir_vif_notify(q->vif, port_of(q, tag));
}

int weir_vif_queue_listen(struct weir_vif_queue *q)
{
    struct weir_vif *vif = q->vif;
    const struct weir_backend_config *cfg = weir_backend_cfg(vif->dev.be);
    q->thread = weir_qpool_take(cfg->pool);
    if (!q->thread) {
        snprintf(vif->dev.error, sizeof(vif->dev.error),
                 "no queue thread is left; start weir-netback with a greater "
                 "--queues");
        return -EBUSY;
    }
    int ret = 0;
    for (unsigned tag = 0; tag < TAGS && !ret; tag++)
        ret = listen_to(q, tag);
    return ret;
}

void weir_vif_queue_go(struct weir_vif_queue *q)
{
    const struct weir_net_context *net =
        weir_backend_cfg(q->vif->dev.be)->context;
    pthread_mutex_lock(&q->rx_lock);
    q->rx_open = true;
    pthread_mutex_unlock(&q->rx_lock);
    if (q->vif->dev.resume)
        tell_again(q);
    weir_qthread_start(q->thread, &thread_ops, q, net->spin_ns);
}

void weir_vif_queue_stop(struct weir_vif_queue *q)
{
    struct weir_port *p = q->vif->dev.port;
    if (!q->thread)
        return;
    weir_qthread_stop(q->thread);
    for (unsigned tag = 0; tag < TAGS; tag++) {
        evtchn_port_t port = port_of(q, tag);
        int fd = port ? p->ops->evtchn_fd(p, port) : -1;
        if (fd >= 0)
            weir_qthread_del_fd(q->thread, fd);
    }
    for (unsigned i = 0; q->fd_polled && i < q->nfds; i++)
        weir_qthread_del_fd(q->thread, q->fd[i]);
    q->fd_polled = false;
    weir_qpool_put(weir_backend_cfg(q->vif->dev.be)->pool, q->thread);
    q->thread = NULL;
}

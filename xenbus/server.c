/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "xenbus/server.h"

#define TURN_ROUNDS   16
#define TURN_REQUESTS 16 /* of a round */
#define TURN_NS       2000000ull
#define TICK_NS       1000000000ull

static uint64_t now_ns(void *context)
{
    struct timespec ts;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void log_line(void *context, enum weir_log_level level, const char *line)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};

    (void)context;
    fprintf(stderr, "weir-xenstored: %s: %s\n", names[level], line);
}

const struct weir_store_ops weir_xsd_store_ops = {
    .now_ns = now_ns,
    .log = log_line,
    .introduce = weir_xsd_introduce,
    .release = weir_xsd_release,
};

struct weir_xsd_peer *weir_xsd_peer_new(struct weir_xsd *x, domid_t domid,
                                        const struct weir_xsd_peer_ops *ops)
{
    struct weir_store_conn *c = weir_store_connect(x->store, domid, NULL);
    struct weir_xsd_peer *p = c ? weir_xsd_peer_of(x, c, domid, ops) : NULL;

    if (p)
        weir_store_set_user(c, p);
    else if (c)
        weir_store_disconnect(c);
    return p;
}

struct weir_xsd_peer *weir_xsd_peer_of(struct weir_xsd *x,
                                       struct weir_store_conn *conn,
                                       domid_t domid,
                                       const struct weir_xsd_peer_ops *ops)
{
    struct weir_xsd_peer *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->conn = conn;
    p->ops = ops;
    p->x = x;
    p->fd = -1;
    p->domid = domid;
    p->next = x->peers;
    x->peers = p;
    return p;
}

/* Edge-triggered: a peer that cannot take its output wakes us when it can. */
int weir_xsd_peer_watch(struct weir_xsd_peer *p, int fd)
{
    struct epoll_event ev = {
        .events = EPOLLIN | EPOLLOUT | EPOLLET,
        .data.ptr = p,
    };

    if (epoll_ctl(p->x->epoll, EPOLL_CTL_ADD, fd, &ev))
        return -errno;
    p->fd = fd;
    return 0;
}

void weir_xsd_peer_unwatch(struct weir_xsd_peer *p)
{
    if (p->fd >= 0)
        epoll_ctl(p->x->epoll, EPOLL_CTL_DEL, p->fd, NULL);
    p->fd = -1;
}

void weir_xsd_peer_end(struct weir_xsd_peer *p)
{
    if (p->gone)
        return;
    weir_xsd_peer_unwatch(p);
    weir_store_disconnect(p->conn);
    p->conn = NULL;
    p->gone = true;
}

static void reap(struct weir_xsd *x)
{
    struct weir_xsd_peer **at = &x->peers;

    while (*at) {
        struct weir_xsd_peer *p = *at;

        if (!p->gone) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        free(p);
    }
}

/* Input, requests, output, as long as one of them moves and the turn is not
 * over: one busy client must not keep the others waiting. */
void weir_xsd_service(struct weir_xsd_peer *p)
{
    uint64_t end = now_ns(NULL) + TURN_NS;

    p->again = false;
    if (p->gone || !p->ops->wake(p))
        return;
    for (unsigned round = 0; round < TURN_ROUNDS; round++) {
        bool more = false;
        int r = weir_store_dead(p->conn), n = 0;

        if (!r)
            r = p->ops->fill(p, &more);
        if (!r)
            r = n = weir_store_run(p->conn, TURN_REQUESTS);
        if (r >= 0)
            r = p->ops->flush(p, &more);
        if (r < 0) {
            p->ops->fail(p, r);
            return;
        }
        if (!more && n < TURN_REQUESTS)
            return;
        if (now_ns(NULL) >= end) /* requests may cost a millisecond each */
            break;
    }
    p->again = p->x->again = true;
}

/* ---- sockets ---- */

static bool would_block(int err)
{
    return err == EAGAIN || err == EWOULDBLOCK || err == EINTR;
}

static bool sock_wake(struct weir_xsd_peer *p)
{
    (void)p;
    return true;
}

static int sock_fill(struct weir_xsd_peer *p, bool *more)
{
    void *at = NULL;
    size_t room = weir_store_space(p->conn, &at);
    ssize_t n;

    p->starved = !room;
    if (!room)
        return 0;
    n = recv(p->fd, at, room, MSG_DONTWAIT);
    if (n < 0)
        return would_block(errno) ? 0 : -errno;
    if (!n)
        return -ECONNRESET;
    weir_store_fed(p->conn, (size_t)n);
    if ((size_t)n == room)
        *more = true;
    return 0;
}

static int sock_flush(struct weir_xsd_peer *p, bool *more)
{
    struct weir_xsd *x = p->x;
    size_t len = weir_store_peek(p->conn, x->stage, sizeof(x->stage));
    ssize_t n;

    if (!len)
        return 0;
    n = send(p->fd, x->stage, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return would_block(errno) ? 0 : -errno;
    weir_store_sent(p->conn, (size_t)n);
    /* Replies that were in the way of requests may be gone now. */
    if ((size_t)n == sizeof(x->stage) || p->starved ||
        weir_store_pending(p->conn))
        *more = true;
    return 0;
}

static void sock_fail(struct weir_xsd_peer *p, int err)
{
    int fd = p->fd;

    (void)err;
    weir_xsd_peer_end(p);
    close(fd);
    p->x->nclients--;
}

static const struct weir_xsd_peer_ops sock_ops = {
    .fill = sock_fill,
    .flush = sock_flush,
    .wake = sock_wake,
    .fail = sock_fail,
};

static bool welcome(const struct weir_xsd *x, int fd)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    if (x->nclients >= WEIR_XSD_CLIENTS_MAX)
        return false;
    if (!x->check_peer)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
        return false;
    return cred.uid == 0 || cred.uid == x->owner;
}

static void accept_one(struct weir_xsd *x, int fd)
{
    struct weir_xsd_peer *p = NULL;

    if (welcome(x, fd))
        p = weir_xsd_peer_new(x, 0, &sock_ops);
    if (!p) {
        close(fd);
        return;
    }
    x->nclients++;
    if (weir_xsd_peer_watch(p, fd)) {
        p->fd = fd;
        sock_fail(p, 0);
    }
}

/* Nothing in reserve and none can be made behind the seal: those who connect
 * wait, but must not keep the loop awake. */
static void stop_listening(struct weir_xsd *x)
{
    log_line(x, WEIR_LOG_WARN,
             "no file descriptor is left: new connections wait; end tools or "
             "domains");
    x->deaf = epoll_ctl(x->epoll, EPOLL_CTL_DEL, x->listener, NULL) == 0;
}

static void listen_again(struct weir_xsd *x)
{
    struct epoll_event ev = {.events = EPOLLIN};

    if (x->deaf)
        x->deaf = epoll_ctl(x->epoll, EPOLL_CTL_ADD, x->listener, &ev) != 0;
}

static void accept_some(struct weir_xsd *x)
{
    for (unsigned i = 0; i < 16; i++) {
        int fd = accept4(x->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE))
            stop_listening(x);
        if (fd < 0)
            return;
        accept_one(x, fd);
    }
}

/* ---- the loop ---- */

int weir_xsd_init(struct weir_xsd *x, int listener)
{
    struct epoll_event ev = {.events = EPOLLIN};

    x->listener = listener;
    x->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (x->epoll < 0)
        return -errno;
    if (epoll_ctl(x->epoll, EPOLL_CTL_ADD, listener, &ev))
        return -errno;
    return weir_store_new(&weir_xsd_store_ops, x, &x->store);
}

/* Output only: requests of a client that always has some must not make this
 * loop endless. */
static void deliver(struct weir_xsd_peer *p)
{
    bool more = true;
    int r = weir_store_dead(p->conn);

    if (p->broken)
        return;
    while (!r && more) {
        more = false;
        r = p->ops->flush(p, &more);
        if (p->starved || weir_store_pending(p->conn)) {
            p->again = p->x->again = true; /* its requests go on next turn */
            more = false;
        }
    }
    if (r < 0)
        p->ops->fail(p, r);
}

static void service_marked(struct weir_xsd *x)
{
    struct weir_xsd_peer *p;

    if (x->again) {
        x->again = false;
        for (p = x->peers; p; p = p->next)
            if (p->again)
                weir_xsd_service(p);
    }
    while ((p = weir_store_next_ready(x->store)))
        deliver(p);
}

int weir_xsd_turn(struct weir_xsd *x, int timeout_ms)
{
    struct epoll_event ev[64];
    int n = epoll_wait(x->epoll, ev, 64, x->again ? 0 : timeout_ms);
    uint64_t now;

    if (n < 0 && errno != EINTR)
        return -errno;
    for (int i = 0; i < n; i++) {
        if (ev[i].data.ptr)
            weir_xsd_service(ev[i].data.ptr);
        else
            accept_some(x);
    }
    now = now_ns(x);
    if (now >= x->next_tick_ns) {
        x->next_tick_ns = now + TICK_NS;
        weir_store_tick(x->store);
        listen_again(x);
    }
    service_marked(x);
    reap(x);
    return 0;
}

int weir_xsd_run(struct weir_xsd *x, const volatile sig_atomic_t *stop)
{
    while (!*stop) {
        int r = weir_xsd_turn(x, 1000);

        if (r)
            return r;
    }
    return 0;
}

void weir_xsd_fini(struct weir_xsd *x)
{
    for (struct weir_xsd_peer *p = x->peers; p; p = p->next) {
        if (p->gone)
            continue;
        if (p->domid)
            weir_xsd_release(x, p->domid);
        else
            sock_fail(p, 0);
    }
    reap(x);
    weir_store_free(x->store);
    close(x->epoll);
}

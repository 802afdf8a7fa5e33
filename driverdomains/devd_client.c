/* SPDX-License-Identifier: MIT
 *
 * Tools' connections: STATE/devd.sock.
 */
#include "driverdomains/devd.h"
#include "ring/crash_point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void drop(struct weir_client *c)
{
    struct weir_client **p = &c->devd->clients;

    while (*p && *p != c)
        p = &(*p)->next;
    if (*p)
        *p = c->next;
    weir_source_close(c->devd, &c->src);
    free(c);
}

static void client_ready(struct weir_source *s, uint32_t events)
{
    static uint8_t buf[WEIR_DEVCTL_MAX + 1]; /* one thread: a scratch area */
    struct weir_client *c = weir_container(s, struct weir_client, src);
    ssize_t n = recv(s->fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || (size_t)n > WEIR_DEVCTL_MAX) {
        drop(c);
        return;
    }
    weir_devd_request(c, buf, (size_t)n);
}

/* Root and the manager's own user: everybody else has no business here. */
static bool peer_ok(int fd)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
           (cred.uid == 0 || cred.uid == geteuid());
}

/* A tool that is not served gets this as its answer. */
static void refuse(int fd, const char *text)
{
    struct weir_devctl_status st = {.error = EMFILE};
    struct weir_devctl_out o;
    uint8_t buf[512];
    int n;

    snprintf(st.text, sizeof(st.text), "%s", text);
    weir_devctl_begin(&o, buf, sizeof(buf), WEIR_DEVCTL_STATUS, 0);
    weir_devctl_put(&o, WEIR_REC_STATUS, &st);
    n = weir_devctl_end(&o);
    if (n > 0 && send(fd, buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        weir_devd_log("a tool is refused: %s", text);
    close(fd);
}

/* One that there is no descriptor for would keep the loop awake for ever. */
static int take(struct weir_devd *d)
{
    int listener = d->listen_src.fd;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
        return fd;
    weir_devd_log("a tool is refused: no file descriptor is left: detach "
                  "devices, or raise the limit of weir-devd (LimitNOFILE=)");
    if (d->spare_fd >= 0)
        close(d->spare_fd);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        refuse(fd, "weir-devd has no file descriptor left: detach devices, or "
                   "raise its limit (LimitNOFILE=)");
    d->spare_fd = fcntl(listener, F_DUPFD_CLOEXEC, 0);
    return -1;
}

static void accept_ready(struct weir_source *s, uint32_t events)
{
    struct weir_devd *d = weir_container(s, struct weir_devd, listen_src);
    int fd = take(d);
    struct weir_client *c;
    unsigned n = 0;

    (void)events;
    if (fd < 0)
        return;
    for (c = d->clients; c; c = c->next)
        n++;
    if (!peer_ok(fd)) {
        close(fd);
        return;
    }
    c = n < WEIR_DEVD_CLIENTS ? calloc(1, sizeof(*c)) : NULL;
    if (!c) {
        refuse(fd, "weir-devd serves as many tools as it can: end one of them");
        return;
    }
    c->devd = d;
    c->id = ++d->next_client;
    if (weir_source_add(d, &c->src, fd, client_ready)) {
        close(fd);
        free(c);
        return;
    }
    c->next = d->clients;
    d->clients = c;
}

int weir_devd_listen(struct weir_devd *d)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    mode_t mask;
    int fd, rc;

    weir_instance_path(&d->in, "devd.sock", a.sun_path, sizeof(a.sun_path));
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    unlink(a.sun_path); /* the lock says that nobody else serves it */
    mask = umask(0177);
    rc = bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16) ? -errno
                                                                      : 0;
    umask(mask);
    if (rc == 0)
        rc = weir_source_add(d, &d->listen_src, fd, accept_ready);
    if (rc == 0 && d->spare_fd < 0)
        d->spare_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (rc)
        close(fd);
    return rc;
}

void weir_devd_unlisten(struct weir_devd *d)
{
    char path[128];

    if (d->listen_src.fd >= 0) {
        weir_instance_path(&d->in, "devd.sock", path, sizeof(path));
        unlink(path);
    }
    weir_source_close(d, &d->listen_src);
    if (d->spare_fd >= 0)
        close(d->spare_fd);
    d->spare_fd = -1;
    while (d->clients)
        drop(d->clients);
}

struct weir_client *weir_client_find(struct weir_devd *d, uint64_t id)
{
    struct weir_client *c = d->clients;

    while (c && c->id != id)
        c = c->next;
    return c;
}

void weir_client_send(struct weir_client *c, const void *buf, size_t len)
{
    /* A tool that does not read loses its connection, not our time: the
     * loop sees the hang-up next. */
    if (send(c->src.fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        shutdown(c->src.fd, SHUT_RDWR);
}

void weir_devd_answer(struct weir_devd *d, struct weir_waiter *w, int error,
                      uint32_t domid, const char *where, const char *text)
{
    struct weir_client *c = w->client ? weir_client_find(d, w->client) : NULL;
    struct weir_devctl_status st = {.error = (uint32_t)error, .domid = domid};
    struct weir_devctl_out o;
    uint8_t buf[1536];
    int n;

    snprintf(st.where, sizeof(st.where), "%s", where ? where : "");
    snprintf(st.text, sizeof(st.text), "%s", text ? text : "");
    w->client = 0;
    if (!c)
        return;
    weir_record_sync(d); /* what is told is so, whoever dies next */
    WEIR_CRASH_POINT();
    weir_devctl_begin(&o, buf, sizeof(buf), WEIR_DEVCTL_STATUS, w->seq);
    weir_devctl_put(&o, WEIR_REC_STATUS, &st);
    n = weir_devctl_end(&o);
    if (n > 0)
        weir_client_send(c, buf, (size_t)n);
    WEIR_CRASH_POINT();
}

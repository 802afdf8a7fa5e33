/* SPDX-License-Identifier: MIT
 *
 * Talking to weir-hv and weir-devd.
 */
#include "driverdomains/cli.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

int cli_error(const char *fmt, ...)
{
    va_list ap;

    fputs("weir: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return 1;
}

static int no_server(struct weir_cli *c, const char *what, const char *path,
                     int rc)
{
    if (rc == -EACCES || rc == -EPERM)
        return cli_error("%s: %s: run as root", path, strerror(-rc));
    if (rc == -ENOENT || rc == -ECONNREFUSED)
        return cli_error("%s does not run in %s: start it with `weir up`, or "
                         "give its --state-dir",
                         what, c->in.state_dir);
    return cli_error("%s: %s", path, strerror(-rc));
}

int cli_hv(struct weir_cli *c)
{
    char path[128];
    int rc;

    if (c->hv)
        return 0;
    weir_instance_path(&c->in, "hv.sock", path, sizeof(path));
    rc = weir_hvctl_open(path, &c->hv);
    return rc ? no_server(c, "weir-hv", path, rc) : 0;
}

int cli_devd(struct weir_cli *c)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd;

    if (c->devd_fd >= 0)
        return 0;
    weir_instance_path(&c->in, "devd.sock", a.sun_path, sizeof(a.sun_path));
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cli_error("socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
        int rc = -errno;

        close(fd);
        return no_server(c, "weir-devd", a.sun_path, rc);
    }
    c->devd_fd = fd;
    return 0;
}

int cli_call(struct weir_cli *c, const void *msg, int len,
             void (*item)(void *, struct weir_devctl_in *, int), void *arg,
             struct weir_devctl_status *st)
{
    static uint8_t buf[WEIR_DEVCTL_MAX];

    if (len < 0)
        return len;
    /* Who refuses says why and closes: that is read all the same. */
    if (send(c->devd_fd, msg, (size_t)len, MSG_NOSIGNAL) < 0 && errno != EPIPE)
        return -errno;
    for (bool reset = false;;) {
        struct weir_devctl_in in;
        ssize_t n = recv(c->devd_fd, buf, sizeof(buf), 0);
        int rc, record;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == ECONNRESET && !reset) {
            reset = true;
            continue;
        }
        if (n <= 0)
            return n ? -errno : -ECONNRESET;
        rc = weir_devctl_open(&in, buf, (size_t)n);
        if (rc)
            return rc;
        if (in.op == WEIR_DEVCTL_STATUS)
            return weir_devctl_get(&in, WEIR_REC_STATUS, st);
        while (in.op == WEIR_DEVCTL_ITEM && (record = weir_devctl_peek(&in))) {
            const uint8_t *before = in.p;

            if (record < 0 || !item)
                return -EPROTO;
            item(arg, &in, record);
            if (in.p == before)
                return -EPROTO;
        }
    }
}

int cli_unanswered(int rc)
{
    if (rc == -ECONNRESET || rc == -EPIPE)
        return cli_error("weir-devd ended before it answered: what was asked "
                         "may be done or not; `weir up` starts it again, "
                         "`weir list` shows what there is");
    return cli_error("weir-devd: %s", strerror(-rc));
}

int cli_target(struct weir_cli *c, unsigned op,
               const struct weir_devctl_target *t)
{
    struct weir_devctl_status st = {0};
    struct weir_devctl_out o;
    uint8_t buf[1024];
    int rc;

    if (cli_devd(c))
        return 1;
    weir_devctl_begin(&o, buf, sizeof(buf), op, ++c->seq);
    weir_devctl_put(&o, WEIR_REC_TARGET, t);
    rc = cli_call(c, buf, weir_devctl_end(&o), NULL, NULL, &st);
    if (rc)
        return cli_unanswered(rc);
    if (st.error)
        return cli_error("%s", st.text[0] ? st.text : strerror((int)st.error));
    if (st.text[0])
        fprintf(stderr, "weir: note: %s\n", st.text);
    return 0;
}

const char *cli_state_name(enum weir_dom_state s)
{
    static const char *const names[] = {
        [WEIR_DOM_BUILDING] = "building", [WEIR_DOM_RUNNING] = "running",
        [WEIR_DOM_PAUSED] = "paused",     [WEIR_DOM_DYING] = "dying",
        [WEIR_DOM_CRASHED] = "crashed",   [WEIR_DOM_SHUTDOWN] = "shutdown",
    };

    return (unsigned)s <= WEIR_DOM_SHUTDOWN ? names[s] : "?";
}

int cli_domains(struct weir_cli *c, struct weir_hv_dominfo **list, unsigned *n)
{
    unsigned got = 1, room = 64;
    domid_t first = 0;

    if (cli_hv(c))
        return 1;
    *n = 0;
    *list = NULL;
    while (got) {
        struct weir_hv_dominfo *more =
            realloc(*list, (*n + room) * sizeof(**list));
        int rc;

        if (!more)
            return cli_error("out of memory");
        *list = more;
        rc = weir_hvctl_list(c->hv, first, *list + *n, room, &got);
        if (rc == -ECONNRESET || rc == -EPIPE)
            return cli_error("weir-hv closed the connection: it ended, or has "
                             "no room for another tool: see `%s/log/"
                             "weir-hv.log`",
                             c->in.state_dir);
        if (rc)
            return cli_error("weir-hv: %s", strerror(-rc));
        *n += got;
        if (got)
            first = (domid_t)((*list)[*n - 1].domid + 1);
    }
    return 0;
}

int cli_domain(struct weir_cli *c, const char *name,
               struct weir_hv_dominfo *out)
{
    struct weir_hv_dominfo *list = NULL;
    unsigned n, i;
    uint64_t id;
    bool number = weir_cfg_u64(name, 0, UINT16_MAX, &id) == 0;
    int rc = cli_domains(c, &list, &n);

    for (i = 0; rc == 0 && i < n; i++)
        if (number ? list[i].domid == id : !strcmp(list[i].name, name))
            break;
    if (rc == 0 && i < n)
        *out = list[i];
    else if (rc == 0)
        rc = cli_error("domain \"%.80s\" does not exist: `weir list` shows "
                       "those that do",
                       name);
    free(list);
    return rc;
}

struct collect {
    unsigned record;
    size_t size, n;
    char *all;
};

static void collect(void *arg, struct weir_devctl_in *in, int record)
{
    struct collect *k = arg;
    char *more = realloc(k->all, (k->n + 1) * k->size);

    if (more)
        k->all = more;
    if (more && record == (int)k->record &&
        weir_devctl_get(in, k->record, k->all + k->n * k->size) == 0)
        k->n++;
}

void cli_dominfos(struct weir_cli *c, struct weir_devctl_dominfo **list,
                  unsigned *n)
{
    struct collect k = {.record = WEIR_REC_DOMINFO, .size = sizeof(**list)};
    struct weir_devctl_status st;
    struct weir_devctl_out o;
    uint8_t buf[64];
    char path[128];

    *n = 0;
    *list = NULL;
    weir_instance_path(&c->in, "devd.sock", path, sizeof(path));
    if (c->devd_fd < 0 && (access(path, F_OK) || cli_devd(c)))
        return;
    weir_devctl_begin(&o, buf, sizeof(buf), WEIR_DEVCTL_DOMAINS, ++c->seq);
    if (cli_call(c, buf, weir_devctl_end(&o), collect, &k, &st) == 0) {
        *list = (struct weir_devctl_dominfo *)(void *)k.all;
        *n = (unsigned)k.n;
    } else {
        free(k.all);
    }
}

int cli_devinfos(struct weir_cli *c, const char *domain, uint32_t cls,
                 struct weir_devctl_devinfo **list, unsigned *n)
{
    struct collect k = {.record = WEIR_REC_DEVINFO, .size = sizeof(**list)};
    struct weir_devctl_target t = {.cls = cls};
    struct weir_devctl_status st = {0};
    struct weir_devctl_out o;
    uint8_t buf[256];
    int rc;

    *n = 0;
    *list = NULL;
    if (cli_devd(c))
        return 1;
    snprintf(t.domain, sizeof(t.domain), "%s", domain);
    weir_devctl_begin(&o, buf, sizeof(buf), WEIR_DEVCTL_DEVICES, ++c->seq);
    weir_devctl_put(&o, WEIR_REC_TARGET, &t);
    rc = cli_call(c, buf, weir_devctl_end(&o), collect, &k, &st);
    if (rc || st.error) {
        free(k.all);
        if (rc)
            return cli_unanswered(rc);
        if (st.error != ENOENT && st.text[0])
            return cli_error("%s", st.text);
        return cli_error("domain \"%s\" does not exist: `weir list` "
                         "shows those that do",
                         domain);
    }
    *list = (struct weir_devctl_devinfo *)(void *)k.all;
    *n = (unsigned)k.n;
    return 0;
}

int cli_peer_pidfd(int socket_fd)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    int fd;

    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
        return -errno;
    fd = (int)syscall(SYS_pidfd_open, cred.pid, 0);
    return fd < 0 ? -errno : fd;
}

int cli_wait_end(int pidfd, int timeout_ms)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int n = poll(&p, 1, timeout_ms);

    return n < 0 ? -errno : n ? 0 : -ETIMEDOUT;
}

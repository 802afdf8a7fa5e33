/* SPDX-License-Identifier: MIT
 *
 * console, log.
 */
#include "driverdomains/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE    0x1d /* ^] */
#define FOLLOW_US 200000
#define DRAIN_MS  200

static int write_all(int fd, const char *buf, size_t n)
{
    while (n) {
        ssize_t k = write(fd, buf, n);

        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -errno;
        buf += k;
        n -= (size_t)k;
    }
    return 0;
}

/* 1: go on, 0: end of input or ^]. */
static int from_user(int fd, bool tty)
{
    char buf[512];
    ssize_t n = read(0, buf, sizeof(buf));
    char *esc = n > 0 && tty ? memchr(buf, ESCAPE, (size_t)n) : NULL;

    if (n < 0 && errno == EINTR)
        return 1;
    if (n <= 0)
        return 0;
    if (write_all(fd, buf, esc ? (size_t)(esc - buf) : (size_t)n))
        return 0;
    return esc == NULL;
}

static int from_domain(int fd)
{
    char buf[4096];
    ssize_t n = read(fd, buf, sizeof(buf));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 1;
    return n > 0 && write_all(1, buf, (size_t)n) == 0;
}

/* After the end of input what the domain still says is shown, until it has
 * been quiet for a moment. */
static void shuttle(int fd, bool tty)
{
    bool input = true;

    for (;;) {
        struct pollfd p[2] = {{.fd = fd, .events = POLLIN},
                              {.fd = input ? 0 : -1, .events = POLLIN}};
        int n = poll(p, 2, input ? -1 : DRAIN_MS);

        if (n == 0 || (n < 0 && errno != EINTR))
            return;
        if (n < 0)
            continue;
        if (p[0].revents && !from_domain(fd))
            return;
        if (p[1].revents && !from_user(fd, tty)) {
            if (tty)
                return;
            input = false;
        }
    }
}

int cli_console(struct weir_cli *c, int argc, char **argv)
{
    struct weir_hv_dominfo i;
    struct termios old, raw;
    bool tty;
    int fd, rc;

    if (argc != 2)
        return CLI_USAGE;
    if (cli_domain(c, argv[1], &i))
        return 1;
    rc = weir_hvctl_console(c->hv, i.domid, &fd);
    if (rc)
        return cli_error("console of %s: %s", argv[1], strerror(-rc));
    tty = isatty(0) && tcgetattr(0, &old) == 0;
    if (tty) {
        raw = old;
        cfmakeraw(&raw);
        raw.c_oflag |= OPOST;
        tcsetattr(0, TCSANOW, &raw);
        fprintf(stderr, "weir: console of %s; ^] leaves\n", argv[1]);
    }
    shuttle(fd, tty);
    if (tty)
        tcsetattr(0, TCSANOW, &old);
    close(fd);
    return 0;
}

static int copy_file(int fd)
{
    char buf[8192];
    ssize_t n;

    while ((n = read(fd, buf, sizeof(buf))) > 0)
        if (write_all(1, buf, (size_t)n))
            return 1;
    return n < 0;
}

int cli_log(struct weir_cli *c, int argc, char **argv)
{
    bool follow = cli_flag(&argc, argv, "-f");
    char path[220], name[WEIR_CFG_NAME + 16];
    struct weir_hv_dominfo i;
    const char *who;
    uint64_t id;
    int fd;

    if (argc != 2)
        return CLI_USAGE;
    who = argv[1];
    if (!weir_cfg_u64(who, 0, UINT16_MAX, &id)) {
        if (cli_domain(c, who, &i))
            return 1;
        who = i.name;
    }
    /* Also of a domain that is gone: its log stays until `weir down`. */
    if (!weir_cfg_name_ok(who))
        return cli_error("\"%.80s\" is not a domain's name", who);
    snprintf(name, sizeof(name), "log/%s.log", who);
    weir_instance_path(&c->in, name, path, sizeof(path));
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return cli_error("domain \"%s\" has no log: %s: %s", who, path,
                         strerror(errno));
    while (!copy_file(fd) && follow)
        usleep(FOLLOW_US);
    close(fd);
    return 0;
}

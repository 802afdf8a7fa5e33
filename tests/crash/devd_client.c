/* SPDX-License-Identifier: MIT */
#include "tests/crash/devd_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int crash_devd_open(const char *state_dir)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), err;

    if (fd < 0)
        return -errno;
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/devd.sock", state_dir);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    err = -errno;
    close(fd);
    return err;
}

/* 1: it was among these, 0: it was not. */
static int look(struct weir_devctl_in *in, const char *name,
                struct weir_devctl_dominfo *out)
{
    struct weir_devctl_dominfo one;
    int record, found = 0, err;

    while ((record = weir_devctl_peek(in)) != 0) {
        if (record != WEIR_REC_DOMINFO)
            return -EPROTO;
        err = weir_devctl_get(in, WEIR_REC_DOMINFO, &one);
        if (err != 0)
            return err;
        if (strcmp(one.name, name) == 0) {
            *out = one;
            found = 1;
        }
    }
    return found;
}

int crash_devd_info(int fd, const char *name, struct weir_devctl_dominfo *out)
{
    static uint8_t buf[WEIR_DEVCTL_MAX];
    struct weir_devctl_out o;
    struct weir_devctl_in in;
    bool found = false;
    int len, err;

    weir_devctl_begin(&o, buf, sizeof(buf), WEIR_DEVCTL_DOMAINS, 1);
    len = weir_devctl_end(&o);
    if (len < 0 || send(fd, buf, (size_t)len, MSG_NOSIGNAL) != len)
        return -EIO;
    for (;;) {
        ssize_t n = recv(fd, buf, sizeof(buf), 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ECONNRESET;
        err = weir_devctl_open(&in, buf, (size_t)n);
        if (err != 0)
            return err;
        if (in.op == WEIR_DEVCTL_STATUS)
            return found ? 0 : -ENOENT;
        err = look(&in, name, out);
        if (err < 0)
            return err;
        found |= err > 0;
    }
}

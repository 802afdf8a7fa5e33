/* SPDX-License-Identifier: MIT
 *
 * exhaust_tool quota SOCKET DOMID NAME VALUE   sets a registry quota
 * exhaust_tool tree SOCKET                     all paths of the registry
 * exhaust_tool hold SOCKET N                   N connections to a stream or
 *     packet socket: "held N" when made, kept until standard input ends
 * exhaust_tool fill FILE                       writes until the file system is
 *     full: "filled BYTES"
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "xenbus/client_call.h"
#include "xenbus/socket.h"

#define DIR_BYTES 65536

static int fail(const char *what, int err)
{
    fprintf(stderr, "exhaust_tool: %s: %s\n", what, strerror(-err));
    return 1;
}

static int set_quota(struct weir_xs *xs, char **argv)
{
    weir_xs_begin(xs);
    weir_xs_put_str(xs, argv[0]);
    weir_xs_put_str(xs, argv[1]);
    weir_xs_put_str(xs, argv[2]);
    return weir_xs_do(xs, WEIR_XS_SET_QUOTA, 0);
}

static int tree(struct weir_xs *xs, const char *path)
{
    char *names = malloc(DIR_BYTES), below[1024];
    int n = names ? weir_xs_ls(xs, 0, path, names, DIR_BYTES - 1) : -ENOMEM;

    if (n >= 0)
        puts(path);
    for (int i = 0; i < n; i += (int)strlen(names + i) + 1) {
        names[n] = '\0';
        snprintf(below, sizeof(below), "%s/%s", path[1] ? path : "", names + i);
        if (names[i])
            tree(xs, below);
    }
    free(names);
    return n == -ENOENT ? 0 : n < 0 ? n : 0; /* removed meanwhile */
}

static int with_registry(int argc, char **argv)
{
    static struct weir_xs xs;
    int err = weir_xs_open_socket(&xs, argv[2], NULL);

    if (err == 0)
        err = argc == 6 ? set_quota(&xs, argv + 3) : tree(&xs, "/");
    return err < 0 ? fail(argv[2], err) : 0;
}

/* Either type of socket. */
static int connect_to(const char *path)
{
    static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int err = 0;

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    for (unsigned i = 0; i < 2; i++) {
        int fd = socket(AF_UNIX, types[i] | SOCK_NONBLOCK, 0);

        if (fd < 0)
            return -errno;
        if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
            return fd;
        err = -errno;
        close(fd);
        if (err != -EPROTOTYPE)
            break;
    }
    return err;
}

static int hold(const char *path, unsigned want)
{
    struct rlimit files = {65536, 65536};
    unsigned n = 0;
    char byte;

    setrlimit(RLIMIT_NOFILE, &files);
    for (unsigned tries = 0; n < want && tries < 2000; tries++) {
        int fd = connect_to(path);

        if (fd >= 0)
            n++;
        else if (fd == -EAGAIN) /* its queue is full */
            usleep(1000);
        else
            return fail(path, fd);
    }
    printf("held %u\n", n);
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        ;
    return 0;
}

static int fill(const char *path)
{
    static char block[65536];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    unsigned long long total = 0;
    ssize_t n;

    if (fd < 0)
        return fail(path, -errno);
    memset(block, 'f', sizeof(block));
    for (size_t step = sizeof(block); step > 0; step /= 2)
        while ((n = write(fd, block, step)) > 0)
            total += (unsigned long long)n;
    close(fd);
    printf("filled %llu\n", total);
    return 0;
}

int main(int argc, char **argv)
{
    if ((argc == 6 && strcmp(argv[1], "quota") == 0) ||
        (argc == 3 && strcmp(argv[1], "tree") == 0))
        return with_registry(argc, argv);
    if (argc == 4 && strcmp(argv[1], "hold") == 0)
        return hold(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
    if (argc == 3 && strcmp(argv[1], "fill") == 0)
        return fill(argv[2]);
    fputs("usage: see exhaust_tool.c\n", stderr);
    return 2;
}

/* SPDX-License-Identifier: MIT
 *
 * fake_store.h: weir-xenstored's server in a thread. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/fake_store.h"
#include "xenbus/server.h"
#include "xenbus/socket.h"

struct weir_fake_xsd {
    struct weir_xsd x;
    pthread_t thread;
    volatile sig_atomic_t stop;
    char dir[32];
    char path[48];
};

static void *serve(void *arg)
{
    struct weir_fake_xsd *f = arg;

    while (!__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE))
        if (weir_xsd_turn(&f->x, 20))
            break;
    return NULL;
}

static int listen_at(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16)) {
        close(fd);
        return -EIO;
    }
    return fd;
}

int weir_fake_xsd_start(struct weir_port *port, struct weir_fake_xsd **out)
{
    struct weir_fake_xsd *f = calloc(1, sizeof(*f));
    int fd = -1;

    if (!f)
        return -ENOMEM;
    strcpy(f->dir, "/tmp/weir-xsd-XXXXXX");
    if (!mkdtemp(f->dir))
        goto fail;
    snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
    f->x.port = port;
    fd = listen_at(f->path);
    if (fd < 0 || weir_xsd_init(&f->x, fd))
        goto fail;
    if (pthread_create(&f->thread, NULL, serve, f)) {
        weir_xsd_fini(&f->x);
        goto fail;
    }
    *out = f;
    return 0;
fail:
    if (fd >= 0)
        close(fd);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
    return -EIO;
}

void weir_fake_xsd_stop(struct weir_fake_xsd *f)
{
    __atomic_store_n(&f->stop, 1, __ATOMIC_RELEASE);
    pthread_join(f->thread, NULL);
    weir_xsd_fini(&f->x);
    close(f->x.listener);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
}

int weir_fake_xsd_connect(struct weir_fake_xsd *f, struct weir_xs *xs)
{
    return weir_xs_open_socket(xs, f->path, NULL);
}

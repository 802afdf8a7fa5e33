/* SPDX-License-Identifier: MIT */
#include "tests/e2e/launch_vm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGES_A_MIB 256u
#define SPARE_PAGES 64u /* special pages, grant table */

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static int finish(struct weir_vmload *load, struct weir_vm_image *image)
{
    char why[WEIR_VMLOAD_WHY] = "";
    int err;

    do {
        struct pollfd p = {.fd = weir_vmload_fd(load), .events = POLLIN};

        poll(&p, 1, (int)weir_vmload_left_ms(load));
        err = weir_vmload_finish(load, image, why);
    } while (err == -EAGAIN);
    if (err != 0)
        fprintf(stderr, "launch_vm: %s\n", why);
    weir_vmload_free(load);
    return err;
}

int launch_vm_load(const char *kernel, const char *cmdline, unsigned mib,
                   struct weir_vm_image *image)
{
    const char *b = getenv("B");
    char path[PATH_MAX], program[PATH_MAX], loader[PATH_MAX];
    struct weir_vmload_config c = {.program = loader,
                                   .ramdisk_fd = -1,
                                   .kernel_name = kernel,
                                   .ram_pages = (uint64_t)mib * PAGES_A_MIB,
                                   .vcpus = 1,
                                   .cmdline = cmdline};
    struct weir_vmload *load;
    const char *what = "";
    int err;

    b = b != NULL && *b != '\0' ? b : "build";
    snprintf(program, sizeof(program), "%s/bin/weir-load", b);
    snprintf(path, sizeof(path), "%s/guests/%s", b, kernel);
    c.kernel_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (c.kernel_fd < 0 || realpath(program, loader) == NULL) {
        fprintf(stderr, "launch_vm: %s: %s\n", path, strerror(errno));
        if (c.kernel_fd >= 0)
            close(c.kernel_fd);
        return -ENOENT;
    }
    err = weir_vmload_start(&c, &load, &what);
    close(c.kernel_fd);
    if (err != 0) {
        fprintf(stderr, "launch_vm: %s: %s\n", what, strerror(-err));
        return err;
    }
    return finish(load, image);
}

struct launch_dom *launch_vm_create(struct launch *l, const char *name,
                                    unsigned mib)
{
    uint64_t ram = (uint64_t)mib * PAGES_A_MIB;

    return launch_create_how(
        l, false,
        (struct weir_hv_create){.name = name,
                                .kind = WEIR_DOM_VM,
                                .max_frames = (uint32_t)ram + SPARE_PAGES,
                                .vcpus = 1,
                                .ram = ram});
}

int launch_vm_start(struct launch *l, struct launch_dom *d,
                    const struct weir_vm_image *image)
{
    int console = -1;
    int err = weir_vm_image_push(image, l->ctl, d->domid);

    if (err == 0)
        err = weir_hvctl_console(l->ctl, d->domid, &console);
    if (err == 0)
        err = weir_hvctl_vm_start(l->ctl, d->domid, image->entry,
                                  image->start_info);
    if (err != 0) {
        fprintf(stderr, "launch_vm: %s: %s\n", d->name, strerror(-err));
        if (console >= 0)
            close(console);
        return err;
    }
    return console;
}

/* One line, without its end; what is longer than size is cut. */
static int read_line(int fd, uint64_t end, char *line, size_t size)
{
    size_t n = 0;

    for (;;) {
        uint64_t now = now_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        char c;

        if (now >= end || poll(&p, 1, (int)(end - now)) <= 0)
            return -ETIMEDOUT;
        if (read(fd, &c, 1) != 1)
            return -EPIPE;
        if (c == '\n') {
            line[n] = '\0';
            return 0;
        }
        if (c != '\r' && n + 1 < size)
            line[n++] = c;
    }
}

int launch_vm_says(int console, const char *prefix, int timeout_ms, char *rest,
                   size_t size)
{
    uint64_t end = now_ms() + (uint64_t)timeout_ms;
    char line[256];

    for (;;) {
        int err = read_line(console, end, line, sizeof(line));

        if (err != 0)
            return err;
        if (strncmp(line, prefix, strlen(prefix)) == 0) {
            snprintf(rest, size, "%s", line + strlen(prefix));
            return 0;
        }
        if (getenv("LAUNCH_VERBOSE") != NULL)
            fprintf(stderr, "launch_vm: guest: %s\n", line);
    }
}

/* SPDX-License-Identifier: MIT
 *
 * weir-load: one kernel, one answer (--serve, load_abi.h), or a look at it
 * (--check).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hypervisor/loader/answer.h"
#include "hypervisor/loader/build.h"
#include "hypervisor/loader/check.h"
#include "hypervisor/loader/seal.h"

#define CPU_S 120

struct options {
    bool serve, check;
    const char *kernel, *ramdisk; /* names */
    struct weir_ld_job job;
};

static void usage(FILE *to)
{
    fputs("usage: weir-load --check [--memory MIB [--cmdline TEXT]] KERNEL "
          "[RAMDISK]\n"
          "  --check         say what the kernel is and needs; exit 1 if it "
          "can't start\n"
          "  --memory MIB    does it fit into a VM with so much\n"
          "  --cmdline TEXT  with this command line\n"
          "  --help, --version\n"
          "weir-devd runs it with --serve: hypervisor/loader/load_abi.h\n",
          to);
}

static uint64_t number(const char *name, const char *s, uint64_t max)
{
    unsigned long long n;
    char *end;

    errno = 0;
    n = strtoull(s, &end, 10);
    if (errno || end == s || *end || *s == '-' || n == 0 || n > max) {
        fprintf(stderr, "weir-load: --%s %s: not a number from 1 to %llu\n",
                name, s, (unsigned long long)max);
        exit(2);
    }
    return n;
}

static void take(struct options *o, int opt, const char *arg)
{
    switch (opt) {
    case 's':
        o->serve = true;
        break;
    case 'c':
        o->check = true;
        break;
    case 'p':
        o->job.ram_pages = number("ram-pages", arg, WEIR_LD_MAX_PAGES);
        break;
    case 'm':
        o->job.ram_pages = number("memory", arg, WEIR_LD_MAX_PAGES / 256) * 256;
        break;
    case 'n':
        o->job.vcpus = (uint32_t)number("vcpus", arg, WEIR_LD_MAX_VCPUS);
        break;
    case 'x':
        o->job.rewrite = strcmp(arg, "s") == 0;
        break;
    case 'k':
        o->kernel = arg;
        break;
    case 'r':
        o->ramdisk = arg;
        break;
    case 'a':
        o->job.cmdline = arg;
        break;
    case 'h':
        usage(stdout);
        exit(0);
    case 'v':
        puts("weir-load " WEIR_VERSION);
        exit(0);
    default:
        usage(stderr);
        exit(2);
    }
}

static void parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"serve", no_argument, NULL, 's'},
        {"check", no_argument, NULL, 'c'},
        {"ram-pages", required_argument, NULL, 'p'},
        {"memory", required_argument, NULL, 'm'},
        {"vcpus", required_argument, NULL, 'n'},
        {"mode", required_argument, NULL, 'x'},
        {"kernel-name", required_argument, NULL, 'k'},
        {"ramdisk-name", required_argument, NULL, 'r'},
        {"cmdline", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };
    int opt;

    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1)
        take(o, opt, optarg);
    argc -= optind;
    argv += optind;
    /* Without memory nothing is placed, so a command line is not looked at. */
    if (o->serve == o->check || (o->job.cmdline && !o->job.ram_pages) ||
        (o->check ? argc < 1 || argc > 2
                  : argc > 0 || !o->kernel || !o->job.ram_pages)) {
        usage(stderr);
        exit(2);
    }
    if (o->check) {
        o->kernel = argv[0];
        o->ramdisk = argv[1];
    }
}

/* Sizes first, for they are the limits; then the seal; then the image. */
static int work(struct options *o, struct weir_ld_built *built,
                struct weir_ld_why *why)
{
    struct weir_ld_limits limits = {.cpu_s = CPU_S};
    const char *what = "";
    int rc = weir_ld_job_look(&o->job, why);

    if (rc)
        return rc;
    limits.memory = weir_ld_job_memory(&o->job);
    limits.file = weir_ld_job_memfd(&o->job);
    rc = weir_ld_seal(&limits, &what);
    if (rc)
        return weir_ld_refuse(why, -EIO,
                              "found no way to seal weir-load (%s: %s); "
                              "needed a kernel with seccomp and memfd",
                              what, strerror(-rc));
    return weir_ld_build(&o->job, built, why);
}

static int send_answer(const struct weir_load_answer *a)
{
    uint8_t buf[WEIR_LOAD_MAX_PACKET];
    struct iovec iov = {buf, weir_load_put(buf, a)};
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (!a->error) {
        struct cmsghdr *c = &control.align;

        msg.msg_control = control.space;
        msg.msg_controllen = sizeof(control.space);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &a->image.memfd, sizeof(int));
    }
    return sendmsg(WEIR_LOAD_FD_SOCKET, &msg, MSG_NOSIGNAL) < 0 ? 1 : 0;
}

static int serve(struct options *o)
{
    struct weir_load_answer a = {0};
    struct weir_ld_built built;
    struct weir_ld_why why = {0};
    int rc;

    o->job.kernel_fd = WEIR_LOAD_FD_KERNEL;
    o->job.ramdisk_fd = o->ramdisk ? WEIR_LOAD_FD_RAMDISK : -1;
    rc = work(o, &built, &why);
    if (rc) {
        a.error = (uint32_t)-rc;
        snprintf(a.text, sizeof(a.text), "%.*s: %s", (int)WEIR_LOAD_MAX_NAME,
                 why.ramdisk ? o->ramdisk : o->kernel, why.text);
    } else {
        a.image = built.image;
    }
    return send_answer(&a);
}

static int open_file(const char *name, const char *need)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        fprintf(stderr,
                "%s: found a file that can't be opened (%s); needed %s\n", name,
                strerror(errno), need);
    return fd;
}

static int check(struct options *o)
{
    struct weir_ld_built built;
    struct weir_ld_why why = {0};

    o->job.ramdisk_fd = -1;
    o->job.kernel_fd = open_file(
        o->kernel, "a readable bzImage or ELF kernel with a PVH entry");
    if (o->job.kernel_fd < 0)
        return 1;
    if (o->ramdisk) {
        o->job.ramdisk_fd = open_file(o->ramdisk, "a readable ramdisk");
        if (o->job.ramdisk_fd < 0)
            return 1;
    }
    if (work(o, &built, &why)) {
        weir_ld_say(2, "%s: %s\n", why.ramdisk ? o->ramdisk : o->kernel,
                    why.text);
        return 1;
    }
    weir_ld_print(&o->job, &built, o->kernel, o->ramdisk);
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = {.job.vcpus = 1};

    parse(argc, argv, &o);
    /* No more than the system calls of the seal. */
    _exit(o.serve ? serve(&o) : check(&o));
}

/* SPDX-License-Identifier: MIT
 *
 * Block I/O of a guest through weir-blkback on a zero-filled zram device,
 * against fio on the device itself (libaio, direct) and, where it is there,
 * fio through qemu-storage-daemon over NBD.  Medians of RUNS runs that take
 * turns.  Root.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/zram.h"
#include "tests/e2e/launch.h"

#define RUNS   5
#define RUN_MS 1000
#define DISK   "1G"

struct job {
    const char *name, *unit, *fio_rw, *op, *sequential, *bytes, *depth;
    double scale; /* I/Os a second to the unit */
};

static const struct job jobs[] = {
    {"blk_randread_4k_qd1", "IOPS", "randread", "r", "0", "4096", "1", 1},
    {"blk_randread_4k_qd8", "IOPS", "randread", "r", "0", "4096", "8", 1},
    {"blk_randread_4k_qd32", "IOPS", "randread", "r", "0", "4096", "32", 1},
    {"blk_seqread_128k", "MB/s", "read", "r", "1", "131072", "32",
     131072 / 1e6},
    {"blk_randwrite_4k_qd32", "IOPS", "randwrite", "w", "0", "4096", "32", 1},
};
#define JOBS (sizeof(jobs) / sizeof(jobs[0]))

static struct launch machine;
static struct zram disk;
static pid_t nbd;
static char nbd_socket[96];

static void clean_up(void)
{
    if (nbd > 0) {
        kill(nbd, SIGTERM);
        waitpid(nbd, NULL, 0);
        nbd = 0;
        unlink(nbd_socket); /* before the directory goes */
    }
    launch_stop(&machine);
    zram_remove(&disk);
}

static void on_signal(int sig)
{
    clean_up();
    _exit(128 + sig);
}

static int skip(const char *why)
{
    puts(why);
    return 77;
}

static double first_number(FILE *p, const char *prefix)
{
    char line[4096];
    double v = -1;

    while (p != NULL && fgets(line, sizeof(line), p) != NULL)
        if (strncmp(line, prefix, strlen(prefix)) == 0)
            v = atof(line + strlen(prefix));
    return v;
}

static double fio(const struct job *j, const char *where)
{
    return zram_fio_on(where, DISK, j->fio_rw, j->bytes, j->depth, RUN_MS) *
           j->scale;
}

/* The guest's standard output is a pipe of ours. */
static double guest_says(struct launch_dom *guest, const char *const *argv)
{
    int pipes[2], saved = dup(1), err;
    double v = -1;
    FILE *p;

    fflush(stdout);
    if (saved < 0 || pipe(pipes) != 0)
        return -1;
    dup2(pipes[1], 1);
    err = launch_exec(&machine, guest, argv);
    dup2(saved, 1);
    close(saved);
    close(pipes[1]);
    p = fdopen(pipes[0], "r");
    if (err == 0)
        v = first_number(p, "IOPS ");
    fclose(p);
    if (launch_wait(guest, 5000) != 0)
        return -1;
    return v;
}

static double weir(const struct job *j, struct launch_dom *back)
{
    char ms[16];
    const char *argv[] = {"blk_load", j->op, j->sequential, j->bytes,
                          j->depth,   ms,    NULL};
    struct launch_dom *guest = launch_create(&machine, "load", false, 8192);
    struct weir_resource res = {.cls = WEIR_RES_VBD, .devid = 51712, .nfds = 1};
    double v = -1;
    int fd;

    snprintf(ms, sizeof(ms), "%d", RUN_MS);
    fd = open(disk.path, O_RDWR | O_DIRECT | O_CLOEXEC);
    res.vbd.flags = WEIR_VBD_BLKDEV;
    res.vbd.sector_size = 4096;
    strcpy(res.label, disk.path);
    if (guest != NULL && fd >= 0 &&
        launch_device(&machine, guest, back, &res, &fd) == 0)
        v = guest_says(guest, argv) * j->scale;
    if (fd >= 0)
        close(fd);
    if (guest != NULL) {
        launch_order(&machine, guest, back, &res, WEIR_RES_DETACH, 5000);
        launch_destroy(&machine, guest);
    }
    return v;
}

static void start_nbd(void)
{
    char dev[160], addr[160];

    if (system("command -v qemu-storage-daemon >/dev/null && "
               "fio --enghelp | grep -q nbd") != 0)
        return;
    snprintf(nbd_socket, sizeof(nbd_socket), "%s/nbd.sock", machine.dir);
    snprintf(dev, sizeof(dev),
             "driver=host_device,node-name=d,filename=%s,"
             "cache.direct=on,aio=native",
             disk.path);
    snprintf(addr, sizeof(addr), "addr.type=unix,addr.path=%s", nbd_socket);
    nbd = fork();
    if (nbd == 0) {
        execlp("qemu-storage-daemon", "qemu-storage-daemon", "--blockdev", dev,
               "--nbd-server", addr, "--export",
               "type=nbd,id=e,node-name=d,writable=on", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 300 && access(nbd_socket, F_OK) != 0; i++)
        usleep(10000);
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static double median(double *v)
{
    qsort(v, RUNS, sizeof(*v), by_value);
    return v[RUNS / 2];
}

static void print(const struct job *j, const char *suffix, double w,
                  const char *peer_name, double peer)
{
    printf("{\"name\":\"%s%s\",\"unit\":\"%s\",\"higher_is_better\":true,"
           "\"weir\":%.0f,\"peer_name\":\"%s\",\"peer\":%.0f}\n",
           j->name, suffix, j->unit, w, peer_name, peer);
    fflush(stdout);
}

static int measure(const struct job *j, struct launch_dom *back)
{
    double w[RUNS], f[RUNS], n[RUNS];
    char direct[96], through[192];

    snprintf(direct, sizeof(direct), "--ioengine=libaio --filename=%s",
             disk.path);
    snprintf(through, sizeof(through),
             "--ioengine=nbd '--uri=nbd+unix:///d?socket=%s'", nbd_socket);
    for (int i = 0; i < RUNS; i++) {
        w[i] = weir(j, back);
        f[i] = fio(j, direct);
        n[i] = nbd > 0 ? fio(j, through) : 0;
        if (w[i] <= 0 || f[i] <= 0)
            return -1;
    }
    print(j, "", median(w), "fio libaio", median(f));
    if (nbd > 0 && median(n) > 0)
        print(j, "_vs_nbd", w[RUNS / 2], "qemu-storage-daemon NBD", median(n));
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const blkback[] = {"weir-blkback", NULL};
    struct launch_dom *back;
    int err = 0;

    if (geteuid() != 0)
        return skip("a zram device needs root");
    if (!zram_has_fio())
        return skip("fio is not installed");
    atexit(clean_up);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    if (zram_make(&disk, DISK) != 0)
        return skip("no zram device can be made here");
    if (launch_start(&machine, "512M") != 0)
        return skip("this machine can't run process domains");
    start_nbd();
    back = launch_create(&machine, "blkback", true, 4096);
    if (back == NULL || launch_exec(&machine, back, blkback) != 0 ||
        launch_ready(back, 5000) != 0)
        return 1;
    for (unsigned i = 0; i < JOBS && err == 0; i++)
        if (argc < 2 || strcmp(argv[1], jobs[i].name) == 0)
            err = measure(&jobs[i], back);
    return err != 0;
}

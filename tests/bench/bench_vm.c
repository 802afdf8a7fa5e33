/* SPDX-License-Identifier: MIT
 *
 * VM domains: from creation to the first instruction and to the console, a
 * hypercall, events between a VM and a process domain, a grant mapped in a VM,
 * disk and network through process driver domains.  Beside KVM without
 * anything around it (vm_peer.c), fio on the same device and a veth pair.
 * Medians of RUNS runs that take turns.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/net_peers.h"
#include "tests/bench/vm_peer.h"
#include "tests/bench/zram.h"
#include "tests/e2e/launch_vm.h"

#define RUNS    5
#define MIB     32u
#define RUN_MS  1000
#define SAYS_MS 20000

struct figure {
    const char *name, *unit, *peer_name;
    bool higher;
    double weir[RUNS], peer[RUNS];
};

enum what {
    FIRST,
    CONSOLE,
    CALL,
    LEVEL0,
    SEND,
    TRIP,
    MAP,
    RANDOM,
    SERIAL,
    TX,
    RX
};

static struct figure figures[] = {
    [FIRST] = {"vm_create_first",
               "ms",
               "KVM alone, one page of real mode",
               false,
               {0},
               {0}},
    [CONSOLE] = {"vm_create_console", "ms", "", false, {0}, {0}},
    [CALL] = {"vm_hypercall", "ns", "KVM alone, port write", false, {0}, {0}},
    [LEVEL0] =
        {"vm_hypercall_level0", "ns", "KVM alone, port write", false, {0}, {0}},
    [SEND] = {"vm_event_send", "ns", "ioeventfd", false, {0}, {0}},
    [TRIP] = {"vm_event_rtt", "ns", "ioeventfd and irqfd", false, {0}, {0}},
    [MAP] = {"vm_grant_map", "ns", "", false, {0}, {0}},
    [RANDOM] =
        {"vm_blk_randread_4k_qd32", "IOPS", "fio libaio", true, {0}, {0}},
    [SERIAL] = {"vm_blk_seqread_128k", "MB/s", "fio libaio", true, {0}, {0}},
    [TX] = {"vm_net_tx_1500",
            "Mpps",
            "veth, sendmmsg and recvmmsg",
            true,
            {0},
            {0}},
    [RX] = {"vm_net_rx_1500",
            "Mpps",
            "veth, sendmmsg and recvmmsg",
            true,
            {0},
            {0}},
};
#define FIGURES (sizeof(figures) / sizeof(figures[0]))

static struct launch machine;
static struct zram disk;

static void clean_up(void)
{
    launch_stop(&machine);
    zram_remove(&disk);
}

static void on_signal(int sig)
{
    clean_up();
    _exit(128 + sig);
}

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* A number that the guest says, or -1. */
static double number(int console, const char *name)
{
    char rest[64];

    return launch_vm_says(console, name, SAYS_MS, rest, sizeof(rest)) == 0
               ? atof(rest)
               : -1;
}

/* ---- creation ---- */

/* From the request until the console has a line. */
static double creation_ms(const struct weir_vm_image *image, const char *line)
{
    char rest[64];
    double t = now_ms(), ms = -1;
    struct launch_dom *vm = launch_vm_create(&machine, "new", MIB);
    int console = vm ? launch_vm_start(&machine, vm, image) : -1;

    if (console >= 0 &&
        launch_vm_says(console, line, SAYS_MS, rest, sizeof(rest)) == 0)
        ms = now_ms() - t;
    if (console >= 0)
        close(console);
    launch_destroy(&machine, vm);
    return ms;
}

static bool creation(unsigned run)
{
    struct weir_vm_image first, whole;

    if (launch_vm_load("vm_first.elf", "", MIB, &first) != 0)
        return false;
    if (launch_vm_load("vm_guest.elf", "", MIB, &whole) != 0)
        return false;
    figures[FIRST].weir[run] = creation_ms(&first, "");
    figures[FIRST].peer[run] = peer_first_ms();
    figures[CONSOLE].weir[run] = creation_ms(&whole, "up");
    weir_vm_image_close(&first);
    weir_vm_image_close(&whole);
    return true;
}

/* ---- calls, events ---- */

/* A VM with this command line; its console. */
static int boot(const char *cmdline, struct launch_dom **vm)
{
    struct weir_vm_image image;
    int console;

    if (launch_vm_load("vm_guest.elf", cmdline, MIB, &image) != 0)
        return -1;
    if (!*vm)
        *vm = launch_vm_create(&machine, "guest", MIB);
    console = *vm ? launch_vm_start(&machine, *vm, &image) : -1;
    weir_vm_image_close(&image);
    return console;
}

static bool calls(unsigned run)
{
    struct launch_dom *vm = NULL;
    int console = boot("calls", &vm);

    figures[CALL].weir[run] = number(console, "hypercall ");
    figures[LEVEL0].weir[run] = number(console, "level0 ");
    figures[MAP].weir[run] = number(console, "map ");
    figures[CALL].peer[run] = figures[LEVEL0].peer[run] = peer_exit_ns();
    close(console);
    launch_destroy(&machine, vm);
    return true;
}

static bool events(unsigned run)
{
    struct launch_dom *echo = launch_create(&machine, "echo", false, 64);
    struct launch_dom *vm = NULL;
    char line[32], domid[8], port[16];
    const char *argv[] = {"vm_echo", domid, port, NULL};
    int console = -1;

    if (echo) {
        snprintf(line, sizeof(line), "events %u", echo->domid);
        console = boot(line, &vm);
    }
    if (console >= 0 &&
        launch_vm_says(console, "port ", SAYS_MS, port, sizeof(port)) == 0) {
        snprintf(domid, sizeof(domid), "%u", vm->domid);
        if (launch_exec(&machine, echo, argv) == 0) {
            figures[TRIP].weir[run] = number(console, "trip ");
            figures[SEND].weir[run] = number(console, "send ");
        }
    }
    figures[TRIP].peer[run] = peer_trip_ns();
    figures[SEND].peer[run] = peer_send_ns();
    if (console >= 0)
        close(console);
    launch_destroy(&machine, vm);
    launch_destroy(&machine, echo);
    return true;
}

/* ---- devices ---- */

static struct launch_dom *driver(const char *program)
{
    const char *argv[] = {program, NULL};
    struct launch_dom *d = launch_create(&machine, program, true, 8192);

    if (d &&
        (launch_exec(&machine, d, argv) != 0 || launch_ready(d, 5000) != 0))
        return NULL;
    return d;
}

/* What a guest with this command line and device says. */
static double device(struct launch_dom *back, struct weir_resource *res,
                     const int *fd, const char *cmdline, const char *says)
{
    struct launch_dom *vm = launch_vm_create(&machine, "load", MIB);
    int console = -1;
    double v = -1;

    if (vm && launch_device(&machine, vm, back, res, fd) == 0 &&
        (res->cls != WEIR_RES_VIF ||
         launch_front_node(&machine, vm, res, "mac", "00:16:3e:00:00:05") == 0))
        console = boot(cmdline, &vm);
    if (console >= 0) {
        v = number(console, says);
        close(console);
    }
    if (vm)
        launch_order(&machine, vm, back, res, WEIR_RES_DETACH, 5000);
    launch_destroy(&machine, vm);
    return v;
}

static double weir_blk(struct launch_dom *back, const char *cmdline)
{
    struct weir_resource res = {.cls = WEIR_RES_VBD, .devid = 51712, .nfds = 1};
    int fd = open(disk.path, O_RDWR | O_DIRECT | O_CLOEXEC);
    double v;

    if (fd < 0)
        return -1;
    res.vbd.flags = WEIR_VBD_BLKDEV;
    res.vbd.sector_size = 4096;
    strcpy(res.label, disk.path);
    v = device(back, &res, &fd, cmdline, "IOPS ");
    close(fd);
    return v;
}

static bool blk(struct launch_dom *back, unsigned run)
{
    figures[RANDOM].weir[run] = weir_blk(back, "blk r 0 4096 32 1000");
    figures[RANDOM].peer[run] =
        zram_fio(&disk, "randread", "4096", "32", RUN_MS);
    figures[SERIAL].weir[run] =
        weir_blk(back, "blk r 1 131072 32 1000") * 131072 / 1e6;
    figures[SERIAL].peer[run] =
        zram_fio(&disk, "read", "131072", "32", RUN_MS) * 131072 / 1e6;
    return true;
}

static bool net(struct launch_dom *back, unsigned run)
{
    struct weir_resource res = {.cls = WEIR_RES_VIF,
                                .vif = {.sink = WEIR_VIF_MEMORY,
                                        .queues = 1,
                                        .mtu = 1500,
                                        .mac = {0, 0x16, 0x3e, 0, 0, 5}}};

    strcpy(res.label, "bench");
    figures[TX].weir[run] =
        device(back, &res, NULL, "tx 1500 600", "PPS ") / 1e6;
    res.vif.generate = 1500;
    figures[RX].weir[run] = device(back, &res, NULL, "rx 600", "PPS ") / 1e6;
    figures[TX].peer[run] = figures[RX].peer[run] = net_veth(1500);
    return true;
}

/* ---- */

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

static int print(struct figure *f)
{
    double weir = median(f->weir), peer = median(f->peer);

    if (f->weir[0] <= 0) {
        fprintf(stderr, "bench_vm: %s was not measured\n", f->name);
        return 1;
    }
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"higher_is_better\":%s,"
           "\"weir\":%.3f,\"peer_name\":\"%s\",\"peer\":",
           f->name, f->unit, f->higher ? "true" : "false", weir, f->peer_name);
    if (f->peer_name[0] != '\0' && f->peer[0] > 0)
        printf("%.3f}\n", peer);
    else
        printf("null}\n");
    return 0;
}

static int skip(const char *why)
{
    puts(why);
    return 77;
}

int main(void)
{
    struct launch_dom *blkback = NULL, *netback = NULL;
    bool ok = true;
    int rc = 0;

    if (geteuid() != 0)
        return skip("needs root");
    if (access("/dev/kvm", R_OK | W_OK) != 0)
        return skip("needs /dev/kvm");
    atexit(clean_up);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    if (launch_start(&machine, "512M") != 0)
        return skip("this machine can't run process domains");
    if (zram_make(&disk, "1G") == 0 && zram_has_fio())
        blkback = driver("weir-blkback");
    netback = driver("weir-netback");
    for (unsigned run = 0; run < RUNS && ok; run++) {
        fprintf(stderr, "bench_vm: run %u of %d\n", run + 1, RUNS);
        ok = creation(run) && calls(run) && events(run) &&
             (!blkback || blk(blkback, run)) && (!netback || net(netback, run));
    }
    for (unsigned i = 0; i < FIGURES; i++)
        if (blkback || (i != RANDOM && i != SERIAL))
            rc |= print(&figures[i]);
    return rc || !ok;
}

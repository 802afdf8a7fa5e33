/* SPDX-License-Identifier: MIT
 *
 * Disk and network of a VM through process driver domains, beside fio on the
 * same device and a veth pair.
 */
#include "tests/bench/bench_vm.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/net_peers.h"

#define RUN_MS 1000

static struct launch_dom *driver(struct bench_vm *b, const char *program)
{
    const char *argv[] = {program, NULL};
    struct launch_dom *d = launch_create(&b->machine, program, true, 8192);

    if (d &&
        (launch_exec(&b->machine, d, argv) != 0 || launch_ready(d, 5000) != 0))
        return NULL;
    return d;
}

void bench_vm_drivers(struct bench_vm *b)
{
    if (zram_make(&b->disk, "1G") == 0 && zram_has_fio())
        b->blkback = driver(b, "weir-blkback");
    b->netback = driver(b, "weir-netback");
}

/* What a guest with this command line and device says. */
static double device(struct bench_vm *b, struct launch_dom *back,
                     struct weir_resource *res, const int *fd,
                     const char *cmdline, const char *says)
{
    struct launch *m = &b->machine;
    struct launch_dom *vm = launch_vm_create(m, "load", BENCH_MIB);
    int console = -1;
    double v = -1;

    if (vm && launch_device(m, vm, back, res, fd) == 0 &&
        (res->cls != WEIR_RES_VIF ||
         launch_front_node(m, vm, res, "mac", "00:16:3e:00:00:05") == 0))
        console = bench_vm_boot(m, cmdline, &vm);
    if (console >= 0) {
        v = bench_vm_number(console, says);
        close(console);
    }
    if (vm)
        launch_order(m, vm, back, res, WEIR_RES_DETACH, 5000);
    launch_destroy(m, vm);
    return v;
}

static double weir_blk(struct bench_vm *b, const char *cmdline)
{
    struct weir_resource res = {.cls = WEIR_RES_VBD, .devid = 51712, .nfds = 1};
    int fd = open(b->disk.path, O_RDWR | O_DIRECT | O_CLOEXEC);
    double v;

    if (fd < 0)
        return -1;
    res.vbd.flags = WEIR_VBD_BLKDEV;
    res.vbd.sector_size = 4096;
    strcpy(res.label, b->disk.path);
    v = device(b, b->blkback, &res, &fd, cmdline, "IOPS ");
    close(fd);
    return v;
}

void bench_vm_blk(struct bench_vm *b, unsigned run)
{
    const double mb = 131072 / 1e6;

    if (!b->blkback)
        return;
    b->weir[VM_RANDOM][run] = weir_blk(b, "blk r 0 4096 32 1000");
    b->peer[VM_RANDOM][run] =
        zram_fio(&b->disk, "randread", "4096", "32", RUN_MS);
    b->weir[VM_SERIAL][run] = weir_blk(b, "blk r 1 131072 32 1000") * mb;
    b->peer[VM_SERIAL][run] =
        zram_fio(&b->disk, "read", "131072", "32", RUN_MS) * mb;
}

static double weir_net(struct bench_vm *b, const char *cmdline, unsigned makes)
{
    struct weir_resource res = {.cls = WEIR_RES_VIF,
                                .vif = {.sink = WEIR_VIF_MEMORY,
                                        .queues = 1,
                                        .mtu = 1500,
                                        .mac = {0, 0x16, 0x3e, 0, 0, 5},
                                        .generate = makes}};

    strcpy(res.label, "bench");
    return device(b, b->netback, &res, NULL, cmdline, "PPS ") / 1e6;
}

/* A veth pair knows no direction: both share its figure. */
void bench_vm_net(struct bench_vm *b, unsigned run)
{
    if (!b->netback)
        return;
    b->weir[VM_TX_64][run] = weir_net(b, "tx 64 600", 0);
    b->weir[VM_RX_64][run] = weir_net(b, "rx 600", 64);
    b->peer[VM_TX_64][run] = b->peer[VM_RX_64][run] = net_veth(64);
    b->weir[VM_TX_1500][run] = weir_net(b, "tx 1500 600", 0);
    b->weir[VM_RX_1500][run] = weir_net(b, "rx 600", 1500);
    b->peer[VM_TX_1500][run] = b->peer[VM_RX_1500][run] = net_veth(1500);
}

/* SPDX-License-Identifier: MIT
 *
 * VM domains: from creation to the first instruction and to the console, a
 * hypercall, events between a VM and a process domain, a grant mapped in a VM,
 * disk and network through process driver domains, weir-hv's memory.  Beside
 * KVM without anything around it (vm_peer.h), fio on the same device and a veth
 * pair.  Medians of BENCH_RUNS runs that take turns.
 *
 *     bench_vm [GROUP]    creation, calls, events, memory, blk, net
 */
#include "tests/bench/bench_vm.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum group { CREATION, CALLS, EVENTS, MEMORY, BLK, NET, GROUPS };

struct figure {
    const char *name, *unit, *peer_name;
    enum group group;
    bool higher;
};

#define PORT_WRITE "KVM alone, port write"
#define IRQFD      "irqfd to a handler, from hlt"
#define FIO        "fio libaio"
#define VETH       "veth, sendmmsg and recvmmsg"

static const struct figure figures[VM_FIGURES] = {
    [VM_FIRST] = {"vm_create_first", "ms", "KVM alone, one page of real mode",
                  CREATION, false},
    [VM_CONSOLE] = {"vm_create_console", "ms", "", CREATION, false},
    [VM_CALL] = {"vm_hypercall", "ns", PORT_WRITE, CALLS, false},
    [VM_LEVEL0] = {"vm_hypercall_level0", "ns", PORT_WRITE, CALLS, false},
    [VM_MAP] = {"vm_grant_map", "ns", "", CALLS, false},
    [VM_TO_PROCESS] = {"vm_event_to_process", "ns",
                       "ioeventfd to poll and read", EVENTS, false},
    [VM_TO_GUEST] = {"vm_event_to_guest", "ns", IRQFD, EVENTS, false},
    [VM_TO_GUEST_POLL] = {"vm_event_to_guest_poll", "ns", IRQFD, EVENTS, false},
    [VM_TO_GUEST_AWAKE] = {"vm_event_to_guest_awake", "ns", "", EVENTS, false},
    [VM_SEND] = {"vm_event_send", "ns", "ioeventfd", EVENTS, false},
    [VM_SEND_TO_GUEST] = {"vm_event_send_to_guest", "ns", "write to an irqfd",
                          EVENTS, false},
    [VM_TRIP] = {"vm_event_rtt", "ns", "ioeventfd and irqfd", EVENTS, false},
    [VM_RANDOM] = {"vm_blk_randread_4k_qd32", "IOPS", FIO, BLK, true},
    [VM_SERIAL] = {"vm_blk_seqread_128k", "MB/s", FIO, BLK, true},
    [VM_TX_64] = {"vm_net_tx_64", "Mpps", VETH, NET, true},
    [VM_RX_64] = {"vm_net_rx_64", "Mpps", VETH, NET, true},
    [VM_TX_1500] = {"vm_net_tx_1500", "Mpps", VETH, NET, true},
    [VM_RX_1500] = {"vm_net_rx_1500", "Mpps", VETH, NET, true},
    [VM_RSS_1] = {"vm_hv_rss_1", "MiB", "", MEMORY, false},
    [VM_RSS_4] = {"vm_hv_rss_4", "MiB", "", MEMORY, false},
    [VM_RSS_8] = {"vm_hv_rss_8", "MiB", "", MEMORY, false},
};

static const char *const group_name[GROUPS] = {"creation", "calls", "events",
                                               "memory",   "blk",   "net"};

static struct bench_vm bench;

static void clean_up(void)
{
    launch_stop(&bench.machine);
    zram_remove(&bench.disk);
}

static void on_signal(int sig)
{
    clean_up();
    _exit(128 + sig);
}

static bool run_group(struct bench_vm *b, enum group g, unsigned run)
{
    switch (g) {
    case CREATION:
        return bench_vm_creation(b, run);
    case CALLS:
        bench_vm_calls(b, run);
        break;
    case EVENTS:
        bench_vm_events(b, run);
        break;
    case BLK:
        bench_vm_blk(b, run);
        break;
    default:
        bench_vm_net(b, run);
        break;
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static double median(double *v)
{
    qsort(v, BENCH_RUNS, sizeof(*v), by_value);
    return v[BENCH_RUNS / 2];
}

/* A figure that one of the runs did not get is none. */
static int print(const struct figure *f, double *weir_runs, double *peer_runs)
{
    double weir = median(weir_runs), peer = median(peer_runs);

    if (weir_runs[0] <= 0) {
        fprintf(stderr, "bench_vm: %s was not measured\n", f->name);
        return 1;
    }
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"higher_is_better\":%s,"
           "\"weir\":%.3f,\"peer_name\":\"%s\",\"peer\":",
           f->name, f->unit, f->higher ? "true" : "false", weir, f->peer_name);
    if (f->peer_name[0] != '\0' && peer_runs[0] > 0)
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

static bool wanted(const struct bench_vm *b, const char *only, enum group g)
{
    return (!only || strcmp(only, group_name[g]) == 0) &&
           (g != BLK || b->blkback) && (g != NET || b->netback);
}

/* One machine after the other: memory has its own, which nothing else used. */
static bool run_all(struct bench_vm *b, const char *only)
{
    bool ok = true;

    if (wanted(b, only, MEMORY))
        bench_vm_memory(b);
    if (launch_start(&b->machine, "512M") != 0)
        return false;
    bench_vm_drivers(b);
    for (unsigned run = 0; run < BENCH_RUNS && ok; run++) {
        fprintf(stderr, "bench_vm: run %u of %d\n", run + 1, BENCH_RUNS);
        for (enum group g = CREATION; g < GROUPS && ok; g++)
            if (g != MEMORY && wanted(b, only, g))
                ok = run_group(b, g, run);
    }
    return ok;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    struct bench_vm *b = &bench;
    int rc = 0;
    bool ok;

    if (geteuid() != 0)
        return skip("needs root");
    if (access("/dev/kvm", R_OK | W_OK) != 0)
        return skip("needs /dev/kvm");
    atexit(clean_up);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    if (launch_start(&b->machine, "512M") != 0)
        return skip("this machine can't run process domains");
    launch_stop(&b->machine);
    ok = run_all(b, only);
    for (unsigned i = 0; i < VM_FIGURES; i++)
        if (wanted(b, only, figures[i].group))
            rc |= print(&figures[i], b->weir[i], b->peer[i]);
    return rc || !ok;
}

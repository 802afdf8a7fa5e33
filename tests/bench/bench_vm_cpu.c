/* SPDX-License-Identifier: MIT
 *
 * Creation of a VM, calls, events, grants, and what weir-hv keeps for it.
 */
#include "tests/bench/bench_vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/vm_peer.h"

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

double bench_vm_number(int console, const char *name)
{
    char rest[64];

    return launch_vm_says(console, name, BENCH_SAYS_MS, rest, sizeof(rest)) == 0
               ? atof(rest)
               : -1;
}

int bench_vm_boot(struct launch *m, const char *cmdline, struct launch_dom **vm)
{
    struct weir_vm_image image;
    int console;

    if (launch_vm_load("vm_guest.elf", cmdline, BENCH_MIB, &image) != 0)
        return -1;
    if (!*vm)
        *vm = launch_vm_create(m, "guest", BENCH_MIB);
    console = *vm ? launch_vm_start(m, *vm, &image) : -1;
    weir_vm_image_close(&image);
    return console;
}

/* ---- creation ---- */

/* From the request until the console has a line. */
static double creation_ms(struct bench_vm *b, const struct weir_vm_image *image,
                          const char *line)
{
    char rest[64];
    double t = now_ms(), ms = -1;
    struct launch_dom *vm = launch_vm_create(&b->machine, "new", BENCH_MIB);
    int console = vm ? launch_vm_start(&b->machine, vm, image) : -1;

    if (console >= 0 &&
        launch_vm_says(console, line, BENCH_SAYS_MS, rest, sizeof(rest)) == 0)
        ms = now_ms() - t;
    if (console >= 0)
        close(console);
    launch_destroy(&b->machine, vm);
    return ms;
}

bool bench_vm_creation(struct bench_vm *b, unsigned run)
{
    struct weir_vm_image first, whole;

    if (launch_vm_load("vm_first.elf", "", BENCH_MIB, &first) != 0)
        return false;
    if (launch_vm_load("vm_guest.elf", "", BENCH_MIB, &whole) != 0) {
        weir_vm_image_close(&first);
        return false;
    }
    b->weir[VM_FIRST][run] = creation_ms(b, &first, "");
    b->peer[VM_FIRST][run] = peer_first_ms();
    b->weir[VM_CONSOLE][run] = creation_ms(b, &whole, "up");
    weir_vm_image_close(&first);
    weir_vm_image_close(&whole);
    return true;
}

/* ---- calls, events ---- */

void bench_vm_calls(struct bench_vm *b, unsigned run)
{
    struct launch_dom *vm = NULL;
    int console = bench_vm_boot(&b->machine, "calls", &vm);

    if (console >= 0) {
        b->weir[VM_CALL][run] = bench_vm_number(console, "hypercall ");
        b->weir[VM_LEVEL0][run] = bench_vm_number(console, "level0 ");
        b->weir[VM_MAP][run] = bench_vm_number(console, "map ");
        close(console);
    }
    b->peer[VM_CALL][run] = b->peer[VM_LEVEL0][run] = peer_exit_ns();
    launch_destroy(&b->machine, vm);
}

/* In the order in which the guest says them. */
static void heard(struct bench_vm *b, unsigned run, int console)
{
    static const struct {
        enum bench_vm_what what;
        const char *says;
    } all[] = {{VM_TO_PROCESS, "to_process "},
               {VM_TO_GUEST_POLL, "to_guest_poll "},
               {VM_TO_GUEST_AWAKE, "to_guest_awake "},
               {VM_TO_GUEST, "to_guest "},
               {VM_SEND_TO_GUEST, "send_to_guest "},
               {VM_SEND, "send "},
               {VM_TRIP, "trip "}};

    fprintf(stderr, "bench_vm: the clocks' difference is known to %.0f ns\n",
            bench_vm_number(console, "clock "));
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        double v = bench_vm_number(console, all[i].says);

        b->weir[all[i].what][run] = v;
        if (v < 0)
            return;
    }
}

void bench_vm_events(struct bench_vm *b, unsigned run)
{
    struct launch_dom *echo = launch_create(&b->machine, "echo", false, 64);
    struct launch_dom *vm = NULL;
    char line[32], domid[8], port[16], grant[16];
    const char *argv[] = {"vm_echo", domid, port, grant, NULL};
    int console = -1;

    if (echo) {
        snprintf(line, sizeof(line), "events %u", echo->domid);
        console = bench_vm_boot(&b->machine, line, &vm);
    }
    if (console >= 0 &&
        launch_vm_says(console, "grant ", BENCH_SAYS_MS, grant,
                       sizeof(grant)) == 0 &&
        launch_vm_says(console, "port ", BENCH_SAYS_MS, port, sizeof(port)) ==
            0) {
        snprintf(domid, sizeof(domid), "%u", vm->domid);
        if (launch_exec(&b->machine, echo, argv) == 0)
            heard(b, run, console);
    }
    b->peer[VM_TO_PROCESS][run] = peer_to_host_ns();
    b->peer[VM_TO_GUEST][run] = peer_to_guest_ns();
    b->peer[VM_TO_GUEST_POLL][run] = b->peer[VM_TO_GUEST][run];
    b->peer[VM_SEND][run] = peer_send_ns();
    b->peer[VM_SEND_TO_GUEST][run] = peer_write_ns();
    b->peer[VM_TRIP][run] = peer_trip_ns();
    if (console >= 0)
        close(console);
    launch_destroy(&b->machine, vm);
    launch_destroy(&b->machine, echo);
}

/* ---- memory ---- */

/* weir-hv's own resident pages in MiB: Rss of all its mappings but those of its
 * memfd, machine memory, which has the domains' frames, grant tables, rings and
 * shared pages.  What the kernel keeps for KVM is in no process's. */
static double resident_mib(pid_t pid)
{
    char path[32], line[512];
    unsigned long long kib, sum = 0;
    bool counts = false, any = false;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
    f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        if (strchr("0123456789abcdef", line[0])) {
            counts = strstr(line, "memfd:") == NULL;
        } else if (counts && sscanf(line, "Rss: %llu", &kib) == 1) {
            sum += kib;
            any = true;
        }
    }
    if (f)
        fclose(f);
    return any ? (double)sum / 1024 : -1;
}

/* A VM more, which has booted and sleeps. */
static bool one_more(struct launch *m, unsigned number)
{
    struct launch_dom *vm;
    char name[32];
    int console = -1;
    bool asleep;

    snprintf(name, sizeof(name), "sleeps%u", number);
    vm = launch_vm_create(m, name, BENCH_MIB);
    if (vm)
        console = bench_vm_boot(m, "sleep", &vm);
    asleep = console >= 0 && bench_vm_number(console, "asleep") >= 0;
    if (console >= 0)
        close(console);
    return asleep;
}

/* In a weir-hv that begins here: allocators keep much of what was once in use.
 * The registry is the only other domain.  Pages are no times: one run. */
void bench_vm_memory(struct bench_vm *b)
{
    static const struct {
        enum bench_vm_what what;
        unsigned vms;
    } all[] = {{VM_RSS_1, 1}, {VM_RSS_4, 4}, {VM_RSS_8, 8}};
    struct launch *m = &b->machine;
    unsigned vms = 0;
    bool ok = launch_start(m, "512M") == 0;

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        while (ok && vms < all[i].vms) {
            ok = one_more(m, ++vms);
        }
        for (unsigned run = 0; run < BENCH_RUNS; run++)
            b->weir[all[i].what][run] = ok ? resident_mib(m->hv_pid) : -1;
    }
    launch_stop(m);
}

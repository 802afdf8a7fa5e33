/* SPDX-License-Identifier: MIT
 *
 * Between the files of bench_vm: the figures, a run of each group.
 */
#ifndef WEIR_TESTS_BENCH_BENCH_VM_H
#define WEIR_TESTS_BENCH_BENCH_VM_H

#include "tests/bench/zram.h"
#include "tests/e2e/launch_vm.h"

#define BENCH_RUNS    5
#define BENCH_MIB     32u
#define BENCH_SAYS_MS 20000

enum bench_vm_what {
    VM_FIRST,
    VM_CONSOLE,
    VM_CALL,
    VM_LEVEL0,
    VM_MAP,
    VM_TO_PROCESS,
    VM_TO_GUEST,
    VM_TO_GUEST_POLL,
    VM_TO_GUEST_AWAKE,
    VM_SEND,
    VM_SEND_TO_GUEST,
    VM_TRIP,
    VM_RANDOM,
    VM_SERIAL,
    VM_TX_64,
    VM_RX_64,
    VM_TX_1500,
    VM_RX_1500,
    VM_RSS_1,
    VM_RSS_4,
    VM_RSS_8,
    VM_FIGURES
};

struct bench_vm {
    struct launch machine;
    struct zram disk;
    struct launch_dom *blkback, *netback; /* NULL: can't be measured */
    double weir[VM_FIGURES][BENCH_RUNS], peer[VM_FIGURES][BENCH_RUNS];
};

/* A VM with this command line, into *vm when that is NULL; its console. */
int bench_vm_boot(struct launch *m, const char *cmdline,
                  struct launch_dom **vm);
/* A number that the guest says, or -1. */
double bench_vm_number(int console, const char *name);

/* -1 stands for what could not be measured.  bench_vm_cpu.c: */
bool bench_vm_creation(struct bench_vm *b, unsigned run);
void bench_vm_calls(struct bench_vm *b, unsigned run);
void bench_vm_events(struct bench_vm *b, unsigned run);
void bench_vm_memory(struct bench_vm *b);
/* bench_vm_dev.c: */
void bench_vm_drivers(struct bench_vm *b);
void bench_vm_blk(struct bench_vm *b, unsigned run);
void bench_vm_net(struct bench_vm *b, unsigned run);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The peers' VM: code of real mode at PEER_CODE, an ioeventfd, an irqfd.
 */
#ifndef WEIR_TESTS_BENCH_VM_PEER_VM_H
#define WEIR_TESTS_BENCH_VM_PEER_VM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Also written as numbers in the code. */
#define PEER_CODE     0x1000u
#define PEER_VARS     0x2000u
#define PEER_PORT_OUT 0x10 /* user space handles it */
#define PEER_PORT_EV  0x12 /* an ioeventfd does */
#define PEER_PORT_END 0x14

/* At PEER_VARS. */
struct peer_vars {
    volatile uint16_t count;
    uint8_t pad[2];
    volatile uint16_t stop;
    uint8_t pad2[2];
    volatile uint64_t stamp; /* the guest's TSC */
    uint32_t pause;          /* ticks */
};

struct peer {
    int kvm, vm, cpu, event, irq, stop;
    uint8_t *memory;
    struct kvm_run *run;
    size_t run_size;
};

double peer_now_ns(void);
bool peer_open(struct peer *p);
/* Code from code to end, with bx = rounds. */
bool peer_load(struct peer *p, const char *code, const char *end,
               uint16_t rounds);
/* The code at handler answers the interrupt. */
bool peer_add_events(struct peer *p, const char *handler, const char *end);
/* Until the guest writes to port; false: something else happened. */
bool peer_run_to(struct peer *p, uint16_t port);
void peer_close(struct peer *p);

static inline struct peer_vars *peer_vars(struct peer *p)
{
    return (struct peer_vars *)(void *)(p->memory + PEER_VARS);
}

#endif

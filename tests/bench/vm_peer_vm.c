/* SPDX-License-Identifier: MIT */
#include "tests/bench/vm_peer_vm.h"

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MEMORY    65536u
#define HANDLER   0x3000u
#define STACK     0x8000u
#define GSI       4u
#define VECTOR    0x40u
#define APIC      0xfee00000u /* es is there, for the handler's last word */
#define APIC_SVR  0xf0
#define APIC_ON   0x1ffu
#define TSS_BELOW 0xfffbd000u

double peer_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

bool peer_open(struct peer *p)
{
    memset(p, 0, sizeof(*p));
    p->event = p->irq = p->stop = p->vm = p->cpu = -1;
    p->memory = MAP_FAILED;
    p->run = MAP_FAILED;
    p->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (p->kvm >= 0)
        p->vm = ioctl(p->kvm, KVM_CREATE_VM, 0);
    p->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p->vm >= 0 && p->memory != MAP_FAILED;
}

static bool registers(struct peer *p, uint16_t rounds)
{
    struct kvm_regs regs = {
        .rip = PEER_CODE, .rsp = STACK, .rbx = rounds, .rflags = 2};
    struct kvm_lapic_state apic;
    struct kvm_sregs s;
    uint32_t on = APIC_ON;

    if (ioctl(p->cpu, KVM_GET_SREGS, &s) < 0 ||
        ioctl(p->cpu, KVM_GET_LAPIC, &apic) < 0)
        return false;
    s.cs.selector = 0;
    s.cs.base = 0;
    s.es.base = APIC;
    memcpy(apic.regs + APIC_SVR, &on, sizeof(on));
    return ioctl(p->cpu, KVM_SET_SREGS, &s) == 0 &&
           ioctl(p->cpu, KVM_SET_REGS, &regs) == 0 &&
           ioctl(p->cpu, KVM_SET_LAPIC, &apic) == 0;
}

bool peer_load(struct peer *p, const char *code, const char *end,
               uint16_t rounds)
{
    struct kvm_userspace_memory_region r = {
        .memory_size = MEMORY, .userspace_addr = (uintptr_t)p->memory};

    memcpy(p->memory + PEER_CODE, code, (size_t)(end - code));
    if (ioctl(p->vm, KVM_SET_TSS_ADDR, TSS_BELOW) < 0 ||
        ioctl(p->vm, KVM_CREATE_IRQCHIP, 0) < 0 ||
        ioctl(p->vm, KVM_SET_USER_MEMORY_REGION, &r) < 0)
        return false;
    p->cpu = ioctl(p->vm, KVM_CREATE_VCPU, 0);
    p->run_size = (size_t)ioctl(p->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (p->cpu < 0)
        return false;
    p->run =
        mmap(NULL, p->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, p->cpu, 0);
    return p->run != MAP_FAILED && registers(p, rounds);
}

static bool route(struct peer *p)
{
    union {
        struct kvm_irq_routing table;
        uint8_t room[sizeof(struct kvm_irq_routing) +
                     sizeof(struct kvm_irq_routing_entry)];
    } r = {.table.nr = 1};

    r.table.entries[0] =
        (struct kvm_irq_routing_entry){.gsi = GSI, .type = KVM_IRQ_ROUTING_MSI};
    r.table.entries[0].u.msi.address_lo = APIC;
    r.table.entries[0].u.msi.data = VECTOR;
    return ioctl(p->vm, KVM_SET_GSI_ROUTING, &r) == 0;
}

bool peer_add_events(struct peer *p, const char *handler, const char *end)
{
    struct kvm_ioeventfd out = {
        .addr = PEER_PORT_EV, .len = 1, .flags = KVM_IOEVENTFD_FLAG_PIO};
    struct kvm_irqfd in = {.gsi = GSI};
    const uint16_t vector[2] = {HANDLER, 0}; /* offset, segment */

    p->event = eventfd(0, EFD_CLOEXEC);
    p->irq = eventfd(0, EFD_CLOEXEC);
    p->stop = eventfd(0, EFD_CLOEXEC);
    out.fd = p->event;
    in.fd = (uint32_t)p->irq;
    memcpy(p->memory + VECTOR * 4, vector, sizeof(vector));
    memcpy(p->memory + HANDLER, handler, (size_t)(end - handler));
    return route(p) && ioctl(p->vm, KVM_IOEVENTFD, &out) == 0 &&
           ioctl(p->vm, KVM_IRQFD, &in) == 0;
}

bool peer_run_to(struct peer *p, uint16_t port)
{
    for (;;) {
        if (ioctl(p->cpu, KVM_RUN, 0) < 0 || p->run->exit_reason != KVM_EXIT_IO)
            return false;
        if (p->run->io.port == port)
            return true;
    }
}

void peer_close(struct peer *p)
{
    const int fds[] = {p->cpu, p->vm, p->kvm, p->event, p->irq, p->stop};

    if (p->run != MAP_FAILED)
        munmap(p->run, p->run_size);
    for (unsigned i = 0; i < 6; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (p->memory != MAP_FAILED)
        munmap(p->memory, MEMORY);
}

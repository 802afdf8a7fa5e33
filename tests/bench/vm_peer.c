/* SPDX-License-Identifier: MIT */
#include "tests/bench/vm_peer.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MEMORY   65536u
#define CODE     0x1000u
#define STACK    0x8000u
#define PORT_OUT 0x10 /* user space handles it */
#define PORT_EV  0x12 /* an ioeventfd does */
#define PORT_END 0x14
#define IRQ      4u
#define VECTOR   (8u + IRQ)
#define ROUNDS   5000u

/* Copied to CODE.  bx = how often; nothing in it depends on its address. */
__asm__("    .code16\n"
        "peer_exit:\n"
        "1:  out %al, $0x10\n"
        "    dec %bx\n"
        "    jnz 1b\n"
        "    out %al, $0x14\n"
        "peer_exit_end:\n"
        "peer_send:\n"
        "1:  out %al, $0x12\n"
        "    dec %bx\n"
        "    jnz 1b\n"
        "    out %al, $0x14\n"
        "peer_send_end:\n"
        "peer_trip:\n"
        "    mov $0x11, %al\n" /* the interrupt controller: vectors from 8 */
        "    out %al, $0x20\n"
        "    mov $8, %al\n"
        "    out %al, $0x21\n"
        "    mov $4, %al\n"
        "    out %al, $0x21\n"
        "    mov $1, %al\n"
        "    out %al, $0x21\n"
        "    mov $0xef, %al\n" /* all but IRQ 4 are masked */
        "    out %al, $0x21\n"
        "1:  cli\n"
        "    out %al, $0x12\n"
        "    sti\n"
        "    hlt\n"
        "    dec %bx\n"
        "    jnz 1b\n"
        "    cli\n"
        "    out %al, $0x14\n"
        "peer_trip_end:\n"
        "peer_handler:\n"
        "    push %ax\n"
        "    mov $0x20, %al\n"
        "    out %al, $0x20\n"
        "    pop %ax\n"
        "    iret\n"
        "peer_handler_end:\n"
        "    .code64\n");
extern char peer_exit[], peer_exit_end[], peer_send[], peer_send_end[],
    peer_trip[], peer_trip_end[], peer_handler[], peer_handler_end[];

struct peer {
    int kvm, vm, cpu, event, irq, stop;
    uint8_t *memory;
    struct kvm_run *run;
    size_t run_size;
    pthread_t thread;
    bool echo; /* the thread sends back */
    bool threaded;
};

static double now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void *echo_thread(void *arg)
{
    struct peer *p = arg;
    struct pollfd fds[2] = {{.fd = p->event, .events = POLLIN},
                            {.fd = p->stop, .events = POLLIN}};
    uint64_t v;

    while (poll(fds, 2, -1) > 0 && !fds[1].revents)
        if (read(p->event, &v, 8) == 8 && p->echo) {
            v = 1;
            if (write(p->irq, &v, 8) != 8)
                break;
        }
    return NULL;
}

static bool open_vm(struct peer *p)
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

static bool open_cpu(struct peer *p, const char *code, const char *end)
{
    struct kvm_userspace_memory_region r = {
        .memory_size = MEMORY, .userspace_addr = (uintptr_t)p->memory};
    struct kvm_regs regs = {
        .rip = CODE, .rsp = STACK, .rbx = ROUNDS, .rflags = 2};
    struct kvm_sregs s;

    memcpy(p->memory + CODE, code, (size_t)(end - code));
    if (ioctl(p->vm, KVM_SET_TSS_ADDR, 0xfffbd000) < 0 ||
        ioctl(p->vm, KVM_CREATE_IRQCHIP, 0) < 0 ||
        ioctl(p->vm, KVM_SET_USER_MEMORY_REGION, &r) < 0)
        return false;
    p->cpu = ioctl(p->vm, KVM_CREATE_VCPU, 0);
    p->run_size = (size_t)ioctl(p->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (p->cpu < 0)
        return false;
    p->run =
        mmap(NULL, p->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, p->cpu, 0);
    if (p->run == MAP_FAILED || ioctl(p->cpu, KVM_GET_SREGS, &s) < 0)
        return false;
    s.cs.selector = 0;
    s.cs.base = 0;
    return ioctl(p->cpu, KVM_SET_SREGS, &s) == 0 &&
           ioctl(p->cpu, KVM_SET_REGS, &regs) == 0;
}

static bool add_events(struct peer *p, bool echo)
{
    struct kvm_ioeventfd out = {
        .addr = PORT_EV, .len = 1, .flags = KVM_IOEVENTFD_FLAG_PIO};
    struct kvm_irqfd in = {.gsi = IRQ};
    uint16_t vector[2] = {CODE / 2, 0}; /* offset, segment */

    p->echo = echo;
    p->event = eventfd(0, EFD_CLOEXEC);
    p->irq = eventfd(0, EFD_CLOEXEC);
    p->stop = eventfd(0, EFD_CLOEXEC);
    out.fd = p->event;
    in.fd = (uint32_t)p->irq;
    memcpy(p->memory + VECTOR * 4, vector, 4);
    memcpy(p->memory + vector[0], peer_handler,
           (size_t)(peer_handler_end - peer_handler));
    if (ioctl(p->vm, KVM_IOEVENTFD, &out) < 0 ||
        ioctl(p->vm, KVM_IRQFD, &in) < 0)
        return false;
    p->threaded = pthread_create(&p->thread, NULL, echo_thread, p) == 0;
    return p->threaded;
}

static void close_vm(struct peer *p)
{
    const int fds[] = {p->cpu, p->vm, p->kvm, p->event, p->irq, p->stop};
    uint64_t one = 1;

    if (p->threaded && write(p->stop, &one, 8) == 8)
        pthread_join(p->thread, NULL);
    if (p->run != MAP_FAILED)
        munmap(p->run, p->run_size);
    for (unsigned i = 0; i < 6; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (p->memory != MAP_FAILED)
        munmap(p->memory, MEMORY);
}

/* Until the guest writes to port; false: something else happened. */
static bool run_to(struct peer *p, uint16_t port)
{
    for (;;) {
        if (ioctl(p->cpu, KVM_RUN, 0) < 0 || p->run->exit_reason != KVM_EXIT_IO)
            return false;
        if (p->run->io.port == port)
            return true;
    }
}

double peer_first_ms(void)
{
    struct peer p;
    double t = now_ns(), ms = -1;

    if (open_vm(&p) && open_cpu(&p, peer_exit, peer_exit_end) &&
        run_to(&p, PORT_OUT))
        ms = (now_ns() - t) / 1e6;
    close_vm(&p);
    return ms;
}

static double rounds_ns(const char *code, const char *end, bool events,
                        bool echo)
{
    struct peer p;
    double t, ns = -1;

    if (open_vm(&p) && open_cpu(&p, code, end) &&
        (!events || add_events(&p, echo))) {
        t = now_ns();
        if (run_to(&p, PORT_END))
            ns = (now_ns() - t) / ROUNDS;
    }
    close_vm(&p);
    return ns;
}

double peer_exit_ns(void)
{
    return rounds_ns(peer_exit, peer_exit_end, false, false);
}

double peer_send_ns(void)
{
    return rounds_ns(peer_send, peer_send_end, true, false);
}

double peer_trip_ns(void)
{
    return rounds_ns(peer_trip, peer_trip_end, true, true);
}

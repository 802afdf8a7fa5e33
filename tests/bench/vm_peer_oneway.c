/* SPDX-License-Identifier: MIT
 *
 * KVM's events one way: both sides put down the TSC, and KVM tells how far the
 * guest's is from the host's.
 */
#include "tests/bench/vm_peer.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/bench/vm_oneway.h"
#include "tests/bench/vm_peer_vm.h"

#define SAMPLES 101u
#define LATE_NS 1e9

/* bx = how often.  At 0x2000: struct peer_vars. */
__asm__("    .code16\n"
        "peer_tell:\n"
        "1:  rdtsc\n"
        "    mov %eax, %ecx\n"
        "2:  rdtsc\n"
        "    sub %ecx, %eax\n"
        "    cmp 0x2010, %eax\n"
        "    jb 2b\n"
        "    rdtsc\n"
        "    mov %eax, 0x2008\n"
        "    mov %edx, 0x200c\n"
        "    out %al, $0x12\n"
        "3:  cmp %bx, 0x2000\n" /* the reader has it */
        "    jne 3b\n"
        "    dec %bx\n"
        "    jnz 1b\n"
        "    out %al, $0x14\n"
        "peer_tell_end:\n"
        "peer_doze:\n"
        "    sti\n"
        "1:  hlt\n"
        "    jmp 1b\n"
        "peer_doze_end:\n"
        "peer_spin:\n"
        "    sti\n"
        "1:  jmp 1b\n"
        "peer_spin_end:\n"
        "peer_stamp:\n"
        "    push %eax\n"
        "    push %edx\n"
        "    rdtsc\n"
        "    mov %eax, 0x2008\n"
        "    mov %edx, 0x200c\n"
        "    incw 0x2000\n"
        "    movl $0, %es:0xb0\n"
        "    cmpw $0, 0x2004\n"
        "    je 1f\n"
        "    out %al, $0x14\n"
        "1:  pop %edx\n"
        "    pop %eax\n"
        "    iret\n"
        "peer_stamp_end:\n"
        "    .code64\n");
extern char peer_tell[], peer_tell_end[], peer_doze[], peer_doze_end[],
    peer_spin[], peer_spin_end[], peer_stamp[], peer_stamp_end[];

struct oneway_peer {
    struct peer p;
    pthread_t runs; /* the guest */
    uint64_t ahead; /* how much the guest's TSC is */
    double ns_a_tick;
    unsigned done;
    double sample[SAMPLES];
    double write_ns; /* 0: not asked for */
};

static uint64_t tsc(void)
{
    return __builtin_ia32_rdtsc();
}

static bool clocks(struct oneway_peer *o)
{
    struct kvm_device_attr a = {.group = KVM_VCPU_TSC_CTRL,
                                .attr = KVM_VCPU_TSC_OFFSET,
                                .addr = (uintptr_t)&o->ahead};
    double ns = peer_now_ns();
    uint64_t t = tsc();

    while (peer_now_ns() - ns < 5e6)
        ;
    o->ns_a_tick = (peer_now_ns() - ns) / (double)(tsc() - t);
    peer_vars(&o->p)->pause = (uint32_t)(ONEWAY_ASLEEP_NS / o->ns_a_tick);
    return ioctl(o->p.cpu, KVM_GET_DEVICE_ATTR, &a) == 0;
}

static void took(struct oneway_peer *o, uint64_t from, uint64_t to)
{
    o->sample[o->done++] = (double)(int64_t)(to - from) * o->ns_a_tick;
}

static void give_up(struct oneway_peer *o)
{
    o->p.run->immediate_exit = 1;
    pthread_kill(o->runs, SIGUSR1);
}

static void *listener(void *arg)
{
    struct oneway_peer *o = arg;
    struct peer_vars *v = peer_vars(&o->p);
    struct pollfd fd = {.fd = o->p.event, .events = POLLIN};
    uint64_t n;

    while (o->done < SAMPLES && poll(&fd, 1, (int)(LATE_NS / 1e6)) > 0 &&
           read(o->p.event, &n, 8) == 8) {
        took(o, v->stamp - o->ahead, tsc());
        v->count = (uint16_t)(SAMPLES + 1 - o->done);
    }
    if (o->done < SAMPLES)
        give_up(o);
    return NULL;
}

static bool interrupt(struct oneway_peer *o)
{
    uint64_t one = 1;

    return write(o->p.irq, &one, 8) == 8;
}

static bool one_interrupt(struct oneway_peer *o)
{
    struct peer_vars *v = peer_vars(&o->p);
    double ns = peer_now_ns();
    uint16_t count = v->count;
    uint64_t t;

    while (peer_now_ns() - ns < ONEWAY_ASLEEP_NS)
        ;
    t = tsc();
    if (!interrupt(o))
        return false;
    while (v->count == count)
        if (peer_now_ns() - ns > LATE_NS)
            return false;
    took(o, t, v->stamp - o->ahead);
    return true;
}

static void *teller(void *arg)
{
    struct oneway_peer *o = arg;
    double ns;

    while (o->done < SAMPLES && one_interrupt(o))
        ;
    ns = peer_now_ns();
    for (unsigned i = 0; i < ONEWAY_BURST && o->done == SAMPLES; i++)
        if (!interrupt(o))
            o->done = 0;
    o->write_ns = (peer_now_ns() - ns) / ONEWAY_BURST;
    peer_vars(&o->p)->stop = 1;
    if (o->done < SAMPLES || !interrupt(o))
        give_up(o);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void interrupted(int sig)
{
    (void)sig;
}

/* Without events there is no end: the thread's signal is one. */
static double measure(const char *code, const char *end, void *(*side)(void *),
                      double *write_ns)
{
    static const struct sigaction act = {.sa_handler = interrupted};
    struct oneway_peer o = {.runs = pthread_self()};
    struct sigaction old;
    pthread_t thread;
    double ns = -1;

    sigaction(SIGUSR1, &act, &old);
    if (peer_open(&o.p) && peer_load(&o.p, code, end, SAMPLES) &&
        peer_add_events(&o.p, peer_stamp, peer_stamp_end) && clocks(&o) &&
        pthread_create(&thread, NULL, side, &o) == 0) {
        bool ended = peer_run_to(&o.p, PEER_PORT_END);

        pthread_join(thread, NULL);
        if (ended && o.done == SAMPLES) {
            qsort(o.sample, SAMPLES, sizeof(*o.sample), by_value);
            ns = o.sample[SAMPLES / 2];
            *write_ns = o.write_ns;
        }
    }
    peer_close(&o.p);
    sigaction(SIGUSR1, &old, NULL);
    return ns;
}

double peer_to_host_ns(void)
{
    double none;

    return measure(peer_tell, peer_tell_end, listener, &none);
}

double peer_to_guest_ns(void)
{
    double none;

    return measure(peer_doze, peer_doze_end, teller, &none);
}

double peer_write_ns(void)
{
    double ns = -1;

    return measure(peer_spin, peer_spin_end, teller, &ns) < 0 ? -1 : ns;
}

/* SPDX-License-Identifier: MIT
 *
 * A guest that is played from outside: it takes orders from its console and
 * hands those for other vCPUs on.
 */
#include "ring/barrier.h"
#include "ring/console_abi.h"
#include "ring/event_abi.h"
#include "ring/grant_abi.h"
#include "ring/hypercall_abi.h"
#include "tests/guests/tiny/order.h"
#include "tests/guests/tiny/tiny.h"

#define NAP_NS        2000000u /* a lost event costs this */
#define SECONDARY_NAP 500000u

struct job {
    volatile uint32_t given, done;
    struct vm_order o;
    struct vm_answer r;
};

static struct job jobs[TINY_CPUS];
static volatile struct weir_console_interface *console;
static uint32_t console_port;
static uint8_t *const scratch = (void *)(uintptr_t)VM_SCRATCH;
static volatile struct weir_shared_info *const shared =
    (void *)(uintptr_t)VM_SHARED;

static uint64_t param(uint32_t index)
{
    struct weir_xen_hvm_param p = {.domid = WEIR_DOMID_SELF, .index = index};

    if (tiny_call(WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_GET_PARAM, (uintptr_t)&p, 0,
                  0, 0) != 0)
        tiny_puts("puppet: no such parameter\n");
    return p.value;
}

static void map_shared(void)
{
    struct weir_xen_add_to_physmap p = {.domid = WEIR_DOMID_SELF,
                                        .space = WEIR_XENMAPSPACE_SHARED_INFO,
                                        .gpfn = VM_SHARED >> 12};

    if (tiny_call(WEIR_HYPERCALL_MEMORY_OP, WEIR_XENMEM_ADD_TO_PHYSMAP,
                  (uintptr_t)&p, 0, 0, 0) != 0)
        tiny_puts("puppet: no shared info\n");
}

static uint64_t now(const struct tiny_cpu *cpu)
{
    const volatile struct weir_vcpu_time_info *t =
        &shared->vcpu_info[cpu->id].time;
    uint64_t d, ns;
    uint32_t v;

    do {
        v = weir_load_acquire32(&t->version);
        d = tiny_tsc() - t->tsc_timestamp;
        d = t->tsc_shift < 0 ? d >> -t->tsc_shift : d << t->tsc_shift;
        ns = t->system_time +
             (uint64_t)(((unsigned __int128)d * t->tsc_to_system_mul) >> 32);
        weir_compiler_barrier();
    } while ((v & 1) || weir_load_relaxed32(&t->version) != v);
    return ns;
}

static void nap(struct tiny_cpu *cpu, const uint32_t *port, uint64_t ns)
{
    struct weir_sched_poll p = {(uintptr_t)port, port != NULL, now(cpu) + ns};

    if (tiny_call(WEIR_HYPERCALL_SCHED_OP, WEIR_SCHEDOP_POLL, (uintptr_t)&p, 0,
                  0, 0) != 0)
        __asm__ volatile("pause");
}

static void clear_bit(volatile uint64_t *word, uint64_t bit)
{
    __asm__ volatile("lock btrq %1, %0" : "+m"(*word) : "r"(bit & 63));
}

static void clear_pending(uint32_t port)
{
    clear_bit(&shared->evtchn_pending[port / 64], port);
}

static void notify(void)
{
    tiny_call(WEIR_HYPERCALL_EVENT_CHANNEL_OP, WEIR_EVTCHNOP_SEND,
              (uintptr_t)&console_port, 0, 0, 0);
}

static void get(struct tiny_cpu *cpu, void *to, uint32_t len)
{
    uint8_t *out = to;
    uint32_t cons = console->in_cons;

    while (len) {
        uint32_t at = cons % WEIR_CONSOLE_IN_SIZE, n;

        clear_pending(console_port);
        n = weir_load_acquire32(&console->in_prod) - cons;
        if (n > len)
            n = len;
        if (n > WEIR_CONSOLE_IN_SIZE - at)
            n = WEIR_CONSOLE_IN_SIZE - at;
        if (n == 0) {
            nap(cpu, &console_port, NAP_NS);
            continue;
        }
        memcpy(out, (const void *)(uintptr_t)&console->in[at], n);
        out += n;
        len -= n;
        cons += n;
        weir_store_release32(&console->in_cons, cons);
    }
    notify(); /* room for more */
}

static void put(struct tiny_cpu *cpu, const void *from, uint32_t len)
{
    const uint8_t *in = from;
    uint32_t prod = console->out_prod;

    while (len) {
        uint32_t used = prod - weir_load_acquire32(&console->out_cons);
        uint32_t at = prod % WEIR_CONSOLE_OUT_SIZE, n;

        n = WEIR_CONSOLE_OUT_SIZE - used;
        if (n > len)
            n = len;
        if (n > WEIR_CONSOLE_OUT_SIZE - at)
            n = WEIR_CONSOLE_OUT_SIZE - at;
        if (n == 0) {
            notify();
            clear_pending(console_port);
            nap(cpu, &console_port, NAP_NS);
            continue;
        }
        memcpy((void *)(uintptr_t)&console->out[at], in, n);
        in += n;
        len -= n;
        prod += n;
        weir_store_release32(&console->out_prod, prod);
    }
    notify();
}

static void calls(struct vm_order *o, struct vm_answer *r)
{
    uint64_t start = tiny_tsc();
    int64_t last = 0;

    for (uint64_t i = 0; i < o->g; i++) {
        int64_t rc = tiny_call(o->a, o->b, o->c, o->d, o->e, o->f);

        r->v[1] += i > 0 && rc != last;
        last = rc;
    }
    r->v[0] = tiny_tsc() - start;
    r->rc = last;
}

/* Single words are moved as such: others may look at the same time, and a
 * device's registers want it. */
static void move(void *to, const void *from, uint32_t n)
{
    uintptr_t low = (uintptr_t)to | (uintptr_t)from;

    if (n == 8 && (low & 7) == 0)
        *(volatile uint64_t *)to = *(const volatile uint64_t *)from;
    else if (n == 4 && (low & 3) == 0)
        *(volatile uint32_t *)to = *(const volatile uint32_t *)from;
    else
        memcpy(to, from, n);
}

static uint8_t data[VM_DATA] __attribute__((aligned(8)));

static void out_port(struct vm_order *o, struct vm_answer *r)
{
    uint16_t port = (uint16_t)o->a;
    uint64_t rax = o->b;

    if (o->c == 1)
        __asm__ volatile("outb %%al, %%dx" : "+a"(rax) : "d"(port));
    else if (o->c == 2)
        __asm__ volatile("outw %%ax, %%dx" : "+a"(rax) : "d"(port));
    else
        __asm__ volatile("outl %%eax, %%dx" : "+a"(rax) : "d"(port));
    r->v[0] = rax;
}

static void registers(struct vm_order *o, struct vm_answer *r)
{
    uint32_t a = (uint32_t)o->a, b = 0, c = (uint32_t)o->b, d = 0;

    if (o->op == VM_CPUID) {
        __asm__ volatile("cpuid" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
        r->v[0] = a;
        r->v[1] = b;
        r->v[2] = c;
        r->v[3] = d;
    } else if (o->op == VM_RDMSR) {
        __asm__ volatile("rdmsr" : "=a"(b), "=d"(d) : "c"(a));
        r->v[0] = (uint64_t)d << 32 | b;
    } else {
        __asm__ volatile("wrmsr" ::"a"((uint32_t)o->b),
                         "d"((uint32_t)(o->b >> 32)), "c"(a));
    }
}

static volatile uint64_t *watched;
static uint64_t forbidden;

static void watch(struct tiny_cpu *cpu)
{
    volatile struct vm_watch *w = (void *)(uintptr_t)VM_WATCH_AT;

    (void)cpu;
    for (;;) {
        uint64_t word = *watched;

        w->looks++;
        if (word >> 32 == forbidden) {
            w->last = word;
            w->found++;
        }
    }
}

static void not_called(struct tiny_cpu *cpu)
{
    (void)cpu;
}

static void no_return(struct tiny_cpu *cpu, struct vm_order *o)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) none = {0, 0};

    switch (o->op) {
    case VM_TRIPLE:
        __asm__ volatile("lidt %0\n\tud2" ::"m"(none));
        break;
    case VM_WATCH:
        watched = (void *)(uintptr_t)o->a;
        forbidden = o->b;
        tiny_leave(cpu, watch, not_called);
        break;
    case VM_SPIN:
        __asm__ volatile("cli\n1:\tjmp 1b");
        break;
    default:
        for (;;)
            tiny_call(o->a, o->b, o->c, o->d, o->e, o->f);
    }
}

static void halt(struct tiny_cpu *cpu, struct vm_answer *r)
{
    uint64_t start = tiny_tsc();

    (void)cpu;
    __asm__ volatile("sti\n\thlt\n\tcli");
    r->v[0] = tiny_tsc() - start;
}

static void where(struct vm_answer *r)
{
    r->v[0] = (uintptr_t)tiny_secondary;
    r->v[1] = (uintptr_t)tiny_pml4;
    r->v[2] = (uintptr_t)tiny_trampoline;
    r->v[3] = (uintptr_t)tiny_gdt;
}

struct doing {
    struct tiny_cpu *cpu;
    struct vm_order *o;
    struct vm_answer *r;
};

static void of_cpu(struct doing *w)
{
    struct vm_order *o = w->o;
    struct vm_answer *r = w->r;
    unsigned vector = (uint8_t)o->a;

    switch (o->op) {
    case VM_COUNTS:
        r->v[0] = w->cpu->count[vector];
        r->v[1] = w->cpu->traps;
        if (o->b)
            w->cpu->count[vector] = 0;
        break;
    case VM_EOI:
        tiny_eoi = o->a;
        break;
    case VM_IF:
        if (o->a)
            __asm__ volatile("sti");
        else
            __asm__ volatile("cli");
        break;
    case VM_HALT:
        halt(w->cpu, r);
        break;
    case VM_JUMP:
        ((void (*)(void))(uintptr_t)o->a)();
        break;
    default:
        no_return(w->cpu, o);
    }
}

static void obey(void *arg)
{
    struct doing *w = arg;
    struct vm_order *o = w->o;
    struct vm_answer *r = w->r;
    void *at = (void *)(uintptr_t)o->a;

    switch (o->op) {
    case VM_PING:
        break;
    case VM_READ:
        move(data, at, o->out);
        break;
    case VM_WRITE:
        move(at, data, o->in);
        break;
    case VM_CALL:
    case VM_CALLS:
        if (o->in)
            memcpy(scratch, data, o->in);
        calls(o, r);
        if (o->out)
            memcpy(data, scratch, o->out);
        break;
    case VM_OUT:
        out_port(o, r);
        break;
    case VM_RDMSR:
    case VM_WRMSR:
    case VM_CPUID:
        registers(o, r);
        break;
    case VM_TSC:
        r->v[0] = tiny_tsc();
        break;
    case VM_NOW:
        r->v[0] = now(w->cpu);
        break;
    case VM_CLEAR:
        clear_bit(at, o->b);
        break;
    case VM_WHERE:
        where(r);
        break;
    default:
        of_cpu(w);
    }
}

static void work(struct tiny_cpu *cpu, struct vm_order *o, struct vm_answer *r)
{
    struct doing w = {cpu, o, r};

    *r = (struct vm_answer){
        .mark = VM_ANSWER_MARK, .serial = o->serial, .out = o->out};
    if (!tiny_try(cpu, obey, &w))
        return;
    r->rc = VM_TRAPPED;
    r->v[0] = cpu->vector;
    r->v[1] = cpu->error;
    r->v[2] = cpu->cr2;
    r->v[3] = cpu->rip;
}

static void secondary(struct tiny_cpu *cpu)
{
    struct job *j = &jobs[cpu->id];

    for (;;) {
        uint32_t given = weir_load_acquire32(&j->given);

        if (given == j->done) {
            nap(cpu, NULL, SECONDARY_NAP);
            continue;
        }
        work(cpu, &j->o, &j->r);
        weir_store_release32(&j->done, given);
    }
}

/* An order without an end is answered by who hands it on. */
static void hand_on(struct tiny_cpu *cpu, struct job *j,
                    const struct vm_order *o)
{
    while (weir_load_acquire32(&j->done) != j->given)
        nap(cpu, NULL, SECONDARY_NAP);
    j->o = *o;
    weir_store_release32(&j->given, j->given + 1);
    if (o->op == VM_SPIN || o->op == VM_STORM || o->op == VM_TRIPLE ||
        o->op == VM_WATCH) {
        j->r = (struct vm_answer){.mark = VM_ANSWER_MARK, .serial = o->serial};
        return;
    }
    while (weir_load_acquire32(&j->done) != j->given)
        nap(cpu, NULL, SECONDARY_NAP);
}

void tiny_main(struct tiny_cpu *cpu)
{
    static struct vm_order o;

    if (cpu->id)
        secondary(cpu);
    tiny_puts("puppet\n");
    map_shared();
    console = (void *)(uintptr_t)(param(WEIR_HVM_PARAM_CONSOLE_PFN) << 12);
    console_port = (uint32_t)param(WEIR_HVM_PARAM_CONSOLE_EVTCHN);
    for (;;) {
        struct job *j;

        get(cpu, &o, sizeof(o));
        get(cpu, data, o.in);
        j = &jobs[o.cpu % TINY_CPUS];
        if (o.cpu % TINY_CPUS == 0) {
            work(cpu, &o, &j->r);
        } else {
            hand_on(cpu, j, &o);
        }
        put(cpu, &j->r, sizeof(j->r));
        if (j->r.out)
            put(cpu, data, j->r.out);
    }
}

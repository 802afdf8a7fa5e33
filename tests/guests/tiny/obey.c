/* SPDX-License-Identifier: MIT
 *
 * What each order does.
 */
#include "tests/guests/tiny/puppet.h"

uint8_t puppet_data[VM_DATA] __attribute__((aligned(8)));
static uint8_t *const scratch = (void *)(uintptr_t)VM_SCRATCH;

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

/* As an entry of the hypercall page is called: only rax is another after. */
static int64_t call_stub(const struct vm_order *o)
{
    register uint64_t r10 __asm__("r10") = o->e;
    register uint64_t r8 __asm__("r8") = o->f;
    int64_t rc;

    __asm__ volatile("call *%1"
                     : "=a"(rc)
                     : "r"(o->a), "D"(o->b), "S"(o->c), "d"(o->d), "r"(r10),
                       "r"(r8)
                     : "memory");
    return rc;
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
        move(puppet_data, at, o->out);
        break;
    case VM_WRITE:
        move(at, puppet_data, o->in);
        break;
    case VM_CALL:
    case VM_CALLS:
        if (o->in)
            memcpy(scratch, puppet_data, o->in);
        calls(o, r);
        if (o->out)
            memcpy(puppet_data, scratch, o->out);
        break;
    case VM_STUB:
        if (o->in)
            memcpy(scratch, puppet_data, o->in);
        r->rc = call_stub(o);
        if (o->out)
            memcpy(puppet_data, scratch, o->out);
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
        r->v[0] = puppet_now(w->cpu);
        break;
    case VM_CLEAR:
        puppet_clear_bit(at, o->b);
        break;
    case VM_WHERE:
        where(r);
        break;
    default:
        of_cpu(w);
    }
}

void puppet_work(struct tiny_cpu *cpu, struct vm_order *o, struct vm_answer *r)
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

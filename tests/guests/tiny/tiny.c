/* SPDX-License-Identifier: MIT */
#include "tests/guests/tiny/tiny.h"

#include "ring/hypercall_abi.h"

struct frame {
    uint64_t regs[9];
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

struct gate {
    uint16_t low, selector;
    uint8_t ist, type;
    uint16_t mid;
    uint32_t high, zero;
} __attribute__((packed));

struct pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

uint8_t tiny_stacks[TINY_CPUS][TINY_STACK] __attribute__((aligned(TINY_STACK)));
uint32_t tiny_start_info __attribute__((section(".data")));
bool tiny_eoi;
static struct tiny_cpu cpus[TINY_CPUS];
static uint8_t user_stacks[TINY_CPUS][TINY_STACK] __attribute__((aligned(64)));
static uint32_t tasks[TINY_CPUS][26] __attribute__((aligned(128)));
static void (*soft_call)(struct tiny_cpu *);
static struct gate idt[256] __attribute__((aligned(16)));
extern uint8_t tiny_stubs[];

void tiny_trap(struct frame *f);
void tiny_user(void (*fn)(struct tiny_cpu *), uint8_t *stack,
               struct tiny_cpu *cpu) __attribute__((noreturn));
void tiny_boot(unsigned id) __attribute__((noreturn));

void *memcpy(void *to, const void *from, size_t n)
{
    void *r = to;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
    return r;
}

void *memset(void *to, int c, size_t n)
{
    void *r = to;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
    return r;
}

void tiny_puts(const char *s)
{
    while (*s)
        tiny_outb(0xe9, (uint8_t)*s++);
}

void tiny_hex(uint64_t n)
{
    for (int i = 60; i >= 0; i -= 4)
        tiny_outb(0xe9, (uint8_t) "0123456789abcdef"[n >> i & 15]);
}

struct tiny_cpu *tiny_cpu(unsigned id)
{
    return &cpus[id];
}

/* A stack says whose it is. */
static struct tiny_cpu *self(void)
{
    uintptr_t at = (uintptr_t)__builtin_frame_address(0);

    return &cpus[(at - (uintptr_t)tiny_stacks) / TINY_STACK];
}

bool tiny_try(struct tiny_cpu *cpu, void (*fn)(void *), void *arg)
{
    if (__builtin_setjmp(cpu->jump)) {
        cpu->armed = false;
        return true;
    }
    cpu->armed = true;
    fn(arg);
    cpu->armed = false;
    return false;
}

static void say(const char *what, uint64_t n)
{
    tiny_puts(what);
    tiny_hex(n);
}

/* Interrupts are counted, an exception under tiny_try goes back there, any
 * other is the end. */
void tiny_trap(struct frame *f)
{
    static const struct weir_sched_shutdown crash = {WEIR_SHUTDOWN_CRASH};
    struct tiny_cpu *cpu = self();

    if (f->vector == 6 && (f->cs & 3)) {
        f->rip += 2;
        soft_call(cpu);
        return;
    }
    if (f->vector >= 32) {
        cpu->count[f->vector]++;
        if (tiny_eoi)
            *(volatile uint32_t *)(uintptr_t)0xfee000b0 = 0;
        return;
    }
    cpu->traps++;
    cpu->vector = (unsigned)f->vector;
    cpu->error = f->error;
    cpu->rip = f->rip;
    __asm__ volatile("mov %%cr2, %0" : "=r"(cpu->cr2));
    if (cpu->armed)
        __builtin_longjmp(cpu->jump, 1);
    say("tiny: exception ", f->vector);
    say(" error ", f->error);
    say(" at ", f->rip);
    say(" address ", cpu->cr2);
    tiny_puts("\n");
    for (;;)
        tiny_call(WEIR_HYPERCALL_SCHED_OP, WEIR_SCHEDOP_SHUTDOWN,
                  (uintptr_t)&crash, 0, 0, 0);
}

static void make_idt(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uintptr_t at = (uintptr_t)tiny_stubs + i * 16;

        idt[i] = (struct gate){.low = (uint16_t)at,
                               .selector = 8,
                               .type = 0x8e,
                               .mid = (uint16_t)(at >> 16)};
    }
}

void tiny_leave(struct tiny_cpu *cpu, void (*fn)(struct tiny_cpu *),
                void (*soft)(struct tiny_cpu *))
{
    uint64_t *descriptor = (uint64_t *)(void *)tiny_gdt + 7 + 2 * cpu->id;
    uint64_t stack = (uintptr_t)tiny_stacks[cpu->id + 1];
    uint32_t *task = tasks[cpu->id];
    uint64_t at = (uintptr_t)task;
    uint16_t selector = (uint16_t)(0x38 + 16 * cpu->id);

    task[1] = (uint32_t)stack; /* of level 0 */
    task[25] = 104 << 16;      /* no port map */
    descriptor[0] = 103 | (at & 0xffffff) << 16 | UINT64_C(0x89) << 40;
    descriptor[1] = 0;
    __asm__ volatile("ltr %0" ::"r"(selector));
    soft_call = soft;
    tiny_user(fn, user_stacks[cpu->id + 1] - 8, cpu);
}

void tiny_boot(unsigned id)
{
    struct pointer p = {sizeof(idt) - 1, (uintptr_t)idt};

    if (id == 0)
        make_idt();
    __asm__ volatile("lidt %0" ::"m"(p));
    cpus[id].id = id;
    tiny_main(&cpus[id]);
}

/* SPDX-License-Identifier: MIT
 *
 * A guest that means harm: it forges grant entries, ports and pointers in every
 * hypercall there is, as fast as it can.  Calls are made up at privilege level
 * 3 (which runs at full speed), BATCH at a time, and made at level 0.
 *
 * It spares its own image, stacks and the pages it writes to itself (spare.c),
 * and calls that would end it; a reckless one does not.
 */
#include "tests/guests/fuzzguest/make.h"

#include "ring/grant_abi.h"
#include "ring/hypercall_abi.h"

volatile struct fuzz_config fuzz_config
    __attribute__((section(".data"))) = {.mark = FUZZ_MARK};
static struct fuzz_cpu cpus[2];
static volatile uint64_t total;

/* Registers and ports of a machine, with values that they do not expect. */
static void grope(void *arg)
{
    static const uint32_t msrs[] = {
        0x1b,       0x40000000, 0x40000001, 0x4b564d00, 0x4b564d01, 0x4b564d02,
        0x4b564d04, 0xc0010007, 0x277,      0x2ff,      0x8b,       0x6e0};
    struct fuzz_cpu *f = arg;
    uint64_t r = fuzz_random(f), value = fuzz_random(f) >> (r & 63);
    uint32_t msr = msrs[(r >> 8 & 0xff) % 12];

    switch (r >> 16 & 3) {
    case 0:
        tiny_outb((uint16_t)value, (uint8_t)r);
        break;
    case 1:
        __asm__ volatile("outl %0, %1" ::"a"((uint32_t)r),
                         "Nd"((uint16_t)value));
        break;
    case 2:
        __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value),
                         "d"((uint32_t)(value >> 32)));
        break;
    default:
        *(volatile uint32_t *)(uintptr_t)(0xfee00000 + (value & 0x7f0)) =
            (uint32_t)(r >> 20);
    }
}

static void run_batch(struct tiny_cpu *cpu)
{
    struct fuzz_cpu *f = &cpus[cpu->id];

    if (f->text) {
        tiny_puts(f->text);
        for (unsigned i = 0; i < f->numbers; i++) {
            tiny_puts(" ");
            tiny_hex(f->number[i]);
        }
        tiny_puts("\n");
        f->text = NULL;
        return;
    }
    if (f->config->reckless)
        tiny_try(cpu, grope, f);
    for (unsigned i = 0; i < f->n; i++) {
        const struct fuzz_call *c = &f->call[i];

        if (c->look && !fuzz_spares(f, c)) {
            f->spared++;
            f->result[i] = tiny_call(WEIR_HYPERCALL_XEN_VERSION, 0, 0, 0, 0, 0);
            continue;
        }
        f->result[i] =
            tiny_call(c->nr, c->a[0], c->a[1], c->a[2], c->a[3], c->a[4]);
    }
}

static void say(struct fuzz_cpu *f, const char *text, unsigned numbers,
                const uint64_t *number)
{
    f->numbers = numbers;
    for (unsigned i = 0; i < numbers; i++)
        f->number[i] = number[i];
    f->text = text;
    TINY_SOFT();
}

/* What the calls brought: handles and ports for the next ones; and no result
 * is anything but a small error or a count. */
static void look_at_results(struct fuzz_cpu *f)
{
    for (unsigned i = 0; i < f->n; i++) {
        const struct fuzz_call *c = &f->call[i];
        int64_t rc = f->result[i];

        if (rc < -133 || rc > INT64_C(0xffffffff))
            say(f, "WEIRD", 3, (uint64_t[]){c->nr, c->a[0], (uint64_t)rc});
        fuzz_learn(f, c, rc);
    }
}

/* Whatever lies in a page that it can look at, none of it is a secret. */
static void look_around(struct fuzz_cpu *f)
{
    for (unsigned i = 0; i < 24; i++) {
        uint64_t at = fuzz_readable(f) + (fuzz_random(f) & 0xff8);
        uint64_t word = *(volatile uint64_t *)(uintptr_t)at;

        if (FUZZ_IS_SECRET(word))
            say(f, "LEAK", 2, (uint64_t[]){at, word});
    }
}

static void storm(struct tiny_cpu *cpu)
{
    struct fuzz_cpu *f = &cpus[cpu->id];
    uint64_t told = 0, sum;

    for (;;) {
        fuzz_forge_entries(f);
        for (f->n = 0; f->n < FUZZ_BATCH; f->n++) {
            struct fuzz_call *c = &f->call[f->n];

            fuzz_make(f, c, f->arg[f->n]);
            c->look = !f->config->reckless && fuzz_forged(f, c);
        }
        TINY_SOFT();
        look_at_results(f);
        look_around(f);
        sum = __atomic_add_fetch(&total, f->n, __ATOMIC_RELAXED);
        if (cpu->id)
            continue;
        if (sum >> 16 != told) {
            told = sum >> 16;
            say(f, "fuzz", 1, &sum);
        }
        if (sum >= fuzz_config.calls)
            break;
    }
    say(f, "fuzz done", 2, (uint64_t[]){sum, cpus[0].spared + cpus[1].spared});
    f->n = 1;
    fuzz_make_poweroff(&f->call[0], f->arg[0]);
    for (;;)
        TINY_SOFT();
}

static void start_second(void)
{
    static struct weir_vcpu_hvm_context c;
    int64_t rc;

    c.mode = WEIR_VCPU_HVM_MODE_64B;
    c.u.x86_64.rip = (uintptr_t)tiny_secondary;
    c.u.x86_64.rdi = 1;
    c.u.x86_64.cr0 = TINY_CR0;
    c.u.x86_64.cr3 = (uintptr_t)tiny_pml4;
    c.u.x86_64.cr4 = TINY_CR4;
    c.u.x86_64.efer = TINY_EFER | 0x400;
    c.u.x86_64.rflags = 2;
    rc = tiny_call(WEIR_HYPERCALL_VCPU_OP, WEIR_VCPUOP_INITIALISE, 1,
                   (uintptr_t)&c, 0, 0);
    if (rc == 0)
        rc = tiny_call(WEIR_HYPERCALL_VCPU_OP, WEIR_VCPUOP_UP, 1, 0, 0, 0);
    if (rc)
        tiny_puts("fuzz: no second vCPU\n");
}

static void place(unsigned space, uint64_t idx, uint64_t gpa)
{
    static struct weir_xen_add_to_physmap p;

    p = (struct weir_xen_add_to_physmap){.domid = WEIR_DOMID_SELF,
                                         .space = space,
                                         .idx = idx,
                                         .gpfn = gpa >> 12};
    if (tiny_call(WEIR_HYPERCALL_MEMORY_OP, WEIR_XENMEM_ADD_TO_PHYSMAP,
                  (uintptr_t)&p, 0, 0, 0) != 0)
        tiny_puts("fuzz: no special page\n");
}

void tiny_main(struct tiny_cpu *cpu)
{
    struct fuzz_cpu *f = &cpus[cpu->id];

    f->id = cpu->id;
    f->config = (const struct fuzz_config *)(uintptr_t)&fuzz_config;
    f->random = fuzz_config.seed * 2 + 1 + cpu->id * 0x9e3779b97f4a7c15;
    if (cpu->id == 0) {
        place(WEIR_XENMAPSPACE_SHARED_INFO, 0, FUZZ_SHARED);
        place(WEIR_XENMAPSPACE_GRANT_TABLE, 0, FUZZ_TABLE);
        place(WEIR_XENMAPSPACE_GRANT_TABLE, 1, FUZZ_TABLE + 4096);
        if (fuzz_config.vcpus > 1)
            start_second();
    }
    tiny_leave(cpu, storm, run_batch);
}

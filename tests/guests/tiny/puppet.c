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
#include "tests/guests/tiny/puppet.h"

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

uint64_t puppet_now(const struct tiny_cpu *cpu)
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
    struct weir_sched_poll p = {(uintptr_t)port, port != NULL,
                                puppet_now(cpu) + ns};

    if (tiny_call(WEIR_HYPERCALL_SCHED_OP, WEIR_SCHEDOP_POLL, (uintptr_t)&p, 0,
                  0, 0) != 0)
        __asm__ volatile("pause");
}

static void clear_pending(uint32_t port)
{
    puppet_clear_bit(&shared->evtchn_pending[port / 64], port);
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

static void secondary(struct tiny_cpu *cpu)
{
    struct job *j = &jobs[cpu->id];

    for (;;) {
        uint32_t given = weir_load_acquire32(&j->given);

        if (given == j->done) {
            nap(cpu, NULL, SECONDARY_NAP);
            continue;
        }
        puppet_work(cpu, &j->o, &j->r);
        weir_store_release32(&j->done, given);
    }
}

/* Returns the answer.  An order without an end is answered by who hands it on,
 * and not in the job, where the other vCPU begins an answer of its own. */
static const struct vm_answer *hand_on(struct tiny_cpu *cpu, struct job *j,
                                       const struct vm_order *o)
{
    static struct vm_answer at_once;

    while (weir_load_acquire32(&j->done) != j->given)
        nap(cpu, NULL, SECONDARY_NAP);
    j->o = *o;
    weir_store_release32(&j->given, j->given + 1);
    if (o->op == VM_SPIN || o->op == VM_STORM || o->op == VM_TRIPLE ||
        o->op == VM_WATCH) {
        at_once =
            (struct vm_answer){.mark = VM_ANSWER_MARK, .serial = o->serial};
        return &at_once;
    }
    while (weir_load_acquire32(&j->done) != j->given)
        nap(cpu, NULL, SECONDARY_NAP);
    return &j->r;
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
        const struct vm_answer *r;
        struct job *j;

        get(cpu, &o, sizeof(o));
        get(cpu, puppet_data, o.in);
        j = &jobs[o.cpu % TINY_CPUS];
        if (o.cpu % TINY_CPUS == 0) {
            puppet_work(cpu, &o, &j->r);
            r = &j->r;
        } else {
            r = hand_on(cpu, j, &o);
        }
        put(cpu, r, sizeof(*r));
        if (r->out)
            put(cpu, puppet_data, r->out);
    }
}

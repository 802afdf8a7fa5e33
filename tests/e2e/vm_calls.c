/* SPDX-License-Identifier: MIT */
#include "tests/e2e/vm_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void well(struct vm *v, const struct vm_answer *r, uint64_t at)
{
    if (r->rc == VM_TRAPPED)
        fail_msg("exception %llu (error %llx) at 0x%llx, order at 0x%llx",
                 (unsigned long long)r->v[0], (unsigned long long)r->v[1],
                 (unsigned long long)r->v[2], (unsigned long long)at);
    if (r->rc == -EPIPE) {
        struct weir_hv_dominfo i = vm_info(v);

        fail_msg("no answer: state %d, %s; console: %s", i.state, i.reason,
                 v->text);
    }
}

void vm_read(struct vm *v, uint64_t gpa, void *to, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t some = n - at < VM_DATA ? n - at : VM_DATA;
        struct vm_order o = {
            .op = VM_READ, .a = gpa + at, .out = (uint16_t)some};
        struct vm_answer r = vm_order(v, &o, NULL, (char *)to + at);

        well(v, &r, gpa);
        at += some;
    }
}

void vm_write(struct vm *v, uint64_t gpa, const void *from, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t some = n - at < VM_DATA ? n - at : VM_DATA;
        struct vm_order o = {
            .op = VM_WRITE, .a = gpa + at, .in = (uint16_t)some};
        struct vm_answer r = vm_order(v, &o, (const char *)from + at, NULL);

        well(v, &r, gpa);
        at += some;
    }
}

uint64_t vm_peek(struct vm *v, uint64_t gpa)
{
    uint64_t value = 0;

    vm_read(v, gpa, &value, sizeof(value));
    return value;
}

void vm_poke(struct vm *v, uint64_t gpa, uint64_t value)
{
    vm_write(v, gpa, &value, sizeof(value));
}

int64_t vm_call_on(struct vm *v, unsigned cpu, unsigned nr, uint64_t cmd,
                   void *arg, size_t n, uint64_t count)
{
    struct vm_order o = {.op = VM_CALL,
                         .cpu = (uint16_t)cpu,
                         .in = (uint16_t)n,
                         .out = (uint16_t)n,
                         .a = nr,
                         .b = cmd,
                         .c = VM_SCRATCH,
                         .d = count};
    struct vm_answer r;

    assert_true(n <= VM_DATA);
    r = vm_order(v, &o, arg, arg);
    well(v, &r, nr);
    return r.rc;
}

int64_t vm_call(struct vm *v, unsigned nr, uint64_t cmd, void *arg, size_t n,
                uint64_t count)
{
    return vm_call_on(v, 0, nr, cmd, arg, n, count);
}

int64_t vm_raw(struct vm *v, uint64_t nr, uint64_t a, uint64_t b, uint64_t c,
               uint64_t d, uint64_t e)
{
    struct vm_order o = {
        .op = VM_CALL, .a = nr, .b = a, .c = b, .d = c, .e = d, .f = e};
    struct vm_answer r = vm_order(v, &o, NULL, NULL);

    well(v, &r, nr);
    return r.rc;
}

int64_t vm_map_table(struct vm *v, unsigned frame)
{
    struct weir_xen_add_to_physmap p = {.domid = WEIR_DOMID_SELF,
                                        .space = WEIR_XENMAPSPACE_GRANT_TABLE,
                                        .idx = frame,
                                        .gpfn = (VM_TABLE >> 12) + frame};

    return vm_call(v, WEIR_HYPERCALL_MEMORY_OP, WEIR_XENMEM_ADD_TO_PHYSMAP, &p,
                   sizeof(p), 0);
}

static uint64_t entry(struct vm *v, unsigned ref)
{
    for (; v->table <= ref / WEIR_GRANTS_PER_FRAME; v->table++)
        assert_int_equal(vm_map_table(v, v->table), 0);
    return VM_TABLE + ref * sizeof(struct weir_grant_entry_v1);
}

void vm_grant(struct vm *v, unsigned ref, domid_t to, uint64_t gfn, bool ro)
{
    struct weir_grant_entry_v1 e = {.flags = WEIR_GTF_PERMIT_ACCESS |
                                             (ro ? WEIR_GTF_READONLY : 0),
                                    .domid = to,
                                    .frame = (uint32_t)gfn};

    vm_write(v, entry(v, ref), &e, sizeof(e));
}

uint16_t vm_grant_flags(struct vm *v, unsigned ref)
{
    return (uint16_t)vm_peek(v, entry(v, ref));
}

int vm_grant_end(struct vm *v, unsigned ref)
{
    if (vm_grant_flags(v, ref) & (WEIR_GTF_READING | WEIR_GTF_WRITING))
        return -WEIR_EBUSY;
    vm_poke(v, entry(v, ref), 0);
    return 0;
}

struct vm_mapping vm_map(struct vm *v, domid_t dom, unsigned ref, uint64_t gpa,
                         bool ro)
{
    struct weir_gnttab_map_grant_ref m = {
        .host_addr = gpa,
        .flags = WEIR_GNTMAP_HOST_MAP | (ro ? WEIR_GNTMAP_READONLY : 0),
        .ref = ref,
        .dom = dom,
        .status = 1};

    assert_int_equal(vm_call(v, WEIR_HYPERCALL_GRANT_TABLE_OP,
                             WEIR_GNTTABOP_MAP_GRANT_REF, &m, sizeof(m), 1),
                     0);
    return (struct vm_mapping){m.status, m.handle, gpa};
}

int16_t vm_unmap(struct vm *v, const struct vm_mapping *m)
{
    struct weir_gnttab_unmap_grant_ref u = {
        .host_addr = m->gpa, .handle = m->handle, .status = 1};

    assert_int_equal(vm_call(v, WEIR_HYPERCALL_GRANT_TABLE_OP,
                             WEIR_GNTTABOP_UNMAP_GRANT_REF, &u, sizeof(u), 1),
                     0);
    return u.status;
}

static int64_t reservation(struct vm *v, unsigned cmd, uint64_t gfn)
{
    struct {
        struct weir_xen_memory_reservation r;
        uint64_t gfn;
    } p = {.r = {.extent_start = VM_SCRATCH + sizeof(p.r),
                 .nr_extents = 1,
                 .domid = WEIR_DOMID_SELF},
           .gfn = gfn};

    return vm_call(v, WEIR_HYPERCALL_MEMORY_OP, cmd, &p, sizeof(p), 0);
}

int64_t vm_populate(struct vm *v, uint64_t gfn)
{
    return reservation(v, WEIR_XENMEM_POPULATE_PHYSMAP, gfn);
}

int64_t vm_give_back(struct vm *v, uint64_t gfn)
{
    return reservation(v, WEIR_XENMEM_DECREASE_RESERVATION, gfn);
}

int64_t vm_evt_alloc(struct vm *v, domid_t remote)
{
    struct weir_evtchn_alloc_unbound a = {.dom = WEIR_DOMID_SELF,
                                          .remote_dom = remote};
    int64_t rc = vm_call(v, WEIR_HYPERCALL_EVENT_CHANNEL_OP,
                         WEIR_EVTCHNOP_ALLOC_UNBOUND, &a, sizeof(a), 0);

    return rc ? rc : a.port;
}

int64_t vm_evt_bind(struct vm *v, domid_t remote, uint32_t port)
{
    struct weir_evtchn_bind_interdomain b = {.remote_dom = remote,
                                             .remote_port = port};
    int64_t rc = vm_call(v, WEIR_HYPERCALL_EVENT_CHANNEL_OP,
                         WEIR_EVTCHNOP_BIND_INTERDOMAIN, &b, sizeof(b), 0);

    return rc ? rc : b.local_port;
}

int64_t vm_evt_close(struct vm *v, uint32_t port)
{
    return vm_call(v, WEIR_HYPERCALL_EVENT_CHANNEL_OP, WEIR_EVTCHNOP_CLOSE,
                   &port, sizeof(port), 0);
}

int64_t vm_evt_send(struct vm *v, uint32_t port)
{
    return vm_call(v, WEIR_HYPERCALL_EVENT_CHANNEL_OP, WEIR_EVTCHNOP_SEND,
                   &port, sizeof(port), 0);
}

bool vm_evt_pending(struct vm *v, uint32_t port, unsigned ms)
{
    uint64_t word = VM_SHARED +
                    offsetof(struct weir_shared_info, evtchn_pending) +
                    port / 64 * 8;
    uint64_t bit = (uint64_t)1 << port % 64;

    for (unsigned i = 0;; i++) {
        uint64_t seen = vm_peek(v, word);

        /* The word's other ports are this test's too, and idle. */
        if (seen & bit) {
            vm_do(v, VM_CLEAR, word, port % 64);
            return true;
        }
        if (i >= ms)
            return false;
        usleep(1000);
    }
}

bool vm_process_pending(struct puppet *p, uint64_t port, uint64_t ns)
{
    struct puppet_answer r = puppet_do(p, PUPPET_EVT_WAIT, port, ns, 0, 0);

    assert_int_equal(r.rc, 0);
    return r.v[0];
}

int64_t vm_evt_op(struct vm *v, unsigned cmd, void *arg, size_t n)
{
    return vm_call(v, WEIR_HYPERCALL_EVENT_CHANNEL_OP, cmd, arg, n, 0);
}

static uint64_t word(size_t field, uint32_t port)
{
    return VM_SHARED + field + port / 64 * 8;
}

void vm_evt_mask(struct vm *v, uint32_t port, bool masked)
{
    uint64_t at = word(offsetof(struct weir_shared_info, evtchn_mask), port);
    uint64_t bit = UINT64_C(1) << port % 64, was = vm_peek(v, at);

    vm_poke(v, at, masked ? was | bit : was & ~bit);
}

int64_t vm_evt_virq(struct vm *v, uint32_t virq, uint32_t vcpu)
{
    struct weir_evtchn_bind_virq b = {.virq = virq, .vcpu = vcpu};
    int64_t rc = vm_evt_op(v, WEIR_EVTCHNOP_BIND_VIRQ, &b, sizeof(b));

    return rc ? rc : b.port;
}

int64_t vm_vcpu_op(struct vm *v, unsigned cmd, unsigned vcpu, void *arg,
                   size_t n)
{
    struct vm_order o = {.op = VM_CALL,
                         .in = (uint16_t)n,
                         .out = (uint16_t)n,
                         .a = WEIR_HYPERCALL_VCPU_OP,
                         .b = cmd,
                         .c = vcpu,
                         .d = VM_SCRATCH};

    return vm_order(v, &o, arg, arg).rc;
}

void vm_start_cpu(struct vm *v, unsigned cpu)
{
    struct vm_order ping = {.op = VM_PING};
    struct vm_answer where = vm_do(v, VM_WHERE, 0, 0);
    struct weir_vcpu_hvm_context c = {.mode = WEIR_VCPU_HVM_MODE_64B};

    c.u.x86_64.rip = where.v[0];
    c.u.x86_64.rdi = cpu;
    c.u.x86_64.cr0 = TINY_CR0;
    c.u.x86_64.cr3 = where.v[1];
    c.u.x86_64.cr4 = TINY_CR4;
    c.u.x86_64.efer = TINY_EFER | 0x400;
    c.u.x86_64.rflags = 2;
    assert_int_equal(vm_vcpu_op(v, WEIR_VCPUOP_IS_UP, cpu, NULL, 0), 0);
    assert_int_equal(vm_vcpu_op(v, WEIR_VCPUOP_INITIALISE, cpu, &c, sizeof(c)),
                     0);
    assert_int_equal(vm_vcpu_op(v, WEIR_VCPUOP_UP, cpu, NULL, 0), 0);
    ping.cpu = (uint16_t)cpu;
    assert_int_equal(vm_order(v, &ping, NULL, NULL).rc, 0);
    assert_int_equal(vm_vcpu_op(v, WEIR_VCPUOP_IS_UP, cpu, NULL, 0), 1);
}

uint64_t vm_now(struct vm *v)
{
    struct vm_answer r = vm_do(v, VM_NOW, 0, 0);

    assert_int_equal(r.rc, 0);
    return r.v[0];
}

int64_t vm_shutdown(struct vm *v, unsigned reason)
{
    struct vm_order o = {.op = VM_CALL,
                         .in = 4,
                         .a = WEIR_HYPERCALL_SCHED_OP,
                         .b = WEIR_SCHEDOP_SHUTDOWN,
                         .c = VM_SCRATCH};
    uint32_t r = reason;

    return vm_send(v, &o, &r);
}

/* SPDX-License-Identifier: MIT */
#include "tests/guests/fuzzguest/make.h"

#include "ring/event_abi.h"
#include "ring/grant_abi.h"
#include "ring/hypercall_abi.h"

static bool tame(const struct fuzz_cpu *f)
{
    return !f->config->reckless;
}

/* A number that may be taken for a pointer is none to its own image. */
static uint64_t spare(const struct fuzz_cpu *f, uint64_t at)
{
    return tame(f) && at < (uint64_t)FUZZ_POOL << 12 ? at | UINT64_C(1) << 45
                                                     : at;
}

/* Few elements mostly.  Without number they would be all of its memory, and be
 * written to: then *where is not its own, and there is little. */
static uint64_t count(struct fuzz_cpu *f, unsigned most, uint64_t *where)
{
    static const uint64_t elsewhere[] = {
        ((uint64_t)(FUZZ_BEYOND + FUZZ_ROOM) << 12) - 128, UINT64_C(0xffffff80),
        UINT64_C(1) << 46};

    if (!fuzz_one_in(f, tame(f) ? 20 : 400))
        return 1 + fuzz_below(f, most);
    if (tame(f))
        *where = elsewhere[fuzz_below(f, 3)];
    return fuzz_u64(f);
}

static void make_grant(struct fuzz_cpu *f, struct fuzz_call *c, uint8_t *arg)
{
    union {
        struct weir_gnttab_map_grant_ref map[6];
        struct weir_gnttab_unmap_grant_ref unmap[6];
        struct weir_gnttab_copy copy[6];
        struct weir_gnttab_setup_table setup;
        uint32_t word[8];
    } *u = (void *)arg;

    c->a[1] = fuzz_pointer(f, arg);
    c->a[2] = count(f, 6, &c->a[1]);
    switch (fuzz_below(f, 8)) {
    case 0:
    case 1:
    case 2:
        c->a[0] = WEIR_GNTTABOP_MAP_GRANT_REF;
        for (unsigned i = 0; i < 6; i++)
            fuzz_one_map(f, &u->map[i]);
        break;
    case 3:
    case 4:
        c->a[0] = WEIR_GNTTABOP_UNMAP_GRANT_REF;
        for (unsigned i = 0; i < 6; i++)
            fuzz_one_unmap(f, &u->unmap[i]);
        break;
    case 5:
        c->a[0] = WEIR_GNTTABOP_COPY;
        for (unsigned i = 0; i < 6; i++)
            fuzz_one_copy(f, &u->copy[i]);
        break;
    case 6:
        c->a[0] = WEIR_GNTTABOP_SETUP_TABLE;
        u->setup = (struct weir_gnttab_setup_table){
            .dom = fuzz_domid(f),
            .nr_frames = fuzz_one_in(f, 3) ? fuzz_u32(f) : fuzz_below(f, 4),
            .frame_list = fuzz_pointer(f, arg + 64)};
        break;
    default:
        c->a[0] = fuzz_one_in(f, 4) ? fuzz_u64(f) : 3 + fuzz_below(f, 10);
        /* What an older call left would be read as frames. */
        memset(u, 0, sizeof(*u));
        for (unsigned i = 0; i < 8; i++)
            u->word[i] = fuzz_one_in(f, 3) ? fuzz_domid(f) : fuzz_u32(f);
    }
}

static void make_evtchn(struct fuzz_cpu *f, struct fuzz_call *c, uint8_t *arg)
{
    uint32_t *word = (void *)arg;

    c->a[0] = fuzz_one_in(f, 16) ? fuzz_u64(f) : fuzz_below(f, 14);
    c->a[1] = fuzz_pointer(f, arg);
    for (unsigned i = 0; i < 8; i++)
        word[i] = fuzz_u32(f);
    switch (c->a[0]) {
    case WEIR_EVTCHNOP_BIND_INTERDOMAIN:
        word[0] = fuzz_domid(f);
        word[1] = fuzz_port(f);
        break;
    case WEIR_EVTCHNOP_STATUS:
        word[0] = fuzz_domid(f);
        word[1] = fuzz_port(f);
        break;
    case WEIR_EVTCHNOP_ALLOC_UNBOUND:
        word[0] = fuzz_domid(f) | (uint32_t)fuzz_domid(f) << 16;
        break;
    case WEIR_EVTCHNOP_RESET:
        word[0] = fuzz_one_in(f, 20) ? WEIR_DOMID_SELF : fuzz_domid(f);
        break;
    case WEIR_EVTCHNOP_BIND_VIRQ:
        word[0] = fuzz_below(f, 26);
        word[1] = fuzz_below(f, 4);
        break;
    case WEIR_EVTCHNOP_BIND_IPI:
        word[0] = fuzz_below(f, 4);
        break;
    default:
        word[0] = fuzz_port(f);
        word[1] = fuzz_below(f, 4);
    }
}

static void make_reservation(struct fuzz_cpu *f, uint8_t *arg)
{
    struct weir_xen_memory_reservation *r = (void *)arg;
    uint64_t *gfn = (void *)(arg + sizeof(*r));

    *r = (struct weir_xen_memory_reservation){
        .extent_start = fuzz_pointer(f, gfn),
        .extent_order = fuzz_one_in(f, 8) ? fuzz_u32(f) : 0,
        .mem_flags = fuzz_u32(f),
        .domid = fuzz_domid(f)};
    r->nr_extents = count(f, 8, &r->extent_start);
    for (unsigned i = 0; i < 8; i++)
        gfn[i] = fuzz_gfn(f);
    /* Several pages at once may reach its own. */
    if (tame(f) && r->extent_order < 64 && r->extent_order > 3)
        r->extent_order = 64;
}

static void make_physmap(struct fuzz_cpu *f, uint8_t *arg)
{
    struct weir_xen_add_to_physmap *p = (void *)arg;

    *p = (struct weir_xen_add_to_physmap){.domid = fuzz_domid(f),
                                          .size = (uint16_t)fuzz_u32(f),
                                          .space = fuzz_below(f, 7),
                                          .idx = fuzz_u64(f),
                                          .gpfn = fuzz_gfn(f)};
    if (fuzz_one_in(f, 20))
        p->space = fuzz_u32(f);
    if (p->space == WEIR_XENMAPSPACE_GMFN)
        p->idx = fuzz_gfn(f);
    if (!tame(f))
        return;
    /* Those it writes to stay where they are. */
    if (p->space == WEIR_XENMAPSPACE_SHARED_INFO)
        p->gpfn = FUZZ_SHARED >> 12;
    if (p->space == WEIR_XENMAPSPACE_GRANT_TABLE && p->idx < 2)
        p->gpfn = (FUZZ_TABLE >> 12) + p->idx;
    if (p->space == WEIR_XENMAPSPACE_GMFN_RANGE)
        p->idx = fuzz_gfn(f);
}

static void make_memory(struct fuzz_cpu *f, struct fuzz_call *c, uint8_t *arg)
{
    static const uint8_t ops[] = {0, 1, 1, 1, 6, 6,  6,  6,  2,  3,
                                  4, 7, 7, 7, 9, 10, 11, 14, 15, 23};
    uint64_t *word = (void *)arg;

    for (unsigned i = 0; i < 8; i++)
        word[i] = fuzz_one_in(f, 2) ? fuzz_gfn(f) : fuzz_u64(f);
    c->a[0] =
        fuzz_one_in(f, 20) ? fuzz_u64(f) : ops[fuzz_below(f, sizeof(ops))];
    c->a[1] = fuzz_pointer(f, arg);
    switch (c->a[0]) {
    case WEIR_XENMEM_INCREASE_RESERVATION:
    case WEIR_XENMEM_DECREASE_RESERVATION:
    case WEIR_XENMEM_POPULATE_PHYSMAP:
    case WEIR_XENMEM_EXCHANGE:
        make_reservation(f, arg);
        break;
    case WEIR_XENMEM_ADD_TO_PHYSMAP:
        make_physmap(f, arg);
        break;
    case WEIR_XENMEM_REMOVE_FROM_PHYSMAP:
        word[0] = fuzz_domid(f);
        word[1] = fuzz_gfn(f);
        break;
    case WEIR_XENMEM_MEMORY_MAP:
        word[0] = fuzz_below(f, 20);
        word[1] = fuzz_pointer(f, arg + 16);
        break;
    case WEIR_XENMEM_ADD_TO_PHYSMAP_BATCH:
        word[0] = fuzz_domid(f) | (uint64_t)(2 + fuzz_below(f, 4)) << 16 |
                  (uint64_t)(tame(f) ? fuzz_below(f, 40) : fuzz_below(f, 65536))
                      << 32;
        for (unsigned i = 1; i < 4; i++)
            word[i] = fuzz_pointer(f, arg + 32 * i);
        break;
    default:
        word[0] = fuzz_domid(f);
    }
}

static void make_vcpu(struct fuzz_cpu *f, struct fuzz_call *c, uint8_t *arg)
{
    uint64_t *word = (void *)arg;

    for (unsigned i = 0; i < 20; i++)
        word[i] = fuzz_one_in(f, 2) ? fuzz_gfn(f) : spare(f, fuzz_u64(f));
    c->a[0] = fuzz_one_in(f, 20) ? fuzz_u64(f) : fuzz_below(f, 14);
    c->a[1] = fuzz_one_in(f, 6) ? fuzz_u64(f) : fuzz_below(f, 3);
    c->a[2] = fuzz_pointer(f, arg);
    if (c->a[0] == WEIR_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA ||
        c->a[0] == WEIR_VCPUOP_REGISTER_VCPU_TIME_MEMORY_AREA)
        word[0] = fuzz_readable(f) + fuzz_below(f, 4096);
    if (!tame(f))
        return;
    /* Up, down, other registers and an NMI would end its own storm. */
    if ((uint32_t)c->a[0] <= WEIR_VCPUOP_DOWN ||
        (uint32_t)c->a[0] == WEIR_VCPUOP_SEND_NMI)
        c->a[1] |= 8;
}

static void make_sched(struct fuzz_cpu *f, struct fuzz_call *c, uint8_t *arg)
{
    struct weir_sched_poll *p = (void *)arg;
    uint32_t *ports = (void *)(arg + sizeof(*p));

    c->a[0] = fuzz_one_in(f, 8) ? fuzz_u64(f) : fuzz_below(f, 8);
    c->a[1] = fuzz_pointer(f, arg);
    *p = (struct weir_sched_poll){
        .ports = fuzz_pointer(f, ports),
        .nr_ports = fuzz_one_in(f, 4) ? fuzz_u32(f) : fuzz_below(f, 9),
        .timeout = 1};
    for (unsigned i = 0; i < 8; i++)
        ports[i] = fuzz_port(f);
    if (!tame(f) && fuzz_one_in(f, 16))
        return;
    switch ((uint32_t)c->a[0]) {
    case WEIR_SCHEDOP_BLOCK: /* it would sleep */
    case WEIR_SCHEDOP_SHUTDOWN:
    case WEIR_SCHEDOP_SHUTDOWN_CODE: /* its end would be told as another */
    case WEIR_SCHEDOP_WATCHDOG:
        c->a[0] = WEIR_SCHEDOP_YIELD;
        break;
    case WEIR_SCHEDOP_POLL:
        /* A moment of the past: no other call may write there. */
        f->poll = *p;
        c->a[1] = fuzz_one_in(f, 16) ? UINT64_C(1) << 45 : (uintptr_t)&f->poll;
    }
}

static void make_hvm(struct fuzz_cpu *f, struct fuzz_call *c, uint8_t *arg)
{
    static const uint8_t ops[] = {0, 1, 5, 9, 10, 15, 23};
    struct weir_xen_hvm_param *p = (void *)arg;

    c->a[0] =
        fuzz_one_in(f, 10) ? fuzz_u64(f) : ops[fuzz_below(f, sizeof(ops))];
    c->a[1] = fuzz_pointer(f, arg);
    *p = (struct weir_xen_hvm_param){
        .domid = fuzz_domid(f),
        .index = fuzz_one_in(f, 4) ? fuzz_u32(f) : fuzz_below(f, 40),
        .value = fuzz_u64(f)};
    if (p->index == WEIR_HVM_PARAM_CALLBACK_IRQ)
        p->value = UINT64_C(2) << 56 | (fuzz_random(f) & 0xff);
    if (c->a[0] == WEIR_HVMOP_SET_EVTCHN_UPCALL_VECTOR) {
        uint32_t *word = (void *)arg;

        word[0] = fuzz_below(f, 3);
        word[1] = fuzz_u32(f);
    }
}

static void make_rest(struct fuzz_cpu *f, struct fuzz_call *c, uint8_t *arg)
{
    static const uint8_t numbers[] = {17, 17, 18, 21, 33, 15,
                                      27, 35, 36, 38, 40};
    uint64_t *word = (void *)arg;

    for (unsigned i = 0; i < 16; i++)
        word[i] = fuzz_u64(f);
    c->nr = numbers[fuzz_below(f, sizeof(numbers))];
    if (fuzz_one_in(f, 4)) {
        /* Not one of those above by accident: they spare nothing. */
        c->nr = 41 + fuzz_below(f, 90);
        if (fuzz_one_in(f, 4))
            c->nr = fuzz_u64(f) | 0x100;
    }
    c->a[0] = fuzz_one_in(f, 4) ? fuzz_u64(f) : fuzz_below(f, 12);
    for (unsigned i = 1; i < 5; i++)
        c->a[i] =
            fuzz_one_in(f, 2) ? fuzz_pointer(f, arg) : spare(f, fuzz_u64(f));
    /* Much text would hide what it says itself. */
    if (c->nr == WEIR_HYPERCALL_CONSOLE_IO && tame(f))
        c->a[1] = fuzz_below(f, 64);
}

static void make_single(struct fuzz_cpu *f, struct fuzz_call *c, uint8_t *arg)
{
    for (unsigned i = 0; i < 5; i++)
        c->a[i] = 0;
    switch (fuzz_below(f, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        c->nr = WEIR_HYPERCALL_GRANT_TABLE_OP;
        make_grant(f, c, arg);
        break;
    case 5:
    case 6:
    case 7:
        c->nr = WEIR_HYPERCALL_EVENT_CHANNEL_OP;
        make_evtchn(f, c, arg);
        break;
    case 8:
    case 9:
    case 10:
        c->nr = WEIR_HYPERCALL_MEMORY_OP;
        make_memory(f, c, arg);
        break;
    case 11:
        c->nr = WEIR_HYPERCALL_VCPU_OP;
        make_vcpu(f, c, arg);
        break;
    case 12:
        c->nr = WEIR_HYPERCALL_SCHED_OP;
        make_sched(f, c, arg);
        break;
    case 13:
    case 14:
        c->nr = WEIR_HYPERCALL_HVM_OP;
        make_hvm(f, c, arg);
        break;
    default:
        make_rest(f, c, arg);
    }
}

/* A list of two calls, which may be lists. */
static void make_list(struct fuzz_cpu *f, struct fuzz_call *c, uint8_t *arg)
{
    struct weir_multicall_entry *e = (void *)arg;
    struct fuzz_call one;

    for (unsigned i = 0; i < 2; i++) {
        make_single(f, &one, arg + 128);
        e[i] = (struct weir_multicall_entry){.op = one.nr};
        for (unsigned j = 0; j < 5; j++)
            e[i].args[j] = one.a[j];
        if (fuzz_one_in(f, 4))
            e[i].op = WEIR_HYPERCALL_MULTICALL;
        /* The second's struct is both's: what the first asked for is gone. */
        if (tame(f) && i == 0)
            e[i].op = WEIR_HYPERCALL_XEN_VERSION;
    }
    c->nr = WEIR_HYPERCALL_MULTICALL;
    c->a[0] = fuzz_pointer(f, arg);
    c->a[1] = tame(f) ? fuzz_below(f, 3) : fuzz_u64(f);
}

void fuzz_make(struct fuzz_cpu *f, struct fuzz_call *c, uint8_t *arg)
{
    if (fuzz_one_in(f, 24))
        make_list(f, c, arg);
    else
        make_single(f, c, arg);
}

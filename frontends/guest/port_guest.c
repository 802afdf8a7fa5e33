/* SPDX-License-Identifier: MIT */
#include "frontends/guest/port_guest_priv.h"

#include "frontends/guest/pvclock.h"

#define DOMID_LAST 0x7fefu

static int64_t event_op(struct weir_port *p, enum weir_evtchn_op op, void *arg)
{
    return weir_pg_call_(weir_pg_of_(p), WEIR_HYPERCALL_EVENT_CHANNEL_OP, op,
                         arg, 0);
}

static int alloc_pages(struct weir_port *p, unsigned count, void **first)
{
    const struct weir_guest_platform *f = &weir_pg_of_(p)->platform;

    return f->ops->alloc_pages(f->context, count, first);
}

static void free_pages(struct weir_port *p, void *first, unsigned count)
{
    const struct weir_guest_platform *f = &weir_pg_of_(p)->platform;

    f->ops->free_pages(f->context, first, count);
}

static mfn_t frame(struct weir_port *p, const void *page)
{
    const struct weir_guest_platform *f = &weir_pg_of_(p)->platform;

    return f->ops->gfn(f->context, page);
}

static int evtchn_alloc(struct weir_port *p, domid_t remote,
                        evtchn_port_t *local)
{
    struct weir_evtchn_alloc_unbound op = {.dom = WEIR_DOMID_SELF,
                                           .remote_dom = remote};
    int64_t rc = event_op(p, WEIR_EVTCHNOP_ALLOC_UNBOUND, &op);

    if (rc == 0)
        *local = op.port;
    return (int)rc;
}

static int evtchn_bind(struct weir_port *p, domid_t remote,
                       evtchn_port_t remote_port, evtchn_port_t *local)
{
    struct weir_evtchn_bind_interdomain op = {.remote_dom = remote,
                                              .remote_port = remote_port};
    int64_t rc = event_op(p, WEIR_EVTCHNOP_BIND_INTERDOMAIN, &op);

    if (rc == 0)
        *local = op.local_port;
    return (int)rc;
}

/* A port beyond the bitmap is none, and never pending. */
static bool take(struct weir_port_guest *pg, evtchn_port_t port)
{
    volatile uint64_t *word;
    uint64_t bit = UINT64_C(1) << port % 64;

    if (port >= WEIR_EVTCHN_2L_CHANNELS)
        return false;
    word = &pg->shared->evtchn_pending[port / 64];
    return (weir_load_relaxed64(word) & bit) &&
           (weir_fetch_and64(word, ~bit) & bit);
}

static void evtchn_clear(struct weir_port *p, evtchn_port_t local)
{
    take(weir_pg_of_(p), local);
}

/* The hypervisor takes a pending event away with the port.  Here it could be
 * the event of the number's next user, on another thread. */
static int evtchn_close(struct weir_port *p, evtchn_port_t local)
{
    struct weir_evtchn_close op = {.port = local};

    return (int)event_op(p, WEIR_EVTCHNOP_CLOSE, &op);
}

static int evtchn_notify(struct weir_port *p, evtchn_port_t local)
{
    struct weir_evtchn_send op = {.port = local};

    return (int)event_op(p, WEIR_EVTCHNOP_SEND, &op);
}

static uint64_t rdtsc(void)
{
    return __builtin_ia32_rdtsc();
}

static uint64_t now_ns(struct weir_port *p)
{
    return weir_pvclock_read(&weir_pg_of_(p)->shared->vcpu_info[0].time, rdtsc);
}

static uint64_t look(struct weir_port_guest *pg, const evtchn_port_t *ports,
                     unsigned n)
{
    uint64_t pending = 0;

    for (unsigned i = 0; i < n; i++)
        if (take(pg, ports[i]))
            pending |= UINT64_C(1) << i;
    return pending;
}

/* Sleep until a port is pending or end has come; may return early.  Xen's time
 * is signed: what does not fit is no time-out. */
static int sleep_until(struct weir_port_guest *pg, const evtchn_port_t *ports,
                       unsigned n, uint64_t end)
{
    struct weir_sched_poll op = {
        .ports = (uintptr_t)ports,
        .nr_ports = n,
        .timeout = end > INT64_MAX ? 0 : end,
    };

    return (int)weir_pg_call_(pg, WEIR_HYPERCALL_SCHED_OP, WEIR_SCHEDOP_POLL,
                              &op, 0);
}

static int wait(struct weir_port *p, const evtchn_port_t *ports, unsigned n,
                uint64_t timeout_ns, uint64_t *pending)
{
    struct weir_port_guest *pg = weir_pg_of_(p);
    uint64_t now, spin_end, end;

    if (n > 64)
        return -WEIR_EINVAL;
    *pending = look(pg, ports, n);
    if (*pending != 0 || timeout_ns == 0)
        return 0;
    now = now_ns(p);
    end = timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
    spin_end = now + pg->platform.spin_ns;
    while (*pending == 0 && now < end) {
        int rc = 0;

        if (now < spin_end)
            weir_pause();
        else
            rc = sleep_until(pg, ports, n, end);
        if (rc != 0)
            return rc;
        *pending = look(pg, ports, n);
        now = now_ns(p);
    }
    return 0;
}

static void log_line(struct weir_port *p, enum weir_log_level level,
                     const char *line)
{
    const struct weir_guest_platform *f = &weir_pg_of_(p)->platform;

    if (f->ops->log != NULL)
        f->ops->log(f->context, level, line);
}

static const struct weir_port_ops guest_ops = {
    .alloc_pages = alloc_pages,
    .free_pages = free_pages,
    .frame = frame,
    .grant_table = weir_pg_grant_table_,
    .map = weir_pg_map_,
    .unmap = weir_pg_unmap_,
    .copy = weir_pg_copy_,
    .evtchn_alloc = evtchn_alloc,
    .evtchn_bind = evtchn_bind,
    .evtchn_close = evtchn_close,
    .evtchn_notify = evtchn_notify,
    .wait = wait,
    .now_ns = now_ns,
    .log = log_line,
    .evtchn_clear = evtchn_clear,
};

int weir_pg_place_(struct weir_port_guest *pg, uint32_t space, uint64_t idx,
                   uint32_t window_index)
{
    struct weir_xen_add_to_physmap op = {
        .domid = WEIR_DOMID_SELF,
        .space = space,
        .idx = idx,
        .gpfn = pg->platform.window_gfn + window_index,
    };

    return (int)weir_pg_call_(pg, WEIR_HYPERCALL_MEMORY_OP,
                              WEIR_XENMEM_ADD_TO_PHYSMAP, &op, 0);
}

/* 0 when the domain has no such parameter. */
static uint64_t param(struct weir_port_guest *pg, uint32_t index)
{
    struct weir_xen_hvm_param op = {.domid = WEIR_DOMID_SELF, .index = index};

    if (weir_pg_call_(pg, WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_GET_PARAM, &op,
                      0) != 0)
        return 0;
    return op.value;
}

static void *ring_at(struct weir_port_guest *pg, uint32_t pfn_param,
                     uint32_t port_param, evtchn_port_t *port)
{
    const struct weir_guest_platform *f = &pg->platform;
    uint64_t gfn = param(pg, pfn_param), evtchn = param(pg, port_param);

    if (gfn == 0 || evtchn == 0 || evtchn >= WEIR_EVTCHN_2L_CHANNELS)
        return NULL;
    *port = (evtchn_port_t)evtchn;
    return f->ops->at(f->context, gfn);
}

int weir_port_guest_open(struct weir_port_guest *pg,
                         const struct weir_guest_platform *platform)
{
    struct weir_port_start *start = &pg->port.start;
    int err;

    weir_memset(pg, 0, sizeof(*pg));
    pg->port.ops = &guest_ops;
    pg->platform = *platform;
    if (platform->window_pages < WEIR_GUEST_WINDOW_MIN)
        return -WEIR_EINVAL;
    err = weir_pg_place_(pg, WEIR_XENMAPSPACE_SHARED_INFO, 0, 0);
    if (err != 0)
        return err;
    pg->shared = weir_pg_window_(pg, 0);
    for (unsigned i = 0; i < 64; i++)
        weir_store_relaxed64(&pg->shared->evtchn_mask[i], UINT64_MAX);
    err = weir_pg_table_open_(pg);
    if (err != 0)
        return err;
    start->domid =
        platform->domid <= DOMID_LAST ? platform->domid : WEIR_DOMID_SELF;
    start->store_page =
        ring_at(pg, WEIR_HVM_PARAM_STORE_PFN, WEIR_HVM_PARAM_STORE_EVTCHN,
                &start->store_evtchn);
    start->console_page =
        ring_at(pg, WEIR_HVM_PARAM_CONSOLE_PFN, WEIR_HVM_PARAM_CONSOLE_EVTCHN,
                &start->console_evtchn);
    return 0;
}

uint64_t weir_port_guest_unix_time(struct weir_port_guest *pg)
{
    volatile struct weir_shared_info *s = pg->shared;

    for (;;) {
        uint32_t version = weir_load_acquire32(&s->wc_version);
        uint64_t sec = (uint64_t)s->wc_sec_hi << 32 | s->wc_sec;
        uint64_t ns = s->wc_nsec;

        weir_compiler_barrier();
        if (!(version & 1) && weir_load_acquire32(&s->wc_version) == version)
            return sec == 0 ? 0 : sec + (ns + now_ns(&pg->port)) / 1000000000u;
        weir_pause();
    }
}

void weir_port_guest_shutdown(struct weir_port_guest *pg, unsigned reason)
{
    struct weir_sched_shutdown op = {.reason = reason};

    weir_pg_call_(pg, WEIR_HYPERCALL_SCHED_OP, WEIR_SCHEDOP_SHUTDOWN, &op, 0);
}

/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_guest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ring/error.h"

struct weir_shared_info *fake_guest_shared(struct fake_guest *f)
{
    return (struct weir_shared_info *)(void *)f->window;
}

void fake_guest_set_ns(struct fake_guest *f, uint64_t ns)
{
    struct weir_vcpu_time_info *t = &fake_guest_shared(f)->vcpu_info[0].time;

    t->version += 2;
    t->tsc_to_system_mul = 0;
    t->system_time = ns;
}

static int64_t memory_op(struct fake_guest *f, uint64_t op, const void *arg)
{
    const struct weir_xen_add_to_physmap *a = arg;

    if (op != WEIR_XENMEM_ADD_TO_PHYSMAP)
        return -WEIR_ENOSYS;
    if (a->domid != WEIR_DOMID_SELF || a->gpfn < FAKE_WINDOW_GFN ||
        a->gpfn >= FAKE_WINDOW_GFN + FAKE_WINDOW)
        return -WEIR_EINVAL;
    f->placed[a->gpfn - FAKE_WINDOW_GFN] =
        ((uint64_t)a->space << 32 | a->idx) + 1;
    return 0;
}

static int64_t get_param(struct fake_guest *f, struct weir_xen_hvm_param *p)
{
    switch (p->index) {
    case WEIR_HVM_PARAM_STORE_PFN:
        p->value = FAKE_STORE_GFN;
        return 0;
    case WEIR_HVM_PARAM_STORE_EVTCHN:
        p->value = f->store_port;
        return 0;
    default:
        return -WEIR_EINVAL;
    }
}

/* Takes its event away, as hypervisors do. */
static int64_t close_port(struct fake_guest *f, uint32_t port)
{
    uint64_t *word = &fake_guest_shared(f)->evtchn_pending[port / 64];

    f->closed = port;
    *word &= ~(UINT64_C(1) << port % 64);
    if (f->reused)
        *word |= UINT64_C(1) << port % 64;
    return 0;
}

static int64_t event_op(struct fake_guest *f, uint64_t op, void *arg)
{
    switch (op) {
    case WEIR_EVTCHNOP_ALLOC_UNBOUND:
        f->alloc = *(struct weir_evtchn_alloc_unbound *)arg;
        ((struct weir_evtchn_alloc_unbound *)arg)->port = 11;
        return 0;
    case WEIR_EVTCHNOP_BIND_INTERDOMAIN:
        f->bind = *(struct weir_evtchn_bind_interdomain *)arg;
        ((struct weir_evtchn_bind_interdomain *)arg)->local_port = 12;
        return 0;
    case WEIR_EVTCHNOP_CLOSE:
        return close_port(f, *(uint32_t *)arg);
    case WEIR_EVTCHNOP_SEND:
        f->sent = *(uint32_t *)arg;
        return 0;
    default:
        return -WEIR_ENOSYS;
    }
}

static int64_t map_one(struct fake_guest *f,
                       struct weir_gnttab_map_grant_ref *m)
{
    f->map = *m;
    m->status = f->map_status[m->ref % 256];
    if (m->status == WEIR_GNTST_OKAY) {
        m->handle = 1000 + m->ref;
        f->mapped++;
    }
    return 0;
}

static int64_t grant_op(struct fake_guest *f, uint64_t op, void *arg,
                        uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        switch (op) {
        case WEIR_GNTTABOP_QUERY_SIZE:
            ((struct weir_gnttab_query_size *)arg)->nr_frames = 1;
            ((struct weir_gnttab_query_size *)arg)->max_nr_frames =
                f->max_table;
            ((struct weir_gnttab_query_size *)arg)->status = 0;
            break;
        case WEIR_GNTTABOP_MAP_GRANT_REF:
            map_one(f, (struct weir_gnttab_map_grant_ref *)arg + i);
            break;
        case WEIR_GNTTABOP_UNMAP_GRANT_REF:
            f->unmap = ((struct weir_gnttab_unmap_grant_ref *)arg)[i];
            ((struct weir_gnttab_unmap_grant_ref *)arg)[i].status =
                f->unmap_status;
            f->mapped -= f->unmap_status == WEIR_GNTST_OKAY;
            break;
        case WEIR_GNTTABOP_COPY:
            f->copy = ((struct weir_gnttab_copy *)arg)[i];
            ((struct weir_gnttab_copy *)arg)[i].status =
                f->map_status[f->copy.source.u.ref % 256];
            break;
        default:
            return -WEIR_ENOSYS;
        }
    return 0;
}

static int64_t sched_op(struct fake_guest *f, uint64_t op, void *arg)
{
    struct weir_shared_info *s = fake_guest_shared(f);

    if (op == WEIR_SCHEDOP_SHUTDOWN) {
        f->shutdown = ((struct weir_sched_shutdown *)arg)->reason;
        return 0;
    }
    if (op != WEIR_SCHEDOP_POLL)
        return -WEIR_ENOSYS;
    f->poll = *(struct weir_sched_poll *)arg;
    f->poll_port = *(uint32_t *)(uintptr_t)f->poll.ports;
    fake_guest_set_ns(f, f->poll_to_end
                             ? f->poll.timeout
                             : s->vcpu_info[0].time.system_time + f->poll_ns);
    if (f->wakes)
        s->evtchn_pending[f->wakes / 64] |= UINT64_C(1) << f->wakes % 64;
    return 0;
}

static int64_t hypercall(void *context, unsigned nr, const uint64_t a[5])
{
    struct fake_guest *f = context;
    void *arg = (void *)(uintptr_t)a[1];

    f->calls[nr % 64]++;
    if (f->fail && nr == f->fail_nr)
        return f->fail;
    switch (nr) {
    case WEIR_HYPERCALL_MEMORY_OP:
        return memory_op(f, a[0], arg);
    case WEIR_HYPERCALL_HVM_OP:
        return a[0] == WEIR_HVMOP_GET_PARAM ? get_param(f, arg) : -WEIR_ENOSYS;
    case WEIR_HYPERCALL_EVENT_CHANNEL_OP:
        return event_op(f, a[0], arg);
    case WEIR_HYPERCALL_GRANT_TABLE_OP:
        return grant_op(f, a[0], arg, a[2]);
    case WEIR_HYPERCALL_SCHED_OP:
        return sched_op(f, a[0], arg);
    default:
        return -WEIR_ENOSYS;
    }
}

static int alloc_pages(void *context, unsigned count, void **first)
{
    (void)context;
    *first = aligned_alloc(WEIR_PAGE_SIZE, (size_t)count * WEIR_PAGE_SIZE);
    if (!*first)
        return -WEIR_ENOMEM;
    memset(*first, 0, (size_t)count * WEIR_PAGE_SIZE);
    return 0;
}

static void free_pages(void *context, void *first, unsigned count)
{
    (void)context;
    (void)count;
    free(first);
}

static uint64_t gfn(void *context, const void *page)
{
    (void)context;
    return (uintptr_t)page >> WEIR_PAGE_SHIFT;
}

static void *at(void *context, uint64_t frame)
{
    struct fake_guest *f = context;

    return frame == FAKE_STORE_GFN ? f->store : NULL;
}

static const struct weir_guest_platform_ops ops = {
    .hypercall = hypercall,
    .alloc_pages = alloc_pages,
    .free_pages = free_pages,
    .gfn = gfn,
    .at = at,
};

void fake_guest_init(struct fake_guest *f)
{
    memset(f, 0, sizeof(*f));
    f->window = mmap(NULL, FAKE_WINDOW * WEIR_PAGE_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (f->window == MAP_FAILED)
        abort();
    f->max_table = 4;
    f->store_port = 3;
    f->platform = (struct weir_guest_platform){
        .ops = &ops,
        .context = f,
        .domid = 7,
        .window_gfn = FAKE_WINDOW_GFN,
        .window = f->window,
        .window_pages = FAKE_WINDOW,
    };
}

void fake_guest_fini(struct fake_guest *f)
{
    munmap(f->window, FAKE_WINDOW * WEIR_PAGE_SIZE);
}

/* SPDX-License-Identifier: MIT */
#include "tests/e2e/hv_puppet.h"

#include "hypervisor/client/process_call.h"
#include "ring/barrier.h"
#include "ring/console_abi.h"
#include "ring/error.h"
#include "ring/grant_abi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 1024

static struct weir_process *process;
static struct weir_port *port;
static struct weir_map_op maps[BATCH];
static struct weir_unmap_op unmaps[BATCH];
static unsigned nmaps;

static void *ptr(uint64_t a)
{
    return (void *)(uintptr_t)a;
}

static volatile uint32_t *entry(uint64_t ref)
{
    volatile struct weir_grant_entry_v1 *e;
    uint32_t n;

    if (port->ops->grant_table(port, false, &e, &n) < 0 || ref >= n)
        return NULL;
    return (volatile uint32_t *)(e + ref);
}

static int64_t grant(const struct puppet_order *o)
{
    volatile uint32_t *e = entry(o->a);

    if (!e)
        return -WEIR_ENOSPC;
    weir_store_relaxed32(e + 1, (uint32_t)o->c);
    weir_store_release32(e, (uint32_t)o->b << 16 | WEIR_GTF_PERMIT_ACCESS |
                                (o->d ? WEIR_GTF_READONLY : 0));
    return 0;
}

static int64_t end_access(const struct puppet_order *o)
{
    volatile uint32_t *e = entry(o->a);
    uint32_t seen;

    if (!e)
        return -WEIR_ENOENT;
    seen = weir_load_acquire32(e);
    if (seen & (WEIR_GTF_READING | WEIR_GTF_WRITING))
        return -WEIR_EBUSY;
    return weir_cmpxchg32(e, seen, 0) == seen ? 0 : -WEIR_EBUSY;
}

static int64_t map_one(const struct puppet_order *o, struct puppet_answer *r)
{
    struct weir_map_op m = {
        .dom = (domid_t)o->a, .ref = (grant_ref_t)o->b, .readonly = o->c};
    int rc = port->ops->map(port, &m, 1);

    r->v[0] = (uintptr_t)m.addr;
    r->v[1] = m.handle;
    return rc < 0 ? rc : m.status;
}

static int64_t unmap_one(const struct puppet_order *o)
{
    struct weir_unmap_op u = {.addr = ptr(o->a), .handle = (uint32_t)o->b};
    int rc = port->ops->unmap(port, &u, 1);

    return rc < 0 ? rc : u.status;
}

static int64_t unmap_raw(const struct puppet_order *o)
{
    struct weir_process_msg m = {
        .op = WEIR_HV_UNMAP, .count = 1, .len = 4, .want = 4};
    int rc;

    weir_put32(weir_process_args(process), (uint32_t)o->a);
    rc = weir_process_call(process, &m);
    return rc < 0 ? rc : (int32_t)weir_le32(weir_process_result(process));
}

static int64_t map_many(uint64_t dom, uint64_t ref, uint64_t count,
                        struct puppet_answer *r)
{
    int rc;

    nmaps = count < BATCH ? (unsigned)count : BATCH;
    for (unsigned i = 0; i < nmaps; i++)
        maps[i] = (struct weir_map_op){.dom = (domid_t)dom,
                                       .ref = (grant_ref_t)ref + i};
    rc = port->ops->map(port, maps, nmaps);
    for (unsigned i = 0; i < nmaps; i++)
        if (maps[i].status) {
            r->v[0]++;
            r->v[1] = (uint64_t)(int64_t)maps[i].status;
        }
    return rc;
}

static int64_t unmap_many(struct puppet_answer *r)
{
    unsigned n = 0;
    int rc;

    for (unsigned i = 0; i < nmaps; i++)
        if (maps[i].status == 0)
            unmaps[n++] = (struct weir_unmap_op){.addr = maps[i].addr,
                                                 .handle = maps[i].handle};
    rc = port->ops->unmap(port, unmaps, n);
    for (unsigned i = 0; i < n; i++)
        r->v[0] += unmaps[i].status != 0;
    return rc;
}

static int64_t time_maps(const struct puppet_order *o, struct puppet_answer *r)
{
    uint64_t start = port->ops->now_ns(port);
    struct puppet_answer bad = {0};
    int64_t rc = 0;

    for (uint64_t i = 0; i < o->d && rc == 0 && bad.v[0] == 0; i++) {
        rc = map_many(o->a, o->b, o->c, &bad);
        if (rc == 0)
            rc = unmap_many(&bad);
    }
    r->v[0] = port->ops->now_ns(port) - start;
    return bad.v[0] ? -WEIR_EIO : rc;
}

static int64_t copy(const struct puppet_order *o)
{
    struct weir_copy_end grant_end = {
        .is_grant = true, .dom = (domid_t)o->a, .ref = (grant_ref_t)o->b};
    struct weir_copy_end own = {.page = ptr(o->c & ~(uint64_t)4095),
                                .offset = (uint16_t)(o->c & 4095)};
    struct weir_copy_op c = {.src = o->e ? own : grant_end,
                             .dst = o->e ? grant_end : own,
                             .len = (uint16_t)o->d};
    int rc = port->ops->copy(port, &c, 1);

    return rc < 0 ? rc : c.status;
}

static int64_t print(const char *text)
{
    volatile struct weir_console_interface *c = port->start.console_page;
    uint32_t prod = weir_load_relaxed32(&c->out_prod);
    uint32_t used = prod - weir_load_acquire32(&c->out_cons);

    if (used + strlen(text) > WEIR_CONSOLE_OUT_SIZE)
        return -WEIR_EAGAIN;
    for (; *text; text++)
        c->out[prod++ % WEIR_CONSOLE_OUT_SIZE] = *text;
    weir_store_release32(&c->out_prod, prod);
    return port->ops->evtchn_notify(port, port->start.console_evtchn);
}

static int64_t read_console(struct puppet_answer *r)
{
    volatile struct weir_console_interface *c = port->start.console_page;
    uint32_t cons = weir_load_relaxed32(&c->in_cons);
    uint32_t prod = weir_load_acquire32(&c->in_prod);
    unsigned n = 0;

    while (cons != prod && n < sizeof(r->data) - 1)
        r->data[n++] = c->in[cons++ % WEIR_CONSOLE_IN_SIZE];
    weir_store_release32(&c->in_cons, cons);
    port->ops->evtchn_notify(port, port->start.console_evtchn);
    return n;
}

static int64_t raw(const struct puppet_order *o, struct puppet_answer *r)
{
    struct weir_process_msg m = {.op = (uint16_t)o->a,
                                 .count = (unsigned)o->c,
                                 .len = o->b,
                                 .want = o->d};
    int rc;

    memcpy(weir_process_args(process), o->data, o->b);
    rc = weir_process_call(process, &m);
    memcpy(r->data, weir_process_result(process), o->d);
    return rc;
}

static int64_t flood(uint64_t n)
{
    uint8_t buf[WEIR_HV_HEADER + 4] = {0};
    struct weir_hv_header h = {.op = WEIR_HV_EVTCHN_STATUS,
                               .size = sizeof(buf)};

    weir_hv_put_header(buf, &h);
    for (uint64_t i = 0; i < n; i++)
        if (send(3, buf, sizeof(buf), MSG_NOSIGNAL) < 0)
            return -errno;
    return 0;
}

/* weir-hv never finds the socket empty. */
static int64_t spin(uint64_t under_way)
{
    uint8_t reply[WEIR_HV_MSG_MAX];
    int64_t rc = flood(under_way);

    while (rc == 0 && recv(3, reply, sizeof(reply), 0) > 0)
        rc = flood(1);
    return rc;
}

static int64_t pages(const struct puppet_order *o, struct puppet_answer *r)
{
    void *p = NULL;
    int rc;

    if (o->op == PUPPET_FREE) {
        port->ops->free_pages(port, ptr(o->a), (unsigned)o->b);
        return 0;
    }
    rc = port->ops->alloc_pages(port, (unsigned)o->a, &p);
    r->v[0] = (uintptr_t)p;
    r->v[1] = rc ? 0 : port->ops->frame(port, p);
    return rc;
}

static int64_t keep(const struct puppet_order *o, struct puppet_answer *r)
{
    bool found = false;
    void *p = NULL;
    int rc;

    if (o->op == PUPPET_FORGET)
        return port->ops->forget_kept(port);
    rc = port->ops->keep(port, o->a, (unsigned)o->b, &p, &found);
    r->v[0] = (uintptr_t)p;
    r->v[1] = rc ? 0 : port->ops->frame(port, p);
    r->v[2] = found;
    return rc;
}

static int64_t events(const struct puppet_order *o, struct puppet_answer *r)
{
    evtchn_port_t local = (evtchn_port_t)o->a;
    int rc;

    switch (o->op) {
    case PUPPET_EVT_ALLOC:
        rc = port->ops->evtchn_alloc(port, (domid_t)o->a, &local);
        break;
    case PUPPET_EVT_BIND:
        rc = port->ops->evtchn_bind(port, (domid_t)o->a, (evtchn_port_t)o->b,
                                    &local);
        break;
    case PUPPET_EVT_CLOSE:
        return port->ops->evtchn_close(port, local);
    case PUPPET_EVT_NOTIFY:
        return port->ops->evtchn_notify(port, local);
    default:
        return port->ops->wait(port, &local, 1, o->b, &r->v[0]);
    }
    r->v[0] = local;
    return rc;
}

static int64_t start_info(struct puppet_answer *r)
{
    r->v[0] = (uintptr_t)port->start.store_page;
    r->v[1] = port->start.store_evtchn;
    r->v[2] = (uintptr_t)port->start.console_page;
    r->v[3] = port->start.console_evtchn;
    return port->start.domid;
}

static int64_t obey_other(const struct puppet_order *o, struct puppet_answer *r)
{
    volatile struct weir_grant_entry_v1 *e;
    uint32_t n;
    int rc;

    switch (o->op) {
    case PUPPET_EVT_ALLOC:
    case PUPPET_EVT_BIND:
    case PUPPET_EVT_CLOSE:
    case PUPPET_EVT_NOTIFY:
    case PUPPET_EVT_WAIT:
        return events(o, r);
    case PUPPET_KEEP:
    case PUPPET_FORGET:
        return keep(o, r);
    case PUPPET_GROW:
        rc = port->ops->grant_table(port, true, &e, &n);
        r->v[0] = n;
        return rc;
    case PUPPET_STATS:
        return weir_process_set_stats(process, ptr(o->a));
    case PUPPET_START:
        return start_info(r);
    case PUPPET_PRINT:
        return print(o->data);
    case PUPPET_READ:
        return read_console(r);
    case PUPPET_TIME:
        return time_maps(o, r);
    case PUPPET_RAW:
        return raw(o, r);
    case PUPPET_IO:
        return weir_process_io_query(process, (unsigned)o->a, o->b, o->c);
    case PUPPET_SPIN:
        return spin(o->a);
    case PUPPET_FLOOD:
        return flood(o->a);
    default:
        return -WEIR_ENOSYS;
    }
}

/* Memory and grants here, the rest above. */
static int64_t obey(const struct puppet_order *o, struct puppet_answer *r)
{
    switch (o->op) {
    case PUPPET_PING:
        return 0;
    case PUPPET_ALLOC:
    case PUPPET_FREE:
        return pages(o, r);
    case PUPPET_POKE:
        *(volatile uint64_t *)ptr(o->a) = o->b;
        return 0;
    case PUPPET_PEEK:
        r->v[0] = *(volatile uint64_t *)ptr(o->a);
        return 0;
    case PUPPET_GRANT:
        return grant(o);
    case PUPPET_END:
        return end_access(o);
    case PUPPET_FLAGS:
        r->v[0] = entry(o->a) ? *entry(o->a) & 0xffff : 0;
        return 0;
    case PUPPET_MAP:
        return map_one(o, r);
    case PUPPET_UNMAP:
        return unmap_one(o);
    case PUPPET_UNMAP_RAW:
        return unmap_raw(o);
    case PUPPET_DROP:
        return madvise(ptr(o->a), o->b * 4096, MADV_DONTNEED) < 0 ? -errno : 0;
    case PUPPET_MAPS:
        return map_many(o->a, o->b, o->c, r);
    case PUPPET_UNMAPS:
        return unmap_many(r);
    case PUPPET_COPY:
        return copy(o);
    default:
        return obey_other(o, r);
    }
}

int main(void)
{
    if (weir_process_open(WEIR_FD_HV, &process) < 0)
        return 1;
    port = weir_process_port(process);
    if (weir_process_seal(process, 0, 0, 0) < 0)
        return 1;
    for (;;) {
        struct puppet_order o;
        struct puppet_answer r = {0};

        if (recv(WEIR_FD_RESOURCE, &o, sizeof(o), 0) != sizeof(o))
            return 0;
        if (o.op == PUPPET_EXIT)
            return 0;
        r.rc = obey(&o, &r);
        if (send(WEIR_FD_RESOURCE, &r, sizeof(r), MSG_NOSIGNAL) < 0)
            return 0;
    }
}

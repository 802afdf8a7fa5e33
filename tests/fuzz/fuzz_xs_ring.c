/* SPDX-License-Identifier: MIT
 *
 * A hostile ring page, against weir-xenstored's end and the client's end.
 * Input: first byte says which; then records that change the page: a word
 * (0x80 | index, value), or bytes put into the ring the other side reads.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ring/error.h"
#include "xenbus/client.h"
#include "xenbus/server.h"

#define CHECK(c)                                                               \
    do {                                                                       \
        if (!(c))                                                              \
            abort();                                                           \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct machine {
    struct weir_port port;
    union {
        struct weir_xs_ring_page ring;
        uint8_t bytes[WEIR_PAGE_SIZE];
    } page;
    const uint8_t *data;
    size_t size;
    uint64_t now;
    int fd;
};

static struct machine *of(struct weir_port *p)
{
    return (struct machine *)(void *)p;
}

/* The next record; false at the end. */
static bool mutate(struct machine *m, bool server)
{
    struct weir_xs_ring_page *r = &m->page.ring;
    uint32_t *words = &r->req_cons,
             *prod = server ? &r->req_prod : &r->rsp_prod;
    char *ring = server ? r->req : r->rsp;
    size_t n;

    if (m->size < 6)
        return false;
    n = m->data[0] & 0x7f;
    if (m->data[0] & 0x80) {
        memcpy(&words[n % 7], m->data + 1, 4);
        n = 4;
    } else {
        n = n < m->size - 1 ? n : m->size - 1;
        for (size_t i = 0; i < n; i++)
            ring[(*prod)++ % WEIR_XS_RING_SIZE] = (char)m->data[1 + i];
    }
    m->data += 1 + n;
    m->size -= 1 + n;
    return true;
}

static int do_map(struct weir_port *p, struct weir_map_op *op, unsigned n)
{
    CHECK(n == 1 && op->ref == 1);
    op->addr = of(p)->page.bytes;
    op->status = 0;
    return 0;
}

static int do_unmap(struct weir_port *p, struct weir_unmap_op *op, unsigned n)
{
    CHECK(op->addr == of(p)->page.bytes && n == 1);
    return 0;
}

static int do_bind(struct weir_port *p, domid_t d, evtchn_port_t r,
                   evtchn_port_t *local)
{
    (void)p;
    (void)d;
    *local = r;
    return 0;
}

static int do_port(struct weir_port *p, evtchn_port_t local)
{
    (void)p;
    (void)local;
    return 0;
}

static int do_fd(struct weir_port *p, evtchn_port_t local)
{
    (void)local;
    return of(p)->fd;
}

static void do_clear(struct weir_port *p, evtchn_port_t local)
{
    (void)p;
    (void)local;
}

static uint64_t do_now(struct weir_port *p)
{
    return of(p)->now += 1000;
}

static int do_wait(struct weir_port *p, const evtchn_port_t *ports, unsigned n,
                   uint64_t timeout_ns, uint64_t *pending)
{
    (void)ports;
    (void)n;
    *pending = 1;
    if (!mutate(of(p), false))
        of(p)->now += timeout_ns;
    return 0;
}

static const struct weir_port_ops ops = {
    .map = do_map,
    .unmap = do_unmap,
    .evtchn_bind = do_bind,
    .evtchn_close = do_port,
    .evtchn_notify = do_port,
    .evtchn_fd = do_fd,
    .evtchn_clear = do_clear,
    .now_ns = do_now,
    .wait = do_wait,
};

static void as_server(struct machine *m)
{
    struct weir_xsd *x = calloc(1, sizeof(*x));
    int listener = eventfd(0, 0);
    char line[200];

    x->port = &m->port;
    m->fd = eventfd(0, EFD_NONBLOCK);
    CHECK(!weir_xsd_init(x, listener));
    CHECK(!weir_xsd_introduce(x, 5, 1));
    CHECK(!weir_xsd_turn(x, 0));
    while (mutate(m, true)) {
        weir_xsd_service(x->peers);
        if (x->peers->broken)
            m->page.ring.connection = WEIR_XS_RECONNECT;
    }
    CHECK(!weir_store_check(x->store, line, sizeof(line)));
    weir_xsd_fini(x);
    free(x);
    close(listener);
    close(m->fd);
}

static void as_client(struct machine *m)
{
    struct weir_xs *xs = malloc(sizeof(*xs));
    struct weir_xs_event ev;
    char buf[512];
    int r;

    m->port.start.store_page = m->page.bytes;
    if (!weir_xs_open_ring(xs, &m->port)) {
        for (int i = 0; i < 8; i++) {
            r = weir_xs_read(xs, 0, "a", buf, sizeof(buf));
            CHECK(r < (int)sizeof(buf) && (r < 0 || !buf[r]));
            r = weir_xs_ls(xs, 0, "a", buf, sizeof(buf));
            CHECK(r <= (int)sizeof(buf) && (r <= 0 || !buf[r - 1]));
            r = weir_xs_next_event(xs, &ev);
            CHECK(r != 1 || (memchr(ev.path, 0, sizeof(ev.path)) &&
                             memchr(ev.token, 0, sizeof(ev.token))));
        }
    }
    free(xs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct machine m;

    if (!size)
        return 0;
    memset(&m, 0, sizeof(m));
    m.port.ops = &ops;
    m.data = data + 1;
    m.size = size - 1;
    if (data[0] & 1)
        as_server(&m);
    else
        as_client(&m);
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * A domain that talks over its ring page, byte by byte, and compares what it
 * is answered with a registry that does not die.
 */
#include <string.h>
#include <unistd.h>

#include "ring/barrier.h"
#include "tests/unit/xs_crash.h"

#define KEYS "/local/domain/5/k"

/* ---- requests ---- */

static void request(struct xc_guest *g, uint32_t type, const void *p,
                    size_t len)
{
    struct xc_request *q = &g->q[(g->head + g->n++) % XC_DEEP];
    struct weir_xs_header h = {.type = type, .len = (uint32_t)len};

    h.req_id = q->id = ++g->next_id;
    h.tx_id = q->tx = g->tx.id;
    q->died = false;
    q->len = WEIR_XS_HDR_SIZE + len;
    weir_xs_hdr_put(q->msg, &h);
    memcpy(q->msg + WEIR_XS_HDR_SIZE, p, len);
    memcpy(g->out + g->out_len, q->msg, q->len);
    g->out_len += q->len;
}

static void request_path(struct xc_guest *g, uint32_t type, const char *path)
{
    request(g, type, path, strlen(path) + 1);
}

static void write_key(struct xc_guest *g, const char *path, size_t len)
{
    char p[2600];
    size_t n = (size_t)snprintf(p, sizeof(p), "%s", path) + 1;
    int digits = snprintf(p + n, sizeof(p) - n, "v%u", g->next_id);

    if (len > (size_t)digits)
        memset(p + n + digits, 'a' + (char)(g->next_id % 26),
               len - (size_t)digits);
    else
        len = (size_t)digits;
    request(g, WEIR_XS_WRITE, p, n + len);
}

static void watch(struct xc_guest *g, uint32_t type, const char *path)
{
    char p[64];
    size_t n = (size_t)snprintf(p, sizeof(p), "%s", path) + 1;

    n += (size_t)snprintf(p + n, sizeof(p) - n, "t") + 1;
    request(g, type, p, n);
}

/* In the transaction, or outside one. */
static void one_of_many(struct xc_guest *g, uint32_t what)
{
    char k[32], d[32], w[16], perms[48];
    uint32_t i = xc_random(g->x, XC_KEYS);
    int n;

    snprintf(k, sizeof(k), "k/%u", i);
    snprintf(d, sizeof(d), "d/%u/%u", i % 3, i);
    snprintf(w, sizeof(w), "w%u", i);
    switch (what) {
    case 0:
    case 1:
    case 2:
        write_key(g, k, 0);
        return;
    case 3:
        write_key(g, "big", 1100 + xc_random(g->x, 800));
        return;
    case 4:
        request_path(g, WEIR_XS_READ, "big");
        return;
    case 5:
        request_path(g, WEIR_XS_READ, k);
        return;
    case 6:
        request_path(g, WEIR_XS_DIRECTORY, "many");
        return;
    case 7:
        request_path(g, WEIR_XS_MKDIR, d);
        return;
    case 8:
        request_path(g, WEIR_XS_RM, i & 1 ? d : "d/1");
        return;
    case 9:
        request_path(g, WEIR_XS_RM, k);
        return;
    case 10:
        n = snprintf(perms, sizeof(perms), "k/%u%cn5%cr6", i, 0, 0);
        request(g, WEIR_XS_SET_PERMS, perms, (size_t)n + 1);
        return;
    case 11:
        request_path(g, WEIR_XS_GET_PERMS, k);
        return;
    case 12:
        watch(g, WEIR_XS_WATCH, w);
        return;
    case 13:
        watch(g, WEIR_XS_UNWATCH, w);
        return;
    case 14:
        request_path(g, WEIR_XS_DIRECTORY, "d/1");
        return;
    default:
        request(g, WEIR_XS_RESET_WATCHES, "", 1);
    }
}

static void work(struct xc_guest *g)
{
    uint32_t what = g->want ? g->want - 1 : xc_random(g->x, 100);

    if ((g->tx.id || what < 11) && (g->n || g->in_len)) {
        g->want = what + 1; /* alone */
        return;
    }
    g->want = 0;
    if (g->tx.id && what < 70) {
        one_of_many(g, xc_random(g->x, 12));
    } else if (g->tx.id) {
        request_path(g, WEIR_XS_TRANSACTION_END, what < 90 ? "T" : "F");
    } else if (what < 8) {
        request(g, WEIR_XS_TRANSACTION_START, "", 1);
    } else if (what < 11) {
        struct weir_xs_ring_page *page = g->port->start.store_page;

        weir_store_reset(g->ref);
        g->reconnecting = true;
        weir_store_release32(&page->connection, WEIR_XS_RECONNECT);
    } else {
        one_of_many(g, what < 13 ? 15 : xc_random(g->x, 15));
    }
    g->left -= g->left != 0;
}

static void look(struct xc_guest *g)
{
    char path[32];

    for (unsigned i = 0; i < XC_KEYS && g->n < XC_DEEP; i++)
        if (g->stale & 1u << i) {
            g->stale &= ~(1u << i);
            snprintf(path, sizeof(path), KEYS "/%u", i);
            request_path(g, WEIR_XS_READ, path);
        }
    if (!g->left || g->n >= XC_DEEP || xc_random(g->x, 8))
        return;
    watch(g, xc_random(g->x, 2) ? WEIR_XS_WATCH : WEIR_XS_UNWATCH, "more");
    g->left--;
}

/* ---- answers ---- */

static uint32_t number(const uint8_t *p)
{
    return (uint32_t)strtoul((const char *)p, NULL, 10);
}

static bool is_error(const struct xc_answer *a, const char *name)
{
    return a->h.type == WEIR_XS_ERROR && !strcmp((const char *)a->p, name);
}

static void same(const struct xc_answer *a, const struct xc_answer *b,
                 uint32_t type)
{
    XC_CHECK(a->h.type == b->h.type && a->h.len == b->h.len &&
                 !memcmp(a->p, b->p, a->h.len),
             "%s: answered type %u, %u bytes '%.40s', expected %u, %u, '%.40s'",
             weir_xs_type_name(type), a->h.type, a->h.len, (const char *)a->p,
             b->h.type, b->h.len, (const char *)b->p);
}

static void tx_started(struct xc_guest *g, const struct xc_request *q,
                       const struct xc_answer *a)
{
    struct xc_answer b;

    xc_ref_run(g, q, 0, &b);
    XC_CHECK(a->h.type == WEIR_XS_TRANSACTION_START, "start: '%.40s'",
             (const char *)a->p);
    g->tx = (struct xc_tx){number(a->p), number(b.p), false, q->died};
    XC_CHECK(g->tx.id && g->tx.ref, "no transaction");
}

static void tx_ended(struct xc_guest *g, struct xc_request *q,
                     const struct xc_answer *a)
{
    bool again = is_error(a, "EAGAIN"), t = q->msg[WEIR_XS_HDR_SIZE] == 'T';
    struct xc_answer b;

    if (t && g->tx.doomed)
        XC_CHECK(again, "a transaction over a death ended: '%.40s'",
                 (const char *)a->p);
    if (t && again && (g->tx.doomed || g->tx.maybe || q->died))
        q->msg[WEIR_XS_HDR_SIZE] = 'F'; /* for the reference */
    xc_ref_run(g, q, g->tx.ref, &b);
    if (q->msg[WEIR_XS_HDR_SIZE] == 'T' || !t)
        same(a, &b, WEIR_XS_TRANSACTION_END);
    g->tx = (struct xc_tx){0};
}

static void learn(struct xc_guest *g, const struct xc_request *q,
                  const struct xc_answer *a)
{
    const char *path = (const char *)q->msg + WEIR_XS_HDR_SIZE;
    unsigned key = number((const uint8_t *)path + strlen(KEYS "/"));

    XC_CHECK(a->h.type == WEIR_XS_READ || is_error(a, "ENOENT"), "%s: '%.40s'",
             path, (const char *)a->p);
    g->known_set[key] = a->h.type == WEIR_XS_READ;
    snprintf(g->known[key], sizeof(g->known[key]), "%.*s", (int)a->h.len,
             (const char *)a->p);
}

static void reply(struct xc_guest *g, const struct xc_answer *a)
{
    struct xc_request *q = &g->q[g->head];
    struct weir_xs_header h;
    struct xc_answer b;

    weir_xs_hdr_get(&h, q->msg);
    XC_CHECK(g->n, "an answer to nothing: type %u, id %u", a->h.type,
             a->h.req_id);
    XC_CHECK(a->h.req_id == q->id && a->h.tx_id == q->tx,
             "answer %u, expected %u", a->h.req_id, q->id);
    g->head = (g->head + 1) % XC_DEEP;
    g->n--;
    if (h.type == WEIR_XS_TRANSACTION_START)
        tx_started(g, q, a);
    else if (h.type == WEIR_XS_TRANSACTION_END)
        tx_ended(g, q, a);
    else if (g->watcher && h.type == WEIR_XS_READ)
        learn(g, q, a);
    else {
        xc_ref_run(g, q, q->tx ? g->tx.ref : 0, &b);
        if (!(q->tx && g->tx.doomed))
            same(a, &b, h.type);
    }
}

static void event(struct xc_guest *g, const struct xc_answer *a)
{
    const char *path = (const char *)a->p, *token = path + strlen(path) + 1;

    XC_CHECK(a->h.req_id == 0 && !strcmp(token, "t"), "event '%.40s' '%.10s'",
             path, token);
    g->events++;
    if (!g->watcher || strncmp(path, KEYS, strlen(KEYS)))
        return;
    if (path[strlen(KEYS)] == '/')
        g->stale |= 1u << number(a->p + strlen(KEYS "/"));
    else
        g->stale |= (1u << XC_KEYS) - 1;
}

static void take(struct xc_guest *g)
{
    static struct xc_answer a;

    while (g->in_len >= WEIR_XS_HDR_SIZE) {
        size_t whole;

        XC_CHECK(!weir_xs_hdr_get(&a.h, g->in), "bad header");
        whole = WEIR_XS_HDR_SIZE + a.h.len;
        if (g->in_len < whole)
            return;
        memset(a.p, 0, sizeof(a.p));
        memcpy(a.p, g->in + WEIR_XS_HDR_SIZE, a.h.len);
        g->in_len -= whole;
        memmove(g->in, g->in + whole, g->in_len);
        if (a.h.type == WEIR_XS_WATCH_EVENT)
            event(g, &a);
        else
            reply(g, &a);
    }
}

/* ---- bytes ---- */

static bool move(struct xc_guest *g)
{
    struct weir_xs_ring_page *page = g->port->start.store_page;
    uint32_t room, have, n = 0;

    room = WEIR_XS_RING_SIZE -
           (page->req_prod - weir_load_acquire32(&page->req_cons));
    XC_CHECK(room <= WEIR_XS_RING_SIZE, "req_cons runs ahead");
    if (g->out_len && room)
        n = 1 +
            xc_random(g->x, g->out_len < room ? (uint32_t)g->out_len : room);
    if (n > room || n > g->out_len)
        n--;
    for (uint32_t i = 0; i < n; i++)
        page->req[(page->req_prod + i) % WEIR_XS_RING_SIZE] = (char)g->out[i];
    weir_store_release32(&page->req_prod, page->req_prod + n);
    g->out_len -= n;
    memmove(g->out, g->out + n, g->out_len);
    have = weir_load_acquire32(&page->rsp_prod) - page->rsp_cons;
    XC_CHECK(have <= WEIR_XS_RING_SIZE, "rsp_prod runs ahead");
    if (have > 1)
        have = 1 + xc_random(g->x, have);
    for (uint32_t i = 0; i < have; i++)
        g->in[g->in_len++] =
            (uint8_t)page->rsp[(page->rsp_cons + i) % WEIR_XS_RING_SIZE];
    weir_store_release32(&page->rsp_cons, page->rsp_cons + have);
    return n || have;
}

bool xc_guest_step(struct xc_guest *g)
{
    struct weir_xs_ring_page *page = g->port->start.store_page;
    bool moved;

    if (g->reconnecting) {
        moved = weir_load_acquire32(&page->connection) == WEIR_XS_CONNECTED;
        g->reconnecting = !moved;
    } else {
        if (g->watcher)
            look(g);
        else if ((g->left || g->tx.id) && g->n < XC_DEEP &&
                 !(g->n && g->q[(g->head + g->n - 1) % XC_DEEP].msg[0] ==
                               WEIR_XS_TRANSACTION_START))
            work(g);
        moved = move(g);
        take(g);
    }
    g->port->ops->evtchn_notify(g->port, g->evtchn);
    return moved;
}

bool xc_guest_idle(const struct xc_guest *g)
{
    return !g->left && !g->n && !g->in_len && !g->stale && !g->reconnecting &&
           !g->tx.id;
}

void xc_guest_died(struct xc_guest *g)
{
    bool ending = false;

    for (unsigned i = 0; i < g->n; i++) {
        struct xc_request *q = &g->q[(g->head + i) % XC_DEEP];

        q->died = true;
        ending = q->msg[0] == WEIR_XS_TRANSACTION_END;
    }
    if (g->tx.id && !ending)
        g->tx.doomed = true;
}

void xc_guest_init(struct xc *x, struct xc_guest *g, domid_t domid)
{
    memset(g, 0, sizeof(*g));
    g->x = x;
    g->domid = domid;
    g->left = x->c->steps;
    g->watcher = domid == 6;
    g->port = weir_fake_domain_add(x->m, domid, 0);
    XC_CHECK(!weir_fake_store_pair(g->port, x->store, &g->frame, &g->evtchn),
             "no ring");
    g->ref = weir_store_connect(x->ref, domid, NULL);
    if (g->watcher)
        watch(g, WEIR_XS_WATCH, KEYS);
}

void xc_guest_check(struct xc_guest *g)
{
    char path[32];

    for (unsigned i = 0; g->watcher && i < XC_KEYS; i++) {
        const struct weir_node *n;

        snprintf(path, sizeof(path), KEYS "/%u", i);
        n = weir_tree_find(g->x->ref->top, path);
        XC_CHECK(!n == !g->known_set[i] &&
                     (!n || (n->value_len == strlen(g->known[i]) &&
                             !memcmp(n->value, g->known[i], n->value_len))),
                 "%s: the watcher was not told", path);
    }
}

/* SPDX-License-Identifier: MIT
 *
 * xs_crash.h: the machine, the server and its successors, a case's process.
 */
#include "tests/unit/xs_crash.h"

#include <setjmp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring/crash_point.h"
#include "xenbus/journal.h"

#define IDLE 2000 /* rounds in which nothing moves: something was lost */

static jmp_buf death;
static bool armed;
static uint64_t left, *passed;
static struct xc *the;

void weir_crash_point(void)
{
    if (!armed)
        return;
    ++*passed;
    if (left && --left == 0) {
        armed = false;
        longjmp(death, 1);
    }
}

uint32_t xc_random(struct xc *x, uint32_t below)
{
    x->random = x->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(x->random >> 33) % (below ? below : 1);
}

/* ---- the server ---- */

static int nothing(struct weir_xsd_peer *p, bool *more)
{
    (void)p;
    (void)more;
    return 0;
}

static bool never(struct weir_xsd_peer *p)
{
    (void)p;
    return false;
}

static const struct weir_xsd_peer_ops admin_ops = {
    .fill = nothing,
    .flush = nothing,
    .wake = never,
};

static void start(struct xc *x)
{
    struct weir_xsd_peer *p;

    x->xsd = calloc(1, sizeof(*x->xsd));
    x->xsd->port = x->store;
    XC_CHECK(!weir_xsd_init(x->xsd, eventfd(0, 0)), "no server");
    XC_CHECK(!weir_xsd_journal(x->xsd), "the journal is not taken");
    p = weir_xsd_peer_new(x->xsd, 0, &admin_ops);
    x->admin = p->conn;
}

static void died(struct xc *x)
{
    x->deaths++;
    /* The domains go on meanwhile: what they were shown, they have seen. */
    for (unsigned n = xc_random(x, 6); n; n--)
        xc_guest_step(&x->g[xc_random(x, XC_GUESTS)]);
    for (unsigned i = 0; i < XC_GUESTS; i++)
        xc_guest_died(&x->g[i]);
    close(x->xsd->epoll);
    close(x->xsd->listener);
    if (x->c->every)
        left = 1 + xc_random(x, (uint32_t)x->c->every);
}

/* Until one lives: they may die while they take over.  Nothing of this frame
 * is relied on behind a longjmp. */
static __attribute__((noinline)) void succeed(void)
{
    do {
        died(the);
        weir_fake_domain_revive(the->store);
        armed = true;
    } while (setjmp(death) != 0);
    start(the);
    armed = false;
}

static __attribute__((noinline)) void turn(void)
{
    if (setjmp(death) == 0) {
        armed = true;
        XC_CHECK(!weir_xsd_turn(the->xsd, 0), "turn");
        armed = false;
    } else {
        succeed();
    }
}

static __attribute__((noinline)) int admin_once(struct xc *x, uint32_t type,
                                                const void *p, size_t len)
{
    static uint8_t out[1u << 16];
    struct weir_xs_header h = {.type = type, .req_id = 1, .len = (uint32_t)len};
    uint8_t *to = NULL;
    void *at = NULL;

    weir_store_space(x->admin, &at);
    to = at;
    weir_xs_hdr_put(to, &h);
    memcpy(to + WEIR_XS_HDR_SIZE, p, len);
    weir_store_fed(x->admin, WEIR_XS_HDR_SIZE + len);
    XC_CHECK(weir_store_run(x->admin, 1) == 1, "admin");
    len = weir_store_peek(x->admin, out, sizeof(out));
    weir_store_sent(x->admin, len);
    weir_xs_hdr_get(&h, out);
    return h.type == WEIR_XS_ERROR
               ? weir_xs_error_code((char *)out + WEIR_XS_HDR_SIZE, h.len)
               : 0;
}

static struct {
    uint32_t type;
    const void *p;
    size_t len;
} ask;

__attribute__((noinline)) int xc_admin(struct xc *x, uint32_t type,
                                       const void *p, size_t len)
{
    int r;

    (void)x;
    ask.type = type;
    ask.p = p;
    ask.len = len;
    while (setjmp(death) != 0)
        succeed();
    armed = true;
    r = admin_once(the, ask.type, ask.p, ask.len);
    armed = false;
    return r;
}

/* ---- the registry that does not die ---- */

void xc_ref_run(struct xc_guest *g, const struct xc_request *q, uint32_t tx,
                struct xc_answer *a)
{
    static uint8_t out[1u << 20];
    size_t len, at = 0;
    struct weir_xs_header h;
    void *to = NULL;

    XC_CHECK(weir_store_space(g->ref, &to) >= q->len, "no room");
    memcpy(to, q->msg, q->len);
    weir_xs_hdr_get(&h, q->msg);
    h.tx_id = tx;
    weir_xs_hdr_put(to, &h);
    weir_store_fed(g->ref, q->len);
    XC_CHECK(weir_store_run(g->ref, 1) == 1, "not handled");
    len = weir_store_peek(g->ref, out, sizeof(out));
    weir_store_sent(g->ref, len);
    for (memset(a, 0, sizeof(*a)); at < len; at += WEIR_XS_HDR_SIZE + h.len) {
        weir_xs_hdr_get(&h, out + at);
        if (h.type == WEIR_XS_WATCH_EVENT)
            continue;
        a->h = h;
        memcpy(a->p, out + at + WEIR_XS_HDR_SIZE, h.len);
        return;
    }
    XC_CHECK(false, "no answer of the reference");
}

/* ---- a case ---- */

/* In both registries. */
static void both(struct xc *x, uint32_t type, const char *p, size_t len)
{
    struct weir_store_conn *c = weir_store_connect(x->ref, 0, NULL);
    struct weir_xs_header h = {.type = type, .len = (uint32_t)len};
    void *at = NULL;

    xc_admin(x, type, p, len);
    weir_store_space(c, &at);
    weir_xs_hdr_put(at, &h);
    memcpy((uint8_t *)at + WEIR_XS_HDR_SIZE, p, len);
    weir_store_fed(c, WEIR_XS_HDR_SIZE + len);
    weir_store_run(c, 1);
    weir_store_disconnect(c);
}

#define BOTH(x, type, s) both(x, type, s, sizeof(s) - 1)

static void introduce(struct xc *x, domid_t domid, mfn_t frame,
                      evtchn_port_t port)
{
    char p[64];
    int n = snprintf(p, sizeof(p), "%u%c%llu%c%u", domid, 0,
                     (unsigned long long)frame, 0, port);

    both(x, WEIR_XS_INTRODUCE, p, (size_t)n + 1);
}

static void lay_out(struct xc *x)
{
    char p[64];

    BOTH(x, WEIR_XS_MKDIR, "/local/domain/5\0");
    BOTH(x, WEIR_XS_SET_PERMS, "/local/domain/5\0n5\0r6\0");
    BOTH(x, WEIR_XS_MKDIR, "/local/domain/6\0");
    BOTH(x, WEIR_XS_SET_PERMS, "/local/domain/6\0n6\0");
    BOTH(x, WEIR_XS_MKDIR, "/local/domain/5/k\0");
    BOTH(x, WEIR_XS_SET_PERMS, "/local/domain/5/k\0n5\0r6\0");
    for (unsigned i = 0; i < 150; i++) {
        int n = snprintf(p, sizeof(p), "/local/domain/5/many/child-%u", i);

        both(x, WEIR_XS_MKDIR, p, (size_t)n + 1);
    }
    for (unsigned i = 0; i < XC_GUESTS; i++)
        introduce(x, x->g[i].domid, x->g[i].frame, x->g[i].evtchn);
}

/* A third domain comes, is given nodes, and goes. */
static void third(struct xc *x)
{
    uint32_t what = xc_random(x, 4);

    if (what == 0) {
        introduce(x, 7, x->third_frame, x->third_evtchn);
    } else if (what == 1) {
        BOTH(x, WEIR_XS_WRITE, "/local/domain/7/a/b\0value");
        BOTH(x, WEIR_XS_SET_PERMS, "/local/domain/7/a\0n7\0");
    } else if (what == 2) {
        BOTH(x, WEIR_XS_SET_TARGET,
             "5\0"
             "7\0");
        BOTH(x, WEIR_XS_SET_QUOTA,
             "7\0nodes\0"
             "77\0");
    } else {
        BOTH(x, WEIR_XS_RELEASE, "7\0");
    }
}

static void equal(const struct weir_node *a, const struct weir_node *b)
{
    XC_CHECK(a->name_len == b->name_len &&
                 !memcmp(a->name, b->name, a->name_len) &&
                 a->value_len == b->value_len &&
                 (!a->value_len || !memcmp(a->value, b->value, a->value_len)) &&
                 a->nperms == b->nperms && a->nchildren == b->nchildren,
             "node '%s' (%u bytes, %u permissions, %u children), expected '%s' "
             "(%u, %u, %u)",
             a->name, a->value_len, a->nperms, a->nchildren, b->name,
             b->value_len, b->nperms, b->nchildren);
    for (unsigned i = 0; i < a->nperms; i++)
        XC_CHECK(a->perms[i].domid == b->perms[i].domid &&
                     a->perms[i].mask == b->perms[i].mask,
                 "permissions of '%s'", a->name);
    for (uint32_t i = 0; i < a->nchildren; i++)
        equal(a->children[i], b->children[i]);
}

static void check(struct xc *x)
{
    struct weir_store *s = x->xsd->store;
    char line[200] = "";
    struct xs_domain *d = NULL;

    XC_CHECK(!weir_store_check(s, line, sizeof(line)), "%s", line);
    equal(s->top, x->ref->top);
    while ((d = xs_domain_next(x->ref, d))) {
        const struct xs_domain *e = xs_domain_find(s, d->domid);

        XC_CHECK(e && e->introduced == d->introduced &&
                     e->configured == d->configured && e->target == d->target &&
                     e->nodes == d->nodes && e->watches == d->watches &&
                     e->transactions == d->transactions &&
                     e->quota[0] == d->quota[0],
                 "domain %u: %u nodes, %u watches, expected %u, %u", d->domid,
                 e ? e->nodes : 0, e ? e->watches : 0, d->nodes, d->watches);
    }
}

static void write_big(struct xc *x, unsigned i)
{
    char p[2100];
    int n = snprintf(p, sizeof(p), "/big/%u", i);

    memset(p + n + 1, 'a' + (char)(i % 26), 2000);
    both(x, WEIR_XS_WRITE, p, (size_t)n + 1 + 2000);
}

static void talk(struct xc *x)
{
    unsigned idle = 0, big = 0;

    for (;;) {
        bool moved = false, busy = false;

        for (unsigned i = 0; i < XC_GUESTS; i++) {
            moved |= xc_guest_step(&x->g[i]);
            busy |= !xc_guest_idle(&x->g[i]);
        }
        if (xc_random(x, 10) == 0 && busy)
            third(x);
        if (big < x->c->big)
            write_big(x, big++);
        turn();
        idle = moved ? 0 : idle + 1;
        if (!busy && idle > 20 && big == x->c->big)
            return;
        XC_CHECK(idle < IDLE, "something was lost: %u and %u wait", x->g[0].n,
                 x->g[1].n);
    }
}

static void run(const struct xc_case *c)
{
    struct xc *x = calloc(1, sizeof(*x));
    static const struct weir_store_ops no_ops;

    the = x;
    x->c = c;
    x->random = c->seed * 77u + 5;
    x->m = weir_fake_machine_new(8192);
    x->store = weir_fake_domain_add(x->m, 1, 0);
    x->third = weir_fake_domain_add(x->m, 7, 0);
    weir_fake_store_pair(x->third, x->store, &x->third_frame, &x->third_evtchn);
    XC_CHECK(!weir_store_new(&no_ops, NULL, &x->ref), "no reference");
    for (unsigned i = 0; i < XC_GUESTS; i++)
        xc_guest_init(x, &x->g[i], (domid_t)(5 + i));
    left = 0;
    start(x);
    lay_out(x);
    left = c->first;
    *passed = 0;
    talk(x);
    left = 0;
    check(x);
    for (unsigned i = 0; i < XC_GUESTS; i++)
        xc_guest_check(&x->g[i]);
    XC_CHECK(c->dry || x->deaths, "nothing died");
    XC_CHECK(!c->big || x->xsd->store->journal->pages > XS_J_PAGES,
             "the journal did not grow");
    XC_CHECK(weir_fake_pages(x->store) == 1 + 2 * x->xsd->store->journal->pages,
             "%u pages are kept", weir_fake_pages(x->store));
}

int xc_run(const struct xc_case *c, uint64_t *points)
{
    int status = 0;
    pid_t pid;

    if (!passed)
        passed = mmap(NULL, sizeof(*passed), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        alarm(60);
        run(c);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    if (points)
        *points = *passed;
    return status;
}

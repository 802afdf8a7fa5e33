/* SPDX-License-Identifier: MIT
 *
 * A guest kernel that tests what it runs on: the command line's first word is
 * one case of the table at the end.  "passed" on the console and power-off, or
 * "failed: why" and a crash; the faults crash by themselves.
 */
#include "frontends/common/text.h"
#include "frontends/guest/guest.h"
#include "frontends/guest/level0.h"
#include "frontends/guest/runtime.h"
#include "ring/error.h"
#include "ring/grant.h"

#define MS UINT64_C(1000000)

static struct weir_gnttab gnttab;

static int fail(struct weir_guest *g, const char *why, uint64_t v)
{
    weir_guest_print(g, "failed: ");
    weir_guest_print(g, why);
    weir_guest_print(g, " ");
    weir_guest_print_u64(g, v);
    weir_guest_print(g, "\n");
    return 1;
}

/* ---- faults ---- */

static int read_null(struct weir_guest *g)
{
    volatile uint32_t *p = NULL;

    __asm__("" : "+r"(p));
    return fail(g, "read", p[2]);
}

static int write_text(struct weir_guest *g)
{
    *(volatile char *)(weir_guest_text + 64) = 1;
    return fail(g, "text can be written", 0);
}

static int run_data(struct weir_guest *g)
{
    static uint8_t code[16] = {0xc3}; /* ret */
    void (*f)(void);

    __asm__("" : "=r"(f) : "0"(code));
    f();
    return fail(g, "data can be executed", 0);
}

__attribute__((noinline)) static unsigned deep(volatile char *above)
{
    volatile char here[512];

    here[0] = above[0];
    /* Not always, or so the compiler is to think. */
    return here[0] == 99 ? 1 : deep(here) + (unsigned)here[0];
}

static int overrun_stack(struct weir_guest *g)
{
    volatile char top[1] = {0};

    return fail(g, "the stack has no end", deep(top));
}

static int bad_instruction(struct weir_guest *g)
{
    (void)g;
    __asm__ volatile("ud2");
    return 0;
}

static int stray_int3(struct weir_guest *g)
{
    __asm__ volatile("xor %%r9d, %%r9d; int3" ::: "r9", "memory");
    return fail(g, "int3 went through the gate", 0);
}

static int port_io(struct weir_guest *g)
{
    __asm__ volatile("out %%al, $0xe9" : : "a"('x'));
    return fail(g, "level 3 may do I/O", 0);
}

static int level0_fault(struct weir_guest *g)
{
    weir_guest_level0(16, 0, 0, 0, 0, 0); /* a function in the first page */
    return fail(g, "level 0 runs the first page", 0);
}

static int give_error(struct weir_guest *g)
{
    (void)g;
    return -WEIR_EIO;
}

/* ---- services ---- */

static int memory(struct weir_guest *g)
{
    uint64_t pages = 0, again = 0;
    uint64_t **list = NULL, **p;

    while ((p = weir_guest_pages(g, 1)) != NULL) {
        for (unsigned i = 0; i < WEIR_PAGE_SIZE / 8; i++)
            if (p[i] != NULL)
                return fail(g, "page not zeroed", (uintptr_t)p);
        p[0] = (uint64_t *)list;
        p[1] = (uint64_t *)p; /* nobody else writes here */
        list = p;
        pages++;
    }
    while ((p = list) != NULL) {
        if (p[1] != (uint64_t *)p)
            return fail(g, "page given twice", (uintptr_t)p);
        list = (uint64_t **)p[0];
        weir_guest_pages_free(g, p, 1);
        again++;
    }
    weir_guest_print(g, "pages ");
    weir_guest_print_u64(g, pages);
    weir_guest_print(g, " of ");
    weir_guest_print_u64(g, g->ram_bytes / WEIR_PAGE_SIZE);
    weir_guest_print(g, "\n");
    if (pages != again || pages * WEIR_PAGE_SIZE + (8u << 20) < g->ram_bytes)
        return fail(g, "too little memory", pages);
    return 0;
}

static int clock(struct weir_guest *g)
{
    const struct weir_port_ops *ops = g->port->ops;
    uint64_t start = ops->now_ns(g->port), last = start, now = start, pending;
    evtchn_port_t port;

    /* Where reading the counter leaves the guest, these are not many. */
    while (now - start < 200 * MS) {
        now = ops->now_ns(g->port);
        if (now < last)
            return fail(g, "the clock went back by", last - now);
        last = now;
    }
    if (ops->evtchn_alloc(g->port, g->port->start.domid, &port) != 0)
        return fail(g, "no port", 0);
    for (unsigned ms = 1; ms <= 32; ms *= 2) {
        last = ops->now_ns(g->port);
        if (ops->wait(g->port, &port, 1, ms * MS, &pending) != 0 || pending)
            return fail(g, "wait", pending);
        now = ops->now_ns(g->port) - last;
        if (now < ms * MS || now > ms * MS + 500 * MS)
            return fail(g, "waited ns", now);
    }
    weir_guest_print(g, "unix time ");
    weir_guest_print_u64(g, weir_guest_unix_time(g));
    weir_guest_print(g, "\n");
    return 0;
}

/* Both ends of a channel are ours. */
static int events(struct weir_guest *g)
{
    const struct weir_port_ops *ops = g->port->ops;
    evtchn_port_t p[2];
    uint64_t pending;

    if (ops->evtchn_alloc(g->port, g->port->start.domid, &p[0]) != 0 ||
        ops->evtchn_bind(g->port, g->port->start.domid, p[0], &p[1]) != 0)
        return fail(g, "no channel to ourselves", 0);
    /* The new one starts pending, and Xen tells the other end too. */
    if (ops->wait(g->port, p, 2, MS, &pending) != 0 || !(pending & 2))
        return fail(g, "not pending after bind", pending);
    for (unsigned i = 0; i < 100; i++) {
        unsigned to = i % 2;

        if (ops->evtchn_notify(g->port, p[!to]) != 0 ||
            ops->wait(g->port, p, 2, 1000 * MS, &pending) != 0 ||
            pending != UINT64_C(1) << to)
            return fail(g, "event", i);
    }
    if (ops->wait(g->port, p, 2, 0, &pending) != 0 || pending != 0)
        return fail(g, "pending for nothing", pending);
    if (ops->evtchn_close(g->port, p[1]) != 0 ||
        ops->evtchn_notify(g->port, p[1]) == 0)
        return fail(g, "a closed port sends", 0);
    return 0;
}

/* Pages granted to ourselves, copied and mapped beside the originals.  (Xen
 * takes a page away from where it was when its own domain maps it.) */
static int grants(struct weir_guest *g)
{
    const struct weir_port_ops *ops = g->port->ops;
    struct weir_map_op map = {.dom = g->port->start.domid};
    struct weir_unmap_op unmap;
    struct weir_copy_op copy = {.len = 8};
    uint64_t *page = weir_guest_pages(g, 1), *to = weir_guest_pages(g, 1);
    grant_ref_t ref;

    if (page == NULL || to == NULL || weir_gnttab_init(&gnttab, g->port) != 0 ||
        weir_gnttab_grant(&gnttab, map.dom, page, false, &ref) != 0)
        return fail(g, "no grant", 0);
    page[1] = 77;
    copy.src = (struct weir_copy_end){
        .is_grant = true, .dom = map.dom, .ref = ref, .offset = 8};
    copy.dst = (struct weir_copy_end){.page = to, .offset = 16};
    if (ops->copy(g->port, &copy, 1) != 0 || copy.status != 0 || to[2] != 77)
        return fail(g, "copy", (uint64_t) - (int64_t)copy.status);
    map.ref = ref;
    if (ops->map(g->port, &map, 1) != 0 || map.status != 0)
        return fail(g, "map", (uint64_t) - (int64_t)map.status);
    if (((volatile uint64_t *)map.addr)[1] != 77)
        return fail(g, "the mapping shows another page", 0);
    ((volatile uint64_t *)map.addr)[2] = 78;
    if (((volatile uint64_t *)page)[2] != 78)
        return fail(g, "what is written does not arrive", 0);
    if (weir_gnttab_end(&gnttab, ref) != -WEIR_EBUSY)
        return fail(g, "a mapped grant ends", 0);
    unmap = (struct weir_unmap_op){.addr = map.addr, .handle = map.handle};
    if (ops->unmap(g->port, &unmap, 1) != 0 || unmap.status != 0)
        return fail(g, "unmap", (uint64_t) - (int64_t)unmap.status);
    if (weir_gnttab_end(&gnttab, ref) != 0)
        return fail(g, "the grant does not end", 0);
    map.ref = 4000;
    if (ops->map(g->port, &map, 1) != 0 || map.status == 0)
        return fail(g, "what is not granted is mapped", 0);
    return 0;
}

/* The floating point and vector unit, of the guest's own and as the C ABI has
 * it: PVH says nothing of its state. */
static int floats(struct weir_guest *g)
{
    volatile double x = 2;
    uint32_t mxcsr;
    uint16_t control;

    __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(control), "=m"(mxcsr));
    if (control != 0x37f || mxcsr != 0x1f80)
        return fail(g, "floating point control",
                    (uint64_t)control << 32 | mxcsr);
    for (unsigned i = 0; i < 20; i++) {
        x = x / 2 + 1 / x; /* towards the root of 2 */
        weir_guest_hypercall(WEIR_HYPERCALL_XEN_VERSION, WEIR_XENVER_VERSION, 0,
                             0, 0, 0);
    }
    return x * 1e6 > 1414213 && x * 1e6 < 1414214 ? 0 : fail(g, "root of 2", 0);
}

static int reboot(struct weir_guest *g)
{
    weir_guest_print(g, "rebooting\n");
    weir_guest_shutdown(g, WEIR_SHUTDOWN_REBOOT);
}

static const struct {
    const char *name;
    int (*run)(struct weir_guest *g);
} cases[] = {
    {"null", read_null},      {"text", write_text},     {"data", run_data},
    {"stack", overrun_stack}, {"ud2", bad_instruction}, {"int3", stray_int3},
    {"io", port_io},          {"level0", level0_fault}, {"error", give_error},
    {"memory", memory},       {"clock", clock},         {"events", events},
    {"grants", grants},       {"floats", floats},       {"reboot", reboot},
};

int weir_guest_main(struct weir_guest *g)
{
    for (unsigned i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
        int err;

        if (!weir_text_equal(g->cmdline, cases[i].name))
            continue;
        err = cases[i].run(g);
        if (err == 0)
            weir_guest_print(g, "passed\n");
        return err;
    }
    return fail(g, "no such case", 0);
}

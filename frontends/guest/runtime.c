/* SPDX-License-Identifier: MIT
 *
 * From the entry (start.S) to weir_guest_main.  All at level 3.
 */
#include "frontends/guest/guest.h"
#include "frontends/guest/level0.h"
#include "frontends/guest/ram.h"
#include "frontends/guest/runtime.h"
#include "ring/error.h"
#include "ring/grant_abi.h"

#define GIB     (UINT64_C(1) << 30)
#define SPIN_NS 20000

static struct weir_guest guest;

int64_t weir_guest_hypercall(unsigned nr, uint64_t a1, uint64_t a2, uint64_t a3,
                             uint64_t a4, uint64_t a5)
{
    return weir_guest_level0((uintptr_t)weir_guest_hypercalls +
                                 nr * WEIR_HYPERCALL_STUB,
                             a1, a2, a3, a4, a5);
}

void weir_guest_debug(const char *text)
{
    size_t n = 0;

    while (text[n] != '\0')
        n++;
    if (n != 0)
        weir_guest_level0((uintptr_t)weir_guest_outs_, (uintptr_t)text, n, 0, 0,
                          0);
}

/* ---- the platform of port_guest ---- */

static int64_t hypercall(void *context, unsigned nr, const uint64_t a[5])
{
    (void)context;
    return weir_guest_hypercall(nr, a[0], a[1], a[2], a[3], a[4]);
}

static int alloc_pages(void *context, unsigned count, void **first)
{
    struct weir_guest *g = context;

    *first = weir_pages_take(&g->pages, count);
    return *first != NULL ? 0 : -WEIR_ENOMEM;
}

static void free_pages(void *context, void *first, unsigned count)
{
    struct weir_guest *g = context;

    weir_pages_give(&g->pages, first, count);
}

static uint64_t gfn(void *context, const void *page)
{
    (void)context;
    return (uintptr_t)page >> WEIR_PAGE_SHIFT;
}

static void *at(void *context, uint64_t frame)
{
    (void)context;
    return frame < 4 * GIB >> WEIR_PAGE_SHIFT
               ? (void *)(uintptr_t)(frame << WEIR_PAGE_SHIFT)
               : NULL;
}

static void log_line(void *context, enum weir_log_level level, const char *line)
{
    (void)level;
    weir_guest_print(context, line);
    weir_guest_print(context, "\n");
}

static const struct weir_guest_platform_ops platform_ops = {
    .hypercall = hypercall,
    .alloc_pages = alloc_pages,
    .free_pages = free_pages,
    .gfn = gfn,
    .at = at,
    .log = log_line,
};

/* ---- start of day ---- */

__attribute__((noreturn)) static void crash(void)
{
    struct weir_sched_shutdown op = {.reason = WEIR_SHUTDOWN_CRASH};

    for (;;)
        weir_guest_hypercall(WEIR_HYPERCALL_SCHED_OP, WEIR_SCHEDOP_SHUTDOWN,
                             (uintptr_t)&op, 0, 0, 0);
}

/* Before there is a console. */
__attribute__((noreturn)) static void give_up(const char *why)
{
    weir_guest_debug("weir guest: ");
    weir_guest_debug(why);
    weir_guest_debug("\n");
    crash();
}

struct leaf {
    uint32_t eax, ebx, ecx, edx;
};

static struct leaf cpuid(uint32_t n)
{
    struct leaf l;

    weir_guest_level0((uintptr_t)weir_guest_cpuid_, (uintptr_t)&l, n, 0, 0, 0);
    return l;
}

/* Has the hypercall page written; the own domid, if it is told. */
static domid_t find_hypervisor(void)
{
    for (uint32_t base = WEIR_CPUID_FIRST; base < WEIR_CPUID_FIRST + 0x10000;
         base += WEIR_CPUID_STEP) {
        struct leaf l = cpuid(base);

        if (l.ebx != WEIR_CPUID_SIGNATURE_EBX ||
            l.ecx != WEIR_CPUID_SIGNATURE_ECX ||
            l.edx != WEIR_CPUID_SIGNATURE_EDX || l.eax < base + 2)
            continue;
        weir_guest_wrmsr(cpuid(base + 2).ebx, (uintptr_t)weir_guest_hypercalls);
        if (l.eax < base + 4)
            return WEIR_DOMID_SELF;
        l = cpuid(base + 4);
        return l.eax & WEIR_CPUID_HVM_DOMID ? (domid_t)l.ecx : WEIR_DOMID_SELF;
    }
    /* Without it there is not even a way to end. */
    weir_guest_debug("weir guest: no Xen hypercalls here\n");
    for (;;)
        weir_pause();
}

static void *pointer(uint64_t paddr)
{
    return (void *)(uintptr_t)paddr;
}

static void copy_cmdline(struct weir_guest *g, const char *from)
{
    size_t n = 0;

    while (from != NULL && from[n] != '\0' && n < WEIR_GUEST_CMDLINE - 1) {
        g->cmdline[n] = from[n];
        n++;
    }
    g->cmdline[n] = '\0';
}

void weir_guest_begin_(const struct weir_start_info *info)
{
    struct weir_guest *g = &guest;
    struct weir_guest_platform platform = {.ops = &platform_ops,
                                           .context = g,
                                           .window_pages =
                                               WEIR_GUEST_WINDOW_MAX,
                                           .spin_ns = SPIN_NS};
    struct weir_ram ram = {
        .kernel = {(uintptr_t)weir_guest_text, (uintptr_t)weir_guest_end}};
    int rc;

    platform.domid = find_hypervisor();
    if (info->magic != WEIR_START_MAGIC)
        give_up("no start info");
    copy_cmdline(g, pointer(info->cmdline_paddr));
    if (info->nr_modules != 0) {
        const struct weir_start_module *m = pointer(info->modlist_paddr);

        g->module = pointer(m->paddr);
        g->module_len = m->size;
        ram.module =
            (struct weir_ram_range){m->paddr, m->paddr + g->module_len};
    }
    if (!weir_ram_look(&ram,
                       info->version < 1 ? NULL : pointer(info->memmap_paddr),
                       info->memmap_entries))
        give_up("no memory map in the start info, or no room in it");
    platform.window_gfn = ram.window >> WEIR_PAGE_SHIFT;
    platform.window = pointer(ram.window);
    g->ram_bytes = ram.bytes;
    /* From here on info may be overwritten. */
    weir_ram_add(&ram, &g->pages);
    if (weir_port_guest_open(&g->pg, &platform) != 0)
        give_up("no shared info or grant table");
    g->port = &g->pg.port;
    weir_guest_console_open(&g->console, g->port);
    rc = weir_guest_main(g);
    if (rc != 0) {
        weir_guest_print(g, "weir guest: error ");
        weir_guest_print_u64(g,
                             rc < 0 ? (uint64_t) - (int64_t)rc : (uint64_t)rc);
        weir_guest_print(g, "\n");
    }
    weir_guest_shutdown(g,
                        rc == 0 ? WEIR_SHUTDOWN_POWEROFF : WEIR_SHUTDOWN_CRASH);
}

void weir_guest_shutdown(struct weir_guest *g, enum weir_shutdown reason)
{
    for (;;)
        weir_port_guest_shutdown(&g->pg, reason);
}

/* ---- faults ---- */

static void print(const char *text)
{
    if (guest.console.ring != NULL)
        weir_guest_print(&guest, text);
    else
        weir_guest_debug(text);
}

static void print_hex(const char *name, uint64_t v)
{
    char text[19] = "0x";
    char *p = text + 2;

    for (int shift = 60; shift >= 0; shift -= 4)
        *p++ = "0123456789abcdef"[v >> shift & 15];
    *p = '\0';
    print(name);
    print(text);
}

void weir_guest_fault_(void)
{
    print_hex("\nweir guest: fault ", weir_guest_fault_vector_);
    print_hex(" error ", weir_guest_fault_error_);
    print_hex(" at ", weir_guest_fault_rip_);
    print_hex(" address ", weir_guest_fault_address_);
    print_hex(" stack ", weir_guest_fault_rsp_);
    print("\n");
    crash();
}

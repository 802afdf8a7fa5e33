/* SPDX-License-Identifier: MIT */
#include "frontends/guest/ram.h"

#include "frontends/guest/port_guest.h"

#define GIB         (UINT64_C(1) << 30)
#define LOW_END     (UINT64_C(1) << 20) /* below: firmware tables */
#define RAM_END     (3 * GIB)
#define WINDOW_END  (UINT64_C(0xf0000000)) /* above: interrupt controllers */
#define WINDOW_STEP (UINT64_C(2) << 20)
#define WINDOW_SIZE ((uint64_t)WEIR_GUEST_WINDOW_MAX * WEIR_PAGE_SIZE)

/* RAM below what the identity map and the special pages leave. */
static void find_ranges(struct weir_ram *r, const struct weir_start_memmap *m,
                        uint32_t n)
{
    r->n = 0;
    r->bytes = 0;
    for (uint32_t i = 0; i < n && r->n < WEIR_RAM_RANGES; i++) {
        uint64_t end = m[i].addr + m[i].size;

        if (m[i].type != WEIR_MEMMAP_RAM || end < m[i].addr ||
            m[i].addr >= RAM_END)
            continue;
        if (end > RAM_END)
            end = RAM_END;
        r->range[r->n++] = (struct weir_ram_range){m[i].addr, end};
        r->bytes += end - m[i].addr;
    }
}

/* The first gap that has room for the window; 0: there is none. */
static uint64_t find_window(const struct weir_start_memmap *m, uint32_t n)
{
    uint64_t start = WINDOW_STEP;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t end = m[i].addr + m[i].size;

        if (end < m[i].addr)
            end = UINT64_MAX;
        if (m[i].addr >= start + WINDOW_SIZE || end <= start)
            continue;
        if (end > WINDOW_END - WINDOW_SIZE)
            return 0;
        start = (end + WINDOW_STEP - 1) & ~(WINDOW_STEP - 1);
        i = UINT32_MAX; /* entries are in any order: all once more */
    }
    return start + WINDOW_SIZE <= WINDOW_END ? start : 0;
}

bool weir_ram_look(struct weir_ram *r, const struct weir_start_memmap *map,
                   uint32_t n)
{
    if (map == NULL)
        n = 0;
    find_ranges(r, map, n);
    r->window = find_window(map, n);
    return r->n != 0 && r->window != 0;
}

/* The range without the first n of these; those above it and below it take
 * nothing. */
static void add_without(struct weir_pages *p, struct weir_ram_range r,
                        const struct weir_ram_range *taken, unsigned n)
{
    struct weir_ram_range above = r;

    if (n == 0) {
        weir_pages_add(p, r.start, r.end);
        return;
    }
    n--;
    if (r.end > taken[n].start)
        r.end = taken[n].start;
    if (above.start < taken[n].end)
        above.start = taken[n].end;
    add_without(p, r, taken, n);
    add_without(p, above, taken, n);
}

void weir_ram_add(const struct weir_ram *r, struct weir_pages *p)
{
    const struct weir_ram_range taken[] = {{0, LOW_END}, r->kernel, r->module};

    for (unsigned i = 0; i < r->n; i++)
        add_without(p, r->range[i], taken, 3);
}

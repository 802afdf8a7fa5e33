/* SPDX-License-Identifier: MIT
 *
 * A guest's memory by the map in its start info: what of it is free, and where
 * the window goes.  Pure.
 */
#ifndef WEIR_FRONTENDS_GUEST_RAM_H
#define WEIR_FRONTENDS_GUEST_RAM_H

#include "frontends/guest/pages.h"
#include "ring/start_abi.h"

#define WEIR_RAM_RANGES 32

struct weir_ram_range {
    uint64_t start, end; /* bytes */
};

struct weir_ram {
    struct weir_ram_range kernel, module; /* IN; {0}: there is none */
    uint64_t window; /* a gap for WEIR_GUEST_WINDOW_MAX pages */
    uint64_t bytes;  /* RAM, without what lies too high */
    /* private below */
    unsigned n;
    struct weir_ram_range range[WEIR_RAM_RANGES];
};

/* Reads the map (NULL: there is none), which may go afterwards.  False: it has
 * no RAM, or no gap. */
bool weir_ram_look(struct weir_ram *r, const struct weir_start_memmap *map,
                   uint32_t n);
/* The free pages: all above 1 MiB but kernel and module, wherever the loader
 * put that. */
void weir_ram_add(const struct weir_ram *r, struct weir_pages *p);

#endif

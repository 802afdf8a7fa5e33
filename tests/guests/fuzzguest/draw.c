/* SPDX-License-Identifier: MIT */
#include "tests/guests/fuzzguest/make.h"

#include "ring/event_abi.h"
#include "ring/grant_abi.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

uint64_t fuzz_random(struct fuzz_cpu *f)
{
    uint64_t x = f->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    f->random = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

unsigned fuzz_below(struct fuzz_cpu *f, unsigned n)
{
    return (unsigned)((fuzz_random(f) >> 16) % n);
}

bool fuzz_one_in(struct fuzz_cpu *f, unsigned n)
{
    return fuzz_below(f, n) == 0;
}

uint64_t fuzz_gfn(struct fuzz_cpu *f)
{
    static const uint64_t odd[] = {
        0xfeffc,           0xfeffd,           0xfee00,           0xfec00,
        0xbffff,           0xc0000,           0xfc000,           0xfffff,
        0x100000,          0x100001,          0xfef00,           0xff000,
        UINT64_C(1) << 28, UINT64_C(1) << 40, UINT64_C(1) << 52, UINT64_MAX};
    unsigned ram = (unsigned)f->config->ram;

    switch (fuzz_below(f, 8)) {
    case 0:
    case 1:
    case 2:
        return FUZZ_POOL + fuzz_below(f, ram - FUZZ_POOL);
    case 3: /* few pages, so that they meet */
        return FUZZ_POOL + fuzz_below(f, 16);
    case 4:
    case 5:
        return FUZZ_BEYOND + fuzz_below(f, FUZZ_ROOM);
    case 6:
        return fuzz_one_in(f, 2) ? odd[fuzz_below(f, N(odd))]
                                 : ram + fuzz_below(f, 8) - 4;
    default:
        if (f->config->reckless)
            return fuzz_below(f, FUZZ_POOL);
        return (fuzz_random(f) | UINT64_C(1) << 32) >> fuzz_below(f, 20);
    }
}

uint64_t fuzz_readable(struct fuzz_cpu *f)
{
    if (fuzz_one_in(f, 2))
        return ((uint64_t)FUZZ_POOL +
                fuzz_below(f, (unsigned)f->config->ram - FUZZ_POOL))
               << 12;
    return (uint64_t)(FUZZ_BEYOND + fuzz_below(f, FUZZ_ROOM)) << 12;
}

uint16_t fuzz_domid(struct fuzz_cpu *f)
{
    static const uint16_t odd[] = {0,      1,      0x7fef, 0x7ff1,
                                   0x7ff2, 0x7ff4, 0x7fff, 0xffff};

    switch (fuzz_below(f, 6)) {
    case 0:
    case 1:
        return WEIR_DOMID_SELF;
    case 2:
        return f->config->self;
    case 3:
    case 4:
        return f->config->peers[fuzz_below(f, FUZZ_PEERS)];
    default:
        return fuzz_one_in(f, 2) ? odd[fuzz_below(f, N(odd))]
                                 : (uint16_t)fuzz_random(f);
    }
}

uint32_t fuzz_ref(struct fuzz_cpu *f)
{
    static const uint32_t odd[] = {511,  512,   513,        1023,
                                   1024, 32767, 0x7fffffff, UINT32_MAX};

    if (fuzz_one_in(f, 6))
        return odd[fuzz_below(f, N(odd))];
    return (uint32_t)fuzz_below(f, fuzz_one_in(f, 3) ? 1100 : 24);
}

uint32_t fuzz_port(struct fuzz_cpu *f)
{
    static const uint32_t odd[] = {0,    1023, 1024,       4095,
                                   4096, 8192, 0x80000000, UINT32_MAX};

    switch (fuzz_below(f, 4)) {
    case 0:
        return odd[fuzz_below(f, N(odd))];
    case 1:
        return (uint32_t)fuzz_below(f, 1100);
    case 2:
        return 1 + (uint32_t)fuzz_below(f, 8);
    default:
        return f->port[fuzz_below(f, FUZZ_KEPT)];
    }
}

uint32_t fuzz_u32(struct fuzz_cpu *f)
{
    static const uint32_t odd[] = {0xff,       0x100,      0xffff,
                                   0x10000,    4096,       0x7fffffff,
                                   0x80000000, 0xfffffffe, UINT32_MAX};

    switch (fuzz_below(f, 4)) {
    case 0:
        return odd[fuzz_below(f, N(odd))];
    case 1:
        return (uint32_t)fuzz_random(f);
    default:
        return (uint32_t)fuzz_below(f, 10);
    }
}

uint64_t fuzz_u64(struct fuzz_cpu *f)
{
    if (fuzz_one_in(f, 3))
        return fuzz_random(f) >> fuzz_below(f, 64);
    if (fuzz_one_in(f, 4))
        return ~(uint64_t)fuzz_u32(f);
    return fuzz_u32(f);
}

uint64_t fuzz_pointer(struct fuzz_cpu *f, const void *arg)
{
    static const uint64_t odd[] = {0,
                                   8,
                                   UINT64_C(0xfee00000),
                                   UINT64_C(0xfeffcffc),
                                   UINT64_C(0xfffffffc),
                                   UINT64_C(1) << 32,
                                   UINT64_C(0x7ffffffffff8),
                                   UINT64_C(0x800000000000),
                                   UINT64_C(0xffff7ffffffffff8),
                                   UINT64_C(0xffff800000000000),
                                   UINT64_MAX - 3,
                                   UINT64_MAX};

    switch (fuzz_below(f, 24)) {
    case 0:
        return f->config->reckless || fuzz_one_in(f, 2)
                   ? odd[2 + fuzz_below(f, N(odd) - 2)]
                   : UINT64_C(1) << (33 + fuzz_below(f, 31));
    case 1: /* the end of some page, whatever is there and behind it */
        return (fuzz_readable(f) | 0xfff) - fuzz_below(f, 64);
    case 2: /* a foreign page, or where one was */
        return fuzz_readable(f) + fuzz_below(f, 4000);
    case 3: /* other words are read than were meant, its own pages' numbers */
        return f->config->reckless ? (uintptr_t)arg + fuzz_below(f, 64)
                                   : (uintptr_t)arg;
    case 4:
        return f->config->reckless ? fuzz_random(f) >> fuzz_below(f, 64)
                                   : (uintptr_t)arg;
    default:
        return (uintptr_t)arg;
    }
}

void fuzz_one_map(struct fuzz_cpu *f, struct weir_gnttab_map_grant_ref *m)
{
    *m = (struct weir_gnttab_map_grant_ref){
        .host_addr = fuzz_gfn(f) << 12,
        .flags = fuzz_one_in(f, 8)
                     ? fuzz_u32(f)
                     : WEIR_GNTMAP_HOST_MAP |
                           (fuzz_one_in(f, 2) ? WEIR_GNTMAP_READONLY : 0),
        .ref = fuzz_ref(f),
        .dom = fuzz_domid(f),
        .handle = UINT32_MAX};
    if (fuzz_one_in(f, 30))
        m->host_addr += fuzz_u32(f);
}

void fuzz_one_unmap(struct fuzz_cpu *f, struct weir_gnttab_unmap_grant_ref *u)
{
    unsigned i = fuzz_below(f, FUZZ_KEPT);

    *u = (struct weir_gnttab_unmap_grant_ref){
        .host_addr = fuzz_one_in(f, 6) ? fuzz_gfn(f) << 12 : f->handle_gpa[i],
        .dev_bus_addr = fuzz_one_in(f, 20) ? fuzz_u64(f) : 0,
        .handle = fuzz_one_in(f, 6) ? fuzz_u32(f) : f->handle[i]};
}

void fuzz_one_copy(struct fuzz_cpu *f, struct weir_gnttab_copy *c)
{
    struct weir_gnttab_copy_ptr *p[2] = {&c->source, &c->dest};

    *c = (struct weir_gnttab_copy){
        .len =
            (uint16_t)(fuzz_one_in(f, 3) ? fuzz_u32(f) : fuzz_below(f, 4097)),
        .flags =
            (uint16_t)(fuzz_one_in(f, 8) ? fuzz_u32(f) : fuzz_below(f, 4))};
    for (unsigned i = 0; i < 2; i++) {
        p[i]->domid = fuzz_domid(f);
        p[i]->offset =
            (uint16_t)(fuzz_one_in(f, 2) ? 0 : fuzz_random(f) % 4100);
        if (c->flags & (1u << i))
            p[i]->u.ref = fuzz_ref(f);
        else
            p[i]->u.gmfn = fuzz_gfn(f);
    }
}

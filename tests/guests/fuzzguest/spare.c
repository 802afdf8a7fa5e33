/* SPDX-License-Identifier: MIT
 *
 * How a fuzzing guest spares itself.  What it makes up itself never names its
 * own image, but a forged pointer leads to whatever lies there: results of
 * other calls, bytes of foreign pages, which weir-hv then takes for a list of
 * frames to give back or for the address to write to.  So a call with such a
 * pointer is looked at once more right before it is made, and another one is
 * made in its place when it would hit this guest.
 */
#include "tests/guests/fuzzguest/make.h"

#include "ring/event_abi.h"
#include "ring/grant_abi.h"
#include "ring/hypercall_abi.h"

#define OWN_FIRST                                                              \
    (uint64_t)((TINY_LOAD >> 12) - 16) /* what ends there counts */
#define SPECIAL    UINT64_C(0xfeff0)   /* rings, of 16 pages */
#define LIST_WORDS 512

static bool own(const struct fuzz_cpu *f, uint64_t at)
{
    return at - (uintptr_t)f->arg < sizeof(f->arg);
}

/* May something lie there that it did not make up for this call? */
static bool there(const struct fuzz_cpu *f, uint64_t at)
{
    uint64_t gfn = at >> 12;

    return (gfn >= FUZZ_POOL && gfn < f->config->ram) ||
           gfn - FUZZ_BEYOND < FUZZ_ROOM || gfn - SPECIAL < 16;
}

/* A frame's number or an address of its image, its stacks, its own grant table
 * or near. */
static bool names_own(uint64_t word)
{
    return word - OWN_FIRST < FUZZ_POOL - OWN_FIRST ||
           (word >> 12) - OWN_FIRST < FUZZ_POOL - OWN_FIRST;
}

static bool names_self(const struct fuzz_cpu *f, uint64_t word)
{
    return (uint16_t)word == WEIR_DOMID_SELF ||
           (uint16_t)word == f->config->self;
}

static uint64_t word_at(uint64_t at)
{
    return *(const volatile uint64_t *)(uintptr_t)at;
}

/* None of so many words there names it, or the call ends before. */
static bool words_spare(const struct fuzz_cpu *f, uint64_t at, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++, at += 8) {
        if (!there(f, at) || !there(f, at + 7))
            return true;
        if (i == LIST_WORDS || names_own(word_at(at)))
            return false;
    }
    return true;
}

static bool memory_spares(const struct fuzz_cpu *f, const struct fuzz_call *c)
{
    uint64_t at = c->a[1];

    if (there(f, at) && !words_spare(f, at, 4))
        return false;
    switch (c->a[0]) {
    case WEIR_XENMEM_DECREASE_RESERVATION:
        /* extent_start and nr_extents */
        return own(f, at) || there(f, at + 15)
                   ? words_spare(f, word_at(at), word_at(at + 8))
                   : true;
    case WEIR_XENMEM_ADD_TO_PHYSMAP:
    case WEIR_XENMEM_ADD_TO_PHYSMAP_BATCH:
        /* Its table and its shared info would move. */
        return own(f, at) || !there(f, at + 7) || !names_self(f, word_at(at));
    default:
        return true;
    }
}

bool fuzz_forged(const struct fuzz_cpu *f, const struct fuzz_call *c)
{
    switch (c->nr) {
    case WEIR_HYPERCALL_GRANT_TABLE_OP:
        return there(f, c->a[1]);
    case WEIR_HYPERCALL_MEMORY_OP:
        return there(f, c->a[1]) ||
               (c->a[0] == WEIR_XENMEM_DECREASE_RESERVATION &&
                own(f, c->a[1]) && there(f, word_at(c->a[1])));
    case WEIR_HYPERCALL_VCPU_OP:
        return there(f, c->a[2]);
    default:
        return false;
    }
}

bool fuzz_spares(const struct fuzz_cpu *f, const struct fuzz_call *c)
{
    switch (c->nr) {
    case WEIR_HYPERCALL_GRANT_TABLE_OP:
        return words_spare(f, c->a[1], (uint32_t)c->a[2] * UINT64_C(5));
    case WEIR_HYPERCALL_MEMORY_OP:
        return memory_spares(f, c);
    default:
        return words_spare(f, c->a[2], 4);
    }
}

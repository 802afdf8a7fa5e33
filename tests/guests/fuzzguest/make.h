/* SPDX-License-Identifier: MIT
 *
 * The fuzzing guest's calls: how they are made up.
 */
#ifndef WEIR_TESTS_FUZZGUEST_MAKE_H
#define WEIR_TESTS_FUZZGUEST_MAKE_H

#include "ring/grant_abi.h"
#include "ring/hypercall_abi.h"
#include "tests/guests/fuzzguest/fuzz.h"
#include "tests/guests/tiny/tiny.h"

#define FUZZ_BATCH  128
#define FUZZ_ARG    256 /* bytes a call's structs may have */
#define FUZZ_KEPT   32  /* handles and ports remembered */
#define FUZZ_SHARED 0x300000u
#define FUZZ_TABLE  0x310000u /* two frames of it */
#define FUZZ_POOL   0x400u   /* gfns from here to the RAM's end are fair game */
#define FUZZ_BEYOND 0x10000u /* a gfn above the RAM */
#define FUZZ_ROOM   512u     /* gfns of it that are used */

struct fuzz_call {
    uint64_t nr, a[5];
    bool look; /* fuzz_spares, before it is made */
};

struct fuzz_cpu {
    unsigned id, n;
    const struct fuzz_config *config;
    uint64_t random;
    struct weir_sched_poll poll;
    const char *text; /* to be said instead of calls */
    unsigned numbers;
    uint64_t number[4];
    uint64_t spared;         /* calls that were not made */
    uint64_t handles, ports; /* how many there were */
    uint32_t handle[FUZZ_KEPT];
    uint64_t handle_gpa[FUZZ_KEPT];
    uint32_t port[FUZZ_KEPT];
    struct fuzz_call call[FUZZ_BATCH];
    int64_t result[FUZZ_BATCH];
    uint8_t arg[FUZZ_BATCH + 4][FUZZ_ARG] __attribute__((aligned(64)));
};

uint64_t fuzz_random(struct fuzz_cpu *f);
void fuzz_make(struct fuzz_cpu *f, struct fuzz_call *c, uint8_t *arg);
void fuzz_make_poweroff(struct fuzz_call *c, uint8_t *arg);
/* After call c, whose args are its own still, returned rc. */
void fuzz_learn(struct fuzz_cpu *f, const struct fuzz_call *c, int64_t rc);
/* Some of its own grant entries become nonsense, or sensible. */
void fuzz_forge_entries(struct fuzz_cpu *f);
/* Address of a page that may be read. */
uint64_t fuzz_readable(struct fuzz_cpu *f);

/* spare.c: does a pointer of the call, its own or one in its struct, lead to
 * what it did not make up?  At level 3. */
bool fuzz_forged(const struct fuzz_cpu *f, const struct fuzz_call *c);
/* Of one that does: would it leave this guest alone? */
bool fuzz_spares(const struct fuzz_cpu *f, const struct fuzz_call *c);

/* draw.c: below n, and single values, each as likely odd as sensible. */
unsigned fuzz_below(struct fuzz_cpu *f, unsigned n);
bool fuzz_one_in(struct fuzz_cpu *f, unsigned n);
uint64_t fuzz_gfn(struct fuzz_cpu *f);
uint16_t fuzz_domid(struct fuzz_cpu *f);
uint32_t fuzz_ref(struct fuzz_cpu *f);
uint32_t fuzz_port(struct fuzz_cpu *f);
uint32_t fuzz_u32(struct fuzz_cpu *f);
uint64_t fuzz_u64(struct fuzz_cpu *f);
/* A pointer that should be to arg: mostly it is. */
uint64_t fuzz_pointer(struct fuzz_cpu *f, const void *arg);

/* Elements of the grant operations. */
void fuzz_one_map(struct fuzz_cpu *f, struct weir_gnttab_map_grant_ref *m);
void fuzz_one_unmap(struct fuzz_cpu *f, struct weir_gnttab_unmap_grant_ref *u);
void fuzz_one_copy(struct fuzz_cpu *f, struct weir_gnttab_copy *c);

#endif

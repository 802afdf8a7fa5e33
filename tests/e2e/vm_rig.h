/* SPDX-License-Identifier: MIT
 *
 * For tests: VM domains in a weir-hv of their own (hv_driver.h).  A puppet VM
 * (tests/guests/tiny/puppet.c) does what the test orders.  What fails here
 * fails the test (cmocka).
 */
#ifndef WEIR_TESTS_E2E_VM_RIG_H
#define WEIR_TESTS_E2E_VM_RIG_H

#include "tests/e2e/hv_driver.h"
#include "tests/guests/tiny/layout.h"
#include "tests/guests/tiny/order.h"

#define VM_RAM_PAGES 4096u /* 16 MiB, unless asked otherwise */
/* Guest-physical addresses that the puppet leaves to tests.  Above the RAM
 * there is nothing. */
#define VM_TABLE  0x400000u /* the grant table is put here */
#define VM_PAGES  0x800000u /* 8 MiB of RAM */
#define VM_BEYOND 0x10000000u

struct vm {
    struct hv_world *world;
    domid_t domid;
    int console;
    uint32_t serial;
    char text[8192]; /* what it said beside answers, its end */
    uint32_t table;  /* frames of the grant table that are mapped */
};

/* hv_world_start, and skips the program where VMs can't run. */
void vm_world_start(struct hv_world *w, const char *memory);
struct weir_hv_create vm_how(const char *name);
/* BUILDING; no console yet. */
struct vm vm_create(struct hv_world *w, struct weir_hv_create how);
/* guest: a name in B/guests; patch (may be NULL, length n) replaces the
 * image's bytes at the mark "TINYCONF". */
void vm_load(struct vm *v, const char *guest, const void *patch, size_t n);
void vm_go(struct vm *v);
/* All of it: the puppet, and its first answer. */
struct vm vm_start(struct hv_world *w, struct weir_hv_create how);
int vm_destroy(struct vm *v);

/* rc -EPIPE: no answer within 20 s, or the console ended. */
struct vm_answer vm_order(struct vm *v, const struct vm_order *o,
                          const void *in, void *out);
/* Both halves of it. */
int vm_send(struct vm *v, const struct vm_order *o, const void *in);
struct vm_answer vm_await(struct vm *v, void *out, size_t room, int ms);
struct vm_answer vm_do(struct vm *v, enum vm_op op, uint64_t a, uint64_t b);
struct weir_hv_dominfo vm_info(const struct vm *v);
/* Until it is in that state and its reason contains text; fails after 10 s. */
struct weir_hv_dominfo vm_expect(struct vm *v, enum weir_dom_state state,
                                 const char *text);
/* Reads console text until it contains this, at most ms. */
bool vm_says(struct vm *v, const char *text, int ms);

/* What of weir-hv's grows when something leaks. */
struct hv_usage {
    uint64_t frames;
    unsigned fds, threads, maps;
    uint32_t domains;
};
struct hv_usage hv_usage(struct hv_world *w);

#endif

/* SPDX-License-Identifier: MIT
 *
 * For tests: a weir-hv of their own and puppets (hv_puppet.h) in it.  What
 * fails here fails the test (cmocka).
 */
#ifndef WEIR_TESTS_E2E_HV_DRIVER_H
#define WEIR_TESTS_E2E_HV_DRIVER_H

#include "hypervisor/client/control.h"
#include "tests/e2e/hv_puppet.h"

#include <sys/types.h>

struct hv_world {
    pid_t pid;
    char dir[64];
    char socket[96];
    struct weir_hvctl *ctl;
    int notify; /* where weir-hv announces itself */
};

struct puppet {
    struct hv_world *world;
    domid_t domid;
    pid_t pid;
    int fd;
};

/* Skips the test program (exit 77) where process domains can't run. */
void hv_world_start(struct hv_world *w, const char *memory);
void hv_world_stop(struct hv_world *w);
/* Destroys what a failed test left. */
void hv_world_clear(struct hv_world *w);

struct puppet puppet_start(struct hv_world *w, struct weir_hv_create how);
/* Its process is dead and it is CRASHED: a new program. */
int puppet_revive(struct puppet *p);
/* Likewise, without waiting for it to start. */
int puppet_revive_unseen(struct puppet *p);
/* Ends its process with SIGKILL and waits for CRASHED. */
void puppet_kill(struct puppet *p);
/* Destroys the domain (0 or the error) and reaps the process. */
int puppet_destroy(struct puppet *p);
/* One order; the connection breaking is rc -EPIPE. */
struct puppet_answer puppet_do(struct puppet *p, enum puppet_op op, uint64_t a,
                               uint64_t b, uint64_t c, uint64_t d);
struct puppet_answer puppet_order(struct puppet *p,
                                  const struct puppet_order *o);
struct weir_hv_dominfo puppet_info(struct puppet *p);
/* Until it is CRASHED and its reason contains text; fails after 5 s. */
void puppet_expect_crash(struct puppet *p, const char *text);

/* v[0] is its address, v[2] whether it was kept before. */
struct puppet_answer puppet_keep(struct puppet *p, uint64_t key,
                                 uint64_t count);
/* Of any domain; -1: there is none. */
int hv_world_generation(const struct hv_world *w, domid_t domid);

/* A page of g's with 0xfeed in it, granted to m by reference 9; v[0] is its
 * address there, v[1] its frame. */
struct puppet_answer puppet_give(struct puppet *g, struct puppet *m,
                                 bool readonly);
struct puppet_answer puppet_map(struct puppet *m, struct puppet *g,
                                grant_ref_t ref, bool readonly);
int64_t puppet_unmap(struct puppet *m, const struct puppet_answer *mapped);
uint64_t puppet_peek(struct puppet *p, uint64_t at);

#endif

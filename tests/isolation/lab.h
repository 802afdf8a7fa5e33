/* SPDX-License-Identifier: MIT
 *
 * A weir-hv of its own with puppets in it, for the attacks.
 */
#ifndef WEIR_TESTS_ISOLATION_LAB_H
#define WEIR_TESTS_ISOLATION_LAB_H

#include <stdio.h>
#include <sys/types.h>

#include "hypervisor/client/control.h"
#include "hypervisor/client/process.h"
#include "tests/isolation/puppet.h"

#define LAB_DOMS 8
#define WHY      512
/* A puppet's answer when there was none. */
#define DIED    INT64_MIN
#define TIMEOUT (INT64_MIN + 1)

struct dom {
    domid_t id;
    pid_t pid;
    int sock, resource;
    int status; /* of wait(2), once reaped */
    bool reaped;
    int64_t ready;   /* of open and seal */
    bool one_window; /* read-only grants are write-protected pages */
    struct puppet_answer last;
};

struct lab {
    char dir[64];
    const char *bin; /* the build directory */
    const char *hv_program;
    pid_t hv;
    struct weir_hvctl *ctl;
    struct dom dom[LAB_DOMS];
    unsigned ndom;
    struct dom *neighbour; /* lives through a whole group of attacks */
    int64_t its_frame, its_count;
    char *why;
};

struct dom_how {
    unsigned allow;
    const char *mistake; /* NULL: none */
    const char *broken;  /* WEIR_BREAK of the program; NULL: the runner's */
    int leave_fd;        /* inherited by it, when not 0 */
    bool stay_root;
    const char *cgroup_procs; /* joined before it starts; NULL: none */
};

int lab_start(struct lab *l);
void lab_stop(struct lab *l);
/* Ends all domains but the neighbour. */
void lab_clear(struct lab *l);
int lab_neighbour(struct lab *l);
bool lab_neighbour_well(struct lab *l);

/* NULL: not even started.  Else look at ->ready. */
struct dom *dom_start(struct lab *l, const struct dom_how *how);
/* A new program for one that crashed; d->ready as after dom_start. */
int dom_revive(struct lab *l, struct dom *d, const struct dom_how *how);
int64_t dom_tell(struct dom *d, enum puppet_op op, const int64_t a[7]);
#define TELL(d, op, ...) dom_tell((d), (op), (int64_t[7]){__VA_ARGS__})
/* Sends the order and does not wait; dom_answer waits for ms. */
void dom_order(struct dom *d, enum puppet_op op, const int64_t a[7]);
int64_t dom_answer(struct dom *d, int ms);
void dom_send_fd(struct dom *d, int fd);
/* Waits until the process ended. */
int dom_reap(struct dom *d, int ms);
/* Waits until weir-hv says it crashed, and copies its reason. */
bool dom_crashed(struct lab *l, struct dom *d, char reason[160]);

/* The attacks.  Each returns true when the attack came to nothing. */
struct attack {
    const char *name;
    bool (*run)(struct lab *l);
};
extern const struct attack grant_attacks[], seal_attacks[], death_attacks[],
    pin_attacks[];
unsigned call_attacks(void);
const char *call_name(unsigned i);
const char *call_syscall(unsigned i);
/* broken: the call is allowed on purpose; true when it then gets through. */
bool call_run(struct lab *l, unsigned i, bool broken);

#define CHECK(cond, ...)                                                       \
    do {                                                                       \
        if (!(cond)) {                                                         \
            int n_ = snprintf(l->why, WHY, "%s:%d: ", __FILE__, __LINE__);     \
            snprintf(l->why + n_, WHY - (size_t)n_, __VA_ARGS__);              \
            return false;                                                      \
        }                                                                      \
    } while (0)

#endif

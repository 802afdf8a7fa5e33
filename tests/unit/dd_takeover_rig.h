/* SPDX-License-Identifier: MIT
 *
 * A manager whose records are kept in an array, and another one after it.  What
 * either does to the rest of the world is told in words.
 */
#ifndef WEIR_TESTS_UNIT_DD_TAKEOVER_RIG_H
#define WEIR_TESTS_UNIT_DD_TAKEOVER_RIG_H

#include "driverdomains/devd_takeover.h"

#define RIG_RECORDS 32

struct rig_record {
    uint64_t key;
    int fds[WEIR_STASH_FDS];
    unsigned n;
};

struct rig {
    struct weir_devd d;
    struct rig_record kept[RIG_RECORDS]; /* by key */
    unsigned nkept, stashes, logs;
    int stash_says;
    unsigned reads; /* of records, that go well */
    int read_says;  /* those after them; 0: all go well */
    struct {
        bool known;
        enum weir_dom_state state;
        uint32_t generation;
    } hv[16]; /* by domid */
};

extern struct rig rig;

int rig_begin(void **state);
int rig_end(void **state);
/* The manager is gone, and all it had in memory. */
void rig_die(void);
/* 0: the next one took over. */
int rig_next(void);
/* A store, which is there always. */
struct weir_dom *rig_store(void);
struct weir_dom *rig_dom(domid_t id, const char *name,
                         enum weir_dom_phase phase);
struct weir_dev *rig_dev(struct weir_dom *frontend, struct weir_dom *backend,
                         uint32_t devid, enum weir_dev_phase phase);
/* A descriptor of a file of its own; and is it that one? */
int rig_fd(void);
bool rig_same_file(int a, int b);

#endif

/* SPDX-License-Identifier: MIT
 *
 * What the crash rigs of both backends share: a case in a process of its own,
 * which also takes away what a dead program leaves; all the points of a life.
 */
#ifndef WEIR_TESTS_UNIT_CRASH_CASE_H
#define WEIR_TESTS_UNIT_CRASH_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/common/backend.h"
#include "tests/unit/fake_port.h"
#include "tests/unit/fake_store.h"

enum rig_result {
    RIG_OVER,  /* the point was never reached; all is well */
    RIG_GOOD,  /* it died there, and all is well; spoilt: the successor lives,
                  Connected or closing with a reason */
    RIG_WRONG, /* lost, doubled, wrong data, out of order, or seen */
    RIG_BROKEN /* the process itself died */
};

/* The backend dies at the at-th point of its life.  WRONG is told on stderr
 * unless quiet. */
typedef enum rig_result rig_runner(const void *c, uint64_t at, bool quiet);

/* body in a process; what it returns, or what rig_wrong says. */
enum rig_result rig_fork(int (*body)(const void *c, uint64_t at), const void *c,
                         uint64_t at, bool quiet);

/* The case ends: WRONG. */
#define RIG_CHECK(ok, ...)                                                     \
    do {                                                                       \
        if (!(ok))                                                             \
            rig_wrong(__VA_ARGS__);                                            \
    } while (0)
void rig_wrong(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
/* Below that, from a state that is its seed. */
uint32_t rig_draw(uint32_t *state, uint32_t below);
void rig_node(struct weir_fake_store *store, const char *dir, const char *key,
              const char *value, domid_t owner, domid_t reader);
/* Of a device's directory. */
unsigned rig_state(struct weir_fake_store *store, const char *dir);

/* What the backend's control thread has to do. */
void rig_control(struct weir_backend *be);
/* A backend that parted in order keeps no page, mapping or port. */
void rig_nothing_left(struct weir_port *port);

/* ---- for the test programs ---- */

/* The points of a life are tried one by one, or every so many: WEIR_CRASH_EACH
 * in the environment.  A sanitized build tries a third of them: what happens at
 * each is the release build's to show, and the code that they run is the same.
 */
uint64_t rig_each(uint64_t otherwise);
void rig_all_points(const char *name, rig_runner *run, const void *c,
                    uint64_t stride);

#endif

/* SPDX-License-Identifier: MIT
 *
 * For unit tests: the common part of a backend as domain 2, with a class that
 * counts its calls, and the directories of one device of domain 5.
 */
#ifndef WEIR_TESTS_UNIT_BACK_RIG_H
#define WEIR_TESTS_UNIT_BACK_RIG_H

#include "backends/common/backend.h"
#include "tests/unit/fake_port.h"
#include "tests/unit/fake_store.h"

#define FPATH    "/local/domain/5/device/vbd/51712"
#define BPATH    "/local/domain/2/backend/vbd/5/51712"
#define BACK_KEY weir_kept_key(WEIR_RES_VBD, 5, 51712, 7)

struct back_rig {
    struct weir_fake_machine *machine;
    struct weir_fake_store *store;
    struct weir_port *port;
    struct weir_xs xs, watcher;
    struct weir_stats_page stats;
    struct weir_backend *be;
    int channel;
    int resume_result;
    bool breaks; /* the registry, when the device is taken over */
    unsigned opens, connects, resumes, disconnects, closes;
};
extern struct back_rig back_rig;
extern const struct weir_back_class *const back_classes[1];

int back_setup(void **state);
int back_teardown(void **state);
/* A node of the registry. */
void back_set(const char *path, const char *value, domid_t owner, int reader);
void back_expect(const char *path, const char *want);
/* A program begins, ends; what the manager says to it. */
void back_start(void);
void back_stop(void);
void back_step(void);
void back_send_op(enum weir_res_op op, uint32_t seq);
/* The next answer but READY. */
void back_expect_answer(uint32_t type, uint32_t seq);
void back_expect_no_answer(void);
/* The predecessor left these states; everything up to RESUMED. */
void back_resume(const char *own, const char *peer);

#endif

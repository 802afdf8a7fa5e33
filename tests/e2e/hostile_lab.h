/* SPDX-License-Identifier: MIT
 *
 * For hostile tests, outside the domains: the machine, its log, the innocent
 * guests that must not notice, what must be as before at the end.
 */
#ifndef WEIR_TESTS_E2E_HOSTILE_LAB_H
#define WEIR_TESTS_E2E_HOSTILE_LAB_H

#include "tests/e2e/launch.h"

struct lab {
    struct launch l;
    int log, stderr_fd;
    char log_path[128];
    long seen; /* bytes of the log that were looked at */
    struct weir_hv_dominfo before;
    uint64_t frames_before;
};

/* Starts the machine; what domains say goes into a file that lab_check reads.
 * -ENOSYS: skip. */
int lab_start(struct lab *lab, const char *name);
void lab_stop(struct lab *lab);
/* Fails the test and shows what the domains said. */
_Noreturn void lab_fail(struct lab *lab, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
#define LAB_CHECK(lab, ok, ...)                                                \
    do {                                                                       \
        if (!(ok))                                                             \
            lab_fail(lab, __VA_ARGS__);                                        \
    } while (0)

struct launch_dom *lab_backend(struct lab *lab, const char *program);
/* A domain that is not running yet. */
struct launch_dom *lab_guest(struct lab *lab, const char *name,
                             unsigned frames);
void lab_exec(struct lab *lab, struct launch_dom *d, const char *program,
              const char *arg);
/* Attaches; res and fds as launch_device. */
void lab_attach(struct lab *lab, struct launch_dom *front,
                struct launch_dom *back, struct weir_resource *res,
                const int *fds);
/* Detaches, as the device manager, and removes both directories.  gone: the
 * guest is destroyed first. */
void lab_detach(struct lab *lab, struct launch_dom *front,
                struct launch_dom *back, struct weir_resource *res, unsigned n,
                bool gone);
/* device/KEY of a guest. */
uint64_t lab_number(struct lab *lab, struct launch_dom *d, const char *key);
void lab_tell(struct lab *lab, struct launch_dom *d, const char *key);
/* The innocent has done something since. */
void lab_progress(struct lab *lab, struct launch_dom *innocent);
/* All of these live and no sanitizer spoke. */
void lab_check(struct lab *lab);
/* Has the log this text, since the last time it was asked for? */
bool lab_said(struct lab *lab, const char *text);
/* Of a backend without devices: remember, and compare. */
void lab_remember(struct lab *lab, struct launch_dom *back);
void lab_as_before(struct lab *lab, struct launch_dom *back);

#endif

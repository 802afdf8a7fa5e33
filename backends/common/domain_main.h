/* SPDX-License-Identifier: MIT
 *
 * The main of a driver domain's program: options, process_open, everything
 * that the seal forbids afterwards, the seal, then the control loop.  The only
 * file of backends/common that decides an exit status.
 */
#ifndef WEIR_BACKENDS_COMMON_DOMAIN_MAIN_H
#define WEIR_BACKENDS_COMMON_DOMAIN_MAIN_H

#include "backends/common/backend.h"

struct weir_backend_program {
    const char *name;    /* "weir-blkback" */
    const char *summary; /* one line for --help */
    const struct weir_back_class *const *classes;
    unsigned nclasses;
    unsigned seal;   /* or of weir_seal_allow */
    unsigned queues; /* queue threads unless --queues says otherwise */
    /* Of each queue thread, before the seal; NULL ok.  See weir_qpool_new. */
    int (*prepare)(void **engine);
    void (*unprepare)(void *engine);
    const char *prepare_remedy; /* when prepare says -EAGAIN; NULL ok */
    /* Once, before the seal; NULL ok.  The result is the config's context. */
    int (*start)(uint64_t spin_ns, void **context);
};

int weir_backend_main(int argc, char **argv,
                      const struct weir_backend_program *prog);

#endif

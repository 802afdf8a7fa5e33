/* SPDX-License-Identifier: MIT
 *
 * The main of a driver domain's program: options, process_open, everything
 * that the seal forbids afterwards, the seal, then the control loop.  The only
 * file of backends/common that decides an exit status.
 */
#ifndef WEIR_BACKENDS_COMMON_DOMAIN_MAIN_H
#define WEIR_BACKENDS_COMMON_DOMAIN_MAIN_H

#include <stdbool.h>

#include "backends/common/backend.h"

/* What --options say. */
struct weir_backend_options {
    unsigned queues; /* queue threads */
    uint64_t spin_ns;
    bool xen;            /* the platform: Xen's ABI, else a process domain */
    const char *hotplug; /* "auto", "script", "self": xen alone */
};

struct weir_xen_kind;

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
    /* Built where Xen's libraries are, else NULL: weir_xen_run and the class's
     * toolstack side (backends/xen). */
    int (*xen_run)(const struct weir_backend_program *prog,
                   const struct weir_backend_options *o);
    const struct weir_xen_kind *xen_kind;
    unsigned xen_queues; /* as queues, on that platform */
};

/* The two halves of a start that platforms share: what the seal forbids
 * (threads, engines, eventfd), and the control loop with cfg->port and cfg->xs
 * set.  Both report what fails and return an exit status. */
int weir_backend_prepare(const struct weir_backend_program *prog,
                         const struct weir_backend_options *o,
                         struct weir_backend_config *cfg);
int weir_backend_serve(const struct weir_backend_program *prog,
                       struct weir_backend_config *cfg);

int weir_backend_main(int argc, char **argv,
                      const struct weir_backend_program *prog);

#endif

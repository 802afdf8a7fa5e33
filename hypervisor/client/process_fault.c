/* SPDX-License-Identifier: MIT
 *
 * Kernels before 6.4 can't write-protect a page of the window, so read-only
 * grants have a read-only window, and a write there is a plain SIGSEGV that
 * weir-hv does not see.  The domain dies of it in any case; before, it says
 * which frame it was, so that the message names it as elsewhere.
 */
#include "hypervisor/client/process_call.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>

/* A signal handler has no context but this: set once, before the seal. */
static const struct weir_process *faulting;

static void tell(int sig, siginfo_t *info, void *ctx)
{
    const struct weir_window *w = &faulting->window;
    const uint8_t *at = info->si_addr;
    uint8_t msg[WEIR_HV_HEADER + 8];
    const struct weir_hv_header h = {.op = WEIR_HV_FAULTED,
                                     .size = sizeof(msg)};

    (void)ctx;
    if (at >= w->ro_base && at < w->ro_base + w->size) {
        weir_hv_put_header(msg, &h);
        weir_put64(msg + WEIR_HV_HEADER,
                   (uint64_t)(at - w->ro_base) >> WEIR_PAGE_SHIFT);
        /* Whether it arrives or not: the handler is gone (SA_RESETHAND), the
         * access is made again, and ends the process. */
        if (sendto(faulting->fd, msg, sizeof(msg), MSG_NOSIGNAL, NULL, 0) < 0)
            return;
    }
    (void)sig;
}

void weir_process_watch_faults(const struct weir_process *d)
{
    struct sigaction sa = {.sa_sigaction = tell,
                           .sa_flags = SA_SIGINFO | (int)SA_RESETHAND};

    if (d->window.base == d->window.ro_base)
        return;
    faulting = d;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGSEGV, &sa, NULL);
}

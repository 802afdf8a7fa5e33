/* SPDX-License-Identifier: MIT
 *
 * A domain's life hangs on weir-hv's, not on who started it.  A thread that
 * does nothing but wait ends the process when weir-hv's end of the socket is
 * closed, whatever the program does by then: it polls, computes, waits for a
 * peer or a disk.
 *
 * An event that is asked for by nobody (no POLLIN) does not wake it, so replies
 * cost nothing.
 */
#include "hypervisor/client/process_call.h"

#include "hypervisor/client/breakable.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define STACK (64u << 10)

static void *outlive(void *fd)
{
    struct pollfd p = {.fd = *(int *)fd};

    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        continue;
    _exit(1);
}

int weir_process_watch_life(struct weir_process *d)
{
    pthread_attr_t attr;
    sigset_t all, old;
    pthread_t t;
    int rc;

    if (weir_broken("life"))
        return 0;
    if (pthread_attr_init(&attr))
        return -ENOMEM;
    if (!WEIR_SANITIZED)
        pthread_attr_setstacksize(&attr, STACK);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all); /* the program's signals are for the program */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = -pthread_create(&t, &attr, outlive, &d->fd);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return rc;
}

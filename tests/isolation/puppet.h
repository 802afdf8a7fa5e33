/* SPDX-License-Identifier: MIT
 *
 * Between the runner and its puppets: a puppet is a sealed process domain that
 * does what it is told, so an attack is a list of orders.
 */
#ifndef WEIR_TESTS_ISOLATION_PUPPET_H
#define WEIR_TESTS_ISOLATION_PUPPET_H

#include <stdint.h>

enum puppet_op {
    P_PING,
    P_ALLOC,    /* count -> frame */
    P_FREE,     /* frame, count */
    P_GRANT,    /* ref, domid, frame, read-only */
    P_UNGRANT,  /* ref -> 0 or -EBUSY */
    P_MAP,      /* domid, ref, read-only -> status, frame, handle */
    P_UNMAP,    /* frame, handle, read-only -> status */
    P_CLAIM,    /* handle: UNMAP without dropping the page -> status */
    P_DROP,     /* frame, count, read-only */
    P_READ,     /* frame, read-only -> word */
    P_WRITE,    /* frame, read-only, word */
    P_KERNEL,   /* frame, read-only: getrandom into it -> 8 or -errno */
    P_SYSCALL,  /* number, arguments -> result or -errno */
    P_INT80,    /* i386 number */
    P_WHERE,    /* -> window base, window size, address of a 64 KiB buffer */
    P_THREAD,   /* 1: a thread that spins on a counter -> 0 */
    P_COUNTER,  /* -> counter */
    P_SPIN,     /* for good */
    P_RECV_FD,  /* from the resource channel -> descriptor */
    P_AIO_READ, /* frame, read-only, descriptor, offset */
    P_AIO_WAIT, /* -> result of the one in flight */
    P_MALLOC,   /* rounds: grow, shrink, free -> 0 */
    P_KEEP,     /* key, count -> frame, found */
};

struct puppet_order {
    int64_t op, a[7];
};

struct puppet_answer {
    int64_t v[3];
};

#endif

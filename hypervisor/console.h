/* SPDX-License-Identifier: MIT
 *
 * A domain's console: weir-hv is the backend of its console ring.  Output goes
 * to a backlog of 64 KiB, from where any viewer reads it at its own pace (one
 * that is too slow misses the oldest); a viewer's bytes become input.
 *
 * Used by the domain's thread, save hv_console_add (main) and
 * hv_console_write; a lock of its own keeps these apart.
 */
#ifndef WEIR_HYPERVISOR_CONSOLE_H
#define WEIR_HYPERVISOR_CONSOLE_H

#include "ring/console_abi.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HV_BACKLOG 65536
#define HV_VIEWERS 4

struct hv_viewer {
    int fd;       /* -1: free */
    uint64_t pos; /* of the output stream, bytes */
    bool eof;     /* it sends nothing any more */
};

struct hv_console {
    pthread_mutex_t lock;                         /* viewers, backlog */
    volatile struct weir_console_interface *ring; /* NULL: none (any more) */
    uint8_t *backlog; /* HV_BACKLOG bytes, circular */
    uint64_t total;   /* bytes of output so far */
    struct hv_viewer viewer[HV_VIEWERS];
    uint64_t broken; /* times the ring's indexes made no sense */
};

int hv_console_init(struct hv_console *c);
void hv_console_fini(struct hv_console *c);
/* No viewer is served any more: their streams end. */
void hv_console_close(struct hv_console *c);

/* Take output out of the ring: true when the domain is to be notified.  The
 * next two are parts of poll and serve. */
bool hv_console_output(struct hv_console *c);
/* Put up to len bytes of input into the ring; returns what fitted. */
size_t hv_console_input(struct hv_console *c, const uint8_t *buf, size_t len);
size_t hv_console_input_room(const struct hv_console *c);

/* Bytes that did not come by the ring, into the backlog.  Any thread. */
void hv_console_write(struct hv_console *c, const uint8_t *buf, size_t len);

int hv_console_add(struct hv_console *c, int fd); /* -EBUSY: too many */
/* Fill pfd (HV_VIEWERS entries); serve moves bytes both ways after a poll:
 * true when the domain is to be notified of input. */
void hv_console_poll(struct hv_console *c, struct pollfd *pfd);
bool hv_console_serve(struct hv_console *c, const struct pollfd *pfd);

#endif

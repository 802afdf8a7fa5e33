/* SPDX-License-Identifier: MIT
 *
 * What a backend takes from a frontend while connecting: numbers and grant
 * references from its registry nodes, and the pages behind them.  Everything
 * read here is untrusted; a function that refuses writes the reason into
 * dev->error.  0 or -errno.  Control thread.
 */
#ifndef WEIR_BACKENDS_COMMON_PEER_H
#define WEIR_BACKENDS_COMMON_PEER_H

#include "backends/common/backend.h"

#define WEIR_PEER_PAGES 16

struct weir_peer_pages {
    struct weir_port *port;
    unsigned n; /* 0: nothing mapped */
    void *addr[WEIR_PEER_PAGES];
    uint32_t handle[WEIR_PEER_PAGES];
};

/* Node KEY of the frontend, below queue_dir ("queue-1", NULL: the device's own
 * directory): a decimal number <= max.  A missing node is -ENOENT without a
 * reason; anything else but such a number is -EINVAL. */
int weir_peer_read(struct weir_back_dev *dev, const char *queue_dir,
                   const char *key, uint64_t max, uint64_t *out);
/* As weir_peer_read, but a missing node gives dflt. */
int weir_peer_read_or(struct weir_back_dev *dev, const char *queue_dir,
                      const char *key, uint64_t max, uint64_t dflt,
                      uint64_t *out);
/* References of an n-page ring, n <= WEIR_PEER_PAGES: NAME0..., or NAME alone
 * when it has one page. */
int weir_peer_read_refs(struct weir_back_dev *dev, const char *queue_dir,
                        const char *name, unsigned n,
                        grant_ref_t refs[WEIR_PEER_PAGES]);
int weir_peer_read_evtchn(struct weir_back_dev *dev, const char *queue_dir,
                          const char *key, evtchn_port_t *out);

/* All n pages or none. */
int weir_peer_map(struct weir_back_dev *dev, const grant_ref_t *refs,
                  unsigned n, bool readonly, struct weir_peer_pages *out);
/* Of the frontend's port. */
int weir_peer_bind(struct weir_back_dev *dev, evtchn_port_t remote,
                   evtchn_port_t *out);
/* Idempotent. */
void weir_peer_unmap(struct weir_peer_pages *p);

#endif

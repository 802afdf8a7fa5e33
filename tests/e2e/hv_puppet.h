/* SPDX-License-Identifier: MIT
 *
 * A process domain whose port is played from outside: the test sends one
 * order after the other over descriptor 4 and gets an answer to each.
 */
#ifndef WEIR_TESTS_E2E_HV_PUPPET_H
#define WEIR_TESTS_E2E_HV_PUPPET_H

#include <stdint.h>

enum puppet_op {
    PUPPET_PING = 1,
    PUPPET_ALLOC,     /* a: pages; v0: address, v1: frame */
    PUPPET_FREE,      /* a: address, b: pages */
    PUPPET_POKE,      /* a: address, b: value */
    PUPPET_PEEK,      /* a: address; v0 */
    PUPPET_GRANT,     /* a: ref, b: domid, c: frame, d: read-only */
    PUPPET_END,       /* a: ref; rc -EBUSY while in use */
    PUPPET_FLAGS,     /* a: ref; v0: the entry's flags */
    PUPPET_MAP,       /* a: domid, b: ref, c: read-only; v0 addr, v1 handle */
    PUPPET_UNMAP,     /* a: address, b: handle */
    PUPPET_UNMAP_RAW, /* a: handle; tells weir-hv without dropping the page */
    PUPPET_DROP,      /* a: address, b: pages; only MADV_DONTNEED */
    PUPPET_MAPS,      /* a: domid, b: first ref, c: count; v0 failed,
                         v1: last status */
    PUPPET_UNMAPS,    /* what MAPS mapped; v0 failed */
    PUPPET_COPY,      /* a: domid, b: ref, c: own address, d: bytes
                         (from the grant); e: 1 the other way */
    PUPPET_EVT_ALLOC, /* a: domid; v0 port */
    PUPPET_EVT_BIND,  /* a: domid, b: port; v0 port */
    PUPPET_EVT_CLOSE,
    PUPPET_EVT_NOTIFY, /* a: port */
    PUPPET_EVT_WAIT,   /* a: port, b: ns; v0: pending */
    PUPPET_GROW,       /* v0: entries */
    PUPPET_STATS,      /* a: address */
    PUPPET_START,      /* v0 store page, v1 store port, v2 console, v3 port */
    PUPPET_PRINT,      /* data: onto the console ring */
    PUPPET_READ,       /* console input: data */
    PUPPET_TIME,       /* a: domid, b: ref, c: count, d: rounds; v0: ns of map
                          and unmap together, of all rounds */
    PUPPET_RAW, /* a: op, b: payload bytes of data, c: count, d: bytes of the
                   reply's payload: data */
    PUPPET_IO,  /* a: kind, b: first, c: last */
    PUPPET_EXIT,
    PUPPET_SPIN,  /* a: hypercalls under way at every moment, for ever */
    PUPPET_FLOOD, /* a: requests sent without reading replies */
    PUPPET_KEEP,  /* a: key, b: pages; v0 address, v1 frame, v2 found */
    PUPPET_FORGET,
};

struct puppet_order {
    uint32_t op, pad;
    uint64_t a, b, c, d, e;
    char data[128];
};

struct puppet_answer {
    int64_t rc;
    uint64_t v[4];
    char data[128];
};

#endif

/* SPDX-License-Identifier: MIT
 *
 * The port: everything a frontend, a backend or a library of ours asks of the
 * platform it runs on.  Implementations: a process domain of weir-hv, a guest
 * kernel (hypercalls), a Linux domain with /dev/xen, and a fake for tests.
 *
 * A port is for set-up and teardown.  Once connected, the data path touches
 * rings and mapped pages only, and calls evtchn_notify() and wait().
 *
 * Calls return 0 or a negative weir_error.  Unless said otherwise they may be
 * called from any thread of the domain and may block for a hypercall.
 */
#ifndef WEIR_RING_PORT_H
#define WEIR_RING_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t domid_t;
typedef uint32_t grant_ref_t;
typedef uint32_t evtchn_port_t;
typedef uint64_t mfn_t; /* machine frame number, in 4096-byte pages */

#define WEIR_PAGE_SIZE  4096u
#define WEIR_PAGE_SHIFT 12

struct weir_port;
struct weir_grant_entry_v1; /* grant_abi.h */

enum weir_log_level {
    WEIR_LOG_ERROR,
    WEIR_LOG_WARN,
    WEIR_LOG_INFO,
    WEIR_LOG_DEBUG,
};

/* One element of a map batch.  status and the outputs are per element: a
 * batch call returns 0 when every element was processed, whatever each got. */
struct weir_map_op {
    domid_t dom;     /* IN: granter */
    grant_ref_t ref; /* IN */
    bool readonly;   /* IN: writing through addr is then a fault */
    int status;      /* OUT: 0 or -weir_error */
    void *addr;      /* OUT: the page, valid until unmapped */
    uint32_t handle; /* OUT: names the mapping in unmap */
};

struct weir_unmap_op {
    void *addr;      /* IN: as map gave it */
    uint32_t handle; /* IN */
    int status;      /* OUT */
};

/* One side of a copy: a grant of another domain, or an own page. */
struct weir_copy_end {
    bool is_grant;
    domid_t dom;     /* granter, when is_grant */
    grant_ref_t ref; /* when is_grant */
    void *page;      /* own page (from alloc_pages), when not */
    uint16_t offset; /* bytes into the page */
};

struct weir_copy_op {
    struct weir_copy_end src, dst;
    uint16_t len; /* bytes; offset + len <= 4096 on both ends */
    int status;   /* OUT */
};

struct weir_port_ops {
    /* count zeroed pages of the domain's own machine memory, contiguous in
     * the caller's address space; *first is page aligned.  -WEIR_ENOMEM when
     * the domain's quota is used up. */
    int (*alloc_pages)(struct weir_port *p, unsigned count, void **first);
    /* Pages must not be granted any more (weir_gnttab_end returned 0). */
    void (*free_pages)(struct weir_port *p, void *first, unsigned count);
    /* Frame number of an own page, as a grant entry or a registry node
     * names it to others. */
    mfn_t (*frame)(struct weir_port *p, const void *page);

    /* The domain's own grant table, shared with the hypervisor; *count is
     * its number of entries, and grows when grow is set and quota allows. */
    int (*grant_table)(struct weir_port *p, bool grow,
                       volatile struct weir_grant_entry_v1 **entries,
                       uint32_t *count);

    int (*map)(struct weir_port *p, struct weir_map_op *ops, unsigned n);
    int (*unmap)(struct weir_port *p, struct weir_unmap_op *ops, unsigned n);
    int (*copy)(struct weir_port *p, struct weir_copy_op *ops, unsigned n);

    /* A new local port that only domain remote may bind. */
    int (*evtchn_alloc)(struct weir_port *p, domid_t remote,
                        evtchn_port_t *local);
    /* Bind to remote's unbound port; the new local port starts pending. */
    int (*evtchn_bind)(struct weir_port *p, domid_t remote,
                       evtchn_port_t remote_port, evtchn_port_t *local);
    int (*evtchn_close)(struct weir_port *p, evtchn_port_t local);
    /* Never blocks; a peer that does not listen loses nothing but time. */
    int (*evtchn_notify)(struct weir_port *p, evtchn_port_t local);

    /* Wait until one of n <= 64 local ports is pending or timeout_ns has
     * passed (0: just look; UINT64_MAX: no limit).  Clears what it reports.
     * *pending gets bit i for ports[i].  A port is waited for by at most one
     * thread at a time.  Returns 0, also on time-out (*pending is then 0). */
    int (*wait)(struct weir_port *p, const evtchn_port_t *ports, unsigned n,
                uint64_t timeout_ns, uint64_t *pending);

    uint64_t (*now_ns)(struct weir_port *p); /* monotonic; cheap */
    /* One NUL-terminated line without a newline.  Rate-limited below. */
    void (*log)(struct weir_port *p, enum weir_log_level level,
                const char *line);

    /* Hosted ports only, NULL elsewhere: a descriptor that polls readable
     * while local is pending, and stays owned by the port.  evtchn_clear
     * takes the pending state away; call it before looking at the ring. */
    int (*evtchn_fd)(struct weir_port *p, evtchn_port_t local);
    void (*evtchn_clear)(struct weir_port *p, evtchn_port_t local);

    /* Where a domain's program can be started again under the same domid,
     * NULL elsewhere: count own pages that outlive this program.  key is the
     * caller's name for them.  *found: they are a predecessor's and hold what
     * it wrote (check it); otherwise they are new and zeroed.  -WEIR_EEXIST:
     * that key has another count.  free_pages ends it, of all of them. */
    int (*keep)(struct weir_port *p, uint64_t key, unsigned count, void **first,
                bool *found);
    /* Frees what a predecessor kept and this program did not ask for. */
    int (*forget_kept)(struct weir_port *p);
};

/* Where the domain finds the registry and the console: filled by the
 * implementation before it hands the port out. */
struct weir_port_start {
    domid_t domid;    /* own */
    void *store_page; /* xenstore ring page, NULL if there is none */
    evtchn_port_t store_evtchn;
    void *console_page; /* console ring page, NULL if there is none */
    evtchn_port_t console_evtchn;
};

struct weir_port {
    const struct weir_port_ops *ops;
    struct weir_port_start start;
};

#endif

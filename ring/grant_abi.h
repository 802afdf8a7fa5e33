/* SPDX-License-Identifier: MIT
 *
 * Manual of the grant table, version 1.            WEIR_GRANT_ABI_VERSION 1
 *
 * A domain lets another one use a page of its memory by an entry of its own
 * grant table, an array in frames that it shares with the hypervisor.  The
 * index of the entry is the grant reference that it hands to the other domain
 * by a registry node or in a ring request.  The reference is no secret: what
 * counts is the domid in the entry.
 *
 *   references 0-7   reserved: 0 console ring, 1 xenstore ring, filled by
 *                    whoever builds the domain
 *   one frame holds  512 entries
 *
 * To grant, while flags is 0:   write domid and frame; release-store flags.
 * To end:                       load flags; if READING or WRITING is set the
 *                               other domain still uses the page: the entry
 *                               and the page must be kept; otherwise
 *                               compare-exchange flags to 0, and look again
 *                               when that fails.
 * To make writable read-only:   compare-exchange READONLY in while WRITING is
 *                               clear.
 *
 * The hypervisor, for a map or copy: compare-exchange READING (and WRITING,
 * for writable use) into flags, with domid and flags checked in the same
 * attempt; both are cleared with the last use.
 *
 *   state of an entry
 *
 *     free --grant--> granted --map or copy--> in use --last unmap--> granted
 *     granted --end--> free          in use --end--> in use (busy)
 *
 * Operations (hypercall 20: command, pointer to an array of the command's
 * struct, number of elements); each element has its own status.  Version 2
 * tables and page transfer are not offered: -WEIR_ENOSYS.
 */
#ifndef WEIR_RING_GRANT_ABI_H
#define WEIR_RING_GRANT_ABI_H

#include <stddef.h>
#include <stdint.h>

#define WEIR_GRANT_ABI_VERSION 1

struct weir_grant_entry_v1 {
    uint16_t flags; /* granter; READING and WRITING: hypervisor */
    uint16_t domid; /* granter: who may use the page */
    uint32_t frame; /* granter: the page's frame number */
};

#define WEIR_GRANTS_PER_FRAME         512u
#define WEIR_GNTTAB_RESERVED_CONSOLE  0u
#define WEIR_GNTTAB_RESERVED_XENSTORE 1u
#define WEIR_GNTTAB_NR_RESERVED       8u
/* No reference, for private use; never valid on the wire. */
#define WEIR_GRANT_REF_NONE UINT32_MAX

/* Type, bits 0 and 1. */
#define WEIR_GTF_INVALID         0u
#define WEIR_GTF_PERMIT_ACCESS   1u
#define WEIR_GTF_ACCEPT_TRANSFER 2u
#define WEIR_GTF_TRANSITIVE      3u
#define WEIR_GTF_TYPE_MASK       3u
/* With PERMIT_ACCESS. */
#define WEIR_GTF_READONLY (1u << 2) /* granter: no writing */
#define WEIR_GTF_READING  (1u << 3) /* hypervisor: in use */
#define WEIR_GTF_WRITING  (1u << 4) /* hypervisor: in use for writing */
#define WEIR_GTF_PWT      (1u << 5) /* granter: cache attributes */
#define WEIR_GTF_PCD      (1u << 6)
#define WEIR_GTF_PAT      (1u << 7)
#define WEIR_GTF_SUB_PAGE (1u << 8) /* version 2 only */
/* With ACCEPT_TRANSFER. */
#define WEIR_GTF_TRANSFER_COMMITTED (1u << 2)
#define WEIR_GTF_TRANSFER_COMPLETED (1u << 3)

enum weir_gnttab_op {
    WEIR_GNTTABOP_MAP_GRANT_REF = 0,
    WEIR_GNTTABOP_UNMAP_GRANT_REF = 1,
    WEIR_GNTTABOP_SETUP_TABLE = 2,
    WEIR_GNTTABOP_DUMP_TABLE = 3,
    WEIR_GNTTABOP_TRANSFER = 4,
    WEIR_GNTTABOP_COPY = 5,
    WEIR_GNTTABOP_QUERY_SIZE = 6,
    WEIR_GNTTABOP_UNMAP_AND_REPLACE = 7,
    WEIR_GNTTABOP_SET_VERSION = 8,
    WEIR_GNTTABOP_GET_STATUS_FRAMES = 9,
    WEIR_GNTTABOP_GET_VERSION = 10,
    WEIR_GNTTABOP_SWAP_GRANT_REF = 11,
    WEIR_GNTTABOP_CACHE_FLUSH = 12,
};

/* status of an element. */
enum weir_gntst {
    WEIR_GNTST_OKAY = 0,
    WEIR_GNTST_GENERAL_ERROR = -1,
    WEIR_GNTST_BAD_DOMAIN = -2,
    WEIR_GNTST_BAD_GNTREF = -3,
    WEIR_GNTST_BAD_HANDLE = -4,
    WEIR_GNTST_BAD_VIRT_ADDR = -5,
    WEIR_GNTST_BAD_DEV_ADDR = -6,
    WEIR_GNTST_NO_DEVICE_SPACE = -7,
    WEIR_GNTST_PERMISSION_DENIED = -8,
    WEIR_GNTST_BAD_PAGE = -9,
    WEIR_GNTST_BAD_COPY_ARG = -10,
    WEIR_GNTST_ADDRESS_TOO_BIG = -11,
    WEIR_GNTST_EAGAIN = -12, /* not now; try again */
    WEIR_GNTST_NO_SPACE = -13,
};

/* flags of a map. */
#define WEIR_GNTMAP_DEVICE_MAP      (1u << 0) /* for devices: dev_bus_addr */
#define WEIR_GNTMAP_HOST_MAP        (1u << 1) /* for CPUs, at host_addr */
#define WEIR_GNTMAP_READONLY        (1u << 2)
#define WEIR_GNTMAP_APPLICATION_MAP (1u << 3)
#define WEIR_GNTMAP_CONTAINS_PTE    (1u << 4) /* host_addr names a PTE */

struct weir_gnttab_map_grant_ref {
    uint64_t host_addr;    /* IN: where; guest physical for a PVH guest */
    uint32_t flags;        /* IN: WEIR_GNTMAP_* */
    uint32_t ref;          /* IN */
    uint16_t dom;          /* IN: granter */
    int16_t status;        /* OUT: enum weir_gntst */
    uint32_t handle;       /* OUT: names the mapping to unmap */
    uint64_t dev_bus_addr; /* OUT */
};

struct weir_gnttab_unmap_grant_ref {
    uint64_t host_addr;    /* IN: as mapped; 0: leave */
    uint64_t dev_bus_addr; /* IN: as mapped; 0: leave */
    uint32_t handle;       /* IN */
    int16_t status;        /* OUT */
};

struct weir_gnttab_setup_table {
    uint16_t dom;        /* IN: WEIR_DOMID_SELF */
    uint32_t nr_frames;  /* IN: at least as many */
    int16_t status;      /* OUT */
    uint64_t frame_list; /* IN: address of nr_frames uint64_t, filled */
};

struct weir_gnttab_transfer {
    uint64_t mfn;   /* IN */
    uint16_t domid; /* IN */
    uint32_t ref;   /* IN */
    int16_t status; /* OUT */
};

#define WEIR_GNTCOPY_SOURCE_GREF (1u << 0)
#define WEIR_GNTCOPY_DEST_GREF   (1u << 1)

struct weir_gnttab_copy_ptr {
    union {
        uint32_t ref;  /* with the GREF flag */
        uint64_t gmfn; /* own frame, without */
    } u;
    uint16_t domid;  /* granter, or WEIR_DOMID_SELF */
    uint16_t offset; /* bytes into the page */
};

struct weir_gnttab_copy {
    struct weir_gnttab_copy_ptr source, dest; /* IN */
    uint16_t len;   /* IN: bytes, within one page on both sides */
    uint16_t flags; /* IN: WEIR_GNTCOPY_* */
    int16_t status; /* OUT */
};

struct weir_gnttab_query_size {
    uint16_t dom;           /* IN */
    uint32_t nr_frames;     /* OUT: now */
    uint32_t max_nr_frames; /* OUT: at most */
    int16_t status;         /* OUT */
};

struct weir_gnttab_set_version {
    uint32_t version; /* IN and OUT */
};

struct weir_gnttab_get_version {
    uint16_t dom; /* IN */
    uint16_t pad;
    uint32_t version; /* OUT */
};

struct weir_gnttab_swap_grant_ref {
    uint32_t ref_a, ref_b; /* IN */
    int16_t status;        /* OUT */
};

/* Domids with a meaning of their own. */
#define WEIR_DOMID_FIRST_RESERVED 0x7ff0u
#define WEIR_DOMID_SELF           0x7ff0u
#define WEIR_DOMID_IO             0x7ff1u
#define WEIR_DOMID_XEN            0x7ff2u
#define WEIR_DOMID_INVALID        0x7ff4u

_Static_assert(sizeof(struct weir_grant_entry_v1) == 8, "ABI");
_Static_assert(sizeof(struct weir_gnttab_map_grant_ref) == 32, "ABI");
_Static_assert(sizeof(struct weir_gnttab_unmap_grant_ref) == 24, "ABI");
_Static_assert(sizeof(struct weir_gnttab_setup_table) == 24, "ABI");
_Static_assert(sizeof(struct weir_gnttab_copy_ptr) == 16, "ABI");
_Static_assert(sizeof(struct weir_gnttab_copy) == 40, "ABI");
_Static_assert(sizeof(struct weir_gnttab_query_size) == 16, "ABI");

#endif

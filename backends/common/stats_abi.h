/* SPDX-License-Identifier: MIT
 *
 * The statistics page: one page of a backend's own machine memory, published
 * with weir_process_set_stats and read by tools as a copy made by weir-hv.
 * The backend is the only writer.  Counters are plain 64-bit words that only
 * one thread each increments; a reader may see them microseconds apart.
 */
#ifndef WEIR_BACKENDS_COMMON_STATS_ABI_H
#define WEIR_BACKENDS_COMMON_STATS_ABI_H

#include <stdint.h>

#define WEIR_STATS_MAGIC   0x54415453u /* "STAT" */
#define WEIR_STATS_VERSION 1
#define WEIR_STATS_DEVS    24

enum weir_stat_vbd {
    WEIR_STAT_RD_REQ,
    WEIR_STAT_RD_BYTES,
    WEIR_STAT_WR_REQ,
    WEIR_STAT_WR_BYTES,
    WEIR_STAT_FLUSH,
    WEIR_STAT_DISCARD,
    WEIR_STAT_VBD_ERRORS,
    WEIR_STAT_VBD_REFUSED, /* invalid requests */
    WEIR_STAT_VBD_KICKS_IN,
    WEIR_STAT_VBD_KICKS_OUT,
    WEIR_STAT_VBD_SPURIOUS,
    WEIR_STAT_PERSISTENT,
    WEIR_STAT_MAPS,
    WEIR_STAT_VBD_POLLS,
    WEIR_STAT_VBD_INFLIGHT,
};
/* tx and rx as the guest sees them. */
enum weir_stat_vif {
    WEIR_STAT_TX_PACKETS,
    WEIR_STAT_TX_BYTES,
    WEIR_STAT_TX_DROPPED,
    WEIR_STAT_RX_PACKETS,
    WEIR_STAT_RX_BYTES,
    WEIR_STAT_RX_DROPPED,
    WEIR_STAT_VIF_ERRORS,
    WEIR_STAT_VIF_KICKS_IN,
    WEIR_STAT_VIF_KICKS_OUT,
    WEIR_STAT_VIF_SPURIOUS,
    WEIR_STAT_GRANT_COPIES,
    WEIR_STAT_POOL_COPIES,
    WEIR_STAT_VIF_POLLS,
    WEIR_STAT_SPOOFED,
    WEIR_STAT_VIF_MAPS,
};
#define WEIR_STATS_WORDS 16

struct weir_dev_stats {
    uint32_t cls;      /* enum weir_res_class; 0: slot free */
    uint32_t frontend; /* domid */
    uint32_t devid;
    uint32_t state; /* enum weir_xenbus_state */
    uint64_t word[WEIR_STATS_WORDS];
};

struct weir_stats_page {
    uint32_t magic, version;
    uint32_t ndevs; /* slots in dev[] that may be used: WEIR_STATS_DEVS */
    uint32_t pad;
    uint64_t started_ns;
    struct weir_dev_stats dev[WEIR_STATS_DEVS];
};

#endif

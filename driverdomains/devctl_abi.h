/* SPDX-License-Identifier: MIT
 *
 * Tools to device manager: STATE/devd.sock, SOCK_SEQPACKET, one message a
 * packet.  Only root and the manager's own user are served (SO_PEERCRED).
 *
 * A message is a header and records; a record is a header and fields.  All
 * numbers are little-endian and fixed size; strings have no NUL.
 *
 *   header   u32 magic, u16 version, u16 op, u32 seq, u32 length (whole)
 *   record   u16 type, u16 length of what follows
 *   field    u16 tag, u16 length, bytes
 *
 * A field left out has the value 0 or "".  An unknown record, tag or op, a
 * field of the wrong length and anything after the end are errors: an option
 * must never be lost silently between versions.
 *
 * The manager answers each request with any number of WEIR_DEVCTL_ITEM
 * messages and one WEIR_DEVCTL_STATUS, all with the request's seq.  A request
 * that takes time is answered when it is done; requests of one connection may
 * be answered out of order.
 */
#ifndef WEIR_DRIVERDOMAINS_DEVCTL_ABI_H
#define WEIR_DRIVERDOMAINS_DEVCTL_ABI_H

#define WEIR_DEVCTL_MAGIC   0x56454457u /* "WDEV" */
#define WEIR_DEVCTL_VERSION 1
#define WEIR_DEVCTL_MAX     65536 /* bytes a message */
#define WEIR_DEVCTL_HEADER  16

enum weir_devctl_op {
    WEIR_DEVCTL_HELLO = 1,    /* - -> STATUS with the manager's version */
    WEIR_DEVCTL_CREATE = 2,   /* DOMAIN ARG* DISK* VIF* */
    WEIR_DEVCTL_DESTROY = 3,  /* TARGET: domain, force */
    WEIR_DEVCTL_SHUTDOWN = 4, /* TARGET: domain, timeout_ms */
    WEIR_DEVCTL_DOMAINS = 5,  /* - -> DOMINFO* */
    WEIR_DEVCTL_DEVICES = 6,  /* TARGET: domain or "", class -> DEVINFO* */
    WEIR_DEVCTL_ATTACH = 7,   /* TARGET: domain; DISK or VIF */
    WEIR_DEVCTL_DETACH = 8,   /* TARGET: domain, class, device, force */
    WEIR_DEVCTL_DOWN = 9,     /* all domains in order, then the manager */
    WEIR_DEVCTL_REBOOT = 10,  /* TARGET: domain, timeout_ms -> STATUS with the
                                 new domid */
    WEIR_DEVCTL_MEMSET = 11,  /* TARGET: domain, kib */
    WEIR_DEVCTL_RESTART = 12, /* TARGET: domain -> STATUS when it serves again,
                                 with a text that says so */
    WEIR_DEVCTL_ITEM = 100,
    WEIR_DEVCTL_STATUS = 101,
};

enum weir_devctl_record {
    WEIR_REC_DOMAIN = 1,
    WEIR_REC_ARG = 2,
    WEIR_REC_DISK = 3,
    WEIR_REC_VIF = 4,
    WEIR_REC_TARGET = 5,
    WEIR_REC_STATUS = 6,
    WEIR_REC_DOMINFO = 7,
    WEIR_REC_DEVINFO = 8,
};

#endif

/* SPDX-License-Identifier: MIT
 *
 * Field tables of the records of devctl_abi.h.
 */
#ifndef WEIR_DRIVERDOMAINS_DEVCTL_FIELDS_H
#define WEIR_DRIVERDOMAINS_DEVCTL_FIELDS_H

#include <stddef.h>
#include <stdint.h>

enum weir_field_kind {
    WEIR_FIELD_STR, /* char array, NUL-terminated in memory only */
    WEIR_FIELD_U32,
    WEIR_FIELD_U64,
    WEIR_FIELD_BOOL, /* one byte, 1 */
    WEIR_FIELD_BYTES,
};

struct weir_devctl_field {
    uint16_t tag, kind;
    uint32_t offset, size;
};

struct weir_devctl_table {
    const struct weir_devctl_field *fields;
    unsigned n;  /* at most 64 */
    size_t size; /* of the structure */
};

/* For such tables. */
#define WEIR_DEVCTL_FIELD(kind_, tag_, type_, member_)                         \
    {                                                                          \
        .tag = (tag_), .kind = WEIR_FIELD_##kind_,                             \
        .offset = offsetof(struct type_, member_),                             \
        .size = sizeof(((struct type_ *)0)->member_)                           \
    }
#define WEIR_DEVCTL_TABLE(fields_, size_)                                      \
    {                                                                          \
        (fields_), sizeof(fields_) / sizeof((fields_)[0]), (size_)             \
    }

/* NULL: no such record. */
const struct weir_devctl_table *weir_devctl_table(unsigned record);

#endif

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

/* NULL: no such record. */
const struct weir_devctl_table *weir_devctl_table(unsigned record);

#endif

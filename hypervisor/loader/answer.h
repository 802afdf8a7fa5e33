/* SPDX-License-Identifier: MIT
 *
 * weir-load's answer (load_abi.h) to bytes and back.  Pure.
 */
#ifndef WEIR_HYPERVISOR_LOADER_ANSWER_H
#define WEIR_HYPERVISOR_LOADER_ANSWER_H

#include "hypervisor/loader/load.h"

struct weir_load_answer {
    uint32_t error;             /* 0: image is valid; else text */
    struct weir_vm_image image; /* its memfd is not in the bytes: -1 */
    char text[WEIR_LOAD_MAX_TEXT + 1];
};

/* Returns the bytes written, at most WEIR_LOAD_MAX_PACKET. */
size_t weir_load_put(uint8_t *out, const struct weir_load_answer *a);

/* Untrusted bytes.  0: consistent in itself (segments do not overlap or wrap,
 * entry and start info lie in one); text has printable bytes only.  -EPROTO. */
int weir_load_get(const uint8_t *in, size_t n, struct weir_load_answer *out);

#endif

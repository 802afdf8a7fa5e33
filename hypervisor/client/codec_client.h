/* SPDX-License-Identifier: MIT
 *
 * What clients encode and decode, and weir-hv does not.  As codec.h says.
 */
#ifndef WEIR_HYPERVISOR_CLIENT_CODEC_CLIENT_H
#define WEIR_HYPERVISOR_CLIENT_CODEC_CLIENT_H

#include "hypervisor/codec.h"

int weir_hv_get_hello(const uint8_t *p, size_t len, struct weir_hv_hello *h);
void weir_hv_put_copy(uint8_t out[WEIR_HV_COPY_REQ],
                      const struct weir_hv_copy_elem *e);
void weir_hvctl_put_create(uint8_t out[WEIR_HVCTL_CREATE_REQ],
                           const struct weir_hv_create *c);
int weir_hvctl_get_dominfo(const uint8_t *p, size_t len,
                           struct weir_hv_dominfo *d);
int weir_hvctl_get_machine(const uint8_t *p, size_t len,
                           struct weir_hv_machine *m);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Bytes of hv_abi.h's messages to values and back, as far as weir-hv needs it
 * (the other half: client/codec_client.h).  Pure functions: no
 * memory is allocated, no descriptor touched.  Decoders take untrusted bytes
 * with their length and return 0 or -EINVAL.  Encoders write into a buffer
 * that the caller made large enough and return the bytes written.
 */
#ifndef WEIR_HYPERVISOR_CODEC_H
#define WEIR_HYPERVISOR_CODEC_H

#include "hypervisor/client/control.h"
#include "hypervisor/hv_abi.h"
#include "ring/bytes.h"

struct weir_hv_header {
    uint16_t op; /* with WEIR_HV_REPLY in a reply */
    uint32_t seq;
    int32_t status;
    uint16_t count;
    uint16_t size; /* whole message, bytes */
};

/* size and version are checked against the packet's len. */
int weir_hv_get_header(const uint8_t *buf, size_t len,
                       struct weir_hv_header *h);
void weir_hv_put_header(uint8_t *buf, const struct weir_hv_header *h);

/* A text field: NUL padded, never without a NUL. */
void weir_hv_put_text(uint8_t *out, const char *s, size_t size);
int weir_hv_get_text(const uint8_t *in, char *s, size_t size);

struct weir_hv_hello {
    uint64_t memory_bytes;
    uint64_t store_frame, console_frame, grant_frame;
    uint32_t grant_frames, max_grants;
    uint32_t store_evtchn, console_evtchn;
    uint32_t max_ports;
    uint32_t domid;
    char name[WEIR_HV_NAME];
};

void weir_hv_put_hello(uint8_t out[WEIR_HV_HELLO_REP],
                       const struct weir_hv_hello *h);

struct weir_hv_copy_elem {
    uint64_t src, dst; /* grant reference or own frame, by flags */
    domid_t src_dom, dst_dom;
    uint16_t src_off, dst_off;
    uint16_t len;
    uint16_t flags;
};

void weir_hv_get_copy(const uint8_t in[WEIR_HV_COPY_REQ],
                      struct weir_hv_copy_elem *e);

/* A copy of the name is made into name, 64 bytes with a NUL. */
int weir_hvctl_get_create(const uint8_t *p, size_t len, char name[WEIR_HV_NAME],
                          struct weir_hv_create *c);
void weir_hvctl_put_dominfo(uint8_t out[WEIR_HVCTL_DOMINFO],
                            const struct weir_hv_dominfo *d);
void weir_hvctl_put_range(uint8_t out[WEIR_HVCTL_IO_RANGE],
                          const struct weir_io_range *r);
int weir_hvctl_get_range(const uint8_t *p, size_t len, struct weir_io_range *r);
void weir_hvctl_put_machine(uint8_t out[WEIR_HVCTL_MACHINE_REP],
                            const struct weir_hv_machine *m);

#endif

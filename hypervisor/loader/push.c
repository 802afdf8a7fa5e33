/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "hypervisor/client/control.h"
#include "hypervisor/loader/load.h"

/* weir-hv's main thread copies a call's bytes in one go and serves nobody else
 * meanwhile: some milliseconds of it. */
#define PIECE (UINT64_C(16) << 20)

static int push_one(const struct weir_vm_image *image,
                    const struct weir_vm_segment *s, struct weir_hvctl *hv,
                    uint16_t domid)
{
    uint64_t done = 0;
    int rc = 0;

    while (rc == 0 && done < s->length) {
        uint64_t n = s->length - done < PIECE ? s->length - done : PIECE;

        rc = weir_hvctl_vm_load(hv, domid, image->memfd, s->offset + done, n,
                                s->gpa + done);
        done += n;
    }
    return rc;
}

int weir_vm_image_push(const struct weir_vm_image *image, struct weir_hvctl *hv,
                       uint16_t domid)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < image->nsegments; i++)
        rc = push_one(image, &image->segments[i], hv, domid);
    return rc;
}

void weir_vm_image_close(struct weir_vm_image *image)
{
    if (image->memfd >= 0)
        close(image->memfd);
    image->memfd = -1;
}

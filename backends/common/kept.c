/* SPDX-License-Identifier: MIT */
#include "backends/common/kept.h"

#include <errno.h>
#include <string.h>

#include "ring/barrier.h"

int weir_kept_make(struct weir_port *port, uint64_t key, unsigned pages,
                   void **out)
{
    bool found;
    int err;

    *out = NULL;
    if (port->ops->keep == NULL)
        return 0;
    err = port->ops->keep(port, key, pages, out, &found);
    if (err != 0) {
        *out = NULL;
        return err;
    }
    if (found)
        memset(*out, 0, (size_t)pages * WEIR_PAGE_SIZE);
    return 0;
}

int weir_kept_find(struct weir_port *port, uint64_t key, unsigned pages,
                   void **out)
{
    bool found;
    int err;

    *out = NULL;
    if (port->ops->keep == NULL)
        return -ENOENT;
    err = port->ops->keep(port, key, pages, out, &found);
    if (err == 0 && !found) {
        weir_kept_free(port, *out, pages);
        err = -ENOENT;
    }
    if (err != 0)
        *out = NULL;
    return err == -EEXIST ? -ENOENT : err;
}

void weir_kept_free(struct weir_port *port, void *first, unsigned pages)
{
    if (first != NULL)
        port->ops->free_pages(port, first, pages);
}

void weir_kept_head_set(struct weir_kept_head *h, uint32_t magic,
                        uint32_t version, uint32_t bytes)
{
    h->magic = magic;
    h->version = version;
    h->bytes = bytes;
}

void weir_kept_ready(struct weir_kept_head *h)
{
    weir_store_release32(&h->ready, 1);
}

bool weir_kept_head_ok(const struct weir_kept_head *h, uint32_t magic,
                       uint32_t version, uint32_t bytes)
{
    return weir_load_acquire32(&h->ready) == 1 && h->magic == magic &&
           h->version == version && h->bytes == bytes;
}

/* SPDX-License-Identifier: MIT */
#include "backends/common/kept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/common/backend.h"
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

int weir_kept_open(struct weir_back_dev *dev, uint64_t key, unsigned pages,
                   const char *what, void **out)
{
    size_t bytes = (size_t)pages * WEIR_PAGE_SIZE;
    int err = dev->resume ? weir_kept_find(dev->port, key, pages, out)
                          : weir_kept_make(dev->port, key, pages, out);

    if (err == 0 && *out == NULL) { /* this platform keeps nothing */
        *out = aligned_alloc(WEIR_PAGE_SIZE, bytes);
        err = *out != NULL ? 0 : -ENOMEM;
        if (err == 0)
            memset(*out, 0, bytes);
    }
    if (err == -ENOENT)
        snprintf(dev->error, sizeof(dev->error),
                 "the log of %s in flight is missing: connect the frontend "
                 "again",
                 what);
    else if (err != 0)
        snprintf(dev->error, sizeof(dev->error),
                 "log of %s in flight, %u pages: %s: raise memory= of the "
                 "driver domain",
                 what, pages, strerror(-err));
    return err;
}

void weir_kept_close(struct weir_back_dev *dev, void *run, unsigned pages)
{
    if (dev->port->ops->keep != NULL)
        weir_kept_free(dev->port, run, pages);
    else
        free(run);
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

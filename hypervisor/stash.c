/* SPDX-License-Identifier: MIT */
#include "hypervisor/stash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void hv_stash_init(struct hv_stash *s, unsigned max_fds)
{
    memset(s, 0, sizeof(*s));
    s->rec = calloc(WEIR_STASH_RECORDS, sizeof(*s->rec));
    s->max_fds = max_fds;
    s->closing[0] = s->closing[1] = -1;
}

static void *close_them(void *stash)
{
    const struct hv_stash *s = stash;
    int fd;

    while (read(s->closing[0], &fd, sizeof(fd)) == sizeof(fd))
        close(fd);
    return NULL;
}

int hv_stash_start(struct hv_stash *s)
{
    int rc;

    if (pipe2(s->closing, O_CLOEXEC) < 0)
        return -errno;
    fcntl(s->closing[1], F_SETFL, O_NONBLOCK);
    rc = pthread_create(&s->closer, NULL, close_them, s);
    if (rc == 0)
        return 0;
    close(s->closing[0]);
    close(s->closing[1]);
    s->closing[0] = s->closing[1] = -1;
    return -rc;
}

void hv_stash_fini(struct hv_stash *s)
{
    for (unsigned i = 0; i < s->n; i++)
        hv_stash_close(s, s->rec[i].fd, s->rec[i].n);
    free(s->rec);
    if (s->closing[1] < 0)
        return;
    close(s->closing[1]);
    pthread_join(s->closer, NULL);
    close(s->closing[0]);
}

/* A full pipe (16,384 numbers) is the only reason to wait for a close. */
void hv_stash_close(const struct hv_stash *s, const int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (write(s->closing[1], &fds[i], sizeof(fds[i])) < 0)
            close(fds[i]);
}

static struct hv_stashed *have(const struct hv_stash *s, uint64_t key)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->rec[i].key == key)
            return &s->rec[i];
    return NULL;
}

int hv_stash_put(struct hv_stash *s, uint64_t key, const int *fds, unsigned n)
{
    struct hv_stashed *r = have(s, key);

    if (!r && (!s->rec || s->n == WEIR_STASH_RECORDS))
        return -ENOSPC;
    if (s->fds - (r ? r->n : 0) + n > s->max_fds)
        return -EMFILE;
    if (!r) {
        r = &s->rec[s->n++];
        r->n = 0;
    }
    hv_stash_close(s, r->fd, r->n);
    s->fds += n - r->n;
    r->key = key;
    r->n = n;
    memcpy(r->fd, fds, n * sizeof(*fds));
    return 0;
}

int hv_stash_drop(struct hv_stash *s, uint64_t key)
{
    struct hv_stashed *r = have(s, key);

    if (!r)
        return -ENOENT;
    hv_stash_close(s, r->fd, r->n);
    s->fds -= r->n;
    *r = s->rec[--s->n];
    return 0;
}

const struct hv_stashed *hv_stash_next(const struct hv_stash *s, uint64_t first)
{
    const struct hv_stashed *next = NULL;

    for (unsigned i = 0; i < s->n; i++)
        if (s->rec[i].key >= first && (!next || s->rec[i].key < next->key))
            next = &s->rec[i];
    return next;
}

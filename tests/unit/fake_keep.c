/* SPDX-License-Identifier: MIT
 *
 * The fake machine: pages that outlive a domain's program, and its death.
 */
#include "tests/unit/fake_private.h"

#include <string.h>

static struct fake_kept *find_kept(struct fake_domain *d, uint64_t key)
{
    for (unsigned i = 0; i < FAKE_KEPT; i++)
        if (d->kept[i].count != 0 && d->kept[i].key == key)
            return &d->kept[i];
    return NULL;
}

static int new_kept(struct fake_domain *d, uint64_t key, unsigned count,
                    struct fake_kept **out)
{
    uint32_t frame;

    if (d->max_frames != 0 && count > d->max_frames - d->frames)
        return -WEIR_ENOMEM;
    for (unsigned i = 0; i < FAKE_KEPT; i++) {
        if (d->kept[i].count != 0)
            continue;
        frame = fake_take_frames(d, count);
        if (frame == UINT32_MAX)
            return -WEIR_ENOMEM;
        d->frames += count;
        d->kept[i] = (struct fake_kept){key, frame, count, false};
        *out = &d->kept[i];
        return 0;
    }
    return -WEIR_ENOMEM;
}

int fake_keep(struct weir_port *p, uint64_t key, unsigned count, void **first,
              bool *found)
{
    struct fake_domain *d = fake_of(p);
    struct fake_kept *k;
    int rc;

    pthread_mutex_lock(&d->m->lock);
    rc = fake_enter(d, WEIR_FAKE_KEEP);
    k = find_kept(d, key);
    *found = k != NULL;
    if (rc == 0 && k == NULL)
        rc = count == 0 ? -WEIR_EINVAL : new_kept(d, key, count, &k);
    else if (rc == 0 && k->asked)
        rc = -WEIR_EBUSY;
    else if (rc == 0 && k->count != count)
        rc = -WEIR_EEXIST;
    if (rc == 0) {
        k->asked = true;
        *first = d->window + (size_t)k->first * WEIR_PAGE_SIZE;
    }
    pthread_mutex_unlock(&d->m->lock);
    return rc;
}

void fake_kept_gone(struct fake_domain *d, uint32_t frame)
{
    for (unsigned i = 0; i < FAKE_KEPT; i++)
        if (frame - d->kept[i].first < d->kept[i].count)
            d->kept[i].count = 0;
}

static bool is_kept(const struct fake_domain *d, uint32_t frame)
{
    for (unsigned i = 0; i < FAKE_KEPT; i++)
        if (frame - d->kept[i].first < d->kept[i].count)
            return true;
    return false;
}

int fake_forget(struct weir_port *p)
{
    struct fake_domain *d = fake_of(p);

    pthread_mutex_lock(&d->m->lock);
    for (unsigned i = 0; i < FAKE_KEPT; i++) {
        struct fake_kept *k = &d->kept[i];

        if (k->count == 0 || k->asked)
            continue;
        for (uint32_t f = k->first; f < k->first + k->count; f++)
            fake_drop_frame(d->m, f);
        d->frames -= k->count;
        k->count = 0;
    }
    pthread_mutex_unlock(&d->m->lock);
    return 0;
}

void weir_fake_domain_revive(struct weir_port *port)
{
    struct fake_domain *d = fake_of(port);
    struct weir_fake_machine *m = d->m;

    pthread_mutex_lock(&m->lock);
    fake_let_go(d);
    d->table_frames = 1;
    memset(d->fault, 0, sizeof(d->fault));
    for (uint32_t i = 0; i < m->nframes; i++) {
        struct fake_frame *f = &m->frame[i];

        if (f->owner != d || f->table || f->orphan || is_kept(d, i))
            continue;
        if (f->foreign > 0)
            fake_wrong(m, "domain %u is revived, others map frame %u", d->domid,
                       i);
        fake_drop_frame(m, i);
        d->frames--;
    }
    for (unsigned i = 0; i < FAKE_KEPT; i++)
        d->kept[i].asked = false;
    pthread_mutex_unlock(&m->lock);
}

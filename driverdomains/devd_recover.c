/* SPDX-License-Identifier: MIT
 *
 * A manager that takes over what another one had: the records become domains
 * and devices again.  How each goes on is in devd_takeover.c.
 */
#include "driverdomains/devd_takeover.h"
#include "ring/crash_point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static void close_all(const int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        close(fds[i]);
}

/* The data is sealed: nobody changes it while it is read. */
static int load(struct weir_found *f)
{
    struct stat st;
    int seals;

    if (f->n == 0)
        return -EPROTO;
    seals = fcntl(f->fds[0], F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(f->fds[0], &st) ||
        st.st_size > WEIR_RECORD_BYTES)
        return -EPROTO;
    f->len = (size_t)st.st_size;
    return pread(f->fds[0], f->buf, f->len, 0) == st.st_size ? 0 : -EIO;
}

static int next_record(struct weir_devd *d, uint64_t first,
                       struct weir_found *f)
{
    static uint8_t buf[WEIR_RECORD_BYTES]; /* one thread: a scratch area */
    int rc = weir_hvctl_stashed(d->hv, first, &f->key, f->fds, &f->n);

    f->buf = buf;
    f->len = 0;
    return rc;
}

static void drop_all(struct weir_devd *d)
{
    struct weir_found f;

    while (next_record(d, 0, &f) == 0) {
        close_all(f.fds, f.n);
        if (weir_hvctl_unstash(d->hv, f.key))
            return;
    }
}

bool weir_recover_wanted(struct weir_devd *d)
{
    static struct weir_domain_config cfg; /* one thread; 20 KiB */
    struct weir_record_dom r;
    struct weir_found f;
    int rc = next_record(d, 0, &f);

    if (rc) /* else there may be some: weir_recover() says why not */
        return rc != -ENOENT;
    rc = load(&f);
    if (rc == 0)
        rc = weir_record_get_dom(f.buf, f.len, &r, &cfg);
    close_all(f.fds, f.n);
    if (rc == 0 && weir_record_class_of(f.key) == WEIR_RECORD_STORE)
        return true;
    /* The first to come and the last to go; or of another version. */
    weir_devd_log("what the last manager left cannot be taken over (%s): its "
                  "domains end",
                  rc ? strerror(-rc) : "no registry");
    drop_all(d);
    return false;
}

/* ---- all of them ----------------------------------------------------------
 */

static int take(struct weir_takeover *t, const struct weir_found *f)
{
    switch (weir_record_class_of(f->key)) {
    case WEIR_RECORD_STORE:
    case WEIR_RECORD_DOM:
        return weir_restore_dom(t, f);
    case WEIR_RECORD_DEV:
        return weir_restore_dev(t, f);
    case WEIR_RECORD_RESTART:
        return weir_restore_restart(t, f);
    default:
        return -EPROTO;
    }
}

/* Of another version, say: that one thing ends, and all else goes on. */
static void not_taken(struct weir_takeover *t, const struct weir_found *f,
                      int rc)
{
    uint32_t cls = weir_record_class_of(f->key);

    close_all(f->fds + (f->n > 0), f->n - (f->n > 0));
    weir_devd_log("the record of a %s of domain %u cannot be read (%s): it is "
                  "removed",
                  cls == WEIR_RECORD_DEV       ? "device"
                  : cls == WEIR_RECORD_RESTART ? "restart"
                                               : "program",
                  weir_record_domid_of(f->key), strerror(-rc));
    if (cls == WEIR_RECORD_DOM)
        weir_takeover_ghost(t, weir_record_domid_of(f->key));
    if (t->nbad < WEIR_STASH_RECORDS)
        t->bad[t->nbad++] = f->key;
}

static int read_all(struct weir_takeover *t)
{
    uint64_t first = 0;
    struct weir_found f;
    int rc;

    while ((rc = next_record(t->d, first, &f)) == 0) {
        rc = load(&f);
        if (weir_record_serial_of(f.key) > t->d->last_serial)
            t->d->last_serial = weir_record_serial_of(f.key);
        if (rc == 0)
            rc = take(t, &f);
        if (f.n)
            close(f.fds[0]);
        if (rc)
            not_taken(t, &f, rc);
        first = f.key + 1;
    }
    return rc == -ENOENT ? 0 : rc;
}

int weir_recover(struct weir_devd *d)
{
    struct weir_takeover t = {.d = d};
    int rc;

    t.bad = calloc(WEIR_STASH_RECORDS, sizeof(*t.bad));
    if (!t.bad)
        return -ENOMEM;
    rc = read_all(&t);
    if (rc == 0 && !d->store)
        rc = -EPROTO; /* wanted() read it a moment ago */
    if (rc) { /* a domain whose record was not read would be destroyed */
        weir_devd_log("weir-hv does not give what the last manager left (%s): "
                      "all is left as it is: %s",
                      strerror(-rc),
                      rc == -EMFILE ? "raise the limit of weir-devd "
                                      "(LimitNOFILE=) and start it again"
                                    : "try again, or `weir down`");
        free(t.bad);
        return rc;
    }
    d->greeted = true;
    if (weir_store_adopt(d)) {
        /* As when it ends for good at any other time. */
        d->exit_code = 1;
        weir_devd_stop(d);
    }
    weir_takeover_all(&t);
    WEIR_CRASH_POINT();
    weir_record_sync(d);
    for (unsigned i = 0; i < t.nbad; i++)
        weir_hvctl_unstash(d->hv, t.bad[i]);
    free(t.bad);
    weir_devd_log("went on: %u domains, %u devices, %u ended meanwhile", t.doms,
                  t.devs, t.ended);
    return 0;
}

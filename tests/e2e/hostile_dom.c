/* SPDX-License-Identifier: MIT */
#include "tests/e2e/hostile_dom.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 10000

void hostile_fail(const struct hostile *h, const char *file, int line,
                  const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "hostile %s: %s:%d: ", h->attack, file, line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    _exit(1);
}

void hostile_sleep_us(unsigned us)
{
    struct timespec ts = {us / 1000000, us % 1000000 * 1000l};

    nanosleep(&ts, NULL);
}

uint64_t hostile_ms(const struct hostile *h)
{
    return h->port->ops->now_ns(h->port) / 1000000u;
}

static unsigned env_id(const char *name)
{
    const char *s = getenv(name);

    return s != NULL ? (unsigned)strtoul(s, NULL, 10) : 0;
}

void hostile_join(struct hostile *h)
{
    int err = weir_process_open(WEIR_FD_HV, &h->process);

    if (err == 0)
        err = weir_process_seal(h->process, 0, env_id("WEIR_UID"),
                                env_id("WEIR_GID"));
    HOSTILE_CHECK(h, err == 0, "seal: %s", strerror(-err));
    h->port = weir_process_port(h->process);
}

void hostile_open(struct hostile *h, const char *attack)
{
    int err;

    h->attack = attack;
    mallopt(M_ARENA_MAX, 1);
    hostile_join(h);
    err = weir_gnttab_init(&h->gnttab, h->port);
    HOSTILE_CHECK(h, err == 0, "grant table: %s", strerror(-err));
    err = weir_xs_open_ring(&h->xs, h->port);
    HOSTILE_CHECK(h, err == 0, "registry: %s", strerror(-err));
}

void *hostile_pages(struct hostile *h, unsigned n)
{
    void *p;
    int err = h->port->ops->alloc_pages(h->port, n, &p);

    HOSTILE_CHECK(h, err == 0, "%u pages: %s", n, strerror(-err));
    return p;
}

grant_ref_t hostile_grant(struct hostile *h, domid_t to, void *page,
                          bool readonly)
{
    grant_ref_t ref;
    int err = weir_gnttab_grant(&h->gnttab, to, page, readonly, &ref);

    HOSTILE_CHECK(h, err == 0, "grant: %s", strerror(-err));
    return ref;
}

void hostile_ungrant(struct hostile *h, grant_ref_t ref)
{
    uint64_t end = hostile_ms(h) + 5000;

    while (weir_gnttab_end(&h->gnttab, ref) != 0) {
        HOSTILE_CHECK(h, hostile_ms(h) < end, "the peer keeps reference %u",
                      ref);
        hostile_sleep_us(200);
    }
}

void hostile_find(struct hostile *h, struct hostile_dev *d, const char *cls,
                  unsigned devid)
{
    uint64_t id;
    int n, err;

    d->h = h;
    snprintf(d->path, sizeof(d->path), "device/%s/%u", cls, devid);
    n = weir_xs_read_key(&h->xs, 0, d->path, "backend", d->peer,
                         sizeof(d->peer));
    HOSTILE_CHECK(h, n > 0, "no device %s", d->path);
    err = weir_xs_read_u64(&h->xs, 0, d->path, "backend-id", &id);
    HOSTILE_CHECK(h, err == 0, "no backend-id");
    d->peer_domid = (domid_t)id;
}

void hostile_set(struct hostile_dev *d, const char *key, const char *value)
{
    int err = weir_xs_write_key(&d->h->xs, 0, d->path, key, value);

    HOSTILE_CHECK(d->h, err == 0, "writing %s: %s", key, strerror(-err));
}

void hostile_set_u64(struct hostile_dev *d, const char *key, uint64_t value)
{
    int err = weir_xs_write_u64(&d->h->xs, 0, d->path, key, value);

    HOSTILE_CHECK(d->h, err == 0, "writing %s: %s", key, strerror(-err));
}

void hostile_rm(struct hostile_dev *d, const char *key)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", d->path, key);
    weir_xs_rm(&d->h->xs, 0, path);
}

bool hostile_peer_u64(struct hostile_dev *d, const char *key, uint64_t *out)
{
    return weir_xs_read_u64(&d->h->xs, 0, d->peer, key, out) == 0;
}

void hostile_peer_text(struct hostile_dev *d, const char *key, char *buf,
                       size_t size)
{
    if (weir_xs_read_key(&d->h->xs, 0, d->peer, key, buf, size) < 0)
        buf[0] = '\0';
}

unsigned hostile_peer_state(struct hostile_dev *d)
{
    uint64_t v;

    return hostile_peer_u64(d, "state", &v) ? (unsigned)v : 0;
}

void hostile_expect(struct hostile_dev *d, unsigned state)
{
    uint64_t end = hostile_ms(d->h) + WAIT_MS;
    char error[200];

    while (hostile_peer_state(d) != state) {
        if (hostile_ms(d->h) >= end) {
            hostile_peer_text(d, "error", error, sizeof(error));
            hostile_fail(d->h, __FILE__, __LINE__,
                         "the other end of %s stays in state %u, not %u (%s)",
                         d->path, hostile_peer_state(d), state, error);
        }
        hostile_sleep_us(300);
    }
}

void hostile_expect_closed(struct hostile_dev *d, const char *reason)
{
    char error[200];

    hostile_expect(d, 5);
    hostile_peer_text(d, "error", error, sizeof(error));
    HOSTILE_CHECK(d->h, strstr(error, reason) != NULL,
                  "closed for \"%s\", not for \"%s\"", error, reason);
}

void hostile_restart(struct hostile_dev *d)
{
    hostile_set(d, "state", "6");
    hostile_expect(d, 6);
    hostile_set(d, "state", "1");
    hostile_expect(d, 2);
}

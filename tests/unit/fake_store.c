/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ring/error.h"
#include "tests/unit/fake_store.h"
#include "xenbus/store_int.h"

struct weir_fake_store {
    pthread_mutex_t lock;
    struct weir_store *store;
    struct weir_xs admin;
    uint64_t now;
    unsigned disturb;
};

/* xs->context */
struct link {
    struct weir_fake_store *f;
    struct weir_store_conn *conn;
};

static uint64_t fake_now(void *context)
{
    return ((struct weir_fake_store *)context)->now;
}

static const struct weir_store_ops store_ops = {.now_ns = fake_now};

/* A commit that is to conflict: the transaction is told that it has. */
static void spoil(struct link *l, const uint8_t *msg, size_t len)
{
    struct weir_xs_header h;
    struct xs_tx *tx;

    if (!l->f->disturb || len <= WEIR_XS_HDR_SIZE || weir_xs_hdr_get(&h, msg) ||
        h.type != WEIR_XS_TRANSACTION_END || msg[WEIR_XS_HDR_SIZE] != 'T')
        return;
    tx = xs_tx_find(l->conn, h.tx_id);
    if (!tx)
        return;
    tx->failed = -EAGAIN;
    l->f->disturb--;
}

static int link_send(struct weir_xs *xs, const void *buf, size_t len)
{
    struct link *l = xs->context;
    void *at = NULL;
    size_t room;
    int r;

    pthread_mutex_lock(&l->f->lock);
    spoil(l, buf, len);
    room = weir_store_space(l->conn, &at);
    if (len > room)
        len = room;
    if (len) {
        memcpy(at, buf, len);
        weir_store_fed(l->conn, len);
    }
    while ((r = weir_store_run(l->conn, 64)) > 0)
        ;
    pthread_mutex_unlock(&l->f->lock);
    return r < 0 ? -WEIR_ENOTCONN : (int)len;
}

static int link_recv(struct weir_xs *xs, void *buf, size_t len)
{
    struct link *l = xs->context;
    size_t n;

    pthread_mutex_lock(&l->f->lock);
    n = weir_store_peek(l->conn, buf, len);
    weir_store_sent(l->conn, n);
    if (!n && weir_store_dead(l->conn)) {
        pthread_mutex_unlock(&l->f->lock);
        return -WEIR_ENOTCONN;
    }
    pthread_mutex_unlock(&l->f->lock);
    return (int)n;
}

/* The store answers at once; what is not there now never comes. */
static int link_wait(struct weir_xs *xs, bool sending, uint64_t timeout_ns)
{
    (void)xs;
    (void)sending;
    (void)timeout_ns;
    return -WEIR_ETIMEDOUT;
}

static const struct weir_xs_transport link_transport = {
    .send = link_send,
    .recv = link_recv,
    .wait = link_wait,
};

int weir_fake_store_connect(struct weir_fake_store *f, struct weir_xs *xs,
                            domid_t domid)
{
    struct link *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    pthread_mutex_lock(&f->lock);
    l->f = f;
    l->conn = weir_store_connect(f->store, domid, NULL);
    pthread_mutex_unlock(&f->lock);
    if (!l->conn) {
        free(l);
        return -ENOMEM;
    }
    weir_xs_open(xs, &link_transport, l, NULL);
    xs->deadline_ns = UINT64_MAX; /* there is no clock to measure it by */
    return 0;
}

void weir_fake_store_disconnect(struct weir_fake_store *f, struct weir_xs *xs)
{
    struct link *l = xs->context;

    pthread_mutex_lock(&f->lock);
    weir_store_disconnect(l->conn);
    pthread_mutex_unlock(&f->lock);
    free(l);
    xs->context = NULL;
    xs->broken = -WEIR_ENOTCONN;
}

int weir_fake_store_new(struct weir_fake_store **out)
{
    struct weir_fake_store *f = calloc(1, sizeof(*f));
    int r;

    if (!f)
        return -ENOMEM;
    pthread_mutex_init(&f->lock, NULL);
    f->now = 1000000000;
    r = weir_store_new(&store_ops, f, &f->store);
    if (!r)
        r = weir_fake_store_connect(f, &f->admin, 0);
    if (r) {
        weir_store_free(f->store);
        free(f);
        return r;
    }
    *out = f;
    return 0;
}

void weir_fake_store_free(struct weir_fake_store *f)
{
    weir_fake_store_disconnect(f, &f->admin);
    weir_store_free(f->store);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

int weir_fake_store_set(struct weir_fake_store *f, const char *path,
                        const char *value)
{
    return weir_xs_write(&f->admin, 0, path, value, strlen(value));
}

int weir_fake_store_get(struct weir_fake_store *f, const char *path, char *buf,
                        size_t size)
{
    return weir_xs_read(&f->admin, 0, path, buf, size);
}

int weir_fake_store_own(struct weir_fake_store *f, const char *path,
                        domid_t owner, int reader)
{
    struct weir_xs_perm p = {.domid = owner, .mask = 0};
    char perms[2 * WEIR_XS_PERM_STR];
    unsigned n = weir_xs_perm_format(&p, perms) + 1;

    if (reader >= 0) {
        p.domid = (domid_t)reader;
        p.mask = WEIR_XS_PERM_READ;
        n += weir_xs_perm_format(&p, perms + n) + 1;
    }
    return weir_xs_set_perms(&f->admin, 0, path, perms, n);
}

int weir_fake_store_rm(struct weir_fake_store *f, const char *path)
{
    return weir_xs_rm(&f->admin, 0, path);
}

int weir_fake_store_introduce(struct weir_fake_store *f, domid_t domid)
{
    return weir_xs_introduce(&f->admin, domid, 0, 0);
}

int weir_fake_store_release(struct weir_fake_store *f, domid_t domid)
{
    return weir_xs_release(&f->admin, domid);
}

void weir_fake_store_disturb(struct weir_fake_store *f, unsigned n)
{
    pthread_mutex_lock(&f->lock);
    f->disturb = n;
    pthread_mutex_unlock(&f->lock);
}

void weir_fake_store_advance(struct weir_fake_store *f, uint64_t ns)
{
    pthread_mutex_lock(&f->lock);
    f->now += ns;
    weir_store_tick(f->store);
    pthread_mutex_unlock(&f->lock);
}

struct weir_store *weir_fake_store_core(struct weir_fake_store *f)
{
    return f->store;
}

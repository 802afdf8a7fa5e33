/* SPDX-License-Identifier: MIT
 *
 * hostile_backend disk|net ATTACK: plays backend to hostile_victim, the domain
 * named in HOSTILE_FRONT, and after a few honest answers does its worst.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/hostile_back.h"

static unsigned env_number(const char *name)
{
    const char *s = getenv(name);

    return s != NULL ? (unsigned)strtoul(s, NULL, 10) : 0;
}

void back_find(struct back *b, const char *cls, unsigned devid)
{
    struct hostile_dev *d = &b->dev;
    int n;

    d->h = b->h;
    d->peer_domid = (domid_t)env_number("HOSTILE_FRONT");
    snprintf(d->path, sizeof(d->path), "backend/%s/%u/%u", cls, d->peer_domid,
             devid);
    n = weir_xs_read_key(&b->h->xs, 0, d->path, "frontend", d->peer,
                         sizeof(d->peer));
    HOSTILE_CHECK(b->h, n > 0, "no device %s", d->path);
}

uint64_t back_number(struct back *b, const char *key)
{
    uint64_t v = 0;

    HOSTILE_CHECK(b->h, hostile_peer_u64(&b->dev, key, &v), "no node %s", key);
    return v;
}

void *back_map(struct back *b, grant_ref_t ref, bool readonly)
{
    struct weir_map_op op = {
        .dom = b->dev.peer_domid, .ref = ref, .readonly = readonly};
    int err = b->h->port->ops->map(b->h->port, &op, 1);

    return err == 0 && op.status == 0 ? op.addr : NULL;
}

evtchn_port_t back_bind(struct back *b, const char *key)
{
    evtchn_port_t port = 0;
    int err =
        b->h->port->ops->evtchn_bind(b->h->port, b->dev.peer_domid,
                                     (evtchn_port_t)back_number(b, key), &port);

    HOSTILE_CHECK(b->h, err == 0, "bind %s: %s", key, strerror(-err));
    return port;
}

/* Every page it may have, full of 0xee; others cannot be had. */
unsigned back_seize(struct back *b)
{
    unsigned got = 0;

    for (grant_ref_t ref = 0; ref < 800; ref++) {
        uint8_t *p = back_map(b, ref, false);

        if (p == NULL)
            continue;
        memset(p + 2048, 0xee, 2048);
        got++;
    }
    return got;
}

uint32_t back_random(void)
{
    static uint32_t x = 88172645u;

    x ^= x << 13;
    x ^= x >> 17;
    return x ^= x << 5;
}

void back_flap(struct back *b)
{
    static const char *const state[] = {"0", "1",   "2", "3", "4", "4",
                                        "5", "4",   "7", "8", "9", "",
                                        "4", "abc", "2", "6"};

    for (unsigned i = 0; i < 300; i++) {
        hostile_set(&b->dev, "state", state[back_random() % 16]);
        if (i % 8 == 0)
            hostile_sleep_us(1000);
    }
    hostile_set(&b->dev, "state", "6");
}

/* Until the victim has had enough: the test says so, or it closes. */
void back_linger(struct back *b)
{
    uint64_t end = hostile_ms(b->h) + 15000;

    while (hostile_ms(b->h) < end) {
        unsigned s = hostile_peer_state(&b->dev);

        if (s == 0 || s >= 5)
            break;
        hostile_sleep_us(1000);
    }
    hostile_set(&b->dev, "state", "6");
}

int main(int argc, char **argv)
{
    static struct hostile h;
    static struct back b;

    if (argc < 2)
        return 2;
    hostile_open(&h, argv[1]);
    b.h = &h;
    b.attack = strchr(argv[1], ':');
    if (b.attack == NULL)
        return 2;
    b.attack++;
    if (strncmp(argv[1], "disk:", 5) == 0)
        back_disk(&b);
    else
        back_net(&b);
    back_linger(&b);
    _exit(0); /* sealed: no leak search */
}

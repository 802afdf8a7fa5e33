/* SPDX-License-Identifier: MIT */
#include "tests/bench/load.h"

#include "ring/error.h"

#define FIRST_NS UINT64_C(5000000000)
#define BATCH    64

static uint64_t now(const struct load_net *l)
{
    return l->port->ops->now_ns(l->port);
}

/* Counting begins when a quarter of the time has gone. */
struct count {
    uint64_t span, began, from;
    bool warm;
};

/* true: the time is over, and l says what was counted. */
static bool counted(struct load_net *l, struct count *c, uint64_t frames)
{
    uint64_t t = now(l);

    if (!c->warm && t - c->began > c->span / 4) {
        c->warm = true;
        c->began = t;
        c->from = frames;
    }
    l->frames = frames - c->from;
    l->ns = t - c->began;
    return c->warm && l->ns >= c->span;
}

int load_net_tx(struct load_net *l)
{
    static uint8_t frame[WEIR_NETFRONT_MAX];
    struct weir_netfront_vec v = {frame, l->size};
    struct count c = {.span = l->ns, .began = now(l)};
    uint64_t sent = 0;

    weir_memcpy(frame, l->to, 6);
    weir_memcpy(frame + 6, l->nf->mac, 6);
    frame[12] = 0x88;
    frame[13] = 0xb5;
    do {
        int err = 0;

        for (int i = 0; i < BATCH && err == 0; i++) {
            err = weir_netfront_send(l->nf, 0, &v, 1, NULL);
            sent += err == 0;
        }
        if (err != 0 && err != -WEIR_EAGAIN)
            return err;
        weir_netfront_flush(l->nf, 0);
        if (weir_netfront_room(l->nf, 0) == 0) {
            err = weir_netfront_wait(l->nf, 0, FIRST_NS);
            if (err != 0)
                return err;
        }
    } while (!counted(l, &c, sent));
    return 0;
}

int load_net_rx(struct load_net *l)
{
    static uint8_t frame[WEIR_NETFRONT_MAX];
    struct count c = {.span = l->ns};
    uint64_t got = 0, give_up = now(l) + FIRST_NS;

    do {
        int n = 1;

        for (int i = 0; i < BATCH && n > 0; i++) {
            n = weir_netfront_recv(l->nf, 0, frame, sizeof(frame), NULL);
            got += n > 0;
        }
        if (n == 0)
            n = weir_netfront_wait(l->nf, 0, c.span);
        if (n < 0)
            return n;
        if (got == 0) {
            c.began = now(l);
            if (c.began > give_up) {
                l->frames = 0;
                l->ns = 1;
                return 0;
            }
        }
    } while (got == 0 || !counted(l, &c, got));
    return 0;
}

/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/nic_front.h"

#include <string.h>

#include "ring/error.h"

#define BATCH 64

static struct web_nic_front *front_of(struct web_nic *n)
{
    return (struct web_nic_front *)n;
}

static int front_send(struct web_nic *n, const void *frame, size_t len)
{
    struct weir_netfront_vec vec = {.base = frame, .len = (uint32_t)len};

    return weir_netfront_send(&front_of(n)->front, 0, &vec, 1, NULL);
}

static void front_flush(struct web_nic *n)
{
    weir_netfront_flush(&front_of(n)->front, 0);
}

static unsigned front_poll(struct web_nic *n, web_nic_input_fn input, void *arg)
{
    struct web_nic_front *f = front_of(n);
    struct weir_netfront_offload off;
    unsigned i;

    for (i = 0; i < BATCH; i++) {
        struct web_frag frag = {.p = f->frame};
        int len =
            weir_netfront_recv(&f->front, 0, f->frame, sizeof(f->frame), &off);

        if (len <= 0)
            break;
        frag.len = (size_t)len;
        input(arg, &frag, 1, (off.flags & WEIR_NETFRONT_CSUM_BLANK) || off.gso);
    }
    return i;
}

static const struct web_nic_ops ops = {
    .send = front_send,
    .flush = front_flush,
    .poll = front_poll,
};

int web_nic_front_open(struct web_nic_front *n, struct weir_front_bus *bus,
                       unsigned index, uint64_t timeout_ns)
{
    /* The stack takes long TCP segments and fills in checksums. */
    struct weir_netfront_config config = {.rx_offload = true};
    uint32_t mtu;
    int err;

    memset(n, 0, sizeof(*n));
    err = weir_netfront_open(&n->front, bus, index, &config);
    if (err)
        return err;
    err =
        weir_front_wait_state(&n->front.dev, WEIR_XENBUS_CONNECTED, timeout_ns);
    if (err) {
        weir_netfront_close(&n->front);
        return err;
    }
    mtu = n->front.mtu;
    n->nic = (struct web_nic){
        .ops = &ops,
        .mtu = mtu < 576     ? 576
               : mtu > 65521 ? 65521
                             : (uint16_t)mtu,
    };
    memcpy(n->nic.mac, n->front.mac, sizeof(n->nic.mac));
    return 0;
}

void web_nic_front_close(struct web_nic_front *n)
{
    weir_netfront_close(&n->front);
}

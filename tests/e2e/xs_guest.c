/* SPDX-License-Identifier: MIT
 *
 * A process domain that talks to the registry over its ring page, well
 * (work, rate) or badly (vandal, flood, half).  Run by xs_domain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/client/process.h"
#include "ring/barrier.h"
#include "xenbus/client.h"
#include "xenbus/ring_page.h"

static struct weir_xs xs;
static struct weir_port *port;

static unsigned env_id(const char *name)
{
    const char *v = getenv(name);

    return v ? (unsigned)strtoul(v, NULL, 10) : 0;
}

static uint64_t now(void)
{
    return port->ops->now_ns(port);
}

static void notify(void)
{
    port->ops->evtchn_notify(port, port->start.store_evtchn);
}

/* Half the work of real life: large values, transactions, a watch. */
static int work(unsigned rounds)
{
    static char in[1800], out[2048];
    struct weir_xs_event ev;
    weir_xs_tx tx;
    int r;

    if (weir_xs_watch(&xs, "device", "t") || weir_xs_next_event(&xs, &ev) != 1)
        return 10;
    for (unsigned i = 0; i < rounds; i++) {
        memset(in, 'a' + (int)(i % 26), sizeof(in));
        if (weir_xs_write(&xs, 0, "device/big", in, sizeof(in)))
            return 11;
        if (weir_xs_read(&xs, 0, "device/big", out, sizeof(out)) !=
                (int)sizeof(in) ||
            memcmp(in, out, sizeof(in)))
            return 12;
        do {
            if (weir_xs_transaction_start(&xs, &tx) ||
                weir_xs_write_u64(&xs, tx, "device", "n", i))
                return 13;
            r = weir_xs_transaction_end(&xs, tx, true);
        } while (r == -11);
        if (r)
            return 14;
        for (int seen = 0; seen < 2; seen++)
            if (weir_xs_next_event(&xs, &ev) != 1 ||
                strncmp(ev.path, "device/", 7))
                return 15;
    }
    return 0;
}

static int rate(void)
{
    uint64_t start = now(), took;
    unsigned n = 0;
    char buf[64];

    weir_xs_write(&xs, 0, "device/key", "value", 5);
    do {
        for (int i = 0; i < 100; i++, n++)
            if (weir_xs_read(&xs, 0, "device/key", buf, sizeof(buf)) != 5)
                return 20;
        took = now() - start;
    } while (took < 1000000000);
    fprintf(stderr, "xs_guest: %.0f reads/s over the ring page\n",
            n * 1e9 / (double)took);
    return 0;
}

/* Scribbles over the page as fast as it can. */
static int vandal(void)
{
    volatile uint32_t *words = port->start.store_page;
    uint64_t end = now() + 1500000000;
    uint32_t x = 12345;

    while (now() < end) {
        for (int i = 0; i < 64; i++) {
            x = x * 1664525 + 1013904223;
            if (x & 0x10000)
                words[512 + (x >> 20) % 7] = x & 0x20000 ? x : x >> 22;
            else
                words[(x >> 18) % 512] = x;
        }
        words[517] = (x >> 24) & 1; /* now and then: reconnect */
        notify();
    }
    return 0;
}

/* Requests without end, replies never taken. */
static int flood(void)
{
    struct weir_xs_header h = {.type = WEIR_XS_GET_DOMAIN_PATH, .len = 2};
    uint64_t end = now() + 1500000000;
    uint8_t msg[WEIR_XS_HDR_SIZE + 2] = {0};

    weir_xs_hdr_put(msg, &h);
    msg[WEIR_XS_HDR_SIZE] = '1';
    weir_xs_watch(&xs, "/", "flood");
    while (now() < end)
        if (xs.transport->send(&xs, msg, sizeof(msg)) < 0)
            return 30;
    return 0;
}

/* Half a message, then nothing until it is killed. */
static int half(void)
{
    uint64_t pending;

    xs.transport->send(&xs, "\2\0\0\0\1", 5);
    while (!port->ops->wait(port, &port->start.store_evtchn, 1, UINT64_MAX,
                            &pending))
        ;
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    struct weir_process *d;
    int r = weir_process_open(WEIR_FD_HV, &d);

    if (!r)
        r = weir_process_seal(d, 0, env_id("WEIR_UID"), env_id("WEIR_GID"));
    if (r)
        return 1;
    port = weir_process_port(d);
    if (weir_xs_open_ring(&xs, port))
        return 2;
    if (!strcmp(mode, "work"))
        return work(argc > 2 ? (unsigned)atoi(argv[2]) : 100);
    if (!strcmp(mode, "rate"))
        return rate();
    if (!strcmp(mode, "vandal"))
        return vandal();
    if (!strcmp(mode, "flood"))
        return flood();
    return !strcmp(mode, "half") ? half() : 3;
}

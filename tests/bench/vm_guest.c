/* SPDX-License-Identifier: MIT
 *
 * The guest of bench_vm: measures what its command line says and prints
 * "NAME NUMBER" on its console.
 *
 *   calls             ns of a hypercall, of one at level 0, of map and unmap
 *   events DOMID      asks DOMID to bind ("grant N", "port N");
 * vm_guest_event.c blk OP SEQUENTIAL BYTES DEPTH MS tx SIZE MS, rx MS
 */
#include "frontends/common/text.h"
#include "frontends/guest/guest.h"
#include "frontends/guest/level0.h"
#include "ring/error.h"
#include "ring/grant.h"
#include "tests/bench/load.h"
#include "tests/bench/vm_guest.h"
#include "xenbus/wire.h"

#define CALLS      5000u
#define BATCH      16u
#define BATCHES    200u
#define CONNECT_NS UINT64_C(10000000000)
#define WORDS      8

static struct weir_guest *guest;
static struct weir_gnttab gnttab;
static struct weir_front_bus bus;
static uint64_t arg[WORDS]; /* numbers of the command line; else first byte */

static uint64_t now(void)
{
    return guest->port->ops->now_ns(guest->port);
}

void vm_guest_say(struct weir_guest *g, const char *name, uint64_t v)
{
    weir_guest_print(g, name);
    weir_guest_print(g, " ");
    weir_guest_print_u64(g, v);
    weir_guest_print(g, "\n");
}

static void say(const char *name, uint64_t v)
{
    vm_guest_say(guest, name, v);
}

static int map_batches(grant_ref_t *ref)
{
    const struct weir_port_ops *ops = guest->port->ops;
    struct weir_map_op map[BATCH];
    struct weir_unmap_op unmap[BATCH];

    for (unsigned n = 0; n < BATCHES; n++) {
        for (unsigned i = 0; i < BATCH; i++)
            map[i] = (struct weir_map_op){.dom = guest->port->start.domid,
                                          .ref = ref[i]};
        if (ops->map(guest->port, map, BATCH) != 0)
            return -WEIR_EIO;
        for (unsigned i = 0; i < BATCH; i++) {
            if (map[i].status != 0)
                return map[i].status;
            *(volatile char *)map[i].addr = 1; /* it is to be used */
            unmap[i] = (struct weir_unmap_op){map[i].addr, map[i].handle, 0};
        }
        if (ops->unmap(guest->port, unmap, BATCH) != 0)
            return -WEIR_EIO;
    }
    return 0;
}

static int calls(void)
{
    uint64_t t = now();
    grant_ref_t ref[BATCH];
    int err = 0;

    for (unsigned i = 0; i < CALLS; i++)
        weir_guest_hypercall(WEIR_HYPERCALL_XEN_VERSION, WEIR_XENVER_VERSION, 0,
                             0, 0, 0);
    say("hypercall", (now() - t) / CALLS);
    t = now();
    weir_guest_level0((uintptr_t)weir_bench_level0_loop,
                      (uintptr_t)weir_guest_hypercalls +
                          WEIR_HYPERCALL_XEN_VERSION * WEIR_HYPERCALL_STUB,
                      CALLS, 0, 0, 0);
    say("level0", (now() - t) / CALLS);
    for (unsigned i = 0; i < BATCH && err == 0; i++)
        err = weir_gnttab_grant(&gnttab, guest->port->start.domid,
                                weir_guest_pages(guest, 1), false, &ref[i]);
    t = now();
    if (err == 0)
        err = map_batches(ref);
    say("map", (now() - t) / (BATCHES * BATCH));
    return err;
}

static int sleep_on(void)
{
    uint64_t pending;
    int err;

    weir_guest_print(guest, "asleep\n");
    do
        err =
            guest->port->ops->wait(guest->port, NULL, 0, UINT64_MAX, &pending);
    while (err == 0);
    return err;
}

static int blk(void)
{
    static struct load_blk l;
    const struct weir_blkfront_config cfg = {.poll_bus = true,
                                             .spin_ns = 50000,
                                             .ring_order = 1,
                                             .big_requests = LOAD_DEPTH_MAX};
    struct weir_blkfront *bf;
    int err = weir_blkfront_open(&bus, 0, &cfg, &bf);

    if (err != 0)
        return err;
    l.write = arg[1] == 'w';
    l.sequential = arg[2] != 0;
    l.bytes = (uint32_t)arg[3];
    l.depth = (unsigned)arg[4];
    l.span_ns = arg[5] * 1000000u;
    err = load_blk(&l, guest->port, bf);
    if (err == 0)
        say("IOPS", l.done * 1000000000u / l.ns);
    weir_blkfront_close(bf);
    return err;
}

static int net(bool tx)
{
    static struct weir_netfront nf;
    struct load_net l = {.nf = &nf,
                         .port = guest->port,
                         .size = (uint32_t)arg[1],
                         .to = {255, 255, 255, 255, 255, 255},
                         .ns = arg[tx ? 2 : 1] * 1000000u};
    int err = weir_netfront_open(&nf, &bus, 0, NULL);

    if (err == 0)
        err = weir_front_wait_state(&nf.dev, WEIR_XENBUS_CONNECTED, CONNECT_NS);
    if (err == 0)
        err = tx ? load_net_tx(&l) : load_net_rx(&l);
    if (err == 0)
        say("PPS", l.frames * 1000000000u / l.ns);
    weir_netfront_close(&nf);
    return err;
}

/* Words become numbers, or their first byte; the first word stays. */
static void split(char *line)
{
    unsigned n = 0;

    while (*line != '\0' && n < WORDS) {
        char *word = line;

        while (*line != '\0' && *line != ' ')
            line++;
        if (*line == ' ')
            *line++ = '\0';
        if (weir_xs_parse_u64(word, &arg[n]) != 0)
            arg[n] = (uint8_t)*word;
        n++;
    }
}

int weir_guest_main(struct weir_guest *g)
{
    int err = weir_gnttab_init(&gnttab, g->port);

    guest = g;
    weir_guest_print(g, "up\n");
    split(g->cmdline);
    if (err != 0 || weir_text_equal(g->cmdline, "calls"))
        return err != 0 ? err : calls();
    if (weir_text_equal(g->cmdline, "events"))
        return vm_guest_events(g, &gnttab, (domid_t)arg[1]);
    if (weir_text_equal(g->cmdline, "sleep"))
        return sleep_on();
    if (g->cmdline[0] == '\0')
        return 0;
    err = weir_front_bus_open(&bus, g->port, &gnttab);
    if (err != 0)
        return err;
    if (weir_text_equal(g->cmdline, "blk"))
        return blk();
    return net(weir_text_equal(g->cmdline, "tx"));
}

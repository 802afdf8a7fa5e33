/* SPDX-License-Identifier: MIT
 *
 * vm_echo DOMID PORT GRANT: the process domain at the other end of a guest's
 * events, does what the guest's page orders (vm_oneway.h) until it is killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hypervisor/client/process.h"
#include "ring/barrier.h"
#include "tests/bench/vm_oneway.h"

struct echo {
    struct weir_port *port;
    evtchn_port_t local;
    struct oneway_page *page;
};

static unsigned env_id(const char *name)
{
    const char *s = getenv(name);

    return s ? (unsigned)strtoul(s, NULL, 10) : 0;
}

static uint64_t tsc(void)
{
    return __builtin_ia32_rdtsc();
}

static int notify(struct echo *e)
{
    return e->port->ops->evtchn_notify(e->port, e->local);
}

static int hear(struct echo *e)
{
    uint64_t pending;

    return e->port->ops->wait(e->port, &e->local, 1, UINT64_MAX, &pending);
}

static int connect_to(struct echo *e, domid_t dom, evtchn_port_t port,
                      grant_ref_t ref)
{
    struct weir_map_op map = {.dom = dom, .ref = ref};
    uint64_t pending;
    int err = e->port->ops->map(e->port, &map, 1);

    if (!err)
        err = map.status;
    e->page = map.addr;
    if (!err)
        err = e->port->ops->evtchn_bind(e->port, dom, port, &e->local);
    if (!err) /* a new port is pending */
        err = e->port->ops->wait(e->port, &e->local, 1, 0, &pending);
    return err ? err : notify(e);
}

static int send_later(struct echo *e, uint64_t *stamp)
{
    uint64_t end = e->port->ops->now_ns(e->port) + ONEWAY_ASLEEP_NS;

    while (e->port->ops->now_ns(e->port) < end)
        weir_pause();
    *stamp = tsc();
    return notify(e);
}

static int burst(struct echo *e, uint64_t *stamp)
{
    uint64_t t = tsc();
    int err = 0;

    for (unsigned i = 0; i < ONEWAY_BURST && !err; i++)
        err = notify(e);
    *stamp = tsc() - t;
    return err;
}

static int echo(struct echo *e)
{
    int err;

    do {
        err = hear(e);
        if (!err)
            err = notify(e);
    } while (!err);
    return err;
}

static int obey(struct echo *e)
{
    uint64_t done = 0;
    int err = 0;

    while (!err) {
        uint64_t ask = weir_load_acquire64(&e->page->ask);
        uint64_t stamp = tsc();

        if (ask == done) {
            weir_pause();
            continue;
        }
        switch (e->page->what) {
        case ONEWAY_HEAR:
            weir_store_release64(&e->page->ready, ask);
            err = hear(e);
            stamp = tsc();
            break;
        case ONEWAY_SEND:
            err = send_later(e, &stamp);
            break;
        case ONEWAY_BURST_OF:
            err = burst(e, &stamp);
            break;
        case ONEWAY_ECHO:
            return echo(e);
        }
        e->page->stamp = stamp;
        weir_store_release64(&e->page->answer, ask);
        done = ask;
    }
    return err;
}

int main(int argc, char **argv)
{
    struct weir_process *process;
    struct echo e;
    int err;

    if (argc != 4)
        return 2;
    err = weir_process_open(WEIR_FD_HV, &process);
    if (!err)
        err = weir_process_seal(process, 0, env_id("WEIR_UID"),
                                env_id("WEIR_GID"));
    if (!err) {
        e.port = weir_process_port(process);
        err =
            connect_to(&e, (domid_t)atoi(argv[1]), (evtchn_port_t)atoi(argv[2]),
                       (grant_ref_t)atoi(argv[3]));
    }
    if (!err)
        err = obey(&e);
    fprintf(stderr, "vm_echo: %s\n", strerror(-err));
    return 1;
}

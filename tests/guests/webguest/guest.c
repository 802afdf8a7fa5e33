/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/guest.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring/error.h"
#include "ring/poll.h"
#include "tests/guests/webguest/console.h"
#include "tests/guests/webguest/disk_front.h"
#include "tests/guests/webguest/net.h"
#include "tests/guests/webguest/nic_front.h"
#include "tests/guests/webguest/server.h"

#define CONNECT_NS (30 * 1000000000ull)
#define SLEEP_MS   100u
#define REPORT_MS  10000u

struct guest {
    const struct web_guest_env *env;
    struct weir_port *port;
    struct web_console console;
    struct weir_gnttab gnttab;
    struct weir_front_bus bus;
    struct web_disk_front disk;
    struct web_nic_front nic;
    struct web_net net;
    struct web_fs *fs;
    struct web_server *server;
    struct weir_poller poller;
    struct web_server_stats reported;
    uint64_t report_ms;
    bool disk_open, nic_open;
};

__attribute__((format(printf, 2, 3))) static void say(struct guest *g,
                                                      const char *fmt, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    web_console_line(&g->console, line);
}

static int fail(struct guest *g, const char *what, int err)
{
    char line[128];

    snprintf(line, sizeof(line), "webguest: %s: error %d", what, -err);
    web_console_line(&g->console, line);
    g->port->ops->log(g->port, WEIR_LOG_ERROR, line);
    return err;
}

static uint64_t now_ms(void *context)
{
    struct guest *g = context;

    return g->port->ops->now_ns(g->port) / 1000000;
}

static uint64_t unix_time(void *context)
{
    struct guest *g = context;

    return g->env->unix_time ? g->env->unix_time(context) : 0;
}

static void log_line(void *context, const char *line)
{
    struct guest *g = context;

    web_console_line(&g->console, line);
}

static int open_disk(struct guest *g)
{
    const struct web_options *o = &g->env->options;
    int err = web_disk_front_open(&g->disk, &g->bus, o->vbd);

    if (err)
        return fail(g, "no disk", err);
    g->disk_open = true;
    err = web_fs_open(&g->disk.disk, o->writable, &g->fs);
    if (err)
        return fail(g, "no usable ext2, ext3 or ext4 on the disk", err);
    say(g, "disk: %" PRIu64 " MiB, file system \"%.16s\", %s",
        g->disk.disk.sectors / 2048, web_fs_label(g->fs),
        o->writable ? "writable" : "read-only");
    return 0;
}

static int open_net(struct guest *g)
{
    const struct web_options *o = &g->env->options;
    struct web_net_config c = {
        .nic = &g->nic.nic,
        .ip = o->ip,
        .mask = o->mask,
        .gateway = o->gateway,
        .seed = g->env->seed,
    };
    uint8_t ip[4];
    int err = web_nic_front_open(&g->nic, &g->bus, o->vif, CONNECT_NS);

    if (err)
        return fail(g, "no network interface", err);
    g->nic_open = true;
    if (o->mtu)
        g->nic.nic.mtu = o->mtu;
    err = web_net_open(&g->net, &c);
    if (err)
        return fail(g, "cannot start TCP/IP", err);
    memcpy(ip, &o->ip, 4);
    say(g, "net: %u.%u.%u.%u, MTU %u, %s", ip[0], ip[1], ip[2], ip[3],
        g->nic.nic.mtu, g->nic.front.pooled ? "pre-granted pool" : "no pool");
    return 0;
}

static int open_server(struct guest *g)
{
    struct web_server_config c = {
        .disk = &g->disk.disk,
        .fs = g->fs,
        .port = g->env->options.port,
        .now_ms = now_ms,
        .unix_time = unix_time,
        .log = log_line,
        .context = g,
    };
    int err = web_server_open(&c, &g->server);

    if (err)
        return fail(g, "cannot start the server", err);
    say(g, "serving HTTP on port %u", c.port);
    return 0;
}

/* The toolstack asks by a node of ours; emptying it says that we heard. */
static bool asked_to_stop(struct guest *g)
{
    char why[32];
    int len = weir_xs_read(&g->bus.xs, 0, "control/shutdown", why, sizeof(why));

    if (len <= 0)
        return false;
    weir_xs_write(&g->bus.xs, 0, "control/shutdown", "", 0);
    say(g, "shutting down: %s", why);
    return true;
}

static void sleep_until_work(struct guest *g)
{
    evtchn_port_t ports[4];
    unsigned n = 0;
    uint64_t pending;
    uint32_t ms = web_net_sleep_ms();

    if (ms > SLEEP_MS)
        ms = SLEEP_MS;
    if (g->nic.front.connected &&
        weir_netfront_arm(&g->nic.front, 0, ports, &n) != 0)
        return;
    if (weir_blkfront_arm(g->disk.front, 0) > 0)
        return;
    ports[n++] = weir_blkfront_evtchn(g->disk.front, 0);
    ports[n++] = g->port->start.store_evtchn;
    weir_poller_sleeping(&g->poller);
    g->port->ops->wait(g->port, ports, n, (uint64_t)ms * 1000000, &pending);
    weir_poller_woken(&g->poller);
}

/* Now and then a line about what was done, when anything was. */
static void report(struct guest *g)
{
    struct web_server_stats s;
    uint64_t now = now_ms(g);

    if (now - g->report_ms < REPORT_MS)
        return;
    g->report_ms = now;
    web_server_stats(g->server, &s);
    if (s.requests == g->reported.requests)
        return;
    g->reported = s;
    say(g,
        "%" PRIu64 " requests, %" PRIu64 " errors, %" PRIu64
        " MiB sent, %u connections",
        s.requests, s.errors, s.bytes_sent >> 20, s.conns);
}

/* Why the guest cannot go on, or NULL. */
static const char *device_lost(struct guest *g)
{
    if (g->nic.front.reason)
        return g->nic.front.reason;
    if (g->nic.front.dev.state == WEIR_XENBUS_CLOSED)
        return "the network backend closed the interface";
    if (weir_blkfront_poll(g->disk.front, 0) < 0)
        return "the disk's backend closed it, or broke the protocol";
    return NULL;
}

static int serve(struct guest *g)
{
    const char *lost;
    unsigned turns = 0;

    for (;;) {
        bool moved = web_net_step(&g->net);

        moved |= g->disk.disk.ops->poll(&g->disk.disk) > 0;
        moved |= web_server_step(g->server);
        web_net_flush(&g->net);
        if (moved)
            weir_poller_worked(&g->poller);
        else if (!weir_poller_idle(&g->poller))
            sleep_until_work(g);
        else if (++turns % 64)
            continue; /* spinning: the registry can wait a little */
        if (weir_front_bus_poll(&g->bus) > 0 || turns++ % 256 == 0) {
            if (asked_to_stop(g))
                return 0;
            lost = device_lost(g);
            if (lost)
                return fail(g, lost, -WEIR_ENOTCONN);
        }
        report(g);
    }
}

static int start(struct guest *g)
{
    int err = weir_gnttab_init(&g->gnttab, g->port);

    if (err)
        return fail(g, "no grant table", err);
    err = weir_front_bus_open(&g->bus, g->port, &g->gnttab);
    if (err)
        return fail(g, "no registry", err);
    err = weir_xs_watch(&g->bus.xs, "control/shutdown", "shutdown");
    if (err)
        return fail(g, "cannot watch control/shutdown", err);
    err = open_disk(g);
    if (!err)
        err = open_net(g);
    if (!err)
        err = open_server(g);
    return err;
}

static void stop(struct guest *g)
{
    if (g->server) {
        web_server_close(g->server);
        web_net_flush(&g->net);
    }
    if (g->fs && web_fs_close(g->fs))
        say(g, "the file system could not be closed in order");
    if (g->nic_open)
        web_nic_front_close(&g->nic);
    if (g->disk_open)
        web_disk_front_close(&g->disk);
    if (g->server)
        web_server_free(g->server);
    say(g, "stopped");
}

int web_guest_run(const struct web_guest_env *env)
{
    struct guest *g = calloc(1, sizeof(*g));
    int err;

    if (!g)
        return -WEIR_ENOMEM;
    g->env = env;
    g->port = env->port;
    web_console_open(&g->console, g->port);
    say(g, "webguest " WEIR_VERSION ", domain %u", g->port->start.domid);
    weir_poller_init(&g->poller, g->port, WEIR_POLL_BUDGET_NS);
    g->poller.crowded = env->crowded;
    err = start(g);
    if (!err)
        err = serve(g);
    stop(g);
    free(g);
    return err;
}

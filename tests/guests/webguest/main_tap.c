/* SPDX-License-Identifier: MIT
 *
 * The web guest without Weir: its server on a plain file and a tap.  It shows
 * whether a fault is in the guest or in the path below it, and measures what
 * the guest itself can do.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "tests/guests/webguest/disk_file.h"
#include "tests/guests/webguest/net.h"
#include "tests/guests/webguest/nic_tap.h"
#include "tests/guests/webguest/options.h"
#include "tests/guests/webguest/server.h"

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
    (void)signal;
    stop = 1;
}

static uint64_t now_ms(void *context)
{
    struct timespec t;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t unix_time(void *context)
{
    (void)context;
    return (uint64_t)time(NULL);
}

static void log_line(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "webguest-tap: %s\n", line);
}

static int fail(const char *what, const char *name, int err)
{
    fprintf(stderr, "webguest-tap: %s %s: %s\n", what, name, strerror(-err));
    return 1;
}

static int serve(struct web_net *net, struct web_server *server,
                 struct web_disk_file *disk, int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};

    while (!stop) {
        bool moved = web_net_step(net);

        moved |= disk->disk.ops->poll(&disk->disk) > 0;
        moved |= web_server_step(server);
        web_net_flush(net);
        if (!moved) {
            uint32_t ms = web_net_sleep_ms();

            poll(&pfd, 1, net->count ? 1 : ms < 100 ? (int)ms : 100);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x77, 0x65, 0x62};
    static struct web_disk_file disk;
    static struct web_nic_tap nic;
    static struct web_net net;
    struct web_options o;
    struct web_net_config nc;
    struct web_server_config sc = {
        .now_ms = now_ms, .unix_time = unix_time, .log = log_line};
    struct web_server *server;
    const char *which,
        *error = web_options_parse(&o, argc, (const char *const *)argv, &which);
    int err;

    if (error || !o.image || !o.tap) {
        fprintf(stderr,
                "webguest-tap: %s %s\nusage: webguest-tap %s\n"
                "    --image FILE --tap NAME\n",
                error ? which : "--image, --tap", error ? error : "are needed",
                web_options_usage);
        return 2;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if ((err = web_disk_file_open(&disk, o.image, o.writable)))
        return fail("cannot open", o.image, err);
    if ((err = web_fs_open(&disk.disk, o.writable, &sc.fs)))
        return fail("no file system on", o.image, err);
    if ((err = web_nic_tap_open(&nic, o.tap, mac)))
        return fail("cannot open", o.tap, err);
    if (o.mtu)
        nic.nic.mtu = o.mtu;
    nc = (struct web_net_config){
        .nic = &nic.nic, .ip = o.ip, .mask = o.mask, .gateway = o.gateway};
    if (getrandom(&nc.seed, sizeof(nc.seed), 0) < 0)
        nc.seed = (uint32_t)time(NULL);
    if ((err = web_net_open(&net, &nc)))
        return fail("cannot start", "TCP/IP", err);
    sc.disk = &disk.disk;
    sc.port = o.port;
    if ((err = web_server_open(&sc, &server)))
        return fail("cannot start", "the server", err);
    log_line(NULL, "serving");
    serve(&net, server, &disk, nic.fd);
    web_server_close(server);
    err = web_fs_close(sc.fs);
    web_disk_file_close(&disk);
    web_server_free(server);
    return err ? fail("cannot close", o.image, err) : 0;
}

/* SPDX-License-Identifier: MIT
 *
 * A guest for network tests and benchmarks, as a process domain:
 *
 *   net_guest tx SIZE MS [to AA:BB:CC:DD:EE:FF]   send frames as fast as it can
 *   net_guest rx MS          count frames for so long after the first one
 *   net_guest echo A.B.C.D   answer ARP and ping for that address, and send UDP
 *                            datagrams without a checksum and frames of type
 *                            0x88b5 back, until it gets one of type 0x88b6
 *
 * tx and rx write `result` (frames), `ns` into the device's directory.  With
 * NET_GUEST_NO_POOL set it does without the pre-granted pool.
 */
#include "hypervisor/client/process.h"
#include "tests/bench/load.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_NS UINT64_C(10000000000)
#define FIRST_NS   UINT64_C(5000000000)

static struct weir_netfront nf;
static struct weir_front_bus bus;
static struct weir_gnttab gnttab;
static uint8_t frame[65536];

static int result(uint64_t frames, uint64_t ns)
{
    int err = weir_xs_write_u64(&bus.xs, 0, nf.dev.path, "ns", ns);
    if (!err)
        err = weir_xs_write_u64(&bus.xs, 0, nf.dev.path, "result", frames);
    return err;
}

static int parse_mac(const char *s, uint8_t mac[6])
{
    unsigned v[6];
    if (sscanf(s, "%x:%x:%x:%x:%x:%x", &v[0], &v[1], &v[2], &v[3], &v[4],
               &v[5]) != 6)
        return -1;
    for (int i = 0; i < 6; i++)
        mac[i] = (uint8_t)v[i];
    return 0;
}

static int run_tx(uint32_t size, uint64_t ns, const char *to)
{
    struct load_net l = {.nf = &nf, .port = bus.port, .size = size, .ns = ns};
    memset(l.to, 0xff, 6);
    if (to && parse_mac(to, l.to))
        return 2;
    return load_net_tx(&l) ? 1 : result(l.frames, l.ns);
}

static int run_rx(uint64_t ns)
{
    struct load_net l = {.nf = &nf, .port = bus.port, .ns = ns};
    return load_net_rx(&l) ? 1 : result(l.frames, l.ns);
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

static uint32_t arp(uint8_t *p, int n, const uint8_t ip[4])
{
    static const uint8_t request[8] = {0, 1, 8, 0, 6, 4, 0, 1};
    if (n < 42 || memcmp(p + 14, request, 8) || memcmp(p + 38, ip, 4))
        return 0;
    p[21] = 2;
    memcpy(p + 32, p + 22, 10);
    memcpy(p + 22, nf.mac, 6);
    memcpy(p + 28, ip, 4);
    return (uint32_t)n;
}

/* Each fragment goes back alone; only the first holds the ICMP header. */
static uint32_t ping(uint8_t *p, int n, const uint8_t ip[4])
{
    if (n < 42 || p[14] != 0x45 || p[23] != 1 || memcmp(p + 30, ip, 4))
        return 0;
    if (!((p[20] & 0x1f) | p[21])) {
        if (p[34] != 8)
            return 0;
        uint32_t sum = (uint32_t)(p[36] << 8 | p[37]) + 0x0800;
        sum = (sum & 0xffff) + (sum >> 16);
        p[34] = 0;
        p[36] = (uint8_t)(sum >> 8);
        p[37] = (uint8_t)sum;
    }
    swap(p + 26, p + 30, 4);
    return (uint32_t)n;
}

static uint32_t udp(uint8_t *p, int n, const uint8_t ip[4])
{
    if (n < 42 || p[14] != 0x45 || p[23] != 17 || memcmp(p + 30, ip, 4) ||
        p[20] & 0x3f || p[21] || p[40] || p[41])
        return 0;
    swap(p + 26, p + 30, 4);
    swap(p + 34, p + 36, 2);
    return (uint32_t)n;
}

/* Length of the answer that p was turned into, 0: none; -1: the end. */
static int answer(uint8_t *p, int n, const uint8_t ip[4])
{
    uint16_t type = (uint16_t)(p[12] << 8 | p[13]);
    uint32_t len = 0;
    if (type == 0x88b6)
        return -1;
    if (type == 0x88b5)
        len = (uint32_t)n;
    else if (type == 0x0806)
        len = arp(p, n, ip);
    else if (type == 0x0800)
        len = p[23] == 17 ? udp(p, n, ip) : ping(p, n, ip);
    memcpy(p, p + 6, 6);
    memcpy(p + 6, nf.mac, 6);
    return (int)len;
}

static int run_echo(const char *address)
{
    uint8_t ip[4];
    if (inet_pton(AF_INET, address, ip) != 1)
        return 2;
    for (;;) {
        int n = weir_netfront_recv(&nf, 0, frame, sizeof(frame), NULL);
        if (n < 0)
            return 1;
        if (!n) {
            if (weir_netfront_wait(&nf, 0, FIRST_NS))
                return 1;
            continue;
        }
        int len = answer(frame, n, ip);
        if (len < 0)
            return 0;
        struct weir_netfront_vec v = {frame, (uint32_t)len};
        while (len && weir_netfront_send(&nf, 0, &v, 1, NULL) == -WEIR_EAGAIN)
            if (weir_netfront_wait(&nf, 0, FIRST_NS))
                return 1;
        weir_netfront_flush(&nf, 0);
    }
}

static unsigned env_id(const char *name)
{
    const char *s = getenv(name);
    return s ? (unsigned)strtoul(s, NULL, 10) : 0;
}

static int connect_front(void)
{
    struct weir_netfront_config cfg = {.no_pool =
                                           getenv("NET_GUEST_NO_POOL") != NULL};
    struct weir_process *process;
    int err = weir_process_open(WEIR_FD_HV, &process);
    if (!err)
        err = weir_process_seal(process, 0, env_id("WEIR_UID"),
                                env_id("WEIR_GID"));
    if (err)
        return err;
    struct weir_port *port = weir_process_port(process);
    err = weir_gnttab_init(&gnttab, port);
    if (!err)
        err = weir_front_bus_open(&bus, port, &gnttab);
    if (!err)
        err = weir_netfront_open(&nf, &bus, 0, &cfg);
    return err ? err
               : weir_front_wait_state(&nf.dev, WEIR_XENBUS_CONNECTED,
                                       CONNECT_NS);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    int err = connect_front(), ret = 2;
    if (err) {
        fprintf(stderr, "net_guest: cannot connect: %s\n", strerror(-err));
        return 1;
    }
    if (!strcmp(mode, "tx") && argc >= 4)
        ret = run_tx((uint32_t)atoi(argv[2]),
                     strtoull(argv[3], NULL, 10) * 1000000,
                     argc > 5 ? argv[5] : NULL);
    else if (!strcmp(mode, "rx") && argc >= 3)
        ret = run_rx(strtoull(argv[2], NULL, 10) * 1000000);
    else if (!strcmp(mode, "echo") && argc >= 3)
        ret = run_echo(argv[2]);
    if (ret)
        fprintf(stderr, "net_guest: %s failed (%d)%s%s\n", mode, ret,
                nf.reason ? ": " : "", nf.reason ? nf.reason : "");
    if (getenv("NET_GUEST_VERBOSE"))
        fprintf(stderr,
                "net_guest %s: pool %d tx %llu (%llu refused) rx %llu (%llu "
                "bad), woken %llu, for nothing %llu, slept %llu\n",
                mode, nf.pooled,
                (unsigned long long)nf.queue[0].stats.tx_packets,
                (unsigned long long)nf.queue[0].stats.tx_errors,
                (unsigned long long)nf.queue[0].stats.rx_packets,
                (unsigned long long)nf.queue[0].stats.rx_errors,
                (unsigned long long)nf.queue[0].stats.notified,
                (unsigned long long)nf.queue[0].stats.spurious,
                (unsigned long long)nf.queue[0].poller.sleeps);
    weir_netfront_close(&nf);
    return ret ? 1 : 0;
}

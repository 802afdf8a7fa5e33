/* SPDX-License-Identifier: MIT
 *
 * Packets a second: frontend to backend (net_tx), backend to frontend
 * (net_rx) and guest to guest through the backend's switch (net_vif_to_vif),
 * over real process domains, beside DPDK's memif between testpmd processes and
 * a veth pair with sendmmsg and recvmmsg.  Medians of runs that take turns;
 * one JSON object a line.  Each packet is copied once on each side by all.
 */
#include "tests/bench/net_peers.h"
#include "tests/e2e/launch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNS   5
#define RUN_MS "600"

enum what { TX, RX, SWITCH, KINDS };

static const char *const kind_name[KINDS] = {"net_tx", "net_rx",
                                             "net_vif_to_vif"};
static const char *const frame_size[2] = {"64", "1500"};

struct samples {
    double weir[RUNS], memif[RUNS], veth[RUNS];
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, RUNS, sizeof(*v), by_value);
    return v[RUNS / 2];
}

static struct weir_resource resource(uint32_t sink, uint32_t generate,
                                     uint8_t last)
{
    struct weir_resource r = {.cls = WEIR_RES_VIF,
                              .vif = {.sink = sink,
                                      .queues = 1,
                                      .mtu = 1500,
                                      .mac = {0, 0x16, 0x3e, 0, 0, last},
                                      .generate = generate}};
    strcpy(r.label, "bench");
    return r;
}

static int add_guest(struct launch *l, struct launch_dom *back,
                     struct weir_resource *res, const char *name,
                     struct launch_dom **out)
{
    char mac[24];
    struct launch_dom *g = launch_create(l, name, false, 8192);
    if (!g)
        return -EIO;
    snprintf(mac, sizeof(mac), "00:16:3e:00:00:%02x", res->vif.mac[5]);
    int ret = launch_device(l, g, back, res, NULL);
    if (!ret)
        ret = launch_front_node(l, g, res, "mac", mac);
    *out = g;
    return ret;
}

/* Packets a second, in millions, as the guest counted. */
static double read_result(struct launch *l, struct launch_dom *g,
                          struct launch_dom *back,
                          const struct weir_resource *res)
{
    char n[32], ns[32];
    int status = launch_wait(g, 20000);
    int got = launch_read(l, g, back, res, false, "result", n, sizeof(n));
    if (got > 0)
        got = launch_read(l, g, back, res, false, "ns", ns, sizeof(ns));
    if (status || got <= 0) {
        fprintf(stderr, "bench_net: guest %s: exit %d, result %d\n", g->name,
                status, got);
        return 0;
    }
    return strtod(n, NULL) * 1000 / strtod(ns, NULL);
}

static int start_backend(struct launch *l, struct launch_dom **back)
{
    static const char *const argv[] = {"/usr/bin/taskset", "-c", "1", NULL,
                                       NULL};
    static char path[256];
    const char *av[5];
    memcpy(av, argv, sizeof(argv));
    snprintf(path, sizeof(path), "%s/bin/weir-netback",
             getenv("B") ? getenv("B") : "build");
    av[3] = path;
    *back = launch_create(l, "net", true, 8192);
    if (!*back)
        return -EIO;
    int ret = launch_exec(l, *back, av);
    return ret ? ret : launch_ready(*back, 5000);
}

static int one_way(struct launch *l, enum what what, const char *size,
                   double *mpps)
{
    char path[256];
    const char *const argv[] = {"/usr/bin/taskset",
                                "-c",
                                "0",
                                path,
                                what == TX ? "tx" : "rx",
                                what == TX ? size : RUN_MS,
                                what == TX ? RUN_MS : NULL,
                                NULL};
    struct weir_resource res =
        resource(WEIR_VIF_MEMORY, what == RX ? (uint32_t)atoi(size) : 0, 5);
    struct launch_dom *back, *g;
    snprintf(path, sizeof(path), "%s/tests/net_guest",
             getenv("B") ? getenv("B") : "build");
    int ret = start_backend(l, &back);
    if (!ret)
        ret = add_guest(l, back, &res, "guest", &g);
    if (!ret)
        ret = launch_exec(l, g, argv);
    if (!ret)
        *mpps = read_result(l, g, back, &res);
    return ret;
}

static int through_switch(struct launch *l, const char *size, double *mpps)
{
    const char *const rx[] = {"net_guest", "rx", RUN_MS, NULL};
    const char *const tx[] = {"net_guest",         "tx", size, "1500", "to",
                              "00:16:3e:00:00:06", NULL};
    struct weir_resource from = resource(WEIR_VIF_SWITCH, 0, 5);
    struct weir_resource to = resource(WEIR_VIF_SWITCH, 0, 6);
    struct launch_dom *back, *a, *b;
    int ret = start_backend(l, &back);
    if (!ret)
        ret = add_guest(l, back, &from, "sender", &a);
    if (!ret)
        ret = add_guest(l, back, &to, "receiver", &b);
    if (!ret)
        ret = launch_exec(l, b, rx);
    if (!ret)
        ret = launch_exec(l, a, tx);
    if (!ret)
        *mpps = read_result(l, b, back, &to);
    return ret;
}

static int weir_run(enum what what, const char *size, double *mpps)
{
    struct launch l = {0};
    int ret = launch_start(&l, "256M");
    if (!ret)
        ret = what == SWITCH ? through_switch(&l, size, mpps)
                             : one_way(&l, what, size, mpps);
    launch_stop(&l);
    return ret ? ret : *mpps > 0 ? 0 : -EIO;
}

static void print(enum what what, const char *size, const char *suffix,
                  double weir, const char *peer_name, double peer)
{
    char value[32] = "null";
    if (peer > 0)
        snprintf(value, sizeof(value), "%.3f", peer);
    printf("{\"name\":\"%s_%s%s\",\"unit\":\"Mpps\","
           "\"higher_is_better\":true,\"weir\":%.3f,"
           "\"peer_name\":\"%s\",\"peer\":%s}\n",
           kind_name[what], size, suffix, weir, peer_name, value);
    fflush(stdout);
}

static void report(enum what what, const char *size, struct samples *s)
{
    double weir = median(s->weir);
    print(what, size, "", weir,
          what == SWITCH ? "DPDK testpmd memif, two hops"
                         : "DPDK testpmd memif",
          median(s->memif));
    print(what, size, "_vs_veth", weir, "veth, sendmmsg and recvmmsg",
          median(s->veth));
}

/* memif knows no direction, and neither does veth: tx and rx share a sample. */
static int run_all(struct samples s[KINDS][2], bool memif)
{
    for (int run = 0; run < RUNS; run++) {
        fprintf(stderr, "bench_net: run %d of %d\n", run + 1, RUNS);
        for (int i = 0; i < 2; i++) {
            for (enum what k = TX; k < KINDS; k++) {
                int ret = weir_run(k, frame_size[i], &s[k][i].weir[run]);
                if (ret)
                    return ret;
            }
            unsigned size = (unsigned)atoi(frame_size[i]);
            double pair = memif ? net_memif(size, false) : 0;
            double hops = memif ? net_memif(size, true) : 0;
            double veth = net_veth(size);
            for (enum what k = TX; k < KINDS; k++) {
                s[k][i].memif[run] = k == SWITCH ? hops : pair;
                s[k][i].veth[run] = veth;
            }
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct samples s[KINDS][2];
    bool memif = access("/usr/bin/dpdk-testpmd", X_OK) == 0;
    if (geteuid() != 0 || sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        puts("bench_net needs root and two processors");
        return 77;
    }
    if (argc == 3) { /* one figure, for profiling: kind number, size */
        double mpps = 0;
        int ret = weir_run((enum what)atoi(argv[1]), argv[2], &mpps);
        printf("%.3f Mpps (%d)\n", mpps, ret);
        return ret != 0;
    }
    if (!memif)
        fputs("bench_net: no dpdk-testpmd: apt-get install dpdk-dev\n", stderr);
    int ret = run_all(s, memif);
    if (ret == -ENOSYS) {
        puts("bench_net: this kernel cannot run weir-hv");
        return 77;
    }
    if (ret)
        return 1;
    for (enum what k = TX; k < KINDS; k++)
        for (int i = 0; i < 2; i++)
            report(k, frame_size[i], &s[k][i]);
    return 0;
}

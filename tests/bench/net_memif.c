/* SPDX-License-Identifier: MIT */
#include "tests/bench/net_peers.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES   3 /* seconds counted, the first one left out */
#define GIVE_UP_S 15

struct pmd {
    pid_t pid;
    char log[96];
};

static void start(struct pmd *p, const char *dir, const char *tag, int cpu,
                  const char *const vdev[2], const char *mode, unsigned size)
{
    char lcores[32], prefix[48], pkts[32];
    snprintf(p->log, sizeof(p->log), "%s/%s.log", dir, tag);
    p->pid = fork();
    if (p->pid)
        return;
    int log = open(p->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    /* lcore 0 only waits for a signal; lcore 1 forwards */
    snprintf(lcores, sizeof(lcores), "0@%d,1@%d", 1 - cpu, cpu);
    snprintf(prefix, sizeof(prefix), "weir%d%s", (int)getpid(), tag);
    snprintf(pkts, sizeof(pkts), "--txpkts=%u", size);
    const char *argv[24] = {
        "dpdk-testpmd", "--lcores", lcores,           "--no-huge",     "-m",
        "256",          "--no-pci", "--no-telemetry", "--file-prefix", prefix,
        "--vdev",       vdev[0]};
    int n = 12;
    if (vdev[1]) {
        argv[n++] = "--vdev";
        argv[n++] = vdev[1];
    }
    const char *rest[] = {"--", "--auto-start",           "--stats-period",
                          "1",  "--forward-mode",         mode,
                          pkts, "--total-num-mbufs=8192", NULL};
    memcpy(argv + n, rest, sizeof(rest));
    execv("/usr/bin/dpdk-testpmd", (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void stop(struct pmd *p)
{
    int status;
    if (p->pid <= 0)
        return;
    kill(p->pid, SIGINT);
    for (int i = 0; i < 30; i++) {
        if (waitpid(p->pid, &status, WNOHANG) == p->pid)
            goto gone;
        usleep(100000);
    }
    kill(p->pid, SIGKILL);
    waitpid(p->pid, &status, 0);
gone:
    unlink(p->log);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* "Rx-pps:   6407980" lines that are not 0; false while there are too few. */
static bool read_rates(const char *log, double *mpps)
{
    char line[256];
    double rate[64];
    unsigned n = 0;
    FILE *f = fopen(log, "r");
    if (!f)
        return false;
    while (fgets(line, sizeof(line), f) && n < 64) {
        char *at = strstr(line, "Rx-pps:");
        double v = at ? strtod(at + 7, NULL) : 0;
        if (v > 0)
            rate[n++] = v;
    }
    fclose(f);
    if (n < SAMPLES + 1)
        return false;
    qsort(rate + 1, SAMPLES, sizeof(rate[0]), by_value);
    *mpps = rate[1 + SAMPLES / 2] / 1e6;
    return true;
}

static void vdev(char *buf, size_t size, const char *role, int id,
                 const char *dir, int sock)
{
    snprintf(buf, size,
             "net_memif%d,role=%s,id=0,socket=%s/s%d,socket-abstract=no", id,
             role, dir, sock);
}

double net_memif(unsigned size, bool hops)
{
    char dir[] = "/tmp/weir-memif.XXXXXX", v[4][128];
    struct pmd rx = {0}, mid = {0}, tx = {0};
    double mpps = 0;
    if (!mkdtemp(dir))
        return 0;
    vdev(v[0], sizeof(v[0]), "server", 0, dir, 0);
    vdev(v[1], sizeof(v[1]), "client", 0, dir, hops ? 1 : 0);
    vdev(v[2], sizeof(v[2]), "client", 0, dir, 0);
    vdev(v[3], sizeof(v[3]), "server", 1, dir, 1);
    const char *const rx_dev[2] = {v[0]}, *const tx_dev[2] = {v[1]};
    const char *const mid_dev[2] = {v[2], v[3]};
    start(&rx, dir, "rx", hops ? 0 : 1, rx_dev, "rxonly", size);
    if (hops)
        start(&mid, dir, "mid", 1, mid_dev, "io", size);
    usleep(1500000);
    start(&tx, dir, "tx", 0, tx_dev, "txonly", size);
    for (int i = 0; i < GIVE_UP_S * 10 && !read_rates(rx.log, &mpps); i++)
        usleep(100000);
    stop(&tx);
    stop(&mid);
    stop(&rx);
    for (int i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/s%d", dir, i);
        unlink(path);
    }
    rmdir(dir);
    return mpps;
}

/* SPDX-License-Identifier: MIT */
#include "tests/bench/net_peers.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH  64
#define RUN_NS 600000000.0

struct batch {
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    uint8_t data[BATCH][2048];
};

struct sender {
    int fd;
    unsigned size;
    volatile bool stop;
};

static double now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static int open_on(const char *name, int protocol)
{
    int fd = socket(AF_PACKET, SOCK_RAW, htons((uint16_t)protocol));
    int room = 8 << 20;
    struct sockaddr_ll sa = {.sll_family = AF_PACKET,
                             .sll_protocol = htons((uint16_t)protocol),
                             .sll_ifindex = (int)if_nametoindex(name)};
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)))
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
    struct timeval tv = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    return fd;
}

static struct batch *make_batch(size_t len)
{
    struct batch *b = calloc(1, sizeof(*b));
    for (int i = 0; b && i < BATCH; i++) {
        memset(b->data[i], 0xff, 12);
        memcpy(b->data[i] + 12, "\x88\xb5", 2);
        b->iov[i] = (struct iovec){b->data[i], len};
        b->msg[i].msg_hdr.msg_iov = &b->iov[i];
        b->msg[i].msg_hdr.msg_iovlen = 1;
    }
    return b;
}

static void *send_all(void *arg)
{
    struct sender *s = arg;
    struct batch *b = make_batch(s->size);
    pin(0);
    while (b && !s->stop)
        sendmmsg(s->fd, b->msg, BATCH, 0);
    free(b);
    return NULL;
}

static double receive(int fd)
{
    struct batch *b = make_batch(2048);
    uint64_t n = 0;
    double warm = now_ns() + RUN_NS / 4, began = 0, t;
    pin(1);
    for (;;) {
        int got = recvmmsg(fd, b->msg, BATCH, MSG_WAITFORONE, NULL);
        t = now_ns();
        if (got < 0 || (began > 0 && t - began >= RUN_NS))
            break;
        if (began > 0)
            n += (uint64_t)got;
        else if (t >= warm)
            began = t;
    }
    free(b);
    return began > 0 ? (double)n * 1000 / (t - began) : 0;
}

static double run(unsigned size)
{
    struct sender s = {.size = size};
    pthread_t thread;
    if (unshare(CLONE_NEWNET) ||
        system("ip link add v0 type veth peer name v1 && "
               "ip link set v0 up mtu 2000 && ip link set v1 up mtu 2000"))
        return 0;
    s.fd = open_on("v0", 0);
    int rx = open_on("v1", 0x88b5);
    if (s.fd < 0 || rx < 0 || pthread_create(&thread, NULL, send_all, &s))
        return 0;
    double mpps = receive(rx);
    s.stop = true;
    pthread_join(thread, NULL);
    return mpps;
}

double net_veth(unsigned size)
{
    int fd[2], status;
    double mpps = 0;
    if (pipe(fd))
        return 0;
    pid_t pid = fork();
    if (!pid) {
        double v = run(size);
        _exit(write(fd[1], &v, sizeof(v)) != sizeof(v));
    }
    close(fd[1]);
    if (read(fd[0], &mpps, sizeof(mpps)) != sizeof(mpps))
        mpps = 0;
    close(fd[0]);
    waitpid(pid, &status, 0);
    return mpps;
}

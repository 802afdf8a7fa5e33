/* SPDX-License-Identifier: MIT
 *
 * What the ring costs: a block request and its response in one thread
 * (ring_pair), and a round trip through a net transmit ring between two threads
 * on two processors that poll (ring_rtt), beside bare cache lines bounced
 * between the same threads in the same run.  One JSON object a line; medians of
 * interleaved runs.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ring/blkif_ring.h"
#include "ring/netif_ring.h"

/* Short runs, many of them: on a shared machine the processors' distance
 * changes from one moment to the next. */
#define RUNS        41
#define PAIRS       200000u
#define ROUND_TRIPS 20000u

/* The ends' private parts belong to different domains: no line in common. */
#define APART _Alignas(128)

struct shared {
    APART struct weir_blkif_front_ring front;
    APART struct weir_blkif_back_ring back;
    APART struct weir_netif_tx_front_ring tx_front;
    APART struct weir_netif_tx_back_ring tx_back;
    APART
    void *page[1], *tx_page[1];
    volatile uint32_t *ping, *pong; /* a cache line each */
    int cpu[2];
    pthread_barrier_t start;
    unsigned runs;
};

static double now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
    qsort(v, n, sizeof(*v), by_value);
    return v[n / 2];
}

static void reset(struct shared *s)
{
    weir_blkif_front_init(&s->front, s->page, 1);
    weir_blkif_back_init(&s->back, s->page, 1);
    weir_netif_tx_front_init(&s->tx_front, s->tx_page, 1);
    weir_netif_tx_back_init(&s->tx_back, s->tx_page, 1);
}

/* A backend's and a frontend's share of one request each, nothing left out
 * but the notification. */
static double pair_run(struct shared *s)
{
    union weir_blkif_request req = {.rw = {.operation = WEIR_BLKIF_OP_READ,
                                           .nr_segments = 1}},
                             taken;
    struct weir_blkif_response rsp = {0}, got;
    double began = now_ns();
    uint64_t sum = 0;

    for (uint32_t i = 0; i < PAIRS; i++) {
        req.rw.id = i;
        weir_blkif_front_put(&s->front, &req);
        weir_blkif_front_push(&s->front);
        weir_blkif_back_get(&s->back, &taken);
        rsp.id = taken.rw.id;
        weir_blkif_back_put(&s->back, &rsp);
        weir_blkif_back_push(&s->back);
        weir_blkif_front_get(&s->front, &got);
        sum += got.id;
    }
    if (sum != (uint64_t)PAIRS * (PAIRS - 1) / 2) {
        fputs("ring_pair: a response is missing\n", stderr);
        exit(1);
    }
    return (now_ns() - began) / PAIRS;
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void echo_ring(struct shared *s)
{
    for (uint32_t i = 0; i < ROUND_TRIPS; i++) {
        union weir_netif_tx_slot req;
        struct weir_netif_tx_response rsp = {0};

        while (weir_netif_tx_back_get(&s->tx_back, &req) == 0)
            weir_pause();
        rsp.id = req.req.id;
        weir_netif_tx_back_put(&s->tx_back, &rsp);
        weir_netif_tx_back_push(&s->tx_back);
    }
}

static double ring_trip(struct shared *s)
{
    union weir_netif_tx_slot req = {.req = {.size = 64}};
    struct weir_netif_tx_response rsp;
    double began = now_ns();

    for (uint32_t i = 0; i < ROUND_TRIPS; i++) {
        req.req.id = (uint16_t)i;
        weir_netif_tx_front_put(&s->tx_front, &req);
        weir_netif_tx_front_push(&s->tx_front);
        while (weir_netif_tx_front_get(&s->tx_front, &rsp) == 0)
            weir_pause();
        if (rsp.id != req.req.id) {
            fputs("ring_rtt: a wrong response\n", stderr);
            exit(1);
        }
    }
    return (now_ns() - began) / ROUND_TRIPS;
}

static void echo_line(struct shared *s)
{
    for (uint32_t i = 1; i <= ROUND_TRIPS; i++) {
        while (weir_load_acquire32(s->ping) != i)
            weir_pause();
        weir_store_release32(s->pong, i);
    }
}

static double line_trip(struct shared *s)
{
    double began = now_ns();

    for (uint32_t i = 1; i <= ROUND_TRIPS; i++) {
        weir_store_release32(s->ping, i);
        while (weir_load_acquire32(s->pong) != i)
            weir_pause();
    }
    return (now_ns() - began) / ROUND_TRIPS;
}

struct trip {
    double ring, line;
};

static int by_ratio(const void *a, const void *b)
{
    const struct trip *x = a, *y = b;

    return (x->ring * y->line > y->ring * x->line) -
           (x->ring * y->line < y->ring * x->line);
}

static void *echo(void *arg)
{
    struct shared *s = arg;

    pin(s->cpu[1]);
    for (unsigned i = 0; i < s->runs; i++) {
        pthread_barrier_wait(&s->start);
        echo_ring(s);
        pthread_barrier_wait(&s->start);
        echo_line(s);
    }
    return NULL;
}

static void trips(struct shared *s, struct trip *t)
{
    for (unsigned i = 0; i < s->runs; i++) {
        reset(s);
        pthread_barrier_wait(&s->start);
        t[i].ring = ring_trip(s);
        *s->ping = *s->pong = 0;
        pthread_barrier_wait(&s->start);
        t[i].line = line_trip(s);
    }
}

/* Two processors of ours; false when there is one only. */
static bool two_cpus(int cpu[2])
{
    cpu_set_t set;
    int n = 0;

    sched_getaffinity(0, sizeof(set), &set);
    for (int i = 0; i < CPU_SETSIZE && n < 2; i++) {
        if (CPU_ISSET((size_t)i, &set))
            cpu[n++] = i;
    }
    return n == 2;
}

int main(void)
{
    struct shared s = {.runs = RUNS};
    struct trip trip[RUNS];
    double pair[RUNS];
    uint8_t *mem = aligned_alloc(4096, 3 * 4096);
    pthread_t thread;

    if (mem == NULL)
        return 1;
    memset(mem, 0, 3 * 4096);
    s.page[0] = mem;
    s.tx_page[0] = mem + 2 * 4096;
    s.ping = (volatile uint32_t *)(void *)(mem + 4096);
    s.pong = (volatile uint32_t *)(void *)(mem + 4096 + 256);
    for (unsigned i = 0; i < RUNS; i++) {
        reset(&s);
        pair[i] = pair_run(&s);
    }
    printf("{\"name\":\"ring_pair\",\"unit\":\"ns\",\"higher_is_better\":false,"
           "\"weir\":%.2f,\"peer_name\":null,\"peer\":null}\n",
           median(pair, RUNS));
    if (!two_cpus(s.cpu)) {
        fputs("ring_rtt: needs two processors\n", stderr);
        return 0;
    }
    pthread_barrier_init(&s.start, NULL, 2);
    if (pthread_create(&thread, NULL, echo, &s) != 0)
        return 1;
    pin(s.cpu[0]);
    trips(&s, trip);
    /* The pair of runs with the median ratio. */
    qsort(trip, RUNS, sizeof(trip[0]), by_ratio);
    pthread_join(thread, NULL);
    printf("{\"name\":\"ring_rtt\",\"unit\":\"ns\",\"higher_is_better\":false,"
           "\"weir\":%.1f,\"peer_name\":\"bare cache-line ping-pong\","
           "\"peer\":%.1f}\n",
           trip[RUNS / 2].ring, trip[RUNS / 2].line);
    free(mem);
    return 0;
}

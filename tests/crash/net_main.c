/* SPDX-License-Identifier: MIT
 *
 * crash_net left|right [--queues N] [--max N] [--pool 0]: a process domain that
 * transfers data to and from its peer (stream.h) by its first vif until its
 * registry node "stop" says 1.  The end of its log is as crash_load's.
 */
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frontends/net/netfront.h"
#include "tests/crash/guest.h"
#include "tests/crash/stream.h"

#define CONNECT_NS 10000000000u
#define HUNG_NS    10000000000u
#define LOOK_NS    100000000u
#define WAIT_NS    2000000u
#define GAP_NS     1000000u
#define GAPS       8192
#define ACK_AT     8 /* frames without one of our own */

struct net {
    struct weir_port *port;
    struct weir_front_bus bus;
    struct weir_netfront nf;
    struct stream s;
    evtchn_port_t evtchn[WEIR_NETFRONT_QUEUES][2];
    bool stop;
    uint64_t progress_ns, acked; /* the peer acknowledged, so much */
    uint64_t last_ns;            /* a frame came */
    unsigned gaps;
    struct {
        uint64_t start_ns, len_ns;
    } gap[GAPS];
    uint64_t doubled, corrupted, hung, noticed;
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

__attribute__((format(printf, 3, 4))) static void
fault(struct net *n, uint64_t *count, const char *fmt, ...)
{
    va_list ap;

    n->stop = true;
    if ((*count)++ >= 10)
        return;
    va_start(ap, fmt);
    fputs("crash_net: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

static void failed(struct net *n, int err)
{
    if (n->nf.reason != NULL)
        fault(n, &n->doubled, "DOUBLED: %s", n->nf.reason);
    else
        fault(n, &n->noticed, "NOTICED: the vif is gone: error %d", err);
}

static void note_gap(struct net *n)
{
    uint64_t now = now_ns();

    if (n->last_ns != 0 && now - n->last_ns > GAP_NS && n->gaps < GAPS) {
        n->gap[n->gaps].start_ns = n->last_ns;
        n->gap[n->gaps++].len_ns = now - n->last_ns;
    }
    n->last_ns = now;
}

/* Number of frames, or an error of the frontend. */
static int receive(struct net *n, unsigned queue)
{
    static uint8_t buf[65536];
    int len, frames = 0;

    while (frames < 64 && (len = weir_netfront_recv(&n->nf, queue, buf,
                                                    sizeof(buf), NULL)) != 0) {
        if (len < 0)
            return len;
        frames++;
        switch (stream_came(&n->s, buf, (uint32_t)len)) {
        case STREAM_FOREIGN:
            break;
        case STREAM_OK:
            note_gap(n);
            break;
        case STREAM_DOUBLED:
            fault(n, &n->doubled, "DOUBLED: a frame came twice");
            break;
        case STREAM_CORRUPTED:
            fault(n, &n->corrupted, "CORRUPTED: a frame of %d bytes", len);
            break;
        }
    }
    return frames;
}

static int send_one(struct net *n, unsigned queue, uint64_t segment)
{
    static uint8_t buf[65536];
    struct weir_netfront_vec v = {buf, stream_frame(&n->s, segment, buf)};
    int err = weir_netfront_send(&n->nf, queue, &v, 1, NULL);

    if (err == 0)
        stream_sent(&n->s, segment, now_ns());
    return err;
}

static int transmit(struct net *n, unsigned queue)
{
    uint64_t segment;
    int err = 0;

    while (err == 0 && !n->stop &&
           (segment = stream_due(&n->s, queue, now_ns())) != STREAM_NONE)
        err = send_one(n, queue, segment);
    if (err == 0 && n->s.owed >= ACK_AT)
        err = send_one(n, queue, STREAM_NONE);
    weir_netfront_flush(&n->nf, queue);
    return err == -WEIR_EAGAIN ? 0 : err;
}

/* Unanswered slots of all queues. */
static unsigned in_flight(const struct net *n)
{
    unsigned k = 0;

    for (unsigned q = 0; q < n->nf.nqueues; q++) {
        for (unsigned i = 0; i < WEIR_NF_BUFS; i++)
            k += n->nf.queue[q].busy[i];
        k += n->nf.queue[q].extras;
    }
    return k;
}

/* Frames, or some time. */
static void serve(struct net *n)
{
    evtchn_port_t ports[2 * WEIR_NETFRONT_QUEUES + 1];
    unsigned nports = 0, some;
    uint64_t pending;
    int came = 0, err = 0, more = 0;

    for (unsigned q = 0; q < n->nf.nqueues && err >= 0; q++) {
        err = receive(n, q);
        came += err > 0 ? err : 0;
        if (err >= 0)
            err = transmit(n, q);
    }
    for (unsigned q = 0; q < n->nf.nqueues && err >= 0 && came == 0; q++) {
        err = weir_netfront_arm(&n->nf, q, ports + nports, &some);
        more |= err;
        nports += some;
    }
    if (err < 0) {
        failed(n, err);
        return;
    }
    if (came > 0 || more != 0)
        return;
    if (n->s.owed > 0) /* nothing else carries it */
        send_one(n, 0, STREAM_NONE);
    weir_netfront_flush(&n->nf, 0);
    ports[nports++] = n->port->start.store_evtchn;
    n->port->ops->wait(n->port, ports, nports, WAIT_NS, &pending);
    weir_front_bus_poll(&n->bus);
}

static void look(struct net *n)
{
    uint64_t now = now_ns(), word;

    if (n->s.first != n->acked || n->s.first == n->s.next) {
        n->acked = n->s.first;
        n->progress_ns = now;
    }
    if (now - n->progress_ns > HUNG_NS)
        fault(n, &n->hung, "HUNG: segment %llu does not get through",
              (unsigned long long)n->s.first);
    for (unsigned q = 0; q < n->nf.nqueues; q++)
        if (n->nf.queue[q].tx_evtchn != n->evtchn[q][0] ||
            n->nf.queue[q].rx_evtchn != n->evtchn[q][1] || !n->nf.connected)
            fault(n, &n->noticed, "NOTICED: queue %u connects again", q);
    if (weir_xs_read_u64(&n->bus.xs, 0, "data", "stop", &word) == 0 &&
        word == 1)
        n->stop = true;
}

static bool bad(const struct net *n)
{
    return (n->doubled | n->corrupted | n->hung | n->noticed) != 0;
}

static void run(struct net *n)
{
    uint64_t looked = 0, end;

    n->progress_ns = now_ns();
    while (!n->stop) {
        serve(n);
        if (now_ns() - looked > LOOK_NS) {
            look(n);
            looked = now_ns();
        }
    }
    /* The peer may be gone; the backend answers what it was sent. */
    end = now_ns() + HUNG_NS;
    while (!bad(n) && in_flight(n) > 0 && now_ns() < end) {
        serve(n);
        for (unsigned q = 0; q < n->nf.nqueues; q++)
            weir_netfront_room(&n->nf, q);
    }
    if (!bad(n) && in_flight(n) > 0)
        fault(n, &n->hung, "HUNG: %u slots are not answered", in_flight(n));
}

static void report(struct net *n)
{
    uint64_t pending;

    for (unsigned i = 0; i < n->gaps; i++) {
        printf("%s%llu+%llu%s", i % 10 == 0 ? "gaps " : " ",
               (unsigned long long)(n->gap[i].start_ns / 1000),
               (unsigned long long)(n->gap[i].len_ns / 1000),
               i % 10 == 9 || i + 1 == n->gaps ? "\n" : "");
        if (i % 500 == 499) { /* a log takes 100 lines a second */
            fflush(stdout);
            n->port->ops->wait(n->port, NULL, 0, 500000000u, &pending);
        }
    }
    printf("result ios %llu mib %llu again %llu missed %llu lost 0 "
           "doubled %llu corrupted %llu hung %llu failed 0 noticed %llu\n",
           (unsigned long long)n->s.frames,
           (unsigned long long)(n->s.bytes >> 20),
           (unsigned long long)n->s.again, (unsigned long long)n->s.missed,
           (unsigned long long)n->doubled, (unsigned long long)n->corrupted,
           (unsigned long long)n->hung, (unsigned long long)n->noticed);
    fflush(stdout);
}

static int start(struct net *n, const struct weir_netfront_config *cfg,
                 struct weir_gnttab *gnttab)
{
    int err = crash_start(&n->port);

    if (err == 0)
        err = weir_gnttab_init(gnttab, n->port);
    if (err == 0)
        err = weir_front_bus_open(&n->bus, n->port, gnttab);
    if (err == 0)
        err = weir_netfront_open(&n->nf, &n->bus, 0, cfg);
    return err != 0 ? err
                    : weir_front_wait_state(&n->nf.dev, WEIR_XENBUS_CONNECTED,
                                            CONNECT_NS);
}

static void set_up(struct net *n, bool right, uint32_t max)
{
    static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x57, 0x00, 0x01};

    memcpy(n->s.mac, mac, 6);
    memcpy(n->s.peer, mac, 6);
    (right ? n->s.mac : n->s.peer)[5] = 2;
    n->s.self = right;
    n->s.queues = n->nf.nqueues;
    n->s.max_len = max - STREAM_HEAD;
    for (unsigned q = 0; q < n->nf.nqueues; q++) {
        n->evtchn[q][0] = n->nf.queue[q].tx_evtchn;
        n->evtchn[q][1] = n->nf.queue[q].rx_evtchn;
    }
    printf("crash_net: %u queues, %s\n", n->nf.nqueues,
           n->nf.pooled ? "pool" : "no pool");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct net n;
    static struct weir_gnttab gnttab;
    static char out[1024];
    struct weir_netfront_config cfg = {
        .queues = (unsigned)crash_option(argc, argv, "--queues", 1),
        .no_pool = crash_option(argc, argv, "--pool", 1) == 0,
        .spin_ns = UINT64_MAX};
    uint32_t max = (uint32_t)crash_option(argc, argv, "--max", 1500);
    int err;

    setvbuf(stdout, out, _IOFBF, sizeof(out));
    mallopt(M_ARENA_MAX, 1);
    if (argc < 2 || max < 300 || max > 16384)
        return 2;
    err = start(&n, &cfg, &gnttab);
    if (err != 0) {
        fprintf(stderr, "crash_net: start: error %d\n", err);
        return 2;
    }
    set_up(&n, strcmp(argv[1], "right") == 0, max);
    run(&n);
    report(&n);
    if (!bad(&n))
        weir_netfront_close(&n.nf);
    return bad(&n);
}

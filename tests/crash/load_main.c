/* SPDX-License-Identifier: MIT
 *
 * crash_load [--seed N] [--queues N] [--order N] [--sectors N] [--depth N]
 * [--persistent 0] [--fill 1]: a process domain that reads, writes, flushes and
 * discards its first disk (sector.h) until the host says stop, then reads all
 * of it. The end of its log are the gaps between answers, and one line of
 * counts.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frontends/blk/blkfront_priv.h"
#include "tests/crash/guest.h"
#include "tests/crash/load.h"

#define GRANTED_SLOTS (LOAD_SLOTS / 2) /* the others' buffers are copied */
#define WAIT_NS       10000000u
#define LOOK_NS       100000000u

uint64_t load_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t load_random(struct load *l, uint64_t below)
{
    l->rng ^= l->rng << 13;
    l->rng ^= l->rng >> 7;
    l->rng ^= l->rng << 17;
    return (l->rng >> 11) % below;
}

/* The frontend says why it closed the device. */
static void closed(struct load *l, int err)
{
    const char *why = l->bf->dev.failed;

    l->stop = true;
    if (why != NULL)
        load_fault(l, &l->doubled, "DOUBLED: %s", why);
    else
        load_fault(l, &l->noticed, "NOTICED: the device closed: error %d", err);
}

/* The connection is the one that was made at first. */
static void look(struct load *l)
{
    uint64_t now = load_now();

    for (unsigned i = 0; i < LOAD_SLOTS; i++)
        if (l->slot[i].busy && now - l->slot[i].since_ns > LOAD_HUNG_NS) {
            load_fault(l, &l->hung, "HUNG: operation %d at %llu for %llu s",
                       (int)l->slot[i].io.op,
                       (unsigned long long)l->slot[i].io.sector,
                       (unsigned long long)((now - l->slot[i].since_ns) /
                                            1000000000u));
            l->stop = true;
        }
    for (unsigned q = 0; q < l->info.queues; q++)
        if (weir_blkfront_evtchn(l->bf, q) != l->evtchn[q] ||
            l->bf->dev.state != WEIR_XENBUS_CONNECTED) {
            load_fault(l, &l->noticed, "NOTICED: queue %u connects again", q);
            l->stop = true;
            return;
        }
}

/* Answers, or some time. */
static void serve(struct load *l)
{
    evtchn_port_t ports[WEIR_BLKFRONT_QUEUES + 1];
    uint64_t pending;
    bool more = false;
    int n = 0, err = 0;

    for (unsigned q = 0; q < l->info.queues && err >= 0; q++) {
        err = weir_blkfront_poll(l->bf, q);
        n += err;
    }
    if (err < 0 || l->bf->dev.failed != NULL) {
        closed(l, err);
        return;
    }
    for (unsigned q = 0; n == 0 && q < l->info.queues; q++) {
        ports[q] = l->evtchn[q];
        more |= weir_blkfront_arm(l->bf, q) != 0;
    }
    ports[l->info.queues] = l->port->start.store_evtchn;
    if (n == 0 && !more)
        l->port->ops->wait(l->port, ports, l->info.queues + 1, WAIT_NS,
                           &pending);
    if (n == 0)
        weir_front_bus_poll(l->bus);
}

static bool bad(const struct load *l)
{
    return (l->lost | l->doubled | l->corrupted | l->hung | l->failed |
            l->noticed) != 0;
}

static void drain(struct load *l)
{
    while (l->busy > 0 && l->hung == 0 && l->doubled == 0 && l->noticed == 0) {
        serve(l);
        look(l);
    }
}

static void run(struct load *l, unsigned max_depth)
{
    uint64_t looked = 0, change = 0;
    unsigned depth = 1;

    while (!l->stop && !bad(l)) {
        if (l->ios >= change) {
            depth = 1 + (unsigned)load_random(l, max_depth);
            change = l->ios + 300;
        }
        for (unsigned i = 0; i < LOAD_SLOTS && l->busy < depth; i++)
            if (!l->slot[i].busy && load_submit(l, &l->slot[i]) != 0)
                break;
        serve(l);
        if (load_now() - looked > LOOK_NS) {
            look(l);
            looked = load_now();
        }
    }
    drain(l);
}

/* So that a read in the wrong place is seen from the start. */
static void fill(struct load *l)
{
    uint64_t n;

    for (uint64_t at = 0; at < l->at.n && l->busy == 0; at += n) {
        n = l->at.n - at < LOAD_SECTORS ? l->at.n - at : LOAD_SECTORS;
        if (load_submit_write(l, &l->slot[0], at, n) != 0)
            return;
        drain(l);
    }
}

/* Everything once more, with nothing else under way. */
static void read_all(struct load *l)
{
    uint64_t n;

    for (uint64_t at = 0; at < l->at.n && l->busy == 0; at += n) {
        n = l->at.n - at < LOAD_SECTORS ? l->at.n - at : LOAD_SECTORS;
        if (load_submit_read(l, &l->slot[0], at, n) != 0)
            return;
        drain(l);
    }
}

static int set_up(struct load *l)
{
    uint8_t *granted;

    weir_blkfront_get_info(l->bf, &l->info);
    l->unit = l->info.sector_size / CRASH_SECTOR;
    if (l->unit == 0 || crash_layout(&l->at, l->info.sectors) != 0)
        return -WEIR_EINVAL;
    l->sector = calloc(l->at.n, sizeof(l->sector[0]));
    l->covers = calloc(l->at.n, sizeof(l->covers[0]));
    l->stable = calloc(l->at.n, sizeof(l->stable[0]));
    if (l->sector == NULL || l->covers == NULL || l->stable == NULL ||
        weir_blkfront_alloc(l->bf, GRANTED_SLOTS * (LOAD_BYTES / 4096),
                            (void **)&granted) != 0)
        return -WEIR_ENOMEM;
    for (unsigned i = 0; i < LOAD_SLOTS; i++) {
        l->slot[i].buf = i % 2 == 0 ? granted + i / 2 * (size_t)LOAD_BYTES
                                    : malloc(LOAD_BYTES);
        if (l->slot[i].buf == NULL)
            return -WEIR_ENOMEM;
    }
    for (unsigned q = 0; q < l->info.queues; q++)
        l->evtchn[q] = weir_blkfront_evtchn(l->bf, q);
    printf("%s %u queues, %u slots, %u bytes a request, %s%s%s\n",
           "crash_load:", l->info.queues, l->info.depth, l->info.max_bytes,
           l->info.persistent ? "persistent" : "mapped a request",
           l->info.flush ? ", flush" : "", l->info.discard ? ", discard" : "");
    fflush(stdout);
    return 0;
}

/* A log takes 400 lines at once and 100 a second. */
static void pace(struct load *l, unsigned line)
{
    uint64_t pending;

    fflush(stdout);
    if (line % 50 == 0)
        l->port->ops->wait(l->port, NULL, 0, 500000000u, &pending);
}

static void report(struct load *l)
{
    for (unsigned i = 0; i < l->gaps; i++) {
        printf("%s%llu+%llu", i % 10 == 0 ? "gaps " : " ",
               (unsigned long long)(l->gap[i].start_ns / 1000),
               (unsigned long long)((l->gap[i].end_ns - l->gap[i].start_ns) /
                                    1000));
        if (i % 10 == 9 || i + 1 == l->gaps) {
            putchar('\n');
            pace(l, i / 10 + 1);
        }
    }
    printf("result ios %llu mib %llu flushes %llu discards %llu lost %llu "
           "doubled %llu corrupted %llu hung %llu failed %llu noticed %llu\n",
           (unsigned long long)l->ios, (unsigned long long)(l->bytes >> 20),
           (unsigned long long)l->flushes, (unsigned long long)l->discards,
           (unsigned long long)l->lost, (unsigned long long)l->doubled,
           (unsigned long long)l->corrupted, (unsigned long long)l->hung,
           (unsigned long long)l->failed, (unsigned long long)l->noticed);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct load l;
    static struct weir_front_bus bus;
    static struct weir_gnttab gnttab;
    static char out[1024];
    struct weir_blkfront_config cfg = {
        .poll_bus = true,
        .ring_order = (unsigned)crash_option(argc, argv, "--order", 0),
        .no_persistent = crash_option(argc, argv, "--persistent", 1) == 0,
        .queues = (unsigned)crash_option(argc, argv, "--queues", 1)};
    unsigned depth = (unsigned)crash_option(argc, argv, "--depth", LOAD_SLOTS);
    int err;

    setvbuf(stdout, out, _IOFBF, sizeof(out));
    mallopt(M_ARENA_MAX, 1);
    l.rng = crash_option(argc, argv, "--seed", 1) * 0x9e3779b97f4a7c15u | 1;
    l.max_sectors = (unsigned)crash_option(argc, argv, "--sectors", 88);
    l.bus = &bus;
    if (l.max_sectors < 8 || l.max_sectors > LOAD_SECTORS || depth < 1)
        return 2;
    err = crash_start(&l.port);
    if (err == 0)
        err = weir_gnttab_init(&gnttab, l.port);
    if (err == 0)
        err = weir_front_bus_open(&bus, l.port, &gnttab);
    if (err == 0)
        err = weir_blkfront_open(&bus, 0, &cfg, &l.bf);
    if (err == 0)
        err = set_up(&l);
    if (err != 0) {
        fprintf(stderr, "crash_load: start: error %d\n", err);
        return 2;
    }
    if (crash_option(argc, argv, "--fill", 0) != 0)
        fill(&l);
    run(&l, depth < LOAD_SLOTS ? depth : LOAD_SLOTS);
    if (!bad(&l))
        read_all(&l);
    report(&l);
    if (!bad(&l))
        weir_blkfront_close(l.bf);
    return bad(&l);
}

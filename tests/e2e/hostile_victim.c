/* SPDX-License-Identifier: MIT
 *
 * hostile_victim disk|net: a guest whose backend is hostile.  Uses its device
 * until it breaks, stays silent or the test says stop; closes it; and looks
 * whether memory that it never granted is as it was.  Writes what it saw into
 * device/: opened, good, bad, broken (error number).
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontends/net/netfront.h"
#include "tests/e2e/hostile_work.h"

#define GUARD     64 /* pages, some below and some above the device's */
#define DEPTH     8
#define SILENT_MS 2000
#define WHOLE_MS  5000

static struct hostile h = {.attack = "victim"};
static struct weir_front_bus bus;
static uint8_t *guard[2];
static uint64_t good, bad;
static int broken;

static void note(const char *key, uint64_t v)
{
    weir_xs_write_u64(&bus.xs, 0, "device", key, v);
}

static void set_guard(unsigned i)
{
    guard[i] = hostile_pages(&h, GUARD);
    for (size_t k = 0; k < GUARD * 4096; k++)
        guard[i][k] = (uint8_t)(k * 31 + i);
}

static void check_guard(void)
{
    for (unsigned i = 0; i < 2; i++)
        for (size_t k = 0; k < GUARD * 4096; k++)
            HOSTILE_CHECK(&h, guard[i][k] == (uint8_t)(k * 31 + i),
                          "memory that was never granted is changed");
}

static bool over(uint64_t began, uint64_t last)
{
    uint64_t now = hostile_ms(&h);

    return broken != 0 || now - began > WHOLE_MS || now - last > SILENT_MS;
}

static unsigned busy;

static void done(struct weir_blkfront_io *io, int status)
{
    (void)io;
    busy--;
    good += status == 0;
    bad += status != 0;
}

static void use_disk(struct weir_blkfront *bf)
{
    static struct weir_blkfront_io io[DEPTH];
    static struct weir_blkfront_vec vec[DEPTH];
    static uint8_t buf[DEPTH][8192];
    uint64_t began = hostile_ms(&h), last = began;

    while (!over(began, last)) {
        int n;

        if (busy == 0)
            for (unsigned i = 0; i < DEPTH && broken == 0; i++) {
                vec[i] = (struct weir_blkfront_vec){buf[i], 8192};
                io[i] = (struct weir_blkfront_io){
                    .op = i % 2 != 0 ? WEIR_BLKFRONT_WRITE : WEIR_BLKFRONT_READ,
                    .sector = i * 16u,
                    .vec = &vec[i],
                    .nvec = 1,
                    .done = done};
                broken = weir_blkfront_submit(bf, 0, &io[i]);
                busy += broken == 0;
            }
        n = weir_blkfront_wait(bf, 0, 50000000);
        if (n > 0)
            last = hostile_ms(&h);
        if (n < 0)
            broken = n;
    }
}

static void run_disk(void)
{
    struct weir_blkfront_config cfg = {
        .poll_bus = true, .queues = 4, .ring_order = 0};
    struct weir_blkfront *bf;
    int err = weir_blkfront_open(&bus, 0, &cfg, &bf);

    note("opened", err == 0);
    if (err != 0)
        return;
    use_disk(bf);
    weir_front_bus_poll(&bus);
    weir_blkfront_close(bf);
    HOSTILE_CHECK(&h, busy == 0, "%u I/Os never ended", busy);
}

static void use_vif(struct weir_netfront *nf)
{
    static uint8_t frame[1400], in[65536];
    struct weir_netfront_vec v = {frame, sizeof(frame)};
    uint64_t began = hostile_ms(&h), last = began;

    memset(frame, 0xff, sizeof(frame));
    while (!over(began, last)) {
        int n = 0;

        for (unsigned i = 0; i < 64 && broken == 0; i++) {
            n = weir_netfront_recv(nf, 0, in, sizeof(in), NULL);
            if (n == 0)
                break;
            last = hostile_ms(&h);
            good += n > 0;
            if (n < 0 && n != -WEIR_E2BIG)
                broken = n;
        }
        /* Until there is no room: answers are looked at then. */
        while (broken == 0 && (n = weir_netfront_send(nf, 0, &v, 1, NULL)) == 0)
            ;
        if (broken == 0 && n != -WEIR_EAGAIN)
            broken = n;
        weir_netfront_flush(nf, 0);
        if (broken == 0)
            broken = weir_netfront_wait(nf, 0, 20000000);
        if (weir_front_bus_poll(&bus) < 0)
            broken = -WEIR_EIO;
    }
    bad = nf->queue[0].stats.rx_errors + nf->queue[0].stats.tx_errors;
}

static void run_net(void)
{
    static struct weir_netfront nf;
    int err = weir_netfront_open(&nf, &bus, 0, NULL);

    HOSTILE_CHECK(&h, err == 0, "vif: %s", strerror(-err));
    err = weir_front_wait_state(&nf.dev, WEIR_XENBUS_CONNECTED, 10000000000u);
    note("opened", err == 0);
    if (err == 0)
        use_vif(&nf);
    if (nf.reason != NULL)
        weir_xs_write_key(&bus.xs, 0, nf.dev.path, "reason", nf.reason);
    weir_netfront_close(&nf);
}

int main(int argc, char **argv)
{
    hostile_join(&h);
    set_guard(0);
    work_bus(&h, &bus);
    if (argc > 1 && strcmp(argv[1], "net") == 0)
        run_net();
    else
        run_disk();
    set_guard(1); /* none of these may be pages that are still mapped */
    hostile_sleep_us(100000);
    check_guard();
    note("good", good);
    note("bad", bad);
    note("broken", (uint64_t)-broken);
    _exit(0); /* sealed: no leak search */
}

/* SPDX-License-Identifier: MIT
 *
 * hostile_innocent disk|net: a good guest beside hostile ones.  Writes and
 * reads its disk with checksums, or sends frames from its first vif to its
 * second; counts them in device/ios; ends when device/stop is there.  Exit 1:
 * it noticed something.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontends/net/netfront.h"
#include "tests/e2e/hostile_work.h"

#define FRAME    1200u
#define RESEND   20000000u
#define REPORT_N 16

static struct hostile h = {.attack = "innocent"};
static struct weir_front_bus bus;

static bool report(uint64_t ios)
{
    uint64_t v;

    if (ios % REPORT_N != 0)
        return false;
    HOSTILE_CHECK(&h, weir_xs_write_u64(&bus.xs, 0, "device", "ios", ios) == 0,
                  "the registry takes no number");
    return weir_xs_read_u64(&bus.xs, 0, "device", "stop", &v) == 0;
}

static void run_disk(void)
{
    struct work w = {.h = &h, .pages = WORK_PAGES, .limit_ms = 10000};
    struct weir_blkfront_config cfg = {.poll_bus = true};

    work_open(&w, &bus, &cfg);
    for (uint64_t ios = 1;; ios++) {
        work_round(&w, ios);
        if (report(ios))
            break;
    }
    weir_blkfront_close(w.bf);
}

static struct weir_netfront nf[2];

/* Is it the frame that was sent?  Others may come: the network is shared. */
static bool arrived(const uint8_t *sent)
{
    static uint8_t got[65536];

    for (;;) {
        int n = weir_netfront_recv(&nf[1], 0, got, sizeof(got), NULL);

        HOSTILE_CHECK(&h, n >= 0 || n == -WEIR_E2BIG, "receive: %s (%s)",
                      strerror(-n), nf[1].reason ? nf[1].reason : "");
        if (n == 0)
            return false;
        if (n != (int)FRAME || memcmp(got, sent, 24) != 0)
            continue; /* not ours, or an older one */
        HOSTILE_CHECK(&h, memcmp(got, sent, FRAME) == 0, "a frame is changed");
        return true;
    }
}

static void exchange(uint64_t seq)
{
    static uint8_t frame[FRAME], scratch[65536];
    struct weir_netfront_vec v = {frame, FRAME};
    uint64_t end = hostile_ms(&h) + 10000;

    work_fill(frame, FRAME, seq);
    memcpy(frame, nf[1].mac, 6);
    memcpy(frame + 6, nf[0].mac, 6);
    memcpy(frame + 12, "\x88\xb7", 2);
    memcpy(frame + 14, &seq, 8);
    do {
        int err = weir_netfront_send(&nf[0], 0, &v, 1, NULL);

        HOSTILE_CHECK(&h, err == 0 || err == -WEIR_EAGAIN, "send: %s (%s)",
                      strerror(-err), nf[0].reason ? nf[0].reason : "");
        HOSTILE_CHECK(&h, hostile_ms(&h) < end, "no frame arrives for 10 s");
        weir_netfront_flush(&nf[0], 0);
        while (weir_netfront_recv(&nf[0], 0, scratch, sizeof(scratch), NULL) !=
               0)
            ;
        if (arrived(frame))
            return;
        err = weir_netfront_wait(&nf[1], 0, RESEND);
        HOSTILE_CHECK(&h, err == 0, "wait: %s", strerror(-err));
    } while (!arrived(frame));
}

static void run_net(void)
{
    const struct weir_netfront_config cfg = {.spin_ns = UINT64_MAX};

    for (unsigned i = 0; i < 2; i++) {
        int err = weir_netfront_open(&nf[i], &bus, i, &cfg);

        HOSTILE_CHECK(&h, err == 0, "vif %u: %s", i, strerror(-err));
        err = weir_front_wait_state(&nf[i].dev, WEIR_XENBUS_CONNECTED,
                                    10000000000u);
        HOSTILE_CHECK(&h, err == 0, "vif %u: %s", i, strerror(-err));
    }
    for (uint64_t seq = 1;; seq++) {
        exchange(seq);
        weir_front_bus_poll(&bus);
        if (report(seq))
            break;
    }
    weir_netfront_close(&nf[0]);
    weir_netfront_close(&nf[1]);
}

int main(int argc, char **argv)
{
    hostile_join(&h);
    work_bus(&h, &bus);
    if (argc > 1 && strcmp(argv[1], "net") == 0)
        run_net();
    else
        run_disk();
    _exit(0); /* sealed: no leak search */
}

/* SPDX-License-Identifier: MIT
 *
 * crash_kill --state-dir DIR --domain NAME --guest NAME [--other NAME]
 * [--image FILE] [--stop COMMAND] --kills N [--seed N] [--delay MS]
 * [--watch 1]: kills the program of the driver domain N times at random points
 * while the guests use it, looks at the image meanwhile, tells the guests to
 * stop and waits for the first one's end.  With --watch the program dies by
 * itself, and N ends are waited for.
 *
 * Lines: "outage GUEST MANAGER EXIT" in microseconds for each return, then
 * counts.  Exit 0: nothing was lost, corrupted or stuck as seen from here.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/crash/devd_client.h"
#include "tests/crash/gaps.h"
#include "tests/crash/image_check.h"
#include "tests/crash/leaks.h"

#define BACK_MS  15000 /* until it must serve again */
#define END_MS   90000 /* until the guest must be gone */
#define LEFT_MS  2000  /* until nothing more is held than before */
#define EARLY_MS 8     /* kills of a program that does not serve yet */

struct killer {
    const char *state_dir, *image, *domain, *guest, *other, *stop;
    unsigned kills, delay_ms;
    bool watch;
    int devd;
    uint64_t rng;
    struct image_check check;
    struct weir_devctl_dominfo info; /* of the driver domain */
    unsigned deaths;                 /* so many there should have been */
    uint64_t exit_us;                /* what the last one took the kernel */
    struct crash_outages outages;
};

static uint64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000;
}

static void pause_us(uint64_t us)
{
    struct timespec ts = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};

    nanosleep(&ts, NULL);
}

static uint64_t below(struct killer *k, uint64_t n)
{
    k->rng ^= k->rng << 13;
    k->rng ^= k->rng >> 7;
    k->rng ^= k->rng << 17;
    return (k->rng >> 11) % n;
}

static void look_at_image(struct killer *k)
{
    if (k->image[0] != '\0')
        image_check(&k->check, below(k, UINT32_MAX));
}

static int fail(const char *what, int err)
{
    fprintf(stderr, "crash_kill: %s: %s\n", what, strerror(-err));
    return err;
}

static bool is_running(struct killer *k, const char *guest)
{
    struct weir_devctl_dominfo g;

    return guest[0] == '\0' || (crash_devd_info(k->devd, guest, &g) == 0 &&
                                strcmp(g.state, "running") == 0);
}

static bool guest_there(struct killer *k)
{
    return is_running(k, k->guest) && is_running(k, k->other);
}

/* 0: it serves, after as many ends as there should have been. */
static int wait_back(struct killer *k)
{
    uint64_t end = now_us() + BACK_MS * 1000u;
    int err;

    while (now_us() < end) {
        err = crash_devd_info(k->devd, k->domain, &k->info);
        if (err != 0)
            return fail("the driver domain is gone", err);
        if (k->info.restarts > k->deaths) {
            fprintf(stderr, "crash_kill: it died by itself: %s\n",
                    k->info.ended_why);
            return -ECHILD;
        }
        if (k->info.restarts == k->deaths &&
            strcmp(k->info.state, "running") == 0)
            return 0;
        if (strcmp(k->info.state, "crashed") == 0)
            return fail(k->info.reason, -EIO);
        pause_us(1000);
    }
    fprintf(stderr, "crash_kill: %u ends, state %s %s\n", k->info.restarts,
            k->info.state, k->info.reason);
    return fail("HUNG: it does not come back", -ETIMEDOUT);
}

/* Its pid is its own: nobody else ends it. */
static int shoot(struct killer *k)
{
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)k->info.pid, 0), err = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t at_us = now_us();

    if (fd < 0)
        return fail("pidfd_open", -errno);
    if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) != 0)
        err = fail("SIGKILL", -errno);
    else if (poll(&p, 1, BACK_MS) != 1)
        err = fail("HUNG: it does not die", -ETIMEDOUT);
    k->exit_us = now_us() - at_us;
    close(fd);
    k->deaths++;
    return err;
}

/* The successor too, before it serves. */
static int shoot_early(struct killer *k)
{
    uint32_t old = k->info.pid;
    uint64_t end = now_us() + BACK_MS * 1000u;

    while (now_us() < end) {
        int err = crash_devd_info(k->devd, k->domain, &k->info);

        if (err != 0)
            return fail("the driver domain is gone", err);
        if (k->info.restarts == k->deaths && k->info.pid != old &&
            k->info.pid != 0) {
            pause_us(below(k, EARLY_MS * 1000));
            return shoot(k);
        }
        pause_us(500);
    }
    return fail("HUNG: no successor", -ETIMEDOUT);
}

/* Half of the kills come while little was done since the last. */
static uint64_t random_delay_us(struct killer *k)
{
    return below(k, (below(k, 2) ? 2 : k->delay_ms) * 1000 + 1);
}

static int one_kill(struct killer *k)
{
    uint64_t at_us;
    int err;

    if (below(k, 4) == 0)
        look_at_image(k);
    pause_us(random_delay_us(k));
    at_us = now_us();
    err = shoot(k);
    if (err == 0 && below(k, 4) == 0)
        look_at_image(k);
    if (err == 0 && k->deaths < k->kills && below(k, 8) == 0)
        err = shoot_early(k);
    if (err == 0)
        err = wait_back(k);
    if (err == 0)
        err = crash_outage(&k->outages, at_us, now_us(), k->info.outage_us,
                           k->exit_us);
    return err;
}

/* The program ends by itself, at steps.  Only what the manager measures. */
static int watch(struct killer *k)
{
    uint64_t progress = now_us();
    unsigned seen = 0;

    while (now_us() - progress < BACK_MS * 1000u) {
        int err = crash_devd_info(k->devd, k->domain, &k->info);

        if (err != 0)
            return fail("the driver domain is gone", err);
        if (k->info.restarts != seen) {
            seen = k->info.restarts;
            progress = now_us();
        }
        if (!guest_there(k))
            return fail("the guest is gone", -ESRCH);
        if (seen >= k->kills && strcmp(k->info.state, "running") == 0)
            return 0;
        if (below(k, 8) == 0)
            look_at_image(k);
        pause_us(4000);
    }
    fprintf(stderr, "crash_kill: %u ends, state %s %s\n", seen, k->info.state,
            k->info.reason);
    return fail("HUNG: it does not come back, or does not die", -ETIMEDOUT);
}

static int kill_all(struct killer *k)
{
    int err = 0;

    while (err == 0 && k->deaths < k->kills) {
        if (!guest_there(k))
            return fail("the guest is gone", -ESRCH);
        err = one_kill(k);
    }
    return err;
}

/* Guests and what is mapped of them change with the load. */
static int left(struct killer *k, struct leaks *before)
{
    char guest[80], other[80], maps[] = "domain * maps",
                               filled[] = "domain * memory KiB";
    char *but[] = {guest, other, maps, filled, NULL};

    snprintf(guest, sizeof(guest), "domain %s ?*", k->guest);
    snprintf(other, sizeof(other), "domain %s ?*", k->other);
    return leaks_compare(before, k->state_dir, but, LEFT_MS);
}

static int run(struct killer *k)
{
    struct leaks before = {0};
    int err = crash_devd_info(k->devd, k->domain, &k->info);

    if (err != 0)
        return fail(k->domain, err);
    if (k->watch)
        return watch(k);
    k->deaths = k->info.restarts; /* of before */
    k->kills += k->deaths;
    err = wait_back(k);
    if (err != 0)
        return err;
    err = leaks_take(&before, k->state_dir);
    if (err != 0)
        return fail("servers", err);
    err = kill_all(k);
    if (err == 0 && left(k, &before) != 0)
        err = -EMFILE;
    leaks_free(&before);
    return err;
}

static int finish(struct killer *k)
{
    uint64_t end = now_us() + END_MS * 1000u;
    int err = k->image[0] != '\0' ? image_check_stop(k->image) : 0;

    if (err != 0)
        return fail(k->image, err);
    if (k->stop[0] != '\0' && system(k->stop) != 0)
        return fail(k->stop, -EIO);
    while (is_running(k, k->guest) && now_us() < end)
        pause_us(20000);
    if (is_running(k, k->guest))
        return fail("HUNG: the guest does not end", -ETIMEDOUT);
    if (k->image[0] != '\0')
        image_check_all(&k->check);
    return 0;
}

static const char *option(int argc, char **argv, const char *name,
                          const char *dflt)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return dflt;
}

int main(int argc, char **argv)
{
    static struct killer k;
    char log[200];
    int err;

    k.state_dir = option(argc, argv, "--state-dir", "");
    k.image = option(argc, argv, "--image", "");
    k.domain = option(argc, argv, "--domain", "");
    k.guest = option(argc, argv, "--guest", "");
    k.other = option(argc, argv, "--other", "");
    k.stop = option(argc, argv, "--stop", "");
    k.kills = (unsigned)atoi(option(argc, argv, "--kills", "0"));
    k.delay_ms = (unsigned)atoi(option(argc, argv, "--delay", "30"));
    k.watch = atoi(option(argc, argv, "--watch", "0")) != 0;
    k.rng = strtoull(option(argc, argv, "--seed", "1"), NULL, 10) *
                0x9e3779b97f4a7c15u |
            1;
    k.devd = crash_devd_open(k.state_dir);
    err = k.devd < 0 ? k.devd : 0;
    if (err == 0 && k.image[0] != '\0')
        err = image_check_open(&k.check, k.image);
    if (err != 0) {
        fail("start", err);
        return 2;
    }
    err = run(&k);
    if (finish(&k) != 0)
        err = -ETIMEDOUT;
    snprintf(log, sizeof(log), "%s/log/%s.log", k.state_dir, k.guest);
    crash_outages_print(&k.outages, log);
    printf("host kills %u sectors %" PRIu64 " lost %" PRIu64
           " corrupted %" PRIu64 " hung %d\n",
           k.watch ? k.info.restarts : k.deaths, k.check.sectors, k.check.lost,
           k.check.corrupted, err == -ETIMEDOUT);
    return err != 0 || k.check.lost != 0 || k.check.corrupted != 0;
}

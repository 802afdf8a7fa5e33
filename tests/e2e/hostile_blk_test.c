/* SPDX-License-Identifier: MIT
 *
 * Hostile guests against the real block backend, as sealed domains: design
 * section 8.  Beside each runs an innocent guest on the same backend, which
 * must go on reading what it wrote; no program may die or make a sanitizer
 * speak; and at the end the backend has what it had at the start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/common/stats_abi.h"
#include "tests/e2e/hostile_lab.h"

#define IMAGE_BYTES (16u << 20)
#define SMALL_BYTES (2u << 20)
#define GUEST_PAGES 4096
#define WAIT_MS     40000

static struct lab lab;
static struct launch_dom *back, *innocent;
static struct weir_resource innocent_disk;
static char dir[128];

static void image(const char *name, off_t size, char path[192])
{
    int fd;

    snprintf(path, 192, "%s/%s", dir, name);
    unlink(path);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
}

static int attach(struct launch_dom *front, struct weir_resource *res,
                  unsigned devid, const char *path, int mode, uint32_t flags)
{
    int fds[2] = {open(path, mode | O_DIRECT | O_CLOEXEC),
                  open(path, mode | O_CLOEXEC)};
    int err;

    if (fds[0] < 0)
        fds[0] = open(path, mode | O_CLOEXEC);
    assert_true(fds[0] >= 0 && fds[1] >= 0);
    *res =
        (struct weir_resource){.cls = WEIR_RES_VBD, .devid = devid, .nfds = 2};
    res->vbd.flags = flags;
    res->vbd.sector_size = 512;
    res->vbd.queues = 4;
    snprintf(res->label, sizeof(res->label), "%.60s", path + strlen(dir) + 1);
    err = launch_device(&lab.l, front, back, res, fds);
    close(fds[0]);
    close(fds[1]);
    return err;
}

static struct launch_dom *hostile_guest(struct weir_resource res[2],
                                        const char *rw_path)
{
    struct launch_dom *g = lab_guest(&lab, "hostile", GUEST_PAGES);
    char ro[192];

    image("ro.img", IMAGE_BYTES, ro);
    assert_int_equal(
        attach(g, &res[0], 51712, rw_path, O_RDWR, WEIR_VBD_DISCARD), 0);
    assert_int_equal(attach(g, &res[1], 51728, ro, O_RDWR,
                            WEIR_VBD_READONLY | WEIR_VBD_DISCARD),
                     0);
    return g;
}

static void attack(const char *name)
{
    struct weir_resource res[2];
    struct launch_dom *g;
    char rw[192];
    int status;

    image("rw.img", IMAGE_BYTES, rw);
    g = hostile_guest(res, rw);
    lab_progress(&lab, innocent);
    lab_exec(&lab, g, "hostile_blkfront", name);
    lab_progress(&lab, innocent); /* while it runs */
    status = launch_wait(g, WAIT_MS);
    LAB_CHECK(&lab, status == 0, "%s: status %d", name, status);
    lab_progress(&lab, innocent);
    lab_detach(&lab, g, back, res, 2, true);
    lab_progress(&lab, innocent);
    lab_check(&lab);
}

#define ATTACK(fn, name)                                                       \
    static void fn(void **state)                                               \
    {                                                                          \
        (void)state;                                                           \
        attack(name);                                                          \
    }
ATTACK(test_bad_requests_get_errors, "requests")
ATTACK(test_bad_indirect_requests_get_errors, "indirect")
ATTACK(test_bad_references_get_errors, "references")
ATTACK(test_pages_stay_alone_once_a_grant_has_ended, "revoke")
ATTACK(test_readonly_disk_is_not_written, "readonly")
ATTACK(test_requests_rewritten_in_flight_do_no_harm, "rewrite")
ATTACK(test_disk_read_into_the_ring_itself, "own-ring")
ATTACK(test_impossible_indexes_close_the_device, "indexes")
ATTACK(test_answers_that_nobody_takes, "unread")
ATTACK(test_garbage_nodes_close_the_device, "nodes")
ATTACK(test_states_that_flap, "flap")
ATTACK(test_persistent_pages_stay_bounded, "flood")
ATTACK(test_two_queues_on_one_ring, "twins")
ATTACK(test_ring_page_ungranted_while_connected, "ungrant-ring")
ATTACK(test_guest_that_leaves_with_io_in_flight, "vanish")

static uint64_t kicks_in(void)
{
    static union {
        uint8_t bytes[WEIR_PAGE_SIZE];
        struct weir_stats_page page;
    } u;
    uint64_t sum = 0;

    LAB_CHECK(&lab, weir_hvctl_stats(lab.l.ctl, back->domid, u.bytes) == 0,
              "no statistics");
    for (unsigned i = 0; i < WEIR_STATS_DEVS; i++)
        if (u.page.dev[i].devid == 51712 &&
            u.page.dev[i].frontend != innocent->domid)
            sum += u.page.dev[i].word[WEIR_STAT_VBD_KICKS_IN];
    return sum;
}

/* Spurious wake-ups are paid by who causes them: the backend listens less and
 * less often. */
static void test_event_storm_is_listened_to_rarely(void **state)
{
    struct weir_resource res[2];
    struct launch_dom *g;
    uint64_t most = 0;
    char rw[192];

    (void)state;
    image("rw.img", IMAGE_BYTES, rw);
    g = hostile_guest(res, rw);
    lab_exec(&lab, g, "hostile_blkfront", "storm");
    for (;;) {
        int status = launch_wait(g, 20);
        uint64_t now = kicks_in();

        if (now > most)
            most = now;
        LAB_CHECK(&lab, status <= 0, "storm: status %d", status);
        if (status == 0)
            break;
    }
    LAB_CHECK(&lab, most > 0 && most < 4000, "%llu wake-ups in 1.5 s",
              (unsigned long long)most);
    lab_progress(&lab, innocent);
    lab_detach(&lab, g, back, res, 2, true);
    lab_check(&lab);
}

static void wait_ready(struct launch_dom *g)
{
    for (unsigned i = 0; i < 2000 && lab_number(&lab, g, "ready") == 0; i++) {
        struct timespec ts = {0, 5000000};

        nanosleep(&ts, NULL);
    }
    LAB_CHECK(&lab, lab_number(&lab, g, "ready") == 1, "the guest hangs");
}

static void test_guest_killed_with_io_in_flight(void **state)
{
    struct weir_resource res[2];
    char rw[192];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct launch_dom *g;

        image("rw.img", IMAGE_BYTES, rw);
        g = hostile_guest(res, rw);
        lab_exec(&lab, g, "hostile_blkfront", "hang");
        wait_ready(g);
        lab_detach(&lab, g, back, res, 2, true);
        lab_progress(&lab, innocent);
        lab_check(&lab);
    }
}

static void test_image_that_shrinks_gives_errors(void **state)
{
    struct weir_resource res[2];
    struct launch_dom *g;
    char rw[192];
    int status;

    (void)state;
    image("rw.img", IMAGE_BYTES, rw);
    g = hostile_guest(res, rw);
    lab_exec(&lab, g, "hostile_blkfront", "shrunk");
    wait_ready(g);
    assert_int_equal(truncate(rw, IMAGE_BYTES / 2), 0);
    lab_tell(&lab, g, "go");
    status = launch_wait(g, WAIT_MS);
    LAB_CHECK(&lab, status == 0, "shrunk: status %d", status);
    LAB_CHECK(&lab, lab_said(&lab, "rw.img: read of"),
              "the log does not name the image");
    lab_detach(&lab, g, back, res, 2, true);
    lab_progress(&lab, innocent);
    lab_check(&lab);
}

/* Right after a guest that filled the log with its errors. */
static void test_full_host_disk_gives_errors_and_a_log_line(void **state)
{
    struct weir_resource res[2];
    struct launch_dom *g;
    char sub[160], rw[192];
    int status;

    (void)state;
    snprintf(sub, sizeof(sub), "%s/small", dir);
    mkdir(sub, 0700);
    if (geteuid() != 0 || mount("weir-test", sub, "tmpfs", 0, "size=2m") != 0)
        skip();
    image("small/full.img", SMALL_BYTES * 4, rw);
    g = hostile_guest(res, rw);
    lab_exec(&lab, g, "hostile_blkfront", "full");
    status = launch_wait(g, WAIT_MS);
    LAB_CHECK(&lab, status == 0, "full: status %d", status);
    LAB_CHECK(&lab,
              lab_said(&lab, "No space left on device: make room on the "
                             "host's file system"),
              "the log does not name the full disk");
    lab_detach(&lab, g, back, res, 2, true);
    umount2(sub, MNT_DETACH);
    lab_progress(&lab, innocent);
    lab_check(&lab);
}

static void refused(const char *path, int mode, uint32_t flags, off_t size,
                    const char *reason)
{
    struct weir_resource res[1];
    struct launch_dom *g = lab_guest(&lab, "odd", 512);
    char error[200] = "", state[16] = "";
    int err;

    assert_int_equal(truncate(path, size), 0);
    err = attach(g, &res[0], 51712, path, mode, flags);
    /* The answer to the manager comes before the nodes. */
    for (unsigned i = 0; i < 200 && strcmp(state, "5") != 0; i++) {
        struct timespec ts = {0, 5000000};

        nanosleep(&ts, NULL);
        launch_read(&lab.l, g, back, &res[0], true, "error", error,
                    sizeof(error));
        launch_read(&lab.l, g, back, &res[0], true, "state", state,
                    sizeof(state));
    }
    LAB_CHECK(&lab, err != 0, "it is attached");
    LAB_CHECK(&lab, strstr(error, reason) != NULL, "error \"%s\", not \"%s\"",
              error, reason);
    LAB_CHECK(&lab, strcmp(state, "5") == 0, "state %s", state);
    lab_detach(&lab, g, back, res, 1, true);
    lab_progress(&lab, innocent);
    lab_check(&lab);
}

static void test_image_of_half_sectors_is_refused(void **state)
{
    char path[192];

    (void)state;
    image("odd.img", IMAGE_BYTES, path);
    refused(path, O_RDWR, 0, IMAGE_BYTES + 100, "is not a multiple of");
    refused(path, O_RDWR, 0, 0, "is not a multiple of");
    refused(path, O_RDWR, 0, 511, "is not a multiple of");
}

/* Writable for the guest, although the descriptor is not. */
static void test_readonly_image_attached_for_writing_is_refused(void **state)
{
    char path[192];

    (void)state;
    image("odd.img", IMAGE_BYTES, path);
    refused(path, O_RDONLY, 0, IMAGE_BYTES, "read-only");
}

static int setup(void **state)
{
    const char *b = getenv("B");
    char path[192];

    (void)state;
    if (lab_start(&lab, "hostile-blk") != 0)
        return -1;
    snprintf(dir, sizeof(dir), "%s/hostile-blk-disks.XXXXXX",
             b != NULL && *b != '\0' ? b : "build");
    if (mkdtemp(dir) == NULL)
        return -1;
    back = lab_backend(&lab, "weir-blkback");
    lab_remember(&lab, back);
    image("innocent.img", IMAGE_BYTES, path);
    innocent = lab_guest(&lab, "innocent", 2048);
    assert_int_equal(attach(innocent, &innocent_disk, 51712, path, O_RDWR, 0),
                     0);
    lab_exec(&lab, innocent, "hostile_innocent", "disk");
    return 0;
}

static void test_nothing_is_left(void **state)
{
    int status;

    (void)state;
    lab_tell(&lab, innocent, "stop");
    status = launch_wait(innocent, 10000);
    LAB_CHECK(&lab, status == 0, "the innocent guest: status %d", status);
    lab_detach(&lab, innocent, back, &innocent_disk, 1, false);
    lab_as_before(&lab, back);
    lab_check(&lab);
}

static int teardown(void **state)
{
    char cmd[320];

    (void)state;
    lab_stop(&lab);
    snprintf(cmd, sizeof(cmd), "umount -q %s/small; rm -rf %s", dir, dir);
    return system(cmd) != 0;
}

int main(void)
{
#define T(fn) cmocka_unit_test(fn)
    const struct CMUnitTest tests[] = {
        T(test_bad_requests_get_errors),
        T(test_bad_indirect_requests_get_errors),
        T(test_bad_references_get_errors),
        T(test_pages_stay_alone_once_a_grant_has_ended),
        T(test_readonly_disk_is_not_written),
        T(test_requests_rewritten_in_flight_do_no_harm),
        T(test_disk_read_into_the_ring_itself),
        T(test_impossible_indexes_close_the_device),
        T(test_answers_that_nobody_takes),
        T(test_garbage_nodes_close_the_device),
        T(test_states_that_flap),
        T(test_persistent_pages_stay_bounded),
        T(test_two_queues_on_one_ring),
        T(test_ring_page_ungranted_while_connected),
        T(test_guest_that_leaves_with_io_in_flight),
        T(test_event_storm_is_listened_to_rarely),
        T(test_guest_killed_with_io_in_flight),
        T(test_image_that_shrinks_gives_errors),
        T(test_full_host_disk_gives_errors_and_a_log_line),
        T(test_image_of_half_sectors_is_refused),
        T(test_readonly_image_attached_for_writing_is_refused),
        T(test_nothing_is_left),
    };
    const char *b = getenv("B");
    char cmd[300];

    snprintf(cmd, sizeof(cmd), "%s/bin/weir-hv --check",
             b != NULL && *b != '\0' ? b : "build");
    if (system(cmd) != 0) {
        puts("this machine can't run process domains (weir-hv --check)");
        return 77;
    }
    if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0)
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return cmocka_run_group_tests(tests, setup, teardown);
}

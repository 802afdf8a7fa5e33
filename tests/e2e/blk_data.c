/* SPDX-License-Identifier: MIT
 *
 * Data through the real path: weir-hv, weir-xenstored, weir-blkback as a
 * sealed driver domain, blk_check as a guest; against a file and, as root,
 * against a loop device.  DURATION: seconds in all (default 15).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/launch.h"

#define IMAGE_BYTES (64u << 20)
#define RUNS        4

static struct launch machine;
static char image[128], loop[64];

static int seconds(void)
{
    const char *d = getenv("DURATION");
    int n = d != NULL ? atoi(d) : 15;

    return n > RUNS ? n / RUNS : 1;
}

static int setup(void **state)
{
    const char *dir = getenv("B");
    int fd;

    (void)state;
    if (launch_start(&machine, "1G") != 0)
        return -1;
    snprintf(image, sizeof(image), "%s/blk-data.XXXXXX",
             dir != NULL && *dir != '\0' ? dir : "build");
    fd = mkstemp(image);
    if (fd < 0 || ftruncate(fd, IMAGE_BYTES) != 0)
        return -1;
    close(fd);
    return 0;
}

static void drop_loop(void)
{
    char cmd[160];

    if (loop[0] == '\0')
        return;
    snprintf(cmd, sizeof(cmd), "losetup -d %s", loop);
    if (system(cmd) != 0)
        fprintf(stderr, "%s failed\n", cmd);
    loop[0] = '\0';
}

static int teardown(void **state)
{
    (void)state;
    launch_stop(&machine);
    drop_loop();
    unlink(image);
    return 0;
}

static struct launch_dom *start_backend(void)
{
    static const char *const argv[] = {"weir-blkback", NULL};
    struct launch_dom *d = launch_create(&machine, "blkback", true, 4096);

    assert_non_null(d);
    assert_int_equal(launch_exec(&machine, d, argv), 0);
    assert_int_equal(launch_ready(d, 5000), 0);
    return d;
}

static void check_device(struct launch_dom *back, const char *path,
                         uint32_t flags, uint32_t sector_size,
                         const char *queues)
{
    struct launch_dom *guest = launch_create(&machine, "guest", false, 40960);
    struct weir_resource res = {.cls = WEIR_RES_VBD, .devid = 51712, .nfds = 2};
    char secs[16], seed[16];
    const char *argv[] = {"blk_check", "--seconds", secs,   "--seed",
                          seed,        "--queues",  queues, NULL};
    int fds[2] = {open(path, O_RDWR | O_DIRECT | O_CLOEXEC),
                  open(path, O_RDWR | O_CLOEXEC)};

    assert_non_null(guest);
    if (fds[0] < 0)
        fds[0] = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fds[0] >= 0 && fds[1] >= 0);
    snprintf(secs, sizeof(secs), "%d", seconds());
    snprintf(seed, sizeof(seed), "%d", (int)getpid());
    res.vbd.flags = flags | WEIR_VBD_DISCARD;
    res.vbd.sector_size = sector_size;
    res.vbd.queues = 4;
    snprintf(res.label, sizeof(res.label), "%.60s", path);
    assert_int_equal(launch_device(&machine, guest, back, &res, fds), 0);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(launch_exec(&machine, guest, argv), 0);
    assert_int_equal(launch_wait(guest, seconds() * 1000 + 60000), 0);
    assert_int_equal(
        launch_order(&machine, guest, back, &res, WEIR_RES_DETACH, 5000), 0);
    launch_destroy(&machine, guest);
}

static void test_random_io_on_a_file_reads_back(void **state)
{
    struct launch_dom *back = start_backend();

    (void)state;
    check_device(back, image, 0, 512, "1");
    /* The image is not empty any more: the check knows zeros only. */
    assert_int_equal(truncate(image, 0), 0);
    assert_int_equal(truncate(image, IMAGE_BYTES), 0);
    check_device(back, image, 0, 4096, "3");
    launch_destroy(&machine, back);
}

static void make_loop(const char *options)
{
    char cmd[220];
    FILE *p;

    assert_int_equal(truncate(image, 0), 0);
    assert_int_equal(truncate(image, IMAGE_BYTES), 0);
    snprintf(cmd, sizeof(cmd), "losetup -f --show %s %s 2>/dev/null", options,
             image);
    p = popen(cmd, "r");
    if (p == NULL || fgets(loop, sizeof(loop), p) == NULL)
        loop[0] = '\0';
    loop[strcspn(loop, "\n")] = '\0';
    if (p != NULL)
        pclose(p);
}

static void test_random_io_on_a_loop_device_reads_back(void **state)
{
    struct launch_dom *back;

    (void)state;
    if (geteuid() != 0)
        skip();
    make_loop("");
    if (loop[0] == '\0')
        skip();
    back = start_backend();
    check_device(back, loop, WEIR_VBD_BLKDEV, 512, "1");
    launch_destroy(&machine, back);
    drop_loop();
}

/* Direct I/O to it is in 4096 bytes, the guest's in 512: what does not fit
 * goes through the bounce buffer or the second descriptor. */
static void test_512_byte_sectors_on_a_4096_byte_device(void **state)
{
    struct launch_dom *back;

    (void)state;
    if (geteuid() != 0)
        skip();
    make_loop("-b 4096");
    if (loop[0] == '\0')
        skip();
    back = start_backend();
    check_device(back, loop, WEIR_VBD_BLKDEV, 512, "1");
    launch_destroy(&machine, back);
    drop_loop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_io_on_a_file_reads_back),
        cmocka_unit_test(test_random_io_on_a_loop_device_reads_back),
        cmocka_unit_test(test_512_byte_sectors_on_a_4096_byte_device),
    };
    char cmd[300];

    snprintf(cmd, sizeof(cmd), "%s/bin/weir-hv --check",
             getenv("B") != NULL ? getenv("B") : "build");
    if (system(cmd) != 0) {
        puts("this machine can't run process domains (weir-hv --check)");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: MIT
 *
 * Around a domain: control groups as the host has them, instances, logs,
 * images.
 */
#include "driverdomains/cgroup.h"
#include "driverdomains/image.h"
#include "driverdomains/instance.h"
#include "driverdomains/logsink.h"
#include "tests/unit/dd_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- control groups: parsing ------------------------------------------ */

static void cgroup_mounts_are_found(void **state)
{
    static const char hybrid[] =
        "30 24 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
        "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 - cgroup cgroup "
        "rw,cpu,cpuacct\n"
        "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    char path[64];

    (void)state;
    assert_int_equal(weir_cgroup_mount(hybrid, "cpu", path, sizeof(path)), 0);
    assert_string_equal(path, "/sys/fs/cgroup/cpu,cpuacct");
    assert_int_equal(weir_cgroup_mount(hybrid, "memory", path, sizeof(path)),
                     0);
    assert_string_equal(path, "/sys/fs/cgroup/memory");
    assert_int_equal(weir_cgroup_mount(hybrid, "pids", path, sizeof(path)),
                     -ENOENT);
    assert_int_equal(weir_cgroup_mount(hybrid, NULL, path, sizeof(path)), 0);
    assert_string_equal(path, "/sys/fs/cgroup/unified");
    assert_int_equal(weir_cgroup_mount("", NULL, path, sizeof(path)), -ENOENT);
    assert_int_equal(weir_cgroup_mount("x\n - \n", NULL, path, sizeof(path)),
                     -ENOENT);
}

static void own_cgroup_is_found(void **state)
{
    static const char text[] = "4:memory:/a/b\n3:cpu,cpuacct:/c\n0::/\n";
    char path[16];

    (void)state;
    assert_int_equal(weir_cgroup_own(text, "memory", path, sizeof(path)), 0);
    assert_string_equal(path, "/a/b");
    assert_int_equal(weir_cgroup_own(text, "cpu", path, sizeof(path)), 0);
    assert_string_equal(path, "/c");
    assert_int_equal(weir_cgroup_own(text, "pids", path, sizeof(path)),
                     -ENOENT);
}

/* A limit that the kernel refuses is no limit: the domain must not start. */
static void a_refused_limit_is_an_error(void **state)
{
    static const char *const files[] = {"memory.limit_in_bytes",
                                        "cpu.cfs_quota_us", "pids.max"};
    const struct weir_cgroup_limits limits = {
        .memory = 1 << 20, .cap = 50, .pids = 8};

    (void)state;
    for (int i = 0; i < WEIR_CG_COUNT; i++) {
        struct weir_cgroups g = {.v2 = false};
        char name[16], path[200];
        int fd;

        snprintf(name, sizeof(name), "dom%d", i);
        snprintf(path, sizeof(path), "%s/%s", in_dir(name), files[i]);
        strcpy(g.base[i], dir);
        assert_int_equal(mkdir(in_dir(name), 0700), 0);
        assert_int_equal(symlink("/dev/full", path), 0);
        assert_int_equal(weir_cgroup_make(&g, name, &limits, &fd), -ENOSPC);
        /* a file that is not there is a controller the host lacks */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(weir_cgroup_make(&g, name, &limits, &fd), 0);
    }
}

static void say_where(const char *text)
{
    FILE *f = fopen(in_dir("where"), "we");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Another place counts when it is there and this instance's. */
static void groups_stay_where_they_were(void **state)
{
    struct weir_cgroups own, g;
    char where[200], base[160], text[700];
    struct stat a, b;

    (void)state;
    snprintf(where, sizeof(where), "%s", in_dir("where"));
    assert_int_equal(weir_cgroups_find(&own, "tag-1", where), 0);
    if (own.v2 || !own.base[WEIR_CG_PIDS][0])
        skip(); /* one place, whoever looks; or no controller */
    snprintf(base, sizeof(base), "%s", in_dir("tag-1"));
    snprintf(text, sizeof(text), "pids %s\nmemory %s-2\nbogus %s\ncpu\n", base,
             base, base);
    say_where(text);
    assert_int_equal(weir_cgroups_find(&g, "tag-1", where), 0);
    assert_string_equal(g.base[WEIR_CG_PIDS], own.base[WEIR_CG_PIDS]);
    assert_int_equal(mkdir(base, 0700), 0);
    assert_int_equal(mkdir(in_dir("tag-1-2"), 0700), 0);
    assert_int_equal(weir_cgroups_find(&g, "tag-1", where), 0);
    assert_string_equal(g.base[WEIR_CG_PIDS], base);
    assert_string_equal(g.base[WEIR_CG_MEMORY], own.base[WEIR_CG_MEMORY]);
    assert_string_equal(g.base[WEIR_CG_CPU], own.base[WEIR_CG_CPU]);
    /* Written down once, and found again. */
    assert_int_equal(weir_cgroups_note(&g), 0);
    assert_int_equal(stat(where, &a), 0);
    assert_int_equal(weir_cgroups_find(&own, "tag-1", where), 0);
    assert_memory_equal(&own, &g, sizeof(g));
    assert_int_equal(weir_cgroups_note(&g), 0);
    assert_int_equal(stat(where, &b), 0);
    assert_true(a.st_ino == b.st_ino);
    /* The file goes with the last directory. */
    assert_int_equal(mkdir(in_dir("tag-1/kept"), 0700), 0);
    assert_int_equal(symlink("/", in_dir("tag-1/held")), 0);
    weir_cgroups_remove(&g);
    assert_int_equal(access(where, F_OK), 0);
    assert_int_equal(unlink(in_dir("tag-1/held")), 0);
    weir_cgroups_remove(&g);
    assert_int_not_equal(access(base, F_OK), 0);
    assert_int_not_equal(access(where, F_OK), 0);
    /* What cannot be read is not forgotten. */
    assert_int_equal(mkdir(where, 0700), 0);
    assert_int_equal(weir_cgroups_find(&g, "tag-1", where), -EIO);
    assert_int_equal(rmdir(where), 0);
}

static void instances_have_tags_of_their_own(void **state)
{
    struct weir_instance a, b;
    char tap[16], other[16];

    (void)state;
    assert_int_equal(weir_instance_init(&a, in_dir("a")), 0);
    assert_int_equal(weir_instance_init(&b, in_dir("b")), 0);
    assert_string_not_equal(a.tag, b.tag);
    weir_instance_tap(&a, 32751, 255, tap);
    weir_instance_tap(&b, 32751, 255, other);
    assert_string_not_equal(tap, other);
    assert_true(strlen(tap) <= 15);
    /* Before and after the directory exists, and through "..". */
    assert_int_equal(mkdir(in_dir("a"), 0700), 0);
    assert_int_equal(weir_instance_init(&b, in_dir("a/../a/")), 0);
    assert_string_equal(a.tag, b.tag);
    assert_int_equal(weir_instance_init(&b, "/run/weir"), 0);
    assert_string_equal(b.tag, "weir");
    weir_instance_tap(&b, 5, 0, tap);
    assert_string_equal(tap, "vif5.0");
    assert_int_not_equal(weir_instance_init(&b, "/no/such/parent"), 0);
}

/* ---- logs ------------------------------------------------------------- */

static void log_is_bounded_and_printable(void **state)
{
    struct weir_logsink l;
    uint64_t now = 1000000000;
    int in;

    (void)state;
    assert_int_equal(weir_logsink_open(&l, in_dir("x.log"), &in), 0);
    dprintf(in, "hello\033[31m\n");
    assert_int_equal(weir_logsink_pump(&l, now), 0);
    assert_non_null(strstr(slurp(in_dir("x.log")), "Z hello?[31m\n"));
    for (int i = 0; i < 3 * WEIR_LOG_BURST; i++)
        dprintf(in, "line %d\n", i);
    weir_logsink_pump(&l, now);
    weir_logsink_pump(&l, now);
    assert_null(strstr(slurp(in_dir("x.log")), "line 400\n"));
    now += 1000000000;
    dprintf(in, "later\n");
    weir_logsink_pump(&l, now);
    assert_non_null(strstr(slurp(in_dir("x.log")), "(801 lines dropped)"));
    assert_non_null(strstr(slurp(in_dir("x.log")), "later\n"));
    close(in);
    assert_int_equal(weir_logsink_pump(&l, now), -EPIPE);
    weir_logsink_close(&l);
}

/* A manager died: the next one reads on. */
static void log_is_taken_over(void **state)
{
    struct weir_logsink l, next;
    uint64_t now = 1000000000;
    int in;

    (void)state;
    assert_int_equal(weir_logsink_open(&l, in_dir("t.log"), &in), 0);
    dprintf(in, "before\n");
    weir_logsink_pump(&l, now);
    dprintf(in, "after\n");
    assert_int_equal(weir_logsink_adopt(&next, in_dir("t.log"), dup(l.pipe_fd)),
                     0);
    weir_logsink_close(&l);
    assert_int_equal(weir_logsink_pump(&next, now), 0);
    assert_non_null(strstr(slurp(in_dir("t.log")), "Z before\n"));
    assert_non_null(strstr(slurp(in_dir("t.log")), "Z after\n"));
    assert_int_equal(next.file_bytes, strlen(slurp(in_dir("t.log"))));
    close(in);
    weir_logsink_close(&next);
    assert_int_equal(weir_logsink_adopt(&next, in_dir("t.log"), -1), 0);
    weir_logsink_note(&next, "a note");
    assert_non_null(strstr(slurp(in_dir("t.log")), "Z a note\n"));
    weir_logsink_close(&next);
}

static void log_is_rotated_once(void **state)
{
    struct weir_logsink l;
    struct stat st;
    int in;

    (void)state;
    assert_int_equal(weir_logsink_open(&l, in_dir("r.log"), &in), 0);
    for (uint64_t s = 1; s < 9000; s++) {
        dprintf(in, "%0500d\n", (int)s);
        weir_logsink_pump(&l, s * 1000000000);
    }
    assert_int_equal(stat(in_dir("r.log"), &st), 0);
    assert_true(st.st_size <= WEIR_LOG_FILE_MAX + 600);
    assert_int_equal(stat(in_dir("r.log.1"), &st), 0);
    assert_true(st.st_size <= WEIR_LOG_FILE_MAX + 600);
    assert_int_not_equal(access(in_dir("r.log.2"), F_OK), 0);
    close(in);
    weir_logsink_close(&l);
}

/* ---- images ----------------------------------------------------------- */

static struct weir_disk_config disk(const char *name, bool readonly)
{
    struct weir_disk_config d = {.readonly = readonly};

    snprintf(d.target, sizeof(d.target), "%s", in_dir(name));
    return d;
}

static void make_image(const char *name, off_t size, mode_t mode)
{
    int fd = open(in_dir(name), O_CREAT | O_RDWR | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void refused(const char *name, bool readonly, uint32_t sector, int rc,
                    const char *why)
{
    struct weir_disk_config d = disk(name, readonly);
    struct weir_cfg_error e = {""};
    struct weir_image im;

    d.sector_size = sector;
    assert_int_equal(weir_image_open(&d, &im, &e), rc);
    assert_int_equal(im.fd, -1);
    if (!strstr(e.text, why))
        fail_msg("%s: %s", name, e.text);
}

static void bad_images_are_refused_with_a_remedy(void **state)
{
    (void)state;
    make_image("odd", 1000, 0600);
    make_image("half", 4096 + 512, 0600);
    make_image("ro", 4096, 0400);
    make_image("empty", 0, 0600);
    assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
    refused("none", false, 0, -ENOENT, "make the image");
    refused("odd", false, 0, -EINVAL, "not a multiple of the sector size 512");
    refused("half", false, 4096, -EINVAL, "sector size 4096");
    refused("ro", false, 0, -EACCES, "attach it with access=ro");
    refused("empty", false, 0, -EINVAL, "empty");
    refused("fifo", false, 0, -EINVAL, "neither a regular file");
    refused(".", false, 0, -EINVAL, "neither a regular file");
}

static void writable_image_has_one_user(void **state)
{
    struct weir_disk_config w = disk("img", false), r = disk("img", true);
    struct weir_cfg_error e;
    struct weir_image a, b;

    (void)state;
    make_image("img", 8192, 0600);
    assert_int_equal(weir_image_open(&w, &a, &e), 0);
    assert_int_equal(a.size, 8192);
    assert_int_equal(a.sector_size, 512);
    assert_false(a.block);
    assert_int_equal(weir_image_open(&w, &b, &e), -EBUSY);
    assert_non_null(strstr(e.text, "in use by another disk"));
    assert_int_equal(weir_image_open(&r, &b, &e), -EBUSY);
    close(a.fd);
    assert_int_equal(weir_image_open(&r, &a, &e), 0);
    assert_int_equal(weir_image_open(&r, &b, &e), 0);
    close(a.fd);
    close(b.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cgroup_mounts_are_found),
        cmocka_unit_test(own_cgroup_is_found),
        cmocka_unit_test(a_refused_limit_is_an_error),
        cmocka_unit_test(groups_stay_where_they_were),
        cmocka_unit_test(instances_have_tags_of_their_own),
        cmocka_unit_test(log_is_bounded_and_printable),
        cmocka_unit_test(log_is_taken_over),
        cmocka_unit_test(log_is_rotated_once),
        cmocka_unit_test(bad_images_are_refused_with_a_remedy),
        cmocka_unit_test(writable_image_has_one_user),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

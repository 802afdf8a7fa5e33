/* SPDX-License-Identifier: MIT
 *
 * The seal as weir-hv sees it: made-up /proc text, and processes whose seal
 * has one thing wrong each.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "hypervisor/verify_proc.h"
#include "tests/unit/cell.h"

#define SIZE (64 * WEIR_PAGE_SIZE)

/* ---- made-up text ------------------------------------------------------- */

static const struct weir_seal_expect text_expect = {
    .pid = 77,
    .threads = 1,
    .uid = 500,
    .gid = 600,
    .mem_dev = 0x1,
    .mem_ino = 42,
    .base = 0x7f0000201000,
    .ro_base = 0x7f0000201000,
    .size = 0x10000,
    .uffd_number = 1000,
};

static const char good_status[] =
    "Name:\tx\nTracerPid:\t0\nUid:\t500\t500\t500\t500\n"
    "Gid:\t600\t600\t600\t600\nGroups:\t \nCapInh:\t0000000000000000\n"
    "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
    "CapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";

static int status_of(const char *text, char *reason)
{
    char copy[2048];
    snprintf(copy, sizeof(copy), "%s", text);
    FILE *f = fmemopen(copy, strlen(copy), "r");
    int rc = weir_verify_status(&text_expect, 78, f, reason);
    fclose(f);
    return rc;
}

static void each_line_of_status_counts(void **state)
{
    static const char *const changes[][3] = {
        {"Seccomp:\t2", "Seccomp:\t0", "seccomp"},
        {"Seccomp:\t2", "Seccomp:\t1", "seccomp"},
        {"NoNewPrivs:\t1", "NoNewPrivs:\t0", "no_new_privs"},
        {"CapEff:\t0000000000000000", "CapEff:\t0000000000000080", "effective"},
        {"CapPrm:\t0000000000000000", "CapPrm:\t8000000000000000", "permitted"},
        {"CapInh:\t0000000000000000", "CapInh:\t0000000000000001",
         "inheritable"},
        {"CapBnd:\t0000000000000000", "CapBnd:\t0000000000000001", "bounding"},
        {"TracerPid:\t0", "TracerPid:\t9", "tracer"},
        {"Groups:\t ", "Groups:\t6 7 ", "groups"},
        {"Uid:\t500\t500\t500\t500", "Uid:\t500\t500\t0\t500", "several"},
        {"Uid:\t500\t500\t500\t500", "Uid:\t501\t501\t501\t501", "501"},
        {"Gid:\t600\t600\t600\t600", "Gid:\t0\t0\t0\t0", "not 600"},
    };
    char reason[WEIR_SEAL_REASON];
    (void)state;
    assert_int_equal(status_of(good_status, reason), 0);
    for (unsigned i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        char text[1024];
        const char *at = strstr(good_status, changes[i][0]);
        assert_non_null(at);
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good_status),
                 good_status, changes[i][1], at + strlen(changes[i][0]));
        assert_int_equal(status_of(text, reason), -EPERM);
        assert_non_null(strstr(reason, changes[i][2]));
        assert_non_null(strstr(reason, "78"));
    }
    assert_int_equal(status_of("Name:\tx\n", reason), -ESRCH);
}

static const char good_maps[] =
    "55d0c0000000-55d0c0001000 r--p 00000000 08:01 9   /bin/x\n"
    "VmFlags: rd mr mw me sd \n"
    "7f0000000000-7f0000002000 rw-s 00000000 00:0d 7   /[aio] (deleted)\n"
    "VmFlags: rd wr sh \n"
    "7f0000201000-7f0000211000 rw-s 00000000 00:01 42 /memfd:m (deleted)\n"
    "Size: 64 kB\nFilePmdMapped: 0 kB\n"
    "VmFlags: rd wr sh mr mw me ms dc dd um uw ui nh sl \n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n"
    "VmFlags: ex \n";

static int maps_of(const char *text, char *reason)
{
    char copy[4096];
    snprintf(copy, sizeof(copy), "%s", text);
    FILE *f = fmemopen(copy, strlen(copy), "r");
    int rc = weir_verify_smaps(&text_expect, f, true, reason);
    fclose(f);
    return rc;
}

static void each_mapping_counts(void **state)
{
    static const char *const changes[][3] = {
        {" um", "", "7f0000201000 is not registered for missing"},
        {" ui", "", "minor"},
        {" uw", "", "write prot"},
        {" dc", "", "fork"},
        {" dd", "", "core"},
        {" nh", "", "huge"},
        {" sl", "", "mseal"},
        {"7f0000211000 rw-s", "7f0000210000 rw-s", "second"},
        {"7f0000201000-", "7f0000200000-", "second"},
        {"rw-s 00000000 00:01", "r--s 00000000 00:01", "mapped r--s"},
        {"00:0d 7   /[aio]", "00:01 42  /[aio]", "second"},
        {"7   /[aio] (deleted)", "7   /memfd:y (deleted)", "shares"},
        {"00:01 42", "00:01 43", "shares"},
    };
    char reason[WEIR_SEAL_REASON];
    (void)state;
    assert_int_equal(maps_of(good_maps, reason), 0);
    for (unsigned i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        char text[2048];
        const char *at = strstr(good_maps, changes[i][0]);
        assert_non_null(at);
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good_maps),
                 good_maps, changes[i][1], at + strlen(changes[i][0]));
        assert_int_equal(maps_of(text, reason), -EPERM);
        assert_non_null(strstr(reason, changes[i][2]));
    }
    assert_int_equal(maps_of("", reason), -ESRCH);
    assert_int_equal(
        maps_of("1000-2000 r--p 00000000 00:00 0 \nVmFlags: rd \n", reason),
        -EPERM);
    assert_non_null(strstr(reason, "no window"));
}

/* A file name may be long and say anything: it is not a header line. */
static void a_long_name_is_no_mapping(void **state)
{
    char text[4096], reason[WEIR_SEAL_REASON], name[600];
    (void)state;
    memset(name, 'a', sizeof(name));
    /* lands at the start of the second piece of 511 bytes */
    const char head[] = "1000-2000 r--p 00000000 00:00 5 ";
    size_t at = 511 - strlen(head);
    memcpy(name + at, "7f0000201000-7f0000211000 rw-s 0 00:01 42 ", 42);
    snprintf(text, sizeof(text), "%s%.600s\nVmFlags: rd \n%s", head, name,
             good_maps);
    assert_int_equal(maps_of(text, reason), 0);
}

static void each_kind_of_descriptor_counts(void **state)
{
    static const struct {
        int fd, rc;
        const char *target;
    } cases[] = {
        {1000, 1, "anon_inode:[userfaultfd]"},
        {5, -EPERM, "anon_inode:[userfaultfd]"},
        {5, 0, "socket:[123]"},
        {5, 0, "anon_inode:[eventfd]"},
        {5, 0, "anon_inode:[eventpoll]"},
        {5, 0, "/dev/null"},
        {2, 0, "/var/log/weir/blk.log"},
        {5, -EPERM, "/var/log/weir/blk.log"},
        {2, -EPERM, "/memfd:weir (deleted)"},
        {2, -EPERM, "/proc/1/mem"},
        {5, -EPERM, "/memfd:weir (deleted)"},
        {5, -EPERM, "anon_inode:[io_uring]"},
        {5, -EPERM, "anon_inode:[pidfd]"},
        {5, -EPERM, "/dev/mem"},
        {5, -EPERM, "/dev/nullx"},
        {5, -EPERM, "/proc/self/mem"},
    };
    char reason[WEIR_SEAL_REASON];
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(
            weir_verify_fd(&text_expect, cases[i].fd, cases[i].target, reason),
            cases[i].rc);
}

/* ---- real processes ----------------------------------------------------- */

static int verify_cell(void (*before)(int), bool sealed, char *reason)
{
    struct cell_memory mem;
    struct cell cell;
    assert_int_equal(cell_memory_make(&mem, SIZE), 0);
    assert_int_equal(cell_start(&cell, &mem, 0, before, sealed), 0);
    int rc = weir_verify_seal(&cell.expect, reason);
    cell_end(&cell);
    cell_memory_free(&mem);
    return rc;
}

static void expect_refused(void (*before)(int), const char *word)
{
    char reason[WEIR_SEAL_REASON];
    int rc = verify_cell(before, true, reason);
    if (rc != -EPERM || !strstr(reason, word))
        fail_msg("got %d, \"%s\"; wanted \"%s\"", rc, reason, word);
}

static void a_good_seal_passes(void **state)
{
    char reason[WEIR_SEAL_REASON];
    (void)state;
    int rc = verify_cell(NULL, true, reason);
    if (rc)
        fail_msg("%d %s", rc, reason);
}

static void no_seal_is_refused(void **state)
{
    char reason[WEIR_SEAL_REASON];
    (void)state;
    assert_int_equal(verify_cell(NULL, false, reason), -EPERM);
}

static void keep_memfd(int memfd)
{
    (void)memfd;
}

static void keep_memfd_as_log(int memfd)
{
    dup2(memfd, 1);
    close(memfd);
}

static void map_again(int memfd)
{
    mmap(NULL, SIZE, PROT_READ, MAP_SHARED, memfd, 0);
    close(memfd);
}

static void open_directory(int memfd)
{
    close(memfd);
    if (open("/", O_RDONLY | O_DIRECTORY) < 0)
        _exit(2);
}

static void second_uffd(int memfd)
{
    close(memfd);
    if (syscall(__NR_userfaultfd, UFFD_USER_MODE_ONLY) < 0)
        _exit(2);
}

static void lose_uffd(int memfd)
{
    close(memfd);
    close(WEIR_SEAL_UFFD);
}

static void leave_child(int memfd)
{
    pid_t parent = getpid();
    close(memfd);
    if (fork())
        return;
    /* the parent may be gone before the death signal is set */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent)
        usleep(10000);
    _exit(0);
}

static void *wait_here(void *arg)
{
    for (;;) /* a call that it may still make when sealed */
        poll(NULL, 0, -1);
    return arg;
}

static void leave_thread(int memfd)
{
    pthread_t t;
    close(memfd);
    pthread_create(&t, NULL, wait_here, NULL);
}

static void leftovers_are_refused(void **state)
{
    (void)state;
    expect_refused(keep_memfd, "machine memory");
    expect_refused(keep_memfd_as_log, "machine memory");
    expect_refused(map_again, "second time");
    expect_refused(open_directory, "directory");
    expect_refused(second_uffd, "userfaultfd, beside 4000");
    expect_refused(lose_uffd, "does not keep");
    expect_refused(leave_thread, "2 threads, 1 declared");
    expect_refused(leave_child, "left beside it");
}

static void the_dead_are_not_sealed(void **state)
{
    struct weir_seal_expect e = text_expect;
    char reason[WEIR_SEAL_REASON];
    (void)state;
    e.pid = 0x3fffffff;
    assert_int_equal(weir_verify_seal(&e, reason), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_of_status_counts),
        cmocka_unit_test(each_mapping_counts),
        cmocka_unit_test(a_long_name_is_no_mapping),
        cmocka_unit_test(each_kind_of_descriptor_counts),
        cmocka_unit_test(a_good_seal_passes),
        cmocka_unit_test(no_seal_is_refused),
        cmocka_unit_test(leftovers_are_refused),
        cmocka_unit_test(the_dead_are_not_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

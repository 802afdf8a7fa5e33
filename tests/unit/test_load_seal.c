/* SPDX-License-Identifier: MIT
 *
 * What weir-load cannot do once it is sealed: a child for each attempt.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hypervisor/client/breakable.h"
#include "hypervisor/loader/load_abi.h"
#include "hypervisor/loader/seal.h"

#define MIB (UINT64_C(1) << 20)

/* The end of a sealed child that did this. */
static int ends(void (*act)(void))
{
    const struct weir_ld_limits limits = {
        .memory = 64 * MIB, .file = 32 * MIB, .cpu_s = 1};
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        const char *what = "";
        int rc = weir_ld_seal(&limits, &what);

        if (rc) {
            fprintf(stderr, "%s: %s\n", what, strerror(-rc));
            _exit(90);
        }
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void do_open(void)
{
    open("/etc/passwd", O_RDONLY);
}

static void do_exec(void)
{
    char *const none[] = {NULL};

    execve("/bin/true", none, none);
}

static void do_fork(void)
{
    if (fork() == 0)
        _exit(0);
}

static void do_socket(void)
{
    socket(AF_INET, SOCK_STREAM, 0);
}

static void do_kill(void)
{
    kill(getppid(), 0);
}

static void do_ptrace(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
}

static void do_prctl(void)
{
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void do_executable(void)
{
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void do_executable_high_bits(void)
{
    syscall(SYS_mmap, NULL, 4096UL, 5UL | 1UL << 32,
            (unsigned long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L);
}

static void do_mprotect(void)
{
    static char page[8192];

    mprotect((void *)(((uintptr_t)page + 4095) & ~(uintptr_t)4095), 4096,
             PROT_READ);
}

static void do_dup(void)
{
    fcntl(2, F_DUPFD, 10);
}

/* What it makes is mapped: a write may come short. */
static void do_pwrite(void)
{
    pwrite(2, "x", 0, 0) ? _exit(1) : _exit(0);
}

static void do_other_abi(void)
{
#ifdef __x86_64__
    /* getpid of the 32-bit table, which is another number there */
    __asm__ volatile("int $0x80" : : "a"(20) : "memory");
#endif
}

static void forbidden_calls_end_it(void **state)
{
    static const struct {
        const char *name;
        void (*act)(void);
    } acts[] = {
        {"open", do_open},         {"execve", do_exec},
        {"fork", do_fork},         {"socket", do_socket},
        {"kill", do_kill},         {"ptrace", do_ptrace},
        {"prctl", do_prctl},       {"mmap exec", do_executable},
        {"mprotect", do_mprotect}, {"mmap exec, high", do_executable_high_bits},
        {"dup", do_dup},           {"int 80", do_other_abi},
        {"pwrite", do_pwrite},
    };

    (void)state;
    if (WEIR_SANITIZED)
        skip();
    for (unsigned i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        int status = ends(acts[i].act);

        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("%s: status 0x%x", acts[i].name, status);
    }
}

static void do_work(void)
{
    char *p = malloc(1 << 20), buf[16];
    int fd = memfd_create("x", MFD_ALLOW_SEALING);
    void *m = MAP_FAILED;

    if (p && ftruncate(fd, 1 << 20) == 0)
        m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (m == MAP_FAILED)
        _exit(1);
    memset(m, 1, 1 << 20);
    p = realloc(p, 8 << 20);
    if (!p || munmap(m, 1 << 20) || pread(fd, buf, 16, 100) != 16 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK))
        _exit(2);
    memset(p, 1, 8 << 20);
    free(p);
    close(fd);
}

static void its_work_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(ends(do_work), 0);
}

static void do_much_memory(void)
{
    void *p =
        mmap(NULL, 63 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    _exit(p == MAP_FAILED ? 1
          : mmap(NULL, 2 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                 0) == MAP_FAILED
              ? 0
              : 2);
}

static void do_great_file(void)
{
    int fd = memfd_create("x", 0);

    if (ftruncate(fd, 32 * MIB))
        _exit(1);
    ftruncate(fd, 32 * MIB + 1) ? _exit(2) : _exit(3);
}

static void do_spin(void)
{
    for (volatile unsigned i = 0;; i++)
        ;
}

static void limits_hold(void **state)
{
    int status;

    (void)state;
    if (!WEIR_SANITIZED)
        assert_int_equal(ends(do_much_memory), 0);
    status = ends(do_great_file);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGXFSZ);
    status = ends(do_spin);
    assert_true(WIFSIGNALED(status));
    assert_true(WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL);
}

/* From outside: user, capabilities, filter. */
static void it_is_nobody(void **state)
{
    int ready[2], hold[2];
    char path[64], line[256];
    unsigned long seen = 0;
    pid_t pid;
    FILE *f;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(hold), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct weir_ld_limits limits = {64 * MIB, MIB, 5};
        const char *what;
        char c;

        close(hold[1]);
        prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0); /* else a new user has none */
        if (weir_ld_seal(&limits, &what) || write(ready[1], "r", 1) != 1 ||
            read(hold[0], &c, 1) != 0)
            _exit(1);
        _exit(0);
    }
    close(hold[0]);
    assert_int_equal(read(ready[0], line, 1), 1);
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        unsigned long n;

        if (sscanf(line, "CapEff: %lx", &n) == 1 ||
            sscanf(line, "CapPrm: %lx", &n) == 1) {
            assert_int_equal(n, 0);
            seen++;
        }
        if (sscanf(line, "NoNewPrivs: %lu", &n) == 1)
            seen += n;
        if (sscanf(line, "Uid: %lu", &n) == 1) {
            assert_int_equal(n, geteuid() ? geteuid() : WEIR_LOAD_UID);
            seen++;
        }
        if (sscanf(line, "Seccomp: %lu", &n) == 1)
            seen += n == (WEIR_SANITIZED ? 0 : 2);
    }
    fclose(f);
    assert_int_equal(seen, 5);
    close(hold[1]);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forbidden_calls_end_it),
        cmocka_unit_test(its_work_is_allowed),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(it_is_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

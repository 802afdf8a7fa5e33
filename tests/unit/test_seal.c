/* SPDX-License-Identifier: MIT
 *
 * The filter as the kernel will run it: its instructions are interpreted here,
 * with arguments around every limit, and compared with what they should say.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hypervisor/client/breakable.h"
#include "tests/unit/cell.h"

#define GIB  (1ull << 30)
#define HIGH (1ull << 32)

struct filter {
    struct sock_filter code[4096];
    unsigned n;
    struct weir_window window;
};

static void make(struct filter *f, uint64_t lo, uint64_t hi, unsigned allow)
{
    f->window = (struct weir_window){.lo = (uint8_t *)(uintptr_t)lo,
                                     .hi = (uint8_t *)(uintptr_t)hi};
    struct weir_seal s = {.window = &f->window, .hv_fd = 3, .allow = allow};
    FILE *t = tmpfile();
    assert_non_null(t);
    assert_int_equal(weir_seal_export(&s, fileno(t)), 0);
    assert_int_equal(fseek(t, 0, SEEK_SET), 0);
    f->n = (unsigned)fread(f->code, sizeof(f->code[0]), 4096, t);
    fclose(t);
    assert_in_range(f->n, 10, 4000);
}

/* The subset of classic BPF that libseccomp emits; see
 * Documentation/userspace-api/seccomp_filter.rst. */
static uint32_t run(const struct filter *f, const struct seccomp_data *d)
{
    uint32_t acc = 0, word;
    for (unsigned pc = 0; pc < f->n; pc++) {
        const struct sock_filter *i = &f->code[pc];
        bool yes;
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_in_range(i->k, 0, sizeof(*d) - 4);
            memcpy(&word, (const char *)d + i->k, 4);
            acc = word;
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            acc &= i->k;
            continue;
        case BPF_RET | BPF_K:
            return i->k;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            yes = acc == i->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            yes = acc > i->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            yes = acc >= i->k;
            break;
        default:
            fail_msg("instruction %x", i->code);
            return 0;
        }
        pc += yes ? i->jt : i->jf;
    }
    fail_msg("ran off the end");
    return 0;
}

static bool allowed(const struct filter *f, int nr, uint64_t a0, uint64_t a1,
                    uint64_t a2, uint64_t a3)
{
    struct seccomp_data d = {
        .nr = nr, .arch = AUDIT_ARCH_X86_64, .args = {a0, a1, a2, a3}};
    return run(f, &d) == SECCOMP_RET_ALLOW;
}

static void munmap_never_reaches_the_window(void **state)
{
    static struct filter f;
    uint64_t seed = 12345, wrong = 0;
    (void)state;
    for (unsigned k = 0; k < 40; k++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        uint64_t lo = (seed >> 18) % (1ull << 46) / GIB * GIB + 2 * GIB;
        uint64_t hi = lo + ((seed >> 8) % 20 + 2) * GIB;
        make(&f, lo, hi, 0);
        const uint64_t at[] = {0,
                               4096,
                               lo - 4 * GIB * (lo > 4 * GIB),
                               lo - GIB,
                               lo - 4096,
                               lo,
                               lo + 4096,
                               lo + GIB,
                               lo + GIB + 4096,
                               hi - GIB,
                               hi - 4096,
                               hi,
                               hi + 4096,
                               hi + 5 * GIB,
                               (1ull << 47) - 4096,
                               seed % (1ull << 47) & ~4095ull};
        const uint64_t len[] = {1,          4096,       GIB - 1,   GIB - 4096,
                                GIB,        GIB + 1,    4 * GIB,   HIGH + 5,
                                1ull << 46, UINT64_MAX, HIGH * 16, 0};
        for (unsigned i = 0; i < sizeof(at) / sizeof(*at); i++)
            for (unsigned j = 0; j < sizeof(len) / sizeof(*len); j++) {
                bool want = at[i] >= hi || (at[i] < lo && len[j] < GIB);
                wrong += allowed(&f, SYS_munmap, at[i], len[j], 0, 0) != want;
            }
    }
    assert_int_equal(wrong, 0);
}

static const int descriptor_calls[] = {SYS_read, SYS_close, SYS_readv,
                                       SYS_preadv, SYS_pread64};

static void descriptors_end_below_the_userfaultfd(void **state)
{
    static struct filter f;
    (void)state;
    make(&f, 4 * GIB, 8 * GIB, WEIR_SEAL_FILE);
    for (unsigned k = 0; k < 5; k++)
        for (uint64_t fd = 0; fd < 9000; fd++)
            for (uint64_t high = 0; high < 3 * HIGH; high += HIGH)
                assert_int_equal(
                    allowed(&f, descriptor_calls[k], fd | high, 0, 0, 0),
                    fd < WEIR_SEAL_UFFD);
    assert_false(allowed(&f, SYS_read, UINT64_MAX, 0, 0, 0));
    assert_false(allowed(&f, SYS_close, 1u << 31, 0, 0, 0));
}

static void other_tables_of_calls_are_dead(void **state)
{
    static struct filter f;
    struct seccomp_data d = {.arch = AUDIT_ARCH_I386};
    (void)state;
    make(&f, 4 * GIB, 8 * GIB, ~0u);
    for (d.nr = 0; d.nr < 600; d.nr++)
        assert_int_equal(run(&f, &d), SECCOMP_RET_KILL_PROCESS);
    d.arch = AUDIT_ARCH_X86_64;
    for (d.nr = 0x40000000; d.nr < 0x40000000 + 600; d.nr++)
        assert_int_equal(run(&f, &d), SECCOMP_RET_KILL_PROCESS);
}

/* The table has what the table says: a call not listed, or of a set that was
 * not asked for, is not allowed whatever its arguments. */
static void only_listed_calls_get_through(void **state)
{
    static struct filter f;
    unsigned listed = 0;
    (void)state;
    for (unsigned set = 0; set <= WEIR_SEAL_ACCEPT; set = set ? set * 2 : 1) {
        make(&f, 4 * GIB, 8 * GIB, set);
        for (int nr = 0; nr < 600; nr++) {
            struct weir_seal_line line;
            bool in_list = false;
            for (unsigned i = 0; weir_seal_line(i, &line); i++)
                in_list |= seccomp_syscall_resolve_name(line.name) == nr &&
                           (!line.sets || line.sets & set);
            listed += in_list;
            uint64_t v[] = {0, 1, 3, 4, UINT64_MAX, HIGH};
            for (unsigned k = 0; !in_list && k < 36; k++)
                assert_false(
                    allowed(&f, nr, v[k % 6], v[k / 6], v[k % 6], v[k / 6]));
        }
    }
    assert_in_range(listed, 40 * 8, 80 * 8);
}

static void arguments_are_compared_as_the_kernel_uses_them(void **state)
{
    static struct filter f;
    (void)state;
    make(&f, 4 * GIB, 8 * GIB, WEIR_SEAL_THREADS | WEIR_SEAL_FD_RECV);
    for (uint64_t advice = 0; advice < 200; advice++) {
        bool want = advice == MADV_DONTNEED;
#if WEIR_SANITIZED
        want |= advice == MADV_NOHUGEPAGE || advice == MADV_DONTDUMP;
#endif
        assert_int_equal(allowed(&f, SYS_madvise, 0, 0, advice, 0), want);
        assert_int_equal(allowed(&f, SYS_madvise, 0, 0, advice | HIGH, 0),
                         want);
    }
    for (uint64_t fd = 0; fd < 5000; fd++) {
        assert_int_equal(allowed(&f, SYS_recvmsg, fd, 0, 0, 0),
                         fd == 3 || fd == 4);
        assert_int_equal(allowed(&f, SYS_recvmsg, fd | HIGH, 0, 0, 0),
                         fd == 3 || fd == 4);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t thread = 0x3d0f00;
        assert_false(allowed(&f, SYS_clone, thread ^ (1ull << bit), 0, 0, 0));
        assert_int_equal(allowed(&f, SYS_sendto, 0, 0, 0, 1ull << bit),
                         bit == 6 || bit == 14 || bit >= 32);
        if (!WEIR_SANITIZED)
            assert_int_equal(
                allowed(&f, SYS_mmap, 0, 4096, 3, 0x22 ^ (1ull << bit)),
                bit == 17);
    }
    assert_true(allowed(&f, SYS_clone, 0x3d0f00, 1, 2, 3));
    assert_true(allowed(&f, SYS_mmap, 0, 4096, 3, 0x22));
    if (!WEIR_SANITIZED) {
        assert_false(allowed(&f, SYS_mmap, 4096, 4096, 3, 0x22));
        assert_false(allowed(&f, SYS_mmap, 0, 4096, 7, 0x22));
    }
    assert_true(allowed(&f, SYS_tgkill, (uint64_t)getpid(), 5, 6, 0));
    assert_false(allowed(&f, SYS_tgkill, 1, 5, 6, 0));
}

/* In a sealed process, for real: each number that is not on the list. */
static void each_other_call_kills(void **state)
{
    struct cell_memory mem;
    unsigned tried = 0;
    (void)state;
    assert_int_equal(cell_memory_make(&mem, 16 * WEIR_PAGE_SIZE), 0);
    for (int nr = 0; nr < 470; nr++) {
        struct weir_seal_line line;
        bool in_list = false;
        for (unsigned i = 0; !in_list && weir_seal_line(i, &line); i++)
            in_list =
                seccomp_syscall_resolve_name(line.name) == nr && !line.sets;
        /* 335, 336: uretprobe and uprobe of Linux 6.11 and 6.18, which the
         * kernel takes past every filter, and which do nothing unless they
         * come from its own trampoline. */
        if (in_list || nr == SYS_ioctl || nr == 335 || nr == 336)
            continue;
        struct cell cell;
        int64_t value;
        const int64_t args[6] = {nr};
        assert_int_equal(cell_start(&cell, &mem, 0, NULL, true), 0);
        cell_tell(&cell, CELL_SYSCALL, args);
        if (cell_answer(&cell, 5000, &value) != -EPIPE)
            fail_msg("call %d returned", nr);
        int status;
        waitpid(cell.pid, &status, 0);
        cell.pid = 0;
        cell_end(&cell);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("call %d: status %x", nr, status);
        tried++;
    }
    cell_memory_free(&mem);
    assert_in_range(tried, 300, 470);
}

/* One that waits, and the process that started it. */
static pid_t start_parent(pid_t *cell)
{
    int report[2];
    assert_int_equal(pipe(report), 0);
    pid_t parent = fork();
    if (!parent) {
        struct cell_memory m;
        struct cell c = {0};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!cell_memory_make(&m, 1 << 20) &&
            !cell_start(&c, &m, 0, NULL, true))
            cell_tell(&c, CELL_SYSCALL, (int64_t[6]){SYS_poll, 0, 0, 60000});
        if (write(report[1], &c.pid, sizeof(c.pid)) != sizeof(c.pid))
            _exit(1);
        for (;;)
            pause();
    }
    close(report[1]);
    assert_int_equal(read(report[0], cell, sizeof(*cell)), sizeof(*cell));
    close(report[0]);
    return parent;
}

static bool goes_on(pid_t pid)
{
    char path[64], state = 'X';
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 'X';
    if (f)
        fclose(f);
    return state != 'Z' && state != 'X';
}

/* Where no weir-hv ends it: on Xen's ABI. */
static void one_with_a_parent_dies_with_it(void **state)
{
    pid_t cell = 0, parent = start_parent(&cell);
    (void)state;
    bool started = cell > 0 && goes_on(cell);
    usleep(20000); /* it has its order */
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    for (int ms = 0; started && goes_on(cell) && ms < 10000; ms++)
        usleep(1000);
    bool left = started && goes_on(cell);
    if (left)
        kill(cell, SIGKILL);
    assert_true(started);
    assert_false(left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(munmap_never_reaches_the_window),
        cmocka_unit_test(descriptors_end_below_the_userfaultfd),
        cmocka_unit_test(other_tables_of_calls_are_dead),
        cmocka_unit_test(only_listed_calls_get_through),
        cmocka_unit_test(arguments_are_compared_as_the_kernel_uses_them),
        cmocka_unit_test(each_other_call_kills),
        cmocka_unit_test(one_with_a_parent_dies_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

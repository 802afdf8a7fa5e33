/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/vm/libc.h"

#include <asm/prctl.h>
#include <elf.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#include "frontends/guest/level0.h"

#define MSR_STAR    0xc0000081u
#define MSR_LSTAR   0xc0000082u
#define MSR_SFMASK  0xc0000084u
#define MSR_FS_BASE 0xc0000100u
/* Selectors of start.S: level 0 from 0x08, level 3 from 0x10 + 8. */
#define STAR     (UINT64_C(0x00100008) << 32)
#define SFMASK   0x47700u /* trap, interrupt, direction, nested, alignment */
#define ARGS_MAX 32

int64_t weir_libc_call_(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3,
                        uint64_t a4, uint64_t a5, uint64_t a6);
extern char weir_libc_entry_[];
/* Copies n words below the present stack and goes to the library's start. */
__attribute__((noreturn)) void weir_libc_jump_(const uint64_t *first, size_t n);
static struct weir_guest *guest;

static size_t pages_of(uint64_t bytes)
{
    return (bytes + WEIR_PAGE_SIZE - 1) / WEIR_PAGE_SIZE;
}

static int64_t do_mmap(uint64_t addr, uint64_t len, uint64_t flags)
{
    void *p;

    if (!(flags & MAP_ANONYMOUS) || (flags & MAP_FIXED) || len == 0 ||
        len > guest->ram_bytes)
        return addr != 0 ? -EINVAL : -ENOMEM;
    p = weir_guest_pages(guest, pages_of(len));
    return p != NULL ? (int64_t)(uintptr_t)p : -ENOMEM;
}

static int64_t do_write(uint64_t fd, uint64_t from, uint64_t len)
{
    if (fd != 1 && fd != 2)
        return -EBADF;
    weir_guest_console_write(&guest->console, (const char *)(uintptr_t)from,
                             len);
    return (int64_t)len;
}

static int64_t do_writev(uint64_t fd, const struct iovec *v, uint64_t n)
{
    int64_t done = 0;

    for (uint64_t i = 0; i < n; i++) {
        int64_t rc = do_write(fd, (uintptr_t)v[i].iov_base, v[i].iov_len);

        if (rc < 0)
            return rc;
        done += rc;
    }
    return done;
}

static int64_t do_clock(uint64_t clock, struct timespec *out)
{
    uint64_t ns = guest->port->ops->now_ns(guest->port);

    if (clock == CLOCK_REALTIME)
        *out = (struct timespec){.tv_sec = (time_t)weir_guest_unix_time(guest)};
    else
        *out = (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                                 .tv_nsec = (long)(ns % 1000000000u)};
    return 0;
}

static int64_t do_arch_prctl(uint64_t op, uint64_t value)
{
    if (op != ARCH_SET_FS)
        return -EINVAL;
    weir_guest_wrmsr(MSR_FS_BASE, value);
    return 0;
}

/* Not for secrets: seeds of hash tables and the like. */
static int64_t do_getrandom(uint8_t *to, uint64_t len)
{
    uint64_t x = __builtin_ia32_rdtsc();

    for (uint64_t i = 0; i < len; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        to[i] = (uint8_t)(x >> 56);
    }
    return (int64_t)len;
}

int64_t weir_libc_call_(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3,
                        uint64_t a4, uint64_t a5, uint64_t a6)
{
    (void)a5;
    (void)a6;
    switch (nr) {
    case SYS_mmap:
        return do_mmap(a1, a2, a4);
    case SYS_munmap:
        weir_guest_pages_free(guest, (void *)(uintptr_t)a1, pages_of(a2));
        return 0;
    case SYS_mprotect: /* all data is writable, nothing of it executable */
    case SYS_madvise:
    case SYS_set_robust_list:
        return 0;
    case SYS_set_tid_address:
    case SYS_getpid:
    case SYS_gettid:
        return 1;
    case SYS_write:
        return do_write(a1, a2, a3);
    case SYS_writev:
        return do_writev(a1, (const struct iovec *)(uintptr_t)a2, a3);
    case SYS_clock_gettime:
        return do_clock(a1, (struct timespec *)(uintptr_t)a2);
    case SYS_gettimeofday:
        *(struct timeval *)(uintptr_t)a1 =
            (struct timeval){.tv_sec = (time_t)weir_guest_unix_time(guest)};
        return 0;
    case SYS_time:
        return (int64_t)weir_guest_unix_time(guest);
    case SYS_arch_prctl:
        return do_arch_prctl(a1, a2);
    case SYS_getrandom:
        return do_getrandom((uint8_t *)(uintptr_t)a1, a2);
    case SYS_brk: /* malloc does without */
        return -ENOMEM;
    case SYS_exit:
    case SYS_exit_group:
        weir_guest_shutdown(guest, a1 == 0 ? WEIR_SHUTDOWN_POWEROFF
                                           : WEIR_SHUTDOWN_CRASH);
    default:
        return -ENOSYS;
    }
}

void weir_libc_run(struct weir_guest *g, int argc, char **argv)
{
    /* What Linux puts on the stack: number of arguments, arguments,
     * environment, auxiliary vector. */
    static uint64_t first[1 + ARGS_MAX + 2 + 2 * 3];
    static uint8_t seed[16];
    uint64_t *at = first;

    guest = g;
    weir_guest_wrmsr(MSR_STAR, STAR);
    weir_guest_wrmsr(MSR_LSTAR, (uintptr_t)weir_libc_entry_);
    weir_guest_wrmsr(MSR_SFMASK, SFMASK);
    do_getrandom(seed, sizeof(seed));
    if (argc > ARGS_MAX)
        argc = ARGS_MAX;
    *at++ = (uint64_t)argc;
    for (int i = 0; i < argc; i++)
        *at++ = (uintptr_t)argv[i];
    at += 2; /* the end of both lists */
    *at++ = AT_PAGESZ;
    *at++ = WEIR_PAGE_SIZE;
    *at++ = AT_RANDOM;
    *at++ = (uintptr_t)seed;
    weir_libc_jump_(first, (size_t)(at + 2 - first));
}

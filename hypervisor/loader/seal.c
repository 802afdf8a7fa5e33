/* SPDX-License-Identifier: MIT */
#include "hypervisor/loader/seal.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hypervisor/client/breakable.h"
#include "hypervisor/loader/load_abi.h"

static int failed(const char **what, const char *text)
{
    *what = text;
    return errno ? -errno : -EPERM;
}

/* Pages mapped now. */
static uint64_t address_space(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (!f)
        return 0;
    if (fscanf(f, "%llu", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * 4096;
}

/* A user who has less already keeps that. */
static int limit(int which, uint64_t n)
{
    struct rlimit r;

    if (getrlimit(which, &r))
        return -1;
    r.rlim_cur = r.rlim_max = r.rlim_max < n ? r.rlim_max : n;
    return setrlimit(which, &r);
}

static int set_limits(const struct weir_ld_limits *l, const char **what)
{
    uint64_t now = address_space();

    errno = 0;
    if (now == 0)
        return failed(what, "/proc/self/statm can't be read");
    /* A sanitizer's shadow is larger than any limit. */
    if (!WEIR_SANITIZED && limit(RLIMIT_AS, now + l->memory))
        return failed(what, "RLIMIT_AS");
    if (limit(RLIMIT_FSIZE, l->file))
        return failed(what, "RLIMIT_FSIZE");
    if (limit(RLIMIT_CPU, l->cpu_s))
        return failed(what, "RLIMIT_CPU");
    if (limit(RLIMIT_CORE, 0))
        return failed(what, "RLIMIT_CORE");
    return limit(RLIMIT_NOFILE, 16) ? failed(what, "RLIMIT_NOFILE") : 0;
}

static int shed(const char **what)
{
    errno = 0;
    if (capng_get_caps_process())
        return failed(what, "capabilities can't be read");
    if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID) > 0 &&
        (setgroups(0, NULL) ||
         setresgid(WEIR_LOAD_UID, WEIR_LOAD_UID, WEIR_LOAD_UID)))
        return failed(what, "setresgid");
    if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) > 0 &&
        geteuid() == 0 &&
        setresuid(WEIR_LOAD_UID, WEIR_LOAD_UID, WEIR_LOAD_UID))
        return failed(what, "setresuid");
    capng_clear(CAPNG_SELECT_CAPS);
    if (capng_apply(CAPNG_SELECT_CAPS))
        return failed(what, "capabilities can't be dropped");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        return failed(what, "PR_SET_DUMPABLE");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return failed(what, "PR_SET_NO_NEW_PRIVS");
    return 0;
}

static const int plain[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(sendmsg),
    SCMP_SYS(close),
    SCMP_SYS(munmap),
    SCMP_SYS(brk),
    SCMP_SYS(ftruncate),
    SCMP_SYS(memfd_create),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(getrandom), /* malloc */
    SCMP_SYS(restart_syscall),
};

static int add_rules(scmp_filter_ctx c)
{
    int rc = 0;

    for (unsigned i = 0; !rc && i < sizeof(plain) / sizeof(*plain); i++)
        rc = seccomp_rule_add_exact(c, SCMP_ACT_ALLOW, plain[i], 0);
    if (!rc) /* nothing executable */
        rc = seccomp_rule_add_exact(
            c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
            SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (!rc)
        rc = seccomp_rule_add_exact(c, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                    SCMP_A1_32(SCMP_CMP_EQ, F_ADD_SEALS));
    if (!rc) /* malloc gives memory back; without it that is all */
        rc = seccomp_rule_add_exact(c, SCMP_ACT_ERRNO(ENOSYS),
                                    SCMP_SYS(madvise), 0);
    if (!rc) /* malloc then copies */
        rc = seccomp_rule_add_exact(c, SCMP_ACT_ERRNO(ENOMEM), SCMP_SYS(mremap),
                                    0);
    return rc;
}

static int filter(const char **what)
{
    scmp_filter_ctx c;
    int rc;

    if (WEIR_SANITIZED)
        return 0;
    *what = "the filter";
    c = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!c)
        return -ENOMEM;
    rc = add_rules(c);
    if (!rc)
        rc = seccomp_load(c);
    seccomp_release(c);
    return rc;
}

int weir_ld_seal(const struct weir_ld_limits *limits, const char **what)
{
    int rc = set_limits(limits, what);

    if (!rc)
        rc = shed(what);
    if (!rc && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
        rc = failed(what, "PR_SET_PDEATHSIG");
    return rc ? rc : filter(what);
}

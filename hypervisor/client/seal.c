/* SPDX-License-Identifier: MIT */
#include "hypervisor/client/seal.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hypervisor/client/breakable.h"

#define KEEP_MAX 16

static int say(const char **what, const char *text, int err)
{
    if (what)
        *what = text;
    return err;
}

static int failed(const char **what, const char *text)
{
    return say(what, text, -errno);
}

static bool capable(unsigned cap)
{
    return capng_have_capability(CAPNG_EFFECTIVE, cap) > 0;
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int close_others(const int *keep, unsigned n, const char **what)
{
    int sorted[KEEP_MAX];
    if (n > KEEP_MAX)
        return say(what, "too many descriptors to keep", -E2BIG);
    if (n)
        memcpy(sorted, keep, n * sizeof(*keep));
    qsort(sorted, n, sizeof(*sorted), by_number);
    unsigned from = 3;
    for (unsigned i = 0; i <= n; i++) {
        if (i < n && sorted[i] < (int)from)
            continue;
        unsigned to = i < n ? (unsigned)sorted[i] : ~0u;
        if (to > from &&
            syscall(__NR_close_range, from, i < n ? to - 1 : ~0u, 0u))
            return failed(what, "descriptors can't be closed: close_range "
                                "needs Linux 5.9");
        from = to + 1;
    }
    return 0;
}

static int set_limits(const char **what)
{
    const struct rlimit none = {0, 0};
    struct rlimit files;
    if (setrlimit(RLIMIT_CORE, &none))
        return failed(what, "RLIMIT_CORE can't be set to 0");
    if (getrlimit(RLIMIT_NOFILE, &files))
        return failed(what, "RLIMIT_NOFILE can't be read");
    if (files.rlim_max < WEIR_SEAL_UFFD + 1)
        return say(what,
                   "the hard limit of descriptors (ulimit -Hn) is below 4001",
                   -EMFILE);
    files.rlim_cur = files.rlim_max = WEIR_SEAL_UFFD + 1;
    if (setrlimit(RLIMIT_NOFILE, &files))
        return failed(what, "RLIMIT_NOFILE can't be set to 4001");
    return 0;
}

/* Per-thread attributes that only a capable process can give away: so before
 * there are other threads. */
static int shed_early(const char **what)
{
    if (capng_get_caps_process())
        return say(what, "capabilities can't be read", -EPERM);
    bool set_pcap = capable(CAP_SETPCAP);
    for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
        capng_update(CAPNG_DROP, CAPNG_INHERITABLE, c);
    capng_clear(CAPNG_SELECT_AMBIENT);
    if (set_pcap && !weir_broken("bounding"))
        capng_clear(CAPNG_SELECT_BOUNDS);
    capng_select_t which = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;
    if (capng_apply(set_pcap ? which | CAPNG_SELECT_BOUNDS : which))
        return say(what, "capability bounding set can't be emptied", -EPERM);
    if (!capable(CAP_SYS_ADMIN))
        return 0;
    /* later mounts of ours stay ours */
    if (unshare(CLONE_NEWNS) ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return failed(what, "no mount namespace of its own");
    return 0;
}

int weir_seal_begin(const int *keep, unsigned n, const char **what)
{
    int err = weir_broken("close") ? 0 : close_others(keep, n, what);
    if (!err)
        err = set_limits(what);
    if (err)
        return err;
    /* not glibc's malloc when sanitized */
    if (!WEIR_SANITIZED &&
        (!mallopt(M_ARENA_MAX, 1) || !mallopt(M_MMAP_MAX, 0)))
        return say(what, "malloc can't be limited to one arena", -EINVAL);
    return shed_early(what);
}

int weir_seal_keep(struct weir_window *w, const char **what)
{
    if (dup3(w->uffd, WEIR_SEAL_UFFD, O_CLOEXEC) < 0)
        return failed(what, "the userfaultfd can't be kept");
    close(w->uffd);
    close(w->pagemap);
    w->uffd = w->pagemap = -1;
    if (weir_broken("keep"))
        close(WEIR_SEAL_UFFD);
    return 0;
}

/* ---- the seal itself ---------------------------------------------------- */

static bool root_is_empty(void)
{
    DIR *d = opendir("/");
    unsigned n = 0;
    if (!d)
        return false;
    while (readdir(d))
        n++;
    closedir(d);
    return n <= 2;
}

static int enter_root(void)
{
    if (!syscall(__NR_pivot_root, ".", "."))
        return umount2(".", MNT_DETACH);
    /* EINVAL: the root is the initial ramfs, which can't be pivoted */
    if (errno != EINVAL || mount(".", "/", NULL, MS_MOVE, NULL))
        return -1;
    return chroot(".");
}

static int empty_root(const char **what)
{
    static const char *const places[] = {"/tmp", "/run", "/var", "/proc"};
    if (weir_broken("root") || !capable(CAP_SYS_ADMIN) || root_is_empty())
        return 0;
    if (WEIR_SANITIZED)
        return 0; /* reports are symbolised from files */
    for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
        if (mount("weir", places[i], "tmpfs",
                  MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                  "size=4k,nr_inodes=2,mode=555"))
            continue;
        if (chdir(places[i]) || enter_root() || chdir("/"))
            return failed(what, "the root can't be replaced by an empty one");
        return 0;
    }
    return failed(what, "no tmpfs for the empty root");
}

static int take_identity(const struct weir_seal *s, const char **what)
{
    if (!s->uid && geteuid() == 0 && !weir_broken("identity"))
        return say(what, "a domain of root's: give it a user id of its own",
                   -EPERM);
    if (capable(CAP_SETGID) && setgroups(0, NULL))
        return failed(what, "setgroups");
    if (s->gid && setresgid(s->gid, s->gid, s->gid))
        return failed(what, "setresgid");
    if (weir_broken("capability") && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
        return failed(what, "prctl");
    if (s->uid && setresuid(s->uid, s->uid, s->uid))
        return failed(what, "setresuid");
    if (weir_broken("capability"))
        return 0;
    capng_clear(CAPNG_SELECT_CAPS);
    if (capng_apply(CAPNG_SELECT_CAPS))
        return say(what, "capabilities can't be dropped", -EPERM);
    return 0;
}

/* A change of identity resets both, so they come after it. */
static int tie(const struct weir_seal *s, bool privileged, const char **what)
{
    bool tied = s->ppid >= 0;
    if (prctl(PR_SET_PDEATHSIG, tied || weir_broken("untie") ? SIGKILL : 0, 0,
              0, 0))
        return failed(what, "PR_SET_PDEATHSIG");
    if (tied && getppid() != s->ppid)
        return say(what, "the parent died while the domain started", -ESRCH);
    /* An unprivileged weir-hv has our user id and could not look at a
     * process that is not dumpable. */
    if (privileged && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        return failed(what, "PR_SET_DUMPABLE");
    return 0;
}

#if WEIR_SANITIZED
/* Asked by the leak search at exit, which clones: not in a sealed domain,
 * where prctl is refused. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return prctl(PR_GET_SECCOMP) < 0;
}
#endif

int weir_seal_enter(const struct weir_seal *s, const char **what)
{
    if (capng_get_caps_process())
        return say(what, "capabilities can't be read", -EPERM);
    bool privileged = capable(CAP_SETUID);
    int err = empty_root(what);
    if (!err)
        err = take_identity(s, what);
    if (!err)
        err = tie(s, privileged, what);
    if (err)
        return err;
    if (!weir_broken("nnp") && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return failed(what, "PR_SET_NO_NEW_PRIVS");
    return weir_broken("seccomp") ? 0 : weir_seal_filter(s, what);
}

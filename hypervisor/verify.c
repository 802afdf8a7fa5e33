/* SPDX-License-Identifier: MIT */
#include "hypervisor/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hypervisor/client/breakable.h"
#include "hypervisor/verify_proc.h"

#ifndef __NR_mseal
#define __NR_mseal 462
#endif
#define TASKS_MAX 256

int weir_verify_say(char *reason, int err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(reason, WEIR_SEAL_REASON, fmt, ap);
    va_end(ap);
    return err;
}

/* ---- one thread --------------------------------------------------------- */

static int check_ids(const char *key, const char *text, unsigned want,
                     bool may_be_root, char *reason, int tid)
{
    unsigned id[4];
    if (sscanf(text, "%u %u %u %u", &id[0], &id[1], &id[2], &id[3]) != 4)
        return weir_verify_say(reason, -EIO, "thread %d: no %s", tid, key);
    for (unsigned i = 1; i < 4; i++)
        if (id[i] != id[0])
            return weir_verify_say(reason, -EPERM,
                                   "thread %d has several %ss: %u and %u", tid,
                                   key, id[0], id[i]);
    if (want != WEIR_SEAL_ANY && id[0] != want)
        return weir_verify_say(reason, -EPERM, "thread %d has %s %u, not %u",
                               tid, key, id[0], want);
    if (!may_be_root && !id[0])
        return weir_verify_say(reason, -EPERM,
                               "thread %d runs with root's %s: give the domain "
                               "one of its own",
                               tid, key);
    return 0;
}

static int check_line(const struct weir_seal_expect *e, int tid,
                      const char *key, const char *value, unsigned *seen,
                      char *reason)
{
    static const struct {
        const char *key, *want, *what;
        bool privileged; /* asked of a privileged weir-hv's domains only */
    } fixed[] = {
        {"Seccomp", "2", "no seccomp filter", false},
        {"NoNewPrivs", "1", "no no_new_privs", false},
        {"CapEff", "0000000000000000", "effective capabilities", false},
        {"CapPrm", "0000000000000000", "permitted capabilities", false},
        {"CapInh", "0000000000000000", "inheritable capabilities", false},
        {"CapBnd", "0000000000000000", "a capability bounding set", true},
        {"TracerPid", "0", "a tracer", false},
        {"Groups", "", "supplementary groups", true},
    };
    const unsigned n = sizeof(fixed) / sizeof(*fixed);
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(key, fixed[i].key))
            continue;
        *seen |= 1u << i;
        if ((fixed[i].privileged && e->may_be_root) ||
            !strcmp(value, fixed[i].want))
            return 0;
        return weir_verify_say(reason, -EPERM, "thread %d has %s (%s: %s)", tid,
                               fixed[i].what, key, value);
    }
    if (!strcmp(key, "Uid")) {
        *seen |= 1u << n;
        return check_ids("user id", value, e->uid, e->may_be_root, reason, tid);
    }
    if (!strcmp(key, "Gid")) {
        *seen |= 2u << n;
        return check_ids("group id", value, e->gid, e->may_be_root, reason,
                         tid);
    }
    return 0;
}

int weir_verify_status(const struct weir_seal_expect *e, int tid, FILE *f,
                       char *reason)
{
    char line[1024];
    unsigned seen = 0;
    while (fgets(line, sizeof(line), f)) {
        char *value = strchr(line, ':');
        /* a thread can put no newline into its name */
        if (!value)
            continue;
        *value++ = '\0';
        value += strspn(value, " \t");
        size_t len = strlen(value);
        while (len && strchr(" \t\n", value[len - 1]))
            value[--len] = '\0';
        int err = check_line(e, tid, line, value, &seen, reason);
        if (err)
            return err;
    }
    return seen == (1u << 10) - 1
               ? 0
               : weir_verify_say(reason, -ESRCH, "thread %d is gone", tid);
}

/* ---- all threads -------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static int list_tasks(pid_t pid, int *tids, unsigned *n, char *reason)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    if (!d)
        return weir_verify_say(reason, errno == ENOENT ? -ESRCH : -errno,
                               "%s: %s", path, strerror(errno));
    *n = 0;
    for (struct dirent *de; (de = readdir(d));) {
        if (de->d_name[0] == '.')
            continue;
        if (*n == TASKS_MAX) {
            closedir(d);
            return weir_verify_say(reason, -EPERM, "more than %d threads",
                                   TASKS_MAX);
        }
        tids[(*n)++] = atoi(de->d_name);
    }
    closedir(d);
    qsort(tids, *n, sizeof(*tids), by_id);
    return *n ? 0 : weir_verify_say(reason, -ESRCH, "no threads: it died");
}

static int check_tasks(const struct weir_seal_expect *e, const int *tids,
                       unsigned n, char *reason)
{
    if (e->threads && n != e->threads)
        return weir_verify_say(reason, -EPERM, "%u threads, %u declared", n,
                               e->threads);
    for (unsigned i = 0; i < n; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)e->pid,
                 tids[i]);
        FILE *f = fopen(path, "re");
        if (!f)
            return weir_verify_say(reason, errno == ENOENT ? -ESRCH : -errno,
                                   "%s: %s", path, strerror(errno));
        int err = weir_verify_status(e, tids[i], f, reason);
        fclose(f);
        if (err)
            return err;
    }
    return 0;
}

/* ---- everything --------------------------------------------------------- */

static int open_smaps(const struct weir_seal_expect *e, char *reason)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/smaps", (int)e->pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return weir_verify_say(reason, -errno,
                               "%s: %s: weir-hv needs CAP_SYS_PTRACE", path,
                               strerror(errno));
    bool has_mseal = syscall(__NR_mseal, 0ul, 0ul, 0ul) == 0;
    int err = weir_verify_smaps(e, f, has_mseal, reason);
    fclose(f);
    return err;
}

/* A sealed domain opens no files, so this guards what a mistake in the filter
 * or a descriptor of a directory would give. */
static int check_root(const struct weir_seal_expect *e, char *reason)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/root/", (int)e->pid);
    DIR *d = opendir(path);
    if (!d)
        return weir_verify_say(reason, -errno, "%s: %s", path, strerror(errno));
    int err = 0;
    for (struct dirent *de; !err && (de = readdir(d));)
        if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
            err = weir_verify_say(reason, -EPERM,
                                  "its root directory is not empty (%.64s)",
                                  de->d_name);
    closedir(d);
    return err;
}

static int check_rest(const struct weir_seal_expect *e, char *reason)
{
    int err = 0;
    if (!weir_broken("verify-maps"))
        err = open_smaps(e, reason);
    if (!err && !weir_broken("verify-fds"))
        err = weir_verify_fds(e, reason);
    if (!err && !weir_broken("verify-alone"))
        err = weir_verify_alone(e, reason);
    if (!err && !WEIR_SANITIZED && !e->may_be_root &&
        !weir_broken("verify-root"))
        err = check_root(e, reason);
    return err;
}

/* Threads are looked at before and after the rest.  A thread found sealed can
 * from then on only do what the filter allows, and its children are sealed
 * with it.  So when both looks find the same threads, sealed, there was no
 * unsealed thread in between that could have changed what the rest saw: it
 * would have to come from one that was. */
int weir_verify_seal(const struct weir_seal_expect *e,
                     char reason[WEIR_SEAL_REASON])
{
    int before[TASKS_MAX], after[TASKS_MAX];
    unsigned n = 0, m = 0;
    reason[0] = '\0';
    if (weir_broken("verify-tasks"))
        return check_rest(e, reason);
    int err = list_tasks(e->pid, before, &n, reason);
    if (!err)
        err = check_tasks(e, before, n, reason);
    if (!err)
        err = check_rest(e, reason);
    if (!err)
        err = list_tasks(e->pid, after, &m, reason);
    if (!err)
        err = check_tasks(e, after, m, reason);
    if (!err && (n != m || memcmp(before, after, n * sizeof(*before))))
        err = weir_verify_say(reason, -EPERM,
                              "threads come and go while it is being sealed");
    return err;
}

/* ---- the machine -------------------------------------------------------- */

static int check_huge(const char *dir, const char *allowed, char *reason)
{
    char path[320], text[256] = "", word[32] = "";
    snprintf(path, sizeof(path), "%s/shmem_enabled", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0; /* a kernel without huge shared memory */
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    const char *at = n > 0 ? strchr(text, '[') : NULL;
    if (!at || sscanf(at, "[%31[a-z_]]", word) != 1 || !strstr(allowed, word))
        return weir_verify_say(reason, -EPERM,
                               "huge pages for shared memory are on: echo "
                               "advise > %.90s (is %s)",
                               path, word);
    return 0;
}

int weir_verify_host(char reason[WEIR_SEAL_REASON])
{
    static const char thp[] = "/sys/kernel/mm/transparent_hugepage";
    reason[0] = '\0';
    int err = check_huge(thp, "never deny advise", reason);
    DIR *d = err ? NULL : opendir(thp);
    if (!d)
        return err;
    for (struct dirent *de; !err && (de = readdir(d));) {
        char path[320];
        if (strncmp(de->d_name, "hugepages-", 10))
            continue;
        snprintf(path, sizeof(path), "%s/%s", thp, de->d_name);
        err = check_huge(path, "never inherit advise", reason);
    }
    closedir(d);
    return err;
}

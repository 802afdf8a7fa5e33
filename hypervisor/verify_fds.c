/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hypervisor/client/breakable.h"
#include "hypervisor/verify_proc.h"

/* ---- descriptors -------------------------------------------------------- */

int weir_verify_fd(const struct weir_seal_expect *e, int fd, const char *target,
                   char *reason)
{
    /* What a domain may hold at the moment it is sealed.  Images and taps
     * come later, from the device manager. */
    static const char *const kinds[] = {
        "socket:[",
        "pipe:[",
        "anon_inode:[eventfd]",
        "anon_inode:[eventpoll]",
        "anon_inode:[timerfd]",
        "anon_inode:[signalfd]",
    };
    if (strstr(target, "[userfaultfd]")) {
        if (fd == e->uffd_number)
            return 1;
        return weir_verify_say(reason, -EPERM,
                               "descriptor %d is a userfaultfd, beside %d", fd,
                               e->uffd_number);
    }
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (!strncmp(target, kinds[i], strlen(kinds[i])))
            return 0;
    if (!strcmp(target, "/dev/null"))
        return 0;
    /* the log: a file, a terminal */
    if (fd <= STDERR_FILENO && target[0] == '/' &&
        strncmp(target, "/memfd:", 7) && strncmp(target, "/proc/", 6))
        return 0;
    return weir_verify_say(reason, -EPERM,
                           "descriptor %d was left open (%.80s)", fd, target);
}

/* What the link text can't tell: the memfd under any name, a directory. */
static int check_stat(const struct weir_seal_expect *e, int dir,
                      const char *name, char *reason)
{
    struct stat st;
    if (fstatat(dir, name, &st, 0))
        return errno == ENOENT ? 0 : -errno;
    if (st.st_dev == e->mem_dev && st.st_ino == e->mem_ino)
        return weir_verify_say(reason, -EPERM,
                               "descriptor %s is machine memory", name);
    if (S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode))
        return weir_verify_say(reason, -EPERM,
                               "descriptor %s is a directory or disk", name);
    return 0;
}

int weir_verify_fds(const struct weir_seal_expect *e, char *reason)
{
    char path[64], target[256];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)e->pid);
    DIR *d = opendir(path);
    if (!d)
        return weir_verify_say(reason, -errno,
                               "%s: %s: weir-hv needs CAP_SYS_PTRACE", path,
                               strerror(errno));
    unsigned uffds = 0;
    int err = 0;
    for (struct dirent *de; !err && (de = readdir(d));) {
        if (!isdigit((unsigned char)de->d_name[0]))
            continue;
        err = check_stat(e, dirfd(d), de->d_name, reason);
        ssize_t n = readlinkat(dirfd(d), de->d_name, target, 255);
        if (err || n < 0)
            continue; /* closed meanwhile */
        target[n] = '\0';
        err = weir_verify_fd(e, atoi(de->d_name), target, reason);
        uffds += err == 1;
        err = err == 1 ? 0 : err;
    }
    closedir(d);
    if (!err && uffds != 1 && !weir_broken("verify-kept"))
        return weir_verify_say(reason, -EPERM,
                               "it does not keep its userfaultfd at %d",
                               e->uffd_number);
    return err;
}

/* ---- other processes ---------------------------------------------------- */

/* The path of process pid in the hierarchy of controller ("" is cgroup v2). */
static bool cgroup_path(const char *pid, const char *controller, char *out,
                        size_t size)
{
    char name[64], line[512];
    snprintf(name, sizeof(name), "/proc/%s/cgroup", pid);
    FILE *f = fopen(name, "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof(line), f)) {
        char *kind = strchr(line, ':');
        char *path = kind ? strchr(kind + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        found = !strcmp(kind + 1, controller);
        if (found)
            snprintf(out, size, "%s", path);
    }
    if (f)
        fclose(f);
    return found;
}

/* 1: the cgroup is its own and holds nothing else; 0: it has none. */
static int check_cgroup(const struct weir_seal_expect *e, const char *ctl,
                        const char *mount, char *reason)
{
    char pid[16], own[256], its[256], path[400];
    snprintf(pid, sizeof(pid), "%d", (int)e->pid);
    if (!cgroup_path(pid, ctl, its, sizeof(its)) ||
        !cgroup_path("self", ctl, own, sizeof(own)) || !strcmp(own, its))
        return 0;
    snprintf(path, sizeof(path), "%s%s/cgroup.procs", mount, its);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    int rc = 0, other;
    while (rc >= 0 && fscanf(f, "%d", &other) == 1)
        rc = other == e->pid
                 ? 1
                 : weir_verify_say(reason, -EPERM,
                                   "process %d is in its cgroup beside it",
                                   other);
    fclose(f);
    return rc;
}

static bool maps_memory(const struct weir_seal_expect *e, int pid)
{
    char path[64], line[512], want[64];
    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    snprintf(want, sizeof(want), " %llu ", (unsigned long long)e->mem_ino);
    FILE *f = fopen(path, "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof(line), f))
        found = strstr(line, want) && strstr(line, "/memfd:");
    if (f)
        fclose(f);
    return found;
}

/* The real and only user id of a process, or WEIR_SEAL_ANY. */
static unsigned uid_of(int pid)
{
    char path[64], line[256];
    unsigned uid = WEIR_SEAL_ANY;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *f = fopen(path, "re");
    while (f && uid == WEIR_SEAL_ANY && fgets(line, sizeof(line), f))
        if (sscanf(line, "Uid: %u", &uid) != 1)
            uid = WEIR_SEAL_ANY;
    if (f)
        fclose(f);
    return uid;
}

/* With a user id of its own nobody else may have it.  A child that stayed
 * root, or all of an unprivileged weir-hv, is known by its parent.  A zombie
 * holds nothing. */
static bool related(const struct weir_seal_expect *e, int pid, unsigned its_uid)
{
    char path[64], line[256], state = 'Z';
    int parent = 0;
    unsigned uid = WEIR_SEAL_ANY;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "State: %c", &state) != 1 &&
            sscanf(line, "PPid: %d", &parent) != 1 &&
            sscanf(line, "Uid: %u", &uid) == 1)
            break;
    if (f)
        fclose(f);
    if (state == 'Z' || state == 'X')
        return false;
    return parent == e->pid || (!e->may_be_root && its_uid && uid == its_uid);
}

static int left_beside(const struct weir_seal_expect *e, int pid, char *reason)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    FILE *f = fopen(path, "re");
    if (f && fgets(name, sizeof(name), f))
        name[strcspn(name, "\n")] = '\0';
    if (f)
        fclose(f);
    return weir_verify_say(
        reason, -EPERM, "process %d (%s) is left beside it%s", pid, name,
        maps_memory(e, pid) ? " and maps machine memory"
                            : ", with its user id or as its child");
}

static int scan(const struct weir_seal_expect *e, char *reason)
{
    unsigned uid = uid_of((int)e->pid);
    DIR *d = opendir("/proc");
    if (!d)
        return weir_verify_say(reason, -errno, "/proc: %s", strerror(errno));
    int err = 0;
    for (struct dirent *de; !err && (de = readdir(d));) {
        int pid = atoi(de->d_name);
        if (pid <= 0 || pid == e->pid || pid == getpid())
            continue;
        if (related(e, pid, uid))
            err = left_beside(e, pid, reason);
    }
    closedir(d);
    return err;
}

int weir_verify_alone(const struct weir_seal_expect *e, char *reason)
{
    static const char unified[] = "/sys/fs/cgroup/unified";
    const char *v2 = access(unified, F_OK) ? "/sys/fs/cgroup" : unified;
    int rc = check_cgroup(e, "", v2, reason);
    if (!rc)
        rc = check_cgroup(e, "pids", "/sys/fs/cgroup/pids", reason);
    return rc > 0 ? 0 : rc < 0 ? rc : scan(e, reason);
}

/* SPDX-License-Identifier: MIT
 *
 * Seals with one thing wrong each: weir-hv makes no frame accessible and says
 * what it saw.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/isolation/lab.h"

static bool refused(struct lab *l, const struct dom_how *how, const char *word)
{
    char reason[160];
    struct dom *d = dom_start(l, how);
    CHECK(d, "no domain");
    CHECK(d->ready != 0, "the seal was accepted");
    CHECK(dom_crashed(l, d, reason), "not killed: %s", reason);
    CHECK(strstr(reason, word), "\"%s\" does not say \"%s\"", reason, word);
    return true;
}

#define MISTAKE(fn, mistake_, broken_, word)                                   \
    static bool fn(struct lab *l)                                              \
    {                                                                          \
        return refused(                                                        \
            l, &(struct dom_how){.mistake = (mistake_), .broken = (broken_)},  \
            word);                                                             \
    }

MISTAKE(kept_memory, "keep-memory", "", "machine memory")
MISTAKE(second_mapping, "second-mapping", "", "second time")
MISTAKE(open_directory, "directory", "", "directory")
MISTAKE(own_userfaultfd, "own-uffd", "", "userfaultfd, beside")
MISTAKE(kept_sibling, "sibling", "", "beside it")
MISTAKE(unregistered, "unregister", "", "not registered")
MISTAKE(inherited_on_fork, NULL, "dontfork", "inherited by a fork")
MISTAKE(unsealed_thread, "thread", "tsync", "has no ")
MISTAKE(no_seccomp, NULL, "seccomp", "no seccomp filter")
MISTAKE(no_new_privs, "filter-without-nnp", "nnp seccomp", "no_new_privs")
MISTAKE(kept_capability, NULL, "capability", "capabilities")
MISTAKE(bounding_set, NULL, "bounding", "bounding set")
MISTAKE(full_root, NULL, "root", "root directory")
MISTAKE(userfaultfd_not_kept, NULL, "keep", "does not keep")

static bool not_msealed(struct lab *l)
{
    if (syscall(462, 0ul, 0ul, 0ul)) { /* mseal */
        printf("      seal-not-msealed needs Linux 6.10\n");
        return true;
    }
    return refused(l, &(struct dom_how){.broken = "mseal"},
                   "not sealed (mseal)");
}

static bool root_identity(struct lab *l)
{
    return refused(l,
                   &(struct dom_how){.stay_root = true, .broken = "identity"},
                   "root's user id");
}

/* An inherited descriptor is closed by the seal ... */
static bool inherited_descriptor(struct lab *l)
{
    int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    struct dom *d = dom_start(l, &(struct dom_how){.leave_fd = fd});
    CHECK(d && !d->ready, "a leftover descriptor prevents the start");
    CHECK(TELL(d, P_SYSCALL, 0, 77, 0, 0) == -EBADF, "it can be read");
    close(fd);
    return true;
}

/* ... and a program that does not do it is refused. */
static bool leftover_descriptor(struct lab *l)
{
    int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    bool ok = refused(l, &(struct dom_how){.leave_fd = fd, .broken = "close"},
                      "left open");
    close(fd);
    return ok;
}

/* A thread made in the set-up is sealed with the rest and works. */
static bool sealed_thread_is_fine(struct lab *l)
{
    struct dom *d =
        dom_start(l, &(struct dom_how){.mistake = "thread", .broken = ""});
    char reason[160] = "";
    if (d && d->ready)
        dom_crashed(l, d, reason);
    CHECK(d && !d->ready, "%s", reason);
    return true;
}

/* In a cgroup of its own, a sibling is found there, whoever its parent is. */
static bool in_a_cgroup(struct lab *l, const char *group)
{
    char procs[128];
    snprintf(procs, sizeof(procs), "%s/cgroup.procs", group);
    struct dom *d =
        dom_start(l, &(struct dom_how){.cgroup_procs = procs, .broken = ""});
    CHECK(d && !d->ready, "a domain in a cgroup of its own is refused");
    lab_clear(l);
    return refused(l,
                   &(struct dom_how){.mistake = "sibling",
                                     .broken = "",
                                     .cgroup_procs = procs},
                   "in its cgroup beside it");
}

static bool sibling_in_its_cgroup(struct lab *l)
{
    static const char *const roots[] = {
        "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids", "/sys/fs/cgroup"};
    bool ok = true;
    for (unsigned i = 0; ok && i < 3; i++) {
        char group[96];
        snprintf(group, sizeof(group), "%s/weir-isolation-%d", roots[i],
                 (int)getpid());
        if (mkdir(group, 0755))
            continue; /* another layout of cgroups */
        if (access(group, W_OK) == 0) {
            char procs[128];
            snprintf(procs, sizeof(procs), "%s/cgroup.procs", group);
            if (access(procs, W_OK) == 0)
                ok = in_a_cgroup(l, group);
        }
        lab_clear(l);
        for (int k = 0; rmdir(group) && errno == EBUSY && k < 500; k++)
            usleep(10000);
    }
    return ok;
}

/* weir-hv looks at a window that could be mapped huge. */
static bool aligned_window(struct lab *l)
{
    struct dom *d = dom_start(l, &(struct dom_how){.broken = "misaligned"});
    CHECK(d && d->ready == -EPROTO, "answer %lld", d ? (long long)d->ready : 0);
    return true;
}

const struct attack seal_attacks[] = {
    {"seal-kept-memory", kept_memory},
    {"seal-second-mapping", second_mapping},
    {"seal-directory", open_directory},
    {"seal-own-userfaultfd", own_userfaultfd},
    {"seal-kept-sibling", kept_sibling},
    {"seal-unregistered-window", unregistered},
    {"seal-inherited-on-fork", inherited_on_fork},
    {"seal-not-msealed", not_msealed},
    {"seal-unsealed-thread", unsealed_thread},
    {"seal-no-seccomp", no_seccomp},
    {"seal-no-new-privs", no_new_privs},
    {"seal-kept-capability", kept_capability},
    {"seal-bounding-set", bounding_set},
    {"seal-full-root", full_root},
    {"seal-userfaultfd-not-kept", userfaultfd_not_kept},
    {"seal-root-identity", root_identity},
    {"seal-inherited-descriptor", inherited_descriptor},
    {"seal-leftover-descriptor", leftover_descriptor},
    {"seal-sealed-thread-is-fine", sealed_thread_is_fine},
    {"seal-sibling-in-its-cgroup", sibling_in_its_cgroup},
    {"seal-aligned-window", aligned_window},
    {NULL, NULL},
};

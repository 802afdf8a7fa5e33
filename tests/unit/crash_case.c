/* SPDX-License-Identifier: MIT */
#include "tests/unit/crash_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COARSER 3
#else
#define COARSER 1
#endif

static bool quiet_case; /* of the case's process */

void rig_wrong(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (!quiet_case) {
        vfprintf(stderr, fmt, ap);
        fputc('\n', stderr);
    }
    va_end(ap);
    _exit(RIG_WRONG);
}

uint32_t rig_draw(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(*state >> 8) * below >> 24);
}

void rig_node(struct weir_fake_store *store, const char *dir, const char *key,
              const char *value, domid_t owner, domid_t reader)
{
    char path[160];

    snprintf(path, sizeof(path), "%s%s%s", dir, key[0] != '\0' ? "/" : "", key);
    RIG_CHECK(weir_fake_store_set(store, path, value) == 0 &&
                  weir_fake_store_own(store, path, owner, reader) == 0,
              "registry: %s", path);
}

unsigned rig_state(struct weir_fake_store *store, const char *dir)
{
    char path[160], value[16] = "";

    snprintf(path, sizeof(path), "%s/state", dir);
    weir_fake_store_get(store, path, value, sizeof(value));
    return (unsigned)atoi(value);
}

enum rig_result rig_fork(int (*body)(const void *c, uint64_t at), const void *c,
                         uint64_t at, bool quiet)
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};

        setrlimit(RLIMIT_CORE, &none);
        quiet_case = quiet;
        _exit(body(c, at));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) > RIG_BROKEN)
        return RIG_BROKEN;
    return (enum rig_result)WEXITSTATUS(status);
}

void rig_control(struct weir_backend *be)
{
    for (unsigned i = 0; i < 3; i++)
        RIG_CHECK(weir_backend_step(be, 0) == 0, "registry connection");
}

void rig_nothing_left(struct weir_port *port)
{
    unsigned pages = weir_fake_pages(port), maps = weir_fake_mapped(port),
             ports = weir_fake_ports(port);

    RIG_CHECK(pages == 0 && maps == 0 && ports == 0,
              "the backend keeps %u pages, %u mappings, %u ports", pages, maps,
              ports);
}

uint64_t rig_each(uint64_t otherwise)
{
    const char *s = getenv("WEIR_CRASH_EACH");

    return s != NULL && atoi(s) > 0 ? (uint64_t)atoi(s) : otherwise * COARSER;
}

void rig_all_points(const char *name, rig_runner *run, const void *c,
                    uint64_t stride)
{
    uint64_t at = 1;

    for (; at < 100000; at += stride) {
        enum rig_result got = run(c, at, false);

        if (got == RIG_OVER)
            break;
        if (got != RIG_GOOD)
            fail_msg("%s: dead at point %llu: %s", name, (unsigned long long)at,
                     got == RIG_WRONG ? "see above" : "the test died");
    }
    assert_in_range(at, 100, 99999);
    printf("%s: %llu points, every %llu\n", name, (unsigned long long)at,
           (unsigned long long)stride);
}

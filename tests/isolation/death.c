/* SPDX-License-Identifier: MIT
 *
 * Death of weir-hv: its descriptors close, and nothing opens up for the
 * domains.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/isolation/lab.h"

#define SECRET 0x5ec4e7

/* A domain that reads a foreign frame at the moment weir-hv dies: its thread
 * sleeps in the fault (weir-hv is stopped, so does not kill it), and would run
 * on, reading, if the window became an ordinary mapping. */
static bool one_death(struct lab *lab, struct lab *l, int *leaks)
{
    (void)lab;
    struct dom *victim = dom_start(l, &(struct dom_how){0});
    struct dom *thief = dom_start(l, &(struct dom_how){0});
    CHECK(victim && thief, "no domain");
    CHECK(!victim->ready && !thief->ready, "not ready: %" PRId64 " %" PRId64,
          victim->ready, thief->ready);
    int64_t frame = TELL(victim, P_ALLOC, 1);
    CHECK(frame > 0, "no frame");
    TELL(victim, P_WRITE, frame, 0, SECRET);
    kill(l->hv, SIGSTOP);
    waitpid(l->hv, NULL, WUNTRACED);
    dom_order(thief, P_READ, (int64_t[7]){frame, 0});
    usleep(500);
    kill(l->hv, SIGKILL);
    waitpid(l->hv, NULL, 0);
    l->hv = 0;
    int64_t got = dom_answer(thief, 15);
    CHECK(got == TIMEOUT || got == DIED || got == SECRET || got == 0,
          "answer %" PRId64, got);
    *leaks += got != TIMEOUT && got != DIED;
    /* its own frame it still has */
    CHECK(TELL(victim, P_READ, frame, 0) == SECRET, "own frame is gone");
    return true;
}

static bool hv_killed(struct lab *lab)
{
    struct lab *l = lab;
    const char *text = getenv("WEIR_ISOLATION_DEATHS");
    int runs = text ? atoi(text) : 200, leaks = 0;
    for (int i = 0; i < runs; i++) {
        struct lab own = {
            .bin = lab->bin, .hv_program = lab->hv_program, .why = lab->why};
        int err = lab_start(&own);
        bool ok = !err && one_death(lab, &own, &leaks);
        lab_stop(&own);
        CHECK(!err, "weir-hv does not start");
        if (!ok)
            return false;
    }
    printf("      %d deaths of weir-hv, %d leaks\n", runs, leaks);
    CHECK(leaks == 0, "%d of %d read a foreign frame", leaks, runs);
    return true;
}

static bool runs(pid_t pid)
{
    char path[64], state = 'Z';
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    fclose(f);
    return state != 'Z' && state != 'X';
}

/* The parent's death takes the domain with it, whatever it waits for. */
static bool parent_killed(struct lab *l)
{
    int report[2];
    pid_t pid;
    CHECK(!pipe(report), "pipe");
    pid_t parent = fork();
    if (!parent) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct dom *d = dom_start(l, &(struct dom_how){0});
        pid = d && !d->ready ? d->pid : -1;
        if (pid > 0)
            dom_order(d, P_SYSCALL, (int64_t[7]){SYS_poll, 0, 0, 20000});
        if (write(report[1], &pid, sizeof(pid)) != sizeof(pid))
            _exit(1);
        for (;;)
            pause();
    }
    bool started = read(report[0], &pid, sizeof(pid)) == sizeof(pid) && pid > 0;
    close(report[0]);
    close(report[1]);
    usleep(2000);
    bool waits = started && runs(pid);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    CHECK(waits, started ? "the domain did not even wait" : "no domain");
    for (int i = 0; i < 1000 && runs(pid); i++)
        usleep(1000);
    bool outlived = runs(pid);
    if (outlived)
        kill(pid, SIGKILL);
    CHECK(!outlived, "the domain outlived its parent");
    return true;
}

const struct attack death_attacks[] = {
    {"hv-killed", hv_killed},
    {"parent-killed", parent_killed},
    {NULL, NULL},
};

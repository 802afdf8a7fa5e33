/* SPDX-License-Identifier: MIT
 *
 * Death of weir-hv: its descriptors close, nothing opens up for the domains,
 * and they end.  Death of the manager: nothing happens to them.
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
 * on, reading, if the window became an ordinary mapping.  These two do not end
 * with weir-hv, so that there is time to look. */
static bool one_death(struct lab *l, int *leaks)
{
    const char *more = getenv("PUPPET_BREAK");
    char rules[64];
    snprintf(rules, sizeof(rules), "life %s", more ? more : "");
    struct dom *victim = dom_start(l, &(struct dom_how){.broken = rules});
    struct dom *thief = dom_start(l, &(struct dom_how){.broken = rules});
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
        bool ok = !err && one_death(&own, &leaks);
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

/* What a domain does when weir-hv dies. */
enum work { SLEEPS, COMPUTES, ASKS, READS_FAULTING, WORKS };

/* weir-hv does not answer any more when this is called. */
static void set_to_work(struct dom *d, enum work work)
{
    switch (work) {
    case SLEEPS:
        dom_order(d, P_SYSCALL, (int64_t[7]){SYS_poll, 0, 0, 60000});
        break;
    case COMPUTES:
        dom_order(d, P_SPIN, (int64_t[7]){0});
        break;
    case ASKS: /* waits for the answer to a hypercall */
        dom_order(d, P_ALLOC, (int64_t[7]){1});
        break;
    case READS_FAULTING:
        dom_order(d, P_READ, (int64_t[7]){60, 0});
        break;
    default: /* waits for an order */
        break;
    }
}

/* No domain outlives weir-hv, whatever it does, and nobody has to kill it. */
static bool hv_killed_ends(struct lab *lab)
{
    struct lab own = {
        .bin = lab->bin, .hv_program = lab->hv_program, .why = lab->why};
    struct lab *l = &own;
    struct dom *d[WORKS + 1];
    bool ended = true, well = !lab_start(l);

    for (int i = 0; i <= WORKS && well; i++) {
        d[i] = dom_start(l, &(struct dom_how){0});
        well = d[i] && !d[i]->ready;
    }
    if (well) {
        kill(l->hv, SIGSTOP);
        waitpid(l->hv, NULL, WUNTRACED);
        for (int i = 0; i <= WORKS; i++)
            set_to_work(d[i], (enum work)i);
        usleep(20000);
        for (int i = 0; i <= WORKS; i++)
            well = well && runs(d[i]->pid);
        kill(l->hv, SIGKILL);
        waitpid(l->hv, NULL, 0);
        l->hv = 0;
        for (int i = 0; i <= WORKS; i++)
            ended = !dom_reap(d[i], 5000) && ended;
    }
    lab_stop(l);
    l = lab;
    CHECK(well, "the domains do not run");
    CHECK(ended, "a domain outlived weir-hv");
    return true;
}

/* The parent's death changes nothing for the domain: its successor goes on
 * with it. */
static bool parent_killed(struct lab *l)
{
    struct dom copy = {0};
    int report[2];
    CHECK(!pipe(report), "pipe");
    pid_t parent = fork();
    if (!parent) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct dom *d = dom_start(l, &(struct dom_how){0});
        if (d && !d->ready)
            dom_order(d, P_SYSCALL, (int64_t[7]){SYS_poll, 0, 0, 20000});
        if (d)
            copy = *d;
        if (write(report[1], &copy, sizeof(copy)) != sizeof(copy))
            _exit(1);
        for (;;)
            pause();
    }
    bool started =
        read(report[0], &copy, sizeof(copy)) == sizeof(copy) && copy.pid > 0;
    close(report[0]);
    close(report[1]);
    started = started && !copy.ready && runs(copy.pid);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    usleep(50000);
    bool goes_on = started && runs(copy.pid);
    int rc = started ? weir_hvctl_destroy(l->ctl, copy.id) : 0;
    for (int i = 0; started && i < 5000 && runs(copy.pid); i++)
        usleep(1000);
    bool left = started && runs(copy.pid);
    if (left)
        kill(copy.pid, SIGKILL);
    CHECK(started, "no domain");
    CHECK(goes_on, "the domain died with its parent");
    CHECK(!rc && !left, "weir-hv does not end it: %d", rc);
    return true;
}

const struct attack death_attacks[] = {
    {"hv-killed", hv_killed},
    {"hv-killed-ends", hv_killed_ends},
    {"parent-killed", parent_killed},
    {NULL, NULL},
};

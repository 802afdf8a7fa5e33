/* SPDX-License-Identifier: MIT
 *
 * isolation-runner [--broken] [NAME...]: runs the attacks on a weir-hv, all or
 * the named ones (a name that ends in - stands for all that start so).
 *
 * --broken: each attack by a system call is made with that call allowed, and
 * has to get through: the test of the test.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/isolation/lab.h"

struct run {
    struct lab lab;
    char why[WHY];
    char **names;
    int n_names;
    unsigned passed, failed;
};

static bool chosen(const struct run *r, const char *name)
{
    for (int i = 0; i < r->n_names; i++) {
        size_t n = strlen(r->names[i]);
        bool prefix = n && r->names[i][n - 1] == '-';
        if (prefix ? !strncmp(name, r->names[i], n)
                   : !strcmp(name, r->names[i]))
            return true;
    }
    return !r->n_names;
}

static bool ready(struct run *r)
{
    if (r->lab.hv && r->lab.neighbour)
        return true;
    if (lab_start(&r->lab) || lab_neighbour(&r->lab)) {
        char cmd[160];
        printf("FAIL  weir-hv or the first domain does not start\n");
        snprintf(cmd, sizeof(cmd), "cat %s/*.log", r->lab.dir);
        if (system(cmd))
            printf("(no log)\n");
        return false;
    }
    return true;
}

static void count(struct run *r, const char *name, bool ok)
{
    if (ok && lab_neighbour_well(&r->lab)) {
        r->passed++;
        printf("ok    %s\n", name);
    } else {
        char cmd[160];
        r->failed++;
        printf("FAIL  %s: %s\n", name, r->why);
        snprintf(cmd, sizeof(cmd), "tail -n 3 %s/*.log", r->lab.dir);
        if (getenv("WEIR_ISOLATION_LOG") && system(cmd))
            printf("(no log)\n");
        /* a new weir-hv for the next */
        lab_stop(&r->lab);
    }
    fflush(stdout);
    lab_clear(&r->lab);
}

static bool run_group(struct run *r, const struct attack *all)
{
    for (const struct attack *a = all; a->name; a++) {
        if (!chosen(r, a->name))
            continue;
        if (!ready(r))
            return false;
        count(r, a->name, a->run(&r->lab));
    }
    return true;
}

static bool run_calls(struct run *r, bool broken)
{
    for (unsigned i = 0; i < call_attacks(); i++) {
        char name[64];
        snprintf(name, sizeof(name), "call-%s", call_name(i));
        /* other tables of numbers can't be allowed through this one's */
        bool foreign = !call_syscall(i) || !strcmp(call_syscall(i), "int80");
        if (!chosen(r, name) || (broken && foreign))
            continue;
        if (!ready(r))
            return false;
        count(r, name, call_run(&r->lab, i, broken));
    }
    return true;
}

/* Children of children whose parents were killed: we are their reaper. */
static void reap_all(void)
{
    for (int i = 0; i < 200; i++) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0)
            return;
        if (!pid)
            usleep(2000);
    }
}

int main(int argc, char **argv)
{
    static struct run r;
    static char hv[256];
    const char *b = getenv("B"), *program = getenv("HV");
    bool broken = argc > 1 && !strcmp(argv[1], "--broken");
    r.names = argv + 1 + broken;
    r.n_names = argc - 1 - broken;
    r.lab.bin = b ? b : "build";
    r.lab.why = r.why;
    snprintf(hv, sizeof(hv), "%s/bin/weir-hv", r.lab.bin);
    r.lab.hv_program = program ? program : hv;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    bool ok = run_calls(&r, broken);
    if (!broken)
        ok = ok && run_group(&r, grant_attacks) &&
             run_group(&r, seal_attacks) && run_group(&r, pin_attacks) &&
             run_group(&r, death_attacks);
    lab_stop(&r.lab);
    reap_all();
    if (r.failed)
        printf("%u FAILED\n", r.failed);
    printf("[  PASSED  ] %u test(s).\n", r.passed);
    return !ok || r.failed || !r.passed;
}

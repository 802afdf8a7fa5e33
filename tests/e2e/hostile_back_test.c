/* SPDX-License-Identifier: MIT
 *
 * The real frontends in a guest whose backend is hostile, both as sealed
 * domains: design section 8.  The guest may lose its device, never its life,
 * nor any byte that it did not grant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/e2e/hostile_lab.h"

#define WAIT_MS 25000

static struct lab lab;

/* What the guest should see.  closed: why it closed the device, NULL: it did
 * not; ANY: it may have. */
#define ANY "*"
static const struct attack {
    const char *name, *closed;
    bool opens, some_bad;
} attacks[] = {
#define NOT_ASKED  "the backend answered what was not asked"
#define IMPOSSIBLE "the backend's ring index is impossible"
    {"disk:id-range", NOT_ASKED, true, true},
    {"disk:id-huge", NOT_ASKED, true, true},
    {"disk:operation", NOT_ASKED, true, true},
    {"disk:twice", NOT_ASKED, true, true},
    {"disk:jump", IMPOSSIBLE, true, true},
    {"disk:back", IMPOSSIBLE, true, true},
    {"disk:statuses", NULL, true, true},
    {"disk:silent", NULL, true, true},
    {"disk:seize", NULL, true, true},
    {"disk:storm", NULL, true, true},
    {"disk:features", NULL, true, true},
    {"disk:scribble", ANY, true, false},
    {"disk:flap", ANY, true, false},
    {"disk:die", NULL, true, true},
    {"disk:sectors=0", ANY, false, false},
    {"disk:sectors=18446744073709551615", ANY, false, false},
    {"disk:sectors=lots", ANY, false, false},
    {"disk:size=0", ANY, false, false},
    {"disk:size=513", ANY, false, false},
    {"disk:size=1048576", ANY, false, false},
    {"net:rx-id", "rx answer that is not in its slot", true, false},
    {"net:rx-offset", "rx data beyond its page", true, false},
    {"net:rx-offset-max", "rx data beyond its page", true, false},
    {"net:rx-length", "rx data beyond its page", true, false},
    {"net:rx-extra", "rx extra of unknown type", true, false},
    {"net:rx-jump", "more answers than requests", true, false},
    {"net:rx-odd", NULL, true, true},
    {"net:rx-bad", NULL, true, true},
    {"net:tx-id", "tx answer with an id never sent", true, false},
    {"net:tx-twice", "tx answer with an id never sent", true, false},
    {"net:tx-status", "tx answer with an unknown status", true, false},
    {"net:tx-null", "tx answer to an extra never sent", true, false},
    {"net:tx-jump", "tx ring: more answers than requests", true, false},
    {"net:ctrl-id", "control answer to another request", false, false},
    {"net:ctrl-jump", ANY, false, false},
    {"net:ctrl-status", NULL, true, false},
    {"net:scribble", ANY, true, false},
    {"net:seize", NULL, true, false},
    {"net:flap", ANY, true, false},
    {"net:features", NULL, true, false},
    {"net:die", NULL, true, false},
};

static void dir(const char *path, domid_t owner, domid_t reader)
{
    char perms[24];
    int n = snprintf(perms, sizeof(perms), "n%u", owner) + 1;

    n += snprintf(perms + n, sizeof(perms) - (size_t)n, "r%u", reader) + 1;
    LAB_CHECK(&lab,
              weir_xs_mkdir(&lab.l.xs, 0, path) == 0 &&
                  weir_xs_set_perms(&lab.l.xs, 0, path, perms, (size_t)n) == 0,
              "registry: %s", path);
}

static void node(const char *path, const char *key, const char *value)
{
    LAB_CHECK(&lab, weir_xs_write_key(&lab.l.xs, 0, path, key, value) == 0,
              "registry: %s", key);
}

/* Both directories, as the device manager; f and b get their paths. */
static void marry(domid_t front, domid_t back, const char *cls, char f[96],
                  char b[96])
{
    char num[12];

    snprintf(b, 96, "/local/domain/%u/backend/%s", back, cls);
    dir(b, back, back);
    snprintf(b, 96, "/local/domain/%u/backend/%s/%u", back, cls, front);
    dir(b, back, front);
    snprintf(f, 96, "/local/domain/%u/device/%s/%s", front, cls,
             cls[1] == 'b' ? "51712" : "0");
    snprintf(b, 96, "/local/domain/%u/backend/%s/%u/%s", back, cls, front,
             cls[1] == 'b' ? "51712" : "0");
    dir(f, front, back);
    dir(b, back, front);
    node(f, "backend", b);
    snprintf(num, sizeof(num), "%u", back);
    node(f, "backend-id", num);
    node(f, "mac", "00:16:3e:01:02:03");
    node(f, "state", "1");
    node(b, "frontend", f);
    snprintf(num, sizeof(num), "%u", front);
    node(b, "frontend-id", num);
    node(b, "state", "1");
}

static void judge(const struct attack *a, struct launch_dom *victim,
                  const char *f)
{
    bool net = strncmp(a->name, "net", 3) == 0;
    char why[128] = "";
    uint64_t opened = lab_number(&lab, victim, "opened");

    weir_xs_read_key(&lab.l.xs, 0, f, net ? "reason" : "error", why,
                     sizeof(why));
    LAB_CHECK(&lab, opened == a->opens, "%s: opened: %d (%s)", a->name,
              (int)opened, why);
    if (a->closed == NULL)
        LAB_CHECK(&lab, why[0] == '\0', "%s: closed: %s", a->name, why);
    else if (strcmp(a->closed, ANY) != 0)
        LAB_CHECK(&lab, strstr(why, a->closed) != NULL,
                  "%s: closed for \"%s\", not \"%s\"", a->name, why, a->closed);
    if (a->opens && strcmp(a->name, "disk:flap") != 0 &&
        strcmp(a->name, "net:flap") != 0)
        LAB_CHECK(&lab, lab_number(&lab, victim, "good") >= 20,
                  "%s: nothing worked before", a->name);
    if (a->some_bad)
        LAB_CHECK(&lab, lab_number(&lab, victim, "bad") > 0,
                  "%s: no I/O got an error", a->name);
}

static void run(const struct attack *a)
{
    bool net = strncmp(a->name, "net", 3) == 0;
    struct launch_dom *victim = lab_guest(&lab, "victim", 4096);
    struct launch_dom *back = launch_create(&lab.l, "hostile", true, 2048);
    char f[96], b[96], num[12];
    int status;

    LAB_CHECK(&lab, back != NULL, "no backend");
    marry(victim->domid, back->domid, net ? "vif" : "vbd", f, b);
    snprintf(num, sizeof(num), "%u", victim->domid);
    setenv("HOSTILE_FRONT", num, 1);
    back->backend = false; /* no resource channel */
    lab_exec(&lab, back, "hostile_backend", a->name);
    lab_exec(&lab, victim, "hostile_victim", net ? "net" : "disk");
    if (strstr(a->name, ":die") != NULL) { /* as the device manager does */
        status = launch_wait(back, WAIT_MS);
        LAB_CHECK(&lab, status == 0, "%s: backend %d", a->name, status);
        launch_destroy(&lab.l, back);
        weir_xs_rm(&lab.l.xs, 0, b);
        back = NULL;
    }
    status = launch_wait(victim, WAIT_MS);
    LAB_CHECK(&lab, status == 0, "%s: victim: status %d", a->name, status);
    if (back != NULL) {
        status = launch_wait(back, WAIT_MS);
        LAB_CHECK(&lab, status == 0, "%s: backend: status %d", a->name, status);
    }
    judge(a, victim, f);
    launch_destroy(&lab.l, victim);
    launch_destroy(&lab.l, back);
    lab_check(&lab);
}

static void attack_test(void **state)
{
    run(*state);
}

static int setup(void **state)
{
    (void)state;
    return lab_start(&lab, "hostile-back") != 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    lab_stop(&lab);
    return 0;
}

int main(void)
{
    enum { N = sizeof(attacks) / sizeof(attacks[0]) };
    struct CMUnitTest tests[N];
    const char *b = getenv("B"), *only = getenv("ONLY");
    char cmd[300];
    size_t n = 0;

    snprintf(cmd, sizeof(cmd), "%s/bin/weir-hv --check",
             b != NULL && *b != '\0' ? b : "build");
    if (system(cmd) != 0) {
        puts("this machine can't run process domains (weir-hv --check)");
        return 77;
    }
    for (size_t i = 0; i < N; i++)
        if (only == NULL || strcmp(only, attacks[i].name) == 0)
            tests[n++] = (struct CMUnitTest){
                .name = attacks[i].name,
                .test_func = attack_test,
                .initial_state = (void *)(uintptr_t)&attacks[i]};
    return _cmocka_run_group_tests("hostile_back", tests, n, setup, teardown);
}

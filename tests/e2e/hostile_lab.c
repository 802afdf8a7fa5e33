/* SPDX-License-Identifier: MIT */
#include "tests/e2e/hostile_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backends/common/resource.h"

#define SHOWN 6000 /* bytes of the log's end */

static void to_log(struct lab *lab)
{
    fflush(NULL);
    dup2(lab->log, 1);
    dup2(lab->log, 2);
}

static void to_terminal(struct lab *lab)
{
    fflush(NULL);
    dup2(lab->stderr_fd, 1);
    dup2(lab->stderr_fd, 2);
}

static void sleep_ms(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&ts, NULL);
}

int lab_start(struct lab *lab, const char *name)
{
    const char *b = getenv("B");
    int err;

    memset(lab, 0, sizeof(*lab));
    snprintf(lab->log_path, sizeof(lab->log_path), "%s/%s.XXXXXX",
             b != NULL && *b != '\0' ? b : "build", name);
    lab->log = mkstemp(lab->log_path);
    lab->stderr_fd = fcntl(1, F_DUPFD_CLOEXEC, 50);
    if (lab->log < 0 || lab->stderr_fd < 0)
        return -errno;
    fcntl(lab->log, F_SETFL, O_APPEND);
    to_log(lab);
    err = launch_start(&lab->l, "512M");
    to_terminal(lab);
    return err;
}

void lab_stop(struct lab *lab)
{
    launch_stop(&lab->l);
    if (lab->log > 0)
        unlink(lab->log_path);
}

static char *read_log(struct lab *lab, size_t *n)
{
    struct stat st;
    char *text;
    ssize_t got;

    if (fstat(lab->log, &st) != 0)
        return NULL;
    text = calloc(1, (size_t)st.st_size + 1);
    if (text == NULL)
        return NULL;
    got = pread(lab->log, text, (size_t)st.st_size, 0);
    *n = got > 0 ? (size_t)got : 0;
    return text;
}

void lab_fail(struct lab *lab, const char *fmt, ...)
{
    size_t n = 0;
    char *text = read_log(lab, &n), why[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    /* The next test has a domain of the same name. */
    for (unsigned i = 0; i < LAUNCH_DOMS; i++)
        if (strcmp(lab->l.dom[i].name, "hostile") == 0 ||
            strcmp(lab->l.dom[i].name, "victim") == 0 ||
            strcmp(lab->l.dom[i].name, "odd") == 0)
            launch_destroy(&lab->l, &lab->l.dom[i]);
    if (text != NULL)
        fprintf(stderr, "---- what the domains said:\n%s\n----\n",
                text + (n > SHOWN ? n - SHOWN : 0));
    free(text);
    fail_msg("%s", why);
    abort();
}

bool lab_said(struct lab *lab, const char *text)
{
    size_t n = 0;
    char *log = read_log(lab, &n);
    bool yes = log != NULL && strstr(log + lab->seen, text) != NULL;

    lab->seen = (long)n;
    free(log);
    return yes;
}

void lab_check(struct lab *lab)
{
    static const char *const bad[] = {"Sanitizer",
                                      "runtime error:", "stack smashing",
                                      "free():", "malloc():"};
    struct weir_hv_machine m;
    size_t n = 0;
    char *log = read_log(lab, &n);

    for (unsigned i = 0; log != NULL && i < sizeof(bad) / sizeof(bad[0]); i++)
        LAB_CHECK(lab, strstr(log, bad[i]) == NULL, "the log says \"%s\"",
                  bad[i]);
    free(log);
    LAB_CHECK(lab, weir_hvctl_machine(lab->l.ctl, &m) == 0, "weir-hv is dead");
    for (unsigned i = 0; i < LAUNCH_DOMS; i++) {
        struct launch_dom *d = &lab->l.dom[i];

        if (d->name[0] != '\0' && (d->backend || d == lab->l.store))
            LAB_CHECK(lab, launch_wait(d, 0) == -ETIMEDOUT, "%s is dead",
                      d->name);
    }
}

struct launch_dom *lab_guest(struct lab *lab, const char *name, unsigned frames)
{
    struct launch_dom *d = launch_create(&lab->l, name, false, frames);

    LAB_CHECK(lab, d != NULL, "domain %s cannot be made", name);
    return d;
}

void lab_exec(struct lab *lab, struct launch_dom *d, const char *program,
              const char *arg)
{
    const char *const argv[] = {program, arg, NULL};
    int err;

    to_log(lab);
    err = launch_exec(&lab->l, d, argv);
    to_terminal(lab);
    LAB_CHECK(lab, err == 0, "%s does not start: %s", program, strerror(-err));
}

struct launch_dom *lab_backend(struct lab *lab, const char *program)
{
    struct launch_dom *d = launch_create(&lab->l, program, true, 8192);

    LAB_CHECK(lab, d != NULL, "no domain for %s", program);
    lab_exec(lab, d, program, NULL);
    LAB_CHECK(lab, launch_ready(d, 10000) == 0, "%s is not ready", program);
    return d;
}

void lab_attach(struct lab *lab, struct launch_dom *front,
                struct launch_dom *back, struct weir_resource *res,
                const int *fds)
{
    int err = launch_device(&lab->l, front, back, res, fds);

    LAB_CHECK(lab, err == 0, "attach to %s: %s", front->name, strerror(-err));
}

void lab_detach(struct lab *lab, struct launch_dom *front,
                struct launch_dom *back, struct weir_resource *res, unsigned n,
                bool gone)
{
    struct launch_dom was = *front;
    char path[96];

    if (gone)
        launch_destroy(&lab->l, front);
    for (unsigned i = 0; i < n; i++) {
        int err =
            launch_order(&lab->l, &was, back, &res[i], WEIR_RES_DETACH, 10000);

        LAB_CHECK(lab, err == 0, "detach of device %u: %s", res[i].devid,
                  strerror(-err));
    }
    if (!gone)
        launch_destroy(&lab->l, front);
    snprintf(path, sizeof(path), "/local/domain/%u/backend/%s/%u", back->domid,
             res[0].cls == WEIR_RES_VBD ? "vbd" : "vif", was.domid);
    weir_xs_rm(&lab->l.xs, 0, path);
}

uint64_t lab_number(struct lab *lab, struct launch_dom *d, const char *key)
{
    char path[64];
    uint64_t v;

    snprintf(path, sizeof(path), "/local/domain/%u/device", d->domid);
    return weir_xs_read_u64(&lab->l.xs, 0, path, key, &v) == 0 ? v : 0;
}

void lab_tell(struct lab *lab, struct launch_dom *d, const char *key)
{
    char path[64];

    snprintf(path, sizeof(path), "/local/domain/%u/device", d->domid);
    LAB_CHECK(lab, weir_xs_write_u64(&lab->l.xs, 0, path, key, 1) == 0,
              "the registry does not take %s", key);
}

void lab_progress(struct lab *lab, struct launch_dom *innocent)
{
    uint64_t was = lab_number(lab, innocent, "ios");

    for (unsigned i = 0; i < 500; i++) {
        int status = launch_wait(innocent, 0);

        LAB_CHECK(lab, status == -ETIMEDOUT, "%s ended with status %d",
                  innocent->name, status);
        if (lab_number(lab, innocent, "ios") > was)
            return;
        sleep_ms(10);
    }
    lab_fail(lab, "%s gets nothing done any more", innocent->name);
}

static uint64_t machine_frames(struct lab *lab)
{
    struct weir_hv_machine m = {0};

    LAB_CHECK(lab, weir_hvctl_machine(lab->l.ctl, &m) == 0, "weir-hv is dead");
    return m.frames_used;
}

void lab_remember(struct lab *lab, struct launch_dom *back)
{
    LAB_CHECK(lab, weir_hvctl_info(lab->l.ctl, back->domid, &lab->before) == 0,
              "no info");
    lab->frames_before = machine_frames(lab);
}

void lab_as_before(struct lab *lab, struct launch_dom *back)
{
    const struct weir_hv_dominfo *was = &lab->before;
    struct weir_hv_dominfo is = {0};
    uint64_t frames = 0;

    for (unsigned i = 0; i < 200; i++) {
        LAB_CHECK(lab, weir_hvctl_info(lab->l.ctl, back->domid, &is) == 0,
                  "no info");
        frames = machine_frames(lab);
        if (is.frames == was->frames && is.ports == was->ports &&
            is.grants_mapped == was->grants_mapped &&
            is.grants_active == was->grants_active &&
            frames == lab->frames_before)
            return;
        sleep_ms(10);
    }
    lab_fail(lab,
             "not as before: frames %u (%u), ports %u (%u), maps %u (%u), "
             "grants %u (%u), of the machine %llu (%llu)",
             is.frames, was->frames, is.ports, was->ports, is.grants_mapped,
             was->grants_mapped, is.grants_active, was->grants_active,
             (unsigned long long)frames,
             (unsigned long long)lab->frames_before);
}

/* SPDX-License-Identifier: MIT
 *
 * The registry's return as the manager goes about it: which program is killed,
 * which death is the last, and what is said.  Its programs are children that
 * sleep; weir-hv and the connection are played.
 */
#include "driverdomains/devd_reg.h"
#include "xenbus/socket.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct weir_devd devd;
static struct weir_dom dom;

static struct {
    unsigned revives, starts, serves;
    int revive_says, start_says;
    int serve_says[16]; /* of each attempt */
    bool dies;          /* the program that is started, at once */
    unsigned looks;     /* until weir-hv says that it is dead */
    char log[2048];
} rig;

uint64_t weir_devd_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void weir_devd_log(const char *fmt, ...)
{
    size_t n = strlen(rig.log);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(rig.log + n, sizeof(rig.log) - n, fmt, ap);
    va_end(ap);
}

void weir_source_close(struct weir_devd *d, struct weir_source *s)
{
    (void)d;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void weir_dom_death_reason(struct weir_dom *m, const char *status)
{
    snprintf(m->reason, sizeof(m->reason), "%s", status);
}

int weir_hvctl_info(struct weir_hvctl *c, domid_t domid,
                    struct weir_hv_dominfo *out)
{
    (void)c;
    assert_int_equal(domid, WEIR_STORE_DOMID);
    out->state = rig.looks ? WEIR_DOM_RUNNING : WEIR_DOM_CRASHED;
    rig.looks -= rig.looks > 0;
    return 0;
}

int weir_hvctl_revive(struct weir_hvctl *c, domid_t domid, int *domain_fd)
{
    (void)c;
    (void)domid;
    rig.revives++;
    assert_int_equal(dom.exit_src.fd, -1); /* the last one is gone */
    *domain_fd = dup(0);
    if (rig.revive_says)
        close(*domain_fd);
    return rig.revive_says;
}

static void program(bool dies)
{
    pid_t pid = fork();

    if (pid == 0) {
        while (!dies)
            pause();
        _exit(3);
    }
    assert_true(pid > 0);
    dom.exit_src.fd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(dom.exit_src.fd >= 0);
}

int weir_store_program(struct weir_devd *d, int hv_fd, struct weir_refusal *why)
{
    (void)d;
    assert_true(hv_fd >= 0);
    rig.starts++;
    snprintf(why->text, sizeof(why->text), "no such program");
    if (rig.start_says == 0)
        program(rig.dies);
    return rig.start_says;
}

int weir_store_serve(struct weir_devd *d)
{
    int rc = rig.serve_says[rig.serves++ % 16];

    if (rc == 0) {
        weir_xs_open_fd(&d->xs, -1, NULL);
        d->xs_open = true;
        dom.revival.served_ns = weir_devd_now();
    }
    return rc;
}

/* It does not answer once it hangs. */
int weir_reg_read_u64(struct weir_devd *d, const char *dir, const char *key,
                      uint64_t *out)
{
    (void)dir;
    (void)key;
    (void)out;
    rig.looks++;
    d->xs.broken = -ETIMEDOUT;
    return weir_store_again(d) ? 0 : -ETIMEDOUT;
}

static int begin(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof(rig));
    memset(&devd, 0, sizeof(devd));
    dom = (struct weir_dom){.devd = &devd, .domid = WEIR_STORE_DOMID};
    weir_dom_no_fds(&dom);
    strcpy(dom.cfg.name, "xenstored");
    dom.cfg.restart_limit = 3;
    dom.cfg.restart_period = 60;
    devd.store = &dom;
    devd.xs_src.fd = -1;
    devd.xs_open = true;
    weir_xs_open_fd(&devd.xs, -1, NULL);
    alarm(60);
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (dom.exit_src.fd >= 0) {
        syscall(SYS_pidfd_send_signal, dom.exit_src.fd, SIGKILL, NULL, 0);
        close(dom.exit_src.fd);
    }
    alarm(0);
    return 0;
}

static void a_dead_one_is_followed(void **state)
{
    (void)state;
    program(true);
    rig.looks = 20;
    assert_int_equal(weir_store_back(&devd), 0);
    assert_int_equal(rig.revives, 1);
    assert_int_equal(dom.restarts, 1);
    assert_true(devd.xs_open && devd.xs_stale);
    assert_true(dom.revival.max_us >= 5000); /* weir-hv took its time */
    assert_int_equal(dom.revival.down_ns, 0);
    assert_string_equal(dom.reason, "");
    assert_string_equal(dom.revival.why, "the program exited with status 3");
    assert_non_null(strstr(rig.log, "xenstored: died: the program exited with "
                                    "status 3; restart 1 at once"));
    assert_non_null(strstr(rig.log, "xenstored: serves again after "));
}

/* Nobody waits for one that is stuck, nor for one that broke the line. */
static void a_live_one_that_does_not_serve_is_killed(void **state)
{
    struct pollfd p;

    (void)state;
    program(false);
    p = (struct pollfd){.fd = dup(dom.exit_src.fd), .events = POLLIN};
    assert_false(weir_store_again(&devd)); /* nothing is wrong */
    assert_int_equal(rig.revives, 0);
    devd.xs.broken = -ETIMEDOUT;
    assert_true(weir_store_again(&devd));
    assert_int_equal(poll(&p, 1, 0), 1);
    close(p.fd);
    assert_int_equal(rig.revives, 1);
    assert_non_null(strstr(dom.revival.why, "did not serve"));
    assert_non_null(strstr(dom.revival.why, strerror(ETIMEDOUT)));
    assert_false(weir_store_again(&devd));
}

/* What nobody asks for a while hangs as well. */
static void it_is_looked_at_once_a_second(void **state)
{
    uint64_t now = weir_devd_now();

    (void)state;
    program(false);
    weir_store_beat(&devd, now);
    assert_int_equal(rig.revives, 1);
    assert_true(dom.revival.last_us >= devd.xs.deadline_ns / 1000);
    weir_store_beat(&devd, weir_devd_now());
    assert_int_equal(rig.revives, 1);
    weir_store_beat(&devd, weir_devd_now() + 1100000000);
    assert_int_equal(rig.revives, 2);
    devd.xs_open = false;
    weir_store_beat(&devd, weir_devd_now() + 3000000000);
    assert_int_equal(rig.revives, 2);
}

static void one_that_dies_on_its_way_is_followed_too(void **state)
{
    (void)state;
    program(true);
    rig.dies = true;
    rig.serve_says[0] = -ECHILD;
    rig.serve_says[1] = -ECONNRESET;
    assert_int_equal(weir_store_back(&devd), 0);
    assert_int_equal(rig.revives, 3);
    assert_int_equal(dom.restarts, 3);
    assert_true(devd.xs_open);
}

static void not_for_ever(void **state)
{
    (void)state;
    program(true);
    rig.dies = true;
    for (unsigned i = 0; i < 16; i++)
        rig.serve_says[i] = -ECHILD;
    assert_int_equal(weir_store_back(&devd), -EDQUOT);
    assert_int_equal(rig.revives, 3);
    assert_false(devd.xs_open);
    assert_true(weir_xs_broken(&devd.xs));
    assert_string_equal(dom.reason,
                        "restart limit reached: 3 in 60 s; at last the "
                        "program exited with status 3");
    assert_non_null(strstr(rig.log, "xenstored: does not come back: restart"));
    /* And from then on no call waits for it. */
    assert_false(weir_store_again(&devd));
    assert_int_equal(rig.revives, 3);
}

/* Deaths of one outage and of several count alike. */
static void the_limit_is_of_a_time(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        if (dom.exit_src.fd < 0)
            program(true);
        devd.xs.broken = -ENOTCONN;
        assert_true(weir_store_again(&devd));
    }
    devd.xs.broken = -ENOTCONN;
    assert_false(weir_store_again(&devd));
    assert_false(devd.xs_open);
    assert_int_equal(dom.restarts, 3);
}

static void what_cannot_help_is_not_tried(void **state)
{
    (void)state;
    program(true);
    rig.revive_says = -ENOMEM;
    assert_int_equal(weir_store_back(&devd), -ENOMEM);
    assert_int_equal(rig.revives, 1);
    assert_int_equal(rig.starts, 0);
    assert_non_null(strstr(dom.reason, "weir-hv does not give"));
    end(NULL);
    begin(NULL);
    program(true);
    rig.serve_says[0] = -ENODATA;
    assert_int_equal(weir_store_back(&devd), -ENODATA);
    assert_int_equal(rig.starts, 1);
    assert_string_equal(dom.reason, "it came back without what was in it");
    assert_false(devd.xs_open);
}

static void a_program_that_cannot_be_started(void **state)
{
    (void)state;
    program(true);
    rig.start_says = -ENOENT;
    assert_int_equal(weir_store_back(&devd), -EDQUOT);
    assert_int_equal(rig.starts, 3);
    assert_int_equal(rig.serves, 0);
    assert_non_null(strstr(dom.reason, "at last no such program"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_dead_one_is_followed),
        T(a_live_one_that_does_not_serve_is_killed),
        T(it_is_looked_at_once_a_second),
        T(one_that_dies_on_its_way_is_followed_too),
        T(not_for_ever),
        T(the_limit_is_of_a_time),
        T(what_cannot_help_is_not_tried),
        T(a_program_that_cannot_be_started),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

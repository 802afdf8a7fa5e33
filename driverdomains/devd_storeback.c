/* SPDX-License-Identifier: MIT
 *
 * weir-xenstored comes back: its last program dead for good, the next one in
 * the same domain, with what the last one kept.  Requests of domains wait in
 * their rings meanwhile, ten seconds at most, so nobody else's work is done
 * before.
 */
#include "driverdomains/devd_outage.h"
#include "driverdomains/devd_reg.h"
#include "driverdomains/sandbox.h"
#include "xenbus/socket.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CLOSED_MS 200  /* its socket closes a moment before it is dead */
#define KILL_MS   5000 /* from SIGKILL to its end, and till weir-hv says so */
#define STEP_NS   500000
#define DELAY_NS  500000000ull /* at most: domains wait ten seconds */
#define BEAT_NS   1000000000ull
#define UNSEEN_NS 300000000ull
#define OUTAGE_NS 30000000000ull /* no attempt is begun after */

static void nap(uint64_t ns)
{
    const struct timespec t = {
        .tv_sec = (time_t)(ns / 1000000000u),
        .tv_nsec = (long)(ns % 1000000000u),
    };

    nanosleep(&t, NULL);
}

/* trouble: what the manager saw; a program that lives is killed for it. */
static void end_program(struct weir_dom *dom, int trouble)
{
    struct pollfd p = {.fd = dom->exit_src.fd, .events = POLLIN};
    char status[120] = "its program ended";
    bool clean, alive;

    if (p.fd < 0) {
        if (!dom->reason[0])
            weir_dom_death_reason(dom, status);
        return;
    }
    alive = poll(&p, 1, trouble == -ETIMEDOUT ? 0 : CLOSED_MS) == 0;
    if (alive) {
        weir_sandbox_kill(p.fd);
        poll(&p, 1, KILL_MS);
    }
    weir_sandbox_reap(p.fd, status, sizeof(status), &clean);
    if (alive)
        snprintf(dom->reason, sizeof(dom->reason),
                 "it did not serve (%s) and was killed", strerror(-trouble));
    else
        weir_dom_death_reason(dom, status);
    weir_source_close(dom->devd, &dom->exit_src);
    dom->pid = 0;
}

/* Nothing of the dead program's is listened to any more. */
static void let_go(struct weir_devd *d, int trouble)
{
    struct weir_dom *dom = d->store;
    struct weir_revival *r = &dom->revival;

    end_program(dom, trouble);
    weir_source_close(d, &d->xs_src);
    if (d->xs_open)
        weir_xs_close_socket(&d->xs);
    weir_dom_close_log(dom);
    dom->sealed = dom->ready = dom->paused = false;
    r->time_s = (uint64_t)time(NULL);
    snprintf(r->why, sizeof(r->why), "%.199s", dom->reason);
    dom->reason[0] = '\0';
}

static int decide(struct weir_dom *dom, uint64_t *delay)
{
    int rc = weir_outage_restart(dom, weir_devd_now(), DELAY_NS, delay);

    if (rc)
        snprintf(dom->reason, sizeof(dom->reason),
                 "restart limit reached: %u in %u s; at last %s",
                 dom->cfg.restart_limit, dom->cfg.restart_period,
                 dom->revival.why);
    return rc;
}

/* Only then what it mapped of others is out of its reach. */
static int wait_dead(struct weir_dom *dom)
{
    uint64_t end = weir_devd_now() + KILL_MS * 1000000ull;
    struct weir_hv_dominfo info = {.state = WEIR_DOM_BUILDING};
    int rc;

    for (;;) {
        rc = weir_hvctl_info(dom->devd->hv, dom->domid, &info);
        if (rc || info.state == WEIR_DOM_CRASHED)
            return rc;
        if (weir_devd_now() >= end)
            return -ETIMEDOUT;
        nap(STEP_NS);
    }
}

/* A program that a killed manager started last and told nobody of: weir-hv
 * alone knows its number.  What it has for so long is no end it has yet to
 * see, so that number is nobody else's. */
void weir_store_end_unknown(struct weir_devd *d)
{
    struct weir_hv_dominfo info = {.pid = 0}, same = {.pid = 0};
    uint64_t end = weir_devd_now() + UNSEEN_NS;
    int fd;

    do {
        if (weir_hvctl_info(d->hv, WEIR_STORE_DOMID, &info) ||
            info.state == WEIR_DOM_CRASHED)
            return;
        nap(STEP_NS);
    } while (weir_devd_now() < end);
    fd = info.pid > 0 ? (int)syscall(SYS_pidfd_open, info.pid, 0) : -1;
    if (fd < 0)
        return;
    if (weir_hvctl_info(d->hv, WEIR_STORE_DOMID, &same) == 0 &&
        same.pid == info.pid && same.state != WEIR_DOM_CRASHED)
        weir_sandbox_kill(fd);
    close(fd);
}

/* *final: another attempt would end alike. */
static int attempt(struct weir_devd *d, bool *final)
{
    struct weir_dom *dom = d->store;
    struct weir_refusal why = {.text = ""};
    int hv_fd = -1, rc = wait_dead(dom);

    if (rc == 0)
        rc = weir_hvctl_revive(d->hv, dom->domid, &hv_fd);
    if (rc) {
        snprintf(dom->reason, sizeof(dom->reason),
                 "weir-hv does not give its domain another program: %s",
                 strerror(-rc));
        *final = true;
        return rc;
    }
    weir_logsink_close(&dom->log);
    rc = weir_store_program(d, hv_fd, &why);
    close(hv_fd);
    if (rc == 0)
        rc = weir_store_serve(d);
    else
        snprintf(dom->reason, sizeof(dom->reason), "%s", why.text);
    if (rc == -ENODATA) {
        snprintf(dom->reason, sizeof(dom->reason),
                 "it came back without what was in it");
        *final = true;
    }
    return rc;
}

static void serves(struct weir_devd *d)
{
    char text[80];

    d->xs_stale = true; /* events were lost with the connection */
    snprintf(text, sizeof(text), "serves again after %" PRIu64 " ms",
             weir_outage_over(d->store) / 1000);
    weir_dom_say(d->store, text);
}

static int give_up(struct weir_devd *d, int rc)
{
    struct weir_dom *dom = d->store;
    char text[sizeof(dom->reason) + 64];

    if (!dom->reason[0])
        snprintf(dom->reason, sizeof(dom->reason), "%s", strerror(-rc));
    snprintf(text, sizeof(text), "does not come back: %s", dom->reason);
    weir_dom_say(dom, text);
    d->xs_open = false;
    return rc;
}

int weir_store_back(struct weir_devd *d)
{
    struct weir_dom *dom = d->store;
    uint64_t delay = 0, begin = weir_devd_now();
    int rc = d->xs_open ? weir_xs_broken(&d->xs) : -ENOTCONN;
    bool final = false;

    dom->revival.down_ns = begin - (rc == -ETIMEDOUT ? d->xs.deadline_ns : 0);
    do {
        let_go(d, rc);
        rc = decide(dom, &delay);
        if (rc)
            break;
        nap(delay);
        rc = attempt(d, &final);
    } while (rc && !final && weir_devd_now() < begin + OUTAGE_NS);
    if (rc)
        return give_up(d, rc);
    serves(d);
    return 0;
}

/* One that hangs must not be found by those that it keeps waiting. */
void weir_store_beat(struct weir_devd *d, uint64_t now)
{
    uint64_t v;

    if (!d->xs_open || now < d->xs_beat_ns)
        return;
    weir_reg_read_u64(d, "/local/domain/1", "domid", &v);
    d->xs_beat_ns = weir_devd_now() + BEAT_NS;
}

bool weir_store_again(struct weir_devd *d)
{
    return d->xs_open && weir_xs_broken(&d->xs) && weir_store_back(d) == 0;
}

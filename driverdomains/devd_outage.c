/* SPDX-License-Identifier: MIT */
#include "driverdomains/devd_outage.h"
#include "driverdomains/devd.h"

#include <inttypes.h>
#include <stdio.h>

void weir_dom_say(struct weir_dom *dom, const char *text)
{
    weir_devd_log("%s: %s", dom->cfg.name, text);
    weir_logsink_note(&dom->log, text);
}

void weir_dom_close_log(struct weir_dom *dom)
{
    if (dom->log_src.fd < 0)
        return;
    weir_logsink_pump(&dom->log, weir_devd_now());
    weir_source_close(dom->devd, &dom->log_src);
    dom->log.pipe_fd = -1;
}

static void say_restart(struct weir_dom *dom, uint64_t delay)
{
    const struct weir_revival *r = &dom->revival;
    char text[400], when[32] = "at once";

    if (delay)
        snprintf(when, sizeof(when), "in %" PRIu64 " ms", delay / 1000000);
    if (r->asked)
        snprintf(text, sizeof(text), "restart %u at once, as asked",
                 dom->restarts);
    else
        snprintf(text, sizeof(text), "%s%s; restart %u %s",
                 r->uncounted ? "" : "died: ", r->why, dom->restarts, when);
    weir_dom_say(dom, text);
}

int weir_outage_restart(struct weir_dom *dom, uint64_t now, uint64_t longest_ns,
                        uint64_t *delay_ns)
{
    struct weir_revival *r = &dom->revival;
    const struct weir_restart_rule rule = {
        .limit = dom->cfg.restart_limit,
        .period_s = dom->cfg.restart_period,
        .delay_ms = dom->cfg.restart_delay,
    };
    uint64_t delay = 0;
    int rc = 0;

    if (!r->asked && !r->uncounted)
        rc = weir_restart_decide(&r->history, &rule, now,
                                 r->served_ns ? now - r->served_ns : 0, &delay);
    r->served_ns = 0;
    if (rc)
        return rc;
    *delay_ns = delay < longest_ns ? delay : longest_ns;
    dom->restarts++;
    say_restart(dom, *delay_ns);
    r->asked = r->uncounted = false; /* the next program's end is judged */
    return 0;
}

uint64_t weir_outage_over(struct weir_dom *dom)
{
    struct weir_revival *r = &dom->revival;

    r->last_us = (r->served_ns - r->down_ns) / 1000;
    if (r->last_us > r->max_us)
        r->max_us = r->last_us;
    r->down_ns = 0;
    dom->reason[0] = '\0';
    return r->last_us;
}

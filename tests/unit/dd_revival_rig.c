/* SPDX-License-Identifier: MIT */
#include "tests/unit/dd_revival_rig.h"

#include "driverdomains/sandbox.h"
#include "tests/unit/told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct rig rig;

/* ---- the rest of the manager ------------------------------------------- */

uint64_t weir_devd_now(void)
{
    return rig.now;
}

void weir_devd_log(const char *fmt, ...)
{
    (void)fmt;
}

void weir_devd_answer(struct weir_devd *d, struct weir_waiter *w, int error,
                      uint32_t domid, const char *where, const char *text)
{
    (void)d;
    (void)domid;
    (void)where;
    if (w->client) {
        rig.answered = error;
        snprintf(rig.answer, sizeof(rig.answer), "%s", text ? text : "");
    }
    w->client = 0;
}

int weir_record_dom(struct weir_dom *dom)
{
    (void)dom;
    return 0;
}

void weir_source_close(struct weir_devd *d, struct weir_source *s)
{
    (void)d;
    s->fd = -1;
}

int weir_hvctl_info(struct weir_hvctl *c, domid_t domid,
                    struct weir_hv_dominfo *out)
{
    (void)c;
    (void)domid;
    out->state = rig.hv_state;
    out->generation = rig.disk.revival.generation + 1;
    return 0;
}

int weir_hvctl_revive(struct weir_hvctl *c, domid_t domid, int *domain_fd)
{
    (void)c;
    (void)domid;
    *domain_fd = dup(0);
    tell("revive ");
    if (rig.revive_says) {
        close(*domain_fd);
        return rig.revive_says;
    }
    rig.hv_state = WEIR_DOM_BUILDING;
    return 0;
}

int weir_reg_introduce(struct weir_dom *dom, const struct weir_hv_dominfo *i)
{
    (void)dom;
    (void)i;
    tell("introduce ");
    return rig.introduce_says;
}

int weir_dom_start_process(struct weir_dom *dom, int hv_fd,
                           struct weir_refusal *why)
{
    (void)hv_fd;
    tell("start ");
    snprintf(why->text, sizeof(why->text), "no such program");
    if (rig.start_says == 0)
        dom->exit_src.fd = dom->res_src.fd = rig.channel[0];
    else if (rig.hv_is_quick)
        rig.hv_state = WEIR_DOM_CRASHED;
    return rig.start_says;
}

void weir_sandbox_kill(int pidfd)
{
    (void)pidfd;
    tell("kill ");
}

void weir_dom_kill(struct weir_dom *dom, const char *reason)
{
    (void)reason;
    tell(dom->restart ? "rebuild " : "end ");
    dom->phase = WEIR_PHASE_KILLED;
}

const char *weir_dom_phase_name(const struct weir_dom *dom)
{
    (void)dom;
    return "somehow";
}

int weir_backend_send(struct weir_dev *dev, uint32_t op)
{
    tell("%s:%s ", dev == &rig.vbd ? "vbd" : "other",
         op == WEIR_RES_RESUME   ? "resume"
         : op == WEIR_RES_ATTACH ? "attach"
         : op == WEIR_RES_DETACH ? "detach"
                                 : "?");
    return rig.send_says;
}

int weir_backend_say(struct weir_dom *dom, uint32_t op, uint32_t seq)
{
    (void)dom;
    (void)seq;
    tell(op == WEIR_RES_RESUMED ? "resumed " : "ping ");
    return 0;
}

void weir_backend_drain(struct weir_dom *dom)
{
    (void)dom;
}

void weir_dev_finish(struct weir_dev *dev, const char *trouble)
{
    struct weir_dev **p = &rig.devd.devs;

    tell("%s:gone%s ", dev == &rig.vbd ? "vbd" : "other", trouble ? "!" : "");
    while (*p != dev)
        p = &(*p)->next;
    *p = dev->next;
}

void weir_dev_detach(struct weir_dev *dev, bool force, uint32_t timeout_ms)
{
    (void)timeout_ms;
    assert_true(force);
    weir_dev_finish(dev, NULL);
}

uint32_t weir_reg_back_state(struct weir_dev *dev)
{
    return dev->back_state;
}

/* ---- a driver domain with two disks of a guest -------------------------- */

static void add(struct weir_dev *v, enum weir_dev_phase phase)
{
    memset(v, 0, sizeof(*v));
    v->frontend = &rig.web;
    v->backend = &rig.disk;
    v->cls = WEIR_RES_VBD;
    v->phase = phase;
    v->back_state = WEIR_XENBUS_CONNECTED;
    v->next = rig.devd.devs;
    rig.devd.devs = v;
}

int rig_begin(void **state)
{
    (void)state;
    memset(&rig.devd, 0, sizeof(rig.devd));
    memset(&rig.disk, 0, sizeof(rig.disk));
    memset(&rig.web, 0, sizeof(rig.web));
    weir_domain_config_init(&rig.disk.cfg);
    snprintf(rig.disk.cfg.name, sizeof(rig.disk.cfg.name), "disk");
    rig.disk.cfg.driver_domain = true;
    rig.disk.cfg.on_crash = WEIR_ACTION_RESTART;
    rig.disk.devd = rig.web.devd = &rig.devd;
    rig.disk.next = &rig.web;
    rig.devd.doms = &rig.disk;
    rig.disk.domid = 2;
    rig.disk.phase = rig.web.phase = WEIR_PHASE_RUNNING;
    rig.disk.log.file_fd = rig.disk.log.pipe_fd = rig.disk.log_src.fd = -1;
    rig.web.res_src.fd = -1;
    add(&rig.vbd, WEIR_DEV_ATTACHED);
    add(&rig.other, WEIR_DEV_ATTACHED);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, rig.channel))
        return -1;
    rig.disk.exit_src.fd = rig.disk.res_src.fd = rig.channel[0];
    rig.now = 1000 * SECOND;
    told_forget();
    rig.answer[0] = '\0';
    rig.hv_state = WEIR_DOM_RUNNING;
    rig.hv_is_quick = false;
    rig.answered = -1;
    rig.revive_says = rig.introduce_says = rig.start_says = rig.send_says = 0;
    return 0;
}

int rig_end(void **state)
{
    (void)state;
    close(rig.channel[0]);
    close(rig.channel[1]);
    return 0;
}

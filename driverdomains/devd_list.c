/* SPDX-License-Identifier: MIT
 *
 * Listings.  Records are packed into as few messages as they need.
 */
#include "driverdomains/devd.h"
#include "driverdomains/devd_filter.h"

#include <stdio.h>
#include <string.h>

/* Room for the largest record and what follows it. */
#define FLUSH_AT (WEIR_DEVCTL_MAX - 8192)

struct sink {
    struct weir_client *client;
    uint32_t seq;
    struct weir_devctl_out out;
    uint8_t buf[WEIR_DEVCTL_MAX];
};

static void begin(struct sink *s)
{
    weir_devctl_begin(&s->out, s->buf, sizeof(s->buf), WEIR_DEVCTL_ITEM,
                      s->seq);
}

static void flush(struct sink *s)
{
    int n = weir_devctl_end(&s->out);

    if (n > WEIR_DEVCTL_HEADER)
        weir_client_send(s->client, s->buf, (size_t)n);
    begin(s);
}

static void put(struct sink *s, unsigned record, const void *obj)
{
    weir_devctl_put(&s->out, record, obj);
    if (s->out.used > FLUSH_AT)
        flush(s);
}

static void finish(struct sink *s)
{
    struct weir_waiter w = {.client = s->client->id, .seq = s->seq};

    flush(s);
    weir_devd_answer(s->client->devd, &w, 0, 0, NULL, NULL);
}

static unsigned count_devices(struct weir_devd *d, const struct weir_dom *dom)
{
    unsigned n = 0;

    for (struct weir_dev *v = d->devs; v; v = v->next)
        n += v->frontend == dom || v->backend == dom;
    return n;
}

void weir_devd_list_domains(struct weir_client *c, uint32_t seq)
{
    static struct sink s; /* one thread: a scratch area */
    struct weir_devd *d = c->devd;
    char group[80];

    s.client = c;
    s.seq = seq;
    begin(&s);
    for (struct weir_dom *m = d->doms; m; m = m->next) {
        struct weir_devctl_dominfo i = {
            .domid = m->domid,
            .driver_domain = m->cfg.driver_domain,
            .ready = m->ready,
            .offers = m->cfg.offers,
            .on_crash = m->cfg.on_crash,
            .pid = (uint32_t)m->pid,
            .memory_mib = m->cfg.memory_mib,
            .devices = count_devices(d, m),
            .restarts = m->restarts,
            .start_us = m->start_us,
            .type = m->cfg.type,
            .maxmem_mib = m->cfg.maxmem_mib,
            .on_poweroff = m->cfg.on_poweroff,
            .on_reboot = m->cfg.on_reboot,
            .target_kib = m->target_kib,
            .outage_us = m->revival.last_us,
            .outage_max_us = m->revival.max_us,
            .ended_s = m->revival.time_s,
            .heartbeat = m->cfg.heartbeat,
            .restart_limit = m->cfg.restart_limit,
            .restart_period = m->cfg.restart_period,
            .restart_io = m->cfg.restart_io,
        };

        snprintf(i.name, sizeof(i.name), "%s", m->cfg.name);
        snprintf(i.kernel, sizeof(i.kernel), "%s", m->cfg.kernel);
        snprintf(i.state, sizeof(i.state), "%s", weir_dom_phase_name(m));
        snprintf(i.reason, sizeof(i.reason), "%s", m->reason);
        snprintf(i.log, sizeof(i.log), "%s", m->log.path);
        snprintf(i.ended_why, sizeof(i.ended_why), "%s", m->revival.why);
        snprintf(i.ramdisk, sizeof(i.ramdisk), "%s", m->cfg.ramdisk);
        snprintf(i.cmdline, sizeof(i.cmdline), "%s", m->cfg.cmdline);
        snprintf(i.uuid, sizeof(i.uuid), "%s", m->cfg.uuid);
        snprintf(group, sizeof(group), "%u-%.50s", m->domid, m->cfg.name);
        if (!weir_dom_is_vm(m))
            weir_cgroup_show(&d->cgroups, group, i.cgroup, sizeof(i.cgroup));
        put(&s, WEIR_REC_DOMINFO, &i);
    }
    finish(&s);
}

static void put_device(struct sink *s, struct weir_dev *v)
{
    struct weir_devctl_devinfo i = {
        .cls = v->cls,
        .devid = v->devid,
        .frontend = v->frontend->domid,
        .backend = v->backend_domid,
        .front_state = weir_reg_front_state(v),
        .back_state = v->back_state,
        .readonly = v->disk.readonly,
        .size = v->image.size,
        .sector_size = v->image.sector_size,
    };

    snprintf(i.frontend_name, sizeof(i.frontend_name), "%s",
             v->frontend->cfg.name);
    snprintf(i.backend_name, sizeof(i.backend_name), "%s",
             v->backend ? v->backend->cfg.name : "");
    snprintf(i.state, sizeof(i.state), "%s", weir_dev_phase_name(v));
    snprintf(i.error, sizeof(i.error), "%s", v->error);
    snprintf(i.target, sizeof(i.target), "%s",
             v->cls == WEIR_RES_VBD ? v->disk.target : v->tap);
    snprintf(i.vdev, sizeof(i.vdev), "%s", v->disk.vdev);
    snprintf(i.bridge, sizeof(i.bridge), "%s", v->vif.bridge);
    snprintf(i.ip, sizeof(i.ip), "%s", v->vif.ip);
    snprintf(i.filter, sizeof(i.filter), "%s", weir_filter_name(v));
    memcpy(i.mac, v->vif.mac, 6);
    put(s, WEIR_REC_DEVINFO, &i);
}

void weir_devd_list_devices(struct weir_client *c, uint32_t seq,
                            const struct weir_devctl_target *t)
{
    static struct sink s; /* one thread: a scratch area */
    struct weir_devd *d = c->devd;
    struct weir_dom *only = NULL;
    struct weir_waiter w = {.client = c->id, .seq = seq};

    if (t->domain[0]) {
        only = weir_dom_find(d, t->domain);
        if (!only) {
            weir_devd_answer(d, &w, 2, 0, "domain", "no such domain");
            return;
        }
    }
    s.client = c;
    s.seq = seq;
    begin(&s);
    for (struct weir_dev *v = d->devs; v; v = v->next)
        if ((!only || v->frontend == only || v->backend == only) &&
            (!t->cls || v->cls == t->cls))
            put_device(&s, v);
    finish(&s);
}

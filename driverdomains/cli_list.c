/* SPDX-License-Identifier: MIT
 *
 * list, info.
 */
#include "driverdomains/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const action_names[] = {"destroy", "preserve", "restart"};

static const struct weir_devctl_dominfo *
match(const struct weir_devctl_dominfo *list, unsigned n, domid_t domid)
{
    for (unsigned i = 0; i < n; i++)
        if (list[i].domid == domid)
            return &list[i];
    return NULL;
}

static bool wanted(const struct weir_hv_dominfo *d, int argc, char **argv)
{
    uint64_t id;

    if (argc < 2)
        return true;
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], d->name) ||
            (!weir_cfg_u64(argv[i], 0, UINT16_MAX, &id) && id == d->domid))
            return true;
    return false;
}

static const char *role(const struct weir_devctl_dominfo *m, domid_t domid)
{
    if (domid == 1)
        return "registry";
    if (!m)
        return "-";
    if (!m->driver_domain)
        return "guest";
    return m->offers == WEIR_OFFERS_VBD   ? "driver vbd"
           : m->offers == WEIR_OFFERS_VIF ? "driver vif"
                                          : "driver vbd,vif";
}

/* Process, or VM and by which way its hypercalls come. */
static const char *type_name(const struct weir_hv_dominfo *d)
{
    if (d->kind != WEIR_DOM_VM)
        return "process";
    return d->xen_hvm ? "pvh/k" : "pvh/s";
}

static const char *shutdown_name(const struct weir_hv_dominfo *d)
{
    static const char *const names[] = {
        [WEIR_SHUTDOWN_POWEROFF] = "poweroff",
        [WEIR_SHUTDOWN_REBOOT] = "reboot",
        [WEIR_SHUTDOWN_SUSPEND] = "suspend",
        [WEIR_SHUTDOWN_CRASH] = "crash",
        [WEIR_SHUTDOWN_WATCHDOG] = "watchdog",
    };

    if (d->state != WEIR_DOM_SHUTDOWN)
        return "";
    return d->shutdown <= WEIR_SHUTDOWN_WATCHDOG ? names[d->shutdown] : "?";
}

static void json_u(struct cli_json *j, const char *key, uint64_t v)
{
    if (j->to)
        cli_json_u64(j, key, v);
    else
        printf("%-16s %" PRIu64 "\n", key, v);
}

static void json_f(struct cli_json *j, const char *key, double v)
{
    if (j->to)
        cli_json_f(j, key, v);
    else
        printf("%-16s %.1f\n", key, v);
}

static void json_s(struct cli_json *j, const char *key, const char *v)
{
    char clean[2100];

    if (j->to) {
        cli_json_str(j, key, v);
        return;
    }
    snprintf(clean, sizeof(clean), "%s", v);
    cli_clean(clean);
    printf("%-16s %s\n", key, clean);
}

/* Between two programs weir-hv has it crashed, or building. */
static const char *state(const struct weir_hv_dominfo *d,
                         const struct weir_devctl_dominfo *m)
{
    bool between =
        d->state == WEIR_DOM_CRASHED || d->state == WEIR_DOM_BUILDING;

    /* The manager brings the registry back before it answers. */
    if (m && (!strcmp(m->state, "restarting") ||
              (d->domid == 1 && between && !strcmp(m->state, "running"))))
        return "restarting";
    return cli_state_name(d->state);
}

/* What list and info say alike. */
static void show_who(struct cli_json *j, const struct weir_hv_dominfo *d,
                     const struct weir_devctl_dominfo *m)
{
    json_s(j, "name", d->name);
    json_u(j, "domid", d->domid);
    json_s(j, "type", d->kind == WEIR_DOM_VM ? "pvh" : "process");
    if (d->kind == WEIR_DOM_VM) {
        json_u(j, "vcpus", d->vcpus);
        json_s(j, "hypercalls_by", d->xen_hvm ? "kvm" : "stubs");
        json_s(j, "shutdown", shutdown_name(d));
    }
    json_s(j, "role", role(m, d->domid));
    json_s(j, "state", state(d, m));
    json_s(j, "reason", m && m->reason[0] ? m->reason : d->reason);
    json_u(j, "pid", d->pid > 0 ? (uint64_t)d->pid : 0);
}

static void json_domain(struct cli_json *j, const struct weir_hv_dominfo *d,
                        const struct weir_devctl_dominfo *m)
{
    cli_json_open(j, NULL, '{');
    show_who(j, d, m);
    cli_json_u64(j, "memory_kib", d->max_frames * 4ull);
    cli_json_u64(j, "used_kib", d->frames * 4ull);
    cli_json_u64(j, "uptime_ms", d->uptime_ns / 1000000);
    if (m) {
        cli_json_bool(j, "driver_domain", m->driver_domain);
        cli_json_str(j, "manager_state", m->state);
        cli_json_u64(j, "devices", m->devices);
        cli_json_u64(j, "restarts", m->restarts);
        cli_json_f(j, "outage_ms", (double)m->outage_us / 1000);
        cli_json_f(j, "start_ms", (double)m->start_us / 1000);
    }
    cli_json_close(j, '}');
}

static void line(const struct weir_hv_dominfo *d,
                 const struct weir_devctl_dominfo *m)
{
    const char *reason = m && m->reason[0] ? m->reason : d->reason;
    uint64_t s = d->uptime_ns / 1000000000;
    char clean[640];

    snprintf(clean, sizeof(clean), "%s", reason);
    cli_clean(clean);
    printf("%-20s %5u %-7s %5u %-14s %-10s %8u %8u %5" PRIu64 ":%02" PRIu64
           "%s%s\n",
           d->name, d->domid, type_name(d), d->vcpus, role(m, d->domid),
           state(d, m), d->max_frames * 4, d->frames * 4, s / 60, s % 60,
           clean[0] ? "  " : "", clean);
}

int cli_list(struct weir_cli *c, int argc, char **argv)
{
    struct weir_devctl_dominfo *more;
    struct weir_hv_dominfo *list, one;
    struct cli_json j;
    unsigned n, nmore;
    int rc = 0;

    for (int i = 1; rc == 0 && i < argc; i++)
        rc = cli_domain(c, argv[i], &one);
    if (rc || cli_domains(c, &list, &n))
        return 1;
    cli_dominfos(c, &more, &nmore);
    cli_json_begin(&j, stdout);
    if (c->json)
        cli_json_open(&j, NULL, '[');
    else
        printf("%-20s %5s %-7s %5s %-14s %-10s %8s %8s %8s\n", "NAME", "ID",
               "TYPE", "VCPUS", "ROLE", "STATE", "MEM(K)", "USED(K)", "UPTIME");
    for (unsigned i = 0; i < n; i++) {
        if (!wanted(&list[i], argc, argv))
            continue;
        if (c->json)
            json_domain(&j, &list[i], match(more, nmore, list[i].domid));
        else
            line(&list[i], match(more, nmore, list[i].domid));
    }
    if (c->json) {
        cli_json_close(&j, ']');
        cli_json_end(&j);
    }
    free(list);
    free(more);
    return 0;
}

static const char *action(uint32_t a)
{
    return a < sizeof(action_names) / sizeof(action_names[0]) ? action_names[a]
                                                              : "?";
}

static void show_vm(struct cli_json *j, const struct weir_devctl_dominfo *m)
{
    json_s(j, "ramdisk", m->ramdisk);
    json_s(j, "cmdline", m->cmdline);
    json_s(j, "uuid", m->uuid);
    json_u(j, "maxmem_mib", m->maxmem_mib);
    json_u(j, "target_kib", m->target_kib);
    json_s(j, "on_poweroff", action(m->on_poweroff));
    json_s(j, "on_reboot", action(m->on_reboot));
}

static void show_restarts(struct cli_json *j,
                          const struct weir_devctl_dominfo *m)
{
    time_t at = (time_t)m->ended_s;
    char when[32] = "";
    struct tm tm;

    if (m->ended_s && gmtime_r(&at, &tm))
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_f(j, "outage_ms", (double)m->outage_us / 1000);
    json_f(j, "outage_max_ms", (double)m->outage_max_us / 1000);
    json_s(j, "last_end", m->ended_why);
    json_s(j, "last_end_time", when);
    json_u(j, "restart_limit", m->restart_limit);
    json_u(j, "restart_period", m->restart_period);
    json_s(j, "restart_io", m->restart_io ? "fail" : "hold");
    json_u(j, "heartbeat", m->heartbeat);
}

static void show_manager(struct cli_json *j,
                         const struct weir_devctl_dominfo *m)
{
    if (m->type == WEIR_TYPE_PVH)
        show_vm(j, m);
    json_s(j, "kernel", m->kernel);
    json_s(j, "manager_state", m->state);
    json_s(j, "on_crash", action(m->on_crash));
    json_s(j, "log", m->log);
    json_s(j, "cgroup", m->cgroup);
    json_u(j, "devices", m->devices);
    json_u(j, "restarts", m->restarts);
    if (m->domid == 1 || (m->driver_domain && m->type == WEIR_TYPE_PROCESS))
        show_restarts(j, m);
    json_u(j, "start_us", m->start_us);
}

static void show(struct cli_json *j, const struct weir_hv_dominfo *d,
                 const struct weir_devctl_dominfo *m)
{
    show_who(j, d, m);
    json_u(j, "frames", d->frames);
    json_u(j, "max_frames", d->max_frames);
    json_u(j, "grants_active", d->grants_active);
    json_u(j, "grants_mapped", d->grants_mapped);
    json_u(j, "max_maps", d->max_maps);
    json_u(j, "ports", d->ports);
    json_u(j, "max_ports", d->max_ports);
    json_u(j, "store_frame", d->store_frame);
    json_u(j, "store_evtchn", d->store_evtchn);
    json_u(j, "faults", d->faults);
    json_u(j, "hypercalls", d->hypercalls);
    json_u(j, "io_refused", d->io_refused);
    json_u(j, "generation", d->generation);
    json_u(j, "uptime_ms", d->uptime_ns / 1000000);
    if (m)
        show_manager(j, m);
}

static int machine(struct weir_cli *c, struct cli_json *j)
{
    struct weir_hv_machine m;
    int rc;

    if (cli_hv(c))
        return 1;
    rc = weir_hvctl_machine(c->hv, &m);
    if (rc)
        return cli_error("weir-hv: %s", strerror(-rc));
    json_s(j, "version", m.version);
    json_s(j, "state_dir", c->in.state_dir);
    json_s(j, "tag", c->in.tag);
    json_u(j, "frames_total", m.frames_total);
    json_u(j, "frames_used", m.frames_used);
    json_u(j, "domains", m.domains);
    json_u(j, "hv_rss_bytes", m.rss_bytes);
    return 0;
}

int cli_info(struct weir_cli *c, int argc, char **argv)
{
    struct weir_devctl_dominfo *more = NULL;
    struct weir_hv_dominfo d;
    struct cli_json j = {0};
    unsigned n;
    int rc = 0;

    if (argc > 2)
        return CLI_USAGE;
    if (argc == 2 && cli_domain(c, argv[1], &d))
        return 1;
    if (c->json) {
        cli_json_begin(&j, stdout);
        cli_json_open(&j, NULL, '{');
    }
    if (argc == 2) {
        cli_dominfos(c, &more, &n);
        show(&j, &d, match(more, n, d.domid));
        free(more);
    } else {
        rc = machine(c, &j);
    }
    if (c->json) {
        cli_json_close(&j, '}');
        cli_json_end(&j);
    }
    return rc;
}

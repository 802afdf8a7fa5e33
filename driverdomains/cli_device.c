/* SPDX-License-Identifier: MIT
 *
 * block-* and network-*.
 */
#include "driverdomains/cli_stats.h"
#include "xenbus/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *state_name(uint32_t s)
{
    return weir_xenbus_state_name(s <= WEIR_XENBUS_RECONFIGURED
                                      ? (enum weir_xenbus_state)s
                                      : WEIR_XENBUS_UNKNOWN);
}

static void mac_text(const uint8_t m[6], char out[18])
{
    snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
             m[4], m[5]);
}

static void json_stats(struct cli_json *j, const struct weir_dev_stats *s)
{
    const char *name;

    cli_json_open(j, "stats", '{');
    for (unsigned i = 0; s && i < WEIR_STATS_WORDS; i++)
        if ((name = cli_stat_name(s->cls, i)))
            cli_json_u64(j, name, s->word[i]);
    cli_json_close(j, '}');
}

static void json_device(struct cli_json *j, const struct weir_devctl_devinfo *d,
                        const struct weir_dev_stats *s)
{
    char mac[18];

    cli_json_open(j, NULL, '{');
    cli_json_str(j, "class", d->cls == WEIR_RES_VBD ? "vbd" : "vif");
    cli_json_u64(j, "devid", d->devid);
    cli_json_u64(j, "frontend", d->frontend);
    cli_json_str(j, "frontend_name", d->frontend_name);
    cli_json_u64(j, "backend", d->backend);
    cli_json_str(j, "backend_name", d->backend_name);
    cli_json_str(j, "state", d->state);
    cli_json_str(j, "frontend_state", state_name(d->front_state));
    cli_json_str(j, "backend_state", state_name(d->back_state));
    cli_json_str(j, "error", d->error);
    if (d->cls == WEIR_RES_VBD) {
        cli_json_str(j, "vdev", d->vdev);
        cli_json_str(j, "target", d->target);
        cli_json_bool(j, "readonly", d->readonly);
        cli_json_u64(j, "size", d->size);
        cli_json_u64(j, "sector_size", d->sector_size);
    } else {
        mac_text(d->mac, mac);
        cli_json_str(j, "mac", mac);
        cli_json_str(j, "bridge", d->bridge);
        cli_json_str(j, "vifname", d->target);
        cli_json_str(j, "ip", d->ip);
        cli_json_str(j, "filter", d->filter);
    }
    json_stats(j, s);
    cli_json_close(j, '}');
}

static void disk_line(const struct weir_devctl_devinfo *d,
                      const struct weir_dev_stats *s)
{
    printf("%-16s %-8s %7u %-12s %-12s %-12s %2s %10" PRIu64 " %10" PRIu64
           " %s\n",
           d->frontend_name, d->vdev, d->devid, d->backend_name,
           state_name(d->front_state), state_name(d->back_state),
           d->readonly ? "r" : "w", s ? s->word[WEIR_STAT_RD_REQ] : 0,
           s ? s->word[WEIR_STAT_WR_REQ] : 0, d->target);
}

static void vif_line(const struct weir_devctl_devinfo *d,
                     const struct weir_dev_stats *s)
{
    char mac[18];

    mac_text(d->mac, mac);
    printf("%-16s %5u %-17s %-12s %-12s %-12s %10" PRIu64 " %10" PRIu64
           " %-6s %s%s%s\n",
           d->frontend_name, d->devid, mac, d->backend_name,
           state_name(d->front_state), state_name(d->back_state),
           s ? s->word[WEIR_STAT_RX_PACKETS] : 0,
           s ? s->word[WEIR_STAT_TX_PACKETS] : 0,
           d->filter[0] ? d->filter : "-", d->target[0] ? d->target : "-",
           d->bridge[0] ? " " : "", d->bridge);
}

static void header(uint32_t cls)
{
    if (cls == WEIR_RES_VBD)
        printf("%-16s %-8s %7s %-12s %-12s %-12s %2s %10s %10s %s\n", "DOMAIN",
               "VDEV", "DEVID", "BACKEND", "FRONT", "BACK", "RW", "READS",
               "WRITES", "TARGET");
    else
        printf("%-16s %5s %-17s %-12s %-12s %-12s %10s %10s %-6s %s\n",
               "DOMAIN", "DEVID", "MAC", "BACKEND", "FRONT", "BACK", "RX", "TX",
               "FILTER", "INTERFACE");
}

static int list(struct weir_cli *c, int argc, char **argv, uint32_t cls)
{
    struct weir_devctl_devinfo *devs;
    struct cli_devstat *stats = NULL;
    struct cli_json j;
    unsigned n, nstats = 0;

    if (argc > 2)
        return CLI_USAGE;
    if (cli_devinfos(c, argc == 2 ? argv[1] : "", cls, &devs, &n))
        return 1;
    if (cli_stats(c, &stats, &nstats))
        nstats = 0;
    cli_json_begin(&j, stdout);
    if (c->json)
        cli_json_open(&j, NULL, '[');
    else
        header(cls);
    for (unsigned i = n; i-- > 0;) { /* the oldest first */
        const struct weir_devctl_devinfo *d = &devs[i];
        const struct weir_dev_stats *s = cli_stat_of(
            stats, nstats, d->backend, d->cls, d->frontend, d->devid);

        if (c->json)
            json_device(&j, d, s);
        else if (cls == WEIR_RES_VBD)
            disk_line(d, s);
        else
            vif_line(d, s);
        if (!c->json && d->error[0])
            printf("  error: %s\n", d->error);
    }
    if (c->json) {
        cli_json_close(&j, ']');
        cli_json_end(&j);
    }
    free(devs);
    free(stats);
    return 0;
}

static int attach(struct weir_cli *c, const char *domain, unsigned record,
                  const void *device, const char *spec)
{
    struct weir_devctl_target t = {0};
    struct weir_devctl_status st = {0};
    struct weir_devctl_out o;
    uint8_t buf[4096];
    int rc;

    if (strlen(domain) >= sizeof(t.domain))
        return cli_error("domain \"%.80s\" does not exist", domain);
    strcpy(t.domain, domain);
    if (cli_devd(c))
        return 1;
    weir_devctl_begin(&o, buf, sizeof(buf), WEIR_DEVCTL_ATTACH, ++c->seq);
    weir_devctl_put(&o, WEIR_REC_TARGET, &t);
    weir_devctl_put(&o, record, device);
    rc = cli_call(c, buf, weir_devctl_end(&o), NULL, NULL, &st);
    if (rc)
        return cli_unanswered(rc);
    cli_clean(st.text);
    if (st.error && !strcmp(st.where, "domain"))
        return cli_error("%s", st.text);
    return st.error ? cli_error("\"%.200s\": %s", spec, st.text) : 0;
}

static int detach(struct weir_cli *c, int argc, char **argv, uint32_t cls)
{
    struct weir_devctl_target t = {.cls = cls};

    t.force = cli_flag(&argc, argv, "--force");
    if (argc != 3)
        return CLI_USAGE;
    if (strlen(argv[1]) >= sizeof(t.domain) ||
        strlen(argv[2]) >= sizeof(t.device))
        return cli_error("no such domain or device: `weir %s-list` shows them",
                         cls == WEIR_RES_VBD ? "block" : "network");
    strcpy(t.domain, argv[1]);
    strcpy(t.device, argv[2]);
    return cli_target(c, WEIR_DEVCTL_DETACH, &t);
}

int cli_block_list(struct weir_cli *c, int argc, char **argv)
{
    return list(c, argc, argv, WEIR_RES_VBD);
}

int cli_network_list(struct weir_cli *c, int argc, char **argv)
{
    return list(c, argc, argv, WEIR_RES_VIF);
}

int cli_block_attach(struct weir_cli *c, int argc, char **argv)
{
    struct weir_disk_config disk;
    struct weir_cfg_error e = {""};

    if (argc != 3)
        return CLI_USAGE;
    if (weir_config_disk(argv[2], &disk, &e))
        return cli_error("\"%.200s\": %s", argv[2], e.text);
    return attach(c, argv[1], WEIR_REC_DISK, &disk, argv[2]);
}

int cli_network_attach(struct weir_cli *c, int argc, char **argv)
{
    struct weir_vif_config vif;
    struct weir_cfg_error e = {""};

    if (argc != 3)
        return CLI_USAGE;
    if (weir_cfg_vif(argv[2], &vif, &e))
        return cli_error("\"%.200s\": %s", argv[2], e.text);
    return attach(c, argv[1], WEIR_REC_VIF, &vif, argv[2]);
}

int cli_block_detach(struct weir_cli *c, int argc, char **argv)
{
    return detach(c, argc, argv, WEIR_RES_VBD);
}

int cli_network_detach(struct weir_cli *c, int argc, char **argv)
{
    return detach(c, argc, argv, WEIR_RES_VIF);
}

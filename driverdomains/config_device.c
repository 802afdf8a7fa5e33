/* SPDX-License-Identifier: MIT
 *
 * Device strings: vif=["k=v,k=v"], and the keys that Weir adds to xl's disk
 * syntax.  Pure.
 */
#include "backends/common/resource_abi.h"
#include "driverdomains/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEY_MAX   24
#define VALUE_MAX WEIR_CFG_PATH

/* The next "key=value" or "value" of a comma-separated list, blanks around it
 * taken off.  1: one was found, 0: end, -EINVAL: too long. */
static int next_item(const char **pos, char *item, size_t size)
{
    const char *s = *pos, *end;

    if (!s)
        return 0;
    end = strchr(s, ',');
    *pos = end ? end + 1 : NULL;
    if (!end)
        end = s + strlen(s);
    while (s < end && (*s == ' ' || *s == '\t'))
        s++;
    while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if ((size_t)(end - s) >= size)
        return -EINVAL;
    memcpy(item, s, (size_t)(end - s));
    item[end - s] = '\0';
    return 1;
}

static int refuse(struct weir_cfg_error *e, const char *key, const char *value,
                  const char *remedy)
{
    snprintf(e->text, sizeof(e->text), "%.24s: bad value \"%.60s\": %.120s",
             key, value, remedy);
    return -EINVAL;
}

static int set_u32(uint32_t *out, const char *key, const char *value,
                   uint32_t min, uint32_t max, struct weir_cfg_error *e)
{
    char remedy[64];
    uint64_t v;

    snprintf(remedy, sizeof(remedy), "give a number from %u to %u", min, max);
    if (weir_cfg_u64(value, min, max, &v))
        return refuse(e, key, value, remedy);
    *out = (uint32_t)v;
    return 0;
}

static int set_string(char *out, size_t size, const char *key,
                      const char *value, bool ok, const char *remedy,
                      struct weir_cfg_error *e)
{
    if (!ok || strlen(value) >= size)
        return refuse(e, key, value, remedy);
    memcpy(out, value, strlen(value) + 1);
    return 0;
}

static int vif_names(struct weir_vif_config *v, const char *key,
                     const char *value, struct weir_cfg_error *e)
{
    struct weir_cfg_ips ips;
    static const char ifname[] =
        "an interface name has 1 to 15 letters, digits, '-', '_' or '.'";

    if (!strcmp(key, "bridge"))
        return set_string(v->bridge, sizeof(v->bridge), key, value,
                          weir_cfg_ifname_ok(value), ifname, e);
    if (!strcmp(key, "vifname"))
        return set_string(v->vifname, sizeof(v->vifname), key, value,
                          weir_cfg_ifname_ok(value), ifname, e);
    if (!strcmp(key, "backend"))
        return set_string(v->backend, sizeof(v->backend), key, value,
                          weir_cfg_name_ok(value),
                          "give the name of a driver domain", e);
    if (!strcmp(key, "ip"))
        return set_string(v->ip, sizeof(v->ip), key, value,
                          !weir_cfg_ips(value, &ips),
                          "give 1 to 8 host addresses, IPv4 or IPv6, with "
                          "blanks between, with /BITS if wanted",
                          e);
    return -ENOENT;
}

static int vif_sink(struct weir_vif_config *v, const char *value,
                    struct weir_cfg_error *e)
{
    static const char *const names[] = {[WEIR_VIF_TAP] = "tap",
                                        [WEIR_VIF_SWITCH] = "switch",
                                        [WEIR_VIF_MEMORY] = "memory"};

    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(value, names[i])) {
            v->sink = i;
            return 0;
        }
    return refuse(e, "sink", value, "use tap, switch or memory");
}

static int vif_key(struct weir_vif_config *v, const char *key,
                   const char *value, struct weir_cfg_error *e)
{
    int rc = vif_names(v, key, value, e);

    if (rc != -ENOENT)
        return rc;
    if (!strcmp(key, "mac")) {
        v->has_mac = true;
        return weir_cfg_mac(value, v->mac, e);
    }
    if (!strcmp(key, "rate"))
        return weir_cfg_rate(value, &v->rate_bps, &v->rate_window_us)
                   ? refuse(e, key, value, "write it like 10Mb/s or 2MB/s@20ms")
                   : 0;
    if (!strcmp(key, "mtu"))
        return set_u32(&v->mtu, key, value, 68, 65535, e);
    if (!strcmp(key, "queues"))
        return set_u32(&v->queues, key, value, 1, 8, e);
    if (!strcmp(key, "devid"))
        return set_u32(&v->devid, key, value, 0, 255, e);
    if (!strcmp(key, "sink"))
        return vif_sink(v, value, e);
    if (!strcmp(key, "antispoof")) {
        uint32_t on = 0;

        rc = set_u32(&on, key, value, 0, 1, e);
        v->antispoof = on;
        return rc;
    }
    if (!strcmp(key, "type"))
        return strcmp(value, "vif")
                   ? refuse(e, key, value, "only \"vif\" exists")
                   : 0;
    snprintf(
        e->text, sizeof(e->text),
        "unknown key \"%.24s\": vif knows mac, bridge, vifname, ip, backend, "
        "rate, mtu, sink, queues, devid, antispoof",
        key);
    return -EINVAL;
}

int weir_cfg_vif(const char *spec, struct weir_vif_config *out,
                 struct weir_cfg_error *e)
{
    char item[VALUE_MAX];
    const char *pos = spec;
    int rc;

    memset(out, 0, sizeof(*out));
    out->devid = UINT32_MAX; /* not given */
    out->antispoof = true;
    while ((rc = next_item(&pos, item, sizeof(item))) > 0) {
        char *eq = strchr(item, '=');

        if (!item[0])
            continue;
        if (!eq || eq == item || (size_t)(eq - item) >= KEY_MAX) {
            snprintf(e->text, sizeof(e->text),
                     "\"%.60s\" is not KEY=VALUE: write vif=['bridge=NAME']",
                     item);
            return -EINVAL;
        }
        *eq = '\0';
        rc = vif_key(out, item, eq + 1, e);
        if (rc)
            return rc;
    }
    if (rc < 0)
        snprintf(e->text, sizeof(e->text), "a value is longer than %d bytes",
                 VALUE_MAX - 1);
    else if (out->sink == WEIR_VIF_TAP && !out->bridge[0] &&
             !out->backend[0]) { /* a backend that is a VM may do without */
        snprintf(e->text, sizeof(e->text),
                 "no bridge: add bridge=NAME, or sink=switch");
        rc = -EINVAL;
    }
    return rc;
}

static int disk_engine(struct weir_disk_config *d, const char *value,
                       struct weir_cfg_error *e)
{
    if (!strcmp(value, "libaio"))
        d->engine = WEIR_VBD_LIBAIO;
    else if (!strcmp(value, "sync"))
        d->engine = WEIR_VBD_SYNC;
    else
        return refuse(e, "engine", value, "use libaio or sync");
    return 0;
}

/* -ENOENT: not one of ours. */
static int disk_key(struct weir_disk_config *d, const char *key,
                    const char *value, struct weir_cfg_error *e)
{
    if (!strcmp(key, "sector-size")) {
        if (strcmp(value, "512") && strcmp(value, "4096"))
            return refuse(e, key, value, "use 512 or 4096");
        return set_u32(&d->sector_size, key, value, 512, 4096, e);
    }
    if (!strcmp(key, "iops"))
        return weir_cfg_size(value, &d->iops)
                   ? refuse(e, key, value, "give requests a second")
                   : 0;
    if (!strcmp(key, "bps"))
        return weir_cfg_size(value, &d->bps)
                   ? refuse(e, key, value, "give bytes a second, like 100M")
                   : 0;
    if (!strcmp(key, "queues"))
        return set_u32(&d->queues, key, value, 1, 8, e);
    if (!strcmp(key, "engine"))
        return disk_engine(d, value, e);
    return -ENOENT;
}

int weir_cfg_disk_extras(const char *spec, struct weir_disk_config *out,
                         char *rest, size_t rest_size, struct weir_cfg_error *e)
{
    char item[VALUE_MAX], key[KEY_MAX];
    const char *pos = spec;
    size_t used = 0;
    int rc = 0;

    memset(out, 0, sizeof(*out));
    rest[0] = '\0';
    while (pos) {
        const char *start = pos;
        size_t n;
        char *eq;

        /* target= takes the rest of the string, commas and all. */
        while (*start == ' ' || *start == '\t')
            start++;
        if (!strncmp(start, "target=", 7)) {
            n = strlen(start);
            pos = NULL;
        } else {
            rc = next_item(&pos, item, sizeof(item));
            if (rc < 0)
                break;
            eq = strchr(item, '=');
            if (eq && (size_t)(eq - item) < KEY_MAX) {
                memcpy(key, item, (size_t)(eq - item));
                key[eq - item] = '\0';
                rc = disk_key(out, key, eq + 1, e);
                if (rc == 0)
                    continue;
                if (rc != -ENOENT)
                    return rc;
            }
            start = item;
            n = strlen(item);
        }
        if (used + n + 2 > rest_size) {
            rc = -E2BIG;
            break;
        }
        if (used)
            rest[used++] = ',';
        memcpy(rest + used, start, n + 1);
        used += n;
        rest[used] = '\0';
        rc = 0;
    }
    if (rc < 0)
        snprintf(e->text, sizeof(e->text), "the disk string is too long");
    return rc < 0 ? rc : 0;
}

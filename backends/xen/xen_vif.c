/* SPDX-License-Identifier: MIT
 *
 * Network interfaces: from the nodes of backend/vif to a tap.
 *
 * The tap is there before the device is in InitWait, as Xen's scripts
 * ("vif-bridge" and its kin) expect, with the name they expect, vifDOM.ID: they
 * rename it to vifname, if there is one (so it is down), join a bridge and set
 * it up.  Without a script the tap has that name at once, joins what the node
 * bridge names, and is up.
 */
#include "backends/xen/xen_dev.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/net/host/hostif.h"

#define MTU_MIN 68u
#define MTU_MAX 65535u

static int read_mac(struct weir_xen_dev *d, uint8_t mac[6])
{
    unsigned m[6];
    char text[32];
    int n = weir_xen_node(d, "mac", text, sizeof(text)), end = 0;

    if (n < 0)
        return weir_xen_fail(d, n, "node mac: %s", strerror(-n));
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2], &m[3],
               &m[4], &m[5], &end) != 6 ||
        end != n || n != 17)
        return weir_xen_fail(d, -EINVAL,
                             "node mac is \"%.20s\", not six numbers as in "
                             "00:16:3e:00:00:01",
                             text);
    for (unsigned i = 0; i < 6; i++)
        mac[i] = (uint8_t)m[i];
    return 0;
}

static int read_mtu(struct weir_xen_dev *d, uint32_t *mtu)
{
    uint64_t v;
    int err = weir_xs_read_u64(d->xs, 0, d->dir, "mtu", &v);

    *mtu = 0;
    if (err == -ENOENT)
        return 0;
    if (err != 0 || v < MTU_MIN || v > MTU_MAX)
        return weir_xen_fail(d, -EINVAL,
                             "node mtu is not a number from %u "
                             "to %u",
                             MTU_MIN, MTU_MAX);
    *mtu = (uint32_t)v;
    return 0;
}

/* "bytes,microseconds": so many may be sent in each period of that length. */
static int read_rate(struct weir_xen_dev *d, struct weir_resource *res)
{
    unsigned long long bytes;
    unsigned window;
    char text[48];
    int n = weir_xen_node(d, "rate", text, sizeof(text)), end = 0;

    if (n <= 0)
        return n < 0 ? weir_xen_fail(d, n, "node rate: %s", strerror(-n)) : 0;
    if (sscanf(text, "%llu,%u%n", &bytes, &window, &end) != 2 || end != n)
        return weir_xen_fail(d, -EINVAL,
                             "node rate is \"%.30s\", not bytes and "
                             "microseconds as in 62500,50000",
                             text);
    if (window == 0 || bytes >= UINT32_MAX)
        return 0; /* no limit: what libxl writes for none */
    res->vif.rate_bps = (uint64_t)bytes * 1000000u / window;
    if (res->vif.rate_bps == 0)
        res->vif.rate_bps = 1;
    res->vif.rate_window_us = window;
    return 0;
}

static int read_names(struct weir_xen_dev *d, char name[WEIR_HOSTIF_NAME],
                      char bridge[WEIR_HOSTIF_NAME])
{
    char text[64];
    int n = d->script ? 0 : weir_xen_node(d, "vifname", text, sizeof(text));

    if (n == 0)
        n = snprintf(text, sizeof(text), "vif%u.%u", d->frontend, d->devid);
    if (n < 0 || n >= WEIR_HOSTIF_NAME)
        return weir_xen_fail(d, -EINVAL,
                             "%.40s is too long for an interface: give the "
                             "vif a vifname= of at most 15 characters",
                             n < 0 ? "node vifname" : text);
    memcpy(name, text, (size_t)n + 1);
    bridge[0] = '\0';
    if (d->script)
        return 0;
    n = weir_xen_node(d, "bridge", text, sizeof(text));
    if (n < 0 || n >= WEIR_HOSTIF_NAME)
        return weir_xen_fail(d, -EINVAL, "node bridge is no interface name");
    memcpy(bridge, text, (size_t)n + 1);
    return 0;
}

static int make_tap(struct weir_xen_dev *d, struct weir_resource *res, int *fds)
{
    char name[WEIR_HOSTIF_NAME], bridge[WEIR_HOSTIF_NAME];
    struct weir_tap_config tap = {
        .name = name,
        .queues = d->queues,
        .mtu = res->vif.mtu,
        .down = d->script,
    };
    struct weir_hostif_err why;
    int err = read_names(d, name, bridge);

    if (err != 0)
        return err;
    if (bridge[0] != '\0')
        tap.bridge = bridge;
    if (tap.queues > WEIR_TAP_QUEUES)
        tap.queues = WEIR_TAP_QUEUES;
    err = weir_tap_create(&tap, fds, &why);
    if (err != 0)
        return weir_xen_fail(d, err, "%s", why.text);
    res->nfds = tap.queues;
    snprintf(res->label, sizeof(res->label), "%s", name);
    return 0;
}

static int vif_open(struct weir_xen_dev *d, struct weir_resource *res, int *fds)
{
    int err = read_mac(d, res->vif.mac);

    if (err == 0)
        err = read_mtu(d, &res->vif.mtu);
    if (err == 0)
        err = read_rate(d, res);
    if (err == 0)
        err = make_tap(d, res, fds);
    if (err != 0)
        return err;
    res->vif.sink = WEIR_VIF_TAP;
    res->vif.flags = WEIR_VIF_VNET_HDR;
    res->vif.queues = res->nfds;
    return 0;
}

static int vif_told(struct weir_xen_dev *d, const struct weir_resource *res)
{
    const struct weir_xen_pair nodes[] = {{"vifname", res->label},
                                          {"hotplug-status", "connected"}};

    return weir_xen_put(d, nodes, 2);
}

const struct weir_xen_kind weir_xen_vif = {
    .name = "vif",
    .resource_class = WEIR_RES_VIF,
    .open = vif_open,
    .told = vif_told,
};

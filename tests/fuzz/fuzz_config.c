/* SPDX-License-Identifier: MIT
 *
 * Our own parsing of configurations: positions, device strings, values.  The
 * input is a file; its lines are tried as every kind of value, too.
 */
#include "driverdomains/config.h"
#include "driverdomains/config_scan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void values(const char *s)
{
    struct weir_vif_config vif;
    struct weir_disk_config disk;
    struct weir_cfg_error e;
    char rest[WEIR_CFG_PATH + 64];
    struct weir_cfg_ips ips;
    uint8_t mac[6];
    uint64_t v;
    uint32_t n;

    weir_cfg_vif(s, &vif, &e);
    weir_cfg_disk_extras(s, &disk, rest, sizeof(rest), &e);
    if (strlen(rest) >= sizeof(rest))
        abort();
    if (weir_vdev_to_devid(s, &n) == 0 && n >= 1u << 29)
        abort();
    if (weir_cfg_rate(s, &v, &n) == 0 && v == 0)
        abort();
    weir_cfg_size(s, &v);
    if (weir_cfg_ips(s, &ips) == 0 &&
        (ips.n4 + ips.n6 == 0 || ips.n4 + ips.n6 > WEIR_CFG_IPS))
        abort();
    weir_cfg_mac(s, mac, &e);
    if (weir_cfg_name_ok(s) && (strchr(s, '/') || !strcmp(s, "..")))
        abort();
    if (weir_cfg_uuid_ok(s) && (strlen(s) != 36 || strchr(s, '/')))
        abort();
    if (weir_cfg_ifname_ok(s) && (strchr(s, '/') || strlen(s) > 15))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct weir_cfg_scan scan;
    unsigned line;
    char *text = malloc(size + 1), *save = NULL;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    weir_cfg_scan(text, size, &scan, &line);
    for (size_t i = 0; i < scan.n; i++)
        if (scan.pos[i].line == 0 || scan.pos[i].line > line)
            abort();
    for (char *l = strtok_r(text, "\n", &save); l;
         l = strtok_r(NULL, "\n", &save))
        values(l);
    free(text);
    return 0;
}

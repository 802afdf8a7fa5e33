/* SPDX-License-Identifier: MIT
 *
 * What a manager finds when it takes over, as each class.  What is taken is in
 * its range, encodes again, and decodes to the same.
 */
#include "driverdomains/devd.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buf[WEIR_RECORD_BYTES];
static struct weir_domain_config cfg, cfg2;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void as_domain(const uint8_t *data, size_t size)
{
    struct weir_record_dom r, again;
    int n;

    if (weir_record_get_dom(data, size, &r, &cfg))
        return;
    must(r.phase <= WEIR_PHASE_RESTARTING && r.step <= WEIR_REVIVE_RESUMING &&
         weir_cfg_name_ok(cfg.name));
    n = weir_record_put_dom(&r, &cfg, buf, sizeof(buf));
    must(n > 0 && weir_record_get_dom(buf, (size_t)n, &again, &cfg2) == 0 &&
         !memcmp(&r, &again, sizeof(r)) && !memcmp(&cfg, &cfg2, sizeof(cfg)));
}

static void as_device(const uint8_t *data, size_t size)
{
    static struct weir_disk_config disk, disk2;
    static struct weir_vif_config vif, vif2;
    struct weir_record_dev r, again;
    int n;

    if (weir_record_get_dev(data, size, &r, &disk, &vif))
        return;
    must(r.nfds <= WEIR_RES_MAX_FDS && r.phase <= WEIR_DEV_RELEASING);
    n = weir_record_put_dev(&r, &disk, &vif, buf, sizeof(buf));
    must(n > 0 &&
         weir_record_get_dev(buf, (size_t)n, &again, &disk2, &vif2) == 0 &&
         !memcmp(&r, &again, sizeof(r)) &&
         !memcmp(&disk, &disk2, sizeof(disk)) &&
         !memcmp(&vif, &vif2, sizeof(vif)));
}

static void as_restart(const uint8_t *data, size_t size)
{
    struct weir_record_restart r, again;
    int n;

    if (weir_record_get_restart(data, size, &r, &cfg))
        return;
    n = weir_record_put_restart(&r, &cfg, buf, sizeof(buf));
    must(n > 0 && weir_record_get_restart(buf, (size_t)n, &again, &cfg2) == 0 &&
         !memcmp(&r, &again, sizeof(r)) && !memcmp(&cfg, &cfg2, sizeof(cfg)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_domain(data, size);
    as_device(data, size);
    as_restart(data, size);
    return 0;
}

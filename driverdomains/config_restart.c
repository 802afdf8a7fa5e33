/* SPDX-License-Identifier: MIT
 *
 * Keys about the return of driver domains.
 */
#include "driverdomains/config_keys.h"

#include <errno.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

int weir_config_restart_io(struct weir_config_loader *l, const char *key,
                           const char *v)
{
    if (!strcmp(v, "hold"))
        l->f->cfg.restart_io = WEIR_RESTART_HOLD;
    else if (!strcmp(v, "fail"))
        l->f->cfg.restart_io = WEIR_RESTART_FAIL;
    else
        return weir_config_fail(l->f, key, -1,
                                "\"%.40s\": use \"hold\" or \"fail\"", v);
    return 0;
}

int weir_config_restart_check(struct weir_config_loader *l)
{
    static const char *const keys[] = {
        "restart_limit", "restart_period", "restart_delay",
        "restart_io",    "heartbeat",
    };
    struct weir_domain_config *c = &l->f->cfg;

    if (c->driver_domain && c->type == WEIR_TYPE_PROCESS) {
        /* Its devices are more than its own affair. */
        if (!weir_cfg_line(&l->f->scan, "on_crash", -1))
            c->on_crash = WEIR_ACTION_RESTART;
        return 0;
    }
    for (size_t i = 0; i < COUNT(keys); i++)
        if (weir_cfg_line(&l->f->scan, keys[i], -1))
            return weir_config_fail(l->f, keys[i], -1,
                                    "only for driver domains that are "
                                    "processes: take it out");
    return 0;
}

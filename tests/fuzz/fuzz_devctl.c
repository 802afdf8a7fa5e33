/* SPDX-License-Identifier: MIT
 *
 * What a tool may send to the device manager: each record as each type.  What
 * decodes must encode again, and decode to the same.
 */
#include "driverdomains/devctl.h"
#include "driverdomains/devctl_fields.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(unsigned record, const void *obj, size_t size)
{
    static uint8_t buf[WEIR_DEVCTL_MAX];
    struct weir_devctl_out o;
    struct weir_devctl_in in;
    void *copy = malloc(size);
    int n;

    weir_devctl_begin(&o, buf, sizeof(buf), WEIR_DEVCTL_ITEM, 1);
    weir_devctl_put(&o, record, obj);
    n = weir_devctl_end(&o);
    if (!copy || n < 0 || weir_devctl_open(&in, buf, (size_t)n) ||
        weir_devctl_get(&in, record, copy) || memcmp(copy, obj, size))
        abort();
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct weir_domain_config c;
    struct weir_devctl_in in;
    int type;

    if (weir_devctl_open(&in, data, size))
        return 0;
    if (in.op == WEIR_DEVCTL_CREATE) {
        struct weir_cfg_error e;

        if (weir_devctl_get_domain(&in, &c) == 0)
            weir_cfg_check_vm(&c, &e);
        return 0;
    }
    while ((type = weir_devctl_peek(&in)) > 0) {
        const struct weir_devctl_table *t = weir_devctl_table((unsigned)type);
        void *obj = t ? malloc(t->size) : NULL;
        int rc = obj ? weir_devctl_get(&in, (unsigned)type, obj) : -1;

        if (rc == 0)
            again((unsigned)type, obj, t->size);
        free(obj);
        if (rc)
            break;
    }
    return 0;
}

/* SPDX-License-Identifier: MIT */
#include "driverdomains/devd.h"

#include <stdarg.h>
#include <stdio.h>

int weir_refuse(struct weir_refusal *r, int rc, const char *where,
                const char *fmt, ...)
{
    va_list ap;

    snprintf(r->where, sizeof(r->where), "%s", where ? where : "");
    va_start(ap, fmt);
    vsnprintf(r->text, sizeof(r->text), fmt, ap);
    va_end(ap);
    return rc;
}

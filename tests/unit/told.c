/* SPDX-License-Identifier: MIT */
#include "tests/unit/told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char told[1024];

void tell(const char *fmt, ...)
{
    size_t n = strlen(told);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(told + n, sizeof(told) - n, fmt, ap);
    va_end(ap);
}

void told_expect(const char *want)
{
    if (strcmp(told, want) != 0)
        fail_msg("\"%s\", wanted \"%s\"", told, want);
    told_forget();
}

bool told_has(const char *part)
{
    return strstr(told, part) != NULL;
}

void told_forget(void)
{
    told[0] = '\0';
}

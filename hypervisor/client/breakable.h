/* SPDX-License-Identifier: MIT
 *
 * For the tests that prove each isolation rule: compiled with WEIR_TEST_BREAK,
 * a rule named in the environment variable WEIR_BREAK (space separated) is
 * left out.  In every other build the switches are the constant false and no
 * code for them exists.
 */
#ifndef WEIR_HYPERVISOR_CLIENT_BREAKABLE_H
#define WEIR_HYPERVISOR_CLIENT_BREAKABLE_H

#include <stdbool.h>

/* The sanitizers' runtimes need more than a sealed domain may have. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEIR_SANITIZED 1
#else
#define WEIR_SANITIZED 0
#endif

#ifdef WEIR_TEST_BREAK
#include <stdlib.h>
#include <string.h>

static inline bool weir_broken(const char *rule)
{
    const char *all = getenv("WEIR_BREAK");
    size_t n = strlen(rule);
    for (const char *p = all; p && (p = strstr(p, rule)); p += n)
        if ((p == all || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
            return true;
    return false;
}
#else
#define weir_broken(rule) false
#endif

#endif

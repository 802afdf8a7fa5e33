/* SPDX-License-Identifier: MIT
 *
 * Where the host keeps its control groups: /proc/self/mountinfo and
 * /proc/self/cgroup.  Pure.
 */
#include "driverdomains/cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Is word one of the comma-separated words in list[0..len)? */
static bool has_word(const char *list, size_t len, const char *word)
{
    size_t n = strlen(word);

    while (len >= n) {
        const char *comma = memchr(list, ',', len);
        size_t item = comma ? (size_t)(comma - list) : len;

        if (item == n && !memcmp(list, word, n))
            return true;
        if (!comma)
            return false;
        list += item + 1;
        len -= item + 1;
    }
    return false;
}

/* Field i (from 0) of a blank-separated line. */
static const char *field(const char *line, size_t len, unsigned i, size_t *n)
{
    const char *end = line + len;

    for (;; i--) {
        const char *blank = memchr(line, ' ', (size_t)(end - line));

        if (i == 0) {
            *n = (size_t)((blank ? blank : end) - line);
            return line;
        }
        if (!blank)
            return NULL;
        line = blank + 1;
    }
}

static bool mount_matches(const char *line, size_t len, const char *controller)
{
    /* "... - FSTYPE SOURCE SUPEROPTIONS" */
    const char *dash = memmem(line, len, " - ", 3);
    const char *type, *opts;
    size_t rest, n, m;

    if (!dash)
        return false;
    rest = len - (size_t)(dash + 3 - line);
    type = field(dash + 3, rest, 0, &n);
    opts = field(dash + 3, rest, 2, &m);
    if (!controller)
        return type && n == 7 && !memcmp(type, "cgroup2", 7);
    return opts && n == 6 && !memcmp(type, "cgroup", 6) &&
           has_word(opts, m, controller);
}

int weir_cgroup_mount(const char *mountinfo, const char *controller, char *buf,
                      size_t size)
{
    while (*mountinfo) {
        size_t len = strcspn(mountinfo, "\n"), n;
        const char *point = field(mountinfo, len, 4, &n);

        if (point && n < size && mount_matches(mountinfo, len, controller)) {
            memcpy(buf, point, n);
            buf[n] = '\0';
            return 0;
        }
        mountinfo += len + (mountinfo[len] == '\n');
    }
    return -ENOENT;
}

int weir_cgroup_own(const char *text, const char *controller, char *buf,
                    size_t size)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        const char *a = memchr(text, ':', len);
        const char *b =
            a ? memchr(a + 1, ':', len - (size_t)(a + 1 - text)) : NULL;

        if (b && has_word(a + 1, (size_t)(b - a - 1), controller)) {
            size_t n = len - (size_t)(b + 1 - text);

            if (n >= size)
                return -ENAMETOOLONG;
            memcpy(buf, b + 1, n);
            buf[n] = '\0';
            return 0;
        }
        text += len + (text[len] == '\n');
    }
    return -ENOENT;
}

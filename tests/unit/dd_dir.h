/* SPDX-License-Identifier: MIT
 *
 * For cmocka programs: a directory for the group.
 */
#ifndef WEIR_TESTS_UNIT_DD_DIR_H
#define WEIR_TESTS_UNIT_DD_DIR_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static inline int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/weir-dd-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static inline int remove_dir(void **state)
{
    char cmd[80];

    (void)state;
    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    return system(cmd);
}

static inline const char *in_dir(const char *name)
{
    static char path[160];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

/* A file's text, until the next call. */
static inline char *slurp(const char *path)
{
    static char text[1 << 18];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    assert_true(n >= 0);
    close(fd);
    text[n] = '\0';
    return text;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * crash_left --state-dir DIR: prints what the instance holds (leaks.h).
 * crash_left --state-dir DIR --before FILE [--ms N] [PATTERN...]: compares that
 * with an earlier print, for up to N (5000) milliseconds; keys that match a
 * pattern are left out.  Exit 0: nothing is left behind, or missing.
 */
#include "tests/crash/leaks.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static int print(const char *state_dir)
{
    struct leaks now = {0};
    int err = leaks_take(&now, state_dir);

    if (err == 0)
        err = leaks_write(&now, stdout);
    leaks_free(&now);
    return err;
}

static int compare(const char *state_dir, const char *path, unsigned ms,
                   char *const *patterns)
{
    struct leaks before = {0};
    FILE *f = fopen(path, "r");
    int rc;

    if (f == NULL) {
        perror(path);
        return 2;
    }
    rc = leaks_read(&before, f);
    fclose(f);
    if (rc == 0)
        rc = leaks_compare(&before, state_dir, patterns, ms);
    leaks_free(&before);
    return rc;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"state-dir", required_argument, NULL, 's'},
        {"before", required_argument, NULL, 'b'},
        {"ms", required_argument, NULL, 'm'},
        {0},
    };
    const char *state_dir = NULL, *before = NULL;
    unsigned ms = 5000;
    int opt, rc;

    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (opt == 's')
            state_dir = optarg;
        else if (opt == 'b')
            before = optarg;
        else if (opt == 'm')
            ms = (unsigned)atoi(optarg);
        else
            return 2;
    }
    if (state_dir == NULL)
        return 2;
    rc = before == NULL ? print(state_dir)
                        : compare(state_dir, before, ms, argv + optind);
    if (rc < 0)
        fprintf(stderr, "crash_left: %s: %s\n", state_dir, strerror(-rc));
    return rc != 0;
}

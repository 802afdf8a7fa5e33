/* SPDX-License-Identifier: MIT
 *
 * The web guest's request parser: whatever the bytes, the answer is the same
 * when they arrive in two pieces, paths stay inside the root, ranges inside
 * the file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/guests/webguest/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
    if (!condition)
        abort();
}

static void check_path(const char *path)
{
    size_t len = strnlen(path, WEB_PATH_MAX);

    check(len > 0 && len < WEB_PATH_MAX && path[0] == '/');
    check(len == 1 || path[len - 1] != '/');
    check(!strstr(path, "//") && !strstr(path, "/../") && !strstr(path, "/./"));
    check(len < 3 || strcmp(path + len - 3, "/..") != 0);
    check(len < 2 || strcmp(path + len - 2, "/.") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t sizes[] = {0, 1, 6, 4096, UINT64_MAX / 2};
    struct web_request r = {0}, again = {0};
    char *copy = malloc(size ? size : 1); /* exact: overreads are seen */
    int n;

    check(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    n = web_http_parse(copy, size, &r);
    check(n <= (int)size && n <= WEB_REQUEST_MAX && (n >= 0 || n <= -400));
    if (n > 0) {
        check(web_http_parse(copy, (size_t)n - 1, &again) <= 0);
        check(web_http_parse(copy, (size_t)n, &again) == n);
        check(memcmp(&r, &again, sizeof(r)) == 0);
        check_path(r.path);
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            uint64_t first, last;

            if (web_http_range(&r, sizes[i], &first, &last) == 1)
                check(first <= last && last < sizes[i]);
        }
    }
    free(copy);
    return 0;
}

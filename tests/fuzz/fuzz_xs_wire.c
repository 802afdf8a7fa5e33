/* SPDX-License-Identifier: MIT
 *
 * The codec: what it accepts it gives back, and it never reads beyond len.
 */
#include <stdlib.h>
#include <string.h>

#include "xenbus/wire.h"

#define CHECK(c)                                                               \
    do {                                                                       \
        if (!(c))                                                              \
            abort();                                                           \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void strings(const char *s, size_t size)
{
    const char *argv[4];
    struct weir_xs_perm p, q;
    char out[WEIR_XS_PERM_STR], digits[21];
    uint64_t v, w;
    unsigned levels;
    int n = weir_xs_split(s, size, argv, 4, false);

    CHECK(n >= 0 && (size_t)n <= size);
    for (int i = 0; i < n && i < 4; i++) {
        size_t len = strlen(argv[i]);

        if (!weir_xs_path_check(argv[i], len, true)) {
            CHECK(len && len <= WEIR_XS_PATH_MAX && !strstr(argv[i], "//"));
            CHECK(weir_xs_path_below(argv[i], argv[i], &levels) && !levels);
        }
        if (!weir_xs_perm_parse(argv[i], &p)) {
            weir_xs_perm_format(&p, out);
            CHECK(!weir_xs_perm_parse(out, &q));
            CHECK(p.domid == q.domid && p.mask == q.mask);
        }
        if (!weir_xs_parse_u64(argv[i], &v)) {
            weir_xs_format_u64(v, digits);
            CHECK(!weir_xs_parse_u64(digits, &w) && v == w);
        }
        weir_xs_error_code(argv[i], len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_xs_header h;
    uint8_t raw[WEIR_XS_HDR_SIZE];
    char *copy;

    if (size < WEIR_XS_HDR_SIZE)
        return 0;
    CHECK(!weir_xs_hdr_get(&h, data) == (h.len <= WEIR_XS_PAYLOAD_MAX));
    weir_xs_hdr_put(raw, &h);
    CHECK(!memcmp(raw, data, sizeof(raw)));
    CHECK(weir_xs_type_name(h.type));
    size -= WEIR_XS_HDR_SIZE;
    copy = malloc(size + 1); /* exactly, so that one byte more is seen */
    memcpy(copy, data + WEIR_XS_HDR_SIZE, size);
    weir_xs_path_check(copy, size, false);
    weir_xs_error_code(copy, size);
    strings(copy, size);
    free(copy);
    return 0;
}

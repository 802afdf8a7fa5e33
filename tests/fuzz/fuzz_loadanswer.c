/* SPDX-License-Identifier: MIT
 *
 * weir-load's answers, as a broken one could give them: what is taken encodes
 * to something that is taken again, and to the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/loader/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1), out[WEIR_LOAD_MAX_PACKET];
    struct weir_load_answer a, b;

    check(copy != NULL);
    memcpy(copy, data, size);
    if (weir_load_get(copy, size, &a) == 0) {
        check(a.image.nsegments <= WEIR_LOAD_MAX_SEGMENTS);
        check(strlen(a.text) <= WEIR_LOAD_MAX_TEXT);
        check((a.error != 0) == (a.image.nsegments == 0));
        check(weir_load_put(out, &a) == size);
        check(weir_load_get(out, size, &b) == 0);
        check(memcmp(&a, &b, sizeof(a)) == 0);
    }
    free(copy);
    return 0;
}

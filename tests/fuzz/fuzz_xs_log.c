/* SPDX-License-Identifier: MIT
 *
 * The registry's journal, as a predecessor may have left it or worse.  Input:
 * a run's records.  What is accepted must be a registry in order, and serve.
 */
#include <stdlib.h>
#include <string.h>

#include "xenbus/journal.h"

#define CHECK(c)                                                               \
    do {                                                                       \
        if (!(c))                                                              \
            abort();                                                           \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct weir_store_conn *c, uint32_t type, const char *p,
                size_t len)
{
    struct weir_xs_header h = {.type = type, .len = (uint32_t)len};
    void *at = NULL;

    if (weir_store_space(c, &at) < WEIR_XS_HDR_SIZE + len)
        return;
    weir_xs_hdr_put(at, &h);
    memcpy((uint8_t *)at + WEIR_XS_HDR_SIZE, p, len);
    weir_store_fed(c, WEIR_XS_HDR_SIZE + len);
    weir_store_run(c, 8);
}

static void serve(struct weir_store *s)
{
    struct weir_store_conn *c = NULL, *next;
    struct weir_store_kept k, after;
    uint8_t out[512];

    c = weir_store_next_kept(s, NULL, &k);
    for (; c; c = next, k = after) {
        next = weir_store_next_kept(s, c, &after);
        weir_store_resume(c, s, k.out);
        weir_store_run(c, 8);
        ask(c, WEIR_XS_WRITE, "a/b\0v", 5);
        ask(c, WEIR_XS_RM, "a", 2);
        for (unsigned i = 0; i < 64; i++)
            weir_store_sent(c, weir_store_peek(c, out, sizeof(out)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct weir_store_ops ops;
    struct xs_journal j = {0};
    struct weir_store *s;
    char line[200];
    uint8_t *copy;

    CHECK(!weir_store_new(&ops, NULL, &s));
    copy = malloc(size ? size : 1); /* so that ends are seen */
    CHECK(copy);
    if (size)
        memcpy(copy, data, size);
    s->loading = true;
    if (!xs_j_replay(s, &j, copy, size)) {
        if (j.maybe)
            xs_load_out(j.maybe, j.maybe_out);
        s->loading = false;
        xs_tx_doomed_start(s);
        CHECK(!weir_store_check(s, line, sizeof(line)));
        serve(s);
        CHECK(!weir_store_check(s, line, sizeof(line)));
    }
    weir_store_free(s);
    free(copy);
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Two guests send what they like.  Whatever it is: accounting stays right,
 * quotas hold, what domain 0 owns stays as it is, and nothing is lost at the
 * end.  Input: records of connection, type, transaction, length, payload.
 */
#include <stdlib.h>
#include <string.h>

#include "xenbus/store_int.h"

#define CHECK(c)                                                               \
    do {                                                                       \
        if (!(c))                                                              \
            abort();                                                           \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t clock_ns(void *context)
{
    return *(uint64_t *)context += 100000000;
}

static void feed(struct weir_store_conn *c, uint32_t type, uint32_t tx,
                 const void *payload, uint32_t len)
{
    struct weir_xs_header h = {.type = type, .tx_id = tx, .len = len};
    uint8_t msg[WEIR_XS_HDR_SIZE + 256], out[8192];
    void *at = NULL;
    size_t n;

    weir_xs_hdr_put(msg, &h);
    memcpy(msg + WEIR_XS_HDR_SIZE, payload, len);
    n = weir_store_space(c, &at);
    if (n >= WEIR_XS_HDR_SIZE + len) {
        memcpy(at, msg, WEIR_XS_HDR_SIZE + len);
        weir_store_fed(c, WEIR_XS_HDR_SIZE + len);
    }
    weir_store_run(c, 8);
    if (type & 0x80) /* one that does not always read */
        return;
    while ((n = weir_store_peek(c, out, sizeof(out))))
        weir_store_sent(c, n);
}

static void invariants(struct weir_store *s)
{
    const struct weir_node *n = weir_tree_find(s->top, "/canary");
    char line[200];

    CHECK(n && n->value_len == 4 && !memcmp(n->value, "safe", 4));
    CHECK(xs_owner(n) == 0 && n->nchildren == 0);
    CHECK(!weir_store_check(s, line, sizeof(line)));
    for (unsigned d = 3; d <= 4; d++) {
        const struct xs_domain *x = xs_domain_find(s, d);

        CHECK(x->nodes <= 40 && x->watches <= 8 && x->transactions <= 3);
        /* and for each watch the one event that always fits */
        CHECK(x->memory <= 65536 + 8 * 600);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct weir_store_ops ops = {.now_ns = clock_ns};
    struct weir_store_conn *c[3];
    struct weir_store *s;
    uint64_t t = 0;

    CHECK(!weir_store_new(&ops, &t, &s));
    weir_store_set_quota(s, WEIR_QUOTA_NODES, 40);
    weir_store_set_quota(s, WEIR_QUOTA_WATCHES, 8);
    weir_store_set_quota(s, WEIR_QUOTA_TRANSACTIONS, 3);
    weir_store_set_quota(s, WEIR_QUOTA_MEMORY, 65536);
    for (domid_t d = 0; d < 3; d++)
        c[d] = weir_store_connect(s, d ? (domid_t)(d + 2) : 0, NULL);
    feed(c[0], WEIR_XS_WRITE, 0, "/canary\0safe", 12);
    feed(c[0], WEIR_XS_SET_PERMS, 0, "/canary\0r0\0", 11);
    feed(c[0], WEIR_XS_MKDIR, 0, "/local/domain/3", 16);
    feed(c[0], WEIR_XS_SET_PERMS, 0, "/local/domain/3\0n3\0r4", 22);
    feed(c[0], WEIR_XS_MKDIR, 0, "/s", 3);
    feed(c[0], WEIR_XS_SET_PERMS, 0, "/s\0b0", 6);
    while (size >= 4) {
        uint32_t len = data[3] < size - 4 ? data[3] : (uint32_t)(size - 4);

        feed(c[1 + (data[0] & 1)], data[1], data[2] & 3, data + 4, len);
        if (weir_store_dead(c[1 + (data[0] & 1)]))
            weir_store_reset(c[1 + (data[0] & 1)]);
        if (data[0] & 2)
            weir_store_tick(s);
        data += 4 + len;
        size -= 4 + len;
    }
    invariants(s);
    for (unsigned d = 0; d < 3; d++)
        weir_store_disconnect(c[d]);
    CHECK(s->node_bytes < (1 << 20));
    weir_store_free(s);
    return 0;
}

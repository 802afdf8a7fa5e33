/* SPDX-License-Identifier: MIT
 *
 * Bytes as the slots of a tx ring, then as a frame for the header parser:
 * what is accepted must obey the rules that the data path relies on.
 */
#include "backends/net/offload.h"
#include "backends/net/txreq.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct weir_txreq *r, unsigned n)
{
    uint32_t sum = 0;
    if (r->slots == 0 || r->slots > n || !r->npieces ||
        r->npieces > WEIR_NET_SLOTS)
        abort();
    for (unsigned i = 0; i < r->npieces; i++) {
        if (r->piece[i].offset + r->piece[i].size > 4096)
            abort();
        sum += r->piece[i].size;
    }
    if (sum != r->len || (!r->mcast && r->len < WEIR_NET_MIN))
        abort();
    if (r->gso && (!r->gso_size || !r->csum_blank))
        abort();
}

static void frame(const uint8_t *data, size_t size)
{
    static uint8_t flat[65536], out[65536];
    uint8_t hdr[WEIR_VNET_HDR];
    struct weir_net_packet p = {.len = (uint32_t)size, .npieces = 1};
    if (size < WEIR_NET_MIN || size > WEIR_NET_HEADER)
        return;
    memcpy(p.hdr, data, size);
    p.piece[0] = (struct weir_net_piece){p.hdr, (uint32_t)size};
    p.csum_blank = true;
    p.gso = data[0] % 3;
    p.gso_size = data[1] + 1;
    weir_vnet_from_packet(&p, hdr);
    if (size >= WEIR_VNET_HDR)
        weir_vnet_to_packet(data, &p);
    memcpy(flat, data, size);
    weir_net_fill_checksum(flat, (uint32_t)size);
    for (uint32_t i = 0; i < 300; i++)
        if (!weir_net_segment(flat, (uint32_t)size, data[1] + 1u, i, out))
            break;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    union weir_netif_tx_slot slot[256];
    unsigned n = (unsigned)(size / sizeof(slot[0])), at = 0;
    if (n > 256)
        n = 256;
    memcpy(slot, data, n * sizeof(slot[0]));
    while (at < n) {
        struct weir_txreq r;
        enum weir_txreq_result res = weir_txreq_parse(slot + at, n - at, &r);
        if (res == WEIR_TXREQ_OK)
            check(&r, n - at);
        else if (res != WEIR_TXREQ_BAD)
            break;
        at += r.slots;
    }
    frame(data, size);
    return 0;
}

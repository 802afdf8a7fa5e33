/* SPDX-License-Identifier: MIT
 *
 * The web guest's IPv4 reassembly: input is a sequence of packets, each after
 * its length in two bytes.  What comes out is a whole, consistent datagram.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/guests/webguest/reass.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
    if (!condition)
        abort();
}

/* The fuzzer need not guess checksums. */
static void fix_checksum(uint8_t *p, size_t len)
{
    size_t header = len ? (p[0] & 15u) * 4 : 0;
    uint32_t sum = 0;

    if (header < 20 || header > len)
        return;
    p[10] = p[11] = 0;
    for (size_t i = 0; i < header; i += 2)
        sum += (uint32_t)(p[i] << 8 | p[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    p[10] = (uint8_t)(~sum >> 8);
    p[11] = (uint8_t)~sum;
}

static void check_datagram(const struct web_datagram *d)
{
    check(d->header_len >= 20 && d->header_len <= 60 && d->end > 0);
    check(d->header_len + d->end <= WEB_REASS_MAX);
    check(!web_is_fragment(d->header, d->header_len));
    check((uint32_t)(d->header[2] << 8 | d->header[3]) ==
          d->header_len + d->end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct web_reass *r = calloc(1, sizeof(*r));
    uint64_t now = 0;

    check(r != NULL);
    while (size >= 2) {
        size_t len = (size_t)(data[0] << 8 | data[1]);
        const struct web_datagram *d;
        uint8_t *packet;

        data += 2, size -= 2;
        if (len > size)
            len = size;
        packet = malloc(len ? len : 1);
        check(packet != NULL);
        memcpy(packet, data, len);
        fix_checksum(packet, len);
        now += 10;
        d = web_reass_add(r, packet, len, now);
        if (d)
            check_datagram(d);
        free(packet);
        data += len, size -= len;
    }
    free(r);
    return 0;
}

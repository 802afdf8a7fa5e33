/* SPDX-License-Identifier: MIT
 *
 * The domain socket: two domains send whatever the input says, packet after
 * packet, and change their grant tables in between, or die and come back.
 * weir-hv answers each packet, and when both domains are gone every frame, port
 * and grant is back.
 *
 * Input: 1 byte (bit 1: two windows, bit 2: the first domain is not sealed
 * yet); then records: 1 byte (bit 0 which domain,
 * bit 7: bytes for its grant table instead, bit 5: its program dies), 1 byte
 * length, bytes.
 */
#include "hypervisor/hypercall.h"
#include "tests/fuzz/hv_fake.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes that are not worth guessing: version, size, sequence. */
static void fix_header(uint8_t *msg, size_t len)
{
    if (len < WEIR_HV_HEADER)
        return;
    msg[0] = WEIR_HV_VERSION;
    msg[1] = 0;
    weir_put16(msg + 14, (uint16_t)len);
    msg[3] = 0;
}

/* Nothing of it is in use but what it kept and begins with. */
static void check_new(struct hv_domain *d)
{
    uint64_t kept = 0;

    for (uint32_t i = 0; i < d->keeps.n; i++)
        kept += d->keeps.run[i].count;
    if (d->frames != kept || d->track.used || d->events.used != 2 ||
        d->held != kept + d->grants.max + 2)
        abort();
}

static void play(struct hv_domain *d, int *fd, uint8_t how, const uint8_t *p,
                 size_t len)
{
    uint8_t msg[256], reply[WEIR_HV_MSG_MAX];

    memcpy(msg, p, len);
    if (how & 0x20) {
        if (fake_revive(d, fd))
            check_new(d);
        return;
    }
    if (how & 0x80) {
        memcpy(hv_memory_at(&d->m->mem, d->grants.first), msg, len);
        return;
    }
    if (!(how & 0x40))
        fix_header(msg, len);
    if (len == 0 || d->fail || send(*fd, msg, len, MSG_DONTWAIT) < 0)
        return;
    hv_hypercall(d);
    if (recv(*fd, reply, sizeof(reply), MSG_DONTWAIT) < WEIR_HV_HEADER &&
        !d->fail)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd[2];
    struct hv_domain *d[2] = {fake_domain(1, &fd[0]), fake_domain(2, &fd[1])};

    fake_kernel = size ? data[0] & FAKE_TWO_WINDOWS : 0;
    if (size && (data[0] & 4))
        d[0]->sealed = false; /* HELLO, WINDOW, SEALED are its first calls */
    for (size_t at = 1; at + 2 <= size;) {
        uint8_t how = data[at], len = data[at + 1];

        if (len > size - at - 2)
            len = (uint8_t)(size - at - 2);
        fake_kernel = (fake_kernel & FAKE_TWO_WINDOWS) |
                      (how & 2 ? FAKE_STILL_MAPPED : 0);
        play(d[how & 1], &fd[how & 1], how, data + at + 2, len);
        fake_check_access(d[how & 1]);
        at += 2 + (size_t)len;
    }
    fake_end(d[0], fd[0]);
    fake_end(d[1], fd[1]);
    fake_check_empty();
    return 0;
}

/* SPDX-License-Identifier: MIT */
#include "hypervisor/loader/answer.h"

#include <errno.h>
#include <string.h>

#include "ring/bytes.h"
#include "ring/checked.h"

size_t weir_load_put(uint8_t *out, const struct weir_load_answer *a)
{
    uint32_t n = a->error ? 0 : a->image.nsegments;
    uint32_t text = a->error ? (uint32_t)strlen(a->text) : 0;
    uint8_t *p = out + WEIR_LOAD_HEADER_SIZE;

    weir_put32(out, WEIR_LOAD_MAGIC);
    weir_put32(out + 4, WEIR_LOAD_ABI_VERSION);
    weir_put32(out + 8, a->error);
    weir_put32(out + 12, n);
    weir_put32(out + 16, text);
    weir_put32(out + 20, a->image.entry);
    weir_put32(out + 24, a->image.start_info);
    weir_put32(out + 28, a->image.rewritten);
    memcpy(p, a->text, text);
    p += text;
    for (uint32_t i = 0; i < n; i++, p += WEIR_LOAD_SEGMENT_SIZE) {
        weir_put64(p, a->image.segments[i].gpa);
        weir_put64(p + 8, a->image.segments[i].offset);
        weir_put64(p + 16, a->image.segments[i].length);
    }
    return (size_t)(p - out);
}

static bool covers(const struct weir_vm_image *m, uint32_t gpa)
{
    for (uint32_t i = 0; i < m->nsegments; i++)
        if (gpa >= m->segments[i].gpa &&
            gpa - m->segments[i].gpa < m->segments[i].length)
            return true;
    return false;
}

static bool overlap(const struct weir_vm_segment *a,
                    const struct weir_vm_segment *b)
{
    return a->gpa < b->gpa + b->length && b->gpa < a->gpa + a->length;
}

static int get_segments(const uint8_t *p, struct weir_vm_image *m)
{
    for (uint32_t i = 0; i < m->nsegments; i++, p += WEIR_LOAD_SEGMENT_SIZE) {
        struct weir_vm_segment *s = &m->segments[i];
        uint64_t end;

        *s = (struct weir_vm_segment){weir_le64(p), weir_le64(p + 8),
                                      weir_le64(p + 16)};
        if (s->length == 0 || !weir_add_u64(s->gpa, s->length, &end) ||
            !weir_add_u64(s->offset, s->length, &end))
            return -EPROTO;
        for (uint32_t j = 0; j < i; j++)
            if (overlap(s, &m->segments[j]))
                return -EPROTO;
    }
    return covers(m, m->entry) && covers(m, m->start_info) ? 0 : -EPROTO;
}

int weir_load_get(const uint8_t *in, size_t n, struct weir_load_answer *out)
{
    struct weir_vm_image *m = &out->image;
    uint32_t text;

    memset(out, 0, sizeof(*out));
    m->memfd = -1;
    if (n < WEIR_LOAD_HEADER_SIZE || weir_le32(in) != WEIR_LOAD_MAGIC ||
        weir_le32(in + 4) != WEIR_LOAD_ABI_VERSION)
        return -EPROTO;
    out->error = weir_le32(in + 8);
    m->nsegments = weir_le32(in + 12);
    text = weir_le32(in + 16);
    m->entry = weir_le32(in + 20);
    m->start_info = weir_le32(in + 24);
    m->rewritten = weir_le32(in + 28);
    if (m->nsegments > WEIR_LOAD_MAX_SEGMENTS || text > WEIR_LOAD_MAX_TEXT ||
        n != WEIR_LOAD_HEADER_SIZE + text +
                 (size_t)m->nsegments * WEIR_LOAD_SEGMENT_SIZE ||
        (out->error ? m->nsegments || !text : !m->nsegments || text))
        return -EPROTO;
    in += WEIR_LOAD_HEADER_SIZE;
    for (uint32_t i = 0; i < text; i++)
        out->text[i] = in[i] >= ' ' && in[i] != 127 ? (char)in[i] : '?';
    return out->error ? 0 : get_segments(in + text, m);
}

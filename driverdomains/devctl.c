/* SPDX-License-Identifier: MIT
 *
 * The wire side of devctl.h: headers, records and fields.  Which fields a
 * record has is in devctl_fields.c.
 */
#include "driverdomains/devctl.h"
#include "driverdomains/devctl_fields.h"

#include <errno.h>
#include <string.h>

static void put_le(uint8_t *p, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

void weir_devctl_begin(struct weir_devctl_out *o, void *buf, size_t size,
                       unsigned op, uint32_t seq)
{
    *o = (struct weir_devctl_out){.buf = buf, .size = size};
    if (size > WEIR_DEVCTL_MAX)
        o->size = WEIR_DEVCTL_MAX;
    if (size < WEIR_DEVCTL_HEADER) {
        o->error = -E2BIG;
        return;
    }
    put_le(o->buf, WEIR_DEVCTL_MAGIC, 4);
    put_le(o->buf + 4, WEIR_DEVCTL_VERSION, 2);
    put_le(o->buf + 6, op, 2);
    put_le(o->buf + 8, seq, 4);
    put_le(o->buf + 12, 0, 4);
    o->used = WEIR_DEVCTL_HEADER;
}

static uint8_t *reserve(struct weir_devctl_out *o, size_t n)
{
    uint8_t *p = o->buf + o->used;

    if (o->error || n > o->size - o->used) {
        o->error = -E2BIG;
        return NULL;
    }
    o->used += n;
    return p;
}

/* Number of bytes on the wire; 0: the default, left out. */
static size_t wire_len(const struct weir_devctl_field *f, const uint8_t *v)
{
    switch (f->kind) {
    case WEIR_FIELD_STR:
        return strnlen((const char *)v, f->size);
    case WEIR_FIELD_BOOL:
        return *(const bool *)v ? 1 : 0;
    default:
        for (size_t i = 0; i < f->size; i++)
            if (v[i])
                return f->size;
        return 0;
    }
}

static void put_field(struct weir_devctl_out *o,
                      const struct weir_devctl_field *f, const uint8_t *v)
{
    size_t n = wire_len(f, v);
    uint8_t *p;
    uint32_t v32;
    uint64_t v64;

    if (n == 0)
        return;
    p = reserve(o, 4 + n);
    if (!p)
        return;
    put_le(p, f->tag, 2);
    put_le(p + 2, n, 2);
    p += 4;
    switch (f->kind) {
    case WEIR_FIELD_U32:
        memcpy(&v32, v, 4);
        put_le(p, v32, 4);
        break;
    case WEIR_FIELD_U64:
        memcpy(&v64, v, 8);
        put_le(p, v64, 8);
        break;
    case WEIR_FIELD_BOOL:
        *p = 1;
        break;
    default:
        memcpy(p, v, n);
    }
}

void weir_devctl_put_as(struct weir_devctl_out *o, unsigned record,
                        const struct weir_devctl_table *t, const void *obj)
{
    uint8_t *head = t ? reserve(o, 4) : NULL;
    size_t start = o->used;

    if (!head) {
        o->error = o->error ? o->error : -EINVAL;
        return;
    }
    for (unsigned i = 0; i < t->n; i++)
        put_field(o, &t->fields[i], (const uint8_t *)obj + t->fields[i].offset);
    if (o->used - start > UINT16_MAX) {
        o->error = -E2BIG;
        return;
    }
    put_le(head, record, 2);
    put_le(head + 2, o->used - start, 2);
}

void weir_devctl_put(struct weir_devctl_out *o, unsigned record,
                     const void *obj)
{
    weir_devctl_put_as(o, record, weir_devctl_table(record), obj);
}

void weir_devctl_put_domain(struct weir_devctl_out *o,
                            const struct weir_domain_config *c)
{
    weir_devctl_put(o, WEIR_REC_DOMAIN, c);
    for (uint32_t i = 0; i < c->nargs; i++)
        weir_devctl_put(o, WEIR_REC_ARG, c->args[i]);
    for (uint32_t i = 0; i < c->ndisks; i++)
        weir_devctl_put(o, WEIR_REC_DISK, &c->disks[i]);
    for (uint32_t i = 0; i < c->nvifs; i++)
        weir_devctl_put(o, WEIR_REC_VIF, &c->vifs[i]);
}

int weir_devctl_end(struct weir_devctl_out *o)
{
    if (o->error)
        return o->error;
    put_le(o->buf + 12, o->used, 4);
    return (int)o->used;
}

int weir_devctl_open(struct weir_devctl_in *in, const void *buf, size_t len)
{
    const uint8_t *p = buf;

    if (len < WEIR_DEVCTL_HEADER || len > WEIR_DEVCTL_MAX ||
        get_le(p, 4) != WEIR_DEVCTL_MAGIC)
        return -EPROTO;
    if (get_le(p + 4, 2) != WEIR_DEVCTL_VERSION)
        return -EPROTONOSUPPORT;
    if (get_le(p + 12, 4) != len)
        return -EPROTO;
    *in = (struct weir_devctl_in){
        .p = p + WEIR_DEVCTL_HEADER,
        .end = p + len,
        .op = (unsigned)get_le(p + 6, 2),
        .seq = (uint32_t)get_le(p + 8, 4),
    };
    return 0;
}

int weir_devctl_peek(const struct weir_devctl_in *in)
{
    if (in->p == in->end)
        return 0;
    if (in->end - in->p < 4 ||
        get_le(in->p + 2, 2) > (size_t)(in->end - in->p - 4) ||
        get_le(in->p, 2) == 0)
        return -EPROTO;
    return (int)get_le(in->p, 2);
}

static int get_field(const struct weir_devctl_field *f, uint8_t *v,
                     const uint8_t *p, size_t n)
{
    uint64_t x;
    uint32_t v32;

    switch (f->kind) {
    case WEIR_FIELD_STR:
        if (n >= f->size || memchr(p, 0, n))
            return -EPROTO;
        memcpy(v, p, n);
        v[n] = 0;
        return 0;
    case WEIR_FIELD_BOOL:
        if (n != 1 || *p > 1)
            return -EPROTO;
        *(bool *)v = *p;
        return 0;
    default:
        if (n != f->size)
            return -EPROTO;
    }
    x = f->kind == WEIR_FIELD_BYTES ? 0 : get_le(p, (unsigned)n);
    v32 = (uint32_t)x;
    if (f->kind == WEIR_FIELD_BYTES)
        memcpy(v, p, n);
    else if (f->kind == WEIR_FIELD_U32)
        memcpy(v, &v32, 4);
    else
        memcpy(v, &x, 8);
    return 0;
}

int weir_devctl_get(struct weir_devctl_in *in, unsigned record, void *obj)
{
    return weir_devctl_get_as(in, record, weir_devctl_table(record), obj);
}

int weir_devctl_get_as(struct weir_devctl_in *in, unsigned record,
                       const struct weir_devctl_table *t, void *obj)
{
    const uint8_t *p, *end;
    uint64_t seen = 0;

    if (!t || weir_devctl_peek(in) != (int)record)
        return -EPROTO;
    memset(obj, 0, t->size);
    p = in->p + 4;
    end = p + get_le(in->p + 2, 2);
    while (p < end) {
        unsigned tag, i;
        size_t n;

        if (end - p < 4)
            return -EPROTO;
        tag = (unsigned)get_le(p, 2);
        n = get_le(p + 2, 2);
        p += 4;
        if (n > (size_t)(end - p))
            return -EPROTO;
        for (i = 0; i < t->n && t->fields[i].tag != tag; i++)
            ;
        if (i == t->n || (seen & 1ull << i) ||
            get_field(&t->fields[i], (uint8_t *)obj + t->fields[i].offset, p,
                      n))
            return -EPROTO;
        seen |= 1ull << i;
        p += n;
    }
    in->p = end;
    return 0;
}

int weir_devctl_get_domain(struct weir_devctl_in *in,
                           struct weir_domain_config *c)
{
    int rc = weir_devctl_get(in, WEIR_REC_DOMAIN, c);
    int type;

    while (rc == 0 && (type = weir_devctl_peek(in)) != 0) {
        if (type == WEIR_REC_ARG && c->nargs < WEIR_CFG_ARGS)
            rc = weir_devctl_get(in, WEIR_REC_ARG, c->args[c->nargs++]);
        else if (type == WEIR_REC_DISK && c->ndisks < WEIR_CFG_DISKS)
            rc = weir_devctl_get(in, WEIR_REC_DISK, &c->disks[c->ndisks++]);
        else if (type == WEIR_REC_VIF && c->nvifs < WEIR_CFG_VIFS)
            rc = weir_devctl_get(in, WEIR_REC_VIF, &c->vifs[c->nvifs++]);
        else
            rc = -EPROTO;
    }
    return rc;
}

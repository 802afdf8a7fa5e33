/* SPDX-License-Identifier: MIT */
#include "hypervisor/codec.h"

#include <errno.h>
#include <string.h>

int weir_hv_get_header(const uint8_t *buf, size_t len, struct weir_hv_header *h)
{
    if (len < WEIR_HV_HEADER || len > WEIR_HV_MSG_MAX)
        return -EINVAL;
    if (buf[0] != WEIR_HV_VERSION || buf[1] != 0)
        return -EINVAL;
    h->op = weir_le16(buf + 2);
    h->seq = weir_le32(buf + 4);
    h->status = (int32_t)weir_le32(buf + 8);
    h->count = weir_le16(buf + 12);
    h->size = weir_le16(buf + 14);
    if (h->size != len || h->count > WEIR_HV_BATCH)
        return -EINVAL;
    return 0;
}

void weir_hv_put_header(uint8_t *buf, const struct weir_hv_header *h)
{
    buf[0] = WEIR_HV_VERSION;
    buf[1] = 0;
    weir_put16(buf + 2, h->op);
    weir_put32(buf + 4, h->seq);
    weir_put32(buf + 8, (uint32_t)h->status);
    weir_put16(buf + 12, h->count);
    weir_put16(buf + 14, h->size);
}

void weir_hv_put_text(uint8_t *out, const char *s, size_t size)
{
    size_t n = strnlen(s, size - 1);

    memset(out, 0, size);
    memcpy(out, s, n);
}

int weir_hv_get_text(const uint8_t *in, char *s, size_t size)
{
    if (!memchr(in, 0, size))
        return -EINVAL;
    memcpy(s, in, size);
    return 0;
}

void weir_hv_put_hello(uint8_t out[WEIR_HV_HELLO_REP],
                       const struct weir_hv_hello *h)
{
    weir_put64(out, h->memory_bytes);
    weir_put64(out + 8, h->store_frame);
    weir_put64(out + 16, h->console_frame);
    weir_put64(out + 24, h->grant_frame);
    weir_put32(out + 32, h->grant_frames);
    weir_put32(out + 36, h->max_grants);
    weir_put32(out + 40, h->store_evtchn);
    weir_put32(out + 44, h->console_evtchn);
    weir_put32(out + 48, h->max_ports);
    weir_put32(out + 52, h->domid);
    weir_hv_put_text(out + 56, h->name, WEIR_HV_NAME);
}

void weir_hv_get_copy(const uint8_t in[WEIR_HV_COPY_REQ],
                      struct weir_hv_copy_elem *e)
{
    e->src = weir_le64(in);
    e->src_dom = weir_le16(in + 8);
    e->src_off = weir_le16(in + 10);
    e->dst = weir_le64(in + 12);
    e->dst_dom = weir_le16(in + 20);
    e->dst_off = weir_le16(in + 22);
    e->len = weir_le16(in + 24);
    e->flags = weir_le16(in + 26);
}

int weir_hvctl_get_create(const uint8_t *p, size_t len, char name[WEIR_HV_NAME],
                          struct weir_hv_create *c)
{
    uint32_t kind, domid, store, store_domid;

    if (len != WEIR_HVCTL_CREATE_REQ ||
        weir_hv_get_text(p, name, WEIR_HV_NAME) < 0)
        return -EINVAL;
    kind = weir_le32(p + 64);
    domid = weir_le32(p + 68);
    store = weir_le32(p + 88);
    store_domid = weir_le32(p + 92);
    if (kind > WEIR_DOM_VM || domid > WEIR_HV_DOMID_LAST || store > 1 ||
        store_domid > WEIR_HV_DOMID_LAST)
        return -EINVAL;
    c->name = name;
    c->kind = (enum weir_dom_kind)kind;
    c->domid = (domid_t)domid;
    c->max_frames = weir_le32(p + 72);
    c->max_grants = weir_le32(p + 76);
    c->max_ports = weir_le32(p + 80);
    c->max_maps = weir_le32(p + 84);
    c->has_store = store;
    c->store_domid = (domid_t)store_domid;
    c->vcpus = weir_le32(p + 96);
    c->ram = weir_le64(p + 104);
    return 0;
}

void weir_hvctl_put_dominfo(uint8_t out[WEIR_HVCTL_DOMINFO],
                            const struct weir_hv_dominfo *d)
{
    memset(out, 0, WEIR_HVCTL_DOMINFO);
    weir_put32(out, d->domid);
    weir_put32(out + 4, (uint32_t)d->kind);
    weir_put32(out + 8, (uint32_t)d->state);
    weir_put32(out + 12, (uint32_t)d->pid);
    weir_hv_put_text(out + 16, d->name, sizeof(d->name));
    weir_hv_put_text(out + 80, d->reason, sizeof(d->reason));
    weir_put32(out + 240, d->frames);
    weir_put32(out + 244, d->max_frames);
    weir_put32(out + 248, d->grants_active);
    weir_put32(out + 252, d->grants_mapped);
    weir_put32(out + 256, d->ports);
    weir_put32(out + 260, d->max_ports);
    weir_put32(out + 264, d->max_maps);
    weir_put32(out + 268, d->store_evtchn);
    weir_put64(out + 272, d->store_frame);
    weir_put64(out + 280, d->faults);
    weir_put64(out + 288, d->hypercalls);
    weir_put64(out + 296, d->io_refused);
    weir_put64(out + 304, d->uptime_ns);
    weir_put32(out + 312, d->vcpus);
    weir_put32(out + 316, d->shutdown);
    weir_put32(out + 320, d->xen_hvm);
    weir_put32(out + 324, d->console_evtchn);
    weir_put32(out + 328, d->generation);
}

void weir_hvctl_put_range(uint8_t out[WEIR_HVCTL_IO_RANGE],
                          const struct weir_io_range *r)
{
    weir_put32(out, (uint32_t)r->kind);
    weir_put32(out + 4, 0);
    weir_put64(out + 8, r->first);
    weir_put64(out + 16, r->last);
}

int weir_hvctl_get_range(const uint8_t *p, size_t len, struct weir_io_range *r)
{
    uint32_t kind;

    if (len != WEIR_HVCTL_IO_RANGE)
        return -EINVAL;
    kind = weir_le32(p);
    r->first = weir_le64(p + 8);
    r->last = weir_le64(p + 16);
    if (kind > WEIR_IO_PCI || r->first > r->last)
        return -EINVAL;
    r->kind = (enum weir_io_kind)kind;
    return 0;
}

void weir_hvctl_put_machine(uint8_t out[WEIR_HVCTL_MACHINE_REP],
                            const struct weir_hv_machine *m)
{
    weir_put64(out, m->frames_total);
    weir_put64(out + 8, m->frames_used);
    weir_put64(out + 16, m->rss_bytes);
    weir_put32(out + 24, m->domains);
    weir_put32(out + 28, 0);
    weir_hv_put_text(out + 32, m->version, sizeof(m->version));
}

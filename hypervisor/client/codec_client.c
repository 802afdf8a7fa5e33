/* SPDX-License-Identifier: MIT */
#include "hypervisor/client/codec_client.h"

#include <errno.h>

int weir_hv_get_hello(const uint8_t *p, size_t len, struct weir_hv_hello *h)
{
    if (len != WEIR_HV_HELLO_REP)
        return -EINVAL;
    h->memory_bytes = weir_le64(p);
    h->store_frame = weir_le64(p + 8);
    h->console_frame = weir_le64(p + 16);
    h->grant_frame = weir_le64(p + 24);
    h->grant_frames = weir_le32(p + 32);
    h->max_grants = weir_le32(p + 36);
    h->store_evtchn = weir_le32(p + 40);
    h->console_evtchn = weir_le32(p + 44);
    h->max_ports = weir_le32(p + 48);
    h->domid = weir_le32(p + 52);
    return weir_hv_get_text(p + 56, h->name, WEIR_HV_NAME);
}

void weir_hv_put_copy(uint8_t out[WEIR_HV_COPY_REQ],
                      const struct weir_hv_copy_elem *e)
{
    weir_put64(out, e->src);
    weir_put16(out + 8, e->src_dom);
    weir_put16(out + 10, e->src_off);
    weir_put64(out + 12, e->dst);
    weir_put16(out + 20, e->dst_dom);
    weir_put16(out + 22, e->dst_off);
    weir_put16(out + 24, e->len);
    weir_put16(out + 26, e->flags);
}

void weir_hvctl_put_create(uint8_t out[WEIR_HVCTL_CREATE_REQ],
                           const struct weir_hv_create *c)
{
    weir_hv_put_text(out, c->name, WEIR_HV_NAME);
    weir_put32(out + 64, (uint32_t)c->kind);
    weir_put32(out + 68, c->domid);
    weir_put32(out + 72, c->max_frames);
    weir_put32(out + 76, c->max_grants);
    weir_put32(out + 80, c->max_ports);
    weir_put32(out + 84, c->max_maps);
    weir_put32(out + 88, c->has_store);
    weir_put32(out + 92, c->store_domid);
    weir_put32(out + 96, c->vcpus);
    weir_put32(out + 100, 0);
    weir_put64(out + 104, c->ram);
}

int weir_hvctl_get_dominfo(const uint8_t *p, size_t len,
                           struct weir_hv_dominfo *d)
{
    uint32_t domid, kind, state;

    if (len != WEIR_HVCTL_DOMINFO)
        return -EINVAL;
    domid = weir_le32(p);
    kind = weir_le32(p + 4);
    state = weir_le32(p + 8);
    if (domid > WEIR_HV_DOMID_LAST || kind > WEIR_DOM_VM ||
        state > WEIR_DOM_SHUTDOWN)
        return -EINVAL;
    if (weir_hv_get_text(p + 16, d->name, sizeof(d->name)) < 0 ||
        weir_hv_get_text(p + 80, d->reason, sizeof(d->reason)) < 0)
        return -EINVAL;
    d->domid = (domid_t)domid;
    d->kind = (enum weir_dom_kind)kind;
    d->state = (enum weir_dom_state)state;
    d->pid = (int32_t)weir_le32(p + 12);
    d->frames = weir_le32(p + 240);
    d->max_frames = weir_le32(p + 244);
    d->grants_active = weir_le32(p + 248);
    d->grants_mapped = weir_le32(p + 252);
    d->ports = weir_le32(p + 256);
    d->max_ports = weir_le32(p + 260);
    d->max_maps = weir_le32(p + 264);
    d->store_evtchn = weir_le32(p + 268);
    d->store_frame = weir_le64(p + 272);
    d->faults = weir_le64(p + 280);
    d->hypercalls = weir_le64(p + 288);
    d->io_refused = weir_le64(p + 296);
    d->uptime_ns = weir_le64(p + 304);
    d->vcpus = weir_le32(p + 312);
    d->shutdown = weir_le32(p + 316);
    d->xen_hvm = weir_le32(p + 320) != 0;
    d->console_evtchn = weir_le32(p + 324);
    d->generation = weir_le32(p + 328);
    return 0;
}

int weir_hvctl_get_machine(const uint8_t *p, size_t len,
                           struct weir_hv_machine *m)
{
    if (len != WEIR_HVCTL_MACHINE_REP)
        return -EINVAL;
    m->frames_total = weir_le64(p);
    m->frames_used = weir_le64(p + 8);
    m->rss_bytes = weir_le64(p + 16);
    m->domains = weir_le32(p + 24);
    return weir_hv_get_text(p + 32, m->version, sizeof(m->version));
}

/* SPDX-License-Identifier: MIT
 *
 * The xen port: pages of other domains.
 */
#include "hypervisor/client/xen_priv.h"

#include "ring/error.h"
#include "ring/gntst.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define SEGMENTS 64u /* copies in one ioctl */

static unsigned handle_of(domid_t dom)
{
    return dom % WEIR_XEN_GNTTABS;
}

int weir_xen_map(struct weir_port *p, struct weir_map_op *ops, unsigned n)
{
    struct weir_xen *x = weir_xen_of(p);

    for (unsigned i = 0; i < n; i++) {
        struct weir_map_op *op = &ops[i];

        op->handle = handle_of(op->dom);
        op->addr = xengnttab_map_grant_ref(
            x->gnttab[op->handle], op->dom, op->ref,
            op->readonly ? PROT_READ : PROT_READ | PROT_WRITE);
        op->status = 0;
        if (op->addr == NULL)
            op->status = errno != 0 ? -errno : -WEIR_EINVAL;
    }
    return 0;
}

int weir_xen_unmap(struct weir_port *p, struct weir_unmap_op *ops, unsigned n)
{
    struct weir_xen *x = weir_xen_of(p);

    for (unsigned i = 0; i < n; i++) {
        struct weir_unmap_op *op = &ops[i];

        op->status = -WEIR_EBADF;
        if (op->handle >= WEIR_XEN_GNTTABS)
            continue;
        op->status = 0;
        if (xengnttab_unmap(x->gnttab[op->handle], op->addr, 1) != 0)
            op->status = -errno;
    }
    return 0;
}

static void put_end(const struct weir_copy_end *e, union xengnttab_copy_ptr *to)
{
    if (e->is_grant) {
        to->foreign.ref = e->ref;
        to->foreign.offset = e->offset;
        to->foreign.domid = e->dom;
    } else {
        to->virt = (uint8_t *)e->page + e->offset;
    }
}

static bool fill(const struct weir_copy_op *op,
                 xengnttab_grant_copy_segment_t *seg)
{
    if (op->len + op->src.offset > (int)WEIR_PAGE_SIZE ||
        op->len + op->dst.offset > (int)WEIR_PAGE_SIZE ||
        (!op->src.is_grant && !op->dst.is_grant))
        return false;
    memset(seg, 0, sizeof(*seg));
    put_end(&op->src, &seg->source);
    put_end(&op->dst, &seg->dest);
    seg->len = op->len;
    seg->flags = (uint16_t)((op->src.is_grant ? GNTCOPY_source_gref : 0) |
                            (op->dst.is_grant ? GNTCOPY_dest_gref : 0));
    seg->status = GNTST_general_error;
    return true;
}

/* The driver refuses a whole call for one bad element, so these stay out. */
static unsigned copy_some(struct weir_xen *x, struct weir_copy_op *ops,
                          unsigned n)
{
    xengnttab_grant_copy_segment_t seg[SEGMENTS];
    struct weir_copy_op *of[SEGMENTS];
    unsigned taken = 0, count = 0;
    int err = 0;

    for (; taken < n && count < SEGMENTS; taken++) {
        if (fill(&ops[taken], &seg[count]))
            of[count++] = &ops[taken];
        else
            ops[taken].status = -WEIR_ERANGE;
    }
    if (count > 0 && xengnttab_grant_copy(x->gnttab[0], count, seg) != 0)
        err = errno != 0 ? -errno : -WEIR_EIO;
    for (unsigned i = 0; i < count; i++)
        of[i]->status = err != 0 ? err : weir_gntst_error(seg[i].status);
    return taken;
}

int weir_xen_copy(struct weir_port *p, struct weir_copy_op *ops, unsigned n)
{
    struct weir_xen *x = weir_xen_of(p);

    for (unsigned i = 0; i < n;)
        i += copy_some(x, ops + i, n - i);
    return 0;
}

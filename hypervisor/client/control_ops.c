/* SPDX-License-Identifier: MIT
 *
 * What is asked over the control socket.
 */
#include "hypervisor/client/control_call.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int weir_hvctl_create(struct weir_hvctl *c, const struct weir_hv_create *how,
                      domid_t *domid, int *domain_fd)
{
    struct weir_hvctl_msg k = {
        .op = WEIR_HVCTL_CREATE,
        .len = WEIR_HVCTL_CREATE_REQ,
        .want = 4,
        .room = 1,
    };
    int rc;

    if (strlen(how->name) >= WEIR_HV_NAME)
        return -ENAMETOOLONG;
    weir_hvctl_put_create(weir_hvctl_args(c), how);
    rc = weir_hvctl_call(c, &k);
    if (rc < 0)
        return rc;
    if ((k.nfds == 0) != (how->kind == WEIR_DOM_VM)) {
        weir_hvctl_drop(&k);
        return -EPROTO;
    }
    *domid = (domid_t)weir_le32(weir_hvctl_result(c));
    *domain_fd = k.nfds ? k.fds[0] : -1;
    return 0;
}

int weir_hvctl_vm_load(struct weir_hvctl *c, domid_t domid, int memfd,
                       uint64_t offset, uint64_t length, uint64_t gpa)
{
    uint64_t end;

    if (__builtin_add_overflow(gpa, length, &end) ||
        __builtin_add_overflow(offset, length, &end))
        return -ERANGE;
    do {
        uint64_t n =
            length < WEIR_HVCTL_LOAD_MAX ? length : WEIR_HVCTL_LOAD_MAX;
        struct weir_hvctl_msg k = {.op = WEIR_HVCTL_VM_LOAD,
                                   .len = WEIR_HVCTL_LOAD_REQ,
                                   .pass = &memfd,
                                   .npass = 1};
        int rc;

        weir_put32(weir_hvctl_args(c), domid);
        weir_put32(weir_hvctl_args(c) + 4, 0);
        weir_put64(weir_hvctl_args(c) + 8, gpa);
        weir_put64(weir_hvctl_args(c) + 16, n);
        weir_put64(weir_hvctl_args(c) + 24, offset);
        rc = weir_hvctl_call(c, &k);
        if (rc < 0)
            return rc;
        offset += n;
        gpa += n;
        length -= n;
    } while (length);
    return 0;
}

int weir_hvctl_vm_start(struct weir_hvctl *c, domid_t domid, uint32_t entry,
                        uint32_t start_info)
{
    struct weir_hvctl_msg k = {.op = WEIR_HVCTL_VM_START,
                               .len = WEIR_HVCTL_START_REQ};

    weir_put32(weir_hvctl_args(c), domid);
    weir_put32(weir_hvctl_args(c) + 4, entry);
    weir_put32(weir_hvctl_args(c) + 8, start_info);
    weir_put32(weir_hvctl_args(c) + 12, 0);
    return weir_hvctl_call(c, &k);
}

/* Operations on a domain that answer with a status alone. */
static int on_domain(struct weir_hvctl *c, uint16_t op, domid_t domid)
{
    struct weir_hvctl_msg k = {.op = op, .len = 4};

    weir_put32(weir_hvctl_args(c), domid);
    return weir_hvctl_call(c, &k);
}

int weir_hvctl_destroy(struct weir_hvctl *c, domid_t domid)
{
    return on_domain(c, WEIR_HVCTL_DESTROY, domid);
}

/* What answers with one descriptor. */
static int get_fd(struct weir_hvctl *c, uint16_t op, size_t len, int *fd)
{
    struct weir_hvctl_msg k = {.op = op, .len = len, .room = 1};
    int rc = weir_hvctl_call(c, &k);

    if (rc == 0 && k.nfds == 0)
        rc = -EPROTO;
    if (rc == 0)
        *fd = k.fds[0];
    return rc;
}

int weir_hvctl_revive(struct weir_hvctl *c, domid_t domid, int *domain_fd)
{
    weir_put32(weir_hvctl_args(c), domid);
    weir_put32(weir_hvctl_args(c) + 4, 0);
    return get_fd(c, WEIR_HVCTL_REVIVE, WEIR_HVCTL_REVIVE_REQ, domain_fd);
}

int weir_hvctl_pause(struct weir_hvctl *c, domid_t domid)
{
    return on_domain(c, WEIR_HVCTL_PAUSE, domid);
}

int weir_hvctl_unpause(struct weir_hvctl *c, domid_t domid)
{
    return on_domain(c, WEIR_HVCTL_UNPAUSE, domid);
}

int weir_hvctl_info(struct weir_hvctl *c, domid_t domid,
                    struct weir_hv_dominfo *out)
{
    struct weir_hvctl_msg k = {
        .op = WEIR_HVCTL_INFO, .len = 4, .want = WEIR_HVCTL_DOMINFO};
    int rc;

    weir_put32(weir_hvctl_args(c), domid);
    rc = weir_hvctl_call(c, &k);
    return rc < 0 ? rc
                  : weir_hvctl_get_dominfo(weir_hvctl_result(c), k.want, out);
}

int weir_hvctl_list(struct weir_hvctl *c, domid_t first,
                    struct weir_hv_dominfo *out, unsigned max, unsigned *n)
{
    uint32_t next = first;

    for (*n = 0; *n < max;) {
        struct weir_hvctl_msg k = {.op = WEIR_HVCTL_LIST,
                                   .len = 8,
                                   .want = WEIR_HVCTL_DOMINFO,
                                   .elements = true};
        int rc;

        weir_put32(weir_hvctl_args(c), next);
        weir_put32(weir_hvctl_args(c) + 4, max - *n);
        rc = weir_hvctl_call(c, &k);
        if (rc < 0)
            return rc;
        if (k.count == 0)
            return 0;
        for (unsigned i = 0; i < k.count && *n < max; i++) {
            rc = weir_hvctl_get_dominfo(weir_hvctl_result(c) +
                                            (size_t)i * WEIR_HVCTL_DOMINFO,
                                        WEIR_HVCTL_DOMINFO, &out[*n]);
            if (rc < 0)
                return rc;
            next = out[(*n)++].domid + 1u;
        }
    }
    return 0;
}

int weir_hvctl_stats(struct weir_hvctl *c, domid_t domid,
                     uint8_t page[WEIR_PAGE_SIZE])
{
    struct weir_hvctl_msg k = {
        .op = WEIR_HVCTL_STATS, .len = 4, .want = WEIR_PAGE_SIZE};
    int rc;

    weir_put32(weir_hvctl_args(c), domid);
    rc = weir_hvctl_call(c, &k);
    if (rc == 0)
        memcpy(page, weir_hvctl_result(c), WEIR_PAGE_SIZE);
    return rc;
}

int weir_hvctl_console(struct weir_hvctl *c, domid_t domid, int *fd)
{
    weir_put32(weir_hvctl_args(c), domid);
    return get_fd(c, WEIR_HVCTL_CONSOLE, 4, fd);
}

int weir_hvctl_stash(struct weir_hvctl *c, uint64_t key, const int *fds,
                     unsigned n)
{
    struct weir_hvctl_msg k = {.op = WEIR_HVCTL_STASH,
                               .len = WEIR_HVCTL_STASH_REQ,
                               .pass = fds,
                               .npass = n};

    if (n < 1 || n > WEIR_STASH_FDS)
        return -EINVAL;
    weir_put64(weir_hvctl_args(c), key);
    weir_put32(weir_hvctl_args(c) + 8, n);
    weir_put32(weir_hvctl_args(c) + 12, 0);
    return weir_hvctl_call(c, &k);
}

int weir_hvctl_unstash(struct weir_hvctl *c, uint64_t key)
{
    struct weir_hvctl_msg k = {.op = WEIR_HVCTL_UNSTASH, .len = 8};

    weir_put64(weir_hvctl_args(c), key);
    return weir_hvctl_call(c, &k);
}

int weir_hvctl_stashed(struct weir_hvctl *c, uint64_t first, uint64_t *key,
                       int fds[WEIR_STASH_FDS], unsigned *n)
{
    struct weir_hvctl_msg k = {.op = WEIR_HVCTL_STASHED,
                               .len = 8,
                               .want = WEIR_HVCTL_STASHED_REP,
                               .room = WEIR_STASH_FDS};
    uint32_t said;
    int rc;

    weir_put64(weir_hvctl_args(c), first);
    rc = weir_hvctl_call(c, &k);
    if (rc < 0)
        return rc;
    said = weir_le32(weir_hvctl_result(c) + 8);
    if (k.nfds == 0 || k.nfds != said) {
        rc = k.nfds < said && said <= WEIR_STASH_FDS ? -EMFILE : -EPROTO;
        weir_hvctl_drop(&k);
        return rc;
    }
    *key = weir_le64(weir_hvctl_result(c));
    *n = k.nfds;
    memcpy(fds, k.fds, k.nfds * sizeof(*fds));
    return 0;
}

static int io_change(struct weir_hvctl *c, uint16_t op, domid_t domid,
                     const struct weir_io_range *r)
{
    struct weir_hvctl_msg k = {.op = op, .len = 8 + WEIR_HVCTL_IO_RANGE};

    weir_put32(weir_hvctl_args(c), domid);
    weir_put32(weir_hvctl_args(c) + 4, 0);
    weir_hvctl_put_range(weir_hvctl_args(c) + 8, r);
    return weir_hvctl_call(c, &k);
}

int weir_hvctl_io_permit(struct weir_hvctl *c, domid_t domid,
                         const struct weir_io_range *r)
{
    return io_change(c, WEIR_HVCTL_IO_PERMIT, domid, r);
}

int weir_hvctl_io_deny(struct weir_hvctl *c, domid_t domid,
                       const struct weir_io_range *r)
{
    return io_change(c, WEIR_HVCTL_IO_DENY, domid, r);
}

int weir_hvctl_io_list(struct weir_hvctl *c, domid_t domid,
                       struct weir_io_range *out, unsigned max, unsigned *n)
{
    struct weir_hvctl_msg k = {.op = WEIR_HVCTL_IO_LIST,
                               .len = 4,
                               .want = WEIR_HVCTL_IO_RANGE,
                               .elements = true};
    int rc;

    weir_put32(weir_hvctl_args(c), domid);
    rc = weir_hvctl_call(c, &k);
    *n = rc < 0 ? 0 : k.count < max ? k.count : max;
    for (unsigned i = 0; rc == 0 && i < *n; i++)
        rc = weir_hvctl_get_range(weir_hvctl_result(c) +
                                      (size_t)i * WEIR_HVCTL_IO_RANGE,
                                  WEIR_HVCTL_IO_RANGE, &out[i]);
    return rc;
}

int weir_hvctl_machine(struct weir_hvctl *c, struct weir_hv_machine *out)
{
    struct weir_hvctl_msg k = {.op = WEIR_HVCTL_MACHINE,
                               .want = WEIR_HVCTL_MACHINE_REP};
    int rc = weir_hvctl_call(c, &k);

    return rc < 0 ? rc
                  : weir_hvctl_get_machine(weir_hvctl_result(c), k.want, out);
}

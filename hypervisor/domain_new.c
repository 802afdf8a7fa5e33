/* SPDX-License-Identifier: MIT
 *
 * Making a domain.
 */
#include "hypervisor/vm.h"
#include "hypervisor/vm_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static int choose_domid(struct hv_machine *m, domid_t wanted, domid_t *domid)
{
    if (wanted) {
        *domid = wanted;
        return m->dom[wanted] ? -EEXIST : 0;
    }
    for (uint32_t i = 1; i <= WEIR_HV_DOMID_LAST; i++) {
        uint32_t id = (m->last_domid + i - 1) % WEIR_HV_DOMID_LAST + 1;

        if (!m->dom[id]) {
            *domid = (domid_t)id;
            m->last_domid = (domid_t)id;
            return 0;
        }
    }
    return -ENOSPC;
}

bool hv_domain_named(struct hv_machine *m, const char *name)
{
    for (uint32_t i = 1; i <= WEIR_HV_DOMID_LAST; i++) {
        const struct hv_domain *d = m->dom[i];

        if (d && (!d->dead || (d->revive && !d->destroy)) &&
            strcmp(d->name, name) == 0)
            return true;
    }
    return false;
}

static int check_request(struct hv_machine *m, const struct weir_hv_create *c)
{
    if (c->kind == WEIR_DOM_PROCESS
            ? c->vcpus || c->ram
            : c->vcpus == 0 || c->vcpus > HV_VCPUS_MAX || c->ram == 0 ||
                  c->ram > c->max_frames)
        return -EINVAL;
    if (c->kind == WEIR_DOM_VM && m->kvm < 0)
        return -ENODEV;
    /* Others may be quicker: then the domain's own creation fails. */
    if (c->ram > m->frames.count - m->frames.in_use)
        return -ENOMEM;
    if (!c->name[0] || c->max_frames == 0 || c->max_grants > HV_GRANTS_MAX ||
        c->max_ports > HV_PORTS_MAX || c->max_maps > HV_MAPS_MAX)
        return -EINVAL;
    if (m->ndomains >= HV_DOMAINS_MAX)
        return -ENOSPC;
    return hv_domain_named(m, c->name) ? -EEXIST : 0;
}

/* Memory behind a reserved frame: without the lock, for a host short of memory
 * takes its time. */
static int populate(struct hv_domain *d, mfn_t frame, enum hv_frame_type type)
{
    struct hv_machine *m = d->m;
    int rc = hv_memory_populate(&m->mem, frame, 1);

    if (rc < 0)
        return rc;
    pthread_mutex_lock(&m->lock);
    hv_frames_set(&m->frames, frame, 1, type);
    pthread_mutex_unlock(&m->lock);
    return 0;
}

int hv_domain_special(struct hv_domain *d, enum hv_frame_type type,
                      mfn_t *frame)
{
    int rc = hv_domain_reserve(d, 1, false, frame);

    return rc < 0 ? rc : populate(d, *frame, type);
}

int hv_domain_add_port(struct hv_domain *d, domid_t remote,
                       enum hv_port_state state, evtchn_port_t *port)
{
    struct hv_machine *m = d->m;
    int rc = -ENOSPC;

    pthread_mutex_lock(&m->lock);
    if (m->ports < m->max_ports)
        rc = hv_event_alloc(&d->events, remote, state, port);
    if (rc == 0)
        m->ports++;
    pthread_mutex_unlock(&m->lock);
    return rc;
}

/* What a domain has from the start: grant table, console, store page.  Nobody
 * else knows the domain yet. */
static int furnish(struct hv_domain *d, const struct weir_hv_create *how)
{
    struct hv_machine *m = d->m;
    struct hv_grants *g = &d->grants;
    bool vm = d->kind == WEIR_DOM_VM;
    int rc;

    rc = hv_domain_reserve(d, g->max, false, &g->first);
    if (rc == 0)
        rc = populate(d, g->first, HV_FRAME_TABLE);
    if (rc == 0)
        rc = hv_grants_extend(g);
    if (rc < 0)
        return rc;
    g->shared = hv_memory_at(&m->mem, g->first);
    rc = hv_domain_special(d, HV_FRAME_CONSOLE, &d->console_frame);
    if (rc == 0)
        rc = hv_domain_add_port(d, 0, HV_PORT_CONSOLE, &d->console_port);
    if (rc < 0)
        return rc;
    d->console.ring = hv_memory_at(&m->mem, d->console_frame);
    if (vm)
        hv_grant_preset(g, WEIR_GNTTAB_RESERVED_CONSOLE, 0,
                        WEIR_VM_PFN_CONSOLE);
    if (!how->has_store)
        return 0;
    rc = hv_domain_special(d, HV_FRAME_STORE, &d->store);
    if (rc == 0)
        rc = hv_domain_add_port(d, how->store_domid, HV_PORT_UNBOUND,
                                &d->store_port);
    if (rc == 0)
        hv_grant_preset(g, WEIR_GNTTAB_RESERVED_XENSTORE, how->store_domid,
                        vm ? WEIR_VM_PFN_STORE : d->store);
    return rc;
}

static struct hv_domain *domain_alloc(struct hv_machine *m,
                                      const struct weir_hv_create *how,
                                      domid_t domid)
{
    struct hv_domain *d = calloc(1, sizeof(*d));

    if (!d)
        return NULL;
    d->m = m;
    d->domid = domid;
    d->sock = d->pidfd = d->wake = -1;
    d->kind = how->kind;
    d->born_ns = hv_now_ns();
    d->max_frames = how->max_frames;
    d->store_domid = how->store_domid;
    strncpy(d->name, how->name, sizeof(d->name) - 1);
    d->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (d->wake < 0 ||
        hv_grants_init(&d->grants, domid,
                       how->max_grants ? how->max_grants : HV_DEFAULT_TABLE) ||
        hv_events_init(&d->events, domid,
                       how->max_ports ? how->max_ports : HV_DEFAULT_PORTS) ||
        hv_track_init(&d->track,
                      how->max_maps ? how->max_maps : HV_DEFAULT_MAPS,
                      how->kind == WEIR_DOM_VM ? 0 : m->frames.count) ||
        hv_console_init(&d->console)) {
        hv_domain_free(d);
        return NULL;
    }
    return d;
}

int hv_domain_build(struct hv_machine *m, const struct weir_hv_create *how,
                    domid_t domid, struct hv_domain **out)
{
    struct hv_domain *d = domain_alloc(m, how, domid);
    int rc;

    if (!d)
        return -ENOMEM;
    rc = furnish(d, how);
    if (rc == 0 && how->kind == WEIR_DOM_VM)
        rc = hv_vm_new(d, how);
    if (rc < 0)
        hv_domain_unmake(d);
    else
        *out = d;
    return rc;
}

void hv_domain_unmake(struct hv_domain *d)
{
    if (d->vm)
        hv_vm_end(d->vm);
    hv_domain_drop(d);
    hv_domain_give_back(d, true);
    hv_domain_free(d);
}

static int start_thread(struct hv_domain *d)
{
    pthread_attr_t attr;
    int rc;

    if (pthread_attr_init(&attr))
        return -ENOMEM;
    pthread_attr_setstacksize(&attr, 256 << 10);
    rc = pthread_create(&d->thread, &attr, hv_domain_run, d);
    pthread_attr_destroy(&attr);
    return -rc;
}

/* In the table others look at; from then on they may map its pages and bind
 * its ports, and it can't be unmade any more. */
static void enter(struct hv_domain *d)
{
    struct hv_machine *m = d->m;

    pthread_mutex_lock(&m->lock);
    m->dom[d->domid] = d;
    m->ndomains++;
    hv_domain_changed(d);
    pthread_mutex_unlock(&m->lock);
}

int hv_domain_open_socket(struct hv_domain *d, int *domain_fd)
{
    int sv[2], on = 1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
        return -errno;
    d->sock = sv[0];
    *domain_fd = sv[1];
    return setsockopt(sv[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0
               ? -errno
               : 0;
}

int hv_domain_create(struct hv_machine *m, const struct weir_hv_create *how,
                     domid_t *domid, int *domain_fd)
{
    struct hv_domain *d;
    int rc, fd = -1;

    pthread_mutex_lock(&m->lock);
    rc = check_request(m, how);
    if (rc == 0)
        rc = choose_domid(m, how->domid, domid);
    pthread_mutex_unlock(&m->lock);
    if (rc == 0)
        rc = hv_domain_build(m, how, *domid, &d);
    if (rc < 0)
        return rc;
    if (!d->vm)
        rc = hv_domain_open_socket(d, &fd);
    if (rc == 0)
        rc = start_thread(d);
    if (rc < 0) {
        if (fd >= 0)
            close(fd);
        hv_domain_unmake(d);
        return rc;
    }
    enter(d);
    *domain_fd = fd;
    return 0;
}

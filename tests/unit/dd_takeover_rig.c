/* SPDX-License-Identifier: MIT */
#include "tests/unit/dd_takeover_rig.h"

#include "driverdomains/sandbox.h"
#include "tests/unit/told.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct rig rig;

int rig_fd(void)
{
    int fd = memfd_create("rig", MFD_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

bool rig_same_file(int a, int b)
{
    struct stat x, y;

    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino;
}

/* ---- weir-hv ------------------------------------------------------------- */

static unsigned at(uint64_t key)
{
    unsigned i = 0;

    while (i < rig.nkept && rig.kept[i].key < key)
        i++;
    return i;
}

static void forget(struct rig_record *r)
{
    for (unsigned i = 0; i < r->n; i++)
        close(r->fds[i]);
    r->n = 0;
}

int weir_hvctl_stash(struct weir_hvctl *c, uint64_t key, const int *fds,
                     unsigned n)
{
    unsigned i = at(key);

    (void)c;
    rig.stashes++;
    if (rig.stash_says)
        return rig.stash_says;
    assert_true(n <= WEIR_STASH_FDS);
    if (i < rig.nkept && rig.kept[i].key == key) {
        forget(&rig.kept[i]);
    } else {
        assert_true(rig.nkept < RIG_RECORDS);
        memmove(&rig.kept[i + 1], &rig.kept[i],
                (rig.nkept++ - i) * sizeof(rig.kept[0]));
    }
    rig.kept[i].key = key;
    rig.kept[i].n = n;
    for (unsigned k = 0; k < n; k++)
        assert_true((rig.kept[i].fds[k] = dup(fds[k])) >= 0);
    return 0;
}

int weir_hvctl_unstash(struct weir_hvctl *c, uint64_t key)
{
    unsigned i = at(key);

    (void)c;
    if (i == rig.nkept || rig.kept[i].key != key)
        return -ENOENT;
    forget(&rig.kept[i]);
    memmove(&rig.kept[i], &rig.kept[i + 1],
            (--rig.nkept - i) * sizeof(rig.kept[0]));
    return 0;
}

int weir_hvctl_stashed(struct weir_hvctl *c, uint64_t first, uint64_t *key,
                       int fds[WEIR_STASH_FDS], unsigned *n)
{
    unsigned i = at(first);

    (void)c;
    if (rig.read_says && rig.reads == 0)
        return rig.read_says;
    rig.reads--;
    if (i == rig.nkept)
        return -ENOENT;
    *key = rig.kept[i].key;
    *n = rig.kept[i].n;
    for (unsigned k = 0; k < *n; k++)
        assert_true((fds[k] = dup(rig.kept[i].fds[k])) >= 0);
    return 0;
}

int weir_hvctl_info(struct weir_hvctl *c, domid_t domid,
                    struct weir_hv_dominfo *out)
{
    (void)c;
    if (domid >= 16 || !rig.hv[domid].known)
        return -ESRCH;
    out->domid = domid;
    out->state = rig.hv[domid].state;
    out->generation = rig.hv[domid].generation;
    return 0;
}

/* ---- the rest of the manager ----------------------------------------------
 */

uint64_t weir_devd_now(void)
{
    return 1000000000000;
}

void weir_devd_log(const char *fmt, ...)
{
    (void)fmt;
    rig.logs++;
}

int weir_source_add(struct weir_devd *d, struct weir_source *s, int fd,
                    void (*ready)(struct weir_source *, uint32_t))
{
    (void)d;
    s->fd = fd;
    s->ready = ready;
    return 0;
}

void weir_dom_exited(struct weir_source *s, uint32_t events)
{
    (void)s;
    (void)events;
}

void weir_dom_log_ready(struct weir_source *s, uint32_t events)
{
    (void)s;
    (void)events;
}

void weir_backend_event(struct weir_source *s, uint32_t events)
{
    (void)s;
    (void)events;
}

struct weir_dom *weir_dom_by_id(struct weir_devd *d, domid_t id)
{
    struct weir_dom *m = d->doms;

    while (m && m->domid != id)
        m = m->next;
    return m;
}

struct weir_dom *weir_dom_new(struct weir_devd *d,
                              const struct weir_domain_config *c, domid_t domid)
{
    struct weir_dom *dom = calloc(1, sizeof(*dom));

    assert_non_null(dom);
    dom->devd = d;
    dom->cfg = *c;
    dom->domid = domid;
    weir_dom_no_fds(dom);
    dom->next = d->doms;
    d->doms = dom;
    return dom;
}

struct weir_dom *weir_store_dom(struct weir_devd *d)
{
    static struct weir_domain_config cfg;

    weir_domain_config_init(&cfg);
    snprintf(cfg.name, sizeof(cfg.name), "xenstored");
    d->store = weir_dom_new(d, &cfg, WEIR_STORE_DOMID);
    return d->store;
}

int weir_store_adopt(struct weir_devd *d)
{
    assert_true(d->xs_listen >= 0);
    tell("adopt ");
    return 0;
}

void weir_devd_stop(struct weir_devd *d)
{
    (void)d;
    tell("stop ");
}

void weir_dom_bury(struct weir_dom *dom)
{
    tell("bury:%u ", dom->domid);
}

void weir_dom_kill(struct weir_dom *dom, const char *reason)
{
    (void)reason;
    tell("kill:%u ", dom->domid);
}

void weir_dom_fail(struct weir_dom *dom, const char *where, const char *fmt,
                   ...)
{
    (void)where;
    (void)fmt;
    tell("fail:%u ", dom->domid);
}

void weir_dom_program_gone(struct weir_dom *dom, const char *status, bool clean)
{
    assert_false(clean);
    assert_non_null(status);
    tell("gone:%u ", dom->domid);
}

void weir_dom_hv_event(struct weir_devd *d, const struct weir_hv_dominfo *i)
{
    assert_non_null(weir_dom_by_id(d, i->domid));
    if (i->state == WEIR_DOM_CRASHED)
        tell("crashed:%u ", i->domid);
}

void weir_revive_taken_over(struct weir_dom *dom)
{
    tell("revive:%u:%d ", dom->domid, dom->revival.step);
}

void weir_resume_remove(struct weir_dom *dom)
{
    (void)dom;
}

void weir_dev_go_on(struct weir_dev *dev)
{
    if (dev->phase != WEIR_DEV_ATTACHED)
        tell("dev:%u:%d ", dev->devid, dev->phase);
}

void weir_backend_drain(struct weir_dom *dom)
{
    if (dom->cfg.driver_domain)
        tell("drain:%u ", dom->domid);
}

uint32_t weir_reg_back_state(struct weir_dev *dev)
{
    return dev->back_state;
}

void weir_sweep_domains(struct weir_devd *d)
{
    (void)d;
}

void weir_sweep_registry(struct weir_devd *d)
{
    (void)d;
    tell("sweep");
}

void weir_sandbox_kill(int pidfd)
{
    (void)pidfd;
    tell("sigkill ");
}

/* ---- managers ---------------------------------------------------------------
 */

static void begin(void)
{
    memset(&rig.d, 0, sizeof(rig.d));
    rig.d.xs_listen = -1;
    snprintf(rig.d.in.state_dir, sizeof(rig.d.in.state_dir), "/nonexistent");
}

int rig_begin(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof(rig));
    told_forget();
    begin();
    return 0;
}

static void close_dom(struct weir_dom *m)
{
    struct weir_source *s[] = {&m->exit_src, &m->res_src, &m->log_src};

    for (unsigned i = 0; i < 3; i++)
        if (s[i]->fd >= 0)
            close(s[i]->fd);
    free(m);
}

void rig_die(void)
{
    while (rig.d.doms) {
        struct weir_dom *m = rig.d.doms;

        rig.d.doms = m->next;
        close_dom(m);
    }
    while (rig.d.devs) {
        struct weir_dev *v = rig.d.devs;

        rig.d.devs = v->next;
        for (unsigned i = 0; i < v->nfds; i++)
            close(v->fds[i]);
        free(v);
    }
    while (rig.d.restarts) {
        struct weir_restart *r = rig.d.restarts;

        rig.d.restarts = r->next;
        free(r);
    }
    if (rig.d.xs_listen >= 0)
        close(rig.d.xs_listen);
    begin();
}

int rig_end(void **state)
{
    (void)state;
    rig_die();
    while (rig.nkept)
        weir_hvctl_unstash(NULL, rig.kept[0].key);
    return 0;
}

int rig_next(void)
{
    return weir_recover_wanted(&rig.d) ? weir_recover(&rig.d) : -ENOENT;
}

struct weir_dom *rig_store(void)
{
    struct weir_dom *dom = weir_store_dom(&rig.d);

    dom->phase = WEIR_PHASE_RUNNING;
    dom->exit_src.fd = rig_fd();
    rig.d.xs_listen = rig_fd();
    return dom;
}

struct weir_dom *rig_dom(domid_t id, const char *name,
                         enum weir_dom_phase phase)
{
    static struct weir_domain_config cfg;
    struct weir_dom *dom;

    weir_domain_config_init(&cfg);
    snprintf(cfg.name, sizeof(cfg.name), "%s", name);
    dom = weir_dom_new(&rig.d, &cfg, id);
    dom->phase = phase;
    rig.hv[id].known = true;
    rig.hv[id].state = WEIR_DOM_RUNNING;
    return dom;
}

struct weir_dev *rig_dev(struct weir_dom *frontend, struct weir_dom *backend,
                         uint32_t devid, enum weir_dev_phase phase)
{
    struct weir_dev *dev = calloc(1, sizeof(*dev));

    assert_non_null(dev);
    dev->frontend = frontend;
    dev->backend = backend;
    dev->backend_domid = backend->domid;
    dev->cls = WEIR_RES_VBD;
    dev->devid = devid;
    dev->phase = phase;
    dev->next = rig.d.devs;
    rig.d.devs = dev;
    return dev;
}

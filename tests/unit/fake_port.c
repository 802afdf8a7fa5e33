/* SPDX-License-Identifier: MIT
 *
 * The fake machine: memory, domains, the port's page calls, the leak check.
 */
#include "tests/unit/fake_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void *must(void *p)
{
    if (p == NULL || p == MAP_FAILED) {
        perror("fake machine");
        abort();
    }
    return p;
}

int fake_enter(struct fake_domain *d, enum weir_fake_call call)
{
    struct fake_fault *f = &d->fault[call];

    d->calls[call]++;
    if (d->dead)
        fake_wrong(d->m, "dead domain %u makes call %d", d->domid, (int)call);
    if (f->count == 0)
        return 0;
    if (f->after > 0) {
        f->after--;
        return 0;
    }
    f->count--;
    return -f->error;
}

void fake_wrong(struct weir_fake_machine *m, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("fake machine: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    m->wrong++;
}

struct fake_domain *fake_find(struct weir_fake_machine *m, domid_t domid)
{
    for (unsigned i = 0; i < m->ndomains; i++) {
        if (!m->domain[i]->dead && m->domain[i]->domid == domid)
            return m->domain[i];
    }
    return NULL;
}

void fake_protect(struct fake_domain *d, uint32_t frame)
{
    const struct fake_frame *f = &d->m->frame[frame];
    bool own = f->owner == d && !f->orphan;
    int prot = PROT_NONE;

    if (own || d->rw_count[frame] > 0)
        prot = PROT_READ | PROT_WRITE;
    else if (d->ro_count[frame] > 0)
        prot = PROT_READ;
    if (mprotect(d->window + (size_t)frame * WEIR_PAGE_SIZE, WEIR_PAGE_SIZE,
                 prot) != 0)
        must(NULL);
}

uint32_t fake_take_frames(struct fake_domain *d, unsigned count)
{
    struct weir_fake_machine *m = d->m;
    unsigned run = 0;

    /* Frame 0 stays unused: a zero frame number shall be wrong. */
    for (uint32_t i = 1; count > 0 && i < m->nframes; i++) {
        run = m->frame[i].owner == NULL ? run + 1 : 0;
        if (run < count)
            continue;
        i -= count - 1;
        memset(m->mem + (size_t)i * WEIR_PAGE_SIZE, 0,
               (size_t)count * WEIR_PAGE_SIZE);
        for (uint32_t k = i; k < i + count; k++) {
            m->frame[k] = (struct fake_frame){.owner = d};
            fake_protect(d, k);
        }
        return i;
    }
    return UINT32_MAX;
}

/* The owner gives the frame back; it goes when nobody maps it any more. */
void fake_drop_frame(struct weir_fake_machine *m, uint32_t frame)
{
    struct fake_frame *f = &m->frame[frame];
    struct fake_domain *owner = f->owner;

    f->orphan = true;
    if (!owner->dead)
        fake_protect(owner, frame);
    if (f->foreign == 0)
        *f = (struct fake_frame){0};
}

static int fake_alloc(struct weir_port *p, unsigned count, void **first)
{
    struct fake_domain *d = fake_of(p);
    uint32_t frame = UINT32_MAX;
    int rc;

    pthread_mutex_lock(&d->m->lock);
    rc = fake_enter(d, WEIR_FAKE_ALLOC);
    if (rc == 0 && (d->max_frames == 0 || count <= d->max_frames - d->frames))
        frame = fake_take_frames(d, count);
    if (frame != UINT32_MAX) {
        d->frames += count;
        *first = d->window + (size_t)frame * WEIR_PAGE_SIZE;
    } else if (rc == 0) {
        rc = -WEIR_ENOMEM;
    }
    pthread_mutex_unlock(&d->m->lock);
    return rc;
}

static uint32_t frame_of(struct fake_domain *d, const void *page)
{
    uintptr_t off = (uintptr_t)page - (uintptr_t)d->window;

    if (off % WEIR_PAGE_SIZE != 0 || off / WEIR_PAGE_SIZE >= d->m->nframes)
        return 0;
    return (uint32_t)(off / WEIR_PAGE_SIZE);
}

/* Is an entry of d valid for frame, or still in use with it? */
static bool is_granted(struct fake_domain *d, uint32_t frame)
{
    const struct weir_grant_entry_v1 *e =
        (const void *)(d->m->mem + (size_t)d->table_first * WEIR_PAGE_SIZE);
    unsigned n = d->table_frames * WEIR_GRANTS_PER_FRAME;

    for (unsigned ref = 0; ref < n; ref++) {
        uint16_t flags = __atomic_load_n(&e[ref].flags, __ATOMIC_RELAXED);

        if (flags != 0 &&
            __atomic_load_n(&e[ref].frame, __ATOMIC_RELAXED) == frame)
            return true;
    }
    return false;
}

static void fake_free(struct weir_port *p, void *first, unsigned count)
{
    struct fake_domain *d = fake_of(p);
    uint32_t frame = frame_of(d, first);

    pthread_mutex_lock(&d->m->lock);
    fake_enter(d, WEIR_FAKE_FREE);
    for (uint32_t i = frame; i < frame + count; i++) {
        struct fake_frame *f = &d->m->frame[i];

        if (frame == 0 || i >= d->m->nframes || f->owner != d || f->table ||
            f->orphan) {
            fake_wrong(d->m, "domain %u frees %p, not its page", d->domid,
                       first);
            break;
        }
        if (f->foreign > 0 || is_granted(d, i))
            fake_wrong(d->m, "domain %u frees frame %u, which is granted",
                       d->domid, i);
        d->frames--;
        fake_kept_gone(d, i);
        fake_drop_frame(d->m, i);
    }
    pthread_mutex_unlock(&d->m->lock);
}

static mfn_t fake_frame_number(struct weir_port *p, const void *page)
{
    return frame_of(fake_of(p), page);
}

static int fake_grant_table(struct weir_port *p, bool grow,
                            volatile struct weir_grant_entry_v1 **entries,
                            uint32_t *count)
{
    struct fake_domain *d = fake_of(p);
    int rc;

    pthread_mutex_lock(&d->m->lock);
    rc = fake_enter(d, WEIR_FAKE_GRANT_TABLE);
    if (rc == 0 && grow) {
        if (d->table_frames < d->max_table_frames)
            d->table_frames++;
        else
            rc = -WEIR_ENOSPC;
    }
    if (rc == 0) {
        *entries = (volatile void *)(d->window +
                                     (size_t)d->table_first * WEIR_PAGE_SIZE);
        *count = d->table_frames * WEIR_GRANTS_PER_FRAME;
    }
    pthread_mutex_unlock(&d->m->lock);
    return rc;
}

static uint64_t fake_now(struct weir_port *p)
{
    struct timespec ts;

    (void)p;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void fake_log(struct weir_port *p, enum weir_log_level level,
                     const char *line)
{
    struct fake_domain *d = fake_of(p);

    pthread_mutex_lock(&d->m->lock);
    d->calls[WEIR_FAKE_LOG]++;
    pthread_mutex_unlock(&d->m->lock);
    if (getenv("WEIR_FAKE_LOG") != NULL)
        fprintf(stderr, "domain %u: <%d> %s\n", d->domid, (int)level, line);
}

static const struct weir_port_ops fake_ops = {
    .alloc_pages = fake_alloc,
    .free_pages = fake_free,
    .frame = fake_frame_number,
    .grant_table = fake_grant_table,
    .map = fake_map,
    .unmap = fake_unmap,
    .copy = fake_copy,
    .evtchn_alloc = fake_evtchn_alloc,
    .evtchn_bind = fake_evtchn_bind,
    .evtchn_close = fake_evtchn_close,
    .evtchn_notify = fake_evtchn_notify,
    .wait = fake_wait,
    .now_ns = fake_now,
    .log = fake_log,
    .evtchn_fd = fake_evtchn_fd,
    .evtchn_clear = fake_evtchn_clear,
    .keep = fake_keep,
    .forget_kept = fake_forget,
};

static void *map_memory(struct weir_fake_machine *m, int prot)
{
    return must(mmap(NULL, (size_t)m->nframes * WEIR_PAGE_SIZE, prot,
                     MAP_SHARED | MAP_NORESERVE, m->memfd, 0));
}

struct weir_fake_machine *weir_fake_machine_new(unsigned frames)
{
    struct weir_fake_machine *m = must(calloc(1, sizeof(*m)));

    pthread_mutex_init(&m->lock, NULL);
    m->nframes = frames;
    m->memfd = memfd_create("fake-machine", MFD_CLOEXEC);
    if (m->memfd < 0 ||
        ftruncate(m->memfd, (off_t)frames * WEIR_PAGE_SIZE) != 0)
        must(NULL);
    m->mem = map_memory(m, PROT_READ | PROT_WRITE);
    m->frame = must(calloc(frames, sizeof(*m->frame)));
    return m;
}

struct weir_port *weir_fake_domain_add(struct weir_fake_machine *m,
                                       domid_t domid, unsigned max_frames)
{
    struct fake_domain *d = must(calloc(1, sizeof(*d)));

    d->port.ops = &fake_ops;
    d->port.start.domid = domid;
    d->m = m;
    d->domid = domid;
    d->max_frames = max_frames;
    d->max_table_frames = 4;
    d->max_maps = 65536;
    d->window = map_memory(m, PROT_NONE);
    d->ro_count = must(calloc(m->nframes, 1));
    d->rw_count = must(calloc(m->nframes, 1));
    d->active = must(calloc(FAKE_REFS, sizeof(*d->active)));
    pthread_mutex_lock(&m->lock);
    if (m->ndomains == FAKE_DOMAINS || fake_find(m, domid) != NULL)
        must(NULL);
    m->domain[m->ndomains++] = d;
    /* Neighbours, so that the table is one array however far it grows. */
    d->table_first = fake_take_frames(d, FAKE_GRANT_FRAMES);
    if (d->table_first == UINT32_MAX)
        must(NULL);
    for (uint32_t i = 0; i < FAKE_GRANT_FRAMES; i++)
        m->frame[d->table_first + i].table = true;
    d->table_frames = 1;
    pthread_mutex_unlock(&m->lock);
    return &d->port;
}

void fake_let_go(struct fake_domain *d)
{
    fake_unmap_all(d);
    fake_close_all(d);
    memset(d->m->mem + (size_t)d->table_first * WEIR_PAGE_SIZE, 0,
           FAKE_GRANT_FRAMES * WEIR_PAGE_SIZE);
}

void weir_fake_domain_destroy(struct weir_port *port)
{
    struct fake_domain *d = fake_of(port);
    struct weir_fake_machine *m = d->m;

    pthread_mutex_lock(&m->lock);
    fake_let_go(d);
    d->dead = true;
    d->frames = 0;
    for (uint32_t i = 0; i < m->nframes; i++) {
        if (m->frame[i].owner == d)
            fake_drop_frame(m, i);
    }
    munmap(d->window, (size_t)m->nframes * WEIR_PAGE_SIZE);
    pthread_mutex_unlock(&m->lock);
}

unsigned weir_fake_leaks(struct weir_fake_machine *m)
{
    unsigned leaks = m->wrong;

    for (unsigned i = 0; i < m->ndomains; i++) {
        struct fake_domain *d = m->domain[i];
        unsigned pages = weir_fake_pages(&d->port);
        unsigned granted = weir_fake_granted(&d->port);
        unsigned mapped = weir_fake_mapped(&d->port);
        unsigned ports = weir_fake_ports(&d->port);

        if (!d->dead && pages + granted + mapped + ports > 0) {
            fprintf(stderr,
                    "fake machine: domain %u has %u pages, %u grants, %u "
                    "mappings, %u ports left\n",
                    d->domid, pages, granted, mapped, ports);
            leaks += pages + granted + mapped + ports;
        }
    }
    return leaks;
}

unsigned weir_fake_machine_free(struct weir_fake_machine *m)
{
    unsigned leaks = weir_fake_leaks(m);

    for (unsigned i = 0; i < m->ndomains; i++) {
        struct fake_domain *d = m->domain[i];

        if (!d->dead)
            weir_fake_domain_destroy(&d->port);
        free(d->ro_count);
        free(d->rw_count);
        free(d->active);
        free(d->maps);
        free(d);
    }
    munmap(m->mem, (size_t)m->nframes * WEIR_PAGE_SIZE);
    close(m->memfd);
    free(m->frame);
    pthread_mutex_destroy(&m->lock);
    free(m);
    return leaks;
}

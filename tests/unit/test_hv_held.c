/* SPDX-License-Identifier: MIT
 *
 * What one domain can do to the others' time: how long and over which calls
 * the machine's lock is held, when a domain's thread looks up from its
 * hypercalls, and what a shortage costs.  The kernel is made up (hv_fake.h).
 */
#include "hypervisor/ctl.h"
#include "hypervisor/hypercall.h"
#include "ring/barrier.h"
#include "tests/fuzz/hv_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int __real_hv_memory_populate(struct hv_memory *m, mfn_t first, uint64_t n);
int __wrap_hv_memory_populate(struct hv_memory *m, mfn_t first, uint64_t n);
int __real_hv_memory_discard(struct hv_memory *m, mfn_t first, uint64_t n);
int __wrap_hv_memory_discard(struct hv_memory *m, mfn_t first, uint64_t n);
void __real_hv_grant_release(struct hv_grants *g, grant_ref_t ref,
                             bool readonly);
void __wrap_hv_grant_release(struct hv_grants *g, grant_ref_t ref,
                             bool readonly);
void __real_hv_event_close(struct hv_events *e, evtchn_port_t port,
                           struct hv_events *r);
void __wrap_hv_event_close(struct hv_events *e, evtchn_port_t port,
                           struct hv_events *r);
int __real_pthread_mutex_unlock(pthread_mutex_t *m);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *m);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr,
                          void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr,
                          void *(*run)(void *), void *arg);
int __real_hv_hypercall(struct hv_domain *d);
int __wrap_hv_hypercall(struct hv_domain *d);

/* Work done since this thread last let the lock go, and the most there was. */
static _Thread_local unsigned steps, most;

static void step(void)
{
    if (++steps > most)
        most = steps;
}

int __wrap_hv_memory_populate(struct hv_memory *m, mfn_t first, uint64_t n)
{
    fake_unlocked();
    return __real_hv_memory_populate(m, first, n);
}

int __wrap_hv_memory_discard(struct hv_memory *m, mfn_t first, uint64_t n)
{
    fake_unlocked();
    return __real_hv_memory_discard(m, first, n);
}

void __wrap_hv_grant_release(struct hv_grants *g, grant_ref_t ref,
                             bool readonly)
{
    step();
    __real_hv_grant_release(g, ref, readonly);
}

void __wrap_hv_event_close(struct hv_events *e, evtchn_port_t port,
                           struct hv_events *r)
{
    step();
    __real_hv_event_close(e, port, r);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
    steps = 0;
    return __real_pthread_mutex_unlock(m);
}

static const struct weir_hv_create big = {.name = "big",
                                          .max_frames = 64,
                                          .max_grants = 2,
                                          .max_ports = 128,
                                          .max_maps = 4096,
                                          .has_store = true};

/* No thread can be made: nobody has seen the domain by then. */
static bool no_threads, was_seen;

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr,
                          void *(*run)(void *), void *arg)
{
    struct hv_machine *m = fake_machine();

    if (!no_threads)
        return __real_pthread_create(t, attr, run, arg);
    for (unsigned i = 1; i <= WEIR_HV_DOMID_LAST; i++)
        was_seen |= m->dom[i] != NULL;
    return EAGAIN;
}

static void a_domain_without_a_thread_was_never_there(void **state)
{
    struct hv_machine *m = fake_machine();
    domid_t domid;
    int fd = -1;

    (void)state;
    no_threads = true;
    assert_int_equal(hv_domain_create(m, &big, &domid, &fd), -EAGAIN);
    no_threads = false;
    assert_false(was_seen);
    assert_int_equal(m->ndomains, 0);
    assert_int_equal(m->frames.in_use, 0);
    assert_int_equal(m->ports, 0);
}

static uint32_t asked, may_go;

/* Waits for the lock, and has it until the test has looked. */
static void *want_lock(void *machine)
{
    struct hv_machine *m = machine;

    weir_store_release32(&asked, 1);
    pthread_mutex_lock(&m->lock);
    while (!weir_load_acquire32(&may_go))
        usleep(100);
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

/* A domain's thread that wants the lock back at once, again and again, finds
 * it given away each time another waits. */
static void the_lock_goes_to_who_waits(void **state)
{
    struct hv_machine *m = fake_machine();
    unsigned snatched = 0;

    (void)state;
    for (int i = 0; i < 50; i++) {
        pthread_t t;

        asked = may_go = 0;
        pthread_mutex_lock(&m->lock);
        assert_int_equal(pthread_create(&t, NULL, want_lock, m), 0);
        while (!weir_load_acquire32(&asked))
            usleep(100);
        usleep(2000); /* it sleeps in the lock */
        pthread_mutex_unlock(&m->lock);
        if (pthread_mutex_trylock(&m->lock) == 0) {
            snatched++;
            pthread_mutex_unlock(&m->lock);
        }
        weir_store_release32(&may_go, 1);
        pthread_join(t, NULL);
    }
    /* once or twice it may not have slept yet, on a busy machine */
    assert_true(snatched < 10);
}

/* fake_unlocked() in the calls themselves does the looking. */
static void no_kernel_call_is_made_with_the_lock(void **state)
{
    struct hv_domain *d;

    (void)state;
    assert_int_equal(hv_domain_build(fake_machine(), &big, 1, &d), 0);
    hv_domain_unmake(d);
}

static void a_death_lets_others_in_between(void **state)
{
    struct hv_machine *m = fake_machine();
    struct hv_handle e = {.granter = 1, .ref = 40};
    int fd;
    struct hv_domain *d = fake_domain_like(&big, 1, &fd);
    uint32_t handle;
    evtchn_port_t port;

    (void)state;
    hv_grant_preset(&d->grants, e.ref, 1, d->console_frame);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(
            hv_grant_acquire(&d->grants, &m->frames, e.ref, 1, false, &e.frame),
            0);
        assert_int_equal(hv_track_add(&d->track, &e, &handle), 0);
        hv_frames_map(&m->frames, e.frame);
    }
    for (int i = 0; i < 100; i++, m->ports++)
        assert_int_equal(hv_event_alloc(&d->events, 1, HV_PORT_UNBOUND, &port),
                         0);
    most = steps = 0;
    fake_end(d, fd);
    assert_in_range(most, 1, WEIR_HV_BATCH);
    fake_check_empty();
}

static void closing_every_port_lets_others_in_between(void **state)
{
    struct hv_machine *m = fake_machine();
    struct hv_request q = {.op = WEIR_HV_EVTCHN_RESET};
    struct hv_reply r = {.nfds = 0};
    int fd;
    struct hv_domain *d = fake_domain_like(&big, 1, &fd);
    evtchn_port_t port;

    (void)state;
    for (int i = 0; i < 100; i++, m->ports++)
        assert_int_equal(hv_event_alloc(&d->events, 1, HV_PORT_UNBOUND, &port),
                         0);
    most = steps = 0;
    assert_int_equal(hv_op_evtchn_reset(d, &q, &r), 0);
    assert_int_equal(d->events.used, 1); /* the console's */
    assert_in_range(most, 1, 8);
    fake_end(d, fd);
    fake_check_empty();
}

/* A domain that has a request waiting whenever weir-hv looks. */
static unsigned calls, told_at;
#define PATIENCE 10000 /* calls after it was told to end */

int __wrap_hv_hypercall(struct hv_domain *d)
{
    if (!told_at)
        return __real_hv_hypercall(d);
    if (++calls == told_at) {
        pthread_mutex_lock(&d->m->lock);
        d->destroy = true;
        pthread_mutex_unlock(&d->m->lock);
    }
    return calls < told_at + PATIENCE ? 1 : -1;
}

static void
a_domain_that_never_stops_calling_is_heard_out_only_so_long(void **state)
{
    int fd;
    struct hv_domain *d = fake_domain_like(&big, 1, &fd);

    (void)state;
    assert_int_equal(send(fd, "x", 1, 0), 1);
    told_at = 5000;
    hv_domain_run(d);
    assert_in_range(calls, told_at, told_at + 1000);
    told_at = 0;
    assert_true(d->done);
    close(fd);
    fake_check_empty();
}

/* The kernel has no page for a page table: the frames go back, the domain
 * goes on. */
static void pages_that_do_not_show_are_given_back(void **state)
{
    struct hv_machine *m = fake_machine();
    uint8_t args[8] = {16}, out[64];
    struct hv_request q = {.op = WEIR_HV_ALLOC, .p = args, .len = 8};
    struct hv_reply r = {.p = out};
    int fd;
    struct hv_domain *d = fake_domain_like(&big, 1, &fd);
    uint64_t before = m->frames.in_use;

    (void)state;
    fake_kernel = FAKE_NO_MEMORY;
    assert_int_equal(hv_op_alloc(d, &q, &r), -ENOMEM);
    fake_kernel = 0;
    assert_false(d->fail);
    assert_int_equal(m->frames.in_use, before);
    assert_int_equal(d->frames, 0);
    assert_int_equal(hv_op_alloc(d, &q, &r), 0);
    fake_end(d, fd);
    fake_check_empty();
}

static void put_map(uint8_t *p, domid_t dom, uint16_t flags, grant_ref_t ref)
{
    weir_put16(p, dom);
    weir_put16(p + 2, flags);
    weir_put32(p + 4, ref);
}

/* With two windows a page shows in one of them.  Who wants it the other way
 * (a disk that reads into what it writes elsewhere from) waits for its end. */
static void a_page_mapped_the_other_way_is_not_refused_for_good(void **state)
{
    uint8_t args[2 * WEIR_HV_MAP_REQ], out[2 * WEIR_HV_MAP_REP];
    struct hv_request q = {.op = WEIR_HV_MAP, .p = args, .count = 2};
    struct hv_reply r = {.p = out};
    int fd[2];
    struct hv_domain *g = fake_domain_like(&big, 1, &fd[0]);
    struct hv_domain *d = fake_domain_like(&big, 2, &fd[1]);

    (void)state;
    hv_grant_preset(&g->grants, 40, 2, g->console_frame);
    fake_kernel = FAKE_TWO_WINDOWS;
    for (uint16_t ro = 0; ro < 2; ro++) {
        put_map(args, 1, ro, 40);
        put_map(args + WEIR_HV_MAP_REQ, 1, !ro, 40);
        q.len = sizeof(args);
        assert_int_equal(hv_op_map(d, &q, &r), 0);
        assert_int_equal((int32_t)weir_le32(out), WEIR_GNTST_OKAY);
        assert_int_equal((int32_t)weir_le32(out + WEIR_HV_MAP_REP),
                         WEIR_GNTST_EAGAIN);
        weir_put32(args, weir_le32(out + 4));
        q.count = 1;
        assert_int_equal(hv_op_unmap(d, &q, &r), 0);
        assert_int_equal((int32_t)weir_le32(out), WEIR_GNTST_OKAY);
        q.count = 2;
    }
    fake_kernel = 0;
    fake_end(d, fd[1]);
    fake_end(g, fd[0]);
    fake_check_empty();
}

static void send_descriptors(int fd, unsigned n)
{
    const int none[2] = {0, 0};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(none))];
    } ctl = {.room = {0}};
    const struct weir_hv_header h = {.op = WEIR_HVCTL_MACHINE,
                                     .size = WEIR_HV_HEADER};
    uint8_t msg[WEIR_HV_HEADER];
    struct iovec iov = {msg, sizeof(msg)};
    struct msghdr mh = {.msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = &ctl,
                        .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);

    weir_hv_put_header(msg, &h);
    cm->cmsg_level = SOL_SOCKET;
    cm->cmsg_type = SCM_RIGHTS;
    cm->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(cm), none, n * sizeof(int));
    assert_int_equal(sendmsg(fd, &mh, MSG_DONTWAIT), sizeof(msg));
}

static int lowest_descriptor(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

static void descriptors_that_came_with_a_request_go_with_it(void **state)
{
    static struct hv_ctl c;
    uint8_t reply[WEIR_HV_MSG_MAX];
    int sv[2], lowest;

    (void)state;
    c.m = fake_machine();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
    c.conn[0].fd = sv[0];
    lowest = lowest_descriptor();
    for (unsigned n = 1; n <= 2; n++) {
        send_descriptors(sv[1], n);
        hv_ctl_serve(&c, 0);
        assert_true(recv(sv[1], reply, sizeof(reply), MSG_DONTWAIT) >
                    WEIR_HV_HEADER);
        assert_int_equal(lowest_descriptor(), lowest);
    }
    close(sv[0]);
    close(sv[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_domain_without_a_thread_was_never_there),
        cmocka_unit_test(the_lock_goes_to_who_waits),
        cmocka_unit_test(no_kernel_call_is_made_with_the_lock),
        cmocka_unit_test(a_death_lets_others_in_between),
        cmocka_unit_test(closing_every_port_lets_others_in_between),
        cmocka_unit_test(
            a_domain_that_never_stops_calling_is_heard_out_only_so_long),
        cmocka_unit_test(pages_that_do_not_show_are_given_back),
        cmocka_unit_test(a_page_mapped_the_other_way_is_not_refused_for_good),
        cmocka_unit_test(descriptors_that_came_with_a_request_go_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

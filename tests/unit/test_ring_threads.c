/* SPDX-License-Identifier: MIT
 *
 * Two threads, one ring: every request is answered once, and nobody sleeps
 * through a notification.  Also meant for SAN=thread.
 */
#include "tests/unit/ring_fixture.h"

#include <pthread.h>

#include "ring/poll.h"
#include "tests/unit/fake_port.h"

#define REQUESTS 400000u

struct pair {
    struct ring_fixture ring;
    struct weir_port *port[2]; /* 0 frontend, 1 backend */
    evtchn_port_t evtchn[2];
    uint64_t budget_ns;
    uint64_t stuck; /* waits that ran into their time limit */
};

/* Sleep for a notification; ten seconds without one are a lost
 * wake-up. */
static void sleep_on(struct pair *p, int end)
{
    uint64_t pending = 0;
    int rc = p->port[end]->ops->wait(p->port[end], &p->evtchn[end], 1,
                                     UINT64_C(10000000000), &pending);

    if (rc != 0 || pending == 0)
        __atomic_fetch_add(&p->stuck, 1, __ATOMIC_RELAXED);
}

static bool stuck(struct pair *p)
{
    return __atomic_load_n(&p->stuck, __ATOMIC_RELAXED) != 0;
}

static void notify(struct pair *p, int end)
{
    p->port[end]->ops->evtchn_notify(p->port[end], p->evtchn[end]);
}

static void *backend(void *arg)
{
    struct pair *p = arg;
    struct weir_blkif_back_ring *b = &p->ring.back;
    struct weir_poller poller;
    unsigned taken = 0;

    weir_poller_init(&poller, p->port[1], p->budget_ns);
    while (taken < REQUESTS && !stuck(p)) {
        union weir_blkif_request req;
        unsigned batch = 0;

        while (batch < 7 && weir_blkif_back_get(b, &req) == 1) {
            struct weir_blkif_response rsp = {.id = req.rw.id,
                                              .status = (int16_t)req.rw.id};
            weir_blkif_back_put(b, &rsp);
            batch++;
        }
        taken += batch;
        if (weir_blkif_back_push(b))
            notify(p, 1);
        if (batch > 0) {
            weir_poller_worked(&poller);
            continue;
        }
        if (weir_poller_idle(&poller) || weir_blkif_back_arm(b) > 0)
            continue;
        weir_poller_sleeping(&poller);
        sleep_on(p, 1);
        weir_poller_woken(&poller);
    }
    return NULL;
}

static unsigned collect(struct pair *p, uint8_t *seen)
{
    struct weir_blkif_response rsp;
    unsigned n = 0;

    while (weir_blkif_front_get(&p->ring.front, &rsp) == 1) {
        assert_true(rsp.id < REQUESTS);
        assert_int_equal(rsp.status, (int16_t)rsp.id);
        assert_int_equal(seen[rsp.id], 0);
        seen[rsp.id] = 1;
        n++;
    }
    return n;
}

static void frontend(struct pair *p)
{
    struct weir_blkif_front_ring *f = &p->ring.front;
    uint8_t *seen = calloc(1, REQUESTS);
    struct weir_poller poller;
    unsigned sent = 0, got = 0;

    weir_poller_init(&poller, p->port[0], p->budget_ns);
    while (got < REQUESTS && !stuck(p)) {
        unsigned before = sent + got;

        /* Bursts of changing size, often down to one in flight. */
        for (unsigned burst = 1 + got % 13;
             burst > 0 && sent < REQUESTS && weir_blkif_front_free(f) > 0;
             burst--) {
            union weir_blkif_request req = ring_request(sent++);
            assert_int_equal(weir_blkif_front_put(f, &req), 0);
        }
        if (weir_blkif_front_push(f))
            notify(p, 0);
        got += collect(p, seen);
        if (sent + got != before) {
            weir_poller_worked(&poller);
            continue;
        }
        if (weir_poller_idle(&poller) || weir_blkif_front_arm(f) > 0)
            continue;
        weir_poller_sleeping(&poller);
        sleep_on(p, 0);
        weir_poller_woken(&poller);
    }
    free(seen);
}

static void run(uint64_t budget_ns)
{
    struct weir_fake_machine *m = weir_fake_machine_new(256);
    struct pair p = {.budget_ns = budget_ns};
    pthread_t thread;

    p.port[0] = weir_fake_domain_add(m, 2, 0);
    p.port[1] = weir_fake_domain_add(m, 3, 0);
    ring_fixture_open(&p.ring, 1, 0);
    assert_int_equal(p.port[0]->ops->evtchn_alloc(p.port[0], 3, &p.evtchn[0]),
                     0);
    assert_int_equal(
        p.port[1]->ops->evtchn_bind(p.port[1], 2, p.evtchn[0], &p.evtchn[1]),
        0);
    assert_int_equal(pthread_create(&thread, NULL, backend, &p), 0);
    frontend(&p);
    pthread_join(thread, NULL);
    assert_int_equal(p.stuck, 0);
    p.port[0]->ops->evtchn_close(p.port[0], p.evtchn[0]);
    p.port[1]->ops->evtchn_close(p.port[1], p.evtchn[1]);
    ring_fixture_close(&p.ring);
    assert_int_equal(weir_fake_machine_free(m), 0);
}

static void no_wake_up_is_lost_when_always_sleeping(void **state)
{
    (void)state;
    run(0);
}

static void no_wake_up_is_lost_when_spinning_briefly(void **state)
{
    (void)state;
    run(2000);
}

static void no_wake_up_is_lost_with_the_default_budget(void **state)
{
    (void)state;
    run(WEIR_POLL_BUDGET_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wake_up_is_lost_when_always_sleeping),
        cmocka_unit_test(no_wake_up_is_lost_when_spinning_briefly),
        cmocka_unit_test(no_wake_up_is_lost_with_the_default_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

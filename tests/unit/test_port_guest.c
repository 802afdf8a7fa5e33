/* SPDX-License-Identifier: MIT
 *
 * The port of guest kernels over a made-up hypervisor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "frontends/guest/pvclock.h"
#include "ring/error.h"
#include "tests/unit/fake_guest.h"

struct box {
    struct fake_guest f;
    struct weir_port_guest pg;
    struct weir_port *port;
};

static int setup(void **state)
{
    struct box *b = calloc(1, sizeof(*b));

    fake_guest_init(&b->f);
    *state = b;
    if (weir_port_guest_open(&b->pg, &b->f.platform) != 0)
        return 1;
    b->port = &b->pg.port;
    fake_guest_set_ns(&b->f, 1000);
    return 0;
}

static int teardown(void **state)
{
    struct box *b = *state;

    fake_guest_fini(&b->f);
    free(b);
    return 0;
}

static void set_pending(struct box *b, evtchn_port_t port)
{
    fake_guest_shared(&b->f)->evtchn_pending[port / 64] |= UINT64_C(1)
                                                           << port % 64;
}

static void opening_places_pages_and_masks_all(void **state)
{
    struct box *b = *state;
    struct weir_shared_info *s = fake_guest_shared(&b->f);

    assert_int_equal(b->f.placed[0],
                     ((uint64_t)WEIR_XENMAPSPACE_SHARED_INFO << 32) + 1);
    assert_int_equal(b->f.placed[1],
                     ((uint64_t)WEIR_XENMAPSPACE_GRANT_TABLE << 32) + 1);
    assert_int_equal(b->f.placed[2], 0);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(s->evtchn_mask[i], UINT64_MAX);
    assert_int_equal(b->port->start.domid, 7);
    assert_ptr_equal(b->port->start.store_page, b->f.store);
    assert_int_equal(b->port->start.store_evtchn, 3);
    assert_null(b->port->start.console_page); /* the parameter is refused */
}

static void opening_reports_what_is_missing(void **state)
{
    struct box *b = *state;

    b->f.platform.window_pages = WEIR_GUEST_WINDOW_MIN - 1;
    assert_int_equal(weir_port_guest_open(&b->pg, &b->f.platform),
                     -WEIR_EINVAL);
    b->f.platform.window_pages = WEIR_GUEST_WINDOW_MIN;
    b->f.fail = -WEIR_EPERM;
    b->f.fail_nr = WEIR_HYPERCALL_MEMORY_OP;
    assert_int_equal(weir_port_guest_open(&b->pg, &b->f.platform), -WEIR_EPERM);
    b->f.fail_nr = WEIR_HYPERCALL_GRANT_TABLE_OP;
    assert_int_equal(weir_port_guest_open(&b->pg, &b->f.platform), -WEIR_EPERM);
    b->f.fail = 0;
    b->f.store_port = WEIR_EVTCHN_2L_CHANNELS;
    assert_int_equal(weir_port_guest_open(&b->pg, &b->f.platform), 0);
    assert_null(b->pg.port.start.store_page);
    b->f.store_port = 0;
    assert_int_equal(weir_port_guest_open(&b->pg, &b->f.platform), 0);
    assert_null(b->pg.port.start.store_page);
}

static void wait_reports_and_clears_what_it_was_asked_for(void **state)
{
    struct box *b = *state;
    const evtchn_port_t ports[] = {5, 200, 4095, 4096};
    uint64_t pending;

    set_pending(b, 200);
    set_pending(b, 4095);
    set_pending(b, 6);
    assert_int_equal(b->port->ops->wait(b->port, ports, 4, 5000, &pending), 0);
    assert_int_equal(pending, 6);
    assert_int_equal(b->port->ops->wait(b->port, ports, 4, 0, &pending), 0);
    assert_int_equal(pending, 0);
    assert_int_equal(fake_guest_shared(&b->f)->evtchn_pending[0], 64);
    assert_int_equal(b->f.calls[WEIR_HYPERCALL_SCHED_OP], 0);
    assert_int_equal(b->port->ops->wait(b->port, ports, 65, 0, &pending),
                     -WEIR_EINVAL);
}

static void wait_sleeps_until_the_event(void **state)
{
    struct box *b = *state;
    const evtchn_port_t port = 77;
    uint64_t pending;

    b->f.wakes = 77;
    assert_int_equal(
        b->port->ops->wait(b->port, &port, 1, UINT64_MAX, &pending), 0);
    assert_int_equal(pending, 1);
    assert_int_equal(b->f.poll.nr_ports, 1);
    assert_int_equal(b->f.poll_port, 77);
    assert_int_equal(b->f.poll.timeout, 0); /* none */
    assert_int_equal(b->f.calls[WEIR_HYPERCALL_SCHED_OP], 1);
    /* Xen's time is signed: later than that would be long ago. */
    assert_int_equal(
        b->port->ops->wait(b->port, &port, 1, UINT64_MAX - 5000, &pending), 0);
    assert_int_equal(b->f.poll.timeout, 0);
}

static void wait_ends_in_time_and_not_before(void **state)
{
    struct box *b = *state;
    const evtchn_port_t port = 77;
    uint64_t pending = 99;

    /* Somebody wakes it for nothing, every 300 ns. */
    b->f.poll_ns = 300;
    assert_int_equal(b->port->ops->wait(b->port, &port, 1, 1000, &pending), 0);
    assert_int_equal(pending, 0);
    assert_int_equal(b->f.poll.timeout, 2000); /* of system time */
    assert_int_equal(b->f.calls[WEIR_HYPERCALL_SCHED_OP], 4);
    assert_int_equal(b->port->ops->now_ns(b->port), 2200);
    b->f.poll_to_end = true;
    assert_int_equal(b->port->ops->wait(b->port, &port, 1, 800, &pending), 0);
    assert_int_equal(b->f.calls[WEIR_HYPERCALL_SCHED_OP], 5);
    assert_int_equal(b->port->ops->now_ns(b->port), 3000);
}

static void wait_tells_that_it_cannot_sleep(void **state)
{
    struct box *b = *state;
    const evtchn_port_t port = 77;
    uint64_t pending;

    b->f.fail = -WEIR_EINVAL;
    b->f.fail_nr = WEIR_HYPERCALL_SCHED_OP;
    assert_int_equal(b->port->ops->wait(b->port, &port, 1, 1000, &pending),
                     -WEIR_EINVAL);
}

static void event_calls_carry_their_arguments(void **state)
{
    struct box *b = *state;
    evtchn_port_t local = 0;

    assert_int_equal(b->port->ops->evtchn_alloc(b->port, 4, &local), 0);
    assert_int_equal(local, 11);
    assert_int_equal(b->f.alloc.dom, WEIR_DOMID_SELF);
    assert_int_equal(b->f.alloc.remote_dom, 4);
    assert_int_equal(b->port->ops->evtchn_bind(b->port, 5, 9, &local), 0);
    assert_int_equal(local, 12);
    assert_int_equal(b->f.bind.remote_dom, 5);
    assert_int_equal(b->f.bind.remote_port, 9);
    assert_int_equal(b->port->ops->evtchn_notify(b->port, 12), 0);
    assert_int_equal(b->f.sent, 12);
    set_pending(b, 12);
    assert_int_equal(b->port->ops->evtchn_close(b->port, 12), 0);
    assert_int_equal(b->f.closed, 12);
    assert_int_equal(fake_guest_shared(&b->f)->evtchn_pending[0], 0);
    /* Another thread may have got the number, and an event. */
    b->f.reused = true;
    assert_int_equal(b->port->ops->evtchn_close(b->port, 12), 0);
    assert_int_equal(fake_guest_shared(&b->f)->evtchn_pending[0], 1u << 12);
    b->f.fail = -WEIR_ENOSPC;
    b->f.fail_nr = WEIR_HYPERCALL_EVENT_CHANNEL_OP;
    local = 1;
    assert_int_equal(b->port->ops->evtchn_alloc(b->port, 4, &local),
                     -WEIR_ENOSPC);
    assert_int_equal(local, 1);
    weir_port_guest_shutdown(&b->pg, WEIR_SHUTDOWN_REBOOT);
    assert_int_equal(b->f.shutdown, WEIR_SHUTDOWN_REBOOT);
}

/* A clock page that is rewritten between two reads of it. */
static struct weir_vcpu_time_info clock_page;
static unsigned clock_reads;

static uint64_t moving_tsc(void)
{
    if (clock_reads++ == 0) {
        clock_page.version = 3; /* being written */
        clock_page.system_time = 5000;
    } else if (clock_reads == 3) {
        clock_page.version = 4;
    }
    return 1000;
}

static void clock_is_read_whole(void **state)
{
    (void)state;
    assert_int_equal(weir_pvclock_scale(1000, 0x80000000u, 1), 1000);
    assert_int_equal(weir_pvclock_scale(1000, 0x80000000u, -1), 250);
    assert_int_equal(weir_pvclock_scale(1000, 0x80000000u, 64), 0);
    assert_int_equal(weir_pvclock_scale(UINT64_C(3) << 40, UINT32_MAX, 0),
                     (UINT64_C(3) << 40) - 768);
    clock_page = (struct weir_vcpu_time_info){.version = 2,
                                              .tsc_timestamp = 400,
                                              .system_time = 10,
                                              .tsc_to_system_mul = 1u << 31};
    clock_reads = 0;
    assert_int_equal(weir_pvclock_read(&clock_page, moving_tsc), 5300);
    assert_true(clock_reads >= 4);
    /* A counter that is behind does not turn the clock back. */
    clock_page.tsc_timestamp = 2000;
    assert_int_equal(weir_pvclock_read(&clock_page, moving_tsc), 5000);
}

static void wall_clock_adds_up(void **state)
{
    struct box *b = *state;
    struct weir_shared_info *s = fake_guest_shared(&b->f);

    assert_int_equal(weir_port_guest_unix_time(&b->pg), 0);
    s->wc_sec = 1700000000;
    s->wc_nsec = 900000000;
    fake_guest_set_ns(&b->f, 5100000000u);
    assert_int_equal(weir_port_guest_unix_time(&b->pg), 1700000006);
    s->wc_sec_hi = 1;
    assert_int_equal(weir_port_guest_unix_time(&b->pg),
                     1700000006 + (UINT64_C(1) << 32));
}

int main(void)
{
#define BOXED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        BOXED(opening_places_pages_and_masks_all),
        BOXED(opening_reports_what_is_missing),
        BOXED(wait_reports_and_clears_what_it_was_asked_for),
        BOXED(wait_sleeps_until_the_event),
        BOXED(wait_ends_in_time_and_not_before),
        BOXED(wait_tells_that_it_cannot_sleep),
        BOXED(event_calls_carry_their_arguments),
        cmocka_unit_test(clock_is_read_whole),
        BOXED(wall_clock_adds_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Event channels between real, sealed domains.
 */
#include "hypervisor/hv_abi.h"
#include "ring/error.h"
#include "tests/e2e/hv_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#define SOON 2000000000u /* ns */

static void a_notification_arrives_and_none_is_made_up(void **state)
{
    struct puppet a = start("a"), b = start("b"), c = start("c");
    struct puppet_answer pa, pb;

    (void)state;
    pa = puppet_do(&a, PUPPET_EVT_ALLOC, b.domid, 0, 0, 0);
    assert_int_equal(pa.rc, 0);
    assert_int_equal(pending(&a, pa.v[0], 0), 0);
    assert_int_equal(puppet_do(&c, PUPPET_EVT_BIND, a.domid, pa.v[0], 0, 0).rc,
                     -WEIR_EINVAL); /* it is b's to bind */
    pb = puppet_do(&b, PUPPET_EVT_BIND, a.domid, pa.v[0], 0, 0);
    assert_int_equal(pb.rc, 0);
    assert_int_equal(pending(&b, pb.v[0], 0), 1); /* a new port looks once */
    assert_int_equal(pending(&b, pb.v[0], 0), 0);
    assert_int_equal(puppet_do(&a, PUPPET_EVT_NOTIFY, pa.v[0], 0, 0, 0).rc, 0);
    assert_int_equal(puppet_do(&a, PUPPET_EVT_NOTIFY, pa.v[0], 0, 0, 0).rc, 0);
    assert_int_equal(pending(&b, pb.v[0], SOON), 1);
    assert_int_equal(pending(&b, pb.v[0], 1000000), 0);
    assert_int_equal(puppet_do(&b, PUPPET_EVT_NOTIFY, pb.v[0], 0, 0, 0).rc, 0);
    assert_int_equal(pending(&a, pa.v[0], SOON), 1);
    assert_int_equal(puppet_do(&b, PUPPET_EVT_BIND, a.domid, pa.v[0], 0, 0).rc,
                     -WEIR_EINVAL); /* bound already */
    assert_int_equal(puppet_destroy(&c), 0);
    assert_int_equal(puppet_destroy(&b), 0);
    assert_int_equal(puppet_destroy(&a), 0);
}

static void a_closed_port_is_bound_again_by_the_same_domain(void **state)
{
    struct puppet a = start("a"), b = start("b");
    struct puppet_answer pa, pb;

    (void)state;
    pa = puppet_do(&a, PUPPET_EVT_ALLOC, b.domid, 0, 0, 0);
    pb = puppet_do(&b, PUPPET_EVT_BIND, a.domid, pa.v[0], 0, 0);
    assert_int_equal(puppet_do(&b, PUPPET_EVT_CLOSE, pb.v[0], 0, 0, 0).rc, 0);
    assert_int_equal(puppet_do(&b, PUPPET_EVT_CLOSE, pb.v[0], 0, 0, 0).rc,
                     -WEIR_EINVAL);
    /* a, not knowing, goes on notifying: kept for who binds next */
    assert_int_equal(puppet_do(&a, PUPPET_EVT_NOTIFY, pa.v[0], 0, 0, 0).rc, 0);
    pb = puppet_do(&b, PUPPET_EVT_BIND, a.domid, pa.v[0], 0, 0);
    assert_int_equal(pb.rc, 0);
    assert_int_equal(pending(&b, pb.v[0], 0), 1);
    assert_int_equal(puppet_do(&b, PUPPET_EVT_NOTIFY, pb.v[0], 0, 0, 0).rc, 0);
    assert_int_equal(pending(&a, pa.v[0], SOON), 1);
    assert_int_equal(puppet_destroy(&b), 0);
    assert_int_equal(puppet_destroy(&a), 0);
}

static void a_successor_of_a_killed_domain_binds_its_ports(void **state)
{
    struct puppet a = start("a"), b = start("b");
    struct puppet_answer pa, pb;
    domid_t bid = b.domid;

    (void)state;
    pa = puppet_do(&a, PUPPET_EVT_ALLOC, bid, 0, 0, 0);
    pb = puppet_do(&b, PUPPET_EVT_BIND, a.domid, pa.v[0], 0, 0);
    assert_int_equal(pb.rc, 0);
    kill(b.pid, SIGKILL);
    puppet_expect_crash(&b, "its process ended");
    assert_int_equal(puppet_destroy(&b), 0);
    b = puppet_start(&world,
                     (struct weir_hv_create){.name = "b", .domid = bid});
    assert_int_equal(b.domid, bid);
    pb = puppet_do(&b, PUPPET_EVT_BIND, a.domid, pa.v[0], 0, 0);
    assert_int_equal(pb.rc, 0);
    assert_int_equal(puppet_do(&b, PUPPET_EVT_NOTIFY, pb.v[0], 0, 0, 0).rc, 0);
    assert_int_equal(pending(&a, pa.v[0], SOON), 1);
    assert_int_equal(puppet_destroy(&b), 0);
    assert_int_equal(puppet_destroy(&a), 0);
}

static void ports_have_a_quota(void **state)
{
    struct puppet a = puppet_start(
        &world, (struct weir_hv_create){.name = "a", .max_ports = 4});
    unsigned made = 0;

    (void)state;
    while (puppet_do(&a, PUPPET_EVT_ALLOC, 1, 0, 0, 0).rc == 0)
        made++;
    assert_int_equal(made, 3); /* the console has one */
    assert_int_equal(puppet_do(&a, PUPPET_EVT_ALLOC, 1, 0, 0, 0).rc,
                     -WEIR_ENOSPC);
    assert_int_equal(puppet_do(&a, PUPPET_EVT_CLOSE, 2, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_do(&a, PUPPET_EVT_ALLOC, 1, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_destroy(&a), 0);
}

static void a_domain_out_of_descriptors_lives(void **state)
{
    struct puppet a = start("a");
    unsigned made = 0;

    (void)state;
    /* Two descriptors a port, below 1000 in a sealed domain. */
    while (puppet_do(&a, PUPPET_EVT_ALLOC, 1, 0, 0, 0).rc == 0)
        made++;
    /* (a sanitizer build keeps no limit but the quota) */
    assert_in_range(made, 450, 1023);
    assert_int_equal(puppet_info(&a).ports, made + 1);
    assert_int_equal(puppet_do(&a, PUPPET_ALLOC, 1, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_destroy(&a), 0);
}

static void port_states_are_told_and_reset(void **state)
{
    struct puppet a = start("a"), b = start("b");
    struct puppet_order o = {
        .op = PUPPET_RAW, .a = WEIR_HV_EVTCHN_STATUS, .b = 4, .d = 12};
    struct puppet_answer r, pa, pb;

    (void)state;
    pa = puppet_do(&a, PUPPET_EVT_ALLOC, b.domid, 0, 0, 0);
    o.data[0] = (char)pa.v[0];
    r = puppet_order(&a, &o);
    assert_int_equal(r.rc, 0);
    assert_int_equal(r.data[0], WEIR_EVTCHNSTAT_UNBOUND);
    assert_int_equal(r.data[4], b.domid);
    pb = puppet_do(&b, PUPPET_EVT_BIND, a.domid, pa.v[0], 0, 0);
    r = puppet_order(&a, &o);
    assert_int_equal(r.data[0], WEIR_EVTCHNSTAT_INTERDOMAIN);
    assert_int_equal(r.data[8], pb.v[0]);
    /* b resets: its end is gone, a's is free to be bound again */
    assert_int_equal(
        puppet_do(&b, PUPPET_RAW, WEIR_HV_EVTCHN_RESET, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_info(&b).ports, 1); /* the console's stays */
    r = puppet_order(&a, &o);
    assert_int_equal(r.data[0], WEIR_EVTCHNSTAT_UNBOUND);
    assert_int_equal(puppet_destroy(&b), 0);
    assert_int_equal(puppet_destroy(&a), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_notification_arrives_and_none_is_made_up,
                                  clear),
        cmocka_unit_test_teardown(
            a_closed_port_is_bound_again_by_the_same_domain, clear),
        cmocka_unit_test_teardown(
            a_successor_of_a_killed_domain_binds_its_ports, clear),
        cmocka_unit_test_teardown(ports_have_a_quota, clear),
        cmocka_unit_test_teardown(a_domain_out_of_descriptors_lives, clear),
        cmocka_unit_test_teardown(port_states_are_told_and_reset, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: MIT
 *
 * Event channels of VM domains: with processes and with each other; quotas and
 * floods.
 */
#include "tests/e2e/vm_suite.h"

#define SOON 2000000000u /* ns */

static void between_a_vm_and_a_process(void **state)
{
    struct vm v = machine("vm");
    struct puppet p = process("process"), x = process("x");
    int64_t a = vm_evt_alloc(&v, p.domid);
    struct puppet_answer b;

    (void)state;
    assert_true(a > 0);
    assert_int_equal(
        puppet_do(&x, PUPPET_EVT_BIND, v.domid, (uint64_t)a, 0, 0).rc,
        -WEIR_EINVAL);
    b = puppet_do(&p, PUPPET_EVT_BIND, v.domid, (uint64_t)a, 0, 0);
    assert_int_equal(b.rc, 0);
    vm_process_pending(&p, b.v[0], 0);
    vm_evt_pending(&v, (uint32_t)a, 0);
    for (int i = 0; i < 20; i++) {
        assert_false(vm_evt_pending(&v, (uint32_t)a, 0));
        assert_int_equal(puppet_do(&p, PUPPET_EVT_NOTIFY, b.v[0], 0, 0, 0).rc,
                         0);
        assert_true(vm_evt_pending(&v, (uint32_t)a, 1000));
        assert_false(vm_process_pending(&p, b.v[0], 0));
        assert_int_equal(vm_evt_send(&v, (uint32_t)a), 0);
        assert_true(vm_process_pending(&p, b.v[0], SOON));
    }
    /* The other way to send: the port that never leaves the kernel. */
    assert_int_equal(
        vm_order(&v,
                 &(struct vm_order){
                     .op = VM_OUT, .a = 0xe1, .b = (uint64_t)a, .c = 4},
                 NULL, NULL)
            .rc,
        0);
    assert_true(vm_process_pending(&p, b.v[0], SOON));
    assert_int_equal(vm_evt_close(&v, (uint32_t)a), 0);
    assert_int_equal(vm_evt_send(&v, (uint32_t)a), -WEIR_EINVAL);
    assert_int_equal(vm_evt_close(&v, (uint32_t)a), -WEIR_EINVAL);
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(puppet_destroy(&p), 0);
    assert_int_equal(puppet_destroy(&x), 0);
}

static void a_vm_binds_a_processs_port(void **state)
{
    struct vm v = machine("vm");
    struct puppet p = process("process");
    struct puppet_answer a = puppet_do(&p, PUPPET_EVT_ALLOC, v.domid, 0, 0, 0);
    int64_t b = vm_evt_bind(&v, p.domid, (uint32_t)a.v[0]);

    (void)state;
    assert_int_equal(a.rc, 0);
    assert_true(b > 0);
    assert_true(vm_evt_pending(&v, (uint32_t)b, 1000)); /* looks once */
    vm_process_pending(&p, a.v[0], 0);
    assert_int_equal(puppet_do(&p, PUPPET_EVT_NOTIFY, a.v[0], 0, 0, 0).rc, 0);
    assert_true(vm_evt_pending(&v, (uint32_t)b, 1000));
    assert_int_equal(vm_evt_send(&v, (uint32_t)b), 0);
    assert_true(vm_process_pending(&p, a.v[0], SOON));
    /* The end dies; the port is free for who comes with that domid. */
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(puppet_do(&p, PUPPET_EVT_NOTIFY, a.v[0], 0, 0, 0).rc, 0);
    {
        struct weir_hv_create how = vm_how("heir");

        how.domid = v.domid;
        v = vm_start(&world, how);
    }
    b = vm_evt_bind(&v, p.domid, (uint32_t)a.v[0]);
    assert_true(b > 0);
    vm_evt_pending(&v, (uint32_t)b, 100);
    assert_int_equal(puppet_do(&p, PUPPET_EVT_NOTIFY, a.v[0], 0, 0, 0).rc, 0);
    assert_true(vm_evt_pending(&v, (uint32_t)b, 1000));
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(puppet_destroy(&p), 0);
}

static void between_two_vms(void **state)
{
    struct vm v = machine("one"), w = machine("two"), x = machine("three");
    int64_t a = vm_evt_alloc(&v, w.domid), b;

    (void)state;
    assert_true(a > 0);
    assert_true(vm_evt_bind(&x, v.domid, (uint32_t)a) < 0);
    assert_true(vm_evt_bind(&w, v.domid, (uint32_t)a + 1) < 0);
    b = vm_evt_bind(&w, v.domid, (uint32_t)a);
    assert_true(b > 0);
    assert_true(vm_evt_bind(&w, v.domid, (uint32_t)a) < 0);
    vm_evt_pending(&w, (uint32_t)b, 100);
    vm_evt_pending(&v, (uint32_t)a, 0);
    for (int i = 0; i < 20; i++) {
        assert_false(vm_evt_pending(&w, (uint32_t)b, 0));
        assert_int_equal(vm_evt_send(&v, (uint32_t)a), 0);
        assert_true(vm_evt_pending(&w, (uint32_t)b, 1000));
        assert_int_equal(vm_evt_send(&w, (uint32_t)b), 0);
        assert_true(vm_evt_pending(&v, (uint32_t)a, 1000));
    }
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(vm_evt_send(&w, (uint32_t)b), 0); /* to nobody */
    assert_int_equal(vm_do(&w, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&w), 0);
    assert_int_equal(vm_destroy(&x), 0);
}

static void ports_that_are_not_there_are_refused(void **state)
{
    static const uint32_t bad[] = {0,    1000, 1023,       1024,
                                   4095, 4096, 0x80000000, UINT32_MAX};
    struct vm v = machine("vm");
    struct weir_evtchn_status s;

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_true(vm_evt_send(&v, bad[i]) < 0);
        assert_true(vm_evt_close(&v, bad[i]) < 0);
        assert_true(
            vm_evt_op(&v, WEIR_EVTCHNOP_UNMASK, &(uint32_t){bad[i]}, 4) < 0);
        assert_true(vm_evt_op(&v, WEIR_EVTCHNOP_BIND_VCPU,
                              &(struct weir_evtchn_bind_vcpu){bad[i], 0},
                              8) < 0);
        assert_true(vm_evt_bind(&v, v.domid, bad[i]) < 0);
        vm_order(
            &v,
            &(struct vm_order){.op = VM_OUT, .a = 0xe1, .b = bad[i], .c = 4},
            NULL, NULL);
        s = (struct weir_evtchn_status){.dom = WEIR_DOMID_SELF, .port = bad[i]};
        if (vm_evt_op(&v, WEIR_EVTCHNOP_STATUS, &s, sizeof(s)) == 0)
            assert_int_equal(s.status, WEIR_EVTCHNSTAT_CLOSED);
    }
    assert_int_equal(vm_evt_op(&v, WEIR_EVTCHNOP_INIT_CONTROL, &s, sizeof(s)),
                     -WEIR_ENOSYS);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void ports_have_a_quota(void **state)
{
    struct weir_hv_create how = vm_how("few");
    struct vm v;
    unsigned made = 0;
    int64_t port;

    (void)state;
    how.max_ports = 6;
    v = vm_start(&world, how);
    while ((port = vm_evt_alloc(&v, 1)) > 0 && made < 100)
        made++;
    assert_int_equal(port, -WEIR_ENOSPC);
    assert_int_equal(made, 5); /* the console has one */
    assert_int_equal(vm_info(&v).ports, 6);
    assert_int_equal(vm_evt_virq(&v, WEIR_VIRQ_TIMER, 0), -WEIR_ENOSPC);
    assert_int_equal(vm_evt_close(&v, 3), 0);
    assert_true(vm_evt_alloc(&v, 1) > 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void a_flood_reaches_its_receiver_alone(void **state)
{
    struct vm v = machine("flooder"), w = machine("other");
    struct puppet p = process("flooded"), q = process("beside");
    uint32_t a = (uint32_t)vm_evt_alloc(&v, p.domid);
    struct puppet_answer b = puppet_do(&p, PUPPET_EVT_BIND, v.domid, a, 0, 0);
    struct vm_order storm = {.op = VM_STORM,
                             .in = 4,
                             .a = WEIR_HYPERCALL_EVENT_CHANNEL_OP,
                             .b = WEIR_EVTCHNOP_SEND,
                             .c = VM_SCRATCH};

    (void)state;
    assert_int_equal(b.rc, 0);
    vm_write(&v, VM_SCRATCH, &a, sizeof(a));
    storm.in = 0;
    assert_int_equal(vm_send(&v, &storm, NULL), 0);
    for (int i = 0; i < 50; i++) {
        assert_true(vm_process_pending(&p, b.v[0], SOON));
        assert_int_equal(puppet_do(&q, PUPPET_PING, 0, 0, 0, 0).rc, 0);
        assert_int_equal(vm_do(&w, VM_PING, 0, 0).rc, 0);
        assert_int_equal(puppet_do(&p, PUPPET_EVT_NOTIFY, b.v[0], 0, 0, 0).rc,
                         0);
    }
    assert_int_equal(vm_destroy(&v), 0);
    vm_process_pending(&p, b.v[0], 0);
    assert_false(vm_process_pending(&p, b.v[0], 50000000));
    assert_int_equal(vm_destroy(&w), 0);
    assert_int_equal(puppet_destroy(&p), 0);
    assert_int_equal(puppet_destroy(&q), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(between_a_vm_and_a_process, clear),
        cmocka_unit_test_teardown(a_vm_binds_a_processs_port, clear),
        cmocka_unit_test_teardown(between_two_vms, clear),
        cmocka_unit_test_teardown(ports_that_are_not_there_are_refused, clear),
        cmocka_unit_test_teardown(ports_have_a_quota, clear),
        cmocka_unit_test_teardown(a_flood_reaches_its_receiver_alone, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

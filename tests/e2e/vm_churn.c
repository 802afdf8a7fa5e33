/* SPDX-License-Identifier: MIT
 *
 * Domains that come and go while others are in the middle of using them.
 */
#include "tests/e2e/vm_suite.h"

#define AT     VM_BEYOND
#define ROUNDS 15

static struct vm heir(const char *name, domid_t domid)
{
    struct weir_hv_create how = vm_how(name);

    how.domid = domid;
    return vm_start(&world, how);
}

/* A guest goes on sending to a port whose other end dies, is bound anew, and
 * dies again. */
static void a_flood_survives_its_receivers(void **state)
{
    struct vm a = machine("sender"), b = machine("receiver");
    domid_t bid = b.domid;
    int64_t port = vm_evt_alloc(&a, bid);
    uint32_t word = (uint32_t)port;
    struct vm_order storm = {.op = VM_STORM,
                             .a = WEIR_HYPERCALL_EVENT_CHANNEL_OP,
                             .b = WEIR_EVTCHNOP_SEND,
                             .c = VM_PAGES};

    (void)state;
    assert_true(port > 0);
    vm_write(&a, VM_PAGES, &word, sizeof(word));
    assert_int_equal(vm_send(&a, &storm, NULL), 0);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t end = vm_evt_bind(&b, a.domid, word);

        assert_true(end > 0);
        assert_true(vm_evt_pending(&b, (uint32_t)end, 2000));
        if (i & 1)
            assert_int_equal(vm_evt_close(&b, (uint32_t)end), 0);
        assert_int_equal(vm_destroy(&b), 0);
        if (i & 2)
            usleep(2000);
        b = heir("receiver", bid);
    }
    assert_int_equal(vm_info(&a).state, WEIR_DOM_RUNNING);
    assert_int_equal(vm_destroy(&a), 0);
    assert_int_equal(vm_do(&b, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&b), 0);
}

/* A process' end is bound to a VM's port, closes and dies, and the next one
 * with its domid finds the port free. */
static void a_port_waits_for_the_next_process(void **state)
{
    struct vm v = machine("waiter");
    struct puppet p = process("peer");
    domid_t pid = p.domid;
    int64_t port = vm_evt_alloc(&v, pid);
    struct puppet_answer r;

    (void)state;
    assert_true(port > 0);
    for (int i = 0; i < 4; i++) {
        r = puppet_do(&p, PUPPET_EVT_BIND, v.domid, (uint64_t)port, 0, 0);
        assert_int_equal(r.rc, 0);
        vm_evt_pending(&v, (uint32_t)port, 20);
        assert_int_equal(puppet_do(&p, PUPPET_EVT_NOTIFY, r.v[0], 0, 0, 0).rc,
                         0);
        assert_true(vm_evt_pending(&v, (uint32_t)port, 2000));
        vm_process_pending(&p, r.v[0], 0);
        assert_int_equal(vm_evt_send(&v, (uint32_t)port), 0);
        assert_true(vm_process_pending(&p, r.v[0], 2000000000u));
        assert_int_equal(puppet_destroy(&p), 0);
        p = puppet_start(&world,
                         (struct weir_hv_create){.name = "peer", .domid = pid});
    }
    assert_int_equal(puppet_destroy(&p), 0);
    assert_int_equal(vm_destroy(&v), 0);
}

/* A guest maps for ever what its granter has, or has not, or takes with it
 * into death. */
static void a_mapper_survives_its_granters(void **state)
{
    domid_t gid = 300;
    struct weir_gnttab_map_grant_ref map = {
        .host_addr = AT, .flags = WEIR_GNTMAP_HOST_MAP, .ref = 9, .dom = gid};
    struct vm_order storm = {.op = VM_STORM,
                             .a = WEIR_HYPERCALL_GRANT_TABLE_OP,
                             .b = WEIR_GNTTABOP_MAP_GRANT_REF,
                             .c = VM_PAGES,
                             .d = 1};

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct vm m = machine("mapper");
        struct puppet g;

        vm_write(&m, VM_PAGES, &map, sizeof(map));
        assert_int_equal(vm_send(&m, &storm, NULL), 0);
        g = puppet_start(
            &world, (struct weir_hv_create){.name = "granter", .domid = gid});
        puppet_give(&g, &(struct puppet){.domid = m.domid}, i & 1);
        /* Half of the times it is there before the granter dies. */
        if (i % 2 == 0)
            for (int j = 0; j < 1000 && vm_info(&m).grants_mapped == 0; j++)
                usleep(1000);
        assert_int_equal(puppet_destroy(&g), 0);
        assert_in_range(vm_info(&m).grants_mapped, i % 2 == 0, 1);
        assert_int_equal(vm_info(&m).state, WEIR_DOM_RUNNING);
        assert_int_equal(vm_destroy(&m), 0);
        for (int j = 0; j < 100 && hv_usage(&world).domains; j++)
            usleep(10000);
        assert_int_equal(hv_usage(&world).domains, 0);
    }
}

static void states_follow_each_other(void **state)
{
    struct vm v = vm_create(&world, vm_how("states"));
    struct vm_order ping = {.op = VM_PING};
    int rc = weir_hvctl_pause(world.ctl, v.domid);

    (void)state;
    /* Before its start: refused, or it stays paused until told. */
    vm_load(&v, "puppet", NULL, 0);
    vm_go(&v);
    if (rc == 0) {
        assert_int_equal(vm_send(&v, &ping, NULL), 0);
        assert_int_equal(vm_await(&v, NULL, 0, 300).rc, -EPIPE);
        assert_int_equal(weir_hvctl_unpause(world.ctl, v.domid), 0);
        assert_int_equal(vm_await(&v, NULL, 0, 5000).rc, 0);
    }
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(weir_hvctl_pause(world.ctl, v.domid), 0);
    weir_hvctl_pause(world.ctl, v.domid);
    assert_int_equal(vm_info(&v).state, WEIR_DOM_PAUSED);
    assert_int_equal(weir_hvctl_unpause(world.ctl, v.domid), 0);
    weir_hvctl_unpause(world.ctl, v.domid);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_shutdown(&v, WEIR_SHUTDOWN_REBOOT), 0);
    vm_expect(&v, WEIR_DOM_SHUTDOWN, "");
    /* Over is over. */
    weir_hvctl_pause(world.ctl, v.domid);
    weir_hvctl_unpause(world.ctl, v.domid);
    assert_true(weir_hvctl_vm_start(world.ctl, v.domid, TINY_LOAD, 0) < 0);
    assert_int_equal(vm_info(&v).state, WEIR_DOM_SHUTDOWN);
    assert_int_equal(vm_destroy(&v), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_flood_survives_its_receivers, clear),
        cmocka_unit_test_teardown(a_port_waits_for_the_next_process, clear),
        cmocka_unit_test_teardown(a_mapper_survives_its_granters, clear),
        cmocka_unit_test_teardown(states_follow_each_other, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: MIT
 *
 * VM domains that are refused, or taken away at every stage of their life, and
 * that nothing of them stays.
 */
#include "tests/e2e/vm_suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#define ROUNDS 200

static int try_create(struct weir_hv_create how)
{
    domid_t domid;
    int fd = -1, rc = weir_hvctl_create(world.ctl, &how, &domid, &fd);

    if (rc == 0)
        weir_hvctl_destroy(world.ctl, domid);
    return rc;
}

static void impossible_machines_are_refused(void **state)
{
    struct weir_hv_create how = vm_how("odd");
    struct hv_usage before = hv_usage(&world);

    (void)state;
    how.vcpus = 0;
    assert_int_equal(try_create(how), -EINVAL);
    how.vcpus = 9;
    assert_int_equal(try_create(how), -EINVAL);
    how = vm_how("odd");
    how.ram = 0;
    assert_int_equal(try_create(how), -EINVAL);
    how.ram = how.max_frames + 1;
    assert_int_equal(try_create(how), -EINVAL);
    how.ram = UINT64_MAX;
    assert_int_equal(try_create(how), -EINVAL);
    how.ram = how.max_frames = UINT32_MAX;
    assert_true(try_create(how) < 0);
    /* More than the machine has. */
    how.ram = how.max_frames = 200000;
    assert_int_equal(try_create(how), -ENOMEM);
    assert_int_equal(hv_usage(&world).frames, before.frames);
    assert_int_equal(hv_usage(&world).fds, before.fds);
    assert_int_equal(try_create(vm_how("even")), 0);
}

static int load(struct vm *v, int fd, uint64_t offset, uint64_t len,
                uint64_t gpa)
{
    return weir_hvctl_vm_load(world.ctl, v->domid, fd, offset, len, gpa);
}

static void only_ram_is_loaded_and_only_from_a_memfd(void **state)
{
    uint64_t ram = (uint64_t)VM_RAM_PAGES << 12;
    struct vm v = vm_create(&world, vm_how("target"));
    struct puppet p = process("process");
    int fd = memfd_create("image", MFD_CLOEXEC);
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC), pipes[2];

    (void)state;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    assert_int_equal(load(&v, fd, 0, 4096, 0), 0);
    assert_int_equal(load(&v, fd, 1, 4097, ram - 4097), 0);
    assert_int_equal(load(&v, fd, 0, 4096, ram - 4095), -ERANGE);
    assert_int_equal(load(&v, fd, 0, 4096, ram), -ERANGE);
    assert_int_equal(load(&v, fd, 0, 4096, 0xfee00000), -ERANGE);
    assert_int_equal(load(&v, fd, 0, 4096, UINT64_MAX - 100), -ERANGE);
    assert_int_equal(load(&v, fd, 0, UINT64_MAX, 4096), -ERANGE);
    assert_true(load(&v, fd, 1 << 20, 4096, 0) < 0);
    assert_true(load(&v, fd, UINT64_MAX - 10, 4096, 0) < 0);
    assert_int_equal(load(&v, file, 0, 64, 0), -ENOTTY);
    assert_int_equal(load(&v, pipes[0], 0, 64, 0), -ENOTTY);
    v.domid = p.domid;
    assert_true(load(&v, fd, 0, 64, 0) < 0);
    assert_true(weir_hvctl_vm_start(world.ctl, p.domid, TINY_LOAD, 0) < 0);
    v.domid = 30000;
    assert_true(load(&v, fd, 0, 64, 0) < 0);
    close(fd);
    close(file);
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(puppet_destroy(&p), 0);
}

static void a_running_guest_is_neither_loaded_nor_started_again(void **state)
{
    struct vm v = machine("once");
    int fd = memfd_create("image", MFD_CLOEXEC);

    (void)state;
    assert_int_equal(ftruncate(fd, 8192), 0);
    assert_true(load(&v, fd, 0, 4096, VM_PAGES) < 0);
    assert_true(weir_hvctl_vm_start(world.ctl, v.domid, TINY_LOAD, 0) < 0);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    close(fd);
    assert_int_equal(vm_destroy(&v), 0);
}

enum stage { CREATED, LOADED, STARTED, RUNNING, PAUSED, OFF, CRASHED, STAGES };

static struct vm at_stage(enum stage s)
{
    struct vm_order triple = {.op = VM_TRIPLE};
    struct weir_hv_create how = vm_how("stage");
    struct vm v;

    how.vcpus = 2;
    v = vm_create(&world, how);
    if (s == CREATED)
        return v;
    vm_load(&v, "puppet", NULL, 0);
    if (s == LOADED)
        return v;
    vm_go(&v);
    if (s == STARTED)
        return v;
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    if (s == PAUSED)
        assert_int_equal(weir_hvctl_pause(world.ctl, v.domid), 0);
    if (s == OFF)
        vm_shutdown(&v, WEIR_SHUTDOWN_POWEROFF);
    if (s == CRASHED)
        vm_send(&v, &triple, NULL);
    if (s == OFF)
        vm_expect(&v, WEIR_DOM_SHUTDOWN, "");
    if (s == CRASHED)
        vm_expect(&v, WEIR_DOM_CRASHED, "");
    return v;
}

static void expect_usage(const struct hv_usage *was)
{
    struct hv_usage is = hv_usage(&world);

    /* What a thread leaves behind may take a moment. */
    for (int i = 0;
         i < 200 && (is.threads != was->threads || is.frames != was->frames);
         i++) {
        usleep(10000);
        is = hv_usage(&world);
    }
    assert_int_equal(is.frames, was->frames);
    assert_int_equal(is.domains, was->domains);
    assert_int_equal(is.fds, was->fds);
    assert_int_equal(is.threads, was->threads);
    /* Allocators map as they like, but not as often as domains lived. */
    if (is.maps > was->maps + ROUNDS / 4)
        fail_msg("%u mappings more than before", is.maps - was->maps);
}

static void a_guest_is_taken_away_at_every_stage(void **state)
{
    struct vm v = at_stage(RUNNING);
    struct hv_usage before;

    (void)state;
    vm_destroy(&v);
    before = hv_usage(&world);
    for (enum stage s = CREATED; s < STAGES; s++) {
        v = at_stage(s);
        assert_int_equal(vm_destroy(&v), 0);
        assert_true(weir_hvctl_destroy(world.ctl, v.domid) < 0);
        expect_usage(&before);
    }
}

/* Everything that a life can hold: ports, a table of two frames, mappings both
 * ways, registered pages, memory given back. */
static void a_life(struct puppet *p)
{
    struct vm v = machine("mayfly");
    struct puppet_answer page = puppet_do(p, PUPPET_ALLOC, 1, 0, 0, 0), mapped;
    struct vm_mapping m;
    int64_t port;

    puppet_do(p, PUPPET_GRANT, 9, v.domid, page.v[1], 0);
    m = vm_map(&v, p->domid, 9, VM_PAGES + 0x100000, false);
    assert_int_equal(m.status, 0);
    vm_grant(&v, 600, p->domid, VM_PAGES >> 12, false);
    mapped = puppet_do(p, PUPPET_MAP, v.domid, 600, 0, 0);
    assert_int_equal(mapped.rc, 0);
    port = vm_evt_alloc(&v, p->domid);
    assert_true(port > 0);
    assert_int_equal(
        puppet_do(p, PUPPET_EVT_BIND, v.domid, (uint64_t)port, 0, 0).rc, 0);
    assert_int_equal(vm_give_back(&v, (VM_PAGES >> 12) + 1), 1);
    assert_int_equal(puppet_unmap(p, &mapped), 0);
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(puppet_do(p, PUPPET_END, 9, 0, 0, 0).rc, 0);
    puppet_do(p, PUPPET_FREE, page.v[0], 1, 0, 0);
}

static void two_hundred_lives_leave_nothing(void **state)
{
    struct puppet p = process("witness");
    struct hv_usage before;

    (void)state;
    for (int i = 0; i < 3; i++)
        a_life(&p);
    puppet_destroy(&p);
    p = process("witness");
    before = hv_usage(&world);
    for (int i = 0; i < ROUNDS; i++) {
        a_life(&p);
        if (i % 50 == 49) {
            /* The witness' ports were unbound: they are its own still. */
            puppet_destroy(&p);
            p = process("witness");
        }
    }
    expect_usage(&before);
    puppet_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(impossible_machines_are_refused, clear),
        cmocka_unit_test_teardown(only_ram_is_loaded_and_only_from_a_memfd,
                                  clear),
        cmocka_unit_test_teardown(
            a_running_guest_is_neither_loaded_nor_started_again, clear),
        cmocka_unit_test_teardown(a_guest_is_taken_away_at_every_stage, clear),
        cmocka_unit_test_teardown(two_hundred_lives_leave_nothing, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

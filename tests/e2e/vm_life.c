/* SPDX-License-Identifier: MIT
 *
 * How VM domains begin and end.
 */
#include "tests/e2e/vm_suite.h"

#include "hypervisor/client/breakable.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void a_guest_runs_and_talks(void **state)
{
    struct vm v = machine("talker");
    struct weir_hv_dominfo info = vm_info(&v);

    (void)state;
    assert_non_null(strstr(v.text, "puppet"));
    assert_int_equal(info.kind, WEIR_DOM_VM);
    assert_int_equal(info.state, WEIR_DOM_RUNNING);
    assert_int_equal(info.vcpus, 1);
    assert_int_equal(info.max_frames, VM_RAM_PAGES);
    assert_in_range(info.frames, VM_RAM_PAGES - 64, VM_RAM_PAGES);
    vm_poke(&v, VM_PAGES, 0x1122334455667788);
    assert_int_equal(vm_peek(&v, VM_PAGES), 0x1122334455667788);
    assert_int_equal(vm_peek(&v, VM_PAGES + 8), 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void its_console_is_bytes_both_ways(void **state)
{
    struct vm v = machine("bytes");
    uint8_t out[VM_DATA], in[VM_DATA];

    (void)state;
    /* More than either ring holds. */
    for (unsigned i = 0; i < 40; i++) {
        for (unsigned j = 0; j < VM_DATA; j++)
            out[j] = (uint8_t)(i * 7 + j * 13 + j / 256);
        vm_write(&v, VM_PAGES + i * VM_DATA, out, VM_DATA);
    }
    for (unsigned i = 0; i < 40; i++) {
        for (unsigned j = 0; j < VM_DATA; j++)
            out[j] = (uint8_t)(i * 7 + j * 13 + j / 256);
        vm_read(&v, VM_PAGES + i * VM_DATA, in, VM_DATA);
        assert_memory_equal(in, out, VM_DATA);
    }
    assert_int_equal(vm_destroy(&v), 0);
}

static void a_guest_that_shuts_down_says_how(void **state)
{
    static const unsigned codes[] = {
        WEIR_SHUTDOWN_POWEROFF, WEIR_SHUTDOWN_REBOOT, WEIR_SHUTDOWN_SUSPEND};
    const struct vm_order ping = {.op = VM_PING};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct vm v = machine("leaver");
        struct weir_hv_dominfo info;

        assert_int_equal(vm_shutdown(&v, codes[i]), 0);
        info = vm_expect(&v, WEIR_DOM_SHUTDOWN, "");
        assert_int_equal(info.shutdown, codes[i]);
        /* It stays to be looked at, and does nothing any more. */
        vm_send(&v, &ping, NULL);
        assert_int_equal(vm_await(&v, NULL, 0, 100).rc, -EPIPE);
        assert_int_equal(vm_destroy(&v), 0);
    }
}

static void a_guest_that_crashes_says_so(void **state)
{
    struct vm v = machine("unlucky");

    (void)state;
    assert_int_equal(vm_shutdown(&v, WEIR_SHUTDOWN_CRASH), 0);
    assert_true(vm_expect(&v, WEIR_DOM_CRASHED, "").reason[0]);
    assert_int_equal(vm_destroy(&v), 0);
}

static void an_exception_of_its_own_is_the_guests(void **state)
{
    struct vm v = machine("faulty");
    struct vm_answer r = vm_do(&v, VM_RDMSR, 0x12345, 0);

    (void)state;
    assert_int_equal(r.rc, VM_TRAPPED);
    assert_int_equal(r.v[0], 13);
    r = vm_do(&v, VM_JUMP, 0x7000000000000000, 0);
    assert_int_equal(r.rc, VM_TRAPPED);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void a_triple_fault_is_a_crash_with_a_reason(void **state)
{
    struct vm v = machine("triple"), other = machine("other");
    struct vm_order o = {.op = VM_TRIPLE};

    (void)state;
    assert_int_equal(vm_send(&v, &o, NULL), 0);
    vm_expect(&v, WEIR_DOM_CRASHED, "triple fault");
    assert_int_equal(vm_do(&other, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(vm_destroy(&other), 0);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void a_guest_that_spins_is_ended_at_once(void **state)
{
    struct vm v = machine("spinner"), other = machine("other");
    struct vm_order spin = {.op = VM_SPIN};
    double start;

    (void)state;
    assert_int_equal(vm_send(&v, &spin, NULL), 0);
    usleep(100000);
    assert_int_equal(vm_do(&other, VM_PING, 0, 0).rc, 0);
    start = seconds();
    assert_int_equal(vm_destroy(&v), 0);
    assert_true(seconds() - start < 2);
    assert_int_equal(vm_do(&other, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&other), 0);
}

static void a_guest_that_calls_for_ever_is_ended_at_once(void **state)
{
    struct vm v = machine("caller");
    struct vm_order storm = {.op = VM_STORM,
                             .a = WEIR_HYPERCALL_XEN_VERSION,
                             .b = WEIR_XENVER_VERSION};
    double start;

    (void)state;
    assert_int_equal(vm_send(&v, &storm, NULL), 0);
    usleep(100000);
    start = seconds();
    assert_int_equal(vm_destroy(&v), 0);
    assert_true(seconds() - start < 2);
}

static void a_sleeping_guest_is_ended_at_once(void **state)
{
    struct vm v = machine("sleeper");
    struct vm_order o = {
        .op = VM_CALL, .a = WEIR_HYPERCALL_SCHED_OP, .b = WEIR_SCHEDOP_BLOCK};
    double start;

    (void)state;
    assert_int_equal(vm_send(&v, &o, NULL), 0);
    usleep(50000);
    start = seconds();
    assert_int_equal(vm_destroy(&v), 0);
    assert_true(seconds() - start < 2);
    v = machine("sleeper");
    assert_int_equal(vm_send(&v, &(struct vm_order){.op = VM_HALT}, NULL), 0);
    usleep(50000);
    start = seconds();
    assert_int_equal(vm_destroy(&v), 0);
    assert_true(seconds() - start < 2);
}

static void a_paused_guest_stands_still_and_goes_on(void **state)
{
    struct vm v = machine("still");
    struct vm_order ping = {.op = VM_PING};
    struct vm_answer r;

    (void)state;
    assert_int_equal(weir_hvctl_pause(world.ctl, v.domid), 0);
    assert_int_equal(vm_info(&v).state, WEIR_DOM_PAUSED);
    assert_int_equal(vm_send(&v, &ping, NULL), 0);
    r = vm_await(&v, NULL, 0, 300);
    assert_int_equal(r.rc, -EPIPE);
    assert_int_equal(weir_hvctl_unpause(world.ctl, v.domid), 0);
    assert_int_equal(vm_info(&v).state, WEIR_DOM_RUNNING);
    r = vm_await(&v, NULL, 0, 5000);
    assert_int_equal(r.rc, 0);
    assert_int_equal(weir_hvctl_pause(world.ctl, v.domid), 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void a_spinning_guest_is_paused_too(void **state)
{
    struct vm v = machine("spinner");
    struct vm_order spin = {.op = VM_SPIN};

    (void)state;
    assert_int_equal(vm_send(&v, &spin, NULL), 0);
    usleep(20000);
    assert_int_equal(weir_hvctl_pause(world.ctl, v.domid), 0);
    assert_int_equal(vm_info(&v).state, WEIR_DOM_PAUSED);
    assert_int_equal(weir_hvctl_unpause(world.ctl, v.domid), 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void nothing_runs_where_no_memory_is(void **state)
{
    static const uint32_t entries[] = {VM_BEYOND, 0xfee00000, 0xfffffff0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct vm v = vm_create(&world, vm_how("lost"));

        assert_int_equal(weir_hvctl_vm_start(world.ctl, v.domid, entries[i], 0),
                         0);
        assert_true(vm_expect(&v, WEIR_DOM_CRASHED, "").reason[0]);
        assert_int_equal(vm_destroy(&v), 0);
    }
}

static void ports_and_addresses_without_a_device_do_no_harm(void **state)
{
    struct vm v = machine("groper");
    struct vm_order out = {.op = VM_OUT, .b = 0xff};

    (void)state;
    for (unsigned port = 0; port < 0x10000; port += port < 0x100 ? 1 : 0xfff) {
        /* 0xcf9 and 0x64 are resets of a PC, 0x604 the ACPI's. */
        if (port == 0x64 || port == 0xb2)
            continue;
        out.a = port;
        out.c = 1u << port % 3;
        vm_order(&v, &out, NULL, NULL);
    }
    /* Not mapped anywhere: all reads give something, nobody else notices. */
    vm_peek(&v, 0xd0000000);
    vm_peek(&v, 0xfed00000);
    vm_peek(&v, 0xfffff000);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void a_hole_reads_zero_and_a_write_there_ends_the_guest(void **state)
{
    struct vm v = machine("digger"), other = machine("other");
    struct vm_order o = {.op = VM_WRITE, .a = VM_PAGES, .in = 8};
    uint64_t value = 0x1234;

    (void)state;
    vm_poke(&v, VM_PAGES, 0xfeed);
    assert_int_equal(vm_give_back(&v, VM_PAGES >> 12), 1);
    assert_int_equal(vm_peek(&v, VM_PAGES), 0);
    assert_int_equal(vm_peek(&v, VM_PAGES + 4088), 0);
    assert_int_equal(vm_send(&v, &o, &value), 0);
    assert_true(vm_expect(&v, WEIR_DOM_CRASHED, "").reason[0]);
    assert_int_equal(vm_do(&other, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(vm_destroy(&other), 0);
}

static unsigned confined_threads(pid_t pid)
{
    char path[64], line[128];
    unsigned n = 0;
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    assert_non_null(tasks);
    for (struct dirent *e; (e = readdir(tasks));) {
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid,
                 atoi(e->d_name));
        f = atoi(e->d_name) ? fopen(path, "r") : NULL;
        while (f && fgets(line, sizeof(line), f))
            n += strncmp(line, "Seccomp:\t2", 10) == 0;
        if (f)
            fclose(f);
    }
    closedir(tasks);
    return n;
}

static void a_guests_threads_are_confined(void **state)
{
    struct weir_hv_create how = vm_how("confined");
    struct vm v;

    (void)state;
    if (WEIR_SANITIZED)
        skip();
    how.vcpus = 3;
    v = vm_start(&world, how);
    /* A thread a vCPU, the domain's, and what KVM makes of them. */
    assert_in_range(confined_threads(world.pid), 4, 6);
    assert_int_equal(vm_destroy(&v), 0);
    for (int i = 0; i < 200 && confined_threads(world.pid) > 0; i++)
        usleep(10000);
    assert_int_equal(confined_threads(world.pid), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_guest_runs_and_talks, clear),
        cmocka_unit_test_teardown(its_console_is_bytes_both_ways, clear),
        cmocka_unit_test_teardown(a_guest_that_shuts_down_says_how, clear),
        cmocka_unit_test_teardown(a_guest_that_crashes_says_so, clear),
        cmocka_unit_test_teardown(an_exception_of_its_own_is_the_guests, clear),
        cmocka_unit_test_teardown(a_triple_fault_is_a_crash_with_a_reason,
                                  clear),
        cmocka_unit_test_teardown(a_guest_that_spins_is_ended_at_once, clear),
        cmocka_unit_test_teardown(a_guest_that_calls_for_ever_is_ended_at_once,
                                  clear),
        cmocka_unit_test_teardown(a_sleeping_guest_is_ended_at_once, clear),
        cmocka_unit_test_teardown(a_paused_guest_stands_still_and_goes_on,
                                  clear),
        cmocka_unit_test_teardown(a_spinning_guest_is_paused_too, clear),
        cmocka_unit_test_teardown(nothing_runs_where_no_memory_is, clear),
        cmocka_unit_test_teardown(
            ports_and_addresses_without_a_device_do_no_harm, clear),
        cmocka_unit_test_teardown(
            a_hole_reads_zero_and_a_write_there_ends_the_guest, clear),
        cmocka_unit_test_teardown(a_guests_threads_are_confined, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

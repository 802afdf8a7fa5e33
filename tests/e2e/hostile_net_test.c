/* SPDX-License-Identifier: MIT
 *
 * Hostile guests against the real network backend, as sealed domains: design
 * section 8.  On the same network an innocent guest sends frames from one vif
 * to another and checks them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/common/stats_abi.h"
#include "tests/e2e/hostile_lab.h"

#define GUEST_PAGES 4096
#define WAIT_MS     40000

static struct lab lab;
static struct launch_dom *back, *innocent;
static struct weir_resource innocent_vif[2];

static void attach(struct launch_dom *front, struct weir_resource *res,
                   unsigned devid, uint8_t last, bool antispoof)
{
    char mac[24];

    *res = (struct weir_resource){
        .cls = WEIR_RES_VIF,
        .devid = devid,
        .vif = {.sink = WEIR_VIF_SWITCH,
                .queues = 2,
                .mtu = 1500,
                .antispoof = antispoof,
                .mac = {0, 0x16, 0x3e, last, last, last}}};
    snprintf(res->label, sizeof(res->label), "arena");
    lab_attach(&lab, front, back, res, NULL);
    snprintf(mac, sizeof(mac), "00:16:3e:%02x:%02x:%02x", last, last, last);
    assert_int_equal(launch_front_node(&lab.l, front, res, "mac", mac), 0);
}

static struct launch_dom *start(struct weir_resource *res, const char *name)
{
    struct launch_dom *g = lab_guest(&lab, "hostile", GUEST_PAGES);

    attach(g, res, 0, 0x66, true);
    lab_progress(&lab, innocent);
    lab_exec(&lab, g, "hostile_netfront", name);
    return g;
}

static void attack(const char *name)
{
    struct weir_resource res;
    struct launch_dom *g = start(&res, name);
    int status;

    lab_progress(&lab, innocent);
    status = launch_wait(g, WAIT_MS);
    LAB_CHECK(&lab, status == 0, "%s: status %d", name, status);
    lab_progress(&lab, innocent);
    lab_detach(&lab, g, back, &res, 1, true);
    lab_progress(&lab, innocent);
    lab_check(&lab);
}

#define ATTACK(fn, name)                                                       \
    static void fn(void **state)                                               \
    {                                                                          \
        (void)state;                                                           \
        attack(name);                                                          \
    }
ATTACK(test_bad_packets_get_errors, "tx")
ATTACK(test_lying_headers_harm_no_receiver, "offload")
ATTACK(test_multicast_addresses_stay_bounded, "mcast")
ATTACK(test_frames_from_other_addresses_are_dropped, "spoof")
ATTACK(test_slots_rewritten_in_flight_do_no_harm, "rewrite")
ATTACK(test_broadcast_flood_leaves_room_for_others, "flood")
ATTACK(test_impossible_indexes_close_the_device, "indexes")
ATTACK(test_bad_receive_buffers_get_errors, "rx")
ATTACK(test_bad_control_requests_are_refused, "ctrl")
ATTACK(test_garbage_nodes_close_the_device, "nodes")
ATTACK(test_states_that_flap, "flap")
ATTACK(test_guest_that_leaves_with_packets_in_flight, "vanish")

static uint64_t kicks_in(void)
{
    static union {
        uint8_t bytes[WEIR_PAGE_SIZE];
        struct weir_stats_page page;
    } u;
    uint64_t sum = 0;

    LAB_CHECK(&lab, weir_hvctl_stats(lab.l.ctl, back->domid, u.bytes) == 0,
              "no statistics");
    for (unsigned i = 0; i < WEIR_STATS_DEVS; i++)
        if (u.page.dev[i].cls == WEIR_RES_VIF &&
            u.page.dev[i].frontend != innocent->domid)
            sum += u.page.dev[i].word[WEIR_STAT_VIF_KICKS_IN];
    return sum;
}

static void test_event_storm_is_listened_to_rarely(void **state)
{
    struct weir_resource res;
    struct launch_dom *g;
    uint64_t most = 0;

    (void)state;
    g = start(&res, "storm");
    for (;;) {
        int status = launch_wait(g, 20);
        uint64_t now = kicks_in();

        if (now > most)
            most = now;
        LAB_CHECK(&lab, status == 0 || status == -110, "storm: status %d",
                  status);
        if (status == 0)
            break;
    }
    LAB_CHECK(&lab, most > 0 && most < 6000, "%llu wake-ups in 1.5 s",
              (unsigned long long)most);
    lab_progress(&lab, innocent);
    lab_detach(&lab, g, back, &res, 1, true);
    lab_check(&lab);
}

static void test_guest_killed_with_packets_in_flight(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct weir_resource res;
        struct launch_dom *g = start(&res, "hang");

        for (unsigned k = 0; k < 2000 && !lab_number(&lab, g, "ready"); k++) {
            struct timespec ts = {0, 5000000};

            nanosleep(&ts, NULL);
        }
        LAB_CHECK(&lab, lab_number(&lab, g, "ready") == 1, "the guest hangs");
        lab_detach(&lab, g, back, &res, 1, true);
        lab_progress(&lab, innocent);
        lab_check(&lab);
    }
}

static void test_nothing_is_left(void **state)
{
    int status;

    (void)state;
    lab_tell(&lab, innocent, "stop");
    status = launch_wait(innocent, 10000);
    LAB_CHECK(&lab, status == 0, "the innocent guest: status %d", status);
    lab_detach(&lab, innocent, back, innocent_vif, 2, false);
    lab_as_before(&lab, back);
    lab_check(&lab);
}

static int setup(void **state)
{
    (void)state;
    if (lab_start(&lab, "hostile-net") != 0)
        return -1;
    back = lab_backend(&lab, "weir-netback");
    lab_remember(&lab, back);
    innocent = lab_guest(&lab, "innocent", 4096);
    attach(innocent, &innocent_vif[0], 0, 0x11, false);
    attach(innocent, &innocent_vif[1], 1, 0x12, false);
    lab_exec(&lab, innocent, "hostile_innocent", "net");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lab_stop(&lab);
    return 0;
}

int main(void)
{
#define T(fn) cmocka_unit_test(fn)
    const struct CMUnitTest tests[] = {
        T(test_bad_packets_get_errors),
        T(test_lying_headers_harm_no_receiver),
        T(test_multicast_addresses_stay_bounded),
        T(test_frames_from_other_addresses_are_dropped),
        T(test_slots_rewritten_in_flight_do_no_harm),
        T(test_broadcast_flood_leaves_room_for_others),
        T(test_impossible_indexes_close_the_device),
        T(test_bad_receive_buffers_get_errors),
        T(test_bad_control_requests_are_refused),
        T(test_garbage_nodes_close_the_device),
        T(test_states_that_flap),
        T(test_guest_that_leaves_with_packets_in_flight),
        T(test_event_storm_is_listened_to_rarely),
        T(test_guest_killed_with_packets_in_flight),
        T(test_nothing_is_left),
    };
    const char *b = getenv("B");
    char cmd[300];

    snprintf(cmd, sizeof(cmd), "%s/bin/weir-hv --check",
             b != NULL && *b != '\0' ? b : "build");
    if (system(cmd) != 0) {
        puts("this machine can't run process domains (weir-hv --check)");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}

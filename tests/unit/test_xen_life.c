/* SPDX-License-Identifier: MIT
 *
 * The manager of a domain on Xen's ABI: devices that come, fail, go, and come
 * again.
 */
#include "tests/unit/xen_rig.h"

static void disk_waits_for_its_script(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vbd/5/51712", "script", "/etc/xen/scripts/block");
    set("vbd/5/51712", "params", t.image); /* the script's, not ours */
    offer("vbd/5/51712", "5");
    assert_int_equal(packet(), WEIR_RES_ANNOUNCE);
    assert_int_equal(t.res.frontend, 5);
    assert_int_equal(t.res.devid, 51712);
    assert_int_equal(t.res.vbd.queues, 2);
    assert_int_equal(packet(), 0);
    set("vbd/5/51712", "physical-device-path", t.image);
    step();
    assert_int_equal(packet(), 0); /* not done yet */
    set("vbd/5/51712", "hotplug-status", "connected");
    step();
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    assert_int_equal(t.res.vbd.size, 1 << 20);
    assert_in_range(t.nfds, 1, 2);
    answer(WEIR_RES_EV_ATTACHED, NULL);
    set("vbd/5/51712", "feature-persistent", "1"); /* the backend's nodes */
    step();
    assert_int_equal(packet(), 0);
    /* xl block-detach, and the same device again. */
    set("vbd/5/51712", "online", "0");
    set("vbd/5/51712", "state", "5");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
    assert_int_equal(packet(), 0);
    answer(WEIR_RES_EV_DETACHED, NULL);
    expect("vbd/5/51712", "online", "0");
    take_away("vbd/5/51712");
    assert_int_equal(packet(), 0);
    set("vbd/5/51712", "script", "/etc/xen/scripts/block");
    offer("vbd/5/51712", "5");
    assert_int_equal(packet(), WEIR_RES_ANNOUNCE);
}

static void disk_that_leaves_before_its_script_ends(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vbd/5/51712", "script", "block");
    offer("vbd/5/51712", "5");
    assert_int_equal(packet(), WEIR_RES_ANNOUNCE);
    set("vbd/5/51712", "online", "0");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
}

static void backend_that_fails_says_why(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vbd/5/1", "params", t.image);
    offer("vbd/5/1", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    answer(WEIR_RES_EV_ERROR, "size is odd");
    expect("vbd/5/1", "hotplug-error", "size is odd");
    set("vbd/5/1", "online", "0");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
}

/* xl of dom0 waits for the directory of a driver domain's device to go. */
static void driver_domain_removes_the_directory_for_xl(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_SELF, 3);
    set("vbd/5/1", "script", "block");
    set("vbd/5/1", "params", t.image);
    offer("vbd/5/1", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    set("vbd/5/1", "online", "0");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
    expect("vbd/5/1", "online", "0");
    answer(WEIR_RES_EV_DETACHED, NULL);
    expect("vbd/5/1", "online", "");
    expect("vbd/5/1", "frontend-id", "");
    assert_false(is_there("vbd/5")); /* or one stays of each guest */
}

/* Also of one that no backend has seen; its neighbour's stays. */
static void a_failed_device_goes_as_well(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_SELF, 3);
    for (unsigned i = 0; i < 2; i++) {
        const char *dir = i == 0 ? "vbd/5/1" : "vbd/5/2";

        set(dir, "script", "block");
        set(dir, "params", "/nothing/there");
        offer(dir, "5");
        expect(dir, "state", "5");
    }
    set("vbd/5/1", "online", "0");
    step();
    assert_false(is_there("vbd/5/1"));
    assert_true(is_there("vbd/5/2"));
    set("vbd/5/2", "online", "0");
    step();
    assert_false(is_there("vbd/5"));
    assert_true(is_there("vbd"));
}

/* Its own business with the frontend is between these two. */
static void a_failure_in_service_is_no_hotplug_error(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vbd/5/1", "params", t.image);
    offer("vbd/5/1", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    answer(WEIR_RES_EV_ATTACHED, NULL);
    answer(WEIR_RES_EV_ERROR, "frontend's ring pages cannot be mapped");
    expect("vbd/5/1", "hotplug-status", "connected");
    expect("vbd/5/1", "hotplug-error", "");
    expect("vbd/5/1", "error", ""); /* the backend's to write, and to remove */
    set("vbd/5/1", "online", "0");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
}

/* One that goes without a word, and comes back before the backend has let go of
 * its tap.  Late answers are about the one before. */
static void the_next_waits_until_the_backend_has_let_go(void **state)
{
    struct weir_resource before;

    (void)state;
    start(&weir_xen_vif, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vif/5/0", "mac", "00:16:3e:0a:0b:0c");
    offer("vif/5/0", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    set("vif/5/0", "online", "0");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
    take_away("vif/5/0");
    assert_int_equal(packet(), WEIR_RES_DETACH); /* now */
    before = t.res;
    set("vif/5/0", "mac", "00:16:3e:0a:0b:0c");
    offer("vif/5/0", "5");
    assert_int_equal(packet(), 0);
    t.res = before;
    answer(WEIR_RES_EV_DETACHED, NULL);
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    t.res = before;
    answer(WEIR_RES_EV_ERROR, "No such file or directory");
    answer(WEIR_RES_EV_DETACHED, NULL);
    assert_int_equal(packet(), 0); /* not offered again */
    expect("vif/5/0", "error", "");
    set("vif/5/0", "online", "0");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
}

/* Between two looks the directory was removed and made anew. */
static void another_device_in_the_same_place_is_seen(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 3);
    set("vbd/5/1", "params", t.image);
    offer("vbd/5/1", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    answer(WEIR_RES_EV_ATTACHED, NULL);
    set("vbd/5/1", "state", "4"); /* the backend's */
    step();
    assert_int_equal(packet(), 0);
    set("vbd/5/1", "mode", "r");
    set("vbd/5/1", "state", "1");
    set("vbd/5/1", "hotplug-status", "");
    step();
    assert_int_equal(packet(), WEIR_RES_DETACH);
    set("vbd/5/1", "state", "6"); /* the backend's, about the one before */
    step();
    assert_int_equal(packet(), 0);
    answer(WEIR_RES_EV_DETACHED, NULL);
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    assert_int_equal(t.res.vbd.flags, WEIR_VBD_READONLY);
    answer(WEIR_RES_EV_ATTACHED, NULL);
    expect("vbd/5/1", "hotplug-status", "connected");
}

static void an_endless_backend_does_not_keep_the_manager(void **state)
{
    struct weir_resource res = {.frontend = 5, .devid = 1};
    unsigned sent = 0, left = 0;

    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    while (weir_resource_answer(t.channel, WEIR_RES_EV_ERROR, &res, "x") == 0)
        sent++;
    assert_in_range(sent, 100, 100000);
    assert_int_equal(weir_xen_manager_step(t.m, -1, 0), 0);
    while (weir_resource_answer(t.channel, WEIR_RES_EV_ERROR, &res, "x") == 0)
        left++;
    assert_in_range(left, 1, sent - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(disk_waits_for_its_script),
        TEST(disk_that_leaves_before_its_script_ends),
        TEST(backend_that_fails_says_why),
        TEST(driver_domain_removes_the_directory_for_xl),
        TEST(a_failed_device_goes_as_well),
        TEST(a_failure_in_service_is_no_hotplug_error),
        TEST(the_next_waits_until_the_backend_has_let_go),
        TEST(another_device_in_the_same_place_is_seen),
        TEST(an_endless_backend_does_not_keep_the_manager),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The manager of a domain on Xen's ABI: what a toolstack and its scripts write
 * becomes resources.
 */
#include "tests/unit/xen_rig.h"

static void what_a_script_wrote_is_checked(void **state)
{
    static const char *const wrong[] = {"7:",   "7",         "x:y",
                                        "7:0 ", "ffff:ffff", "7,0"};
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        set("vbd/5/1", "script", "block");
        set("vbd/5/1", "physical-device", wrong[i]);
        offer("vbd/5/1", "6"); /* another domain's: not ours to serve */
        assert_int_equal(packet(), 0);
        set("vbd/5/1", "frontend-id", "5");
        step();
        assert_int_equal(packet(), WEIR_RES_ANNOUNCE);
        assert_int_equal(packet(), WEIR_RES_DETACH);
        expect("vbd/5/1", "error", "physical-device");
        expect("vbd/5/1", "hotplug-error", ""); /* the script's */
        take_away("vbd/5/1");
    }
}

static void own_disk_is_opened_and_told(void **state)
{
    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 3);
    set("vbd/5/1", "params", t.image);
    offer("vbd/5/1", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    assert_int_equal(t.res.vbd.flags, 0);
    assert_int_equal(t.res.vbd.sector_size, 512);
    assert_int_equal(fcntl(t.fds[0], F_GETFL) & O_ACCMODE, O_RDWR);
    expect("vbd/5/1", "hotplug-status", "");
    answer(WEIR_RES_EV_ATTACHED, NULL);
    expect("vbd/5/1", "hotplug-status", "connected");
    /* The same file a second time would destroy it. */
    set("vbd/6/1", "params", t.image);
    offer("vbd/6/1", "6");
    expect("vbd/6/1", "hotplug-error", "in use by another disk");
    expect("vbd/6/1", "state", "5");
    set("vbd/6/1", "online", "0");
    step();
    expect("vbd/6/1", "state", "6");
}

static void read_only_means_that(void **state)
{
    static const struct {
        const char *mode, *type;
        uint32_t flags;
    } cases[] = {
        {"r", "disk", WEIR_VBD_READONLY},
        {"", "disk", WEIR_VBD_READONLY},
        {"w", "cdrom", WEIR_VBD_READONLY | WEIR_VBD_CDROM},
        {"w!", "disk", 0},
    };

    (void)state;
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_SELF, 0);
    for (unsigned i = 0; i < 4; i++) {
        set("vbd/5/1", "script", "block"); /* nobody runs it */
        set("vbd/5/1", "params", t.image);
        set("vbd/5/1", "mode", cases[i].mode);
        set("vbd/5/1", "device-type", cases[i].type);
        set("vbd/5/1", "discard-enable", "1");
        set("vbd/5/1", "online", "1");
        set("vbd/5/1", "frontend-id", "5");
        set("vbd/5/1", "state", "1");
        step();
        assert_int_equal(packet(), WEIR_RES_ATTACH);
        assert_int_equal(t.res.vbd.flags & ~WEIR_VBD_DISCARD, cases[i].flags);
        assert_int_equal((t.res.vbd.flags & WEIR_VBD_DISCARD) != 0,
                         cases[i].flags == 0);
        for (unsigned k = 0; k < t.nfds; k++)
            assert_int_equal(fcntl(t.fds[k], F_GETFL) & O_ACCMODE,
                             cases[i].flags != 0 ? O_RDONLY : O_RDWR);
        drop_fds();
        take_away("vbd/5/1");
        assert_int_equal(packet(), WEIR_RES_DETACH);
        answer(WEIR_RES_EV_DETACHED, NULL);
    }
}

static void disks_that_cannot_be_opened_have_a_reason(void **state)
{
    char long_path[300];

    (void)state;
    memset(long_path, 'a', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vbd/5/1", "params", "/nothing/there");
    offer("vbd/5/1", "5");
    expect("vbd/5/1", "error", "/nothing/there: No such file");
    expect("vbd/5/1", "hotplug-status", "error");
    set("vbd/5/2", "params", "null"); /* below /dev */
    offer("vbd/5/2", "5");
    expect("vbd/5/2", "error", "/dev/null: neither a regular file");
    offer("vbd/5/3", "5");
    expect("vbd/5/3", "error", "params is empty");
    set("vbd/5/4", "params", long_path);
    offer("vbd/5/4", "5");
    expect("vbd/5/4", "error", "params");
    assert_int_equal(packet(), 0);
    assert_int_equal(t.logged, 4);
    /* The table is full; the next is told once, and waits for room. */
    set("vbd/5/5", "params", t.image);
    offer("vbd/5/5", "5");
    set("vbd/5/5", "mode", "r");
    step();
    assert_int_equal(t.logged, 5);
    take_away("vbd/5/1");
    set("vbd/5/5", "mode", "w");
    step();
    assert_int_equal(packet(), WEIR_RES_ATTACH);
}

static void interface_is_there_before_its_script(void **state)
{
    (void)state;
    start(&weir_xen_vif, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vif/5/0", "script", "vif-bridge");
    set("vif/5/0", "mac", "00:16:3e:0a:0b:0C");
    set("vif/5/0", "bridge", "xenbr0");
    set("vif/5/0", "vifname", "second");
    set("vif/5/0", "mtu", "9000");
    set("vif/5/0", "rate", "62500,50000");
    offer("vif/5/0", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    assert_string_equal(t.tap_name, "vif5.0"); /* the script renames it */
    assert_string_equal(t.tap_bridge, "");
    assert_true(t.tap.down);
    assert_int_equal(t.tap.mtu, 9000);
    assert_int_equal(t.nfds, 2);
    assert_int_equal(t.res.vif.queues, 2);
    assert_int_equal(t.res.vif.sink, WEIR_VIF_TAP);
    assert_int_equal(t.res.vif.rate_bps, 1250000);
    assert_int_equal(t.res.vif.rate_window_us, 50000);
    assert_memory_equal(t.res.vif.mac, "\x00\x16\x3e\x0a\x0b\x0c", 6);
    answer(WEIR_RES_EV_ATTACHED, NULL);
    expect("vif/5/0", "hotplug-status", "");
}

static void own_interface_joins_its_bridge(void **state)
{
    (void)state;
    start(&weir_xen_vif, WEIR_XEN_HOTPLUG_AUTO, 0);
    set("vif/5/0", "mac", "00:16:3e:0a:0b:0c");
    set("vif/5/0", "bridge", "xenbr0");
    set("vif/5/0", "vifname", "second");
    set("vif/5/0", "rate", "4294967295,0");
    offer("vif/5/0", "5");
    assert_int_equal(packet(), WEIR_RES_ATTACH);
    assert_string_equal(t.tap_name, "second");
    assert_string_equal(t.tap_bridge, "xenbr0");
    assert_false(t.tap.down);
    assert_int_equal(t.res.vif.rate_bps, 0);
    answer(WEIR_RES_EV_ATTACHED, NULL);
    expect("vif/5/0", "hotplug-status", "connected");
}

static void wrong_interfaces_have_a_reason(void **state)
{
    static const char *const nodes[][3] = {
        {"mac", "00:16:3e:0a:0b", "node mac"},
        {"mac", "00:16:3e:0a:0b:0c:0d", "node mac"},
        {"mac", "", "node mac"},
        {"mtu", "67", "node mtu"},
        {"mtu", "many", "node mtu"},
        {"rate", "1", "node rate"},
        {"rate", "1,2x", "node rate"},
        {"vifname", "a-very-long-interface", "too long"},
        {"vifname",
         "a-name-that-is-longer-than-what-is-read-of-a-node-of-that-kind-ever",
         "node vifname is too long"},
        {"bridge", "a-very-long-interface", "node bridge"},
    };

    (void)state;
    start(&weir_xen_vif, WEIR_XEN_HOTPLUG_AUTO, 0);
    for (unsigned i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        set("vif/5/0", "mac", "00:16:3e:0a:0b:0c");
        set("vif/5/0", nodes[i][0], nodes[i][1]);
        offer("vif/5/0", "5");
        assert_int_equal(packet(), 0);
        expect("vif/5/0", "error", nodes[i][2]);
        take_away("vif/5/0");
    }
    assert_null(t.tap.name);
    t.tap_result = -EEXIST;
    set("vif/5/0", "mac", "00:16:3e:0a:0b:0c");
    offer("vif/5/0", "5");
    expect("vif/5/0", "hotplug-error", "vif5.0: made-up reason");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_script_wrote_is_checked),
        TEST(own_disk_is_opened_and_told),
        TEST(read_only_means_that),
        TEST(disks_that_cannot_be_opened_have_a_reason),
        TEST(interface_is_there_before_its_script),
        TEST(own_interface_joins_its_bridge),
        TEST(wrong_interfaces_have_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

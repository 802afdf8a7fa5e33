/* SPDX-License-Identifier: MIT
 *
 * Manager and backend of a domain on Xen's ABI together, as a toolstack sees
 * them that takes a disk away and brings it back.
 */
#include "tests/unit/xen_rig.h"

#include "backends/common/backend.h"
#include "backends/common/stats.h"
#include "tests/unit/fake_port.h"

#define FRONT "/local/domain/5/device/vbd/51728"
#define DISK  "vbd/5/51728"

static struct {
    struct weir_fake_machine *machine;
    struct weir_backend *be;
    struct weir_xs xs;
    struct weir_stats_page stats;
    uint32_t flags; /* of the disk opened last */
} b;

static int back_open(struct weir_back_dev *dev)
{
    b.flags = dev->res.vbd.flags;
    return 0;
}

static int back_connect(struct weir_back_dev *dev)
{
    (void)dev;
    return 0;
}

static int back_publish(struct weir_back_dev *dev, weir_xs_tx tx)
{
    (void)dev;
    (void)tx;
    return 0;
}

static void back_nothing(struct weir_back_dev *dev)
{
    (void)dev;
}

static const struct weir_back_class back_class = {
    .name = "vbd",
    .resource_class = WEIR_RES_VBD,
    .dev_size = sizeof(struct weir_back_dev),
    .open = back_open,
    .publish = back_publish,
    .connect = back_connect,
    .disconnect = back_nothing,
    .close = back_nothing,
};
static const struct weir_back_class *const classes[] = {&back_class};

static int setup_pair(void **state)
{
    struct weir_backend_config cfg = {
        .xs = &b.xs, .classes = classes, .nclasses = 1, .stats = &b.stats};

    setup(state);
    start(&weir_xen_vbd, WEIR_XEN_HOTPLUG_AUTO, 0);
    memset(&b, 0, sizeof(b));
    b.machine = weir_fake_machine_new(256);
    cfg.port = weir_fake_domain_add(b.machine, 2, 0);
    cfg.resource_fd = t.channel;
    weir_stats_init(&b.stats, 1);
    assert_int_equal(weir_fake_store_connect(t.store, &b.xs, 0), 0);
    assert_int_equal(weir_backend_new(&cfg, &b.be), 0);
    return 0;
}

static int teardown_pair(void **state)
{
    weir_backend_free(b.be);
    weir_fake_store_disconnect(t.store, &b.xs);
    assert_int_equal(weir_fake_machine_free(b.machine), 0);
    return teardown(state);
}

static void both(void)
{
    for (unsigned i = 0; i < 8; i++) {
        step();
        assert_int_equal(weir_backend_step(b.be, 0), 0);
    }
}

static void front(const char *state)
{
    assert_int_equal(weir_fake_store_set(t.store, FRONT "/state", state), 0);
}

static void attach(void)
{
    front("1");
    set(DISK, "script", "block");
    set(DISK, "frontend", FRONT);
    set(DISK, "frontend-id", "5");
    set(DISK, "online", "1");
    set(DISK, "mode", "w");
    set(DISK, "state", "1");
}

static void script_ends(void)
{
    set(DISK, "physical-device-path", t.image);
    set(DISK, "hotplug-status", "connected");
}

static void leave(void)
{
    set(DISK, "online", "0");
    set(DISK, "state", "5");
}

static void removed(void)
{
    assert_int_equal(weir_fake_store_rm(t.store, BACK DISK), 0);
}

/* The script took too long; it ends, or was ended. */
static void attach_again_after_a_late_script(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        attach();
        both();
        expect(DISK, "state", "2");
        if (i % 2 == 1) {
            script_ends();
            both();
        }
        if (i == 3) {
            front("3");
            both();
            expect(DISK, "state", "4");
            front("6");
        }
        leave();
        both();
        expect(DISK, "state", "6");
        removed();
        if (i % 2 == 1)
            both();
    }
}

/* By force: the toolstack waits for nobody. */
static void attach_again_before_anybody_looked(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        attach();
        both();
        script_ends();
        both();
        front("3");
        both();
        expect(DISK, "state", "4");
        if (i == 1)
            leave();
        if (i == 2)
            step(); /* the manager alone */
        removed();
        assert_int_equal(weir_fake_store_rm(t.store, FRONT), 0);
    }
    attach();
    set(DISK, "mode", "r"); /* or the disk before would be served on */
    script_ends();
    both();
    expect(DISK, "state", "2");
    assert_int_equal(b.flags, WEIR_VBD_READONLY);
}

#define PAIR(f) cmocka_unit_test_setup_teardown(f, setup_pair, teardown_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR(attach_again_after_a_late_script),
        PAIR(attach_again_before_anybody_looked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

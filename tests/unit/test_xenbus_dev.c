/* SPDX-License-Identifier: MIT
 *
 * Both ends of a xenbus device with a class that does nothing, against peers
 * that change their state at the worst moment, or all the time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/common/backend.h"
#include "backends/common/resource.h"
#include "backends/common/stats.h"
#include "frontends/common/xenbus_front.h"
#include "tests/unit/fake_port.h"
#include "tests/unit/fake_store.h"

#define FPATH "/local/domain/5/device/vbd/51712"
#define BPATH "/local/domain/2/backend/vbd/5/51712"

static struct {
    struct weir_fake_machine *machine;
    struct weir_fake_store *store;
    struct weir_port *fport, *bport;
    struct weir_gnttab gnttab;
    struct weir_front_bus bus;
    struct weir_xs bxs;
    struct weir_stats_page stats;
    struct weir_backend *be;
    struct weir_back_dev *dev; /* what the backend opened */
    int channel;               /* the device manager's end */
    int connect_result;
    unsigned changes;
} t;

static void set(const char *path, const char *value, domid_t owner, int reader)
{
    assert_int_equal(weir_fake_store_set(t.store, path, value), 0);
    assert_int_equal(weir_fake_store_own(t.store, path, owner, reader), 0);
}

static void front_state(const char *state)
{
    assert_int_equal(weir_fake_store_set(t.store, FPATH "/state", state), 0);
}

static void back_state(const char *state)
{
    assert_int_equal(weir_fake_store_set(t.store, BPATH "/state", state), 0);
}

static void expect(const char *path, const char *want)
{
    char got[160] = "";

    weir_fake_store_get(t.store, path, got, sizeof(got));
    assert_string_equal(got, want);
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    t.machine = weir_fake_machine_new(256);
    assert_non_null(t.machine);
    t.fport = weir_fake_domain_add(t.machine, 5, 0);
    t.bport = weir_fake_domain_add(t.machine, 2, 0);
    assert_int_equal(weir_fake_store_new(&t.store), 0);
    set("/local/domain/5/device", "", 5, -1);
    set("/local/domain/2/backend", "", 2, -1);
    set("/local/domain/2/backend/vbd", "", 2, -1);
    set("/local/domain/2/backend/vbd/5", "", 2, 5);
    set(FPATH, "", 5, 2);
    set(FPATH "/backend", BPATH, 5, 2);
    set(FPATH "/backend-id", "2", 5, 2);
    set(FPATH "/state", "1", 5, 2);
    set(BPATH, "", 2, 5);
    set(BPATH "/frontend", FPATH, 2, 5);
    set(BPATH "/frontend-id", "5", 2, 5);
    set(BPATH "/state", "1", 2, 5);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_fake_store_free(t.store);
    assert_int_equal(weir_fake_machine_free(t.machine), 0);
    return 0;
}

/* ---- frontend ---- */

static int front_publish(struct weir_front_dev *dev, weir_xs_tx tx)
{
    (void)dev;
    (void)tx;
    return 0;
}

static int front_connect(struct weir_front_dev *dev)
{
    (void)dev;
    return 0;
}

static void front_disconnect(struct weir_front_dev *dev)
{
    (void)dev;
}

#define CHANGES_MAX 200000u

/* The backend says "Connected" again whenever the frontend has heard it. */
static void front_changed(struct weir_front_dev *dev)
{
    (void)dev;
    if (t.changes++ < CHANGES_MAX)
        back_state("4");
}

static const struct weir_front_ops front_ops = {
    .publish = front_publish,
    .connect = front_connect,
    .disconnect = front_disconnect,
    .changed = front_changed,
};

static void test_backend_with_endless_news_does_not_stop_the_clock(void **state)
{
    struct weir_front_dev dev;

    (void)state;
    t.bus.port = t.fport;
    t.bus.gnttab = &t.gnttab;
    assert_int_equal(weir_gnttab_init(&t.gnttab, t.fport), 0);
    assert_int_equal(weir_fake_store_connect(t.store, &t.bus.xs, 5), 0);
    assert_int_equal(weir_front_attach(&t.bus, &dev, &front_ops, "vbd", 0), 0);
    back_state("2");
    assert_int_equal(
        weir_front_wait_state(&dev, WEIR_XENBUS_INITIALISED, 1000000000), 0);
    back_state("4");
    assert_int_equal(
        weir_front_wait_state(&dev, WEIR_XENBUS_CONNECTED, 1000000000), 0);
    back_state("4");
    assert_int_equal(weir_front_wait_state(&dev, WEIR_XENBUS_CLOSED, 20000000),
                     -ETIMEDOUT);
    assert_in_range(t.changes, 1, CHANGES_MAX - 1);
    t.changes = CHANGES_MAX;
    back_state("6");
    assert_int_equal(weir_front_detach(&dev), 0);
    weir_fake_store_disconnect(t.store, &t.bus.xs);
    assert_int_equal(weir_gnttab_fini(&t.gnttab), 0);
}

/* ---- backend ---- */

static int back_open(struct weir_back_dev *dev)
{
    t.dev = dev;
    return 0;
}

static int back_publish(struct weir_back_dev *dev, weir_xs_tx tx)
{
    (void)dev;
    (void)tx;
    return 0;
}

static int back_connect(struct weir_back_dev *dev)
{
    (void)dev;
    return t.connect_result;
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

static struct weir_resource resource(enum weir_res_op op)
{
    return (struct weir_resource){.magic = WEIR_RES_MAGIC,
                                  .version = WEIR_RES_VERSION,
                                  .op = op,
                                  .cls = WEIR_RES_VBD,
                                  .frontend = 5,
                                  .devid = 51712};
}

static void step(void)
{
    assert_int_equal(weir_backend_step(t.be, 0), 0);
    assert_int_equal(weir_backend_step(t.be, 0), 0);
}

static void give(enum weir_res_op op)
{
    struct weir_resource r = resource(op);

    assert_int_equal(weir_backend_give(t.be, &r, NULL, 0), 0);
    step();
}

static void start_with(enum weir_res_op op)
{
    struct weir_backend_config cfg = {.port = t.bport,
                                      .xs = &t.bxs,
                                      .classes = classes,
                                      .nclasses = 1,
                                      .stats = &t.stats};
    int sv[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
    t.channel = sv[0];
    cfg.resource_fd = sv[1];
    weir_stats_init(&t.stats, 1);
    assert_int_equal(weir_fake_store_connect(t.store, &t.bxs, 2), 0);
    assert_int_equal(weir_backend_new(&cfg, &t.be), 0);
    give(op);
}

static void start_backend(void)
{
    start_with(WEIR_RES_ATTACH);
}

static void stop_backend(void)
{
    int fd = weir_backend_cfg(t.be)->resource_fd;

    weir_backend_free(t.be);
    weir_fake_store_disconnect(t.store, &t.bxs);
    close(fd);
    close(t.channel);
}

/* Events of that type the device manager has got since the last call. */
static unsigned events(uint32_t type)
{
    struct weir_resource_event ev;
    unsigned n = 0;

    while (weir_resource_wait(t.channel, &ev, 0) == 0)
        n += ev.type == type;
    return n;
}

static void test_failure_of_a_former_connection_ends_no_new_one(void **state)
{
    (void)state;
    start_backend();
    front_state("3");
    step();
    expect(BPATH "/state", "4");
    weir_backend_fail(t.dev, "its ring is broken");
    front_state("1"); /* and starts anew before anybody looked */
    step();
    expect(BPATH "/state", "2");
    expect(BPATH "/error", "");
    front_state("3");
    step();
    expect(BPATH "/state", "4");
    stop_backend();
}

static void test_frontend_that_fails_all_the_time_fills_no_log(void **state)
{
    uint64_t began = t.bport->ops->now_ns(t.bport), allowed;

    (void)state;
    start_backend();
    t.connect_result = -EINVAL;
    for (unsigned i = 0; i < 100; i++) {
        front_state("3");
        step();
        expect(BPATH "/state", "5");
        front_state("6");
        step();
        expect(BPATH "/state", "6");
        front_state("1");
        step();
        expect(BPATH "/state", "2");
    }
    allowed = 2 + (t.bport->ops->now_ns(t.bport) - began) / 1000000000;
    assert_in_range(weir_fake_calls(t.bport, WEIR_FAKE_LOG), 1, allowed);
    assert_in_range(events(WEIR_RES_EV_ERROR), 1, allowed);
    stop_backend();
}

static void test_detach_tells_a_frontend_that_has_not_come_back(void **state)
{
    struct weir_resource r = resource(WEIR_RES_DETACH);

    (void)state;
    front_state("4"); /* connected to our predecessor */
    start_backend();
    expect(BPATH "/state", "2");
    assert_int_equal(weir_backend_give(t.be, &r, NULL, 0), 0);
    step();
    expect(BPATH "/state", "5");
    front_state("6");
    step();
    expect(BPATH "/state", "6");
    assert_int_equal(events(WEIR_RES_EV_DETACHED), 1);
    stop_backend();
}

/* Xen's scripts wait for InitWait before they tell where the image is. */
static void test_announced_device_waits_for_its_resources(void **state)
{
    (void)state;
    start_with(WEIR_RES_ANNOUNCE);
    expect(BPATH "/state", "2");
    assert_null(t.dev);
    front_state("4"); /* publishes and goes straight to Connected */
    step();
    expect(BPATH "/state", "2");
    give(WEIR_RES_ATTACH);
    assert_non_null(t.dev);
    expect(BPATH "/state", "4");
    give(WEIR_RES_DETACH);
    expect(BPATH "/state", "5");
    front_state("6");
    step();
    expect(BPATH "/state", "6");
    stop_backend();
}

static void
test_frontend_of_a_predecessor_starts_over_announced_too(void **state)
{
    (void)state;
    front_state("4");
    start_with(WEIR_RES_ANNOUNCE);
    give(WEIR_RES_ATTACH);
    expect(BPATH "/state", "2"); /* its rings were another's */
    front_state("3");
    step();
    expect(BPATH "/state", "4");
    stop_backend();
}

static void test_announced_device_without_resources_goes_at_once(void **state)
{
    (void)state;
    start_with(WEIR_RES_ANNOUNCE);
    give(WEIR_RES_DETACH);
    expect(BPATH "/state", "6");
    assert_int_equal(events(WEIR_RES_EV_DETACHED), 1);
    assert_null(t.dev);
    stop_backend();
}

/* xl removes it as soon as it reads Closed, whoever else is about to write. */
static void test_directory_that_was_removed_does_not_come_back(void **state)
{
    struct weir_resource r = resource(WEIR_RES_DETACH);

    (void)state;
    start_backend();
    front_state("3");
    step();
    front_state("6");
    step();
    expect(BPATH "/state", "6");
    assert_int_equal(weir_fake_store_rm(t.store, BPATH), 0);
    assert_int_equal(weir_backend_give(t.be, &r, NULL, 0), 0);
    expect(BPATH "/state", "");
    step();
    expect(BPATH "/state", "");
    stop_backend();
}

/* To the manager an error in answer to DETACH means that there is no device. */
static void test_frontend_that_fails_at_the_end_is_not_gone(void **state)
{
    (void)state;
    start_backend();
    front_state("3");
    step();
    expect(BPATH "/state", "4");
    give(WEIR_RES_DETACH);
    expect(BPATH "/state", "5");
    weir_backend_fail(t.dev, "its ring is broken");
    step();
    expect(BPATH "/error", "its ring is broken");
    assert_int_equal(events(WEIR_RES_EV_ERROR), 0);
    front_state("6");
    step();
    assert_int_equal(events(WEIR_RES_EV_DETACHED), 1);
    stop_backend();
}

/* A driver domain's quota of watches is used up but for one. */
static void test_device_that_cannot_be_followed_says_so(void **state)
{
    struct weir_resource r = resource(WEIR_RES_DETACH);
    static struct weir_xs other;
    char token[16];
    unsigned n = 0;
    int err;

    (void)state;
    assert_int_equal(weir_fake_store_connect(t.store, &other, 2), 0);
    do {
        snprintf(token, sizeof(token), "%u", n++);
        err = weir_xs_watch(&other, "/local", token);
    } while (err == 0 && n < 100000);
    assert_int_equal(err, -E2BIG);
    assert_int_equal(weir_xs_unwatch(&other, "/local", "0"), 0);
    start_backend();
    expect(BPATH "/state", "5");
    expect(BPATH "/error",
           "the frontend's state cannot be watched: Argument list too long: "
           "detach another device, or use another driver domain");
    assert_int_equal(events(WEIR_RES_EV_ERROR), 1);
    assert_int_equal(weir_backend_give(t.be, &r, NULL, 0), 0);
    expect(BPATH "/state", "6");
    stop_backend();
    weir_fake_store_disconnect(t.store, &other);
}

static void test_failure_writes_into_no_removed_directory(void **state)
{
    (void)state;
    start_backend();
    t.connect_result = -EINVAL;
    front_state("3");
    assert_int_equal(weir_fake_store_rm(t.store, BPATH), 0);
    step();
    expect(BPATH "/error", "");
    expect(BPATH "/state", "");
    stop_backend();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_backend_with_endless_news_does_not_stop_the_clock),
        TEST(test_failure_of_a_former_connection_ends_no_new_one),
        TEST(test_frontend_that_fails_all_the_time_fills_no_log),
        TEST(test_detach_tells_a_frontend_that_has_not_come_back),
        TEST(test_announced_device_waits_for_its_resources),
        TEST(test_frontend_of_a_predecessor_starts_over_announced_too),
        TEST(test_announced_device_without_resources_goes_at_once),
        TEST(test_directory_that_was_removed_does_not_come_back),
        TEST(test_failure_writes_into_no_removed_directory),
        TEST(test_frontend_that_fails_at_the_end_is_not_gone),
        TEST(test_device_that_cannot_be_followed_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

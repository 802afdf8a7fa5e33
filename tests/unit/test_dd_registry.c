/* SPDX-License-Identifier: MIT
 *
 * What the manager takes from the registry about a device of a driver VM.  The
 * registry is played here: it answers each read, and can let a driver domain
 * write in between.
 */
#include "driverdomains/devd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define STATE "/local/domain/5/backend/vbd/7/51712/state"

static struct {
    uint8_t bytes[8192]; /* to be received */
    size_t len, taken;
    unsigned reads;
    bool flood; /* an event comes before every answer */
    const char *value;
} store;

static struct weir_devd devd;
static struct weir_dom front, back;
static struct weir_dev dev;
static unsigned changes, stops;

const char *weir_dev_class_name(uint32_t cls)
{
    return cls == WEIR_RES_VBD ? "vbd" : "vif";
}

bool weir_dev_back_changed(struct weir_dev *v)
{
    assert_ptr_equal(v, &dev);
    changes++;
    return false;
}

bool weir_store_again(struct weir_devd *d)
{
    (void)d;
    return false;
}

void weir_devd_log(const char *fmt, ...)
{
    (void)fmt;
}

void weir_devd_stop(struct weir_devd *d)
{
    (void)d;
    stops++;
}

static void say(uint32_t type, uint32_t req_id, const char *payload, size_t len)
{
    struct weir_xs_header h = {
        .type = type, .req_id = req_id, .len = (uint32_t)len};

    assert_true(store.len + WEIR_XS_HDR_SIZE + len <= sizeof(store.bytes));
    weir_xs_hdr_put(store.bytes + store.len, &h);
    memcpy(store.bytes + store.len + WEIR_XS_HDR_SIZE, payload, len);
    store.len += WEIR_XS_HDR_SIZE + len;
}

static void event(const char *path)
{
    char text[128];
    size_t n = strlen(path) + 1;

    memcpy(text, path, n);
    memcpy(text + n, "5", 2);
    say(WEIR_XS_WATCH_EVENT, 0, text, n + 2);
}

static int receive(struct weir_xs *xs, void *buf, size_t len)
{
    size_t n = store.len - store.taken;

    (void)xs;
    if (n > len)
        n = len;
    memcpy(buf, store.bytes + store.taken, n);
    store.taken += n;
    if (store.taken == store.len)
        store.taken = store.len = 0;
    return (int)n;
}

static int transmit(struct weir_xs *xs, const void *buf, size_t len)
{
    struct weir_xs_header h;

    (void)xs;
    assert_int_equal(weir_xs_hdr_get(&h, buf), 0);
    assert_int_equal(h.type, WEIR_XS_READ);
    store.reads++;
    if (store.flood)
        event(STATE);
    if (store.value)
        say(WEIR_XS_READ, h.req_id, store.value, strlen(store.value));
    else
        say(WEIR_XS_ERROR, h.req_id, "ENOENT", 7);
    return (int)len;
}

static int no_wait(struct weir_xs *xs, bool sending, uint64_t timeout_ns)
{
    (void)xs;
    (void)sending;
    (void)timeout_ns;
    return 0;
}

static const struct weir_xs_transport transport = {
    .send = transmit, .recv = receive, .wait = no_wait};

static int begin(void **state)
{
    (void)state;
    memset(&store, 0, sizeof(store));
    store.value = "4";
    memset(&devd, 0, sizeof(devd));
    changes = stops = 0;
    front = (struct weir_dom){.devd = &devd, .domid = 7};
    back = (struct weir_dom){.devd = &devd, .domid = 5};
    dev = (struct weir_dev){
        .frontend = &front,
        .backend = &back,
        .backend_domid = 5,
        .cls = WEIR_RES_VBD,
        .devid = 51712,
        .vm_backend = true,
        .in_registry = true,
        .back_state = WEIR_XENBUS_INITIALISING,
    };
    devd.devs = &dev;
    devd.xs_open = true;
    return weir_xs_open(&devd.xs, &transport, NULL, NULL);
}

static void a_state_is_followed(void **state)
{
    (void)state;
    event(STATE);
    assert_false(weir_reg_events(&devd));
    assert_int_equal(dev.back_state, WEIR_XENBUS_CONNECTED);
    assert_int_equal(changes, 1);
    store.value = NULL;
    event("/local/domain/5/backend/vbd/7/51712");
    assert_false(weir_reg_events(&devd));
    assert_int_equal(dev.back_state, WEIR_XENBUS_UNKNOWN);
}

static void nonsense_is_no_state(void **state)
{
    static const char *const values[] = {
        "9", "", "-1", "4 ", "4294967300", "99999999999999999999999", "six"};

    (void)state;
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        store.value = values[i];
        event(STATE);
        weir_reg_events(&devd);
        assert_int_equal(dev.back_state, WEIR_XENBUS_INITIALISING);
    }
    store.value = "6";
    event("/local/domain/5/backend/vbd/7/517120/state");
    event("/local/domain/5/backend/vbd/7/51712/mode");
    weir_reg_events(&devd);
    assert_int_equal(dev.back_state, WEIR_XENBUS_INITIALISING);
}

/* A driver domain that writes all the time: the manager has other work. */
static void a_busy_driver_domain_takes_turns(void **state)
{
    (void)state;
    alarm(20);
    store.flood = true;
    event(STATE);
    assert_true(weir_reg_events(&devd));
    assert_in_range(store.reads, 1, 1000);
    store.flood = false;
    while (weir_reg_events(&devd))
        ;
    assert_int_equal(changes, store.reads);
    alarm(0);
}

static void lost_events_mean_a_look_at_all(void **state)
{
    char path[64];

    (void)state;
    for (unsigned i = 0; i <= WEIR_XS_EVENTS; i++) {
        snprintf(path, sizeof(path), "/local/domain/5/backend/junk/%u", i);
        event(path);
    }
    assert_true(weir_reg_events(&devd));
    assert_int_equal(dev.back_state, WEIR_XENBUS_CONNECTED);
    while (weir_reg_events(&devd))
        ;
    assert_int_equal(changes, 1);
    assert_int_equal(stops, 0);
}

/* Events went with the last connection: its successor's are not all. */
static void a_registry_that_came_back_means_it_too(void **state)
{
    (void)state;
    devd.xs_stale = true;
    assert_true(weir_reg_events(&devd));
    assert_int_equal(dev.back_state, WEIR_XENBUS_CONNECTED);
    assert_int_equal(changes, 1);
    assert_false(weir_reg_events(&devd));
    assert_int_equal(changes, 1);
    assert_int_equal(stops, 0);
    /* And one that did not ends the instance, once. */
    devd.xs_open = false;
    weir_reg_events(&devd);
    assert_int_equal(stops, 1);
    assert_int_equal(devd.exit_code, 1);
}

/* Shown to people: printable, and cut to what there is room for. */
static void an_error_is_made_printable(void **state)
{
    char text[32];

    (void)state;
    store.value = "6 no \033[2Jdisk\n";
    weir_reg_back_error(&dev, text, sizeof(text));
    assert_string_equal(text, "6 no ?[2Jdisk?");
    store.value = "6 a reason that is longer than the room for it";
    weir_reg_back_error(&dev, text, sizeof(text));
    assert_string_equal(text, "6 a reason that is longer than ");
    store.value = NULL;
    weir_reg_back_error(&dev, text, sizeof(text));
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_state_is_followed, begin),
        cmocka_unit_test_setup(nonsense_is_no_state, begin),
        cmocka_unit_test_setup(a_busy_driver_domain_takes_turns, begin),
        cmocka_unit_test_setup(lost_events_mean_a_look_at_all, begin),
        cmocka_unit_test_setup(a_registry_that_came_back_means_it_too, begin),
        cmocka_unit_test_setup(an_error_is_made_printable, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * What the manager writes into the registry when the registry's program dies
 * at any request of it, before or after it did what was asked: the tree is as
 * if nothing had been.  The registry is the real one without its I/O; its
 * nodes outlive the connection.
 */
#include "driverdomains/devd.h"
#include "ring/error.h"
#include "tests/unit/fake_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BACK  "/local/domain/5/backend/vbd/7/51712"
#define STATE BACK "/state"

static struct weir_fake_store *store;
static struct weir_devd devd;
static struct weir_dom guest, driver;
static struct weir_dev dev;

/* The death: at the left-th request from now; 0: none. */
static struct {
    const struct weir_xs_transport *real;
    unsigned left, deaths;
    bool done, dead;
    bool goes_on; /* the backend does, while there is no manager to see */
} death;

const char *weir_dev_class_name(uint32_t cls)
{
    return cls == WEIR_RES_VBD ? "vbd" : "vif";
}

bool weir_dev_back_changed(struct weir_dev *v)
{
    (void)v;
    return false;
}

void weir_devd_log(const char *fmt, ...)
{
    (void)fmt;
}

void weir_devd_stop(struct weir_devd *d)
{
    (void)d;
    fail_msg("the instance is ended");
}

static int send_or_die(struct weir_xs *xs, const void *buf, size_t len)
{
    if (death.left && --death.left == 0)
        death.dead = true;
    if (death.dead && !death.done)
        return -WEIR_ENOTCONN;
    return death.real->send(xs, buf, len);
}

static int receive(struct weir_xs *xs, void *buf, size_t len)
{
    return death.dead ? -WEIR_ENOTCONN : death.real->recv(xs, buf, len);
}

static int no_wait(struct weir_xs *xs, bool sending, uint64_t timeout_ns)
{
    return death.real->wait(xs, sending, timeout_ns);
}

static const struct weir_xs_transport mortal = {
    .send = send_or_die, .recv = receive, .wait = no_wait};

static void connect_manager(void)
{
    assert_int_equal(weir_fake_store_connect(store, &devd.xs, 0), 0);
    death.real = devd.xs.transport;
    devd.xs.transport = &mortal;
}

/* A backend that saw it in the registry before the manager did. */
static void backend_goes_on(void)
{
    char state[8];

    if (weir_fake_store_get(store, STATE, state, sizeof(state)) != 1)
        return;
    if (state[0] == '1')
        weir_fake_store_set(store, STATE, "2");
    if (state[0] == '5')
        weir_fake_store_set(store, STATE, "6");
}

bool weir_store_again(struct weir_devd *d)
{
    if (!weir_xs_broken(&d->xs))
        return false;
    assert_true(death.dead); /* nothing else breaks it */
    death.dead = false;
    death.deaths++;
    weir_fake_store_disconnect(store, &d->xs);
    if (death.goes_on)
        backend_goes_on();
    connect_manager();
    if (driver.watched)
        assert_int_equal(weir_reg_watch(&driver), 0);
    return true;
}

static void begin(bool vm_backend)
{
    assert_int_equal(weir_fake_store_new(&store), 0);
    memset(&devd, 0, sizeof(devd));
    memset(&death, 0, sizeof(death));
    connect_manager();
    devd.xs_open = true;
    guest = (struct weir_dom){.devd = &devd, .domid = 7};
    driver = (struct weir_dom){.devd = &devd, .domid = 5};
    guest.cfg.memory_mib = driver.cfg.memory_mib = 64;
    strcpy(guest.cfg.name, "guest");
    strcpy(driver.cfg.name, "driver");
    driver.cfg.driver_domain = true;
    dev = (struct weir_dev){
        .frontend = &guest,
        .backend = &driver,
        .backend_domid = 5,
        .cls = WEIR_RES_VBD,
        .devid = 51712,
        .vm_backend = vm_backend,
    };
    strcpy(dev.disk.vdev, "xvda");
    strcpy(dev.disk.target, "/some/image");
}

static void end(void)
{
    weir_fake_store_disconnect(store, &devd.xs);
    weir_fake_store_free(store);
}

struct text {
    char bytes[16384];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t,
                                                      const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    t->n +=
        (size_t)vsnprintf(t->bytes + t->n, sizeof(t->bytes) - t->n, fmt, ap);
    va_end(ap);
    assert_true(t->n < sizeof(t->bytes));
}

static void dump(struct weir_xs *xs, const char *path, struct text *t)
{
    char names[2048], child[300], value[300];
    int n = weir_xs_ls(xs, 0, path[0] ? path : "/", names, sizeof(names));

    assert_true(n >= 0);
    for (int at = 0; at < n; at += (int)strlen(names + at) + 1) {
        int len;

        snprintf(child, sizeof(child), "%s/%s", path, names + at);
        assert_true(weir_xs_read(xs, 0, child, value, sizeof(value)) >= 0);
        add(t, "%s = %s", child, value);
        len = weir_xs_get_perms(xs, 0, child, value, sizeof(value));
        assert_true(len > 0);
        for (int p = 0; p < len; p += (int)strlen(value + p) + 1)
            add(t, " %s", value + p);
        add(t, "\n");
        dump(xs, child, t);
    }
}

static void tree(struct text *t)
{
    struct weir_xs xs;

    t->n = 0;
    t->bytes[0] = '\0';
    assert_int_equal(weir_fake_store_connect(store, &xs, 0), 0);
    dump(&xs, "", t);
    weir_fake_store_disconnect(store, &xs);
}

/* What the manager does with a device, a part at a time. */
static void build(void)
{
    const struct weir_hv_dominfo info = {.store_frame = 1, .store_evtchn = 1};

    assert_int_equal(weir_reg_domain(&driver, &info), 0);
    assert_int_equal(weir_reg_introduce(&driver, &info), 0);
    assert_int_equal(weir_reg_domain(&guest, &info), 0);
    assert_int_equal(weir_reg_introduce(&guest, &info), 0);
    assert_int_equal(weir_reg_device(&dev), 0);
}

static void use(void)
{
    assert_int_equal(weir_reg_ask(&guest, "poweroff"), 0);
    assert_int_equal(weir_reg_target(&guest, 4096), 0);
    assert_int_equal(weir_reg_front_state(&dev), WEIR_XENBUS_INITIALISING);
    weir_reg_device_offline(&dev);
}

static void take_away(void)
{
    weir_reg_remove_device(&dev, true);
    weir_reg_remove_domain(&guest);
    weir_reg_remove_domain(&driver);
}

static void (*const parts[])(void) = {build, use, take_away};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void is_watched(bool yes)
{
    struct weir_xs_event ev;
    unsigned n = 0;

    while (weir_xs_next_event(&devd.xs, &ev) > 0)
        ;
    weir_fake_store_set(store, "/local/domain/5/backend/x", "1");
    while (weir_xs_next_event(&devd.xs, &ev) > 0)
        n++;
    assert_int_equal(n, yes);
    weir_fake_store_rm(store, "/local/domain/5/backend/x");
    while (weir_xs_next_event(&devd.xs, &ev) > 0)
        ;
}

/* Parts up to the last; a death at request n of that.  false: it has fewer. */
static bool until(unsigned last, unsigned n, bool done, struct text *t)
{
    bool died;

    for (unsigned i = 0; i < last; i++)
        parts[i]();
    death.done = done;
    death.left = n;
    parts[last]();
    died = death.deaths == 1;
    death.left = 0;
    if (last != PARTS - 1)
        is_watched(true);
    tree(t);
    return died;
}

static void every_request(bool vm_backend)
{
    static struct text want, got;

    for (unsigned last = 0; last < PARTS; last++) {
        unsigned points = 0;

        begin(vm_backend);
        until(last, 0, false, &want);
        end();
        for (unsigned n = 1;; n++) {
            bool died = false;

            for (int done = 0; done < 2; done++) {
                begin(vm_backend);
                died = until(last, n, done, &got);
                assert_string_equal(got.bytes, want.bytes);
                end();
            }
            if (!died)
                break;
            points++;
        }
        assert_in_range(points, 4, 200);
    }
}

static void any_request_can_be_the_last(void **state)
{
    (void)state;
    every_request(false);
    every_request(true);
}

/* What was written is not written again over what was made of it: of the commit
 * the answer alone was lost. */
static void a_backend_that_goes_on_is_not_set_back(void **state)
{
    static struct text t;
    char back[8];
    bool seen = false, closed = false;

    (void)state;
    for (unsigned n = 1; n < 100; n++) {
        begin(true);
        death.goes_on = true;
        until(0, n, true, &t);
        weir_fake_store_get(store, STATE, back, sizeof(back));
        seen |= back[0] == '2';
        end();
        begin(true);
        death.goes_on = true;
        until(1, n, true, &t);
        weir_fake_store_get(store, STATE, back, sizeof(back));
        assert_true(back[0] == '5' || back[0] == '6');
        closed |= back[0] == '6';
        end();
    }
    assert_true(seen && closed);
}

static void a_second_death_is_survived_too(void **state)
{
    static struct text want, got;

    (void)state;
    begin(false);
    until(0, 0, false, &want);
    end();
    for (unsigned n = 1; n < 120; n++) {
        begin(false);
        death.left = n;
        death.done = n % 2;
        assert_int_equal(weir_reg_domain(&driver, &(struct weir_hv_dominfo){0}),
                         0);
        death.left = n / 2 + 1;
        parts[0]();
        death.left = 0;
        tree(&got);
        assert_string_equal(got.bytes, want.bytes);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_request_can_be_the_last),
        cmocka_unit_test(a_backend_that_goes_on_is_not_set_back),
        cmocka_unit_test(a_second_death_is_survived_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Hostile guests as real domains, one after the other, against one backend:
 * it answers its manager after each, closes whom it must with the reason, and
 * two decent guests then talk over its switch as if nothing had been.
 */
#include "tests/e2e/launch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
    const char *name, *error; /* error: NULL, the device goes on */
} attacks[] = {
    {"a tx producer index beyond the ring", "tx ring"},
    {"a control producer index beyond the ring", "control ring"},
    {"a packet without an end", "without an end"},
    {"references that are no grants", NULL},
    {"grants taken back under the mappings", NULL},
    {"slots that change while they are read", NULL},
    {"notifications for nothing", NULL},
    {"a flood of addresses", NULL},
    {"a guest that vanishes", NULL},
};

static struct weir_resource vif(uint8_t last)
{
    struct weir_resource r = {.cls = WEIR_RES_VIF,
                              .vif = {.sink = WEIR_VIF_SWITCH,
                                      .queues = 1,
                                      .mtu = 1500,
                                      .mac = {0, 0x16, 0x3e, 0, 0, last}}};
    strcpy(r.label, "lan");
    return r;
}

static struct launch_dom *guest(struct launch *l, struct launch_dom *back,
                                struct weir_resource *res, const char *name)
{
    char mac[24];
    struct launch_dom *g = launch_create(l, name, false, 4096);
    assert_non_null(g);
    assert_int_equal(launch_device(l, g, back, res, NULL), 0);
    snprintf(mac, sizeof(mac), "00:16:3e:00:00:%02x", res->vif.mac[5]);
    assert_int_equal(launch_front_node(l, g, res, "mac", mac), 0);
    return g;
}

static void attack(struct launch *l, struct launch_dom *back, unsigned n)
{
    char number[8], error[160] = "";
    const char *const argv[] = {"net_attacker", number, NULL};
    struct weir_resource res = vif((uint8_t)(100 + n));
    struct launch_dom *g = guest(l, back, &res, "attacker");
    snprintf(number, sizeof(number), "%u", n);
    assert_int_equal(launch_exec(l, g, argv), 0);
    int status = launch_wait(g, 20000);
    if (status != 0)
        fail_msg("%s: the attacker itself ended with %d", attacks[n].name,
                 status);
    for (int i = 0; attacks[n].error && i < 100; i++) {
        launch_read(l, g, back, &res, true, "error", error, sizeof(error));
        if (strstr(error, attacks[n].error))
            break;
        usleep(20000);
    }
    if (attacks[n].error && !strstr(error, attacks[n].error))
        fail_msg("%s: error node '%s'", attacks[n].name, error);
    if (launch_order(l, g, back, &res, WEIR_RES_PING, 5000))
        fail_msg("%s: the backend does not answer any more", attacks[n].name);
    launch_destroy(l, g);
    /* its registry state still says Connected: no answer is awaited */
    launch_order(l, g, back, &res, WEIR_RES_DETACH, 50);
}

static void neighbours(struct launch *l, struct launch_dom *back)
{
    static const char *const rx[] = {"net_guest", "rx", "200", NULL};
    static const char *const tx[] = {
        "net_guest", "tx", "900", "900", "to", "00:16:3e:00:00:06", NULL};
    struct weir_resource from = vif(5), to = vif(6);
    struct launch_dom *a = guest(l, back, &from, "sender");
    struct launch_dom *b = guest(l, back, &to, "receiver");
    char n[32];
    assert_int_equal(launch_exec(l, b, rx), 0);
    assert_int_equal(launch_exec(l, a, tx), 0);
    assert_int_equal(launch_wait(b, 20000), 0);
    assert_int_equal(launch_wait(a, 20000), 0);
    assert_true(launch_read(l, b, back, &to, false, "result", n, sizeof(n)) >
                0);
    assert_true(strtoul(n, NULL, 10) > 1000);
}

static void test_attacks(void **state)
{
    static const char *const argv[] = {"weir-netback", NULL};
    struct launch l = {0};
    (void)state;
    int ret = launch_start(&l, "256M");
    if (ret == -ENOSYS) {
        launch_stop(&l);
        skip();
    }
    assert_int_equal(ret, 0);
    struct launch_dom *back = launch_create(&l, "net", true, 8192);
    assert_non_null(back);
    assert_int_equal(launch_exec(&l, back, argv), 0);
    assert_int_equal(launch_ready(back, 5000), 0);
    for (unsigned n = 0; n < sizeof(attacks) / sizeof(attacks[0]); n++)
        attack(&l, back, n);
    neighbours(&l, back);
    launch_stop(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attacks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

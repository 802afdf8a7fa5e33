/* SPDX-License-Identifier: MIT
 *
 * Records of the device manager: what is written is read again, and nothing
 * else is taken.
 */
#include "driverdomains/devctl_abi.h"
#include "driverdomains/devd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buf[WEIR_RECORD_BYTES];
static struct weir_domain_config cfg, got_cfg;

static struct weir_record_dom a_dom(void)
{
    struct weir_record_dom r;

    memset(&r, 0, sizeof(r));
    r.domid = 7;
    r.phase = WEIR_PHASE_RESTARTING;
    r.fds = WEIR_RECORD_PIDFD | WEIR_RECORD_LOG;
    r.sealed = r.restart = r.asked_stop = r.uncounted = true;
    r.pid = 4711;
    r.restarts = 3;
    r.target_kib = 1ull << 40;
    r.created_ns = 123456789012345;
    r.step = WEIR_REVIVE_RESUMING;
    r.generation = 4;
    r.down_ns = UINT64_MAX;
    strcpy(r.where, "kernel");
    strcpy(r.reason, "it \"died\"\n");
    strcpy(r.why, "signal 9");
    for (unsigned i = 0; i < WEIR_RESTART_LIMIT_MAX; i++)
        r.history.at_ns[i] = i * 1000003ull;
    r.history.n = 205;
    r.history.streak = 2;
    return r;
}

static void a_config(struct weir_domain_config *c)
{
    weir_domain_config_init(c);
    strcpy(c->name, "disk");
    strcpy(c->kernel, "/usr/lib/weir/weir-blkback");
    c->nargs = 2;
    strcpy(c->args[1], "--queues=2");
    c->driver_domain = true;
    c->memory_mib = 16;
    c->ndisks = 1;
    strcpy(c->disks[0].target, "/a");
}

static int put_dom(const struct weir_record_dom *r)
{
    int n = weir_record_put_dom(r, &cfg, buf, sizeof(buf));

    assert_true(n > 0);
    return n;
}

static void test_domain(void **state)
{
    struct weir_record_dom r = a_dom(), got;
    int n;

    (void)state;
    a_config(&cfg);
    n = put_dom(&r);
    assert_int_equal(weir_record_get_dom(buf, (size_t)n, &got, &got_cfg), 0);
    assert_memory_equal(&got, &r, sizeof(r));
    assert_memory_equal(&got_cfg, &cfg, sizeof(cfg));
}

/* The largest configuration that a tool can send has room beside its state. */
static void test_largest(void **state)
{
    struct weir_record_dom r = a_dom();

    (void)state;
    memset(&cfg, 1, sizeof(cfg)); /* no end in any text */
    cfg.nargs = WEIR_CFG_ARGS;
    cfg.ndisks = WEIR_CFG_DISKS;
    cfg.nvifs = WEIR_CFG_VIFS;
    memset(r.reason, 'y', sizeof(r.reason));
    memset(r.why, 'y', sizeof(r.why));
    assert_true(put_dom(&r) < WEIR_RECORD_BYTES);
}

static void refused_dom(struct weir_record_dom r, int rc)
{
    struct weir_record_dom got;
    int n = put_dom(&r);

    assert_int_equal(weir_record_get_dom(buf, (size_t)n, &got, &got_cfg), rc);
}

static void test_domain_ranges(void **state)
{
    struct weir_record_dom r;

    (void)state;
    a_config(&cfg);
    refused_dom(a_dom(), 0);
    r = a_dom();
    r.domid = 32752;
    refused_dom(r, -EPROTO);
    r = a_dom();
    r.phase = WEIR_PHASE_RESTARTING + 1;
    refused_dom(r, -EPROTO);
    r = a_dom();
    r.step = WEIR_REVIVE_RESUMING + 1;
    refused_dom(r, -EPROTO);
    r = a_dom();
    r.fds = 1u << WEIR_RECORD_DOM_FDS;
    refused_dom(r, -EPROTO);
    strcpy(cfg.name, "../x"); /* it goes into paths */
    refused_dom(a_dom(), -EPROTO);
    a_config(&cfg);
    cfg.type = WEIR_TYPE_PVH + 1;
    refused_dom(a_dom(), -EPROTO);
    a_config(&cfg);
    cfg.on_crash = WEIR_ACTION_RESTART + 1;
    refused_dom(a_dom(), -EPROTO);
}

static void test_other_versions(void **state)
{
    struct weir_record_dom r = a_dom(), got;
    int n;

    (void)state;
    a_config(&cfg);
    n = put_dom(&r);
    buf[7]++; /* WEIR_RECORD_VERSION */
    assert_int_equal(weir_record_get_dom(buf, (size_t)n, &got, &got_cfg),
                     -EPROTONOSUPPORT);
    n = put_dom(&r);
    buf[6] = WEIR_RECORD_DEV; /* another class */
    assert_int_equal(weir_record_get_dom(buf, (size_t)n, &got, &got_cfg),
                     -EPROTO);
}

static struct weir_record_dev a_dev(uint32_t cls)
{
    struct weir_record_dev r;

    memset(&r, 0, sizeof(r));
    r.frontend = 12;
    r.backend = 3;
    r.backend_domid = 2;
    r.cls = cls;
    r.devid = 51712;
    r.phase = WEIR_DEV_CLOSING;
    r.order_seq = 77;
    r.nfds = 2;
    r.at_boot = r.in_registry = r.filtered = r.direct = true;
    r.size = 1ull << 45;
    r.sector_size = 4096;
    strcpy(r.tap, "vif12.0");
    strcpy(r.error, "no");
    return r;
}

static struct weir_disk_config disk, got_disk;
static struct weir_vif_config vif, got_vif;

static int put_dev(const struct weir_record_dev *r)
{
    int n = weir_record_put_dev(r, &disk, &vif, buf, sizeof(buf));

    assert_true(n > 0);
    return n;
}

static int get_dev(int n, struct weir_record_dev *got)
{
    return weir_record_get_dev(buf, (size_t)n, got, &got_disk, &got_vif);
}

static void test_device(void **state)
{
    struct weir_record_dev r = a_dev(WEIR_RES_VBD), got;

    (void)state;
    memset(&disk, 0, sizeof(disk));
    memset(&vif, 0, sizeof(vif));
    strcpy(disk.target, "/dev/vg/a");
    strcpy(disk.vdev, "xvda");
    disk.iops = 1000;
    assert_int_equal(get_dev(put_dev(&r), &got), 0);
    assert_memory_equal(&got, &r, sizeof(r));
    assert_memory_equal(&got_disk, &disk, sizeof(disk));
    r = a_dev(WEIR_RES_VIF);
    strcpy(vif.bridge, "br0");
    memcpy(vif.mac, "\0\x16\x3e\1\2\3", 6);
    vif.antispoof = true;
    assert_int_equal(get_dev(put_dev(&r), &got), 0);
    assert_memory_equal(&got, &r, sizeof(r));
    assert_memory_equal(&got_vif, &vif, sizeof(vif));
}

static void refused_dev(struct weir_record_dev r)
{
    struct weir_record_dev got;

    assert_int_equal(get_dev(put_dev(&r), &got), -EPROTO);
}

static void test_device_ranges(void **state)
{
    struct weir_record_dev r = a_dev(WEIR_RES_VBD);

    (void)state;
    r.cls = 3;
    refused_dev(r);
    r = a_dev(WEIR_RES_VBD);
    r.phase = WEIR_DEV_RELEASING + 1;
    refused_dev(r);
    r = a_dev(WEIR_RES_VBD);
    r.nfds = WEIR_RES_MAX_FDS + 1;
    refused_dev(r);
    r = a_dev(WEIR_RES_VBD);
    r.backend_domid = 40000;
    refused_dev(r);
    r = a_dev(WEIR_RES_VBD);
    r.frontend = 0; /* a device of nobody */
    refused_dev(r);
    r = a_dev(WEIR_RES_VIF);
    strcpy(r.tap, "a/b"); /* it is deleted by that name */
    refused_dev(r);
}

static void test_restart(void **state)
{
    struct weir_record_restart r, got;
    int n;

    (void)state;
    memset(&r, 0, sizeof(r));
    r.at_ns = 5;
    r.count = 6;
    r.streak = 7;
    r.failed = 8;
    a_config(&cfg);
    n = weir_record_put_restart(&r, &cfg, buf, sizeof(buf));
    assert_true(n > 0);
    assert_int_equal(weir_record_get_restart(buf, (size_t)n, &got, &got_cfg),
                     0);
    assert_memory_equal(&got, &r, sizeof(r));
    assert_memory_equal(&got_cfg, &cfg, sizeof(cfg));
    cfg.name[0] = '\0';
    n = weir_record_put_restart(&r, &cfg, buf, sizeof(buf));
    assert_int_equal(weir_record_get_restart(buf, (size_t)n, &got, &got_cfg),
                     -EPROTO);
}

/* Cut anywhere, and with any byte another one. */
static void test_hostile(void **state)
{
    struct weir_record_dom r = a_dom(), got;
    uint8_t *copy;
    int n;

    (void)state;
    a_config(&cfg);
    n = put_dom(&r);
    for (int i = 0; i < n; i++) {
        /* Of its own size: a sanitizer sees a read behind it. */
        copy = malloc((size_t)i + 1);
        memcpy(copy, buf, (size_t)i + 1);
        assert_int_not_equal(
            weir_record_get_dom(copy, (size_t)i, &got, &got_cfg), 0);
        free(copy);
    }
    srandom(1);
    for (int i = 0; i < n; i++) {
        uint8_t was = buf[i];

        buf[i] ^= (uint8_t)(1 + random() % 255);
        if (weir_record_get_dom(buf, (size_t)n, &got, &got_cfg) == 0)
            assert_true(got.domid <= 32751 &&
                        got.phase <= WEIR_PHASE_RESTARTING &&
                        weir_cfg_name_ok(got_cfg.name));
        buf[i] = was;
    }
}

static void test_keys(void **state)
{
    uint64_t key = weir_record_key(WEIR_RECORD_DEV, 32751, 1ull << 43);

    (void)state;
    assert_int_equal(weir_record_class_of(key), WEIR_RECORD_DEV);
    assert_int_equal(weir_record_domid_of(key), 32751);
    assert_true(weir_record_serial_of(key) == 1ull << 43);
    /* Domains are read before the devices that name them. */
    assert_true(weir_record_key(WEIR_RECORD_DOM, 32751, UINT64_MAX) <
                weir_record_key(WEIR_RECORD_DEV, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_domain),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_domain_ranges),
        cmocka_unit_test(test_other_versions),
        cmocka_unit_test(test_device),
        cmocka_unit_test(test_device_ranges),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

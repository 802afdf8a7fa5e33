/* SPDX-License-Identifier: MIT
 *
 * Configuration values, device strings, key positions, whole files.
 */
#include "driverdomains/config_load.h"
#include "driverdomains/config_scan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void vdev_has_xens_numbers(void **state)
{
    static const struct {
        const char *vdev;
        uint32_t devid;
    } good[] = {
        {"xvda", 51712},
        {"xvdb", 51728},
        {"xvda1", 51713},
        {"xvdp15", 51967},
        {"xvdq", 1u << 28 | 16 << 8},
        {"xvdaa", 1u << 28 | 26 << 8},
        {"sda", 2048},
        {"sdb3", 2067},
        {"hda", 768},
        {"hdb", 832},
        {"hdc", 5632},
        {"d0", 51712},
        {"d1p2", 51730},
        {"51712", 51712},
        {"xvda16", 1u << 28 | 16},
    };
    static const char *const bad[] = {
        "",    "xvd", "xvda0",     "xvda01",   "xvdA",
        "foo", "hde", "sda16",     "xvda ",    "d",
        "dp1", "0",   "536870912", "xvdaaaaa", "xvda256"};
    uint32_t devid;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(weir_vdev_to_devid(good[i].vdev, &devid), 0);
        assert_int_equal(devid, good[i].devid);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(weir_vdev_to_devid(bad[i], &devid), -EINVAL);
}

static void mac_is_refused_unless_a_unicast_address(void **state)
{
    static const char *const bad[] = {"",
                                      "00:16:3e:00:00",
                                      "00:16:3e:00:00:0g",
                                      "00-16-3e-00-00-01",
                                      "00:16:3e:00:00:011",
                                      "01:00:5e:00:00:01",
                                      "ff:ff:ff:ff:ff:ff",
                                      "00:00:00:00:00:00"};
    struct weir_cfg_error e;
    uint8_t mac[6];

    (void)state;
    assert_int_equal(weir_cfg_mac("00:16:3E:aB:0c:fF", mac, &e), 0);
    assert_memory_equal(mac, "\x00\x16\x3e\xab\x0c\xff", 6);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        e.text[0] = '\0';
        assert_int_equal(weir_cfg_mac(bad[i], mac, &e), -EINVAL);
        assert_non_null(strstr(e.text, "bad MAC address"));
    }
}

static void generated_mac_is_stable_and_of_xens_prefix(void **state)
{
    uint8_t a[6], b[6];

    (void)state;
    weir_cfg_mac_generate("web", 0, 0, a);
    assert_memory_equal(a, "\x00\x16\x3e", 3);
    assert_memory_equal(a, "\x00\x16\x3e\x3a\x01\x47", 6); /* for ever */
    weir_cfg_mac_generate("web", 1, 0, b);
    assert_memory_not_equal(a, b, 6);
    weir_cfg_mac_generate("web", 0, 1, b);
    assert_memory_not_equal(a, b, 6);
    weir_cfg_mac_generate("wec", 0, 0, b);
    assert_memory_not_equal(a, b, 6);
}

static void rate_is_bytes_a_second(void **state)
{
    uint64_t r;
    uint32_t us;

    (void)state;
    assert_int_equal(weir_cfg_rate("10Mb/s", &r, &us), 0);
    assert_int_equal(r, 1250000);
    assert_int_equal(us, 0);
    assert_int_equal(weir_cfg_rate("250KB/s", &r, &us), 0);
    assert_int_equal(r, 250000);
    assert_int_equal(weir_cfg_rate("1GB/s@20ms", &r, &us), 0);
    assert_int_equal(r, 1000000000);
    assert_int_equal(us, 20000);
    assert_int_equal(weir_cfg_rate("800b/s@5s", &r, &us), 0);
    assert_int_equal(r, 100);
    assert_int_equal(us, 5000000);
    assert_int_not_equal(weir_cfg_rate("10", &r, &us), 0);
    assert_int_not_equal(weir_cfg_rate("10MB", &r, &us), 0);
    assert_int_not_equal(weir_cfg_rate("0b/s", &r, &us), 0);
    assert_int_not_equal(weir_cfg_rate("1b/s", &r, &us), 0);
    assert_int_not_equal(weir_cfg_rate("1MB/s@", &r, &us), 0);
    assert_int_not_equal(weir_cfg_rate("1MB/s@0ms", &r, &us), 0);
    assert_int_not_equal(weir_cfg_rate("1MB/s@11s", &r, &us), 0);
    assert_int_not_equal(weir_cfg_rate("99999999999999999999B/s", &r, &us), 0);
    assert_int_not_equal(weir_cfg_rate("18446744073709551615GB/s", &r, &us), 0);
}

static void names_are_safe_in_paths(void **state)
{
    char longest[WEIR_CFG_NAME + 1];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    longest[WEIR_CFG_NAME - 1] = '\0';
    assert_true(weir_cfg_name_ok(longest));
    longest[WEIR_CFG_NAME - 1] = 'a';
    longest[WEIR_CFG_NAME] = '\0';
    assert_false(weir_cfg_name_ok(longest));
    assert_true(weir_cfg_name_ok("web-1.example_x+"));
    assert_false(weir_cfg_name_ok(""));
    assert_false(weir_cfg_name_ok("1web"));
    assert_false(weir_cfg_name_ok("../x"));
    assert_false(weir_cfg_name_ok("a/b"));
    assert_false(weir_cfg_name_ok("a b"));
    assert_false(weir_cfg_name_ok("-x"));
    assert_true(weir_cfg_ifname_ok("vif5.0"));
    assert_false(weir_cfg_ifname_ok("sixteen-letters-"));
    assert_false(weir_cfg_ifname_ok(".."));
    assert_false(weir_cfg_ifname_ok("a/b"));
}

static void numbers_and_sizes_do_not_overflow(void **state)
{
    uint64_t v;

    (void)state;
    assert_int_equal(weir_cfg_u64("18446744073709551615", 0, UINT64_MAX, &v),
                     0);
    assert_int_equal(weir_cfg_u64("18446744073709551616", 0, UINT64_MAX, &v),
                     -ERANGE);
    assert_int_equal(weir_cfg_u64("+1", 0, 9, &v), -EINVAL);
    assert_int_equal(weir_cfg_u64("", 0, 9, &v), -EINVAL);
    assert_int_equal(weir_cfg_u64("10", 0, 9, &v), -ERANGE);
    assert_int_equal(weir_cfg_size("4G", &v), 0);
    assert_int_equal(v, 4ull << 30);
    assert_int_equal(weir_cfg_size("16777216T", &v), -ERANGE);
    assert_int_equal(weir_cfg_size("k", &v), -EINVAL);
    assert_int_equal(weir_cfg_size("1x", &v), -EINVAL);
}

static void vif_string_takes_every_key(void **state)
{
    struct weir_vif_config v;
    struct weir_cfg_error e;

    (void)state;
    assert_int_equal(
        weir_cfg_vif(" mac=00:16:3e:00:00:01 , bridge=br0,vifname=x0,"
                     "ip=10.0.0.2/24,backend=net,rate=8Mb/s,mtu=9000,"
                     "queues=2,devid=3,antispoof=0,type=vif",
                     &v, &e),
        0);
    assert_string_equal(v.bridge, "br0");
    assert_string_equal(v.vifname, "x0");
    assert_string_equal(v.ip, "10.0.0.2/24");
    assert_string_equal(v.backend, "net");
    assert_int_equal(v.rate_bps, 1000000);
    assert_int_equal(v.mtu, 9000);
    assert_int_equal(v.queues, 2);
    assert_int_equal(v.devid, 3);
    assert_true(v.has_mac);
    assert_false(v.antispoof);
    assert_int_equal(weir_cfg_vif("backend=drv", &v, &e), 0);
    assert_int_equal(weir_cfg_vif("sink=switch", &v, &e), 0);
    assert_true(v.antispoof);
    assert_int_equal(v.devid, UINT32_MAX);
}

static void vif_addresses(void **state)
{
    struct weir_cfg_ips l;
    char many[WEIR_CFG_IP] = "";

    (void)state;
    assert_int_equal(weir_cfg_ips(" 10.0.0.2/24  fd00::2 10.0.0.3", &l), 0);
    assert_int_equal(l.n4, 2);
    assert_memory_equal(l.ip4[1], "\x0a\0\0\3", 4);
    assert_int_equal(l.n6, 1);
    assert_memory_equal(l.ip6[0], "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
    assert_int_equal(weir_cfg_ips("", &l), -EINVAL);
    assert_int_equal(weir_cfg_ips(" ", &l), -EINVAL);
    /* nothing that would let a guest speak for others */
    assert_int_equal(weir_cfg_ips("0.0.0.0", &l), -EINVAL);
    assert_int_equal(weir_cfg_ips("255.255.255.255", &l), -EINVAL);
    assert_int_equal(weir_cfg_ips("10.0.0.2 ::", &l), -EINVAL);
    assert_int_equal(weir_cfg_ips("ff02::1", &l), -EINVAL);
    assert_int_equal(weir_cfg_ips("fd00::2/129", &l), -EINVAL);
    assert_int_equal(weir_cfg_ips("10.0.0.2;10.0.0.3", &l), -EINVAL);
    for (int i = 0; i < WEIR_CFG_IPS; i++)
        strcat(many, "fd00:1111:2222:3333:4444:5555:6666:7777/64 ");
    assert_int_equal(weir_cfg_ips(many, &l), 0);
    assert_int_equal(l.n6, WEIR_CFG_IPS);
    strcat(many, "fd00::1");
    assert_int_equal(weir_cfg_ips(many, &l), -E2BIG);
}

static void vif_string_names_what_is_wrong(void **state)
{
    static const struct {
        const char *spec, *why;
    } bad[] = {
        {"bridge=br0,colour=red", "unknown key \"colour\""},
        {"mac=zz,bridge=br0", "bad MAC address \"zz\""},
        {"", "no bridge"},
        {"br0", "is not KEY=VALUE"},
        {"=x", "is not KEY=VALUE"},
        {"bridge=this-name-is-too-long", "bridge: bad value"},
        {"bridge=br0,mtu=10", "mtu: bad value \"10\""},
        {"bridge=br0,rate=fast", "rate: bad value"},
        {"bridge=br0,ip=1.2.3", "ip: bad value"},
        {"bridge=br0,ip=1.2.3.4/33", "ip: bad value"},
        {"sink=drain", "sink: bad value"},
        {"bridge=br0,queues=9", "queues: bad value"},
        {"bridge=br0,type=ioemu", "only \"vif\" exists"},
    };
    struct weir_vif_config v;
    struct weir_cfg_error e;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(weir_cfg_vif(bad[i].spec, &v, &e), -EINVAL);
        if (!strstr(e.text, bad[i].why))
            fail_msg("%s: %s", bad[i].spec, e.text);
    }
}

static void disk_string_is_xls_and_ours(void **state)
{
    struct weir_disk_config d;
    struct weir_cfg_error e;

    (void)state;
    assert_int_equal(
        weir_config_disk("format=raw, vdev=xvdb, access=ro, sector-size=4096,"
                         "iops=2k, bps=100M, queues=2, backend=disk,"
                         "target=/a,b",
                         &d, &e),
        0);
    assert_string_equal(d.target, "/a,b");
    assert_string_equal(d.backend, "disk");
    assert_int_equal(d.devid, 51728);
    assert_int_equal(d.sector_size, 4096);
    assert_int_equal(d.iops, 2048);
    assert_int_equal(d.bps, 100ull << 20);
    assert_int_equal(d.queues, 2);
    assert_true(d.readonly);
    assert_int_equal(weir_config_disk("/img,raw,xvda,w", &d, &e), 0);
    assert_false(d.readonly);
    assert_string_equal(d.target, "/img");
    assert_int_equal(weir_config_disk("/cd.iso,,xvdc,cdrom", &d, &e), 0);
    assert_true(d.cdrom && d.readonly);
}

static void disk_string_names_what_is_wrong(void **state)
{
    static const struct {
        const char *spec, *why;
    } bad[] = {
        {"/img,raw,foo,w", "bad vdev \"foo\""},
        {"/img,qcow2,xvda,w", "only format=raw"},
        {"/img,raw,xvda,w,bogus=3", "unknown parameter"},
        {"vdev=xvda", "no target specified"},
        {"/img,raw,xvda,w,sector-size=1024", "sector-size: bad value"},
        {"/img,raw,xvda,w,queues=0", "queues: bad value"},
        {"/img,raw,xvda,w,engine=fast", "engine: bad value"},
        {"/img,raw,xvda,w,iops=many", "iops: bad value"},
        {"/img,raw,xvda,w,script=x", "script= is not supported"},
    };
    struct weir_disk_config d;
    struct weir_cfg_error e;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        e.text[0] = '\0';
        assert_int_not_equal(weir_config_disk(bad[i].spec, &d, &e), 0);
        if (!strstr(e.text, bad[i].why))
            fail_msg("%s: %s", bad[i].spec, e.text);
    }
}

static void scan_finds_lines_of_keys_and_items(void **state)
{
    static const char text[] = "# c\nname = 'x' ; memory=3\n\ndisk = [ 'a',\n"
                               " # between\n 'b' , [ 'c', 'd' ],\n]\n"
                               "disk += [ 'e' ]";
    struct weir_cfg_scan s;
    unsigned line;

    (void)state;
    assert_int_equal(weir_cfg_scan(text, strlen(text), &s, &line), 0);
    assert_int_equal(weir_cfg_line(&s, "name", -1), 2);
    assert_int_equal(weir_cfg_line(&s, "memory", -1), 2);
    assert_int_equal(weir_cfg_line(&s, "disk", -1), 4);
    assert_int_equal(weir_cfg_line(&s, "disk", 0), 4);
    assert_int_equal(weir_cfg_line(&s, "disk", 1), 6);
    assert_int_equal(weir_cfg_line(&s, "disk", 2), 6);
    assert_int_equal(weir_cfg_line(&s, "disk", 3), 8);
    assert_int_equal(weir_cfg_line(&s, "disk", 4), 0);
    assert_int_equal(weir_cfg_scan("a=1\nb\n", 6, &s, &line), -EINVAL);
    assert_int_equal(line, 2);
    assert_int_equal(weir_cfg_scan("a=['x'", 6, &s, &line), -EINVAL);
    assert_int_equal(weir_cfg_scan("a='x", 4, &s, &line), -EINVAL);
}

static struct weir_config_file loaded; /* of the last load() */

static int load(const char *text)
{
    char path[] = "/tmp/weir-cfg-XXXXXX";
    int fd = mkstemp(path), rc;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    rc = weir_config_load(path, "/bin", &loaded);
    unlink(path);
    return rc;
}

static void file_gives_the_whole_domain(void **state)
{
    (void)state;
    assert_int_equal(load("name='d'\nkernel='/bin/sh'\ntype='process'\n"
                          "memory=7\nprivate_memory=9\nargs=['a','b c']\n"
                          "driver_domain=1\noffers=['vbd']\ncap=50\n"
                          "on_crash='preserve'\nvif=['sink=switch']\n"
                          "disk=['/i,raw,xvda,w',\n'/j,raw,xvdb,r']\n"),
                     0);
    assert_string_equal(loaded.cfg.name, "d");
    assert_int_equal(loaded.cfg.memory_mib, 7);
    assert_int_equal(loaded.cfg.private_mib, 9);
    assert_int_equal(loaded.cfg.nargs, 2);
    assert_string_equal(loaded.cfg.args[1], "b c");
    assert_int_equal(loaded.cfg.offers, WEIR_OFFERS_VBD);
    assert_int_equal(loaded.cfg.on_crash, WEIR_ACTION_PRESERVE);
    assert_int_equal(loaded.cfg.ndisks, 2);
    assert_int_equal(loaded.cfg.nvifs, 1);
    weir_config_explain(&loaded, "disk[1]", "because");
    assert_non_null(strstr(loaded.error, ":13: disk: because"));
}

static void driver_domains_come_back_unless_told_otherwise(void **state)
{
    const struct weir_domain_config *c = &loaded.cfg;

    (void)state;
    assert_int_equal(load("name='d'\nkernel='sh'\n"), 0);
    assert_int_equal(c->on_crash, WEIR_ACTION_DESTROY);
    assert_int_equal(load("name='d'\nkernel='sh'\ndriver_domain=1\n"
                          "offers=['vif']\n"),
                     0);
    assert_int_equal(c->on_crash, WEIR_ACTION_RESTART);
    assert_int_equal(c->restart_limit, 10);
    assert_int_equal(c->restart_period, 60);
    assert_int_equal(c->restart_delay, 100);
    assert_int_equal(c->restart_io, WEIR_RESTART_HOLD);
    assert_int_equal(c->heartbeat, 5);
    assert_int_equal(load("on_crash='destroy'\nname='d'\nkernel='sh'\n"
                          "driver_domain=1\noffers=['vif']\n"
                          "restart_limit=0\nrestart_period=9\n"
                          "restart_delay=0\nrestart_io='fail'\n"
                          "heartbeat=0\n"),
                     0);
    assert_int_equal(c->on_crash, WEIR_ACTION_DESTROY);
    assert_int_equal(c->restart_limit + c->restart_delay + c->heartbeat, 0);
    assert_int_equal(c->restart_period, 9);
    assert_int_equal(c->restart_io, WEIR_RESTART_FAIL);
}

static void file_errors_name_line_and_key(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"name='d'\nkernel='sh'\ncolour='red'\n", ":3: colour: unknown key"},
        {"name='d'\nkernel='sh'\nmemory='lots'\n", ":3: memory: \"lots\""},
        {"name='d'\nkernel='sh'\nmemory=0\n", ":3: memory: \"0\""},
        {"name='d'\nkernel='sh'\nmemory=[1]\n", ":3: memory: a list"},
        {"name='d'\nkernel='sh'\ndisk='x'\n", ":3: disk: not a list"},
        {"name='d'\nkernel='no-such-program'\n", ":2: kernel: /bin/no-such"},
        {"name='9d'\nkernel='sh'\n", ":1: name: bad name"},
        {"kernel='sh'\n", ": name: missing"},
        {"name='d'\n", ": kernel: missing"},
        {"name='d'\nkernel='sh'\ntype='pv'\n", ":3: type: \"pv\""},
        {"name='d'\nkernel='sh'\non_crash='cry'\n", ":3: on_crash: \"cry\""},
        {"name='d'\nkernel='sh'\ndriver_domain=1\n",
         " is unknown: add offers="},
        {"name='d'\nkernel='sh'\ndisk=['/i,raw,xvda,w',\n'/j,raw,xvda,w']\n",
         ":4: disk: vdev xvda is used"},
        {"name='d'\nkernel='sh'\nvif=['bridge=b',\n'mac=1,bridge=b']\n",
         ":4: vif: bad MAC"},
        {"name='d'\nkernel =\n", ":2: config parsing error"},
        {"name='d'\nkernel='sh'\nargs=[['x']]\n", ":3: args: a list in"},
        {"name='d'\nkernel='sh'\nrestart_limit=101\n",
         ":3: restart_limit: \"101\""},
        {"name='d'\nkernel='sh'\nrestart_io='maybe'\n",
         ":3: restart_io: \"maybe\": use \"hold\" or \"fail\""},
        {"name='d'\nkernel='sh'\nheartbeat=2\n",
         ":3: heartbeat: only for driver domains that are processes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_not_equal(load(bad[i].text), 0);
        if (!strstr(loaded.error, bad[i].why))
            fail_msg("%s gave %s", bad[i].text, loaded.error);
        assert_null(strchr(loaded.error, '\n'));
    }
}

#define PVH "name='d'\ntype='pvh'\nkernel='/bin/sh'\nmemory=64\n"

static void vm_file_gives_the_whole_vm(void **state)
{
    const struct weir_domain_config *c = &loaded.cfg;

    (void)state;
    assert_int_equal(load("kernel='/bin/sh'\nvcpus=4\nramdisk='/bin/cat'\n"
                          "name='d'\nroot='/dev/xvda'\nextra='ro quiet'\n"
                          "type='pvh'\nmemory=64\nmaxmem=128\n"
                          "on_poweroff='preserve'\non_crash='restart'\n"
                          "uuid='01234567-89ab-cdef-0123-456789abcdef'\n"),
                     0);
    assert_int_equal(c->type, WEIR_TYPE_PVH);
    assert_string_equal(c->cmdline, "root=/dev/xvda ro quiet");
    assert_non_null(strstr(c->ramdisk, "/cat"));
    assert_int_equal(c->vcpus, 4);
    assert_int_equal(c->memory_mib, 64);
    assert_int_equal(c->maxmem_mib, 128);
    assert_int_equal(c->on_poweroff, WEIR_ACTION_PRESERVE);
    assert_int_equal(c->on_reboot, WEIR_ACTION_RESTART);
    assert_int_equal(c->on_crash, WEIR_ACTION_RESTART);
    assert_string_equal(c->uuid, "01234567-89ab-cdef-0123-456789abcdef");
    /* What a process has and a VM has not. */
    assert_int_equal(c->private_mib, 0);
    assert_int_equal(c->max_pids, 0);
    assert_int_equal(load(PVH), 0);
    assert_int_equal(c->vcpus, 1);
    assert_int_equal(c->maxmem_mib, 64);
    assert_string_equal(c->cmdline, "");
    assert_int_equal(load(PVH "extra='a b'\n"), 0);
    assert_string_equal(c->cmdline, "a b");
    assert_int_equal(load(PVH "cmdline='root=x y'\n"), 0);
    assert_string_equal(c->cmdline, "root=x y");
    assert_int_equal(load(PVH "on_reboot='destroy'\ndriver_domain=1\n"
                              "offers=['vbd','vif']\n"),
                     0);
    assert_int_equal(c->on_reboot, WEIR_ACTION_DESTROY);
    assert_int_equal(c->offers, WEIR_OFFERS_VBD | WEIR_OFFERS_VIF);
    assert_int_equal(load(PVH "driver_domain=1\noffers=['vif']\n"), 0);
    assert_int_equal(c->offers, WEIR_OFFERS_VIF);
    assert_int_equal(load(PVH "driver_domain=1\n"), 0);
    assert_int_equal(c->offers, WEIR_OFFERS_VBD | WEIR_OFFERS_VIF);
}

static void vm_errors_name_line_and_key(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {PVH "vcpus=0\n", ":5: vcpus: \"0\": give a whole number from 1 to 8"},
        {PVH "vcpus=9\n", ":5: vcpus: \"9\""},
        {PVH "maxmem=63\n", ":5: maxmem: less than memory="},
        {PVH "ramdisk='/no/such'\n", ":5: ramdisk: /no/such: No such file"},
        {PVH "cmdline='x'\nextra='y'\n", ":6: extra: cmdline= is the whole"},
        {PVH "cmdline='x'\nroot='y'\n", ":6: root: cmdline= is the whole"},
        {PVH "extra=\"a\tb\"\n", ":5: extra: a control character"},
        {PVH "args=['x']\n", ":5: args: put it on the kernel's command line"},
        {PVH "cap=50\n", ":5: cap: its vCPUs are threads of weir-hv"},
        {PVH "cpu_weight=50\n", ":5: cpu_weight: its vCPUs are threads"},
        {PVH "private_memory=50\n", ":5: private_memory: a VM has no memory"},
        {PVH "on_crash='coredump-restart'\n", ":5: on_crash: \"coredump-res"},
        {PVH "on_crash='coredump-destroy'\n", "no core is written: use"},
        {PVH "on_reboot='rename-restart'\n", "domains are not renamed: use"},
        {PVH "on_poweroff='soft-reset'\n", "not reset in place: use"},
        {PVH "builder='hvm'\n", ":5: builder: write type=\"pvh\""},
        {PVH "bootloader='pygrub'\n", ":5: bootloader: there is no firmware"},
        {PVH "vnc=1\n", ":5: vnc: a VM has no display"},
        {PVH "pci=['01:00.0']\n", ":5: pci: devices of the host can't"},
        {PVH "maxvcpus=4\n", ":5: maxvcpus: vCPUs are not added later"},
        {PVH "serial='pty'\n", ":5: serial: a VM has no serial port"},
        {PVH "uuid='123'\n", ":5: uuid: \"123\" is not a UUID"},
        {"name='d'\nkernel='sh'\ntype='pvh'\nmemory=1\n",
         ":2: kernel: sh: No such file"},
        {"name='d'\ntype='pvh'\nmemory=1\n", "kernel: missing: add kernel="},
        {"name='d'\ntype='pvh'\nkernel='/bin/sh'\n", "memory: missing"},
        {"name='d'\nkernel='sh'\nvcpus=2\n",
         ":3: vcpus: only a VM has that: add type=\"pvh\""},
        {"name='d'\nkernel='sh'\nextra='x'\n", ":3: extra: only a VM"},
        {"name='d'\nkernel='sh'\non_reboot='destroy'\n",
         ":3: on_reboot: only a VM"},
    };
    static char text[WEIR_CFG_LINE + 200];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_not_equal(load(bad[i].text), 0);
        if (!strstr(loaded.error, bad[i].why))
            fail_msg("%s gave %s", bad[i].text, loaded.error);
        assert_null(strchr(loaded.error, '\n'));
    }
    n = (size_t)snprintf(text, sizeof(text), "%sextra='", PVH);
    memset(text + n, 'x', WEIR_CFG_LINE);
    strcpy(text + n + WEIR_CFG_LINE, "'\n");
    assert_int_not_equal(load(text), 0);
    assert_non_null(strstr(loaded.error, ":5: extra: longer than the 2047"));
}

/* A driver domain that is a VM has its own idea of the path. */
static void disk_keeps_the_path_as_written(void **state)
{
    struct weir_disk_config d;
    struct weir_cfg_error e;

    (void)state;
    assert_int_equal(weir_config_disk("/proc/self/cwd,raw,xvda,w", &d, &e), 0);
    assert_string_equal(d.given, "/proc/self/cwd");
    assert_string_not_equal(d.target, d.given);
    assert_int_equal(weir_config_disk("vg/lv,raw,xvda,w,backend=drv", &d, &e),
                     0);
    assert_string_equal(d.given, "vg/lv");
    assert_int_equal(d.target[0], '/');
    assert_int_equal(weir_config_disk("/no/such,raw,xvda,w", &d, &e), 0);
    assert_string_equal(d.given, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vdev_has_xens_numbers),
        cmocka_unit_test(mac_is_refused_unless_a_unicast_address),
        cmocka_unit_test(generated_mac_is_stable_and_of_xens_prefix),
        cmocka_unit_test(rate_is_bytes_a_second),
        cmocka_unit_test(names_are_safe_in_paths),
        cmocka_unit_test(numbers_and_sizes_do_not_overflow),
        cmocka_unit_test(vif_string_takes_every_key),
        cmocka_unit_test(vif_addresses),
        cmocka_unit_test(vif_string_names_what_is_wrong),
        cmocka_unit_test(disk_string_is_xls_and_ours),
        cmocka_unit_test(disk_string_names_what_is_wrong),
        cmocka_unit_test(scan_finds_lines_of_keys_and_items),
        cmocka_unit_test(file_gives_the_whole_domain),
        cmocka_unit_test(driver_domains_come_back_unless_told_otherwise),
        cmocka_unit_test(file_errors_name_line_and_key),
        cmocka_unit_test(vm_file_gives_the_whole_vm),
        cmocka_unit_test(vm_errors_name_line_and_key),
        cmocka_unit_test(disk_keeps_the_path_as_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

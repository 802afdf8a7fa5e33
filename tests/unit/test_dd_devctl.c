/* SPDX-License-Identifier: MIT
 *
 * Codec of the tools' protocol: round trips, and everything that is not a
 * message is refused.
 */
#include "driverdomains/devctl.h"
#include "driverdomains/devctl_fields.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buf[WEIR_DEVCTL_MAX];

static int put_domain(const struct weir_domain_config *c)
{
    struct weir_devctl_out o;

    weir_devctl_begin(&o, buf, sizeof(buf), WEIR_DEVCTL_CREATE, 77);
    weir_devctl_put_domain(&o, c);
    return weir_devctl_end(&o);
}

static void fill(struct weir_domain_config *c)
{
    weir_domain_config_init(c);
    strcpy(c->name, "web");
    strcpy(c->kernel, "/bin/x");
    c->driver_domain = true;
    c->nargs = 2;
    strcpy(c->args[0], "--a");
    c->ndisks = 1;
    strcpy(c->disks[0].target, "/img");
    c->disks[0].iops = 1ull << 40;
    c->disks[0].readonly = true;
    c->nvifs = 1;
    memcpy(c->vifs[0].mac, "\x00\x16\x3e\x01\x02\x03", 6);
    c->vifs[0].devid = UINT32_MAX;
    c->type = WEIR_TYPE_PVH;
    strcpy(c->ramdisk, "/initrd");
    memset(c->cmdline, 'x', sizeof(c->cmdline) - 1);
    strcpy(c->uuid, "01234567-89ab-cdef-0123-456789abcdef");
    strcpy(c->disks[0].given, "vg/lv");
    c->vcpus = 8;
    c->maxmem_mib = 1u << 20;
    c->on_reboot = WEIR_ACTION_RESTART;
}

static void domain_comes_back_as_it_went(void **state)
{
    static struct weir_domain_config in, out;
    struct weir_devctl_in r;
    int n;

    (void)state;
    fill(&in);
    n = put_domain(&in);
    assert_true(n > 0);
    assert_int_equal(weir_devctl_open(&r, buf, (size_t)n), 0);
    assert_int_equal(r.op, WEIR_DEVCTL_CREATE);
    assert_int_equal(r.seq, 77);
    assert_int_equal(weir_devctl_get_domain(&r, &out), 0);
    assert_memory_equal(&in, &out, sizeof(in));
    assert_int_equal(weir_devctl_peek(&r), 0);
}

static void every_cut_message_is_refused(void **state)
{
    static struct weir_domain_config in, out;
    struct weir_devctl_in r;
    int n;

    (void)state;
    fill(&in);
    n = put_domain(&in);
    for (int len = 0; len < n; len++) {
        /* As long as the packet, so that the length field is right. */
        buf[12] = (uint8_t)len;
        buf[13] = (uint8_t)(len >> 8);
        if (weir_devctl_open(&r, buf, (size_t)len))
            continue;
        memset(&out, 0, sizeof(out));
        /* Cut between two records it is a smaller domain; else an error. */
        if (weir_devctl_get_domain(&r, &out) == 0)
            assert_true(out.nargs + out.ndisks + out.nvifs < 4);
    }
}

static void header_is_checked(void **state)
{
    struct weir_devctl_in r;
    struct weir_devctl_out o;
    uint8_t m[64];
    int n;

    (void)state;
    weir_devctl_begin(&o, m, sizeof(m), WEIR_DEVCTL_HELLO, 1);
    n = weir_devctl_end(&o);
    assert_int_equal(n, WEIR_DEVCTL_HEADER);
    assert_int_equal(weir_devctl_open(&r, m, (size_t)n), 0);
    assert_int_equal(weir_devctl_open(&r, m, (size_t)n + 1), -EPROTO);
    m[4]++;
    assert_int_equal(weir_devctl_open(&r, m, (size_t)n), -EPROTONOSUPPORT);
    m[4]--;
    m[0]++;
    assert_int_equal(weir_devctl_open(&r, m, (size_t)n), -EPROTO);
}

/* One TARGET record with one field of the given tag, length and bytes. */
static int try_field(unsigned tag, unsigned len, const void *bytes,
                     unsigned claimed)
{
    struct weir_devctl_target t;
    struct weir_devctl_out o;
    struct weir_devctl_in r;
    uint8_t m[128];
    int n;

    weir_devctl_begin(&o, m, sizeof(m), WEIR_DEVCTL_DESTROY, 1);
    n = (int)o.used;
    m[n] = WEIR_REC_TARGET;
    m[n + 1] = 0;
    m[n + 2] = (uint8_t)(4 + len);
    m[n + 3] = 0;
    m[n + 4] = (uint8_t)tag;
    m[n + 5] = 0;
    m[n + 6] = (uint8_t)claimed;
    m[n + 7] = 0;
    memcpy(m + n + 8, bytes, len);
    o.used += 8 + len;
    n = weir_devctl_end(&o);
    assert_int_equal(weir_devctl_open(&r, m, (size_t)n), 0);
    return weir_devctl_get(&r, WEIR_REC_TARGET, &t);
}

static void fields_are_checked(void **state)
{
    char longname[WEIR_CFG_NAME];

    (void)state;
    memset(longname, 'a', sizeof(longname));
    assert_int_equal(try_field(1, 3, "web", 3), 0);
    assert_int_equal(try_field(1, 3, "w\0b", 3), -EPROTO); /* NUL inside */
    assert_int_equal(try_field(1, sizeof(longname), longname, sizeof(longname)),
                     -EPROTO);
    assert_int_equal(try_field(1, 3, "web", 4), -EPROTO); /* beyond the end */
    assert_int_equal(try_field(9, 3, "web", 3), -EPROTO); /* unknown tag */
    assert_int_equal(try_field(3, 3, "abc", 3), -EPROTO); /* u32 of 3 bytes */
    assert_int_equal(try_field(5, 1, "\2", 1), -EPROTO);  /* bool of 2 */
}

static void repeated_fields_and_records_are_refused(void **state)
{
    static struct weir_domain_config in, out;
    struct weir_devctl_out o;
    struct weir_devctl_in r;
    int n;

    (void)state;
    fill(&in);
    weir_devctl_begin(&o, buf, sizeof(buf), WEIR_DEVCTL_CREATE, 1);
    weir_devctl_put_domain(&o, &in);
    weir_devctl_put(&o, WEIR_REC_DOMAIN, &in);
    n = weir_devctl_end(&o);
    assert_int_equal(weir_devctl_open(&r, buf, (size_t)n), 0);
    assert_int_equal(weir_devctl_get_domain(&r, &out), -EPROTO);
    weir_devctl_begin(&o, buf, sizeof(buf), WEIR_DEVCTL_CREATE, 1);
    weir_devctl_put(&o, WEIR_REC_DOMAIN, &in);
    for (int i = 0; i <= WEIR_CFG_DISKS; i++)
        weir_devctl_put(&o, WEIR_REC_DISK, &in.disks[0]);
    n = weir_devctl_end(&o);
    assert_int_equal(weir_devctl_open(&r, buf, (size_t)n), 0);
    assert_int_equal(weir_devctl_get_domain(&r, &out), -EPROTO);
}

static void full_buffer_is_an_error_not_an_overflow(void **state)
{
    static struct weir_domain_config in;
    struct weir_devctl_out o;
    uint8_t small[40];

    (void)state;
    fill(&in);
    weir_devctl_begin(&o, small, sizeof(small), WEIR_DEVCTL_CREATE, 1);
    weir_devctl_put_domain(&o, &in);
    assert_int_equal(weir_devctl_end(&o), -E2BIG);
    weir_devctl_begin(&o, small, 3, WEIR_DEVCTL_CREATE, 1);
    assert_int_equal(weir_devctl_end(&o), -E2BIG);
}

/* Two fields under one tag would make one of them unreachable. */
static void tags_are_unique_and_fields_inside(void **state)
{
    (void)state;
    for (unsigned rec = 1; rec <= WEIR_REC_DEVINFO; rec++) {
        const struct weir_devctl_table *t = weir_devctl_table(rec);

        assert_non_null(t);
        assert_true(t->n <= 64);
        for (unsigned i = 0; i < t->n; i++) {
            assert_true(t->fields[i].offset + t->fields[i].size <= t->size);
            for (unsigned k = 0; k < i; k++)
                assert_int_not_equal(t->fields[i].tag, t->fields[k].tag);
        }
    }
    assert_null(weir_devctl_table(0));
    assert_null(weir_devctl_table(WEIR_REC_DEVINFO + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domain_comes_back_as_it_went),
        cmocka_unit_test(every_cut_message_is_refused),
        cmocka_unit_test(header_is_checked),
        cmocka_unit_test(fields_are_checked),
        cmocka_unit_test(repeated_fields_and_records_are_refused),
        cmocka_unit_test(full_buffer_is_an_error_not_an_overflow),
        cmocka_unit_test(tags_are_unique_and_fields_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

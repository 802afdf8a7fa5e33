/* SPDX-License-Identifier: MIT
 *
 * What the registry refuses: malformed, too long, unknown, not allowed.
 */
#include "tests/unit/xs_rig.h"

static void guests_may_not_rule(void **state)
{
    static const unsigned types[] = {
        WEIR_XS_CONTROL,   WEIR_XS_INTRODUCE,  WEIR_XS_RELEASE,
        WEIR_XS_RESUME,    WEIR_XS_SET_TARGET, WEIR_XS_SET_FEATURE,
        WEIR_XS_GET_QUOTA, WEIR_XS_SET_QUOTA,
    };
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_int_equal(ask(&r->d3, types[i], 0,
                             "4\0"
                             "1\0"
                             "1",
                             6, NULL),
                         -WEIR_EACCES);
    assert_int_equal(ASK(&r->d3, WEIR_XS_GET_FEATURE, "4"), -WEIR_EACCES);
}

static void unknown_types_are_enosys(void **state)
{
    static const unsigned types[] = {
        WEIR_XS_WATCH_EVENT, WEIR_XS_ERROR, 20, 27, 0xffff, 0xffffffff};
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_int_equal(ask(&r->dom0, types[i], 0, "x", 2, NULL),
                         -WEIR_ENOSYS);
}

static const struct {
    unsigned type;
    const char *p;
    size_t len;
} bad[] = {
    {WEIR_XS_READ, "", 0},
    {WEIR_XS_READ, "/a", 2},
    {WEIR_XS_READ, "/a\0/b", 6},
    {WEIR_XS_READ, "\0", 1},
    {WEIR_XS_READ, "/a//b", 6},
    {WEIR_XS_READ, "@releaseDomain", 15},
    {WEIR_XS_WRITE, "/a", 2},
    {WEIR_XS_WRITE, "/a b", 5},
    {WEIR_XS_MKDIR, "/a\0x", 4},
    {WEIR_XS_RM, "a/", 3},
    {WEIR_XS_DIRECTORY, "/tool\0x", 8},
    {WEIR_XS_DIRECTORY_PART, "/tool", 6},
    {WEIR_XS_DIRECTORY_PART, "/tool\0-1", 9},
    {WEIR_XS_GET_PERMS, "/tool", 5},
    {WEIR_XS_SET_PERMS, "/tool", 6},
    {WEIR_XS_SET_PERMS, "/tool\0n0", 8},
    {WEIR_XS_WATCH, "/a", 3},
    {WEIR_XS_WATCH, "/a\0t\0x", 7},
    {WEIR_XS_WATCH,
     "@releaseDomain\0t\0"
     "2",
     19},
    {WEIR_XS_UNWATCH, "/a", 3},
    {WEIR_XS_TRANSACTION_START, "xy", 3},
    {WEIR_XS_TRANSACTION_END, "X", 2},
    {WEIR_XS_TRANSACTION_END, "", 0},
    {WEIR_XS_INTRODUCE,
     "5\0"
     "1",
     4},
    {WEIR_XS_INTRODUCE,
     "x\0"
     "1\0"
     "1",
     6},
    {WEIR_XS_RELEASE, "5x", 3},
    {WEIR_XS_GET_DOMAIN_PATH, "-1", 3},
    {WEIR_XS_IS_DOMAIN_INTRODUCED, "", 1},
    {WEIR_XS_SET_TARGET, "3", 2},
    {WEIR_XS_RESET_WATCHES, "xx", 3},
    {WEIR_XS_SET_FEATURE, "3", 2},
    {WEIR_XS_GET_QUOTA, "pears", 6},
    {WEIR_XS_SET_QUOTA, "nodes", 6},
    {WEIR_XS_SET_QUOTA, "nodes\0-5", 9},
    {WEIR_XS_CONTROL, "", 0},
};

static void malformed_payloads_are_einval(void **state)
{
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int n = ask(&r->dom0, bad[i].type, 0, bad[i].p, bad[i].len, NULL);

        if (n != -WEIR_EINVAL)
            fail_msg("%s '%s' gives %d", weir_xs_type_name(bad[i].type),
                     bad[i].p, n);
    }
}

static void a_message_too_long_ends_the_connection(void **state)
{
    struct weir_xs_header h = {.type = WEIR_XS_READ, .len = 4097};
    struct rig *r = *state;
    uint8_t raw[WEIR_XS_HDR_SIZE];
    char buf[8];

    weir_xs_hdr_put(raw, &h);
    assert_true(r->d3.transport->send(&r->d3, raw, sizeof(raw)) < 0);
    assert_true(weir_xs_read(&r->d3, 0, "x", buf, sizeof(buf)) < 0);
    assert_value(&r->dom0, 0, "/tool", ""); /* others go on */
}

static void paths_have_a_limit(void **state)
{
    struct rig *r = *state;
    char path[WEIR_XS_PATH_MAX + 2];

    memset(path, 'a', sizeof(path));
    for (size_t i = 0; i < sizeof(path); i += 2)
        path[i] = '/';
    path[WEIR_XS_PATH_MAX] = '\0';
    assert_int_equal(SET(&r->dom0, 0, path, "deep"), 0);
    assert_value(&r->dom0, 0, path, "deep");
    assert_int_equal(weir_xs_rm(&r->dom0, 0, "/a"), 0);
    path[WEIR_XS_PATH_MAX] = 'a';
    path[WEIR_XS_PATH_MAX + 1] = '\0';
    assert_int_equal(SET(&r->dom0, 0, path, "deep"), -WEIR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(guests_may_not_rule),
        TEST(unknown_types_are_enosys),
        TEST(malformed_payloads_are_einval),
        TEST(a_message_too_long_ends_the_connection),
        TEST(paths_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The registry's codec, against Xen's own header where that says something.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>
#include <xen/io/xs_wire.h>

#include "ring/error.h"
#include "xenbus/ring_page.h"
#include "xenbus/wire.h"

_Static_assert((int)WEIR_XS_CONTROL == (int)XS_CONTROL, "");
_Static_assert((int)WEIR_XS_WATCH_EVENT == (int)XS_WATCH_EVENT, "");
_Static_assert((int)WEIR_XS_ERROR == (int)XS_ERROR, "");
_Static_assert((int)WEIR_XS_SET_TARGET == (int)XS_SET_TARGET, "");
_Static_assert((int)WEIR_XS_RESET_WATCHES == (int)XS_RESET_WATCHES, "");
_Static_assert((int)WEIR_XS_DIRECTORY_PART == (int)XS_DIRECTORY_PART, "");
_Static_assert(WEIR_XS_PAYLOAD_MAX == XENSTORE_PAYLOAD_MAX, "");
_Static_assert(WEIR_XS_PATH_MAX == XENSTORE_ABS_PATH_MAX, "");
_Static_assert(WEIR_XS_REL_PATH_MAX == XENSTORE_REL_PATH_MAX, "");
_Static_assert(WEIR_XS_RING_SIZE == XENSTORE_RING_SIZE, "");
_Static_assert(WEIR_XS_SERVER_RECONNECTION ==
                   XENSTORE_SERVER_FEATURE_RECONNECTION,
               "");
_Static_assert(WEIR_XS_SERVER_ERROR == XENSTORE_SERVER_FEATURE_ERROR, "");
#define SAME(ours, theirs)                                                     \
    _Static_assert(offsetof(struct weir_xs_ring_page, ours) ==                 \
                       offsetof(struct xenstore_domain_interface, theirs),     \
                   #ours)
SAME(req, req);
SAME(rsp, rsp);
SAME(req_cons, req_cons);
SAME(req_prod, req_prod);
SAME(rsp_cons, rsp_cons);
SAME(rsp_prod, rsp_prod);
SAME(server_features, server_features);
SAME(connection, connection);
SAME(error, error);

static void header_is_xens(void **state)
{
    struct xsd_sockmsg theirs = {
        .type = 2, .req_id = 0x01020304, .tx_id = 7, .len = 4096};
    struct weir_xs_header h = {2, 0x01020304, 7, 4096}, back;
    uint8_t raw[WEIR_XS_HDR_SIZE];

    (void)state;
    weir_xs_hdr_put(raw, &h);
    assert_memory_equal(raw, &theirs, sizeof(raw));
    assert_int_equal(weir_xs_hdr_get(&back, raw), 0);
    assert_memory_equal(&h, &back, sizeof(h));
    h.len = 4097;
    weir_xs_hdr_put(raw, &h);
    assert_int_equal(weir_xs_hdr_get(&back, raw), -WEIR_EPROTO);
}

static void every_xen_error_name_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++) {
        const char *name = xsd_errors[i].errstring;

        assert_string_equal(weir_xs_error_name(xsd_errors[i].errnum), name);
        assert_int_equal(weir_xs_error_code(name, strlen(name) + 1),
                         xsd_errors[i].errnum);
        assert_int_equal(weir_xs_error_code(name, strlen(name)),
                         xsd_errors[i].errnum);
    }
    assert_int_equal(weir_xs_error_code("ENOENTX", 8), WEIR_EIO);
    assert_int_equal(weir_xs_error_code("ENO", 3), WEIR_EIO);
    assert_int_equal(weir_xs_error_code("", 0), WEIR_EIO);
}

static void split_counts_what_is_terminated(void **state)
{
    const char *v[2] = {0};

    (void)state;
    assert_int_equal(weir_xs_split("a\0bc\0", 5, v, 2, true), 2);
    assert_string_equal(v[1], "bc");
    assert_int_equal(weir_xs_split("a\0b\0c\0", 6, v, 2, true), 3);
    assert_int_equal(weir_xs_split("a\0bin", 5, v, 2, false), 1);
    assert_int_equal(weir_xs_split("a\0bin", 5, v, 2, true), -WEIR_EINVAL);
    assert_int_equal(weir_xs_split("abc", 3, v, 2, false), 0);
    assert_int_equal(weir_xs_split("", 0, v, 2, true), 0);
    assert_int_equal(weir_xs_split("\0", 1, v, 2, true), 1);
}

static int check(const char *p, bool special)
{
    return weir_xs_path_check(p, strlen(p), special);
}

static void path_rules(void **state)
{
    static const char *const good[] = {"/", "/a", "a", "a/b", "/A-z_9@/x"};
    static const char *const bad[] = {"",     "//",  "/a//b", "a/",
                                      "/a/",  "a b", "/a.b",  "/\x80",
                                      "/a\n", "@x",  "/a+"};
    static char longest[WEIR_XS_PATH_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(check(good[i], false), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(check(bad[i], false), -WEIR_EINVAL);
    assert_int_equal(check("@releaseDomain", true), 0);
    memset(longest, 'a', sizeof(longest));
    longest[0] = '/';
    assert_int_equal(weir_xs_path_check(longest, WEIR_XS_PATH_MAX, false), 0);
    assert_int_equal(weir_xs_path_check(longest, WEIR_XS_PATH_MAX + 1, false),
                     -WEIR_EINVAL);
    longest[0] = 'a';
    assert_int_equal(weir_xs_path_check(longest, 2048, false), 0);
    assert_int_equal(weir_xs_path_check(longest, 2049, false), -WEIR_EINVAL);
}

static void below_counts_levels(void **state)
{
    unsigned n = 99;

    (void)state;
    assert_true(weir_xs_path_below("/a", "/a", &n) && n == 0);
    assert_true(weir_xs_path_below("/a/b", "/a", &n) && n == 1);
    assert_true(weir_xs_path_below("/a/b/c", "/a", &n) && n == 2);
    assert_true(weir_xs_path_below("/", "/", &n) && n == 0);
    assert_true(weir_xs_path_below("/a", "/", &n) && n == 1);
    assert_true(weir_xs_path_below("/a/b", "/", &n) && n == 2);
    assert_false(weir_xs_path_below("/ab", "/a", &n));
    assert_false(weir_xs_path_below("/a", "/a/b", &n));
    assert_false(weir_xs_path_below("@x", "/", &n));
}

static void permissions_and_numbers(void **state)
{
    static const char *const all[] = {"n0", "r1", "w32751", "b65535"};
    static const char *const bad[] = {"", "n", "x1", "n1 ", "n-1", "r65536"};
    struct weir_xs_perm p;
    char out[WEIR_XS_PERM_STR];
    uint64_t v;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(weir_xs_perm_parse(all[i], &p), 0);
        assert_int_equal(p.mask, i);
        assert_int_equal(weir_xs_perm_format(&p, out), strlen(all[i]));
        assert_string_equal(out, all[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(weir_xs_perm_parse(bad[i], &p), -WEIR_EINVAL);
    assert_int_equal(weir_xs_parse_u64("18446744073709551615", &v), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(weir_xs_parse_u64("18446744073709551616", &v),
                     -WEIR_ERANGE);
    assert_int_equal(weir_xs_parse_u64("+1", &v), -WEIR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_xens),
        cmocka_unit_test(every_xen_error_name_is_known),
        cmocka_unit_test(split_counts_what_is_terminated),
        cmocka_unit_test(path_rules),
        cmocka_unit_test(below_counts_levels),
        cmocka_unit_test(permissions_and_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

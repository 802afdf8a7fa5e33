/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/guests/webguest/http_parse.h"
#include "tests/guests/webguest/options.h"
#include "tests/guests/webguest/reass.h"
#include "tests/guests/webguest/response.h"

/* response.c asks the file system for a directory's names. */
int web_dir_list(struct web_file *dir, web_fs_entry_fn fn, void *arg)
{
    fn(arg, "sub dir", WEB_DIR);
    for (uint64_t i = 0; i < dir->size; i++)
        fn(arg, "<a&b\">", WEB_FILE);
    return 0;
}

static int parse(const char *text, struct web_request *r)
{
    return web_http_parse(text, strlen(text), r);
}

static int parse_target(const char *target, struct web_request *r)
{
    char text[2048];

    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    return parse(text, r);
}

static void test_request_in_pieces_is_not_answered_early(void **state)
{
    static const char text[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
    struct web_request r;

    (void)state;
    for (size_t n = 0; n < sizeof(text) - 1; n++)
        assert_int_equal(web_http_parse(text, n, &r), 0);
    assert_int_equal(parse(text, &r), sizeof(text) - 1);
    assert_string_equal(r.path, "/a");
    assert_true(r.keep_alive);
}

static void test_paths_do_not_leave_the_root(void **state)
{
    static const struct {
        const char *target, *path;
    } good[] = {
        {"/", "/"},
        {"//a///b/", "/a/b"},
        {"/a/./b/../c", "/a/c"},
        {"/a/%2e%2e/b", "/b"},
        {"/a%20b?q=/../", "/a b"},
        {"/...", "/..."},
    };
    static const struct {
        const char *target;
        int status;
    } bad[] = {
        {"/..", -400},         {"/a/../../b", -400}, {"/%2e%2e/x", -400},
        {"/a%2f..%2fb", -400}, {"/a%00b", -400},     {"/a%", -400},
        {"/a%zz", -400},       {"a", -400},          {"http://x/", -400},
    };
    struct web_request r;

    (void)state;
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(parse_target(good[i].target, &r) > 0);
        assert_string_equal(r.path, good[i].path);
    }
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse_target(bad[i].target, &r), bad[i].status);
}

static void test_malformed_requests_get_their_status(void **state)
{
    static const struct {
        const char *text;
        int status;
    } bad[] = {
        {"GET / HTTP/1.1\r\n\r\n", -400}, /* no Host */
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", -400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", -505},
        {"GET /\r\n\r\n", -400},
        {"G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", -400},
        {"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
         -501},
        {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
         "Content-Length: 6\r\n\r\n",
         -400},
        {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", -400},
        {"PUT / HTTP/1.1\r\nHost: a\r\n"
         "Content-Length: 18446744073709551616\r\n\r\n",
         -400},
        {"PUT / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", -417},
    };
    char big[WEB_REQUEST_MAX];
    struct web_request r;

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse(bad[i].text, &r), bad[i].status);
    memset(big, 'a', sizeof(big));
    assert_int_equal(web_http_parse(big, sizeof(big) - 1, &r), 0);
    assert_int_equal(web_http_parse(big, sizeof(big), &r), -431);
    memset(big, 'a', sizeof(big));
    big[1500] = '\0';
    big[0] = '/';
    for (unsigned i = 100; i < 1500; i += 100)
        big[i] = '/';
    assert_int_equal(parse_target(big, &r), -414);
}

static void check_range(const char *value, uint64_t size, int part,
                        uint64_t want_first, uint64_t want_last)
{
    char text[256];
    struct web_request r;
    uint64_t first, last;

    snprintf(text, sizeof(text),
             "GET / HTTP/1.1\r\nHost: x\r\nRange: %s\r\n\r\n", value);
    assert_true(parse(text, &r) > 0);
    assert_int_equal(web_http_range(&r, size, &first, &last), part);
    if (part == 1) {
        assert_int_equal(first, want_first);
        assert_int_equal(last, want_last);
    }
}

static void test_ranges(void **state)
{
    (void)state;
    check_range("bytes=0-0", 10, 1, 0, 0);
    check_range("bytes=2-", 10, 1, 2, 9);
    check_range("bytes=2-100", 10, 1, 2, 9);
    check_range("bytes=-3", 10, 1, 7, 9);
    check_range("bytes=-30", 10, 1, 0, 9);
    check_range("bytes=10-", 10, -416, 0, 0);
    check_range("bytes=-0", 10, -416, 0, 0);
    check_range("bytes=0-0", 0, -416, 0, 0);
    check_range("bytes=5-2", 10, 0, 0, 0);
    check_range("bytes=0-1,3-4", 10, 0, 0, 0);
    check_range("lines=0-1", 10, 0, 0, 0);
    check_range("bytes=18446744073709551616-", 10, 0, 0, 0);
}

static void test_connection_field_decides_keep_alive(void **state)
{
    struct web_request r;

    (void)state;
    parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", &r);
    assert_false(r.keep_alive);
    parse("GET / HTTP/1.0\r\n\r\n", &r);
    assert_false(r.keep_alive);
    parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &r);
    assert_true(r.keep_alive);
}

static void test_dates(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *date;
    } dates[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        struct web_text t = {0};

        web_text_add_date(&t, dates[i].seconds);
        assert_string_equal(t.p, dates[i].date);
        web_text_free(&t);
    }
}

static void test_index_escapes_names(void **state)
{
    struct web_file dir = {.size = 1};
    struct web_text t = {0};

    (void)state;
    assert_int_equal(web_index_add(&t, &dir, "/<x>"), 0);
    assert_non_null(strstr(t.p, "Index of /&lt;x&gt;"));
    assert_non_null(strstr(t.p, "\"./sub%20dir/\">sub dir/"));
    assert_non_null(strstr(t.p, "\"./%3Ca%26b%22%3E\">&lt;a&amp;b&quot;&gt;"));
    assert_null(strstr(t.p, "<a&"));
    web_text_free(&t);
}

static void test_huge_directory_is_cut(void **state)
{
    struct web_file dir = {.size = 100000};
    struct web_text t = {0};

    (void)state;
    assert_int_equal(web_index_add(&t, &dir, "/"), 0);
    assert_true(t.len <= WEB_TEXT_MAX);
    assert_non_null(strstr(t.p, "more entries"));
    web_text_free(&t);
}

static void test_options(void **state)
{
    const char *good[] = {"webguest", "--ip",   "10.1.2.3/20", "--gw",
                          "10.1.0.1", "--port", "8080",        "--writable"};
    const char *bad[][3] = {
        {"webguest", "--ip", "10.1.2/20"},
        {"webguest", "--ip", "10.1.2.256/20"},
        {"webguest", "--ip", "10.1.2.3/33"},
        {"webguest", "--port", "65536"},
        {"webguest", "--writable", "--ip"},
        {"webguest", "--what", "10.1.2.3/33"},
    };
    const uint8_t ip[4] = {10, 1, 2, 3}, mask[4] = {255, 255, 240, 0};
    struct web_options o;
    const char *which;

    (void)state;
    assert_null(web_options_parse(&o, 8, good, &which));
    assert_memory_equal(&o.ip, ip, 4);
    assert_memory_equal(&o.mask, mask, 4);
    assert_int_equal(o.port, 8080);
    assert_true(o.writable);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(web_options_parse(&o, 3, bad[i], &which));
    assert_non_null(web_options_parse(&o, 1, good, &which));
    assert_string_equal(which, "--ip");
}

/* ---- reassembly ---- */

static struct web_reass reass;
static uint8_t packet[65536];

/* Bytes offset to offset + len of a datagram whose byte i is i * 7. */
static const struct web_datagram *
fragment(unsigned id, unsigned offset, unsigned len, bool more, uint64_t now)
{
    uint32_t sum = 0, total = 20 + len;

    memset(packet, 0, 20);
    packet[0] = 0x45;
    packet[2] = (uint8_t)(total >> 8);
    packet[3] = (uint8_t)total;
    packet[5] = (uint8_t)id;
    packet[6] = (uint8_t)((more ? 0x20 : 0) | offset / 8 >> 8);
    packet[7] = (uint8_t)(offset / 8);
    packet[9] = 17;
    for (unsigned i = 0; i < 20; i += 2)
        sum += (unsigned)(packet[i] << 8 | packet[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    packet[10] = (uint8_t)(~sum >> 8);
    packet[11] = (uint8_t)~sum;
    for (unsigned i = 0; i < len; i++)
        packet[20 + i] = (uint8_t)((offset + i) * 7);
    return web_reass_add(&reass, packet, total, now);
}

static void assert_whole(const struct web_datagram *d, unsigned len)
{
    assert_non_null(d);
    assert_int_equal(d->header_len, 20);
    assert_int_equal(d->end, len);
    assert_false(web_is_fragment(d->header, 20));
    assert_int_equal(d->header[2] << 8 | d->header[3], len + 20);
    for (unsigned i = 0; i < len; i++)
        assert_int_equal(d->payload[i], (uint8_t)(i * 7));
}

static void test_fragments_in_any_order_make_the_datagram(void **state)
{
    static const unsigned order[][4] = {
        {0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}};

    (void)state;
    memset(&reass, 0, sizeof(reass));
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned k = 0; k < 4; k++) {
            unsigned n = order[i][k];
            const struct web_datagram *d =
                fragment(i, n * 800, n == 3 ? 13 : 800, n != 3, 0);

            if (k < 3)
                assert_null(d);
            else
                assert_whole(d, 2413);
        }
    }
}

static void test_largest_datagram_and_one_more(void **state)
{
    (void)state;
    memset(&reass, 0, sizeof(reass));
    assert_null(fragment(1, 0, 32768, true, 0));
    assert_whole(fragment(1, 32768, 32747, false, 0), 65515);
    assert_null(fragment(1, 0, 32768, true, 0));
    assert_null(fragment(1, 32768, 32748, false, 0));
    assert_null(fragment(2, 65528, 8, false, 0));
}

static void test_overlap_ends_the_datagram(void **state)
{
    (void)state;
    memset(&reass, 0, sizeof(reass));
    assert_null(fragment(1, 0, 800, true, 0));
    assert_null(fragment(1, 792, 800, true, 0));
    assert_null(fragment(1, 800, 100, false, 0));
    /* As many bytes as a whole one has, but not all of them. */
    assert_null(fragment(4, 0, 800, true, 0));
    assert_null(fragment(4, 792, 800, true, 0));
    assert_null(fragment(4, 1600, 100, false, 0));
    /* An end before bytes that are there. */
    assert_null(fragment(2, 1600, 800, true, 0));
    assert_null(fragment(2, 800, 100, false, 0));
    assert_null(fragment(2, 0, 800, true, 0));
    /* Two ends. */
    assert_null(fragment(3, 800, 100, false, 0));
    assert_null(fragment(3, 1600, 100, false, 0));
    assert_null(fragment(3, 0, 800, true, 0));
}

static void test_fragments_do_not_pile_up(void **state)
{
    (void)state;
    memset(&reass, 0, sizeof(reass));
    /* More unfinished ones than there are places: the oldest goes. */
    for (unsigned id = 1; id <= WEB_REASS + 1; id++)
        assert_null(fragment(id, 0, 800, true, id));
    assert_null(fragment(1, 800, 8, false, 20));
    assert_whole(fragment(WEB_REASS + 1, 800, 8, false, 21), 808);
    /* And too late is too late. */
    assert_null(fragment(9, 0, 800, true, 100));
    assert_null(fragment(9, 800, 8, false, 101 + WEB_REASS_MS));
}

static void test_malformed_fragments_are_dropped(void **state)
{
    (void)state;
    memset(&reass, 0, sizeof(reass));
    assert_null(fragment(1, 0, 801, true, 0)); /* not a multiple of 8 */
    fragment(1, 0, 800, true, 0);
    packet[8]++; /* the header's checksum is wrong now */
    assert_null(web_reass_add(&reass, packet, 820, 0));
    for (size_t n = 0; n < 820; n++)
        assert_null(web_reass_add(&reass, packet, n, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_in_pieces_is_not_answered_early),
        cmocka_unit_test(test_paths_do_not_leave_the_root),
        cmocka_unit_test(test_malformed_requests_get_their_status),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_connection_field_decides_keep_alive),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_index_escapes_names),
        cmocka_unit_test(test_huge_directory_is_cut),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_fragments_in_any_order_make_the_datagram),
        cmocka_unit_test(test_largest_datagram_and_one_more),
        cmocka_unit_test(test_overlap_ends_the_datagram),
        cmocka_unit_test(test_fragments_do_not_pile_up),
        cmocka_unit_test(test_malformed_fragments_are_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

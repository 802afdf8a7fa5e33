/* SPDX-License-Identifier: MIT
 *
 * Parts of the guest runtime that need no guest: pages, console, and the
 * example kernel's answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frontends/guest/console.h"
#include "driverdomains/examples/kernel/echo.h"
#include "frontends/guest/pages.h"

#define PAGES 64u

static uint8_t *arena(void)
{
    uint8_t *p = aligned_alloc(WEIR_PAGE_SIZE, PAGES * WEIR_PAGE_SIZE);

    assert_non_null(p);
    memset(p, 0xee, PAGES * WEIR_PAGE_SIZE);
    return p;
}

static void pages_are_zeroed_and_join_again(void **state)
{
    struct weir_pages p = {0};
    uint8_t *ram = arena(), *a, *b, *c;

    (void)state;
    weir_pages_add(&p, (uintptr_t)ram + 1,
                   (uintptr_t)ram + PAGES * WEIR_PAGE_SIZE - 1);
    assert_int_equal(p.total, PAGES - 2); /* whole pages only */
    assert_null(weir_pages_take(&p, PAGES - 1));
    assert_null(weir_pages_take(&p, 0));
    a = weir_pages_take(&p, 3);
    b = weir_pages_take(&p, 5);
    c = weir_pages_take(&p, PAGES - 10);
    assert_non_null(c);
    assert_int_equal(p.free, 0);
    assert_null(weir_pages_take(&p, 1));
    for (unsigned i = 0; i < 3 * WEIR_PAGE_SIZE; i++)
        assert_int_equal(a[i], 0);
    weir_pages_give(&p, c, PAGES - 10);
    weir_pages_give(&p, a, 3);
    assert_null(weir_pages_take(&p, PAGES - 9));
    weir_pages_give(&p, b + WEIR_PAGE_SIZE, 4); /* a part */
    weir_pages_give(&p, b, 1);
    assert_int_equal(p.free, PAGES - 2);
    assert_ptr_equal(weir_pages_take(&p, PAGES - 2), ram + WEIR_PAGE_SIZE);
    free(ram);
}

/* Whatever is taken and given in whatever order: nobody gets a page twice,
 * and in the end all are one run. */
static void pages_are_never_given_twice(void **state)
{
    struct weir_pages p = {0};
    uint8_t *ram = arena(), *have[PAGES], owner[PAGES] = {0};
    size_t len[PAGES];
    unsigned n = 0;

    (void)state;
    srand(5);
    weir_pages_add(&p, (uintptr_t)ram, (uintptr_t)ram + PAGES * WEIR_PAGE_SIZE);
    for (unsigned turn = 0; turn < 20000; turn++) {
        size_t want = 1 + (size_t)rand() % 9;

        if (rand() % 2 && n < PAGES && (have[n] = weir_pages_take(&p, want))) {
            for (size_t i = 0; i < want; i++)
                assert_int_equal(
                    owner[(size_t)(have[n] - ram) / WEIR_PAGE_SIZE + i]++, 0);
            memset(have[n], 0x55, want * WEIR_PAGE_SIZE);
            len[n++] = want;
        } else if (n) {
            unsigned k = (unsigned)rand() % n;

            for (size_t i = 0; i < len[k]; i++)
                owner[(size_t)(have[k] - ram) / WEIR_PAGE_SIZE + i]--;
            weir_pages_give(&p, have[k], len[k]);
            have[k] = have[--n];
            len[k] = len[n];
        }
    }
    while (n--)
        weir_pages_give(&p, have[n], len[n]);
    assert_ptr_equal(weir_pages_take(&p, PAGES), ram);
    free(ram);
}

/* ---- console ---- */

struct tty {
    struct weir_port port;
    struct weir_console_interface ring;
    char out[8192];
    size_t len;
    uint64_t now;
    unsigned told, waits, looks;
    bool reads; /* somebody reads when told, or waited for */
};

static void drain(struct tty *t)
{
    while (t->ring.out_cons != t->ring.out_prod)
        t->out[t->len++] =
            t->ring.out[t->ring.out_cons++ % WEIR_CONSOLE_OUT_SIZE];
}

static int tty_notify(struct weir_port *p, evtchn_port_t port)
{
    struct tty *t = (struct tty *)p;

    (void)port;
    t->told++;
    return 0;
}

static int tty_wait(struct weir_port *p, const evtchn_port_t *ports, unsigned n,
                    uint64_t timeout_ns, uint64_t *pending)
{
    struct tty *t = (struct tty *)p;

    (void)ports;
    (void)n;
    t->waits++;
    t->now += timeout_ns / 2 + 1;
    if (t->reads)
        drain(t);
    *pending = t->reads;
    return 0;
}

static uint64_t tty_now(struct weir_port *p)
{
    struct tty *t = (struct tty *)p;

    t->looks++;
    return t->now;
}

static const struct weir_port_ops tty_ops = {
    .evtchn_notify = tty_notify,
    .wait = tty_wait,
    .now_ns = tty_now,
};

static void console_waits_for_its_reader(void **state)
{
    static struct tty t;
    struct weir_guest_console c;
    char text[3000];

    (void)state;
    t = (struct tty){.port = {.ops = &tty_ops}, .reads = true};
    t.port.start.console_page = &t.ring;
    t.ring.out_prod = t.ring.out_cons = UINT32_MAX - 5; /* in mid-life */
    weir_guest_console_open(&c, &t.port);
    weir_guest_console_write(&c, "a\nb", 3);
    drain(&t);
    assert_memory_equal(t.out, "a\r\nb", 4);
    assert_int_equal(t.looks, 0); /* at a clock that may leave the guest */
    memset(text, 'x', sizeof(text));
    weir_guest_console_write(&c, text, sizeof(text));
    drain(&t);
    assert_int_equal(t.len, 4 + sizeof(text));
    assert_true(t.waits >= 1);
}

static void console_nobody_reads_stops_nobody(void **state)
{
    static struct tty t;
    struct weir_guest_console c;
    char text[3000];
    unsigned waits;

    (void)state;
    t = (struct tty){.port = {.ops = &tty_ops}};
    t.port.start.console_page = &t.ring;
    weir_guest_console_open(&c, &t.port);
    memset(text, 'x', sizeof(text));
    weir_guest_console_write(&c, text, sizeof(text));
    assert_in_range(t.now, 40000000, 200000000);
    waits = t.waits;
    weir_guest_console_write(&c, text, sizeof(text));
    assert_int_equal(t.waits, waits); /* one time was enough */
    drain(&t);
    assert_int_equal(t.len, WEIR_CONSOLE_OUT_SIZE);
    weir_guest_console_write(&c, "back", 4);
    drain(&t);
    assert_memory_equal(t.out + t.len - 4, "back", 4);
    /* A reader that claims what was not written. */
    t.ring.out_cons = t.ring.out_prod + 7;
    weir_guest_console_write(&c, "more", 4);
    c.ring = NULL;
    weir_guest_console_write(&c, "none", 4);
}

/* ---- the example's answers ---- */

static const uint8_t mac[6] = {0, 0x16, 0x3e, 1, 2, 3};
static const uint8_t ip[4] = {10, 0, 0, 2};

static void example_answers_arp(void **state)
{
    uint8_t f[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  2, 2, 2, 2,
                     2,    8,    6,    0,    1,    8,    0,  6, 4, 0, 1,
                     2,    2,    2,    2,    2,    2,    10, 0, 0, 1, 0,
                     0,    0,    0,    0,    0,    10,   0,  0, 2};
    static const uint8_t want[42] = {
        2,  2, 2, 2, 2, 2, 0, 0x16, 0x3e, 1,    2,    3, 8, 6,
        0,  1, 8, 0, 6, 4, 0, 2,    0,    0x16, 0x3e, 1, 2, 3,
        10, 0, 0, 2, 2, 2, 2, 2,    2,    2,    10,   0, 0, 1};

    (void)state;
    f[41] = 3;
    assert_int_equal(echo_answer(f, sizeof(f), mac, ip), 0);
    f[41] = 2;
    assert_int_equal(echo_answer(f, 41, mac, ip), 0);
    assert_int_equal(echo_answer(f, sizeof(f), mac, ip), 42);
    assert_memory_equal(f, want, 42);
}

static uint16_t sum16(const uint8_t *p, size_t n)
{
    uint32_t s = 0;

    for (size_t i = 0; i < n; i += 2)
        s += (uint32_t)p[i] << 8 | p[i + 1];
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)s;
}

static void make_ping(uint8_t f[98], uint16_t data)
{
    static const uint8_t head[34] = {
        0,  0, 0, 0,    0, 0,  2, 2, 2, 2,  2, 2, 8, 0,  0x45, 0, 0,
        84, 1, 1, 0x40, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0,    0, 2};
    uint16_t sum;

    memset(f, 0, 98);
    memcpy(f, head, sizeof(head));
    f[34] = 8;
    f[60] = (uint8_t)(data >> 8);
    f[61] = (uint8_t)data;
    sum = (uint16_t)~sum16(f + 14, 20);
    f[24] = (uint8_t)(sum >> 8);
    f[25] = (uint8_t)sum;
    sum = (uint16_t)~sum16(f + 34, 64);
    f[36] = (uint8_t)(sum >> 8);
    f[37] = (uint8_t)sum;
}

static void example_answers_ping(void **state)
{
    uint8_t f[98];

    (void)state;
    for (uint32_t data = 0; data < 65536; data += 5) {
        make_ping(f, (uint16_t)data);
        assert_int_equal(echo_answer(f, 98, mac, ip), 98);
        assert_int_equal(f[34], 0);
        assert_int_equal(f[29], 2);
        assert_int_equal(f[33], 1);
        assert_int_equal(sum16(f + 14, 20), 0xffff);
        assert_int_equal(sum16(f + 34, 64), 0xffff);
    }
}

static void example_answers_nothing_else(void **state)
{
    static const struct {
        unsigned at;
        uint8_t value;
    } changes[] = {{12, 9}, {14, 0x46}, {16, 1}, {17, 27}, {17, 85}, {20, 32},
                   {21, 1}, {23, 17},   {33, 3}, {34, 0},  {35, 1}};
    uint8_t f[98];

    (void)state;
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        make_ping(f, 7);
        f[changes[i].at] = changes[i].value;
        assert_int_equal(echo_answer(f, 98, mac, ip), 0);
    }
    for (uint32_t len = 0; len < 98; len++) {
        make_ping(f, 7);
        assert_int_equal(echo_answer(f, len, mac, ip), 0);
    }
}

static void example_reads_its_command_line(void **state)
{
    const char *line = "  xip=1.2.3.4 write ip=10.20.30.40 writeback";
    uint8_t a[4];

    (void)state;
    assert_ptr_equal(echo_option(line, "ip="), line + 23);
    assert_ptr_equal(echo_option(line, "write"), line + 19);
    assert_null(echo_option(line, "vif"));
    assert_null(echo_option("", "a"));
    assert_true(echo_parse_ip(echo_option(line, "ip="), a));
    assert_memory_equal(a, ((const uint8_t[]){10, 20, 30, 40}), 4);
    assert_true(echo_parse_ip("10.0.0.2/24", a));
    assert_false(echo_parse_ip("10.0.0", a));
    assert_false(echo_parse_ip("10.0.0.256", a));
    assert_false(echo_parse_ip("10.0.0.2x", a));
    assert_false(echo_parse_ip("99999999999.0.0.2", a));
    assert_false(echo_parse_ip(NULL, a));
    assert_int_equal(~echo_crc32(UINT32_MAX, (const uint8_t *)"123456789", 9),
                     0xcbf43926);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_zeroed_and_join_again),
        cmocka_unit_test(pages_are_never_given_twice),
        cmocka_unit_test(console_waits_for_its_reader),
        cmocka_unit_test(console_nobody_reads_stops_nobody),
        cmocka_unit_test(example_answers_arp),
        cmocka_unit_test(example_answers_ping),
        cmocka_unit_test(example_answers_nothing_else),
        cmocka_unit_test(example_reads_its_command_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

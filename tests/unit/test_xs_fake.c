/* SPDX-License-Identifier: MIT
 *
 * The registry other tests build on: fake_store over the core, and the real
 * server in a thread over ring pages of a fake machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "ring/error.h"
#include "tests/unit/fake_port.h"
#include "tests/unit/fake_store.h"
#include "xenbus/socket.h"

static struct weir_xs a, b; /* large: not on the stack */

static void two_domains_see_each_other(void **state)
{
    struct weir_fake_store *f;
    struct weir_xs_event ev;
    char buf[64];

    (void)state;
    assert_int_equal(weir_fake_store_new(&f), 0);
    assert_int_equal(weir_fake_store_connect(f, &a, 5), 0);
    assert_int_equal(weir_fake_store_connect(f, &b, 6), 0);
    weir_fake_store_set(f, "/local/domain/5/data", "x");
    weir_fake_store_own(f, "/local/domain/5/data", 5, 6);
    assert_int_equal(weir_xs_watch(&b, "/local/domain/5/data", "tok"), 0);
    assert_int_equal(weir_xs_next_event(&b, &ev), 1);
    assert_int_equal(weir_xs_next_event(&b, &ev), 0);
    assert_int_equal(weir_xs_write(&a, 0, "data", "hello", 5), 0);
    assert_int_equal(weir_xs_next_event(&b, &ev), 1);
    assert_string_equal(ev.path, "/local/domain/5/data");
    assert_string_equal(ev.token, "tok");
    assert_int_equal(weir_xs_read(&b, 0, ev.path, buf, sizeof(buf)), 5);
    assert_string_equal(buf, "hello");
    assert_int_equal(weir_xs_write(&b, 0, ev.path, "no", 2), -WEIR_EACCES);
    weir_fake_store_disconnect(f, &a);
    weir_fake_store_disconnect(f, &b);
    weir_fake_store_free(f);
}

static void a_disturbed_commit_is_tried_again(void **state)
{
    struct weir_fake_store *f;
    weir_xs_tx tx;
    int r, tries = 0;

    (void)state;
    assert_int_equal(weir_fake_store_new(&f), 0);
    assert_int_equal(weir_fake_store_connect(f, &a, 0), 0);
    weir_fake_store_disturb(f, 2);
    do {
        assert_int_equal(weir_xs_transaction_start(&a, &tx), 0);
        assert_int_equal(weir_xs_write_u64(&a, tx, "/x", "n", 7), 0);
        r = weir_xs_transaction_end(&a, tx, true);
        tries++;
    } while (r == -WEIR_EAGAIN);
    assert_int_equal(r, 0);
    assert_int_equal(tries, 3);
    weir_fake_store_disconnect(f, &a);
    weir_fake_store_free(f);
}

struct rig {
    struct weir_fake_machine *m;
    struct weir_port *store, *guest;
    struct weir_fake_xsd *xsd;
    mfn_t frame;
    evtchn_port_t evtchn;
};

static void rig_up(struct rig *r)
{
    r->m = weir_fake_machine_new(1024);
    r->store = weir_fake_domain_add(r->m, 1, 0);
    r->guest = weir_fake_domain_add(r->m, 5, 0);
    assert_int_equal(
        weir_fake_store_pair(r->guest, r->store, &r->frame, &r->evtchn), 0);
    assert_int_equal(weir_fake_xsd_start(r->store, &r->xsd), 0);
    assert_int_equal(weir_fake_xsd_connect(r->xsd, &a), 0);
    assert_int_equal(weir_xs_introduce(&a, 5, r->frame, r->evtchn), 0);
}

static void rig_down(struct rig *r)
{
    weir_xs_close_socket(&a);
    weir_fake_xsd_stop(r->xsd);
    weir_fake_store_unpair(r->guest);
    assert_int_equal(weir_fake_machine_free(r->m), 0);
}

static void large_values_cross_the_ring_page(void **state)
{
    static char in[3000], out[4096];
    struct rig r;

    (void)state;
    rig_up(&r);
    memset(in, 'v', sizeof(in));
    assert_int_equal(weir_xs_write(&a, 0, "/local/domain/5/big", in, 2000), 0);
    assert_int_equal(weir_xs_set_perms(&a, 0, "/local/domain/5/big", "n5", 3),
                     0);
    assert_int_equal(weir_xs_open_ring(&b, r.guest), 0);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(weir_xs_write(&b, 0, "big", in, 1990), 0);
        assert_int_equal(weir_xs_read(&b, 0, "big", out, sizeof(out)), 1990);
        assert_memory_equal(in, out, 1990);
    }
    rig_down(&r);
}

static void a_new_client_starts_clean_after_half_a_message(void **state)
{
    struct weir_xs_event ev;
    struct rig r;
    char buf[32];

    (void)state;
    rig_up(&r);
    assert_int_equal(weir_xs_open_ring(&b, r.guest), 0);
    assert_int_equal(weir_xs_watch(&b, "/local/domain/5", "old"), 0);
    assert_int_equal(b.transport->send(&b, "\2\0\0\0\1\0\0", 7), 7);
    assert_int_equal(weir_xs_open_ring(&b, r.guest), 0);
    assert_int_equal(weir_xs_read(&b, 0, "none", buf, sizeof(buf)),
                     -WEIR_EACCES);
    weir_xs_write(&a, 0, "/local/domain/5/x", "1", 1);
    weir_xs_set_perms(&a, 0, "/local/domain/5/x", "n5", 3);
    assert_int_equal(weir_xs_read(&b, 0, "x", buf, sizeof(buf)), 1);
    assert_int_equal(weir_xs_next_event(&b, &ev), 0); /* old watch is gone */
    assert_int_equal(weir_xs_release(&a, 5), 0);
    rig_down(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_domains_see_each_other),
        cmocka_unit_test(a_disturbed_commit_is_tried_again),
        cmocka_unit_test(large_values_cross_the_ring_page),
        cmocka_unit_test(a_new_client_starts_clean_after_half_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

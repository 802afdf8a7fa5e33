/* SPDX-License-Identifier: MIT
 *
 * Sealed domains that mean harm: to what they no longer hold, and to weir-hv's
 * time.
 */
#include "hypervisor/codec.h"
#include "ring/error.h"
#include "ring/grant_abi.h"
#include "tests/e2e/hv_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sends an order that the puppet never answers. */
static void set_going(struct puppet *p, enum puppet_op op, uint64_t a)
{
    struct puppet_order o = {.op = op, .a = a};

    assert_int_equal(send(p->fd, &o, sizeof(o), MSG_NOSIGNAL), sizeof(o));
}

/* One frame, a reference for writing and one for reading.  Both mappings are
 * ended in one batch while the page is still there: that of the writing one
 * may only end if writing ends with it. */
static void a_write_mapping_takes_its_access_along(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_do(&g, PUPPET_ALLOC, 1, 0, 0, 0), rw, ro;
    struct puppet_order o = {
        .op = PUPPET_RAW, .a = WEIR_HV_UNMAP, .b = 8, .c = 2, .d = 8};
    struct puppet_answer r;
    int32_t status[2];

    (void)state;
    puppet_do(&g, PUPPET_GRANT, 9, m.domid, page.v[1], 0);
    puppet_do(&g, PUPPET_GRANT, 10, m.domid, page.v[1], 1);
    rw = puppet_do(&m, PUPPET_MAP, g.domid, 9, 0, 0);
    ro = puppet_do(&m, PUPPET_MAP, g.domid, 10, 1, 0);
    assert_int_equal(rw.rc, 0);
    if (ro.rc != 0) /* a kernel with two windows: one or the other */
        return;
    weir_put32((uint8_t *)o.data, (uint32_t)rw.v[1]);
    weir_put32((uint8_t *)o.data + 4, (uint32_t)ro.v[1]);
    r = puppet_order(&m, &o);
    assert_int_equal(r.rc, 0);
    for (int i = 0; i < 2; i++)
        status[i] = (int32_t)weir_le32((const uint8_t *)r.data + 4 * i);
    assert_int_equal(status[1], WEIR_GNTST_BAD_VIRT_ADDR);
    if (status[0] == WEIR_GNTST_OKAY) {
        assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
        assert_int_equal(puppet_do(&m, PUPPET_PEEK, ro.v[0], 0, 0, 0).rc, 0);
        assert_int_equal(puppet_do(&m, PUPPET_POKE, ro.v[0], 7, 0, 0).rc,
                         -EPIPE);
        puppet_expect_crash(&m, "read-only");
    }
    assert_int_equal(puppet_do(&g, PUPPET_PEEK, page.v[0], 0, 0, 0).v[0], 0);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

/* It has requests waiting at every moment, and reads the replies. */
static void a_domain_that_never_stops_calling_is_destroyed(void **state)
{
    struct puppet a = start("a");

    (void)state;
    set_going(&a, PUPPET_SPIN, 64);
    usleep(50000);
    assert_true(puppet_info(&a).hypercalls > 100);
    assert_int_equal(puppet_destroy(&a), 0);
}

/* A mapper that holds on to a page of a destroyed domain keeps its number in
 * use, but nobody waiting at its console. */
static void a_console_ends_with_its_domain(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_do(&g, PUPPET_ALLOC, 1, 0, 0, 0);
    struct pollfd p = {.events = POLLIN};
    struct weir_hv_dominfo info;
    domid_t gid = g.domid;
    char byte;

    (void)state;
    puppet_do(&g, PUPPET_GRANT, 9, m.domid, page.v[1], 0);
    assert_int_equal(puppet_do(&m, PUPPET_MAP, gid, 9, 0, 0).rc, 0);
    assert_int_equal(weir_hvctl_console(world.ctl, gid, &p.fd), 0);
    assert_int_equal(puppet_destroy(&g), 0);
    assert_int_equal(weir_hvctl_info(world.ctl, gid, &info), 0);
    assert_int_equal(poll(&p, 1, 3000), 1);
    assert_int_equal(recv(p.fd, &byte, 1, 0), 0);
    close(p.fd);
    assert_int_equal(weir_hvctl_console(world.ctl, gid, &p.fd), -ENOENT);
    assert_int_equal(puppet_destroy(&m), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_write_mapping_takes_its_access_along,
                                  clear),
        cmocka_unit_test_teardown(
            a_domain_that_never_stops_calling_is_destroyed, clear),
        cmocka_unit_test_teardown(a_console_ends_with_its_domain, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

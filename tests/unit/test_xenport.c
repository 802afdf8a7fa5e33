/* SPDX-License-Identifier: MIT
 *
 * The xen port over made-up libraries (fake_xen.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <string.h>

#include "hypervisor/client/xen.h"
#include "ring/error.h"
#include "tests/unit/fake_xen.h"

#define PORTS 5u

static struct weir_xen *xen;
static struct weir_port *p;

static int setup(void **state)
{
    const struct weir_xen_config cfg = {
        .domid = 3, .ports = PORTS, .name = "test"};

    (void)state;
    fake_xen_reset();
    assert_int_equal(weir_xen_open(&cfg, &xen, NULL), 0);
    p = weir_xen_port(xen);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_xen_close(xen);
    assert_int_equal(fake_xen_handles(), 0);
    return 0;
}

static bool readable(evtchn_port_t port)
{
    struct pollfd f = {.fd = p->ops->evtchn_fd(p, port), .events = POLLIN};

    assert_in_range(f.fd, 0, 10000);
    return poll(&f, 1, 0) == 1;
}

static evtchn_port_t bound(void)
{
    evtchn_port_t port = 0;

    assert_int_equal(p->ops->evtchn_bind(p, FAKE_XEN_DOM, 1, &port), 0);
    assert_true(readable(port)); /* starts pending */
    p->ops->evtchn_clear(p, port);
    assert_false(readable(port));
    return port;
}

static void each_element_of_a_map_has_its_status(void **state)
{
    struct weir_map_op m[6] = {
        {.dom = FAKE_XEN_DOM, .ref = 2},
        {.dom = FAKE_XEN_DOM, .ref = 99},
        {.dom = FAKE_XEN_DOM, .ref = 3},
        {.dom = FAKE_XEN_DOM, .ref = 3, .readonly = true},
        {.dom = FAKE_XEN_DOM + 1, .ref = 2},
        {.dom = FAKE_XEN_DOM, .ref = 2},
    };
    struct weir_unmap_op u[3];

    (void)state;
    assert_int_equal(p->ops->map(p, m, 6), 0);
    assert_int_equal(m[0].status, 0);
    assert_int_equal(m[1].status, -WEIR_EINVAL);
    assert_int_equal(m[2].status, -WEIR_EINVAL);
    assert_int_equal(m[3].status, 0);
    assert_int_equal(m[4].status, -WEIR_EINVAL);
    assert_int_equal(m[5].status, 0);
    assert_int_equal(fake_xen_mapped(), 3);
    ((uint8_t *)m[0].addr)[5] = 0x5a;
    assert_int_equal(fake_xen_page(2)[5], 0x5a);
    assert_int_equal(((uint8_t *)m[5].addr)[5], 0x5a);
    /* One at a time: the others stay. */
    u[0] = (struct weir_unmap_op){.addr = m[0].addr, .handle = m[0].handle};
    assert_int_equal(p->ops->unmap(p, u, 1), 0);
    assert_int_equal(u[0].status, 0);
    assert_int_equal(((uint8_t *)m[5].addr)[5], 0x5a);
    u[0] = (struct weir_unmap_op){.addr = m[3].addr, .handle = m[3].handle};
    u[1] = (struct weir_unmap_op){.addr = m[5].addr, .handle = 1000};
    u[2] = (struct weir_unmap_op){.addr = m[5].addr, .handle = m[5].handle};
    assert_int_equal(p->ops->unmap(p, u, 3), 0);
    assert_int_equal(u[0].status, 0);
    assert_int_equal(u[1].status, -WEIR_EBADF);
    assert_int_equal(u[2].status, 0);
    assert_int_equal(fake_xen_mapped(), 0);
}

static struct weir_copy_op from(uint32_t ref, void *page, uint16_t len)
{
    return (struct weir_copy_op){
        .src = {.is_grant = true, .dom = FAKE_XEN_DOM, .ref = ref},
        .dst = {.page = page},
        .len = len,
        .status = -1,
    };
}

static void bad_copies_spoil_no_others(void **state)
{
    struct weir_copy_op op[5];
    void *page;
    uint8_t *own;

    (void)state;
    assert_int_equal(p->ops->alloc_pages(p, 2, &page), 0);
    own = page;
    memset(fake_xen_page(4), 0xa1, WEIR_PAGE_SIZE);
    op[0] = from(4, own, 100);
    op[1] = from(4, own + WEIR_PAGE_SIZE, 4000);
    op[1].src.offset = 97; /* one byte too far: the driver would refuse all */
    op[2] = from(77, own, 10);
    op[3] = (struct weir_copy_op){
        .src = {.page = own, .offset = 50},
        .dst = {.is_grant = true, .dom = FAKE_XEN_DOM, .ref = 6, .offset = 7},
        .len = 10,
        .status = -1};
    op[4] = op[3];
    op[4].dst.ref = 5; /* granted read-only */
    assert_int_equal(p->ops->copy(p, op, 5), 0);
    assert_int_equal(op[0].status, 0);
    assert_int_equal(op[1].status, -WEIR_ERANGE);
    assert_int_equal(op[2].status, -WEIR_EINVAL);
    assert_int_equal(op[3].status, 0);
    assert_int_equal(op[4].status, -WEIR_EPERM); /* as on other ports */
    assert_int_equal(own[99], 0xa1);
    assert_int_equal(own[100], 0);
    assert_int_equal(own[WEIR_PAGE_SIZE], 0);
    assert_int_equal(fake_xen_page(6)[6], 0);
    assert_int_equal(fake_xen_page(6)[7], 0xa1);
    assert_int_equal(fake_xen_page(6)[17], 0);
    assert_int_equal(fake_xen_copies(), 1);
    p->ops->free_pages(p, page, 2);
}

static void many_copies_take_few_calls(void **state)
{
    static struct weir_copy_op op[200];
    void *page;

    (void)state;
    assert_int_equal(p->ops->alloc_pages(p, 1, &page), 0);
    for (unsigned i = 0; i < 200; i++)
        op[i] = from(i % 8, page, 8);
    op[64].len = 5000;
    assert_int_equal(p->ops->copy(p, op, 200), 0);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(op[i].status, i == 64 ? -WEIR_ERANGE : 0);
    assert_in_range(fake_xen_copies(), 1, 4);
    p->ops->free_pages(p, page, 1);
}

static void an_event_wakes_its_port_alone(void **state)
{
    evtchn_port_t port[3];
    uint64_t pending;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        port[i] = bound();
    fake_xen_raise(port[1]);
    assert_false(readable(port[0]));
    assert_true(readable(port[1]));
    assert_false(readable(port[2]));
    assert_int_equal(p->ops->wait(p, port, 3, UINT64_MAX, &pending), 0);
    assert_int_equal(pending, 2);
    assert_int_equal(p->ops->wait(p, port, 3, 1000000, &pending), 0);
    assert_int_equal(pending, 0);
    fake_xen_raise(port[1]);
    fake_xen_raise(port[1]); /* masked now: once more after the unmask */
    p->ops->evtchn_clear(p, port[1]);
    assert_int_equal(p->ops->evtchn_notify(p, port[2]), 0);
    assert_int_equal(fake_xen_notified(port[2]), 1);
    assert_int_equal(fake_xen_notified(port[1]), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(p->ops->evtchn_close(p, port[i]), 0);
}

/* The window between the read and the unmask. */
static void an_event_while_masked_comes_afterwards(void **state)
{
    evtchn_port_t port = bound();
    uint64_t pending;

    (void)state;
    fake_xen_raise(port);
    fake_xen_raise(port);
    assert_int_equal(p->ops->wait(p, &port, 1, 0, &pending), 0);
    assert_int_equal(pending, 1);
    fake_xen_raise(port);
    assert_true(readable(port));
    assert_int_equal(p->ops->evtchn_close(p, port), 0);
}

static void a_closed_port_leaves_nothing_to_the_next(void **state)
{
    evtchn_port_t a = bound(), b;
    int fd = p->ops->evtchn_fd(p, a);

    (void)state;
    fake_xen_raise(a);
    assert_int_equal(p->ops->evtchn_close(p, a), 0);
    assert_int_equal(p->ops->evtchn_close(p, a), -WEIR_EINVAL);
    assert_int_equal(p->ops->evtchn_notify(p, a), -WEIR_EINVAL);
    assert_int_equal(p->ops->evtchn_fd(p, a), -WEIR_EINVAL);
    for (unsigned i = 0; i < 4 * PORTS; i++) {
        struct pollfd f = {.fd = fd, .events = POLLIN};

        assert_int_equal(poll(&f, 1, 0), 0);
        assert_int_equal(p->ops->evtchn_alloc(p, FAKE_XEN_DOM, &b), 0);
        assert_false(readable(b));
        fake_xen_raise(b);
        assert_int_equal(p->ops->evtchn_close(p, b), 0);
    }
}

/* Numbers that fall into one place, and more ports than handles. */
static void ports_are_found_whatever_their_numbers(void **state)
{
    evtchn_port_t port[PORTS], more;

    (void)state;
    for (unsigned i = 0; i < PORTS; i++) {
        fake_xen_next_port(3 + i * PORTS);
        port[i] = bound();
    }
    assert_int_equal(p->ops->evtchn_bind(p, FAKE_XEN_DOM, 1, &more),
                     -WEIR_ENOSPC);
    for (unsigned i = 0; i < PORTS; i++)
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(p->ops->evtchn_fd(p, port[i]),
                                 p->ops->evtchn_fd(p, port[j]));
    for (unsigned i = 0; i < PORTS; i++) {
        assert_int_equal(p->ops->evtchn_notify(p, port[i]), 0);
        assert_int_equal(fake_xen_notified(port[i]), 1);
        fake_xen_raise(port[i]);
        assert_true(readable(port[i]));
    }
    assert_int_equal(p->ops->evtchn_close(p, port[2]), 0);
    assert_int_equal(p->ops->evtchn_bind(p, 9, 1, &more), -WEIR_EINVAL);
    more = bound();
    for (unsigned i = 0; i < PORTS; i++)
        if (i != 2)
            assert_true(readable(port[i]));
    assert_false(readable(more));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_element_of_a_map_has_its_status),
        TEST(bad_copies_spoil_no_others),
        TEST(many_copies_take_few_calls),
        TEST(an_event_wakes_its_port_alone),
        TEST(an_event_while_masked_comes_afterwards),
        TEST(a_closed_port_leaves_nothing_to_the_next),
        TEST(ports_are_found_whatever_their_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

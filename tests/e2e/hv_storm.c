/* SPDX-License-Identifier: MIT
 *
 * Mappers map and unmap at full speed while their neighbours and granters are
 * killed and destroyed under them; in the end nothing is left over.
 */
#include "tests/e2e/hv_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS  24
#define MAPPERS 3
#define PAGES   64

static struct hv_world world;

static void send_order(struct puppet *p, const struct puppet_order *o)
{
    assert_int_equal(send(p->fd, o, sizeof(*o), MSG_NOSIGNAL), sizeof(*o));
}

/* Not one frame, port or mapping may be left. */
static void expect_empty(void)
{
    struct weir_hv_machine m;

    for (int i = 0; i < 500; i++) {
        assert_int_equal(weir_hvctl_machine(world.ctl, &m), 0);
        if (m.domains == 0)
            break;
        usleep(10000);
    }
    assert_int_equal(m.domains, 0);
    assert_int_equal(m.frames_used, 0);
}

static void one_storm(unsigned round)
{
    static const char *const names[] = {"m0", "m1", "m2"};
    struct puppet g, m[MAPPERS];
    struct puppet_answer pages;

    g = puppet_start(&world, (struct weir_hv_create){.name = "g"});
    pages = puppet_do(&g, PUPPET_ALLOC, PAGES, 0, 0, 0);
    assert_int_equal(pages.rc, 0);
    for (unsigned i = 0; i < MAPPERS; i++) {
        struct puppet_order o = {.op = PUPPET_TIME,
                                 .a = g.domid,
                                 .b = 8 + i * PAGES,
                                 .c = PAGES,
                                 .d = 1000000};

        m[i] = puppet_start(&world, (struct weir_hv_create){.name = names[i]});
        for (unsigned k = 0; k < PAGES; k++)
            puppet_do(&g, PUPPET_GRANT, 8 + i * PAGES + k, m[i].domid,
                      pages.v[1] + k, 0);
        send_order(&m[i], &o);
    }
    usleep(3000 + round * 1777);
    kill(m[round % MAPPERS].pid, SIGKILL);
    if (round & 1) /* the granter gives its pages back under them */
        puppet_do(&g, PUPPET_FREE, pages.v[0], PAGES, 0, 0);
    assert_int_equal(puppet_destroy(&g), 0);
    for (unsigned i = 0; i < MAPPERS; i++)
        assert_int_equal(puppet_destroy(&m[i]), 0);
    expect_empty();
}

static void nothing_is_left_after_a_storm(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++)
        one_storm(i);
}

static int setup(void **state)
{
    (void)state;
    hv_world_start(&world, "128M");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hv_world_stop(&world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_after_a_storm)};

    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: MIT
 *
 * What weir-hv adds to an outage: from SIGKILL of a driver domain that maps
 * 4,000 grants and kept 64 pages until its new program's socket is there, in
 * ms; median of 21.
 */
#include "tests/e2e/hv_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRANTS 4000
#define BATCH  1000
#define ROUNDS 21

static double ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void await(struct weir_hvctl *events, domid_t domid,
                  enum weir_dom_state state, uint32_t generation)
{
    struct weir_hv_dominfo info;

    do
        assert_int_equal(weir_hvctl_next_event(events, &info), 0);
    while (info.domid != domid || info.state != state ||
           info.generation != generation);
}

static void grant_all(struct puppet *front, struct puppet *driver)
{
    struct puppet_answer pages =
        puppet_do(front, PUPPET_ALLOC, GRANTS, 0, 0, 0);
    uint64_t entries = 0;

    assert_int_equal(pages.rc, 0);
    while (entries < GRANTS + 100) {
        struct puppet_answer r = puppet_do(front, PUPPET_GROW, 0, 0, 0, 0);

        assert_int_equal(r.rc, 0);
        entries = r.v[0];
    }
    for (unsigned i = 0; i < GRANTS; i++)
        puppet_do(front, PUPPET_GRANT, 100 + i, driver->domid, pages.v[1] + i,
                  0);
}

static double one_death(struct weir_hvctl *events, struct puppet *driver,
                        domid_t front, uint32_t generation)
{
    double start, end;
    int fd;

    assert_int_equal(puppet_do(driver, PUPPET_KEEP, 1, 64, 0, 0).rc, 0);
    for (unsigned i = 0; i < GRANTS; i += BATCH)
        assert_int_equal(
            puppet_do(driver, PUPPET_MAPS, front, 100 + i, BATCH, 0).v[0], 0);
    start = ms();
    kill(driver->pid, SIGKILL);
    await(events, driver->domid, WEIR_DOM_CRASHED, generation);
    assert_int_equal(weir_hvctl_revive(driver->world->ctl, driver->domid, &fd),
                     0);
    end = ms();
    /* That program never comes; the next one does. */
    close(fd);
    await(events, driver->domid, WEIR_DOM_CRASHED, generation + 1);
    close(driver->fd);
    waitpid(driver->pid, NULL, 0);
    assert_int_equal(puppet_revive(driver), 0);
    return end - start;
}

static void hv_revive(void **state)
{
    struct weir_hvctl *events;
    struct puppet front, driver;
    struct hv_world w;
    double took[ROUNDS];

    (void)state;
    hv_world_start(&w, "1G");
    assert_int_equal(weir_hvctl_open(w.socket, &events), 0);
    assert_int_equal(weir_hvctl_subscribe(events), 0);
    front = puppet_start(
        &w, (struct weir_hv_create){.name = "front", .max_frames = 8192});
    driver = puppet_start(&w, (struct weir_hv_create){.name = "driver"});
    grant_all(&front, &driver);
    for (uint32_t i = 0; i < ROUNDS; i++)
        took[i] = one_death(events, &driver, front.domid, i * 2);
    qsort(took, ROUNDS, sizeof(took[0]), by_size);
    printf("{\"name\":\"hv_revive\",\"unit\":\"ms\",\"higher_is_better\":false,"
           "\"weir\":%.2f,\"peer_name\":null,\"peer\":null}\n",
           took[ROUNDS / 2]);
    weir_hvctl_close(events);
    assert_int_equal(puppet_destroy(&driver), 0);
    assert_int_equal(puppet_destroy(&front), 0);
    hv_world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hv_revive)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

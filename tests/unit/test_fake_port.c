/* SPDX-License-Identifier: MIT
 *
 * The fake machine itself: what it refuses, and that its leak check finds
 * leaks.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <poll.h>

#include "ring/error.h"
#include "ring/grant.h"
#include "tests/unit/fake_port.h"

struct fixture {
    struct weir_fake_machine *m;
    struct weir_port *a, *b;
    struct weir_gnttab gt;
    void *page;
    grant_ref_t ref;
};

static int setup(void **state)
{
    static struct fixture f;

    f.m = weir_fake_machine_new(1024);
    f.a = weir_fake_domain_add(f.m, 1, 32);
    f.b = weir_fake_domain_add(f.m, 2, 32);
    assert_int_equal(weir_gnttab_init(&f.gt, f.a), 0);
    assert_int_equal(f.a->ops->alloc_pages(f.a, 1, &f.page), 0);
    assert_int_equal(weir_gnttab_grant(&f.gt, 2, f.page, false, &f.ref), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(weir_gnttab_end(&f->gt, f->ref), 0);
    assert_int_equal(weir_gnttab_fini(&f->gt), 0);
    f->a->ops->free_pages(f->a, f->page, 1);
    assert_int_equal(weir_fake_machine_free(f->m), 0);
    return 0;
}

static struct weir_map_op map(struct fixture *f, bool readonly)
{
    struct weir_map_op op = {.dom = 1, .ref = f->ref, .readonly = readonly};

    assert_int_equal(f->b->ops->map(f->b, &op, 1), 0);
    return op;
}

static int unmap(struct fixture *f, const struct weir_map_op *op)
{
    struct weir_unmap_op u = {.addr = op->addr, .handle = op->handle};

    assert_int_equal(f->b->ops->unmap(f->b, &u, 1), 0);
    return u.status;
}

/* Does writing to p kill the process? */
static bool write_faults(volatile char *p)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        *p = 1;
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void the_mapping_ends_with_unmap(void **state)
{
    struct fixture *f = *state;
    struct weir_map_op op = map(f, false);

    assert_int_equal(op.status, 0);
    assert_false(write_faults(op.addr));
    assert_int_equal(unmap(f, &op), 0);
    assert_true(write_faults(op.addr));
    assert_int_not_equal(unmap(f, &op), 0);
}

static void a_read_only_mapping_faults_on_write(void **state)
{
    struct fixture *f = *state;
    struct weir_map_op op = map(f, true);

    strcpy(f->page, "seen");
    assert_string_equal(op.addr, "seen");
    assert_true(write_faults(op.addr));
    assert_int_equal(unmap(f, &op), 0);
}

static void wrong_domains_and_references_are_refused(void **state)
{
    struct fixture *f = *state;
    struct weir_port *c = weir_fake_domain_add(f->m, 3, 0);
    struct weir_map_op op[4] = {
        {.dom = 1, .ref = f->ref + 1},
        {.dom = 1, .ref = 100000},
        {.dom = 77, .ref = f->ref},
        {.dom = 1, .ref = f->ref},
    };

    assert_int_equal(f->b->ops->map(f->b, op, 3), 0);
    for (int i = 0; i < 3; i++)
        assert_true(op[i].status < 0);
    assert_int_equal(c->ops->map(c, &op[3], 1), 0);
    assert_true(op[3].status < 0);
}

static void copies_obey_grants_and_page_ends(void **state)
{
    struct fixture *f = *state;
    void *own;
    struct weir_copy_op op;

    assert_int_equal(f->b->ops->alloc_pages(f->b, 1, &own), 0);
    strcpy((char *)f->page + 4000, "payload");
    op = (struct weir_copy_op){
        .src = {.is_grant = true, .dom = 1, .ref = f->ref, .offset = 4000},
        .dst = {.page = own, .offset = 8},
        .len = 8};
    assert_int_equal(f->b->ops->copy(f->b, &op, 1), 0);
    assert_int_equal(op.status, 0);
    assert_string_equal((char *)own + 8, "payload");
    op.len = 97;
    f->b->ops->copy(f->b, &op, 1);
    assert_true(op.status < 0);
    op.len = 8;
    op.src.ref++;
    f->b->ops->copy(f->b, &op, 1);
    assert_true(op.status < 0);
    /* The grant was in use only during the copy. */
    assert_false(weir_gnttab_in_use(&f->gt, f->ref));
    f->b->ops->free_pages(f->b, own, 1);
}

static void injected_faults_strike_once_at_their_turn(void **state)
{
    struct fixture *f = *state;
    struct weir_map_op op;
    void *page;

    weir_fake_fail(f->b, WEIR_FAKE_MAP, 1, 1, WEIR_ENOSPC);
    op = map(f, false);
    assert_int_equal(op.status, 0);
    assert_int_equal(map(f, false).status, -WEIR_ENOSPC);
    assert_int_equal(unmap(f, &op), 0);
    op = map(f, false);
    assert_int_equal(op.status, 0);
    assert_int_equal(unmap(f, &op), 0);
    assert_int_equal(weir_fake_calls(f->b, WEIR_FAKE_MAP), 3);
    weir_fake_fail(f->b, WEIR_FAKE_ALLOC, 0, 1, WEIR_ENOMEM);
    assert_int_equal(f->b->ops->alloc_pages(f->b, 1, &page), -WEIR_ENOMEM);
    assert_int_equal(f->b->ops->alloc_pages(f->b, 33, &page), -WEIR_ENOMEM);
}

static bool is_pending(struct weir_port *p, evtchn_port_t port)
{
    uint64_t pending;

    assert_int_equal(p->ops->wait(p, &port, 1, 0, &pending), 0);
    return pending == 1;
}

static void event_channels_follow_the_abi(void **state)
{
    struct fixture *f = *state;
    struct weir_port *a = f->a, *b = f->b;
    evtchn_port_t pa, pb, again;
    struct pollfd fd = {.events = POLLIN};

    assert_int_equal(a->ops->evtchn_alloc(a, 2, &pa), 0);
    assert_true(a->ops->evtchn_bind(a, 1, pa, &pb) < 0); /* not for us */
    assert_int_equal(b->ops->evtchn_bind(b, 1, pa, &pb), 0);
    assert_true(b->ops->evtchn_bind(b, 1, pa, &again) < 0);
    assert_true(is_pending(b, pb)); /* starts pending */
    assert_false(is_pending(b, pb));
    b->ops->evtchn_notify(b, pb);
    b->ops->evtchn_notify(b, pb);
    fd.fd = a->ops->evtchn_fd(a, pa);
    assert_int_equal(poll(&fd, 1, 0), 1);
    a->ops->evtchn_clear(a, pa);
    assert_int_equal(poll(&fd, 1, 0), 0);
    /* The peer goes: the port is reserved for it again. */
    assert_int_equal(b->ops->evtchn_close(b, pb), 0);
    assert_int_equal(a->ops->evtchn_notify(a, pa), 0);
    assert_int_equal(b->ops->evtchn_bind(b, 1, pa, &pb), 0);
    assert_int_equal(a->ops->evtchn_close(a, pa), 0);
    assert_true(a->ops->evtchn_notify(a, pa) < 0);
    assert_int_equal(b->ops->evtchn_close(b, pb), 0);
}

static void a_dead_domain_releases_what_it_used(void **state)
{
    struct fixture *f = *state;
    struct weir_port *c = weir_fake_domain_add(f->m, 3, 0);
    struct weir_map_op mine = map(f, false), op;
    struct weir_gnttab gt;
    void *page;

    assert_int_equal(weir_gnttab_init(&gt, c), 0);
    assert_int_equal(c->ops->alloc_pages(c, 1, &page), 0);
    op = (struct weir_map_op){.dom = 3};
    assert_int_equal(weir_gnttab_grant(&gt, 2, page, false, &op.ref), 0);
    assert_int_equal(f->b->ops->map(f->b, &op, 1), 0);
    assert_int_equal(op.status, 0);
    strcpy(page, "outlives its owner");
    weir_fake_domain_destroy(c);
    assert_string_equal(op.addr, "outlives its owner");
    assert_int_equal(unmap(f, &op), 0);
    assert_int_equal(unmap(f, &mine), 0);
    c = weir_fake_domain_add(f->m, 3, 0);
    assert_non_null(c);
}

static void the_store_pair_can_be_connected(void **state)
{
    struct fixture *f = *state;
    struct weir_map_op op = {.dom = 1, .ref = WEIR_GNTTAB_RESERVED_XENSTORE};
    evtchn_port_t port, local;
    mfn_t frame;

    assert_int_equal(weir_fake_store_pair(f->a, f->b, &frame, &port), 0);
    assert_int_equal(f->b->ops->map(f->b, &op, 1), 0);
    assert_int_equal(op.status, 0);
    assert_int_equal(f->b->ops->evtchn_bind(f->b, 1, port, &local), 0);
    strcpy(op.addr, "store");
    assert_string_equal(f->a->start.store_page, "store");
    assert_int_equal(unmap(f, &op), 0);
    assert_int_equal(f->b->ops->evtchn_close(f->b, local), 0);
    weir_fake_store_unpair(f->a);
}

static void leaks_and_wrong_frees_are_found(void **state)
{
    struct weir_fake_machine *m = weir_fake_machine_new(512);
    struct weir_port *a = weir_fake_domain_add(m, 1, 0);
    evtchn_port_t port;
    void *page;

    (void)state;
    assert_int_equal(weir_fake_leaks(m), 0);
    assert_int_equal(a->ops->alloc_pages(a, 2, &page), 0);
    assert_int_equal(a->ops->evtchn_alloc(a, 2, &port), 0);
    assert_int_equal(weir_fake_leaks(m), 3);
    a->ops->free_pages(a, page, 2);
    assert_int_equal(a->ops->evtchn_close(a, port), 0);
    assert_int_equal(weir_fake_leaks(m), 0);
    a->ops->free_pages(a, page, 1);
    assert_int_equal(weir_fake_machine_free(m), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_mapping_ends_with_unmap),
        TEST(a_read_only_mapping_faults_on_write),
        TEST(wrong_domains_and_references_are_refused),
        TEST(copies_obey_grants_and_page_ends),
        TEST(injected_faults_strike_once_at_their_turn),
        TEST(event_channels_follow_the_abi),
        TEST(a_dead_domain_releases_what_it_used),
        TEST(the_store_pair_can_be_connected),
        cmocka_unit_test(leaks_and_wrong_frees_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

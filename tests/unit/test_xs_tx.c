/* SPDX-License-Identifier: MIT
 *
 * Transactions: isolation, conflicts, what is told and charged at the end.
 */
#include "tests/unit/xs_rig.h"
#include "xenbus/store_int.h"

static weir_xs_tx start(struct weir_xs *xs)
{
    weir_xs_tx tx = 0;

    assert_int_equal(weir_xs_transaction_start(xs, &tx), 0);
    assert_true(tx != 0);
    return tx;
}

static int end(struct weir_xs *xs, weir_xs_tx tx)
{
    return weir_xs_transaction_end(xs, tx, true);
}

static void changes_are_seen_after_the_end_only(void **state)
{
    struct rig *r = *state;
    weir_xs_tx tx = start(&r->dom0);
    char buf[16];

    watch(&r->dom0, "/a", "t");
    SET(&r->dom0, tx, "/a/b", "new");
    assert_value(&r->dom0, tx, "/a/b", "new");
    assert_int_equal(weir_xs_read(&r->dom0, 0, "/a/b", buf, 16), -WEIR_ENOENT);
    assert_no_event(&r->dom0);
    assert_int_equal(end(&r->dom0, tx), 0);
    assert_value(&r->dom0, 0, "/a/b", "new");
    assert_event(&r->dom0, "/a/b", "t");
    assert_no_event(&r->dom0);
    assert_int_equal(end(&r->dom0, tx), -WEIR_ENOENT);
}

static void an_abandoned_one_leaves_no_trace(void **state)
{
    struct rig *r = *state;
    weir_xs_tx tx = start(&r->d3);
    char buf[16];

    SET(&r->d3, tx, "x/y", "1");
    weir_xs_rm(&r->d3, tx, "x");
    assert_int_equal(weir_xs_transaction_end(&r->d3, tx, false), 0);
    assert_int_equal(weir_xs_read(&r->d3, 0, "x", buf, 16), -WEIR_ENOENT);
}

static void reads_are_of_one_moment(void **state)
{
    struct rig *r = *state;
    weir_xs_tx tx;

    SET(&r->dom0, 0, "/a", "1");
    SET(&r->dom0, 0, "/b", "1");
    tx = start(&r->dom0);
    SET(&r->dom0, 0, "/a", "2");
    SET(&r->dom0, 0, "/b", "2");
    assert_value(&r->dom0, tx, "/a", "1");
    assert_value(&r->dom0, tx, "/b", "1");
    assert_int_equal(end(&r->dom0, tx), -WEIR_EAGAIN);
}

/* What is done in the transaction, what is done meanwhile, who wins. */
enum act { READ, WRITE, LIST, RM, MKDIR, PERMS, NOTHING };

static void act(struct weir_xs *xs, weir_xs_tx tx, enum act a, const char *path)
{
    char buf[64];

    switch (a) {
    case READ:
        weir_xs_read(xs, tx, path, buf, sizeof(buf));
        break;
    case WRITE:
        assert_int_equal(SET(xs, tx, path, "new"), 0);
        break;
    case LIST:
        weir_xs_ls(xs, tx, path, buf, sizeof(buf));
        break;
    case RM:
        assert_int_equal(weir_xs_rm(xs, tx, path), 0);
        break;
    case MKDIR:
        assert_int_equal(weir_xs_mkdir(xs, tx, path), 0);
        break;
    case PERMS:
        assert_int_equal(weir_xs_set_perms(xs, tx, path, "n0\0r4", 6), 0);
        break;
    case NOTHING:
        break;
    }
}

static const struct {
    enum act in;
    const char *in_path;
    enum act out;
    const char *out_path;
    bool conflict;
} cases[] = {
    {READ, "/t/a", WRITE, "/t/a", true},
    {READ, "/t/a", PERMS, "/t/a", true},
    {READ, "/t/a", RM, "/t/a", true},
    {READ, "/t/a", WRITE, "/t/b", false},
    {READ, "/t/a", WRITE, "/t/a/child", false},
    {READ, "/t/none", WRITE, "/t/none", true},
    {READ, "/t/none", WRITE, "/t/other", false},
    {LIST, "/t", WRITE, "/t/new", true},
    {LIST, "/t", RM, "/t/b", true},
    {LIST, "/t", WRITE, "/t/b", false},
    {WRITE, "/t/a", WRITE, "/t/a", true},
    {WRITE, "/t/a", RM, "/t", true},
    {WRITE, "/t/n1", WRITE, "/t/n2", false},
    {WRITE, "/t/n1", WRITE, "/t/n1", true},
    {MKDIR, "/t/n1/x", MKDIR, "/t/n1", true},
    {MKDIR, "/t/n1/x", MKDIR, "/t/n2/x", false},
    {RM, "/t/a", WRITE, "/t/a", true},
    {RM, "/t", WRITE, "/t/b/deep", true},
    {RM, "/t/a", WRITE, "/t/b", false},
    {PERMS, "/t/a", WRITE, "/t/a", true},
    {NOTHING, NULL, WRITE, "/t/a", false},
};

static void conflicts_are_real_ones(void **state)
{
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_xs_tx tx;
        int rc;

        weir_xs_rm(&r->dom0, 0, "/t");
        SET(&r->dom0, 0, "/t/a", "old");
        SET(&r->dom0, 0, "/t/b", "old");
        tx = start(&r->dom0);
        act(&r->dom0, tx, cases[i].in, cases[i].in_path);
        SET(&r->dom0, tx, "/outcome", "won");
        act(&r->dom0, 0, cases[i].out, cases[i].out_path);
        rc = end(&r->dom0, tx);
        if (rc != (cases[i].conflict ? -WEIR_EAGAIN : 0))
            fail_msg("case %zu (%s, %s): %d", i, cases[i].in_path,
                     cases[i].out_path, rc);
        rig_check(r);
    }
}

static void two_that_do_not_meet_both_count(void **state)
{
    struct rig *r = *state;
    weir_xs_tx a, b;

    SET(&r->dom0, 0, "/t", "");
    a = start(&r->dom0);
    b = start(&r->dom0);
    assert_true(a != b);
    SET(&r->dom0, a, "/t/a/x", "1");
    SET(&r->dom0, b, "/t/b/x", "2");
    weir_xs_set_perms(&r->dom0, b, "/t/b/x", "n3", 3);
    assert_int_equal(end(&r->dom0, a), 0);
    assert_int_equal(end(&r->dom0, b), 0);
    assert_value(&r->dom0, 0, "/t/a/x", "1");
    assert_value(&r->d3, 0, "/t/b/x", "2");
}

static void removed_and_made_again(void **state)
{
    struct rig *r = *state;
    weir_xs_tx tx;
    char buf[16];

    SET(&r->dom0, 0, "/t/a/old", "1");
    SET(&r->dom0, 0, "/other", "1");
    tx = start(&r->dom0);
    weir_xs_rm(&r->dom0, tx, "/t/a");
    SET(&r->dom0, tx, "/t/a/fresh", "1");
    SET(&r->dom0, 0, "/other", "2"); /* commit has to merge */
    watch(&r->dom0, "/t/a/old", "w");
    assert_int_equal(end(&r->dom0, tx), 0);
    assert_event(&r->dom0, "/t/a/old", "w");
    assert_int_equal(weir_xs_read(&r->dom0, 0, "/t/a/old", buf, 16),
                     -WEIR_ENOENT);
    assert_value(&r->dom0, 0, "/t/a/fresh", "1");
    assert_value(&r->dom0, 0, "/other", "2");
}

static void ids_belong_to_their_connection(void **state)
{
    struct rig *r = *state;
    weir_xs_tx tx = start(&r->d3);
    char buf[16];

    assert_int_equal(weir_xs_read(&r->d4, tx, "x", buf, 16), -WEIR_ENOENT);
    assert_int_equal(end(&r->d4, tx), -WEIR_ENOENT);
    assert_int_equal(ask(&r->d3, WEIR_XS_TRANSACTION_START, tx, "", 1, NULL),
                     -WEIR_EBUSY);
    assert_int_equal(end(&r->d3, 0), -WEIR_ENOENT);
    assert_int_equal(end(&r->d3, tx), 0);
}

/* An open transaction pins the tree of its start; not without end. */
static void old_transactions_do_not_pin_memory(void **state)
{
    static char big[4000];
    struct rig *r = *state;
    const struct weir_store *s = weir_fake_store_core(r->f);
    size_t most = 0;
    weir_xs_tx t[10];
    char path[40];

    memset(big, 'x', sizeof(big));
    for (int k = 0; k < 10; k++) {
        t[k] = start(&r->d3); /* left open, pins /churn as it is */
        for (int i = 0; i < 2000; i++) {
            snprintf(path, sizeof(path), "/churn/%d", i);
            assert_int_equal(weir_xs_write(&r->dom0, 0, path, big, sizeof(big)),
                             0);
            if (s->node_bytes > most)
                most = s->node_bytes;
        }
    }
    /* ten versions would be 80 MB: 8 MB live, at most 32 MiB old */
    assert_in_range(most, 30 << 20, 45 << 20);
    assert_int_equal(SET(&r->d3, t[0], "x", "1"), -WEIR_EAGAIN);
    assert_int_equal(end(&r->d3, t[0]), -WEIR_EAGAIN);
    assert_int_equal(SET(&r->d3, t[9], "x", "1"), 0);
    assert_int_equal(end(&r->d3, t[9]), 0);
    rig_check(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_are_seen_after_the_end_only),
        TEST(an_abandoned_one_leaves_no_trace),
        TEST(reads_are_of_one_moment),
        TEST(conflicts_are_real_ones),
        TEST(two_that_do_not_meet_both_count),
        TEST(removed_and_made_again),
        TEST(ids_belong_to_their_connection),
        TEST(old_transactions_do_not_pin_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

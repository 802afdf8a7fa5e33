/* SPDX-License-Identifier: MIT
 *
 * The registry's answer to each message type: nodes, permissions, domains,
 * features.
 */
#include "tests/unit/xs_rig.h"

static void write_makes_parents_and_read_gives_bytes(void **state)
{
    struct rig *r = *state;
    char buf[64];

    assert_int_equal(weir_xs_write(&r->dom0, 0, "/a/b/c", "x\0y", 3), 0);
    assert_int_equal(weir_xs_read(&r->dom0, 0, "/a/b/c", buf, 64), 3);
    assert_memory_equal(buf, "x\0y", 4);
    assert_value(&r->dom0, 0, "/a/b", "");
    assert_int_equal(weir_xs_write(&r->dom0, 0, "/a", "", 0), 0);
    assert_value(&r->dom0, 0, "/a", "");
    assert_int_equal(weir_xs_read(&r->dom0, 0, "/none", buf, 64), -WEIR_ENOENT);
    assert_int_equal(weir_xs_read(&r->dom0, 0, "/a/b/c", buf, 3), -WEIR_E2BIG);
}

static void relative_paths_start_at_home(void **state)
{
    struct rig *r = *state;

    assert_int_equal(SET(&r->d3, 0, "x/y", "1"), 0);
    assert_value(&r->dom0, 0, "/local/domain/3/x/y", "1");
    assert_value(&r->d3, 0, "/local/domain/3/x/y", "1");
}

static void mkdir_and_rm(void **state)
{
    struct rig *r = *state;

    SET(&r->dom0, 0, "/a", "keep");
    assert_int_equal(weir_xs_mkdir(&r->dom0, 0, "/a"), 0);
    assert_value(&r->dom0, 0, "/a", "keep");
    assert_int_equal(weir_xs_mkdir(&r->dom0, 0, "/a/b/c"), 0);
    assert_value(&r->dom0, 0, "/a/b/c", "");
    assert_int_equal(weir_xs_rm(&r->dom0, 0, "/a/none"), 0);
    assert_int_equal(weir_xs_rm(&r->dom0, 0, "/no/ne"), -WEIR_ENOENT);
    assert_int_equal(weir_xs_rm(&r->dom0, 0, "/"), -WEIR_EINVAL);
    assert_int_equal(weir_xs_rm(&r->dom0, 0, "/a"), 0);
    assert_int_equal(weir_xs_rm(&r->dom0, 0, "/a/b"), -WEIR_ENOENT);
}

static void directory_and_its_parts(void **state)
{
    struct rig *r = *state;
    static char list[16384];
    char path[32];
    int n;

    SET(&r->dom0, 0, "/d/b", "");
    SET(&r->dom0, 0, "/d/a", "");
    n = weir_xs_ls(&r->dom0, 0, "/d", list, sizeof(list));
    assert_int_equal(n, 4);
    assert_memory_equal(list, "a\0b", 4);
    assert_int_equal(weir_xs_ls(&r->dom0, 0, "/d/a", list, 10), 0);
    for (int i = 0; i < 1000; i++) { /* 9 bytes each: three messages */
        snprintf(path, sizeof(path), "/big/node%04d", i);
        assert_int_equal(SET(&r->dom0, 0, path, ""), 0);
    }
    assert_int_equal(ASK(&r->dom0, WEIR_XS_DIRECTORY, "/big"), -WEIR_E2BIG);
    n = weir_xs_ls(&r->dom0, 0, "/big", list, sizeof(list));
    assert_int_equal(n, 9000);
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof(path), "node%04d", i);
        assert_string_equal(list + 9 * i, path);
    }
    assert_int_equal(weir_xs_ls(&r->dom0, 0, "/big", list, 8999), -WEIR_E2BIG);
}

static void directory_part_on_the_wire(void **state)
{
    struct rig *r = *state;
    const char *reply;
    char gen[32];
    int n;

    SET(&r->dom0, 0, "/d/a", "");
    SET(&r->dom0, 0, "/d/b", "");
    n = ask(&r->dom0, WEIR_XS_DIRECTORY_PART, 0,
            "/d\0"
            "0",
            5, &reply);
    strcpy(gen, reply);
    assert_int_equal(n, strlen(gen) + 1 + 5);
    assert_memory_equal(reply + strlen(gen) + 1, "a\0b\0", 5);
    n = ask(&r->dom0, WEIR_XS_DIRECTORY_PART, 0,
            "/d\0"
            "2",
            5, &reply);
    assert_memory_equal(reply + strlen(gen) + 1, "b\0", 3);
    n = ask(&r->dom0, WEIR_XS_DIRECTORY_PART, 0,
            "/d\0"
            "99",
            6, &reply);
    assert_int_equal(n, strlen(gen) + 2);
    SET(&r->dom0, 0, "/d/a", "new value, same list");
    ask(&r->dom0, WEIR_XS_DIRECTORY_PART, 0,
        "/d\0"
        "0",
        5, &reply);
    assert_string_equal(reply, gen);
    weir_xs_rm(&r->dom0, 0, "/d/b");
    ask(&r->dom0, WEIR_XS_DIRECTORY_PART, 0,
        "/d\0"
        "0",
        5, &reply);
    assert_string_not_equal(reply, gen);
}

static void permissions_decide(void **state)
{
    struct rig *r = *state;
    char buf[64];

    SET(&r->dom0, 0, "/p/x", "v");
    assert_int_equal(weir_xs_read(&r->d3, 0, "/p/x", buf, 64), -WEIR_EACCES);
    assert_int_equal(weir_xs_read(&r->d3, 0, "/p/no", buf, 64), -WEIR_EACCES);
    perms(r, "/p/x", "n0\0r3\0w4", 9);
    assert_value(&r->d3, 0, "/p/x", "v");
    assert_int_equal(SET(&r->d3, 0, "/p/x", "w"), -WEIR_EACCES);
    assert_int_equal(weir_xs_read(&r->d4, 0, "/p/x", buf, 64), -WEIR_EACCES);
    assert_int_equal(SET(&r->d4, 0, "/p/x", "w"), 0);
    perms(r, "/p/x", "b0", 3); /* everybody */
    assert_int_equal(SET(&r->d3, 0, "/p/x", "z"), 0);
    perms(r, "/p", "r0", 3);
    assert_int_equal(weir_xs_read(&r->d3, 0, "/p/no", buf, 64), -WEIR_ENOENT);
    assert_int_equal(weir_xs_rm(&r->d3, 0, "/p"), -WEIR_EACCES);
}

static void only_the_owner_sets_permissions(void **state)
{
    struct rig *r = *state;
    char buf[64];
    int n;

    SET(&r->d3, 0, "mine", "v");
    n = weir_xs_get_perms(&r->d3, 0, "mine", buf, sizeof(buf));
    assert_int_equal(n, 3);
    assert_string_equal(buf, "n3");
    assert_int_equal(weir_xs_set_perms(&r->d3, 0, "mine", "n3\0r4", 6), 0);
    assert_value(&r->d4, 0, "/local/domain/3/mine", "v");
    assert_int_equal(weir_xs_set_perms(&r->d3, 0, "mine", "n4", 3),
                     -WEIR_EPERM);
    assert_int_equal(
        weir_xs_set_perms(&r->d4, 0, "/local/domain/3/mine", "n4", 3),
        -WEIR_EACCES);
    assert_int_equal(perms(r, "/local/domain/3/mine", "q3", 3), -WEIR_EINVAL);
    assert_int_equal(perms(r, "/local/domain/3/mine", "n40000", 7),
                     -WEIR_EINVAL);
    assert_int_equal(perms(r, "/local/domain/3/mine", "n4\0b3", 6), 0);
    assert_int_equal(weir_xs_set_perms(&r->d3, 0, "mine", "n4\0b3", 6),
                     -WEIR_EACCES);
}

static void children_inherit_and_the_creator_owns(void **state)
{
    struct rig *r = *state;
    char buf[64];

    SET(&r->dom0, 0, "/shared", "");
    perms(r, "/shared", "n0\0b3\0r4", 9);
    assert_int_equal(SET(&r->d3, 0, "/shared/by3/x", "v"), 0);
    weir_xs_get_perms(&r->d3, 0, "/shared/by3", buf, sizeof(buf));
    assert_memory_equal(buf, "n3\0b3\0r4", 9);
    assert_value(&r->d4, 0, "/shared/by3/x", "v");
    SET(&r->dom0, 0, "/shared/by0", "v");
    weir_xs_get_perms(&r->dom0, 0, "/shared/by0", buf, sizeof(buf));
    assert_memory_equal(buf, "n0\0b3\0r4", 9);
}

static void a_target_lends_its_rights(void **state)
{
    struct rig *r = *state;
    char buf[64];

    SET(&r->d4, 0, "secret", "v");
    assert_int_equal(weir_xs_read(&r->d3, 0, "/local/domain/4/secret", buf, 64),
                     -WEIR_EACCES);
    assert_int_equal(ASK(&r->dom0, WEIR_XS_SET_TARGET,
                         "3\0"
                         "4"),
                     3);
    assert_value(&r->d3, 0, "/local/domain/4/secret", "v");
    assert_int_equal(SET(&r->d3, 0, "/local/domain/4/secret", "w"), 0);
    assert_int_equal(weir_xs_read(&r->d4, 0, "/local/domain/3/none", buf, 64),
                     -WEIR_EACCES);
    assert_int_equal(ASK(&r->dom0, WEIR_XS_SET_TARGET,
                         "3\0"
                         "9"),
                     -WEIR_ENOENT);
    weir_fake_store_release(r->f, 4);
    SET(&r->dom0, 0, "/local/domain/4/secret", "again");
    weir_fake_store_own(r->f, "/local/domain/4/secret", 4, -1);
    assert_int_equal(weir_xs_read(&r->d3, 0, "/local/domain/4/secret", buf, 64),
                     -WEIR_EACCES);
}

static void domains_come_and_go(void **state)
{
    struct rig *r = *state;
    const char *reply;

    ask(&r->d3, WEIR_XS_GET_DOMAIN_PATH, 0, "0017", 5, &reply);
    assert_string_equal(reply, "/local/domain/17");
    ask(&r->d3, WEIR_XS_IS_DOMAIN_INTRODUCED, 0, "17", 3, &reply);
    assert_string_equal(reply, "F");
    watch(&r->dom0, "@introduceDomain", "i");
    watch(&r->dom0, "@releaseDomain", "r");
    assert_int_equal(weir_xs_introduce(&r->dom0, 17, 1, 1), 0);
    assert_event(&r->dom0, "@introduceDomain", "i");
    ask(&r->d3, WEIR_XS_IS_DOMAIN_INTRODUCED, 0, "17", 3, &reply);
    assert_string_equal(reply, "T");
    assert_int_equal(weir_xs_introduce(&r->dom0, 17, 1, 1), 0);
    assert_no_event(&r->dom0); /* came back, is not new */
    assert_int_equal(ASK(&r->dom0, WEIR_XS_RESUME, "17"), 3);
    assert_int_equal(weir_xs_release(&r->dom0, 17), 0);
    assert_event(&r->dom0, "@releaseDomain", "r");
    assert_int_equal(weir_xs_release(&r->dom0, 17), -WEIR_ENOENT);
    assert_int_equal(ASK(&r->dom0, WEIR_XS_RESUME, "17"), -WEIR_ENOENT);
    assert_int_equal(weir_xs_introduce(&r->dom0, 0, 1, 1), -WEIR_EINVAL);
    assert_int_equal(weir_xs_release(&r->dom0, 0), -WEIR_EINVAL);
    assert_int_equal(ASK(&r->dom0, WEIR_XS_INTRODUCE,
                         "32752\0"
                         "1\0"
                         "1"),
                     -WEIR_EINVAL);
}

static void the_dead_leave_nothing(void **state)
{
    struct rig *r = *state;
    char buf[64];

    SET(&r->d3, 0, "data/x", "v");
    SET(&r->dom0, 0, "/elsewhere/n", "");
    perms(r, "/elsewhere", "n0\0b3\0r4", 9);
    SET(&r->d3, 0, "/elsewhere/of3/sub", "v");
    watch(&r->d4, "/elsewhere/of3", "t");
    weir_fake_store_release(r->f, 3);
    assert_int_equal(
        weir_xs_read(&r->dom0, 0, "/local/domain/3/data/x", buf, 64),
        -WEIR_ENOENT);
    assert_int_equal(weir_xs_read(&r->dom0, 0, "/local/domain/3", buf, 64),
                     -WEIR_ENOENT);
    assert_int_equal(weir_xs_read(&r->dom0, 0, "/elsewhere/of3", buf, 64),
                     -WEIR_ENOENT);
    assert_event(&r->d4, "/elsewhere/of3", "t");
    /* a new domain 3 has no rights of the old one */
    assert_int_equal(weir_xs_get_perms(&r->dom0, 0, "/elsewhere", buf, 64), 6);
    assert_memory_equal(buf, "n0\0r4", 6);
}

static void features(void **state)
{
    struct rig *r = *state;
    const char *reply;

    ask(&r->d3, WEIR_XS_GET_FEATURE, 0, "", 0, &reply);
    assert_string_equal(reply, "7");
    assert_int_equal(ASK(&r->dom0, WEIR_XS_SET_FEATURE,
                         "3\0"
                         "1"),
                     -WEIR_EBUSY);
    assert_int_equal(ASK(&r->dom0, WEIR_XS_SET_FEATURE,
                         "9\0"
                         "3"),
                     3);
    ask(&r->dom0, WEIR_XS_GET_FEATURE, 0, "9", 2, &reply);
    assert_string_equal(reply, "3");
    assert_int_equal(ASK(&r->dom0, WEIR_XS_SET_FEATURE,
                         "9\0"
                         "8"),
                     -WEIR_EINVAL);
    assert_int_equal(ASK(&r->dom0, WEIR_XS_GET_FEATURE, "77"), -WEIR_ENOENT);
}

static void control(void **state)
{
    struct rig *r = *state;
    const char *reply;

    assert_true(ask(&r->dom0, WEIR_XS_CONTROL, 0, "check", 6, &reply) > 0);
    assert_string_equal(reply, "OK");
    assert_true(ask(&r->dom0, WEIR_XS_CONTROL, 0, "help", 5, &reply) > 0);
    assert_non_null(strstr(reply, "memreport"));
    assert_true(ask(&r->dom0, WEIR_XS_CONTROL, 0, "memreport", 10, &reply) > 0);
    assert_non_null(strstr(reply, "domain 3: 1 nodes"));
    assert_int_equal(ASK(&r->dom0, WEIR_XS_CONTROL, "explode"), -WEIR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(write_makes_parents_and_read_gives_bytes),
        TEST(relative_paths_start_at_home),
        TEST(mkdir_and_rm),
        TEST(directory_and_its_parts),
        TEST(directory_part_on_the_wire),
        TEST(permissions_decide),
        TEST(only_the_owner_sets_permissions),
        TEST(children_inherit_and_the_creator_owns),
        TEST(a_target_lends_its_rights),
        TEST(domains_come_and_go),
        TEST(the_dead_leave_nothing),
        TEST(features),
        TEST(control),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * For the tests of the manager on Xen's ABI: the registry is the real one, the
 * backend is the test, taps are made up (--wrap=weir_tap_create).
 */
#ifndef WEIR_TESTS_UNIT_XEN_RIG_H
#define WEIR_TESTS_UNIT_XEN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/common/resource.h"
#include "backends/net/host/hostif.h"
#include "backends/xen/xen_manager.h"
#include "tests/unit/fake_store.h"

#define BACK    "/local/domain/0/backend/"
#define DEVICES 4u

static struct {
    struct weir_fake_store *store;
    struct weir_xs xs;
    struct weir_xen_manager *m;
    int channel; /* the backend's end */
    unsigned logged;
    char image[64];
    struct weir_resource res; /* the last packet, and its descriptors */
    int fds[WEIR_RES_MAX_FDS];
    unsigned nfds;
    struct weir_tap_config tap; /* the last one made */
    char tap_name[16], tap_bridge[16];
    int tap_result;
} t;

int __wrap_weir_tap_create(const struct weir_tap_config *how, int *fds,
                           struct weir_hostif_err *err);

int __wrap_weir_tap_create(const struct weir_tap_config *how, int *fds,
                           struct weir_hostif_err *err)
{
    t.tap = *how;
    snprintf(t.tap_name, sizeof(t.tap_name), "%s", how->name);
    snprintf(t.tap_bridge, sizeof(t.tap_bridge), "%s",
             how->bridge != NULL ? how->bridge : "");
    snprintf(err->text, sizeof(err->text), "%s: made-up reason", how->name);
    for (unsigned i = 0; t.tap_result == 0 && i < how->queues; i++)
        fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
    return t.tap_result;
}

static inline void count_log(void *context, enum weir_log_level level,
                             const char *line)
{
    (void)context;
    (void)level;
    (void)line;
    t.logged++;
}

static inline int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    assert_int_equal(weir_fake_store_new(&t.store), 0);
    strcpy(t.image, "/tmp/weir-xen-XXXXXX");
    t.fds[0] = mkstemp(t.image);
    assert_true(t.fds[0] >= 0);
    assert_int_equal(ftruncate(t.fds[0], 1 << 20), 0);
    close(t.fds[0]);
    return 0;
}

static inline void start(const struct weir_xen_kind *kind,
                         enum weir_xen_hotplug hotplug, domid_t domid)
{
    struct weir_xen_manager_config cfg = {
        .xs = &t.xs,
        .kind = kind,
        .hotplug = hotplug,
        .domid = domid,
        .queues = 2,
        .max_devs = DEVICES,
        .log = count_log,
    };
    int sv[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
    cfg.channel = sv[0];
    t.channel = sv[1];
    assert_int_equal(weir_fake_store_connect(t.store, &t.xs, 0), 0);
    assert_int_equal(weir_xen_manager_new(&cfg, &t.m), 0);
}

static inline void drop_fds(void)
{
    while (t.nfds > 0)
        close(t.fds[--t.nfds]);
}

static inline int teardown(void **state)
{
    (void)state;
    weir_xen_manager_free(t.m);
    weir_fake_store_disconnect(t.store, &t.xs);
    weir_fake_store_free(t.store);
    drop_fds();
    close(t.channel);
    unlink(t.image);
    return 0;
}

static inline void step(void)
{
    assert_int_equal(weir_xen_manager_step(t.m, -1, 0), 0);
    assert_int_equal(weir_xen_manager_step(t.m, -1, 0), 0);
}

static inline void set(const char *dir, const char *key, const char *value)
{
    char path[128];

    snprintf(path, sizeof(path), BACK "%s/%s", dir, key);
    assert_int_equal(weir_fake_store_set(t.store, path, value), 0);
}

static inline void expect(const char *dir, const char *key, const char *want)
{
    char path[128], got[256] = "";

    snprintf(path, sizeof(path), BACK "%s/%s", dir, key);
    weir_fake_store_get(t.store, path, got, sizeof(got));
    if (strstr(got, want) == NULL || (want[0] == '\0' && got[0] != '\0'))
        fail_msg("%s is \"%s\", not \"%s\"", path, got, want);
}

static inline bool is_there(const char *dir)
{
    char path[128], got[16];

    snprintf(path, sizeof(path), BACK "%s", dir);
    return weir_fake_store_get(t.store, path, got, sizeof(got)) >= 0;
}

/* As libxl: all of it in one transaction; here state is the last. */
static inline void offer(const char *dir, const char *frontend_id)
{
    set(dir, "frontend-id", frontend_id);
    set(dir, "online", "1");
    set(dir, "mode", "w");
    set(dir, "state", "1");
    step();
}

/* The manager's next packet: its operation, 0 for none. */
static inline unsigned packet(void)
{
    drop_fds();
    if (weir_resource_recv(t.channel, &t.res, t.fds, &t.nfds) != 1)
        return 0;
    assert_int_equal(t.res.nfds, t.nfds);
    return t.res.op;
}

static inline void answer(enum weir_res_event_type type, const char *text)
{
    assert_int_equal(weir_resource_answer(t.channel, type, &t.res, text), 0);
    step();
}

static inline void take_away(const char *dir)
{
    char path[128];

    snprintf(path, sizeof(path), BACK "%s", dir);
    assert_int_equal(weir_fake_store_rm(t.store, path), 0);
    step();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif

/* SPDX-License-Identifier: MIT */
#include "tests/unit/back_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/common/resource.h"
#include "backends/common/stats.h"

struct back_rig back_rig;

void back_set(const char *path, const char *value, domid_t owner, int reader)
{
    assert_int_equal(weir_fake_store_set(back_rig.store, path, value), 0);
    assert_int_equal(weir_fake_store_own(back_rig.store, path, owner, reader),
                     0);
}

void back_expect(const char *path, const char *want)
{
    char got[160] = "";

    weir_fake_store_get(back_rig.store, path, got, sizeof(got));
    assert_string_equal(got, want);
}

int back_setup(void **state)
{
    (void)state;
    memset(&back_rig, 0, sizeof(back_rig));
    back_rig.machine = weir_fake_machine_new(256);
    assert_non_null(back_rig.machine);
    weir_fake_domain_add(back_rig.machine, 5, 0);
    back_rig.port = weir_fake_domain_add(back_rig.machine, 2, 0);
    assert_int_equal(weir_fake_store_new(&back_rig.store), 0);
    back_set("/local/domain/2/backend", "", 2, -1);
    back_set("/local/domain/2/backend/vbd", "", 2, -1);
    back_set("/local/domain/2/backend/vbd/5", "", 2, 5);
    back_set(FPATH, "", 5, 2);
    back_set(FPATH "/state", "1", 5, 2);
    back_set(BPATH, "", 2, 5);
    back_set(BPATH "/frontend", FPATH, 2, 5);
    back_set(BPATH "/frontend-id", "5", 2, 5);
    back_set(BPATH "/state", "1", 2, 5);
    weir_stats_take_over(&back_rig.stats, 1);
    return 0;
}

int back_teardown(void **state)
{
    (void)state;
    weir_fake_store_free(back_rig.store);
    assert_int_equal(weir_fake_machine_free(back_rig.machine), 0);
    return 0;
}

static int back_open(struct weir_back_dev *dev)
{
    (void)dev;
    back_rig.opens++;
    return 0;
}

static int back_publish(struct weir_back_dev *dev, weir_xs_tx tx)
{
    (void)dev;
    (void)tx;
    return 0;
}

static int back_connect(struct weir_back_dev *dev)
{
    back_rig.connects += !dev->resume;
    back_rig.resumes += dev->resume;
    if (back_rig.breaks)
        back_rig.xs.broken = -ENOTCONN;
    return dev->resume ? back_rig.resume_result : 0;
}

static void back_disconnect(struct weir_back_dev *dev)
{
    (void)dev;
    back_rig.disconnects++;
}

static void back_close(struct weir_back_dev *dev)
{
    (void)dev;
    back_rig.closes++;
}

static const struct weir_back_class back_class = {
    .name = "vbd",
    .resource_class = WEIR_RES_VBD,
    .dev_size = sizeof(struct weir_back_dev),
    .open = back_open,
    .publish = back_publish,
    .connect = back_connect,
    .disconnect = back_disconnect,
    .close = back_close,
};
const struct weir_back_class *const back_classes[1] = {&back_class};

void back_step(void)
{
    assert_int_equal(weir_backend_step(back_rig.be, 0), 0);
    assert_int_equal(weir_backend_step(back_rig.be, 0), 0);
}

void back_send_op(enum weir_res_op op, uint32_t seq)
{
    struct weir_resource r = {.op = op, .frontend = 5, .seq = seq};

    if (op != WEIR_RES_RESUMED && op != WEIR_RES_PING) {
        r.cls = WEIR_RES_VBD;
        r.devid = 51712;
    }
    assert_int_equal(weir_resource_send(back_rig.channel, &r, NULL), 0);
    back_step();
}

void back_expect_answer(uint32_t type, uint32_t seq)
{
    struct weir_resource_event ev;

    do
        assert_int_equal(weir_resource_wait(back_rig.channel, &ev, 0), 0);
    while (ev.type == WEIR_RES_EV_READY);
    assert_int_equal(ev.type, type);
    assert_int_equal(ev.seq, seq);
}

void back_expect_no_answer(void)
{
    struct weir_resource_event ev;

    assert_int_equal(weir_resource_wait(back_rig.channel, &ev, 0), -ETIMEDOUT);
}

void back_start(void)
{
    struct weir_backend_config cfg = {.port = back_rig.port,
                                      .xs = &back_rig.xs,
                                      .classes = back_classes,
                                      .nclasses = 1,
                                      .stats = &back_rig.stats};
    int sv[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
    back_rig.channel = sv[0];
    cfg.resource_fd = sv[1];
    assert_int_equal(weir_fake_store_connect(back_rig.store, &back_rig.xs, 2),
                     0);
    assert_int_equal(weir_backend_new(&cfg, &back_rig.be), 0);
    back_step();
}

void back_stop(void)
{
    int fd = weir_backend_cfg(back_rig.be)->resource_fd;

    weir_backend_free(back_rig.be);
    weir_fake_store_disconnect(back_rig.store, &back_rig.xs);
    close(fd);
    close(back_rig.channel);
}

void back_resume(const char *own, const char *peer)
{
    back_set(BPATH "/state", own, 2, 5);
    back_set(FPATH "/state", peer, 5, 2);
    back_start();
    assert_int_equal(back_rig.opens, 0);
    back_send_op(WEIR_RES_RESUME, 40);
}

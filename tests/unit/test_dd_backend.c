/* SPDX-License-Identifier: MIT
 *
 * What a driver domain says on its resource channel.  The rest of the manager
 * is played here.
 */
#include "backends/common/resource.h"
#include "driverdomains/devd.h"
#include "tests/unit/told.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct weir_devd devd;
static struct weir_dom disk, web;
static struct weir_dev vbd;
static int channel[2]; /* [0] is the manager's */
static bool comes_back;

void weir_devd_log(const char *fmt, ...)
{
    (void)fmt;
}

void weir_devd_answer(struct weir_devd *d, struct weir_waiter *w, int error,
                      uint32_t domid, const char *where, const char *text)
{
    (void)d;
    (void)w;
    (void)domid;
    (void)where;
    (void)text;
    tell("%s ", error ? "refused" : "done");
}

void weir_source_close(struct weir_devd *d, struct weir_source *s)
{
    (void)d;
    s->fd = -1;
    tell("closed ");
}

struct weir_dom *weir_dom_find(struct weir_devd *d, const char *text)
{
    (void)d;
    (void)text;
    return NULL;
}

struct weir_dom *weir_dom_by_id(struct weir_devd *d, domid_t id)
{
    (void)d;
    return id == web.domid ? &web : NULL;
}

const char *weir_dom_phase_name(const struct weir_dom *dom)
{
    (void)dom;
    return "somehow";
}

void weir_dom_check_started(struct weir_dom *dom)
{
    tell("%s ", dom == &web ? "web" : "disk");
}

void weir_dom_fail(struct weir_dom *dom, const char *where, const char *fmt,
                   ...)
{
    (void)dom;
    (void)where;
    (void)fmt;
    tell("fail ");
}

void weir_dom_kill(struct weir_dom *dom, const char *reason)
{
    assert_ptr_equal(dom, &disk);
    assert_non_null(reason);
    tell("kill ");
}

bool weir_dom_comes_back(const struct weir_dom *dom)
{
    assert_ptr_equal(dom, &disk);
    return comes_back;
}

void weir_revive_kill(struct weir_dom *dom, const char *reason,
                      uint64_t down_ns)
{
    (void)dom;
    (void)reason;
    (void)down_ns;
    tell("restart ");
}

uint64_t weir_devd_now(void)
{
    return 1;
}

void weir_heart_pong(struct weir_dom *dom)
{
    (void)dom;
    tell("pong ");
}

/* As when it was the last one, and its removal is not even heard. */
void weir_resume_answered(struct weir_dev *dev, const char *text)
{
    if (!dev->resuming)
        return;
    tell("%s ", text ? "unresumed" : "resumed");
    memset(dev, 0, sizeof(*dev)); /* freed, and used for another */
    dev->frontend = &web;
}

const char *weir_dev_class_name(uint32_t cls)
{
    (void)cls;
    return "vbd";
}

void weir_dev_label(const struct weir_dev *dev, char *buf, size_t size)
{
    (void)dev;
    snprintf(buf, size, "disk");
}

struct weir_dev *weir_dev_find(struct weir_devd *d,
                               const struct weir_dom *frontend, uint32_t cls,
                               uint32_t devid)
{
    (void)d;
    return frontend == &web && cls == WEIR_RES_VBD && devid == 51712 ? &vbd
                                                                     : NULL;
}

void weir_dev_detach(struct weir_dev *dev, bool force, uint32_t timeout_ms)
{
    (void)dev;
    (void)force;
    (void)timeout_ms;
    tell("detach ");
}

void weir_dev_finish(struct weir_dev *dev, const char *trouble)
{
    (void)dev;
    (void)trouble;
    tell("gone ");
}

static void says(enum weir_res_event_type type, const char *text)
{
    const struct weir_resource about = {
        .cls = WEIR_RES_VBD, .frontend = web.domid, .devid = 51712};

    assert_int_equal(weir_resource_answer(channel[1], type, &about, text), 0);
    weir_backend_event(&disk.res_src, 0);
}

static int begin(void **state)
{
    (void)state;
    memset(&disk, 0, sizeof(disk));
    memset(&web, 0, sizeof(web));
    memset(&vbd, 0, sizeof(vbd));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel))
        return -1;
    disk.devd = web.devd = &devd;
    disk.domid = 2;
    web.domid = 3;
    disk.phase = web.phase = WEIR_PHASE_RUNNING;
    disk.res_src.fd = disk.exit_src.fd = channel[0];
    vbd.cls = WEIR_RES_VBD;
    vbd.devid = 51712;
    vbd.frontend = &web;
    vbd.backend = &disk;
    vbd.phase = WEIR_DEV_ATTACHED;
    comes_back = true;
    told_forget();
    return 0;
}

static int end(void **state)
{
    (void)state;
    close(channel[0]);
    close(channel[1]);
    return 0;
}

static void a_device_that_is_not_resumed_may_be_gone_at_once(void **state)
{
    (void)state;
    vbd.resuming = true;
    says(WEIR_RES_EV_ERROR, "bad log");
    told_expect("unresumed ");
}

static void errors_end_what_was_begun_alone(void **state)
{
    (void)state;
    says(WEIR_RES_EV_ERROR, "a hiccup");
    told_expect("");
    assert_string_equal(vbd.error, "a hiccup");
    vbd.phase = WEIR_DEV_ATTACHING;
    says(WEIR_RES_EV_ERROR, "no such file\n");
    told_expect("refused detach ");
    assert_string_equal(vbd.error, "no such file?");
}

static void its_word_is_about_its_own(void **state)
{
    (void)state;
    vbd.backend = &web;
    vbd.phase = WEIR_DEV_CLOSING;
    vbd.resuming = true;
    says(WEIR_RES_EV_RESUMED, NULL);
    says(WEIR_RES_EV_DETACHED, NULL);
    says(WEIR_RES_EV_ERROR, "boo");
    told_expect("");
    vbd.backend = &disk;
    says(WEIR_RES_EV_DETACHED, NULL);
    told_expect("gone ");
}

static void babble_ends_a_program(void **state)
{
    (void)state;
    assert_int_equal(write(channel[1], "?", 1), 1);
    weir_backend_event(&disk.res_src, 0);
    told_expect("restart ");
    comes_back = false; /* it is to end anyway */
    assert_int_equal(write(channel[1], "?", 1), 1);
    weir_backend_event(&disk.res_src, 0);
    told_expect("kill ");
    close(channel[1]);
    channel[1] = -1;
    weir_backend_event(&disk.res_src, 0);
    told_expect("closed ");
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_device_that_is_not_resumed_may_be_gone_at_once),
        T(errors_end_what_was_begun_alone),
        T(its_word_is_about_its_own),
        T(babble_ends_a_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

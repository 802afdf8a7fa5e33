/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/lone_front.h"

static void set(struct lone_front *w, const char *path, const char *value,
                domid_t owner, int reader)
{
    assert_int_equal(weir_fake_store_set(w->store, path, value), 0);
    assert_int_equal(weir_fake_store_own(w->store, path, owner, reader), 0);
}

void lone_front_set_back(struct lone_front *w, const char *key,
                         const char *value)
{
    char path[128];

    snprintf(path, sizeof(path), BLK_BPATH "/%s", key);
    set(w, path, value, BLK_BACK, BLK_FRONT);
}

void lone_front_set_front(struct lone_front *w, const char *key,
                          const char *value)
{
    char path[128];

    snprintf(path, sizeof(path), BLK_FPATH "/%s", key);
    set(w, path, value, BLK_FRONT, BLK_BACK);
}

uint64_t lone_front_get(struct lone_front *w, const char *key)
{
    char path[128], buf[64] = "";

    snprintf(path, sizeof(path), BLK_FPATH "/%s", key);
    weir_fake_store_get(w->store, path, buf, sizeof(buf));
    return strtoull(buf, NULL, 10);
}

void lone_front_start(struct lone_front *w)
{
    memset(w, 0, sizeof(*w));
    w->machine = weir_fake_machine_new(8192);
    w->fport = weir_fake_domain_add(w->machine, BLK_FRONT, 0);
    w->bport = weir_fake_domain_add(w->machine, BLK_BACK, 0);
    assert_int_equal(weir_fake_store_new(&w->store), 0);
    set(w, "/local/domain/5/device", "", BLK_FRONT, -1);
    set(w, BLK_FPATH, "", BLK_FRONT, BLK_BACK);
    set(w, BLK_FPATH "/backend", BLK_BPATH, BLK_FRONT, BLK_BACK);
    set(w, BLK_FPATH "/backend-id", "2", BLK_FRONT, BLK_BACK);
    set(w, BLK_FPATH "/state", "1", BLK_FRONT, BLK_BACK);
    set(w, BLK_BPATH, "", BLK_BACK, BLK_FRONT);
    lone_front_set_back(w, "state", "1");
    assert_int_equal(weir_gnttab_init(&w->gnttab, w->fport), 0);
    w->bus.port = w->fport;
    w->bus.gnttab = &w->gnttab;
    assert_int_equal(weir_fake_store_connect(w->store, &w->bus.xs, BLK_FRONT),
                     0);
}

void lone_front_stop(struct lone_front *w)
{
    lone_front_set_back(w, "state", "6");
    if (w->bf != NULL)
        weir_blkfront_close(w->bf);
    weir_gnttab_reap(&w->gnttab);
    weir_fake_store_disconnect(w->store, &w->bus.xs);
    weir_fake_store_free(w->store);
    assert_int_equal(weir_gnttab_fini(&w->gnttab), 0);
    assert_int_equal(weir_fake_machine_free(w->machine), 0);
}

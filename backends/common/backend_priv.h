/* SPDX-License-Identifier: MIT
 *
 * Private to backends/common: the table of devices behind struct weir_backend.
 */
#ifndef WEIR_BACKENDS_COMMON_BACKEND_PRIV_H
#define WEIR_BACKENDS_COMMON_BACKEND_PRIV_H

#include <pthread.h>
#include <stdbool.h>

#include "backends/common/backend.h"
#include "backends/common/limit.h"

#define WEIR_BACK_FAILURE 120 /* bytes of a reason, with its NUL */

/* Own node, 1: a frontend that was Connected when the device came has not left
 * that state since. */
#define WEIR_BACK_STALE "frontend-stale"

/* One device: registry directory, resources, or both. */
struct weir_back_slot {
    struct weir_back_dev *dev; /* NULL: free */
    bool in_registry;          /* directory read, frontend watched */
    bool has_resource;
    bool announced;              /* InitWait before the resources come */
    bool open;                   /* cls->open succeeded */
    bool stale_peer;             /* the frontend is a predecessor's still */
    bool detaching;              /* DETACH came: release when closed */
    bool resume;                 /* being taken over, and not failed */
    int unheard;                 /* why the frontend can't be watched, or 0 */
    struct weir_limit tell;      /* failures: log and manager, one a second */
    unsigned untold;             /* failures since the last one told */
    struct weir_dev_stats spare; /* when the statistics page is full */
    char failure[WEIR_BACK_FAILURE]; /* under the lock; "" : none */
};

struct weir_backend {
    struct weir_backend_config cfg;
    int wake_fd;            /* eventfd: a failure or a stop is there */
    volatile uint32_t stop; /* 1: run returns */
    bool channel_gone;
    pthread_mutex_t lock; /* slot->failure */
    unsigned nslots;
    struct weir_back_slot slots[];
};

/* backend_slot.c, on the control thread. */
struct weir_back_slot *weir_back_find(struct weir_backend *be,
                                      const struct weir_back_class *cls,
                                      domid_t frontend, uint32_t devid);
struct weir_back_slot *weir_back_add(struct weir_backend *be,
                                     const struct weir_back_class *cls,
                                     domid_t frontend, uint32_t devid);
/* Everything off, slot free; descriptors closed. */
void weir_back_release(struct weir_back_slot *s);
/* Hear of the frontend's state, or no more: 0 or -errno. */
int weir_back_watch(struct weir_back_dev *dev, bool on);

/* backend_dev.c: one device, on the control thread. */
/* Is the directory there, still there, gone?  Follow it. */
void weir_back_probe(struct weir_back_slot *s);
/* The frontend's state may have changed. */
void weir_back_follow(struct weir_back_slot *s);
/* Resources came or are to go. */
void weir_back_resource(struct weir_back_slot *s);
void weir_back_announce(struct weir_back_slot *s);
void weir_back_detach(struct weir_back_slot *s);
void weir_back_resized(struct weir_back_slot *s);
/* Broken: disconnect, say why, go to Closing. */
void weir_back_fail_now(struct weir_back_slot *s, const char *reason);

void weir_back_fail_err(struct weir_back_slot *s, int err);
enum weir_xenbus_state weir_back_frontend_state(struct weir_back_dev *dev);
/* What the table of states says.  True: the next action may follow at once. */
bool weir_back_act(struct weir_back_slot *s, enum weir_xenbus_action what);

/* backend_resume.c */
/* Resources of a predecessor's device are open: be in its state.  False: it had
 * not begun. */
bool weir_back_take_over(struct weir_back_slot *s);
/* All are taken over: forget what is left of others. */
void weir_back_resumed(struct weir_backend *be);

/* backend_resource.c: takes in what the resource channel brought. */
void weir_back_resources(struct weir_backend *be);

void weir_back_answer(struct weir_backend *be, int type,
                      const struct weir_resource *about, const char *text);
void weir_back_log(struct weir_back_dev *dev, enum weir_log_level level,
                   const char *text);

#endif

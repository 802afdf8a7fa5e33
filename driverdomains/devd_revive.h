/* SPDX-License-Identifier: MIT
 *
 * weir-devd, private: a driver domain that is a process gets a new program
 * when it died, hung, or is told to (`weir restart`).  Domain, registry
 * directories, taps, filters, image descriptors and locks stay; the program
 * takes its devices over with RESUME (resource_abi.h).
 *
 * Steps of phase RESTARTING:
 *
 *   DYING      SIGKILL sent, the process is there yet
 *   WAITING    it is gone; until weir-hv says so too (no mapping, no I/O in
 *              flight) and the back-off is over
 *   STARTING   the new program, until sealed and READY
 *   RESUMING   until each device is answered for
 */
#ifndef WEIR_DRIVERDOMAINS_DEVD_REVIVE_H
#define WEIR_DRIVERDOMAINS_DEVD_REVIVE_H

#include "driverdomains/restart_policy.h"

#include <stdbool.h>
#include <stdint.h>

struct weir_devd;
struct weir_dom;
struct weir_dev;

/* Who waits for the end of an operation; client 0: nobody. */
struct weir_waiter {
    uint64_t client;
    uint32_t seq;
};

enum weir_revive_step {
    WEIR_REVIVE_DYING,
    WEIR_REVIVE_WAITING,
    WEIR_REVIVE_STARTING,
    WEIR_REVIVE_RESUMING,
};

struct weir_heart {
    uint32_t missed;   /* seconds without an answer, seen by a manager that
                          was not held up itself */
    bool asked;        /* PING without PONG yet */
    bool killed;       /* for that */
    uint64_t alive_ns; /* its last answer */
};

struct weir_revival {
    enum weir_revive_step step;
    bool asked;          /* by an operator: not counted against the limit */
    bool uncounted;      /* this end was a new manager's doing: nor that one */
    uint32_t generation; /* of the program, as weir-hv counts */
    uint64_t died_ns;    /* the last program's end */
    uint64_t at_ns;      /* no next one before */
    uint64_t down_ns;    /* this outage's start; 0: it serves */
    uint64_t served_ns;  /* since when it serves; 0: not yet */
    uint32_t disks, vifs, failed; /* of the devices answered for */
    uint64_t last_us, max_us;     /* outages */
    uint64_t time_s;              /* of the last end, since 1970 */
    char why[200];                /* of the last end */
    struct weir_restart_history history;
    struct weir_heart heart;
    struct weir_waiter waiter; /* who asked for it */
};

/* devd_revive.c */
/* Can it have a new program in the place of the old one? */
bool weir_dom_can_revive(const struct weir_dom *dom);
/* It would have, if its program ended now. */
bool weir_dom_comes_back(const struct weir_dom *dom);
/* Its process is gone, status says how; RESTARTING from now on, or CRASHED
 * when the limit is reached, or as on_crash did before there was this. */
void weir_revive_died(struct weir_dom *dom, const char *status);
/* It is to die and come back.  down_ns: since when it does not serve. */
void weir_revive_kill(struct weir_dom *dom, const char *reason,
                      uint64_t down_ns);
/* `weir restart`: 0, or -errno and why in text. */
int weir_revive_ask(struct weir_dom *dom, struct weir_waiter w, char *text,
                    unsigned size);
/* weir-hv told something, or the deadline is over. */
void weir_revive_go_on(struct weir_dom *dom);
void weir_revive_timer(struct weir_dom *dom, uint64_t now);

/* A new manager found it in the middle. */
void weir_revive_taken_over(struct weir_dom *dom);

/* devd_resume.c */
/* Sealed and READY. */
void weir_resume_devices(struct weir_dom *dom);
/* EV_RESUMED, or an error: text. */
void weir_resume_answered(struct weir_dev *dev, const char *text);
/* A device is gone meanwhile: was it the last that was waited for? */
void weir_resume_check(struct weir_dom *dom);
/* Devices that its program did not resume go. */
void weir_resume_remove(struct weir_dom *dom);
/* What the dead one had to release is released. */
void weir_resume_drop_released(struct weir_dom *dom);

/* devd_heart.c */
void weir_heart_timer(struct weir_devd *d, uint64_t now);
void weir_heart_pong(struct weir_dom *dom);

#endif

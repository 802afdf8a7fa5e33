/* SPDX-License-Identifier: MIT
 *
 * For hostile tests: a process domain that speaks to the registry, its grant
 * table and its event channels by hand, so that it can break every rule.
 *
 * What fails here ends the program with status 1 and a line that says why.
 */
#ifndef WEIR_TESTS_E2E_HOSTILE_DOM_H
#define WEIR_TESTS_E2E_HOSTILE_DOM_H

#include <stdbool.h>

#include "hypervisor/client/process.h"
#include "ring/grant.h"
#include "xenbus/client.h"

struct hostile {
    struct weir_process *process;
    struct weir_port *port;
    struct weir_gnttab gnttab;
    struct weir_xs xs;
    const char *attack; /* its name, for messages */
};

/* One device directory of ours and its other end. */
struct hostile_dev {
    struct hostile *h;
    char path[64], peer[128];
    domid_t peer_domid;
};

_Noreturn void hostile_fail(const struct hostile *h, const char *file, int line,
                            const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
#define HOSTILE_CHECK(h, ok, ...)                                              \
    do {                                                                       \
        if (!(ok))                                                             \
            hostile_fail(h, __FILE__, __LINE__, __VA_ARGS__);                  \
    } while (0)

/* Sealed, with its port. */
void hostile_join(struct hostile *h);
/* That, with registry and grant table.  Not beside a weir_front_bus, which has
 * the registry ring itself. */
void hostile_open(struct hostile *h, const char *attack);
void hostile_sleep_us(unsigned us);
uint64_t hostile_ms(const struct hostile *h);

void *hostile_pages(struct hostile *h, unsigned n);
grant_ref_t hostile_grant(struct hostile *h, domid_t to, void *page,
                          bool readonly);
/* Until the peer lets go, at most 5 s. */
void hostile_ungrant(struct hostile *h, grant_ref_t ref);

/* The frontend's directory device/CLS/DEVID. */
void hostile_find(struct hostile *h, struct hostile_dev *d, const char *cls,
                  unsigned devid);
/* A node of the own directory. */
void hostile_set(struct hostile_dev *d, const char *key, const char *value);
void hostile_set_u64(struct hostile_dev *d, const char *key, uint64_t value);
void hostile_rm(struct hostile_dev *d, const char *key);
/* A node of the other end; false: none, or not a number. */
bool hostile_peer_u64(struct hostile_dev *d, const char *key, uint64_t *out);
void hostile_peer_text(struct hostile_dev *d, const char *key, char *buf,
                       size_t size);
unsigned hostile_peer_state(struct hostile_dev *d);
/* At most 10 s. */
void hostile_expect(struct hostile_dev *d, unsigned state);
/* Backend in Closing, with `reason` in its error node. */
void hostile_expect_closed(struct hostile_dev *d, const char *reason);
/* From whatever state both are in, to a backend in InitWait. */
void hostile_restart(struct hostile_dev *d);

#endif

/* SPDX-License-Identifier: MIT
 *
 * For hostile tests: the far end of a real frontend, by hand.
 */
#ifndef WEIR_TESTS_E2E_HOSTILE_BACK_H
#define WEIR_TESTS_E2E_HOSTILE_BACK_H

#include "tests/e2e/hostile_dom.h"

struct back {
    struct hostile *h;
    struct hostile_dev dev; /* own directory, and the frontend's */
    const char *attack;
};

void back_find(struct back *b, const char *cls, unsigned devid);
uint64_t back_number(struct back *b, const char *key);
/* NULL: refused. */
void *back_map(struct back *b, grant_ref_t ref, bool readonly);
evtchn_port_t back_bind(struct back *b, const char *key);
unsigned back_seize(struct back *b);
uint32_t back_random(void);
void back_flap(struct back *b);
void back_linger(struct back *b);

void back_disk(struct back *b);
void back_net(struct back *b);

#endif

/* SPDX-License-Identifier: MIT
 *
 * weir-devd, private: what a driver domain and the registry have in common
 * between two programs.
 */
#ifndef WEIR_DRIVERDOMAINS_DEVD_OUTAGE_H
#define WEIR_DRIVERDOMAINS_DEVD_OUTAGE_H

#include <stdint.h>

struct weir_dom;

/* Into the manager's log and the domain's own. */
void weir_dom_say(struct weir_dom *dom, const char *text);
/* What a program that ended still wrote is taken, and no more. */
void weir_dom_close_log(struct weir_dom *dom);
/* It died (revival.why): 0, and so long after it its next program comes, no
 * longer than longest_ns; or -EDQUOT.  Says so, and counts. */
int weir_outage_restart(struct weir_dom *dom, uint64_t now, uint64_t longest_ns,
                        uint64_t *delay_ns);
/* It serves, since revival.served_ns: how long it did not, in us. */
uint64_t weir_outage_over(struct weir_dom *dom);

#endif

/* SPDX-License-Identifier: MIT
 *
 * weir-devd, private: what a vif's guest may send, as rules on the host.
 */
#ifndef WEIR_DRIVERDOMAINS_DEVD_FILTER_H
#define WEIR_DRIVERDOMAINS_DEVD_FILTER_H

struct weir_devd;
struct weir_dev;
struct weir_refusal;

/* For a tap that was just made, before anybody else knows of it. */
int weir_filter_dev(struct weir_dev *dev, const char *where,
                    struct weir_refusal *why);
void weir_filter_forget(struct weir_dev *dev);
/* The instance's table: what an earlier manager left, or at the end. */
void weir_filter_clear(struct weir_devd *d);
const char *weir_filter_name(const struct weir_dev *dev);

#endif

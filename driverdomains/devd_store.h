/* SPDX-License-Identifier: MIT
 *
 * weir-devd, private: weir-xenstored as domain 1, and its return.
 *
 * It keeps all that it answered for in frames that outlive its program, and
 * its listening socket is the manager's; so a next program goes on where the
 * last one died, and who connects meanwhile waits in the socket's queue.  The
 * manager waits for that in the call that met the outage, and does that call
 * again: nothing of its own changes meanwhile but the connection.
 */
#ifndef WEIR_DRIVERDOMAINS_DEVD_STORE_H
#define WEIR_DRIVERDOMAINS_DEVD_STORE_H

#include <stdbool.h>
#include <stdint.h>

struct weir_devd;
struct weir_dom;
struct weir_refusal;

/* devd_store.c: 0 or -errno */
int weir_store_start(struct weir_devd *d);
void weir_store_stop(struct weir_devd *d);
/* For a manager that takes over: the store's domain, without a program; */
struct weir_dom *weir_store_dom(struct weir_devd *d);
/* and then, with what is left of it (exit_src, log) and the listening socket
 * (xs_listen): connected again, brought back if need be.  Domains whose nodes
 * are watched are known already (weir_dom.watched). */
int weir_store_adopt(struct weir_devd *d);
/* A program for its domain. */
int weir_store_program(struct weir_devd *d, int hv_fd,
                       struct weir_refusal *why);
/* Its program runs: until it is sealed, connected and watching. */
int weir_store_serve(struct weir_devd *d);

/* devd_storeback.c */
/* Its program is dead, or does not answer: the next one; 0 when that serves.
 * Otherwise there is no registry any more: xs_open is false, and the loop
 * ends the instance. */
int weir_store_back(struct weir_devd *d);
/* After a registry call: true when its connection broke and there is a new
 * one, so the call is to be done again. */
bool weir_store_again(struct weir_devd *d);
/* The program that weir-hv knows and the manager does not is killed. */
void weir_store_end_unknown(struct weir_devd *d);
/* Once a second: does it answer? */
void weir_store_beat(struct weir_devd *d, uint64_t now);

#endif

/* SPDX-License-Identifier: MIT
 *
 * A registry inside the test's own process: the real store core, reached by
 * any number of struct weir_xs of any domain, without sockets or rings.
 *
 *     struct weir_fake_store *f;
 *     struct weir_xs front, back;
 *
 *     weir_fake_store_new(&f);
 *     weir_fake_store_connect(f, &back, 1);
 *     weir_fake_store_connect(f, &front, 5);
 *     weir_fake_store_set(f, "/local/domain/5/device/vbd/51712/state", "1");
 *     weir_fake_store_own(f, "/local/domain/5/device/vbd/51712/state", 5, 1);
 *
 * Everything is synchronous: when a request returns, what it changed is
 * visible to all, and the watch events it caused are there for
 * weir_xs_next_event of the others.  A connection has no descriptor (fd -1)
 * and needs no port; a call that would wait for ever ends with its deadline.
 * One lock makes it usable from several threads, one thread a connection.
 *
 * Link weir-fakestore weir-xsd weir-store weir-xshosted weir-xenbus, in this
 * order.
 */
#ifndef WEIR_TESTS_UNIT_FAKE_STORE_H
#define WEIR_TESTS_UNIT_FAKE_STORE_H

#include "xenbus/client.h"
#include "xenbus/store.h"

struct weir_fake_store;

/* All return 0 or -errno unless said otherwise. */
int weir_fake_store_new(struct weir_fake_store **out);
void weir_fake_store_free(struct weir_fake_store *f);
/* xs is a connection of domid (0: privileged) until it is disconnected. */
int weir_fake_store_connect(struct weir_fake_store *f, struct weir_xs *xs,
                            domid_t domid);
void weir_fake_store_disconnect(struct weir_fake_store *f, struct weir_xs *xs);

/* As domain 0: values, and permissions (owner; reader, -1: nobody else). */
int weir_fake_store_set(struct weir_fake_store *f, const char *path,
                        const char *value);
/* buf gets the value and a NUL; its length, or -errno. */
int weir_fake_store_get(struct weir_fake_store *f, const char *path, char *buf,
                        size_t size);
int weir_fake_store_own(struct weir_fake_store *f, const char *path,
                        domid_t owner, int reader);
int weir_fake_store_rm(struct weir_fake_store *f, const char *path);
/* XS_INTRODUCE and XS_RELEASE, for what depends on them. */
int weir_fake_store_introduce(struct weir_fake_store *f, domid_t domid);
int weir_fake_store_release(struct weir_fake_store *f, domid_t domid);

/* Makes a transaction of any connection that ends from now on conflict, n
 * times: for the loops that begin again on -WEIR_EAGAIN. */
void weir_fake_store_disturb(struct weir_fake_store *f, unsigned n);
/* The store's clock starts at 1 s and stands still otherwise. */
void weir_fake_store_advance(struct weir_fake_store *f, uint64_t ns);
struct weir_store *weir_fake_store_core(struct weir_fake_store *f);

/* weir-xenstored's own server in a thread, as domain of port (a fake port, see
 * fake_port.h), for code that opens the registry with weir_xs_open_ring:
 *
 *     weir_fake_store_pair(guest, store, &frame, &evtchn);
 *     weir_fake_xsd_start(store, &xsd);
 *     weir_fake_xsd_connect(xsd, &admin);
 *     weir_xs_introduce(&admin, 5, frame, evtchn);
 *     weir_xs_open_ring(&xs, guest);
 */
struct weir_fake_xsd;

int weir_fake_xsd_start(struct weir_port *port, struct weir_fake_xsd **out);
void weir_fake_xsd_stop(struct weir_fake_xsd *x);
/* A privileged connection over a socket; end it with weir_xs_close_socket. */
int weir_fake_xsd_connect(struct weir_fake_xsd *x, struct weir_xs *xs);

#endif

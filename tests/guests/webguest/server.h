/* SPDX-License-Identifier: MIT
 *
 * The HTTP server on lwIP's raw interface.  Everything runs on one thread:
 * lwIP calls back, callbacks note what happened, web_server_step acts on it.
 */
#ifndef WEBGUEST_SERVER_H
#define WEBGUEST_SERVER_H

#include "tests/guests/webguest/fs.h"

#define WEB_CONNS   64 /* connections served at a time; more get 503 */
#define WEB_BUFFERS 96 /* of WEB_DISK_IO_MAX: more than one a connection */

struct web_server_config {
    struct web_disk *disk;
    struct web_fs *fs;
    uint16_t port;
    /* Milliseconds since some start; seconds since 1970 (0: not known). */
    uint64_t (*now_ms)(void *context);
    uint64_t (*unix_time)(void *context);
    void (*log)(void *context, const char *line);
    void *context;
};

struct web_server_stats {
    uint64_t requests, errors, bytes_sent, refused;
    unsigned conns;
};

struct web_server;

/* lwip_init was called.  -WEIR_ENOMEM, -WEIR_EBUSY (port in use). */
int web_server_open(const struct web_server_config *c, struct web_server **out);
/* Let every connection progress as far as it can; true: something did. */
bool web_server_step(struct web_server *s);
void web_server_stats(const struct web_server *s, struct web_server_stats *out);
/* Refuses new connections and ends the present ones. */
void web_server_close(struct web_server *s);
/* After close, when the disk has no read of it under way any more. */
void web_server_free(struct web_server *s);

#endif

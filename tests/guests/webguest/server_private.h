/* SPDX-License-Identifier: MIT
 *
 * The server's parts: server.c (listening, slots, time), conn.c (requests),
 * body.c (from disk to TCP), conn_put.c (from TCP to disk).
 */
#ifndef WEBGUEST_SERVER_PRIVATE_H
#define WEBGUEST_SERVER_PRIVATE_H

#include <lwip/tcp.h>

#include "tests/guests/webguest/http_parse.h"
#include "tests/guests/webguest/response.h"
#include "tests/guests/webguest/server.h"

#define WEB_CONN_BUFS  2     /* read-ahead: one is sent while one is read */
#define WEB_IDLE_MS    30000 /* no byte moved */
#define WEB_REQUEST_MS 15000 /* for the whole head of a request */
#define WEB_LINGER_MS  2000  /* for a client to read an error */

struct web_conn;

enum web_buf_state { WEB_BUF_FREE, WEB_BUF_READING, WEB_BUF_READY };

struct web_buf {
    struct web_disk_read read; /* first: done gets its address */
    struct web_server *server;
    struct web_conn *owner; /* NULL: nobody waits for it any more */
    enum web_buf_state state;
    int status;         /* of the read */
    uint32_t from, len; /* what is to be sent */
    struct web_buf *next_free;
};

enum web_conn_state {
    WEB_CONN_FREE,
    WEB_CONN_HEAD,   /* gathering a request */
    WEB_CONN_SEND,   /* an answer goes out */
    WEB_CONN_PUT,    /* a body comes in */
    WEB_CONN_LINGER, /* we are done; the client is to read it */
};

struct web_conn {
    struct web_server *server;
    struct tcp_pcb *pcb; /* NULL: lwIP took it away */
    enum web_conn_state state;
    bool ready; /* something happened: step it */
    bool peer_closed;
    bool keep_alive;  /* after the answer that goes out */
    bool want_buffer; /* no buffer or disk slot was free */
    uint64_t last_ms; /* when a byte moved last */
    uint64_t head_ms; /* when the request began, 0: it did not */
    struct pbuf *rx;  /* received, not yet looked at */
    size_t in_len;
    char in[WEB_REQUEST_MAX];
    struct web_text text; /* sent first */
    size_t text_pos;
    bool has_file;
    struct web_file file; /* sent then: bytes next to end */
    uint64_t next, end;
    struct web_buf *bufs[WEB_CONN_BUFS]; /* in the file's order */
    unsigned nbufs;
    struct web_put *put;
    char put_path[WEB_PATH_MAX];
    struct web_buf *put_buf; /* gathers what is written together */
    uint64_t put_left;
};

struct web_server {
    struct web_server_config config;
    struct tcp_pcb *listener;
    struct web_buf *free_bufs;
    bool buf_freed; /* those who want one may try again */
    uint64_t tick_ms;
    struct web_server_stats stats;
    struct web_buf bufs[WEB_BUFFERS];
    struct web_conn conns[WEB_CONNS];
};

/* server.c */
struct web_buf *web_buf_take(struct web_conn *c);
void web_buf_give(struct web_buf *b);
/* Bytes from the connection's receive queue; the number taken. */
size_t web_conn_take(struct web_conn *c, void *to, size_t max);
/* Send what fits; false: TCP has no room. */
bool web_conn_write(struct web_conn *c, const void *from, size_t max,
                    size_t *sent, bool more);
void web_conn_abort(struct web_conn *c);
void web_server_log(struct web_server *s, const char *what, const char *path,
                    int err);
uint64_t web_server_unix(struct web_server *s);

/* conn.c: true when something moved. */
bool web_conn_step(struct web_conn *c);
void web_conn_answer_error(struct web_conn *c, int status, bool keep_alive,
                           const char *fields);
int web_status_of(int err);

/* body.c */
int web_body_fill(struct web_conn *c, bool *moved);
int web_body_send(struct web_conn *c, bool *moved);
void web_body_end(struct web_conn *c);

/* conn_put.c */
void web_conn_put_begin(struct web_conn *c, const struct web_request *r);
bool web_conn_put_step(struct web_conn *c);
void web_conn_put_drop(struct web_conn *c);

#endif

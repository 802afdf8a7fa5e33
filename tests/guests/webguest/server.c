/* SPDX-License-Identifier: MIT
 *
 * Listening, connection slots, buffers, time-outs, and lwIP's callbacks, which
 * only note what happened.
 */
#include "tests/guests/webguest/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring/error.h"
#include "tests/guests/webguest/server_private.h"

/* Less than this is not worth a tcp_write: segments stay full. */
#define WRITE_AT_LEAST (8u * TCP_MSS)

struct web_buf *web_buf_take(struct web_conn *c)
{
    struct web_buf *b = c->server->free_bufs;

    if (b) {
        c->server->free_bufs = b->next_free;
        b->owner = c;
    }
    return b;
}

/* A buffer being read is given back by the end of the read. */
void web_buf_give(struct web_buf *b)
{
    b->owner = NULL;
    if (b->state == WEB_BUF_READING)
        return;
    b->state = WEB_BUF_FREE;
    b->next_free = b->server->free_bufs;
    b->server->free_bufs = b;
    b->server->buf_freed = true;
}

static uint64_t now_ms(struct web_server *s)
{
    return s->config.now_ms(s->config.context);
}

uint64_t web_server_unix(struct web_server *s)
{
    return s->config.unix_time(s->config.context);
}

void web_server_log(struct web_server *s, const char *what, const char *path,
                    int err)
{
    char line[256];

    snprintf(line, sizeof(line), "%s %.160s: error %d", what, path, -err);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    s->config.log(s->config.context, line);
}

size_t web_conn_take(struct web_conn *c, void *to, size_t max)
{
    size_t n;

    if (!c->rx || max == 0)
        return 0;
    n = c->rx->tot_len < max ? c->rx->tot_len : max;
    n = pbuf_copy_partial(c->rx, to, (u16_t)n, 0);
    c->rx = pbuf_free_header(c->rx, (u16_t)n);
    if (c->pcb)
        tcp_recved(c->pcb, (u16_t)n);
    c->last_ms = now_ms(c->server);
    return n;
}

bool web_conn_write(struct web_conn *c, const void *from, size_t max,
                    size_t *sent, bool more)
{
    size_t space = tcp_sndbuf(c->pcb);
    size_t n = max < space ? max : space;
    u8_t flags = TCP_WRITE_FLAG_COPY;

    if (n == 0 || (n < max && n < WRITE_AT_LEAST))
        return false;
    if (n > 0xffff)
        n = 0xffff;
    if (more || n < max)
        flags |= TCP_WRITE_FLAG_MORE;
    if (tcp_write(c->pcb, from, (u16_t)n, flags) != ERR_OK)
        return false;
    c->server->stats.bytes_sent += n;
    *sent = n;
    return true;
}

static void release(struct web_conn *c)
{
    web_body_end(c);
    web_conn_put_drop(c);
    web_text_free(&c->text);
    if (c->rx)
        pbuf_free(c->rx);
    c->rx = NULL;
    c->pcb = NULL;
    c->state = WEB_CONN_FREE;
    c->server->stats.conns--;
}

static void forget_pcb(struct web_conn *c)
{
    tcp_arg(c->pcb, NULL);
    tcp_recv(c->pcb, NULL);
    tcp_sent(c->pcb, NULL);
    tcp_err(c->pcb, NULL);
}

/* Not from a callback of this connection: lwIP would use the pcb again. */
void web_conn_abort(struct web_conn *c)
{
    if (c->pcb) {
        forget_pcb(c);
        tcp_abort(c->pcb);
    }
    release(c);
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct web_conn *c = arg;

    (void)pcb, (void)err;
    c->ready = true;
    if (!p) {
        c->peer_closed = true;
    } else if (c->rx) {
        /* The window bounds the queue; a chain's length is 16 bits wide. */
        if (c->rx->tot_len + p->tot_len > 0xffff)
            return ERR_MEM;
        pbuf_cat(c->rx, p);
    } else {
        c->rx = p;
    }
    return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct web_conn *c = arg;

    (void)pcb, (void)len;
    c->ready = true;
    c->last_ms = now_ms(c->server);
    return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    struct web_conn *c = arg;

    (void)err;
    c->pcb = NULL; /* lwIP has freed it */
    c->ready = true;
}

static err_t refuse(struct web_server *s, struct tcp_pcb *pcb)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                 "Content-Length: 0\r\n"
                                 "Retry-After: 1\r\n"
                                 "Connection: close\r\n\r\n";

    s->stats.refused++;
    if (tcp_write(pcb, answer, sizeof(answer) - 1, TCP_WRITE_FLAG_COPY) ||
        tcp_close(pcb) != ERR_OK) {
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct web_server *s = arg;
    struct web_conn *c = NULL;

    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    for (unsigned i = 0; i < WEB_CONNS && !c; i++)
        if (s->conns[i].state == WEB_CONN_FREE)
            c = &s->conns[i];
    if (!c)
        return refuse(s, pcb);
    memset(c, 0, offsetof(struct web_conn, in));
    memset(&c->text, 0, sizeof(*c) - offsetof(struct web_conn, text));
    c->server = s;
    c->pcb = pcb;
    c->state = WEB_CONN_HEAD;
    c->last_ms = now_ms(s);
    s->stats.conns++;
    tcp_nagle_disable(pcb);
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    return ERR_OK;
}

static int alloc_buffers(struct web_server *s)
{
    struct web_disk *d = s->config.disk;

    for (unsigned i = 0; i < WEB_BUFFERS; i++) {
        struct web_buf *b = &s->bufs[i];

        b->server = s;
        b->read.buf = d->ops->alloc(d, WEB_DISK_IO_MAX);
        if (!b->read.buf)
            return -WEIR_ENOMEM;
        web_buf_give(b);
    }
    return 0;
}

int web_server_open(const struct web_server_config *config,
                    struct web_server **out)
{
    struct web_server *s = calloc(1, sizeof(*s));
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    int err = -WEIR_ENOMEM;

    if (!s || !pcb)
        goto fail;
    s->config = *config;
    if (alloc_buffers(s))
        goto fail;
    err = -WEIR_EBUSY;
    if (tcp_bind(pcb, IP_ANY_TYPE, config->port) != ERR_OK)
        goto fail;
    err = -WEIR_ENOMEM;
    s->listener = tcp_listen(pcb); /* frees pcb, but when it fails */
    if (!s->listener)
        goto fail;
    tcp_arg(s->listener, s);
    tcp_accept(s->listener, on_accept);
    *out = s;
    return 0;
fail:
    if (pcb)
        tcp_abort(pcb);
    free(s);
    return err;
}

/* Close a connection that has nothing more to do. */
static void finish(struct web_conn *c)
{
    if (c->pcb) {
        struct tcp_pcb *pcb = c->pcb;

        forget_pcb(c);
        if (tcp_close(pcb) != ERR_OK)
            tcp_abort(pcb);
    }
    release(c);
}

static void step_conn(struct web_conn *c, bool *moved)
{
    c->ready = false;
    if (!c->pcb) {
        release(c);
        *moved = true;
        return;
    }
    while (c->state != WEB_CONN_FREE && web_conn_step(c))
        *moved = true;
    if (c->state == WEB_CONN_FREE)
        return;
    /* A client may close its half after its request, and read on. */
    if (c->peer_closed && !c->rx &&
        (c->state == WEB_CONN_HEAD || c->state == WEB_CONN_LINGER ||
         c->state == WEB_CONN_PUT)) {
        finish(c);
        *moved = true;
    } else {
        tcp_output(c->pcb);
    }
}

static void expire(struct web_conn *c, uint64_t now)
{
    if (c->state == WEB_CONN_HEAD && c->head_ms &&
        now - c->head_ms > WEB_REQUEST_MS) {
        web_conn_answer_error(c, 408, false, "");
        c->ready = true;
    } else if (now - c->last_ms > WEB_IDLE_MS ||
               (c->state == WEB_CONN_LINGER &&
                now - c->last_ms > WEB_LINGER_MS)) {
        if (c->state == WEB_CONN_HEAD)
            finish(c);
        else
            web_conn_abort(c);
    }
}

bool web_server_step(struct web_server *s)
{
    uint64_t now = now_ms(s);
    bool moved = false, retry = s->buf_freed;
    bool tick = now - s->tick_ms >= 500;

    s->buf_freed = false;
    if (tick)
        s->tick_ms = now;
    for (unsigned i = 0; i < WEB_CONNS; i++) {
        struct web_conn *c = &s->conns[i];

        if (c->state == WEB_CONN_FREE)
            continue;
        if (tick)
            expire(c, now);
        if (c->state != WEB_CONN_FREE &&
            (c->ready || (retry && c->want_buffer)))
            step_conn(c, &moved);
    }
    return moved;
}

void web_server_stats(const struct web_server *s, struct web_server_stats *out)
{
    *out = s->stats;
}

void web_server_close(struct web_server *s)
{
    if (s->listener)
        tcp_close(s->listener);
    s->listener = NULL;
    for (unsigned i = 0; i < WEB_CONNS; i++)
        if (s->conns[i].state != WEB_CONN_FREE)
            web_conn_abort(&s->conns[i]);
}

void web_server_free(struct web_server *s)
{
    free(s);
}

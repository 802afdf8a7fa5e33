/* SPDX-License-Identifier: MIT
 *
 * Load that goes on until SIGTERM and says then what it saw; at SIGUSR1, how
 * long it had to wait so far:
 *
 *   steady files DIR            writes files with fsync and reads them back
 *                               from the disk
 *   steady serve PORT           the other end of one connection
 *   steady stream ADDRESS PORT  one connection, data both ways
 *
 * What each file and each end of the connection should hold is known from
 * numbers alone, so a byte that is lost, doubled, stale or changed is seen.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FILES      16
#define CHUNK      4096
#define MAX_CHUNKS 64
#define PIECE      8192 /* of the stream, each PACE_MS */
#define PACE_MS    10

static volatile sig_atomic_t ended, asked;

static void end(int sig)
{
    if (sig == SIGTERM)
        ended = 1;
    else
        asked = 1;
}

static int failed(const char *what)
{
    printf("steady: %s: %s\n", what, strerror(errno));
    return 1;
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void so_far(const char *what, uint64_t *ms)
{
    if (!asked)
        return;
    asked = 0;
    printf("so far: %s %" PRIu64 " ms\n", what, *ms);
    *ms = 0;
}

/* ---- known data ---------------------------------------------------------- */

struct gen {
    uint64_t state, bytes, sum;
};

static uint64_t gen_word(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

/* The next byte of the sequence that SEED (not zero) began. */
static uint8_t gen_byte(struct gen *g)
{
    uint8_t byte;

    if (!(g->bytes % 8))
        gen_word(&g->state);
    byte = (uint8_t)(g->state >> g->bytes % 8 * 8);
    g->bytes++;
    g->sum = (g->sum ^ byte) * 0x100000001b3u;
    return byte;
}

static struct gen gen_from(uint64_t seed)
{
    struct gen g = {.state = seed, .sum = 0xcbf29ce484222325u};

    return g;
}

/* ---- files --------------------------------------------------------------- */

static _Alignas(CHUNK) uint8_t block[CHUNK * MAX_CHUNKS];

struct file {
    char path[256];
    uint64_t version; /* 0: not there */
    uint32_t chunks;
};

static void file_fill(uint8_t *to, const struct file *f, size_t n)
{
    uint64_t s = f->version, word;

    for (size_t i = 0; i < f->chunks * (size_t)CHUNK; i += sizeof(word)) {
        word = gen_word(&s);
        memcpy(to + i, &word, sizeof(word));
    }
    memcpy(to, &n, sizeof(n));
}

static int file_write(struct file *f, size_t n, uint64_t version)
{
    size_t len;
    int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return failed(f->path);
    f->version = version;
    f->chunks = 1 + (uint32_t)(version * 2654435761u >> 8) % MAX_CHUNKS;
    len = f->chunks * (size_t)CHUNK;
    file_fill(block, f, n);
    if (write(fd, block, len) != (ssize_t)len || fsync(fd))
        return failed(f->path);
    return close(fd) ? failed(f->path) : 0;
}

/* Around the page cache: what the disk holds. */
static int file_check(const struct file *f, size_t n)
{
    static _Alignas(CHUNK) uint8_t want[sizeof(block)];
    size_t len = f->chunks * (size_t)CHUNK, i;
    int fd = open(f->path, O_RDONLY | O_DIRECT | O_CLOEXEC);

    if (fd < 0)
        return failed(f->path);
    memset(block, 0, sizeof(block));
    if (read(fd, block, sizeof(block)) != (ssize_t)len)
        return failed(f->path);
    close(fd);
    file_fill(want, f, n);
    if (!memcmp(block, want, len))
        return 0;
    for (i = 0; block[i] == want[i];)
        i++;
    printf("steady: %s: version %" PRIu64 " is wrong from byte %zu on\n",
           f->path, f->version, i);
    return 1;
}

static int files(const char *dir)
{
    struct file all[FILES] = {0};
    uint64_t written = 0, read_back = 0, longest = 0, from;
    size_t n;

    while (!ended) {
        from = now_ms();
        n = written % FILES;
        snprintf(all[n].path, sizeof(all[n].path), "%s/%zu", dir, n);
        if (file_write(&all[n], n, ++written))
            return 1;
        n = written * 7 % FILES;
        if (all[n].version && file_check(&all[n], n))
            return 1;
        read_back += all[n].version != 0;
        if (now_ms() - from > longest)
            longest = now_ms() - from;
        so_far("longest file", &longest);
    }
    for (n = 0; n < FILES; n++)
        if (all[n].version && file_check(&all[n], n))
            return 1;
    printf("files: %" PRIu64 " written, %" PRIu64 " read back, 0 wrong, "
           "longest %" PRIu64 " ms\n",
           written, read_back + (written < FILES ? written : FILES), longest);
    return 0;
}

/* ---- the connection ------------------------------------------------------ */

struct link {
    int fd;
    struct gen out, in; /* what was sent; what was received as it should be */
    uint8_t piece[PIECE];
    size_t at, len; /* of piece: sent, filled */
    uint64_t next, heard, gap;
    bool leads; /* closes first */
    bool shut, eof;
};

static int link_send(struct link *l)
{
    ssize_t n;

    if (l->at == l->len) {
        for (l->len = 0; l->len < PIECE; l->len++)
            l->piece[l->len] = gen_byte(&l->out);
        l->at = 0;
        l->next = now_ms() + PACE_MS;
    }
    n = send(l->fd, l->piece + l->at, l->len - l->at, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : failed("send");
    l->at += (size_t)n;
    return 0;
}

static int link_receive(struct link *l)
{
    uint8_t buf[PIECE];
    ssize_t n = recv(l->fd, buf, sizeof(buf), 0);
    uint64_t now = now_ms();

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : failed("receive");
    l->eof = !n;
    if (now - l->heard > l->gap)
        l->gap = now - l->heard;
    l->heard = now;
    for (ssize_t i = 0; i < n; i++)
        if (buf[i] != gen_byte(&l->in)) {
            printf("steady: byte %" PRIu64 " received is wrong\n",
                   l->in.bytes - 1);
            return 1;
        }
    return 0;
}

/* Whoever leads closes its half at SIGTERM, the other one when it sees that;
 * a piece that was begun is sent. */
static int link_run(struct link *l)
{
    l->heard = now_ms();
    while (!l->shut || !l->eof) {
        struct pollfd p = {.fd = l->fd, .events = l->eof ? 0 : POLLIN};
        bool part = l->at < l->len, last = l->leads ? ended : l->eof;
        uint64_t now = now_ms();

        so_far("longest silence", &l->gap);
        if (last && !part && !l->shut) {
            l->shut = true;
            if (shutdown(l->fd, SHUT_WR))
                return failed("shutdown");
            continue;
        }
        if (part || (!l->shut && now >= l->next))
            p.events |= POLLOUT;
        if (poll(&p, 1, PACE_MS) < 0 && errno != EINTR)
            return failed("poll");
        if (p.revents & (POLLIN | POLLHUP | POLLERR) && link_receive(l))
            return 1;
        if (p.revents & POLLOUT && link_send(l))
            return 1;
    }
    printf("stream: sent %" PRIu64 " %016" PRIx64 " received %" PRIu64
           " %016" PRIx64 " silence %" PRIu64 " ms\n",
           l->out.bytes, l->out.sum, l->in.bytes, l->in.sum, l->gap);
    return 0;
}

static int link_begin(int fd, bool leads)
{
    static struct link l;

    l = (struct link){.fd = fd, .leads = leads};
    l.out = gen_from(leads ? 0x5eed1 : 0x5eed2);
    l.in = gen_from(leads ? 0x5eed2 : 0x5eed1);
    if (fcntl(fd, F_SETFL, O_NONBLOCK))
        return failed("fcntl");
    return link_run(&l);
}

/* One connection and no other. */
static int serve(const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int on = 1, fd, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_port = htons((uint16_t)atoi(port));
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        bind(s, (struct sockaddr *)&at, sizeof(at)) || listen(s, 1))
        return failed("listen");
    fd = accept4(s, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return failed("accept");
    close(s);
    return link_begin(fd, false);
}

static int stream(const char *address, const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_port = htons((uint16_t)atoi(port));
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1 || s < 0 ||
        connect(s, (struct sockaddr *)&at, sizeof(at)))
        return failed(address);
    return link_begin(s, true);
}

int main(int argc, char **argv)
{
    struct sigaction sa = {.sa_handler = end};

    setvbuf(stdout, NULL, _IOLBF, 0);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGUSR1, &sa, NULL);
    if (argc == 3 && !strcmp(argv[1], "files"))
        return files(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "serve"))
        return serve(argv[2]);
    if (argc == 4 && !strcmp(argv[1], "stream"))
        return stream(argv[2], argv[3]);
    printf("usage: steady files DIR | serve PORT | stream ADDRESS PORT\n");
    return 2;
}

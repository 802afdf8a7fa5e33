/* SPDX-License-Identifier: MIT
 *
 * Requests a second that weir-xenstored answers over its socket: one client
 * that waits for each reply, eight such clients, one that keeps 16 requests
 * under way; and writes while 100 watches look on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "xenbus/socket.h"

#define RUNS    5
#define SECONDS 0.4

static char dir[] = "/tmp/weir-bench-xs-XXXXXX";
static char path[64];
static pid_t server;

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void stop_server(void)
{
    if (server > 0) {
        kill(server, SIGTERM);
        waitpid(server, NULL, 0);
    }
    unlink(path);
    rmdir(dir);
}

static void die(const char *what, int r)
{
    fprintf(stderr, "bench_xs: %s: error %d\n", what, -r);
    exit(1);
}

static void open_xs(struct weir_xs *xs)
{
    int r = -1;

    for (int i = 0; i < 200 && r; i++) {
        r = weir_xs_open_socket(xs, path, NULL);
        if (r)
            usleep(10000);
    }
    if (r)
        die("connect", r);
}

static void start_server(void)
{
    const char *b = getenv("B");
    char prog[512];

    if (!mkdtemp(dir))
        die("mkdtemp", -1);
    snprintf(path, sizeof(path), "%s/s", dir);
    snprintf(prog, sizeof(prog), "%s/bin/weir-xenstored", b ? b : "build");
    server = fork();
    if (!server) {
        execl(prog, prog, "--standalone", "--socket", path, (char *)NULL);
        _exit(127);
    }
    atexit(stop_server);
}

/* Reads one after the other until the time is over; how many. */
static double reads(struct weir_xs *xs)
{
    double end = now() + SECONDS;
    unsigned long n = 0;
    char buf[64];

    while (now() < end)
        for (int i = 0; i < 50; i++, n++)
            if (weir_xs_read(xs, 0, "/bench/key", buf, sizeof(buf)) != 5)
                die("read", -1);
    return (double)n / SECONDS;
}

static double one_client(void)
{
    static struct weir_xs xs;
    double rate;

    open_xs(&xs);
    rate = reads(&xs);
    weir_xs_close_socket(&xs);
    return rate;
}

static double eight_clients(void)
{
    double sum = 0, one;
    int fd[2];

    if (pipe(fd))
        die("pipe", -1);
    for (int i = 0; i < 8; i++)
        if (!fork()) {
            one = one_client();
            _exit(write(fd[1], &one, sizeof(one)) != sizeof(one));
        }
    for (int i = 0; i < 8; i++) {
        if (read(fd[0], &one, sizeof(one)) != sizeof(one))
            die("client", -1);
        sum += one;
    }
    close(fd[0]);
    close(fd[1]);
    for (int i = 0; i < 8; i++)
        wait(NULL);
    return sum;
}

static double pipelined(void)
{
    enum { DEPTH = 16, MSG = WEIR_XS_HDR_SIZE + 11, REPLY = 21 };
    struct weir_xs_header h = {.type = WEIR_XS_READ, .len = 11};
    static struct weir_xs xs;
    uint8_t out[DEPTH * MSG], in[DEPTH * REPLY];
    unsigned long n = 0;
    double end;

    open_xs(&xs);
    for (int i = 0; i < DEPTH; i++) {
        weir_xs_hdr_put(out + i * MSG, &h);
        memcpy(out + i * MSG + WEIR_XS_HDR_SIZE, "/bench/key", 11);
    }
    end = now() + SECONDS;
    while (now() < end) {
        if (send(xs.fd, out, sizeof(out), MSG_NOSIGNAL) != sizeof(out) ||
            recv(xs.fd, in, sizeof(in), MSG_WAITALL) != sizeof(in))
            die("pipelined", -1);
        n += DEPTH;
    }
    weir_xs_close_socket(&xs);
    return (double)n / SECONDS;
}

static double watched_writes(void)
{
    static struct weir_xs xs, looker;
    struct weir_xs_event ev;
    unsigned long n = 0;
    char token[16];
    double end;

    open_xs(&xs);
    open_xs(&looker);
    for (int i = 0; i < 100; i++) {
        snprintf(token, sizeof(token), "%d", i);
        weir_xs_watch(&looker, i ? "/elsewhere" : "/bench", token);
    }
    end = now() + SECONDS;
    while (now() < end)
        for (int i = 0; i < 50; i++, n++) {
            if (weir_xs_write(&xs, 0, "/bench/key", "value", 5))
                die("write", -1);
            while (weir_xs_next_event(&looker, &ev) == 1)
                ;
        }
    weir_xs_close_socket(&xs);
    weir_xs_close_socket(&looker);
    return (double)n / SECONDS;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void measure(const char *name, double (*run)(void))
{
    double v[RUNS];

    for (int i = 0; i < RUNS; i++)
        v[i] = run();
    qsort(v, RUNS, sizeof(v[0]), ascending);
    printf("{\"name\":\"%s\",\"unit\":\"requests/s\","
           "\"higher_is_better\":true,\"weir\":%.0f,"
           "\"peer_name\":null,\"peer\":null}\n",
           name, v[RUNS / 2]);
    fflush(stdout);
}

int main(void)
{
    static struct weir_xs xs;

    start_server();
    open_xs(&xs);
    if (weir_xs_write(&xs, 0, "/bench/key", "value", 5))
        die("write", -1);
    measure("xs_read_one_client", one_client);
    measure("xs_read_8_clients", eight_clients);
    measure("xs_read_16_under_way", pipelined);
    measure("xs_write_100_watches", watched_writes);
    weir_xs_close_socket(&xs);
    return 0;
}

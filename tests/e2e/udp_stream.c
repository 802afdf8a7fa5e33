/* SPDX-License-Identifier: MIT
 *
 * udp_stream A.B.C.D PORT SECONDS: numbered datagrams of all sizes to a guest
 * that sends them back.  None may come twice, none spoilt; what is lost is
 * counted.  Ends early when standard input does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NUMBERS  (1u << 24)
#define SMALL    16u
#define LARGE    1400u
#define BURST    32u
#define UNDERWAY 100u     /* there and back */
#define STALL_NS 10000000 /* they are lost then */
#define LATE_NS  500000000u

static uint8_t came[NUMBERS];

static uint64_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint32_t make(uint8_t *p, uint32_t number)
{
    uint32_t x = number * 2654435761u, len = SMALL + (x >> 8) % (LARGE - SMALL);
    uint32_t w[2] = {number, len};

    memcpy(p, w, sizeof(w));
    for (uint32_t i = sizeof(w); i < len; i++)
        p[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
    return len;
}

static int open_socket(const char *address, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(port))};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (s < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
        setsockopt(s, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)) != 0 ||
        connect(s, (struct sockaddr *)&to, sizeof(to)) != 0)
        return -1;
    return s;
}

struct counts {
    uint32_t sent, came, doubled, spoilt;
    uint64_t last, gap; /* ns */
};

static void receive(int s, struct counts *c)
{
    uint8_t p[LARGE + 1], want[LARGE];
    ssize_t n;

    while ((n = recv(s, p, sizeof(p), 0)) >= 0) {
        uint32_t number = NUMBERS;

        if (n >= (ssize_t)SMALL)
            memcpy(&number, p, sizeof(number));
        if (number >= c->sent || make(want, number) != (uint32_t)n ||
            memcmp(p, want, (size_t)n) != 0) {
            c->spoilt++;
            continue;
        }
        c->doubled += came[number];
        c->came += !came[number];
        came[number] = 1;
        if (c->last != 0 && now() - c->last > c->gap)
            c->gap = now() - c->last;
        c->last = now();
    }
}

static bool told_to_end(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char c;

    return poll(&in, 1, 0) == 1 && read(STDIN_FILENO, &c, 1) <= 0;
}

int main(int argc, char **argv)
{
    static struct counts c;
    uint8_t p[LARGE];
    uint32_t lost = 0;
    uint64_t end;
    int s = argc == 4 ? open_socket(argv[1], argv[2]) : -1;

    if (s < 0) {
        fprintf(stderr, "usage: udp_stream A.B.C.D PORT SECONDS (%s)\n",
                strerror(errno));
        return 2;
    }
    end = now() + strtoull(argv[3], NULL, 10) * 1000000000u;
    while (c.sent < NUMBERS - BURST && now() < end && !told_to_end()) {
        struct pollfd in = {.fd = s, .events = POLLIN};

        for (unsigned i = 0; i < BURST; i++) {
            uint32_t len = make(p, c.sent++);

            if (send(s, p, len, 0) < 0 && errno != EAGAIN && errno != ENOBUFS &&
                errno != ECONNREFUSED && errno != EHOSTUNREACH)
                return 1;
        }
        receive(s, &c);
        while (c.sent - c.came - lost > UNDERWAY) {
            if (poll(&in, 1, STALL_NS / 1000000) != 1)
                lost = c.sent - c.came;
            receive(s, &c);
        }
    }
    for (end = now() + LATE_NS; now() < end; usleep(1000))
        receive(s, &c);
    printf("%u datagrams, %u came back, %u doubled, %u spoilt, longest silence "
           "%llu ms\n",
           c.sent, c.came, c.doubled, c.spoilt,
           (unsigned long long)(c.gap / 1000000));
    return c.came == 0 || c.doubled != 0 || c.spoilt != 0;
}

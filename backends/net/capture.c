/* SPDX-License-Identifier: MIT */
#include "backends/net/vif.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct weir_capture {
    pthread_mutex_t lock; /* queues write whole records */
    int fd;
    bool full; /* a write failed: the file ends here */
};

struct pcap_file {
    uint32_t magic;
    uint16_t major, minor;
    int32_t zone;
    uint32_t sigfigs, snaplen, link;
};

struct pcap_record {
    uint32_t sec, usec, caplen, len;
};

int weir_capture_open(int fd, bool begun, struct weir_capture **out)
{
    const struct pcap_file head = {.magic = 0xa1b2c3d4u,
                                   .major = 2,
                                   .minor = 4,
                                   .snaplen = WEIR_NET_MAX,
                                   .link = 1};
    struct weir_capture *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    pthread_mutex_init(&c->lock, NULL);
    c->fd = fd;
    c->full = !begun && write(fd, &head, sizeof(head)) != (ssize_t)sizeof(head);
    *out = c;
    return 0;
}

void weir_capture_close(struct weir_capture *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static void record(struct weir_capture *c, const struct weir_net_packet *p)
{
    struct iovec iov[WEIR_NET_PIECES + 1];
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    struct pcap_record r = {.sec = (uint32_t)ts.tv_sec,
                            .usec = (uint32_t)(ts.tv_nsec / 1000),
                            .caplen = p->len,
                            .len = p->len};
    iov[0] = (struct iovec){.iov_base = &r, .iov_len = sizeof(r)};
    for (unsigned i = 0; i < p->npieces; i++)
        iov[i + 1] = (struct iovec){
            .iov_base = (void *)(uintptr_t)p->piece[i].p,
            .iov_len = p->piece[i].len,
        };
    ssize_t n = writev(c->fd, iov, p->npieces + 1);
    c->full = n != (ssize_t)(sizeof(r) + p->len);
}

void weir_capture_packets(struct weir_capture *c,
                          const struct weir_net_packet *p, unsigned n)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < n && !c->full; i++)
        record(c, &p[i]);
    pthread_mutex_unlock(&c->lock);
}

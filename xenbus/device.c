/* SPDX-License-Identifier: MIT
 *
 * Facts of Linux' device: a write may hold part of a message; a read blocks
 * unless the descriptor says otherwise; it polls readable.  The kernel numbers
 * requests anew on their way and gives the caller's number back, but some
 * versions answer WATCH and UNWATCH themselves with number 0: so answers to
 * these two get the number of the request here.  A WATCH that is refused (a
 * quota) is no answer but the write's error: it becomes one here, as a
 * connection that ends for it would take all devices with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "xenbus/socket.h"

#define DEVICE "/dev/xen/xenbus"
/* The registry may stand still for a while, as when it is updated; whoever gave
 * up would leave guests without devices whose data need no registry. */
#define DEADLINE_NS 600000000000u

static bool would_block(int err)
{
    return err == EAGAIN || err == EINTR;
}

/* What is to be read next is made here: an answer's header, its payload. */
enum made { NOTHING, HEADER, PAYLOAD };

static int refused(struct weir_xs *xs, size_t len, int err)
{
    struct weir_xs_header h;

    if (weir_xs_hdr_get(&h, xs->out) != 0 || h.type != WEIR_XS_WATCH)
        return -err;
    xs->made = HEADER;
    xs->made_error = err;
    return (int)len;
}

static int dev_send(struct weir_xs *xs, const void *buf, size_t len)
{
    ssize_t n = write(xs->fd, buf, len);

    if (n < 0)
        return would_block(errno) ? 0 : refused(xs, len, errno);
    return (int)n;
}

/* Both fit: the client asks for a message's header, then for the rest. */
static int make_answer(struct weir_xs *xs, void *buf)
{
    const char *name = weir_xs_error_name(xs->made_error);
    size_t len = strlen(name) + 1;
    struct weir_xs_header h = {
        .type = WEIR_XS_ERROR, .req_id = xs->next_req_id, .len = (uint32_t)len};

    if (xs->made == HEADER) {
        xs->made = PAYLOAD;
        weir_xs_hdr_put(buf, &h);
        return WEIR_XS_HDR_SIZE;
    }
    xs->made = NOTHING;
    memcpy(buf, name, len);
    return (int)len;
}

/* The client asks for a header first, then for what it announces, so a header
 * is at the start of a read that has one. */
static void number(struct weir_xs *xs, uint8_t *buf, size_t len)
{
    struct weir_xs_header h;

    if (xs->in_len != 0 || len < WEIR_XS_HDR_SIZE)
        return;
    if (weir_xs_hdr_get(&h, buf) != 0 || h.req_id != 0 ||
        (h.type != WEIR_XS_WATCH && h.type != WEIR_XS_UNWATCH))
        return;
    h.req_id = xs->next_req_id;
    weir_xs_hdr_put(buf, &h);
}

static int dev_recv(struct weir_xs *xs, void *buf, size_t len)
{
    ssize_t n;

    if (xs->made == PAYLOAD || (xs->made == HEADER && xs->in_len == 0))
        return make_answer(xs, buf);
    n = read(xs->fd, buf, len);
    if (n < 0)
        return would_block(errno) ? 0 : -errno;
    if (n == 0)
        return -ENOTCONN;
    number(xs, buf, (size_t)n);
    return (int)n;
}

static int dev_wait(struct weir_xs *xs, bool sending, uint64_t timeout_ns)
{
    struct pollfd p = {.fd = xs->fd, .events = POLLIN};
    uint64_t ms = timeout_ns / 1000000 + 1;

    (void)sending; /* a write that would block is not there: it waits */
    if (poll(&p, 1, ms > 60000 ? 60000 : (int)ms) < 0 && errno != EINTR)
        return -errno;
    return 0;
}

static uint64_t dev_now(struct weir_xs *xs)
{
    struct timespec ts;

    (void)xs;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static const struct weir_xs_transport device_transport = {
    .send = dev_send,
    .recv = dev_recv,
    .wait = dev_wait,
    .now_ns = dev_now,
};

int weir_xs_open_device(struct weir_xs *xs, const char *path,
                        struct weir_port *port)
{
    int fd =
        open(path != NULL ? path : DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    int err;

    if (fd < 0)
        return -errno;
    err = weir_xs_open(xs, &device_transport, NULL, port);
    xs->fd = fd;
    xs->deadline_ns = DEADLINE_NS;
    return err;
}

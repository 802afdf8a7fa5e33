/* SPDX-License-Identifier: MIT
 *
 * The control socket: a client sends whatever the input says.  weir-hv answers
 * or hangs up, and stays whole.  Also: what decodes encodes to the same bytes.
 *
 * Input: records of 1 byte (bit 0: leave the header as it is; the others: so
 * many descriptors go with it), 1 byte length, bytes.
 */
#include "hypervisor/client/codec_client.h"
#include "hypervisor/ctl.h"
#include "tests/fuzz/hv_fake.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is open: nothing may be added by an input. */
static int lowest_free(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

static void codec(const uint8_t *p, size_t len)
{
    struct weir_hv_dominfo d;
    struct weir_hv_machine m;
    struct weir_hv_hello h;
    struct weir_io_range r;
    uint8_t again[WEIR_HVCTL_IO_RANGE];

    weir_hvctl_get_dominfo(p, len, &d);
    weir_hvctl_get_machine(p, len, &m);
    weir_hv_get_hello(p, len, &h);
    if (weir_hvctl_get_range(p, len, &r) == 0) {
        weir_hvctl_put_range(again, &r);
        if (memcmp(again, p, 4) || memcmp(again + 8, p + 8, 16))
            abort();
    }
}

#define FDS_MAX 20 /* more than are taken */

static bool send_with(int fd, uint8_t *msg, size_t len, unsigned nfds)
{
    static int some[FDS_MAX]; /* descriptor 0 */
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(some))];
    } ctl = {.room = {0}};
    struct iovec iov = {msg, len};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

    if (nfds > FDS_MAX)
        nfds = FDS_MAX;
    if (nfds) {
        mh.msg_control = &ctl;
        mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        ctl.align.cmsg_level = SOL_SOCKET;
        ctl.align.cmsg_type = SCM_RIGHTS;
        ctl.align.cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(&ctl.align), some, nfds * sizeof(int));
    }
    return sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static void play(struct hv_ctl *c, int fd, uint8_t how, const uint8_t *p,
                 size_t len)
{
    uint8_t msg[256], reply[WEIR_HV_MSG_MAX];
    struct weir_hv_create how_to;
    char name[WEIR_HV_NAME];

    codec(p, len);
    memcpy(msg, p, len);
    if (!(how & 1) && len >= WEIR_HV_HEADER) {
        msg[0] = WEIR_HV_VERSION;
        msg[1] = msg[3] = 0;
        weir_put16(msg + 14, (uint16_t)len);
    }
    /* Creation starts a thread and makes a process's worth of descriptors: the
     * e2e tests do that.  Its decoder runs here. */
    if (len >= WEIR_HV_HEADER && weir_le16(msg + 2) == WEIR_HVCTL_CREATE) {
        weir_hvctl_get_create(msg + WEIR_HV_HEADER, len - WEIR_HV_HEADER, name,
                              &how_to);
        return;
    }
    if (len == 0 || !send_with(fd, msg, len, how >> 1))
        return;
    hv_ctl_serve(c, 0);
    while (recv(fd, reply, sizeof(reply), MSG_DONTWAIT) > 0)
        continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hv_ctl c;
    struct hv_domain *d;
    int dom, sv[2], before;

    memset(&c, 0, sizeof(c));
    c.m = fake_machine();
    before = lowest_free();
    hv_stash_init(&c.stash, 40);
    for (int i = 1; i < HV_CTL_CONNS; i++)
        c.conn[i].fd = -1;
    d = fake_domain(1, &dom);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv) < 0)
        abort();
    c.conn[0].fd = sv[0];
    for (size_t at = 0; at + 2 <= size;) {
        uint8_t len = data[at + 1];

        if (len > size - at - 2)
            len = (uint8_t)(size - at - 2);
        play(&c, sv[1], data[at], data + at + 2, len);
        at += 2 + (size_t)len;
    }
    close(sv[1]);
    if (c.conn[0].fd >= 0)
        close(c.conn[0].fd);
    if (c.stash.fds > c.stash.max_fds || c.stash.n > c.stash.fds)
        abort();
    hv_stash_fini(&c.stash);
    fake_end(d, dom);
    fake_check_empty();
    if (lowest_free() != before)
        abort();
    return 0;
}

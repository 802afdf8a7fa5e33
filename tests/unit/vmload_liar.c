/* SPDX-License-Identifier: MIT */
#include "tests/unit/vmload_liar.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hypervisor/loader/answer.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static void send_it(const void *bytes, size_t n, const int *fds, unsigned nfds)
{
    struct iovec iov = {0};
    union {
        char space[CMSG_SPACE(3 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    struct cmsghdr *c = &control.align;

    memcpy(&iov.iov_base, &bytes, sizeof(bytes));
    iov.iov_len = n;
    if (nfds) {
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
    }
    sendmsg(WEIR_LOAD_FD_SOCKET, &msg, MSG_NOSIGNAL);
}

/* What this process has: descriptors as bits, environment, blocked signals. */
static void tell(void)
{
    struct weir_load_answer a = {.error = ENOTTY};
    uint8_t buf[WEIR_LOAD_MAX_PACKET];
    unsigned fds = 0, env = 0, blocked = 0;
    sigset_t set;

    for (int fd = 0; fd < 32; fd++)
        fds |= (unsigned)(fcntl(fd, F_GETFD) >= 0) << fd;
    while (environ && environ[env])
        env++;
    sigprocmask(SIG_SETMASK, NULL, &set);
    for (int s = 1; s < 65; s++)
        blocked += sigismember(&set, s) == 1;
    snprintf(a.text, sizeof(a.text), "fds 0x%x env %u blocked %u", fds, env,
             blocked);
    send_it(buf, weir_load_put(buf, &a), NULL, 0);
}

_Noreturn void vmload_lie(int argc, char **argv)
{
    struct weir_load_answer a = {
        .image = {.entry = 0x1000000,
                  .start_info = 0x1000000,
                  .nsegments = 1,
                  .segments = {{0x1000000, 0x1000, 0x2000}}}};
    uint8_t buf[WEIR_LOAD_MAX_PACKET];
    const char *how = "";
    int fds[3];
    unsigned nfds = 1;

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--kernel-name=", 14) == 0)
            how = argv[i] + 14;
    fds[0] = strcmp(how, "file") == 0 ? open("/proc/self/exe", O_RDONLY)
                                      : memfd_create("lie", MFD_ALLOW_SEALING);
    fds[1] = fds[2] = 0;
    if (strcmp(how, "tells") == 0) {
        close(fds[0]);
        tell();
        exit(0);
    }
    if (strcmp(how, "crash") == 0) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
    if (strcmp(how, "status") == 0)
        exit(3);
    if (strcmp(how, "silent") == 0)
        exit(0);
    if (strcmp(how, "hang") == 0)
        pause();
    if (strcmp(how, "garbage") == 0) {
        send_it("weir-load: what?", 16, NULL, 0);
        exit(0);
    }
    if (strcmp(how, "outside") == 0) /* of 32 MiB, by a byte */
        a.image.segments[0].gpa = 0x2000000 - 0x1fff;
    if (strcmp(how, "outside") == 0)
        a.image.entry = a.image.start_info = 0x1ffffff;
    if (ftruncate(fds[0], strcmp(how, "short") == 0 ? 0x2fff : 0x3000) &&
        strcmp(how, "file") != 0)
        exit(4);
    if (strcmp(how, "unsealed") != 0)
        fcntl(fds[0], F_ADD_SEALS, SEALS);
    if (strcmp(how, "nofd") == 0)
        nfds = 0;
    if (strcmp(how, "generous") == 0)
        nfds = 3;
    send_it(buf, weir_load_put(buf, &a), fds, nfds);
    if (strcmp(how, "answer-and-hang") == 0)
        pause();
    exit(0);
}

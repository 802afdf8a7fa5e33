/* SPDX-License-Identifier: MIT
 *
 * What the device manager leaves with weir-hv: the client and the server of
 * the control socket, the server in a thread.
 */
#include "hypervisor/client/control_call.h"
#include "hypervisor/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_FDS 40

static struct hv_machine machine;
static struct hv_ctl ctl;
static struct weir_hvctl *client;
static pthread_t server;
static int before; /* descriptors open at the start */

/* close() of this file waits for the semaphore.  Set by the last test. */
static ino_t slow;
static sem_t go, waiting;
int __real_close(int fd);
int __wrap_close(int fd);

int __wrap_close(int fd)
{
    struct stat st;

    if (slow && pthread_equal(pthread_self(), ctl.stash.closer) &&
        fstat(fd, &st) == 0 && st.st_ino == slow) {
        sem_post(&waiting);
        sem_wait(&go);
    }
    return __real_close(fd);
}

static int descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 512; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* The thread that closes may need a moment. */
static void want_descriptors(int n)
{
    for (int ms = 0; descriptors() != n && ms < 20000; ms++)
        usleep(1000);
    assert_int_equal(descriptors(), n);
}

static void *serve(void *arg)
{
    struct pollfd p = {.fd = ctl.conn[0].fd, .events = POLLIN};

    (void)arg;
    while (ctl.conn[0].fd >= 0)
        if (poll(&p, 1, -1) > 0)
            hv_ctl_serve(&ctl, 0);
    return NULL;
}

static int begin(void **state)
{
    int sv[2];

    (void)state;
    before = descriptors();
    memset(&ctl, 0, sizeof(ctl));
    ctl.m = &machine;
    ctl.epoll = ctl.listener = ctl.spare = -1;
    for (int i = 0; i < HV_CTL_CONNS; i++)
        ctl.conn[i].fd = -1;
    hv_stash_init(&ctl.stash, MAX_FDS);
    client = calloc(1, sizeof(*client));
    if (!client || hv_stash_start(&ctl.stash) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
        return -1;
    ctl.conn[0].fd = sv[0];
    client->fd = sv[1];
    return pthread_create(&server, NULL, serve, NULL);
}

static int end(void **state)
{
    (void)state;
    weir_hvctl_close(client);
    pthread_join(server, NULL);
    hv_ctl_fini(&ctl);
    return descriptors() == before ? 0 : -1;
}

/* memfds are told apart by their inode. */
static ino_t inode(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static void make(int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        fds[i] = memfd_create("stash", MFD_CLOEXEC);
        assert_true(fds[i] >= 0);
    }
}

static void drop(const int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        close(fds[i]);
}

static int stash_new(uint64_t key, unsigned n)
{
    int fds[WEIR_STASH_FDS] = {0}, rc;

    make(fds, n);
    rc = weir_hvctl_stash(client, key, fds, n);
    drop(fds, n);
    return rc;
}

static void the_same_files_come_back(void **state)
{
    int fds[WEIR_STASH_FDS], got[WEIR_STASH_FDS];
    unsigned n;
    uint64_t key;

    (void)state;
    make(fds, WEIR_STASH_FDS);
    assert_int_equal(write(fds[0], "data", 4), 4);
    assert_int_equal(weir_hvctl_stash(client, 7, fds, WEIR_STASH_FDS), 0);
    for (int again = 0; again < 2; again++) {
        char data[8] = "";

        assert_int_equal(weir_hvctl_stashed(client, 0, &key, got, &n), 0);
        assert_int_equal(key, 7);
        assert_int_equal(n, WEIR_STASH_FDS);
        for (unsigned i = 0; i < n; i++) {
            assert_int_equal(inode(got[i]), inode(fds[i]));
            assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
        }
        assert_int_equal(pread(got[0], data, sizeof(data), 0), 4);
        assert_string_equal(data, "data");
        drop(got, n);
    }
    drop(fds, WEIR_STASH_FDS);
}

static void keys_come_in_order(void **state)
{
    const uint64_t keys[] = {9, 1, UINT64_MAX, 5, 0};
    const uint64_t sorted[] = {0, 1, 5, 9, UINT64_MAX};
    int got[WEIR_STASH_FDS];
    unsigned n;
    uint64_t first = 0, key;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(stash_new(keys[i], 1), 0);
    for (unsigned i = 0; i < 5; i++, first = key + 1) {
        assert_int_equal(weir_hvctl_stashed(client, first, &key, got, &n), 0);
        assert_int_equal(key, sorted[i]);
        drop(got, n);
    }
    assert_int_equal(weir_hvctl_unstash(client, 5), 0);
    assert_int_equal(weir_hvctl_unstash(client, 5), -ENOENT);
    assert_int_equal(weir_hvctl_stashed(client, 2, &key, got, &n), 0);
    assert_int_equal(key, 9);
    drop(got, n);
    assert_int_equal(weir_hvctl_unstash(client, UINT64_MAX), 0);
    assert_int_equal(weir_hvctl_stashed(client, 10, &key, got, &n), -ENOENT);
}

static void a_record_is_replaced_as_a_whole(void **state)
{
    int first[3], second[2], got[WEIR_STASH_FDS], had = descriptors();
    unsigned n;
    uint64_t key;

    (void)state;
    make(first, 3);
    make(second, 2);
    assert_int_equal(weir_hvctl_stash(client, 1, first, 3), 0);
    assert_int_equal(weir_hvctl_stash(client, 1, second, 2), 0);
    drop(first, 3);
    assert_int_equal(weir_hvctl_stashed(client, 0, &key, got, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(inode(got[1]), inode(second[1]));
    drop(got, n);
    drop(second, 2);
    want_descriptors(had + 2);
    assert_int_equal(weir_hvctl_unstash(client, 1), 0);
    want_descriptors(had);
}

static void a_full_stash_says_so(void **state)
{
    int had = descriptors();

    (void)state;
    assert_int_equal(stash_new(1, 16), 0);
    assert_int_equal(stash_new(2, 16), 0);
    assert_int_equal(stash_new(3, 9), -EMFILE);
    assert_int_equal(stash_new(3, 8), 0);
    /* In its own place there is room, and no more than that. */
    assert_int_equal(stash_new(3, 9), -EMFILE);
    assert_int_equal(stash_new(2, 16), 0);
    want_descriptors(had + MAX_FDS);
    assert_int_equal(weir_hvctl_unstash(client, 1), 0);
    assert_int_equal(stash_new(3, 16), 0);
}

static void records_are_bounded(void **state)
{
    struct hv_stash s;
    int fd = dup(0);

    (void)state;
    hv_stash_init(&s, 2 * WEIR_STASH_RECORDS);
    for (uint64_t key = WEIR_STASH_RECORDS; key > 0; key--)
        assert_int_equal(hv_stash_put(&s, key, &fd, 1), 0);
    assert_int_equal(hv_stash_put(&s, 0, &fd, 1), -ENOSPC);
    assert_int_equal(s.n, WEIR_STASH_RECORDS);
    assert_int_equal(hv_stash_next(&s, 0)->key, 1);
    assert_int_equal(hv_stash_drop(&s, 77), 0);
    assert_int_equal(hv_stash_next(&s, 77)->key, 78);
    fd = dup(0);
    assert_int_equal(hv_stash_put(&s, 0, &fd, 1), 0);
    hv_stash_fini(&s);
}

/* Says how many descriptors it brings, and brings others. */
static int lie(uint32_t said, unsigned really)
{
    static int some[32];
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(some))];
    } room = {.room = {0}};
    uint8_t buf[WEIR_HV_HEADER + WEIR_HVCTL_STASH_REQ] = {0};
    struct weir_hv_header h = {.op = WEIR_HVCTL_STASH, .size = sizeof(buf)};
    struct iovec iov = {buf, sizeof(buf)};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

    weir_hv_put_header(buf, &h);
    weir_put32(buf + WEIR_HV_HEADER + 8, said);
    if (really) {
        mh.msg_control = &room;
        mh.msg_controllen = CMSG_SPACE(really * sizeof(int));
        room.align.cmsg_level = SOL_SOCKET;
        room.align.cmsg_type = SCM_RIGHTS;
        room.align.cmsg_len = CMSG_LEN(really * sizeof(int));
        memcpy(CMSG_DATA(&room.align), some, really * sizeof(int));
    }
    assert_int_equal(sendmsg(client->fd, &mh, 0), sizeof(buf));
    assert_int_equal(recv(client->fd, buf, sizeof(buf), 0), WEIR_HV_HEADER);
    assert_int_equal(weir_hv_get_header(buf, WEIR_HV_HEADER, &h), 0);
    return h.status;
}

static void what_is_said_must_come(void **state)
{
    int had = descriptors();

    (void)state;
    assert_int_equal(lie(2, 1), -EBADF);
    assert_int_equal(lie(1, 2), -EBADF);
    assert_int_equal(lie(1, 0), -EBADF);
    assert_int_equal(lie(0, 0), -EINVAL);
    assert_int_equal(lie(17, 17), -EINVAL);
    assert_int_equal(lie(16, 17), -EBADF);
    assert_int_equal(lie(UINT32_MAX, 16), -EINVAL);
    want_descriptors(had);
    assert_int_equal(stash_new(1, 0), -EINVAL);
    assert_int_equal(lie(3, 3), 0);
    want_descriptors(had + 3);
}

static void out_of_descriptors_says_so(void **state)
{
    int fds[3], got[WEIR_STASH_FDS], had;
    unsigned n;
    uint64_t key;
    struct rlimit old, few;

    (void)state;
    assert_int_equal(stash_new(1, 3), 0);
    make(fds, 3);
    had = descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)dup(0) + 1; /* room for one */
    close((int)few.rlim_cur - 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    /* Server and client are one process here, so either is short of them. */
    assert_int_equal(weir_hvctl_stash(client, 2, fds, 3), -EMFILE);
    assert_int_equal(weir_hvctl_stashed(client, 1, &key, got, &n), -EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    want_descriptors(had);
    assert_int_equal(weir_hvctl_stashed(client, 1, &key, got, &n), 0);
    drop(got, n);
    assert_int_equal(weir_hvctl_stashed(client, 2, &key, got, &n), -ENOENT);
    drop(fds, 3);
}

static void a_slow_close_holds_up_nobody(void **state)
{
    int fd;

    (void)state;
    make(&fd, 1);
    assert_int_equal(weir_hvctl_stash(client, 1, &fd, 1), 0);
    sem_init(&go, 0, 0);
    sem_init(&waiting, 0, 0);
    slow = inode(fd);
    close(fd);
    assert_int_equal(weir_hvctl_unstash(client, 1), 0);
    sem_wait(&waiting); /* somebody is closing it */
    assert_int_equal(stash_new(2, 1), 0);
    assert_int_equal(weir_hvctl_unstash(client, 2), 0);
    sem_post(&go);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_files_come_back),
        TEST(keys_come_in_order),
        TEST(a_record_is_replaced_as_a_whole),
        TEST(a_full_stash_says_so),
        cmocka_unit_test(records_are_bounded),
        TEST(what_is_said_must_come),
        TEST(out_of_descriptors_says_so),
        TEST(a_slow_close_holds_up_nobody),
    };

    alarm(120); /* a close that waits in the wrong thread */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "tests/e2e/vm_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 20000

void vm_world_start(struct hv_world *w, const char *memory)
{
    struct weir_hv_create how = vm_how("probe");
    domid_t domid;
    int fd, rc;

    if (access("/dev/kvm", R_OK | W_OK) < 0) {
        puts("no /dev/kvm that can be used");
        exit(77);
    }
    hv_world_start(w, memory);
    rc = weir_hvctl_create(w->ctl, &how, &domid, &fd);
    if (rc == -ENODEV || rc == -EOPNOTSUPP) {
        hv_world_stop(w);
        puts("weir-hv finds no KVM that it can use");
        exit(77);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(weir_hvctl_destroy(w->ctl, domid), 0);
}

struct weir_hv_create vm_how(const char *name)
{
    return (struct weir_hv_create){.name = name,
                                   .kind = WEIR_DOM_VM,
                                   .max_frames = VM_RAM_PAGES,
                                   .ram = VM_RAM_PAGES,
                                   .vcpus = 1};
}

struct vm vm_create(struct hv_world *w, struct weir_hv_create how)
{
    struct vm v = {.world = w, .console = -1};
    int fd = -1;

    assert_int_equal(weir_hvctl_create(w->ctl, &how, &v.domid, &fd), 0);
    assert_int_equal(fd, -1);
    return v;
}

/* The guest's image, with what the test wants of it. */
static size_t image(int memfd, const char *guest, const void *patch, size_t n)
{
    static uint8_t bytes[TINY_END - TINY_LOAD];
    const char *b = getenv("B");
    char path[256];
    size_t len;
    FILE *f;

    snprintf(path, sizeof(path), "%s/guests/%s.bin", b && *b ? b : "build",
             guest);
    f = fopen(path, "r");
    if (!f)
        fail_msg("no guest %s", path);
    len = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    assert_true(len > 0);
    if (patch) {
        uint8_t *at = memmem(bytes, len, "TINYCONF", 8);

        assert_non_null(at);
        memcpy(at, patch, n);
    }
    assert_int_equal(write(memfd, bytes, len), len);
    return len;
}

void vm_load(struct vm *v, const char *guest, const void *patch, size_t n)
{
    int memfd = memfd_create("guest", MFD_CLOEXEC);
    size_t len = image(memfd, guest, patch, n);

    assert_int_equal(
        weir_hvctl_vm_load(v->world->ctl, v->domid, memfd, 0, len, TINY_LOAD),
        0);
    close(memfd);
}

void vm_go(struct vm *v)
{
    assert_int_equal(weir_hvctl_console(v->world->ctl, v->domid, &v->console),
                     0);
    assert_int_equal(weir_hvctl_vm_start(v->world->ctl, v->domid, TINY_LOAD, 0),
                     0);
}

struct vm vm_start(struct hv_world *w, struct weir_hv_create how)
{
    struct vm v = vm_create(w, how);

    vm_load(&v, "puppet", NULL, 0);
    vm_go(&v);
    if (vm_do(&v, VM_PING, 0, 0).rc != 0) {
        struct weir_hv_dominfo info = vm_info(&v);

        fail_msg("VM does not start: state %d, %s; console: %s", info.state,
                 info.reason, v.text);
    }
    return v;
}

int vm_destroy(struct vm *v)
{
    if (v->console >= 0)
        close(v->console);
    v->console = -1;
    return weir_hvctl_destroy(v->world->ctl, v->domid);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool over(const struct vm *v)
{
    enum weir_dom_state s = vm_info(v).state;

    return s == WEIR_DOM_DYING || s == WEIR_DOM_CRASHED ||
           s == WEIR_DOM_SHUTDOWN;
}

/* Some bytes, at least one; -1: none until then, or the guest ended. */
static ssize_t take(struct vm *v, void *to, size_t n, int64_t until)
{
    struct pollfd p = {.fd = v->console, .events = POLLIN};

    for (bool last = false;;) {
        int64_t left = until - now_ms();

        if (left < 0)
            left = 0;
        if (poll(&p, 1, left > 100 ? 100 : (int)left) > 0)
            return recv(v->console, to, n, 0);
        /* What it said last was there before its end was. */
        if (last || left == 0)
            return -1;
        last = over(v);
    }
}

static bool take_all(struct vm *v, void *to, size_t n, int64_t until)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = take(v, (char *)to + at, n - at, until);

        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

static void keep_text(struct vm *v, char c)
{
    size_t n = strlen(v->text);

    if ((c < ' ' || c > '~') && c != '\n')
        return;
    if (n == sizeof(v->text) - 1) {
        n /= 2;
        memmove(v->text, v->text + n, sizeof(v->text) - n);
        n = strlen(v->text);
    }
    v->text[n] = c;
    v->text[n + 1] = 0;
}

/* Text up to an answer's mark. */
static bool find_mark(struct vm *v, int64_t until)
{
    uint32_t seen = 0;
    uint8_t c;

    while (take_all(v, &c, 1, until)) {
        seen = seen >> 8 | (uint32_t)c << 24;
        if (seen == VM_ANSWER_MARK)
            return true;
        if (c < 0x80)
            keep_text(v, (char)c);
    }
    return false;
}

bool vm_says(struct vm *v, const char *text, int ms)
{
    int64_t until = now_ms() + ms;
    char c;

    while (!strstr(v->text, text)) {
        if (!take_all(v, &c, 1, until))
            return false;
        keep_text(v, c);
    }
    return true;
}

int vm_send(struct vm *v, const struct vm_order *o, const void *in)
{
    struct vm_order send_it = *o;

    send_it.mark = VM_ORDER_MARK;
    send_it.serial = ++v->serial;
    if (o->op == VM_CALL)
        send_it.g = 1;
    if (send(v->console, &send_it, sizeof(send_it), MSG_NOSIGNAL) !=
        sizeof(send_it))
        return -EPIPE;
    if (o->in && send(v->console, in, o->in, MSG_NOSIGNAL) != o->in)
        return -EPIPE;
    return 0;
}

struct vm_answer vm_await(struct vm *v, void *out, size_t room, int ms)
{
    struct vm_answer none = {.rc = -EPIPE}, r = {.mark = VM_ANSWER_MARK};
    int64_t until = now_ms() + ms;

    if (!find_mark(v, until) ||
        !take_all(v, (char *)&r + 4, sizeof(r) - 4, until))
        return none;
    assert_int_equal(r.serial, v->serial);
    assert_true(r.out <= room);
    return r.out && !take_all(v, out, r.out, until) ? none : r;
}

struct vm_answer vm_order(struct vm *v, const struct vm_order *o,
                          const void *in, void *out)
{
    if (vm_send(v, o, in) < 0)
        return (struct vm_answer){.rc = -EPIPE};
    return vm_await(v, out, o->out, PATIENCE_MS);
}

struct vm_answer vm_do(struct vm *v, enum vm_op op, uint64_t a, uint64_t b)
{
    struct vm_order o = {.op = (uint16_t)op, .a = a, .b = b};

    return vm_order(v, &o, NULL, NULL);
}

struct weir_hv_dominfo vm_info(const struct vm *v)
{
    struct weir_hv_dominfo info;

    assert_int_equal(weir_hvctl_info(v->world->ctl, v->domid, &info), 0);
    return info;
}

struct weir_hv_dominfo vm_expect(struct vm *v, enum weir_dom_state state,
                                 const char *text)
{
    struct weir_hv_dominfo info = vm_info(v);

    for (int i = 0; i < 1000 && info.state != state; i++) {
        usleep(10000);
        info = vm_info(v);
    }
    if (info.state != state)
        fail_msg("state %d (%s), not %d", info.state, info.reason, state);
    if (!strstr(info.reason, text))
        fail_msg("reason is \"%s\", not \"%s\"", info.reason, text);
    return info;
}

static unsigned entries(pid_t pid, const char *what)
{
    char path[64];
    unsigned n = 0;
    DIR *d;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
    d = opendir(path);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static unsigned lines(pid_t pid)
{
    char path[64];
    unsigned n = 0;
    int c;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    f = fopen(path, "r");
    assert_non_null(f);
    while ((c = getc(f)) != EOF)
        n += c == '\n';
    fclose(f);
    return n;
}

struct hv_usage hv_usage(struct hv_world *w)
{
    struct weir_hv_machine m;

    assert_int_equal(weir_hvctl_machine(w->ctl, &m), 0);
    return (struct hv_usage){.frames = m.frames_used,
                             .domains = m.domains,
                             .fds = entries(w->pid, "fd"),
                             .threads = entries(w->pid, "task"),
                             .maps = lines(w->pid)};
}

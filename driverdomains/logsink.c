/* SPDX-License-Identifier: MIT */
#include "driverdomains/logsink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull
#define PUMP_MAX 65536

static int open_file(struct weir_logsink *l, const char *path)
{
    struct stat st;

    memset(l, 0, sizeof(*l));
    l->pipe_fd = l->file_fd = -1;
    l->tokens = WEIR_LOG_BURST;
    if ((size_t)snprintf(l->path, sizeof(l->path), "%s", path) >=
        sizeof(l->path))
        return -ENAMETOOLONG;
    l->file_fd = open(
        path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (l->file_fd < 0)
        return -errno;
    if (fstat(l->file_fd, &st) == 0)
        l->file_bytes = (uint64_t)st.st_size;
    return 0;
}

int weir_logsink_adopt(struct weir_logsink *l, const char *path, int pipe_fd)
{
    int rc = open_file(l, path);

    l->pipe_fd = pipe_fd;
    return rc;
}

int weir_logsink_open(struct weir_logsink *l, const char *path, int *write_end)
{
    int fds[2], rc = open_file(l, path);

    if (rc)
        return rc;
    /* Only this end is non-blocking: the domain waits when it is too fast. */
    if (pipe2(fds, O_CLOEXEC) || fcntl(fds[0], F_SETFL, O_NONBLOCK)) {
        rc = -errno;
        close(l->file_fd);
        l->file_fd = -1;
        return rc;
    }
    l->pipe_fd = fds[0];
    *write_end = fds[1];
    return 0;
}

static void rotate(struct weir_logsink *l)
{
    char old[sizeof(l->path) + 2];
    int fd;

    snprintf(old, sizeof(old), "%s.1", l->path);
    rename(l->path, old);
    fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
              0640);
    if (fd < 0)
        return; /* go on in the old file, now NAME.1, past its limit */
    close(l->file_fd);
    l->file_fd = fd;
    l->file_bytes = 0;
}

static size_t stamp(char out[40])
{
    struct timespec ts;
    struct tm tm;
    size_t n;

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    return n + (size_t)snprintf(out + n, 8, ".%03ldZ ", ts.tv_nsec / 1000000);
}

/* Whole lines only, also where the file system is full. */
static int append(struct weir_logsink *l, const char *text, size_t len)
{
    ssize_t n = write(l->file_fd, text, len);
    int rc = n < 0 ? -errno : -ENOSPC;
    struct stat st;

    if (n == (ssize_t)len) {
        l->file_bytes += len;
        return 0;
    }
    if (n > 0 && (fstat(l->file_fd, &st) || st.st_size < n ||
                  ftruncate(l->file_fd, st.st_size - n)))
        l->file_bytes += (uint64_t)n;
    return rc;
}

/* What was lost is told first, or nothing is written yet. */
static int tell_lost(struct weir_logsink *l)
{
    char out[160];
    size_t n;
    int rc;

    if (l->lost == 0)
        return 0;
    n = stamp(out);
    n += (size_t)snprintf(out + n, sizeof(out) - n,
                          "(%" PRIu64 " lines were lost: %s)\n", l->lost,
                          strerror(l->lost_error));
    rc = append(l, out, n);
    if (rc == 0)
        l->lost = 0;
    return rc;
}

static void put_line(struct weir_logsink *l, const char *text, size_t len)
{
    char out[WEIR_LOG_LINE + 40];
    size_t n;
    int rc;

    if (l->file_fd < 0)
        return;
    if (l->file_bytes >= WEIR_LOG_FILE_MAX)
        rotate(l);
    n = stamp(out);
    /* A terminal that shows the log must not obey it. */
    for (size_t i = 0; i < len && n < sizeof(out) - 1; i++)
        out[n++] =
            (unsigned char)text[i] < ' ' && text[i] != '\t' ? '?' : text[i];
    out[n++] = '\n';
    rc = tell_lost(l);
    if (rc == 0)
        rc = append(l, out, n);
    if (rc) {
        l->lost++;
        l->lost_error = -rc;
    }
}

void weir_logsink_note(struct weir_logsink *l, const char *text)
{
    put_line(l, text, strnlen(text, WEIR_LOG_LINE));
}

static void refill(struct weir_logsink *l, uint64_t now_ns)
{
    uint64_t step = NS_PER_S / WEIR_LOG_PER_SECOND, n;

    if (l->last_ns == 0 || now_ns < l->last_ns)
        l->last_ns = now_ns;
    n = (now_ns - l->last_ns) / step;
    if (n == 0)
        return;
    l->last_ns += n * step;
    l->tokens = n > WEIR_LOG_BURST - l->tokens ? WEIR_LOG_BURST
                                               : l->tokens + (uint32_t)n;
}

static void take_line(struct weir_logsink *l)
{
    char text[80];

    if (l->tokens == 0) {
        l->dropped++;
    } else {
        l->tokens--;
        if (l->dropped) {
            snprintf(text, sizeof(text), "(%" PRIu64 " lines dropped)",
                     l->dropped);
            weir_logsink_note(l, text);
            l->dropped = 0;
        }
        put_line(l, l->line, l->used);
    }
    l->used = 0;
}

int weir_logsink_pump(struct weir_logsink *l, uint64_t now_ns)
{
    char buf[4096];
    size_t total = 0;
    ssize_t n = 0;

    refill(l, now_ns);
    while (total < PUMP_MAX && (n = read(l->pipe_fd, buf, sizeof(buf))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] == '\n')
                take_line(l);
            else if (l->used < WEIR_LOG_LINE)
                l->line[l->used++] = buf[i];
        }
        total += (size_t)n;
    }
    if (n == 0) {
        if (l->used)
            take_line(l);
        return -EPIPE;
    }
    return n < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
}

void weir_logsink_close(struct weir_logsink *l)
{
    if (l->pipe_fd >= 0)
        close(l->pipe_fd);
    if (l->file_fd >= 0)
        close(l->file_fd);
    l->pipe_fd = l->file_fd = -1;
}

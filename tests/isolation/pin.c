/* SPDX-License-Identifier: MIT
 *
 * A page pinned by O_DIRECT I/O outlives its unmap.  The frame's next owner
 * must not see what the device writes.  Nor is a domain dead before such I/O is
 * over.
 *
 * The slow device is a loop device whose reads the blkio controller holds
 * back for the attacker's cgroup.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/isolation/lab.h"

#define DEVICE_BYTE 0xdd
#define BYTES       65536

struct slow_disk {
    char file[96], loop[32], group[96];
    int fd;          /* the loop device, O_DIRECT */
    bool v1, io_off; /* io_off: to be switched off again */
};

static bool put(const char *dir, const char *file, const char *text)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", dir, file);
    int fd = open(path, O_WRONLY);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

static int attach(struct slow_disk *s)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
    int file = open(s->file, O_RDWR | O_CLOEXEC);
    close(control);
    snprintf(s->loop, sizeof(s->loop), "/dev/loop%d", n);
    int loop = n < 0 ? -1 : open(s->loop, O_RDWR | O_CLOEXEC);
    bool ok = loop >= 0 && file >= 0 && !ioctl(loop, LOOP_SET_FD, file);
    close(file);
    close(loop);
    s->fd = ok ? open(s->loop, O_RDONLY | O_DIRECT | O_CLOEXEC) : -1;
    return s->fd < 0 ? -1 : 0;
}

#define V2 "/sys/fs/cgroup"
static bool switch_io_on(struct slow_disk *s)
{
    char text[256] = "";
    FILE *f = fopen(V2 "/cgroup.subtree_control", "re");
    bool there = f && fgets(text, sizeof(text), f) && strstr(text, "io");
    if (f)
        fclose(f);
    s->io_off = !there;
    return there || put(V2, "cgroup.subtree_control", "+io");
}

static bool throttle(struct slow_disk *s)
{
    struct stat st;
    char limit[96];
    s->v1 =
        !access("/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device", F_OK);
    snprintf(s->group, sizeof(s->group), "%s/weir-isolation-%d",
             s->v1 ? "/sys/fs/cgroup/blkio" : "/sys/fs/cgroup", (int)getpid());
    if (!s->v1 && !switch_io_on(s))
        return false;
    if (mkdir(s->group, 0755) || fstat(s->fd, &st))
        return false;
    /* 4 KiB/s: the second page comes a second late */
    snprintf(limit, sizeof(limit), s->v1 ? "%u:%u 4096" : "%u:%u rbps=4096",
             major(st.st_rdev), minor(st.st_rdev));
    return put(s->group, s->v1 ? "blkio.throttle.read_bps_device" : "io.max",
               limit);
}

static int disk_make(struct slow_disk *s)
{
    char page[4096];
    *s = (struct slow_disk){.fd = -1};
    memset(page, DEVICE_BYTE, sizeof(page));
    strcpy(s->file, "/tmp/weir-slow-XXXXXX");
    int fd = mkstemp(s->file);
    for (int i = 0; fd >= 0 && i < BYTES / 4096; i++)
        if (write(fd, page, sizeof(page)) != sizeof(page))
            return -1;
    close(fd);
    return attach(s) || !throttle(s) ? -1 : 0;
}

static void disk_end(struct slow_disk *s)
{
    if (s->fd >= 0) {
        close(s->fd);
        int loop = open(s->loop, O_RDWR | O_CLOEXEC);
        ioctl(loop, LOOP_CLR_FD, 0);
        close(loop);
    }
    for (int i = 0; s->group[0] && rmdir(s->group) && errno == EBUSY && i < 500;
         i++)
        usleep(10000);
    if (s->io_off)
        put(V2, "cgroup.subtree_control", "-io");
    unlink(s->file);
}

/* The attacker maps a frame of the owner's, lets the disk read into it, and
 * unmaps at once.  The owner frees the frame; a third domain gets it. */
static bool pinned(struct lab *l, struct slow_disk *s)
{
    char procs[128];
    snprintf(procs, sizeof(procs), "%s/cgroup.procs", s->group);
    struct dom *owner = dom_start(l, &(struct dom_how){0});
    struct dom *pinner =
        dom_start(l, &(struct dom_how){.allow = WEIR_SEAL_AIO | WEIR_SEAL_FILE |
                                                WEIR_SEAL_FD_RECV,
                                       .cgroup_procs = procs});
    struct dom *heir = dom_start(l, &(struct dom_how){0});
    CHECK(owner && pinner && heir && !owner->ready && !pinner->ready &&
              !heir->ready,
          "no domain");
    dom_send_fd(pinner, s->fd);
    int64_t fd = TELL(pinner, P_RECV_FD);
    int64_t scratch = TELL(pinner, P_ALLOC, 1);
    int64_t frame = TELL(owner, P_ALLOC, 1);
    CHECK(fd > 0 && scratch > 0 && frame > 0, "set-up");
    TELL(owner, P_GRANT, 9, pinner->id, frame, 0);
    CHECK(!TELL(pinner, P_MAP, owner->id, 9, 0), "map");
    int64_t handle = pinner->last.v[2];
    /* the first uses the allowance up, the second waits for a second */
    CHECK(TELL(pinner, P_AIO_READ, scratch, 0, fd, 0) == 1, "submit");
    CHECK(TELL(pinner, P_AIO_WAIT) == 4096, "first read");
    CHECK(TELL(pinner, P_AIO_READ, frame, 0, fd, 4096) == 1, "submit");
    CHECK(!TELL(pinner, P_UNMAP, frame, handle, 0), "unmap");
    CHECK(!TELL(owner, P_UNGRANT, 9), "access does not end");
    TELL(owner, P_FREE, frame, 1);
    int64_t got = 0;
    for (int i = 0; i < 200 && got != frame; i++)
        got = TELL(heir, P_ALLOC, 1);
    CHECK(got == frame, "frame %" PRId64 " was not given again", frame);
    TELL(heir, P_WRITE, frame, 0, 0x1234);
    CHECK(TELL(pinner, P_AIO_WAIT) == 4096, "second read");
    CHECK(TELL(heir, P_READ, frame, 0) == 0x1234,
          "the device wrote into the next owner's frame");
    return true;
}

/* A driver domain dies while the disk reads into a page it maps and into one
 * it kept.  When it is said to be dead that is over, and neither changes under
 * those who go on with them.  It dies by a signal; or by a touch, and then
 * weir-hv is the first to know. */
static bool dead_io(struct lab *l, struct slow_disk *s, bool touch)
{
    char procs[128], reason[160];
    int64_t device;
    memset(&device, DEVICE_BYTE, sizeof(device));
    snprintf(procs, sizeof(procs), "%s/cgroup.procs", s->group);
    const struct dom_how how = {.allow = WEIR_SEAL_AIO | WEIR_SEAL_FILE |
                                         WEIR_SEAL_FD_RECV,
                                .cgroup_procs = procs};
    struct dom *front = dom_start(l, &(struct dom_how){0});
    struct dom *driver = dom_start(l, &how);
    CHECK(front && driver && !front->ready && !driver->ready, "no domain");
    dom_send_fd(driver, s->fd);
    int64_t fd = TELL(driver, P_RECV_FD);
    int64_t frame = TELL(front, P_ALLOC, 1);
    TELL(front, P_GRANT, 9, driver->id, frame, 0);
    CHECK(!TELL(driver, P_MAP, front->id, 9, 0), "map");
    int64_t scratch = TELL(driver, P_ALLOC, 1);
    int64_t kept = TELL(driver, P_KEEP, 1, 1);
    CHECK(fd > 0 && frame > 0 && scratch > 0 && kept > 0, "set-up");
    CHECK(TELL(driver, P_AIO_READ, scratch, 0, fd, 0) == 1, "submit");
    CHECK(TELL(driver, P_AIO_WAIT) == 4096, "first read");
    CHECK(TELL(driver, P_AIO_READ, frame, 0, fd, 4096) == 1, "submit");
    CHECK(TELL(driver, P_AIO_READ, kept, 0, fd, 8192) == 1, "submit");
    if (touch)
        dom_order(driver, P_READ, (int64_t[7]){kept + 1, 0});
    else
        kill(driver->pid, SIGKILL);
    CHECK(dom_crashed(l, driver, reason), "not dead: %s", reason);
    CHECK(TELL(front, P_READ, frame, 0) == device,
          "said to be dead before its I/O was over");
    TELL(front, P_WRITE, frame, 0, 0x1234);
    CHECK(!dom_revive(l, driver, &(struct dom_how){0}) && !driver->ready,
          "not revived");
    CHECK(TELL(driver, P_KEEP, 1, 1) == kept && driver->last.v[1] == 1,
          "nothing kept");
    CHECK(TELL(driver, P_READ, kept, 0) == device,
          "revived before the dead one's I/O was over");
    TELL(driver, P_WRITE, kept, 0, 0x5678);
    usleep(2500000);
    CHECK(TELL(front, P_READ, frame, 0) == 0x1234 &&
              TELL(driver, P_READ, kept, 0) == 0x5678,
          "the dead one's device wrote after its death");
    return true;
}

static bool dead_by_touch(struct lab *l, struct slow_disk *s)
{
    return dead_io(l, s, true);
}

static bool dead_by_signal(struct lab *l, struct slow_disk *s)
{
    return dead_io(l, s, false);
}

static bool with_disk(struct lab *l, const char *name,
                      bool (*run)(struct lab *l, struct slow_disk *s))
{
    struct slow_disk s;
    if (disk_make(&s)) {
        disk_end(&s);
        printf("      %s needs a loop device and the blkio controller\n", name);
        return true;
    }
    bool ok = run(l, &s);
    lab_clear(l);
    disk_end(&s);
    return ok;
}

static bool pinned_frame(struct lab *l)
{
    return with_disk(l, "pinned-frame", pinned);
}

static bool io_of_the_dead(struct lab *l)
{
    return with_disk(l, "io-of-the-dead", dead_by_touch) &&
           with_disk(l, "io-of-the-dead", dead_by_signal);
}

const struct attack pin_attacks[] = {
    {"pinned-frame", pinned_frame},
    {"io-of-the-dead", io_of_the_dead},
    {NULL, NULL},
};

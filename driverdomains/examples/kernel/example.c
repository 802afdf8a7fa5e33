/* SPDX-License-Identifier: MIT
 *
 * An example kernel: reads its disk and prints the checksum, then answers ping
 * until the toolstack says "poweroff".
 *
 *   ip=10.0.0.2   its address; without one it is done after the disk
 *   write         also write: block 0 (4 KiB) over block 1, read it back
 *
 * The order is always this: port (the runtime made it), grant table, bus, then
 * devices.  Everything happens on one thread, so whoever waits long for one
 * thing must look after the others: `poll_bus` makes the disk do that.
 */
#include "frontends/blk/blkfront.h"
#include "frontends/guest/guest.h"
#include "frontends/net/netfront.h"

#include "echo.h"

#define BLOCK   4096u
#define CONNECT (UINT64_C(10) * 1000000000u) /* ns */
#define LOOK    (UINT64_C(100) * 1000000u)
#define CHUNK   (128u * 1024u)

static struct weir_gnttab gnttab;
static struct weir_front_bus bus;
static struct weir_netfront nic; /* large: not for the stack */
static uint8_t frame[WEIR_NETFRONT_MAX];

/* Set when an I/O ends; io->tag points here. */
struct end {
    bool done;
    int status;
};

static void ended(struct weir_blkfront_io *io, int status)
{
    *(struct end *)io->tag = (struct end){true, status};
}

/* One I/O, waited for.  buf is from weir_blkfront_alloc: nothing is copied. */
static int run(struct weir_blkfront *disk, enum weir_blkfront_op op,
               uint64_t sector, void *buf, size_t len)
{
    struct end end = {false, 0};
    struct weir_blkfront_vec vec = {buf, len};
    struct weir_blkfront_io io = {.op = op,
                                  .sector = sector,
                                  .vec = &vec,
                                  .nvec = 1,
                                  .done = ended,
                                  .tag = &end};
    int err = weir_blkfront_submit(disk, 0, &io);

    while (err >= 0 && !end.done)
        err = weir_blkfront_wait(disk, 0, UINT64_MAX);
    return end.done ? end.status : err;
}

/* The CRC-32 of gzip, over the whole disk. */
static int checksum(struct weir_guest *g, struct weir_blkfront *disk,
                    uint8_t *buf)
{
    struct weir_blkfront_info info;
    uint32_t crc = UINT32_MAX;

    weir_blkfront_get_info(disk, &info);
    for (uint64_t at = 0; at < info.sectors; at += CHUNK / 512) {
        uint64_t left = (info.sectors - at) * 512;
        size_t len = left < CHUNK ? (size_t)left : CHUNK;
        int err = run(disk, WEIR_BLKFRONT_READ, at, buf, len);

        if (err != 0)
            return err;
        crc = echo_crc32(crc, buf, len);
    }
    weir_guest_print(g, "disk: ");
    weir_guest_print_u64(g, info.sectors);
    weir_guest_print(g, " sectors, CRC-32 ");
    weir_guest_print_u64(g, ~crc);
    weir_guest_print(g, "\n");
    return 0;
}

static int write_block(struct weir_guest *g, struct weir_blkfront *disk,
                       uint8_t *buf)
{
    int err = run(disk, WEIR_BLKFRONT_READ, 0, buf, BLOCK);

    if (err == 0)
        err = run(disk, WEIR_BLKFRONT_WRITE, BLOCK / 512, buf, BLOCK);
    if (err == 0)
        err = run(disk, WEIR_BLKFRONT_READ, BLOCK / 512, buf + BLOCK, BLOCK);
    if (err != 0)
        return err;
    weir_guest_print(g, __builtin_memcmp(buf, buf + BLOCK, BLOCK) == 0
                            ? "disk: block 1 written\n"
                            : "disk: block 1 reads as something else\n");
    return 0;
}

static int use_disk(struct weir_guest *g)
{
    struct weir_blkfront_config config = {.poll_bus = true, .spin_ns = 20000};
    struct weir_blkfront *disk;
    void *buf;
    int err = weir_blkfront_open(&bus, 0, &config, &disk);

    if (err != 0)
        return err;
    err = weir_blkfront_alloc(disk, CHUNK / WEIR_PAGE_SIZE, &buf);
    if (err == 0)
        err = checksum(g, disk, buf);
    if (err == 0 && echo_option(g->cmdline, "write") != NULL)
        err = write_block(g, disk, buf);
    weir_blkfront_close(disk);
    return err;
}

/* Did anything happen in the registry, and was it a wish to stop us? */
static bool stopped(enum weir_shutdown *how)
{
    return weir_front_bus_poll(&bus) > 0 &&
           weir_guest_asked_to_stop(&bus.xs, how);
}

/* Answer frames until somebody wants us to stop; how we are to end. */
static int serve(struct weir_guest *g, const uint8_t ip[4],
                 enum weir_shutdown *how)
{
    int err = weir_xs_watch(&bus.xs, "control/shutdown", "shutdown");

    if (err == 0)
        err = weir_netfront_open(&nic, &bus, 0, NULL);
    if (err == 0)
        err = weir_front_wait_state(&nic.dev, WEIR_XENBUS_CONNECTED, CONNECT);
    if (err == 0)
        weir_guest_print(g, "net: connected\n");
    while (err == 0) {
        int len = weir_netfront_recv(&nic, 0, frame, sizeof(frame), NULL);
        struct weir_netfront_vec vec = {frame, 0};

        if (len > 0)
            vec.len = echo_answer(frame, (uint32_t)len, nic.mac, ip);
        if (vec.len != 0)
            weir_netfront_send(&nic, 0, &vec, 1, NULL); /* or it is lost */
        if (len != 0) {
            err = len < 0 ? len : 0;
            continue;
        }
        err = weir_netfront_wait(&nic, 0, LOOK);
        if (stopped(how))
            break;
    }
    weir_netfront_close(&nic);
    return err;
}

int weir_guest_main(struct weir_guest *g)
{
    enum weir_shutdown how = WEIR_SHUTDOWN_POWEROFF;
    uint8_t ip[4];
    int err = weir_gnttab_init(&gnttab, g->port);

    weir_guest_print(g, "example kernel\n");
    if (err == 0)
        err = weir_front_bus_open(&bus, g->port, &gnttab);
    if (err == 0)
        err = use_disk(g);
    if (err == 0 && echo_parse_ip(echo_option(g->cmdline, "ip="), ip))
        err = serve(g, ip, &how);
    if (err != 0)
        return err;
    weir_guest_print(g, "done\n");
    weir_guest_shutdown(g, how);
}

/* SPDX-License-Identifier: MIT
 *
 * What a guest kernel's author writes first: compiled and linked by
 * tests/e2e/install.sh against an installed tree, freestanding, with nothing
 * but the four memory functions.
 */
#include "frontends/blk/blkfront.h"
#include "frontends/net/netfront.h"
#include "ring/grant.h"

int guest_main(struct weir_port *port);

static struct weir_gnttab gnttab;
static struct weir_front_bus bus;

int guest_main(struct weir_port *port)
{
    int err = weir_gnttab_init(&gnttab, port);

    if (err == 0)
        err = weir_front_bus_open(&bus, port, &gnttab);
    if (err == 0)
        err = weir_front_bus_poll(&bus);
    return err;
}

void *memcpy(void *to, const void *from, size_t n)
{
    unsigned char *t = to;
    const unsigned char *f = from;

    while (n--)
        *t++ = *f++;
    return to;
}

void *memset(void *to, int c, size_t n)
{
    unsigned char *t = to;

    while (n--)
        *t++ = (unsigned char)c;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    unsigned char *t = to;
    const unsigned char *f = from;

    if (t < f)
        return memcpy(to, from, n);
    while (n--)
        t[n] = f[n];
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;

    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

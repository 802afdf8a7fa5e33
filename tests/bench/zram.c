/* SPDX-License-Identifier: MIT */
#include "tests/bench/zram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int zram_make(struct zram *z, const char *size)
{
    FILE *f = fopen("/sys/class/zram-control/hot_add", "r");
    char cmd[96];

    if (f == NULL)
        return -1;
    z->made = fscanf(f, "%d", &z->number) == 1;
    fclose(f);
    if (!z->made)
        return -1;
    snprintf(z->path, sizeof(z->path), "/dev/zram%d", z->number);
    snprintf(z->size, sizeof(z->size), "%s", size);
    snprintf(cmd, sizeof(cmd), "echo %s > /sys/block/zram%d/disksize", size,
             z->number);
    return system(cmd) == 0 ? 0 : -1;
}

void zram_remove(struct zram *z)
{
    char cmd[160];

    if (!z->made)
        return;
    snprintf(cmd, sizeof(cmd),
             "for i in 1 2 3 4 5 6 7 8 9; do echo 1 > "
             "/sys/block/zram%d/reset && break; sleep 0.1; done; "
             "echo %d > /sys/class/zram-control/hot_remove",
             z->number, z->number);
    if (system(cmd) != 0)
        fprintf(stderr, "%s is left\n", z->path);
    z->made = false;
}

bool zram_has_fio(void)
{
    return system("command -v fio >/dev/null") == 0;
}

/* Terse output, version 3: field 8 is read IOPS, 49 write IOPS. */
double zram_fio_on(const char *where, const char *size, const char *rw,
                   const char *bytes, const char *depth, int ms)
{
    char cmd[512], line[4096];
    double v = -1;
    FILE *p;

    snprintf(cmd, sizeof(cmd),
             "fio --name=b %s --direct=1 --rw=%s --bs=%s --iodepth=%s "
             "--runtime=%d --time_based --size=%s --zero_buffers "
             "--norandommap --gtod_reduce=1 --minimal 2>/dev/null | awk -F';' "
             "'NF>100{print \"IOPS \" $%d}'",
             where, rw, bytes, depth, ms / 1000, size,
             strstr(rw, "write") ? 49 : 8);
    p = popen(cmd, "r");
    while (p != NULL && fgets(line, sizeof(line), p) != NULL)
        if (strncmp(line, "IOPS ", 5) == 0)
            v = atof(line + 5);
    if (p != NULL)
        pclose(p);
    return v;
}

double zram_fio(const struct zram *z, const char *rw, const char *bytes,
                const char *depth, int ms)
{
    char where[96];

    snprintf(where, sizeof(where), "--ioengine=libaio --filename=%s", z->path);
    return zram_fio_on(where, z->size, rw, bytes, depth, ms);
}

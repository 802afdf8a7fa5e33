/* SPDX-License-Identifier: MIT */
#include "tests/crash/gaps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int crash_outage(struct crash_outages *o, uint64_t from_us, uint64_t to_us,
                 uint64_t manager_us, uint64_t exit_us)
{
    if (o->n == o->room) {
        unsigned room = o->room == 0 ? 256 : o->room * 2;
        struct crash_one *more = realloc(o->one, room * sizeof(*more));

        if (more == NULL)
            return -ENOMEM;
        o->one = more;
        o->room = room;
    }
    o->one[o->n++] = (struct crash_one){from_us, to_us, manager_us, exit_us, 0};
    return 0;
}

static void gap(struct crash_outages *o, uint64_t start, uint64_t len)
{
    for (unsigned i = 0; i < o->n; i++) {
        struct crash_one *k = &o->one[i];

        if (start <= k->to_us && start + len >= k->from_us && len > k->guest_us)
            k->guest_us = len;
    }
}

void crash_outages_print(struct crash_outages *o, const char *log)
{
    char line[600];
    FILE *f = fopen(log, "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        char *word = strstr(line, "gaps ");
        uint64_t start, len;

        if (word == NULL)
            continue;
        word = strtok(word + 5, " \n");
        for (; word != NULL; word = strtok(NULL, " \n"))
            if (sscanf(word, "%" SCNu64 "+%" SCNu64, &start, &len) == 2)
                gap(o, start, len);
    }
    if (f != NULL)
        fclose(f);
    for (unsigned i = 0; i < o->n; i++)
        printf("outage %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
               o->one[i].guest_us, o->one[i].manager_us, o->one[i].exit_us);
}

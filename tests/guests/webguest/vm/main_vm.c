/* SPDX-License-Identifier: MIT
 *
 * The web guest as a VM: command line to arguments, C library, then the guest.
 */
#include <stdio.h>
#include <stdlib.h>

#include "frontends/guest/guest.h"
#include "tests/guests/webguest/guest.h"
#include "tests/guests/webguest/vm/libc.h"

#define WORDS 30

uint32_t sys_now(void);

static struct weir_guest *guest;

/* lwIP's clock, in ms. */
uint32_t sys_now(void)
{
    return (uint32_t)(guest->port->ops->now_ns(guest->port) / 1000000);
}

static uint64_t unix_time(void *context)
{
    (void)context;
    return weir_guest_unix_time(guest);
}

int main(int argc, char **argv)
{
    struct web_guest_env e = {.port = guest->port, .unix_time = unix_time};
    const char *which;
    const char *error =
        web_options_parse(&e.options, argc, (const char *const *)argv, &which);

    if (error) {
        fprintf(stderr, "webguest: %s %s\nusage: webguest %s\n", which, error,
                web_options_usage);
        return 2;
    }
    e.seed = (uint32_t)__builtin_ia32_rdtsc();
    return web_guest_run(&e) ? 1 : 0;
}

/* Words of the command line, cut in place. */
static int split(char *line, char **word)
{
    int n = 0;

    while (n < WORDS) {
        while (*line == ' ')
            *line++ = '\0';
        if (*line == '\0')
            break;
        word[n++] = line;
        while (*line != '\0' && *line != ' ')
            line++;
    }
    return n;
}

int weir_guest_main(struct weir_guest *g)
{
    static char name[] = "webguest";
    char *word[WORDS + 1] = {name};

    guest = g;
    weir_libc_run(g, 1 + split(g->cmdline, word + 1), word);
}

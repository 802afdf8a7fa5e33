/* SPDX-License-Identifier: MIT
 *
 * The web guest as a process domain: become one, then run the guest.
 */
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "hypervisor/client/process.h"
#include "tests/guests/webguest/guest.h"

static uint64_t unix_time(void *context)
{
    (void)context;
    return (uint64_t)time(NULL);
}

/* With the CPU to ourselves a yield returns at once. */
static bool crowded(void *context)
{
    struct timespec before, after;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &before);
    sched_yield();
    clock_gettime(CLOCK_MONOTONIC, &after);
    return (after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec -
               before.tv_nsec >
           5000;
}

int main(int argc, char **argv)
{
    struct web_guest_env env = {.unix_time = unix_time, .crowded = crowded};
    const char *which;
    const char *error = web_options_parse(&env.options, argc,
                                          (const char *const *)argv, &which);
    struct weir_process *process;
    int err;

    if (error) {
        fprintf(stderr, "webguest: %s %s\nusage: webguest %s\n", which, error,
                web_options_usage);
        return 2;
    }
    if (getrandom(&env.seed, sizeof(env.seed), 0) != sizeof(env.seed))
        return 1;
    /* The seal forbids what malloc does to large pieces: mremap. */
    mallopt(M_MMAP_MAX, 0);
    err = weir_process_open(WEIR_FD_HV, &process);
    if (err) {
        fprintf(stderr, "webguest: weir-hv: %s\n", strerror(-err));
        return 1;
    }
    err = weir_process_seal(process, 0, 0, 0);
    if (err) {
        fprintf(stderr, "webguest: seal: %s\n", strerror(-err));
        return 1;
    }
    env.port = weir_process_port(process);
    return web_guest_run(&env) ? 1 : 0;
}

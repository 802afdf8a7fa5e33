/* SPDX-License-Identifier: MIT
 *
 * weir: the table of verbs.
 */
#include "driverdomains/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct verb {
    const char *name;
    int (*run)(struct weir_cli *c, int argc, char **argv);
    const char *args, *what;
};

static const struct verb verbs[] = {
    {"up", cli_up, "[--memory SIZE] [CONFIG...]",
     "start weir-hv, weir-devd and domains"},
    {"down", cli_down, "[--keep-logs]", "end everything, in order"},
    {"create", cli_create, "CONFIG...", "build domains"},
    {"destroy", cli_destroy, "[--force] DOMAIN", "end a domain at once"},
    {"shutdown", cli_shutdown, "[--timeout SECONDS] DOMAIN",
     "ask a domain to power off"},
    {"reboot", cli_reboot, "[--timeout SECONDS] DOMAIN",
     "ask a VM to reboot; wait until it runs again"},
    {"restart", cli_restart, "DOMAIN",
     "give a driver domain a new program; guests notice nothing"},
    {"mem-set", cli_mem_set, "DOMAIN SIZE", "memory a VM shall have"},
    {"pause", cli_pause, "DOMAIN", "stop its execution"},
    {"unpause", cli_unpause, "DOMAIN", "let it go on"},
    {"list", cli_list, "[DOMAIN...]", "domains and their states"},
    {"info", cli_info, "[DOMAIN]", "a domain, or the machine, in full"},
    {"console", cli_console, "DOMAIN", "its console, until ^] or end of input"},
    {"log", cli_log, "[-f] DOMAIN", "what its program wrote to stderr"},
    {"block-attach", cli_block_attach, "DOMAIN DISK", "add a disk"},
    {"block-list", cli_block_list, "[DOMAIN]", "disks, states, counters"},
    {"block-detach", cli_block_detach, "[--force] DOMAIN VDEV",
     "remove a disk"},
    {"network-attach", cli_network_attach, "DOMAIN VIF", "add an interface"},
    {"network-list", cli_network_list, "[DOMAIN]",
     "interfaces, states, counters"},
    {"network-detach", cli_network_detach, "[--force] DOMAIN DEVID|MAC",
     "remove an interface"},
    {"top", cli_top, "[-n COUNT] [-d SECONDS]", "rates of all devices"},
    {"store", cli_store, "ls|read|write|rm|watch PATH...", "the registry"},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void usage(FILE *to)
{
    fputs("usage: weir [--state-dir DIR] [--json] VERB [ARGUMENT...]\n", to);
    for (size_t i = 0; i < VERBS; i++)
        fprintf(to, "  %-15s %-32s %s\n", verbs[i].name, verbs[i].args,
                verbs[i].what);
    fputs("  --state-dir DIR  of the instance (default " WEIR_STATE_DIR
          ", or $WEIR_STATE_DIR)\n"
          "  --json           list, info, *-list, top, store: for scripts\n"
          "  --help, --version\n",
          to);
}

static void cut(int *argc, char **argv, int at, int n)
{
    for (int i = at; i + n <= *argc; i++)
        argv[i] = argv[i + n];
    *argc -= n;
}

int cli_option(int *argc, char **argv, const char *name, const char **value)
{
    size_t len = strlen(name);

    for (int i = 1; i < *argc && strcmp(argv[i], "--"); i++) {
        if (!strcmp(argv[i], name)) {
            if (i + 1 >= *argc)
                return -1;
            *value = argv[i + 1];
            cut(argc, argv, i, 2);
            return 1;
        }
        if (len > 2 && !strncmp(argv[i], name, len) && argv[i][len] == '=') {
            *value = argv[i] + len + 1;
            cut(argc, argv, i, 1);
            return 1;
        }
        if (len == 2 && !strncmp(argv[i], name, 2)) {
            *value = argv[i] + 2;
            cut(argc, argv, i, 1);
            return 1;
        }
    }
    return 0;
}

bool cli_flag(int *argc, char **argv, const char *name)
{
    for (int i = 1; i < *argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], name)) {
            cut(argc, argv, i, 1);
            return true;
        }
    return false;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERBS; i++)
        if (!strcmp(name, verbs[i].name))
            return &verbs[i];
    return NULL;
}

static int run(struct weir_cli *c, int argc, char **argv)
{
    const struct verb *v = find_verb(argv[1]);
    int rc;

    if (!v) {
        cli_error("unknown verb \"%s\": `weir --help` lists them", argv[1]);
        return CLI_USAGE;
    }
    if (cli_flag(&argc, argv, "--help") || cli_flag(&argc, argv, "-h")) {
        printf("usage: weir %s %s\n  %s\n", v->name, v->args, v->what);
        return 0;
    }
    rc = v->run(c, argc - 1, argv + 1);
    if (rc == CLI_USAGE)
        fprintf(stderr, "usage: weir %s %s\n", v->name, v->args);
    if (fflush(stdout) && rc == 0)
        rc = cli_error("standard output: %s", strerror(errno));
    return rc;
}

int main(int argc, char **argv)
{
    static struct weir_cli c = {.devd_fd = -1};
    const char *dir = getenv("WEIR_STATE_DIR");
    ssize_t n = readlink("/proc/self/exe", c.bin_dir, sizeof(c.bin_dir) - 1);
    int rc;

    signal(SIGPIPE, SIG_IGN);
    if (!dir || !*dir)
        dir = WEIR_STATE_DIR;
    if (cli_option(&argc, argv, "--state-dir", &dir) < 0) {
        cli_error("--state-dir: a directory must follow");
        return CLI_USAGE;
    }
    c.json = cli_flag(&argc, argv, "--json");
    if (argc > 1 && !strcmp(argv[1], "--version")) {
        puts("weir " WEIR_VERSION);
        return 0;
    }
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        usage(argc < 2 ? stderr : stdout);
        return argc < 2 ? CLI_USAGE : 0;
    }
    if (n <= 0)
        return cli_error("/proc/self/exe: %s: mount /proc", strerror(errno));
    c.bin_dir[n] = '\0';
    *strrchr(c.bin_dir, '/') = '\0';
    rc = weir_instance_init(&c.in, dir);
    if (rc)
        return cli_error("--state-dir %s: %s: %s", dir, strerror(-rc),
                         rc == -ENAMETOOLONG
                             ? "use a path of at most 87 bytes"
                             : "make its parent directory first");
    return run(&c, argc, argv);
}

/* SPDX-License-Identifier: MIT
 *
 * store: the registry from the command line, as domain 0.
 */
#include "driverdomains/cli.h"
#include "xenbus/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 4096
#define LIST_MAX  (1 << 20)
#define DEPTH_MAX 64

static void print_value(const char *v, int n)
{
    for (int i = 0; i < n; i++)
        if ((unsigned char)v[i] < ' ' || (unsigned char)v[i] > '~')
            printf("\\x%02x", (unsigned char)v[i]);
        else
            putchar(v[i]);
}

static int fail(const char *path, int rc)
{
    return cli_error("store: %s: %s", path, strerror(-rc));
}

static int list(struct weir_cli *c, struct weir_xs *xs, struct cli_json *j,
                const char *path, int depth)
{
    char value[VALUE_MAX + 1], child[WEIR_XS_PATH_MAX + 1];
    char *names = malloc(LIST_MAX);
    int n = names ? weir_xs_ls(xs, 0, path, names, LIST_MAX) : -ENOMEM;
    int rc = n < 0 ? n : 0;

    for (int at = 0; rc == 0 && at < n; at += (int)strlen(names + at) + 1) {
        const char *name = names + at;
        int len;

        if ((size_t)snprintf(child, sizeof(child), "%s/%s",
                             strcmp(path, "/") ? path : "",
                             name) >= sizeof(child))
            continue;
        len = weir_xs_read(xs, 0, child, value, sizeof(value));
        if (len == -ENOENT)
            continue; /* removed meanwhile */
        if (c->json) {
            cli_json_str(j, child, len < 0 ? "" : value);
        } else {
            printf("%*s%s = \"", depth, "", name);
            print_value(value, len);
            puts("\"");
        }
        if (depth < DEPTH_MAX)
            rc = list(c, xs, j, child, depth + 1);
        if (rc == -ENOENT)
            rc = 0;
    }
    free(names);
    return rc;
}

static int do_ls(struct weir_cli *c, struct weir_xs *xs, int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/";
    struct cli_json j;
    int rc;

    cli_json_begin(&j, stdout);
    if (c->json)
        cli_json_open(&j, NULL, '{');
    rc = list(c, xs, &j, path, 0);
    if (c->json) {
        cli_json_close(&j, '}');
        cli_json_end(&j);
    }
    return rc ? fail(path, rc) : 0;
}

static int do_read(struct weir_cli *c, struct weir_xs *xs, int argc,
                   char **argv)
{
    char value[VALUE_MAX + 1];
    struct cli_json j;
    int rc = 0;

    cli_json_begin(&j, stdout);
    if (c->json)
        cli_json_open(&j, NULL, '{');
    for (int i = 1; i < argc; i++) {
        int n = weir_xs_read(xs, 0, argv[i], value, sizeof(value));

        if (n < 0) {
            rc = fail(argv[i], n);
        } else if (c->json) {
            cli_json_str(&j, argv[i], value);
        } else {
            print_value(value, n);
            putchar('\n');
        }
    }
    if (c->json) {
        cli_json_close(&j, '}');
        cli_json_end(&j);
    }
    return rc;
}

static int do_write(struct weir_cli *c, struct weir_xs *xs, int argc,
                    char **argv)
{
    int rc = 0;

    (void)c;
    if (argc % 2 == 0)
        return CLI_USAGE;
    for (int i = 1; rc == 0 && i < argc; i += 2) {
        rc = weir_xs_write(xs, 0, argv[i], argv[i + 1], strlen(argv[i + 1]));
        if (rc)
            rc = fail(argv[i], rc);
    }
    return rc;
}

static int do_rm(struct weir_cli *c, struct weir_xs *xs, int argc, char **argv)
{
    (void)c;
    for (int i = 1; i < argc; i++) {
        int rc = weir_xs_rm(xs, 0, argv[i]);

        if (rc)
            return fail(argv[i], rc);
    }
    return 0;
}

static int do_watch(struct weir_cli *c, struct weir_xs *xs, int argc,
                    char **argv)
{
    struct pollfd p = {.fd = xs->fd, .events = POLLIN};
    struct weir_xs_event ev;
    const char *text = NULL;
    uint64_t count = 0, seen = 0;
    int rc = 0;

    (void)c;
    if (cli_option(&argc, argv, "-n", &text) < 0 || argc < 2 ||
        (text && weir_cfg_u64(text, 1, UINT32_MAX, &count)))
        return CLI_USAGE;
    for (int i = 1; rc == 0 && i < argc; i++)
        if ((rc = weir_xs_watch(xs, argv[i], argv[i])))
            return fail(argv[i], rc);
    for (;;) {
        while ((rc = weir_xs_next_event(xs, &ev)) > 0) {
            puts(rc == WEIR_XS_OVERFLOW ? "(events lost)" : ev.path);
            fflush(stdout);
            if (ferror(stdout) || (count && ++seen == count))
                return 0;
        }
        if (rc < 0)
            return fail("watch", rc);
        poll(&p, 1, -1);
    }
}

static const struct {
    const char *name;
    int least; /* arguments after the name */
    int (*run)(struct weir_cli *, struct weir_xs *, int, char **);
} commands[] = {
    {"ls", 0, do_ls}, {"read", 1, do_read},   {"write", 2, do_write},
    {"rm", 1, do_rm}, {"watch", 1, do_watch},
};

int cli_store(struct weir_cli *c, int argc, char **argv)
{
    static struct weir_xs xs;
    char path[128];
    int rc;

    weir_instance_path(&c->in, "xenstored.sock", path, sizeof(path));
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (argc < 2 || strcmp(argv[1], commands[i].name))
            continue;
        if (argc - 2 < commands[i].least)
            return CLI_USAGE;
        rc = weir_xs_open_socket(&xs, path, NULL);
        if (rc)
            return cli_error("the registry does not answer on %s: %s: start "
                             "it with `weir up`",
                             path, strerror(-rc));
        rc = commands[i].run(c, &xs, argc - 1, argv + 1);
        weir_xs_close_socket(&xs);
        return rc;
    }
    return CLI_USAGE;
}

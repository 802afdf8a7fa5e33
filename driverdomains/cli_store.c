/* SPDX-License-Identifier: MIT
 *
 * store: the registry from the command line, as domain 0.  A request that the
 * registry's program did not live to answer is sent to its successor: to do
 * one twice does no harm.
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
#define TRIES     20 /* programs in a row that do not answer */

struct session {
    struct weir_xs xs;
    char path[128];
    unsigned tries;
};

/* After a call: true when its connection broke and there is a new one, which
 * waits in the socket's queue until somebody serves it. */
static bool again(struct session *s)
{
    int rc = weir_xs_broken(&s->xs);

    if (rc == 0 || rc == -ETIMEDOUT || ++s->tries > TRIES)
        return false;
    weir_xs_close_socket(&s->xs);
    return weir_xs_open_socket(&s->xs, s->path, NULL) == 0;
}

static void print_value(const char *v, int n)
{
    for (int i = 0; i < n; i++)
        if ((unsigned char)v[i] < ' ' || (unsigned char)v[i] > '~')
            printf("\\x%02x", (unsigned char)v[i]);
        else
            putchar(v[i]);
}

static int fail(struct session *s, const char *path, int rc)
{
    if (weir_xs_broken(&s->xs))
        return cli_error("store: %s: the registry ended before it answered "
                         "(%s): look with `weir list`, then try again",
                         path, strerror(-rc));
    return cli_error("store: %s: %s", path, strerror(-rc));
}

static int list_names(struct session *s, const char *path, char *names)
{
    int n;

    do
        n = weir_xs_ls(&s->xs, 0, path, names, LIST_MAX);
    while (again(s));
    return n;
}

static int read_value(struct session *s, const char *path,
                      char value[VALUE_MAX + 1])
{
    int n;

    do
        n = weir_xs_read(&s->xs, 0, path, value, VALUE_MAX + 1);
    while (again(s));
    return n;
}

static int list(struct weir_cli *c, struct session *s, struct cli_json *j,
                const char *path, int depth)
{
    char value[VALUE_MAX + 1], child[WEIR_XS_PATH_MAX + 1];
    char *names = malloc(LIST_MAX);
    int n = names ? list_names(s, path, names) : -ENOMEM;
    int rc = n < 0 ? n : 0;

    for (int at = 0; rc == 0 && at < n; at += (int)strlen(names + at) + 1) {
        const char *name = names + at;
        int len;

        if ((size_t)snprintf(child, sizeof(child), "%s/%s",
                             strcmp(path, "/") ? path : "",
                             name) >= sizeof(child))
            continue;
        len = read_value(s, child, value);
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
            rc = list(c, s, j, child, depth + 1);
        if (rc == -ENOENT)
            rc = 0;
    }
    free(names);
    return rc;
}

static int do_ls(struct weir_cli *c, struct session *s, int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/";
    struct cli_json j;
    int rc;

    cli_json_begin(&j, stdout);
    if (c->json)
        cli_json_open(&j, NULL, '{');
    rc = list(c, s, &j, path, 0);
    if (c->json) {
        cli_json_close(&j, '}');
        cli_json_end(&j);
    }
    return rc ? fail(s, path, rc) : 0;
}

static int do_read(struct weir_cli *c, struct session *s, int argc, char **argv)
{
    char value[VALUE_MAX + 1];
    struct cli_json j;
    int rc = 0;

    cli_json_begin(&j, stdout);
    if (c->json)
        cli_json_open(&j, NULL, '{');
    for (int i = 1; i < argc; i++) {
        int n = read_value(s, argv[i], value);

        if (n < 0) {
            rc = fail(s, argv[i], n);
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

static int do_write(struct weir_cli *c, struct session *s, int argc,
                    char **argv)
{
    int rc = 0;

    (void)c;
    if (argc % 2 == 0)
        return CLI_USAGE;
    for (int i = 1; rc == 0 && i < argc; i += 2) {
        do
            rc = weir_xs_write(&s->xs, 0, argv[i], argv[i + 1],
                               strlen(argv[i + 1]));
        while (again(s));
        if (rc)
            rc = fail(s, argv[i], rc);
    }
    return rc;
}

static int do_rm(struct weir_cli *c, struct session *s, int argc, char **argv)
{
    (void)c;
    for (int i = 1; i < argc; i++) {
        bool twice = false;
        int rc;

        for (;; twice = true) {
            rc = weir_xs_rm(&s->xs, 0, argv[i]);
            if (!again(s))
                break;
        }
        if (rc && !(twice && rc == -ENOENT))
            return fail(s, argv[i], rc);
    }
    return 0;
}

/* Each begins with an event, so nothing is missed on a new connection. */
static int watch_all(struct session *s, int argc, char **argv)
{
    int rc;

    do {
        rc = 0;
        for (int i = 1; rc == 0 && i < argc; i++) {
            rc = weir_xs_watch(&s->xs, argv[i], argv[i]);
            if (rc && !weir_xs_broken(&s->xs))
                return fail(s, argv[i], rc);
        }
    } while (again(s));
    return rc ? fail(s, "watch", rc) : 0;
}

static int do_watch(struct weir_cli *c, struct session *s, int argc,
                    char **argv)
{
    struct weir_xs_event ev;
    const char *text = NULL;
    uint64_t count = 0, seen = 0;
    int rc;

    (void)c;
    if (cli_option(&argc, argv, "-n", &text) < 0 || argc < 2 ||
        (text && weir_cfg_u64(text, 1, UINT32_MAX, &count)))
        return CLI_USAGE;
    do {
        struct pollfd p = {.events = POLLIN};

        if (watch_all(s, argc, argv))
            return 1;
        p.fd = s->xs.fd;
        while ((rc = weir_xs_next_event(&s->xs, &ev)) >= 0) {
            if (rc == 0) {
                poll(&p, 1, -1);
                continue;
            }
            s->tries = 0;
            puts(rc == WEIR_XS_OVERFLOW ? "(events lost)" : ev.path);
            fflush(stdout);
            if (ferror(stdout) || (count && ++seen == count))
                return 0;
        }
    } while (again(s));
    return fail(s, "watch", rc);
}

static const struct {
    const char *name;
    int least; /* arguments after the name */
    int (*run)(struct weir_cli *, struct session *, int, char **);
} commands[] = {
    {"ls", 0, do_ls}, {"read", 1, do_read},   {"write", 2, do_write},
    {"rm", 1, do_rm}, {"watch", 1, do_watch},
};

int cli_store(struct weir_cli *c, int argc, char **argv)
{
    static struct session s;
    int rc;

    weir_instance_path(&c->in, "xenstored.sock", s.path, sizeof(s.path));
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (argc < 2 || strcmp(argv[1], commands[i].name))
            continue;
        if (argc - 2 < commands[i].least)
            return CLI_USAGE;
        rc = weir_xs_open_socket(&s.xs, s.path, NULL);
        if (rc)
            return cli_error("the registry does not answer on %s: %s: start "
                             "it with `weir up`",
                             s.path, strerror(-rc));
        rc = commands[i].run(c, &s, argc - 1, argv + 1);
        weir_xs_close_socket(&s.xs);
        return rc;
    }
    return CLI_USAGE;
}

/* SPDX-License-Identifier: MIT
 *
 * create, destroy, shutdown, reboot, restart, pause, unpause, mem-set.
 */
#include "driverdomains/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int cli_create_loaded(struct weir_cli *c, struct weir_config_file *f)
{
    static uint8_t buf[WEIR_DEVCTL_MAX];
    struct weir_devctl_status st = {0};
    struct weir_devctl_out o;
    int rc;

    if (cli_devd(c))
        return 1;
    weir_devctl_begin(&o, buf, sizeof(buf), WEIR_DEVCTL_CREATE, ++c->seq);
    weir_devctl_put_domain(&o, &f->cfg);
    rc = cli_call(c, buf, weir_devctl_end(&o), NULL, NULL, &st);
    if (rc)
        return cli_unanswered(rc);
    if (st.error) {
        cli_clean(st.text);
        weir_config_explain(f, st.where, st.text);
        return cli_error("%s", f->error);
    }
    if (!c->json)
        printf("domain %u %s\n", st.domid, f->cfg.name);
    return 0;
}

int cli_load_all(struct weir_cli *c, int n, char **names,
                 struct weir_config_file *files)
{
    int rc = 0;

    for (int i = 0; i < n; i++) {
        if (weir_config_load(names[i], c->bin_dir, &files[i])) {
            rc = cli_error("%s", files[i].error);
            continue;
        }
        for (int k = 0; k < i; k++)
            if (!strcmp(files[k].cfg.name, files[i].cfg.name))
                rc = cli_error("%s: name: \"%s\" is in use by %s: choose "
                               "another name",
                               names[i], files[i].cfg.name, names[k]);
    }
    return rc;
}

int cli_create(struct weir_cli *c, int argc, char **argv)
{
    struct weir_config_file *files;
    int n = argc - 1, rc;

    if (n < 1)
        return CLI_USAGE;
    files = calloc((size_t)n, sizeof(*files));
    if (!files)
        return cli_error("out of memory");
    rc = cli_load_all(c, n, argv + 1, files);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = cli_create_loaded(c, &files[i]);
    free(files);
    return rc;
}

static int fill(struct weir_devctl_target *t, const char *domain)
{
    if (strlen(domain) >= sizeof(t->domain))
        return cli_error("domain \"%.80s\" does not exist: `weir list` shows "
                         "those that do",
                         domain);
    strcpy(t->domain, domain);
    return 0;
}

int cli_destroy(struct weir_cli *c, int argc, char **argv)
{
    struct weir_devctl_target t = {.force = cli_flag(&argc, argv, "--force")};

    if (argc != 2)
        return CLI_USAGE;
    return fill(&t, argv[1]) ? 1 : cli_target(c, WEIR_DEVCTL_DESTROY, &t);
}

static int ask(struct weir_cli *c, int argc, char **argv, unsigned op)
{
    struct weir_devctl_target t = {0};
    const char *text = NULL;
    int got = cli_option(&argc, argv, "--timeout", &text);
    uint64_t s;

    if (got < 0 || argc != 2)
        return CLI_USAGE;
    if (got) {
        if (weir_cfg_u64(text, 1, 86400, &s))
            return cli_error("--timeout %s: give seconds from 1 to 86400",
                             text);
        t.timeout_ms = (uint32_t)s * 1000;
    }
    return fill(&t, argv[1]) ? 1 : cli_target(c, op, &t);
}

int cli_shutdown(struct weir_cli *c, int argc, char **argv)
{
    return ask(c, argc, argv, WEIR_DEVCTL_SHUTDOWN);
}

int cli_reboot(struct weir_cli *c, int argc, char **argv)
{
    return ask(c, argc, argv, WEIR_DEVCTL_REBOOT);
}

int cli_restart(struct weir_cli *c, int argc, char **argv)
{
    struct weir_devctl_target t = {0};

    if (argc != 2)
        return CLI_USAGE;
    return fill(&t, argv[1]) ? 1 : cli_target(c, WEIR_DEVCTL_RESTART, &t);
}

/* As xl: a number alone is MiB. */
int cli_mem_set(struct weir_cli *c, int argc, char **argv)
{
    struct weir_devctl_target t = {0};
    uint64_t mib, bytes;

    if (argc != 3)
        return CLI_USAGE;
    if (weir_cfg_u64(argv[2], 1, 1u << 20, &mib) == 0)
        bytes = mib << 20;
    else if (weir_cfg_size(argv[2], &bytes) || bytes < 1u << 20 ||
             bytes > 1ull << 40)
        return cli_error("\"%.40s\": give MiB, or a size like 512M or 2G",
                         argv[2]);
    t.kib = bytes / 1024;
    return fill(&t, argv[1]) ? 1 : cli_target(c, WEIR_DEVCTL_MEMSET, &t);
}

static int pause_or_not(struct weir_cli *c, int argc, char **argv,
                        int (*call)(struct weir_hvctl *, domid_t))
{
    struct weir_hv_dominfo i;
    int rc;

    if (argc != 2)
        return CLI_USAGE;
    if (cli_domain(c, argv[1], &i))
        return 1;
    rc = call(c->hv, i.domid);
    return rc ? cli_error("%s %s: %s (it is %s)", argv[0], argv[1],
                          strerror(-rc), cli_state_name(i.state))
              : 0;
}

int cli_pause(struct weir_cli *c, int argc, char **argv)
{
    return pause_or_not(c, argc, argv, weir_hvctl_pause);
}

int cli_unpause(struct weir_cli *c, int argc, char **argv)
{
    return pause_or_not(c, argc, argv, weir_hvctl_unpause);
}

/* SPDX-License-Identifier: MIT
 *
 * weir(8), private: what every verb shares.  A verb returns the exit status:
 * 0 done, 1 failed (one line on stderr said why), 2 wrong usage.
 */
#ifndef WEIR_DRIVERDOMAINS_CLI_H
#define WEIR_DRIVERDOMAINS_CLI_H

#include "driverdomains/config_load.h"
#include "driverdomains/devctl.h"
#include "driverdomains/instance.h"
#include "hypervisor/client/control.h"

#include <stdio.h>

struct weir_cli {
    struct weir_instance in;
    char bin_dir[512];
    bool json;
    struct weir_hvctl *hv; /* opened when first needed */
    int devd_fd;           /* -1 until needed */
    uint32_t seq;
};

#define CLI_USAGE 2

__attribute__((format(printf, 1, 2))) int cli_error(const char *fmt, ...);

/* cli_call.c: the two servers.  0, or 1 after a message. */
int cli_hv(struct weir_cli *c);
int cli_devd(struct weir_cli *c);
/* Sends one message and takes the answers: item is called for each record of
 * ITEM messages (NULL: none are expected).  -errno: no answer. */
int cli_call(struct weir_cli *c, const void *msg, int len,
             void (*item)(void *arg, struct weir_devctl_in *in, int record),
             void *arg, struct weir_devctl_status *st);
/* Says why there was no answer; 1. */
int cli_unanswered(int rc);
/* A request with a TARGET alone; prints what refused it. */
int cli_target(struct weir_cli *c, unsigned op,
               const struct weir_devctl_target *t);
/* Name or number to what weir-hv knows. */
int cli_domain(struct weir_cli *c, const char *name,
               struct weir_hv_dominfo *out);
/* All domains of weir-hv; *list is to be freed. */
int cli_domains(struct weir_cli *c, struct weir_hv_dominfo **list, unsigned *n);
const char *cli_state_name(enum weir_dom_state s);
/* What the manager knows besides, one entry a domain; *n 0 without one. */
void cli_dominfos(struct weir_cli *c, struct weir_devctl_dominfo **list,
                  unsigned *n);
int cli_devinfos(struct weir_cli *c, const char *domain, uint32_t cls,
                 struct weir_devctl_devinfo **list, unsigned *n);
/* Waits for the process behind a connected socket to end; 0 or -errno. */
int cli_peer_pidfd(int socket_fd);
int cli_wait_end(int pidfd, int timeout_ms);

/* cli_json.c: enough of JSON to print listings */
struct cli_json {
    FILE *to;
    int depth;
    bool first;
};
void cli_json_begin(struct cli_json *j, FILE *to);
void cli_json_open(struct cli_json *j, const char *key, char bracket);
void cli_json_close(struct cli_json *j, char bracket);
void cli_json_str(struct cli_json *j, const char *key, const char *value);
void cli_json_u64(struct cli_json *j, const char *key, uint64_t value);
void cli_json_f(struct cli_json *j, const char *key, double value);
void cli_json_bool(struct cli_json *j, const char *key, bool value);
void cli_json_end(struct cli_json *j);
/* A word of another domain, safe for a terminal. */
void cli_clean(char *s);

/* "--name VALUE", "--name=VALUE", "-n VALUE", "-nVALUE": takes it out of argv.
 * 1: found, 0: not there, -1: there without a value. */
int cli_option(int *argc, char **argv, const char *name, const char **value);
bool cli_flag(int *argc, char **argv, const char *name);

/* The verbs. argv[0] is the verb. */
int cli_up(struct weir_cli *c, int argc, char **argv);
int cli_down(struct weir_cli *c, int argc, char **argv);
int cli_create(struct weir_cli *c, int argc, char **argv);
int cli_destroy(struct weir_cli *c, int argc, char **argv);
int cli_shutdown(struct weir_cli *c, int argc, char **argv);
int cli_reboot(struct weir_cli *c, int argc, char **argv);
int cli_restart(struct weir_cli *c, int argc, char **argv);
int cli_mem_set(struct weir_cli *c, int argc, char **argv);
int cli_pause(struct weir_cli *c, int argc, char **argv);
int cli_unpause(struct weir_cli *c, int argc, char **argv);
int cli_list(struct weir_cli *c, int argc, char **argv);
int cli_info(struct weir_cli *c, int argc, char **argv);
int cli_console(struct weir_cli *c, int argc, char **argv);
int cli_log(struct weir_cli *c, int argc, char **argv);
int cli_block_attach(struct weir_cli *c, int argc, char **argv);
int cli_block_list(struct weir_cli *c, int argc, char **argv);
int cli_block_detach(struct weir_cli *c, int argc, char **argv);
int cli_network_attach(struct weir_cli *c, int argc, char **argv);
int cli_network_list(struct weir_cli *c, int argc, char **argv);
int cli_network_detach(struct weir_cli *c, int argc, char **argv);
int cli_top(struct weir_cli *c, int argc, char **argv);
int cli_store(struct weir_cli *c, int argc, char **argv);

/* cli_create.c, also for cli_up.c.  All files are checked before the first
 * domain is built: read, and no name twice. */
int cli_load_all(struct weir_cli *c, int n, char **names,
                 struct weir_config_file *files);
/* Creates what was loaded. */
int cli_create_loaded(struct weir_cli *c, struct weir_config_file *f);

#endif

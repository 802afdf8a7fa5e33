/* SPDX-License-Identifier: MIT
 *
 * leaks_take: weir-hv and the registry are asked, the rest is looked at.
 */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "driverdomains/instance.h"
#include "hypervisor/client/control.h"
#include "tests/crash/leaks.h"
#include "xenbus/socket.h"

#define NAMES_MAX  (1 << 16) /* bytes of children's names */
#define DEPTH_MAX  24
#define STORE      1
#define JOURNAL    512 /* frames */
#define GROUP_ROOT "/sys/fs/cgroup"
#define SETTLE_NS  20000000 /* until connections made here are gone */

struct counting {
    struct leaks *l;
    struct weir_instance in;
};

/* ---- the registry ------------------------------------------------------ */

static void node(struct leaks *l, struct weir_xs *xs, const char *path,
                 unsigned depth)
{
    char *names = malloc(NAMES_MAX), child[WEIR_XS_PATH_MAX + 1];
    int n = names == NULL || depth > DEPTH_MAX
                ? -1
                : weir_xs_ls(xs, 0, path, names, NAMES_MAX);

    for (int at = 0; at < n; at += (int)strlen(names + at) + 1) {
        snprintf(child, sizeof(child), "%s/%s", path[1] != '\0' ? path : "",
                 names + at);
        leaks_add(l, LEAKS_SAME, 1, "node %s", child);
        node(l, xs, child, depth + 1);
    }
    free(names);
}

static int count_registry(struct counting *c)
{
    static struct weir_xs xs;
    char path[128];
    int err;

    weir_instance_path(&c->in, "xenstored.sock", path, sizeof(path));
    err = weir_xs_open_socket(&xs, path, NULL);
    if (err != 0)
        return err;
    node(c->l, &xs, "/", 0);
    weir_xs_close_socket(&xs);
    return 0;
}

/* ---- processes --------------------------------------------------------- */

static unsigned entries(int pid, const char *what)
{
    char path[64];
    unsigned n = 0;
    struct dirent *e;
    DIR *d;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
    d = opendir(path);
    while (d != NULL && (e = readdir(d)) != NULL)
        n += e->d_name[0] != '.';
    if (d != NULL)
        closedir(d);
    return n;
}

static unsigned lines(int pid)
{
    char path[64];
    unsigned n = 0;
    FILE *f;
    int c;

    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    f = fopen(path, "r");
    while (f != NULL && (c = getc(f)) != EOF)
        n += c == '\n';
    if (f != NULL)
        fclose(f);
    return n;
}

/* Of its own, without machine memory. */
static unsigned memory_kib(int pid)
{
    char path[64], text[128];
    unsigned kib = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    f = fopen(path, "r");
    while (f != NULL && fgets(text, sizeof(text), f) != NULL)
        if (sscanf(text, "RssAnon: %u", &kib) == 1)
            break;
    if (f != NULL)
        fclose(f);
    return kib;
}

static void count_program(struct leaks *l, const char *name, int pid)
{
    leaks_add(l, 0, entries(pid, "fd"), "%s descriptors", name);
    leaks_add(l, 0, entries(pid, "task"), "%s threads", name);
    leaks_add(l, LEAKS_MAPS, lines(pid), "%s mappings", name);
    leaks_add(l, LEAKS_MEMORY, memory_kib(pid), "%s memory KiB", name);
}

static size_t read_proc(int pid, const char *what, char *buf, size_t size)
{
    char path[64];
    size_t n = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
    f = fopen(path, "r");
    if (f != NULL) {
        n = fread(buf, 1, size - 1, f);
        fclose(f);
    }
    buf[n] = '\0';
    return n;
}

static bool is_zombie(int pid)
{
    char text[512];
    const char *end;

    read_proc(pid, "stat", text, sizeof(text));
    end = strrchr(text, ')');
    return end == NULL || end[1] == '\0' || end[2] == 'Z' || end[2] == 'X';
}

/* "weir-hv", "weir-devd" of this instance, also when it is another build; a
 * program that runs beside them is none of it. */
static const char *server(const struct counting *c, int pid)
{
    static const char *const names[] = {"weir-hv", "weir-devd"};
    char text[1024], *at = text;
    size_t n = read_proc(pid, "cmdline", text, sizeof(text));
    const char *base = strrchr(text, '/');
    bool ours = false;

    for (; at < text + n; at += strlen(at) + 1)
        ours = ours || strcmp(at, c->in.state_dir) == 0;
    base = base == NULL ? text : base + 1;
    for (unsigned i = 0; ours && i < 2; i++)
        if (strncmp(base, names[i], strlen(names[i])) == 0)
            return names[i];
    return NULL;
}

/* Which group of the instance it is in. */
static bool group_of(const struct counting *c, int pid, char name[64])
{
    char text[4096], mark[40], *at;

    read_proc(pid, "cgroup", text, sizeof(text));
    snprintf(mark, sizeof(mark), "/%s/", c->in.tag);
    at = strstr(text, mark);
    if (at == NULL)
        return false;
    at += strlen(mark);
    snprintf(name, 64, "%.*s", (int)strcspn(at, "/\n "), at);
    return true;
}

static void count_process(struct counting *c, int pid)
{
    const char *name = server(c, pid);
    char group[64];

    if (is_zombie(pid))
        return;
    if (name != NULL) {
        leaks_add(c->l, LEAKS_SAME, 1, "processes %s", name);
        count_program(c->l, name, pid);
    } else if (group_of(c, pid, group)) {
        leaks_add(c->l, LEAKS_SAME, 1, "processes of group %s", group);
    }
}

static void count_processes(struct counting *c)
{
    DIR *d = opendir("/proc");
    struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL)
        if (atoi(e->d_name) > 1)
            count_process(c, atoi(e->d_name));
    if (d != NULL)
        closedir(d);
}

/* ---- weir-hv ----------------------------------------------------------- */

static void count_domain(struct leaks *l, const struct weir_hv_dominfo *i)
{
    char name[80];

    snprintf(name, sizeof(name), "domain %s", i->name);
    leaks_add(l, LEAKS_SAME, 1, "%s", name);
    /* The registry's journal grows to its size with what is written. */
    leaks_add(l, i->domid == STORE ? JOURNAL : LEAKS_SAME, i->frames,
              "%s frames", name);
    leaks_add(l, LEAKS_SAME, i->ports, "%s ports", name);
    leaks_add(l, 0, i->grants_active, "%s grants", name);
    leaks_add(l, 0, i->grants_mapped, "%s maps", name);
    if (i->pid > 0)
        count_program(l, name, i->pid);
}

static int count_domains(struct counting *c, struct weir_hvctl *hv)
{
    struct weir_hv_dominfo i;
    unsigned first = 0, n = 1;
    int err = 0;

    while (err == 0 && n == 1 && first <= UINT16_MAX) {
        err = weir_hvctl_list(hv, (domid_t)first, &i, 1, &n);
        if (err == 0 && n == 1) {
            count_domain(c->l, &i);
            first = i.domid + 1u;
        }
    }
    return err;
}

static int count_stash(struct leaks *l, struct weir_hvctl *hv)
{
    int fds[WEIR_STASH_FDS], err;
    uint64_t first = 0, key;
    unsigned n;

    while ((err = weir_hvctl_stashed(hv, first, &key, fds, &n)) == 0) {
        leaks_add(l, LEAKS_SAME, 1, "stash records");
        leaks_add(l, LEAKS_SAME, n, "stash descriptors");
        while (n-- > 0)
            close(fds[n]);
        if (key == UINT64_MAX)
            return 0;
        first = key + 1;
    }
    return err == -ENOENT ? 0 : err;
}

static int count_hv(struct counting *c)
{
    struct weir_hv_dominfo store;
    struct weir_hv_machine m;
    struct weir_hvctl *hv;
    char path[128];
    int err;

    weir_instance_path(&c->in, "hv.sock", path, sizeof(path));
    err = weir_hvctl_open(path, &hv);
    if (err != 0)
        return err;
    err = weir_hvctl_machine(hv, &m);
    if (err == 0) {
        if (weir_hvctl_info(hv, STORE, &store) == 0)
            m.frames_used -= store.frames;
        leaks_add(c->l, LEAKS_SAME, m.frames_used, "frames");
        err = count_domains(c, hv);
    }
    if (err == 0)
        err = count_stash(c->l, hv);
    count_processes(c); /* with this connection: always one */
    weir_hvctl_close(hv);
    return err;
}

/* ---- the host ---------------------------------------------------------- */

static void count_taps(struct counting *c)
{
    struct if_nameindex *all = if_nameindex();
    char tap[16];
    size_t len;

    weir_instance_tap(&c->in, 1, 1, tap);
    len = strcspn(tap, "1-");
    for (struct if_nameindex *i = all; i != NULL && i->if_index != 0; i++)
        if (strncmp(i->if_name, tap, len) == 0)
            leaks_add(c->l, LEAKS_SAME, 1, "tap %s", i->if_name);
    if (all != NULL)
        if_freenameindex(all);
}

static void count_filters(struct counting *c)
{
    char text[256], name[128];
    FILE *f;

    snprintf(text, sizeof(text), "nft list table netdev %s 2>/dev/null",
             c->in.tag);
    f = popen(text, "r");
    while (f != NULL && fgets(text, sizeof(text), f) != NULL)
        if (sscanf(text, " chain %127s", name) == 1)
            leaks_add(c->l, LEAKS_SAME, 1, "chain %s", name);
    if (f != NULL)
        pclose(f);
}

/* inside: this directory is the instance's. */
static void groups_below(struct counting *c, const char *path, bool inside,
                         unsigned depth)
{
    char child[512];
    struct dirent *e;
    DIR *d = depth > 6 ? NULL : opendir(path);

    while (d != NULL && (e = readdir(d)) != NULL) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.' ||
            (size_t)snprintf(child, sizeof(child), "%s/%s", path, e->d_name) >=
                sizeof(child))
            continue;
        if (inside)
            leaks_add(c->l, LEAKS_SAME, 1, "group %s", e->d_name);
        else
            groups_below(c, child, strcmp(e->d_name, c->in.tag) == 0,
                         depth + 1);
    }
    if (d != NULL)
        closedir(d);
}

int leaks_take(struct leaks *l, const char *state_dir)
{
    struct counting c = {.l = l};
    int err = weir_instance_init(&c.in, state_dir);

    memset(l, 0, sizeof(*l));
    if (err == 0)
        err = count_registry(&c);
    if (err != 0)
        return err;
    nanosleep(&(struct timespec){0, SETTLE_NS}, NULL);
    err = count_hv(&c);
    count_taps(&c);
    count_filters(&c);
    groups_below(&c, GROUP_ROOT, false, 0);
    return err;
}

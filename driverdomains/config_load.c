/* SPDX-License-Identifier: MIT */
#include "driverdomains/config_load.h"

#include <errno.h>
#include <limits.h>
#include <libxlutil.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 65536

struct loader {
    struct weir_config_file *f;
    XLU_Config *xlu;
    const char *bin_dir;
};

__attribute__((format(printf, 4, 5))) static int
fail(struct weir_config_file *f, const char *key, int item, const char *fmt,
     ...)
{
    unsigned line = weir_cfg_line(&f->scan, key, item);
    char text[420], pos[24] = "";
    va_list ap;

    if (line == 0)
        line = weir_cfg_line(&f->scan, key, -1);
    if (line)
        snprintf(pos, sizeof(pos), ":%u", line);
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    snprintf(f->error, sizeof(f->error), "%.160s%s: %.32s: %s", f->file, pos,
             key, text);
    return -EINVAL;
}

void weir_config_explain(struct weir_config_file *f, const char *where,
                         const char *text)
{
    char key[WEIR_CFG_KEY];
    const char *bracket = strchr(where, '[');
    int item = bracket ? atoi(bracket + 1) : -1;

    snprintf(key, sizeof(key), "%.*s",
             bracket ? (int)(bracket - where) : WEIR_CFG_KEY - 1, where);
    fail(f, key, item, "%s", text);
}

/* ---- one setter a key ------------------------------------------------- */

static int get_text(struct loader *l, const char *key, const char **out)
{
    if (xlu_cfg_get_string(l->xlu, key, out, 1))
        return fail(l->f, key, -1, "a list: give one value");
    return 0;
}

static int set_name(struct loader *l, const char *key, const char *v)
{
    if (!weir_cfg_name_ok(v))
        return fail(l->f, key, -1,
                    "bad name \"%.80s\": use 1 to 63 letters, digits, '-', "
                    "'_', '.' or '+', starting with a letter",
                    v);
    snprintf(l->f->cfg.name, WEIR_CFG_NAME, "%s", v);
    return 0;
}

static int set_type(struct loader *l, const char *key, const char *v)
{
    return strcmp(v, "process") ? fail(l->f, key, -1,
                                       "\"%.40s\" domains do not exist here: "
                                       "use \"process\"",
                                       v)
                                : 0;
}

static int set_kernel(struct loader *l, const char *key, const char *v)
{
    char path[PATH_MAX], real[PATH_MAX];

    if (strchr(v, '/'))
        snprintf(path, sizeof(path), "%s", v);
    else
        snprintf(path, sizeof(path), "%s/%s", l->bin_dir, v);
    if (!realpath(path, real))
        return fail(l->f, key, -1,
                    "%.200s: %s: give the path of the domain's program, or "
                    "the name of one beside weir",
                    path, strerror(errno));
    if (strlen(real) >= WEIR_CFG_PATH)
        return fail(l->f, key, -1, "the path is too long");
    memcpy(l->f->cfg.kernel, real, strlen(real) + 1);
    return 0;
}

static int set_on_crash(struct loader *l, const char *key, const char *v)
{
    static const char *const names[] = {
        [WEIR_ON_CRASH_DESTROY] = "destroy",
        [WEIR_ON_CRASH_PRESERVE] = "preserve",
        [WEIR_ON_CRASH_RESTART] = "restart",
    };

    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(v, names[i])) {
            l->f->cfg.on_crash = i;
            return 0;
        }
    return fail(l->f, key, -1,
                "\"%.40s\": use \"destroy\", \"preserve\" or \"restart\"", v);
}

static int set_driver_domain(struct loader *l, const char *key, const char *v)
{
    if (strcmp(v, "0") && strcmp(v, "1"))
        return fail(l->f, key, -1, "\"%.40s\": use 0 or 1", v);
    l->f->cfg.driver_domain = v[0] == '1';
    return 0;
}

struct number_key {
    const char *key;
    size_t offset;
    uint32_t min, max;
};

#define NUMBER(key_, member_, min_, max_)                                      \
    {                                                                          \
        (key_), offsetof(struct weir_domain_config, member_), (min_), (max_)   \
    }

static const struct number_key numbers[] = {
    NUMBER("memory", memory_mib, 1, 1u << 20),
    NUMBER("private_memory", private_mib, 8, 1u << 20),
    NUMBER("cap", cap, 0, 100000),
    NUMBER("cpu_weight", cpu_weight, 1, 10000),
    NUMBER("max_pids", max_pids, 1, 4096),
    NUMBER("max_grants", max_grants, 1, 1024),
    NUMBER("max_ports", max_ports, 8, 4096),
    NUMBER("max_maps", max_maps, 1, 1u << 20),
};

static int set_number(struct loader *l, const struct number_key *n)
{
    const char *text;
    uint64_t v;
    uint32_t v32;
    int rc = get_text(l, n->key, &text);

    if (rc)
        return rc;
    if (weir_cfg_u64(text, n->min, n->max, &v))
        return fail(l->f, n->key, -1,
                    "\"%.40s\": give a whole number from %u to %u", text,
                    n->min, n->max);
    v32 = (uint32_t)v;
    memcpy((char *)&l->f->cfg + n->offset, &v32, sizeof(v32));
    return 0;
}

static const struct {
    const char *key;
    int (*set)(struct loader *l, const char *key, const char *value);
} texts[] = {
    {"name", set_name},
    {"type", set_type},
    {"kernel", set_kernel},
    {"on_crash", set_on_crash},
    {"driver_domain", set_driver_domain},
};

/* ---- lists ------------------------------------------------------------ */

static int add_arg(struct loader *l, int i, const char *v)
{
    if (strlen(v) >= WEIR_CFG_ARG)
        return fail(l->f, "args", i, "longer than %d bytes", WEIR_CFG_ARG - 1);
    memcpy(l->f->cfg.args[i], v, strlen(v) + 1);
    l->f->cfg.nargs = (uint32_t)i + 1;
    return 0;
}

static int add_offer(struct loader *l, int i, const char *v)
{
    if (!strcmp(v, "vbd"))
        l->f->cfg.offers |= WEIR_OFFERS_VBD;
    else if (!strcmp(v, "vif"))
        l->f->cfg.offers |= WEIR_OFFERS_VIF;
    else
        return fail(l->f, "offers", i, "\"%.40s\": use \"vbd\" or \"vif\"", v);
    return 0;
}

static int add_disk(struct loader *l, int i, const char *v)
{
    struct weir_cfg_error e = {""};

    if (weir_config_disk(v, &l->f->cfg.disks[i], &e))
        return fail(l->f, "disk", i, "%s", e.text);
    l->f->cfg.ndisks = (uint32_t)i + 1;
    for (int k = 0; k < i; k++)
        if (l->f->cfg.disks[k].devid == l->f->cfg.disks[i].devid)
            return fail(l->f, "disk", i,
                        "vdev %s is used by disk %d: choose another",
                        l->f->cfg.disks[i].vdev, k + 1);
    return 0;
}

static int add_vif(struct loader *l, int i, const char *v)
{
    struct weir_domain_config *c = &l->f->cfg;
    struct weir_cfg_error e = {""};

    if (weir_cfg_vif(v, &c->vifs[i], &e))
        return fail(l->f, "vif", i, "%s", e.text);
    c->nvifs = (uint32_t)i + 1;
    for (int k = 0; k < i; k++)
        if (c->vifs[i].has_mac && c->vifs[k].has_mac &&
            !memcmp(c->vifs[i].mac, c->vifs[k].mac, 6))
            return fail(l->f, "vif", i,
                        "the MAC address is that of vif %d: choose another",
                        k + 1);
    return 0;
}

static const struct list_key {
    const char *key;
    int max;
    int (*add)(struct loader *l, int i, const char *value);
} lists[] = {
    {"args", WEIR_CFG_ARGS, add_arg},
    {"offers", 2, add_offer},
    {"disk", WEIR_CFG_DISKS, add_disk},
    {"vif", WEIR_CFG_VIFS, add_vif},
};

static int set_list(struct loader *l, const struct list_key *k)
{
    XLU_ConfigList *list;
    int n = 0;
    int rc = xlu_cfg_get_list(l->xlu, k->key, &list, &n, 1);

    if (rc == EINVAL)
        return fail(l->f, k->key, -1, "not a list: write %s=[ '...' ]", k->key);
    if (n > k->max)
        return fail(l->f, k->key, k->max, "more than %d entries", k->max);
    for (int i = 0; rc == 0 && i < n; i++) {
        const char *v = xlu_cfg_get_listitem(list, i);

        rc = v ? k->add(l, i, v)
               : fail(l->f, k->key, i, "a list in a list: give a string");
    }
    return rc;
}

/* ---- the file --------------------------------------------------------- */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int apply(struct loader *l, const char *key)
{
    const char *v;

    for (size_t i = 0; i < COUNT(texts); i++)
        if (!strcmp(key, texts[i].key))
            return get_text(l, key, &v) ? -EINVAL : texts[i].set(l, key, v);
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (!strcmp(key, numbers[i].key))
            return set_number(l, &numbers[i]);
    for (size_t i = 0; i < COUNT(lists); i++)
        if (!strcmp(key, lists[i].key))
            return set_list(l, &lists[i]);
    return fail(l->f, key, -1,
                "unknown key: correct it or take it out; weir.cfg(5) lists "
                "the keys");
}

/* In the order of the file, so that the first mistake is named first. */
static int apply_all(struct loader *l)
{
    const struct weir_cfg_scan *s = &l->f->scan;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < s->n; i++) {
        bool again = false;

        if (s->pos[i].item >= 0)
            continue;
        for (size_t k = 0; k < i && !again; k++)
            again = s->pos[k].item < 0 && !strcmp(s->pos[k].key, s->pos[i].key);
        if (!again)
            rc = apply(l, s->pos[i].key);
    }
    return rc;
}

static int check_whole(struct weir_config_file *f)
{
    struct weir_domain_config *c = &f->cfg;
    const char *base;

    if (!c->name[0])
        return fail(f, "name", -1, "missing: add name=\"...\"");
    if (!c->kernel[0])
        return fail(f, "kernel", -1,
                    "missing: add kernel=\"...\", the domain's program");
    base = strrchr(c->kernel, '/') + 1;
    if (c->driver_domain && !c->offers) {
        if (!strcmp(base, "weir-blkback"))
            c->offers = WEIR_OFFERS_VBD;
        else if (!strcmp(base, "weir-netback"))
            c->offers = WEIR_OFFERS_VIF;
        else
            return fail(f, "driver_domain", -1,
                        "%s is unknown: add offers=[ 'vbd' ] or [ 'vif' ]",
                        base);
    }
    if (!c->driver_domain && c->offers)
        return fail(f, "offers", -1, "add driver_domain=1, or take it out");
    return 0;
}

static char *slurp(const char *file, size_t *len)
{
    FILE *in = fopen(file, "re");
    struct stat st;
    char *text;

    if (!in)
        return NULL;
    if (fstat(fileno(in), &st) == 0 && S_ISDIR(st.st_mode)) {
        fclose(in);
        errno = EISDIR;
        return NULL;
    }
    text = malloc(FILE_MAX + 1);
    *len = text ? fread(text, 1, FILE_MAX + 1, in) : 0;
    fclose(in);
    if (text && *len > FILE_MAX) {
        free(text);
        errno = EFBIG;
        return NULL;
    }
    return text;
}

/* libxlutil's "FILE:LINE: config parsing error near ..." on one line.  Its
 * line is one too small when the error is the end of a line; ours is not. */
static void take_report(struct weir_config_file *f, const char *text,
                        size_t len, char *report)
{
    static const char mark[] = "config parsing error";
    const char *why = strstr(report, mark);
    unsigned line;

    report[strcspn(report, "\n")] = '\0';
    if (why && weir_cfg_scan(text, len, &f->scan, &line))
        snprintf(f->error, sizeof(f->error),
                 "%.160s:%u: %.300s: see "
                 "weir.cfg(5)",
                 f->file, line, why);
    else
        snprintf(f->error, sizeof(f->error), "%.500s: see weir.cfg(5)", report);
}

static int parse(struct loader *l, const char *text, size_t len)
{
    struct weir_config_file *f = l->f;
    char *report = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&report, &size);
    unsigned line;
    int rc;

    if (!to)
        return -ENOMEM;
    l->xlu = xlu_cfg_init(to, f->file);
    rc = l->xlu ? xlu_cfg_readdata(l->xlu, text, (int)len) : ENOMEM;
    fflush(to);
    if (rc) {
        take_report(f, text, len, report);
        rc = -EINVAL;
    } else if (weir_cfg_scan(text, len, &f->scan, &line)) {
        snprintf(f->error, sizeof(f->error),
                 "%.160s:%u: not KEY=VALUE, or too many keys: see weir.cfg(5)",
                 f->file, line);
        rc = -EINVAL;
    } else {
        rc = apply_all(l);
    }
    if (rc == 0)
        rc = check_whole(f);
    if (l->xlu)
        xlu_cfg_destroy(l->xlu);
    fclose(to);
    free(report);
    return rc;
}

int weir_config_load(const char *file, const char *bin_dir,
                     struct weir_config_file *out)
{
    struct loader l = {.f = out, .bin_dir = bin_dir};
    size_t len;
    char *text;
    int rc;

    memset(out, 0, sizeof(*out));
    out->file = file;
    weir_domain_config_init(&out->cfg);
    text = slurp(file, &len);
    if (!text) {
        snprintf(out->error, sizeof(out->error),
                 "%.200s: %s: give the path of a configuration file", file,
                 strerror(errno));
        return -EINVAL;
    }
    rc = parse(&l, text, len);
    free(text);
    return rc;
}

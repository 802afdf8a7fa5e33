/* SPDX-License-Identifier: MIT */
#include "driverdomains/config_keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 65536

int weir_config_fail(struct weir_config_file *f, const char *key, int item,
                     const char *fmt, ...)
{
    unsigned line = weir_cfg_line(&f->scan, key, item);
    char text[700], pos[24] = "";
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
    weir_config_fail(f, key, item, "%s", text);
}

/* ---- the file --------------------------------------------------------- */

/* In the order of the file, so that the first mistake is named first; but the
 * type decides what the others mean. */
static int apply_all(struct weir_config_loader *l)
{
    const struct weir_cfg_scan *s = &l->f->scan;
    int rc = weir_cfg_line(s, "type", -1) ? weir_config_key(l, "type") : 0;

    for (size_t i = 0; rc == 0 && i < s->n; i++) {
        bool again = false;

        if (s->pos[i].item >= 0)
            continue;
        for (size_t k = 0; k < i && !again; k++)
            again = s->pos[k].item < 0 && !strcmp(s->pos[k].key, s->pos[i].key);
        if (!again)
            rc = weir_config_key(l, s->pos[i].key);
    }
    return rc;
}

static int check_whole(struct weir_config_file *f)
{
    struct weir_domain_config *c = &f->cfg;
    const char *base;

    if (!c->name[0])
        return weir_config_fail(f, "name", -1, "missing: add name=\"...\"");
    if (!c->kernel[0])
        return weir_config_fail(
            f, "kernel", -1,
            c->type == WEIR_TYPE_PVH
                ? "missing: add kernel=\"...\", a file; there is no boot "
                  "loader"
                : "missing: add kernel=\"...\", the domain's program");
    base = strrchr(c->kernel, '/') + 1;
    /* A stock kernel has backends for both. */
    if (c->driver_domain && !c->offers && c->type == WEIR_TYPE_PVH)
        c->offers = WEIR_OFFERS_VBD | WEIR_OFFERS_VIF;
    if (c->driver_domain && !c->offers) {
        if (!strcmp(base, "weir-blkback"))
            c->offers = WEIR_OFFERS_VBD;
        else if (!strcmp(base, "weir-netback"))
            c->offers = WEIR_OFFERS_VIF;
        else
            return weir_config_fail(
                f, "driver_domain", -1,
                "%s is unknown: add offers=[ 'vbd' ] or [ 'vif' ]", base);
    }
    if (!c->driver_domain && c->offers)
        return weir_config_fail(f, "offers", -1,
                                "add driver_domain=1, or take it out");
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

static int parse(struct weir_config_loader *l, const char *text, size_t len)
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
    if (rc == 0)
        rc = weir_config_type_check(l);
    if (rc == 0)
        rc = weir_config_restart_check(l);
    if (l->xlu)
        xlu_cfg_destroy(l->xlu);
    fclose(to);
    free(report);
    return rc;
}

int weir_config_load(const char *file, const char *bin_dir,
                     struct weir_config_file *out)
{
    struct weir_config_loader l = {.f = out, .bin_dir = bin_dir};
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

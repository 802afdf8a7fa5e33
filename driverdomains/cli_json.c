/* SPDX-License-Identifier: MIT */
#include "driverdomains/cli.h"

#include <inttypes.h>

static void newline(struct cli_json *j)
{
    fputc('\n', j->to);
    for (int i = 0; i < j->depth; i++)
        fputs("  ", j->to);
}

static void quoted(FILE *to, const char *s)
{
    fputc('"', to);
    for (; *s; s++) {
        unsigned char ch = (unsigned char)*s;

        if (ch == '"' || ch == '\\')
            fprintf(to, "\\%c", ch);
        else if (ch < ' ' || ch > '~') /* bytes, so no encoding is assumed */
            fprintf(to, "\\u%04x", ch);
        else
            fputc(ch, to);
    }
    fputc('"', to);
}

static void key_(struct cli_json *j, const char *key)
{
    if (!j->first)
        fputc(',', j->to);
    if (j->depth)
        newline(j);
    j->first = false;
    if (key) {
        quoted(j->to, key);
        fputs(": ", j->to);
    }
}

void cli_json_begin(struct cli_json *j, FILE *to)
{
    *j = (struct cli_json){.to = to, .first = true};
}

void cli_json_open(struct cli_json *j, const char *key, char bracket)
{
    key_(j, key);
    fputc(bracket, j->to);
    j->depth++;
    j->first = true;
}

void cli_json_close(struct cli_json *j, char bracket)
{
    j->depth--;
    if (!j->first)
        newline(j);
    fputc(bracket, j->to);
    j->first = false;
}

void cli_json_str(struct cli_json *j, const char *key, const char *value)
{
    key_(j, key);
    quoted(j->to, value);
}

void cli_json_u64(struct cli_json *j, const char *key, uint64_t value)
{
    key_(j, key);
    fprintf(j->to, "%" PRIu64, value);
}

void cli_json_f(struct cli_json *j, const char *key, double value)
{
    key_(j, key);
    fprintf(j->to, "%.1f", value);
}

void cli_json_bool(struct cli_json *j, const char *key, bool value)
{
    key_(j, key);
    fputs(value ? "true" : "false", j->to);
}

void cli_json_end(struct cli_json *j)
{
    fputc('\n', j->to);
}

void cli_clean(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
            *s = '?';
}

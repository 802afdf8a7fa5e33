/* SPDX-License-Identifier: MIT
 *
 * top: what each device does a second, from the statistics pages.
 */
#include "driverdomains/cli_stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct sample {
    uint64_t ns;
    struct cli_devstat *list;
    unsigned n;
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int take(struct weir_cli *c, struct sample *s)
{
    s->ns = now_ns();
    return cli_stats(c, &s->list, &s->n);
}

/* A second; a counter that went back belongs to a new device. */
static double rate(const struct weir_dev_stats *now,
                   const struct weir_dev_stats *before, unsigned w, double s)
{
    uint64_t b = before ? before->word[w] : now->word[w];

    return now->word[w] < b ? 0 : (double)(now->word[w] - b) / s;
}

static const char *dom_name(const struct weir_hv_dominfo *d, unsigned n,
                            uint32_t domid)
{
    for (unsigned i = 0; i < n; i++)
        if (d[i].domid == domid)
            return d[i].name;
    return "-";
}

static void human(char out[16], double v)
{
    static const char unit[] = " kMGT";
    int u = 0;

    while (v >= 9999.5 && u < 4) {
        v /= 1000;
        u++;
    }
    if (u)
        snprintf(out, 16, "%.0f%c", v, unit[u]);
    else
        snprintf(out, 16, "%.0f", v);
}

struct shown {
    const char *front, *back;
    const struct weir_dev_stats *now, *before;
    double seconds;
};

static void line(const struct shown *s)
{
    bool vbd = s->now->cls == WEIR_RES_VBD;
    static const unsigned words[2][6] = {
        {WEIR_STAT_TX_PACKETS, WEIR_STAT_TX_BYTES, WEIR_STAT_RX_PACKETS,
         WEIR_STAT_RX_BYTES, WEIR_STAT_VIF_ERRORS, WEIR_STAT_VIF_SPURIOUS},
        {WEIR_STAT_RD_REQ, WEIR_STAT_RD_BYTES, WEIR_STAT_WR_REQ,
         WEIR_STAT_WR_BYTES, WEIR_STAT_VBD_ERRORS, WEIR_STAT_VBD_SPURIOUS}};
    char cell[6][16];

    for (int i = 0; i < 6; i++)
        human(cell[i], rate(s->now, s->before, words[vbd][i], s->seconds));
    printf("%-16s %-3s %7u %-12s %9s %9s %9s %9s %6s %6s\n", s->front,
           vbd ? "vbd" : "vif", s->now->devid, s->back, cell[0], cell[1],
           cell[2], cell[3], cell[4], cell[5]);
}

static void json_line(struct cli_json *j, const struct shown *s)
{
    const char *name;

    cli_json_open(j, NULL, '{');
    cli_json_str(j, "frontend", s->front);
    cli_json_str(j, "backend", s->back);
    cli_json_str(j, "class", s->now->cls == WEIR_RES_VBD ? "vbd" : "vif");
    cli_json_u64(j, "devid", s->now->devid);
    cli_json_open(j, "per_second", '{');
    for (unsigned i = 0; i < WEIR_STATS_WORDS; i++)
        if ((name = cli_stat_name(s->now->cls, i)))
            cli_json_f(j, name, rate(s->now, s->before, i, s->seconds));
    cli_json_close(j, '}');
    cli_json_close(j, '}');
}

static void print(struct weir_cli *c, const struct sample *before,
                  const struct sample *now, bool batch)
{
    struct weir_hv_dominfo *doms;
    double seconds = (double)(now->ns - before->ns) / 1e9;
    struct cli_json j;
    unsigned n;

    if (cli_domains(c, &doms, &n))
        return;
    cli_json_begin(&j, stdout);
    if (c->json)
        cli_json_open(&j, NULL, '[');
    else
        printf("%s%-16s %-3s %7s %-12s %9s %9s %9s %9s %6s %6s\n",
               batch ? "" : "\033[H\033[2J", "DOMAIN", "DEV", "ID", "BACKEND",
               "RD|TX/s", "bytes/s", "WR|RX/s", "bytes/s", "err/s", "spur/s");
    for (unsigned i = 0; i < now->n; i++) {
        const struct cli_devstat *d = &now->list[i];
        struct shown s = {
            .front = dom_name(doms, n, d->s.frontend),
            .back = dom_name(doms, n, d->backend),
            .now = &d->s,
            .before = cli_stat_of(before->list, before->n, d->backend, d->s.cls,
                                  d->s.frontend, d->s.devid),
            .seconds = seconds > 0 ? seconds : 1,
        };

        if (c->json)
            json_line(&j, &s);
        else
            line(&s);
    }
    if (c->json) {
        cli_json_close(&j, ']');
        cli_json_end(&j);
    }
    fflush(stdout);
    free(doms);
}

static int number(int *argc, char **argv, const char *name, uint64_t max,
                  uint64_t *out)
{
    const char *text;
    int got = cli_option(argc, argv, name, &text);

    if (got < 0)
        return CLI_USAGE;
    if (got && weir_cfg_u64(text, 1, max, out))
        return cli_error("%s %s: give a whole number from 1 to %" PRIu64, name,
                         text, max);
    return 0;
}

int cli_top(struct weir_cli *c, int argc, char **argv)
{
    uint64_t count = 0, seconds = 1;
    struct sample before, now;
    bool batch;
    int rc = number(&argc, argv, "-n", 1000000, &count);

    if (rc == 0)
        rc = number(&argc, argv, "-d", 86400, &seconds);
    if (rc)
        return rc;
    if (argc != 1)
        return CLI_USAGE;
    batch = count || !isatty(1) || c->json;
    rc = take(c, &before);
    for (uint64_t i = 0; rc == 0 && (!count || i < count); i++) {
        sleep((unsigned)seconds);
        rc = take(c, &now);
        if (rc)
            break;
        print(c, &before, &now, batch);
        free(before.list);
        before = now;
        if (ferror(stdout))
            break;
    }
    free(before.list);
    return rc;
}

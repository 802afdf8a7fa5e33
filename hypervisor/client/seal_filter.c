/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "hypervisor/client/breakable.h"
#include "hypervisor/client/seal.h"
#include "hypervisor/client/seal_list.h"

bool weir_seal_line(unsigned i, struct weir_seal_line *out)
{
    if (i >= weir_seal_n_rules)
        return false;
    *out = (struct weir_seal_line){
        .name = weir_seal_rules[i].name,
        .args = weir_seal_rules[i].args ? weir_seal_rules[i].args : "",
        .why = weir_seal_rules[i].why,
        .sets = weir_seal_rules[i].sets,
    };
    return true;
}

static int add(scmp_filter_ctx c, uint32_t action, int nr, unsigned n,
               const struct scmp_arg_cmp *args)
{
    return seccomp_rule_add_exact_array(c, action, nr, n, args);
}

static struct scmp_arg_cmp masked(unsigned arg, uint64_t mask, uint64_t value)
{
    return (struct scmp_arg_cmp){.arg = arg,
                                 .op = SCMP_CMP_MASKED_EQ,
                                 .datum_a = mask,
                                 .datum_b = value};
}

static int add_matches(scmp_filter_ctx c, uint32_t action,
                       const struct weir_seal_rule *r)
{
    struct scmp_arg_cmp args[3];
    unsigned n = 0;
    for (; n < 3 && r->match[n].mask; n++)
        args[n] = masked(r->match[n].arg, r->match[n].mask, r->match[n].value);
    return add(c, action, r->nr, n, args);
}

/* low32(arg 0) < limit, as masked equalities: for each set bit of limit, the
 * numbers that agree with it above that bit and have that bit clear. */
static int add_below(scmp_filter_ctx c, int nr, uint32_t limit)
{
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (!(limit & bit))
            continue;
        uint32_t mask = ~(bit - 1);
        struct scmp_arg_cmp a = masked(0, mask, limit & mask & ~bit);
        int err = add(c, SCMP_ACT_ALLOW, nr, 1, &a);
        if (err)
            return err;
    }
    return 0;
}

/* Above the reservation; or starting below it and too short to cross the
 * guard. */
static int add_off_window(scmp_filter_ctx c, int nr,
                          const struct weir_window *w)
{
    struct scmp_arg_cmp above = {
        .arg = 0, .op = SCMP_CMP_GE, .datum_a = (uintptr_t)w->hi};
    struct scmp_arg_cmp below[2] = {
        {.arg = 0, .op = SCMP_CMP_LT, .datum_a = (uintptr_t)w->lo},
        {.arg = 1, .op = SCMP_CMP_LE, .datum_a = WEIR_WINDOW_GUARD},
    };
    int err = add(c, SCMP_ACT_ALLOW, nr, 1, &above);
    return err ? err : add(c, SCMP_ACT_ALLOW, nr, 2, below);
}

static int add_rule(scmp_filter_ctx c, const struct weir_seal_rule *r,
                    const struct weir_seal *s)
{
    struct scmp_arg_cmp a;
    switch (r->how) {
    case ALLOW:
        return add_matches(c, SCMP_ACT_ALLOW, r);
    case REFUSE:
    case REFUSE_BASE:
        return add_matches(c, SCMP_ACT_ERRNO((uint16_t)r->err), r);
    case BELOW_UFFD:
        return add_below(c, r->nr, WEIR_SEAL_UFFD);
    case OWN_PROCESS:
        a = masked(0, WEIR_SEAL_LOW32, (uint32_t)getpid());
        return add(c, SCMP_ACT_ALLOW, r->nr, 1, &a);
    case CONTROL_FD:
        a = masked(0, WEIR_SEAL_LOW32, (uint32_t)s->hv_fd);
        return add(c, SCMP_ACT_ALLOW, r->nr, 1, &a);
    case OFF_WINDOW:
        return add_off_window(c, r->nr, s->window);
    }
    return -EINVAL;
}

static bool wanted(const struct weir_seal_rule *r, unsigned allow)
{
    if (r->how == REFUSE_BASE)
        return !(r->sets & allow);
    return !r->sets || (r->sets & allow);
}

/* A test of one forbidden call: it is allowed, whatever its arguments. */
static bool broken_call(const struct weir_seal_rule *r)
{
#ifdef WEIR_TEST_BREAK
    char word[64];
    snprintf(word, sizeof(word), "sys-%s", r->name);
    return weir_broken(word);
#else
    (void)r;
    return false;
#endif
}

static int add_broken(scmp_filter_ctx c)
{
#ifdef WEIR_TEST_BREAK
    char all[1024], *save;
    snprintf(all, sizeof(all), "%s", getenv("WEIR_BREAK") ?: "");
    for (char *w = strtok_r(all, " ", &save); w; w = strtok_r(NULL, " ", &save))
        if (!strncmp(w, "sys-", 4) &&
            seccomp_rule_add(c, SCMP_ACT_ALLOW,
                             seccomp_syscall_resolve_name(w + 4), 0))
            return -EINVAL;
#else
    (void)c;
#endif
    return 0;
}

static int fill(scmp_filter_ctx c, const struct weir_seal *s)
{
    /* EEXIST: an equal rule is there, from another set */
    for (unsigned i = 0; i < weir_seal_n_rules; i++) {
        const struct weir_seal_rule *r = &weir_seal_rules[i];
        if (!wanted(r, s->allow) || broken_call(r))
            continue;
        int err = add_rule(c, r, s);
        if (err && err != -EEXIST)
            return err;
    }
    return add_broken(c);
}

int weir_seal_filter(const struct weir_seal *s, const char **what)
{
    const uint32_t kill = SCMP_ACT_KILL_PROCESS;
    const char *text = "libseccomp gave no filter: no memory";
    int err = -ENOMEM;
    scmp_filter_ctx c =
        seccomp_init(weir_broken("filter") ? SCMP_ACT_ALLOW : kill);
    if (c) {
        text = "libseccomp refuses a rule: use libseccomp 2.5 or later";
        err = seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH, kill);
    }
    if (c && !err)
        err = seccomp_attr_set(c, SCMP_FLTATR_CTL_TSYNC, !weir_broken("tsync"));
    /* a balanced tree instead of a chain: io_submit is not in front */
    if (c && !err)
        err = seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (c && !err)
        err = weir_broken("filter") ? 0 : fill(c, s);
    if (c && !err) {
        text = "the kernel refuses the filter: it needs CONFIG_SECCOMP_FILTER";
        err = seccomp_load(c);
    }
    if (c)
        seccomp_release(c);
    if (err && what)
        *what = text;
    return err;
}

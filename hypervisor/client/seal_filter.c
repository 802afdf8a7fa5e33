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

#define GIB_BITS (~(WEIR_WINDOW_GUARD - 1))
/* of a user address (with five-level tables mmap gives none above unasked) */
#define TOP_BIT (1ull << 46)

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

/* Orders are made of masked equalities, for libseccomp 2.5 compiles several
 * 64-bit "greater" rules for one call into a filter that allows too much.
 *
 * (arg 0 & mask) < limit, mask being a run of upper bits: for each set bit of
 * limit, the numbers that agree with it above and have that bit clear.  Each
 * such rule comes with the comparison also, when not NULL. */
static int add_below(scmp_filter_ctx c, int nr, uint64_t mask, uint64_t limit,
                     const struct scmp_arg_cmp *also)
{
    struct scmp_arg_cmp a[2];
    for (uint64_t bit = 1ull << 63; bit; bit >>= 1) {
        if (!(limit & mask & bit))
            continue;
        uint64_t upper = mask & ~(bit - 1);
        a[0] = masked(0, upper, limit & upper & ~bit);
        if (also)
            a[1] = *also;
        int err = add(c, SCMP_ACT_ALLOW, nr, also ? 2 : 1, a);
        if (err)
            return err;
    }
    return 0;
}

/* arg 0 >= limit, a multiple of 1 GiB: likewise with its clear bits. */
static int add_from(scmp_filter_ctx c, int nr, uint64_t limit)
{
    struct scmp_arg_cmp a = masked(0, GIB_BITS, limit);
    int err = add(c, SCMP_ACT_ALLOW, nr, 1, &a);
    for (uint64_t bit = TOP_BIT; !err && bit >= WEIR_WINDOW_GUARD; bit >>= 1) {
        if (limit & bit)
            continue;
        a = masked(0, ~(bit - 1), (limit & ~(bit - 1)) | bit);
        err = add(c, SCMP_ACT_ALLOW, nr, 1, &a);
    }
    return err;
}

/* Above the reservation; or starting below it and too short to cross the
 * guard. */
static int add_off_window(scmp_filter_ctx c, int nr,
                          const struct weir_window *w)
{
    struct scmp_arg_cmp is_short = masked(1, GIB_BITS, 0);
    int err = add_from(c, nr, (uintptr_t)w->hi);
    return err ? err : add_below(c, nr, GIB_BITS, (uintptr_t)w->lo, &is_short);
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
        return add_below(c, r->nr, WEIR_SEAL_LOW32, WEIR_SEAL_UFFD, NULL);
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

static int build(const struct weir_seal *s, scmp_filter_ctx *out,
                 const char **text)
{
    const uint32_t kill = SCMP_ACT_KILL_PROCESS;
    scmp_filter_ctx c = *out =
        seccomp_init(weir_broken("filter") ? SCMP_ACT_ALLOW : kill);
    *text = "libseccomp gave no filter: no memory";
    if (!c)
        return -ENOMEM;
    *text = "libseccomp refuses a rule: use libseccomp 2.5 or later";
    int err = seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH, kill);
    if (!err)
        err = seccomp_attr_set(c, SCMP_FLTATR_CTL_TSYNC, !weir_broken("tsync"));
    /* a balanced tree instead of a chain: io_submit is not in front */
    if (!err)
        err = seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (!err && !weir_broken("filter"))
        err = fill(c, s);
    return err;
}

int weir_seal_export(const struct weir_seal *s, int fd)
{
    scmp_filter_ctx c;
    const char *text;
    int err = build(s, &c, &text);
    if (!err)
        err = seccomp_export_bpf(c, fd);
    seccomp_release(c);
    return err;
}

int weir_seal_filter(const struct weir_seal *s, const char **what)
{
    scmp_filter_ctx c;
    const char *text;
    int err = build(s, &c, &text);
    if (!err) {
        text = "the kernel refuses the filter: it needs CONFIG_SECCOMP_FILTER";
        err = seccomp_load(c);
    }
    seccomp_release(c);
    if (err && what)
        *what = text;
    return err;
}

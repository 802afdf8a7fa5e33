/* SPDX-License-Identifier: MIT
 *
 * A guest that forges everything (tests/guests/fuzzguest) beside innocent
 * domains, which must not notice: two processes and a VM that exchange marked
 * data, and a peer that maps and binds whatever the guest offers.
 *
 *   FUZZ_CALLS  hypercalls of all storms together (1,000,000; 100,000 in a
 *               build without sanitizers, which sees less)
 *   FUZZ_SEED   of the first storm (random; printed)
 *   FUZZ_LIVES  reckless guests (40; 8)
 */
#include "tests/e2e/vm_suite.h"

#include "hypervisor/client/breakable.h"
#include "tests/guests/fuzzguest/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define SECRETS 64 /* pages of each innocent domain that it gives to nobody */
#define AT      VM_BEYOND
#define CALLS   (WEIR_SANITIZED ? 1000000 : 100000)
#define LIVES   (WEIR_SANITIZED ? 40 : 8)

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *s = getenv(name);

    return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

static uint64_t seed(void)
{
    static uint64_t chosen;

    if (!chosen) {
        if (getrandom(&chosen, sizeof(chosen), 0) != sizeof(chosen))
            chosen = 1;
        chosen = number("FUZZ_SEED", chosen & 0xffffffff);
    }
    return chosen++;
}

/* ---- the neighbours ----------------------------------------------------- */

struct street {
    struct puppet a, b, peer;
    struct vm c;
    uint64_t a_page, a_secret, c_secret;
    uint64_t a_port, b_port, c_port, a_c_port;
    uint64_t rounds, peer_maps, slowest_ms;
};

static uint64_t secret(uint64_t n)
{
    return FUZZ_SECRET << 32 | n;
}

static void keep_secrets(struct street *s)
{
    struct puppet_answer r = puppet_do(&s->a, PUPPET_ALLOC, SECRETS, 0, 0, 0);
    uint64_t page[512];

    assert_int_equal(r.rc, 0);
    s->a_secret = r.v[0];
    for (uint64_t i = 0; i < SECRETS; i++)
        for (uint64_t j = 0; j < 4096; j += 256)
            puppet_do(&s->a, PUPPET_POKE, s->a_secret + i * 4096 + j,
                      secret(i * 4096 + j), 0, 0);
    s->c_secret = VM_PAGES;
    for (uint64_t i = 0; i < 8; i++) {
        for (uint64_t j = 0; j < 512; j++)
            page[j] = secret(i << 16 | j);
        vm_write(&s->c, s->c_secret + i * 4096, page, sizeof(page));
    }
}

static void move_in(struct street *s)
{
    struct puppet_answer r;

    memset(s, 0, sizeof(*s));
    s->a = process("a");
    s->b = process("b");
    s->c = machine("c");
    r = puppet_do(&s->a, PUPPET_ALLOC, 1, 0, 0, 0);
    assert_int_equal(r.rc, 0);
    s->a_page = r.v[0];
    puppet_do(&s->a, PUPPET_GRANT, 9, s->b.domid, r.v[1], 0);
    puppet_do(&s->a, PUPPET_GRANT, 10, s->c.domid, r.v[1], 0);
    s->a_port = puppet_do(&s->a, PUPPET_EVT_ALLOC, s->b.domid, 0, 0, 0).v[0];
    r = puppet_do(&s->b, PUPPET_EVT_BIND, s->a.domid, s->a_port, 0, 0);
    assert_int_equal(r.rc, 0);
    s->b_port = r.v[0];
    s->a_c_port = puppet_do(&s->a, PUPPET_EVT_ALLOC, s->c.domid, 0, 0, 0).v[0];
    s->c_port = (uint64_t)vm_evt_bind(&s->c, s->a.domid, (uint32_t)s->a_c_port);
    assert_true((int64_t)s->c_port > 0);
    vm_evt_pending(&s->c, (uint32_t)s->c_port, 0);
    vm_process_pending(&s->b, s->b_port, 0);
    vm_process_pending(&s->a, s->a_c_port, 0);
    vm_process_pending(&s->a, s->a_port, 0);
    keep_secrets(s);
}

static int64_t ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What the fuzzing guest is offered, so that some of its calls succeed. */
static void offer(struct street *s, domid_t fuzz)
{
    struct puppet_answer r;

    r = puppet_do(&s->peer, PUPPET_ALLOC, 4, 0, 0, 0);
    assert_int_equal(r.rc, 0);
    for (uint64_t i = 0; i < 8; i++)
        puppet_do(&s->peer, PUPPET_GRANT, 8 + i, fuzz, r.v[1] + i % 4, i > 5);
    for (int i = 0; i < 4; i++)
        puppet_do(&s->peer, PUPPET_EVT_ALLOC, fuzz, 0, 0, 0);
    /* Not for it, though where it looks. */
    vm_grant(&s->c, 8, s->a.domid, (s->c_secret >> 12) + 1, false);
    vm_grant(&s->c, 9, fuzz, 0xfffff, false);
}

static void exchange_with_b(struct street *s)
{
    struct puppet_answer m = puppet_map(&s->b, &s->a, 9, false);
    uint64_t word = s->rounds * 0x9e3779b97f4a7c15;

    assert_int_equal(m.rc, 0);
    puppet_do(&s->a, PUPPET_POKE, s->a_page + 64, word, 0, 0);
    assert_int_equal(puppet_do(&s->a, PUPPET_EVT_NOTIFY, s->a_port, 0, 0, 0).rc,
                     0);
    assert_true(vm_process_pending(&s->b, s->b_port, 5000000000u));
    assert_int_equal(puppet_peek(&s->b, m.v[0] + 64), word);
    puppet_do(&s->b, PUPPET_POKE, m.v[0] + 72, ~word, 0, 0);
    assert_int_equal(puppet_do(&s->b, PUPPET_EVT_NOTIFY, s->b_port, 0, 0, 0).rc,
                     0);
    assert_true(vm_process_pending(&s->a, s->a_port, 5000000000u));
    assert_int_equal(puppet_peek(&s->a, s->a_page + 72), ~word);
    assert_int_equal(puppet_unmap(&s->b, &m), 0);
    /* Nobody notifies that is not told to. */
    assert_false(vm_process_pending(&s->a, s->a_port, 0));
    assert_false(vm_process_pending(&s->b, s->b_port, 0));
}

static void exchange_with_c(struct street *s)
{
    struct vm_mapping m = vm_map(&s->c, s->a.domid, 10, AT, false);
    uint64_t word = s->rounds * 0xd1342543de82ef95;

    assert_int_equal(m.status, 0);
    puppet_do(&s->a, PUPPET_POKE, s->a_page + 128, word, 0, 0);
    puppet_do(&s->a, PUPPET_EVT_NOTIFY, s->a_c_port, 0, 0, 0);
    assert_true(vm_evt_pending(&s->c, (uint32_t)s->c_port, 5000));
    assert_int_equal(vm_peek(&s->c, AT + 128), word);
    vm_poke(&s->c, AT + 136, ~word);
    assert_int_equal(vm_evt_send(&s->c, (uint32_t)s->c_port), 0);
    assert_true(vm_process_pending(&s->a, s->a_c_port, 5000000000u));
    assert_int_equal(puppet_peek(&s->a, s->a_page + 136), ~word);
    assert_int_equal(vm_unmap(&s->c, &m), 0);
}

static void secrets_are_whole(struct street *s)
{
    uint64_t i = s->rounds / 8 % SECRETS, j = s->rounds * 32 % 4096 & ~255u;

    assert_int_equal(puppet_peek(&s->a, s->a_secret + i * 4096 + j),
                     secret(i * 4096 + j));
    i = s->rounds / 8 % 8;
    j = s->rounds * 37 % 512;
    assert_int_equal(vm_peek(&s->c, s->c_secret + i * 4096 + j * 8),
                     secret(i << 16 | j));
}

/* The peer takes what it is offered; all it gets are pages and errors. */
static void meddle(struct street *s, domid_t fuzz)
{
    struct puppet_answer r = puppet_do(&s->peer, PUPPET_MAPS, fuzz, 0, 64, 0);

    assert_true(r.rc <= 0 && r.rc != -EPIPE);
    s->peer_maps += 64 - r.v[0];
    r = puppet_do(&s->peer, PUPPET_UNMAPS, 0, 0, 0, 0);
    assert_true(r.rc <= 0 && r.rc != -EPIPE);
    assert_int_equal(r.v[0], 0);
    r = puppet_do(&s->peer, PUPPET_EVT_BIND, fuzz, 1 + s->rounds % 40, 0, 0);
    assert_int_not_equal(r.rc, -EPIPE);
    if (r.rc == 0) {
        puppet_do(&s->peer, PUPPET_EVT_NOTIFY, r.v[0], 0, 0, 0);
        puppet_do(&s->peer, PUPPET_EVT_CLOSE, r.v[0], 0, 0, 0);
    }
}

static void live(struct street *s, domid_t fuzz)
{
    int64_t start = ms();
    uint64_t took;

    exchange_with_b(s);
    /* Its code is emulated here, and slow: it would be most of the load. */
    if (s->rounds % 8 == 0) {
        exchange_with_c(s);
        secrets_are_whole(s);
    }
    meddle(s, fuzz);
    s->rounds++;
    took = (uint64_t)(ms() - start);
    if (took > s->slowest_ms)
        s->slowest_ms = took;
    usleep(2000);
}

/* ---- the guest ---------------------------------------------------------- */

static struct fuzz_config config(struct street *s, const struct vm *v,
                                 uint32_t vcpus, uint64_t calls)
{
    struct fuzz_config c = {.mark = FUZZ_MARK,
                            .seed = seed(),
                            .calls = calls,
                            .vcpus = vcpus,
                            .self = v->domid,
                            .ram = VM_RAM_PAGES,
                            .peers = {s->a.domid, s->b.domid, s->c.domid,
                                      s->peer.domid, s->peer.domid,
                                      s->peer.domid}};

    return c;
}

static struct vm fuzz_start(struct street *s, uint32_t vcpus, uint64_t calls,
                            bool reckless)
{
    struct weir_hv_create how = vm_how("fuzz");
    struct fuzz_config c;
    struct vm v;

    how.vcpus = vcpus;
    how.max_frames += 64;
    how.max_maps = 300;
    v = vm_create(&world, how);
    s->peer = process("peer");
    c = config(s, &v, vcpus, calls);
    c.reckless = reckless;
    printf("fuzz: FUZZ_SEED=%llu, %u vCPUs%s, %llu calls\n",
           (unsigned long long)c.seed, vcpus, reckless ? ", reckless" : "",
           (unsigned long long)calls);
    fflush(stdout);
    offer(s, v.domid);
    vm_load(&v, "fuzzguest", &c, sizeof(c));
    vm_go(&v);
    return v;
}

static void look_at_console(struct vm *v, int patience)
{
    static const char *const bad[] = {"LEAK 0", "WEIRD ", "exception", "no "};

    vm_says(v, "\xff", patience); /* what there is; never said */
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (strstr(v->text, bad[i]))
            fail_msg("the guest says: %s", strstr(v->text, bad[i]));
}

/* Its last words, unless the other vCPU spoke in between. */
static unsigned long long spared(const struct vm *v)
{
    const char *done = strstr(v->text, "fuzz done ");
    unsigned long long n = 0;

    if (!done || sscanf(done, "fuzz done %*x %llx", &n) != 1)
        return 0;
    return n;
}

static void storm(uint32_t vcpus, uint64_t calls)
{
    struct hv_usage before;
    struct weir_hv_dominfo info;
    struct street s;
    struct vm v;
    int64_t start, moved = ms();
    uint64_t seen = 0;

    move_in(&s);
    before = hv_usage(&world);
    v = fuzz_start(&s, vcpus, calls, false);
    start = ms();
    do {
        live(&s, v.domid);
        look_at_console(&v, 0);
        info = vm_info(&v);
        if (info.hypercalls != seen)
            moved = ms();
        else if (ms() - moved > 10000)
            fail_msg("the guest stands still after %llu calls; console: %s",
                     (unsigned long long)seen, v.text);
        seen = info.hypercalls;
    } while (info.state == WEIR_DOM_RUNNING || info.state == WEIR_DOM_BUILDING);
    look_at_console(&v, 300);
    if (info.state != WEIR_DOM_SHUTDOWN || info.shutdown != 0)
        fail_msg("the guest ended early: state %d, %s; console: %s", info.state,
                 info.reason, v.text);
    printf("fuzz: %llu hypercalls in %lld ms, %llu rounds of the neighbours "
           "(slowest %llu ms), the peer mapped %llu pages, the guest spared "
           "itself %llu times\n",
           (unsigned long long)info.hypercalls, (long long)(ms() - start),
           (unsigned long long)s.rounds, (unsigned long long)s.slowest_ms,
           (unsigned long long)s.peer_maps, spared(&v));
    assert_true(info.hypercalls >= calls);
    assert_true(s.rounds > 0);
    assert_int_equal(vm_destroy(&v), 0);
    live(&s, v.domid);
    assert_int_equal(puppet_destroy(&s.peer), 0);
    for (int i = 0; i < 100 && hv_usage(&world).domains > before.domains; i++)
        usleep(10000);
    assert_int_equal(hv_usage(&world).domains, before.domains);
    assert_int_equal(hv_usage(&world).fds, before.fds);
    assert_int_equal(hv_usage(&world).threads, before.threads);
    assert_int_equal(vm_destroy(&s.c), 0);
    assert_int_equal(puppet_destroy(&s.a), 0);
    assert_int_equal(puppet_destroy(&s.b), 0);
}

static void one_vcpu_forges_everything(void **state)
{
    (void)state;
    storm(1, number("FUZZ_CALLS", CALLS) / 2);
}

static void two_vcpus_forge_everything(void **state)
{
    (void)state;
    storm(2, number("FUZZ_CALLS", CALLS) / 2);
}

/* Guests that spare not even themselves: each ends somehow, alone. */
static void reckless_guests_end_alone(void **state)
{
    uint64_t lives = number("FUZZ_LIVES", LIVES), calls = 0, crashed = 0;
    struct street s;

    (void)state;
    move_in(&s);
    for (uint64_t i = 0; i < lives; i++) {
        struct vm v = fuzz_start(&s, 1 + (i & 1), 50000, true);
        int64_t until = ms() + 400;
        struct weir_hv_dominfo info;

        do {
            live(&s, v.domid);
            info = vm_info(&v);
        } while (info.state == WEIR_DOM_RUNNING && ms() < until);
        calls += info.hypercalls;
        crashed += info.state == WEIR_DOM_CRASHED;
        vm_says(&v, "\xff", 0);
        /* Its image has the word too, and may be what it prints; the number
         * follows only where it tells of one. */
        if (strstr(v.text, "LEAK 0"))
            fail_msg("the guest says: %s", strstr(v.text, "LEAK 0"));
        assert_int_equal(vm_destroy(&v), 0);
        assert_int_equal(puppet_destroy(&s.peer), 0);
    }
    printf("fuzz: %llu lives, %llu crashed, %llu hypercalls, %llu rounds of "
           "the neighbours\n",
           (unsigned long long)lives, (unsigned long long)crashed,
           (unsigned long long)calls, (unsigned long long)s.rounds);
    assert_true(calls > lives);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(one_vcpu_forges_everything, clear),
        cmocka_unit_test_teardown(two_vcpus_forge_everything, clear),
        cmocka_unit_test_teardown(reckless_guests_end_alone, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

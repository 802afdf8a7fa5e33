/* SPDX-License-Identifier: MIT
 *
 * Grants: what one domain does with frames of another.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/isolation/lab.h"

#define SECRET 0x5ec4e7

/* Killed, by weir-hv, for frame; the message names both. */
static bool blamed(struct lab *l, struct dom *d, int64_t frame,
                   const char *word)
{
    char reason[160], want[64];
    CHECK(dom_crashed(l, d, reason), "not killed: %s", reason);
    CHECK(!dom_reap(d, 2000), "the process lives");
    snprintf(want, sizeof(want), "frame %" PRId64, frame);
    CHECK(strstr(reason, want), "\"%s\" does not say %s", reason, want);
    snprintf(want, sizeof(want), "domain %u", d->id);
    CHECK(strstr(reason, want), "\"%s\" does not say %s", reason, want);
    CHECK(strstr(reason, word), "\"%s\" does not say %s", reason, word);
    return true;
}

/* owner allocates a frame with SECRET in it, and grants it to user by 9. */
static bool two(struct lab *l, struct dom **owner, struct dom **user,
                int64_t *frame, bool readonly)
{
    *owner = dom_start(l, &(struct dom_how){0});
    *user = dom_start(l, &(struct dom_how){0});
    CHECK(*owner && *user && !(*owner)->ready && !(*user)->ready, "no domain");
    *frame = TELL(*owner, P_ALLOC, 1);
    CHECK(*frame > 0, "no frame: %" PRId64, *frame);
    TELL(*owner, P_WRITE, *frame, 0, SECRET);
    CHECK(!TELL(*owner, P_GRANT, 9, (*user)->id, *frame, readonly), "grant");
    return true;
}

#define TWO(ro)                                                                \
    struct dom *owner, *user;                                                  \
    int64_t frame;                                                             \
    if (!two(l, &owner, &user, &frame, ro))                                    \
    return false

static bool granted_frame_is_shared(struct lab *l)
{
    TWO(false);
    CHECK(!TELL(user, P_MAP, owner->id, 9, 0), "map");
    CHECK(user->last.v[1] == frame, "another frame");
    CHECK(TELL(user, P_READ, frame, 0) == SECRET, "other content");
    CHECK(TELL(user, P_WRITE, frame, 0, 77) == 0, "no write");
    CHECK(TELL(owner, P_READ, frame, 0) == 77, "not the same page");
    return true;
}

static bool ungranted_frame(struct lab *l)
{
    TWO(false);
    CHECK(TELL(user, P_READ, frame, 0) != SECRET, "it read the secret");
    return blamed(l, user, frame, "not granted");
}

/* Frames nobody owns, and weir-hv's own idea of the last one. */
static bool unowned_frames(struct lab *l)
{
    for (int64_t f = 0x3fff; f > 0; f -= 0x1fff) {
        struct dom *d = dom_start(l, &(struct dom_how){0});
        CHECK(d && !d->ready, "no domain");
        dom_order(d, P_WRITE, (int64_t[7]){f, 0, 1});
        if (!blamed(l, d, f, "not granted"))
            return false;
        lab_clear(l);
    }
    return true;
}

static bool beyond_the_window(struct lab *l)
{
    for (int64_t f = -1; f <= 0x4000; f += 0x4001) {
        struct dom *d = dom_start(l, &(struct dom_how){0});
        CHECK(d && !d->ready, "no domain");
        CHECK(TELL(d, P_READ, f, 0) == DIED, "the guard can be read");
        lab_clear(l);
    }
    return true;
}

static bool kernel_probe(struct lab *l)
{
    TWO(false);
    int64_t r = TELL(user, P_KERNEL, frame, 0);
    CHECK(r == -EFAULT, "the kernel wrote there: %" PRId64, r);
    CHECK(TELL(owner, P_READ, frame, 0) == SECRET, "it changed");
    return true;
}

static bool write_to_readonly(struct lab *l)
{
    TWO(true);
    CHECK(TELL(user, P_MAP, owner->id, 9, 0) != 0, "mapped for writing");
    CHECK(!TELL(user, P_MAP, owner->id, 9, 1), "map");
    CHECK(TELL(user, P_READ, frame, 1) == SECRET, "it does not read");
    dom_order(user, P_WRITE, (int64_t[7]){frame, 1, 666});
    CHECK(dom_answer(user, 500) != 0, "it wrote");
    CHECK(TELL(owner, P_READ, frame, 0) == SECRET, "it changed");
    if (user->one_window)
        return blamed(l, user, frame, "read-only");
    /* the mapping itself is read-only: weir-hv sees no fault */
    CHECK(!dom_reap(user, 2000) && WTERMSIG(user->status) == SIGSEGV,
          "not dead of it");
    return true;
}

/* The kernel on its behalf; also a mapping asked for read-only of a grant
 * that would allow more. */
static bool kernel_write_to_readonly(struct lab *l)
{
    TWO(false);
    CHECK(!TELL(user, P_MAP, owner->id, 9, 1), "map");
    int64_t r = TELL(user, P_KERNEL, frame, 1);
    CHECK(r == -EFAULT, "the kernel wrote: %" PRId64, r);
    CHECK(TELL(owner, P_READ, frame, 0) == SECRET, "it changed");
    return true;
}

static bool use_after_unmap(struct lab *l)
{
    TWO(false);
    CHECK(!TELL(user, P_MAP, owner->id, 9, 0), "map");
    int64_t handle = user->last.v[2];
    CHECK(!TELL(user, P_UNMAP, frame, handle, 0), "unmap");
    CHECK(TELL(user, P_READ, frame, 0) != SECRET, "it still reads");
    return blamed(l, user, frame, "not granted");
}

static bool use_after_readonly_unmap(struct lab *l)
{
    TWO(true);
    CHECK(!TELL(user, P_MAP, owner->id, 9, 1), "map");
    int64_t handle = user->last.v[2];
    CHECK(!TELL(user, P_UNMAP, frame, handle, 1), "unmap");
    CHECK(TELL(user, P_READ, frame, 1) != SECRET, "it still reads");
    return blamed(l, user, frame, "not granted");
}

/* It says "unmapped" and keeps the page: not believed, the granter is told
 * that the grant is in use, and the mapping goes on as before. */
static bool unmap_claimed_but_not_done(struct lab *l)
{
    TWO(false);
    CHECK(!TELL(user, P_MAP, owner->id, 9, 0), "map");
    int64_t handle = user->last.v[2];
    CHECK(TELL(user, P_CLAIM, handle) != 0, "believed");
    CHECK(TELL(owner, P_UNGRANT, 9) == -EBUSY, "the grant ended");
    TELL(user, P_DROP, frame, 1, 0);
    CHECK(TELL(user, P_CLAIM, handle) == 0, "not believed when true");
    CHECK(TELL(owner, P_UNGRANT, 9) == 0, "the grant does not end");
    return true;
}

static bool access_ends_with_the_mapping(struct lab *l)
{
    TWO(false);
    CHECK(!TELL(user, P_MAP, owner->id, 9, 0), "map");
    int64_t handle = user->last.v[2];
    for (int i = 0; i < 3; i++)
        CHECK(TELL(owner, P_UNGRANT, 9) == -EBUSY, "ended while mapped");
    CHECK(!TELL(user, P_UNMAP, frame, handle, 0), "unmap");
    CHECK(TELL(owner, P_UNGRANT, 9) == 0, "does not end");
    CHECK(TELL(user, P_MAP, owner->id, 9, 0) != 0, "mapped after the end");
    return true;
}

/* A frame freed while others map it is not given to anybody. */
static bool freed_while_mapped(struct lab *l)
{
    TWO(false);
    CHECK(!TELL(user, P_MAP, owner->id, 9, 0), "map");
    TELL(owner, P_FREE, frame, 1);
    for (int i = 0; i < 8; i++)
        CHECK(TELL(owner, P_ALLOC, 8) != frame, "given away while mapped");
    CHECK(TELL(user, P_READ, frame, 0) == SECRET, "the page changed");
    return true;
}

static bool owner_dies_while_mapped(struct lab *l)
{
    TWO(false);
    CHECK(!TELL(user, P_MAP, owner->id, 9, 0), "map");
    char reason[160];
    dom_order(owner, P_READ, (int64_t[7]){1, 0});
    CHECK(dom_crashed(l, owner, reason), "%s", reason);
    CHECK(TELL(user, P_READ, frame, 0) == SECRET, "the page changed");
    CHECK(!weir_hvctl_destroy(l->ctl, owner->id), "destroy");
    CHECK(TELL(user, P_READ, frame, 0) == SECRET, "the page changed");
    int64_t handle = user->last.v[2];
    (void)handle;
    return true;
}

static bool grant_to_another(struct lab *l)
{
    TWO(false);
    struct dom *third = dom_start(l, &(struct dom_how){0});
    CHECK(third && !third->ready, "no domain");
    CHECK(TELL(third, P_MAP, owner->id, 9, 0) != 0, "mapped");
    CHECK(TELL(user, P_MAP, owner->id, 8, 0) != 0, "mapped another");
    CHECK(TELL(user, P_MAP, owner->id, 1 << 30, 0) != 0, "mapped far off");
    /* a grant of a frame that is not its own to give */
    int64_t foreign = l->its_frame;
    TELL(owner, P_GRANT, 10, user->id, foreign, 0);
    CHECK(TELL(user, P_MAP, owner->id, 10, 0) != 0, "mapped a stolen frame");
    TELL(owner, P_GRANT, 10, user->id, 0xfffffff0, 0);
    CHECK(TELL(user, P_MAP, owner->id, 10, 0) != 0, "mapped no frame");
    return true;
}

/* What the next owner finds in a frame is zeros. */
static bool old_content(struct lab *l)
{
    TWO(false);
    int64_t first = TELL(owner, P_ALLOC, 128);
    for (int i = 0; i < 128; i++)
        TELL(owner, P_WRITE, first + i, 0, SECRET);
    TELL(owner, P_FREE, first, 128);
    for (int k = 0; k < 24; k++) {
        int64_t got = TELL(user, P_ALLOC, 8);
        for (int i = 0; got > 0 && i < 8; i++)
            CHECK(TELL(user, P_READ, got + i, 0) == 0, "not zero");
    }
    return true;
}

/* What the filter must leave possible. */
static bool work_goes_on(struct lab *l)
{
    struct dom *d = dom_start(
        l, &(struct dom_how){.allow = WEIR_SEAL_THREADS | WEIR_SEAL_FILE});
    CHECK(d && !d->ready, "no domain");
    int64_t r = TELL(d, P_MALLOC, 800);
    CHECK(r == 0, "malloc: %" PRId64, r);
    CHECK(TELL(d, P_THREAD) == 0, "thread");
    int64_t before = TELL(d, P_COUNTER);
    for (int i = 0; i < 500 && TELL(d, P_COUNTER) == before; i++)
        usleep(1000);
    CHECK(TELL(d, P_COUNTER) > before, "the thread does not run");
    CHECK(TELL(d, P_MALLOC, 800) == 0, "malloc with two threads");
    return true;
}

const struct attack grant_attacks[] = {
    {"granted-frame-is-shared", granted_frame_is_shared},
    {"ungranted-frame", ungranted_frame},
    {"unowned-frames", unowned_frames},
    {"beyond-the-window", beyond_the_window},
    {"kernel-probe", kernel_probe},
    {"write-to-readonly", write_to_readonly},
    {"kernel-write-to-readonly", kernel_write_to_readonly},
    {"use-after-unmap", use_after_unmap},
    {"use-after-readonly-unmap", use_after_readonly_unmap},
    {"unmap-claimed-but-not-done", unmap_claimed_but_not_done},
    {"access-ends-with-the-mapping", access_ends_with_the_mapping},
    {"freed-while-mapped", freed_while_mapped},
    {"owner-dies-while-mapped", owner_dies_while_mapped},
    {"grant-to-another", grant_to_another},
    {"old-content", old_content},
    {"work-goes-on", work_goes_on},
    {NULL, NULL},
};

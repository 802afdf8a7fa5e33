/* SPDX-License-Identifier: MIT
 *
 * hostile_store ATTACK: a guest that wants all of the registry.  What others
 * must keep is refused it; the ring's own attacks are in xs_guest.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/hostile_dom.h"

#define MANY 20000

/* How many times op works before it is refused, for good. */
static unsigned until_refused(struct hostile *h,
                              int (*op)(struct hostile *h, unsigned i))
{
    unsigned good = 0, refused = 0;

    for (unsigned i = 0; i < MANY && refused < 200; i++) {
        int err = op(h, i);

        HOSTILE_CHECK(h, err != -WEIR_ETIMEDOUT && err != -WEIR_EPROTO,
                      "the registry does not answer (%d)", err);
        good += err == 0;
        refused += err != 0;
    }
    HOSTILE_CHECK(h, good > 0 && refused == 200,
                  "%u times without being refused", good);
    return good;
}

static int one_watch(struct hostile *h, unsigned i)
{
    char token[16];

    snprintf(token, sizeof(token), "w%u", i);
    return weir_xs_watch(&h->xs, "device", token);
}

static int one_transaction(struct hostile *h, unsigned i)
{
    weir_xs_tx tx;

    (void)i;
    return weir_xs_transaction_start(&h->xs, &tx);
}

static int one_node(struct hostile *h, unsigned i)
{
    static char value[1500];
    char path[32];

    memset(value, 'x', sizeof(value));
    snprintf(path, sizeof(path), "device/n%u", i);
    return weir_xs_write(&h->xs, 0, path, value, sizeof(value));
}

static int one_deep_node(struct hostile *h, unsigned i)
{
    char path[2040] = "device";

    for (unsigned k = 0; k < 200; k++)
        snprintf(path + strlen(path), 12, "/%u", i + k);
    return weir_xs_mkdir(&h->xs, 0, path);
}

/* Of the others: the manager's, the registry's domain's, the innocent's. */
static void trespass(struct hostile *h)
{
    static const char *const path[] = {
        "/local/domain/1/name",   "/local/domain/1/x", "/local/domain/2/name",
        "/local/domain/2/device", "/tool/x",           "/x",
        "/local/domain/2",        "/local/domain"};
    const char all[] = "b0";
    uint64_t v;

    for (unsigned i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
        int w = weir_xs_write(&h->xs, 0, path[i], "mine", 4);
        int p = weir_xs_set_perms(&h->xs, 0, path[i], all, sizeof(all));
        int r = weir_xs_rm(&h->xs, 0, path[i]);

        HOSTILE_CHECK(h, w != 0 && p != 0 && r != 0, "%s: %d %d %d", path[i], w,
                      p, r);
    }
    HOSTILE_CHECK(h, weir_xs_introduce(&h->xs, 77, 1, 1) != 0, "introduce");
    HOSTILE_CHECK(h, weir_xs_release(&h->xs, 2) != 0, "release");
    HOSTILE_CHECK(h,
                  weir_xs_read_u64(&h->xs, 0, "/local/domain/2/device",
                                   "secret", &v) != 0,
                  "another's node is read");
}

static void works(struct hostile *h)
{
    uint64_t v;

    HOSTILE_CHECK(
        h, weir_xs_read_u64(&h->xs, 0, "device", "mine", &v) == 0 && v == 7,
        "the own node is lost");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*op)(struct hostile *h, unsigned i);
    } floods[] = {{"watches", one_watch},
                  {"transactions", one_transaction},
                  {"nodes", one_node},
                  {"deep", one_deep_node}};
    static struct hostile h;

    if (argc < 2)
        return 2;
    hostile_open(&h, argv[1]);
    HOSTILE_CHECK(&h, weir_xs_write_u64(&h.xs, 0, "device", "mine", 7) == 0,
                  "own node");
    for (unsigned i = 0; i < 4; i++)
        if (strcmp(argv[1], floods[i].name) == 0)
            fprintf(stderr, "hostile store: %u %s\n",
                    until_refused(&h, floods[i].op), argv[1]);
    if (strcmp(argv[1], "trespass") == 0)
        trespass(&h);
    works(&h);
    _exit(0); /* sealed: no leak search */
}

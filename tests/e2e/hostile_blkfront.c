/* SPDX-License-Identifier: MIT
 *
 * hostile_blkfront ATTACK: a guest that does its worst to the block backend.
 * Device 51712 is writable, 51728 read-only.  Exit 0: the backend gave the
 * answer that the ABI and design section 8 ask for.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/hostile_blk.h"

static const struct attack {
    const char *name;
    void (*run)(struct hostile *h);
} attacks[] = {
    {"requests", attack_requests},
    {"indirect", attack_indirect},
    {"references", attack_references},
    {"revoke", attack_revoke},
    {"readonly", attack_readonly},
    {"rewrite", attack_rewrite},
    {"own-ring", attack_own_ring},
    {"indexes", attack_indexes},
    {"unread", attack_unread},
    {"nodes", attack_nodes},
    {"flap", attack_flap},
    {"storm", attack_storm},
    {"flood", attack_flood},
    {"twins", attack_twins},
    {"ungrant-ring", attack_ungrant_ring},
    {"shrunk", attack_shrunk},
    {"full", attack_full},
    {"vanish", attack_vanish},
    {"hang", attack_hang},
};

int main(int argc, char **argv)
{
    static struct hostile h;

    for (unsigned i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
        if (argc > 1 && strcmp(argv[1], attacks[i].name) == 0) {
            hostile_open(&h, argv[1]);
            attacks[i].run(&h);
            fprintf(stderr, "hostile_blkfront %s: survived\n", argv[1]);
            _exit(0); /* sealed: no leak search */
        }
    fprintf(stderr, "hostile_blkfront: no such attack\n");
    return 2;
}

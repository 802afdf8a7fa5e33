/* SPDX-License-Identifier: MIT
 *
 * hostile_netfront ATTACK: a guest that does its worst to the network backend.
 * Exit 0: the backend gave the answer that the ABI and design section 8 ask
 * for.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/hostile_vif.h"

static const struct attack {
    const char *name;
    void (*run)(struct hostile *h);
} attacks[] = {
    {"tx", attack_tx},
    {"offload", attack_offload},
    {"mcast", attack_mcast},
    {"spoof", attack_spoof},
    {"rewrite", attack_net_rewrite},
    {"flood", attack_net_flood},
    {"indexes", attack_net_indexes},
    {"rx", attack_rx},
    {"ctrl", attack_ctrl},
    {"nodes", attack_net_nodes},
    {"flap", attack_net_flap},
    {"storm", attack_net_storm},
    {"vanish", attack_net_vanish},
    {"hang", attack_net_hang},
};

int main(int argc, char **argv)
{
    static struct hostile h;

    for (unsigned i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
        if (argc > 1 && strcmp(argv[1], attacks[i].name) == 0) {
            hostile_open(&h, argv[1]);
            attacks[i].run(&h);
            fprintf(stderr, "hostile_netfront %s: survived\n", argv[1]);
            _exit(0); /* sealed: no leak search */
        }
    fprintf(stderr, "hostile_netfront: no such attack\n");
    return 2;
}

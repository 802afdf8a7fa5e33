/* SPDX-License-Identifier: MIT */
#include "frontends/guest/guest.h"
int weir_guest_main(struct weir_guest *g)
{
    weir_guest_print(g, "hello\n");
    return 0;
}

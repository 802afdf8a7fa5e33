/* SPDX-License-Identifier: MIT
 *
 * What a kernel's own code calls.
 */
#include "frontends/guest/guest.h"

#include "frontends/common/text.h"
#include "ring/error.h"
#include "xenbus/wire.h"

void weir_guest_print(struct weir_guest *g, const char *text)
{
    weir_guest_console_write(&g->console, text, weir_text_len(text));
}

void weir_guest_print_u64(struct weir_guest *g, uint64_t v)
{
    char digits[21];

    weir_xs_format_u64(v, digits);
    weir_guest_print(g, digits);
}

void *weir_guest_pages(struct weir_guest *g, size_t count)
{
    return weir_pages_take(&g->pages, count);
}

void weir_guest_pages_free(struct weir_guest *g, void *first, size_t count)
{
    weir_pages_give(&g->pages, first, count);
}

uint64_t weir_guest_unix_time(struct weir_guest *g)
{
    return weir_port_guest_unix_time(&g->pg);
}

bool weir_guest_asked_to_stop(struct weir_xs *xs, enum weir_shutdown *reason)
{
    static const char node[] = "control/shutdown";
    char why[32];
    int len = weir_xs_read(xs, 0, node, why, sizeof(why));

    if (len <= 0)
        return false;
    /* Emptying it says that we heard. */
    weir_xs_write(xs, 0, node, "", 0);
    if (weir_text_equal(why, "poweroff") || weir_text_equal(why, "halt"))
        *reason = WEIR_SHUTDOWN_POWEROFF;
    else if (weir_text_equal(why, "reboot"))
        *reason = WEIR_SHUTDOWN_REBOOT;
    else
        return false; /* suspend and others: not ours */
    return true;
}

/* SPDX-License-Identifier: MIT
 *
 * libxengnttab and libxenevtchn for tests, linked in their place: one foreign
 * domain with a few granted pages, and event channels whose other ends the test
 * holds.  As with Linux' drivers a port is masked from its read to its unmask,
 * and a copy with an element beyond a page fails as a whole.
 */
#ifndef WEIR_TESTS_UNIT_FAKE_XEN_H
#define WEIR_TESTS_UNIT_FAKE_XEN_H

#include <stdint.h>

#define FAKE_XEN_DOM  7u
#define FAKE_XEN_REFS 16u /* 0..15; odd ones are granted read-only */

void fake_xen_reset(void);
uint8_t *fake_xen_page(unsigned ref); /* as its owner sees it */
unsigned fake_xen_mapped(void);       /* pages mapped now */
unsigned fake_xen_handles(void);      /* handles open now */
unsigned fake_xen_copies(void);       /* calls that copied */
unsigned fake_xen_notified(unsigned port);
/* The other end notifies. */
void fake_xen_raise(unsigned port);
/* The number the next port gets. */
void fake_xen_next_port(unsigned port);

#endif

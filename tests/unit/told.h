/* SPDX-License-Identifier: MIT
 *
 * What a part under test did to the parts that a test plays, in words.
 */
#ifndef WEIR_TESTS_UNIT_TOLD_H
#define WEIR_TESTS_UNIT_TOLD_H

#include <stdbool.h>

__attribute__((format(printf, 1, 2))) void tell(const char *fmt, ...);
/* That was told since the last time, and nothing else. */
void told_expect(const char *want);
bool told_has(const char *part);
void told_forget(void);

#endif

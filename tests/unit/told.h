/* SPDX-License-Identifier: MIT
 *
 * What a part under test did to the parts that a test plays, in words.
 */
#ifndef WEIR_TESTS_UNIT_TOLD_H
#define WEIR_TESTS_UNIT_TOLD_H

__attribute__((format(printf, 1, 2))) void tell(const char *fmt, ...);
/* What was told since the last time. */
void told_expect(const char *want);
void told_forget(void);

#endif

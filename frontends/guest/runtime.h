/* SPDX-License-Identifier: MIT
 *
 * Inside the runtime: what start.S, the linker script and runtime.c share.
 */
#ifndef WEIR_FRONTENDS_GUEST_RUNTIME_H
#define WEIR_FRONTENDS_GUEST_RUNTIME_H

#include <stdint.h>

struct weir_start_info;

/* start.S calls these at level 3. */
__attribute__((noreturn)) void
weir_guest_begin_(const struct weir_start_info *info);
__attribute__((noreturn)) void weir_guest_fault_(void);
/* Text to the debug port, for want of a console. */
void weir_guest_debug(const char *text);

/* start.S: the fault. */
extern uint64_t weir_guest_fault_vector_, weir_guest_fault_error_,
    weir_guest_fault_address_, weir_guest_fault_rip_, weir_guest_fault_rsp_,
    weir_guest_fault_rbp_;
/* weir-guest.ld */
extern char weir_guest_text[], weir_guest_end[];

#endif

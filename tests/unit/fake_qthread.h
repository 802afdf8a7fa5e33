/* SPDX-License-Identifier: MIT
 *
 * Queue threads without threads, for tests that want each step in order: in
 * place of backends/common/qthread.c, linked before its library.  A test runs
 * what would be the threads' loops itself.
 */
#ifndef WEIR_TESTS_UNIT_FAKE_QTHREAD_H
#define WEIR_TESTS_UNIT_FAKE_QTHREAD_H

#include "backends/common/qthread.h"

/* Each running thread once: work, or arm and fall asleep, or be woken by what
 * it waits for (a timer is always due).  How many were not asleep. */
unsigned fake_qthreads_run(struct weir_qpool *pool);

#endif

/* SPDX-License-Identifier: MIT
 *
 * What bench_net compares with.  Frames of size bytes a second, in millions,
 * as the receiver counts; 0 when it could not be measured.
 */
#ifndef WEIR_TESTS_BENCH_NET_PEERS_H
#define WEIR_TESTS_BENCH_NET_PEERS_H

#include <stdbool.h>

/* Two testpmd processes and a memif between them; hops: a third in between
 * that forwards. */
double net_memif(unsigned size, bool hops);
/* A veth pair in a network namespace of its own, a sending and a receiving
 * thread. */
double net_veth(unsigned size);

#endif

/* SPDX-License-Identifier: MIT
 *
 * lwIP in a kernel: no threads, IPv4, memory from malloc.  Sizes as in the
 * library that the process domain links, so that both guests behave alike.
 */
#ifndef WEBGUEST_VM_LWIPOPTS_H
#define WEBGUEST_VM_LWIPOPTS_H

#define NO_SYS               1
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0
#define LWIP_IPV6            0
#define LWIP_STATS           0
#define MEM_LIBC_MALLOC      1
#define MEMP_MEM_MALLOC      1
#define MEM_ALIGNMENT        8
#define SYS_LIGHTWEIGHT_PROT 0

#define LWIP_NETIF_TX_SINGLE_PBUF 1
#define LWIP_CHECKSUM_ON_COPY     1
#define ARP_QUEUEING              1
#define ARP_QUEUE_LEN             10

#define TCP_MSS        1460
#define TCP_WND        0xFFFF
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE  1
#define TCP_SND_BUF    TCP_WND
#define SO_REUSE       1

#define LWIP_NOASSERT_ON_ERROR 1
#define LWIP_RAND()            ((u32_t)rand())

#endif

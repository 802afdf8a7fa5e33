/* SPDX-License-Identifier: MIT
 *
 * A guest that connects like any other and then breaks one rule:
 *
 *   net_attacker N     N as in the table below
 *
 * It exits 0 when it is done with its attack, without closing anything.
 */
#include "frontends/net/netfront.h"
#include "hypervisor/client/process.h"
#include "ring/grant_abi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAST_NS UINT64_C(300000000)

static struct weir_netfront nf;
static struct weir_front_bus bus;
static struct weir_gnttab gnttab;
static uint8_t frame[4096];

static struct weir_nf_queue *queue(void)
{
    return &nf.queue[0];
}

static void notify(void)
{
    bus.port->ops->evtchn_notify(bus.port, queue()->tx_evtchn);
    if (queue()->rx_evtchn != queue()->tx_evtchn)
        bus.port->ops->evtchn_notify(bus.port, queue()->rx_evtchn);
    if (nf.ctrl_evtchn)
        bus.port->ops->evtchn_notify(bus.port, nf.ctrl_evtchn);
}

static void set_producer(uint8_t *ring, uint32_t value)
{
    volatile struct weir_sring_header *h = (void *)ring;
    h->req_prod = value;
    notify();
}

static void tx_index(void)
{
    set_producer(queue()->tx_ring.addr, 0x7fffffff);
}

static void control_index(void)
{
    set_producer(nf.ctrl_ring.addr, 5000);
}

static void put(uint32_t ref, uint16_t offset, uint16_t flags, uint16_t size)
{
    union weir_netif_tx_slot s = {
        .req = {.gref = ref, .offset = offset, .flags = flags, .size = size}};
    weir_netif_tx_front_put(&queue()->tx, &s);
}

static void endless_packet(void)
{
    for (int i = 0; i < 200; i++)
        put(queue()->tx_buf[0].ref, 0, WEIR_NETTXF_MORE_DATA, 20);
    weir_netif_tx_front_push(&queue()->tx);
    notify();
}

static void foreign_references(void)
{
    struct weir_netif_tx_response rsp;
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < 64; i++)
            put(i * 977 + round, (uint16_t)(i * 64), 0, 1000);
        weir_netif_tx_front_push(&queue()->tx);
        notify();
        for (int i = 0; i < 20; i++) {
            while (weir_netif_tx_front_get(&queue()->tx, &rsp) > 0)
                ;
            usleep(200);
        }
    }
}

/* Takes the grants back under the backend's mappings. */
static void revoke_grants(void)
{
    volatile struct weir_grant_entry_v1 *e;
    uint32_t n;
    if (bus.port->ops->grant_table(bus.port, false, &e, &n))
        return;
    for (uint32_t i = 8; i < n; i++)
        e[i].flags = 0;
    for (int i = 0; i < 64; i++)
        put(queue()->tx_buf[i].ref, 0, 0, 1000);
    weir_netif_tx_front_push(&queue()->tx);
    notify();
}

/* Slots and packet bytes change while the backend reads them. */
static void change_under_the_reader(void)
{
    uint64_t until = bus.port->ops->now_ns(bus.port) + LAST_NS;
    volatile uint32_t *ring = (void *)queue()->tx_ring.addr;
    struct weir_netif_tx_response rsp;
    uint32_t x = 1;
    while (bus.port->ops->now_ns(bus.port) < until) {
        for (int i = 0; i < 32; i++)
            put(queue()->tx_buf[i].ref, 0, i & 1 ? WEIR_NETTXF_EXTRA_INFO : 0,
                1500);
        weir_netif_tx_front_push(&queue()->tx);
        notify();
        for (int i = 0; i < 3000; i++) {
            x = x * 1664525 + 1013904223;
            ring[16 + x % 700] = x;
        }
        while (weir_netif_tx_front_get(&queue()->tx, &rsp) > 0)
            ;
    }
}

static void storm(void)
{
    uint64_t until = bus.port->ops->now_ns(bus.port) + LAST_NS;
    while (bus.port->ops->now_ns(bus.port) < until)
        notify();
}

static void address_flood(void)
{
    struct weir_netfront_vec v = {frame, 60};
    for (uint32_t i = 0; i < 20000; i++) {
        memset(frame, 0xff, 6);
        frame[6] = 2;
        memcpy(frame + 8, &i, 4);
        while (weir_netfront_send(&nf, 0, &v, 1, NULL) == -WEIR_EAGAIN)
            weir_netfront_wait(&nf, 0, LAST_NS);
    }
    weir_netfront_flush(&nf, 0);
}

static void vanish(void)
{
    put(queue()->tx_buf[0].ref, 0, WEIR_NETTXF_MORE_DATA, 3000);
    weir_netif_tx_front_push(&queue()->tx);
    notify();
    _exit(0);
}

static void (*const attacks[])(void) = {
    tx_index,      control_index,           endless_packet, foreign_references,
    revoke_grants, change_under_the_reader, storm,          address_flood,
    vanish,
};

static unsigned env_id(const char *name)
{
    const char *s = getenv(name);
    return s ? (unsigned)strtoul(s, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 99;
    struct weir_process *process;
    if (n >= sizeof(attacks) / sizeof(attacks[0]))
        return 2;
    if (weir_process_open(WEIR_FD_HV, &process) ||
        weir_process_seal(process, 0, env_id("WEIR_UID"), env_id("WEIR_GID")))
        return 1;
    struct weir_port *port = weir_process_port(process);
    if (weir_gnttab_init(&gnttab, port) ||
        weir_front_bus_open(&bus, port, &gnttab) ||
        weir_netfront_open(&nf, &bus, 0, NULL) ||
        weir_front_wait_state(&nf.dev, WEIR_XENBUS_CONNECTED,
                              UINT64_C(10000000000)))
        return 1;
    attacks[n]();
    usleep(100000);
    return 0;
}

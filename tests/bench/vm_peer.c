/* SPDX-License-Identifier: MIT */
#include "tests/bench/vm_peer.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/bench/vm_peer_vm.h"

#define ROUNDS 5000u

/* bx = how often; nothing in it depends on its address. */
__asm__("    .code16\n"
        "peer_exit:\n"
        "1:  out %al, $0x10\n"
        "    dec %bx\n"
        "    jnz 1b\n"
        "    out %al, $0x14\n"
        "peer_exit_end:\n"
        "peer_send:\n"
        "1:  out %al, $0x12\n"
        "    dec %bx\n"
        "    jnz 1b\n"
        "    out %al, $0x14\n"
        "peer_send_end:\n"
        "peer_trip:\n"
        "1:  cli\n"
        "    out %al, $0x12\n"
        "    sti\n"
        "    hlt\n"
        "    dec %bx\n"
        "    jnz 1b\n"
        "    cli\n"
        "    out %al, $0x14\n"
        "peer_trip_end:\n"
        "peer_handler:\n"
        "    movl $0, %es:0xb0\n"
        "    iret\n"
        "peer_handler_end:\n"
        "    .code64\n");
extern char peer_exit[], peer_exit_end[], peer_send[], peer_send_end[],
    peer_trip[], peer_trip_end[], peer_handler[], peer_handler_end[];

struct echo {
    struct peer *p;
    bool answers;
};

static void *echo_thread(void *arg)
{
    struct echo *e = arg;
    struct pollfd fds[2] = {{.fd = e->p->event, .events = POLLIN},
                            {.fd = e->p->stop, .events = POLLIN}};
    uint64_t v;

    while (poll(fds, 2, -1) > 0 && !fds[1].revents)
        if (read(e->p->event, &v, 8) == 8 && e->answers) {
            v = 1;
            if (write(e->p->irq, &v, 8) != 8)
                break;
        }
    return NULL;
}

double peer_first_ms(void)
{
    struct peer p;
    double t = peer_now_ns(), ms = -1;

    if (peer_open(&p) && peer_load(&p, peer_exit, peer_exit_end, 1) &&
        peer_run_to(&p, PEER_PORT_OUT))
        ms = (peer_now_ns() - t) / 1e6;
    peer_close(&p);
    return ms;
}

static double rounds_ns(struct peer *p)
{
    double t = peer_now_ns();

    return peer_run_to(p, PEER_PORT_END) ? (peer_now_ns() - t) / ROUNDS : -1;
}

double peer_exit_ns(void)
{
    struct peer p;
    double ns = -1;

    if (peer_open(&p) && peer_load(&p, peer_exit, peer_exit_end, ROUNDS))
        ns = rounds_ns(&p);
    peer_close(&p);
    return ns;
}

static double with_echo(const char *code, const char *end, bool answers)
{
    struct peer p;
    struct echo e = {&p, answers};
    uint64_t one = 1;
    pthread_t thread;
    double ns = -1;

    if (peer_open(&p) && peer_load(&p, code, end, ROUNDS) &&
        peer_add_events(&p, peer_handler, peer_handler_end) &&
        pthread_create(&thread, NULL, echo_thread, &e) == 0) {
        ns = rounds_ns(&p);
        if (write(p.stop, &one, 8) == 8)
            pthread_join(thread, NULL);
    }
    peer_close(&p);
    return ns;
}

double peer_send_ns(void)
{
    return with_echo(peer_send, peer_send_end, false);
}

double peer_trip_ns(void)
{
    return with_echo(peer_trip, peer_trip_end, true);
}

/* SPDX-License-Identifier: MIT */
#include "echo.h"

#define ETHER 14u /* bytes of an Ethernet header */
#define ARP   28u
#define IP    20u /* a header without options */

static bool same(const uint8_t *a, const uint8_t *b, unsigned n)
{
    return __builtin_memcmp(a, b, n) == 0;
}

static uint32_t answer_arp(uint8_t *arp, const uint8_t mac[6],
                           const uint8_t ip[4])
{
    static const uint8_t request[8] = {0, 1, 8, 0, 6, 4, 0, 1};

    if (!same(arp, request, 8) || !same(arp + 24, ip, 4))
        return 0;
    arp[7] = 2;
    __builtin_memcpy(arp + 18, arp + 8, 10); /* the asker is the target */
    __builtin_memcpy(arp + 8, mac, 6);
    __builtin_memcpy(arp + 14, ip, 4);
    return ETHER + ARP;
}

static uint32_t answer_ping(uint8_t *h, uint32_t len, const uint8_t ip[4])
{
    uint32_t total = (uint32_t)h[2] << 8 | h[3], sum;

    /* Whole packets for us, of protocol ICMP, an echo request. */
    if (h[0] != 0x45 || (h[6] & 0x3f) != 0 || h[7] != 0 || h[9] != 1 ||
        !same(h + 16, ip, 4) || total > len || total < IP + 8 || h[IP] != 8 ||
        h[IP + 1] != 0)
        return 0;
    __builtin_memcpy(h + 16, h + 12, 4);
    __builtin_memcpy(h + 12, ip, 4);
    /* The type becomes 0: so much does the checksum change. */
    h[IP] = 0;
    sum = ((uint32_t)h[IP + 2] << 8 | h[IP + 3]) + 0x800;
    sum = (sum & 0xffff) + (sum >> 16);
    h[IP + 2] = (uint8_t)(sum >> 8);
    h[IP + 3] = (uint8_t)sum;
    return ETHER + total;
}

uint32_t echo_answer(uint8_t *frame, uint32_t len, const uint8_t mac[6],
                     const uint8_t ip[4])
{
    uint32_t type, out = 0;

    if (len < ETHER + ARP)
        return 0;
    type = (uint32_t)frame[12] << 8 | frame[13];
    if (type == 0x0806)
        out = answer_arp(frame + ETHER, mac, ip);
    else if (type == 0x0800)
        out = answer_ping(frame + ETHER, len - ETHER, ip);
    if (out != 0) {
        __builtin_memcpy(frame, frame + 6, 6);
        __builtin_memcpy(frame + 6, mac, 6);
    }
    return out;
}

uint32_t echo_crc32(uint32_t crc, const uint8_t *p, size_t len)
{
    static uint32_t table[256];

    if (table[1] == 0)
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i;

            for (unsigned bit = 0; bit < 8; bit++)
                c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
            table[i] = c;
        }
    while (len-- != 0)
        crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
    return crc;
}

const char *echo_option(const char *cmdline, const char *name)
{
    for (;;) {
        const char *n = name;

        while (*cmdline == ' ')
            cmdline++;
        if (*cmdline == '\0')
            return NULL;
        while (*n != '\0' && *cmdline == *n) {
            cmdline++;
            n++;
        }
        if (*n == '\0')
            return cmdline;
        while (*cmdline != '\0' && *cmdline != ' ')
            cmdline++;
    }
}

bool echo_parse_ip(const char *text, uint8_t ip[4])
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned v = 0;

        if (text == NULL || *text < '0' || *text > '9')
            return false;
        while (*text >= '0' && *text <= '9' && v <= 255)
            v = v * 10 + (unsigned)(*text++ - '0');
        if (v > 255 || (i < 3 && *text++ != '.'))
            return false;
        ip[i] = (uint8_t)v;
    }
    return *text == '\0' || *text == ' ' || *text == '/';
}

/* SPDX-License-Identifier: MIT
 *
 * Linux's two hypercall functions.  Since December 2024 (6.1.121, 6.6.67,
 * 6.12.6, 6.13) a Linux guest executes vmmcall (AMD) or vmcall (Intel) in two
 * tiny functions instead of calling a hypercall page.  KVM without Xen support
 * answers these instructions itself, so on such a host they become a write to
 * weir-hv's hypercall port, which has the same three bytes.
 *
 * What is looked for, in executable segments, at multiples of 16 of the linked
 * address and 16, 32 or 64 bytes apart (kernels that pad functions):
 *
 *     f3 0f 1e fa  endbr64, in both or in none
 *     0f 01 d9     vmmcall           0f 01 c1  vmcall
 *     e9 rel32     jmp thunk   or    c3        ret, in both alike
 *
 * the jumps to the same place.  Exactly one such pair is Linux's; none or two
 * is a kernel this file does not know.
 */
#include "hypervisor/loader/image.h"

#include <errno.h>
#include <string.h>

#include "ring/bytes.h"

#define ALIGN     16u
#define MAX_APART 64u
#define RET       0xc3
#define JMP       0xe9
/* With everything. */
#define STUB_LEN 12u

/* HV_PORT_CALL of hypervisor/vm.h. */
static const uint8_t port_call[WEIR_LD_STUB_SIZE] = {0xe7, 0xe0, 0x90};
static const uint8_t vmmcall[WEIR_LD_STUB_SIZE] = {0x0f, 0x01, 0xd9};
static const uint8_t vmcall[WEIR_LD_STUB_SIZE] = {0x0f, 0x01, 0xc1};
static const uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};

/* a and b, b apart bytes behind a, end alike. */
static bool same_end(const uint8_t *a, const uint8_t *b, unsigned apart)
{
    if (*a == RET)
        return *b == RET;
    return *a == JMP && *b == JMP &&
           weir_le32(a + 1) == weir_le32(b + 1) + apart;
}

static unsigned skip_endbr(const uint8_t *p)
{
    return memcmp(p, endbr64, sizeof(endbr64)) == 0 ? sizeof(endbr64) : 0;
}

/* Two functions, at a and apart bytes behind; *skip to their instructions. */
static bool is_pair(const uint8_t *a, unsigned apart, unsigned *skip)
{
    const uint8_t *b = a + apart;
    bool amd_first, intel_first;

    *skip = skip_endbr(a);
    if (skip_endbr(b) != *skip)
        return false;
    a += *skip;
    b += *skip;
    amd_first = memcmp(a, vmmcall, sizeof(vmmcall)) == 0 &&
                memcmp(b, vmcall, sizeof(vmcall)) == 0;
    intel_first = memcmp(a, vmcall, sizeof(vmcall)) == 0 &&
                  memcmp(b, vmmcall, sizeof(vmmcall)) == 0;
    return (amd_first || intel_first) &&
           same_end(a + WEIR_LD_STUB_SIZE, b + WEIR_LD_STUB_SIZE, apart);
}

static void look(const uint8_t *bytes, const struct weir_ld_load *l,
                 struct weir_ld_stubs *out)
{
    uint64_t off = (ALIGN - l->vaddr % ALIGN) % ALIGN;

    for (; off + ALIGN + STUB_LEN <= l->filesz; off += ALIGN) {
        const uint8_t *a = bytes + l->offset + off;
        unsigned skip = 0;

        if (a[0] != vmcall[0] && a[0] != endbr64[0])
            continue;
        for (unsigned apart = ALIGN; apart <= MAX_APART; apart *= 2) {
            if (off + apart + STUB_LEN > l->filesz || !is_pair(a, apart, &skip))
                continue;
            out->found++;
            out->at[0] = l->offset + off + skip;
            out->at[1] = out->at[0] + apart;
        }
    }
}

/* A kernel with the note of a hypercall page has no stubs to find; Linux had
 * that note until it got the stubs.  Other kernels set up the page by its MSR
 * and need no note. */
void weir_ld_stubs(const uint8_t *bytes, const struct weir_ld_elf *elf,
                   struct weir_ld_stubs *out)
{
    memset(out, 0, sizeof(*out));
    out->calls = WEIR_LD_CALLS_PAGE;
    if (elf->hypercall_page || strcmp(elf->guest_os, "linux") != 0)
        return;
    for (unsigned i = 0; i < elf->nloads; i++)
        if (elf->load[i].exec)
            look(bytes, &elf->load[i], out);
    out->calls = out->found == 1 ? WEIR_LD_CALLS_STUBS : WEIR_LD_CALLS_OTHER;
}

int weir_ld_rewrite(uint8_t *bytes, const struct weir_ld_stubs *stubs,
                    struct weir_ld_why *why)
{
    if (stubs->calls == WEIR_LD_CALLS_PAGE)
        return 0;
    if (stubs->calls == WEIR_LD_CALLS_OTHER)
        return weir_ld_refuse(why, -EINVAL,
                              "found a Linux kernel without a hypercall page "
                              "and %u pairs of vmcall functions; needed one "
                              "pair, or a host whose KVM has Xen support "
                              "(CONFIG_KVM_XEN=y)",
                              stubs->found);
    for (unsigned i = 0; i < 2; i++)
        memcpy(bytes + stubs->at[i], port_call, sizeof(port_call));
    return 2;
}

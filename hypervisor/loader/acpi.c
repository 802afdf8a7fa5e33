/* SPDX-License-Identifier: MIT
 *
 * The ACPI tables of a VM domain: how many processors, how to power off.
 * Hardware-reduced: no fixed hardware, no SCI, no PM timer, no FACS; power-off
 * and reset are writes to I/O ports (vm_map.h).
 *
 *   RSDP -> XSDT -> FADT -> DSDT (\_S5 only)
 *                -> MADT (a local APIC for each vCPU, one I/O APIC)
 */
#include "hypervisor/loader/image.h"

#include <string.h>

#include "hypervisor/vm_map.h"
#include "ring/bytes.h"

#define HEADER     36u
#define RSDP_LEN   36u
#define FADT_LEN   276u
#define MADT_LEN   44u
#define LAPIC_LEN  8u
#define IOAPIC_LEN 12u

#define LOCAL_APIC 0xfee00000u
#define IO_APIC    0xfec00000u

/* FADT: offsets, boot architecture and feature flags. */
#define FADT_DSDT      40u
#define FADT_PROFILE   45u
#define FADT_C2_LAT    96u
#define FADT_C3_LAT    98u
#define FADT_BOOT_ARCH 109u
#define FADT_FLAGS     112u
#define FADT_RESET     116u
#define FADT_RESET_VAL 128u
#define FADT_X_DSDT    140u
#define FADT_SLEEP     244u
#define FADT_SLEEP_ST  256u

#define PROFILE_SERVER   4u
#define NO_C2            101u /* latencies that say: not there */
#define NO_C3            1001u
#define BOOT_NO_VGA      (1u << 2)
#define BOOT_NO_CMOS_RTC (1u << 5)
#define FLAG_WBINVD      (1u << 0)
#define FLAG_C1          (1u << 2)
#define FLAG_NO_PWRBTN   (1u << 4) /* no fixed power and sleep buttons */
#define FLAG_NO_SLPBTN   (1u << 5)
#define FLAG_RESET       (1u << 10)
#define FLAG_HEADLESS    (1u << 12)
#define FLAG_HW_REDUCED  (1u << 20)

/* Name (\_S5, Package () {type, type, 0, 0}) */
static const uint8_t aml[] = {
    0x08, '_',
    'S',  '5',
    '_', /* NameOp, _S5_ */
    0x12, 0x08,
    0x04, /* package: length, 4 */
    0x0a, WEIR_VM_SLEEP_TYPE,
    0x0a, WEIR_VM_SLEEP_TYPE, /* bytes */
    0x00, 0x00,               /* zero, zero */
};

static uint8_t sum(const uint8_t *p, size_t n)
{
    uint8_t s = 0;

    while (n--)
        s = (uint8_t)(s + *p++);
    return s;
}

static void begin(uint8_t *t, const char *signature, uint32_t len,
                  uint8_t revision)
{
    memcpy(t, signature, 4);
    weir_put32(t + 4, len);
    t[8] = revision;
    memcpy(t + 10, "WEIR  ", 6);
    memcpy(t + 16, "WEIRVM  ", 8);
    weir_put32(t + 24, 1);
    memcpy(t + 28, "WEIR", 4);
    weir_put32(t + 32, 1);
}

static void end(uint8_t *t)
{
    t[9] = (uint8_t)-sum(t, weir_le32(t + 4));
}

/* A generic address: I/O space, 8 bits, byte access. */
static void put_port(uint8_t *p, uint16_t port)
{
    p[0] = 1;
    p[1] = 8;
    p[2] = 0;
    p[3] = 1;
    weir_put64(p + 4, port);
}

static void put_rsdp(uint8_t *t, uint32_t xsdt)
{
    memcpy(t, "RSD PTR ", 8);
    memcpy(t + 9, "WEIR  ", 6);
    t[15] = 2; /* revision */
    weir_put32(t + 20, RSDP_LEN);
    weir_put64(t + 24, xsdt);
    t[8] = (uint8_t)-sum(t, 20);
    t[32] = (uint8_t)-sum(t, RSDP_LEN);
}

static size_t put_dsdt(uint8_t *t)
{
    begin(t, "DSDT", HEADER + sizeof(aml), 2);
    memcpy(t + HEADER, aml, sizeof(aml));
    end(t);
    return HEADER + sizeof(aml);
}

static size_t put_fadt(uint8_t *t, uint32_t dsdt)
{
    begin(t, "FACP", FADT_LEN, 6);
    weir_put32(t + FADT_DSDT, dsdt);
    t[FADT_PROFILE] = PROFILE_SERVER;
    weir_put16(t + FADT_C2_LAT, NO_C2);
    weir_put16(t + FADT_C3_LAT, NO_C3);
    weir_put16(t + FADT_BOOT_ARCH, BOOT_NO_VGA | BOOT_NO_CMOS_RTC);
    weir_put32(t + FADT_FLAGS, FLAG_WBINVD | FLAG_C1 | FLAG_NO_PWRBTN |
                                   FLAG_NO_SLPBTN | FLAG_RESET | FLAG_HEADLESS |
                                   FLAG_HW_REDUCED);
    put_port(t + FADT_RESET, WEIR_VM_PORT_RESET);
    t[FADT_RESET_VAL] = WEIR_VM_RESET_VALUE;
    weir_put64(t + FADT_X_DSDT, dsdt);
    put_port(t + FADT_SLEEP, WEIR_VM_PORT_SLEEP);
    put_port(t + FADT_SLEEP_ST, WEIR_VM_PORT_SLEEP_STATUS);
    end(t);
    return FADT_LEN;
}

/* A vCPU's APIC id is its number; KVM's I/O APIC has number 0. */
static size_t put_madt(uint8_t *t, unsigned vcpus)
{
    uint32_t len = MADT_LEN + vcpus * LAPIC_LEN + IOAPIC_LEN;
    uint8_t *p = t + MADT_LEN;

    begin(t, "APIC", len, 4);
    weir_put32(t + 36, LOCAL_APIC);
    weir_put32(t + 40, 0); /* no 8259s */
    for (unsigned i = 0; i < vcpus; i++, p += LAPIC_LEN) {
        p[0] = 0;
        p[1] = LAPIC_LEN;
        p[2] = p[3] = (uint8_t)i;
        weir_put32(p + 4, 1); /* enabled */
    }
    p[0] = 1;
    p[1] = IOAPIC_LEN;
    weir_put32(p + 4, IO_APIC);
    end(t);
    return len;
}

static size_t up16(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

size_t weir_ld_acpi(uint8_t out[WEIR_LD_ACPI_MAX], uint32_t gpa, unsigned vcpus)
{
    const size_t xsdt = up16(RSDP_LEN), dsdt = xsdt + up16(HEADER + 16);
    size_t fadt, madt, n;

    memset(out, 0, WEIR_LD_ACPI_MAX);
    put_rsdp(out, gpa + (uint32_t)xsdt);
    fadt = up16(dsdt + put_dsdt(out + dsdt));
    madt = up16(fadt + put_fadt(out + fadt, gpa + (uint32_t)dsdt));
    n = madt + put_madt(out + madt, vcpus);
    begin(out + xsdt, "XSDT", HEADER + 16, 1);
    weir_put64(out + xsdt + HEADER, gpa + fadt);
    weir_put64(out + xsdt + HEADER + 8, gpa + madt);
    end(out + xsdt);
    return n;
}

/* SPDX-License-Identifier: MIT
 *
 * ld_acpi_dump DIR VCPUS: the ACPI tables of a VM as files, found from the
 * root pointer as a kernel finds them.  Exit 1: a sum or a pointer is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/loader/image.h"
#include "ring/bytes.h"

#define GPA 0xe0000u

static uint8_t tables[WEIR_LD_ACPI_MAX];
static size_t total;
static const char *dir;

static void fail(const char *what)
{
    fprintf(stderr, "ld_acpi_dump: %s\n", what);
    exit(1);
}

static const uint8_t *at(uint64_t gpa, size_t n, const char *what)
{
    if (gpa < GPA || gpa % 16 || gpa - GPA > total || n > total - (gpa - GPA))
        fail(what);
    return tables + (gpa - GPA);
}

static void check_sum(const uint8_t *p, size_t n, const char *what)
{
    unsigned sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += p[i];
    if (sum & 0xff)
        fail(what);
}

static const uint8_t *table(uint64_t gpa, const char *signature)
{
    const uint8_t *t = at(gpa, 36, signature);
    uint32_t n = weir_le32(t + 4);
    char path[512];
    FILE *f;

    if (memcmp(t, signature, 4) != 0)
        fail(signature);
    at(gpa, n, signature);
    check_sum(t, n, signature);
    snprintf(path, sizeof(path), "%s/%s.dat", dir, signature);
    f = fopen(path, "wb");
    if (!f || fwrite(t, 1, n, f) != n || fclose(f))
        fail(path);
    return t;
}

int main(int argc, char **argv)
{
    const uint8_t *root, *xsdt, *fadt;

    if (argc != 3)
        fail("usage: ld_acpi_dump DIR VCPUS");
    dir = argv[1];
    total = weir_ld_acpi(tables, GPA, (unsigned)atoi(argv[2]));
    root = at(GPA, 36, "root pointer");
    if (memcmp(root, "RSD PTR ", 8) != 0)
        fail("no root pointer");
    check_sum(root, 20, "first sum of the root pointer");
    check_sum(root, 36, "second sum of the root pointer");
    xsdt = table(weir_le64(root + 24), "XSDT");
    if (weir_le32(xsdt + 4) != 36 + 16)
        fail("XSDT");
    fadt = table(weir_le64(xsdt + 36), "FACP");
    table(weir_le64(xsdt + 44), "APIC");
    table(weir_le64(fadt + 140), "DSDT");
    return weir_le32(fadt + 40) == weir_le64(fadt + 140) ? 0 : 1;
}

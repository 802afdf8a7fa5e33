/* SPDX-License-Identifier: MIT
 *
 * The device manager's half of the loader with the real weir-load: what
 * becomes of a kernel, and what is said of bad files.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "ring/start_abi.h"
#include "tests/unit/ld_images.h"
#include "tests/unit/vmload_rig.h"

static uint8_t image[1u << 16], packed[1u << 18], file[1u << 18];
static struct vmload_run run;

static int file_of(const void *bytes, size_t n)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    return fd;
}

static int kernel_of(const struct ld_spec *s, size_t *n)
{
    size_t packed_n;

    *n = ld_elf(image, s);
    packed_n = ld_pack(WEIR_LD_XZ, image, *n, packed);
    return file_of(
        file, ld_bzimage(WEIR_LD_XZ, packed, packed_n, (uint32_t)*n, file));
}

/* Guest memory as the image makes it. */
static void guest_read(uint64_t gpa, void *to, size_t n)
{
    memset(to, 0, n);
    for (uint32_t i = 0; i < run.image.nsegments; i++) {
        const struct weir_vm_segment *s = &run.image.segments[i];
        uint64_t from = gpa > s->gpa ? gpa : s->gpa;
        uint64_t end =
            gpa + n < s->gpa + s->length ? gpa + n : s->gpa + s->length;

        if (from < end)
            assert_int_equal(pread(run.image.memfd, (char *)to + (from - gpa),
                                   end - from,
                                   (off_t)(s->offset + from - s->gpa)),
                             end - from);
    }
}

/* ---- the real program --------------------------------------------------- */

static void a_kernel_becomes_memory(void **state)
{
    const struct ld_spec s = {.entry = LD_BASE + 0x40, .second = 0x200000};
    static uint8_t memory[0x8000];
    struct weir_start_info info;
    char line[64];
    size_t n;
    int kernel = kernel_of(&s, &n);
    const struct weir_vmload_config c = vmload_config(&run, kernel, -1);

    (void)state;
    assert_int_equal(vmload_run(&run, &c), 0);
    assert_int_equal(run.image.entry, LD_BASE + 0x40);
    assert_int_equal(run.image.rewritten, 0);
    guest_read(LD_BASE, memory, sizeof(memory));
    assert_memory_equal(memory, image + LD_CODE, 0x3000);
    for (size_t i = 0x3000; i < sizeof(memory); i++)
        assert_int_equal(memory[i], 0);
    guest_read(0x200000, memory, 0x100);
    assert_memory_equal(memory, image + n - 0x100, 0x100);
    guest_read(run.image.start_info, &info, sizeof(info));
    assert_int_equal(info.magic, WEIR_START_MAGIC);
    guest_read(info.cmdline_paddr, line, sizeof(line));
    assert_string_equal(line, c.cmdline);
    weir_vm_image_close(&run.image);
    close(kernel);
}

/* Zeros at a segment's end are left out, but not where the guest starts. */
static void an_entry_in_zeros_is_one(void **state)
{
    const struct ld_spec s = {.entry = LD_BASE + 0x2f00};
    size_t n = ld_elf(image, &s);
    int kernel;

    (void)state;
    memset(image + LD_CODE + 0x2e00, 0, 0x200);
    kernel = file_of(image, n);
    const struct weir_vmload_config c = vmload_config(&run, kernel, -1);

    assert_int_equal(vmload_run(&run, &c), 0);
    assert_int_equal(run.image.entry, LD_BASE + 0x2f00);
    weir_vm_image_close(&run.image);
    close(kernel);
}

static void nobody_can_change_the_image(void **state)
{
    size_t n;
    int kernel = kernel_of(&(struct ld_spec){0}, &n);
    const struct weir_vmload_config c = vmload_config(&run, kernel, -1);

    (void)state;
    assert_int_equal(vmload_run(&run, &c), 0);
    assert_int_equal(pwrite(run.image.memfd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(run.image.memfd, 0), -1);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
                          run.image.memfd, 0),
                     MAP_FAILED);
    assert_true(fcntl(run.image.memfd, F_GETFD) & FD_CLOEXEC);
    weir_vm_image_close(&run.image);
    assert_int_equal(run.image.memfd, -1);
    close(kernel);
}

static void a_ramdisk_comes_whole(void **state)
{
    const size_t size = 3 * 4096 + 77;
    uint8_t *disk = malloc(size), *memory = malloc(size);
    struct weir_start_module mod;
    struct weir_start_info info;
    size_t n;
    int kernel = kernel_of(&(struct ld_spec){0}, &n);
    int ramdisk;

    (void)state;
    assert_true(disk && memory);
    for (size_t i = 0; i < size; i++)
        disk[i] = (uint8_t)(i % 251);
    ramdisk = file_of(disk, size);
    const struct weir_vmload_config c = vmload_config(&run, kernel, ramdisk);

    assert_int_equal(vmload_run(&run, &c), 0);
    guest_read(run.image.start_info, &info, sizeof(info));
    assert_int_equal(info.nr_modules, 1);
    guest_read(info.modlist_paddr, &mod, sizeof(mod));
    assert_int_equal(mod.size, size);
    guest_read(mod.paddr, memory, size);
    assert_memory_equal(memory, disk, size);
    weir_vm_image_close(&run.image);
    close(kernel);
    close(ramdisk);
    free(disk);
    free(memory);
}

static void hypercalls_are_rewritten_in_mode_s_only(void **state)
{
    const struct ld_spec s = {.guest_os = "linux", .stubs = 0x1230};
    size_t n;
    int kernel = kernel_of(&s, &n);
    struct weir_vmload_config c = vmload_config(&run, kernel, -1);
    uint8_t code[19];

    (void)state;
    assert_int_equal(vmload_run(&run, &c), 0);
    assert_int_equal(run.image.rewritten, 2);
    guest_read(LD_BASE + 0x1230, code, sizeof(code));
    assert_memory_equal(code, "\xe7\xe0\x90\xc3", 4);
    assert_memory_equal(code + 16, "\xe7\xe0\x90", 3);
    weir_vm_image_close(&run.image);
    c.xen_hvm = true;
    assert_int_equal(vmload_run(&run, &c), 0);
    assert_int_equal(run.image.rewritten, 0);
    guest_read(LD_BASE + 0x1230, code, sizeof(code));
    assert_memory_equal(code, "\x0f\x01\xd9\xc3", 4);
    weir_vm_image_close(&run.image);
    close(kernel);
    /* One it can't rewrite. */
    kernel = kernel_of(&(struct ld_spec){.guest_os = "linux"}, &n);
    c.kernel_fd = kernel;
    assert_int_equal(vmload_run(&run, &c), 0);
    weir_vm_image_close(&run.image);
    c.xen_hvm = false;
    assert_int_equal(vmload_run(&run, &c), -EINVAL);
    vmload_said(&run,
                "vmlinuz-test: found a Linux kernel without a hypercall page");
    close(kernel);
}

static void bad_files_are_named(void **state)
{
    size_t n;
    int good = kernel_of(&(struct ld_spec){0}, &n), bad;
    struct weir_vmload_config c = vmload_config(&run, good, -1);
    int pipes[2];

    (void)state;
    bad = c.kernel_fd = file_of(file, 1200); /* cut off */
    assert_int_equal(vmload_run(&run, &c), -EINVAL);
    vmload_said(&run, "vmlinuz-test: found 1200 bytes, cut off");
    close(bad);
    bad = c.kernel_fd = open("/tmp", O_RDONLY | O_CLOEXEC);
    assert_int_equal(vmload_run(&run, &c), -EINVAL);
    vmload_said(&run, "vmlinuz-test: found a directory; needed");
    close(bad);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    c.kernel_fd = pipes[0];
    assert_int_equal(vmload_run(&run, &c), -EINVAL);
    vmload_said(&run, "found a pipe");
    c.kernel_fd = good;
    c.ramdisk_fd = pipes[0];
    assert_int_equal(vmload_run(&run, &c), -EINVAL);
    vmload_said(&run, "initrd-test: found a pipe; needed a ramdisk");
    close(pipes[0]);
    close(pipes[1]);
    bad = c.ramdisk_fd = memfd_create("empty", MFD_CLOEXEC);
    c.kernel_fd = bad;
    assert_int_equal(vmload_run(&run, &c), -EINVAL);
    vmload_said(&run, "vmlinuz-test: found an empty file; needed a bzImage");
    c.kernel_fd = good;
    assert_int_equal(vmload_run(&run, &c), -EINVAL);
    vmload_said(&run, "initrd-test: found an empty file");
    assert_int_equal(ftruncate(bad, 40 << 20), 0);
    assert_int_equal(vmload_run(&run, &c), -ENOMEM);
    vmload_said(&run, "initrd-test: found a ramdisk of 40 MiB");
    assert_int_equal(ftruncate(bad, 4ll << 30), 0);
    assert_int_equal(vmload_run(&run, &c), -EINVAL);
    vmload_said(
        &run,
        "initrd-test: found a file of 4096 MiB; needed one of at most 3072");
    close(bad);
    bad = c.kernel_fd = memfd_create("great", MFD_CLOEXEC);
    assert_int_equal(ftruncate(bad, (512 << 20) + 1), 0);
    c.ramdisk_fd = -1;
    assert_int_equal(vmload_run(&run, &c), -EINVAL);
    vmload_said(&run, "without debugging symbols");
    close(bad);
    close(good);
}

/* Nothing, 4 GiB, a byte less and a byte more than there is. */
static void payloads_that_lie_about_their_size(void **state)
{
    const uint32_t lies[] = {0, UINT32_MAX, 0x3fff, 0x4001};
    size_t n = ld_elf(image, &(struct ld_spec){0}), m;

    (void)state;
    assert_int_equal(n, 0x4000);
    m = ld_pack(WEIR_LD_ZSTD, image, n, packed);
    for (unsigned i = 0; i < 4; i++) {
        int kernel =
            file_of(file, ld_bzimage(WEIR_LD_ZSTD, packed, m, lies[i], file));
        const struct weir_vmload_config c = vmload_config(&run, kernel, -1);

        assert_int_equal(vmload_run(&run, &c), -EINVAL);
        vmload_said(&run, i < 2    ? "says it unpacks to"
                          : i == 2 ? "unpacks to more than the 16383"
                                   : "where the image says 16385");
        close(kernel);
    }
}

static void descriptors_may_have_any_number(void **state)
{
    size_t n;
    int kernel = kernel_of(&(struct ld_spec){0}, &n);
    int ramdisk = file_of("ramdisk", 7);
    /* Where the child wants the other. */
    int at5 = fcntl(kernel, F_DUPFD_CLOEXEC, 30),
        at4 = fcntl(ramdisk, F_DUPFD_CLOEXEC, 30);
    struct weir_vmload_config c;

    (void)state;
    assert_true(at4 >= 0 && at5 >= 0);
    close(kernel);
    close(ramdisk);
    assert_int_equal(dup3(at5, WEIR_LOAD_FD_RAMDISK, O_CLOEXEC), 5);
    assert_int_equal(dup3(at4, WEIR_LOAD_FD_KERNEL, O_CLOEXEC), 4);
    c = vmload_config(&run, WEIR_LOAD_FD_RAMDISK, WEIR_LOAD_FD_KERNEL);
    assert_int_equal(vmload_run(&run, &c), 0);
    weir_vm_image_close(&run.image);
    close(4);
    close(5);
    close(at4);
    close(at5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_becomes_memory),
        cmocka_unit_test(an_entry_in_zeros_is_one),
        cmocka_unit_test(nobody_can_change_the_image),
        cmocka_unit_test(a_ramdisk_comes_whole),
        cmocka_unit_test(hypercalls_are_rewritten_in_mode_s_only),
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(payloads_that_lie_about_their_size),
        cmocka_unit_test(descriptors_may_have_any_number),
    };

    vmload_run_init(&run);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

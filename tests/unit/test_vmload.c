/* SPDX-License-Identifier: MIT
 *
 * The device manager's half of the loader, with the real weir-load and with
 * programs that lie (this one, started as weir-load with a kernel name that
 * says how).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hypervisor/client/control.h"
#include "hypervisor/loader/load.h"
#include "ring/start_abi.h"
#include "tests/unit/ld_images.h"
#include "tests/unit/vmload_liar.h"

#define PAGES(mib) ((uint64_t)(mib)*256)

static uint8_t image[1u << 16], packed[1u << 18], file[1u << 18];
static char program[512], why[WEIR_VMLOAD_WHY];
static struct weir_vm_image got;

/* ---- files -------------------------------------------------------------- */

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

static struct weir_vmload_config config_of(int kernel, int ramdisk)
{
    return (struct weir_vmload_config){.program = program,
                                       .kernel_fd = kernel,
                                       .ramdisk_fd = ramdisk,
                                       .kernel_name = "vmlinuz-test",
                                       .ramdisk_name = "initrd-test",
                                       .ram_pages = PAGES(32),
                                       .vcpus = 2,
                                       .cmdline = "root=/dev/xvda -- \"a b\"",
                                       .timeout_ms = 20000};
}

static unsigned open_fds(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Starts, waits as an event loop does, ends. */
static int load(const struct weir_vmload_config *c)
{
    struct weir_vmload *l = NULL;
    const char *what = NULL;
    int rc = weir_vmload_start(c, &l, &what);

    memset(&got, 0, sizeof(got));
    got.memfd = -1;
    memset(why, 0, sizeof(why));
    if (rc)
        return rc;
    do {
        struct pollfd p = {.fd = weir_vmload_fd(l), .events = POLLIN};

        poll(&p, 1, (int)weir_vmload_left_ms(l));
        rc = weir_vmload_finish(l, &got, why);
    } while (rc == -EAGAIN);
    weir_vmload_free(l);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
    assert_int_equal(errno, ECHILD);
    if (rc)
        assert_int_equal(got.memfd, -1);
    return rc;
}

static void said(const char *text)
{
    if (!strstr(why, text))
        fail_msg("\"%s\" does not say \"%s\"", why, text);
    assert_null(strchr(why, '\n'));
}

/* Guest memory as the image makes it. */
static void guest_read(uint64_t gpa, void *to, size_t n)
{
    memset(to, 0, n);
    for (uint32_t i = 0; i < got.nsegments; i++) {
        const struct weir_vm_segment *s = &got.segments[i];
        uint64_t from = gpa > s->gpa ? gpa : s->gpa;
        uint64_t end =
            gpa + n < s->gpa + s->length ? gpa + n : s->gpa + s->length;

        if (from < end)
            assert_int_equal(pread(got.memfd, (char *)to + (from - gpa),
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
    const struct weir_vmload_config c = config_of(kernel, -1);

    (void)state;
    assert_int_equal(load(&c), 0);
    assert_int_equal(got.entry, LD_BASE + 0x40);
    assert_int_equal(got.rewritten, 0);
    guest_read(LD_BASE, memory, sizeof(memory));
    assert_memory_equal(memory, image + LD_CODE, 0x3000);
    for (size_t i = 0x3000; i < sizeof(memory); i++)
        assert_int_equal(memory[i], 0);
    guest_read(0x200000, memory, 0x100);
    assert_memory_equal(memory, image + n - 0x100, 0x100);
    guest_read(got.start_info, &info, sizeof(info));
    assert_int_equal(info.magic, WEIR_START_MAGIC);
    guest_read(info.cmdline_paddr, line, sizeof(line));
    assert_string_equal(line, c.cmdline);
    weir_vm_image_close(&got);
    close(kernel);
}

static void nobody_can_change_the_image(void **state)
{
    size_t n;
    int kernel = kernel_of(&(struct ld_spec){0}, &n);
    const struct weir_vmload_config c = config_of(kernel, -1);

    (void)state;
    assert_int_equal(load(&c), 0);
    assert_int_equal(pwrite(got.memfd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(got.memfd, 0), -1);
    assert_ptr_equal(
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, got.memfd, 0),
        MAP_FAILED);
    assert_true(fcntl(got.memfd, F_GETFD) & FD_CLOEXEC);
    weir_vm_image_close(&got);
    assert_int_equal(got.memfd, -1);
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
    const struct weir_vmload_config c = config_of(kernel, ramdisk);

    assert_int_equal(load(&c), 0);
    guest_read(got.start_info, &info, sizeof(info));
    assert_int_equal(info.nr_modules, 1);
    guest_read(info.modlist_paddr, &mod, sizeof(mod));
    assert_int_equal(mod.size, size);
    guest_read(mod.paddr, memory, size);
    assert_memory_equal(memory, disk, size);
    weir_vm_image_close(&got);
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
    struct weir_vmload_config c = config_of(kernel, -1);
    uint8_t code[19];

    (void)state;
    assert_int_equal(load(&c), 0);
    assert_int_equal(got.rewritten, 2);
    guest_read(LD_BASE + 0x1230, code, sizeof(code));
    assert_memory_equal(code, "\xe7\xe0\x90\xc3", 4);
    assert_memory_equal(code + 16, "\xe7\xe0\x90", 3);
    weir_vm_image_close(&got);
    c.xen_hvm = true;
    assert_int_equal(load(&c), 0);
    assert_int_equal(got.rewritten, 0);
    guest_read(LD_BASE + 0x1230, code, sizeof(code));
    assert_memory_equal(code, "\x0f\x01\xd9\xc3", 4);
    weir_vm_image_close(&got);
    close(kernel);
    /* One it can't rewrite. */
    kernel = kernel_of(&(struct ld_spec){.guest_os = "linux"}, &n);
    c.kernel_fd = kernel;
    assert_int_equal(load(&c), 0);
    weir_vm_image_close(&got);
    c.xen_hvm = false;
    assert_int_equal(load(&c), -EINVAL);
    said("vmlinuz-test: found a Linux kernel without a hypercall page");
    close(kernel);
}

static void bad_files_are_named(void **state)
{
    size_t n;
    int good = kernel_of(&(struct ld_spec){0}, &n), bad;
    struct weir_vmload_config c = config_of(good, -1);
    int pipes[2];

    (void)state;
    bad = c.kernel_fd = file_of(file, 1200); /* cut off */
    assert_int_equal(load(&c), -EINVAL);
    said("vmlinuz-test: found 1200 bytes, cut off");
    close(bad);
    bad = c.kernel_fd = open("/tmp", O_RDONLY | O_CLOEXEC);
    assert_int_equal(load(&c), -EINVAL);
    said("vmlinuz-test: found a directory; needed");
    close(bad);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    c.kernel_fd = pipes[0];
    assert_int_equal(load(&c), -EINVAL);
    said("found a pipe");
    c.kernel_fd = good;
    c.ramdisk_fd = pipes[0];
    assert_int_equal(load(&c), -EINVAL);
    said("initrd-test: found a pipe; needed a ramdisk");
    close(pipes[0]);
    close(pipes[1]);
    bad = c.ramdisk_fd = memfd_create("empty", MFD_CLOEXEC);
    assert_int_equal(load(&c), -EINVAL);
    said("initrd-test: found an empty file");
    assert_int_equal(ftruncate(bad, 40 << 20), 0);
    assert_int_equal(load(&c), -ENOMEM);
    said("initrd-test: found a ramdisk of 40 MiB");
    assert_int_equal(ftruncate(bad, 4ll << 30), 0);
    assert_int_equal(load(&c), -EINVAL);
    said("initrd-test: found a file of 4096 MiB; needed one of at most 3072");
    close(bad);
    bad = c.kernel_fd = memfd_create("great", MFD_CLOEXEC);
    assert_int_equal(ftruncate(bad, (512 << 20) + 1), 0);
    c.ramdisk_fd = -1;
    assert_int_equal(load(&c), -EINVAL);
    said("without debugging symbols");
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
        const struct weir_vmload_config c = config_of(kernel, -1);

        assert_int_equal(load(&c), -EINVAL);
        said(i < 2    ? "says it unpacks to"
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
    c = config_of(WEIR_LOAD_FD_RAMDISK, WEIR_LOAD_FD_KERNEL);
    assert_int_equal(load(&c), 0);
    weir_vm_image_close(&got);
    close(4);
    close(5);
    close(at4);
    close(at5);
}

/* ---- liars -------------------------------------------------------------- */

static int load_from(const char *liar)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), rc;
    struct weir_vmload_config c = config_of(fd, -1);

    c.program = "/proc/self/exe";
    c.kernel_name = liar;
    c.timeout_ms = 300;
    rc = load(&c);
    close(fd);
    return rc;
}

static void the_program_gets_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(load_from("tells"), -EIO);
    /* stdin, stdout, stderr, socket, kernel; no environment; no mask */
    assert_string_equal(why, "fds 0x1f env 0 blocked 0");
}

static void liars_are_not_believed(void **state)
{
    static const char *const liars[] = {"silent",   "garbage", "nofd",
                                        "unsealed", "file",    "short",
                                        "outside",  "crash",   "status"};
    unsigned before = open_fds();

    (void)state;
    assert_int_equal(load_from("honest"), 0); /* the others differ in one */
    weir_vm_image_close(&got);
    for (unsigned i = 0; i < sizeof(liars) / sizeof(liars[0]); i++) {
        int rc = load_from(liars[i]);

        if (rc != -EIO)
            fail_msg("%s was believed: %d", liars[i], rc);
        said(liars[i]);
        said(strcmp(liars[i], "crash") == 0 ? "signal 11" : "status");
    }
    assert_int_equal(load_from("generous"), 0); /* several descriptors */
    weir_vm_image_close(&got);
    assert_int_equal(open_fds(), before);
}

static void who_hangs_is_killed(void **state)
{
    (void)state;
    assert_int_equal(load_from("hang"), -ETIMEDOUT);
    said("hang: reading the image took too long");
    assert_int_equal(load_from("answer-and-hang"), -ETIMEDOUT);
}

static void free_ends_a_running_program(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct weir_vmload_config c = config_of(fd, -1);
    unsigned before = open_fds();
    struct weir_vmload *l;
    const char *what;

    (void)state;
    c.program = "/proc/self/exe";
    c.kernel_name = "hang";
    c.timeout_ms = 0;
    assert_int_equal(weir_vmload_start(&c, &l, &what), 0);
    assert_true(weir_vmload_left_ms(l) > WEIR_VMLOAD_TIMEOUT_MS - 1000);
    assert_int_equal(weir_vmload_finish(l, &got, why), -EAGAIN);
    weir_vmload_free(l);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    weir_vmload_free(NULL);
    c.program = "/nonexistent/weir-load";
    assert_int_equal(weir_vmload_start(&c, &l, &what), -ENOENT);
    assert_string_equal(what, c.program);
    assert_int_equal(open_fds(), before);
    close(fd);
}

/* ---- into weir-hv ------------------------------------------------------- */

static struct {
    uint64_t calls, bytes, longest, next;
    uint64_t fail_at;
} pushed;

int weir_hvctl_vm_load(struct weir_hvctl *c, domid_t domid, int memfd,
                       uint64_t offset, uint64_t length, uint64_t gpa)
{
    assert_null(c);
    assert_int_equal(domid, 7);
    assert_int_equal(memfd, 33);
    assert_int_equal(offset - gpa, 0x1000); /* keep step */
    if (pushed.next)
        assert_int_equal(gpa, pushed.next);
    pushed.next = gpa + length;
    pushed.bytes += length;
    if (length > pushed.longest)
        pushed.longest = length;
    return ++pushed.calls == pushed.fail_at ? -ERANGE : 0;
}

static void segments_go_over_in_pieces(void **state)
{
    const uint64_t n = (40u << 20) + 5;
    const struct weir_vm_image m = {
        .memfd = 33,
        .nsegments = 2,
        .segments = {{0x100000, 0x101000, n}, {0x100000 + n, 0x101000 + n, 9}},
    };

    (void)state;
    memset(&pushed, 0, sizeof(pushed));
    assert_int_equal(weir_vm_image_push(&m, NULL, 7), 0);
    assert_int_equal(pushed.calls, 4);
    assert_int_equal(pushed.bytes, n + 9);
    assert_int_equal(pushed.longest, 16 << 20);
    memset(&pushed, 0, sizeof(pushed));
    pushed.fail_at = 2;
    assert_int_equal(weir_vm_image_push(&m, NULL, 7), -ERANGE);
    assert_int_equal(pushed.calls, 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_becomes_memory),
        cmocka_unit_test(nobody_can_change_the_image),
        cmocka_unit_test(a_ramdisk_comes_whole),
        cmocka_unit_test(hypercalls_are_rewritten_in_mode_s_only),
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(payloads_that_lie_about_their_size),
        cmocka_unit_test(descriptors_may_have_any_number),
        cmocka_unit_test(the_program_gets_nothing_else),
        cmocka_unit_test(liars_are_not_believed),
        cmocka_unit_test(who_hangs_is_killed),
        cmocka_unit_test(free_ends_a_running_program),
        cmocka_unit_test(segments_go_over_in_pieces),
    };
    const char *b = getenv("B");

    if (argc > 1 && strcmp(argv[1], "--serve") == 0)
        vmload_lie(argc, argv);
    snprintf(program, sizeof(program), "%s/bin/weir-load", b ? b : "build");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The device manager's half of the loader with programs that lie (this one,
 * started as weir-load with a kernel name that says how), and what it hands to
 * weir-hv.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hypervisor/client/control.h"
#include "tests/unit/vmload_liar.h"
#include "tests/unit/vmload_rig.h"

static struct vmload_run run;

/* ---- liars -------------------------------------------------------------- */

static int load_from(const char *liar)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), rc;
    struct weir_vmload_config c = vmload_config(&run, fd, -1);

    c.program = "/proc/self/exe";
    c.kernel_name = liar;
    c.timeout_ms = 300;
    rc = vmload_run(&run, &c);
    close(fd);
    return rc;
}

static void the_program_gets_nothing_else(void **state)
{
    int leak = fcntl(2, F_DUPFD, 9); /* not close-on-exec */

    (void)state;
    assert_int_equal(load_from("tells"), -EIO);
    close(leak);
    /* stdin, stdout, stderr, socket, kernel; no environment; no mask */
    assert_string_equal(run.why, "fds 0x1f env 0 blocked 0");
}

static void liars_are_not_believed(void **state)
{
    static const char *const liars[] = {"silent",   "garbage", "nofd",
                                        "unsealed", "file",    "short",
                                        "outside",  "crash",   "status"};
    unsigned before = vmload_open_fds();

    (void)state;
    assert_int_equal(load_from("honest"), 0); /* the others differ in one */
    weir_vm_image_close(&run.image);
    for (unsigned i = 0; i < sizeof(liars) / sizeof(liars[0]); i++) {
        int rc = load_from(liars[i]);

        if (rc != -EIO)
            fail_msg("%s was believed: %d", liars[i], rc);
        vmload_said(&run, liars[i]);
        vmload_said(&run,
                    strcmp(liars[i], "crash") == 0 ? "signal 11" : "status");
    }
    assert_int_equal(load_from("generous"), 0); /* several descriptors */
    weir_vm_image_close(&run.image);
    assert_int_equal(vmload_open_fds(), before);
}

static void who_hangs_is_killed(void **state)
{
    (void)state;
    assert_int_equal(load_from("hang"), -ETIMEDOUT);
    vmload_said(&run, "hang: reading the image took too long");
    assert_int_equal(load_from("answer-and-hang"), -ETIMEDOUT);
    assert_int_equal(run.image.memfd, -1);
}

static void free_ends_a_running_program(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct weir_vmload_config c = vmload_config(&run, fd, -1);
    unsigned before = vmload_open_fds();
    struct weir_vmload *l;
    const char *what;

    (void)state;
    c.program = "/proc/self/exe";
    c.kernel_name = "hang";
    c.timeout_ms = 0;
    assert_int_equal(weir_vmload_start(&c, &l, &what), 0);
    assert_true(weir_vmload_left_ms(l) > WEIR_VMLOAD_TIMEOUT_MS - 1000);
    assert_int_equal(weir_vmload_finish(l, &run.image, run.why), -EAGAIN);
    weir_vmload_free(l);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    weir_vmload_free(NULL);
    c.program = "/nonexistent/weir-load";
    assert_int_equal(weir_vmload_start(&c, &l, &what), -ENOENT);
    assert_string_equal(what, c.program);
    assert_int_equal(vmload_open_fds(), before);
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
        cmocka_unit_test(the_program_gets_nothing_else),
        cmocka_unit_test(liars_are_not_believed),
        cmocka_unit_test(who_hangs_is_killed),
        cmocka_unit_test(free_ends_a_running_program),
        cmocka_unit_test(segments_go_over_in_pieces),
    };

    if (argc > 1 && strcmp(argv[1], "--serve") == 0)
        vmload_lie(argc, argv);
    vmload_run_init(&run);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

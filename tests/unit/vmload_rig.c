/* SPDX-License-Identifier: MIT */
#include "tests/unit/vmload_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

void vmload_run_init(struct vmload_run *r)
{
    const char *b = getenv("B");

    memset(r, 0, sizeof(*r));
    r->image.memfd = -1;
    snprintf(r->program, sizeof(r->program), "%s/bin/weir-load",
             b ? b : "build");
}

struct weir_vmload_config vmload_config(const struct vmload_run *r, int kernel,
                                        int ramdisk)
{
    return (struct weir_vmload_config){.program = r->program,
                                       .kernel_fd = kernel,
                                       .ramdisk_fd = ramdisk,
                                       .kernel_name = "vmlinuz-test",
                                       .ramdisk_name = "initrd-test",
                                       .ram_pages = 32 * 256,
                                       .vcpus = 2,
                                       .cmdline = "root=/dev/xvda -- \"a b\"",
                                       .timeout_ms = 20000};
}

unsigned vmload_open_fds(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

int vmload_run(struct vmload_run *r, const struct weir_vmload_config *c)
{
    struct weir_vmload *l = NULL;
    const char *what = NULL;
    int rc = weir_vmload_start(c, &l, &what);

    memset(&r->image, 0, sizeof(r->image));
    r->image.memfd = -1;
    memset(r->why, 0, sizeof(r->why));
    if (rc)
        return rc;
    do {
        struct pollfd p = {.fd = weir_vmload_fd(l), .events = POLLIN};

        poll(&p, 1, (int)weir_vmload_left_ms(l));
        rc = weir_vmload_finish(l, &r->image, r->why);
    } while (rc == -EAGAIN);
    weir_vmload_free(l);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
    assert_int_equal(errno, ECHILD);
    if (rc)
        assert_int_equal(r->image.memfd, -1);
    return rc;
}

void vmload_said(const struct vmload_run *r, const char *text)
{
    if (!strstr(r->why, text))
        fail_msg("\"%s\" does not say \"%s\"", r->why, text);
    assert_null(strchr(r->why, '\n'));
}

/* SPDX-License-Identifier: MIT
 *
 * weir-hv's hand on a window, against a sealed process.
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
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/cell.h"

#define FRAMES 1024

struct fixture {
    struct cell_memory mem;
    struct cell cell;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    int err = cell_memory_make(&f->mem, FRAMES * WEIR_PAGE_SIZE);
    for (unsigned i = 0; !err && i < 256; i++)
        memset(f->mem.map + i * WEIR_PAGE_SIZE, (int)(i & 0x7f), 8);
    if (!err)
        err = cell_start(&f->cell, &f->mem, 0, NULL, true);
    return err;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    cell_end(&f->cell);
    cell_memory_free(&f->mem);
    free(f);
    return 0;
}

static int64_t pattern(unsigned i)
{
    int64_t v;
    memset(&v, (int)(i & 0x7f), sizeof(v));
    return v;
}

static bool fault_comes(struct cell *c, struct weir_pagefault *f)
{
    struct pollfd p = {.fd = weir_pagewin_fd(c->win), .events = POLLIN};
    return poll(&p, 1, 2000) == 1 && weir_pagewin_read_fault(c->win, f) == 1;
}

static void presented_frame_is_the_frame(void **state)
{
    struct fixture *f = *state;
    struct cell *c = &f->cell;
    assert_int_equal(weir_pagewin_present(c->win, 5, 3, false, NULL), 0);
    assert_int_equal(cell_ask(c, CELL_READ, 6, 0), pattern(6));
    cell_ask(c, CELL_WRITE, 7, 4711);
    assert_int_equal(*(volatile int64_t *)(f->mem.map + 7 * 4096), 4711);
}

static void ungranted_touch_is_a_fault_and_sleeps(void **state)
{
    struct cell *c = &((struct fixture *)*state)->cell;
    const int64_t args[6] = {9};
    int64_t v;
    struct weir_pagefault fault;
    cell_tell(c, CELL_READ, args);
    assert_true(fault_comes(c, &fault));
    assert_int_equal(fault.frame, 9);
    assert_false(fault.outside);
    assert_false(fault.write);
    assert_int_equal(cell_answer(c, 50, &v), -ETIMEDOUT);
    assert_int_equal(weir_pagewin_read_fault(c->win, &fault), 0);
}

/* A page that is not even in the page cache faults the other way. */
static void hole_touch_is_a_fault(void **state)
{
    struct cell *c = &((struct fixture *)*state)->cell;
    const int64_t args[6] = {FRAMES - 1, 1};
    struct weir_pagefault fault;
    cell_tell(c, CELL_WRITE, args);
    assert_true(fault_comes(c, &fault));
    assert_int_equal(fault.frame, FRAMES - 1);
    assert_true(fault.write);
    assert_int_equal(weir_pagewin_present(c->win, FRAMES - 1, 1, false, NULL),
                     -EFAULT);
}

static void readonly_frame_reads_but_does_not_write(void **state)
{
    struct fixture *f = *state;
    struct cell *c = &f->cell;
    const int64_t args[6] = {3, 99};
    struct weir_pagefault fault;
    int64_t v;
    assert_int_equal(weir_pagewin_present(c->win, 3, 1, true, NULL), 0);
    assert_int_equal(cell_ask(c, CELL_READ_RO, 3, 0), pattern(3));
    cell_tell(c, CELL_WRITE_RO, args);
    if (weir_pagewin_one_window(c->win)) {
        assert_true(fault_comes(c, &fault));
        assert_int_equal(fault.frame, 3);
        assert_true(fault.readonly);
        assert_int_equal(cell_answer(c, 50, &v), -ETIMEDOUT);
    } else { /* a PROT_READ mapping: SIGSEGV */
        assert_int_equal(cell_answer(c, 2000, &v), -EPIPE);
    }
    assert_int_equal(*(int64_t *)(void *)(f->mem.map + 3 * 4096), pattern(3));
}

static void kernel_does_not_write_a_readonly_frame(void **state)
{
    struct cell *c = &((struct fixture *)*state)->cell;
    const int64_t args[6] = {4, 1};
    int64_t v = 0;
    assert_int_equal(weir_pagewin_present(c->win, 4, 1, true, NULL), 0);
    cell_tell(c, CELL_KERNEL_WRITE, args);
    send(c->sock, "datadata", 8, 0);
    assert_int_equal(cell_answer(c, 2000, &v), 0);
    assert_int_equal(v, -EFAULT);
}

static void kernel_does_not_touch_an_ungranted_frame(void **state)
{
    struct cell *c = &((struct fixture *)*state)->cell;
    const int64_t args[6] = {4, 0};
    int64_t v = 0;
    cell_tell(c, CELL_KERNEL_WRITE, args);
    send(c->sock, "datadata", 8, 0);
    assert_int_equal(cell_answer(c, 2000, &v), 0);
    assert_int_equal(v, -EFAULT);
}

static void access_of_a_present_frame_changes(void **state)
{
    struct cell *c = &((struct fixture *)*state)->cell;
    const int64_t args[6] = {2, 5};
    struct weir_pagefault fault;
    int64_t v;
    if (!weir_pagewin_one_window(c->win))
        skip();
    assert_int_equal(weir_pagewin_present(c->win, 2, 1, true, NULL), 0);
    assert_int_equal(weir_pagewin_present(c->win, 2, 1, false, NULL), 0);
    cell_ask(c, CELL_WRITE, 2, 1);
    assert_int_equal(weir_pagewin_present(c->win, 2, 1, true, NULL), 0);
    cell_tell(c, CELL_WRITE, args);
    assert_true(fault_comes(c, &fault));
    assert_int_equal(weir_pagewin_present(c->win, 2, 1, false, NULL), 0);
    assert_int_equal(cell_answer(c, 2000, &v), 0);
    assert_int_equal(weir_pagewin_protect(c->win, 2, 1), 0);
    cell_tell(c, CELL_WRITE, args);
    assert_true(fault_comes(c, &fault));
    assert_true(fault.readonly);
}

static void a_batch_goes_on_past_present_frames(void **state)
{
    struct cell *c = &((struct fixture *)*state)->cell;
    uint64_t done = 0;
    assert_int_equal(weir_pagewin_present(c->win, 70, 2, true, NULL), 0);
    assert_int_equal(weir_pagewin_present(c->win, 127, 1, true, NULL), 0);
    assert_int_equal(weir_pagewin_present(c->win, 64, 64, false, &done), 0);
    assert_int_equal(done, 64);
    for (int i = 64; i < 128; i++)
        cell_ask(c, CELL_WRITE, i, i);
    /* stops at the hole, says how far it came */
    assert_int_equal(weir_pagewin_present(c->win, 250, 10, false, &done),
                     -EFAULT);
    assert_int_equal(done, 6);
}

static void unmapped_is_what_the_page_table_says(void **state)
{
    struct cell *c = &((struct fixture *)*state)->cell;
    bool one = weir_pagewin_one_window(c->win);
    const mfn_t frames[] = {10, 11, 12, 20, FRAMES, 21};
    int status[6];
    assert_int_equal(weir_pagewin_present(c->win, 10, 3, false, NULL), 0);
    assert_int_equal(weir_pagewin_present(c->win, 20, 2, true, NULL), 0);
    weir_pagewin_check_unmapped(c->win, frames, 6, status);
    const int all[] = {-EBUSY, -EBUSY, -EBUSY, -EBUSY, -ERANGE, -EBUSY};
    assert_memory_equal(status, all, sizeof(all));
    assert_int_equal(cell_ask(c, CELL_DROP, 11, 2), 0);
    assert_int_equal(cell_ask(c, one ? CELL_DROP : CELL_DROP_RO, 20, 1), 0);
    assert_int_equal(weir_pagewin_check_unmapped(c->win, frames, 6, status), 0);
    const int some[] = {-EBUSY, 0, 0, 0, -ERANGE, -EBUSY};
    assert_memory_equal(status, some, sizeof(some));
}

/* What a dropped read-only grant leaves is no page: the next grant of the
 * frame, of either kind, works, and an access before it faults. */
static void a_frame_can_come_back_after_readonly(void **state)
{
    struct fixture *f = *state;
    struct cell *c = &f->cell;
    bool one = weir_pagewin_one_window(c->win);
    const int64_t args[6] = {30, 1};
    struct weir_pagefault fault;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_pagewin_present(c->win, 30, 1, true, NULL), 0);
        cell_ask(c, CELL_READ_RO, 30, 0);
        cell_ask(c, one ? CELL_DROP : CELL_DROP_RO, 30, 1);
    }
    assert_int_equal(weir_pagewin_present(c->win, 30, 1, false, NULL), 0);
    cell_ask(c, CELL_WRITE, 30, 12);
    cell_ask(c, CELL_DROP, 30, 1);
    cell_tell(c, CELL_READ, args);
    assert_true(fault_comes(c, &fault));
    assert_int_equal(fault.frame, 30);
}

static void frames_beyond_the_window_are_refused(void **state)
{
    struct cell *c = &((struct fixture *)*state)->cell;
    struct weir_pagewin *w = c->win;
    assert_int_equal(weir_pagewin_present(w, FRAMES, 1, false, NULL), -ERANGE);
    assert_int_equal(weir_pagewin_present(w, 1, FRAMES, false, NULL), -ERANGE);
    assert_int_equal(weir_pagewin_present(w, 1, 0, false, NULL), -ERANGE);
    assert_int_equal(weir_pagewin_present(w, 1, UINT64_MAX, false, NULL),
                     -ERANGE);
    assert_int_equal(weir_pagewin_present(w, UINT64_MAX, 2, false, NULL),
                     -ERANGE);
}

static void death_is_seen(void **state)
{
    struct cell *c = &((struct fixture *)*state)->cell;
    const mfn_t frame = 1;
    int status;
    assert_int_equal(weir_pagewin_present(c->win, 1, 1, false, NULL), 0);
    assert_false(weir_pagewin_dead(c->win));
    kill(c->pid, SIGKILL);
    for (int i = 0; i < 2000 && !weir_pagewin_dead(c->win); i++)
        usleep(1000);
    assert_true(weir_pagewin_dead(c->win));
    assert_int_equal(weir_pagewin_present(c->win, 2, 1, false, NULL), -ESRCH);
    assert_int_equal(weir_pagewin_check_unmapped(c->win, &frame, 1, &status),
                     -ESRCH);
}

static void ends_that_lie_are_refused(void **state)
{
    struct fixture *f = *state;
    struct weir_pagewin *w;
    char file[] = "/tmp/weir-test-XXXXXX/pagemap";
    file[21] = '\0';
    assert_non_null(mkdtemp(file));
    file[21] = '/';
    int named = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(named >= 0);
    for (int i = 0; i < 6; i++) {
        struct weir_pagewin_ends e = f->cell.ends;
        e.uffd = dup(e.uffd);
        e.pagemap = dup(e.pagemap);
        switch (i) {
        case 0:
            e.base += WEIR_PAGE_SIZE;
            break;
        case 1:
            e.base = 0 - e.size + WEIR_PAGE_SIZE;
            break;
        case 2:
            e.ro_base = e.base + WEIR_PAGE_SIZE;
            break;
        case 3:
            dup2(f->mem.fd, e.uffd);
            break;
        case 4:
            dup2(f->mem.fd, e.pagemap);
            break;
        case 5: /* a file of this name that says what its owner likes */
            dup2(named, e.pagemap);
            break;
        }
        assert_int_equal(weir_pagewin_open(&e, 0, &w), -EPROTO);
    }
    close(named);
    unlink(file);
    file[21] = '\0';
    rmdir(file);
}

/* The page table of somebody else would tell us nothing. */
static void a_foreign_pagemap_is_found_out(void **state)
{
    struct fixture *f = *state;
    struct weir_pagewin_ends e = f->cell.ends;
    struct weir_pagewin *w;
    struct cell other;
    assert_int_equal(cell_start(&other, &f->mem, 0, NULL, true), 0);
    e.uffd = dup(e.uffd);
    e.pagemap = dup(other.ends.pagemap);
    assert_int_equal(weir_pagewin_open(&e, 0, &w), 0);
    assert_int_equal(weir_pagewin_present(w, 1, 1, false, NULL), -EPROTO);
    weir_pagewin_close(w);
    cell_end(&other);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(presented_frame_is_the_frame),
        T(ungranted_touch_is_a_fault_and_sleeps),
        T(hole_touch_is_a_fault),
        T(readonly_frame_reads_but_does_not_write),
        T(kernel_does_not_write_a_readonly_frame),
        T(kernel_does_not_touch_an_ungranted_frame),
        T(access_of_a_present_frame_changes),
        T(a_batch_goes_on_past_present_frames),
        T(unmapped_is_what_the_page_table_says),
        T(a_frame_can_come_back_after_readonly),
        T(frames_beyond_the_window_are_refused),
        T(death_is_seen),
        T(ends_that_lie_are_refused),
        T(a_foreign_pagemap_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

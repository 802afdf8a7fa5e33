/* SPDX-License-Identifier: MIT
 *
 * A VM's address space as KVM finds it: what is put there, what is left when
 * it goes, and what it costs.  No guest runs.  Skipped without /dev/kvm.
 */
#include "hypervisor/host.h"
#include "hypervisor/vm.h"
#include "hypervisor/vm_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define RAM   1024 /* pages */
#define QUOTA (RAM + 64)

static struct {
    struct hv_machine m;
    struct hv_domain *a, *b; /* b grants */
    struct hv_vm *vm;
} w;

static struct hv_domain *make(const char *name, domid_t domid)
{
    struct weir_hv_create how = {
        .name = name,
        .kind = WEIR_DOM_VM,
        .max_frames = QUOTA,
        .vcpus = 1,
        .ram = RAM,
        .has_store = true,
        .store_domid = 1,
    };
    struct hv_domain *d;

    assert_int_equal(hv_domain_build(&w.m, &how, domid, &d), 0);
    while (d->vm->populated < RAM)
        assert_true(hv_vm_turn(d->vm));
    w.m.dom[domid] = d;
    return d;
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(hv_machine_init(&w.m, 32u << 20), 0);
    hv_host_kvm(NULL, &w.m.kvm);
    w.m.max_vmas = hv_host_mappings();
    w.a = make("a", 1);
    w.b = make("b", 2);
    w.vm = w.a->vm;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (domid_t i = 1; i <= 2; i++) {
        hv_domain_unmake(w.m.dom[i]);
        w.m.dom[i] = NULL;
    }
    assert_int_equal(w.m.frames.in_use, 0);
    assert_int_equal(w.m.vmas, 0);
    assert_int_equal(w.m.vms, 0);
    hv_machine_fini(&w.m);
    return 0;
}

/* What a guest sees at gfn. */
static volatile uint8_t *seen(uint64_t gfn)
{
    return w.vm->base + (gfn << WEIR_PAGE_SHIFT);
}

/* For the kernel, as which KVM looks at it. */
static bool writable(uint64_t gfn)
{
    return getrandom((void *)(uintptr_t)(seen(gfn) + 4000), 1, 0) == 1;
}

static uint8_t *frame(mfn_t m)
{
    return hv_memory_at(&w.m.mem, m);
}

static struct hv_p2m_entry foreign(mfn_t m, bool readonly)
{
    return (struct hv_p2m_entry){
        .frame = (uint32_t)m, .type = HV_P2M_FOREIGN, .readonly = readonly};
}

static int put(uint64_t gfn, struct hv_p2m_entry e)
{
    int rc;

    pthread_mutex_lock(&w.vm->lock);
    rc = hv_vm_put(w.vm, gfn, e);
    pthread_mutex_unlock(&w.vm->lock);
    return rc;
}

static int on(int (*what)(struct hv_vm *, uint64_t), uint64_t gfn)
{
    int rc;

    pthread_mutex_lock(&w.vm->lock);
    rc = what(w.vm, gfn);
    pthread_mutex_unlock(&w.vm->lock);
    return rc;
}

static void a_foreign_page_shows_that_frame_and_then_nothing(void **state)
{
    const uint64_t gfn = RAM + 100;
    mfn_t there = hv_vm_own_frame(w.b->vm, 50);

    (void)state;
    memset(frame(there), 0x5a, WEIR_PAGE_SIZE);
    memset(frame(there - 1), 0x11, WEIR_PAGE_SIZE);
    memset(frame(there + 1), 0x22, WEIR_PAGE_SIZE);
    assert_int_equal(put(gfn, foreign(there, false)), 0);
    assert_int_equal(seen(gfn)[0], 0x5a);
    assert_int_equal(seen(gfn)[4095], 0x5a);
    assert_int_equal(seen(gfn)[-1], 0);
    assert_int_equal(seen(gfn)[4096], 0);
    assert_true(writable(gfn));
    assert_false(writable(gfn + 1));
    seen(gfn)[7] = 1;
    assert_int_equal(frame(there)[7], 1);
    assert_int_equal(put(gfn, foreign(there, false)), -EBUSY);
    assert_int_equal(on(hv_vm_clear, gfn), 0);
    assert_int_equal(seen(gfn)[0], 0);
    assert_int_equal(frame(there)[0], 0x5a);
    assert_int_equal(on(hv_vm_clear, gfn), 0);
}

/* Also where its RAM is: Linux makes room for foreign pages so. */
static void a_page_put_over_ram_gives_that_back(void **state)
{
    mfn_t there = hv_vm_own_frame(w.b->vm, 51);
    mfn_t was = hv_vm_own_frame(w.vm, 9);
    uint32_t frames = w.a->frames;

    (void)state;
    frame(was)[0] = 1;
    frame(there)[0] = 0x77;
    assert_int_equal(put(9, foreign(there, true)), 0);
    assert_int_equal(seen(9)[0], 0x77);
    assert_false(writable(9));
    assert_int_equal(w.a->frames, frames - 1);
    assert_int_equal(hv_frames_get(&w.m.frames, was)->type, HV_FRAME_FREE);
    assert_int_equal(hv_vm_own_frame(w.vm, 9), 0);
    assert_int_equal(on(hv_vm_give_back, 9), -EINVAL);
    assert_int_equal(on(hv_vm_clear, 9), 0);
    assert_int_equal(on(hv_vm_populate, 9), 0);
    assert_int_equal(seen(9)[0], 0);
    assert_int_equal(w.a->frames, frames);
}

static void memory_goes_and_comes_back_within_the_quota(void **state)
{
    uint32_t got = 0;

    (void)state;
    assert_int_equal(on(hv_vm_populate, 3), -EBUSY);
    seen(3)[0] = 1;
    assert_int_equal(on(hv_vm_give_back, 3), 0);
    assert_int_equal(on(hv_vm_give_back, 3), -EINVAL);
    assert_int_equal(seen(3)[0], 0);
    assert_int_equal(on(hv_vm_populate, 3), 0);
    assert_int_equal(seen(3)[0], 0);
    seen(3)[0] = 2;
    while (on(hv_vm_populate, RAM + got) == 0)
        got++;
    assert_int_equal(got, QUOTA - RAM);
    assert_int_equal(on(hv_vm_populate, RAM + got), -ENOMEM);
    while (got)
        assert_int_equal(on(hv_vm_give_back, RAM + --got), 0);
}

static void pages_have_their_places(void **state)
{
    struct hv_p2m_entry e = foreign(hv_vm_own_frame(w.b->vm, 1), false);
    unsigned n = 0;

    (void)state;
    assert_int_equal(put(0xfee00, e), -EINVAL);
    assert_int_equal(put(w.vm->gfns, e), -EINVAL);
    assert_int_equal(put(UINT64_MAX, e), -EINVAL);
    /* Each place costs KVM something. */
    for (uint64_t gfn = 0x8000; gfn < w.vm->gfns && n < 100; gfn += 0x8000)
        if (gfn < 0xf8000 || gfn >= 0x100000)
            n += put(gfn, e) == 0;
    assert_in_range(n, 8, 30);
    assert_int_equal(put(w.vm->gfns - 1, e), -ENOSPC);
    for (uint64_t gfn = 0x8000; gfn < w.vm->gfns; gfn += 0x8000)
        assert_int_equal(on(hv_vm_clear, gfn), 0);
}

static void copies_stop_at_what_is_not_there(void **state)
{
    const uint64_t end = (uint64_t)RAM << WEIR_PAGE_SHIFT;
    char out[6000], in[6000];

    (void)state;
    memset(out, 'w', sizeof(out));
    assert_int_equal(hv_vm_write_gpa(w.vm, 4000, out, sizeof(out)), 0);
    assert_int_equal(hv_vm_read_gpa(w.vm, 4000, in, sizeof(in)), 0);
    assert_memory_equal(in, out, sizeof(in));
    assert_int_equal(seen(0)[4000], 'w');
    assert_int_equal(seen(2)[1807], 'w');
    assert_int_equal(seen(2)[1808], 0);
    assert_int_equal(hv_vm_read_gpa(w.vm, end - 10, in, 10), 0);
    assert_int_equal(hv_vm_read_gpa(w.vm, end - 10, in, 11), -EFAULT);
    assert_int_equal(hv_vm_write_gpa(w.vm, end - 10, in, 11), -EFAULT);
    assert_int_equal(hv_vm_read_gpa(w.vm, UINT64_MAX - 3, in, 10), -EFAULT);
    assert_int_equal(put(RAM + 5, foreign(hv_vm_own_frame(w.b->vm, 2), true)),
                     0);
    assert_int_equal(hv_vm_read_gpa(w.vm, end + 5 * 4096, in, 10), 0);
    assert_int_equal(hv_vm_write_gpa(w.vm, end + 5 * 4096, in, 10), -EFAULT);
    assert_int_equal(on(hv_vm_clear, RAM + 5), 0);
}

static void a_held_page_outlives_its_place(void **state)
{
    mfn_t held, was = hv_vm_own_frame(w.vm, 20);
    uint8_t *at = hv_vm_hold(w.vm, 20 * 4096 + 8, &held);
    uint32_t frames = w.a->frames;

    (void)state;
    assert_int_equal(held, was);
    assert_ptr_equal(at, frame(was) + 8);
    assert_int_equal(on(hv_vm_give_back, 20), 0);
    *at = 1;
    assert_int_equal(w.a->frames, frames);
    assert_int_equal(hv_frames_get(&w.m.frames, was)->type, HV_FRAME_ORPHAN);
    hv_vm_unhold(w.vm, held);
    assert_int_equal(hv_frames_get(&w.m.frames, was)->type, HV_FRAME_FREE);
    assert_null(hv_vm_hold(w.vm, 20 * 4096, &held));
    assert_null(hv_vm_hold(w.vm, UINT64_MAX, &held));
    assert_int_equal(on(hv_vm_populate, 20), 0);
}

/* As the kernel counts them. */
static int mappings(void)
{
    uintptr_t base = (uintptr_t)w.vm->base;
    uintptr_t end = base + (w.vm->gfns << WEIR_PAGE_SHIFT), at;
    FILE *f = fopen("/proc/self/maps", "re");
    char line[512];
    int n = 0;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "%lx-", &at) == 1)
            n += at >= base && at < end;
    fclose(f);
    return n;
}

static int as_counted(void)
{
    int n = 1;

    for (uint64_t g = 1; g < w.vm->gfns; g++) {
        struct hv_p2m_entry a = hv_p2m_get(w.vm, g - 1),
                            b = hv_p2m_get(w.vm, g);

        n += a.type == HV_P2M_HOLE || b.type == HV_P2M_HOLE
                 ? a.type != b.type
                 : b.frame != a.frame + 1 || a.readonly != b.readonly;
    }
    return n;
}

static void the_kernel_counts_mappings_as_weir_hv_does(void **state)
{
    int was = mappings();

    (void)state;
    assert_int_equal(was, as_counted());
    for (uint64_t g = 100; g < 140; g += 2)
        assert_int_equal(on(hv_vm_give_back, g), 0);
    assert_int_equal(mappings(), as_counted());
    assert_in_range(mappings(), was + 30, was + 40);
    for (uint64_t g = 101; g < 140; g += 2)
        assert_int_equal(on(hv_vm_give_back, g), 0);
    assert_int_equal(mappings(), as_counted());
    for (uint64_t g = 100; g < 140; g++)
        assert_int_equal(on(hv_vm_populate, g), 0);
    assert_int_equal(mappings(), as_counted());
}

/* A VM that tears its memory apart comes to its own limit. */
static void mappings_of_one_leave_others_theirs(void **state)
{
    const uint64_t max = w.m.max_vmas;
    int rc = 0, gone = 0;

    (void)state;
    w.m.max_vmas = 4 * 512;
    for (uint64_t g = 1; g < RAM && rc == 0; g += 2, gone += rc == 0)
        rc = on(hv_vm_give_back, g);
    assert_int_equal(rc, -ENOSPC);
    assert_in_range(gone, HV_VMAS_OWN / 2, (HV_VMAS_OWN + 256) / 2);
    w.vm = w.b->vm;
    for (uint64_t g = 1; g < HV_VMAS_OWN - 8; g += 2)
        assert_int_equal(on(hv_vm_give_back, g), 0);
    for (uint64_t g = 1; g < HV_VMAS_OWN - 8; g += 2)
        assert_int_equal(on(hv_vm_populate, g), 0);
    w.vm = w.a->vm;
    for (uint64_t g = 1; g < RAM; g += 2)
        on(hv_vm_populate, g);
    w.m.max_vmas = max;
}

static void loading_takes_memory_only(void **state)
{
    const uint64_t end = (uint64_t)RAM << WEIR_PAGE_SHIFT;
    int fd = memfd_create("image", MFD_CLOEXEC);
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    char text[5000];

    (void)state;
    memset(text, 'i', sizeof(text));
    assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
    assert_int_equal(hv_vm_load(w.vm, fd, 1, 4999, 0x3ff0), 0);
    assert_int_equal(seen(3)[0xfef], 0);
    assert_int_equal(seen(3)[0xff0], 'i');
    assert_int_equal(seen(5)[0x376], 'i');
    assert_int_equal(seen(5)[0x377], 0);
    assert_int_equal(hv_vm_load(w.vm, fd, 1, 5000, 0), -ENODATA);
    assert_int_equal(hv_vm_load(w.vm, fd, 0, 0, 0), -EINVAL);
    assert_int_equal(hv_vm_load(w.vm, fd, 0, 4999, end - 4998), -ERANGE);
    assert_int_equal(hv_vm_load(w.vm, fd, 0, 16, UINT64_MAX - 7), -ERANGE);
    assert_int_equal(hv_vm_load(w.vm, fd, INT64_MAX - 1, 16, 0), -ERANGE);
    assert_int_equal(hv_vm_load(w.vm, fd, 0, WEIR_HVCTL_LOAD_MAX + 1, 0),
                     -EINVAL);
    assert_int_equal(hv_vm_load(w.vm, file, 0, 16, 0), -ENOTTY);
    close(fd);
    close(file);
}

/* A grant of its page names a gfn; nothing but its own page is granted. */
static void grants_name_guest_frames(void **state)
{
    struct hv_grants *g = &w.b->grants;
    mfn_t got = 0;

    (void)state;
    hv_grant_preset(g, 8, 1, 33);
    hv_grant_preset(g, 9, 1, RAM + 1);
    hv_grant_preset(g, 10, 1, UINT32_MAX);
    hv_grant_preset(g, 11, 1, hv_vm_own_frame(w.b->vm, 33) + 0x100000);
    assert_int_equal(hv_grant_acquire(g, &w.m.frames, 8, 1, false, &got), 0);
    assert_int_equal(got, hv_vm_own_frame(w.b->vm, 33));
    hv_grant_release(g, 8, false);
    for (grant_ref_t r = 9; r < 12; r++)
        assert_int_equal(hv_grant_acquire(g, &w.m.frames, r, 1, false, &got),
                         WEIR_GNTST_BAD_PAGE);
    assert_int_equal(hv_grant_acquire(g, &w.m.frames,
                                      WEIR_GNTTAB_RESERVED_XENSTORE, 1, false,
                                      &got),
                     0);
    assert_int_equal(got, w.b->store);
    hv_grant_release(g, WEIR_GNTTAB_RESERVED_XENSTORE, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_foreign_page_shows_that_frame_and_then_nothing),
        cmocka_unit_test(a_page_put_over_ram_gives_that_back),
        cmocka_unit_test(memory_goes_and_comes_back_within_the_quota),
        cmocka_unit_test(pages_have_their_places),
        cmocka_unit_test(copies_stop_at_what_is_not_there),
        cmocka_unit_test(a_held_page_outlives_its_place),
        cmocka_unit_test(the_kernel_counts_mappings_as_weir_hv_does),
        cmocka_unit_test(mappings_of_one_leave_others_theirs),
        cmocka_unit_test(loading_takes_memory_only),
        cmocka_unit_test(grants_name_guest_frames),
    };
    int kvm;

    hv_host_kvm(NULL, &kvm);
    if (kvm < 0) {
        hv_host_kvm(stdout, &kvm);
        return 77;
    }
    close(kvm);
    return cmocka_run_group_tests(tests, setup, teardown);
}

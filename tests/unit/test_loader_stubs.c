/* SPDX-License-Identifier: MIT
 *
 * The rewriting of Linux's hypercalls; weir-load's answers.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hypervisor/loader/answer.h"
#include "hypervisor/vm.h"
#include "tests/unit/ld_images.h"

static uint8_t image[1u << 18];
static struct weir_ld_why why;

static void said(const char *found)
{
    if (!strstr(why.text, found))
        fail_msg("\"%s\" does not say \"%s\"", why.text, found);
    assert_non_null(strstr(why.text, "needed "));
}

static void parse(const struct ld_spec *s, struct weir_ld_elf *elf)
{
    assert_int_equal(weir_ld_elf(image, ld_elf(image, s), elf, &why), 0);
}

/* ---- stubs -------------------------------------------------------------- */

static enum weir_ld_calls calls_of(const struct ld_spec *s,
                                   struct weir_ld_stubs *stubs)
{
    struct weir_ld_elf elf;

    parse(s, &elf);
    weir_ld_stubs(image, &elf, stubs);
    return stubs->calls;
}

static void linux_stubs_become_port_writes(void **state)
{
    static const uint8_t port[3] = {0xe7, HV_PORT_CALL, 0x90};

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        const unsigned apart = 16 << i / 4, skip = i & 1 ? 4 : 0;
        const struct ld_spec s = {.guest_os = "linux",
                                  .stubs = 0x1230,
                                  .stubs_apart = apart,
                                  .stubs_jump = i & 2,
                                  .stubs_endbr = i & 1};
        static uint8_t before[sizeof(image)];
        struct weir_ld_stubs st;

        assert_int_equal(calls_of(&s, &st), WEIR_LD_CALLS_STUBS);
        assert_int_equal(st.at[0], LD_CODE + 0x1230 + skip);
        assert_int_equal(st.at[1], st.at[0] + apart);
        memcpy(before, image, sizeof(image));
        assert_int_equal(weir_ld_rewrite(image, &st, &why), 2);
        /* Six bytes change, no other. */
        memcpy(before + st.at[0], port, 3);
        memcpy(before + st.at[1], port, 3);
        assert_memory_equal(image, before, sizeof(image));
    }
}

static void stubs_at_the_segment_end_are_found(void **state)
{
    struct ld_spec s = {.guest_os = "linux", .code = 0x1000, .stubs = 0xfe0};
    struct weir_ld_stubs st;

    (void)state;
    assert_int_equal(calls_of(&s, &st), WEIR_LD_CALLS_STUBS);
    s.stubs_apart = 32; /* the second is behind it */
    assert_int_equal(calls_of(&s, &st), WEIR_LD_CALLS_OTHER);
    s.stubs_apart = 16;
    s.code = 0xff7; /* or cut off */
    assert_int_equal(calls_of(&s, &st), WEIR_LD_CALLS_OTHER);
}

static void not_exactly_linux_stubs_are_left_alone(void **state)
{
    const struct ld_spec s = {
        .guest_os = "linux", .stubs = 0x1230, .stubs_jump = true};
    const size_t at = LD_CODE + 0x1230;
    static const struct {
        size_t off;
        uint8_t byte;
    } change[] = {{3, 0xc3}, {16 + 3, 0xc3}, {4, 0x51},      {16 + 7, 0x01},
                  {2, 0xc1}, {16 + 2, 0xd9}, {16 + 1, 0x02}, {3, 0xeb}};
    struct weir_ld_elf elf;
    struct weir_ld_stubs st;

    (void)state;
    for (unsigned i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
        parse(&s, &elf);
        image[at + change[i].off] = change[i].byte;
        weir_ld_stubs(image, &elf, &st);
        assert_int_equal(st.calls, WEIR_LD_CALLS_OTHER);
        assert_int_equal(st.found, 0);
    }
    assert_int_equal(weir_ld_rewrite(image, &st, &why), -EINVAL);
    said("0 pairs of vmcall functions");
    said("CONFIG_KVM_XEN=y");
    /* endbr64 in one of them only: the second's instruction is not there. */
    parse(&(struct ld_spec){.guest_os = "linux",
                            .stubs = 0x1230,
                            .stubs_apart = 32,
                            .stubs_endbr = true},
          &elf);
    memcpy(image + at + 32, "\x0f\x1f\x40\x00", 4);
    weir_ld_stubs(image, &elf, &st);
    assert_int_equal(st.found, 0);
    /* Off the alignment of functions. */
    assert_int_equal(
        calls_of(&(struct ld_spec){.guest_os = "linux", .stubs = 0x1238}, &st),
        WEIR_LD_CALLS_OTHER);
}

static void two_pairs_of_stubs_are_one_too_many(void **state)
{
    const struct ld_spec s = {.guest_os = "linux", .stubs = 0x1000};
    struct weir_ld_elf elf;
    struct weir_ld_stubs st;

    (void)state;
    parse(&s, &elf);
    ld_stubs(image + LD_CODE + 0x2000, 16, false, false);
    weir_ld_stubs(image, &elf, &st);
    assert_int_equal(st.found, 2);
    assert_int_equal(weir_ld_rewrite(image, &st, &why), -EINVAL);
    said("2 pairs");
}

static void kernels_with_a_hypercall_page_stay_as_they_are(void **state)
{
    static const struct ld_spec specs[] = {
        {.stubs = 0x1230}, /* names no guest: sets the page up by its MSR */
        {.stubs = 0x1230, .guest_os = "NetBSD"},
        {.stubs = 0x1230, .guest_os = "linux", .page_note = true},
    };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct weir_ld_stubs st;

        assert_int_equal(calls_of(&specs[i], &st), WEIR_LD_CALLS_PAGE);
        assert_int_equal(weir_ld_rewrite(image, &st, &why), 0);
        assert_memory_equal(image + LD_CODE + 0x1230, "\x0f\x01\xd9", 3);
    }
}

/* ---- answers ------------------------------------------------------------ */

static struct weir_load_answer good_answer(void)
{
    return (struct weir_load_answer){
        .image = {.memfd = -1,
                  .entry = 0x1000010,
                  .start_info = 0xe0400,
                  .rewritten = 2,
                  .nsegments = 2,
                  .segments = {{0x1000000, 0x1000, 0x2000},
                               {0xe0000, 0x8000, 0x500}}}};
}

static int reread(struct weir_load_answer *a)
{
    uint8_t buf[WEIR_LOAD_MAX_PACKET];
    size_t n = weir_load_put(buf, a);
    uint8_t *copy = malloc(n);
    int rc;

    assert_non_null(copy);
    memcpy(copy, buf, n);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(weir_load_get(copy, cut, a), -EPROTO);
    rc = weir_load_get(copy, n, a);
    free(copy);
    return rc;
}

static void answers_come_through(void **state)
{
    struct weir_load_answer a = good_answer(), want = a;

    (void)state;
    assert_int_equal(reread(&a), 0);
    assert_memory_equal(&a, &want, sizeof(a));
    a = (struct weir_load_answer){.error = EINVAL, .text = "vmlinuz: \x1b bad"};
    assert_int_equal(reread(&a), 0);
    assert_int_equal(a.error, EINVAL);
    assert_string_equal(a.text, "vmlinuz: ? bad");
}

static void answers_that_lie_are_refused(void **state)
{
    struct weir_load_answer a;

    (void)state;
    a = good_answer();
    a.image.entry = 0x1002000;
    assert_int_equal(reread(&a), -EPROTO);
    a = good_answer();
    a.image.start_info = 0xdffff;
    assert_int_equal(reread(&a), -EPROTO);
    a = good_answer();
    a.image.segments[1].length = UINT64_MAX - 0xdfff0;
    assert_int_equal(reread(&a), -EPROTO); /* gpa wraps */
    a = good_answer();
    a.image.segments[1].offset = UINT64_MAX - 5;
    assert_int_equal(reread(&a), -EPROTO);
    a = good_answer();
    a.image.segments[1].gpa = 0xfffb01; /* overlaps by one byte */
    a.image.start_info = 0x1000020;
    assert_int_equal(reread(&a), -EPROTO);
    a = good_answer();
    a.image.segments[1].gpa = 0xfffb00; /* and not */
    a.image.start_info = 0x1000020;
    assert_int_equal(reread(&a), 0);
    a = good_answer();
    a.image.segments[0].length = 0;
    assert_int_equal(reread(&a), -EPROTO);
    a = good_answer();
    a.image.nsegments = 0;
    assert_int_equal(reread(&a), -EPROTO);
    a = (struct weir_load_answer){.error = EINVAL}; /* says nothing */
    assert_int_equal(reread(&a), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linux_stubs_become_port_writes),
        cmocka_unit_test(stubs_at_the_segment_end_are_found),
        cmocka_unit_test(not_exactly_linux_stubs_are_left_alone),
        cmocka_unit_test(two_pairs_of_stubs_are_one_too_many),
        cmocka_unit_test(kernels_with_a_hypercall_page_stay_as_they_are),
        cmocka_unit_test(answers_come_through),
        cmocka_unit_test(answers_that_lie_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

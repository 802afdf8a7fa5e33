/* SPDX-License-Identifier: MIT
 *
 * The ring against a peer that writes what it likes into the shared pages.
 */
#include "tests/unit/ring_fixture.h"

static void send(struct ring_fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        union weir_blkif_request req = ring_request(i);

        assert_int_equal(weir_blkif_front_put(&f->front, &req), 0);
    }
    weir_blkif_front_push(&f->front);
}

static void take(struct ring_fixture *f, unsigned n)
{
    union weir_blkif_request req;

    for (unsigned i = 0; i < n; i++)
        assert_int_equal(weir_blkif_back_get(&f->back, &req), 1);
}

/* Every index a frontend could show, against every amount of work it has
 * outstanding: believed exactly when it can be true. */
static void backend_believes_only_possible_indexes(void **state)
{
    (void)state;
    for (unsigned outstanding = 0; outstanding <= 32; outstanding++) {
        for (int64_t jump = -40; jump <= 80; jump++) {
            struct ring_fixture f;
            union weir_blkif_request req;
            int want, got;

            ring_fixture_open(&f, 1, 0);
            send(&f, outstanding);
            take(&f, outstanding);
            f.hdr->req_prod = (uint32_t)(outstanding + jump);
            want = jump == 0                                   ? 0
                   : jump > 0 && jump <= 32 - (int)outstanding ? 1
                                                               : -WEIR_EPROTO;
            got = weir_blkif_back_get(&f.back, &req);
            assert_int_equal(got, want);
            ring_fixture_close(&f);
        }
    }
}

static void frontend_believes_only_possible_indexes(void **state)
{
    (void)state;
    for (unsigned sent = 0; sent <= 32; sent++) {
        for (int64_t jump = -40; jump <= 80; jump++) {
            struct ring_fixture f;
            struct weir_blkif_response rsp;
            int want;

            ring_fixture_open(&f, 1, 0);
            send(&f, sent);
            f.hdr->rsp_prod = (uint32_t)jump;
            want = jump == 0                       ? 0
                   : jump > 0 && jump <= (int)sent ? 1
                                                   : -WEIR_EPROTO;
            assert_int_equal(weir_blkif_front_get(&f.front, &rsp), want);
            ring_fixture_close(&f);
        }
    }
}

/* Requests put and not pushed were never sent: no response can be theirs. */
static void unsent_requests_have_no_responses(void **state)
{
    struct ring_fixture f;
    union weir_blkif_request req = ring_request(0);
    struct weir_blkif_response rsp;

    (void)state;
    ring_fixture_open(&f, 1, 0);
    weir_blkif_front_put(&f.front, &req);
    f.hdr->rsp_prod = 1;
    assert_int_equal(weir_blkif_front_get(&f.front, &rsp), -WEIR_EPROTO);
    ring_fixture_close(&f);
}

static void a_broken_ring_stays_broken(void **state)
{
    struct ring_fixture f;
    union weir_blkif_request req;
    struct weir_blkif_response rsp;

    (void)state;
    ring_fixture_open(&f, 1, 0);
    send(&f, 1);
    f.hdr->req_prod = 1000;
    assert_int_equal(weir_blkif_back_arm(&f.back), -WEIR_EPROTO);
    f.hdr->req_prod = 1;
    assert_int_equal(weir_blkif_back_get(&f.back, &req), -WEIR_EPROTO);
    assert_int_equal(weir_blkif_back_available(&f.back), -WEIR_EPROTO);
    assert_int_equal(weir_blkif_back_peek(&f.back, 0, &req), -WEIR_EPROTO);
    f.hdr->rsp_prod = 2;
    assert_int_equal(weir_blkif_front_arm(&f.front), -WEIR_EPROTO);
    f.hdr->rsp_prod = 1;
    assert_int_equal(weir_blkif_front_get(&f.front, &rsp), -WEIR_EPROTO);
    ring_fixture_close(&f);
}

/* The peer may rewrite our own published words too; nothing depends on them. */
static void own_indexes_are_not_read_back(void **state)
{
    struct ring_fixture f;
    union weir_blkif_request req;
    struct weir_blkif_response rsp = ring_response(5);

    (void)state;
    ring_fixture_open(&f, 1, 0);
    send(&f, 3);
    f.hdr->rsp_prod = 1; /* the backend's own word */
    take(&f, 3);
    assert_int_equal(weir_blkif_back_put(&f.back, &rsp), 0);
    /* What it published last is not what the page says. */
    assert_true(weir_blkif_back_push(&f.back));
    assert_int_equal(f.hdr->rsp_prod, 1);
    f.hdr->req_prod = 99; /* the frontend's own word */
    assert_int_equal(weir_blkif_front_free(&f.front), 29);
    assert_int_equal(weir_blkif_front_get(&f.front, &rsp), 1);
    send(&f, 1);
    assert_int_equal(f.hdr->req_prod, 4);
    assert_int_equal(weir_blkif_back_get(&f.back, &req), 1);
    ring_fixture_close(&f);
}

/* A slot rewritten after it was copied does not change the copy. */
static void the_copy_is_private(void **state)
{
    struct ring_fixture f;
    union weir_blkif_request req, want = ring_request(0);

    (void)state;
    ring_fixture_open(&f, 1, 0);
    send(&f, 1);
    assert_int_equal(weir_blkif_back_get(&f.back, &req), 1);
    memset((char *)f.page[0] + WEIR_RING_HEADER_SIZE, 0xee, sizeof(req));
    assert_memory_equal(&req, &want, sizeof(req));
    ring_fixture_close(&f);
}

static void a_backend_does_not_start_on_impossible_indexes(void **state)
{
    struct ring_fixture f;

    (void)state;
    ring_fixture_open(&f, 1, 0);
    f.hdr->req_prod = 33;
    assert_int_equal(weir_blkif_back_init(&f.back, f.page, 1), -WEIR_EPROTO);
    f.hdr->req_prod = 32;
    assert_int_equal(weir_blkif_back_init(&f.back, f.page, 1), 0);
    ring_fixture_close(&f);
}

/* Random words in the header all the time: whatever happens, no end takes more
 * than the ring holds without giving something back, and none writes outside
 * its pages (ASan, and the bytes around them). */
static void random_headers_do_no_harm(void **state)
{
    uint64_t seed = 88172645463325252u;
    struct ring_fixture f;
    unsigned broken = 0;

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        ring_fixture_open(&f, 2, 1);
        for (unsigned step = 0; step < 50; step++) {
            union weir_blkif_request req = ring_request(step);
            struct weir_blkif_response rsp = ring_response(step);
            uint32_t word[4];

            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            for (unsigned i = 0; i < 4; i++)
                word[i] = (uint32_t)(seed >> (i * 16)) % 80;
            weir_blkif_front_put(&f.front, &req);
            weir_blkif_front_push(&f.front);
            if (seed % 30 == 0)
                memcpy(f.page[0], word, sizeof(word));
            if (weir_blkif_back_get(&f.back, &req) == -WEIR_EPROTO)
                broken++;
            weir_blkif_back_put(&f.back, &rsp);
            weir_blkif_back_push(&f.back);
            if (seed % 31 == 0)
                memcpy(f.page[0], word, sizeof(word));
            if (weir_blkif_front_get(&f.front, &rsp) == -WEIR_EPROTO)
                broken++;
            assert_true(weir_blkif_back_unanswered(&f.back) <= 64);
            assert_true(weir_blkif_front_free(&f.front) <= 64);
        }
        /* Page 0 is at place 2 here, page 1 at 0: 1 and 3 are untouched. */
        for (unsigned i = 0; i < WEIR_RING_PAGE_SIZE; i++) {
            assert_int_equal(((uint8_t *)f.mem)[4096 + i], 0xa5);
            assert_int_equal(((uint8_t *)f.mem)[3 * 4096 + i], 0xa5);
        }
        ring_fixture_close(&f);
    }
    assert_true(broken > 1000);
}

int ring_hostile_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backend_believes_only_possible_indexes),
        cmocka_unit_test(frontend_believes_only_possible_indexes),
        cmocka_unit_test(unsent_requests_have_no_responses),
        cmocka_unit_test(a_broken_ring_stays_broken),
        cmocka_unit_test(own_indexes_are_not_read_back),
        cmocka_unit_test(the_copy_is_private),
        cmocka_unit_test(a_backend_does_not_start_on_impossible_indexes),
        cmocka_unit_test(random_headers_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

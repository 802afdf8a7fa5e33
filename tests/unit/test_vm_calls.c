/* SPDX-License-Identifier: MIT
 *
 * Grants, memory and the small hypercalls of VM domains: what they do and how
 * they refuse.  e2e/vm_*.c does the like with guests that run.
 */
#include "tests/unit/vm_calls_world.h"

#define READONLY WEIR_GNTMAP_READONLY

static void grant(struct hv_vm *vm, grant_ref_t ref, domid_t to, uint32_t gfn,
                  uint16_t flags)
{
    struct weir_grant_entry_v1 *e =
        hv_memory_at(&vm->d->m->mem, vm->d->grants.first);

    e[ref] = (struct weir_grant_entry_v1){
        (uint16_t)(WEIR_GTF_PERMIT_ACCESS | flags), to, gfn};
}

static uint16_t entry_flags(struct hv_vm *vm, grant_ref_t ref)
{
    const struct weir_grant_entry_v1 *e =
        hv_memory_at(&vm->d->m->mem, vm->d->grants.first);

    return e[ref].flags;
}

static struct weir_gnttab_map_grant_ref
map(struct hv_vm *vm, domid_t dom, grant_ref_t ref, uint64_t at, uint32_t flags)
{
    struct weir_gnttab_map_grant_ref m = {.host_addr = at,
                                          .flags = WEIR_GNTMAP_HOST_MAP | flags,
                                          .ref = ref,
                                          .dom = dom};

    assert_int_equal(call(vm, WEIR_HYPERCALL_GRANT_TABLE_OP,
                          WEIR_GNTTABOP_MAP_GRANT_REF, &m, sizeof(m)),
                     0);
    return m;
}

static int unmap(struct hv_vm *vm, uint64_t at, uint32_t handle)
{
    struct weir_gnttab_unmap_grant_ref u = {.host_addr = at, .handle = handle};

    assert_int_equal(call(vm, WEIR_HYPERCALL_GRANT_TABLE_OP,
                          WEIR_GNTTABOP_UNMAP_GRANT_REF, &u, sizeof(u)),
                     0);
    return u.status;
}

static void a_mapped_page_is_that_page_until_unmapped(void **state)
{
    volatile uint8_t *seen = w.a->base + ABOVE;
    struct weir_gnttab_map_grant_ref m;

    (void)state;
    grant(w.b, 8, 1, 9, 0);
    *vm_fake_at(w.b, 9 * 4096) = 0x77;
    m = map(w.a, 2, 8, ABOVE, 0);
    assert_int_equal(m.status, WEIR_GNTST_OKAY);
    assert_int_equal(*seen, 0x77);
    assert_int_equal(entry_flags(w.b, 8), WEIR_GTF_PERMIT_ACCESS |
                                              WEIR_GTF_READING |
                                              WEIR_GTF_WRITING);
    vm_fake_check(w.a);
    assert_int_equal(unmap(w.a, ABOVE + 4096, m.handle),
                     WEIR_GNTST_GENERAL_ERROR);
    assert_int_equal(unmap(w.a, ABOVE, m.handle + 1), WEIR_GNTST_BAD_HANDLE);
    assert_int_equal(unmap(w.a, ABOVE, m.handle), WEIR_GNTST_OKAY);
    assert_int_equal(*seen, 0);
    assert_int_equal(entry_flags(w.b, 8), WEIR_GTF_PERMIT_ACCESS);
    assert_int_equal(unmap(w.a, ABOVE, m.handle), WEIR_GNTST_BAD_HANDLE);
}

static void a_page_given_back_while_mapped_stays_until_unmapped(void **state)
{
    struct weir_xen_remove_from_physmap x = {WEIR_DOMID_SELF, 9};
    struct weir_gnttab_map_grant_ref m;
    uint32_t had = w.b->d->frames;

    (void)state;
    grant(w.b, 8, 1, 9, WEIR_GTF_READONLY);
    *vm_fake_at(w.b, 9 * 4096) = 0x11;
    assert_int_equal(map(w.a, 2, 8, ABOVE, 0).status, WEIR_GNTST_GENERAL_ERROR);
    m = map(w.a, 2, 8, ABOVE, READONLY);
    assert_int_equal(m.status, WEIR_GNTST_OKAY);
    assert_int_equal(call(w.b, WEIR_HYPERCALL_MEMORY_OP,
                          WEIR_XENMEM_REMOVE_FROM_PHYSMAP, &x, sizeof(x)),
                     0);
    assert_int_equal(*(w.a->base + ABOVE), 0x11);
    assert_int_equal(w.b->d->frames, had); /* still in its quota */
    assert_int_equal(map(w.a, 2, 8, ABOVE + 8192, READONLY).status,
                     WEIR_GNTST_BAD_PAGE);
    assert_int_equal(unmap(w.a, ABOVE, m.handle), WEIR_GNTST_OKAY);
    assert_int_equal(w.b->d->frames, had - 1);
}

static void maps_are_refused_as_xen_refuses_them(void **state)
{
    struct {
        domid_t dom;
        grant_ref_t ref;
        uint64_t at;
        uint32_t flags;
        int status;
    } t[] = {
        {99, 8, ABOVE, 0, WEIR_GNTST_BAD_DOMAIN},
        {WEIR_DOMID_SELF, 8, ABOVE, 0, WEIR_GNTST_BAD_DOMAIN},
        {2, 512, ABOVE, 0, WEIR_GNTST_BAD_GNTREF},
        {2, UINT32_MAX, ABOVE, 0, WEIR_GNTST_BAD_GNTREF},
        {2, 9, ABOVE, 0, WEIR_GNTST_GENERAL_ERROR}, /* not granted */
        {2, 8, ABOVE + 8, 0, WEIR_GNTST_GENERAL_ERROR},
        {2, 8, ABOVE | UINT64_C(1) << 44, 0, WEIR_GNTST_GENERAL_ERROR},
        {2, 8, UINT64_C(0xfee00000), 0, WEIR_GNTST_GENERAL_ERROR},
        {2, 8, ABOVE, WEIR_GNTMAP_DEVICE_MAP, WEIR_GNTST_GENERAL_ERROR},
        {2, 8, ABOVE, WEIR_GNTMAP_CONTAINS_PTE, WEIR_GNTST_GENERAL_ERROR},
        {2, 10, ABOVE, 0, WEIR_GNTST_BAD_PAGE},
    };
    struct weir_gnttab_map_grant_ref m;

    (void)state;
    grant(w.b, 8, 1, 9, 0);
    grant(w.b, 10, 1, VM_FAKE_RAM + 3, 0); /* a hole of its */
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
        assert_int_equal(
            map(w.a, t[i].dom, t[i].ref, t[i].at, t[i].flags).status,
            t[i].status);
    assert_int_equal(w.a->d->track.used, 0);
    assert_int_equal(entry_flags(w.b, 8), WEIR_GTF_PERMIT_ACCESS);
    /* Not over another grant, nor over a special page. */
    assert_int_equal(map(w.a, 2, 8, ABOVE, 0).status, WEIR_GNTST_OKAY);
    assert_int_equal(map(w.a, 2, 8, ABOVE, 0).status, WEIR_GNTST_GENERAL_ERROR);
    assert_int_equal(put_special(w.a, WEIR_XENMAPSPACE_SHARED_INFO, 0, 12), 0);
    m = map(w.a, 2, 8, 12 * 4096, 0);
    assert_int_equal(m.status, WEIR_GNTST_GENERAL_ERROR);
    assert_int_equal(
        put_special(w.a, WEIR_XENMAPSPACE_GRANT_TABLE, 0, ABOVE >> 12),
        -WEIR_EINVAL);
}

static void quotas_end_a_batch_element_by_element(void **state)
{
    struct weir_gnttab_map_grant_ref m[40];
    uint64_t a[5] = {WEIR_GNTTABOP_MAP_GRANT_REF, ARG, 40};
    unsigned done = 0;

    (void)state;
    grant(w.b, 8, 1, 9, 0);
    for (unsigned i = 0; i < 40; i++)
        m[i] = (struct weir_gnttab_map_grant_ref){.host_addr = ABOVE + i * 4096,
                                                  .flags = WEIR_GNTMAP_HOST_MAP,
                                                  .ref = 8,
                                                  .dom = 2};
    memcpy(vm_fake_at(w.a, ARG), m, sizeof(m));
    assert_int_equal(hv_vmcall(&w.a->vcpu[0], WEIR_HYPERCALL_GRANT_TABLE_OP, a),
                     0);
    memcpy(m, vm_fake_at(w.a, ARG), sizeof(m));
    while (done < 40 && m[done].status == WEIR_GNTST_OKAY)
        done++;
    assert_int_equal(done, 24);
    for (unsigned i = done; i < 40; i++)
        assert_int_equal(m[i].status, WEIR_GNTST_NO_SPACE);
    /* A vCPU that is to stop does no more of it. */
    w.a->stop = 1;
    a[0] = WEIR_GNTTABOP_UNMAP_GRANT_REF;
    a[2] = INT32_MAX;
    assert_true(hv_vmcall(&w.a->vcpu[0], WEIR_HYPERCALL_GRANT_TABLE_OP, a) < 0);
    w.a->stop = 0;
    assert_int_equal(w.a->d->track.used, done);
}

static void copies_reach_what_is_granted_only(void **state)
{
    struct weir_gnttab_copy c = {
        .source = {{.ref = 8}, 2, 4},
        .dest = {{.gmfn = 20}, WEIR_DOMID_SELF, 8},
        .len = 3,
        .flags = WEIR_GNTCOPY_SOURCE_GREF,
    };

    (void)state;
    grant(w.b, 8, 1, 9, WEIR_GTF_READONLY);
    memcpy(vm_fake_at(w.b, 9 * 4096 + 4), "abc", 3);
    assert_int_equal(call(w.a, WEIR_HYPERCALL_GRANT_TABLE_OP,
                          WEIR_GNTTABOP_COPY, &c, sizeof(c)),
                     0);
    assert_int_equal(c.status, WEIR_GNTST_OKAY);
    assert_memory_equal(vm_fake_at(w.a, 20 * 4096 + 8), "abc", 3);
    c.dest.domid = 2; /* a frame number of another's */
    call(w.a, WEIR_HYPERCALL_GRANT_TABLE_OP, WEIR_GNTTABOP_COPY, &c, sizeof(c));
    assert_int_equal(c.status, WEIR_GNTST_PERMISSION_DENIED);
    c.dest.domid = 1;
    c.dest.u.gmfn = VM_FAKE_RAM + 1;
    call(w.a, WEIR_HYPERCALL_GRANT_TABLE_OP, WEIR_GNTTABOP_COPY, &c, sizeof(c));
    assert_int_equal(c.status, WEIR_GNTST_BAD_PAGE);
    c.dest.u.gmfn = 20;
    c.len = 4096;
    call(w.a, WEIR_HYPERCALL_GRANT_TABLE_OP, WEIR_GNTTABOP_COPY, &c, sizeof(c));
    assert_int_equal(c.status, WEIR_GNTST_BAD_COPY_ARG);
}

static void the_table_grows_to_its_limit(void **state)
{
    struct weir_gnttab_query_size q = {.dom = WEIR_DOMID_SELF};
    struct weir_gnttab_setup_table t = {
        .dom = WEIR_DOMID_SELF, .nr_frames = 2, .frame_list = LIST};
    uint64_t list[2];

    (void)state;
    assert_int_equal(
        put_special(w.a, WEIR_XENMAPSPACE_GRANT_TABLE, 1, ABOVE >> 12), 0);
    assert_int_equal(call(w.a, WEIR_HYPERCALL_GRANT_TABLE_OP,
                          WEIR_GNTTABOP_QUERY_SIZE, &q, sizeof(q)),
                     0);
    assert_int_equal(q.nr_frames, 2);
    assert_int_equal(q.max_nr_frames, 3);
    assert_int_equal(
        put_special(w.a, WEIR_XENMAPSPACE_GRANT_TABLE, 3, ABOVE >> 12),
        -WEIR_EINVAL);
    assert_int_equal(call(w.a, WEIR_HYPERCALL_GRANT_TABLE_OP,
                          WEIR_GNTTABOP_SETUP_TABLE, &t, sizeof(t)),
                     0);
    assert_int_equal(t.status, WEIR_GNTST_OKAY);
    memcpy(list, vm_fake_at(w.a, LIST), sizeof(list));
    assert_true(list[0] == UINT64_MAX);
    assert_int_equal(list[1], ABOVE >> 12);
    t.nr_frames = 4;
    call(w.a, WEIR_HYPERCALL_GRANT_TABLE_OP, WEIR_GNTTABOP_SETUP_TABLE, &t,
         sizeof(t));
    assert_int_equal(t.status, WEIR_GNTST_GENERAL_ERROR);
    /* One page is at one place: it moves. */
    assert_int_equal(put_special(w.a, WEIR_XENMAPSPACE_GRANT_TABLE, 1, 70), 0);
    assert_int_equal(hv_p2m_get(w.a, ABOVE >> 12).type, HV_P2M_HOLE);
    assert_int_equal(hv_p2m_get(w.a, 70).type, HV_P2M_SPECIAL);
}

static int64_t reserve(unsigned cmd, uint32_t order, const uint64_t *gfn,
                       uint64_t n)
{
    struct weir_xen_memory_reservation x = {.extent_start = LIST,
                                            .nr_extents = n,
                                            .extent_order = order,
                                            .domid = WEIR_DOMID_SELF};

    memcpy(vm_fake_at(w.a, LIST), gfn, n * sizeof(*gfn));
    return call(w.a, WEIR_HYPERCALL_MEMORY_OP, cmd, &x, sizeof(x));
}

static void extents_are_counted_and_whole(void **state)
{
    uint64_t some[3] = {20, 21, 100}, pair[2] = {64, 80}, odd[1] = {65};
    uint32_t had = w.a->d->frames;

    (void)state;
    assert_int_equal(reserve(WEIR_XENMEM_DECREASE_RESERVATION, 0, some, 3), 2);
    assert_int_equal(w.a->d->frames, had - 2);
    assert_int_equal(reserve(WEIR_XENMEM_POPULATE_PHYSMAP, 0, some, 3), 3);
    assert_int_equal(reserve(WEIR_XENMEM_POPULATE_PHYSMAP, 0, some, 1), 0);
    assert_int_equal(reserve(WEIR_XENMEM_POPULATE_PHYSMAP, 1, odd, 1), 0);
    /* 7 pages are left of the quota: an extent of 8 leaves none behind. */
    assert_int_equal(reserve(WEIR_XENMEM_POPULATE_PHYSMAP, 3, pair, 2), 0);
    assert_int_equal(w.a->d->frames, had + 1);
    assert_int_equal(reserve(WEIR_XENMEM_POPULATE_PHYSMAP, 2, pair, 2), 1);
    assert_int_equal(w.a->d->frames, had + 5);
    assert_int_equal(reserve(WEIR_XENMEM_POPULATE_PHYSMAP, 64, pair, 2), 0);
}

static void special_pages_are_no_reservation(void **state)
{
    uint64_t twelve = 12;

    (void)state;
    assert_int_equal(put_special(w.a, WEIR_XENMAPSPACE_SHARED_INFO, 0, 12), 0);
    assert_int_equal(reserve(WEIR_XENMEM_DECREASE_RESERVATION, 0, &twelve, 1),
                     0);
    assert_int_equal(put_special(w.a, WEIR_XENMAPSPACE_SHARED_INFO, 1, 13),
                     -WEIR_EINVAL);
    assert_int_equal(put_special(w.a, WEIR_XENMAPSPACE_GMFN_FOREIGN, 0, 13),
                     -WEIR_ENOSYS);
    assert_int_equal(put_special(w.a, 9, 0, 13), -WEIR_EINVAL);
    grant(w.a, 8, 2, 12, 0);
    assert_int_equal(map(w.b, 1, 8, ABOVE, 0).status, WEIR_GNTST_BAD_PAGE);
}

static void the_stub_of_send_says_what_went_wrong(void **state)
{
    uint8_t page[WEIR_PAGE_SIZE];
    const uint8_t *stub = page + WEIR_HYPERCALL_EVENT_CHANNEL_OP * 32;

    (void)state;
    hv_vm_hypercall_page(w.a, false, page);
    assert_int_equal(page[17 * 32], 0xb8);
    assert_int_equal(page[17 * 32 + 1], 17);
    assert_int_equal(page[17 * 32 + 6], HV_PORT_CALL);
    assert_int_equal(stub[8], HV_PORT_SEND);
    /* The jump for other commands ends at the usual stub. */
    assert_int_equal(stub[3], 0x75);
    assert_int_equal(stub[5 + stub[4]], 0xb8);
    assert_int_equal(stub[6 + stub[4]], WEIR_HYPERCALL_EVENT_CHANNEL_OP);
    assert_true(5 + stub[4] + 8 <= 32);
}

static void what_a_guest_asks_first(void **state)
{
    struct weir_xen_feature_info f = {0};
    struct weir_xen_hvm_param p = {.domid = WEIR_DOMID_SELF,
                                   .index = WEIR_HVM_PARAM_STORE_EVTCHN};
    char text[WEIR_XENVER_CAPABILITIES_LEN];

    (void)state;
    assert_int_equal(
        call(w.a, WEIR_HYPERCALL_XEN_VERSION, WEIR_XENVER_VERSION, text, 0),
        4 << 16 | 17);
    assert_int_equal(call(w.a, WEIR_HYPERCALL_XEN_VERSION,
                          WEIR_XENVER_CAPABILITIES, text, sizeof(text)),
                     0);
    assert_non_null(strstr(text, "hvm-3.0-x86_64"));
    assert_int_equal(call(w.a, WEIR_HYPERCALL_XEN_VERSION,
                          WEIR_XENVER_GET_FEATURES, &f, sizeof(f)),
                     0);
    assert_true(f.submap & 1u << WEIR_XENFEAT_AUTO_TRANSLATED_PHYSMAP);
    assert_true(f.submap & 1u << WEIR_XENFEAT_HVM_SAFE_PVCLOCK);
    assert_int_equal(f.submap >> WEIR_XENFEAT_HVM_CALLBACK_VECTOR & 1,
                     w.a->xen);
    assert_int_equal(
        call(w.a, WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_GET_PARAM, &p, sizeof(p)),
        0);
    assert_int_equal(p.value, w.a->d->store_port);
    p.index = WEIR_HVM_PARAM_STORE_PFN;
    assert_int_equal(
        call(w.a, WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_SET_PARAM, &p, sizeof(p)),
        -WEIR_EPERM);
    assert_int_equal(call(w.a, 1, 0, text, 0), -WEIR_ENOSYS);
    assert_int_equal(call(w.a, 9999, 0, text, 0), -WEIR_ENOSYS);
    assert_int_equal(call(w.a, WEIR_HYPERCALL_DOMCTL, 0, text, 0), -WEIR_EPERM);
}

#define S(f) cmocka_unit_test_setup_teardown(f, world_s, world_end)
#define K(f) cmocka_unit_test_setup_teardown(f, world_k, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(a_mapped_page_is_that_page_until_unmapped),
        S(a_page_given_back_while_mapped_stays_until_unmapped),
        S(maps_are_refused_as_xen_refuses_them),
        S(quotas_end_a_batch_element_by_element),
        S(copies_reach_what_is_granted_only),
        S(the_table_grows_to_its_limit),
        S(extents_are_counted_and_whole),
        S(special_pages_are_no_reservation),
        S(the_stub_of_send_says_what_went_wrong),
        S(what_a_guest_asks_first),
        K(what_a_guest_asks_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

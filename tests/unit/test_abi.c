/* SPDX-License-Identifier: MIT
 *
 * Our ABI manuals against Debian's libxen-dev headers: every size, offset and
 * constant is compared at compile time.  The program itself only looks at what
 * types alone cannot show.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/abi_same.h"

#include <xen/xen.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/io/blkif.h>
#include <xen/io/console.h>
#include <xen/io/netif.h>
#include <xen/io/protocols.h>
#include <xen/io/ring.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>

#include "ring/blkif_ring.h"
#include "ring/console_abi.h"
#include "ring/error.h"
#include "ring/event_abi.h"
#include "ring/grant_abi.h"
#include "ring/netif_ring.h"
#include "ring/port.h"
#include "ring/start_abi.h"
#include "ring/xenbus_abi.h"
#include "ring/xs_abi.h"
#include "xenbus/state.h"

/* ring */
SAME(sizeof(struct weir_sring_header), offsetof(struct blkif_sring, ring));
FIELD(struct weir_sring_header, struct blkif_sring, req_prod);
FIELD(struct weir_sring_header, struct blkif_sring, req_event);
FIELD(struct weir_sring_header, struct blkif_sring, rsp_prod);
FIELD(struct weir_sring_header, struct blkif_sring, rsp_event);
SIZE(union weir_blkif_ring_slot_, union blkif_sring_entry);
SIZE(union weir_netif_tx_ring_slot_, union netif_tx_sring_entry);
SIZE(union weir_netif_rx_ring_slot_, union netif_rx_sring_entry);
SIZE(union weir_netif_ctrl_ring_slot_, union xen_netif_ctrl_sring_entry);

/* grant table */
SIZE(domid_t, uint16_t);
SIZE(grant_ref_t, uint32_t);
SIZE(evtchn_port_t, uint32_t);
SIZE(struct weir_grant_entry_v1, struct grant_entry_v1);
FIELD(struct weir_grant_entry_v1, struct grant_entry_v1, flags);
FIELD(struct weir_grant_entry_v1, struct grant_entry_v1, domid);
FIELD(struct weir_grant_entry_v1, struct grant_entry_v1, frame);
SAME(WEIR_GRANTS_PER_FRAME, 4096 / sizeof(struct grant_entry_v1));
SAME(WEIR_GNTTAB_NR_RESERVED, GNTTAB_NR_RESERVED_ENTRIES);
SAME(WEIR_GNTTAB_RESERVED_CONSOLE, GNTTAB_RESERVED_CONSOLE);
SAME(WEIR_GNTTAB_RESERVED_XENSTORE, GNTTAB_RESERVED_XENSTORE);
SAME(WEIR_GTF_INVALID, GTF_invalid);
SAME(WEIR_GTF_PERMIT_ACCESS, GTF_permit_access);
SAME(WEIR_GTF_ACCEPT_TRANSFER, GTF_accept_transfer);
SAME(WEIR_GTF_TRANSITIVE, GTF_transitive);
SAME(WEIR_GTF_TYPE_MASK, GTF_type_mask);
SAME(WEIR_GTF_READONLY, GTF_readonly);
SAME(WEIR_GTF_READING, GTF_reading);
SAME(WEIR_GTF_WRITING, GTF_writing);
SAME(WEIR_GTF_PWT, GTF_PWT);
SAME(WEIR_GTF_PCD, GTF_PCD);
SAME(WEIR_GTF_PAT, GTF_PAT);
SAME(WEIR_GTF_SUB_PAGE, GTF_sub_page);
SAME(WEIR_GTF_TRANSFER_COMMITTED, GTF_transfer_committed);
SAME(WEIR_GTF_TRANSFER_COMPLETED, GTF_transfer_completed);
SAME(WEIR_GNTTABOP_MAP_GRANT_REF, GNTTABOP_map_grant_ref);
SAME(WEIR_GNTTABOP_UNMAP_GRANT_REF, GNTTABOP_unmap_grant_ref);
SAME(WEIR_GNTTABOP_SETUP_TABLE, GNTTABOP_setup_table);
SAME(WEIR_GNTTABOP_DUMP_TABLE, GNTTABOP_dump_table);
SAME(WEIR_GNTTABOP_TRANSFER, GNTTABOP_transfer);
SAME(WEIR_GNTTABOP_COPY, GNTTABOP_copy);
SAME(WEIR_GNTTABOP_QUERY_SIZE, GNTTABOP_query_size);
SAME(WEIR_GNTTABOP_UNMAP_AND_REPLACE, GNTTABOP_unmap_and_replace);
SAME(WEIR_GNTTABOP_SET_VERSION, GNTTABOP_set_version);
SAME(WEIR_GNTTABOP_GET_STATUS_FRAMES, GNTTABOP_get_status_frames);
SAME(WEIR_GNTTABOP_GET_VERSION, GNTTABOP_get_version);
SAME(WEIR_GNTTABOP_SWAP_GRANT_REF, GNTTABOP_swap_grant_ref);
SAME(WEIR_GNTTABOP_CACHE_FLUSH, GNTTABOP_cache_flush);
SAME(WEIR_GNTST_OKAY, GNTST_okay);
SAME(WEIR_GNTST_GENERAL_ERROR, GNTST_general_error);
SAME(WEIR_GNTST_BAD_DOMAIN, GNTST_bad_domain);
SAME(WEIR_GNTST_BAD_GNTREF, GNTST_bad_gntref);
SAME(WEIR_GNTST_BAD_HANDLE, GNTST_bad_handle);
SAME(WEIR_GNTST_BAD_VIRT_ADDR, GNTST_bad_virt_addr);
SAME(WEIR_GNTST_BAD_DEV_ADDR, GNTST_bad_dev_addr);
SAME(WEIR_GNTST_NO_DEVICE_SPACE, GNTST_no_device_space);
SAME(WEIR_GNTST_PERMISSION_DENIED, GNTST_permission_denied);
SAME(WEIR_GNTST_BAD_PAGE, GNTST_bad_page);
SAME(WEIR_GNTST_BAD_COPY_ARG, GNTST_bad_copy_arg);
SAME(WEIR_GNTST_ADDRESS_TOO_BIG, GNTST_address_too_big);
SAME(WEIR_GNTST_EAGAIN, GNTST_eagain);
SAME(WEIR_GNTST_NO_SPACE, GNTST_no_space);
SAME(WEIR_GNTMAP_DEVICE_MAP, GNTMAP_device_map);
SAME(WEIR_GNTMAP_HOST_MAP, GNTMAP_host_map);
SAME(WEIR_GNTMAP_READONLY, GNTMAP_readonly);
SAME(WEIR_GNTMAP_APPLICATION_MAP, GNTMAP_application_map);
SAME(WEIR_GNTMAP_CONTAINS_PTE, GNTMAP_contains_pte);
SAME(WEIR_GNTCOPY_SOURCE_GREF, GNTCOPY_source_gref);
SAME(WEIR_GNTCOPY_DEST_GREF, GNTCOPY_dest_gref);
SAME(WEIR_DOMID_FIRST_RESERVED, DOMID_FIRST_RESERVED);
SAME(WEIR_DOMID_SELF, DOMID_SELF);
SAME(WEIR_DOMID_IO, DOMID_IO);
SAME(WEIR_DOMID_XEN, DOMID_XEN);
SAME(WEIR_DOMID_INVALID, DOMID_INVALID);
SIZE(struct weir_gnttab_map_grant_ref, struct gnttab_map_grant_ref);
FIELD(struct weir_gnttab_map_grant_ref, struct gnttab_map_grant_ref, host_addr);
FIELD(struct weir_gnttab_map_grant_ref, struct gnttab_map_grant_ref, flags);
FIELD(struct weir_gnttab_map_grant_ref, struct gnttab_map_grant_ref, ref);
FIELD(struct weir_gnttab_map_grant_ref, struct gnttab_map_grant_ref, dom);
FIELD(struct weir_gnttab_map_grant_ref, struct gnttab_map_grant_ref, status);
FIELD(struct weir_gnttab_map_grant_ref, struct gnttab_map_grant_ref, handle);
FIELD(struct weir_gnttab_map_grant_ref, struct gnttab_map_grant_ref,
      dev_bus_addr);
SIZE(struct weir_gnttab_unmap_grant_ref, struct gnttab_unmap_grant_ref);
FIELD(struct weir_gnttab_unmap_grant_ref, struct gnttab_unmap_grant_ref,
      host_addr);
FIELD(struct weir_gnttab_unmap_grant_ref, struct gnttab_unmap_grant_ref,
      dev_bus_addr);
FIELD(struct weir_gnttab_unmap_grant_ref, struct gnttab_unmap_grant_ref,
      handle);
FIELD(struct weir_gnttab_unmap_grant_ref, struct gnttab_unmap_grant_ref,
      status);
SIZE(struct weir_gnttab_setup_table, struct gnttab_setup_table);
FIELD(struct weir_gnttab_setup_table, struct gnttab_setup_table, dom);
FIELD(struct weir_gnttab_setup_table, struct gnttab_setup_table, nr_frames);
FIELD(struct weir_gnttab_setup_table, struct gnttab_setup_table, status);
FIELD(struct weir_gnttab_setup_table, struct gnttab_setup_table, frame_list);
SIZE(struct weir_gnttab_transfer, struct gnttab_transfer);
FIELD(struct weir_gnttab_transfer, struct gnttab_transfer, mfn);
FIELD(struct weir_gnttab_transfer, struct gnttab_transfer, domid);
FIELD(struct weir_gnttab_transfer, struct gnttab_transfer, ref);
FIELD(struct weir_gnttab_transfer, struct gnttab_transfer, status);
SIZE(struct weir_gnttab_copy, struct gnttab_copy);
FIELD(struct weir_gnttab_copy, struct gnttab_copy, source.u.ref);
FIELD(struct weir_gnttab_copy, struct gnttab_copy, source.u.gmfn);
FIELD(struct weir_gnttab_copy, struct gnttab_copy, source.domid);
FIELD(struct weir_gnttab_copy, struct gnttab_copy, source.offset);
FIELD(struct weir_gnttab_copy, struct gnttab_copy, dest.u.gmfn);
FIELD(struct weir_gnttab_copy, struct gnttab_copy, dest.domid);
FIELD(struct weir_gnttab_copy, struct gnttab_copy, dest.offset);
FIELD(struct weir_gnttab_copy, struct gnttab_copy, len);
FIELD(struct weir_gnttab_copy, struct gnttab_copy, flags);
FIELD(struct weir_gnttab_copy, struct gnttab_copy, status);
SIZE(struct weir_gnttab_query_size, struct gnttab_query_size);
FIELD(struct weir_gnttab_query_size, struct gnttab_query_size, dom);
FIELD(struct weir_gnttab_query_size, struct gnttab_query_size, nr_frames);
FIELD(struct weir_gnttab_query_size, struct gnttab_query_size, max_nr_frames);
FIELD(struct weir_gnttab_query_size, struct gnttab_query_size, status);
SIZE(struct weir_gnttab_set_version, struct gnttab_set_version);
SIZE(struct weir_gnttab_get_version, struct gnttab_get_version);
FIELD(struct weir_gnttab_get_version, struct gnttab_get_version, dom);
FIELD(struct weir_gnttab_get_version, struct gnttab_get_version, version);
SIZE(struct weir_gnttab_swap_grant_ref, struct gnttab_swap_grant_ref);
FIELD(struct weir_gnttab_swap_grant_ref, struct gnttab_swap_grant_ref, ref_a);
FIELD(struct weir_gnttab_swap_grant_ref, struct gnttab_swap_grant_ref, ref_b);
FIELD(struct weir_gnttab_swap_grant_ref, struct gnttab_swap_grant_ref, status);

/* console */
SIZE(struct weir_console_interface, struct xencons_interface);
FIELD(struct weir_console_interface, struct xencons_interface, in);
FIELD(struct weir_console_interface, struct xencons_interface, out);
FIELD(struct weir_console_interface, struct xencons_interface, in_cons);
FIELD(struct weir_console_interface, struct xencons_interface, in_prod);
FIELD(struct weir_console_interface, struct xencons_interface, out_cons);
FIELD(struct weir_console_interface, struct xencons_interface, out_prod);

/* xenbus */
SAME((int)WEIR_XENBUS_UNKNOWN, (int)XenbusStateUnknown);
SAME((int)WEIR_XENBUS_INITIALISING, (int)XenbusStateInitialising);
SAME((int)WEIR_XENBUS_INIT_WAIT, (int)XenbusStateInitWait);
SAME((int)WEIR_XENBUS_INITIALISED, (int)XenbusStateInitialised);
SAME((int)WEIR_XENBUS_CONNECTED, (int)XenbusStateConnected);
SAME((int)WEIR_XENBUS_CLOSING, (int)XenbusStateClosing);
SAME((int)WEIR_XENBUS_CLOSED, (int)XenbusStateClosed);
SAME((int)WEIR_XENBUS_RECONFIGURING, (int)XenbusStateReconfiguring);
SAME((int)WEIR_XENBUS_RECONFIGURED, (int)XenbusStateReconfigured);

/* Errors: Xen's numbers are Linux's. */
SAME(WEIR_EPERM, EPERM);
SAME(WEIR_ENOENT, ENOENT);
SAME(WEIR_EIO, EIO);
SAME(WEIR_ENXIO, ENXIO);
SAME(WEIR_E2BIG, E2BIG);
SAME(WEIR_EBADF, EBADF);
SAME(WEIR_EAGAIN, EAGAIN);
SAME(WEIR_ENOMEM, ENOMEM);
SAME(WEIR_EACCES, EACCES);
SAME(WEIR_EFAULT, EFAULT);
SAME(WEIR_EBUSY, EBUSY);
SAME(WEIR_EEXIST, EEXIST);
SAME(WEIR_ENODEV, ENODEV);
SAME(WEIR_EINVAL, EINVAL);
SAME(WEIR_ENOSPC, ENOSPC);
SAME(WEIR_EROFS, EROFS);
SAME(WEIR_ERANGE, ERANGE);
SAME(WEIR_ENOSYS, ENOSYS);
SAME(WEIR_EPROTO, EPROTO);
SAME(WEIR_EOVERFLOW, EOVERFLOW);
SAME(WEIR_EOPNOTSUPP, EOPNOTSUPP);
SAME(WEIR_ENOTCONN, ENOTCONN);
SAME(WEIR_ETIMEDOUT, ETIMEDOUT);

/* start of day */
SAME(WEIR_ELFNOTE_HYPERCALL_PAGE, XEN_ELFNOTE_HYPERCALL_PAGE);
SAME(WEIR_ELFNOTE_GUEST_OS, XEN_ELFNOTE_GUEST_OS);
SAME(WEIR_ELFNOTE_PHYS32_ENTRY, XEN_ELFNOTE_PHYS32_ENTRY);
SAME(WEIR_START_MAGIC, XEN_HVM_START_MAGIC_VALUE);
SAME(WEIR_SIF_PRIVILEGED, SIF_PRIVILEGED);
SAME(WEIR_SIF_INITDOMAIN, SIF_INITDOMAIN);
SIZE(struct weir_start_info, struct hvm_start_info);
FIELD(struct weir_start_info, struct hvm_start_info, magic);
FIELD(struct weir_start_info, struct hvm_start_info, version);
FIELD(struct weir_start_info, struct hvm_start_info, flags);
FIELD(struct weir_start_info, struct hvm_start_info, nr_modules);
FIELD(struct weir_start_info, struct hvm_start_info, modlist_paddr);
FIELD(struct weir_start_info, struct hvm_start_info, cmdline_paddr);
FIELD(struct weir_start_info, struct hvm_start_info, rsdp_paddr);
FIELD(struct weir_start_info, struct hvm_start_info, memmap_paddr);
FIELD(struct weir_start_info, struct hvm_start_info, memmap_entries);
FIELD(struct weir_start_info, struct hvm_start_info, reserved);
SIZE(struct weir_start_module, struct hvm_modlist_entry);
FIELD(struct weir_start_module, struct hvm_modlist_entry, paddr);
FIELD(struct weir_start_module, struct hvm_modlist_entry, size);
FIELD(struct weir_start_module, struct hvm_modlist_entry, cmdline_paddr);
FIELD(struct weir_start_module, struct hvm_modlist_entry, reserved);
SIZE(struct weir_start_memmap, struct hvm_memmap_table_entry);
FIELD(struct weir_start_memmap, struct hvm_memmap_table_entry, addr);
FIELD(struct weir_start_memmap, struct hvm_memmap_table_entry, size);
FIELD(struct weir_start_memmap, struct hvm_memmap_table_entry, type);
FIELD(struct weir_start_memmap, struct hvm_memmap_table_entry, reserved);
SAME(WEIR_MEMMAP_RAM, XEN_HVM_MEMMAP_TYPE_RAM);
SAME(WEIR_MEMMAP_RESERVED, XEN_HVM_MEMMAP_TYPE_RESERVED);
SAME(WEIR_MEMMAP_ACPI, XEN_HVM_MEMMAP_TYPE_ACPI);
SAME(WEIR_MEMMAP_NVS, XEN_HVM_MEMMAP_TYPE_NVS);
SAME(WEIR_MEMMAP_UNUSABLE, XEN_HVM_MEMMAP_TYPE_UNUSABLE);
SAME(WEIR_MEMMAP_DISABLED, XEN_HVM_MEMMAP_TYPE_DISABLED);
SAME(WEIR_MEMMAP_PMEM, XEN_HVM_MEMMAP_TYPE_PMEM);
SAME(WEIR_CPUID_FIRST, XEN_CPUID_FIRST_LEAF);
SAME(WEIR_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_EBX);
SAME(WEIR_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_ECX);
SAME(WEIR_CPUID_SIGNATURE_EDX, XEN_CPUID_SIGNATURE_EDX);
SAME(WEIR_CPUID_HVM_APIC_ACCESS_VIRT, XEN_HVM_CPUID_APIC_ACCESS_VIRT);
SAME(WEIR_CPUID_HVM_X2APIC_VIRT, XEN_HVM_CPUID_X2APIC_VIRT);
SAME(WEIR_CPUID_HVM_IOMMU_MAPPINGS, XEN_HVM_CPUID_IOMMU_MAPPINGS);
SAME(WEIR_CPUID_HVM_VCPU_ID, XEN_HVM_CPUID_VCPU_ID_PRESENT);
SAME(WEIR_CPUID_HVM_DOMID, XEN_HVM_CPUID_DOMID_PRESENT);
SAME(WEIR_CPUID_HVM_EXT_DEST_ID, XEN_HVM_CPUID_EXT_DEST_ID);
SAME(WEIR_CPUID_HVM_UPCALL_VECTOR, XEN_HVM_CPUID_UPCALL_VECTOR);

static void ring_sizes_agree(void **state)
{
    (void)state;
    for (unsigned pages = 1; pages <= WEIR_RING_MAX_PAGES; pages *= 2) {
        long bytes = (long)pages * 4096;

        assert_int_equal(weir_blkif_ring_slots(pages),
                         __CONST_RING_SIZE(blkif, bytes));
        assert_int_equal(weir_netif_tx_ring_slots(pages),
                         __CONST_RING_SIZE(netif_tx, bytes));
        assert_int_equal(weir_netif_rx_ring_slots(pages),
                         __CONST_RING_SIZE(netif_rx, bytes));
        assert_int_equal(weir_netif_ctrl_ring_slots(pages),
                         __CONST_RING_SIZE(xen_netif_ctrl, bytes));
    }
}

static void xenstore_error_names_agree(void **state)
{
    static const struct xsd_errors ours[] = {
#define X(name, number) {number, #name},
        WEIR_XS_ERRORS(X)
#undef X
    };
    size_t n = sizeof(ours) / sizeof(ours[0]);

    (void)state;
    assert_int_equal(n, sizeof(xsd_errors) / sizeof(xsd_errors[0]));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ours[i].errnum, xsd_errors[i].errnum);
        assert_string_equal(ours[i].errstring, xsd_errors[i].errstring);
    }
}

static void block_protocol_name_agrees(void **state)
{
    (void)state;
    assert_string_equal(WEIR_BLKIF_PROTOCOL, XEN_IO_PROTO_ABI_X86_64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_sizes_agree),
        cmocka_unit_test(xenstore_error_names_agree),
        cmocka_unit_test(block_protocol_name_agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The part of test_abi for hypercalls: compile time only.
 */
#include <errno.h>
#include <stdint.h>

#include "tests/unit/abi_same.h"

#include <xen/xen.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "ring/error.h"
#include "ring/hypercall_abi.h"

SAME(WEIR_ESRCH, ESRCH);
SAME(WEIR_ETIME, ETIME);

/* hypercalls */
SAME(WEIR_HYPERCALL_SET_TRAP_TABLE, __HYPERVISOR_set_trap_table);
SAME(WEIR_HYPERCALL_MEMORY_OP, __HYPERVISOR_memory_op);
SAME(WEIR_HYPERCALL_MULTICALL, __HYPERVISOR_multicall);
SAME(WEIR_HYPERCALL_SET_TIMER_OP, __HYPERVISOR_set_timer_op);
SAME(WEIR_HYPERCALL_XEN_VERSION, __HYPERVISOR_xen_version);
SAME(WEIR_HYPERCALL_CONSOLE_IO, __HYPERVISOR_console_io);
SAME(WEIR_HYPERCALL_GRANT_TABLE_OP, __HYPERVISOR_grant_table_op);
SAME(WEIR_HYPERCALL_VM_ASSIST, __HYPERVISOR_vm_assist);
SAME(WEIR_HYPERCALL_VCPU_OP, __HYPERVISOR_vcpu_op);
SAME(WEIR_HYPERCALL_XSM_OP, __HYPERVISOR_xsm_op);
SAME(WEIR_HYPERCALL_SCHED_OP, __HYPERVISOR_sched_op);
SAME(WEIR_HYPERCALL_EVENT_CHANNEL_OP, __HYPERVISOR_event_channel_op);
SAME(WEIR_HYPERCALL_PHYSDEV_OP, __HYPERVISOR_physdev_op);
SAME(WEIR_HYPERCALL_HVM_OP, __HYPERVISOR_hvm_op);
SAME(WEIR_HYPERCALL_SYSCTL, __HYPERVISOR_sysctl);
SAME(WEIR_HYPERCALL_DOMCTL, __HYPERVISOR_domctl);
SAME(WEIR_HYPERCALL_XENPMU_OP, __HYPERVISOR_xenpmu_op);
SIZE(struct weir_multicall_entry, struct multicall_entry);
FIELD(struct weir_multicall_entry, struct multicall_entry, op);
FIELD(struct weir_multicall_entry, struct multicall_entry, result);
FIELD(struct weir_multicall_entry, struct multicall_entry, args);

/* xen_version */
SAME(WEIR_XENVER_VERSION, XENVER_version);
SAME(WEIR_XENVER_EXTRAVERSION, XENVER_extraversion);
SAME(WEIR_XENVER_COMPILE_INFO, XENVER_compile_info);
SAME(WEIR_XENVER_CAPABILITIES, XENVER_capabilities);
SAME(WEIR_XENVER_CHANGESET, XENVER_changeset);
SAME(WEIR_XENVER_PLATFORM_PARAMETERS, XENVER_platform_parameters);
SAME(WEIR_XENVER_GET_FEATURES, XENVER_get_features);
SAME(WEIR_XENVER_PAGESIZE, XENVER_pagesize);
SAME(WEIR_XENVER_GUEST_HANDLE, XENVER_guest_handle);
SAME(WEIR_XENVER_COMMANDLINE, XENVER_commandline);
SAME(WEIR_XENVER_BUILD_ID, XENVER_build_id);
SAME(WEIR_XENVER_EXTRAVERSION_LEN, XEN_EXTRAVERSION_LEN);
SAME(WEIR_XENVER_CAPABILITIES_LEN, XEN_CAPABILITIES_INFO_LEN);
SAME(WEIR_XENVER_CHANGESET_LEN, XEN_CHANGESET_INFO_LEN);
SAME(WEIR_XENVER_HANDLE_LEN, sizeof(xen_domain_handle_t));
SIZE(struct weir_xen_compile_info, struct xen_compile_info);
FIELD(struct weir_xen_compile_info, struct xen_compile_info, compiler);
FIELD(struct weir_xen_compile_info, struct xen_compile_info, compile_by);
FIELD(struct weir_xen_compile_info, struct xen_compile_info, compile_domain);
FIELD(struct weir_xen_compile_info, struct xen_compile_info, compile_date);
SIZE(struct weir_xen_feature_info, struct xen_feature_info);
FIELD(struct weir_xen_feature_info, struct xen_feature_info, submap_idx);
FIELD(struct weir_xen_feature_info, struct xen_feature_info, submap);
SAME(WEIR_XENFEAT_WRITABLE_PAGE_TABLES, XENFEAT_writable_page_tables);
SAME(WEIR_XENFEAT_WRITABLE_DESCRIPTOR_TABLES,
     XENFEAT_writable_descriptor_tables);
SAME(WEIR_XENFEAT_AUTO_TRANSLATED_PHYSMAP, XENFEAT_auto_translated_physmap);
SAME(WEIR_XENFEAT_SUPERVISOR_MODE_KERNEL, XENFEAT_supervisor_mode_kernel);
SAME(WEIR_XENFEAT_PAE_PGDIR_ABOVE_4GB, XENFEAT_pae_pgdir_above_4gb);
SAME(WEIR_XENFEAT_MMU_PT_UPDATE_PRESERVE_AD, XENFEAT_mmu_pt_update_preserve_ad);
SAME(WEIR_XENFEAT_HIGHMEM_ASSIST, XENFEAT_highmem_assist);
SAME(WEIR_XENFEAT_GNTTAB_MAP_AVAIL_BITS, XENFEAT_gnttab_map_avail_bits);
SAME(WEIR_XENFEAT_HVM_CALLBACK_VECTOR, XENFEAT_hvm_callback_vector);
SAME(WEIR_XENFEAT_HVM_SAFE_PVCLOCK, XENFEAT_hvm_safe_pvclock);
SAME(WEIR_XENFEAT_HVM_PIRQS, XENFEAT_hvm_pirqs);
SAME(WEIR_XENFEAT_DOM0, XENFEAT_dom0);
SAME(WEIR_XENFEAT_MEMORY_OP_VNODE_SUPPORTED, XENFEAT_memory_op_vnode_supported);

/* memory */
SAME(WEIR_XENMEM_INCREASE_RESERVATION, XENMEM_increase_reservation);
SAME(WEIR_XENMEM_DECREASE_RESERVATION, XENMEM_decrease_reservation);
SAME(WEIR_XENMEM_POPULATE_PHYSMAP, XENMEM_populate_physmap);
SAME(WEIR_XENMEM_MAXIMUM_RAM_PAGE, XENMEM_maximum_ram_page);
SAME(WEIR_XENMEM_CURRENT_RESERVATION, XENMEM_current_reservation);
SAME(WEIR_XENMEM_MAXIMUM_RESERVATION, XENMEM_maximum_reservation);
SAME(WEIR_XENMEM_MAXIMUM_GPFN, XENMEM_maximum_gpfn);
SAME(WEIR_XENMEM_ADD_TO_PHYSMAP, XENMEM_add_to_physmap);
SAME(WEIR_XENMEM_ADD_TO_PHYSMAP_BATCH, XENMEM_add_to_physmap_batch);
SAME(WEIR_XENMEM_REMOVE_FROM_PHYSMAP, XENMEM_remove_from_physmap);
SAME(WEIR_XENMEM_MEMORY_MAP, XENMEM_memory_map);
SAME(WEIR_XENMEM_MACHINE_MEMORY_MAP, XENMEM_machine_memory_map);
SAME(WEIR_XENMEM_EXCHANGE, XENMEM_exchange);
SAME(WEIR_XENMAPSPACE_SHARED_INFO, XENMAPSPACE_shared_info);
SAME(WEIR_XENMAPSPACE_GRANT_TABLE, XENMAPSPACE_grant_table);
SAME(WEIR_XENMAPSPACE_GMFN, XENMAPSPACE_gmfn);
SAME(WEIR_XENMAPSPACE_GMFN_RANGE, XENMAPSPACE_gmfn_range);
SAME(WEIR_XENMAPSPACE_GMFN_FOREIGN, XENMAPSPACE_gmfn_foreign);
SAME(WEIR_XENMAPSPACE_DEV_MMIO, XENMAPSPACE_dev_mmio);
SAME(WEIR_XENMAPIDX_GRANT_TABLE_STATUS, XENMAPIDX_grant_table_status);
SIZE(struct weir_xen_memory_reservation, struct xen_memory_reservation);
FIELD(struct weir_xen_memory_reservation, struct xen_memory_reservation,
      extent_start);
FIELD(struct weir_xen_memory_reservation, struct xen_memory_reservation,
      nr_extents);
FIELD(struct weir_xen_memory_reservation, struct xen_memory_reservation,
      extent_order);
FIELD2(struct weir_xen_memory_reservation, struct xen_memory_reservation,
       mem_flags, mem_flags);
FIELD(struct weir_xen_memory_reservation, struct xen_memory_reservation, domid);
SIZE(struct weir_xen_memory_domain, struct xen_memory_domain);
FIELD(struct weir_xen_memory_domain, struct xen_memory_domain, domid);
SIZE(struct weir_xen_add_to_physmap, struct xen_add_to_physmap);
FIELD(struct weir_xen_add_to_physmap, struct xen_add_to_physmap, domid);
FIELD(struct weir_xen_add_to_physmap, struct xen_add_to_physmap, size);
FIELD(struct weir_xen_add_to_physmap, struct xen_add_to_physmap, space);
FIELD(struct weir_xen_add_to_physmap, struct xen_add_to_physmap, idx);
FIELD(struct weir_xen_add_to_physmap, struct xen_add_to_physmap, gpfn);
SIZE(struct weir_xen_add_to_physmap_batch, struct xen_add_to_physmap_batch);
FIELD(struct weir_xen_add_to_physmap_batch, struct xen_add_to_physmap_batch,
      domid);
FIELD(struct weir_xen_add_to_physmap_batch, struct xen_add_to_physmap_batch,
      space);
FIELD(struct weir_xen_add_to_physmap_batch, struct xen_add_to_physmap_batch,
      size);
FIELD2(struct weir_xen_add_to_physmap_batch, struct xen_add_to_physmap_batch,
       extra, u.foreign_domid);
FIELD(struct weir_xen_add_to_physmap_batch, struct xen_add_to_physmap_batch,
      idxs);
FIELD(struct weir_xen_add_to_physmap_batch, struct xen_add_to_physmap_batch,
      gpfns);
FIELD(struct weir_xen_add_to_physmap_batch, struct xen_add_to_physmap_batch,
      errs);
SIZE(struct weir_xen_remove_from_physmap, struct xen_remove_from_physmap);
FIELD(struct weir_xen_remove_from_physmap, struct xen_remove_from_physmap,
      domid);
FIELD(struct weir_xen_remove_from_physmap, struct xen_remove_from_physmap,
      gpfn);
SIZE(struct weir_xen_memory_map, struct xen_memory_map);
FIELD(struct weir_xen_memory_map, struct xen_memory_map, nr_entries);
FIELD(struct weir_xen_memory_map, struct xen_memory_map, buffer);

/* sched, vcpu */
SAME(WEIR_SCHEDOP_YIELD, SCHEDOP_yield);
SAME(WEIR_SCHEDOP_BLOCK, SCHEDOP_block);
SAME(WEIR_SCHEDOP_SHUTDOWN, SCHEDOP_shutdown);
SAME(WEIR_SCHEDOP_POLL, SCHEDOP_poll);
SAME(WEIR_SCHEDOP_REMOTE_SHUTDOWN, SCHEDOP_remote_shutdown);
SAME(WEIR_SCHEDOP_SHUTDOWN_CODE, SCHEDOP_shutdown_code);
SAME(WEIR_SCHEDOP_WATCHDOG, SCHEDOP_watchdog);
SAME(WEIR_SCHEDOP_PIN_OVERRIDE, SCHEDOP_pin_override);
SAME(WEIR_SHUTDOWN_POWEROFF, SHUTDOWN_poweroff);
SAME(WEIR_SHUTDOWN_REBOOT, SHUTDOWN_reboot);
SAME(WEIR_SHUTDOWN_SUSPEND, SHUTDOWN_suspend);
SAME(WEIR_SHUTDOWN_CRASH, SHUTDOWN_crash);
SAME(WEIR_SHUTDOWN_WATCHDOG, SHUTDOWN_watchdog);
SAME(WEIR_SHUTDOWN_SOFT_RESET, SHUTDOWN_soft_reset);
SIZE(struct weir_sched_shutdown, struct sched_shutdown);
FIELD(struct weir_sched_shutdown, struct sched_shutdown, reason);
SIZE(struct weir_sched_poll, struct sched_poll);
FIELD(struct weir_sched_poll, struct sched_poll, ports);
FIELD(struct weir_sched_poll, struct sched_poll, nr_ports);
FIELD(struct weir_sched_poll, struct sched_poll, timeout);
SAME(WEIR_VCPUOP_INITIALISE, VCPUOP_initialise);
SAME(WEIR_VCPUOP_UP, VCPUOP_up);
SAME(WEIR_VCPUOP_DOWN, VCPUOP_down);
SAME(WEIR_VCPUOP_IS_UP, VCPUOP_is_up);
SAME(WEIR_VCPUOP_GET_RUNSTATE_INFO, VCPUOP_get_runstate_info);
SAME(WEIR_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA,
     VCPUOP_register_runstate_memory_area);
SAME(WEIR_VCPUOP_SET_PERIODIC_TIMER, VCPUOP_set_periodic_timer);
SAME(WEIR_VCPUOP_STOP_PERIODIC_TIMER, VCPUOP_stop_periodic_timer);
SAME(WEIR_VCPUOP_SET_SINGLESHOT_TIMER, VCPUOP_set_singleshot_timer);
SAME(WEIR_VCPUOP_STOP_SINGLESHOT_TIMER, VCPUOP_stop_singleshot_timer);
SAME(WEIR_VCPUOP_REGISTER_VCPU_INFO, VCPUOP_register_vcpu_info);
SAME(WEIR_VCPUOP_SEND_NMI, VCPUOP_send_nmi);
SAME(WEIR_VCPUOP_GET_PHYSID, VCPUOP_get_physid);
SAME(WEIR_VCPUOP_REGISTER_VCPU_TIME_MEMORY_AREA,
     VCPUOP_register_vcpu_time_memory_area);
SIZE(struct weir_vcpu_runstate_info, struct vcpu_runstate_info);
FIELD(struct weir_vcpu_runstate_info, struct vcpu_runstate_info, state);
FIELD(struct weir_vcpu_runstate_info, struct vcpu_runstate_info,
      state_entry_time);
FIELD(struct weir_vcpu_runstate_info, struct vcpu_runstate_info, time);
SAME(WEIR_RUNSTATE_RUNNING, RUNSTATE_running);
SAME(WEIR_RUNSTATE_RUNNABLE, RUNSTATE_runnable);
SAME(WEIR_RUNSTATE_BLOCKED, RUNSTATE_blocked);
SAME(WEIR_RUNSTATE_OFFLINE, RUNSTATE_offline);
SAME(WEIR_RUNSTATE_UPDATE, XEN_RUNSTATE_UPDATE);
SIZE(struct weir_vcpu_area, struct vcpu_register_runstate_memory_area);
FIELD2(struct weir_vcpu_area, struct vcpu_register_runstate_memory_area, addr,
       addr.p);
SIZE(struct weir_vcpu_area, struct vcpu_register_time_memory_area);
FIELD2(struct weir_vcpu_area, struct vcpu_register_time_memory_area, addr,
       addr.p);
SIZE(struct weir_vcpu_set_periodic_timer, struct vcpu_set_periodic_timer);
FIELD(struct weir_vcpu_set_periodic_timer, struct vcpu_set_periodic_timer,
      period_ns);
SIZE(struct weir_vcpu_set_singleshot_timer, struct vcpu_set_singleshot_timer);
FIELD(struct weir_vcpu_set_singleshot_timer, struct vcpu_set_singleshot_timer,
      timeout_abs_ns);
FIELD(struct weir_vcpu_set_singleshot_timer, struct vcpu_set_singleshot_timer,
      flags);
SAME(WEIR_VCPU_SSHOTTMR_FUTURE, VCPU_SSHOTTMR_future);
SIZE(struct weir_vcpu_register_vcpu_info, struct vcpu_register_vcpu_info);
FIELD(struct weir_vcpu_register_vcpu_info, struct vcpu_register_vcpu_info, mfn);
FIELD(struct weir_vcpu_register_vcpu_info, struct vcpu_register_vcpu_info,
      offset);
FIELD(struct weir_vcpu_register_vcpu_info, struct vcpu_register_vcpu_info,
      rsvd);
SIZE(struct weir_vcpu_get_physid, struct vcpu_get_physid);
FIELD(struct weir_vcpu_get_physid, struct vcpu_get_physid, phys_id);
SIZE(struct weir_vcpu_hvm_context, struct vcpu_hvm_context);
#define REG(mode, reg)                                                         \
    FIELD2(struct weir_vcpu_hvm_context, struct vcpu_hvm_context, u.mode.reg,  \
           cpu_regs.mode.reg)
REG(x86_32, eax);
REG(x86_32, ecx);
REG(x86_32, edx);
REG(x86_32, ebx);
REG(x86_32, esp);
REG(x86_32, ebp);
REG(x86_32, esi);
REG(x86_32, edi);
REG(x86_32, eip);
REG(x86_32, eflags);
REG(x86_32, cr0);
REG(x86_32, cr3);
REG(x86_32, cr4);
REG(x86_32, efer);
REG(x86_32, cs_base);
REG(x86_32, ds_base);
REG(x86_32, ss_base);
REG(x86_32, es_base);
REG(x86_32, tr_base);
REG(x86_32, cs_limit);
REG(x86_32, tr_limit);
REG(x86_32, cs_ar);
REG(x86_32, ds_ar);
REG(x86_32, ss_ar);
REG(x86_32, es_ar);
REG(x86_32, tr_ar);
REG(x86_64, rax);
REG(x86_64, rcx);
REG(x86_64, rdx);
REG(x86_64, rbx);
REG(x86_64, rsp);
REG(x86_64, rbp);
REG(x86_64, rsi);
REG(x86_64, rdi);
REG(x86_64, rip);
REG(x86_64, rflags);
REG(x86_64, cr0);
REG(x86_64, cr3);
REG(x86_64, cr4);
REG(x86_64, efer);
SAME(WEIR_VCPU_HVM_MODE_32B, VCPU_HVM_MODE_32B);
SAME(WEIR_VCPU_HVM_MODE_64B, VCPU_HVM_MODE_64B);

/* hvm */
SAME(WEIR_HVMOP_SET_PARAM, HVMOP_set_param);
SAME(WEIR_HVMOP_GET_PARAM, HVMOP_get_param);
SAME(WEIR_HVMOP_FLUSH_TLBS, HVMOP_flush_tlbs);
SAME(WEIR_HVMOP_PAGETABLE_DYING, HVMOP_pagetable_dying);
SAME(WEIR_HVMOP_GET_TIME, HVMOP_get_time);
SAME(WEIR_HVMOP_GET_MEM_TYPE, HVMOP_get_mem_type);
SAME(WEIR_HVMOP_SET_EVTCHN_UPCALL_VECTOR, HVMOP_set_evtchn_upcall_vector);
SIZE(struct weir_xen_hvm_param, struct xen_hvm_param);
FIELD(struct weir_xen_hvm_param, struct xen_hvm_param, domid);
FIELD(struct weir_xen_hvm_param, struct xen_hvm_param, index);
FIELD(struct weir_xen_hvm_param, struct xen_hvm_param, value);
SAME(WEIR_HVM_PARAM_CALLBACK_IRQ, HVM_PARAM_CALLBACK_IRQ);
SAME(WEIR_HVM_PARAM_STORE_PFN, HVM_PARAM_STORE_PFN);
SAME(WEIR_HVM_PARAM_STORE_EVTCHN, HVM_PARAM_STORE_EVTCHN);
SAME(WEIR_HVM_PARAM_CONSOLE_PFN, HVM_PARAM_CONSOLE_PFN);
SAME(WEIR_HVM_PARAM_CONSOLE_EVTCHN, HVM_PARAM_CONSOLE_EVTCHN);
SAME(WEIR_HVM_NR_PARAMS, HVM_NR_PARAMS);
SAME(WEIR_HVM_CALLBACK_TYPE_VECTOR, HVM_PARAM_CALLBACK_TYPE_VECTOR);
SIZE(struct weir_xen_hvm_get_time, struct xen_hvm_get_time);
FIELD(struct weir_xen_hvm_get_time, struct xen_hvm_get_time, now);
SIZE(struct weir_xen_hvm_get_mem_type, struct xen_hvm_get_mem_type);
FIELD(struct weir_xen_hvm_get_mem_type, struct xen_hvm_get_mem_type, domid);
FIELD(struct weir_xen_hvm_get_mem_type, struct xen_hvm_get_mem_type, mem_type);
FIELD(struct weir_xen_hvm_get_mem_type, struct xen_hvm_get_mem_type, pfn);
SAME((int)WEIR_HVMMEM_RAM_RW, (int)HVMMEM_ram_rw);
SAME((int)WEIR_HVMMEM_RAM_RO, (int)HVMMEM_ram_ro);
SAME((int)WEIR_HVMMEM_MMIO_DM, (int)HVMMEM_mmio_dm);
SIZE(struct weir_xen_hvm_evtchn_upcall_vector,
     struct xen_hvm_evtchn_upcall_vector);
FIELD(struct weir_xen_hvm_evtchn_upcall_vector,
      struct xen_hvm_evtchn_upcall_vector, vcpu);
FIELD(struct weir_xen_hvm_evtchn_upcall_vector,
      struct xen_hvm_evtchn_upcall_vector, vector);

/* others */
SAME(WEIR_CONSOLEIO_WRITE, CONSOLEIO_write);
SAME(WEIR_CONSOLEIO_READ, CONSOLEIO_read);
SAME(WEIR_VMASST_CMD_ENABLE, VMASST_CMD_enable);
SAME(WEIR_VMASST_CMD_DISABLE, VMASST_CMD_disable);
SAME(WEIR_VMASST_TYPE_RUNSTATE_UPDATE_FLAG, VMASST_TYPE_runstate_update_flag);
SAME(WEIR_PHYSDEVOP_IRQ_STATUS_QUERY, PHYSDEVOP_irq_status_query);
SAME(WEIR_PHYSDEVOP_EOI, PHYSDEVOP_eoi);
SAME(WEIR_PHYSDEVOP_MAP_PIRQ, PHYSDEVOP_map_pirq);
SAME(WEIR_PHYSDEVOP_UNMAP_PIRQ, PHYSDEVOP_unmap_pirq);
SAME(WEIR_PHYSDEVOP_GET_FREE_PIRQ, PHYSDEVOP_get_free_pirq);
SAME(WEIR_PHYSDEVOP_PIRQ_EOI_GMFN_V2, PHYSDEVOP_pirq_eoi_gmfn_v2);

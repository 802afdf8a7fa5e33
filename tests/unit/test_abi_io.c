/* SPDX-License-Identifier: MIT
 *
 * The part of test_abi for block, net, event channels and xenstore: compile
 * time only.
 */
#include <stdint.h>

#include "tests/unit/abi_same.h"

#include <xen/event_channel.h>
#include <xen/io/blkif.h>
#include <xen/io/netif.h>
#include <xen/io/xs_wire.h>
#include <xen/xen.h>

#include "ring/blkif_abi.h"
#include "ring/event_abi.h"
#include "ring/netif_abi.h"
#include "ring/xs_abi.h"

/* event channels */
SAME(WEIR_EVTCHNOP_BIND_INTERDOMAIN, EVTCHNOP_bind_interdomain);
SAME(WEIR_EVTCHNOP_BIND_VIRQ, EVTCHNOP_bind_virq);
SAME(WEIR_EVTCHNOP_BIND_PIRQ, EVTCHNOP_bind_pirq);
SAME(WEIR_EVTCHNOP_CLOSE, EVTCHNOP_close);
SAME(WEIR_EVTCHNOP_SEND, EVTCHNOP_send);
SAME(WEIR_EVTCHNOP_STATUS, EVTCHNOP_status);
SAME(WEIR_EVTCHNOP_ALLOC_UNBOUND, EVTCHNOP_alloc_unbound);
SAME(WEIR_EVTCHNOP_BIND_IPI, EVTCHNOP_bind_ipi);
SAME(WEIR_EVTCHNOP_BIND_VCPU, EVTCHNOP_bind_vcpu);
SAME(WEIR_EVTCHNOP_UNMASK, EVTCHNOP_unmask);
SAME(WEIR_EVTCHNOP_RESET, EVTCHNOP_reset);
SAME(WEIR_EVTCHNOP_INIT_CONTROL, EVTCHNOP_init_control);
SAME(WEIR_EVTCHNOP_EXPAND_ARRAY, EVTCHNOP_expand_array);
SAME(WEIR_EVTCHNOP_SET_PRIORITY, EVTCHNOP_set_priority);
SAME(WEIR_EVTCHNSTAT_CLOSED, EVTCHNSTAT_closed);
SAME(WEIR_EVTCHNSTAT_UNBOUND, EVTCHNSTAT_unbound);
SAME(WEIR_EVTCHNSTAT_INTERDOMAIN, EVTCHNSTAT_interdomain);
SAME(WEIR_EVTCHNSTAT_PIRQ, EVTCHNSTAT_pirq);
SAME(WEIR_EVTCHNSTAT_VIRQ, EVTCHNSTAT_virq);
SAME(WEIR_EVTCHNSTAT_IPI, EVTCHNSTAT_ipi);
SIZE(struct weir_evtchn_alloc_unbound, struct evtchn_alloc_unbound);
FIELD(struct weir_evtchn_alloc_unbound, struct evtchn_alloc_unbound, dom);
FIELD(struct weir_evtchn_alloc_unbound, struct evtchn_alloc_unbound,
      remote_dom);
FIELD(struct weir_evtchn_alloc_unbound, struct evtchn_alloc_unbound, port);
SIZE(struct weir_evtchn_bind_interdomain, struct evtchn_bind_interdomain);
FIELD(struct weir_evtchn_bind_interdomain, struct evtchn_bind_interdomain,
      remote_dom);
FIELD(struct weir_evtchn_bind_interdomain, struct evtchn_bind_interdomain,
      remote_port);
FIELD(struct weir_evtchn_bind_interdomain, struct evtchn_bind_interdomain,
      local_port);
SIZE(struct weir_evtchn_bind_virq, struct evtchn_bind_virq);
FIELD(struct weir_evtchn_bind_virq, struct evtchn_bind_virq, virq);
FIELD(struct weir_evtchn_bind_virq, struct evtchn_bind_virq, vcpu);
FIELD(struct weir_evtchn_bind_virq, struct evtchn_bind_virq, port);
SIZE(struct weir_evtchn_bind_pirq, struct evtchn_bind_pirq);
FIELD(struct weir_evtchn_bind_pirq, struct evtchn_bind_pirq, pirq);
FIELD(struct weir_evtchn_bind_pirq, struct evtchn_bind_pirq, flags);
FIELD(struct weir_evtchn_bind_pirq, struct evtchn_bind_pirq, port);
SIZE(struct weir_evtchn_bind_ipi, struct evtchn_bind_ipi);
FIELD(struct weir_evtchn_bind_ipi, struct evtchn_bind_ipi, vcpu);
FIELD(struct weir_evtchn_bind_ipi, struct evtchn_bind_ipi, port);
SIZE(struct weir_evtchn_close, struct evtchn_close);
FIELD(struct weir_evtchn_close, struct evtchn_close, port);
SIZE(struct weir_evtchn_send, struct evtchn_send);
FIELD(struct weir_evtchn_send, struct evtchn_send, port);
SIZE(struct weir_evtchn_status, struct evtchn_status);
FIELD(struct weir_evtchn_status, struct evtchn_status, dom);
FIELD(struct weir_evtchn_status, struct evtchn_status, port);
FIELD(struct weir_evtchn_status, struct evtchn_status, status);
FIELD(struct weir_evtchn_status, struct evtchn_status, vcpu);
FIELD(struct weir_evtchn_status, struct evtchn_status, u);
FIELD(struct weir_evtchn_status, struct evtchn_status, u.unbound.dom);
FIELD(struct weir_evtchn_status, struct evtchn_status, u.interdomain.dom);
FIELD(struct weir_evtchn_status, struct evtchn_status, u.interdomain.port);
FIELD(struct weir_evtchn_status, struct evtchn_status, u.pirq);
FIELD(struct weir_evtchn_status, struct evtchn_status, u.virq);
SIZE(struct weir_evtchn_bind_vcpu, struct evtchn_bind_vcpu);
FIELD(struct weir_evtchn_bind_vcpu, struct evtchn_bind_vcpu, port);
FIELD(struct weir_evtchn_bind_vcpu, struct evtchn_bind_vcpu, vcpu);
SIZE(struct weir_evtchn_unmask, struct evtchn_unmask);
FIELD(struct weir_evtchn_unmask, struct evtchn_unmask, port);
SIZE(struct weir_evtchn_reset, struct evtchn_reset);
FIELD(struct weir_evtchn_reset, struct evtchn_reset, dom);
SAME(WEIR_VIRQ_TIMER, VIRQ_TIMER);
SAME(WEIR_VIRQ_DEBUG, VIRQ_DEBUG);
SAME(WEIR_VIRQ_CONSOLE, VIRQ_CONSOLE);
SAME(WEIR_VIRQ_DOM_EXC, VIRQ_DOM_EXC);
SAME(WEIR_VIRQ_ARGO, VIRQ_ARGO);
SAME(WEIR_NR_VIRQS, NR_VIRQS);
SAME(WEIR_EVTCHN_2L_CHANNELS, EVTCHN_2L_NR_CHANNELS);
SAME(WEIR_LEGACY_MAX_VCPUS, XEN_LEGACY_MAX_VCPUS);
SAME(WEIR_PVCLOCK_TSC_STABLE, XEN_PVCLOCK_TSC_STABLE_BIT);
SAME(WEIR_PVCLOCK_GUEST_STOPPED, XEN_PVCLOCK_GUEST_STOPPED);
SIZE(struct weir_vcpu_time_info, struct vcpu_time_info);
FIELD(struct weir_vcpu_time_info, struct vcpu_time_info, version);
FIELD(struct weir_vcpu_time_info, struct vcpu_time_info, tsc_timestamp);
FIELD(struct weir_vcpu_time_info, struct vcpu_time_info, system_time);
FIELD(struct weir_vcpu_time_info, struct vcpu_time_info, tsc_to_system_mul);
FIELD(struct weir_vcpu_time_info, struct vcpu_time_info, tsc_shift);
FIELD(struct weir_vcpu_time_info, struct vcpu_time_info, flags);
SIZE(struct weir_vcpu_info, struct vcpu_info);
FIELD(struct weir_vcpu_info, struct vcpu_info, evtchn_upcall_pending);
FIELD(struct weir_vcpu_info, struct vcpu_info, evtchn_pending_sel);
FIELD2(struct weir_vcpu_info, struct vcpu_info, arch_cr2, arch.cr2);
FIELD(struct weir_vcpu_info, struct vcpu_info, time);
SIZE(struct weir_arch_shared_info, struct arch_shared_info);
FIELD(struct weir_arch_shared_info, struct arch_shared_info, max_pfn);
FIELD(struct weir_arch_shared_info, struct arch_shared_info,
      pfn_to_mfn_frame_list_list);
FIELD(struct weir_arch_shared_info, struct arch_shared_info, nmi_reason);
FIELD(struct weir_arch_shared_info, struct arch_shared_info, p2m_cr3);
FIELD(struct weir_arch_shared_info, struct arch_shared_info, p2m_vaddr);
FIELD(struct weir_arch_shared_info, struct arch_shared_info, p2m_generation);
SIZE(struct weir_shared_info, struct shared_info);
FIELD(struct weir_shared_info, struct shared_info, vcpu_info);
FIELD(struct weir_shared_info, struct shared_info, evtchn_pending);
FIELD(struct weir_shared_info, struct shared_info, evtchn_mask);
FIELD(struct weir_shared_info, struct shared_info, wc_version);
FIELD(struct weir_shared_info, struct shared_info, wc_sec);
FIELD(struct weir_shared_info, struct shared_info, wc_nsec);
FIELD(struct weir_shared_info, struct shared_info, wc_sec_hi);
FIELD(struct weir_shared_info, struct shared_info, arch);

/* xenstore */
SAME((int)WEIR_XS_CONTROL, (int)XS_CONTROL);
SAME((int)WEIR_XS_DIRECTORY, (int)XS_DIRECTORY);
SAME((int)WEIR_XS_READ, (int)XS_READ);
SAME((int)WEIR_XS_GET_PERMS, (int)XS_GET_PERMS);
SAME((int)WEIR_XS_WATCH, (int)XS_WATCH);
SAME((int)WEIR_XS_UNWATCH, (int)XS_UNWATCH);
SAME((int)WEIR_XS_TRANSACTION_START, (int)XS_TRANSACTION_START);
SAME((int)WEIR_XS_TRANSACTION_END, (int)XS_TRANSACTION_END);
SAME((int)WEIR_XS_INTRODUCE, (int)XS_INTRODUCE);
SAME((int)WEIR_XS_RELEASE, (int)XS_RELEASE);
SAME((int)WEIR_XS_GET_DOMAIN_PATH, (int)XS_GET_DOMAIN_PATH);
SAME((int)WEIR_XS_WRITE, (int)XS_WRITE);
SAME((int)WEIR_XS_MKDIR, (int)XS_MKDIR);
SAME((int)WEIR_XS_RM, (int)XS_RM);
SAME((int)WEIR_XS_SET_PERMS, (int)XS_SET_PERMS);
SAME((int)WEIR_XS_WATCH_EVENT, (int)XS_WATCH_EVENT);
SAME((int)WEIR_XS_ERROR, (int)XS_ERROR);
SAME((int)WEIR_XS_IS_DOMAIN_INTRODUCED, (int)XS_IS_DOMAIN_INTRODUCED);
SAME((int)WEIR_XS_RESUME, (int)XS_RESUME);
SAME((int)WEIR_XS_SET_TARGET, (int)XS_SET_TARGET);
SAME((int)WEIR_XS_RESET_WATCHES, (int)XS_RESET_WATCHES);
SAME((int)WEIR_XS_DIRECTORY_PART, (int)XS_DIRECTORY_PART);
SAME((int)WEIR_XS_INVALID, (int)XS_INVALID);
/* GET_FEATURE and SET_FEATURE are newer than these headers: they follow. */
SAME((int)WEIR_XS_GET_FEATURE, (int)XS_DIRECTORY_PART + 1);
SAME((int)WEIR_XS_SET_FEATURE, (int)XS_DIRECTORY_PART + 2);
SIZE(struct weir_xs_header, struct xsd_sockmsg);
FIELD(struct weir_xs_header, struct xsd_sockmsg, type);
FIELD(struct weir_xs_header, struct xsd_sockmsg, req_id);
FIELD(struct weir_xs_header, struct xsd_sockmsg, tx_id);
FIELD(struct weir_xs_header, struct xsd_sockmsg, len);
SIZE(struct weir_xs_ring_page, struct xenstore_domain_interface);
FIELD(struct weir_xs_ring_page, struct xenstore_domain_interface, req);
FIELD(struct weir_xs_ring_page, struct xenstore_domain_interface, rsp);
FIELD(struct weir_xs_ring_page, struct xenstore_domain_interface, req_cons);
FIELD(struct weir_xs_ring_page, struct xenstore_domain_interface, req_prod);
FIELD(struct weir_xs_ring_page, struct xenstore_domain_interface, rsp_cons);
FIELD(struct weir_xs_ring_page, struct xenstore_domain_interface, rsp_prod);
FIELD(struct weir_xs_ring_page, struct xenstore_domain_interface,
      server_features);
FIELD(struct weir_xs_ring_page, struct xenstore_domain_interface, connection);
FIELD(struct weir_xs_ring_page, struct xenstore_domain_interface, error);
SAME(WEIR_XS_RING_SIZE, XENSTORE_RING_SIZE);
SAME(WEIR_XS_WIRE_PAYLOAD_MAX, XENSTORE_PAYLOAD_MAX);
SAME(WEIR_XS_ABS_PATH_MAX, XENSTORE_ABS_PATH_MAX);
SAME(WEIR_XS_REL_PATH_MAX, XENSTORE_REL_PATH_MAX);
SAME(WEIR_XS_SERVER_RECONNECTION, XENSTORE_SERVER_FEATURE_RECONNECTION);
SAME(WEIR_XS_SERVER_ERROR, XENSTORE_SERVER_FEATURE_ERROR);
SAME(WEIR_XS_CONNECTED, XENSTORE_CONNECTED);
SAME(WEIR_XS_RECONNECT, XENSTORE_RECONNECT);
SAME(WEIR_XS_RING_ERROR_NONE, XENSTORE_ERROR_NONE);
SAME(WEIR_XS_RING_ERROR_COMM, XENSTORE_ERROR_COMM);
SAME(WEIR_XS_RING_ERROR_RINGIDX, XENSTORE_ERROR_RINGIDX);
SAME(WEIR_XS_RING_ERROR_PROTO, XENSTORE_ERROR_PROTO);

/* block */
SAME(WEIR_BLKIF_OP_READ, BLKIF_OP_READ);
SAME(WEIR_BLKIF_OP_WRITE, BLKIF_OP_WRITE);
SAME(WEIR_BLKIF_OP_WRITE_BARRIER, BLKIF_OP_WRITE_BARRIER);
SAME(WEIR_BLKIF_OP_FLUSH_DISKCACHE, BLKIF_OP_FLUSH_DISKCACHE);
SAME(WEIR_BLKIF_OP_RESERVED_1, BLKIF_OP_RESERVED_1);
SAME(WEIR_BLKIF_OP_DISCARD, BLKIF_OP_DISCARD);
SAME(WEIR_BLKIF_OP_INDIRECT, BLKIF_OP_INDIRECT);
SAME(WEIR_BLKIF_RSP_OKAY, BLKIF_RSP_OKAY);
SAME(WEIR_BLKIF_RSP_ERROR, BLKIF_RSP_ERROR);
SAME(WEIR_BLKIF_RSP_EOPNOTSUPP, BLKIF_RSP_EOPNOTSUPP);
SAME(WEIR_BLKIF_MAX_SEGMENTS, BLKIF_MAX_SEGMENTS_PER_REQUEST);
SAME(WEIR_BLKIF_MAX_INDIRECT_PAGES, BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST);
SAME(WEIR_BLKIF_DISCARD_SECURE, BLKIF_DISCARD_SECURE);
SAME(WEIR_VDISK_CDROM, VDISK_CDROM);
SAME(WEIR_VDISK_REMOVABLE, VDISK_REMOVABLE);
SAME(WEIR_VDISK_READONLY, VDISK_READONLY);
SIZE(struct weir_blkif_segment, struct blkif_request_segment);
FIELD(struct weir_blkif_segment, struct blkif_request_segment, gref);
FIELD(struct weir_blkif_segment, struct blkif_request_segment, first_sect);
FIELD(struct weir_blkif_segment, struct blkif_request_segment, last_sect);
SAME(WEIR_BLKIF_SEGMENTS_PER_PAGE, 4096 / sizeof(struct blkif_request_segment));
SIZE(struct weir_blkif_request_rw, struct blkif_request);
FIELD(struct weir_blkif_request_rw, struct blkif_request, operation);
FIELD(struct weir_blkif_request_rw, struct blkif_request, nr_segments);
FIELD(struct weir_blkif_request_rw, struct blkif_request, handle);
FIELD(struct weir_blkif_request_rw, struct blkif_request, id);
FIELD(struct weir_blkif_request_rw, struct blkif_request, sector_number);
FIELD(struct weir_blkif_request_rw, struct blkif_request, seg);
SIZE(struct weir_blkif_request_discard, struct blkif_request_discard);
FIELD(struct weir_blkif_request_discard, struct blkif_request_discard,
      operation);
FIELD(struct weir_blkif_request_discard, struct blkif_request_discard, flag);
FIELD(struct weir_blkif_request_discard, struct blkif_request_discard, handle);
FIELD(struct weir_blkif_request_discard, struct blkif_request_discard, id);
FIELD(struct weir_blkif_request_discard, struct blkif_request_discard,
      sector_number);
FIELD(struct weir_blkif_request_discard, struct blkif_request_discard,
      nr_sectors);
SIZE(struct weir_blkif_request_indirect, struct blkif_request_indirect);
FIELD(struct weir_blkif_request_indirect, struct blkif_request_indirect,
      operation);
FIELD(struct weir_blkif_request_indirect, struct blkif_request_indirect,
      indirect_op);
FIELD(struct weir_blkif_request_indirect, struct blkif_request_indirect,
      nr_segments);
FIELD(struct weir_blkif_request_indirect, struct blkif_request_indirect, id);
FIELD(struct weir_blkif_request_indirect, struct blkif_request_indirect,
      sector_number);
FIELD(struct weir_blkif_request_indirect, struct blkif_request_indirect,
      handle);
FIELD(struct weir_blkif_request_indirect, struct blkif_request_indirect,
      indirect_grefs);
SIZE(struct weir_blkif_response, struct blkif_response);
FIELD(struct weir_blkif_response, struct blkif_response, id);
FIELD(struct weir_blkif_response, struct blkif_response, operation);
FIELD(struct weir_blkif_response, struct blkif_response, status);

/* net */
SAME(WEIR_NETIF_SLOTS_MIN, XEN_NETIF_NR_SLOTS_MIN);
SAME(WEIR_NETIF_MAX_TX_SIZE, XEN_NETIF_MAX_TX_SIZE);
SAME(WEIR_NETTXF_CSUM_BLANK, NETTXF_csum_blank);
SAME(WEIR_NETTXF_DATA_VALIDATED, NETTXF_data_validated);
SAME(WEIR_NETTXF_MORE_DATA, NETTXF_more_data);
SAME(WEIR_NETTXF_EXTRA_INFO, NETTXF_extra_info);
SAME(WEIR_NETRXF_DATA_VALIDATED, NETRXF_data_validated);
SAME(WEIR_NETRXF_CSUM_BLANK, NETRXF_csum_blank);
SAME(WEIR_NETRXF_MORE_DATA, NETRXF_more_data);
SAME(WEIR_NETRXF_EXTRA_INFO, NETRXF_extra_info);
SAME(WEIR_NETRXF_GSO_PREFIX, NETRXF_gso_prefix);
SAME(WEIR_NETIF_RSP_DROPPED, NETIF_RSP_DROPPED);
SAME(WEIR_NETIF_RSP_ERROR, NETIF_RSP_ERROR);
SAME(WEIR_NETIF_RSP_OKAY, NETIF_RSP_OKAY);
SAME(WEIR_NETIF_RSP_NULL, NETIF_RSP_NULL);
SAME(WEIR_NETIF_EXTRA_FLAG_MORE, XEN_NETIF_EXTRA_FLAG_MORE);
SAME(WEIR_NETIF_GSO_NONE, XEN_NETIF_GSO_TYPE_NONE);
SAME(WEIR_NETIF_GSO_TCPV4, XEN_NETIF_GSO_TYPE_TCPV4);
SAME(WEIR_NETIF_GSO_TCPV6, XEN_NETIF_GSO_TYPE_TCPV6);
SAME(WEIR_NETIF_GREF_READONLY, XEN_NETIF_CTRLF_GREF_readonly);
SAME(WEIR_NETIF_HASH_ALGORITHM_NONE, XEN_NETIF_CTRL_HASH_ALGORITHM_NONE);
SAME(WEIR_NETIF_HASH_ALGORITHM_TOEPLITZ,
     XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ);
SAME(WEIR_NETIF_EXTRA_NONE, XEN_NETIF_EXTRA_TYPE_NONE);
SAME(WEIR_NETIF_EXTRA_GSO, XEN_NETIF_EXTRA_TYPE_GSO);
SAME(WEIR_NETIF_EXTRA_MCAST_ADD, XEN_NETIF_EXTRA_TYPE_MCAST_ADD);
SAME(WEIR_NETIF_EXTRA_MCAST_DEL, XEN_NETIF_EXTRA_TYPE_MCAST_DEL);
SAME(WEIR_NETIF_EXTRA_HASH, XEN_NETIF_EXTRA_TYPE_HASH);
SAME(WEIR_NETIF_EXTRA_MAX, XEN_NETIF_EXTRA_TYPE_MAX);
SAME(WEIR_NETIF_CTRL_INVALID, XEN_NETIF_CTRL_TYPE_INVALID);
SAME(WEIR_NETIF_CTRL_GET_HASH_FLAGS, XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS);
SAME(WEIR_NETIF_CTRL_SET_HASH_FLAGS, XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS);
SAME(WEIR_NETIF_CTRL_SET_HASH_KEY, XEN_NETIF_CTRL_TYPE_SET_HASH_KEY);
SAME(WEIR_NETIF_CTRL_GET_HASH_MAPPING_SIZE,
     XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE);
SAME(WEIR_NETIF_CTRL_SET_HASH_MAPPING_SIZE,
     XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE);
SAME(WEIR_NETIF_CTRL_SET_HASH_MAPPING, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING);
SAME(WEIR_NETIF_CTRL_SET_HASH_ALGORITHM,
     XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM);
SAME(WEIR_NETIF_CTRL_GET_GREF_MAPPING_SIZE,
     XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE);
SAME(WEIR_NETIF_CTRL_ADD_GREF_MAPPING, XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING);
SAME(WEIR_NETIF_CTRL_DEL_GREF_MAPPING, XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING);
SAME(WEIR_NETIF_CTRL_SUCCESS, XEN_NETIF_CTRL_STATUS_SUCCESS);
SAME(WEIR_NETIF_CTRL_NOT_SUPPORTED, XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED);
SAME(WEIR_NETIF_CTRL_INVALID_PARAMETER,
     XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER);
SAME(WEIR_NETIF_CTRL_BUFFER_OVERFLOW, XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW);
SAME(WEIR_NETIF_HASH_IPV4, XEN_NETIF_CTRL_HASH_TYPE_IPV4);
SAME(WEIR_NETIF_HASH_IPV4_BIT, _XEN_NETIF_CTRL_HASH_TYPE_IPV4);
SAME(WEIR_NETIF_HASH_IPV4_TCP, XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP);
SAME(WEIR_NETIF_HASH_IPV4_TCP_BIT, _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP);
SAME(WEIR_NETIF_HASH_IPV6, XEN_NETIF_CTRL_HASH_TYPE_IPV6);
SAME(WEIR_NETIF_HASH_IPV6_BIT, _XEN_NETIF_CTRL_HASH_TYPE_IPV6);
SAME(WEIR_NETIF_HASH_IPV6_TCP, XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP);
SAME(WEIR_NETIF_HASH_IPV6_TCP_BIT, _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP);
SIZE(struct weir_netif_tx_request, struct netif_tx_request);
FIELD(struct weir_netif_tx_request, struct netif_tx_request, gref);
FIELD(struct weir_netif_tx_request, struct netif_tx_request, offset);
FIELD(struct weir_netif_tx_request, struct netif_tx_request, flags);
FIELD(struct weir_netif_tx_request, struct netif_tx_request, id);
FIELD(struct weir_netif_tx_request, struct netif_tx_request, size);
SIZE(struct weir_netif_tx_response, struct netif_tx_response);
FIELD(struct weir_netif_tx_response, struct netif_tx_response, id);
FIELD(struct weir_netif_tx_response, struct netif_tx_response, status);
SIZE(struct weir_netif_rx_request, struct netif_rx_request);
FIELD(struct weir_netif_rx_request, struct netif_rx_request, id);
FIELD(struct weir_netif_rx_request, struct netif_rx_request, gref);
SIZE(struct weir_netif_rx_response, struct netif_rx_response);
FIELD(struct weir_netif_rx_response, struct netif_rx_response, id);
FIELD(struct weir_netif_rx_response, struct netif_rx_response, offset);
FIELD(struct weir_netif_rx_response, struct netif_rx_response, flags);
FIELD(struct weir_netif_rx_response, struct netif_rx_response, status);
SIZE(struct weir_netif_extra_info, struct netif_extra_info);
FIELD(struct weir_netif_extra_info, struct netif_extra_info, type);
FIELD(struct weir_netif_extra_info, struct netif_extra_info, flags);
FIELD(struct weir_netif_extra_info, struct netif_extra_info, u.gso.size);
FIELD(struct weir_netif_extra_info, struct netif_extra_info, u.gso.type);
FIELD(struct weir_netif_extra_info, struct netif_extra_info, u.gso.features);
FIELD(struct weir_netif_extra_info, struct netif_extra_info, u.mcast.addr);
FIELD(struct weir_netif_extra_info, struct netif_extra_info, u.hash.type);
FIELD(struct weir_netif_extra_info, struct netif_extra_info, u.hash.algorithm);
FIELD(struct weir_netif_extra_info, struct netif_extra_info, u.hash.value);
SIZE(struct weir_netif_ctrl_request, struct xen_netif_ctrl_request);
FIELD(struct weir_netif_ctrl_request, struct xen_netif_ctrl_request, id);
FIELD(struct weir_netif_ctrl_request, struct xen_netif_ctrl_request, type);
FIELD(struct weir_netif_ctrl_request, struct xen_netif_ctrl_request, data);
SIZE(struct weir_netif_ctrl_response, struct xen_netif_ctrl_response);
FIELD(struct weir_netif_ctrl_response, struct xen_netif_ctrl_response, id);
FIELD(struct weir_netif_ctrl_response, struct xen_netif_ctrl_response, type);
FIELD(struct weir_netif_ctrl_response, struct xen_netif_ctrl_response, status);
FIELD(struct weir_netif_ctrl_response, struct xen_netif_ctrl_response, data);
SIZE(struct weir_netif_gref, struct xen_netif_gref);
FIELD(struct weir_netif_gref, struct xen_netif_gref, ref);
FIELD(struct weir_netif_gref, struct xen_netif_gref, flags);
FIELD(struct weir_netif_gref, struct xen_netif_gref, status);

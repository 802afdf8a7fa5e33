/* SPDX-License-Identifier: MIT
 *
 * The small hypercalls: xen_version, hvm_op, console_io, vm_assist.
 */
#include "hypervisor/vm_call.h"

#include "hypervisor/vm_kxen.h"
#include "hypervisor/vm_map.h"
#include "ring/barrier.h"

#include <errno.h>
#include <string.h>

/* ---- xen_version -------------------------------------------------------- */

static int64_t text(struct hv_vcpu *v, uint64_t arg, const char *what,
                    size_t len)
{
    char buf[WEIR_XENVER_CAPABILITIES_LEN] = "";

    strncpy(buf, what, sizeof(buf) - 1);
    return hv_vcpu_write(v, arg, buf, len);
}

static int64_t compile_info(struct hv_vcpu *v, uint64_t arg)
{
    static const struct weir_xen_compile_info info = {
        .compiler = "cc",
        .compile_by = "weir-hv",
        .compile_date = WEIR_VERSION,
    };

    return hv_vcpu_write(v, arg, &info, sizeof(info));
}

static int64_t features(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_xen_feature_info x;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc < 0)
        return rc;
    x.submap = 0;
    if (x.submap_idx == 0)
        x.submap = 1u << WEIR_XENFEAT_WRITABLE_PAGE_TABLES |
                   1u << WEIR_XENFEAT_AUTO_TRANSLATED_PHYSMAP |
                   1u << WEIR_XENFEAT_HVM_SAFE_PVCLOCK;
    /* A callback that needs no end of interrupt is KVM's work.  Without it a
     * guest takes the vector of its vCPU's APIC. */
    if (x.submap_idx == 0 && v->vm->xen)
        x.submap |= 1u << WEIR_XENFEAT_HVM_CALLBACK_VECTOR;
    return hv_vcpu_write(v, arg, &x, sizeof(x));
}

int64_t hv_call_xen_version(struct hv_vcpu *v, const uint64_t a[5])
{
    static const uint8_t zero[WEIR_XENVER_HANDLE_LEN];

    switch (a[0]) {
    case WEIR_XENVER_VERSION:
        return HV_XEN_VERSION;
    case WEIR_XENVER_EXTRAVERSION:
        return text(v, a[1], "-weir", WEIR_XENVER_EXTRAVERSION_LEN);
    case WEIR_XENVER_COMPILE_INFO:
        return compile_info(v, a[1]);
    case WEIR_XENVER_CAPABILITIES:
        return text(v, a[1], "xen-3.0-x86_64 hvm-3.0-x86_64 ",
                    WEIR_XENVER_CAPABILITIES_LEN);
    case WEIR_XENVER_CHANGESET:
        return text(v, a[1], "", WEIR_XENVER_CHANGESET_LEN);
    case WEIR_XENVER_PLATFORM_PARAMETERS:
        return hv_vcpu_write(v, a[1], zero, sizeof(uint64_t));
    case WEIR_XENVER_GET_FEATURES:
        return features(v, a[1]);
    case WEIR_XENVER_PAGESIZE:
        return WEIR_PAGE_SIZE;
    case WEIR_XENVER_GUEST_HANDLE:
        return hv_vcpu_write(v, a[1], zero, WEIR_XENVER_HANDLE_LEN);
    case WEIR_XENVER_COMMANDLINE:
        return text(v, a[1], "<denied>", WEIR_XENVER_CAPABILITIES_LEN);
    default:
        return -WEIR_ENOSYS;
    }
}

/* ---- hvm_op ------------------------------------------------------------- */

static void upcall_if_pending(struct hv_vcpu *v)
{
    struct hv_machine *m = v->vm->d->m;

    pthread_mutex_lock(&m->lock);
    if (!v->vm->xen && v->xen.info &&
        weir_xchg8(&v->xen.info->evtchn_upcall_pending, 0))
        hv_vcpu_upcall(v);
    pthread_mutex_unlock(&m->lock);
}

static int64_t set_param(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_xen_hvm_param x;
    struct hv_vm *vm = v->vm;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc == 0)
        rc = hv_vm_self(vm, x.domid);
    if (rc < 0)
        return rc;
    if (x.index != WEIR_HVM_PARAM_CALLBACK_IRQ)
        return x.index < WEIR_HVM_NR_PARAMS ? -WEIR_EPERM : -WEIR_EINVAL;
    weir_store_relaxed64(&vm->xen_state.callback, x.value);
    if (vm->xen)
        return hv_kxen_callback(vm, x.value);
    for (unsigned i = 0; i < vm->nvcpus; i++)
        upcall_if_pending(&vm->vcpu[i]);
    return 0;
}

static int64_t get_param(struct hv_vcpu *v, uint64_t arg)
{
    struct hv_domain *d = v->vm->d;
    struct weir_xen_hvm_param x;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc == 0)
        rc = hv_vm_self(v->vm, x.domid);
    if (rc < 0)
        return rc;
    switch (x.index) {
    case WEIR_HVM_PARAM_CALLBACK_IRQ:
        x.value = weir_load_relaxed64(&v->vm->xen_state.callback);
        break;
    case WEIR_HVM_PARAM_STORE_PFN:
        x.value = d->store ? WEIR_VM_PFN_STORE : 0;
        break;
    case WEIR_HVM_PARAM_STORE_EVTCHN:
        x.value = d->store_port;
        break;
    case WEIR_HVM_PARAM_CONSOLE_PFN:
        x.value = WEIR_VM_PFN_CONSOLE;
        break;
    case WEIR_HVM_PARAM_CONSOLE_EVTCHN:
        x.value = d->console_port;
        break;
    default:
        return x.index < WEIR_HVM_NR_PARAMS ? -WEIR_EPERM : -WEIR_EINVAL;
    }
    return hv_vcpu_write(v, arg, &x, sizeof(x));
}

static int64_t get_time(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_xen_hvm_get_time x = {hv_vm_now(v->vm)};

    return hv_vcpu_write(v, arg, &x, sizeof(x));
}

static int64_t get_mem_type(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_xen_hvm_get_mem_type x;
    struct hv_machine *m = v->vm->d->m;
    struct hv_p2m_entry e;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc == 0)
        rc = hv_vm_self(v->vm, x.domid);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&m->lock);
    e = hv_p2m_get(v->vm, x.pfn);
    pthread_mutex_unlock(&m->lock);
    if (e.type == HV_P2M_HOLE)
        x.mem_type = WEIR_HVMMEM_MMIO_DM;
    else
        x.mem_type = e.readonly ? WEIR_HVMMEM_RAM_RO : WEIR_HVMMEM_RAM_RW;
    return hv_vcpu_write(v, arg, &x, sizeof(x));
}

static int64_t set_upcall_vector(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_xen_hvm_evtchn_upcall_vector x;
    struct hv_vcpu *to;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc < 0)
        return rc;
    if (x.vector < 16)
        return -WEIR_EINVAL;
    if (x.vcpu >= v->vm->nvcpus)
        return -WEIR_ENOENT;
    to = &v->vm->vcpu[x.vcpu];
    weir_store_relaxed32(&to->xen.upcall_vector, x.vector);
    if (v->vm->xen)
        hv_kxen_todo(to, HV_TODO_VECTOR);
    else
        upcall_if_pending(to);
    return 0;
}

int64_t hv_call_hvm_op(struct hv_vcpu *v, const uint64_t a[5])
{
    switch (a[0]) {
    case WEIR_HVMOP_SET_PARAM:
        return set_param(v, a[1]);
    case WEIR_HVMOP_GET_PARAM:
        return get_param(v, a[1]);
    case WEIR_HVMOP_GET_TIME:
        return get_time(v, a[1]);
    case WEIR_HVMOP_GET_MEM_TYPE:
        return get_mem_type(v, a[1]);
    case WEIR_HVMOP_SET_EVTCHN_UPCALL_VECTOR:
        return set_upcall_vector(v, a[1]);
    default:
        return -WEIR_ENOSYS;
    }
}

/* ---- console, assistance ------------------------------------------------ */

int64_t hv_call_console_io(struct hv_vcpu *v, const uint64_t a[5])
{
    struct hv_domain *d = v->vm->d;
    uint64_t left = (uint32_t)a[1], at = a[2];
    uint8_t buf[256];

    if (a[0] == WEIR_CONSOLEIO_READ)
        return -WEIR_EPERM;
    if (a[0] != WEIR_CONSOLEIO_WRITE)
        return -WEIR_ENOSYS;
    while (left && hv_vcpu_go_on(v)) {
        size_t n = left < sizeof(buf) ? left : sizeof(buf);
        int rc = hv_vcpu_read(v, at, buf, n);

        if (rc < 0)
            return rc;
        hv_console_write(&d->console, buf, n);
        at += n;
        left -= n;
    }
    hv_domain_wake(d); /* for those who look on */
    return 0;
}

int64_t hv_call_vm_assist(struct hv_vcpu *v, const uint64_t a[5])
{
    if (a[0] != WEIR_VMASST_CMD_ENABLE && a[0] != WEIR_VMASST_CMD_DISABLE)
        return -WEIR_ENOSYS;
    if (a[1] != WEIR_VMASST_TYPE_RUNSTATE_UPDATE_FLAG)
        return -WEIR_EINVAL;
    weir_xchg32(&v->vm->xen_state.runstate_flag,
                a[0] == WEIR_VMASST_CMD_ENABLE);
    return 0;
}

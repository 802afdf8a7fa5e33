/* SPDX-License-Identifier: MIT
 *
 * A VM domain's life.
 */
#include "hypervisor/vm.h"

#include "hypervisor/vm_map.h"
#include "ring/barrier.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What KVM's Xen support must do to be used. */
#define MODE_K                                                                 \
    (KVM_XEN_HVM_CONFIG_HYPERCALL_MSR | KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL |   \
     KVM_XEN_HVM_CONFIG_SHARED_INFO | KVM_XEN_HVM_CONFIG_RUNSTATE |            \
     KVM_XEN_HVM_CONFIG_EVTCHN_2LEVEL | KVM_XEN_HVM_CONFIG_EVTCHN_SEND)
/* Intel's real mode needs four pages nobody else uses: below 4 GiB's end. */
#define KVM_IDENTITY 0xFFFBC000u
#define KVM_TSS      0xFFFBD000u
#define POPULATE     512 /* pages between two looks at other work */

/* ---- creation ----------------------------------------------------------- */

/* MSR 0x40000000 comes to weir-hv, whatever KVM would make of it. */
static int catch_msr(struct hv_vm *vm)
{
    static uint8_t none[8];
    struct kvm_msr_filter f = {
        .ranges[0] = {.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                      .base = 0x40000000,
                      .nmsrs = 1,
                      .bitmap = none},
    };
    struct kvm_enable_cap cap = {.cap = KVM_CAP_X86_USER_SPACE_MSR,
                                 .args[0] = KVM_MSR_EXIT_REASON_FILTER};

    if (vm->xen)
        return 0;
    if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap) < 0 ||
        ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &f) < 0)
        return -errno;
    return 0;
}

static int new_machine(struct hv_vm *vm)
{
    uint64_t identity = KVM_IDENTITY;
    struct kvm_pit_config pit = {0};
    int kvm = vm->d->m->kvm, flags;

    vm->fd = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm->fd < 0)
        return -errno;
    flags = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XEN_HVM);
    vm->xen = flags > 0 && (flags & MODE_K) == MODE_K;
    if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
        ioctl(vm->fd, KVM_SET_TSS_ADDR, KVM_TSS) < 0 ||
        ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0 ||
        ioctl(vm->fd, KVM_CREATE_PIT2, &pit) < 0)
        return -errno;
    return catch_msr(vm);
}

static int new_vcpu(struct hv_vm *vm, struct hv_vcpu *v)
{
    int size = ioctl(vm->d->m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

    v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, v->id);
    v->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (v->fd < 0 || v->wake < 0)
        return -errno;
    if (size < (int)sizeof(*v->run))
        return -EPROTO;
    v->run =
        mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
    if (v->run == MAP_FAILED) {
        v->run = NULL;
        return -errno;
    }
    v->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    return hv_vcpu_cpuid(v);
}

/* Console and store ring, found by the guest through HVM_PARAM_*. */
static int put_rings(struct hv_vm *vm)
{
    struct hv_domain *d = vm->d;
    struct hv_p2m_entry e = {.type = HV_P2M_SPECIAL};
    int rc;

    e.frame = (uint32_t)d->console_frame;
    rc = hv_vm_put(vm, WEIR_VM_PFN_CONSOLE, e);
    e.frame = (uint32_t)d->store;
    if (rc == 0 && d->store)
        rc = hv_vm_put(vm, WEIR_VM_PFN_STORE, e);
    return rc;
}

static int furnish(struct hv_vm *vm)
{
    int rc = new_machine(vm);

    if (rc == 0)
        rc = hv_vm_mem_init(vm);
    for (unsigned i = 0; i < vm->nvcpus && rc == 0; i++)
        rc = new_vcpu(vm, &vm->vcpu[i]);
    pthread_mutex_lock(&vm->lock);
    if (rc == 0)
        rc = put_rings(vm);
    pthread_mutex_unlock(&vm->lock);
    return rc == 0 ? hv_vm_xen_init(vm) : rc;
}

static void nothing(int sig)
{
    (void)sig;
}

int hv_vm_new(struct hv_domain *d, const struct weir_hv_create *how)
{
    const struct sigaction kick = {.sa_handler = nothing};
    struct hv_vm *vm;

    if (d->m->kvm < 0)
        return -ENODEV;
    sigaction(SIGUSR1, &kick, NULL);
    vm = calloc(1, sizeof(*vm));
    if (!vm)
        return -ENOMEM;
    vm->d = d;
    vm->fd = vm->xen_state.epoll = -1;
    vm->ram_pages = how->ram;
    vm->nvcpus = how->vcpus;
    for (unsigned i = 0; i < HV_VCPUS_MAX; i++) {
        struct hv_vcpu *v = &vm->vcpu[i];

        v->vm = vm;
        v->id = i;
        v->fd = v->wake = v->xen.timer_fd = -1;
    }
    if (pthread_mutex_init(&vm->lock, NULL)) {
        free(vm);
        return -ENOMEM;
    }
    /* From here on hv_domain_unmake takes it back. */
    d->vm = vm;
    d->grants.vm = vm;
    d->grants.translate = hv_vm_own_frame;
    return furnish(vm);
}

/* ---- the domain's thread ------------------------------------------------ */

static int populate_some(struct hv_vm *vm)
{
    const uint64_t low = WEIR_VM_LOW_END >> WEIR_PAGE_SHIFT;
    struct hv_machine *m = vm->d->m;
    uint64_t gfn = vm->populated, n = 1;
    struct hv_p2m_entry e;
    int rc;

    if (gfn >= low)
        gfn += (WEIR_VM_HIGH - WEIR_VM_LOW_END) >> WEIR_PAGE_SHIFT;
    e = hv_p2m_get(vm, gfn);
    while (n < POPULATE && vm->populated + n < vm->ram_pages &&
           hv_p2m_get(vm, gfn + n).type == HV_P2M_RAM &&
           hv_p2m_get(vm, gfn + n).frame == e.frame + n)
        n++;
    rc = hv_memory_populate(&m->mem, e.frame, n);
    if (rc == -EINTR || rc == -EAGAIN)
        return 0;
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&m->lock);
    hv_frames_set(&m->frames, e.frame, n, HV_FRAME_RAM);
    pthread_mutex_unlock(&m->lock);
    vm->populated += n;
    return 0;
}

static int start_vcpus(struct hv_vm *vm)
{
    pthread_attr_t attr;
    int rc = 0;

    if (pthread_attr_init(&attr))
        return -ENOMEM;
    pthread_attr_setstacksize(&attr, 256 << 10);
    for (unsigned i = 0; i < vm->nvcpus && rc == 0; i++) {
        rc = pthread_create(&vm->vcpu[i].thread, &attr, hv_vcpu_run,
                            &vm->vcpu[i]);
        vm->vcpu[i].started = rc == 0;
    }
    pthread_attr_destroy(&attr);
    return -rc;
}

static void run(struct hv_vm *vm)
{
    struct hv_domain *d = vm->d;
    int rc = start_vcpus(vm);
    char name[16];

    vm->running = true;
    snprintf(name, sizeof(name), "vm%u", d->domid);
    prctl(PR_SET_NAME, name);
    if (rc == 0)
        rc = hv_vm_seccomp();
    if (rc < 0) {
        hv_domain_fail(d,
                       "its vCPUs can't be started (error %d): weir-hv has "
                       "too many threads",
                       -rc);
        return;
    }
    pthread_mutex_lock(&d->m->lock);
    if (d->state == WEIR_DOM_BUILDING)
        d->state = WEIR_DOM_RUNNING;
    hv_domain_changed(d);
    pthread_mutex_unlock(&d->m->lock);
}

bool hv_vm_turn(struct hv_vm *vm)
{
    struct hv_domain *d = vm->d;
    int rc;

    if (weir_load_acquire32(&vm->ended)) {
        d->fail = true;
        return false;
    }
    if (vm->running)
        return false;
    if (vm->populated < vm->ram_pages) {
        rc = populate_some(vm);
        if (rc < 0)
            hv_domain_fail(d,
                           "this computer has no memory for its %llu MiB "
                           "(%llu MiB were there): give it less, or weir-hv's "
                           "machine more than there is",
                           (unsigned long long)vm->ram_pages >> 8,
                           (unsigned long long)vm->populated >> 8);
        return true;
    }
    if (!weir_load_acquire32(&vm->go))
        return false;
    run(vm);
    return true;
}

/* Whoever kicks has the machine's lock, or is a thread of this domain. */
static void close_vcpu(struct hv_vcpu *v)
{
    struct hv_machine *m = v->vm->d->m;
    int size = ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    struct kvm_run *shared = v->run;
    int wake = v->wake;

    pthread_mutex_lock(&m->lock);
    v->run = NULL;
    v->wake = -1;
    pthread_mutex_unlock(&m->lock);
    if (shared)
        munmap(shared, (size_t)size);
    if (v->fd >= 0)
        close(v->fd);
    if (wake >= 0)
        close(wake);
    free(v->up);
    v->up = NULL;
    v->fd = -1;
}

void hv_vm_end(struct hv_vm *vm)
{
    weir_xchg32(&vm->stop, 1);
    for (unsigned i = 0; i < vm->nvcpus; i++)
        if (vm->vcpu[i].started)
            hv_vcpu_kick(&vm->vcpu[i]);
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (vm->vcpu[i].started)
            pthread_join(vm->vcpu[i].thread, NULL);
        vm->vcpu[i].started = false;
    }
    hv_vm_xen_fini(vm);
    for (unsigned i = 0; i < vm->nvcpus; i++)
        close_vcpu(&vm->vcpu[i]);
    hv_vm_unmap(vm);
    if (vm->fd >= 0)
        close(vm->fd);
    vm->fd = -1;
}

void hv_vm_free(struct hv_vm *vm)
{
    hv_vm_mem_fini(vm);
    pthread_mutex_destroy(&vm->lock);
    free(vm);
}

/* ---- from elsewhere ----------------------------------------------------- */

void hv_vm_start(struct hv_vm *vm, uint32_t entry, uint32_t start_info)
{
    vm->entry = entry;
    vm->start_info = start_info;
    weir_store_release32(&vm->go, 1);
    hv_domain_wake(vm->d);
}

void hv_vm_pause(struct hv_vm *vm, bool pause)
{
    weir_xchg32(&vm->pause, pause);
    for (unsigned i = 0; i < vm->nvcpus; i++)
        hv_vcpu_kick(&vm->vcpu[i]);
}

void hv_vm_info(const struct hv_vm *vm, struct weir_hv_dominfo *out)
{
    out->vcpus = vm->nvcpus;
    out->xen_hvm = vm->xen;
    out->shutdown = vm->shutdown;
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        out->hypercalls += weir_load_relaxed64(&vm->vcpu[i].calls);
        out->io_refused += weir_load_relaxed64(&vm->vcpu[i].refused);
    }
}

/* Flags are set before: whoever sees none of the three that follow sees them
 * (hv_vcpu_run). */
void hv_vcpu_kick(struct hv_vcpu *v)
{
    static const uint64_t one = 1;
    uint32_t tid = weir_load_acquire32(&v->tid);

    if (v->run)
        weir_store_relaxed8(&v->run->immediate_exit, 1);
    weir_mb();
    /* A thread that ended, and even another with its number, takes no harm:
     * the signal does nothing but end a sleep. */
    if (tid)
        syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
    if (v->wake >= 0 && write(v->wake, &one, sizeof(one)) < 0)
        return; /* full: awake anyway */
}

void hv_vcpu_wait(struct hv_vcpu *v, int64_t timeout_ns)
{
    struct timespec t = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    struct pollfd p = {.fd = v->wake, .events = POLLIN};
    uint64_t n;

    if (ppoll(&p, 1, timeout_ns < 0 ? NULL : &t, NULL) > 0 &&
        read(v->wake, &n, sizeof(n)) < 0)
        return;
}

/* The first end counts. */
static bool end(struct hv_vm *vm, enum weir_dom_state state, unsigned code,
                const char *reason)
{
    struct hv_domain *d = vm->d;
    bool first;

    pthread_mutex_lock(&d->m->lock);
    first = !vm->ended;
    if (first) {
        vm->end = state;
        vm->shutdown = code;
        if (!d->reason[0])
            memcpy(d->reason, reason, sizeof(d->reason));
        weir_store_release32(&vm->ended, 1);
    }
    pthread_mutex_unlock(&d->m->lock);
    weir_xchg32(&vm->stop, 1);
    for (unsigned i = 0; i < vm->nvcpus; i++)
        hv_vcpu_kick(&vm->vcpu[i]);
    hv_domain_wake(d);
    return first;
}

void hv_vm_crash(struct hv_vm *vm, const char *fmt, ...)
{
    char reason[WEIR_HV_REASON];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(reason, sizeof(reason), fmt, ap);
    va_end(ap);
    if (end(vm, WEIR_DOM_CRASHED, WEIR_SHUTDOWN_CRASH, reason))
        hv_log("domain %u (%s) ended: %s", vm->d->domid, vm->d->name, reason);
}

void hv_vm_shutdown(struct hv_vm *vm, unsigned code)
{
    static const char none[WEIR_HV_REASON];

    if (code == WEIR_SHUTDOWN_CRASH)
        hv_vm_crash(vm, "the guest says that it crashed");
    else
        end(vm, WEIR_DOM_SHUTDOWN, code, none);
}

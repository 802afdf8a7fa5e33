/* SPDX-License-Identifier: MIT
 *
 * A VM domain's life after its birth.
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
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define POPULATE 512 /* pages between two looks at other work */

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

/* SPDX-License-Identifier: MIT
 *
 * For the labs' scripts:
 *
 *   kvm_caps         what /dev/kvm offers, one "NAME VALUE" a line
 *   kvm_caps hold    keeps an empty VM until it is killed, so that the kernel
 *                    does not rewrite its scheduler for the first and last one
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct cap {
    const char *name;
    int number;
};

static const struct cap caps[] = {
    {"user_memory", KVM_CAP_USER_MEMORY},
    {"memory_slots", KVM_CAP_NR_MEMSLOTS},
    {"irqchip", KVM_CAP_IRQCHIP},
    {"split_irqchip", KVM_CAP_SPLIT_IRQCHIP},
    {"ioeventfd", KVM_CAP_IOEVENTFD},
    {"irqfd", KVM_CAP_IRQFD},
    {"signal_msi", KVM_CAP_SIGNAL_MSI},
    {"user_msr", KVM_CAP_X86_USER_SPACE_MSR},
    {"tsc_khz", KVM_CAP_GET_TSC_KHZ},
    {"xen_hvm", KVM_CAP_XEN_HVM},
};

static int hold(int kvm)
{
    if (ioctl(kvm, KVM_CREATE_VM, 0) < 0) {
        fprintf(stderr, "kvm_caps: KVM_CREATE_VM: %s\n", strerror(errno));
        return 1;
    }
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        fprintf(stderr, "kvm_caps: /dev/kvm: %s\n", strerror(errno));
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "hold") == 0)
        return hold(fd);
    printf("api %d\n", ioctl(fd, KVM_GET_API_VERSION, 0));
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
        printf("%s %d\n", caps[i].name,
               ioctl(fd, KVM_CHECK_EXTENSION, caps[i].number));
    return 0;
}

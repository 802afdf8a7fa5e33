/* SPDX-License-Identifier: MIT
 *
 * weir-netback: the network driver domain's program.
 */
#include "backends/common/domain_main.h"
#include "backends/net/sink_switch.h"
#include "backends/net/vif.h"
#include "hypervisor/client/process.h"
#if WEIR_HAVE_XEN
#include "backends/xen/xen_dev.h"
#include "backends/xen/xen_run.h"
#endif

static int start(uint64_t spin_ns, void **context)
{
    static struct weir_net_context net;
    net.spin_ns = spin_ns;
    *context = &net;
    return weir_switch_new(weir_vif_switch_deliver, &net.sw);
}

int main(int argc, char **argv)
{
    static const struct weir_back_class *const classes[] = {&weir_vif_class};
    static const struct weir_backend_program program = {
        .name = "weir-netback",
        .summary = "Exports taps, an inter-guest switch and test sinks to "
                   "guests as vifs.",
        .classes = classes,
        .nclasses = 1,
        .seal = WEIR_SEAL_TAP | WEIR_SEAL_FD_RECV,
        .queues = 16,
        .start = start,
        .xen_queues = 32,
#if WEIR_HAVE_XEN
        .xen_run = weir_xen_run,
        .xen_kind = &weir_xen_vif,
#endif
    };
    return weir_backend_main(argc, argv, &program);
}

/* SPDX-License-Identifier: MIT
 *
 * weir-netback: the network driver domain's program.
 */
#include "backends/common/domain_main.h"
#include "backends/net/sink_switch.h"
#include "backends/net/vif.h"
#include "hypervisor/client/process.h"

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
    };
    return weir_backend_main(argc, argv, &program);
}

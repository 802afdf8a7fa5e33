/* SPDX-License-Identifier: MIT
 *
 * weir-blkback: the block driver domain.
 */
#include "backends/blk/vbd.h"
#include "backends/common/domain_main.h"
#include "hypervisor/client/process.h"
#if WEIR_HAVE_XEN
#include "backends/xen/xen_dev.h"
#include "backends/xen/xen_run.h"
#endif

#define QUEUES     8
#define XEN_QUEUES 32 /* nobody raises it for each guest there */

static struct weir_blk_options options;

static int start(uint64_t spin_ns, void **context)
{
    options.spin_ns = spin_ns;
    *context = &options;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct weir_back_class *const classes[] = {&weir_vbd_class};
    static const struct weir_backend_program program = {
        .name = "weir-blkback",
        .summary = "Exports block devices to other domains.",
        .classes = classes,
        .nclasses = 1,
        .seal = WEIR_SEAL_AIO | WEIR_SEAL_FILE | WEIR_SEAL_FD_RECV |
                WEIR_SEAL_BLKDEV,
        .queues = QUEUES,
        .prepare = weir_blk_aio_prepare,
        .unprepare = weir_blk_aio_unprepare,
        .prepare_remedy =
            "raise the sysctl fs.aio-max-nr (fs.aio-nr is in use)",
        .start = start,
        .xen_queues = XEN_QUEUES,
#if WEIR_HAVE_XEN
        .xen_run = weir_xen_run,
        .xen_kind = &weir_xen_vbd,
#endif
    };

    return weir_backend_main(argc, argv, &program);
}

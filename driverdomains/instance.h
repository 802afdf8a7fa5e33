/* SPDX-License-Identifier: MIT
 *
 * Names of one Weir instance.  Everything an instance owns outside of its
 * state directory (cgroups, taps) carries its tag, so that several run side by
 * side.
 */
#ifndef WEIR_DRIVERDOMAINS_INSTANCE_H
#define WEIR_DRIVERDOMAINS_INSTANCE_H

#include <stdint.h>
#include <stddef.h>

#define WEIR_STATE_DIR "/run/weir"
#define WEIR_STATE_MAX 88 /* of the directory: sun_path has 108 bytes */

struct weir_instance {
    char state_dir[WEIR_STATE_MAX]; /* absolute, without a trailing '/' */
    char tag[24];                   /* "weir", or "weir-1a2b3c4d" */
};

/* dir need not exist, its parent must.  -ENAMETOOLONG, or -errno of the
 * parent. */
int weir_instance_init(struct weir_instance *in, const char *dir);
/* "STATE/name" */
void weir_instance_path(const struct weir_instance *in, const char *name,
                        char *buf, size_t size);
/* Host interface of a vif: Xen's "vif5.0" in the default instance, in others
 * a name of at most 15 bytes that two instances do not share. */
void weir_instance_tap(const struct weir_instance *in, uint32_t domid,
                       uint32_t devid, char name[16]);

#endif

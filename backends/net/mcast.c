/* SPDX-License-Identifier: MIT */
#include "backends/net/vif.h"

#include <string.h>

static int find(const struct weir_vif *vif, const uint8_t *mac)
{
    for (unsigned i = 0; i < vif->nmcast; i++)
        if (!memcmp(vif->mcast[i], mac, 6))
            return (int)i;
    return -1;
}

bool weir_vif_mcast_change(struct weir_vif *vif, unsigned extra_type,
                           const uint8_t mac[6])
{
    bool ok = weir_mac_multicast(mac);
    pthread_mutex_lock(&vif->mcast_lock);
    int at = find(vif, mac);
    if (!ok) {
        /* only multicast addresses are filtered */
    } else if (extra_type == WEIR_NETIF_EXTRA_MCAST_DEL) {
        if (at >= 0)
            memmove(vif->mcast[at], vif->mcast[at + 1],
                    (--vif->nmcast - (unsigned)at) * 6u);
    } else if (at < 0) {
        ok = vif->nmcast < WEIR_VIF_MCAST;
        if (ok)
            memcpy(vif->mcast[vif->nmcast++], mac, 6);
    }
    pthread_mutex_unlock(&vif->mcast_lock);
    return ok;
}

bool weir_vif_mcast_wanted(struct weir_vif *vif, const uint8_t *mac)
{
    static const uint8_t broadcast[6] = {255, 255, 255, 255, 255, 255};
    if (!memcmp(mac, broadcast, 6))
        return true;
    pthread_mutex_lock(&vif->mcast_lock);
    bool ok = find(vif, mac) >= 0;
    pthread_mutex_unlock(&vif->mcast_lock);
    return ok;
}

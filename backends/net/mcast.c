/* SPDX-License-Identifier: MIT */
#include "backends/net/vif.h"

#include <string.h>

/* A word of the list: which no successor finds half written.  An address given
 * twice, or taken away twice, is no error, so a successor may go through the
 * requests of a batch again. */
static uint64_t word_of(const uint8_t *mac)
{
    uint64_t w = 1;
    for (unsigned i = 0; i < 6; i++)
        w = w << 8 | mac[i];
    return w;
}

/* Where the list has the word, or -1. */
static int find(const struct weir_vif *vif, uint64_t word)
{
    for (unsigned i = 0; i < WEIR_NET_LOG_MCAST; i++)
        if (vif->log->mcast[i] == word)
            return (int)i;
    return -1;
}

bool weir_vif_mcast_change(struct weir_vif *vif, unsigned extra_type,
                           const uint8_t mac[6])
{
    if (!weir_mac_multicast(mac))
        return false; /* only multicast addresses are filtered */
    bool add = extra_type != WEIR_NETIF_EXTRA_MCAST_DEL;
    pthread_mutex_lock(&vif->mcast_lock);
    int at = find(vif, word_of(mac));
    bool ok = true;
    if (add && at < 0) {
        at = find(vif, 0);
        ok = at >= 0;
        if (ok)
            weir_store_release64(&vif->log->mcast[at], word_of(mac));
    } else if (!add && at >= 0) {
        weir_store_release64(&vif->log->mcast[at], 0);
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
    bool ok = find(vif, word_of(mac)) >= 0;
    pthread_mutex_unlock(&vif->mcast_lock);
    return ok;
}

/* SPDX-License-Identifier: MIT
 *
 * Single values of the configuration.  Pure: bytes in, a value or a reason
 * out.
 */
#include "driverdomains/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void weir_domain_config_init(struct weir_domain_config *c)
{
    memset(c, 0, sizeof(*c));
    c->memory_mib = WEIR_CFG_DEFAULT_MEMORY;
    c->private_mib = WEIR_CFG_DEFAULT_PRIVATE;
    c->max_pids = WEIR_CFG_DEFAULT_PIDS;
    c->restart_limit = WEIR_CFG_DEFAULT_LIMIT;
    c->restart_period = WEIR_CFG_DEFAULT_PERIOD;
    c->restart_delay = WEIR_CFG_DEFAULT_DELAY;
    c->heartbeat = WEIR_CFG_DEFAULT_HEART;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool weir_cfg_name_ok(const char *s)
{
    size_t n = strlen(s);

    /* Commands take a name or a number in the same place. */
    if (n == 0 || n >= WEIR_CFG_NAME || is_digit(s[0]) || s[0] == '.' ||
        s[0] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alpha(s[i]) && !is_digit(s[i]) && !strchr("-_.+", s[i]))
            return false;
    return true;
}

bool weir_cfg_ifname_ok(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n >= WEIR_CFG_IF || !strcmp(s, ".") || !strcmp(s, ".."))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alpha(s[i]) && !is_digit(s[i]) && !strchr("-_.", s[i]))
            return false;
    return true;
}

int weir_cfg_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (!*s)
        return -EINVAL;
    for (; *s; s++) {
        if (!is_digit(*s))
            return -EINVAL;
        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
            return -ERANGE;
    }
    if (v < min || v > max)
        return -ERANGE;
    *out = v;
    return 0;
}

int weir_cfg_size(const char *s, uint64_t *out)
{
    static const char suffixes[] = "kMGT";
    char digits[24];
    size_t n = strlen(s);
    const char *suffix;
    uint64_t v;
    int rc;

    if (n == 0 || n >= sizeof(digits))
        return -EINVAL;
    suffix = strchr(suffixes, s[n - 1]);
    memcpy(digits, s, n + 1);
    if (suffix)
        digits[n - 1] = '\0';
    rc = weir_cfg_u64(digits, 0, UINT64_MAX, &v);
    if (rc)
        return rc;
    for (int i = 0; suffix && i <= (int)(suffix - suffixes); i++)
        if (__builtin_mul_overflow(v, 1024u, &v))
            return -ERANGE;
    *out = v;
    return 0;
}

bool weir_cfg_uuid_ok(const char *s)
{
    static const char form[WEIR_CFG_UUID] =
        "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    if (strlen(s) != WEIR_CFG_UUID - 1)
        return false;
    for (unsigned i = 0; form[i]; i++)
        if (form[i] == '-' ? s[i] != '-'
                           : !strchr("0123456789abcdefABCDEF", s[i]))
            return false;
    return true;
}

static const char *wrong(struct weir_cfg_error *e, const char *key,
                         const char *text)
{
    snprintf(e->text, sizeof(e->text), "%s", text);
    return key;
}

const char *weir_cfg_check_vm(const struct weir_domain_config *c,
                              struct weir_cfg_error *e)
{
    if (c->vcpus < 1 || c->vcpus > WEIR_CFG_VCPUS)
        return wrong(e, "vcpus", "give a whole number from 1 to 8");
    if (c->memory_mib > c->maxmem_mib)
        return wrong(e, "maxmem",
                     "less than memory=: raise it, or take it "
                     "out");
    if (c->maxmem_mib > 1u << 20)
        return wrong(e, "maxmem", "give a whole number up to 1048576");
    for (const char *p = c->cmdline; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return wrong(e, "extra",
                         "a control character in the command "
                         "line: take it out");
    if (c->on_poweroff > WEIR_ACTION_RESTART ||
        c->on_reboot > WEIR_ACTION_RESTART || c->on_crash > WEIR_ACTION_RESTART)
        return wrong(e, "on_crash", "unknown action");
    if (c->uuid[0] && !weir_cfg_uuid_ok(c->uuid))
        return wrong(e, "uuid", "not a UUID");
    return NULL;
}

/* Disk index and partition of "xvda1" after its prefix; letters count as in
 * spreadsheets: z is 25, aa is 26. */
static int letters_and_part(const char *s, uint32_t *disk, uint32_t *part)
{
    uint32_t d = 0;
    uint64_t p = 0;
    int n = 0;

    for (; *s >= 'a' && *s <= 'z'; s++, n++) {
        if (n == 4)
            return -EINVAL;
        d = d * 26 + (uint32_t)(*s - 'a') + 1;
    }
    if (n == 0)
        return -EINVAL;
    if (*s && (*s == '0' || weir_cfg_u64(s, 1, 255, &p)))
        return -EINVAL;
    *disk = d - 1;
    *part = (uint32_t)p;
    return 0;
}

static int dp_form(const char *s, uint32_t *disk, uint32_t *part)
{
    char digits[8];
    const char *p = strchr(s, 'p');
    size_t n = p ? (size_t)(p - s) : strlen(s);
    uint64_t d, q = 0;

    if (n == 0 || n >= sizeof(digits))
        return -EINVAL;
    memcpy(digits, s, n);
    digits[n] = '\0';
    if (weir_cfg_u64(digits, 0, (1u << 20) - 1, &d) ||
        (p && weir_cfg_u64(p + 1, 0, 255, &q)))
        return -EINVAL;
    *disk = (uint32_t)d;
    *part = (uint32_t)q;
    return 0;
}

static int xvd_number(uint32_t disk, uint32_t part, uint32_t *devid)
{
    if (disk >= 1u << 20 || part > 255)
        return -EINVAL;
    if (disk < 16 && part < 16)
        *devid = 202u << 8 | disk << 4 | part;
    else
        *devid = 1u << 28 | disk << 8 | part;
    return 0;
}

int weir_vdev_to_devid(const char *vdev, uint32_t *devid)
{
    uint32_t disk, part;
    uint64_t n;

    if (is_digit(vdev[0])) {
        if (weir_cfg_u64(vdev, 1, (1u << 29) - 1, &n))
            return -EINVAL;
        *devid = (uint32_t)n;
        return 0;
    }
    if (!strncmp(vdev, "xvd", 3))
        return letters_and_part(vdev + 3, &disk, &part)
                   ? -EINVAL
                   : xvd_number(disk, part, devid);
    if (vdev[0] == 'd')
        return dp_form(vdev + 1, &disk, &part) ? -EINVAL
                                               : xvd_number(disk, part, devid);
    if (!strncmp(vdev, "sd", 2)) {
        if (letters_and_part(vdev + 2, &disk, &part) || disk > 15 || part > 15)
            return -EINVAL;
        *devid = 8u << 8 | disk << 4 | part;
        return 0;
    }
    if (!strncmp(vdev, "hd", 2)) {
        if (letters_and_part(vdev + 2, &disk, &part) || disk > 3 || part > 63)
            return -EINVAL;
        *devid = (disk < 2 ? 3u : 22u) << 8 | (disk & 1) << 6 | part;
        return 0;
    }
    return -EINVAL;
}

static int hex(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int weir_cfg_mac(const char *s, uint8_t mac[6], struct weir_cfg_error *e)
{
    bool ok = strlen(s) == 17;

    for (int i = 0; ok && i < 6; i++) {
        int hi = hex(s[i * 3]), lo = hex(s[i * 3 + 1]);

        ok = hi >= 0 && lo >= 0 && (i == 5 || s[i * 3 + 2] == ':');
        if (ok)
            mac[i] = (uint8_t)(hi << 4 | lo);
    }
    if (!ok) {
        snprintf(e->text, sizeof(e->text),
                 "bad MAC address \"%.40s\": write six hexadecimal bytes like "
                 "00:16:3e:01:02:03",
                 s);
        return -EINVAL;
    }
    if (mac[0] & 1) {
        snprintf(e->text, sizeof(e->text),
                 "bad MAC address \"%s\": it is a group address; use an even "
                 "first byte",
                 s);
        return -EINVAL;
    }
    if (!memcmp(mac, "\0\0\0\0\0", 6)) {
        snprintf(e->text, sizeof(e->text),
                 "bad MAC address \"%s\": all zero; leave mac= out to get one",
                 s);
        return -EINVAL;
    }
    return 0;
}

void weir_cfg_mac_generate(const char *name, uint32_t index, uint32_t attempt,
                           uint8_t mac[6])
{
    uint32_t h = 2166136261u; /* FNV-1a: stable over versions and machines */

    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 16777619u;
    h = (h ^ (index & 0xff)) * 16777619u;
    h = (h ^ (attempt & 0xff)) * 16777619u;
    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    mac[0] = 0x00;
    mac[1] = 0x16;
    mac[2] = 0x3e;
    mac[3] = (uint8_t)(h >> 16 & 0x7f);
    mac[4] = (uint8_t)(h >> 8);
    mac[5] = (uint8_t)h;
}

/* Something a single station can have. */
static bool host4(const uint8_t a[4])
{
    return a[0] != 0 && a[0] != 127 && a[0] < 224;
}

static bool host6(const uint8_t a[16])
{
    static const uint8_t zero[15] = {0};

    return a[0] != 0xff && (memcmp(a, zero, 15) || a[15] > 1);
}

static int one_ip(const char *s, size_t n, struct weir_cfg_ips *out)
{
    char addr[INET6_ADDRSTRLEN + 8], *slash;
    uint8_t a[16];
    uint64_t bits;
    bool v4;

    if (n >= sizeof(addr))
        return -EINVAL;
    memcpy(addr, s, n);
    addr[n] = '\0';
    slash = strchr(addr, '/');
    if (slash)
        *slash++ = '\0';
    v4 = inet_pton(AF_INET, addr, a) == 1;
    if (v4 ? !host4(a) : inet_pton(AF_INET6, addr, a) != 1 || !host6(a))
        return -EINVAL;
    if (slash && weir_cfg_u64(slash, 0, v4 ? 32 : 128, &bits))
        return -EINVAL;
    if (out->n4 + out->n6 == WEIR_CFG_IPS)
        return -E2BIG;
    if (v4)
        memcpy(out->ip4[out->n4++], a, 4);
    else
        memcpy(out->ip6[out->n6++], a, 16);
    return 0;
}

int weir_cfg_ips(const char *s, struct weir_cfg_ips *out)
{
    int rc = 0;

    memset(out, 0, sizeof(*out));
    while (rc == 0 && *(s += strspn(s, " \t"))) {
        size_t n = strcspn(s, " \t");

        rc = one_ip(s, n, out);
        s += n;
    }
    return rc == 0 && out->n4 + out->n6 == 0 ? -EINVAL : rc;
}

/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/options.h"

#include <stddef.h>
#include <string.h>

const char web_options_usage[] =
    "--ip A.B.C.D/LEN [--gw A.B.C.D] [--port N] [--mtu N] [--writable]\n"
    "    [--vbd INDEX] [--vif INDEX]";

/* Decimal digits up to max; the end of them, or NULL. */
static const char *digits(const char *s, uint32_t max, uint32_t *out)
{
    uint32_t v = 0;

    if (*s < '0' || *s > '9')
        return NULL;
    for (; *s >= '0' && *s <= '9'; s++) {
        v = v * 10 + (uint32_t)(*s - '0');
        if (v > max)
            return NULL;
    }
    *out = v;
    return s;
}

static const char *address(const char *s, uint32_t *out)
{
    uint8_t bytes[4];
    uint32_t v;

    for (int i = 0; i < 4; i++) {
        if (i && *s++ != '.')
            return NULL;
        s = digits(s, 255, &v);
        if (!s)
            return NULL;
        bytes[i] = (uint8_t)v;
    }
    memcpy(out, bytes, 4);
    return s;
}

static const char *set_ip(struct web_options *o, const char *v)
{
    uint32_t len;
    uint8_t mask[4] = {0};

    v = address(v, &o->ip);
    if (!v || *v != '/' || !(v = digits(v + 1, 32, &len)) || *v)
        return "is not A.B.C.D/LEN";
    for (uint32_t i = 0; i < len; i++)
        mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
    memcpy(&o->mask, mask, 4);
    return NULL;
}

static const char *set_gateway(struct web_options *o, const char *v)
{
    v = address(v, &o->gateway);
    return v && !*v ? NULL : "is not A.B.C.D";
}

static const char *set_port(struct web_options *o, const char *v)
{
    uint32_t n;

    v = digits(v, 65535, &n);
    if (!v || *v || n == 0)
        return "is not a port number";
    o->port = (uint16_t)n;
    return NULL;
}

static const char *set_mtu(struct web_options *o, const char *v)
{
    uint32_t n;

    v = digits(v, 65521, &n);
    if (!v || *v || n < 576)
        return "is not between 576 and 65521";
    o->mtu = (uint16_t)n;
    return NULL;
}

static const char *set_index(unsigned *out, const char *v)
{
    uint32_t n;

    v = digits(v, 15, &n);
    if (!v || *v)
        return "is not between 0 and 15";
    *out = n;
    return NULL;
}

static const char *set(struct web_options *o, const char *name,
                       const char *value)
{
    if (strcmp(name, "--ip") == 0)
        return set_ip(o, value);
    if (strcmp(name, "--gw") == 0)
        return set_gateway(o, value);
    if (strcmp(name, "--port") == 0)
        return set_port(o, value);
    if (strcmp(name, "--mtu") == 0)
        return set_mtu(o, value);
    if (strcmp(name, "--vbd") == 0)
        return set_index(&o->vbd, value);
    if (strcmp(name, "--vif") == 0)
        return set_index(&o->vif, value);
    if (strcmp(name, "--image") == 0)
        o->image = value;
    else if (strcmp(name, "--tap") == 0)
        o->tap = value;
    else
        return "is not known";
    return NULL;
}

const char *web_options_parse(struct web_options *o, int argc,
                              const char *const *argv, const char **which)
{
    *o = (struct web_options){.port = 80};
    for (int i = 1; i < argc; i++) {
        const char *error;

        *which = argv[i];
        if (strcmp(argv[i], "--writable") == 0) {
            o->writable = true;
            continue;
        }
        if (i + 1 == argc)
            return "needs a value, or is not known";
        error = set(o, argv[i], argv[i + 1]);
        if (error)
            return error;
        i++;
    }
    *which = "--ip";
    return o->ip ? NULL : "is missing";
}

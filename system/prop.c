/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The basic property types.  Called by device.c; main thread, under the big lock. */
#include "util/osdep.h"
#include "system/prop.h"

#include "system/device.h"
#include "util/keyval.h"

static void *prop_field(Device *d, const Prop *p)
{
    return (char *)d + p->offset;
}

/* Registers of a running device are not changed behind its back. */
static bool prop_may_set(Device *d, const Prop *p, Error **errp)
{
    if (d->realized) {
        error_set(errp, "property '%s' of device '%s' cannot be changed once the device is in use", p->name,
                  d->cls->name);
        return false;
    }
    return true;
}

static char *prop_label(Device *d, const Prop *p)
{
    return g_strdup_printf("property '%s.%s'", d->cls->name, p->name);
}

static bool prop_parse_uint(Device *d, const Prop *p, const char *text, uint64_t type_max, uint64_t *out, Error **errp)
{
    bool whole = p->min == 0 && p->max == 0;
    char *label = prop_label(d, p);
    bool ok = prop_may_set(d, p, errp) &&
              parse_uint(label, text, whole ? 0 : p->min, whole ? type_max : MIN(p->max, type_max), out, errp);
    g_free(label);
    return ok;
}

/* Numbers. */

static bool prop_u8_set(Device *d, const Prop *p, const char *text, Error **errp)
{
    uint64_t v;
    if (!prop_parse_uint(d, p, text, UINT8_MAX, &v, errp)) {
        return false;
    }
    *(uint8_t *)prop_field(d, p) = (uint8_t)v;
    return true;
}

static char *prop_u8_get(Device *d, const Prop *p)
{
    return g_strdup_printf("%u", *(uint8_t *)prop_field(d, p));
}

static bool prop_u16_set(Device *d, const Prop *p, const char *text, Error **errp)
{
    uint64_t v;
    if (!prop_parse_uint(d, p, text, UINT16_MAX, &v, errp)) {
        return false;
    }
    *(uint16_t *)prop_field(d, p) = (uint16_t)v;
    return true;
}

static char *prop_u16_get(Device *d, const Prop *p)
{
    return g_strdup_printf("%u", *(uint16_t *)prop_field(d, p));
}

static bool prop_u32_set(Device *d, const Prop *p, const char *text, Error **errp)
{
    uint64_t v;
    if (!prop_parse_uint(d, p, text, UINT32_MAX, &v, errp)) {
        return false;
    }
    *(uint32_t *)prop_field(d, p) = (uint32_t)v;
    return true;
}

static char *prop_u32_get(Device *d, const Prop *p)
{
    return g_strdup_printf("%" PRIu32, *(uint32_t *)prop_field(d, p));
}

static bool prop_u64_set(Device *d, const Prop *p, const char *text, Error **errp)
{
    uint64_t v;
    if (!prop_parse_uint(d, p, text, UINT64_MAX, &v, errp)) {
        return false;
    }
    *(uint64_t *)prop_field(d, p) = v;
    return true;
}

static char *prop_u64_get(Device *d, const Prop *p)
{
    return g_strdup_printf("%" PRIu64, *(uint64_t *)prop_field(d, p));
}

static bool prop_i32_set(Device *d, const Prop *p, const char *text, Error **errp)
{
    if (!prop_may_set(d, p, errp)) {
        return false;
    }
    int64_t min = p->min == 0 && p->max == 0 ? INT32_MIN : (int64_t)p->min;
    int64_t max = p->min == 0 && p->max == 0 ? INT32_MAX : (int64_t)p->max;
    char *end;
    errno = 0;
    int64_t v = g_ascii_strtoll(text, &end, 0);
    if (end == text || *end || errno || v < min || v > max) {
        error_set(errp, "property '%s.%s' must be a number from %" PRId64 " to %" PRId64 ", not '%s'", d->cls->name,
                  p->name, min, max, text);
        return false;
    }
    *(int32_t *)prop_field(d, p) = (int32_t)v;
    return true;
}

static char *prop_i32_get(Device *d, const Prop *p)
{
    return g_strdup_printf("%" PRId32, *(int32_t *)prop_field(d, p));
}

static bool prop_size_set(Device *d, const Prop *p, const char *text, Error **errp)
{
    char *label = prop_label(d, p);
    uint64_t v;
    bool ok = prop_may_set(d, p, errp) && parse_size(label, text, 1, &v, errp);
    g_free(label);
    if (!ok) {
        return false;
    }
    if ((p->min || p->max) && (v < p->min || v > p->max)) {
        error_set(errp, "property '%s.%s' is %s, but must be from %" PRIu64 " to %" PRIu64 " bytes", d->cls->name,
                  p->name, text, p->min, p->max);
        return false;
    }
    *(uint64_t *)prop_field(d, p) = v;
    return true;
}

/* Booleans, bits, choices. */

static bool prop_parse_bool(Device *d, const Prop *p, const char *text, bool *out, Error **errp)
{
    char *label = prop_label(d, p);
    bool ok = prop_may_set(d, p, errp) && parse_bool(label, text, out, errp);
    g_free(label);
    return ok;
}

static bool prop_bool_set(Device *d, const Prop *p, const char *text, Error **errp)
{
    return prop_parse_bool(d, p, text, prop_field(d, p), errp);
}

static char *prop_bool_get(Device *d, const Prop *p)
{
    return g_strdup(*(bool *)prop_field(d, p) ? "on" : "off");
}

static bool prop_bit_set(Device *d, const Prop *p, const char *text, Error **errp)
{
    bool on;
    if (!prop_parse_bool(d, p, text, &on, errp)) {
        return false;
    }
    uint32_t *field = prop_field(d, p), bit = (uint32_t)1 << p->bit;
    *field = on ? *field | bit : *field & ~bit;
    return true;
}

static char *prop_bit_get(Device *d, const Prop *p)
{
    return g_strdup(*(uint32_t *)prop_field(d, p) >> p->bit & 1 ? "on" : "off");
}

static bool prop_enum_set(Device *d, const Prop *p, const char *text, Error **errp)
{
    if (!prop_may_set(d, p, errp)) {
        return false;
    }
    for (int i = 0; p->names[i]; i++) {
        if (!strcmp(p->names[i], text)) {
            *(int *)prop_field(d, p) = i;
            return true;
        }
    }
    char *list = g_strjoinv(", ", (char **)p->names);
    error_set(errp, "property '%s.%s' must be one of %s, not '%s'", d->cls->name, p->name, list, text);
    g_free(list);
    return false;
}

static char *prop_enum_get(Device *d, const Prop *p)
{
    int v = *(int *)prop_field(d, p);
    for (int i = 0; p->names[i]; i++) {
        if (i == v) {
            return g_strdup(p->names[i]);
        }
    }
    return NULL;
}

/* Text. */

static bool prop_string_set(Device *d, const Prop *p, const char *text, Error **errp)
{
    if (!prop_may_set(d, p, errp)) {
        return false;
    }
    char **field = prop_field(d, p);
    g_free(*field);
    *field = g_strdup(text);
    return true;
}

static char *prop_string_get(Device *d, const Prop *p)
{
    return g_strdup(*(char **)prop_field(d, p));
}

static void prop_string_release(Device *d, const Prop *p)
{
    char **field = prop_field(d, p);
    g_free(*field);
    *field = NULL;
}

/* "52:54:00:12:34:56", or with dashes. */
static bool prop_macaddr_set(Device *d, const Prop *p, const char *text, Error **errp)
{
    if (!prop_may_set(d, p, errp)) {
        return false;
    }
    uint8_t mac[6];
    bool ok = strlen(text) == 17;
    for (int i = 0; ok && i < 6; i++) {
        int hi = g_ascii_xdigit_value(text[3 * i]), lo = g_ascii_xdigit_value(text[3 * i + 1]);
        char end = text[3 * i + 2];
        ok = hi >= 0 && lo >= 0 && (i == 5 ? end == '\0' : end == ':' || end == '-');
        mac[i] = (uint8_t)(hi << 4 | lo);
    }
    if (!ok) {
        error_set(errp, "property '%s.%s' must be an address such as 52:54:00:12:34:56, not '%s'", d->cls->name,
                  p->name, text);
        return false;
    }
    memcpy(prop_field(d, p), mac, sizeof(mac));
    return true;
}

static char *prop_macaddr_get(Device *d, const Prop *p)
{
    const uint8_t *m = prop_field(d, p);
    return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

const PropType prop_bool = { "bool", prop_bool_set, prop_bool_get, NULL };
const PropType prop_bit = { "bool", prop_bit_set, prop_bit_get, NULL };
const PropType prop_u8 = { "uint8", prop_u8_set, prop_u8_get, NULL };
const PropType prop_u16 = { "uint16", prop_u16_set, prop_u16_get, NULL };
const PropType prop_u32 = { "uint32", prop_u32_set, prop_u32_get, NULL };
const PropType prop_u64 = { "uint64", prop_u64_set, prop_u64_get, NULL };
const PropType prop_i32 = { "int32", prop_i32_set, prop_i32_get, NULL };
const PropType prop_size = { "size", prop_size_set, prop_u64_get, NULL };
const PropType prop_enum = { "enum", prop_enum_set, prop_enum_get, NULL };
const PropType prop_string = { "str", prop_string_set, prop_string_get, prop_string_release };
const PropType prop_macaddr = { "mac", prop_macaddr_set, prop_macaddr_get, NULL };

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State of a device and everything below it as records: path, table name, version, length, then what the state
 * table writes.  A record that is short, foreign or in the wrong place is an error with its path.  Big lock.
 */
#include "util/osdep.h"
#include "system/device.h"

#include "util/bytes.h"

static void devstate_put_be32(GByteArray *out, uint32_t v)
{
    uint8_t be[4];
    st_be32(be, v);
    g_byte_array_append(out, be, sizeof(be));
}

static void devstate_put_text(GByteArray *out, const char *text)
{
    devstate_put_be32(out, (uint32_t)strlen(text));
    g_byte_array_append(out, (const uint8_t *)text, (guint)strlen(text));
}

static void devstate_save_one(Device *d, GByteArray *out)
{
    const VMState *s = d->cls->state;
    char *path = device_path(d);
    devstate_put_text(out, path);
    devstate_put_text(out, s->name);
    devstate_put_be32(out, (uint32_t)s->version);
    guint length_at = out->len;
    devstate_put_be32(out, 0);
    vmstate_save(s, d, out);
    st_be32(out->data + length_at, out->len - length_at - 4);
    g_free(path);
}

void device_save(Device *d, GByteArray *out)
{
    if (d->cls->state) {
        devstate_save_one(d, out);
    }
    for (unsigned i = 0; i < d->child_buses->len; i++) {
        Bus *bus = d->child_buses->pdata[i];
        for (unsigned j = 0; j < bus->devices->len; j++) {
            device_save(bus->devices->pdata[j], out);
        }
    }
}

static bool devstate_take(const uint8_t **data, size_t *len, size_t n, const uint8_t **out)
{
    if (n > *len) {
        return false;
    }
    *out = *data;
    *data += n;
    *len -= n;
    return true;
}

static bool devstate_take_be32(const uint8_t **data, size_t *len, uint32_t *v)
{
    const uint8_t *p;
    if (!devstate_take(data, len, 4, &p)) {
        return false;
    }
    *v = ld_be32(p);
    return true;
}

/* The next text must be @want; *got (newly allocated, NULL: the data ended) is for the message. */
static bool devstate_expect_text(const uint8_t **data, size_t *len, const char *want, char **got)
{
    uint32_t n;
    const uint8_t *p;
    *got = NULL;
    if (!devstate_take_be32(data, len, &n) || !devstate_take(data, len, n, &p)) {
        return false;
    }
    *got = g_utf8_make_valid((const char *)p, (gssize)MIN(n, 256));
    return n == strlen(want) && !memcmp(p, want, n);
}

static bool devstate_check_header(const char *path, const VMState *s, const uint8_t **data, size_t *len,
                                  uint32_t *length, Error **errp)
{
    char *got;
    uint32_t version;
    bool ok = devstate_expect_text(data, len, path, &got);
    if (ok) {
        g_free(got);
        ok = devstate_expect_text(data, len, s->name, &got);
    }
    if (!ok) {
        if (got) {
            error_set(errp, "state of device '%s' expected, but '%s' found", path, got);
            error_add_hint(errp, "The state was saved from a machine that was put together differently.");
        } else {
            error_set(errp, "the state ends before device '%s'", path);
        }
        g_free(got);
        return false;
    }
    g_free(got);
    if (!devstate_take_be32(data, len, &version) || !devstate_take_be32(data, len, length) || *length > *len) {
        error_set(errp, "the state ends inside device '%s'", path);
        return false;
    }
    return true; /* the version stands in the table's own data as well and is checked there */
}

static bool devstate_load_one(Device *d, const uint8_t **data, size_t *len, Error **errp)
{
    const VMState *s = d->cls->state;
    char *path = device_path(d);
    uint32_t length;
    bool ok = devstate_check_header(path, s, data, len, &length, errp);
    if (ok) {
        const uint8_t *p = *data;
        size_t left = length;
        ok = vmstate_load(s, d, &p, &left, errp);
        if (!ok) {
            error_prepend(errp, "device '%s': ", path);
        } else if (left) {
            error_set(errp, "state of device '%s' has %zu bytes more than it should", path, left);
            ok = false;
        }
        *data += length;
        *len -= length;
    }
    g_free(path);
    return ok;
}

bool device_load(Device *d, const uint8_t **data, size_t *len, Error **errp)
{
    if (d->cls->state && !devstate_load_one(d, data, len, errp)) {
        return false;
    }
    for (unsigned i = 0; i < d->child_buses->len; i++) {
        Bus *bus = d->child_buses->pdata[i];
        for (unsigned j = 0; j < bus->devices->len; j++) {
            if (!device_load(bus->devices->pdata[j], data, len, errp)) {
                return false;
            }
        }
    }
    return true;
}

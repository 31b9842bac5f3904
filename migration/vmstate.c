/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State tables written and read: a version, then the fields in order, numbers big-endian.  A sub-table is the same
 * again.  Under the big lock.  What is read is not trusted: lengths are checked here, values by the post_load of the
 * table they belong to.
 */
#include "util/osdep.h"
#include "migration/vmstate.h"

#include "util/bytes.h"

static void vmstate_put(GByteArray *out, uint64_t v, unsigned size)
{
    uint8_t be[8];
    st_be64(be, v);
    g_byte_array_append(out, be + 8 - size, size);
}

static uint64_t vmstate_field_get(const void *p, uint32_t size)
{
    switch (size) {
    case 1: return *(const uint8_t *)p;
    case 2: return *(const uint16_t *)p;
    case 4: return *(const uint32_t *)p;
    case 8: return *(const uint64_t *)p;
    default: g_error("state field of %u bytes", size); /* a wrong table, found by the first save */
    }
}

static void vmstate_field_set(void *p, uint64_t v, uint32_t size)
{
    switch (size) {
    case 1: *(uint8_t *)p = (uint8_t)v; break;
    case 2: *(uint16_t *)p = (uint16_t)v; break;
    case 4: *(uint32_t *)p = (uint32_t)v; break;
    case 8: *(uint64_t *)p = v; break;
    default: g_error("state field of %u bytes", size);
    }
}

static void vmstate_save_element(const VMStateField *f, uint8_t *p, GByteArray *out)
{
    switch (f->kind) {
    case VMS_K_UINT:
    case VMS_K_BOOL:
        vmstate_put(out, vmstate_field_get(p, f->size), f->size);
        break;
    case VMS_K_BUFFER:
        g_byte_array_append(out, p, f->size);
        break;
    case VMS_K_STRUCT:
        vmstate_save(f->sub, p, out);
        break;
    case VMS_K_TIMER: {
        const Timer *t = (const Timer *)p;
        vmstate_put(out, (uint64_t)(timer_pending(t) ? t->expires : -1), 8);
        break;
    }
    }
}

void vmstate_save(const VMState *s, void *opaque, GByteArray *out)
{
    if (s->pre_save) {
        s->pre_save(opaque);
    }
    vmstate_put(out, (uint32_t)s->version, 4);
    for (const VMStateField *f = s->fields; f->name; f++) {
        for (uint32_t i = 0; i < f->count; i++) {
            vmstate_save_element(f, (uint8_t *)opaque + f->offset + (size_t)i * f->size, out);
        }
    }
}

/* Loading. */

typedef struct VMStateReader {
    const uint8_t *data;
    size_t len;
    GArray *timers; /* VMStateTimer: armed when every post_load has agreed */
} VMStateReader;

typedef struct VMStateTimer {
    Timer *timer;
    int64_t expires;
} VMStateTimer;

static const uint8_t *vmstate_take(VMStateReader *rd, size_t n)
{
    if (n > rd->len) {
        return NULL;
    }
    const uint8_t *p = rd->data;
    rd->data += n;
    rd->len -= n;
    return p;
}

static uint64_t vmstate_number(const uint8_t *p, uint32_t size)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < size; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

static bool vmstate_load_timer(VMStateReader *rd, Timer *t, const uint8_t *p, const char *table,
                               const VMStateField *f, Error **errp)
{
    VMStateTimer e = { .timer = t, .expires = (int64_t)ld_be64(p) };
    if (e.expires < -1 || (e.expires >= 0 && !t->fn)) {
        error_set(errp, "state of '%s': timer '%s' has the impossible expiry %" PRId64, table, f->name, e.expires);
        return false;
    }
    g_array_append_val(rd->timers, e);
    return true;
}

static bool vmstate_load_table(const VMState *s, void *opaque, VMStateReader *rd, Error **errp);

static bool vmstate_load_element(const VMState *s, const VMStateField *f, uint8_t *p, VMStateReader *rd, Error **errp)
{
    if (f->kind == VMS_K_STRUCT) {
        if (!vmstate_load_table(f->sub, p, rd, errp)) {
            error_prepend(errp, "state of '%s', field '%s': ", s->name, f->name);
            return false;
        }
        return true;
    }
    uint32_t size = f->kind == VMS_K_TIMER ? 8 : f->size;
    const uint8_t *src = vmstate_take(rd, size);
    if (!src) {
        error_set(errp, "state of '%s' ends inside field '%s': it needs %u bytes and %zu are left", s->name, f->name,
                  size, rd->len);
        return false;
    }
    if (f->kind == VMS_K_TIMER) {
        return vmstate_load_timer(rd, (Timer *)p, src, s->name, f, errp);
    }
    if (f->kind == VMS_K_BUFFER) {
        memcpy(p, src, size);
        return true;
    }
    uint64_t v = vmstate_number(src, size);
    if (f->kind == VMS_K_BOOL && v > 1) {
        error_set(errp, "state of '%s': field '%s' is %" PRIu64 ", but must be 0 or 1", s->name, f->name, v);
        return false;
    }
    vmstate_field_set(p, v, size);
    return true;
}

static bool vmstate_load_version(const VMState *s, VMStateReader *rd, int *version, Error **errp)
{
    int oldest = s->min_version ? s->min_version : s->version;
    const uint8_t *p = vmstate_take(rd, 4);
    if (!p) {
        error_set(errp, "state of '%s' ends before its version", s->name);
        return false;
    }
    uint32_t v = ld_be32(p);
    if (v > (uint32_t)s->version || v < (uint32_t)oldest) {
        error_set(errp, "state of '%s' has version %" PRIu32 ", but this program loads %d to %d", s->name, v, oldest,
                  s->version);
        return false;
    }
    *version = (int)v;
    return true;
}

static bool vmstate_load_table(const VMState *s, void *opaque, VMStateReader *rd, Error **errp)
{
    int version;
    if (!vmstate_load_version(s, rd, &version, errp)) {
        return false;
    }
    for (const VMStateField *f = s->fields; f->name; f++) {
        for (uint32_t i = 0; i < f->count; i++) {
            uint8_t *p = (uint8_t *)opaque + f->offset + (size_t)i * f->size;
            if (!vmstate_load_element(s, f, p, rd, errp)) {
                return false;
            }
        }
    }
    if (s->post_load && !s->post_load(opaque, version, errp)) {
        error_prepend(errp, "state of '%s' refused: ", s->name);
        return false;
    }
    return true;
}

bool vmstate_load(const VMState *s, void *opaque, const uint8_t **data, size_t *len, Error **errp)
{
    VMStateReader rd = { .data = *data, .len = *len };
    Error *err = NULL;
    rd.timers = g_array_new(FALSE, FALSE, sizeof(VMStateTimer));
    bool ok = vmstate_load_table(s, opaque, &rd, &err);
    for (guint i = 0; ok && i < rd.timers->len; i++) {
        VMStateTimer e = g_array_index(rd.timers, VMStateTimer, i);
        if (e.expires >= 0) {
            timer_mod(e.timer, e.expires);
        } else {
            timer_del(e.timer);
        }
    }
    g_array_unref(rd.timers);
    error_propagate(errp, err);
    *data = rd.data;
    *len = rd.len;
    return ok;
}

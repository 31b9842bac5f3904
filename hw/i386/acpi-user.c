/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -acpitable: tables of the user's own.  Start-up, main thread. */
#include "util/osdep.h"
#include "hw/i386/acpi.h"
#include "hw/acpi/aml.h"
#include "util/bytes.h"
#include "util/keyval.h"

enum { HEADER = 36 };
#define ACPI_USER_MAX (1 * MiB)

/* Puts text into a header field, padded with @pad. */
static bool acpi_user_text(KeyVal *kv, const char *key, uint8_t *at, size_t len, char pad, Error **errp)
{
    const char *v = keyval_get(kv, key);
    if (v && strlen(v) > len) {
        error_set(errp, "-acpitable %s=%s has more than %zu characters", key, v, len);
        return false;
    }
    if (v) {
        memset(at, pad, len);
        memcpy(at, v, strlen(v));
    }
    return true;
}

static bool acpi_user_header(KeyVal *kv, uint8_t *h, Error **errp)
{
    uint64_t rev = h[8], oem_rev = ld_le32(h + 24), asl_rev = ld_le32(h + 32);
    if (!acpi_user_text(kv, "sig", h, 4, ' ', errp) || !acpi_user_text(kv, "oem_id", h + 10, 6, ' ', errp) ||
        !acpi_user_text(kv, "oem_table_id", h + 16, 8, ' ', errp) ||
        !acpi_user_text(kv, "asl_compiler_id", h + 28, 4, ' ', errp) ||
        !keyval_get_uint(kv, "rev", 0, 255, &rev, errp) ||
        !keyval_get_uint(kv, "oem_rev", 0, UINT32_MAX, &oem_rev, errp) ||
        !keyval_get_uint(kv, "asl_compiler_rev", 0, UINT32_MAX, &asl_rev, errp)) {
        return false;
    }
    h[8] = (uint8_t)rev;
    st_le32(h + 24, (uint32_t)oem_rev);
    st_le32(h + 32, (uint32_t)asl_rev);
    return true;
}

/* FILE or FILE:FILE...: one after the other. */
static GBytes *acpi_user_read(const char *files, Error **errp)
{
    char **names = g_strsplit(files, ":", -1);
    GByteArray *all = g_byte_array_new();
    bool ok = true;
    for (char **name = names; ok && *name; name++) {
        GBytes *one = datafile_load(*name, ACPI_USER_MAX, errp);
        ok = one != NULL;
        if (ok) {
            gsize len;
            const uint8_t *p = g_bytes_get_data(one, &len);
            g_byte_array_append(all, p, (guint)len);
            g_bytes_unref(one);
        }
    }
    g_strfreev(names);
    if (!ok) {
        g_byte_array_unref(all);
        error_prepend(errp, "-acpitable: ");
        return NULL;
    }
    return g_byte_array_free_to_bytes(all);
}

static bool acpi_user_build(GByteArray *out, KeyVal *kv, Error **errp)
{
    static const char *const known[] = { "sig", "rev", "oem_id", "oem_table_id", "oem_rev", "asl_compiler_id",
                                         "asl_compiler_rev", "file", "data", NULL };
    const char *file = keyval_get(kv, "file"), *data = keyval_get(kv, "data");
    if (!file == !data) {
        error_set(errp, "-acpitable wants either file=FILE (a table with its header) or data=FILE (without one)");
        return false;
    }
    GBytes *bytes = acpi_user_read(file ? file : data, errp);
    if (!bytes) {
        return false;
    }
    gsize len;
    const uint8_t *p = g_bytes_get_data(bytes, &len);
    guint start = out->len;
    bool ok = true;
    if (!file) {
        acpi_table_begin(out, "RHEA", 1);
    } else if (len < HEADER || ld_le32(p + 4) != len) {
        error_set(errp, "-acpitable file=%s is not one ACPI table: it has %zu bytes, its header says %u", file, len,
                  len < HEADER ? 0 : ld_le32(p + 4));
        ok = false;
    }
    if (ok) {
        g_byte_array_append(out, p, (guint)len);
        ok = acpi_user_header(kv, out->data + start, errp) && keyval_finish(kv, "-acpitable", known, errp);
    }
    if (ok) {
        acpi_table_end(out, start);
    } else {
        g_byte_array_set_size(out, start);
    }
    g_bytes_unref(bytes);
    return ok;
}

bool acpi_add_user_table(GByteArray *out, const char *arg, Error **errp)
{
    KeyVal *kv = keyval_parse(arg, NULL, errp);
    if (!kv) {
        return false;
    }
    bool ok = acpi_user_build(out, kv, errp);
    keyval_free(kv);
    return ok;
}

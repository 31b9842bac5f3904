/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS 2.8 (DMTF DSP0134): types 0, 1, 2 and 3 (0 and 2 only when -smbios asks), 4, 16, 17, 19, 32, 127, and
 * structures from files.  Firmware copies them to memory and fills in the anchor's address and checksums.
 * Start-up, main thread.
 */
#include "util/osdep.h"
#include "hw/i386/smbios.h"
#include "util/bytes.h"
#include "util/keyval.h"

enum { SMBIOS_ANCHOR_SIZE = 31, SMBIOS_TYPES = 128, SMBIOS_MAX_KEYS = 12 };
#define SMBIOS_FILE_MAX (64 * KiB)
#define SMBIOS_TABLES_MAX 0xffffu /* the anchor's length field */
#define SMBIOS_DIMM_MAX (16 * GiB)

/* What -smbios type=N,key=value may set, by type. */
static const char *const smbios_keys[][SMBIOS_MAX_KEYS] = {
    [0] = { "type", "vendor", "version", "date", "release", "uefi", NULL },
    [1] = { "type", "manufacturer", "product", "version", "serial", "uuid", "sku", "family", NULL },
    [2] = { "type", "manufacturer", "product", "version", "serial", "asset", "location", NULL },
    [3] = { "type", "manufacturer", "version", "serial", "asset", "sku", NULL },
    [4] = { "type", "sock_pfx", "manufacturer", "version", "serial", "asset", "part", "max-speed", "current-speed", NULL },
    [5 ... 16] = { NULL },
    [17] = { "type", "loc_pfx", "bank", "manufacturer", "serial", "asset", "part", "speed", NULL },
};

typedef struct Smbios {
    PcBoard *b;
    KeyVal *given[SMBIOS_TYPES]; /* of -smbios type=N */
    bool replaced[SMBIOS_TYPES]; /* a file brought one */
    GByteArray *out, *files;
    uint16_t count, largest;
    GPtrArray *strings; /* of the structure being written; const char * */
    guint start;
} Smbios;

/* ---- one structure ---- */

static void smbios_u8(Smbios *s, uint8_t v)
{
    g_byte_array_append(s->out, &v, 1);
}

static void smbios_le(Smbios *s, uint64_t v, unsigned size)
{
    uint8_t buf[8];
    st_le64(buf, v);
    g_byte_array_append(s->out, buf, size);
}

static void smbios_begin(Smbios *s, uint8_t type, uint16_t handle)
{
    s->start = s->out->len;
    g_ptr_array_set_size(s->strings, 0);
    smbios_u8(s, type);
    smbios_u8(s, 0); /* length: smbios_end() */
    smbios_le(s, handle, 2);
}

/* A string field: its number, 0 for none. */
static void smbios_str(Smbios *s, const char *text)
{
    if (text && *text) {
        g_ptr_array_add(s->strings, (gpointer)text);
    }
    smbios_u8(s, text && *text ? (uint8_t)s->strings->len : 0);
}

/* The value of -smbios type=T,@key, else @def. */
static const char *smbios_given(Smbios *s, unsigned type, const char *key, const char *def)
{
    const char *v = s->given[type] ? keyval_get(s->given[type], key) : NULL;
    return v ? v : def;
}

static void smbios_field(Smbios *s, unsigned type, const char *key, const char *def)
{
    smbios_str(s, smbios_given(s, type, key, def));
}

static void smbios_end(Smbios *s)
{
    s->out->data[s->start + 1] = (uint8_t)(s->out->len - s->start);
    for (guint i = 0; i < s->strings->len; i++) {
        const char *text = s->strings->pdata[i];
        g_byte_array_append(s->out, (const uint8_t *)text, (guint)strlen(text) + 1);
    }
    smbios_le(s, 0, s->strings->len ? 1 : 2);
    s->count++;
    s->largest = MAX(s->largest, (uint16_t)(s->out->len - s->start));
}

/* ---- the types ---- */

static bool smbios_type0(Smbios *s, Error **errp)
{
    unsigned major = 0, minor = 0;
    bool uefi = false;
    const char *release = smbios_given(s, 0, "release", "0.0");
    if (sscanf(release, "%u.%u", &major, &minor) != 2 || major > 255 || minor > 255) {
        error_set(errp, "-smbios type=0,release=%s is not MAJOR.MINOR with numbers up to 255", release);
        return false;
    }
    if (s->given[0] && !keyval_get_bool(s->given[0], "uefi", &uefi, errp)) {
        return false;
    }
    smbios_begin(s, 0, 0x0000);
    smbios_field(s, 0, "vendor", NULL);
    smbios_field(s, 0, "version", NULL);
    smbios_le(s, 0xe800, 2); /* starting segment */
    smbios_field(s, 0, "date", NULL);
    smbios_u8(s, 0);
    smbios_le(s, 0x08, 8); /* characteristics: not supported */
    smbios_u8(s, 0);
    smbios_u8(s, (uint8_t)(0x14 | (uefi ? 0x08 : 0))); /* targeted content distribution, virtual machine */
    smbios_u8(s, (uint8_t)major);
    smbios_u8(s, (uint8_t)minor);
    smbios_le(s, 0xffff, 2); /* no embedded controller */
    smbios_end(s);
    return true;
}

/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" to bytes in that order. */
static bool smbios_parse_uuid(const char *text, uint8_t *uuid, Error **errp)
{
    unsigned n = 0;
    for (const char *p = text; n < 32 && *p; p++) {
        if (*p == '-') {
            continue;
        }
        if (!g_ascii_isxdigit(*p)) {
            break;
        }
        uint8_t digit = (uint8_t)g_ascii_xdigit_value(*p);
        uuid[n / 2] = (uint8_t)(n & 1 ? uuid[n / 2] | digit : digit << 4);
        n++;
    }
    if (n != 32 || strlen(text) != 36) {
        error_set(errp, "-smbios type=1,uuid=%s is not of the form 12345678-1234-1234-1234-123456789abc", text);
        return false;
    }
    return true;
}

static bool smbios_type1(Smbios *s, Error **errp)
{
    uint8_t uuid[16];
    memcpy(uuid, s->b->m->cfg.uuid, sizeof(uuid));
    const char *text = smbios_given(s, 1, "uuid", NULL);
    if (text && !smbios_parse_uuid(text, uuid, errp)) {
        return false;
    }
    smbios_begin(s, 1, 0x0100);
    smbios_field(s, 1, "manufacturer", "Rhea");
    smbios_field(s, 1, "product", "Standard PC (i440FX + PIIX, 1996)");
    smbios_field(s, 1, "version", s->b->m->cls->name);
    smbios_field(s, 1, "serial", NULL);
    /* The first three fields are little-endian numbers. */
    smbios_le(s, ld_be32(uuid), 4);
    smbios_le(s, ld_be16(uuid + 4), 2);
    smbios_le(s, ld_be16(uuid + 6), 2);
    g_byte_array_append(s->out, uuid + 8, 8);
    smbios_u8(s, 0x06); /* wake-up: power switch */
    smbios_field(s, 1, "sku", NULL);
    smbios_field(s, 1, "family", NULL);
    smbios_end(s);
    return true;
}

static void smbios_type2(Smbios *s)
{
    smbios_begin(s, 2, 0x0200);
    smbios_field(s, 2, "manufacturer", NULL);
    smbios_field(s, 2, "product", NULL);
    smbios_field(s, 2, "version", NULL);
    smbios_field(s, 2, "serial", NULL);
    smbios_field(s, 2, "asset", NULL);
    smbios_u8(s, 0x01); /* hosting board */
    smbios_field(s, 2, "location", NULL);
    smbios_le(s, 0x0300, 2); /* chassis */
    smbios_u8(s, 0x0a); /* motherboard */
    smbios_u8(s, 0);
    smbios_end(s);
}

static void smbios_type3(Smbios *s)
{
    smbios_begin(s, 3, 0x0300);
    smbios_field(s, 3, "manufacturer", "Rhea");
    smbios_u8(s, 0x01); /* other */
    smbios_field(s, 3, "version", s->b->m->cls->name);
    smbios_field(s, 3, "serial", NULL);
    smbios_field(s, 3, "asset", NULL);
    smbios_u8(s, 0x03); /* safe: boot-up, power supply, thermal */
    smbios_u8(s, 0x03);
    smbios_u8(s, 0x03);
    smbios_u8(s, 0x02); /* security unknown */
    smbios_le(s, 0, 4);
    smbios_le(s, 0, 4); /* height, cords, no contained elements */
    smbios_field(s, 3, "sku", NULL);
    smbios_end(s);
}

static bool smbios_type4(Smbios *s, unsigned socket, Error **errp)
{
    const CpuTopology *t = &s->b->m->cfg.topo;
    uint64_t max_speed = 2000, speed = 2000;
    if (s->given[4] && (!keyval_get_uint(s->given[4], "max-speed", 0, 0xffff, &max_speed, errp) ||
                        !keyval_get_uint(s->given[4], "current-speed", 0, 0xffff, &speed, errp))) {
        return false;
    }
    uint32_t edx = 0, ecx = 0, eax = 0;
    if (vcpu_count()) {
        eax = target_ops.cpuid_features(vcpu_get(0), &edx, &ecx);
    }
    char *name = g_strdup_printf("%s %u", smbios_given(s, 4, "sock_pfx", "CPU"), socket);
    uint32_t cores = t->cores * MAX(t->dies, 1), threads = cores * t->threads;
    smbios_begin(s, 4, (uint16_t)(0x0400 + socket));
    smbios_str(s, name);
    smbios_u8(s, 0x03); /* central processor */
    smbios_u8(s, 0x01); /* family: other */
    smbios_field(s, 4, "manufacturer", "Rhea");
    smbios_le(s, eax, 4);
    smbios_le(s, edx, 4);
    smbios_field(s, 4, "version", s->b->m->cls->name);
    smbios_u8(s, 0);
    smbios_le(s, 0, 2);
    smbios_le(s, max_speed, 2);
    smbios_le(s, speed, 2);
    smbios_u8(s, 0x41); /* populated, enabled */
    smbios_u8(s, 0x01);
    smbios_le(s, 0xffff, 2);
    smbios_le(s, 0xffff, 2);
    smbios_le(s, 0xffff, 2);
    smbios_field(s, 4, "serial", NULL);
    smbios_field(s, 4, "asset", NULL);
    smbios_field(s, 4, "part", NULL);
    smbios_u8(s, (uint8_t)MIN(cores, 255u));
    smbios_u8(s, (uint8_t)MIN(cores, 255u));
    smbios_u8(s, (uint8_t)MIN(threads, 255u));
    smbios_le(s, 0x02, 2); /* characteristics: unknown */
    smbios_le(s, 0x01, 2);
    smbios_le(s, cores, 2);
    smbios_le(s, cores, 2);
    smbios_le(s, threads, 2);
    smbios_end(s);
    g_free(name);
    return true;
}

static unsigned smbios_dimms(const Smbios *s)
{
    return (unsigned)MAX((s->b->m->cfg.ram_size + SMBIOS_DIMM_MAX - 1) / SMBIOS_DIMM_MAX, 1u);
}

static void smbios_type16(Smbios *s)
{
    uint64_t kib = s->b->m->cfg.ram_size / KiB;
    bool small = kib < 0x80000000u;
    smbios_begin(s, 16, 0x1000);
    smbios_u8(s, 0x01); /* other location */
    smbios_u8(s, 0x03); /* system memory */
    smbios_u8(s, 0x06); /* multi-bit ECC */
    smbios_le(s, small ? kib : 0x80000000u, 4);
    smbios_le(s, 0xfffe, 2); /* no error information */
    smbios_le(s, smbios_dimms(s), 2);
    smbios_le(s, small ? 0 : s->b->m->cfg.ram_size, 8);
    smbios_end(s);
}

static bool smbios_type17(Smbios *s, unsigned n, Error **errp)
{
    uint64_t size = MIN(s->b->m->cfg.ram_size - n * SMBIOS_DIMM_MAX, SMBIOS_DIMM_MAX), mib = size / MiB, speed = 0;
    if (s->given[17] && !keyval_get_uint(s->given[17], "speed", 0, 0xffff, &speed, errp)) {
        return false;
    }
    char *name = g_strdup_printf("%s %u", smbios_given(s, 17, "loc_pfx", "DIMM"), n);
    smbios_begin(s, 17, (uint16_t)(0x1100 + n));
    smbios_le(s, 0x1000, 2);
    smbios_le(s, 0xfffe, 2);
    smbios_le(s, 0xffff, 2); /* widths unknown */
    smbios_le(s, 0xffff, 2);
    smbios_le(s, mib == 0 ? 0x8000 | size / KiB : mib < 0x7fff ? mib : 0x7fff, 2);
    smbios_u8(s, 0x09); /* DIMM */
    smbios_u8(s, 0);
    smbios_str(s, name);
    smbios_field(s, 17, "bank", NULL);
    smbios_u8(s, 0x07); /* RAM */
    smbios_le(s, 0x02, 2);
    smbios_le(s, speed, 2);
    smbios_field(s, 17, "manufacturer", "Rhea");
    smbios_field(s, 17, "serial", NULL);
    smbios_field(s, 17, "asset", NULL);
    smbios_field(s, 17, "part", NULL);
    smbios_u8(s, 0);
    smbios_le(s, mib < 0x7fff ? 0 : mib, 4);
    smbios_le(s, speed, 2);
    smbios_le(s, 0, 6); /* voltages unknown */
    smbios_end(s);
    g_free(name);
    return true;
}

static void smbios_type19(Smbios *s, uint16_t n, uint64_t start, uint64_t size)
{
    uint64_t first = start / KiB, last = (start + size - 1) / KiB;
    bool small = last < UINT32_MAX;
    smbios_begin(s, 19, (uint16_t)(0x1300 + n));
    smbios_le(s, small ? first : UINT32_MAX, 4);
    smbios_le(s, small ? last : UINT32_MAX, 4);
    smbios_le(s, 0x1000, 2);
    smbios_u8(s, 1);
    smbios_le(s, small ? 0 : start, 8);
    smbios_le(s, small ? 0 : start + size - 1, 8);
    smbios_end(s);
}

static void smbios_type32(Smbios *s)
{
    smbios_begin(s, 32, 0x2000);
    smbios_le(s, 0, 6);
    smbios_u8(s, 0); /* no errors detected */
    smbios_end(s);
}

/* ---- -smbios ---- */

/* One structure with its strings, as dmidecode's --dump-bin or sysfs' raw files have them. */
static bool smbios_add_file(Smbios *s, const char *path, Error **errp)
{
    GBytes *bytes = datafile_load(path, SMBIOS_FILE_MAX, errp);
    if (!bytes) {
        return false;
    }
    gsize len;
    const uint8_t *p = g_bytes_get_data(bytes, &len);
    bool ok = len >= 6 && p[1] >= 4 && p[1] + 2u <= len && p[len - 1] == 0 && p[len - 2] == 0;
    if (ok && p[0] < SMBIOS_TYPES) {
        s->replaced[p[0]] = true;
        if (s->given[p[0]]) {
            error_set(errp, "-smbios file=%s brings type %u, for which fields are given as well", path, p[0]);
            g_bytes_unref(bytes);
            return false;
        }
    }
    if (ok) {
        g_byte_array_append(s->files, p, (guint)len);
        s->count++;
        s->largest = MAX(s->largest, (uint16_t)MIN(len, (gsize)0xffff));
    } else {
        error_set(errp, "-smbios file=%s is not one SMBIOS structure: a header of 4 bytes or more, its strings, and two zero "
                  "bytes at the end", path);
    }
    g_bytes_unref(bytes);
    return ok;
}

static bool smbios_merge(void *opaque, const char *key, const char *value, Error **errp)
{
    (void)errp;
    keyval_set(opaque, key, value);
    return true;
}

static bool smbios_add_fields(Smbios *s, KeyVal *kv, const char *arg, Error **errp)
{
    uint64_t type = UINT64_MAX;
    if (!keyval_get_uint(kv, "type", 0, SMBIOS_TYPES - 1, &type, errp)) {
        return false;
    }
    if (type == UINT64_MAX || type >= G_N_ELEMENTS(smbios_keys) || !smbios_keys[type][0]) {
        error_set(errp, "-smbios %s: wanted is file=FILE, or type=N with N 0, 1, 2, 3, 4 or 17", arg);
        return false;
    }
    if (s->replaced[type]) {
        error_set(errp, "-smbios %s: a file brings type %u as well", arg, (unsigned)type);
        return false;
    }
    for (const char *const *k = smbios_keys[type]; *k; k++) {
        keyval_get(kv, *k); /* known: the others are left over */
    }
    if (!keyval_finish(kv, "-smbios", smbios_keys[type], errp)) {
        return false;
    }
    if (!s->given[type]) {
        s->given[type] = keyval_new();
    }
    return keyval_each(kv, smbios_merge, s->given[type], errp);
}

static bool smbios_parse(Smbios *s, const char *arg, Error **errp)
{
    static const char *const only_file[] = { "file", NULL };
    KeyVal *kv = keyval_parse(arg, NULL, errp);
    if (!kv) {
        return false;
    }
    const char *file = keyval_get(kv, "file");
    bool ok = file ? keyval_finish(kv, "-smbios file=", only_file, errp) && smbios_add_file(s, file, errp)
                   : smbios_add_fields(s, kv, arg, errp);
    keyval_free(kv);
    return ok;
}

/* ---- all together ---- */

static bool smbios_build(Smbios *s, Error **errp)
{
    const CpuTopology *t = &s->b->m->cfg.topo;
    if (s->given[0] && !smbios_type0(s, errp)) {
        return false; /* without it firmware adds its own */
    }
    if (!s->replaced[1] && !smbios_type1(s, errp)) {
        return false;
    }
    if (s->given[2]) {
        smbios_type2(s);
    }
    if (!s->replaced[3]) {
        smbios_type3(s);
    }
    unsigned per_socket = MAX(t->cores * MAX(t->dies, 1) * t->threads, 1);
    for (unsigned i = 0; !s->replaced[4] && i * per_socket < t->cpus; i++) {
        if (!smbios_type4(s, i, errp)) {
            return false;
        }
    }
    if (!s->replaced[16]) {
        smbios_type16(s);
    }
    for (unsigned i = 0; !s->replaced[17] && i < smbios_dimms(s); i++) {
        if (!smbios_type17(s, i, errp)) {
            return false;
        }
    }
    if (!s->replaced[19]) {
        smbios_type19(s, 0, 0, s->b->below_4g);
        if (s->b->above_4g) {
            smbios_type19(s, 1, 4 * GiB, s->b->above_4g);
        }
    }
    if (!s->replaced[32]) {
        smbios_type32(s);
    }
    g_byte_array_append(s->out, s->files->data, s->files->len);
    smbios_begin(s, 127, 0x7f00);
    smbios_end(s);
    if (s->out->len > SMBIOS_TABLES_MAX) {
        error_set(errp, "the SMBIOS tables have %u bytes, at most %u are possible", s->out->len, SMBIOS_TABLES_MAX);
        return false;
    }
    return true;
}

/* Entry point 2.8 (section 5.2.1); firmware sets the address and both checksums. */
static void smbios_anchor(const Smbios *s, uint8_t *a)
{
    memset(a, 0, SMBIOS_ANCHOR_SIZE);
    memcpy(a, "_SM_", 4);
    a[5] = SMBIOS_ANCHOR_SIZE;
    a[6] = 2;
    a[7] = 8;
    st_le16(a + 8, s->largest);
    memcpy(a + 16, "_DMI_", 5);
    st_le16(a + 22, (uint16_t)s->out->len);
    st_le16(a + 28, s->count);
    a[30] = 0x28;
}

static bool smbios_publish(const Smbios *s, Error **errp)
{
    uint8_t anchor[SMBIOS_ANCHOR_SIZE];
    smbios_anchor(s, anchor);
    return fw_cfg_add_file_copy(s->b->fw_cfg, "etc/smbios/smbios-tables", s->out->data, s->out->len, errp) &&
           fw_cfg_add_file_copy(s->b->fw_cfg, "etc/smbios/smbios-anchor", anchor, sizeof(anchor), errp);
}

bool smbios_install(PcBoard *b, Error **errp)
{
    Smbios s = { .b = b, .out = g_byte_array_new(), .files = g_byte_array_new(), .strings = g_ptr_array_new() };
    const GPtrArray *args = b->m->cfg.smbios_args;
    bool ok = true;
    for (guint i = 0; ok && args && i < args->len; i++) {
        ok = smbios_parse(&s, args->pdata[i], errp);
    }
    ok = ok && smbios_build(&s, errp) && smbios_publish(&s, errp);
    for (unsigned i = 0; i < SMBIOS_TYPES; i++) {
        keyval_free(s.given[i]);
    }
    g_byte_array_unref(s.out);
    g_byte_array_unref(s.files);
    g_ptr_array_unref(s.strings);
    return ok;
}

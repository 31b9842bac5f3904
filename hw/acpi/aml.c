/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AML encoder (ACPI 6.4, chapter 20: grammar; chapter 6.4: resource descriptors).  Only what the board's SSDT says.
 * Start-up and tests, any thread.
 */
#include "util/osdep.h"
#include "hw/acpi/aml.h"
#include "util/bytes.h"

enum { AML_ZERO = 0x00, AML_ONE = 0x01, AML_NAME = 0x08, AML_BYTE = 0x0a, AML_WORD = 0x0b, AML_DWORD = 0x0c,
       AML_STRING = 0x0d, AML_QWORD = 0x0e, AML_SCOPE = 0x10, AML_BUFFER = 0x11, AML_PACKAGE = 0x12,
       AML_METHOD = 0x14, AML_DUAL_NAME = 0x2e, AML_MULTI_NAME = 0x2f, AML_EXT = 0x5b, AML_DEVICE = 0x82,
       AML_PROCESSOR = 0x83, AML_RETURN = 0xa4 };
enum { RES_IO = 0x47, RES_END = 0x79, RES_DWORD = 0x87, RES_WORD = 0x88, RES_QWORD = 0x8a };
enum { RES_TYPE_MEMORY = 0, RES_TYPE_IO = 1, RES_TYPE_BUS = 2, RES_MIN_MAX_FIXED = 0x0c };

static void aml_byte(GByteArray *out, uint8_t v)
{
    g_byte_array_append(out, &v, 1);
}

static void aml_le(GByteArray *out, uint64_t v, unsigned size)
{
    uint8_t buf[8];
    st_le64(buf, v);
    g_byte_array_append(out, buf, size);
}

/* NameString: segments of four characters, padded with underscores. */
static void aml_path(GByteArray *out, const char *path)
{
    for (; *path == '\\' || *path == '^'; path++) {
        aml_byte(out, (uint8_t)*path);
    }
    unsigned segments = *path ? 1 : 0;
    for (const char *p = path; *p; p++) {
        segments += *p == '.';
    }
    if (segments == 0) {
        aml_byte(out, AML_ZERO);
    } else if (segments == 2) {
        aml_byte(out, AML_DUAL_NAME);
    } else if (segments > 2) {
        aml_byte(out, AML_MULTI_NAME);
        aml_byte(out, (uint8_t)segments);
    }
    while (*path) {
        char seg[4] = { '_', '_', '_', '_' };
        for (unsigned i = 0; i < 4 && *path && *path != '.'; i++) {
            seg[i] = *path++;
        }
        g_byte_array_append(out, (const uint8_t *)seg, 4);
        if (*path == '.') {
            path++;
        }
    }
}

/* PkgLength counts itself: 1 byte up to 63, else a lead byte with the low nibble and 1 to 3 more. */
static void aml_insert_length(GByteArray *out, guint at)
{
    guint body = out->len - at;
    unsigned extra = body + 1 <= 0x3f ? 0 : body + 2 <= 0xfff ? 1 : body + 3 <= 0xfffff ? 2 : 3;
    guint total = body + 1 + extra;
    uint8_t len[4];
    if (extra == 0) {
        len[0] = (uint8_t)total;
    } else {
        len[0] = (uint8_t)(extra << 6 | (total & 0xf));
        for (unsigned i = 1; i <= extra; i++) {
            len[i] = (uint8_t)(total >> (4 + 8 * (i - 1)));
        }
    }
    g_byte_array_set_size(out, out->len + 1 + extra);
    memmove(out->data + at + 1 + extra, out->data + at, body);
    memcpy(out->data + at, len, 1 + extra);
}

static AmlBlock aml_block(GByteArray *out, bool ext, uint8_t op)
{
    if (ext) {
        aml_byte(out, AML_EXT);
    }
    aml_byte(out, op);
    return (AmlBlock){ out->len };
}

void aml_close(GByteArray *out, AmlBlock b)
{
    aml_insert_length(out, b.at);
}

AmlBlock aml_scope(GByteArray *out, const char *name)
{
    AmlBlock b = aml_block(out, false, AML_SCOPE);
    aml_path(out, name);
    return b;
}

AmlBlock aml_device(GByteArray *out, const char *name)
{
    AmlBlock b = aml_block(out, true, AML_DEVICE);
    aml_path(out, name);
    return b;
}

AmlBlock aml_method(GByteArray *out, const char *name, unsigned args)
{
    AmlBlock b = aml_block(out, false, AML_METHOD);
    aml_path(out, name);
    aml_byte(out, (uint8_t)(args & 7));
    return b;
}

AmlBlock aml_processor(GByteArray *out, const char *name, uint8_t id)
{
    AmlBlock b = aml_block(out, true, AML_PROCESSOR);
    aml_path(out, name);
    aml_byte(out, id);
    aml_le(out, 0, 4); /* no P_BLK */
    aml_byte(out, 0);
    return b;
}

AmlBlock aml_package(GByteArray *out, uint8_t elements)
{
    AmlBlock b = aml_block(out, false, AML_PACKAGE);
    aml_byte(out, elements);
    return b;
}

void aml_name(GByteArray *out, const char *name)
{
    aml_byte(out, AML_NAME);
    aml_path(out, name);
}

void aml_int(GByteArray *out, uint64_t val)
{
    if (val <= 1) {
        aml_byte(out, val ? AML_ONE : AML_ZERO);
        return;
    }
    unsigned size = val <= UINT8_MAX ? 1 : val <= UINT16_MAX ? 2 : val <= UINT32_MAX ? 4 : 8;
    aml_byte(out, size == 1 ? AML_BYTE : size == 2 ? AML_WORD : size == 4 ? AML_DWORD : AML_QWORD);
    aml_le(out, val, size);
}

void aml_string(GByteArray *out, const char *text)
{
    aml_byte(out, AML_STRING);
    g_byte_array_append(out, (const uint8_t *)text, (guint)strlen(text) + 1);
}

/* Three letters of five bits, four hexadecimal digits, most significant byte first (section 19.3.4). */
void aml_eisaid(GByteArray *out, const char *id)
{
    uint32_t v = ((uint32_t)(id[0] - 0x40) & 0x1f) << 26 | ((uint32_t)(id[1] - 0x40) & 0x1f) << 21 |
                 ((uint32_t)(id[2] - 0x40) & 0x1f) << 16;
    v |= (uint32_t)strtoul(id + 3, NULL, 16) & 0xffff;
    aml_byte(out, AML_DWORD);
    aml_le(out, GUINT32_SWAP_LE_BE(v), 4);
}

void aml_return_int(GByteArray *out, uint64_t val)
{
    aml_byte(out, AML_RETURN);
    aml_int(out, val);
}

void aml_name_int(GByteArray *out, const char *name, uint64_t val)
{
    aml_name(out, name);
    aml_int(out, val);
}

/* ---- resources ---- */

AmlResources aml_resources(void)
{
    return (AmlResources){ g_byte_array_new() };
}

void aml_res_io(AmlResources *r, uint16_t base, uint8_t len)
{
    aml_byte(r->bytes, RES_IO);
    aml_byte(r->bytes, 1); /* 16-bit decode */
    aml_le(r->bytes, base, 2);
    aml_le(r->bytes, base, 2);
    aml_byte(r->bytes, 1);
    aml_byte(r->bytes, len);
}

/* Address space descriptor: granularity, minimum, maximum, translation, length, each of @size bytes. */
static void aml_res_address(AmlResources *r, uint8_t tag, unsigned size, uint8_t type, uint8_t type_flags, uint64_t min,
                            uint64_t max)
{
    GByteArray *out = r->bytes;
    aml_byte(out, tag);
    aml_le(out, 3 + 5 * size, 2);
    aml_byte(out, type);
    aml_byte(out, RES_MIN_MAX_FIXED); /* producer, positive decode */
    aml_byte(out, type_flags);
    aml_le(out, 0, size);
    aml_le(out, min, size);
    aml_le(out, max, size);
    aml_le(out, 0, size);
    aml_le(out, max - min + 1, size);
}

void aml_res_word_bus(AmlResources *r, uint16_t min, uint16_t max)
{
    aml_res_address(r, RES_WORD, 2, RES_TYPE_BUS, 0, min, max);
}

void aml_res_word_io(AmlResources *r, uint16_t min, uint16_t max)
{
    aml_res_address(r, RES_WORD, 2, RES_TYPE_IO, 3 /* the entire range */, min, max);
}

void aml_res_dword_memory(AmlResources *r, uint32_t min, uint32_t max, bool cacheable)
{
    aml_res_address(r, RES_DWORD, 4, RES_TYPE_MEMORY, (uint8_t)(1 | (cacheable ? 2 : 0)), min, max);
}

void aml_res_qword_memory(AmlResources *r, uint64_t min, uint64_t max, bool cacheable)
{
    aml_res_address(r, RES_QWORD, 8, RES_TYPE_MEMORY, (uint8_t)(1 | (cacheable ? 2 : 0)), min, max);
}

void aml_res_close(GByteArray *out, AmlResources *r)
{
    aml_byte(r->bytes, RES_END);
    aml_byte(r->bytes, 0); /* checksum 0: not checked */
    AmlBlock b = aml_block(out, false, AML_BUFFER);
    aml_int(out, r->bytes->len);
    g_byte_array_append(out, r->bytes->data, r->bytes->len);
    aml_close(out, b);
    g_byte_array_unref(r->bytes);
    r->bytes = NULL;
}

/* ---- tables ---- */

uint8_t acpi_checksum(const uint8_t *p, size_t len)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + p[i]);
    }
    return (uint8_t)-sum;
}

guint acpi_table_begin(GByteArray *out, const char *signature, uint8_t revision)
{
    guint start = out->len;
    g_byte_array_append(out, (const uint8_t *)signature, 4);
    aml_le(out, 0, 4); /* length: acpi_table_end() */
    aml_byte(out, revision);
    aml_byte(out, 0);  /* checksum */
    g_byte_array_append(out, (const uint8_t *)"RHEA  ", 6);
    g_byte_array_append(out, (const uint8_t *)"RHEAPC  ", 8);
    aml_le(out, 1, 4);
    g_byte_array_append(out, (const uint8_t *)"RHEA", 4);
    aml_le(out, 1, 4);
    return start;
}

void acpi_table_end(GByteArray *out, guint start)
{
    st_le32(out->data + start + 4, out->len - start);
    out->data[start + 9] = 0;
    out->data[start + 9] = acpi_checksum(out->data + start, out->len - start);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMBIOS: the anchor, the structures and their strings, -smbios. */
#include "util/osdep.h"
#include "tests/qtest/fwcfg.h"

#include "tests/unit/test.h"

static uint8_t *tables;
static size_t tables_len;

/* The nth structure of a type, checked to lie inside; NULL: none. */
static const uint8_t *find(uint8_t type, unsigned n)
{
    for (size_t at = 0; at + 4 <= tables_len;) {
        const uint8_t *s = tables + at;
        if (s[0] == type && n-- == 0) {
            return s;
        }
        at += s[1];
        while (at + 1 < tables_len && (tables[at] || tables[at + 1])) {
            at++;
        }
        at += 2;
    }
    return NULL;
}

static const char *string(const uint8_t *s, unsigned field)
{
    const char *p = (const char *)s + s[1];
    for (unsigned n = s[field]; n > 1; n--) {
        p += strlen(p) + 1;
    }
    return s[field] ? p : NULL;
}

static QTest *start(const char *args)
{
    QTest *t = qtest_start("-M pc %s", args);
    tables = fwcfg_file(t, "etc/smbios/smbios-tables", &tables_len);
    CHECK(tables);
    return t;
}

static void end(QTest *t)
{
    g_free(tables);
    qtest_end(t);
}

TEST(anchor)
{
    QTest *t = start("-m 64M");
    size_t len;
    uint8_t *a = fwcfg_file(t, "etc/smbios/smbios-anchor", &len);
    CHECK_EQ(len, 31);
    CHECK_MEM(a, "_SM_", 4);
    CHECK_MEM(a + 16, "_DMI_", 5);
    CHECK_EQ(a[6], 2);
    CHECK_EQ(a[7], 8);
    CHECK_EQ(ld_le16(a + 22), tables_len);
    unsigned n = 0;
    for (unsigned type = 0; type < 128; type++) {
        while (find((uint8_t)type, 0) && find((uint8_t)type, n)) {
            n++;
        }
    }
    CHECK(find(127, 0) && find(127, 0) + 6 == tables + tables_len);
    g_free(a);
    end(t);
}

TEST(structures)
{
    QTest *t = start("-m 64M -uuid 12345678-9abc-def0-1234-56789abcdef0");
    const uint8_t *sys = find(1, 0), *mem = find(16, 0), *dimm = find(17, 0), *map = find(19, 0);
    CHECK(sys && find(3, 0) && find(4, 0) && mem && dimm && map && find(32, 0));
    CHECK(!find(0, 0)); /* firmware brings its own */
    CHECK_EQ(sys[1], 27);
    CHECK_STR(string(sys, 4), "Rhea");
    CHECK_STR(string(sys, 5), "Standard PC (i440FX + PIIX, 1996)");
    CHECK_MEM(sys + 8, "\x78\x56\x34\x12\xbc\x9a\xf0\xde\x12\x34\x56\x78\x9a\xbc\xde\xf0", 16);
    CHECK_EQ(ld_le32(mem + 7), 65536);
    CHECK_EQ(ld_le16(dimm + 12), 64);
    CHECK_STR(string(dimm, 16), "DIMM 0");
    CHECK_EQ(ld_le32(map + 4), 0);
    CHECK_EQ(ld_le32(map + 8), 65535);
    end(t);
}

TEST(options)
{
    QTest *t = start("-m 64M -smbios type=0,vendor=Acme,version=1.2,release=3.4 -smbios type=1,product=Box,serial=42 "
                     "-smbios type=1,family=Boxes -smbios type=3,asset=A1");
    const uint8_t *bios = find(0, 0), *sys = find(1, 0);
    CHECK_STR(string(bios, 4), "Acme");
    CHECK_EQ(bios[20], 3);
    CHECK_EQ(bios[21], 4);
    CHECK_STR(string(sys, 5), "Box");
    CHECK_STR(string(sys, 7), "42");
    CHECK_STR(string(sys, 26), "Boxes");
    CHECK_STR(string(find(3, 0), 8), "A1");
    end(t);
}

TEST(large_memory)
{
    QTest *t = start("-m 5G");
    CHECK_EQ(ld_le32(find(19, 0) + 8), 3 * MiB - 1);
    CHECK_EQ(ld_le32(find(19, 1) + 4), 4 * MiB);
    CHECK_EQ(ld_le32(find(19, 1) + 8), 6 * MiB - 1);
    end(t);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables as firmware gets them: this test is the firmware.  It runs the loader's script on the files at made-up
 * addresses, follows the pointers from the RSDP, checks sums, lets iasl decompile everything, and looks at fields.
 */
#include "util/osdep.h"
#include "tests/qtest/fwcfg.h"

#include "tests/unit/test.h"

typedef struct Blob {
    char name[56];
    uint8_t *data;
    size_t len;
    uint64_t addr;
} Blob;

static Blob blobs[4];
static unsigned nblobs;

static Blob *blob(const char *name)
{
    for (unsigned i = 0; i < nblobs; i++) {
        if (!strcmp(blobs[i].name, name)) {
            return &blobs[i];
        }
    }
    return NULL;
}

static uint8_t sum(const uint8_t *p, size_t len)
{
    uint8_t s = 0;
    for (size_t i = 0; i < len; i++) {
        s = (uint8_t)(s + p[i]);
    }
    return s;
}

static void run_allocate(QTest *t, const uint8_t *e)
{
    Blob *b = &blobs[nblobs++];
    memcpy(b->name, e + 4, 56);
    b->data = fwcfg_file(t, b->name, &b->len);
    CHECK(b->data);
    CHECK(e[64] == 1 || e[64] == 2);
    b->addr = e[64] == 2 ? 0xf5000 : 0x3ff0000;
    CHECK_EQ(b->addr & (ld_le32(e + 60) - 1), 0);
}

static void run_pointer(const uint8_t *e)
{
    Blob *dest = blob((const char *)e + 4), *src = blob((const char *)e + 60);
    uint32_t off = ld_le32(e + 116), size = e[120];
    CHECK(dest && src && (size == 4 || size == 8) && off + size <= dest->len);
    uint64_t v = ld_le(dest->data + off, size);
    CHECK(v < src->len);
    st_le(dest->data + off, v + src->addr, size);
}

static void run_checksum(const uint8_t *e)
{
    Blob *b = blob((const char *)e + 4);
    uint32_t off = ld_le32(e + 60), start = ld_le32(e + 64), len = ld_le32(e + 68);
    CHECK(b && off < b->len && (size_t)start + len <= b->len);
    CHECK_EQ(b->data[off], 0);
    b->data[off] = (uint8_t)(b->data[off] - sum(b->data + start, len));
}

static QTest *start(const char *args)
{
    QTest *t = qtest_start("-M pc -m 64M %s", args);
    nblobs = 0;
    qtest_pci_write(t, 0, 1 << 3 | 3, 0x40, 0x600 | 1, 4); /* as SeaBIOS does before it reads the tables */
    qtest_pci_write(t, 0, 1 << 3 | 3, 0x80, 1, 1);
    size_t len;
    uint8_t *script = fwcfg_file(t, "etc/table-loader", &len);
    CHECK(script && len % 128 == 0);
    for (size_t at = 0; at < len; at += 128) {
        const uint8_t *e = script + at;
        switch (ld_le32(e)) {
        case 1: run_allocate(t, e); break;
        case 2: run_pointer(e); break;
        case 3: run_checksum(e); break;
        default: TEST_FAIL("command %u", ld_le32(e));
        }
    }
    g_free(script);
    return t;
}

static void end(QTest *t)
{
    while (nblobs) {
        g_free(blobs[--nblobs].data);
    }
    qtest_end(t);
}

static const uint8_t *at(uint64_t addr)
{
    for (unsigned i = 0; i < nblobs; i++) {
        if (addr >= blobs[i].addr && addr + 8 <= blobs[i].addr + blobs[i].len) {
            return blobs[i].data + (addr - blobs[i].addr);
        }
    }
    return NULL;
}

/* By the RSDT, checked; NULL: not there.  "DSDT" and "FACS" come from the FADT. */
static const uint8_t *table(const char *sig)
{
    const uint8_t *rsdp = at(0xf5000), *rsdt = at(ld_le32(rsdp + 16));
    for (uint32_t i = 36; i < ld_le32(rsdt + 4); i += 4) {
        const uint8_t *p = at(ld_le32(rsdt + i));
        CHECK(p);
        if (!memcmp(p, sig, 4)) {
            return p;
        }
        if (!memcmp(p, "FACP", 4) && !strcmp(sig, "DSDT")) {
            return at(ld_le32(p + 40));
        }
        if (!memcmp(p, "FACP", 4) && !strcmp(sig, "FACS")) {
            return at(ld_le32(p + 36));
        }
    }
    return NULL;
}

TEST(pointers_and_sums)
{
    QTest *t = start("-smp 2");
    const uint8_t *rsdp = at(0xf5000);
    CHECK_MEM(rsdp, "RSD PTR ", 8);
    CHECK_EQ(sum(rsdp, 20), 0);
    CHECK_EQ(sum(rsdp, 36), 0);
    const uint8_t *rsdt = at(ld_le32(rsdp + 16)), *xsdt = at(ld_le64(rsdp + 24));
    CHECK_MEM(rsdt, "RSDT", 4);
    CHECK_MEM(xsdt, "XSDT", 4);
    CHECK_EQ(sum(rsdt, ld_le32(rsdt + 4)), 0);
    CHECK_EQ(sum(xsdt, ld_le32(xsdt + 4)), 0);
    uint32_t n = (ld_le32(rsdt + 4) - 36) / 4;
    CHECK_EQ((ld_le32(xsdt + 4) - 36) / 8, n);
    CHECK_EQ(n, 5);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *p = at(ld_le32(rsdt + 36 + 4 * i));
        CHECK_EQ(ld_le32(rsdt + 36 + 4 * i), ld_le64(xsdt + 36 + 8 * i));
        CHECK_EQ(sum(p, ld_le32(p + 4)), 0);
    }
    const uint8_t *dsdt = table("DSDT"), *facs = table("FACS");
    CHECK_MEM(dsdt, "DSDT", 4);
    CHECK_EQ(sum(dsdt, ld_le32(dsdt + 4)), 0);
    CHECK_MEM(facs, "FACS", 4);
    CHECK_EQ(ld_le32(table("FACP") + 36) & 63, 0);
    end(t);
}

TEST(fadt_names_the_ports)
{
    QTest *t = start("");
    const uint8_t *f = table("FACP");
    CHECK_EQ(ld_le32(f + 56), 0x600);
    CHECK_EQ(ld_le32(f + 64), 0x604);
    CHECK_EQ(ld_le32(f + 76), 0x608);
    CHECK_EQ(ld_le32(f + 48), 0xb2);
    CHECK_EQ(ld_le16(f + 46), 9);
    CHECK_EQ(ld_le64(f + 140), ld_le32(f + 40)); /* X_DSDT */
    CHECK_EQ(ld_le64(f + 148 + 4), 0x600);
    CHECK_EQ(ld_le64(f + 116 + 4), 0xcf9);
    end(t);
}

TEST(madt_lists_cpus)
{
    QTest *t = start("-smp 3");
    const uint8_t *m = table("APIC");
    unsigned cpus = 0, ioapics = 0, overrides = 0;
    for (const uint8_t *p = m + 44; p < m + ld_le32(m + 4); p += p[1]) {
        CHECK(p[1] >= 6);
        if (p[0] == 0) {
            CHECK_EQ(p[2], cpus);
            CHECK_EQ(p[3], cpus);
            CHECK_EQ(ld_le32(p + 4), 1);
            cpus++;
        }
        ioapics += p[0] == 1;
        overrides += p[0] == 2;
    }
    CHECK_EQ(cpus, 3);
    CHECK_EQ(ioapics, 1);
    CHECK_EQ(overrides, 5);
    end(t);
}

TEST(tables_follow_options)
{
    QTest *t = start("-no-hpet");
    CHECK(!table("HPET"));
    end(t);
    t = start("");
    CHECK_EQ(ld_le64(table("HPET") + 44), 0xfed00000);
    end(t);
    size_t len;
    t = qtest_start("-M pc,acpi=off -m 64M");
    CHECK(!fwcfg_file(t, "etc/table-loader", &len));
    CHECK_EQ(qtest_pci_read(t, 0, 1 << 3 | 3, 0, 4), 0xffffffff);
    qtest_end(t);
}

/* Decompiles one table; its text, newly allocated. */
static char *decompile(const char *dir, const char *name, const uint8_t *p, const char *with)
{
    char *aml = g_strdup_printf("%s/%s.aml", dir, name), *dsl = g_strdup_printf("%s/%s.dsl", dir, name), *text = NULL;
    char *argv[] = { "iasl", with ? "-e" : "-d", (char *)(with ? with : aml), with ? "-d" : NULL, aml, NULL };
    int status = -1;
    char *out = NULL, *err = NULL;
    CHECK(g_file_set_contents(aml, (const char *)p, (gssize)ld_le32(p + 4), NULL));
    CHECK(g_spawn_sync(dir, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, NULL));
    if (status || !g_file_get_contents(dsl, &text, NULL, NULL)) {
        TEST_FAIL("iasl -d %s: %s%s", aml, out, err);
    }
    CHECK(!strstr(err, "Error"));
    CHECK(!strstr(text, "Error"));
    g_free(out);
    g_free(err);
    g_free(aml);
    g_free(dsl);
    return text;
}

TEST(iasl_decompiles_everything)
{
    char *iasl = g_find_program_in_path("iasl");
    if (!iasl) {
        TEST_SKIP("iasl is not installed (package acpica-tools)");
    }
    g_free(iasl);
    static const char *const sigs[] = { "DSDT", "FACP", "APIC", "HPET", "WAET" };
    QTest *t = start("-smp 4 -serial null");
    char *dir = g_dir_make_tmp("rhea-acpi-XXXXXX", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(sigs); i++) {
        g_free(decompile(dir, sigs[i], table(sigs[i]), NULL));
    }
    char *dsdt = g_strdup_printf("%s/DSDT.aml", dir);
    char *text = decompile(dir, "SSDT", table("SSDT"), dsdt);
    CHECK(strstr(text, "_S5"));
    CHECK(strstr(text, "_S3"));
    CHECK(strstr(text, "C003"));
    CHECK(!strstr(text, "C004"));
    CHECK(strstr(text, "Name (_CRS"));
    CHECK(strstr(text, "Scope (\\_SB.PCI0.ISA.COM1)"));
    CHECK(strstr(text, "Name (_STA, 0x0F)"));
    g_free(text);
    g_free(dsdt);
    char *clean = g_strdup_printf("rm -rf %s", dir);
    CHECK_EQ(system(clean), 0);
    g_free(clean);
    g_free(dir);
    end(t);
}

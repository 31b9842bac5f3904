/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AML encoder: names, integers, package lengths, resources; and iasl's opinion on a whole table. */
#include "util/osdep.h"
#include "hw/acpi/aml.h"
#include "util/bytes.h"

#include "tests/unit/test.h"

static GByteArray *out;

static void expect(const char *what, const void *bytes, size_t len)
{
    (void)what;
    CHECK_EQ(out->len, len);
    CHECK_MEM(out->data, bytes, len);
    g_byte_array_unref(out);
    out = g_byte_array_new();
}
#define EXPECT(bytes) expect(#bytes, bytes, sizeof(bytes) - 1)

TEST(names_and_integers)
{
    out = g_byte_array_new();
    aml_name_int(out, "_UID", 0);
    EXPECT("\x08_UID\x00");
    aml_name_int(out, "\\AB", 1);
    EXPECT("\x08\\AB__\x01");
    aml_name_int(out, "^A.B", 0xff);
    EXPECT("\x08^\x2e" "A___B___\x0a\xff");
    aml_name_int(out, "\\_SB.PCI0.X", 0x1234);
    EXPECT("\x08\\\x2f\x03_SB_PCI0X___\x0b\x34\x12");
    aml_int(out, 0xfebfffff);
    EXPECT("\x0c\xff\xff\xbf\xfe");
    aml_int(out, 0x123456789aull);
    EXPECT("\x0e\x9a\x78\x56\x34\x12\x00\x00\x00");
    aml_eisaid(out, "PNP0A03");
    EXPECT("\x0c\x41\xd0\x0a\x03");
    aml_string(out, "hi");
    EXPECT("\x0dhi\x00");
}

static unsigned package_length(unsigned body)
{
    out = g_byte_array_new();
    AmlBlock b = aml_scope(out, "ABCD");
    for (unsigned i = 4; i < body; i++) {
        g_byte_array_append(out, (const uint8_t *)"\xa3", 1);
    }
    aml_close(out, b);
    unsigned extra = out->data[1] >> 6, len = extra ? out->data[1] & 0xf : out->data[1] & 0x3f;
    for (unsigned i = 0; i < extra; i++) {
        len |= (unsigned)out->data[2 + i] << (4 + 8 * i);
    }
    CHECK_EQ(len + 1, out->len); /* all but the opcode */
    CHECK_MEM(out->data + 2 + extra, "ABCD", 4);
    g_byte_array_unref(out);
    return extra;
}

TEST(package_lengths)
{
    CHECK_EQ(package_length(4), 0);
    CHECK_EQ(package_length(62), 0);
    CHECK_EQ(package_length(63), 1);
    CHECK_EQ(package_length(0xfff - 2), 1);
    CHECK_EQ(package_length(0xfff - 1), 2);
    CHECK_EQ(package_length(0xfffff - 3), 2);
    CHECK_EQ(package_length(0xfffff), 3);
}

TEST(checksum)
{
    out = g_byte_array_new();
    guint start = acpi_table_begin(out, "TEST", 2);
    aml_int(out, 77);
    acpi_table_end(out, start);
    CHECK_EQ(acpi_checksum(out->data, out->len), 0);
    CHECK_EQ(ld_le32(out->data + 4), 38);
    g_byte_array_unref(out);
}

/* Everything the encoder can say, decompiled. */
TEST(iasl_reads_it)
{
    char *iasl = g_find_program_in_path("iasl");
    if (!iasl) {
        TEST_SKIP("iasl is not installed (package acpica-tools)");
    }
    g_free(iasl);
    out = g_byte_array_new();
    guint start = acpi_table_begin(out, "SSDT", 1);
    AmlBlock sb = aml_scope(out, "\\_SB"), dev = aml_device(out, "DEV0");
    aml_name(out, "_HID");
    aml_eisaid(out, "PNP0C02");
    AmlResources r = aml_resources();
    aml_res_word_bus(&r, 0, 0xff);
    aml_res_io(&r, 0xcf8, 8);
    aml_res_word_io(&r, 0xd00, 0xffff);
    aml_res_dword_memory(&r, 0xa0000, 0xbffff, true);
    aml_res_qword_memory(&r, 0x100000000ull, 0x1ffffffffull, false);
    aml_name(out, "_CRS");
    aml_res_close(out, &r);
    AmlBlock m = aml_method(out, "_STA", 0);
    aml_return_int(out, 15);
    aml_close(out, m);
    aml_name(out, "PKG0");
    AmlBlock p = aml_package(out, 2);
    aml_string(out, "x");
    aml_int(out, 5);
    aml_close(out, p);
    aml_close(out, dev);
    aml_close(out, aml_processor(out, "C000", 0));
    aml_close(out, sb);
    acpi_table_end(out, start);

    char *dir = g_dir_make_tmp("rhea-aml-XXXXXX", NULL), *aml = g_build_filename(dir, "t.aml", NULL);
    char *dsl = g_build_filename(dir, "t.dsl", NULL), *text = NULL, *said = NULL;
    char *argv[] = { "iasl", "-d", aml, NULL };
    int status = -1;
    CHECK(g_file_set_contents(aml, (const char *)out->data, (gssize)out->len, NULL));
    CHECK(g_spawn_sync(dir, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &said, NULL, &status,
                       NULL));
    CHECK_EQ(status, 0);
    CHECK(g_file_get_contents(dsl, &text, NULL, NULL));
    CHECK(strstr(text, "EisaId (\"PNP0C02\")"));
    CHECK(strstr(text, "WordBusNumber"));
    CHECK(strstr(text, "QWordMemory"));
    CHECK(strstr(text, "0x00000001FFFFFFFF"));
    CHECK(strstr(text, "Method (_STA"));
    CHECK(strstr(text, "Processor (C000, 0x00"));
    CHECK(!strstr(text, "Error"));
    unlink(aml);
    unlink(dsl);
    rmdir(dir);
    g_free(text);
    g_free(said);
    g_free(dsl);
    g_free(aml);
    g_free(dir);
    g_byte_array_unref(out);
}

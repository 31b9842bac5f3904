/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -kernel: where parts of an image go, what the setup header says then, and what is refused. */
#include "util/osdep.h"
#include "hw/i386/linux-loader.h"
#include "hw/i386/topology.h"
#include "util/bytes.h"

#include "tests/unit/test.h"

static uint8_t h[8192];
static LinuxPlan plan;
static Error *err;

static void header(uint16_t version, bool high)
{
    memset(h, 0, sizeof(h));
    h[0x1f1] = 3;
    st_le16(h + 0x1fe, 0xaa55);
    memcpy(h + 0x202, "HdrS", 4);
    st_le16(h + 0x206, version);
    h[0x211] = high;
    st_le32(h + 0x22c, 0x7fffffff);
    st_le32(h + 0x238, 2047);
    st_le32(h + 0x260, 16 * MiB);
    if (err) {
        error_free(err);
        err = NULL;
    }
}

static bool plan_it(const char *append, uint64_t initrd, uint64_t ram)
{
    return linux_plan(h, 8 * MiB, "vmlinuz", append, initrd, ram, &plan, &err);
}

TEST(modern)
{
    header(0x20f, true);
    CHECK(plan_it("console=ttyS0", 5 * MiB + 7, 256 * MiB));
    CHECK_EQ(plan.setup_len, 2048);
    CHECK_EQ(plan.setup_addr, 0x10000);
    CHECK_EQ(plan.cmdline_addr, 0x20000);
    CHECK_EQ(plan.kernel_addr, 0x100000);
    CHECK_EQ(plan.initrd_addr & 4095, 0);
    CHECK(plan.initrd_addr + 5 * MiB + 7 <= 255 * MiB);
    CHECK(plan.initrd_addr + 5 * MiB + 7 > 255 * MiB - 4096);
    CHECK_EQ(ld_le32(h + 0x218), plan.initrd_addr);
    CHECK_EQ(ld_le32(h + 0x21c), 5 * MiB + 7);
    CHECK_EQ(ld_le32(h + 0x228), 0x20000);
    CHECK_EQ(h[0x210], 0xff);
    CHECK_EQ(h[0x211], 0x81);
    CHECK_EQ(ld_le16(h + 0x224), 0xfe00);
}

TEST(initrd_limits)
{
    header(0x20b, true);
    st_le32(h + 0x22c, 0x37ffffff);
    CHECK(plan_it("", MiB, 3 * GiB));
    CHECK(plan.initrd_addr + MiB <= 0x38000000);
    header(0x20c, true);
    st_le32(h + 0x22c, 0x37ffffff);
    st_le16(h + 0x236, 2);
    CHECK(plan_it("", MiB, 3 * GiB));
    CHECK(plan.initrd_addr > 0x38000000);
    header(0x20f, true);
    CHECK(!plan_it("", 120 * MiB, 128 * MiB));
    CHECK(strstr(error_hint(err), "-m 384") || strstr(error_hint(err), "-m 256"));
    header(0x20f, true);
    CHECK(!plan_it("", 0, 8 * MiB));
    CHECK(strstr(error_message(err), "the machine has 8"));
}

TEST(command_line)
{
    char *text = g_strnfill(2047, 'x');
    header(0x20f, true);
    CHECK(plan_it(text, 0, 128 * MiB));
    char *more = g_strconcat(text, "y", NULL);
    header(0x20f, true);
    CHECK(!plan_it(more, 0, 128 * MiB));
    CHECK_STR(error_message(err), "-append has 2048 characters, but this kernel takes at most 2047");
    header(0x205, true);
    CHECK(!plan_it(text, 0, 128 * MiB));
    header(0x20f, true);
    CHECK(plan_it("quiet vga=0x317 ro", 0, 128 * MiB));
    CHECK_EQ(ld_le16(h + 0x1fa), 0x317);
    header(0x20f, true);
    CHECK(plan_it("novga=1", 0, 128 * MiB));
    CHECK_EQ(ld_le16(h + 0x1fa), 0);
    g_free(text);
    g_free(more);
}

TEST(old_protocols)
{
    header(0x201, true);
    CHECK(plan_it("ro", 0, 64 * MiB));
    CHECK_EQ(plan.setup_addr, 0x90000);
    CHECK_EQ(ld_le16(h + 0x20), 0xa33f);
    CHECK_EQ(ld_le16(h + 0x22), 0x9a00);
    header(0x200, false);
    CHECK(!plan_it("ro", 0, 64 * MiB));
    CHECK(strstr(error_message(err), "zImage"));
    header(0x200, false);
    CHECK(linux_plan(h, 300 * KiB, "vmlinuz", "", 0, 64 * MiB, &plan, &err));
    CHECK_EQ(plan.kernel_addr, 0x10000);
    header(0x20f, true);
    h[0x1f1] = 200;
    CHECK(!linux_plan(h, 8192, "vmlinuz", "", 0, 64 * MiB, &plan, &err));
    CHECK(strstr(error_message(err), "cut off"));
}

TEST(kinds)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *what;
    } kinds[] = {
        { "", 0, "empty" }, { "\x1f\x8b\x08", 3, "gzip" }, { "\x7f" "ELF\x02", 5, "ELF" }, { "MZ\x90", 3, "EFI" },
        { "QFI\xfb", 4, "qcow2" }, { "hello world\n", 12, "text" }, { "\x01\x02\x03", 3, "unknown" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        CHECK(strstr(kernel_kind((const uint8_t *)kinds[i].bytes, kinds[i].len).what, kinds[i].what));
    }
}

TEST(multiboot_header)
{
    uint8_t m[9000] = { 0 };
    CHECK_EQ(multiboot_find(m, sizeof(m)), -1);
    st_le32(m + 400, 0x1badb002);
    st_le32(m + 404, 3);
    st_le32(m + 408, -(0x1badb002u + 3));
    CHECK_EQ(multiboot_find(m, sizeof(m)), 400);
    CHECK_EQ(multiboot_find(m, 411), -1);
    m[408]++;
    CHECK_EQ(multiboot_find(m, sizeof(m)), -1);
    st_le32(m + 8188, 0x1badb002);
    st_le32(m + 8196, -0x1badb002u);
    CHECK_EQ(multiboot_find(m, sizeof(m)), -1); /* it must end within 8 KiB */
}

TEST(apic_ids)
{
    CpuTopology t = { .sockets = 2, .dies = 1, .cores = 3, .threads = 2, .cpus = 12, .max_cpus = 12 };
    CHECK_EQ(topology_apic_id(&t, 0), 0);
    CHECK_EQ(topology_apic_id(&t, 1), 1);
    CHECK_EQ(topology_apic_id(&t, 2), 2);
    CHECK_EQ(topology_apic_id(&t, 5), 5);
    CHECK_EQ(topology_apic_id(&t, 6), 8);
    CHECK_EQ(topology_apic_id(&t, 11), 13);
    CHECK_EQ(topology_apic_id_limit(&t), 14);
    CpuTopology flat = { .sockets = 4, .dies = 1, .cores = 1, .threads = 1, .cpus = 4, .max_cpus = 4 };
    CHECK_EQ(topology_apic_id(&flat, 3), 3);
}

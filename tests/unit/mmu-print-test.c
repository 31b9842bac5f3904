/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `info tlb` and `info mem`: 4-level, PAE and 32-bit tables, and tables that point to themselves. */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-cpu.h"

#define TABLE 0x10000u

static const char *text(X86Cpu *cpu, void (*print)(Vcpu *, GString *))
{
    static GString *s;

    if (!s) {
        s = g_string_new(NULL);
    }
    g_string_truncate(s, 0);
    print(&cpu->vcpu, s);
    return s->str;
}

/* Paging as registers say, without the checks of the instructions. */
static X86Cpu *paging(uint64_t cr4)
{
    X86Cpu *cpu = guest_new();

    guest_flat32(cpu);
    cpu->cr3 = TABLE;
    cpu->cr4 = cr4;
    cpu->cr0 |= CR0_PG;
    return cpu;
}

TEST(no_paging)
{
    X86Cpu *cpu = guest_new();
    guest_flat32(cpu);
    CHECK_STR(text(cpu, target_ops.print_tlb), "PG disabled\n");
    CHECK_STR(text(cpu, target_ops.print_mem), "PG disabled\n");
}

TEST(four_levels)
{
    X86Cpu *cpu = guest_new();
    guest_long(cpu, 0);
    CHECK_STR(text(cpu, target_ops.print_mem), "0000000000000000-0000000001000000 0000000001000000 urw\n");
    st_le64(guest_pte(0x5000), 0x7000 | 1 | (uint64_t)1 << 63);
    CHECK_STR(text(cpu, target_ops.print_mem), "0000000000000000-0000000000005000 0000000000005000 urw\n"
                                               "0000000000005000-0000000000006000 0000000000001000 -r-\n"
                                               "0000000000006000-0000000001000000 0000000000ffa000 urw\n");
    CHECK(strstr(text(cpu, target_ops.print_tlb), "0000000000005000: 0000000000007000 X--------\n"));
}

TEST(legacy_32_bit)
{
    X86Cpu *cpu = paging(CR4_PSE);
    st_le32(guest_ram() + TABLE, (TABLE + 0x1000) | 3);
    st_le32(guest_ram() + TABLE + 4, 0x00c02000 | 0x1e7);    /* 4 MiB at 1_00c00000, by PSE-36 */
    st_le32(guest_ram() + TABLE + 0x1000 + 8, 0x00123000 | 0x1f); /* user here, but not above */
    CHECK_STR(text(cpu, target_ops.print_mem), "0000000000002000-0000000000003000 0000000000001000 -rw\n"
                                               "0000000000400000-0000000000800000 0000000000400000 urw\n");
    CHECK_STR(text(cpu, target_ops.print_tlb), "0000000000002000: 0000000000123000 -----CTUW\n"
                                               "0000000000400000: 0000000100c00000 -GPDA--UW\n");
}

TEST(pae)
{
    X86Cpu *cpu = paging(CR4_PAE);
    st_le64(guest_ram() + TABLE + 24, (TABLE + 0x1000) | 1);          /* the last gigabyte */
    st_le64(guest_ram() + TABLE + 0x1000, (TABLE + 0x2000) | 7);
    st_le64(guest_ram() + TABLE + 0x1000 + 0xff8, 0xe00000 | 0xe7);   /* its last 2 MiB */
    st_le64(guest_ram() + TABLE + 0x2000, 0x5000 | 5);
    CHECK_STR(text(cpu, target_ops.print_mem), "00000000c0000000-00000000c0001000 0000000000001000 ur-\n"
                                               "00000000ffe00000-0000000100000000 0000000000200000 urw\n");
    CHECK_STR(text(cpu, target_ops.print_tlb), "00000000c0000000: 0000000000005000 -------U-\n"
                                               "00000000ffe00000: 0000000000e00000 --PDA--UW\n");
}

/* A table all of whose entries are itself would be 512 to the fourth pages. */
TEST(tables_that_point_to_themselves)
{
    X86Cpu *cpu = guest_new();
    guest_long(cpu, 0);
    for (unsigned n = 0; n < 512; n++) {
        st_le64(guest_ram() + GUEST_PML4 + n * 8, GUEST_PML4 | 7);
    }
    CHECK(g_str_has_suffix(text(cpu, target_ops.print_mem), "(more than this is not shown)\n"));
    const char *tlb = text(cpu, target_ops.print_tlb);
    CHECK(g_str_has_suffix(tlb, "(more than this is not shown)\n"));
    CHECK(strlen(tlb) < 9 * MiB);
}

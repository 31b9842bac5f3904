/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System management mode's save area as processors without and with long mode have it: the documented fields, and the way back. */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-cpu.h"
#include "target/i386/cpuid.h"

enum { SMBASE = 0x30000, HANDLER = SMBASE + 0x8000, SAVED = SMBASE + 0xfe00 };

/* 32-bit code that loads registers, on a processor with or without long mode. */
static X86Cpu *cpu_in_32_bit_code(bool lm)
{
    X86Cpu *cpu = guest_new();

    guest_flat32(cpu);
    if (lm) {
        cpu->feat[CPUID_LM >> 5] |= 1u << (CPUID_LM & 31);
    } else {
        cpu->feat[CPUID_LM >> 5] &= ~(1u << (CPUID_LM & 31));
    }
    for (unsigned r = 0; r < 8; r++) {
        cpu->regs[r] = r == R_RSP ? GUEST_STACK : 0x11111111u * (r + 1);
    }
    cpu->cr4 = CR4_PSE;
    cpu->seg[SEG_FS].base = 0x12340000;
    cpu->seg[SEG_FS].limit = 0xffff;
    cpu->seg[SEG_FS].sel = 0x33;
    cpu->eflags |= FL_DF;
    x86_update_mode(cpu);
    return cpu;
}

static void interrupt(X86Cpu *cpu, const uint8_t *handler, size_t len)
{
    static const uint8_t nop[] = { 0x90 };

    memcpy(guest_ram() + HANDLER, handler, len);
    ram_written(address_space_lookup(cpu->vcpu.as_mem, 0).ram, HANDLER, len);
    vcpu_event_set(&cpu->vcpu, VCPU_EV_SMI);
    CHECK_EQ(guest_run(cpu, nop, sizeof(nop)), -1);
}

TEST(narrow_area)
{
    /* incl eax's place; wrecks registers; rsm */
    static const uint8_t handler[] = { 0x2e, 0x66, 0xff, 0x06, 0xd0, 0xff, 0x66, 0x31, 0xc9, 0x66, 0x31, 0xe4, 0x8e, 0xe1,
                                       0xfc, 0x0f, 0xaa };
    X86Cpu *cpu = cpu_in_32_bit_code(false);

    interrupt(cpu, handler, sizeof(handler));
    const uint8_t *a = guest_ram() + SAVED;
    CHECK_EQ(ld_le32(a + 0xfc), 0x20000);
    CHECK_EQ(ld_le32(a + 0xf8), SMBASE);
    CHECK_EQ(ld_le32(a + 0x1fc), CR0_PE | CR0_ET | CR0_NE);
    CHECK_EQ(ld_le32(a + 0x1f4), 2 | FL_DF);
    CHECK_EQ(ld_le32(a + 0x1f0), GUEST_CODE);
    CHECK_EQ(ld_le32(a + 0x1d4), 0x22222222);
    CHECK_EQ(ld_le32(a + 0x1ec), 0x88888888);
    CHECK_EQ(ld_le32(a + 0x1ac), 0x08); /* CS */
    CHECK_EQ(ld_le32(a + 0x1b8), 0x33); /* FS */
    CHECK_EQ(ld_le32(a + 0x1c4), 0x28); /* TR */
    CHECK_EQ(cpu->regs[R_RAX], 0x11111112);
    CHECK_EQ(cpu->regs[R_RCX], 0x22222222);
    CHECK_EQ(cpu->regs[R_RSP], GUEST_STACK);
    CHECK_EQ(cpu->seg[SEG_FS].sel, 0x33);
    CHECK_EQ(cpu->seg[SEG_FS].base, 0x12340000);
    CHECK_EQ(cpu->seg[SEG_FS].limit, 0xffff);
    CHECK_EQ(cpu->cr4, CR4_PSE);
    CHECK(cpu->eflags & FL_DF);
    CHECK(!cpu->smm && (cpu->mode & MODE_CODE32) && cpu->cpl == 0);
}

TEST(narrow_area_moves)
{
    static const uint8_t handler[] = { 0x2e, 0x66, 0xc7, 0x06, 0xf8, 0xfe, 0x00, 0x00, 0x05, 0x00, 0x0f, 0xaa }; /* SMBASE = 0x50000 */
    X86Cpu *cpu = cpu_in_32_bit_code(false);

    interrupt(cpu, handler, sizeof(handler));
    CHECK_EQ(cpu->smbase, 0x50000);
    CHECK_EQ(cpu->regs[R_RCX], 0x22222222);
}

TEST(wide_area)
{
    static const uint8_t handler[] = { 0x2e, 0x66, 0xff, 0x06, 0xf8, 0xff, 0x0f, 0xaa };
    X86Cpu *cpu = cpu_in_32_bit_code(true);

    interrupt(cpu, handler, sizeof(handler));
    CHECK_EQ(ld_le32(guest_ram() + SAVED + 0xfc), 0x20064);
    CHECK_EQ(ld_le32(guest_ram() + SAVED + 0x100), SMBASE);
    CHECK_EQ(cpu->regs[R_RAX], 0x11111112);
    CHECK_EQ(cpu->seg[SEG_FS].base, 0x12340000);
}

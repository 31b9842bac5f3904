/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Alignment checks (#AC): what a real CPU (measured: user code with RFLAGS.AC under Linux) checks and in which order. */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-cpu.h"

enum { PAGE_MISSING = GUEST_DATA + 0x1000 };

/* Runs @code at CPL 3 with RBX = @rbx; the vector, -1: none. */
static int run_at(const uint8_t *code, unsigned len, uint64_t rbx, bool armed)
{
    X86Cpu *cpu = guest_new();

    guest_long(cpu, 3);
    st_le64(guest_pte(PAGE_MISSING), 0);
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
    cpu->cr0 |= armed ? CR0_AM : 0;
    cpu->eflags |= FL_AC;
    cpu->regs[R_RBX] = cpu->regs[R_RSI] = rbx;
    cpu->regs[R_RDI] = GUEST_DATA + 0x800;
    cpu->regs[R_RCX] = 2;
    x86_update_mode(cpu);
    return guest_run(cpu, code, len);
}

static const struct {
    const char *what;
    uint8_t code[8], len, align;
} forms[] = {
    { "mov r8", { 0x8a, 0x03 }, 2, 1 },
    { "mov r16", { 0x66, 0x8b, 0x03 }, 3, 2 },
    { "mov r32", { 0x8b, 0x03 }, 2, 4 },
    { "mov r64", { 0x48, 0x8b, 0x03 }, 3, 8 },
    { "mov m64", { 0x48, 0x89, 0x03 }, 3, 8 },
    { "add m32", { 0x01, 0x03 }, 2, 4 },
    { "lock add m64", { 0xf0, 0x48, 0x01, 0x03 }, 4, 8 },
    { "movups load", { 0x0f, 0x10, 0x03 }, 3, 16 },
    { "movups store", { 0x0f, 0x11, 0x03 }, 3, 16 },
    { "addss", { 0xf3, 0x0f, 0x58, 0x03 }, 4, 4 },
    { "fldt", { 0xdb, 0x2b }, 2, 8 },
    { "fldl", { 0xdd, 0x03 }, 2, 8 },
    { "fnstenv", { 0xd9, 0x33 }, 2, 4 },
    { "fnstenv 16", { 0x66, 0xd9, 0x33 }, 3, 2 },
    { "fnsave", { 0xdd, 0x33 }, 2, 4 },
    { "rep movsb", { 0xf3, 0xa4 }, 2, 1 },
    { "rep movsq", { 0xf3, 0x48, 0xa5 }, 3, 8 },
    { "prefetcht0", { 0x0f, 0x18, 0x0b }, 3, 1 },
    { "cmpxchg8b", { 0x0f, 0xc7, 0x0b }, 3, 8 },
};

TEST(natural_alignment)
{
    for (unsigned k = 0; k < G_N_ELEMENTS(forms); k++) {
        for (unsigned off = 0; off <= 16; off++) {
            int want = off % forms[k].align ? EXC_AC : -1;
            int got = run_at(forms[k].code, forms[k].len, GUEST_DATA + off, true);

            if (got != want) {
                TEST_FAIL("%s at +%u: vector %d, not %d", forms[k].what, off, got, want);
            }
            got = run_at(forms[k].code, forms[k].len, GUEST_DATA + off, false);
            if (got != -1) {
                TEST_FAIL("%s at +%u without CR0.AM: vector %d", forms[k].what, off, got);
            }
        }
    }
}

TEST(order_of_faults)
{
    static const uint8_t load[] = { 0x48, 0x8b, 0x03 }, movaps[] = { 0x0f, 0x28, 0x03 }, fxsave[] = { 0x0f, 0xae, 0x03 };

    CHECK_EQ(run_at(load, 3, PAGE_MISSING + 1, true), EXC_AC); /* before the page fault */
    CHECK_EQ(run_at(load, 3, PAGE_MISSING - 3, true), EXC_AC);
    CHECK_EQ(run_at(load, 3, PAGE_MISSING, true), EXC_PF);
    CHECK_EQ(run_at(load, 3, 0x8000000000000001, true), EXC_GP); /* after the canonical check */
    CHECK_EQ(run_at(movaps, 3, GUEST_DATA + 1, true), EXC_GP);
    CHECK_EQ(run_at(fxsave, 3, GUEST_DATA + 2, true), EXC_AC);
    CHECK_EQ(run_at(fxsave, 3, GUEST_DATA + 4, true), EXC_GP);
}

/* Supervisor code and implicit supervisor accesses are never checked. */
TEST(supervisor)
{
    static const uint8_t load[] = { 0x48, 0x8b, 0x03 }, ud[] = { 0x0f, 0x0b };
    X86Cpu *cpu = guest_new();

    guest_long(cpu, 0);
    cpu->cr0 |= CR0_AM;
    cpu->eflags |= FL_AC;
    cpu->regs[R_RBX] = GUEST_DATA + 1;
    x86_update_mode(cpu);
    CHECK_EQ(guest_run(cpu, load, 3), -1);
    CHECK_EQ(run_at(ud, 2, 0, true), EXC_UD);
}

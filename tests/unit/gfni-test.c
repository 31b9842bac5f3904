/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GFNI where the host lacks it: the map that makes AES's S-box of inverses against AESENCLAST, which runs natively; products against
 * FIPS 197 and field laws; operand forms.  Where the host has it, vec-native-test compares every form.
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-cpu.h"
#include "target/i386/cpuid.h"

#define SBOX_MATRIX 0xf1e3c78f1f3e7cf8u
#define IDENTITY 0x0102040810204080u

static X86Cpu *vector_cpu(void)
{
    X86Cpu *cpu = guest_new();

    guest_long(cpu, 3);
    cpu->mxcsr = 0x1f80;
    cpu->regs[R_RBX] = GUEST_DATA;
    return cpu;
}

static void fill(VecReg *v, uint64_t q)
{
    for (unsigned k = 0; k < 8; k++) {
        v->q[k] = q;
    }
}

TEST(inverse_and_map_make_the_aes_s_box)
{
    /* pxor xmm3,xmm3; aesenclast xmm0,xmm3; gf2p8affineinvqb xmm1,xmm2,0x63 */
    static const uint8_t code[] = { 0x66, 0x0f, 0xef, 0xdb, 0x66, 0x0f, 0x38, 0xdd, 0xc3, 0x66, 0x0f, 0x3a, 0xcf, 0xca, 0x63 };

    if (!x86_has_feature(vector_cpu(), CPUID_AES)) {
        TEST_SKIP("the host has no AES instructions");
    }
    for (unsigned x = 0; x < 256; x++) {
        X86Cpu *cpu = vector_cpu();

        fill(&cpu->vec[0], x * 0x0101010101010101u); /* equal bytes: ShiftRows does nothing */
        fill(&cpu->vec[1], x * 0x0101010101010101u);
        fill(&cpu->vec[2], SBOX_MATRIX);
        CHECK_EQ(guest_run(cpu, code, sizeof(code)), -1);
        CHECK_EQ(cpu->vec[1].q[0], cpu->vec[0].q[0]);
        CHECK_EQ(cpu->vec[1].q[1], cpu->vec[0].q[1]);
        CHECK_EQ(cpu->vec[1].q[2], x * 0x0101010101010101u); /* legacy forms leave the upper half alone */
    }
}

TEST(products)
{
    static const uint8_t mul[] = { 0x66, 0x0f, 0x38, 0xcf, 0xca };                         /* gf2p8mulb xmm1,xmm2 */
    static const uint8_t inverse[] = { 0x66, 0x0f, 0x3a, 0xcf, 0xca, 0x00, 0x66, 0x0f, 0x38, 0xcf, 0xc8 }; /* xmm1 = inv(xmm1) * xmm0 */
    X86Cpu *cpu = vector_cpu();

    fill(&cpu->vec[1], 0x5757000102038057);
    fill(&cpu->vec[2], 0x8313ff0101550202);
    CHECK_EQ(guest_run(cpu, mul, sizeof(mul)), -1);
    CHECK_EQ(cpu->vec[1].q[0], 0xc1fe000102ff1bae);
    for (unsigned x = 0; x < 256; x++) {
        cpu = vector_cpu();
        fill(&cpu->vec[0], x * 0x0101010101010101u);
        fill(&cpu->vec[1], x * 0x0101010101010101u);
        fill(&cpu->vec[2], IDENTITY);
        CHECK_EQ(guest_run(cpu, inverse, sizeof(inverse)), -1);
        CHECK_EQ(cpu->vec[1].q[1], x ? 0x0101010101010101u : 0);
    }
}

TEST(map_by_rows)
{
    static const uint8_t code[] = { 0xc4, 0xe3, 0xed, 0xce, 0x0b, 0x01 }; /* vgf2p8affineqb ymm1,ymm2,[rbx],1 */
    X86Cpu *cpu = vector_cpu();

    fill(&cpu->vec[2], 0x8040201008040281);
    fill(&cpu->vec[1], UINT64_MAX);
    st_le64(guest_ram() + GUEST_DATA + 1, IDENTITY);                /* VEX forms need no alignment */
    st_le64(guest_ram() + GUEST_DATA + 1 + 8, 0x8040201008040201u); /* bits the other way round */
    st_le64(guest_ram() + GUEST_DATA + 1 + 16, 0);
    st_le64(guest_ram() + GUEST_DATA + 1 + 24, 0xff);               /* parity to bit 7 */
    cpu->regs[R_RBX]++;
    CHECK_EQ(guest_run(cpu, code, sizeof(code)), -1);
    CHECK_EQ(cpu->vec[1].q[0], 0x8141211109050380);
    CHECK_EQ(cpu->vec[1].q[1], 0x0003050911214180);
    CHECK_EQ(cpu->vec[1].q[2], 0x0101010101010101);
    CHECK_EQ(cpu->vec[1].q[3], 0x8181818181818101);
    CHECK_EQ(cpu->vec[1].q[4], 0);
}

TEST(faults)
{
    static const uint8_t code[] = { 0x66, 0x0f, 0x38, 0xcf, 0x0b };        /* gf2p8mulb xmm1,[rbx] */
    static const uint8_t vex[] = { 0xc4, 0xe2, 0x69, 0xcf, 0x0b };         /* vgf2p8mulb xmm1,xmm2,[rbx] */
    X86Cpu *cpu = vector_cpu();

    CHECK_EQ(guest_run(cpu, code, sizeof(code)), -1);
    cpu = vector_cpu();
    cpu->regs[R_RBX]++;
    CHECK_EQ(guest_run(cpu, code, sizeof(code)), EXC_GP);
    cpu = vector_cpu();
    cpu->cr0 |= CR0_TS;
    x86_update_mode(cpu);
    CHECK_EQ(guest_run(cpu, code, sizeof(code)), EXC_NM);
    cpu = vector_cpu();
    cpu->xcr0 = 3;
    CHECK_EQ(guest_run(cpu, vex, sizeof(vex)), EXC_UD);
    cpu = vector_cpu();
    cpu->regs[R_RBX] = 0x1000000 - 8;
    CHECK_EQ(guest_run(cpu, vex, sizeof(vex)), EXC_PF);
    CHECK_EQ(cpu->cr2, 0x1000000);
}

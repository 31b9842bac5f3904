/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XSAVES and XRSTORS, which the host cannot be asked about at CPL 3: without supervisor components they write what XSAVEC writes and load
 * what XRSTOR loads of the compacted form (SDM vol. 1, 13.11, 13.12), and those two vec-native-test compares with the host's CPU.
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-cpu.h"

enum { AREA_C = 0x500000, AREA_S = 0x502000, SIZE = 1024 };

static GRand *rnd;

static X86Cpu *random_state(unsigned cpl, uint64_t mask)
{
    X86Cpu *cpu = guest_new();

    guest_long(cpu, cpl);
    for (unsigned r = 0; r < 16; r++) {
        for (unsigned k = 0; k < 32; k++) {
            cpu->vec[r].b[k] = g_rand_int_range(rnd, 0, 3) ? (uint8_t)g_rand_int(rnd) : 0;
        }
    }
    for (unsigned r = 0; r < 8; r++) {
        for (unsigned k = 0; k < 10; k++) {
            cpu->x87.st[r][k] = (uint8_t)g_rand_int(rnd);
        }
    }
    cpu->x87.ftw = (uint8_t)g_rand_int(rnd);
    cpu->x87.fcw = 0x37f;
    cpu->x87.fsw = (uint16_t)(g_rand_int(rnd) & 0x7f00);
    cpu->mxcsr = g_rand_int_range(rnd, 0, 2) ? 0x1f80 : 0x1fa0;
    cpu->xcr0 = 7;
    cpu->regs[R_RAX] = (uint32_t)mask;
    cpu->regs[R_RDX] = mask >> 32;
    cpu->regs[R_RBX] = AREA_C;
    cpu->regs[R_RCX] = AREA_S;
    for (unsigned k = 0; k < SIZE; k++) {
        guest_ram()[AREA_C + k] = guest_ram()[AREA_S + k] = k >= 512 && k < 576 ? 0 : 0xa5; /* the header's rest is software's */
    }
    return cpu;
}

/* Everything that the area can hold, for comparing. */
static void state_of(const X86Cpu *cpu, uint8_t out[16 * 32 + 8 * 10 + 16])
{
    uint8_t *p = out;

    for (unsigned r = 0; r < 16; r++, p += 32) {
        memcpy(p, cpu->vec[r].b, 32);
    }
    for (unsigned r = 0; r < 8; r++, p += 10) {
        memcpy(p, cpu->x87.st[r], 10);
    }
    st_le16(p, cpu->x87.fcw);
    st_le16(p + 2, cpu->x87.fsw);
    p[4] = cpu->x87.ftw;
    memset(p + 5, 0, 3);
    st_le32(p + 8, cpu->mxcsr);
    st_le32(p + 12, 0);
}

TEST(same_as_xsavec_and_xrstor)
{
    static const uint8_t save[] = { 0x0f, 0xc7, 0x23, 0x0f, 0xc7, 0x29 };    /* xsavec [rbx]; xsaves [rcx] */
    static const uint8_t xrstor[] = { 0x0f, 0xae, 0x2b };                    /* [rbx] */
    static const uint8_t xrstors[] = { 0x0f, 0xc7, 0x19 };                   /* [rcx] */

    rnd = g_rand_new_with_seed(42);
    for (unsigned n = 0; n < 200; n++) {
        uint64_t mask = n % 3 ? g_rand_int(rnd) & 7 : UINT64_MAX, load = n % 2 ? g_rand_int(rnd) & 7 : UINT64_MAX;
        X86Cpu *cpu = random_state(0, mask);
        uint8_t areas[2][SIZE], got[2][16 * 32 + 8 * 10 + 16];

        CHECK_EQ(guest_run(cpu, save, sizeof(save)), -1);
        CHECK_MEM(guest_ram() + AREA_S, guest_ram() + AREA_C, SIZE);
        memcpy(areas[0], guest_ram() + AREA_C, SIZE);
        memcpy(areas[1], guest_ram() + AREA_S, SIZE);
        uint32_t seed = g_rand_int(rnd);
        for (unsigned k = 0; k < 2; k++) {
            g_rand_set_seed(rnd, seed);
            cpu = random_state(0, load);
            memcpy(guest_ram() + AREA_C, areas[0], SIZE);
            memcpy(guest_ram() + AREA_S, areas[1], SIZE);
            CHECK_EQ(k ? guest_run(cpu, xrstors, sizeof(xrstors)) : guest_run(cpu, xrstor, sizeof(xrstor)), -1);
            state_of(cpu, got[k]);
        }
        CHECK_MEM(got[1], got[0], sizeof(got[0]));
    }
    g_rand_free(rnd);
}

/* What makes each of the two fault; the area is a good compacted one but for one thing. */
TEST(faults)
{
    static const uint8_t save[] = { 0x0f, 0xc7, 0x29 }, restore[] = { 0x0f, 0xc7, 0x19 };
    static const struct {
        unsigned at;
        uint64_t value;
        int want;
    } headers[] = {
        { 512, 7, -1 }, { 520, 7, EXC_GP } /* the standard form */, { 512, 8, EXC_GP }, { 520, (uint64_t)1 << 63 | 0xf, EXC_GP },
        { 520, (uint64_t)1 << 63 | 3, EXC_GP } /* XSTATE_BV is not within it */, { 528, 1, EXC_GP }, { 568, (uint64_t)1 << 40, EXC_GP },
    };

    rnd = g_rand_new_with_seed(7);
    for (unsigned k = 0; k < G_N_ELEMENTS(headers); k++) {
        X86Cpu *cpu = random_state(0, 7);
        uint8_t *area = guest_ram() + AREA_S;

        memset(area, 0, SIZE);
        st_le32(area + 24, 0x1f80);
        st_le16(area, 0x37f);
        st_le64(area + 512, 7);
        st_le64(area + 520, (uint64_t)1 << 63 | 7);
        st_le64(area + headers[k].at, headers[k].value);
        int got = guest_run(cpu, restore, sizeof(restore));
        if (got != headers[k].want) {
            TEST_FAIL("header %u: vector %d", k, got);
        }
    }
    for (unsigned k = 0; k < 2; k++) {
        const uint8_t *code = k ? restore : save;

        CHECK_EQ(guest_run(random_state(3, 7), code, 3), EXC_GP);
        X86Cpu *cpu = random_state(0, 7);
        cpu->regs[R_RCX] += 32;
        CHECK_EQ(guest_run(cpu, code, 3), EXC_GP);
        cpu = random_state(0, 7);
        cpu->cr4 &= ~(uint64_t)CR4_OSXSAVE;
        CHECK_EQ(guest_run(cpu, code, 3), EXC_UD);
        cpu = random_state(0, 7);
        cpu->cr0 |= CR0_TS;
        x86_update_mode(cpu);
        CHECK_EQ(guest_run(cpu, code, 3), EXC_NM);
    }
    g_rand_free(rnd);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decoder: operands, prefixes, segments, flatness and legality in 16-, 32- and 64-bit code. */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "target/i386/cpuid.h"
#include "target/i386/decode.h"
#include "target/i386/exc.h"
#include "target/i386/mem.h"

enum { M16 = 0, M32 = MODE_PE | MODE_CODE32 | MODE_SS32 | MODE_FLAT, M64 = MODE_PE | MODE_LMA | MODE_CODE64 };

static X86Cpu *the_cpu(void)
{
    static X86Cpu *cpu;

    if (!cpu) {
        decode_init();
        cpu = aligned_alloc(64, align_up(sizeof(X86Cpu), 64));
        memset(cpu, 0, sizeof(*cpu));
        memset(cpu->feat, 0xff, sizeof(cpu->feat));
    }
    return cpu;
}

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

/* Bytes behind the instruction are NOPs. */
static Insn decode(uint32_t mode, const uint8_t *bytes, size_t len)
{
    uint8_t buf[32];
    Insn i;
    X86Cpu *cpu = the_cpu();

    memset(buf, 0x90, sizeof(buf));
    memcpy(buf, bytes, len);
    cpu->mode = mode;
    decode_insn(cpu, buf, 15, 0x40, &i);
    return i;
}

static int raised(uint32_t mode, const uint8_t *bytes, size_t len)
{
    X86Cpu *cpu = the_cpu();
    Insn i = decode(mode, bytes, len);

    cpu->insn = NULL;
    cpu->exc_vector = -1;
    cpu->jmp_valid = true;
    if (i.len == 1 && (i.flags & INSN_BRANCH) && (i.flags & INSN_END) && sigsetjmp(cpu->exit_jmp, 0) == 0) {
        i.fn(cpu, &i); /* only what decode_illegal made: others would run */
    }
    cpu->jmp_valid = false;
    return cpu->exc_vector;
}

#define CHECK_LEGAL(mode, ...) CHECK(raised(mode, BYTES(__VA_ARGS__)) == -1)
#define CHECK_UD(mode, ...) CHECK_EQ(raised(mode, BYTES(__VA_ARGS__)), EXC_UD)

TEST(registers)
{
    Insn i = decode(M64, BYTES(0x48, 0x01, 0xd8)); /* add rax, rbx */
    CHECK_EQ(i.dst, R_RAX * 8);
    CHECK_EQ(i.src, R_RBX * 8);
    CHECK_EQ(i.opsize, 8);
    CHECK_EQ(i.len, 3);
    CHECK_EQ(i.off, 0x40);
    CHECK(!(i.flags & INSN_MEM));
    i = decode(M64, BYTES(0x00, 0xfc)); /* add ah, bh */
    CHECK_EQ(i.dst, 1);
    CHECK_EQ(i.src, 25);
    i = decode(M64, BYTES(0x40, 0x00, 0xfc)); /* add spl, dil */
    CHECK_EQ(i.dst, R_RSP * 8);
    CHECK_EQ(i.src, R_RDI * 8);
    i = decode(M64, BYTES(0x45, 0x88, 0xc7)); /* mov r15b, r8b */
    CHECK_EQ(i.dst, R_R15 * 8);
    CHECK_EQ(i.src, R_R8 * 8);
}

TEST(memory_operands)
{
    Insn i = decode(M64, BYTES(0x4a, 0x8b, 0x84, 0xa5, 0x78, 0x56, 0x34, 0x12)); /* mov rax,[rbp+r12*4+12345678] */
    CHECK(i.flags & INSN_MEM);
    CHECK_EQ(i.base, R_RBP * 8);
    CHECK_EQ(i.index, R_R12 * 8);
    CHECK_EQ(i.scale, 2);
    CHECK_EQ(i.disp, 0x12345678);
    CHECK_EQ(i.seg, SEG_SS);
    i = decode(M64, BYTES(0x8b, 0x04, 0x25, 0, 0, 0, 0x80)); /* absolute */
    CHECK_EQ(i.base, R_ZERO * 8);
    CHECK_EQ(i.index, R_ZERO * 8);
    CHECK_EQ(i.disp, INT32_MIN);
    i = decode(M64, BYTES(0x8b, 0x05, 0x10, 0, 0, 0)); /* rip-relative: from the block's start */
    CHECK_EQ(i.base, R_RIP * 8);
    CHECK_EQ(i.disp, 0x40 + 6 + 0x10);
    i = decode(M16, BYTES(0x8b, 0x46, 0xfe)); /* mov ax,[bp-2] */
    CHECK_EQ(i.base, R_RBP * 8);
    CHECK_EQ(i.addrsize, 2);
    CHECK_EQ(i.opsize, 2);
    CHECK_EQ(i.seg, SEG_SS);
    CHECK_EQ(i.disp, -2);
    i = decode(M16, BYTES(0x66, 0x67, 0x8b, 0x04, 0x24)); /* mov eax,[esp] */
    CHECK_EQ(i.addrsize, 4);
    CHECK_EQ(i.opsize, 4);
    CHECK_EQ(i.seg, SEG_SS);
    i = decode(M64, BYTES(0xa1, 8, 7, 6, 5, 4, 3, 2, 1)); /* mov eax,[0102030405060708] */
    CHECK_EQ(i.imm, 0x0102030405060708);
}

TEST(segments_and_flatness)
{
    Insn i = decode(M64, BYTES(0x65, 0x8b, 0));
    CHECK_EQ(i.seg, SEG_GS);
    CHECK(i.flags & INSN_FLAT);
    i = decode(M64, BYTES(0x2e, 0x8b, 0)); /* CS override does nothing */
    CHECK_EQ(i.seg, SEG_DS);
    i = decode(M32, BYTES(0x8b, 0));
    CHECK(i.flags & INSN_FLAT);
    i = decode(M32, BYTES(0x64, 0x8b, 0));
    CHECK(!(i.flags & INSN_FLAT));
    i = decode(M32, BYTES(0x2e, 0x8b, 0)); /* code may be read.. */
    CHECK(i.flags & INSN_FLAT);
    i = decode(M32, BYTES(0x2e, 0x89, 0)); /* ..but never written */
    CHECK(!(i.flags & INSN_FLAT));
    i = decode(M16, BYTES(0x26, 0xa4)); /* es: movsb */
    CHECK_EQ(i.seg, SEG_ES);
    CHECK(!(i.flags & INSN_FLAT));
}

TEST(immediates_and_branches)
{
    Insn i = decode(M64, BYTES(0x48, 0x81, 0xc0, 0, 0, 0, 0x80));
    CHECK_EQ(i.imm, 0xffffffff80000000);
    i = decode(M64, BYTES(0x83, 0xc0, 0xff));
    CHECK_EQ(i.imm, UINT64_MAX);
    i = decode(M64, BYTES(0xeb, 0xfe));
    CHECK_EQ(i.imm, (uint64_t)-2);
    CHECK(i.flags & INSN_BRANCH);
    CHECK_EQ(i.opsize, 8);
    i = decode(M64, BYTES(0x66, 0xe8, 0, 1, 0, 0)); /* the prefix is ignored, as by Intel */
    CHECK_EQ(i.opsize, 8);
    CHECK_EQ(i.len, 6);
    i = decode(M32, BYTES(0x66, 0xe8, 0, 1)); /* here it is not */
    CHECK_EQ(i.opsize, 2);
    CHECK_EQ(i.len, 4);
    i = decode(M16, BYTES(0xea, 0x5b, 0xe0, 0, 0xf0));
    CHECK_EQ(i.imm, (uint64_t)0xf000 << 32 | 0xe05b);
    CHECK((i.flags & (INSN_BRANCH | INSN_END)) == (INSN_BRANCH | INSN_END));
    i = decode(M64, BYTES(0xc8, 0x10, 0, 3));
    CHECK_EQ(i.imm, 0x30010);
    i = decode(M64, BYTES(0xf3, 0x48, 0xab));
    CHECK((i.flags & (INSN_REP | INSN_BRANCH)) == (INSN_REP | INSN_BRANCH));
    i = decode(M64, BYTES(0x48, 0xab));
    CHECK(!(i.flags & INSN_BRANCH));
}

TEST(lock_is_legal_where_it_is)
{
    CHECK_LEGAL(M64, 0xf0, 0x01, 0x18);
    CHECK_UD(M64, 0xf0, 0x01, 0xd8);       /* register destination */
    CHECK_UD(M64, 0xf0, 0x03, 0x18);       /* add r, m */
    CHECK_UD(M64, 0xf0, 0x8b, 0x18);       /* mov */
    CHECK_UD(M64, 0xf0, 0x39, 0x18);       /* cmp */
    CHECK_UD(M64, 0xf0, 0x0f, 0xba, 0x20, 1); /* bt */
    CHECK_LEGAL(M64, 0xf0, 0x0f, 0xba, 0x28, 1);
    CHECK_UD(M64, 0xf0, 0xd1, 0x20);       /* shl */
    CHECK_UD(M64, 0xf0, 0xff, 0x30);       /* push */
    CHECK_LEGAL(M64, 0xf0, 0x0f, 0xc7, 0x08);
    CHECK_UD(M64, 0xf0, 0x90);
}

TEST(lock_mov_cr0_is_cr8)
{
    Insn i = decode(M32, BYTES(0xf0, 0x0f, 0x20, 0xc3)); /* mov ebx, cr8 */
    CHECK_EQ(i.src, 8);
    CHECK_EQ(i.dst, R_RBX * 8);
    CHECK_EQ(i.len, 4);
    i = decode(M32, BYTES(0xf0, 0x0f, 0x22, 0xc3));
    CHECK_EQ(i.dst, 8);
    CHECK_UD(M32, 0xf0, 0x0f, 0x20, 0xdb); /* not of CR3 */
}

TEST(length_limit)
{
    CHECK_EQ(raised(M64, BYTES(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66)), EXC_GP);
    CHECK_LEGAL(M64, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90);
    Insn i;
    the_cpu()->mode = M64;
    CHECK_EQ(decode_insn(the_cpu(), BYTES(0xe8, 0, 0), 0, &i), DECODE_MORE);
    CHECK_EQ(decode_insn(the_cpu(), BYTES(0x66), 0, &i), DECODE_MORE);
}

TEST(undefined_in_some_mode)
{
    CHECK_UD(M64, 0x27);             /* daa */
    CHECK_LEGAL(M32, 0x27);
    CHECK_UD(M64, 0x60);             /* pusha */
    CHECK_UD(M64, 0x06);             /* push es */
    CHECK_UD(M64, 0xea, 0, 0, 0, 0, 0, 0);
    CHECK_UD(M16, 0x0f, 0x00, 0xd8); /* ltr in real mode */
    CHECK_UD(M64, 0x0f, 0x0a);
    CHECK_LEGAL(M64, 0x0f, 0x0d, 0xc0); /* reserved NOP */
    CHECK_LEGAL(M64, 0xf3, 0x0f, 0x1e, 0xfa); /* endbr64 */
    CHECK_UD(M64, 0x8d, 0xc0);       /* lea of a register */
    CHECK_UD(M64, 0x0f, 0xc7, 0xc8); /* cmpxchg8b of a register */
}

TEST(features_that_are_not_shown)
{
    X86Cpu *cpu = the_cpu();
    Insn i;

    cpu->feat[CPUID_BMI1 >> 5] &= ~(1u << (CPUID_BMI1 & 31));
    decode_forget(cpu);
    CHECK_UD(M64, 0xc4, 0xe2, 0x60, 0xf2, 0xc1); /* andn */
    i = decode(M64, BYTES(0xf3, 0x0f, 0xbc, 0xc1));
    CHECK(i.fn == decode(M64, BYTES(0x0f, 0xbc, 0xc1)).fn); /* tzcnt is bsf there */
    cpu->feat[CPUID_BMI1 >> 5] = UINT32_MAX;
    decode_forget(cpu);
    CHECK_LEGAL(M64, 0xc4, 0xe2, 0x60, 0xf2, 0xc1);
    i = decode(M64, BYTES(0xf3, 0x0f, 0xbc, 0xc1));
    CHECK(i.fn != decode(M64, BYTES(0x0f, 0xbc, 0xc1)).fn);
    cpu->feat[CPUID_CMOV >> 5] &= ~(1u << (CPUID_CMOV & 31));
    decode_forget(cpu);
    CHECK_UD(M32, 0x0f, 0x44, 0xc1);
    cpu->feat[CPUID_CMOV >> 5] = UINT32_MAX;
    decode_forget(cpu);
}

/* Any bytes give an instruction with a function, of a length that the bytes have, in every mode. */
TEST(any_bytes)
{
    static const uint32_t modes[] = { M16, M32, M64, MODE_PE, MODE_PE | MODE_LMA | MODE_CODE32, MODE_VM86 };
    uint32_t seed = 1;

    for (unsigned n = 0; n < 300000; n++) {
        uint8_t buf[15];
        Insn i;
        for (unsigned k = 0; k < sizeof(buf); k++) {
            seed = seed * 1664525 + 1013904223;
            buf[k] = (uint8_t)(seed >> 24);
        }
        the_cpu()->mode = modes[n % G_N_ELEMENTS(modes)];
        CHECK_EQ(decode_insn(the_cpu(), buf, 15, 0, &i), DECODE_OK);
        CHECK(i.fn && i.len >= 1 && i.len <= 15);
        CHECK(i.base <= R_RIP * 8 && i.index <= R_RIP * 8 && i.seg <= SEG_GS && i.scale <= 3);
    }
}

/* What a form seen before gives is what the bytes alone give, whatever follows the opcode. */
TEST(forms_seen_before)
{
    static const uint32_t modes[] = { M64, M64, M32, M16, MODE_PE | MODE_LMA | MODE_CODE32 };
    static X86Cpu fresh; /* that knows nothing */
    uint32_t seed = 7;
    unsigned legal = 0;
    uint8_t buf[15] = { 0 };

    fresh = *the_cpu();
    for (unsigned n = 0; n < 100000; n++) {
        Insn i, j;
        Decoded d, e;

        memset(&d, 0, sizeof(d));
        memset(&e, 0, sizeof(e));
        for (unsigned k = 0; k < sizeof(buf); k++) {
            seed = seed * 1664525 + 1013904223;
            buf[k] = n % 8 && k < 4 ? buf[k] : (uint8_t)(seed >> 24); /* the first bytes of the one before */
        }
        fresh.decode_cache = NULL;
        the_cpu()->mode = fresh.mode = modes[n / 8 % G_N_ELEMENTS(modes)];
        unsigned len = n % 16 ? 15 : 1 + n / 16 % 15;
        uint16_t off = (uint16_t)(seed >> 8 & 0xfff);

        DecodeResult r = decode_insn_full(the_cpu(), buf, len, off, &i, &d);

        CHECK_EQ(r, decode_insn_full(&fresh, buf, len, off, &j, &e));
        CHECK(r == DECODE_MORE || !memcmp(&i, &j, sizeof(i)));
        CHECK(r == DECODE_MORE || !d.mnemonic || !memcmp(&d, &e, sizeof(d)));
        legal += d.mnemonic != NULL;
        decode_forget(&fresh);
    }
    CHECK(legal > 50000);
}

TEST(text)
{
    char text[64];

    CHECK_EQ(decode_text(M64, 0x1000, BYTES(0x48, 0x01, 0xd8), text, sizeof(text)), 3);
    CHECK_STR(text, "add rax, rbx");
    CHECK_EQ(decode_text(M16, 0x1000, BYTES(0xeb, 0xfe), text, sizeof(text)), 2);
    CHECK_STR(text, "jmp 0x1000");
    CHECK_EQ(decode_text(M64, 0, BYTES(0x0f, 0x0a), text, sizeof(text)), 0);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paging state that lives in the CPU: PAE's upper entries (loaded with CR3, checked then), protection keys and their XSAVE part;
 * UMIP; RIP-relative operands whose displacement ends at +2 GiB. */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-cpu.h"
#include "target/i386/cpuid.h"

#define NX ((uint64_t)1 << 63)
enum { P = 1, W = 2, U = 4, PS = 0x80, PDPT = 0x10020, PDPT2 = 0x10040 };

/* Flat 32-bit code with PAE paging on: the first 2 MiB by way of @PDPT. */
static X86Cpu *pae_cpu(void)
{
    X86Cpu *cpu = guest_new();
    uint8_t *ram = guest_ram();
    static const uint8_t on[] = { 0x0f, 0x22, 0xe2, 0x0f, 0x22, 0xdb, 0x0f, 0x22, 0xc0 }; /* mov cr4,edx; cr3,ebx; cr0,eax */

    guest_flat32(cpu);
    st_le64(ram + PDPT, 0x11000 | P);
    for (unsigned k = 0; k < 8; k++) {
        st_le64(ram + 0x11000 + k * 8, k * 0x200000 | P | W | PS);
    }
    cpu->regs[R_RDX] = CR4_PAE;
    cpu->regs[R_RBX] = PDPT;
    cpu->regs[R_RAX] = cpu->cr0 | CR0_PG;
    CHECK_EQ(guest_run(cpu, on, sizeof(on)), -1);
    return cpu;
}

static int set_cr3(X86Cpu *cpu, uint32_t v)
{
    static const uint8_t mov[] = { 0x0f, 0x22, 0xdb };

    cpu->regs[R_RIP] = GUEST_CODE;
    cpu->regs[R_RBX] = v;
    return guest_run(cpu, mov, sizeof(mov));
}

TEST(pae_entries_are_cached)
{
    static const uint8_t load[] = { 0x8b, 0x03 };
    X86Cpu *cpu = pae_cpu();

    CHECK_EQ(cpu->pdpte[0], 0x11000 | P);
    st_le64(guest_ram() + PDPT, 0);
    tlb_flush_all(cpu); /* the walk does not read it again */
    st_le32(guest_ram() + 0x500000, 0x1234);
    cpu->regs[R_RIP] = GUEST_CODE;
    cpu->regs[R_RBX] = 0x500000;
    CHECK_EQ(guest_run(cpu, load, sizeof(load)), -1);
}

TEST(pae_reserved_bits)
{
    static const uint64_t bad[] = { W, U, 0x20, 0x80, 0x100, NX, (uint64_t)1 << 51 };

    for (unsigned k = 0; k < G_N_ELEMENTS(bad); k++) {
        X86Cpu *cpu = pae_cpu();

        memcpy(guest_ram() + PDPT2, guest_ram() + PDPT, 32);
        st_le64(guest_ram() + PDPT2 + 24, 0x11000 | P | bad[k]);
        int got = set_cr3(cpu, PDPT2);
        if (got != EXC_GP || cpu->cr3 != PDPT || cpu->pdpte[3]) {
            TEST_FAIL("bits %" PRIx64 ": vector %d, cr3 %" PRIx64, bad[k], got, cpu->cr3);
        }
    }
    X86Cpu *cpu = pae_cpu(); /* what is not present may hold anything, and some bits are free */
    memcpy(guest_ram() + PDPT2, guest_ram() + PDPT, 32);
    st_le64(guest_ram() + PDPT2 + 24, 0x11000 | 0xfffe);
    st_le64(guest_ram() + PDPT2 + 16, 0x11000 | P | 0xe18);
    CHECK_EQ(set_cr3(cpu, PDPT2), -1);
    CHECK_EQ(cpu->pdpte[2], 0x11000 | P | 0xe18);
}

/* --- protection keys ---------------------------------------------------------------------------------------------- */

static void show(X86Cpu *cpu, uint16_t feature)
{
    cpu->feat[feature >> 5] |= 1u << (feature & 31);
}

static X86Cpu *key_cpu(unsigned cpl, uint32_t pkru)
{
    X86Cpu *cpu = guest_new();

    guest_long(cpu, cpl);
    show(cpu, CPUID_PKU);
    show(cpu, CPUID_XSAVE);
    st_le64(guest_pte(GUEST_DATA), GUEST_DATA | P | W | U | (uint64_t)5 << 59);
    cpu->cr4 |= CR4_PKE | CR4_OSXSAVE | CR4_OSFXSR;
    cpu->xcr0 = 0x203;
    cpu->pkru = pkru;
    cpu->regs[R_RBX] = GUEST_DATA;
    tlb_flush_all(cpu);
    x86_update_mode(cpu);
    return cpu;
}

TEST(protection_keys)
{
    static const uint8_t load[] = { 0x8b, 0x03 }, store[] = { 0x89, 0x03 }, jump[] = { 0xff, 0xe3 };
    enum { AD = 1 << 10, WD = 2 << 10 };
    static const struct {
        uint32_t pkru;
        unsigned cpl;
        bool wp;
        int load, store; /* -1 or the error code */
    } cases[] = {
        { 0, 3, true, -1, -1 }, { AD, 3, true, 0x25, 0x27 }, { WD, 3, true, -1, 0x27 }, { AD, 0, true, 0x21, 0x23 },
        { WD, 0, true, -1, 0x23 }, { WD, 0, false, -1, -1 }, { AD, 0, false, 0x21, 0x23 }, { ~(3u << 10), 3, true, -1, -1 },
    };

    for (unsigned k = 0; k < G_N_ELEMENTS(cases); k++) {
        for (unsigned write = 0; write < 2; write++) {
            X86Cpu *cpu = key_cpu(cases[k].cpl, cases[k].pkru & ~3u); /* key 0: code and stack */
            cpu->cr0 = cases[k].wp ? cpu->cr0 | CR0_WP : cpu->cr0 & ~(uint64_t)CR0_WP;
            int want = write ? cases[k].store : cases[k].load;
            int got = write ? guest_run(cpu, store, 2) : guest_run(cpu, load, 2);

            if (got != (want < 0 ? -1 : EXC_PF) || (want >= 0 && mem_load_sys(cpu, cpu->regs[R_RSP], 4) != (uint64_t)want)) {
                TEST_FAIL("case %u %s: vector %d, error %x", k, write ? "store" : "load", got,
                          (unsigned)mem_load_sys(cpu, cpu->regs[R_RSP], 4));
            }
        }
    }
    X86Cpu *cpu = key_cpu(3, AD | WD); /* fetches do not care */
    guest_ram()[GUEST_DATA] = 0xcc;
    CHECK_EQ(guest_run(cpu, jump, 2), -1);
}

TEST(pkru_in_xsave)
{
    /* wrpkru; xsave [rbx]; xor eax,eax; wrpkru; or eax,-1; xrstor [rbx]; xor ecx,ecx; rdpkru */
    static const uint8_t code[] = { 0x0f, 0x01, 0xef, 0x83, 0xc8, 0xff, 0x0f, 0xae, 0x23, 0x31, 0xc0, 0x0f, 0x01, 0xef,
                                    0x83, 0xc8, 0xff, 0x0f, 0xae, 0x2b, 0x31, 0xc9, 0x0f, 0x01, 0xee };
    X86Cpu *cpu = key_cpu(0, 0);
    uint32_t r[4];

    cpu->regs[R_RBX] = GUEST_DATA + 0x1000;
    cpu->regs[R_RAX] = 0x12345000;
    cpu->regs[R_RDX] = 0;
    CHECK_EQ(guest_run(cpu, code, sizeof(code)), -1);
    CHECK_EQ(cpu->regs[R_RAX], 0x12345000);
    CHECK_EQ(ld_le64(guest_ram() + GUEST_DATA + 0x1000 + 2688), 0x12345000);
    CHECK_EQ(ld_le64(guest_ram() + GUEST_DATA + 0x1000 + 512) & 0x200, 0x200);
    x86_cpuid(cpu, 13, 9, r);
    CHECK_EQ(r[0], 8);
    CHECK_EQ(r[1], 2688);
    x86_cpuid(cpu, 13, 0, r);
    CHECK_EQ(r[0] & 0x200, 0x200);
    CHECK_EQ(r[1], 2696);
    cpu->cr4 &= ~(uint64_t)CR4_PKE;
    static const uint8_t rdpkru[] = { 0x0f, 0x01, 0xee };
    cpu->regs[R_RIP] = GUEST_CODE;
    CHECK_EQ(guest_run(cpu, rdpkru, 3), EXC_UD);
}

TEST(umip)
{
    static const struct {
        uint8_t code[4], len;
        const char *what;
    } forms[] = {
        { { 0x0f, 0x01, 0x03 }, 3, "sgdt" }, { { 0x0f, 0x01, 0x0b }, 3, "sidt" }, { { 0x0f, 0x00, 0xc0 }, 3, "sldt" },
        { { 0x0f, 0x00, 0xc8 }, 3, "str" }, { { 0x0f, 0x01, 0xe0 }, 3, "smsw" },
    };

    for (unsigned k = 0; k < G_N_ELEMENTS(forms); k++) {
        for (unsigned cpl = 0; cpl <= 3; cpl += 3) {
            for (unsigned on = 0; on < 2; on++) {
                X86Cpu *cpu = key_cpu(cpl, 0);
                cpu->cr4 |= on ? CR4_UMIP : 0;
                int want = cpl && on ? EXC_GP : -1, got = guest_run(cpu, forms[k].code, forms[k].len);
                if (got != want) {
                    TEST_FAIL("%s at CPL %u, UMIP %u: vector %d", forms[k].what, cpl, on, got);
                }
            }
        }
    }
}

TEST(rip_relative_at_two_gib)
{
    static const uint8_t code[] = { 0x48, 0x89, 0xc8, 0x8b, 0x05, 0xfe, 0xff, 0xff, 0x7f }; /* mov rax,rcx; mov eax,[rip+7ffffffe] */
    X86Cpu *cpu = key_cpu(0, 0);

    CHECK_EQ(guest_run(cpu, code, sizeof(code)), EXC_PF);
    CHECK_EQ(cpu->cr2, GUEST_CODE + sizeof(code) + 0x7ffffffe);
    CHECK_EQ(cpu->regs[R_ZERO], 0);
    CHECK_EQ(mem_load_sys(cpu, cpu->regs[R_RSP] + 8, 8), GUEST_CODE + 3);
    uint8_t *pdpt = guest_ram() + GUEST_PML4 + 0x1000; /* 2 GiB up: the first gigabyte once more */
    st_le64(pdpt + 2 * 8, P | W | U | PS);
    show(cpu, CPUID_PDPE1GB);
    cpu = key_cpu(0, 0);
    show(cpu, CPUID_PDPE1GB);
    st_le64(pdpt + 2 * 8, P | W | U | PS);
    st_le32(guest_ram() + GUEST_CODE + sizeof(code) - 2, 0);
    CHECK_EQ(guest_run(cpu, code, sizeof(code)), -1);
    CHECK_EQ((uint32_t)cpu->regs[R_RAX], ld_le32(guest_ram() + GUEST_CODE + sizeof(code) - 2));
    CHECK_EQ(cpu->regs[R_ZERO], 0);
}

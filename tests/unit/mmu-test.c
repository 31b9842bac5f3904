/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paging: translation, permission, accessed and dirty bits, reserved bits, error codes, in every paging mode. */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-cpu.h"
#include "target/i386/exc.h"
#include "target/i386/mmu-int.h"

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100 };
#define PTE_NX ((uint64_t)1 << 63)

/* Does one access; returns the #PF error code, or -1, or the vector + 1000 of another exception. */
static int try(X86Cpu *cpu, uint64_t lin, MemAccess acc)
{
    volatile int result = -1;

    cpu->insn = NULL;
    cpu->exc_vector = -1;
    cpu->jmp_valid = true;
    if (sigsetjmp(cpu->exit_jmp, 0) == 0) {
        if (acc == ACC_READ) {
            mem_load(cpu, lin, 4);
        } else if (acc == ACC_WRITE) {
            mem_store(cpu, lin, 0x55, 4);
        } else {
            mmu_fetch_page(cpu, lin);
        }
    } else {
        result = cpu->exc_vector == EXC_PF ? (int)cpu->exc_error : cpu->exc_vector + 1000;
    }
    cpu->jmp_valid = false;
    return result;
}

/* 4-level tables of guest_long(), with the page at GUEST_DATA given the entry @pte. */
static X86Cpu *with_pte(uint64_t pte, unsigned cpl)
{
    X86Cpu *cpu = guest_new();

    guest_long(cpu, cpl);
    st_le64(guest_pte(GUEST_DATA), pte);
    return cpu;
}

static void set_control(X86Cpu *cpu, uint64_t cr4, uint32_t eflags)
{
    cpu->cr4 |= cr4;
    cpu->eflags |= eflags;
    tlb_flush_all(cpu);
    x86_update_mode(cpu);
}

TEST(permissions)
{
    static const struct {
        uint64_t bits;
        unsigned cpl;
        MemAccess acc;
        int error;
    } cases[] = {
        { 0, 0, ACC_READ, 0 }, { 0, 0, ACC_WRITE, PF_W }, { 0, 3, ACC_READ, PF_U }, { 0, 3, ACC_EXEC, PF_U | PF_I },
        { PTE_P, 0, ACC_READ, -1 }, { PTE_P, 0, ACC_WRITE, PF_P | PF_W }, { PTE_P, 3, ACC_READ, PF_P | PF_U },
        { PTE_P | PTE_W, 0, ACC_WRITE, -1 }, { PTE_P | PTE_W, 3, ACC_WRITE, PF_P | PF_W | PF_U },
        { PTE_P | PTE_U, 3, ACC_READ, -1 }, { PTE_P | PTE_U, 3, ACC_WRITE, PF_P | PF_W | PF_U },
        { PTE_P | PTE_U | PTE_W, 3, ACC_WRITE, -1 }, { PTE_P | PTE_U, 3, ACC_EXEC, -1 }, { PTE_P | PTE_U, 0, ACC_EXEC, -1 },
        { PTE_P | PTE_U | PTE_NX, 3, ACC_EXEC, PF_P | PF_U | PF_I }, { PTE_P | PTE_NX, 0, ACC_EXEC, PF_P | PF_I },
        { PTE_P | PTE_NX, 0, ACC_READ, -1 },
    };

    for (unsigned k = 0; k < G_N_ELEMENTS(cases); k++) {
        X86Cpu *cpu = with_pte(0x500000 | cases[k].bits, cases[k].cpl);
        int e = try(cpu, GUEST_DATA + 8, cases[k].acc);
        if (e != cases[k].error) {
            TEST_FAIL("case %u: error %d, not %d", k, e, cases[k].error);
        }
        CHECK(e < 0 || cpu->exc_cr2 == GUEST_DATA + 8);
    }
}

TEST(accessed_and_dirty)
{
    X86Cpu *cpu = with_pte(0x500000 | PTE_P | PTE_W, 0);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_READ), -1);
    CHECK_EQ(ld_le64(guest_pte(GUEST_DATA)), 0x500000 | PTE_P | PTE_W | PTE_A);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_WRITE), -1); /* the TLB entry of the read does not hide the first write */
    CHECK_EQ(ld_le64(guest_pte(GUEST_DATA)), 0x500000 | PTE_P | PTE_W | PTE_A | PTE_D);
    CHECK_EQ(guest_ram()[0x500000], 0x55);
    CHECK(ld_le64(guest_ram() + GUEST_PML4) & PTE_A);
    CHECK(!(ld_le64(guest_ram() + GUEST_PML4) & PTE_D));
    cpu = with_pte(0x500000 | PTE_P, 0);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_WRITE), PF_P | PF_W); /* a fault sets neither in the leaf */
    CHECK_EQ(ld_le64(guest_pte(GUEST_DATA)), 0x500000 | PTE_P);
}

TEST(write_protect_off)
{
    X86Cpu *cpu = with_pte(0x500000 | PTE_P, 0);
    cpu->cr0 &= ~(uint64_t)CR0_WP;
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_WRITE), -1);
}

TEST(smep_and_smap)
{
    X86Cpu *cpu = with_pte(0x500000 | PTE_P | PTE_U | PTE_W, 0);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_READ), -1);
    set_control(cpu, CR4_SMEP, 0);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_EXEC), PF_P | PF_I);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_READ), -1);
    set_control(cpu, CR4_SMAP, 0);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_READ), PF_P);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_WRITE), PF_P | PF_W);
    set_control(cpu, 0, FL_AC);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_WRITE), -1);
}

TEST(reserved_bits)
{
    X86Cpu *cpu = with_pte(0x500000 | PTE_P | (uint64_t)1 << 51, 0);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_READ), PF_P | PF_RSVD);
    cpu = with_pte(0x500000 | PTE_P | PTE_NX, 0);
    cpu->efer &= ~(uint64_t)EFER_NXE; /* then the bit is reserved, and a fetch does not say so */
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_READ), PF_P | PF_RSVD);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_EXEC), PF_P | PF_RSVD);
    cpu = with_pte(0x500000 | PTE_P, 0);
    st_le64(guest_ram() + GUEST_PML4, ld_le64(guest_ram() + GUEST_PML4) | PTE_PS); /* no large pages up there */
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_READ), PF_P | PF_RSVD);
}

TEST(large_pages)
{
    X86Cpu *cpu = with_pte(0x500000 | PTE_P, 0);
    uint8_t *pd = guest_ram() + GUEST_PML4 + 0x2000, *pdpt = guest_ram() + GUEST_PML4 + 0x1000;
    st_le64(pd + 8 * 8, 0x600000 | PTE_P | PTE_W | PTE_PS); /* 0x1000000 -> 0x600000 */
    CHECK_EQ(try(cpu, 0x1012344, ACC_WRITE), -1);
    CHECK_EQ(guest_ram()[0x612344], 0x55);
    CHECK(ld_le64(pd + 8 * 8) & PTE_D);
    st_le64(pd + 9 * 8, 0x610000 | PTE_P | PTE_W | PTE_PS); /* bits below 2 MiB, above PAT */
    CHECK_EQ(try(cpu, 0x1200000, ACC_READ), PF_P | PF_RSVD);
    st_le64(pdpt + 8, 0x0 | PTE_P | PTE_W | PTE_PS); /* 1 GiB */
    CHECK_EQ(try(cpu, 0x40712344, ACC_WRITE), -1);
    CHECK_EQ(guest_ram()[0x712344], 0x55);
}

TEST(canonical)
{
    X86Cpu *cpu = with_pte(0x500000 | PTE_P, 0);
    CHECK_EQ(try(cpu, 0x800000000000, ACC_READ), 1000 + EXC_GP);
    CHECK_EQ(try(cpu, 0x7ffffffffffe, ACC_READ), 0); /* crosses, but the first page already fails */
    CHECK_EQ(try(cpu, 0xffff800000000000, ACC_READ), 0);
}

/* A miss of global entries, none of the others. */
TEST(global_pages)
{
    X86Cpu *cpu = with_pte(0x500000 | PTE_P | PTE_G, 0);
    set_control(cpu, CR4_PGE, 0);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_READ), -1);
    CHECK_EQ(try(cpu, GUEST_DATA + 0x1000, ACC_READ), -1);
    st_le64(guest_pte(GUEST_DATA), 0);
    st_le64(guest_pte(GUEST_DATA + 0x1000), 0);
    tlb_flush_nonglobal(cpu);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_READ), -1);
    CHECK_EQ(try(cpu, GUEST_DATA + 0x1000, ACC_READ), 0);
    tlb_flush_page(cpu, GUEST_DATA);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_READ), 0);
}

/* Where code is may be remembered until what it was fetched through may be gone; flushes of data do not count. */
TEST(remembered_code)
{
    X86Cpu *cpu = with_pte(0x500000 | PTE_P | PTE_G, 0);
    uint64_t data = GUEST_DATA + 0x1000, id;

    st_le64(guest_pte(data), 0x501000 | PTE_P | PTE_W | PTE_NX);
    cpu->efer |= EFER_NXE;
    set_control(cpu, CR4_PGE, 0);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_EXEC), -1);
    CHECK_EQ(try(cpu, data, ACC_READ), -1);
    id = tlb_code_id(cpu);
    tlb_flush_page(cpu, data);
    tlb_drop_faulting(cpu, data);
    tlb_flush_nonglobal(cpu);
    tlb_switch(cpu, false);
    CHECK_EQ(tlb_code_id(cpu), id); /* all code is global */
    cpu->cpl = 3;
    CHECK(tlb_code_id(cpu) != id);
    cpu->cpl = 0;
    tlb_flush_page(cpu, GUEST_DATA);
    CHECK(tlb_code_id(cpu) != id);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_EXEC), -1);
    id = tlb_code_id(cpu);
    tlb_drop_faulting(cpu, GUEST_DATA);
    CHECK(tlb_code_id(cpu) != id);
    id = tlb_code_id(cpu);
    tlb_code_renew(cpu);
    CHECK(tlb_code_id(cpu) != id);
    id = tlb_code_id(cpu);
    tlb_flush_all(cpu);
    CHECK(tlb_code_id(cpu) != id);
}

TEST(remembered_code_of_one_space)
{
    X86Cpu *cpu = with_pte(0x500000 | PTE_P, 0);
    uint64_t before = tlb_code_id(cpu), id;

    CHECK_EQ(try(cpu, GUEST_DATA, ACC_EXEC), -1);
    id = tlb_code_id(cpu);
    CHECK(id != before); /* not that of all spaces any more */
    tlb_flush_page(cpu, GUEST_DATA + 0x400000 - 0x1000);
    CHECK_EQ(tlb_code_id(cpu), id);
    tlb_flush_page(cpu, GUEST_DATA);
    CHECK(tlb_code_id(cpu) != id);
    id = tlb_code_id(cpu);
    tlb_flush_nonglobal(cpu);
    CHECK(tlb_code_id(cpu) != id);
    st_le64(guest_pte(GUEST_DATA), 0x500000 | PTE_P | PTE_U);
    CHECK_EQ(try(cpu, GUEST_DATA, ACC_EXEC), -1);
    id = tlb_code_id(cpu);
    tlb_switch(cpu, false); /* CR3 is written */
    CHECK(tlb_code_id(cpu) != id);
}

TEST(legacy_32_bit)
{
    X86Cpu *cpu = guest_new();
    uint8_t *ram = guest_ram();
    guest_flat32(cpu);
    st_le32(ram + 0x10000 + (0x400000 >> 22) * 4, 0x11000 | PTE_P | PTE_W | PTE_U);
    st_le32(ram + 0x11000, 0x500000 | PTE_P | PTE_W);
    st_le32(ram + 0x10000 + (0x800000 >> 22) * 4, 0x800000 | PTE_P | PTE_W | PTE_PS);
    cpu->cr3 = 0x10000;
    cpu->cr0 |= CR0_PG | CR0_WP;
    cpu->cr4 = CR4_PSE;
    tlb_flush_all(cpu);
    CHECK_EQ(try(cpu, 0x400010, ACC_WRITE), -1);
    CHECK_EQ(ram[0x500010], 0x55);
    CHECK_EQ(ld_le32(ram + 0x11000), 0x500000 | PTE_P | PTE_W | PTE_A | PTE_D);
    CHECK_EQ(try(cpu, 0x401000, ACC_EXEC), 0); /* no I bit without NX and SMEP */
    CHECK_EQ(try(cpu, 0x812344, ACC_WRITE), -1);
    CHECK_EQ(ram[0x812344], 0x55);
    cpu->cr4 = 0; /* PS means nothing now: the entry points to a table of zeros */
    tlb_flush_all(cpu);
    CHECK_EQ(try(cpu, 0x812344, ACC_READ), 0);
}

TEST(pae)
{
    X86Cpu *cpu = guest_new();
    uint8_t *ram = guest_ram();
    guest_flat32(cpu);
    st_le64(ram + 0x10020 + 3 * 8, 0x11000 | PTE_P); /* 3 GiB.. ; the table is 32-byte aligned only */
    st_le64(ram + 0x11000, 0x12000 | PTE_P | PTE_W | PTE_U);
    st_le64(ram + 0x11008, 0x600000 | PTE_P | PTE_W | PTE_PS);
    st_le64(ram + 0x12000, 0x500000 | PTE_P | PTE_W | PTE_NX);
    cpu->cr3 = 0x10020;
    cpu->cr0 |= CR0_PG | CR0_WP;
    cpu->cr4 = CR4_PAE;
    cpu->efer = EFER_NXE;
    CHECK(mmu_load_pdptes(cpu, cpu->cr3));
    tlb_flush_all(cpu);
    CHECK_EQ(try(cpu, 0xc0000020, ACC_WRITE), -1);
    CHECK_EQ(ram[0x500020], 0x55);
    CHECK_EQ(try(cpu, 0xc0000020, ACC_EXEC), PF_P | PF_I);
    CHECK_EQ(try(cpu, 0xc0212344, ACC_WRITE), -1);
    CHECK_EQ(ram[0x612344], 0x55);
    CHECK_EQ(try(cpu, 0, ACC_READ), 0);
}

TEST(a20_and_wrap)
{
    X86Cpu *cpu = guest_new();
    guest_real(cpu);
    guest_ram()[0x10] = 0x77;
    guest_ram()[0x100010] = 0x88;
    CHECK_EQ(mem_load(cpu, 0x100010, 1), 0x88);
    cpu->a20_mask = ~(uint64_t)0x100000;
    tlb_flush_all(cpu);
    CHECK_EQ(mem_load(cpu, 0x100010, 1), 0x77);
    cpu->a20_mask = UINT64_MAX;
    tlb_flush_all(cpu);
}

TEST(crossing_pages)
{
    X86Cpu *cpu = with_pte(0x500000 | PTE_P | PTE_W, 0);
    st_le64(guest_pte(GUEST_DATA + 0x1000), 0x700000 | PTE_P | PTE_W);
    mem_store(cpu, GUEST_DATA + 0xffd, 0x1122334455667788, 8);
    CHECK_EQ(guest_ram()[0x500fff], 0x66);
    CHECK_EQ(guest_ram()[0x700000], 0x55);
    CHECK_EQ(mem_load(cpu, GUEST_DATA + 0xffd, 8), 0x1122334455667788);
    st_le64(guest_pte(GUEST_DATA + 0x1000), 0x700000 | PTE_P); /* read-only: nothing at all may be written */
    tlb_flush_all(cpu);
    guest_ram()[0x500ffe] = 1;
    CHECK_EQ(try(cpu, GUEST_DATA + 0xffe, ACC_WRITE), PF_P | PF_W);
    CHECK_EQ(cpu->exc_cr2, GUEST_DATA + 0x1000);
    CHECK_EQ(guest_ram()[0x500ffe], 1);
}

static unsigned fading_told;
static X86Cpu *fading_cpu;

static void note_fading(RamBlock *ram, uint64_t page_off)
{
    fading_told += page_off == 0x500000 && atomic_load(&ram->code_page[0x500]) != 0;
}

static void decode_again(RamBlock *ram, uint64_t page_off)
{
    fading_told++;
    mmu_protect_code(fading_cpu, ram, page_off);
}

/* Who keeps code is told before a page is watched no more, and a page that it decodes from again meanwhile stays watched. */
TEST(pages_watched_no_more)
{
    X86Cpu *cpu = with_pte(0x500000 | PTE_P, 0);
    CodePage page = mmu_fetch_page(cpu, GUEST_DATA);
    fading_cpu = cpu;

    for (unsigned round = 0; round < 2; round++) {
        unsigned writes = 0;

        fading_told = 0;
        mmu_protect_code(cpu, page.ram, page.ram_off);
        while (!fading_told && writes++ < 1000) {
            mmu_code_written_telling(page.ram, page.ram_off + 5, 1, round ? note_fading : decode_again);
        }
        CHECK(writes > 1 && writes < 1000);
        CHECK_EQ(fading_told, 1);
        CHECK_EQ(atomic_load(&page.ram->code_page[0x500]), !round);
    }
}

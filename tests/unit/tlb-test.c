/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The software TLB: what each invalidation must drop and what a PCID keeps (SDM vol. 3, 4.10), growing and shrinking.  A page is read,
 * its page-table entry is pointed elsewhere without telling the CPU, something happens, and the next read says whether the
 * translation was kept.
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-cpu.h"
#include "target/i386/mmu-int.h"

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100 };
enum { OLD = 0x500000, NEW = 0x501000, LOCAL = GUEST_DATA, GLOBAL = GUEST_DATA + 0x1000, LARGE = 0x1000000,
       DESC = 0x310000 /* INVPCID's operand */ };
#define KEEP ((uint64_t)1 << 63)

static int run(X86Cpu *cpu, const void *code, size_t len)
{
    cpu->regs[R_RIP] = GUEST_CODE;
    return guest_run(cpu, code, len);
}

static int set_cr3(X86Cpu *cpu, uint64_t v)
{
    static const uint8_t mov[] = { 0x0f, 0x22, 0xdb };

    cpu->regs[R_RBX] = v;
    return run(cpu, mov, sizeof(mov));
}

static int set_cr4(X86Cpu *cpu, uint64_t v)
{
    static const uint8_t mov[] = { 0x0f, 0x22, 0xe3 };

    cpu->regs[R_RBX] = v;
    return run(cpu, mov, sizeof(mov));
}

static int invlpg(X86Cpu *cpu, uint64_t lin)
{
    static const uint8_t op[] = { 0x0f, 0x01, 0x3b };

    cpu->regs[R_RBX] = lin;
    return run(cpu, op, sizeof(op));
}

static int invpcid(X86Cpu *cpu, uint64_t type, uint64_t pcid, uint64_t lin)
{
    static const uint8_t op[] = { 0x66, 0x0f, 0x38, 0x82, 0x03 };

    st_le64(guest_ram() + DESC, pcid);
    st_le64(guest_ram() + DESC + 8, lin);
    cpu->regs[R_RBX] = DESC;
    cpu->regs[R_RAX] = type;
    return run(cpu, op, sizeof(op));
}

static void point(uint64_t lin, uint64_t page, uint64_t bits)
{
    st_le64(guest_pte(lin), page | PTE_P | PTE_W | PTE_A | PTE_D | bits);
}

static void point_all(uint64_t page)
{
    point(LOCAL, page, 0);
    point(GLOBAL, page, PTE_G);
    st_le64(guest_ram() + GUEST_PML4 + 0x2000 + 8 * 8,
            (page == OLD ? 0x600000 : 0x800000) | PTE_P | PTE_W | PTE_A | PTE_D | PTE_PS);
}

static bool kept(X86Cpu *cpu, uint64_t lin)
{
    return mem_load(cpu, lin, 4) == 1;
}

/* PCIDs 1 and 2 have seen three pages, of which one is global; 1 is in use; now the tables say otherwise. */
static X86Cpu *two_contexts(void)
{
    X86Cpu *cpu = guest_new();

    guest_long(cpu, 0);
    st_le32(guest_ram() + OLD, 1);
    st_le32(guest_ram() + NEW, 2);
    st_le32(guest_ram() + 0x612000, 1);
    st_le32(guest_ram() + 0x812000, 2);
    CHECK_EQ(set_cr4(cpu, cpu->cr4 | CR4_PCIDE | CR4_PGE), -1);
    point_all(OLD);
    for (unsigned pcid = 2; pcid >= 1; pcid--) {
        CHECK_EQ(set_cr3(cpu, GUEST_PML4 | pcid), -1);
        CHECK(kept(cpu, LOCAL) && kept(cpu, GLOBAL) && kept(cpu, LARGE + 0x12000));
    }
    point_all(NEW);
    return cpu;
}

enum { L1 = 1, G1 = 2, B1 = 4, L2 = 8, G2 = 16, B2 = 32, ALL = 63 }; /* local, global, large; in PCID 1 and 2 */

static unsigned what_is_kept(X86Cpu *cpu)
{
    unsigned r = (kept(cpu, LOCAL) ? L1 : 0) | (kept(cpu, GLOBAL) ? G1 : 0) | (kept(cpu, LARGE + 0x12000) ? B1 : 0);

    CHECK_EQ(set_cr3(cpu, GUEST_PML4 | 2 | KEEP), -1);
    CHECK_EQ(cpu->cr3, GUEST_PML4 | 2); /* bit 63 is not kept */
    return r | (kept(cpu, LOCAL) ? L2 : 0) | (kept(cpu, GLOBAL) ? G2 : 0) | (kept(cpu, LARGE + 0x12000) ? B2 : 0);
}

static void expect_kept(X86Cpu *cpu, const char *after, unsigned want)
{
    unsigned got = what_is_kept(cpu);

    if (got != want) {
        TEST_FAIL("after %s these are kept: %#x, not %#x", after, got, want);
    }
}

TEST(contexts_keep_their_translations)
{
    X86Cpu *cpu = two_contexts();

    expect_kept(cpu, "nothing", ALL);
    cpu = two_contexts();
    CHECK_EQ(set_cr3(cpu, GUEST_PML4 | 1 | KEEP), -1);
    expect_kept(cpu, "the same CR3 with bit 63", ALL);
    cpu = two_contexts();
    CHECK_EQ(set_cr3(cpu, GUEST_PML4 | 1), -1);
    expect_kept(cpu, "the same CR3", ALL & ~(unsigned)(L1 | B1));
    cpu = two_contexts();
    CHECK_EQ(set_cr3(cpu, GUEST_PML4 | 2), -1);
    CHECK_EQ(set_cr3(cpu, GUEST_PML4 | 1 | KEEP), -1);
    expect_kept(cpu, "loads of the other and of this one with bit 63", ALL & ~(unsigned)(L2 | B2));
}

TEST(invlpg_drops_this_context_and_global_pages)
{
    static const struct {
        uint64_t lin;
        unsigned want;
    } cases[] = {
        { LOCAL, ALL & ~(unsigned)L1 }, { LOCAL + 0xfff, ALL & ~(unsigned)L1 }, { GLOBAL, ALL & ~(unsigned)(G1 | G2) },
        { LARGE, ALL & ~(unsigned)B1 }, { LARGE + 0x1fffff, ALL & ~(unsigned)B1 }, { LARGE + 0x200000, ALL }, { LOCAL - 0x1000, ALL },
    };

    for (unsigned k = 0; k < G_N_ELEMENTS(cases); k++) {
        X86Cpu *cpu = two_contexts();

        CHECK_EQ(invlpg(cpu, cases[k].lin), -1);
        expect_kept(cpu, "INVLPG", cases[k].want);
    }
}

TEST(invpcid_of_every_type)
{
    static const struct {
        unsigned type, pcid;
        uint64_t lin;
        unsigned want;
    } cases[] = {
        { 0, 1, LOCAL, ALL & ~(unsigned)L1 }, { 0, 2, LOCAL, ALL & ~(unsigned)L2 }, { 0, 3, LOCAL, ALL }, { 0, 2, GLOBAL, ALL },
        { 0, 2, LARGE + 0x7123, ALL & ~(unsigned)B2 }, { 1, 1, 0, ALL & ~(unsigned)(L1 | B1) }, { 1, 2, 0, ALL & ~(unsigned)(L2 | B2) },
        { 1, 0xfff, 0, ALL }, { 2, 0, 0, 0 }, { 2, 7, 0, 0 }, { 3, 0, 0, G1 | G2 },
    };

    for (unsigned k = 0; k < G_N_ELEMENTS(cases); k++) {
        X86Cpu *cpu = two_contexts();
        char *what = g_strdup_printf("INVPCID type %u, PCID %u, %" PRIx64, cases[k].type, cases[k].pcid, cases[k].lin);

        CHECK_EQ(invpcid(cpu, cases[k].type, cases[k].pcid, cases[k].lin), -1);
        expect_kept(cpu, what, cases[k].want);
        g_free(what);
    }
}

TEST(invpcid_faults)
{
    static const struct {
        uint64_t type, pcid, lin;
        bool pcide;
        int want;
    } cases[] = {
        { 4, 0, 0, true, EXC_GP }, { (uint64_t)1 << 32, 0, 0, true, EXC_GP }, { 0, 0x1000, 0, true, EXC_GP },
        { 2, 0x1000, 0, true, EXC_GP }, { 3, KEEP, 0, true, EXC_GP }, { 0, 1, (uint64_t)1 << 47, true, EXC_GP },
        { 1, 1, (uint64_t)1 << 47, true, -1 }, { 0, 1, 0, false, EXC_GP }, { 1, 1, 0, false, EXC_GP }, { 0, 0, 0, false, -1 },
        { 2, 1, 0, false, -1 },
    };

    for (unsigned k = 0; k < G_N_ELEMENTS(cases); k++) {
        X86Cpu *cpu = two_contexts();

        if (!cases[k].pcide) {
            CHECK_EQ(set_cr3(cpu, GUEST_PML4), -1);
            CHECK_EQ(set_cr4(cpu, cpu->cr4 & ~(uint64_t)CR4_PCIDE), -1);
        }
        int got = invpcid(cpu, cases[k].type, cases[k].pcid, cases[k].lin);
        if (got != cases[k].want) {
            TEST_FAIL("case %u: vector %d", k, got);
        }
    }
    X86Cpu *cpu = guest_new(); /* CPL 3 */
    guest_long(cpu, 3);
    CHECK_EQ(invpcid(cpu, 2, 0, 0), EXC_GP);
}

TEST(control_register_changes_drop_everything)
{
    static const uint64_t bits[] = { CR4_PGE, CR4_SMEP, CR4_SMAP };

    for (unsigned k = 0; k < G_N_ELEMENTS(bits); k++) {
        X86Cpu *cpu = two_contexts();

        for (unsigned n = 0; n < 8; n++) { /* SMAP and SMEP: supervisor pages */
            st_le64(guest_ram() + GUEST_PML4 + 0x2000 + n * 8, (GUEST_PML4 + 0x3000 + n * 0x1000) | 3);
        }
        CHECK_EQ(set_cr4(cpu, cpu->cr4 ^ bits[k]), -1);
        if (bits[k] == CR4_PGE) {
            expect_kept(cpu, "a change of CR4.PGE", 0);
        } else {
            CHECK(!kept(cpu, LOCAL));
        }
    }
    X86Cpu *cpu = two_contexts(); /* PCIDE off: only with PCID 0 would software do it, but it may with any */
    CHECK_EQ(set_cr4(cpu, cpu->cr4 & ~(uint64_t)CR4_PCIDE), -1);
    CHECK(!kept(cpu, LOCAL) && !kept(cpu, GLOBAL) && !kept(cpu, LARGE + 0x12000));
    cpu = two_contexts(); /* on again: not with a PCID in CR3 */
    CHECK_EQ(set_cr4(cpu, cpu->cr4 & ~(uint64_t)CR4_PCIDE), -1);
    CHECK_EQ(set_cr4(cpu, cpu->cr4 | CR4_PCIDE), EXC_GP);
}

TEST(without_pcide_a_load_drops_what_is_not_global)
{
    X86Cpu *cpu = guest_new();

    guest_long(cpu, 0);
    st_le32(guest_ram() + OLD, 1);
    st_le32(guest_ram() + NEW, 2);
    CHECK_EQ(set_cr4(cpu, cpu->cr4 | CR4_PGE), -1);
    point_all(OLD);
    CHECK(kept(cpu, LOCAL) && kept(cpu, GLOBAL));
    point_all(NEW);
    CHECK(kept(cpu, LOCAL) && kept(cpu, GLOBAL));
    CHECK_EQ(set_cr3(cpu, GUEST_PML4 | 0x18), -1); /* PWT, PCD: not a PCID */
    CHECK(!kept(cpu, LOCAL) && kept(cpu, GLOBAL));
    CHECK_EQ(set_cr3(cpu, GUEST_PML4 | KEEP), EXC_GP); /* reserved now */
}

TEST(upper_levels_are_kept_as_long_as_translations)
{
    X86Cpu *cpu = two_contexts();
    uint8_t *pd = guest_ram() + GUEST_PML4 + 0x2000;
    uint64_t pde = ld_le64(pd + 2 * 8);

    mem_load(cpu, GUEST_DATA + 0x20000, 4); /* the page table is known */
    st_le64(pd + 2 * 8, 0);
    mem_load(cpu, GUEST_DATA + 0x21000, 4); /* may go on, as on a real CPU; ours does */
    CHECK_EQ(invlpg(cpu, 0x700000), -1); /* any address */
    static const uint8_t load[] = { 0x8b, 0x03 };
    cpu->regs[R_RBX] = GUEST_DATA + 0x22000;
    CHECK_EQ(run(cpu, load, 2), EXC_PF);
    CHECK_EQ(cpu->cr2, GUEST_DATA + 0x22000);
    st_le64(pd + 2 * 8, pde); /* nothing remembers that it was not there */
    cpu->regs[R_RBX] = GUEST_DATA + 0x22000;
    CHECK_EQ(run(cpu, load, 2), -1);
}

/* The first write to a large page sets its dirty bit, whatever reads have made known before. */
TEST(large_pages_become_dirty)
{
    X86Cpu *cpu = two_contexts();
    uint8_t *pde = guest_ram() + GUEST_PML4 + 0x2000 + 8 * 8, *pdpte = guest_ram() + GUEST_PML4 + 0x1000 + 8;

    st_le64(pde, 0x600000 | PTE_P | PTE_W | PTE_PS);
    st_le64(pdpte, PTE_P | PTE_W | PTE_PS); /* 1 GiB */
    tlb_flush_all(cpu);
    mem_load(cpu, LARGE, 4);
    mem_load(cpu, LARGE + 0x3000, 4);
    mem_load(cpu, 0x40000000, 4);
    mem_load(cpu, 0x40600000, 4);
    CHECK_EQ(ld_le64(pde), 0x600000 | PTE_P | PTE_W | PTE_PS | PTE_A);
    CHECK_EQ(ld_le64(pdpte), PTE_P | PTE_W | PTE_PS | PTE_A);
    mem_store(cpu, LARGE + 0x3000, 1, 4);
    mem_store(cpu, 0x40700000, 1, 4);
    CHECK_EQ(ld_le64(pde), 0x600000 | PTE_P | PTE_W | PTE_PS | PTE_A | PTE_D);
    CHECK_EQ(ld_le64(pdpte), PTE_P | PTE_W | PTE_PS | PTE_A | PTE_D);
    st_le64(pde, 0);
    CHECK_EQ(invlpg(cpu, LARGE + 0x100000), -1); /* all its parts, and what is known of the large page itself */
    static const uint8_t load[] = { 0x8b, 0x03 };
    for (unsigned k = 0; k < 2; k++) {
        cpu->regs[R_RBX] = LARGE + 0x3000 * k;
        CHECK_EQ(run(cpu, load, 2), EXC_PF);
    }
}

/* Many contexts: more than there are spaces for. */
TEST(contexts_take_turns)
{
    X86Cpu *cpu = two_contexts();

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned pcid = 0; pcid < 40; pcid++) {
            st_le32(guest_ram() + OLD, 100 * round + pcid);
            point(LOCAL, OLD, 0);
            CHECK_EQ(set_cr3(cpu, GUEST_PML4 | pcid), -1);
            CHECK_EQ(mem_load(cpu, LOCAL, 4), 100 * round + pcid);
            point(LOCAL, NEW, 0);
        }
    }
    CHECK_EQ(set_cr3(cpu, GUEST_PML4 | 39 | KEEP), -1);
    CHECK_EQ(mem_load(cpu, LOCAL, 4), 239);
    CHECK_EQ(set_cr3(cpu, GUEST_PML4 | 3 | KEEP), -1); /* forgotten long ago */
    CHECK_EQ(mem_load(cpu, LOCAL, 4), 2);
}

/* --- size --------------------------------------------------------------------------------------------------------- */

enum { BIG = 0x40000000 /* 128 MiB from here, in 4 KiB pages */, BIG_PAGES = 32768, BIG_TABLES = 0x1000000 };

static uint64_t *big_pte(unsigned page)
{
    return (uint64_t *)(void *)(guest_ram() + BIG_TABLES + page * 8u);
}

static X86Cpu *big_space(void)
{
    X86Cpu *cpu = two_contexts();
    uint8_t *pdpt = guest_ram() + GUEST_PML4 + 0x1000, *pd = guest_ram() + BIG_TABLES - 0x1000;

    for (unsigned k = 0; k < BIG_PAGES; k++) {
        *big_pte(k) = (BIG_TABLES + 0x40000 + (uint64_t)(k % 4096) * 0x1000) | PTE_P | PTE_W;
    }
    for (unsigned k = 0; k < BIG_PAGES / 512; k++) {
        st_le64(pd + k * 8, (BIG_TABLES + k * 0x1000) | PTE_P | PTE_W);
    }
    st_le64(pdpt + 8, (BIG_TABLES - 0x1000) | PTE_P | PTE_W);
    tlb_flush_all(cpu);
    return cpu;
}

TEST(a_large_working_set_does_not_miss)
{
    X86Cpu *cpu = big_space();
    uint32_t x = 1;

    for (unsigned k = 0; k < BIG_PAGES; k++) {
        mem_load(cpu, BIG + (uint64_t)k * 0x1000, 8);
    }
    for (unsigned k = 0; k < BIG_PAGES; k++) {
        if (*big_pte(k) & PTE_A) {
            *big_pte(k) &= ~(uint64_t)PTE_A; /* a walk would set it again */
        } else {
            TEST_FAIL("page %u: not marked as accessed", k);
        }
    }
    for (unsigned k = 0; k < 100000; k++) {
        x = x * 1664525 + 1013904223;
        mem_load(cpu, BIG + (uint64_t)(x >> 12 & (BIG_PAGES - 1)) * 0x1000, 8);
    }
    unsigned walks = 0;
    for (unsigned k = 0; k < BIG_PAGES; k++) {
        walks += *big_pte(k) & PTE_A ? 1 : 0;
    }
    CHECK_EQ(walks, 0);
    CHECK(cpu->tlb_set->slots >= BIG_PAGES && cpu->tlb_set->slots <= 4 * BIG_PAGES);
}

TEST(a_table_that_stays_nearly_empty_shrinks)
{
    X86Cpu *cpu = big_space();

    for (unsigned k = 0; k < BIG_PAGES; k++) {
        mem_load(cpu, BIG + (uint64_t)k * 0x1000, 8);
    }
    for (unsigned k = 0; k < 400; k++) {
        CHECK_EQ(set_cr3(cpu, GUEST_PML4 | 1), -1);
        mem_load(cpu, BIG, 8);
    }
    CHECK(cpu->tlb_set->slots < 1024);
}

TEST(contexts_that_stay_away_cost_nothing)
{
    X86Cpu *cpu = big_space();

    for (unsigned k = 0; k < BIG_PAGES; k++) {
        mem_load(cpu, BIG + (uint64_t)k * 0x1000, 8);
    }
    CHECK(cpu->tlb_set->slots >= BIG_PAGES);
    for (unsigned k = 0; k < 600; k++) {
        CHECK_EQ(set_cr3(cpu, GUEST_PML4 | (2 + k % 2) | KEEP), -1);
    }
    CHECK(cpu->tlb_set->slots < 1024);
}

/* All large, one after the other: the sum stays bounded. */
TEST(many_large_contexts_are_bounded)
{
    X86Cpu *cpu = big_space();

    for (unsigned pcid = 1; pcid <= 20; pcid++) {
        CHECK_EQ(set_cr3(cpu, GUEST_PML4 | pcid | KEEP), -1);
        for (unsigned k = 0; k < BIG_PAGES; k++) {
            mem_load(cpu, BIG + (uint64_t)k * 0x1000, 8);
        }
        CHECK(cpu->tlb_set->slots <= TLB_SLOTS_TOTAL);
    }
}

/* Pages that want the same place have a few more. */
TEST(conflicts_have_victims)
{
    X86Cpu *cpu = big_space();
    static const unsigned pages[] = { 0, 16384, 8192, 24576, 4096 };

    for (unsigned k = 0; k < 2; k++) {
        for (unsigned n = 0; n < G_N_ELEMENTS(pages); n++) {
            CHECK(k == 0 || !(*big_pte(pages[n]) & PTE_A));
            mem_load(cpu, BIG + (uint64_t)pages[n] * 0x1000, 8);
            CHECK(k == 1 || (*big_pte(pages[n]) & PTE_A));
        }
        for (unsigned n = 0; n < G_N_ELEMENTS(pages); n++) {
            CHECK(k == 0 || !(*big_pte(pages[n]) & PTE_A));
            *big_pte(pages[n]) &= ~(uint64_t)PTE_A;
        }
    }
    CHECK_EQ(invlpg(cpu, BIG + (uint64_t)16384 * 0x1000), -1); /* a victim goes as others do */
    for (unsigned n = 0; n < G_N_ELEMENTS(pages); n++) {
        mem_load(cpu, BIG + (uint64_t)pages[n] * 0x1000, 8);
        CHECK_EQ(!!(*big_pte(pages[n]) & PTE_A), pages[n] == 16384);
    }
}

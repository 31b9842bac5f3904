/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TLB against a model of what the architecture allows (SDM vol. 3, 4.10): random edits of page tables at every level, accesses,
 * switches and invalidations.  The model remembers, for each PCID and page, every translation that could have been cached since the
 * last invalidation that names it; an access must give one of those or what a plain walk gives now, and may fault only if the plain
 * walk faults, with that error code.
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-cpu.h"
#include "target/i386/exc.h"
#include "target/i386/mmu-int.h"
#include "target/i386/seg-int.h"

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100 };
#define PTE_NX ((uint64_t)1 << 63)
#define KEEP ((uint64_t)1 << 63)

/*
 * Tables: a PML4 and a PDPT with a page directory for each PCID, of which REGIONS entries are edited; page tables are shared, so
 * that an entry may lead to any of them.  Linear pages: PAGES in each region, chosen to fight for places.
 */
enum { PCIDS = 3, REGIONS = 3, TABLES = 4, PAGES = 6, DATA_PAGES = 16 };
enum { CROWD = 8 /* regions of pages that only make tables grow */, CROWD_FIRST = 16 };
enum { ROOTS = 0x1000000 /* 3 pages a PCID */, CROWD_PTS = 0x1080000, PTS = 0x1010000,
       DATA = 0x1400000 /* large pages lead here: 2 x 2 MiB */ };
static const unsigned page_index[PAGES] = { 0, 1, 128, 256, 384, 511 };

typedef struct Hit {
    uint64_t phys;
    bool u, w, nx, global;
} Hit;
typedef struct Known {
    Hit hit[64];
    unsigned count;
} Known;
static Known known[PCIDS][REGIONS][PAGES];
/* Entries of page directories that may be cached: their values since the last invalidation of the PCID. */
typedef struct Upper {
    uint64_t value[48];
    unsigned count;
} Upper;
static Upper upper[PCIDS][REGIONS];

static GRand *rnd;

static unsigned pick(unsigned n)
{
    return (unsigned)g_rand_int_range(rnd, 0, (gint32)n);
}

static uint64_t *pde_at(unsigned pcid, unsigned region)
{
    return (uint64_t *)(void *)(guest_ram() + ROOTS + pcid * 0x3000 + 0x2000) + region;
}

static uint64_t *pte_at(unsigned table, unsigned page)
{
    return (uint64_t *)(void *)(guest_ram() + PTS + table * 0x1000) + page_index[page];
}

static uint64_t lin_of(unsigned region, unsigned page)
{
    return region * 0x200000ull + page_index[page] * 0x1000ull;
}

/* What one page-directory entry, with the page table as it is now, makes of a page. */
static bool resolve(uint64_t pde, unsigned page, bool pge, Hit *h)
{
    uint64_t pte;

    if (!(pde & PTE_P)) {
        return false;
    }
    if (pde & PTE_PS) {
        *h = (Hit){ (pde & 0xfffffffe00000) + page_index[page] * 0x1000ull, pde & PTE_U, pde & PTE_W, pde & PTE_NX, (pde & PTE_G) && pge };
        return true;
    }
    pte = *pte_at((unsigned)((pde & 0xffffffffff000) - PTS) >> 12, page);
    if (!(pte & PTE_P)) {
        return false;
    }
    *h = (Hit){ pte & 0xffffffffff000, (pde & pte) & PTE_U, (pde & pte) & PTE_W, (pde | pte) & PTE_NX, (pte & PTE_G) && pge };
    return true;
}

static void know(Known *k, const Hit *h)
{
    for (unsigned n = 0; n < k->count; n++) {
        const Hit *o = &k->hit[n];
        if (o->phys == h->phys && o->u == h->u && o->w == h->w && o->nx == h->nx && o->global == h->global) {
            return;
        }
    }
    if (k->count < G_N_ELEMENTS(k->hit)) {
        k->hit[k->count++] = *h;
    } else {
        abort();
    }
}

/* After each edit and invalidation: what the tables and cached upper entries allow now joins what is known. */
static void learn(bool pge)
{
    for (unsigned c = 0; c < PCIDS; c++) {
        for (unsigned r = 0; r < REGIONS; r++) {
            Upper *up = &upper[c][r];
            bool have = false;

            for (unsigned n = 0; n < up->count; n++) {
                have |= up->value[n] == *pde_at(c, r);
            }
            if (!have && up->count == G_N_ELEMENTS(up->value)) {
                abort();
            }
            if (!have) {
                up->value[up->count++] = *pde_at(c, r);
            }
            for (unsigned p = 0; p < PAGES; p++) {
                for (unsigned n = 0; n < up->count; n++) {
                    Hit h;
                    if (resolve(up->value[n], p, pge, &h)) {
                        know(&known[c][r][p], &h);
                    }
                }
            }
        }
    }
}

static void forget_upper(unsigned pcid)
{
    for (unsigned r = 0; r < REGIONS; r++) {
        upper[pcid][r].count = 0;
    }
}

static void forget(unsigned pcid, unsigned region, unsigned page, bool globals, bool locals)
{
    Known *k = &known[pcid][region][page];
    unsigned n = 0;

    for (unsigned i = 0; i < k->count; i++) {
        if (k->hit[i].global ? !globals : !locals) {
            k->hit[n++] = k->hit[i];
        }
    }
    k->count = n;
}

static void forget_context(unsigned pcid, bool globals)
{
    forget_upper(pcid);
    for (unsigned k = 0; k < REGIONS * PAGES; k++) {
        forget(pcid, k / PAGES, k % PAGES, globals, true);
    }
}

/* Parts of the large page that the address is in go too. */
static void forget_page(unsigned pcid, unsigned region, unsigned page, bool globals, bool locals)
{
    for (unsigned p = 0; p < PAGES; p++) {
        Known *k = &known[pcid][region][p];
        unsigned n = 0;

        for (unsigned i = 0; i < k->count; i++) {
            bool large = k->hit[i].phys >= DATA;

            if ((p != page && !large) || (k->hit[i].global ? !globals : !locals)) {
                k->hit[n++] = k->hit[i];
            }
        }
        k->count = n;
    }
}

static void edit(void)
{
    uint64_t bits = (pick(8) ? PTE_P : 0) | (pick(3) ? PTE_W : 0) | (pick(3) ? PTE_U : 0) | (pick(4) ? 0 : PTE_G) |
                    (pick(2) ? PTE_A : 0) | (pick(4) ? 0 : PTE_NX);

    bits |= bits & PTE_A && pick(2) ? PTE_D : 0;
    if (pick(4)) {
        *pte_at(pick(TABLES), pick(PAGES)) = (PTS + 0x100000 + pick(DATA_PAGES) * 0x1000ull) | bits;
    } else if (pick(4)) {
        *pde_at(pick(PCIDS), pick(REGIONS)) = (PTS + pick(TABLES) * 0x1000ull) | (bits & ~(uint64_t)(PTE_G | PTE_D));
    } else {
        *pde_at(pick(PCIDS), pick(REGIONS)) = (DATA + pick(2) * 0x200000ull) | bits | PTE_PS;
    }
}

static bool permits(const X86Cpu *cpu, const Hit *h, MemAccess acc)
{
    bool user = cpu->cpl == 3;

    if (user && !h->u) {
        return false;
    }
    if (acc == ACC_EXEC) {
        return !h->nx && !(!user && h->u && (cpu->cr4 & CR4_SMEP));
    }
    if (!user && h->u && (cpu->cr4 & CR4_SMAP)) {
        return false;
    }
    return acc == ACC_READ || h->w || (!user && !(cpu->cr0 & CR0_WP));
}

/* The access: -1 and the page that was reached, or the #PF error code. */
static int access_page(X86Cpu *cpu, uint64_t lin, MemAccess acc, uint64_t *phys)
{
    volatile int result = -1;

    cpu->insn = NULL;
    cpu->exc_vector = -1;
    cpu->jmp_valid = true;
    if (sigsetjmp(cpu->exit_jmp, 0) == 0) {
        if (acc == ACC_EXEC) {
            *phys = mmu_fetch_page(cpu, lin).phys;
        } else if (acc == ACC_READ) {
            *phys = (uint64_t)mem_load(cpu, lin, 4) << 12; /* each page holds its number */
        } else {
            mem_store(cpu, lin + 8, 1, 4);
            *phys = tlb_phys_of(cpu, tlb_index(cpu), lin)->page << 12;
        }
    } else {
        result = cpu->exc_vector == EXC_PF ? (int)cpu->exc_error : 1000 + cpu->exc_vector;
    }
    cpu->jmp_valid = false;
    return result;
}

static uint32_t error_code(const X86Cpu *cpu, bool present, MemAccess acc)
{
    return (present ? PF_P : 0) | (acc == ACC_WRITE ? PF_W : 0) | (cpu->cpl == 3 ? PF_U : 0) | (acc == ACC_EXEC ? PF_I : 0);
}

static void check_access(X86Cpu *cpu, unsigned pcid, unsigned step)
{
    unsigned r = pick(REGIONS), p = pick(PAGES);
    MemAccess acc = (MemAccess)pick(3);
    bool pge = cpu->cr4 & CR4_PGE, ok = false;
    uint64_t phys = 0;
    Hit now;
    bool mapped = resolve(*pde_at(pcid, r), p, pge, &now), may = mapped && permits(cpu, &now, acc);
    int got = access_page(cpu, lin_of(r, p), acc, &phys);

    if (got >= 0) { /* the fault takes along what was known of the page */
        if (may || got != (int)error_code(cpu, mapped, acc)) {
            TEST_FAIL("step %u: PCID %u, region %u, page %u, access %d: error %d, the walk says %s", step, pcid, r, p, acc, got,
                      may ? "page" : "another fault");
        }
        forget(pcid, r, p, true, true);
        upper[pcid][r].count = 0;
        learn(pge);
        return;
    }
    for (unsigned c = 0; c < PCIDS; c++) {
        for (unsigned n = 0; n < known[c][r][p].count; n++) {
            const Hit *h = &known[c][r][p].hit[n];
            ok |= (c == pcid || h->global) && h->phys == phys && permits(cpu, h, acc);
        }
    }
    if (!ok) {
        TEST_FAIL("step %u: PCID %u, region %u, page %u, access %d reached %" PRIx64 ", which nothing maps there (walk: %" PRIx64 ")", step,
                  pcid, r, p, acc, phys, mapped ? now.phys : 0);
    }
}

static unsigned invalidate(X86Cpu *cpu, unsigned pcid)
{
    unsigned r = pick(REGIONS), p = pick(PAGES), other = pick(PCIDS);

    switch (pick(8)) {
    case 0:
        tlb_flush_all(cpu);
        for (unsigned c = 0; c < PCIDS; c++) {
            forget_context(c, true);
        }
        return pcid;
    case 1:
        tlb_flush_nonglobal(cpu);
        for (unsigned c = 0; c < PCIDS; c++) {
            forget_context(c, false);
        }
        return pcid;
    case 2:
        tlb_flush_pcid(cpu, (uint16_t)other);
        forget_context(other, false);
        return pcid;
    case 3:
        tlb_flush_page_pcid(cpu, lin_of(r, p), (uint16_t)other);
        forget_upper(other);
        forget_page(other, r, p, false, true);
        return pcid;
    case 4:
        x86_set_cr3(cpu, (ROOTS + other * 0x3000) | other);
        forget_context(other, false);
        return other;
    case 5:
        x86_set_cr3(cpu, (ROOTS + other * 0x3000) | other | KEEP);
        return other;
    default:
        tlb_flush_page(cpu, lin_of(r, p) + pick(0x1000));
        forget_upper(pcid);
        for (unsigned c = 0; c < PCIDS; c++) {
            forget_page(c, r, p, true, c == pcid);
        }
        return pcid;
    }
}

static void change_mode(X86Cpu *cpu)
{
    static const uint64_t bits[] = { CR4_SMEP, CR4_SMAP, CR4_PGE };

    if (pick(3)) {
        cpu->cpl ^= 3;
        x86_update_mode(cpu);
        return;
    }
    if (pick(2)) {
        x86_set_cr0(cpu, cpu->cr0 ^ CR0_WP);
    } else {
        x86_set_cr4(cpu, cpu->cr4 ^ bits[pick(3)]);
    }
    for (unsigned c = 0; c < PCIDS; c++) {
        forget_context(c, true);
    }
    learn(cpu->cr4 & CR4_PGE);
}

/* Many pages at once, so that tables grow; they shrink by the flushes that follow. */
static void crowd(X86Cpu *cpu)
{
    unsigned n = pick(CROWD * 512), at = pick(CROWD * 512);

    for (unsigned k = 0; cpu->cpl == 0 && k < n; k++) {
        mem_load(cpu, CROWD_FIRST * 0x200000ull + (at + k) % (CROWD * 512) * 0x1000ull, 4);
    }
}

static X86Cpu *model_cpu(void)
{
    X86Cpu *cpu = guest_new();
    uint8_t *ram = guest_ram();

    guest_long(cpu, 0);
    memset(ram + ROOTS, 0, 0x800000);
    for (unsigned c = 0; c < PCIDS; c++) {
        st_le64(ram + ROOTS + c * 0x3000, (ROOTS + c * 0x3000 + 0x1000) | 7);
        st_le64(ram + ROOTS + c * 0x3000 + 0x1000, (ROOTS + c * 0x3000 + 0x2000) | 7);
        for (unsigned k = 0; k < CROWD; k++) {
            st_le64(ram + ROOTS + c * 0x3000 + 0x2000 + (CROWD_FIRST + k) * 8, (CROWD_PTS + k * 0x1000) | 7);
        }
    }
    for (uint64_t page = PTS + 0x100000; page < DATA + 0x400000; page += 0x1000) {
        st_le32(ram + page, (uint32_t)(page >> 12));
    }
    for (unsigned k = 0; k < CROWD * 512; k++) {
        st_le64(ram + CROWD_PTS + k * 8, (DATA + (k % 1024) * 0x1000) | PTE_P | (k % 3 ? 0 : PTE_G));
    }
    memset(known, 0, sizeof(known));
    memset(upper, 0, sizeof(upper));
    cpu->cr4 |= CR4_PCIDE | CR4_PGE;
    cpu->cr3 = ROOTS;
    tlb_flush_all(cpu);
    x86_update_mode(cpu);
    return cpu;
}

static void run_model(uint32_t seed, unsigned steps)
{
    X86Cpu *cpu = model_cpu();
    unsigned pcid = 0;

    rnd = g_rand_new_with_seed(seed);
    for (unsigned step = 0; step < steps; step++) {
        unsigned what = pick(100);

        if (what < 12) {
            edit();
        } else if (what < 18) {
            pcid = invalidate(cpu, pcid);
        } else if (what < 20) {
            change_mode(cpu);
        }
        if (what < 20) {
            learn(cpu->cr4 & CR4_PGE);
        } else {
            check_access(cpu, pcid, step);
            if (pick(1000) == 0) {
                crowd(cpu);
            }
        }
    }
    g_rand_free(rnd);
}

TEST(random_tables_switches_and_invalidations)
{
    for (uint32_t seed = 1; seed <= 20; seed++) {
        run_model(seed, 20000);
    }
}

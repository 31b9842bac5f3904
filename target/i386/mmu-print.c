/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page tables as text: `info tlb` (every mapping with its bits) and `info mem` (ranges of equal protection), for 32-bit, PAE
 * and 4-level paging (SDM vol. 3, chapter 4).  Nothing is changed.  The tables are the guest's: the number of entries
 * looked at and of lines printed is bounded.  The vCPU parked or in its thread between runs; big lock.
 */
#include "util/osdep.h"
#include "target/i386/cpu-int.h"
#include "target/i386/mem.h"
#include "util/bytes.h"

#define PRINT_ENTRIES_MAX (16u << 20) /* a terabyte in 2 MiB pages is half a million */
#define PRINT_TEXT_MAX (8 * MiB)

enum { PTE_P = 1, PTE_RW = 2, PTE_US = 4, PTE_PS = 0x80 };
#define PTE_NX ((uint64_t)1 << 63)
#define PTE_ADDR (((uint64_t)1 << 52) - 0x1000)
#define PTE_PROT (PTE_P | PTE_RW | PTE_US)

typedef struct MmuPrint {
    X86Cpu *cpu;
    GString *out;
    bool ranges;          /* info mem */
    unsigned entries;     /* looked at */
    bool too_much;
    /* info mem: the range being gathered */
    uint64_t begin;
    unsigned prot;        /* 0: none */
} MmuPrint;

static bool print_enough(MmuPrint *p)
{
    p->too_much |= p->out->len > PRINT_TEXT_MAX;
    return p->too_much;
}

static void print_range(MmuPrint *p, uint64_t at, unsigned prot)
{
    if (prot == p->prot) {
        return;
    }
    if (p->prot) {
        g_string_append_printf(p->out, "%016" PRIx64 "-%016" PRIx64 " %016" PRIx64 " %c%c%c\n", p->begin, at, at - p->begin,
                               p->prot & PTE_US ? 'u' : '-', 'r', p->prot & PTE_RW ? 'w' : '-');
    }
    p->begin = at;
    p->prot = prot;
}

/* Addresses are sign-extended in long mode. */
static uint64_t print_linear(const MmuPrint *p, uint64_t lin)
{
    return x86_long_mode(p->cpu) ? (uint64_t)((int64_t)(lin << 16) >> 16) : lin;
}

static void print_page(MmuPrint *p, uint64_t lin, uint64_t pte, uint64_t size)
{
    static const struct {
        uint64_t bit;
        char letter;
    } flags[] = { { PTE_NX, 'X' }, { 1 << 8, 'G' }, { 1 << 7, 'P' }, { 1 << 6, 'D' }, { 1 << 5, 'A' }, { 1 << 4, 'C' },
                  { 1 << 3, 'T' }, { 1 << 2, 'U' }, { 1 << 1, 'W' } };
    uint64_t phys = pte & PTE_ADDR & ~(size - 1);

    g_string_append_printf(p->out, "%016" PRIx64 ": %016" PRIx64 " ", print_linear(p, lin), phys);
    for (unsigned n = 0; n < G_N_ELEMENTS(flags); n++) {
        g_string_append_c(p->out, pte & flags[n].bit ? flags[n].letter : '-');
    }
    g_string_append_c(p->out, '\n');
}

static bool print_read(MmuPrint *p, uint64_t addr, void *buf, size_t len)
{
    return address_space_read(x86_as(p->cpu), addr & p->cpu->a20_mask, buf, len) == MEM_OK;
}

/*
 * A table of @count entries of @size bytes whose pages begin at @lin and are 1 << @shift bytes each.  @above: what the levels
 * above allow.
 */
static void print_table(MmuPrint *p, uint64_t table, unsigned count, unsigned size, unsigned shift, uint64_t lin, uint64_t above)
{
    uint8_t raw[4096];

    if (!print_read(p, table, raw, count * size)) {
        print_range(p, print_linear(p, lin), 0);
        return;
    }
    for (unsigned n = 0; n < count && !print_enough(p); n++) {
        uint64_t pte = ld_le(raw + n * size, size), at = lin + ((uint64_t)n << shift);
        bool pointer = size == 8 && count == 4; /* PAE's first level has no protection bits */
        bool large = (pte & PTE_PS) && !pointer && (shift == 21 || (shift == 30 && size == 8) || (shift == 22 && (p->cpu->cr4 & CR4_PSE)));
        uint64_t allowed = pointer ? above : above & pte;

        if (++p->entries > PRINT_ENTRIES_MAX) {
            p->too_much = true;
        }
        if (!(pte & PTE_P)) {
            if (p->ranges) {
                print_range(p, print_linear(p, at), 0);
            }
        } else if (shift == 12 || large) {
            if (p->ranges) {
                print_range(p, print_linear(p, at), (unsigned)allowed & PTE_PROT);
            } else if (shift == 22) { /* PSE-36: bits 20..13 are address bits 39..32 */
                print_page(p, at, (pte & 0xffc00fff) | (pte & 0x1fe000) << 19, 0x400000);
            } else {
                print_page(p, at, pte, (uint64_t)1 << shift);
            }
        } else if (shift == 22) {
            print_table(p, pte & 0xfffff000u, 1024, 4, 12, at, allowed);
        } else {
            print_table(p, pte & PTE_ADDR, 512, 8, shift - 9, at, allowed);
        }
    }
}

static void print_tables(Vcpu *v, GString *out, bool ranges)
{
    X86Cpu *cpu = x86_cpu(v);
    MmuPrint p = { .cpu = cpu, .out = out, .ranges = ranges };
    uint64_t end = (uint64_t)1 << 32;

    if (!(cpu->cr0 & CR0_PG)) {
        g_string_append(out, "PG disabled\n");
        return;
    }
    if (cpu->mode & MODE_LMA) {
        end = (uint64_t)1 << 48;
        print_table(&p, cpu->cr3 & PTE_ADDR, 512, 8, 39, 0, PTE_PROT);
    } else if (cpu->cr4 & CR4_PAE) {
        print_table(&p, cpu->cr3 & 0xffffffe0u, 4, 8, 30, 0, PTE_PROT);
    } else {
        print_table(&p, cpu->cr3 & 0xfffff000u, 1024, 4, 22, 0, PTE_PROT);
    }
    if (p.too_much) {
        g_string_append(out, "(more than this is not shown)\n");
    } else if (ranges) {
        print_range(&p, end, 0);
    }
}

void mmu_print_tlb(Vcpu *v, GString *out)
{
    print_tables(v, out, false);
}

void mmu_print_mem(Vcpu *v, GString *out)
{
    print_tables(v, out, true);
}

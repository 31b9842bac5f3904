/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page walks: 32-bit (with PSE and PSE-36), PAE and 4-level paging (SDM vol. 3, chapter 4).  Called by the TLB (mmu.c) in the
 * vCPU's thread, and without side effects by the monitor while the vCPU is parked.
 */
#include "util/osdep.h"
#include "target/i386/cpuid.h"
#include "target/i386/mmu-int.h"
#include "util/log.h"

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100 };
#define PTE_NX ((uint64_t)1 << 63)
#define PTE_ADDR (((uint64_t)1 << 52) - 0x1000)

/* What has been gathered on the way down. */
typedef struct Path {
    X86Cpu *cpu;
    uint64_t lin;
    MemAccess acc;
    bool user, debug;
    bool u, w, nx; /* all levels user, all writable, any no-execute */
    uint64_t rsvd; /* bits that no 64-bit entry may have set */
} Path;

/* An entry: its value and where it can be changed. */
typedef struct Entry {
    uint64_t value;
    uint64_t addr;
    unsigned size;
    MemLookup mem;
} Entry;

static Entry entry_read(Path *p, uint64_t addr, unsigned size)
{
    X86Cpu *cpu = p->cpu;
    Entry e = { .addr = addr & cpu->a20_mask, .size = size };

    e.mem = address_space_lookup(x86_as(cpu), e.addr);
    if (e.mem.host && e.mem.avail >= size) {
        e.value = size == 8 ? __atomic_load_n((uint64_t *)(void *)e.mem.host, __ATOMIC_ACQUIRE)
                            : __atomic_load_n((uint32_t *)(void *)e.mem.host, __ATOMIC_ACQUIRE);
    } else {
        e.mem.host = NULL; /* a page table in a device: odd, but it has a value */
        x86_io_lock(cpu);
        address_space_load(x86_as(cpu), e.addr, size, &e.value);
        x86_io_unlock(cpu);
    }
    return e;
}

/* Sets accessed and dirty bits in guest memory; false: the entry changed meanwhile, walk again. */
static bool entry_mark(Path *p, Entry *e, uint64_t set)
{
    if (p->debug || (e->value & set) == set || !e->mem.host || !e->mem.writable) {
        return true;
    }
    uint64_t old = e->value, new = old | set;
    bool ok;

    if (e->size == 8) {
        ok = __atomic_compare_exchange_n((uint64_t *)(void *)e->mem.host, &old, new, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST);
    } else {
        uint32_t old32 = (uint32_t)old;

        ok = __atomic_compare_exchange_n((uint32_t *)(void *)e->mem.host, &old32, (uint32_t)new, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST);
    }
    if (ok) {
        ram_written(e->mem.ram, e->mem.ram_off, e->size);
        e->value = new;
    }
    return ok;
}

static uint32_t path_error(const Path *p, uint32_t error)
{
    const X86Cpu *cpu = p->cpu;

    error |= p->acc == ACC_WRITE ? PF_W : 0;
    error |= p->user ? PF_U : 0;
    if (p->acc == ACC_EXEC && ((cpu->cr4 & CR4_SMEP) || ((cpu->efer & EFER_NXE) && (cpu->cr4 & CR4_PAE)))) {
        error |= PF_I;
    }
    return error;
}

/* What privilege @idx may do with a page of these attributes. */
static uint8_t path_perm(const Path *p, unsigned idx)
{
    const X86Cpu *cpu = p->cpu;
    uint8_t perm = 0;

    if (p->debug) {
        return TLBP_R | TLBP_W | TLBP_X;
    }
    if (idx >= TLB_USER) {
        if (p->u) {
            perm = (uint8_t)(TLBP_R | (p->w ? TLBP_W : 0) | (p->nx ? 0 : TLBP_X));
        }
        return perm;
    }
    if (!(p->u && idx == TLB_SYS)) { /* SMAP */
        perm |= TLBP_R;
        perm |= p->w || !(cpu->cr0 & CR0_WP) ? TLBP_W : 0;
    }
    if (!p->nx && !(p->u && (cpu->cr4 & CR4_SMEP))) {
        perm |= TLBP_X;
    }
    return perm;
}

static void path_add(Path *p, uint64_t entry, bool wide)
{
    p->u &= !!(entry & PTE_U);
    p->w &= !!(entry & PTE_W);
    p->nx |= wide && (entry & PTE_NX);
}

/* Protection keys (SDM vol. 3, 4.6.2): what PKRU takes away from data accesses to user pages. */
static uint8_t path_key_denies(const Path *p, const Entry *e, unsigned idx)
{
    const X86Cpu *cpu = p->cpu;

    if (!(cpu->cr4 & CR4_PKE) || !(cpu->mode & MODE_LMA) || !p->u || p->debug) {
        return 0;
    }
    unsigned rights = cpu->pkru >> (e->value >> 59 & 15) * 2 & 3;

    if (rights & 1) {
        return TLBP_R | TLBP_W;
    }
    return (rights & 2) && (idx >= TLB_USER || (cpu->cr0 & CR0_WP)) ? TLBP_W : 0;
}

/* The leaf is found: permission, then accessed and dirty.  1: done; 0: fault; -1: walk again. */
static int path_leaf(Path *p, Entry *e, unsigned idx, uint64_t page, uint64_t page_size, Walk *w, uint32_t *error)
{
    uint8_t need = p->acc == ACC_WRITE ? TLBP_W : p->acc == ACC_EXEC ? TLBP_X : TLBP_R;

    uint8_t denied = path_key_denies(p, e, idx);

    w->perm = path_perm(p, idx) & (uint8_t)~denied;
    if (!(w->perm & need)) {
        *error = path_error(p, denied & need ? PF_P | PF_PK : PF_P);
        return 0;
    }
    if (!entry_mark(p, e, p->acc == ACC_WRITE ? PTE_A | PTE_D : PTE_A)) {
        return -1;
    }
    if (!(e->value & PTE_D)) {
        w->perm &= (uint8_t)~TLBP_W; /* the first write comes back to set it */
    }
    if ((e->value & PTE_G) && (p->cpu->cr4 & CR4_PGE)) {
        w->perm |= TLBP_GLOBAL;
    }
    if (page_size > 0x1000) {
        w->perm |= TLBP_LARGE;
    }
    w->phys = page + (p->lin & (page_size - 1) & ~(uint64_t)0xfff);
    return 1;
}

/* Levels of 64-bit entries below @table: shift 39, 30, 21, 12. */
static int walk_wide(Path *p, uint64_t table, unsigned shift, unsigned idx, Walk *w, uint32_t *error)
{
    for (;; shift -= 9) {
        Entry e = entry_read(p, table + ((p->lin >> shift & 0x1ff) << 3), 8);
        bool can_be_large = shift == 21 || (shift == 30 && (p->cpu->mode & MODE_LMA) &&
                                            x86_has_feature(p->cpu, CPUID_PDPE1GB));
        bool large = shift > 12 && (e.value & PTE_PS) && can_be_large;
        uint64_t rsvd = p->rsvd, size = (uint64_t)1 << shift;

        if (!(e.value & PTE_P)) {
            *error = path_error(p, 0);
            return 0;
        }
        if (large) {
            rsvd |= (size - 1) & ~(uint64_t)0x1fff; /* bit 12 is PAT */
        } else if (shift > 21 && !can_be_large) {
            rsvd |= PTE_PS;
        }
        if (e.value & rsvd) {
            *error = path_error(p, PF_P | PF_RSVD);
            return 0;
        }
        path_add(p, e.value, true);
        if (large || shift == 12) {
            return path_leaf(p, &e, idx, e.value & PTE_ADDR & ~(size - 1), size, w, error);
        }
        if (!entry_mark(p, &e, PTE_A)) {
            return -1;
        }
        table = e.value & PTE_ADDR;
    }
}

static int walk_pae(Path *p, unsigned idx, Walk *w, uint32_t *error)
{
    uint64_t pdpte = p->cpu->pdpte[p->lin >> 30 & 3];

    if (!(pdpte & PTE_P)) {
        *error = path_error(p, 0);
        return 0;
    }
    return walk_wide(p, pdpte & PTE_ADDR, 21, idx, w, error);
}

static int walk_32(Path *p, unsigned idx, Walk *w, uint32_t *error)
{
    Entry e = entry_read(p, (p->cpu->cr3 & 0xfffff000u) + ((p->lin >> 22 & 0x3ff) << 2), 4);

    if (!(e.value & PTE_P)) {
        *error = path_error(p, 0);
        return 0;
    }
    path_add(p, e.value, false);
    if ((e.value & PTE_PS) && (p->cpu->cr4 & CR4_PSE)) {
        if (e.value & 0x200000) { /* bits 20..13 are address bits 39..32 */
            *error = path_error(p, PF_P | PF_RSVD);
            return 0;
        }
        return path_leaf(p, &e, idx, (e.value & 0xffc00000u) | (e.value & 0x1fe000) << 19, 0x400000, w, error);
    }
    if (!entry_mark(p, &e, PTE_A)) {
        return -1;
    }
    Entry pte = entry_read(p, (e.value & 0xfffff000u) + ((p->lin >> 12 & 0x3ff) << 2), 4);

    if (!(pte.value & PTE_P)) {
        *error = path_error(p, 0);
        return 0;
    }
    path_add(p, pte.value, false);
    return path_leaf(p, &pte, idx, pte.value & 0xfffff000u, 0x1000, w, error);
}

bool mmu_load_pdptes(X86Cpu *cpu, uint64_t cr3)
{
    Path p = { .cpu = cpu };
    uint64_t pdpte[4], rsvd = ~cpu->phys_mask | 0x1e6;

    for (unsigned k = 0; k < 4; k++) {
        pdpte[k] = entry_read(&p, (cr3 & 0xffffffe0u) + k * 8, 8).value;
        if ((pdpte[k] & PTE_P) && (pdpte[k] & rsvd)) {
            return false;
        }
    }
    memcpy(cpu->pdpte, pdpte, sizeof(pdpte));
    return true;
}

bool mmu_walk(X86Cpu *cpu, uint64_t lin, MemAccess acc, unsigned idx, bool debug, Walk *w, uint32_t *error)
{
    int r;

    if (!(cpu->cr0 & CR0_PG)) {
        w->phys = lin & ~(uint64_t)0xfff;
        w->perm = TLBP_R | TLBP_W | TLBP_X;
        return true;
    }
    do {
        Path p = { .cpu = cpu, .lin = lin, .acc = acc, .user = idx >= TLB_USER, .debug = debug, .u = true, .w = true };

        p.rsvd = PTE_ADDR & ~cpu->phys_mask;
        if (!(cpu->efer & EFER_NXE)) {
            p.rsvd |= PTE_NX;
        }
        if (cpu->mode & MODE_LMA) {
            r = walk_wide(&p, cpu->cr3 & PTE_ADDR, 39, idx, w, error);
        } else if (cpu->cr4 & CR4_PAE) {
            p.rsvd |= (uint64_t)0x7ff << 52;
            r = walk_pae(&p, idx, w, error);
        } else {
            r = walk_32(&p, idx, w, error);
        }
    } while (r < 0); /* another CPU changed an entry between our look and our mark */
    if (log_on(LOG_MMU)) {
        log_printf(LOG_MMU, "walk %016" PRIx64 " %c tlb %u: %s %" PRIx64 "\n", lin, "rwx"[acc], idx, r ? "page" : "fault",
                   r ? w->phys : *error);
    }
    return r;
}

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

/* A page of entries. */
typedef struct Table {
    uint64_t addr;     /* guest-physical, A20 applied */
    MemLookup mem;     /* of its first byte; host NULL: not in RAM as a whole */
} Table;

/* An entry: its value and where it can be changed. */
typedef struct Entry {
    uint64_t value;
    unsigned size;
    MemLookup mem;
} Entry;

static Table table_at(const Path *p, uint64_t addr)
{
    Table t = { .addr = addr & p->cpu->a20_mask };

    if (p->debug) {
        t.mem = address_space_lookup(x86_as(p->cpu), t.addr);
    } else {
        tlb_lookup(p->cpu, t.addr, &t.mem);
    }
    if (t.mem.avail < 0x1000) {
        t.mem.host = NULL;
    }
    return t;
}

static Entry entry_read(Path *p, const Table *t, unsigned index, unsigned size)
{
    Entry e = { .size = size, .mem = t->mem };
    uint64_t at = (uint64_t)index * size;

    if (e.mem.host) {
        e.mem.host += at;
        e.mem.ram_off += at;
        e.value = size == 8 ? __atomic_load_n((uint64_t *)(void *)e.mem.host, __ATOMIC_ACQUIRE)
                            : __atomic_load_n((uint32_t *)(void *)e.mem.host, __ATOMIC_ACQUIRE);
    } else { /* a page table in a device: odd, but it has a value */
        x86_io_lock(p->cpu);
        address_space_load(x86_as(p->cpu), t->addr + at, size, &e.value);
        x86_io_unlock(p->cpu);
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
static inline uint8_t page_perm(const X86Cpu *cpu, unsigned idx, bool u, bool w, bool nx)
{
    uint8_t perm = 0;

    if (idx >= TLB_USER) {
        return u ? (uint8_t)(TLBP_R | (w ? TLBP_W : 0) | (nx ? 0 : TLBP_X)) : 0;
    }
    if (!(u && idx == TLB_SYS)) { /* SMAP */
        perm |= TLBP_R;
        perm |= w || !(cpu->cr0 & CR0_WP) ? TLBP_W : 0;
    }
    if (!nx && !(u && (cpu->cr4 & CR4_SMEP))) {
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
static uint8_t path_key_denies(const Path *p, const Entry *e, unsigned idx, Walk *w)
{
    const X86Cpu *cpu = p->cpu;

    w->keys = 0;
    if (!(cpu->cr4 & CR4_PKE) || !(cpu->mode & MODE_LMA) || !p->u || p->debug) {
        return 0;
    }
    unsigned key = e->value >> 59 & 15, rights = cpu->pkru >> key * 2 & 3;

    w->keys = 3u << key * 2;

    if (rights & 1) {
        return TLBP_R | TLBP_W;
    }
    return (rights & 2) && (idx >= TLB_USER || (cpu->cr0 & CR0_WP)) ? TLBP_W : 0;
}

static inline uint8_t access_needs(MemAccess acc)
{
    return acc == ACC_WRITE ? TLBP_W : acc == ACC_EXEC ? TLBP_X : TLBP_R;
}

/* The leaf is found: permission, then accessed and dirty.  1: done; 0: fault; -1: walk again. */
static int path_leaf(Path *p, Entry *e, unsigned idx, uint64_t page, uint8_t shift, Walk *w, uint32_t *error)
{
    uint8_t need = access_needs(p->acc), denied = path_key_denies(p, e, idx, w);

    w->perm = p->debug ? TLBP_R | TLBP_W | TLBP_X : page_perm(p->cpu, idx, p->u, p->w, p->nx) & (uint8_t)~denied;
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
    w->shift = shift;
    w->phys = page + (p->lin & (((uint64_t)1 << shift) - 0x1000));
    return 1;
}

/* ---- upper levels that are known ---------------------------------------------------------------------------------- */

static WalkStep *step_place(const Path *p, WalkCache *c, unsigned shift)
{
    return shift == 30 ? walk_high(c, p->lin) : walk_low(p->cpu, c, p->lin);
}

/* An entry of an upper level that leads on to @t, or (NULL) is a large page. */
static void step_keep(Path *p, unsigned shift, const Entry *e, const Table *t)
{
    TlbSpace *s = p->cpu->tlb_set->now;

    if (p->debug || shift > 30 || !(e->value & PTE_A) || (t && !(t->mem.host && t->mem.writable))) {
        return;
    }
    if (!s->walk) {
        s->walk = g_new0(WalkCache, 1);
        s->walk->generation = 1;
    }
    *step_place(p, s->walk, shift) = (WalkStep){
        .region = p->lin >> shift, .value = e->value, .host = t ? t->mem.host : NULL, .ram = t ? t->mem.ram : NULL,
        .ram_off = t ? t->mem.ram_off : 0, .generation = s->walk->generation, .shift = (uint8_t)shift, .u = p->u, .w = p->w, .nx = p->nx,
    };
}

static const WalkStep *step_find(const Path *p, unsigned shift)
{
    WalkCache *c = p->cpu->tlb_set->now->walk;
    const WalkStep *s = c ? step_place(p, c, shift) : NULL;

    return s && s->generation == c->generation && s->shift == shift && s->region == p->lin >> shift ? s : NULL;
}

/* ---- walks ---------------------------------------------------------------------------------------------------------- */

/* Levels of 64-bit entries from @t on: shift 39, 30, 21, 12. */
static int walk_wide(Path *p, Table t, unsigned shift, unsigned idx, Walk *w, uint32_t *error)
{
    for (;; shift -= 9) {
        Entry e = entry_read(p, &t, p->lin >> shift & 0x1ff, 8);
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
            int r = path_leaf(p, &e, idx, e.value & PTE_ADDR & ~(size - 1), (uint8_t)shift, w, error);

            if (r > 0 && large) {
                step_keep(p, shift, &e, NULL);
            }
            return r;
        }
        if (!entry_mark(p, &e, PTE_A)) {
            return -1;
        }
        t = table_at(p, e.value & PTE_ADDR);
        step_keep(p, shift, &e, &t);
    }
}

static int walk_pae(Path *p, unsigned idx, Walk *w, uint32_t *error)
{
    uint64_t pdpte = p->cpu->pdpte[p->lin >> 30 & 3];

    if (!(pdpte & PTE_P)) {
        *error = path_error(p, 0);
        return 0;
    }
    return walk_wide(p, table_at(p, pdpte & PTE_ADDR), 21, idx, w, error);
}

static int walk_narrow_last(Path *p, const Table *t, unsigned idx, Walk *w, uint32_t *error)
{
    Entry pte = entry_read(p, t, p->lin >> 12 & 0x3ff, 4);

    if (!(pte.value & PTE_P)) {
        *error = path_error(p, 0);
        return 0;
    }
    path_add(p, pte.value, false);
    return path_leaf(p, &pte, idx, pte.value & 0xfffff000u, 12, w, error);
}

/* Bits 20..13 are address bits 39..32. */
static uint64_t narrow_large(uint64_t pde)
{
    return (pde & 0xffc00000u) | (pde & 0x1fe000) << 19;
}

static int walk_narrow(Path *p, unsigned idx, Walk *w, uint32_t *error)
{
    Table dir = table_at(p, p->cpu->cr3 & 0xfffff000u);
    Entry e = entry_read(p, &dir, p->lin >> 22 & 0x3ff, 4);

    if (!(e.value & PTE_P)) {
        *error = path_error(p, 0);
        return 0;
    }
    path_add(p, e.value, false);
    if ((e.value & PTE_PS) && (p->cpu->cr4 & CR4_PSE)) {
        if (e.value & 0x200000) {
            *error = path_error(p, PF_P | PF_RSVD);
            return 0;
        }
        int r = path_leaf(p, &e, idx, narrow_large(e.value), 22, w, error);

        if (r > 0) {
            step_keep(p, 22, &e, NULL);
        }
        return r;
    }
    if (!entry_mark(p, &e, PTE_A)) {
        return -1;
    }
    Table t = table_at(p, e.value & 0xfffff000u);

    step_keep(p, 22, &e, &t);
    return walk_narrow_last(p, &t, idx, w, error);
}

/*
 * From the lowest level that is known.  False: nothing is, or what is known does not do: a fault (whose reason only a whole walk
 * may tell), or a large page's dirty bit.
 */
static bool walk_short(Path *p, unsigned idx, Walk *w)
{
    unsigned low = walk_low_shift(p->cpu);
    const WalkStep *s = step_find(p, low);
    uint32_t error;

    if (!s && low == 21) {
        s = step_find(p, 30);
    }
    if (!s) {
        return false;
    }
    p->u = s->u;
    p->w = s->w;
    p->nx = s->nx;
    if (s->host) {
        Table t = { .mem = { .host = s->host, .writable = true, .ram = s->ram, .ram_off = s->ram_off } };

        return (low == 22 ? walk_narrow_last(p, &t, idx, w, &error) : walk_wide(p, t, s->shift - 9u, idx, w, &error)) > 0;
    }
    Entry e = { .value = s->value };
    uint64_t page = low == 22 ? narrow_large(s->value) : s->value & PTE_ADDR & ~(((uint64_t)1 << s->shift) - 1);

    return (p->acc != ACC_WRITE || (s->value & PTE_D)) && path_leaf(p, &e, idx, page, s->shift, w, &error) > 0;
}

bool mmu_load_pdptes(X86Cpu *cpu, uint64_t cr3)
{
    Path p = { .cpu = cpu };
    uint64_t pdpte[4], rsvd = ~cpu->phys_mask | 0x1e6;
    Table t = table_at(&p, cr3 & 0xfffff000u);

    for (unsigned k = 0; k < 4; k++) {
        pdpte[k] = entry_read(&p, &t, (unsigned)(cr3 & 0xfe0) / 8 + k, 8).value;
        if ((pdpte[k] & PTE_P) && (pdpte[k] & rsvd)) {
            return false;
        }
    }
    memcpy(cpu->pdpte, pdpte, sizeof(pdpte));
    return true;
}

static inline uint64_t wide_reserved(const X86Cpu *cpu)
{
    uint64_t rsvd = PTE_ADDR & ~cpu->phys_mask;

    if (!(cpu->efer & EFER_NXE)) {
        rsvd |= PTE_NX;
    }
    return cpu->mode & MODE_LMA ? rsvd : rsvd | (uint64_t)0x7ff << 52;
}

static Path path_begin(X86Cpu *cpu, uint64_t lin, MemAccess acc, unsigned idx, bool debug)
{
    return (Path){ .cpu = cpu, .lin = lin, .acc = acc, .user = idx >= TLB_USER, .debug = debug, .u = true, .w = true,
                   .rsvd = wide_reserved(cpu) };
}

/* The usual miss: the page table is known, and its entry allows the access and has the bits that it would set. */
static bool walk_usual(X86Cpu *cpu, uint64_t lin, MemAccess acc, unsigned idx, Walk *w)
{
    WalkCache *c = cpu->tlb_set->now->walk;
    unsigned shift = walk_low_shift(cpu);
    const WalkStep *s = c ? walk_low(cpu, c, lin) : NULL;
    uint64_t pte, want = acc == ACC_WRITE ? PTE_P | PTE_A | PTE_D : PTE_P | PTE_A;

    if (!s || s->generation != c->generation || s->region != lin >> shift || !s->host || (cpu->cr4 & CR4_PKE)) {
        return false;
    }
    if (shift == 21) {
        pte = __atomic_load_n((uint64_t *)(void *)s->host + (lin >> 12 & 0x1ff), __ATOMIC_ACQUIRE);
    } else {
        pte = __atomic_load_n((uint32_t *)(void *)s->host + (lin >> 12 & 0x3ff), __ATOMIC_ACQUIRE);
    }
    if ((pte & want) != want || (shift == 21 && (pte & wide_reserved(cpu)))) {
        return false;
    }
    w->perm = page_perm(cpu, idx, s->u && (pte & PTE_U), s->w && (pte & PTE_W), s->nx || (pte & PTE_NX));
    if (!(w->perm & access_needs(acc))) {
        return false;
    }
    w->perm &= pte & PTE_D ? 0xff : (uint8_t)~TLBP_W;
    w->perm |= (pte & PTE_G) && (cpu->cr4 & CR4_PGE) ? TLBP_GLOBAL : 0;
    w->phys = pte & PTE_ADDR;
    w->shift = 12;
    w->keys = 0;
    return true;
}

static int walk_whole(Path *p, unsigned idx, Walk *w, uint32_t *error)
{
    if (p->cpu->mode & MODE_LMA) {
        return walk_wide(p, table_at(p, p->cpu->cr3 & PTE_ADDR), 39, idx, w, error);
    }
    return p->cpu->cr4 & CR4_PAE ? walk_pae(p, idx, w, error) : walk_narrow(p, idx, w, error);
}

bool mmu_walk(X86Cpu *cpu, uint64_t lin, MemAccess acc, unsigned idx, bool debug, Walk *w, uint32_t *error)
{
    int r;

    if (!(cpu->cr0 & CR0_PG)) {
        *w = (Walk){ .phys = lin & ~(uint64_t)0xfff, .perm = TLBP_R | TLBP_W | TLBP_X, .shift = 12 };
        return true;
    }
    if (!debug && !log_on(LOG_MMU) && walk_usual(cpu, lin, acc, idx, w)) {
        return true;
    }
    Path p = path_begin(cpu, lin, acc, idx, debug);

    if (!debug && !log_on(LOG_MMU) && walk_short(&p, idx, w)) {
        return true;
    }
    do {
        p = path_begin(cpu, lin, acc, idx, debug);
        r = walk_whole(&p, idx, w, error);
    } while (r < 0); /* another CPU changed an entry between our look and our mark */
    if (log_on(LOG_MMU)) {
        log_printf(LOG_MMU, "walk %016" PRIx64 " %c tlb %u: %s %" PRIx64 "\n", lin, "rwx"[acc], idx, r ? "page" : "fault",
                   r ? w->phys : *error);
    }
    return r;
}

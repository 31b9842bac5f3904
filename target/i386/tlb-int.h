/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables of the software TLB.  Each vCPU has a set of address spaces, told apart by PCID as the architecture does (SDM
 * vol. 3, 4.10): one that comes back finds its translations again.  A space has a table per way of looking at memory (TLB_SYS, ...),
 * which is allocated when something is entered, grows with what it holds and shrinks when it stays nearly empty, and a small cache of
 * upper page-table levels (walk.c).  Global pages are entered in each space that uses them.  vCPU thread only, or its vCPU parked.
 */
#ifndef TARGET_I386_TLB_INT_H
#define TARGET_I386_TLB_INT_H

#include "target/i386/mem.h"

enum { TLB_SLOTS_MIN = 256, TLB_SLOTS_MAX = 1 << 16, TLB_VICTIMS = 8, TLB_SPACES = 16 };
/* Entries of all tables of a vCPU together: beyond, tables of spaces not in use go (72 bytes an entry). */
#define TLB_SLOTS_TOTAL (1u << 19)

enum { TLBP_R = 1, TLBP_W = 2, TLBP_X = 4, TLBP_GLOBAL = 8 };

/* Beside each entry, what the slow paths need. */
typedef struct TlbPhys {
    uint64_t lin;          /* of the page */
    RamBlock *ram;         /* NULL: I/O */
    uint64_t ram_off;      /* of the page */
    uint64_t page : 40;    /* guest-physical page number, A20 applied */
    uint64_t perm : 8;     /* TLBP_* that the walk allowed; 0: an empty slot */
    uint64_t shift : 8;    /* log2 of the size of the page that it was cut from */
    uint64_t listed : 2;   /* in which of the table's lists the slot is */
} TlbPhys;

/*
 * Slots that may hold something, of one kind: what a flush visits.  A slot whose entry went or changed its kind stays listed.
 * large, huge: sets of regions of which there may be parts of pages above 4 KiB; never less than there are.
 */
enum { TLB_LOCAL, TLB_GLOBAL, TLB_KINDS };
typedef struct TlbList {
    uint32_t *slot;
    uint32_t count;
    uint64_t large[16];    /* 2 and 4 MiB pages, by the region of 4 MiB modulo 1024 */
    uint64_t huge;         /* 1 GiB pages, by the region modulo 64 */
} TlbList;

typedef struct TlbTable {
    void *memory;          /* of all arrays; NULL: nothing allocated */
    TlbEntry *entry;       /* `slots`, and behind them the victims: entries that had to make room, not looked up inline */
    TlbPhys *phys;
    TlbList list[TLB_KINDS];
    uint32_t slots;        /* a power of 2 */
    uint32_t victim;       /* how many there were: the next to be replaced, modulo TLB_VICTIMS */
    uint32_t evicted;      /* since the table got its size or was flushed */
    uint32_t sparse;       /* flushes in a row that found it nearly empty */
} TlbTable;

/* An entry of an upper level: the table that it points to, or the large page.  Accessed is set; only valid entries are kept. */
typedef struct WalkStep {
    uint64_t region;       /* linear address >> shift */
    uint64_t value;        /* the entry */
    uint8_t *host;         /* of the table; NULL: a large page */
    RamBlock *ram;
    uint64_t ram_off;
    uint32_t generation;   /* of the cache when this was entered */
    uint8_t shift;
    bool u, w, nx;         /* gathered down to here */
} WalkStep;
enum { WALK_LOW = 256 /* 2 and 4 MiB regions */, WALK_HIGH = 32 /* 1 GiB regions */ };
typedef struct WalkCache {
    uint32_t generation;   /* steps whose generation is another are gone */
    WalkStep low[WALK_LOW], high[WALK_HIGH];
} WalkCache;

/*
 * A translator remembers which code is behind a linear address, longer than the TLB has an entry for it.  It does so under a number
 * (tlb_code_id()), which is given out once and changes as soon as something that code was fetched through may be gone.  Code of the
 * supervisor that comes from global pages alone has a number for all spaces; others have two for each space: supervisor, user.
 * These are the pages, as filters: never less than there are.
 */
enum { TLB_CODE_PAGES = 1 << 15, TLB_CODE_LARGE = 1024 };
typedef struct TlbCode {
    uint64_t page[TLB_CODE_PAGES / 64];   /* by linear page number */
    uint64_t large[TLB_CODE_LARGE / 64];  /* cut from larger pages: by the region of 4 MiB */
    bool any;
} TlbCode;

typedef struct TlbSpace {
    bool used;
    uint16_t pcid;
    uint64_t stamp;        /* when it was left: TlbSet.switches */
    TlbTable way[TLB_COUNT];
    WalkCache *walk;       /* NULL: empty */
    TlbCode code;          /* pages that are not global */
    uint64_t code_id[2];
    bool code_system;      /* some of them were the supervisor's: code_id[0] is good for it, not that of all spaces */
} TlbSpace;

/* A range of RAM that was looked up last: below 1 MiB, below 4 GiB, above. */
typedef struct TlbRange {
    uint64_t addr, size;   /* size 0: none */
    MemLookup at;          /* of addr */
} TlbRange;

typedef struct TlbSet {
    TlbSpace *now;
    uint64_t switches;
    uint32_t slots;        /* of all tables */
    uint32_t keys;         /* bits of PKRU that entries depend on */
    TlbRange range[3];
    TlbEntry none;         /* the table of a way that has none */
    TlbCode code;          /* global pages */
    uint64_t code_ids;     /* the last one given out */
    uint64_t code_id;
    TlbSpace space[TLB_SPACES];
} TlbSet;

static inline TlbTable *tlb_table(const X86Cpu *cpu, unsigned way)
{
    return &cpu->tlb_set->now->way[way];
}

static inline uint32_t tlb_slot(const TlbTable *t, uint64_t lin)
{
    return (uint32_t)(lin >> 12) & (t->slots - 1);
}

/* PAE and 4-level paging have 2 MiB regions at the last level but one, 32-bit paging 4 MiB. */
static inline unsigned walk_low_shift(const X86Cpu *cpu)
{
    return cpu->cr4 & CR4_PAE ? 21 : 22;
}

static inline WalkStep *walk_low(const X86Cpu *cpu, WalkCache *c, uint64_t lin)
{
    return &c->low[(lin >> walk_low_shift(cpu)) % WALK_LOW];
}

static inline WalkStep *walk_high(WalkCache *c, uint64_t lin)
{
    return &c->high[(lin >> 30) % WALK_HIGH];
}

static inline bool tlb_tag_valid(uint64_t tag, uint64_t lin)
{
    return (tag & ~(uint64_t)0xfff) == (lin & ~(uint64_t)0xfff) && (tag & 0xfff) != TLB_INVALID;
}

/* Enters what the current space's table holds for @p->lin from now on; returns the entry.  May resize the table. */
TlbEntry *tlb_put(X86Cpu *cpu, unsigned way, const TlbEntry *e, const TlbPhys *p);
/* An entry of the page among the victims takes its place in the table again; NULL: there is none. */
TlbEntry *tlb_recall(X86Cpu *cpu, unsigned way, uint64_t lin);
/* After a page fault: what the current space holds for the page. */
void tlb_drop_faulting(X86Cpu *cpu, uint64_t lin);
/* A tag that names the page but never matches the inline look-up: the access must take the slow path. */
#define TLB_SLOW ((uint64_t)1)

/* No entry of any space writes to the page at this host address without the slow path any more. */
void tlb_drop_write(X86Cpu *cpu, const uint8_t *page);
/* As address_space_lookup() in the CPU's own view, from memory of the last answer; good until the next flush, as TLB entries are. */
void tlb_lookup_slow(X86Cpu *cpu, uint64_t phys, MemLookup *m);
static inline TlbRange *tlb_range(X86Cpu *cpu, uint64_t phys)
{
    return &cpu->tlb_set->range[phys >> 32 ? 2 : phys >> 20 ? 1 : 0];
}

static inline void tlb_lookup(X86Cpu *cpu, uint64_t phys, MemLookup *m)
{
    const TlbRange *r = tlb_range(cpu, phys);
    uint64_t at = phys - r->addr;

    if (G_UNLIKELY(at >= r->size)) {
        tlb_lookup_slow(cpu, phys, m);
        return;
    }
    *m = r->at;
    m->host += at;
    m->avail -= at;
    m->ram_off += at;
}

/* tlb-code.c: code may be fetched through the entry; what was dropped from a space, or was flushed from it. */
void tlb_code_put(TlbSet *set, unsigned way, const TlbPhys *p);
void tlb_code_drop_page(TlbSet *set, TlbSpace *s, uint64_t lin, unsigned kinds);
void tlb_code_flush(TlbSet *set, TlbSpace *s, bool globals);
void tlb_code_renew_set(TlbSet *set);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory as instructions see it: segmentation check, then the TLB, then the slow path (mmu.c).
 * All functions may raise #GP, #SS, #PF or #AC and then do not return.  vCPU thread, no big lock held.
 */
#ifndef TARGET_I386_MEM_H
#define TARGET_I386_MEM_H

#include "target/i386/insn.h"

typedef enum MemAccess { ACC_READ, ACC_WRITE, ACC_EXEC } MemAccess;

/* Segment check outside flat code: limit, type, canonical address; returns the linear address. */
uint64_t seg_linear_checked(X86Cpu *cpu, unsigned seg, uint64_t off, unsigned size, MemAccess acc);

static inline uint64_t seg_linear(X86Cpu *cpu, const Insn *i, unsigned seg, uint64_t off, unsigned size, MemAccess acc)
{
    if (i->flags & INSN_FLAT) {
        uint64_t lin = off + cpu->lin_base[seg]; /* non-canonical: the slow path raises #GP or #SS by i->seg */
        return lin;
    }
    return seg_linear_checked(cpu, seg, off, size, acc);
}

/* Linear address of the instruction's memory operand. */
static inline uint64_t insn_linear(X86Cpu *cpu, const Insn *i, unsigned size, MemAccess acc)
{
    return seg_linear(cpu, i, i->seg, insn_ea(cpu, i), size, acc);
}

static inline TlbEntry *tlb_entry(X86Cpu *cpu, uint64_t lin)
{
    return (TlbEntry *)(void *)((uint8_t *)cpu->tlb + (lin >> (12 - TLB_ENTRY_SHIFT) & cpu->tlb_mask));
}

/* The same for another way than the current one. */
static inline TlbEntry *tlb_entry_of(X86Cpu *cpu, unsigned way, uint64_t lin)
{
    const TlbWay *w = &cpu->tlb_ways[way];

    return (TlbEntry *)(void *)((uint8_t *)w->entry + (lin >> (12 - TLB_ENTRY_SHIFT) & w->mask));
}

/*
 * Alignment check (CR0.AM, RFLAGS.AC, CPL 3; SDM vol. 3, 6.15, interrupt 17).  Values of up to 8 bytes and read-modify-write are
 * checked by the slow paths, which is where such code always goes; who moves bytes calls this before.  As on the host's CPU: natural
 * alignment, 8 bytes for an 80-bit value, before any page fault, after a non-canonical address.
 */
void mem_check_align_armed(X86Cpu *cpu, uint64_t lin, unsigned size);
static inline void mem_check_align(X86Cpu *cpu, uint64_t lin, unsigned size)
{
    if (G_UNLIKELY(cpu->tlb_way == TLB_USER_AC)) {
        mem_check_align_armed(cpu, lin, size);
    }
}

/* Slow paths: TLB fill, page crossing, I/O, code pages, watchpoints. */
uint64_t mmu_load_slow(X86Cpu *cpu, uint64_t lin, unsigned size);
void mmu_store_slow(X86Cpu *cpu, uint64_t lin, uint64_t val, unsigned size);

static inline bool tlb_hit(uint64_t tag, uint64_t lin, unsigned size)
{
    return tag == (lin & ~(uint64_t)0xfff) && (lin & 0xfff) <= 0x1000 - size;
}

/* Values of 1, 2, 4, 8 bytes at a linear address, at the current privilege. */
static inline uint64_t mem_load(X86Cpu *cpu, uint64_t lin, unsigned size)
{
    TlbEntry *e = tlb_entry(cpu, lin);
    if (G_LIKELY(tlb_hit(e->read, lin, size))) {
        return ld_le((const void *)(lin + e->addend), size);
    }
    return mmu_load_slow(cpu, lin, size);
}

static inline void mem_store(X86Cpu *cpu, uint64_t lin, uint64_t val, unsigned size)
{
    TlbEntry *e = tlb_entry(cpu, lin);
    if (G_LIKELY(tlb_hit(e->write, lin, size))) {
        st_le((void *)(lin + e->addend), val, size);
        return;
    }
    mmu_store_slow(cpu, lin, val, size);
}

/*
 * Read-modify-write of up to 64 bytes: checks write permission first.  begin returns where to work: guest RAM itself, or
 * cpu-private bounce bytes (page crossing, I/O, code page) that commit writes back.  Between the two nothing may fault.
 * With @locked the access is atomic against other vCPUs: plain C11/GCC atomics on the returned pointer when `direct`, otherwise the
 * MMU holds the global bus lock until commit.
 * Alignment: an aligned LOCKed access is one host atomic.  An unaligned one within a page goes through the slow path to RAM in place, where
 * the host's LOCK is as atomic as the guest's; one that crosses a page, or reaches I/O, is atomic against other such accesses only (the
 * bus lock), not against plain accesses of other vCPUs to the same bytes.
 */
typedef struct MemRmw {
    void *ptr;
    uint64_t lin;
    unsigned size;
    bool direct, bus_locked;
    uint8_t bounce[64] __attribute__((aligned(64)));
} MemRmw;
void mem_rmw_begin_slow(X86Cpu *cpu, MemRmw *m, uint64_t lin, unsigned size, bool locked);
void mem_rmw_commit_slow(X86Cpu *cpu, MemRmw *m);
void mmu_drop_bus_lock(X86Cpu *cpu); /* run loop: when an instruction was left by an exception in the middle of a locked access */

static inline void mem_rmw_begin(X86Cpu *cpu, MemRmw *m, uint64_t lin, unsigned size, bool locked)
{
    TlbEntry *e = tlb_entry(cpu, lin);
    if (G_LIKELY(tlb_hit(e->write, lin, size) && tlb_hit(e->read, lin, size) && !(locked && (lin & (size - 1))))) {
        m->ptr = (void *)(lin + e->addend);
        m->direct = true;
        return;
    }
    mem_rmw_begin_slow(cpu, m, lin, size, locked);
}

static inline void mem_rmw_commit(X86Cpu *cpu, MemRmw *m)
{
    if (G_UNLIKELY(!m->direct)) {
        mem_rmw_commit_slow(cpu, m);
    }
}

/* Any number of bytes (up to 4096), page crossing included; the write is checked as a whole before its first byte. */
void mem_read_bytes(X86Cpu *cpu, uint64_t lin, void *buf, unsigned len);
void mem_write_bytes(X86Cpu *cpu, uint64_t lin, const void *buf, unsigned len);
/* Raises what an access would raise, does nothing else. */
void mem_probe(X86Cpu *cpu, uint64_t lin, unsigned len, MemAccess acc);

/*
 * Host pointer for string instructions: bytes from @lin to the end of its page that may be accessed directly; NULL when the
 * slow path must be used (I/O, code page...).  Fills the TLB, so it may raise.
 */
void *mem_page_ptr(X86Cpu *cpu, uint64_t lin, MemAccess acc, unsigned *avail);

/* Implicit supervisor accesses: descriptor tables, TSS, interrupt frames at CPL < 3 (SMAP in force, U/S ignored as CPL 0). */
uint64_t mem_load_sys(X86Cpu *cpu, uint64_t lin, unsigned size);
void mem_store_sys(X86Cpu *cpu, uint64_t lin, uint64_t val, unsigned size);
/* Accesses at a given privilege level, for pushes onto another ring's stack. */
uint64_t mem_load_cpl(X86Cpu *cpu, uint64_t lin, unsigned size, unsigned cpl);
void mem_store_cpl(X86Cpu *cpu, uint64_t lin, uint64_t val, unsigned size, unsigned cpl);

/* Translation without side effects, for the monitor and gdb: false when not mapped. */
bool mmu_translate_debug(X86Cpu *cpu, uint64_t lin, uint64_t *phys);

/*
 * PAE paging's four upper entries live in the CPU (SDM vol. 3, 4.4.1): they are read when CR3 is loaded or PAE paging comes into force,
 * not by the walk.  False, and nothing changed: a present one has reserved bits set.
 */
bool mmu_load_pdptes(X86Cpu *cpu, uint64_t cr3);

/* PKRU: TLB entries hold what it allowed. */
void mmu_set_pkru(X86Cpu *cpu, uint32_t v);

/*
 * TLB maintenance, own thread (SDM vol. 3, 4.10.4).  Each also forgets upper levels of page tables as far as it must.  A PCID is that
 * of CR3's low bits while CR4.PCIDE is set, else 0.
 */
void tlb_flush_all(X86Cpu *cpu);       /* every PCID, global pages too; and turns to CR3's address space, whoever set it */
void tlb_flush_nonglobal(X86Cpu *cpu); /* every PCID, not global pages */
void tlb_flush_pcid(X86Cpu *cpu, uint16_t pcid);
void tlb_flush_page(X86Cpu *cpu, uint64_t lin); /* INVLPG: of the current PCID, and global ones */
void tlb_flush_page_pcid(X86Cpu *cpu, uint64_t lin, uint16_t pcid); /* not global ones */
/* CR3 was loaded.  @keep: what is known of its PCID stays. */
void tlb_switch(X86Cpu *cpu, bool keep);
/*
 * What a translator learns about where code lies in the current space, at the current privilege, holds as long as the first gives the same
 * number (tlb-int.h); the second ends that for all numbers given so far.
 */
uint64_t tlb_code_id(const X86Cpu *cpu);
void tlb_code_renew(X86Cpu *cpu);
/* At creation (the vCPU's registers are zero) and at its end. */
void tlb_new(X86Cpu *cpu);
void tlb_free(X86Cpu *cpu);

/*
 * Code fetch.  mmu_fetch_page: the RAM page behind @lin (for block look-up); raises #PF; ram NULL: I/O, fetch byte-wise by
 * mmu_fetch_io.  Marks nothing.  mmu_protect_code: from now on no vCPU's fast path writes that page; waits
 * until all have dropped such TLB entries (serving its own requests meanwhile).
 */
typedef struct CodePage {
    RamBlock *ram;
    uint64_t ram_off; /* of the page */
    const uint8_t *host;
    uint64_t phys;
} CodePage;
CodePage mmu_fetch_page(X86Cpu *cpu, uint64_t lin);
void mmu_fetch_io(X86Cpu *cpu, uint64_t phys, void *buf, unsigned len);
void mmu_protect_code(X86Cpu *cpu, RamBlock *ram, uint64_t page_off);
/*
 * The code hook (system/memory.h) that mmu_init() sets.  An engine that sets its own calls the second from it: @fading is called for a
 * page that is about to be watched no more, and drops all code that was made from it.  Any thread.
 */
typedef void MmuPageFading(RamBlock *ram, uint64_t page_off);
void mmu_code_written(RamBlock *ram, uint64_t off, uint64_t len);
void mmu_code_written_telling(RamBlock *ram, uint64_t off, uint64_t len, MmuPageFading *fading);

/* Port and physical accesses of this CPU (A20, SMM view); take the big lock for devices. */
uint64_t x86_io_in(X86Cpu *cpu, uint16_t port, unsigned size);
void x86_io_out(X86Cpu *cpu, uint16_t port, uint64_t val, unsigned size);
AddressSpace *x86_as(X86Cpu *cpu); /* memory as this CPU sees it now */

/* Serves VCPU_EV_TLB: flushes and acknowledges.  Own thread. */
void mmu_serve_flush(X86Cpu *cpu);
/* Watches the CPU's address spaces for changes of their view; at creation, under the big lock. */
void mmu_init(X86Cpu *cpu);
void mmu_destroy(X86Cpu *cpu);

/* Big lock from instruction code: counts as a quiescent point for mmu_protect_code. */
void x86_io_lock(X86Cpu *cpu);
void x86_io_unlock(X86Cpu *cpu);

#endif

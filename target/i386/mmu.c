/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The software TLB and the slow paths of memory access (mem.h): TLB misses, page crossing, I/O, pages that hold decoded code,
 * watchpoints.  vCPU thread, no big lock held.
 */
#include "util/osdep.h"
#include "target/i386/exc.h"
#include "target/i386/mmu-int.h"
#include "util/mainloop.h"

static GMutex bus_lock; /* LOCKed accesses that host atomics cannot do: page crossing, I/O */

AddressSpace *x86_as(X86Cpu *cpu)
{
    return cpu->smm ? cpu->vcpu.as_smm : cpu->vcpu.as_mem;
}

/* --- segmentation -------------------------------------------------------------------------------------------- */

static void G_GNUC_NORETURN seg_fault(X86Cpu *cpu, unsigned seg)
{
    x86_raise_err(cpu, seg == SEG_SS ? EXC_SS : EXC_GP, 0);
}

static void seg_check_type(X86Cpu *cpu, unsigned seg, MemAccess acc)
{
    uint32_t attr = cpu->seg[seg].attr;
    bool code = attr & SEG_CODE;

    if (!(attr & SEG_P) || (acc == ACC_WRITE && (code || !(attr & SEG_W))) ||
        (acc == ACC_READ && code && !(attr & SEG_W))) {
        seg_fault(cpu, seg);
    }
}

uint64_t seg_linear_checked(X86Cpu *cpu, unsigned seg, uint64_t off, unsigned size, MemAccess acc)
{
    const X86Seg *s = &cpu->seg[seg];
    uint64_t last = off + size - 1;

    if (cpu->mode & MODE_CODE64) {
        return off + cpu->lin_base[seg];
    }
    if (x86_protected(cpu)) {
        seg_check_type(cpu, seg, acc);
    }
    if ((s->attr & SEG_E) && !(s->attr & SEG_CODE) && x86_protected(cpu)) {
        if (off <= s->limit || last > (s->attr & SEG_DB ? 0xffffffffu : 0xffffu)) {
            seg_fault(cpu, seg);
        }
    } else if (last > s->limit) {
        seg_fault(cpu, seg);
    }
    return (uint32_t)(s->base + off);
}

/* --- the TLB -------------------------------------------------------------------------------------------------- */

void mmu_set_pkru(X86Cpu *cpu, uint32_t v)
{
    if (cpu->pkru != v) {
        uint32_t changed = cpu->pkru ^ v;

        cpu->pkru = v;
        if (changed & cpu->tlb_set->keys) {
            tlb_flush_all(cpu);
        }
    }
}

static bool mmu_canonical(const X86Cpu *cpu, uint64_t lin)
{
    return !(cpu->mode & MODE_LMA) || (uint64_t)((int64_t)(lin << 16) >> 16) == lin;
}

static void G_GNUC_NORETURN raise_noncanonical(X86Cpu *cpu)
{
    x86_raise_err(cpu, cpu->insn && cpu->insn->seg == SEG_SS ? EXC_SS : EXC_GP, 0);
}

static uint64_t tlb_tag(uint64_t lin, bool allowed, bool fast)
{
    return !allowed ? TLB_INVALID : fast ? lin : lin | TLB_SLOW;
}

/*
 * May the page be written through a host pointer?  Who marks a page as code looks at direct_writers after that, and we look
 * for the mark after we have set our bit there: one sees the other (mmu_protect_code()).
 */
static bool page_take_writable(const X86Cpu *cpu, RamBlock *ram, uint64_t ram_off)
{
    atomic_uchar *writers = &ram->direct_writers[ram_off >> 12];

    if (!ram_write_is_noted(ram, ram_off)) {
        return false;
    }
    if (!(atomic_load(writers) & mmu_writer_bit(cpu))) {
        atomic_fetch_or(writers, mmu_writer_bit(cpu));
    }
    return !atomic_load(&ram->code_page[ram_off >> 12]);
}

/* Enters a translation.  Whole pages of RAM and ROM are reached directly, everything else by the slow path. */
static TlbEntry *tlb_enter(X86Cpu *cpu, uint64_t lin, unsigned idx, const Walk *w)
{
    uint64_t phys = w->phys & cpu->a20_mask;
    MemLookup m;

    tlb_lookup(cpu, phys, &m);
    bool direct = m.host && m.avail >= 0x1000, watched = x86_debug_page_watched(cpu, lin);
    bool fast = direct && !watched && idx != TLB_USER_AC;
    bool writable = fast && (w->perm & TLBP_W) && m.writable && page_take_writable(cpu, m.ram, m.ram_off);

    lin &= ~(uint64_t)0xfff;
    TlbPhys p = { .lin = lin, .ram = direct ? m.ram : NULL, .ram_off = m.ram_off, .page = phys >> 12, .perm = w->perm,
                  .shift = w->shift };
    TlbEntry e = { .read = tlb_tag(lin, w->perm & TLBP_R, fast), .write = tlb_tag(lin, w->perm & TLBP_W, writable),
                   .exec = tlb_tag(lin, w->perm & TLBP_X, direct), .addend = direct ? (uintptr_t)m.host - lin : 0 };

    cpu->tlb_set->keys |= w->keys;
    return tlb_put(cpu, idx, &e, &p);
}

static uint64_t entry_tag(const TlbEntry *e, MemAccess acc)
{
    return acc == ACC_READ ? e->read : acc == ACC_WRITE ? e->write : e->exec;
}

TlbEntry *tlb_get(X86Cpu *cpu, uint64_t lin, MemAccess acc, unsigned idx)
{
    TlbEntry *e = tlb_entry_of(cpu, idx, lin);
    Walk w;
    uint32_t error = 0;

    if (tlb_tag_valid(entry_tag(e, acc), lin)) {
        return e;
    }
    e = tlb_recall(cpu, idx, lin);
    if (e && tlb_tag_valid(entry_tag(e, acc), lin)) {
        return e;
    }
    if (!mmu_canonical(cpu, lin)) {
        raise_noncanonical(cpu);
    }
    if (!mmu_walk(cpu, lin, acc, idx, false, &w, &error)) {
        tlb_drop_faulting(cpu, lin);
        x86_raise_pf(cpu, lin, error);
    }
    return tlb_enter(cpu, lin, idx, &w);
}

/* --- accesses within one page ---------------------------------------------------------------------------------- */

static void note_debug(X86Cpu *cpu, uint64_t lin, unsigned size, bool write)
{
    x86_debug_data(cpu, lin, size, write);
    if (cpu->dbg_hits && cpu->insn) {
        cpu->insn_end = cpu->insn + 1;
    }
}

static uint64_t page_load(X86Cpu *cpu, uint64_t lin, unsigned size, unsigned idx)
{
    const TlbEntry *e = tlb_get(cpu, lin, ACC_READ, idx);
    const TlbPhys *p = tlb_phys_of(cpu, idx, lin);
    uint64_t val = 0;

    if (e->read & TLB_SLOW) {
        note_debug(cpu, lin, size, false);
    }
    if (p->ram) {
        return ld_le((const void *)(lin + e->addend), size);
    }
    uint64_t phys = (uint64_t)p->page << 12 | (lin & 0xfff);

    x86_io_lock(cpu);
    address_space_load(x86_as(cpu), phys, size, &val);
    x86_io_unlock(cpu);
    return val;
}

/* After a write to RAM by the slow path: dirty bits, decoded code. */
static void page_written(X86Cpu *cpu, TlbEntry *e, const TlbPhys *p, uint64_t lin, unsigned size)
{
    uint64_t off = p->ram_off + (lin & 0xfff);
    bool code = atomic_load(&p->ram->code_page[off >> 12]);

    ram_written(p->ram, off, size);
    if (!code && !(e->read & TLB_SLOW) && page_take_writable(cpu, p->ram, off)) {
        e->write &= ~(uint64_t)TLB_SLOW; /* it was dirty tracking that made it slow */
    }
    if (code && cpu->insn) {
        cpu->smc = true; /* the block itself may have changed */
        cpu->insn_end = cpu->insn + 1;
    }
}

static bool page_is_plain_ram(X86Cpu *cpu, const TlbPhys *p)
{
    MemLookup m;

    tlb_lookup(cpu, (uint64_t)p->page << 12, &m);
    return p->ram && m.writable;
}

static void page_store(X86Cpu *cpu, uint64_t lin, uint64_t val, unsigned size, unsigned idx)
{
    TlbEntry *e = tlb_get(cpu, lin, ACC_WRITE, idx);
    const TlbPhys *p = tlb_phys_of(cpu, idx, lin);

    if (!(e->write & TLB_SLOW)) {
        st_le((void *)(lin + e->addend), val, size);
        return;
    }
    note_debug(cpu, lin, size, true);
    if (page_is_plain_ram(cpu, p)) {
        st_le((void *)(lin + e->addend), val, size);
        page_written(cpu, e, p, lin, size);
        return;
    }
    uint64_t phys = (uint64_t)p->page << 12 | (lin & 0xfff);

    x86_io_lock(cpu);
    address_space_store(x86_as(cpu), phys, size, val);
    x86_io_unlock(cpu);
}

/* --- any address ------------------------------------------------------------------------------------------------- */

static bool crosses_page(uint64_t lin, unsigned size)
{
    return (lin & 0xfff) + size > 0x1000;
}

static uint64_t load_idx(X86Cpu *cpu, uint64_t lin, unsigned size, unsigned idx)
{
    uint64_t val = 0;

    if (!crosses_page(lin, size)) {
        return page_load(cpu, lin, size, idx);
    }
    tlb_get(cpu, lin, ACC_READ, idx);
    tlb_get(cpu, mmu_wrap(cpu, lin + size - 1) & ~(uint64_t)0xfff, ACC_READ, idx);
    for (unsigned k = 0; k < size; k++) {
        val |= page_load(cpu, mmu_wrap(cpu, lin + k), 1, idx) << (k * 8);
    }
    return val;
}

static void store_idx(X86Cpu *cpu, uint64_t lin, uint64_t val, unsigned size, unsigned idx)
{
    if (!crosses_page(lin, size)) {
        page_store(cpu, lin, val, size, idx);
        return;
    }
    tlb_get(cpu, lin, ACC_WRITE, idx);
    tlb_get(cpu, mmu_wrap(cpu, lin + size - 1) & ~(uint64_t)0xfff, ACC_WRITE, idx);
    for (unsigned k = 0; k < size; k++) {
        page_store(cpu, mmu_wrap(cpu, lin + k), val >> (k * 8) & 0xff, 1, idx);
    }
}

void mem_check_align_armed(X86Cpu *cpu, uint64_t lin, unsigned size)
{
    unsigned align = size == 10 ? 8 : size;

    if (!(lin & (align - 1))) {
        return;
    }
    if (!mmu_canonical(cpu, lin)) {
        raise_noncanonical(cpu);
    }
    x86_raise_err(cpu, EXC_AC, 0);
}

uint64_t mmu_load_slow(X86Cpu *cpu, uint64_t lin, unsigned size)
{
    mem_check_align(cpu, lin, size);
    return load_idx(cpu, lin, size, tlb_index(cpu));
}

void mmu_store_slow(X86Cpu *cpu, uint64_t lin, uint64_t val, unsigned size)
{
    mem_check_align(cpu, lin, size);
    store_idx(cpu, lin, val, size, tlb_index(cpu));
}

static unsigned sys_index(const X86Cpu *cpu)
{
    return cpu->cr4 & CR4_SMAP ? TLB_SYS : TLB_SYS_USERPAGES;
}

uint64_t mem_load_sys(X86Cpu *cpu, uint64_t lin, unsigned size)
{
    return load_idx(cpu, mmu_wrap(cpu, lin), size, sys_index(cpu));
}

void mem_store_sys(X86Cpu *cpu, uint64_t lin, uint64_t val, unsigned size)
{
    store_idx(cpu, mmu_wrap(cpu, lin), val, size, sys_index(cpu));
}

uint64_t mem_load_cpl(X86Cpu *cpu, uint64_t lin, unsigned size, unsigned cpl)
{
    return load_idx(cpu, mmu_wrap(cpu, lin), size, cpl == 3 ? TLB_USER : sys_index(cpu));
}

void mem_store_cpl(X86Cpu *cpu, uint64_t lin, uint64_t val, unsigned size, unsigned cpl)
{
    store_idx(cpu, mmu_wrap(cpu, lin), val, size, cpl == 3 ? TLB_USER : sys_index(cpu));
}

void mem_probe(X86Cpu *cpu, uint64_t lin, unsigned len, MemAccess acc)
{
    unsigned idx = tlb_index(cpu);

    for (uint64_t at = lin; at < lin + len; at = (at | 0xfff) + 1) {
        tlb_get(cpu, mmu_wrap(cpu, at), acc, idx);
        if (at > UINT64_MAX - 0x1000) {
            break;
        }
    }
}

void mem_read_bytes(X86Cpu *cpu, uint64_t lin, void *buf, unsigned len)
{
    uint8_t *out = buf;

    for (unsigned done = 0; done < len;) {
        uint64_t at = mmu_wrap(cpu, lin + done);
        unsigned avail, n = len - done;
        const void *p = mem_page_ptr(cpu, at, ACC_READ, &avail);

        if (p) {
            n = MIN(n, avail);
            memcpy(out + done, p, n);
        } else {
            n = n >= 8 && !crosses_page(at, 8) ? 8 : 1;
            st_le(out + done, page_load(cpu, at, n, tlb_index(cpu)), n);
        }
        done += n;
    }
}

void mem_write_bytes(X86Cpu *cpu, uint64_t lin, const void *buf, unsigned len)
{
    const uint8_t *in = buf;

    mem_probe(cpu, lin, len, ACC_WRITE);
    for (unsigned done = 0; done < len;) {
        uint64_t at = mmu_wrap(cpu, lin + done);
        unsigned avail, n = len - done;
        void *p = mem_page_ptr(cpu, at, ACC_WRITE, &avail);

        if (p) {
            n = MIN(n, avail);
            memcpy(p, in + done, n);
        } else {
            n = n >= 8 && !crosses_page(at, 8) ? 8 : 1;
            page_store(cpu, at, ld_le(in + done, n), n, tlb_index(cpu));
        }
        done += n;
    }
}

void *mem_page_ptr(X86Cpu *cpu, uint64_t lin, MemAccess acc, unsigned *avail)
{
    const TlbEntry *e = tlb_get(cpu, lin, acc, tlb_index(cpu));

    *avail = 0x1000 - (unsigned)(lin & 0xfff);
    return entry_tag(e, acc) & TLB_SLOW ? NULL : (void *)(lin + e->addend);
}

/* --- read-modify-write ------------------------------------------------------------------------------------------- */

/* Nobody waits for a vCPU that waits here, so it must serve the flush that it was asked for meanwhile before it uses the TLB. */
static void take_bus_lock(X86Cpu *cpu, MemRmw *m)
{
    atomic_store(&cpu->quiet, true);
    g_mutex_lock(&bus_lock);
    atomic_store(&cpu->quiet, false);
    m->bus_locked = cpu->bus_locked = true;
    if (G_UNLIKELY(atomic_load(&cpu->vcpu.events) & VCPU_EV_TLB)) {
        mmu_serve_flush(cpu);
    }
}

void mem_rmw_begin_slow(X86Cpu *cpu, MemRmw *m, uint64_t lin, unsigned size, bool locked)
{
    unsigned idx = tlb_index(cpu);

    mem_check_align(cpu, lin, size);
    m->lin = lin;
    m->size = size;
    m->bus_locked = false;
    if (!crosses_page(lin, size)) {
        const TlbEntry *e = tlb_get(cpu, lin, ACC_WRITE, idx);
        const TlbPhys *p = tlb_phys_of(cpu, idx, lin);

        if (tlb_hit(e->write, lin, size)) {
            m->ptr = (void *)(lin + e->addend);
            m->direct = true;
            return;
        }
        if (page_is_plain_ram(cpu, p)) { /* code page, dirty tracking: in place, then told */
            note_debug(cpu, lin, size, false);
            note_debug(cpu, lin, size, true);
            m->ptr = (void *)(lin + e->addend);
            m->direct = false;
            return;
        }
    }
    mem_probe(cpu, lin, size, ACC_WRITE);
    if (locked) {
        take_bus_lock(cpu, m);
        mem_probe(cpu, lin, size, ACC_WRITE); /* what was flushed meanwhile; a fault drops the lock in the run loop */
    }
    for (unsigned k = 0; k < size; k += size <= 8 && !crosses_page(lin, size) ? size : 1) {
        unsigned n = size <= 8 && !crosses_page(lin, size) ? size : 1;

        st_le(m->bounce + k, page_load(cpu, mmu_wrap(cpu, lin + k), n, idx), n);
    }
    m->ptr = m->bounce;
    m->direct = false;
}

void mem_rmw_commit_slow(X86Cpu *cpu, MemRmw *m)
{
    if (m->ptr != m->bounce) {
        unsigned at = tlb_index(cpu);

        page_written(cpu, tlb_entry_of(cpu, at, m->lin), tlb_phys_of(cpu, at, m->lin), m->lin, m->size);
        return;
    }
    unsigned idx = tlb_index(cpu), n = m->size <= 8 && !crosses_page(m->lin, m->size) ? m->size : 1;

    for (unsigned k = 0; k < m->size; k += n) {
        page_store(cpu, mmu_wrap(cpu, m->lin + k), ld_le(m->bounce + k, n), n, idx);
    }
    if (m->bus_locked) {
        mmu_drop_bus_lock(cpu);
    }
}

void mmu_drop_bus_lock(X86Cpu *cpu)
{
    if (cpu->bus_locked) {
        cpu->bus_locked = false;
        g_mutex_unlock(&bus_lock);
    }
}

/* --- ports, big lock ------------------------------------------------------------------------------------------------ */

void x86_io_lock(X86Cpu *cpu)
{
    atomic_store(&cpu->quiet, true);
    bql_lock();
}

void x86_io_unlock(X86Cpu *cpu)
{
    bql_unlock();
    atomic_store(&cpu->quiet, false);
    if (G_UNLIKELY(atomic_load(&cpu->vcpu.events) & VCPU_EV_TLB)) {
        mmu_serve_flush(cpu);
    }
}

uint64_t x86_io_in(X86Cpu *cpu, uint16_t port, unsigned size)
{
    uint64_t val = 0;

    x86_io_lock(cpu);
    address_space_load(cpu->vcpu.as_io, port, size, &val);
    x86_io_unlock(cpu);
    return val;
}

void x86_io_out(X86Cpu *cpu, uint16_t port, uint64_t val, unsigned size)
{
    x86_io_lock(cpu);
    address_space_store(cpu->vcpu.as_io, port, size, val);
    x86_io_unlock(cpu);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that hold decoded code, and flushes asked for by other threads.
 *
 * A page of which blocks exist has RamBlock.code_page set, and no TLB has a fast write tag for it; writes take the slow path,
 * which steps code_gen, and blocks whose generation is old are decoded again.  To set the mark, a vCPU asks those others that
 * ever entered a fast write tag for the page (RamBlock.direct_writers) to drop their TLB entries (VCPU_EV_TLB) and waits for those of
 * them that are running guest code just now.  A vCPU that is not in its run loop,
 * or is `quiet` (waiting for or holding the big lock in the middle of an instruction), uses no TLB entry before it has looked at its
 * event word again, so nobody waits for it, and two vCPUs that wait for each other serve each other's flush meanwhile.
 */
#include "util/osdep.h"
#include "target/i386/mmu-int.h"
#include "util/mainloop.h"
#include "util/timer.h"
#include <sched.h>

void mmu_serve_flush(X86Cpu *cpu)
{
    vcpu_event_clear(&cpu->vcpu, VCPU_EV_TLB); /* first: a request that comes now flushes again */
    x86_update_a20(cpu);
    tlb_flush_all(cpu);
    atomic_fetch_add(&cpu->tlb_acks, 1);
}

CodePage mmu_fetch_page(X86Cpu *cpu, uint64_t lin)
{
    unsigned idx = tlb_index(cpu);
    const TlbEntry *e = tlb_get(cpu, lin, ACC_EXEC, idx);
    const TlbPhys *p = tlb_phys_of(cpu, idx, lin);

    return (CodePage){ .ram = p->ram, .ram_off = p->ram_off, .phys = (uint64_t)p->page << 12,
                       .host = p->ram ? (const uint8_t *)((lin & ~(uint64_t)0xfff) + e->addend) : NULL };
}

void mmu_fetch_io(X86Cpu *cpu, uint64_t phys, void *buf, unsigned len)
{
    x86_io_lock(cpu);
    address_space_read(x86_as(cpu), phys, buf, len);
    x86_io_unlock(cpu);
}

/* @self: the vCPU that waits, as long as it takes; NULL: the main thread, which gives up at @deadline (false). */
static bool wait_for_flush(X86Cpu *self, X86Cpu *other, int64_t deadline)
{
    unsigned before = atomic_load(&other->tlb_acks);

    vcpu_event_set(&other->vcpu, VCPU_EV_TLB);
    for (unsigned spins = 0; atomic_load(&other->tlb_acks) == before; spins++) {
        if (!atomic_load(&other->vcpu.in_run) || atomic_load(&other->quiet)) {
            return true;
        }
        if (self && (atomic_load(&self->vcpu.events) & VCPU_EV_TLB)) {
            mmu_serve_flush(self);
        }
        if (spins > 100) {
            if (!self && clock_ns(CLOCK_KIND_REALTIME) > deadline) {
                return false;
            }
            sched_yield();
        }
    }
    return true;
}

/*
 * Marks: 0 none; 1..CODE_WRITES_MAX how often it was written since something was decoded from it; CODE_PENDING while a vCPU sees to
 * it that nobody writes the page directly, for which others that want to decode from it wait.
 */
enum { CODE_WRITES_MAX = 64, CODE_PENDING = 255 };

static void drop_direct_writers(X86Cpu *cpu, RamBlock *ram, uint64_t page_off, unsigned writers)
{
    if (writers & mmu_writer_bit(cpu)) {
        tlb_drop_write(cpu, ram->host + page_off);
        cpu->tlb_epoch++;
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        X86Cpu *other = x86_cpu(vcpu_get(i));

        if (other != cpu && (writers & mmu_writer_bit(other))) {
            wait_for_flush(cpu, other, 0);
        }
    }
}

void mmu_protect_code(X86Cpu *cpu, RamBlock *ram, uint64_t page_off)
{
    atomic_uchar *mark = &ram->code_page[page_off >> 12];

    for (;;) {
        unsigned char old = atomic_load(mark);

        if (old == CODE_PENDING) {
            if (atomic_load(&cpu->vcpu.events) & VCPU_EV_TLB) {
                mmu_serve_flush(cpu);
            }
            sched_yield();
        } else if (atomic_compare_exchange_strong(mark, &old, old ? 1 : CODE_PENDING)) {
            if (old) { /* marked already: start counting writes anew (mmu_code_written) */
                return;
            }
            break;
        }
    }
    unsigned writers = atomic_exchange(&ram->direct_writers[page_off >> 12], 0);

    if (writers) {
        drop_direct_writers(cpu, ram, page_off, writers);
    }
    atomic_store(mark, 1);
}

/*
 * A marked page was written.  When nothing has been decoded from it for a while it is data again: the mark goes, and the
 * generation steps once more after that, for who decoded in between.  Who keeps code without looking at generations is told before: it
 * marks the page anew when it decodes from it again, and the mark stays then.
 */
void mmu_code_written_telling(RamBlock *ram, uint64_t off, uint64_t len, MmuPageFading *fading)
{
    for (uint64_t page = off >> 12; page <= (off + len - 1) >> 12; page++) {
        unsigned char n = atomic_load(&ram->code_page[page]);

        if (n == CODE_PENDING) {
            continue;
        }
        if (n && n < CODE_WRITES_MAX) {
            atomic_compare_exchange_strong(&ram->code_page[page], &n, (unsigned char)(n + 1));
            continue;
        }
        if (n && fading) {
            fading(ram, page << 12);
        }
        if (n && atomic_compare_exchange_strong(&ram->code_page[page], &n, 0)) {
            atomic_fetch_add(&ram->code_gen[page], 1);
        }
    }
}

void mmu_code_written(RamBlock *ram, uint64_t off, uint64_t len)
{
    mmu_code_written_telling(ram, off, len, NULL);
}

/*
 * Pages are clean again: fast write tags go.  A vCPU enters one only for a page that is dirty, so those from before the
 * bits were cleared are gone when each vCPU has served its flush.
 */
#define DIRTY_PATIENCE_NS (10 * NS_PER_MS) /* a vCPU whose thread does not get a processor must not stop the main thread */
static bool mmu_dirty_cleared(RamBlock *ram, uint64_t off, uint64_t len)
{
    int64_t deadline = clock_ns(CLOCK_KIND_REALTIME) + DIRTY_PATIENCE_NS;
    bool all = true;

    (void)ram, (void)off, (void)len;
    for (unsigned i = 0; i < vcpu_count(); i++) {
        all &= wait_for_flush(NULL, x86_cpu(vcpu_get(i)), deadline);
    }
    return all;
}

static const RamDirtyHooks mmu_dirty_hooks = { .cleared = mmu_dirty_cleared };

/* A new view of memory: host pointers in TLBs may be stale.  Big lock held, any thread. */
static void mmu_view_changed(MemListener *l, AddressSpace *as)
{
    (void)l, (void)as;
    for (unsigned i = 0; i < vcpu_count(); i++) {
        vcpu_event_set(vcpu_get(i), VCPU_EV_TLB);
    }
}

static MemListener mmu_listener = { .commit = mmu_view_changed };
static unsigned mmu_users; /* big lock */

void mmu_init(X86Cpu *cpu)
{
    if (mmu_users++ == 0) {
        ram_set_code_hook(mmu_code_written);
        ram_set_dirty_hooks(&mmu_dirty_hooks);
        mem_listener_add(cpu->vcpu.as_mem, &mmu_listener);
        if (cpu->vcpu.as_smm) {
            mem_listener_add(cpu->vcpu.as_smm, &mmu_listener);
        }
    }
}

void mmu_destroy(X86Cpu *cpu)
{
    if (--mmu_users == 0) {
        ram_set_code_hook(NULL);
        ram_set_dirty_hooks(NULL);
        mem_listener_remove(cpu->vcpu.as_mem, &mmu_listener);
        if (cpu->vcpu.as_smm) {
            mem_listener_remove(cpu->vcpu.as_smm, &mmu_listener);
        }
    }
}

bool mmu_translate_debug(X86Cpu *cpu, uint64_t lin, uint64_t *phys)
{
    Walk w;
    uint32_t error;

    lin = mmu_wrap(cpu, lin);
    if (!mmu_walk(cpu, lin, ACC_READ, TLB_SYS_USERPAGES, true, &w, &error)) {
        return false;
    }
    *phys = (w.phys & cpu->a20_mask) | (lin & 0xfff);
    return true;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NOPs, PAUSE, fences, cache-line instructions, prefetches, BOUND, UD0..UD2, CMC/CLC/STC/CLD/STD, RDRAND, RDSEED, SERIALIZE (SDM
 * vol. 2), and the slow half of the destination accessor.  vCPU thread; called through Insn.fn.
 */
#include "util/osdep.h"
#include "target/i386/op-atomic.h"
#include "target/i386/ops-int.h"
#include "util/timer.h"
#include <sched.h>
#include <sys/random.h>

uint64_t op_dst_begin_slow(X86Cpu *cpu, uint64_t lin, unsigned size)
{
    mem_probe(cpu, lin, size, ACC_WRITE);
    return mem_load(cpu, lin, size);
}

static void op_nop(X86Cpu *cpu, const Insn *i)
{
    (void)cpu;
    (void)i;
}

static void op_mfence(X86Cpu *cpu, const Insn *i)
{
    (void)cpu;
    (void)i;
    atomic_thread_fence(memory_order_seq_cst);
}

/* CLFLUSH and kin: no cache to write back, but the address is checked as for a read of one byte. */
static void op_clflush(X86Cpu *cpu, const Insn *i)
{
    mem_probe(cpu, insn_linear(cpu, i, 1, ACC_READ), 1, ACC_READ);
}

/* CLZERO: the whole line at rAX. */
static void op_clzero(X86Cpu *cpu, const Insn *i)
{
    static const uint8_t zero[64];
    uint64_t off = reg_read(cpu, R_RAX * 8, i->addrsize) & ~(uint64_t)63;

    mem_write_bytes(cpu, seg_linear(cpu, i, i->seg, off, 64, ACC_WRITE), zero, 64);
}

static void op_bound(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    uint64_t lin = insn_linear(cpu, i, size * 2, ACC_READ);
    int64_t low = op_sext(mem_load(cpu, lin, size), size), high = op_sext(mem_load(cpu, lin + size, size), size);
    int64_t v = op_sext(reg_read(cpu, i->dst, size), size);

    if (v < low || v > high) {
        x86_raise(cpu, EXC_BR);
    }
}

static void op_cmc(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    flags_set(cpu, flags_compute(cpu) ^ FL_CF);
}

static void op_clc(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    flags_set(cpu, flags_compute(cpu) & ~(uint32_t)FL_CF);
}

static void op_stc(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    flags_set(cpu, flags_compute(cpu) | FL_CF);
}

static void op_cld(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    cpu->eflags &= ~(uint32_t)FL_DF;
}

static void op_std(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    cpu->eflags |= FL_DF;
}

/* The kernel's generator never fails once it is seeded; should it, the guest sees CF = 0 and zero, as the manual says. */
static void op_rdrand(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = 0;
    bool ok = getrandom(&v, sizeof(v), 0) == sizeof(v);

    reg_write(cpu, i->dst, ok ? v : 0, i->opsize);
    flags_set(cpu, ok ? FL_CF : 0);
}

/*
 * A vCPU that spins lets others run: on a host with fewer cores, the one that it waits for.  That one may be waiting for another
 * core, whose queue a yield here does not reach: who spins on sleeps now and then, so that this core is free for what waits elsewhere.
 * While it sleeps, nobody waits for it to flush its TLB (mmu-code.c): it does so before it goes on.
 */
#define PAUSES_A_LOOK 32
#define SPIN_NS (20 * NS_PER_US) /* so many PAUSEs within this time are a spin */
#define SPINS_A_NAP 32
#define NAP_NS 30000
static void give_way(X86Cpu *cpu)
{
    int64_t now = clock_ns(CLOCK_KIND_REALTIME);

    cpu->spins = now - cpu->paused_at < SPIN_NS ? cpu->spins + 1 : 0;
    if (cpu->spins < SPINS_A_NAP) {
        sched_yield();
    } else {
        atomic_store(&cpu->quiet, true);
        vcpu_nap(&cpu->vcpu, NAP_NS);
        atomic_store(&cpu->quiet, false);
        if (atomic_load(&cpu->vcpu.events) & VCPU_EV_TLB) {
            mmu_serve_flush(cpu);
        }
    }
    cpu->paused_at = clock_ns(CLOCK_KIND_REALTIME);
}

static void op_pause(X86Cpu *cpu, const Insn *i)
{
    if (vcpu_count() > 1 && ++cpu->pauses % PAUSES_A_LOOK == 0) {
        give_way(cpu);
    }
    cpu->regs[R_RIP] = insn_next_rip(cpu, i);
}

const OpRow ops_misc[] = {
    { "nop", op_nop, NULL, 0 }, { "endbr64", op_nop, NULL, 0 }, { "endbr32", op_nop, NULL, 0 },
    { "pause", op_pause, NULL, INSN_BRANCH }, /* a spinning vCPU's block ends here, so that events are seen */
    { "lfence", op_nop, NULL, 0 }, { "sfence", op_nop, NULL, 0 }, { "mfence", op_mfence, NULL, 0 },
    { "serialize", op_mfence, NULL, INSN_END },
    { "clflush", op_clflush, NULL, 0 }, { "clflushopt", op_clflush, NULL, 0 }, { "clwb", op_clflush, NULL, 0 },
    { "cldemote", op_nop, NULL, 0 }, { "clzero", op_clzero, NULL, 0 },
    { "prefetch", op_nop, NULL, 0 }, { "prefetchw", op_nop, NULL, 0 }, { "prefetchwt1", op_nop, NULL, 0 },
    { "prefetchnta", op_nop, NULL, 0 }, { "prefetcht0", op_nop, NULL, 0 }, { "prefetcht1", op_nop, NULL, 0 },
    { "prefetcht2", op_nop, NULL, 0 },
    { "bound", op_bound, NULL, 0 }, { "ud0", op_ud, NULL, INSN_BRANCH }, { "ud1", op_ud, NULL, INSN_BRANCH },
    { "ud2", op_ud, NULL, INSN_BRANCH },
    { "cmc", op_cmc, NULL, 0 }, { "clc", op_clc, NULL, 0 }, { "stc", op_stc, NULL, 0 }, { "cld", op_cld, NULL, 0 },
    { "std", op_std, NULL, 0 },
    { "rdrand", op_rdrand, NULL, 0 }, { "rdseed", op_rdrand, NULL, 0 },
    { NULL, NULL, NULL, 0 },
};

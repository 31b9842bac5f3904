/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID, model-specific registers, time stamp and performance counters, FS/GS bases, extended control registers (SDM vol. 2).
 * Called through Insn.fn in the vCPU's thread.
 */
#include "util/osdep.h"
#include "target/i386/cpuid.h"
#include "target/i386/decode.h"
#include "target/i386/msr.h"
#include "target/i386/seg-int.h"

static void op_set_edx_eax(X86Cpu *cpu, uint64_t v)
{
    cpu->regs[R_RAX] = (uint32_t)v;
    cpu->regs[R_RDX] = v >> 32;
}

static uint64_t op_edx_eax(const X86Cpu *cpu)
{
    return (uint32_t)cpu->regs[R_RAX] | cpu->regs[R_RDX] << 32;
}

static void op_cpuid(X86Cpu *cpu, const Insn *i)
{
    uint32_t out[4];
    (void)i;
    x86_cpuid(cpu, (uint32_t)cpu->regs[R_RAX], (uint32_t)cpu->regs[R_RCX], out);
    cpu->regs[R_RAX] = out[0];
    cpu->regs[R_RBX] = out[1];
    cpu->regs[R_RCX] = out[2];
    cpu->regs[R_RDX] = out[3];
}

static void op_rdmsr(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = 0;
    (void)i;
    if (cpu->cpl || !msr_read(cpu, (uint32_t)cpu->regs[R_RCX], &v)) {
        x86_raise_gp0(cpu);
    }
    op_set_edx_eax(cpu, v);
}

static void op_wrmsr(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    if (cpu->cpl || !msr_write(cpu, (uint32_t)cpu->regs[R_RCX], op_edx_eax(cpu))) {
        x86_raise_gp0(cpu);
    }
}

static void op_check_tsd(X86Cpu *cpu)
{
    if (cpu->cpl && (cpu->cr4 & CR4_TSD)) {
        x86_raise_gp0(cpu);
    }
}

static void op_rdtsc(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    op_check_tsd(cpu);
    op_set_edx_eax(cpu, x86_tsc(cpu));
}

static void op_rdtscp(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    op_check_tsd(cpu);
    op_set_edx_eax(cpu, x86_tsc(cpu));
    cpu->regs[R_RCX] = (uint32_t)cpu->tsc_aux;
}

static void op_rdpid(X86Cpu *cpu, const Insn *i)
{
    reg_write(cpu, i->dst, (uint32_t)cpu->tsc_aux, x86_code64(cpu) ? 8 : 4);
}

/* No counter counts: those that every model has read zero, others do not exist. */
static void op_rdpmc(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    if ((cpu->cpl && !(cpu->cr4 & CR4_PCE) && (cpu->cr0 & CR0_PE)) || (uint32_t)cpu->regs[R_RCX] > 3) {
        x86_raise_gp0(cpu);
    }
    op_set_edx_eax(cpu, 0);
}

/* ---- segment bases -------------------------------------------------------------------------------------------- */

static void op_swapgs(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    if (!x86_code64(cpu)) {
        x86_raise(cpu, EXC_UD);
    }
    if (cpu->cpl) {
        x86_raise_gp0(cpu);
    }
    uint64_t base = cpu->seg[SEG_GS].base;
    cpu->seg[SEG_GS].base = cpu->lin_base[SEG_GS] = cpu->kernel_gs_base;
    cpu->kernel_gs_base = base;
}

static void op_check_fsgsbase(X86Cpu *cpu)
{
    if (!x86_code64(cpu) || !(cpu->cr4 & CR4_FSGSBASE)) {
        x86_raise(cpu, EXC_UD);
    }
}

static void op_rdbase(X86Cpu *cpu, const Insn *i, unsigned seg)
{
    op_check_fsgsbase(cpu);
    reg_write(cpu, i->dst, cpu->seg[seg].base, i->opsize);
}

static void op_wrbase(X86Cpu *cpu, const Insn *i, unsigned seg)
{
    op_check_fsgsbase(cpu);
    uint64_t v = reg_read(cpu, i->dst, i->opsize);
    if (!x86_canonical(v)) {
        x86_raise_gp0(cpu);
    }
    cpu->seg[seg].base = cpu->lin_base[seg] = v;
}

static void op_rdfsbase(X86Cpu *cpu, const Insn *i)
{
    op_rdbase(cpu, i, SEG_FS);
}

static void op_rdgsbase(X86Cpu *cpu, const Insn *i)
{
    op_rdbase(cpu, i, SEG_GS);
}

static void op_wrfsbase(X86Cpu *cpu, const Insn *i)
{
    op_wrbase(cpu, i, SEG_FS);
}

static void op_wrgsbase(X86Cpu *cpu, const Insn *i)
{
    op_wrbase(cpu, i, SEG_GS);
}

/* ---- extended control registers -------------------------------------------------------------------------------- */

static void op_xgetbv(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    uint32_t n = (uint32_t)cpu->regs[R_RCX];
    if (!(cpu->cr4 & CR4_OSXSAVE)) {
        x86_raise(cpu, EXC_UD);
    }
    if (n > 1 || (n == 1 && !x86_has_feature(cpu, CPUID_XGETBV1))) {
        x86_raise_gp0(cpu);
    }
    op_set_edx_eax(cpu, cpu->xcr0); /* XINUSE: everything enabled may be in use */
}

static void op_xsetbv(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    if (!(cpu->cr4 & CR4_OSXSAVE)) {
        x86_raise(cpu, EXC_UD);
    }
    uint64_t v = op_edx_eax(cpu);
    if (cpu->cpl || (uint32_t)cpu->regs[R_RCX] || v & ~cpuid_xcr0_valid(cpu) || !(v & 1) || (v & 6) == 4) {
        x86_raise_gp0(cpu);
    }
    if ((v & 0xe0) && ((v & 0xe0) != 0xe0 || (v & 6) != 6)) {
        x86_raise_gp0(cpu); /* AVX-512 state: all or nothing, and on top of AVX */
    }
    cpu->xcr0 = v;
}

static void op_rdpkru(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    if (!(cpu->cr4 & CR4_PKE)) {
        x86_raise(cpu, EXC_UD);
    }
    if ((uint32_t)cpu->regs[R_RCX]) {
        x86_raise_gp0(cpu);
    }
    op_set_edx_eax(cpu, (uint32_t)cpu->pkru);
}

static void op_wrpkru(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    if (!(cpu->cr4 & CR4_PKE)) {
        x86_raise(cpu, EXC_UD);
    }
    if ((uint32_t)cpu->regs[R_RCX] || (uint32_t)cpu->regs[R_RDX]) {
        x86_raise_gp0(cpu);
    }
    mmu_set_pkru(cpu, (uint32_t)cpu->regs[R_RAX]);
}

const OpRow ops_msr[] = {
    { "cpuid", op_cpuid, NULL, INSN_END }, /* serialises: written code is told of by events, seen at the end of blocks */
    { "rdmsr", op_rdmsr, NULL, INSN_END },
    { "wrmsr", op_wrmsr, NULL, INSN_END },
    { "rdtsc", op_rdtsc, NULL, 0 },
    { "rdtscp", op_rdtscp, NULL, 0 },
    { "rdpid", op_rdpid, NULL, 0 },
    { "rdpmc", op_rdpmc, NULL, 0 },
    { "swapgs", op_swapgs, NULL, 0 },
    { "rdfsbase", op_rdfsbase, NULL, 0 },
    { "rdgsbase", op_rdgsbase, NULL, 0 },
    { "wrfsbase", op_wrfsbase, NULL, 0 },
    { "wrgsbase", op_wrgsbase, NULL, 0 },
    { "xgetbv", op_xgetbv, NULL, 0 },
    { "xsetbv", op_xsetbv, NULL, INSN_END },
    { "rdpkru", op_rdpkru, NULL, 0 },
    { "wrpkru", op_wrpkru, NULL, INSN_END },
    { NULL, NULL, NULL, 0 },
};

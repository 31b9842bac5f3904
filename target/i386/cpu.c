/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor as an object: creation, RESET and INIT (SDM vol. 3, 9.1), the derived mode, and what
 * system/cpus.h asks of a target architecture.  Creation and reset under the big lock with the vCPU parked (INIT: in its thread).
 */
#include "util/osdep.h"
#include "accel/accel.h"
#include "target/i386/cpu-int.h"
#include "target/i386/cpuid.h"
#include "target/i386/decode.h"
#include "target/i386/flags.h"
#include "target/i386/fpu.h"
#include "target/i386/regnames.h"
#include "target/i386/seg-int.h"
#include "util/timer.h"
#include <sys/mman.h>

/* ---- the derived mode -------------------------------------------------------------------------------------- */

static bool cpu_seg_flat(const X86Seg *s)
{
    return s->base == 0 && s->limit == 0xffffffff && (s->attr & (SEG_P | SEG_S | SEG_W)) == (SEG_P | SEG_S | SEG_W);
}

static bool cpu_flat(const X86Cpu *cpu)
{
    static const uint8_t data[] = { SEG_ES, SEG_SS, SEG_DS };
    for (unsigned n = 0; n < G_N_ELEMENTS(data); n++) {
        const X86Seg *s = &cpu->seg[data[n]];
        if (!cpu_seg_flat(s) || (s->attr & (SEG_CODE | SEG_E))) {
            return false; /* code segments are not writable, expand-down ones have other limits */
        }
    }
    return cpu_seg_flat(&cpu->seg[SEG_CS]);
}

void x86_update_mode(X86Cpu *cpu)
{
    uint32_t mode = cpu->smm ? (uint32_t)MODE_SMM : 0;
    if (cpu->cr0 & CR0_PE) {
        mode |= cpu->eflags & FL_VM ? (uint32_t)MODE_VM86 : (uint32_t)MODE_PE;
    }
    if (cpu->efer & EFER_LMA) {
        mode |= MODE_LMA;
    }
    if (cpu->seg[SEG_SS].attr & SEG_DB) {
        mode |= MODE_SS32;
    }
    if ((mode & MODE_LMA) && (cpu->seg[SEG_CS].attr & SEG_L)) {
        mode |= MODE_CODE64;
        cpu->lin_base[SEG_ES] = cpu->lin_base[SEG_CS] = cpu->lin_base[SEG_SS] = cpu->lin_base[SEG_DS] = 0;
    } else {
        if (cpu->seg[SEG_CS].attr & SEG_DB) {
            mode |= MODE_CODE32;
        }
        for (unsigned n = 0; n <= SEG_DS; n++) {
            cpu->lin_base[n] = cpu->seg[n].base;
        }
        if (cpu_flat(cpu)) {
            mode |= MODE_FLAT;
        }
    }
    cpu->lin_base[SEG_FS] = cpu->seg[SEG_FS].base;
    cpu->lin_base[SEG_GS] = cpu->seg[SEG_GS].base;
    cpu->mode = mode;
    bool smap = (cpu->cr4 & CR4_SMAP) && !(cpu->eflags & FL_AC);
    unsigned user = (cpu->cr0 & CR0_AM) && (cpu->eflags & FL_AC) ? TLB_USER_AC : TLB_USER;
    cpu->tlb_way = (uint8_t)(cpu->cpl == 3 ? user : smap ? TLB_SYS : TLB_SYS_USERPAGES);
    cpu->tlb = cpu->tlb_ways[cpu->tlb_way].entry;
    cpu->tlb_mask = cpu->tlb_ways[cpu->tlb_way].mask;
    cpu->fpu_ok = !(cpu->cr0 & (CR0_EM | CR0_TS));
    x86_debug_update(cpu);
}

void x86_update_a20(X86Cpu *cpu)
{
    cpu->a20 = vcpus_a20();
    cpu->a20_mask = cpu->a20 ? UINT64_MAX : ~((uint64_t)1 << 20);
}

/* ---- reset ---------------------------------------------------------------------------------------------------- */

static void cpu_reset_segments(X86Cpu *cpu)
{
    for (unsigned n = 0; n <= SEG_GS; n++) {
        cpu->seg[n] = (X86Seg) { .attr = SEG_P | SEG_S | SEG_W | SEG_A, .limit = 0xffff };
    }
    cpu->seg[SEG_CS].sel = 0xf000;
    cpu->seg[SEG_CS].base = 0xffff0000;
    cpu->seg[SEG_CS].attr |= SEG_CODE;
    cpu->seg[SEG_LDTR] = (X86Seg) { .attr = SEG_P | DESC_LDT << 8, .limit = 0xffff };
    cpu->seg[SEG_TR] = (X86Seg) { .attr = SEG_P | DESC_TSS32_BUSY << 8, .limit = 0xffff };
    cpu->gdt.base = cpu->idt.base = 0;
    cpu->gdt.limit = cpu->idt.limit = 0xffff;
}

/* What RESET sets and INIT keeps. */
static void cpu_reset_kept(X86Cpu *cpu)
{
    fpu_reset(cpu);
    cpu->cr8_shadow = 0;
    cpu->star = cpu->lstar = cpu->cstar = cpu->sfmask = cpu->kernel_gs_base = cpu->tsc_aux = cpu->tsc_adjust = 0;
    cpu->sysenter_cs = cpu->sysenter_esp = cpu->sysenter_eip = 0;
    cpu->tsc_offset = (uint64_t)0 - (uint64_t)clock_ns(CLOCK_KIND_VIRTUAL);
    cpu->pat = 0x0007040600070406;
    cpu->mtrr_def = 0;
    memset(cpu->mtrr_fix, 0, sizeof(cpu->mtrr_fix));
    memset(cpu->mtrr_var, 0, sizeof(cpu->mtrr_var));
    memset(cpu->mce_banks, 0, sizeof(cpu->mce_banks));
    cpu->mcg_status = 0;
    cpu->mcg_ctl = UINT64_MAX;
    for (unsigned n = 0; n < G_N_ELEMENTS(cpu->mce_banks); n++) {
        cpu->mce_banks[n][0] = UINT64_MAX;
    }
    memset(cpu->msr_misc, 0, sizeof(cpu->msr_misc));
    cpu->misc_enable = 1; /* fast strings */
    cpu->debugctl = cpu->xss = cpu->pkru = 0;
    cpu->smbase = 0x30000;
    cpu->cr0 = CR0_CD | CR0_NW | CR0_ET;
    cpu->a20 = true;
    x86_update_a20(cpu);
}

void x86_reset(X86Cpu *cpu, bool init)
{
    memset(cpu->regs, 0, sizeof(cpu->regs));
    cpu_reset_segments(cpu);
    if (init) {
        cpu->cr0 = (cpu->cr0 & (CR0_CD | CR0_NW)) | CR0_ET;
    } else {
        cpu_reset_kept(cpu);
    }
    cpu->cr2 = cpu->cr3 = cpu->cr4 = cpu->efer = 0;
    memset(cpu->dr, 0, sizeof(cpu->dr));
    cpu->dr[6] = 0xffff0ff0;
    cpu->dr[7] = 0x400;
    cpu->eflags = 2;
    flags_set(cpu, 0);
    cpu->cpl = 0;
    cpu->regs[R_RIP] = 0xfff0;
    cpu->regs[R_RDX] = cpuid_signature(cpu);
    cpu->insn = NULL;
    cpu->int_shadow = cpu->smc = cpu->nmi_blocked = cpu->smm = false;
    cpu->exc_vector = cpu->exc_in_delivery = -1;
    cpu->exc_ext = cpu->dbg_step = cpu->shutdown = cpu->monitor_armed = false;
    cpu->dbg_hits = 0;
    tlb_flush_all(cpu);
    x86_update_mode(cpu);
}

static void cpu_op_reset(Vcpu *v, bool bsp)
{
    X86Cpu *cpu = x86_cpu(v);
    vcpu_event_clear(v, VCPU_EV_NMI | VCPU_EV_SMI | VCPU_EV_INIT | VCPU_EV_SIPI | VCPU_EV_MCE);
    cpu->bsp = bsp;
    x86_reset(cpu, false);
    cpu->wait_sipi = !bsp;
    if (!bsp && vcpu_count()) { /* the boot processor is reset first; one RESET starts all counters together */
        cpu->tsc_offset = x86_cpu(vcpu_get(0))->tsc_offset;
    }
    atomic_store(&v->watches, false);
    atomic_store(&v->halted, !bsp);
}

/* ---- time stamp counter: 1 GHz of virtual time ------------------------------------------------------------------ */

uint64_t x86_tsc(const X86Cpu *cpu)
{
    return (uint64_t)clock_ns(CLOCK_KIND_VIRTUAL) + cpu->tsc_offset;
}

int64_t x86_tsc_to_ns(const X86Cpu *cpu, uint64_t tsc)
{
    return (int64_t)(tsc - cpu->tsc_offset);
}

static int64_t cpu_op_tsc_to_ns(Vcpu *v, uint64_t tsc)
{
    return x86_tsc_to_ns(x86_cpu(v), tsc);
}

/* ---- creation --------------------------------------------------------------------------------------------------- */

/*
 * Below the struct lies a stack, with a guard page under it: generated code has its stack pointer at the struct, so that the
 * registers are a short displacement away and C functions can still be called (accel/jit).
 */
#define CPU_STACK_BYTES ((size_t)1 << 20)
#define CPU_GUARD_BYTES ((size_t)4096)

static size_t cpu_map_size(void)
{
    return CPU_GUARD_BYTES + CPU_STACK_BYTES + (size_t)align_up(sizeof(X86Cpu), 4096);
}

static X86Cpu *cpu_alloc(void)
{
    uint8_t *p = mmap(NULL, cpu_map_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    mprotect(p, CPU_GUARD_BYTES, PROT_NONE);
    return (X86Cpu *)(void *)(p + CPU_GUARD_BYTES + CPU_STACK_BYTES);
}

static void cpu_unmap(X86Cpu *cpu)
{
    munmap((uint8_t *)cpu - CPU_STACK_BYTES - CPU_GUARD_BYTES, cpu_map_size());
}

static void cpu_op_free(Vcpu *v)
{
    X86Cpu *cpu = x86_cpu(v);
    cpuid_free(cpu);
    decode_forget(cpu);
    tlb_free(cpu);
    cpu_unmap(cpu);
}

static Vcpu *cpu_op_new(const char *model, unsigned index, uint32_t apic_id, const CpuTopology *topo, Error **errp)
{
    X86Cpu *cpu = cpu_alloc();
    if (!cpu) {
        error_set_errno(errp, errno, "no memory for a virtual CPU (%zu bytes)", cpu_map_size());
        return NULL;
    }
    decode_init();
    cpu->vcpu.index = index;
    cpu->vcpu.apic_id = apic_id;
    if (!cpuid_configure(cpu, model, topo, errp)) {
        cpu_unmap(cpu);
        return NULL;
    }
    tlb_new(cpu);
    cpu->phys_mask = ((uint64_t)1 << cpuid_phys_bits(cpu)) - 1;
    cpu_op_reset(&cpu->vcpu, index == 0);
    return &cpu->vcpu;
}

static uint64_t cpu_op_get_pc(Vcpu *v)
{
    X86Cpu *cpu = x86_cpu(v);
    uint64_t pc = cpu->regs[R_RIP] + cpu->lin_base[SEG_CS];
    return x86_code64(cpu) ? pc : (uint32_t)pc;
}

static uint32_t cpu_op_cpuid_features(Vcpu *v, uint32_t *edx1, uint32_t *ecx1)
{
    X86Cpu *cpu = x86_cpu(v);
    *edx1 = cpu->feat[FEAT_1_EDX];
    *ecx1 = cpu->feat[FEAT_1_ECX];
    return cpuid_signature(cpu);
}

static const uint8_t cpu_io_registers[6] = { R_RAX, R_RBX, R_RCX, R_RDX, R_RSI, R_RDI };

static void cpu_op_get_io_registers(Vcpu *v, uint32_t regs[6])
{
    if (accel_current()->registers_get) {
        accel_current()->registers_get(v);
    }
    for (unsigned i = 0; i < 6; i++) {
        regs[i] = (uint32_t)x86_cpu(v)->regs[cpu_io_registers[i]];
    }
}

static void cpu_op_set_io_registers(Vcpu *v, const uint32_t regs[6])
{
    for (unsigned i = 1; i < 6; i++) {
        x86_cpu(v)->regs[cpu_io_registers[i]] = regs[i];
    }
    if (accel_current()->registers_put) {
        accel_current()->registers_put(v);
    }
}

const TargetOps target_ops = {
    .vcpu_new = cpu_op_new,
    .vcpu_free = cpu_op_free,
    .vcpu_reset = cpu_op_reset,
    .watch_over = x86_watch_over,
    .machine_check = cpu_machine_check,
    .print_registers = cpu_print_registers,
    .print_models = cpuid_print_models,
    .read_virtual = cpu_read_virtual,
    .write_virtual = cpu_write_virtual,
    .get_pc = cpu_op_get_pc,
    .get_register = regnames_get,
    .disassemble = cpu_disassemble,
    .print_tlb = mmu_print_tlb,
    .print_mem = mmu_print_mem,
    .debug_update = gdb_debug_update,
    .gdb_description = gdb_description,
    .gdb_registers = gdb_registers,
    .gdb_read = gdb_read,
    .gdb_write = gdb_write,
    .set_pc = gdb_set_pc,
    .cpuid_features = cpu_op_cpuid_features,
    .get_io_registers = cpu_op_get_io_registers,
    .set_io_registers = cpu_op_set_io_registers,
    .tsc_to_ns = cpu_op_tsc_to_ns,
};

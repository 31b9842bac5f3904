/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers as a table: which are kept, which are constant, which have a meaning; whatever is not in it is #GP.
 * SDM vol. 4, AMD APM vol. 2 appendix A.  RDMSR and WRMSR in the vCPU's thread; the local APIC's ones take the big lock.
 */
#include "util/osdep.h"
#include "target/i386/cpuid.h"
#include "target/i386/mem.h"
#include "target/i386/msr.h"
#include "target/i386/seg-int.h"
#include "util/log.h"
#include "util/timer.h"

typedef struct MsrRow {
    uint32_t first, last;
    size_t offset;    /* in X86Cpu of the first one's uint64_t; 0: no field */
    uint64_t value;   /* without a field: what reads give */
    uint64_t mask;    /* with a field: bits that may be written, others raise #GP */
    enum { MSR_FIELD, MSR_CONST /* writes raise #GP */, MSR_IGNORE /* writes are dropped */, MSR_FN } kind;
    bool (*read)(X86Cpu *cpu, uint32_t msr, uint64_t *val);
    bool (*write)(X86Cpu *cpu, uint32_t msr, uint64_t val);
} MsrRow;

/* ---- the local APIC's ------------------------------------------------------------------------------------------- */

static bool msr_apic_base_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    const VcpuIntc *intc = cpu->vcpu.intc;
    (void)msr;
    if (!intc || !intc->get_base) {
        return false;
    }
    x86_io_lock(cpu);
    *val = intc->get_base(intc->opaque);
    x86_io_unlock(cpu);
    return true;
}

static bool msr_apic_base_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    const VcpuIntc *intc = cpu->vcpu.intc;
    (void)msr;
    if (!intc || !intc->set_base || (val & ~cpu->phys_mask)) {
        return false;
    }
    if ((val & 1u << 10) && !x86_has_feature(cpu, CPUID_X2APIC)) {
        return false;
    }
    x86_io_lock(cpu);
    bool ok = intc->set_base(intc->opaque, val);
    x86_io_unlock(cpu);
    return ok;
}

static bool msr_apic_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    const VcpuIntc *intc = cpu->vcpu.intc;
    if (!intc || !intc->msr_read) {
        return false;
    }
    x86_io_lock(cpu);
    bool ok = intc->msr_read(intc->opaque, msr, val);
    x86_io_unlock(cpu);
    return ok;
}

static bool msr_apic_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    const VcpuIntc *intc = cpu->vcpu.intc;
    if (!intc || !intc->msr_write) {
        return false;
    }
    x86_io_lock(cpu);
    bool ok = intc->msr_write(intc->opaque, msr, val);
    x86_io_unlock(cpu);
    return ok;
}

/* ---- those with a meaning ----------------------------------------------------------------------------------------- */

static bool msr_tsc_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    (void)msr;
    *val = x86_tsc(cpu);
    return true;
}

static void msr_tsc_move(X86Cpu *cpu, uint64_t step)
{
    const VcpuIntc *intc = cpu->vcpu.intc;
    cpu->tsc_offset += step;
    cpu->tsc_adjust += step;
    if (intc && intc->tsc_changed) {
        x86_io_lock(cpu);
        intc->tsc_changed(intc->opaque);
        x86_io_unlock(cpu);
    }
}

static bool msr_tsc_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    (void)msr;
    msr_tsc_move(cpu, val - x86_tsc(cpu));
    return true;
}

static bool msr_tsc_adjust_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    (void)msr;
    *val = cpu->tsc_adjust;
    return x86_has_feature(cpu, CPUID_TSC_ADJUST);
}

static bool msr_tsc_adjust_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    (void)msr;
    if (!x86_has_feature(cpu, CPUID_TSC_ADJUST)) {
        return false;
    }
    msr_tsc_move(cpu, val - cpu->tsc_adjust);
    return true;
}

static bool msr_efer_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    (void)msr;
    *val = cpu->efer;
    return x86_has_feature(cpu, CPUID_LM) || x86_has_feature(cpu, CPUID_SYSCALL) || x86_has_feature(cpu, CPUID_NX);
}

static bool msr_efer_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    (void)msr;
    uint64_t changed = (val ^ cpu->efer) & ~(uint64_t)EFER_LMA;
    if ((val & ~(cpuid_efer_valid(cpu) | EFER_LMA)) || ((changed & EFER_LME) && (cpu->cr0 & CR0_PG))) {
        return false;
    }
    cpu->efer = (val & ~(uint64_t)EFER_LMA) | (cpu->efer & EFER_LMA);
    if (changed & EFER_NXE) {
        tlb_flush_all(cpu);
    }
    x86_update_mode(cpu);
    return true;
}

static bool msr_base_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    *val = msr == 0xc0000102 ? cpu->kernel_gs_base : cpu->seg[msr == 0xc0000100 ? SEG_FS : SEG_GS].base;
    return x86_has_feature(cpu, CPUID_LM);
}

static bool msr_base_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    if (!x86_has_feature(cpu, CPUID_LM) || !x86_canonical(val)) {
        return false;
    }
    if (msr == 0xc0000102) {
        cpu->kernel_gs_base = val;
    } else {
        cpu->seg[msr == 0xc0000100 ? SEG_FS : SEG_GS].base = val;
        x86_update_mode(cpu);
    }
    return true;
}

static uint64_t *msr_syscall_field(X86Cpu *cpu, uint32_t msr)
{
    switch (msr) {
    case 0x175: return &cpu->sysenter_esp;
    case 0x176: return &cpu->sysenter_eip;
    case 0xc0000082: return &cpu->lstar;
    default: return &cpu->cstar;
    }
}

static bool msr_entry_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    *val = *msr_syscall_field(cpu, msr);
    return true;
}

/* Addresses: canonical. */
static bool msr_entry_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    if (!x86_canonical(val)) {
        return false;
    }
    *msr_syscall_field(cpu, msr) = val;
    return true;
}

static bool msr_memory_type(uint8_t type)
{
    return type <= 6 && type != 2 && type != 3;
}

static bool msr_pat_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    (void)msr;
    *val = cpu->pat;
    return x86_has_feature(cpu, CPUID_PAT);
}

static bool msr_pat_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    (void)msr;
    for (unsigned n = 0; n < 8; n++) {
        uint8_t type = (uint8_t)(val >> (n * 8));
        if (!msr_memory_type(type) && type != 7) {
            return false;
        }
    }
    cpu->pat = val;
    return x86_has_feature(cpu, CPUID_PAT);
}

static uint64_t *msr_mtrr_field(X86Cpu *cpu, uint32_t msr)
{
    if (msr >= 0x200 && msr <= 0x20f) {
        return &cpu->mtrr_var[(msr - 0x200) / 2][msr & 1];
    }
    switch (msr) {
    case 0x250: return &cpu->mtrr_fix[0];
    case 0x258: return &cpu->mtrr_fix[1];
    case 0x259: return &cpu->mtrr_fix[2];
    case 0x2ff: return &cpu->mtrr_def;
    default: return &cpu->mtrr_fix[3 + msr - 0x268];
    }
}

static bool msr_mtrr_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    *val = *msr_mtrr_field(cpu, msr);
    return x86_has_feature(cpu, CPUID_MTRR);
}

static bool msr_mtrr_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    if (!x86_has_feature(cpu, CPUID_MTRR)) {
        return false;
    }
    if (msr == 0x2ff) {
        if ((val & ~(uint64_t)0xcff) || !msr_memory_type((uint8_t)val)) {
            return false;
        }
    } else if (msr >= 0x250) {
        for (unsigned n = 0; n < 8; n++) {
            if (!msr_memory_type((uint8_t)(val >> (n * 8)))) {
                return false;
            }
        }
    } else if ((val & ~cpu->phys_mask) || (msr & 1 ? val & 0x7ff : (val & 0xf00) || !msr_memory_type((uint8_t)val))) {
        return false;
    }
    *msr_mtrr_field(cpu, msr) = val;
    return true;
}

static bool msr_mce_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    *val = cpu->mce_banks[(msr - 0x400) / 4][msr & 3];
    return x86_has_feature(cpu, CPUID_MCA);
}

/* Control: all or nothing.  Status, address, misc: software may only clear them (or set status with HWCR's permission). */
static bool msr_mce_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    if (!x86_has_feature(cpu, CPUID_MCA)) {
        return false;
    }
    bool any = cpu->model->vendor == VENDOR_AMD && (msr & 3) && (cpu->msr_misc[21] & 1u << 18); /* HWCR.McStatusWrEn */

    if (msr & 3 ? val != 0 && !any : val != 0 && val != UINT64_MAX && (val | 1u << 10) != UINT64_MAX) {
        return false;
    }
    cpu->mce_banks[(msr - 0x400) / 4][msr & 3] = val;
    return true;
}

static bool msr_mcg_ctl_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    (void)msr;
    *val = cpu->mcg_ctl;
    return x86_has_feature(cpu, CPUID_MCA);
}

static bool msr_mcg_ctl_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    (void)msr;
    if (val != 0 && val != UINT64_MAX) {
        return false;
    }
    cpu->mcg_ctl = val;
    return x86_has_feature(cpu, CPUID_MCA);
}

static bool msr_xss_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    (void)msr;
    *val = cpu->xss;
    return x86_has_feature(cpu, CPUID_XSAVES);
}

static bool msr_xss_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    (void)msr;
    return val == 0 && x86_has_feature(cpu, CPUID_XSAVES);
}

static bool msr_tsc_aux_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    (void)msr;
    *val = cpu->tsc_aux;
    return x86_has_feature(cpu, CPUID_RDTSCP) || x86_has_feature(cpu, CPUID_RDPID);
}

static bool msr_tsc_aux_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    (void)msr;
    if (val >> 32 || !(x86_has_feature(cpu, CPUID_RDTSCP) || x86_has_feature(cpu, CPUID_RDPID))) {
        return false;
    }
    cpu->tsc_aux = (uint32_t)val;
    return true;
}

static bool msr_microcode_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    (void)msr;
    *val = cpu->model->vendor == VENDOR_AMD ? 0x01000065 : (uint64_t)1 << 32;
    return true;
}

static bool msr_drop(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    (void)cpu;
    (void)msr;
    (void)val;
    return true;
}

/* MPERF and APERF: both count virtual nanoseconds, as the time stamp counter does (a CPU that is always at its base clock). */
static uint64_t *msr_perf_offset(X86Cpu *cpu, uint32_t msr)
{
    return &cpu->msr_misc[40 + msr - 0xe7];
}

static bool msr_perf_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    *val = (uint64_t)clock_ns(CLOCK_KIND_VIRTUAL) + *msr_perf_offset(cpu, msr);
    return true;
}

static bool msr_perf_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    *msr_perf_offset(cpu, msr) = val - (uint64_t)clock_ns(CLOCK_KIND_VIRTUAL);
    return true;
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

#define AT(field) offsetof(X86Cpu, field)
#define MISC(n) (offsetof(X86Cpu, msr_misc) + (n) * sizeof(uint64_t))
#define ALL UINT64_MAX

static const MsrRow msr_common[] = {
    { .first = 0x000, .last = 0x001, .kind = MSR_IGNORE },                           /* P5 machine check */
    { .first = 0x010, .last = 0x010, .kind = MSR_FN, .read = msr_tsc_read, .write = msr_tsc_write },
    { .first = 0x017, .last = 0x017, .kind = MSR_CONST },                            /* platform id */
    { .first = 0x01b, .last = 0x01b, .kind = MSR_FN, .read = msr_apic_base_read, .write = msr_apic_base_write },
    { .first = 0x02a, .last = 0x02a, .kind = MSR_IGNORE },                           /* EBL_CR_POWERON */
    { .first = 0x034, .last = 0x034, .kind = MSR_CONST },                            /* SMI count */
    { .first = 0x03a, .last = 0x03a, .kind = MSR_CONST, .value = 1 },                /* feature control: locked, no VMX */
    { .first = 0x03b, .last = 0x03b, .kind = MSR_FN, .read = msr_tsc_adjust_read, .write = msr_tsc_adjust_write },
    { .first = 0x079, .last = 0x079, .kind = MSR_IGNORE },                           /* microcode loader */
    { .first = 0x08b, .last = 0x08b, .kind = MSR_FN, .read = msr_microcode_read, .write = msr_drop },
    { .first = 0x0c1, .last = 0x0c8, .kind = MSR_IGNORE },                           /* performance counters */
    { .first = 0x0cd, .last = 0x0cd, .kind = MSR_CONST },                            /* bus clock */
    { .first = 0x0ce, .last = 0x0ce, .kind = MSR_CONST, .value = 10 << 8 },          /* platform info: 10 * 100 MHz */
    { .first = 0x0e7, .last = 0x0e8, .kind = MSR_FN, .read = msr_perf_read, .write = msr_perf_write },
    { .first = 0x0fe, .last = 0x0fe, .kind = MSR_CONST, .value = 0x508 },            /* MTRRCAP: 8 variable, fixed, WC */
    { .first = 0x11e, .last = 0x11e, .kind = MSR_IGNORE },                           /* BBL_CR_CTL3 */
    { .first = 0x140, .last = 0x140, .kind = MSR_FIELD, .offset = MISC(0) },         /* misc features: none */
    { .first = 0x174, .last = 0x174, .kind = MSR_FIELD, .offset = AT(sysenter_cs), .mask = ALL },
    { .first = 0x175, .last = 0x176, .kind = MSR_FN, .read = msr_entry_read, .write = msr_entry_write },
    { .first = 0x179, .last = 0x179, .kind = MSR_CONST, .value = 0x100010a },        /* MCG_CAP: 10 banks, CTL, recovery */
    { .first = 0x17a, .last = 0x17a, .kind = MSR_FIELD, .offset = AT(mcg_status), .mask = 7 },
    { .first = 0x17b, .last = 0x17b, .kind = MSR_FN, .read = msr_mcg_ctl_read, .write = msr_mcg_ctl_write },
    { .first = 0x186, .last = 0x18d, .kind = MSR_FIELD, .offset = MISC(1), .mask = ALL },  /* event selects */
    { .first = 0x198, .last = 0x198, .kind = MSR_CONST, .value = 0xa00 },            /* performance status */
    { .first = 0x199, .last = 0x19c, .kind = MSR_FIELD, .offset = MISC(9), .mask = ALL },  /* control, clock, thermal */
    { .first = 0x1a0, .last = 0x1a0, .kind = MSR_FIELD, .offset = AT(misc_enable), .mask = ALL },
    { .first = 0x1a2, .last = 0x1a2, .kind = MSR_CONST },                            /* temperature target */
    { .first = 0x1ad, .last = 0x1ad, .kind = MSR_CONST },                            /* turbo ratios */
    { .first = 0x1b0, .last = 0x1b0, .kind = MSR_FIELD, .offset = MISC(13), .mask = 15 },  /* energy bias */
    { .first = 0x1c8, .last = 0x1c9, .kind = MSR_IGNORE },                           /* last branch */
    { .first = 0x1d9, .last = 0x1d9, .kind = MSR_FIELD, .offset = AT(debugctl), .mask = 0xffc3 },
    { .first = 0x1db, .last = 0x1de, .kind = MSR_IGNORE },
    { .first = 0x1fc, .last = 0x1fc, .kind = MSR_FIELD, .offset = MISC(14), .mask = ALL }, /* power control */
    { .first = 0x200, .last = 0x20f, .kind = MSR_FN, .read = msr_mtrr_read, .write = msr_mtrr_write },
    { .first = 0x250, .last = 0x250, .kind = MSR_FN, .read = msr_mtrr_read, .write = msr_mtrr_write },
    { .first = 0x258, .last = 0x259, .kind = MSR_FN, .read = msr_mtrr_read, .write = msr_mtrr_write },
    { .first = 0x268, .last = 0x26f, .kind = MSR_FN, .read = msr_mtrr_read, .write = msr_mtrr_write },
    { .first = 0x277, .last = 0x277, .kind = MSR_FN, .read = msr_pat_read, .write = msr_pat_write },
    { .first = 0x2ff, .last = 0x2ff, .kind = MSR_FN, .read = msr_mtrr_read, .write = msr_mtrr_write },
    { .first = 0x309, .last = 0x30b, .kind = MSR_IGNORE },                           /* fixed counters */
    { .first = 0x345, .last = 0x345, .kind = MSR_CONST },                            /* performance capabilities */
    { .first = 0x38d, .last = 0x390, .kind = MSR_IGNORE },                           /* counter control */
    { .first = 0x3f1, .last = 0x3f1, .kind = MSR_IGNORE },                           /* PEBS */
    { .first = 0x400, .last = 0x427, .kind = MSR_FN, .read = msr_mce_read, .write = msr_mce_write },
    { .first = 0x6e0, .last = 0x6e0, .kind = MSR_FN, .read = msr_apic_read, .write = msr_apic_write },
    { .first = 0x800, .last = 0x8ff, .kind = MSR_FN, .read = msr_apic_read, .write = msr_apic_write },
    { .first = 0xda0, .last = 0xda0, .kind = MSR_FN, .read = msr_xss_read, .write = msr_xss_write },
    { .first = 0xc0000080, .last = 0xc0000080, .kind = MSR_FN, .read = msr_efer_read, .write = msr_efer_write },
    { .first = 0xc0000081, .last = 0xc0000081, .kind = MSR_FIELD, .offset = AT(star), .mask = ALL },
    { .first = 0xc0000082, .last = 0xc0000083, .kind = MSR_FN, .read = msr_entry_read, .write = msr_entry_write },
    { .first = 0xc0000084, .last = 0xc0000084, .kind = MSR_FIELD, .offset = AT(sfmask), .mask = ALL },
    { .first = 0xc0000100, .last = 0xc0000102, .kind = MSR_FN, .read = msr_base_read, .write = msr_base_write },
    { .first = 0xc0000103, .last = 0xc0000103, .kind = MSR_FN, .read = msr_tsc_aux_read, .write = msr_tsc_aux_write },
    { .last = 0 },
};

static const MsrRow msr_amd[] = {
    { .first = 0xc0010000, .last = 0xc0010003, .kind = MSR_FIELD, .offset = MISC(16), .mask = ALL }, /* event selects */
    { .first = 0xc0010004, .last = 0xc0010007, .kind = MSR_IGNORE },                 /* counters */
    { .first = 0xc0010010, .last = 0xc0010010, .kind = MSR_FIELD, .offset = MISC(20), .mask = ALL }, /* SYSCFG */
    { .first = 0xc0010015, .last = 0xc0010015, .kind = MSR_FIELD, .offset = MISC(21), .mask = ALL }, /* HWCR */
    { .first = 0xc0010016, .last = 0xc0010019, .kind = MSR_FIELD, .offset = MISC(22), .mask = ALL }, /* IORR */
    { .first = 0xc001001a, .last = 0xc001001a, .kind = MSR_FIELD, .offset = MISC(26), .mask = ALL }, /* TOP_MEM */
    { .first = 0xc001001d, .last = 0xc001001d, .kind = MSR_FIELD, .offset = MISC(27), .mask = ALL }, /* TOP_MEM2 */
    { .first = 0xc001001f, .last = 0xc001001f, .kind = MSR_FIELD, .offset = MISC(28), .mask = ALL }, /* NB_CFG */
    { .first = 0xc0010020, .last = 0xc0010020, .kind = MSR_IGNORE },                 /* microcode loader */
    { .first = 0xc0010055, .last = 0xc0010055, .kind = MSR_IGNORE },                 /* interrupt pending message */
    { .first = 0xc0010058, .last = 0xc0010058, .kind = MSR_IGNORE },                 /* MMCONFIG base: none */
    { .first = 0xc0010061, .last = 0xc0010063, .kind = MSR_IGNORE },                 /* P-states */
    { .first = 0xc0010071, .last = 0xc0010071, .kind = MSR_CONST },                  /* COFVID */
    { .first = 0xc0010111, .last = 0xc0010111, .kind = MSR_FIELD, .offset = AT(smbase), .mask = 0xffffffff },
    { .first = 0xc0010112, .last = 0xc0010113, .kind = MSR_FIELD, .offset = MISC(29), .mask = ALL }, /* SMM_ADDR, SMM_MASK */
    { .first = 0xc0010114, .last = 0xc0010114, .kind = MSR_CONST, .value = 0x18 },   /* VM_CR: SVM disabled, locked */
    { .first = 0xc0010117, .last = 0xc0010117, .kind = MSR_FIELD, .offset = MISC(31), .mask = ALL }, /* VM_HSAVE_PA */
    { .first = 0xc0010140, .last = 0xc0010141, .kind = MSR_CONST },                  /* OS visible workarounds: none */
    { .first = 0xc0010200, .last = 0xc001020b, .kind = MSR_IGNORE },                 /* counters, extended */
    { .first = 0xc0011020, .last = 0xc0011023, .kind = MSR_FIELD, .offset = MISC(32), .mask = ALL }, /* LS, IC, DC, BU_CFG */
    { .first = 0xc0011029, .last = 0xc001102a, .kind = MSR_FIELD, .offset = MISC(36), .mask = ALL }, /* DE_CFG, BU_CFG2 */
    { .last = 0 },
};

static const MsrRow *msr_search(const MsrRow *row, uint32_t msr)
{
    for (; row->last; row++) {
        if (msr >= row->first && msr <= row->last) {
            return row;
        }
    }
    return NULL;
}

static const MsrRow *msr_find(const X86Cpu *cpu, uint32_t msr)
{
    const MsrRow *row = msr_search(msr_common, msr);
    if (!row && cpu->model->vendor == VENDOR_AMD) {
        row = msr_search(msr_amd, msr);
    }
    return row;
}

static uint64_t *msr_field(X86Cpu *cpu, const MsrRow *row, uint32_t msr)
{
    return (uint64_t *)((uint8_t *)cpu + row->offset) + (msr - row->first);
}

bool msr_read(X86Cpu *cpu, uint32_t msr, uint64_t *val)
{
    const MsrRow *row = msr_find(cpu, msr);
    if (!row) {
        log_guest(LOG_UNIMP, "RDMSR of unknown MSR 0x%x at 0x%" PRIx64 "\n", msr, cpu->regs[R_RIP]);
        return false;
    }
    switch (row->kind) {
    case MSR_FIELD: *val = *msr_field(cpu, row, msr); return true;
    case MSR_FN: return row->read(cpu, msr, val);
    default: *val = row->value; return true;
    }
}

bool msr_write(X86Cpu *cpu, uint32_t msr, uint64_t val)
{
    const MsrRow *row = msr_find(cpu, msr);
    if (!row) {
        log_guest(LOG_UNIMP, "WRMSR of unknown MSR 0x%x = 0x%" PRIx64 " at 0x%" PRIx64 "\n", msr, val, cpu->regs[R_RIP]);
        return false;
    }
    switch (row->kind) {
    case MSR_FIELD:
        if (val & ~row->mask) {
            return false;
        }
        *msr_field(cpu, row, msr) = val;
        return true;
    case MSR_FN: return row->write(cpu, msr, val);
    case MSR_IGNORE: return true;
    default: return false;
    }
}

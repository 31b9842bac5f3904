/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID: feature words by name, CPU models as data, and the leaves a guest reads (SDM vol. 2A CPUID; AMD APM vol. 3, appendix E).
 * Creation under the big lock; x86_has_feature() and x86_cpuid() in the vCPU's thread.
 */
#ifndef TARGET_I386_CPUID_H
#define TARGET_I386_CPUID_H

#include "target/i386/cpu.h"

/* Words of X86Cpu.feat: leaf, sub-leaf and register of each are in cpuid.c. */
enum {
    FEAT_1_EDX, FEAT_1_ECX, FEAT_7_EBX, FEAT_7_ECX, FEAT_7_EDX, FEAT_7_1_EAX, FEAT_X1_EDX /* 0x80000001 */, FEAT_X1_ECX,
    FEAT_X7_EDX, FEAT_X8_EBX, FEAT_6_EAX, FEAT_D1_EAX, FEAT_KVM /* 0x40000001 */, FEAT_HV /* HV_*: no register */, FEAT_WORDS
};
#define CPUID_BIT(word, bit) ((word) * 32 + (bit))

/* Features that code asks about; the whole list with names is in cpuid-names.c. */
enum {
    CPUID_FPU = CPUID_BIT(FEAT_1_EDX, 0), CPUID_VME = CPUID_BIT(FEAT_1_EDX, 1), CPUID_DE = CPUID_BIT(FEAT_1_EDX, 2),
    CPUID_PSE = CPUID_BIT(FEAT_1_EDX, 3), CPUID_TSC = CPUID_BIT(FEAT_1_EDX, 4), CPUID_MSR = CPUID_BIT(FEAT_1_EDX, 5),
    CPUID_PAE = CPUID_BIT(FEAT_1_EDX, 6), CPUID_MCE = CPUID_BIT(FEAT_1_EDX, 7), CPUID_CX8 = CPUID_BIT(FEAT_1_EDX, 8),
    CPUID_APIC = CPUID_BIT(FEAT_1_EDX, 9), CPUID_SEP = CPUID_BIT(FEAT_1_EDX, 11), CPUID_MTRR = CPUID_BIT(FEAT_1_EDX, 12),
    CPUID_PGE = CPUID_BIT(FEAT_1_EDX, 13), CPUID_MCA = CPUID_BIT(FEAT_1_EDX, 14), CPUID_CMOV = CPUID_BIT(FEAT_1_EDX, 15),
    CPUID_PAT = CPUID_BIT(FEAT_1_EDX, 16), CPUID_PSE36 = CPUID_BIT(FEAT_1_EDX, 17), CPUID_CLFLUSH = CPUID_BIT(FEAT_1_EDX, 19),
    CPUID_MMX = CPUID_BIT(FEAT_1_EDX, 23), CPUID_FXSR = CPUID_BIT(FEAT_1_EDX, 24), CPUID_SSE = CPUID_BIT(FEAT_1_EDX, 25),
    CPUID_SSE2 = CPUID_BIT(FEAT_1_EDX, 26), CPUID_HT = CPUID_BIT(FEAT_1_EDX, 28),

    CPUID_SSE3 = CPUID_BIT(FEAT_1_ECX, 0), CPUID_PCLMULQDQ = CPUID_BIT(FEAT_1_ECX, 1), CPUID_MONITOR = CPUID_BIT(FEAT_1_ECX, 3),
    CPUID_VMX = CPUID_BIT(FEAT_1_ECX, 5), CPUID_SSSE3 = CPUID_BIT(FEAT_1_ECX, 9), CPUID_FMA = CPUID_BIT(FEAT_1_ECX, 12),
    CPUID_CX16 = CPUID_BIT(FEAT_1_ECX, 13), CPUID_PCID = CPUID_BIT(FEAT_1_ECX, 17), CPUID_SSE41 = CPUID_BIT(FEAT_1_ECX, 19),
    CPUID_SSE42 = CPUID_BIT(FEAT_1_ECX, 20), CPUID_X2APIC = CPUID_BIT(FEAT_1_ECX, 21), CPUID_MOVBE = CPUID_BIT(FEAT_1_ECX, 22),
    CPUID_POPCNT = CPUID_BIT(FEAT_1_ECX, 23), CPUID_TSC_DEADLINE = CPUID_BIT(FEAT_1_ECX, 24), CPUID_AES = CPUID_BIT(FEAT_1_ECX, 25),
    CPUID_XSAVE = CPUID_BIT(FEAT_1_ECX, 26), CPUID_OSXSAVE = CPUID_BIT(FEAT_1_ECX, 27), CPUID_AVX = CPUID_BIT(FEAT_1_ECX, 28),
    CPUID_F16C = CPUID_BIT(FEAT_1_ECX, 29), CPUID_RDRAND = CPUID_BIT(FEAT_1_ECX, 30), CPUID_HYPERVISOR = CPUID_BIT(FEAT_1_ECX, 31),

    CPUID_FSGSBASE = CPUID_BIT(FEAT_7_EBX, 0), CPUID_TSC_ADJUST = CPUID_BIT(FEAT_7_EBX, 1), CPUID_BMI1 = CPUID_BIT(FEAT_7_EBX, 3),
    CPUID_AVX2 = CPUID_BIT(FEAT_7_EBX, 5), CPUID_SMEP = CPUID_BIT(FEAT_7_EBX, 7), CPUID_BMI2 = CPUID_BIT(FEAT_7_EBX, 8),
    CPUID_ERMS = CPUID_BIT(FEAT_7_EBX, 9), CPUID_INVPCID = CPUID_BIT(FEAT_7_EBX, 10), CPUID_AVX512F = CPUID_BIT(FEAT_7_EBX, 16),
    CPUID_AVX512DQ = CPUID_BIT(FEAT_7_EBX, 17), CPUID_RDSEED = CPUID_BIT(FEAT_7_EBX, 18), CPUID_ADX = CPUID_BIT(FEAT_7_EBX, 19),
    CPUID_SMAP = CPUID_BIT(FEAT_7_EBX, 20), CPUID_AVX512IFMA = CPUID_BIT(FEAT_7_EBX, 21),
    CPUID_CLFLUSHOPT = CPUID_BIT(FEAT_7_EBX, 23), CPUID_CLWB = CPUID_BIT(FEAT_7_EBX, 24), CPUID_AVX512PF = CPUID_BIT(FEAT_7_EBX, 26),
    CPUID_AVX512ER = CPUID_BIT(FEAT_7_EBX, 27), CPUID_AVX512CD = CPUID_BIT(FEAT_7_EBX, 28), CPUID_SHA = CPUID_BIT(FEAT_7_EBX, 29),
    CPUID_AVX512BW = CPUID_BIT(FEAT_7_EBX, 30), CPUID_AVX512VL = CPUID_BIT(FEAT_7_EBX, 31),

    CPUID_AVX512VBMI = CPUID_BIT(FEAT_7_ECX, 1), CPUID_UMIP = CPUID_BIT(FEAT_7_ECX, 2), CPUID_PKU = CPUID_BIT(FEAT_7_ECX, 3),
    CPUID_OSPKE = CPUID_BIT(FEAT_7_ECX, 4), CPUID_AVX512VBMI2 = CPUID_BIT(FEAT_7_ECX, 6), CPUID_GFNI = CPUID_BIT(FEAT_7_ECX, 8),
    CPUID_VAES = CPUID_BIT(FEAT_7_ECX, 9), CPUID_VPCLMULQDQ = CPUID_BIT(FEAT_7_ECX, 10), CPUID_AVX512VNNI = CPUID_BIT(FEAT_7_ECX, 11),
    CPUID_AVX512BITALG = CPUID_BIT(FEAT_7_ECX, 12), CPUID_AVX512VPOPCNTDQ = CPUID_BIT(FEAT_7_ECX, 14),
    CPUID_LA57 = CPUID_BIT(FEAT_7_ECX, 16), CPUID_RDPID = CPUID_BIT(FEAT_7_ECX, 22), CPUID_MOVDIRI = CPUID_BIT(FEAT_7_ECX, 27),
    CPUID_MOVDIR64B = CPUID_BIT(FEAT_7_ECX, 28), CPUID_SERIALIZE = CPUID_BIT(FEAT_7_EDX, 14),

    CPUID_SYSCALL = CPUID_BIT(FEAT_X1_EDX, 11), CPUID_NX = CPUID_BIT(FEAT_X1_EDX, 20), CPUID_MMXEXT = CPUID_BIT(FEAT_X1_EDX, 22),
    CPUID_FXSR_OPT = CPUID_BIT(FEAT_X1_EDX, 25), CPUID_PDPE1GB = CPUID_BIT(FEAT_X1_EDX, 26), CPUID_RDTSCP = CPUID_BIT(FEAT_X1_EDX, 27),
    CPUID_LM = CPUID_BIT(FEAT_X1_EDX, 29), CPUID_3DNOWEXT = CPUID_BIT(FEAT_X1_EDX, 30), CPUID_3DNOW = CPUID_BIT(FEAT_X1_EDX, 31),
    CPUID_LAHF_LM = CPUID_BIT(FEAT_X1_ECX, 0), CPUID_SVM = CPUID_BIT(FEAT_X1_ECX, 2), CPUID_CR8LEGACY = CPUID_BIT(FEAT_X1_ECX, 4),
    CPUID_ABM = CPUID_BIT(FEAT_X1_ECX, 5), CPUID_SSE4A = CPUID_BIT(FEAT_X1_ECX, 6), CPUID_MISALIGNSSE = CPUID_BIT(FEAT_X1_ECX, 7),
    CPUID_3DNOWPREFETCH = CPUID_BIT(FEAT_X1_ECX, 8), CPUID_XOP = CPUID_BIT(FEAT_X1_ECX, 11), CPUID_FMA4 = CPUID_BIT(FEAT_X1_ECX, 16),
    CPUID_TOPOEXT = CPUID_BIT(FEAT_X1_ECX, 22),
    CPUID_TBM = CPUID_BIT(FEAT_X1_ECX, 21), CPUID_INVTSC = CPUID_BIT(FEAT_X7_EDX, 8), CPUID_CLZERO = CPUID_BIT(FEAT_X8_EBX, 0),
    CPUID_WBNOINVD = CPUID_BIT(FEAT_X8_EBX, 9), CPUID_ARAT = CPUID_BIT(FEAT_6_EAX, 2),
    CPUID_XSAVEOPT = CPUID_BIT(FEAT_D1_EAX, 0), CPUID_XSAVEC = CPUID_BIT(FEAT_D1_EAX, 1), CPUID_XGETBV1 = CPUID_BIT(FEAT_D1_EAX, 2),
    CPUID_XSAVES = CPUID_BIT(FEAT_D1_EAX, 3),
};

/* Bits of FEAT_HV: enlightenments of Microsoft's hypervisor interface (its Top-Level Functional Specification). */
enum { HV_RELAXED, HV_VAPIC, HV_VPINDEX, HV_RUNTIME, HV_SYNIC, HV_STIMER, HV_TIME, HV_CRASH, HV_RESET, HV_FREQUENCIES,
       HV_REENLIGHTENMENT, HV_TLBFLUSH, HV_IPI, HV_STIMER_DIRECT, HV_AVIC, HV_XMM_INPUT, HV_TLBFLUSH_EXT, HV_EMSR_BITMAP,
       HV_TLBFLUSH_DIRECT, HV_EVMCS, HV_ENFORCE_CPUID, HV_NO_CORESHARING };
typedef enum HvVersion { HV_BUILD, HV_MAJOR, HV_MINOR, HV_SPACK, HV_SBRANCH, HV_SNUMBER, HV_VERSIONS } HvVersion;

typedef enum CpuVendor { VENDOR_INTEL, VENDOR_AMD } CpuVendor;

/* What -cpu says to a hardware accelerator, besides features. */
typedef struct CpuExtras {
    uint64_t tsc_hz;       /* tsc-frequency=; 0: the host's */
    uint32_t hv_spinlocks; /* hv-spinlocks=: tries before a notice; 0: not said */
    char hv_vendor[13];    /* hv-vendor-id=; empty: the usual one */
    bool hv_passthrough;
    bool hv_version_said;
    uint32_t hv_version[HV_VERSIONS]; /* hv-version-id-*= */
} CpuExtras;

/* A named model.  vCPUs hold a copy with what the command line changed. */
typedef struct CpuModel {
    const char *name, *desc;
    CpuVendor vendor;
    uint16_t family, model, stepping;
    uint32_t level, xlevel;   /* highest basic and extended leaf */
    uint32_t feat[FEAT_WORDS];
    const char *brand;        /* brand string, up to 47 characters */
    struct { uint16_t l1d_kib, l1i_kib, l2_kib; uint32_t l3_kib; uint8_t l1d_ways, l1i_ways, l2_ways, l3_ways; } cache; /* 0: none */
    CpuExtras extras;
} CpuModel;
typedef struct CpuAlias {
    const char *name, *model;
} CpuAlias;
extern const CpuAlias cpu_aliases[]; /* models-table.c; ends with a NULL name */
extern const CpuModel cpu_models[]; /* models-table.c; ends with a NULL name */

static inline bool x86_has_feature(const X86Cpu *cpu, unsigned feature)
{
    return cpu->feat[feature >> 5] >> (feature & 31) & 1;
}

/* Parses "model,+feat,-feat,feat=on|off,family=..,enforce,check" into @cpu: model, feat, topology. */
bool cpuid_configure(X86Cpu *cpu, const char *spec, const CpuTopology *topo, Error **errp);
void cpuid_free(X86Cpu *cpu);
void cpuid_print_models(FILE *f);
/* The instruction: out[0..3] = EAX, EBX, ECX, EDX. */
void x86_cpuid(X86Cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/* Leaf 1's EAX. */
uint32_t cpuid_signature(const X86Cpu *cpu);
/* What the engine implements, by word: the one place that says so (cpuid.c). */
uint32_t cpuid_implemented(unsigned word);
/* Leaf, sub-leaf and register (0 EAX .. 3 EDX, returned) where a word stands; and what the host's CPU shows there. */
unsigned cpuid_word_place(unsigned word, uint32_t *leaf, uint32_t *subleaf);
uint32_t cpuid_host_word(unsigned word);

/*
 * A hardware accelerator's part: what its guests can have.  With one, the models "host" and "max" mean the host's processor, and
 * named models get the paravirtual features that they do without in software.
 */
typedef struct CpuidEngine {
    const char *name;
    uint32_t supported[FEAT_WORDS];
    uint64_t xcr0;
    uint32_t (*leaf)(uint32_t leaf, uint32_t subleaf, unsigned reg); /* as the host's, without what guests cannot have */
    unsigned phys_bits;
    bool x2apic; /* every model has it */
} CpuidEngine;
void cpuid_set_engine(const CpuidEngine *e); /* start-up, before the first vCPU */
const CpuidEngine *cpuid_engine(void);       /* NULL: software */
/* Reserved-bit masks that follow from the features. */
uint64_t cpuid_cr4_valid(const X86Cpu *cpu);
uint64_t cpuid_efer_valid(const X86Cpu *cpu);
uint64_t cpuid_xcr0_valid(const X86Cpu *cpu);
unsigned cpuid_phys_bits(const X86Cpu *cpu);

#endif

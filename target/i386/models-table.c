/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models as data: what the named processors show in CPUID (SDM vol. 2A, APM vol. 3, processors' data sheets).  Generations are
 * built upon one another.  Features that the engine lacks are taken away by cpuid_configure(), not here.
 */
#include "util/osdep.h"
#include "target/i386/cpuid.h"

#define B(feature) (1u << ((feature) & 31))

enum {
    /* leaf 1 EDX */
    D_486 = B(CPUID_FPU) | B(CPUID_VME) | B(CPUID_PSE),
    D_PENTIUM = D_486 | B(CPUID_DE) | B(CPUID_TSC) | B(CPUID_MSR) | B(CPUID_MCE) | B(CPUID_CX8) | B(CPUID_APIC),
    D_MMX = D_PENTIUM | B(CPUID_MMX),
    D_P2 = D_MMX | B(CPUID_PAE) | B(CPUID_SEP) | B(CPUID_MTRR) | B(CPUID_PGE) | B(CPUID_MCA) | B(CPUID_CMOV) | B(CPUID_PAT) |
           B(CPUID_PSE36) | B(CPUID_FXSR),
    D_P3 = D_P2 | B(CPUID_SSE),
    D_P4 = D_P3 | B(CPUID_SSE2) | B(CPUID_CLFLUSH),

    /* leaf 1 ECX */
    C_CORE = B(CPUID_SSE3),
    C_CORE2 = C_CORE | B(CPUID_SSSE3) | B(CPUID_CX16),
    C_PENRYN = C_CORE2 | B(CPUID_SSE41),
    C_NEHALEM = C_PENRYN | B(CPUID_SSE42) | B(CPUID_POPCNT),
    C_WESTMERE = C_NEHALEM | B(CPUID_AES) | B(CPUID_PCLMULQDQ) | B(CPUID_PCID),
    C_SANDYBRIDGE = C_WESTMERE | B(CPUID_AVX) | B(CPUID_XSAVE) | B(CPUID_X2APIC) | B(CPUID_TSC_DEADLINE),
    C_IVYBRIDGE = C_SANDYBRIDGE | B(CPUID_F16C) | B(CPUID_RDRAND),
    C_HASWELL = C_IVYBRIDGE | B(CPUID_FMA) | B(CPUID_MOVBE),
    C_G4 = C_CORE2 | B(CPUID_SSE41) | B(CPUID_SSE42) | B(CPUID_POPCNT) | B(CPUID_AES) | B(CPUID_PCLMULQDQ) | B(CPUID_AVX) |
           B(CPUID_XSAVE),
    C_EPYC = C_G4 | B(CPUID_MONITOR) | B(CPUID_F16C) | B(CPUID_RDRAND) | B(CPUID_FMA) | B(CPUID_MOVBE),
    C_GOLDMONT = C_NEHALEM | B(CPUID_MONITOR) | B(CPUID_AES) | B(CPUID_PCLMULQDQ) | B(CPUID_XSAVE) | B(CPUID_X2APIC) | B(CPUID_TSC_DEADLINE) | B(CPUID_RDRAND) | B(CPUID_MOVBE),
    C_DEFAULT = C_NEHALEM | B(CPUID_PCID) | B(CPUID_X2APIC) | B(CPUID_TSC_DEADLINE) | B(CPUID_XSAVE) | B(CPUID_RDRAND) | B(CPUID_MOVBE),

    /* leaf 7 EBX */
    S_IVYBRIDGE = B(CPUID_FSGSBASE) | B(CPUID_SMEP) | B(CPUID_ERMS),
    S_HASWELL = S_IVYBRIDGE | B(CPUID_BMI1) | B(CPUID_AVX2) | B(CPUID_BMI2) | B(CPUID_INVPCID),
    S_BROADWELL = S_HASWELL | B(CPUID_RDSEED) | B(CPUID_ADX) | B(CPUID_SMAP),
    S_SKYLAKE = S_BROADWELL | B(CPUID_CLFLUSHOPT),
    S_SKYLAKE_X = S_SKYLAKE | B(CPUID_CLWB) | B(CPUID_AVX512F) | B(CPUID_AVX512DQ) | B(CPUID_AVX512BW) | B(CPUID_AVX512CD) |
                  (int)B(CPUID_AVX512VL),
    S_ICELAKE = S_SKYLAKE_X | B(CPUID_SHA) | B(CPUID_AVX512IFMA),
    S_EPYC = B(CPUID_FSGSBASE) | B(CPUID_BMI1) | B(CPUID_AVX2) | B(CPUID_SMEP) | B(CPUID_BMI2) | B(CPUID_RDSEED) | B(CPUID_ADX) |
             B(CPUID_SMAP) | B(CPUID_CLFLUSHOPT) | B(CPUID_SHA),
    S_ROME = S_EPYC | B(CPUID_CLWB),
    S_MILAN = S_ROME | B(CPUID_ERMS) | B(CPUID_INVPCID),
    S_GENOA = S_MILAN | B(CPUID_AVX512F) | B(CPUID_AVX512DQ) | B(CPUID_AVX512IFMA) | B(CPUID_AVX512CD) | B(CPUID_AVX512BW) |
              (int)B(CPUID_AVX512VL),
    S_GOLDMONT = B(CPUID_FSGSBASE) | B(CPUID_SMEP) | B(CPUID_ERMS) | B(CPUID_RDSEED) | B(CPUID_SMAP) | B(CPUID_CLFLUSHOPT) |
                 B(CPUID_SHA),
    S_DEFAULT = B(CPUID_FSGSBASE) | B(CPUID_SMEP) | B(CPUID_SMAP) | B(CPUID_ERMS) | B(CPUID_RDSEED) | B(CPUID_ADX) | B(CPUID_BMI1) |
                B(CPUID_BMI2) | B(CPUID_CLFLUSHOPT) | B(CPUID_INVPCID),

    /* leaf 7 ECX */
    T_ICELAKE = B(CPUID_AVX512VBMI) | B(CPUID_UMIP) | B(CPUID_PKU) | B(CPUID_AVX512VBMI2) | B(CPUID_GFNI) | B(CPUID_VAES) | B(CPUID_VPCLMULQDQ) |
                B(CPUID_AVX512VNNI) | B(CPUID_AVX512BITALG) | B(CPUID_AVX512VPOPCNTDQ) | B(CPUID_RDPID),
    T_ROME = B(CPUID_UMIP) | B(CPUID_RDPID),
    T_MILAN = T_ROME | B(CPUID_VAES) | B(CPUID_VPCLMULQDQ) | B(CPUID_PKU),
    T_GENOA = T_ICELAKE | B(CPUID_LA57),
    T_SAPPHIRE = T_ICELAKE | B(CPUID_LA57),

    /* leaf 0x80000001 */
    XD_LM = B(CPUID_SYSCALL) | B(CPUID_NX) | B(CPUID_LM),
    XD_TSCP = XD_LM | B(CPUID_RDTSCP),
    XD_1G = XD_TSCP | B(CPUID_PDPE1GB),
    XD_AMD = XD_1G | B(CPUID_MMXEXT),
    XD_3DNOW = (int)(B(CPUID_3DNOWEXT) | B(CPUID_3DNOW)),
    XC_LAHF = B(CPUID_LAHF_LM),
    XC_HASWELL = XC_LAHF | B(CPUID_ABM),
    XC_BROADWELL = XC_HASWELL | B(CPUID_3DNOWPREFETCH),
    XC_GOLDMONT = XC_LAHF | B(CPUID_3DNOWPREFETCH),
    XC_G3 = XC_LAHF | B(CPUID_ABM) | B(CPUID_SSE4A) | B(CPUID_MISALIGNSSE) | B(CPUID_CR8LEGACY),
    XC_G4 = XC_G3 | B(CPUID_3DNOWPREFETCH) | B(CPUID_XOP) | B(CPUID_FMA4),
    XC_EPYC = XC_G3 | B(CPUID_3DNOWPREFETCH) | B(CPUID_TOPOEXT),

    X1_SKYLAKE = B(CPUID_XSAVEOPT) | B(CPUID_XSAVEC) | B(CPUID_XGETBV1),
    X1_ALL = X1_SKYLAKE | B(CPUID_XSAVES),
};

#define CACHE_SMALL { 32, 32, 256, 0, 8, 8, 8, 0 }
#define CACHE_SERVER { 32, 32, 512, 16384, 8, 8, 8, 16 }
#define CACHE_OLD { 16, 16, 0, 0, 4, 4, 0, 0 }

#define INTEL(nm, ds, fam, mod, step, lvl, d, c, s, t, xd, xc, x1, ar, br) \
    { .name = nm, .desc = ds, .vendor = VENDOR_INTEL, .family = fam, .model = mod, .stepping = step, .level = lvl, \
      .xlevel = 0x80000008, .brand = br, .cache = CACHE_SERVER, \
      .feat = { [FEAT_1_EDX] = d, [FEAT_1_ECX] = c, [FEAT_7_EBX] = (uint32_t)(s), [FEAT_7_ECX] = t, [FEAT_X1_EDX] = xd, \
                [FEAT_X1_ECX] = xc, [FEAT_D1_EAX] = x1, [FEAT_6_EAX] = ar } }
#define AMD(nm, ds, fam, mod, step, lvl, d, c, s, t, xd, xc, x1, ar, br) \
    { .name = nm, .desc = ds, .vendor = VENDOR_AMD, .family = fam, .model = mod, .stepping = step, .level = lvl, \
      .xlevel = 0x8000001e, .brand = br, .cache = CACHE_SERVER, \
      .feat = { [FEAT_1_EDX] = d, [FEAT_1_ECX] = c, [FEAT_7_EBX] = (uint32_t)(s), [FEAT_7_ECX] = t, [FEAT_X1_EDX] = xd, \
                [FEAT_X1_ECX] = xc, [FEAT_D1_EAX] = x1, [FEAT_6_EAX] = ar } }
#define ARAT B(CPUID_ARAT)

const CpuModel cpu_models[] = {
    { .name = "486", .desc = "Intel 486", .family = 4, .model = 8, .stepping = 0, .level = 1, .cache = CACHE_OLD, .brand = "",
      .feat = { [FEAT_1_EDX] = D_486 } },
    { .name = "pentium", .desc = "Intel Pentium", .family = 5, .model = 4, .stepping = 3, .level = 1, .cache = CACHE_OLD, .brand = "",
      .feat = { [FEAT_1_EDX] = D_MMX } },
    { .name = "pentium2", .desc = "Intel Pentium II", .family = 6, .model = 5, .stepping = 2, .level = 2, .cache = CACHE_SMALL,
      .brand = "", .feat = { [FEAT_1_EDX] = D_P2 } },
    { .name = "pentium3", .desc = "Intel Pentium III", .family = 6, .model = 7, .stepping = 3, .level = 3, .cache = CACHE_SMALL,
      .brand = "", .feat = { [FEAT_1_EDX] = D_P3 } },
    { .name = "coreduo", .desc = "Intel Core Duo", .family = 6, .model = 14, .stepping = 8, .level = 10, .xlevel = 0x80000008,
      .cache = CACHE_SMALL, .brand = "Genuine Intel(R) CPU           T2600  @ 2.16GHz",
      .feat = { [FEAT_1_EDX] = D_P4 & ~B(CPUID_PSE36), [FEAT_1_ECX] = C_CORE | B(CPUID_MONITOR), [FEAT_X1_EDX] = B(CPUID_NX) } },
    { .name = "core2duo", .desc = "Intel Core 2 Duo", .family = 6, .model = 15, .stepping = 11, .level = 10, .xlevel = 0x80000008,
      .cache = CACHE_SMALL, .brand = "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz",
      .feat = { [FEAT_1_EDX] = D_P4, [FEAT_1_ECX] = C_CORE2 | B(CPUID_MONITOR), [FEAT_X1_EDX] = XD_LM,
                [FEAT_X1_ECX] = XC_LAHF } },
    { .name = "qemu32", .desc = "32-bit machine of the widest compatibility", .family = 6, .model = 6, .stepping = 3, .level = 4,
      .xlevel = 0x80000004, .cache = CACHE_SMALL, .brand = "Rhea Virtual CPU version 1.0",
      .feat = { [FEAT_1_EDX] = D_P4, [FEAT_1_ECX] = C_CORE } },
    { .name = "kvm32", .desc = "32-bit machine, Intel", .family = 15, .model = 6, .stepping = 1, .level = 5, .xlevel = 0x80000008,
      .cache = CACHE_SMALL, .brand = "Common 32-bit processor",
      .feat = { [FEAT_1_EDX] = D_P4, [FEAT_1_ECX] = C_CORE } },
    { .name = "qemu64", .desc = "The default: x86-64-v2 and what the engine does well", .vendor = VENDOR_AMD, .family = 15,
      .model = 107, .stepping = 1, .level = 13, .xlevel = 0x8000000a, .cache = CACHE_SERVER, .brand = "Rhea Virtual CPU version 1.0",
      .feat = { [FEAT_1_EDX] = D_P4, [FEAT_1_ECX] = (uint32_t)C_DEFAULT, [FEAT_7_EBX] = S_DEFAULT, [FEAT_X1_EDX] = XD_AMD,
                [FEAT_X1_ECX] = XC_BROADWELL | B(CPUID_CR8LEGACY), [FEAT_X7_EDX] = B(CPUID_INVTSC), [FEAT_D1_EAX] = X1_SKYLAKE,
                [FEAT_6_EAX] = ARAT } },
    { .name = "kvm64", .desc = "64-bit machine, Intel, of the widest compatibility", .family = 15, .model = 6, .stepping = 1,
      .level = 13, .xlevel = 0x80000008, .cache = CACHE_SERVER, .brand = "Common 64-bit processor",
      .feat = { [FEAT_1_EDX] = D_P4, [FEAT_1_ECX] = C_CORE | B(CPUID_CX16), [FEAT_X1_EDX] = XD_LM } },
    { .name = "n270", .desc = "Intel Atom CPU N270", .family = 6, .model = 28, .stepping = 2, .level = 10, .xlevel = 0x80000008,
      .cache = CACHE_SMALL, .brand = "Intel(R) Atom(TM) CPU N270   @ 1.60GHz",
      .feat = { [FEAT_1_EDX] = D_P4 & ~B(CPUID_PSE36), [FEAT_1_ECX] = C_CORE | B(CPUID_MONITOR) | B(CPUID_SSSE3) | B(CPUID_MOVBE),
                [FEAT_X1_EDX] = B(CPUID_NX), [FEAT_X1_ECX] = XC_LAHF } },
    { .name = "athlon", .desc = "AMD Athlon", .vendor = VENDOR_AMD, .family = 6, .model = 2, .stepping = 3, .level = 2,
      .xlevel = 0x80000008, .cache = CACHE_SMALL, .brand = "Rhea Virtual CPU version 1.0",
      .feat = { [FEAT_1_EDX] = D_P2 | B(CPUID_SSE) | B(CPUID_SSE2), [FEAT_X1_EDX] = B(CPUID_MMXEXT) | XD_3DNOW } },
    { .name = "phenom", .desc = "AMD Phenom(tm) 9550 Quad-Core Processor", .vendor = VENDOR_AMD, .family = 16, .model = 2,
      .stepping = 3, .level = 5, .xlevel = 0x8000001a, .cache = CACHE_SERVER, .brand = "AMD Phenom(tm) 9550 Quad-Core Processor",
      .feat = { [FEAT_1_EDX] = D_P4, [FEAT_1_ECX] = C_CORE | B(CPUID_MONITOR) | B(CPUID_CX16) | B(CPUID_POPCNT),
                [FEAT_X1_EDX] = XD_1G | B(CPUID_MMXEXT) | B(CPUID_FXSR_OPT) | XD_3DNOW,
                [FEAT_X1_ECX] = XC_LAHF | B(CPUID_CR8LEGACY) | B(CPUID_ABM) | B(CPUID_SSE4A) } },
    INTEL("Conroe", "Intel Celeron_4x0 (Conroe/Merom Class Core 2)", 6, 15, 3, 10, D_P4, C_CORE2, 0, 0, XD_LM, XC_LAHF, 0, 0,
          "Intel Celeron_4x0 (Conroe/Merom Class Core 2)"),
    INTEL("Penryn", "Intel Core 2 Duo P9xxx (Penryn Class Core 2)", 6, 23, 3, 10, D_P4, C_PENRYN, 0, 0, XD_LM, XC_LAHF, 0, 0,
          "Intel Core 2 Duo P9xxx (Penryn Class Core 2)"),
    INTEL("Nehalem", "Intel Core i7 9xx (Nehalem Class Core i7)", 6, 26, 3, 11, D_P4, C_NEHALEM, 0, 0, XD_LM, XC_LAHF, 0, 0,
          "Intel Core i7 9xx (Nehalem Class Core i7)"),
    INTEL("Westmere", "Westmere E56xx/L56xx/X56xx (Nehalem-C)", 6, 44, 1, 11, D_P4, C_WESTMERE, 0, 0, XD_LM, XC_LAHF, 0, ARAT,
          "Westmere E56xx/L56xx/X56xx (Nehalem-C)"),
    INTEL("SandyBridge", "Intel Xeon E312xx (Sandy Bridge)", 6, 42, 1, 13, D_P4, C_SANDYBRIDGE, 0, 0, XD_TSCP, XC_LAHF,
          B(CPUID_XSAVEOPT), ARAT, "Intel Xeon E312xx (Sandy Bridge)"),
    INTEL("IvyBridge", "Intel Xeon E3-12xx v2 (Ivy Bridge)", 6, 58, 9, 13, D_P4, C_IVYBRIDGE, S_IVYBRIDGE, 0, XD_TSCP, XC_LAHF,
          B(CPUID_XSAVEOPT), ARAT, "Intel Xeon E3-12xx v2 (Ivy Bridge)"),
    INTEL("Haswell", "Intel Core Processor (Haswell)", 6, 60, 4, 13, D_P4, C_HASWELL, S_HASWELL, 0, XD_TSCP, XC_HASWELL,
          B(CPUID_XSAVEOPT), ARAT, "Intel Core Processor (Haswell)"),
    INTEL("Broadwell", "Intel Core Processor (Broadwell)", 6, 61, 2, 13, D_P4, C_HASWELL, S_BROADWELL, 0, XD_TSCP, XC_BROADWELL,
          B(CPUID_XSAVEOPT), ARAT, "Intel Core Processor (Broadwell)"),
    INTEL("Skylake-Client", "Intel Core Processor (Skylake)", 6, 94, 3, 13, D_P4, C_HASWELL, S_SKYLAKE, 0, XD_TSCP, XC_BROADWELL,
          X1_SKYLAKE, ARAT, "Intel Core Processor (Skylake)"),
    INTEL("Skylake-Server", "Intel Xeon Processor (Skylake)", 6, 85, 4, 13, D_P4, C_HASWELL, S_SKYLAKE_X, B(CPUID_PKU), XD_1G, XC_BROADWELL,
          X1_SKYLAKE, ARAT, "Intel Xeon Processor (Skylake)"),
    INTEL("Cascadelake-Server", "Intel Xeon Processor (Cascadelake)", 6, 85, 6, 13, D_P4, C_HASWELL, S_SKYLAKE_X,
          B(CPUID_AVX512VNNI) | B(CPUID_PKU), XD_1G, XC_BROADWELL, X1_SKYLAKE, ARAT, "Intel Xeon Processor (Cascadelake)"),
    INTEL("Icelake-Server", "Intel Xeon Processor (Icelake)", 6, 134, 0, 13, D_P4, C_HASWELL, S_ICELAKE, T_ICELAKE, XD_1G,
          XC_BROADWELL, X1_ALL, ARAT, "Intel Xeon Processor (Icelake)"),
    INTEL("Cooperlake", "Intel Xeon Processor (Cooperlake)", 6, 85, 10, 13, D_P4, C_HASWELL, S_SKYLAKE_X,
          B(CPUID_AVX512VNNI) | B(CPUID_PKU), XD_1G, XC_BROADWELL, X1_ALL, ARAT, "Intel Xeon Processor (Cooperlake)"),
    INTEL("SapphireRapids", "Intel Xeon Processor (SapphireRapids)", 6, 143, 4, 31, D_P4, C_HASWELL, S_ICELAKE, T_SAPPHIRE, XD_1G,
          XC_BROADWELL, X1_ALL, ARAT, "Intel Xeon Processor (SapphireRapids)"),
    INTEL("Denverton", "Intel Atom Processor (Denverton)", 6, 95, 1, 21, D_P4, C_GOLDMONT, S_GOLDMONT, 0, XD_1G, XC_GOLDMONT,
          B(CPUID_XSAVEOPT) | B(CPUID_XSAVEC) | B(CPUID_XGETBV1), ARAT, "Intel Atom Processor (Denverton)"),
    INTEL("Snowridge", "Intel Atom Processor (SnowRidge)", 6, 134, 1, 27, D_P4, C_GOLDMONT, S_GOLDMONT | B(CPUID_CLWB),
          B(CPUID_UMIP) | B(CPUID_GFNI), XD_1G, XC_GOLDMONT, X1_SKYLAKE, ARAT, "Intel Atom Processor (SnowRidge)"),
    AMD("Opteron_G1", "AMD Opteron 240 (Gen 1 Class Opteron)", 15, 6, 1, 5, D_P4, C_CORE, 0, 0, XD_LM, 0, 0, 0,
        "AMD Opteron 240 (Gen 1 Class Opteron)"),
    AMD("Opteron_G2", "AMD Opteron 22xx (Gen 2 Class Opteron)", 15, 6, 1, 5, D_P4, C_CORE | B(CPUID_CX16), 0, 0, XD_LM, XC_LAHF, 0, 0,
        "AMD Opteron 22xx (Gen 2 Class Opteron)"),
    AMD("Opteron_G3", "AMD Opteron 23xx (Gen 3 Class Opteron)", 16, 2, 3, 5, D_P4,
        C_CORE | B(CPUID_MONITOR) | B(CPUID_CX16) | B(CPUID_POPCNT), 0, 0, XD_TSCP, XC_G3, 0, 0, "AMD Opteron 23xx (Gen 3 Class Opteron)"),
    AMD("Opteron_G4", "AMD Opteron 62xx class CPU", 21, 1, 2, 13, D_P4, C_G4, 0, 0, XD_1G, XC_G4, 0, 0, "AMD Opteron 62xx class CPU"),
    AMD("Opteron_G5", "AMD Opteron 63xx class CPU", 21, 2, 0, 13, D_P4, C_G4 | B(CPUID_FMA) | B(CPUID_F16C), 0, 0, XD_1G,
        XC_G4 | B(CPUID_TBM), 0, 0, "AMD Opteron 63xx class CPU"),
    AMD("EPYC", "AMD EPYC Processor", 23, 1, 2, 13, D_P4, C_EPYC, S_EPYC, 0, XD_AMD, XC_EPYC, X1_SKYLAKE, ARAT,
        "AMD EPYC Processor"),
    AMD("EPYC-Rome", "AMD EPYC-Rome Processor", 23, 49, 0, 13, D_P4, C_EPYC, S_ROME, T_ROME, XD_AMD, XC_EPYC, X1_ALL, ARAT,
        "AMD EPYC-Rome Processor"),
    AMD("EPYC-Milan", "AMD EPYC-Milan Processor", 25, 1, 1, 13, D_P4, C_EPYC | B(CPUID_PCID), S_MILAN, T_MILAN, XD_AMD, XC_EPYC,
        X1_ALL, ARAT, "AMD EPYC-Milan Processor"),
    AMD("EPYC-Genoa", "AMD EPYC-Genoa Processor", 25, 17, 0, 13, D_P4, C_EPYC | B(CPUID_PCID) | B(CPUID_X2APIC), S_GENOA, T_GENOA,
        XD_AMD, XC_EPYC, X1_ALL, ARAT, "AMD EPYC-Genoa Processor"),
    { .name = "max", .desc = "Everything that the engine implements", .vendor = VENDOR_AMD, .family = 6, .model = 6, .stepping = 3,
      .level = 13, .xlevel = 0x8000000a, .cache = CACHE_SERVER, .brand = "Rhea Virtual CPU, all features" },
    { .name = "base", .desc = "No features at all, for +feature", .family = 15, .model = 6, .stepping = 1, .level = 13,
      .xlevel = 0x80000008, .brand = "Rhea Virtual CPU" },
    { .name = NULL },
};

/* Versions that other emulators name; here they mean the model itself, whose features are what the engine has of all of them. */
const CpuAlias cpu_aliases[] = {
    { "486-v1", "486" }, { "Broadwell-IBRS", "Broadwell" }, { "Broadwell-noTSX", "Broadwell" },
    { "Broadwell-noTSX-IBRS", "Broadwell" }, { "Broadwell-v1", "Broadwell" }, { "Broadwell-v2", "Broadwell" },
    { "Broadwell-v3", "Broadwell" }, { "Broadwell-v4", "Broadwell" },
    { "Cascadelake-Server-noTSX", "Cascadelake-Server" }, { "Cascadelake-Server-v1", "Cascadelake-Server" },
    { "Cascadelake-Server-v2", "Cascadelake-Server" }, { "Cascadelake-Server-v3", "Cascadelake-Server" },
    { "Cascadelake-Server-v4", "Cascadelake-Server" }, { "Cascadelake-Server-v5", "Cascadelake-Server" },
    { "Conroe-v1", "Conroe" }, { "Cooperlake-v1", "Cooperlake" }, { "Cooperlake-v2", "Cooperlake" },
    { "Denverton-v1", "Denverton" }, { "Denverton-v2", "Denverton" }, { "Denverton-v3", "Denverton" },
    { "EPYC-IBPB", "EPYC" }, { "EPYC-Milan-v1", "EPYC-Milan" }, { "EPYC-Rome-v1", "EPYC-Rome" },
    { "EPYC-Rome-v2", "EPYC-Rome" }, { "EPYC-v1", "EPYC" }, { "EPYC-v2", "EPYC" }, { "EPYC-v3", "EPYC" },
    { "Haswell-IBRS", "Haswell" }, { "Haswell-noTSX", "Haswell" }, { "Haswell-noTSX-IBRS", "Haswell" },
    { "Haswell-v1", "Haswell" }, { "Haswell-v2", "Haswell" }, { "Haswell-v3", "Haswell" },
    { "Haswell-v4", "Haswell" }, { "Icelake-Server-noTSX", "Icelake-Server" },
    { "Icelake-Server-v1", "Icelake-Server" }, { "Icelake-Server-v2", "Icelake-Server" },
    { "Icelake-Server-v3", "Icelake-Server" }, { "Icelake-Server-v4", "Icelake-Server" },
    { "Icelake-Server-v5", "Icelake-Server" }, { "Icelake-Server-v6", "Icelake-Server" },
    { "IvyBridge-IBRS", "IvyBridge" }, { "IvyBridge-v1", "IvyBridge" }, { "IvyBridge-v2", "IvyBridge" },
    { "Nehalem-IBRS", "Nehalem" }, { "Nehalem-v1", "Nehalem" }, { "Nehalem-v2", "Nehalem" },
    { "Opteron_G1-v1", "Opteron_G1" }, { "Opteron_G2-v1", "Opteron_G2" }, { "Opteron_G3-v1", "Opteron_G3" },
    { "Opteron_G4-v1", "Opteron_G4" }, { "Opteron_G5-v1", "Opteron_G5" }, { "Penryn-v1", "Penryn" },
    { "SandyBridge-IBRS", "SandyBridge" }, { "SandyBridge-v1", "SandyBridge" },
    { "SandyBridge-v2", "SandyBridge" }, { "Skylake-Client-IBRS", "Skylake-Client" },
    { "Skylake-Client-noTSX-IBRS", "Skylake-Client" }, { "Skylake-Client-v1", "Skylake-Client" },
    { "Skylake-Client-v2", "Skylake-Client" }, { "Skylake-Client-v3", "Skylake-Client" },
    { "Skylake-Client-v4", "Skylake-Client" }, { "Skylake-Server-IBRS", "Skylake-Server" },
    { "Skylake-Server-noTSX-IBRS", "Skylake-Server" }, { "Skylake-Server-v1", "Skylake-Server" },
    { "Skylake-Server-v2", "Skylake-Server" }, { "Skylake-Server-v3", "Skylake-Server" },
    { "Skylake-Server-v4", "Skylake-Server" }, { "Skylake-Server-v5", "Skylake-Server" },
    { "Snowridge-v1", "Snowridge" }, { "Snowridge-v2", "Snowridge" }, { "Snowridge-v3", "Snowridge" },
    { "Snowridge-v4", "Snowridge" }, { "Westmere-IBRS", "Westmere" }, { "Westmere-v1", "Westmere" },
    { "Westmere-v2", "Westmere" }, { "athlon-v1", "athlon" }, { "core2duo-v1", "core2duo" },
    { "coreduo-v1", "coreduo" }, { "kvm32-v1", "kvm32" }, { "kvm64-v1", "kvm64" }, { "n270-v1", "n270" },
    { "pentium-v1", "pentium" }, { "pentium2-v1", "pentium2" }, { "pentium3-v1", "pentium3" },
    { "phenom-v1", "phenom" }, { "qemu32-v1", "qemu32" }, { "qemu64-v1", "qemu64" },
    { "SapphireRapids-v1", "SapphireRapids" }, { "EPYC-Genoa-v1", "EPYC-Genoa" },
    { NULL, NULL },
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The named CPU models as data: family, caches and what each generation added to the one before it (vendors' CPUID
 * documentation).  A table; models build on earlier ones by name.
 */
#include "util/osdep.h"
#include "target/i386/cpuid.h"

#define CACHE_P6 { .l1d = 16, .l1i = 16, .l2 = 512, .l1d_ways = 4, .l1i_ways = 4, .l2_ways = 4 }
#define CACHE_CORE { .l1d = 32, .l1i = 32, .l2 = 4096, .l1d_ways = 8, .l1i_ways = 8, .l2_ways = 16 }
#define CACHE_NEHALEM { .l1d = 32, .l1i = 32, .l2 = 256, .l3 = 8192, .l1d_ways = 8, .l1i_ways = 4, .l2_ways = 8, .l3_ways = 16 }
#define CACHE_SANDY { .l1d = 32, .l1i = 32, .l2 = 256, .l3 = 8192, .l1d_ways = 8, .l1i_ways = 8, .l2_ways = 8, .l3_ways = 16 }
#define CACHE_SKX { .l1d = 32, .l1i = 32, .l2 = 1024, .l3 = 16384, .l1d_ways = 8, .l1i_ways = 8, .l2_ways = 16, .l3_ways = 16 }
#define CACHE_ICX { .l1d = 48, .l1i = 32, .l2 = 1280, .l3 = 16384, .l1d_ways = 12, .l1i_ways = 8, .l2_ways = 20, .l3_ways = 16 }
#define CACHE_K8 { .l1d = 64, .l1i = 64, .l2 = 512, .l3 = 0, .l1d_ways = 2, .l1i_ways = 2, .l2_ways = 16 }
#define CACHE_K10 { .l1d = 64, .l1i = 64, .l2 = 512, .l3 = 8192, .l1d_ways = 2, .l1i_ways = 2, .l2_ways = 16, .l3_ways = 16 }
#define CACHE_ZEN { .l1d = 32, .l1i = 64, .l2 = 512, .l3 = 8192, .l1d_ways = 8, .l1i_ways = 4, .l2_ways = 8, .l3_ways = 16 }
#define CACHE_ZEN2 { .l1d = 32, .l1i = 32, .l2 = 512, .l3 = 16384, .l1d_ways = 8, .l1i_ways = 8, .l2_ways = 8, .l3_ways = 16 }
#define CACHE_V { .l1d = 32, .l1i = 32, .l2 = 2048, .l3 = 16384, .l1d_ways = 8, .l1i_ways = 8, .l2_ways = 16, .l3_ways = 16 }

#define BITS_P5 "fpu de pse tsc msr mce cx8 vme"
#define BITS_P6 "apic sep mtrr pge mca cmov pat pse36 pae"
#define BITS_64 "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 syscall nx lm"

const CpuModel cpu_models[] = {
    { "base", "base CPU model type with no features enabled", NULL, NULL, NULL, VENDOR_INTEL, 6, 0, 0, 1, 0x80000000, "",
      { 0 } },
    { "max", "Enables all features supported by the accelerator", NULL, NULL, NULL, VENDOR_AMD, 15, 107, 1, 0xd, 0x8000001f,
      "Rhea Virtual CPU (max)", CACHE_V },
    { "host", "The same as max: features of the host that the accelerator supports", "max", NULL, NULL, VENDOR_AMD, 15, 107, 1,
      0xd, 0x8000001f, "Rhea Virtual CPU (host)", CACHE_V },
    { "qemu64", "Rhea Virtual CPU (64 bit, x86-64-v2)", NULL, BITS_64 " vme mmxext pni ssse3 sse4.1 sse4.2 cx16 popcnt lahf-lm "
      "cmp-legacy abm pcid invpcid fsgsbase smep smap umip pdpe1gb rdtscp rdrand rdseed tsc-deadline tsc-adjust invtsc x2apic "
      "arat erms xsave xsaveopt hypervisor 3dnowprefetch cr8legacy", NULL, VENDOR_AMD, 15, 107, 1, 0xd, 0x8000000a,
      "Rhea Virtual CPU", CACHE_V },
    { "qemu32", "Rhea Virtual CPU (32 bit)", NULL, BITS_P5 " " BITS_P6 " mmx fxsr sse sse2 clflush pni popcnt hypervisor", NULL,
      VENDOR_INTEL, 6, 6, 3, 4, 0x80000004, "Rhea Virtual CPU", CACHE_P6 },
    { "kvm64", "Common KVM processor (64 bit)", NULL, BITS_64 " vme pni cx16 hypervisor", NULL, VENDOR_INTEL, 15, 6, 1, 0xd,
      0x80000008, "Common KVM processor", CACHE_V },
    { "kvm32", "Common 32-bit KVM processor", NULL, BITS_P5 " " BITS_P6 " mmx fxsr sse sse2 clflush pni hypervisor", NULL,
      VENDOR_INTEL, 15, 6, 1, 5, 0x80000008, "Common 32-bit KVM processor", CACHE_P6 },
    { "486", "Intel 80486", NULL, "fpu vme pse", NULL, VENDOR_INTEL, 4, 8, 0, 1, 0, "", { 0 } },
    { "pentium", "Intel Pentium", NULL, BITS_P5 " mmx apic", NULL, VENDOR_INTEL, 5, 4, 3, 1, 0, "",
      { .l1d = 16, .l1i = 16, .l1d_ways = 4, .l1i_ways = 4 } },
    { "pentium2", "Intel Pentium II", "pentium", BITS_P6 " fxsr", NULL, VENDOR_INTEL, 6, 5, 2, 2, 0, "", CACHE_P6 },
    { "pentium3", "Intel Pentium III", "pentium2", "sse", NULL, VENDOR_INTEL, 6, 8, 3, 3, 0, "", CACHE_P6 },
    { "athlon", "AMD Athlon", "pentium2", "sse mmxext", NULL, VENDOR_AMD, 6, 2, 3, 2, 0x80000008, "AMD Athlon(tm) Processor",
      CACHE_K8 },
    { "coreduo", "Intel Core Duo (32 bit)", "pentium3", "sse2 clflush pni monitor nx ss ht tm pbe est tm2 xtpr pdcm", NULL,
      VENDOR_INTEL, 6, 14, 8, 10, 0x80000008, "Genuine Intel(R) CPU           T2600  @ 2.16GHz", CACHE_CORE },
    { "core2duo", "Intel Core 2 Duo", NULL, BITS_64 " vme ss ht tm pbe pni monitor ssse3 cx16 lahf-lm dtes64 ds-cpl est tm2 xtpr "
      "pdcm", NULL, VENDOR_INTEL, 6, 15, 11, 10, 0x80000008, "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz", CACHE_CORE },
    { "Conroe", "Intel Celeron_4x0 (Conroe/Merom Class Core 2)", NULL, BITS_64 " vme pni ssse3 lahf-lm cx16", NULL, VENDOR_INTEL,
      6, 15, 3, 10, 0x80000008, "Intel Celeron_4x0 (Conroe/Merom Class Core 2)", CACHE_CORE },
    { "Penryn", "Intel Core 2 Duo P9xxx (Penryn Class Core 2)", "Conroe", "sse4.1", NULL, VENDOR_INTEL, 6, 23, 3, 10, 0x80000008,
      "Intel Core 2 Duo P9xxx (Penryn Class Core 2)", CACHE_CORE },
    { "Nehalem", "Intel Core i7 9xx (Nehalem Class Core i7)", "Penryn", "sse4.2 popcnt", NULL, VENDOR_INTEL, 6, 26, 3, 11,
      0x80000008, "Intel Core i7 9xx (Nehalem Class Core i7)", CACHE_NEHALEM },
    { "Westmere", "Westmere E56xx/L56xx/X56xx (Nehalem-C)", "Nehalem", "aes pclmulqdq arat", NULL, VENDOR_INTEL, 6, 44, 1, 11,
      0x80000008, "Westmere E56xx/L56xx/X56xx (Nehalem-C)", CACHE_NEHALEM },
    { "SandyBridge", "Intel Xeon E312xx (Sandy Bridge)", "Westmere", "avx xsave xsaveopt tsc-deadline x2apic rdtscp", NULL,
      VENDOR_INTEL, 6, 42, 1, 0xd, 0x80000008, "Intel Xeon E312xx (Sandy Bridge)", CACHE_SANDY },
    { "IvyBridge", "Intel Xeon E3-12xx v2 (Ivy Bridge)", "SandyBridge", "f16c rdrand fsgsbase smep erms", NULL, VENDOR_INTEL, 6,
      58, 9, 0xd, 0x80000008, "Intel Xeon E3-12xx v2 (Ivy Bridge)", CACHE_SANDY },
    { "Haswell", "Intel Core Processor (Haswell)", "IvyBridge", "fma movbe pcid bmi1 bmi2 avx2 invpcid abm", NULL, VENDOR_INTEL,
      6, 60, 4, 0xd, 0x80000008, "Intel Core Processor (Haswell)", CACHE_SANDY },
    { "Broadwell", "Intel Core Processor (Broadwell)", "Haswell", "rdseed adx smap 3dnowprefetch", NULL, VENDOR_INTEL, 6, 61, 2,
      0xd, 0x80000008, "Intel Core Processor (Broadwell)", CACHE_SANDY },
    { "Skylake-Client", "Intel Core Processor (Skylake)", "Broadwell", "xsavec xgetbv1 xsaves", NULL, VENDOR_INTEL, 6, 94, 3, 0xd,
      0x80000008, "Intel Core Processor (Skylake)", CACHE_SANDY },
    { "Skylake-Server", "Intel Xeon Processor (Skylake)", "Skylake-Client", "pdpe1gb clwb clflushopt pku avx512f avx512dq avx512bw "
      "avx512cd avx512vl", NULL, VENDOR_INTEL, 6, 85, 4, 0xd, 0x80000008, "Intel Xeon Processor (Skylake)", CACHE_SKX },
    { "Cascadelake-Server", "Intel Xeon Processor (Cascadelake)", "Skylake-Server", "avx512vnni spec-ctrl ssbd", NULL,
      VENDOR_INTEL, 6, 85, 6, 0xd, 0x80000008, "Intel Xeon Processor (Cascadelake)", CACHE_SKX },
    { "Icelake-Server", "Intel Xeon Processor (Icelake)", "Cascadelake-Server", "umip gfni vaes vpclmulqdq avx512vbmi avx512vbmi2 "
      "avx512bitalg avx512-vpopcntdq la57 wbnoinvd rdpid sha-ni fsrm avx512ifma", NULL, VENDOR_INTEL, 6, 134, 0, 0xd, 0x80000008,
      "Intel Xeon Processor (Icelake)", CACHE_ICX },
    { "Opteron_G1", "AMD Opteron 240 (Gen 1 Class Opteron)", NULL, BITS_64 " vme pni", NULL, VENDOR_AMD, 15, 6, 1, 5, 0x80000008,
      "AMD Opteron 240 (Gen 1 Class Opteron)", CACHE_K8 },
    { "Opteron_G2", "AMD Opteron 22xx (Gen 2 Class Opteron)", "Opteron_G1", "cx16 svm lahf-lm", NULL, VENDOR_AMD, 15, 6, 1, 5,
      0x80000008, "AMD Opteron 22xx (Gen 2 Class Opteron)", CACHE_K8 },
    { "Opteron_G3", "AMD Opteron 23xx (Gen 3 Class Opteron)", "Opteron_G2", "popcnt monitor rdtscp misalignsse sse4a abm", NULL,
      VENDOR_AMD, 16, 2, 3, 5, 0x80000008, "AMD Opteron 23xx (Gen 3 Class Opteron)", CACHE_K10 },
    { "Opteron_G4", "AMD Opteron 62xx class CPU", "Opteron_G3", "avx xsave aes sse4.2 sse4.1 ssse3 pclmulqdq pdpe1gb fma4 xop "
      "3dnowprefetch", "monitor", VENDOR_AMD, 21, 1, 2, 0xd, 0x8000001a, "AMD Opteron 62xx class CPU", CACHE_K10 },
    { "Opteron_G5", "AMD Opteron 63xx class CPU", "Opteron_G4", "f16c fma tbm", NULL, VENDOR_AMD, 21, 2, 0, 0xd, 0x8000001a,
      "AMD Opteron 63xx class CPU", CACHE_K10 },
    { "EPYC", "AMD EPYC Processor", NULL, BITS_64 " vme pni pclmulqdq monitor ssse3 fma cx16 sse4.1 sse4.2 movbe popcnt aes xsave "
      "avx f16c rdrand mmxext fxsr-opt pdpe1gb rdtscp lahf-lm svm cr8legacy abm sse4a misalignsse 3dnowprefetch osvw topoext "
      "fsgsbase bmi1 avx2 smep bmi2 rdseed adx smap clflushopt sha-ni xsaveopt xsavec xgetbv1 arat", NULL, VENDOR_AMD, 23, 1, 2,
      0xd, 0x8000001e, "AMD EPYC Processor", CACHE_ZEN },
    { "EPYC-Rome", "AMD EPYC-Rome Processor", "EPYC", "umip rdpid clwb clzero xsaveerptr wbnoinvd ibpb amd-stibp xsaves "
      "perfctr-core", NULL, VENDOR_AMD, 23, 49, 0, 0xd, 0x8000001f, "AMD EPYC-Rome Processor", CACHE_ZEN2 },
    { "EPYC-Milan", "AMD EPYC-Milan Processor", "EPYC-Rome", "pcid invpcid pku erms fsrm ibrs amd-ssbd", NULL, VENDOR_AMD, 25, 1,
      1, 0xd, 0x8000001f, "AMD EPYC-Milan Processor", CACHE_ZEN2 },
    { NULL, NULL, NULL, NULL, NULL, VENDOR_INTEL, 0, 0, 0, 0, 0, NULL, { 0 } },
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of CPUID feature bits, as -cpu spells them ('-', '_' and '.' are the same there).  Facts: SDM vol. 2A, APM vol. 3. */
#include "util/osdep.h"
#include "target/i386/cpuid-int.h"

const char *const cpuid_names[FEAT_WORDS][32] = {
    [FEAT_1_EDX] = { "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", NULL, "sep", "mtrr", "pge", "mca", "cmov",
                     "pat", "pse36", "pn", "clflush", NULL, "ds", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64",
                     "pbe" },
    [FEAT_1_ECX] = { "pni", "pclmulqdq", "dtes64", "monitor", "ds-cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", NULL, "fma", "cx16",
                     "xtpr", "pdcm", NULL, "pcid", "dca", "sse4.1", "sse4.2", "x2apic", "movbe", "popcnt", "tsc-deadline", "aes",
                     "xsave", NULL, "avx", "f16c", "rdrand", "hypervisor" },
    [FEAT_7_EBX] = { "fsgsbase", "tsc-adjust", "sgx", "bmi1", "hle", "avx2", NULL, "smep", "bmi2", "erms", "invpcid", "rtm", NULL, NULL,
                     "mpx", NULL, "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma", "pcommit", "clflushopt", "clwb",
                     "intel-pt", "avx512pf", "avx512er", "avx512cd", "sha-ni", "avx512bw", "avx512vl" },
    [FEAT_7_ECX] = { [1] = "avx512vbmi", [2] = "umip", [3] = "pku", [5] = "waitpkg", [6] = "avx512vbmi2", [8] = "gfni", [9] = "vaes",
                     [10] = "vpclmulqdq", [11] = "avx512vnni", [12] = "avx512bitalg", [14] = "avx512-vpopcntdq", [16] = "la57",
                     [22] = "rdpid", [24] = "bus-lock-detect", [25] = "cldemote", [27] = "movdiri", [28] = "movdir64b", [30] = "sgxlc",
                     [31] = "pks" },
    [FEAT_7_EDX] = { [2] = "avx512-4vnniw", [3] = "avx512-4fmaps", [4] = "fsrm", [8] = "avx512-vp2intersect", [10] = "md-clear",
                     [14] = "serialize", [16] = "tsx-ldtrk", [23] = "avx512-fp16", [24] = "amx-tile", [26] = "spec-ctrl", [27] = "stibp",
                     [28] = "flush-l1d", [29] = "arch-capabilities", [30] = "core-capability", [31] = "ssbd" },
    [FEAT_7_1_EAX] = { [4] = "avx-vnni", [5] = "avx512-bf16" },
    [FEAT_X1_EDX] = { [11] = "syscall", [20] = "nx", [22] = "mmxext", [25] = "fxsr-opt", [26] = "pdpe1gb", [27] = "rdtscp", [29] = "lm",
                      [30] = "3dnowext", [31] = "3dnow" },
    [FEAT_X1_ECX] = { "lahf-lm", "cmp-legacy", "svm", "extapic", "cr8legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch", "osvw",
                      "ibs", "xop", "skinit", "wdt", NULL, "lwp", "fma4", "tce", NULL, "nodeid-msr", NULL, "tbm", "topoext",
                      "perfctr-core", "perfctr-nb" },
    [FEAT_X7_EDX] = { [8] = "invtsc" },
    [FEAT_X8_EBX] = { [0] = "clzero", [2] = "xsaveerptr", [9] = "wbnoinvd", [12] = "ibpb", [14] = "ibrs", [15] = "amd-stibp",
                      [24] = "amd-ssbd", [25] = "virt-ssbd" },
    [FEAT_6_EAX] = { [2] = "arat" },
    [FEAT_D1_EAX] = { "xsaveopt", "xsavec", "xgetbv1", "xsaves" },
};

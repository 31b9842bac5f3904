/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feature bits by the names that -cpu knows (the spelling of QEMU's -cpu help).  Constant data and a look-up. */
#include "util/osdep.h"
#include "target/i386/cpuid-int.h"

const CpuidWord cpuid_words[FEAT_WORDS] = {
    [FEAT_1_EDX] = { 1, 0, 3, "CPUID.01H:EDX",
        { "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", NULL, "sep", "mtrr", "pge", "mca", "cmov",
          "pat", "pse36", "pn", "clflush", NULL, "ds", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe" } },
    [FEAT_1_ECX] = { 1, 0, 2, "CPUID.01H:ECX",
        { "pni", "pclmulqdq", "dtes64", "monitor", "ds-cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", NULL, "fma", "cx16",
          "xtpr", "pdcm", NULL, "pcid", "dca", "sse4.1", "sse4.2", "x2apic", "movbe", "popcnt", "tsc-deadline", "aes", "xsave",
          NULL, "avx", "f16c", "rdrand", "hypervisor" } },
    [FEAT_7_EBX] = { 7, 0, 1, "CPUID.07H:EBX",
        { "fsgsbase", "tsc-adjust", "sgx", "bmi1", "hle", "avx2", NULL, "smep", "bmi2", "erms", "invpcid", "rtm", NULL, NULL,
          "mpx", NULL, "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma", "pcommit", "clflushopt", "clwb", "intel-pt",
          "avx512pf", "avx512er", "avx512cd", "sha-ni", "avx512bw", "avx512vl" } },
    [FEAT_7_ECX] = { 7, 0, 2, "CPUID.07H:ECX",
        { [1] = "avx512vbmi", [2] = "umip", [3] = "pku", [5] = "waitpkg", [6] = "avx512vbmi2", [8] = "gfni", [9] = "vaes",
          [10] = "vpclmulqdq", [11] = "avx512vnni", [12] = "avx512bitalg", [14] = "avx512-vpopcntdq", [16] = "la57",
          [22] = "rdpid", [24] = "bus-lock-detect", [25] = "cldemote", [27] = "movdiri", [28] = "movdir64b", [30] = "sgxlc",
          [31] = "pks" } },
    [FEAT_7_EDX] = { 7, 0, 3, "CPUID.07H:EDX",
        { [2] = "avx512-4vnniw", [3] = "avx512-4fmaps", [4] = "fsrm", [8] = "avx512-vp2intersect", [10] = "md-clear",
          [14] = "serialize", [16] = "tsx-ldtrk", [22] = "amx-bf16", [23] = "avx512-fp16", [24] = "amx-tile", [25] = "amx-int8",
          [26] = "spec-ctrl", [27] = "stibp", [29] = "arch-capabilities", [30] = "core-capability", [31] = "ssbd" } },
    [FEAT_7_1_EAX] = { 7, 1, 0, "CPUID.07H.1H:EAX", { [4] = "avx-vnni", [5] = "avx512-bf16" } },
    [FEAT_X1_EDX] = { 0x80000001, 0, 3, "CPUID.80000001H:EDX",
        { [11] = "syscall", [20] = "nx", [22] = "mmxext", [25] = "fxsr-opt", [26] = "pdpe1gb", [27] = "rdtscp", [29] = "lm",
          [30] = "3dnowext", [31] = "3dnow" } },
    [FEAT_X1_ECX] = { 0x80000001, 0, 2, "CPUID.80000001H:ECX",
        { "lahf-lm", "cmp-legacy", "svm", "extapic", "cr8legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch", "osvw", "ibs",
          "xop", "skinit", "wdt", NULL, "lwp", "fma4", "tce", NULL, "nodeid-msr", NULL, "tbm", "topoext", "perfctr-core",
          "perfctr-nb" } },
    [FEAT_X7_EDX] = { 0x80000007, 0, 3, "CPUID.80000007H:EDX", { [8] = "invtsc" } },
    [FEAT_X8_EBX] = { 0x80000008, 0, 1, "CPUID.80000008H:EBX",
        { [0] = "clzero", [2] = "xsaveerptr", [9] = "wbnoinvd", [12] = "ibpb", [14] = "ibrs", [15] = "amd-stibp",
          [24] = "amd-ssbd", [25] = "virt-ssbd", [26] = "amd-no-ssb" } },
    [FEAT_6_EAX] = { 6, 0, 0, "CPUID.06H:EAX", { [2] = "arat" } },
    [FEAT_D1_EAX] = { 0xd, 1, 0, "CPUID.0DH.1H:EAX", { "xsaveopt", "xsavec", "xgetbv1", "xsaves", "xfd" } },
};

static const struct {
    const char *alias, *name;
} cpuid_aliases[] = {
    { "sse3", "pni" }, { "sse4-1", "sse4.1" }, { "sse4-2", "sse4.2" }, { "xd", "nx" }, { "i64", "lm" }, { "ffxsr", "fxsr-opt" },
    { "pclmuldq", "pclmulqdq" }, { "sha", "sha-ni" }, { "lzcnt", "abm" },
};

int cpuid_feature_by_name(const char *name)
{
    char canonical[32];
    g_strlcpy(canonical, name, sizeof(canonical));
    g_strdelimit(canonical, "_", '-');
    const char *look = canonical;
    for (unsigned n = 0; n < G_N_ELEMENTS(cpuid_aliases); n++) {
        if (!strcmp(look, cpuid_aliases[n].alias)) {
            look = cpuid_aliases[n].name;
        }
    }
    for (unsigned word = 0; word < FEAT_WORDS; word++) {
        for (unsigned bit = 0; bit < 32; bit++) {
            const char *have = cpuid_words[word].names[bit];
            if (have && !strcmp(have, look)) {
                return (int)CPUID_BIT(word, bit);
            }
        }
    }
    return -1;
}

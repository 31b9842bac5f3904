/* SPDX-License-Identifier: GPL-2.0-or-later */
<<<<<<< HEAD
/*
 * The CPUID instruction's leaves (SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E).  vCPU thread.
 */
#include "util/osdep.h"
#include "target/i386/cpuid-int.h"
#include "target/i386/fpu.h"

/* ---- topology: APIC ids are package | die | core | thread ------------------------------------------------------ */

static unsigned cpuid_width(unsigned count)
{
    return count > 1 ? 32 - (unsigned)__builtin_clz(count - 1) : 0;
}

typedef struct CpuidTopology {
    unsigned threads, cores, dies, per_package; /* counts */
    unsigned core_shift, die_shift, package_shift;
} CpuidTopology;

static CpuidTopology cpuid_topology(const X86Cpu *cpu)
{
    CpuidTopology t = { MAX(cpu->topo.threads, 1), MAX(cpu->topo.cores, 1), MAX(cpu->topo.dies, 1), 0, 0, 0, 0 };
    t.per_package = t.threads * t.cores * t.dies;
    t.core_shift = cpuid_width(t.threads);
    t.die_shift = t.core_shift + cpuid_width(t.cores);
    t.package_shift = t.die_shift + cpuid_width(t.dies);
    return t;
}

static void cpuid_leaf_topology(const X86Cpu *cpu, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    CpuidTopology t = cpuid_topology(cpu);
    bool dies = leaf == 0x1f && t.dies > 1;
    unsigned shift[] = { t.core_shift, dies ? t.die_shift : t.package_shift, t.package_shift };
    unsigned count[] = { t.threads, dies ? t.threads * t.cores : t.per_package, t.per_package };
    unsigned type[] = { 1, 2, 5 };
    out[2] = sub & 0xff;
    out[3] = cpu->vcpu.apic_id;
    if (sub < (dies ? 3u : 2u)) {
        out[0] = shift[sub];
        out[1] = count[sub];
        out[2] |= type[sub] << 8;
    }
}

/* ---- caches ---------------------------------------------------------------------------------------------------------- */

/* Leaf 4's and 0x8000001d's form of one cache. */
static void cpuid_cache(unsigned level, unsigned type, uint32_t kib, unsigned ways, unsigned sharing, uint32_t out[4])
{
    if (!kib || !ways) {
        return;
    }
    uint32_t sets = kib * 1024 / (ways * 64);
    out[0] = type | level << 5 | 1u << 8 | (sharing - 1) << 14;
    out[1] = 63 | (ways - 1) << 22;
    out[2] = sets - 1;
    out[3] = level == 3 ? 2 : 0; /* inclusive */
}

static void cpuid_leaf_caches(const X86Cpu *cpu, uint32_t sub, uint32_t out[4])
{
    const CpuCache *c = &cpu->model->cache;
    CpuidTopology t = cpuid_topology(cpu);
    switch (sub) {
    case 0: cpuid_cache(1, 1, c->l1d, c->l1d_ways, t.threads, out); break;
    case 1: cpuid_cache(1, 2, c->l1i, c->l1i_ways, t.threads, out); break;
    case 2: cpuid_cache(2, 3, c->l2, c->l2_ways, t.threads, out); break;
    case 3: cpuid_cache(3, 3, c->l3, c->l3_ways, 1u << (t.die_shift), out); break;
    default: break;
    }
}

static uint32_t cpuid_amd_assoc(unsigned ways)
{
    return ways >= 32 ? 0xa : ways >= 16 ? 8 : ways >= 8 ? 6 : ways >= 4 ? 4 : ways >= 2 ? 2 : ways;
}

/* ---- leaves --------------------------------------------------------------------------------------------------------- */

uint32_t cpuid_signature(const X86Cpu *cpu)
{
    unsigned family = cpu->model->family, model = cpu->model->model;
    uint32_t low = MIN(family, 15u), ext = family - low;
    return ext << 20 | (model >> 4) << 16 | low << 8 | (model & 15) << 4 | cpu->model->stepping;
}

static void cpuid_vendor(const X86Cpu *cpu, uint32_t out[4])
{
    const char *v = cpu->model->vendor == VENDOR_AMD ? "AuthenticAMD" : "GenuineIntel";
    out[1] = ld_le32(v);
    out[3] = ld_le32(v + 4);
    out[2] = ld_le32(v + 8);
}

static void cpuid_leaf1(const X86Cpu *cpu, uint32_t out[4])
{
    unsigned per_package = cpuid_topology(cpu).per_package;
    out[0] = cpuid_signature(cpu);
    out[1] = (cpu->vcpu.apic_id & 0xff) << 24 | MIN(per_package, 255u) << 16;
    if (x86_has_feature(cpu, CPUID_CLFLUSH)) {
        out[1] |= 8 << 8;
    }
    out[2] = cpu->feat[FEAT_1_ECX];
    if (cpu->cr4 & CR4_OSXSAVE) {
        out[2] |= 1u << 27;
    }
    out[3] = cpu->feat[FEAT_1_EDX] & ~(1u << 28);
    if (per_package > 1) {
        out[3] |= 1u << 28; /* HTT: the count above is valid */
    }
}

static void cpuid_leaf7(const X86Cpu *cpu, uint32_t sub, uint32_t out[4])
{
    if (sub == 0) {
        out[0] = cpu->feat[FEAT_7_1_EAX] ? 1 : 0;
        out[1] = cpu->feat[FEAT_7_EBX];
        out[2] = cpu->feat[FEAT_7_ECX] | (cpu->cr4 & CR4_PKE ? 1u << 4 : 0);
        out[3] = cpu->feat[FEAT_7_EDX];
    } else if (sub == 1) {
        out[0] = cpu->feat[FEAT_7_1_EAX];
    }
}

static void cpuid_leaf_xsave(const X86Cpu *cpu, uint32_t sub, uint32_t out[4])
{
    if (!x86_has_feature(cpu, CPUID_XSAVE)) {
        return;
    }
    uint64_t valid = cpuid_xcr0_valid(cpu);
    if (sub == 0) {
        out[0] = (uint32_t)valid;
        out[1] = xsave_size(cpu->xcr0, false);
        out[2] = xsave_size(valid, false);
        out[3] = (uint32_t)(valid >> 32);
    } else if (sub == 1) {
        out[0] = cpu->feat[FEAT_D1_EAX];
        out[1] = x86_has_feature(cpu, CPUID_XSAVEC) ? xsave_size(cpu->xcr0 | cpu->xss, true) : 0;
    } else if (sub < 63 && (valid >> sub & 1)) {
        uint32_t offset = 0, size = 0;
        bool align64 = false;
        xsave_component(sub, &offset, &size, &align64);
        out[0] = size;
        out[1] = offset;
        out[2] = align64 ? 2 : 0;
    }
}

static void cpuid_basic(const X86Cpu *cpu, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    CpuidTopology t = cpuid_topology(cpu);
    switch (leaf) {
    case 0:
        out[0] = cpuid_max_basic(cpu);
        cpuid_vendor(cpu, out);
        break;
    case 1: cpuid_leaf1(cpu, out); break;
    case 2: /* "ask leaf 4", or a P6's descriptors */
        out[0] = cpu->model->level >= 4 ? 0x0000ff01 : 1;
        out[3] = cpu->model->level >= 4 ? 0 : 0x002c307d;
        break;
    case 4:
        cpuid_leaf_caches(cpu, sub, out);
        if (out[0]) {
            out[0] |= ((1u << (t.package_shift - t.core_shift)) - 1) << 26;
        }
        break;
    case 5:
        if (x86_has_feature(cpu, CPUID_MONITOR)) {
            out[0] = out[1] = 64;
            out[2] = 3;
        }
        break;
    case 6: out[0] = cpu->feat[FEAT_6_EAX]; break;
    case 7: cpuid_leaf7(cpu, sub, out); break;
    case 0xb: cpuid_leaf_topology(cpu, leaf, sub, out); break;
    case 0xd: cpuid_leaf_xsave(cpu, sub, out); break;
    case 0x1f: cpuid_leaf_topology(cpu, leaf, sub, out); break;
    default: break;
    }
}

static void cpuid_brand(const X86Cpu *cpu, unsigned part, uint32_t out[4])
{
    char brand[48] = { 0 };
    g_strlcpy(brand, cpu->model->brand, sizeof(brand));
    for (unsigned n = 0; n < 4; n++) {
        out[n] = ld_le32(brand + part * 16 + n * 4);
    }
}

static void cpuid_ext_caches(const X86Cpu *cpu, uint32_t leaf, uint32_t out[4])
{
    const CpuCache *c = &cpu->model->cache;
    if (leaf == 0x80000005) {
        if (cpu->model->vendor == VENDOR_AMD) {
            out[0] = out[1] = 0xff20ff20; /* TLBs: fully associative, 32 entries */
            out[2] = c->l1d << 24 | (uint32_t)c->l1d_ways << 16 | 1 << 8 | 64;
            out[3] = c->l1i << 24 | (uint32_t)c->l1i_ways << 16 | 1 << 8 | 64;
        }
        return;
    }
    out[2] = c->l2 << 16 | cpuid_amd_assoc(c->l2_ways) << 12 | 1 << 8 | 64;
    if (cpu->model->vendor == VENDOR_AMD) {
        out[0] = 0;
        out[1] = 0x42004200;
        out[3] = c->l3 ? (c->l3 / 512) << 18 | cpuid_amd_assoc(c->l3_ways) << 12 | 1 << 8 | 64 : 0;
    }
}

static void cpuid_extended(const X86Cpu *cpu, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    CpuidTopology t = cpuid_topology(cpu);
    bool amd = cpu->model->vendor == VENDOR_AMD;
    switch (leaf) {
    case 0x80000000:
        out[0] = cpu->model->xlevel;
        if (amd) {
            cpuid_vendor(cpu, out);
        }
        break;
    case 0x80000001:
        out[0] = amd ? cpuid_signature(cpu) : 0;
        out[2] = cpu->feat[FEAT_X1_ECX] & ~2u;
        out[3] = cpu->feat[FEAT_X1_EDX];
        if (amd) { /* the bits that AMD repeats; with several cores, "these are not hyper-threads" */
            out[3] |= cpu->feat[FEAT_1_EDX] & 0x0183f3ff;
            out[2] |= t.per_package > 1 && t.threads == 1 ? 2 : 0;
        }
        if (!x86_code64(cpu) && !amd) {
            out[3] &= ~(1u << 11); /* SYSCALL is 64-bit code's only */
        }
        break;
    case 0x80000002: case 0x80000003: case 0x80000004: cpuid_brand(cpu, leaf - 0x80000002, out); break;
    case 0x80000005: case 0x80000006: cpuid_ext_caches(cpu, leaf, out); break;
    case 0x80000007: out[3] = cpu->feat[FEAT_X7_EDX]; break;
    case 0x80000008:
        out[0] = cpuid_phys_bits(cpu) | (x86_has_feature(cpu, CPUID_LM) ? 48u : 32u) << 8;
        out[1] = cpu->feat[FEAT_X8_EBX];
        out[2] = amd && t.per_package > 1 ? (t.per_package - 1) | t.package_shift << 12 : 0;
        break;
    case 0x8000001d:
        if (cpu->feat[FEAT_X1_ECX] >> 22 & 1) {
            cpuid_leaf_caches(cpu, sub, out);
        }
        break;
    case 0x8000001e:
        if (cpu->feat[FEAT_X1_ECX] >> 22 & 1) {
            out[0] = cpu->vcpu.apic_id;
            out[1] = (t.threads - 1) << 8 | ((cpu->vcpu.apic_id >> t.core_shift) & 0xff);
            out[2] = (t.dies - 1) << 8 | ((cpu->vcpu.apic_id >> t.die_shift) & 0xff);
        }
        break;
    default: break;
    }
}

static void cpuid_hypervisor(uint32_t leaf, uint32_t out[4])
{
    static const char name[] = "RheaRheaRhea";
    if (leaf == 0x40000000) {
        out[0] = 0x40000000;
        out[1] = ld_le32(name);
        out[2] = ld_le32(name + 4);
        out[3] = ld_le32(name + 8);
    }
}

uint32_t cpuid_max_basic(const X86Cpu *cpu)
{
    return cpu->model->level >= 0xd && cpu->topo.dies > 1 ? MAX(cpu->model->level, 0x1fu) : cpu->model->level;
}

void x86_cpuid(X86Cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    memset(out, 0, 4 * sizeof(out[0]));
    if (leaf >> 16 == 0x4000) {
        if (x86_has_feature(cpu, CPUID_HYPERVISOR)) {
            cpuid_hypervisor(leaf, out);
        }
        return;
    }
    if (leaf >> 31) {
        if (leaf <= cpu->model->xlevel) {
            cpuid_extended(cpu, leaf, subleaf, out);
        }
        return;
    }
    uint32_t max = cpuid_max_basic(cpu);
    if (leaf > max) {
        if (cpu->model->vendor == VENDOR_AMD) {
            return;
        }
        leaf = max; /* Intel answers with the highest basic leaf */
    }
    cpuid_basic(cpu, leaf, subleaf, out);
}

/* ---- masks that follow from the features -------------------------------------------------------------------------- */
=======
/* CPU models put to use: parsing -cpu, filtering by what the engine does.  The leaves are in cpuid-leaves.c.  See cpuid.h. */
#include "util/osdep.h"
#include "target/i386/cpuid-int.h"
#include "target/i386/native.h"
#include "util/keyval.h"

#define B(feature) (1u << ((feature) & 31))

/* Where the host's own CPU shows a word: leaf, sub-leaf, register. */
static const struct {
    uint32_t leaf, subleaf;
    uint8_t reg;
} words[FEAT_WORDS] = {
    [FEAT_1_EDX] = { 1, 0, 3 },           [FEAT_1_ECX] = { 1, 0, 2 },           [FEAT_7_EBX] = { 7, 0, 1 },
    [FEAT_7_ECX] = { 7, 0, 2 },           [FEAT_7_EDX] = { 7, 0, 3 },           [FEAT_7_1_EAX] = { 7, 1, 0 },
    [FEAT_X1_EDX] = { 0x80000001, 0, 3 }, [FEAT_X1_ECX] = { 0x80000001, 0, 2 }, [FEAT_X7_EDX] = { 0x80000007, 0, 3 },
    [FEAT_X8_EBX] = { 0x80000008, 0, 1 }, [FEAT_6_EAX] = { 6, 0, 0 },           [FEAT_D1_EAX] = { 13, 1, 0 },
};

/* What semantics files implement. */
static const uint32_t implemented[FEAT_WORDS] = {
    [FEAT_1_EDX] = B(CPUID_FPU) | B(CPUID_DE) | B(CPUID_PSE) | B(CPUID_TSC) | B(CPUID_MSR) | B(CPUID_PAE) | B(CPUID_MCE) |
                   B(CPUID_CX8) | B(CPUID_APIC) | B(CPUID_SEP) | B(CPUID_MTRR) | B(CPUID_PGE) | B(CPUID_MCA) | B(CPUID_CMOV) |
                   B(CPUID_PAT) | B(CPUID_PSE36) | B(CPUID_CLFLUSH) | B(CPUID_MMX) | B(CPUID_FXSR) | B(CPUID_SSE) |
                   B(CPUID_SSE2) | B(CPUID_HT),
    [FEAT_1_ECX] = B(CPUID_SSE3) | B(CPUID_PCLMULQDQ) | B(CPUID_SSSE3) | B(CPUID_FMA) | B(CPUID_CX16) | B(CPUID_SSE41) |
                   B(CPUID_SSE42) | B(CPUID_X2APIC) | B(CPUID_MOVBE) | B(CPUID_POPCNT) | B(CPUID_TSC_DEADLINE) | B(CPUID_AES) |
                   B(CPUID_XSAVE) | B(CPUID_AVX) | B(CPUID_F16C) | B(CPUID_RDRAND) | B(CPUID_HYPERVISOR) | B(CPUID_PCID),
    [FEAT_7_EBX] = B(CPUID_FSGSBASE) | B(CPUID_TSC_ADJUST) | B(CPUID_BMI1) | B(CPUID_SMEP) | B(CPUID_BMI2) | B(CPUID_ERMS) |
                   B(CPUID_INVPCID) | B(CPUID_RDSEED) | B(CPUID_ADX) | B(CPUID_SMAP) | B(CPUID_CLFLUSHOPT) | B(CPUID_CLWB) |
                   B(CPUID_SHA),
    [FEAT_7_ECX] = B(CPUID_UMIP) | B(CPUID_GFNI) | B(CPUID_VAES) | B(CPUID_VPCLMULQDQ) | B(CPUID_RDPID),
    [FEAT_X1_EDX] = B(CPUID_SYSCALL) | B(CPUID_NX) | B(CPUID_MMXEXT) | B(CPUID_PDPE1GB) | B(CPUID_RDTSCP) | B(CPUID_LM),
    [FEAT_X1_ECX] = B(CPUID_LAHF_LM) | 2 /* cmp-legacy */ | B(CPUID_CR8LEGACY) | B(CPUID_ABM) | B(CPUID_3DNOWPREFETCH),
    [FEAT_X7_EDX] = B(CPUID_INVTSC),
    [FEAT_6_EAX] = B(CPUID_ARAT),
    [FEAT_D1_EAX] = B(CPUID_XSAVEOPT) | B(CPUID_XSAVEC) | B(CPUID_XGETBV1) | B(CPUID_XSAVES),
};

/* Those of them that run natively, so that the host must have them too. */
static const uint32_t native_only[FEAT_WORDS] = {
    [FEAT_1_ECX] = B(CPUID_SSE3) | B(CPUID_PCLMULQDQ) | B(CPUID_SSSE3) | B(CPUID_FMA) | B(CPUID_SSE41) | B(CPUID_SSE42) |
                   B(CPUID_AES) | B(CPUID_AVX) | B(CPUID_F16C),
    [FEAT_7_EBX] = B(CPUID_SHA),
    [FEAT_7_ECX] = B(CPUID_GFNI) | B(CPUID_VAES) | B(CPUID_VPCLMULQDQ),
};

uint32_t cpuid_implemented(unsigned word)
{
    uint32_t host = native_host_cpuid(words[word].leaf, words[word].subleaf, words[word].reg);

    return implemented[word] & (host | ~native_only[word]);
}

/* --- names -------------------------------------------------------------------------------------------------- */

static bool same_name(const char *a, const char *b)
{
    for (; *a || *b; a++, b++) {
        char x = *a == '_' || *a == '.' ? '-' : *a, y = *b == '_' || *b == '.' ? '-' : *b;

        if (x != y) {
            return false;
        }
    }
    return true;
}

int cpuid_feature_by_name(const char *name)
{
    static const struct {
        const char *alias, *name;
    } aliases[] = { { "sse3", "pni" }, { "ffxsr", "fxsr-opt" }, { "i64", "lm" }, { "xd", "nx" }, { "lzcnt", "abm" },
                    { "sha", "sha-ni" } };

    for (unsigned k = 0; k < G_N_ELEMENTS(aliases); k++) {
        name = same_name(name, aliases[k].alias) ? aliases[k].name : name;
    }
    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (cpuid_names[w][b] && same_name(name, cpuid_names[w][b])) {
                return (int)CPUID_BIT(w, b);
            }
        }
    }
    return -1;
}

static void suggest_feature(const char *name, Error **errp)
{
    const char *all[FEAT_WORDS * 32 + 1], *near;
    unsigned n = 0;

    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (cpuid_names[w][b]) {
                all[n++] = cpuid_names[w][b];
            }
        }
    }
    all[n] = NULL;
    near = suggest_nearest(name, all);
    error_set(errp, "unknown CPU feature or property '%s'", name);
    if (near) {
        error_add_hint(errp, "Did you mean '%s'?", near);
    } else {
        error_add_hint(errp, "'-cpu help' lists models and features.");
    }
}

static const CpuModel *find_model(const char *name, Error **errp)
{
    const char *names[64], *near;
    unsigned n = 0;

    for (const CpuModel *m = cpu_models; m->name; m++) {
        if (!g_ascii_strcasecmp(m->name, name)) {
            return m;
        }
        names[n++] = m->name;
    }
    names[n] = NULL;
    near = suggest_nearest(name, names);
    error_set(errp, "unknown CPU model '%s'", name);
    if (!strcmp(name, "host")) {
        error_add_hint(errp, "'host' needs KVM; the software engine's widest model is 'max'.");
    } else if (near) {
        error_add_hint(errp, "Did you mean '%s'? '-cpu help' lists all.", near);
    } else {
        error_add_hint(errp, "'-cpu help' lists all models.");
    }
    return NULL;
}

/* --- -cpu ---------------------------------------------------------------------------------------------------- */

typedef struct Wish {
    CpuModel *model;
    uint32_t plus[FEAT_WORDS], minus[FEAT_WORDS];
    bool check, enforce;
} Wish;

static bool wish_feature(Wish *w, const char *name, bool on, Error **errp)
{
    int f = cpuid_feature_by_name(name);

    if (f < 0) {
        suggest_feature(name, errp);
        return false;
    }
    (on ? w->plus : w->minus)[f >> 5] |= 1u << (f & 31);
    (on ? w->minus : w->plus)[f >> 5] &= ~(1u << (f & 31));
    return true;
}

static bool wish_number(Wish *w, const char *key, const char *value, bool *known, Error **errp)
{
    CpuModel *m = w->model;
    uint64_t v = 0;

    *known = true;
    if (!strcmp(key, "family") || !strcmp(key, "model") || !strcmp(key, "stepping")) {
        uint64_t max = *key == 'f' ? 0xff + 0xf : *key == 'm' ? 0xff : 0xf;

        if (!parse_uint(key, value, 0, max, &v, errp)) {
            return false;
        }
        *(*key == 'f' ? &m->family : *key == 'm' ? &m->model : &m->stepping) = (uint16_t)v;
    } else if (!strcmp(key, "level") || !strcmp(key, "xlevel")) {
        if (!parse_uint(key, value, 0, UINT32_MAX, &v, errp)) {
            return false;
        }
        *(*key == 'l' ? &m->level : &m->xlevel) = (uint32_t)v;
    } else if (!strcmp(key, "model-id")) {
        g_free((char *)(uintptr_t)m->brand);
        m->brand = g_strdup(value);
    } else if (!strcmp(key, "vendor")) {
        if (strcmp(value, "GenuineIntel") && strcmp(value, "AuthenticAMD")) {
            error_set(errp, "CPU vendor '%s' is not known: GenuineIntel and AuthenticAMD are", value);
            return false;
        }
        m->vendor = value[0] == 'G' ? VENDOR_INTEL : VENDOR_AMD;
    } else {
        *known = false;
    }
    return true;
}

static bool wish_word(Wish *w, const char *word, Error **errp)
{
    char **kv = g_strsplit(word, "=", 2);
    bool on = true, known = false, ok;

    if (word[0] == '+' || word[0] == '-') {
        ok = wish_feature(w, word + 1, word[0] == '+', errp);
    } else if (!strcmp(kv[0], "check") || !strcmp(kv[0], "enforce")) {
        ok = !kv[1] || parse_bool(kv[0], kv[1], &on, errp);
        *(word[0] == 'c' ? &w->check : &w->enforce) = on;
    } else if (!strcmp(kv[0], "migratable") || !strcmp(kv[0], "pmu") || !strcmp(kv[0], "kvm")) {
        ok = !kv[1] || parse_bool(kv[0], kv[1], &on, errp); /* KVM's business: harmless here */
    } else {
        ok = !kv[1] || wish_number(w, kv[0], kv[1], &known, errp);
        if (ok && !known) {
            ok = (!kv[1] || parse_bool(kv[0], kv[1], &on, errp)) && wish_feature(w, kv[0], on, errp);
        }
    }
    g_strfreev(kv);
    return ok;
}

static void list_missing(GString *s, const uint32_t missing[FEAT_WORDS])
{
    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (missing[w] & 1u << b) {
                g_string_append_printf(s, "%s%s", s->len ? ", " : "", cpuid_names[w][b] ? cpuid_names[w][b] : "?");
            }
        }
    }
}

/* Takes away what the engine lacks; says so, or fails with enforce. */
static bool wish_filter(Wish *w, bool first_cpu, Error **errp)
{
    uint32_t missing[FEAT_WORDS] = { 0 }, any = 0;

    for (unsigned k = 0; k < FEAT_WORDS; k++) {
        uint32_t want = (w->model->feat[k] | w->plus[k]) & ~w->minus[k];

        missing[k] = want & ~cpuid_implemented(k);
        if (k == FEAT_1_EDX && !(w->plus[k] & B(CPUID_VME))) {
            missing[k] &= ~B(CPUID_VME); /* every model has it and hardly any guest asks for it: not worth a warning */
        }
        any |= missing[k];
        w->model->feat[k] = want & cpuid_implemented(k);
    }
    if (!any || !(w->check || w->enforce)) {
        return true;
    }
    GString *s = g_string_new(NULL);

    list_missing(s, missing);
    if (w->enforce) {
        error_set(errp, "CPU model '%s' has features that this engine or host lacks: %s", w->model->name, s->str);
        error_add_hint(errp, "Leave out 'enforce', or switch them off with '-feature'.");
    } else if (first_cpu) {
        warn_report("CPU model '%s': left out, because this engine or host lacks them: %s", w->model->name, s->str);
    }
    g_string_free(s, TRUE);
    return !w->enforce;
}

bool cpuid_configure(X86Cpu *cpu, const char *spec, const CpuTopology *topo, Error **errp)
{
    char **parts = g_strsplit(spec, ",", -1);
    const CpuModel *base = find_model(parts[0] ? parts[0] : "", errp);
    Wish w = { .check = true };
    bool ok = base != NULL;

    if (ok) {
        w.model = g_memdup2(base, sizeof(*base));
        w.model->brand = g_strdup(base->brand);
        cpu->model = w.model;
        for (unsigned k = 0; !strcmp(base->name, "max") && k < FEAT_WORDS; k++) {
            w.model->feat[k] = cpuid_implemented(k);
        }
        w.model->feat[FEAT_1_ECX] |= B(CPUID_HYPERVISOR);
    }
    for (char **p = parts + 1; ok && parts[0] && *p; p++) {
        ok = wish_word(&w, *p, errp);
    }
    ok = ok && wish_filter(&w, vcpu_count() == 0, errp);
    g_strfreev(parts);
    if (!ok) {
        cpuid_free(cpu);
        return false;
    }
    memcpy(cpu->feat, w.model->feat, sizeof(w.model->feat));
    cpu->topo = *topo;
    return true;
}

void cpuid_free(X86Cpu *cpu)
{
    if (cpu->model) {
        g_free((char *)(uintptr_t)cpu->model->brand);
        g_free((CpuModel *)(uintptr_t)cpu->model);
        cpu->model = NULL;
    }
}

void cpuid_print_models(FILE *f)
{
    unsigned col = 0;

    fprintf(f, "Available CPUs:\n");
    for (const CpuModel *m = cpu_models; m->name; m++) {
        fprintf(f, "x86 %-22s %s\n", m->name, m->desc);
    }
    fprintf(f, "\nRecognized CPUID flags (those that this engine lacks are in brackets):\n");
    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (!cpuid_names[w][b]) {
                continue;
            }
            bool have = cpuid_implemented(w) & 1u << b;
            int n = fprintf(f, have ? "%s%s" : "%s[%s]", col ? " " : "  ", cpuid_names[w][b]);

            col += (unsigned)MAX(n, 0);
            if (col > 70) {
                fprintf(f, "\n");
                col = 0;
            }
        }
    }
    fprintf(f, "\n");
}

/* --- what follows from features ------------------------------------------------------------------------------- */
>>>>>>> main

uint64_t cpuid_cr4_valid(const X86Cpu *cpu)
{
    static const struct {
        uint16_t feature;
        uint32_t bits;
    } rules[] = {
<<<<<<< HEAD
        { CPUID_VME, CR4_VME | CR4_PVI }, { CPUID_TSC, CR4_TSD }, { CPUID_DE, CR4_DE }, { CPUID_PSE, CR4_PSE }, { CPUID_PAE, CR4_PAE },
        { CPUID_MCE, CR4_MCE }, { CPUID_PGE, CR4_PGE }, { CPUID_FXSR, CR4_OSFXSR }, { CPUID_SSE, CR4_OSXMMEXCPT },
        { CPUID_UMIP, CR4_UMIP }, { CPUID_LA57, CR4_LA57 }, { CPUID_FSGSBASE, CR4_FSGSBASE }, { CPUID_PCID, CR4_PCIDE },
        { CPUID_XSAVE, CR4_OSXSAVE }, { CPUID_SMEP, CR4_SMEP }, { CPUID_SMAP, CR4_SMAP }, { CPUID_PKU, CR4_PKE },
    };
    uint64_t valid = CR4_PCE;
    for (unsigned n = 0; n < G_N_ELEMENTS(rules); n++) {
        valid |= x86_has_feature(cpu, rules[n].feature) ? rules[n].bits : 0;
=======
        { CPUID_VME, CR4_VME | CR4_PVI }, { CPUID_TSC, CR4_TSD }, { CPUID_DE, CR4_DE }, { CPUID_PSE, CR4_PSE },
        { CPUID_PAE, CR4_PAE }, { CPUID_MCE, CR4_MCE }, { CPUID_PGE, CR4_PGE }, { CPUID_FXSR, CR4_OSFXSR },
        { CPUID_SSE, CR4_OSXMMEXCPT }, { CPUID_UMIP, CR4_UMIP }, { CPUID_LA57, CR4_LA57 }, { CPUID_FSGSBASE, CR4_FSGSBASE },
        { CPUID_PCID, CR4_PCIDE }, { CPUID_XSAVE, CR4_OSXSAVE }, { CPUID_SMEP, CR4_SMEP }, { CPUID_SMAP, CR4_SMAP },
        { CPUID_PKU, CR4_PKE },
    };
    uint64_t valid = CR4_PCE;

    for (unsigned k = 0; k < G_N_ELEMENTS(rules); k++) {
        valid |= x86_has_feature(cpu, rules[k].feature) ? rules[k].bits : 0;
>>>>>>> main
    }
    return valid;
}

uint64_t cpuid_efer_valid(const X86Cpu *cpu)
{
<<<<<<< HEAD
    return (x86_has_feature(cpu, CPUID_SYSCALL) ? (uint64_t)EFER_SCE : 0) | (x86_has_feature(cpu, CPUID_LM) ? (uint64_t)EFER_LME : 0) |
           (x86_has_feature(cpu, CPUID_NX) ? (uint64_t)EFER_NXE : 0) |
           (x86_has_feature(cpu, CPUID_FXSR_OPT) ? (uint64_t)EFER_FFXSR : 0);
=======
    return (x86_has_feature(cpu, CPUID_SYSCALL) ? EFER_SCE : 0) | (x86_has_feature(cpu, CPUID_NX) ? EFER_NXE : 0) |
           (x86_has_feature(cpu, CPUID_LM) ? EFER_LME | EFER_LMA : 0) | (x86_has_feature(cpu, CPUID_FXSR_OPT) ? EFER_FFXSR : 0);
>>>>>>> main
}

uint64_t cpuid_xcr0_valid(const X86Cpu *cpu)
{
<<<<<<< HEAD
    uint64_t valid = 3;
    if (x86_has_feature(cpu, CPUID_AVX)) {
        valid |= 4;
    }
    return valid & xsave_supported();
=======
    return !x86_has_feature(cpu, CPUID_XSAVE) ? 0 : x86_has_feature(cpu, CPUID_AVX) ? 7 : 3;
>>>>>>> main
}

unsigned cpuid_phys_bits(const X86Cpu *cpu)
{
<<<<<<< HEAD
    if (cpu->phys_bits) {
        return cpu->phys_bits;
    }
    return x86_has_feature(cpu, CPUID_LM) ? 40 : x86_has_feature(cpu, CPUID_PAE) || x86_has_feature(cpu, CPUID_PSE36) ? 36 : 32;
}
=======
    return x86_has_feature(cpu, CPUID_LM) ? 40 : x86_has_feature(cpu, CPUID_PAE) || x86_has_feature(cpu, CPUID_PSE36) ? 36 : 32;
}

uint32_t cpuid_signature(const X86Cpu *cpu)
{
    const CpuModel *m = cpu->model;
    uint32_t family = MIN(m->family, 15u), ext = m->family - family;

    return m->stepping | (m->model & 0xfu) << 4 | family << 8 | (m->model >> 4 & 0xfu) << 16 | ext << 20;
}
>>>>>>> main

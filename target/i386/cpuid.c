/* SPDX-License-Identifier: GPL-2.0-or-later */
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

uint64_t cpuid_cr4_valid(const X86Cpu *cpu)
{
    static const struct {
        uint16_t feature;
        uint32_t bits;
    } rules[] = {
        { CPUID_VME, CR4_VME | CR4_PVI }, { CPUID_TSC, CR4_TSD }, { CPUID_DE, CR4_DE }, { CPUID_PSE, CR4_PSE }, { CPUID_PAE, CR4_PAE },
        { CPUID_MCE, CR4_MCE }, { CPUID_PGE, CR4_PGE }, { CPUID_FXSR, CR4_OSFXSR }, { CPUID_SSE, CR4_OSXMMEXCPT },
        { CPUID_UMIP, CR4_UMIP }, { CPUID_LA57, CR4_LA57 }, { CPUID_FSGSBASE, CR4_FSGSBASE }, { CPUID_PCID, CR4_PCIDE },
        { CPUID_XSAVE, CR4_OSXSAVE }, { CPUID_SMEP, CR4_SMEP }, { CPUID_SMAP, CR4_SMAP }, { CPUID_PKU, CR4_PKE },
    };
    uint64_t valid = CR4_PCE;
    for (unsigned n = 0; n < G_N_ELEMENTS(rules); n++) {
        valid |= x86_has_feature(cpu, rules[n].feature) ? rules[n].bits : 0;
    }
    return valid;
}

uint64_t cpuid_efer_valid(const X86Cpu *cpu)
{
    return (x86_has_feature(cpu, CPUID_SYSCALL) ? (uint64_t)EFER_SCE : 0) | (x86_has_feature(cpu, CPUID_LM) ? (uint64_t)EFER_LME : 0) |
           (x86_has_feature(cpu, CPUID_NX) ? (uint64_t)EFER_NXE : 0) |
           (x86_has_feature(cpu, CPUID_FXSR_OPT) ? (uint64_t)EFER_FFXSR : 0);
}

uint64_t cpuid_xcr0_valid(const X86Cpu *cpu)
{
    uint64_t valid = 3;
    if (x86_has_feature(cpu, CPUID_AVX)) {
        valid |= 4;
    }
    return valid & xsave_supported();
}

unsigned cpuid_phys_bits(const X86Cpu *cpu)
{
    if (cpu->phys_bits) {
        return cpu->phys_bits;
    }
    return x86_has_feature(cpu, CPUID_LM) ? 40 : x86_has_feature(cpu, CPUID_PAE) || x86_has_feature(cpu, CPUID_PSE36) ? 36 : 32;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the CPUID instruction returns, leaf by leaf (SDM vol. 2A, CPUID; APM vol. 3, appendix E).  vCPU thread. */
#include "util/osdep.h"
#include "target/i386/cpuid-int.h"
#include "target/i386/fpu.h"

enum { EAX, EBX, ECX, EDX };

static unsigned id_bits(unsigned n) /* bits of an APIC id that n siblings take */
{
    return n <= 1 ? 0 : 32 - (unsigned)__builtin_clz(n - 1);
}

static unsigned threads_per_package(const X86Cpu *cpu)
{
    return cpu->topo.dies * cpu->topo.cores * cpu->topo.threads;
}

static unsigned package_shift(const X86Cpu *cpu)
{
    return id_bits(cpu->topo.threads) + id_bits(cpu->topo.cores) + id_bits(cpu->topo.dies);
}

static uint32_t word(const char *s, unsigned at)
{
    return ld_le32(s + at);
}

static const char *vendor(const X86Cpu *cpu)
{
    return cpu->model->vendor == VENDOR_AMD ? "AuthenticAMD" : "GenuineIntel";
}

static void leaf_vendor(const X86Cpu *cpu, uint32_t highest, uint32_t out[4])
{
    out[EAX] = highest;
    out[EBX] = word(vendor(cpu), 0);
    out[EDX] = word(vendor(cpu), 4);
    out[ECX] = word(vendor(cpu), 8);
}

static void leaf_1(const X86Cpu *cpu, uint32_t out[4])
{
    unsigned threads = threads_per_package(cpu);

    out[EAX] = cpuid_signature(cpu);
    out[EBX] = cpu->vcpu.apic_id << 24 | (threads > 1 ? MIN(threads, 255u) << 16 : 0) | 8u << 8;
    out[ECX] = cpu->feat[FEAT_1_ECX] | (cpu->cr4 & CR4_OSXSAVE ? 1u << 27 : 0);
    out[EDX] = cpu->feat[FEAT_1_EDX] & ~(1u << 28);
    out[EDX] |= threads > 1 ? 1u << 28 : 0; /* HTT: the package has several */
}

/* Deterministic cache parameters (Intel leaf 4, AMD 0x8000001d). */
static void leaf_cache(const X86Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    const CpuModel *m = cpu->model;
    const struct {
        unsigned type, level, kib, ways, shared;
    } c[] = {
        { 1, 1, m->cache.l1d_kib, m->cache.l1d_ways, cpu->topo.threads },
        { 2, 1, m->cache.l1i_kib, m->cache.l1i_ways, cpu->topo.threads },
        { 3, 2, m->cache.l2_kib, m->cache.l2_ways, cpu->topo.threads },
        { 3, 3, m->cache.l3_kib, m->cache.l3_ways, cpu->topo.cores * cpu->topo.threads }, /* each die has one */
    };

    if (subleaf >= G_N_ELEMENTS(c) || !c[subleaf].kib || !c[subleaf].ways) {
        return;
    }
    unsigned share = 1u << id_bits(c[subleaf].shared), cores = 1u << (package_shift(cpu) - id_bits(cpu->topo.threads));

    out[EAX] = c[subleaf].type | c[subleaf].level << 5 | 1u << 8 | (share - 1) << 14;
    out[EAX] |= m->vendor == VENDOR_INTEL ? MIN(cores - 1, 63u) << 26 : 0;
    out[EBX] = 63 | (c[subleaf].ways - 1) << 22;
    out[ECX] = c[subleaf].kib * 1024 / 64 / c[subleaf].ways - 1;
    out[EDX] = 1;
}

/* AMD's leaf 0x8000001e: threads of a core, dies ("nodes") of a package. */
static void leaf_amd_topology(const X86Cpu *cpu, uint32_t out[4])
{
    uint32_t id = cpu->vcpu.apic_id;
    unsigned core = id_bits(cpu->topo.threads), node = core + id_bits(cpu->topo.cores);

    out[EAX] = id;
    out[EBX] = (cpu->topo.threads - 1) << 8 | ((id & ((1u << package_shift(cpu)) - 1)) >> core & 0xff);
    out[ECX] = MIN(cpu->topo.dies - 1, 7u) << 8 | (id >> node & 0xff);
}

/* Leaf 0x1f, with several dies: threads, cores and dies each by themselves. */
static void leaf_topology_of_dies(const X86Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    unsigned core = id_bits(cpu->topo.threads), die = core + id_bits(cpu->topo.cores);
    const struct {
        unsigned shift, count, type;
    } levels[] = { { core, cpu->topo.threads, 1 }, { die, cpu->topo.threads * cpu->topo.cores, 2 },
                   { package_shift(cpu), threads_per_package(cpu), 5 } };

    out[ECX] = subleaf & 0xff;
    out[EDX] = cpu->vcpu.apic_id;
    if (subleaf < G_N_ELEMENTS(levels)) {
        out[EAX] = levels[subleaf].shift;
        out[EBX] = levels[subleaf].count;
        out[ECX] |= levels[subleaf].type << 8;
    }
}

/* Extended topology: threads, then everything in the package. */
static void leaf_topology(const X86Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    out[ECX] = subleaf & 0xff;
    out[EDX] = cpu->vcpu.apic_id;
    if (subleaf == 0) {
        out[EAX] = id_bits(cpu->topo.threads);
        out[EBX] = cpu->topo.threads;
        out[ECX] |= 1u << 8;
    } else if (subleaf == 1) {
        out[EAX] = package_shift(cpu);
        out[EBX] = threads_per_package(cpu);
        out[ECX] |= 2u << 8;
    }
}

/* With a hardware accelerator the places are the host's; the sizes for what is switched on are kept up to date by who runs it. */
static void leaf_xsave_host(const X86Cpu *cpu, uint64_t valid, uint32_t subleaf, uint32_t out[4])
{
    const CpuidEngine *e = cpuid_engine();
    uint32_t size = 576;

    if (subleaf == 0) {
        for (unsigned n = 2; n < 63; n++) {
            size = valid >> n & 1 ? MAX(size, e->leaf(13, n, EAX) + e->leaf(13, n, EBX)) : size;
        }
        out[EAX] = (uint32_t)valid;
        out[EDX] = (uint32_t)(valid >> 32);
        out[EBX] = out[ECX] = size;
    } else if (subleaf == 1) {
        out[EAX] = cpu->feat[FEAT_D1_EAX];
        out[EBX] = size;
    } else if (subleaf < 63 && (valid >> subleaf & 1)) {
        for (unsigned reg = EAX; reg <= EDX; reg++) {
            out[reg] = e->leaf(13, subleaf, reg);
        }
    }
}

static void leaf_xsave(const X86Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    uint64_t valid = cpuid_xcr0_valid(cpu);

    if (!valid) {
        return;
    }
    if (cpuid_engine()) {
        leaf_xsave_host(cpu, valid, subleaf, out);
        return;
    }
    if (subleaf == 0) {
        out[EAX] = (uint32_t)valid;
        out[EBX] = xsave_size(cpu->xcr0, false);
        out[ECX] = xsave_size(valid, false);
        out[EDX] = (uint32_t)(valid >> 32);
    } else if (subleaf == 1) {
        out[EAX] = cpu->feat[FEAT_D1_EAX];
        out[EBX] = out[EAX] & 0xa ? xsave_size(cpu->xcr0 | cpu->xss, true) : 0;
    } else if (subleaf < 64 && (valid >> subleaf & 1)) {
        bool align64;

        xsave_component(subleaf, &out[EBX], &out[EAX], &align64);
        out[ECX] = align64 ? 2 : 0;
    }
}

static void leaf_basic(X86Cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    bool intel = cpu->model->vendor == VENDOR_INTEL;

    switch (leaf) {
    case 0: leaf_vendor(cpu, cpu->model->level, out); break;
    case 1: leaf_1(cpu, out); break;
    case 2:
        if (intel) { /* "look at leaf 4" */
            out[EAX] = 0x00ff01;
        }
        break;
    case 4:
        if (intel) {
            leaf_cache(cpu, subleaf, out);
        }
        break;
    case 5: /* MONITOR's line; masked interrupts can end MWAIT; no further states */
        if (x86_has_feature(cpu, CPUID_MONITOR)) {
            out[EAX] = out[EBX] = 64;
            out[ECX] = 3;
        }
        break;
    case 6: out[EAX] = cpu->feat[FEAT_6_EAX]; break;
    case 7:
        if (subleaf == 0) {
            out[EAX] = cpu->feat[FEAT_7_1_EAX] ? 1 : 0;
            out[EBX] = cpu->feat[FEAT_7_EBX];
            out[ECX] = cpu->feat[FEAT_7_ECX] | (cpu->cr4 & CR4_PKE ? 1u << 4 : 0);
            out[EDX] = cpu->feat[FEAT_7_EDX];
        } else if (subleaf == 1) {
            out[EAX] = cpu->feat[FEAT_7_1_EAX];
        }
        break;
    case 0xb: leaf_topology(cpu, subleaf, out); break;
    case 0xd: leaf_xsave(cpu, subleaf, out); break;
    case 0x1f:
        if (cpu->topo.dies > 1 && intel) {
            leaf_topology_of_dies(cpu, subleaf, out);
        }
        break;
    default: break;
    }
}

static void leaf_brand(const X86Cpu *cpu, unsigned part, uint32_t out[4])
{
    char brand[48] = { 0 };

    strncpy(brand, cpu->model->brand, sizeof(brand) - 1);
    for (unsigned k = 0; k < 4; k++) {
        out[k] = word(brand, part * 16 + k * 4);
    }
}

/* AMD's way of giving associativity of level 2 and 3. */
static uint32_t amd_ways(unsigned ways)
{
    return ways >= 128 ? 0xe : ways >= 64 ? 0xc : ways >= 32 ? 0xa : ways >= 16 ? 8 : ways >= 8 ? 6 : ways >= 4 ? 4 : ways;
}

static void leaf_amd_caches(const X86Cpu *cpu, uint32_t leaf, uint32_t out[4])
{
    const CpuModel *m = cpu->model;

    if (leaf == 0x80000005) {
        out[EAX] = out[EBX] = 0x01ff01ff;
        out[ECX] = (uint32_t)m->cache.l1d_kib << 24 | (uint32_t)m->cache.l1d_ways << 16 | 1u << 8 | 64;
        out[EDX] = (uint32_t)m->cache.l1i_kib << 24 | (uint32_t)m->cache.l1i_ways << 16 | 1u << 8 | 64;
    } else {
        out[EBX] = 0x42004200;
        out[ECX] = (uint32_t)m->cache.l2_kib << 16 | amd_ways(m->cache.l2_ways) << 12 | 1u << 8 | 64;
        out[EDX] = (m->cache.l3_kib / 512) << 18 | amd_ways(m->cache.l3_ways) << 12 | 1u << 8 | 64;
    }
}

static void leaf_extended(X86Cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    bool amd = cpu->model->vendor == VENDOR_AMD;
    unsigned threads = threads_per_package(cpu);

    switch (leaf) {
    case 0x80000000:
        leaf_vendor(cpu, cpu->model->xlevel, out);
        out[EBX] = amd ? out[EBX] : 0;
        out[ECX] = amd ? out[ECX] : 0;
        out[EDX] = amd ? out[EDX] : 0;
        break;
    case 0x80000001:
        out[EAX] = amd ? cpuid_signature(cpu) : 0;
        out[ECX] = cpu->feat[FEAT_X1_ECX] & ~2u;
        out[ECX] |= amd && threads > 1 ? 2 : 0; /* cmp-legacy */
        out[EDX] = cpu->feat[FEAT_X1_EDX];
        if (amd) { /* repeats leaf 1 */
            out[EDX] |= cpu->feat[FEAT_1_EDX] & 0x0183f3ff;
        } else if (!(cpu->mode & MODE_CODE64)) {
            out[EDX] &= ~(1u << 11); /* Intel shows SYSCALL in 64-bit mode only */
        }
        break;
    case 0x80000002: case 0x80000003: case 0x80000004:
        leaf_brand(cpu, leaf - 0x80000002, out);
        break;
    case 0x80000005: case 0x80000006:
        if (amd) {
            leaf_amd_caches(cpu, leaf, out);
        } else if (leaf == 0x80000006) {
            out[ECX] = (uint32_t)cpu->model->cache.l2_kib << 16 | amd_ways(cpu->model->cache.l2_ways) << 12 | 64;
        }
        break;
    case 0x80000007: out[EDX] = cpu->feat[FEAT_X7_EDX]; break;
    case 0x80000008:
        out[EAX] = cpuid_phys_bits(cpu) | (x86_has_feature(cpu, CPUID_LM) ? 48u : 32u) << 8;
        out[EBX] = cpu->feat[FEAT_X8_EBX];
        out[ECX] = amd && threads > 1 ? package_shift(cpu) << 12 | (threads - 1) : 0;
        break;
    case 0x8000000a: /* what nested virtualization can do is the engine's word */
        for (unsigned reg = EAX; reg <= EDX && x86_has_feature(cpu, CPUID_SVM) && cpuid_engine(); reg++) {
            out[reg] = cpuid_engine()->leaf(leaf, 0, reg);
        }
        break;
    case 0x8000001d: case 0x8000001e:
        if (amd && x86_has_feature(cpu, CPUID_TOPOEXT) && leaf == 0x8000001d) {
            leaf_cache(cpu, subleaf, out);
        } else if (amd && x86_has_feature(cpu, CPUID_TOPOEXT)) {
            leaf_amd_topology(cpu, out);
        }
        break;
    default: break;
    }
}

void x86_cpuid(X86Cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    memset(out, 0, 4 * sizeof(out[0]));
    if (leaf >= 0x80000000) {
        if (cpu->model->xlevel >= 0x80000000 && leaf <= cpu->model->xlevel) {
            leaf_extended(cpu, leaf, subleaf, out);
        }
    } else if (leaf >= 0x40000000 && cpuid_engine()) {
        cpuid_pv_leaf(cpu, leaf, out);
    } else if (leaf >= 0x40000000) {
        if (leaf == 0x40000000 && x86_has_feature(cpu, CPUID_HYPERVISOR)) {
            out[EAX] = 0x40000000;
            out[EBX] = word("RheaRheaRhea", 0);
            out[ECX] = word("RheaRheaRhea", 4);
            out[EDX] = word("RheaRheaRhea", 8);
        }
    } else {
        /* Beyond the highest basic leaf Intel repeats the highest one, AMD gives zero. */
        if (leaf > cpu->model->level && cpu->model->vendor == VENDOR_INTEL) {
            leaf = cpu->model->level;
        }
        if (leaf <= cpu->model->level) {
            leaf_basic(cpu, leaf, subleaf, out);
        }
    }
}

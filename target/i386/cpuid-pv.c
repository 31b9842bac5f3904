/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypervisor's leaves (0x40000000 and on) with a hardware accelerator: KVM's signature and features (the kernel's
 * Documentation/virt/kvm/x86/cpuid.rst) and, with any -cpu hv-... flag, Microsoft's interface before them (Hypervisor Top-Level
 * Functional Specification 6.0b, chapter 2).  vCPU creation.
 */
#include "util/osdep.h"
#include "target/i386/cpuid-int.h"
#include "util/bytes.h"

enum { EAX, EBX, ECX, EDX };
enum { HV_MAX_LEAF = 0x40000005, HV_MAX_LEAF_NESTED = 0x4000000a, HV_SPINLOCK_NEVER = -1 };
enum { HV_EVMCS_VERSIONS = 0x0101 /* lowest and highest */, HV_CPU_PARTITIONING = 1 << 3 /* vCPUs may come later */ };

/* Each flag's bits in the feature leaf (3) and in the leaf of recommendations (4). */
static const struct {
    uint8_t flag;
    uint32_t privileges, services, features, recommended, nested; /* nested: leaf 10, for guests that are hypervisors */
} hv_rows[] = {
    { HV_RELAXED, 0, 0, 0, 1u << 5, 0 },
    { HV_VAPIC, 1u << 4, 0, 0, 1u << 3, 0 },
    { HV_VPINDEX, 1u << 6, 0, 0, 0, 0 },
    { HV_RUNTIME, 1u << 0, 0, 0, 0, 0 },
    { HV_SYNIC, 1u << 2, 3u << 4, 0, 0, 0 },
    { HV_STIMER, 1u << 3, 0, 0, 0, 0 },
    { HV_TIME, 1u << 1 | 1u << 9, 0, 0, 0, 0 },
    { HV_CRASH, 0, 0, 1u << 10, 0, 0 },
    { HV_RESET, 1u << 7, 0, 0, 0, 0 },
    { HV_FREQUENCIES, 1u << 11, 0, 1u << 8, 0, 0 },
    { HV_REENLIGHTENMENT, 1u << 13, 0, 0, 0, 0 },
    { HV_TLBFLUSH, 0, 0, 0, 1u << 2 | 1u << 11, 0 },
    { HV_IPI, 0, 0, 0, 1u << 10 | 1u << 11, 0 },
    { HV_STIMER_DIRECT, 0, 0, 1u << 19, 0, 0 },
    { HV_AVIC, 0, 0, 0, 1u << 9, 0 },
    { HV_XMM_INPUT, 0, 0, 1u << 4, 0, 0 },
    { HV_TLBFLUSH_EXT, 0, 0, 1u << 14, 0, 0 },
    { HV_NO_CORESHARING, 0, 0, 0, 1u << 18, 0 },
    { HV_EVMCS, 0, 0, 0, 1u << 14, HV_EVMCS_VERSIONS },
    { HV_TLBFLUSH_DIRECT, 0, 0, 0, 0, 1u << 17 },
    { HV_EMSR_BITMAP, 0, 0, 0, 0, 1u << 19 },
};

static void pv_signature(const char *name, uint32_t out[4])
{
    char text[12] = { 0 };
    memcpy(text, name, MIN(strlen(name), sizeof(text)));
    out[EBX] = ld_le32(text);
    out[ECX] = ld_le32(text + 4);
    out[EDX] = ld_le32(text + 8);
}

static void pv_hyperv_flags(const X86Cpu *cpu, uint32_t leaf, uint32_t out[4])
{
    uint32_t flags = cpu->feat[FEAT_HV], spin = cpu->model->extras.hv_spinlocks;
    uint32_t recommended = 0, nested = 0;
    out[EAX] = leaf == 0x40000003 ? 1u << 5 : 0; /* the hypercall page's registers are always there */
    out[EDX] = leaf == 0x40000003 ? HV_CPU_PARTITIONING : 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(hv_rows); i++) {
        if (flags >> hv_rows[i].flag & 1 && leaf == 0x40000003) {
            out[EAX] |= hv_rows[i].privileges;
            out[EBX] |= hv_rows[i].services;
            out[EDX] |= hv_rows[i].features;
        } else if (flags >> hv_rows[i].flag & 1) {
            recommended |= hv_rows[i].recommended;
            nested |= hv_rows[i].nested;
        }
    }
    if (leaf == 0x40000004) {
        if (flags & 1u << HV_AVIC) {
            recommended &= ~(1u << 3); /* the local APIC itself is faster than its MSRs then */
        }
        out[EAX] = recommended;
        out[EBX] = spin ? spin : (uint32_t)HV_SPINLOCK_NEVER;
    } else if (leaf == HV_MAX_LEAF_NESTED) {
        out[EAX] = nested;
    }
}

/* As Windows Server 2016 says of itself, unless another version is wanted: build, 10.0, service pack, branch and number. */
static void pv_hyperv_version(const CpuExtras *x, uint32_t out[4])
{
    const uint32_t *v = x->hv_version;
    out[EAX] = x->hv_version_said ? v[HV_BUILD] : 14393;
    out[EBX] = x->hv_version_said ? v[HV_MAJOR] << 16 | v[HV_MINOR] : 10u << 16;
    out[ECX] = v[HV_SPACK];
    out[EDX] = v[HV_SBRANCH] << 24 | v[HV_SNUMBER];
}

static void pv_hyperv(const X86Cpu *cpu, uint32_t leaf, uint32_t out[4])
{
    const char *vendor = cpu->model->extras.hv_vendor;
    bool nested = cpu->feat[FEAT_HV] & (1u << HV_EVMCS | 1u << HV_TLBFLUSH_DIRECT | 1u << HV_EMSR_BITMAP);
    switch (leaf) {
    case 0x40000000:
        out[EAX] = nested ? HV_MAX_LEAF_NESTED : HV_MAX_LEAF;
        pv_signature(*vendor ? vendor : "Microsoft Hv", out);
        break;
    case 0x40000001:
        out[EAX] = ld_le32("Hv#1");
        break;
    case 0x40000002:
        pv_hyperv_version(&cpu->model->extras, out);
        break;
    case 0x40000003:
    case 0x40000004:
    case HV_MAX_LEAF_NESTED:
        pv_hyperv_flags(cpu, leaf, out);
        break;
    case 0x40000005:
        out[EAX] = 0xffffffff; /* processors: no limit of ours */
        out[EBX] = 64;
        break;
    default:
        break;
    }
}

static bool pv_wants_hyperv(const X86Cpu *cpu)
{
    return cpu->feat[FEAT_HV] || cpu->model->extras.hv_spinlocks || *cpu->model->extras.hv_vendor;
}

void cpuid_pv_leaf(const X86Cpu *cpu, uint32_t leaf, uint32_t out[4])
{
    uint32_t base = 0x40000000;
    if (pv_wants_hyperv(cpu)) {
        if (leaf < 0x40000100) {
            pv_hyperv(cpu, leaf, out);
            return;
        }
        base += 0x100;
    }
    if (leaf == base && cpu->feat[FEAT_KVM]) {
        out[EAX] = base + 1;
        pv_signature("KVMKVMKVM", out);
    } else if (leaf == base + 1) {
        out[EAX] = cpu->feat[FEAT_KVM];
    }
}

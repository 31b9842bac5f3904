/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID: what the kernel can give guests becomes what -cpu offers (KVM_GET_SUPPORTED_CPUID, KVM_GET_SUPPORTED_HV_CPUID), and a
 * vCPU's leaves go to the kernel as a table.  Start-up, main thread, big lock.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"
#include "target/i386/cpuid.h"

#include <asm/kvm_para.h>
#include <sys/ioctl.h>

enum { CPUID_ENTRIES = 256, CPUID_SUBLEAVES = 64 };
enum { EAX, EBX, ECX, EDX };

typedef struct CpuidTable {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entries[CPUID_ENTRIES];
} CpuidTable;

static CpuidTable *cpuid_supported, *cpuid_hyperv;

static uint32_t cpuid_find(const CpuidTable *t, uint32_t leaf, uint32_t subleaf, unsigned reg)
{
    for (uint32_t i = 0; t && i < t->head.nent; i++) {
        const struct kvm_cpuid_entry2 *e = &t->entries[i];
        bool indexed = e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
        if (e->function == leaf && (!indexed || e->index == subleaf)) {
            const uint32_t regs[4] = { e->eax, e->ebx, e->ecx, e->edx };
            return regs[reg];
        }
    }
    return 0;
}

static uint32_t cpuid_leaf(uint32_t leaf, uint32_t subleaf, unsigned reg)
{
    return cpuid_find(cpuid_supported, leaf, subleaf, reg);
}

/* What the table does not tell: features that depend on where the interrupt controllers are. */
static void cpuid_adjust(CpuidEngine *e)
{
    bool apic = kvm.irqchip != KVM_IRQCHIP_OFF;
    uint32_t *c = &e->supported[FEAT_1_ECX];
    uint32_t deadline = 1u << (CPUID_TSC_DEADLINE & 31), x2apic = 1u << (CPUID_X2APIC & 31);
    *c |= 1u << (CPUID_HYPERVISOR & 31);
    *c = apic && kvm_check(KVM_CAP_TSC_DEADLINE_TIMER) ? *c | deadline : *c & ~deadline;
    *c = apic ? *c | x2apic : *c & ~x2apic;
    e->supported[FEAT_1_EDX] |= 1u << (CPUID_HT & 31); /* follows from the topology */
    e->supported[FEAT_X1_ECX] |= 1u << (CPUID_TOPOEXT & 31); /* and its leaves */
    e->supported[FEAT_6_EAX] |= 1u << (CPUID_ARAT & 31);
    e->supported[FEAT_X7_EDX] |= kvm_check(KVM_CAP_GET_TSC_KHZ) ? cpuid_host_word(FEAT_X7_EDX) & 1u << (CPUID_INVTSC & 31) : 0;
    if (!apic) {
        e->supported[FEAT_KVM] &= ~(1u << KVM_FEATURE_PV_EOI | 1u << KVM_FEATURE_PV_UNHALT | 1u << KVM_FEATURE_PV_SEND_IPI |
                                    1u << KVM_FEATURE_ASYNC_PF_INT);
    }
}

/* A flag of -cpu hv-...: the bit of leaf 0x40000003 or 0x40000004 that shows that the kernel has it; and whether it needs local APICs. */
static const struct {
    uint8_t flag, reg, bit;
    uint32_t leaf;
    bool apic;
} cpuid_hv_bits[] = {
    { HV_RELAXED, EAX, 5, 0x40000004, false },     { HV_VAPIC, EAX, 4, 0x40000003, true },
    { HV_VPINDEX, EAX, 6, 0x40000003, false },     { HV_RUNTIME, EAX, 0, 0x40000003, false },
    { HV_SYNIC, EAX, 2, 0x40000003, true },        { HV_STIMER, EAX, 3, 0x40000003, true },
    { HV_TIME, EAX, 9, 0x40000003, false },        { HV_CRASH, EDX, 10, 0x40000003, false },
    { HV_RESET, EAX, 7, 0x40000003, false },       { HV_FREQUENCIES, EAX, 11, 0x40000003, false },
    { HV_REENLIGHTENMENT, EAX, 13, 0x40000003, false }, { HV_TLBFLUSH, EAX, 2, 0x40000004, false },
    { HV_IPI, EAX, 10, 0x40000004, true },         { HV_STIMER_DIRECT, EDX, 19, 0x40000003, true },
    { HV_XMM_INPUT, EDX, 4, 0x40000003, false },   { HV_TLBFLUSH_EXT, EDX, 14, 0x40000003, false },
    { HV_EVMCS, EAX, 14, 0x40000004, false },      { HV_NO_CORESHARING, EAX, 18, 0x40000004, false },
    { HV_EMSR_BITMAP, EAX, 19, 0x4000000a, false },
};

static uint32_t cpuid_hv_supported(void)
{
    uint32_t flags = kvm.irqchip != KVM_IRQCHIP_OFF ? 1u << HV_AVIC : 0; /* advice to guests only */
    flags |= kvm_check(KVM_CAP_HYPERV_DIRECT_TLBFLUSH) ? 1u << HV_TLBFLUSH_DIRECT : 0;
    flags |= kvm_check(KVM_CAP_HYPERV_ENFORCE_CPUID) ? 1u << HV_ENFORCE_CPUID : 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(cpuid_hv_bits) && cpuid_hyperv; i++) {
        bool there = cpuid_find(cpuid_hyperv, cpuid_hv_bits[i].leaf, 0, cpuid_hv_bits[i].reg) >> cpuid_hv_bits[i].bit & 1;
        if (there && (kvm.irqchip != KVM_IRQCHIP_OFF || !cpuid_hv_bits[i].apic)) {
            flags |= 1u << cpuid_hv_bits[i].flag;
        }
    }
    return flags;
}

static CpuidTable *cpuid_fetch(unsigned long request)
{
    CpuidTable *t = g_new0(CpuidTable, 1);
    t->head.nent = CPUID_ENTRIES;
    if (kvm_ioctl(kvm.fd, request, t) < 0) {
        g_free(t);
        return NULL;
    }
    return t;
}

bool kvm_cpuid_init(Error **errp)
{
    static CpuidEngine engine;
    cpuid_supported = cpuid_fetch(KVM_GET_SUPPORTED_CPUID);
    if (!cpuid_supported) {
        error_set_errno(errp, errno, "kvm: cannot read the CPUID leaves that this kernel supports");
        return false;
    }
    if (kvm_check(KVM_CAP_SYS_HYPERV_CPUID)) {
        cpuid_hyperv = cpuid_fetch(KVM_GET_SUPPORTED_HV_CPUID);
    }
    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        uint32_t leaf, subleaf;
        unsigned reg = cpuid_word_place(w, &leaf, &subleaf);
        engine.supported[w] = w == FEAT_HV ? cpuid_hv_supported() : cpuid_leaf(leaf, subleaf, reg);
    }
    engine.name = "KVM";
    engine.leaf = cpuid_leaf;
    engine.x2apic = kvm.irqchip != KVM_IRQCHIP_OFF;
    cpuid_adjust(&engine);
    kvm.xcr0 = cpuid_leaf(13, 0, EAX) | (uint64_t)cpuid_leaf(13, 0, EDX) << 32;
    engine.xcr0 = kvm.xcr0;
    engine.phys_bits = cpuid_leaf(0x80000008, 0, EAX) & 0xff;
    cpuid_set_engine(&engine);
    return true;
}

/* ---- a vCPU's table ---- */

static bool cpuid_put(CpuidTable *t, X86Cpu *cpu, uint32_t leaf, uint32_t subleaf, bool indexed, uint32_t out[4])
{
    x86_cpuid(cpu, leaf, subleaf, out);
    if (leaf == 0x80000001 && x86_has_feature(cpu, CPUID_SYSCALL)) {
        out[EDX] |= 1u << (CPUID_SYSCALL & 31); /* the processor hides it outside 64-bit mode, if its kind does */
    }
    if (t->head.nent == CPUID_ENTRIES) {
        return false;
    }
    t->entries[t->head.nent++] = (struct kvm_cpuid_entry2){
        .function = leaf, .index = indexed ? subleaf : 0, .flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0u,
        .eax = out[EAX], .ebx = out[EBX], .ecx = out[ECX], .edx = out[EDX],
    };
    return true;
}

/* Leaves whose sub-leaves differ end with an empty one; 0xd has gaps.  Empty leaves stay out: what the kernel itself adds to some, such
 * as the sizes of XSAVE's or the mask of SGX's, is for those that have them. */
static bool cpuid_put_leaf(CpuidTable *t, X86Cpu *cpu, uint32_t leaf)
{
    bool indexed = leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd || leaf == 0x1f || leaf == 0x8000001d;
    uint32_t out[4];
    if (leaf == 0xd && !cpuid_xcr0_valid(cpu)) {
        return true;
    }
    x86_cpuid(cpu, leaf, 0, out);
    if (!indexed && !(out[EAX] | out[EBX] | out[ECX] | out[EDX])) {
        return true;
    }
    if (!indexed) {
        return cpuid_put(t, cpu, leaf, 0, false, out);
    }
    for (uint32_t n = 0; n < CPUID_SUBLEAVES; n++) {
        x86_cpuid(cpu, leaf, n, out);
        bool empty = leaf == 0xb || leaf == 0x1f ? !(out[ECX] & 0xff00) : !(out[EAX] | out[EBX] | out[ECX] | out[EDX]);
        if (empty && n > 1 && leaf == 0xd) {
            continue;
        }
        if (!cpuid_put(t, cpu, leaf, n, true, out)) {
            return false;
        }
        if (empty && leaf != 0xd) {
            return true;
        }
    }
    return true;
}

static bool cpuid_put_range(CpuidTable *t, X86Cpu *cpu, uint32_t first)
{
    uint32_t out[4];
    x86_cpuid(cpu, first, 0, out);
    uint32_t last = out[EAX];
    bool ok = true;
    for (uint32_t leaf = first; ok && last && leaf <= last && leaf - first < 64; leaf++) {
        ok = cpuid_put_leaf(t, cpu, leaf);
    }
    return ok;
}

static bool cpuid_enable_hyperv(Vcpu *v, Error **errp)
{
    uint16_t evmcs_versions = 0; /* the kernel says */
    const struct {
        uint8_t flag;
        const char *name;
        struct kvm_enable_cap cap;
    } caps[] = {
        { HV_SYNIC, "hv-synic", { .cap = KVM_CAP_HYPERV_SYNIC2 } },
        { HV_EVMCS, "hv-evmcs", { .cap = KVM_CAP_HYPERV_ENLIGHTENED_VMCS, .args = { (uintptr_t)&evmcs_versions } } },
        { HV_TLBFLUSH_DIRECT, "hv-tlbflush-direct", { .cap = KVM_CAP_HYPERV_DIRECT_TLBFLUSH } },
        { HV_ENFORCE_CPUID, "hv-enforce-cpuid", { .cap = KVM_CAP_HYPERV_ENFORCE_CPUID, .args = { 1 } } },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(caps); i++) {
        struct kvm_enable_cap cap = caps[i].cap;
        if ((x86_cpu(v)->feat[FEAT_HV] >> caps[i].flag & 1) && kvm_ioctl(kvm_vcpu(v)->fd, KVM_ENABLE_CAP, &cap) < 0) {
            error_set_errno(errp, errno, "kvm: %s: the kernel does not switch it on for vCPU %u", caps[i].name, v->index);
            return false;
        }
    }
    return true;
}

bool kvm_cpuid_set(Vcpu *v, Error **errp)
{
    static const uint32_t ranges[] = { 0, 0x80000000 };
    X86Cpu *cpu = x86_cpu(v);
    CpuidTable *t = g_new0(CpuidTable, 1);
    bool ok = cpuid_enable_hyperv(v, errp);
    for (unsigned i = 0; i < G_N_ELEMENTS(ranges); i++) {
        cpuid_put_range(t, cpu, ranges[i]);
    }
    if (x86_has_feature(cpu, CPUID_HYPERVISOR)) {
        cpuid_put_range(t, cpu, 0x40000000);
        cpuid_put_range(t, cpu, 0x40000100); /* KVM's, when another interface is before it */
    }
    if (ok && kvm_ioctl(kvm_vcpu(v)->fd, KVM_SET_CPUID2, t) < 0) {
        error_set_errno(errp, errno, "kvm: the kernel refuses the CPUID leaves of -cpu %s for vCPU %u", cpu->model->name, v->index);
        ok = false;
    }
    g_free(t);
    return ok;
}

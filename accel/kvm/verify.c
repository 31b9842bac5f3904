/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -accel kvm,verify=on: whenever the machine goes on after a pause, the state that was put back is read again and compared with
 * what had been read, byte for byte.  A difference is an error of the conversion (or somebody changed registers
 * during the pause).  For tests.  vCPU's thread, big lock.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"

typedef struct KvmSnapshot {
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_xcrs xcrs;
    struct kvm_debugregs debugregs;
    struct kvm_vcpu_events events;
    struct kvm_mp_state mp_state;
    struct kvm_lapic_state lapic;
    uint8_t *xsave;
    uint64_t *msrs;
    bool full;
} KvmSnapshot;

/* Registers that move by themselves while nothing runs: the APIC's IRR, its current count; clocks among the MSRs. */
enum { LAPIC_IRR = 0x200, LAPIC_IRR_END = 0x280, LAPIC_COUNT = 0x390 };
static const uint32_t verify_moving[] = { 0x10, 0x40000010, 0x40000020, 0xe7, 0xe8, 0x4b564d01, 0x12 };

static void verify_read(Vcpu *v, KvmSnapshot *s)
{
    KvmVcpu *k = kvm_vcpu(v);
    unsigned long request = kvm.xsave_size > sizeof(struct kvm_xsave) ? KVM_GET_XSAVE2 : KVM_GET_XSAVE;
    memset(s->xsave, 0, kvm.xsave_size);
    kvm_ioctl(k->fd, KVM_GET_REGS, &s->regs);
    kvm_ioctl(k->fd, KVM_GET_SREGS, &s->sregs);
    kvm_ioctl(k->fd, KVM_GET_XCRS, &s->xcrs);
    kvm_ioctl(k->fd, KVM_GET_DEBUGREGS, &s->debugregs);
    kvm_ioctl(k->fd, KVM_GET_MP_STATE, &s->mp_state);
    kvm_ioctl(k->fd, KVM_GET_VCPU_EVENTS, &s->events);
    kvm_ioctl(k->fd, request, s->xsave);
    if (kvm.irqchip != KVM_IRQCHIP_OFF) {
        kvm_ioctl(k->fd, KVM_GET_LAPIC, &s->lapic);
    }
    for (unsigned i = 0; i < k->msr_count; i++) {
        struct {
            struct kvm_msrs head;
            struct kvm_msr_entry entry;
        } m = { .head = { .nmsrs = 1 }, .entry = { .index = k->msrs[i].index } };
        kvm_ioctl(k->fd, KVM_GET_MSRS, &m);
        s->msrs[i] = m.entry.data;
    }
}

static KvmSnapshot *verify_new(const KvmVcpu *k)
{
    KvmSnapshot *s = g_new0(KvmSnapshot, 1);
    s->xsave = aligned_alloc(4096, align_up(kvm.xsave_size, 4096));
    s->msrs = g_new0(uint64_t, k->msr_count);
    return s;
}

void kvm_verify_free(KvmVcpu *k)
{
    if (k->verify) {
        free(k->verify->xsave);
        g_free(k->verify->msrs);
        g_free(k->verify);
    }
}

void kvm_verify_take(Vcpu *v)
{
    KvmVcpu *k = kvm_vcpu(v);
    if (!k->verify) {
        k->verify = verify_new(k);
    }
    verify_read(v, k->verify);
    k->verify->full = true;
}

void kvm_verify_drop(Vcpu *v)
{
    if (kvm_vcpu(v)->verify) {
        kvm_vcpu(v)->verify->full = false;
    }
}

static void verify_report(const Vcpu *v, const char *what, unsigned at, uint64_t was, uint64_t is)
{
    error_report("kvm: verify: CPU %u: %s 0x%x was 0x%" PRIx64 " and is 0x%" PRIx64, v->index, what, at, was, is);
}

static void verify_bytes(const Vcpu *v, const char *what, const void *was, const void *is, size_t size)
{
    for (size_t i = 0; i + 8 <= size; i += 8) {
        uint64_t a = ld_le64((const uint8_t *)was + i), b = ld_le64((const uint8_t *)is + i);
        if (a != b) {
            verify_report(v, what, (unsigned)i, a, b);
        }
    }
}

/* Not what moves; and of the extended state what counts: an unused component may hold anything. */
static void verify_level(const Vcpu *v, KvmSnapshot *was, KvmSnapshot *is)
{
    const KvmVcpu *k = kvm_vcpu((Vcpu *)(uintptr_t)v);
    memset(was->lapic.regs + LAPIC_IRR, 0, LAPIC_IRR_END - LAPIC_IRR);
    memset(is->lapic.regs + LAPIC_IRR, 0, LAPIC_IRR_END - LAPIC_IRR);
    memset(was->lapic.regs + LAPIC_COUNT, 0, 4);
    memset(is->lapic.regs + LAPIC_COUNT, 0, 4);
    for (unsigned i = 0; i < k->msr_count; i++) {
        for (unsigned n = 0; n < G_N_ELEMENTS(verify_moving); n++) {
            if (k->msrs[i].index == verify_moving[n]) {
                was->msrs[i] = is->msrs[i];
            }
        }
    }
    memset(was->xsave + 512, 0, 64); /* which components are in use: at least as many */
    memset(is->xsave + 512, 0, 64);
    memset(was->xsave + 464, 0, 48); /* reserved for software */
    memset(is->xsave + 464, 0, 48);
    was->events.flags = is->events.flags = 0; /* what is valid, not what it is */
}

void kvm_verify_compare(Vcpu *v)
{
    KvmVcpu *k = kvm_vcpu(v);
    KvmSnapshot *was = k->verify;
    if (!was || !was->full) {
        return;
    }
    KvmSnapshot *is = verify_new(k);
    verify_read(v, is);
    verify_level(v, was, is);
    verify_bytes(v, "regs", &was->regs, &is->regs, sizeof(is->regs));
    verify_bytes(v, "sregs", &was->sregs, &is->sregs, sizeof(is->sregs));
    verify_bytes(v, "xcrs", &was->xcrs, &is->xcrs, sizeof(is->xcrs));
    verify_bytes(v, "debugregs", &was->debugregs, &is->debugregs, sizeof(is->debugregs));
    verify_bytes(v, "events", &was->events, &is->events, sizeof(is->events));
    verify_bytes(v, "lapic", &was->lapic, &is->lapic, sizeof(is->lapic));
    verify_bytes(v, "xsave", was->xsave, is->xsave, kvm.xsave_size);
    if (was->mp_state.mp_state != is->mp_state.mp_state) {
        verify_report(v, "mp_state", 0, was->mp_state.mp_state, is->mp_state.mp_state);
    }
    for (unsigned i = 0; i < k->msr_count; i++) {
        if (was->msrs[i] != is->msrs[i]) {
            verify_report(v, "MSR", k->msrs[i].index, was->msrs[i], is->msrs[i]);
        }
    }
    KvmVcpu tmp = { .verify = is };
    kvm_verify_free(&tmp);
    was->full = false;
    info_report("kvm: verify: CPU %u: compared", v->index);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's state on its way between the kernel and X86Cpu: registers, segments and control registers, debug registers,
 * pending events, halts.  Fetched when the vCPU parks, put back when it runs again.  vCPU's thread (or before it has one), big
 * lock.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"
#include "target/i386/flags.h"
#include "target/i386/seg.h"

#include <sys/ioctl.h>

/* ---- general registers ---- */

static void regs_get(Vcpu *v, X86Cpu *cpu)
{
    struct kvm_regs r = { 0 };
    if (kvm_ioctl(kvm_vcpu(v)->fd, KVM_GET_REGS, &r) < 0) {
        kvm_broken(v, "cannot read registers");
        return;
    }
    const uint64_t in_order[16] = { r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11, r.r12,
                                    r.r13, r.r14, r.r15 };
    memcpy(cpu->regs, in_order, sizeof(in_order));
    cpu->regs[R_RIP] = r.rip;
    cpu->eflags = ((uint32_t)r.rflags & ~(uint32_t)FL_ARITH) | 2;
    flags_set(cpu, (uint32_t)r.rflags & FL_ARITH);
}

static void regs_put(Vcpu *v, X86Cpu *cpu)
{
    const uint64_t *g = cpu->regs;
    struct kvm_regs r = {
        .rax = g[R_RAX], .rbx = g[R_RBX], .rcx = g[R_RCX], .rdx = g[R_RDX], .rsi = g[R_RSI], .rdi = g[R_RDI], .rsp = g[R_RSP],
        .rbp = g[R_RBP], .r8 = g[R_R8], .r9 = g[R_R9], .r10 = g[R_R10], .r11 = g[R_R11], .r12 = g[R_R12], .r13 = g[R_R13],
        .r14 = g[R_R14], .r15 = g[R_R15], .rip = g[R_RIP], .rflags = x86_get_rflags(cpu),
    };
    if (kvm_ioctl(kvm_vcpu(v)->fd, KVM_SET_REGS, &r) < 0) {
        kvm_broken(v, "cannot set registers");
    }
}

/* A device wants registers, or gives some: nothing else moves. */
void kvm_registers_get(Vcpu *v)
{
    regs_get(v, x86_cpu(v));
}

void kvm_registers_put(Vcpu *v)
{
    regs_put(v, x86_cpu(v));
}

/* ---- segments and control registers ---- */

static X86Seg seg_from_kvm(const struct kvm_segment *s)
{
    return (X86Seg){
        .sel = s->selector,
        .base = s->base,
        .limit = s->limit,
        .attr = (uint32_t)(s->type & 15) << 8 | (uint32_t)(s->s & 1) << 12 | (uint32_t)(s->dpl & 3) << SEG_DPL_SHIFT |
                (uint32_t)(s->present && !s->unusable) << 15 | (uint32_t)(s->avl & 1) << 20 | (uint32_t)(s->l & 1) << 21 |
                (uint32_t)(s->db & 1) << 22 | (uint32_t)(s->g & 1) << 23,
    };
}

static struct kvm_segment seg_to_kvm(const X86Seg *s)
{
    return (struct kvm_segment){
        .selector = s->sel,
        .base = s->base,
        .limit = s->limit,
        .type = s->attr >> 8 & 15,
        .s = s->attr >> 12 & 1,
        .dpl = s->attr >> SEG_DPL_SHIFT & 3,
        .present = s->attr >> 15 & 1,
        .avl = s->attr >> 20 & 1,
        .l = s->attr >> 21 & 1,
        .db = s->attr >> 22 & 1,
        .g = s->attr >> 23 & 1,
        .unusable = !(s->attr & SEG_P),
    };
}

/* The privilege level: the stack segment's, whatever the selectors say. */
static uint8_t sregs_cpl(const X86Cpu *cpu)
{
    if (!(cpu->cr0 & CR0_PE)) {
        return 0;
    }
    return cpu->eflags & FL_VM ? 3 : (uint8_t)(cpu->seg[SEG_SS].attr >> SEG_DPL_SHIFT & 3);
}

static void sregs_get(Vcpu *v, X86Cpu *cpu)
{
    struct kvm_sregs s;
    const VcpuIntc *intc = v->intc;
    if (kvm_ioctl(kvm_vcpu(v)->fd, KVM_GET_SREGS, &s) < 0) {
        kvm_broken(v, "cannot read system registers");
        return;
    }
    const struct kvm_segment *const segs[SEG_COUNT] = {
        [SEG_ES] = &s.es, [SEG_CS] = &s.cs, [SEG_SS] = &s.ss, [SEG_DS] = &s.ds, [SEG_FS] = &s.fs, [SEG_GS] = &s.gs,
        [SEG_LDTR] = &s.ldt, [SEG_TR] = &s.tr,
    };
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        cpu->seg[i] = seg_from_kvm(segs[i]);
    }
    cpu->gdt.base = s.gdt.base;
    cpu->gdt.limit = s.gdt.limit;
    cpu->idt.base = s.idt.base;
    cpu->idt.limit = s.idt.limit;
    cpu->cr0 = s.cr0;
    cpu->cr2 = s.cr2;
    cpu->cr3 = s.cr3;
    cpu->cr4 = s.cr4;
    cpu->cr8_shadow = s.cr8;
    cpu->efer = s.efer;
    cpu->cpl = sregs_cpl(cpu);
    if (kvm.irqchip == KVM_IRQCHIP_OFF && intc && intc->get_tpr(intc->opaque) >> 4 != s.cr8) {
        intc->set_tpr(intc->opaque, (uint8_t)(s.cr8 << 4));
    }
}

/* PAE paging keeps four entries in the processor; the walker of the monitor and of a debugger wants them too. */
static void sregs_get_pdptrs(X86Cpu *cpu)
{
    bool pae = (cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !(cpu->efer & EFER_LMA);
    for (unsigned i = 0; i < 4 && pae; i++) {
        uint8_t raw[8];
        if (address_space_read(cpu->vcpu.as_mem, (cpu->cr3 & 0xffffffe0u) + i * 8, raw, sizeof(raw)) == MEM_OK) {
            cpu->pdpte[i] = ld_le64(raw);
        }
    }
}

static void sregs_put(Vcpu *v, X86Cpu *cpu)
{
    KvmVcpu *k = kvm_vcpu(v);
    const VcpuIntc *intc = v->intc;
    struct kvm_sregs s = {
        .es = seg_to_kvm(&cpu->seg[SEG_ES]), .cs = seg_to_kvm(&cpu->seg[SEG_CS]), .ss = seg_to_kvm(&cpu->seg[SEG_SS]),
        .ds = seg_to_kvm(&cpu->seg[SEG_DS]), .fs = seg_to_kvm(&cpu->seg[SEG_FS]), .gs = seg_to_kvm(&cpu->seg[SEG_GS]),
        .ldt = seg_to_kvm(&cpu->seg[SEG_LDTR]), .tr = seg_to_kvm(&cpu->seg[SEG_TR]),
        .gdt = { .base = cpu->gdt.base, .limit = cpu->gdt.limit }, .idt = { .base = cpu->idt.base, .limit = cpu->idt.limit },
        .cr0 = cpu->cr0, .cr2 = cpu->cr2, .cr3 = cpu->cr3, .cr4 = cpu->cr4, .efer = cpu->efer,
        .cr8 = intc && kvm.irqchip == KVM_IRQCHIP_OFF ? intc->get_tpr(intc->opaque) >> 4 : cpu->cr8_shadow,
        .apic_base = intc ? intc->get_base(intc->opaque) : 0,
    };
    if (cpu->eflags & FL_VM) { /* KVM wants what the manual says, also where the guest left rubbish in attributes */
        struct kvm_segment *const segs[] = { &s.es, &s.cs, &s.ss, &s.ds, &s.fs, &s.gs };
        for (unsigned i = 0; i < G_N_ELEMENTS(segs); i++) {
            *segs[i] = (struct kvm_segment){ .selector = segs[i]->selector, .base = segs[i]->base, .limit = 0xffff, .type = 3,
                                             .s = 1, .dpl = 3, .present = 1 };
        }
    }
    /* An interrupt that was on its way into the guest, but not an exception, rides here. */
    if (k->events.interrupt.injected) {
        s.interrupt_bitmap[k->events.interrupt.nr / 64] |= (uint64_t)1 << (k->events.interrupt.nr & 63);
    }
    if (kvm_ioctl(k->fd, KVM_SET_SREGS, &s) < 0) {
        kvm_broken(v, "cannot set system registers");
    }
}

static void xcrs_get(Vcpu *v, X86Cpu *cpu)
{
    struct kvm_xcrs x = { 0 };
    if (kvm_ioctl(kvm_vcpu(v)->fd, KVM_GET_XCRS, &x) < 0) {
        return; /* no XSAVE */
    }
    for (unsigned i = 0; i < MIN(x.nr_xcrs, (unsigned)KVM_MAX_XCRS); i++) {
        if (x.xcrs[i].xcr == 0) {
            cpu->xcr0 = x.xcrs[i].value;
        }
    }
}

static void xcrs_put(Vcpu *v, X86Cpu *cpu)
{
    struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs = { { .xcr = 0, .value = cpu->xcr0 | 1 } } };
    if (kvm_ioctl(kvm_vcpu(v)->fd, KVM_SET_XCRS, &x) < 0 && (cpu->cr4 & CR4_OSXSAVE)) {
        kvm_broken(v, "cannot set XCR0");
    }
}

/* ---- debug registers ---- */

static void debugregs_get(Vcpu *v, X86Cpu *cpu)
{
    struct kvm_debugregs d;
    if (kvm_ioctl(kvm_vcpu(v)->fd, KVM_GET_DEBUGREGS, &d) < 0) {
        kvm_broken(v, "cannot read debug registers");
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        cpu->dr[i] = d.db[i];
    }
    cpu->dr[6] = d.dr6;
    cpu->dr[7] = d.dr7;
}

static void debugregs_put(Vcpu *v, X86Cpu *cpu)
{
    struct kvm_debugregs d = { .db = { cpu->dr[0], cpu->dr[1], cpu->dr[2], cpu->dr[3] }, .dr6 = cpu->dr[6], .dr7 = cpu->dr[7] };
    if (kvm_ioctl(kvm_vcpu(v)->fd, KVM_SET_DEBUGREGS, &d) < 0) {
        kvm_broken(v, "cannot set debug registers");
    }
}

/* ---- events ---- */

static void events_get(Vcpu *v, X86Cpu *cpu)
{
    struct kvm_vcpu_events *e = &kvm_vcpu(v)->events;
    memset(e, 0, sizeof(*e));
    if (kvm_ioctl(kvm_vcpu(v)->fd, KVM_GET_VCPU_EVENTS, e) < 0) {
        kvm_broken(v, "cannot read pending events");
        return;
    }
    cpu->nmi_blocked = e->nmi.masked;
    cpu->int_shadow = e->interrupt.shadow != 0;
    cpu->smm = (e->flags & KVM_VCPUEVENT_VALID_SMM) && e->smi.smm;
}

static void events_put(Vcpu *v, X86Cpu *cpu)
{
    struct kvm_vcpu_events *e = &kvm_vcpu(v)->events;
    e->nmi.masked = cpu->nmi_blocked;
    if (cpu->int_shadow != (e->interrupt.shadow != 0)) {
        e->interrupt.shadow = cpu->int_shadow ? KVM_X86_SHADOW_INT_STI : 0;
    }
    e->flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
    if (kvm.has_smm) {
        e->flags |= KVM_VCPUEVENT_VALID_SMM;
        e->smi.smm = cpu->smm;
    }
    if (!kvm.has_triple_fault) {
        e->flags &= ~(uint32_t)KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
    }
    if (kvm_ioctl(kvm_vcpu(v)->fd, KVM_SET_VCPU_EVENTS, e) < 0) {
        kvm_broken(v, "cannot set pending events");
    }
}

/* With local APICs in the kernel it knows who halts and who waits for a start-up message. */
static void mp_state_get(Vcpu *v, X86Cpu *cpu)
{
    struct kvm_mp_state m = { 0 };
    if (kvm.irqchip == KVM_IRQCHIP_OFF) {
        return;
    }
    if (kvm_ioctl(kvm_vcpu(v)->fd, KVM_GET_MP_STATE, &m) < 0) {
        kvm_broken(v, "cannot read whether it halts");
        return;
    }
    cpu->wait_sipi = m.mp_state == KVM_MP_STATE_UNINITIALIZED || m.mp_state == KVM_MP_STATE_INIT_RECEIVED;
    atomic_store(&v->halted, cpu->wait_sipi || m.mp_state == KVM_MP_STATE_HALTED);
}

static void mp_state_put(Vcpu *v, X86Cpu *cpu)
{
    struct kvm_mp_state m = {
        .mp_state = cpu->wait_sipi ? (kvm_vcpu(v)->events.smi.latched_init ? KVM_MP_STATE_INIT_RECEIVED : KVM_MP_STATE_UNINITIALIZED) :
                    atomic_load(&v->halted) ? KVM_MP_STATE_HALTED : KVM_MP_STATE_RUNNABLE,
    };
    if (kvm.irqchip == KVM_IRQCHIP_OFF) {
        m.mp_state = KVM_MP_STATE_RUNNABLE;
    }
    if (kvm_ioctl(kvm_vcpu(v)->fd, KVM_SET_MP_STATE, &m) < 0 && kvm.irqchip != KVM_IRQCHIP_OFF) {
        kvm_broken(v, "cannot set whether it halts");
    }
}

/* A guest that is a hypervisor itself: what its guest is doing, as the kernel wraps it up. */
static void nested_get(Vcpu *v)
{
    KvmVcpu *k = kvm_vcpu(v);
    if (!kvm.nested_size) {
        return;
    }
    if (!k->nested) {
        k->nested = g_malloc0(kvm.nested_size);
    }
    struct kvm_nested_state *n = (struct kvm_nested_state *)(void *)k->nested;
    n->size = (uint32_t)kvm.nested_size;
    if (kvm_ioctl(k->fd, KVM_GET_NESTED_STATE, n) < 0) {
        g_free(k->nested);
        k->nested = NULL;
    }
}

static void nested_put(Vcpu *v, bool reset)
{
    KvmVcpu *k = kvm_vcpu(v);
    struct kvm_nested_state *n = (struct kvm_nested_state *)(void *)k->nested;
    if (!n) {
        return;
    }
    if (reset) {
        uint16_t format = n->format;
        memset(n, 0, kvm.nested_size);
        n->size = sizeof(*n);
        n->format = format;
        if (format == KVM_STATE_NESTED_FORMAT_SVM) {
            n->flags = KVM_STATE_NESTED_GIF_SET;
        } else {
            n->hdr.vmx.vmxon_pa = n->hdr.vmx.vmcs12_pa = UINT64_MAX;
        }
    }
    if (kvm_ioctl(k->fd, KVM_SET_NESTED_STATE, n) < 0) {
        kvm_broken(v, "cannot set the state of nested virtualization");
    }
}

/* ---- all of it ---- */

void kvm_state_get(Vcpu *v)
{
    X86Cpu *cpu = x86_cpu(v);
    regs_get(v, cpu);
    sregs_get(v, cpu);
    sregs_get_pdptrs(cpu);
    xcrs_get(v, cpu);
    kvm_xsave_get(v);
    debugregs_get(v, cpu);
    mp_state_get(v, cpu); /* takes INIT and SIPI that wait; so before the events */
    events_get(v, cpu);
    kvm_lapic_get(v);
    kvm_msrs_get(v);
    nested_get(v);
    x86_update_mode(cpu);
    if (kvm.verify) {
        kvm_verify_take(v);
    }
}

static bool state_nested_active(Vcpu *v)
{
    KvmVcpu *k = kvm_vcpu(v);
    return k->nested && (((struct kvm_nested_state *)(void *)k->nested)->flags & KVM_STATE_NESTED_GUEST_MODE);
}

void kvm_state_put(Vcpu *v)
{
    X86Cpu *cpu = x86_cpu(v);
    KvmVcpu *k = kvm_vcpu(v);
    bool reset = v->was_reset;
    if (reset) {
        memset(&k->events, 0, sizeof(k->events));
        if (state_nested_active(v)) {
            nested_put(v, true);
        }
    }
    sregs_put(v, cpu);
    regs_put(v, cpu);
    xcrs_put(v, cpu);
    kvm_xsave_put(v, reset);
    kvm_lapic_put(v, reset);
    kvm_msrs_put(v, reset);
    debugregs_put(v, cpu);
    if (!reset && state_nested_active(v)) {
        nested_put(v, false);
    }
    mp_state_put(v, cpu);
    events_put(v, cpu);
    kvm_debug_before_run(v);
    if (kvm.verify && !reset) {
        kvm_verify_compare(v);
    }
}

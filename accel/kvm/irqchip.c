/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt controllers in the kernel: creation, interrupt lines and messages, routes, and their registers on the way between
 * the kernel and the models in hw/ (system/irqchip.h).  kernel-irqchip=on has all of them there, split the local APICs only, off
 * none.  Lines and messages are in
 * routes.c.  Big lock.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"
#include "util/timer.h"

#include <sys/ioctl.h>

static struct {
    void (*eoi)(void *opaque, uint8_t vector);
    void *eoi_opaque;
} chip;

static void chip_failed(const char *what)
{
    error_report("kvm: %s: %s", what, g_strerror(errno));
}

/* ---- lines and messages ---- */

static void chip_set_gsi(unsigned gsi, int level)
{
    struct kvm_irq_level l = { .irq = gsi, .level = level != 0 };
    if (kvm_ioctl(kvm.vm, KVM_IRQ_LINE, &l) < 0) {
        chip_failed("cannot set an interrupt line");
    }
}

static void chip_send_msi(uint64_t addr, uint32_t data)
{
    struct kvm_msi m = { .address_lo = (uint32_t)addr, .address_hi = (uint32_t)(addr >> 32), .data = data };
    kvm_ioctl(kvm.vm, KVM_SIGNAL_MSI, &m); /* fails when no local APIC takes it: as on the bus, nobody is told */
}

/* Split: the kernel learns from these whose end-of-interrupt we want to hear of. */
static void chip_route_pin(unsigned pin, uint64_t addr, uint32_t data)
{
    if (!kvm_route_pin(pin, addr, data)) {
        chip_failed("cannot set the routes of the I/O APIC");
    }
}

static void chip_set_eoi(void (*eoi)(void *opaque, uint8_t vector), void *opaque)
{
    chip.eoi = eoi;
    chip.eoi_opaque = opaque;
}

void kvm_irqchip_eoi(uint8_t vector)
{
    if (chip.eoi) {
        kvm_routes_ended(vector);
        chip.eoi(chip.eoi_opaque, vector);
    }
}

/* ---- PIC and I/O APIC ---- */

static void chip_pic_get(unsigned n, IrqchipPic *s)
{
    struct kvm_irqchip c = { .chip_id = n };
    if (kvm_ioctl(kvm.vm, KVM_GET_IRQCHIP, &c) < 0) {
        chip_failed("cannot read the PIC");
    }
    const struct kvm_pic_state *p = &c.chip.pic;
    *s = (IrqchipPic){
        .lines = p->last_irr, .irr = p->irr, .isr = p->isr, .imr = p->imr, .elcr = p->elcr, .highest = p->priority_add & 7,
        .vector_base = p->irq_base, .init_state = p->init_state & 3, .init4 = p->init4 != 0, .read_isr = p->read_reg_select != 0,
        .poll = p->poll != 0, .special_mask = p->special_mask != 0, .auto_eoi = p->auto_eoi != 0,
        .rotate_on_aeoi = p->rotate_on_auto_eoi != 0, .nested_fully = p->special_fully_nested_mode != 0,
    };
}

static void chip_pic_put(unsigned n, const IrqchipPic *s)
{
    struct kvm_irqchip c = { .chip_id = n };
    c.chip.pic = (struct kvm_pic_state){
        .last_irr = s->lines, .irr = s->irr, .isr = s->isr, .imr = s->imr, .elcr = s->elcr, .elcr_mask = n == 0 ? 0xf8 : 0xde,
        .priority_add = s->highest, .irq_base = s->vector_base, .init_state = s->init_state, .init4 = s->init4,
        .read_reg_select = s->read_isr, .poll = s->poll, .special_mask = s->special_mask, .auto_eoi = s->auto_eoi,
        .rotate_on_auto_eoi = s->rotate_on_aeoi, .special_fully_nested_mode = s->nested_fully,
    };
    if (kvm_ioctl(kvm.vm, KVM_SET_IRQCHIP, &c) < 0) {
        chip_failed("cannot set the PIC");
    }
}

static void chip_ioapic_get(IrqchipIoapic *s)
{
    struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };
    if (kvm_ioctl(kvm.vm, KVM_GET_IRQCHIP, &c) < 0) {
        chip_failed("cannot read the I/O APIC");
    }
    const struct kvm_ioapic_state *p = &c.chip.ioapic;
    s->id = p->id & 15;
    s->select = (uint8_t)p->ioregsel;
    s->lines = p->irr & ((1u << IRQCHIP_PINS) - 1);
    for (unsigned i = 0; i < IRQCHIP_PINS; i++) {
        s->rte[i] = p->redirtbl[i].bits;
    }
}

static void chip_ioapic_put(const IrqchipIoapic *s)
{
    struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };
    struct kvm_ioapic_state *p = &c.chip.ioapic;
    p->base_address = 0xfec00000;
    p->id = s->id;
    p->ioregsel = s->select;
    p->irr = s->lines;
    for (unsigned i = 0; i < IRQCHIP_PINS; i++) {
        p->redirtbl[i].bits = s->rte[i];
    }
    if (kvm_ioctl(kvm.vm, KVM_SET_IRQCHIP, &c) < 0) {
        chip_failed("cannot set the I/O APIC");
    }
}

/* ---- PIT ---- */

/* The kernel notes times of the host's monotonic clock, we those of the machine's. */
static int64_t chip_clock_offset(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - clock_ns(CLOCK_KIND_VIRTUAL);
}

static bool chip_pit_read(struct kvm_pit_state2 *p)
{
    if (kvm_ioctl(kvm.vm, KVM_GET_PIT2, p) < 0) {
        chip_failed("cannot read the PIT");
        return false;
    }
    return true;
}

static void chip_pit_write(struct kvm_pit_state2 *p)
{
    if (kvm_ioctl(kvm.vm, KVM_SET_PIT2, p) < 0) {
        chip_failed("cannot set the PIT");
    }
}

static void chip_pit_get(IrqchipPit *s)
{
    struct kvm_pit_state2 p = { 0 };
    int64_t offset = chip_clock_offset();
    chip_pit_read(&p);
    for (unsigned i = 0; i < 3; i++) {
        const struct kvm_pit_channel_state *c = &p.channels[i];
        s->c[i] = (IrqchipPitCounter){
            .count = c->count, .latch = c->latched_count, .latched = c->count_latched, .status_latched = c->status_latched,
            .status = c->status, .read_state = c->read_state, .write_state = c->write_state, .write_lsb = c->write_latch,
            .rw = c->rw_mode, .mode = c->mode, .bcd = c->bcd != 0, .gate = c->gate != 0, .loaded_ns = c->count_load_time - offset,
        };
    }
}

static void chip_pit_put(const IrqchipPit *s)
{
    struct kvm_pit_state2 p = { 0 };
    int64_t offset = chip_clock_offset();
    if (!chip_pit_read(&p)) { /* its flags stay */
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        const IrqchipPitCounter *c = &s->c[i];
        p.channels[i] = (struct kvm_pit_channel_state){
            .count = c->count, .latched_count = c->latch, .count_latched = c->latched, .status_latched = c->status_latched,
            .status = c->status, .read_state = c->read_state, .write_state = c->write_state, .write_latch = c->write_lsb,
            .rw_mode = c->rw, .mode = c->mode, .bcd = c->bcd, .gate = c->gate, .count_load_time = c->loaded_ns + offset,
        };
    }
    chip_pit_write(&p);
}

static void chip_pit_silence(bool silent)
{
    struct kvm_pit_state2 p = { 0 };
    if (chip_pit_read(&p)) {
        p.flags = silent ? p.flags | KVM_PIT_FLAGS_HPET_LEGACY : p.flags & ~KVM_PIT_FLAGS_HPET_LEGACY;
        chip_pit_write(&p);
    }
}

static void chip_pit_reinject(bool reinject)
{
    struct kvm_reinject_control r = { .pit_reinject = reinject };
    if (kvm_ioctl(kvm.vm, KVM_REINJECT_CONTROL, &r) < 0) {
        chip_failed("cannot choose what becomes of lost ticks");
    }
}

/* ---- local APICs ---- */

static uint32_t lapic_reg(const struct kvm_lapic_state *s, unsigned reg)
{
    return ld_le32(s->regs + reg * 16);
}

static void lapic_set(struct kvm_lapic_state *s, unsigned reg, uint32_t val)
{
    st_le32(s->regs + reg * 16, val);
}

enum { LAPIC_ID = 2, LAPIC_VERSION = 3, LAPIC_TPR = 8, LAPIC_LDR = 13, LAPIC_DFR = 14, LAPIC_SVR = 15, LAPIC_ISR = 16,
       LAPIC_TMR = 24, LAPIC_IRR = 32, LAPIC_ESR = 40, LAPIC_ICR = 48, LAPIC_ICR_HIGH = 49, LAPIC_TIMER = 50, LAPIC_TICR = 56,
       LAPIC_TCCR = 57, LAPIC_DCR = 62 };
/* Local vectors in our order (the registers' own: timer, thermal, performance, LINT0, LINT1, error). */
enum { LAPIC_VECTORS = 6, MSR_DEADLINE = 0x6e0 };

static uint64_t lapic_deadline(int fd, unsigned long request, uint64_t val)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } m = { .head = { .nmsrs = 1 }, .entry = { .index = MSR_DEADLINE, .data = val } };
    return kvm_ioctl(fd, request, &m) == 1 ? m.entry.data : 0;
}

void kvm_lapic_get(Vcpu *v)
{
    struct kvm_lapic_state s;
    struct kvm_sregs sregs;
    const VcpuIntc *intc = v->intc;
    int fd = kvm_vcpu(v)->fd;
    if (kvm.irqchip == KVM_IRQCHIP_OFF || !intc || !intc->take) {
        return;
    }
    if (kvm_ioctl(fd, KVM_GET_LAPIC, &s) < 0 || kvm_ioctl(fd, KVM_GET_SREGS, &sregs) < 0) {
        kvm_broken(v, "cannot read the local APIC");
        return;
    }
    IrqchipLapic l = {
        .base = sregs.apic_base, .id = lapic_reg(&s, LAPIC_ID) >> 24, .tpr = lapic_reg(&s, LAPIC_TPR),
        .ldr = lapic_reg(&s, LAPIC_LDR), .dfr = lapic_reg(&s, LAPIC_DFR), .svr = lapic_reg(&s, LAPIC_SVR),
        .esr = lapic_reg(&s, LAPIC_ESR), .icr = lapic_reg(&s, LAPIC_ICR) | (uint64_t)lapic_reg(&s, LAPIC_ICR_HIGH) << 32,
        .initial_count = lapic_reg(&s, LAPIC_TICR), .current_count = lapic_reg(&s, LAPIC_TCCR), .divide = lapic_reg(&s, LAPIC_DCR),
        .deadline = lapic_deadline(fd, KVM_GET_MSRS, 0),
    };
    for (unsigned i = 0; i < 8; i++) {
        l.isr[i] = lapic_reg(&s, LAPIC_ISR + i);
        l.tmr[i] = lapic_reg(&s, LAPIC_TMR + i);
        l.irr[i] = lapic_reg(&s, LAPIC_IRR + i);
    }
    for (unsigned i = 0; i < LAPIC_VECTORS; i++) {
        l.lvt[i] = lapic_reg(&s, LAPIC_TIMER + i);
    }
    intc->take(intc->opaque, &l);
}

void kvm_lapic_put(Vcpu *v, bool reset)
{
    struct kvm_lapic_state s = { { 0 } };
    IrqchipLapic l;
    const VcpuIntc *intc = v->intc;
    int fd = kvm_vcpu(v)->fd;
    if (kvm.irqchip == KVM_IRQCHIP_OFF || !intc || !intc->give || (!intc->give(intc->opaque, &l) && !reset)) {
        return;
    }
    kvm_ioctl(fd, KVM_GET_LAPIC, &s); /* the version and what is reserved stay */
    lapic_set(&s, LAPIC_ID, l.id << 24);
    lapic_set(&s, LAPIC_TPR, l.tpr);
    lapic_set(&s, LAPIC_LDR, l.ldr);
    lapic_set(&s, LAPIC_DFR, l.dfr);
    lapic_set(&s, LAPIC_SVR, l.svr);
    lapic_set(&s, LAPIC_ESR, l.esr);
    lapic_set(&s, LAPIC_ICR, (uint32_t)l.icr);
    lapic_set(&s, LAPIC_ICR_HIGH, (uint32_t)(l.icr >> 32));
    lapic_set(&s, LAPIC_TICR, l.initial_count);
    lapic_set(&s, LAPIC_TCCR, l.current_count);
    lapic_set(&s, LAPIC_DCR, l.divide);
    for (unsigned i = 0; i < 8; i++) {
        lapic_set(&s, LAPIC_ISR + i, l.isr[i]);
        lapic_set(&s, LAPIC_TMR + i, l.tmr[i]);
        lapic_set(&s, LAPIC_IRR + i, l.irr[i]);
    }
    for (unsigned i = 0; i < LAPIC_VECTORS; i++) {
        lapic_set(&s, LAPIC_TIMER + i, l.lvt[i]);
    }
    if (kvm_ioctl(fd, KVM_SET_LAPIC, &s) < 0) {
        kvm_broken(v, "cannot set the local APIC");
    }
    if (l.deadline) {
        lapic_deadline(fd, KVM_SET_MSRS, l.deadline);
    }
}

/* ---- creation ---- */

static bool chip_create_all(Error **errp)
{
    struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
    if (ioctl(kvm.vm, KVM_CREATE_IRQCHIP, NULL) < 0 || kvm_ioctl(kvm.vm, KVM_CREATE_PIT2, &pit) < 0 || !kvm_routes_of_controllers()) {
        error_set_errno(errp, errno, "kernel-irqchip=on: the kernel does not make the interrupt controllers");
        error_add_hint(errp, "kernel-irqchip=off has them in user space.");
        return false;
    }
    return true;
}

static bool chip_create_split(Error **errp)
{
    if (!kvm_check(KVM_CAP_SPLIT_IRQCHIP) || !kvm_enable(KVM_CAP_SPLIT_IRQCHIP, KVM_SPLIT_PINS)) {
        error_set(errp, "kernel-irqchip=split: this kernel does not do that");
        error_add_hint(errp, "kernel-irqchip=on and off are the others.");
        return false;
    }
    kvm_routes_of_pins();
    return true;
}

bool kvm_irqchip_init(KvmIrqchip want, Error **errp)
{
#define MESSAGES \
    .send_msi = chip_send_msi, .msi_route_add = kvm_msi_route_add, .msi_route_set = kvm_msi_route_set, \
    .msi_route_remove = kvm_msi_route_remove, .msi_route_attach = kvm_msi_route_attach, .set_eoi = chip_set_eoi
    static const IrqchipOps all = {
        .all = true, .set_gsi = chip_set_gsi, .pic_get = chip_pic_get, .pic_put = chip_pic_put,
        .ioapic_get = chip_ioapic_get, .ioapic_put = chip_ioapic_put, .pit_get = chip_pit_get, .pit_put = chip_pit_put,
        .pit_silence = chip_pit_silence, .pit_reinject = chip_pit_reinject, MESSAGES,
    };
    static const IrqchipOps split = { .route_pin = chip_route_pin, MESSAGES };
#undef MESSAGES
    kvm.irqchip = want;
    if (want == KVM_IRQCHIP_OFF) {
        return true;
    }
    if (want == KVM_IRQCHIP_ON ? !chip_create_all(errp) : !chip_create_split(errp)) {
        return false;
    }
    irqchip_set_kernel(want == KVM_IRQCHIP_ON ? &all : &split);
    return true;
}

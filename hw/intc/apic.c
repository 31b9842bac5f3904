/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local APIC (Intel SDM vol. 3, chapter 11): registers in xAPIC and x2APIC form, local vectors, priorities,
 * acceptance and end of interrupt, IA32_APIC_BASE.
 *
 * Called by its vCPU's thread (VcpuIntc, memory), by messages of the bus and by the timer.  Under the big lock.
 * What is missing: the CMCI local vector (no model reports corrected machine checks) and focus processors
 * (which the SDM removed with the Pentium 4).
 */
#include "util/osdep.h"
#include "hw/intc/apic-int.h"
#include "util/log.h"

/* Bits of each local vector that can be written. */
static const uint32_t apic_lvt_mask[LVT_COUNT] = {
    [LVT_TIMER] = LVT_VECTOR | LVT_MASKED | LVT_TIMER_MODE,
    [LVT_THERMAL] = LVT_VECTOR | LVT_DELIVERY | LVT_MASKED,
    [LVT_PERF] = LVT_VECTOR | LVT_DELIVERY | LVT_MASKED,
    [LVT_LINT0] = LVT_VECTOR | LVT_DELIVERY | 1u << 13 | LVT_LEVEL | LVT_MASKED,
    [LVT_LINT1] = LVT_VECTOR | LVT_DELIVERY | 1u << 13 | LVT_LEVEL | LVT_MASKED,
    [LVT_ERROR] = LVT_VECTOR | LVT_MASKED,
};

/* Sets of 256 vectors. */
static int apic_highest(const uint32_t set[8])
{
    for (int i = 7; i >= 0; i--) {
        if (set[i]) {
            return i * 32 + 31 - __builtin_clz(set[i]);
        }
    }
    return -1;
}

static void apic_set_bit(uint32_t set[8], uint8_t n, bool on)
{
    uint32_t bit = 1u << (n & 31);
    set[n >> 5] = on ? set[n >> 5] | bit : set[n >> 5] & ~bit;
}

static bool apic_bit(const uint32_t set[8], uint8_t n)
{
    return set[n >> 5] >> (n & 31) & 1;
}

uint32_t apic_ppr(const Apic *a)
{
    int serving = apic_highest(a->isr);
    uint32_t class = serving < 0 ? 0 : serving & 0xf0;
    return (a->tpr & 0xf0u) >= class ? a->tpr : class;
}

/* The vector that may be delivered now; -1: none. */
static int apic_deliverable(const Apic *a)
{
    int n = apic_highest(a->irr);
    return n >= 0 && (uint32_t)(n & 0xf0) > (apic_ppr(a) & 0xf0) && apic_software_enabled(a) ? n : -1;
}

static bool apic_ext_wanted(const Apic *a)
{
    if (!apic_enabled(a)) {
        return a->bsp && a->bus->extint; /* without its APIC, the CPU's INTR pin is the PIC's INT */
    }
    return a->ext_pending || (a->bus->extint && (a->lvt[LVT_LINT0] & (LVT_MASKED | LVT_DELIVERY)) == APIC_DM_EXTINT << 8);
}

void apic_update(Apic *a)
{
    if (a->bus->kernel) { /* only the PIC's request passes here, and only when that is not in the kernel too */
        bool pic = a->bsp && a->bus->extint;
        if (pic) {
            vcpu_event_set(a->vcpu, VCPU_EV_INTR);
        } else {
            vcpu_event_clear(a->vcpu, VCPU_EV_INTR);
        }
        return;
    }
    bool wanted = apic_deliverable(a) >= 0 || apic_ext_wanted(a);
    bool is = atomic_load_explicit(&a->vcpu->events, memory_order_relaxed) & (VCPU_EV_INTR | VCPU_EV_INTR_HELD);
    if (wanted && !is) {
        vcpu_event_set(a->vcpu, VCPU_EV_INTR);
    } else if (!wanted && is) {
        vcpu_event_clear(a->vcpu, VCPU_EV_INTR);
    }
}

void apic_error(Apic *a, uint32_t bit)
{
    bool first = !(a->esr_pending & bit);
    a->esr_pending |= bit;
    if (first && bit != ESR_RECEIVE_VECTOR) { /* a bad error vector must not report itself for ever */
        apic_local(a, LVT_ERROR);
    }
}

void apic_accept(Apic *a, uint8_t vector, bool level)
{
    if (!apic_software_enabled(a)) {
        return;
    }
    if (vector < 16) {
        apic_error(a, ESR_RECEIVE_VECTOR);
        return;
    }
    apic_set_bit(a->irr, vector, true);
    apic_set_bit(a->tmr, vector, level);
    apic_update(a);
}

/* Registers as INIT leaves them; the id and the base MSR stay. */
static void apic_init_registers(Apic *a)
{
    timer_del(&a->timer);
    a->tpr = 0;
    a->ldr = 0;
    a->dfr = UINT32_MAX;
    a->svr = 0xff;
    memset(a->isr, 0, sizeof(a->isr));
    memset(a->tmr, 0, sizeof(a->tmr));
    memset(a->irr, 0, sizeof(a->irr));
    a->esr = a->esr_pending = 0;
    a->icr = 0;
    for (unsigned i = 0; i < LVT_COUNT; i++) {
        a->lvt[i] = LVT_MASKED;
    }
    a->initial_count = a->divide = 0;
    a->timer_start = 0;
    a->deadline = 0;
    a->ext_pending = false;
    apic_update(a);
}

void apic_receive(Apic *a, const ApicMsg *msg)
{
    switch (msg->delivery) {
    case APIC_DM_FIXED:
    case APIC_DM_LOWEST:
        apic_accept(a, msg->vector, msg->level);
        break;
    case APIC_DM_SMI:
        vcpu_event_set(a->vcpu, VCPU_EV_SMI);
        break;
    case APIC_DM_NMI:
        vcpu_event_set(a->vcpu, VCPU_EV_NMI);
        break;
    case APIC_DM_INIT:
        apic_init_registers(a);
        vcpu_event_clear(a->vcpu, VCPU_EV_SIPI);
        vcpu_event_set(a->vcpu, VCPU_EV_INIT);
        break;
    case APIC_DM_SIPI:
        a->vcpu->sipi_vector = msg->vector;
        vcpu_event_set(a->vcpu, VCPU_EV_SIPI);
        break;
    case APIC_DM_EXTINT:
        if (apic_software_enabled(a)) {
            a->ext_pending = true;
            apic_update(a);
        }
        break;
    default:
        log_guest(LOG_GUEST_ERROR, "apic: message with reserved delivery mode\n");
        break;
    }
}

void apic_local(Apic *a, unsigned lvt)
{
    uint32_t v = a->lvt[lvt];
    if (v & LVT_MASKED || !apic_enabled(a)) {
        return;
    }
    /* Timer and error vectors have no delivery mode: always fixed. */
    ApicMsg m = { .vector = v & LVT_VECTOR, .delivery = v >> 8 & 7 };
    if (m.delivery == APIC_DM_LOWEST || m.delivery == APIC_DM_SIPI) {
        return; /* not local */
    }
    bool lint = lvt == LVT_LINT0 || lvt == LVT_LINT1;
    if (lint && m.delivery == APIC_DM_FIXED && (v & LVT_LEVEL)) {
        if (v & LVT_REMOTE_IRR) {
            return; /* until its EOI */
        }
        a->lvt[lvt] |= LVT_REMOTE_IRR;
        m.level = true;
    }
    if (m.delivery != APIC_DM_EXTINT) { /* those are levels: apic_ext_wanted() */
        apic_receive(a, &m);
    }
}

void apic_set_lint(Apic *a, unsigned n, bool level)
{
    uint8_t bit = 1u << n;
    bool rising = level && !(a->lint & bit);
    a->lint = level ? a->lint | bit : a->lint & ~bit;
    if (rising && !a->bus->kernel) {
        apic_local(a, LVT_LINT0 + n);
    }
    apic_update(a);
}

static void apic_eoi(Apic *a)
{
    int n = apic_highest(a->isr);
    if (n < 0) {
        return;
    }
    apic_set_bit(a->isr, n, false);
    if (apic_bit(a->tmr, n)) {
        for (unsigned i = 0; i < 2; i++) {
            uint32_t *lvt = &a->lvt[LVT_LINT0 + i];
            if ((*lvt & LVT_REMOTE_IRR) && (*lvt & LVT_VECTOR) == (uint32_t)n) {
                *lvt &= ~LVT_REMOTE_IRR;
                if (a->lint >> i & 1) {
                    apic_local(a, LVT_LINT0 + i);
                }
            }
        }
        if (!(a->svr & SVR_NO_BROADCAST)) {
            apic_bus_eoi(a->bus, n);
        }
    }
    apic_update(a);
}

/* What the vCPU calls. */
static int apic_acknowledge(void *opaque)
{
    Apic *a = opaque;
    int n = apic_deliverable(a);
    if (n >= 0) {
        apic_set_bit(a->irr, n, false);
        apic_set_bit(a->isr, n, true);
    } else if (apic_ext_wanted(a) && a->bus->pic_ack) {
        a->ext_pending = false;
        n = a->bus->pic_ack(a->bus->pic_opaque);
    }
    apic_update(a);
    return n;
}

static uint8_t apic_get_tpr(void *opaque)
{
    return ((Apic *)opaque)->tpr;
}

static void apic_set_tpr(void *opaque, uint8_t tpr)
{
    Apic *a = opaque;
    if (a->tpr != tpr) {
        a->tpr = tpr;
        apic_update(a);
    }
}

static uint64_t apic_get_base(void *opaque)
{
    return ((Apic *)opaque)->base;
}

static bool apic_set_base(void *opaque, uint64_t val)
{
    Apic *a = opaque;
    uint64_t known = BASE_ADDR | BASE_BSP | BASE_X2APIC | BASE_ENABLED;
    bool on = val & BASE_ENABLED, x2 = val & BASE_X2APIC;
    if ((val & ~known) || (x2 && !on) || (x2 && !apic_enabled(a)) || (!x2 && on && apic_is_x2(a))) {
        return false;
    }
    bool was_on = apic_enabled(a), was_x2 = apic_is_x2(a);
    a->base = val;
    if (was_on && !on) {
        apic_init_registers(a);
    } else if (x2 && !was_x2) {
        a->icr &= UINT32_MAX;
        a->id = a->vcpu->apic_id;
    }
    if (!x2 && was_x2) {
        a->id = a->vcpu->apic_id & 0xff;
    }
    apic_page_update(a);
    apic_timer_arm(a);
    apic_update(a);
    return true;
}

/* Register access. */
static uint32_t apic_read_ldr(const Apic *a)
{
    return apic_is_x2(a) ? (a->id >> 4) << 16 | 1u << (a->id & 15) : a->ldr;
}

uint64_t apic_read_reg(Apic *a, unsigned reg, bool *ok)
{
    *ok = true;
    switch (reg) {
    case APIC_ID:
        return a->id;
    case APIC_VERSION:
        return APIC_VERSION_VALUE;
    case APIC_TPR:
        return a->tpr;
    case APIC_APR:
    case APIC_PPR:
        return apic_ppr(a);
    case APIC_EOI:
    case APIC_RRD:
        return 0;
    case APIC_LDR:
        return apic_read_ldr(a);
    case APIC_DFR:
        return a->dfr;
    case APIC_SVR:
        return a->svr;
    case APIC_ISR ... APIC_ISR + 7:
        return a->isr[reg - APIC_ISR];
    case APIC_TMR ... APIC_TMR + 7:
        return a->tmr[reg - APIC_TMR];
    case APIC_IRR ... APIC_IRR + 7:
        return a->irr[reg - APIC_IRR];
    case APIC_ESR:
        return a->esr;
    case APIC_ICR:
        return apic_is_x2(a) ? a->icr : a->icr & UINT32_MAX;
    case APIC_ICR_HIGH:
        return a->icr >> 32;
    case APIC_LVT ... APIC_LVT + LVT_COUNT - 1:
        return a->lvt[reg - APIC_LVT];
    case APIC_TICR:
        return a->initial_count;
    case APIC_TCCR:
        return apic_timer_count(a);
    case APIC_DCR:
        return a->divide;
    default:
        *ok = false;
        return 0;
    }
}

static void apic_write_lvt(Apic *a, unsigned n, uint32_t val)
{
    val &= apic_lvt_mask[n];
    if (!(a->svr & SVR_ENABLED)) {
        val |= LVT_MASKED;
    }
    if (n == LVT_TIMER) {
        apic_timer_set_lvt(a, (val & LVT_TIMER_MODE) == LVT_TIMER_MODE ? val & ~LVT_TIMER_MODE : val);
        return;
    }
    a->lvt[n] = val | (val & LVT_LEVEL ? a->lvt[n] & LVT_REMOTE_IRR : 0);
    if (n == LVT_LINT0 || n == LVT_LINT1) {
        bool high = a->lint >> (n - LVT_LINT0) & 1;
        if (high && (val & LVT_LEVEL)) {
            apic_local(a, n);
        }
    }
    apic_update(a);
}

static void apic_write_svr(Apic *a, uint32_t val)
{
    a->svr = val & (0x3ff | SVR_NO_BROADCAST);
    if (!(val & SVR_ENABLED)) {
        for (unsigned i = 0; i < LVT_COUNT; i++) {
            apic_write_lvt(a, i, a->lvt[i] | LVT_MASKED);
        }
    }
    apic_update(a);
}

bool apic_write_reg(Apic *a, unsigned reg, uint64_t val)
{
    switch (reg) {
    case APIC_ID:
        a->id = val >> 24 & 0xff;
        break;
    case APIC_TPR:
        apic_set_tpr(a, val);
        break;
    case APIC_EOI:
        apic_eoi(a);
        break;
    case APIC_LDR:
        a->ldr = val & 0xff000000u;
        break;
    case APIC_DFR:
        a->dfr = val | 0x0fffffffu;
        break;
    case APIC_SVR:
        apic_write_svr(a, val);
        break;
    case APIC_ESR: /* shows what came together since the last write */
        a->esr = a->esr_pending;
        a->esr_pending = 0;
        break;
    case APIC_ICR:
        a->icr = (apic_is_x2(a) ? val & 0xffffffff00000000u : a->icr & 0xffffffff00000000u) | (val & 0xccfff);
        apic_send_icr(a);
        break;
    case APIC_ICR_HIGH:
        a->icr = (val & 0xff000000u) << 32 | (a->icr & UINT32_MAX);
        break;
    case APIC_LVT ... APIC_LVT + LVT_COUNT - 1:
        apic_write_lvt(a, reg - APIC_LVT, val);
        break;
    case APIC_TICR:
        apic_timer_set_initial(a, val);
        break;
    case APIC_DCR:
        apic_timer_set_divide(a, val);
        break;
    case APIC_APR: case APIC_PPR: case APIC_RRD: case APIC_VERSION: case APIC_TCCR:
    case APIC_ISR ... APIC_IRR + 7:
        break; /* read only */
    default:
        return false;
    }
    return true;
}

/* Registers in x2APIC form (SDM vol. 3, table 11-6). */
static bool apic_msr_read(void *opaque, uint32_t msr, uint64_t *val)
{
    Apic *a = opaque;
    bool ok;
    if (msr == MSR_TSC_DEADLINE) {
        apic_timer_sync(a);
        *val = apic_timer_get_deadline(a);
        return true;
    }
    unsigned reg = msr - APIC_MSR_BASE;
    if (!apic_is_x2(a) || reg == APIC_APR || reg == APIC_EOI || reg == APIC_RRD || reg == APIC_DFR ||
        reg == APIC_ICR_HIGH) {
        return false;
    }
    *val = apic_read_reg(a, reg, &ok);
    return ok;
}

/* Bits that may be written in x2APIC mode; false: not a register to write. */
static bool apic_msr_mask(unsigned reg, uint64_t *mask)
{
    switch (reg) {
    case APIC_TPR:
    case APIC_SELF_IPI:
        *mask = 0xff;
        return true;
    case APIC_EOI:
    case APIC_ESR:
        *mask = 0;
        return true;
    case APIC_SVR:
        *mask = 0x3ff | SVR_NO_BROADCAST;
        return true;
    case APIC_ICR:
        *mask = 0xffffffff000cdfff; /* the delivery status bit is ignored */
        return true;
    case APIC_LVT ... APIC_LVT + LVT_COUNT - 1:
        *mask = apic_lvt_mask[reg - APIC_LVT] | LVT_REMOTE_IRR | 1u << 12;
        return true;
    case APIC_TICR:
        *mask = UINT32_MAX;
        return true;
    case APIC_DCR:
        *mask = 0x0b;
        return true;
    default:
        return false;
    }
}

static bool apic_msr_write(void *opaque, uint32_t msr, uint64_t val)
{
    Apic *a = opaque;
    uint64_t mask;
    if (msr == MSR_TSC_DEADLINE) {
        apic_timer_set_deadline(a, val);
        return true;
    }
    unsigned reg = msr - APIC_MSR_BASE;
    if (!apic_is_x2(a) || !apic_msr_mask(reg, &mask) || (val & ~mask)) {
        return false;
    }
    if (reg == APIC_SELF_IPI) {
        if (val < 16) {
            apic_error(a, ESR_SEND_VECTOR);
        } else {
            apic_accept(a, val, false);
        }
        return true;
    }
    return apic_write_reg(a, reg, val);
}

static Apic *apic_of_vcpu(Vcpu *v)
{
    return v->intc && v->intc->msr_read == apic_msr_read ? v->intc->opaque : NULL;
}

static void apic_tsc_changed(void *opaque)
{
    apic_timer_arm(opaque);
}

void apic_init_reset(Vcpu *v)
{
    Apic *a = apic_of_vcpu(v);
    if (a) {
        apic_init_registers(a);
    }
}

/* Device. */
static Apic *apic_of_device(Device *d)
{
    return container_of(d, Apic, dev);
}

static void apic_reset(Device *d)
{
    Apic *a = apic_of_device(d);
    a->base = APIC_DEFAULT_BASE | BASE_ENABLED | (a->bsp ? BASE_BSP : 0);
    a->id = a->vcpu->apic_id & 0xff;
    apic_init_registers(a);
    if (a->bsp) { /* virtual wire to the PIC, which real firmware sets up before it needs a timer */
        a->lvt[LVT_LINT0] = APIC_DM_EXTINT << 8;
    }
    a->changed = true;
    apic_page_update(a);
    apic_update(a);
}

static bool apic_realize(Device *d, Error **errp)
{
    Apic *a = apic_of_device(d);
    (void)errp;
    timer_init(&a->timer, CLOCK_KIND_VIRTUAL, apic_timer_fired, a);
    apic_page_init(a);
    g_ptr_array_add(a->bus->apics, a);
    a->intc = (VcpuIntc){
        .opaque = a, .acknowledge = apic_acknowledge, .get_tpr = apic_get_tpr, .set_tpr = apic_set_tpr,
        .get_base = apic_get_base, .set_base = apic_set_base, .msr_read = apic_msr_read, .msr_write = apic_msr_write,
        .tsc_changed = apic_tsc_changed,
    };
    apic_kernel_init(a);
    a->vcpu->intc = &a->intc;
    return true;
}

static void apic_unrealize(Device *d)
{
    Apic *a = apic_of_device(d);
    timer_del(&a->timer);
    mem_destroy(&a->page);
    g_ptr_array_remove(a->bus->apics, a);
    a->vcpu->intc = NULL;
}

static bool apic_state_valid(const Apic *a)
{
    if ((a->base & ~(BASE_ADDR | BASE_BSP | BASE_X2APIC | BASE_ENABLED)) || (apic_is_x2(a) && !apic_enabled(a)) ||
        a->id != (apic_is_x2(a) ? a->vcpu->apic_id : a->id & 0xff)) {
        return false;
    }
    for (unsigned i = 0; i < LVT_COUNT; i++) {
        if (a->lvt[i] & ~(apic_lvt_mask[i] | LVT_REMOTE_IRR)) {
            return false;
        }
    }
    return (a->lvt[LVT_TIMER] & LVT_TIMER_MODE) != LVT_TIMER_MODE && !(a->divide & ~0x0bu) &&
           !((a->irr[0] | a->isr[0] | a->tmr[0]) & 0xffff) && !(a->svr & ~(0x3ffu | SVR_NO_BROADCAST)) &&
           a->timer_start >= 0 && a->timer_start <= INT64_MAX / 4 && (a->dfr & 0x0fffffff) == 0x0fffffff &&
           !(a->ldr & 0xffffff) && a->lint <= 3;
}

static bool apic_post_load(void *opaque, int version, Error **errp)
{
    Apic *a = opaque;
    (void)version;
    if (!apic_state_valid(a)) {
        error_set(errp, "state of the local APIC of CPU %u is not one that it can have", a->vcpu->index);
        return false;
    }
    a->changed = true;
    apic_page_update(a);
    apic_update(a);
    return true;
}

static const VMStateField apic_fields[] = {
    VMS_UINT(Apic, base), VMS_UINT(Apic, id), VMS_UINT(Apic, tpr), VMS_UINT(Apic, ldr), VMS_UINT(Apic, dfr),
    VMS_UINT(Apic, svr), VMS_UINT_ARRAY(Apic, isr), VMS_UINT_ARRAY(Apic, tmr), VMS_UINT_ARRAY(Apic, irr),
    VMS_UINT(Apic, esr), VMS_UINT(Apic, esr_pending), VMS_UINT(Apic, icr), VMS_UINT_ARRAY(Apic, lvt),
    VMS_UINT(Apic, initial_count), VMS_UINT(Apic, divide), VMS_UINT(Apic, timer_start), VMS_UINT(Apic, deadline),
    VMS_UINT(Apic, lint), VMS_UINT(Apic, ext_pending), VMS_TIMER(Apic, timer), VMS_END
};
static const VMState apic_state = { .name = "apic", .version = 1, .fields = apic_fields, .post_load = apic_post_load };

static const DeviceClass apic_class = {
    .name = "apic",
    .desc = "local APIC",
    .category = "CPU",
    .bus = BUS_SYSTEM,
    .size = sizeof(Apic),
    .state = &apic_state,
    .realize = apic_realize,
    .reset = apic_reset,
    .unrealize = apic_unrealize,
};
DEVICE_REGISTER(apic_class);

Apic *apic_create(ApicBus *bus, Bus *sysbus, Vcpu *v, bool bsp, Error **errp)
{
    Device *d = device_new(&apic_class);
    Apic *a = apic_of_device(d);
    a->bus = bus;
    a->vcpu = v;
    a->bsp = bsp;
    if (!device_realize(d, sysbus, errp)) {
        device_free(d);
        return NULL;
    }
    return a;
}

void apic_print(Device *d, GString *out)
{
    const Apic *a = apic_of_device(d);
    vcpu_state_fetch(a->vcpu);
    static const char *const names[LVT_COUNT] = { "LVTT", "LVTTHMR", "LVTPC", "LVT0", "LVT1", "LVTERR" };
    g_string_append_printf(out, "dumping local APIC state for CPU %u%s\n", a->vcpu->index,
                           !apic_enabled(a) ? " (disabled)" : apic_is_x2(a) ? " (x2APIC)" : "");
    for (unsigned i = 0; i < LVT_COUNT; i++) {
        g_string_append_printf(out, "%-8s 0x%08x%s\n", names[i], a->lvt[i], a->lvt[i] & LVT_MASKED ? " masked" : "");
    }
    g_string_append_printf(out, "Timer    DCR=0x%x initial_count = %u current_count = %u\n", a->divide, a->initial_count,
                           apic_timer_count(a));
    g_string_append_printf(out, "SPIV     0x%08x APIC %s\n", a->svr, a->svr & SVR_ENABLED ? "enabled" : "disabled");
    g_string_append_printf(out, "ICR      0x%016" PRIx64 "\nESR      0x%08x\nISR      ", a->icr, a->esr);
    for (unsigned n = 16; n < 256; n++) {
        if (apic_bit(a->isr, n)) {
            g_string_append_printf(out, "%u%s ", n, apic_bit(a->tmr, n) ? "(level)" : "");
        }
    }
    g_string_append(out, "\nIRR      ");
    for (unsigned n = 16; n < 256; n++) {
        if (apic_bit(a->irr, n)) {
            g_string_append_printf(out, "%u%s ", n, apic_bit(a->tmr, n) ? "(level)" : "");
        }
    }
    g_string_append_printf(out, "\nTPR 0x%02x PPR 0x%02x ID 0x%x LDR 0x%08x DFR 0x%08x\n", a->tpr, apic_ppr(a), a->id,
                           apic_read_ldr(a), a->dfr);
}

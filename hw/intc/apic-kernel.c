/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC when it is in the host's kernel: what its vCPU asks of the model, and the registers' way there and back, which
 * the accelerator takes while the vCPU does not run.  vCPU's thread, or main thread with the vCPU parked; big lock.
 */
#include "util/osdep.h"
#include "hw/intc/apic-int.h"

/* With the PIC here (split): its vector, for which the local APIC in the kernel let the request through. */
static int kernel_acknowledge(void *opaque)
{
    Apic *a = opaque;
    return a->bsp && a->bus->extint && a->bus->pic_ack ? a->bus->pic_ack(a->bus->pic_opaque) : -1;
}

static uint8_t kernel_get_tpr(void *opaque)
{
    return ((Apic *)opaque)->tpr;
}

static void kernel_set_tpr(void *opaque, uint8_t tpr)
{
    Apic *a = opaque;
    a->changed |= a->tpr != tpr;
    a->tpr = tpr;
}

static uint64_t kernel_get_base(void *opaque)
{
    return ((Apic *)opaque)->base;
}

static bool kernel_set_base(void *opaque, uint64_t val)
{
    Apic *a = opaque;
    a->changed |= a->base != val;
    a->base = val;
    return true;
}

static bool kernel_msr(void *opaque, uint32_t msr, uint64_t *val)
{
    (void)opaque;
    (void)msr;
    (void)val;
    return false; /* the guest's own accesses end in the kernel */
}

static bool kernel_msr_write(void *opaque, uint32_t msr, uint64_t val)
{
    return kernel_msr(opaque, msr, &val);
}

static void kernel_take(void *opaque, const IrqchipLapic *s)
{
    Apic *a = opaque;
    a->base = s->base;
    a->id = apic_is_x2(a) ? a->vcpu->apic_id : s->id;
    a->tpr = (uint8_t)s->tpr;
    a->ldr = s->ldr & 0xff000000u;
    a->dfr = s->dfr | 0x0fffffffu;
    a->svr = s->svr & (0x3ffu | SVR_NO_BROADCAST);
    a->esr = s->esr;
    a->icr = s->icr & 0xffffffff000ccfffu;
    memcpy(a->isr, s->isr, sizeof(a->isr));
    memcpy(a->tmr, s->tmr, sizeof(a->tmr));
    memcpy(a->irr, s->irr, sizeof(a->irr));
    for (unsigned i = 0; i < LVT_COUNT; i++) {
        a->lvt[i] = s->lvt[i] & ~(1u << 12); /* delivery status: nothing is ever on its way */
    }
    a->initial_count = s->initial_count;
    a->divide = s->divide & 0x0b;
    a->timer_start = apic_timer_start_of(a, s->current_count);
    a->deadline = s->deadline;
    a->changed = false;
}

static bool kernel_give(void *opaque, IrqchipLapic *s)
{
    Apic *a = opaque;
    *s = (IrqchipLapic){
        .base = a->base, .id = a->id, .tpr = a->tpr, .ldr = a->ldr, .dfr = a->dfr, .svr = a->svr, .esr = a->esr, .icr = a->icr,
        .initial_count = a->initial_count, .current_count = apic_timer_count(a), .divide = a->divide, .deadline = a->deadline,
    };
    memcpy(s->isr, a->isr, sizeof(s->isr));
    memcpy(s->tmr, a->tmr, sizeof(s->tmr));
    memcpy(s->irr, a->irr, sizeof(s->irr));
    memcpy(s->lvt, a->lvt, sizeof(s->lvt));
    bool changed = a->changed;
    a->changed = false;
    return changed;
}

void apic_kernel_init(Apic *a)
{
    if (a->bus->kernel) {
        a->intc = (VcpuIntc){
            .opaque = a, .acknowledge = kernel_acknowledge, .get_tpr = kernel_get_tpr, .set_tpr = kernel_set_tpr,
            .get_base = kernel_get_base, .set_base = kernel_set_base, .msr_read = kernel_msr, .msr_write = kernel_msr_write,
            .take = kernel_take, .give = kernel_give,
        };
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's registers, shared by its files: apic.c (registers, device), apic-bus.c (messages, MSI),
 * apic-timer.c.  Under the big lock.
 */
#ifndef HW_INTC_APIC_INT_H
#define HW_INTC_APIC_INT_H

#include "hw/intc/apic.h"
#include "util/timer.h"

/* Registers by number: MMIO offset >> 4, or MSR - 0x800. */
enum {
    APIC_ID = 0x02, APIC_VERSION = 0x03, APIC_TPR = 0x08, APIC_APR = 0x09, APIC_PPR = 0x0a, APIC_EOI = 0x0b,
    APIC_RRD = 0x0c, APIC_LDR = 0x0d, APIC_DFR = 0x0e, APIC_SVR = 0x0f, APIC_ISR = 0x10, APIC_TMR = 0x18,
    APIC_IRR = 0x20, APIC_ESR = 0x28, APIC_ICR = 0x30, APIC_ICR_HIGH = 0x31, APIC_LVT = 0x32, APIC_TICR = 0x38,
    APIC_TCCR = 0x39, APIC_DCR = 0x3e, APIC_SELF_IPI = 0x3f,
};
/* Local vectors, in the order of their registers from APIC_LVT on. */
enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };
enum {
    LVT_VECTOR = 0xff, LVT_DELIVERY = 0x700, LVT_REMOTE_IRR = 1u << 14, LVT_LEVEL = 1u << 15, LVT_MASKED = 1u << 16,
    LVT_TIMER_MODE = 3u << 17, LVT_PERIODIC = 1u << 17, LVT_DEADLINE = 2u << 17,
};
enum { SVR_ENABLED = 1u << 8, SVR_NO_BROADCAST = 1u << 12 };
enum { ESR_SEND_VECTOR = 1u << 5, ESR_RECEIVE_VECTOR = 1u << 6, ESR_REGISTER = 1u << 7 };
enum { BASE_BSP = 1u << 8, BASE_X2APIC = 1u << 10, BASE_ENABLED = 1u << 11 };
#define BASE_ADDR 0x000ffffffffff000ull
#define APIC_VERSION_VALUE 0x01050014u /* 6 local vectors, EOI broadcasts can be suppressed */
#define APIC_MSR_BASE 0x800u
#define MSR_TSC_DEADLINE 0x6e0u
#define APIC_TPR_MSR (APIC_MSR_BASE + APIC_TPR)

struct Apic {
    Device dev;
    /* constant after creation */
    ApicBus *bus;
    Vcpu *vcpu;
    bool bsp;
    VcpuIntc intc;
    MemRegion page; /* the registers when they were moved from the default address */
    bool page_mapped;
    Timer timer;
    /* registers */
    uint64_t base;  /* IA32_APIC_BASE */
    uint32_t id;    /* 8 bits significant in xAPIC mode */
    uint8_t tpr;
    uint32_t ldr, dfr, svr; /* ldr as in xAPIC mode; x2APIC's is derived from the id */
    uint32_t isr[8], tmr[8], irr[8];
    uint32_t esr, esr_pending;
    uint64_t icr;
    uint32_t lvt[LVT_COUNT];
    uint32_t initial_count, divide;
    int64_t timer_start; /* virtual ns when the count was loaded */
    uint64_t deadline;   /* 0: not armed */
    uint8_t lint;        /* levels of LINT0, LINT1 as last seen */
    bool ext_pending;    /* an ExtINT message waits */
    bool changed;        /* with bus->kernel: these registers are to go there */
};

static inline bool apic_enabled(const Apic *a)
{
    return a->base & BASE_ENABLED;
}

static inline bool apic_is_x2(const Apic *a)
{
    return a->base & BASE_X2APIC;
}

static inline bool apic_software_enabled(const Apic *a)
{
    return apic_enabled(a) && (a->svr & SVR_ENABLED);
}

/* apic.c */
void apic_update(Apic *a);            /* recomputes what the vCPU is told */
void apic_accept(Apic *a, uint8_t vector, bool level); /* a fixed interrupt arrives */
void apic_local(Apic *a, unsigned lvt);                /* a local source fires (edge) */
void apic_receive(Apic *a, const ApicMsg *msg);        /* a message for this one */
void apic_set_lint(Apic *a, unsigned n, bool level);
void apic_error(Apic *a, uint32_t bit);
uint32_t apic_ppr(const Apic *a);
uint64_t apic_read_reg(Apic *a, unsigned reg, bool *ok);
bool apic_write_reg(Apic *a, unsigned reg, uint64_t val);
/* apic-timer.c */
void apic_timer_fired(void *opaque);
void apic_timer_sync(Apic *a); /* before its registers change: what is due comes now */
void apic_timer_arm(Apic *a);
uint32_t apic_timer_count(const Apic *a);
int64_t apic_timer_start_of(const Apic *a, uint32_t count); /* the timer_start that makes apic_timer_count() @count now */
void apic_timer_set_initial(Apic *a, uint32_t val);
void apic_timer_set_divide(Apic *a, uint32_t val);
void apic_timer_set_lvt(Apic *a, uint32_t val);
uint64_t apic_timer_get_deadline(const Apic *a);
void apic_timer_set_deadline(Apic *a, uint64_t tsc);
/* apic-kernel.c: for the VcpuIntc when the chip is in the kernel */
void apic_kernel_init(Apic *a);
/* apic-bus.c */
void apic_send_icr(Apic *a);
void apic_bus_eoi(ApicBus *bus, uint8_t vector);
void apic_page_init(Apic *a);
void apic_page_update(Apic *a); /* after a change of the base MSR */

#endif

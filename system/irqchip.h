/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt controllers that an accelerator runs in the host's kernel.  The board asks for them once and hands them to its
 * chips, whose models then are the registers' other home: they read them for the monitor and for a saved state, and
 * write them after a reset or a load.  Everything under the big lock unless said otherwise.
 */
#ifndef SYSTEM_IRQCHIP_H
#define SYSTEM_IRQCHIP_H

#include "system/irq.h"

#define IRQCHIP_PINS 24

/* One 8259A.  Names as in its data sheet; @lines are the inputs' levels as last seen. */
typedef struct IrqchipPic {
    uint8_t lines, irr, isr, imr, elcr, highest, vector_base, init_state;
    bool init4, read_isr, poll, special_mask, auto_eoi, rotate_on_aeoi, nested_fully;
} IrqchipPic;

typedef struct IrqchipIoapic {
    uint8_t id, select;
    uint32_t lines;
    uint64_t rte[IRQCHIP_PINS];
} IrqchipIoapic;

/* A counter of the 8254.  @loaded_ns: when its count was loaded, in ns of the virtual clock. */
typedef struct IrqchipPitCounter {
    uint32_t count; /* 1..65536 */
    uint16_t latch;
    uint8_t latched, status_latched, status, read_state, write_state, write_lsb, rw, mode;
    bool bcd, gate;
    int64_t loaded_ns;
} IrqchipPitCounter;

typedef struct IrqchipPit {
    IrqchipPitCounter c[3];
} IrqchipPit;

/* A local APIC; registers as SDM vol. 3, table 11-1 has them.  @id without the shift of the xAPIC form. */
typedef struct IrqchipLapic {
    uint64_t base, icr, deadline;
    uint32_t id, tpr, ldr, dfr, svr, esr, lvt[6], initial_count, current_count, divide;
    uint32_t isr[8], tmr[8], irr[8];
} IrqchipLapic;

typedef struct IrqchipOps {
    bool all; /* PIC, I/O APIC and PIT are there too; else the local APICs only ("split") */
    void (*set_gsi)(unsigned gsi, int level); /* with `all` */
    void (*send_msi)(uint64_t addr, uint32_t data);
    /*
     * Messages that need nobody here: a route is one message (of an MSI or MSI-X vector), and whoever signals an eventfd attached to
     * it sends that, in any thread, without the big lock.  A device adds a route when the guest unmasks a vector, sets it
     * when the guest changes the message, and detaches its eventfd while the vector is masked.
     */
    int (*msi_route_add)(uint64_t addr, uint32_t data); /* its number; -1: no more of them, so the device sends by itself */
    bool (*msi_route_set)(int route, uint64_t addr, uint32_t data);
    void (*msi_route_remove)(int route);                /* detach first */
    bool (*msi_route_attach)(int route, int fd, bool on);
    void (*pic_get)(unsigned chip, IrqchipPic *s);
    void (*pic_put)(unsigned chip, const IrqchipPic *s);
    void (*ioapic_get)(IrqchipIoapic *s);
    void (*ioapic_put)(const IrqchipIoapic *s);
    void (*pit_get)(IrqchipPit *s);
    void (*pit_put)(const IrqchipPit *s);
    void (*pit_silence)(bool silent);      /* the HPET took over its interrupt */
    void (*pit_reinject)(bool reinject);   /* ticks that the guest missed come later, or never */
    /* Without `all`: what pin @pin sends, so that end-of-interrupt broadcasts of its vector come back; !@data: nothing. */
    void (*route_pin)(unsigned pin, uint64_t addr, uint32_t data);
    /* Without `all`: who takes those broadcasts. */
    void (*set_eoi)(void (*eoi)(void *opaque, uint8_t vector), void *opaque);
} IrqchipOps;

/* Start-up: the accelerator says what it has; NULL (the default): nothing, the models do it all. */
void irqchip_set_kernel(const IrqchipOps *ops);
const IrqchipOps *irqchip_kernel(void); /* for the board */

IrqLine irqchip_gsi(const IrqchipOps *ops, unsigned gsi);

#endif

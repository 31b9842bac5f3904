/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local APICs (one a vCPU) and the bus on which they, the I/O APICs and MSI writers exchange messages.
 * The board owns the ApicBus.  Everything under the big lock.
 *
 * Wiring, in this order: apic_bus_init(); for each vCPU apic_create(), which also sets vcpu->intc; the PIC's INT
 * output to apic_bus_extint_line(), the PIC itself by apic_bus_set_pic(); I/O APICs by ioapic_create().
 * A machine without local APICs (-cpu without the feature) uses apic_pic_only_init() for its single vCPU.
 */
#ifndef HW_INTC_APIC_H
#define HW_INTC_APIC_H

#include "system/cpus.h"
#include "system/device.h"
#include "system/memory.h"

#define APIC_DEFAULT_BASE 0xfee00000u
#define APIC_FREQ_HZ 1000000000u /* of the timer before its divider */

typedef struct Apic Apic;
typedef struct ApicBus ApicBus;

/* Delivery modes of messages and local vectors (SDM vol. 3, 11.5.1). */
typedef enum ApicDelivery {
    APIC_DM_FIXED, APIC_DM_LOWEST, APIC_DM_SMI, APIC_DM_RESERVED, APIC_DM_NMI, APIC_DM_INIT, APIC_DM_SIPI, APIC_DM_EXTINT,
} ApicDelivery;

typedef struct ApicMsg {
    uint32_t dest; /* 8 bits (0xff: all) in xAPIC format, 32 bits when @x2apic */
    uint8_t vector;
    uint8_t delivery; /* ApicDelivery */
    bool logical, level, x2apic;
    bool assert_level; /* level messages: false is the INIT deassert of old */
} ApicMsg;

/* Who wants to see end-of-interrupt broadcasts (I/O APICs). */
typedef struct ApicEoiListener {
    void (*eoi)(struct ApicEoiListener *l, uint8_t vector);
} ApicEoiListener;

/* When will this vCPU's TSC read @tsc?  In ns of the virtual clock; may lie in the past. */
typedef int64_t ApicTscToNs(Vcpu *v, uint64_t tsc);

struct ApicBus {
    GPtrArray *apics;         /* Apic *, by vCPU index */
    GPtrArray *eoi_listeners; /* ApicEoiListener * */
    MemRegion *memory;
    MemRegion mmio;           /* 0xfee00000, 1 MiB: the registers' page and MSI writes */
    int (*pic_ack)(void *opaque); /* INTA cycle of the PIC behind ExtINT */
    void *pic_opaque;
    bool extint;              /* level of the PIC's INT */
    ApicTscToNs *tsc_to_ns;
    Vcpu *(*current)(void);   /* who accesses the registers' page: vcpu_current(), other things in tests */
    const IrqchipOps *kernel; /* the local APICs are in the host's kernel; NULL: here */
    unsigned rotate;          /* arbitration of lowest priority delivery among equals */
};

/* @memory: root of the system memory, where the registers' page is put (above everything else). */
void apic_bus_init(ApicBus *bus, MemRegion *memory);
/* Before the first APIC: they are in the host's kernel, and these models only read and write their registers. */
void apic_bus_set_kernel(ApicBus *bus, const IrqchipOps *ops);
void apic_bus_destroy(ApicBus *bus); /* after the APICs are gone */
void apic_bus_set_pic(ApicBus *bus, int (*ack)(void *opaque), void *opaque);
IrqLine apic_bus_extint_line(ApicBus *bus); /* LINT0 of every APIC */
IrqLine apic_bus_nmi_line(ApicBus *bus);    /* LINT1 of every APIC */
/* Without a hook the TSC counts virtual ns (1 GHz, 0 at the machine's start). */
void apic_set_tsc(ApicBus *bus, ApicTscToNs *fn);

/* One for each vCPU, in order of index; sets @v->intc.  @bsp: this is the boot processor after RESET. */
Apic *apic_create(ApicBus *bus, Bus *sysbus, Vcpu *v, bool bsp, Error **errp);

/* CPUs that INIT themselves (not by a message) call this; INIT messages do it on their way. */
void apic_init_reset(Vcpu *v);

/* A vCPU without APIC: INTR straight from the PIC.  @intc is filled in and handed to @v. */
typedef struct ApicPicOnly {
    VcpuIntc intc;
    int (*pic_ack)(void *opaque);
    void *pic_opaque;
    Vcpu *vcpu;
} ApicPicOnly;
void apic_pic_only_init(ApicPicOnly *p, Vcpu *v, int (*ack)(void *opaque), void *opaque);

/* Messages: from I/O APICs, MSI (address 0xfeexxxxx; false: not an address of ours), devices. */
void apic_bus_send(ApicBus *bus, const ApicMsg *msg);
bool apic_deliver_msi(ApicBus *bus, uint64_t addr, uint32_t data);
/* The same message as an MSI, of up to 8 bits of destination. */
void apic_msi_of(const ApicMsg *msg, uint64_t *addr, uint32_t *data);
void apic_eoi_listener_add(ApicBus *bus, ApicEoiListener *l);
void apic_eoi_listener_remove(ApicBus *bus, ApicEoiListener *l);

void apic_print(Device *d, GString *out); /* info lapic, of a device of class apic */
Apic *apic_of(ApicBus *bus, const Vcpu *v);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An IDE channel: the cable with two drives, the task file as the host sees it, and the interrupt.  A controller
 * embeds it, maps its two regions and lends its bus master.  Under the big lock.
 */
#ifndef HW_IDE_IDE_BUS_H
#define HW_IDE_IDE_BUS_H

#include "hw/ide/ata.h"
#include "system/device.h"
#include "system/memory.h"

typedef struct IdeBus IdeBus;

/* The controller's side. */
typedef struct IdeController {
    AtaDmaResult (*dma_move)(void *opaque, void *buf, uint32_t len, bool to_memory, uint32_t *moved);
    void (*dma_end)(void *opaque, bool error);
    void (*irq_raised)(void *opaque); /* the interrupt line went up */
    void *opaque;
} IdeController;

struct IdeBus {
    Bus bus;
    AtaDrive *drives[2]; /* NULL: connector free */
    IdeController ctl;
    IrqLine irq;
    unsigned channel;
    uint8_t device;  /* the device register as last written: bit 4 selects */
    uint8_t control; /* device control register */
    bool line;       /* what irq was last set to */
    MemRegion command_io, control_io; /* 8 ports and 1 port */
};

extern const VMState ide_bus_state;
extern const BusClass ide_bus_class; /* ide-dev.c */

void ide_bus_init(IdeBus *b, Device *parent, const char *name, unsigned channel, IrqLine irq, const IdeController *ctl);
void ide_bus_destroy(IdeBus *b); /* its drives too */
void ide_bus_reset(IdeBus *b);   /* the channel; drives are reset as devices */
void ide_bus_update_irq(IdeBus *b);
void ide_bus_dma_started(IdeBus *b);

/* For boards: an ide-hd or ide-cd with this drive at @unit (0 or 1). */
Device *ide_create_drive(IdeBus *b, unsigned unit, Blk *blk, bool cdrom, Error **errp);

#endif

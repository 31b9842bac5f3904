/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDE channel: task file ports 0..7 and the device control port (ATA/ATAPI-7 volume 2, sections 5 and 9: both drives
 * take every write, the selected one answers and executes; what an absent drive's place reads as is 9.16).  Called by
 * the dispatcher on vCPU threads and by drives; all under the big lock.
 */
#include "util/osdep.h"
#include "hw/ide/ide-bus.h"
#include "util/log.h"

enum { IDE_NIEN = 2, IDE_SRST = 4, IDE_HOB = 0x80, IDE_SELECT = 0x10 };

static AtaDrive *ide_bus_selected(const IdeBus *b)
{
    return b->drives[(b->device & IDE_SELECT) != 0];
}

void ide_bus_update_irq(IdeBus *b)
{
    AtaDrive *d = ide_bus_selected(b);
    bool level = d && d->intrq && !(b->control & IDE_NIEN);
    if (level != b->line) {
        b->line = level;
        if (level) {
            b->ctl.irq_raised(b->ctl.opaque);
        }
        irq_set(b->irq, level);
    }
}

void ide_bus_dma_started(IdeBus *b)
{
    for (unsigned i = 0; i < 2; i++) {
        if (b->drives[i]) {
            ata_dma_resume(b->drives[i]);
        }
    }
}

/* Drive 0 alone answers in drive 1's place: status 0; the other registers are its own, or 0 if it is a packet device. */
static uint8_t ide_bus_read_reg(IdeBus *b, unsigned reg)
{
    AtaDrive *d = ide_bus_selected(b);
    if (d) {
        if (reg == ATA_REG_STATUS) {
            uint8_t status = ata_status(d);
            ata_clear_irq(d);
            return status;
        }
        return ata_read(d, reg, b->control & IDE_HOB);
    }
    d = b->drives[0];
    if (!d || reg == ATA_REG_STATUS || d->cfg.cdrom) {
        return 0;
    }
    return reg == ATA_REG_DEVICE ? b->device | 0xa0 : ata_read(d, reg, b->control & IDE_HOB);
}

static void ide_bus_command(IdeBus *b, uint8_t command)
{
    if (command == 0x90) { /* EXECUTE DEVICE DIAGNOSTIC: both, and drive 0 tells */
        for (unsigned i = 0; i < 2; i++) {
            if (b->drives[i]) {
                ata_diagnostic(b->drives[i], i == 0 || !b->drives[0]);
            }
        }
        b->device = 0;
        ide_bus_update_irq(b);
    } else if (ide_bus_selected(b)) {
        ata_command(ide_bus_selected(b), command);
    }
}

static void ide_bus_write_reg(IdeBus *b, unsigned reg, uint8_t val)
{
    if (reg == ATA_REG_STATUS) {
        ide_bus_command(b, val);
        return;
    }
    b->control &= (uint8_t)~IDE_HOB;
    for (unsigned i = 0; i < 2; i++) {
        if (b->drives[i]) {
            ata_write(b->drives[i], reg, val);
        }
    }
    if (reg == ATA_REG_DEVICE) {
        b->device = val;
        ide_bus_update_irq(b);
    }
}

static uint64_t ide_bus_read(void *opaque, hwaddr off, unsigned size)
{
    IdeBus *b = opaque;
    if (off == ATA_REG_DATA && size > 1) {
        AtaDrive *d = ide_bus_selected(b);
        return d ? ata_data_read(d, size) : 0;
    }
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++) { /* a wide access is several registers */
        unsigned reg = (unsigned)(off + i);
        v |= (uint64_t)(reg == ATA_REG_DATA ? 0xff : ide_bus_read_reg(b, reg)) << (8 * i);
    }
    return v;
}

static void ide_bus_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    IdeBus *b = opaque;
    if (off == ATA_REG_DATA && size > 1) {
        if (ide_bus_selected(b)) {
            ata_data_write(ide_bus_selected(b), (uint32_t)val, size);
        }
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        if (off + i != ATA_REG_DATA) {
            ide_bus_write_reg(b, (unsigned)(off + i), (uint8_t)(val >> (8 * i)));
        }
    }
}

/* Alternate status: as status, without touching the interrupt. */
static uint64_t ide_bus_control_read(void *opaque, hwaddr off, unsigned size)
{
    IdeBus *b = opaque;
    AtaDrive *d = ide_bus_selected(b);
    (void)off;
    (void)size;
    return d ? ata_status(d) : 0;
}

static void ide_bus_control_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    IdeBus *b = opaque;
    uint8_t changed = (uint8_t)(b->control ^ val);
    (void)off;
    (void)size;
    b->control = (uint8_t)val;
    if (changed & IDE_SRST) {
        for (unsigned i = 0; i < 2; i++) {
            if (b->drives[i]) {
                ata_srst(b->drives[i], val & IDE_SRST);
            }
        }
        b->device = 0;
    }
    ide_bus_update_irq(b);
}

static const MemOps ide_bus_command_ops = { .read = ide_bus_read, .write = ide_bus_write, .min_size = 1, .max_size = 4 };
static const MemOps ide_bus_control_ops = { .read = ide_bus_control_read, .write = ide_bus_control_write, .max_size = 1 };

static bool ide_bus_post_load(void *opaque, int version, Error **errp)
{
    (void)version;
    (void)errp;
    ide_bus_update_irq(opaque);
    return true;
}

static const VMStateField ide_bus_fields[] = { VMS_UINT(IdeBus, device), VMS_UINT(IdeBus, control), VMS_END };
const VMState ide_bus_state = { .name = "ide-bus", .version = 1, .fields = ide_bus_fields, .post_load = ide_bus_post_load };

void ide_bus_reset(IdeBus *b)
{
    b->device = 0;
    b->control = 0;
    ide_bus_update_irq(b);
}

void ide_bus_init(IdeBus *b, Device *parent, const char *name, unsigned channel, IrqLine irq, const IdeController *ctl)
{
    bus_init(&b->bus, &ide_bus_class, parent, name);
    b->channel = channel;
    b->irq = irq;
    b->ctl = *ctl;
    mem_init_io(&b->command_io, &ide_bus_command_ops, b, "ide-command", 8);
    mem_init_io(&b->control_io, &ide_bus_control_ops, b, "ide-control", 1);
}

void ide_bus_destroy(IdeBus *b)
{
    bus_destroy(&b->bus);
    mem_destroy(&b->command_io);
    mem_destroy(&b->control_io);
}

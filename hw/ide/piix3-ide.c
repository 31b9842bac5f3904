/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 82371SB function 1 (datasheet 290550, sections 2.3 and 4.2; bus master: "Programming Interface for Bus Master
 * IDE Controller", 1.0).  Legacy ports only; the channels answer whatever IDETIM's decode bits say, as firmware that
 * knows emulators expects.  vCPU threads and completions of drives, all under the big lock.
 */
#include "util/osdep.h"
#include "hw/ide/piix3-ide.h"
#include "util/bytes.h"
#include "util/log.h"

enum { IDE_TIMING = 0x40, IDE_TIMING_LEN = 5 };
enum { BM_COMMAND = 0, BM_STATUS = 2, BM_TABLE = 4 };
enum { BM_START = 0x01, BM_TO_MEMORY = 0x08 };
enum { BM_ACTIVE = 0x01, BM_ERROR = 0x02, BM_INTERRUPT = 0x04, BM_CAPABLE = 0x60 };
enum { BM_MAX_PRDS = 8192 }; /* a table does not cross 64 KiB */

typedef struct Piix3IdeChannel {
    IdeBus ide;
    Piix3Ide *owner;
    uint8_t command, status;
    uint32_t table;
    /* the walk */
    uint32_t next;     /* address of the next descriptor */
    uint32_t addr;     /* of what is left of the present one */
    uint32_t left;
    uint32_t walked;   /* descriptors since start */
    bool last;         /* the present one is marked as the end */
} Piix3IdeChannel;

struct Piix3Ide {
    PciDevice pci;
    Piix3IdeWiring w;
    MemRegion bm_io;
    Piix3IdeChannel channel[2];
    uint8_t timing[IDE_TIMING_LEN]; /* for the state; mirrors the configuration space */
};

/* ---- Bus master ----------------------------------------------------------------------------------------------- */

/* The next descriptor, copied once; false: the walk ends here. */
static bool piix3_ide_fetch(Piix3IdeChannel *c, bool *error)
{
    uint8_t prd[8];
    if (c->last) {
        c->status &= (uint8_t)~BM_ACTIVE; /* table ended before the drive did */
        return false;
    }
    if (c->walked++ >= BM_MAX_PRDS || pci_dma_read(&c->owner->pci, c->next, prd, sizeof(prd)) != MEM_OK) {
        *error = true;
        return false;
    }
    uint32_t count = ld_le32(prd + 4);
    c->next += sizeof(prd);
    c->addr = ld_le32(prd) & ~1u;
    c->left = count & 0xfffe ? count & 0xfffe : 0x10000;
    c->last = count >> 31;
    return true;
}

static AtaDmaResult piix3_ide_dma_move(void *opaque, void *buf, uint32_t len, bool to_memory, uint32_t *moved)
{
    Piix3IdeChannel *c = opaque;
    bool error = false;
    uint8_t *p = buf;
    *moved = 0;
    if (!(c->command & BM_START) || !(c->status & BM_ACTIVE)) {
        return ATA_DMA_WAIT;
    }
    while (*moved < len) { /* each descriptor moves at least two bytes */
        if (!c->left && !piix3_ide_fetch(c, &error)) {
            break;
        }
        uint32_t n = MIN(len - *moved, c->left);
        MemResult r = to_memory ? pci_dma_write(&c->owner->pci, c->addr, p + *moved, n)
                                : pci_dma_read(&c->owner->pci, c->addr, p + *moved, n);
        if (r != MEM_OK) {
            error = true;
            break;
        }
        *moved += n;
        c->addr += n;
        c->left -= n;
    }
    if (error) {
        log_guest(LOG_GUEST_ERROR, "piix3-ide: bus master of channel %u stopped: memory at %08x or its table\n", c->ide.channel,
                  c->addr);
        return ATA_DMA_ERROR;
    }
    if (!c->left && c->last) {
        c->status &= (uint8_t)~BM_ACTIVE;
    }
    return *moved == len ? ATA_DMA_OK : ATA_DMA_WAIT;
}

static void piix3_ide_dma_end(void *opaque, bool error)
{
    Piix3IdeChannel *c = opaque;
    if (error && (c->status & BM_ACTIVE)) {
        c->status = (uint8_t)((c->status & ~BM_ACTIVE) | BM_ERROR);
    }
}

static void piix3_ide_irq_raised(void *opaque)
{
    Piix3IdeChannel *c = opaque;
    c->status |= BM_INTERRUPT;
}

static void piix3_ide_command(Piix3IdeChannel *c, uint8_t val)
{
    bool was = c->command & BM_START, now = val & BM_START;
    c->command = val & (BM_START | BM_TO_MEMORY);
    if (now && !was) {
        c->next = c->table;
        c->left = c->walked = 0;
        c->last = false;
        c->status |= BM_ACTIVE;
        ide_bus_dma_started(&c->ide);
    } else if (was && !now) {
        c->status &= (uint8_t)~BM_ACTIVE;
    }
}

static uint64_t piix3_ide_bm_read(void *opaque, hwaddr off, unsigned size)
{
    Piix3Ide *s = opaque;
    Piix3IdeChannel *c = &s->channel[off >> 3 & 1];
    (void)size;
    switch (off & 7) {
    case BM_COMMAND: return c->command;
    case BM_STATUS: return c->status;
    case BM_TABLE: case BM_TABLE + 1: case BM_TABLE + 2: case BM_TABLE + 3:
        return (uint8_t)(c->table >> (8 * (off & 3)));
    default: return 0;
    }
}

static void piix3_ide_bm_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Piix3Ide *s = opaque;
    Piix3IdeChannel *c = &s->channel[off >> 3 & 1];
    unsigned shift = 8 * (off & 3);
    (void)size;
    switch (off & 7) {
    case BM_COMMAND:
        piix3_ide_command(c, (uint8_t)val);
        break;
    case BM_STATUS:
        c->status = (uint8_t)((val & BM_CAPABLE) | (c->status & BM_ACTIVE) |
                              (c->status & (BM_ERROR | BM_INTERRUPT) & ~val));
        break;
    case BM_TABLE: case BM_TABLE + 1: case BM_TABLE + 2: case BM_TABLE + 3:
        c->table = ((c->table & ~(0xffu << shift)) | (uint32_t)(val & 0xff) << shift) & ~3u;
        break;
    default:
        break;
    }
}

static const MemOps piix3_ide_bm_ops = { .read = piix3_ide_bm_read, .write = piix3_ide_bm_write, .max_size = 1 };

/* ---- Life ----------------------------------------------------------------------------------------------------- */

static bool piix3_ide_realize(Device *dev, Error **errp)
{
    static const uint16_t command_ports[2] = { 0x1f0, 0x170 }, control_ports[2] = { 0x3f6, 0x376 };
    Piix3Ide *s = container_of(dev, Piix3Ide, pci.dev);
    if (!s->w.io) {
        error_set(errp, "piix3-ide is part of the machine and cannot be added with -device");
        return false;
    }
    st_le16(s->pci.config + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    memset(s->pci.wmask + IDE_TIMING, 0xff, IDE_TIMING_LEN);
    mem_init_io(&s->bm_io, &piix3_ide_bm_ops, s, "piix3-ide-bus-master", 16);
    pci_add_bar(&s->pci, 4, PCI_BAR_IO, &s->bm_io);
    mem_transaction_begin();
    for (unsigned i = 0; i < 2; i++) {
        Piix3IdeChannel *c = &s->channel[i];
        const IdeController ctl = { .dma_move = piix3_ide_dma_move, .dma_end = piix3_ide_dma_end,
                                    .irq_raised = piix3_ide_irq_raised, .opaque = c };
        c->owner = s;
        ide_bus_init(&c->ide, dev, i ? "ide.1" : "ide.0", i, s->w.irq[i], &ctl);
        mem_add(s->w.io, command_ports[i], &c->ide.command_io);
        mem_add(s->w.io, control_ports[i], &c->ide.control_io);
    }
    mem_transaction_commit();
    return true;
}

static void piix3_ide_unrealize(Device *dev)
{
    Piix3Ide *s = container_of(dev, Piix3Ide, pci.dev);
    mem_transaction_begin();
    ide_bus_destroy(&s->channel[0].ide);
    ide_bus_destroy(&s->channel[1].ide);
    mem_destroy(&s->bm_io);
    mem_transaction_commit();
}

static void piix3_ide_reset(Device *dev)
{
    Piix3Ide *s = container_of(dev, Piix3Ide, pci.dev);
    memset(s->pci.config + IDE_TIMING, 0, IDE_TIMING_LEN);
    memset(s->timing, 0, sizeof(s->timing));
    for (unsigned i = 0; i < 2; i++) {
        Piix3IdeChannel *c = &s->channel[i];
        c->command = c->status = 0;
        c->table = c->next = c->addr = c->left = c->walked = 0;
        c->last = false;
        ide_bus_reset(&c->ide);
    }
}

static bool piix3_ide_channel_post_load(void *opaque, int version, Error **errp)
{
    Piix3IdeChannel *c = opaque;
    (void)version;
    if (c->left > 0x10000) {
        error_set(errp, "the saved state of piix3-ide has a descriptor of %u bytes; 65536 are the most", c->left);
        return false;
    }
    c->command &= BM_START | BM_TO_MEMORY;
    c->status &= BM_ACTIVE | BM_ERROR | BM_INTERRUPT | BM_CAPABLE;
    c->table &= ~3u;
    return true;
}

static const VMStateField piix3_ide_channel_fields[] = {
    VMS_STRUCT(Piix3IdeChannel, ide, ide_bus_state), VMS_UINT(Piix3IdeChannel, command),
    VMS_UINT(Piix3IdeChannel, status), VMS_UINT(Piix3IdeChannel, table), VMS_UINT(Piix3IdeChannel, next),
    VMS_UINT(Piix3IdeChannel, addr), VMS_UINT(Piix3IdeChannel, left), VMS_UINT(Piix3IdeChannel, walked),
    VMS_UINT(Piix3IdeChannel, last), VMS_END,
};
static const VMState piix3_ide_channel_state = { .name = "piix3-ide/channel", .version = 1,
                                                 .fields = piix3_ide_channel_fields,
                                                 .post_load = piix3_ide_channel_post_load };
static void piix3_ide_pre_save(void *opaque)
{
    Piix3Ide *s = opaque;
    memcpy(s->timing, s->pci.config + IDE_TIMING, IDE_TIMING_LEN);
}

static bool piix3_ide_post_load(void *opaque, int version, Error **errp)
{
    Piix3Ide *s = opaque;
    (void)version;
    (void)errp;
    memcpy(s->pci.config + IDE_TIMING, s->timing, IDE_TIMING_LEN);
    return true;
}

static const VMStateField piix3_ide_fields[] = {
    VMS_STRUCT(Piix3Ide, pci, pci_device_state), VMS_BUFFER(Piix3Ide, timing),
    VMS_STRUCT_ARRAY(Piix3Ide, channel, piix3_ide_channel_state), VMS_END,
};
static const VMState piix3_ide_state = { .name = "piix3-ide", .version = 1, .fields = piix3_ide_fields,
                                         .pre_save = piix3_ide_pre_save, .post_load = piix3_ide_post_load };
static const PciClass piix3_ide_pci_class = { .vendor_id = 0x8086, .device_id = 0x7010, .revision = 0,
                                              .class_code = 0x010180 };
static const Prop piix3_ide_props[] = { PCI_PROPS, PROP_END };
static const DeviceClass piix3_ide_class = {
    .name = "piix3-ide", .desc = "Intel PIIX3 IDE controller", .category = "Storage", .bus = BUS_PCI,
    .size = sizeof(Piix3Ide), .props = piix3_ide_props, .state = &piix3_ide_state, .realize = piix3_ide_realize,
    .reset = piix3_ide_reset, .unrealize = piix3_ide_unrealize, .bus_class = &piix3_ide_pci_class,
};
DEVICE_REGISTER(piix3_ide_class);

Piix3Ide *piix3_ide_create(PciBus *bus, int devfn, const Piix3IdeWiring *w, Error **errp)
{
    Device *dev = device_new(&piix3_ide_class);
    Piix3Ide *s = container_of(dev, Piix3Ide, pci.dev);
    s->w = *w;
    s->pci.devfn = (int16_t)devfn;
    if (!device_realize(dev, &bus->bus, errp)) {
        device_free(dev);
        return NULL;
    }
    return s;
}

IdeBus *piix3_ide_bus(Piix3Ide *s, unsigned channel)
{
    return &s->channel[channel & 1].ide;
}

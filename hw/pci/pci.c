/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI bus and the part of a PCI device that is the same for all (PCI Local Bus Specification 3.0, chapter 6).
 * Called by host bridges (configuration cycles), by device models and by the device framework, always under the
 * big lock; no threads of its own.
 */
#include "util/osdep.h"
#include "hw/pci/pci-int.h"
#include "system/machine.h"
#include "util/bytes.h"
#include "util/log.h"

#define PCI_SUBVENDOR_DEFAULT 0x1af4
#define PCI_SUBSYSTEM_DEFAULT 0x1100
#define PCI_ROM_ENABLE 1u
#define PCI_ROM_MAX (16 * MiB)
#define PCI_HEADER_MULTIFUNCTION 0x80

static inline PciBus *pci_bus_of(const PciDevice *d)
{
    return container_of(d->dev.bus, PciBus, bus);
}

static inline const PciClass *pci_class(const PciDevice *d)
{
    return d->dev.cls->bus_class;
}

/* ---- base address registers ---- */

unsigned pci_bar_offset(unsigned bar)
{
    return bar == PCI_ROM_BAR ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * bar;
}

static bool pci_bar_is_64(const PciBar *b)
{
    return b->kind == PCI_BAR_MEM64 || b->kind == PCI_BAR_MEM64_PREFETCH;
}

/* Where the registers put the BAR; UINT64_MAX: nowhere. */
static uint64_t pci_bar_wanted(const PciDevice *d, unsigned n)
{
    const PciBar *b = &d->bars[n];
    unsigned reg = pci_bar_offset(n);
    uint16_t command = ld_le16(d->config + PCI_COMMAND);
    uint64_t addr = ld_le32(d->config + reg), limit = UINT32_MAX;

    if (b->kind == PCI_BAR_IO) {
        if (!(command & PCI_COMMAND_IO)) {
            return UINT64_MAX;
        }
        limit = 0xffff;
    } else {
        if (!(command & PCI_COMMAND_MEMORY) || (n == PCI_ROM_BAR && !(addr & PCI_ROM_ENABLE))) {
            return UINT64_MAX;
        }
        if (pci_bar_is_64(b)) {
            addr |= (uint64_t)ld_le32(d->config + reg + 4) << 32;
            limit = UINT64_MAX;
        }
    }
    addr &= ~(b->size - 1);
    /* Address 0 and the very top are where sizing passes by with decoding on: nothing is mapped there. */
    if (addr == 0 || addr + (b->size - 1) < addr || addr + (b->size - 1) >= limit) {
        return UINT64_MAX;
    }
    return addr;
}

static void pci_update_bar(PciDevice *d, unsigned n)
{
    PciBus *bus = pci_bus_of(d);
    PciBar *b = &d->bars[n];
    if (!b->region) {
        return;
    }
    uint64_t want = pci_bar_wanted(d, n);
    if (want == b->addr) {
        return;
    }
    if (b->addr != UINT64_MAX) {
        mem_remove(b->region);
    }
    b->addr = want;
    if (want != UINT64_MAX) {
        mem_add_prio(b->kind == PCI_BAR_IO ? bus->io : bus->mem, want, b->region, 1);
    }
}

static void pci_update_mappings(PciDevice *d)
{
    mem_transaction_begin();
    for (unsigned n = 0; n <= PCI_ROM_BAR; n++) {
        pci_update_bar(d, n);
    }
    mem_set_enabled(&d->bus_master_view, ld_le16(d->config + PCI_COMMAND) & PCI_COMMAND_MASTER);
    mem_transaction_commit();
}

void pci_add_bar(PciDevice *d, unsigned bar, PciBarKind kind, MemRegion *region)
{
    static const uint8_t type_bits[] = { [PCI_BAR_IO] = 1, [PCI_BAR_MEM32] = 0, [PCI_BAR_MEM32_PREFETCH] = 8,
                                         [PCI_BAR_MEM64] = 4, [PCI_BAR_MEM64_PREFETCH] = 12 };
    assert(bar <= PCI_ROM_BAR && is_pow2(region->size) && !d->bars[bar].region);
    PciBar *b = &d->bars[bar];
    *b = (PciBar){ .region = region, .kind = kind, .size = region->size, .addr = UINT64_MAX };
    unsigned reg = pci_bar_offset(bar);
    uint64_t mask = ~(region->size - 1);
    st_le32(d->config + reg, bar == PCI_ROM_BAR ? 0 : type_bits[kind]);
    st_le32(d->wmask + reg, (uint32_t)mask | (bar == PCI_ROM_BAR ? PCI_ROM_ENABLE : 0));
    if (pci_bar_is_64(b)) {
        assert(bar < PCI_NUM_BARS - 1);
        st_le32(d->wmask + reg + 4, (uint32_t)(mask >> 32));
    }
}

void pci_remove_bars(PciDevice *d)
{
    mem_transaction_begin();
    for (unsigned n = 0; n <= PCI_ROM_BAR; n++) {
        PciBar *b = &d->bars[n];
        if (b->region && b->addr != UINT64_MAX) {
            mem_remove(b->region);
        }
        *b = (PciBar){ .addr = UINT64_MAX };
    }
    mem_transaction_commit();
}

/* ---- interrupts ---- */

static void pci_bus_change_line(PciBus *b, unsigned line, int delta)
{
    if (line < b->nirq) {
        int before = b->irq_count[line];
        b->irq_count[line] += delta;
        if (!before != !b->irq_count[line]) {
            b->set_irq(b->irq_opaque, line, b->irq_count[line] != 0);
        }
    }
}

/* Brings the bus's count in line with what the device drives and the command register lets through. */
static void pci_update_intx(PciDevice *d)
{
    PciBus *b = pci_bus_of(d);
    uint8_t pin = d->config[PCI_INTERRUPT_PIN];
    bool shown = d->intx_level && !(ld_le16(d->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);

    if (d->intx_level) {
        d->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
    } else {
        d->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
    }
    if (shown == (d->intx_shown != 0) || pin < 1 || pin > 4 || !b->map_irq) {
        return;
    }
    d->intx_shown = shown;
    pci_bus_change_line(b, b->map_irq(b->irq_opaque, (unsigned)d->devfn, pin - 1u), shown ? 1 : -1);
}

void pci_set_intx_pin(PciDevice *d, unsigned pin)
{
    assert(pin <= 4 && !d->intx_shown);
    d->config[PCI_INTERRUPT_PIN] = (uint8_t)pin;
}

void pci_set_intx(PciDevice *d, int level)
{
    if (d->intx_level != (level != 0)) {
        d->intx_level = level != 0;
        pci_update_intx(d);
    }
}

int pci_bus_irq_level(const PciBus *b, unsigned line)
{
    return line < b->nirq && b->irq_count[line] > 0;
}

void pci_bus_set_irq(PciBus *b, unsigned nirq, unsigned (*map_irq)(void *, unsigned devfn, unsigned pin),
                     void (*set_irq)(void *opaque, unsigned line, int level), void *opaque)
{
    assert(nirq <= G_N_ELEMENTS(b->irq_count));
    b->nirq = nirq;
    b->map_irq = map_irq;
    b->set_irq = set_irq;
    b->irq_opaque = opaque;
}

/* ---- configuration space ---- */

uint32_t pci_config_read_default(PciDevice *d, unsigned addr, unsigned len)
{
    if (addr >= PCI_CONFIG_SIZE || len > PCI_CONFIG_SIZE - addr || (len != 1 && len != 2 && len != 4)) {
        return UINT32_MAX;
    }
    return (uint32_t)ld_le(d->config + addr, len);
}

static bool pci_ranges_meet(unsigned a, unsigned alen, unsigned b, unsigned blen)
{
    return a < b + blen && b < a + alen;
}

void pci_config_write_default(PciDevice *d, unsigned addr, uint32_t val, unsigned len)
{
    if (addr >= PCI_CONFIG_SIZE || len > PCI_CONFIG_SIZE - addr || len > 4) {
        return;
    }
    for (unsigned i = 0; i < len; i++) {
        unsigned at = addr + i;
        uint8_t byte = (uint8_t)(val >> (8 * i));
        d->config[at] = (uint8_t)((d->config[at] & ~d->wmask[at]) | (byte & d->wmask[at]));
        d->config[at] &= (uint8_t)~(byte & d->w1cmask[at]);
    }
    bool command = pci_ranges_meet(addr, len, PCI_COMMAND, 2);
    if (command || pci_ranges_meet(addr, len, PCI_BASE_ADDRESS_0, 4 * PCI_NUM_BARS) ||
        pci_ranges_meet(addr, len, PCI_ROM_ADDRESS, 4)) {
        pci_update_mappings(d);
    }
    if (command) {
        pci_update_intx(d);
    }
}

static PciDevice *pci_bus_target(PciBus *b, uint8_t bus, uint8_t devfn)
{
    return bus == b->bus_num ? b->devices[devfn] : NULL;
}

uint32_t pci_bus_config_read(PciBus *b, uint8_t bus, uint8_t devfn, unsigned addr, unsigned len)
{
    PciDevice *d = pci_bus_target(b, bus, devfn);
    uint32_t ones = len >= 4 ? UINT32_MAX : (1u << (8 * len)) - 1;
    if (!d || !d->dev.realized) {
        return ones;
    }
    const PciClass *c = pci_class(d);
    uint32_t val = c->config_read ? c->config_read(d, addr, len) : pci_config_read_default(d, addr, len);
    if (log_on(LOG_PCI)) {
        log_guest(LOG_PCI, "pci: read %s %02x.%x [%02x] %u = %x\n", d->dev.cls->name, PCI_SLOT(devfn),
                  PCI_FUNC(devfn), addr, len, val & ones);
    }
    return val & ones;
}

void pci_bus_config_write(PciBus *b, uint8_t bus, uint8_t devfn, unsigned addr, uint32_t val, unsigned len)
{
    PciDevice *d = pci_bus_target(b, bus, devfn);
    if (!d || !d->dev.realized) {
        return;
    }
    if (log_on(LOG_PCI)) {
        log_guest(LOG_PCI, "pci: write %s %02x.%x [%02x] %u := %x\n", d->dev.cls->name, PCI_SLOT(devfn),
                  PCI_FUNC(devfn), addr, len, val);
    }
    const PciClass *c = pci_class(d);
    if (c->config_write) {
        c->config_write(d, addr, val, len);
    } else {
        pci_config_write_default(d, addr, val, len);
    }
}

unsigned pci_add_capability(PciDevice *d, uint8_t id, unsigned len)
{
    unsigned at = (unsigned)align_up(d->next_cap, 4);
    if (len < 2 || at + len > PCI_CONFIG_SIZE) {
        return 0;
    }
    d->next_cap = (uint16_t)(at + len);
    d->config[at] = id;
    d->config[at + 1] = d->config[PCI_CAPABILITY_LIST];
    d->config[PCI_CAPABILITY_LIST] = (uint8_t)at;
    d->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    return at;
}

/* A state that was refused half-way may have left anything in the bits that say which device this is. */
static void pci_restore_identity(PciDevice *d)
{
    for (unsigned i = 0; i < sizeof(d->header) && d->header_known; i++) {
        uint8_t free_bits = d->wmask[i] | d->w1cmask[i];
        d->config[i] = (uint8_t)((d->config[i] & free_bits) | (d->header[i] & ~free_bits));
    }
}

void pci_reset_common(PciDevice *d)
{
    pci_restore_identity(d);
    pci_set_intx(d, 0);
    st_le16(d->config + PCI_COMMAND, 0);
    for (unsigned i = PCI_STATUS; i < PCI_STATUS + 2; i++) {
        d->config[i] &= (uint8_t)~d->w1cmask[i];
    }
    d->config[PCI_CACHE_LINE_SIZE] = 0;
    d->config[PCI_LATENCY_TIMER] = 0;
    d->config[PCI_INTERRUPT_LINE] = 0;
    for (unsigned n = 0; n <= PCI_ROM_BAR; n++) {
        unsigned reg = pci_bar_offset(n), len = d->bars[n].region && pci_bar_is_64(&d->bars[n]) ? 8 : 4;
        for (unsigned i = reg; i < reg + len && d->bars[n].region; i++) {
            d->config[i] &= (uint8_t)~d->wmask[i];
        }
    }
    pci_update_mappings(d);
    memcpy(d->header, d->config, sizeof(d->header));
    d->header_known = true;
}

/* ---- state ---- */

/* The header's read-only bits say which device this is: a state of another one must not load. */
static bool pci_device_post_load(void *opaque, int version, Error **errp)
{
    PciDevice *d = opaque;
    (void)version;
    bool ok = d->intx_level <= 1;
    for (unsigned i = 0; i < sizeof(d->header) && ok; i++) {
        uint8_t free_bits = d->wmask[i] | d->w1cmask[i];
        if (i == PCI_STATUS) {
            free_bits |= PCI_STATUS_INTERRUPT;
        }
        if ((d->config[i] ^ d->header[i]) & ~free_bits) {
            error_set(errp, "PCI configuration byte 0x%02x is 0x%02x, which a %s at %02x.%x cannot have", i, d->config[i],
                      d->dev.cls->name, PCI_SLOT(d->devfn), PCI_FUNC(d->devfn));
            ok = false;
        }
    }
    if (!ok) {
        if (d->intx_level > 1) {
            error_set(errp, "interrupt level %u of %s is neither 0 nor 1", d->intx_level, d->dev.cls->name);
        }
        d->intx_level = 0;
        memcpy(d->config, d->header, sizeof(d->header));
    }
    pci_update_mappings(d);
    pci_update_intx(d);
    return ok;
}

static const VMStateField pci_device_fields[] = {
    VMS_BUFFER(PciDevice, config),
    VMS_UINT(PciDevice, intx_level),
    VMS_END,
};
const VMState pci_device_state = {
    .name = "pci-device", .version = 1, .fields = pci_device_fields, .post_load = pci_device_post_load,
};

/* ---- the bus: attaching and detaching ---- */

static bool pci_slot_empty(const PciBus *b, unsigned slot)
{
    for (unsigned fn = 0; fn < 8; fn++) {
        if (b->devices[PCI_DEVFN(slot, fn)]) {
            return false;
        }
    }
    return true;
}

static bool pci_bus_choose_devfn(PciBus *b, PciDevice *d, Error **errp)
{
    if (d->devfn < 0) {
        for (unsigned slot = 0; slot < 32; slot++) {
            if (pci_slot_empty(b, slot)) {
                d->devfn = (int16_t)PCI_DEVFN(slot, 0);
                return true;
            }
        }
        error_set(errp, "PCI bus %s has no free slot for %s", b->bus.name, d->dev.cls->name);
        error_add_hint(errp, "Put several devices into one slot: multifunction=on,addr=SLOT.0 and addr=SLOT.1 to SLOT.7");
        return false;
    }
    unsigned slot = PCI_SLOT(d->devfn), fn = PCI_FUNC(d->devfn);
    PciDevice *there = b->devices[d->devfn];
    if (there) {
        error_set(errp, "PCI: slot %u function %u not available for %s, in use by %s%s%s", slot, fn, d->dev.cls->name,
                  there->dev.cls->name, there->dev.id ? ",id=" : "", there->dev.id ? there->dev.id : "");
        return false;
    }
    PciDevice *first = b->devices[PCI_DEVFN(slot, 0)];
    if (fn && first && !first->multifunction) {
        error_set(errp, "PCI: %u.%u cannot take %s: %s in function 0 is not multifunction", slot, fn, d->dev.cls->name,
                  first->dev.cls->name);
        error_add_hint(errp, "Add multifunction=on to the device at addr=%x.0", slot);
        return false;
    }
    if (!fn && !d->multifunction && !pci_slot_empty(b, slot)) {
        error_set(errp, "PCI: %u.0 indicates single function, but other functions of the slot are populated", slot);
        error_add_hint(errp, "Add multifunction=on to the device at addr=%x.0", slot);
        return false;
    }
    return true;
}

static void pci_init_config(PciDevice *d)
{
    const PciClass *c = pci_class(d);
    uint8_t *config = d->config;
    st_le16(config + PCI_VENDOR_ID, c->vendor_id);
    st_le16(config + PCI_DEVICE_ID, c->device_id);
    config[PCI_REVISION_ID] = c->revision;
    config[PCI_CLASS_PROG] = (uint8_t)c->class_code;
    st_le16(config + PCI_CLASS_DEVICE, (uint16_t)(c->class_code >> 8));
    st_le16(config + PCI_SUBSYSTEM_VENDOR_ID, c->subsystem_vendor_id ? c->subsystem_vendor_id : PCI_SUBVENDOR_DEFAULT);
    st_le16(config + PCI_SUBSYSTEM_ID, c->subsystem_vendor_id ? c->subsystem_id : PCI_SUBSYSTEM_DEFAULT);
    d->multifunction |= c->multifunction;
    config[PCI_HEADER_TYPE] = d->multifunction ? PCI_HEADER_MULTIFUNCTION : 0;
    st_le16(d->wmask + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_SERR |
            PCI_COMMAND_INTX_DISABLE);
    st_le16(d->w1cmask + PCI_STATUS, 0xf900); /* parity, system, master abort, target abort errors */
    d->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
    d->wmask[PCI_LATENCY_TIMER] = 0xff;
    d->wmask[PCI_INTERRUPT_LINE] = 0xff;
    d->next_cap = 0x40;
}

/* romfile= (or the class's own) as a ROM behind the expansion ROM register. */
static bool pci_add_rom(PciDevice *d, Error **errp)
{
    const char *file = d->romfile ? d->romfile : pci_class(d)->romfile;
    if (!file || !*file || !d->rombar) {
        return true;
    }
    char *path = datafile_find(file, errp);
    GBytes *data = path ? datafile_load(path, PCI_ROM_MAX, errp) : NULL;
    bool ok = false;
    if (data) {
        size_t len;
        const void *bytes = g_bytes_get_data(data, &len);
        uint64_t size = 2 * KiB;
        while (size < len) {
            size <<= 1;
        }
        if (len == 0) {
            error_set(errp, "expansion ROM file %s is empty", path);
        } else if (mem_init_rom(&d->rom, file, size, errp)) {
            memcpy(mem_ram_ptr(&d->rom), bytes, len);
            pci_add_bar(d, PCI_ROM_BAR, PCI_BAR_MEM32, &d->rom);
            ok = true;
        }
        g_bytes_unref(data);
    }
    g_free(path);
    return ok;
}

static void pci_bus_detach(Bus *bus, Device *dev)
{
    PciBus *b = container_of(bus, PciBus, bus);
    PciDevice *d = pci_device(dev);
    pci_set_intx(d, 0);
    pci_remove_bars(d);
    if (d->rom.name) {
        mem_destroy(&d->rom);
        d->rom.name = NULL;
    }
    address_space_destroy(&d->dma);
    mem_destroy(&d->bus_master_view);
    mem_destroy(&d->bus_master);
    if (d->devfn >= 0 && b->devices[d->devfn] == d) {
        b->devices[d->devfn] = NULL;
    }
}

static bool pci_bus_attach(Bus *bus, Device *dev, Error **errp)
{
    PciBus *b = container_of(bus, PciBus, bus);
    PciDevice *d = pci_device(dev);
    d->multifunction |= pci_class(d)->multifunction;
    if (!pci_bus_choose_devfn(b, d, errp)) {
        return false;
    }
    pci_init_config(d);
    for (unsigned n = 0; n <= PCI_ROM_BAR; n++) {
        d->bars[n].addr = UINT64_MAX;
    }
    mem_init_container(&d->bus_master, "bus master", MEM_SIZE_MAX);
    mem_init_alias(&d->bus_master_view, "bus master memory", b->dma_as->root, 0, MEM_SIZE_MAX);
    mem_set_enabled(&d->bus_master_view, false);
    mem_add(&d->bus_master, 0, &d->bus_master_view);
    address_space_init(&d->dma, &d->bus_master, dev->cls->name);
    b->devices[d->devfn] = d;
    if (!pci_add_rom(d, errp)) {
        pci_bus_detach(bus, dev);
        return false;
    }
    return true;
}

static void pci_bus_reset_device(Bus *bus, Device *dev)
{
    (void)bus;
    pci_reset_common(pci_device(dev));
}

static void pci_bus_print_device(Bus *bus, Device *dev, GString *out)
{
    pci_print_device_line(container_of(bus, PciBus, bus), pci_device(dev), out);
}

static const BusClass pci_bus_class = {
    .kind = BUS_PCI, .type = "PCI", .attach = pci_bus_attach, .detach = pci_bus_detach,
    .reset_device = pci_bus_reset_device, .print_device = pci_bus_print_device,
};

void pci_bus_init(PciBus *b, Device *parent, const char *name, MemRegion *mem, MemRegion *io, AddressSpace *dma_as)
{
    b->mem = mem;
    b->io = io;
    b->dma_as = dma_as;
    bus_init(&b->bus, &pci_bus_class, parent, name);
}

PciDevice *pci_create(PciBus *b, int devfn, const DeviceClass *cls, Error **errp)
{
    Device *dev = device_new(cls);
    pci_device(dev)->devfn = (int16_t)devfn;
    if (!device_realize(dev, &b->bus, errp)) {
        device_free(dev);
        return NULL;
    }
    return pci_device(dev);
}

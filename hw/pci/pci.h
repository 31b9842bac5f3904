/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI devices and buses (PCI Local Bus Specification 3.0).  Under the big lock.
 *
 * A PCI device's constant class has bus = BUS_PCI and bus_class = &(PciClass){...}.  Its realize runs after the bus
 * has filled the configuration space's identification, so it adds BARs and capabilities there.
 * The address of configuration registers is a byte offset; values are little-endian.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "system/device.h"
#include "system/memory.h"

#define PCI_CONFIG_SIZE 256
#define PCI_DEVFN(slot, fn) (((slot) << 3) | (fn))
#define PCI_SLOT(devfn) (((devfn) >> 3) & 31)
#define PCI_FUNC(devfn) ((devfn) & 7)
#define PCI_NUM_BARS 6
#define PCI_ROM_BAR 6

/* Configuration header (section 6.1). */
enum {
    PCI_VENDOR_ID = 0x00, PCI_DEVICE_ID = 0x02, PCI_COMMAND = 0x04, PCI_STATUS = 0x06, PCI_REVISION_ID = 0x08,
    PCI_CLASS_PROG = 0x09, PCI_CLASS_DEVICE = 0x0a, PCI_CACHE_LINE_SIZE = 0x0c, PCI_LATENCY_TIMER = 0x0d,
    PCI_HEADER_TYPE = 0x0e, PCI_BIST = 0x0f, PCI_BASE_ADDRESS_0 = 0x10, PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
    PCI_SUBSYSTEM_ID = 0x2e, PCI_ROM_ADDRESS = 0x30, PCI_CAPABILITY_LIST = 0x34, PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d, PCI_MIN_GNT = 0x3e, PCI_MAX_LAT = 0x3f,
};
enum { PCI_COMMAND_IO = 1, PCI_COMMAND_MEMORY = 2, PCI_COMMAND_MASTER = 4, PCI_COMMAND_SERR = 0x100,
       PCI_COMMAND_INTX_DISABLE = 0x400 };
enum { PCI_STATUS_INTERRUPT = 0x08, PCI_STATUS_CAP_LIST = 0x10, PCI_STATUS_FAST_BACK = 0x80, PCI_STATUS_DEVSEL_MEDIUM = 0x200 };

typedef struct PciDevice PciDevice;
typedef struct PciBus PciBus;

typedef struct PciClass {
    uint16_t vendor_id, device_id;
    uint8_t revision;
    uint32_t class_code; /* 24 bits: class, subclass, prog-if */
    uint16_t subsystem_vendor_id, subsystem_id; /* 0: 1af4:1100 */
    bool multifunction;  /* function 0 of a multi-function slot */
    const char *romfile; /* default expansion ROM; NULL: none */
    /* Called instead of the default; they call pci_config_read_default / _write_default themselves. NULL: default. */
    uint32_t (*config_read)(PciDevice *d, unsigned addr, unsigned len);
    void (*config_write)(PciDevice *d, unsigned addr, uint32_t val, unsigned len);
} PciClass;

typedef enum PciBarKind { PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM32_PREFETCH, PCI_BAR_MEM64, PCI_BAR_MEM64_PREFETCH } PciBarKind;

typedef struct PciBar {
    MemRegion *region; /* NULL: not there */
    PciBarKind kind;
    uint64_t size;     /* power of two */
    uint64_t addr;     /* where it is mapped; UINT64_MAX: unmapped */
} PciBar;

struct PciDevice {
    Device dev;
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t wmask[PCI_CONFIG_SIZE]; /* bits that the guest may write */
    uint8_t w1cmask[PCI_CONFIG_SIZE]; /* bits that a written 1 clears */
    PciBar bars[PCI_NUM_BARS + 1];
    int16_t devfn;      /* -1 until attached; property addr= */
    bool multifunction; /* property */
    char *romfile;      /* property; "" : none */
    bool rombar;        /* property */
    MemRegion rom;
    uint8_t intx_level; /* what the device drives */
    uint8_t intx_shown; /* what the bus counts of it: pci.c's own */
    uint8_t header[64]; /* the header after reset: pci.c's own, tells what a loaded state may not change */
    bool header_known;
    MemRegion bus_master; /* container: alias of memory, enabled by PCI_COMMAND_MASTER */
    MemRegion bus_master_view; /* that alias */
    AddressSpace dma;   /* what the device reaches by DMA */
    uint16_t next_cap;  /* free config offset for capabilities */
    /* MSI, MSI-X: private to pci-msi.c (later) */
};

/* In props tables of PCI devices: PCI_PROPS first. */
#define PCI_PROPS \
    { .name = "addr", .type = &prop_pci_devfn, .offset = offsetof(PciDevice, devfn), .def = "-1", \
      .help = "Slot and optional function number, example: 06.0 or 06" }, \
    { .name = "multifunction", .type = &prop_bool, .offset = offsetof(PciDevice, multifunction), .def = "off", \
      .help = "function 0 of a slot with several functions" }, \
    { .name = "romfile", .type = &prop_string, .offset = offsetof(PciDevice, romfile), .def = NULL, \
      .help = "expansion ROM file; empty for none" }, \
    { .name = "rombar", .type = &prop_bool, .offset = offsetof(PciDevice, rombar), .def = "on", \
      .help = "show the expansion ROM in a BAR" }
extern const PropType prop_pci_devfn;

/* Fields of every PCI device: VMS_STRUCT(MyDev, pci, pci_device_state) comes first in its table. Loading moves the BARs. */
extern const VMState pci_device_state;

/* A host bridge's or bridge's bus. */
struct PciBus {
    Bus bus;
    PciDevice *devices[256]; /* by devfn */
    MemRegion *mem, *io;     /* where BARs are mapped */
    AddressSpace *dma_as;    /* what masters reach */
    /* INTx: @pin 0..3 of @devfn -> line number; then the line's level (an OR over devices) is reported. */
    unsigned (*map_irq)(void *opaque, unsigned devfn, unsigned pin);
    void (*set_irq)(void *opaque, unsigned line, int level);
    void *irq_opaque;
    unsigned nirq;           /* lines, at most 32 */
    int irq_count[32];       /* devices that drive each line */
    uint8_t bus_num;
};
void pci_bus_init(PciBus *b, Device *parent, const char *name, MemRegion *mem, MemRegion *io, AddressSpace *dma_as);
void pci_bus_set_irq(PciBus *b, unsigned nirq, unsigned (*map_irq)(void *, unsigned devfn, unsigned pin),
                     void (*set_irq)(void *opaque, unsigned line, int level), void *opaque);
int pci_bus_irq_level(const PciBus *b, unsigned line);
/* Configuration access by CPU or firmware: all ones where nobody is. @len 1, 2 or 4, within one dword. */
uint32_t pci_bus_config_read(PciBus *b, uint8_t bus, uint8_t devfn, unsigned addr, unsigned len);
void pci_bus_config_write(PciBus *b, uint8_t bus, uint8_t devfn, unsigned addr, uint32_t val, unsigned len);
void pci_print(PciBus *b, GString *out); /* info pci */

/* For boards: device at a fixed devfn. */
PciDevice *pci_create(PciBus *b, int devfn, const DeviceClass *cls, Error **errp);

/* For devices, in realize. */
void pci_add_bar(PciDevice *d, unsigned bar, PciBarKind kind, MemRegion *region); /* size of region: power of two */
void pci_remove_bars(PciDevice *d); /* the framework calls it after unrealize */
/* Offset of a new capability of @len bytes with @id, or 0 when there is no room. */
unsigned pci_add_capability(PciDevice *d, uint8_t id, unsigned len);
void pci_set_intx_pin(PciDevice *d, unsigned pin); /* 1: INTA# ... 0: none */

/* Any time after realize. */
void pci_set_intx(PciDevice *d, int level);
uint32_t pci_config_read_default(PciDevice *d, unsigned addr, unsigned len);
void pci_config_write_default(PciDevice *d, unsigned addr, uint32_t val, unsigned len);
void pci_reset_common(PciDevice *d); /* command, BARs, interrupt line to their reset values; the bus calls it before class reset */

static inline PciDevice *pci_device(Device *d)
{
    return container_of(d, PciDevice, dev);
}

static inline MemResult pci_dma_read(PciDevice *d, hwaddr addr, void *buf, uint64_t len)
{
    return dma_read(&d->dma, addr, buf, len);
}

static inline MemResult pci_dma_write(PciDevice *d, hwaddr addr, const void *buf, uint64_t len)
{
    return dma_write(&d->dma, addr, buf, len);
}

#endif

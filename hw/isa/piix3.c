/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 82371SB PCI ISA IDE Xcelerator, function 0 (datasheet 290550, section 2.2): the ISA bus, the routing of the
 * four PCI interrupts to ISA lines (0x60-0x63) and the reset control register at port 0xcf9.  The timing and decode
 * registers are storage: ISA here has no wait states.  vCPU threads under the big lock.
 */
#include "util/osdep.h"
#include "hw/isa/piix3.h"
#include "system/runstate.h"
#include "util/bytes.h"

enum {
    PIIX3_IORT = 0x4c, PIIX3_XBCS = 0x4e, PIIX3_PIRQRC = 0x60, PIIX3_TOM = 0x69, PIIX3_MSTAT = 0x6a,
    PIIX3_MBIRQ = 0x70, PIIX3_MBDMA = 0x76, PIIX3_PCSC = 0x78, PIIX3_APICBASE = 0x80, PIIX3_DLC = 0x82,
    PIIX3_SMICNTL = 0xa0, PIIX3_SMIEN = 0xa2, PIIX3_SEE = 0xa4, PIIX3_FTMR = 0xa8, PIIX3_SMIREQ = 0xaa,
    PIIX3_CTLTMR = 0xac, PIIX3_CTHTMR = 0xae,
};
enum { PIIX3_PIRQ_OFF = 0x80, PIIX3_PIRQ_IRQ = 0x0f };
enum { RCR_SRST = 0x02, RCR_RCPU = 0x04 };
#define PIIX3_PIRQS 4
#define PIIX3_ROUTABLE 0xdef8u /* irqs 3-7, 9-12, 14, 15 */
#define PIIX3_RCR_OFFSET 1     /* 0xcf9 from 0xcf8 */

struct Piix3 {
    PciDevice pci;
    Piix3Wiring w;
    PciBus *pci_bus;
    IsaBus isa;
    uint16_t driven; /* ISA lines that a PIRQ holds high: derived */
    uint8_t rcr;
};

/* ---- PIRQ routing ---- */

static unsigned piix3_map_irq(void *opaque, unsigned devfn, unsigned pin)
{
    (void)opaque;
    return (PCI_SLOT(devfn) + pin + 3) & 3; /* slot 1's INTA# is PIRQA, slot 2's PIRQB, ... */
}

/* Drives each ISA line with the OR of the PIRQs that are routed to it. */
static void piix3_update_irqs(Piix3 *s)
{
    uint16_t want = 0;
    for (unsigned i = 0; i < PIIX3_PIRQS; i++) {
        uint8_t route = s->pci.config[PIIX3_PIRQRC + i];
        unsigned irq = route & PIIX3_PIRQ_IRQ;
        if (!(route & PIIX3_PIRQ_OFF) && ((PIIX3_ROUTABLE >> irq) & 1) && pci_bus_irq_level(s->pci_bus, i)) {
            want |= (uint16_t)(1u << irq);
        }
    }
    uint16_t changed = want ^ s->driven;
    s->driven = want;
    for (unsigned irq = 0; irq < 16; irq++) {
        if ((changed >> irq) & 1) {
            irq_set(s->isa.irqs[irq], (want >> irq) & 1);
        }
    }
}

static void piix3_set_irq(void *opaque, unsigned line, int level)
{
    (void)line;
    (void)level;
    piix3_update_irqs(opaque);
}

static void piix3_config_write(PciDevice *pci, unsigned addr, uint32_t val, unsigned len)
{
    pci_config_write_default(pci, addr, val, len);
    if (addr < PIIX3_PIRQRC + PIIX3_PIRQS && addr + len > PIIX3_PIRQRC) {
        piix3_update_irqs(container_of(pci, Piix3, pci));
    }
}

/* ---- reset control, port 0xcf9 ---- */

static uint8_t piix3_narrow_read(void *opaque, unsigned off)
{
    Piix3 *s = opaque;
    return off == PIIX3_RCR_OFFSET ? s->rcr : 0xff;
}

static void piix3_narrow_write(void *opaque, unsigned off, uint8_t val)
{
    Piix3 *s = opaque;
    if (off != PIIX3_RCR_OFFSET) {
        return;
    }
    bool reset = (val & RCR_RCPU) && !(s->rcr & RCR_RCPU);
    s->rcr = val & RCR_SRST;
    if (reset) {
        request_reset(SHUTDOWN_GUEST_RESET);
    }
}

static const PciHostNarrow piix3_narrow = { .read = piix3_narrow_read, .write = piix3_narrow_write };

/* ---- device ---- */

static bool piix3_realize(Device *dev, Error **errp)
{
    Piix3 *s = container_of(dev, Piix3, pci.dev);
    (void)errp;
    s->pci_bus = container_of(dev->bus, PciBus, bus);
    memset(s->pci.wmask + 0x40, 0xff, PCI_CONFIG_SIZE - 0x40);
    for (unsigned i = 0; i < PIIX3_PIRQS; i++) {
        s->pci.wmask[PIIX3_PIRQRC + i] = PIIX3_PIRQ_OFF | PIIX3_PIRQ_IRQ;
    }
    isa_bus_init(&s->isa, dev, "isa.0", s->w.isa_memory, s->w.io);
    memcpy(s->isa.irqs, s->w.irqs, sizeof(s->isa.irqs));
    pci_bus_set_irq(s->pci_bus, PIIX3_PIRQS, piix3_map_irq, piix3_set_irq, s);
    pci_host_set_narrow(s->w.ports, &piix3_narrow, s);
    return true;
}

static void piix3_unrealize(Device *dev)
{
    Piix3 *s = container_of(dev, Piix3, pci.dev);
    pci_host_set_narrow(s->w.ports, NULL, NULL);
    pci_bus_set_irq(s->pci_bus, 0, NULL, NULL, NULL);
    bus_destroy(&s->isa.bus);
}

static void piix3_reset(Device *dev)
{
    Piix3 *s = container_of(dev, Piix3, pci.dev);
    uint8_t *c = s->pci.config;
    memset(c + 0x40, 0, PCI_CONFIG_SIZE - 0x40);
    st_le16(c + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    st_le16(c + PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM);
    c[PIIX3_IORT] = 0x4d;
    c[PIIX3_XBCS] = 0x03;
    memset(c + PIIX3_PIRQRC, PIIX3_PIRQ_OFF, PIIX3_PIRQS);
    c[PIIX3_TOM] = 0x02;
    c[PIIX3_MBIRQ] = 0x80;
    c[PIIX3_MBIRQ + 1] = 0x80;
    c[PIIX3_MBDMA] = 0x0c;
    c[PIIX3_MBDMA + 1] = 0x0c;
    c[PIIX3_PCSC] = 0x02;
    c[PIIX3_SMICNTL] = 0x08;
    c[PIIX3_FTMR] = 0x0f;
    s->rcr = 0;
    memcpy(s->pci.header, c, sizeof(s->pci.header));
    piix3_update_irqs(s);
}

static bool piix3_post_load(void *opaque, int version, Error **errp)
{
    Piix3 *s = opaque;
    (void)version;
    (void)errp;
    for (unsigned i = 0x40; i < PCI_CONFIG_SIZE; i++) {
        s->pci.config[i] &= s->pci.wmask[i];
    }
    s->rcr &= RCR_SRST;
    piix3_update_irqs(s);
    return true;
}

static const VMStateField piix3_fields[] = {
    VMS_STRUCT(Piix3, pci, pci_device_state),
    VMS_UINT(Piix3, rcr),
    VMS_END,
};
static const VMState piix3_state = { .name = "PIIX3", .version = 1, .fields = piix3_fields,
                                     .post_load = piix3_post_load };
static const PciClass piix3_pci_class = {
    .vendor_id = 0x8086, .device_id = 0x7000, .class_code = 0x060100, .multifunction = true,
    .config_write = piix3_config_write,
};
static const Prop piix3_props[] = { PCI_PROPS, PROP_END };
static const DeviceClass piix3_class = {
    .name = "PIIX3", .desc = "ISA bridge", .category = "Bridge", .bus = BUS_PCI, .size = sizeof(Piix3),
    .props = piix3_props, .state = &piix3_state, .realize = piix3_realize, .reset = piix3_reset,
    .unrealize = piix3_unrealize, .bus_class = &piix3_pci_class,
};
DEVICE_REGISTER(piix3_class);

Piix3 *piix3_create(PciBus *bus, const Piix3Wiring *w, Error **errp)
{
    Device *dev = device_new(&piix3_class);
    Piix3 *s = container_of(dev, Piix3, pci.dev);
    s->w = *w;
    s->pci.devfn = PCI_DEVFN(1, 0);
    if (!device_realize(dev, &bus->bus, errp)) {
        device_free(dev);
        return NULL;
    }
    return s;
}

IsaBus *piix3_isa_bus(Piix3 *s)
{
    return &s->isa;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI configuration mechanism 1 (PCI Local Bus Specification 3.0, section 3.2.2.3.2): CONFIG_ADDRESS at 0xcf8 takes
 * dwords only; CONFIG_DATA at 0xcfc takes 1, 2 or 4 bytes.  vCPU threads under the big lock.
 */
#include "util/osdep.h"
#include "hw/pci/pci-host.h"

#define PCI_HOST_ENABLE 0x80000000u
#define PCI_HOST_ADDR_BITS 0x80fffffcu

static uint64_t pci_host_address_read(void *opaque, hwaddr off, unsigned size)
{
    PciHost *h = opaque;
    if (size == 4) {
        return h->config_addr;
    }
    uint64_t val = 0;
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = h->narrow ? h->narrow->read(h->narrow_opaque, (unsigned)off + i) : 0xff;
        val |= (uint64_t)byte << (8 * i);
    }
    return val;
}

static void pci_host_address_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    PciHost *h = opaque;
    if (size == 4) {
        h->config_addr = (uint32_t)val & PCI_HOST_ADDR_BITS;
        return;
    }
    for (unsigned i = 0; i < size && h->narrow; i++) {
        h->narrow->write(h->narrow_opaque, (unsigned)off + i, (uint8_t)(val >> (8 * i)));
    }
}

static uint64_t pci_host_data_read(void *opaque, hwaddr off, unsigned size)
{
    PciHost *h = opaque;
    uint32_t a = h->config_addr;
    if (!(a & PCI_HOST_ENABLE)) {
        return UINT64_MAX;
    }
    return pci_bus_config_read(h->bus, (uint8_t)(a >> 16), (uint8_t)(a >> 8), (a & 0xfc) + (unsigned)off, size);
}

static void pci_host_data_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    PciHost *h = opaque;
    uint32_t a = h->config_addr;
    if (a & PCI_HOST_ENABLE) {
        pci_bus_config_write(h->bus, (uint8_t)(a >> 16), (uint8_t)(a >> 8), (a & 0xfc) + (unsigned)off, (uint32_t)val, size);
    }
}

static const MemOps pci_host_address_ops = {
    .read = pci_host_address_read, .write = pci_host_address_write, .min_size = 1, .max_size = 4,
};
static const MemOps pci_host_data_ops = {
    .read = pci_host_data_read, .write = pci_host_data_write, .min_size = 1, .max_size = 4,
};

void pci_host_init(PciHost *h, PciBus *bus, MemRegion *io)
{
    h->bus = bus;
    mem_init_io(&h->address, &pci_host_address_ops, h, "pci-conf-idx", 4);
    mem_init_io(&h->data, &pci_host_data_ops, h, "pci-conf-data", 4);
    mem_add(io, 0xcf8, &h->address);
    mem_add(io, 0xcfc, &h->data);
}

void pci_host_destroy(PciHost *h)
{
    mem_destroy(&h->data);
    mem_destroy(&h->address);
}

void pci_host_set_narrow(PciHost *h, const PciHostNarrow *narrow, void *opaque)
{
    h->narrow = narrow;
    h->narrow_opaque = opaque;
}

void pci_host_reset(PciHost *h)
{
    h->config_addr = 0;
}

static bool pci_host_post_load(void *opaque, int version, Error **errp)
{
    PciHost *h = opaque;
    (void)version;
    (void)errp;
    h->config_addr &= PCI_HOST_ADDR_BITS;
    return true;
}

static const VMStateField pci_host_fields[] = { VMS_UINT(PciHost, config_addr), VMS_END };
const VMState pci_host_state = {
    .name = "pci-host", .version = 1, .fields = pci_host_fields, .post_load = pci_host_post_load,
};

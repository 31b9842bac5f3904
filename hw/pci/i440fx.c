/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 82441FX PCI and Memory Controller (440FX PCIset datasheet, order number 290549, section 3): the host bridge
 * of the board `pc`.  Two devices: the bridge's CPU side (configuration ports, bus pci.0, memory map) and PCI function
 * 00:00.0 with the PAM registers 0x59-0x5f and SMRAM 0x72.  Configuration writes come from vCPU threads under the big
 * lock.  The DRAM type and timing registers are plain storage: RAM here has no geometry.
 */
#include "util/osdep.h"
#include "hw/pci/i440fx.h"
#include "system/runstate.h"
#include "util/bytes.h"

enum {
    I440FX_PMCCFG = 0x50, I440FX_DRAMC = 0x57, I440FX_DRAMT = 0x58, I440FX_PAM = 0x59, I440FX_DRB = 0x60,
    I440FX_FDHC = 0x68, I440FX_MTT = 0x70, I440FX_CLT = 0x71, I440FX_SMRAM = 0x72, I440FX_ERRCMD = 0x90,
    I440FX_ERRSTS = 0x91, I440FX_TRC = 0x93,
};
enum { SMRAM_G_SMRAME = 0x08, SMRAM_D_LCK = 0x10, SMRAM_D_CLS = 0x20, SMRAM_D_OPEN = 0x40, SMRAM_C_BASE = 0x02 };
enum { PAM_READ = 1, PAM_WRITE = 2 }; /* to RAM rather than to PCI */

#define I440FX_LOWMEM_LIMIT 0xe0000000u /* RAM up to here fits below 4 GiB as it is */
#define I440FX_LOWMEM_SPLIT 0xc0000000u /* with more, the rest goes to 4 GiB and up */
#define I440FX_PAM_COUNT 13
#define I440FX_PAM_REGS 7
#define I440FX_SMRAM_BASE 0xa0000
#define I440FX_SMRAM_SIZE 0x20000

typedef struct I440fx I440fx;

/* One segment of 0xc0000-0xfffff that a PAM nibble steers. */
typedef struct I440fxPam {
    I440fx *owner;
    uint32_t base, size;
    MemRegion ram, rom, split; /* read and write RAM; read RAM; read PCI, write RAM */
} I440fxPam;

struct I440fx {
    PciDevice pci;
    I440fxHost *host;
    I440fxPam pam[I440FX_PAM_COUNT];
    MemRegion smram_open; /* RAM at 0xa0000 for everybody */
    MemRegion smram_seen; /* the same for CPUs in SMM */
    RunstateNotifier notifier;
    uint8_t pam_kept[I440FX_PAM_REGS]; /* PAM while the guest sleeps in S3 */
};

struct I440fxHost {
    Device dev;
    I440fxWiring w;
    PciHost ports;
    PciBus bus;
    MemRegion pci_memory, ram_base, ram_below, ram_above, smm_all;
    AddressSpace as_pci; /* what segments in mode "read PCI" read */
};

uint64_t i440fx_ram_below_4g(uint64_t ram_size)
{
    return ram_size >= I440FX_LOWMEM_LIMIT ? I440FX_LOWMEM_SPLIT : ram_size;
}

/* ---- PAM and SMRAM ---- */

static uint64_t i440fx_split_read(void *opaque, hwaddr off, unsigned size)
{
    I440fxPam *p = opaque;
    uint64_t val = UINT64_MAX;
    address_space_load(&p->owner->host->as_pci, p->base + off, size, &val);
    return val;
}

static void i440fx_split_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    I440fxPam *p = opaque;
    MemRegion *ram = p->owner->host->w.low_ram;
    if (off <= p->size - size && p->base + off + size <= ram->size) {
        st_le(mem_ram_ptr(ram) + p->base + off, val, size);
        ram_written(ram->ram, p->base + off, size);
    }
}

static const MemOps i440fx_split_ops = {
    .read = i440fx_split_read, .write = i440fx_split_write, .min_size = 1, .max_size = 8, .unaligned = true,
};

/* Segment 0 is 0xf0000-0xfffff (high nibble of 0x59), 1..12 are 16 KiB each from 0xc0000 (low nibble of 0x5a first). */
static unsigned i440fx_pam_mode(const I440fx *d, unsigned segment)
{
    unsigned nibble = segment + 1;
    return (d->pci.config[I440FX_PAM + nibble / 2] >> (4 * (nibble & 1))) & (PAM_READ | PAM_WRITE);
}

static void i440fx_update_memory(I440fx *d)
{
    uint8_t smram = d->pci.config[I440FX_SMRAM];
    bool on = d->host->w.smm && (smram & SMRAM_G_SMRAME);

    mem_transaction_begin();
    for (unsigned i = 0; i < I440FX_PAM_COUNT; i++) {
        unsigned mode = i440fx_pam_mode(d, i);
        mem_set_enabled(&d->pam[i].ram, mode == (PAM_READ | PAM_WRITE));
        mem_set_enabled(&d->pam[i].rom, mode == PAM_READ);
        mem_set_enabled(&d->pam[i].split, mode == PAM_WRITE);
    }
    mem_set_enabled(&d->smram_open, on && (smram & SMRAM_D_OPEN));
    mem_set_enabled(&d->smram_seen, on);
    mem_transaction_commit();
}

static void i440fx_config_write(PciDevice *pci, unsigned addr, uint32_t val, unsigned len)
{
    I440fx *d = container_of(pci, I440fx, pci);
    uint8_t before = pci->config[I440FX_SMRAM];

    pci_config_write_default(pci, addr, val, len);
    if (before & SMRAM_D_LCK) { /* locked until reset */
        pci->config[I440FX_SMRAM] = before;
    } else if (pci->config[I440FX_SMRAM] & SMRAM_D_LCK) {
        pci->config[I440FX_SMRAM] &= (uint8_t)~SMRAM_D_OPEN;
    }
    if (addr <= I440FX_SMRAM && addr + len > I440FX_PAM) {
        i440fx_update_memory(d);
    }
}

static void i440fx_make_segments(I440fx *d)
{
    I440fxHost *h = d->host;
    for (unsigned i = 0; i < I440FX_PAM_COUNT; i++) {
        I440fxPam *p = &d->pam[i];
        p->owner = d;
        p->base = i == 0 ? 0xf0000 : 0xc0000 + (i - 1) * 0x4000;
        p->size = i == 0 ? 0x10000 : 0x4000;
        mem_init_alias(&p->ram, "pam-ram", h->w.ram, p->base, p->size);
        mem_init_alias(&p->rom, "pam-rom", h->w.ram, p->base, p->size);
        mem_set_readonly(&p->rom, true);
        mem_init_io(&p->split, &i440fx_split_ops, p, "pam-split", p->size);
        mem_set_enabled(&p->ram, false);
        mem_set_enabled(&p->rom, false);
        mem_set_enabled(&p->split, false);
        mem_add_prio(h->w.memory, p->base, &p->split, 1);
        mem_add_prio(h->w.memory, p->base, &p->rom, 1);
        mem_add_prio(h->w.memory, p->base, &p->ram, 1);
    }
}

/*
 * The wake-up from S3 resets the machine, but firmware resumes from its copy in shadow RAM and finds there that it ran
 * before: the memory map of 0xc0000-0xfffff lasts through the sleep, as RAM does.
 */
static void i440fx_suspend(RunstateNotifier *n)
{
    I440fx *d = container_of(n, I440fx, notifier);
    memcpy(d->pam_kept, d->pci.config + I440FX_PAM, sizeof(d->pam_kept));
}

static void i440fx_wakeup(RunstateNotifier *n)
{
    I440fx *d = container_of(n, I440fx, notifier);
    memcpy(d->pci.config + I440FX_PAM, d->pam_kept, sizeof(d->pam_kept));
    i440fx_update_memory(d);
}

/* ---- function 00.0 ---- */

static bool i440fx_realize(Device *dev, Error **errp)
{
    I440fx *d = container_of(dev, I440fx, pci.dev);
    (void)errp;
    d->host = container_of(dev->bus, I440fxHost, bus.bus);
    I440fxHost *h = d->host;
    static const uint8_t storage[] = { I440FX_PMCCFG, I440FX_PMCCFG + 1, I440FX_DRAMC, I440FX_DRAMT, I440FX_FDHC,
                                       I440FX_MTT, I440FX_CLT, I440FX_ERRCMD, I440FX_TRC };
    for (size_t i = 0; i < sizeof(storage); i++) {
        d->pci.wmask[storage[i]] = 0xff;
    }
    d->pci.wmask[I440FX_PAM] = 0x30;
    memset(d->pci.wmask + I440FX_PAM + 1, 0x33, 6);
    memset(d->pci.wmask + I440FX_DRB, 0xff, 8);
    d->pci.wmask[I440FX_SMRAM] = SMRAM_D_OPEN | SMRAM_D_CLS | SMRAM_D_LCK | SMRAM_G_SMRAME;
    d->pci.w1cmask[I440FX_ERRSTS] = 0x11;

    mem_transaction_begin();
    i440fx_make_segments(d);
    mem_init_alias(&d->smram_open, "smram-open", h->w.ram, I440FX_SMRAM_BASE, I440FX_SMRAM_SIZE);
    mem_set_enabled(&d->smram_open, false);
    mem_add_prio(h->w.memory, I440FX_SMRAM_BASE, &d->smram_open, 1);
    mem_init_alias(&d->smram_seen, "smram", h->w.ram, I440FX_SMRAM_BASE, I440FX_SMRAM_SIZE);
    mem_set_enabled(&d->smram_seen, false);
    mem_add_prio(h->w.memory_smm, I440FX_SMRAM_BASE, &d->smram_seen, 1);
    mem_transaction_commit();
    d->notifier = (RunstateNotifier){ .suspend = i440fx_suspend, .wakeup = i440fx_wakeup };
    runstate_notifier_add(&d->notifier);
    return true;
}

static void i440fx_unrealize(Device *dev)
{
    I440fx *d = container_of(dev, I440fx, pci.dev);
    runstate_notifier_remove(&d->notifier);
    mem_transaction_begin();
    for (unsigned i = 0; i < I440FX_PAM_COUNT; i++) {
        mem_destroy(&d->pam[i].ram);
        mem_destroy(&d->pam[i].rom);
        mem_destroy(&d->pam[i].split);
    }
    mem_destroy(&d->smram_open);
    mem_destroy(&d->smram_seen);
    mem_transaction_commit();
}

static void i440fx_reset(Device *dev)
{
    I440fx *d = container_of(dev, I440fx, pci.dev);
    uint8_t *config = d->pci.config;
    memset(config + 0x40, 0, PCI_CONFIG_SIZE - 0x40);
    st_le16(config + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    st_le16(config + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    config[I440FX_DRAMC] = 0x01;
    memset(config + I440FX_DRB, 0x01, 8);
    config[I440FX_SMRAM] = SMRAM_C_BASE;
    memcpy(d->pci.header, config, sizeof(d->pci.header));
    i440fx_update_memory(d);
}

/* Bits that no write can set come from reset; PAM and SMRAM take effect. */
static bool i440fx_post_load(void *opaque, int version, Error **errp)
{
    I440fx *d = opaque;
    (void)version;
    (void)errp;
    for (unsigned i = 0x40; i < PCI_CONFIG_SIZE; i++) {
        d->pci.config[i] &= d->pci.wmask[i];
    }
    for (unsigned i = 0; i < I440FX_PAM_REGS; i++) {
        d->pam_kept[i] &= d->pci.wmask[I440FX_PAM + i];
    }
    d->pci.config[I440FX_SMRAM] |= SMRAM_C_BASE;
    if (d->pci.config[I440FX_SMRAM] & SMRAM_D_LCK) {
        d->pci.config[I440FX_SMRAM] &= (uint8_t)~SMRAM_D_OPEN;
    }
    i440fx_update_memory(d);
    return true;
}

static const VMStateField i440fx_fields[] = { VMS_STRUCT(I440fx, pci, pci_device_state),
                                             VMS_BUFFER(I440fx, pam_kept), VMS_END };
static const VMState i440fx_state = { .name = "i440FX", .version = 1, .fields = i440fx_fields,
                                      .post_load = i440fx_post_load };
static const PciClass i440fx_pci_class = {
    .vendor_id = 0x8086, .device_id = 0x1237, .revision = 2, .class_code = 0x060000,
    .config_write = i440fx_config_write,
};
static const Prop i440fx_props[] = { PCI_PROPS, PROP_END };
static const DeviceClass i440fx_class = {
    .name = "i440FX", .desc = "Host bridge", .category = "Bridge", .bus = BUS_PCI, .size = sizeof(I440fx),
    .props = i440fx_props, .state = &i440fx_state, .realize = i440fx_realize, .reset = i440fx_reset,
    .unrealize = i440fx_unrealize, .bus_class = &i440fx_pci_class,
};
DEVICE_REGISTER(i440fx_class);

/* ---- the CPU's side ---- */

/* From 640 KiB to 1 MiB nothing is RAM unless SMRAM and PAM say so: the PCI side shows. */
static void i440fx_host_map_ram(I440fxHost *h)
{
    uint64_t below = i440fx_ram_below_4g(h->w.ram_size);
    mem_init_container(&h->pci_memory, "pci", MEM_SIZE_MAX);
    mem_add_prio(h->w.memory, 0, &h->pci_memory, -1);
    mem_init_alias(&h->ram_base, "ram-base", h->w.ram, 0, MIN(below, (uint64_t)I440FX_SMRAM_BASE));
    mem_add(h->w.memory, 0, &h->ram_base);
    if (below > MiB) {
        mem_init_alias(&h->ram_below, "ram-below-4g", h->w.ram, MiB, below - MiB);
        mem_add(h->w.memory, MiB, &h->ram_below);
    }
    if (h->w.ram_size > below) {
        mem_init_alias(&h->ram_above, "ram-above-4g", h->w.ram, below, h->w.ram_size - below);
        mem_add(h->w.memory, 4 * GiB, &h->ram_above);
    }
    mem_init_alias(&h->smm_all, "smm-memory", h->w.memory, 0, MEM_SIZE_MAX);
    mem_add(h->w.memory_smm, 0, &h->smm_all);
}

static bool i440fx_host_realize(Device *dev, Error **errp)
{
    I440fxHost *h = container_of(dev, I440fxHost, dev);
    (void)errp;
    mem_transaction_begin();
    i440fx_host_map_ram(h);
    pci_host_init(&h->ports, &h->bus, h->w.io);
    mem_transaction_commit();
    address_space_init(&h->as_pci, &h->pci_memory, "pci");
    pci_bus_init(&h->bus, dev, "pci.0", &h->pci_memory, h->w.io, h->w.dma_as);
    return true;
}

static void i440fx_host_reset(Device *dev)
{
    pci_host_reset(&container_of(dev, I440fxHost, dev)->ports);
}

static void i440fx_host_unrealize(Device *dev)
{
    I440fxHost *h = container_of(dev, I440fxHost, dev);
    bus_destroy(&h->bus.bus);
    address_space_destroy(&h->as_pci);
    mem_transaction_begin();
    pci_host_destroy(&h->ports);
    mem_destroy(&h->smm_all);
    if (h->ram_above.name) {
        mem_destroy(&h->ram_above);
    }
    if (h->ram_below.name) {
        mem_destroy(&h->ram_below);
    }
    mem_destroy(&h->ram_base);
    mem_destroy(&h->pci_memory);
    mem_transaction_commit();
}

static const VMStateField i440fx_host_fields[] = { VMS_STRUCT(I440fxHost, ports, pci_host_state), VMS_END };
static const VMState i440fx_host_state = { .name = "i440FX-pcihost", .version = 1, .fields = i440fx_host_fields };
static const DeviceClass i440fx_host_class = {
    .name = "i440FX-pcihost", .desc = "440FX host bridge", .category = "Bridge", .bus = BUS_SYSTEM,
    .size = sizeof(I440fxHost), .state = &i440fx_host_state, .realize = i440fx_host_realize,
    .reset = i440fx_host_reset, .unrealize = i440fx_host_unrealize,
};
DEVICE_REGISTER(i440fx_host_class);

I440fxHost *i440fx_create(Bus *root, const I440fxWiring *w, Error **errp)
{
    Device *dev = device_new(&i440fx_host_class);
    I440fxHost *h = container_of(dev, I440fxHost, dev);
    h->w = *w;
    if (!device_realize(dev, root, errp)) {
        device_free(dev);
        return NULL;
    }
    PciDevice *fn0 = pci_create(&h->bus, PCI_DEVFN(0, 0), &i440fx_class, errp);
    if (!fn0) {
        device_unrealize(dev);
        device_free(dev);
        return NULL;
    }
    return h;
}

PciBus *i440fx_bus(I440fxHost *h)
{
    return &h->bus;
}

PciHost *i440fx_config_ports(I440fxHost *h)
{
    return &h->ports;
}

MemRegion *i440fx_pci_memory(I440fxHost *h)
{
    return &h->pci_memory;
}

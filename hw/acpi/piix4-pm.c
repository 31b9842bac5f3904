/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 82371AB, function 3 (datasheet 290562, sections 7.1 to 7.3; ACPI 1.0, section 4.7): PM1 event and control
 * registers, the PM timer (3.579545 MHz on the virtual clock), the SMI command ports 0xb2/0xb3, a GPE block and the
 * SMBus host.  vCPU threads, timers and run-state notifiers, all under the big lock.
 */
#include "util/osdep.h"
#include "hw/acpi/piix4-pm.h"
#include "hw/i2c/piix4-smbus.h"
#include "system/runstate.h"
#include "util/bytes.h"
#include "util/timer.h"

enum { PM_PMBA = 0x40, PM_DEVACTB = 0x58, PM_PMREGMISC = 0x80, PM_SMBBA = 0x90, PM_SMBHSTCFG = 0xd2 };
enum { PM_DEVACTB_APMC_EN = 0x02 }; /* in byte 3 */
enum { PM_PORTS = 64, PM_SMBUS_DEFAULT = 0xb100 };

/* PM1 block. */
enum { PM1_STS = 0, PM1_EN = 2, PM1_CNT = 4, PM_TMR = 8 };
enum { STS_TMR = 0x0001, STS_BM = 0x0010, STS_GBL = 0x0020, STS_PWRBTN = 0x0100, STS_RTC = 0x0400, STS_WAK = 0x8000,
       STS_ALL = STS_TMR | STS_BM | STS_GBL | STS_PWRBTN | STS_RTC | STS_WAK };
enum { EN_ALL = STS_TMR | STS_GBL | STS_PWRBTN | STS_RTC };
enum { CNT_SCI_EN = 0x0001, CNT_SLP_TYP = 0x1c00, CNT_SLP_EN = 0x2000, CNT_ALL = 0x1c07 };
#define PM_TIMER_HZ 3579545
#define PM_TIMER_MASK 0xffffff
#define PM_TIMER_HALF 0x800000 /* bit 23 changes: TMR_STS */

struct Piix4Pm {
    PciDevice pci;
    Piix4PmWiring w;
    bool disable_s3, disable_s4; /* properties */
    Piix4Smbus smbus;
    MemRegion pm_io, smi_io, gpe_io;
    bool pm_mapped, smbus_mapped;
    Timer overflow;
    RunstateNotifier notifier;
    uint16_t sts, en, cnt;
    int64_t overflow_tick; /* timer count at which TMR_STS comes next */
    uint16_t gpe_sts, gpe_en;
    uint8_t apm_control, apm_status;
};

/* ---- events and the timer ---- */

static int64_t piix4_pm_ticks(void)
{
    return (int64_t)muldiv64((uint64_t)clock_ns(CLOCK_KIND_VIRTUAL), PM_TIMER_HZ, NS_PER_SEC);
}

/* First time at which the count is @ticks. */
static int64_t piix4_pm_ns_of(int64_t ticks)
{
    return (int64_t)muldiv64((uint64_t)ticks, NS_PER_SEC, PM_TIMER_HZ) + 1;
}

static void piix4_pm_rearm(Piix4Pm *s)
{
    s->overflow_tick = (piix4_pm_ticks() + PM_TIMER_HALF) & ~(int64_t)(PM_TIMER_HALF - 1);
}

static uint16_t piix4_pm_status(Piix4Pm *s)
{
    if (!(s->sts & STS_TMR) && piix4_pm_ticks() >= s->overflow_tick) {
        s->sts |= STS_TMR;
    }
    return s->sts;
}

static void piix4_pm_update_sci(Piix4Pm *s)
{
    uint16_t sts = piix4_pm_status(s);
    bool active = (sts & s->en & EN_ALL) || (s->gpe_sts & s->gpe_en);
    irq_set(s->w.sci, active && (s->cnt & CNT_SCI_EN));
    if ((s->en & STS_TMR) && !(sts & STS_TMR)) {
        timer_mod(&s->overflow, piix4_pm_ns_of(s->overflow_tick));
    } else {
        timer_del(&s->overflow);
    }
}

static void piix4_pm_overflow(void *opaque)
{
    piix4_pm_update_sci(opaque);
}

static void piix4_pm_powerdown(RunstateNotifier *n)
{
    Piix4Pm *s = container_of(n, Piix4Pm, notifier);
    s->sts |= STS_PWRBTN;
    piix4_pm_update_sci(s);
}

static void piix4_pm_wakeup(RunstateNotifier *n)
{
    Piix4Pm *s = container_of(n, Piix4Pm, notifier);
    s->sts |= STS_WAK | STS_PWRBTN;
    piix4_pm_update_sci(s);
}

/* ---- PM1 block ---- */

static void piix4_pm_sleep(Piix4Pm *s)
{
    switch ((s->cnt & CNT_SLP_TYP) >> 10) {
    case PIIX4_SLP_S5:
        request_shutdown(SHUTDOWN_GUEST_SHUTDOWN);
        break;
    case PIIX4_SLP_S3:
        if (!s->disable_s3) {
            irq_pulse(s->w.s3_sleep);
            request_suspend();
        }
        break;
    case PIIX4_SLP_S4:
        if (!s->disable_s4) {
            request_shutdown(SHUTDOWN_GUEST_SHUTDOWN);
        }
        break;
    default: /* no such state here: the guest goes on */
        break;
    }
}

static uint64_t piix4_pm_read(void *opaque, hwaddr off, unsigned size)
{
    Piix4Pm *s = opaque;
    uint32_t dword;
    switch (off & ~3u) {
    case PM1_STS: dword = piix4_pm_status(s) | (uint32_t)s->en << 16; break;
    case PM1_CNT: dword = s->cnt; break;
    case PM_TMR: dword = (uint32_t)piix4_pm_ticks() & PM_TIMER_MASK; break;
    default: dword = 0; break;
    }
    return bits(dword >> (8 * (off & 3)), 0, 8 * size);
}

static void piix4_pm_write_sts(Piix4Pm *s, uint16_t ones)
{
    uint16_t before = piix4_pm_status(s);
    s->sts = before & (uint16_t)~(ones & STS_ALL);
    if (before & ones & STS_TMR) {
        piix4_pm_rearm(s);
    }
}

static void piix4_pm_write_word(Piix4Pm *s, unsigned off, uint16_t v, uint16_t mask)
{
    switch (off) {
    case PM1_STS:
        piix4_pm_write_sts(s, v & mask);
        break;
    case PM1_EN:
        s->en = ((s->en & ~mask) | (v & mask)) & EN_ALL;
        break;
    case PM1_CNT:
        s->cnt = ((s->cnt & ~mask) | (v & mask)) & CNT_ALL;
        if (v & mask & CNT_SLP_EN) {
            piix4_pm_sleep(s);
        }
        break;
    default: /* the timer cannot be written; the rest of the block is not there */
        break;
    }
}

static void piix4_pm_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Piix4Pm *s = opaque;
    if (size == 1) {
        unsigned shift = 8 * (off & 1);
        piix4_pm_write_word(s, off & ~1u, (uint16_t)(val << shift), (uint16_t)(0xff << shift));
    } else {
        piix4_pm_write_word(s, (unsigned)off, (uint16_t)val, 0xffff);
        if (size == 4) {
            piix4_pm_write_word(s, (unsigned)off + 2, (uint16_t)(val >> 16), 0xffff);
        }
    }
    piix4_pm_update_sci(s);
}

static const MemOps piix4_pm_ops = { .read = piix4_pm_read, .write = piix4_pm_write, .min_size = 1, .max_size = 4 };

/* ---- SMI command ports, GPE block ---- */

static uint64_t piix4_smi_read(void *opaque, hwaddr off, unsigned size)
{
    Piix4Pm *s = opaque;
    (void)size;
    return off ? s->apm_status : s->apm_control;
}

static void piix4_smi_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Piix4Pm *s = opaque;
    (void)size;
    if (off) {
        s->apm_status = (uint8_t)val;
        return;
    }
    s->apm_control = (uint8_t)val;
    if (val == PIIX4_ACPI_ENABLE) {
        s->cnt |= CNT_SCI_EN;
        piix4_pm_update_sci(s);
    } else if (val == PIIX4_ACPI_DISABLE) {
        s->cnt &= (uint16_t)~CNT_SCI_EN;
        piix4_pm_update_sci(s);
    }
    if (s->pci.config[PM_DEVACTB + 3] & PM_DEVACTB_APMC_EN) {
        irq_pulse(s->w.smi);
    }
}

static const MemOps piix4_smi_ops = { .read = piix4_smi_read, .write = piix4_smi_write, .min_size = 1, .max_size = 1 };

static uint64_t piix4_gpe_read(void *opaque, hwaddr off, unsigned size)
{
    Piix4Pm *s = opaque;
    uint32_t dword = s->gpe_sts | (uint32_t)s->gpe_en << 16;
    (void)size;
    return (uint8_t)(dword >> (8 * off));
}

static void piix4_gpe_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Piix4Pm *s = opaque;
    unsigned shift = 8 * (off & 1);
    uint16_t mask = (uint16_t)(0xff << shift), v = (uint16_t)(val << shift);
    (void)size;
    if (off < 2) {
        s->gpe_sts &= (uint16_t)~(v & mask);
    } else {
        s->gpe_en = (uint16_t)((s->gpe_en & ~mask) | (v & mask));
    }
    piix4_pm_update_sci(s);
}

static const MemOps piix4_gpe_ops = { .read = piix4_gpe_read, .write = piix4_gpe_write, .min_size = 1, .max_size = 1 };

/* ---- configuration space ---- */

uint16_t piix4_pm_base(Piix4Pm *s)
{
    return s->pci.config[PM_PMREGMISC] & 1 ? ld_le16(s->pci.config + PM_PMBA) & 0xffc0 : 0;
}

static void piix4_pm_place(Piix4Pm *s, MemRegion *r, bool *mapped, uint16_t port)
{
    if (*mapped) {
        mem_remove(r);
    }
    *mapped = port != 0;
    if (port) {
        mem_add_prio(s->w.io, port, r, 1);
    }
}

static void piix4_pm_update_ports(Piix4Pm *s)
{
    uint8_t *c = s->pci.config;
    uint16_t smbus = c[PM_SMBHSTCFG] & 1 ? ld_le16(c + PM_SMBBA) & 0xffc0 : 0;
    mem_transaction_begin();
    piix4_pm_place(s, &s->pm_io, &s->pm_mapped, piix4_pm_base(s));
    piix4_pm_place(s, &s->smbus.io, &s->smbus_mapped, smbus);
    mem_transaction_commit();
}

static void piix4_pm_config_write(PciDevice *pci, unsigned addr, uint32_t val, unsigned len)
{
    pci_config_write_default(pci, addr, val, len);
    if (addr + len > PM_PMBA) {
        piix4_pm_update_ports(container_of(pci, Piix4Pm, pci));
    }
}

/* ---- device ---- */

static void piix4_pm_init_masks(PciDevice *d)
{
    st_le16(d->wmask + PCI_COMMAND, PCI_COMMAND_IO);
    memset(d->wmask + 0x44, 0xff, PM_PMREGMISC - 0x44);
    st_le16(d->wmask + PM_PMBA, 0xffc0);
    d->wmask[PM_PMREGMISC] = 0x01;
    st_le16(d->wmask + PM_SMBBA, 0xffc0);
    memset(d->wmask + PM_SMBHSTCFG, 0xff, 4);
    d->wmask[PM_SMBHSTCFG] = 0x0f;
}

static bool piix4_pm_realize(Device *dev, Error **errp)
{
    Piix4Pm *s = container_of(dev, Piix4Pm, pci.dev);
    (void)errp;
    piix4_pm_init_masks(&s->pci);
    pci_set_intx_pin(&s->pci, 1);
    timer_init(&s->overflow, CLOCK_KIND_VIRTUAL, piix4_pm_overflow, s);
    mem_init_io(&s->pm_io, &piix4_pm_ops, s, "piix4-pm", PM_PORTS);
    mem_init_io(&s->smi_io, &piix4_smi_ops, s, "apm-io", 2);
    mem_init_io(&s->gpe_io, &piix4_gpe_ops, s, "acpi-gpe0", PIIX4_GPE_LEN);
    mem_add(s->w.io, PIIX4_SMI_CMD, &s->smi_io);
    mem_add(s->w.io, PIIX4_GPE_BASE, &s->gpe_io);
    piix4_smbus_init(&s->smbus, dev);
    s->notifier = (RunstateNotifier){ .powerdown = piix4_pm_powerdown, .wakeup = piix4_pm_wakeup };
    runstate_notifier_add(&s->notifier);
    return true;
}

static void piix4_pm_unrealize(Device *dev)
{
    Piix4Pm *s = container_of(dev, Piix4Pm, pci.dev);
    runstate_notifier_remove(&s->notifier);
    timer_del(&s->overflow);
    mem_transaction_begin();
    mem_destroy(&s->pm_io);
    mem_destroy(&s->smi_io);
    mem_destroy(&s->gpe_io);
    piix4_smbus_destroy(&s->smbus);
    mem_transaction_commit();
}

static void piix4_pm_reset(Device *dev)
{
    Piix4Pm *s = container_of(dev, Piix4Pm, pci.dev);
    uint8_t *c = s->pci.config;
    memset(c + 0x40, 0, PCI_CONFIG_SIZE - 0x40);
    st_le16(c + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    c[PCI_INTERRUPT_LINE] = PIIX4_SCI_IRQ;
    c[PM_PMBA] = 0x01;
    st_le16(c + PM_SMBBA, PM_SMBUS_DEFAULT | 1);
    c[PM_SMBHSTCFG] = 0x09; /* host enabled, IRQ9 */
    /* Without SMM, firmware finds the SMI set up already and leaves it alone. */
    c[PM_DEVACTB + 3] = s->w.smi.set ? 0 : PM_DEVACTB_APMC_EN;
    memcpy(s->pci.header, c, sizeof(s->pci.header));
    s->sts = s->en = s->cnt = s->gpe_sts = s->gpe_en = 0;
    s->apm_control = s->apm_status = 0;
    piix4_smbus_reset(&s->smbus);
    piix4_pm_rearm(s);
    piix4_pm_update_ports(s);
    piix4_pm_update_sci(s);
}

static bool piix4_pm_post_load(void *opaque, int version, Error **errp)
{
    Piix4Pm *s = opaque;
    uint8_t *c = s->pci.config;
    (void)version;
    (void)errp;
    for (unsigned i = 0x40; i < PCI_CONFIG_SIZE; i++) {
        c[i] &= s->pci.wmask[i];
    }
    c[PM_PMBA] |= 1;
    c[PM_SMBBA] |= 1;
    s->sts &= STS_ALL;
    s->en &= EN_ALL;
    s->cnt &= CNT_ALL;
    /* A count that this clock can not reach next is as good as the next one. */
    int64_t now = piix4_pm_ticks();
    if (!(s->sts & STS_TMR) && (s->overflow_tick < 0 || s->overflow_tick > now + 2 * PM_TIMER_HALF)) {
        piix4_pm_rearm(s);
    }
    piix4_pm_update_ports(s);
    piix4_pm_update_sci(s);
    return true;
}

static const VMStateField piix4_pm_fields[] = {
    VMS_STRUCT(Piix4Pm, pci, pci_device_state),
    VMS_STRUCT(Piix4Pm, smbus, piix4_smbus_state),
    VMS_UINT(Piix4Pm, sts), VMS_UINT(Piix4Pm, en), VMS_UINT(Piix4Pm, cnt), VMS_UINT(Piix4Pm, overflow_tick),
    VMS_UINT(Piix4Pm, gpe_sts), VMS_UINT(Piix4Pm, gpe_en), VMS_UINT(Piix4Pm, apm_control),
    VMS_UINT(Piix4Pm, apm_status),
    VMS_END,
};
static const VMState piix4_pm_state = { .name = "piix4_pm", .version = 1, .fields = piix4_pm_fields,
                                        .post_load = piix4_pm_post_load };
static const PciClass piix4_pm_pci_class = {
    .vendor_id = 0x8086, .device_id = 0x7113, .revision = 3, .class_code = 0x068000,
    .config_write = piix4_pm_config_write,
};
static const Prop piix4_pm_props[] = {
    PCI_PROPS,
    PROP(Piix4Pm, disable_s3, "disable_s3", prop_bool, "off", "no suspend to RAM"),
    PROP(Piix4Pm, disable_s4, "disable_s4", prop_bool, "off", "no suspend to disk"),
    PROP_END,
};
static const DeviceClass piix4_pm_class = {
    .name = "PIIX4_PM", .desc = "PM", .category = "Bridge", .bus = BUS_PCI, .size = sizeof(Piix4Pm),
    .props = piix4_pm_props, .state = &piix4_pm_state, .realize = piix4_pm_realize, .reset = piix4_pm_reset,
    .unrealize = piix4_pm_unrealize, .bus_class = &piix4_pm_pci_class,
};
DEVICE_REGISTER(piix4_pm_class);

Piix4Pm *piix4_pm_create(PciBus *bus, unsigned slot, const Piix4PmWiring *w, Error **errp)
{
    Device *dev = device_new(&piix4_pm_class);
    Piix4Pm *s = container_of(dev, Piix4Pm, pci.dev);
    s->w = *w;
    s->pci.devfn = (int16_t)PCI_DEVFN(slot, 3);
    if (!device_realize(dev, &bus->bus, errp)) {
        device_free(dev);
        return NULL;
    }
    return s;
}

bool piix4_pm_s3_enabled(const Piix4Pm *s)
{
    return !s->disable_s3;
}

bool piix4_pm_s4_enabled(const Piix4Pm *s)
{
    return !s->disable_s4;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board `pc`: 440FX and PIIX3 with the chips of a PC around them, as `pc_init` below lists them.  Firmware is
 * mapped below 4 GiB and, its last 128 KiB, below 1 MiB, until PAM shadows it.  Called by machine_new(), main thread,
 * big lock; its interrupt lines are driven from wherever devices run, under the big lock.
 */
#include "util/osdep.h"
#include "hw/i386/pc.h"
#include "hw/block/fdc.h"
#include "hw/char/debugcon.h"
#include "hw/char/isa-serial.h"
#include "hw/dma/i8237.h"
#include "hw/i386/acpi.h"
#include "hw/i386/linux-loader.h"
#include "hw/i386/smbios.h"
#include "hw/i386/topology.h"
#include "hw/ide/piix3-ide.h"
#include "hw/input/i8042.h"
#include "hw/input/vmmouse.h"
#include "hw/intc/ioapic.h"
#include "hw/misc/pcspk.h"
#include "hw/misc/ferr.h"
#include "hw/misc/port92.h"
#include "hw/timer/hpet.h"
#include "util/timer.h"

enum { PC_PIT_PIN = 2 }; /* of the I/O APIC */
enum { PC_SLOT_SOUTHBRIDGE = 1, PC_SLOT_VGA = 2 };
enum { PC_CPUID_EDX_APIC = 1 << 9 };
#define PC_RAM_MIN (2 * MiB)
#define PC_BIOS_MAX (16 * MiB)
#define PC_BIOS_WINDOW (128 * KiB) /* of the firmware's end, seen below 1 MiB */

/* ---- lines ---- */

/* A global system interrupt: ISA lines reach the 8259s and the I/O APIC, the others the I/O APIC only. */
static void pc_gsi_set(void *opaque, int n, int level)
{
    PcBoard *b = opaque;
    if (n < 16) {
        irq_set(b->pic.in[n], level);
    }
    irq_set(b->ioapic_in[n], level);
}

/* Nobody may be interested in the PIT, which firmware leaves running: then it need not tick. */
static bool pc_notices_pit(void *opaque)
{
    PcBoard *b = opaque;
    return !b->pit_hidden && (i8259_notices(b->pic.master, 0) || (b->ioapic && ioapic_notices(b->ioapic, PC_PIT_PIN)));
}

static void pc_masks_changed(void *opaque, int n, int level)
{
    PcBoard *b = opaque;
    (void)n;
    if (level) {
        i8254_resume(b->pit);
    }
}

static void pc_watch_pit(PcBoard *b)
{
    IrqLine changed = { .set = pc_masks_changed, .opaque = b };
    i8254_set_watch(b->pit, pc_notices_pit, b);
    i8259_set_changed(b->pic.master, changed);
    if (b->ioapic) {
        ioapic_set_changed(b->ioapic, changed);
    }
}

static void pc_a20_set(void *opaque, int n, int level)
{
    (void)opaque;
    (void)n;
    vcpus_set_a20(level != 0);
}

static void pc_smi_set(void *opaque, int n, int level)
{
    (void)opaque;
    (void)n;
    if (level && vcpu_count()) {
        vcpu_event_set(vcpu_get(0), VCPU_EV_SMI);
    }
}

/* The HPET took over the interrupt of the PIT, which may be in the host's kernel. */
static void pc_pit_silent_set(void *opaque, int n, int level)
{
    PcBoard *b = opaque;
    (void)n;
    if (b->all_in_kernel) {
        b->irqchip->pit_silence(level);
        return;
    }
    b->pit_hidden = level;
    if (b->pit && !level) {
        i8254_resume(b->pit);
    }
}

/* The guest sleeps (S3): the shutdown byte tells firmware to take the resume path. */
static void pc_s3_set(void *opaque, int n, int level)
{
    PcBoard *b = opaque;
    (void)n;
    if (level) {
        mc146818_set_cmos(b->rtc, 0x0f, 0xfe);
    }
}

static int pc_pic_acknowledge(void *opaque)
{
    PcBoard *b = opaque;
    return i8259_acknowledge(b->pic.master);
}

/* ---- steps ---- */

static bool pc_create_bridges(PcBoard *b, Error **errp)
{
    Machine *m = b->m;
    I440fxWiring north = { .memory = &m->memory, .memory_smm = &m->memory_smm, .io = &m->io, .ram = &m->ram, .low_ram = m->low_ram,
                           .dma_as = &m->as_mem, .ram_size = m->cfg.ram_size, .smm = m->cfg.smm };
    b->irqchip = irqchip_kernel();
    b->all_in_kernel = b->irqchip && b->irqchip->all;
    for (int i = 0; i < PC_GSIS; i++) {
        b->gsi[i] = b->all_in_kernel ? irqchip_gsi(b->irqchip, i) : (IrqLine){ .set = pc_gsi_set, .opaque = b, .n = i };
    }
    b->northbridge = i440fx_create(&m->root, &north, errp);
    if (!b->northbridge) {
        return false;
    }
    b->pci = i440fx_bus(b->northbridge);
    Piix3Wiring south = { .isa_memory = i440fx_pci_memory(b->northbridge), .io = &m->io, .irqs = b->gsi,
                          .ports = i440fx_config_ports(b->northbridge) };
    b->southbridge = piix3_create(b->pci, &south, errp);
    if (!b->southbridge) {
        return false;
    }
    b->isa = piix3_isa_bus(b->southbridge);
    return true;
}

static bool pc_create_cpus(PcBoard *b, Error **errp)
{
    Machine *m = b->m;
    const CpuTopology *topo = &m->cfg.topo;
    const char *model = m->cfg.cpu_model ? m->cfg.cpu_model : m->cls->default_cpu;
    apic_bus_init(&b->apics, &m->memory);
    apic_set_tsc(&b->apics, target_ops.tsc_to_ns);
    apic_bus_set_kernel(&b->apics, b->irqchip);
    for (unsigned i = 0; i < topo->cpus; i++) {
        Vcpu *v = vcpu_create(model, i, topology_apic_id(topo, i), topo, &m->as_mem, &m->as_smm, &m->as_io, errp);
        if (!v) {
            return false;
        }
        uint32_t edx = 0, ecx = 0;
        target_ops.cpuid_features(v, &edx, &ecx);
        b->has_apic = edx & PC_CPUID_EDX_APIC;
        if (b->has_apic) {
            if (!apic_create(&b->apics, &m->root, v, i == 0, errp)) {
                return false;
            }
        } else if (topo->cpus > 1) {
            error_set(errp, "-smp %u needs local APICs, which -cpu %s does not have", topo->cpus, model);
            return false;
        } else {
            apic_pic_only_init(&b->pic_only, v, pc_pic_acknowledge, b);
        }
    }
    return true;
}

static bool pc_create_interrupt_controllers(PcBoard *b, Error **errp)
{
    Machine *m = b->m;
    IrqLine intr = b->has_apic ? apic_bus_extint_line(&b->apics) : vcpu_intr_line(vcpu_get(0));
    if (!i8259_create_pair(&b->pic, b->isa, intr, errp)) {
        return false;
    }
    if (b->all_in_kernel) {
        i8259_set_kernel(&b->pic, b->irqchip);
    }
    if (!b->has_apic) {
        return true;
    }
    apic_bus_set_pic(&b->apics, pc_pic_acknowledge, b);
    b->ioapic = ioapic_create(&b->apics, &m->root, &m->memory, IOAPIC_DEFAULT_BASE, errp);
    if (!b->ioapic) {
        return false;
    }
    if (b->irqchip) {
        ioapic_set_kernel(b->ioapic, b->irqchip);
    }
    for (unsigned i = 0; i < PC_GSIS; i++) {
        /* The ISA timer is on input 2, as the override in MADT and MP table says; input 0 is the 8259's place. */
        b->ioapic_in[i] = device_irq_in(b->ioapic, i == 0 ? PC_PIT_PIN : (unsigned)i);
    }
    return true;
}

static bool pc_hpet_msi(void *opaque, uint64_t addr, uint32_t data)
{
    PcBoard *b = opaque;
    return apic_deliver_msi(&b->apics, addr, data);
}

/* Seconds since 1970 that the RTC shows at start: -rtc base=. */
static int64_t pc_rtc_start(const MachineConfig *cfg)
{
    int64_t now = clock_ns(CLOCK_KIND_HOST) / NS_PER_SEC;
    GDateTime *local = cfg->rtc_localtime ? g_date_time_new_from_unix_local(now) : NULL;
    if (local) {
        now += g_date_time_get_utc_offset(local) / G_TIME_SPAN_SECOND;
        g_date_time_unref(local);
    }
    return cfg->rtc_start_given ? cfg->rtc_start_s : now;
}

static bool pc_create_timers(PcBoard *b, Error **errp)
{
    const MachineConfig *cfg = &b->m->cfg;
    IrqLine pit_irq = b->gsi[0], rtc_irq = b->gsi[8];
    if (cfg->hpet) {
        HpetWiring w = { .msi = b->has_apic ? pc_hpet_msi : NULL, .msi_opaque = b };
        memcpy(w.irqs, b->gsi, sizeof(w.irqs));
        w.pit_silent = (IrqLine){ .set = pc_pit_silent_set, .opaque = b };
        b->hpet = hpet_create(&b->m->root, &b->m->memory, HPET_BASE, &w, errp);
        if (!b->hpet) {
            return false;
        }
        pit_irq = device_irq_in(b->hpet, HPET_IN_PIT);
        rtc_irq = device_irq_in(b->hpet, HPET_IN_RTC);
    }
    Mc146818Config rtc = { .clock = (ClockKind)cfg->rtc_clock, .start_s = pc_rtc_start(cfg) };
    b->pit = i8254_create(b->isa, 0x40, pit_irq, errp);
    if (b->pit && b->all_in_kernel) {
        i8254_set_kernel(b->pit, b->irqchip);
    } else if (b->pit) {
        pc_watch_pit(b);
    }
    b->rtc = b->pit ? mc146818_create(b->isa, &rtc, rtc_irq, errp) : NULL;
    return b->rtc && pcspk_create(b->isa, b->pit, errp);
}

static bool pc_create_isa_chips(PcBoard *b, Error **errp)
{
    const MachineConfig *cfg = &b->m->cfg;
    IrqLine a20 = { .set = pc_a20_set, .opaque = b };
    Device *keyboard = i8042_create(b->isa, b->gsi[1], b->gsi[12], a20, errp);
    if (!keyboard || !i8237_create(b->isa, &b->m->as_mem, errp) || !port92_create(b->isa, a20, errp) ||
        !ferr_create(b->isa, b->gsi[13], errp) || !fdc_create(b->isa, cfg->floppy, cfg->has_floppy_drive, errp)) {
        return false;
    }
    for (unsigned i = 0; i < MAX_SERIAL_PORTS; i++) {
        if (cfg->serial[i] && !isa_serial_create(b->isa, i, cfg->serial[i], errp)) {
            return false;
        }
    }
    if (cfg->vmport) {
        Device *vmport = vmport_create(b->isa, errp);
        if (!vmport || !vmmouse_create(b->isa, vmport, keyboard, errp)) {
            return false;
        }
    }
    return !cfg->debugcon || debugcon_create(b->isa, 0xe9, cfg->debugcon, errp);
}

static bool pc_create_ide(PcBoard *b, Error **errp)
{
    const MachineConfig *cfg = &b->m->cfg;
    Piix3IdeWiring w = { .io = &b->m->io, .irq = { b->gsi[14], b->gsi[15] } };
    Piix3Ide *ide = piix3_ide_create(b->pci, PCI_DEVFN(PC_SLOT_SOUTHBRIDGE, 1), &w, errp);
    if (!ide) {
        return false;
    }
    for (unsigned i = 0; i < MAX_IDE_DRIVES; i++) {
        if (cfg->ide[i] && !ide_create_drive(piix3_ide_bus(ide, i / 2), i % 2, cfg->ide[i], cfg->ide_cdrom[i], errp)) {
            return false;
        }
    }
    return true;
}

static bool pc_create_power_management(PcBoard *b, Error **errp)
{
    if (!b->m->cfg.acpi) {
        return true;
    }
    Piix4PmWiring w = { .io = &b->m->io, .sci = b->gsi[PIIX4_SCI_IRQ], .s3_sleep = { .set = pc_s3_set, .opaque = b } };
    if (b->m->cfg.smm) {
        w.smi = (IrqLine){ .set = pc_smi_set, .opaque = b };
    }
    b->pm = piix4_pm_create(b->pci, PC_SLOT_SOUTHBRIDGE, &w, errp);
    return b->pm != NULL;
}

static bool pc_create_vga(PcBoard *b, Error **errp)
{
    static const struct {
        const char *vga, *device;
    } kinds[] = { { "std", "VGA" }, { "cirrus", "cirrus-vga" }, { "none", NULL } };
    const char *want = b->m->cfg.vga, *use = want ? want : b->m->cls->default_vga;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i].vga, use)) {
            continue;
        }
        const DeviceClass *cls = kinds[i].device ? device_class_find(kinds[i].device) : NULL;
        if (cls) {
            return pci_create(b->pci, PCI_DEVFN(PC_SLOT_VGA, 0), cls, errp) != NULL;
        }
        if (kinds[i].device && want) {
            error_set(errp, "-vga %s: the display device '%s' is not part of this build", use, kinds[i].device);
            error_add_hint(errp, "-vga none works.");
            return false;
        }
        return true;
    }
    error_set(errp, "-vga %s is not known; it can be std, cirrus or none", use);
    return false;
}

static bool pc_map_firmware(PcBoard *b, Error **errp)
{
    const char *name = b->m->cfg.firmware ? b->m->cfg.firmware : b->m->cls->default_firmware;
    char *path = datafile_find(name, errp);
    GBytes *data = path ? datafile_load(path, PC_BIOS_MAX, errp) : NULL;
    bool ok = false;
    if (data) {
        size_t size;
        const void *bytes = g_bytes_get_data(data, &size);
        if (size == 0 || size % (64 * KiB)) {
            error_set(errp, "firmware %s has %zu bytes; a PC's is a multiple of 64 KiB", path, size);
        } else if (mem_init_rom(&b->bios, "pc.bios", size, errp)) {
            MemRegion *pci = i440fx_pci_memory(b->northbridge);
            uint64_t window = MIN(size, PC_BIOS_WINDOW);
            memcpy(mem_ram_ptr(&b->bios), bytes, size);
            mem_add(pci, 4 * GiB - size, &b->bios);
            mem_init_alias(&b->isa_bios, "isa-bios", &b->bios, size - window, window);
            mem_add_prio(pci, MiB - window, &b->isa_bios, 1);
            ok = true;
        }
        g_bytes_unref(data);
    }
    g_free(path);
    return ok;
}

static bool pc_describe_to_firmware(PcBoard *b, Error **errp)
{
    Machine *m = b->m;
    b->fw_cfg = fw_cfg_create(&m->root, &m->io, &m->as_mem, errp);
    if (!b->fw_cfg || !pc_fw_cfg_init(b, errp) || !smbios_install(b, errp)) {
        return false;
    }
    if (m->cfg.kernel && !linux_loader_load(b, errp)) {
        return false;
    }
    if (m->cfg.acpi && !acpi_install(b, errp)) {
        return false;
    }
    pc_cmos_init(b);
    return pc_fw_cfg_finish(b, errp);
}

/* -boot once= holds until the guest that used it resets. */
static void pc_boot_changed(RunstateNotifier *n, bool running, RunState s)
{
    PcBoard *b = container_of(n, PcBoard, boot_once);
    (void)s;
    b->ran |= running;
}

static void pc_boot_reset(RunstateNotifier *n)
{
    PcBoard *b = container_of(n, PcBoard, boot_once);
    const char *order = b->m->cfg.boot_order;
    if (b->ran) {
        pc_cmos_set_boot_order(b, order ? order : "cad", NULL);
    }
}

static bool pc_init(Machine *m, Error **errp)
{
    if (m->cfg.ram_size < PC_RAM_MIN) {
        error_set(errp, "-m: %" PRIu64 " KiB of memory are too few, a PC starts with 2 MiB at least", m->cfg.ram_size / KiB);
        return false;
    }
    PcBoard *b = g_new0(PcBoard, 1);
    m->board = b;
    b->m = m;
    b->below_4g = i440fx_ram_below_4g(m->cfg.ram_size);
    b->above_4g = m->cfg.ram_size - b->below_4g;
    b->boot_roms = g_ptr_array_new_with_free_func(g_free);
    b->boot_once = (RunstateNotifier){ .changed = pc_boot_changed, .reset = pc_boot_reset };
    runstate_notifier_add(&b->boot_once);
    return pc_create_bridges(b, errp) && pc_map_firmware(b, errp) && pc_create_cpus(b, errp) &&
           pc_create_interrupt_controllers(b, errp) && pc_create_timers(b, errp) && pc_create_isa_chips(b, errp) &&
           pc_create_ide(b, errp) && pc_create_power_management(b, errp) && pc_create_vga(b, errp) &&
           pc_describe_to_firmware(b, errp);
}

static void pc_cleanup(Machine *m)
{
    PcBoard *b = m->board;
    if (!b) {
        return;
    }
    runstate_notifier_remove(&b->boot_once);
    acpi_free(b->acpi);
    if (b->bios.name) {
        mem_destroy(&b->isa_bios);
        mem_destroy(&b->bios);
    }
    if (b->apics.memory) {
        apic_bus_destroy(&b->apics);
    }
    g_ptr_array_unref(b->boot_roms);
    g_free(b);
    m->board = NULL;
}

/* ---- names ---- */

#define PC_MACHINE(version) \
    { .name = "pc-i440fx-" version, .desc = "Standard PC (i440FX + PIIX, 1996)", .max_cpus = 255, \
      .default_cpu = "qemu64", .default_vga = "std", .default_firmware = "bios-256k.bin", .default_ram_id = "pc.ram", \
      .default_ram = 128 * MiB, .init = pc_init, .cleanup = pc_cleanup }

/* Earlier names mean the same machine: guests that were installed on them find the same chips. */
static const MachineClass pc_earlier[] = {
    PC_MACHINE("7.1"), PC_MACHINE("7.0"), PC_MACHINE("6.2"), PC_MACHINE("6.1"), PC_MACHINE("6.0"), PC_MACHINE("5.2"),
    PC_MACHINE("5.1"), PC_MACHINE("5.0"), PC_MACHINE("4.2"), PC_MACHINE("4.1"), PC_MACHINE("4.0"), PC_MACHINE("3.1"),
    PC_MACHINE("3.0"), PC_MACHINE("2.12"), PC_MACHINE("2.11"), PC_MACHINE("2.10"), PC_MACHINE("2.9"),
    PC_MACHINE("2.8"), PC_MACHINE("2.7"), PC_MACHINE("2.6"), PC_MACHINE("2.5"), PC_MACHINE("2.4"), PC_MACHINE("2.3"),
    PC_MACHINE("2.2"), PC_MACHINE("2.1"), PC_MACHINE("2.0"),
};

static const MachineClass pc_machine = {
    .name = "pc-i440fx-7.2", .alias = "pc", .is_default = true, .desc = "Standard PC (i440FX + PIIX, 1996)",
    .max_cpus = 255, .default_cpu = "qemu64", .default_vga = "std", .default_firmware = "bios-256k.bin",
    .default_ram_id = "pc.ram", .default_ram = 128 * MiB, .init = pc_init, .cleanup = pc_cleanup,
};
MACHINE_REGISTER(pc_machine);

static void __attribute__((constructor)) pc_register_earlier(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(pc_earlier); i++) {
        machine_class_register(&pc_earlier[i]);
    }
}

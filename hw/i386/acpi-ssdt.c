/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SSDT: what in the namespace depends on the command line; pc-bios/dsdt-i440fx.asl is the rest.
 * Start-up, and when firmware reads the tables; big lock.
 */
#include "util/osdep.h"
#include "hw/acpi/aml.h"
#include "hw/i386/acpi.h"

enum { PCI_IO_LOW_END = 0x0cf7, PCI_IO_HIGH = 0x0d00, VGA_WINDOW = 0xa0000, VGA_WINDOW_END = 0xbffff };
#define PCI_HOLE_END 0xfebfffffu /* the I/O APIC comes next */
#define PROCESSOR_IDS 255        /* a Processor object's id is a byte */

static void acpi_ssdt_status(GByteArray *out, const char *device, bool there)
{
    AmlBlock scope = aml_scope(out, device);
    aml_name_int(out, "_STA", there ? 0x0f : 0);
    aml_close(out, scope);
}

static void acpi_ssdt_chips(PcBoard *b, GByteArray *out)
{
    const MachineConfig *cfg = &b->m->cfg;
    for (unsigned i = 0; i < MAX_SERIAL_PORTS; i++) {
        char name[32];
        g_snprintf(name, sizeof(name), "\\_SB.PCI0.ISA.COM%u", i + 1);
        acpi_ssdt_status(out, name, cfg->serial[i] != NULL);
    }
    acpi_ssdt_status(out, "\\_SB.PCI0.ISA.FDC0", cfg->has_floppy_drive[0] || cfg->has_floppy_drive[1]);
    acpi_ssdt_status(out, "\\_SB.HPET", b->hpet != NULL);
}

static void acpi_ssdt_sleep_state(GByteArray *out, const char *name, uint8_t type)
{
    aml_name(out, name);
    AmlBlock p = aml_package(out, 4);
    aml_int(out, type);
    aml_int(out, type);
    aml_int(out, 0);
    aml_int(out, 0);
    aml_close(out, p);
}

static void acpi_ssdt_sleep_states(PcBoard *b, GByteArray *out)
{
    if (!b->pm) {
        return;
    }
    if (piix4_pm_s3_enabled(b->pm)) {
        acpi_ssdt_sleep_state(out, "\\_S3", PIIX4_SLP_S3);
    }
    if (piix4_pm_s4_enabled(b->pm)) {
        acpi_ssdt_sleep_state(out, "\\_S4", PIIX4_SLP_S4);
    }
    acpi_ssdt_sleep_state(out, "\\_S5", PIIX4_SLP_S5);
}

static void acpi_ssdt_pci_windows(PcBoard *b, GByteArray *out)
{
    AmlBlock scope = aml_scope(out, "\\_SB.PCI0");
    AmlResources r = aml_resources();
    aml_res_word_bus(&r, 0, 0xff);
    aml_res_io(&r, 0xcf8, 8);
    aml_res_word_io(&r, 0, PCI_IO_LOW_END);
    aml_res_word_io(&r, PCI_IO_HIGH, 0xffff);
    aml_res_dword_memory(&r, VGA_WINDOW, VGA_WINDOW_END, true);
    aml_res_dword_memory(&r, (uint32_t)MAX(b->below_4g, 16 * MiB), PCI_HOLE_END, false);
    aml_name(out, "_CRS");
    aml_res_close(out, &r);
    aml_close(out, scope);
}

static void acpi_ssdt_processors(PcBoard *b, GByteArray *out)
{
    AmlBlock scope = aml_scope(out, "\\_SB");
    for (unsigned i = 0; i < b->m->cfg.topo.cpus; i++) {
        char name[8];
        g_snprintf(name, sizeof(name), "C%03X", i & 0xfff);
        if (i < PROCESSOR_IDS) {
            aml_close(out, aml_processor(out, name, (uint8_t)i));
        } else {
            AmlBlock dev = aml_device(out, name);
            aml_name(out, "_HID");
            aml_string(out, "ACPI0007");
            aml_name_int(out, "_UID", i);
            aml_close(out, dev);
        }
    }
    aml_close(out, scope);
}

void acpi_build_ssdt(PcBoard *b, GByteArray *out)
{
    guint start = acpi_table_begin(out, "SSDT", 1);
    acpi_ssdt_chips(b, out);
    acpi_ssdt_sleep_states(b, out);
    acpi_ssdt_pci_windows(b, out);
    acpi_ssdt_processors(b, out);
    acpi_table_end(out, start);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables of the board pc (ACPI specification 6.4, chapter 5): FACS, DSDT, FADT, SSDT, MADT, HPET, WAET, those of
 * -acpitable, RSDT, XSDT and RSDP, and the script by which firmware puts them into memory.  The FADT names the ports that
 * firmware gave to the power management function, so the tables are built again when firmware selects them in fw_cfg;
 * their size does not change.  Main thread at start-up, vCPU threads later; big lock.
 */
#include "util/osdep.h"
#include "hw/i386/acpi.h"
#include "hw/acpi/aml.h"
#include "hw/i386/topology.h"
#include "hw/intc/ioapic.h"
#include "hw/timer/hpet.h"
#include "util/bytes.h"

#define ACPI_TABLES_FILE "etc/acpi/tables"
#define ACPI_RSDP_FILE "etc/acpi/rsdp"
#define ACPI_LOADER_FILE "etc/table-loader"
#define ACPI_DSDT_MAX (1 * MiB)
#define ACPI_MAX_TABLES 32
enum { ACPI_HEADER = 36, ACPI_FACS_SIZE = 64, ACPI_FADT_SIZE = 244, ACPI_RSDP_SIZE = 36, ACPI_RSDP_V1_SIZE = 20 };

/* FADT: offsets, flags, boot architecture. */
enum { FADT_FACS = 36, FADT_DSDT = 40, FADT_SCI = 46, FADT_SMI_CMD = 48, FADT_ENABLE = 52, FADT_DISABLE = 53,
       FADT_PM1A_EVT = 56, FADT_PM1A_CNT = 64, FADT_PM_TMR = 76, FADT_GPE0 = 80, FADT_PM1_EVT_LEN = 88,
       FADT_PM1_CNT_LEN = 89, FADT_PM_TMR_LEN = 91, FADT_GPE0_LEN = 92, FADT_C2_LATENCY = 96, FADT_C3_LATENCY = 98,
       FADT_CENTURY = 108, FADT_BOOT_ARCH = 109, FADT_FLAGS = 112, FADT_RESET_REG = 116, FADT_RESET_VALUE = 128,
       FADT_X_FACS = 132, FADT_X_DSDT = 140, FADT_X_PM1A_EVT = 148, FADT_X_PM1A_CNT = 172, FADT_X_PM_TMR = 208,
       FADT_X_GPE0 = 220 };
enum { FADT_WBINVD = 1 << 0, FADT_PROC_C1 = 1 << 2, FADT_NO_SLEEP_BUTTON = 1 << 5, FADT_NO_FIXED_RTC = 1 << 6,
       FADT_RESET_REG_SUP = 1 << 10, FADT_APIC_PHYSICAL = 1 << 19 };
enum { BOOT_ARCH_LEGACY = 1 << 0, BOOT_ARCH_8042 = 1 << 1 };

struct AcpiTables {
    PcBoard *b;
    GBytes *dsdt;
    GByteArray *user; /* tables of -acpitable, one after the other */
    /* of one build */
    GByteArray *out;
    AcpiLoader loader;
    uint32_t listed[ACPI_MAX_TABLES]; /* offsets for RSDT and XSDT */
    unsigned nlisted;
};

static void acpi_put(GByteArray *out, uint64_t v, unsigned size)
{
    uint8_t buf[8];
    st_le64(buf, v);
    g_byte_array_append(out, buf, size);
}

static void acpi_zeroes(GByteArray *out, guint n)
{
    guint at = out->len;
    g_byte_array_set_size(out, at + n);
    memset(out->data + at, 0, n);
}

static void acpi_list(AcpiTables *t, guint offset)
{
    if (t->nlisted < ACPI_MAX_TABLES) {
        t->listed[t->nlisted++] = offset;
    }
}

/* Length and checksum are there already; pointers in it will change the sum: firmware makes it again. */
static void acpi_redo_checksum(AcpiTables *t, guint start)
{
    t->out->data[start + 9] = 0;
    acpi_loader_checksum(&t->loader, ACPI_TABLES_FILE, start + 9, start, t->out->len - start);
}

static guint acpi_build_facs(AcpiTables *t)
{
    guint start = t->out->len;
    g_byte_array_append(t->out, (const uint8_t *)"FACS", 4);
    acpi_put(t->out, ACPI_FACS_SIZE, 4);
    acpi_zeroes(t->out, ACPI_FACS_SIZE - 8);
    return start;
}

/* Generic address structure: a system I/O register. */
static void acpi_gas_io(uint8_t *p, uint16_t port, uint8_t bit_width)
{
    p[0] = 1;
    p[1] = bit_width;
    p[2] = 0;
    p[3] = 0;
    st_le64(p + 4, port);
}

static void acpi_fadt_ports(uint8_t *f, uint16_t pm)
{
    st_le32(f + FADT_PM1A_EVT, pm);
    st_le32(f + FADT_PM1A_CNT, pm + 4u);
    st_le32(f + FADT_PM_TMR, pm + 8u);
    st_le32(f + FADT_GPE0, PIIX4_GPE_BASE);
    f[FADT_PM1_EVT_LEN] = 4;
    f[FADT_PM1_CNT_LEN] = 2;
    f[FADT_PM_TMR_LEN] = 4;
    f[FADT_GPE0_LEN] = PIIX4_GPE_LEN;
    acpi_gas_io(f + FADT_X_PM1A_EVT, pm, 32);
    acpi_gas_io(f + FADT_X_PM1A_CNT, pm + 4, 16);
    acpi_gas_io(f + FADT_X_PM_TMR, pm + 8, 32);
    acpi_gas_io(f + FADT_X_GPE0, PIIX4_GPE_BASE, 8 * PIIX4_GPE_LEN);
}

static void acpi_build_fadt(AcpiTables *t, guint facs, guint dsdt)
{
    guint start = acpi_table_begin(t->out, "FACP", 3);
    acpi_zeroes(t->out, ACPI_FADT_SIZE - ACPI_HEADER);
    uint8_t *f = t->out->data + start;
    uint32_t flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_SLEEP_BUTTON | FADT_NO_FIXED_RTC | FADT_RESET_REG_SUP;
    if (t->b->m->cfg.topo.cpus > 8) {
        flags |= FADT_APIC_PHYSICAL; /* a logical destination reaches eight */
    }
    st_le32(f + FADT_FACS, facs);
    st_le32(f + FADT_DSDT, dsdt);
    st_le16(f + FADT_SCI, PIIX4_SCI_IRQ);
    st_le32(f + FADT_SMI_CMD, PIIX4_SMI_CMD);
    f[FADT_ENABLE] = PIIX4_ACPI_ENABLE;
    f[FADT_DISABLE] = PIIX4_ACPI_DISABLE;
    acpi_fadt_ports(f, piix4_pm_base(t->b->pm));
    st_le16(f + FADT_C2_LATENCY, 0xfff); /* no C2, no C3 */
    st_le16(f + FADT_C3_LATENCY, 0xfff);
    f[FADT_CENTURY] = 0x32;
    st_le16(f + FADT_BOOT_ARCH, BOOT_ARCH_LEGACY | BOOT_ARCH_8042);
    st_le32(f + FADT_FLAGS, flags);
    acpi_gas_io(f + FADT_RESET_REG, 0xcf9, 8);
    f[FADT_RESET_VALUE] = 0x06;
    st_le64(f + FADT_X_DSDT, dsdt);
    acpi_table_end(t->out, start);
    acpi_loader_pointer(&t->loader, ACPI_TABLES_FILE, ACPI_TABLES_FILE, start + FADT_FACS, 4);
    acpi_loader_pointer(&t->loader, ACPI_TABLES_FILE, ACPI_TABLES_FILE, start + FADT_DSDT, 4);
    acpi_loader_pointer(&t->loader, ACPI_TABLES_FILE, ACPI_TABLES_FILE, start + FADT_X_DSDT, 8);
    acpi_redo_checksum(t, start);
    acpi_list(t, start);
}

static void acpi_madt_cpu(GByteArray *out, unsigned uid, uint32_t apic_id)
{
    if (apic_id < 255 && uid < 255) {
        acpi_put(out, 0x0800, 2); /* local APIC */
        acpi_put(out, uid, 1);
        acpi_put(out, apic_id, 1);
        acpi_put(out, 1, 4);
    } else {
        acpi_put(out, 0x1009, 2); /* local x2APIC */
        acpi_put(out, 0, 2);
        acpi_put(out, apic_id, 4);
        acpi_put(out, 1, 4);
        acpi_put(out, uid, 4);
    }
}

static void acpi_madt_override(GByteArray *out, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    acpi_put(out, 0x0a02, 2);
    acpi_put(out, 0, 1); /* ISA */
    acpi_put(out, irq, 1);
    acpi_put(out, gsi, 4);
    acpi_put(out, flags, 2);
}

static void acpi_build_madt(AcpiTables *t)
{
    static const uint8_t pci_irqs[] = { 5, 9, 10, 11 };
    const CpuTopology *topo = &t->b->m->cfg.topo;
    guint start = acpi_table_begin(t->out, "APIC", 1);
    acpi_put(t->out, APIC_DEFAULT_BASE, 4);
    acpi_put(t->out, 1, 4); /* 8259s are there too */
    bool wide = false;
    for (unsigned i = 0; i < topo->cpus; i++) {
        uint32_t id = topology_apic_id(topo, i);
        wide |= id >= 255;
        acpi_madt_cpu(t->out, i, id);
    }
    acpi_put(t->out, 0x0c01, 2); /* I/O APIC */
    acpi_put(t->out, 0, 2);
    acpi_put(t->out, IOAPIC_DEFAULT_BASE, 4);
    acpi_put(t->out, 0, 4);
    acpi_madt_override(t->out, 0, 2, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(pci_irqs); i++) {
        acpi_madt_override(t->out, pci_irqs[i], pci_irqs[i], 0x0d); /* active high, level */
    }
    acpi_put(t->out, 0x0604, 2); /* NMI on LINT1 of every local APIC */
    acpi_put(t->out, 0xff, 1);
    acpi_put(t->out, 0, 2);
    acpi_put(t->out, 1, 1);
    if (wide) {
        acpi_put(t->out, 0x0c0a, 2); /* the same of every x2APIC */
        acpi_put(t->out, 0, 2);
        acpi_put(t->out, 0xffffffff, 4);
        acpi_put(t->out, 1, 1);
        acpi_put(t->out, 0, 3);
    }
    acpi_table_end(t->out, start);
    acpi_list(t, start);
}

static void acpi_build_hpet(AcpiTables *t)
{
    guint start = acpi_table_begin(t->out, "HPET", 1);
    acpi_put(t->out, 0x8086a201, 4); /* Intel, 64-bit counter, legacy route, 3 timers, revision 1 */
    acpi_put(t->out, 0, 4);          /* in memory space */
    acpi_put(t->out, HPET_BASE, 8);
    acpi_zeroes(t->out, 4);          /* number, minimum tick, protection */
    acpi_table_end(t->out, start);
    acpi_list(t, start);
}

/* The PM timer needs to be read only once here. */
static void acpi_build_waet(AcpiTables *t)
{
    guint start = acpi_table_begin(t->out, "WAET", 1);
    acpi_put(t->out, 1 << 1, 4);
    acpi_table_end(t->out, start);
    acpi_list(t, start);
}

static void acpi_add_user_tables(AcpiTables *t)
{
    guint base = t->out->len;
    g_byte_array_append(t->out, t->user->data, t->user->len);
    for (guint at = 0; at + ACPI_HEADER <= t->user->len;) {
        acpi_list(t, base + at);
        at += ld_le32(t->user->data + at + 4);
    }
}

/* RSDT (@size 4) or XSDT (8): where all tables are. */
static guint acpi_build_root(AcpiTables *t, const char *signature, uint8_t size)
{
    guint start = acpi_table_begin(t->out, signature, 1);
    for (unsigned i = 0; i < t->nlisted; i++) {
        acpi_put(t->out, t->listed[i], size);
    }
    acpi_table_end(t->out, start);
    for (unsigned i = 0; i < t->nlisted; i++) {
        acpi_loader_pointer(&t->loader, ACPI_TABLES_FILE, ACPI_TABLES_FILE, start + ACPI_HEADER + size * i, size);
    }
    acpi_redo_checksum(t, start);
    return start;
}

static GBytes *acpi_build_rsdp(AcpiTables *t, guint rsdt, guint xsdt)
{
    uint8_t p[ACPI_RSDP_SIZE] = { 0 };
    memcpy(p, "RSD PTR ", 8);
    memcpy(p + 9, "RHEA  ", 6);
    p[15] = 2;
    st_le32(p + 16, rsdt);
    st_le32(p + 20, sizeof(p));
    st_le64(p + 24, xsdt);
    acpi_loader_pointer(&t->loader, ACPI_RSDP_FILE, ACPI_TABLES_FILE, 16, 4);
    acpi_loader_pointer(&t->loader, ACPI_RSDP_FILE, ACPI_TABLES_FILE, 24, 8);
    acpi_loader_checksum(&t->loader, ACPI_RSDP_FILE, 8, 0, ACPI_RSDP_V1_SIZE);
    acpi_loader_checksum(&t->loader, ACPI_RSDP_FILE, 32, 0, sizeof(p));
    return g_bytes_new(p, sizeof(p));
}

typedef struct AcpiBlobs {
    GBytes *tables, *rsdp, *loader;
} AcpiBlobs;

static void acpi_build(AcpiTables *t, AcpiBlobs *blobs)
{
    t->out = g_byte_array_new();
    t->loader.script = g_byte_array_new();
    t->nlisted = 0;
    acpi_loader_allocate(&t->loader, ACPI_TABLES_FILE, 64, ACPI_LOADER_HIGH);
    acpi_loader_allocate(&t->loader, ACPI_RSDP_FILE, 16, ACPI_LOADER_FSEG);
    guint facs = acpi_build_facs(t), dsdt = t->out->len;
    gsize dsdt_len;
    const uint8_t *dsdt_data = g_bytes_get_data(t->dsdt, &dsdt_len);
    g_byte_array_append(t->out, dsdt_data, (guint)dsdt_len);
    acpi_build_fadt(t, facs, dsdt);
    acpi_list(t, t->out->len);
    acpi_build_ssdt(t->b, t->out);
    if (t->b->has_apic) {
        acpi_build_madt(t);
    }
    if (t->b->hpet) {
        acpi_build_hpet(t);
    }
    acpi_build_waet(t);
    if (t->b->m->cfg.numa) {
        acpi_list(t, acpi_build_srat(t->b, t->out));
        acpi_list(t, acpi_build_slit(t->b, t->out));
    }
    acpi_add_user_tables(t);
    guint rsdt = acpi_build_root(t, "RSDT", 4), xsdt = acpi_build_root(t, "XSDT", 8);
    blobs->rsdp = acpi_build_rsdp(t, rsdt, xsdt);
    blobs->tables = g_byte_array_free_to_bytes(t->out);
    blobs->loader = g_byte_array_free_to_bytes(t->loader.script);
    t->out = NULL;
    t->loader.script = NULL;
}

static void acpi_blobs_free(AcpiBlobs *blobs)
{
    g_bytes_unref(blobs->tables);
    g_bytes_unref(blobs->rsdp);
    g_bytes_unref(blobs->loader);
}

/* Firmware starts to read one of the files. */
static void acpi_selected(void *opaque)
{
    AcpiTables *t = opaque;
    AcpiBlobs blobs;
    acpi_build(t, &blobs);
    fw_cfg_replace_file(t->b->fw_cfg, ACPI_TABLES_FILE, blobs.tables);
    acpi_blobs_free(&blobs);
}

static bool acpi_load_inputs(AcpiTables *t, Error **errp)
{
    const GPtrArray *args = t->b->m->cfg.acpitable_args;
    char *path = datafile_find("dsdt-i440fx.aml", errp);
    t->dsdt = path ? datafile_load(path, ACPI_DSDT_MAX, errp) : NULL;
    bool ok = t->dsdt != NULL;
    if (!path) {
        error_add_hint(errp, "make builds it from pc-bios/dsdt-i440fx.asl with iasl (package acpica-tools).");
    }
    if (ok && (g_bytes_get_size(t->dsdt) < ACPI_HEADER || memcmp(g_bytes_get_data(t->dsdt, NULL), "DSDT", 4))) {
        error_set(errp, "%s is not a compiled DSDT", path);
        error_add_hint(errp, "make builds it from pc-bios/dsdt-i440fx.asl with iasl (package acpica-tools).");
        ok = false;
    }
    for (guint i = 0; ok && args && i < args->len; i++) {
        ok = acpi_add_user_table(t->user, args->pdata[i], errp);
    }
    g_free(path);
    return ok;
}

bool acpi_install(PcBoard *b, Error **errp)
{
    AcpiTables *t = g_new0(AcpiTables, 1);
    AcpiBlobs blobs;
    b->acpi = t;
    t->b = b;
    t->user = g_byte_array_new();
    if (!acpi_load_inputs(t, errp)) {
        return false;
    }
    acpi_build(t, &blobs);
    bool ok = fw_cfg_add_file_callback(b->fw_cfg, ACPI_TABLES_FILE, blobs.tables, acpi_selected, t, errp) &&
              fw_cfg_add_file(b->fw_cfg, ACPI_RSDP_FILE, blobs.rsdp, errp) &&
              fw_cfg_add_file(b->fw_cfg, ACPI_LOADER_FILE, blobs.loader, errp);
    acpi_blobs_free(&blobs);
    return ok;
}

void acpi_free(AcpiTables *t)
{
    if (t) {
        if (t->dsdt) {
            g_bytes_unref(t->dsdt);
        }
        g_byte_array_unref(t->user);
        g_free(t);
    }
}

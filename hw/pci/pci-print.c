/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `info pci` and the PCI part of `info qtree`, and the text form of PCI addresses in properties (addr=06.0).
 * Class names from the PCI Code and ID Assignment Specification.  Main thread, under the big lock.
 */
#include "util/osdep.h"
#include "hw/pci/pci-int.h"
#include "util/bytes.h"

typedef struct PciClassName {
    uint16_t code;
    const char *name;
} PciClassName;

static const PciClassName pci_class_names[] = {
    { 0x0001, "VGA controller" },      { 0x0100, "SCSI controller" },     { 0x0101, "IDE controller" },
    { 0x0102, "Floppy controller" },   { 0x0106, "SATA controller" },     { 0x0107, "SAS controller" },
    { 0x0108, "NVMe controller" },     { 0x0180, "Storage controller" },  { 0x0200, "Ethernet controller" },
    { 0x0300, "VGA controller" },      { 0x0301, "XGA controller" },      { 0x0380, "Display controller" },
    { 0x0400, "Video controller" },    { 0x0401, "Audio controller" },    { 0x0403, "Audio controller" },
    { 0x0500, "RAM controller" },      { 0x0600, "Host bridge" },         { 0x0601, "ISA bridge" },
    { 0x0604, "PCI bridge" },          { 0x0680, "Bridge" },              { 0x0700, "Serial port" },
    { 0x0780, "Communication controller" }, { 0x0880, "System peripheral" }, { 0x0c03, "USB controller" },
    { 0x0c05, "SMBus" },               { 0x00ff, "RNG" },
};

static const char *pci_class_name(uint16_t code)
{
    for (size_t i = 0; i < G_N_ELEMENTS(pci_class_names); i++) {
        if (pci_class_names[i].code == code) {
            return pci_class_names[i].name;
        }
    }
    return NULL;
}

static void pci_print_class(PciDevice *d, GString *out)
{
    uint16_t code = ld_le16(d->config + PCI_CLASS_DEVICE);
    const char *name = pci_class_name(code);
    if (name) {
        g_string_append(out, name);
    } else {
        g_string_append_printf(out, "Class %04x", code);
    }
}

static void pci_print_device(PciBus *b, PciDevice *d, GString *out)
{
    g_string_append_printf(out, "  Bus %2d, device %3d, function %d:\n    ", b->bus_num, PCI_SLOT(d->devfn),
                           PCI_FUNC(d->devfn));
    pci_print_class(d, out);
    g_string_append_printf(out, ": PCI device %04x:%04x\n", ld_le16(d->config + PCI_VENDOR_ID),
                           ld_le16(d->config + PCI_DEVICE_ID));
    g_string_append_printf(out, "      PCI subsystem %04x:%04x\n", ld_le16(d->config + PCI_SUBSYSTEM_VENDOR_ID),
                           ld_le16(d->config + PCI_SUBSYSTEM_ID));
    uint8_t pin = d->config[PCI_INTERRUPT_PIN];
    if (pin) {
        g_string_append_printf(out, "      IRQ %d, pin %c\n", d->config[PCI_INTERRUPT_LINE], 'A' + pin - 1);
    }
    for (unsigned n = 0; n <= PCI_ROM_BAR; n++) {
        const PciBar *bar = &d->bars[n];
        if (!bar->region) {
            continue;
        }
        uint64_t last = bar->addr + bar->size - 1;
        if (bar->kind == PCI_BAR_IO) {
            g_string_append_printf(out, "      BAR%u: I/O at 0x%04" PRIx64 " [0x%04" PRIx64 "].\n", n, bar->addr, last);
            continue;
        }
        bool wide = bar->kind == PCI_BAR_MEM64 || bar->kind == PCI_BAR_MEM64_PREFETCH;
        bool prefetch = bar->kind == PCI_BAR_MEM32_PREFETCH || bar->kind == PCI_BAR_MEM64_PREFETCH;
        g_string_append_printf(out, "      BAR%u: %d bit%s memory at 0x%08" PRIx64 " [0x%08" PRIx64 "].\n", n, wide ? 64 : 32,
                               prefetch ? " prefetchable" : "", bar->addr, last);
    }
    g_string_append_printf(out, "      id \"%s\"\n", d->dev.id ? d->dev.id : "");
}

void pci_print(PciBus *b, GString *out)
{
    for (unsigned devfn = 0; devfn < G_N_ELEMENTS(b->devices); devfn++) {
        if (b->devices[devfn]) {
            pci_print_device(b, b->devices[devfn], out);
        }
    }
}

void pci_print_device_line(PciBus *b, PciDevice *d, GString *out)
{
    g_string_append(out, "class ");
    pci_print_class(d, out);
    g_string_append_printf(out, ", addr %02x:%02x.%x, pci id %04x:%04x (sub %04x:%04x)\n", b->bus_num,
                           PCI_SLOT(d->devfn), PCI_FUNC(d->devfn), ld_le16(d->config + PCI_VENDOR_ID),
                           ld_le16(d->config + PCI_DEVICE_ID), ld_le16(d->config + PCI_SUBSYSTEM_VENDOR_ID),
                           ld_le16(d->config + PCI_SUBSYSTEM_ID));
}

/* ---- property addr= ---- */

/* "06.0", "6", "0x6", "1e.7": hexadecimal slot and function; -1: the first free slot. */
static bool prop_pci_devfn_set(Device *d, const Prop *p, const char *text, Error **errp)
{
    int16_t *devfn = (int16_t *)((char *)d + p->offset);
    unsigned slot = 0, fn = 0;
    int used = 0;

    if (!strcmp(text, "-1")) {
        *devfn = -1;
        return true;
    }
    bool plain = g_ascii_isxdigit(text[0]) && sscanf(text, "%x%n", &slot, &used) == 1 && strlen(text) < 8;
    if (plain && text[used] == '.' && g_ascii_isxdigit(text[used + 1])) {
        int more = 0;
        plain = sscanf(text + used + 1, "%x%n", &fn, &more) == 1;
        used += 1 + more;
    }
    if (!plain || text[used] || slot > 31 || fn > 7) {
        error_set(errp, "%s=%s is not a PCI address: SLOT or SLOT.FUNCTION is wanted, in hexadecimal, 0.0 to 1f.7", p->name,
                  text);
        return false;
    }
    *devfn = (int16_t)PCI_DEVFN(slot, fn);
    return true;
}

static char *prop_pci_devfn_get(Device *d, const Prop *p)
{
    int16_t devfn = *(int16_t *)((char *)d + p->offset);
    return devfn < 0 ? g_strdup("-1") : g_strdup_printf("%02x.%x", PCI_SLOT(devfn), PCI_FUNC(devfn));
}

const PropType prop_pci_devfn = { .name = "pci-devfn", .set = prop_pci_devfn_set, .get = prop_pci_devfn_get };

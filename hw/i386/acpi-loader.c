/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of fw_cfg's etc/table-loader: 128 bytes each, a little-endian command word and its arguments.  Read by
 * SeaBIOS and OVMF.  Start-up, main thread.
 */
#include "util/osdep.h"
#include "hw/i386/acpi.h"
#include "util/bytes.h"

enum { LOADER_ALLOCATE = 1, LOADER_ADD_POINTER = 2, LOADER_ADD_CHECKSUM = 3 };

static uint8_t *acpi_loader_entry(AcpiLoader *l, uint32_t command, const char *file)
{
    guint at = l->script->len;
    g_byte_array_set_size(l->script, at + ACPI_LOADER_ENTRY);
    uint8_t *e = l->script->data + at;
    memset(e, 0, ACPI_LOADER_ENTRY);
    st_le32(e, command);
    g_strlcpy((char *)e + 4, file, ACPI_LOADER_NAME);
    return e + 4 + ACPI_LOADER_NAME;
}

void acpi_loader_allocate(AcpiLoader *l, const char *file, uint32_t align, uint8_t zone)
{
    uint8_t *arg = acpi_loader_entry(l, LOADER_ALLOCATE, file);
    st_le32(arg, align);
    arg[4] = zone;
}

void acpi_loader_pointer(AcpiLoader *l, const char *file, const char *target, uint32_t offset, uint8_t size)
{
    uint8_t *arg = acpi_loader_entry(l, LOADER_ADD_POINTER, file);
    g_strlcpy((char *)arg, target, ACPI_LOADER_NAME);
    st_le32(arg + ACPI_LOADER_NAME, offset);
    arg[ACPI_LOADER_NAME + 4] = size;
}

void acpi_loader_checksum(AcpiLoader *l, const char *file, uint32_t offset, uint32_t start, uint32_t len)
{
    uint8_t *arg = acpi_loader_entry(l, LOADER_ADD_CHECKSUM, file);
    st_le32(arg, offset);
    st_le32(arg + 4, start);
    st_le32(arg + 8, len);
}

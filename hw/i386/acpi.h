/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The board's ACPI tables, handed to firmware through fw_cfg.  Main thread and vCPU threads, under the big lock. */
#ifndef HW_I386_ACPI_H
#define HW_I386_ACPI_H

#include "hw/i386/pc.h"

/* Builds tables and the loader's script and adds them to fw_cfg; they are rebuilt when firmware comes to read them. */
bool acpi_install(PcBoard *b, Error **errp);
void acpi_free(AcpiTables *t); /* NULL is fine */

/* acpi-ssdt.c: the namespace's part that depends on the command line. */
void acpi_build_ssdt(PcBoard *b, GByteArray *out);

/* acpi-numa.c: with -numa; they return where the table begins. */
guint acpi_build_srat(const PcBoard *b, GByteArray *out);
guint acpi_build_slit(const PcBoard *b, GByteArray *out);

/* acpi-loader.c: commands for firmware: where blobs go, which pointers to add to, which checksums to make. */
typedef struct AcpiLoader {
    GByteArray *script;
} AcpiLoader;
enum { ACPI_LOADER_HIGH = 1, ACPI_LOADER_FSEG = 2, ACPI_LOADER_NAME = 56, ACPI_LOADER_ENTRY = 128 };
void acpi_loader_allocate(AcpiLoader *l, const char *file, uint32_t align, uint8_t zone);
/* The @size bytes at @offset of @file hold an offset into @target: its address is added. */
void acpi_loader_pointer(AcpiLoader *l, const char *file, const char *target, uint32_t offset, uint8_t size);
void acpi_loader_checksum(AcpiLoader *l, const char *file, uint32_t offset, uint32_t start, uint32_t len);

/* acpi-user.c: one -acpitable argument: file=FILE (a whole table) or data=FILE with sig=, rev=, oem_id=, ... */
bool acpi_add_user_table(GByteArray *out, const char *arg, Error **errp);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes ACPI Machine Language (ACPI specification 6.4, chapter 20) and ACPI table headers into a byte array.
 * Pure functions; start-up and tests.  Names are path strings as in ASL: "\\_SB.PCI0", "_CRS".
 */
#ifndef HW_ACPI_AML_H
#define HW_ACPI_AML_H

#include "util/osdep.h"

/* Something that has a PkgLength: opened, filled, closed. */
typedef struct AmlBlock {
    guint at; /* where its length goes */
} AmlBlock;

AmlBlock aml_scope(GByteArray *out, const char *name);
AmlBlock aml_device(GByteArray *out, const char *name);
AmlBlock aml_method(GByteArray *out, const char *name, unsigned args);
AmlBlock aml_processor(GByteArray *out, const char *name, uint8_t id);
AmlBlock aml_package(GByteArray *out, uint8_t elements);
void aml_close(GByteArray *out, AmlBlock b);

/* DefName: a data object must follow. */
void aml_name(GByteArray *out, const char *name);
void aml_int(GByteArray *out, uint64_t val);
void aml_string(GByteArray *out, const char *text);
void aml_eisaid(GByteArray *out, const char *id); /* "PNP0A03" as the integer that _HID wants */
void aml_return_int(GByteArray *out, uint64_t val);
void aml_name_int(GByteArray *out, const char *name, uint64_t val);

/* Resource template: a Buffer with descriptors and end tag. */
typedef struct AmlResources {
    GByteArray *bytes;
} AmlResources;
AmlResources aml_resources(void);
void aml_res_io(AmlResources *r, uint16_t base, uint8_t len);          /* I/O port descriptor, 16-bit decode */
void aml_res_word_bus(AmlResources *r, uint16_t min, uint16_t max);
void aml_res_word_io(AmlResources *r, uint16_t min, uint16_t max);     /* produced by a bridge */
void aml_res_dword_memory(AmlResources *r, uint32_t min, uint32_t max, bool cacheable);
void aml_res_qword_memory(AmlResources *r, uint64_t min, uint64_t max, bool cacheable);
void aml_res_close(GByteArray *out, AmlResources *r); /* as a Buffer, after aml_name() */

/* ACPI tables (section 5.2.6). */
guint acpi_table_begin(GByteArray *out, const char *signature, uint8_t revision); /* returns its start */
/* Fills in length and checksum. */
void acpi_table_end(GByteArray *out, guint start);
uint8_t acpi_checksum(const uint8_t *p, size_t len); /* what makes the sum zero */

#endif

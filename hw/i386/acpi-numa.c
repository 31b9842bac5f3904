/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SRAT and SLIT (ACPI specification 6.4, 5.2.16 and 5.2.17): which processors and which memory belong to which NUMA node, and how
 * far nodes are from each other.  Part of the tables' build in acpi.c.
 */
#include "util/osdep.h"
#include "hw/acpi/aml.h"
#include "hw/i386/acpi.h"
#include "hw/i386/topology.h"
#include "system/numa.h"
#include "util/bytes.h"

enum { SRAT_APIC = 0, SRAT_MEMORY = 1, SRAT_X2APIC = 2, SRAT_ENABLED = 1 };

static void numa_put(GByteArray *out, uint64_t v, unsigned size)
{
    uint8_t buf[8];
    st_le64(buf, v);
    g_byte_array_append(out, buf, size);
}

static void numa_put_cpu(GByteArray *out, uint32_t apic_id, uint32_t node)
{
    if (apic_id < 255) {
        numa_put(out, SRAT_APIC | 16u << 8, 2);
        numa_put(out, node & 0xff, 1);
        numa_put(out, apic_id, 1);
        numa_put(out, SRAT_ENABLED, 4);
        numa_put(out, 0, 1);
        numa_put(out, node >> 8, 3);
        numa_put(out, 0, 4);
    } else {
        numa_put(out, SRAT_X2APIC | 24u << 8, 2);
        numa_put(out, 0, 2);
        numa_put(out, node, 4);
        numa_put(out, apic_id, 4);
        numa_put(out, SRAT_ENABLED, 4);
        numa_put(out, 0, 8);
    }
}

static void numa_put_range(GByteArray *out, uint32_t node, uint64_t base, uint64_t end)
{
    if (base >= end) {
        return;
    }
    numa_put(out, SRAT_MEMORY | 40u << 8, 2);
    numa_put(out, node, 4);
    numa_put(out, 0, 2);
    numa_put(out, base, 8);
    numa_put(out, end - base, 8);
    numa_put(out, 0, 4);
    numa_put(out, SRAT_ENABLED, 4);
    numa_put(out, 0, 8);
}

/* A node's memory, [@from, @to) of all, as the guest sees it: around the hole below 1 MiB and that below 4 GiB. */
static void numa_put_memory(const PcBoard *b, GByteArray *out, uint32_t node, uint64_t from, uint64_t to)
{
    uint64_t low = b->below_4g;
    numa_put_range(out, node, from, MIN(to, 640 * KiB));
    numa_put_range(out, node, MAX(from, MiB), MIN(to, low));
    numa_put_range(out, node, MAX(from, low) - low + 4 * GiB, MAX(to, low) - low + 4 * GiB);
}

guint acpi_build_srat(const PcBoard *b, GByteArray *out)
{
    const NumaConfig *n = b->m->cfg.numa;
    const CpuTopology *topo = &b->m->cfg.topo;
    guint start = acpi_table_begin(out, "SRAT", 1);
    uint64_t at = 0;
    numa_put(out, 1, 4);
    numa_put(out, 0, 8);
    for (unsigned cpu = 0; cpu < topo->cpus; cpu++) {
        numa_put_cpu(out, topology_apic_id(topo, cpu), (uint32_t)n->cpu_node[cpu]);
    }
    for (unsigned i = 0; i < n->count; i++) {
        numa_put_memory(b, out, i, at, at + n->node[i].size);
        at += n->node[i].size;
    }
    acpi_table_end(out, start);
    return start;
}

guint acpi_build_slit(const PcBoard *b, GByteArray *out)
{
    const NumaConfig *n = b->m->cfg.numa;
    guint start = acpi_table_begin(out, "SLIT", 1);
    numa_put(out, n->count, 8);
    for (unsigned i = 0; i < n->count; i++) {
        g_byte_array_append(out, n->distance[i], n->count);
    }
    acpi_table_end(out, start);
    return start;
}

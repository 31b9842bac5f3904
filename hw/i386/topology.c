/* SPDX-License-Identifier: GPL-2.0-or-later */
/* APIC ids of the board's vCPUs.  Called by the board and its tables; any thread. */
#include "util/osdep.h"
#include "hw/i386/topology.h"

static unsigned topology_bits(unsigned members)
{
    unsigned n = 0;
    while (n < 31 && (1u << n) < members) {
        n++;
    }
    return n;
}

uint32_t topology_apic_id(const CpuTopology *t, unsigned index)
{
    const unsigned members[] = { MAX(t->threads, 1), MAX(t->cores, 1), MAX(t->dies, 1) };
    uint32_t id = 0;
    unsigned shift = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        id |= (index % members[i]) << shift;
        index /= members[i];
        shift += topology_bits(members[i]);
    }
    return id | index << shift;
}

uint32_t topology_apic_id_limit(const CpuTopology *t)
{
    unsigned cpus = MAX(MAX(t->max_cpus, t->cpus), 1);
    return topology_apic_id(t, cpus - 1) + 1;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * APIC ids from the topology (SDM vol. 3, 9.9.1): each level takes as many bits as it has members.  Pure functions.
 */
#ifndef HW_I386_TOPOLOGY_H
#define HW_I386_TOPOLOGY_H

#include "system/cpus.h"

/* APIC id of the vCPU with @index: threads vary first, then cores, dies, sockets. */
uint32_t topology_apic_id(const CpuTopology *t, unsigned index);
/* One more than the largest APIC id of max_cpus vCPUs. */
uint32_t topology_apic_id_limit(const CpuTopology *t);

#endif

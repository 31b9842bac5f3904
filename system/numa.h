/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NUMA nodes of the guest (-numa): which vCPUs and how much memory each has, and how far they are from each other.  Parsed from
 * the command line, completed when the number of vCPUs and the memory are known, then constant.  Start-up, main thread.
 */
#ifndef SYSTEM_NUMA_H
#define SYSTEM_NUMA_H

#include "system/cpus.h"
#include "util/keyval.h"

#define NUMA_NODES_MAX 128
#define NUMA_CPUS_MAX 1024

typedef struct NumaNode {
    bool present;
    uint64_t size;   /* bytes; with @memdev its size */
    char *memdev;    /* memory back end, or NULL */
    bool size_given;
} NumaNode;

typedef struct NumaConfig {
    unsigned count; /* 0: no NUMA */
    NumaNode node[NUMA_NODES_MAX];
    int16_t cpu_node[NUMA_CPUS_MAX]; /* by vCPU index; -1: not said */
    uint8_t distance[NUMA_NODES_MAX][NUMA_NODES_MAX]; /* 0: not said */
    bool has_distances, has_memdevs;
} NumaConfig;

void numa_init(NumaConfig *n);
void numa_free(NumaConfig *n);
/* One -numa argument. */
bool numa_parse(NumaConfig *n, const char *text, const CpuTopology *topo, Error **errp);
/* Fills in what was not said and checks the whole; @ram_size: of -m. */
bool numa_complete(NumaConfig *n, const CpuTopology *topo, uint64_t ram_size, Error **errp);
void numa_print(const NumaConfig *n, const CpuTopology *topo, GString *out); /* info numa */

#endif

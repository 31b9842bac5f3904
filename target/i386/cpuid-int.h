/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the CPUID files. */
#ifndef TARGET_I386_CPUID_INT_H
#define TARGET_I386_CPUID_INT_H

#include "target/i386/cpuid.h"

extern const char *const cpuid_names[FEAT_WORDS][32]; /* NULL: no name */

/* A feature by its name in any spelling, -1: none. */
int cpuid_feature_by_name(const char *name);

/* With a hardware accelerator (cpuid-host.c): the host's processor as a model, to be freed by cpuid_free(). */
CpuModel *cpuid_host_model(const char *name);
CpuVendor cpuid_host_vendor(void);
/* The hypervisor's leaves then (cpuid-pv.c); @out is zero before. */
void cpuid_pv_leaf(const X86Cpu *cpu, uint32_t leaf, uint32_t out[4]);

#endif

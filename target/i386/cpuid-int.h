/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the CPUID files. */
#ifndef TARGET_I386_CPUID_INT_H
#define TARGET_I386_CPUID_INT_H

#include "target/i386/cpuid.h"

extern const char *const cpuid_names[FEAT_WORDS][32]; /* NULL: no name */

/* A feature by its name in any spelling, -1: none. */
int cpuid_feature_by_name(const char *name);

#endif

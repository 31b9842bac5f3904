/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers by name; TargetOps.get_register. */
#ifndef TARGET_I386_REGNAMES_H
#define TARGET_I386_REGNAMES_H

#include "system/cpus.h"

bool regnames_get(Vcpu *v, const char *name, uint64_t *val);

#endif

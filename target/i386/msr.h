/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Model-specific registers: one table says what each does (SDM vol. 4; AMD APM vol. 2, appendix A).  vCPU thread. */
#ifndef TARGET_I386_MSR_H
#define TARGET_I386_MSR_H

#include "target/i386/cpu.h"

/* False: #GP. */
bool msr_read(X86Cpu *cpu, uint32_t msr, uint64_t *val);
bool msr_write(X86Cpu *cpu, uint32_t msr, uint64_t val);

#endif

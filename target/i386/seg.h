/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segmentation: loads, far transfers, gates, hardware tasks (SDM vol. 3, chapters 3, 5, 7).  vCPU thread. */
#ifndef TARGET_I386_SEG_H
#define TARGET_I386_SEG_H

#include "target/i386/insn.h"

/* MOV/POP/LxS to a data or stack segment register, with every check. */
void x86_load_seg(X86Cpu *cpu, unsigned seg, uint16_t sel);
/* Sets a segment register's cache without checks, as real mode does, and updates the mode. */
void x86_set_seg(X86Cpu *cpu, unsigned seg, uint16_t sel, uint64_t base, uint32_t limit, uint32_t attr);
void x86_far_jmp(X86Cpu *cpu, uint16_t sel, uint64_t off, unsigned opsize, uint64_t next_rip);
void x86_far_call(X86Cpu *cpu, uint16_t sel, uint64_t off, unsigned opsize, uint64_t next_rip);
void x86_far_ret(X86Cpu *cpu, unsigned opsize, uint16_t pop);
void x86_iret(X86Cpu *cpu, unsigned opsize, uint64_t next_rip);
typedef enum TaskSwitch { TASK_JMP, TASK_CALL, TASK_IRET, TASK_INT } TaskSwitch;
void x86_task_switch(X86Cpu *cpu, uint16_t sel, TaskSwitch why, uint64_t next_rip, bool has_error, uint32_t error);

/* RFLAGS as a whole. */
uint64_t x86_get_rflags(X86Cpu *cpu); /* arithmetic bits computed */
/* Sets the bits of @mask from @v; updates the mode when it must. */
void x86_set_rflags(X86Cpu *cpu, uint64_t v, uint64_t mask);

/* Control registers, shared by MOV CR, LMSW, RSM, task switches. */
void x86_set_cr0(X86Cpu *cpu, uint64_t v);
void x86_set_cr3(X86Cpu *cpu, uint64_t v);
void x86_set_cr4(X86Cpu *cpu, uint64_t v);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's view of the processor, between cpu.c and cpu-print.c.  Under the big lock, vCPU parked. */
#ifndef TARGET_I386_CPU_INT_H
#define TARGET_I386_CPU_INT_H

#include "target/i386/cpu.h"

void cpu_print_registers(Vcpu *v, GString *out);
bool cpu_read_virtual(Vcpu *v, uint64_t addr, void *buf, size_t len);
bool cpu_write_virtual(Vcpu *v, uint64_t addr, const void *buf, size_t len);
void cpu_disassemble(Vcpu *v, uint64_t addr, unsigned count, bool physical, GString *out);

/* For debuggers (gdb.c). */
char *gdb_description(Vcpu *v);
unsigned gdb_registers(Vcpu *v);
unsigned gdb_read(Vcpu *v, unsigned n, uint8_t buf[16]);
bool gdb_write(Vcpu *v, unsigned n, const uint8_t *buf);
void gdb_set_pc(Vcpu *v, uint64_t pc);
void gdb_debug_update(Vcpu *v);

bool cpu_machine_check(Vcpu *v, const MachineCheck *m, bool broadcast, Error **errp); /* mce.c */

/* The page tables as text (mmu-print.c). */
void mmu_print_tlb(Vcpu *v, GString *out);
void mmu_print_mem(Vcpu *v, GString *out);

#endif

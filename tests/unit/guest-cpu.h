/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine of one CPU and 64 MiB of RAM for unit tests of the CPU: no chips, code runs until HLT. */
#ifndef TESTS_UNIT_GUEST_CPU_H
#define TESTS_UNIT_GUEST_CPU_H

#include "target/i386/mem.h"
#include "util/bytes.h"

#define GUEST_RAM_SIZE (64 * MiB)
#define GUEST_PML4 0x100000u /* of guest_long(): 4 KiB tables of the first 16 MiB follow it, see guest_pte() */
#define GUEST_CODE 0x200000u
#define GUEST_STACK 0x300000u
#define GUEST_DATA 0x400000u

X86Cpu *guest_new(void); /* the same one each time, reset, RAM cleared */
void guest_free(void); /* at the end, for leak checkers */
uint8_t *guest_ram(void);
void guest_real(X86Cpu *cpu);   /* CS:IP = 0:7c00 */
void guest_flat32(X86Cpu *cpu); /* protected mode, flat, paging off, CPL 0 */
void guest_long(X86Cpu *cpu, unsigned cpl); /* 64-bit code, the first 16 MiB mapped one to one for everybody, 4 KiB pages */
/* The page table entry of @lin in guest_long()'s tables. */
void *guest_pte(uint64_t lin);
/*
 * Puts @code where RIP points, runs it on the interpreter until it ends (HLT or INT3 is added here) or raises an exception, whose
 * vector is returned; -1: came to its end; 99: triple fault.  After an exception RSP points to the frame (error code first, if any).
 */
int guest_run(X86Cpu *cpu, const void *code, size_t len);
/* As above from wherever RIP points. */
int guest_go(X86Cpu *cpu);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs one instruction twice, on this machine's own CPU and by the emulator's decoder and C functions, with the same registers,
 * flags and memory at the same addresses, and compares everything that came out of it.  x86-64 hosts only.
 */
#ifndef TESTS_UNIT_NATIVE_RUN_H
#define TESTS_UNIT_NATIVE_RUN_H

#include "target/i386/cpu.h"

/* Memory that both sides see, at these linear addresses. */
#define NATIVE_CODE 0x10000000u    /* where the instruction is put */
#define NATIVE_DATA 0x11000000u    /* two pages */
#define NATIVE_DATA_SIZE 0x2000u
#define NATIVE_MAX_INSN 16
#define NATIVE_XSTATE_SIZE 832

typedef struct NativeState {
    uint64_t regs[16];
    uint64_t flags;  /* arithmetic ones and DF */
    uint64_t rip;    /* afterwards */
    int vector;      /* exception, -1: none */
    uint64_t error;  /* of it; native page faults: not compared */
    uint64_t cr2;    /* after a page fault */
    bool compat;     /* run it as 32-bit code */
    const uint8_t *xstate; /* in: XSAVE image (x87, SSE, AVX; 64-byte aligned) to load on both sides; NULL: not part of it */
} NativeState;

/* False: cannot be done here (not an x86-64 host, address taken). */
bool native_setup(void);
/* What both sides' memory holds before each case; copies host data to the guest's. */
uint8_t *native_data(void);
/* Runs @code (@len bytes) on both sides from @in. */
void native_both(const uint8_t *code, unsigned len, const NativeState *in, NativeState *host, NativeState *guest);
/* What decode_insn() on native_cpu() is to see; native_both() does it itself. */
void native_set_mode(bool compat);
/* Compares, with @undefined flag bits left out; on difference describes it in @why and returns false.  Makes memory equal again. */
bool native_same(const NativeState *host, const NativeState *guest, uint64_t undefined, char *why, size_t size);

/* x87 and vector state afterwards, in XSAVE's layout, when the input had some. */
const uint8_t *native_xstate(bool host);
uint8_t *native_guest_data(void);

/* Reproducible random numbers; native_value() over-weights edges. */
uint64_t native_random(void);
uint64_t native_value(void);

X86Cpu *native_cpu(void);

#endif

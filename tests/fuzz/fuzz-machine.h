/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole `pc` in the fuzzer's own process, without a CPU, on a clock that the fuzzer moves; and random numbers with a fixed seed.
 * Environment: FUZZ_SEED (default 1), FUZZ_ROUNDS (default: the test's own).
 */
#ifndef TESTS_FUZZ_FUZZ_MACHINE_H
#define TESTS_FUZZ_FUZZ_MACHINE_H

#include "system/machine.h"

typedef struct FuzzRng {
    uint64_t state;
} FuzzRng;

void fuzz_seed(FuzzRng *r, uint64_t seed);
uint64_t fuzz_next(FuzzRng *r);
uint64_t fuzz_below(FuzzRng *r, uint64_t n); /* 0..n-1; n > 0 */
/* A value that devices are likely to stumble over: 0, all ones, powers of two, small, addresses in low RAM, or anything. */
uint64_t fuzz_value(FuzzRng *r);

uint64_t fuzz_env(const char *name, uint64_t def);

/* Big lock is taken and kept.  @drives: files are made and attached to all IDE and floppy connectors. */
Machine *fuzz_machine_new(bool drives);
Machine *fuzz_machine_new_vga(bool drives, const char *vga); /* with another graphics card than the usual one */
void fuzz_machine_free(Machine *m);

/* One I/O range of an address space. */
typedef struct FuzzRange {
    AddressSpace *as;
    hwaddr addr;
    uint64_t size;
    char name[32];
} FuzzRange;
/* All I/O ranges of ports and memory as they are mapped now: array of FuzzRange. */
GArray *fuzz_ranges(Machine *m);

/* Lets @ns of virtual time pass and everything due run. */
void fuzz_run_for(int64_t ns);
/* One random access somewhere in @r. */
void fuzz_access(FuzzRng *rng, const FuzzRange *r);
/* A random write to the configuration space of a PCI function that exists. */
void fuzz_pci_config(FuzzRng *rng, Machine *m);
/* Random bytes, pointers and counts into a few pages of low RAM, where descriptors will be looked for. */
void fuzz_ram(FuzzRng *rng, Machine *m);

#endif

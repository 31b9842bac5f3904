/* SPDX-License-Identifier: GPL-2.0-or-later */
<<<<<<< HEAD
/* Shared by cpuid*.c: feature names, and model look-up.  Under the big lock (creation). */
=======
/* Between the CPUID files. */
>>>>>>> main
#ifndef TARGET_I386_CPUID_INT_H
#define TARGET_I386_CPUID_INT_H

#include "target/i386/cpuid.h"

<<<<<<< HEAD
typedef struct CpuidWord {
    uint32_t leaf, subleaf;
    unsigned reg; /* 0..3: EAX, EBX, ECX, EDX */
    const char *text;
    const char *names[32];
} CpuidWord;
extern const CpuidWord cpuid_words[FEAT_WORDS];

uint32_t cpuid_max_basic(const X86Cpu *cpu);
int cpuid_feature_by_name(const char *name); /* -1: unknown; '_' is as good as '-' */
=======
extern const char *const cpuid_names[FEAT_WORDS][32]; /* NULL: no name */

/* A feature by its name in any spelling, -1: none. */
int cpuid_feature_by_name(const char *name);
>>>>>>> main

#endif

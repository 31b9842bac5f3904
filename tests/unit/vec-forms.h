/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forms of instructions, found by walking the opcode maps, and random cases of x87, MMX, SSE and AVX.  x86-64 hosts only. */
#ifndef TESTS_UNIT_VEC_FORMS_H
#define TESTS_UNIT_VEC_FORMS_H

#include "tests/unit/native-run.h"

enum { VEC_ANY = -1 };

/* A form: what stays the same in all its cases. */
typedef struct VecForm {
    const char *isa, *name; /* NULL: an undefined encoding */
    uint8_t prefix;         /* 66, F2, F3; 0: none */
    uint8_t map;            /* 0: one-byte (x87), 1 0F, 2 0F38, 3 0F3A */
    uint8_t op;
    bool vex, w, wide;      /* wide: VEX.256 */
    bool mem;
    bool vsib;
    bool uses_vvvv;
    bool compat;            /* 32-bit code */
    int8_t reg, rm;         /* ModRM fields that are part of the opcode, or VEC_ANY */
} VecForm;

typedef struct VecCase {
    uint8_t code[NATIVE_MAX_INSN + 16];
    unsigned len;
    uint64_t at; /* memory operand's address */
    NativeState in;
} VecCase;

typedef struct VecClass {
    const char *isa; /* as decode_isa() says */
    int feature;     /* CPUID_*, -1: every host */
} VecClass;
extern const VecClass vec_classes[]; /* vec-native-table.c; ends with NULL */

/* Index into vec_classes, or -1. */
int vec_class(const char *isa);

typedef void VecVisit(const VecForm *f, void *opaque);
/* Every form of one folder of encodings: x87, 0F and on, VEX, or the rest of the one-byte map. */
typedef enum VecFamily { VEC_X87, VEC_LEGACY, VEC_VEX, VEC_BASE } VecFamily;
void vec_walk(VecFamily family, bool compat, VecVisit *visit, void *opaque);

/* How one case encodes it. */
typedef struct VecFields {
    uint8_t reg, rm, index, vvvv;
    uint8_t mod;
    bool sib, addr32;
    uint8_t extra[14], extras; /* bytes before the form's own prefix */
    unsigned scale;
    int32_t disp;
} VecFields;

/* Writes prefixes, opcode, ModRM, SIB and displacement; immediates are the caller's.  NOPs follow. */
void vec_put_insn(VecCase *c, const VecForm *f, const VecFields *x);
void vec_case(VecCase *c, const VecForm *f);
/* A random x87 and vector state as an XSAVE image. */
void vec_random_state(uint8_t *x);
/* @n bytes of numbers that floating point minds. */
void vec_random_bytes(uint8_t *p, unsigned n);

#endif

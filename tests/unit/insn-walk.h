/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What insn-walk-test does with each encoding: run it, or leave it to another test by name. */
#ifndef TESTS_UNIT_INSN_WALK_H
#define TESTS_UNIT_INSN_WALK_H

#include "tests/unit/vec-forms.h"

typedef enum WalkKind {
    WALK_RUN,
    WALK_VEC,    /* vec-native-test's */
    WALK_LISTED, /* cannot run as a user program, or not with a result to compare */
    WALK_NEVER,  /* no model shows it */
    WALK_GAP,
} WalkKind;

typedef struct WalkRow {
    const char *name; /* mnemonic, or an extension of the instruction set */
    WalkKind kind;
    const char *why;  /* LISTED: where it is tested; NEVER: what it is */
} WalkRow;

/* @code: the whole instruction, for mnemonics that near and far forms share. */
const WalkRow *walk_kind(bool compat, const char *isa, const char *name, const uint8_t *code);
/* Not an instruction: a prefix or the way into another map. */
bool walk_is_escape(const VecForm *f);
/* An indirect near call. */
bool walk_is_call(const uint8_t *code, bool compat);
/* String compares, ENTER, PUSHA, POPA, calls: CPUs differ in which of their accesses faults first. */
bool walk_unordered(const uint8_t *code, bool compat);
/* How many rows of the tables no encoding asked for; prints them, and what is tested elsewhere. */
unsigned walk_check_listed(void);

#endif

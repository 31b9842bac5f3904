/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From bytes to an Insn.  decode.c is the only place that knows Zydis; semantics files describe their instructions by the
 * manual's mnemonics in tables of OpRow.
 */
#ifndef TARGET_I386_DECODE_H
#define TARGET_I386_DECODE_H

#include "target/i386/insn.h"

typedef enum OperandKind {
    OPND_NONE, OPND_GPR, OPND_MEM, OPND_IMM, OPND_REL, OPND_FAR, OPND_SEG, OPND_CR, OPND_DR, OPND_ST, OPND_MM, OPND_VEC, OPND_MASK,
} OperandKind;

/* Where the encoding has it (SDM vol. 2, "Op/En"). */
typedef enum OperandPlace { PLACE_OTHER, PLACE_REG, PLACE_RM, PLACE_VVVV } OperandPlace;

typedef struct Operand {
    OperandKind kind : 8;
    OperandPlace place : 8;
    uint8_t reg;   /* GPR: byte offset into regs; others: plain number */
    uint16_t size; /* bytes */
    bool read, write;
} Operand;

/* What select functions look at.  Only explicit operands, in Intel order. */
typedef struct Decoded {
    Operand op[5];
    unsigned nops;
    uint8_t opsize, addrsize; /* effective */
    uint16_t vec_len;  /* bytes: 16, 32, 64; 0: not a vector instruction */
    uint8_t modrm, opcode, map; /* map: 0 primary, 1 0F, 2 0F38, 3 0F3A */
    bool has_modrm, vex, evex, lock, rep, repne, rex_w, rip_wide;
    uint8_t mem_disp_len, imm_len, prefix_len; /* raw layout, for native stubs: bytes before the opcode incl. REX/VEX */
    uint8_t mandatory; /* the prefix that is part of the opcode, as a byte or as VEX.pp: 66, F2, F3; 0: none */
    uint8_t vex_l;
    uint8_t opcode_off, modrm_off, disp_off, imm_off; /* in Insn.bytes */
    uint64_t imm2;     /* second immediate (ENTER) */
    uint16_t gprs_written; /* bit n: general-purpose register n may change, implicit ones too */
    uint16_t flags_read, flags_set; /* arithmetic flags (FL_*) that may be looked at; that may change (undefined ones too) */
    uint16_t flags_undefined;
    uint32_t mode;     /* MODE_* at decode time */
    const char *mnemonic;
} Decoded;

/*
 * Picks the C function for this form; may fill Insn fields for its own use and OR into its flags.  NULL: not mine; the next row of
 * that mnemonic in any table is tried (mov, push, pop, jmp, call and ret have rows in integer and system tables), then #UD.
 */
typedef InsnFn *OpSelect(const Decoded *d, Insn *i);

typedef struct OpRow {
    const char *mnemonic; /* as in the manual, lower case */
    InsnFn *fn;           /* one function for all forms, or NULL: */
    OpSelect *select;
    uint8_t flags;        /* INSN_BRANCH, INSN_END, ... */
} OpRow;

/* The tables, each ending with a NULL mnemonic, one a semantics file. */
extern const OpRow ops_mov[], ops_alu[], ops_shift[], ops_muldiv[], ops_bits[], ops_branch[], ops_stack[], ops_string[], ops_atomic[],
    ops_misc[], ops_bmi[];                                /* integer */
extern const OpRow ops_far[], ops_system[], ops_io[], ops_flags[], ops_msr[]; /* system */
extern const OpRow ops_x87[], ops_mmx[], ops_sse[], ops_avx[], ops_gather[], ops_gfni[], ops_xsave[];   /* floating point and vectors */

void decode_init(void); /* once, before the first vCPU */

typedef enum DecodeResult { DECODE_OK, DECODE_MORE /* needs bytes beyond @len */ } DecodeResult;
/*
 * Decodes at most 15 bytes at @bytes.  Undefined and illegal encodings, and what the CPU model does not show, give an Insn whose fn
 * raises #UD (or #GP for over 15 bytes), with INSN_BRANCH set.  @off: offset from the block's start.
 */
DecodeResult decode_insn(X86Cpu *cpu, const uint8_t *bytes, unsigned len, uint16_t off, Insn *out);
/* The same for the translator: what the select functions saw goes to *@d; its mnemonic is NULL when @out only raises. */
DecodeResult decode_insn_full(X86Cpu *cpu, const uint8_t *bytes, unsigned len, uint16_t off, Insn *out, Decoded *d);

/* Forms seen before are kept (decode-cache.c) until this: CPUID features have changed, or the CPU goes. */
void decode_forget(X86Cpu *cpu);

/* Disassembly for the monitor and -d in_asm: Intel syntax; returns the length, 0: undecodable. */
unsigned decode_text(uint32_t mode, uint64_t rip, const uint8_t *bytes, unsigned len, char *text, size_t text_size);

/* Name of the instruction-set extension that these bytes belong to ("SSE2", "AVX"...), whatever the model shows; NULL: undefined. */
const char *decode_isa(uint32_t mode, const uint8_t *bytes, unsigned len, const char **mnemonic);

/* Does the model show this feature? by CPUID feature word bits, see cpuid.h. */
void op_ud(X86Cpu *cpu, const Insn *i); /* raises #UD */

#endif

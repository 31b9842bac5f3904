/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the decoder (decode.c, decode-features.c, decode-text.c): the only ones that know Zydis. */
#ifndef TARGET_I386_DECODE_INT_H
#define TARGET_I386_DECODE_INT_H

#include "target/i386/decode.h"
#include <Zydis/Zydis.h>

typedef enum DecoderKind {
    DECODER_REAL, DECODER_LEGACY16, DECODER_LEGACY32, DECODER_COMPAT16, DECODER_COMPAT32, DECODER_LONG, DECODER_COUNT
} DecoderKind;

void decode_setup(ZydisDecoder *d, DecoderKind kind);
DecoderKind decode_kind(uint32_t mode);
uint8_t decode_gpr(ZydisRegister r);
/* Without the forms seen before.  @full's mnemonic and rip_wide are for the caller to clear. */
DecodeResult decode_one(X86Cpu *cpu, const uint8_t *bytes, unsigned len, uint16_t off, Insn *out, Decoded *full);
bool decode_cache_find(X86Cpu *cpu, const uint8_t *bytes, unsigned len, uint16_t off, Insn *i, Decoded *d); /* false: not of a form seen */
void decode_cache_add(X86Cpu *cpu, const Insn *i, const Decoded *d); /* what decode_one() made of a legal instruction */
/* Does the CPU model show the instruction's feature? */
bool decode_feature_shown(const X86Cpu *cpu, const ZydisDecodedInstruction *z);

#endif

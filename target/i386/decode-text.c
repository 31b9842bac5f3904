/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disassembly for the monitor, the gdb stub and -d in_asm, in Intel syntax.  Any thread. */
#include "util/osdep.h"
#include "target/i386/decode-int.h"

unsigned decode_text(uint32_t mode, uint64_t rip, const uint8_t *bytes, unsigned len, char *text, size_t text_size)
{
    ZydisDecoder d;
    ZydisFormatter f;
    ZydisDecodedInstruction z;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];

    decode_setup(&d, decode_kind(mode));
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, bytes, MIN(len, 15u), &z, ops)) ||
        !ZYAN_SUCCESS(ZydisFormatterInit(&f, ZYDIS_FORMATTER_STYLE_INTEL)) ||
        !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&f, &z, ops, z.operand_count_visible, text, text_size, rip, ZYAN_NULL))) {
        g_strlcpy(text, "(bad)", text_size);
        return 0;
    }
    return z.length;
}

const char *decode_isa(uint32_t mode, const uint8_t *bytes, unsigned len, const char **mnemonic)
{
    ZydisDecoder d;
    ZydisDecodedInstruction z;

    decode_setup(&d, decode_kind(mode));
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&d, NULL, bytes, MIN(len, 15u), &z))) {
        return NULL;
    }
    *mnemonic = ZydisMnemonicGetString(z.mnemonic);
    return ZydisISASetGetString(z.meta.isa_set);
}

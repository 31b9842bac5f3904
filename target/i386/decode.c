/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instruction decoding: Zydis finds the form, the tables of the semantics files say which C function runs it (decode.h).
 * Prefix rules: SDM vol. 2A chapter 2; AMD APM vol. 3 section 1.2.  Called by the engines when they build a block and by the
 * disassembler; no locks, the tables are constant after decode_init().
 */
#include "util/osdep.h"
#include "target/i386/decode.h"
#include "target/i386/cpuid.h"
#include "target/i386/decode-int.h"
#include "target/i386/exc.h"
#include "target/i386/native.h"
#include "util/log.h"

#define DECODE_MAX_ROWS 6 /* of one mnemonic, over all tables */

typedef struct DecodeRow {
    const OpRow *row; /* NULL: no more */
    bool system;
} DecodeRow;

static DecodeRow decode_rows[ZYDIS_MNEMONIC_MAX_VALUE + 1][DECODE_MAX_ROWS];
static ZydisDecoder decode_decoders[DECODER_COUNT];

/* What a transfer or a system instruction of these tables does may change mode, privilege or mappings. */
static const struct {
    const OpRow *rows;
    bool system;
} decode_tables[] = {
    { ops_mov, false }, { ops_alu, false }, { ops_shift, false }, { ops_muldiv, false }, { ops_bits, false },
    { ops_branch, false }, { ops_stack, false }, { ops_string, false }, { ops_atomic, false }, { ops_misc, false },
    { ops_bmi, false },
    { ops_far, true }, { ops_system, true }, { ops_io, true }, { ops_flags, true }, { ops_msr, true },
    { ops_x87, false }, { ops_mmx, false }, { ops_sse, false }, { ops_avx, false }, { ops_gather, false }, { ops_gfni, false },
    { ops_xsave, false },
};

static void decode_add_row(GHashTable *by_name, const OpRow *row, bool system)
{
    gpointer m = g_hash_table_lookup(by_name, row->mnemonic);

    if (!m) {
        return; /* an alias that Zydis never reports ("sal", "je") */
    }
    DecodeRow *slot = decode_rows[GPOINTER_TO_UINT(m)];

    for (unsigned k = 0; k < DECODE_MAX_ROWS; k++) {
        if (!slot[k].row) {
            slot[k] = (DecodeRow){ row, system };
            return;
        }
    }
    g_error("decode: more than %d rows for '%s'", DECODE_MAX_ROWS, row->mnemonic);
}

void decode_init(void)
{
    static gsize once;

    if (!g_once_init_enter(&once)) {
        return;
    }
    GHashTable *by_name = g_hash_table_new(g_str_hash, g_str_equal);

    for (unsigned m = 1; m <= ZYDIS_MNEMONIC_MAX_VALUE; m++) {
        g_hash_table_insert(by_name, (gpointer)ZydisMnemonicGetString((ZydisMnemonic)m), GUINT_TO_POINTER(m));
    }
    for (unsigned t = 0; t < G_N_ELEMENTS(decode_tables); t++) {
        for (const OpRow *row = decode_tables[t].rows; row->mnemonic; row++) {
            decode_add_row(by_name, row, decode_tables[t].system);
        }
    }
    g_hash_table_destroy(by_name);
    for (unsigned k = 0; k < DECODER_COUNT; k++) {
        decode_setup(&decode_decoders[k], (DecoderKind)k);
    }
    g_once_init_leave(&once, 1);
}

void decode_setup(ZydisDecoder *d, DecoderKind kind)
{
    static const struct {
        ZydisMachineMode machine;
        ZydisStackWidth stack;
    } modes[DECODER_COUNT] = {
        [DECODER_REAL] = { ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16 },
        [DECODER_LEGACY16] = { ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16 },
        [DECODER_LEGACY32] = { ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32 },
        [DECODER_COMPAT16] = { ZYDIS_MACHINE_MODE_LONG_COMPAT_16, ZYDIS_STACK_WIDTH_16 },
        [DECODER_COMPAT32] = { ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32 },
        [DECODER_LONG] = { ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64 },
    };

    ZydisDecoderInit(d, modes[kind].machine, modes[kind].stack);
    /* What no model shows decodes as the reserved NOPs that it is on such a CPU. */
    ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
    ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
    ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
}

DecoderKind decode_kind(uint32_t mode)
{
    if (mode & MODE_CODE64) {
        return DECODER_LONG;
    }
    if (mode & MODE_LMA) {
        return mode & MODE_CODE32 ? DECODER_COMPAT32 : DECODER_COMPAT16;
    }
    if (mode & MODE_CODE32) {
        return DECODER_LEGACY32;
    }
    return mode & MODE_PE ? DECODER_LEGACY16 : DECODER_REAL;
}

/* Byte offset of a general-purpose register of any size into X86Cpu.regs. */
uint8_t decode_gpr(ZydisRegister r)
{
    if (r >= ZYDIS_REGISTER_AL && r <= ZYDIS_REGISTER_BL) {
        return (uint8_t)((r - ZYDIS_REGISTER_AL) * 8);
    }
    if (r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH) {
        return (uint8_t)((r - ZYDIS_REGISTER_AH) * 8 + 1);
    }
    if (r >= ZYDIS_REGISTER_SPL && r <= ZYDIS_REGISTER_R15B) {
        return (uint8_t)((r - ZYDIS_REGISTER_SPL + 4) * 8);
    }
    return (uint8_t)(ZydisRegisterGetId(r) * 8);
}

static bool decode_is_gpr(ZydisRegisterClass c)
{
    return c >= ZYDIS_REGCLASS_GPR8 && c <= ZYDIS_REGCLASS_GPR64;
}

static uint8_t decode_address_reg(ZydisRegister r)
{
    if (r == ZYDIS_REGISTER_NONE) {
        return R_ZERO * 8;
    }
    if (r == ZYDIS_REGISTER_RIP || r == ZYDIS_REGISTER_EIP) {
        return R_RIP * 8;
    }
    return decode_gpr(r);
}

/* A RIP-relative operand near +2 GiB: with the distance from the block's start it does not fit Insn.disp (op_rip_wide). */
#define DECODE_RIP_WIDE 0x10000

static void decode_memory(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *zo, Decoded *d, Operand *o, Insn *i)
{
    const ZydisDecodedOperandMem *m = &zo->mem;
    int64_t disp = m->disp.value;

    o->kind = OPND_MEM;
    i->flags |= INSN_MEM;
    i->base = decode_address_reg(m->base);
    if (m->type == ZYDIS_MEMOP_TYPE_VSIB) {
        o->reg = (uint8_t)ZydisRegisterGetId(m->index);
        i->index = R_ZERO * 8;
        i->scale = m->scale ? (uint8_t)__builtin_ctz(m->scale) : 0;
    } else {
        i->index = decode_address_reg(m->index);
        i->scale = m->scale ? (uint8_t)__builtin_ctz(m->scale) : 0;
    }
    if (ZydisRegisterGetClass(m->segment) == ZYDIS_REGCLASS_SEGMENT) {
        i->seg = (uint8_t)ZydisRegisterGetId(m->segment);
    }
    if (i->base == R_RIP * 8) {
        disp += i->off + z->length;
    }
    if (disp > INT32_MAX && i->base == R_RIP * 8) {
        disp -= DECODE_RIP_WIDE;
        d->rip_wide = true;
    }
    i->disp = (int32_t)disp;
    if (z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (z->opcode & 0xfc) == 0xa0) {
        i->imm = (uint64_t)disp; /* MOV with an absolute address of up to 64 bits */
    }
}

static void decode_register(const ZydisDecodedOperand *zo, Operand *o)
{
    ZydisRegister r = zo->reg.value;
    ZydisRegisterClass c = ZydisRegisterGetClass(r);

    o->reg = (uint8_t)ZydisRegisterGetId(r);
    if (decode_is_gpr(c)) {
        o->kind = OPND_GPR;
        o->reg = decode_gpr(r);
        return;
    }
    switch (c) {
    case ZYDIS_REGCLASS_SEGMENT: o->kind = OPND_SEG; break;
    case ZYDIS_REGCLASS_CONTROL: o->kind = OPND_CR; break;
    case ZYDIS_REGCLASS_DEBUG: o->kind = OPND_DR; break;
    case ZYDIS_REGCLASS_X87: o->kind = OPND_ST; break;
    case ZYDIS_REGCLASS_MMX: o->kind = OPND_MM; break;
    case ZYDIS_REGCLASS_XMM:
    case ZYDIS_REGCLASS_YMM:
    case ZYDIS_REGCLASS_ZMM: o->kind = OPND_VEC; break;
    case ZYDIS_REGCLASS_MASK: o->kind = OPND_MASK; break;
    default: o->kind = OPND_NONE; break;
    }
}

static void decode_operand(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *zo, unsigned n, Decoded *d, Insn *i)
{
    Operand *o = &d->op[n];

    o->size = (uint16_t)(zo->size / 8);
    o->place = zo->encoding == ZYDIS_OPERAND_ENCODING_MODRM_REG   ? PLACE_REG
               : zo->encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM ? PLACE_RM
               : zo->encoding == ZYDIS_OPERAND_ENCODING_NDSNDD   ? PLACE_VVVV
                                                                 : PLACE_OTHER;
    o->read = zo->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
    o->write = zo->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
    switch (zo->type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
        decode_register(zo, o);
        if (n < 3) {
            *(n == 0 ? &i->dst : n == 1 ? &i->src : &i->src2) = o->reg;
        }
        break;
    case ZYDIS_OPERAND_TYPE_MEMORY:
        decode_memory(z, zo, d, o, i);
        break;
    case ZYDIS_OPERAND_TYPE_POINTER:
        o->kind = OPND_FAR;
        i->imm = (uint64_t)zo->ptr.segment << 32 | zo->ptr.offset;
        break;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
        o->kind = zo->imm.is_relative ? OPND_REL : OPND_IMM;
        if (n > 0 && d->op[n - 1].kind == OPND_IMM) {
            d->imm2 = zo->imm.value.u;
        } else {
            i->imm = zo->imm.value.u;
        }
        break;
    default:
        break;
    }
}

static uint8_t decode_mandatory(const ZydisDecodedInstruction *z)
{
    static const uint8_t pp[] = { 0, 0x66, 0xf3, 0xf2 };

    if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX) {
        return pp[z->raw.vex.pp & 3];
    }
    for (unsigned k = 0; k < z->raw.prefix_count; k++) {
        if (z->raw.prefixes[k].type == ZYDIS_PREFIX_TYPE_MANDATORY) {
            return z->raw.prefixes[k].value;
        }
    }
    return 0;
}

/* Where things lie in the bytes, for native stubs and translators. */
static void decode_layout(const ZydisDecodedInstruction *z, Decoded *d)
{
    static const uint8_t escapes[] = { 0, 1, 2, 2 };
    unsigned imm_bits = z->raw.imm[0].size + z->raw.imm[1].size;
    bool legacy = z->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY;

    d->map = (uint8_t)z->opcode_map;
    d->opcode = z->opcode;
    d->has_modrm = z->attributes & ZYDIS_ATTRIB_HAS_MODRM;
    d->modrm = (uint8_t)(z->raw.modrm.mod << 6 | z->raw.modrm.reg << 3 | z->raw.modrm.rm);
    d->vex = z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
    d->evex = z->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX;
    d->rex_w = legacy ? z->raw.rex.W : d->vex ? z->raw.vex.W : d->evex ? z->raw.evex.W : 0;
    d->mandatory = decode_mandatory(z);
    d->vex_l = d->vex ? z->raw.vex.L : 0;
    d->mem_disp_len = z->raw.disp.size / 8;
    d->imm_len = (uint8_t)(imm_bits / 8);
    d->modrm_off = d->has_modrm ? z->raw.modrm.offset : 0;
    d->disp_off = z->raw.disp.offset;
    d->imm_off = z->raw.imm[0].offset;
    d->opcode_off = d->has_modrm ? (uint8_t)(d->modrm_off - 1) : (uint8_t)(z->length - d->imm_len - d->mem_disp_len - 1);
    d->prefix_len = (uint8_t)(d->opcode_off - (legacy && d->map < G_N_ELEMENTS(escapes) ? escapes[d->map] : 0));
}

/* 64-bit code has no limits to check; elsewhere MODE_FLAT speaks for ES, CS, SS and DS, but CS is never writable. */
static bool decode_is_flat(const Decoded *d, const Insn *i)
{
    if (d->mode & MODE_CODE64) {
        return true;
    }
    if (!(d->mode & MODE_FLAT) || i->seg > SEG_DS) {
        return false;
    }
    for (unsigned k = 0; k < d->nops; k++) {
        if (i->seg == SEG_CS && d->op[k].kind == OPND_MEM && d->op[k].write) {
            return false;
        }
    }
    return true;
}

static uint8_t decode_segment_override(const ZydisDecodedInstruction *z, bool code64)
{
    static const struct {
        ZydisInstructionAttributes attr;
        uint8_t seg;
    } overrides[] = {
        { ZYDIS_ATTRIB_HAS_SEGMENT_FS, SEG_FS }, { ZYDIS_ATTRIB_HAS_SEGMENT_GS, SEG_GS }, { ZYDIS_ATTRIB_HAS_SEGMENT_CS, SEG_CS },
        { ZYDIS_ATTRIB_HAS_SEGMENT_SS, SEG_SS }, { ZYDIS_ATTRIB_HAS_SEGMENT_DS, SEG_DS }, { ZYDIS_ATTRIB_HAS_SEGMENT_ES, SEG_ES },
    };

    for (unsigned k = 0; k < (code64 ? 2 : G_N_ELEMENTS(overrides)); k++) {
        if (z->attributes & overrides[k].attr) {
            return overrides[k].seg;
        }
    }
    return SEG_DS;
}

static void decode_fill(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *ops, Decoded *d, Insn *i)
{
    i->len = z->length;
    i->base = i->index = R_ZERO * 8;
    i->seg = decode_segment_override(z, d->mode & MODE_CODE64);
    i->opsize = z->operand_width / 8;
    i->addrsize = z->address_width / 8;
    i->modrm_reg = z->raw.modrm.reg;
    d->opsize = i->opsize;
    d->addrsize = i->addrsize;
    d->vec_len = z->avx.vector_length / 8;
    d->lock = z->attributes & ZYDIS_ATTRIB_HAS_LOCK;
    d->rep = z->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE);
    d->repne = z->attributes & ZYDIS_ATTRIB_HAS_REPNE;
    d->mnemonic = ZydisMnemonicGetString(z->mnemonic);
    d->nops = z->operand_count_visible;
    i->flags = (uint8_t)((d->lock ? INSN_LOCK : 0) | (d->rep ? INSN_REP : 0) | (d->repne ? INSN_REPNE : 0));
    decode_layout(z, d);
    for (unsigned k = 0; k < d->nops; k++) {
        decode_operand(z, &ops[k], k, d, i);
    }
    if (decode_is_flat(d, i)) {
        i->flags |= INSN_FLAT;
    }
}

/* Tries the rows of the mnemonic in the order of the tables. */
static bool decode_select(const Decoded *d, ZydisMnemonic m, Insn *i)
{
    for (unsigned k = 0; k < DECODE_MAX_ROWS && decode_rows[m][k].row; k++) {
        const OpRow *row = decode_rows[m][k].row;

        i->fn = row->fn ? row->fn : row->select(d, i);
        if (i->fn) {
            i->flags |= row->flags;
            if ((i->flags & INSN_BRANCH) && decode_rows[m][k].system) {
                i->flags |= INSN_END;
            }
            return true;
        }
    }
    if (!decode_rows[m][0].row) {
        i->fn = native_select(d, i);
    }
    return i->fn;
}

void op_ud(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    x86_raise(cpu, EXC_UD);
}

static void op_too_long(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    x86_raise_gp0(cpu);
}

static DecodeResult decode_illegal(Insn *out, const uint8_t *bytes, unsigned len, InsnFn *fn)
{
    out->fn = fn;
    out->len = 1;
    out->flags = INSN_BRANCH | INSN_END;
    out->base = out->index = R_ZERO * 8;
    out->seg = SEG_DS;
    memcpy(out->bytes, bytes, MIN(len, 15));
    return DECODE_OK;
}

static bool decode_is_prefix(uint8_t byte)
{
    static const uint8_t prefixes[] = { 0xf0, 0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65 };

    return memchr(prefixes, byte, sizeof(prefixes));
}

/* AMD's LOCK MOV CR0 = MOV CR8 (APM vol. 3, "MOV CRn"). */
static bool decode_is_alt_cr8(const X86Cpu *cpu, const uint8_t *bytes, unsigned len)
{
    bool code64 = cpu->mode & MODE_CODE64;
    uint8_t rex = 0;
    bool lock = false;
    unsigned k = 0;

    for (; k < len && (decode_is_prefix(bytes[k]) || (code64 && (bytes[k] & 0xf0) == 0x40)); k++) {
        lock |= bytes[k] == 0xf0;
        rex = (bytes[k] & 0xf0) == 0x40 ? bytes[k] : 0; /* only the last byte before the opcode counts */
    }
    return lock && !(rex & 4) && k + 3 <= len && bytes[k] == 0x0f && (bytes[k + 1] & 0xfd) == 0x20 && !(bytes[k + 2] & 0x38) &&
           x86_has_feature(cpu, CPUID_CR8LEGACY);
}

/* Makes a prefix byte one that says nothing, up to the opcode. */
static void decode_drop_prefix(uint8_t *bytes, uint8_t prefix)
{
    for (; decode_is_prefix(*bytes) || (*bytes & 0xf0) == 0x40; bytes++) {
        *bytes = *bytes == prefix ? 0x3e : *bytes;
    }
}

/* On a CPU without them, F3 0F BC/BD are BSF and BSR with a redundant prefix. */
static ZydisMnemonic decode_mnemonic(const X86Cpu *cpu, const ZydisDecodedInstruction *z)
{
    if (z->mnemonic == ZYDIS_MNEMONIC_LZCNT && !x86_has_feature(cpu, CPUID_ABM)) {
        return ZYDIS_MNEMONIC_BSR;
    }
    if (z->mnemonic == ZYDIS_MNEMONIC_TZCNT && !x86_has_feature(cpu, CPUID_BMI1)) {
        return ZYDIS_MNEMONIC_BSF;
    }
    return z->mnemonic;
}

static uint16_t decode_flag_bits(ZydisAccessedFlagsMask m)
{
    return (uint16_t)(m & FL_ARITH); /* Zydis numbers them as RFLAGS does */
}

static uint16_t decode_written(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *ops)
{
    uint16_t mask = 0;

    for (unsigned k = 0; k < z->operand_count; k++) {
        if (ops[k].type == ZYDIS_OPERAND_TYPE_REGISTER && (ops[k].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
            decode_is_gpr(ZydisRegisterGetClass(ops[k].reg.value))) {
            mask |= (uint16_t)(1u << (decode_gpr(ops[k].reg.value) >> 3 & 15));
        }
    }
    return mask;
}

DecodeResult decode_one(X86Cpu *cpu, const uint8_t *bytes, unsigned len, uint16_t off, Insn *out, Decoded *full)
{
    const ZydisDecoder *zd = &decode_decoders[decode_kind(cpu->mode)];
    ZydisDecodedInstruction z;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
    Decoded d;
    uint8_t copy[16] = { 0 };
    bool alt_cr8 = false;

    len = MIN(len, 15);
    memcpy(copy, bytes, len);
    memset(&d, 0, sizeof(d)); /* what lies between its fields too: decode-cache.c compares */
    d.mode = cpu->mode;
    memset(out, 0, sizeof(*out));
    out->off = off;
    ZyanStatus st = ZydisDecoderDecodeFull(zd, copy, len, &z, ops);

    if (st == ZYDIS_STATUS_ILLEGAL_LOCK && decode_is_alt_cr8(cpu, copy, len)) {
        decode_drop_prefix(copy, 0xf0);
        alt_cr8 = true;
        st = ZydisDecoderDecodeFull(zd, copy, len, &z, ops);
    } else if (ZYAN_SUCCESS(st) && z.mnemonic == ZYDIS_MNEMONIC_PAUSE && z.raw.rex.B) { /* XCHG r8, rAX with F3 (measured) */
        decode_drop_prefix(copy, 0xf3);
        st = ZydisDecoderDecodeFull(zd, copy, len, &z, ops);
    }
    if (st == ZYDIS_STATUS_NO_MORE_DATA && len < 15) {
        return DECODE_MORE;
    }
    if (!ZYAN_SUCCESS(st)) {
        bool too_long = st == ZYDIS_STATUS_NO_MORE_DATA || st == ZYDIS_STATUS_INSTRUCTION_TOO_LONG;
        return decode_illegal(out, bytes, len, too_long ? op_too_long : op_ud);
    }
    memcpy(out->bytes, bytes, z.length);
    decode_fill(&z, ops, &d, out);
    if (alt_cr8) {
        unsigned n = z.opcode == 0x22 ? 0 : 1;
        d.op[n].reg = 8;
        *(n ? &out->src : &out->dst) = 8;
    }
    if (!decode_feature_shown(cpu, &z)) {
        return decode_illegal(out, bytes, len, op_ud);
    }
    if (!decode_select(&d, decode_mnemonic(cpu, &z), out)) {
        log_guest(LOG_UNIMP, "cpu: no semantics for '%s' (opcode %02x, map %u)\n", d.mnemonic, d.opcode, d.map);
        return decode_illegal(out, bytes, len, op_ud);
    }
    d.gprs_written = decode_written(&z, ops);
    if (z.cpu_flags) {
        d.flags_read = decode_flag_bits(z.cpu_flags->tested);
        d.flags_undefined = decode_flag_bits(z.cpu_flags->undefined);
        d.flags_set = decode_flag_bits(z.cpu_flags->modified | z.cpu_flags->set_0 | z.cpu_flags->set_1 | z.cpu_flags->undefined);
    }
    *full = d;
    return DECODE_OK;
}

/* What does not fit the displacement stands in the register that is always 0 meanwhile (a raise clears it again, exc.c). */
static void op_rip_wide(X86Cpu *cpu, const Insn *i)
{
    Insn copy;
    Decoded d;

    decode_one(cpu, i->bytes, i->len, i->off, &copy, &d);
    cpu->regs[R_ZERO] = DECODE_RIP_WIDE;
    copy.fn(cpu, &copy);
    cpu->regs[R_ZERO] = 0;
}

DecodeResult decode_insn_full(X86Cpu *cpu, const uint8_t *bytes, unsigned len, uint16_t off, Insn *out, Decoded *d)
{
    if (decode_cache_find(cpu, bytes, len, off, out, d)) {
        return DECODE_OK;
    }
    d->rip_wide = false;
    d->mnemonic = NULL;
    DecodeResult r = decode_one(cpu, bytes, len, off, out, d);

    if (G_UNLIKELY(d->rip_wide)) {
        out->fn = op_rip_wide;
    } else if (r == DECODE_OK && d->mnemonic) {
        decode_cache_add(cpu, out, d);
    }
    return r;
}

DecodeResult decode_insn(X86Cpu *cpu, const uint8_t *bytes, unsigned len, uint16_t off, Insn *out)
{
    Decoded d;

    return decode_insn_full(cpu, bytes, len, off, out, &d);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Re-encodes vector, MMX and x87 instructions with fixed host registers, for the stubs of native.c.  Zydis decodes the
 * guest's bytes (any mode) and encodes the renumbered instruction for 64-bit mode.
 */
#include "util/osdep.h"
#include "target/i386/native.h"
#include <Zydis/Zydis.h>

/* Pointers to operands 0..3 are in these registers when the instruction runs. */
static const ZydisRegister mem_base[NATIVE_MAX_OPS] = { ZYDIS_REGISTER_R9, ZYDIS_REGISTER_R10, ZYDIS_REGISTER_R11,
                                                        ZYDIS_REGISTER_RBX };

static void native_decoder(uint32_t mode, ZydisDecoder *d)
{
    if (mode & MODE_CODE64) {
        ZydisDecoderInit(d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    } else if (mode & MODE_CODE32) {
        ZydisDecoderInit(d, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    } else {
        ZydisDecoderInit(d, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
    }
}

static bool native_is_gpr(ZydisRegisterClass c)
{
    return c == ZYDIS_REGCLASS_GPR64 || c == ZYDIS_REGCLASS_GPR32 || c == ZYDIS_REGCLASS_GPR16;
}

static bool native_is_vec(ZydisRegisterClass c)
{
    return c == ZYDIS_REGCLASS_XMM || c == ZYDIS_REGCLASS_YMM || c == ZYDIS_REGCLASS_ZMM;
}

/* One visible operand: notes it in the plan and renumbers it in the request. */
static bool native_operand(const ZydisDecodedOperand *o, unsigned n, ZydisEncoderOperand *req, NativePlan *plan)
{
    NativeOperand *out = &plan->op[n];

    out->size = (uint8_t)(o->size / 8);
    out->read = o->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
    out->write = o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
    if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        out->kind = NK_FIXED;
        return true;
    }
    if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
        if (o->mem.type != ZYDIS_MEMOP_TYPE_MEM) {
            return false; /* VSIB: gathers have C functions */
        }
        out->kind = NK_MEM;
        req->mem.base = mem_base[n];
        req->mem.index = ZYDIS_REGISTER_NONE;
        req->mem.scale = 0;
        req->mem.displacement = 0;
        return true;
    }
    if (o->type != ZYDIS_OPERAND_TYPE_REGISTER) {
        return false;
    }
    ZydisRegisterClass c = ZydisRegisterGetClass(o->reg.value);

    if (c == ZYDIS_REGCLASS_MMX || c == ZYDIS_REGCLASS_X87) {
        out->kind = NK_FIXED;
        plan->fx_state = true;
        return true;
    }
    int8_t id = ZydisRegisterGetId(o->reg.value);

    if (native_is_vec(c) && id >= 0 && id < 32) {
        out->kind = NK_VEC;
        out->reg = (uint8_t)id;
        out->size = (uint8_t)(ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, o->reg.value) / 8); /* not what is read of it */
        req->reg.value = ZydisRegisterEncode(c, (ZyanU8)(n + 1));
        return true;
    }
    if (native_is_gpr(c) && id >= 0 && id < 16 && n < 3) {
        out->kind = NK_GPR;
        out->reg = (uint8_t)(id * 8);
        req->reg.value = ZydisRegisterEncode(c, (ZyanU8)n); /* rax, rcx, rdx */
        return true;
    }
    return false;
}

/* One hidden operand.  False: something that a stub does not provide. */
static bool native_hidden(const ZydisDecodedOperand *o, NativePlan *plan)
{
    bool reads = o->actions & ZYDIS_OPERAND_ACTION_MASK_READ, writes = o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;

    if (o->type != ZYDIS_OPERAND_TYPE_REGISTER) {
        return false;
    }
    ZydisRegisterClass c = ZydisRegisterGetClass(o->reg.value);
    int8_t id = ZydisRegisterGetId(o->reg.value);

    if (native_is_vec(c) && id == 0) {
        plan->xmm0_in |= reads;
        plan->xmm0_out |= writes;
        return true;
    }
    if (native_is_gpr(c) && id >= 0 && id <= 2) {
        plan->gpr_in |= (uint8_t)(reads ? 1u << id : 0);
        plan->gpr_out |= (uint8_t)(writes ? 1u << id : 0);
        return true;
    }
    if (c == ZYDIS_REGCLASS_FLAGS) {
        plan->flags_in |= reads;
        plan->flags_out |= writes;
        return true;
    }
    return c == ZYDIS_REGCLASS_X87 || c == ZYDIS_REGCLASS_INVALID || o->reg.value == ZYDIS_REGISTER_X87STATUS ||
           o->reg.value == ZYDIS_REGISTER_X87CONTROL || o->reg.value == ZYDIS_REGISTER_X87TAG;
}

/* Which legacy memory operands of 16 bytes may be unaligned, and which VEX ones may not (SDM vol. 2, 2.4). */
static uint8_t native_alignment(const char *name, bool vex, unsigned size)
{
    static const char *const unaligned[] = { "movups", "movupd", "movdqu", "lddqu", "pcmpestri", "pcmpestrm",
                                             "pcmpistri", "pcmpistrm", "sha1msg1", "sha1msg2", "sha1nexte", "sha1rnds4",
                                             "sha256msg1", "sha256msg2", "sha256rnds2" /* measured on AMD */, NULL };
    static const char *const aligned[] = { "vmovaps", "vmovapd", "vmovdqa", "vmovntps", "vmovntpd", "vmovntdq",
                                           "vmovntdqa", "vmovdqa32", "vmovdqa64", NULL };

    if (size < 16) {
        return 0;
    }
    for (const char *const *p = vex ? aligned : unaligned; *p; p++) {
        if (!strcmp(name, *p)) {
            return vex ? (uint8_t)size : 0;
        }
    }
    return vex ? 0 : 16;
}

/* Does it compute under MXCSR?  By name: a few moves too many are only slower. */
static bool native_uses_mxcsr(const char *name)
{
    size_t n = strlen(name);
    const char *end = name + n - 2;

    return n >= 4 && (!strcmp(end, "ps") || !strcmp(end, "pd") || !strcmp(end, "ss") || !strcmp(end, "sd") ||
                     strstr(name, "cvt"));
}

/* Only what touches MM registers minds pending x87 exceptions: not CVTTSS2SI or MOVNTI. */
static NativeClass native_class(const ZydisDecodedInstruction *z, const NativePlan *plan)
{
    if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX) {
        return NATIVE_AVX512;
    }
    if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX) {
        return NATIVE_AVX;
    }
    if (z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (z->opcode & 0xf8) == 0xd8) {
        return NATIVE_X87;
    }
    for (unsigned k = 0; k < plan->nops; k++) {
        if (plan->op[k].kind == NK_VEC) {
            return NATIVE_SSE;
        }
    }
    return plan->fx_state || z->meta.isa_set == ZYDIS_ISA_SET_PENTIUMMMX ? NATIVE_MMX : NATIVE_SSE;
}

bool decode_native(const uint8_t *bytes, unsigned len, uint32_t mode, NativePlan *plan)
{
    ZydisDecoder d;
    ZydisDecodedInstruction z;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
    ZydisEncoderRequest req;
    ZyanUSize out_len = sizeof(plan->code);

    *plan = (NativePlan){ 0 };
    native_decoder(mode, &d);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, bytes, len, &z, ops)) || z.operand_count_visible > NATIVE_MAX_OPS ||
        !ZYAN_SUCCESS(ZydisEncoderDecodedInstructionToEncoderRequest(&z, ops, z.operand_count_visible, &req))) {
        return false;
    }
    plan->nops = z.operand_count_visible;
    for (unsigned k = 0; k < z.operand_count; k++) {
        if (k < plan->nops ? !native_operand(&ops[k], k, &req.operands[k], plan) : !native_hidden(&ops[k], plan)) {
            return false;
        }
    }
    const char *name = ZydisMnemonicGetString(z.mnemonic);

    plan->cls = native_class(&z, plan);
    if (plan->cls == NATIVE_AVX512 || z.encoding == ZYDIS_INSTRUCTION_ENCODING_XOP ||
        z.encoding == ZYDIS_INSTRUCTION_ENCODING_3DNOW || z.encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX) {
        return false;
    }
    plan->fx_state |= plan->cls == NATIVE_X87 || plan->cls == NATIVE_MMX;
    plan->mxcsr = plan->cls != NATIVE_X87 && native_uses_mxcsr(name);
    plan->vec_bytes = plan->cls == NATIVE_AVX ? 32 : 16;
    for (unsigned k = 0; k < plan->nops; k++) {
        if (plan->op[k].kind == NK_MEM && plan->cls != NATIVE_X87) {
            plan->mem_align = native_alignment(name, plan->cls == NATIVE_AVX, plan->op[k].size);
            plan->mem_align_always = strstr(name, "mova") || strstr(name, "movdqa") || strstr(name, "movnt");
        }
    }
    req.machine_mode = ZYDIS_MACHINE_MODE_LONG_64;
    req.address_size_hint = ZYDIS_ADDRESS_SIZE_HINT_NONE;
    req.operand_size_hint = ZYDIS_OPERAND_SIZE_HINT_NONE;
    req.prefixes = 0; /* segment overrides and redundant prefixes; mandatory ones belong to the opcode */
    if (!ZYAN_SUCCESS(ZydisEncoderEncodeInstruction(&req, plan->code, &out_len))) {
        return false;
    }
    plan->len = (uint8_t)out_len;
    return true;
}

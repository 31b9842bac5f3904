/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector, MMX and bit-manipulation instructions (SDM vol. 2, chapter 2): the guest's own instruction with general-purpose registers
 * renamed and the memory operand replaced by [host address].  Vector registers are the host's of the same number.
 *
 * The guest's vector state is in the host's registers only while X86Cpu.vec_live says so (LIVE_* bits): a block checks that at its
 * first such instruction, C helpers are entered after it was saved (thunk.c), and what comes next loads it again.  MXCSR is the
 * guest's meanwhile, so unmasked exceptions arrive as signals (fault.c), as do misaligned operands.
 */
#include "util/osdep.h"
#include "accel/jit/translate.h"
#include "target/i386/cpuid.h"

/* From here to the end of the block the state @bits is live. */
void jit_vec_need(JitTr *t, JitInsn *j, uint8_t bits)
{
    static const uint8_t order[] = { LIVE_AVX, LIVE_SSE, LIVE_X87 };

    for (unsigned k = 0; k < G_N_ELEMENTS(order); k++) {
        uint8_t bit = order[k];

        if (!(bits & bit & ~t->vec)) {
            continue;
        }
        jit_flags_before_clobber(t, j);
        JitSlot *s = jit_slot(t, j);

        emit_mi8(t->e, 0xf6, 0, JIT_FIELD(vec_live), bit); /* test */
        emit_jcc(t->e, CC_E, emit_rx(t->cold));
        t->vec |= bit == LIVE_AVX ? LIVE_AVX | LIVE_SSE : bit;
        emit_mov_imm(t->cold, S0, t->vec);
        jit_cold_jump(t, s, t->jit->vec_enter);
        s->retry = emit_rx(t->e);
    }
}

/* --- operands -------------------------------------------------------------------------------------------------- */

typedef struct Gpr {
    bool used, spilled, write;
    unsigned g, host;
} Gpr;

typedef struct Form {
    Gpr reg, rm, vvvv;
    const Operand *mem;
    bool vec, mmx, byte;
    HostOp op;
} Form;

static void gpr_use(Gpr *u, const Operand *o, unsigned scratch)
{
    u->used = true;
    u->g = o->reg >> 3;
    u->write = o->write;
    u->host = jit_reg_host(u->g);
    u->spilled = u->host == H_NONE;
    if (u->spilled) {
        u->host = scratch;
    }
}

static void gpr_load(JitTr *t, const Gpr *u)
{
    if (u->spilled) {
        emit_rm(t->e, 0x8b, u->host, jit_reg_mem(u->g), true);
    }
}

static void gpr_store(JitTr *t, const Gpr *u)
{
    if (u->spilled && u->write) {
        emit_rm(t->e, 0x89, u->host, jit_reg_mem(u->g), true);
    }
}

/* The place of a register in the encoding: its number there. */
static bool form_register(Form *f, const Operand *o)
{
    static const uint8_t scratch[] = { [PLACE_REG] = S2, [PLACE_RM] = S0, [PLACE_VVVV] = S1 };
    Gpr *u = o->place == PLACE_REG ? &f->reg : o->place == PLACE_RM ? &f->rm : &f->vvvv;
    uint8_t *number = o->place == PLACE_REG ? &f->op.reg : o->place == PLACE_RM ? &f->op.rm : &f->op.vvvv;

    if (o->place == PLACE_OTHER) { /* implicit, where it is; or in the immediate */
        return o->kind == OPND_VEC;
    }
    *number = o->reg;
    if (o->kind == OPND_GPR) {
        if (o->reg & 1) {
            return false; /* AH..BH */
        }
        gpr_use(u, o, scratch[o->place]);
        *number = (uint8_t)u->host;
        f->byte |= o->size == 1;
    }
    return true;
}

static bool form_operand(JitTr *t, const JitInsn *j, Form *f, const Operand *o)
{
    switch (o->kind) {
    case OPND_IMM:
        return true;
    case OPND_MEM:
        f->mem = o;
        f->op.is_mem = true;
        return o->place == PLACE_RM && (o->read || o->write) && jit_addr_ok(t, j);
    case OPND_VEC:
    case OPND_MM:
        f->vec |= o->kind == OPND_VEC;
        f->mmx |= o->kind == OPND_MM;
        return form_register(f, o);
    case OPND_GPR:
        return form_register(f, o);
    default:
        return false;
    }
}

/* Do the bytes consist of what we know of? */
static bool layout_known(const JitInsn *j)
{
    const Decoded *d = &j->d;
    bool sib = d->modrm >> 6 != 3 && (d->modrm & 7) == 4;

    return d->has_modrm && d->map <= 3 && !d->evex && d->modrm_off + 1 + sib + d->mem_disp_len + d->imm_len == j->i.len;
}

/* Outside 64-bit code VEX.W means nothing for general registers and what they are moved to, nor does a register's fourth bit. */
static void form_legacy(const Decoded *d, Form *f)
{
    /* VMOVD, VCVTSI2SS/SD, VPEXTR, VPINSR also with memory for the register. */
    bool moves = d->map == 1 ? d->opcode == 0x6e || d->opcode == 0x7e || d->opcode == 0x2a
                             : d->map == 3 && ((d->opcode & 0xfc) == 0x14 || d->opcode == 0x20 || d->opcode == 0x22);

    if (f->reg.used || f->rm.used || f->vvvv.used || moves) {
        f->op.w = false;
    }
    for (unsigned k = 0; k < d->nops; k++) {
        if (d->op[k].kind == OPND_VEC && d->op[k].place == PLACE_OTHER && d->vex) {
            f->op.imm[0] &= 0x7f;
        }
    }
}

static bool form_find(JitTr *t, const JitInsn *j, Form *f)
{
    const Decoded *d = &j->d;

    *f = (Form){ .op = { .map = d->map, .opcode = d->opcode, .vex = d->vex, .l = d->vex_l, .w = d->rex_w, .imm_len = d->imm_len,
                         .reg = d->modrm >> 3 & 7, .opsize16 = d->mandatory == 0x66 } };
    f->op.rep = d->mandatory == 0xf2 || d->mandatory == 0xf3 ? d->mandatory : 0;
    if (!layout_known(j) || d->imm_len > sizeof(f->op.imm) || d->nops > 4 || (j->i.flags & INSN_LOCK)) {
        return false;
    }
    memcpy(f->op.imm, j->i.bytes + d->imm_off, d->imm_len);
    for (unsigned k = 0; k < d->nops; k++) {
        if (!form_operand(t, j, f, &d->op[k])) {
            return false;
        }
    }
    if (f->mem && f->vvvv.spilled) { /* S0 and S1 are in the address */
        if (f->reg.spilled) {
            return false;
        }
        f->op.vvvv = S2;
        f->vvvv.host = S2;
    }
    if (!f->vec && !f->mmx && !d->vex && d->opsize == 2) {
        f->op.opsize16 = true;
    }
    if (!jit_code64(t)) {
        form_legacy(d, f);
    }
    f->op.low8 = f->byte;
    return true;
}

static bool emit_form(JitTr *t, JitInsn *j)
{
    Form f;
    uint8_t need = 0;

    if (!form_find(t, j, &f)) {
        return false;
    }
    need |= f.mmx ? LIVE_X87 : 0;
    need |= f.mmx && g_str_has_prefix(j->d.mnemonic, "cvt") ? LIVE_SSE : 0; /* under MXCSR even between memory and MMX */
    need |= f.vec ? j->d.vex ? LIVE_SSE | LIVE_AVX : LIVE_SSE : 0;
    jit_vec_need(t, j, need);
    if (f.mem) {
        f.op.mem = jit_mem(t, j, f.mem->size, f.mem->write ? ACC_WRITE : ACC_READ);
    }
    jit_flags_for(t, j);
    gpr_load(t, &f.reg);
    gpr_load(t, &f.rm);
    gpr_load(t, &f.vvvv);
    if (need) {
        jit_fault_note(t, j);
    }
    emit_op(t->e, &f.op);
    gpr_store(t, &f.vvvv);
    gpr_store(t, &f.reg);
    gpr_store(t, &f.rm);
    jit_flags_after(t, j);
    return true;
}

/* Without the feature these bytes are BSR and BSF, which have rows of their own (decode.c). */
static bool emit_count(JitTr *t, JitInsn *j)
{
    return x86_has_feature(t->cpu, j->d.mnemonic[0] == 'l' ? CPUID_ABM : CPUID_BMI1) && emit_form(t, j);
}

static bool emit_vzero(JitTr *t, JitInsn *j)
{
    if (!jit_code64(t)) {
        return false; /* eight registers */
    }
    jit_vec_need(t, j, LIVE_SSE | LIVE_AVX);
    EMIT(t->e, 0xc5, j->d.vex_l ? 0xfc : 0xf8, 0x77);
    return true;
}

static bool emit_emms(JitTr *t, JitInsn *j)
{
    jit_vec_need(t, j, LIVE_X87);
    EMIT(t->e, 0x0f, 0x77);
    return true;
}

static bool emit_fence(JitTr *t, JitInsn *j)
{
    EMIT(t->e, 0x0f, 0xae, j->d.modrm);
    return true;
}

/* Lists of addresses, memory that no operand names, parts of operands that decide what faults: C. */
static bool vec_excluded(const Decoded *d)
{
    return strstr(d->mnemonic, "gather") || strstr(d->mnemonic, "maskmov");
}

const JitRow *jit_vec_row(const Decoded *d)
{
    static const JitRow row = { NULL, emit_form, JIT_AS_DECODED, STACK_NONE };

    if (!d->mnemonic || d->evex || vec_excluded(d)) {
        return NULL;
    }
    for (unsigned k = 0; k < d->nops; k++) {
        if (d->op[k].kind == OPND_VEC || d->op[k].kind == OPND_MM) {
            return &row;
        }
    }
    return NULL;
}

#define ROW_NO_ACCESS(name, emit) { name, emit, JIT_AS_DECODED, NO_ACCESS }
const JitRow jit_rows_vec[] = {
    JIT_ROW("andn", emit_form), JIT_ROW("bextr", emit_form), JIT_ROW("blsi", emit_form), JIT_ROW("blsmsk", emit_form),
    JIT_ROW("blsr", emit_form), JIT_ROW("bzhi", emit_form), JIT_ROW("mulx", emit_form), JIT_ROW("pdep", emit_form),
    JIT_ROW("pext", emit_form), JIT_ROW("rorx", emit_form), JIT_ROW("sarx", emit_form), JIT_ROW("shlx", emit_form),
    JIT_ROW("shrx", emit_form), JIT_ROW("adcx", emit_form), JIT_ROW("adox", emit_form),
    JIT_ROW("popcnt", emit_form), JIT_ROW("crc32", emit_form), JIT_ROW("movbe", emit_form), JIT_ROW("movnti", emit_form),
    JIT_ROW("lzcnt", emit_count), JIT_ROW("tzcnt", emit_count),
    ROW_NO_ACCESS("vzeroupper", emit_vzero), ROW_NO_ACCESS("vzeroall", emit_vzero), ROW_NO_ACCESS("emms", emit_emms),
    ROW_NO_ACCESS("mfence", emit_fence), ROW_NO_ACCESS("sfence", emit_fence),
    { NULL, NULL, JIT_AS_DECODED, STACK_NONE },
};

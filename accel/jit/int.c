/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer instructions that are themselves on the host: the guest's opcode with registers renamed and the memory operand
 * replaced by [host address].  Which operand is where is found out from opcode and ModRM (SDM vol. 2, appendix A).
 */
#include "util/osdep.h"
#include "accel/jit/translate.h"

/* ModRM.reg is part of the opcode. */
static bool is_group(const Decoded *d)
{
    uint8_t op = d->opcode;

    if (d->map == 0) {
        return (op >= 0x80 && op <= 0x83) || op == 0xc0 || op == 0xc1 || (op >= 0xd0 && op <= 0xd3) || op == 0xf6 || op == 0xf7 ||
               op == 0xfe || op == 0xff || op == 0xc6 || op == 0xc7;
    }
    return d->map == 1 && (op == 0xba || op == 0xc7 || (op & 0xf0) == 0x90); /* BT group; SETcc ignores the field */
}

/* Is the first explicit operand ModRM.rm? */
static bool rm_is_first(const Decoded *d)
{
    uint8_t op = d->opcode;

    if (is_group(d)) {
        return true;
    }
    if (d->map == 0) {
        return op < 0x40 ? !(op & 2) : op == 0x84 || op == 0x85 || op == 0x86 || op == 0x87 || op == 0x88 || op == 0x89;
    }
    return d->map == 1 && (op == 0xa3 || op == 0xab || op == 0xb3 || op == 0xbb || op == 0xa4 || op == 0xa5 || op == 0xac || op == 0xad ||
                           op == 0xb0 || op == 0xb1 || op == 0xc0 || op == 0xc1 || op == 0xc3);
}

typedef struct RegUse {
    unsigned g;      /* guest register */
    unsigned host;   /* where it is while the instruction runs */
    unsigned size;
    bool used, high, read, write, spilled;
} RegUse;

static void reg_use(RegUse *u, const Operand *o, unsigned scratch)
{
    u->used = true;
    u->g = o->reg >> 3;
    u->high = o->reg & 1;
    u->size = o->size;
    u->read = o->read;
    u->write = o->write;
    u->host = jit_reg_host(u->g);
    u->spilled = u->host == H_NONE;
    if (u->spilled) {
        u->host = scratch;
    } else if (u->high) {
        u->host += 4; /* AH..BH */
    }
}

static bool wants_rex(const RegUse *u)
{
    return u->used && (u->host > 7 || (u->size == 1 && !u->high && u->host >= 4));
}

/* Moves, which write all of a register that they do not read, always. */
static bool writes_all(const Decoded *d, const RegUse *u)
{
    uint8_t op = d->opcode;

    if (u->read || !u->write || u->size < 4) {
        return false;
    }
    return d->map == 0 ? op == 0x63 || op == 0x89 || op == 0x8b || op == 0xc7 || (op & 0xf8) == 0xb8
                       : d->map == 1 && (op & 0xf6) == 0xb6; /* MOVZX, MOVSX */
}

static void reg_load(JitTr *t, const JitInsn *j, const RegUse *u)
{
    if (!u->used || !u->spilled || (u->host == S2 && t->kept == u->g)) {
        return;
    }
    if (!writes_all(&j->d, u)) { /* else: it may stay in part, or under a condition */
        emit_rm(t->e, 0x8b, u->host, jit_reg_mem(u->g), true);
    }
    if (u->host == S2) {
        t->kept = H_NONE; /* until it is complete */
    }
}

static void reg_store(JitTr *t, const RegUse *u)
{
    if (u->used && u->spilled && u->write) {
        emit_rm(t->e, 0x89, u->host, jit_reg_mem(u->g), true);
    }
    if (u->used && u->host == S2) {
        jit_keep_in(t, u->g);
    }
}

static void int_imm(const JitInsn *j, HostOp *o)
{
    o->imm_len = j->d.imm_len;
    memcpy(o->imm, j->i.bytes + j->d.imm_off, j->d.imm_len);
}

static HostOp int_op(const JitInsn *j)
{
    const Decoded *d = &j->d;
    HostOp o = { .map = d->map, .opcode = d->opcode, .opsize16 = d->opsize == 2, .w = d->rex_w, .lock = d->lock };

    if (d->map == 0 && d->opcode == 0x82) {
        o.opcode = 0x80; /* its alias, which 64-bit code lacks */
    }
    int_imm(j, &o);
    return o;
}

/* Instructions without ModRM whose operands are RAX, RDX and immediates: unchanged but for prefixes. */
static bool int_fixed(JitTr *t, JitInsn *j)
{
    HostOp o = int_op(j);

    if (j->d.lock) {
        return false;
    }
    o.no_modrm = true;
    o.rm = H_NONE;
    jit_flags_for(t, j);
    emit_op(t->e, &o);
    jit_flags_after(t, j);
    return true;
}

/* @rm in the opcode's low bits: MOV r, imm; BSWAP; XCHG rAX, r; INC and DEC of 32-bit code. */
static bool int_short(JitTr *t, JitInsn *j)
{
    const Decoded *d = &j->d;
    HostOp o = int_op(j);
    RegUse u = { 0 };
    bool incdec = d->map == 0 && (d->opcode & 0xf0) == 0x40, xchg = d->map == 0 && (d->opcode & 0xf8) == 0x90;

    reg_use(&u, &d->op[xchg && d->op[0].reg == 0], S2);
    if (xchg) {
        if ((d->op[0].reg >> 3) != R_RAX && (d->op[1].reg >> 3) != R_RAX) {
            return false;
        }
        u.read = u.write = true;
    }
    o.opcode &= 0xf8;
    o.no_modrm = !incdec;
    o.rm = (uint8_t)u.host;
    o.low8 = u.size == 1 && !u.high && u.host >= 4;
    if (u.high && wants_rex(&u)) {
        return false;
    }
    if (incdec) {
        o.opcode = 0xff;
        o.reg = d->opcode >= 0x48;
    }
    jit_flags_for(t, j);
    reg_load(t, j, &u);
    emit_op(t->e, &o);
    reg_store(t, &u);
    jit_flags_after(t, j);
    return true;
}

/*
 * AH..BH beside what wants a REX prefix, as addresses do: the low byte instead, while both are exchanged.  Not for what has that register
 * as its other operand too, or uses AL without naming it.
 */
static bool swap_ok(const Decoded *d, RegUse *high, const RegUse *other)
{
    if ((other->used && other->g == high->g) || (d->map == 1 && d->opcode == 0xb0)) { /* CMPXCHG */
        return false;
    }
    high->host -= 4;
    high->high = false;
    return true;
}

static void swap(Emit *e, const RegUse *u)
{
    EMIT(e, 0x86, (uint8_t)(0xc0 | (u->host + 4) << 3 | u->host)); /* xchg */
}

static void modrm_emit(JitTr *t, JitInsn *j, HostOp *o, const RegUse *ur, const RegUse *um, const RegUse *swapped)
{
    const Operand *m = o->is_mem ? jit_memory_operand(j) : NULL;

    o->low8 = (ur->used && ur->size == 1 && !ur->high) || (um->used && um->size == 1 && !um->high);
    o->low8 &= !ur->high && !um->high;
    if (m) {
        if (ur->spilled && ur->g != t->kept) {
            t->kept = H_NONE; /* S2 cannot be part of the address too */
        }
        o->mem = jit_mem(t, j, m->size, m->write ? ACC_WRITE : ACC_READ);
    }
    jit_flags_for(t, j);
    if (swapped) {
        if (m && o->mem.index == swapped->host) {
            emit_rm(t->e, 0x8d, S0, o->mem, true);
            o->mem = host_mem(S0, 0);
        }
        swap(t->e, swapped);
    }
    reg_load(t, j, ur);
    if (!(um->spilled && um->host == ur->host)) {
        reg_load(t, j, um);
    }
    if (j->d.opcode == 0xf6 || j->d.opcode == 0xf7) { /* DIV and IDIV are among them */
        jit_fault_note(t, j);
    }
    emit_op(t->e, o);
    if (swapped) {
        swap(t->e, swapped);
    }
    reg_store(t, ur);
    reg_store(t, um);
    jit_flags_after(t, j);
}

/* Registers that live in memory go through S2 and, when there are two, S0, so that 32-bit results clear the upper half. */
static bool int_modrm(JitTr *t, JitInsn *j)
{
    const Decoded *d = &j->d;
    bool group = is_group(d), rm0 = rm_is_first(d), mem = j->i.flags & INSN_MEM;
    const Operand *rm = &d->op[rm0 ? 0 : 1], *reg = group ? NULL : &d->op[rm0 ? 1 : 0];
    RegUse ur = { 0 }, um = { 0 };
    HostOp o = int_op(j);

    if ((mem && (!jit_addr_ok(t, j) || rm->kind != OPND_MEM)) || (!mem && rm->kind != OPND_GPR) ||
        (reg && reg->kind != OPND_GPR) || d->nops > 3) {
        return false;
    }
    bool both = !mem && reg && reg->reg >> 3 != rm->reg >> 3 && jit_reg_host(reg->reg >> 3) == H_NONE &&
                jit_reg_host(rm->reg >> 3) == H_NONE;

    if (reg) {
        reg_use(&ur, reg, both && rm->write ? S0 : S2);
    }
    if (!mem) {
        reg_use(&um, rm, both && !rm->write ? S0 : S2);
        ur.read |= um.read && um.g == ur.g; /* it shares S2 */
    }
    bool rex = o.w || mem || wants_rex(&ur) || wants_rex(&um); /* S0 and S1 are in the address */
    RegUse *swapped = !rex ? NULL : ur.high ? &ur : um.high ? &um : NULL;

    if (swapped && !swap_ok(d, swapped, swapped == &ur ? &um : &ur)) {
        return false;
    }
    o.is_mem = mem;
    o.reg = reg ? (uint8_t)ur.host : d->modrm >> 3 & 7;
    o.rm = (uint8_t)um.host;
    modrm_emit(t, j, &o, &ur, &um, swapped);
    return true;
}

static bool int_any(JitTr *t, JitInsn *j)
{
    const Decoded *d = &j->d;

    jit_keep(t);
    if (d->vex || d->evex || d->rep || d->repne) {
        return false;
    }
    if (d->has_modrm) {
        return int_modrm(t, j);
    }
    if (j->i.flags & INSN_MEM) {
        return false;
    }
    if (d->map == 0 && ((d->opcode & 0xf0) == 0xb0 || (d->opcode & 0xf0) == 0x40 || (d->opcode & 0xf8) == 0x90)) {
        return d->opcode == 0x90 && d->nops == 0 ? true : int_short(t, j);
    }
    if (d->map == 1 && (d->opcode & 0xf8) == 0xc8) {
        return int_short(t, j);
    }
    return int_fixed(t, j);
}

/* The memory operand of a bit string instruction lies where the bit number says: only immediates and registers here. */
static bool int_bt(JitTr *t, JitInsn *j)
{
    if ((j->i.flags & INSN_MEM) && j->d.opcode != 0xba) {
        return false;
    }
    return int_any(t, j);
}

static bool int_lea(JitTr *t, JitInsn *j)
{
    const Decoded *d = &j->d;
    unsigned h = jit_reg_host(d->op[0].reg >> 3);

    if (d->rip_wide || j->i.addrsize < 4 || d->opsize < 4) {
        return false;
    }
    bool wide = d->opsize == 8;

    jit_keep(t);
    jit_lea(t, j, h == H_NONE ? S2 : h, wide);
    if (h == H_NONE) {
        emit_rm(t->e, 0x89, S2, jit_reg_mem(d->op[0].reg >> 3), true);
        jit_keep_in(t, d->op[0].reg >> 3);
    } else if (wide && j->i.addrsize == 4) {
        return true; /* 32-bit arithmetic, zero-extended */
    }
    return true;
}

/* MOV between rAX and an absolute address. */
static bool int_moffs(JitTr *t, JitInsn *j)
{
    const Decoded *d = &j->d;
    bool store = d->opcode & 2, byte = !(d->opcode & 1);

    if (!jit_addr_ok(t, j)) {
        return false;
    }
    HostMem m = jit_mem(t, j, d->op[0].size, store ? ACC_WRITE : ACC_READ);

    emit_op(t->e, &(HostOp){ .opcode = (uint8_t)((store ? 0x88 : 0x8a) | !byte), .opsize16 = d->opsize == 2 && !byte, .w = d->rex_w,
                             .reg = H_RAX, .is_mem = true, .mem = m });
    return true;
}

/* The selector, zero-extended. */
static bool int_mov_from_seg(JitTr *t, const JitInsn *j)
{
    const Decoded *d = &j->d;
    unsigned g = d->op[0].reg >> 3, h = jit_reg_host(g);

    if (d->op[0].kind != OPND_GPR || d->opsize < 4 || j->i.src > SEG_GS) {
        return false;
    }
    emit_op(t->e, &(HostOp){ .map = 1, .opcode = 0xb7, .reg = (uint8_t)(h == H_NONE ? (unsigned)S2 : h), .is_mem = true,
                             .mem = JIT_FIELD(seg[j->i.src].sel) });
    if (h == H_NONE) {
        emit_rm(t->e, 0x89, S2, jit_reg_mem(g), true);
    }
    return true;
}

static bool int_mov(JitTr *t, JitInsn *j)
{
    const Decoded *d = &j->d;

    if (d->map == 0 && d->op[1].kind == OPND_SEG) {
        return int_mov_from_seg(t, j);
    }
    if (d->map != 0 || d->op[0].kind == OPND_SEG) {
        return false;
    }
    if ((d->opcode & 0xfc) == 0xa0) {
        return int_moffs(t, j);
    }
    return int_any(t, j);
}

static bool int_nop(JitTr *t, JitInsn *j)
{
    (void)j;
    jit_keep(t);
    return true;
}

/* DF is always clear while generated code runs: the guest's is in X86Cpu.eflags. */
static bool int_df(JitTr *t, JitInsn *j)
{
    bool set = j->d.opcode == 0xfd;
    HostMem m = host_mem(CPU, (int32_t)offsetof(X86Cpu, eflags) + 1);

    jit_flags_before_clobber(t, j);
    emit_mi8(t->e, 0x80, set ? 1 : 4, m, set ? 0x04 : 0xfb);
    return true;
}

const JitRow jit_rows_int[] = {
    JIT_ROW("mov", int_mov), JIT_ROW("movzx", int_any), JIT_ROW("movsx", int_any), JIT_ROW("movsxd", int_any),
    { "lea", int_lea, JIT_AS_DECODED, NO_ACCESS }, JIT_ROW("xchg", int_any), JIT_ROW("bswap", int_any),
    JIT_ROW("cbw", int_fixed), JIT_ROW("cwde", int_fixed), JIT_ROW("cdqe", int_fixed),
    JIT_ROW("cwd", int_fixed), JIT_ROW("cdq", int_fixed), JIT_ROW("cqo", int_fixed),
    JIT_ROW("add", int_any), JIT_ROW("adc", int_any), JIT_ROW("sub", int_any), JIT_ROW("sbb", int_any),
    JIT_ROW("and", int_any), JIT_ROW("or", int_any), JIT_ROW("xor", int_any), JIT_ROW("cmp", int_any),
    JIT_ROW("test", int_any), JIT_ROW("inc", int_any), JIT_ROW("dec", int_any), JIT_ROW("neg", int_any),
    JIT_ROW("not", int_any),
    JIT_ROW("shl", int_any), JIT_ROW("shr", int_any), JIT_ROW("sar", int_any), JIT_ROW("rol", int_any),
    JIT_ROW("ror", int_any), JIT_ROW("rcl", int_any), JIT_ROW("rcr", int_any), JIT_ROW("shld", int_any),
    JIT_ROW("shrd", int_any),
    JIT_ROW("imul", int_any), JIT_ROW("mul", int_any), JIT_ROW("div", int_any), JIT_ROW("idiv", int_any),
    JIT_ROW("bt", int_bt), JIT_ROW("bts", int_bt), JIT_ROW("btr", int_bt), JIT_ROW("btc", int_bt),
    JIT_ROW("bsf", int_any), JIT_ROW("bsr", int_any),
    JIT_ROW("xadd", int_any), JIT_ROW("cmpxchg", int_any),
    JIT_ROW("cmovo", int_any), JIT_ROW("cmovno", int_any), JIT_ROW("cmovb", int_any), JIT_ROW("cmovnb", int_any),
    JIT_ROW("cmovz", int_any), JIT_ROW("cmovnz", int_any), JIT_ROW("cmovbe", int_any), JIT_ROW("cmovnbe", int_any),
    JIT_ROW("cmovs", int_any), JIT_ROW("cmovns", int_any), JIT_ROW("cmovp", int_any), JIT_ROW("cmovnp", int_any),
    JIT_ROW("cmovl", int_any), JIT_ROW("cmovnl", int_any), JIT_ROW("cmovle", int_any), JIT_ROW("cmovnle", int_any),
    JIT_ROW("seto", int_any), JIT_ROW("setno", int_any), JIT_ROW("setb", int_any), JIT_ROW("setnb", int_any),
    JIT_ROW("setz", int_any), JIT_ROW("setnz", int_any), JIT_ROW("setbe", int_any), JIT_ROW("setnbe", int_any),
    JIT_ROW("sets", int_any), JIT_ROW("setns", int_any), JIT_ROW("setp", int_any), JIT_ROW("setnp", int_any),
    JIT_ROW("setl", int_any), JIT_ROW("setnl", int_any), JIT_ROW("setle", int_any), JIT_ROW("setnle", int_any),
    { "prefetcht0", int_nop, JIT_AS_DECODED, NO_ACCESS }, { "prefetcht1", int_nop, JIT_AS_DECODED, NO_ACCESS },
    { "prefetcht2", int_nop, JIT_AS_DECODED, NO_ACCESS }, { "prefetchnta", int_nop, JIT_AS_DECODED, NO_ACCESS },
    { "prefetchw", int_nop, JIT_AS_DECODED, NO_ACCESS }, { "prefetch", int_nop, JIT_AS_DECODED, NO_ACCESS },
    { "nop", int_nop, JIT_AS_DECODED, NO_ACCESS }, { "endbr64", int_nop, JIT_AS_DECODED, NO_ACCESS },
    { "endbr32", int_nop, JIT_AS_DECODED, NO_ACCESS }, { "lfence", int_nop, JIT_AS_DECODED, NO_ACCESS },
    JIT_ROW("clc", int_fixed), JIT_ROW("stc", int_fixed), JIT_ROW("cmc", int_fixed),
    JIT_ROW("cld", int_df), JIT_ROW("std", int_df),
    { NULL, NULL, JIT_AS_DECODED, STACK_NONE },
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The assembler: see emit.h. */
#include "util/osdep.h"
#include "accel/jit/emit.h"

static uint8_t *put_vex(uint8_t *p, const HostOp *o, unsigned rex)
{
    unsigned pp = o->opsize16 ? 1 : o->rep == 0xf3 ? 2 : o->rep == 0xf2 ? 3 : 0;
    uint8_t last = (uint8_t)((~o->vvvv & 15u) << 3 | (unsigned)o->l << 2 | pp);

    if (!(rex & 3) && !o->w && o->map == 1) {
        *p++ = 0xc5;
        *p++ = (uint8_t)((rex & 4 ? 0 : 0x80) | last);
        return p;
    }
    *p++ = 0xc4;
    *p++ = (uint8_t)((~rex & 7) << 5 | o->map);
    *p++ = (uint8_t)((o->w ? 0x80 : 0) | last);
    return p;
}

/* Everything before the opcode. */
static uint8_t *put_prefixes(uint8_t *p, const HostOp *o, unsigned rex)
{
    if (o->lock) {
        *p++ = 0xf0;
    }
    if (o->vex) {
        return put_vex(p, o, rex);
    }
    if (o->opsize16) {
        *p++ = 0x66;
    }
    if (o->rep) {
        *p++ = o->rep;
    }
    rex |= o->w ? 8u : 0;
    if (rex || o->low8) {
        *p++ = (uint8_t)(0x40 | rex);
    }
    if (o->map) {
        *p++ = 0x0f;
    }
    if (o->map > 1) {
        *p++ = o->map == 2 ? 0x38 : 0x3a;
    }
    return p;
}

void emit_op(Emit *e, const HostOp *o)
{
    uint8_t *p = emit_room(e);

    if (!p) {
        return;
    }
    if (o->no_modrm) {
        unsigned r = o->rm == H_NONE ? 0 : o->rm;

        p = put_prefixes(p, o, r > 7);
        *p++ = (uint8_t)(o->opcode + (r & 7));
    } else if (o->is_mem) {
        p = put_prefixes(p, o, emit_rex_of(o->reg, o->mem));
        *p++ = o->opcode;
        p = emit_put_mem(p, o->reg, o->mem);
    } else {
        p = put_prefixes(p, o, (o->reg > 7 ? 4u : 0) | (o->rm > 7));
        *p++ = o->opcode;
        *p++ = (uint8_t)(0xc0 | (o->reg & 7) << 3 | (o->rm & 7));
    }
    memcpy(p, o->imm, sizeof(o->imm)); /* what is too much is written over */
    e->p = p + o->imm_len;
}

void emit_rr(Emit *e, uint8_t opcode, unsigned reg, unsigned rm, bool w)
{
    uint8_t *p = emit_room(e);

    if (p) {
        p = emit_put_rex(p, (w ? 8u : 0) | (reg > 7 ? 4u : 0) | (rm > 7));
        *p++ = opcode;
        *p++ = (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7));
        e->p = p;
    }
}

void emit_ri(Emit *e, unsigned ext, unsigned rm, int32_t imm, bool w)
{
    bool small = imm == (int8_t)imm;
    uint8_t *p;

    emit_rr(e, small ? 0x83 : 0x81, ext, rm, w);
    p = emit_room(e);
    if (p) {
        st_le32(p, (uint32_t)imm);
        e->p = p + (small ? 1 : 4);
    }
}

void emit_mi8(Emit *e, uint8_t opcode, unsigned ext, HostMem m, uint8_t imm)
{
    emit_op(e, &(HostOp){ .opcode = opcode, .reg = (uint8_t)ext, .is_mem = true, .mem = m, .imm_len = 1, .imm = { imm } });
}

void emit_shift(Emit *e, unsigned ext, unsigned rm, uint8_t count, bool w)
{
    emit_op(e, &(HostOp){ .opcode = 0xc1, .reg = (uint8_t)ext, .rm = (uint8_t)rm, .w = w, .imm_len = 1, .imm = { count } });
}

void emit_mov_imm(Emit *e, unsigned reg, uint64_t v)
{
    bool sign = v > UINT32_MAX && v == (uint64_t)(int64_t)(int32_t)v, wide = v > UINT32_MAX && !sign;
    uint8_t *p = emit_room(e);

    if (!p) {
        return;
    }
    p = emit_put_rex(p, (sign || wide ? 8u : 0) | (reg > 7));
    if (sign) {
        *p++ = 0xc7;
        *p++ = (uint8_t)(0xc0 | (reg & 7));
    } else {
        *p++ = (uint8_t)(0xb8 | (reg & 7));
    }
    st_le64(p, v);
    e->p = p + (wide ? 8 : 4);
}

uint8_t *emit_jmp_later(Emit *e)
{
    EMIT(e, 0xe9, 0, 0, 0, 0);
    return e->p - 4;
}

uint8_t *emit_jcc_later(Emit *e, unsigned cc)
{
    EMIT(e, 0x0f, (uint8_t)(0x80 | cc), 0, 0, 0, 0);
    return e->p - 4;
}

void emit_jmp(Emit *e, const uint8_t *target_rx)
{
    uint8_t *site = emit_jmp_later(e);

    if (!e->full) {
        emit_patch(site, e->to_rx, target_rx);
    }
}

void emit_call(Emit *e, const uint8_t *target_rx)
{
    uint8_t *site = emit_jmp_later(e);

    if (!e->full) {
        site[-1] = 0xe8;
        emit_patch(site, e->to_rx, target_rx);
    }
}

void emit_jcc(Emit *e, unsigned cc, const uint8_t *target_rx)
{
    uint8_t *site = emit_jcc_later(e, cc);

    if (!e->full) {
        emit_patch(site, e->to_rx, target_rx);
    }
}

void emit_jmp_reg(Emit *e, unsigned reg)
{
    emit_rr(e, 0xff, 4, reg, false);
}

void emit_jmp_mem(Emit *e, HostMem m)
{
    emit_rm(e, 0xff, 4, m, false);
}

void emit_call_c(Emit *e, const void *fn)
{
    emit_mov_imm(e, H_RAX, (uintptr_t)fn);
    emit_rr(e, 0xff, 2, H_RAX, false);
}

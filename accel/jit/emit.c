/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The assembler: see emit.h. */
#include "util/osdep.h"
#include "accel/jit/emit.h"

void emit_bytes(Emit *e, const void *bytes, unsigned len)
{
    if ((size_t)(e->end - e->p) < len) {
        e->full = true;
        return;
    }
    memcpy(e->p, bytes, len);
    e->p += len;
}

typedef struct Bytes {
    uint8_t b[24];
    unsigned n;
} Bytes;

static void put(Bytes *b, uint8_t v)
{
    b->b[b->n++] = v;
}

static void put32(Bytes *b, uint32_t v)
{
    st_le32(b->b + b->n, v);
    b->n += 4;
}

static void put_modrm_mem(Bytes *b, unsigned reg, const HostMem *m)
{
    unsigned base = m->base & 7u, r = (reg & 7u) << 3;

    if (m->base == H_NONE) { /* [index << scale + disp32] */
        put(b, (uint8_t)(0x04 | r));
        put(b, (uint8_t)(m->scale << 6 | (m->index == H_NONE ? 4u : m->index & 7u) << 3 | 5));
        put32(b, (uint32_t)m->disp);
        return;
    }
    unsigned mod = m->disp == 0 && base != 5 ? 0 : m->disp == (int8_t)m->disp ? 1 : 2;

    if (m->index != H_NONE || base == 4) {
        put(b, (uint8_t)(mod << 6 | r | 4));
        put(b, (uint8_t)(m->scale << 6 | (m->index == H_NONE ? 4u : m->index & 7u) << 3 | base));
    } else {
        put(b, (uint8_t)(mod << 6 | r | base));
    }
    if (mod == 1) {
        put(b, (uint8_t)m->disp);
    } else if (mod == 2) {
        put32(b, (uint32_t)m->disp);
    }
}

static void put_vex(Bytes *b, const HostOp *o, unsigned r, unsigned x, unsigned base)
{
    unsigned pp = o->opsize16 ? 1 : o->rep == 0xf3 ? 2 : o->rep == 0xf2 ? 3 : 0;
    uint8_t last = (uint8_t)((~o->vvvv & 15u) << 3 | (unsigned)o->l << 2 | pp);

    if (!x && !base && !o->w && o->map == 1) {
        put(b, 0xc5);
        put(b, (uint8_t)((r ? 0 : 0x80) | last));
        return;
    }
    put(b, 0xc4);
    put(b, (uint8_t)((r ? 0 : 0x80) | (x ? 0 : 0x40) | (base ? 0 : 0x20) | o->map));
    put(b, (uint8_t)((o->w ? 0x80 : 0) | last));
}

static void put_opcode(Bytes *b, const HostOp *o, unsigned r, unsigned x, unsigned base)
{
    uint8_t rex = (uint8_t)((o->w ? 8u : 0) | (r ? 4u : 0) | (x ? 2u : 0) | (base ? 1u : 0));

    if (o->lock) {
        put(b, 0xf0);
    }
    if (o->vex) {
        put_vex(b, o, r, x, base);
        return;
    }
    if (o->opsize16) {
        put(b, 0x66);
    }
    if (o->rep) {
        put(b, o->rep);
    }
    if (rex || o->low8) {
        put(b, (uint8_t)(0x40 | rex));
    }
    if (o->map) {
        put(b, 0x0f);
    }
    if (o->map > 1) {
        put(b, o->map == 2 ? 0x38 : 0x3a);
    }
}

void emit_op(Emit *e, const HostOp *o)
{
    Bytes b = { .n = 0 };

    if (o->no_modrm) {
        bool in_opcode = o->rm != H_NONE;

        put_opcode(&b, o, 0, 0, in_opcode && o->rm > 7);
        put(&b, (uint8_t)(o->opcode + (in_opcode ? o->rm & 7 : 0)));
    } else if (o->is_mem) {
        put_opcode(&b, o, o->reg > 7, o->mem.index != H_NONE && o->mem.index > 7, o->mem.base != H_NONE && o->mem.base > 7);
        put(&b, o->opcode);
        put_modrm_mem(&b, o->reg, &o->mem);
    } else {
        put_opcode(&b, o, o->reg > 7, 0, o->rm > 7);
        put(&b, o->opcode);
        put(&b, (uint8_t)(0xc0 | (o->reg & 7) << 3 | (o->rm & 7)));
    }
    memcpy(b.b + b.n, o->imm, o->imm_len);
    emit_bytes(e, b.b, b.n + o->imm_len);
}

void emit_rr(Emit *e, uint8_t opcode, unsigned reg, unsigned rm, bool w)
{
    emit_op(e, &(HostOp){ .opcode = opcode, .reg = (uint8_t)reg, .rm = (uint8_t)rm, .w = w });
}

void emit_rm(Emit *e, uint8_t opcode, unsigned reg, HostMem m, bool w)
{
    emit_op(e, &(HostOp){ .opcode = opcode, .reg = (uint8_t)reg, .is_mem = true, .mem = m, .w = w });
}

void emit_ri(Emit *e, unsigned ext, unsigned rm, int32_t imm, bool w)
{
    bool small = imm == (int8_t)imm;
    HostOp o = { .opcode = small ? 0x83 : 0x81, .reg = (uint8_t)ext, .rm = (uint8_t)rm, .w = w, .imm_len = small ? 1 : 4 };

    st_le32(o.imm, (uint32_t)imm);
    emit_op(e, &o);
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
    HostOp o = { .no_modrm = true, .opcode = 0xb8, .rm = (uint8_t)reg, .imm_len = 4 };

    st_le64(o.imm, v);
    if (v > UINT32_MAX) {
        if (v == (uint64_t)(int64_t)(int32_t)v) {
            o = (HostOp){ .opcode = 0xc7, .rm = (uint8_t)reg, .w = true, .imm_len = 4 };
            st_le32(o.imm, (uint32_t)v);
        } else {
            o.w = true;
            o.imm_len = 8;
        }
    }
    emit_op(e, &o);
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

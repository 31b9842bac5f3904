/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Groups of memory accesses: same base register, or values that differ by constants (a stack pointer that is pushed and popped, a
 * pointer that is copied and stepped).  The first access of a group looks up the page for the range of all of them; when that lies
 * in one page, the rest need no look-up.  When it fails the block goes on in another one, which begins with that instruction and has no
 * groups (a plain block).
 *
 * A group ends where a C function might change mappings.  A slow path that was taken while a group is open goes on in the plain block of
 * the next instruction for the same reason.  64-bit code only: elsewhere addresses wrap.
 */
#include "util/osdep.h"
#include "accel/jit/translate.h"

#define SPAN_MAX 1024 /* bytes: the longer, the more often a page border is in between */
#define OFF_MAX (1 << 24)

typedef struct Values {
    uint16_t vn[16]; /* value number of each register */
    int32_t off[16]; /* and what was added to that value */
    uint16_t next;
} Values;

static void fresh(Values *v, unsigned r)
{
    v->vn[r] = v->next++;
    v->off[r] = 0;
}

static void fresh_all(Values *v)
{
    for (unsigned r = 0; r < 16; r++) {
        fresh(v, r);
    }
}

static void add(Values *v, unsigned r, int64_t by)
{
    if (by > -OFF_MAX && by < OFF_MAX && v->off[r] > -OFF_MAX && v->off[r] < OFF_MAX) {
        v->off[r] += (int32_t)by;
    } else {
        fresh(v, r);
    }
}

static void join(JitTr *t, const Values *v, JitInsn *j, unsigned n, unsigned base, int64_t disp, unsigned size, bool write)
{
    int64_t off = v->off[base] + disp;

    if (jit_reg_host(base) == H_NONE || off != (int32_t)off || size > SPAN_MAX) {
        return;
    }
    for (unsigned k = 0; k < t->group_count; k++) {
        JitGroup *g = &t->groups[k];
        int64_t lo = MIN(g->lo, off), hi = MAX(g->hi, off + size);

        if (g->base == v->vn[base] && hi - lo <= SPAN_MAX) {
            g->lo = (int32_t)lo;
            g->hi = (int32_t)hi;
            g->write |= write;
            g->members++;
            j->group[n] = (int8_t)k;
            j->group_off[n] = (int32_t)off;
            return;
        }
    }
    if (t->group_count < G_N_ELEMENTS(t->groups)) {
        t->groups[t->group_count] = (JitGroup){ .lo = (int32_t)off, .hi = (int32_t)(off + size), .base = v->vn[base], .members = 1,
                                                .write = write };
        j->group[n] = (int8_t)t->group_count++;
        j->group_off[n] = (int32_t)off;
    }
}

static void accesses(JitTr *t, const Values *v, JitInsn *j)
{
    unsigned n = 0, how = j->row->access;
    const Operand *m = how == NO_ACCESS ? NULL : jit_memory_operand(j);

    if (m && (m->read || m->write)) {
        const Insn *i = &j->i;

        if (jit_addr_ok(t, j) && i->addrsize == 8 && i->seg < SEG_FS && i->base < R_ZERO * 8 && i->index == R_ZERO * 8) {
            join(t, v, j, n, i->base >> 3, i->disp, m->size, m->write);
        }
        n++;
    }
    if (how == STACK_PUSH) {
        join(t, v, j, n, R_RSP, -8, 8, true);
    } else if (how == STACK_POP) {
        join(t, v, j, n, R_RSP, 0, 8, false);
    } else if (how == STACK_LEAVE) {
        join(t, v, j, n, R_RBP, 0, 8, false);
    }
}

static bool is_gpr64(const Operand *o)
{
    return o->kind == OPND_GPR && o->size == 8;
}

/* Does it change one register to another one's value plus a constant?  Then that is noted. */
static bool known_effect(Values *v, const JitInsn *j)
{
    const Decoded *d = &j->d;
    const Operand *a = &d->op[0], *b = &d->op[1];
    unsigned r = a->reg >> 3, op = d->opcode, group = j->i.modrm_reg;

    if (!is_gpr64(a) || d->map != 0 || d->vex || d->evex) {
        return false;
    }
    if ((op == 0x89 || op == 0x8b) && is_gpr64(b)) { /* MOV */
        v->vn[r] = v->vn[b->reg >> 3];
        v->off[r] = v->off[b->reg >> 3];
        return true;
    }
    if (op == 0x8d && j->i.addrsize == 8 && j->i.base < R_ZERO * 8 && j->i.index == R_ZERO * 8) { /* LEA */
        v->vn[r] = v->vn[j->i.base >> 3];
        v->off[r] = v->off[j->i.base >> 3];
        add(v, r, j->i.disp);
        return true;
    }
    if ((op == 0x81 || op == 0x83) && (group == 0 || group == 5)) { /* ADD, SUB */
        add(v, r, group == 0 ? (int64_t)j->i.imm : -(int64_t)j->i.imm);
        return true;
    }
    if (op == 0xff && group < 2) { /* INC, DEC */
        add(v, r, group == 0 ? 1 : -1);
        return true;
    }
    return false;
}

static void effects(Values *v, const JitInsn *j)
{
    uint16_t written = j->d.gprs_written;

    switch ((int)j->row->access) {
    case STACK_PUSH:
        add(v, R_RSP, -8);
        return;
    case STACK_POP:
        add(v, R_RSP, 8);
        written &= (uint16_t)~(1u << R_RSP);
        if (j->d.op[0].kind == OPND_GPR && j->d.op[0].reg >> 3 == R_RSP) {
            fresh(v, R_RSP);
        }
        break;
    case STACK_LEAVE:
        v->vn[R_RSP] = v->vn[R_RBP];
        v->off[R_RSP] = v->off[R_RBP];
        add(v, R_RSP, 8);
        fresh(v, R_RBP);
        return;
    default:
        if (known_effect(v, j)) {
            return;
        }
    }
    for (; written; written &= (uint16_t)(written - 1)) {
        fresh(v, (unsigned)__builtin_ctz(written));
    }
}

/* Groups of one are none; those that remain get the places in X86Cpu.jit_group. */
static void groups_number(JitTr *t)
{
    int8_t number[G_N_ELEMENTS(t->groups)];
    unsigned n = 0;

    for (unsigned k = 0; k < t->group_count; k++) {
        number[k] = -1;
        if (t->groups[k].members > 1 && n < JIT_GROUPS) {
            t->groups[n] = t->groups[k];
            number[k] = (int8_t)n++;
        }
    }
    for (unsigned k = 0; k < t->count; k++) {
        for (unsigned a = 0; a < 2; a++) {
            int8_t *g = &t->insns[k].group[a];

            *g = *g < 0 ? -1 : number[*g];
        }
    }
    t->group_count = n;
}

void jit_groups_find(JitTr *t)
{
    Values v = { .next = 0 };

    t->group_count = 0;
    for (unsigned k = 0; k < t->count; k++) {
        t->insns[k].group[0] = t->insns[k].group[1] = -1;
    }
    if (!jit_code64(t) || (t->b->mode & JIT_PLAIN)) {
        return;
    }
    fresh_all(&v);
    for (unsigned k = 0; k < t->count; k++) {
        JitInsn *j = &t->insns[k];

        if (!j->row) {
            fresh_all(&v);
            continue;
        }
        accesses(t, &v, j);
        effects(&v, j);
    }
    groups_number(t);
}

void jit_groups_end(JitTr *t)
{
    for (unsigned k = 0; k < t->group_count; k++) {
        t->groups[k].checked = false;
    }
}

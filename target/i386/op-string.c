/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MOVS, STOS, LODS, CMPS, SCAS with and without REP (SDM vol. 2; vol. 1, 7.3.9).  INS and OUTS are in the system files.
 *
 * A repeated one ends its block: it does a chunk of iterations within the pages at hand by the host's own memory functions,
 * or one iteration element by element, brings rSI, rDI and rCX up to date, and goes on until rCX is zero, the
 * condition fails, the budget is used
 * up, or an event waits; then RIP is that of the instruction itself and it is run again.  A fault thus finds the registers as
 * the architecture wants them.  vCPU thread; called through Insn.fn.
 */
#include "util/osdep.h"
#include "target/i386/op-atomic.h"
#include "target/i386/ops-int.h"

#define STRING_BUDGET (256 * 1024) /* bytes a call */

OP_INLINE int64_t string_step(const X86Cpu *cpu, unsigned size)
{
    return cpu->eflags & FL_DF ? -(int64_t)size : (int64_t)size;
}

OP_INLINE void string_advance(X86Cpu *cpu, const Insn *i, unsigned reg, int64_t by)
{
    reg_write(cpu, (uint8_t)(reg * 8), cpu->regs[reg] + (uint64_t)by, i->addrsize);
}

OP_INLINE uint64_t string_linear(X86Cpu *cpu, const Insn *i, unsigned reg, unsigned size, MemAccess acc)
{
    return seg_linear(cpu, i, reg == R_RDI ? SEG_ES : i->seg, reg_read(cpu, (uint8_t)(reg * 8), i->addrsize), size, acc);
}

/* --- one iteration --- */

OP_INLINE void string_movs(X86Cpu *cpu, const Insn *i, unsigned size)
{
    uint64_t v = mem_load(cpu, string_linear(cpu, i, R_RSI, size, ACC_READ), size);
    int64_t step = string_step(cpu, size);

    mem_store(cpu, string_linear(cpu, i, R_RDI, size, ACC_WRITE), v, size);
    string_advance(cpu, i, R_RSI, step);
    string_advance(cpu, i, R_RDI, step);
}

OP_INLINE void string_stos(X86Cpu *cpu, const Insn *i, unsigned size)
{
    mem_store(cpu, string_linear(cpu, i, R_RDI, size, ACC_WRITE), cpu->regs[R_RAX], size);
    string_advance(cpu, i, R_RDI, string_step(cpu, size));
}

OP_INLINE void string_lods(X86Cpu *cpu, const Insn *i, unsigned size)
{
    reg_write(cpu, R_RAX * 8, mem_load(cpu, string_linear(cpu, i, R_RSI, size, ACC_READ), size), size);
    string_advance(cpu, i, R_RSI, string_step(cpu, size));
}

OP_INLINE void string_cmps(X86Cpu *cpu, const Insn *i, unsigned size)
{
    uint64_t a = mem_load(cpu, string_linear(cpu, i, R_RSI, size, ACC_READ), size);
    uint64_t b = mem_load(cpu, string_linear(cpu, i, R_RDI, size, ACC_READ), size);
    int64_t step = string_step(cpu, size);

    alu_result(cpu, ALU_CMP, a, b, size);
    string_advance(cpu, i, R_RSI, step);
    string_advance(cpu, i, R_RDI, step);
}

OP_INLINE void string_scas(X86Cpu *cpu, const Insn *i, unsigned size)
{
    uint64_t b = mem_load(cpu, string_linear(cpu, i, R_RDI, size, ACC_READ), size);

    alu_result(cpu, ALU_CMP, reg_read(cpu, R_RAX * 8, size), b, size);
    string_advance(cpu, i, R_RDI, string_step(cpu, size));
}

/* --- chunks --- */

/*
 * Host address of the element at the register, and in *@n at most how many elements (counting upwards) may be reached from there in one
 * go: within the page, the segment, the address size.  NULL: do one the slow way.
 */
static uint8_t *string_run(X86Cpu *cpu, const Insn *i, unsigned reg, unsigned size, MemAccess acc, uint64_t *n)
{
    unsigned seg = reg == R_RDI ? SEG_ES : i->seg, avail = 0;
    uint64_t off = reg_read(cpu, (uint8_t)(reg * 8), i->addrsize), lin;

    if (i->addrsize < 8) {
        *n = MIN(*n, ((i->addrsize == 4 ? 1ull << 32 : 1ull << 16) - off) / size);
    }
    if (!(i->flags & INSN_FLAT)) {
        const X86Seg *s = &cpu->seg[seg];
        if ((s->attr & (SEG_CODE | SEG_E)) == SEG_E || off > s->limit) {
            return NULL;
        }
        *n = MIN(*n, ((uint64_t)s->limit - off + 1) / size);
    }
    if (*n < 2) {
        return NULL;
    }
    lin = seg_linear(cpu, i, seg, off, size, acc);
    uint8_t *p = mem_page_ptr(cpu, lin, acc, &avail);
    *n = MIN(*n, avail / size);
    return *n ? p : NULL;
}

static void string_done(X86Cpu *cpu, const Insn *i, uint64_t n, unsigned size, bool si, bool di)
{
    if (si) {
        string_advance(cpu, i, R_RSI, (int64_t)(n * size));
    }
    if (di) {
        string_advance(cpu, i, R_RDI, (int64_t)(n * size));
    }
    reg_write(cpu, R_RCX * 8, cpu->regs[R_RCX] - n, i->addrsize);
}

/* Forward copy with the architecture's element by element meaning when the areas overlap. */
static void string_copy(uint8_t *d, const uint8_t *s, uint64_t n, unsigned size)
{
    if (d <= s || d >= s + n * size) {
        memmove(d, s, n * size);
        return;
    }
    for (uint64_t k = 0; k < n; k++) {
        memmove(d + k * size, s + k * size, size);
    }
}

static void string_fill(uint8_t *d, uint64_t v, uint64_t n, unsigned size)
{
    switch (size) {
    case 1:
        memset(d, (int)(v & 0xff), n);
        break;
    default:
        for (uint64_t k = 0; k < n; k++) {
            st_le(d + k * size, v, size);
        }
        break;
    }
}

/* Each returns how many iterations it did; 0: do one the slow way.  Only upwards. */
static uint64_t string_chunk_movs(X86Cpu *cpu, const Insn *i, unsigned size, uint64_t n)
{
    const uint8_t *s = string_run(cpu, i, R_RSI, size, ACC_READ, &n);
    uint8_t *d = s ? string_run(cpu, i, R_RDI, size, ACC_WRITE, &n) : NULL;

    if (!d) {
        return 0;
    }
    /* Filling the second page may have evicted nothing that matters: host pointers outlive TLB entries. */
    string_copy(d, s, n, size);
    string_done(cpu, i, n, size, true, true);
    return n;
}

static uint64_t string_chunk_stos(X86Cpu *cpu, const Insn *i, unsigned size, uint64_t n)
{
    uint8_t *d = string_run(cpu, i, R_RDI, size, ACC_WRITE, &n);

    if (!d) {
        return 0;
    }
    string_fill(d, cpu->regs[R_RAX], n, size);
    string_done(cpu, i, n, size, false, true);
    return n;
}

/* Stops after the first element for which (a == b) is not @while_equal; flags are those of the last comparison. */
static uint64_t string_chunk_cmps(X86Cpu *cpu, const Insn *i, unsigned size, uint64_t n, bool while_equal)
{
    const uint8_t *s = string_run(cpu, i, R_RSI, size, ACC_READ, &n);
    const uint8_t *d = s ? string_run(cpu, i, R_RDI, size, ACC_READ, &n) : NULL;
    uint64_t a = 0, b = 0, k = 0;

    if (!d) {
        return 0;
    }
    do {
        a = ld_le(s + k * size, size);
        b = ld_le(d + k * size, size);
    } while (++k < n && (a == b) == while_equal);
    alu_result(cpu, ALU_CMP, a, b, size);
    string_done(cpu, i, k, size, true, true);
    return k;
}

static uint64_t string_chunk_scas(X86Cpu *cpu, const Insn *i, unsigned size, uint64_t n, bool while_equal)
{
    const uint8_t *d = string_run(cpu, i, R_RDI, size, ACC_READ, &n);
    uint64_t a = reg_read(cpu, R_RAX * 8, size), b = 0, k = 0;

    if (!d) {
        return 0;
    }
    do {
        b = ld_le(d + k * size, size);
    } while (++k < n && (a == b) == while_equal);
    alu_result(cpu, ALU_CMP, a, b, size);
    string_done(cpu, i, k, size, false, true);
    return k;
}

/* --- repetition --- */

typedef enum StringOp { STRING_MOVS, STRING_STOS, STRING_LODS, STRING_CMPS, STRING_SCAS } StringOp;

OP_INLINE void string_one(X86Cpu *cpu, const Insn *i, StringOp op, unsigned size)
{
    switch (op) {
    case STRING_MOVS: string_movs(cpu, i, size); break;
    case STRING_STOS: string_stos(cpu, i, size); break;
    case STRING_LODS: string_lods(cpu, i, size); break;
    case STRING_CMPS: string_cmps(cpu, i, size); break;
    default: string_scas(cpu, i, size); break;
    }
}

OP_INLINE uint64_t string_chunk(X86Cpu *cpu, const Insn *i, StringOp op, unsigned size, uint64_t n)
{
    bool while_equal = !(i->flags & INSN_REPNE);

    switch (op) {
    case STRING_MOVS: return string_chunk_movs(cpu, i, size, n);
    case STRING_STOS: return string_chunk_stos(cpu, i, size, n);
    case STRING_CMPS: return string_chunk_cmps(cpu, i, size, n, while_equal);
    case STRING_SCAS: return string_chunk_scas(cpu, i, size, n, while_equal);
    default: return 0;
    }
}

OP_INLINE void string_rep(X86Cpu *cpu, const Insn *i, StringOp op, Form form, unsigned size)
{
    bool compares = op == STRING_CMPS || op == STRING_SCAS, slow = cpu->dbg_slow || (cpu->eflags & FL_DF);
    int64_t start = cpu->dbg_slow ? 1 : STRING_BUDGET, budget = start;

    (void)form;
    while (true) {
        uint64_t n = reg_read(cpu, R_RCX * 8, i->addrsize), did;

        if (!n) {
            break;
        }
        if (budget <= 0 || vcpu_event_waits(&cpu->vcpu) || cpu->dbg_hits || cpu->smc) {
            if (budget < start) { /* something was done: let the run loop look */
                cpu->regs[R_RIP] += i->off;
                return;
            }
        }
        did = slow ? 0 : string_chunk(cpu, i, op, size, MIN(n, 4096 / size));
        if (!did) {
            string_one(cpu, i, op, size);
            reg_write(cpu, R_RCX * 8, n - 1, i->addrsize);
            did = 1;
        }
        budget -= (int64_t)(did * size) + 16;
        if (compares && op_condition(cpu, 4) != !(i->flags & INSN_REPNE)) {
            break;
        }
    }
    cpu->regs[R_RIP] = insn_next_rip(cpu, i);
}

OP_INLINE void string_plain(X86Cpu *cpu, const Insn *i, StringOp op, Form form, unsigned size)
{
    (void)form;
    string_one(cpu, i, op, size);
}

#define STRING_OP(name, op)                                                                                   \
    OP_SIZES(string_plain, name, RR, op)                                                                      \
    OP_SIZES(string_rep, rep_##name, RR, op)                                                                  \
    static InsnFn *sel_##name(const Decoded *d, Insn *i)                                                      \
    {                                                                                                         \
        static InsnFn *const plain[4] = OP_SIZE_NAMES(name, RR), *const rep[4] = OP_SIZE_NAMES(rep_##name, RR); \
        return string_select(d, i, plain, rep);                                                               \
    }

static InsnFn *string_select(const Decoded *d, Insn *i, InsnFn *const plain[4], InsnFn *const rep[4])
{
    if (d->map != 0 || d->opcode < 0xa4 || d->opcode > 0xaf) {
        return NULL; /* MOVSD, CMPSD of SSE2 */
    }
    if (i->flags & (INSN_REP | INSN_REPNE)) {
        i->flags |= INSN_BRANCH;
        return rep[op_log2(d->opsize)];
    }
    return plain[op_log2(d->opsize)];
}

STRING_OP(movs, STRING_MOVS)
STRING_OP(stos, STRING_STOS)
STRING_OP(lods, STRING_LODS)
STRING_OP(cmps, STRING_CMPS)
STRING_OP(scas, STRING_SCAS)

const OpRow ops_string[] = {
    { "movsb", NULL, sel_movs, 0 }, { "movsw", NULL, sel_movs, 0 }, { "movsd", NULL, sel_movs, 0 }, { "movsq", NULL, sel_movs, 0 },
    { "stosb", NULL, sel_stos, 0 }, { "stosw", NULL, sel_stos, 0 }, { "stosd", NULL, sel_stos, 0 }, { "stosq", NULL, sel_stos, 0 },
    { "lodsb", NULL, sel_lods, 0 }, { "lodsw", NULL, sel_lods, 0 }, { "lodsd", NULL, sel_lods, 0 }, { "lodsq", NULL, sel_lods, 0 },
    { "cmpsb", NULL, sel_cmps, 0 }, { "cmpsw", NULL, sel_cmps, 0 }, { "cmpsd", NULL, sel_cmps, 0 }, { "cmpsq", NULL, sel_cmps, 0 },
    { "scasb", NULL, sel_scas, 0 }, { "scasw", NULL, sel_scas, 0 }, { "scasd", NULL, sel_scas, 0 }, { "scasq", NULL, sel_scas, 0 },
    { NULL, NULL, NULL, 0 },
};

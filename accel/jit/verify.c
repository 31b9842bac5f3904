/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -accel jit,verify=on: every block is run by the interpreter, undone, run as generated code, and what came out is compared.
 *
 * Blocks are not linked then, end before an instruction that is its C function in both engines, and leave with all flags in memory.
 * Before each instruction the bytes that it will write are noted, so that the interpreter's run can be undone.  Not compared,
 * because it cannot be undone or repeated: an access to I/O, to a page with code, or across pages; a block in which some form is
 * by its C function.  Nor flags that the architecture leaves undefined, and blocks that go on to look at such.  Accessed and dirty
 * bits of page tables that the first run sets are not taken back.  What devices write meanwhile may look like a difference: only
 * one that comes back three times counts.  One vCPU only.
 */
#include "util/osdep.h"
#include "accel/jit/translate.h"
#include "system/runstate.h"
#include "target/i386/exc.h"
#include "target/i386/flags.h"

#define TRIES 3
#define KNOWN_BITS 13

typedef struct Undo {
    uint8_t *host;
    uint8_t size;
    uint8_t before[64], after[64];
} Undo;

typedef struct FloatState {
    VecReg vec[16];
    uint8_t st[8][10];
    uint64_t fip, fdp;
    uint32_t mxcsr;
    uint16_t fcw, fsw, fop, fcs, fds;
    uint8_t ftw;
} FloatState;

typedef struct Outcome {
    uint64_t regs[R_COUNT];
    FloatState fp;
    uint32_t arith, eflags, error;
    int vector; /* -1: none */
    uint64_t cr2;
} Outcome;

/* Instructions decoded before, by their bytes: decoding takes most of the time otherwise. */
typedef struct Known {
    uint8_t bytes[16]; /* the last one: how many of them could be looked at */
    uint32_t mode;
    Insn insn;
    Decoded decoded;
} Known;

typedef struct Verify {
    X86Cpu *cpu;
    JitCpu *jit;
    JitBlock *block;
    Outcome start, interp, code;
    Undo undo[2 * JIT_MAX_INSNS];
    unsigned undos, steps;
    uint16_t undefined;  /* flags */
    bool given_up;
    Known known[1u << KNOWN_BITS];
} Verify;

static void float_get(const X86Cpu *cpu, FloatState *f)
{
    memset(f, 0, sizeof(*f)); /* compared as bytes */
    memcpy(f->vec, cpu->vec, sizeof(f->vec));
    for (unsigned k = 0; k < 8; k++) {
        memcpy(f->st[k], cpu->x87.st[k], sizeof(f->st[k]));
    }
    f->mxcsr = cpu->mxcsr;
    f->fcw = cpu->x87.fcw;
    f->fsw = cpu->x87.fsw;
    f->ftw = cpu->x87.ftw;
    f->fip = cpu->fip;
    f->fdp = cpu->fdp;
    f->fop = cpu->fop;
    f->fcs = cpu->fcs;
    f->fds = cpu->fds;
}

static void float_put(X86Cpu *cpu, const FloatState *f)
{
    memcpy(cpu->vec, f->vec, sizeof(f->vec));
    for (unsigned k = 0; k < 8; k++) {
        memcpy(cpu->x87.st[k], f->st[k], sizeof(f->st[k]));
    }
    cpu->mxcsr = f->mxcsr;
    cpu->x87.fcw = f->fcw;
    cpu->x87.fsw = f->fsw;
    cpu->x87.ftw = f->ftw;
    cpu->fip = f->fip;
    cpu->fdp = f->fdp;
    cpu->fop = f->fop;
    cpu->fcs = f->fcs;
    cpu->fds = f->fds;
}

static void outcome_get(X86Cpu *cpu, Outcome *o)
{
    memcpy(o->regs, cpu->regs, sizeof(o->regs));
    float_get(cpu, &o->fp);
    o->arith = flags_compute(cpu) & FL_ARITH;
    o->eflags = cpu->eflags;
    o->vector = -1;
}

static void outcome_put(X86Cpu *cpu, const Outcome *o)
{
    memcpy(cpu->regs, o->regs, sizeof(o->regs));
    float_put(cpu, &o->fp);
    flags_set(cpu, o->arith);
    cpu->eflags = o->eflags;
}

/* The access at @lin: false when it is not plain RAM.  May raise. */
static bool verify_access(Verify *v, uint64_t lin, unsigned size, bool write)
{
    X86Cpu *cpu = v->cpu;
    const TlbEntry *e = tlb_entry(cpu, lin);

    if (size >= 16 && (lin & (size - 1u)) && !tlb_hit(write ? e->write : e->read, lin, size)) {
        return false; /* may be #GP, which comes before #PF */
    }
    mem_probe(cpu, lin, size, write ? ACC_WRITE : ACC_READ);
    e = tlb_entry(cpu, lin);

    if (!tlb_hit(write ? e->write : e->read, lin, size) || size > sizeof(v->undo[0].before) || v->undos >= G_N_ELEMENTS(v->undo)) {
        return false;
    }
    if (write) {
        Undo *u = &v->undo[v->undos++];

        u->host = (uint8_t *)(lin + e->addend);
        u->size = (uint8_t)size;
        memcpy(u->before, u->host, size);
    }
    return true;
}

static uint64_t verify_ea(const X86Cpu *cpu, const Insn *i, const Decoded *d)
{
    bool absolute = d->map == 0 && (d->opcode & 0xfc) == 0xa0 && !d->vex; /* the only ones of 64 bits */

    return absolute ? (i->addrsize == 8 ? i->imm : (uint32_t)i->imm) : insn_ea(cpu, i);
}

/* What the next instruction will touch.  False: it cannot be undone. */
static bool verify_foresee(Verify *v, const Insn *i, const Decoded *d)
{
    X86Cpu *cpu = v->cpu;
    const JitRow *row = jit_row_find(d);
    uint64_t mask = cpu->mode & MODE_CODE64 ? UINT64_MAX : UINT32_MAX;
    bool to_next = d->nops == 1 && d->op[0].kind == OPND_REL && !i->imm; /* taken or not looks the same */
    bool ok = row && !(d->flags_read & v->undefined) && !to_next;

    cpu->insn = i; /* for exceptions */

    for (unsigned k = 0; ok && row->access != NO_ACCESS && k < d->nops; k++) {
        if (d->op[k].kind == OPND_MEM && (d->op[k].read || d->op[k].write)) {
            ok = verify_access(v, (verify_ea(cpu, i, d) + cpu->lin_base[i->seg]) & mask, d->op[k].size, d->op[k].write);
        }
    }
    if (ok && row->access == STACK_PUSH) {
        ok = verify_access(v, (cpu->regs[R_RSP] - d->opsize) & mask, d->opsize, true);
    } else if (ok && (row->access == STACK_POP || row->access == STACK_LEAVE)) {
        ok = verify_access(v, cpu->regs[row->access == STACK_POP ? R_RSP : R_RBP] & mask, d->opsize, false);
    }
    v->undefined = (uint16_t)((v->undefined & ~d->flags_set) | d->flags_undefined);
    cpu->insn = NULL;
    return ok;
}

static const Known *verify_decode(Verify *v, const uint8_t *bytes, unsigned len)
{
    uint8_t key[16] = { [15] = (uint8_t)len };

    memcpy(key, bytes, len);
    uint64_t h = (ld_le64(key) ^ ld_le64(key + 8) * 3 ^ v->cpu->mode) * 0x9e3779b97f4a7c15u;
    Known *k = &v->known[h >> (64 - KNOWN_BITS)];

    if (memcmp(k->bytes, key, sizeof(key)) || k->mode != v->cpu->mode) {
        memcpy(k->bytes, key, sizeof(key));
        k->mode = v->cpu->mode;
        decode_insn_full(v->cpu, bytes, len, 0, &k->insn, &k->decoded);
    }
    return k;
}

/* The interpreter's run of the block, instruction by instruction. */
static void verify_interpret(Verify *v)
{
    X86Cpu *cpu = v->cpu;
    const uint8_t *bytes = v->block->host;
    uint8_t both[15];

    if (v->block->host2) {
        jit_crossing_bytes(v->block->host, v->block->host2, both);
        bytes = both;
    }
    for (v->steps = 0; v->steps < v->block->count; v->steps++) {
        unsigned left = bytes == both ? 15 : 0x1000 - (unsigned)((uintptr_t)bytes & 0xfff);
        const Known *k = verify_decode(v, bytes, MIN(15u, left));
        uint64_t next = insn_next_rip(cpu, &k->insn);

        if (!verify_foresee(v, &k->insn, &k->decoded)) {
            v->given_up = true;
            return;
        }
        interp_insn(cpu, v->jit->interp);
        bytes += k->insn.len;
        if (cpu->regs[R_RIP] != next) {
            return;
        }
    }
}

/* Runs @fn; an exception that it raises becomes part of the outcome. */
static void verify_guarded(Verify *v, void (*fn)(Verify *v), Outcome *o)
{
    X86Cpu *cpu = v->cpu;
    sigjmp_buf outer;

    memcpy(&outer, &cpu->exit_jmp, sizeof(outer));
    if (sigsetjmp(cpu->exit_jmp, 0) == 0) {
        fn(v);
        outcome_get(cpu, o);
    } else {
        cpu->insn = NULL;
        mmu_drop_bus_lock(cpu);
        outcome_get(cpu, o);
        o->vector = cpu->exc_vector;
        o->error = cpu->exc_error;
        o->cr2 = cpu->exc_cr2;
    }
    memcpy(&cpu->exit_jmp, &outer, sizeof(outer));
}

static void verify_run_code(Verify *v)
{
    v->cpu->regs[R_RIP] -= (uintptr_t)v->block->host & 0xfff;
    v->jit->left_early = false;
    v->jit->enter(v->cpu, v->block->code);
    v->given_up |= v->jit->left_early;
    if (v->cpu->jit_fault) { /* the exception is the interpreter's */
        v->cpu->jit_fault = false;
        interp_insn(v->cpu, v->jit->interp);
    }
}

static void verify_undo(Verify *v)
{
    for (unsigned k = 0; k < v->undos; k++) {
        memcpy(v->undo[k].after, v->undo[k].host, v->undo[k].size);
    }
    for (unsigned k = v->undos; k-- > 0;) {
        memcpy(v->undo[k].host, v->undo[k].before, v->undo[k].size);
    }
    outcome_put(v->cpu, &v->start);
}

static bool memory_same(const Verify *v)
{
    for (unsigned k = 0; k < v->undos; k++) {
        if (memcmp(v->undo[k].host, v->undo[k].after, v->undo[k].size)) {
            return false;
        }
    }
    return true;
}

static bool verify_same(const Verify *v)
{
    const Outcome *a = &v->interp, *b = &v->code;
    uint32_t flags = a->vector >= 0 ? 0 : FL_ARITH & ~(uint32_t)v->undefined; /* dead flags need not be right at a fault */

    return !memcmp(a->regs, b->regs, sizeof(a->regs)) && !memcmp(&a->fp, &b->fp, sizeof(a->fp)) &&
           a->vector == b->vector && (a->arith & flags) == (b->arith & flags) &&
           a->eflags == b->eflags && (a->vector < 0 || a->error == b->error) && (a->vector != EXC_PF || a->cr2 == b->cr2) &&
           memory_same(v);
}

static void print_outcome(GString *s, const char *who, const Outcome *o)
{
    static const char *const names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
                                           "r13", "r14", "r15" };

    g_string_append_printf(s, "%s: rip=%016" PRIx64 " flags=%03x eflags=%08x exception=%d error=%x cr2=%" PRIx64 "\n", who,
                           o->regs[R_RIP], o->arith, o->eflags, o->vector, o->vector < 0 ? 0 : o->error, o->vector < 0 ? 0 : o->cr2);
    for (unsigned r = 0; r < 16; r++) {
        g_string_append_printf(s, "  %s=%016" PRIx64 "%s", names[r], o->regs[r], r % 4 == 3 ? "\n" : "");
    }
    for (unsigned r = 0; r < 16; r++) {
        const uint64_t *q = o->fp.vec[r].q;

        g_string_append_printf(s, "  ymm%-2u=%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%s", r, q[3], q[2], q[1], q[0],
                               r % 2 ? "\n" : "");
    }
    for (unsigned r = 0; r < 8; r++) {
        const uint8_t *st = o->fp.st[r];

        g_string_append_printf(s, "  st%u=%04x%016" PRIx64 "%s", r, ld_le16(st + 8), ld_le64(st), r % 4 == 3 ? "\n" : "");
    }
    g_string_append_printf(s, "  mxcsr=%08x fcw=%04x fsw=%04x ftw=%02x fop=%03x fip=%" PRIx64 " fdp=%" PRIx64 "\n", o->fp.mxcsr, o->fp.fcw,
                           o->fp.fsw, o->fp.ftw, o->fp.fop, o->fp.fip, o->fp.fdp);
}

static void verify_report(Verify *v)
{
    GString *s = g_string_new(NULL);
    const uint8_t *bytes = v->block->host;
    uint64_t rip = v->start.regs[R_RIP];
    char text[128];
    uint8_t both[15];

    if (v->block->host2) {
        jit_crossing_bytes(v->block->host, v->block->host2, both);
        bytes = both;
    }
    g_string_append(s, "jit: verify=on: a block's code does other than the interpreter\n");
    for (unsigned k = 0; k < v->block->count; k++) {
        unsigned len = decode_text(v->block->mode, rip, bytes, 15, text, sizeof(text));

        g_string_append_printf(s, "  %016" PRIx64 "  %s\n", rip, text);
        rip += len;
        bytes += len;
    }
    print_outcome(s, "before", &v->start);
    print_outcome(s, "interpreter", &v->interp);
    print_outcome(s, "code", &v->code);
    g_string_append_printf(s, "undefined flags %03x, memory %s, %u steps\n", v->undefined, memory_same(v) ? "same" : "DIFFERENT", v->steps);
    error_report("%s", s->str);
    g_string_free(s, TRUE);
    request_shutdown_code(SHUTDOWN_HOST_ERROR, 1);
}

/* The outcome of generated code is what stays. */
static void verify_deliver(Verify *v)
{
    X86Cpu *cpu = v->cpu;

    if (v->code.vector >= 0) {
        cpu->exc_vector = v->code.vector;
        cpu->exc_error = v->code.error;
        cpu->exc_cr2 = v->code.cr2;
        siglongjmp(cpu->exit_jmp, 1);
    }
}

void jit_verify(JitCpu *j, JitBlock *b)
{
    Verify *v = j->verify;
    X86Cpu *cpu = j->cpu;

    cpu->regs[R_RIP] += (uintptr_t)b->host & 0xfff;
    v->cpu = cpu;
    v->jit = j;
    v->block = b;
    outcome_get(cpu, &v->start);
    for (unsigned tries = 0; tries < TRIES; tries++) {
        v->undos = 0;
        v->undefined = 0;
        v->given_up = b->calls_c;
        if (!b->calls_c) {
            verify_guarded(v, verify_interpret, &v->interp);
            verify_undo(v);
        }
        verify_guarded(v, verify_run_code, &v->code);
        j->stats.verified += !v->given_up;
        if (v->given_up || verify_same(v)) {
            verify_deliver(v);
            return;
        }
        if (tries + 1 < TRIES) {
            verify_undo(v);
        }
    }
    verify_report(v);
    atomic_store(&cpu->vcpu.halted, true);
}

void *jit_verify_new(void)
{
    return g_new0(Verify, 1);
}

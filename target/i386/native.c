/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stubs around guest vector, MMX and x87 instructions (native.h).  A stub is a function
 *   void stub(void *op0, void *op1, void *op2, void *op3, X86Cpu *cpu)
 * that keeps the argument pointers in r9, r10, r11, rbx and the CPU in r8, loads what the instruction reads, runs it and
 * stores what it writes.  Stubs are shared by all vCPUs, made under a mutex and never freed: their number is bounded by the
 * instruction set (registers are not part of the key).
 */
#include "util/osdep.h"
#include "target/i386/exc.h"
#include "target/i386/flags.h"
#include "target/i386/fpu.h"
#include "target/i386/mem.h"
#include "target/i386/native.h"
#include "util/execmem.h"
#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>

typedef void NativeStub(void *op0, void *op1, void *op2, void *op3, X86Cpu *cpu);

/* What Insn.aux points to. */
typedef struct NativeOp {
    NativePlan plan; /* of the first instruction that used it: registers are not meaningful */
    NativeStub *stub;
} NativeOp;

#define NATIVE_CODE_BYTES (16 * MiB)
#define NATIVE_STUB_MAX 256

static GMutex native_lock;
static GHashTable *native_ops; /* key: plan's code and kinds as GBytes */
static ExecMem native_mem;
static size_t native_used;
static struct sigaction native_old_fpe, native_old_ill; /* who had the signals before */

/* --- emitter ---------------------------------------------------------------------------------------------- */

typedef struct Emit {
    uint8_t buf[NATIVE_STUB_MAX];
    unsigned len;
} Emit;

static void emit_bytes(Emit *e, const void *p, unsigned n)
{
    g_assert(e->len + n <= sizeof(e->buf)); /* the longest sequence is known: no guest value reaches this */
    memcpy(e->buf + e->len, p, n);
    e->len += n;
}

#define EMIT(e, ...) emit_bytes((e), (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* ModRM and disp32 for [r8 + off] with @reg in the reg field. */
static void emit_cpu_mem(Emit *e, unsigned reg, size_t off)
{
    uint8_t b[5] = { (uint8_t)(0x80 | (reg & 7) << 3) };

    st_le32(b + 1, (uint32_t)off);
    emit_bytes(e, b, sizeof(b));
}

/* [operand pointer @n] as rm: r9, r10, r11 (with REX.B / VEX.B), rbx. */
static unsigned native_rm(unsigned n)
{
    return n == 3 ? 3 : n + 1;
}

/* movups / vmovups between vector register @vec and operand @n. */
static void emit_vec_move(Emit *e, const NativePlan *p, unsigned vec, unsigned n, bool store, unsigned bytes)
{
    uint8_t modrm = (uint8_t)(vec << 3 | native_rm(n)), op = store ? 0x11 : 0x10;
    bool ext = n != 3;

    if (p->cls == NATIVE_AVX) {
        EMIT(e, 0xc4, (uint8_t)(0xc1 | (ext ? 0 : 0x20)), (uint8_t)(0x78 | (bytes == 32 ? 4 : 0)), op, modrm);
    } else if (ext) {
        EMIT(e, 0x41, 0x0f, op, modrm);
    } else {
        EMIT(e, 0x0f, op, modrm);
    }
}

static void emit_gpr_move(Emit *e, unsigned gpr, unsigned n, bool store)
{
    EMIT(e, n == 3 ? 0x48 : 0x49, store ? 0x89 : 0x8b, (uint8_t)(gpr << 3 | native_rm(n)));
}

/* mov between implicit rax, rcx, rdx and the CPU's. */
static void emit_implicit_gprs(Emit *e, uint8_t mask, bool store)
{
    for (unsigned r = 0; r < 3; r++) {
        if (mask & 1u << r) {
            EMIT(e, 0x49, store ? 0x89 : 0x8b);
            emit_cpu_mem(e, r, offsetof(X86Cpu, regs) + r * 8);
        }
    }
}

static void emit_load(Emit *e, const NativePlan *p)
{
    EMIT(e, 0x53, 0x49, 0x89, 0xf9, 0x49, 0x89, 0xf2, 0x49, 0x89, 0xd3, 0x48, 0x89, 0xcb);
    /* push rbx; mov r9, rdi; mov r10, rsi; mov r11, rdx; mov rbx, rcx */
    if (p->fx_state) {
        EMIT(e, 0x41, 0x0f, 0xae); /* fxrstor */
        emit_cpu_mem(e, 1, offsetof(X86Cpu, x87));
    }
    for (unsigned n = 0; n < p->nops; n++) {
        if (p->op[n].kind == NK_VEC) {
            emit_vec_move(e, p, n + 1, n, false, p->op[n].size == 32 ? 32 : 16);
        }
    }
    if (p->xmm0_in) {
        EMIT(e, 0x41, 0x0f, 0x10);
        emit_cpu_mem(e, 0, offsetof(X86Cpu, vec));
    }
    if (p->mxcsr) {
        EMIT(e, 0x41, 0x0f, 0xae); /* ldmxcsr */
        emit_cpu_mem(e, 2, offsetof(X86Cpu, native_mxcsr_in));
    }
    for (unsigned n = 0; n < p->nops; n++) {
        if (p->op[n].kind == NK_GPR) {
            emit_gpr_move(e, n, n, false);
        }
    }
    emit_implicit_gprs(e, p->gpr_in, false);
    if (p->flags_in) {
        EMIT(e, 0x41, 0xff); /* push [flags]; popfq */
        emit_cpu_mem(e, 6, offsetof(X86Cpu, native_flags));
        EMIT(e, 0x9d);
    }
}

static void emit_store(Emit *e, const NativePlan *p)
{
    if (p->flags_out) {
        EMIT(e, 0x9c, 0x41, 0x8f); /* pushfq; pop [flags] */
        emit_cpu_mem(e, 0, offsetof(X86Cpu, native_flags));
    }
    if (p->mxcsr) {
        EMIT(e, 0x41, 0x0f, 0xae); /* stmxcsr */
        emit_cpu_mem(e, 3, offsetof(X86Cpu, native_mxcsr_out));
        EMIT(e, 0x41, 0x0f, 0xae);
        emit_cpu_mem(e, 2, offsetof(X86Cpu, native_mxcsr_host));
    }
    for (unsigned n = 0; n < p->nops; n++) {
        if (p->op[n].kind == NK_VEC && p->op[n].write) {
            emit_vec_move(e, p, n + 1, n, true, p->vec_bytes);
        }
    }
    if (p->xmm0_out) {
        if (p->cls == NATIVE_AVX) { /* bits above 127 became 0 */
            EMIT(e, 0xc4, 0xc1, 0x7c, 0x11);
        } else {
            EMIT(e, 0x41, 0x0f, 0x11);
        }
        emit_cpu_mem(e, 0, offsetof(X86Cpu, vec));
    }
    for (unsigned n = 0; n < p->nops; n++) {
        if (p->op[n].kind == NK_GPR && p->op[n].write) {
            emit_gpr_move(e, n, n, true);
        }
    }
    emit_implicit_gprs(e, p->gpr_out, true);
    if (p->fx_state) {
        EMIT(e, 0x41, 0x0f, 0xae); /* fxsave; fninit: the host must not see pending exceptions or full tags */
        emit_cpu_mem(e, 0, offsetof(X86Cpu, x87));
        EMIT(e, 0xdb, 0xe3);
    }
    if (p->cls == NATIVE_AVX) {
        EMIT(e, 0xc5, 0xf8, 0x77); /* vzeroupper */
    }
    EMIT(e, 0x5b, 0xc3); /* pop rbx; ret */
}

/* --- unmasked SIMD exceptions ----------------------------------------------------------------------------- */

/*
 * The guest's masks are in force while its instruction runs, for what an unmasked exception reports differs from what a masked one
 * does.  The host's trap comes back as SIGFPE in this thread; nothing was stored yet: note the flags, leave by the common tail.
 */
#define NATIVE_FAULTED (1u << 31) /* in native_mxcsr_out */
static const uint8_t native_tail[] = { 0xdb, 0xe3, 0x5b, 0xc3 }; /* fninit; pop rbx; ret: the first bytes of native_mem */

static void native_signal(int sig, siginfo_t *info, void *context)
{
    const struct sigaction *old = sig == SIGFPE ? &native_old_fpe : &native_old_ill;
    mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
    uintptr_t rip = (uintptr_t)m->gregs[REG_RIP], start = (uintptr_t)native_mem.rx;

    if (rip - start < native_mem.size) {
        X86Cpu *cpu = (X86Cpu *)m->gregs[REG_R8];

        if (sig == SIGILL) { /* the host lacks what the model shows: the guest's exception, not our end; no state was stored */
            x86_raise(cpu, EXC_UD);
        }
        cpu->native_mxcsr_out = m->fpregs->mxcsr | NATIVE_FAULTED;
        m->fpregs->mxcsr = MXCSR_DEFAULT;
        m->gregs[REG_RIP] = (greg_t)start;
    } else if (old->sa_flags & SA_SIGINFO) {
        old->sa_sigaction(sig, info, context);
    } else {
        sigaction(sig, old, NULL); /* not a guest's: again, for whoever was there before */
    }
}

/* Lock held, once. */
static bool native_init(void)
{
    struct sigaction sa = { .sa_sigaction = native_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

    if (!execmem_init(&native_mem, NATIVE_CODE_BYTES, NULL)) {
        return false;
    }
    memcpy(native_mem.rw, native_tail, sizeof(native_tail));
    native_used = align_up(sizeof(native_tail), 16);
    sigaction(SIGFPE, &sa, &native_old_fpe);
    sigaction(SIGILL, &sa, &native_old_ill);
    return true;
}

/* --- stubs ------------------------------------------------------------------------------------------------ */

static GBytes *native_key(const NativePlan *p)
{
    uint8_t key[16 + NATIVE_MAX_OPS * 4 + 8] = { 0 };
    unsigned n = 0;

    memcpy(key, p->code, p->len);
    n = 16;
    for (unsigned k = 0; k < NATIVE_MAX_OPS; k++) {
        key[n++] = (uint8_t)p->op[k].kind;
        key[n++] = p->op[k].size;
        key[n++] = (uint8_t)(p->op[k].read | p->op[k].write << 1);
    }
    key[n++] = p->len;
    return g_bytes_new(key, sizeof(key));
}

/* Lock held. */
static NativeOp *native_make(const NativePlan *p)
{
    Emit e = { .len = 0 };

    if (!native_mem.rw && !native_init()) {
        return NULL;
    }
    emit_load(&e, p);
    emit_bytes(&e, p->code, p->len);
    emit_store(&e, p);
    if (native_used + e.len > native_mem.size) {
        return NULL;
    }
    NativeOp *op = g_new0(NativeOp, 1);

    memcpy(native_mem.rw + native_used, e.buf, e.len);
    op->plan = *p;
    op->stub = (NativeStub *)(uintptr_t)(native_mem.rx + native_used);
    native_used += align_up(e.len, 16);
    return op;
}

static NativeOp *native_lookup(const NativePlan *p)
{
    GBytes *key = native_key(p);

    g_mutex_lock(&native_lock);
    if (!native_ops) {
        native_ops = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    }
    NativeOp *op = g_hash_table_lookup(native_ops, key);

    if (op) {
        g_bytes_unref(key);
    } else {
        op = native_make(p);
        if (op) {
            g_hash_table_insert(native_ops, key, op);
        } else {
            g_bytes_unref(key);
        }
    }
    g_mutex_unlock(&native_lock);
    return op;
}

/* --- running ---------------------------------------------------------------------------------------------- */

static uint8_t native_reg(const Insn *i, unsigned n)
{
    return n == 0 ? i->dst : n == 1 ? i->src : n == 2 ? i->src2 : i->pad[0];
}

static void native_call(X86Cpu *cpu, const Insn *i, const NativeOp *op, void *mem)
{
    void *p[NATIVE_MAX_OPS] = { NULL };

    for (unsigned n = 0; n < op->plan.nops; n++) {
        switch (op->plan.op[n].kind) {
        case NK_VEC: p[n] = &cpu->vec[native_reg(i, n)]; break;
        case NK_GPR: p[n] = (uint8_t *)cpu->regs + native_reg(i, n); break;
        case NK_MEM: p[n] = mem; break;
        default: break;
        }
    }
    op->stub(p[0], p[1], p[2], p[3], cpu);
}

void native_run(X86Cpu *cpu, const Insn *i, void *mem)
{
    const NativeOp *op = i->aux;
    const NativePlan *p = &op->plan;

    if (p->flags_in) {
        cpu->native_flags = flags_compute(cpu);
    }
    if (p->mxcsr) {
        cpu->native_mxcsr_in = cpu->mxcsr & ~0x3fu;
        cpu->native_mxcsr_host = MXCSR_DEFAULT;
    }
    native_call(cpu, i, op, mem);
    if (p->mxcsr) {
        cpu->mxcsr |= cpu->native_mxcsr_out & 0x3f;
        if (G_UNLIKELY(cpu->native_mxcsr_out & NATIVE_FAULTED)) {
            if (p->fx_state) { /* CVTPS2PI and its kin go over to MMX even then */
                fpu_enter_mmx(cpu);
            }
            x86_raise(cpu, cpu->cr4 & CR4_OSXMMEXCPT ? EXC_XM : EXC_UD);
        }
    }
    if (p->flags_out) {
        flags_set(cpu, (uint32_t)cpu->native_flags);
    }
}

static void native_check(X86Cpu *cpu, const NativePlan *p)
{
    switch (p->cls) {
    case NATIVE_X87: fpu_check_x87(cpu, true); break;
    case NATIVE_MMX: fpu_check_mmx(cpu); break;
    case NATIVE_SSE:
        fpu_check_sse(cpu);
        if (p->fx_state) {
            fpu_check_mmx(cpu);
        }
        break;
    default: fpu_check_avx(cpu); break;
    }
}

/* Operand checks that depend on the address: alignment of 16-byte and wider memory. */
static uint64_t native_linear(X86Cpu *cpu, const Insn *i, const NativePlan *p, unsigned size, MemAccess acc)
{
    uint64_t lin = insn_linear(cpu, i, size, acc);

    if (p->mem_align && (lin & (p->mem_align - 1u)) && (p->mem_align_always || !(cpu->mxcsr & MXCSR_MM))) {
        x86_raise_gp0(cpu);
    }
    mem_check_align(cpu, lin, size);
    return lin;
}

static void op_native(X86Cpu *cpu, const Insn *i)
{
    native_check(cpu, &((const NativeOp *)i->aux)->plan);
    native_run(cpu, i, NULL);
}

/* Two vector registers, nothing else: the most frequent shape. */
static void op_native_vv(X86Cpu *cpu, const Insn *i)
{
    const NativeOp *op = i->aux;

    fpu_check_sse(cpu);
    op->stub(&cpu->vec[i->dst], &cpu->vec[i->src], NULL, NULL, cpu);
}

static void op_native_load(X86Cpu *cpu, const Insn *i)
{
    const NativePlan *p = &((const NativeOp *)i->aux)->plan;
    uint8_t buf[64] __attribute__((aligned(64)));

    native_check(cpu, p);
    mem_read_bytes(cpu, native_linear(cpu, i, p, i->opsize, ACC_READ), buf, i->opsize);
    native_run(cpu, i, buf);
}

/* x87 pops and the like must not happen when the store faults: check the memory first. */
static void op_native_store(X86Cpu *cpu, const Insn *i)
{
    const NativePlan *p = &((const NativeOp *)i->aux)->plan;
    uint8_t buf[64] __attribute__((aligned(64)));

    native_check(cpu, p);
    uint64_t lin = native_linear(cpu, i, p, i->opsize, ACC_WRITE);

    mem_probe(cpu, lin, i->opsize, ACC_WRITE);
    if (p->cls == NATIVE_X87) {
        mem_read_bytes(cpu, lin, buf, i->opsize); /* an unmasked exception leaves memory as it was */
    }
    native_run(cpu, i, buf);
    mem_write_bytes(cpu, lin, buf, i->opsize);
}

/* x87: the same with the record of the last instruction (SDM vol. 1, 8.1.8). */
static void native_note_x87(X86Cpu *cpu, const Insn *i, bool mem)
{
    cpu->fip = insn_rip(cpu, i);
    cpu->fcs = cpu->seg[SEG_CS].sel;
    cpu->fop = i->src2 | (uint16_t)i->src << 8;
    if (mem) {
        cpu->fdp = insn_ea(cpu, i);
        cpu->fds = cpu->seg[i->seg].sel;
    }
}

static void op_native_x87(X86Cpu *cpu, const Insn *i)
{
    op_native(cpu, i);
    native_note_x87(cpu, i, false);
}

static void op_native_x87_load(X86Cpu *cpu, const Insn *i)
{
    op_native_load(cpu, i);
    native_note_x87(cpu, i, true);
}

static void op_native_x87_store(X86Cpu *cpu, const Insn *i)
{
    op_native_store(cpu, i);
    native_note_x87(cpu, i, true);
}

static InsnFn *native_pick(const NativePlan *p, const NativeOperand *mem)
{
    bool x87 = p->cls == NATIVE_X87;

    if (mem) {
        return mem->write ? (x87 ? op_native_x87_store : op_native_store) : x87 ? op_native_x87_load : op_native_load;
    }
    if (p->cls == NATIVE_SSE && !p->fx_state && !p->mxcsr && !p->flags_in && !p->flags_out && p->nops >= 2 &&
        p->op[0].kind == NK_VEC && p->op[1].kind == NK_VEC && (p->nops == 2 || p->op[2].kind == NK_FIXED)) {
        return op_native_vv;
    }
    return x87 ? op_native_x87 : op_native;
}

InsnFn *native_select(const Decoded *d, Insn *i)
{
    NativePlan plan;
    const NativeOperand *mem = NULL;
    uint8_t regs[NATIVE_MAX_OPS] = { 0 };

    if (!decode_native(i->bytes, i->len, d->mode, &plan)) {
        return NULL;
    }
    for (unsigned n = 0; n < plan.nops; n++) {
        regs[n] = plan.op[n].reg;
        if (plan.op[n].kind == NK_MEM) {
            mem = &plan.op[n];
        }
        plan.op[n].reg = 0;
    }
    i->aux = native_lookup(&plan);
    if (!i->aux) {
        return NULL;
    }
    i->dst = regs[0];
    i->src = regs[1];
    i->src2 = regs[2];
    i->pad[0] = regs[3];
    if (plan.cls == NATIVE_X87) {
        i->src = d->opcode & 7; /* FOP: low three bits of the opcode, ModRM */
        i->src2 = d->modrm;
    }
    if (mem) {
        i->opsize = mem->size;
    }
    return native_pick(&plan, mem);
}

uint32_t native_host_cpuid(uint32_t leaf, uint32_t subleaf, unsigned reg)
{
    uint32_t r[4] = { 0 };

    if (leaf > (uint32_t)__get_cpuid_max(leaf & 0x80000000, NULL)) {
        return 0;
    }
    __cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
    return r[reg & 3];
}

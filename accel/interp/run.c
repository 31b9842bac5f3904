/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter: runs decoded blocks, one C function an instruction.  Complete and portable; also what the translator is
 * compared with.  Each vCPU runs in its own thread without the big lock.
 */
#include "util/osdep.h"
#include "accel/accel.h"
#include "accel/interp/interp.h"
#include "target/i386/debugger.h"
#include "target/i386/decode.h"
#include "target/i386/exc.h"
#include "util/log.h"

/* The first @count instructions of a block; leaves regs[R_RIP] at what comes next. */
static inline void interp_execute(X86Cpu *cpu, const Block *b, unsigned count)
{
    const Insn *i = b->insns;

    cpu->insn_end = i + count;
    do {
        cpu->insn = i;
        i->fn(cpu, i);
    } while (++i != cpu->insn_end);
    cpu->insn = NULL;
    cpu->smc = false;
    i--;
    if (!(i->flags & INSN_BRANCH)) {
        cpu->regs[R_RIP] = insn_next_rip(cpu, i);
    }
}

static void interp_log(X86Cpu *cpu, const Block *b, uint64_t lin)
{
    if (log_on(LOG_EXEC)) {
        log_printf(LOG_EXEC, "cpu %u: %016" PRIx64 " %u instructions\n", cpu->vcpu.index, lin, b->count);
    }
    if (log_on(LOG_CPU)) {
        GString *s = g_string_new(NULL);

        target_ops.print_registers(&cpu->vcpu, s);
        log_printf(LOG_CPU, "%s", s->str);
        g_string_free(s, TRUE);
    }
}

/* Fetching beyond the code segment's limit is #GP(0); a block that only ends beyond runs instruction by instruction. */
static unsigned interp_limit(X86Cpu *cpu, const Block *b)
{
    uint64_t limit = cpu->seg[SEG_CS].limit, rip = cpu->regs[R_RIP];

    if (G_LIKELY((cpu->mode & MODE_CODE64) || rip + b->bytes - 1 <= limit)) {
        return b->count;
    }
    if (rip + b->insns[0].len - 1 > limit) {
        x86_raise_gp0(cpu);
    }
    return 1;
}

static inline uint64_t interp_linear(const X86Cpu *cpu)
{
    uint64_t lin = cpu->regs[R_RIP] + cpu->lin_base[SEG_CS];

    return cpu->mode & MODE_CODE64 ? lin : (uint32_t)lin;
}

static inline Block *interp_find(X86Cpu *cpu, BlockCache *c, uint64_t lin, unsigned *count, bool may_stop)
{
    Block *b = block_find(c, cpu, lin);

    if (G_UNLIKELY(b->stops) && may_stop) {
        debugger_before(cpu, lin);
    }
    *count = interp_limit(cpu, b);
    if (G_UNLIKELY(log_on(LOG_EXEC | LOG_CPU))) {
        interp_log(cpu, b, lin);
    }
    return b;
}

static inline Block *interp_next(X86Cpu *cpu, BlockCache *c, uint64_t lin, unsigned *count)
{
    return interp_find(cpu, c, lin, count, true);
}

/*
 * Runs the block at RIP and those that follow it within its page, as long as nothing asks for attention.  Blocks of one page
 * follow each other without a look at the TLB: only a chainable end comes before that, and such an end changes no mapping.
 */
void interp_chain(X86Cpu *cpu, BlockCache *c)
{
    uint64_t lin = interp_linear(cpu), next;
    unsigned count, flushes;
    Block *b = interp_next(cpu, c, lin, &count), *n;

    for (;;) {
        interp_execute(cpu, b, count);
        if (G_UNLIKELY(cpu->dbg_hits)) {
            x86_check_debug_trap(cpu);
            return;
        }
        next = interp_linear(cpu);
        if (!b->chainable || (lin ^ next) > 0xfff || atomic_load_explicit(&cpu->vcpu.events, memory_order_acquire) ||
            log_on(LOG_EXEC | LOG_CPU)) {
            return;
        }
        n = block_chained(b, next & 0xfff);
        if (n) {
            count = interp_limit(cpu, n);
        } else {
            flushes = c->flushes;
            n = interp_next(cpu, c, next, &count);
            if (flushes == c->flushes && n->gen == b->gen && !n->ram2 && !n->stops) {
                block_chain(b, n, next & 0xfff);
            }
        }
        b = n;
        lin = next;
    }
}

void interp_insn(X86Cpu *cpu, BlockCache *c)
{
    unsigned count;

    interp_execute(cpu, interp_next(cpu, c, interp_linear(cpu), &count), 1);
}

void interp_step(X86Cpu *cpu, BlockCache *c)
{
    unsigned count;

    debugger_before(cpu, interp_linear(cpu));
    cpu->int_shadow = false;
    if (cpu->dbg_slow) {
        x86_debug_before(cpu);
    }
    interp_execute(cpu, interp_find(cpu, c, interp_linear(cpu), &count, false), 1);
    if (cpu->dbg_slow || cpu->dbg_step || cpu->dbg_hits) {
        x86_check_debug_trap(cpu);
    }
}

static void loop_inside(X86Cpu *cpu, BlockCache *steps, const EngineOps *ops, void *opaque)
{
    for (;;) {
        if (G_UNLIKELY(atomic_load_explicit(&cpu->vcpu.events, memory_order_acquire))) {
            vcpu_intr_release(&cpu->vcpu);
            if (ops->code_written && (atomic_load(&cpu->vcpu.events) & VCPU_EV_CODE)) {
                ops->code_written(opaque);
            }
            bool took = x86_take_events(cpu);

            if (atomic_load(&cpu->vcpu.events) & VCPU_EV_EXIT) {
                return;
            }
            if (took) {
                debugger_after(cpu);
                continue; /* another may wait behind it: a start-up message behind an INIT that halts */
            }
        }
        if (G_UNLIKELY(atomic_load_explicit(&cpu->vcpu.halted, memory_order_relaxed))) {
            return;
        }
        if (G_UNLIKELY(cpu->int_shadow || cpu->dbg_slow)) {
            interp_step(cpu, steps);
            continue;
        }
        ops->blocks(cpu, opaque);
    }
}

void interp_loop(X86Cpu *cpu, BlockCache *steps, const EngineOps *ops, void *opaque)
{
    volatile bool again = true;

    cpu->jmp_valid = true;
    while (again) {
        if (sigsetjmp(cpu->exit_jmp, 0) == 0) {
            loop_inside(cpu, steps, ops, opaque);
            again = false;
        } else {
            cpu->insn = NULL;
            cpu->smc = false; /* a translator is told by VCPU_EV_CODE too */
            mmu_drop_bus_lock(cpu);
            if (cpu->exc_vector >= 0) {
                cpu->dbg_hits = 0; /* the instruction did not happen */
                x86_deliver_pending(cpu);
                debugger_after(cpu);
            }
        }
    }
    cpu->jmp_valid = false;
}

static void interp_blocks(X86Cpu *cpu, void *opaque)
{
    interp_chain(cpu, opaque);
}

static void interp_run(Vcpu *v)
{
    static const EngineOps ops = { .blocks = interp_blocks };

    interp_loop(x86_cpu(v), v->accel, &ops, v->accel);
}

static bool interp_probe(char **why)
{
    (void)why;
    return true;
}

static bool interp_init(struct KeyVal *options, Error **errp)
{
    (void)options, (void)errp;
    decode_init();
    return true;
}

static bool interp_vcpu_init(Vcpu *v, Error **errp)
{
    (void)errp;
    mmu_init(x86_cpu(v));
    v->accel = block_cache_new();
    return true;
}

static void interp_vcpu_destroy(Vcpu *v)
{
    block_cache_free(v->accel);
    v->accel = NULL;
    mmu_destroy(x86_cpu(v));
}

static void interp_debug_changed(Vcpu *v)
{
    block_cache_flush(v->accel); /* blocks end before breakpoints */
}

static const AccelClass interp_class = {
    .name = "interp",
    .desc = "Rhea's interpreter: complete, portable, slow",
    .probe = interp_probe,
    .init = interp_init,
    .vcpu_init = interp_vcpu_init,
    .vcpu_destroy = interp_vcpu_destroy,
    .vcpu_run = interp_run,
    .debug_changed = interp_debug_changed,
};
ACCEL_REGISTER(interp_class);

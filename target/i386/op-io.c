/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port I/O: IN, OUT, INS, OUTS with REP, the I/O privilege level and the TSS's permission bitmap (SDM vol. 1, chapter 18).
 * Called through Insn.fn in the vCPU's thread; x86_io_in() and x86_io_out() take the big lock.
 */
#include "util/osdep.h"
#include "target/i386/decode.h"
#include "target/i386/seg-int.h"

/* REP string I/O goes on this long before the run loop gets its turn. */
enum { IO_BURST = 4096 };

static void op_io_check_bitmap(X86Cpu *cpu, uint16_t port, unsigned size)
{
    const X86Seg *tr = &cpu->seg[SEG_TR];
    if (!(tr->attr & SEG_P) || !(tr->attr & 0x800) || tr->limit < 0x67) {
        x86_raise_gp0(cpu);
    }
    uint64_t base = tr->base;
    uint32_t at = (uint32_t)mem_load_sys(cpu, base + 0x66, 2) + port / 8;
    if (at + 1 > tr->limit) {
        x86_raise_gp0(cpu);
    }
    uint32_t map = (uint32_t)mem_load_sys(cpu, base + at, 2);
    if (map >> (port & 7) & ((1u << size) - 1)) {
        x86_raise_gp0(cpu);
    }
}

static void op_io_check(X86Cpu *cpu, uint16_t port, unsigned size)
{
    if ((cpu->cr0 & CR0_PE) && (cpu->cpl > x86_iopl(cpu) || (cpu->mode & MODE_VM86))) {
        op_io_check_bitmap(cpu, port, size);
    }
}

static unsigned op_io_size(const Insn *i)
{
    return MIN(i->opsize, 4);
}

static void op_in(X86Cpu *cpu, uint16_t port, unsigned size)
{
    op_io_check(cpu, port, size);
    uint64_t v = x86_io_in(cpu, port, size);
    reg_write(cpu, R_RAX * 8, v, size);
    debug_io(cpu, port, size);
}

static void op_out(X86Cpu *cpu, uint16_t port, unsigned size)
{
    op_io_check(cpu, port, size);
    x86_io_out(cpu, port, reg_read(cpu, R_RAX * 8, size), size);
    debug_io(cpu, port, size);
}

static void op_in_imm(X86Cpu *cpu, const Insn *i)
{
    op_in(cpu, (uint8_t)i->imm, op_io_size(i));
}

static void op_in_dx(X86Cpu *cpu, const Insn *i)
{
    op_in(cpu, (uint16_t)cpu->regs[R_RDX], op_io_size(i));
}

static void op_out_imm(X86Cpu *cpu, const Insn *i)
{
    op_out(cpu, (uint8_t)i->imm, op_io_size(i));
}

static void op_out_dx(X86Cpu *cpu, const Insn *i)
{
    op_out(cpu, (uint16_t)cpu->regs[R_RDX], op_io_size(i));
}

static InsnFn *select_in(const Decoded *d, Insn *i)
{
    i->opsize = d->opcode & 1 ? (uint8_t)MIN(i->opsize, 4) : 1;
    return d->opcode & 8 ? op_in_dx : op_in_imm;
}

static InsnFn *select_out(const Decoded *d, Insn *i)
{
    i->opsize = d->opcode & 1 ? (uint8_t)MIN(i->opsize, 4) : 1;
    return d->opcode & 8 ? op_out_dx : op_out_imm;
}

/* ---- strings ------------------------------------------------------------------------------------------------------ */

static void op_io_step(X86Cpu *cpu, const Insn *i, unsigned reg, unsigned size)
{
    uint64_t v = cpu->regs[reg] + (cpu->eflags & FL_DF ? (uint64_t)0 - size : size);
    reg_write(cpu, (uint8_t)(reg * 8), v, i->addrsize);
}

static void op_ins_once(X86Cpu *cpu, const Insn *i, uint16_t port, unsigned size)
{
    uint64_t off = reg_read(cpu, R_RDI * 8, i->addrsize);
    uint64_t lin = seg_linear(cpu, i, SEG_ES, off, size, ACC_WRITE);
    mem_probe(cpu, lin, size, ACC_WRITE); /* the port is read only when its value can be stored */
    mem_store(cpu, lin, x86_io_in(cpu, port, size), size);
    op_io_step(cpu, i, R_RDI, size);
}

static void op_outs_once(X86Cpu *cpu, const Insn *i, uint16_t port, unsigned size)
{
    uint64_t off = reg_read(cpu, R_RSI * 8, i->addrsize);
    uint64_t v = mem_load(cpu, seg_linear(cpu, i, i->seg, off, size, ACC_READ), size);
    x86_io_out(cpu, port, v, size);
    op_io_step(cpu, i, R_RSI, size);
}

static void op_io_string(X86Cpu *cpu, const Insn *i, void (*once)(X86Cpu *, const Insn *, uint16_t, unsigned))
{
    unsigned size = op_io_size(i);
    uint16_t port = (uint16_t)cpu->regs[R_RDX];
    op_io_check(cpu, port, size);
    if (!(i->flags & (INSN_REP | INSN_REPNE))) {
        once(cpu, i, port, size);
        debug_io(cpu, port, size);
        cpu->regs[R_RIP] = insn_next_rip(cpu, i);
        return;
    }
    uint64_t count = reg_read(cpu, R_RCX * 8, i->addrsize);
    for (unsigned n = 0; count && n < IO_BURST; n++) {
        once(cpu, i, port, size);
        count--;
        reg_write(cpu, R_RCX * 8, count, i->addrsize);
        debug_io(cpu, port, size);
        if (cpu->dbg_slow || cpu->dbg_hits || vcpu_event_waits(&cpu->vcpu)) {
            break;
        }
    }
    cpu->regs[R_RIP] = count ? insn_rip(cpu, i) : insn_next_rip(cpu, i);
}

static void op_ins(X86Cpu *cpu, const Insn *i)
{
    op_io_string(cpu, i, op_ins_once);
}

static void op_outs(X86Cpu *cpu, const Insn *i)
{
    op_io_string(cpu, i, op_outs_once);
}

const OpRow ops_io[] = {
    { "in", NULL, select_in, INSN_END },
    { "out", NULL, select_out, INSN_END },
    { "insb", op_ins, NULL, INSN_BRANCH },
    { "insw", op_ins, NULL, INSN_BRANCH },
    { "insd", op_ins, NULL, INSN_BRANCH },
    { "outsb", op_outs, NULL, INSN_BRANCH },
    { "outsw", op_outs, NULL, INSN_BRANCH },
    { "outsd", op_outs, NULL, INSN_BRANCH },
    { NULL, NULL, NULL, 0 },
};

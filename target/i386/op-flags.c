/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flag instructions that privilege governs: CLI, STI (IOPL, VME, PVI), PUSHF, POPF, CLAC, STAC (SDM vol. 2; vol. 3, 20.3, 20.4).
 * CLC, CLD, LAHF and kin are with the integer instructions.  Called through Insn.fn in the vCPU's thread.
 */
#include "util/osdep.h"
#include "target/i386/decode.h"
#include "target/i386/seg-int.h"

/* Does VIF stand in for IF here? (virtual-8086 mode with VME, or ring 3 with PVI, at IOPL < 3) */
static bool op_virtual_if(const X86Cpu *cpu)
{
    if (!(cpu->cr0 & CR0_PE) || cpu->cpl <= x86_iopl(cpu)) {
        return false;
    }
    return cpu->mode & MODE_VM86 ? cpu->cr4 & CR4_VME : cpu->cpl == 3 && (cpu->cr4 & CR4_PVI);
}

static void op_cli(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    if (!(cpu->cr0 & CR0_PE) || cpu->cpl <= x86_iopl(cpu)) {
        cpu->eflags &= ~(uint32_t)FL_IF;
    } else if (op_virtual_if(cpu)) {
        cpu->eflags &= ~(uint32_t)FL_VIF;
    } else {
        x86_raise_gp0(cpu);
    }
}

static void op_sti(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    if (!(cpu->cr0 & CR0_PE) || cpu->cpl <= x86_iopl(cpu)) {
        if (!(cpu->eflags & FL_IF)) {
            cpu->int_shadow = true;
        }
        cpu->eflags |= FL_IF;
    } else if (op_virtual_if(cpu) && !(cpu->eflags & FL_VIP)) {
        cpu->eflags |= FL_VIF;
    } else {
        x86_raise_gp0(cpu);
    }
}

static void op_pushf(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = x86_get_rflags(cpu) & ~(uint64_t)(FL_VM | FL_RF);
    if ((cpu->mode & MODE_VM86) && x86_iopl(cpu) < 3) {
        if (!(cpu->cr4 & CR4_VME) || i->opsize != 2) {
            x86_raise_gp0(cpu);
        }
        v = (v & ~(uint64_t)FL_IF) | FL_IOPL | (v & FL_VIF ? (uint64_t)FL_IF : 0);
    }
    FarStack s = far_stack_current(cpu);
    far_push(&s, v, i->opsize);
    far_stack_commit(&s);
}

static void op_popf(X86Cpu *cpu, const Insn *i)
{
    uint64_t mask = FL_ARITH | FL_TF | FL_DF | FL_NT | (i->opsize == 2 ? 0 : FL_AC | FL_ID);
    bool vme = (cpu->mode & MODE_VM86) && x86_iopl(cpu) < 3;
    if (vme && (!(cpu->cr4 & CR4_VME) || i->opsize != 2)) {
        x86_raise_gp0(cpu);
    }
    FarStack s = far_stack_current(cpu);
    uint64_t v = far_pop(&s, i->opsize);
    if (vme) {
        if ((v & FL_TF) || ((v & FL_IF) && (cpu->eflags & FL_VIP))) {
            x86_raise_gp0(cpu);
        }
        v = (v & ~(uint64_t)FL_VIF) | (v & FL_IF ? (uint64_t)FL_VIF : 0);
        mask |= FL_VIF;
    } else {
        if (cpu->cpl <= x86_iopl(cpu)) {
            mask |= FL_IF;
        }
        if (cpu->cpl == 0) {
            mask |= FL_IOPL;
        }
        if (i->opsize != 2) {
            mask |= FL_RF; /* cleared, whatever the image says */
            v &= ~(uint64_t)FL_RF;
        }
    }
    far_stack_commit(&s);
    x86_set_rflags(cpu, v, mask);
}

static void op_set_ac(X86Cpu *cpu, bool on)
{
    if (cpu->cpl) {
        x86_raise(cpu, EXC_UD);
    }
    x86_set_rflags(cpu, on ? (uint64_t)FL_AC : 0, FL_AC);
}

static void op_clac(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    op_set_ac(cpu, false);
}

static void op_stac(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    op_set_ac(cpu, true);
}

const OpRow ops_flags[] = {
    { "cli", op_cli, NULL, 0 },
    { "sti", op_sti, NULL, INSN_END | INSN_SHADOW },
    { "pushf", op_pushf, NULL, 0 },
    { "pushfd", op_pushf, NULL, 0 },
    { "pushfq", op_pushf, NULL, 0 },
    { "popf", op_popf, NULL, INSN_END },
    { "popfd", op_popf, NULL, INSN_END },
    { "popfq", op_popf, NULL, INSN_END },
    { "clac", op_clac, NULL, INSN_END },
    { "stac", op_stac, NULL, INSN_END },
    { NULL, NULL, NULL, 0 },
};

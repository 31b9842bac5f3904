/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions of far control transfer and of segment registers: JMP, CALL, RET far, IRET, INT n, SYSCALL, SYSENTER and kin;
 * MOV, PUSH, POP of segment registers, LDS and kin (SDM vol. 2; AMD APM vol. 3).  Called through Insn.fn in the vCPU's thread.
 */
#include "util/osdep.h"
#include "target/i386/cpuid.h"
#include "target/i386/decode.h"
#include "target/i386/flags.h"
#include "target/i386/seg-int.h"

/* ---- jumps, calls, returns ------------------------------------------------------------------------------------ */

static void op_jmp_far_imm(X86Cpu *cpu, const Insn *i)
{
    x86_far_jmp(cpu, (uint16_t)(i->imm >> 32), (uint32_t)i->imm, i->opsize, insn_next_rip(cpu, i));
}

static void op_call_far_imm(X86Cpu *cpu, const Insn *i)
{
    x86_far_call(cpu, (uint16_t)(i->imm >> 32), (uint32_t)i->imm, i->opsize, insn_next_rip(cpu, i));
}

/* The far pointer in memory: offset, then selector. */
static uint16_t op_far_pointer(X86Cpu *cpu, const Insn *i, uint64_t *off)
{
    uint64_t lin = insn_linear(cpu, i, i->opsize + 2u, ACC_READ);
    *off = mem_load(cpu, lin, i->opsize);
    return (uint16_t)mem_load(cpu, lin + i->opsize, 2);
}

static void op_jmp_far_mem(X86Cpu *cpu, const Insn *i)
{
    uint64_t off;
    uint16_t sel = op_far_pointer(cpu, i, &off);
    x86_far_jmp(cpu, sel, off, i->opsize, insn_next_rip(cpu, i));
}

static void op_call_far_mem(X86Cpu *cpu, const Insn *i)
{
    uint64_t off;
    uint16_t sel = op_far_pointer(cpu, i, &off);
    x86_far_call(cpu, sel, off, i->opsize, insn_next_rip(cpu, i));
}

static void op_ret_far(X86Cpu *cpu, const Insn *i)
{
    x86_far_ret(cpu, i->opsize, i->bytes[i->len - 1] == 0xcb ? 0 : (uint16_t)i->imm);
}

static InsnFn *select_jmp(const Decoded *d, Insn *i)
{
    (void)i;
    if (d->map == 0 && d->opcode == 0xea) {
        return op_jmp_far_imm;
    }
    return d->map == 0 && d->opcode == 0xff && ((d->modrm >> 3) & 7) == 5 ? op_jmp_far_mem : NULL;
}

static InsnFn *select_call(const Decoded *d, Insn *i)
{
    (void)i;
    if (d->map == 0 && d->opcode == 0x9a) {
        return op_call_far_imm;
    }
    return d->map == 0 && d->opcode == 0xff && ((d->modrm >> 3) & 7) == 3 ? op_call_far_mem : NULL;
}

static InsnFn *select_ret(const Decoded *d, Insn *i)
{
    if (d->opcode == 0xcb) {
        i->imm = 0;
        return op_ret_far;
    }
    return d->opcode == 0xca ? op_ret_far : NULL;
}

static void op_iret(X86Cpu *cpu, const Insn *i)
{
    x86_iret(cpu, i->opsize, insn_next_rip(cpu, i));
}

/* ---- software interrupts ---------------------------------------------------------------------------------------- */

static void op_int(X86Cpu *cpu, const Insn *i)
{
    x86_interrupt(cpu, i->imm & 0xff, true, false, insn_next_rip(cpu, i));
}

static void op_int3(X86Cpu *cpu, const Insn *i)
{
    x86_interrupt(cpu, EXC_BP, true, true, insn_next_rip(cpu, i));
}

static void op_into(X86Cpu *cpu, const Insn *i)
{
    if (flags_compute(cpu) & FL_OF) {
        x86_interrupt(cpu, EXC_OF, true, true, insn_next_rip(cpu, i));
    } else {
        cpu->regs[R_RIP] = insn_next_rip(cpu, i);
    }
}

static void op_int1(X86Cpu *cpu, const Insn *i)
{
    uint64_t next = insn_next_rip(cpu, i);
    cpu->regs[R_RIP] = next;
    x86_interrupt(cpu, EXC_DB, false, false, next);
}

/* ---- fast system calls -------------------------------------------------------------------------------------------- */

static void op_set_flat(X86Cpu *cpu, unsigned seg, uint16_t sel, unsigned dpl, uint32_t extra)
{
    cpu->seg[seg] = (X86Seg) { .sel = sel, .base = 0, .limit = 0xffffffff,
                               .attr = SEG_P | SEG_S | SEG_W | SEG_A | SEG_G | dpl << SEG_DPL_SHIFT | extra };
}

static void op_syscall(X86Cpu *cpu, const Insn *i)
{
    if (!(cpu->efer & EFER_SCE) || (!x86_long_mode(cpu) && !x86_protected(cpu)) ||
        (!x86_code64(cpu) && cpu->model->vendor == VENDOR_INTEL)) {
        x86_raise(cpu, EXC_UD);
    }
    uint64_t next = insn_next_rip(cpu, i), target;
    uint16_t sel = (uint16_t)((cpu->star >> 32) & 0xfffc);
    if (x86_long_mode(cpu)) {
        bool from64 = x86_code64(cpu);
        target = from64 ? cpu->lstar : cpu->cstar;
        uint64_t flags = x86_get_rflags(cpu);
        cpu->regs[R_RCX] = next;
        cpu->regs[R_R11] = flags & ~(uint64_t)FL_RF;
        op_set_flat(cpu, SEG_CS, sel, 0, SEG_CODE | SEG_L);
        op_set_flat(cpu, SEG_SS, sel + 8, 0, SEG_DB);
        cpu->cpl = 0;
        x86_set_rflags(cpu, flags & ~cpu->sfmask, ~(uint64_t)FL_VM);
        cpu->eflags &= ~(uint32_t)FL_RF;
    } else {
        target = (uint32_t)cpu->star;
        cpu->regs[R_RCX] = (uint32_t)next;
        op_set_flat(cpu, SEG_CS, sel, 0, SEG_CODE | SEG_DB);
        op_set_flat(cpu, SEG_SS, sel + 8, 0, SEG_DB);
        cpu->cpl = 0;
        cpu->eflags &= ~(uint32_t)(FL_VM | FL_IF | FL_RF);
    }
    cpu->regs[R_RIP] = target;
    x86_update_mode(cpu);
}

static void op_sysret(X86Cpu *cpu, const Insn *i)
{
    if (!(cpu->efer & EFER_SCE) || !x86_protected(cpu) || (!x86_code64(cpu) && cpu->model->vendor == VENDOR_INTEL)) {
        x86_raise(cpu, EXC_UD);
    }
    bool wide = i->imm; /* REX.W, see select_sysret */
    uint64_t rcx = cpu->regs[R_RCX];
    if (cpu->cpl || (wide && !x86_canonical(rcx))) {
        x86_raise_gp0(cpu);
    }
    uint16_t sel = (uint16_t)(cpu->star >> 48);
    if (x86_long_mode(cpu)) {
        op_set_flat(cpu, SEG_CS, (uint16_t)((wide ? sel + 16 : sel) | 3), 3, SEG_CODE | (wide ? SEG_L : SEG_DB));
        uint64_t mask = FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_AC | FL_VIF | FL_VIP | FL_ID;
        x86_set_rflags(cpu, cpu->regs[R_R11], mask);
    } else {
        op_set_flat(cpu, SEG_CS, sel | 3, 3, SEG_CODE | SEG_DB);
        cpu->eflags |= FL_IF;
    }
    op_set_flat(cpu, SEG_SS, (uint16_t)((sel + 8) | 3), 3, SEG_DB);
    cpu->cpl = 3;
    cpu->regs[R_RIP] = wide ? rcx : (uint32_t)rcx;
    x86_update_mode(cpu);
}

static void op_sysenter(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    if (!(cpu->cr0 & CR0_PE) || !(cpu->sysenter_cs & 0xfffc)) {
        x86_raise_gp0(cpu);
    }
    if (x86_long_mode(cpu) && !x86_code64(cpu) && cpu->model->vendor == VENDOR_AMD) {
        x86_raise(cpu, EXC_UD);
    }
    bool lma = x86_long_mode(cpu);
    uint16_t sel = (uint16_t)(cpu->sysenter_cs & 0xfffc);
    cpu->eflags &= ~(uint32_t)(FL_VM | FL_IF | FL_RF);
    op_set_flat(cpu, SEG_CS, sel, 0, SEG_CODE | (lma ? SEG_L : SEG_DB));
    op_set_flat(cpu, SEG_SS, sel + 8, 0, SEG_DB);
    cpu->cpl = 0;
    cpu->regs[R_RSP] = lma ? cpu->sysenter_esp : (uint32_t)cpu->sysenter_esp;
    cpu->regs[R_RIP] = lma ? cpu->sysenter_eip : (uint32_t)cpu->sysenter_eip;
    x86_update_mode(cpu);
}

static void op_sysexit(X86Cpu *cpu, const Insn *i)
{
    bool wide = i->imm;
    uint64_t rcx = cpu->regs[R_RCX], rdx = cpu->regs[R_RDX];
    if (!x86_protected(cpu) || cpu->cpl || !(cpu->sysenter_cs & 0xfffc) ||
        (wide && (!x86_canonical(rcx) || !x86_canonical(rdx)))) {
        x86_raise_gp0(cpu);
    }
    uint16_t sel = (uint16_t)(cpu->sysenter_cs & 0xfffc);
    op_set_flat(cpu, SEG_CS, (uint16_t)((sel + (wide ? 32 : 16)) | 3), 3, SEG_CODE | (wide ? SEG_L : SEG_DB));
    op_set_flat(cpu, SEG_SS, (uint16_t)((sel + (wide ? 40 : 24)) | 3), 3, SEG_DB);
    cpu->cpl = 3;
    cpu->regs[R_RSP] = wide ? rcx : (uint32_t)rcx;
    cpu->regs[R_RIP] = wide ? rdx : (uint32_t)rdx;
    x86_update_mode(cpu);
}

/* SYSRET and SYSEXIT return to 64-bit code with REX.W. */
static InsnFn *select_sysret(const Decoded *d, Insn *i)
{
    i->imm = d->rex_w;
    return op_sysret;
}

static InsnFn *select_sysexit(const Decoded *d, Insn *i)
{
    i->imm = d->rex_w;
    return op_sysexit;
}

/* ---- segment registers ------------------------------------------------------------------------------------------ */

/* After a load that may have changed the mode: the block ends behind it. */
static void op_load_seg(X86Cpu *cpu, unsigned seg, uint16_t sel)
{
    x86_load_seg(cpu, seg, sel);
    if (seg == SEG_SS) {
        cpu->int_shadow = true;
    }
}

static void op_mov_seg_reg(X86Cpu *cpu, const Insn *i)
{
    op_load_seg(cpu, i->dst, (uint16_t)reg_read(cpu, i->src, 2));
}

static void op_mov_seg_mem(X86Cpu *cpu, const Insn *i)
{
    op_load_seg(cpu, i->dst, (uint16_t)mem_load(cpu, insn_linear(cpu, i, 2, ACC_READ), 2));
}

static void op_mov_reg_seg(X86Cpu *cpu, const Insn *i)
{
    reg_write(cpu, i->dst, cpu->seg[i->src].sel, i->opsize);
}

static void op_mov_mem_seg(X86Cpu *cpu, const Insn *i)
{
    mem_store(cpu, insn_linear(cpu, i, 2, ACC_WRITE), cpu->seg[i->src].sel, 2);
}

static InsnFn *select_mov(const Decoded *d, Insn *i)
{
    if (d->op[0].kind == OPND_SEG) {
        if (i->dst == SEG_CS || i->dst > SEG_GS) {
            return op_ud;
        }
        i->flags |= i->dst == SEG_SS ? INSN_SHADOW | INSN_END : INSN_END;
        return d->op[1].kind == OPND_MEM ? op_mov_seg_mem : op_mov_seg_reg;
    }
    if (d->op[1].kind == OPND_SEG) {
        return d->op[0].kind == OPND_MEM ? op_mov_mem_seg : op_mov_reg_seg;
    }
    return NULL;
}

static void op_push_seg(X86Cpu *cpu, const Insn *i)
{
    uint64_t mask = x86_code64(cpu) ? UINT64_MAX : cpu->mode & MODE_SS32 ? 0xffffffff : 0xffff;
    uint64_t sp = (cpu->regs[R_RSP] - i->opsize) & mask;
    /* Zero-extended, as AMD's CPUs and Intel's older ones do; Intel's newer ones leave the upper half of 32 bits as it was. */
    mem_store(cpu, seg_linear(cpu, i, SEG_SS, sp, i->opsize, ACC_WRITE), cpu->seg[i->dst].sel, i->opsize);
    cpu->regs[R_RSP] = mask == 0xffff ? (cpu->regs[R_RSP] & ~mask) | sp : sp;
}

static void op_pop_seg(X86Cpu *cpu, const Insn *i)
{
    uint64_t mask = x86_code64(cpu) ? UINT64_MAX : cpu->mode & MODE_SS32 ? 0xffffffff : 0xffff;
    uint64_t sp = cpu->regs[R_RSP] & mask;
    uint16_t sel = (uint16_t)mem_load(cpu, seg_linear(cpu, i, SEG_SS, sp, i->opsize, ACC_READ), 2);
    op_load_seg(cpu, i->dst, sel);
    sp = (sp + i->opsize) & mask; /* by the old stack segment's size */
    cpu->regs[R_RSP] = mask == 0xffff ? (cpu->regs[R_RSP] & ~mask) | sp : sp;
}

static InsnFn *select_push(const Decoded *d, Insn *i)
{
    (void)i;
    return d->op[0].kind == OPND_SEG ? op_push_seg : NULL;
}

static InsnFn *select_pop(const Decoded *d, Insn *i)
{
    if (d->op[0].kind != OPND_SEG) {
        return NULL;
    }
    i->flags |= i->dst == SEG_SS ? INSN_SHADOW | INSN_END : INSN_END;
    return op_pop_seg;
}

static void op_load_far(X86Cpu *cpu, const Insn *i, unsigned seg)
{
    uint64_t off;
    uint16_t sel = op_far_pointer(cpu, i, &off);
    x86_load_seg(cpu, seg, sel);
    reg_write(cpu, i->dst, off, i->opsize);
}

static void op_lds(X86Cpu *cpu, const Insn *i)
{
    op_load_far(cpu, i, SEG_DS);
}

static void op_les(X86Cpu *cpu, const Insn *i)
{
    op_load_far(cpu, i, SEG_ES);
}

static void op_lss(X86Cpu *cpu, const Insn *i)
{
    op_load_far(cpu, i, SEG_SS);
}

static void op_lfs(X86Cpu *cpu, const Insn *i)
{
    op_load_far(cpu, i, SEG_FS);
}

static void op_lgs(X86Cpu *cpu, const Insn *i)
{
    op_load_far(cpu, i, SEG_GS);
}

const OpRow ops_far[] = {
    { "jmp", NULL, select_jmp, INSN_BRANCH },
    { "call", NULL, select_call, INSN_BRANCH },
    { "ret", NULL, select_ret, INSN_BRANCH },
    { "iret", op_iret, NULL, INSN_BRANCH },
    { "iretd", op_iret, NULL, INSN_BRANCH },
    { "iretq", op_iret, NULL, INSN_BRANCH },
    { "int", op_int, NULL, INSN_BRANCH },
    { "int3", op_int3, NULL, INSN_BRANCH },
    { "into", op_into, NULL, INSN_BRANCH },
    { "int1", op_int1, NULL, INSN_BRANCH },
    { "syscall", op_syscall, NULL, INSN_BRANCH },
    { "sysret", NULL, select_sysret, INSN_BRANCH },
    { "sysenter", op_sysenter, NULL, INSN_BRANCH },
    { "sysexit", NULL, select_sysexit, INSN_BRANCH },
    { "mov", NULL, select_mov, 0 },
    { "push", NULL, select_push, 0 },
    { "pop", NULL, select_pop, 0 },
    { "lds", op_lds, NULL, INSN_END },
    { "les", op_les, NULL, INSN_END },
    { "lss", op_lss, NULL, INSN_END },
    { "lfs", op_lfs, NULL, INSN_END },
    { "lgs", op_lgs, NULL, INSN_END },
    { NULL, NULL, NULL, 0 },
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 control instructions (SDM vol. 1, chapter 8; vol. 2).  Arithmetic, loads and stores run natively (native.c);
 * here is what must not wait for, or changes, pending exceptions, and the environment's memory formats.
 */
#include "util/osdep.h"
#include "target/i386/decode.h"
#include "target/i386/fpu.h"
#include "target/i386/mem.h"
#include "target/i386/native.h"

static void op_fwait(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    if ((cpu->cr0 & CR0_MP) && (cpu->cr0 & CR0_TS)) {
        x86_raise(cpu, EXC_NM);
    }
    if (cpu->x87.fsw & FSW_ES) {
        fpu_error(cpu);
    }
}

static void op_fninit(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    fpu_check_x87(cpu, false);
    fpu_init(cpu);
}

static void op_fnclex(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    fpu_check_x87(cpu, false);
    fpu_clear_exceptions(cpu);
}

static void op_fnop_8087(X86Cpu *cpu, const Insn *i) /* FENI, FDISI, FSETPM: ignored since the 387 */
{
    (void)i;
    fpu_check_x87(cpu, false);
}

static void op_fnstsw_ax(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    fpu_check_x87(cpu, false);
    reg_write(cpu, R_RAX * 8, cpu->x87.fsw, 2);
}

static void op_fnstsw_mem(X86Cpu *cpu, const Insn *i)
{
    fpu_check_x87(cpu, false);
    mem_store(cpu, insn_linear(cpu, i, 2, ACC_WRITE), cpu->x87.fsw, 2);
}

static InsnFn *select_fnstsw(const Decoded *d, Insn *i)
{
    (void)i;
    return d->op[0].kind == OPND_MEM ? op_fnstsw_mem : op_fnstsw_ax;
}

static void op_fnstcw(X86Cpu *cpu, const Insn *i)
{
    fpu_check_x87(cpu, false);
    mem_store(cpu, insn_linear(cpu, i, 2, ACC_WRITE), cpu->x87.fcw, 2);
}

static void op_fldcw(X86Cpu *cpu, const Insn *i)
{
    fpu_check_x87(cpu, true);
    cpu->x87.fcw = (uint16_t)((mem_load(cpu, insn_linear(cpu, i, 2, ACC_READ), 2) & 0x1f7f) | 0x40);
    fpu_update_es(cpu);
}

/* --- the environment: 14 bytes with 16-bit operand size, else 28; real-address formats fold linear addresses --- */

static unsigned env_build(X86Cpu *cpu, bool wide, uint8_t *p)
{
    bool prot = x86_protected(cpu);
    uint32_t ip = (uint32_t)cpu->fip, dp = (uint32_t)cpu->fdp;
    uint16_t words[3] = { cpu->x87.fcw, cpu->x87.fsw, fpu_full_tags(cpu) };

    if (!prot) {
        ip += (uint32_t)cpu->fcs << 4;
        dp += (uint32_t)cpu->fds << 4;
    }
    if (!wide) {
        for (unsigned k = 0; k < 3; k++) {
            st_le16(p + k * 2, words[k]);
        }
        st_le16(p + 6, (uint16_t)ip);
        st_le16(p + 8, prot ? cpu->fcs : (uint16_t)((ip >> 16 & 0xf) << 12 | (cpu->fop & 0x7ff)));
        st_le16(p + 10, (uint16_t)dp);
        st_le16(p + 12, prot ? cpu->fds : (uint16_t)((dp >> 16 & 0xf) << 12));
        return 14;
    }
    for (unsigned k = 0; k < 3; k++) {
        st_le32(p + k * 4, 0xffff0000u | words[k]);
    }
    if (prot) {
        st_le32(p + 12, ip);
        st_le32(p + 16, (uint32_t)(cpu->fop & 0x7ff) << 16 | cpu->fcs);
        st_le32(p + 20, dp);
        st_le32(p + 24, 0xffff0000u | cpu->fds);
    } else {
        st_le32(p + 12, 0xffff0000u | (uint16_t)ip);
        st_le32(p + 16, (ip >> 16) << 12 | (cpu->fop & 0x7ff));
        st_le32(p + 20, 0xffff0000u | (uint16_t)dp);
        st_le32(p + 24, (dp >> 16) << 12);
    }
    return 28;
}

static void env_set_tags(X86Cpu *cpu, uint16_t tags)
{
    cpu->x87.ftw = 0;
    for (unsigned k = 0; k < 8; k++) {
        if ((tags >> (k * 2) & 3) != 3) {
            cpu->x87.ftw |= (uint8_t)(1u << k);
        }
    }
}

static void env_parse(X86Cpu *cpu, bool wide, const uint8_t *p)
{
    bool prot = x86_protected(cpu);
    unsigned step = wide ? 4 : 2;

    cpu->x87.fcw = (uint16_t)((ld_le16(p) & 0x1f7f) | 0x40);
    fpu_set_fsw(cpu, ld_le16(p + step));
    env_set_tags(cpu, ld_le16(p + 2 * step));
    if (!wide) {
        cpu->fip = ld_le16(p + 6);
        cpu->fdp = ld_le16(p + 10);
        cpu->fcs = prot ? ld_le16(p + 8) : 0;
        cpu->fds = prot ? ld_le16(p + 12) : 0;
        if (!prot) {
            cpu->fip |= (uint64_t)(ld_le16(p + 8) >> 12) << 16;
            cpu->fdp |= (uint64_t)(ld_le16(p + 12) >> 12) << 16;
            cpu->fop = ld_le16(p + 8) & 0x7ff;
        }
    } else if (prot) {
        cpu->fip = ld_le32(p + 12);
        cpu->fcs = ld_le16(p + 16);
        cpu->fop = ld_le16(p + 18) & 0x7ff;
        cpu->fdp = ld_le32(p + 20);
        cpu->fds = ld_le16(p + 24);
    } else {
        cpu->fip = ld_le16(p + 12) | (uint64_t)(ld_le32(p + 16) >> 12 & 0xffff) << 16;
        cpu->fop = ld_le16(p + 16) & 0x7ff;
        cpu->fdp = ld_le16(p + 20) | (uint64_t)(ld_le32(p + 24) >> 12 & 0xffff) << 16;
        cpu->fcs = cpu->fds = 0;
    }
    fpu_update_es(cpu);
}

/* An environment: fields of the operand size. */
static uint64_t env_linear(X86Cpu *cpu, const Insn *i, unsigned len, MemAccess acc)
{
    uint64_t lin = insn_linear(cpu, i, len, acc);

    mem_check_align(cpu, lin, i->opsize != 2 ? 4 : 2);
    return lin;
}

static void op_fnstenv(X86Cpu *cpu, const Insn *i)
{
    uint8_t buf[28];

    fpu_check_x87(cpu, false);
    unsigned len = env_build(cpu, i->opsize != 2, buf);

    mem_write_bytes(cpu, env_linear(cpu, i, len, ACC_WRITE), buf, len);
    cpu->x87.fcw |= 0x3f;
    fpu_update_es(cpu);
}

static void op_fldenv(X86Cpu *cpu, const Insn *i)
{
    uint8_t buf[28];
    unsigned len = i->opsize != 2 ? 28 : 14;

    fpu_check_x87(cpu, true);
    mem_read_bytes(cpu, env_linear(cpu, i, len, ACC_READ), buf, len);
    env_parse(cpu, i->opsize != 2, buf);
}

static void op_fnsave(X86Cpu *cpu, const Insn *i)
{
    uint8_t buf[108];

    fpu_check_x87(cpu, false);
    unsigned len = env_build(cpu, i->opsize != 2, buf);

    for (unsigned k = 0; k < 8; k++) {
        memcpy(buf + len + k * 10, cpu->x87.st[k], 10);
    }
    len += 80;
    mem_write_bytes(cpu, env_linear(cpu, i, len, ACC_WRITE), buf, len);
    fpu_init(cpu);
}

static void op_frstor(X86Cpu *cpu, const Insn *i)
{
    uint8_t buf[108];
    unsigned env = i->opsize != 2 ? 28 : 14;

    fpu_check_x87(cpu, true);
    mem_read_bytes(cpu, env_linear(cpu, i, env + 80, ACC_READ), buf, env + 80);
    env_parse(cpu, i->opsize != 2, buf);
    for (unsigned k = 0; k < 8; k++) {
        memcpy(cpu->x87.st[k], buf + env + k * 10, 10);
    }
}

/* The decoder's opsize is the operand's size; what counts here is the operand-size attribute. */
static InsnFn *select_env(const Decoded *d, Insn *i)
{
    static const struct {
        const char *name;
        InsnFn *fn;
    } fns[] = { { "fnstenv", op_fnstenv }, { "fldenv", op_fldenv }, { "fnsave", op_fnsave }, { "frstor", op_frstor } };

    i->opsize = d->opsize == 2 ? 2 : 4;
    for (unsigned k = 0; k < G_N_ELEMENTS(fns); k++) {
        if (!strcmp(d->mnemonic, fns[k].name)) {
            return fns[k].fn;
        }
    }
    return NULL;
}

const OpRow ops_x87[] = {
    { .mnemonic = "fwait", .fn = op_fwait },
    { .mnemonic = "fninit", .fn = op_fninit },
    { .mnemonic = "fnclex", .fn = op_fnclex },
    { .mnemonic = "feni8087_nop", .fn = op_fnop_8087 },
    { .mnemonic = "fdisi8087_nop", .fn = op_fnop_8087 },
    { .mnemonic = "fsetpm287_nop", .fn = op_fnop_8087 },
    { .mnemonic = "fnstsw", .select = select_fnstsw },
    { .mnemonic = "fnstcw", .fn = op_fnstcw },
    { .mnemonic = "fldcw", .fn = op_fldcw },
    { .mnemonic = "fnstenv", .select = select_env },
    { .mnemonic = "fldenv", .select = select_env },
    { .mnemonic = "fnsave", .select = select_env },
    { .mnemonic = "frstor", .select = select_env },
    { .mnemonic = NULL },
};

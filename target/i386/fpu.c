/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What floating-point and vector instructions check, and the x87 state's views.  See fpu.h.  vCPU thread. */
#include "util/osdep.h"
#include "target/i386/fpu.h"
#include "target/i386/cpuid.h"
#include "target/i386/mem.h"

uint32_t fpu_mxcsr_mask(const X86Cpu *cpu)
{
    return 0xffff | (x86_has_feature(cpu, CPUID_MISALIGNSSE) ? MXCSR_MM : 0);
}

/*
 * While CR0.NE is 0 the instruction waits, with FERR# active, until an interrupt comes, or goes on where IGNNE# is held (SDM vol. 1,
 * 8.7; APM vol. 2, 8.2.17).  Only the first processor's pins are connected.
 */
void fpu_error(X86Cpu *cpu)
{
    if (cpu->cr0 & CR0_NE) {
        x86_raise(cpu, EXC_MF);
    }
    if (cpu->vcpu.index == 0) {
        if (vcpus_ignne()) {
            return;
        }
        x86_io_lock(cpu);
        cpu->ferr = true;
        vcpus_set_ferr(true);
        x86_io_unlock(cpu);
    }
    x86_wait_before_insn(cpu);
}

/* FSW.ES may be clear now. */
static void fpu_error_gone(X86Cpu *cpu)
{
    if (G_UNLIKELY(cpu->ferr) && !(cpu->x87.fsw & FSW_ES)) {
        x86_io_lock(cpu);
        cpu->ferr = false;
        vcpus_set_ferr(false);
        x86_io_unlock(cpu);
    }
}

void fpu_check_x87(X86Cpu *cpu, bool waits)
{
    if (cpu->cr0 & (CR0_EM | CR0_TS)) {
        x86_raise(cpu, EXC_NM);
    }
    if (waits && (cpu->x87.fsw & FSW_ES)) {
        fpu_error(cpu);
    }
}

void fpu_check_mmx(X86Cpu *cpu)
{
    if (cpu->cr0 & CR0_EM) {
        x86_raise(cpu, EXC_UD);
    }
    fpu_check_x87(cpu, true);
}

void fpu_check_sse(X86Cpu *cpu)
{
    if (G_UNLIKELY(!cpu->fpu_ok || !(cpu->cr4 & CR4_OSFXSR))) {
        if ((cpu->cr0 & CR0_EM) || !(cpu->cr4 & CR4_OSFXSR)) {
            x86_raise(cpu, EXC_UD);
        }
        x86_raise(cpu, EXC_NM);
    }
}

void fpu_check_avx(X86Cpu *cpu)
{
    if (!(cpu->cr4 & CR4_OSXSAVE) || (cpu->xcr0 & 6) != 6 || !x86_protected(cpu)) {
        x86_raise(cpu, EXC_UD);
    }
    if (cpu->cr0 & CR0_TS) {
        x86_raise(cpu, EXC_NM);
    }
}

void fpu_set_fsw(X86Cpu *cpu, uint16_t fsw)
{
    unsigned turn = (fpu_top(cpu) - (fsw >> 11)) & 7;
    uint8_t st[8][16];

    for (unsigned k = 0; turn && k < 8; k++) {
        memcpy(st[(k + turn) & 7], cpu->x87.st[k], 16);
    }
    memcpy(cpu->x87.st, st, turn ? sizeof(st) : 0);
    cpu->x87.fsw = fsw;
}

void fpu_init(X86Cpu *cpu)
{
    cpu->x87.fcw = 0x37f;
    fpu_set_fsw(cpu, 0);
    cpu->x87.ftw = 0;
    cpu->fip = cpu->fdp = 0;
    cpu->fop = cpu->fcs = cpu->fds = 0;
    fpu_error_gone(cpu);
}

void fpu_clear_exceptions(X86Cpu *cpu)
{
    cpu->x87.fsw &= 0x7f00;
    fpu_error_gone(cpu);
}

void fpu_reset(X86Cpu *cpu)
{
    memset(&cpu->x87, 0, sizeof(cpu->x87));
    cpu->ferr = false; /* the board resets its end */
    fpu_init(cpu);
    cpu->x87.fcw = 0x40; /* after RESET, as opposed to FNINIT (SDM vol. 3, table 9-1) */
    cpu->x87.fx_mxcsr = MXCSR_DEFAULT;
    cpu->x87.ftw = 0xff;
    cpu->mxcsr = MXCSR_DEFAULT;
    cpu->native_mxcsr_host = MXCSR_DEFAULT;
    memset(cpu->vec, 0, sizeof(cpu->vec));
    memset(cpu->opmask, 0, sizeof(cpu->opmask));
    cpu->xcr0 = 1;
}

void fpu_enter_mmx(X86Cpu *cpu)
{
    fpu_set_fsw(cpu, cpu->x87.fsw & (uint16_t)~(7u << 11));
    cpu->x87.ftw = 0xff;
}

uint16_t fpu_full_tags(const X86Cpu *cpu)
{
    unsigned top = fpu_top(cpu);
    uint16_t tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *st = cpu->x87.st[i];
        unsigned phys = (top + i) & 7, tag = 0;
        uint64_t mant = ld_le64(st);
        unsigned exp = ld_le16(st + 8) & 0x7fff;

        if (!(cpu->x87.ftw & 1u << phys)) {
            tag = 3;
        } else if (exp == 0 && mant == 0) {
            tag = 1;
        } else if (exp == 0 || exp == 0x7fff || !(mant >> 63)) {
            tag = 2;
        }
        tags |= (uint16_t)(tag << (phys * 2));
    }
    return tags;
}

void fpu_update_es(X86Cpu *cpu)
{
    bool pending = cpu->x87.fsw & ~cpu->x87.fcw & 0x3f;

    cpu->x87.fsw = (uint16_t)((cpu->x87.fsw & 0x7f7f) | (pending ? 0x8080 : 0));
    fpu_error_gone(cpu);
}

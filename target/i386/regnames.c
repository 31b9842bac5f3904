/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers by name, for monitor expressions ($rip, $eax, $cs, $cr3).  Big lock; the vCPU parked or between two runs. */
#include "util/osdep.h"
#include "target/i386/regnames.h"

#include "target/i386/cpu.h"
#include "target/i386/flags.h"

typedef struct RegName {
    const char *name;
    uint16_t offset;
    uint8_t size; /* bytes of the low part that it means */
} RegName;

#define GPR(name, index, size) { name, offsetof(X86Cpu, regs) + 8 * (index), size }
#define SEL(name, index) { name, offsetof(X86Cpu, seg) + (index) * sizeof(X86Seg) + offsetof(X86Seg, sel), 2 }

static const RegName regnames_table[] = {
    GPR("rax", R_RAX, 8), GPR("rcx", R_RCX, 8), GPR("rdx", R_RDX, 8), GPR("rbx", R_RBX, 8),
    GPR("rsp", R_RSP, 8), GPR("rbp", R_RBP, 8), GPR("rsi", R_RSI, 8), GPR("rdi", R_RDI, 8),
    GPR("r8", R_R8, 8), GPR("r9", R_R9, 8), GPR("r10", R_R10, 8), GPR("r11", R_R11, 8),
    GPR("r12", R_R12, 8), GPR("r13", R_R13, 8), GPR("r14", R_R14, 8), GPR("r15", R_R15, 8),
    GPR("eax", R_RAX, 4), GPR("ecx", R_RCX, 4), GPR("edx", R_RDX, 4), GPR("ebx", R_RBX, 4),
    GPR("esp", R_RSP, 4), GPR("ebp", R_RBP, 4), GPR("esi", R_RSI, 4), GPR("edi", R_RDI, 4),
    GPR("rip", R_RIP, 8), GPR("eip", R_RIP, 4), GPR("sp", R_RSP, 8), GPR("fp", R_RBP, 8),
    SEL("es", SEG_ES), SEL("cs", SEG_CS), SEL("ss", SEG_SS), SEL("ds", SEG_DS), SEL("fs", SEG_FS), SEL("gs", SEG_GS),
    { "cr0", offsetof(X86Cpu, cr0), 8 }, { "cr2", offsetof(X86Cpu, cr2), 8 }, { "cr3", offsetof(X86Cpu, cr3), 8 },
    { "cr4", offsetof(X86Cpu, cr4), 8 }, { "efer", offsetof(X86Cpu, efer), 8 },
    { "mxcsr", offsetof(X86Cpu, mxcsr), 4 },
};

bool regnames_get(Vcpu *v, const char *name, uint64_t *val)
{
    X86Cpu *cpu = x86_cpu(v);
    if (!strcmp(name, "eflags") || !strcmp(name, "rflags")) {
        *val = cpu->eflags | flags_compute(cpu);
        return true;
    }
    if (!strcmp(name, "pc")) { /* linear, so that x/i $pc shows the next instruction in real mode too */
        *val = target_ops.get_pc(v);
        return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(regnames_table); i++) {
        const RegName *r = &regnames_table[i];
        if (!strcmp(r->name, name)) {
            *val = 0;
            memcpy(val, (const char *)cpu + r->offset, r->size); /* the host is little-endian */
            return true;
        }
    }
    return false;
}

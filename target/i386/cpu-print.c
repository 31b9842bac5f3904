/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the monitor shows of a CPU: `info registers`, memory through the current translation, disassembly.
 * The layout of the registers is the one that users' scripts parse.  Under the big lock, vCPU parked.
 */
#include "util/osdep.h"
#include "target/i386/cpu-int.h"
#include "target/i386/decode.h"
#include "target/i386/fpu.h"
#include "target/i386/mem.h"
#include "target/i386/seg.h"

static void print_gprs(X86Cpu *cpu, GString *out, bool wide)
{
    static const char *const names[] = { "AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP" };
    static const uint8_t regs[] = { R_RAX, R_RBX, R_RCX, R_RDX, R_RSI, R_RDI, R_RBP, R_RSP };
    for (unsigned n = 0; n < 8; n++) {
        const char *end = n % 4 == 3 ? "\n" : " ";
        if (wide) {
            g_string_append_printf(out, "R%s=%016" PRIx64 "%s", names[n], cpu->regs[regs[n]], end);
        } else {
            g_string_append_printf(out, "E%s=%08x%s", names[n], (uint32_t)cpu->regs[regs[n]], end);
        }
    }
    for (unsigned n = 8; wide && n < 16; n++) {
        g_string_append_printf(out, "R%-2u=%016" PRIx64 "%s", n, cpu->regs[n], n % 4 == 3 ? "\n" : " ");
    }
    uint32_t fl = (uint32_t)x86_get_rflags(cpu);
    if (wide) {
        g_string_append_printf(out, "RIP=%016" PRIx64 " RFL=", cpu->regs[R_RIP]);
    } else {
        g_string_append_printf(out, "EIP=%08x EFL=", (uint32_t)cpu->regs[R_RIP]);
    }
    g_string_append_printf(out, "%08x [%c%c%c%c%c%c%c] CPL=%u II=%d A20=%d SMM=%d HLT=%d\n", fl, fl & FL_DF ? 'D' : '-',
                           fl & FL_OF ? 'O' : '-', fl & FL_SF ? 'S' : '-', fl & FL_ZF ? 'Z' : '-', fl & FL_AF ? 'A' : '-',
                           fl & FL_PF ? 'P' : '-', fl & FL_CF ? 'C' : '-', cpu->cpl, cpu->int_shadow, cpu->a20, cpu->smm,
                           atomic_load(&cpu->vcpu.halted));
}

static void print_segment(GString *out, const char *name, const X86Seg *s, bool wide)
{
    uint32_t flags = (s->attr & 0x00f0ff00) | ((s->attr & SEG_G ? s->limit >> 12 : s->limit) & 0xf0000);
    if (wide) {
        g_string_append_printf(out, "%-3s=%04x %016" PRIx64 " %08x %08x", name, s->sel, s->base, s->limit, flags);
    } else {
        g_string_append_printf(out, "%-3s=%04x %08x %08x %08x", name, s->sel, (uint32_t)s->base, s->limit, flags);
    }
    unsigned dpl = (s->attr >> SEG_DPL_SHIFT) & 3;
    if (!(s->attr & SEG_P)) {
        g_string_append_c(out, '\n');
    } else if (!(s->attr & SEG_S)) {
        static const char *const types[] = { "Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16",
            "TrapGate16", "Reserved", "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32", "Reserved", "IntGate32", "TrapGate32" };
        g_string_append_printf(out, " DPL=%u %s\n", dpl, types[(s->attr >> 8) & 15]);
    } else if (s->attr & SEG_CODE) {
        g_string_append_printf(out, " DPL=%u %s [%c%c%c]\n", dpl, s->attr & SEG_L ? "CS64" : s->attr & SEG_DB ? "CS32" : "CS16",
                               s->attr & SEG_E ? 'C' : '-', s->attr & SEG_W ? 'R' : '-', s->attr & SEG_A ? 'A' : '-');
    } else {
        g_string_append_printf(out, " DPL=%u %s [%c%c%c]\n", dpl, s->attr & SEG_DB ? "DS  " : "DS16", s->attr & SEG_E ? 'E' : '-',
                               s->attr & SEG_W ? 'W' : '-', s->attr & SEG_A ? 'A' : '-');
    }
}

static void print_system(X86Cpu *cpu, GString *out, bool wide)
{
    static const char *const names[] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDT", "TR" };
    for (unsigned n = 0; n < SEG_COUNT; n++) {
        print_segment(out, names[n], &cpu->seg[n], wide);
    }
    int w = wide ? 16 : 8;
    g_string_append_printf(out, "GDT=     %0*" PRIx64 " %08x\n", w, cpu->gdt.base, cpu->gdt.limit);
    g_string_append_printf(out, "IDT=     %0*" PRIx64 " %08x\n", w, cpu->idt.base, cpu->idt.limit);
    g_string_append_printf(out, "CR0=%08x CR2=%0*" PRIx64 " CR3=%0*" PRIx64 " CR4=%08x\n", (uint32_t)cpu->cr0, w, cpu->cr2, w,
                           cpu->cr3, (uint32_t)cpu->cr4);
    for (unsigned n = 0; n < 4; n++) {
        g_string_append_printf(out, "DR%u=%016" PRIx64 " ", n, cpu->dr[n]);
    }
    g_string_append_printf(out, "\nDR6=%016" PRIx64 " DR7=%016" PRIx64 "\n", cpu->dr[6], cpu->dr[7]);
    g_string_append_printf(out, "EFER=%016" PRIx64 "\n", cpu->efer);
}

static void print_fpu(X86Cpu *cpu, GString *out, bool wide)
{
    g_string_append_printf(out, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", cpu->x87.fcw, cpu->x87.fsw, fpu_top(cpu),
                           cpu->x87.ftw, cpu->mxcsr);
    for (unsigned n = 0; n < 8; n++) { /* physical register n is at stack position n - TOP */
        const uint8_t *st = cpu->x87.st[(n - fpu_top(cpu)) & 7];
        g_string_append_printf(out, "FPR%u=%016" PRIx64 " %04x%s", n, ld_le64(st), ld_le16(st + 8), n & 1 ? "\n" : " ");
    }
    for (unsigned n = 0; n < (wide ? 16u : 8u); n++) {
        g_string_append_printf(out, "XMM%02u=%016" PRIx64 " %016" PRIx64 "%s", n, cpu->vec[n].q[1], cpu->vec[n].q[0],
                               n & 1 ? "\n" : " ");
    }
}

void cpu_print_registers(Vcpu *v, GString *out)
{
    X86Cpu *cpu = x86_cpu(v);
    bool wide = x86_code64(cpu);
    print_gprs(cpu, out, wide);
    print_system(cpu, out, x86_long_mode(cpu));
    print_fpu(cpu, out, wide);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* A debugger changes ROM too, as its breakpoints may have to: what it writes goes behind the board's write protection. */
static MemResult print_store(AddressSpace *as, uint64_t phys, const uint8_t *buf, size_t len)
{
    MemLookup l = address_space_lookup(as, phys);
    if (!l.host || l.avail < len) {
        return address_space_write(as, phys, buf, len);
    }
    memcpy(l.host, buf, len);
    ram_written(l.ram, l.ram_off, len);
    return MEM_OK;
}

static bool print_access(X86Cpu *cpu, uint64_t addr, uint8_t *buf, size_t len, bool write)
{
    while (len) {
        uint64_t phys;
        size_t part = MIN(len, (size_t)(0x1000 - (addr & 0xfff)));
        if (!mmu_translate_debug(cpu, addr, &phys)) {
            return false;
        }
        AddressSpace *as = x86_as(cpu);
        MemResult r = write ? print_store(as, phys, buf, part) : address_space_read(as, phys, buf, part);
        if (r != MEM_OK) {
            return false;
        }
        addr += part;
        buf += part;
        len -= part;
    }
    return true;
}

bool cpu_read_virtual(Vcpu *v, uint64_t addr, void *buf, size_t len)
{
    return print_access(x86_cpu(v), addr, buf, len, false);
}

bool cpu_write_virtual(Vcpu *v, uint64_t addr, const void *buf, size_t len)
{
    return print_access(x86_cpu(v), addr, (uint8_t *)buf, len, true);
}

static unsigned print_fetch(X86Cpu *cpu, uint64_t addr, bool physical, uint8_t *bytes)
{
    unsigned len = 0;
    for (; len < 15; len++) {
        bool ok = physical ? address_space_read(x86_as(cpu), addr + len, bytes + len, 1) == MEM_OK
                           : print_access(cpu, addr + len, bytes + len, 1, false);
        if (!ok) {
            break;
        }
    }
    return len;
}

void cpu_disassemble(Vcpu *v, uint64_t addr, unsigned count, bool physical, GString *out)
{
    X86Cpu *cpu = x86_cpu(v);
    for (unsigned n = 0; n < count; n++) {
        uint8_t bytes[15];
        char text[128];
        unsigned have = print_fetch(cpu, addr, physical, bytes);
        if (!have) {
            g_string_append_printf(out, "0x%08" PRIx64 ":  Cannot access memory\n", addr);
            return;
        }
        unsigned len = decode_text(cpu->mode, addr, bytes, have, text, sizeof(text));
        if (!len) {
            len = 1;
            g_snprintf(text, sizeof(text), "(bad)");
        }
        g_string_append_printf(out, "0x%08" PRIx64 ":  ", addr);
        for (unsigned k = 0; k < 10; k++) {
            if (k < len) {
                g_string_append_printf(out, "%02x ", bytes[k]);
            } else {
                g_string_append(out, "   ");
            }
        }
        g_string_append_printf(out, " %s\n", text);
        addr += len;
    }
}

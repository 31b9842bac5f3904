/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers as a debugger sees them: their description (target.xml; "Standard Target Features", x86 Features, in gdb's
 * manual), reading and writing.  One table gives names, numbers and types.  Called by gdb/ through target_ops; the vCPU parked,
 * big lock held.
 */
#include "util/osdep.h"
#include "target/i386/cpu-int.h"
#include "target/i386/cpuid.h"
#include "target/i386/flags.h"
#include "target/i386/fpu.h"
#include "target/i386/mem.h"
#include "target/i386/msr.h"
#include "target/i386/seg-int.h"

typedef enum GdbFeature { GDB_CORE, GDB_SEGMENTS, GDB_CONTROL, GDB_SSE, GDB_AVX, GDB_FEATURES } GdbFeature;
typedef enum GdbKind { GDB_GPR, GDB_RIP, GDB_FLAGS, GDB_SEG, GDB_BASE, GDB_KERNEL_GS, GDB_CR, GDB_EFER, GDB_ST, GDB_FPU, GDB_XMM,
                       GDB_MXCSR, GDB_YMM } GdbKind;
enum { FPU_FCW, FPU_FSW, FPU_FTW, FPU_FCS, FPU_FIP, FPU_FDS, FPU_FDP, FPU_FOP };

typedef struct GdbReg {
    const char *name, *type;
    uint8_t bytes, feature, kind, index;
} GdbReg;

static const struct {
    const char *name, *types;
} gdb_features[GDB_FEATURES] = {
    [GDB_CORE] = { "org.gnu.gdb.i386.core",
        "<flags id=\"eflags\" size=\"4\">"
        "<field name=\"CF\" start=\"0\" end=\"0\"/><field name=\"\" start=\"1\" end=\"1\"/>"
        "<field name=\"PF\" start=\"2\" end=\"2\"/><field name=\"AF\" start=\"4\" end=\"4\"/>"
        "<field name=\"ZF\" start=\"6\" end=\"6\"/><field name=\"SF\" start=\"7\" end=\"7\"/>"
        "<field name=\"TF\" start=\"8\" end=\"8\"/><field name=\"IF\" start=\"9\" end=\"9\"/>"
        "<field name=\"DF\" start=\"10\" end=\"10\"/><field name=\"OF\" start=\"11\" end=\"11\"/>"
        "<field name=\"NT\" start=\"14\" end=\"14\"/><field name=\"RF\" start=\"16\" end=\"16\"/>"
        "<field name=\"VM\" start=\"17\" end=\"17\"/><field name=\"AC\" start=\"18\" end=\"18\"/>"
        "<field name=\"VIF\" start=\"19\" end=\"19\"/><field name=\"VIP\" start=\"20\" end=\"20\"/>"
        "<field name=\"ID\" start=\"21\" end=\"21\"/></flags>" },
    [GDB_SEGMENTS] = { "org.gnu.gdb.i386.segments", "" },
    [GDB_CONTROL] = { "org.rhea.i386.control",
        "<flags id=\"cr0\" size=\"8\"><field name=\"PG\" start=\"31\" end=\"31\"/><field name=\"CD\" start=\"30\" end=\"30\"/>"
        "<field name=\"NW\" start=\"29\" end=\"29\"/><field name=\"AM\" start=\"18\" end=\"18\"/>"
        "<field name=\"WP\" start=\"16\" end=\"16\"/><field name=\"NE\" start=\"5\" end=\"5\"/>"
        "<field name=\"ET\" start=\"4\" end=\"4\"/><field name=\"TS\" start=\"3\" end=\"3\"/>"
        "<field name=\"EM\" start=\"2\" end=\"2\"/><field name=\"MP\" start=\"1\" end=\"1\"/>"
        "<field name=\"PE\" start=\"0\" end=\"0\"/></flags>"
        "<flags id=\"cr4\" size=\"8\"><field name=\"VME\" start=\"0\" end=\"0\"/><field name=\"PVI\" start=\"1\" end=\"1\"/>"
        "<field name=\"TSD\" start=\"2\" end=\"2\"/><field name=\"DE\" start=\"3\" end=\"3\"/>"
        "<field name=\"PSE\" start=\"4\" end=\"4\"/><field name=\"PAE\" start=\"5\" end=\"5\"/>"
        "<field name=\"MCE\" start=\"6\" end=\"6\"/><field name=\"PGE\" start=\"7\" end=\"7\"/>"
        "<field name=\"PCE\" start=\"8\" end=\"8\"/><field name=\"OSFXSR\" start=\"9\" end=\"9\"/>"
        "<field name=\"OSXMMEXCPT\" start=\"10\" end=\"10\"/><field name=\"UMIP\" start=\"11\" end=\"11\"/>"
        "<field name=\"LA57\" start=\"12\" end=\"12\"/><field name=\"FSGSBASE\" start=\"16\" end=\"16\"/>"
        "<field name=\"PCIDE\" start=\"17\" end=\"17\"/><field name=\"OSXSAVE\" start=\"18\" end=\"18\"/>"
        "<field name=\"SMEP\" start=\"20\" end=\"20\"/><field name=\"SMAP\" start=\"21\" end=\"21\"/>"
        "<field name=\"PKE\" start=\"22\" end=\"22\"/></flags>"
        "<flags id=\"efer\" size=\"8\"><field name=\"SCE\" start=\"0\" end=\"0\"/><field name=\"LME\" start=\"8\" end=\"8\"/>"
        "<field name=\"LMA\" start=\"10\" end=\"10\"/><field name=\"NXE\" start=\"11\" end=\"11\"/></flags>" },
    [GDB_SSE] = { "org.gnu.gdb.i386.sse",
        "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/><vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
        "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/><vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
        "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/><vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
        "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>"
        "<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/>"
        "<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>"
        "<field name=\"uint128\" type=\"uint128\"/></union>"
        "<flags id=\"mxcsr\" size=\"4\"><field name=\"IE\" start=\"0\" end=\"0\"/><field name=\"DE\" start=\"1\" end=\"1\"/>"
        "<field name=\"ZE\" start=\"2\" end=\"2\"/><field name=\"OE\" start=\"3\" end=\"3\"/>"
        "<field name=\"UE\" start=\"4\" end=\"4\"/><field name=\"PE\" start=\"5\" end=\"5\"/>"
        "<field name=\"DAZ\" start=\"6\" end=\"6\"/><field name=\"IM\" start=\"7\" end=\"7\"/>"
        "<field name=\"DM\" start=\"8\" end=\"8\"/><field name=\"ZM\" start=\"9\" end=\"9\"/>"
        "<field name=\"OM\" start=\"10\" end=\"10\"/><field name=\"UM\" start=\"11\" end=\"11\"/>"
        "<field name=\"PM\" start=\"12\" end=\"12\"/><field name=\"FZ\" start=\"15\" end=\"15\"/></flags>" },
    [GDB_AVX] = { "org.gnu.gdb.i386.avx", "" },
};

#define GPR(name, index) { name, "int64", 8, GDB_CORE, GDB_GPR, index }
#define GPR_PTR(name, index) { name, "data_ptr", 8, GDB_CORE, GDB_GPR, index }
#define SEGREG(name, index) { name, "int32", 4, GDB_CORE, GDB_SEG, index }
#define FPU(name, index) { name, "int", 4, GDB_CORE, GDB_FPU, index }
#define ST(n) { "st" #n, "i387_ext", 10, GDB_CORE, GDB_ST, n }
#define XMM(n) { "xmm" #n, "vec128", 16, GDB_SSE, GDB_XMM, n }
#define YMM(n) { "ymm" #n "h", "uint128", 16, GDB_AVX, GDB_YMM, n }

/* The place in this table is the register's number. */
static const GdbReg gdb_regs[] = {
    GPR("rax", R_RAX), GPR("rbx", R_RBX), GPR("rcx", R_RCX), GPR("rdx", R_RDX), GPR("rsi", R_RSI), GPR("rdi", R_RDI),
    GPR_PTR("rbp", R_RBP), GPR_PTR("rsp", R_RSP), GPR("r8", R_R8), GPR("r9", R_R9), GPR("r10", R_R10), GPR("r11", R_R11),
    GPR("r12", R_R12), GPR("r13", R_R13), GPR("r14", R_R14), GPR("r15", R_R15),
    { "rip", "code_ptr", 8, GDB_CORE, GDB_RIP, 0 }, { "eflags", "eflags", 4, GDB_CORE, GDB_FLAGS, 0 },
    SEGREG("cs", SEG_CS), SEGREG("ss", SEG_SS), SEGREG("ds", SEG_DS), SEGREG("es", SEG_ES), SEGREG("fs", SEG_FS),
    SEGREG("gs", SEG_GS),
    { "fs_base", "int", 8, GDB_SEGMENTS, GDB_BASE, SEG_FS }, { "gs_base", "int", 8, GDB_SEGMENTS, GDB_BASE, SEG_GS },
    { "k_gs_base", "int64", 8, GDB_CONTROL, GDB_KERNEL_GS, 0 }, { "cr0", "cr0", 8, GDB_CONTROL, GDB_CR, 0 },
    { "cr2", "int64", 8, GDB_CONTROL, GDB_CR, 2 }, { "cr3", "int64", 8, GDB_CONTROL, GDB_CR, 3 },
    { "cr4", "cr4", 8, GDB_CONTROL, GDB_CR, 4 }, { "cr8", "int64", 8, GDB_CONTROL, GDB_CR, 8 },
    { "efer", "efer", 8, GDB_CONTROL, GDB_EFER, 0 },
    ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
    FPU("fctrl", FPU_FCW), FPU("fstat", FPU_FSW), FPU("ftag", FPU_FTW), FPU("fiseg", FPU_FCS), FPU("fioff", FPU_FIP),
    FPU("foseg", FPU_FDS), FPU("fooff", FPU_FDP), FPU("fop", FPU_FOP),
    XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7), XMM(8), XMM(9), XMM(10), XMM(11), XMM(12), XMM(13), XMM(14),
    XMM(15), { "mxcsr", "mxcsr", 4, GDB_SSE, GDB_MXCSR, 0 },
    YMM(0), YMM(1), YMM(2), YMM(3), YMM(4), YMM(5), YMM(6), YMM(7), YMM(8), YMM(9), YMM(10), YMM(11), YMM(12), YMM(13), YMM(14),
    YMM(15),
};
#define GDB_YMM_FIRST (G_N_ELEMENTS(gdb_regs) - 16)

unsigned gdb_registers(Vcpu *v)
{
    return (unsigned)(x86_has_feature(x86_cpu(v), CPUID_AVX) ? G_N_ELEMENTS(gdb_regs) : GDB_YMM_FIRST);
}

char *gdb_description(Vcpu *v)
{
    GString *s = g_string_new("<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
                              "<target version=\"1.0\"><architecture>i386:x86-64</architecture>\n");
    unsigned count = gdb_registers(v);

    for (unsigned f = 0; f < GDB_FEATURES; f++) {
        if (f == GDB_AVX && count == GDB_YMM_FIRST) {
            break;
        }
        g_string_append_printf(s, "<feature name=\"%s\">%s\n", gdb_features[f].name, gdb_features[f].types);
        for (unsigned n = 0; n < count; n++) {
            const GdbReg *r = &gdb_regs[n];

            if (r->feature == f) {
                g_string_append_printf(s, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"%s/>\n", r->name,
                                       r->bytes * 8u, r->type, n, r->kind == GDB_FPU ? " group=\"float\"" : "");
            }
        }
        g_string_append(s, "</feature>\n");
    }
    g_string_append(s, "</target>\n");
    return g_string_free(s, FALSE);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static uint64_t gdb_get_fpu(const X86Cpu *cpu, unsigned index)
{
    switch (index) {
    case FPU_FCW: return cpu->x87.fcw;
    case FPU_FSW: return cpu->x87.fsw;
    case FPU_FTW: return fpu_full_tags(cpu);
    case FPU_FCS: return cpu->fcs;
    case FPU_FIP: return (uint32_t)cpu->fip;
    case FPU_FDS: return cpu->fds;
    case FPU_FDP: return (uint32_t)cpu->fdp;
    default: return cpu->fop;
    }
}

static uint64_t gdb_get_cr(X86Cpu *cpu, unsigned index)
{
    const VcpuIntc *intc = cpu->vcpu.intc;

    switch (index) {
    case 0: return cpu->cr0;
    case 2: return cpu->cr2;
    case 3: return cpu->cr3;
    case 4: return cpu->cr4;
    default: return intc ? intc->get_tpr(intc->opaque) >> 4 : cpu->cr8_shadow;
    }
}

/* Those of at most 64 bits. */
static uint64_t gdb_get(X86Cpu *cpu, const GdbReg *r)
{
    bool wide = x86_code64(cpu);

    switch (r->kind) {
    case GDB_GPR: return wide ? cpu->regs[r->index] : (uint32_t)cpu->regs[r->index];
    case GDB_RIP: return wide ? cpu->regs[R_RIP] : (uint32_t)cpu->regs[R_RIP];
    case GDB_FLAGS: return x86_get_rflags(cpu);
    case GDB_SEG: return cpu->seg[r->index].sel;
    case GDB_BASE: return cpu->seg[r->index].base;
    case GDB_KERNEL_GS: return cpu->kernel_gs_base;
    case GDB_CR: return gdb_get_cr(cpu, r->index);
    case GDB_EFER: return cpu->efer;
    case GDB_FPU: return gdb_get_fpu(cpu, r->index);
    default: return cpu->mxcsr;
    }
}

unsigned gdb_read(Vcpu *v, unsigned n, uint8_t buf[16])
{
    X86Cpu *cpu = x86_cpu(v);

    if (n >= gdb_registers(v)) {
        return 0;
    }
    const GdbReg *r = &gdb_regs[n];

    switch (r->kind) {
    case GDB_ST: memcpy(buf, cpu->x87.st[r->index], 10); break;
    case GDB_XMM: memcpy(buf, cpu->vec[r->index].b, 16); break;
    case GDB_YMM: memcpy(buf, cpu->vec[r->index].b + 16, 16); break;
    default: st_le(buf, gdb_get(cpu, r), r->bytes); break;
    }
    return r->bytes;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

/* A selector, with what real mode or the descriptor table gives with it.  Privilege is the debugger's business. */
static bool gdb_set_seg(X86Cpu *cpu, unsigned seg, uint16_t sel)
{
    uint8_t raw[8];

    if (!x86_protected(cpu)) {
        cpu->seg[seg] = seg_real(cpu, seg, sel);
        x86_update_mode(cpu);
        return true;
    }
    if (sel_null(sel) && seg != SEG_CS && seg != SEG_SS) {
        cpu->seg[seg] = seg_null(sel);
        x86_update_mode(cpu);
        return true;
    }
    uint64_t table = sel & 4 ? cpu->seg[SEG_LDTR].base : cpu->gdt.base, limit = sel & 4 ? cpu->seg[SEG_LDTR].limit : cpu->gdt.limit;

    if ((sel | 7u) > limit || !cpu_read_virtual(&cpu->vcpu, table + (sel & ~7u), raw, sizeof(raw))) {
        return false;
    }
    SegDesc d = { .sel = sel, .lo = ld_le32(raw), .hi = ld_le32(raw + 4) };
    bool code = desc_is_code(&d), data = (d.hi & (SEG_S | SEG_CODE)) == SEG_S;

    if (!desc_present(&d) || (seg == SEG_CS ? !code || (sel & 3) != cpu->cpl || !seg_code_size_legal(cpu, &d)
                              : seg == SEG_SS ? !desc_is_writable_data(&d) : !data && !(code && (d.hi & SEG_W)))) {
        return false;
    }
    cpu->seg[seg] = seg_from_desc(&d, sel);
    x86_update_mode(cpu);
    return true;
}

static bool gdb_set_cr(X86Cpu *cpu, unsigned index, uint64_t v)
{
    const VcpuIntc *intc = cpu->vcpu.intc;

    switch (index) {
    case 0: x86_set_cr0(cpu, v); break;
    case 2: cpu->cr2 = v; break;
    case 3: x86_set_cr3(cpu, v); break;
    case 4: x86_set_cr4(cpu, v); break;
    default:
        if (v > 15) {
            return false;
        }
        cpu->cr8_shadow = v;
        if (intc) {
            intc->set_tpr(intc->opaque, (uint8_t)(v << 4));
        }
        break;
    }
    return true;
}

/* As the guest's own MOV would: what raises #GP there is refused here. */
static bool gdb_set_cr_guarded(X86Cpu *cpu, unsigned index, uint64_t v)
{
    volatile bool ok = false;

    assert(!cpu->jmp_valid); /* parked */
    cpu->jmp_valid = true;
    if (sigsetjmp(cpu->exit_jmp, 0) == 0) {
        ok = gdb_set_cr(cpu, index, v);
    } else {
        cpu->exc_vector = -1;
    }
    cpu->jmp_valid = false;
    return ok;
}

static void gdb_set_fpu(X86Cpu *cpu, unsigned index, uint32_t v)
{
    switch (index) {
    case FPU_FCW: cpu->x87.fcw = (uint16_t)v | 0x40; break;
    case FPU_FSW: cpu->x87.fsw = (uint16_t)v; break;
    case FPU_FTW:
        cpu->x87.ftw = 0;
        for (unsigned n = 0; n < 8; n++) {
            cpu->x87.ftw |= (uint8_t)((v >> (n * 2) & 3) != 3) << n;
        }
        break;
    case FPU_FCS: cpu->fcs = (uint16_t)v; break;
    case FPU_FIP: cpu->fip = v; break;
    case FPU_FDS: cpu->fds = (uint16_t)v; break;
    case FPU_FDP: cpu->fdp = v; break;
    default: cpu->fop = v & 0x7ff; break;
    }
    fpu_update_es(cpu);
}

static bool gdb_set_base(X86Cpu *cpu, uint64_t *base, uint64_t v)
{
    if (!x86_canonical(v)) {
        return false;
    }
    *base = v;
    x86_update_mode(cpu);
    return true;
}

static bool gdb_set(X86Cpu *cpu, const GdbReg *r, uint64_t v)
{
    switch (r->kind) {
    case GDB_GPR: cpu->regs[r->index] = x86_code64(cpu) ? v : (uint32_t)v; return true;
    case GDB_RIP: cpu->regs[R_RIP] = x86_code64(cpu) ? v : (uint32_t)v; return true;
    case GDB_FLAGS: x86_set_rflags(cpu, v, ~(uint64_t)(FL_VM | FL_VIF | FL_VIP)); return true;
    case GDB_SEG: return v <= 0xffff && gdb_set_seg(cpu, r->index, (uint16_t)v);
    case GDB_BASE: return gdb_set_base(cpu, &cpu->seg[r->index].base, v);
    case GDB_KERNEL_GS: return gdb_set_base(cpu, &cpu->kernel_gs_base, v);
    case GDB_CR: return gdb_set_cr_guarded(cpu, r->index, v);
    case GDB_EFER: return msr_write(cpu, 0xc0000080, v);
    case GDB_FPU: gdb_set_fpu(cpu, r->index, (uint32_t)v); return true;
    default:
        if (v & ~(uint64_t)fpu_mxcsr_mask(cpu)) {
            return false;
        }
        cpu->mxcsr = (uint32_t)v;
        return true;
    }
}

bool gdb_write(Vcpu *v, unsigned n, const uint8_t *buf)
{
    X86Cpu *cpu = x86_cpu(v);
    uint8_t now[16];
    unsigned size = gdb_read(v, n, now);

    if (size == 0 || !memcmp(now, buf, size)) {
        return size != 0; /* a debugger writes all registers to change one */
    }
    const GdbReg *r = &gdb_regs[n];

    switch (r->kind) {
    case GDB_ST: memcpy(cpu->x87.st[r->index], buf, 10); return true;
    case GDB_XMM: memcpy(cpu->vec[r->index].b, buf, 16); return true;
    case GDB_YMM: memcpy(cpu->vec[r->index].b + 16, buf, 16); return true;
    default: return gdb_set(cpu, r, ld_le(buf, r->bytes));
    }
}

void gdb_set_pc(Vcpu *v, uint64_t pc)
{
    X86Cpu *cpu = x86_cpu(v);

    cpu->regs[R_RIP] = x86_code64(cpu) ? pc : (uint32_t)pc;
}

void gdb_debug_update(Vcpu *v)
{
    X86Cpu *cpu = x86_cpu(v);

    tlb_flush_all(cpu); /* which pages are watched may have changed */
    x86_debug_update(cpu);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's state on its way to the kernel and back, on any /dev/kvm, also one that cannot run ordinary guests: random states are put
 * (kvm_state_put), read with the kernel's own requests and compared by the names of <linux/kvm.h>, and got again (kvm_state_get).
 * The extended state that the kernel hands out is loaded into the host's registers by XRSTOR, so where the components of
 * the area lie is the processor's word.  Then the guest's processor itself stores what it was given.  Skipped without /dev/kvm.
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-kvm.h"
#include "target/i386/flags.h"
#include "target/i386/seg.h"

#include <cpuid.h>
#include <sys/ioctl.h>

enum { ROUNDS = 64, OUT = 0x400000 };
enum { OUT_GPR = 0, OUT_FLAGS = 0x80, OUT_GDT = 0x90, OUT_IDT = 0xa0, OUT_CR2 = 0xb0, OUT_DR = 0xc0, OUT_MSR = 0x100,
       OUT_FX = 0x200, OUT_YMM = 0x400 };

static GRand *rnd;

static uint64_t random64(void)
{
    return (uint64_t)g_rand_int(rnd) << 32 | g_rand_int(rnd);
}

static uint64_t random_canonical(void)
{
    return (uint64_t)((int64_t)(random64() << 16) >> 16);
}

static void random_bytes(void *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((uint8_t *)p)[i] = (uint8_t)g_rand_int(rnd);
    }
}

static X86Cpu *need_kvm(void)
{
    char *why = NULL;
    X86Cpu *cpu = guest_on_kvm(&why);
    if (!cpu) {
        TEST_SKIP(why);
    }
    if (!rnd) {
        rnd = g_rand_new_with_seed(5);
    }
    return cpu;
}

/* ---- random states that a processor can have ---- */

/* MSRs with a place in X86Cpu, by the manuals' numbers; which bits may be anything (SYSENTER's addresses have 32 on AMD's processors). */
static const struct {
    uint32_t index;
    uint32_t offset;
    uint64_t bits;
    bool canonical;
} msrs[] = {
    { 0x174, offsetof(X86Cpu, sysenter_cs), 0xffff, false },
    { 0x175, offsetof(X86Cpu, sysenter_esp), UINT32_MAX, false },
    { 0x176, offsetof(X86Cpu, sysenter_eip), UINT32_MAX, false },
    { 0x200, offsetof(X86Cpu, mtrr_var), 0xffffff005, false },
    { 0x201, offsetof(X86Cpu, mtrr_var) + 8, 0xffffff800, false },
    { 0x20f, offsetof(X86Cpu, mtrr_var) + 15 * 8, 0xffffff800, false },
    { 0x250, offsetof(X86Cpu, mtrr_fix), 0x0505050505050505, false },
    { 0x258, offsetof(X86Cpu, mtrr_fix) + 8, 0x0505050505050505, false },
    { 0x259, offsetof(X86Cpu, mtrr_fix) + 16, 0x0505050505050505, false },
    { 0x268, offsetof(X86Cpu, mtrr_fix) + 24, 0x0505050505050505, false },
    { 0x26f, offsetof(X86Cpu, mtrr_fix) + 80, 0x0505050505050505, false },
    { 0x277, offsetof(X86Cpu, pat), 0x0505050505050505, false },
    { 0x2ff, offsetof(X86Cpu, mtrr_def), 0xc05, false },
    { 0x402, offsetof(X86Cpu, mce_banks) + 16, UINT64_MAX, false },
    { 0x425, offsetof(X86Cpu, mce_banks) + 9 * 32 + 8, 0, false },
    { 0xc0000081, offsetof(X86Cpu, star), UINT64_MAX, false },
    { 0xc0000082, offsetof(X86Cpu, lstar), UINT64_MAX, true },
    { 0xc0000083, offsetof(X86Cpu, cstar), UINT64_MAX, true },
    { 0xc0000084, offsetof(X86Cpu, sfmask), 0xffffffff, false },
    { 0xc0000102, offsetof(X86Cpu, kernel_gs_base), UINT64_MAX, true },
};

static uint64_t *field(X86Cpu *cpu, uint32_t offset)
{
    return (uint64_t *)(void *)((uint8_t *)cpu + offset);
}

static void random_segment(X86Seg *s, unsigned type, bool wide)
{
    bool pages = g_rand_boolean(rnd);
    s->sel = (uint16_t)(g_rand_int(rnd) & 0xfff8);
    s->base = wide ? random_canonical() : g_rand_int(rnd);
    s->limit = pages ? g_rand_int(rnd) | 0x100fff : g_rand_int(rnd) & 0xfffff;
    s->attr = type << 8 | (uint32_t)SEG_P | (pages ? (uint32_t)SEG_G : 0);
}

static void random_segments(X86Cpu *cpu)
{
    for (unsigned i = SEG_ES; i <= SEG_GS; i++) {
        random_segment(&cpu->seg[i], 3, i >= SEG_FS); /* data, written and accessed */
        cpu->seg[i].attr |= (uint32_t)(SEG_S | SEG_DB) | (g_rand_boolean(rnd) ? (uint32_t)SEG_AVL : 0);
    }
    random_segment(&cpu->seg[SEG_CS], 11, false);
    cpu->seg[SEG_CS].attr |= (uint32_t)(SEG_S | SEG_L);
    random_segment(&cpu->seg[SEG_LDTR], 2, true);
    random_segment(&cpu->seg[SEG_TR], 11, true);
    cpu->gdt.base = random_canonical();
    cpu->idt.base = random_canonical();
    cpu->gdt.limit = (uint16_t)g_rand_int(rnd);
    cpu->idt.limit = (uint16_t)g_rand_int(rnd);
}

static void random_vectors(X86Cpu *cpu)
{
    unsigned bytes = kvm.xcr0 & 0xe0 ? 64 : kvm.xcr0 & 4 ? 32 : 16;
    for (unsigned i = 0; i < (bytes == 64 ? 32u : 16u); i++) {
        random_bytes(cpu->vec[i].b, bytes);
    }
    for (unsigned i = 0; i < 8; i++) {
        random_bytes(cpu->x87.st[i], 10);
        cpu->opmask[i] = bytes == 64 ? random64() : 0;
    }
    cpu->x87.fcw = (uint16_t)(0x40 | (g_rand_int(rnd) & 0xf3f));
    cpu->x87.fsw = (uint16_t)(g_rand_int(rnd) & 0x7f00);
    cpu->x87.ftw = (uint8_t)g_rand_int(rnd);
    cpu->fop = (uint16_t)(g_rand_int(rnd) & 0x7ff);
    cpu->fip = random_canonical();
    cpu->fdp = random_canonical();
    cpu->mxcsr = 0x1f80 | (g_rand_int(rnd) & 0xe07f);
    cpu->pkru = kvm.xcr0 & 0x200 ? g_rand_int(rnd) : 0;
}

static void random_state(X86Cpu *cpu)
{
    guest_long(cpu, 0);
    for (unsigned r = R_RAX; r <= R_R15; r++) {
        cpu->regs[r] = random64();
    }
    cpu->regs[R_RIP] = random_canonical();
    cpu->eflags = 2 | (g_rand_int(rnd) & (FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_RF | FL_AC | FL_ID));
    flags_set(cpu, g_rand_int(rnd) & FL_ARITH);
    random_segments(cpu);
    cpu->cr0 |= g_rand_int(rnd) & CR0_TS;
    cpu->cr2 = random64();
    cpu->cr3 = (uint64_t)(g_rand_int(rnd) & 0xfffff) << 12;
    cpu->cr4 = CR4_PAE | (g_rand_int(rnd) & (CR4_TSD | CR4_DE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT)) | (kvm.xcr0 ? CR4_OSXSAVE : 0);
    cpu->xcr0 = kvm.xcr0 ? 1 | (g_rand_boolean(rnd) ? kvm.xcr0 & 6 : 0) : 1;
    cpu->cr8_shadow = g_rand_int(rnd) & 15;
    for (unsigned i = 0; i < 4; i++) {
        cpu->dr[i] = random64();
    }
    cpu->dr[6] = 0xffff0ff0 | (g_rand_int(rnd) & 0xe00f);
    cpu->dr[7] = 0x400 | (g_rand_int(rnd) & 0xffff03ff);
    for (unsigned i = 0; i < G_N_ELEMENTS(msrs); i++) {
        uint64_t val = (msrs[i].canonical ? random_canonical() : random64()) & msrs[i].bits;
        *field(cpu, msrs[i].offset) = val;
    }
    cpu->nmi_blocked = g_rand_boolean(rnd);
    cpu->int_shadow = g_rand_boolean(rnd);
    random_vectors(cpu);
    x86_update_mode(cpu);
}

/* ---- the kernel's view ---- */

static uint64_t read_msr(KvmVcpu *k, uint32_t index)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } m = { .head = { .nmsrs = 1 }, .entry = { .index = index } };
    CHECK_EQ(ioctl(k->fd, KVM_GET_MSRS, &m), 1);
    return m.entry.data;
}

static void check_segment(const struct kvm_segment *k, const X86Seg *s)
{
    CHECK_EQ(k->selector, s->sel);
    CHECK_EQ(k->base, s->base);
    CHECK_EQ(k->limit, s->limit);
    CHECK_EQ(k->type, s->attr >> 8 & 15);
    CHECK_EQ(k->s, !!(s->attr & SEG_S));
    CHECK_EQ(k->dpl, s->attr >> 13 & 3);
    CHECK_EQ(k->present, !!(s->attr & SEG_P));
    CHECK_EQ(k->avl, !!(s->attr & SEG_AVL));
    CHECK_EQ(k->l, !!(s->attr & SEG_L));
    CHECK_EQ(k->db, !!(s->attr & SEG_DB));
    CHECK_EQ(k->g, !!(s->attr & SEG_G));
}

static void check_kernel_registers(X86Cpu *cpu)
{
    KvmVcpu *k = kvm_vcpu(&cpu->vcpu);
    struct kvm_regs r;
    struct kvm_sregs s;
    CHECK_EQ(ioctl(k->fd, KVM_GET_REGS, &r), 0);
    const uint64_t have[] = { r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13,
                              r.r14, r.r15 };
    for (unsigned i = 0; i < 16; i++) {
        CHECK_EQ(have[i], cpu->regs[i]);
    }
    CHECK_EQ(r.rip, cpu->regs[R_RIP]);
    CHECK_EQ(r.rflags, x86_get_rflags(cpu));
    CHECK_EQ(ioctl(k->fd, KVM_GET_SREGS, &s), 0);
    check_segment(&s.es, &cpu->seg[SEG_ES]);
    check_segment(&s.cs, &cpu->seg[SEG_CS]);
    check_segment(&s.ss, &cpu->seg[SEG_SS]);
    check_segment(&s.ds, &cpu->seg[SEG_DS]);
    check_segment(&s.fs, &cpu->seg[SEG_FS]);
    check_segment(&s.gs, &cpu->seg[SEG_GS]);
    check_segment(&s.ldt, &cpu->seg[SEG_LDTR]);
    check_segment(&s.tr, &cpu->seg[SEG_TR]);
    CHECK_EQ(s.gdt.base, cpu->gdt.base);
    CHECK_EQ(s.gdt.limit, cpu->gdt.limit);
    CHECK_EQ(s.idt.base, cpu->idt.base);
    CHECK_EQ(s.idt.limit, cpu->idt.limit);
    CHECK_EQ(s.cr0, cpu->cr0);
    CHECK_EQ(s.cr2, cpu->cr2);
    CHECK_EQ(s.cr3, cpu->cr3);
    CHECK_EQ(s.cr4, cpu->cr4);
    CHECK_EQ(s.cr8, cpu->cr8_shadow);
    CHECK_EQ(s.efer, cpu->efer);
}

static void check_kernel_rest(X86Cpu *cpu)
{
    KvmVcpu *k = kvm_vcpu(&cpu->vcpu);
    struct kvm_debugregs d;
    struct kvm_vcpu_events e;
    struct kvm_xcrs x;
    CHECK_EQ(ioctl(k->fd, KVM_GET_DEBUGREGS, &d), 0);
    CHECK_MEM(d.db, cpu->dr, sizeof(d.db));
    CHECK_EQ(d.dr6, cpu->dr[6]);
    CHECK_EQ(d.dr7, cpu->dr[7]);
    CHECK_EQ(ioctl(k->fd, KVM_GET_VCPU_EVENTS, &e), 0);
    CHECK_EQ(e.nmi.masked, cpu->nmi_blocked);
    CHECK_EQ(e.interrupt.shadow != 0, cpu->int_shadow);
    if (kvm.xcr0) {
        CHECK_EQ(ioctl(k->fd, KVM_GET_XCRS, &x), 0);
        CHECK_EQ(x.xcrs[0].value, cpu->xcr0);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(msrs); i++) {
        if (read_msr(k, msrs[i].index) != *field(cpu, msrs[i].offset)) {
            fprintf(stderr, "MSR 0x%x:\n", msrs[i].index);
        }
        CHECK_EQ(read_msr(k, msrs[i].index), *field(cpu, msrs[i].offset));
    }
}

/* The kernel's XSAVE area; 64-byte aligned. */
static uint8_t *kernel_area(X86Cpu *cpu)
{
    size_t size = align_up(MAX(kvm.xsave_size, sizeof(struct kvm_xsave)), 4096);
    uint8_t *a = aligned_alloc(4096, size);
    memset(a, 0, size);
    CHECK_EQ(ioctl(kvm_vcpu(&cpu->vcpu)->fd, kvm.xsave_size > sizeof(struct kvm_xsave) ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, a), 0);
    return a;
}

typedef struct HostRegisters {
    uint8_t fx[512], ymm[16][32];
} __attribute__((aligned(64))) HostRegisters;

#define EACH_VECTOR(op)                                                                                                             \
    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define ALL_VECTORS                                                                                                                 \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",    \
        "xmm15"

/* What the host's processor makes of it; @mask: components that it has and we look at. */
static void load_on_host(const uint8_t *area, uint32_t mask, HostRegisters *out)
{
    const uint32_t mxcsr = 0x1f80;
#define STORE(n) "vmovdqu %%ymm" #n ", " #n " * 32 + 512(%0)\n"
    if (mask & 4) {
        asm volatile("xrstor64 (%1)\nfxsave64 (%0)\n" EACH_VECTOR(STORE) "vzeroupper\nfnclex\nfninit\nldmxcsr %2"
                     : : "r"(out), "r"(area), "m"(mxcsr), "a"(mask), "d"(0) : "memory", ALL_VECTORS);
    } else {
        asm volatile("fxrstor64 (%1)\nfxsave64 (%0)\nfnclex\nfninit\nldmxcsr %2"
                     : : "r"(out), "r"(area), "m"(mxcsr) : "memory", ALL_VECTORS);
    }
#undef STORE
}

static void check_fxsave(const uint8_t *fx, const X86Cpu *cpu)
{
    CHECK_EQ(ld_le16(fx), cpu->x87.fcw);
    CHECK_EQ(ld_le16(fx + 2), cpu->x87.fsw);
    CHECK_EQ(fx[4], cpu->x87.ftw);
    CHECK_EQ(ld_le32(fx + 24), cpu->mxcsr);
    for (unsigned i = 0; i < 8; i++) {
        CHECK_MEM(fx + 32 + i * 16, cpu->x87.st[i], 10);
    }
    for (unsigned i = 0; i < 16; i++) {
        CHECK_MEM(fx + 160 + i * 16, cpu->vec[i].b, 16);
    }
}

static void check_extended_state(X86Cpu *cpu)
{
    HostRegisters on_host;
    uint8_t *area = kernel_area(cpu);
    CHECK_EQ(ld_le16(area + 6), cpu->fop);
    CHECK_EQ(ld_le64(area + 8), cpu->fip);
    CHECK_EQ(ld_le64(area + 16), cpu->fdp);
    load_on_host(area, kvm.xcr0 & 7, &on_host);
    free(area);
    check_fxsave(on_host.fx, cpu);
    for (unsigned i = 0; i < 16 && (kvm.xcr0 & 4); i++) {
        CHECK_MEM(on_host.ymm[i], cpu->vec[i].b, 32);
    }
}

/* ---- and back ---- */

#define FIELD(name) { #name, offsetof(X86Cpu, name), sizeof(((X86Cpu *)0)->name) }
static const struct {
    const char *name;
    size_t offset, size;
} fields[] = {
    FIELD(cr0), FIELD(cr2), FIELD(cr3), FIELD(cr4), FIELD(cr8_shadow), FIELD(xcr0), FIELD(efer), FIELD(dr[0]), FIELD(dr[1]),
    FIELD(dr[2]), FIELD(dr[3]), FIELD(dr[6]), FIELD(dr[7]), FIELD(sysenter_cs), FIELD(sysenter_esp), FIELD(sysenter_eip), FIELD(star),
    FIELD(lstar), FIELD(cstar), FIELD(sfmask), FIELD(kernel_gs_base), FIELD(pat), FIELD(mtrr_def), FIELD(mtrr_fix), FIELD(mtrr_var),
    FIELD(mce_banks), FIELD(tsc_aux), FIELD(x87.fcw), FIELD(x87.fsw), FIELD(x87.ftw), FIELD(x87.st), FIELD(fip), FIELD(fdp), FIELD(fop),
    FIELD(mxcsr), FIELD(opmask), FIELD(pkru), FIELD(nmi_blocked), FIELD(int_shadow), FIELD(cpl), FIELD(gdt.base), FIELD(gdt.limit),
    FIELD(idt.base), FIELD(idt.limit),
};

static void check_same(const X86Cpu *is, const X86Cpu *was)
{
    CHECK_EQ(x86_get_rflags((X86Cpu *)(uintptr_t)is), x86_get_rflags((X86Cpu *)(uintptr_t)was));
    for (unsigned r = 0; r < R_COUNT; r++) {
        CHECK_EQ(is->regs[r], was->regs[r]);
    }
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        CHECK_EQ(is->seg[i].sel, was->seg[i].sel);
        CHECK_EQ(is->seg[i].attr, was->seg[i].attr);
        CHECK_EQ(is->seg[i].limit, was->seg[i].limit);
        CHECK_EQ(is->seg[i].base, was->seg[i].base);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (memcmp((const uint8_t *)is + fields[i].offset, (const uint8_t *)was + fields[i].offset, fields[i].size)) {
            fprintf(stderr, "%s:\n", fields[i].name);
        }
        CHECK_MEM((const uint8_t *)is + fields[i].offset, (const uint8_t *)was + fields[i].offset, fields[i].size);
    }
    for (unsigned i = 0; i < 32; i++) {
        CHECK_MEM(is->vec[i].b, was->vec[i].b, 64);
    }
}

static void scramble(X86Cpu *cpu)
{
    random_bytes(cpu->regs, R_ZERO * 8);
    cpu->regs[R_RIP] = random64();
    cpu->eflags ^= FL_ID | FL_AC;
    flags_set(cpu, 0);
    uint64_t xcr0 = cpu->xcr0;
    random_bytes(cpu->seg, sizeof(cpu->seg));
    random_bytes(cpu->vec, sizeof(cpu->vec));
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (fields[i].size == 1) {
            *((uint8_t *)cpu + fields[i].offset) ^= 1;
        } else {
            random_bytes((uint8_t *)cpu + fields[i].offset, fields[i].size);
        }
    }
    if (!kvm.xcr0) { /* no XSAVE: nothing to read */
        cpu->xcr0 = xcr0;
    }
}

TEST(registers_are_the_kernels)
{
    X86Cpu *cpu = need_kvm();
    for (unsigned n = 0; n < ROUNDS; n++) {
        random_state(cpu);
        guest_kvm_put(cpu);
        check_kernel_registers(cpu);
        check_kernel_rest(cpu);
    }
}

TEST(extended_state_is_the_processors)
{
    X86Cpu *cpu = need_kvm();
    for (unsigned n = 0; n < ROUNDS; n++) {
        random_state(cpu);
        guest_kvm_put(cpu);
        check_extended_state(cpu);
    }
    printf("# components: 0x%" PRIx64 "\n", kvm.xcr0);
}

TEST(all_of_it_comes_back)
{
    X86Cpu *cpu = need_kvm(), *was = aligned_alloc(64, align_up(sizeof(X86Cpu), 64));
    for (unsigned n = 0; n < ROUNDS; n++) {
        random_state(cpu);
        memcpy(was, cpu, sizeof(*was));
        guest_kvm_put(cpu);
        scramble(cpu);
        guest_kvm_get(cpu);
        check_same(cpu, was);
    }
    free(was);
}

/* A component in its initial state has no bytes worth reading. */
TEST(initial_components_are_zero)
{
    X86Cpu *cpu = need_kvm();
    random_state(cpu);
    guest_kvm_put(cpu);
    uint8_t *area = kernel_area(cpu);
    st_le64(area + 512, 0);
    CHECK_EQ(ioctl(kvm_vcpu(&cpu->vcpu)->fd, KVM_SET_XSAVE, area), 0);
    free(area);
    guest_kvm_get(cpu);
    if (!(kvm.xcr0 & 4)) {
        return; /* the whole area is FXSAVE's */
    }
    static const uint8_t zero[64];
    CHECK_EQ(cpu->x87.fcw, 0x37f);
    CHECK_EQ(cpu->x87.ftw, 0);
    for (unsigned i = 0; i < 32; i++) {
        CHECK_MEM(cpu->vec[i].b, zero, 64);
    }
}

/* ---- the guest's processor stores what it has ---- */

#define EACH_GPR(op) op(rax, 0) op(rcx, 1) op(rdx, 2) op(rbx, 3) op(rsp, 4) op(rbp, 5) op(rsi, 6) op(rdi, 7) op(r8, 8) op(r9, 9)     \
    op(r10, 10) op(r11, 11) op(r12, 12) op(r13, 13) op(r14, 14) op(r15, 15)
#define GPR(name, n) "mov %" #name ", 0x400000 + " #n " * 8\n"
#define DEBUGREG(n, at) "mov %db" #n ", %rax\nmov %rax, 0x4000c0 + " #at " * 8\n"
#define MSR(index, at) "mov $" #index ", %ecx\nrdmsr\nmov %eax, 0x400100 + " #at " * 8\nmov %edx, 0x400104 + " #at " * 8\n"
#define YMM(n) "vmovdqu %ymm" #n ", 0x400400 + " #n " * 32\n"

/* To addresses OUT + OUT_...; [from, to) each. */
extern const uint8_t code_registers[], code_fx[], code_ymm[], code_end[];
asm(".pushsection .rodata\n"
    "code_registers:\n" EACH_GPR(GPR)
    "mov $0x300000, %rsp\n"
    "pushf\n"
    "pop 0x400080\n"
    "sgdt 0x400090\n"
    "sidt 0x4000a0\n"
    "mov %cr2, %rax\n"
    "mov %rax, 0x4000b0\n"
    DEBUGREG(0, 0) DEBUGREG(1, 1) DEBUGREG(2, 2) DEBUGREG(3, 3) DEBUGREG(6, 4)
    MSR(0xc0000081, 0) MSR(0xc0000082, 1) MSR(0xc0000084, 2) MSR(0xc0000102, 3) MSR(0x175, 4) MSR(0x277, 5) MSR(0xc0000100, 6)
    "code_fx:\n"
    "fxsave64 0x400200\n"
    "code_ymm:\n" EACH_VECTOR(YMM)
    "code_end:\n"
    ".popsection\n");

/* A state with which the code runs; what it must not be random for is not. */
static void random_running_state(X86Cpu *cpu)
{
    random_state(cpu);
    cpu->cr3 = GUEST_PML4;
    cpu->cr0 &= ~(uint64_t)CR0_TS;
    cpu->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | (kvm.xcr0 ? CR4_OSXSAVE : 0);
    cpu->xcr0 = kvm.xcr0 ? kvm.xcr0 & 7 : 1;
    cpu->seg[SEG_CS].base = 0;
    cpu->regs[R_RIP] = GUEST_CODE;
    cpu->eflags &= ~(uint32_t)(FL_TF | FL_IF | FL_RF);
    cpu->dr[7] = 0x400;
    cpu->int_shadow = false;
    x86_update_mode(cpu);
}

/* From RIP to a HLT behind [@from, @to); false: this kernel does not run that. */
static bool run_code(X86Cpu *cpu, const uint8_t *from, const uint8_t *to)
{
    size_t len = (size_t)(to - from);
    memcpy(guest_ram() + GUEST_CODE, from, len);
    guest_ram()[GUEST_CODE + len] = 0xf4;
    guest_kvm_run(cpu);
    return cpu->regs[R_RIP] == GUEST_CODE + len + 1;
}

TEST(a_guest_finds_its_registers)
{
    X86Cpu *cpu = need_kvm(), *was = aligned_alloc(64, align_up(sizeof(X86Cpu), 64));
    const uint8_t *out = guest_ram() + OUT;
    for (unsigned n = 0; n < 8; n++) {
        random_running_state(cpu);
        memcpy(was, cpu, sizeof(*was));
        CHECK(run_code(cpu, code_registers, code_fx));
        CHECK_MEM(out + OUT_GPR, was->regs, 16 * 8);
        CHECK_EQ(ld_le64(out + OUT_FLAGS), x86_get_rflags(was));
        CHECK_EQ(ld_le16(out + OUT_GDT), was->gdt.limit);
        CHECK_EQ(ld_le64(out + OUT_GDT + 2), was->gdt.base);
        CHECK_EQ(ld_le16(out + OUT_IDT), was->idt.limit);
        CHECK_EQ(ld_le64(out + OUT_IDT + 2), was->idt.base);
        CHECK_EQ(ld_le64(out + OUT_CR2), was->cr2);
        CHECK_MEM(out + OUT_DR, was->dr, 32);
        CHECK_EQ(ld_le64(out + OUT_DR + 32), was->dr[6]);
        const uint64_t msr[] = { was->star, was->lstar, was->sfmask, was->kernel_gs_base, was->sysenter_esp, was->pat,
                                 was->seg[SEG_FS].base };
        CHECK_MEM(out + OUT_MSR, msr, sizeof(msr));
    }
    free(was);
}

TEST(a_guest_finds_its_vectors)
{
    X86Cpu *cpu = need_kvm(), *was = aligned_alloc(64, align_up(sizeof(X86Cpu), 64));
    const uint8_t *out = guest_ram() + OUT;
    for (unsigned n = 0; n < 8; n++) {
        random_running_state(cpu);
        memcpy(was, cpu, sizeof(*was));
        CHECK(run_code(cpu, code_fx, code_ymm));
        check_fxsave(out + OUT_FX, was);
        if (!(kvm.xcr0 & 4) || !guest_kvm_is_ordinary()) {
            continue; /* one that interprets knows no AVX */
        }
        random_running_state(cpu);
        memcpy(was, cpu, sizeof(*was));
        CHECK(run_code(cpu, code_ymm, code_end));
        for (unsigned i = 0; i < 16; i++) {
            CHECK_MEM(out + OUT_YMM + i * 32, was->vec[i].b, 32);
        }
    }
    free(was);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system side of the CPU: reset values, CPUID against the topology, -cpu's errors, the MSR table, double and triple fault,
 * virtual-8086 extensions, far transfers that must change nothing when they fault. */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-cpu.h"
#include "target/i386/cpuid.h"
#include "target/i386/exc.h"
#include "target/i386/flags.h"
#include "target/i386/msr.h"
#include "target/i386/seg-int.h"
#include "util/mainloop.h"

static X86Cpu *cpu_of(const char *model, unsigned index, unsigned apic_id, const CpuTopology *topo)
{
    Error *err = NULL;
    Vcpu *v = target_ops.vcpu_new(model, index, apic_id, topo, &err);
    if (!v) {
        TEST_FAIL("-cpu %s: %s", model, error_message(err));
    }
    return x86_cpu(v);
}

static const CpuTopology one = { 1, 1, 1, 1, 1, 1 };

/* Vector that @fn raises, -1: none. */
static int raised(X86Cpu *cpu, void (*fn)(X86Cpu *))
{
    cpu->jmp_valid = true;
    cpu->exc_vector = -1;
    if (sigsetjmp(cpu->exit_jmp, 0) == 0) {
        fn(cpu);
    }
    cpu->jmp_valid = false;
    return cpu->exc_vector;
}

TEST(reset_values)
{
    X86Cpu *cpu = cpu_of("qemu64", 0, 0, &one);
    CHECK_EQ(cpu->regs[R_RIP], 0xfff0);
    CHECK_EQ(cpu->seg[SEG_CS].base, 0xffff0000);
    CHECK_EQ(cpu->regs[R_RDX], cpuid_signature(cpu));
    CHECK_EQ(cpu->cr0, 0x60000010);
    CHECK_EQ(cpu->dr[7], 0x400);
    CHECK_EQ(x86_get_rflags(cpu), 2);
    CHECK_EQ(cpu->mode, 0);
    CHECK(!atomic_load(&cpu->vcpu.halted));
    cpu->star = 5;
    cpu->cr0 = CR0_PE | CR0_ET;
    x86_reset(cpu, true);
    CHECK_EQ(cpu->star, 5); /* INIT keeps MSRs and the caches' mode */
    CHECK_EQ(cpu->cr0, 0x10);
    target_ops.vcpu_reset(&cpu->vcpu, false);
    CHECK_EQ(cpu->star, 0);
    CHECK(atomic_load(&cpu->vcpu.halted)); /* an application processor waits for SIPI */
    target_ops.vcpu_free(&cpu->vcpu);
}

TEST(cpuid_topology)
{
    static const CpuTopology topo = { 2, 1, 3, 2, 12, 12 }; /* three cores: ids have gaps */
    uint32_t r[4];
    X86Cpu *cpu = cpu_of("Nehalem", 0, 13, &topo);
    x86_cpuid(cpu, 1, 0, r);
    CHECK_EQ(r[1] >> 24, 13);
    CHECK(r[3] & 1u << 28);
    x86_cpuid(cpu, 0xb, 0, r);
    CHECK_EQ(r[0] & 31, 1);
    CHECK_EQ(r[1] & 0xffff, 2);
    CHECK_EQ(r[2], 0x100);
    CHECK_EQ(r[3], 13);
    x86_cpuid(cpu, 0xb, 1, r);
    CHECK_EQ(r[0] & 31, 3);
    CHECK_EQ(r[1] & 0xffff, 6);
    CHECK_EQ(r[2], 0x201);
    x86_cpuid(cpu, 0xb, 2, r);
    CHECK_EQ(r[2] >> 8, 0);
    x86_cpuid(cpu, 4, 0, r);
    CHECK_EQ((r[0] >> 14 & 0xfff) + 1, 2); /* two threads share a first-level cache */
    x86_cpuid(cpu, 0x40000000, 0, r);
    CHECK_MEM(&r[1], "Rhea", 4);
    target_ops.vcpu_free(&cpu->vcpu);
}

TEST(default_model_is_x86_64_v2)
{
    static const uint16_t need[] = {
        CPUID_CMOV, CPUID_CX8, CPUID_FPU, CPUID_VME, CPUID_FXSR, CPUID_MMX, CPUID_SYSCALL, CPUID_SSE, CPUID_SSE2, CPUID_LM,
        CPUID_CX16, CPUID_LAHF_LM, CPUID_POPCNT, CPUID_SSE3, CPUID_SSE41, CPUID_SSE42, CPUID_SSSE3,
        CPUID_NX, CPUID_SMEP, CPUID_SMAP, CPUID_FSGSBASE, CPUID_TSC_DEADLINE, CPUID_INVTSC, CPUID_X2APIC, CPUID_RDRAND,
    };
    X86Cpu *cpu = cpu_of("qemu64", 0, 0, &one);
    for (unsigned n = 0; n < G_N_ELEMENTS(need); n++) {
        if (!x86_has_feature(cpu, need[n])) {
            TEST_FAIL("qemu64 lacks feature word %u bit %u", need[n] / 32, need[n] % 32);
        }
    }
    target_ops.vcpu_free(&cpu->vcpu);
}

TEST(cpu_option)
{
    static const char *const bad[] = { "qemu65", "qemu64,+ssse4", "qemu64,+vmx,enforce", "qemu64,family=x", "qemu64,sse=maybe",
                                       "qemu64,vendor=Cyrix", NULL };
    for (unsigned n = 0; bad[n]; n++) {
        Error *err = NULL;
        if (target_ops.vcpu_new(bad[n], 0, 0, &one, &err)) {
            TEST_FAIL("-cpu %s was taken", bad[n]);
        }
        CHECK(err != NULL);
        error_free(err);
    }
    X86Cpu *cpu = cpu_of("qemu64,-sse4_2,popcnt=off,family=6,model=42,stepping=7", 0, 0, &one);
    CHECK(!x86_has_feature(cpu, CPUID_SSE42));
    CHECK(!x86_has_feature(cpu, CPUID_POPCNT));
    CHECK_EQ(cpuid_signature(cpu), 0x206a7);
    target_ops.vcpu_free(&cpu->vcpu);
    for (const CpuModel *m = cpu_models; m->name; m++) { /* every model can be made and answers every leaf */
        uint32_t r[4];
        cpu = cpu_of(m->name, 1, 1, &one);
        for (uint32_t leaf = 0; leaf < 0x30; leaf++) {
            x86_cpuid(cpu, leaf, leaf & 3, r);
            x86_cpuid(cpu, 0x80000000 + leaf, leaf & 3, r);
        }
        target_ops.vcpu_free(&cpu->vcpu);
    }
}

TEST(model_aliases)
{
    unsigned n = 0;
    for (const CpuAlias *a = cpu_aliases; a->name; a++, n++) {
        X86Cpu *cpu = cpu_of(a->name, 1, 1, &one);
        CHECK_STR(cpu->model->name, a->model);
        target_ops.vcpu_free(&cpu->vcpu);
    }
    CHECK(n > 80);
}

TEST(msrs)
{
    X86Cpu *cpu = cpu_of("qemu64", 0, 0, &one);
    uint64_t v;
    CHECK(!msr_read(cpu, 0x12345678, &v));
    CHECK(!msr_write(cpu, 0x12345678, 0));
    CHECK(msr_write(cpu, 0xc0000080, EFER_SCE | EFER_LME | EFER_NXE));
    CHECK(!msr_write(cpu, 0xc0000080, EFER_SVME));
    CHECK(msr_read(cpu, 0xc0000080, &v));
    CHECK_EQ(v, EFER_SCE | EFER_LME | EFER_NXE);
    CHECK(!msr_write(cpu, 0x277, 2)); /* no such memory type */
    CHECK(msr_write(cpu, 0x277, 0x0007010600070106));
    CHECK(!msr_write(cpu, 0x2ff, 0x1000));
    CHECK(!msr_write(cpu, 0xfe, 0)); /* read-only */
    CHECK(!msr_write(cpu, 0xc0000100, 0x8000000000000000)); /* not canonical */
    CHECK(msr_write(cpu, 0xc0000101, 0xffff800000001000));
    CHECK_EQ(cpu->lin_base[SEG_GS], 0xffff800000001000);
    CHECK(msr_write(cpu, 0x10, 1000000));
    CHECK(msr_read(cpu, 0x10, &v));
    CHECK(v >= 1000000);
    CHECK_EQ(x86_tsc_to_ns(cpu, v) + (int64_t)cpu->tsc_offset, v);
    CHECK(!msr_read(cpu, 0x1b, &v)); /* no local APIC in this test */
    CHECK(msr_read(cpu, 0xc0010015, &v)); /* HWCR: AMD's only */
    CHECK(msr_write(cpu, 0x401, 0));
    CHECK(!msr_write(cpu, 0x401, 1));
    CHECK(!msr_write(cpu, 0x400, 1)); /* bank control: all or nothing */
    CHECK(msr_write(cpu, 0xc0010015, 1u << 18)); /* with HWCR.McStatusWrEn the kernel injects errors */
    CHECK(msr_write(cpu, 0x401, 1));
    CHECK(!msr_write(cpu, 0x400, 1));
    CHECK(msr_write(cpu, 0xe7, 5000));
    CHECK(msr_write(cpu, 0xe8, 1000));
    uint64_t mperf, aperf;
    CHECK(msr_read(cpu, 0xe8, &aperf));
    CHECK(msr_read(cpu, 0xe7, &mperf));
    CHECK(mperf >= 5000 && aperf >= 1000 && mperf > aperf);
    target_ops.vcpu_free(&cpu->vcpu);
    cpu = cpu_of("Nehalem", 0, 0, &one);
    CHECK(!msr_read(cpu, 0xc0010015, &v));
    target_ops.vcpu_free(&cpu->vcpu);
}

static void set_pg_without_pe(X86Cpu *cpu)
{
    x86_set_cr0(cpu, CR0_PG);
}

static void set_lme_paging(X86Cpu *cpu)
{
    cpu->efer |= EFER_LME;
    x86_set_cr0(cpu, CR0_PG | CR0_PE);
}

static void set_reserved_cr4(X86Cpu *cpu)
{
    x86_set_cr4(cpu, 1u << 30);
}

static void set_pcide(X86Cpu *cpu)
{
    x86_set_cr4(cpu, CR4_PCIDE);
}

TEST(control_registers)
{
    X86Cpu *cpu = guest_new();
    guest_real(cpu);
    CHECK_EQ(raised(cpu, set_pg_without_pe), EXC_GP);
    CHECK_EQ(raised(cpu, set_lme_paging), EXC_GP); /* PAE is off */
    CHECK_EQ(cpu->cr0 & CR0_PG, 0);
    CHECK_EQ(raised(cpu, set_reserved_cr4), EXC_GP);
    CHECK_EQ(raised(cpu, set_pcide), EXC_GP); /* not in long mode */
}

TEST(triple_fault)
{
    X86Cpu *cpu = guest_new();
    guest_flat32(cpu);
    cpu->idt.limit = 0;
    cpu->regs[R_RIP] = GUEST_CODE;
    cpu->exc_vector = EXC_UD;
    cpu->jmp_valid = false;
    x86_deliver_pending(cpu);
    CHECK(cpu->shutdown);
    CHECK(atomic_load(&cpu->vcpu.halted));
    CHECK_EQ(cpu->regs[R_RIP], GUEST_CODE);
    CHECK_EQ(cpu->exc_vector, -1);
    CHECK(!cpu->exc_ext);
    guest_new();
    CHECK(!cpu->shutdown);
}

static bool inject(X86Cpu *cpu, const MachineCheck *m, Error **errp)
{
    bql_lock();
    bool ok = target_ops.machine_check(&cpu->vcpu, m, false, errp);
    bql_unlock();
    return ok;
}

TEST(machine_checks)
{
    X86Cpu *cpu = guest_new();
    const uint64_t val = 1ull << 63, over = 1ull << 62, uc = 1ull << 61;
    MachineCheck m = { .bank = 2, .status = val | 0x135, .addr = 0x1000, .misc = 7 };
    uint64_t *bank = cpu->mce_banks[2];
    Error *err = NULL;

    /* corrected: only logged; the second one overflows */
    CHECK(inject(cpu, &m, &err));
    CHECK_EQ(bank[1], m.status);
    CHECK_EQ(bank[2], 0x1000);
    CHECK_EQ(bank[3], 7);
    CHECK(inject(cpu, &m, &err));
    CHECK_EQ(bank[1], m.status | over);
    CHECK(!(atomic_load(&cpu->vcpu.events) & VCPU_EV_MCE));
    /* uncorrected: #MC, which sets MCIP */
    guest_long(cpu, 0);
    cpu->cr4 |= CR4_MCE;
    m.status |= uc;
    m.mcg_status = 5;
    m.addr = 0x2000;
    CHECK(inject(cpu, &m, &err));
    CHECK(atomic_load(&cpu->vcpu.events) & VCPU_EV_MCE);
    CHECK_EQ(cpu->mcg_status, 1);
    CHECK_EQ(guest_go(cpu), EXC_MC);
    CHECK_EQ(cpu->mcg_status, 5);
    CHECK_EQ(bank[2], 0x2000);
    /* a corrected one does not displace it; another uncorrected one while MCIP is set is a shutdown */
    m.status = val;
    CHECK(inject(cpu, &m, &err));
    CHECK_EQ(bank[1], val | over | uc | 0x135);
    m.status = val | uc;
    CHECK(inject(cpu, &m, &err));
    CHECK_EQ(guest_go(cpu), 99);
    /* switched off, nonsense */
    cpu = guest_new();
    cpu->mce_banks[2][0] = 0;
    CHECK(!inject(cpu, &m, &err));
    error_free(err);
    err = NULL;
    m.bank = 10;
    CHECK(!inject(cpu, &m, &err));
    CHECK(strstr(error_message(err), "0 to 9") != NULL);
    error_free(err);
    guest_new();
}

/* A virtual-8086 task at IOPL 0 with VME; TSS at GUEST_DATA, redirection bitmap all zero (redirect). */
static X86Cpu *vme_cpu(void)
{
    X86Cpu *cpu = guest_new();
    guest_flat32(cpu);
    cpu->cr4 |= CR4_VME;
    cpu->seg[SEG_TR] = (X86Seg){ .sel = 0x50, .attr = SEG_P | DESC_TSS32_BUSY << 8, .limit = 0x2000, .base = GUEST_DATA };
    memset(guest_ram() + GUEST_DATA, 0, 0x2001);
    st_le16(guest_ram() + GUEST_DATA + 0x66, 0x88);
    cpu->eflags |= FL_VM;
    cpu->cpl = 3;
    x86_update_mode(cpu);
    for (unsigned n = 0; n <= SEG_GS; n++) {
        cpu->seg[n] = seg_real(cpu, n, 0x2000);
    }
    cpu->regs[R_RSP] = 0x1000;
    x86_update_mode(cpu);
    st_le32(guest_ram() + 0x21 * 4, 0x12345678);
    return cpu;
}

static void int_21(X86Cpu *cpu)
{
    x86_interrupt(cpu, 0x21, true, false, 0x77);
}

static void iret16(X86Cpu *cpu)
{
    x86_iret(cpu, 2, 0);
}

TEST(vme_redirects_interrupts)
{
    X86Cpu *cpu = vme_cpu();
    cpu->eflags |= FL_VIF;
    CHECK_EQ(raised(cpu, int_21), -1);
    CHECK_EQ(cpu->seg[SEG_CS].sel, 0x1234);
    CHECK_EQ(cpu->regs[R_RIP], 0x5678);
    CHECK_EQ(cpu->regs[R_RSP], 0xffa);
    CHECK(!(cpu->eflags & FL_VIF));
    CHECK(cpu->eflags & FL_VM);
    CHECK_EQ(ld_le16(guest_ram() + 0x20000 + 0xffa), 0x77);
    CHECK_EQ(ld_le16(guest_ram() + 0x20000 + 0xffc), 0x2000);
    CHECK_EQ(ld_le16(guest_ram() + 0x20000 + 0xffe) & (FL_IF | FL_IOPL), FL_IF | FL_IOPL); /* VIF as IF, IOPL as 3 */
    CHECK_EQ(raised(cpu, iret16), -1);
    CHECK_EQ(cpu->regs[R_RIP], 0x77);
    CHECK(cpu->eflags & FL_VIF);
    CHECK(!(cpu->eflags & FL_IOPL));
    /* a pending virtual interrupt: IRET that would set VIF is #GP, and nothing has changed */
    CHECK_EQ(raised(cpu, int_21), -1);
    cpu->eflags |= FL_VIP;
    CHECK_EQ(raised(cpu, iret16), EXC_GP);
    CHECK_EQ(cpu->regs[R_RSP], 0xffa);
    /* not redirected: IOPL decides */
    cpu = vme_cpu();
    guest_ram()[GUEST_DATA + 0x88 - 32 + 0x21 / 8] = 1u << (0x21 & 7);
    CHECK_EQ(raised(cpu, int_21), EXC_GP);
    cpu = vme_cpu();
    cpu->cr4 &= ~(uint64_t)CR4_VME;
    CHECK_EQ(raised(cpu, int_21), EXC_GP);
}

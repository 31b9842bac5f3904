/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A debugger's points by a real KVM: breakpoints and steps in every mode (an interpreting /dev/kvm does those too), INT3, watchpoints
 * and the guest's own INT3 where guests run in hardware.  QEMU's SVM does the least of them right, so the nest by QEMU runs only
 * the last; bochs-nest runs all.
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-kvm.h"

/* mov $1, %al; nop; mov $2, %al; nop; mov $3, %al; hlt */
static const uint8_t code[] = { 0xb0, 1, 0x90, 0xb0, 2, 0x90, 0xb0, 3, 0xf4 };
enum { SECOND = 3 };

static void real_mode(X86Cpu *cpu)
{
    guest_real(cpu);
}

static void protected_mode(X86Cpu *cpu)
{
    guest_flat32(cpu);
}

static void long_mode(X86Cpu *cpu)
{
    guest_long(cpu, 0);
    if (!kvm.xcr0) { /* no XSAVE */
        cpu->cr4 &= ~(uint64_t)CR4_OSXSAVE;
        cpu->xcr0 = 1;
    }
}

static void (*const modes[])(X86Cpu *cpu) = { real_mode, protected_mode, long_mode };

/* The code at RIP in mode @n. */
static X86Cpu *prepare(unsigned n, const void *bytes, size_t len)
{
    char *why = NULL;
    X86Cpu *cpu = guest_on_kvm(&why);
    if (!cpu) {
        TEST_SKIP(why);
    }
    modes[n](cpu);
    memcpy(guest_ram() + cpu->regs[R_RIP], bytes, len);
    cpu->vcpu.debug = (VcpuDebug){ 0 };
    return cpu;
}

static void need_ordinary(void)
{
    char *why = NULL;
    if (!guest_on_kvm(&why) || !guest_kvm_is_ordinary()) {
        TEST_SKIP(why ? why : "a /dev/kvm that interprets does not do that");
    }
}

/* Stops at SECOND, then, passing it, at the end. */
static void stop_and_pass(X86Cpu *cpu, uint64_t start)
{
    VcpuDebug *d = &cpu->vcpu.debug;
    guest_kvm_run(cpu);
    CHECK_EQ(d->stop, DEBUG_AT_POINT);
    CHECK_EQ(d->hit_addr, start + SECOND);
    CHECK_EQ(cpu->regs[R_RIP], start + SECOND);
    CHECK_EQ(cpu->regs[R_RAX] & 0xff, 1);
    d->stop = DEBUG_NO_STOP;
    d->pass = true;
    guest_kvm_run(cpu);
    CHECK_EQ(d->stop, DEBUG_NO_STOP);
    CHECK_EQ(cpu->regs[R_RIP], start + sizeof(code));
    CHECK_EQ(cpu->regs[R_RAX] & 0xff, 3);
}

TEST(breakpoints_in_registers)
{
    for (unsigned n = 0; n < G_N_ELEMENTS(modes); n++) {
        X86Cpu *cpu = prepare(n, code, sizeof(code));
        uint64_t start = cpu->regs[R_RIP];
        DebugPoint point = { DEBUG_CODE, start + SECOND, 0 };
        cpu->vcpu.debug = (VcpuDebug){ .points = &point, .count = 1 };
        stop_and_pass(cpu, start);
        CHECK_MEM(guest_ram() + start, code, sizeof(code));
        cpu->vcpu.debug = (VcpuDebug){ 0 };
    }
}

TEST(steps)
{
    for (unsigned n = 0; n < G_N_ELEMENTS(modes); n++) {
        static const uint8_t at[] = { 2, 3, 5, 6, 8 };
        X86Cpu *cpu = prepare(n, code, sizeof(code));
        uint64_t start = cpu->regs[R_RIP];
        for (unsigned i = 0; i < sizeof(at); i++) {
            cpu->vcpu.debug = (VcpuDebug){ .step = true };
            guest_kvm_run(cpu);
            CHECK_EQ(cpu->vcpu.debug.stop, DEBUG_STEPPED);
            CHECK_EQ(cpu->regs[R_RIP], start + at[i]);
        }
        cpu->vcpu.debug = (VcpuDebug){ 0 };
    }
}

TEST(breakpoints_by_int3)
{
    need_ordinary();
    for (unsigned n = 0; n < G_N_ELEMENTS(modes); n++) {
        X86Cpu *cpu = prepare(n, code, sizeof(code));
        uint64_t start = cpu->regs[R_RIP];
        DebugPoint points[5] = { [4] = { DEBUG_CODE, start + SECOND, 0 } };
        for (unsigned i = 0; i < 4; i++) {
            points[i] = (DebugPoint){ DEBUG_CODE_HW, 0x10000 + i, 0 };
        }
        cpu->vcpu.debug = (VcpuDebug){ .points = points, .count = 5 };
        stop_and_pass(cpu, start);
        CHECK_EQ(guest_ram()[start + SECOND], 0xcc);
        cpu->vcpu.debug = (VcpuDebug){ 0 };
    }
}

TEST(watchpoints)
{
    static const uint8_t writes[] = { 0xa2, 0x34, 0x12, 0x00, 0x00, 0xb0, 1, 0xf4 }; /* mov %al, 0x1234; mov $1, %al; hlt */
    need_ordinary();
    X86Cpu *cpu = prepare(1, writes, sizeof(writes));
    uint64_t start = cpu->regs[R_RIP];
    DebugPoint point = { DEBUG_WRITE, 0x1230, 8 };
    cpu->vcpu.debug = (VcpuDebug){ .points = &point, .count = 1 };
    guest_kvm_run(cpu);
    CHECK_EQ(cpu->vcpu.debug.stop, DEBUG_AT_POINT);
    CHECK_EQ(cpu->vcpu.debug.hit, DEBUG_WRITE);
    CHECK_EQ(cpu->regs[R_RIP], start + 5);
    cpu->vcpu.debug = (VcpuDebug){ 0 };
}

/* An INT3 that is no debugger's, while one is there: the guest's handler finds the address behind it on its stack. */
TEST(int3_of_the_guests_own)
{
    static const uint8_t breaks[] = { 0x90, 0xcc, 0x90, 0xf4 };
    need_ordinary();
    for (unsigned n = 0; n < G_N_ELEMENTS(modes); n++) {
        X86Cpu *cpu = prepare(n, breaks, sizeof(breaks));
        uint64_t start = cpu->regs[R_RIP];
        DebugPoint points[5];
        for (unsigned i = 0; i < 5; i++) {
            points[i] = (DebugPoint){ DEBUG_CODE, 0x10000 + i, 0 };
        }
        cpu->vcpu.debug = (VcpuDebug){ .points = points, .count = 5 };
        guest_kvm_run(cpu);
        CHECK_EQ(cpu->vcpu.debug.stop, DEBUG_NO_STOP);
        CHECK_EQ(cpu->regs[R_RIP], 0x5000 + 3 * 16 + 1); /* in the handler of vector 3 */
        CHECK_EQ(ld_le16(guest_ram() + cpu->seg[SEG_SS].base + cpu->regs[R_RSP]), (start + 2) & 0xffff);
        cpu->vcpu.debug = (VcpuDebug){ 0 };
    }
}

/* The same as if the exit had come, for a processor that does not make it come: AMD's, whose KVM finds out the length itself. */
TEST(int3_is_given_back)
{
    static const uint8_t breaks[] = { 0xcc, 0x90, 0xf4 };
    need_ordinary();
    if (g_file_test("/sys/module/kvm_intel", G_FILE_TEST_IS_DIR)) {
        TEST_SKIP("kvm-intel takes the length from the exit");
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(modes); n++) {
        X86Cpu *cpu = prepare(n, breaks, sizeof(breaks));
        uint64_t start = cpu->regs[R_RIP];
        guest_kvm_put(cpu);
        kvm_vcpu(&cpu->vcpu)->run->debug.arch = (struct kvm_debug_exit_arch){ .exception = 3, .pc = start };
        CHECK(!kvm_debug_exit(&cpu->vcpu));
        atomic_store(&cpu->vcpu.halted, false);
        accel_current()->vcpu_run(&cpu->vcpu);
        guest_kvm_get(cpu);
        CHECK_EQ(cpu->regs[R_RIP], 0x5000 + 3 * 16 + 1);
        CHECK_EQ(ld_le16(guest_ram() + cpu->seg[SEG_SS].base + cpu->regs[R_RSP]), (start + 1) & 0xffff);
    }
}

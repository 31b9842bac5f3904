/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A debugger's points with KVM (accel/kvm/debug.c), against a kernel of our own: what KVM_SET_GUEST_DEBUG is asked for, when INT3 is in
 * the guest's memory and when not, what each KVM_EXIT_DEBUG becomes, and what of it goes on to the guest.  For the nest by QEMU
 * lets INT3 and debug registers pass in guests, an interpreting /dev/kvm knows no INT3, and the nest by Bochs takes minutes.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"

#include "system/machine.h"
#include "system/runstate.h"
#include "tests/unit/wait.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

enum { FAKE_FD = 1 << 20, CODE = 0x8000, NOP = 0x90, INT3 = 0xcc };
enum { DR6_FIXED = 0xffff0ff0, DR6_BS = 1 << 14 };

/* ---- the kernel ---- */

static struct {
    struct kvm_guest_debug debug;
    struct kvm_regs regs;
    struct kvm_debugregs debugregs;
    struct kvm_vcpu_events events;
    unsigned events_set;
} fake;

static void *fake_place(unsigned long request)
{
    switch (request) {
    case KVM_SET_GUEST_DEBUG: return &fake.debug;
    case KVM_GET_REGS: case KVM_SET_REGS: return &fake.regs;
    case KVM_GET_DEBUGREGS: case KVM_SET_DEBUGREGS: return &fake.debugregs;
    case KVM_GET_VCPU_EVENTS: case KVM_SET_VCPU_EVENTS: return &fake.events;
    default: return NULL;
    }
}

int ioctl(int fd, unsigned long request, ...);
int ioctl(int fd, unsigned long request, ...)
{
    va_list more;
    va_start(more, request);
    void *arg = va_arg(more, void *);
    va_end(more);
    if (fd != FAKE_FD) {
        return (int)syscall(SYS_ioctl, fd, request, arg);
    }
    void *place = fake_place(request);
    fake.events_set += request == KVM_SET_VCPU_EVENTS;
    if (_IOC_DIR(request) & _IOC_READ) {
        memset(arg, 0, _IOC_SIZE(request));
        if (place) {
            memcpy(arg, place, _IOC_SIZE(request));
        }
    } else if (place) {
        memcpy(place, arg, _IOC_SIZE(request));
    }
    return 0;
}

/* ---- an engine that asks accel/kvm/debug.c as run.c does, and a machine of RAM only ---- */

static struct kvm_run area;
static struct {
    struct kvm_debug_exit_arch exits[4];
    unsigned count;
    atomic_uint next;
    atomic_bool left; /* the last exit was one to leave the loop for */
    atomic_bool running;
} script;

static void fake_run(Vcpu *v)
{
    atomic_store(&script.running, true);
    while (atomic_load(&script.next) < script.count) {
        area.debug.arch = script.exits[atomic_load(&script.next)];
        bool leave = kvm_debug_exit(v);
        atomic_store(&script.left, leave);
        atomic_fetch_add(&script.next, 1);
        if (leave) {
            return;
        }
    }
    while (!(atomic_load(&v->events) & VCPU_EV_EXIT)) {
        g_usleep(100);
    }
}

static bool fake_vcpu_init(Vcpu *v, Error **errp)
{
    (void)errp;
    KvmVcpu *k = g_new0(KvmVcpu, 1);
    k->fd = FAKE_FD;
    k->run = &area;
    kvm.xsave_size = sizeof(struct kvm_xsave);
    k->xsave = g_malloc0(kvm.xsave_size);
    v->accel = k;
    return true;
}

static void fake_vcpu_destroy(Vcpu *v)
{
    g_free(kvm_vcpu(v)->xsave);
    g_free(v->accel);
}

static const AccelClass fake_class = { .name = "fake", .desc = "for this test", .vcpu_init = fake_vcpu_init,
                                       .vcpu_destroy = fake_vcpu_destroy, .vcpu_run = fake_run, .state_put = kvm_debug_before_run };
ACCEL_REGISTER(fake_class);

static uint8_t *code; /* at CODE */

static bool test_machine_init(Machine *m, Error **errp)
{
    mem_add(&m->memory, 0, &m->ram);
    code = (uint8_t *)mem_ram_ptr(&m->ram) + CODE;
    return vcpu_create("qemu64", 0, 0, &m->cfg.topo, &m->as_mem, &m->as_smm, &m->as_io, errp) != NULL;
}

static const MachineClass test_machine = { .name = "test", .max_cpus = 1, .init = test_machine_init };

static Vcpu *start(void)
{
    static bool ready;
    Error *err = NULL;
    if (!ready) {
        mainloop_init();
        bql_lock();
        CHECK(accel_choose("fake", &err));
        ready = true;
    }
    MachineConfig cfg = { .topo = { 1, 1, 1, 1, 1, 1 }, .ram_size = 1 << 20 };
    if (!machine_new(&test_machine, &cfg, &err)) {
        TEST_FAIL("%s", error_message(err));
    }
    memset(code, NOP, 64);
    memset(&fake, 0, sizeof(fake));
    memset(&script, 0, sizeof(script));
    fake.regs.rip = CODE;
    x86_cpu(vcpu_get(0))->regs[R_RIP] = CODE;
    x86_cpu(vcpu_get(0))->seg[SEG_CS].base = 0;
    x86_update_mode(x86_cpu(vcpu_get(0)));
    return vcpu_get(0);
}

static void go(void)
{
    atomic_store(&script.running, false);
    vm_start();
    WAIT_FOR(atomic_load(&script.running) && atomic_load(&script.next) == script.count);
}

static void end(void)
{
    vm_stop(RUN_PAUSED);
    vcpu_get(0)->debug = (VcpuDebug){ 0 };
    go(); /* a debugger that leaves: nothing of it stays */
    vm_stop(RUN_SHUTDOWN);
    vcpus_shutdown();
    machine_free(machine_current());
    vcpus_free();
}

/* Five breakpoints: four in registers, the fifth is INT3. */
static const DebugPoint five[] = {
    { DEBUG_CODE_HW, CODE + 1, 0 }, { DEBUG_CODE_HW, CODE + 2, 0 }, { DEBUG_CODE_HW, CODE + 3, 0 }, { DEBUG_CODE_HW, CODE + 4, 0 },
    { DEBUG_CODE, CODE + 9, 0 },
};

static void exit_with(uint32_t exception, uint64_t pc, uint64_t dr6)
{
    script.exits[script.count++] = (struct kvm_debug_exit_arch){ .exception = exception, .pc = pc, .dr6 = dr6, .dr7 = 0x400 };
}

/* ---- cases ---- */

TEST(points_go_into_registers)
{
    /* an 8-byte watchpoint at an odd address would need 4 pieces; this one two: 4 bytes at 8004, 2 at 8008 */
    static const DebugPoint points[] = { { DEBUG_CODE, CODE + 7, 0 }, { DEBUG_ACCESS, CODE + 4, 6 }, { DEBUG_WRITE, CODE + 16, 8 } };
    Vcpu *v = start();
    v->debug.points = points;
    v->debug.count = G_N_ELEMENTS(points);
    go();
    CHECK_EQ(fake.debug.control, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP);
    CHECK_EQ(fake.debug.arch.debugreg[0], CODE + 4);
    CHECK_EQ(fake.debug.arch.debugreg[1], CODE + 8);
    CHECK_EQ(fake.debug.arch.debugreg[2], CODE + 16);
    CHECK_EQ(fake.debug.arch.debugreg[3], CODE + 7);
    /* DR7 (SDM vol. 3, 17.2.4): G0-G3; R/W0 3, LEN0 3; R/W1 3, LEN1 1; R/W2 1, LEN2 2; R/W3 0, LEN3 0 */
    CHECK_EQ(fake.debug.arch.debugreg[7], 0x400 | 0xaa | 0xfu << 16 | 0x7u << 20 | 0x9u << 24);
    CHECK_EQ(code[7], NOP);
    end();
    CHECK_EQ(fake.debug.control, 0);
}

TEST(what_has_no_register_is_int3_while_the_guest_runs)
{
    Vcpu *v = start();
    v->debug.points = five;
    v->debug.count = G_N_ELEMENTS(five);
    CHECK_EQ(code[9], NOP);
    go();
    CHECK_EQ(fake.debug.control, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_USE_SW_BP);
    CHECK_EQ(code[9], INT3);
    CHECK_EQ(code[8], NOP);
    CHECK_EQ(code[10], NOP);
    vm_stop(RUN_PAUSED);
    CHECK_EQ(code[9], NOP); /* nobody who reads memory sees it */
    code[9] = 0x42;         /* the guest's, or a debugger's, new instruction */
    go();
    CHECK_EQ(code[9], INT3);
    vm_stop(RUN_PAUSED);
    CHECK_EQ(code[9], 0x42);
    end();
    CHECK_EQ(fake.debug.control, 0);
}

TEST(int3_of_ours_stops_for_the_debugger)
{
    Vcpu *v = start();
    v->debug.points = five;
    v->debug.count = G_N_ELEMENTS(five);
    exit_with(3, CODE + 9, 0);
    go();
    CHECK(atomic_load(&script.left));
    CHECK_EQ(v->debug.stop, DEBUG_AT_POINT);
    CHECK_EQ(v->debug.hit, DEBUG_CODE);
    CHECK_EQ(v->debug.hit_addr, CODE + 9);
    CHECK(v->stop); /* it parks; the main loop stops the machine */
    CHECK_EQ(fake.events_set, 0);
    vm_stop(RUN_DEBUG);
    CHECK_EQ(code[9], NOP);
    end();
}

/* The debugger goes on from an INT3 of ours: one step without it, then in earnest with it. */
TEST(the_instruction_below_int3_is_passed)
{
    Vcpu *v = start();
    v->debug = (VcpuDebug){ .points = five, .count = G_N_ELEMENTS(five), .pass = true, .hit_addr = CODE + 9 };
    x86_cpu(v)->regs[R_RIP] = CODE + 9;
    go();
    CHECK_EQ(code[9], NOP);
    CHECK(fake.debug.control & KVM_GUESTDBG_SINGLESTEP);
    CHECK(!(fake.debug.control & KVM_GUESTDBG_USE_HW_BP)); /* nor stops a register's point */
    vm_stop(RUN_PAUSED);
    fake.regs.rip = CODE + 10;
    exit_with(1, CODE + 10, DR6_FIXED | DR6_BS);
    go();
    CHECK(!atomic_load(&script.left));
    CHECK_EQ(v->debug.stop, DEBUG_NO_STOP);
    CHECK(!v->debug.pass);
    CHECK_EQ(code[9], INT3);
    CHECK_EQ(fake.debug.control, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_USE_SW_BP);
    vm_stop(RUN_PAUSED);
    end();
}

/* RIP stays at the guest's INT3: the kernel knows that instruction's length from the exit, and what is pushed is the address behind it. */
TEST(int3_of_the_guest_goes_on_to_the_guest)
{
    Vcpu *v = start();
    v->debug.points = five;
    v->debug.count = G_N_ELEMENTS(five);
    code[20] = INT3;
    fake.regs.rip = CODE + 20;
    exit_with(3, CODE + 20, 0);
    go();
    CHECK(!atomic_load(&script.left));
    CHECK_EQ(v->debug.stop, DEBUG_NO_STOP);
    CHECK_EQ(fake.events_set, 1);
    CHECK_EQ(fake.events.exception.injected, 1);
    CHECK_EQ(fake.events.exception.nr, 3);
    CHECK_EQ(fake.events.exception.has_error_code, 0);
    CHECK_EQ(fake.regs.rip, CODE + 20);
    vm_stop(RUN_PAUSED);
    CHECK_EQ(code[20], INT3);
    end();
}

/* Its debug exception too, with what DR6 says of it. */
TEST(debug_exception_of_the_guest_goes_on_to_the_guest)
{
    Vcpu *v = start();
    v->debug.points = five;
    v->debug.count = G_N_ELEMENTS(five);
    exit_with(1, CODE + 30, DR6_FIXED | DR6_BS);
    go();
    CHECK(!atomic_load(&script.left));
    CHECK_EQ(fake.events.exception.injected, 1);
    CHECK_EQ(fake.events.exception.nr, 1);
    CHECK_EQ(fake.debugregs.dr6, DR6_FIXED | DR6_BS);
    end();
}

TEST(registers_that_hit_are_told)
{
    static const DebugPoint points[] = { { DEBUG_CODE, CODE + 7, 0 }, { DEBUG_ACCESS, CODE + 0x104, 6 } };
    Vcpu *v = start();
    v->debug.points = points;
    v->debug.count = G_N_ELEMENTS(points);
    exit_with(1, CODE + 12, DR6_FIXED | 2); /* DR1: the second piece of the watched range */
    go();
    CHECK(atomic_load(&script.left));
    CHECK_EQ(v->debug.stop, DEBUG_AT_POINT);
    CHECK_EQ(v->debug.hit, DEBUG_ACCESS);
    CHECK_EQ(v->debug.hit_addr, CODE + 0x108);
    vm_stop(RUN_DEBUG);
    v->debug.stop = DEBUG_NO_STOP;
    exit_with(1, CODE + 7, DR6_FIXED | 4); /* DR2: the breakpoint, told by its address */
    go();
    CHECK_EQ(v->debug.hit, DEBUG_CODE);
    CHECK_EQ(v->debug.hit_addr, CODE + 7);
    vm_stop(RUN_DEBUG);
    end();
}

TEST(a_step_is_told)
{
    Vcpu *v = start();
    v->debug.step = true;
    exit_with(1, CODE + 1, DR6_FIXED | DR6_BS);
    go();
    CHECK_EQ(fake.debug.control & (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP), KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP);
    CHECK(atomic_load(&script.left));
    CHECK_EQ(v->debug.stop, DEBUG_STEPPED);
    vm_stop(RUN_DEBUG);
    end();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loop around KVM_RUN: what waits for the vCPU goes in, what the guest wants of devices comes out.  vCPU's own thread,
 * without the big lock; dispatch takes it around device access.
 *
 * A kick sets immediate_exit and sends a signal whose handler does nothing: whichever moment it comes at, the vCPU is out of the
 * guest soon.  The loop clears immediate_exit before it looks at the events, so that none is lost.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"
#include "system/runstate.h"
#include "target/i386/exc.h"
#include "util/log.h"
#include "util/mainloop.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define KICK_SIGNAL SIGUSR1

/* ---- kicks ---- */

static void run_on_kick(int sig)
{
    (void)sig;
}

void kvm_run_init(void)
{
    struct sigaction sa = { .sa_handler = run_on_kick }; /* no SA_RESTART */
    sigaction(KICK_SIGNAL, &sa, NULL);
}

void kvm_kick(Vcpu *v)
{
    KvmVcpu *k = kvm_vcpu(v);
    if (k) {
        __atomic_store_n(&k->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        syscall(SYS_tgkill, getpid(), v->thread_id, KICK_SIGNAL);
    }
}

static void run_unblock_kicks(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, KICK_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- what waits for the vCPU ---- */

/* INIT and start-up messages, where the local APIC is ours: they change registers as in the software engines. */
static void run_take_init(Vcpu *v)
{
    bql_lock();
    kvm_state_get(v);
    bql_unlock();
    x86_take_start(x86_cpu(v));
    kvm_verify_drop(v);
    bql_lock();
    kvm_state_put(v);
    bql_unlock();
}

static void run_inject(Vcpu *v, KvmVcpu *k, unsigned long request, uint32_t event, const char *what)
{
    vcpu_event_clear(v, event);
    if (ioctl(k->fd, request) < 0) {
        kvm_broken(v, what);
    }
    atomic_store(&v->halted, false);
}

/* An external interrupt of the PIC or of our local APIC, as soon as the guest takes one. */
static void run_take_interrupt(Vcpu *v, KvmVcpu *k)
{
    k->run->request_interrupt_window = 1;
    if (!k->run->ready_for_interrupt_injection || !k->run->if_flag) {
        return;
    }
    bql_lock();
    int vector = v->intc ? v->intc->acknowledge(v->intc->opaque) : -1;
    bql_unlock();
    if (vector >= 0) {
        struct kvm_interrupt irq = { .irq = (uint32_t)vector };
        if (kvm_ioctl(k->fd, KVM_INTERRUPT, &irq) < 0) {
            kvm_broken(v, "the kernel refuses an interrupt");
        }
        atomic_store(&v->halted, false);
        k->run->ready_for_interrupt_injection = 0;
    }
    if (!(atomic_load(&v->events) & VCPU_EV_INTR)) {
        k->run->request_interrupt_window = 0;
    }
}

/* True: leave the loop. */
static bool run_take_events(Vcpu *v, KvmVcpu *k)
{
    uint32_t events = atomic_load(&v->events);
    if (events & VCPU_EV_TLB) {
        vcpu_event_clear(v, VCPU_EV_TLB); /* the hardware sees the slots, and KVM has no A20 gate */
    }
    if (events & VCPU_EV_EXIT) {
        return true;
    }
    if (kvm.irqchip == KVM_IRQCHIP_OFF && (events & (VCPU_EV_INIT | VCPU_EV_SIPI))) {
        run_take_init(v);
        events = atomic_load(&v->events);
    }
    if (x86_cpu(v)->wait_sipi && kvm.irqchip == KVM_IRQCHIP_OFF) {
        return true;
    }
    if (events & VCPU_EV_NMI) {
        run_inject(v, k, KVM_NMI, VCPU_EV_NMI, "the kernel refuses an NMI");
    }
    if (events & VCPU_EV_SMI) {
        if (kvm.has_smm) {
            run_inject(v, k, KVM_SMI, VCPU_EV_SMI, "the kernel refuses an SMI");
        }
        vcpu_event_clear(v, VCPU_EV_SMI);
    }
    if (events & VCPU_EV_INTR) {
        run_take_interrupt(v, k);
    }
    return atomic_load(&v->halted) && !v->halts_inside;
}

/* ---- exits ---- */

static void run_io(Vcpu *v, struct kvm_run *run)
{
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    unsigned size = run->io.size;
    for (uint32_t n = 0; n < run->io.count; n++, data += size) {
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            address_space_store(v->as_io, run->io.port, size, ld_le(data, size));
        } else {
            uint64_t val = UINT64_MAX;
            address_space_load(v->as_io, run->io.port, size, &val);
            st_le(data, val, size);
        }
    }
}

static void run_mmio(Vcpu *v, struct kvm_run *run)
{
    AddressSpace *as = run->flags & KVM_RUN_X86_SMM ? v->as_smm : v->as_mem;
    unsigned len = MIN(run->mmio.len, 8u);
    bool simple = is_pow2(len);
    if (run->mmio.is_write && simple) {
        address_space_store(as, run->mmio.phys_addr, len, ld_le(run->mmio.data, len));
    } else if (run->mmio.is_write) {
        address_space_write(as, run->mmio.phys_addr, run->mmio.data, len);
    } else if (simple) {
        uint64_t val = UINT64_MAX;
        address_space_load(as, run->mmio.phys_addr, len, &val);
        st_le(run->mmio.data, val, len);
    } else {
        address_space_read(as, run->mmio.phys_addr, run->mmio.data, len);
    }
}

static void run_print_registers(Vcpu *v)
{
    bql_lock();
    kvm_state_get(v);
    v->state_here = true;
    GString *s = g_string_new(NULL);
    target_ops.print_registers(v, s);
    fprintf(stderr, "%s", s->str);
    g_string_free(s, TRUE);
    bql_unlock();
}

/* The guest cannot go on; it stays as it is, for a look with the monitor or a debugger, until a reset. */
static bool run_dead(Vcpu *v, const char *what, uint64_t code)
{
    error_report("kvm: CPU %u: %s (0x%" PRIx64 "); the guest is paused, and system_reset starts it again", v->index, what, code);
    run_print_registers(v);
    vm_stop_request(RUN_INTERNAL_ERROR);
    return true;
}

static bool run_halt(Vcpu *v, KvmVcpu *k)
{
    uint32_t wake = VCPU_EV_NMI | VCPU_EV_SMI | VCPU_EV_INIT | (k->run->if_flag ? VCPU_EV_INTR : 0u);
    atomic_store(&v->halted, true);
    if (atomic_load(&v->events) & wake) {
        atomic_store(&v->halted, false);
        return false;
    }
    return true;
}

static bool run_system_event(struct kvm_run *run)
{
    if (run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN) {
        request_shutdown(SHUTDOWN_GUEST_SHUTDOWN);
    } else if (run->system_event.type == KVM_SYSTEM_EVENT_CRASH) {
        request_shutdown(SHUTDOWN_GUEST_PANIC);
    } else {
        request_reset(SHUTDOWN_GUEST_RESET);
    }
    return true;
}

static bool run_ring_full(void)
{
    bql_lock();
    kvm_slots_reap();
    bql_unlock();
    return false;
}

/* True: leave the loop. */
static bool run_exit(Vcpu *v, KvmVcpu *k)
{
    struct kvm_run *run = k->run;
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        run_io(v, run);
        k->unfinished = true;
        return false;
    case KVM_EXIT_MMIO:
        run_mmio(v, run);
        k->unfinished = true;
        return false;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_INTR:
    case KVM_EXIT_SET_TPR:
    case KVM_EXIT_TPR_ACCESS:
    case KVM_EXIT_X86_BUS_LOCK:
        return false;
    case KVM_EXIT_HLT:
        return run_halt(v, k);
    case KVM_EXIT_SHUTDOWN:
        log_printf(LOG_CPU_RESET, "%u: triple fault\n", v->index);
        request_reset(SHUTDOWN_GUEST_RESET);
        return true;
    case KVM_EXIT_SYSTEM_EVENT:
        return run_system_event(run);
    case KVM_EXIT_IOAPIC_EOI:
        bql_lock();
        kvm_irqchip_eoi(run->eoi.vector);
        bql_unlock();
        return false;
    case KVM_EXIT_DEBUG:
        return kvm_debug_exit(v);
    case KVM_EXIT_DIRTY_RING_FULL:
        return run_ring_full();
    case KVM_EXIT_HYPERV: /* SYNIC messages that go on in user space: none is set up */
        run->hyperv.u.hcall.result = 2; /* HV_STATUS_INVALID_HYPERCALL_CODE */
        k->unfinished = true;
        return false;
    case KVM_EXIT_FAIL_ENTRY:
        return run_dead(v, "the processor refuses the guest's state", run->fail_entry.hardware_entry_failure_reason);
    case KVM_EXIT_INTERNAL_ERROR:
        return run_dead(v, run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION ? "KVM cannot emulate an instruction" :
                           "KVM met an internal error", run->internal.suberror);
    default:
        return run_dead(v, "exit for a reason that is not known", run->exit_reason);
    }
}

/* ---- the loop ---- */

/* Our local APIC and the hardware agree on the task priority and on the base. */
static void run_before_apic(Vcpu *v, KvmVcpu *k)
{
    if (kvm.irqchip == KVM_IRQCHIP_OFF && v->intc) {
        bql_lock();
        k->run->cr8 = v->intc->get_tpr(v->intc->opaque) >> 4;
        bql_unlock();
    }
}

static void run_after_apic(Vcpu *v, KvmVcpu *k)
{
    const VcpuIntc *intc = v->intc;
    if (kvm.irqchip != KVM_IRQCHIP_OFF || !intc) {
        return;
    }
    bql_lock();
    if (intc->get_tpr(intc->opaque) >> 4 != k->run->cr8) {
        intc->set_tpr(intc->opaque, (uint8_t)(k->run->cr8 << 4));
    }
    if (k->run->apic_base != intc->get_base(intc->opaque)) {
        intc->set_base(intc->opaque, k->run->apic_base);
    }
    bql_unlock();
}

static int run_guest(KvmVcpu *k)
{
    kvm_slots_enter(k);
    int rc = ioctl(k->fd, KVM_RUN, NULL);
    int err = errno;
    kvm_slots_leave(k);
    errno = err;
    return rc;
}

/* A port or memory access is complete only after the next KVM_RUN: that one comes back at once. */
static void run_finish(Vcpu *v, KvmVcpu *k)
{
    for (unsigned n = 0; k->unfinished && n < 64; n++) {
        k->unfinished = false;
        __atomic_store_n(&k->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        if (run_guest(k) == 0) {
            run_exit(v, k); /* the second part of an access that spans pages */
        }
    }
}

static bool run_error(Vcpu *v)
{
    if (errno == EINTR || errno == EAGAIN) {
        return false;
    }
    kvm_broken(v, "the guest does not run");
    return true;
}

static void run_loop(Vcpu *v, KvmVcpu *k)
{
    for (;;) {
        __atomic_store_n(&k->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
        k->run->request_interrupt_window = 0; /* an interrupt may have been withdrawn */
        if (G_UNLIKELY(atomic_load(&v->events) || (atomic_load(&v->halted) && !v->halts_inside)) && run_take_events(v, k)) {
            return;
        }
        run_before_apic(v, k);
        k->unfinished = false;
        int rc = run_guest(k);
        run_after_apic(v, k);
        if (kvm.coalesced_page) {
            kvm_flush_coalesced(k);
        }
        if (rc < 0 ? run_error(v) : run_exit(v, k)) {
            return;
        }
    }
}

void kvm_run_vcpu(Vcpu *v)
{
    KvmVcpu *k = kvm_vcpu(v);
    run_unblock_kicks();
    run_loop(v, k);
    run_finish(v, k);
}

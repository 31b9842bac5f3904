/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's clocks: frequency of the time stamp counter, and that it and kvmclock stand still while the machine does
 * (KVM_GET_CLOCK, KVM_SET_CLOCK, KVM_VCPU_TSC_OFFSET).  Main thread, big lock; vCPUs are parked when the run state changes.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"
#include "system/runstate.h"
#include "target/i386/cpuid.h"

#include <sys/ioctl.h>
#include <x86intrin.h>

static struct {
    RunstateNotifier notifier;
    bool stopped; /* since then: */
    struct kvm_clock_data data;
    uint64_t tsc;
} clk;

/* Guest ticks between two values of the host's counter: both run at one rate, or the kernel scales. */
static uint64_t clock_guest_ticks(const KvmVcpu *k, uint64_t host)
{
    int guest_khz = ioctl(k->fd, KVM_GET_TSC_KHZ, NULL), host_khz = ioctl(kvm.vm, KVM_GET_TSC_KHZ, NULL);
    return guest_khz > 0 && host_khz > 0 && guest_khz != host_khz ? muldiv64(host, (uint64_t)guest_khz, (uint64_t)host_khz) : host;
}

static void clock_move_tsc(KvmVcpu *k, uint64_t host_ticks)
{
    uint64_t offset;
    struct kvm_device_attr a = { .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset };
    if (kvm_ioctl(k->fd, KVM_HAS_DEVICE_ATTR, &a) < 0 || kvm_ioctl(k->fd, KVM_GET_DEVICE_ATTR, &a) < 0) {
        return; /* before 5.16: the counter goes on */
    }
    offset -= clock_guest_ticks(k, host_ticks);
    kvm_ioctl(k->fd, KVM_SET_DEVICE_ATTR, &a);
}

static void clock_stop(void)
{
    memset(&clk.data, 0, sizeof(clk.data));
    clk.tsc = __rdtsc();
    clk.stopped = kvm_ioctl(kvm.vm, KVM_GET_CLOCK, &clk.data) == 0;
}

static void clock_start(void)
{
    uint64_t passed = __rdtsc() - clk.tsc;
    struct kvm_clock_data d = { .clock = clk.data.clock };
    for (unsigned i = 0; i < vcpu_count(); i++) {
        clock_move_tsc(kvm_vcpu(vcpu_get(i)), passed);
    }
    kvm_ioctl(kvm.vm, KVM_SET_CLOCK, &d);
    for (unsigned i = 0; i < vcpu_count() && kvm.has_clock_ctrl; i++) {
        ioctl(kvm_vcpu(vcpu_get(i))->fd, KVM_KVMCLOCK_CTRL, NULL); /* a guest's watchdog learns of the pause; no kvmclock: EINVAL */
    }
    clk.stopped = false;
}

static void clock_changed(RunstateNotifier *n, bool running, RunState s)
{
    (void)n;
    (void)s;
    if (running && clk.stopped) {
        clock_start();
    } else if (!running && !clk.stopped && vcpu_count()) {
        clock_stop();
    }
}

void kvm_clock_init(void)
{
    if (kvm.has_clock) {
        clk.notifier = (RunstateNotifier){ .changed = clock_changed };
        runstate_notifier_add(&clk.notifier);
    }
}

bool kvm_tsc_init(Vcpu *v, Error **errp)
{
    uint64_t hz = x86_cpu(v)->model->extras.tsc_hz;
    KvmVcpu *k = kvm_vcpu(v);
    if (!hz) {
        return true;
    }
    int now = ioctl(k->fd, KVM_GET_TSC_KHZ, NULL);
    if (ioctl(k->fd, KVM_SET_TSC_KHZ, (unsigned long)(hz / 1000)) < 0) {
        error_set(errp, "tsc-frequency=%" PRIu64 ": this host's counter runs at %d kHz and cannot be scaled to that", hz, now);
        return false;
    }
    return true;
}

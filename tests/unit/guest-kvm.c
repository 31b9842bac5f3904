/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/osdep.h"
#include "tests/unit/guest-kvm.h"
#include "util/mainloop.h"

static bool ordinary;

X86Cpu *guest_on_kvm(char **why)
{
    if (!g_getenv("RHEA_KVM_FIRMWARE")) {
        ordinary = kvm_probe(why);
        g_setenv("RHEA_KVM_FIRMWARE", "1", TRUE);
    }
    if (!kvm_probe(why)) {
        return NULL;
    }
    g_setenv("ENGINE", "kvm,kernel-irqchip=off", TRUE);
    X86Cpu *cpu = guest_new();
    cpu->vcpu.was_reset = true;
    guest_kvm_put(cpu);
    cpu->vcpu.was_reset = false;
    return cpu;
}

bool guest_kvm_is_ordinary(void)
{
    return ordinary;
}

void guest_kvm_put(X86Cpu *cpu)
{
    bql_lock();
    kvm_state_put(&cpu->vcpu);
    bql_unlock();
}

void guest_kvm_get(X86Cpu *cpu)
{
    bql_lock();
    kvm_state_get(&cpu->vcpu);
    bql_unlock();
}

void guest_kvm_run(X86Cpu *cpu)
{
    guest_kvm_put(cpu);
    atomic_store(&cpu->vcpu.halted, false);
    vcpu_event_clear(&cpu->vcpu, VCPU_EV_EXIT);
    accel_current()->vcpu_run(&cpu->vcpu);
    guest_kvm_get(cpu);
}

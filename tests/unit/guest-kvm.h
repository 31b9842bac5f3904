/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine of guest-cpu.h on KVM, without interrupt controllers: also on a /dev/kvm that interprets. */
#ifndef TESTS_UNIT_GUEST_KVM_H
#define TESTS_UNIT_GUEST_KVM_H

#include "accel/kvm/kvm-int.h"
#include "tests/unit/guest-cpu.h"

X86Cpu *guest_on_kvm(char **why); /* reset, here and in the kernel; NULL: why there is none */
bool guest_kvm_is_ordinary(void); /* it runs guests in hardware, or what is like it */
void guest_kvm_put(X86Cpu *cpu);
void guest_kvm_get(X86Cpu *cpu);
/* From RIP until HLT or the debugger's stop; the state is put before and got after. */
void guest_kvm_run(X86Cpu *cpu);

#endif

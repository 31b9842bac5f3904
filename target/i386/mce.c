/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine checks that a person injects (SDM vol. 3, chapter 16): the error goes to its bank as the processor would log it, and an
 * uncorrected one that the guest has not switched off is #MC.  Banks are MSRs 0x400 and on (msr.c); delivery is exc.c's.
 */
#include "util/osdep.h"
#include "target/i386/cpu-int.h"
#include "target/i386/cpuid.h"

#define STATUS_VAL ((uint64_t)1 << 63)
#define STATUS_OVER ((uint64_t)1 << 62)
#define STATUS_UC ((uint64_t)1 << 61)
enum { BANK_CTL, BANK_STATUS, BANK_ADDR, BANK_MISC };

typedef struct MceCall {
    MachineCheck check;
    bool dropped;
} MceCall;

static void mce_log(uint64_t bank[4], const MachineCheck *m)
{
    bank[BANK_STATUS] = m->status | (bank[BANK_STATUS] & STATUS_VAL ? STATUS_OVER : 0);
    bank[BANK_ADDR] = m->addr;
    bank[BANK_MISC] = m->misc;
}

static void mce_on_cpu(Vcpu *v, void *opaque)
{
    X86Cpu *cpu = x86_cpu(v);
    MceCall *call = opaque;
    const MachineCheck *m = &call->check;
    uint64_t *bank = cpu->mce_banks[m->bank];

    if (m->status & STATUS_UC) {
        if (cpu->mcg_ctl != UINT64_MAX || bank[BANK_CTL] != UINT64_MAX) {
            call->dropped = true; /* the guest wants no reports of these */
            return;
        }
        mce_log(bank, m);
        cpu->mcg_status = (cpu->mcg_status & 4) | (m->mcg_status & 3);
        vcpu_event_set(v, VCPU_EV_MCE);
    } else if ((bank[BANK_STATUS] & (STATUS_VAL | STATUS_UC)) == (STATUS_VAL | STATUS_UC)) {
        bank[BANK_STATUS] |= STATUS_OVER; /* a corrected error does not displace an uncorrected one */
    } else {
        mce_log(bank, m);
    }
}

bool cpu_machine_check(Vcpu *v, const MachineCheck *m, bool broadcast, Error **errp)
{
    X86Cpu *cpu = x86_cpu(v);

    if (cpuid_engine()) {
        error_set(errp, "machine checks can be injected with a software engine only (-accel jit)");
        return false;
    }
    if (!x86_has_feature(cpu, CPUID_MCA)) {
        error_set(errp, "the CPU model has no machine check architecture (feature 'mca')");
        return false;
    }
    if (m->bank >= G_N_ELEMENTS(cpu->mce_banks)) {
        error_set(errp, "there is no machine check bank %u: 0 to %zu", m->bank, G_N_ELEMENTS(cpu->mce_banks) - 1);
        return false;
    }
    if (!(m->status & STATUS_VAL)) {
        error_set(errp, "status 0x%" PRIx64 " is of no error: bit 63 (VAL) must be set", m->status);
        return false;
    }
    MceCall call = { .check = *m };
    vcpu_run_on(v, mce_on_cpu, &call);
    if (call.dropped) {
        error_set(errp, "CPU %u has uncorrected errors of bank %u switched off (MCG_CTL, MCi_CTL)", v->index, m->bank);
        return false;
    }
    for (unsigned n = 0; broadcast && n < vcpu_count(); n++) {
        MceCall other = { .check = { .bank = 1, .status = STATUS_VAL | STATUS_UC, .mcg_status = 1 } };
        if (vcpu_get(n) != v) {
            vcpu_run_on(vcpu_get(n), mce_on_cpu, &other);
        }
    }
    return true;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accelerators: what runs guest code.  One is chosen at start-up (accel/accel.c) and told to the user once.
 */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include "system/cpus.h"

struct KeyVal;

typedef struct AccelClass {
    const char *name; /* "interp", "jit", "kvm", "qtest" */
    const char *desc;
    /* Usable here?  false: *why says what is missing and the cure (newly allocated). */
    bool (*probe)(char **why);
    /* -accel NAME,key=value...: under the big lock, before any vCPU exists. */
    bool (*init)(struct KeyVal *options, Error **errp);
    bool (*vcpu_init)(Vcpu *v, Error **errp); /* in the creating thread */
    void (*vcpu_destroy)(Vcpu *v);
    /*
     * Runs guest code in the vCPU's thread, without the big lock, until VCPU_EV_EXIT is set or the vCPU halts
     * with nothing to take.  NULL: this accelerator runs no code (qtest).
     */
    void (*vcpu_run)(Vcpu *v);
    void (*vcpu_kick)(Vcpu *v);       /* any thread, async-signal-safe; may be NULL */
    void (*state_get)(Vcpu *v);       /* accelerator -> struct, for monitor, save; may be NULL */
    void (*state_put)(Vcpu *v);       /* struct -> accelerator, after reset, load; may be NULL */
    /* General registers only, during an access of the guest's to a device: its own thread, big lock.  NULL: they are in the struct. */
    void (*registers_get)(Vcpu *v);
    void (*registers_put)(Vcpu *v);
    void (*tlb_flush)(Vcpu *v);       /* its own thread or parked; may be NULL */
    /* Vcpu.debug was changed, the vCPU is parked.  NULL: this one cannot stop where a debugger wants. */
    void (*debug_changed)(Vcpu *v);
    bool (*has_smm)(void); /* system management mode: after init; NULL: yes */
} AccelClass;

/* Registered through constructors, like devices. */
void accel_class_register(const AccelClass *cls);
#define ACCEL_REGISTER(cls) \
    static void __attribute__((constructor)) accel_register_##cls(void) { accel_class_register(&(cls)); } \
    struct accel_register_semicolon_##cls

/*
 * Tries the names of @spec in order ("kvm:tcg", "interp,opt=v"; NULL: best software engine).  Says on stderr which
 * one was chosen when an earlier one could not be used, and why.
 */
bool accel_choose(const char *spec, Error **errp);
/* -machine kernel-irqchip=@value, for an accelerator that knows it; before accel_choose().  Kept, not copied. */
void accel_set_irqchip(const char *value);
void accel_set_cpu_pm(bool on); /* -overcommit cpu-pm=: the guest's idle instructions reach the host's CPU; before accel_choose() */
bool accel_cpu_pm(void);        /* for the accelerator */
const AccelClass *accel_current(void);
void accel_print_help(FILE *f); /* every engine, usable or not and why */
static inline bool accel_runs_code(void)
{
    return accel_current()->vcpu_run != NULL;
}

#endif

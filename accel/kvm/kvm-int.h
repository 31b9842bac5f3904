/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the KVM accelerator share.  The interface is the kernel's (Documentation/virt/kvm/api.rst); names of
 * requests and structs are those of <linux/kvm.h>.  One virtual machine a process.
 */
#ifndef ACCEL_KVM_KVM_INT_H
#define ACCEL_KVM_KVM_INT_H

#include "accel/accel.h"
#include "target/i386/cpu.h"
#include "util/bytes.h"

#include <linux/kvm.h>

typedef enum KvmIrqchip { KVM_IRQCHIP_OFF, KVM_IRQCHIP_SPLIT, KVM_IRQCHIP_ON } KvmIrqchip;

/* An MSR that is moved: its place in the X86Cpu, or none. */
typedef struct KvmMsr {
    uint32_t index;
    uint32_t offset;  /* in X86Cpu; 0: `value` is its place */
    uint64_t value;
    uint64_t seen;    /* what the kernel holds, as far as we know */
    uint64_t initial; /* after the vCPU's creation: its reset value */
    bool refused;     /* the kernel would not take the last value */
} KvmMsr;

typedef struct KvmVcpu {
    int fd;
    struct kvm_run *run;
    KvmMsr *msrs;
    unsigned msr_count;
    /* What X86Cpu has no place for, as last read; zero after a reset. */
    struct kvm_vcpu_events events;
    uint8_t *xsave; /* kvm.xsave_size bytes, page aligned */
    uint8_t *nested; /* kvm.nested_size bytes; NULL: none */
    bool debugging;          /* a debugger watches in the kernel */
    uint64_t debugreg[4];    /* where */
    bool unfinished; /* the last exit is completed by the next KVM_RUN */
    struct kvm_dirty_gfn *ring; /* NULL: none */
    unsigned ring_next;
    struct KvmSnapshot *verify; /* with verify=on: the state as it was got */
    /* Guards the guest part of a run against changes of the memory slots, see slots.c. */
    atomic_bool in_guest;
} KvmVcpu;

typedef struct KvmState {
    int fd, vm;
    size_t run_size, xsave_size, nested_size;
    KvmIrqchip irqchip;
    bool verify;
    unsigned max_slots, max_vcpus;
    unsigned coalesced_page; /* of the kvm_run mapping; 0: no coalesced I/O */
    unsigned blockirq; /* KVM_GUESTDBG_BLOCKIRQ, where the kernel knows it */
    uint64_t mcg_cap;
    uint64_t xcr0; /* components of the extended state that guests may use */
    bool has_readonly, has_smm, has_debug, has_ioeventfd, has_any_length, has_irqfd, has_clock, has_clock_ctrl,
        has_coalesced_pio, has_two_spaces, has_triple_fault;
    unsigned dirty_ring; /* entries a vCPU; 0: a bitmap a slot */
} KvmState;
extern KvmState kvm; /* constant after start-up */

static inline KvmVcpu *kvm_vcpu(Vcpu *v)
{
    return v->accel;
}

/* ioctl() that starts again after a signal.  Not for KVM_RUN. */
int kvm_ioctl(int fd, unsigned long request, void *arg);
int kvm_check(int cap); /* KVM_CHECK_EXTENSION of the VM, or of the system before there is one */
bool kvm_enable(int cap, uint64_t arg);
/* A request of the kernel failed that never should: said once a request; the VM pauses. */
void kvm_broken(Vcpu *v, const char *what);

/* probe.c */
bool kvm_probe(char **why);
/* The machine that kvm_probe() made and left as new, and /dev/kvm; false: none.  They are the caller's. */
bool kvm_probe_take(int *fd, int *vm);

/* slots.c */
void kvm_slots_init(AddressSpace *mem, AddressSpace *smm);
void kvm_slots_free(void);
/* Guest part of a run: between these two, slots do not change.  vCPU thread, no lock held. */
void kvm_slots_enter(KvmVcpu *k);
void kvm_slots_leave(KvmVcpu *k);

/* With dirty rings: what they list becomes dirty.  Big lock. */
void kvm_slots_reap(void);

/* run.c */
void kvm_run_vcpu(Vcpu *v);
void kvm_kick(Vcpu *v);
void kvm_run_init(void);

/* state.c, msrs.c, xsave.c: vCPU's thread, or parked.  Big lock. */
void kvm_state_get(Vcpu *v);
void kvm_state_put(Vcpu *v);
void kvm_registers_get(Vcpu *v); /* during an access to a device */
void kvm_registers_put(Vcpu *v);
bool kvm_msrs_init(Vcpu *v, Error **errp);
void kvm_msrs_get(Vcpu *v);
void kvm_msrs_put(Vcpu *v, bool reset);
void kvm_xsave_get(Vcpu *v);
void kvm_xsave_put(Vcpu *v, bool reset);
void kvm_xsave_init(void); /* where components lie */

/* verify.c: -accel kvm,verify=on */
void kvm_verify_take(Vcpu *v);
void kvm_verify_compare(Vcpu *v);
void kvm_verify_drop(Vcpu *v); /* it was changed on purpose */
void kvm_verify_free(KvmVcpu *k);

/* cpuid.c */
bool kvm_cpuid_init(Error **errp);          /* what the kernel supports becomes what -cpu offers */
bool kvm_cpuid_set(Vcpu *v, Error **errp);

/* irqchip.c */
bool kvm_irqchip_init(KvmIrqchip want, Error **errp);
void kvm_lapic_get(Vcpu *v);
void kvm_lapic_put(Vcpu *v, bool reset);
void kvm_irqchip_eoi(uint8_t vector);

/* routes.c; what IrqchipOps says of those with a counterpart there */
enum { KVM_SPLIT_PINS = 2 * IRQCHIP_PINS, KVM_MSI_LEVEL = 1 << 15 };
bool kvm_routes_of_controllers(void); /* kernel-irqchip=on */
void kvm_routes_of_pins(void);        /* split */
bool kvm_route_pin(unsigned pin, uint64_t addr, uint32_t data);
void kvm_routes_ended(uint8_t vector);
int kvm_msi_route_add(uint64_t addr, uint32_t data);
bool kvm_msi_route_set(int route, uint64_t addr, uint32_t data);
void kvm_msi_route_remove(int route);
bool kvm_msi_route_attach(int route, int fd, bool on);

/* events.c: ioeventfd and coalesced I/O */
void kvm_events_init(AddressSpace *mem, AddressSpace *io);
void kvm_events_free(void);
void kvm_flush_coalesced(KvmVcpu *k);
void kvm_events_collect(void); /* coalesced writes now; big lock */

/* clock.c */
void kvm_clock_init(void);
bool kvm_tsc_init(Vcpu *v, Error **errp);

/* debug.c */
void kvm_debug_changed(Vcpu *v);
bool kvm_debug_exit(Vcpu *v); /* true: leave the run loop */
void kvm_debug_before_run(Vcpu *v);

#endif

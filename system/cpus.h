/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs: their threads, how they are kicked, and what devices may do to them.  The target
 * architecture embeds Vcpu in its own struct (container_of leads back).
 */
#ifndef SYSTEM_CPUS_H
#define SYSTEM_CPUS_H

#include "system/irqchip.h"
#include "system/memory.h"

typedef struct Vcpu Vcpu;

/* What can wait to be taken by a vCPU: bits of Vcpu.events. */
typedef enum VcpuEvent {
    VCPU_EV_INTR = 1u << 0,  /* level: the local APIC (or the PIC, without one) has a vector to give */
    VCPU_EV_NMI = 1u << 1,
    VCPU_EV_SMI = 1u << 2,
    VCPU_EV_INIT = 1u << 3,
    VCPU_EV_SIPI = 1u << 4,  /* Vcpu.sipi_vector */
    VCPU_EV_MCE = 1u << 5,
    VCPU_EV_EXIT = 1u << 6,  /* leave vcpu_run: stop, work or reset is wanted */
    VCPU_EV_TLB = 1u << 7,   /* another thread changed what TLBs cache: flush everything */
    VCPU_EV_CODE = 1u << 8,  /* bytes of translated code were written: the accelerator drops what came from them */
    VCPU_EV_INTR_HELD = 1u << 16, /* VCPU_EV_INTR, while the vCPU's thread need not hear of it: vcpu_intr_hold() */
} VcpuEvent;
#define VCPU_EV_HEARD 0xffffu /* what guest code is left for */

/*
 * The local interrupt controller as its CPU sees it.  Calls come from that vCPU's own thread with the
 * big lock held.  The chip (hw/intc/apic.c) fills this in and the board hands it to the CPU.
 */
typedef struct VcpuIntc {
    void *opaque;
    int (*acknowledge)(void *opaque); /* takes the highest vector that may be delivered; -1: none after all */
    uint8_t (*get_tpr)(void *opaque); /* 8 bits; CR8 is its high half */
    void (*set_tpr)(void *opaque, uint8_t tpr);
    uint64_t (*get_base)(void *opaque); /* IA32_APIC_BASE */
    bool (*set_base)(void *opaque, uint64_t val); /* false: #GP */
    bool (*msr_read)(void *opaque, uint32_t msr, uint64_t *val); /* 0x800-0x8ff, 0x6e0; false: #GP */
    bool (*msr_write)(void *opaque, uint32_t msr, uint64_t val);
    void (*tsc_changed)(void *opaque); /* the TSC was written: a pending deadline moves; may be NULL */
    /* With the chip in the host's kernel, around the vCPU's runs; else NULL. */
    void (*take)(void *opaque, const IrqchipLapic *s); /* its registers as they are now */
    bool (*give)(void *opaque, IrqchipLapic *s);       /* false: nothing was changed here */
} VcpuIntc;

/* Where a debugger wants a vCPU to stop.  The order is that of the remote protocol's Z packets. */
typedef enum DebugKind { DEBUG_CODE, DEBUG_CODE_HW, DEBUG_WRITE, DEBUG_READ, DEBUG_ACCESS, DEBUG_KINDS } DebugKind;
typedef struct DebugPoint {
    DebugKind kind;
    uint64_t addr, len; /* linear; @len 0 for code: the instruction that begins at @addr */
} DebugPoint;
typedef enum DebugStop { DEBUG_NO_STOP, DEBUG_AT_POINT, DEBUG_STEPPED } DebugStop;

/*
 * The debugger's part of a vCPU.  gdb/ changes it while the vCPU is parked and then calls target_ops.debug_update and the
 * accelerator's debug_changed; the vCPU's thread fills in where it stopped.  No points and no step cost nothing.
 */
typedef struct VcpuDebug {
    const DebugPoint *points; /* the debugger's own array; the same for all vCPUs */
    unsigned count;
    bool step;            /* stop after one instruction */
    bool step_interrupts; /* interrupts may come between before that instruction */
    DebugStop stop;       /* why this vCPU asked for the last stop; while set, it takes no interrupts */
    DebugKind hit;        /* with DEBUG_AT_POINT */
    uint64_t hit_addr;
    bool pass;            /* goes on once over the code point at hit_addr */
} VcpuDebug;

struct Vcpu {
    /* constant after creation */
    unsigned index;    /* 0.. */
    uint32_t apic_id;
    AddressSpace *as_mem;  /* normal mode */
    AddressSpace *as_smm;  /* in system management mode */
    AddressSpace *as_io;
    const VcpuIntc *intc;  /* NULL: none (machine without APIC and PIC) */
    void *accel;           /* the accelerator's own */

    /* any thread, atomic */
    atomic_uint events;    /* VcpuEvent bits */
    atomic_bool halted;    /* HLT, or waiting for SIPI: written by the vCPU's thread and reset */
    atomic_bool watches;   /* MWAIT: while halted, target_ops.watch_over is asked now and then; written as halted is */
    atomic_bool sleeping;  /* in that wait: only then does a kick need a system call */
    atomic_uint wakeups;   /* counts kicks and new events; a halted or parked thread waits for it to move */

    /* guarded by the big lock */
    uint8_t sipi_vector;
    bool stopped;          /* the thread is parked between vcpu_run calls */
    bool stop;             /* it shall park */
    bool created, unplug;
    GQueue work;           /* VcpuWork, run in the vCPU's thread between runs */
    GThread *thread;
    int thread_id;         /* the kernel's, for query-cpus */
    bool hold;             /* stays parked when the others are resumed: the debugger runs single ones */
    bool state_here;       /* the struct holds the CPU's state; else the accelerator does (accel->state_get fetches it) */
    bool was_reset;        /* since the accelerator last took the state */
    bool halts_inside;     /* the accelerator waits by itself while the CPU is halted */
    atomic_bool in_run;    /* inside accel->vcpu_run */

    VcpuDebug debug;
};

/* Events, any thread.  vcpu_event_set kicks the vCPU when the bit was not set. */
void vcpu_event_set(Vcpu *v, uint32_t bits);
void vcpu_event_clear(Vcpu *v, uint32_t bits);
/* Does anything wait that guest code must be left for? */
static inline bool vcpu_event_waits(const Vcpu *v)
{
    return atomic_load_explicit(&v->events, memory_order_acquire) & VCPU_EV_HEARD;
}
/*
 * The vCPU's thread, while guest code runs that cannot be interrupted: an interrupt that waits is no event, so that the code is not left
 * at every look.  Released before anybody else looks at what waits, and when interrupts become possible.
 */
void vcpu_intr_hold(Vcpu *v);
void vcpu_intr_release(Vcpu *v);
void vcpu_kick(Vcpu *v); /* makes it leave guest code or a halt soon; async-signal-safe */

/* Sleeps @ns (below a second), or less: until the next kick or event.  The thread of @v, inside accel->vcpu_run, no big lock. */
void vcpu_nap(Vcpu *v, long ns);

/* INTR input as an irq line, for a board without local APIC. */
IrqLine vcpu_intr_line(Vcpu *v);

/*
 * The list; entries are added at start-up and by hot plug under the big lock, and only appended.
 * vcpu_count() and vcpu_get() may be called in any thread.
 */
unsigned vcpu_count(void);
Vcpu *vcpu_get(unsigned i);
Vcpu *vcpu_current(void); /* of this thread; NULL: not a vCPU thread */

/* Runs @fn in the vCPU's own thread between guest instructions; caller holds the big lock, waits (dropping it). */
void vcpu_run_on(Vcpu *v, void (*fn)(Vcpu *v, void *opaque), void *opaque);
/* As above without waiting. */
void vcpu_run_on_async(Vcpu *v, void (*fn)(Vcpu *v, void *opaque), void *opaque);

/* The state of a vCPU that may be running is in its struct when this returns (and goes back when it runs on). */
void vcpu_state_fetch(Vcpu *v);

/* Stops and starts all threads; under the big lock; used by runstate only. */
void vcpus_pause(void);
void vcpus_resume(void);
void vcpus_shutdown(void); /* ends the threads; the structs stay, devices may still point at them */
void vcpus_free(void);     /* after vcpus_shutdown() and the end of the machine */

/* A20 gate as the board sees it: all vCPUs mask address bit 20 when it is off. */
void vcpus_set_a20(bool enabled);
bool vcpus_a20(void);

/*
 * A PC's way to report x87 errors while CR0.NE is 0: the first processor raises FERR#, which the board makes interrupt 13, and the
 * board holds IGNNE# while the handler wants x87 instructions to go on.  The board calls the first and the last, under the big lock,
 * the CPU vcpus_set_ferr() under the big lock and vcpus_ignne() without.
 */
void vcpus_connect_ferr(IrqLine line);
void vcpus_set_ferr(bool error);
bool vcpus_ignne(void);
void vcpus_set_ignne(bool ignore);

/*
 * What the target architecture provides (target/i386/cpu.c defines it).  Under the big lock.
 */
typedef struct CpuTopology {
    unsigned sockets, dies, cores, threads; /* as -smp gave them, all at least 1 */
    unsigned cpus, max_cpus;
} CpuTopology;

/* A hardware error as a bank of the machine check architecture logs it. */
typedef struct MachineCheck {
    unsigned bank;
    uint64_t status, mcg_status, addr, misc;
} MachineCheck;

typedef struct TargetOps {
    /* A new, reset vCPU of @model ("qemu64,+avx"); no thread yet.  NULL and *errp on failure. */
    Vcpu *(*vcpu_new)(const char *model, unsigned index, uint32_t apic_id, const CpuTopology *topo, Error **errp);
    void (*vcpu_free)(Vcpu *v);
    void (*vcpu_reset)(Vcpu *v, bool bsp); /* RESET; @bsp runs, the others wait for SIPI */
    /* Ends the halt and returns true when the memory that Vcpu.watches is about has changed.  The vCPU's thread, no lock. */
    bool (*watch_over)(Vcpu *v);
    /* Injects an error; @broadcast: tells the other CPUs too.  Big lock, not from a vCPU's thread. */
    bool (*machine_check)(Vcpu *v, const MachineCheck *m, bool broadcast, Error **errp);
    void (*print_registers)(Vcpu *v, GString *out);
    void (*print_models)(FILE *f); /* -cpu help */
    /* Guest-virtual read for the monitor and gdb: current mode's translation, no faults. */
    bool (*read_virtual)(Vcpu *v, uint64_t addr, void *buf, size_t len);
    bool (*write_virtual)(Vcpu *v, uint64_t addr, const void *buf, size_t len);
    uint64_t (*get_pc)(Vcpu *v); /* linear */
    /* "rip", "eax", "cs", "cr3", "eflags" in small letters, for monitor expressions; false: there is no such register. */
    bool (*get_register)(Vcpu *v, const char *name, uint64_t *val);
    void (*disassemble)(Vcpu *v, uint64_t addr, unsigned count, bool physical, GString *out);
    void (*print_tlb)(Vcpu *v, GString *out); /* info tlb: every mapping */
    void (*print_mem)(Vcpu *v, GString *out); /* info mem: mapped ranges and their protection */
    /* For a debugger, the vCPU parked.  Registers are numbered as the description (target.xml) says. */
    void (*debug_update)(Vcpu *v); /* Vcpu.debug was changed */
    char *(*gdb_description)(Vcpu *v); /* newly allocated */
    unsigned (*gdb_registers)(Vcpu *v); /* how many there are */
    unsigned (*gdb_read)(Vcpu *v, unsigned n, uint8_t buf[16]); /* returns the size in bytes; 0: no such register */
    bool (*gdb_write)(Vcpu *v, unsigned n, const uint8_t *buf); /* as many bytes; false: the CPU does not take this value */
    void (*set_pc)(Vcpu *v, uint64_t pc); /* an offset in the code segment, as the debugger sees it */
    uint32_t (*cpuid_features)(Vcpu *v, uint32_t *edx1, uint32_t *ecx1); /* returns leaf 1 EAX (signature) */
    /* EAX, EBX, ECX, EDX, ESI, EDI for a port that passes more than EAX (VMware's); in this vCPU's thread, from an IN. */
    void (*get_io_registers)(Vcpu *v, uint32_t regs[6]);
    void (*set_io_registers)(Vcpu *v, const uint32_t regs[6]); /* EAX stays: it is what the IN returns */
    int64_t (*tsc_to_ns)(Vcpu *v, uint64_t tsc); /* the virtual time at which its TSC reads @tsc; may lie in the past */
} TargetOps;
extern const TargetOps target_ops;

/* Board: creates @n-th vCPU with its address spaces and interrupt controller; starts parked. */
Vcpu *vcpu_create(const char *model, unsigned index, uint32_t apic_id, const CpuTopology *topo,
                  AddressSpace *mem, AddressSpace *smm, AddressSpace *io, Error **errp);

#endif

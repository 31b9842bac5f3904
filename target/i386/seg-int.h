/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What segmentation, far transfers, task switches and event delivery share: descriptors, and stacks that are not
 * necessarily the current one.  vCPU thread.
 */
#ifndef TARGET_I386_SEG_INT_H
#define TARGET_I386_SEG_INT_H

#include "target/i386/exc.h"
#include "target/i386/mem.h"
#include "target/i386/seg.h"

/* Types of system descriptors and gates. */
enum {
    DESC_TSS16 = 1, DESC_LDT = 2, DESC_TSS16_BUSY = 3, DESC_CALL16 = 4, DESC_TASK = 5, DESC_INT16 = 6, DESC_TRAP16 = 7,
    DESC_TSS32 = 9, DESC_TSS32_BUSY = 11, DESC_CALL32 = 12, DESC_INT32 = 14, DESC_TRAP32 = 15,
};

typedef struct SegDesc {
    uint16_t sel;
    uint32_t lo, hi;
    uint64_t lin; /* of the descriptor in its table */
} SegDesc;

static inline unsigned desc_dpl(const SegDesc *d)
{
    return (d->hi >> 13) & 3;
}

static inline unsigned desc_type(const SegDesc *d)
{
    return (d->hi >> 8) & 15;
}

static inline bool desc_present(const SegDesc *d)
{
    return d->hi & SEG_P;
}

static inline bool desc_is_code(const SegDesc *d)
{
    return (d->hi & (SEG_S | SEG_CODE)) == (SEG_S | SEG_CODE);
}

static inline bool desc_is_writable_data(const SegDesc *d)
{
    return (d->hi & (SEG_S | SEG_CODE | SEG_W)) == (SEG_S | SEG_W);
}

static inline uint32_t desc_base(const SegDesc *d)
{
    return (d->lo >> 16) | (d->hi & 0xff) << 16 | (d->hi & 0xff000000);
}

static inline uint32_t desc_limit(const SegDesc *d)
{
    uint32_t limit = (d->lo & 0xffff) | (d->hi & 0xf0000);
    return d->hi & SEG_G ? limit << 12 | 0xfff : limit;
}

static inline bool sel_null(uint16_t sel)
{
    return !(sel & ~3);
}

static inline bool x86_canonical(uint64_t addr)
{
    return (uint64_t)((int64_t)(addr << 16) >> 16) == addr;
}

/* Reads the descriptor; false: the selector is beyond its table.  Not for null selectors. */
bool seg_fetch(X86Cpu *cpu, uint16_t sel, SegDesc *d);
/* As above, or raises @vector with the selector. */
void seg_fetch_or(X86Cpu *cpu, uint16_t sel, SegDesc *d, int vector);
/* The exception with the selector as error code (RPL cleared). */
void seg_fault(X86Cpu *cpu, int vector, uint16_t sel) G_GNUC_NORETURN;
void seg_mark_accessed(X86Cpu *cpu, SegDesc *d);
/* Sets or clears the busy bit of a TSS descriptor in memory. */
void seg_set_busy(X86Cpu *cpu, SegDesc *d, bool busy);
/* The cache contents that a code or data descriptor gives. */
X86Seg seg_from_desc(const SegDesc *d, uint16_t sel);
X86Seg seg_null(uint16_t sel);
X86Seg seg_real(const X86Cpu *cpu, unsigned seg, uint16_t sel); /* real and virtual-8086 mode */
/* In 64-bit code with a null selector as stack segment. */
X86Seg seg_null_ss64(uint16_t sel, unsigned cpl);
/* After a return to an outer level: data segments that are too privileged become null. */
void seg_drop_privileged(X86Cpu *cpu);
/* Raises #GP(0) unless @off may be executed in @cs. */
void seg_check_ip(X86Cpu *cpu, const X86Seg *cs, uint64_t off);
/* Checks a stack segment for @cpl as inter-level transfers do; @vector for all but "not present". */
void seg_check_inner_ss(X86Cpu *cpu, uint16_t sel, unsigned cpl, int vector, SegDesc *d);
/* Is this code descriptor's combination of L and D legal now? */
bool seg_code_size_legal(const X86Cpu *cpu, const SegDesc *d);

/* A stack being pushed to or popped from before anything is committed. */
typedef struct FarStack {
    X86Cpu *cpu;
    X86Seg ss;
    uint64_t sp, mask;
    unsigned cpl;
    bool flat64;
    uint32_t ss_error; /* error code of #SS */
} FarStack;
FarStack far_stack_current(X86Cpu *cpu);
FarStack far_stack_new(X86Cpu *cpu, const X86Seg *ss, uint64_t sp, unsigned cpl, bool flat64);
void far_push(FarStack *s, uint64_t v, unsigned size);
uint64_t far_pop(FarStack *s, unsigned size);
void far_stack_commit(const FarStack *s); /* the stack pointer only */

/* Stack for privilege level @cpl from the current TSS (legacy), with all checks.  *ss_desc for the accessed bit. */
FarStack far_stack_from_tss(X86Cpu *cpu, unsigned cpl, SegDesc *ss_desc);
/* The 64-bit TSS's stack pointer number @slot: 0..2 RSPn, 4..10 ISTn (slot 3 + n). */
uint64_t far_rsp_from_tss64(X86Cpu *cpu, unsigned slot);

/* One event to deliver. */
typedef struct ExcEvent {
    int vector;
    bool soft;      /* INT n, INT3, INTO: gate's DPL is checked, no EXT */
    bool has_error;
    bool fault;     /* RF is set in the saved flags */
    uint32_t error;
    uint64_t return_rip;
} ExcEvent;
/* Delivers: changes everything, or raises.  interrupt.c */
void interrupt_deliver(X86Cpu *cpu, const ExcEvent *ev);

static inline void seg_set_cpl(X86Cpu *cpu, unsigned cpl)
{
    cpu->cpl = cpl;
}

/* INT n in virtual-8086 mode (VME redirection, IOPL). */
void interrupt_soft_vm86(X86Cpu *cpu, int vector, uint64_t return_rip);

/* exc.c: the shutdown state, which resets the machine. */
void exc_shutdown(X86Cpu *cpu);

/* debug.c */
uint64_t debug_read_dr(X86Cpu *cpu, unsigned n);
void debug_write_dr(X86Cpu *cpu, unsigned n, uint64_t v);
void debug_check_gd(X86Cpu *cpu); /* general detect: MOV DR raises #DB */
void debug_io(X86Cpu *cpu, uint16_t port, unsigned size); /* notes I/O breakpoints */

/* smm.c */
void smm_enter(X86Cpu *cpu);
void op_rsm(X86Cpu *cpu, const Insn *i);

#endif

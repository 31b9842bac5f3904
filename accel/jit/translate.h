/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One block on its way from guest bytes to host code: what translate.c and the files of the instruction classes share.
 *
 * Host registers: guest RAX, RCX, RDX, RBX, RBP, RSI, RDI, R8, R12, R13, R14 are themselves, guest RSP is in R15; guest R9, R10, R11
 * and R15 are in memory (X86Cpu.regs).  Host RSP points at X86Cpu, with a stack below it.  S0, S1, S2 are free for every
 * instruction.  Between instructions the guest's arithmetic flags are in the host's (fl_host), in cc_src as LAHF and SETO AL make
 * AX (fl_mem), or both; where nobody will look at them (liveness) they may be in neither.  cc_op is CC_FLAGS all the time, and the
 * thunks between generated code and C make cc_src what C takes for that.
 *
 * A class of instructions is a table of JitRow, one row a mnemonic, and functions that emit.  Such a function either emits the
 * whole instruction and returns true, or emits nothing and returns false: then the instruction's C function is called.
 */
#ifndef ACCEL_JIT_TRANSLATE_H
#define ACCEL_JIT_TRANSLATE_H

#include "accel/jit/jit.h"

enum { S0 = H_R10, S1 = H_R11, S2 = H_R9, G_SP = H_R15, CPU = H_RSP };

typedef struct JitTr JitTr;
typedef struct JitInsn JitInsn;
typedef bool JitEmitFn(JitTr *t, JitInsn *j);

typedef struct JitRow {
    const char *mnemonic;
    JitEmitFn *emit;
    enum {
        JIT_AS_DECODED, /* INSN_END of it ends the block */
        JIT_ENDS,       /* emits its own way out of the block: nothing follows */
        JIT_GOES_ON,    /* the block goes on behind it in spite of INSN_END: what needs an end is out of line, by its C function */
    } ends;
    enum { STACK_NONE, STACK_PUSH, STACK_POP, STACK_LEAVE, NO_ACCESS } access; /* besides an explicit operand; NO_ACCESS: not even that */
} JitRow;
#define JIT_ROW(mnemonic, emit) { mnemonic, emit, JIT_AS_DECODED, STACK_NONE }
extern const JitRow jit_rows_int[], jit_rows_branch[], jit_rows_stack[], jit_rows_sys[], jit_rows_vec[];
const JitRow *jit_vec_row(const Decoded *d); /* for what no table names; NULL: not a vector instruction */
const JitRow *jit_x87_row(const Decoded *d);
const JitRow *jit_row_find(const Decoded *d); /* NULL: by its C function */
void jit_rows_init(void);

struct JitInsn {
    Insn i;
    Decoded d;
    const JitRow *row;   /* NULL: by its C function */
    uint16_t fl_read;    /* flags it may look at, or that stay as they are in cases that only run time knows */
    uint16_t fl_set;     /* may change */
    uint16_t fl_kill;    /* surely changes */
    uint16_t live_in, live_out;
    int32_t group_off[2];
    int8_t group[2];     /* of its accesses, in the order in which they are emitted; -1: alone (group.c) */
    uint16_t live_target; /* branches: at the target, when it is in this page; else all */
};

/* A direct branch's target, from the page's begin. */
static inline int64_t jit_branch_rel(const JitInsn *j)
{
    return (int64_t)j->i.imm + j->i.off + j->i.len;
}

/* The explicit operand in memory; NULL: none. */
static inline const Operand *jit_memory_operand(const JitInsn *j)
{
    for (unsigned k = 0; k < j->d.nops; k++) {
        if (j->d.op[k].kind == OPND_MEM) {
            return &j->d.op[k];
        }
    }
    return NULL;
}

#define JIT_GROUPS ((unsigned)G_N_ELEMENTS(((X86Cpu *)0)->jit_group))
typedef struct JitGroup {
    int32_t lo, hi;      /* bytes, from the value that its addresses have in common */
    uint16_t base, index; /* value numbers */
    uint8_t scale, members;
    bool write;
    bool checked;        /* in what is being emitted: the addend is in X86Cpu.jit_group */
} JitGroup;

struct JitTr {
    X86Cpu *cpu;
    JitCpu *jit;
    JitChunk *chunk;
    Emit *e;              /* hot code */
    Emit *cold;
    JitBlock *b;
    const uint8_t *page;  /* host address of the page's bytes */
    uint64_t lin;         /* address of the page when the block was made: it may be mapped elsewhere too */
    uint32_t mode;
    bool native;          /* code may be emitted in this mode */
    bool fl_host, fl_mem;
    uint8_t vec;          /* LIVE_*: live for sure */
    /* Guest register in memory that S2 holds too; H_NONE.  Rows begin with H_NONE; those that leave S2 alone call jit_keep(). */
    uint8_t kept, kept_before;
    bool keeps;           /* the row has called it */
    int8_t s1, s1_before; /* the group whose addend S1 is; -1: none.  In the same way */
    const uint8_t *retry; /* where the instruction being emitted begins again after a TLB miss; NULL: not yet fixed */
    JitSlot *slots[4];    /* of the instruction being emitted: their `done` is set when it is complete */
    unsigned slot_count;
    unsigned access;      /* how many accesses of the instruction have been emitted */
    JitGroup groups[16];
    unsigned group_count;
    uint16_t live_behind; /* FL_*: behind the last instruction */
    unsigned count;
    JitInsn insns[JIT_MAX_INSNS];
};

/* Host register of guest register @g; H_NONE: it lives in memory, at jit_reg_mem(). */
unsigned jit_reg_host(unsigned g);
static inline HostMem jit_reg_mem(unsigned g)
{
    return host_mem(CPU, (int32_t)(offsetof(X86Cpu, regs) + g * 8));
}
#define JIT_FIELD(f) host_mem(CPU, (int32_t)offsetof(X86Cpu, f))

static inline bool jit_code64(const JitTr *t)
{
    return t->mode & MODE_CODE64;
}

/* What S2 and S1 held before this instruction they still hold: the row itself uses S2 for that (jit_keep_in) only, S1 not at all. */
static inline void jit_keep(JitTr *t)
{
    t->keeps = true;
    t->kept = t->kept_before;
    t->s1 = t->s1_before;
}
static inline void jit_keep_in(JitTr *t, unsigned g) /* S2 is guest register @g from here on */
{
    t->kept = (uint8_t)g;
}
void jit_kept_reload(JitTr *t, Emit *e); /* after something that clobbered S2 */
const uint8_t *jit_kept_landing(JitTr *t, const uint8_t *to); /* where who clobbered S2 goes on at @to */

/* flags.c */
void jit_flags_analyse(JitInsn *j);                     /* fl_* from the decoder's */
void jit_flags_liveness(JitTr *t);
void jit_flags_save(JitTr *t, Emit *e);                 /* host -> memory, whatever fl_* say */
void jit_flags_restore(Emit *e);                        /* memory -> host; uses S2 */
void jit_flags_to_c(Emit *e);                           /* cc_src as generated code has it -> CC_FLAGS; clobbers rax and flags */
void jit_flags_from_c(Emit *e);
void jit_flags_before_clobber(JitTr *t, JitInsn *j);    /* @j is about to destroy the host's flags before it reads or sets the guest's */
void jit_flags_for(JitTr *t, JitInsn *j);               /* the host's are what @j looks at */
void jit_flags_after(JitTr *t, JitInsn *j);             /* @j's own host instruction has set them */

/*
 * mem.c: how an address is formed.  jit_addr_ok first (emits nothing).  The others return the host's memory operand, good for @size
 * bytes; it uses S0 and S1, and S2 and the flags are clobbered (those saved before if need be).  Faults, I/O and the like run
 * the whole instruction by its C function: nothing of the guest's state may be changed before the last of them.
 */
bool jit_addr_ok(const JitTr *t, const JitInsn *j);
HostMem jit_mem(JitTr *t, JitInsn *j, unsigned size, MemAccess acc);
HostMem jit_mem_stack(JitTr *t, JitInsn *j, int delta, unsigned size, MemAccess acc); /* at RSP + delta */
HostMem jit_mem_at(JitTr *t, JitInsn *j, unsigned g, unsigned size, MemAccess acc);   /* at guest register @g */
void jit_lea(JitTr *t, const JitInsn *j, unsigned dst, bool wide); /* the effective address alone; keeps flags; uses S0, S1 */

uint64_t jit_secret(void); /* bits that no guest knows */
void jit_pages_init(JitCpu *j);
const uint8_t *jit_page_thunk(Emit *e, unsigned place, bool write); /* made once, for each of JIT_PAGES places */

/* group.c: accesses near each other, which need one look-up. */
void jit_groups_find(JitTr *t);
void jit_groups_end(JitTr *t);    /* something may have happened to the mappings */
JitSlot *jit_slot(JitTr *t, JitInsn *j);
void jit_cold_jump(JitTr *t, const JitSlot *s, const uint8_t *thunk); /* emits out-of-line code: goes there with this slot */

/* dispatch.c: ways into a block and out of it */
void jit_poll(JitTr *t);
void jit_exit_to(JitTr *t, JitInsn *j, int64_t rel, uint16_t live); /* direct jump to page base + @rel */
/* Emits out-of-line code: to the plain block that begins with @j; @s: of its group's first access, S0 the group's lowest address. */
void jit_exit_plain(JitTr *t, JitInsn *j, JitSlot *s);
bool jit_exit_if(JitTr *t, JitInsn *j, unsigned cc); /* @j's jump, when the host's @cc holds; false: not in this page, not done */
/* Indirect jump to the linear address in S0.  @slot: whose C function does it all when that is not the fast case; NULL: state is
 * committed, S0 is the new RIP.  @pop: added to RSP when nothing can fail any more. */
void jit_exit_indirect(JitTr *t, const JitSlot *slot, const uint8_t *slow, int32_t pop);
const uint8_t *jit_full_thunk(const JitCpu *j, int32_t pop);
const uint8_t *jit_make_full(Emit *e, unsigned kind);
bool jit_target_in_page(const JitTr *t, int64_t rel);

/* sys.c */
const uint8_t *jit_smap_thunk(JitCpu *j, Emit *e, bool lifted); /* made once */

/* vec.c */
void jit_vec_need(JitTr *t, JitInsn *j, uint8_t bits); /* first of all in an instruction; saves the flags if need be */
void jit_fault_note(JitTr *t, JitInsn *j);             /* the next host instruction may raise a signal: then @j is the interpreter's */

/* translate.c */
void jit_call_c(JitTr *t, JitInsn *j);

#endif

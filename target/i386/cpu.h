/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of one x86-64 processor (AMD64 APM volumes 1 and 2; Intel SDM volumes 1 and 3).
 *
 * Owned by its vCPU thread while that runs; others touch it only while the vCPU is parked or
 * through vcpu_run_on().  Hot fields come first: generated code reaches them with short displacements.
 *
 * While code runs, regs[R_RIP] is the address of the current block's first instruction, and an
 * instruction's own address is regs[R_RIP] + insn->off.  Between blocks it is the next instruction's.
 */
#ifndef TARGET_I386_CPU_H
#define TARGET_I386_CPU_H

#include "system/cpus.h"
#include <setjmp.h>

typedef struct X86Cpu X86Cpu;
typedef struct Insn Insn;

enum { R_RAX, R_RCX, R_RDX, R_RBX, R_RSP, R_RBP, R_RSI, R_RDI, R_R8, R_R9, R_R10, R_R11, R_R12, R_R13, R_R14, R_R15,
       R_ZERO, /* always 0: "no base", "no index" */
       R_RIP, R_COUNT };
enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_COUNT };

/* RFLAGS */
enum {
    FL_CF = 1u << 0, FL_PF = 1u << 2, FL_AF = 1u << 4, FL_ZF = 1u << 6, FL_SF = 1u << 7, FL_TF = 1u << 8, FL_IF = 1u << 9,
    FL_DF = 1u << 10, FL_OF = 1u << 11, FL_IOPL = 3u << 12, FL_NT = 1u << 14, FL_RF = 1u << 16, FL_VM = 1u << 17,
    FL_AC = 1u << 18, FL_VIF = 1u << 19, FL_VIP = 1u << 20, FL_ID = 1u << 21,
    FL_ARITH = FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF,
};
enum {
    CR0_PE = 1u << 0, CR0_MP = 1u << 1, CR0_EM = 1u << 2, CR0_TS = 1u << 3, CR0_ET = 1u << 4, CR0_NE = 1u << 5,
    CR0_WP = 1u << 16, CR0_AM = 1u << 18, CR0_NW = 1u << 29, CR0_CD = 1u << 30, CR0_PG = 1u << 31,
};
enum {
    CR4_VME = 1u << 0, CR4_PVI = 1u << 1, CR4_TSD = 1u << 2, CR4_DE = 1u << 3, CR4_PSE = 1u << 4, CR4_PAE = 1u << 5,
    CR4_MCE = 1u << 6, CR4_PGE = 1u << 7, CR4_PCE = 1u << 8, CR4_OSFXSR = 1u << 9, CR4_OSXMMEXCPT = 1u << 10,
    CR4_UMIP = 1u << 11, CR4_LA57 = 1u << 12, CR4_FSGSBASE = 1u << 16, CR4_PCIDE = 1u << 17, CR4_OSXSAVE = 1u << 18,
    CR4_SMEP = 1u << 20, CR4_SMAP = 1u << 21, CR4_PKE = 1u << 22,
};
enum { EFER_SCE = 1u << 0, EFER_LME = 1u << 8, EFER_LMA = 1u << 10, EFER_NXE = 1u << 11, EFER_SVME = 1u << 12,
       EFER_LMSLE = 1u << 13, EFER_FFXSR = 1u << 14 };
enum { EXC_DE, EXC_DB, EXC_NMI, EXC_BP, EXC_OF, EXC_BR, EXC_UD, EXC_NM, EXC_DF, EXC_TS = 10, EXC_NP, EXC_SS, EXC_GP, EXC_PF,
       EXC_MF = 16, EXC_AC, EXC_MC, EXC_XM };

/* Segment attributes: bits 8..23 of a descriptor's high word, in place. */
enum {
    SEG_A = 1u << 8, SEG_W = 1u << 9 /* data: writable; code: readable */, SEG_E = 1u << 10 /* data: expand down; code: conforming */,
    SEG_CODE = 1u << 11, SEG_S = 1u << 12, SEG_DPL_SHIFT = 13, SEG_P = 1u << 15, SEG_AVL = 1u << 20, SEG_L = 1u << 21,
    SEG_DB = 1u << 22, SEG_G = 1u << 23,
};
typedef struct X86Seg {
    uint16_t sel;
    uint32_t attr;
    uint32_t limit; /* in bytes, expanded */
    uint64_t base;
} X86Seg;

/* What decoding and block look-up depend on: X86Cpu.mode.  Recomputed by x86_update_mode(). */
enum {
    MODE_CODE32 = 1u << 0,  /* CS.D in legacy or compatibility mode */
    MODE_CODE64 = 1u << 1,  /* 64-bit code */
    MODE_SS32 = 1u << 2,    /* stack pointer is ESP (64-bit mode: RSP) */
    MODE_FLAT = 1u << 3,    /* ES, CS, SS, DS have base 0, limit 4 GiB-1, and are usable for any access */
    MODE_PE = 1u << 4,      /* protected mode (not real, not virtual-8086) */
    MODE_VM86 = 1u << 5,
    MODE_SMM = 1u << 6,
    MODE_LMA = 1u << 7,     /* long mode active (64-bit or compatibility) */
};

/* How lazy flags are computed: see flags.h.  The low two bits of the sized ones are log2 of the operand size. */
typedef enum CcOp {
    CC_FLAGS = 0,  /* cc_src holds the arithmetic flags as in RFLAGS */
    CC_ADD = 4,    /* cc_dst = result, cc_src = second operand; first = result - second */
    CC_ADC = 8,    /* as ADD, with carry in: cc_src2 = carry */
    CC_SUB = 12,   /* cc_dst = result, cc_src = second operand; first = result + second */
    CC_SBB = 16,   /* cc_src2 = borrow in */
    CC_LOGIC = 20, /* cc_dst = result; CF = OF = 0 */
    CC_INC = 24,   /* cc_dst = result, cc_src = CF kept */
    CC_DEC = 28,
    CC_SHL = 32,   /* cc_dst = result, cc_src = value shifted by count - 1 */
    CC_SAR = 36,   /* SHR and SAR: the same */
    CC_MUL = 40,   /* cc_dst = low result, cc_src != 0: CF = OF = 1 */
    CC_BLSI = 44,  /* BMI1 group members with CF from cc_src; LZCNT-like: cc_src = CF as 0/1, OF = 0 */
} CcOp;

/*
 * Software TLB: direct mapped, one table per way of looking at memory.  A tag is the page's linear address, or has
 * low bits set so that it never matches: not mapped for this access, or I/O, or a page with decoded code (writes), or a watchpoint.
 * Hit: host address = linear address + addend.  Tables are switched and resized by any slow path, so `tlb` and `tlb_mask` are read
 * anew for each look-up.  An empty entry's tags are TLB_INVALID or, except in the first and last entry of a table, 0, which is no
 * page that belongs there.
 */
#define TLB_INVALID ((uint64_t)0xfff)
typedef struct TlbEntry {
    uint64_t read, write, exec;
    uintptr_t addend;
} TlbEntry;
#define TLB_ENTRY_SHIFT 5 /* an entry's size is 1 << this: generated code indexes by shifting */
enum { TLB_SYS, TLB_SYS_USERPAGES /* supervisor, SMAP not in force */, TLB_USER,
       TLB_USER_AC /* user with alignment checks armed: no data tag ever hits */, TLB_COUNT };
typedef struct TlbWay {
    TlbEntry *entry;
    uint64_t mask; /* (entries - 1) * sizeof(TlbEntry) */
} TlbWay;

/*
 * x87 and MMX, kept as an FXSAVE image (SDM vol. 1, 10.5.1), so that native stubs load and store it as it is.  Of its SSE part
 * nothing is used: mxcsr is the constant 0x1f80 and the xmm area holds rubbish.
 */
typedef struct X87State {
    uint16_t fcw, fsw;
    uint8_t ftw; /* abridged: bit n set: physical register n is not empty */
    uint8_t reserved;
    uint16_t fx_fop;
    uint64_t fx_fip, fx_fdp;
    uint32_t fx_mxcsr, fx_mxcsr_mask;
    uint8_t st[8][16]; /* by stack position: st[0] is ST(0); 10 bytes each */
    uint8_t fx_rest[512 - 160];
} __attribute__((aligned(64))) X87State; /* XSAVE's area wants 64 */

typedef union VecReg {
    uint8_t b[64];
    uint16_t w[32];
    uint32_t d[16];
    uint64_t q[8];
} __attribute__((aligned(64))) VecReg;

/* X86Cpu.vec_live.  LIVE_AVX comes with LIVE_SSE. */
enum { LIVE_SSE = 1, LIVE_AVX = 2, LIVE_X87 = 4 /* MMX too */ };
#define JIT_X87_NOTED (1u << 31)
#define JIT_PAGES 28 /* X86Cpu.jit_pages */
#define JIT_JUMPS 16384 /* X86Cpu.jit_jumps: a kernel and a program have some thousand places that returns and far jumps go to */

struct CpuModel; /* models.h: family, features, caches */

struct X86Cpu {
    /* --- hot --- */
    uint64_t regs[R_COUNT];
    uint64_t cc_dst, cc_src, cc_src2;
    uint32_t cc_op;
    uint32_t mode;          /* MODE_* */
    uint64_t lin_base[SEG_GS + 1]; /* what is added to an offset: segment base, or 0 in 64-bit mode except FS and GS */
    TlbEntry *tlb;          /* the table of the current address space, privilege and SMAP state */
    uint64_t tlb_mask;      /* its size: (entries - 1) * sizeof(TlbEntry) */
    struct JitEntry *jit_table; /* for generated code: blocks by host address of their bytes, of the current mode (accel/jit) */
    void *jit_host_sp;      /* the thread's own stack while generated code runs */
    /*
     * For generated code: the page that was last read, and written ([1]), through each base register (and other places, accel/jit/mem.c):
     * tag and addend copied from the TLB.  Emptied when a C function that it called has changed tlb_epoch or tlb_way.
     */
    struct { uint64_t tag[2][JIT_PAGES], addend[2][JIT_PAGES]; } jit_pages;
    uint64_t jit_salt;      /* valid entries of jit_jumps are made with this one */
    uint64_t jit_group[8];  /* addends of pages that the current block has looked up */
    uint64_t jit_insns;     /* executed, with -d jit-stats */
    uint64_t jit_tmp;       /* between two accesses of one instruction */
    uint64_t jit_below;     /* what was on the stack where an indirect call's return address is now */
    const void *jit_next;   /* where generated code goes on after a C helper */
    const void *jit_vec_to; /* where generated code goes on after loading vector state */
    uint64_t jit_x87_page;  /* the last x87 instruction's page address and, with JIT_X87_NOTED, opcode and offset: not yet in fip, fop */
    uint32_t jit_x87_note;
    int32_t jit_misses;     /* of jit_pages: counted down to the next sample (accel/jit/sites.c) */
    uint8_t vec_live;       /* LIVE_*: which of the guest's vector state is in the host's registers */
    uint8_t vec_was;        /* the same before the current C helper saved it */
    bool jit_fault;         /* a host signal ended generated code: RIP's instruction goes to the interpreter */
    const Insn *insn;       /* being executed: for exceptions */
    const Insn *insn_end;   /* where the current block ends: moved up by what must leave it after this instruction */
    uint32_t eflags;        /* without FL_ARITH bits (0), bit 1 set */
    uint8_t cpl;
    uint8_t tlb_way;        /* which table that is: TLB_SYS, ... */
    bool int_shadow;        /* after STI, MOV SS, POP SS: one instruction without interrupts */
    bool smc;               /* this instruction wrote decoded code: leave the block */
    bool fpu_ok;            /* !(CR0.EM | CR0.TS): x87 may go on (MMX and SSE check more, fpu.h) */

    /* --- architectural --- */
    X86Seg seg[SEG_COUNT];
    struct { uint64_t base; uint16_t limit; } gdt, idt;
    uint64_t cr0, cr2, cr3, cr4, cr8_shadow, xcr0, efer;
    uint64_t pdpte[4];      /* PAE paging: loaded with CR3, ctl.c */
    uint64_t dr[8];
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux, tsc_offset, tsc_adjust;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, mtrr_def, mtrr_fix[11], mtrr_var[8][2], mcg_status, mcg_ctl, mce_banks[10][4], misc_enable, debugctl;
    uint64_t xss, smbase, pkru;
    bool a20;               /* gate open */
    bool nmi_blocked, smm;
    X87State x87;
    uint64_t x87_header[8]; /* XSAVE's, behind its FXSAVE image: for generated code */
    uint64_t fip, fdp;      /* of the last x87 instruction: offsets; selectors beside them */
    uint16_t fop, fcs, fds;
    uint32_t mxcsr;
    uint32_t native_mxcsr_in, native_mxcsr_out, native_mxcsr_host; /* native.h */
    uint64_t native_flags;
    VecReg vec[32];         /* xmm, ymm, zmm */
    uint64_t opmask[8];
    bool ferr;              /* FERR# is active: an x87 error waits for interrupt 13 (fpu.c) */

    /* --- exceptions on their way: exc.c --- */
    int exc_vector;         /* -1: none */
    uint32_t exc_error;
    uint64_t exc_cr2;
    int exc_in_delivery;    /* vector being delivered, for double faults; -1 */
    bool exc_ext;           /* the event being delivered is not INT n: error codes of faults on the way carry EXT */
    sigjmp_buf exit_jmp;    /* to the run loop */
    bool jmp_valid;

    /* --- debugging: debug.h --- */
    bool dbg_slow;          /* RFLAGS.TF or instruction breakpoints: the run loop goes one instruction at a time */
    bool dbg_step;          /* TF was set when the current instruction began */
    uint32_t dbg_hits;      /* DR6 bits of traps to report after the current instruction */
    bool wait_sipi;         /* halted by INIT */
    bool shutdown;          /* triple fault: nothing but INIT, NMI and reset is taken */
    unsigned pauses, spins; /* PAUSE instructions; how often in a row many of them came soon: op-misc.c */
    int64_t paused_at;      /* CLOCK_KIND_REALTIME: when that was looked at last */
    bool monitor_armed;     /* MONITOR was executed: */
    bool mwait_breaks;      /* MWAIT is to end at an interrupt that is masked */
    uint64_t monitor_phys;  /* the line, and what it held then; UINT64_MAX: not RAM */
    uint8_t monitor_line[64];
    int64_t mwait_until;    /* CLOCK_KIND_REALTIME */
    uint64_t msr_misc[64];  /* MSRs that are merely kept: msr.c */
    CpuTopology topo;

    /* --- the rest --- */
    const struct CpuModel *model;
    uint32_t feat[32];      /* CPUID feature words, see cpuid.h */
    struct DecodeCache *decode_cache; /* NULL: none yet */
    uint64_t a20_mask, phys_mask; /* address bits that exist */
    TlbWay tlb_ways[TLB_COUNT]; /* tables of the current address space */
    struct TlbSet *tlb_set; /* all address spaces: tlb.h */
    uint32_t tlb_epoch;     /* stepped by every flush and change of address space: for caches by linear address */
    bool bus_locked;        /* holds the lock of LOCKed accesses that host atomics cannot do (mmu.c) */
    atomic_bool quiet;      /* waits for or holds the big lock: uses no TLB entry meanwhile (mmu-code.c) */
    atomic_uint tlb_acks;   /* flushes done for VCPU_EV_TLB */
    Vcpu vcpu;
    bool bsp;
    struct { uint64_t key; const void *code; } jit_jumps[JIT_JUMPS] /* for generated code: where addresses (key ^ salt) go on */
        __attribute__((aligned(64)));
};

static inline X86Cpu *x86_cpu(Vcpu *v)
{
    return container_of(v, X86Cpu, vcpu);
}

/* Recomputes mode, lin_base, tlb, fpu_ok from the architectural state: after any change of CR0, CR4, EFER, segments,
 * CPL, RFLAGS.VM or RFLAGS.AC.  Cheap. */
void x86_update_mode(X86Cpu *cpu);
/* The A20 gate as the board has it now; the caller flushes the TLB. */
void x86_update_a20(X86Cpu *cpu);
/* As hardware RESET (bsp) or INIT (not warm: registers that INIT keeps are kept when @init). */
void x86_reset(X86Cpu *cpu, bool init);

/* Time stamp counter: 1 GHz of virtual time plus offset; and the virtual time (ns) at which it will read @tsc. */
uint64_t x86_tsc(const X86Cpu *cpu);
int64_t x86_tsc_to_ns(const X86Cpu *cpu, uint64_t tsc);

static inline bool x86_long_mode(const X86Cpu *cpu)
{
    return cpu->mode & MODE_LMA;
}

static inline bool x86_code64(const X86Cpu *cpu)
{
    return cpu->mode & MODE_CODE64;
}

static inline bool x86_protected(const X86Cpu *cpu) /* not real, not virtual-8086 */
{
    return cpu->mode & MODE_PE;
}

static inline unsigned x86_iopl(const X86Cpu *cpu)
{
    return (cpu->eflags >> 12) & 3;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translator: guest code for x86-64 hosts, a cache of it per vCPU, used in that vCPU's thread only.  docs/jit.md tells how it
 * works and how a class of instructions is added.
 *
 * A block is translated code of one page.  It is found by the host address of the bytes it came from (which stands for a RAM page
 * and an offset) and the CPU mode, and knows nothing about linear addresses: while generated code runs, regs[R_RIP] is the address of
 * the current block's *page* (offset 0), and Insn.off is the offset in the page.  So one block serves all mappings of its page.
 *
 * An instruction that begins in one page and ends in the next is a block of its own, of both: its code first looks whether the page that
 * is mapped behind is the one whose bytes were decoded.  There may be several such blocks of one place, with different second pages.
 */
#ifndef ACCEL_JIT_JIT_H
#define ACCEL_JIT_JIT_H

#include "accel/interp/interp.h"
#include "accel/jit/emit.h"
#include "target/i386/decode.h"
#include "util/execmem.h"

#define JIT_MAX_INSNS 64      /* a block; */
#define JIT_MAX_BRANCHES 4    /* four fifths of what lies behind so many, none taken, never run */
#define JIT_BLOCK_ROOM 49152u /* bytes of code that a block may need: checked before it is begun */
#define JIT_CHUNKS_MIN 16     /* the cache is evicted by such parts: */
#define JIT_CHUNK_BYTES (4 * MiB) /* what a vCPU does without a pause that anybody notices */
#define JIT_TABLE_BITS 16     /* inline table of indirect branches */
#define JIT_HASH_BITS 17
#define JIT_FULLS 5           /* thunks of indirect jumps: dispatch.c */
#define JIT_MODES 8           /* inline tables: the modes used last */
#define JIT_VARIANTS 4        /* of a crossing instruction, with different second pages */

#define JIT_RELINK 32         /* of so many jumps to other pages that have no key that holds, one is linked */
#define JIT_SITES 1024        /* accesses that miss the page last reached: sites.c */

/* What the inline look-up of indirect branches compares: see jit_dispatch.c. */
typedef struct JitEntry {
    const uint8_t *host; /* address of the guest's bytes */
    const uint8_t *code; /* JitBlock.polling */
} JitEntry;
#define JIT_ENTRY_SHIFT 4

static inline const uint8_t *jit_past_poll(const uint8_t *polling) /* a comparison and a jump */
{
    return polling + 15;
}

typedef struct JitBlock JitBlock;

/* A direct jump.  One within a page goes to @stub until the block there exists; one to another page goes to @to while its key holds. */
typedef struct JitExit {
    JitBlock *from, *to;     /* to: NULL, or where it jumps now */
    struct JitExit *next_in; /* among those that jump to @to */
    struct JitExit *next;    /* of @from */
    uint8_t *site;           /* its displacement, write mapping */
    uint8_t *key, *page;     /* to another page: the 64 bits of its key and of that page's address, write mapping (dispatch.c); else NULL */
    const uint8_t *stub;
    int32_t rel;             /* the target, from the begin of the page of @from */
    bool polls;              /* it is backwards: to where the target looks for events */
} JitExit;

/* Of JitBlock.mode: a block without groups, where others go on when a group failed (group.c).  No MODE_* bit. */
#define JIT_PLAIN 0x80000000u

/* What the out-of-line part of an instruction needs: it is run by its C function then. */
typedef struct JitSlot {
    JitBlock *block;
    const Insn *insn;            /* NULL: not needed yet, insn_begin() makes it */
    const uint8_t *retry, *done; /* where generated code goes on; done NULL: in the plain block of the next instruction */
    uint16_t off;                /* in the page */
    uint8_t size, acc;           /* of the access that missed */
    uint8_t vec_retry, vec_done; /* LIVE_*: what must be in the host's registers there */
    /* The first of a group: all that the group reaches, and the way to the plain block of this instruction. */
    bool group_write;
    uint16_t group_size, group_before; /* bytes; how far the access is from the lowest of them */
    JitExit *plain;
    uint8_t bytes[15];           /* the instruction, or what of it was decoded */
} JitSlot;

struct JitBlock {
    JitBlock *next;          /* in its hash chain */
    JitBlock *page_next[2];  /* of the same page; those that have the same second page */
    const uint8_t *host;     /* of its first byte */
    const uint8_t *host2;    /* of the second page: it is one instruction that crosses; else NULL */
    const uint8_t *checked;  /* those: where @code goes on when the second page is mapped */
    RamBlock *ram;
    uint64_t page_off;       /* of its page in @ram */
    const uint8_t *polling;  /* looks for events, and goes on at @code */
    const uint8_t *code;
    uint32_t mode;
    uint16_t dep_lo, dep_hi; /* the bytes of the page that it depends on: its own, and those whose flag use it looked at */
    uint16_t dep2_hi;        /* and those of the second page, from its begin */
    uint16_t live_in;        /* FL_*: arithmetic flags that it may look at */
    uint16_t count;          /* instructions */
    bool calls_c;            /* some instruction of it is its C function */
    bool dead;               /* found and linked no more */
    JitExit *in;             /* jumps to it */
    JitExit *exits;
};

typedef struct JitChunk {
    Emit hot, cold;     /* code that runs; that rarely does */
    GPtrArray *blocks;
    GPtrArray *slabs;   /* memory of blocks and slots */
    GHashTable *faults; /* host address -> JitFault packed: instructions that may raise a host signal */
    size_t slab_used;
} JitChunk;

/* How an access looks for its page: the one reached last; the last even and the last odd one; in the TLB at once. */
typedef enum { SITE_PAGE, SITE_PAIR, SITE_TLB } JitSiteWay;

/* An instruction, by its bytes' host address, and how often it was caught missing.  Two of one place: the older one is forgotten. */
typedef struct JitSite {
    const uint8_t *insn;
    JitSiteWay way;
    unsigned samples;        /* since it looks that way */
} JitSite;

typedef struct JitStats {
    uint64_t blocks, insns, insns_c, code_bytes; /* translated; of those insns, with a C call */
    int64_t translating; /* nanoseconds of the thread; with -d jit-stats only */
    uint64_t calls_c, misses, crossings, mem_c, dispatches, links, entered, interp, invalidated, evictions, verified, sites, plain;
    uint64_t evicted, unlinks, unlinks_evicted; /* blocks; direct jumps taken back, those of them because a block was evicted */
} JitStats;

typedef const uint8_t *JitHelper(X86Cpu *cpu, void *arg, uint64_t val);

/* The combinations of vector state that are loaded: index of JitCpu.vec_load. */
enum { JIT_VEC_LOADS = 8 };

typedef struct JitCpu {
    X86Cpu *cpu;
    void *verify;            /* verify=on: verify.c; else NULL */
    BlockCache *interp;      /* single steps and debuggers */
    ExecMem mem;
    JitChunk *chunks;
    unsigned chunk_count;
    unsigned chunk;          /* being filled */
    unsigned evictions;      /* who keeps a block pointer across a translation compares */
    JitBlock **hash;         /* 1 << JIT_HASH_BITS */
    GHashTable *pages[2];    /* host page address -> list of blocks; of those whose second page it is */
    struct { uint32_t mode; JitEntry *table; } tables[JIT_MODES];
    unsigned next_table;
    uint32_t table_mode;     /* what cpu->jit_table is for */
    /* generated once */
    void (*enter)(X86Cpu *cpu, const uint8_t *code);
    const uint8_t *leave;    /* with guest registers in host registers and an exact RIP in r10 */
    /* jumped to with r11, r10 = arg, val of their helper */
    const uint8_t *call_c, *mem_slow, *group_slow, *link, *cross, *dispatch, *call_finish, *vec_enter;
    const uint8_t *vec_load[JIT_VEC_LOADS]; /* by LIVE_* bits; they go on at X86Cpu.jit_vec_to */
    const uint8_t *full[JIT_FULLS]; /* called */
    const uint8_t *smap[2];  /* called: the guard of user pages is there, is lifted; sys.c */
    uint64_t salt_factor;    /* secret */
    unsigned epoch;          /* cpu->tlb_epoch, tlb_way that jit_pages is good for */
    uint32_t modes[2];       /* of supervisor and user when they ran last: that jit_jumps is good for */
    bool left_early;         /* a block was left before its end: verify.c cannot compare */
    uint8_t epoch_way;
    const uint8_t *page_thunks[JIT_PAGES][2]; /* called; mem.c */
    void *no_page;           /* a page: what an empty place of jit_pages has, mem.c */
    void *no_pages;          /* X86Cpu.jit_pages when empty */
    struct { const JitSlot *slot; const JitBlock *block; unsigned off; } missed; /* last TLB miss: compared, not followed */
    JitSite sites[JIT_SITES];
    int64_t sampled_at;      /* the last sample, microseconds */
    JitStats stats;
    GHashTable *called;      /* mnemonic -> count of C calls; with -d jit-stats */
    /* bytes of code that were written: any thread */
    GMutex lock;
    GArray *written;         /* JitRange; guarded by lock */
    bool written_all;        /* too many */
} JitCpu;

typedef struct JitRange {
    RamBlock *ram;
    uint64_t off, len;
} JitRange;

/* cache.c */
bool jit_cache_init(JitCpu *j, size_t bytes, Error **errp);
void jit_cache_destroy(JitCpu *j);
JitBlock *jit_cache_find(JitCpu *j, const uint8_t *host, uint32_t mode);
/* With that second page; when there is none, another one goes if there are many. */
JitBlock *jit_cache_find_crossing(JitCpu *j, const uint8_t *host, const uint8_t *host2, uint32_t mode);
void jit_cache_add(JitCpu *j, JitBlock *b);
void jit_cache_select_table(JitCpu *j, uint32_t mode); /* cpu->jit_table for this mode */
const uint8_t *jit_cache_code(const X86Cpu *cpu, const uint8_t *host); /* from the inline table; NULL: not there */
void jit_cache_enter(JitCpu *j, JitBlock *b);          /* notes it in the inline table */
JitChunk *jit_cache_room(JitCpu *j);                   /* a chunk with room for one more block; may evict */
void *jit_cache_alloc(JitChunk *c, size_t bytes);      /* lives as long as the chunk's code */
/* From now on to @to; one to another page when it comes from the page at the address @from, while the salt is this one. */
void jit_exit_link(JitCpu *j, JitExit *e, JitBlock *to, uint64_t from, uint64_t salt);
void jit_cache_unlink_in(JitCpu *j, JitBlock *b); /* jumps to it will be looked for anew */
void jit_cache_drop(JitCpu *j, JitBlock *b);
void jit_cache_written(JitCpu *j);                     /* drops what VCPU_EV_CODE told of */
void jit_code_note(JitCpu *j, RamBlock *ram, uint64_t off, uint64_t len); /* any thread */

/* translate.c */
static inline bool jit_native(uint32_t mode) /* code may be emitted */
{
    return (mode & MODE_CODE64) || ((mode & MODE_CODE32) && (mode & MODE_FLAT) && (mode & MODE_SS32));
}
/* For JitBlock.mode @mode, which is the CPU's and perhaps JIT_PLAIN.  NULL: its first instruction crosses into the next page. */
JitBlock *jit_translate(JitCpu *j, uint64_t lin, uint32_t mode, const CodePage *page);
JitBlock *jit_translate_crossing(JitCpu *j, uint64_t lin, uint32_t mode, const CodePage *page, const CodePage *next); /* such a one */
void jit_crossing_bytes(const uint8_t *host, const uint8_t *host2, uint8_t buf[15]); /* from both pages */

/* run.c: the helpers of generated code; the next code to run, NULL: leave to the run loop */
JitHelper jit_help_call, jit_help_mem, jit_help_group, jit_help_link, jit_help_cross, jit_help_dispatch, jit_help_call_finish, jit_help_vec;

/* Runs blocks from an exact RIP, at least one, until an event waits or something else is in the way.  cpu->exit_jmp is set. */
void jit_blocks(X86Cpu *cpu, JitCpu *j);

/* sites.c */
void jit_sites_init(JitCpu *j);
void jit_site_sample(JitCpu *j, const JitSlot *slot); /* X86Cpu.jit_misses ran out at this access; may drop its block */
JitSiteWay jit_site_way(JitCpu *j, const uint8_t *insn);

/* fault.c */
void jit_fault_init(void); /* once: takes SIGFPE, SIGILL and SIGSEGV; what generated code did not raise goes to who had them before */
void jit_fault_thread(JitCpu *j); /* this thread enters generated code of @j */
void jit_fault_add(JitChunk *c, const uint8_t *code, unsigned insn_off, bool flags_in_host);
uint8_t jit_vec_allowed(const X86Cpu *cpu); /* LIVE_*: what guest code may use without checks now */

/* stats.c */
void jit_stats_call(JitCpu *j, const char *mnemonic);
int64_t jit_stats_clock(void); /* nanoseconds that this thread has run */
void jit_stats_print(JitCpu *j);

/* verify.c */
void *jit_verify_new(void);
void jit_verify(JitCpu *j, JitBlock *b); /* instead of entering it; regs[R_RIP] is the page's address.  May raise. */

/* perfmap.c */
bool jit_perfmap_open(Error **errp);
void jit_perfmap_note(const uint8_t *code, size_t size, const char *what, uint64_t lin); /* nothing unless open */

/* thunk.c */
void jit_thunks(JitCpu *j, Emit *e);

#endif

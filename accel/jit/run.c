/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run loop of the translator and what generated code calls.  Each vCPU runs in its own thread without the big lock.
 *
 * Helpers run with the guest's registers in X86Cpu, regs[R_RIP] being the current page's address; with cpu->insn set, a raise makes
 * it exact (exc.h).
 */
#include "util/osdep.h"
#include "accel/accel.h"
#include "accel/jit/translate.h"
#include "system/rammap.h"
#include "target/i386/debugger.h"
#include "target/i386/exc.h"
#include "target/i386/flags.h"
#include "util/keyval.h"
#include "util/log.h"
#include <sys/utsname.h>

/* Of code, a vCPU; pages are given as they are first used.  A compiler (gcc's cc1) alone fills 100 MiB. */
#define JIT_BYTES_DEFAULT (256 * MiB)
#define JIT_BYTES_MIN (8 * MiB) /* each part of each chunk holds some blocks of the greatest size */
#define JIT_BYTES_MAX (1 * GiB)

static struct {
    size_t bytes;
    bool verify;
    GMutex lock;
    GPtrArray *cpus; /* guarded by lock: whom written code concerns */
} jit = { .bytes = JIT_BYTES_DEFAULT };

static JitCpu *jit_of(X86Cpu *cpu)
{
    return cpu->vcpu.accel;
}

/* Nothing is in the way of blocks.  Events that wait but may not be taken now do not count: the loop enters a block then, to get on. */
static bool run_wanted(const X86Cpu *cpu)
{
    return !atomic_load_explicit(&cpu->vcpu.halted, memory_order_relaxed) && !cpu->int_shadow && !cpu->dbg_slow && !cpu->dbg_hits &&
           !cpu->vcpu.debug.count && !log_on(LOG_EXEC | LOG_CPU);
}

static void flags_to_memory(X86Cpu *cpu)
{
    if (cpu->cc_op != CC_FLAGS) {
        flags_set(cpu, flags_compute(cpu));
    }
}

/* One whose first instruction goes on in the next page. */
static JitBlock *block_crossing(JitCpu *j, X86Cpu *cpu, uint64_t lin, uint32_t mode, const CodePage *page)
{
    uint64_t behind = (lin | 0xfff) + 1;

    if (!jit_native(cpu->mode) || (!(cpu->mode & MODE_CODE64) && behind > UINT32_MAX)) {
        return NULL;
    }
    CodePage next = mmu_fetch_page(cpu, behind);

    if (!next.ram) {
        return NULL;
    }
    JitBlock *b = jit_cache_find_crossing(j, page->host + (lin & 0xfff), next.host, mode);

    if (!b) {
        mmu_protect_code(cpu, page->ram, page->ram_off);
        mmu_protect_code(cpu, next.ram, next.ram_off);
        b = jit_translate_crossing(j, lin, mode, page, &next);
        jit_cache_add(j, b);
    }
    return b;
}

/*
 * The block of JitBlock.mode @mode at an exact RIP, made if need be; NULL: an instruction that the interpreter must do.  May raise.
 *
 * mmu_protect_code() may serve a flush that somebody asked for, after which @page may be mapped there no more.  The block found here is
 * then run once as if the request had come a moment later: who waits for the flush waits for write tags to go, and this is a page to
 * fetch from; what a new view of memory or another vCPU's tables take away is told by events, which the next poll sees.  No way to the
 * block is noted by its linear address: links stay in its page, jit_jumps is filled from the TLB alone.
 */
static JitBlock *block_at(JitCpu *j, X86Cpu *cpu, uint64_t lin, uint32_t mode)
{
    CodePage page = mmu_fetch_page(cpu, lin);

    if (!page.ram) {
        return NULL;
    }
    JitBlock *b = jit_cache_find(j, page.host + (lin & 0xfff), mode);

    if (!b) {
        mmu_protect_code(cpu, page.ram, page.ram_off); /* before the bytes are read; steps tlb_epoch if write tags went */
        b = jit_translate(j, lin, mode, &page);
        if (!b) {
            return block_crossing(j, cpu, lin, mode, &page);
        }
        jit_cache_add(j, b);
    }
    return b->host2 ? block_crossing(j, cpu, lin, mode, &page) : b;
}

/* Fetching beyond the segment's limit is a fault, which flat code cannot have. */
static bool limit_ok(const X86Cpu *cpu, const JitBlock *b)
{
    return (cpu->mode & (MODE_CODE64 | MODE_FLAT)) || cpu->regs[R_RIP] + (b->dep_hi - b->dep_lo) <= cpu->seg[SEG_CS].limit;
}

/*
 * What the keys of jit_jumps are made with: not canonical, so that an empty entry is no address's, and in a way that no guest knows, as
 * two addresses under two salts may have the same key.
 */
static uint64_t salt_of(const JitCpu *j, uint64_t id)
{
    return (id * j->salt_factor & (UINT64_MAX >> 2)) | (uint64_t)1 << 62;
}

/* A C function may have changed what is mapped where, or the privilege: what was noted of them must go. */
static void pages_check(JitCpu *j, X86Cpu *cpu)
{
    uint32_t *mode = &j->modes[cpu->cpl == 3];

    if (j->epoch != cpu->tlb_epoch || j->epoch_way != cpu->tlb_way || *mode != cpu->mode) {
        memcpy(&cpu->jit_pages, j->no_pages, sizeof(cpu->jit_pages));
        j->epoch = cpu->tlb_epoch;
        j->epoch_way = cpu->tlb_way;
    }
    if (*mode != cpu->mode) {
        tlb_code_renew(cpu);
        *mode = cpu->mode;
    }
    cpu->jit_salt = salt_of(j, tlb_code_id(cpu));
}

/* Where to go on at an exact RIP; then regs[R_RIP] is the page's.  @plain: JIT_PLAIN or 0. */
static JitBlock *jit_next(JitCpu *j, X86Cpu *cpu, uint32_t plain)
{
    if (!run_wanted(cpu)) {
        return NULL;
    }
    uint64_t lin = cpu->regs[R_RIP] + cpu->lin_base[SEG_CS];

    lin = cpu->mode & MODE_CODE64 ? lin : (uint32_t)lin;
    jit_cache_select_table(j, cpu->mode);
    JitBlock *b = block_at(j, cpu, lin, cpu->mode | plain);

    if (!b || !limit_ok(cpu, b)) {
        return NULL;
    }
    if ((cpu->mode & (MODE_CODE64 | MODE_FLAT)) && !plain) {
        jit_cache_enter(j, b);
    }
    flags_to_memory(cpu);
    pages_check(j, cpu);
    cpu->regs[R_RIP] -= lin & 0xfff;
    return b;
}

/* The same when the TLB and the inline table know the way: the usual case.  NULL: not so. */
static const uint8_t *quick_code(JitCpu *j, X86Cpu *cpu)
{
    uint64_t lin = cpu->regs[R_RIP] + cpu->lin_base[SEG_CS];

    if (!(cpu->mode & MODE_CODE64) || cpu->mode != j->table_mode || !run_wanted(cpu)) {
        return NULL;
    }
    const TlbEntry *e = tlb_entry(cpu, lin);
    const uint8_t *host = (const uint8_t *)(lin + e->addend);

    if (e->exec != (lin & ~(uint64_t)0xfff)) {
        return NULL;
    }
    const uint8_t *code = jit_cache_code(cpu, host);

    if (code) {
        flags_to_memory(cpu);
        pages_check(j, cpu);
        cpu->regs[R_RIP] = lin & ~(uint64_t)0xfff;
    }
    return code;
}

static const uint8_t *next_code(X86Cpu *cpu)
{
    if (vcpu_event_waits(&cpu->vcpu) || jit_of(cpu)->verify) {
        return NULL;
    }
    const uint8_t *code = quick_code(jit_of(cpu), cpu);

    if (code) {
        return code;
    }
    JitBlock *b = jit_next(jit_of(cpu), cpu, 0);

    return b ? b->code : NULL;
}

static const uint8_t *next_plain(X86Cpu *cpu)
{
    JitCpu *j = jit_of(cpu);

    if (vcpu_event_waits(&cpu->vcpu) || j->verify) {
        j->left_early = true;
        return NULL;
    }
    JitBlock *b = jit_next(j, cpu, JIT_PLAIN);

    return b ? b->code : NULL;
}

/* --- helpers of generated code ------------------------------------------------------------------------------------ */

/* To @code with the vector state @bits in the host's registers, which is allowed. */
static const uint8_t *vec_resume(X86Cpu *cpu, const uint8_t *code, uint8_t bits)
{
    if (!bits) {
        return code;
    }
    cpu->jit_vec_to = code;
    return jit_of(cpu)->vec_load[bits];
}

static const uint8_t *insn_done(X86Cpu *cpu, JitSlot *s)
{
    uint8_t fl = s->insn->flags;

    cpu->insn = NULL;
    if ((cpu->eflags & FL_IF) && (atomic_load_explicit(&cpu->vcpu.events, memory_order_relaxed) & VCPU_EV_INTR_HELD)) {
        vcpu_intr_release(&cpu->vcpu);
    }
    if (G_UNLIKELY(cpu->smc)) {
        cpu->smc = false;
        jit_cache_written(jit_of(cpu));
    }
    if (fl & (INSN_BRANCH | INSN_END)) {
        if (!(fl & INSN_BRANCH)) {
            cpu->regs[R_RIP] = insn_next_rip(cpu, s->insn);
        }
        return next_code(cpu);
    }
    if (G_UNLIKELY(cpu->dbg_hits || s->block->dead || (s->vec_done && (s->vec_done & ~jit_vec_allowed(cpu))))) {
        jit_of(cpu)->left_early = true;
        cpu->regs[R_RIP] = insn_next_rip(cpu, s->insn);
        return next_code(cpu);
    }
    if (!s->done) {
        cpu->regs[R_RIP] = insn_next_rip(cpu, s->insn);
        return next_plain(cpu);
    }
    flags_to_memory(cpu);
    pages_check(jit_of(cpu), cpu);
    return vec_resume(cpu, s->done, s->vec_done);
}

/* The instruction that is run by C now.  Few slots are ever used, so each decodes its own when it is. */
static const Insn *insn_begin(X86Cpu *cpu, JitSlot *s)
{
    if (!s->insn) {
        JitCpu *j = jit_of(cpu);
        Insn *i = jit_cache_alloc(&j->chunks[j->chunk], sizeof(*i)); /* the newest, which outlives that of the slot */

        decode_insn(cpu, s->bytes, sizeof(s->bytes), s->off, i);
        s->insn = i;
    }
    cpu->insn = s->insn;
    cpu->insn_end = cpu->insn + 1;
    return s->insn;
}

static const uint8_t *insn_run(X86Cpu *cpu, JitSlot *s)
{
    const Insn *i = insn_begin(cpu, s);

    i->fn(cpu, i);
    return insn_done(cpu, s);
}

const uint8_t *jit_help_call(X86Cpu *cpu, void *arg, uint64_t val)
{
    (void)val;
    JitSlot *s = arg;

    jit_of(cpu)->stats.calls_c++;
    if (G_UNLIKELY(log_on(LOG_JIT_STATS))) {
        Insn i;
        Decoded d;

        decode_insn_full(cpu, s->bytes, sizeof(s->bytes), s->off, &i, &d);
        jit_stats_call(jit_of(cpu), d.mnemonic);
    }
    return insn_run(cpu, s);
}

/*
 * Two operands of one instruction may want the same place in the TLB and would take it from each other for ever: the C function needs
 * no place.
 */
static bool miss_again(JitCpu *j, JitSlot *s)
{
    bool other = j->missed.slot != s && j->missed.block == s->block && j->missed.off == s->off;

    j->missed.slot = s;
    j->missed.block = other ? NULL : s->block;
    j->missed.off = s->off;
    return other;
}

static bool canonical(const X86Cpu *cpu, uint64_t lin)
{
    return !(cpu->mode & MODE_CODE64) || (uint64_t)((int64_t)(lin << 16) >> 16) == lin;
}

/*
 * The access of @s, at @lin, is made possible in the TLB if it lies in one page, and raises if it must.  Then: does the TLB have all @size
 * bytes at @all, for @write?  No segment is looked at, so addresses that are not canonical, #GP or #SS, are for the C function.
 */
static bool tlb_fill(X86Cpu *cpu, const JitSlot *s, uint64_t lin, uint64_t all, unsigned size, bool write)
{
    if (((all ^ (all + size - 1)) & ~(uint64_t)0xfff) || !canonical(cpu, lin) || cpu->tlb_way == TLB_USER_AC) {
        return false;
    }
    cpu->regs[R_RIP] += s->off; /* exact, should it raise */
    mem_probe(cpu, lin, s->size, s->acc);
    cpu->regs[R_RIP] -= s->off;
    const TlbEntry *e = tlb_entry(cpu, all);

    return tlb_hit(write ? e->write : e->read, all, size);
}

/* An access has no page.  False: the TLB is no help (a misaligned operand may be #GP, which comes before #PF). */
static bool miss_begins(JitCpu *j, X86Cpu *cpu, JitSlot *s, uint64_t lin)
{
    j->stats.misses++;
    if (cpu->jit_misses < 0) {
        jit_site_sample(j, s);
    }
    return !miss_again(j, s) && (s->size < 16 || !(lin & (s->size - 1u)));
}

const uint8_t *jit_help_mem(X86Cpu *cpu, void *arg, uint64_t lin)
{
    JitSlot *s = arg;
    JitCpu *j = jit_of(cpu);

    if (!miss_begins(j, cpu, s, lin)) {
        return insn_run(cpu, s);
    }
    if (tlb_fill(cpu, s, lin, lin, s->size, s->acc != ACC_READ)) {
        pages_check(j, cpu);
        return vec_resume(cpu, s->retry, s->vec_retry);
    }
    if ((lin & 0xfff) + s->size > 0x1000) {
        j->stats.crossings++;
    } else {
        j->stats.mem_c++;
    }
    return insn_run(cpu, s);
}

/* A group has no page, which would begin at @lowest: with the help of the TLB, or without groups. */
const uint8_t *jit_help_group(X86Cpu *cpu, void *arg, uint64_t lowest)
{
    JitSlot *s = arg;
    JitCpu *j = jit_of(cpu);
    JitBlock *from = s->block;
    uint64_t lin = lowest + s->group_before;

    if (miss_begins(j, cpu, s, lin) && tlb_fill(cpu, s, lin, lowest, s->group_size, s->group_write)) {
        pages_check(j, cpu);
        return vec_resume(cpu, s->retry, s->vec_retry);
    }
    if (j->verify) { /* what blocks it enters must be its own */
        return insn_run(cpu, s);
    }
    unsigned evictions = j->evictions;
    bool dead = from->dead;

    cpu->regs[R_RIP] += s->off;
    JitBlock *b = jit_next(j, cpu, JIT_PLAIN); /* whatever events wait: the instruction must get done */

    if (!b) {
        return NULL;
    }
    j->stats.plain++;
    if (!dead && j->evictions == evictions && !s->plain->to && b->host == from->host - ((uintptr_t)from->host & 0xfff) + s->off) {
        jit_exit_link(j, s->plain, b, 0, 0);
    }
    return b->code;
}

/* The block needs the state @bits from here on. */
const uint8_t *jit_help_vec(X86Cpu *cpu, void *arg, uint64_t bits)
{
    JitSlot *s = arg;
    uint8_t allowed = jit_vec_allowed(cpu);

    if (bits & ~(uint64_t)allowed) {
        return insn_run(cpu, s);
    }
    return vec_resume(cpu, s->retry, (uint8_t)(bits | (cpu->vec_was & allowed)));
}

/* Is this block what a jump that is about to be linked should find, at the linear address @lin? */
static bool link_right(X86Cpu *cpu, const JitExit *x, const JitBlock *b, uint64_t lin)
{
    if (!x->key) {
        return !x->to && b->host == x->from->host - ((uintptr_t)x->from->host & 0xfff) + x->rel;
    }
    const TlbEntry *e = tlb_entry(cpu, lin);

    return e->exec == (lin & ~(uint64_t)0xfff) && (const uint8_t *)(lin + e->addend) == b->host;
}

const uint8_t *jit_help_link(X86Cpu *cpu, void *arg, uint64_t val)
{
    JitCpu *j = jit_of(cpu);
    JitExit *x = arg;
    unsigned evictions = j->evictions;
    uint64_t page = cpu->regs[R_RIP], lin = page + (uint64_t)(int64_t)x->rel;

    (void)val;
    j->stats.links++;
    cpu->jit_relink = JIT_RELINK;
    lin = cpu->mode & MODE_CODE64 ? lin : (uint32_t)lin;
    cpu->regs[R_RIP] = lin;
    JitBlock *b = vcpu_event_waits(&cpu->vcpu) ? NULL : jit_next(j, cpu, 0);

    if (!b) {
        return NULL;
    }
    if (j->evictions == evictions && !x->from->dead && link_right(cpu, x, b, lin)) {
        jit_exit_link(j, x, b, page, cpu->jit_salt);
    }
    return b->code;
}

/* A block that crosses was entered, but the TLB does not have its second page there, or another one is. */
const uint8_t *jit_help_cross(X86Cpu *cpu, void *arg, uint64_t val)
{
    JitCpu *j = jit_of(cpu);
    JitBlock *from = arg;
    unsigned evictions = j->evictions;

    (void)val;
    cpu->regs[R_RIP] += (uintptr_t)from->host & 0xfff;
    JitBlock *b = jit_next(j, cpu, from->mode & JIT_PLAIN);

    if (!b) {
        return NULL;
    }
    if (b != from && j->evictions == evictions) {
        jit_cache_unlink_in(j, from); /* the next jumps find the other one */
    }
    return b->host2 ? b->checked : b->code;
}

const uint8_t *jit_help_dispatch(X86Cpu *cpu, void *arg, uint64_t target)
{
    (void)arg;
    jit_of(cpu)->stats.dispatches++;
    cpu->regs[R_RIP] = target;
    return next_code(cpu);
}

/* The return address is on the stack; the target, in jit_tmp, turned out to be unusual. */
const uint8_t *jit_help_call_finish(X86Cpu *cpu, void *arg, uint64_t target)
{
    JitSlot *s = arg;

    insn_begin(cpu, s);
    if (!canonical(cpu, target)) {
        mem_store(cpu, cpu->regs[R_RSP] - 8, cpu->jit_below, 8);
        x86_raise_gp0(cpu);
    }
    cpu->insn = NULL;
    cpu->regs[R_RSP] -= cpu->mode & MODE_CODE64 ? 8 : 4;
    if (!(cpu->mode & MODE_CODE64)) {
        cpu->regs[R_RSP] = (uint32_t)cpu->regs[R_RSP];
    }
    return jit_help_dispatch(cpu, NULL, target);
}

/* --- the loop -------------------------------------------------------------------------------------------------------- */

void jit_blocks(X86Cpu *cpu, JitCpu *j)
{
    if (!(cpu->eflags & FL_IF) && !j->verify) {
        vcpu_intr_hold(&cpu->vcpu);
    }
    const uint8_t *code = j->verify || cpu->jit_fault ? NULL : quick_code(j, cpu);
    JitBlock *b = code || cpu->jit_fault ? NULL : jit_next(j, cpu, 0);

    if (cpu->jit_fault) {
        cpu->jit_fault = false;
        interp_insn(cpu, j->interp);
    } else if (code || b) {
        j->stats.entered++;
        jit_fault_thread(j);
        if (code) {
            j->enter(cpu, jit_past_poll(code)); /* events that wait may be such as cannot be taken now */
        } else if (G_UNLIKELY(j->verify)) {
            jit_verify(j, b);
        } else {
            j->enter(cpu, b->code);
        }
    } else if (cpu->vcpu.debug.count || log_on(LOG_EXEC | LOG_CPU)) {
        interp_chain(cpu, j->interp);
    } else if (run_wanted(cpu)) {
        j->stats.interp++;
        interp_insn(cpu, j->interp);
    }
    if (G_UNLIKELY(cpu->dbg_hits)) {
        x86_check_debug_trap(cpu);
    }
}

static void run_blocks(X86Cpu *cpu, void *opaque)
{
    jit_blocks(cpu, opaque);
}

static void run_code_written(void *opaque)
{
    jit_cache_written(opaque);
}

static void jit_run(Vcpu *v)
{
    static const EngineOps ops = { .blocks = run_blocks, .code_written = run_code_written };
    JitCpu *j = v->accel;

    interp_loop(j->cpu, j->interp, &ops, j);
}

/* --- the accelerator -------------------------------------------------------------------------------------------------- */

static bool jit_probe(char **why)
{
    struct utsname u;

    if (uname(&u) == 0 && !strcmp(u.machine, "x86_64") && sizeof(void *) == 8) {
        return true;
    }
    *why = g_strdup("it translates to code of x86-64 hosts only; `-accel interp` runs everywhere");
    return false;
}

static bool jit_init(struct KeyVal *options, Error **errp)
{
    static const char *const known[] = { "tb-size", "perfmap", "verify", NULL };
    uint64_t mib = JIT_BYTES_DEFAULT / MiB;
    bool perfmap = false;

    if (!keyval_get_uint(options, "tb-size", JIT_BYTES_MIN / MiB, JIT_BYTES_MAX / MiB, &mib, errp) ||
        !keyval_get_bool(options, "perfmap", &perfmap, errp) ||
        !keyval_get_bool(options, "verify", &jit.verify, errp) || !keyval_finish(options, "accelerator", known, errp)) {
        return false;
    }
    if (perfmap && !jit_perfmap_open(errp)) {
        return false;
    }
    jit.bytes = mib * MiB;
    rammap_prefer_anonymous(); /* huge pages of the host: a memfd has none as kernels are set up by default */
    decode_init();
    jit_rows_init();
    jit_fault_init();
    return true;
}

/* jit.lock is held. */
static void note_for_all(RamBlock *ram, uint64_t off, uint64_t len)
{
    for (unsigned k = 0; jit.cpus && k < jit.cpus->len; k++) {
        jit_code_note(g_ptr_array_index(jit.cpus, k), ram, off, len);
    }
}

/* Watched no more: what came from the page goes before others may write there unseen. */
static void jit_page_fading(RamBlock *ram, uint64_t page_off)
{
    note_for_all(ram, page_off, 0x1000);
}

/* Any thread, perhaps inside an RCU section. */
static void jit_code_written(RamBlock *ram, uint64_t off, uint64_t len)
{
    g_mutex_lock(&jit.lock);
    note_for_all(ram, off, len);
    mmu_code_written_telling(ram, off, len, jit_page_fading);
    g_mutex_unlock(&jit.lock);
}

static bool jit_vcpu_init(Vcpu *v, Error **errp)
{
    if (jit.verify && v->index) {
        error_set(errp, "-accel jit,verify=on runs one vCPU only: others would see memory that is written, taken back and written again");
        error_add_hint(errp, "Use -smp 1.");
        return false;
    }
    JitCpu *j = g_new0(JitCpu, 1);

    j->cpu = x86_cpu(v);
    j->written = g_array_new(FALSE, FALSE, sizeof(JitRange));
    if (!jit_cache_init(j, jit.bytes, errp)) {
        g_array_free(j->written, TRUE);
        g_free(j);
        return false;
    }
    j->interp = block_cache_new();
    j->verify = jit.verify ? jit_verify_new() : NULL;
    mmu_init(x86_cpu(v));
    v->accel = j;
    g_mutex_lock(&jit.lock);
    if (!jit.cpus) {
        jit.cpus = g_ptr_array_new();
    }
    g_ptr_array_add(jit.cpus, j);
    g_mutex_unlock(&jit.lock);
    ram_set_code_hook(jit_code_written);
    return true;
}

static void jit_vcpu_destroy(Vcpu *v)
{
    JitCpu *j = v->accel;

    if (log_on(LOG_JIT_STATS)) {
        jit_stats_print(j);
    }
    if (j->called) {
        g_hash_table_destroy(j->called);
    }
    g_mutex_lock(&jit.lock);
    g_ptr_array_remove(jit.cpus, j);
    g_mutex_unlock(&jit.lock);
    mmu_destroy(x86_cpu(v));
    block_cache_free(j->interp);
    jit_cache_destroy(j);
    g_free(j->verify);
    g_array_free(j->written, TRUE);
    g_free(j);
    v->accel = NULL;
}

static void jit_debug_changed(Vcpu *v)
{
    JitCpu *j = v->accel;

    block_cache_flush(j->interp); /* blocks end before breakpoints */
}

static const AccelClass jit_class = {
    .name = "jit",
    .desc = "Rhea's translator: x86-64 guests on x86-64 hosts",
    .probe = jit_probe,
    .init = jit_init,
    .vcpu_init = jit_vcpu_init,
    .vcpu_destroy = jit_vcpu_destroy,
    .vcpu_run = jit_run,
    .debug_changed = jit_debug_changed,
};
ACCEL_REGISTER(jit_class);

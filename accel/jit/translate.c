/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the bytes of a page to a block of host code: translate.h. */
#include "util/osdep.h"
#include "accel/jit/translate.h"
#include "target/i386/debugger.h"
#include "util/log.h"

#define SCAN_INSNS 8 /* how far flag use is looked for at a jump's target */

static GHashTable *rows; /* mnemonic -> JitRow; made once */

static void rows_add(const JitRow *r)
{
    for (; r->mnemonic; r++) {
        g_hash_table_insert(rows, (gpointer)r->mnemonic, (gpointer)r);
    }
}

void jit_rows_init(void)
{
    if (!rows) {
        rows = g_hash_table_new(g_str_hash, g_str_equal);
        rows_add(jit_rows_int);
        rows_add(jit_rows_branch);
        rows_add(jit_rows_stack);
        rows_add(jit_rows_sys);
        rows_add(jit_rows_vec);
    }
}

const JitRow *jit_row_find(const Decoded *d)
{
    static _Thread_local struct { const char *mnemonic; const JitRow *row; } seen[512]; /* by the decoder's own pointer */

    if (!d->mnemonic) {
        return NULL;
    }
    unsigned at = (unsigned)((uintptr_t)d->mnemonic >> 2) % G_N_ELEMENTS(seen);

    if (seen[at].mnemonic != d->mnemonic) {
        seen[at].mnemonic = d->mnemonic;
        seen[at].row = g_hash_table_lookup(rows, d->mnemonic);
    }
    const JitRow *r = seen[at].row ? seen[at].row : jit_x87_row(d);

    return r ? r : jit_vec_row(d);
}

/* --- decoding ------------------------------------------------------------------------------------------------- */

static void insn_analyse(JitTr *t, JitInsn *j)
{
    j->row = t->native && j->i.fn != op_ud ? jit_row_find(&j->d) : NULL;
    jit_flags_analyse(j);
}

static bool decode_at(JitTr *t, unsigned off, JitInsn *j)
{
    if (off >= 0x1000 || decode_insn_full(t->cpu, t->page + off, MIN(15u, 0x1000 - off), (uint16_t)off, &j->i, &j->d) == DECODE_MORE) {
        return false;
    }
    insn_analyse(t, j);
    return true;
}

static bool is_direct(const JitInsn *j)
{
    return j->row && (j->i.flags & INSN_BRANCH) && j->d.nops == 1 && j->d.op[0].kind == OPND_REL;
}

/* Which flags the code at @rel may look at, as far as its first instructions tell. */
static uint16_t flags_used_at(JitTr *t, int64_t rel)
{
    uint16_t live = 0, open = FL_ARITH;
    JitInsn j;

    if (!jit_target_in_page(t, rel) || t->jit->verify) {
        return FL_ARITH;
    }
    unsigned off = (unsigned)rel;
    const JitBlock *known = jit_cache_find(t->jit, t->page + off, t->mode);

    if (known && known->host2) { /* what it looks at depends on what is mapped behind */
        return FL_ARITH;
    }
    if (known) {
        t->b->dep_lo = MIN(t->b->dep_lo, known->dep_lo);
        t->b->dep_hi = MAX(t->b->dep_hi, known->dep_hi);
        return known->live_in;
    }
    for (unsigned k = 0; k < SCAN_INSNS && open; k++) {
        if (!decode_at(t, off, &j)) {
            break;
        }
        t->b->dep_lo = MIN(t->b->dep_lo, (uint16_t)off);
        t->b->dep_hi = MAX(t->b->dep_hi, (uint16_t)(off + j.i.len));
        live |= (uint16_t)(open & j.fl_read);
        open &= (uint16_t)~j.fl_kill;
        open &= (uint16_t)~live;
        off += j.i.len;
        if (j.i.flags & (INSN_BRANCH | INSN_END)) {
            break;
        }
    }
    return live | open;
}

void jit_crossing_bytes(const uint8_t *host, const uint8_t *host2, uint8_t buf[15])
{
    unsigned first = 0x1000 - (unsigned)((uintptr_t)host & 0xfff);

    memcpy(buf, host, first);
    memcpy(buf + first, host2, 15 - first);
}

static void decode_crossing(JitTr *t, unsigned off)
{
    JitInsn *j = &t->insns[0];
    uint8_t buf[15];

    jit_crossing_bytes(t->b->host, t->b->host2, buf);
    decode_insn_full(t->cpu, buf, sizeof(buf), (uint16_t)off, &j->i, &j->d);
    insn_analyse(t, j);
    j->live_target = 0;
    t->count = 1;
    t->b->dep_hi = 0x1000;
    t->b->dep2_hi = (uint16_t)(off + sizeof(buf) - 0x1000);
}

static bool ends_block(const JitInsn *j)
{
    if (j->row && j->row->ends != JIT_AS_DECODED) {
        return j->row->ends == JIT_ENDS;
    }
    return (j->i.flags & INSN_END) || ((j->i.flags & INSN_BRANCH) && !j->row);
}

static void decode_block(JitTr *t, unsigned off)
{
    while (t->count < JIT_MAX_INSNS) {
        JitInsn *j = &t->insns[t->count];

        if (!decode_at(t, off, j) || (t->jit->verify && t->count && !(j->row && t->insns[0].row))) {
            return;
        }
        j->live_target = 0;
        t->count++;
        off += j->i.len;
        t->b->dep_hi = (uint16_t)off;
        if (ends_block(j)) {
            return;
        }
    }
}

static void scan_targets(JitTr *t)
{
    for (unsigned k = 0; k < t->count; k++) {
        if (is_direct(&t->insns[k])) {
            t->insns[k].live_target = flags_used_at(t, jit_branch_rel(&t->insns[k]));
        } else if (t->insns[k].row && t->insns[k].row->ends == JIT_ENDS) {
            t->insns[k].live_target = FL_ARITH;
        }
    }
}

/* --- emitting -------------------------------------------------------------------------------------------------- */

void jit_call_c(JitTr *t, JitInsn *j)
{
    jit_flags_before_clobber(t, j);
    JitSlot *s = jit_slot(t, j);

    emit_mov_imm(t->e, S1, (uintptr_t)s);
    emit_jmp(t->e, t->jit->call_c);
    t->fl_mem = true;
    t->fl_host = false;
    t->vec = 0;
    t->kept = H_NONE;
    t->s1 = -1;
    jit_groups_end(t);
    t->b->calls_c = true;
    t->jit->stats.insns_c++;
}

static bool groups_checked(const JitTr *t)
{
    for (unsigned k = 0; k < t->group_count; k++) {
        if (t->groups[k].checked) {
            return true;
        }
    }
    return false;
}

static void emit_insn(JitTr *t, JitInsn *j)
{
    bool host = t->fl_host, mem = t->fl_mem;
    uint8_t vec = t->vec;

    t->retry = NULL;
    t->kept_before = t->kept;
    t->kept = H_NONE;
    t->keeps = false;
    t->s1_before = t->s1;
    t->s1 = -1;
    t->slot_count = t->access = 0;
    if (!j->row || !j->row->emit(t, j)) {
        t->fl_host = host;
        t->fl_mem = mem;
        t->vec = vec;
        jit_call_c(t, j);
    }
    for (unsigned k = 0; k < t->slot_count; k++) {
        t->slots[k]->vec_done = t->vec;
        t->slots[k]->done = groups_checked(t) ? NULL : jit_kept_landing(t, emit_rx(t->e));
    }
}

static bool block_open(const JitTr *t)
{
    const JitInsn *last = &t->insns[t->count - 1];

    return last->row ? last->row->ends != JIT_ENDS : !ends_block(last);
}

static void emit_all(JitTr *t)
{
    JitInsn *last = &t->insns[t->count - 1];

    t->fl_host = false;
    t->fl_mem = true;
    t->vec = 0;
    t->kept = H_NONE;
    t->s1 = -1;
    for (unsigned k = 0; k < t->count; k++) {
        emit_insn(t, &t->insns[k]);
    }
    if (block_open(t)) {
        jit_exit_to(t, last, last->i.off + last->i.len, last->live_out);
    }
}

/* Is the page behind the one that the second half came from?  The TLB tells; when not, the helper finds out and finds the right block. */
static void emit_cross_check(JitTr *t)
{
    Emit *e = t->e, *c = t->cold;
    const uint8_t *other = emit_rx(c);

    emit_mov_imm(c, S1, (uintptr_t)t->b);
    emit_jmp(c, t->jit->cross);
    emit_rm(e, 0x8b, S0, jit_reg_mem(R_RIP), true);
    emit_ri(e, 0, S0, 0x1000, true);
    emit_rr(e, 0x8b, S1, S0, true);
    emit_shift(e, 5, S1, 12 - TLB_ENTRY_SHIFT, true);
    emit_rm(e, 0x23, S1, JIT_FIELD(tlb_mask), true);
    emit_rm(e, 0x03, S1, JIT_FIELD(tlb), true);
    emit_rm(e, 0x3b, S0, host_mem(S1, (int32_t)offsetof(TlbEntry, exec)), true);
    emit_jcc(e, CC_NE, other);
    emit_rm(e, 0x03, S0, host_mem(S1, (int32_t)offsetof(TlbEntry, addend)), true);
    emit_mov_imm(e, S2, (uintptr_t)t->b->host2);
    emit_rr(e, 0x3b, S0, S2, true);
    emit_jcc(e, CC_NE, other);
    t->b->checked = emit_rx(e);
}

static void emit_block(JitTr *t)
{
    jit_poll(t);
    if (t->b->host2) {
        emit_cross_check(t);
    }
    if (log_on(LOG_JIT_STATS)) {
        emit_op(t->e, &(HostOp){ .opcode = 0x83, .w = true, .is_mem = true, .mem = JIT_FIELD(jit_insns), .imm_len = 1,
                                 .imm = { (uint8_t)t->count } });
    }
    emit_all(t);
}

static void log_block(const JitTr *t, uint64_t lin)
{
    log_printf(LOG_IN_ASM, "block at %016" PRIx64 " mode %x\n", lin, t->mode);
    for (unsigned k = 0; k < t->count; k++) {
        const Insn *i = &t->insns[k].i;
        char text[128];

        decode_text(t->mode, (lin & ~(uint64_t)0xfff) + i->off, i->bytes, i->len, text, sizeof(text));
        log_printf(LOG_IN_ASM, "  %016" PRIx64 "  %s%s\n", (lin & ~(uint64_t)0xfff) + i->off, text, t->insns[k].row ? "" : "  (C)");
    }
}

static void log_code(const char *what, const uint8_t *from, const uint8_t *to)
{
    log_printf(LOG_OUT_ASM, "%s\n", what);
    while (from < to) {
        char text[128];
        unsigned len = decode_text(MODE_LMA | MODE_CODE64, (uintptr_t)from, from, (unsigned)MIN(15, to - from), text, sizeof(text));

        log_printf(LOG_OUT_ASM, "  %" PRIxPTR "  %s\n", (uintptr_t)from, text);
        from += MAX(len, 1);
    }
}

static JitBlock *translate(JitCpu *j, uint64_t lin, uint32_t mode, const CodePage *page, const CodePage *next)
{
    static _Thread_local JitTr tr;
    JitTr *t = &tr;
    X86Cpu *cpu = j->cpu;
    unsigned off = (unsigned)(lin & 0xfff);
    JitBlock head = { .host = page->host + off, .ram = page->ram, .page_off = page->ram_off, .mode = mode,
                      .host2 = next ? next->host : NULL, .dep_lo = (uint16_t)off, .dep_hi = (uint16_t)off };

    t->cpu = cpu;
    t->jit = j;
    t->page = page->host;
    t->lin = lin & ~(uint64_t)0xfff;
    t->mode = cpu->mode;
    t->native = jit_native(cpu->mode);
    t->count = 0;
    t->b = &head;
    if (next) {
        decode_crossing(t, off);
    } else {
        decode_block(t, off);
    }
    if (!t->count) {
        return NULL;
    }
    scan_targets(t);
    jit_flags_liveness(t);
    jit_groups_find(t);
    t->chunk = jit_cache_room(j);
    t->e = &t->chunk->hot;
    t->cold = &t->chunk->cold;
    t->b = jit_cache_alloc(t->chunk, sizeof(JitBlock));
    *t->b = head;
    t->b->calls_c = !t->insns[0].row;
    t->b->count = (uint16_t)t->count;
    const uint8_t *cold = emit_rx(t->cold);

    emit_block(t);
    jit_perfmap_note(t->b->polling, (size_t)(emit_rx(t->e) - t->b->polling), "block", lin);
    jit_perfmap_note(cold, (size_t)(emit_rx(t->cold) - cold), "cold", lin);
    j->stats.blocks++;
    j->stats.insns += t->count;
    j->stats.code_bytes += (uint64_t)(emit_rx(t->e) - t->b->code);
    if (log_on(LOG_IN_ASM)) {
        log_block(t, lin);
    }
    if (log_on(LOG_OUT_ASM)) {
        log_code("host code:", t->b->polling, emit_rx(t->e));
        log_code("out of line:", cold, emit_rx(t->cold));
    }
    g_ptr_array_add(t->chunk->blocks, t->b);
    return t->b;
}

static JitBlock *translate_timed(JitCpu *j, uint64_t lin, uint32_t mode, const CodePage *page, const CodePage *next)
{
    if (!log_on(LOG_JIT_STATS)) {
        return translate(j, lin, mode, page, next);
    }
    int64_t begin = jit_stats_clock();
    JitBlock *b = translate(j, lin, mode, page, next);

    j->stats.translating += jit_stats_clock() - begin;
    return b;
}

JitBlock *jit_translate(JitCpu *j, uint64_t lin, uint32_t mode, const CodePage *page)
{
    return translate_timed(j, lin, mode, page, NULL);
}

JitBlock *jit_translate_crossing(JitCpu *j, uint64_t lin, uint32_t mode, const CodePage *page, const CodePage *next)
{
    return translate_timed(j, lin, mode, page, next);
}

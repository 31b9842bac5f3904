/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How an address is formed: the effective address, the segment's base, and the inline look-up in the TLB (cpu.h: TlbEntry).  The one
 * place that knows how guest memory is reached from generated code.
 */
#include "util/osdep.h"
#include "accel/jit/translate.h"
#include <sys/random.h>

unsigned jit_reg_host(unsigned g)
{
    static const uint8_t host[16] = { H_RAX, H_RCX, H_RDX, H_RBX, G_SP, H_RBP, H_RSI, H_RDI, H_R8, H_NONE, H_NONE, H_NONE,
                                      H_R12, H_R13, H_R14, H_NONE };

    return host[g];
}

bool jit_addr_ok(const JitTr *t, const JitInsn *j)
{
    const Insn *i = &j->i;

    if (j->d.rip_wide || i->addrsize < 4) {
        return false;
    }
    return jit_code64(t) || ((i->flags & INSN_FLAT) && i->seg <= SEG_DS);
}

/* The host register that holds guest address register @g (byte offset / 8), loaded to @scratch when it lives in memory. */
static unsigned addr_reg(JitTr *t, unsigned g, unsigned scratch)
{
    unsigned h = g < 16 ? jit_reg_host(g) : H_NONE;

    if (g == t->kept) {
        return S2;
    }
    if (h == H_NONE) {
        t->s1 = scratch == S1 ? -1 : t->s1;
        emit_rm(t->e, 0x8b, scratch, jit_reg_mem(g), true);
        return scratch;
    }
    return h;
}

void jit_kept_reload(JitTr *t, Emit *e)
{
    if (t->kept != H_NONE) {
        emit_rm(e, 0x8b, S2, jit_reg_mem(t->kept), true);
    }
}

const uint8_t *jit_kept_landing(JitTr *t, const uint8_t *to)
{
    if (t->kept == H_NONE) {
        return to;
    }
    const uint8_t *at = emit_rx(t->cold);

    jit_kept_reload(t, t->cold);
    emit_jmp(t->cold, to);
    return at;
}

void jit_lea(JitTr *t, const JitInsn *j, unsigned dst, bool wide)
{
    const Insn *i = &j->i;
    unsigned gb = i->base >> 3, gi = i->index >> 3;
    HostMem m = { H_NONE, H_NONE, i->scale, i->disp };

    if (gb == R_ZERO && gi == R_ZERO) {
        uint64_t at = j->d.map == 0 && (j->d.opcode & 0xfc) == 0xa0 ? i->imm : (uint64_t)(int64_t)i->disp;

        emit_mov_imm(t->e, dst, i->addrsize == 8 && wide ? at : (uint32_t)at);
        return;
    }
    if (gb != R_ZERO) {
        m.base = (uint8_t)addr_reg(t, gb, S0);
    }
    if (gi != R_ZERO) {
        m.index = (uint8_t)addr_reg(t, gi, S1);
    }
    wide &= i->addrsize == 8;
    if (m.index == H_NONE && !m.disp && m.base != H_NONE) {
        if (m.base != dst || !wide) {
            emit_rr(t->e, 0x8b, dst, m.base, wide);
        }
        return;
    }
    emit_rm(t->e, 0x8d, dst, m, wide);
}

JitSlot *jit_slot(JitTr *t, JitInsn *j)
{
    JitSlot *s = jit_cache_alloc(t->chunk, sizeof(JitSlot));

    *s = (JitSlot){ .block = t->b, .off = j->i.off, .vec_retry = t->vec };
    memcpy(s->bytes, j->i.bytes, sizeof(s->bytes));
    g_assert(t->slot_count < G_N_ELEMENTS(t->slots));
    t->slots[t->slot_count++] = s;
    return s;
}

void jit_cold_jump(JitTr *t, const JitSlot *s, const uint8_t *thunk)
{
    emit_mov_imm(t->cold, S1, (uintptr_t)s);
    emit_jmp(t->cold, thunk);
}

/*
 * The page reached last, per base register: most accesses find it there and need no look-up.  Other places: absolute addresses,
 * FS and GS, RIP-relative ones and tables by where they are; and pairs, of the last even page and the last odd one, for SITE_PAIR.
 */
enum { PAGE_SEG = 16, PAGE_RIP = 17, PAGE_RIPS = 4, PAGE_ABS = 21, PAGE_ABSES = 3, PAGE_PAIR = 24, PAGE_PAIRS = 2 };
G_STATIC_ASSERT(PAGE_PAIR + 2 * PAGE_PAIRS == JIT_PAGES);

static unsigned page_place(const JitInsn *j)
{
    unsigned base = j->i.base >> 3, page = (unsigned)(j->i.disp >> 12);

    if (j->i.seg >= SEG_FS) {
        return PAGE_SEG;
    }
    return base < 16 ? base : base == R_RIP ? PAGE_RIP + page % PAGE_RIPS : PAGE_ABS + page % PAGE_ABSES;
}

static HostMem page_tag(unsigned place, bool write)
{
    return host_mem(CPU, (int32_t)(offsetof(X86Cpu, jit_pages.tag) + (write * JIT_PAGES + place) * 8));
}

static HostMem page_addend(unsigned place, bool write)
{
    return host_mem(CPU, (int32_t)(offsetof(X86Cpu, jit_pages.addend) + (write * JIT_PAGES + place) * 8));
}

uint64_t jit_secret(void)
{
    uint64_t secret = 0;

    if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret)) {
        secret = (uint64_t)g_get_monotonic_time() * 0x9e3779b97f4a7c15u;
    }
    return secret;
}

/*
 * The tag of an empty place is an address that is in no page of any guest: not canonical, and nobody but we knows which.  So "address -
 * tag is at most 4096 - size" is the whole test, without one for empty places.  Should a guest guess it, it finds @no_page there
 * instead of #GP.
 */
void jit_pages_init(JitCpu *j)
{
    X86Cpu *cpu = j->cpu;
    uint64_t secret = (jit_secret() & 0x00fffffffffff000u) | 0x4a00000000000000u;

    j->no_page = g_malloc0(0x1000);
    for (unsigned k = 0; k < 2 * JIT_PAGES; k++) {
        cpu->jit_pages.tag[k / JIT_PAGES][k % JIT_PAGES] = secret;
        cpu->jit_pages.addend[k / JIT_PAGES][k % JIT_PAGES] = (uintptr_t)j->no_page - secret;
    }
    j->no_pages = g_memdup2(&cpu->jit_pages, sizeof(cpu->jit_pages));
}

static HostMem below(HostMem m) /* in something called: the return address is below X86Cpu */
{
    m.disp += 8;
    return m;
}

/* The TLB's entry for the address in S0 to S1, and its tag compared with the page in S2.  @off: how far below X86Cpu the stack is. */
static void tlb_compare(Emit *e, bool write, int32_t off)
{
    HostMem mask = JIT_FIELD(tlb_mask), tlb = JIT_FIELD(tlb);

    mask.disp += off;
    tlb.disp += off;
    emit_rr(e, 0x8b, S1, S0, true);
    emit_shift(e, 5, S1, 12 - TLB_ENTRY_SHIFT, true);
    emit_rm(e, 0x23, S1, mask, true);
    emit_rm(e, 0x03, S1, tlb, true);
    emit_rm(e, 0x3b, S2, host_mem(S1, write ? (int32_t)offsetof(TlbEntry, write) : (int32_t)offsetof(TlbEntry, read)), true);
}

/*
 * Called from out-of-line code when the page is not the one last reached: S0 is the linear address, S2 the page of its last byte.  Looks it
 * up in the TLB, notes it and returns with ZF set and the addend in S1; ZF clear: not there, or to be looked at by sites.c.
 */
const uint8_t *jit_page_thunk(Emit *e, unsigned place, bool write)
{
    const uint8_t *at = emit_rx(e);
    HostOp count = { .opcode = 0x83, .reg = 5, .is_mem = true, .mem = below(JIT_FIELD(jit_misses)), .imm_len = 1, .imm = { 1 } };

    emit_op(e, &count);
    uint8_t *sample = emit_jcc_later(e, CC_S);

    tlb_compare(e, write, 8);
    uint8_t *miss = emit_jcc_later(e, CC_NE);

    emit_rm(e, 0x8b, S1, host_mem(S1, (int32_t)offsetof(TlbEntry, addend)), true);
    emit_rm(e, 0x89, S2, below(page_tag(place, write)), true);
    emit_rm(e, 0x89, S1, below(page_addend(place, write)), true);
    emit_patch(miss, e->to_rx, emit_rx(e));
    emit_patch(sample, e->to_rx, emit_rx(e));
    EMIT(e, 0xc3);
    return at;
}

/* The address itself, to @reg. */
static void address_to(Emit *e, unsigned reg, HostMem at)
{
    if (at.disp) {
        emit_rm(e, 0x8d, reg, at, true);
    } else if (at.base != reg) {
        emit_rr(e, 0x8b, reg, at.base, true);
    }
}

/* The page of the last byte, of the address in S0, to S2. */
static void page_to(Emit *e, unsigned size)
{
    emit_rm(e, 0x8d, S2, host_mem(S0, (int32_t)size - 1), true);
    emit_ri(e, 4, S2, -4096, true);
}

/* These leave the addend in S1, and go to out-of-line code that follows when it is not to be had. */
static void look_up_tlb(JitTr *t, HostMem at, unsigned size, unsigned place, bool write)
{
    Emit *e = t->e;

    address_to(e, S0, at);
    page_to(e, size);
    tlb_compare(e, write, 0);
    emit_jcc(e, CC_NE, emit_rx(t->cold));
    emit_rm(e, 0x8b, S1, host_mem(S1, (int32_t)offsetof(TlbEntry, addend)), true);
    if (at.base != S0) { /* a field of something: others of it, by the same register, may look for the page last reached */
        emit_rm(e, 0x89, S2, page_tag(place, write), true);
        emit_rm(e, 0x89, S1, page_addend(place, write), true);
    }
    jit_kept_reload(t, e);
}

/*
 * Two pages are remembered, and which one it is is no branch.  An aligned operand crosses no page; all others go out of line.  The address
 * is in S0, @size is a power of two.
 */
static void look_up_pair(JitTr *t, unsigned size, unsigned place, bool write)
{
    Emit *e = t->e, *c = t->cold;
    HostOp odd = { .opcode = 0xf7, .rm = S0, .imm_len = 4, .imm = { 0, 0x10 } };
    HostOp outside = { .opcode = 0xf7, .w = true, .rm = S2, .imm_len = 4 };
    HostOp if_odd = { .map = 1, .opcode = 0x45, .w = true, .is_mem = true };

    st_le32(outside.imm, ~0xfffu | (size - 1));
    emit_rm(e, 0x8b, S1, page_addend(place, write), true);
    emit_rm(e, 0x8b, S2, page_tag(place, write), true);
    emit_op(e, &odd);
    if_odd.reg = S1;
    if_odd.mem = page_addend(place + 1, write);
    emit_op(e, &if_odd);
    if_odd.reg = S2;
    if_odd.mem = page_tag(place + 1, write);
    emit_op(e, &if_odd);
    emit_rr(e, 0x33, S2, S0, true);
    emit_op(e, &outside);
    emit_jcc(e, CC_NE, emit_rx(c));
    jit_kept_reload(t, e);

    page_to(c, size);
    emit_op(c, &odd);
    uint8_t *is_odd = emit_jcc_later(c, CC_NE);

    emit_call(c, t->jit->page_thunks[place][write]);
    uint8_t *both = emit_jmp_later(c);

    emit_patch(is_odd, c->to_rx, emit_rx(c));
    emit_call(c, t->jit->page_thunks[place + 1][write]);
    emit_patch(both, c->to_rx, emit_rx(c));
    jit_kept_reload(t, c);
    emit_jcc(c, CC_E, emit_rx(e));
}

static void look_up_page(JitTr *t, HostMem at, unsigned size, unsigned place, bool write)
{
    Emit *e = t->e, *c = t->cold;

    address_to(e, S1, at);
    emit_rm(e, 0x2b, S1, page_tag(place, write), true);
    emit_ri(e, 7, S1, 4096 - (int32_t)size, true);
    emit_jcc(e, CC_A, emit_rx(c));
    emit_rm(e, 0x8b, S1, page_addend(place, write), true);
    address_to(c, S0, at);
    page_to(c, size);
    emit_call(c, t->jit->page_thunks[place][write]);
    jit_kept_reload(t, c);
    emit_jcc(c, CC_E, emit_rx(e));
}

/*
 * Leaves the addend of @size bytes at @at (a register and a displacement) in S1: of the page last reached, or from the TLB, out of line.
 * When it is not there, S0 is the address and out-of-line code that the caller emits next runs.
 */
static void look_up(JitTr *t, const JitInsn *j, HostMem at, unsigned size, unsigned place, bool write)
{
    const uint8_t *insn = t->page + j->i.off;
    JitSiteWay way = jit_site_way(t->jit, insn);

    t->s1 = -1;
    if (way == SITE_PAGE) {
        look_up_page(t, at, size, place, write);
    } else if (way == SITE_PAIR && at.base == S0 && !(size & (size - 1))) { /* tables; fields of something are in many pages */
        look_up_pair(t, size, PAGE_PAIR + 2 * ((uintptr_t)insn % PAGE_PAIRS), write);
    } else {
        look_up_tlb(t, at, size, place, write);
    }
}

/* For an access that begins again at the instruction's begin. */
static JitSlot *mem_slot(JitTr *t, JitInsn *j, unsigned size, MemAccess acc)
{
    JitSlot *s = jit_slot(t, j);

    s->size = (uint8_t)size;
    s->acc = (uint8_t)acc;
    s->retry = jit_kept_landing(t, t->retry);
    return s;
}

/* One access at the address @at: a register and a displacement. */
static HostMem mem_single(JitTr *t, JitInsn *j, HostMem at, unsigned place, unsigned size, MemAccess acc)
{
    JitSlot *s = mem_slot(t, j, size, acc);

    look_up(t, j, at, size, place, acc == ACC_WRITE);
    jit_cold_jump(t, s, t->jit->mem_slow);
    return (HostMem){ S1, at.base, 0, at.disp };
}

static void mem_begin(JitTr *t, JitInsn *j)
{
    if (!t->retry) {
        jit_flags_before_clobber(t, j);
        t->retry = emit_rx(t->e);
    }
}

static HostMem group_addend(unsigned n)
{
    return host_mem(CPU, (int32_t)(offsetof(X86Cpu, jit_group) + n * 8));
}

/*
 * A member of a group at host register @base + @disp: the first one looks up the whole range (or goes over to the plain block of its
 * instruction), the others take the addend from memory.  @off: of the address, as the group counts.
 */
static HostMem mem_grouped(JitTr *t, JitInsn *j, unsigned n, unsigned gbase, int32_t disp, unsigned size, MemAccess acc)
{
    int32_t off = j->group_off[t->access - 1];
    unsigned base = jit_reg_host(gbase);
    JitGroup *g = &t->groups[n];

    if (g->checked && t->s1 != (int)n) {
        emit_rm(t->e, 0x8b, S1, group_addend(n), true);
    } else if (!g->checked) {
        mem_begin(t, j);
        JitSlot *s = mem_slot(t, j, size, acc);

        s->group_write = g->write;
        s->group_size = (uint16_t)(g->hi - g->lo);
        s->group_before = (uint16_t)(off - g->lo);
        look_up(t, j, host_mem(base, disp - off + g->lo), s->group_size, gbase, g->write);
        jit_exit_plain(t, j, s);
        emit_rm(t->e, 0x89, S1, group_addend(n), true);
        g->checked = true;
    }
    t->s1 = t->keeps ? (int8_t)n : -1;
    return (HostMem){ S1, (uint8_t)base, 0, disp };
}

/* The group of the next access of @j; -1: none. */
static int mem_group(JitTr *t, const JitInsn *j)
{
    unsigned n = t->access++;

    return n > 1 ? -1 : j->group[n];
}

HostMem jit_mem(JitTr *t, JitInsn *j, unsigned size, MemAccess acc)
{
    int n = mem_group(t, j);
    unsigned base = j->i.base >> 3;

    if (n >= 0) {
        return mem_grouped(t, j, (unsigned)n, base, j->i.disp, size, acc);
    }
    mem_begin(t, j);
    unsigned h = base == t->kept ? (unsigned)S2 : base < 16 ? jit_reg_host(base) : H_NONE;

    if (jit_code64(t) && h != H_NONE && j->i.index == R_ZERO * 8 && j->i.addrsize == 8 && j->i.seg < SEG_FS) {
        return mem_single(t, j, host_mem(h, j->i.disp), page_place(j), size, acc);
    }
    jit_lea(t, j, S0, jit_code64(t));
    if (jit_code64(t) && j->i.seg >= SEG_FS) {
        emit_rm(t->e, 0x03, S0, host_mem(CPU, (int32_t)(offsetof(X86Cpu, lin_base) + j->i.seg * 8)), true);
    }
    return mem_single(t, j, host_mem(S0, 0), page_place(j), size, acc);
}

static HostMem mem_based(JitTr *t, JitInsn *j, unsigned g, int delta, unsigned size, MemAccess acc)
{
    unsigned base = jit_reg_host(g);
    int n = mem_group(t, j);

    if (n >= 0) {
        return mem_grouped(t, j, (unsigned)n, g, delta, size, acc);
    }
    mem_begin(t, j);
    if (jit_code64(t)) {
        return mem_single(t, j, host_mem(base, delta), g, size, acc);
    }
    emit_rm(t->e, 0x8d, S0, host_mem(base, delta), false);
    return mem_single(t, j, host_mem(S0, 0), g, size, acc);
}

HostMem jit_mem_stack(JitTr *t, JitInsn *j, int delta, unsigned size, MemAccess acc)
{
    return mem_based(t, j, R_RSP, delta, size, acc);
}

HostMem jit_mem_at(JitTr *t, JitInsn *j, unsigned g, unsigned size, MemAccess acc)
{
    return mem_based(t, j, g, 0, size, acc);
}

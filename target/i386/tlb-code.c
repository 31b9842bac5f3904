/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Until when a translator may remember which code is behind a linear address: see tlb-int.h.  What must be forgotten when is what the TLB
 * must flush (SDM vol. 3, 4.10.4), but most flushes are of data: filters know which pages code was ever fetched from.  vCPU thread.
 */
#include "util/osdep.h"
#include "target/i386/tlb-int.h"

static void set_bit(uint64_t *bits, unsigned n, unsigned size)
{
    bits[n % size / 64] |= (uint64_t)1 << n % 64;
}

static bool bit_is_set(const uint64_t *bits, unsigned n, unsigned size)
{
    return bits[n % size / 64] >> n % 64 & 1;
}

static void filter_add(TlbCode *c, const TlbPhys *p)
{
    c->any = true;
    set_bit(c->page, (unsigned)(p->lin >> 12), TLB_CODE_PAGES);
    if (p->shift > 22) {
        memset(c->large, 0xff, sizeof(c->large));
    } else if (p->shift > 12) {
        set_bit(c->large, (unsigned)(p->lin >> 22), TLB_CODE_LARGE);
    }
}

static bool filter_hit(const TlbCode *c, uint64_t lin)
{
    return bit_is_set(c->page, (unsigned)(lin >> 12), TLB_CODE_PAGES) || bit_is_set(c->large, (unsigned)(lin >> 22), TLB_CODE_LARGE);
}

static void filter_clear(TlbCode *c)
{
    if (c->any) {
        memset(c, 0, sizeof(*c));
    }
}

static void space_renew(TlbSet *set, TlbSpace *s)
{
    s->code_id[0] = ++set->code_ids;
    s->code_id[1] = ++set->code_ids;
}

void tlb_code_renew_set(TlbSet *set)
{
    set->code_id = ++set->code_ids;
    for (unsigned k = 0; k < TLB_SPACES; k++) {
        space_renew(set, &set->space[k]);
    }
}

void tlb_code_put(TlbSet *set, unsigned way, const TlbPhys *p)
{
    bool user = way == TLB_USER || way == TLB_USER_AC;

    if (p->perm & TLBP_GLOBAL) {
        filter_add(&set->code, p);
        return;
    }
    filter_add(&set->now->code, p);
    if (!user && !set->now->code_system) {
        set->now->code_system = true;
        set->now->code_id[0] = ++set->code_ids;
    }
}

void tlb_code_drop_page(TlbSet *set, TlbSpace *s, uint64_t lin, unsigned kinds)
{
    if ((kinds & 1u << TLB_GLOBAL) && filter_hit(&set->code, lin)) {
        tlb_code_renew_set(set);
    } else if ((kinds & 1u << TLB_LOCAL) && filter_hit(&s->code, lin)) {
        space_renew(set, s);
    }
}

void tlb_code_flush(TlbSet *set, TlbSpace *s, bool globals)
{
    filter_clear(&s->code);
    s->code_system = false;
    if (globals) {
        filter_clear(&set->code);
        tlb_code_renew_set(set);
    } else {
        space_renew(set, s);
    }
}

uint64_t tlb_code_id(const X86Cpu *cpu)
{
    const TlbSet *set = cpu->tlb_set;
    bool user = cpu->cpl == 3;

    return user || set->now->code_system ? set->now->code_id[user] : set->code_id;
}

void tlb_code_renew(X86Cpu *cpu)
{
    tlb_code_renew_set(cpu->tlb_set);
}

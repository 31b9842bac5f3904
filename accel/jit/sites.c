/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses that seldom find the page that was last reached through their base register (a table that straddles a page, a window that is
 * searched): they remember two pages, and when that does not help either look into the TLB at once.  Each costs more than the way
 * before it, and less than to miss there.
 *
 * Who they are is found by samples: the thunks of such misses (mem.c) count down, and each SITE_PERIODth one comes here by the slow path.
 * When those before it were so many in so short a time, its instruction is a suspect; after some times its block is made anew.
 */
#include "util/osdep.h"
#include "accel/jit/translate.h"

#define SITE_PERIOD 512
#define SITE_FAST_US 10 /* a period that lasts no longer: a miss in 20 ns; rarer ones cost less than the TLB at each access */
#define SITE_SAMPLES 4

static JitSite *site_at(JitCpu *j, const uint8_t *insn)
{
    uintptr_t h = (uintptr_t)insn;

    return &j->sites[(h ^ h >> 12) % G_N_ELEMENTS(j->sites)];
}

JitSiteWay jit_site_way(JitCpu *j, const uint8_t *insn)
{
    const JitSite *s = site_at(j, insn);

    return s->insn == insn ? s->way : SITE_PAGE;
}

void jit_sites_init(JitCpu *j)
{
    j->cpu->jit_misses = SITE_PERIOD;
}

void jit_site_sample(JitCpu *j, const JitSlot *slot)
{
    const JitBlock *b = slot->block;
    const uint8_t *insn = b->host - ((uintptr_t)b->host & 0xfff) + slot->off;
    JitSite *s = site_at(j, insn);
    int64_t now = g_get_monotonic_time();
    bool fast = now - j->sampled_at <= SITE_FAST_US;

    j->sampled_at = now;
    j->cpu->jit_misses = SITE_PERIOD;
    if (!fast || b->dead) {
        return;
    }
    if (s->insn != insn) {
        *s = (JitSite){ .insn = insn };
    }
    if (s->way < SITE_TLB && ++s->samples == SITE_SAMPLES) {
        s->way++;
        s->samples = 0;
        j->stats.sites++;
        jit_cache_drop(j, slot->block);
    }
}

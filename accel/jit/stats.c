/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -d jit-stats: what the translator did, printed when its vCPU ends.  vCPU thread, then main thread. */
#include "util/osdep.h"
#include "accel/jit/jit.h"
#include "util/log.h"

#define TOP 40

typedef struct Count {
    const char *name;
    uint64_t n;
} Count;

void jit_stats_call(JitCpu *j, const char *mnemonic)
{
    if (!j->called) {
        j->called = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    }
    uint64_t *n = g_hash_table_lookup(j->called, mnemonic);

    if (!n) {
        n = g_new0(uint64_t, 1);
        g_hash_table_insert(j->called, (gpointer)mnemonic, n);
    }
    ++*n;
}

int64_t jit_stats_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static gint by_count(gconstpointer a, gconstpointer b)
{
    const Count *x = a, *y = b;

    return x->n < y->n ? 1 : x->n > y->n ? -1 : 0;
}

static void print_called(JitCpu *j, GString *s)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(Count));
    GHashTableIter it;
    gpointer name, n;

    g_hash_table_iter_init(&it, j->called);
    while (g_hash_table_iter_next(&it, &name, &n)) {
        Count c = { name, *(uint64_t *)n };

        g_array_append_val(list, c);
    }
    g_array_sort(list, by_count);
    g_string_append(s, "  instructions by C:");
    for (unsigned k = 0; k < MIN(list->len, TOP); k++) {
        const Count *c = &g_array_index(list, Count, k);

        g_string_append_printf(s, " %s %" PRIu64, c->name ? c->name : "(undefined)", c->n);
    }
    g_string_append(s, "\n");
    g_array_free(list, TRUE);
}

void jit_stats_print(JitCpu *j)
{
    const JitStats *t = &j->stats;
    GString *s = g_string_new(NULL);

    g_string_append_printf(s, "jit: vCPU %u: %" PRIu64 " blocks of %.1f instructions of %.1f bytes; %.1f %% of them call C\n",
                           j->cpu->vcpu.index, t->blocks, (double)t->insns / (double)MAX(t->blocks, 1),
                           (double)t->code_bytes / (double)MAX(t->insns, 1), 100.0 * (double)t->insns_c / (double)MAX(t->insns, 1));
    g_string_append_printf(s, "  translating: %.1f ms, %.0f ns an instruction\n", (double)t->translating / 1e6,
                           (double)t->translating / (double)MAX(t->insns, 1));
    g_string_append_printf(s, "  executed: %" PRIu64 " instructions (blocks counted whole), C calls %" PRIu64 " (%.2f %%), interpreted %"
                           PRIu64 "\n", j->cpu->jit_insns, t->calls_c,
                           100.0 * (double)t->calls_c / (double)MAX(j->cpu->jit_insns, 1), t->interp);
    g_string_append_printf(s, "  memory: TLB misses %" PRIu64 ", by C: page crossings %" PRIu64 ", I/O and watched pages %" PRIu64 "\n",
                           t->misses, t->crossings, t->mem_c);
    g_string_append_printf(s, "  ways out: links made %" PRIu64 ", table misses %" PRIu64 ", entries from the run loop %" PRIu64 "\n",
                           t->links, t->dispatches, t->entered);
    g_string_append_printf(s, "  links undone: written or replaced %" PRIu64 ", evicted %" PRIu64 "\n", t->unlinks - t->unlinks_evicted,
                           t->unlinks_evicted);
    g_string_append_printf(s, "  ways to blocks without groups made: %" PRIu64 "\n", t->plain);
    g_string_append_printf(s, "  blocks dropped: written %" PRIu64 ", evicted %" PRIu64 "; chunks evicted %" PRIu64 "\n", t->invalidated,
                           t->evicted, t->evictions);
    g_string_append_printf(s, "  accesses that do without the page last reached: %" PRIu64 "\n", t->sites);
    if (j->verify) {
        g_string_append_printf(s, "  blocks run and found as the interpreter's: %" PRIu64 "\n", t->verified);
    }
    if (j->called) {
        print_called(j, s);
    }
    log_printf(LOG_JIT_STATS, "%s", s->str);
    g_string_free(s, TRUE);
}

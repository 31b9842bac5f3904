/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -numa node,...  -numa dist,...  -numa cpu,...: see numa.h.  The keys are qemu-kvm's. */
#include "util/osdep.h"
#include "system/numa.h"
#include "system/membackend.h"

enum { NUMA_LOCAL = 10, NUMA_REMOTE = 20, NUMA_UNREACHABLE = 255 };
#define NUMA_GRAIN (8 * MiB) /* equal shares are multiples of this */

void numa_init(NumaConfig *n)
{
    memset(n, 0, sizeof(*n));
    for (unsigned i = 0; i < NUMA_CPUS_MAX; i++) {
        n->cpu_node[i] = -1;
    }
}

void numa_free(NumaConfig *n)
{
    for (unsigned i = 0; i < NUMA_NODES_MAX; i++) {
        g_free(n->node[i].memdev);
        n->node[i].memdev = NULL;
    }
}

static bool numa_put_cpu(NumaConfig *n, uint64_t cpu, unsigned node, Error **errp)
{
    if (n->cpu_node[cpu] >= 0 && n->cpu_node[cpu] != (int)node) {
        error_set(errp, "CPU %" PRIu64 " is in node %d already, and cannot be in node %u too", cpu, n->cpu_node[cpu], node);
        return false;
    }
    n->cpu_node[cpu] = (int16_t)node;
    return true;
}

/* "0-3" or "5"; more than one by repeating the key is not possible here: ':' or ';' between them is. */
static bool numa_parse_cpus(NumaConfig *n, const char *text, unsigned node, Error **errp)
{
    char **parts = g_strsplit_set(text, ":;", -1);
    bool ok = true;
    for (unsigned i = 0; parts[i] && ok; i++) {
        char **range = g_strsplit(parts[i], "-", 2);
        uint64_t first = 0, last;
        ok = range[0] && parse_uint("cpus", range[0], 0, NUMA_CPUS_MAX - 1, &first, errp);
        last = first;
        ok = ok && (!range[1] || parse_uint("cpus", range[1], first, NUMA_CPUS_MAX - 1, &last, errp));
        for (uint64_t cpu = first; ok && cpu <= last; cpu++) {
            ok = numa_put_cpu(n, cpu, node, errp);
        }
        g_strfreev(range);
    }
    g_strfreev(parts);
    return ok;
}

static bool numa_parse_node(NumaConfig *n, KeyVal *kv, Error **errp)
{
    static const char *const known[] = { "type", "nodeid", "cpus", "mem", "memdev", "initiator", NULL };
    uint64_t id = n->count, initiator = 0, bytes = 0;
    const char *mem = keyval_get(kv, "mem"), *memdev = keyval_get(kv, "memdev"), *cpus = keyval_get(kv, "cpus");
    if (!keyval_get_uint(kv, "nodeid", 0, NUMA_NODES_MAX - 1, &id, errp) ||
        !keyval_get_uint(kv, "initiator", 0, NUMA_NODES_MAX - 1, &initiator, errp) || !keyval_finish(kv, "-numa node", known, errp) ||
        (mem && !parse_size("mem", mem, MiB, &bytes, errp))) {
        return false;
    }
    if (n->count == NUMA_NODES_MAX || n->node[id].present) {
        error_set(errp, n->count == NUMA_NODES_MAX ? "there can be %d nodes" : "node %d is there already",
                  n->count == NUMA_NODES_MAX ? NUMA_NODES_MAX : (int)id);
        return false;
    }
    if (mem && memdev) {
        error_set(errp, "node %" PRIu64 " has mem= and memdev=; one of them is enough", id);
        return false;
    }
    NumaNode *node = &n->node[id];
    node->present = true;
    node->size = bytes;
    node->size_given = mem != NULL;
    node->memdev = g_strdup(memdev);
    n->has_memdevs |= memdev != NULL;
    n->count++;
    return !cpus || numa_parse_cpus(n, cpus, (unsigned)id, errp);
}

static bool numa_parse_dist(NumaConfig *n, KeyVal *kv, Error **errp)
{
    static const char *const known[] = { "type", "src", "dst", "val", NULL };
    uint64_t src = 0, dst = 0, val = 0;
    if (!keyval_get_uint(kv, "src", 0, NUMA_NODES_MAX - 1, &src, errp) ||
        !keyval_get_uint(kv, "dst", 0, NUMA_NODES_MAX - 1, &dst, errp) || !keyval_get_uint(kv, "val", NUMA_LOCAL, 255, &val, errp) ||
        !keyval_finish(kv, "-numa dist", known, errp)) {
        return false;
    }
    if (!val || (src == dst) != (val == NUMA_LOCAL)) {
        error_set(errp, "a distance is 10 to the node itself and 11 to 255 (not reachable) to others; this is %" PRIu64 " from %" PRIu64
                  " to %" PRIu64, val, src, dst);
        return false;
    }
    n->distance[src][dst] = (uint8_t)val;
    n->has_distances = true;
    return true;
}

/* -numa cpu,node-id=,socket-id=,...: all vCPUs that have these ids. */
static bool numa_parse_cpu(NumaConfig *n, KeyVal *kv, const CpuTopology *t, Error **errp)
{
    static const char *const known[] = { "type", "node-id", "socket-id", "die-id", "core-id", "thread-id", NULL };
    const unsigned sizes[4] = { t->sockets, t->dies, t->cores, t->threads };
    uint64_t node = 0, want[4];
    for (unsigned i = 0; i < 4; i++) {
        want[i] = UINT64_MAX;
        if (!keyval_get_uint(kv, known[2 + i], 0, MAX(sizes[i], 1) - 1, &want[i], errp)) {
            return false;
        }
    }
    if (!keyval_has(kv, "node-id") || !keyval_get_uint(kv, "node-id", 0, NUMA_NODES_MAX - 1, &node, errp) ||
        !keyval_finish(kv, "-numa cpu", known, errp)) {
        if (!keyval_has(kv, "node-id")) {
            error_set(errp, "node-id= is missing");
        }
        return false;
    }
    for (unsigned cpu = 0; cpu < t->max_cpus && cpu < NUMA_CPUS_MAX; cpu++) {
        unsigned thread = cpu % t->threads, core = cpu / t->threads % t->cores, die = cpu / t->threads / t->cores % t->dies;
        const uint64_t is[4] = { cpu / t->threads / t->cores / t->dies, die, core, thread };
        bool match = true;
        for (unsigned i = 0; i < 4; i++) {
            match = match && (want[i] == UINT64_MAX || want[i] == is[i]);
        }
        if (match && !numa_put_cpu(n, cpu, (unsigned)node, errp)) {
            return false;
        }
    }
    return true;
}

bool numa_parse(NumaConfig *n, const char *text, const CpuTopology *topo, Error **errp)
{
    KeyVal *kv = keyval_parse(text, "type", errp);
    const char *type = kv ? keyval_get(kv, "type") : NULL;
    bool ok = false;
    if (type && !strcmp(type, "node")) {
        ok = numa_parse_node(n, kv, errp);
    } else if (type && !strcmp(type, "dist")) {
        ok = numa_parse_dist(n, kv, errp);
    } else if (type && !strcmp(type, "cpu")) {
        ok = numa_parse_cpu(n, kv, topo, errp);
    } else if (kv) {
        error_set(errp, "'%s' must be node, dist or cpu", type ? type : "");
        error_add_hint(errp, "-numa node,nodeid=0,cpus=0-1,mem=512M");
    }
    keyval_free(kv);
    return ok;
}

/* ---- the whole ---- */

static bool numa_complete_memory(NumaConfig *n, uint64_t ram_size, Error **errp)
{
    uint64_t total = 0;
    unsigned given = 0;
    for (unsigned i = 0; i < n->count; i++) {
        NumaNode *node = &n->node[i];
        const MemBackend *b = node->memdev ? membackend_find(node->memdev) : NULL;
        if (node->memdev && !b) {
            error_set(errp, "node %u: there is no memory back end '%s'", i, node->memdev);
            error_add_hint(errp, "Make it with -object memory-backend-ram,id=%s,size=SIZE.", node->memdev);
            return false;
        }
        node->size = b ? membackend_size(b) : node->size;
        if (n->has_memdevs && !b && node->size) {
            error_set(errp, "node %u has mem= where others have memdev=; all nodes with memory need the same", i);
            return false;
        }
        given += b || node->size_given;
        total += node->size;
    }
    if (!given) { /* equal shares; the last one takes what is left */
        uint64_t share = ram_size / n->count / NUMA_GRAIN * NUMA_GRAIN;
        for (unsigned i = 0; i < n->count; i++) {
            n->node[i].size = i + 1 < n->count ? share : ram_size - share * (n->count - 1);
        }
        total = ram_size;
    }
    if (total != ram_size) {
        error_set(errp, "the nodes have %" PRIu64 " MiB together, but the machine has %" PRIu64, total / MiB, ram_size / MiB);
        error_add_hint(errp, "-m %" PRIu64 "M makes them agree.", total / MiB);
        return false;
    }
    return true;
}

static void numa_complete_cpus(NumaConfig *n, const CpuTopology *topo)
{
    bool any = false;
    for (unsigned cpu = 0; cpu < topo->max_cpus; cpu++) {
        any |= n->cpu_node[cpu] >= 0;
    }
    unsigned per_socket = MAX(topo->dies * topo->cores * topo->threads, 1);
    for (unsigned cpu = 0; cpu < topo->max_cpus; cpu++) {
        if (n->cpu_node[cpu] < 0) { /* whole sockets in turn; where some were placed by hand, the others are in node 0 */
            n->cpu_node[cpu] = (int16_t)(any ? 0 : cpu / per_socket % n->count);
        }
    }
}

static bool numa_complete_distances(NumaConfig *n, Error **errp)
{
    for (unsigned i = 0; i < n->count; i++) {
        for (unsigned j = 0; j < n->count; j++) {
            uint8_t *d = &n->distance[i][j];
            if (!*d && n->has_distances && i != j && n->distance[j][i]) {
                *d = n->distance[j][i]; /* one direction stands for both */
            }
            if (!*d && n->has_distances && i != j) {
                error_set(errp, "the distance from node %u to node %u is missing; give all of them, or none", i, j);
                return false;
            }
            *d = *d ? *d : i == j ? NUMA_LOCAL : NUMA_REMOTE;
        }
    }
    return true;
}

bool numa_complete(NumaConfig *n, const CpuTopology *topo, uint64_t ram_size, Error **errp)
{
    for (unsigned i = 0; i < n->count; i++) {
        if (!n->node[i].present) {
            error_set(errp, "node %u is missing: nodes are numbered 0 to %u", i, n->count - 1);
            return false;
        }
    }
    for (unsigned cpu = 0; cpu < NUMA_CPUS_MAX && n->count; cpu++) {
        if (n->cpu_node[cpu] >= (int)n->count || (n->cpu_node[cpu] >= 0 && cpu >= topo->max_cpus)) {
            error_set(errp, cpu >= topo->max_cpus ? "CPU %u does not exist: -smp has fewer"
                                                  : "CPU %u is in a node that does not exist", cpu);
            return false;
        }
    }
    if (!n->count) {
        return true;
    }
    numa_complete_cpus(n, topo);
    return numa_complete_memory(n, ram_size, errp) && numa_complete_distances(n, errp);
}

void numa_print(const NumaConfig *n, const CpuTopology *topo, GString *out)
{
    g_string_append_printf(out, "%u nodes\n", n->count);
    for (unsigned i = 0; i < n->count; i++) {
        g_string_append_printf(out, "node %u cpus:", i);
        for (unsigned cpu = 0; cpu < topo->cpus; cpu++) {
            if (n->cpu_node[cpu] == (int)i) {
                g_string_append_printf(out, " %u", cpu);
            }
        }
        g_string_append_printf(out, "\nnode %u size: %" PRIu64 " MB\nnode %u plugged: 0 MB\n", i, n->node[i].size / MiB, i);
    }
}

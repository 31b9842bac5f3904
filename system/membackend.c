/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory back ends: see membackend.h.  The keys are qemu-kvm's. */
#include "util/osdep.h"
#include "system/membackend.h"

struct MemBackend {
    char *id, *type, *path;
    MemRegion region;
    RamSource source;
    bool claimed;
};

static GPtrArray *membackends; /* MemBackend * */

bool membackend_is_type(const char *type)
{
    return !strcmp(type, "memory-backend-ram") || !strcmp(type, "memory-backend-file") || !strcmp(type, "memory-backend-memfd");
}

MemBackend *membackend_find(const char *id)
{
    for (unsigned i = 0; membackends && i < membackends->len; i++) {
        MemBackend *b = membackends->pdata[i];
        if (!strcmp(b->id, id)) {
            return b;
        }
    }
    return NULL;
}

uint64_t membackend_size(const MemBackend *b)
{
    return b->region.size;
}

MemRegion *membackend_claim(const char *id, Error **errp)
{
    MemBackend *b = membackend_find(id);
    if (!b) {
        error_set(errp, "there is no memory back end '%s'", id);
        error_add_hint(errp, "Make it with -object memory-backend-ram,id=%s,size=SIZE.", id);
        return NULL;
    }
    if (b->claimed) {
        error_set(errp, "memory back end '%s' is used already", id);
        return NULL;
    }
    b->claimed = true;
    return &b->region;
}

/* "0-1", "0", "0-1:4"? One range or number; several keys or ':' between them add up. */
static bool membackend_nodes(const char *text, uint64_t *nodes, Error **errp)
{
    char **parts = g_strsplit_set(text, ":,", -1);
    bool ok = true;
    for (unsigned i = 0; parts[i] && ok; i++) {
        char **range = g_strsplit(parts[i], "-", 2);
        uint64_t first, last;
        ok = parse_uint("host-nodes", range[0] ? range[0] : "", 0, 63, &first, errp);
        last = first;
        ok = ok && (!range[1] || parse_uint("host-nodes", range[1], first, 63, &last, errp));
        for (uint64_t n = first; ok && n <= last; n++) {
            *nodes |= (uint64_t)1 << n;
        }
        g_strfreev(range);
    }
    g_strfreev(parts);
    return ok;
}

static bool membackend_policy(KeyVal *kv, RamSource *s, Error **errp)
{
    static const char *const names[] = { "default", "preferred", "bind", "interleave", NULL };
    const char *policy = keyval_get(kv, "policy"), *nodes = keyval_get(kv, "host-nodes");
    if (nodes && !membackend_nodes(nodes, &s->host_nodes, errp)) {
        return false;
    }
    unsigned n = 0;
    while (policy && names[n] && strcmp(names[n], policy)) {
        n++;
    }
    if (!names[n]) {
        error_set(errp, "policy=%s must be default, preferred, bind or interleave", policy);
        return false;
    }
    s->policy = (RamPolicy)n;
    if ((s->policy != RAM_POLICY_DEFAULT) != (s->host_nodes != 0)) {
        error_set(errp, "host-nodes= and policy=preferred, bind or interleave need each other");
        return false;
    }
    return true;
}

static bool membackend_keys(MemBackend *b, KeyVal *kv, uint64_t *size, Error **errp)
{
    static const char *const known[] = { "qom-type", "id", "size", "share", "hugetlb", "hugetlbsize", "prealloc", "prealloc-threads",
                                         "merge", "dump", "host-nodes", "policy", "mem-path", "align", "readonly", "discard-data",
                                         "seal", "pmem", "x-use-canonical-path-for-ramblock-id", NULL };
    static const char *const without_effect[] = { "discard-data", "seal", "pmem", "x-use-canonical-path-for-ramblock-id" };
    RamSource *s = &b->source;
    uint64_t threads = 0;
    bool merge = true, dump = true, ignored, ok = true;
    s->share = s->kind == RAM_MEMFD;
    for (unsigned i = 0; i < G_N_ELEMENTS(without_effect) && ok; i++) {
        ok = keyval_get_bool(kv, without_effect[i], &ignored, errp);
    }
    ok = ok && keyval_get_size(kv, "size", size, errp) && keyval_get_bool(kv, "share", &s->share, errp) &&
         keyval_get_bool(kv, "hugetlb", &s->hugetlb, errp) && keyval_get_size(kv, "hugetlbsize", &s->hugetlb_size, errp) &&
         keyval_get_bool(kv, "prealloc", &s->prealloc, errp) && keyval_get_uint(kv, "prealloc-threads", 1, 256, &threads, errp) &&
         keyval_get_bool(kv, "merge", &merge, errp) && keyval_get_bool(kv, "dump", &dump, errp) &&
         keyval_get_size(kv, "align", &s->align, errp) && keyval_get_bool(kv, "readonly", &s->readonly, errp) &&
         membackend_policy(kv, s, errp);
    b->path = g_strdup(keyval_get(kv, "mem-path"));
    s->path = b->path;
    s->no_merge = !merge;
    s->no_dump = !dump;
    s->prealloc_threads = (unsigned)threads;
    return ok && keyval_finish(kv, b->type, known, errp);
}

static bool membackend_check(const MemBackend *b, uint64_t size, Error **errp)
{
    const RamSource *s = &b->source;
    if (!size) {
        error_set(errp, "a memory back end needs size=");
    } else if ((s->kind == RAM_FILE) != (b->path != NULL)) {
        error_set(errp, s->kind == RAM_FILE ? "mem-path= is missing: the file, or a folder for one"
                                            : "mem-path= is for memory-backend-file");
    } else if ((s->align && !is_pow2(s->align)) || (s->hugetlb_size && (!is_pow2(s->hugetlb_size) || !s->hugetlb))) {
        error_set(errp, "align= and hugetlbsize= must be powers of 2, and the latter needs hugetlb=on");
    } else if (s->hugetlb && s->kind == RAM_FILE) {
        error_set(errp, "hugetlb=on is for memory-backend-memfd; a file in a hugetlbfs has huge pages by itself");
    } else {
        return true;
    }
    return false;
}

static void membackend_free(void *p)
{
    MemBackend *b = p;
    mem_destroy(&b->region);
    g_free(b->id);
    g_free(b->type);
    g_free(b->path);
    g_free(b);
}

bool membackend_add(const char *type, KeyVal *kv, Error **errp)
{
    MemBackend *b = g_new0(MemBackend, 1);
    uint64_t size = 0;
    b->type = g_strdup(type);
    b->id = g_strdup(keyval_get(kv, "id"));
    b->source.kind = g_str_has_suffix(type, "-file") ? RAM_FILE : g_str_has_suffix(type, "-memfd") ? RAM_MEMFD : RAM_ANONYMOUS;
    if (!membackend_keys(b, kv, &size, errp) || !membackend_check(b, size, errp) ||
        !mem_init_ram_from(&b->region, b->id, size, &b->source, errp)) {
        membackend_free(b);
        return false;
    }
    if (!membackends) {
        membackends = g_ptr_array_new_with_free_func(membackend_free);
    }
    g_ptr_array_add(membackends, b);
    return true;
}

void membackend_print(GString *out)
{
    static const char *const policies[] = { "default", "preferred", "bind", "interleave" };
    for (unsigned i = 0; membackends && i < membackends->len; i++) {
        const MemBackend *b = membackends->pdata[i];
        g_string_append_printf(out, "memory backend: %s\n  size:  %" PRIu64 "\n  merge: %s\n  dump: %s\n  prealloc: %s\n  share: %s\n"
                               "  policy: %s\n  host nodes: 0x%" PRIx64 "\n\n", b->id, b->region.size,
                               b->source.no_merge ? "false" : "true", b->source.no_dump ? "false" : "true",
                               b->source.prealloc ? "true" : "false", b->source.share ? "true" : "false",
                               policies[b->source.policy], b->source.host_nodes);
    }
}

void membackend_free_all(void)
{
    if (membackends) {
        g_ptr_array_unref(membackends);
        membackends = NULL;
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options about memory: -mem-path, -mem-prealloc, -overcommit, -numa.  Start-up, main thread. */
#include "util/osdep.h"
#include "system/options.h"

bool optmem_path(void *opaque, const char *value, Error **errp)
{
    Options *o = opaque;
    (void)errp;
    g_free(o->mem_path);
    o->mem_path = g_strdup(value);
    o->ram_source.kind = RAM_FILE;
    o->ram_source.path = o->mem_path;
    o->ram_source.share = false;
    return true;
}

bool optmem_prealloc(void *opaque, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)opaque)->ram_source.prealloc = true;
    return true;
}

bool optmem_overcommit(void *opaque, const char *value, Error **errp)
{
    static const char *const known[] = { "mem-lock", "cpu-pm", NULL };
    Options *o = opaque;
    KeyVal *kv = keyval_parse(value, NULL, errp);
    bool ok = kv && keyval_get_bool(kv, "mem-lock", &o->mem_lock, errp) && keyval_get_bool(kv, "cpu-pm", &o->cpu_pm, errp) &&
              keyval_finish(kv, "-overcommit", known, errp);
    keyval_free(kv);
    return ok;
}

/* Kept until -smp is known. */
bool optmem_numa(void *opaque, const char *value, Error **errp)
{
    (void)errp;
    g_ptr_array_add(((Options *)opaque)->numas, g_strdup(value));
    return true;
}

bool optmem_build_numa(Options *o, uint64_t ram_size, Error **errp)
{
    if (!o->numas->len) {
        return true;
    }
    o->numa = g_new(NumaConfig, 1);
    numa_init(o->numa);
    for (unsigned i = 0; i < o->numas->len; i++) {
        if (!numa_parse(o->numa, o->numas->pdata[i], &o->cfg.topo, errp)) {
            error_prepend(errp, "-numa %s: ", (char *)o->numas->pdata[i]);
            return false;
        }
    }
    if (!numa_complete(o->numa, &o->cfg.topo, ram_size, errp)) {
        error_prepend(errp, "-numa: ");
        return false;
    }
    o->cfg.numa = o->numa;
    return true;
}

void optmem_free(Options *o)
{
    if (o->numa) {
        numa_free(o->numa);
        g_free(o->numa);
    }
    g_ptr_array_unref(o->numas);
    g_free(o->mem_path);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine classes, and what every board has: RAM, address spaces, the root bus.  Main thread, under the big lock. */
#include "util/osdep.h"
#include "system/machine.h"
#include "system/membackend.h"
#include "system/numa.h"

enum { MACHINE_IO_SIZE = 65536 };

static const MachineClass **machine_classes;
static unsigned machine_class_count;
static Machine *machine_running;

void machine_class_register(const MachineClass *cls)
{
    machine_classes = g_renew(const MachineClass *, machine_classes, machine_class_count + 1);
    machine_classes[machine_class_count++] = cls;
}

static const MachineClass *machine_class_default(void)
{
    for (unsigned i = 0; i < machine_class_count; i++) {
        if (machine_classes[i]->is_default) {
            return machine_classes[i];
        }
    }
    return NULL;
}

static void machine_class_unknown(const char *name, Error **errp)
{
    const char **names = g_new0(const char *, 2 * machine_class_count + 1);
    unsigned n = 0;
    for (unsigned i = 0; i < machine_class_count; i++) {
        names[n++] = machine_classes[i]->name;
        if (machine_classes[i]->alias) {
            names[n++] = machine_classes[i]->alias;
        }
    }
    const char *nearest = suggest_nearest(name, names);
    error_set(errp, "there is no machine '%s'", name);
    if (nearest) {
        error_add_hint(errp, "Did you mean '%s'?", nearest);
    }
    error_add_hint(errp, "-machine help lists all machines.");
    g_free(names);
}

const MachineClass *machine_class_find(const char *name, Error **errp)
{
    if (!name) {
        const MachineClass *cls = machine_class_default();
        if (!cls) {
            error_set(errp, "no machine is the default one; name it with -machine");
        }
        return cls;
    }
    for (unsigned i = 0; i < machine_class_count; i++) {
        const MachineClass *cls = machine_classes[i];
        if (!strcmp(cls->name, name) || !g_strcmp0(cls->alias, name)) {
            return cls;
        }
    }
    machine_class_unknown(name, errp);
    return NULL;
}

static int machine_class_compare(const void *a, const void *b)
{
    const MachineClass *x = *(const MachineClass *const *)a, *y = *(const MachineClass *const *)b;
    return strcmp(x->name, y->name);
}

void machine_print_help(FILE *f)
{
    fprintf(f, "Supported machines are:\n");
    if (machine_class_count) {
        qsort(machine_classes, machine_class_count, sizeof(*machine_classes), machine_class_compare);
    }
    for (unsigned i = 0; i < machine_class_count; i++) {
        const MachineClass *cls = machine_classes[i];
        if (cls->alias) {
            fprintf(f, "%-20s %s (alias of %s)\n", cls->alias, cls->desc, cls->name);
        }
        fprintf(f, "%-20s %s%s\n", cls->name, cls->desc, cls->is_default ? " (default)" : "");
    }
}

static const BusClass machine_bus_class = { .kind = BUS_SYSTEM, .type = "System" };

static void machine_init_spaces(Machine *m)
{
    mem_init_container(&m->memory, "system", MEM_SIZE_MAX);
    mem_init_container(&m->memory_smm, "memory-smm", MEM_SIZE_MAX);
    mem_init_container(&m->io, "io", MACHINE_IO_SIZE);
    address_space_init(&m->as_mem, &m->memory, "memory");
    address_space_init(&m->as_smm, &m->memory_smm, "memory-smm");
    address_space_init(&m->as_io, &m->io, "I/O");
}

static bool machine_check(const MachineClass *cls, const MachineConfig *cfg, Error **errp)
{
    unsigned cpus = MAX(cfg->topo.max_cpus, cfg->topo.cpus);
    if (cls->max_cpus && cpus > cls->max_cpus) {
        error_set(errp, "machine '%s' takes at most %u CPUs, not %u", cls->name, cls->max_cpus, cpus);
        return false;
    }
    return true;
}

/* RAM out of memory back ends: each by its id, one behind the other. */
static bool machine_add_backend(Machine *m, const char *id, uint64_t at, Error **errp)
{
    MemRegion *r = membackend_claim(id, errp);
    if (r) {
        mem_add(&m->ram, at, r);
        m->low_ram = at == 0 ? r : m->low_ram;
    }
    return r != NULL;
}

static bool machine_ram_from_backends(Machine *m, Error **errp)
{
    const NumaConfig *n = m->cfg.numa;
    uint64_t at = 0;
    mem_init_container(&m->ram, m->cls->default_ram_id ? m->cls->default_ram_id : "ram", m->cfg.ram_size);
    if (m->cfg.memory_backend) {
        const MemBackend *b = membackend_find(m->cfg.memory_backend);
        if (b && membackend_size(b) != m->cfg.ram_size) {
            error_set(errp, "memory back end '%s' has %" PRIu64 " MiB, the machine %" PRIu64, m->cfg.memory_backend,
                      membackend_size(b) / MiB, m->cfg.ram_size / MiB);
            error_add_hint(errp, "-m %" PRIu64 "M makes them agree.", membackend_size(b) / MiB);
            return false;
        }
        return machine_add_backend(m, m->cfg.memory_backend, 0, errp);
    }
    for (unsigned i = 0; i < n->count; i++) {
        if (n->node[i].size && !machine_add_backend(m, n->node[i].memdev, at, errp)) {
            return false;
        }
        at += n->node[i].size;
    }
    if (m->low_ram && m->low_ram->size < MiB) {
        error_set(errp, "the first node with memory has %" PRIu64 " KiB; the first MiB must be in one piece", m->low_ram->size / KiB);
        return false;
    }
    return true;
}

static bool machine_init_ram(Machine *m, Error **errp)
{
    const char *id = m->cls->default_ram_id ? m->cls->default_ram_id : "ram";
    if (m->cfg.memory_backend || (m->cfg.numa && m->cfg.numa->has_memdevs)) {
        return machine_ram_from_backends(m, errp);
    }
    m->low_ram = &m->ram;
    return !m->cfg.ram_size || mem_init_ram_from(&m->ram, id, m->cfg.ram_size, m->cfg.ram_source, errp);
}

Machine *machine_new(const MachineClass *cls, const MachineConfig *cfg, Error **errp)
{
    assert(!machine_running);
    if (!machine_check(cls, cfg, errp)) {
        return NULL;
    }
    Machine *m = g_new0(Machine, 1);
    m->cls = cls;
    m->cfg = *cfg;
    bus_init(&m->root, &machine_bus_class, NULL, "main-system-bus");
    machine_init_spaces(m);
    machine_running = m;
    bool ok = machine_init_ram(m, errp);
    if (ok && cls->init) {
        mem_transaction_begin(); /* one rendering for the whole board */
        ok = cls->init(m, errp);
        mem_transaction_commit();
    }
    if (!ok) {
        machine_free(m);
        return NULL;
    }
    return m;
}

void machine_free(Machine *m)
{
    if (!m) {
        return;
    }
    bus_destroy(&m->root);
    if (m->cls->cleanup && m->board) {
        m->cls->cleanup(m);
    }
    address_space_destroy(&m->as_io);
    address_space_destroy(&m->as_smm);
    address_space_destroy(&m->as_mem);
    mem_destroy(&m->io);
    mem_destroy(&m->memory_smm);
    mem_destroy(&m->memory);
    mem_destroy(&m->ram);
    if (machine_running == m) {
        machine_running = NULL;
    }
    g_free(m);
}

void machine_reset(Machine *m)
{
    bus_reset(&m->root);
    for (unsigned i = 0; i < vcpu_count(); i++) {
        target_ops.vcpu_reset(vcpu_get(i), i == 0);
        vcpu_get(i)->was_reset = true;
    }
}

Machine *machine_current(void)
{
    return machine_running;
}

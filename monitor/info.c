/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's `info` commands and their table.  Main thread, big lock. */
#include "util/osdep.h"
#include "monitor/monitor-int.h"

#include "block/drive.h"
#include "build/config.h"
#include "chardev/char.h"
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/pci/pci.h"
#include "system/membackend.h"
#include "system/numa.h"
#include "system/machine.h"
#include "system/runstate.h"

static bool info_version(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    g_string_append(out, "7.2.0 (Rhea " RHEA_VERSION ")\n");
    return true;
}

static bool info_status(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    RunState s = runstate_get();
    g_string_append_printf(out, "VM status: %s", s == RUN_RUNNING ? "running" : "paused");
    if (s != RUN_RUNNING && s != RUN_PAUSED) {
        g_string_append_printf(out, " (%s)", runstate_name(s));
    }
    g_string_append_c(out, '\n');
    return true;
}

static bool info_name(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    if (machine_current()->cfg.name) {
        g_string_append_printf(out, "%s\n", machine_current()->cfg.name);
    }
    return true;
}

static bool info_uuid(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               machine_current()->cfg.uuid[i]);
    }
    g_string_append_c(out, '\n');
    return true;
}

static bool info_numa(MonCall *call, GString *out, Error **errp)
{
    const Machine *m = machine_current();
    (void)call;
    (void)errp;
    if (m && m->cfg.numa) {
        numa_print(m->cfg.numa, &m->cfg.topo, out);
    } else {
        g_string_append(out, "0 nodes\n");
    }
    return true;
}

static bool info_memdev(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    membackend_print(out);
    if (!out->len) {
        g_string_append(out, "no memory back ends (-object memory-backend-ram,id=...): the machine allocates its RAM itself\n");
    }
    return true;
}

static bool info_cpus(MonCall *call, GString *out, Error **errp)
{
    (void)errp;
    for (unsigned i = 0; i < vcpu_count(); i++) {
        Vcpu *v = vcpu_get(i);
        g_string_append_printf(out, "%c CPU #%u: thread_id=%d\n", i == *call->cpu ? '*' : ' ', i, v->thread_id);
    }
    return true;
}

static void info_print_registers(Vcpu *v, void *opaque)
{
    target_ops.print_registers(v, opaque);
}

static bool info_registers(MonCall *call, GString *out, Error **errp)
{
    if (!mon_flag(call, "a")) {
        int64_t index = mon_int(call, "vcpu", *call->cpu);
        Vcpu *v = index >= 0 && index <= UINT_MAX ? vcpu_get((unsigned)index) : NULL;
        if (!v) {
            error_set(errp, "CPU#%" PRId64 " not available", index);
            return false;
        }
        vcpu_run_on(v, info_print_registers, out);
        return true;
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        g_string_append_printf(out, "\nCPU#%u\n", i);
        vcpu_run_on(vcpu_get(i), info_print_registers, out);
    }
    return true;
}

static void info_print_tlb(Vcpu *v, void *opaque)
{
    target_ops.print_tlb(v, opaque);
}

static void info_print_mem(Vcpu *v, void *opaque)
{
    target_ops.print_mem(v, opaque);
}

static bool info_tlb(MonCall *call, GString *out, Error **errp)
{
    Vcpu *v = mon_cpu(call, errp);
    if (v) {
        vcpu_run_on(v, info_print_tlb, out);
    }
    return v != NULL;
}

static bool info_mem(MonCall *call, GString *out, Error **errp)
{
    Vcpu *v = mon_cpu(call, errp);
    if (v) {
        vcpu_run_on(v, info_print_mem, out);
    }
    return v != NULL;
}

static bool info_block(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    drive_print_info(out);
    return true;
}

static void info_one_chardev(void *opaque, Chardev *c, bool frontend_open)
{
    (void)frontend_open;
    char *what = char_describe(c);
    g_string_append_printf(opaque, "%s: filename=%s\n", char_label(c), what);
    g_free(what);
}

static bool info_chardev(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    char_each(info_one_chardev, out);
    return true;
}

static bool info_qtree(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    device_print_tree(&machine_current()->root, out);
    return true;
}

/* Flat views. */

static const char *info_region_kind(const FlatRangeInfo *r)
{
    switch (r->region->kind) {
    case MEM_RAM: return r->readonly ? "rom" : "ram";
    case MEM_ROM: return "rom";
    case MEM_ROM_DEVICE: return "romd";
    default: return "i/o";
    }
}

static void info_flat_range(void *opaque, const FlatRangeInfo *r)
{
    g_string_append_printf(opaque, "  %016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s", r->addr, r->addr + (r->size - 1),
                           r->region->priority, info_region_kind(r), r->region->name);
    if (r->region_off) {
        g_string_append_printf(opaque, " @%016" PRIx64, r->region_off);
    }
    g_string_append_c(opaque, '\n');
}

static bool info_mtree(MonCall *call, GString *out, Error **errp)
{
    (void)errp;
    Machine *m = machine_current();
    AddressSpace *const spaces[] = { &m->as_mem, &m->as_smm, &m->as_io };
    for (unsigned i = 0; i < G_N_ELEMENTS(spaces); i++) {
        if (!mon_flag(call, "f")) {
            mem_print_tree(spaces[i], out);
            continue;
        }
        g_string_append_printf(out, "FlatView #%u\n AS \"%s\", root: %s\n", i, spaces[i]->name, spaces[i]->root->name);
        address_space_each_range(spaces[i], info_flat_range, out);
        g_string_append_c(out, '\n');
    }
    return true;
}

static void info_rom_range(void *opaque, const FlatRangeInfo *r)
{
    if (r->region->kind == MEM_ROM && r->region_off == 0) {
        g_string_append_printf(opaque, "addr=%016" PRIx64 " size=0x%06" PRIx64 " mem=rom name=\"%s\"\n", r->addr,
                               r->region->size, r->region->name);
    }
}

static bool info_roms(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    address_space_each_range(&machine_current()->as_mem, info_rom_range, out);
    return true;
}

/* Buses and interrupts. */

static bool info_pci(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    Bus *bus = bus_find(&machine_current()->root, BUS_PCI, NULL);
    if (!bus) {
        error_set(errp, "this machine has no PCI bus");
        return false;
    }
    pci_print(container_of(bus, PciBus, bus), out);
    return true;
}

static bool info_one_pic(void *opaque, Device *d, int depth)
{
    static const struct { const char *name; void (*print)(Device *d, GString *out); } table[] = {
        { "ioapic", ioapic_print }, { "isa-pic", i8259_print_device },
    };
    (void)depth;
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        if (!strcmp(d->cls->name, table[i].name)) {
            table[i].print(d, opaque);
        }
    }
    return true;
}

static bool info_pic(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    bus_each_device(&machine_current()->root, info_one_pic, out);
    return true;
}

static bool info_one_irq(void *opaque, Device *d, int depth)
{
    bool pic = !strcmp(d->cls->name, "isa-pic");
    (void)depth;
    if (pic || !strcmp(d->cls->name, "ioapic")) {
        g_string_append_printf(opaque, "IRQ statistics for %s:\n", d->cls->name);
        (pic ? i8259_print_counts : ioapic_print_counts)(d, opaque);
    }
    return true;
}

static bool info_irq(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    bus_each_device(&machine_current()->root, info_one_irq, out);
    return true;
}

static bool info_one_lapic(void *opaque, Device *d, int depth)
{
    (void)depth;
    if (!strcmp(d->cls->name, "apic")) {
        apic_print(d, opaque);
    }
    return true;
}

static bool info_lapic(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    bus_each_device(&machine_current()->root, info_one_lapic, out);
    return true;
}

static bool info_history(MonCall *call, GString *out, Error **errp)
{
    (void)errp;
    for (unsigned i = 0; call->history && i < call->history->len; i++) {
        g_string_append_printf(out, "%u: '%s'\n", i, (char *)call->history->pdata[i]);
    }
    return true;
}

#define NO_ARGS { { NULL, MON_END, false, MON_NOTHING } }

const MonCommand monitor_info_commands[] = {
    { "block", NULL, NO_ARGS, "", "show the drives", info_block },
    { "chardev", NULL, NO_ARGS, "", "show the character devices", info_chardev },
    { "cpus", NULL, NO_ARGS, "", "show the CPUs", info_cpus },
    { "history", NULL, NO_ARGS, "", "show the command line history", info_history },
    { "irq", NULL, NO_ARGS, "", "show interrupt statistics", info_irq },
    { "mem", NULL, NO_ARGS, "", "show the ranges of mapped memory and their protection", info_mem },
    { "mice", NULL, NO_ARGS, "", "show the guest's pointers", screen_info_mice },
    { "mtree", NULL, { { "f", MON_FLAG, true, MON_NOTHING } }, "[-f]",
      "show the memory tree (-f: the flat view of each address space)", info_mtree },
    { "name", NULL, NO_ARGS, "", "show the name of the machine", info_name },
    { "pci", NULL, NO_ARGS, "", "show PCI devices", info_pci },
    { "numa", NULL, NO_ARGS, "", "show the NUMA nodes", info_numa },
    { "memdev", NULL, NO_ARGS, "", "show the memory back ends", info_memdev },
    { "lapic", NULL, NO_ARGS, "", "show the local APICs' state", info_lapic },
    { "pic", NULL, NO_ARGS, "", "show the interrupt controllers' state", info_pic },
    { "qtree", NULL, NO_ARGS, "", "show the device tree", info_qtree },
    { "registers", NULL, { { "a", MON_FLAG, true, MON_NOTHING }, { "vcpu", MON_INT, true, MON_NOTHING } }, "[-a|vcpu]",
      "show CPU registers (-a: of all CPUs)", info_registers },
    { "roms", NULL, NO_ARGS, "", "show the ROMs", info_roms },
    { "status", NULL, NO_ARGS, "", "show the run state", info_status },
    { "tlb", NULL, NO_ARGS, "", "show the mappings of virtual memory", info_tlb },
    { "uuid", NULL, NO_ARGS, "", "show the machine's UUID", info_uuid },
    { "version", NULL, NO_ARGS, "", "show the version", info_version },
    { "vnc", NULL, NO_ARGS, "", "show VNC servers and viewers", screen_info_vnc },
    { .name = NULL },
};

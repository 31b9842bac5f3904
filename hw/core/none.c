/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine `none`: RAM when -m asks for it, a vCPU when -cpu does, and nothing else.  For tools that look around. */
#include "util/osdep.h"
#include "system/machine.h"

static bool none_init(Machine *m, Error **errp)
{
    if (m->cfg.ram_size) {
        mem_add(&m->memory, 0, &m->ram);
    }
    if (!m->cfg.cpu_model) {
        return true;
    }
    return vcpu_create(m->cfg.cpu_model, 0, 0, &m->cfg.topo, &m->as_mem, &m->as_smm, &m->as_io, errp) != NULL;
}

static const MachineClass none_machine = {
    .name = "none",
    .desc = "empty machine",
    .max_cpus = 1,
    .init = none_init,
};
MACHINE_REGISTER(none_machine);

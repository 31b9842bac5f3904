/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMware's port 0x5658 ("backdoor"), through which drivers of that world ask for services.  Board-facing; under the big lock. */
#ifndef HW_MISC_VMPORT_H
#define HW_MISC_VMPORT_H

#include "hw/isa/isa.h"

#define VMPORT_MAGIC 0x564d5868u /* "hXMV": what a caller has in EAX */
enum { VMPORT_COMMANDS = 128 };
enum { VMPORT_EAX, VMPORT_EBX, VMPORT_ECX, VMPORT_EDX, VMPORT_ESI, VMPORT_EDI, VMPORT_REGS };

Device *vmport_create(IsaBus *isa, Error **errp);
/* @fn answers @command (below VMPORT_COMMANDS) in the caller's registers; NULL: nobody does any more. */
typedef void VmportFn(void *opaque, uint32_t regs[VMPORT_REGS]);
void vmport_set_handler(Device *vmport, unsigned command, VmportFn *fn, void *opaque);

#endif

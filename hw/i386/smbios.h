/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMBIOS tables, handed to firmware through fw_cfg.  Start-up, main thread, big lock. */
#ifndef HW_I386_SMBIOS_H
#define HW_I386_SMBIOS_H

#include "hw/i386/pc.h"

/* Builds the tables, those of -smbios included, and adds etc/smbios/smbios-tables and smbios-anchor. */
bool smbios_install(PcBoard *b, Error **errp);

#endif

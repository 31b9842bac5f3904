/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Back ends and extra devices as the command line asked for them.  Start-up, main thread, under the big lock. */
#ifndef SYSTEM_BACKENDS_H
#define SYSTEM_BACKENDS_H

#include "system/options.h"

/* Character devices, monitors and drives; fills the machine's config with those that on-board chips use. */
bool backends_create(Options *o, Error **errp);
bool backends_add_devices(Options *o, Error **errp); /* -device */
bool backends_add_device(const char *text, Error **errp); /* one, also for the monitor */
void backends_destroy(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Displays as the command line asked for them.  Start-up, main thread, under the big lock. */
#ifndef SYSTEM_DISPLAYS_H
#define SYSTEM_DISPLAYS_H

#include "system/options.h"

/* Before the machine exists: keyboard layout. */
bool displays_prepare(Options *o, Error **errp);
/* With the machine: VNC servers, a window, the terminal. */
bool displays_create(Options *o, Error **errp);
void displays_destroy(void);

#endif

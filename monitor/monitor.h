/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitors for start-up.  Main thread, under the big lock. */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "util/error.h"

struct Chardev;

bool monitor_new(struct Chardev *chr, Error **errp); /* a human monitor on @chr */
void monitor_quit(void);    /* as the command `quit` */
void monitor_cleanup(void); /* process exit */

#endif
